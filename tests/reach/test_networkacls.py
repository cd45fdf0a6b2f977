"""Network ACLs: the guide's example tables, exactness over addresses and ports, a packet-by-packet twin."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.networkacls import acl_hops
from clusterproof.reach.protocol import LINUX_PORTS, RANDOM_PORTS, Ports
from clusterproof.reach.trace import Layer, Outcome
from clusterproof.reach.vpc import Side, VpcView, outside
from clusterproof.snapshot.fields import Cause, Unknown
from tests.reach.vpcbuild import Address, Raw, acl, entry, hosts_of, snapshot, subnet, view

WORKS, BLOCKED, VARIES, UNKNOWN = Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN
WINDOWS_PORTS = (49152, 65535)

HOME = "192.0.2.0/24"
CUSTOM = [
    entry(100, "allow", (80, 80)),
    entry(105, "allow", (80, 80), "::/0"),
    entry(110, "allow", (443, 443)),
    entry(115, "allow", (443, 443), "::/0"),
    entry(120, "allow", (22, 22), HOME),
    entry(130, "allow", (3389, 3389), HOME),
    entry(140, "allow", (32768, 65535)),
    entry(145, "allow", (32768, 65535), "::/0"),
    entry(100, "allow", (80, 80), egress=True),
    entry(110, "allow", (443, 443), egress=True),
    entry(120, "allow", (1024, 65535), HOME, egress=True),
    entry(140, "allow", (32768, 65535), egress=True),
    entry(145, "allow", (32768, 65535), "::/0", egress=True),
]
"""VPC User Guide, "Control traffic to subnets using network ACLs", Custom network ACL (both tables together)."""


def outcomes(world: VpcView, client: Side, server: Side, port: int, ports: Ports = LINUX_PORTS) -> list[Outcome]:
    """The outcomes of the ACL hops, in order."""
    return [hop.outcome for hop in acl_hops(world, client, server, port, "tcp", ports)]


def peer(address: str) -> Side:
    """A peer outside with one address."""
    return outside(AddressSet.of(address))[0]


@pytest.mark.parametrize(
    ("address", "port", "ports", "wanted"),
    [
        ("198.51.100.7", 443, LINUX_PORTS, [WORKS, WORKS]),
        ("198.51.100.7", 139, LINUX_PORTS, [BLOCKED, WORKS]),
        ("198.51.100.7", 22, LINUX_PORTS, [BLOCKED, WORKS]),
        ("192.0.2.7", 22, RANDOM_PORTS, [WORKS, WORKS]),
        ("198.51.100.7", 80, RANDOM_PORTS, [WORKS, VARIES]),
        ("198.51.100.7", 80, WINDOWS_PORTS, [WORKS, WORKS]),
        ("2001:db8::7", 80, LINUX_PORTS, [WORKS, WORKS]),
        ("2001:db8::7", 22, LINUX_PORTS, [BLOCKED, WORKS]),
    ],
)
def test_the_guides_custom_acl_inbound(address: str, port: int, ports: Ports, wanted: list[Outcome]) -> None:
    """The guide walks through 443 (rule 110 allows) and 139 (the * rule denies); replies need rule 140 (rules 2.2, 2.3, 2.4)."""
    world = view(
        acls=[acl("acl-1", CUSTOM, ["subnet-0a"])],
        subnets=[subnet("subnet-0a", "10.0.1.0/24", cidr6="2001:db8:1::/64")],
    )
    client = peer(address)
    server = world.side(("sg-1",), "subnet-0a", client.family)
    assert outcomes(world, client, server, port, ports) == wanted


def test_the_guides_custom_acl_outbound() -> None:
    """The same tables from inside: 443 goes out by rule 110, its replies come in by rule 140; 25 does not go (rules 2.2, 2.3)."""
    world = view(acls=[acl("acl-1", CUSTOM, ["subnet-0a"])])
    client = world.side(("sg-1",), "subnet-0a")
    assert outcomes(world, client, peer("198.51.100.7"), 443) == [WORKS, WORKS]
    assert outcomes(world, client, peer("198.51.100.7"), 25) == [BLOCKED, WORKS]


def test_the_guides_instance_example() -> None:
    """Same page, "Example: Control access to instances in a subnet": SSH from one address, replies on 1024-65535 (rules 2.3, 2.4)."""
    entries = [
        entry(100, "allow", (22, 22), "172.31.1.2/32"),
        entry(100, "allow", (1024, 65535), "172.31.1.2/32", egress=True),
    ]
    world = view(acls=[acl("acl-1", entries, ["subnet-0a"])])
    server = world.side(("sg-1",), "subnet-0a")
    assert outcomes(world, peer("172.31.1.2"), server, 22, RANDOM_PORTS) == [WORKS, WORKS]
    assert outcomes(world, peer("172.31.1.3"), server, 22, RANDOM_PORTS) == [BLOCKED, BLOCKED]


def test_the_default_acl_allows_all() -> None:
    """Same page, "Default network ACL": a subnet without an association uses it (rules 2.2, 2.3)."""
    world = view()
    hops = acl_hops(world, world.side(("a",), "subnet-0a"), world.side(("a",), "subnet-0b"), 1, "udp", LINUX_PORTS)
    assert [hop.layer for hop in hops] == [
        Layer.ACL_OUT,
        Layer.ACL_IN,
        Layer.ACL_RETURN_OUT,
        Layer.ACL_RETURN_IN,
    ]
    assert {hop.outcome for hop in hops} == {WORKS}


def test_one_subnet_asks_no_acl() -> None:
    """ACLs are evaluated "when traffic enters and leaves the subnet, not as it is routed within a subnet" (rule 2.1)."""
    world = view(acls=[acl("acl-1", [], ["subnet-0a"])])
    end = world.side(("a",), "subnet-0a")
    assert acl_hops(world, end, end, 80, "tcp", LINUX_PORTS) == []


def test_ipv6_entries_are_apart_from_ipv4_entries() -> None:
    """Entries for 0.0.0.0/0 say nothing of IPv6, nor ::/0 of IPv4; the default ACL has both (rule 2.2)."""
    subnets = [
        subnet("subnet-0a", "10.0.1.0/24", cidr6="2001:db8:0:1::/64"),
        subnet("subnet-0b", "10.0.2.0/24", cidr6="2001:db8:0:2::/64"),
    ]
    for cidr, working in (("0.0.0.0/0", 4), ("::/0", 6)):
        entries = [entry(100, "allow", cidr=cidr), entry(100, "allow", cidr=cidr, egress=True)]
        world = view(acls=[acl("acl-0", entries, default=True)], subnets=subnets)
        for family in (4, 6):
            ends = world.side(("a",), "subnet-0a", family), world.side(("a",), "subnet-0b", family)
            assert set(outcomes(world, *ends, 80)) == {WORKS if family == working else BLOCKED}


def test_an_early_deny_wins_for_its_part_only() -> None:
    """Rule 90 denies half of the client's subnet, rule 100 allows all: the hop varies and says which passes (rule 2.2)."""
    entries = [entry(100, "allow"), entry(90, "deny", (9090, 9090), "10.0.1.0/25"), entry(100, "allow", egress=True)]
    world = view(acls=[acl("acl-b", entries, ["subnet-0b"]), acl("acl-0", CUSTOM, ["subnet-0a"])])
    client, server = world.side(("a",), "subnet-0a"), world.side(("a",), "subnet-0b")
    hop = next(h for h in acl_hops(world, client, server, 9090, "TCP", LINUX_PORTS) if h.layer is Layer.ACL_IN)
    assert hop.outcome is VARIES
    assert hop.text == "allows tcp 9090 (10.0.1.128-10.0.1.254) only: half of tcp 9090 from subnet-0a (10.0.1.0/24)"
    assert [ref.value for ref in hop.refs] == [
        "deny rule 90 in: tcp 9090 from 10.0.1.0/25",
        "allow rule 100 in: all traffic from 0.0.0.0/0",
    ]
    hops = acl_hops(world, client, server, 9091, "TCP", LINUX_PORTS)
    assert next(h for h in hops if h.layer is Layer.ACL_IN).outcome is WORKS


