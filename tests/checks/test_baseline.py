from __future__ import annotations

import msgspec
import pytest

from clusterproof.checks import waivers
from clusterproof.checks.baseline import apply
from clusterproof.checks.finding import Finding
from clusterproof.errors import InputError
from clusterproof.reach.trace import Outcome
from clusterproof.verdict.algebra import Verdict
from tests.checks.excuses import finding, report, waiver

GPU, CPU = ("gpu", "system"), ("cpu", "system")


def status(then: Finding, now: Finding) -> int:
    """The exit status of a finding over a baseline."""
    return apply(report(now), report(then), "last.json").exit_status


def test_what_failed_already_is_known() -> None:
    """It keeps every word, says that it is known, and does not count."""
    now = finding(cells={GPU: Outcome.BLOCKED})
    after = apply(report(now), report(now), "last.json")
    assert (after.exit_status, after.counts.known, after.baseline) == (0, 1, "last.json")
    assert msgspec.structs.replace(after.findings[0], known=None) == now


@pytest.mark.parametrize("then", [Verdict.PASS, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE])
def test_what_did_not_fail_then_counts(then: Verdict) -> None:
    """Passed, unknown and not applicable then: a failure now is new. So is one of a requirement that was not there."""
    assert status(finding(verdict=then), finding()) == 1
    assert status(finding("other"), finding()) == 1


def test_new_broken_pairs_count_and_are_named() -> None:
    """A further pair, or one that varied and is blocked now, makes a known finding count."""
    then = finding(verdict=Verdict.DEPENDS, cells={GPU: Outcome.VARIES, CPU: Outcome.WORKS})
    for now in ({GPU: Outcome.VARIES, CPU: Outcome.VARIES}, {GPU: Outcome.BLOCKED, CPU: Outcome.WORKS}):
        after = apply(report(finding(verdict=Verdict.DEPENDS, cells=now)), report(then), "x")
        assert after.exit_status == 1
        known = after.findings[0].known
        assert known is not None
        assert known.new == (("cpu to system",) if now[CPU] is Outcome.VARIES else ("gpu to system",))


def test_better_is_known_and_worse_is_not() -> None:
    """Fail that depends now is known; depends that fails now counts, also where no pair tells."""
    fail, depends = finding(), finding(verdict=Verdict.DEPENDS)
    assert (status(fail, depends), status(depends, fail)) == (0, 1)
    assert (
        status(finding(cells={GPU: Outcome.BLOCKED, CPU: Outcome.BLOCKED}), finding(cells={GPU: Outcome.BLOCKED})) == 0
    )


def test_unknown_is_never_known() -> None:
    """What could not be decided then and now is still status 3."""
    unknown = finding(verdict=Verdict.UNKNOWN)
    assert status(unknown, unknown) == 3


def test_waived_then_counts_when_the_waiver_ends() -> None:
    """A baseline that was made under a waiver does not make the failure its own."""
    then = waivers.apply(report(finding()), [waiver()], "2026-08-01")
    now = waivers.apply(report(finding()), [waiver()], "2026-10-01")
    assert apply(now, then, "x").exit_status == 1


def test_expired_waivers_are_never_known() -> None:
    """The list of waivers is looked after on every day."""
    then = waivers.apply(report(finding()), [waiver()], "2026-10-01")
    after = apply(then, then, "x")
    assert not next(item for item in after.findings if item.id == "clusterproof/waiver-expired").known


@pytest.mark.parametrize(
    ("baseline", "says"),
    [
        (report(finding(), profile="q"), "last.json: is a report on profile q, and this is a check of p"),
        (report(finding(), cluster="c2"), "last.json: is a report on cluster c2, and this is c1"),
        (msgspec.structs.replace(report(), schema="clusterproof.report/9"), "of shape clusterproof.report/9"),
    ],
)
def test_baseline_of_something_else_is_an_error(baseline: object, says: str) -> None:
    """Another profile, cluster or shape is one sentence, never an empty baseline."""
    with pytest.raises(InputError) as error:
        apply(report(finding()), baseline, "last.json")  # type: ignore[arg-type]
    assert says in str(error.value)
