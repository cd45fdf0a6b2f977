"""The reach check against a naive twin: every pair of single nodes, today's and tomorrow's, folded by definition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, reach
from tests.world.build import ZONES, Tiny

SUBNETS = tuple(ZONES)


@dataclass(frozen=True)
class Group:
    """A node group: how many nodes it has, how many it may have (0: nothing makes more), where, whether it repels."""

    nodes: int
    high: int
    subnets: tuple[str, ...]
    tainted: bool


@dataclass(frozen=True)
class Pods:
    """A workload: everywhere or not, bound to a zone or a group, tolerating or not."""

    everywhere: bool
    zone: str
    group: int | None
    tolerates: bool


@dataclass(frozen=True)
class Machine:
    """One node, also one that does not exist yet."""

    group: int
    subnet: str
    number: int


groups = st.builds(
    lambda nodes, more, subnets, tainted: Group(nodes, max(nodes, 2) if more else 0, subnets, tainted),
    st.integers(0, 3),
    st.sampled_from([True, True, False]),
    st.sampled_from([("subnet-a",), ("subnet-b",), SUBNETS]),
    st.booleans(),
)
pods = st.builds(
    Pods,
    st.booleans(),
    st.sampled_from(["", "", "us-east-1a", "us-east-1b"]),
    st.sampled_from([None, None, None, 0, 1]),
    st.sampled_from([True, True, False]),
)
terms = st.sampled_from(["", "", "near host", "near zone", "far host", "far zone"])
KEYS = {"host": "kubernetes.io/hostname", "zone": "topology.kubernetes.io/zone"}


def spec(item: Pods, term: str) -> dict[str, Any]:
    """The pod spec of a workload; ``term`` is its required affinity to the server."""
    result: dict[str, Any] = {"nodeSelector": {}}
    if item.zone:
        result["nodeSelector"][KEYS["zone"]] = item.zone
    if item.group is not None:
        result["nodeSelector"]["role"] = f"g{item.group}"
    if item.tolerates:
        result["tolerations"] = [{"operator": "Exists"}]
    if term:
        way, key = term.split()
        one = {"topologyKey": KEYS[key], "labelSelector": {"matchLabels": {"app": "server"}}}
        side = {"near": "podAffinity", "far": "podAntiAffinity"}[way]
        result["affinity"] = {side: {"requiredDuringSchedulingIgnoredDuringExecution": [one]}}
    return result


def machines(made: list[Group]) -> list[Machine]:
    """All nodes: those that exist, and two in each subnet of a group that may have more than one."""
    found: list[Machine] = []
    for number, group in enumerate(made):
        found += [Machine(number, group.subnets[i % len(group.subnets)], i) for i in range(group.nodes)]
        found += [Machine(number, subnet, 10 + i) for subnet in group.subnets for i in range(min(group.high, 2))]
    return found


def takes(made: list[Group], node: Machine, item: Pods) -> bool:
    """Whether a node takes a pod."""
    if item.zone and ZONES[node.subnet] != item.zone:
        return False
    if item.group is not None and node.group != item.group:
        return False
    return item.tolerates or not made[node.group].tainted


def together(one: Machine, other: Machine, term: str) -> bool:
    """Whether the client may be on one node while the server is on the other."""
    same_host, same_zone = one == other, ZONES[one.subnet] == ZONES[other.subnet]
    return {
        "": True,
        "near host": same_host,
        "near zone": same_zone,
        "far host": not same_host,
        "far zone": not same_zone,
    }[term]


def expected(
    made: list[Group], admitted: set[tuple[int, int]], client: Pods, server: Pods, term: str
) -> tuple[Verdict, dict[tuple[str, str], str]]:
    """The verdict and the matrix by their definitions."""
    nodes = machines(made)
    clients = [node for node in nodes if takes(made, node, client)]
    servers = [node for node in nodes if takes(made, node, server)]
    pairs = [(one, other) for one in clients for other in servers if together(one, other, term)]
    apart = [pair for pair in pairs if pair[0] != pair[1]]
    counted = apart or pairs

    def works(one: Machine, other: Machine) -> bool:
        return one == other or (one.group, other.group) in admitted

    if client.everywhere and server.everywhere:
        happen = [[works(*pair) for pair in counted]] if counted else []
    elif client.everywhere:
        happen = [[works(*pair) for pair in counted if pair[1] == other] for other in servers]
    elif server.everywhere:
        happen = [[works(*pair) for pair in counted if pair[0] == one] for one in clients]
    else:
        happen = [[works(*pair)] for pair in counted]
    results = {all(cells) for cells in happen if cells}
    verdict = Verdict.DEPENDS if len(results) == 2 else Verdict.PASS if results == {True} else Verdict.FAIL
    matrix: dict[tuple[str, str], set[bool]] = {}
    for one, other in counted:
        matrix.setdefault((f"g{one.group}", f"g{other.group}"), set()).add(works(one, other))
    words = {frozenset([True]): "works", frozenset([False]): "blocked", frozenset([True, False]): "varies"}
    return verdict, {key: words[frozenset(seen)] for key, seen in matrix.items()}


@settings(max_examples=400)
@given(
    made=st.lists(groups, min_size=2, max_size=3),
    admitted=st.sets(st.tuples(st.integers(0, 2), st.integers(0, 2))),
    client=pods,
    server=pods,
    term=terms,
)
def test_twin(made: list[Group], admitted: set[tuple[int, int]], client: Pods, server: Pods, term: str) -> None:
    """Verdict and matrix are what the enumeration of all pairs of nodes gives."""
    tiny = Tiny()
    for number, group in enumerate(made):
        tiny.sg(f"sg-{number}", *(f"tcp 80 sg-{one}" for one, other in sorted(admitted) if other == number))
        taints = ["a=b:NoSchedule"] if group.tainted else []
        labels = {"role": f"g{number}"}
        if not group.high:
            for one in range(group.nodes):
                own = {"alpha.eksctl.io/nodegroup-name": f"g{number}", **labels}
                subnet = group.subnets[one % len(group.subnets)]
                tiny.node(f"g{number}-{one}", [f"sg-{number}"], subnet=subnet, labels=own, taints=taints)
            continue
        tiny.managed(
            f"g{number}",
            [f"sg-{number}"],
            nodes=group.nodes,
            size=(0, group.nodes, group.high),
            subnets=group.subnets,
            labels=labels,
            taints=taints,
        )
    names = {True: ("DaemonSet", "ds"), False: ("Deployment", "deploy")}
    for item, name in ((client, "client"), (server, "server")):
        tiny.controller(names[item.everywhere][0], f"app/{name}", spec(item, term if name == "client" else ""))
    asked = reach(f"{names[client.everywhere][1]}/app/client", f"{names[server.everywhere][1]}/app/server")
    found = ask(tiny, asked)
    verdict, matrix = expected(made, admitted, client, server, term)
    assert found.verdict is verdict
    shown = {} if found.matrix is None else {(c.client, c.server): str(c.outcome) for c in found.matrix.cells}
    assert shown == matrix
