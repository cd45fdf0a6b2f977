"""Who can be at either end of a connection, folded to what security groups, ACLs and routes can read.

A rule that names a group admits everything that carries it: the nodes themselves, their pods, nodes not yet
born, and interfaces outside the cluster. A repair is judged by all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from clusterproof.checks.context import Context
from clusterproof.reach.addresses import AddressSet
from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import NetworkInterface
from clusterproof.snapshot.fields import Unknown
from clusterproof.world.groups import instance_id
from clusterproof.world.model import Attachment, Interface

OUTSIDE = "outside the cluster"


class Carrier(msgspec.Struct, frozen=True):
    """A class of interfaces.

    Attributes:
        label: ``gpu (sg-0a1)``: the node group and the interface's groups.
        group: the node group, or :data:`OUTSIDE`.
        interface: what the layers of the VPC read.
    """

    label: str
    group: str
    interface: Interface

    @property
    def security_groups(self) -> tuple[str, ...]:
        """Ids on the interface; none where they are not known."""
        groups = self.interface.security_groups
        return groups if isinstance(groups, tuple) else ()


def label_of(group: str, security_groups: tuple[str, ...] | Unknown) -> str:
    """``gpu (sg-0a1)``; several groups joined by ``+``."""
    named = "+".join(security_groups) if isinstance(security_groups, tuple) else "security groups not known"
    return f"{group} ({named})"


def carriers(context: Context) -> tuple[Carrier, ...]:
    """All classes of interfaces of the cluster, and those that share its groups outside; sorted by label."""
    world = context.world
    found: dict[tuple[object, ...], Carrier] = {}

    def add(group: str, interface: Interface) -> None:
        # A node and its ordinary pods share groups and subnet: to a rule they are the same.
        own = interface.attachment in (Attachment.HOST, Attachment.SECONDARY)
        key = (group, own or interface.attachment, interface.security_groups, interface.subnet)
        label = label_of(group, interface.security_groups)
        found.setdefault((*key, interface.node_subnet), Carrier(label, group, interface))

    selected = {policy.metadata.namespace for policy in world.snapshot.objects(kinds.SECURITY_GROUP_POLICIES)}
    special = [w for w in world.workloads if world.plane.pod_groups and w.namespace in selected]
    ordinary = next((w for w in world.workloads if not w.spec.host_network and w.namespace not in selected), None)
    for node_class in world.classes:
        add(node_class.group, node_class.host)
        if ordinary is not None:
            for interface in world.interfaces.of(ordinary, node_class):
                add(node_class.group, interface)
    for workload in special:
        for place in context.places(workload).places:
            add(place.node_class.group, place.interface)
    for interface in _outside(context):
        add(OUTSIDE, interface)
    return tuple(sorted(found.values(), key=lambda item: (item.label, str(item.interface.subnet))))


def _outside(context: Context) -> Iterable[Interface]:
    """Interfaces that were read and belong to no node of the cluster, one per class."""
    snapshot = context.world.snapshot
    nodes = {instance_id(node) for node in snapshot.objects(kinds.NODES)} - {""}
    classes: defaultdict[tuple[tuple[str, ...], str], int] = defaultdict(int)
    for item in snapshot.objects(kinds.NETWORK_INTERFACES):
        if _of_node(item, nodes) or not item.groups:
            continue
        classes[(tuple(sorted(group.group_id for group in item.groups)), item.subnet_id)] += 1
    for groups, subnet in sorted(classes):
        yield Interface(Attachment.HOST, groups, subnet, groups, subnet)


def _of_node(item: NetworkInterface, nodes: set[str]) -> bool:
    if item.interface_type in ("branch", "trunk") or item.description.startswith("aws-K8S-"):
        return True
    return item.attachment is not None and item.attachment.instance_id in nodes


def carrying(found: Iterable[Carrier]) -> dict[str, list[Carrier]]:
    """The classes whose interfaces carry a security group, by the group."""
    result: dict[str, list[Carrier]] = {}
    for item in found:
        for group in dict.fromkeys(item.security_groups):
            result.setdefault(group, []).append(item)
    return result


def within(context: Context, found: Iterable[Carrier], cidr: str) -> list[Carrier]:
    """The classes whose subnet shares addresses with a CIDR block."""
    space = AddressSet.of(cidr)
    result: list[Carrier] = []
    for item in found:
        subnet = item.interface.subnet
        held = None if isinstance(subnet, Unknown) else context.world.snapshot.get(kinds.SUBNETS, subnet)
        cidrs = (
            []
            if held is None
            else [held.cidr_block, *(s.ipv6_cidr_block for s in held.ipv6_cidr_block_association_set)]
        )
        if any(AddressSet.of(text) & space for text in cidrs if text):
            result.append(item)
    return result
