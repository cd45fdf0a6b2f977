"""Folding against asking one by one: what stands for many is what each of them is."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.synthetic.cluster import synthetic
from benchmarks.synthetic.plan import Size
from clusterproof.checks.cells import Asker, Question
from clusterproof.checks.connections import connections
from clusterproof.checks.context import Context
from clusterproof.checks.endpoints import behind, party_of
from clusterproof.checks.parties import Party
from clusterproof.profiles.model import Document, Profile
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import AddPermission, Overlay, apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Workload
from tests.world.build import ZONES, Tiny

ENFORCED = ["--enable-network-policy=true"]
Pairs = dict[tuple[int, int, bool], tuple[Any, ...]]


def base(*rules: str) -> Tiny:
    """A client anywhere on a group of four subnets, a server on another group, behind a Service."""
    tiny = Tiny().sg("sg-front", "udp 53 sg-front").sg("sg-back", *rules)
    tiny.subnet("subnet-c", "us-east-1a", "10.0.2.0/24").subnet("subnet-d", "us-east-1b", "10.0.3.0/24")
    tiny.managed("front", ["sg-front"], subnets=(*ZONES, "subnet-c", "subnet-d"), nodes=5)
    tiny.managed("back", ["sg-back"], subnets=("subnet-b",), nodes=2, labels={"role": "back"})
    tiny.deployment("app/client").deployment("app/server", {"nodeSelector": {"role": "back"}})
    return tiny.service("app/server", 80, {"app": "server"})


def with_acl(tiny: Tiny, *entries: tuple[int, str, str], subnets: tuple[str, ...] = ("subnet-b",)) -> Tiny:
    """An ACL of some subnets, the same both ways."""
    raw = [
        {"RuleNumber": number, "RuleAction": action, "Egress": way, "Protocol": "-1", "CidrBlock": block}
        for way in (True, False)
        for number, action, block in entries
    ]
    links = [{"SubnetId": subnet} for subnet in subnets]
    return tiny.put(
        kinds.NETWORK_ACLS, {"NetworkAclId": "acl-x", "VpcId": "vpc-1", "Entries": raw, "Associations": links}
    )


def blocked(tiny: Tiny, block: str = "10.0.0.0/26") -> Tiny:
    """A policy by labels and by an address block."""
    peers = [{"podSelector": {"matchLabels": {"app": "other"}}}, {"ipBlock": {"cidr": block}}]
    spec = {"podSelector": {"matchLabels": {"app": "server"}}, "ingress": [{"from": peers}]}
    tiny.cni(agent_args=ENFORCED).deployment("app/other")
    return tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": "app", "name": "p"}, "spec": spec})


def resolved(tiny: Tiny) -> Tiny:
    """DNS pods in one of the client's subnets, and ACLs that let nothing out of any subnet."""
    tiny.managed("dns", ["sg-front"], subnets=("subnet-a",), labels={"role": "dns"}, nodes=2)
    tiny.dns({"nodeSelector": {"role": "dns"}})
    return with_acl(tiny, subnets=(*ZONES, "subnet-c", "subnet-d"))


def beside() -> Tiny:
    """DNS pods on one of two like nodes of one subnet; nobody reaches them from another node."""
    tiny = Tiny().sg("sg-front").sg("sg-back", "tcp 80 sg-front")
    for name, rank in (("front-0", "first"), ("front-1", "second"), ("front-2", "second")):
        tiny.node(name, ("sg-front",), labels={"rank": rank})
    tiny.node("back-0", ("sg-back",), subnet="subnet-b", labels={"rank": "third"})
    tiny.deployment("app/client").deployment("app/server", {"nodeSelector": {"rank": "third"}})
    tiny.service("app/server", 80, {"app": "server"})
    return tiny.dns({"nodeSelector": {"rank": "first"}})


