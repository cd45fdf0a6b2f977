"""What subnets are by their routes, gateways, endpoints, zones, tags and addresses."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Check, Evidence, NodeSet, Subnets
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.requested import NAT_GATEWAYS, VPC_ENDPOINTS
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, requirement
from tests.world.build import Tiny

Raw = dict[str, Any]
SERVICES = ("sqs", "s3", "ecr.api")


def route(target: str, to: str = "0.0.0.0/0", state: str = "active") -> Raw:
    """One route; the target's id says what it is."""
    member = {"nat": "NatGatewayId", "tgw": "TransitGatewayId", "eigw": "EgressOnlyInternetGatewayId"}
    field = "DestinationIpv6CidrBlock" if ":" in to else "DestinationCidrBlock"
    return {field: to, member.get(target.partition("-")[0], "GatewayId"): target, "State": state}


def cluster(*main: Raw, public: bool = True, nodes: int = 1) -> Tiny:
    """Nodes in subnet-a and subnet-b, whose routes are these; subnet-p is public with NAT gateway nat-1 in it."""
    tiny = Tiny().managed("a", ["sg-a"], subnets=("subnet-a",), nodes=nodes)
    tiny.managed("b", ["sg-a"], subnets=("subnet-b",), nodes=nodes)
    tiny.subnet("subnet-p", "us-east-1a", "10.0.9.0/24")
    tiny.objects[kinds.ROUTE_TABLES.name][0]["Routes"] += list(main)
    own = [route("igw-1")] if public else []
    associated = {"Associations": [{"SubnetId": "subnet-p"}]}
    tiny.put(kinds.ROUTE_TABLES, {"RouteTableId": "rtb-p", "VpcId": "vpc-1", "Routes": own, **associated})
    gateway = {"NatGatewayId": "nat-1", "VpcId": "vpc-1", "SubnetId": "subnet-p", "State": "available"}
    tiny.put(NAT_GATEWAYS, gateway)
    config = tiny.objects[kinds.CLUSTERS.name][0]["resourcesVpcConfig"]
    config["subnetIds"] = ["subnet-a", "subnet-b", "subnet-p"]
    return tiny


def judged(
    tiny: Tiny, that: str, *, of: str = "nodes", services: tuple[str, ...] = (), absent: str = "unknown"
) -> Finding:
    """The finding about these subnets."""
    return ask(tiny, requirement(Check(subnets=Subnets(of, that, services=services)), absent=absent))


# --- private -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("routes", "verdict"),
    [
        ([], Verdict.PASS),
        ([route("nat-1")], Verdict.PASS),
        ([route("igw-1")], Verdict.FAIL),
        ([route("igw-1", "::/0")], Verdict.FAIL),
        ([route("igw-1", "198.51.100.0/24")], Verdict.FAIL),
        ([route("eigw-1", "::/0")], Verdict.PASS),
        ([route("igw-1", state="blackhole")], Verdict.PASS),
    ],
)
def test_private(routes: list[Raw], verdict: Verdict) -> None:
    """A subnet is private while no route of its effective table leads to an internet gateway."""
    assert judged(cluster(*routes), "private").verdict is verdict


def test_the_effective_table_is_the_subnets_own() -> None:
    """An association stands before the main table, and the table that decides is evidence."""
    tiny = cluster(route("igw-1"))
    routes = {"Routes": [route("nat-1")], "Associations": [{"SubnetId": name} for name in ("subnet-a", "subnet-b")]}
    assert judged(tiny, "private").summary == (
        "subnet-a is public: rtb-0, the main table of its VPC, routes 0.0.0.0/0 to igw-1; "
        "subnet-b is public: rtb-0, the main table of its VPC, routes 0.0.0.0/0 to igw-1"
    )
    tiny.put(kinds.ROUTE_TABLES, {"RouteTableId": "rtb-1", "VpcId": "vpc-1", **routes})
    found = judged(tiny, "private")
    assert (found.verdict, found.summary) == (Verdict.PASS, "all 2 subnets have no route to an internet gateway")
    assert {ref.key for ref in found.evidence} == {"rtb-1"}
    assert judged(tiny, "private", of="cluster").verdict is Verdict.FAIL


