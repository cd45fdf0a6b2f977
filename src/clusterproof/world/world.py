"""The world: what a snapshot and a profile's own pod templates mean together.

Always built anew (design: "it is always built anew from snapshot and overlay,
never edited"). Everything in it is derived once and read many times.
"""

from __future__ import annotations

from collections.abc import Iterable

from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Labels
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.endpoints import Holders
from clusterproof.world.fargate import Profiles
from clusterproof.world.ground import ground_of
from clusterproof.world.interfaces import Interfaces
from clusterproof.world.model import DataPlane, NodeClass, NodeGroup, Workload
from clusterproof.world.services import Services


class World:
    """A cluster and its account as the questions see them.

    Attributes:
        snapshot: what it was built from.
        ground: what neither security group rules, nor network ACLs, nor NetworkPolicies decide, which is all below.
        workloads: all of them, a profile's own templates last.
        plane: the data plane.
        groups: node groups, by name.
        classes: node classes, grouped and numbered by node group.
        unknown_templates: by node group: why its next nodes are not known.
        other_makers: what else may make nodes and was not read or is not modelled.
        family: the address family of pods: 4, or 6 in an IPv6 cluster (EKS clusters have one).
    """

    def __init__(self, snapshot: Snapshot, extra: Iterable[Workload] = (), readable_labels: Iterable[str] = ()) -> None:
        self.snapshot = snapshot
        self.ground = ground_of(snapshot, extra, readable_labels)
        self.workloads: tuple[Workload, ...] = self.ground.workloads
        self.plane: DataPlane = self.ground.plane
        self.groups: dict[str, NodeGroup] = self.ground.groups
        self.classes: tuple[NodeClass, ...] = self.ground.classes
        self.unknown_templates: dict[str, Unknown] = self.ground.unknown_templates
        self.other_makers: tuple[Unknown, ...] = self.ground.other_makers
        self.family: int = self.ground.family

    @property
    def by_id(self) -> dict[str, Workload]:
        """Workloads by id (``deploy/dynamo/worker``)."""
        return self.ground.by_id

    @property
    def interfaces(self) -> Interfaces:
        """Answers which interface a workload's pod has on a node class."""
        return self.ground.interfaces

    @property
    def of_pod(self) -> dict[str, Workload]:
        """The workload of each pod that is not finished, by the pod's ``namespace/name``."""
        return self.ground.of_pod

    @property
    def holders(self) -> Holders:
        """Answers who has an address today."""
        return self.ground.holders

    @property
    def fargate(self) -> Profiles:
        """Answers which Fargate profile takes a workload's pods."""
        return self.ground.fargate

    @property
    def services(self) -> Services:
        """Finds Services and what stands behind them."""
        return self.ground.services

    @property
    def namespaces(self) -> dict[str, Labels]:
        """Labels of the namespaces that were read, by name."""
        return self.ground.namespaces

    @property
    def group_of_node(self) -> dict[str, str]:
        """The node group of each node that exists."""
        return self.ground.group_of_node

    @property
    def kubernetes_version(self) -> str:
        """The control plane's version, else the newest kubelet's; empty when neither was read."""
        return self.ground.kubernetes_version

    @property
    def exact_version(self) -> str:
        """The same with the patch, where the API server was read: EKS itself names the minor alone."""
        return self.ground.exact_version
