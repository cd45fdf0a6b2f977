"""Karpenter's requirement arithmetic: which values a label may have, and whether two demands on it can both be met.

A requirement is a set of values, or all values but some (``complement``), within inclusive bounds. Under bounds only
integers count. An empty set means that the label is absent: contradictory demands come to the same as DoesNotExist.
A complement counts as endless, also where bounds and exclusions leave no integer.
Sources: kubernetes-sigs/karpenter pkg/scheduling/requirement.go (NewRequirement, Intersection, Has, Operator) and
requirements.go (Compatible, Intersects, AllowUndefinedWellKnownLabels), v1.9.0. Up to v1.8.0, which has neither Gte nor
Lte, ``Gt 1`` with ``Lt 2`` is not seen as contradictory.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import msgspec

from clusterproof.snapshot.kubernetes import SelectorRequirement

_INTEGER = re.compile(r"[+-]?[0-9]+")


class Requirement(msgspec.Struct, frozen=True):
    """What a label's value may be; the default is any value.

    Attributes:
        values: the values that are meant, or, of a ``complement``, those that are not.
        complement: whether all other values are meant.
        low: the least integer, inclusive; None without a bound.
        high: the greatest integer, inclusive.
    """

    values: frozenset[str] = frozenset()
    complement: bool = True
    low: int | None = None
    high: int | None = None

    @property
    def empty(self) -> bool:
        """Whether no value is left: nodes lack the label."""
        return not self.complement and not self.values

    @property
    def allows_absence(self) -> bool:
        """Whether a node without the label will do: NotIn and DoesNotExist, and what intersects to them."""
        return self.empty or (self.complement and bool(self.values))

    def has(self, value: str) -> bool:
        """Whether a value is meant."""
        return (value in self.values) is not self.complement and self._within(value)

    def _within(self, value: str) -> bool:
        if self.low is None and self.high is None:
            return True
        if not _INTEGER.fullmatch(value):
            return False
        number = int(value)
        return (self.low is None or number >= self.low) and (self.high is None or number <= self.high)


EMPTY = Requirement(complement=False)


def parse(item: SelectorRequirement) -> Requirement | None:
    """A requirement as NodePools and pods write it; None where the operator, or its bound, is not known here."""
    match item.operator:
        case "In" | "NotIn":
            return Requirement(frozenset(item.values), complement=item.operator == "NotIn")
        case "Exists":
            return Requirement()
        case "DoesNotExist":
            return EMPTY
        case "Gt" | "Gte" | "Lt" | "Lte":
            bound = item.values[0] if item.values else ""
            if not _INTEGER.fullmatch(bound):
                return None
            number = int(bound)
            if item.operator.startswith("G"):
                return Requirement(low=number + (item.operator == "Gt"))
            return Requirement(high=number - (item.operator == "Lt"))
        case _:
            return None


def intersect(one: Requirement, other: Requirement) -> Requirement:
    """What both demand together."""
    low = max((bound for bound in (one.low, other.low) if bound is not None), default=None)
    high = min((bound for bound in (one.high, other.high) if bound is not None), default=None)
    if low is not None and high is not None and low > high:
        return EMPTY
    complement = one.complement and other.complement
    if complement:
        values = one.values | other.values
    elif one.complement:
        values = other.values - one.values
    elif other.complement:
        values = one.values - other.values
    else:
        values = one.values & other.values
    bounds = Requirement(low=low, high=high)
    kept = frozenset(value for value in values if bounds.has(value))
    return Requirement(kept, complement=True, low=low, high=high) if complement else Requirement(kept, complement=False)


def meet(existing: Requirement, incoming: Requirement) -> bool:
    """Whether two demands on one label can be met by one node: by a value of both, or by its absence."""
    if not intersect(existing, incoming).empty:
        return True
    return existing.allows_absence and incoming.allows_absence


def compatible(
    existing: Mapping[str, Requirement],
    incoming: Mapping[str, Requirement],
    undefined_allowed: Callable[[str], bool],
) -> bool:
    """Whether nodes of a NodePool (``existing``) can meet a pod's demands (``incoming``), key by key.

    A label that the pool does not name is on none of its nodes, unless it is well known (``undefined_allowed``).
    """
    return all(
        meet(existing[key], demand) if key in existing else undefined_allowed(key) or demand.allows_absence
        for key, demand in incoming.items()
    )
