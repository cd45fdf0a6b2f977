"""Node classes: the nodes, and those not yet born, folded by what rules can read of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import Instance, NetworkInterface
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.kubernetes import Labels, Node, Quantity, Taint
from clusterproof.snapshot.snapshot import Snapshot, Table
from clusterproof.world import customnetworking, fargate
from clusterproof.world.automode import Networks
from clusterproof.world.groups import instance_id
from clusterproof.world.karpenter import pool_templates
from clusterproof.world.model import (
    Attachment,
    DataPlane,
    GroupKind,
    Interface,
    NodeClass,
    NodeGroup,
)
from clusterproof.world.readable import ZONE, Readable
from clusterproof.world.subnetdiscovery import Discovery
from clusterproof.world.templates import Template, structural_taints, templates

_TEMPLATES = {
    GroupKind.KARPENTER: pool_templates,
    GroupKind.AUTO_MODE: pool_templates,
    GroupKind.FARGATE: fargate.profile_templates,
}


def node_classes(
    snapshot: Snapshot, plane: DataPlane, groups: Sequence[NodeGroup], readable: Readable
) -> tuple[tuple[NodeClass, ...], dict[str, Unknown]]:
    """All classes of all groups, sorted by id; and by group why its next nodes are not known."""
    nodes = {node.metadata.name: node for node in snapshot.objects(kinds.NODES)}
    hosts = _Hosts(snapshot)
    hosts.held = customnetworking.HeldInterfaces(snapshot)
    if not plane.custom_networking:
        hosts.discovery = Discovery(snapshot, enabled=plane.subnet_discovery)
    networks = Networks(snapshot)
    classes: list[NodeClass] = []
    unknown: dict[str, Unknown] = {}
    for group in groups:
        members = [nodes[name] for name in group.nodes]
        born, keys = _born_once(snapshot, group, members, hosts, networks, plane, readable)
        seen = set(keys)
        future = _TEMPLATES.get(group.kind, templates)(snapshot, group, members, readable.keys)
        if isinstance(future, Unknown):
            unknown[group.name] = future
            classes += born
        else:
            again: set[str] = set()
            unborn = _unborn(group, future, plane, readable, seen, keys, again)
            classes += [msgspec.structs.replace(item, again=True) if item.id in again else item for item in born]
            classes += unborn
    return tuple(classes), unknown


_Key = tuple[object, ...]
_Born = tuple[tuple[NodeClass, ...], Mapping[_Key, str]]


def _born_once(
    snapshot: Snapshot,
    group: NodeGroup,
    members: Sequence[Node],
    hosts: _Hosts,
    networks: Networks,
    plane: DataPlane,
    readable: Readable,
) -> _Born:
    """As :func:`_born`; worlds of snapshots with the same nodes, instances and interfaces share the answer."""
    nodes = snapshot.tables.get(kinds.NODES.name)
    if nodes is None:
        return _born(snapshot, group, members, hosts, networks, plane, readable)
    read: list[Kind[Any]] = [kinds.INSTANCES, kinds.NETWORK_INTERFACES]
    if plane.custom_networking:
        read += [kinds.ENI_CONFIGS, kinds.SUBNETS]
    if group.kind in _TEMPLATES:
        read += [kinds.NODE_POOLS, kinds.FARGATE_PROFILES, kinds.CLUSTERS, kinds.SUBNETS]
    others = tuple(snapshot.tables.get(kind.name) for kind in read)
    memo = nodes.derived(_no_answers)
    # The tables are kept beside the answer, so that their ids are not used again.
    here = {networks.of(node.metadata.labels, node.metadata.labels.get(ZONE, "")): None for node in members}
    key = (tuple(map(id, others)), _without_maps(group), plane, readable.signature, tuple(here))
    if key not in memo:
        memo[key] = (others, _born(snapshot, group, members, hosts, networks, plane, readable))
    return memo[key][1]


def _no_answers(_nodes: Table[Node]) -> dict[object, tuple[object, _Born]]:
    return {}


def _without_maps(group: NodeGroup) -> tuple[object, ...]:
    """What of a group its nodes that exist depend on; hashable."""
    return group.name, group.kind, group.nodes, group.refs


def _born(
    snapshot: Snapshot,
    group: NodeGroup,
    members: Sequence[Node],
    hosts: _Hosts,
    networks: Networks,
    plane: DataPlane,
    readable: Readable,
) -> _Born:
    found: defaultdict[_Key, list[tuple[Node, Interface, str | Unknown, _Held]]] = defaultdict(list)
    passing = _startup_taints(snapshot, group)
    profile = group.refs[0].key if group.kind is GroupKind.FARGATE else ""
    for node in members:
        host = hosts.fargate.of(node, profile) if profile else hosts.of(node)
        config = eni_config(plane, node.metadata.labels, node.metadata.annotations)
        network = networks.of(node.metadata.labels, node.metadata.labels.get(ZONE, ""))
        held = None if profile or network is not None else _held(snapshot, group, node, host, config, hosts)
        key = (
            readable.key(node.metadata.labels, node.metadata.name),
            _lasting(node, passing),
            _capacity(node.status.allocatable),
            _interface_key(host),
            config,
            network,
        )
        found[(*key, held)].append((node, host, config, held))
    result: list[NodeClass] = []
    keys: dict[_Key, str] = {}
    for number, (whole, items) in enumerate(sorted(found.items(), key=lambda item: item[1][0][0].metadata.name)):
        items.sort(key=lambda item: item[0].metadata.name)
        node, host, config, held = items[0]
        # What a group would make next has no older interfaces, so such a node stands for no new one.
        if held is None:
            keys[whole[:-1]] = f"{group.name}#{number}"
        result.append(
            NodeClass(
                id=f"{group.name}#{number}",
                group=group.name,
                born=True,
                nodes=tuple(item[0].metadata.name for item in items),
                labels=readable.labels(node.metadata.labels),
                unknown_labels={},
                taints=_lasting(node, passing),
                allocatable=_largest([item[0].status.allocatable for item in items], node.metadata.name),
                zone=node.metadata.labels.get(ZONE, ""),
                host=host,
                eni_config=config,
                pod_network=networks.of(node.metadata.labels, node.metadata.labels.get(ZONE, "")),
                held=held,
                fargate=profile,
            )
        )
    return tuple(result), keys


_Held = customnetworking.Held | Unknown | None


def _held(
    snapshot: Snapshot, group: NodeGroup, node: Node, host: Interface, config: str | Unknown, hosts: _Hosts
) -> _Held:
    """Which interfaces of the VPC CNI a node has, where its ENIConfig, or subnet discovery, asks for others."""
    if hosts.held is None:
        return None
    zone = node.metadata.labels.get(ZONE, "")
    if hosts.discovery is not None:
        subnets = [place.subnet for place in hosts.discovery.places(host, zone)]
        return hosts.held.elsewhere(instance_id(node), subnets)
    asked = customnetworking.configured(snapshot, config, group.name, zone, host)
    return hosts.held.unlike(instance_id(node), node.metadata.name, asked)


def _startup_taints(snapshot: Snapshot, group: NodeGroup) -> frozenset[Taint]:
    """Taints that a pool's nodes have while they start: they pass by themselves."""
    pool = snapshot.get(kinds.NODE_POOLS, group.refs[0].key) if group.refs and group.kind in _TEMPLATES else None
    if pool is None:
        return frozenset()
    spec = pool.spec.template.spec
    return frozenset(taint for taint in spec.startup_taints if taint not in spec.taints)


