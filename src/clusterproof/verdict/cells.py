"""Cells: client place × server place, feasible together.

Two places go together unless the pods' own affinity forbids it. Pairs on one
node are kept apart (``together``): they do not count as working unless
co-location is forced, because a shared node must not turn fail into depends.
Source: kube-scheduler, plugin InterPodAffinity; docs/design.md, "The algebra".
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from clusterproof.placement.places import Place
from clusterproof.snapshot.kubernetes import PodAffinityTerm
from clusterproof.world.model import NodeClass, Workload
from clusterproof.world.readable import HOSTNAME
from clusterproof.world.selectors import matches
from clusterproof.world.world import World


class Pair(msgspec.Struct, frozen=True):
    """A client place and a server place, and how they can occur together.

    Attributes:
        apart: on two different nodes.
        together: on one node.
    """

    client: Place
    server: Place
    apart: bool
    together: bool


class _Rules(msgspec.Struct, frozen=True):
    """What required affinity between the two says: topology keys on which they must be equal, or must differ."""

    equal: tuple[str, ...] = ()
    differ: tuple[str, ...] = ()


def pairs(
    world: World, client: Workload | None, server: Workload | None, clients: Iterable[Place], servers: Iterable[Place]
) -> list[Pair]:
    """All feasible pairs, in the order of the places given."""
    rules = _rules(world, client, server)
    servers = list(servers)
    result: list[Pair] = []
    for one in clients:
        for other in servers:
            pair = _pair(world, rules, one, other)
            if pair is not None:
                result.append(pair)
    return result


def related(world: World, client: Workload | None, server: Workload | None) -> bool:
    """Whether required affinity between the two says which of their places go together."""
    return _rules(world, client, server) != _Rules()


def forced_together(found: Iterable[Pair]) -> bool:
    """Whether no pair can be on two nodes: then the pairs on one node are all there is."""
    found = list(found)
    return bool(found) and not any(pair.apart for pair in found)


def _pair(world: World, rules: _Rules, one: Place, other: Place) -> Pair | None:
    if one.node_class.fargate or other.node_class.fargate:
        # One pod per node, and "affinity/anti-affinity rules do not apply" (EKS User Guide, Fargate profiles).
        return Pair(one, other, apart=True, together=False)
    same_class = one.node_class.id == other.node_class.id
    apart = not same_class or several(world, one.node_class)
    together = same_class
    for key in rules.equal:
        if key == HOSTNAME:
            apart = False
        elif _differs(one.node_class, other.node_class, key):
            return None
    for key in rules.differ:
        if key == HOSTNAME:
            together = False
        elif not _differs(one.node_class, other.node_class, key) and _has(one.node_class, key):
            return None
    return Pair(one, other, apart, together) if apart or together else None


def several(world: World, node_class: NodeClass) -> bool:
    """Whether a class can have two nodes: two exist, or its group makes nodes.

    A group of at most one node has two while that one is replaced: EKS raises the maximum for an update, and Auto
    Scaling may exceed it by one to rebalance zones (EKS user guide, "Managed node update behavior"; EC2 Auto Scaling
    user guide, "Availability Zone distribution").
    """
    group = world.groups.get(node_class.group)
    return len(node_class.nodes) > 1 or (group is not None and group.can_grow)


def _has(node_class: NodeClass, key: str) -> bool:
    return key in node_class.labels and key not in node_class.unknown_labels


def _differs(one: NodeClass, other: NodeClass, key: str) -> bool:
    """Whether two classes are certainly in different domains of a topology key."""
    if key in one.unknown_labels or key in other.unknown_labels:
        return False
    return one.labels.get(key) != other.labels.get(key)


def _rules(world: World, client: Workload | None, server: Workload | None) -> _Rules:
    if client is None or server is None:
        return _Rules()
    equal: list[str] = []
    differ: list[str] = []
    for subject, other in ((client, server), (server, client)):
        affinity = subject.spec.affinity
        if affinity is None:
            continue
        if affinity.pod_affinity is not None:
            equal += [
                term.topology_key
                for term in affinity.pod_affinity.required
                if _selects_only(world, term, subject, other)
            ]
        if affinity.pod_anti_affinity is not None:
            differ += [
                term.topology_key
                for term in affinity.pod_anti_affinity.required
                if _selects(world, term, subject, other)
            ]
    return _Rules(tuple(equal), tuple(differ))


def _selects(world: World, term: PodAffinityTerm, subject: Workload, other: Workload) -> bool:
    """Whether an affinity term certainly selects the other's pods.

    ``matchLabelKeys`` and ``mismatchLabelKeys`` narrow a term by the values of the incoming pod: not certain then.
    """
    if term.match_label_keys or term.mismatch_label_keys:
        return False
    return _may_select(world, term, subject, other, unread=False)


def _may_select(world: World, term: PodAffinityTerm, subject: Workload, other: Workload, *, unread: bool) -> bool:
    return _in_namespace(world, term, subject, other, unread=unread) and matches(term.label_selector, other.labels)


def _in_namespace(world: World, term: PodAffinityTerm, subject: Workload, other: Workload, *, unread: bool) -> bool:
    """Namespaces by name and by selector add up; with neither it is the subject's own (API, PodAffinityTerm).

    ``unread`` is the answer where the labels of the other's namespace were not read.
    """
    if other.namespace in term.namespaces:
        return True
    if term.namespace_selector is None:
        return not term.namespaces and other.namespace == subject.namespace
    labels = world.namespaces.get(other.namespace)
    return unread if labels is None else matches(term.namespace_selector, labels)


def _selects_only(world: World, term: PodAffinityTerm, subject: Workload, other: Workload) -> bool:
    """Whether the other's pods are the only ones that satisfy a required affinity term.

    If another workload's pods (or the subject's own) satisfy it as well, the two need not meet.
    """
    if not _selects(world, term, subject, other):
        return False
    return not any(
        workload.id != other.id and _may_select(world, term, subject, workload, unread=True)
        for workload in world.workloads
    )