def test_replies_to_random_source_ports_vary_where_linux_ports_pass() -> None:
    """The CNI's SNAT uses ports below 32768 too, so a rule for 32768-65535 is not enough (rule 2.4)."""
    entries = [entry(100, "allow"), entry(100, "allow", (32768, 65535), egress=True)]
    world = view(
        acls=[
            acl("acl-b", entries, ["subnet-0b"]),
            acl("acl-0", [entry(1, "allow"), entry(1, "allow", egress=True)], ["subnet-0a"]),
        ]
    )
    client, server = world.side(("a",), "subnet-0a"), world.side(("a",), "subnet-0b")
    assert outcomes(world, client, server, 80) == [WORKS, WORKS, WORKS, WORKS]
    assert outcomes(world, client, server, 80, RANDOM_PORTS) == [WORKS, WORKS, VARIES, WORKS]


def test_an_acl_that_was_not_read_is_unknown() -> None:
    """The hop names the subnet and the command, for the subnet concerned only (rule 2.2)."""
    raws = [subnet("subnet-0a", "10.0.1.0/24"), subnet("subnet-0b", "10.0.2.0/24")]
    world = VpcView(snapshot(subnets=raws))
    hops = acl_hops(world, world.side(("a",), "subnet-0a"), world.side(("a",), "subnet-0b"), 80, "tcp", LINUX_PORTS)
    assert {hop.outcome for hop in hops} == {UNKNOWN}
    assert hops[0].unknown is not None
    assert "describe-network-acls" in hops[0].unknown.remedy
    assert "subnet-0a" in hops[0].unknown.detail


