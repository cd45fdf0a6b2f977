"""What security groups, network ACLs and routes read, indexed once per world.

:class:`VpcView` answers by id: which rules a group has, which ACL and route
table a subnet uses, which addresses it may hand out. What the snapshot does
not hold is an :class:`Unknown` that names the object and the command.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, TypeVar

import msgspec

from clusterproof.reach.addresses import AddressError, AddressSet, subnet_hosts
from clusterproof.snapshot.aws import NetworkAcl, RouteTable, SecurityGroup, Subnet, VpcPeeringConnection
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import (
    MANAGED_PREFIX_LISTS,
    NETWORK_ACLS,
    PEERINGS,
    PREFIX_LIST_ENTRIES,
    ROUTE_TABLES,
    SECURITY_GROUP_RULES,
    SECURITY_GROUPS,
    SUBNETS,
    TRANSIT,
    VPCS,
    Kind,
)
from clusterproof.snapshot.snapshot import Snapshot, Table

T = TypeVar("T")

NOUNS = {
    SECURITY_GROUPS.name: "security group",
    SUBNETS.name: "subnet",
    VPCS.name: "VPC",
    PEERINGS.name: "VPC peering connection",
}

EVERY_ADDRESS = {4: AddressSet.of("0.0.0.0/0"), 6: AddressSet.of("::/0")}


class Side(msgspec.Struct, frozen=True):
    """One end of a connection, as far as the layers of the VPC can read it.

    Attributes:
        security_groups: ids on the interface, sorted; empty for a peer outside.
        subnet, vpc: ids; empty for a peer outside.
        addresses: every address the end may have (one family): a subnet's host space, or a peer's own.
        family: 4 or 6.
        outside: True for a peer that is no interface of a VPC in the snapshot; only its addresses are known.
        network: the addresses in words, e.g. ``10.0.1.0/24``.
    """

    security_groups: tuple[str, ...] | Unknown
    subnet: str | Unknown
    vpc: str | Unknown
    addresses: AddressSet | Unknown
    family: int = 4
    outside: bool = False
    network: str = ""

    @property
    def text(self) -> str:
        """Where it is: ``subnet-0a (10.0.1.0/24)``, or the addresses of a peer outside."""
        if self.outside:
            return self.network
        if isinstance(self.subnet, Unknown):
            return "a subnet that is not known"
        return f"{self.subnet} ({self.network})" if self.network else self.subnet

    @property
    def peer(self) -> str:
        """Who it is to a rule: its groups, or the addresses of a peer outside."""
        if isinstance(self.security_groups, Unknown) or not self.security_groups:
            return self.text
        return "+".join(self.security_groups)

    @property
    def space(self) -> AddressSet:
        """The addresses, or every address of the family where they are not known."""
        return EVERY_ADDRESS[self.family] if isinstance(self.addresses, Unknown) else self.addresses


_BENEATH_GROUPS: tuple[Kind[Any], ...] = (
    *(SUBNETS, VPCS, ROUTE_TABLES, NETWORK_ACLS, PEERINGS, MANAGED_PREFIX_LISTS, PREFIX_LIST_ENTRIES),
    *TRANSIT,
)
_Memos = dict[tuple[int, ...], tuple[tuple[Any, ...], dict[Any, Any]]]


def _no_memos(_subnets: Table[Subnet]) -> _Memos:
    return {}


class VpcView:
    """A snapshot's VPCs, indexed. Immutable; ``memo`` only remembers answers of pure functions."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot = snapshot
        self.memo: dict[Any, Any] = {}

    @cached_property
    def lasting(self) -> dict[Any, Any]:
        """A memo for answers that rest on subnets, routes and ACLs alone.

        Snapshots that differ in anything else only, security groups above all, share it.
        """
        tables = tuple(self.snapshot.tables.get(kind.name) for kind in _BENEATH_GROUPS)
        subnets = tables[0]
        if subnets is None:
            return {}
        # The tables are kept beside the memo, so that their ids are not used again.
        memos = subnets.derived(_no_memos)
        return memos.setdefault(tuple(map(id, tables)), (tables, {}))[1]

    # --- groups ------------------------------------------------------------------------

    def group(self, group_id: str) -> SecurityGroup | Unknown:
        """A security group by id."""
        return self._held(SECURITY_GROUPS, group_id, "--group-ids")

    def group_name(self, group_id: str) -> str:
        """``sg-0b2 (system-nodes)``, or the id alone when the group was not read."""
        group = self.snapshot.get(SECURITY_GROUPS, group_id)
        return f"{group_id} ({group.group_name})" if group and group.group_name else group_id

    @cached_property
    def rule_ids(self) -> dict[tuple[str, bool, str, int, int, str], str]:
        """``sgr-`` ids by (group, egress, protocol, from, to, source); without ports -1 stands for both."""
        ids: dict[tuple[str, bool, str, int, int, str], str] = {}
        for rule in self.snapshot.objects(SECURITY_GROUP_RULES):
            other = rule.referenced_group_info.group_id if rule.referenced_group_info else ""
            source = rule.cidr_ipv4 or rule.cidr_ipv6 or rule.prefix_list_id or other
            low = -1 if rule.from_port is None else rule.from_port
            high = -1 if rule.to_port is None else rule.to_port
            ids[(rule.group_id, rule.is_egress, rule.ip_protocol, low, high, source)] = rule.security_group_rule_id
        return ids

    def prefix_list(self, list_id: str) -> AddressSet | Unknown:
        """The addresses of a prefix list."""
        entries = self.snapshot.get(PREFIX_LIST_ENTRIES, list_id)
        if entries is None:
            command = PREFIX_LIST_ENTRIES.command.replace("ID", list_id)
            return self.unheld(PREFIX_LIST_ENTRIES, f"the entries of prefix list {list_id}", command)
        try:
            return AddressSet.of(*(entry.cidr for entry in entries.entries))
        except AddressError as error:
            return Unknown(Cause.ERROR, f"{list_id}: {error}")

    def prefix_list_size(self, list_id: str) -> tuple[int, str] | Unknown:
        """How many rules a reference to the list counts for, and its family (``IPv4``, ``IPv6``)."""
        listed = self.snapshot.get(MANAGED_PREFIX_LISTS, list_id)
        if listed is None or listed.max_entries is None:
            return Unknown(
                Cause.NOT_COLLECTED,
                f"the size of prefix list {list_id} is not known",
                f"run: aws ec2 describe-managed-prefix-lists --prefix-list-ids {list_id} --output json",
            )
        return listed.max_entries, listed.address_family

    # --- subnets -----------------------------------------------------------------------

    def subnet(self, subnet_id: str) -> Subnet | Unknown:
        """A subnet by id."""
        return self._held(SUBNETS, subnet_id, "--subnet-ids")

    def side(self, groups: tuple[str, ...] | Unknown, subnet_id: str | Unknown, family: int = 4) -> Side:
        """The end that an interface with these groups in this subnet is.

        Its VPC is the subnet's, whoever owns either: a group may be associated with further VPCs (EC2 API Reference,
        AssociateSecurityGroupVpc) and a subnet shared with further accounts (Amazon VPC User Guide, "Share your VPC
        subnets with other accounts"), so where the subnet is not known, the groups' VPC says nothing.
        """
        if isinstance(subnet_id, Unknown):
            return Side(groups, subnet_id, subnet_id, subnet_id, family)
        key = ("side", groups, subnet_id, family)
        found: Side | None = self.lasting.get(key)
        if found is None:
            subnet = self.subnet(subnet_id)
            if isinstance(subnet, Unknown):
                return Side(groups, subnet_id, subnet, subnet, family)
            found = self.lasting[key] = self._side(groups, subnet, family)
        return found

    def _side(self, groups: tuple[str, ...] | Unknown, subnet: Subnet, family: int) -> Side:
        subnet_id = subnet.subnet_id
        member = "CidrBlock" if family == 4 else "Ipv6CidrBlockAssociationSet"
        unread = self.unread(SUBNETS, subnet_id, member)
        vpc: str | Unknown = subnet.vpc_id or Unknown(Cause.INCOMPLETE, f"{subnet_id} does not say its VPC")
        if unread:
            return Side(groups, subnet_id, vpc, unread, family)
        cidrs = _subnet_cidrs(subnet, family)
        try:
            hosts = AddressSet()
            for cidr in cidrs:
                hosts |= subnet_hosts(cidr)
        except AddressError as error:
            return Side(groups, subnet_id, vpc, Unknown(Cause.ERROR, f"{subnet_id}: {error}"), family)
        return Side(groups, subnet_id, vpc, hosts, family, network=", ".join(cidrs))

    def acl(self, subnet_id: str) -> NetworkAcl | Unknown:
        """The network ACL of a subnet: its own, else the default of its VPC."""
        acl = self._acl_of_subnet.get(subnet_id)
        if acl is None:
            missing = self.snapshot.missing(NETWORK_ACLS)
            if missing:
                return _about(missing, f"the network ACL of {subnet_id} is not known")
            subnet = self.subnet(subnet_id)
            if isinstance(subnet, Unknown):
                return subnet
            acl = self._default_acl.get(subnet.vpc_id)
            if acl is None:
                command = _command(NETWORK_ACLS, f"--filters Name=vpc-id,Values={subnet.vpc_id}")
                return self.unheld(NETWORK_ACLS, f"the network ACL of {subnet_id}", command)
        for member in ("Associations", "Entries"):
            unread = self.unread(NETWORK_ACLS, acl.network_acl_id, member)
            if unread:
                return unread
        return acl

    def route_table(self, subnet_id: str) -> RouteTable | Unknown:
        """The route table of a subnet: its own, else the main table of its VPC."""
        table = self._table_of_subnet.get(subnet_id)
        if table is None:
            missing = self.snapshot.missing(ROUTE_TABLES)
            if missing:
                return _about(missing, f"the route table of {subnet_id} is not known")
            subnet = self.subnet(subnet_id)
            if isinstance(subnet, Unknown):
                return subnet
            table = self._main_table.get(subnet.vpc_id)
            if table is None:
                command = _command(ROUTE_TABLES, f"--filters Name=vpc-id,Values={subnet.vpc_id}")
                return self.unheld(ROUTE_TABLES, f"the route table of {subnet_id}", command)
        for member in ("Associations", "Routes"):
            unread = self.unread(ROUTE_TABLES, table.route_table_id, member)
            if unread:
                return unread
        return table

    # --- VPCs --------------------------------------------------------------------------

    def vpc_addresses(self, vpc_id: str, family: int = 4) -> AddressSet | Unknown:
        """All addresses of a VPC's CIDR blocks of one family."""
        vpc = self._held(VPCS, vpc_id, "--vpc-ids")
        if isinstance(vpc, Unknown):
            return vpc
        four = {vpc.cidr_block, *(item.cidr_block for item in vpc.cidr_block_association_set)}
        six = {item.ipv6_cidr_block for item in vpc.ipv6_cidr_block_association_set}
        try:
            return AddressSet.of(*sorted((four if family == 4 else six) - {""}))
        except AddressError as error:
            return Unknown(Cause.ERROR, f"{vpc_id}: {error}")

    def peering(self, peering_id: str) -> VpcPeeringConnection | Unknown:
        """A VPC peering connection by id."""
        return self._held(PEERINGS, peering_id, "--vpc-peering-connection-ids")

    def peered(self, one: str, other: str) -> VpcPeeringConnection | Unknown | None:
        """The active peering between two VPCs; None when there is none."""
        for peering in self.snapshot.objects(PEERINGS):
            ends = {peering.requester_vpc_info.vpc_id, peering.accepter_vpc_info.vpc_id}
            if ends == {one, other} and peering.status.code == "active":
                return peering
        missing = self.snapshot.missing(PEERINGS)
        return _about(missing, f"whether {one} and {other} are peered is not known") if missing else None

    # --- what is not known -------------------------------------------------------------

    def unread(self, kind: Kind[Any], key: str, member: str) -> Unknown | None:
        """Why a member of an object, or a part of it, is unknown; of any member where none is named; None: all was read."""
        for path, unknown in self._unknown_fields.get((kind.name, key), ()):
            if not member or path.split(".")[0] in ("", member):
                return unknown
        return None

    @cached_property
    def _unknown_fields(self) -> dict[tuple[str, str], list[tuple[str, Unknown]]]:
        fields: dict[tuple[str, str], list[tuple[str, Unknown]]] = {}
        kinds: tuple[Kind[Any], ...] = (SECURITY_GROUPS, SUBNETS, NETWORK_ACLS, ROUTE_TABLES, *TRANSIT)
        for kind in kinds:
            table = self.snapshot.tables.get(kind.name)
            for item in table.unknown_fields if table else ():
                fields.setdefault((kind.name, item.key), []).append((item.path, item.unknown))
        return fields

    def _held(self, kind: Kind[T], key: str, option: str) -> T | Unknown:
        found = self.snapshot.get(kind, key)
        if found is not None:
            return found
        return self.unheld(kind, f"{NOUNS[kind.name]} {key}", _command(kind, f"{option} {key}"))

    def unheld(self, kind: Kind[Any], what: str, command: str) -> Unknown:
        """Why an object is not there, and the command or the right that would bring it."""
        missing = self.snapshot.missing(kind)
        if missing is None:
            return Unknown(Cause.INCOMPLETE, f"{what} is not in the snapshot", f"run: {command}")
        # One read of the whole kind answers for this object and all others, where such a read exists; where it was
        # tried and refused, throttled or the like, what mends that answers too.
        tried = missing.cause not in (Cause.NOT_COLLECTED, Cause.INCOMPLETE)
        whole = missing.remedy and (tried or "ID" not in kind.command)
        remedy = missing.remedy if whole else f"run: {command}"
        return Unknown(missing.cause, f"{what} is not in the snapshot ({missing.detail})", remedy)

    # --- indices -----------------------------------------------------------------------

    @cached_property
    def _acl_of_subnet(self) -> dict[str, NetworkAcl]:
        acls = self.snapshot.objects(NETWORK_ACLS)
        return {item.subnet_id: acl for acl in acls for item in acl.associations if item.subnet_id}

    @cached_property
    def _default_acl(self) -> dict[str, NetworkAcl]:
        return {acl.vpc_id: acl for acl in self.snapshot.objects(NETWORK_ACLS) if acl.is_default}

    @cached_property
    def _table_of_subnet(self) -> dict[str, RouteTable]:
        tables = self.snapshot.objects(ROUTE_TABLES)
        return {item.subnet_id: table for table in tables for item in table.associations if item.subnet_id}

    @cached_property
    def _main_table(self) -> dict[str, RouteTable]:
        tables = self.snapshot.objects(ROUTE_TABLES)
        return {table.vpc_id: table for table in tables if any(item.main for item in table.associations)}


def outside(addresses: AddressSet) -> tuple[Side, ...]:
    """The ends that a peer outside the VPCs is: one per address family."""
    return tuple(
        Side((), "", "", addresses.family(family), family, outside=True, network=str(addresses.family(family)))
        for family in addresses.families
    )


def _command(kind: Kind[Any], options: str) -> str:
    return kind.command.replace(" --output json", f" {options} --output json")


def _subnet_cidrs(subnet: Subnet, family: int) -> tuple[str, ...]:
    if family == 4:
        return (subnet.cidr_block,) if subnet.cidr_block else ()
    return tuple(item.ipv6_cidr_block for item in subnet.ipv6_cidr_block_association_set if item.ipv6_cidr_block)


def _about(missing: Unknown, what: str) -> Unknown:
    return Unknown(missing.cause, f"{what}: {missing.detail}", missing.remedy)
