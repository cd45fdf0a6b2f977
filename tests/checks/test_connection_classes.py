from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

import msgspec
import pytest

from benchmarks.beside_nca import manifests, world
from clusterproof.checks.between import _between, _unread
from clusterproof.checks.cells import Asker
from clusterproof.checks.connection import Alike, Connections, renamed, sayable
from clusterproof.checks.connections import Connection, connections
from clusterproof.checks.context import Context
from clusterproof.checks.endpoints import behind, party_of
from clusterproof.profiles.model import Document, Profile
from clusterproof.reach.trace import Hop, Layer, Outcome
from clusterproof.reports.connections import FORMATS, render
from clusterproof.snapshot import kinds
from clusterproof.world.world import World
from tests.reach.twin.build import built
from tests.reach.twin.drawing import drawn
from tests.world.build import Tiny

_KEY = attrgetter("client", "client_group", "server", "server_group", "service", "port")


def alone(world: World) -> list[Connection]:
    """Every row, each client asked for by itself of each Service, nothing shared but what the layers remember."""
    context = Context(world.snapshot, Profile("t", "t", Document("t"), ()), world=world)
    asker, unread = Asker(context), _unread(context)
    rows: list[Connection] = []
    for key in sorted(world.services.all()):
        service = world.services.all()[key]
        for port in service.spec.ports:
            backend = world.services.backend(service, port)
            servers = behind(context, backend)
            for client in world.workloads:
                rows += _between(asker, party_of(context, client), backend, servers, unread)
    return sorted(rows, key=_KEY)


def generated(count: int, policies: int, *changes: Callable[[dict[str, Any]], None], one_node: bool = False) -> Tiny:
    """The world of the benchmark beside nca, in two namespaces and two tiers, its objects changed."""
    objects = manifests(count, policies)
    for change in (crowded, *changes):
        for item in objects:
            change(item)
    return world(objects, one_node=one_node)


def _number(item: dict[str, Any]) -> int:
    return int(item["metadata"]["name"].lstrip("wpns") or 0)


def crowded(item: dict[str, Any]) -> None:
    """Few namespaces and tiers, so that many servers are alike."""
    if item["kind"] == "Namespace":
        return
    number = _number(item)
    item["metadata"]["namespace"] = f"ns{number % 2}"
    if item["kind"] == "Deployment":
        item["spec"]["template"]["metadata"]["labels"]["tier"] = f"r{number // 2 % 2}"
    if item["kind"] == "NetworkPolicy":
        item["spec"]["podSelector"] = {"matchLabels": {"tier": f"r{number // 2 % 2}"}}


def policies_only(change: Callable[[dict[str, Any], int], None]) -> Callable[[dict[str, Any]], None]:
    """A change of the specs of NetworkPolicies, by number."""

    def changed(item: dict[str, Any]) -> None:
        if item["kind"] == "NetworkPolicy":
            change(item["spec"], _number(item))

    return changed


def named_ports(item: dict[str, Any]) -> None:
    """Policies name a port that some pods have under another number, and some not at all."""
    number = _number(item)
    if item["kind"] == "Deployment":
        port = {"name": "http", "containerPort": 80 + number % 3 % 2}
        item["spec"]["template"]["spec"]["containers"][0]["ports"] = [port] if number % 5 else []
    if item["kind"] == "NetworkPolicy":
        item["spec"]["ingress"][0]["ports"] = [{"port": "http"}]


def targets(item: dict[str, Any]) -> None:
    """Services lead to other numbers than their own, some by a name, and some are headless."""
    number = _number(item)
    if item["kind"] == "Service":
        item["spec"]["ports"][0]["targetPort"] = (80, 81, "http")[number % 3]
        item["spec"]["clusterIP"] = "None" if number % 5 < 2 else item["spec"]["clusterIP"]
    if item["kind"] == "Deployment":
        ports = [{"name": "http", "containerPort": 82}, {"containerPort": 80}]
        item["spec"]["template"]["spec"]["containers"][0]["ports"] = ports


def unlike(item: dict[str, Any]) -> None:
    """Some are on the host network, some headless, some Local, some bare pods' number, some bound to a node."""
    number = _number(item)
    if item["kind"] == "Deployment":
        spec = item["spec"]["template"]["spec"]
        spec["hostNetwork"] = number % 4 == 1
        item["spec"]["replicas"] = 1 + number % 3 % 2
        spec["nodeSelector"] = {"no": "such"} if number % 11 == 3 else {}
    if item["kind"] == "Service":
        item["spec"]["clusterIP"] = "None" if number % 3 == 1 else item["spec"]["clusterIP"]
        item["spec"]["internalTrafficPolicy"] = "Local" if number % 5 == 2 else "Cluster"
        item["spec"]["type"] = "NodePort" if number % 7 == 1 else "ClusterIP"


def replicas(item: dict[str, Any]) -> None:
    """One pod, which on its node dials itself, or two, which dial one another."""
    if item["kind"] == "Deployment":
        item["spec"]["replicas"] = 2 if _number(item) < 15 else 1


def shared(item: dict[str, Any]) -> None:
    """Services that lead to several workloads, and workloads behind several Services."""
    if item["kind"] == "Service":
        item["spec"]["selector"] = {"tier": f"r{_number(item) % 2}"}


def egress(spec: dict[str, Any], number: int) -> None:
    """Every third policy is of its pods' own traffic."""
    if number % 3 == 0:
        spec["policyTypes"] = ["Egress"]
        spec["egress"] = [{"to": rule["from"], "ports": rule["ports"]} for rule in spec.pop("ingress")]


