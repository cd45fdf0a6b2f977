"""VPCs, subnets, network ACLs, route tables, peering."""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.aws.base import Ec2, Tag


class CidrBlockAssociation(Ec2, frozen=True):
    cidr_block: str = ""


class Ipv6CidrAssociation(Ec2, frozen=True):
    ipv6_cidr_block: str = field(default="", name="Ipv6CidrBlock")


class Vpc(Ec2, frozen=True):
    vpc_id: str
    cidr_block: str = ""
    owner_id: str = ""
    cidr_block_association_set: tuple[CidrBlockAssociation, ...] = ()
    ipv6_cidr_block_association_set: tuple[Ipv6CidrAssociation, ...] = field(
        default=(), name="Ipv6CidrBlockAssociationSet"
    )
    tags: tuple[Tag, ...] = ()


class Subnet(Ec2, frozen=True):
    subnet_id: str
    vpc_id: str = ""
    availability_zone: str = ""
    availability_zone_id: str = ""
    cidr_block: str = ""
    ipv6_cidr_block_association_set: tuple[Ipv6CidrAssociation, ...] = field(
        default=(), name="Ipv6CidrBlockAssociationSet"
    )
    available_ip_address_count: int | None = None
    map_public_ip_on_launch: bool = False
    owner_id: str = ""
    tags: tuple[Tag, ...] = ()


class PortRange(Ec2, frozen=True):
    from_: int = field(default=0, name="From")
    to: int = 65535


class IcmpTypeCode(Ec2, frozen=True):
    """ICMP type and code of an ACL entry; -1 stands for all."""

    type: int = -1
    code: int = -1


class NetworkAclEntry(Ec2, frozen=True):
    rule_number: int
    rule_action: str
    egress: bool
    protocol: str = "-1"
    cidr_block: str = ""
    ipv6_cidr_block: str = field(default="", name="Ipv6CidrBlock")
    port_range: PortRange | None = None
    icmp_type_code: IcmpTypeCode | None = None


class NetworkAclAssociation(Ec2, frozen=True):
    subnet_id: str = ""


class NetworkAcl(Ec2, frozen=True):
    network_acl_id: str
    vpc_id: str = ""
    is_default: bool = False
    entries: tuple[NetworkAclEntry, ...] = ()
    associations: tuple[NetworkAclAssociation, ...] = ()
    tags: tuple[Tag, ...] = ()


class Route(Ec2, frozen=True):
    """One route; exactly one destination and one target field is set (State ``blackhole`` has effect)."""

    destination_cidr_block: str = ""
    destination_ipv6_cidr_block: str = field(default="", name="DestinationIpv6CidrBlock")
    destination_prefix_list_id: str = ""
    gateway_id: str = ""
    nat_gateway_id: str = ""
    instance_id: str = ""
    network_interface_id: str = ""
    transit_gateway_id: str = ""
    vpc_peering_connection_id: str = ""
    egress_only_internet_gateway_id: str = ""
    local_gateway_id: str = ""
    carrier_gateway_id: str = ""
    core_network_arn: str = ""
    state: str = "active"


class RouteTableAssociation(Ec2, frozen=True):
    main: bool = False
    subnet_id: str = ""
    gateway_id: str = ""


class RouteTable(Ec2, frozen=True):
    route_table_id: str
    vpc_id: str = ""
    routes: tuple[Route, ...] = ()
    associations: tuple[RouteTableAssociation, ...] = ()
    tags: tuple[Tag, ...] = ()


class PeeringSide(Ec2, frozen=True):
    vpc_id: str = ""
    cidr_block: str = ""
    owner_id: str = ""
    region: str = ""


class PeeringStatus(Ec2, frozen=True):
    code: str = ""


class VpcPeeringConnection(Ec2, frozen=True):
    vpc_peering_connection_id: str
    requester_vpc_info: PeeringSide = field(default_factory=PeeringSide)
    accepter_vpc_info: PeeringSide = field(default_factory=PeeringSide)
    status: PeeringStatus = field(default_factory=PeeringStatus)
