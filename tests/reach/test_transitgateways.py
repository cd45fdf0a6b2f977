"""Transit gateways: the guide's tables, both directions, zones, ACLs, group references, and a twin."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.routes import route, route_hops
from clusterproof.reach.trace import Layer, Outcome, Trace
from clusterproof.reach.transitgateways import whereabouts
from clusterproof.reach.vpc import Side, VpcView, outside
from clusterproof.reach.vpcpath import vpc_hops
from clusterproof.snapshot.aws import RouteTable
from clusterproof.snapshot.fields import Cause
from clusterproof.world.model import DataPlane
from tests.reach.vpcbuild import (
    Raw,
    acl,
    entry,
    gateway,
    gateway_attachment,
    gateway_route,
    gateway_routes,
    gateway_vpc,
    group,
    hosts_of,
    interface,
    local,
    peering,
    perm,
    subnet,
    table,
    to,
    view,
)

WORKS, BLOCKED, VARIES, UNKNOWN = Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN
CNI = DataPlane("VPC CNI", external_snat=True)
ZONE_A, ZONE_B = "us-west-2a", "us-west-2b"

SUBNETS = [
    subnet("subnet-0a", "10.0.1.0/24", zone=ZONE_A),
    subnet("subnet-0b", "10.0.2.0/24", zone=ZONE_B),
    subnet("subnet-0t", "10.0.9.0/28", zone=ZONE_A),
    subnet("subnet-1a", "10.1.1.0/24", zone=ZONE_A, vpc="vpc-2"),
    subnet("subnet-1t", "10.1.9.0/28", zone=ZONE_A, vpc="vpc-2"),
]
TABLES = [
    table("rtb-1", [local("10.0.0.0/16"), to("0.0.0.0/0", "TransitGatewayId", "tgw-1")], main=True),
    table("rtb-2", [local("10.1.0.0/16"), to("0.0.0.0/0", "TransitGatewayId", "tgw-1")], main=True, vpc="vpc-2"),
]
OPEN = [entry(1, "allow"), entry(1, "allow", egress=True)]
EVERYWHERE = ["subnet-0a", "subnet-0b", "subnet-0t", "subnet-1a", "subnet-1t"]
ROUTES = [gateway_route("10.0.0.0/16", "tgw-attach-1", "vpc-1"), gateway_route("10.1.0.0/16", "tgw-attach-2", "vpc-2")]


def joined(**more: list[Raw]) -> VpcView:
    """Two VPCs on one gateway with one table, as the guide's "centralized router"."""
    given: dict[str, Any] = {
        "groups": [
            group("sg-1"),
            group("sg-2", [perm("tcp", 80, cidr=["10.0.0.0/16"]), perm("tcp", 81, group=["sg-1"])], vpc="vpc-2"),
        ],
        "subnets": SUBNETS,
        "vpcs": [{"VpcId": "vpc-1", "CidrBlock": "10.0.0.0/16"}, {"VpcId": "vpc-2", "CidrBlock": "10.1.0.0/16"}],
        "tables": TABLES,
        "acls": [acl("acl-0", OPEN, EVERYWHERE)],
        "gateways": [gateway("tgw-1", references="enable")],
        "attachments": [
            gateway_attachment("tgw-attach-1", "tgw-1", "vpc-1", "tgw-rtb-1"),
            gateway_attachment("tgw-attach-2", "tgw-1", "vpc-2", "tgw-rtb-1"),
        ],
        "vpc_attachments": [
            gateway_vpc("tgw-attach-1", "tgw-1", "vpc-1", ["subnet-0t"]),
            gateway_vpc("tgw-attach-2", "tgw-1", "vpc-2", ["subnet-1t"]),
        ],
        "gateway_routes": [gateway_routes("tgw-rtb-1", ROUTES)],
    }
    return view(**{**given, **more})


def ends(world: VpcView, client: str = "subnet-0a") -> tuple[Side, Side]:
    """A client in the first VPC and a server in the second."""
    return world.side(("sg-1",), client), world.side(("sg-2",), "subnet-1a")


def both(world: VpcView, client: str = "subnet-0a") -> list[Outcome]:
    """There and back."""
    return [hop.outcome for hop in route_hops(world, *ends(world, client))]


