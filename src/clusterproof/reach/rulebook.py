"""The rules of some security groups, indexed by flow and by what they name: a group, or a block of addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.blocks import Blocks
from clusterproof.reach.protocol import Flow, matches
from clusterproof.reach.vpc import Side
from clusterproof.snapshot.fields import Unknown

if TYPE_CHECKING:
    from clusterproof.reach.securitygroups import Rule


class Book:
    """The rules of some groups in one direction, and which of them are about a flow and who they are about.

    Attributes:
        rules: all of them, in order.
        matching: those about the flow, in order.
        unread: what could not be read of them.
    """

    def __init__(self, rules: list[Rule], unread: list[Unknown], flow: Flow) -> None:
        self.rules = rules
        self.unread = unread
        self.matching = [rule for rule in rules if matches(rule.protocol, rule.low, rule.high, flow)]
        self._matching = _Index(self.matching)

    def about(self, other: Side) -> list[Rule]:
        """The rules about the flow, in order, less those that name a group or a block which the other end surely lacks."""
        if other.outside or isinstance(other.security_groups, Unknown):
            return self.matching
        return self._matching.of(other.security_groups, other.space)

    def near(self, other: Side) -> list[Rule]:
        """All rules, whatever they are about, less those that name a group or a block which the other end lacks."""
        groups = other.security_groups if isinstance(other.security_groups, tuple) else ()
        return self._all.of(groups, AddressSet() if isinstance(other.addresses, Unknown) else other.addresses)

    @cached_property
    def _all(self) -> _Index:
        return _Index(self.rules)

    @cached_property
    def of_group(self) -> Counter[str]:
        """How many rules each group has."""
        return Counter(rule.group_id for rule in self.rules)


class _Index:
    """Rules by the group or the block that they name."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rest: dict[int, Rule] = {}
        self._naming: dict[str, list[tuple[int, Rule]]] = {}
        blocks: list[tuple[str, int, Rule]] = []
        for number, rule in enumerate(rules):
            if rule.kind == "group":
                self._naming.setdefault(rule.source, []).append((number, rule))
            elif rule.kind == "cidr":
                blocks.append((rule.source, number, rule))
            else:
                self._rest[number] = rule
        self._blocks = Blocks(blocks)

    def of(self, groups: Iterable[str], addresses: AddressSet) -> list[Rule]:
        """Those that name one of some groups, a block that shares some addresses, or a prefix list; in order."""
        found = self._rest | self._blocks.sharing(addresses)
        for group in groups:
            found.update(self._naming.get(group, ()))
        return [found[number] for number in sorted(found)]