def blocks(spec: dict[str, Any], number: int) -> None:
    """Address blocks that hold some of the pods' addresses, beside selectors."""
    cidr = {"cidr": "10.0.0.0/16", "except": ["10.0.0.0/25"]} if number % 2 else {"cidr": "10.0.0.128/25"}
    spec["ingress"][0]["from"].append({"ipBlock": cidr})


def expressions(spec: dict[str, Any], number: int) -> None:
    """Selectors that are no plain labels, and empty ones."""
    among = {"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": [f"r{number % 3}"]}]}
    spec["ingress"][0]["from"] = [{"podSelector": among, "namespaceSelector": {}}, {"podSelector": {}}]


WORLDS: dict[str, Callable[[], Tiny]] = {
    "as it is": lambda: generated(40, 16),
    "one node": lambda: generated(21, 14, one_node=True),
    "named ports": lambda: generated(30, 24, named_ports),
    "targets": lambda: generated(30, 24, targets),
    "replicas on one node": lambda: generated(32, 12, replicas, one_node=True),
    "unlike on one node": lambda: generated(32, 12, unlike, one_node=True),
    "unlike one another": lambda: generated(44, 20, unlike),
    "shared Services": lambda: generated(21, 20, shared),
    "egress": lambda: generated(30, 24, policies_only(egress)),
    "blocks": lambda: generated(24, 24, policies_only(blocks)),
    "expressions": lambda: generated(30, 24, policies_only(expressions)),
    "a group that was not read": lambda: generated(21, 10).put(kinds.NODEGROUP_NAMES, {"name": "late"}),
    "no policy": lambda: generated(21, 0),
    "nobody enforces": lambda: generated(21, 10).cni({}, []),
    "strict": lambda: generated(21, 6).cni(
        {"NETWORK_POLICY_ENFORCING_MODE": "strict"}, ["--enable-network-policy=true"]
    ),
}


@pytest.mark.parametrize("name", WORLDS)
def test_rows_of_classes_are_those_of_each_pair(name: str) -> None:
    """Outcome, hop, words, evidence and count: a row made for a class is the one that its pair alone gets."""
    found = WORLDS[name]().world()
    expected = alone(found)
    assert expected
    rows = connections(found)
    assert list(rows) == expected
    assert len(rows) == len(expected)


def test_rows_of_drawn_worlds_are_those_of_each_pair() -> None:
    """The same in 40 worlds that were drawn: groups, ACLs, peerings, IPv6, engines, node groups that were not read."""
    rows = 0
    for seed in range(40):
        found = built(drawn(seed)).world()
        expected = alone(found)
        assert list(connections(found)) == expected, seed
        rows += len(expected)
    assert rows > 700


def test_few_classes_stand_for_many_clients() -> None:
    """What is held does not grow with the square of the workloads: as many rows as classes times Services."""
    rows = connections(generated(120, 20).world())
    assert len(rows) == 120 * 121  # 120 Deployments and the data plane's own DaemonSet
    assert sum(len(one.rows) for one in rows.classes) < len(rows) / 5


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("name", ["as it is", "unlike one another", "a group that was not read", "egress"])
def test_classes_are_written_as_their_rows_are(name: str, format_: str) -> None:
    """What is put together for each client of a class is what is written of its rows one by one."""
    rows = connections(WORLDS[name]().world())
    assert render(rows, format_, width=100) == render(Connections.of(list(rows)), format_, width=100)


HOSTILE = ("=cmd|x", "a", 'b"q', "c,d", "e\n", "f\x01", "g\\", "h\u202e", "i\ud800", "j k")


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("server", ["sts/app/db", "x\x01", '"', "=1"])
def test_hostile_names_in_a_class(format_: str, server: str) -> None:
    """Names that a format must quote, spell out or make harmless, on both sides, are written as they are alone."""
    hop = Hop(Layer.POLICY_INGRESS, Outcome.BLOCKED, "app/p", f"1 NetworkPolicy selects {server}; none admits a")
    first = Connection("a", "g", server, "g", "app/db", "1/TCP", Outcome.BLOCKED, hop, 1)
    works = msgspec.structs.replace(first, outcome=Outcome.WORKS, hop=None, port="2/TCP")
    rows = Connections([Alike(tuple(sorted(HOSTILE)), (first, works))])
    assert render(rows, format_) == render(Connections.of(list(rows)), format_)
    if format_ in ("csv", "table", "dot"):
        assert all(char == "\n" or char.isprintable() for char in render(rows, format_))


def test_a_name_is_put_where_it_stands_at_the_end_only() -> None:
    """A hop that says a client's name elsewhere is nobody else's; one that says it last is renamed."""
    last = Hop(Layer.POLICY_INGRESS, Outcome.BLOCKED, "p", "none admits TCP 1 from a")
    assert sayable(last, "a")
    assert not sayable(msgspec.structs.replace(last, text="a is refused by a"), "a")
    row = Connection("a", "g", "s", "g", "n/s", "1/TCP", Outcome.BLOCKED, last, 1)
    other = renamed(row, "b")
    assert (other.client, other.hop and other.hop.text) == ("b", "none admits TCP 1 from b")


def test_rows_are_a_sequence() -> None:
    """By number, from the end, as a slice, compared and counted, without having been made before."""
    rows = connections(generated(20, 8).world())
    made = list(rows)
    assert [rows[0], rows[7], rows[-1]] == [made[0], made[7], made[-1]]
    assert rows[3:40:5] == tuple(made[3:40:5])
    assert rows == made
    assert rows != made[1:]
    with pytest.raises(IndexError):
        rows[len(made)]
    assert not Connections(())
    assert len(rows) == len(made)
