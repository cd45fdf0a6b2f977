"""What the checks of roles have in common: cells that must all hold, and who is not there to be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clusterproof.checks import made
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.principals import Who
from clusterproof.profiles.model import Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict, fold

MORE = "there may be more than was read"
MOST = 24
"""Pieces of evidence that are shown."""


def finding(
    context: Context,
    requirement: Requirement,
    tally: Tally,
    summary: str,
    *,
    evidence: Iterable[Ref] = (),
    unknowns: Iterable[Unknown] = (),
    notes: Iterable[str] = (),
    cause: str = "",
) -> Finding:
    """A finding about roles; see :func:`clusterproof.checks.made.finding`."""
    return made.finding(
        context, requirement, tally, summary, evidence=evidence, unknowns=unknowns, notes=notes, cause=cause, most=MOST
    )


def together(outcomes: Iterable[Outcome]) -> Tally:
    """Cells that are there at one time, each of which must hold."""
    return fold([list(outcomes)])


def nobody(context: Context, requirement: Requirement, who: Who) -> Finding:
    """The finding where nobody was found whose rights could be asked about."""
    absent = requirement.absent == "not-applicable" and not who.unknowns
    tally = Tally(Verdict.NOT_APPLICABLE if absent else Verdict.UNKNOWN)
    cause = "" if absent or who.unknowns else who.missing
    return finding(context, requirement, tally, who.missing, unknowns=who.unknowns, notes=who.notes, cause=cause)


def left_out(items: Sequence[object], shown: int) -> str:
    """`` and 3 more``, where more are there than are shown."""
    more = len(items) - shown
    return f" and {more} more" if more > 0 else ""