def test_the_guides_centralized_router() -> None:
    """Transit Gateway Guide, "Centralized router": each VPC's block propagates to the one table (rule 3.6)."""
    world = joined()
    forward, back = route_hops(world, *ends(world))
    assert [forward.outcome, back.outcome] == [WORKS, WORKS]
    assert "goes through tgw-1 to vpc-2 (tgw-rtb-1: 10.1.0.0/16 → tgw-attach-2)" in forward.text
    assert ("transit-gateway-routes", "tgw-rtb-1", "Routes[1]") in [(r.kind, r.key, r.field) for r in forward.refs]
    hops = vpc_hops(world, CNI, interface("sg-1", "subnet-0a"), interface("sg-2", "subnet-1a"), 80, "TCP")
    assert Trace(hops).outcome is WORKS
    hops = vpc_hops(world, CNI, interface("sg-1", "subnet-0a"), interface("sg-2", "subnet-1a"), 82, "TCP")
    assert Trace(hops).outcome is BLOCKED


def test_the_guides_isolated_vpcs() -> None:
    """Same guide, "Isolated VPCs": the VPCs' table has a route to the VPN only, which drops what is for the other VPC (rule 3.6)."""
    vpn = gateway_route("0.0.0.0/0", "tgw-attach-vpn", "vpn-1", kind="vpn")
    assert both(joined(gateway_routes=[gateway_routes("tgw-rtb-1", [])])) == [BLOCKED, BLOCKED]
    world = joined(gateway_routes=[gateway_routes("tgw-rtb-1", [vpn])])
    forward, _ = route_hops(world, *ends(world))
    assert forward.outcome is UNKNOWN
    assert forward.unknown is not None
    assert "tgw-attach-vpn" in forward.unknown.detail
    assert "tgw-1" in forward.unknown.detail


@pytest.mark.parametrize(
    ("routes", "wanted"),
    [
        ([ROUTES[0]], [BLOCKED, WORKS]),
        ([ROUTES[1]], [WORKS, BLOCKED]),
        ([*ROUTES, gateway_route("10.1.1.0/24", state="blackhole")], [BLOCKED, WORKS]),
        ([*ROUTES, gateway_route("10.1.1.0/25", state="blackhole")], [VARIES, WORKS]),
        ([ROUTES[0], gateway_route("10.0.0.0/8", "tgw-attach-2", "vpc-2", type="static")], [WORKS, WORKS]),
        ([*ROUTES, gateway_route("10.1.0.0/16", state="blackhole", type="static")], [BLOCKED, WORKS]),
        ([*ROUTES, gateway_route("10.1.0.0/16", "tgw-attach-3", "vpc-3")], [UNKNOWN, WORKS]),
        ([*ROUTES, gateway_route("10.1.1.0/24", "tgw-attach-3", "vpc-3")], [UNKNOWN, WORKS]),
        ([*ROUTES, gateway_route("10.1.1.0/24", "tgw-attach-2", "vpc-2", state="pending")], [UNKNOWN, WORKS]),
    ],
    ids=[
        *("no way there", "no way back", "blackhole", "blackhole for half", "a wider static route"),
        *("static before propagated", "two equal", "another VPC between", "pending"),
    ],
)
def test_longest_prefix_decides_in_the_gateways_table(routes: list[Raw], wanted: list[Outcome]) -> None:
    """Same guide, "Route evaluation order"; each direction by the sender's table (rules 3.3, 3.4, 3.6, 3.7)."""
    assert both(joined(gateway_routes=[gateway_routes("tgw-rtb-1", routes)])) == wanted


def test_each_direction_has_the_table_of_the_senders_attachment() -> None:
    """Two tables: the one that the other VPC is associated with lacks the way back (rule 3.6)."""
    world = joined(
        attachments=[
            gateway_attachment("tgw-attach-1", "tgw-1", "vpc-1", "tgw-rtb-1"),
            gateway_attachment("tgw-attach-2", "tgw-1", "vpc-2", "tgw-rtb-2"),
        ],
        gateway_routes=[gateway_routes("tgw-rtb-1", ROUTES), gateway_routes("tgw-rtb-2", [ROUTES[1]])],
    )
    assert both(world) == [WORKS, BLOCKED]


