"""The algebra of verdicts against its definition, exhaustively."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import pytest

from clusterproof.reach.trace import Outcome
from clusterproof.verdict.algebra import Tally, Verdict, fold, worst

W, B, V, U = Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN

TABLE = [
    ("every cell works", [[W], [W]], Verdict.PASS),
    ("no cell works", [[B], [B]], Verdict.FAIL),
    ("some work, some do not, by free choice", [[W], [B]], Verdict.DEPENDS),
    ("an address or a source port decides", [[V]], Verdict.DEPENDS),
    ("every outcome contains a blocked cell", [[W, B]], Verdict.FAIL),
    ("every outcome of a free server contains a blocked cell", [[W, B], [B, W]], Verdict.FAIL),
    ("some blocked, the rest unknown, free choice", [[B], [U]], Verdict.DEPENDS),
    ("some blocked, the rest unknown, no choice", [[B, U]], Verdict.FAIL),
    ("none blocked, some unknown", [[W], [U]], Verdict.UNKNOWN),
    ("all unknown", [[U]], Verdict.UNKNOWN),
    ("nothing can be scheduled", [], Verdict.FAIL),
]


@pytest.mark.parametrize(("row", "occurrences", "verdict"), TABLE, ids=[row for row, _, _ in TABLE])
def test_every_row_of_the_table(row: str, occurrences: list[list[Outcome]], verdict: Verdict) -> None:
    """Each row of the table in docs/design.md, as an example."""
    assert fold(occurrences).verdict is verdict, row


def _completions(occurrences: Sequence[Sequence[Outcome]]) -> Iterator[set[Outcome]]:
    """For every way in which the unknown cells may turn out: what the possible outcomes of the world come to."""
    places = [(i, j) for i, cells in enumerate(occurrences) for j, cell in enumerate(cells) if cell is U]
    for choice in itertools.product((W, B), repeat=len(places)):
        known = dict(zip(places, choice, strict=True))
        results: set[Outcome] = set()
        for i, cells in enumerate(occurrences):
            possible = [
                (known[i, j],) if cell is U else (W, B) if cell is V else (cell,) for j, cell in enumerate(cells)
            ]
            for run in itertools.product(*possible):
                results.add(B if B in run else W)
        yield results


def _by_definition(occurrences: Sequence[Sequence[Outcome]]) -> Verdict:
    """The slow twin: decide every completion, then say what all of them have in common."""
    verdicts: set[Verdict] = set()
    for results in _completions(occurrences):
        if results == {W}:
            verdicts.add(Verdict.PASS)
        elif results == {B} or not results:
            verdicts.add(Verdict.FAIL)
        else:
            verdicts.add(Verdict.DEPENDS)
    if len(verdicts) == 1:
        return verdicts.pop()
    return Verdict.UNKNOWN if Verdict.PASS in verdicts else Verdict.DEPENDS


def test_fold_agrees_with_the_definition_on_every_small_input() -> None:
    """All inputs of up to four occurrences of up to three cells, free and forced mixed."""
    cells = [list(c) for size in (1, 2, 3) for c in itertools.combinations_with_replacement(Outcome, size)]
    checked = 0
    for size in range(4):
        for occurrences in itertools.combinations_with_replacement(cells, size):
            assert fold(occurrences).verdict is _by_definition(occurrences), occurrences
            checked += 1
    assert checked > 7000


def test_order_never_matters() -> None:
    """Neither the order of occurrences nor that of cells changes a verdict."""
    for occurrences in itertools.product([[W, B], [U], [V, U]], repeat=3):
        verdicts = {
            fold([list(reversed(cells)) for cells in order]).verdict for order in itertools.permutations(occurrences)
        }
        assert len(verdicts) == 1


def test_unknown_is_never_pass() -> None:
    """Whatever else happens, one unknown cell keeps a verdict from being pass."""
    for others in itertools.product(Outcome, repeat=3):
        assert fold([[U], *([other] for other in others)]).verdict is not Verdict.PASS
        assert fold([[U, *others]]).verdict is not Verdict.PASS


def test_counts_are_of_outcomes_of_the_world() -> None:
    """The tally counts occurrences by what each comes to."""
    assert fold([[W], [B], [W, B], [V], [U]]) == Tally(Verdict.DEPENDS, works=1, blocked=2, varies=1, unknown=1)


def test_worst_of_several_things_that_exist_at_once() -> None:
    """One that always fails fails the whole; counts add up; nothing at all fails."""
    for one, other in itertools.product(Verdict, repeat=2):
        merged = worst([Tally(one, works=1), Tally(other, unknown=2)])
        assert merged.verdict in (one, other)
        assert (merged.works, merged.unknown) == (1, 2)
    assert worst([Tally(Verdict.PASS), Tally(Verdict.UNKNOWN)]).verdict is Verdict.UNKNOWN
    assert worst([Tally(Verdict.DEPENDS), Tally(Verdict.UNKNOWN)]).verdict is Verdict.DEPENDS
    assert worst([Tally(Verdict.DEPENDS), Tally(Verdict.FAIL)]).verdict is Verdict.FAIL
    assert worst([]).verdict is Verdict.FAIL


def test_the_sets_of_verdicts_and_outcomes_are_closed() -> None:
    """Reports and documents know exactly these words."""
    assert [str(verdict) for verdict in Verdict] == ["pass", "fail", "depends", "unknown", "not-applicable"]
    assert [str(outcome) for outcome in Outcome] == ["works", "blocked", "varies", "unknown"]
    assert [verdict for verdict in Verdict if verdict.failing] == [Verdict.FAIL, Verdict.DEPENDS]
