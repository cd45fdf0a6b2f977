"""A second, naive implementation of the tiers: address by address, and every order of policies of one priority."""

from __future__ import annotations

import ipaddress
from itertools import permutations
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.adminpolicy import AdminIndex, Tiers, policy_of
from clusterproof.reach.networkpolicy import CALICO, Direction, Peer, PolicyIndex
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import NetworkPolicy, OtherPolicy

Raw = dict[str, Any]
SPACES: dict[str, dict[str, str]] = {"a": {"t": "1"}, "b": {"t": "2"}, "c": {}}
ADDRESSES = [str(ipaddress.ip_address("10.0.0.0") + number) for number in range(8)]


def picks(selector: Raw, labels: dict[str, str]) -> bool:
    """A selector of matchLabels alone."""
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())


def meant(selection: Raw, peer: Peer) -> bool:
    """``namespaces`` or ``pods``, which never mean host-network pods."""
    if peer.host_network or peer.namespace is None:
        return False
    space = SPACES[peer.namespace]
    if "namespaces" in selection:
        return picks(selection["namespaces"], space)
    pods = selection["pods"]
    return picks(pods["namespaceSelector"], space) and picks(pods["podSelector"], peer.labels)


def hits(rule: Raw, other: Peer, address: str, port: int) -> bool:
    """Does a rule match one packet?"""
    ports = rule.get("protocols", [])
    if ports and port not in [one["tcp"]["destinationPort"]["number"] for one in ports]:
        return False
    for peer in rule["from"] if "from" in rule else rule["to"]:
        if "networks" in peer:
            if any(ipaddress.ip_address(address) in ipaddress.ip_network(cidr) for cidr in peer["networks"]):
                return True
        elif meant(peer, other):
            return True
    return False


def tier(policies: list[Raw], way: str, subject: Peer, other: Peer, address: str, port: int) -> str:
    """What policies in the order of asking say; Pass when none does."""
    for policy in policies:
        if not meant(policy["spec"]["subject"], subject):
            continue
        for rule in policy["spec"].get(way, []):
            if hits(rule, other, address, port):
                return str(rule["action"])
    return "Pass"


def orders(policies: list[Raw], name: str) -> list[list[Raw]]:
    """Every order in which a tier may be asked."""
    own = [policy for policy in policies if policy["spec"]["tier"] == name]
    return [
        list(order)
        for order in permutations(own)
        if [one["spec"]["priority"] for one in order] == sorted(one["spec"]["priority"] for one in own)
    ]


def naive(
    policies: list[Raw], network: list[Raw], way: str, subject: Peer, other: Peer, address: str, port: int
) -> set[bool]:
    """Whether one packet passes, in every order that is possible."""
    found = set()
    for admin in orders(policies, "Admin"):
        for base in orders(policies, "Baseline"):
            said = tier(admin, way, subject, other, address, port)
            mine = [
                one
                for one in network
                if one["metadata"]["namespace"] == subject.namespace
                and picks(one["spec"]["podSelector"], subject.labels)
                and way.capitalize() in one["spec"]["policyTypes"]
            ]
            if said == "Pass" and mine:
                said = "Accept" if any(one["spec"].get(way) for one in mine) else "Deny"
            elif said == "Pass":
                said = tier(base, way, subject, other, address, port)
            found.add(said != "Deny")
    return found


labels = st.sampled_from([{}, {"x": "1"}, {"x": "2"}])
selectors = st.sampled_from([{}, {"matchLabels": {"x": "1"}}, {"matchLabels": {"x": "2"}}])
spaces = st.sampled_from([{}, {"matchLabels": {"t": "1"}}, {"matchLabels": {"t": "2"}}])
selections = st.one_of(
    st.builds(lambda one: {"namespaces": one}, spaces),
    st.builds(lambda one, two: {"pods": {"namespaceSelector": one, "podSelector": two}}, spaces, selectors),
)
cidrs = st.sampled_from(["10.0.0.0/30", "10.0.0.4/30", "10.0.0.2/31", "10.0.0.0/29", "10.0.0.5/32", "0.0.0.0/0"])
networks = st.builds(lambda one: {"networks": one}, st.lists(cidrs, min_size=1, max_size=2, unique=True))
protocols = st.lists(st.sampled_from([80, 81]), max_size=1).map(
    lambda found: {"protocols": [{"tcp": {"destinationPort": {"number": one}}} for one in found]} if found else {}
)
actions = st.sampled_from(["Accept", "Deny", "Pass"])
ins = st.builds(
    lambda a, p, m: {"action": a, "from": p, **m}, actions, st.lists(selections, min_size=1, max_size=2), protocols
)
outs = st.builds(
    lambda a, p, m: {"action": a, "to": p, **m},
    actions,
    st.lists(selections | networks, min_size=1, max_size=2),
    protocols,
)
specs = st.fixed_dictionaries(
    {
        "tier": st.sampled_from(["Admin", "Baseline"]),
        "priority": st.integers(0, 2),
        "subject": selections,
        "ingress": st.lists(ins, max_size=2),
        "egress": st.lists(outs, max_size=3),
    }
)
admins = st.lists(specs, max_size=4).map(
    lambda found: [{"metadata": {"name": f"p{number}"}, "spec": spec} for number, spec in enumerate(found)]
)
ways = st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]])
plain = st.builds(
    lambda space, selector, types, ingress, egress: {
        "metadata": {"name": "n", "namespace": space},
        "spec": {"podSelector": selector, "policyTypes": types, "ingress": ingress, "egress": egress},
    },
    st.sampled_from(sorted(SPACES)),
    selectors,
    ways,
    st.sampled_from([[], [{}]]),
    st.sampled_from([[], [{}]]),
)
peers = st.builds(
    lambda space, own, first, host: Peer(
        space,
        SPACES[space],
        own,
        addresses=AddressSet.between(ADDRESSES[first], ADDRESSES[first + 3]),
        host_network=host,
    ),
    st.sampled_from(sorted(SPACES)),
    labels,
    st.integers(0, 4),
    st.booleans(),
)


@settings(max_examples=700, deadline=None)
@given(
    admins, st.lists(plain, max_size=2), peers, peers, st.sampled_from(["ingress", "egress"]), st.sampled_from([80, 81])
)
def test_decisions_agree_with_the_naive_twin(
    objects: list[Raw], network: list[Raw], subject: Peer, other: Peer, way: Direction, port: int
) -> None:
    """Tiers, priorities, rules, Pass, networks by address, and equal priorities (rules 8.1, 8.2, 8.3, 8.4, 8.5, 8.6, 8.7)."""
    subject = msgspec.structs.replace(subject, host_network=False)
    kind = kinds.BY_NAME["clusternetworkpolicies"]
    made = [policy_of(kind, msgspec.convert(raw, OtherPolicy)) for raw in objects]
    index = PolicyIndex([msgspec.convert(raw, NetworkPolicy) for raw in network], CALICO)
    found = Tiers(AdminIndex(made, CALICO), index).decide(way, subject, other, port, "TCP").outcome
    inside = [one for one in ADDRESSES if AddressSet.of(one).covers(other.addresses) != "none"]
    answers = [naive(objects, network, way, subject, other, address, port) for address in inside]
    if any(len(one) > 1 for one in answers):
        assert isinstance(found, Unknown)
    else:
        passing = {next(iter(one)) for one in answers}
        assert found == ("varies" if len(passing) > 1 else "allowed" if passing == {True} else "refused")
