"""A second, naive implementation, by single addresses and by every way the unknown may turn out."""

from __future__ import annotations

import ipaddress
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.networkpolicy import Dialect, Direction, Peer, PolicyIndex
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import ContainerPort, NetworkPolicy

NOT_READ = Unknown(Cause.DENIED, "not read")
POSSIBLE_LABELS: tuple[dict[str, str], ...] = ({}, {"t": "1"}, {"t": "2"}, {"t": "1", "u": "1"}, {"u": "1"})


def selects(selector: dict[str, Any], labels: dict[str, str], odd: bool) -> bool:
    """``odd``: how an expression with an operator of no API turns out."""
    wanted = [labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()]
    for one in selector.get("matchExpressions", ()):
        there, inside = one["key"] in labels, labels.get(one["key"]) in one.get("values", ())
        answers = {"In": inside, "NotIn": not inside, "Exists": there, "DoesNotExist": not there, "Like": odd}
        wanted.append(answers[one["operator"]])
    return all(wanted)


def naive(
    policies: list[Any], direction: str, subject: Peer, other: Peer, address: str, space: dict[str, str], odd: bool
) -> bool:
    """Is TCP or UDP 80 let through, for one address of the other side and one content of its namespace's labels?"""
    isolated = False
    server = subject if direction == "ingress" else other
    for one in policies:
        spec = one["spec"]
        types = spec.get("policyTypes") or ["Ingress"] + ["Egress"] * bool(spec.get("egress"))
        if direction.capitalize() not in types or one["metadata"]["namespace"] != subject.namespace:
            continue
        if not selects(spec["podSelector"], subject.labels, odd):
            continue
        isolated = True
        for rule in spec.get(direction, ()):
            ports = rule.get("ports", [])
            numbers = {
                (entry.get("protocol", "TCP"), number)
                for entry in ports
                for number in range(
                    *(
                        (entry["port"], entry.get("endPort", entry["port"]) + 1)
                        if isinstance(entry.get("port"), int)
                        else (1, 100)
                        if "port" not in entry
                        else (1, 1)
                    )
                )
            }
            for entry in ports:
                for container in server.ports:
                    if (container.name, container.protocol) == (entry.get("port"), entry.get("protocol", "TCP")):
                        numbers.add((container.protocol, container.container_port))
            if ports and ("TCP", 80) not in numbers:
                continue
            peers = rule.get("from" if direction == "ingress" else "to", [])
            if not peers:
                return True
            for peer in peers:
                if "ipBlock" in peer:
                    nets = [peer["ipBlock"]["cidr"], *peer["ipBlock"].get("except", [])]
                    held = [ipaddress.ip_address(address) in ipaddress.ip_network(net) for net in nets]
                    if held[0] and not any(held[1:]):
                        return True
                    continue
                if other.namespace is None:
                    continue
                named = {**space, "kubernetes.io/metadata.name": other.namespace}
                where = peer.get("namespaceSelector")
                if where is None and other.namespace != subject.namespace:
                    continue
                if where is not None and not selects(where, named, odd):
                    continue
                if "podSelector" not in peer or selects(peer["podSelector"], other.labels, odd):
                    return True
    return not isolated


