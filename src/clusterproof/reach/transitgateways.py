"""What a transit gateway does with packets from one VPC: to which attachment each address is sent, if to any.

Packets come in by the attachment's interface in the sender's Availability Zone, are routed by the one table that the
attachment is associated with (longest prefix; of equal destinations static, then prefix list, then propagated; a
blackhole drops, and so does no match), and leave by an interface of the attachment that the route names. Sources:
Transit Gateway Guide, "How AWS Transit Gateway works" (Availability Zones, Route tables, Route evaluation order),
"Amazon VPC attachments" (Limits, Security group referencing) and "Network ACLs for transit gateways".

Only the gateway's account sees its tables, and only it and a VPC's account the VPC's attachment: what was not read
is unknown, never absent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from clusterproof.reach.addresses import AddressError, AddressSet, parse_cidr
from clusterproof.reach.securitygroups import References
from clusterproof.reach.trace import Outcome
from clusterproof.reach.vpc import Side, VpcView
from clusterproof.snapshot.aws import RouteTable, Subnet, TransitGatewayRoute, TransitGatewayVpcAttachment
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import (
    SUBNETS,
    TRANSIT_GATEWAY_ATTACHMENTS,
    TRANSIT_GATEWAY_ROUTES,
    TRANSIT_GATEWAY_VPC_ATTACHMENTS,
    TRANSIT_GATEWAYS,
)

CARRYING = ("available", "modifying")
"""States in which traffic flows through an attachment ("VPC attachment lifecycle")."""

_ZONE = re.compile(r"[a-z]+(-[a-z]+)+-\d+[a-z]")
"""A zone of a Region; Local Zones and Wavelength Zones, which reach a gateway through a parent zone, have longer names."""
_NO_REFERENCES = "use1-az3"
"""The zone in which attachments support no group references."""


class Way(msgspec.Struct, frozen=True):
    """What becomes of some addresses.

    Attributes:
        addresses: those that this holds for.
        outcome: whether the gateway hands them to the VPC that the target is in.
        text: clause, e.g. ``goes through tgw-1 to vpc-2 (tgw-rtb-1: 10.9.0.0/16 → tgw-attach-2)``.
        references: what the way leaves of rules that name groups.
        unknown: set when the outcome is unknown.
        refs: the route as evidence.
        entry: the subnet by whose interface packets enter the gateway; empty where they do not, or it is not known.
        exits: the subnets by one of whose interfaces they leave it; empty for a target outside.
    """

    addresses: AddressSet
    outcome: Outcome
    text: str
    references: References
    unknown: Unknown | None = None
    refs: tuple[Ref, ...] = ()
    entry: str = ""
    exits: tuple[str, ...] = ()


def through(view: VpcView, gateway: str, source: Side, target: Side, addresses: AddressSet) -> tuple[Way, ...]:
    """The ways that addresses of the target take from the source through a gateway.

    Args:
        view: the VPCs.
        gateway: its id.
        source: an end in a known subnet, whose route table leads to the gateway.
        target: the other end.
        addresses: those of the target that the route is for.
    """
    attachment = _attachment(view, gateway, source.vpc)
    if isinstance(attachment, Unknown):
        return (_unknown(addresses, gateway, attachment),)
    entry = _entry(view, attachment, source)
    if isinstance(entry, Unknown):
        return (_unknown(addresses, gateway, entry),)
    if not entry:
        text = (
            f"goes to {gateway}, which {attachment.transit_gateway_attachment_id} does not reach from "
            f"{source.subnet}: it has no interface in that Availability Zone"
        )
        references = _beyond(view, gateway, attachment, target)
        return (Way(addresses, Outcome.BLOCKED, text, references, refs=(_subnets(attachment),)),)
    if source.family == 6 and attachment.options.ipv6_support != "enable":
        return (_unknown(addresses, gateway, _no_ipv6(attachment)),)
    table = _table(view, gateway, attachment)
    if isinstance(table, Unknown):
        return (_unknown(addresses, gateway, table),)
    parts = _longest(view, gateway, table, addresses)
    if isinstance(parts, Unknown):
        return (_unknown(addresses, gateway, parts),)
    return tuple(_way(view, gateway, table, attachment, entry, target, *part) for part in parts)


def whereabouts(view: VpcView, subnet_id: str, table: RouteTable) -> str:
    """What else than its table and ACL tells a subnet from others: nothing where no route leads to a gateway.

    A zone without an interface of the gateway does not reach it, and beside an interface other rules of ACLs hold.
    """
    key = ("to gateways", id(table))
    # The table is kept beside, so that its id is not used again.
    found: tuple[RouteTable, bool] | None = view.lasting.get(key)
    if found is None:
        found = view.lasting[key] = (table, any(item.transit_gateway_id for item in table.routes))
    if not found[1]:
        return ""
    subnet = view.subnet(subnet_id)
    beside = any(subnet_id in item.subnet_ids for item in view.snapshot.objects(TRANSIT_GATEWAY_VPC_ATTACHMENTS))
    return subnet_id if beside or isinstance(subnet, Unknown) else subnet.availability_zone


def _way(
    view: VpcView,
    gateway: str,
    table: str,
    attachment: TransitGatewayVpcAttachment,
    entry: str,
    target: Side,
    addresses: AddressSet,
    route: TransitGatewayRoute | None,
    index: int,
) -> Way:
    """What one route of the gateway's table does."""
    if route is None:
        text = f"goes to {gateway}, whose {table} has no route to {addresses}"
        ref = Ref(TRANSIT_GATEWAY_ROUTES.name, table, "Routes", f"no route to {addresses}")
        return Way(addresses, Outcome.BLOCKED, text, _beyond(view, gateway, attachment, target), refs=(ref,))
    ends = route.transit_gateway_attachments
    names = ", ".join(item.transit_gateway_attachment_id for item in ends)
    destination = route.destination_cidr_block or route.prefix_list_id
    ref = Ref(TRANSIT_GATEWAY_ROUTES.name, table, f"Routes[{index}]", f"{destination} → {names or route.state}")
    refs = (ref,)
    if route.state == "blackhole":
        text = f"goes to {gateway}, whose {table} drops {destination} (blackhole)"
        return Way(addresses, Outcome.BLOCKED, text, _beyond(view, gateway, attachment, target), refs=refs)
    if route.state != "active" or not ends:
        why = Unknown(Cause.INCOMPLETE, f"{table} sends {destination} to {names or 'nothing'} ({route.state})")
        return _unknown(addresses, gateway, why, refs)
    vpcs = {item.resource_id for item in ends if item.resource_type == "vpc"}
    if len(vpcs) != 1 or any(item.resource_type != "vpc" for item in ends):
        kinds = ", ".join(sorted({item.resource_type for item in ends}))
        why = Unknown(Cause.NOT_MODELLED, f"{table} sends {destination} to {names} ({kinds}), which is not modelled")
        return _unknown(addresses, gateway, why, refs)
    vpc = vpcs.pop()
    text = f"goes through {gateway} to {vpc} ({table}: {destination} → {names})"
    if target.outside:
        return Way(addresses, Outcome.WORKS, text, References(Outcome.BLOCKED, text), refs=refs, entry=entry)
    if isinstance(target.vpc, Unknown):
        return _unknown(addresses, gateway, target.vpc, refs)
    if vpc != target.vpc:
        what = f"{table} sends {destination} to {names} of {vpc}, and what is behind it there is not modelled"
        return _unknown(addresses, gateway, Unknown(Cause.NOT_MODELLED, what), refs)
    there = _attachment(view, gateway, vpc)
    if isinstance(there, Unknown):
        return _unknown(addresses, gateway, there, refs)
    if not there.subnet_ids:
        what = f"{there.transit_gateway_attachment_id} does not say its subnets"
        return _unknown(addresses, gateway, Unknown(Cause.INCOMPLETE, what), refs)
    if target.family == 6 and there.options.ipv6_support != "enable":
        return _unknown(addresses, gateway, _no_ipv6(there), refs)
    references = _references(view, gateway, attachment, there)
    return Way(addresses, Outcome.WORKS, text, references, refs=refs, entry=entry, exits=there.subnet_ids)


