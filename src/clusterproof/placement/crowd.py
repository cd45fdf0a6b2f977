"""Feasible now for many pods on many nodes: sets of nodes instead of nodes.

The filters of :mod:`clusterproof.placement.ownfilters` read little of a node: its taints and cordon, some labels, what
is free of each resource, ports in use. Nodes that read the same are asked once, and the answers are sets of nodes, as
bits of whole numbers: a pod's nodes are an intersection. What a pod asks of other pods is asked of the nodes that are
left, with only those pods on them that it may mean: of the namespaces that it names, and those that mind their
neighbours. What it asks of volumes and devices :func:`clusterproof.placement.filters.feasible_now` answers node by node,
and so it does where anything of a node is not known. Both give the same nodes (tests/placement/test_crowd.py, with the real scheduler's corpus).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TypeVar

import msgspec

from clusterproof.placement import interpod, ownfilters, spread
from clusterproof.placement.feasibility import FEASIBLE
from clusterproof.placement.filters import Rules, feasible_now
from clusterproof.placement.folded import names_read, selector_keys
from clusterproof.placement.interpod import Term, needed_terms, required_terms
from clusterproof.placement.needs import Needs, needs_of
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.quantity import amount
from clusterproof.placement.requests import HostPort, load
from clusterproof.placement.storage import has_disks
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Pod, PodSpec

K = TypeVar("K")


class Takers(msgspec.Struct, frozen=True):
    """Which nodes take a pod now.

    Attributes:
        nodes: bit ``i`` is the cluster's node ``i``.
        doubtful: those of which it cannot be said; always none where sets alone answered.
    """

    nodes: int
    doubtful: int = 0

    @property
    def count(self) -> int:
        """How many take it."""
        return self.nodes.bit_count()


class Crowd:
    """A cluster's nodes, prepared once for many pods.

    Args:
        cluster: as for :func:`~clusterproof.placement.filters.feasible_now`.
        version: the scheduler's; else the cluster's, else 1.31.
    """

    def __init__(self, cluster: Cluster, version: SchedulerVersion | None = None) -> None:
        self._cluster = cluster
        self._version = version or cluster.version or SchedulerVersion()
        nodes = cluster.nodes
        self._every = (1 << len(nodes)) - 1
        self._known = not any(
            isinstance(node.taints, Unknown)
            or isinstance(node.allocatable, Unknown)
            or node.unknown_labels
            or node.nominated
            or not isinstance(node.name, str)
            for node in nodes
        )
        if not self._known:
            return
        loads = [load(node.pods, for_scores=False, version=self._version) for node in nodes]
        self._loads = loads
        self._unwelcoming = tuple(
            {msgspec.json.encode(term, order="sorted"): term for term in _unwelcoming(nodes)}.values()
        )
        self._by_taints = _classes((node.unschedulable, node.taints) for node in nodes)
        self._ports: dict[HostPort, int] = {}
        for index, taken in enumerate(loads):
            for port in taken.ports:
                self._ports[port] = self._ports.get(port, 0) | 1 << index
        room = (
            taken.count + 1 <= amount("pods", _offered(node).get("pods", 0))
            for node, taken in zip(nodes, loads, strict=True)
        )
        self._room = _bits(index for index, free in enumerate(room) if free)
        self._free: dict[str, tuple[list[int], list[int]]] = {}
        self._tolerated: dict[object, int] = {}
        self._labelled: dict[tuple[str, ...], list[tuple[int, int]]] = {}
        self._thinned: dict[frozenset[str], Cluster] = {}
        self._at = {node.id: index for index, node in enumerate(nodes)}

    def takers(self, pod: Pod, volumes: Rules = ()) -> Takers:
        """The nodes that take a pod now.

        Args:
            pod: not placed yet.
            volumes: as for :func:`~clusterproof.placement.filters.feasible_now`.

        Raises:
            QuantityError, SelectorError: the pod says what the API refuses.
        """
        if not self._plain(pod, volumes):
            return self._one_by_one(pod, volumes)
        needs = needs_of(pod.spec, pinned=True, version=self._version)
        if needs.pinned:
            return self._one_by_one(pod, volumes)
        found = self._room & self._untainted(pod.spec)
        if found:
            found &= self._selected(pod.spec)
        for name, wanted in needs.requests:
            if not found:
                break
            found &= self._with_free(name, wanted)
        found &= ~self._clashing(needs)
        return Takers(found) if not found or not self._sociable(pod) else self._among(pod, found)

    def _plain(self, pod: Pod, volumes: Rules) -> bool:
        """Whether nothing but the node itself and what its own pods take decides."""
        spec = pod.spec
        return (
            self._known
            and not volumes
            and not isinstance(volumes, Unknown)
            and not has_disks(spec)
            and not spec.resource_claims
            and not spec.scheduling_gates
            and self._cluster.devices is None
            and not names_read(spec)
            and ownfilters.declared_features(spec, self._version) == FEASIBLE
            and not isinstance(self._cluster.namespaces, Unknown)
        )

    def _sociable(self, pod: Pod) -> bool:
        """Whether other pods decide too: the pod's wishes, or what placed pods want no neighbour of."""
        if any(one.when_unsatisfiable == "DoNotSchedule" for one in pod.spec.topology_spread_constraints):
            return True
        return bool(needed_terms(pod)) or any(term.covers(pod, self._cluster.namespaces) for term in self._unwelcoming)

    def _among(self, pod: Pod, left: int) -> Takers:
        """Those of the nodes that are left which other pods do not keep the pod from."""
        admitted = self._selected(pod.spec)
        cluster = self._thin(pod)
        try:
            near = interpod.filter_state(pod, cluster)
            even = spread.filter_state(pod, cluster, lambda node: bool(admitted >> self._at[node.id] & 1))
            found = [
                index
                for index, node in enumerate(cluster.nodes)
                if left >> index & 1 and not spread.refusal(even, pod, node) and not interpod.refusal(near, node)
            ]
        except interpod.UndecidedError:
            return self._one_by_one(pod, ())
        return Takers(_bits(found))

    def _thin(self, pod: Pod) -> Cluster:
        """The cluster with only the pods that matter to this one; made once for each set of namespaces."""
        terms = needed_terms(pod)
        if any(term.namespace_selector is not None for term in terms):
            return self._cluster
        named = frozenset((pod.metadata.namespace,)).union(*(term.namespaces for term in terms))
        found = self._thinned.get(named)
        if found is None:
            nodes = (
                msgspec.structs.replace(
                    node, pods=tuple(one for one in node.pods if one.metadata.namespace in named or _minds(one))
                )
                for node in self._cluster.nodes
            )
            found = self._thinned[named] = msgspec.structs.replace(self._cluster, nodes=tuple(nodes))
        return found

    def _one_by_one(self, pod: Pod, volumes: Rules) -> Takers:
        answers = feasible_now(pod, self._cluster, volumes, version=self._version)
        return Takers(
            _bits(index for index, answer in enumerate(answers) if answer.ok is True),
            _bits(index for index, answer in enumerate(answers) if isinstance(answer.ok, Unknown)),
        )

    def _untainted(self, spec: PodSpec) -> int:
        """Nodes whose taints and cordon let the pod be; asked once for each set of tolerations."""
        found = self._tolerated.get(spec.tolerations)
        if found is None:
            found = 0
            for first, members in self._by_taints:
                node = self._cluster.nodes[first]
                answers = (ownfilters.cordon(spec, node), ownfilters.taints(spec, node, passing=True))
                found |= members if all(answer.ok is True for answer in answers) else 0
            self._tolerated[spec.tolerations] = found
        return found

    def _selected(self, spec: PodSpec) -> int:
        """Nodes that the pod's selector and required node affinity admit, by the labels that these read."""
        keys = tuple(sorted(selector_keys(spec)))
        if not keys:
            return self._every
        classes = self._labelled.get(keys)
        if classes is None:
            nodes = self._cluster.nodes
            classes = self._labelled[keys] = _classes(tuple(node.labels.get(key) for key in keys) for node in nodes)
        found = 0
        for first, members in classes:
            found |= members if ownfilters.admits(spec, self._cluster.nodes[first]) is True else 0
        return found

    def _with_free(self, name: str, wanted: int) -> int:
        """Nodes with so much of a resource free: those from a place on in the order of what is free."""
        known = self._free.get(name)
        if known is None:
            free = sorted(
                (amount(name, _offered(node).get(name, 0)) - taken.requested.get(name, 0), index)
                for index, (node, taken) in enumerate(zip(self._cluster.nodes, self._loads, strict=True))
            )
            from_here = [0] * (len(free) + 1)
            for place in range(len(free) - 1, -1, -1):
                from_here[place] = from_here[place + 1] | 1 << free[place][1]
            known = self._free[name] = ([value for value, _ in free], from_here)
        values, from_here = known
        return from_here[bisect_left(values, wanted)]

    def _clashing(self, needs: Needs) -> int:
        """Nodes where a port that the pod takes is taken."""
        found = 0
        for port in needs.ports:
            for taken, members in self._ports.items():
                found |= members if port.conflicts(taken) else 0
        return found


