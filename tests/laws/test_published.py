"""Examples that Kubernetes' and AWS's documents publish, with the answers that stand beside them there."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from clusterproof.checks.connections import connections
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.networkpolicy import KUBERNETES, Direction, Peer, PolicyIndex
from clusterproof.reach.routes import route
from clusterproof.reach.securitygroups import group_egress, group_ingress
from clusterproof.reach.trace import Outcome
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes import NetworkPolicy
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, reach
from tests.reach.vpcbuild import group, local, peering, perm, subnet, table, to, view
from tests.world.build import Tiny, on

Raw = dict[str, Any]
WORKS, BLOCKED, VARIES = Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES


# --- Kubernetes documentation, "Network Policies" ------------------------------------------------


def pod(namespace: str, address: str, space: dict[str, str] | None = None, **labels: str) -> Peer:
    """A pod with an address that no example's block holds."""
    return Peer(namespace, space or {}, labels, addresses=AddressSet.of(address))


def outside(address: str) -> Peer:
    """An address that is no pod's."""
    return Peer(addresses=AddressSet.of(address))


def policy(spec: Raw, namespace: str = "default") -> NetworkPolicy:
    """One NetworkPolicy."""
    return msgspec.convert({"metadata": {"name": "it", "namespace": namespace}, "spec": spec}, NetworkPolicy)


def said(specs: Iterable[Raw], way: Direction, subject: Peer, other: Peer, port: int, protocol: str = "TCP") -> object:
    """What Kubernetes' own words leave no plugin to choose."""
    return PolicyIndex([policy(spec) for spec in specs], KUBERNETES).decide(way, subject, other, port, protocol).outcome


