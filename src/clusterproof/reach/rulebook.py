"""The rules of some security groups, indexed by flow and by the group that they name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clusterproof.reach.protocol import Flow, matches
from clusterproof.reach.vpc import Side
from clusterproof.snapshot.fields import Unknown

if TYPE_CHECKING:
    from clusterproof.reach.securitygroups import Rule


class Book:
    """The rules of some groups in one direction, and which of them are about a flow, by the group that they name.

    Attributes:
        rules: all of them, in order.
        unread: what could not be read of them.
    """

    def __init__(self, rules: list[Rule], unread: list[Unknown], flow: Flow) -> None:
        self.rules = rules
        self.unread = unread
        self._matching = [rule for rule in rules if matches(rule.protocol, rule.low, rule.high, flow)]
        self._others: list[tuple[int, Rule]] = []
        self._naming: dict[str, list[tuple[int, Rule]]] = {}
        for number, rule in enumerate(self._matching):
            where = self._naming.setdefault(rule.source, []) if rule.kind == "group" else self._others
            where.append((number, rule))

    def about(self, other: Side) -> list[Rule]:
        """The rules about the flow, in order, less those that name a group which the other end surely does not have."""
        if other.outside or isinstance(other.security_groups, Unknown):
            return self._matching
        found = list(self._others)
        for group in dict.fromkeys(other.security_groups):
            found += self._naming.get(group, ())
        return [rule for _, rule in sorted(found, key=lambda item: item[0])]
