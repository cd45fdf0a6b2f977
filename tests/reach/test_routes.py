"""Routes: the guide's tables, both directions, parts of a range, what is not modelled, and a twin."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.routes import lookup, route, route_hops, target_text
from clusterproof.reach.trace import Layer, Outcome
from clusterproof.reach.vpc import Side, VpcView, outside
from clusterproof.snapshot.aws import RouteTable
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.kinds import ROUTE_TABLES
from tests.reach.vpcbuild import Raw, local, peering, snapshot, subnet, table, to, view

WORKS, BLOCKED, VARIES, UNKNOWN = Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN


def side(world: VpcView, subnet_id: str) -> Side:
    """An interface in a subnet."""
    return world.side(("sg-1",), subnet_id)


def taken(world: VpcView, table_id: str, address: str) -> str:
    """The target that one address takes."""
    found = world.snapshot.get(ROUTE_TABLES, table_id)
    assert isinstance(found, RouteTable)
    (part,) = lookup(world, found, AddressSet.of(address))
    return target_text(part.route) if part.route else "none"


def test_the_guides_route_table_examples() -> None:
    """VPC User Guide, "Configure route tables", Routes and "Longest prefix match": the most specific route wins (rules 3.1, 3.3)."""
    world = view(
        tables=[
            table(
                "rtb-1",
                [
                    local("10.0.0.0/16"),
                    to("2001:db8:1234:1a00::/56", "GatewayId", "local"),
                    to("172.31.0.0/16", "VpcPeeringConnectionId", "pcx-11223344556677889"),
                    to("0.0.0.0/0", "GatewayId", "igw-12345678901234567"),
                    to("::/0", "EgressOnlyInternetGatewayId", "eigw-aabbccddee1122334"),
                ],
                main=True,
            )
        ]
    )
    for address, target in [
        ("10.0.9.9", "local"),
        ("172.31.4.4", "pcx-11223344556677889"),
        ("8.8.8.8", "igw-12345678901234567"),
        ("2001:db8:1234:1a00::1", "local"),
        ("2001:db8::1", "eigw-aabbccddee1122334"),
    ]:
        assert taken(world, "rtb-1", address) == target


def test_a_static_route_comes_before_a_propagated_one() -> None:
    """Same page, "Route priority and propagated routes": the guide's table with 172.31.0.0/24 twice (rule 3.7)."""
    rows = [
        local("10.0.0.0/16"),
        to("172.31.0.0/24", "GatewayId", "vgw-11223344556677889"),
        to("172.31.0.0/24", "GatewayId", "igw-12345678901234567"),
    ]
    assert taken(view(tables=[table("rtb-1", rows)]), "rtb-1", "172.31.0.9") == "igw-12345678901234567"


def test_a_cidr_route_comes_before_a_prefix_list() -> None:
    """Same page, "Route priority and prefix lists": a static CIDR first, but the more specific route always (rule 3.7)."""
    world = view(
        tables=[
            table("rtb-1", [to("pl-1", "TransitGatewayId", "tgw-1"), to("172.31.0.0/24", "NatGatewayId", "nat-1")])
        ],
        entries=[{"PrefixListId": "pl-1", "Entries": [{"Cidr": "172.31.0.0/24"}, {"Cidr": "172.31.0.64/26"}]}],
    )
    found = world.snapshot.get(ROUTE_TABLES, "rtb-1")
    assert found is not None
    assert taken(world, "rtb-1", "172.31.0.200") == "nat-1"


def test_local_both_ways_and_within_one_subnet() -> None:
    """Two subnets of a VPC have the local route both ways; one subnet asks no table, even a missing one (rules 3.1, 3.6)."""
    world = view()
    hops = route_hops(world, side(world, "subnet-0a"), side(world, "subnet-0b"))
    assert [(hop.layer, hop.outcome) for hop in hops] == [(Layer.ROUTE, WORKS), (Layer.ROUTE_RETURN, WORKS)]
    bare = VpcView(snapshot(subnets=[subnet("subnet-0a", "10.0.1.0/24")]))
    (hop,) = route_hops(bare, side(bare, "subnet-0a"), side(bare, "subnet-0a"))
    assert hop.outcome is WORKS


def test_the_main_table_counts_where_none_is_associated() -> None:
    """Same page, "Subnet route tables": a subnet without an association uses the main table of its VPC (rule 3.5)."""
    world = view(
        tables=[
            table("rtb-main", [to("0.0.0.0/0", "NatGatewayId", "nat-1")], main=True),
            table("rtb-own", [local("10.0.0.0/16")], ["subnet-0b"]),
        ]
    )
    forward, back = route_hops(world, side(world, "subnet-0a"), side(world, "subnet-0b"))
    assert forward.at.startswith("rtb-main")
    assert (back.at, back.outcome) == ("rtb-own of subnet-0b", WORKS)


