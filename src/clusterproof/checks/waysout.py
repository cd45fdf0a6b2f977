"""Where a subnet's default route leads: to an internet gateway, a NAT gateway that works, or VPC endpoints instead.

Sources: Amazon VPC User Guide, "NAT gateways" (a public NAT gateway needs a subnet with a route to an internet gateway;
states), "Route table concepts"; AWS PrivateLink Guide, "Access an AWS service using an interface VPC endpoint" (private
DNS names), "Gateway endpoints" (associated with route tables).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from clusterproof.reach.routes import target_text
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import Route, RouteTable, Subnet, VpcEndpoint
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.requested import NAT_GATEWAYS, VPC_ENDPOINTS

EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}


class Internet(msgspec.Struct, frozen=True):
    """A route of a subnet to an internet gateway: in a clause, and where it stands."""

    text: str
    ref: Ref


class WayOut(msgspec.Struct, frozen=True):
    """Whether a subnet has a way out.

    Attributes:
        works: false too where that is not known.
        text: by what, or why not.
        refs: where that was read.
        unknown: why it is not known.
    """

    works: bool
    text: str
    refs: tuple[Ref, ...] = ()
    unknown: Unknown | None = None


def route_to_internet(view: VpcView, subnet_id: str) -> Internet | Unknown | None:
    """The first active route of a subnet's effective table to an internet gateway, which makes it public."""
    table = view.route_table(subnet_id)
    if isinstance(table, Unknown):
        return table
    for number, item in enumerate(table.routes):
        if item.gateway_id.startswith("igw-") and item.state == "active":
            to = _destination(item)
            own = any(one.subnet_id == subnet_id for one in table.associations)
            which = table.route_table_id if own else f"{table.route_table_id}, the main table of its VPC,"
            ref = Ref(kinds.ROUTE_TABLES.name, table.route_table_id, f"Routes[{number}]", f"{to} -> {item.gateway_id}")
            return Internet(f"{which} routes {to} to {item.gateway_id}", ref)
    return None


def _destination(item: Route) -> str:
    return item.destination_cidr_block or item.destination_ipv6_cidr_block or item.destination_prefix_list_id


def way_out(view: VpcView, subnet: Subnet, services: Sequence[str], *, family: int = 4) -> WayOut:
    """How a subnet's nodes reach what is outside the VPC: a default route that works, or endpoints for all services."""
    table = view.route_table(subnet.subnet_id)
    if isinstance(table, Unknown):
        return WayOut(works=False, text=table.detail, unknown=table)
    routed = _by_route(view, subnet, table, family)
    if routed.works or not services:
        return routed
    instead = _by_endpoints(view, subnet, table, services)
    if instead.works:
        return instead
    unknown = routed.unknown or instead.unknown
    return WayOut(
        works=False, text=f"{routed.text}, and {instead.text}", refs=(*routed.refs, *instead.refs), unknown=unknown
    )


# --- by a default route -----------------------------------------------------------------------------


def _by_route(view: VpcView, subnet: Subnet, table: RouteTable, family: int) -> WayOut:
    block = EVERYWHERE[family]
    at = f"{table.route_table_id} of {subnet.subnet_id}"
    found = [
        (number, item)
        for number, item in enumerate(table.routes)
        if block in (item.destination_cidr_block, item.destination_ipv6_cidr_block)
    ]
    if not found:
        ref = Ref(kinds.ROUTE_TABLES.name, table.route_table_id, "Routes", f"no route to {block}")
        return WayOut(works=False, text=f"{at} has no route to {block}", refs=(ref,))
    number, item = found[0]
    target = target_text(item)
    ref = Ref(kinds.ROUTE_TABLES.name, table.route_table_id, f"Routes[{number}]", f"{block} -> {target}")
    if item.state == "blackhole":
        return WayOut(works=False, text=f"{at} routes {block} to {target}, which is gone (blackhole)", refs=(ref,))
    if item.nat_gateway_id:
        return _by_nat(view, item.nat_gateway_id, at, ref)
    if item.egress_only_internet_gateway_id:
        return WayOut(works=True, text=f"{at}: {target}", refs=(ref,))
    if item.gateway_id.startswith("igw-"):
        if subnet.map_public_ip_on_launch:
            own = Ref(kinds.SUBNETS.name, subnet.subnet_id, "MapPublicIpOnLaunch", "true")
            return WayOut(works=True, text=f"{at}: {target}", refs=(ref, own))
        what = (
            f"{at} routes {block} to {target}: whether its nodes get public addresses is their launch template's matter"
        )
        return WayOut(works=False, text=what, refs=(ref,), unknown=Unknown(Cause.NOT_MODELLED, what))
    what = f"{at} routes {block} to {target}: what lies behind it is not looked into"
    return WayOut(works=False, text=what, refs=(ref,), unknown=Unknown(Cause.NOT_MODELLED, what))


