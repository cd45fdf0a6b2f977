"""The largest part of some things that holds together, found in few trials.

A trial judges a whole world, so they are few: all at once, and only where that does not hold, halves of what is to be
added. Where k of n things do not fit, that takes some k * log2(n) trials (delta debugging; Zeller and Hildebrandt,
"Simplifying and Isolating Failure-Inducing Input", 2002, finds them in the same way).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def largest(sure: Sequence[T], more: Sequence[T], holds: Callable[[Sequence[T]], bool]) -> list[T]:
    """Things that hold together and to which none of the others can be added, in their order.

    Args:
        sure: each of these holds by itself; what comes first stays where two do not go together.
        more: these may hold beside others.
        holds: whether some things hold together; it is not asked of none.
    """
    everything = [*sure, *more]
    if not everything or holds(everything):
        return everything
    kept: list[T] = []
    while True:
        before = len(kept)
        for part in (sure, more):
            kept = _added(kept, [item for item in part if item not in kept], holds)
        # What did not fit may do so beside what came after it.
        if len(kept) in (before, len(everything)):
            return [item for item in everything if item in kept]


def _added(base: list[T], items: Sequence[T], holds: Callable[[Sequence[T]], bool]) -> list[T]:
    """The base and as many of the items as it takes."""
    if not items or holds([*base, *items]):
        return [*base, *items]
    if len(items) == 1:
        return base
    half = len(items) // 2
    return _added(_added(base, items[:half], holds), items[half:], holds)