def _unknown(addresses: AddressSet, gateway: str, why: Unknown, refs: tuple[Ref, ...] = ()) -> Way:
    named = why if gateway in why.detail else Unknown(why.cause, f"{gateway}: {why.detail}", why.remedy)
    text = f"goes to {gateway}, and what becomes of it there is not known: {why.detail}"
    return Way(addresses, Outcome.UNKNOWN, text, References(Outcome.UNKNOWN, named.detail, named), named, refs)


def _no_ipv6(attachment: TransitGatewayVpcAttachment) -> Unknown:
    what = f"{attachment.transit_gateway_attachment_id} of {attachment.vpc_id} does not say that it supports IPv6"
    return Unknown(Cause.NOT_MODELLED, what)


# --- attachments -----------------------------------------------------------------------------


def _attachment(view: VpcView, gateway: str, vpc: str | Unknown) -> TransitGatewayVpcAttachment | Unknown:
    """The attachment of a VPC to a gateway, while it carries traffic."""
    if isinstance(vpc, Unknown):
        return vpc
    kind = TRANSIT_GATEWAY_VPC_ATTACHMENTS
    for item in view.snapshot.objects(kind):
        if item.transit_gateway_id == gateway and item.vpc_id == vpc and item.state in CARRYING:
            return view.unread(kind, item.transit_gateway_attachment_id, "") or item
    what = f"the attachment of {vpc} to {gateway}"
    return view.unheld(kind, what, _filtered(kind.command, "transit-gateway-id", gateway))


