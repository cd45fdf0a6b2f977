"""Custom networking of the VPC CNI: what an ENIConfig gives a node's pods, and which interfaces the node has today.

The subnet of an ENIConfig must be in the node's zone, else no interface can be made of it. Nodes that are older than
the setting keep the interfaces that they have; those that the VPC CNI made are known by their description.
Sources: Amazon EKS User Guide, "Deploy Pods in alternate subnets with custom networking" and "Customize the secondary
network interface" (one ENIConfig per Availability Zone; existing nodes are replaced); amazon-vpc-cni-k8s README,
AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG ("the subnet in the ENIConfig must belong to the same Availability Zone") and
pkg/awsutils/awsutils.go (``eniDescriptionPrefix``, ``createENIUsingCustomCfg``).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import InstanceInterface, NetworkInterface
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Attachment, Interface, NodeClass

Held = tuple[tuple[str, tuple[str, ...]], ...]
"""Subnet and groups of interfaces that the VPC CNI made, distinct and sorted."""

_MADE_BY_CNI = "aws-K8S-"


def configured(snapshot: Snapshot, name: str | Unknown, group: str, zone: str, host: Interface) -> Interface:
    """The interface that a node's ENIConfig asks for; an empty list of groups means the primary's.

    Args:
        snapshot: holds the ENIConfigs and the subnets.
        name: of the ENIConfig, or why it is not known.
        group: the node group, for people.
        zone: the node's; empty where it is not known.
        host: the node's primary interface.
    """
    if isinstance(name, Unknown):
        return _unknown(name, host)
    config = snapshot.get(kinds.ENI_CONFIGS, name)
    if config is None:
        what = f"ENIConfig {name} does not exist, so pods get no address on group {group}"
        return _unknown(
            snapshot.missing(kinds.ENI_CONFIGS) or Unknown(Cause.ERROR, what, f"create ENIConfig {name}"), host
        )
    subnet = snapshot.get(kinds.SUBNETS, config.spec.subnet)
    here = zone or _zone_of(snapshot, host)
    if subnet is not None and here and subnet.availability_zone not in ("", here):
        what = (
            f"ENIConfig {name} names {config.spec.subnet} in {subnet.availability_zone}, and the nodes of group {group} "
            f"that use it are in {here}: no interface can be made, so pods get no address there"
        )
        remedy = f"give these nodes an ENIConfig whose subnet is in {here}"
        return _unknown(Unknown(Cause.ERROR, what, remedy), host)
    ref = Ref("eniconfigs", name, "spec.securityGroups", ", ".join(config.spec.security_groups))
    groups: tuple[str, ...] | Unknown = tuple(sorted(set(config.spec.security_groups)))
    if not groups:
        groups = host.security_groups
        ref = Ref("eniconfigs", name, "spec.securityGroups", "empty: the primary interface's groups")
    refs = (ref, Ref("eniconfigs", name, "spec.subnet", config.spec.subnet))
    return Interface(Attachment.CUSTOM, groups, config.spec.subnet, host.security_groups, host.subnet, refs)


def places(snapshot: Snapshot, node_class: NodeClass) -> tuple[Interface, ...]:
    """The interfaces that pods may get on nodes of a class: the ENIConfig's, and older ones that the nodes still have.

    A node without any interface of the VPC CNI beside its primary may be older than custom networking, and then its
    pods stay on the primary; that cannot be told from a node that has made none yet.
    """
    host = node_class.host
    asked = configured(snapshot, node_class.eni_config, node_class.group, node_class.zone, host)
    held = node_class.held
    if held is None or isinstance(asked.subnet, Unknown):
        return (asked,)
    if isinstance(held, Unknown):
        return (_unknown(held, host),)
    node = node_class.nodes[0]
    if not held:
        what = (
            f"node {node} has no network interface for pods: it is older than custom networking, and its pods have "
            f"the node's own groups, or ENIConfig {node_class.eni_config} was not used there yet"
        )
        return (
            _unknown(Unknown(Cause.INCOMPLETE, what, f"replace node {node}, or read it again with pods on it"), host),
        )
    older = tuple(
        msgspec.structs.replace(
            asked, security_groups=groups, subnet=subnet, refs=(Ref("nodes", node, "network interfaces", subnet),)
        )
        for subnet, groups in held
        if (subnet, groups) != (asked.subnet, asked.security_groups)
    )
    return (asked, *older)


def older(node_class: NodeClass, asked: Interface) -> tuple[Interface, ...]:
    """The interfaces that nodes of a class still have in subnets where the CNI makes no new ones.

    Args:
        node_class: of nodes without custom networking.
        asked: an interface as it is made now.
    """
    held = node_class.held if isinstance(node_class.held, tuple) else ()
    return tuple(
        msgspec.structs.replace(
            asked,
            security_groups=groups,
            subnet=subnet,
            refs=(Ref("nodes", node_class.nodes[0], "network interfaces", subnet),),
        )
        for subnet, groups in held
    )


def _unknown(why: Unknown, host: Interface) -> Interface:
    return Interface(Attachment.CUSTOM, why, why, host.security_groups, host.subnet, host.refs)


def _zone_of(snapshot: Snapshot, host: Interface) -> str:
    subnet = snapshot.get(kinds.SUBNETS, host.subnet) if isinstance(host.subnet, str) else None
    return subnet.availability_zone if subnet is not None else ""


class HeldInterfaces:
    """The interfaces that the VPC CNI has made on instances, beside the primary."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._found: defaultdict[str, set[tuple[str, tuple[str, ...]]]] = defaultdict(set)
        self._seen: set[str] = set()
        for instance in snapshot.objects(kinds.INSTANCES):
            for item in instance.network_interfaces:
                self._add(instance.instance_id, item)
        for interface in snapshot.objects(kinds.NETWORK_INTERFACES):
            if interface.attachment is not None and interface.attachment.instance_id:
                self._add(interface.attachment.instance_id, interface)

    def _add(self, instance: str, item: InstanceInterface | NetworkInterface) -> None:
        self._seen.add(instance)
        # Trunks and EFA interfaces carry no ordinary pod; what others made (Multus, an appliance) the CNI leaves alone.
        if item.interface_type != "interface" or not item.description.startswith(_MADE_BY_CNI):
            return
        groups = tuple(sorted(group.group_id for group in item.groups))
        self._found[instance].add((item.subnet_id, groups))

    def elsewhere(self, instance: str, subnets: Collection[str | Unknown]) -> Held | None:
        """Without custom networking: the interfaces in other subnets than the CNI uses now; None where there are none.

        They are of a time with custom networking, or of subnets whose tag was taken away, and go on giving addresses.
        """
        if any(isinstance(subnet, Unknown) for subnet in subnets):
            return None
        return tuple(sorted(one for one in self._found.get(instance, ()) if one[0] not in subnets)) or None

    def unlike(self, instance: str, node: str, asked: Interface) -> Held | Unknown | None:
        """None where all are as the ENIConfig asks, or the ENIConfig itself is not known; otherwise what there is.

        Args:
            instance: the node's.
            node: its name, for people.
            asked: what :func:`configured` says.
        """
        if isinstance(asked.subnet, Unknown):
            return None
        if instance not in self._seen:
            why = self._snapshot.missing(kinds.INSTANCES) or self._snapshot.missing(kinds.NETWORK_INTERFACES)
            what = f"whether node {node} is older than custom networking is not known: its network interfaces were not read"
            if why is None:
                return Unknown(Cause.INCOMPLETE, what, f"run: {kinds.INSTANCES.command} > instances.json")
            return Unknown(why.cause, what, why.remedy)
        found = self._found.get(instance, set())
        if found == {(asked.subnet, asked.security_groups)}:
            return None
        return tuple(sorted(found))
