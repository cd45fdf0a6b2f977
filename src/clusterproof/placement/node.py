"""What the scheduler sees of a node, and of a node that is not born yet."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from clusterproof.placement.priority import Priorities
from clusterproof.placement.requests import placed
from clusterproof.placement.storage import Storage
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import ContainerImage, Labels, LabelSelector, Node, Pod, Quantity, Taint

if TYPE_CHECKING:
    from clusterproof.placement.devices.inventory import Inventory  # noqa: TC004 - reads nodes: a circle otherwise


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
        like: a node of the same making, for one that is not born: it is taken to publish such devices (dynamic
            resource allocation); empty where there is none.
        devices_known: False where a device that ``allocatable`` does not name may be there all the same.
        nominated: pods without a node whose ``status.nominatedNodeName`` is this node: the scheduler keeps room for
            those of the same or a higher priority.
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
    nominated: tuple[Pod, ...] = ()
    like: str = ""

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
        storage: claims, volumes and what nodes can attach; ``None`` where the caller tells what volumes ask himself,
            and attach limits are not looked at.
        priorities: the priority classes, for pods whose ``spec.priority`` is not written down.
        version: the scheduler's, where the caller names none.
        devices: what there is of dynamic resource allocation; None where it was not read, or does not matter.
    """

    nodes: tuple[NodeView, ...]
    namespaces: dict[str, Labels] | Unknown = msgspec.field(default_factory=dict)
    default_spread: LabelSelector | None = None
    storage: Storage | None = None
    priorities: Priorities | None = None
    version: SchedulerVersion | None = None
    devices: Inventory | None = None


def node_view(node: Node, pods: Iterable[Pod] = (), nominated: Iterable[Pod] = ()) -> NodeView:
    """A node as the API describes it, with the pods whose ``spec.nodeName`` is this node, and those nominated for it.

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
        nominated=placed(nominated),
    )


def node_views(nodes: Iterable[Node], pods: Iterable[Pod]) -> tuple[NodeView, ...]:
    """Every node with its pods, in the order given."""
    by_node: dict[str, list[Pod]] = {}
    nominated: dict[str, list[Pod]] = {}
    for pod in pods:
        if pod.spec.node_name:
            by_node.setdefault(pod.spec.node_name, []).append(pod)
        elif pod.status.nominated_node_name:
            nominated.setdefault(pod.status.nominated_node_name, []).append(pod)
    names = ((node, node.metadata.name) for node in nodes)
    return tuple(node_view(node, by_node.get(name, ()), nominated.get(name, ())) for node, name in names)
