"""Laws of reach over drawn worlds: what must hold whatever the answer is."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
import re
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.checks.connections import Connection, connections
from clusterproof.placement.places import places
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.trace import Outcome
from clusterproof.verdict.algebra import Verdict
from clusterproof.world.world import World
from tests.checks.ask import ask, reach
from tests.conftest import Oracle
from tests.reach.twin.build import built, world_of
from tests.reach.twin.drawing import drawn
from tests.reach.twin.plan import Plan, Raw
from tests.world.build import Tiny

SEEDS = st.integers(0, 10**6)
FEW_AND_MANY = pytest.mark.parametrize("examples", [30, pytest.param(300, marks=pytest.mark.slow)])
RANK = {Outcome.BLOCKED: 0, Outcome.UNKNOWN: 1, Outcome.VARIES: 1, Outcome.WORKS: 2}
ASKED = ((80, "TCP"), (8080, "TCP"), (53, "UDP"))
Cells = dict[tuple[object, ...], Outcome]


def cells(world: World) -> Cells:
    """Every workload's every place to every other, on a few ports."""
    paths = Paths(world)
    ends = [
        (workload.id, place.node_class.group, str(place.interface.subnet), End(place.interface, workload))
        for workload in world.workloads
        for place in places(world, workload).places
    ]
    return {
        (*client[:3], *server[:3], port, protocol): paths.connect(client[3], server[3], port, protocol).outcome
        for client in ends
        for server in ends
        for port, protocol in ASKED
    }


# --- adding an allow -----------------------------------------------------------------------------


def _group_rule(plan: Plan, draw: random.Random) -> bool:
    name = draw.choice(sorted(plan.groups))
    sides = list(plan.groups[name])
    other = draw.choice([("cidr", plan.vpcs["vpc-1"]), ("group", draw.choice(sorted(plan.groups)))])
    ports = draw.choice([("-1", 0, 0), ("tcp", 80, 80), ("udp", 1, 9000)])
    side = draw.randrange(2)
    sides[side] = (*sides[side], (*ports, *other))
    plan.groups[name] = (sides[0], sides[1])
    return True


def _acl_entry(plan: Plan, draw: random.Random) -> bool:
    if not plan.acls:
        return False
    name = draw.choice(sorted(plan.acls))
    free = sorted(set(range(1, 120)) - {entry[0] for entry in plan.acls[name]})
    cidr = draw.choice([plan.vpcs["vpc-1"], plan.subnets["subnet-a"][1]])
    low, high = draw.choice([(80, 80), (1024, 65535), (32768, 50000)])
    entry = (draw.choice(free), draw.random() < 0.5, True, draw.choice([6, 17, -1]), low, high, cidr)
    plan.acls[name] = (*plan.acls[name], entry)
    return True


def _policy_rule(plan: Plan, draw: random.Random) -> bool:
    if not plan.policies:
        return False
    spec: Raw = draw.choice(plan.policies)["spec"]
    ways = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    way = draw.choice(ways).lower()
    peers = draw.choice([[], [{"namespaceSelector": {}}], [{"ipBlock": {"cidr": plan.vpcs["vpc-1"]}}]])
    rule: Raw = {"from" if way == "ingress" else "to": peers}
    if draw.random() < 0.5:
        rule["ports"] = [{"port": 80}]
    spec.setdefault(way, []).insert(draw.randint(0, len(spec.get(way, []))), rule)
    return True


def _admin_rule(plan: Plan, draw: random.Random) -> bool:
    if not plan.admin:
        return False
    kind, raw = draw.choice(plan.admin)
    way = draw.choice(["ingress", "egress"])
    action = "Allow" if kind == "adminnetworkpolicies" else "Accept"
    rule = {"action": action, "from" if way == "ingress" else "to": [{"namespaces": {}}]}
    rules = raw["spec"].setdefault(way, [])
    rules.insert(draw.randint(0, len(rules)), rule)
    return True


ALLOWS: dict[str, Callable[[Plan, random.Random], bool]] = {
    "group rules": _group_rule,
    "ACL entries": _acl_entry,
    "policy rules": _policy_rule,
    "cluster-wide rules": _admin_rule,
}


@FEW_AND_MANY
def test_adding_an_allow_never_blocks(oracle: Oracle, examples: int) -> None:
    """A rule, an ACL entry at any number, a policy's rule, a tier's Allow: no cell gets worse (rules 1.1, 2.2, 7.1, 8.2)."""
    seen: Counter[str] = Counter()

    @settings(max_examples=examples)
    @given(SEEDS, st.sampled_from(sorted(ALLOWS)))
    def holds(seed: int, what: str) -> None:
        plan = drawn(seed)
        more = copy.deepcopy(plan)
        if not ALLOWS[what](more, random.Random(seed)):
            return
        before, after = cells(world_of(plan)), cells(world_of(more))
        assert before.keys() == after.keys()
        worse = {key: (one, after[key]) for key, one in before.items() if RANK[after[key]] < RANK[one]}
        assert not worse, (what, worse)
        seen["worlds"] += 1
        seen["cells"] += len(before)
        seen["opened"] += sum(RANK[after[key]] > RANK[one] for key, one in before.items())

    holds()
    assert seen["worlds"] > examples // 2, seen
    assert seen["opened"] > examples // 4, seen
    oracle("law: an allow never blocks", {**seen, "worse": 0})


