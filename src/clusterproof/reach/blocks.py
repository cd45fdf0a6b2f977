"""Which of many address blocks share addresses with some others, without asking each."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from typing import Generic, TypeVar

from clusterproof.reach.addresses import AddressError, AddressSet, parse_cidr

T = TypeVar("T")


class Blocks(Generic[T]):
    """Things by their CIDR block; those whose text is none are found for any addresses, so that nobody passes them over."""

    def __init__(self, items: Iterable[tuple[str, int, T]]) -> None:
        """Index them.

        Args:
            items: block as text, position, and what is found; positions are all different.
        """
        self._unread: list[tuple[int, T]] = []
        # CIDR blocks contain each other or are apart: by family, then by size, those that begin at an address.
        self._sized: tuple[dict[int, dict[int, list[tuple[int, T]]]], ...] = ({}, {})
        firsts: tuple[list[tuple[int, int, T]], ...] = ([], [])
        for text, number, item in items:
            try:
                family, first, last = parse_cidr(text)
            except AddressError:
                self._unread.append((number, item))
                continue
            six = int(family == 6)
            self._sized[six].setdefault(last - first + 1, {}).setdefault(first, []).append((number, item))
            firsts[six].append((first, number, item))
        self._inside = tuple(sorted(found, key=lambda one: one[:2]) for found in firsts)
        self._starts = tuple([first for first, _, _ in found] for found in self._inside)

    def sharing(self, addresses: AddressSet) -> dict[int, T]:
        """Those that share addresses with some, by position."""
        result = dict(self._unread)
        for six, spans in enumerate((addresses.v4, addresses.v6)):
            sized, inside, starts = self._sized[six], self._inside[six], self._starts[six]
            for first, last in spans:
                for size, by_first in sized.items():
                    result.update(by_first.get(first - first % size, ()))
                within = inside[bisect_left(starts, first) : bisect_right(starts, last)]
                result.update((number, item) for _, number, item in within)
        return result
