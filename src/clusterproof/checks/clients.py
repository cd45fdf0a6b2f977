"""Which clients no rule can tell apart: on their own, and as clients of one server.

Places, interfaces and the policies that select a client count for every server. What the policies of a server read of
its clients counts for that server alone: for most servers it is nothing, or whether one rule admits them. What a peer
of a rule selects is a set of workloads, held as the bits of an integer; a class is what lies in the same sets.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from clusterproof.placement.places import Places
from clusterproof.reach.ends import End
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes import LabelSelector, NetworkPolicy, NetworkPolicyPeer
from clusterproof.world.model import Workload
from clusterproof.world.selectors import SelectorError, matches
from clusterproof.world.workloads import GENERATED_LABELS, generated_labels
from clusterproof.world.world import World


class Part(NamedTuple):
    """Clients that some servers cannot tell apart.

    Attributes:
        classes: numbers of classes, in order.
        token: what the servers can read of them; None where that is more than is compared here.
    """

    classes: tuple[int, ...]
    token: Hashable | None


class Clients:
    """The workloads of a world as clients.

    Attributes:
        classes: workloads, by number, that no server can tell apart, in the world's order.
        of: the class of each workload.
    """

    def __init__(self, world: World, where: Sequence[Places]) -> None:
        """Read the policies.

        Args:
            world: its workloads and policies.
            where: the places of each workload, in the world's order.
        """
        self._world = world
        found = world.snapshot.objects(kinds.NETWORK_POLICIES) if world.plane.policies is not False else ()
        policies = _ByLabel(found)
        selectors = [selector for policy in found for selector in _selectors(policy)]
        # What is read here is NetworkPolicies, by labels that are known; with anything else each client stands alone.
        self._plain = (
            not any(world.snapshot.objects(kind) for kind in kinds.OTHER_POLICIES)
            and not any(_generated(selector) for selector in selectors)
            and not world.plane.default_deny
            and _well_formed(selectors)
            and world.snapshot.missing(kinds.NETWORK_POLICIES) is None
            and world.snapshot.missing(kinds.NAMESPACES) is None
            and not any(_affine(workload) for workload in world.workloads)
        )
        self._selecting = [tuple(policies.selecting(one)) if self._plain else () for one in world.workloads]
        self._spots: dict[int, int] = {}
        self._distinct: dict[Hashable, int] = {}
        self._places = [places.places for places in where]
        self._keys = [self._key(number) for number in range(len(world.workloads))]
        self._sets: dict[int, int] = {}
        self._masks = self._read() if self._plain else [0] * len(world.workloads)
        self.classes: Sequence[Sequence[int]] = _grouped(zip(self._keys, self._masks, strict=True))
        self.of = [0] * len(world.workloads)
        for one, members in enumerate(self.classes):
            for member in members:
                self.of[member] = one
        self._numbers = {id(workload): number for number, workload in enumerate(world.workloads)}
        self._parts: dict[int, Sequence[Part]] = {}
        self._wide: dict[int, bool] = {}

    def number(self, workload: Workload) -> int:
        """The place of a workload in the world's order."""
        return self._numbers[id(workload)]

    def wide(self, workload: Workload) -> bool:
        """Whether what policies say of a workload may depend on addresses, or is more than is compared here."""
        number = self._numbers.get(id(workload))
        if number is None or not self._plain:
            return True
        if number not in self._wide:
            specs = [policy.spec for policy in self._selecting[number]]
            peers = [peer for spec in specs for rule in spec.ingress for peer in rule.from_]
            peers += [peer for spec in specs for rule in spec.egress for peer in rule.to]
            self._wide[number] = any(peer.ip_block is not None for peer in peers)
        return self._wide[number]

    def parts(self, servers: Iterable[int]) -> Sequence[Part]:
        """The classes, those together that no policy of some servers tells apart."""
        mask = 0
        for server in servers:
            for policy in self._selecting[server]:
                mask |= self._sets[id(policy)]
        if mask not in self._parts:
            firsts = [members[0] for members in self.classes]
            read = [(self._keys[first], self._masks[first] & mask) for first in firsts]
            self._parts[mask] = [
                Part(tuple(classes), None if _alone(read[classes[0]][0]) else (*read[classes[0]], mask))
                for classes in _grouped(read)
            ]
        return self._parts[mask]

    def as_server(self, number: int) -> Hashable | None:
        """What any client, and any policy, can read of a workload that it reaches; None where that is not so plain."""
        workload = self._world.workloads[number]
        if not self._plain:
            return None
        spec = workload.spec
        stays = (container for container in spec.init_containers if container.restart_policy == "Always")
        return (
            self._spots_of(number),
            tuple(id(policy) for policy in self._selecting[number]),
            spec.host_network,
            workload.kind == "Pod",
            workload.every_node,
            workload.replicas == 1,
            generated_labels(workload),
            tuple(port for container in spec.containers for port in container.ports),
            tuple(port for container in stays for port in container.ports),
        )

    def _key(self, number: int) -> Hashable:
        """What every server, and every policy that selects it, can read of a client; its number where that is too much."""
        workload, selecting = self._world.workloads[number], self._selecting[number]
        if not self._plain:
            return number
        if any(policy.spec.egress or "Egress" in policy.spec.policy_types for policy in selecting):
            return number  # what refuses it says its name
        kind = workload.kind == "Pod", workload.every_node, generated_labels(workload)
        return self._spots_of(number), workload.spec.host_network, kind, bool(selecting)

    def _spots_of(self, number: int) -> int:
        """Where it may be, as the number of the first workload that may be at the same places."""
        places = self._places[number]
        found = self._spots.get(id(places))
        if found is None:
            spots = tuple((place.node_class.id, End(place.interface).key, place.doubt, place.stays) for place in places)
            found = self._spots[id(places)] = self._distinct.setdefault(spots, number)
        return found

    def _read(self) -> list[int]:
        """By workload, in which sets it is that peers of ingress rules select; notes the sets that each policy reads."""
        selected = _Selected(self._world)
        numbers: dict[int, int] = {}
        for policy in {id(policy): policy for found in self._selecting for policy in found}.values():
            mask = 0
            for rule in policy.spec.ingress:
                for peer in rule.from_:
                    if peer.ip_block is None:
                        mask |= 1 << numbers.setdefault(selected.by(policy.metadata.namespace, peer), len(numbers))
            self._sets[id(policy)] = mask
        masks = [0] * len(self._world.workloads)
        for bits, number in numbers.items():
            for workload in _members(bits):
                masks[workload] |= 1 << number
        return masks