def _filtered(command: str, name: str, value: str) -> str:
    return command.replace(" --output json", f" --filters Name={name},Values={value} --output json")


def _entry(view: VpcView, attachment: TransitGatewayVpcAttachment, source: Side) -> str | Unknown:
    """The attachment's subnet in the sender's Availability Zone; empty where it has none there."""
    own = view.subnet(str(source.subnet))
    if isinstance(own, Unknown):
        return own
    subnets: list[Subnet] = []
    unread: Unknown | None = None
    for subnet_id in attachment.subnet_ids:
        found = view.subnet(subnet_id)
        if isinstance(found, Unknown):
            unread = unread or found
        else:
            subnets.append(found)
    if own.availability_zone and not _ZONE.fullmatch(own.availability_zone):
        what = f"how {source.subnet} in {own.availability_zone} reaches a transit gateway is not modelled"
        return Unknown(Cause.NOT_MODELLED, what)
    for found in subnets:
        if found.subnet_id == own.subnet_id or (
            own.availability_zone and found.availability_zone == own.availability_zone
        ):
            return found.subnet_id
    if unread is not None:
        return unread
    silent = next((item for item in (own, *subnets) if not item.availability_zone), None)
    if silent is not None or not attachment.subnet_ids:
        name = silent.subnet_id if silent is not None else attachment.transit_gateway_attachment_id
        return Unknown(Cause.INCOMPLETE, f"{name} does not say its Availability Zone")
    return ""


def _subnets(attachment: TransitGatewayVpcAttachment) -> Ref:
    return Ref(
        TRANSIT_GATEWAY_VPC_ATTACHMENTS.name,
        attachment.transit_gateway_attachment_id,
        "SubnetIds",
        ", ".join(attachment.subnet_ids),
    )


def _table(view: VpcView, gateway: str, attachment: TransitGatewayVpcAttachment) -> str | Unknown:
    """The route table of the gateway that an attachment is associated with."""
    kind, name = TRANSIT_GATEWAY_ATTACHMENTS, attachment.transit_gateway_attachment_id
    found = view.snapshot.get(kind, name)
    if found is None:
        return view.unheld(
            kind, f"attachment {name} of {gateway}", _filtered(kind.command, "transit-gateway-id", gateway)
        )
    unread = view.unread(kind, name, "")
    if unread:
        return unread
    association = found.association
    if association is None or association.state != "associated" or not association.transit_gateway_route_table_id:
        what = f"which route table of {gateway} attachment {name} is associated with was not read"
        return Unknown(Cause.INCOMPLETE, what, _as_owner(view, gateway, found.transit_gateway_owner_id, kind.command))
    return association.transit_gateway_route_table_id


def _as_owner(view: VpcView, gateway: str, owner: str, command: str) -> str:
    held = view.snapshot.get(TRANSIT_GATEWAYS, gateway)
    owner = owner or (held.owner_id if held is not None else "")
    return f"run, with credentials of account {owner}: {command}" if owner else f"run: {command}"


# --- routes ----------------------------------------------------------------------------------

_Parts = list[tuple[AddressSet, TransitGatewayRoute | None, int]]


