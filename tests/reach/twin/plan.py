"""A drawn world in the twin's own words: plain records, nothing of the engine's.

What a draw may hold is one VPC with nodes and one peered with it, in one address family; groups, ACLs and routes;
node groups with a launch template's groups or the cluster's; custom networking, subnet discovery and
SecurityGroupPolicies; workloads with labels and named ports; Services; NetworkPolicies and cluster-wide policies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Raw = dict[str, Any]
Rule = tuple[str, int, int, str, str]
"""Protocol as a group writes it, first and last port, ``cidr``, ``group`` or ``list``, and which."""
Entry = tuple[int, bool, bool, int, int, int, str]
"""Number, egress, allow, protocol number (-1: all), first and last port, CIDR block."""
Route = tuple[str, str]
"""Destination, and ``local``, ``peering`` or ``blackhole``."""

ZONES = {"subnet-a": "us-east-1a", "subnet-b": "us-east-1b", "subnet-c": "us-east-1a", "subnet-d": "us-east-1b"}
NODE_SUBNETS, POD_SUBNETS, PEER_SUBNET = ("subnet-a", "subnet-b"), ("subnet-c", "subnet-d"), "subnet-p"
GROUPS = ("sg-1", "sg-2", "sg-3", "sg-pod", "sg-cluster", "sg-peer")
QUESTIONS = ((80, "TCP"), (80, "TCP"), (8080, "TCP"), (53, "UDP"), (80, "SCTP"))
NAMED = "web"


@dataclass(frozen=True)
class Pods:
    """A workload: ``group`` binds it to a node group; ports are (name, number, protocol)."""

    kind: str
    namespace: str
    name: str
    labels: dict[str, str]
    group: str = ""
    host: bool = False
    ports: tuple[tuple[str, int, str], ...] = ()
    replicas: int = 2

    @property
    def alone(self) -> bool:
        """No node has two of its pods."""
        return self.kind == "DaemonSet" or self.replicas == 1

    @property
    def id(self) -> str:
        """As the product names it."""
        return f"{ {'Deployment': 'deploy', 'DaemonSet': 'ds'}[self.kind] }/{self.namespace}/{self.name}".replace(
            " ", ""
        )


@dataclass(frozen=True)
class NodeGroup:
    """Nodes that exist, and how many there may be; without groups of its own it has the cluster's."""

    name: str
    groups: tuple[str, ...]
    subnets: tuple[str, ...]
    nodes: int
    high: int


@dataclass(frozen=True)
class Behind:
    """A Service of one port; ``target`` is a number or a name."""

    namespace: str
    name: str
    address: str
    port: int
    target: int | str
    protocol: str
    selector: dict[str, str]
    local: bool = False
    outside_local: bool | None = None
    """It has a node port: whether nodes pass connections to their own pods only."""

    @property
    def headless(self) -> bool:
        """Its name leads to the pods."""
        return self.address == "None"


@dataclass
class Plan:
    """Everything that was drawn."""

    seed: int
    family: int
    engine: str
    env: dict[str, str]
    vpcs: dict[str, str] = field(default_factory=dict)
    subnets: dict[str, tuple[str, str]] = field(default_factory=dict)
    acls: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    """By subnet; of a subnet that is not named the default ACL lets all through."""
    tables: dict[str, tuple[Route, ...]] = field(default_factory=dict)
    """By subnet, and ``main`` for the others of vpc-1."""
    peered: bool = True
    groups: dict[str, tuple[tuple[Rule, ...], tuple[Rule, ...]]] = field(default_factory=dict)
    """Inbound and outbound rules."""
    lists: dict[str, tuple[str, ...]] = field(default_factory=dict)
    node_groups: list[NodeGroup] = field(default_factory=list)
    eni_configs: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """By zone: subnet and groups."""
    discovered: tuple[str, ...] = ()
    pod_groups: list[tuple[str, dict[str, str], tuple[str, ...]]] = field(default_factory=list)
    """SecurityGroupPolicies: namespace, pod labels, groups."""
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    workloads: list[Pods] = field(default_factory=list)
    services: list[Behind] = field(default_factory=list)
    policies: list[Raw] = field(default_factory=list)
    admin: list[tuple[str, Raw]] = field(default_factory=list)
    """Kind and object of cluster-wide policies."""
    peer: tuple[str, tuple[str, ...]] = ("", ())
    """Address and groups of a machine in the peered VPC."""

    def on(self, setting: str) -> bool:
        """Whether the VPC CNI is told to."""
        return self.env.get(setting) == "true"


def block(family: int, vpc: int, subnet: int | None = None, first: int = 0, size: int = 16) -> str:
    """A CIDR block: of a VPC, of a subnet of 16 addresses in it, or of a part of that."""
    bits = {16: 0, 8: 1, 4: 2, 2: 3, 1: 4}[size]
    if family == 4:
        return f"10.{vpc}.0.0/16" if subnet is None else f"10.{vpc}.{subnet}.{first}/{28 + bits}"
    return f"2001:db8:{vpc}::/48" if subnet is None else f"2001:db8:{vpc}:{subnet}::{first:x}/{124 + bits}"
