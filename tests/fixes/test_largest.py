"""The largest part of some things that holds together."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from clusterproof.fixes.largest import largest


def test_all_in_one_trial() -> None:
    """Where everything holds together, that is asked once."""
    asked: list[list[int]] = []

    def holds(items: Sequence[int]) -> bool:
        asked.append(list(items))
        return True

    assert largest([1, 2], [3], holds) == [1, 2, 3]
    assert asked == [[1, 2, 3]]


def test_of_none() -> None:
    """Nothing holds without being asked."""
    assert largest([], [], lambda _: bool(1 / 0)) == []


def test_one_that_never_holds_is_left_out_in_few_trials() -> None:
    """One of 64 is found by halves."""
    trials = 0

    def holds(items: Sequence[int]) -> bool:
        nonlocal trials
        trials += 1
        return 40 not in items

    assert largest(list(range(64)), [], holds) == [number for number in range(64) if number != 40]
    assert trials <= 16


def test_what_needs_another_is_found_whatever_stands_first() -> None:
    """Of two that hold only beside a third, in either order, all are kept."""
    for order in itertools.permutations("abc"):
        assert largest((), order, lambda items: "c" in items or not {"a", "b"} & set(items)) == list(order)


def test_nothing_can_be_added() -> None:
    """Of generated things that exclude each other in pairs: what is found holds, and no other one fits beside it."""
    draw = random.Random(7)
    for _ in range(300):
        things = list(range(draw.randint(1, 9)))
        bad = {pair for pair in itertools.combinations(things, 2) if draw.random() < 0.3}

        def holds(items: Sequence[int], bad: set[tuple[int, int]] = bad) -> bool:
            return not bad & set(itertools.combinations(sorted(items), 2))

        half = draw.randint(0, len(things))
        kept = largest(things[:half], things[half:], holds)
        assert kept == sorted(kept)
        assert holds(kept)
        assert not any(holds([*kept, one]) for one in things if one not in kept)