def _lasting(node: Node, passing: frozenset[Taint]) -> tuple[Taint, ...]:
    return tuple(taint for taint in structural_taints(node.spec.taints) if taint not in passing)


def _unborn(
    group: NodeGroup,
    future: Sequence[Template],
    plane: DataPlane,
    readable: Readable,
    seen: set[_Key],
    born: Mapping[_Key, str],
    again: set[str],
) -> list[NodeClass]:
    """Classes of nodes not yet born that differ from every class of nodes that exist.

    Args:
        group: what makes them.
        future: what it would make.
        plane: says which ENIConfig they use.
        readable: what of them rules can read.
        seen: those that need no class of their own; those that are found are added.
        born: ids of classes of nodes that exist.
        again: gets the ids of those of which the group would make further nodes.
    """
    result: list[NodeClass] = []
    for template in future:
        config = eni_config(plane, template.labels, template.annotations, template.unknown_labels)
        capacity = (
            template.allocatable if isinstance(template.allocatable, Unknown) else _capacity(template.allocatable)
        )
        key = (
            readable.key(template.labels, ""),
            template.taints,
            capacity,
            _interface_key(template.host),
            config,
            template.pod_network,
        )
        # A Fargate node that exists is its pod's: the next pod gets a new one.
        if key in seen and not template.unknown_labels and not template.fargate:
            if key in born:
                again.add(born[key])
            continue
        seen.add(key)
        result.append(
            NodeClass(
                id=f"{group.name}+{len(result)}",
                group=group.name,
                born=False,
                nodes=(),
                labels=readable.labels(template.labels),
                unknown_labels={k: v for k, v in template.unknown_labels.items() if k in readable.keys},
                taints=template.taints,
                allocatable=template.allocatable,
                zone=template.zone,
                host=template.host,
                eni_config=config,
                pod_network=template.pod_network,
                fargate=template.fargate,
                devices_known=template.devices_known,
            )
        )
    return result


