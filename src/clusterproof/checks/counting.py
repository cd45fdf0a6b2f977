"""What findings come to together: how many have each verdict, and what a command exits with."""

from __future__ import annotations

from clusterproof.checks.finding import Counts, Finding
from clusterproof.profiles.model import Level
from clusterproof.verdict.algebra import Verdict


def exit_status(findings: tuple[Finding, ...], fail_on: Level) -> int:
    """0 nothing fails; 1 something at or above ``fail_on`` fails; 3 nothing fails but something there is unknown.

    What a waiver covers or the baseline knows does not fail; what is unknown stays unknown whatever they say.
    """
    order = list(Level)
    counted = [f for f in findings if order.index(f.level) <= order.index(fail_on)]
    if any(f.counted for f in counted):
        return 1
    return 3 if any(f.verdict is Verdict.UNKNOWN for f in counted) else 0


def count(findings: tuple[Finding, ...]) -> Counts:
    """How many findings have each verdict."""
    verdicts = [f.verdict for f in findings]
    return Counts(
        verdicts.count(Verdict.PASS),
        verdicts.count(Verdict.FAIL),
        verdicts.count(Verdict.DEPENDS),
        verdicts.count(Verdict.UNKNOWN),
        verdicts.count(Verdict.NOT_APPLICABLE),
        sum(1 for f in findings if f.verdict.failing and f.waiver is not None),
        sum(1 for f in findings if f.verdict.failing and f.waiver is None and not f.counted),
    )