def discovered() -> Tiny:
    """DNS pods on one of the client's nodes and on another; ACLs let nothing out of either of the two subnets of pods."""
    tiny = Tiny().sg("sg-front", "udp 53 sg-front").cni(version="1.23.0")
    tiny.subnet("subnet-c", "us-east-1a", "10.0.2.0/24").subnet("subnet-d", "us-east-1b", "10.0.3.0/24")
    for raw in tiny.objects["subnets"]:
        tagged = raw["SubnetId"] in ("subnet-a", "subnet-c")
        raw["Tags"] = [{"Key": "kubernetes.io/role/cni", "Value": "1"}] if tagged else []
    tiny.node("front-0", ("sg-front",), labels={"rank": "first", "dns": "yes"})
    tiny.node("front-1", ("sg-front",), labels={"rank": "first"})
    tiny.node("dns-0", ("sg-front",), labels={"rank": "second", "dns": "yes"})
    tiny.node("back-0", ("sg-front",), subnet="subnet-d", labels={"rank": "third"})
    tiny.deployment("app/client", {"nodeSelector": {"rank": "first"}})
    tiny.deployment("app/server", {"nodeSelector": {"rank": "third"}}).service("app/server", 80, {"app": "server"})
    tiny.dns({"hostNetwork": True, "nodeSelector": {"dns": "yes"}})
    return with_acl(tiny, subnets=("subnet-a", "subnet-c"))


def without(kind: kinds.Kind[Any]) -> Snapshot:
    """A world of which one kind was not read."""
    snapshot = base("tcp 80 sg-front").snapshot()
    return Snapshot(snapshot.meta, {name: table for name, table in snapshot.tables.items() if name != kind.name})


ALLOW = (100, "allow", "0.0.0.0/0")
WORLDS = {
    "synthetic": lambda: synthetic(Size(36, 7, 12, 6)),
    "plain": lambda: base("tcp 80 sg-front").snapshot(),
    "block": lambda: base("tcp 80 10.0.2.0/23").snapshot(),
    "half a subnet": lambda: base("tcp 80 10.0.2.0/25").snapshot(),
    "ACL for one": lambda: with_acl(base("tcp 80 sg-front"), (90, "deny", "10.0.2.0/24"), ALLOW).snapshot(),
    "ACL of one": lambda: with_acl(base("tcp 80 sg-front"), subnets=("subnet-c",)).snapshot(),
    "policy": lambda: blocked(base("tcp 80 sg-front", "tcp 80 sg-back")).snapshot(),
    "policy for one": lambda: blocked(base("tcp 80 sg-front", "tcp 80 sg-back"), "10.0.2.0/24").snapshot(),
    "DNS": lambda: resolved(base("tcp 80 sg-front")).snapshot(),
    "DNS on one node": lambda: beside().snapshot(),
    "DNS in one of two subnets": lambda: discovered().snapshot(),
    "no ACLs": lambda: without(kinds.NETWORK_ACLS),
    "no subnets": lambda: without(kinds.SUBNETS),
    "no groups": lambda: without(kinds.SECURITY_GROUPS),
    "no policies": lambda: without(kinds.NETWORK_POLICIES),
}


def spread(client: Party, server: Party, cells: list[Any]) -> Pairs:
    """What happens between each two places."""
    here, there = ({id(place): i for i, place in enumerate(party.places)} for party in (client, server))
    found: Pairs = {}
    for cell in cells:
        members = list(cell.pairs())
        assert len(members) == cell.number
        for one, other in members:
            key = here[id(one)], there[id(other)], cell.together
            assert key not in found
            found[key] = cell.outcome, cell.judged, cell.name, cell.layers, cell.counts, cell.unread
    return found


