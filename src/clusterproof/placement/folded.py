"""What a filter can read of a node besides its name: nodes that read the same get one answer (design rule 8)."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Sequence

from clusterproof.placement import interpod
from clusterproof.placement.node import NodeView
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import NodeSelector, NodeSelectorTerm, PodSpec


def names_read(spec: PodSpec, volumes: Iterable[NodeSelector] = ()) -> bool:
    """Whether a pod's required node affinity, or a volume's, names nodes (``matchFields``)."""
    return any(term.match_fields for term in _terms(spec, volumes))


def labels_read(
    spec: PodSpec, volumes: Sequence[NodeSelector] | Unknown, near: interpod.State | Unknown
) -> tuple[str, ...] | None:
    """The node labels that decide where a pod goes now, sorted.

    Args:
        spec: the pod's: its selectors and its topology spread.
        volumes: what its bound volumes ask.
        near: what pods wish of their neighbours.

    Returns:
        The keys; None where nodes are read by name, or something is not known.
    """
    if isinstance(volumes, Unknown) or isinstance(near, Unknown) or names_read(spec, volumes):
        return None
    keys = {requirement.key for term in _terms(spec, volumes) for requirement in term.match_expressions}
    keys |= {*spec.node_selector, *(one.topology_key for one in spec.topology_spread_constraints)}
    return tuple(sorted(keys | {term.key for term in (*near.near, *near.apart)} | {key for key, _ in near.unwelcome}))


def _terms(spec: PodSpec, volumes: Iterable[NodeSelector]) -> Iterable[NodeSelectorTerm]:
    affinity = spec.affinity.node_affinity if spec.affinity is not None else None
    own = affinity.required if affinity is not None else None
    return (term for one in (*volumes, *((own,) if own is not None else ())) for term in one.node_selector_terms)


def read_of(node: NodeView, labels: Iterable[str], resources: Collection[str]) -> Hashable | None:
    """What filters read of a node as it stands; None where it stands for itself: pods are on it, or it is not known.

    Args:
        node: a node with its pods.
        labels: the keys that are read.
        resources: the names that are asked for; the number of pods is read in any case.
    """
    offered = node.allocatable
    if node.pods or isinstance(offered, Unknown) or isinstance(node.taints, Unknown) or not isinstance(node.name, str):
        return None
    states = tuple(node.label_state(key) for key in labels)
    return states, node.taints, node.unschedulable, offered.get("pods"), tuple(offered.get(name) for name in resources)
