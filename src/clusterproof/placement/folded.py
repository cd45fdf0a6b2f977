"""What a filter can read of a node besides its name: nodes that read the same get one answer (design rule 8)."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable

import msgspec

from clusterproof.placement import interpod
from clusterproof.placement.needs import Needs
from clusterproof.placement.node import NodeView
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import NodeSelectorTerm, PodSpec


def names_read(spec: PodSpec) -> bool:
    """Whether a pod's required node affinity names nodes (``matchFields``)."""
    return any(term.match_fields for term in _terms(spec))


def selector_keys(spec: PodSpec) -> set[str]:
    """The node labels that a pod's selector and required node affinity read."""
    return {requirement.key for term in _terms(spec) for requirement in term.match_expressions}.union(
        spec.node_selector
    )


def keys_read(needs: Needs) -> tuple[str, ...]:
    """The node labels that :func:`~clusterproof.placement.filters.structural` reads, sorted; volumes' are not here."""
    return tuple(sorted(selector_keys(needs.spec).union(key for key, _, _ in needs.topologies)))


def read_by_structural(needs: Needs) -> bytes:
    """What of a pod :func:`~clusterproof.placement.filters.structural` reads, less volumes and devices."""
    spec, affinity = needs.spec, needs.spec.affinity
    wishes = affinity.node_affinity if affinity is not None else None
    asked = (spec.tolerations, spec.node_selector, wishes, needs.requests, needs.topologies, needs.pinned, needs.claims)
    return msgspec.json.encode(asked, order="deterministic")


def labels_read(spec: PodSpec, near: interpod.State | Unknown) -> tuple[str, ...] | None:
    """The node labels that decide where a pod goes now, sorted.

    Args:
        spec: the pod's: its selectors and its topology spread; what its volumes ask is not here.
        near: what pods wish of their neighbours.

    Returns:
        The keys; None where nodes are read by name, or something is not known.
    """
    if isinstance(near, Unknown) or names_read(spec):
        return None
    keys = selector_keys(spec).union(one.topology_key for one in spec.topology_spread_constraints)
    return tuple(sorted(keys | {term.key for term in (*near.near, *near.apart)} | {key for key, _ in near.unwelcome}))


def _terms(spec: PodSpec) -> tuple[NodeSelectorTerm, ...]:
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    own = affinity.required if affinity is not None else None
    return own.node_selector_terms if own is not None else ()


def read_of(node: NodeView, labels: Iterable[str], resources: Collection[str]) -> Hashable | None:
    """What filters read of a node as it stands; None where it stands for itself: pods are on it, or it is not known.

    Args:
        node: a node with its pods.
        labels: the keys that are read.
        resources: the names that are asked for; the number of pods is read in any case.
    """
    offered = node.allocatable
    if (
        node.pods
        or node.nominated
        or isinstance(offered, Unknown)
        or isinstance(node.taints, Unknown)
        or not isinstance(node.name, str)
    ):
        return None
    states = tuple(node.label_state(key) for key in labels)
    return states, node.taints, node.unschedulable, offered.get("pods"), tuple(offered.get(name) for name in resources)