def _by_nat(view: VpcView, gateway_id: str, at: str, ref: Ref) -> WayOut:
    gateway = view.snapshot.get(NAT_GATEWAYS, gateway_id)
    if gateway is None:
        missing = view.snapshot.missing(NAT_GATEWAYS)
        if missing is None:
            return WayOut(works=False, text=f"{at} leads to {gateway_id}, which does not exist", refs=(ref,))
        what = f"whether {gateway_id}, to which {at} leads, works is not known: {missing.detail}"
        unknown = Unknown(missing.cause, what, missing.remedy)
        return WayOut(works=False, text=what, refs=(ref,), unknown=unknown)
    own = Ref(NAT_GATEWAYS.name, gateway_id, "State", gateway.state)
    if gateway.state != "available":
        what = f"{at} leads to {gateway_id}, which is {gateway.state or 'in no state that was read'}"
        unread = None if gateway.state else Unknown(Cause.NOT_COLLECTED, what)
        return WayOut(works=False, text=what, refs=(ref, own), unknown=unread)
    if gateway.connectivity_type == "private":
        what = f"{at} leads to {gateway_id}, a private NAT gateway: where it sends on is not looked into"
        return WayOut(works=False, text=what, refs=(ref, own), unknown=Unknown(Cause.NOT_MODELLED, what))
    if not gateway.subnet_id:
        # A regional NAT gateway is in no subnet: AWS routes it to the internet gateway of its VPC.
        what = f"{gateway_id} names no subnet: whether its VPC has an internet gateway is not looked into"
        return WayOut(works=False, text=what, refs=(ref, own), unknown=Unknown(Cause.NOT_MODELLED, what))
    public = route_to_internet(view, gateway.subnet_id)
    if isinstance(public, Unknown):
        what = f"whether {gateway_id} in {gateway.subnet_id} has a way out is not known: {public.detail}"
        return WayOut(works=False, text=what, refs=(ref, own), unknown=Unknown(public.cause, what, public.remedy))
    if public is None:
        what = f"{at} leads to {gateway_id}, whose own subnet {gateway.subnet_id} has no route to an internet gateway"
        return WayOut(
            works=False, text=what, refs=(ref, Ref(NAT_GATEWAYS.name, gateway_id, "SubnetId", gateway.subnet_id))
        )
    return WayOut(works=True, text=f"{at}: {gateway_id}", refs=(ref, own, public.ref))


# --- by endpoints -------------------------------------------------------------------------------------


def _by_endpoints(view: VpcView, subnet: Subnet, table: RouteTable, services: Sequence[str]) -> WayOut:
    missing = view.snapshot.missing(VPC_ENDPOINTS)
    endpoints = [one for one in view.snapshot.objects(VPC_ENDPOINTS) if one.vpc_id == subnet.vpc_id]
    lacking: list[str] = []
    refs: list[Ref] = []
    for service in services:
        wrong: list[str] = []
        found = None
        for one in endpoints:
            if not is_of(one, service):
                continue
            why = _useless(one, table)
            if why:
                wrong.append(why)
            else:
                found = one
        if found is None:
            lacking.append(f"{service} ({wrong[0]})" if wrong else service)
        else:
            refs.append(Ref(VPC_ENDPOINTS.name, found.vpc_endpoint_id, "ServiceName", found.service_name))
    if not lacking:
        return WayOut(works=True, text=f"VPC endpoints for {', '.join(services)}", refs=tuple(refs))
    text = f"no VPC endpoint serves {', '.join(lacking)}"
    if missing is not None:
        what = f"whether VPC endpoints serve {', '.join(lacking)} is not known: {missing.detail}"
        return WayOut(works=False, text=what, refs=tuple(refs), unknown=Unknown(missing.cause, what, missing.remedy))
    return WayOut(works=False, text=text, refs=tuple(refs))


def is_of(endpoint: VpcEndpoint, service: str) -> bool:
    """Whether an endpoint is of a service: ``com.amazonaws.eu-west-1.ecr.api`` of ``ecr.api``, China's too."""
    return (
        re.fullmatch(rf"(?:cn\.)?com\.amazonaws\.[a-z0-9-]+\.{re.escape(service)}", endpoint.service_name) is not None
    )


def _useless(endpoint: VpcEndpoint, table: RouteTable) -> str:
    """Why an endpoint of the VPC does not serve a subnet with a table; empty where it does."""
    name = endpoint.vpc_endpoint_id
    if endpoint.state.lower() != "available":
        return f"{name} is {endpoint.state or 'in no state that was read'}"
    if endpoint.vpc_endpoint_type == "Gateway":
        return "" if table.route_table_id in endpoint.route_table_ids else f"{name} is not in {table.route_table_id}"
    if not endpoint.subnet_ids:
        return f"{name} is in no subnet"
    return "" if endpoint.private_dns_enabled else f"{name} has no private DNS name"
