"""The world: what a snapshot and a profile's own pod templates mean together.

Always built anew (design: "it is always built anew from snapshot and overlay,
never edited"). Everything in it is derived once and read many times.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from functools import cached_property
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Labels
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.dataplane import data_plane
from clusterproof.world.endpoints import Holders
from clusterproof.world.fargate import Profiles, undescribed
from clusterproof.world.groups import node_groups
from clusterproof.world.interfaces import Interfaces
from clusterproof.world.model import DataPlane, NodeClass, NodeGroup, Workload
from clusterproof.world.nodes import EXTERNAL_ENI_CONFIG, node_classes
from clusterproof.world.othermakers import other_makers, unread_profiles
from clusterproof.world.readable import device_selectors, readable
from clusterproof.world.services import Services
from clusterproof.world.workloads import workloads


class World:
    """A cluster and its account as the questions see them.

    Attributes:
        snapshot: what it was built from.
        memo: answers of pure functions about node classes, by their ids, which are unique in one world.
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
        self.memo: dict[Hashable, Any] = {}
        self.workloads = workloads(snapshot, extra)
        self.plane: DataPlane = data_plane(snapshot, self.workloads)
        labels = list(readable_labels)
        if self.plane.custom_networking:
            labels += [EXTERNAL_ENI_CONFIG, self.plane.eni_config_label]
        devices = device_selectors(self.workloads, snapshot)
        self._readable = readable(self.workloads, snapshot.objects(kinds.VOLUMES), labels, devices)
        groups = node_groups(snapshot)
        self.groups: dict[str, NodeGroup] = {group.name: group for group in groups}
        self.classes: tuple[NodeClass, ...]
        self.unknown_templates: dict[str, Unknown]
        self.classes, self.unknown_templates = node_classes(snapshot, self.plane, groups, self._readable)
        self.other_makers: tuple[Unknown, ...] = other_makers(snapshot, self.workloads)

    @cached_property
    def by_id(self) -> dict[str, Workload]:
        """Workloads by id (``deploy/dynamo/worker``)."""
        return {workload.id: workload for workload in self.workloads}

    @cached_property
    def interfaces(self) -> Interfaces:
        """Answers which interface a workload's pod has on a node class."""
        return Interfaces(self.snapshot, self.plane, self.kubernetes_version, self.family)

    @cached_property
    def of_pod(self) -> dict[str, Workload]:
        """The workload of each pod that is not finished, by the pod's ``namespace/name``."""
        return {f"{workload.namespace}/{name}": workload for workload in self.workloads for name in workload.pod_names}

    @cached_property
    def holders(self) -> Holders:
        """Answers who has an address today."""
        return Holders(self.snapshot)

    @cached_property
    def fargate(self) -> Profiles:
        """Answers which Fargate profile takes a workload's pods."""
        return Profiles(self.snapshot, [*undescribed(self.groups.values()), *unread_profiles(self.snapshot)])

    @cached_property
    def services(self) -> Services:
        """Finds Services and what stands behind them."""
        return Services(self.snapshot, self.workloads)

    @cached_property
    def namespaces(self) -> dict[str, Labels]:
        """Labels of the namespaces that were read, by name."""
        return {obj.metadata.name: obj.metadata.labels for obj in self.snapshot.objects(kinds.NAMESPACES)}

    @cached_property
    def group_of_node(self) -> dict[str, str]:
        """The node group of each node that exists."""
        return {node: group.name for group in self.groups.values() for node in group.nodes}

    @cached_property
    def family(self) -> int:
        """The address family of pods: 4 or 6."""
        for cluster in self.snapshot.objects(kinds.CLUSTERS):
            return 6 if cluster.kubernetes_network_config.ip_family == "ipv6" else 4
        families = {f for service in self.snapshot.objects(kinds.SERVICES) for f in service.spec.ip_families}
        return 6 if families == {"IPv6"} else 4

    @cached_property
    def kubernetes_version(self) -> str:
        """The control plane's version, else the newest kubelet's; empty when neither was read."""
        for cluster in self.snapshot.objects(kinds.CLUSTERS):
            if cluster.version:
                return cluster.version
        return self.snapshot.meta.kubernetes_version or max(
            (node.status.node_info.kubelet_version for node in self.snapshot.objects(kinds.NODES)),
            key=lambda text: [int(part) for part in text.lstrip("v").split("-")[0].split(".") if part.isdigit()],
            default="",
        )

    @cached_property
    def exact_version(self) -> str:
        """The same with the patch, where the API server was read: EKS itself names the minor alone."""
        said = self.snapshot.meta.kubernetes_version
        return said if said.removeprefix("v").startswith(f"{self.kubernetes_version}.") else self.kubernetes_version
