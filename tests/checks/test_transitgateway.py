"""A Service whose endpoint is in another VPC, behind a transit gateway: from the pod to the interface there."""

from __future__ import annotations

from clusterproof.checks.paths import Answer, why
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import CLIENT
from tests.checks.test_selectorless import DB, cluster
from tests.reach.vpcbuild import (
    Raw,
    acl,
    entry,
    gateway,
    gateway_attachment,
    gateway_route,
    gateway_routes,
    gateway_vpc,
    local,
    table,
    to,
)
from tests.world.build import Tiny

ADDRESS = "10.9.1.200"
ZONE = "us-east-1a"
ROUTES = [gateway_route("10.0.0.0/16", "tgw-attach-1", "vpc-1"), gateway_route("10.9.0.0/16", "tgw-attach-2", "vpc-2")]


def behind(*rules: str, routes: list[Raw] = ROUTES, attached: tuple[str, ...] = ("subnet-a",)) -> Tiny:
    """A database's interface in a VPC of its own, on one gateway with the cluster's."""
    tiny = cluster(ADDRESS).sg("sg-db", *rules)
    tiny.subnet("subnet-db", ZONE, "10.9.1.0/24", vpc="vpc-2")
    for raw in tiny.objects[kinds.SUBNETS.name]:
        raw["AvailabilityZoneId"] = "use1-az1"
    tiny.put(kinds.VPCS, {"VpcId": "vpc-2", "CidrBlock": "10.9.0.0/16"})
    for raw in tiny.objects[kinds.ROUTE_TABLES.name]:
        raw["Routes"] = [*raw["Routes"], to("10.9.0.0/16", "TransitGatewayId", "tgw-1")]
    far = table("rtb-2", [local("10.9.0.0/16"), to("0.0.0.0/0", "TransitGatewayId", "tgw-1")], main=True, vpc="vpc-2")
    tiny.put(kinds.ROUTE_TABLES, far)
    entries = [entry(1, "allow"), entry(1, "allow", egress=True)]
    tiny.put(kinds.NETWORK_ACLS, {**acl("acl-2", entries, ["subnet-db"]), "VpcId": "vpc-2"})
    raw = {"NetworkInterfaceId": "eni-db", "SubnetId": "subnet-db", "PrivateIpAddress": ADDRESS}
    tiny.put(kinds.NETWORK_INTERFACES, {**raw, "Groups": [{"GroupId": "sg-db"}]})
    tiny.put(kinds.TRANSIT_GATEWAYS, gateway("tgw-1", references="enable"))
    for number, (vpc, subnets) in enumerate((("vpc-1", attached), ("vpc-2", ("subnet-db",))), 1):
        name = f"tgw-attach-{number}"
        tiny.put(kinds.TRANSIT_GATEWAY_ATTACHMENTS, gateway_attachment(name, "tgw-1", vpc, "tgw-rtb-1"))
        tiny.put(kinds.TRANSIT_GATEWAY_VPC_ATTACHMENTS, gateway_vpc(name, "tgw-1", vpc, subnets))
    return tiny.put(kinds.TRANSIT_GATEWAY_ROUTES, gateway_routes("tgw-rtb-1", routes))


def ask(tiny: Tiny) -> Answer:
    """Why the client reaches the Service, or not."""
    return why(tiny.snapshot(), CLIENT, DB)


def test_an_endpoint_behind_a_gateway() -> None:
    """Was unknown, whatever was read: the gateway's routes and the far group decide (rules 1.4, 3.6)."""
    assert ask(behind("tcp 6432 sg-front")).verdict is Verdict.PASS
    assert ask(behind()).verdict is Verdict.FAIL
    assert ask(behind("tcp 6432 sg-front", routes=ROUTES[1:])).verdict is Verdict.FAIL


def test_the_zone_of_the_client_has_no_way_in() -> None:
    """The attachment is in the other zone only: nothing goes there from the client's nodes (rule 3.6)."""
    answer = ask(behind("tcp 6432 sg-front", attached=("subnet-b",)))
    assert answer.verdict is Verdict.FAIL
    assert answer.sentence.startswith("No. rtb-0 of subnet-a refuses it, for every place")


def test_the_gateway_was_not_read() -> None:
    """Then it is unknown, and the answer names the gateway (rule 3.6)."""
    tiny = behind("tcp 6432 sg-front")
    del tiny.objects[kinds.TRANSIT_GATEWAY_ROUTES.name]
    answer = ask(tiny)
    assert answer.verdict is Verdict.UNKNOWN
    assert "tgw-1" in answer.sentence
