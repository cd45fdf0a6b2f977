"""What of a world neither security group rules, nor network ACLs, nor policies (of networks or of IAM) decide: nearly all.

A search for fixes builds many worlds of snapshots that differ in those alone, or in kinds that only requirements of their
own ask for. Each world is built anew; its ground is a pure function of the rest of the snapshot, and is kept for as long
as the rest is the same tables. That it rests on nothing else is no promise but made sure: it is given a snapshot in which
rules and policies are left out, and the other kinds raise.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from functools import cached_property
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import Role, SecurityGroup
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Labels
from clusterproof.snapshot.snapshot import MemoryLines, Meta, Snapshot, Table
from clusterproof.world.dataplane import data_plane
from clusterproof.world.endpoints import Holders
from clusterproof.world.fargate import Profiles, undescribed
from clusterproof.world.groups import node_groups
from clusterproof.world.interfaces import Interfaces
from clusterproof.world.model import DataPlane, NodeClass, NodeGroup, Workload
from clusterproof.world.nodes import EXTERNAL_ENI_CONFIG, node_classes
from clusterproof.world.othermakers import other_makers, unread_profiles
from clusterproof.world.readable import device_selectors, readable
from clusterproof.world.runtimeclasses import admitted
from clusterproof.world.services import Services
from clusterproof.world.workloads import workloads

_PLACES = (kinds.ROLES, kinds.INSTANCE_PROFILES)
"""Kinds that are read on request and tell which role nodes have."""
_WITHHELD: tuple[kinds.Kind[Any], ...] = (
    kinds.NETWORK_ACLS,
    kinds.NETWORK_POLICIES,
    *(kind for kind in kinds.REQUESTED if kind not in _PLACES),
)
_MOST = 3
"""Grounds that are kept for one snapshot and what overlays make of it; the oldest goes first."""


class Ground:
    """A cluster and its account, less what security group rules, network ACLs and NetworkPolicies decide.

    Attributes as in :class:`~clusterproof.world.world.World`, and:

    Attributes:
        snapshot: what it was built from, without those.
        memo: answers of pure functions about the ground, by names of their own.
    """

    def __init__(self, snapshot: Snapshot, extra: Iterable[Workload], readable_labels: Iterable[str]) -> None:
        self.snapshot = snapshot
        self.memo: dict[Hashable, Any] = {}
        self.workloads = admitted(workloads(snapshot, extra), snapshot)
        self.plane: DataPlane = data_plane(snapshot, self.workloads)
        labels = list(readable_labels)
        if self.plane.custom_networking:
            labels += [EXTERNAL_ENI_CONFIG, self.plane.eni_config_label]
        devices = device_selectors(self.workloads, snapshot)
        volumes, storage_classes = snapshot.objects(kinds.VOLUMES), snapshot.objects(kinds.STORAGE_CLASSES)
        self._readable = readable(self.workloads, volumes, labels, devices, storage_classes)
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


class _Key(msgspec.Struct, frozen=True):
    """What a ground is made of; ``tables`` by identity: they are kept beside it, so that no id is used again."""

    meta: Meta
    tables: tuple[tuple[str, int], ...]
    groups: tuple[object, ...]
    extra: tuple[Workload, ...]
    labels: tuple[str, ...]


def ground_of(snapshot: Snapshot, extra: Iterable[Workload], readable_labels: Iterable[str]) -> Ground:
    """The ground of a snapshot's world: the one that is kept, where the rest of the snapshot is the same."""
    key = _Key(
        snapshot.meta,
        tuple((name, id(table)) for name, table in sorted(snapshot.tables.items()) if name not in _APART),
        tuple(
            (held.derived(bare), held.coverage, held.unknown_fields)
            for kind, bare in _BARE.items()
            if (held := snapshot.tables.get(kind.name)) is not None
        ),
        tuple(extra),
        tuple(readable_labels),
    )
    grounds: list[tuple[_Key, Ground]] = snapshot.kept.setdefault("grounds", [])
    for other, ground in grounds:
        if other == key:
            return ground
    made = Ground(_rest(snapshot), key.extra, key.labels)
    grounds.append((key, made))
    del grounds[:-_MOST]
    return made


def _without_rules(table: Table[SecurityGroup]) -> tuple[bytes, ...]:
    """Names, tags and VPCs of the groups."""
    bare = (msgspec.structs.replace(group, ip_permissions=(), ip_permissions_egress=()) for group in table.objects)
    return tuple(msgspec.json.encode(group) for group in bare)


def _without_policies(table: Table[Role]) -> tuple[bytes, ...]:
    """Names and ARNs of the roles."""
    return tuple(msgspec.json.encode(Role(role.role_name, role.arn, role.path)) for role in table.objects)


_BARE: dict[kinds.Kind[Any], Callable[[Table[Any]], tuple[bytes, ...]]] = {
    kinds.SECURITY_GROUPS: _without_rules,
    kinds.ROLES: _without_policies,
}
"""Kinds of which a part is read."""
_APART = frozenset(kind.name for kind in (*_WITHHELD, *_BARE))


def _rest(snapshot: Snapshot) -> Snapshot:
    tables = {name: table for name, table in snapshot.tables.items() if name not in _APART}
    for kind, bare in _BARE.items():
        held = snapshot.tables.get(kind.name)
        if held is not None:
            lines = MemoryLines(held.derived(bare))
            tables[kind.name] = Table(kind, lines, held.coverage, held.unknown_fields)
    return Snapshot(snapshot.meta, tables | {kind.name: _Withheld(kind) for kind in _WITHHELD})


class _Withheld(Table[Any]):
    """A table of which nothing can be read."""

    def __init__(self, kind: kinds.Kind[Any]) -> None:
        self.kind = kind

    def __getattr__(self, name: str) -> Any:
        raise LookupError(f"the ground of a world rests on no {self.kind.name} ({name})")