def test_a_table_that_was_not_read_is_unknown() -> None:
    """The hop names the subnet and the command; an incomplete read does not fall back to the main table (rule 3.5)."""
    raws = [subnet("subnet-0a", "10.0.1.0/24"), subnet("subnet-0b", "10.0.2.0/24")]
    world = VpcView(snapshot(subnets=raws))
    hops = route_hops(world, side(world, "subnet-0a"), side(world, "subnet-0b"))
    assert [hop.outcome for hop in hops] == [UNKNOWN, UNKNOWN]
    assert hops[0].unknown is not None
    assert "describe-route-tables" in hops[0].unknown.remedy


PEERED = [subnet("subnet-0a", "10.0.1.0/24"), subnet("subnet-0p", "10.9.0.0/24", vpc="vpc-2")]


def peered(there: list[Raw], back: list[Raw], **more: list[Raw]) -> tuple[VpcView, Side, Side]:
    """Two VPCs with one table each."""
    tables = [
        table("rtb-1", [local("10.0.0.0/16"), *there], main=True),
        table("rtb-2", [local("10.9.0.0/16"), *back], main=True, vpc="vpc-2"),
    ]
    given = {"subnets": PEERED, "tables": tables, "peerings": [peering("pcx-1", "vpc-1", "vpc-2")], **more}
    world = view(**given)
    return world, side(world, "subnet-0a"), side(world, "subnet-0p")


THERE, BACK = to("10.9.0.0/16", "VpcPeeringConnectionId", "pcx-1"), to("10.0.0.0/16", "VpcPeeringConnectionId", "pcx-1")


def test_a_peering_needs_routes_on_both_sides() -> None:
    """VPC Peering Guide: each VPC's tables need a route to the other; here one, then the other is missing (rule 3.6)."""
    assert [hop.outcome for hop in route_hops(*peered([THERE], [BACK]))] == [WORKS, WORKS]
    assert [hop.outcome for hop in route_hops(*peered([], [BACK]))] == [BLOCKED, WORKS]
    assert [hop.outcome for hop in route_hops(*peered([THERE], []))] == [WORKS, BLOCKED]


@pytest.mark.parametrize(
    ("connections", "wanted"),
    [
        ([peering("pcx-1", "vpc-1", "vpc-2", code="pending-acceptance")], BLOCKED),
        ([peering("pcx-1", "vpc-1", "vpc-3")], BLOCKED),
        ([], UNKNOWN),
    ],
)
def test_a_peering_that_does_not_carry(connections: list[Raw], wanted: Outcome) -> None:
    """Not active, or joining other VPCs (peering is not transitive): blocked; not read: unknown (rule 3.6)."""
    forward, _ = route_hops(*peered([THERE], [BACK], peerings=connections))
    assert forward.outcome is wanted


def test_a_blackhole_swallows() -> None:
    """A route whose target is gone still wins and drops (rule 3.4)."""
    forward, _ = route_hops(*peered([{**THERE, "State": "blackhole"}], [BACK]))
    assert forward.outcome is BLOCKED
    assert "blackhole" in forward.text


def test_different_parts_take_different_routes() -> None:
    """A more specific blackhole for half of the other subnet: which address comes up decides (rule 3.3)."""
    hole = {**to("10.9.0.0/25", "VpcPeeringConnectionId", "pcx-2"), "State": "blackhole"}
    forward, _ = route_hops(*peered([THERE, hole], [BACK]))
    assert forward.outcome is VARIES
    assert "10.9.0.4-10.9.0.127 (half) goes to pcx-2, which is gone (blackhole)" in forward.text


def test_middleboxes_spoil_group_references() -> None:
    """Same page, "Routes": an ENI may take a subnet from the local route; what it lets through is not known (rules 1.5, 3.2)."""
    tables = [table("rtb-1", [local("10.0.0.0/16"), to("10.0.2.0/24", "NetworkInterfaceId", "eni-1")], main=True)]
    world = view(tables=tables)
    routed = route(world, side(world, "subnet-0a"), side(world, "subnet-0b"))
    assert [hop.outcome for hop in routed.hops] == [UNKNOWN, WORKS]
    assert routed.hops[0].unknown is not None
    assert routed.hops[0].unknown.cause is Cause.NOT_MODELLED
    assert routed.references.outcome is BLOCKED
    half = [table("rtb-1", [local("10.0.0.0/16"), to("10.0.2.0/25", "GatewayId", "vpce-1")], main=True)]
    world = view(tables=half)
    assert route(world, side(world, "subnet-0a"), side(world, "subnet-0b")).references.outcome is VARIES