# --- way out -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "verdict", "words"),
    [
        ({}, Verdict.PASS, "all 2 subnets have a way out"),
        ({"State": "failed"}, Verdict.FAIL, "leads to nat-1, which is failed"),
        ({"State": "pending"}, Verdict.FAIL, "which is pending"),
        ({"ConnectivityType": "private"}, Verdict.UNKNOWN, "whether all 2 subnets have a way out is not known"),
        ({"SubnetId": "subnet-a"}, Verdict.FAIL, "whose own subnet subnet-a has no route to an internet gateway"),
        ({"NatGatewayId": "nat-2"}, Verdict.FAIL, "leads to nat-1, which does not exist"),
    ],
)
def test_nat_gateways(change: Raw, verdict: Verdict, words: str) -> None:
    """A NAT gateway must be there, available, public, and in a subnet with a route to an internet gateway."""
    tiny = cluster(route("nat-1"))
    tiny.objects[NAT_GATEWAYS.name][0] |= change
    found = judged(tiny, "way-out")
    assert (found.verdict, words in found.summary) == (verdict, True), found.summary


@pytest.mark.parametrize(
    ("routes", "verdict"),
    [
        ([], Verdict.FAIL),
        ([route("nat-1", state="blackhole")], Verdict.FAIL),
        ([route("tgw-1")], Verdict.UNKNOWN),
        ([route("igw-1")], Verdict.UNKNOWN),
        ([route("nat-1", "10.9.0.0/16")], Verdict.FAIL),
    ],
)
def test_other_default_routes(routes: list[Raw], verdict: Verdict) -> None:
    """Without a default route there is no way out; what lies behind a transit gateway is not known."""
    found = judged(cluster(*routes), "way-out")
    assert found.verdict is verdict
    if verdict is Verdict.UNKNOWN:
        assert routes[0].get("TransitGatewayId", "igw-1") in found.cause


def test_a_public_subnet_that_gives_public_addresses() -> None:
    """Nodes with public addresses go out by the internet gateway itself."""
    tiny = cluster(route("igw-1"))
    for raw in tiny.objects[kinds.SUBNETS.name]:
        raw["MapPublicIpOnLaunch"] = True
    assert judged(tiny, "way-out").verdict is Verdict.PASS


def endpoint(service: str, **more: Any) -> Raw:
    """An interface endpoint in the VPC, with private DNS."""
    name = f"com.amazonaws.us-east-1.{service}"
    raw = {"VpcEndpointId": f"vpce-{service}", "VpcEndpointType": "Interface", "VpcId": "vpc-1", "ServiceName": name}
    return {**raw, "State": "available", "PrivateDnsEnabled": True, "SubnetIds": ["subnet-a"], **more}


GATEWAY = {"VpcEndpointType": "Gateway", "PrivateDnsEnabled": False, "SubnetIds": [], "RouteTableIds": ["rtb-0"]}


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        ({}, ""),
        ({"sqs": None}, "sqs"),
        ({"sqs": {"PrivateDnsEnabled": False}}, "sqs (vpce-sqs has no private DNS name)"),
        ({"sqs": {"State": "pending"}}, "sqs (vpce-sqs is pending)"),
        ({"sqs": {"VpcId": "vpc-2"}}, "sqs"),
        ({"s3": {**GATEWAY, "RouteTableIds": ["rtb-9"]}}, "s3 (vpce-s3 is not in rtb-0)"),
        ({"ecr.api": {"ServiceName": "com.amazonaws.us-east-1.ecr.dkr"}}, "ecr.api"),
    ],
)
def test_endpoints_instead(change: dict[str, Raw | None], lacking: str) -> None:
    """Endpoints for all services stand for a way out: in the VPC, available, by name or in the subnet's route table."""
    tiny = cluster()
    for service in SERVICES:
        own = change.get(service, GATEWAY if service == "s3" else {})
        if own is not None:
            tiny.put(VPC_ENDPOINTS, endpoint(service, **own))
    found = judged(tiny, "way-out", services=SERVICES)
    assert found.verdict is (Verdict.FAIL if lacking else Verdict.PASS)
    assert not lacking or f"no VPC endpoint serves {lacking}" in found.summary
    assert judged(cluster(route("nat-1")), "way-out", services=SERVICES).verdict is Verdict.PASS


# --- zones, tags, addresses ----------------------------------------------------------------------------