def test_a_subnet_that_is_not_known_may_be_the_same_one() -> None:
    """A refusal by the other subnet's ACL is no proof while both ends may be in one subnet (rule 2.1)."""
    why = Unknown(Cause.NOT_MODELLED, "subnet discovery")
    world = view(acls=[acl("acl-b", [], ["subnet-0b"])])
    hops = acl_hops(world, world.side(("a",), why), world.side(("a",), "subnet-0b"), 80, "tcp", LINUX_PORTS)
    assert {hop.outcome for hop in hops} == {UNKNOWN}
    both = acl_hops(world, world.side(("a",), why), world.side(("a",), why), 80, "tcp", LINUX_PORTS)
    assert {hop.outcome for hop in both} == {UNKNOWN}


def test_icmp_types_and_their_replies() -> None:
    """Echo needs type 8 there and type 0 back; other protocols have no ports to match (rules 1.6, 2.3)."""
    echo = {**entry(1, "allow", protocol="1"), "IcmpTypeCode": {"Type": 8, "Code": -1}}
    reply = {**entry(1, "allow", egress=True, protocol="1"), "IcmpTypeCode": {"Type": 0, "Code": 0}}
    world = view(acls=[acl("acl-1", [echo, reply], ["subnet-0a"])])
    server = world.side(("a",), "subnet-0a")
    hops = acl_hops(world, peer("198.51.100.7"), server, 8, "icmp", LINUX_PORTS)
    assert [hop.outcome for hop in hops] == [WORKS, WORKS]
    assert [hop.outcome for hop in acl_hops(world, peer("198.51.100.7"), server, 3, "icmp", LINUX_PORTS)] == [BLOCKED]
    assert {hop.outcome for hop in acl_hops(world, peer("198.51.100.7"), server, 8, "tcp", LINUX_PORTS)} == {BLOCKED}


