"""Worlds by seed: networks, groups, nodes, workloads and Services; policies stand in policydraw.py."""

from __future__ import annotations

import random

from tests.reach.twin.plan import (
    GROUPS,
    NAMED,
    NODE_SUBNETS,
    PEER_SUBNET,
    POD_SUBNETS,
    ZONES,
    Behind,
    Entry,
    NodeGroup,
    Plan,
    Pods,
    Route,
    Rule,
    block,
)
from tests.reach.twin.policydraw import admin, any_block, policies


def drawn(seed: int) -> Plan:
    """The world of a seed."""
    draw = random.Random(seed)
    family = draw.choice([4, 4, 4, 6])
    engine = draw.choice(["", "aws", "aws", "calico-3.29", "calico-3.32"])
    plan = Plan(seed, family, engine, {})
    _network(plan, draw)
    _groups(plan, draw)
    _nodes(plan, draw)
    if engine == "aws" and draw.random() < 0.25:
        plan.env["NETWORK_POLICY_ENFORCING_MODE"] = "strict"
    _workloads(plan, draw)
    _services(plan, draw)
    if engine or draw.random() < 0.3:
        policies(plan, draw)
    if engine.startswith("calico") and draw.random() < 0.6:
        admin(plan, draw)
    return plan


def _network(plan: Plan, draw: random.Random) -> None:
    family = plan.family
    plan.vpcs = {"vpc-1": block(family, 0), "vpc-2": block(family, 9)}
    for number, name in enumerate(ZONES):
        plan.subnets[name] = ("vpc-1", block(family, 0, number))
    plan.subnets[PEER_SUBNET] = ("vpc-2", block(family, 9, 0))
    plan.peered = draw.random() < 0.9
    here: list[Route] = [(plan.vpcs["vpc-1"], "local")]
    there: list[Route] = [(plan.vpcs["vpc-2"], "local")]
    if draw.random() < 0.9:
        here.append((plan.vpcs["vpc-2"], "peering"))
    if draw.random() < 0.9:
        there.append((plan.vpcs["vpc-1"], "peering"))
    plan.tables = {"main": tuple(here), PEER_SUBNET: tuple(there)}
    for name in ZONES:
        if draw.random() < 0.25:
            routes = [route for route in here if route[1] == "local" or draw.random() < 0.7]
            if draw.random() < 0.5:
                # What leads to an interface that is gone: as narrow as a subnet of the VPC, or a part of the peer's.
                narrow = draw.choice([*(plan.subnets[item][1] for item in ZONES), block(family, 9, 0, 0, 8)])
                routes.append((narrow, "blackhole"))
            plan.tables[name] = tuple(routes)
    plan.lists = {"pl-1": tuple({any_block(plan, draw) for _ in range(2)})}
    for name in plan.subnets:
        if draw.random() < 0.4:
            plan.acls[name] = tuple(_entries(plan, draw))


def _entries(plan: Plan, draw: random.Random) -> list[Entry]:
    found: list[Entry] = []
    for egress in (True, False):
        for number in draw.sample(range(1, 90), draw.randint(0, 3)):
            protocol = draw.choice([6, 6, 17, -1, 132])
            low, high = draw.choice([(80, 80), (1, 9000), (1024, 65535), (32768, 60999), (1024, 40000), (50000, 65535)])
            found.append((number, egress, draw.random() < 0.6, protocol, low, high, any_block(plan, draw)))
        if draw.random() < 0.85:
            found.append((100, egress, True, -1, 0, 0, "0.0.0.0/0" if plan.family == 4 else "::/0"))
    return found


def _rules(plan: Plan, draw: random.Random, least: int, most: int, odds_of_all: float) -> tuple[Rule, ...]:
    found: list[Rule] = []
    if draw.random() < odds_of_all:
        found.append(("-1", 0, 0, "cidr", "0.0.0.0/0" if plan.family == 4 else "::/0"))
    for _ in range(draw.randint(least, most)):
        protocol = draw.choice(["tcp", "tcp", "6", "udp", "-1", "132"])
        low, high = draw.choice([(80, 80), (8080, 8080), (1, 65535), (53, 8080), (0, 65535)])
        kind = draw.choice(["cidr", "cidr", "group", "group", "list"])
        other = {"cidr": any_block(plan, draw), "group": draw.choice(GROUPS), "list": "pl-1"}[kind]
        found.append((protocol, low, high, kind, other))
    return tuple(found)


