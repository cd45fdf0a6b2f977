"""Security groups, their rules, and prefix lists."""

from __future__ import annotations

import msgspec
from msgspec import field

from clusterproof.snapshot.aws.base import Ec2, Tag


class IpRange(Ec2, frozen=True):
    cidr_ip: str
    description: str = ""


class Ipv6Range(Ec2, frozen=True):
    cidr_ipv6: str = field(name="CidrIpv6")
    description: str = ""


class PrefixListId(Ec2, frozen=True):
    prefix_list_id: str
    description: str = ""


class UserIdGroupPair(Ec2, frozen=True):
    group_id: str = ""
    user_id: str = ""
    vpc_id: str = ""
    vpc_peering_connection_id: str = ""
    description: str = ""


class IpPermission(Ec2, frozen=True):
    """One permission; ``ip_protocol`` is ``-1``, ``tcp``, ``udp``, ``icmp``, ``icmpv6`` or a number as text."""

    ip_protocol: str
    from_port: int | None = None
    to_port: int | None = None
    ip_ranges: tuple[IpRange, ...] = ()
    ipv6_ranges: tuple[Ipv6Range, ...] = ()
    prefix_list_ids: tuple[PrefixListId, ...] = ()
    user_id_group_pairs: tuple[UserIdGroupPair, ...] = ()


class SecurityGroup(Ec2, frozen=True):
    group_id: str
    group_name: str = ""
    description: str = ""
    vpc_id: str = ""
    owner_id: str = ""
    ip_permissions: tuple[IpPermission, ...] = ()
    ip_permissions_egress: tuple[IpPermission, ...] = ()
    tags: tuple[Tag, ...] = ()


class ReferencedGroup(Ec2, frozen=True):
    group_id: str = ""


class SecurityGroupRule(Ec2, frozen=True):
    """From describe-security-group-rules: gives a permission its ``sgr-`` id."""

    security_group_rule_id: str
    group_id: str
    is_egress: bool = False
    ip_protocol: str = "-1"
    from_port: int | None = None
    to_port: int | None = None
    cidr_ipv4: str = field(default="", name="CidrIpv4")
    cidr_ipv6: str = field(default="", name="CidrIpv6")
    prefix_list_id: str = ""
    referenced_group_info: ReferencedGroup | None = None
    description: str = ""


class PrefixListEntry(Ec2, frozen=True):
    cidr: str


class ManagedPrefixList(Ec2, frozen=True):
    """From describe-managed-prefix-lists."""

    prefix_list_id: str
    prefix_list_name: str = ""
    address_family: str = ""
    max_entries: int | None = None


class PrefixListEntries(msgspec.Struct, frozen=True, gc=False):
    """Entries of one prefix list, from get-managed-prefix-list-entries; the id is the file's own record.

    The API's answer does not name its list; a source stores the id it asked for (from the file name).
    """

    prefix_list_id: str = field(name="PrefixListId")
    entries: tuple[PrefixListEntry, ...] = field(default=(), name="Entries")