EXTERNAL_ENI_CONFIG = "vpc.amazonaws.com/externalEniConfig"


def eni_config(
    plane: DataPlane, labels: Labels, annotations: Labels, unknown: Mapping[str, Unknown] = MappingProxyType({})
) -> str | Unknown:
    """The name of the ENIConfig that a node uses; empty without custom networking.

    Order as in amazon-vpc-cni-k8s pkg/eniconfig: the label vpc.amazonaws.com/externalEniConfig, the annotation
    that ENI_CONFIG_ANNOTATION_DEF names, the label that ENI_CONFIG_LABEL_DEF names, then ``default``.

    Args:
        plane: where the name stands.
        labels: the node's.
        annotations: the node's.
        unknown: labels of a node not yet born that cannot be told; one that would decide makes the name unknown.
    """
    if not plane.custom_networking:
        return ""
    name = (
        labels.get(EXTERNAL_ENI_CONFIG)
        or unknown.get(EXTERNAL_ENI_CONFIG)
        or annotations.get(plane.eni_config_annotation)
        or labels.get(plane.eni_config_label)
        or unknown.get(plane.eni_config_label)
    )
    return name or "default"


def _interface_key(interface: Interface) -> tuple[object, ...]:
    return (interface.attachment, interface.security_groups, interface.subnet)


_GIB = 1024 * 1024
_SCALE = {"Ki": 1, "Mi": 1024, "Gi": 1024 * 1024}


def _capacity(allocatable: dict[str, Quantity]) -> tuple[tuple[str, str], ...]:
    """What of a node's capacity tells classes apart: memory to the GiB, everything else exactly.

    Nodes of one instance type differ by some KiB of memory. A class offers the largest of its members
    (:func:`_largest`), so that no feasible place is ever left out.
    """
    parts: list[tuple[str, str]] = []
    for resource, quantity in sorted(allocatable.items()):
        text = str(quantity)
        if resource == "ephemeral-storage":
            continue
        if resource == "memory" and text[-2:] in _SCALE and text[:-2].isdigit():
            text = f"{int(text[:-2]) * _SCALE[text[-2:]] // _GIB}Gi"
        parts.append((resource, text))
    return tuple(parts)