def _groups(plan: Plan, draw: random.Random) -> None:
    for name in GROUPS:
        plan.groups[name] = (_rules(plan, draw, 1, 4, 0.25), _rules(plan, draw, 0, 3, 0.75))
    if draw.random() < 0.7:
        # The group that EKS makes lets its members reach one another, and everything out.
        out: Rule = ("-1", 0, 0, "cidr", "0.0.0.0/0" if plan.family == 4 else "::/0")
        plan.groups["sg-cluster"] = ((("-1", 0, 0, "group", "sg-cluster"),), (out,))
    host = draw.randrange(4, 15)
    plan.peer = (block(plan.family, 9, 0, host, 1).split("/", maxsplit=1)[0], ("sg-peer",))


def _nodes(plan: Plan, draw: random.Random) -> None:
    env = plan.env
    way = draw.choice(["plain", "plain", "discovery", "custom", "branch", "branch", "custom branch"])
    if "branch" in way:
        env["ENABLE_POD_ENI"] = "true"
        env["POD_SECURITY_GROUP_ENFORCING_MODE"] = draw.choice(["strict", "standard"])
    if "custom" in way:
        env["AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG"] = "true"
        env["ENI_CONFIG_LABEL_DEF"] = "topology.kubernetes.io/zone"
        for zone, subnet in zip(("us-east-1a", "us-east-1b"), POD_SUBNETS, strict=True):
            chosen = tuple(sorted(draw.sample(GROUPS[:4], draw.randint(0, 2))))
            plan.eni_configs[zone] = (subnet, chosen)
    if way == "discovery":
        plan.discovered = tuple(item for item in POD_SUBNETS if draw.random() < 0.7)
    if draw.random() < 0.4:
        env["AWS_VPC_K8S_CNI_EXTERNALSNAT"] = "true"
    if draw.random() < 0.3:
        env["AWS_VPC_K8S_CNI_RANDOMIZESNAT"] = "none"
    if draw.random() < 0.25 and plan.family == 4:
        env["AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS"] = draw.choice([block(4, 9), block(4, 9, 0, 8, 8)])
    for number in range(draw.choice([2, 2, 3, 4])):
        groups = tuple(sorted(draw.sample(GROUPS[:3], draw.randint(0, 2))))
        subnets = draw.choice([("subnet-a",), ("subnet-b",), NODE_SUBNETS])
        # Trunks show on nodes that exist; a group at zero is judged where none is needed.
        born = 2 * len(subnets) if "branch" in way or draw.random() < 0.6 else 0
        high = born if "branch" in way else draw.choice([born or 3, born + 3])
        plan.node_groups.append(NodeGroup(f"g{number}", groups, subnets, born, high))


def _labels(draw: random.Random) -> dict[str, str]:
    found = {"tier": draw.choice("xyz")}
    if draw.random() < 0.4:
        found["role"] = draw.choice("xy")
    return found


def _workloads(plan: Plan, draw: random.Random) -> None:
    plan.namespaces = {"app": {"team": "x"}, "two": {"team": "y"}, "three": {}, "kube-system": {}}
    for number in range(3):
        kind = draw.choice(["Deployment", "Deployment", "DaemonSet"])
        namespace = draw.choice(["app", "app", "two", "three"])
        ports: list[tuple[str, int, str]] = []
        if draw.random() < 0.7:
            ports.append((NAMED, draw.choice([80, 8080]), draw.choice(["TCP", "TCP", "UDP"])))
        group = draw.choice(["", "", "g0", "g1"])
        plan.workloads.append(
            Pods(
                kind,
                namespace,
                f"w{number}",
                _labels(draw),
                group,
                draw.random() < 0.15,
                tuple(ports),
                draw.choice([1, 2]),
            )
        )
    if plan.on("ENABLE_POD_ENI"):
        for _ in range(draw.randint(1, 2)):
            groups = tuple(sorted(draw.sample(("sg-pod", "sg-1", "sg-2"), draw.randint(1, 2))))
            plan.pod_groups.append((draw.choice(["app", "two"]), {"tier": draw.choice("xyz")}, groups))


def _services(plan: Plan, draw: random.Random) -> None:
    for number, pods in enumerate(plan.workloads):
        if draw.random() < 0.75:
            protocol = draw.choice(["TCP", "TCP", "UDP"])
            ways: list[tuple[int, int | str]] = [(80, 80), (80, 8080), (8080, 8080), (80, NAMED)]
            port, target = draw.choice(ways)
            if plan.engine == "aws":
                # Other ports than the container's are not supported with policies there (rule 7.9): unknown.
                port = target = draw.choice([80, 8080])
            address = f"172.20.0.{number + 1}" if plan.family == 4 else f"fd00::{number + 1}"
            headless = draw.random() < 0.2
            selector = dict(draw.sample(sorted(pods.labels.items()), 1))
            plan.services.append(
                Behind(
                    pods.namespace,
                    f"s{number}",
                    "None" if headless else address,
                    port,
                    target,
                    protocol,
                    selector,
                    draw.random() < 0.2,
                    None if headless else draw.choice([None, True, False]),
                )
            )