def test_a_zone_without_an_interface_does_not_reach_the_gateway() -> None:
    """Same guide, "Amazon VPC attachments", Limits: traffic is forwarded only from zones of the attachment (rule 3.6)."""
    assert both(joined(), "subnet-0b") == [BLOCKED, WORKS]
    two = [
        gateway_vpc("tgw-attach-1", "tgw-1", "vpc-1", ["subnet-0t", "subnet-0b"]),
        gateway_vpc("tgw-attach-2", "tgw-1", "vpc-2", ["subnet-1t"]),
    ]
    assert both(joined(vpc_attachments=two), "subnet-0b") == [WORKS, WORKS]
    unread = [
        gateway_vpc("tgw-attach-1", "tgw-1", "vpc-1", ["subnet-0t", "subnet-unread"]),
        gateway_vpc("tgw-attach-2", "tgw-1", "vpc-2", ["subnet-1t"]),
    ]
    assert both(joined(vpc_attachments=unread)) == [WORKS, UNKNOWN]
    assert both(joined(vpc_attachments=unread), "subnet-0b") == [UNKNOWN, UNKNOWN]
    silent = [
        gateway_vpc("tgw-attach-1", "tgw-1", "vpc-1", ["subnet-0t"]),
        gateway_vpc("tgw-attach-2", "tgw-1", "vpc-2", []),
    ]
    assert both(joined(vpc_attachments=silent)) == [UNKNOWN, UNKNOWN]
    lax = [*SUBNETS, subnet("subnet-0l", "10.0.3.0/24", zone="us-west-2-lax-1a")]
    assert both(joined(subnets=lax, acls=[acl("acl-0", OPEN, [*EVERYWHERE, "subnet-0l"])]), "subnet-0l")[0] is UNKNOWN


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        ("vpc_attachments", ("attachment of vpc-1 to tgw-1", "describe-transit-gateway-vpc-attachments")),
        ("attachments", ("attachment tgw-attach-1 of tgw-1", "describe-transit-gateway-attachments")),
        ("gateway_routes", ("routes of tgw-rtb-1 of tgw-1", "--transit-gateway-route-table-id tgw-rtb-1")),
    ],
)
def test_what_was_not_read_is_unknown(lost: str, named: tuple[str, str]) -> None:
    """Read and empty, or not read at all: the hop names gateway, attachment or table, and the command (rule 3.6)."""
    for world in (joined(**{lost: []}), _without(lost)):
        forward, _ = route_hops(world, *ends(world))
        assert forward.outcome is UNKNOWN
        assert forward.unknown is not None
        assert named[0] in forward.unknown.detail
        assert named[1] in forward.unknown.remedy


def _without(name: str) -> VpcView:
    world = joined()
    from tests.reach.vpcbuild import KINDS

    snapshot = world.snapshot
    tables = {key: item for key, item in snapshot.tables.items() if key != KINDS[name].name}
    return VpcView(type(snapshot)(snapshot.meta, tables))


def test_another_accounts_gateway_names_the_account() -> None:
    """Only the owner sees the tables: without an association the hop says whose credentials show it (rule 3.6)."""
    seen = [gateway_attachment("tgw-attach-1", "tgw-1", "vpc-1", "", owner="999900001111")]
    world = joined(attachments=seen)
    forward, _ = route_hops(world, *ends(world))
    assert forward.unknown is not None
    assert forward.unknown.cause is Cause.INCOMPLETE
    assert "account 999900001111" in forward.unknown.remedy


def test_where_no_route_leads_to_a_gateway_nothing_of_it_matters() -> None:
    """Peered VPCs, and none of the four kinds read: as if there were no gateways (rule 3.6)."""
    tables = [
        table("rtb-1", [local("10.0.0.0/16"), to("10.1.0.0/16", "VpcPeeringConnectionId", "pcx-1")], main=True),
        table(
            "rtb-2",
            [local("10.1.0.0/16"), to("10.0.0.0/16", "VpcPeeringConnectionId", "pcx-1")],
            main=True,
            vpc="vpc-2",
        ),
    ]
    world = view(subnets=SUBNETS, tables=tables, peerings=[peering("pcx-1", "vpc-1", "vpc-2")])
    assert both(world) == [WORKS, WORKS]


