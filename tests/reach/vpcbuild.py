"""Small VPCs for tests, as ``aws … describe-*`` would print them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot.kinds import (
    MANAGED_PREFIX_LISTS,
    NETWORK_ACLS,
    NETWORK_INTERFACES,
    PEERINGS,
    PREFIX_LIST_ENTRIES,
    ROUTE_TABLES,
    SECURITY_GROUP_RULES,
    SECURITY_GROUPS,
    SUBNETS,
    TRANSIT_GATEWAY_ATTACHMENTS,
    TRANSIT_GATEWAY_ROUTES,
    TRANSIT_GATEWAY_VPC_ATTACHMENTS,
    TRANSIT_GATEWAYS,
    VPCS,
    Kind,
)
from clusterproof.snapshot.snapshot import Meta, Snapshot, table_of
from clusterproof.world.model import Attachment, Interface

Raw = dict[str, Any]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

KINDS: dict[str, Kind[Any]] = {
    "groups": SECURITY_GROUPS,
    "interfaces": NETWORK_INTERFACES,
    "rules": SECURITY_GROUP_RULES,
    "subnets": SUBNETS,
    "vpcs": VPCS,
    "acls": NETWORK_ACLS,
    "tables": ROUTE_TABLES,
    "peerings": PEERINGS,
    "lists": MANAGED_PREFIX_LISTS,
    "entries": PREFIX_LIST_ENTRIES,
    "gateways": TRANSIT_GATEWAYS,
    "attachments": TRANSIT_GATEWAY_ATTACHMENTS,
    "vpc_attachments": TRANSIT_GATEWAY_VPC_ATTACHMENTS,
    "gateway_routes": TRANSIT_GATEWAY_ROUTES,
}


def snapshot(**objects: Iterable[Raw]) -> Snapshot:
    """A snapshot with exactly the kinds given; each is complete."""
    return Snapshot(Meta(), {KINDS[name].name: table_of(KINDS[name], raws) for name, raws in objects.items()})


def view(**objects: Iterable[Raw]) -> VpcView:
    """The view of :func:`snapshot`; subnets, VPC, open ACL and local route of two /24 are there unless given."""
    given = {
        "groups": [],
        "subnets": [subnet("subnet-0a", "10.0.1.0/24"), subnet("subnet-0b", "10.0.2.0/24")],
        "vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}],
        "acls": [acl("acl-0", [entry(100, "allow"), entry(100, "allow", egress=True)], default=True)],
        "tables": [table("rtb-0", [local("10.0.0.0/16")], main=True)],
        "peerings": [],
    }
    return VpcView(snapshot(**{**given, **objects}))


def perm(protocol: str, low: int | None = None, high: int | None = None, **sources: list[str]) -> Raw:
    """One IpPermission; sources are ``cidr``, ``cidr6``, ``group`` and ``list``."""
    raw: Raw = {"IpProtocol": protocol}
    if low is not None:
        raw |= {"FromPort": low, "ToPort": low if high is None else high}
    raw["IpRanges"] = [{"CidrIp": text} for text in sources.get("cidr", ())]
    raw["Ipv6Ranges"] = [{"CidrIpv6": text} for text in sources.get("cidr6", ())]
    raw["UserIdGroupPairs"] = [{"GroupId": text, "UserId": "1"} for text in sources.get("group", ())]
    raw["PrefixListIds"] = [{"PrefixListId": text} for text in sources.get("list", ())]
    return raw


ALL_OUT = perm("-1", cidr=["0.0.0.0/0"], cidr6=["::/0"])


def group(
    group_id: str,
    ingress: Iterable[Raw] = (),
    egress: Iterable[Raw] = (ALL_OUT,),
    *,
    name: str = "",
    vpc: str = "vpc-1",
) -> Raw:
    """One security group."""
    return {
        "GroupId": group_id,
        "GroupName": name,
        "VpcId": vpc,
        "IpPermissions": list(ingress),
        "IpPermissionsEgress": list(egress),
    }


def subnet(subnet_id: str, cidr: str, *, cidr6: str = "", vpc: str = "vpc-1", zone: str = "") -> Raw:
    """One subnet."""
    six = [{"Ipv6CidrBlock": cidr6}] if cidr6 else []
    raw: Raw = {"SubnetId": subnet_id, "VpcId": vpc, "CidrBlock": cidr, "Ipv6CidrBlockAssociationSet": six}
    return {**raw, "AvailabilityZone": zone} if zone else raw


def entry(
    number: int,
    action: str,
    ports: tuple[int, int] | None = None,
    cidr: str = "0.0.0.0/0",
    *,
    egress: bool = False,
    protocol: str | None = None,
) -> Raw:
    """One ACL entry: TCP when ports are given, else all traffic."""
    raw: Raw = {
        "RuleNumber": number,
        "RuleAction": action,
        "Egress": egress,
        "Protocol": protocol or ("6" if ports else "-1"),
        ("Ipv6CidrBlock" if ":" in cidr else "CidrBlock"): cidr,
    }
    if ports:
        raw["PortRange"] = {"From": ports[0], "To": ports[1]}
    return raw


def acl(acl_id: str, entries: Iterable[Raw], subnets: Iterable[str] = (), *, default: bool = False) -> Raw:
    """One network ACL with the final deny entries that AWS adds."""
    final = [entry(32767, "deny"), entry(32767, "deny", egress=True)]
    return {
        "NetworkAclId": acl_id,
        "VpcId": "vpc-1",
        "IsDefault": default,
        "Entries": [*entries, *final],
        "Associations": [{"SubnetId": item} for item in subnets],
    }


def local(cidr: str) -> Raw:
    """A local route."""
    return {"DestinationCidrBlock": cidr, "GatewayId": "local", "State": "active"}


def to(cidr: str, member: str, target: str, **more: str) -> Raw:
    """A route to a target, e.g. ``to("0.0.0.0/0", "NatGatewayId", "nat-1")``."""
    key = "DestinationIpv6CidrBlock" if ":" in cidr else "DestinationCidrBlock"
    if cidr.startswith("pl-"):
        key = "DestinationPrefixListId"
    return {key: cidr, member: target, "State": "active", **more}


def table(
    table_id: str, routes: Iterable[Raw], subnets: Iterable[str] = (), *, main: bool = False, vpc: str = "vpc-1"
) -> Raw:
    """One route table."""
    associations: list[Raw] = [{"SubnetId": item, "Main": False} for item in subnets]
    if main:
        associations.append({"Main": True})
    return {"RouteTableId": table_id, "VpcId": vpc, "Routes": list(routes), "Associations": associations}


def peering(
    peering_id: str, one: str, other: str, *, code: str = "active", regions: tuple[str, str] = ("r", "r")
) -> Raw:
    """One VPC peering connection."""
    return {
        "VpcPeeringConnectionId": peering_id,
        "RequesterVpcInfo": {"VpcId": one, "Region": regions[0]},
        "AccepterVpcInfo": {"VpcId": other, "Region": regions[1]},
        "Status": {"Code": code},
    }


def interface(
    groups: str, subnet_id: str, attachment: Attachment = Attachment.SECONDARY, *, node: tuple[str, str] = ("", "")
) -> Interface:
    """An interface with space-separated groups; the node's own are the same unless given."""
    own = tuple(sorted(groups.split()))
    node_groups = tuple(node[0].split()) if node[0] else own
    return Interface(attachment, own, subnet_id, node_groups, node[1] or subnet_id)