def _largest(all_allocatable: Sequence[dict[str, Quantity]], name: str) -> dict[str, Quantity] | Unknown:
    first = all_allocatable[0]
    if not first:
        return Unknown(Cause.INCOMPLETE, f"node {name} shows no allocatable resources")
    result = dict(first)
    for resource in ("memory", "ephemeral-storage"):
        values = [allocatable[resource] for allocatable in all_allocatable if resource in allocatable]
        if values:
            result[resource] = max(values, key=_kib)
    return result


def _kib(quantity: Quantity) -> int:
    text = str(quantity)
    if text[-2:] in _SCALE and text[:-2].isdigit():
        return int(text[:-2]) * _SCALE[text[-2:]]
    return int(text) // 1024 if text.isdigit() else 0


class _Hosts:
    """Finds the primary interface of a node's instance."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self.fargate = fargate.Hosts(snapshot)
        self._instances: dict[str, Instance] = {
            instance.instance_id: instance for instance in snapshot.objects(kinds.INSTANCES)
        }
        self._primaries: dict[str, NetworkInterface] = {}
        for interface in snapshot.objects(kinds.NETWORK_INTERFACES):
            attachment = interface.attachment
            if (
                attachment is not None
                and attachment.instance_id
                and attachment.device_index == 0
                and attachment.network_card_index == 0
            ):
                self._primaries[attachment.instance_id] = interface
        self._memo: dict[tuple[tuple[str, ...], str], Interface] = {}
        self.held: customnetworking.HeldInterfaces | None = None
        self.discovery: Discovery | None = None
        self._missing = self._what_is_missing()

    def _what_is_missing(self) -> Unknown:
        reason = self._snapshot.missing(kinds.INSTANCES) or self._snapshot.missing(kinds.NETWORK_INTERFACES)
        return reason or Unknown(Cause.INCOMPLETE, "the instance is in no describe-instances output")

    def of(self, node: Node) -> Interface:
        name = instance_id(node)
        instance = self._instances.get(name)
        if instance is not None:
            for interface in instance.network_interfaces:
                attachment = interface.attachment
                if attachment is not None and attachment.device_index == 0 and attachment.network_card_index == 0:
                    groups = tuple(sorted(group.group_id for group in interface.groups))
                    return self._interface(
                        groups, interface.subnet_id, "instances", name, "NetworkInterfaces[0].Groups"
                    )
            if instance.security_groups and instance.subnet_id:
                groups = tuple(sorted(group.group_id for group in instance.security_groups))
                return self._interface(groups, instance.subnet_id, "instances", name, "SecurityGroups")
        primary = self._primaries.get(name)
        if primary is not None:
            groups = tuple(sorted(group.group_id for group in primary.groups))
            return self._interface(
                groups, primary.subnet_id, "network-interfaces", primary.network_interface_id, "Groups"
            )
        unknown = self._unknown(node, name)
        ref = Ref("nodes", node.metadata.name, "spec.providerID", node.spec.provider_id)
        return Interface(Attachment.HOST, unknown, unknown, unknown, unknown, (ref,))

    def _unknown(self, node: Node, name: str) -> Unknown:
        if not name:
            return Unknown(
                Cause.NOT_MODELLED,
                f"node {node.metadata.name} names no EC2 instance (spec.providerID {node.spec.provider_id or 'is empty'})",
            )
        return Unknown(
            self._missing.cause,
            f"the network interface of node {node.metadata.name} ({name}) was not read",
            self._missing.remedy or f"run: {kinds.INSTANCES.command} > instances.json",
        )

    def _interface(self, groups: tuple[str, ...], subnet: str, kind: str, key: str, field: str) -> Interface:
        """One object per distinct (groups, subnet); the evidence is the first node's."""
        token = (groups, subnet)
        if token not in self._memo:
            refs = (Ref(kind, key, field, ", ".join(groups)), Ref(kind, key, "SubnetId", subnet))
            self._memo[token] = Interface(Attachment.HOST, groups, subnet, groups, subnet, refs)
        return self._memo[token]