TEST_NETWORK_POLICY: Raw = {
    "podSelector": {"matchLabels": {"role": "db"}},
    "policyTypes": ["Ingress", "Egress"],
    "ingress": [
        {
            "from": [
                {"ipBlock": {"cidr": "172.17.0.0/16", "except": ["172.17.1.0/24"]}},
                {"namespaceSelector": {"matchLabels": {"project": "myproject"}}},
                {"podSelector": {"matchLabels": {"role": "frontend"}}},
            ],
            "ports": [{"protocol": "TCP", "port": 6379}],
        }
    ],
    "egress": [{"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}], "ports": [{"protocol": "TCP", "port": 5978}]}],
}
DB = pod("default", "192.0.2.1", role="db")
FRONTEND = pod("default", "192.0.2.2", role="frontend")
MINE = {"project": "myproject"}


@pytest.mark.parametrize(
    ("other", "port", "wanted"),
    [
        (FRONTEND, 6379, "allowed"),
        (FRONTEND, 6380, "refused"),
        (pod("other", "192.0.2.3", role="frontend"), 6379, "refused"),
        (pod("other", "192.0.2.4", MINE, role="any"), 6379, "allowed"),
        (pod("default", "192.0.2.5", role="any"), 6379, "refused"),
        (outside("172.17.0.255"), 6379, "allowed"),
        (outside("172.17.2.0"), 6379, "allowed"),
        (outside("172.17.255.255"), 6379, "allowed"),
        (outside("172.17.1.0"), 6379, "refused"),
        (outside("172.17.1.255"), 6379, "refused"),
        (outside("172.18.0.0"), 6379, "refused"),
        (outside("172.17.0.0/23"), 6379, "varies"),
    ],
)
def test_the_example_policy_lets_in(other: Peer, port: int, wanted: str) -> None:
    """Section "The NetworkPolicy resource", point 2: the three sources on 6379 and no other (rules 7.2, 7.6)."""
    assert said([TEST_NETWORK_POLICY], "ingress", DB, other, port) == wanted


@pytest.mark.parametrize(
    ("other", "port", "wanted"),
    [("10.0.0.77", 5978, "allowed"), ("10.0.0.77", 5979, "refused"), ("10.0.1.77", 5978, "refused")],
)
def test_the_example_policy_lets_out(other: str, port: int, wanted: str) -> None:
    """Same section, point 3: to 10.0.0.0/24 on 5978; point 1: other pods are not isolated (rules 7.1, 7.2)."""
    assert said([TEST_NETWORK_POLICY], "egress", DB, outside(other), port) == wanted
    assert said([TEST_NETWORK_POLICY], "egress", FRONTEND, outside(other), port) == "allowed"


def test_one_element_or_two() -> None:
    """Section "Behavior of to and from selectors": one element with both selectors is AND, two elements are OR (rule 7.2)."""
    space, own = {"matchLabels": {"user": "alice"}}, {"matchLabels": {"role": "client"}}
    both = {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": space, "podSelector": own}]}]}
    either = {"podSelector": {}, "ingress": [{"from": [{"namespaceSelector": space}, {"podSelector": own}]}]}
    alice = {"user": "alice"}
    for client, anded, ored in (
        (pod("alice", "192.0.2.6", alice, role="client"), "allowed", "allowed"),
        (pod("alice", "192.0.2.6", alice, role="other"), "refused", "allowed"),
        (pod("default", "192.0.2.6", role="client"), "refused", "allowed"),
        (pod("bob", "192.0.2.6", role="client"), "refused", "refused"),
    ):
        assert said([both], "ingress", DB, client, 80) == anded
        assert said([either], "ingress", DB, client, 80) == ored


DEFAULTS: dict[str, Raw] = {
    "deny all ingress": {"podSelector": {}, "policyTypes": ["Ingress"]},
    "allow all ingress": {"podSelector": {}, "ingress": [{}], "policyTypes": ["Ingress"]},
    "deny all egress": {"podSelector": {}, "policyTypes": ["Egress"]},
    "allow all egress": {"podSelector": {}, "egress": [{}], "policyTypes": ["Egress"]},
    "deny all": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
}


@pytest.mark.parametrize(
    ("names", "ingress", "egress"),
    [
        ((), "allowed", "allowed"),
        (("deny all ingress",), "refused", "allowed"),
        (("allow all ingress",), "allowed", "allowed"),
        (("deny all egress",), "allowed", "refused"),
        (("allow all egress",), "allowed", "allowed"),
        (("deny all",), "refused", "refused"),
        # "even if policies are added that cause some pods to be treated as isolated"
        (("deny all ingress", "allow all ingress"), "allowed", "allowed"),
        (("deny all", "allow all egress"), "refused", "allowed"),
    ],
)
def test_default_policies(names: tuple[str, ...], ingress: str, egress: str) -> None:
    """Section "Default policies": what each does to each direction, alone and beside the one that allows (rule 7.1)."""
    specs = [DEFAULTS[name] for name in names]
    for protocol in ("TCP", "UDP", "SCTP"):
        assert said(specs, "ingress", DB, FRONTEND, 80, protocol) == ingress
        assert said(specs, "egress", DB, FRONTEND, 80, protocol) == egress


# --- Amazon EKS User Guide, "Stars demo of network policy for Amazon EKS" -----------------------------

STARS: dict[str, tuple[str, int]] = {"frontend": ("stars", 80), "backend": ("stars", 6379), "client": ("client", 9000)}
UI_FROM = [{"from": [{"namespaceSelector": {"matchLabels": {"role": "management-ui"}}}]}]
STEPS: tuple[tuple[tuple[str, str, Raw], ...], ...] = (
    (),
    (("stars", "default-deny", {"podSelector": {}}), ("client", "default-deny", {"podSelector": {}})),
    (
        ("stars", "allow-ui", {"podSelector": {"matchLabels": {}}, "ingress": UI_FROM}),
        ("client", "allow-ui", {"podSelector": {"matchLabels": {}}, "ingress": UI_FROM}),
    ),
    (
        (
            "stars",
            "backend-policy",
            {
                "podSelector": {"matchLabels": {"role": "backend"}},
                "ingress": [
                    {
                        "from": [{"podSelector": {"matchLabels": {"role": "frontend"}}}],
                        "ports": [{"protocol": "TCP", "port": 6379}],
                    }
                ],
            },
        ),
    ),
    (
        (
            "stars",
            "frontend-policy",
            {
                "podSelector": {"matchLabels": {"role": "frontend"}},
                "ingress": [
                    {
                        "from": [{"namespaceSelector": {"matchLabels": {"role": "client"}}}],
                        "ports": [{"protocol": "TCP", "port": 80}],
                    }
                ],
            },
        ),
    ),
)
ALL_PAIRS = {(one, other) for one in (*STARS, "management-ui") for other in STARS}
FROM_UI = {("management-ui", name) for name in STARS}
SEEN: tuple[set[tuple[str, str]], ...] = (
    ALL_PAIRS,  # "Each node has full communication access to all other nodes"
    set(),  # "the management user interface can no longer reach any of the nodes"
    FROM_UI,  # "can reach the nodes again, but the nodes cannot communicate with each other"
    FROM_UI | {("frontend", "backend")},
    FROM_UI | {("frontend", "backend"), ("client", "frontend")},
)


@pytest.mark.parametrize("step", range(5))
def test_the_stars_demo(step: int) -> None:
    """After each step of the demo exactly those reach one another that the guide's pictures join (rules 7.1, 7.2, 7.9)."""
    tiny = Tiny().cni({}, ["--enable-network-policy=true"]).sg("sg-node", "all sg-node")
    tiny.managed("nodes", ["sg-node"], nodes=2)
    tiny.namespace("stars").namespace("client", role="client").namespace("management-ui", role="management-ui")
    tiny.deployment("management-ui/management-ui", labels={"role": "management-ui"}, replicas=2)
    for name, (namespace, port) in STARS.items():
        tiny.deployment(f"{namespace}/{name}", labels={"role": name}, replicas=2)
        tiny.service(f"{namespace}/{name}", port, {"role": name})
    for namespace, name, spec in (one for done in STEPS[: step + 1] for one in done):
        tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": namespace, "name": name}, "spec": spec})
    rows = [row for row in connections(tiny.world()) if row.client.startswith("deploy/")]
    assert len(rows) == 12
    assert {row.outcome for row in rows} <= {WORKS, BLOCKED}
    joined = {(row.client.split("/")[2], row.server.split("/")[2]) for row in rows if row.outcome is WORKS}
    assert joined == SEEN[step]


# --- Amazon EKS User Guide, "Use a security group policy for an Amazon EKS Pod" --------------------------


@pytest.mark.parametrize(("dns", "by_name"), [(True, Verdict.PASS), (False, Verdict.FAIL)])
def test_the_security_group_policy_example(dns: bool, by_name: Verdict) -> None:
    """Without the DNS rules the name does not resolve, by address it still works (rules 5.4, 5.5, 11.1)."""
    rules = ["tcp 53 sg-pod", "udp 53 sg-pod"] if dns else []
    tiny = Tiny().cni({"ENABLE_POD_ENI": "true"}).sg("sg-cluster", "all sg-cluster", *rules)
    tiny.sg(
        "sg-pod",
        "all sg-pod",
        egress=[
            {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "sg-pod"}]},
            *(
                {"IpProtocol": protocol, "FromPort": 53, "ToPort": 53, "UserIdGroupPairs": [{"GroupId": "sg-cluster"}]}
                for protocol in ("tcp", "udp")
            ),
        ],
    )
    roomy = {"cpu": "8", "memory": "32Gi", "pods": "58", "vpc.amazonaws.com/pod-eni": "9"}
    tiny.managed("nodes", ["sg-cluster"], nodes=2, subnets=("subnet-a", "subnet-b"), allocatable=roomy)
    tiny.deployment("app/my-deployment", labels={"app": "my-app", "role": "my-role"}, replicas=4)
    tiny.service("app/my-app", 80, {"app": "my-app"}).dns()
    spec = {"podSelector": {"matchLabels": {"role": "my-role"}}, "securityGroups": {"groupIds": ["sg-pod"]}}
    tiny.put(kinds.SECURITY_GROUP_POLICIES, {"metadata": {"namespace": "app", "name": "p"}, "spec": spec})
    name = "deploy/app/my-deployment"
    assert ask(tiny, reach(name, name, "80/TCP", by="name")).verdict is by_name
    assert ask(tiny, reach(name, name, "80/TCP", by="address")).verdict is Verdict.PASS


# --- Amazon VPC User Guide, "VPC with public and private subnets (NAT)" ------------------------------------


def test_web_servers_and_database_servers() -> None:
    """Section "Security": WebServerSG reaches DBServerSG on 1433 and 3306, and not the other way (rules 1.1, 1.3, 1.4)."""
    anywhere = [perm("tcp", port, cidr=["0.0.0.0/0"]) for port in (80, 443)]
    out = [perm("tcp", port, group=["sg-db"]) for port in (1433, 3306)]
    into = [perm("tcp", port, group=["sg-web"]) for port in (1433, 3306)]
    world = view(groups=[group("sg-web", anywhere, [*out, *anywhere]), group("sg-db", into, anywhere)])
    web, database = world.side(("sg-web",), "subnet-0a"), world.side(("sg-db",), "subnet-0b")
    for port, wanted in ((1433, WORKS), (3306, WORKS), (22, BLOCKED), (80, BLOCKED)):
        answers = {
            group_egress(world, web, database, port, "tcp").outcome,
            group_ingress(world, web, database, port, "tcp").outcome,
        }
        assert (answers == {WORKS}) is (wanted is WORKS), port
    # A database server may open HTTP to anywhere, web servers accept it; SQL it may not open.
    assert group_egress(world, database, web, 80, "tcp").outcome is WORKS
    assert group_ingress(world, database, web, 80, "tcp").outcome is WORKS
    assert group_egress(world, database, web, 1433, "tcp").outcome is BLOCKED


# --- Amazon VPC Peering Guide, "Configurations with specific routes" ---------------------------------------

A, B = "172.16.0.0/16", "10.0.0.0/16"


def peered(routes_of_a: list[Raw], routes_of_b: list[Raw]) -> VpcView:
    """VPC A with subnets X and Y; VPCs B and C, whose blocks are the same, with one subnet each."""
    tables = [
        table("rtb-a", [local(A), *routes_of_a], main=True, vpc="vpc-a"),
        table("rtb-b", [local(B), *routes_of_b], main=True, vpc="vpc-b"),
        table("rtb-c", [local(B), to(A, "VpcPeeringConnectionId", "pcx-aaaacccc")], main=True, vpc="vpc-c"),
    ]
    return view(
        subnets=[
            subnet("subnet-x", "172.16.0.0/24", vpc="vpc-a"),
            subnet("subnet-y", "172.16.1.0/24", vpc="vpc-a"),
            subnet("subnet-b", "10.0.1.0/24", vpc="vpc-b"),
            subnet("subnet-c", "10.0.0.0/24", vpc="vpc-c"),
        ],
        vpcs=[{"VpcId": f"vpc-{name}", "CidrBlock": cidr} for name, cidr in (("a", A), ("b", B), ("c", B))],
        tables=tables,
        peerings=[peering("pcx-aaaabbbb", "vpc-a", "vpc-b"), peering("pcx-aaaacccc", "vpc-a", "vpc-c")],
    )


def pcx(cidr: str, other: str) -> Raw:
    """A route into a peered VPC."""
    return to(cidr, "VpcPeeringConnectionId", f"pcx-aaaa{other * 4}")


def ways(world: VpcView, one: str, other: str) -> list[Outcome]:
    """The route there and the route back."""
    return [hop.outcome for hop in route(world, world.side((), one), world.side((), other)).hops]


def test_a_vpc_peered_to_one_subnet_of_another() -> None:
    """Two VPCs peered to two subnets: B's table names subnet X only, so Y is out of reach from B (rules 3.3, 3.6)."""
    world = peered([pcx(B, "b")], [pcx("172.16.0.0/24", "b")])
    assert ways(world, "subnet-b", "subnet-x") == [WORKS, WORKS]
    assert ways(world, "subnet-b", "subnet-y") == [BLOCKED, WORKS]
    assert ways(world, "subnet-y", "subnet-b") == [WORKS, BLOCKED]


def test_replies_to_the_wrong_vpc() -> None:
    """Routing for response traffic: replies follow A's table to C; the guide's routes for B mend it (rules 3.3, 3.6)."""
    back = [pcx(A, "b")]
    assert ways(peered([pcx(B, "c")], back), "subnet-b", "subnet-x") == [WORKS, BLOCKED]
    by_subnet = peered([pcx("10.0.1.0/24", "b"), pcx("10.0.0.0/24", "c")], back)
    assert ways(by_subnet, "subnet-b", "subnet-x") == [WORKS, WORKS]
    assert ways(by_subnet, "subnet-c", "subnet-x") == [WORKS, WORKS]
    # Only 10.0.1.66 of subnet B gets its replies.
    by_host = peered([pcx("10.0.1.66/32", "b"), pcx(B, "c")], back)
    assert ways(by_host, "subnet-b", "subnet-x") == [WORKS, VARIES]
    (hop,) = route(by_host, by_host.side((), "subnet-b"), by_host.side((), "subnet-x")).hops[1:]
    assert "10.0.1.66" in hop.text


# --- Amazon EKS User Guide, "View Amazon EKS security group requirements" -----------------------------------


def test_the_cluster_security_group_admits_its_own() -> None:
    """The default rules: inbound all from itself, outbound all: nodes with it reach one another (rules 1.8, 4.1)."""
    tiny = Tiny().sg("sg-cluster", "all sg-cluster").sg("sg-own")
    tiny.managed("with", nodes=2).managed("without", ["sg-own"], nodes=2)
    tiny.deployment("app/one", on("with")).deployment("app/two", on("with")).deployment("app/three", on("without"))
    assert ask(tiny, reach("deploy/app/one", "deploy/app/two")).verdict is Verdict.PASS
    assert ask(tiny, reach("deploy/app/three", "deploy/app/two")).verdict is Verdict.FAIL