@pytest.mark.parametrize(
    ("member", "target"),
    [
        *(("GatewayId", "igw-1"), ("NatGatewayId", "nat-1"), ("GatewayId", "vgw-1")),
        *(("CoreNetworkArn", "arn:aws:networkmanager::1:core-network/c"), ("LocalGatewayId", "lgw-1")),
    ],
)
def test_gateways_to_elsewhere_are_named(member: str, target: str) -> None:
    """What is behind them is not modelled: unknown, and the text names the gateway (rule 3.6)."""
    world = view(tables=[table("rtb-1", [local("10.0.0.0/16"), to("0.0.0.0/0", member, target)], main=True)])
    (peer,) = outside(AddressSet.of("198.51.100.7"))
    (hop,) = route_hops(world, side(world, "subnet-0a"), peer)
    assert hop.outcome is UNKNOWN
    assert hop.unknown is not None
    assert target in hop.unknown.detail


def test_a_gateway_endpoint_list_does_not_doubt_local_traffic() -> None:
    """Every VPC with an S3 gateway endpoint has such a route; unread entries are public and matter outside only (rules 3.2, 3.3)."""
    tables = [table("rtb-1", [local("10.0.0.0/16"), to("pl-s3", "GatewayId", "vpce-s3")], main=True)]
    world = view(tables=tables)
    assert {hop.outcome for hop in route_hops(world, side(world, "subnet-0a"), side(world, "subnet-0b"))} == {WORKS}
    (service,) = outside(AddressSet.of("52.216.0.1"))
    (hop,) = route_hops(world, side(world, "subnet-0a"), service)
    assert hop.outcome is UNKNOWN
    read = view(tables=tables, entries=[{"PrefixListId": "pl-s3", "Entries": [{"Cidr": "52.216.0.0/15"}]}])
    (hop,) = route_hops(read, side(read, "subnet-0a"), service)
    assert (hop.outcome, hop.text) == (WORKS, "52.216.0.1 goes to an AWS service through gateway endpoint vpce-s3")


def test_a_subnet_without_the_family_blocks() -> None:
    """No IPv6 block, no IPv6 address: nothing to route."""
    world = view()
    hops = route_hops(world, world.side(("a",), "subnet-0a", 6), world.side(("a",), "subnet-0b", 6))
    assert {hop.outcome for hop in hops} == {BLOCKED}


# --- a twin that asks address by address -------------------------------------------------

rows = st.lists(
    st.tuples(
        st.integers(0, 31),
        st.integers(0, 8),
        st.sampled_from(["active", "active", "blackhole"]),
    ),
    max_size=6,
    unique_by=lambda row: (row[0] >> (8 - row[1]) << (8 - row[1]), row[1]),
)


@pytest.mark.parametrize(("family", "network"), [(4, "10.0.2.0/28"), (6, "2001:db8:0:2::/124")])
@settings(max_examples=150, deadline=None)
@given(drawn=rows)
def test_the_twin_agrees(family: int, network: str, drawn: list[tuple[int, int, str]]) -> None:
    """For each of 16 addresses the longest prefix by the standard library agrees, per family (rules 3.1, 3.3, 3.4)."""
    whole = ipaddress.ip_network(network)
    full = whole.max_prefixlen
    found = [
        (ipaddress.ip_network((int(whole.network_address) + last, full - 8 + more), strict=False), state)
        for last, more, state in drawn
    ]
    member = "DestinationCidrBlock" if family == 4 else "DestinationIpv6CidrBlock"
    routes = [{member: str(cidr), "GatewayId": "local", "State": state, "CoreNetworkArn": ""} for cidr, state in found]
    world = view(
        tables=[table("rtb-1", routes, ["subnet-0c"])],
        subnets=[
            subnet("subnet-0c", "10.0.1.0/28", cidr6="2001:db8:0:1::/124"),
            subnet("subnet-0s", "10.0.2.0/28", cidr6="2001:db8:0:2::/124"),
        ],
    )
    passing = []
    for host in list(whole)[4:-1]:
        fits = [(cidr, state) for cidr, state in found if host in cidr]
        best = max(fits, key=lambda fit: fit[0].prefixlen, default=None)
        passing.append(best is not None and best[1] == "active")
    wanted = WORKS if all(passing) else VARIES if any(passing) else BLOCKED
    ends = (world.side(("sg-1",), each, family) for each in ("subnet-0c", "subnet-0s"))
    assert route_hops(world, *ends)[0].outcome is wanted
