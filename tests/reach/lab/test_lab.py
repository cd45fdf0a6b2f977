"""The kernel and the engine agree: random VPCs are built from namespaces and every connection is dialled."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.networkacls import acl_hops
from clusterproof.reach.protocol import Ports
from clusterproof.reach.securitygroups import group_egress, group_ingress
from clusterproof.reach.trace import Outcome, Trace
from clusterproof.reach.vpc import Side, VpcView
from tests.conftest import require
from tests.reach.lab.namespaces import Dial, End, Raw, Topology, lab, missing_tools
from tests.reach.vpcbuild import acl, entry, group, perm, subnet, view

PORTS = (2379, 4222)
SOURCES: Ports = (40000, 40002)
SUBNETS = {"subnet-0a": "10.77.1.0/28", "subnet-0b": "10.77.2.0/28"}
ENDS = (
    ("e0", "subnet-0a", ("10.77.1.4", "10.77.1.6", "10.77.1.9")),
    ("e1", "subnet-0a", ("10.77.1.5", "10.77.1.12")),
    ("e2", "subnet-0b", ("10.77.2.4", "10.77.2.7", "10.77.2.11")),
    ("e3", "subnet-0b", ("10.77.2.9",)),
)
GROUP_IDS = ("sg-a", "sg-b", "sg-c")
CIDRS = ("10.77.0.0/16", "10.77.1.0/28", "10.77.2.0/28", "10.77.1.0/29", "10.77.2.8/29", "10.77.2.7/32")


def drawn(seed: int) -> Topology:
    """A random topology; rules lean towards open, so that all outcomes come up."""
    draw = random.Random(seed)

    def permissions(least: int, most: int, odds_of_all: float) -> list[Raw]:
        rules = [perm("-1", cidr=["0.0.0.0/0"])] if draw.random() < odds_of_all else []
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
            for number in draw.sample(range(1, 90), draw.randint(0, 3)):
                ports = draw.choice([(2379, 2379), (4000, 5000), (40000, 40000), (40001, 65535), (1024, 65535)])
                action = draw.choice(["allow", "deny"])
                rows.append(entry(number, action, ports, draw.choice(CIDRS), egress=egress))
            if draw.random() < 0.9:
                rows.append(entry(100, "allow", egress=egress))
        return rows

    return Topology(
        ends=tuple(
            End(name, subnet_id, tuple(sorted(draw.sample(GROUP_IDS, draw.randint(1, 2)))), addresses)
            for name, subnet_id, addresses in ENDS
        ),
        subnets=SUBNETS,
        groups={item: group(item, permissions(2, 5, 0.0), permissions(0, 3, 0.7)) for item in GROUP_IDS},
        acls={item: acl(f"acl-{item[-2:]}", entries(), [item]) for item in SUBNETS},
    )


def decided(world: VpcView, client: End, server: End, port: int) -> Trace:
    """What the engine says, for exactly the addresses that the two ends have."""
    one, other = side(world, client), side(world, server)
    return Trace(
        (
            group_egress(world, one, other, port, "TCP"),
            *acl_hops(world, one, other, port, "TCP", SOURCES),
            group_ingress(world, one, other, port, "TCP"),
        )
    )


def side(world: VpcView, end: End) -> Side:
    """The end with exactly the addresses that it has in the lab."""
    whole = world.side(end.groups, end.subnet)
    return msgspec.structs.replace(whole, addresses=AddressSet.of(*end.addresses))


def dialled(client: End, server: End, port: int) -> list[Dial]:
    """Every address pair from every source port."""
    return [
        (source, source_port, target, port)
        for source in client.addresses
        for target in server.addresses
        for source_port in range(SOURCES[0], SOURCES[1] + 1)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
def test_every_dial_agrees(seed: int) -> None:
    """Works: all dials are accepted. Blocked: none is. Varies by one layer: some are; by several: not all are."""
    lacking = missing_tools()
    require(not lacking, lacking)
    topology = drawn(seed)
    world = view(
        groups=list(topology.groups.values()),
        acls=list(topology.acls.values()),
        subnets=[subnet(item, cidr) for item, cidr in SUBNETS.items()],
    )
    questions = [(a, b, port) for a in topology.ends for b in topology.ends if a is not b for port in PORTS]
    dials: dict[str, list[Dial]] = {}
    for client, server, port in questions:
        dials.setdefault(client.name, []).extend(dialled(client, server, port))
    with lab(topology) as built:
        answered = built.dial(dials, list(PORTS))
    accepted = {
        dial: answer for name, items in dials.items() for dial, answer in zip(items, answered[name], strict=True)
    }
    seen: Counter[Outcome] = Counter()
    for client, server, port in questions:
        trace = decided(world, client, server, port)
        real = [accepted[dial] for dial in dialled(client, server, port)]
        context = f"{client} → {server}:{port}: {trace.hops}: {sum(real)} of {len(real)} dials accepted"
        seen[trace.outcome] += 1
        varying = sum(hop.outcome is Outcome.VARIES for hop in trace.hops)
        if trace.outcome is Outcome.WORKS:
            assert all(real), context
        elif trace.outcome is Outcome.BLOCKED:
            assert not any(real), context
        else:
            assert trace.outcome is Outcome.VARIES, context
            assert not all(real), context
            assert varying > 1 or any(real), context
    assert sum(seen.values()) == len(questions)


def test_the_seeds_bring_up_every_outcome() -> None:
    """The topologies above are worth dialling: works, blocked and varies all occur among them, each often."""
    seen: Counter[Outcome] = Counter()
    for seed in range(8):
        topology = drawn(seed)
        world = view(
            groups=list(topology.groups.values()),
            acls=list(topology.acls.values()),
            subnets=[subnet(item, cidr) for item, cidr in SUBNETS.items()],
        )
        for client in topology.ends:
            for server in topology.ends:
                if client is not server:
                    seen.update(decided(world, client, server, port).outcome for port in PORTS)
    assert all(seen[item] >= 20 for item in (Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES)), seen
