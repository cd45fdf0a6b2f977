"""The kernel and the engine agree: drawn VPCs with policies are built from namespaces and every connection is dialled."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.networkacls import acl_hops
from clusterproof.reach.networkpolicy import Dialect, Peer, PolicyIndex
from clusterproof.reach.routes import route
from clusterproof.reach.securitygroups import group_egress, group_ingress
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace
from clusterproof.reach.vpc import Side, VpcView
from clusterproof.snapshot.kubernetes import NetworkPolicy
from tests.conftest import SEED, Oracle, require
from tests.reach.lab.namespaces import Dial, Lab, lab, missing_tools
from tests.reach.lab.rules import End, Raw, Topology
from tests.reach.vpcbuild import acl, entry, group, local, peering, perm, subnet, table, to, view

WORLDS, LABS = 320, 8
PORTS = (2379, 4222)
FIRST_SOURCE = 33_000
SECONDS, MORE_SECONDS = 0.4, 3.0
"""How long a dial waits: shorter than a kernel waits before it sends a SYN again; and once more, on a busy machine."""

VPCS = {"vpc-1": "10.77.0.0/16", "vpc-2": "10.78.0.0/16"}
SUBNETS = {"subnet-0a": "10.77.1.0/28", "subnet-0b": "10.77.2.0/28", "subnet-0p": "10.78.1.0/28"}
ENDS = (
    End("e0", "subnet-0a", (), ("10.77.1.4", "10.77.1.9"), "red"),
    End("e1", "subnet-0a", (), ("10.77.1.5",), "blue"),
    End("e2", "subnet-0b", (), ("10.77.2.7", "10.77.2.11"), "red"),
    End("e3", "subnet-0b", (), ("10.77.2.9",), "blue"),
    End("e4", "subnet-0p", (), ("10.78.1.6", "10.78.1.10")),
)
GROUP_IDS = ("sg-a", "sg-b", "sg-c")
CIDRS = ("10.77.0.0/16", "10.77.1.0/28", "10.77.2.0/28", "10.77.1.0/29", "10.77.2.8/29", "10.77.2.7/32", "10.78.1.8/29")
SPACES = {"red": {"team": "r"}, "blue": {"team": "b"}}
ALL = "0.0.0.0/0"


def vpc_of(subnet_id: str) -> str:
    """Whose subnet it is."""
    return "vpc-2" if subnet_id == "subnet-0p" else "vpc-1"


def sources(number: int) -> tuple[int, int]:
    """The source ports of the n-th world of a lab: never those of another, whose connections the kernel remembers."""
    first = FIRST_SOURCE + 10 * number
    return first, first + 1


def drawn(seed: int, number: int) -> Topology:
    """A random topology; rules lean towards open, so that all outcomes come up."""
    draw = random.Random(seed)
    first, second = sources(number)

    def permissions(least: int, most: int, odds_of_all: float) -> list[Raw]:
        rules = [perm("-1", cidr=[ALL])] if draw.random() < odds_of_all else []
        for _ in range(draw.randint(least, most)):
            protocol = draw.choice(["tcp", "tcp", "6", "-1", "udp"])
            ports = draw.choice([(2379, 2379), (4222, 4222), (0, 65535), (2000, 3000)]) if protocol != "-1" else ()
            named = draw.random() < 0.4
            source = draw.choice(GROUP_IDS if named else CIDRS)
            rules.append(perm(protocol, *ports, group=[source]) if named else perm(protocol, *ports, cidr=[source]))
        return rules

    def entries() -> list[Raw]:
        rows = []
        for egress in (True, False):
            for rule in draw.sample(range(1, 90), draw.randint(0, 2)):
                ports = draw.choice([(2379, 2379), (4000, 5000), (first, first), (second, 65535), (1024, 65535)])
                action = draw.choice(["allow", "allow", "deny"])
                rows.append(entry(rule, action, ports, draw.choice(CIDRS), egress=egress))
            if draw.random() < 0.9:
                rows.append(entry(100, "allow", egress=egress))
        return rows

    def routes(subnet_id: str) -> list[Raw]:
        own, other = (VPCS[name] for name in (vpc_of(subnet_id), "vpc-1" if subnet_id == "subnet-0p" else "vpc-2"))
        found = [local(own)]
        if draw.random() < 0.9:
            found.append(to(other, "VpcPeeringConnectionId", "pcx-1"))
        if draw.random() < 0.25:
            narrow = draw.choice(["10.77.1.0/28", "10.77.2.0/28", "10.77.2.8/29", "10.78.1.0/28", "10.78.1.8/29"])
            found.append(to(narrow, "NetworkInterfaceId", "eni-gone") | {"State": "blackhole"})
        return found

    ends = tuple(
        msgspec.structs.replace(
            end,
            groups=tuple(sorted(draw.sample(GROUP_IDS, draw.randint(1, 2)))),
            labels={"app": draw.choice("xyz"), **({"tier": "t"} if draw.random() < 0.4 else {})}
            if end.namespace
            else {},
        )
        for end in ENDS
    )
    return Topology(
        ends=ends,
        subnets=SUBNETS,
        groups={item: group(item, permissions(2, 5, 0.3), permissions(0, 3, 0.8)) for item in GROUP_IDS},
        acls={item: acl(f"acl-{item[-2:]}", entries(), [item]) for item in SUBNETS},
        tables={item: table(f"rtb-{item[-2:]}", routes(item), [item], vpc=vpc_of(item)) for item in SUBNETS},
        policies=tuple(_policy(draw, number) for number in range(draw.randint(0, 3))),
        spaces=SPACES,
    )


def _selector(draw: random.Random) -> Raw:
    value = sorted(draw.sample("xyz", draw.randint(1, 2)))
    forms: list[Raw] = [
        {},
        {"matchLabels": {"app": value[0]}},
        {"matchExpressions": [{"key": "app", "operator": draw.choice(["In", "NotIn"]), "values": value}]},
        {"matchExpressions": [{"key": "tier", "operator": draw.choice(["Exists", "DoesNotExist"])}]},
    ]
    return draw.choice(forms)


def _policy(draw: random.Random, number: int) -> Raw:
    def peer() -> Raw:
        block: Raw = {"cidr": draw.choice([*CIDRS, "10.64.0.0/10"])}
        if block["cidr"] in ("10.77.0.0/16", "10.64.0.0/10"):
            block["except"] = draw.choice([[], ["10.77.1.8/29"], ["10.77.2.0/28"]])
        space: Raw = {"matchLabels": {"team": draw.choice("rb")}}
        forms: list[Raw] = [
            {"ipBlock": block},
            {"podSelector": _selector(draw)},
            {"namespaceSelector": space},
            {"namespaceSelector": space, "podSelector": _selector(draw)},
        ]
        return draw.choice(forms)

    def port() -> Raw:
        forms: list[Raw] = [{"port": 2379}, {"port": 4222, "protocol": "TCP"}, {"port": 2000, "endPort": 3000}]
        return draw.choice([*forms, {}, {"protocol": "UDP"}])

    spec: Raw = {"podSelector": _selector(draw)}
    ways = draw.choice([["ingress"], ["egress"], ["ingress", "egress"]])
    for way in ways:
        spec[way] = []
        for _ in range(draw.randint(0, 3)):
            rule: Raw = {}
            if draw.random() < 0.8:
                rule["from" if way == "ingress" else "to"] = [peer() for _ in range(draw.randint(1, 2))]
            if draw.random() < 0.5:
                rule["ports"] = [port() for _ in range(draw.randint(1, 2))]
            spec[way].append(rule)
    if draw.random() < 0.7:
        spec["policyTypes"] = [way.capitalize() for way in ways]
    return {"metadata": {"namespace": draw.choice(["red", "blue"]), "name": f"p{number}"}, "spec": spec}


class Engine:
    """What the engine says of a topology, for exactly the addresses that the ends have."""

    def __init__(self, topology: Topology, number: int) -> None:
        self.sources = sources(number)
        self.world: VpcView = view(
            groups=[raw | {"VpcId": "vpc-1"} for raw in topology.groups.values()],
            acls=[raw | {"VpcId": vpc_of(name)} for name, raw in topology.acls.items()],
            subnets=[subnet(item, cidr, vpc=vpc_of(item)) for item, cidr in SUBNETS.items()],
            vpcs=[{"VpcId": name, "CidrBlock": cidr} for name, cidr in VPCS.items()],
            tables=list(topology.tables.values()),
            peerings=[peering("pcx-1", "vpc-1", "vpc-2")],
        )
        policies = msgspec.convert(list(topology.policies), list[NetworkPolicy])
        self.policies = PolicyIndex(policies, Dialect(ip_block_matches_pods=True))

    def side(self, end: End) -> Side:
        """The end with exactly the addresses that it has in the lab."""
        whole = self.world.side(end.groups, end.subnet)
        return msgspec.structs.replace(whole, addresses=AddressSet.of(*end.addresses))

    def decided(self, client: End, server: End, port: int) -> Trace:
        """All layers between two ends."""
        world, one, other = self.world, self.side(client), self.side(server)
        routed = route(world, one, other)
        hops = [
            *routed.hops,
            group_egress(world, one, other, port, "TCP", routed.references),
            *acl_hops(world, one, other, port, "TCP", self.sources),
            group_ingress(world, one, other, port, "TCP", routed.references),
        ]
        here, there = _peer(client), _peer(server)
        for layer, way, subject, far in (
            (Layer.POLICY_EGRESS, "egress", here, there),
            (Layer.POLICY_INGRESS, "ingress", there, here),
        ):
            if subject.namespace is not None:
                found = self.policies.decide("egress" if way == "egress" else "ingress", subject, far, port, "TCP")
                assert isinstance(found.outcome, str), found
                word = {"allowed": Outcome.WORKS, "refused": Outcome.BLOCKED, "varies": Outcome.VARIES}[found.outcome]
                hops.append(Hop(layer, word, "NetworkPolicy", found.text))
        return Trace(tuple(hops))


def _peer(end: End) -> Peer:
    addresses = AddressSet.of(*end.addresses)
    if not end.namespace:
        return Peer(addresses=addresses, name=end.name)
    return Peer(end.namespace, SPACES[end.namespace], end.labels, addresses=addresses, name=end.name)


def dialled(client: End, server: End, port: int, number: int) -> list[Dial]:
    """Every address pair from every source port."""
    return [
        (source, source_port, target, port)
        for source in client.addresses
        for target in server.addresses
        for source_port in sources(number)
    ]


def wrong(trace: Trace, real: list[bool]) -> bool:
    """Works: all dials are accepted. Blocked: none is. Varies by one layer: some are; by several: not all are."""
    if trace.outcome is Outcome.WORKS:
        return not all(real)
    if trace.outcome is Outcome.BLOCKED:
        return any(real)
    varying = sum(hop.outcome is Outcome.VARIES for hop in trace.hops)
    return trace.outcome is not Outcome.VARIES or all(real) or (varying == 1 and not any(real))


def compared(built: Lab, seed: int, number: int) -> tuple[Counter[str], list[str]]:
    """One world in the kernel and in the engine: how many cells and dials, and what differs."""
    topology = drawn(seed, number)
    engine = Engine(topology, number)
    built.apply(topology)
    questions = [(a, b, port) for a in topology.ends for b in topology.ends if a is not b for port in PORTS]
    expected = [(*question, engine.decided(*question)) for question in questions]
    dials: dict[str, list[Dial]] = {}
    for client, server, port in questions:
        dials.setdefault(client.name, []).extend(dialled(client, server, port, number))
    accepted = built.dial(dials, SECONDS)
    # What should have answered and did not is dialled again: on a busy machine a packet may be late.
    late: dict[str, list[Dial]] = {client.name: [] for client in topology.ends}
    for client, server, port, trace in expected:
        found = dialled(client, server, port, number)
        if wrong(trace, [accepted[item] for item in found]):
            late[client.name] += [item for item in found if not accepted[item]]
    late = {name: items for name, items in late.items() if items}
    if late:
        accepted |= built.dial(late, MORE_SECONDS)
    counts = Counter({"cells": len(questions), "dials": sum(map(len, dials.values()))})
    differ = []
    for client, server, port, trace in expected:
        counts[str(trace.outcome)] += 1
        real = [accepted[item] for item in dialled(client, server, port, number)]
        if wrong(trace, real):
            said = f"{sum(real)} of {len(real)} dials accepted, the engine says {trace.outcome}"
            differ.append(f"seed {seed}: {client} → {server}:{port}: {said}: {trace.hops}")
    return counts, differ


def one_lab(which: int, first: int, worlds: int) -> tuple[Counter[str], list[str]]:
    """Some worlds one after another in one set of namespaces."""
    counts: Counter[str] = Counter()
    differ: list[str] = []
    with lab(ENDS, PORTS, which) as built:
        for number in range(worlds):
            found, wrong_ = compared(built, first + number, number)
            counts += found
            differ += wrong_
    return counts, differ


@pytest.mark.slow
def test_every_dial_agrees(oracle: Oracle) -> None:
    """320 worlds of groups, ACLs, routes and policies in the kernel: every pair agrees (rules 1.3, 2.3, 3.3, 3.4, 7.2)."""
    lacking = missing_tools()
    require(not lacking, lacking)
    worlds = WORLDS // LABS
    with ThreadPoolExecutor(LABS) as pool:
        results = list(pool.map(lambda which: one_lab(which, SEED + which * worlds, worlds), range(LABS)))
    counts = sum((counts for counts, _ in results), Counter[str]())
    differ = [text for _, texts in results for text in texts]
    oracle(
        "nftables",
        {"worlds": WORLDS, "pairs": counts["cells"], "dials": counts["dials"], "differ": len(differ)},
        seeds=(SEED, SEED + WORLDS - 1),
    )
    assert not differ, "\n".join(differ[:5])


def test_the_seeds_bring_up_every_outcome() -> None:
    """The topologies above are worth dialling: works, blocked and varies all occur among them, each often."""
    seen: Counter[Outcome] = Counter()
    for seed in range(SEED, SEED + 20):
        topology = drawn(seed, 0)
        engine = Engine(topology, 0)
        for client in topology.ends:
            for server in topology.ends:
                if client is not server:
                    seen.update(engine.decided(client, server, port).outcome for port in PORTS)
    assert all(seen[item] >= 20 for item in (Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES)), seen