def _alone(key: Hashable) -> bool:
    return isinstance(key, int)


def _grouped(keys: Iterable[Hashable]) -> list[list[int]]:
    """Positions with equal keys together, by the first."""
    groups: dict[Hashable, list[int]] = {}
    for number, key in enumerate(keys):
        groups.setdefault(key, []).append(number)
    return list(groups.values())


def _members(bits: int) -> Iterator[int]:
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


class _Selected:
    """Which workloads a peer of a rule selects, as bits: workload 0 is the lowest."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._pods: dict[bytes, int] = {}
        self._spaces: dict[bytes, int] = {}
        self._within: dict[str, int] = {}
        self._labelled: dict[tuple[str, str], int] = {}
        for number, workload in enumerate(world.workloads):
            bit = 1 << number
            self._within[workload.namespace] = self._within.get(workload.namespace, 0) | bit
            for label in workload.labels.items():
                self._labelled[label] = self._labelled.get(label, 0) | bit
        self._all = (1 << len(world.workloads)) - 1

    def by(self, namespace: str, peer: NetworkPolicyPeer) -> int:
        """Those that a peer selects in a policy of a namespace."""
        spaces, pods = peer.namespace_selector, peer.pod_selector
        found = self._within.get(namespace, 0) if spaces is None else self._in_spaces(spaces)
        return found if pods is None else found & self._with_labels(pods)

    def _in_spaces(self, selector: LabelSelector) -> int:
        key = msgspec.json.encode(selector)
        if key not in self._spaces:
            found = 0
            for namespace, members in self._within.items():
                labels = self._world.namespaces.get(namespace, {})
                if matches(selector, {"kubernetes.io/metadata.name": namespace, **labels}):
                    found |= members
            self._spaces[key] = found
        return self._spaces[key]

    def _with_labels(self, selector: LabelSelector) -> int:
        key = msgspec.json.encode(selector)
        if key not in self._pods:
            found = self._all
            for label in selector.match_labels.items():
                found &= self._labelled.get(label, 0)
            if selector.match_expressions:
                workloads = self._world.workloads
                found = sum(1 << one for one in _members(found) if matches(selector, workloads[one].labels))
            self._pods[key] = found
        return self._pods[key]


class _ByLabel:
    """Policies by namespace and one label that they demand, so that a pod's labels lead to those that may select it."""

    def __init__(self, policies: Iterable[NetworkPolicy]) -> None:
        self._held: dict[tuple[str, tuple[str, str] | None], list[NetworkPolicy]] = {}
        for policy in policies:
            label = min(policy.spec.pod_selector.match_labels.items(), default=None)
            self._held.setdefault((policy.metadata.namespace, label), []).append(policy)

    def selecting(self, workload: Workload) -> Iterator[NetworkPolicy]:
        """The policies that select a workload's pods."""
        for label in (None, *workload.labels.items()):
            for policy in self._held.get((workload.namespace, label), ()):
                if matches(policy.spec.pod_selector, workload.labels):
                    yield policy


def _selectors(policy: NetworkPolicy) -> Iterator[LabelSelector]:
    yield policy.spec.pod_selector
    peers = [peer for rule in policy.spec.ingress for peer in rule.from_]
    peers += [peer for rule in policy.spec.egress for peer in rule.to]
    for peer in peers:
        yield from (item for item in (peer.pod_selector, peer.namespace_selector) if item is not None)


def _well_formed(selectors: Iterable[LabelSelector]) -> bool:
    try:
        for selector in selectors:
            matches(selector, {})
    except SelectorError:
        return False
    return True


def _generated(selector: LabelSelector) -> bool:
    """Whether it reads labels that a controller adds, whose values are not known."""
    keys = {*selector.match_labels, *(item.key for item in selector.match_expressions)}
    return not keys.isdisjoint(GENERATED_LABELS)


def _affine(workload: Workload) -> bool:
    """Whether required affinity between pods decides where it may be beside others."""
    affinity = workload.spec.affinity
    sides = (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity is not None else ()
    return any(side is not None and side.required for side in sides)