keys, values = st.sampled_from(["t", "u"]), st.sampled_from(["1", "2"])
labels = st.dictionaries(keys, values, max_size=2)
expressions = st.one_of(
    st.builds(
        lambda key, operator, some: {"key": key, "operator": operator, "values": some},
        keys,
        st.sampled_from(["In", "NotIn", "In", "NotIn", "Like"]),
        st.lists(values, min_size=1, max_size=2),
    ),
    st.builds(
        lambda key, operator: {"key": key, "operator": operator}, keys, st.sampled_from(["Exists", "DoesNotExist"])
    ),
)
selectors: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),  # often, or few worlds isolate anything
    st.builds(
        lambda equal, some: {"matchLabels": equal, "matchExpressions": some}, labels, st.lists(expressions, max_size=1)
    ),
)
namespace_selectors = st.one_of(
    selectors, st.builds(lambda name: {"matchLabels": {"kubernetes.io/metadata.name": name}}, st.sampled_from("ab"))
)
cidrs = st.builds(
    lambda offset, length: str(ipaddress.ip_network(f"10.0.0.{offset}/{length}", strict=False)),
    st.integers(0, 15),
    st.integers(28, 32),
)
peers_of_rule = st.one_of(
    st.builds(lambda one: {"podSelector": one}, selectors),
    st.builds(lambda one: {"namespaceSelector": one}, namespace_selectors),
    st.builds(lambda one, two: {"podSelector": one, "namespaceSelector": two}, selectors, namespace_selectors),
    st.builds(
        lambda one, two: {"ipBlock": {"cidr": one, "except": two} if two else {"cidr": one}},
        cidrs,
        st.lists(cidrs, max_size=1),
    ),
)
ports = st.one_of(
    st.builds(lambda port: {"port": port}, st.sampled_from([80, 81, "web", "web"])),
    st.builds(lambda port, end: {"port": port, "endPort": port + end}, st.integers(78, 81), st.integers(0, 3)),
    st.sampled_from([{"protocol": "UDP"}, {"protocol": "TCP"}, {"protocol": "UDP", "port": 80}]),
)


def rules(word: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Up to two rules; ``word`` is ``from`` or ``to``."""
    rule = st.builds(
        lambda some, on: {key: value for key, value in ((word, some), ("ports", on)) if value},
        st.lists(peers_of_rule, max_size=2),
        st.lists(ports, max_size=2),
    )
    return st.lists(rule, max_size=2)


policies = st.lists(
    st.builds(
        lambda namespace, selector, types, ins, outs: {
            "metadata": {"namespace": namespace},
            "spec": {"podSelector": selector, "policyTypes": types, "ingress": ins, "egress": outs},
        },
        st.sampled_from("aaab"),
        selectors,
        st.sampled_from([[], ["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
        rules("from"),
        rules("to"),
    ),
    max_size=3,
)
containers = st.lists(
    st.builds(ContainerPort, st.sampled_from([80, 81]), st.just("web"), st.sampled_from(["TCP", "UDP"])), max_size=1
).map(tuple)
subjects = st.builds(Peer, st.just("a"), st.just({}), labels, containers)
others = st.builds(
    lambda namespace, space, own, web, cidr: Peer(namespace, space, own, web, AddressSet.of(cidr)),
    st.sampled_from(["a", "b", None]),
    st.one_of(labels, st.just(NOT_READ)),
    labels,
    containers,
    cidrs,
)


@settings(max_examples=800, deadline=None)
@given(policies, st.sampled_from(["ingress", "egress"]), subjects, others)
def test_decisions_agree_with_the_naive_twin(raw: list[Any], direction: Direction, subject: Peer, other: Peer) -> None:
    """Whatever the unknown turns out to be, a definite decision holds for every address; a known world gets one."""
    for number, one in enumerate(raw):
        one["metadata"]["name"] = f"p{number}"
    index = PolicyIndex(msgspec.convert(raw, list[NetworkPolicy]), Dialect(ip_block_matches_pods=True))
    found = index.decide(direction, subject, other, 80, "TCP")
    addresses = [str(one) for text in other.addresses.cidrs() for one in ipaddress.ip_network(text)]
    known = not isinstance(other.namespace_labels, Unknown)
    spaces = (other.namespace_labels,) if not isinstance(other.namespace_labels, Unknown) else POSSIBLE_LABELS
    answers = {
        tuple(naive(raw, direction, subject, other, address, space, odd) for address in addresses)
        for space in spaces
        for odd in (False, True)
    }
    if found.outcome == "allowed":
        assert all(all(answer) for answer in answers)
    elif found.outcome == "refused":
        assert not any(any(answer) for answer in answers)
    elif found.outcome == "varies":
        (answer,) = answers
        admitted = AddressSet.of(*(text for text, passes in zip(addresses, answer, strict=True) if passes))
        assert found.part == admitted
        assert any(answer)
        assert not all(answer)
    else:
        assert not known or "Like" in str(raw)
    assert found.text
