"""What the scheduler sees of a node, and of a node that is not born yet."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from clusterproof.placement.requests import placed
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import ContainerImage, Labels, LabelSelector, Node, Pod, Quantity, Taint


class NodeView(msgspec.Struct, frozen=True):
    """A node, or what a node group would make.

    Attributes:
        name: unknown for a node that is not born yet; ``key`` then tells such views apart.
        labels: those that are known.
        unknown_labels: keys whose value cannot be told (feature discovery on a node not yet born), with why.
        taints: all of them, also the passing ones (``node.kubernetes.io/*``).
        allocatable: what an empty node offers.
        images: ``status.images``.
        unschedulable: cordoned.
        pods: the pods on it that are not finished.
        born: False for a node that a group would make: it has no odds.
        devices_known: False where a device that ``allocatable`` does not name may be there all the same.
    """

    name: str | Unknown
    labels: Labels = msgspec.field(default_factory=dict)
    unknown_labels: dict[str, Unknown] = msgspec.field(default_factory=dict)
    taints: tuple[Taint, ...] | Unknown = ()
    allocatable: dict[str, Quantity] | Unknown = msgspec.field(default_factory=dict)
    images: tuple[ContainerImage, ...] = ()
    unschedulable: bool = False
    pods: tuple[Pod, ...] = ()
    born: bool = True
    key: str = ""
    devices_known: bool = True

    @property
    def id(self) -> str:
        """The node's name, or the key of a node that is not born yet."""
        return self.name if isinstance(self.name, str) else self.key

    def label_state(self, key: str) -> str | Unknown | None:
        """The value of a label, ``None`` where the node has none, or why that cannot be told."""
        value = self.labels.get(key)
        return self.unknown_labels.get(key) if value is None else value


class Cluster(msgspec.Struct, frozen=True):
    """What the scheduler decides over: every node, with the pods on it.

    Attributes:
        nodes: in the order of their names.
        namespaces: labels of each namespace, by name; an affinity term may select namespaces by them.
        default_spread: the selector that the cluster-wide default spreading uses for this pod
            (:func:`clusterproof.placement.spread.default_selector`); ``None`` when the pod belongs to no
            service, ReplicaSet or StatefulSet.
    """

    nodes: tuple[NodeView, ...]
    namespaces: dict[str, Labels] | Unknown = msgspec.field(default_factory=dict)
    default_spread: LabelSelector | None = None


def node_view(node: Node, pods: Iterable[Pod] = ()) -> NodeView:
    """A node as the API describes it, with the pods whose ``spec.nodeName`` is this node.

    A node that reports no allocatable at all was not read in full: that is unknown, not nothing.
    """
    name = node.metadata.name
    return NodeView(
        name=name,
        labels=node.metadata.labels,
        taints=node.spec.taints,
        allocatable=node.status.allocatable
        or Unknown(Cause.NOT_COLLECTED, f"node {name} shows no status.allocatable", "give kubectl get nodes -o json"),
        images=node.status.images,
        unschedulable=node.spec.unschedulable,
        pods=placed(pods),
    )


def node_views(nodes: Iterable[Node], pods: Iterable[Pod]) -> tuple[NodeView, ...]:
    """Every node with its pods, in the order given."""
    by_node: dict[str, list[Pod]] = {}
    for pod in pods:
        if pod.spec.node_name:
            by_node.setdefault(pod.spec.node_name, []).append(pod)
    return tuple(node_view(node, by_node.get(node.metadata.name, ())) for node in nodes)