def hosts_of(network: str) -> list[Address]:
    """The addresses that a subnet gives out, one by one."""
    whole = ipaddress.ip_network(network)
    first, last = int(whole.network_address) + 4, int(whole.broadcast_address)
    return [ipaddress.ip_address(number) for number in range(first, last)]


def gateway(gateway_id: str, *, references: str = "disable", owner: str = "111122223333") -> Raw:
    """One transit gateway."""
    options = {"SecurityGroupReferencingSupport": references} if references else {}
    return {"TransitGatewayId": gateway_id, "OwnerId": owner, "State": "available", "Options": options}


def gateway_attachment(
    attachment_id: str, gateway_id: str, vpc: str, table_id: str, *, owner: str = "111122223333"
) -> Raw:
    """One attachment of a VPC, as describe-transit-gateway-attachments prints it."""
    raw: Raw = {
        "TransitGatewayAttachmentId": attachment_id,
        "TransitGatewayId": gateway_id,
        "TransitGatewayOwnerId": owner,
        "ResourceType": "vpc",
        "ResourceId": vpc,
        "State": "available",
    }
    if table_id:
        raw["Association"] = {"TransitGatewayRouteTableId": table_id, "State": "associated"}
    return raw


def gateway_vpc(
    attachment_id: str,
    gateway_id: str,
    vpc: str,
    subnets: Iterable[str],
    *,
    references: str = "enable",
    ipv6: str = "disable",
) -> Raw:
    """The same attachment, as describe-transit-gateway-vpc-attachments prints it."""
    options = {"Ipv6Support": ipv6}
    if references:
        options["SecurityGroupReferencingSupport"] = references
    return {
        "TransitGatewayAttachmentId": attachment_id,
        "TransitGatewayId": gateway_id,
        "VpcId": vpc,
        "State": "available",
        "SubnetIds": list(subnets),
        "Options": options,
    }


def gateway_route(
    cidr: str,
    attachment_id: str = "",
    resource: str = "",
    *,
    kind: str = "vpc",
    state: str = "active",
    type: str = "propagated",  # noqa: A002 - the member's name
) -> Raw:
    """One route of a transit gateway's table."""
    end = {"TransitGatewayAttachmentId": attachment_id, "ResourceId": resource, "ResourceType": kind}
    ends = [end] if attachment_id else []
    return {"DestinationCidrBlock": cidr, "TransitGatewayAttachments": ends, "Type": type, "State": state}


def gateway_routes(table_id: str, routes: Iterable[Raw]) -> Raw:
    """The routes of one table of a transit gateway."""
    return {"TransitGatewayRouteTableId": table_id, "Routes": list(routes), "AdditionalRoutesAvailable": False}