def test_the_gateways_subnets_route_on_by_their_own_tables() -> None:
    """A firewall's endpoint between the gateway's subnet and the server is a middlebox (rule 3.2)."""
    inspected = table(
        "rtb-3",
        [local("10.1.0.0/16"), to("10.1.1.0/24", "GatewayId", "vpce-1")],
        ["subnet-1t"],
        vpc="vpc-2",
    )
    world = joined(tables=[*TABLES, inspected])
    forward, back = route_hops(world, *ends(world))
    assert [forward.outcome, back.outcome] == [UNKNOWN, WORKS]
    assert "vpce-1" in forward.text


def test_a_static_route_to_an_address_outside_arrives() -> None:
    """An address that no subnet of the snapshot has may be one of the VPC that the gateway leads to: unknown, not blocked."""
    world = joined()
    hops = vpc_hops(world, CNI, interface("sg-1", "subnet-0a"), AddressSet.of("10.1.7.7"), 80, "TCP")
    found = {hop.layer: hop.outcome for hop in hops}
    assert (found[Layer.ROUTE], found[Layer.GROUP_INGRESS]) == (WORKS, UNKNOWN)
    (target,) = outside(AddressSet.of("192.168.7.7"))
    assert route_hops(world, ends(world)[0], target)[0].outcome is BLOCKED


def test_what_tells_subnets_apart() -> None:
    """Where a route leads to a gateway: zones, and the subnets with an interface of it; else nothing (rule 3.6)."""
    more = [*SUBNETS, subnet("subnet-0c", "10.0.4.0/24", zone=ZONE_A)]
    world = joined(subnets=more)
    table_ = world.route_table("subnet-0a")
    assert isinstance(table_, RouteTable)
    names = ("subnet-0a", "subnet-0c", "subnet-0b", "subnet-0t")
    assert [whereabouts(world, name, table_) for name in names] == [ZONE_A, ZONE_A, ZONE_B, "subnet-0t"]
    plain = joined(tables=[table("rtb-1", [local("10.0.0.0/16")], main=True)]).route_table("subnet-0a")
    assert isinstance(plain, RouteTable)
    assert {whereabouts(world, name, plain) for name in names} == {""}


# --- group references ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of_gateway", "of_one", "of_other", "wanted"),
    [
        ("enable", "enable", "enable", WORKS),
        ("disable", "enable", "enable", BLOCKED),
        ("enable", "disable", "enable", BLOCKED),
        ("enable", "enable", "disable", BLOCKED),
        ("", "enable", "enable", UNKNOWN),
        ("enable", "enable", "", UNKNOWN),
    ],
)
def test_inbound_rules_may_name_groups_across_a_gateway(
    of_gateway: str, of_one: str, of_other: str, wanted: Outcome
) -> None:
    """Transit Gateway Guide, "Security group referencing": gateway and both attachments must support it (rule 1.4)."""
    world = joined(
        gateways=[gateway("tgw-1", references=of_gateway)],
        vpc_attachments=[
            gateway_vpc("tgw-attach-1", "tgw-1", "vpc-1", ["subnet-0t"], references=of_one),
            gateway_vpc("tgw-attach-2", "tgw-1", "vpc-2", ["subnet-1t"], references=of_other),
        ],
    )
    hops = vpc_hops(world, CNI, interface("sg-1", "subnet-0a"), interface("sg-2", "subnet-1a"), 81, "TCP")
    assert {hop.layer: hop.outcome for hop in hops}[Layer.GROUP_INGRESS] is wanted


def test_outbound_rules_may_not_name_groups_across_a_gateway() -> None:
    """Same page: "in inbound rules only", whatever is enabled (rule 1.4)."""
    world = joined(
        groups=[
            group("sg-1", egress=[perm("tcp", 80, group=["sg-2"])]),
            group("sg-2", [perm("tcp", 80, group=["sg-1"])], vpc="vpc-2"),
        ]
    )
    hops = vpc_hops(world, CNI, interface("sg-1", "subnet-0a"), interface("sg-2", "subnet-1a"), 80, "TCP")
    found = {hop.layer: hop for hop in hops}
    assert (found[Layer.GROUP_EGRESS].outcome, found[Layer.GROUP_INGRESS].outcome) == (BLOCKED, WORKS)
    assert "only inbound rules may name a group" in found[Layer.GROUP_EGRESS].text


