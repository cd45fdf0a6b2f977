"""The algebra of verdicts: how the cells of a requirement fold into one word.

The table stands in docs/design.md ("The algebra"). The input is a set of
*outcomes of the world*: each is one thing that may happen (the scheduler chose
these places, the service chose this endpoint), as the set of cells that then
occur together. A free choice makes one outcome per cell; a DaemonSet, a node
set or a forced spread makes one outcome that contains many cells.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from clusterproof.reach.trace import Outcome, combine


class Verdict(enum.StrEnum):
    """What a finding says. The set is closed; a test pins it."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    DEPENDS = "depends"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not-applicable"

    @property
    def failing(self) -> bool:
        """``depends`` and ``fail`` both count as failing."""
        return self in (Verdict.FAIL, Verdict.DEPENDS)


class Tally(msgspec.Struct, frozen=True):
    """How many outcomes of the world are of each kind, and what they fold into.

    Attributes:
        verdict: what they fold into.
        works, blocked, varies, unknown: how many outcomes come to that.
    """

    verdict: Verdict
    works: int = 0
    blocked: int = 0
    varies: int = 0
    unknown: int = 0


def occurrence(cells: Iterable[Outcome]) -> Outcome:
    """What one outcome of the world comes to, when all of these cells occur together.

    One blocked cell breaks it. A cell that varies breaks it sometimes, whatever
    an unknown one beside it turns out to be, so it is reported before unknown.
    Cells in parallel fold as hops in series do.
    """
    return combine(cells)


def fold(occurrences: Iterable[Iterable[Outcome]]) -> Tally:
    """The verdict over everything that may happen.

    Args:
        occurrences: one item per possible outcome of the world: the outcomes of its cells.

    Returns:
        The verdict with the counts. With no occurrence at all the verdict is
        fail: nothing can be scheduled. Whether a set was not *found* is for the
        caller to say (unknown or not-applicable).
    """
    return fold_counted(Counter(frozenset(cells) for cells in occurrences))


def fold_counted(occurrences: Mapping[frozenset[Outcome], int]) -> Tally:
    """The verdict over everything that may happen, where what is alike was counted; see :func:`fold`."""
    counts = dict.fromkeys(Outcome, 0)
    for cells, number in occurrences.items():
        counts[occurrence(cells)] += number
    works, blocked = counts[Outcome.WORKS], counts[Outcome.BLOCKED]
    varies, unknown = counts[Outcome.VARIES], counts[Outcome.UNKNOWN]
    if blocked and not works and not varies and not unknown:
        verdict = Verdict.FAIL
    elif blocked or varies:
        verdict = Verdict.DEPENDS
    elif unknown:
        verdict = Verdict.UNKNOWN
    elif works:
        verdict = Verdict.PASS
    else:
        verdict = Verdict.FAIL
    return Tally(verdict, works, blocked, varies, unknown)


_WORST_FIRST = (Verdict.FAIL, Verdict.DEPENDS, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)


def worst(tallies: Iterable[Tally]) -> Tally:
    """Several things that exist at the same time (two workers, two databases): every one must hold.

    One that always fails makes the whole fail; one that depends makes it depend; and so on. Counts add up.
    With nothing at all the verdict is fail, as in :func:`fold`.
    """
    found = list(tallies)
    verdict = min((tally.verdict for tally in found), key=_WORST_FIRST.index, default=Verdict.FAIL)
    return Tally(
        verdict,
        sum(tally.works for tally in found),
        sum(tally.blocked for tally in found),
        sum(tally.varies for tally in found),
        sum(tally.unknown for tally in found),
    )