def test_zones() -> None:
    """Two zones are asked for, of all subnets together."""
    assert judged(cluster(), "zones").verdict is Verdict.PASS
    tiny = cluster()
    for raw in tiny.objects[kinds.SUBNETS.name]:
        raw["AvailabilityZone"] = "us-east-1a"
    found = judged(tiny, "zones")
    assert (found.verdict, found.summary) == (Verdict.FAIL, "all are in us-east-1a: subnet-a and subnet-b")
    one = {"a": NodeSet("a", (Evidence(group=("a",)),))}
    limited = requirement(Check(subnets=Subnets("nodes", "zones", "a")))
    assert ask(cluster(), limited, node_sets=one).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("tags", "verdict"),
    [
        ({}, Verdict.FAIL),
        ({"subnet-p": "elb", "subnet-a": "internal-elb", "subnet-b": "internal-elb"}, Verdict.PASS),
        ({"subnet-p": "internal-elb", "subnet-a": "internal-elb", "subnet-b": "internal-elb"}, Verdict.FAIL),
        ({"subnet-p": "elb", "subnet-a": "elb", "subnet-b": "internal-elb"}, Verdict.FAIL),
    ],
)
def test_tags(tags: dict[str, str], verdict: Verdict) -> None:
    """Public subnets carry role/elb, private ones role/internal-elb; which they are their routes say."""
    tiny = cluster()
    for raw in tiny.objects[kinds.SUBNETS.name]:
        if raw["SubnetId"] in tags:
            raw["Tags"] = [{"Key": f"kubernetes.io/role/{tags[raw['SubnetId']]}", "Value": "1"}]
    assert judged(tiny, "tags", of="cluster").verdict is verdict


def test_values_of_tags() -> None:
    """The value is 1 or empty; any other is named."""
    for value, verdict in (("1", Verdict.PASS), ("", Verdict.PASS), ("0", Verdict.FAIL)):
        tiny = cluster()
        for raw in tiny.objects[kinds.SUBNETS.name]:
            raw["Tags"] = [{"Key": "kubernetes.io/role/internal-elb", "Value": value}]
        found = judged(tiny, "tags")
        assert found.verdict is verdict
        assert verdict is Verdict.PASS or "is kubernetes.io/role/internal-elb=0, not 1" in found.summary


def test_addresses() -> None:
    """A subnet without addresses fails, few of the cluster's are told, an unread count is unknown."""
    tiny = cluster()
    assert judged(tiny, "addresses").verdict is Verdict.UNKNOWN
    for raw in tiny.objects[kinds.SUBNETS.name]:
        raw["AvailableIpAddressCount"] = 4
    assert judged(tiny, "addresses").verdict is Verdict.PASS
    told = judged(tiny, "addresses", of="cluster")
    assert any("EKS asks for at least 6" in note for note in told.notes)
    tiny.objects[kinds.SUBNETS.name][0]["AvailableIpAddressCount"] = 0
    assert judged(tiny, "addresses").summary == "subnet-a (10.0.0.0/24) has no address left"


# --- what was not read -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("that", "kind"),
    [
        ("private", kinds.ROUTE_TABLES),
        ("way-out", kinds.ROUTE_TABLES),
        ("way-out", NAT_GATEWAYS),
        ("tags", kinds.ROUTE_TABLES),
        ("tags", kinds.SUBNETS),
        ("zones", kinds.SUBNETS),
        ("addresses", kinds.SUBNETS),
        ("private", kinds.NODES),
    ],
)
def test_kinds_that_were_not_read(that: str, kind: Any) -> None:
    """Without a kind that decides the answer is unknown and says how to read it."""
    found = judged(cluster(route("nat-1")).drop(kind), that)
    assert found.verdict is Verdict.UNKNOWN
    assert found.unknowns
    assert all(unknown.remedy for unknown in found.unknowns[:1])


def test_endpoints_that_were_not_read() -> None:
    """Without a default route and without the endpoints a way out is not known; what is read may settle it."""
    assert judged(cluster().drop(VPC_ENDPOINTS), "way-out", services=SERVICES).verdict is Verdict.UNKNOWN
    assert judged(cluster().drop(VPC_ENDPOINTS), "way-out").verdict is Verdict.FAIL


def test_next_nodes_and_sets() -> None:
    """Subnets of nodes not yet born count; a set without groups is unknown, a template that was not read too."""
    found = judged(cluster(route("igw-1"), nodes=0), "private")
    assert (found.verdict, found.notes[0]) == (Verdict.FAIL, "subnets of the nodes: subnet-a and subnet-b")
    tiny = cluster()
    tiny.managed("c", ["sg-a"], described=False)
    assert judged(tiny, "private").verdict is Verdict.UNKNOWN
    denied = Unknown(Cause.DENIED, "the cluster was refused")
    unread = cluster().partly(kinds.CLUSTERS, denied)
    unread.objects[kinds.CLUSTERS.name].clear()
    assert judged(unread, "private", of="cluster").verdict is Verdict.UNKNOWN