@pytest.mark.parametrize(("zone_id", "wanted"), [("use1-az1", WORKS), ("use1-az3", UNKNOWN), ("", UNKNOWN)])
def test_one_zone_has_no_references(zone_id: str, wanted: Outcome) -> None:
    """Same page, Limitations: not for attachments in use1-az3; which zone that is, names do not tell (rule 1.4)."""
    moved = [{**item, "AvailabilityZone": "us-east-1a", "AvailabilityZoneId": zone_id} for item in SUBNETS]
    world = joined(subnets=moved)
    assert route(world, *ends(world)).references.outcome is wanted


def test_after_snat_the_nodes_group_is_the_reference() -> None:
    """The VPC CNI translates what leaves the VPC, so over a gateway the node's groups count (rules 1.4, 5.7)."""
    pod = interface("sg-pod", "subnet-0a", node=("sg-1", "subnet-0a"))
    server = interface("sg-2", "subnet-1a")
    translated = vpc_hops(joined(), DataPlane("VPC CNI"), pod, server, 81, "TCP")
    assert {hop.layer: hop.outcome for hop in translated}[Layer.GROUP_INGRESS] is WORKS
    kept = vpc_hops(joined(), CNI, pod, server, 81, "TCP")
    assert {hop.layer: hop.outcome for hop in kept}[Layer.GROUP_INGRESS] is BLOCKED


# --- ACLs of the gateway's subnets --------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "entries", "layer"),
    [
        ("subnet-0t", [entry(1, "allow", egress=True)], Layer.ACL_OUT),
        ("subnet-1t", [entry(1, "allow")], Layer.ACL_IN),
        ("subnet-1t", [entry(1, "allow", egress=True)], Layer.ACL_RETURN_OUT),
        ("subnet-0t", [entry(1, "allow")], Layer.ACL_RETURN_IN),
    ],
)
def test_acls_of_the_gateways_subnets(where: str, entries: list[Raw], layer: Layer) -> None:
    """Guide, "Network ACLs for transit gateways": inbound from the VPC by source, outbound into it (rules 2.1, 2.3)."""
    rest = [item for item in EVERYWHERE if item != where]
    world = joined(acls=[acl("acl-0", OPEN, rest), acl("acl-t", entries, [where])])
    hops = vpc_hops(world, CNI, interface("sg-1", "subnet-0a"), interface("sg-2", "subnet-1a"), 80, "TCP")
    refused = [hop for hop in hops if hop.outcome is not WORKS]
    assert [(hop.layer, hop.outcome) for hop in refused] == [(layer, UNKNOWN)]
    assert refused[0].at == f"acl-t of {where}"


def test_the_other_rules_of_the_gateways_subnets_are_not_asked() -> None:
    """Same page: outbound rules say nothing of what leaves the VPC, inbound rules nothing of what enters (rule 2.1)."""
    here = [entry(1, "allow"), entry(1, "allow", cidr="10.0.0.0/16", egress=True)]
    there = [entry(1, "allow", cidr="10.1.0.0/16"), entry(1, "allow", egress=True)]
    world = joined(
        acls=[
            acl("acl-0", OPEN, ["subnet-0a", "subnet-1a"]),
            acl("acl-h", here, ["subnet-0t"]),
            acl("acl-t", there, ["subnet-1t"]),
        ]
    )
    hops = vpc_hops(world, CNI, interface("sg-1", "subnet-0a"), interface("sg-2", "subnet-1a"), 80, "TCP")
    assert Trace(hops).outcome is WORKS