# --- a twin that asks packet by packet ---------------------------------------------------

CLIENTS = {4: "10.0.1.0/28", 6: "2001:db8:0:1::/124"}
SERVERS = {4: "10.0.2.0/28", 6: "2001:db8:0:2::/124"}
cidrs = st.builds(
    lambda third, last, length: str(ipaddress.ip_network((f"10.0.{third}.{last}", length), strict=False)),
    st.sampled_from([1, 2]),
    st.integers(0, 15),
    st.integers(22, 32),
)
cidrs6 = st.builds(
    lambda fourth, last, length: str(ipaddress.ip_network((f"2001:db8:0:{fourth}::{last:x}", length), strict=False)),
    st.sampled_from([1, 2]),
    st.integers(0, 15),
    st.sampled_from([0, 56, *range(118, 129)]),
)
entries_ = st.lists(
    st.builds(
        lambda number, action, port, cidr, egress, protocol: entry(
            number, action, port if protocol in ("6", "17") else None, cidr, egress=egress, protocol=protocol
        ),
        st.integers(1, 32766),
        st.sampled_from(["allow", "deny"]),
        st.tuples(st.integers(1, 12), st.integers(0, 6)).map(lambda pair: (pair[0], pair[0] + pair[1])),
        cidrs | cidrs6,
        st.booleans(),
        st.sampled_from(["6", "6", "-1", "17"]),
    ),
    max_size=7,
    unique_by=lambda raw: (raw["Egress"], raw["RuleNumber"]),
)


def naive(entries: list[Raw], remote: Address, port: int, *, egress: bool) -> bool:
    """One TCP packet down one list of entries, with the standard library only."""
    for item in sorted(entries, key=lambda raw: raw["RuleNumber"]):
        if item["Egress"] != egress or item["Protocol"] not in ("6", "-1"):
            continue
        if remote not in ipaddress.ip_network(item.get("CidrBlock") or item["Ipv6CidrBlock"]):
            continue
        if item["Protocol"] == "6" and not item["PortRange"]["From"] <= port <= item["PortRange"]["To"]:
            continue
        return bool(item["RuleAction"] == "allow")
    return False


@pytest.mark.parametrize("family", [4, 6])
@settings(max_examples=120, deadline=None)
@given(
    first=entries_,
    second=entries_,
    port=st.integers(1, 15),
    back=st.tuples(st.integers(2, 9), st.integers(0, 7)),
)
def test_the_twin_agrees(family: int, first: list[Raw], second: list[Raw], port: int, back: tuple[int, int]) -> None:
    """Each hop equals what every packet of 16 by 16 addresses and all source ports comes to, per family (rules 2.2, 2.3)."""
    world = view(
        acls=[acl("acl-c", first, ["subnet-0c"]), acl("acl-s", second, ["subnet-0s"])],
        subnets=[
            subnet("subnet-0c", CLIENTS[4], cidr6=CLIENTS[6]),
            subnet("subnet-0s", SERVERS[4], cidr6=SERVERS[6]),
        ],
    )
    source_ports = (back[0], back[0] + back[1])
    client, server = world.side(("a",), "subnet-0c", family), world.side(("a",), "subnet-0s", family)
    hops = acl_hops(world, client, server, port, "TCP", source_ports)
    clients, servers = hosts_of(CLIENTS[family]), hosts_of(SERVERS[family])
    replies = range(source_ports[0], source_ports[1] + 1)
    packets = [
        [naive(first, address, port, egress=True) for address in servers],
        [naive(second, address, port, egress=False) for address in clients],
        [naive(second, address, number, egress=True) for address in clients for number in replies],
        [naive(first, address, number, egress=False) for address in servers for number in replies],
    ]
    wanted = [WORKS if all(each) else VARIES if any(each) else BLOCKED for each in packets]
    assert [hop.outcome for hop in hops] == wanted
