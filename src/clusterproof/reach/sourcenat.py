"""Whose address a pod's packets carry when they leave the node.

The VPC CNI translates what goes to addresses outside the VPC's CIDR blocks,
peered VPCs included, to the node's primary address: then the groups and the
subnet of the node's primary interface are judged, not the pod's. Sources:
amazon-vpc-cni-k8s README, AWS_VPC_K8S_CNI_EXTERNALSNAT, _EXCLUDE_SNAT_CIDRS
and _RANDOMIZESNAT; Amazon EKS User Guide, "Enable outbound internet access for
Pods" and "Assign security groups to individual Pods".
"""

from __future__ import annotations

import msgspec

from clusterproof.reach.addresses import AddressError, AddressSet
from clusterproof.reach.protocol import LINUX_PORTS, RANDOM_PORTS, Ports
from clusterproof.reach.vpc import Side, VpcView
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.model import Attachment, DataPlane, Interface


class Source(msgspec.Struct, frozen=True):
    """Who sends to a part of the server's addresses.

    Attributes:
        client: the end that groups, ACLs and routes see.
        server: the server, narrowed to the addresses that this holds for.
        ports: source ports that may be used.
        translated: whether the pod's address is replaced by the node's.
        note: one clause, empty when nothing is changed.
        routed: who it is to route tables, where that is not the client: a load balancer that keeps its clients'
            addresses takes the replies itself.
        any_system: which system the client runs was not read, so that ``ports`` are all that any would use.
    """

    client: Side
    server: Side
    ports: Ports = LINUX_PORTS
    translated: bool = False
    note: str = ""
    routed: Side | None = None
    any_system: bool = False


def side_of(view: VpcView, interface: Interface, family: int) -> Side:
    """The end that an interface is: with its subnet's addresses, or those by which it was found."""
    side = view.side(interface.security_groups, interface.subnet, family)
    if not interface.addresses or isinstance(side.addresses, Unknown):
        return side
    return msgspec.structs.replace(side, addresses=AddressSet.of(*interface.addresses).family(family))


def sources(view: VpcView, data_plane: DataPlane, interface: Interface, server: Side) -> tuple[Source, ...]:
    """The effective client for each part of the server's addresses; more than one only when SNAT splits them."""
    if interface.managed:
        return (_managed(view, interface, server),)
    if server.family == 4 and interface.family4 is not None:
        return (_over_ipv4(view, data_plane, interface.family4, server),)
    own = side_of(view, interface, server.family)
    data_plane = _settings(data_plane, interface)
    if not _may_translate(data_plane, interface, server, own):
        elsewhere = bool(interface.addresses)
        return (Source(own, server, RANDOM_PORTS if elsewhere else LINUX_PORTS, any_system=elsewhere),)
    keeps = interface.keeps_address
    kept = keeps if isinstance(keeps, Unknown) else _kept(view, data_plane, server, own)
    if isinstance(kept, Unknown):
        what = Unknown(kept.cause, f"whether SNAT replaces the source is not known: {kept.detail}", kept.remedy)
        client = Side(what, what, own.vpc, what, server.family)
        return (Source(client, server, RANDOM_PORTS, note=what.detail),)
    primary = own
    if interface.attachment is not Attachment.HOST:
        primary = view.side(interface.node_security_groups, interface.node_subnet, server.family)
    note = f"source becomes the node's primary address, outside {own.vpc}"
    ports = RANDOM_PORTS if data_plane.random_ports else LINUX_PORTS
    host = interface.attachment is Attachment.HOST
    if isinstance(server.addresses, Unknown):
        return (Source(primary, server, ports, translated=not host, note="" if host else note),)
    answer = []
    stays, leaves = server.addresses & kept, server.addresses - kept
    if stays:
        answer.append(Source(own, _narrowed(server, stays)))
    if leaves or not stays:
        there = _narrowed(server, leaves) if stays else server
        answer.append(Source(primary, there, ports, translated=not host, note="" if host else note))
    return tuple(answer)


def _managed(view: VpcView, interface: Interface, server: Side) -> Source:
    """The control plane, which sends as Linux does, or a load balancer, from any port above 1023.

    Sources: Amazon VPC User Guide, "Ephemeral ports"; Network Load Balancers guide, "Client IP preservation" and
    "Update the security groups for your Network Load Balancer": a rule that names the balancer's group admits what
    comes through it also where it keeps the clients' addresses.
    """
    own = view.side(interface.security_groups, interface.subnet, server.family)
    if interface.attachment is Attachment.CONTROL_PLANE:
        return Source(own, server)
    kept = AddressSet.of(*interface.sends_as).family(server.family)
    if not kept:
        return Source(own, server, RANDOM_PORTS)
    client = msgspec.structs.replace(own, addresses=kept, network=str(kept))
    return Source(client, server, RANDOM_PORTS, routed=own)


def _over_ipv4(view: VpcView, data_plane: DataPlane, node: Interface | Unknown, server: Side) -> Source:
    """A pod of an IPv6 cluster sends over IPv4 with its node's address (VPC CNI README, ENABLE_V4_EGRESS)."""
    if isinstance(node, Unknown):
        return Source(Side(node, node, node, node, 4), server, RANDOM_PORTS, note=node.detail)
    client = view.side(node.security_groups, node.subnet, 4)
    ports = RANDOM_PORTS if data_plane.random_ports else LINUX_PORTS
    return Source(client, server, ports, translated=True, note="source becomes the node's IPv4 address: pods have IPv6")


def _settings(data_plane: DataPlane, interface: Interface) -> DataPlane:
    """The data plane as this interface has it: EKS Auto Mode and Fargate do not read the VPC CNI's settings."""
    keeps = interface.keeps_address
    if keeps is None:
        return data_plane
    return msgspec.structs.replace(data_plane, external_snat=keeps is True, exclude_snat=(), random_ports=True)


def _may_translate(data_plane: DataPlane, interface: Interface, server: Side, own: Side) -> bool:
    """Whether the node's SNAT rule can touch the flow: IPv4, switched on, not strict, not surely inside the VPC.

    The rule also holds for the host network, where it changes only the ports.
    """
    if server.family == 6 or data_plane.external_snat:
        return False
    if interface.attachment is Attachment.BRANCH_STRICT and interface.keeps_address is None:
        return False
    if server.outside:
        return True
    # One subnet is one VPC, also where which VPC that is was not read.
    one_subnet = isinstance(own.subnet, str) and own.subnet == server.subnet
    return not one_subnet and not (isinstance(own.vpc, str) and own.vpc == server.vpc)


def _kept(view: VpcView, data_plane: DataPlane, server: Side, own: Side) -> AddressSet | Unknown:
    """The addresses that are not translated: the client's VPC and the excluded blocks."""
    try:
        excluded = AddressSet.of(*data_plane.exclude_snat)
    except AddressError as error:
        return Unknown(Cause.ERROR, f"AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS: {error}")
    if isinstance(own.vpc, Unknown):
        return own.vpc
    if isinstance(server.vpc, Unknown):
        return server.vpc
    if not server.outside:
        # Two VPCs that reach one another do not share addresses, so the client's blocks need not be known.
        return server.addresses if excluded and isinstance(server.addresses, Unknown) else excluded
    inside = view.vpc_addresses(own.vpc, server.family)
    return inside if isinstance(inside, Unknown) else inside | excluded


def _narrowed(server: Side, addresses: AddressSet) -> Side:
    if addresses == server.addresses:
        return server
    return msgspec.structs.replace(server, addresses=addresses, network=str(addresses))