def test_in_the_gateways_own_subnet_a_refusal_is_no_proof() -> None:
    """Same page, "Same subnet": what the gateway hands to an instance beside it is not judged at all (rule 2.1)."""
    shared = [
        gateway_vpc("tgw-attach-1", "tgw-1", "vpc-1", ["subnet-0t"]),
        gateway_vpc("tgw-attach-2", "tgw-1", "vpc-2", ["subnet-1a"]),
    ]
    closed = [entry(1, "allow", cidr="10.1.0.0/16"), entry(1, "allow", egress=True)]
    rest = [item for item in EVERYWHERE if item != "subnet-1a"]
    world = joined(vpc_attachments=shared, acls=[acl("acl-0", OPEN, rest), acl("acl-t", closed, ["subnet-1a"])])
    hops = vpc_hops(world, CNI, interface("sg-1", "subnet-0a"), interface("sg-2", "subnet-1a"), 80, "TCP")
    assert [(hop.layer, hop.outcome) for hop in hops if hop.outcome is not WORKS] == [(Layer.ACL_IN, UNKNOWN)]


def test_ipv6_needs_attachments_that_support_it() -> None:
    """EC2 API, CreateTransitGatewayVpcAttachmentRequestOptions, Ipv6Support: without it nothing is said (rule 3.6)."""
    six = [
        {**item, "Ipv6CidrBlockAssociationSet": [{"Ipv6CidrBlock": f"2001:db8:{vpc}:{number}::/64"}]}
        for number, item in enumerate(SUBNETS)
        for vpc in ("1" if item["VpcId"] == "vpc-1" else "2",)
    ]
    tables = [
        table(
            name,
            [to(f"2001:db8:{net}::/48", "GatewayId", "local"), to("::/0", "TransitGatewayId", "tgw-1")],
            main=True,
            vpc=vpc,
        )
        for name, net, vpc in (("rtb-1", "1", "vpc-1"), ("rtb-2", "2", "vpc-2"))
    ]
    routes = [
        gateway_route("2001:db8:1::/48", "tgw-attach-1", "vpc-1"),
        gateway_route("2001:db8:2::/48", "tgw-attach-2", "vpc-2"),
    ]
    for said, wanted in (("enable", WORKS), ("disable", UNKNOWN)):
        world = joined(
            subnets=six,
            tables=tables,
            gateway_routes=[gateway_routes("tgw-rtb-1", routes)],
            vpc_attachments=[
                gateway_vpc("tgw-attach-1", "tgw-1", "vpc-1", ["subnet-0t"], ipv6=said),
                gateway_vpc("tgw-attach-2", "tgw-1", "vpc-2", ["subnet-1t"], ipv6=said),
            ],
        )
        client, server = world.side(("sg-1",), "subnet-0a", 6), world.side(("sg-2",), "subnet-1a", 6)
        assert [hop.outcome for hop in route_hops(world, client, server)] == [wanted, wanted]


# --- a twin that asks address by address -------------------------------------------------

rows = st.lists(
    st.tuples(
        st.integers(0, 31),
        st.integers(24, 32),
        st.sampled_from(["active", "active", "blackhole"]),
        st.sampled_from(["static", "propagated"]),
    ),
    max_size=7,
    unique_by=lambda row: (row[0] >> (32 - row[1]) << (32 - row[1]), row[1], row[3]),
)


@settings(max_examples=150, deadline=None)
@given(rows)
def test_the_twin_agrees(drawn: list[tuple[int, int, str, str]]) -> None:
    """For each address of a /28 the longest prefix, static first, by the standard library (rules 3.3, 3.4, 3.6, 3.7)."""
    found = [
        (ipaddress.ip_network((f"10.1.1.{last}", length), strict=False), state, kind)
        for last, length, state, kind in drawn
    ]
    routes = [
        gateway_route(str(cidr), *(("tgw-attach-2", "vpc-2") if state == "active" else ()), state=state, type=kind)
        for cidr, state, kind in found
    ]
    small = [
        subnet("subnet-1a", "10.1.1.0/28", zone=ZONE_A, vpc="vpc-2") if item["SubnetId"] == "subnet-1a" else item
        for item in SUBNETS
    ]
    world = joined(subnets=small, gateway_routes=[gateway_routes("tgw-rtb-1", [ROUTES[0], *routes])])
    passing = []
    for host in hosts_of("10.1.1.0/28"):
        fits = [(cidr.prefixlen, kind == "static", state) for cidr, state, kind in found if host in cidr]
        passing.append(bool(fits) and max(fits)[2] == "active")
    wanted = WORKS if all(passing) else VARIES if any(passing) else BLOCKED
    assert both(world)[0] is wanted