def _longest(view: VpcView, gateway: str, table: str, addresses: AddressSet) -> _Parts | Unknown:
    """The addresses by the route that each takes, most specific first; what no route matches comes last."""
    kind = TRANSIT_GATEWAY_ROUTES
    command = kind.command.replace(" ID ", f" {table} ")
    held = view.snapshot.get(kind, table)
    if held is None:
        why = view.unheld(kind, f"the routes of {table} of {gateway}", command)
        tried = why.cause not in (Cause.NOT_COLLECTED, Cause.INCOMPLETE)
        return why if tried else Unknown(why.cause, why.detail, _as_owner(view, gateway, "", command))
    if held.additional_routes_available:
        return Unknown(Cause.INCOMPLETE, f"{table} of {gateway} has more routes than were read", f"run: {command}")
    unread = view.unread(kind, table, "")
    if unread:
        return unread
    ranked: list[tuple[int, int, int, AddressSet]] = []
    for index, route in enumerate(held.routes):
        blocks = _blocks(view, route)
        if isinstance(blocks, Unknown):
            return blocks
        ranked += [(-length, _rank(route), index, block) for length, block in blocks]
    ranked.sort(key=lambda item: item[:3])
    parts: dict[int, AddressSet] = {}
    taken: dict[tuple[int, int, AddressSet], int] = {}
    rest = addresses
    for length, rank, index, block in ranked:
        first = taken.setdefault((length, rank, block), index)
        if first != index and block & addresses and held.routes[first] != held.routes[index]:
            what = f"{table} of {gateway} has two routes to {block} of which neither comes first"
            return Unknown(Cause.NOT_MODELLED, what)
        hit = rest & block
        if hit:
            parts[index] = parts.get(index, AddressSet()) | hit
            rest = rest - hit
    answer: _Parts = [(part, held.routes[index], index) for index, part in parts.items()]
    return [*answer, (rest, None, -1)] if rest else answer


def _blocks(view: VpcView, route: TransitGatewayRoute) -> list[tuple[int, AddressSet]] | Unknown:
    """(prefix length, addresses) of each block that a route is for."""
    texts: tuple[str, ...] = (route.destination_cidr_block,)
    if not route.destination_cidr_block:
        listed = view.prefix_list(route.prefix_list_id)
        if isinstance(listed, Unknown):
            return listed
        texts = listed.cidrs()
    return measured(texts)


def measured(texts: Iterable[str]) -> list[tuple[int, AddressSet]] | Unknown:
    """(prefix length, addresses) of each CIDR block of a route, of whichever table; Unknown where one is none."""
    blocks = []
    for text in texts:
        try:
            family, first, last = parse_cidr(text)
        except AddressError as error:
            return Unknown(Cause.ERROR, f"route to {text}: {error}")
        blocks.append(((32 if family == 4 else 128) - (last - first).bit_length(), AddressSet.of(text)))
    return blocks


def _rank(route: TransitGatewayRoute) -> int:
    if route.type == "propagated":
        return 2
    return 1 if route.prefix_list_id else 0


# --- group references ------------------------------------------------------------------------


def _beyond(view: VpcView, gateway: str, here: TransitGatewayVpcAttachment, target: Side) -> References:
    """What group references would be worth if the gateway handed the packets over, so that a repair is told both."""
    if target.outside:
        return References(Outcome.BLOCKED, "the other end is no interface of a VPC that was read")
    there = _attachment(view, gateway, target.vpc)
    if isinstance(there, Unknown):
        return References(Outcome.UNKNOWN, f"whether group references match across {gateway} is not known", there)
    return _references(view, gateway, here, there)


def _references(
    view: VpcView, gateway: str, here: TransitGatewayVpcAttachment, there: TransitGatewayVpcAttachment
) -> References:
    """Whether inbound rules may name a group of the other VPC: the gateway and both attachments must say so.

    "You can cross-reference security groups in inbound rules only" (Transit Gateway Guide, "Security group referencing").
    """
    held = view.snapshot.get(TRANSIT_GATEWAYS, gateway)
    if held is None:
        unread = view.unheld(TRANSIT_GATEWAYS, gateway, TRANSIT_GATEWAYS.command)
        return References(Outcome.UNKNOWN, f"whether {gateway} supports group references is not known", unread)
    said = {gateway: held.options.security_group_referencing_support}
    said |= {
        item.transit_gateway_attachment_id: item.options.security_group_referencing_support for item in (here, there)
    }
    refusing = [name for name, value in said.items() if value == "disable"]
    if refusing:
        return References(Outcome.BLOCKED, f"{refusing[0]} does not support group references")
    silent = [name for name, value in said.items() if value != "enable"]
    if silent:
        why = f"whether {silent[0]} supports group references was not read"
        return References(Outcome.UNKNOWN, why, Unknown(Cause.INCOMPLETE, why, "read again with a newer AWS CLI"))
    for subnet_id in (*here.subnet_ids, *there.subnet_ids):
        subnet = view.snapshot.get(SUBNETS, subnet_id)
        zone = subnet.availability_zone if subnet is not None else ""
        known = subnet is not None and (subnet.availability_zone_id or not zone.startswith("us-east-1"))
        if not known or not _ZONE.fullmatch(zone) or (subnet and subnet.availability_zone_id == _NO_REFERENCES):
            why = f"whether group references match through {gateway} in the zone of {subnet_id} is not known"
            return References(Outcome.UNKNOWN, why, Unknown(Cause.NOT_MODELLED, why))
    return References(inbound_only=True)