# --- removing a class of nodes ----------------------------------------------------------------------


def _verdicts(plan: Plan) -> dict[tuple[str, str], Verdict]:
    snapshot = built(plan).snapshot()
    names = [pods.id for pods in plan.workloads]
    return {
        (client, server): ask(snapshot, reach(client, server, "80/TCP")).verdict for client in names for server in names
    }


@FEW_AND_MANY
def test_removing_a_node_class_never_turns_pass_into_depends(oracle: Oracle, examples: int) -> None:
    """Fewer places are fewer ways to fail: what passed does not begin to depend on the place."""
    seen: Counter[str] = Counter()

    @settings(max_examples=examples)
    @given(SEEDS)
    def holds(seed: int) -> None:
        plan = drawn(seed)
        gone = random.Random(seed).choice(plan.node_groups)
        less = dataclasses.replace(plan, node_groups=[item for item in plan.node_groups if item is not gone])
        before, after = _verdicts(plan), _verdicts(less)
        for pair, verdict in before.items():
            seen["verdicts"] += 1
            seen[verdict.value] += 1
            if verdict is Verdict.PASS:
                assert after[pair] is not Verdict.DEPENDS, pair
                # A workload that is left without a place cannot run, which is another failure.
                homeless = any(item.id in pair and item.group == gone.name for item in plan.workloads)
                assert after[pair] is Verdict.PASS or homeless, (pair, after[pair])
        seen["worlds"] += 1

    holds()
    assert min(seen["pass"], seen["depends"]) > examples // 6, seen
    oracle("law: fewer nodes never depend", {"worlds": seen["worlds"], "verdicts": seen["verdicts"], "differ": 0})


# --- names and order ------------------------------------------------------------------------------

NAMES = {
    **{f"sg-{one}": f"sg-{other}" for one, other in (("1", "z9"), ("2", "a0"), ("3", "m5"), ("pod", "b7"))},
    "g0": "zulu",
    "g1": "alpha",
    "w0": "yankee",
    "w1": "bravo",
    "w2": "mike",
    "s0": "victor",
    "s1": "charlie",
    "s2": "november",
    "p0": "xray",
    "p1": "kilo",
    "p2": "golf",
    "p3": "delta",
    "a0": "tango",
    "a1": "india",
    "a2": "echo",
    "two": "whiskey",
    "three": "hotel",
    "subnet-a": "subnet-9",
    "subnet-b": "subnet-5",
    "subnet-c": "subnet-7",
    "subnet-d": "subnet-1",
}
_NAME = re.compile(r"(?<![\w-])(" + "|".join(sorted(NAMES, key=len, reverse=True)) + r")(?![\w])")


def renamed(text: str) -> str:
    """A text with every name replaced; the same everywhere."""
    return _NAME.sub(lambda found: NAMES[found[1]], text)


def _row(row: Connection) -> tuple[object, ...]:
    return row.client, row.client_group, row.server, row.server_group, row.service, row.port, row.outcome, row.count


def _shuffled(tiny: Tiny, draw: random.Random) -> None:
    """Another order of objects, and of what is a set inside them."""
    for raws in tiny.objects.values():
        draw.shuffle(raws)
    for raw in tiny.objects["security-groups"]:
        draw.shuffle(raw["IpPermissions"])
        draw.shuffle(raw["IpPermissionsEgress"])
    for raw in tiny.objects["network-acls"]:
        draw.shuffle(raw["Entries"])
    for raw in tiny.objects["route-tables"]:
        draw.shuffle(raw["Routes"])
    for raw in tiny.objects["networkpolicies"]:
        for way in ("ingress", "egress"):
            draw.shuffle(raw["spec"].get(way, []))


@FEW_AND_MANY
def test_names_and_order_change_nothing(oracle: Oracle, examples: int) -> None:
    """Every row of connections is the same under other names, and in whatever order objects and rules were read."""
    seen: Counter[str] = Counter()

    @settings(max_examples=examples)
    @given(SEEDS)
    def holds(seed: int) -> None:
        plan = drawn(seed)
        before = [_row(row) for row in connections(built(plan).world())]
        other = built(plan)
        _shuffled(other, random.Random(seed))
        assert [_row(row) for row in connections(other.world())] == before
        # AWS's own names stay: what EKS calls a cluster's group is no matter of taste.
        other.objects = json.loads(renamed(json.dumps(other.objects)))
        found = {_row(row) for row in connections(other.world())}
        assert found == {
            tuple(renamed(item) if isinstance(item, str) and not isinstance(item, Outcome) else item for item in row)
            for row in before
        }
        seen["worlds"] += 1
        seen["rows"] += len(before)

    holds()
    assert seen["rows"] > 20 * examples, seen
    oracle("law: names and order", {**seen, "differ": 0})
