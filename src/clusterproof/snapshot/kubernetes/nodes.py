"""Nodes and namespaces."""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Metadata, Obj, Quantity
from clusterproof.snapshot.kubernetes.pods import Condition


class Taint(Obj, frozen=True):
    key: str
    effect: str = ""
    value: str = ""


class NodeSpec(Obj, frozen=True):
    provider_id: str = field(default="", name="providerID")
    taints: tuple[Taint, ...] = ()
    unschedulable: bool = False


class NodeAddress(Obj, frozen=True):
    type: str
    address: str


class ContainerImage(Obj, frozen=True):
    names: tuple[str, ...] = ()
    size_bytes: int = 0


class NodeInfo(Obj, frozen=True):
    kubelet_version: str = ""
    operating_system: str = ""
    architecture: str = ""


class NodeStatus(Obj, frozen=True):
    allocatable: dict[str, Quantity] = field(default_factory=dict)
    capacity: dict[str, Quantity] = field(default_factory=dict)
    images: tuple[ContainerImage, ...] = ()
    addresses: tuple[NodeAddress, ...] = ()
    conditions: tuple[Condition, ...] = ()
    node_info: NodeInfo = field(default_factory=NodeInfo)


class Node(Obj, frozen=True):
    metadata: Metadata
    spec: NodeSpec = field(default_factory=NodeSpec)
    status: NodeStatus = field(default_factory=NodeStatus)


class Namespace(Obj, frozen=True):
    metadata: Metadata