@pytest.mark.parametrize("world", WORLDS)
def test_each_pair_is_what_it_is_alone(world: str) -> None:
    """Every pair of places comes to the same, layer by layer, folded and asked alone; and its words are its own."""
    context = Context(WORLDS[world](), Profile("t", "t", Document("t"), ()))
    asker = Asker(context)
    services = context.world.services
    asked = 0
    for service in list(services.all().values())[:12]:
        backend = services.backend(service, service.spec.ports[0])
        for server in behind(context, backend):
            for workload in context.world.workloads[:8]:
                client = party_of(context, workload)
                for by_name in (False, True):
                    port = service.spec.ports[0]
                    question = Question(port.port, port.protocol, backend, by_name=by_name)
                    folded = asker.cells(client, server, question)
                    alone = asker.singly(client, server, question)
                    assert spread(client, server, folded) == spread(client, server, alone)
                    said = {(id(c.client), id(c.server), c.together): c.trace.hops for c in alone}
                    for cell in folded:
                        assert cell.trace.hops == said[id(cell.client), id(cell.server), cell.together]
                    asked += len(alone)
    assert asked


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        ("DNS", {"subnet-a": {"works"}, "subnet-b": {"blocked"}, "subnet-c": {"blocked"}, "subnet-d": {"blocked"}}),
        ("DNS on one node", {"subnet-a": {"works", "blocked"}, "subnet-b": {"blocked"}}),
        ("DNS in one of two subnets", {"subnet-a": {"works"}, "subnet-c": {"varies", "blocked"}}),
    ],
)
def test_who_is_near_the_dns_pods_stands_apart(world: str, expected: dict[str, set[str]]) -> None:
    """A client that shares its subnet or its node with DNS pods gets names where others of its groups do not."""
    context = Context(WORLDS[world](), Profile("t", "t", Document("t"), ()))
    backend = context.world.services.backend(*context.world.services.of_workload(_server(context), 80, "TCP")[0])
    client = party_of(context, context.world.by_id["deploy/app/client"])
    cells = Asker(context).cells(client, behind(context, backend)[0], Question(80, "TCP", backend, by_name=True))
    found: dict[str, set[str]] = {}
    for cell in cells:
        for place in cell.clients:
            found.setdefault(str(place.interface.subnet), set()).add(cell.name.value)
    assert found == expected


def _server(context: Context) -> Workload:
    return context.world.by_id["deploy/app/server"]


def test_a_new_rule_is_seen() -> None:
    """A rule for one of two groups that were one class makes two of them."""
    snapshot = synthetic(Size(36, 7, 0, 6))
    groups = sorted({group.group_id for group in snapshot.objects(kinds.SECURITY_GROUPS) if "gpu" in group.group_name})
    system = next(g.group_id for g in snapshot.objects(kinds.SECURITY_GROUPS) if g.group_name == "system-nodes")
    pair = {"UserIdGroupPairs": [{"GroupId": groups[0]}], "IpProtocol": "tcp", "FromPort": 4222, "ToPort": 4222}
    worlds = snapshot, apply(snapshot, Overlay((AddPermission(system, egress=False, permission=pair),)))
    seen = []
    for one in worlds:
        context = Context(one, Profile("t", "t", Document("t"), ()))
        worker = next(w for w in context.world.workloads if "vllmdecode" in w.name)
        nats = context.world.by_id["sts/dynamo/dynamo-platform-nats"]
        cells = Asker(context).cells(
            party_of(context, worker), party_of(context, nats), Question(4222, "TCP", None, by_name=False)
        )
        seen.append({cell.outcome.value for cell in cells})
    assert seen == [{"blocked"}, {"blocked", "works"}]


def test_a_row_says_its_own_clients_name() -> None:
    """Of clients that are judged as one, each row's refusal names its own client (it named the first of them)."""
    tiny = blocked(base("tcp 80 sg-front", "tcp 80 sg-back")).deployment("app/more")
    rows = [row for row in connections(tiny.world()) if row.service == "app/server" and row.hop is not None]
    refused = [row for row in rows if row.hop is not None and "none admits" in row.hop.text]
    assert {row.client for row in refused} >= {"deploy/app/client", "deploy/app/more"}
    assert all(row.hop is not None and row.hop.text.endswith(row.client) for row in refused)
