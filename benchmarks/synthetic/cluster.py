"""A whole synthetic snapshot; its objects are made one at a time when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import msgspec

from benchmarks.synthetic import account, objects
from benchmarks.synthetic.plan import ACCOUNT, CLUSTER, REGION, TIME, Plan, Size
from benchmarks.synthetic.pods import Pods, node_text
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Meta, Snapshot, Table, table_of

T = TypeVar("T")


class GeneratedLines:
    """Objects that are generated from their position; implements ``snapshot.Lines`` without keeping any."""

    __slots__ = ("_count", "_make")

    def __init__(self, count: int, make: Callable[[int], bytes]) -> None:
        self._count = count
        self._make = make

    def __len__(self) -> int:
        return self._count

    def line(self, index: int) -> bytes:
        """The JSON text of object ``index``."""
        return self._make(index)

    def decode(self, type_: type[T]) -> list[T]:
        """All objects, decoded."""
        decoder = msgspec.json.Decoder(type_)
        return [decoder.decode(self._make(index)) for index in range(self._count)]


def synthetic(size: Size) -> Snapshot:
    """The snapshot of a size: the same size gives the same bytes.

    Raises:
        ValueError: no plausible cluster has this size.
    """
    plan = Plan(size)
    pods = Pods(plan)
    streamed: tuple[tuple[Kind[Any], int, Callable[[int], bytes]], ...] = (
        (kinds.PODS, plan.pods, pods.text),
        (kinds.NODES, size.nodes, lambda node: node_text(plan, node)),
        (kinds.INSTANCES, size.nodes, lambda node: account.instance_text(plan, node)),
        (kinds.NETWORK_INTERFACES, size.nodes, lambda node: account.interface_text(plan, node)),
    )
    listed: tuple[tuple[Kind[Any], Iterable[dict[str, Any]]], ...] = (
        (kinds.NAMESPACES, objects.namespaces(plan)),
        (kinds.DEPLOYMENTS, objects.controllers(plan, "Deployment")),
        (kinds.STATEFUL_SETS, objects.controllers(plan, "StatefulSet")),
        (kinds.DAEMON_SETS, objects.controllers(plan, "DaemonSet")),
        (kinds.REPLICA_SETS, objects.replica_sets(plan)),
        (kinds.SERVICES, objects.services(plan)),
        (kinds.ENDPOINT_SLICES, objects.endpoint_slices(plan)),
        (kinds.NETWORK_POLICIES, objects.network_policies(plan)),
        (kinds.HELM_RELEASES, objects.helm_releases(plan)),
        (kinds.CLUSTERS, account.cluster(plan)),
        (kinds.NODEGROUPS, account.nodegroups(plan)),
        (kinds.NODEGROUP_NAMES, account.nodegroup_names(plan)),
        (kinds.LAUNCH_TEMPLATE_VERSIONS, account.launch_templates(plan)),
        (kinds.AUTO_SCALING_GROUPS, account.scaling_groups(plan)),
        (kinds.VPCS, account.vpcs(plan)),
        (kinds.SUBNETS, account.subnets(plan)),
        (kinds.ROUTE_TABLES, account.route_tables(plan)),
        (kinds.NETWORK_ACLS, account.network_acls(plan)),
        (kinds.SECURITY_GROUPS, account.security_groups(plan)),
        (kinds.INSTANCE_TYPES, account.instance_types(plan)),
        *((kind, ()) for kind in _EMPTY),
    )
    tables: dict[str, Table[Any]] = {kind.name: table_of(kind, raws) for kind, raws in listed}
    for kind, count, make in streamed:
        tables[kind.name] = Table(kind, GeneratedLines(count, make))
    meta = Meta(time=TIME, cluster=CLUSTER, account=ACCOUNT, region=REGION, kubernetes_version="1.34")
    return Snapshot(meta, tables)


_EMPTY: tuple[Kind[Any], ...] = (
    kinds.JOBS,
    kinds.CRON_JOBS,
    kinds.CLAIMS,
    kinds.VOLUMES,
    kinds.STORAGE_CLASSES,
    kinds.CSI_NODES,
    kinds.VOLUME_ATTACHMENTS,
    kinds.PRIORITY_CLASSES,
    kinds.RUNTIME_CLASSES,
    kinds.RESOURCE_CLAIMS,
    kinds.RESOURCE_CLAIM_TEMPLATES,
    kinds.RESOURCE_SLICES,
    kinds.DEVICE_CLASSES,
    kinds.SERVICE_ACCOUNTS,
    kinds.CRDS,
    kinds.ENI_CONFIGS,
    kinds.SECURITY_GROUP_POLICIES,
    kinds.NODE_POOLS,
    kinds.EC2_NODE_CLASSES,
    kinds.NODE_CLASSES,
    kinds.FARGATE_PROFILES,
    kinds.FARGATE_PROFILE_NAMES,
    kinds.ADDONS,
    kinds.ADDON_NAMES,
    kinds.POD_IDENTITY_ASSOCIATIONS,
    kinds.POD_IDENTITY_ASSOCIATION_IDS,
    kinds.SECURITY_GROUP_RULES,
    kinds.PEERINGS,
    kinds.MANAGED_PREFIX_LISTS,
    *(kind for kind in kinds.REQUESTED if kind not in (kinds.ROLES, kinds.POLICIES, kinds.INSTANCE_PROFILES)),
)
"""Read, and none there."""
