"""Which instance types a NodePool's next node may be of, folded to few choices.

A handful of types are told apart one by one. Many are folded by their accelerators: such a choice offers the most of
what its types offer, so that no feasible place is left out. Unless the pool names its types, there is a choice more:
a type that nobody described.
Sources: Karpenter, "NodePools" ("If a requirement is not defined for a well known label, any value available to the
cloud provider may be chosen"); Amazon EC2 API, DescribeInstanceTypes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Labels, Node, Quantity
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.capacity import capacity
from clusterproof.world.instancetypes import (
    accelerated,
    clean,
    described_types,
    example_types,
    labels_of,
    named_types,
)
from clusterproof.world.pools import Requirements, is_zero, well_known
from clusterproof.world.readable import INSTANCE_TYPE

FEW = 6
"""So many instance types are told apart one by one."""
_DEVICES = ("nvidia.com/gpu",)


class Choice(msgspec.Struct, frozen=True):
    """One or several instance types that a pool may choose.

    Attributes:
        name: the type; empty where it is one of several.
        labels: those that all its types share.
        open: keys of labels in which its types differ, or that are not known.
        allocatable: what an empty node offers, at most; no devices where it has none.
        devices_known: whether a device that is not named is certainly absent.
    """

    name: str
    labels: Labels
    open: tuple[str, ...]
    allocatable: dict[str, Quantity] | Unknown
    devices_known: bool = True


def choices(
    snapshot: Snapshot,
    requirements: Requirements,
    group: str,
    siblings: Sequence[Node],
    limits: dict[str, Quantity],
    pods: int | str | None,
) -> tuple[Choice, ...]:
    """What a pool may choose among; empty where it names types of which none is admitted.

    Args:
        snapshot: holds the types that were described.
        requirements: the pool's.
        group: the provider's API group.
        siblings: the pool's running nodes: what one offers, the next of its type offers.
        limits: the pool's; a device limited to 0 is never made.
        pods: how many pods a node takes where the node class says so; an expression is not evaluated.
    """
    named = named_types(snapshot, requirements, group)
    names = described_types(snapshot, requirements, group) if named is None else named
    found: list[Choice] = []
    if len(names) <= FEW:
        found += [_one(snapshot, name, group, siblings, pods) for name in names]
    else:
        folded: defaultdict[tuple[tuple[str, str], ...], list[Choice]] = defaultdict(list)
        undescribed: list[Choice] = []
        for name in names:
            one = _one(snapshot, name, group, siblings, pods)
            if isinstance(one.allocatable, Unknown):
                undescribed.append(one)
                continue
            offered = one.allocatable
            folded[tuple((item, str(offered[item])) for item in _DEVICES if item in offered)].append(one)
        found += [_fold(members) for _, members in sorted(folded.items())]
        found += [_fold(undescribed)] if undescribed else []
    found = [one for one in found if not _forbidden(one.allocatable, limits)]
    return (*found, *([_open(snapshot, requirements, group)] if named is None else []))


def _one(snapshot: Snapshot, name: str, group: str, siblings: Sequence[Node], pods: int | str | None) -> Choice:
    same = [node for node in siblings if node.metadata.labels.get(INSTANCE_TYPE) == name]
    allocatable, devices_known = capacity(snapshot, same, name)
    if pods is not None and isinstance(allocatable, dict) and not same:
        allocatable = {item: amount for item, amount in allocatable.items() if item != "pods"}
        allocatable |= {"pods": str(pods)} if isinstance(pods, int) else {}
    labels = labels_of(snapshot, name, group)
    return Choice(name, clean(labels), (), allocatable, devices_known=devices_known)


def _fold(members: Sequence[Choice]) -> Choice:
    """One choice for several: labels that all share, and the most that one of them offers."""
    if len(members) == 1:
        return members[0]
    shared = set(members[0].labels.items())
    keys: set[str] = set()
    for one in members:
        shared &= one.labels.items()
        keys.update(one.labels)
    labels = dict(sorted(shared))
    known = [one.allocatable for one in members if isinstance(one.allocatable, dict)]
    certain = all(one.devices_known for one in members)
    most: dict[str, Quantity] | Unknown
    if len(known) < len(members):
        most = next(one.allocatable for one in members if isinstance(one.allocatable, Unknown))
    else:
        # What one of them does not name is absent there only if its devices are known.
        named = set().union(*known) if certain else set(known[0]).intersection(*known)
        most = {name: max((one[name] for one in known if name in one), key=_size) for name in sorted(named)}
    return Choice("", labels, tuple(sorted(keys - labels.keys())), most, devices_known=certain)


def _open(snapshot: Snapshot, requirements: Requirements, group: str) -> Choice:
    """A type that nobody described: no devices where the pool can choose none that has them."""
    names = example_types(snapshot, requirements, group)
    allocatable: dict[str, Quantity] | Unknown = {}
    if accelerated(names, requirements, group):
        allocatable = Unknown(
            Cause.NOT_COLLECTED,
            "the NodePool may choose among instance types that were not described",
            f"run: {kinds.INSTANCE_TYPES.command} > {kinds.INSTANCE_TYPES.name}.json (or let the NodePool name its types)",
        )
    labels = {
        key: values[0]
        for key in requirements.keys
        if well_known(key) and len(values := requirements.values(key) or ()) == 1
    }
    return Choice("", labels, (INSTANCE_TYPE,), allocatable)


def _forbidden(allocatable: dict[str, Quantity] | Unknown, limits: dict[str, Quantity]) -> bool:
    """Whether a device that these nodes have is limited to none."""
    return isinstance(allocatable, dict) and any(
        name in limits and is_zero(limits[name]) and not is_zero(allocatable[name]) for name in allocatable
    )


_UNITS = {"m": 0.001, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def _size(quantity: Quantity) -> float:
    text = str(quantity)
    digits = text.rstrip("".join(_UNITS))
    unit = text[len(digits) :]
    try:
        return float(digits) * _UNITS[unit]
    except (KeyError, ValueError):
        return 0.0