def _classes(keys: Iterable[K]) -> list[tuple[int, int]]:
    """Equal keys together: the place of the first, and all their bits."""
    members: dict[K, list[int]] = {}
    for index, key in enumerate(keys):
        members.setdefault(key, []).append(index)
    return [(places[0], _bits(places)) for places in members.values()]


def _bits(places: Iterable[int]) -> int:
    """A number with these bits; made of bytes, because one bit after the other copies the number each time."""
    found = bytearray()
    for place in places:
        byte = place >> 3
        if byte >= len(found):
            found.extend(bytes(byte + 1 - len(found)))
        found[byte] |= 1 << (place & 7)
    return int.from_bytes(found, "little")


def _offered(node: NodeView) -> dict[str, str | int | float]:
    return {} if isinstance(node.allocatable, Unknown) else node.allocatable


def _unwelcoming(nodes: Iterable[NodeView]) -> Iterator[Term]:
    """What placed pods want no neighbour of."""
    for node in nodes:
        for pod in node.pods:
            if pod.spec.affinity is not None and pod.spec.affinity.pod_anti_affinity is not None:
                yield from required_terms(pod, pod.spec.affinity.pod_anti_affinity)


def _minds(pod: Pod) -> bool:
    """Whether a placed pod wants no neighbour of some kind."""
    affinity = pod.spec.affinity
    return affinity is not None and affinity.pod_anti_affinity is not None
