from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.adminpolicy import AdminIndex, Tiers, policy_of
from clusterproof.reach.networkpolicy import (
    CALICO,
    VPC_CNI,
    Decision,
    Dialect,
    Direction,
    Peer,
    PolicyIndex,
    ServiceView,
)
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import ContainerPort, NetworkPolicy, OtherPolicy, ServicePort

Raw = dict[str, Any]

SERVER = Peer(
    "shop",
    {"tier": "prod"},
    {"app": "db"},
    (ContainerPort(5432, "sql"),),
    AddressSet.of("10.0.0.7"),
    name="db",
)
CLIENT = Peer("web", {"tier": "dev"}, {"app": "web"}, addresses=AddressSet.of("10.0.1.8"), name="web")
HOST = Peer("ops", {}, {"app": "agent"}, addresses=AddressSet.of("10.0.1.1"), host_network=True, name="agent")
OUTSIDE = Peer(addresses=AddressSet.of("203.0.113.5"))
DENIED = Unknown(Cause.DENIED, "namespaces could not be listed")
ALL: Raw = {"namespaces": {}}


def rule(action: str, *peers: Raw, way: str = "from", **more: Any) -> Raw:
    """One rule; of all pods unless told otherwise."""
    return {"action": action, way: list(peers or (ALL,)), **more}


def obj(name: str = "p", kind: str = "clusternetworkpolicies", **spec: Any) -> tuple[str, Raw]:
    """A ClusterNetworkPolicy (Admin, priority 10, all pods) unless told otherwise."""
    if kind.startswith("cluster"):
        spec = {"tier": "Admin", "priority": 10, **spec}
    return kind, {"metadata": {"name": name}, "spec": {"subject": ALL, **spec}}


def netpol(**spec: Any) -> NetworkPolicy:
    """A NetworkPolicy of namespace shop for all its pods."""
    return msgspec.convert(
        {"metadata": {"name": "n", "namespace": "shop"}, "spec": {"podSelector": {}, **spec}}, NetworkPolicy
    )


def decide(
    *objects: tuple[str, Raw],
    policies: tuple[NetworkPolicy, ...] = (),
    subject: Peer = SERVER,
    other: Peer = CLIENT,
    direction: Direction = "ingress",
    dialect: Dialect = CALICO,
    port: int = 5432,
    protocol: str = "TCP",
    **more: Any,
) -> Decision:
    """Ingress of the server from the client, unless told otherwise."""
    enforced = more.pop("enforced", True)
    made = [policy_of(kinds.BY_NAME[kind], msgspec.convert(raw, OtherPolicy), enforced) for kind, raw in objects]
    index = AdminIndex(made, dialect, ordered=dialect is not VPC_CNI)
    tiers = Tiers(index, PolicyIndex(policies, dialect, incomplete=more.pop("incomplete", None)))
    return tiers.decide(direction, subject, other, port, protocol, **more)


def test_the_tiers_come_in_their_order() -> None:
    """Admin before NetworkPolicy before Baseline, and what none decides is allowed (rule 8.1)."""
    admit, close = netpol(ingress=[{}]), netpol()
    deny = obj(ingress=[rule("Deny")])
    accept = obj(ingress=[rule("Accept")])
    base = obj("b", tier="Baseline", ingress=[rule("Deny")])
    assert decide().outcome == "allowed"
    assert decide(deny, policies=(admit,)).outcome == "refused"
    assert decide(accept, policies=(close,)).outcome == "allowed"
    assert decide(base).outcome == "refused"
    assert decide(base, accept).outcome == "allowed"
    assert decide(base, policies=(admit,)).outcome == "allowed"


@pytest.mark.parametrize(("first", "expected"), [("Accept", "allowed"), ("Deny", "refused")])
def test_the_lowest_number_decides_and_then_the_first_rule(first: str, expected: str) -> None:
    """Priority 0 goes before 1000, a rule before those under it; the first match decides (rule 8.2)."""
    second = "Deny" if first == "Accept" else "Accept"
    assert (
        decide(obj("a", priority=1000, ingress=[rule(second)]), obj("b", priority=0, ingress=[rule(first)])).outcome
        == expected
    )
    found = decide(
        obj(ingress=[rule(second, {"namespaces": {"matchLabels": {"tier": "x"}}}), rule(first), rule(second)])
    )
    assert found.outcome == expected
    assert found.refs[0].field == "spec.ingress[1]"


def test_pass_leaves_the_admin_tier() -> None:
    """Pass skips the rest of its tier and goes on with the next one (rule 8.3)."""
    passing, deny = obj("a", priority=1, ingress=[rule("Pass")]), obj("b", priority=2, ingress=[rule("Deny")])
    assert decide(passing, deny).outcome == "allowed"
    assert decide(passing, deny, policies=(netpol(),)).outcome == "refused"
    assert decide(passing, deny, obj("c", tier="Baseline", ingress=[rule("Deny")])).outcome == "refused"


def test_a_network_policy_is_final_for_its_direction() -> None:
    """Where a NetworkPolicy isolates the pod the Baseline tier is not asked, in that direction only (rule 8.4)."""
    base = obj("b", tier="Baseline", ingress=[rule("Accept")], egress=[rule("Deny", way="to")])
    assert decide(base, policies=(netpol(policyTypes=["Ingress"]),)).outcome == "refused"
    egress = decide(base, policies=(netpol(policyTypes=["Ingress"]),), direction="egress")
    assert egress.outcome == "refused"
    assert "Baseline tier" in egress.text


def test_nothing_is_isolated_by_being_selected() -> None:
    """What no rule matches goes on, and a policy without rules in a direction does nothing there (rule 8.5)."""
    named = {"namespaces": {"matchLabels": {"tier": "elsewhere"}}}
    assert decide(obj(ingress=[rule("Accept", named)])).outcome == "allowed"
    assert decide(obj(egress=[rule("Deny", way="to")])).outcome == "allowed"


def test_equal_priorities_that_disagree_are_unknown_and_both_are_named() -> None:
    """Either of two policies of one priority may win; where they agree nothing is in doubt (rule 8.6)."""
    one, other = obj("one", ingress=[rule("Accept")]), obj("two", ingress=[rule("Deny")])
    found = decide(one, other)
    assert isinstance(found.outcome, Unknown)
    assert "ClusterNetworkPolicy one and ClusterNetworkPolicy two have one priority (10)" in found.text
    assert {ref.key for ref in found.refs} == {"one", "two"}
    assert decide(one, obj("two", ingress=[rule("Accept")])).outcome == "allowed"
    assert decide(other, obj("two", ingress=[rule("Pass")]), policies=(netpol(),)).outcome == "refused"
    # In tiers of their own they do not meet.
    assert decide(one, obj("two", tier="Baseline", ingress=[rule("Deny")])).outcome == "allowed"


def test_client_and_server_are_asked_apart() -> None:
    """An Accept for what leaves the client says nothing of what enters the server (rule 8.7)."""
    both = obj(egress=[rule("Accept", way="to")], ingress=[rule("Deny")])
    assert decide(both, direction="egress", subject=CLIENT, other=SERVER).outcome == "allowed"
    assert decide(both).outcome == "refused"


def test_a_pod_and_itself() -> None:
    """A pod's own address is not subject to them; by a Service it is (rule 8.8)."""
    deny = obj(ingress=[rule("Deny")], egress=[rule("Deny", way="to")])
    service = ServiceView("shop", "db", 5432, {}, {"app": "db"}, "172.20.0.7", (ServicePort(5432),))
    both: tuple[Direction, ...] = ("ingress", "egress")
    for direction in both:
        assert decide(deny, other=SERVER, direction=direction, itself=True).outcome == "allowed"
        hairpin = decide(deny, other=SERVER, direction=direction, itself=True, via_service=service)
        assert hairpin.outcome == "refused"


@pytest.mark.parametrize(
    ("kind", "action", "member"),
    [
        ("adminnetworkpolicies", "Allow", {"ports": [{"portNumber": {"protocol": "TCP", "port": 5432}}]}),
        ("adminnetworkpolicies", "Allow", {"ports": [{"portRange": {"start": 5000, "end": 6000}}]}),
        ("adminnetworkpolicies", "Allow", {"ports": [{"namedPort": "sql"}]}),
        ("clusternetworkpolicies-aws", "Accept", {"ports": [{"portNumber": {"port": 5432}}]}),
        ("clusternetworkpolicies", "Accept", {"protocols": [{"tcp": {"destinationPort": {"number": 5432}}}]}),
        (
            "clusternetworkpolicies",
            "Accept",
            {"protocols": [{"tcp": {"destinationPort": {"range": {"start": 1, "end": 6000}}}}]},
        ),
        ("clusternetworkpolicies", "Accept", {"protocols": [{"tcp": {}}]}),
        ("clusternetworkpolicies", "Accept", {"protocols": [{"udp": {}}, {"destinationNamedPort": "sql"}]}),
    ],
)
def test_both_versions_say_the_same(kind: str, action: str, member: Raw) -> None:
    """v1alpha1 says Allow and ports, v1alpha2 Accept and protocols, AWS Accept and ports; other ports are not meant (rule 8.9)."""
    more: Raw = {"priority": 10} if kind == "adminnetworkpolicies" else {}
    one = obj(kind=kind, ingress=[rule(action, **member)], **more)
    assert decide(one, policies=(netpol(),)).outcome == "allowed"
    if member != {"protocols": [{"tcp": {}}]}:
        assert decide(one, policies=(netpol(),), port=7000).outcome == "refused"
    assert decide(one, policies=(netpol(),), protocol="SCTP").outcome == "refused"


def test_the_baseline_policy_of_v1alpha1() -> None:
    """BaselineAdminNetworkPolicy has neither tier nor priority and comes last (rules 8.1, 8.9)."""
    base = obj("default", kind="baselineadminnetworkpolicies", ingress=[rule("Deny")])
    assert decide(base).outcome == "refused"
    assert decide(base, policies=(netpol(ingress=[{}]),)).outcome == "allowed"


@pytest.mark.parametrize(
    ("peer", "other", "expected"),
    [
        ({"namespaces": {"matchLabels": {"tier": "dev"}}}, CLIENT, "refused"),
        ({"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": "web"}}}, CLIENT, "refused"),
        ({"namespaces": {"matchLabels": {"tier": "prod"}}}, CLIENT, "allowed"),
        ({"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "web"}}}}, CLIENT, "refused"),
        ({"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "x"}}}}, CLIENT, "allowed"),
        ({"namespaces": {}}, HOST, "allowed"),
        ({"namespaces": {}}, OUTSIDE, "allowed"),
        ({"networks": ["203.0.113.0/24"]}, OUTSIDE, "refused"),
        ({"networks": ["0.0.0.0/0"]}, CLIENT, "refused"),
        ({"networks": ["0.0.0.0/0"]}, HOST, "refused"),
        ({"networks": ["::/0"]}, CLIENT, "allowed"),
        ({"nodes": {}}, HOST, "refused"),
        ({"nodes": {}}, CLIENT, "allowed"),
        ({"nodes": {"matchLabels": {"pool": "gpu"}}}, HOST, "unknown"),
        ({"nodes": {}}, OUTSIDE, "unknown"),
    ],
)
def test_peers(peer: Raw, other: Peer, expected: str) -> None:
    """Selectors mean pods off the host network; networks mean pods, too; nodes mean nodes (rule 8.5)."""
    found = decide(obj(egress=[rule("Deny", peer, way="to")]), direction="egress", other=other)
    assert ("unknown" if isinstance(found.outcome, Unknown) else found.outcome) == expected


def test_domain_names_are_outside_and_not_known() -> None:
    """A domain name never means a pod or a node; whether it leads to an outside address cannot be said (rule 8.5)."""
    one = obj(
        egress=[
            rule("Accept", {"domainNames": ["*.example.com"]}, way="to"),
            rule("Deny", {"networks": ["0.0.0.0/0"]}, way="to"),
        ]
    )
    assert decide(one, direction="egress").outcome == "refused"
    assert isinstance(decide(one, direction="egress", other=OUTSIDE).outcome, Unknown)
    # What follows allows it in any case: then nothing is in doubt.
    same = obj(egress=[rule("Accept", {"domainNames": ["a.example.com"]}, way="to")])
    assert decide(same, direction="egress", other=OUTSIDE).outcome == "allowed"


def test_host_network_pods_are_no_subjects() -> None:
    """A host-network pod is selected by no cluster-wide policy (rule 8.5)."""
    assert decide(obj(ingress=[rule("Deny")]), subject=HOST).outcome == "allowed"


def test_a_network_that_holds_a_part_of_the_addresses_varies() -> None:
    """Addresses of the far side are judged apart where a network cuts them (rule 8.2)."""
    wide = msgspec.structs.replace(CLIENT, addresses=AddressSet.of("10.0.1.0/24"))
    found = decide(obj(egress=[rule("Deny", {"networks": ["10.0.1.0/25"]}, way="to")]), direction="egress", other=wide)
    assert found.outcome == "varies"
    assert found.part == AddressSet.of("10.0.1.128/25")
    assert "10.0.1.128/25" in found.text
    both = rule("Deny", {"networks": ["10.0.1.0/25"]}, {"networks": ["10.0.1.128/25"]}, way="to")
    assert decide(obj(egress=[both]), direction="egress", other=wide).outcome == "refused"


@pytest.mark.parametrize(("action", "expected"), [("Accept", "refused"), ("Deny", "refused"), ("Pass", "refused")])
def test_a_peer_with_nothing_in_it_fails_closed(action: str, expected: str) -> None:
    """A peer without members: an Accept matches nothing, Deny and Pass deny everything (rule 8.5)."""
    closing = () if action != "Accept" else (netpol(),)
    assert decide(obj(ingress=[rule(action, {})]), policies=closing).outcome == expected
    assert decide(obj(ingress=[rule("Accept", {})])).outcome == "allowed"


@pytest.mark.parametrize(
    ("spec", "named"),
    [
        ({"ingress": [rule("Deny", {"serviceAccounts": {}})]}, "serviceAccounts"),
        ({"ingress": [rule("Deny", {"namespaces": {"sameLabels": ["a"]}})]}, "sameLabels"),
        ({"ingress": [rule("Reject")]}, "spec.ingress[0].action"),
        ({"ingress": [rule("Deny", ports=[{"portNumber": {"port": "x"}}])]}, "port 'x'"),
        ({"ingress": [rule("Deny", match=[])]}, "match"),
        ({"ingress": [rule("Deny")], "tier": "Platform"}, "tier 'Platform'"),
        ({"ingress": [rule("Deny")], "subject": {"namespaces": {}, "pods": {}}}, "both or neither"),
    ],
)
def test_what_is_not_in_the_api_is_unknown(spec: Raw, named: str) -> None:
    """A member, an action or a tier that is not modelled is never taken for nothing, and is named."""
    found = decide(obj(**spec))
    assert isinstance(found.outcome, Unknown)
    assert named in found.text


def test_a_policy_of_which_only_the_name_was_read_is_unknown() -> None:
    """Dumps with names alone do not pass for policies without rules."""
    found = decide(("clusternetworkpolicies", {"metadata": {"name": "p"}}))
    assert isinstance(found.outcome, Unknown)
    assert found.outcome.remedy == "run: kubectl get clusternetworkpolicies.policy.networking.k8s.io -o json"


def test_unknown_counts_only_where_it_decides() -> None:
    """A policy that may select the pod, or may be enforced, changes nothing where the answer is the same without it."""
    hidden = msgspec.structs.replace(SERVER, namespace_labels=DENIED)
    maybe = obj(subject={"namespaces": {"matchLabels": {"tier": "prod"}}}, ingress=[rule("Deny")])
    found = decide(maybe, subject=hidden)
    assert isinstance(found.outcome, Unknown)
    assert DENIED.detail in found.text
    assert decide(maybe, subject=hidden, policies=(netpol(),)).outcome == "refused"
    accept = obj(subject={"namespaces": {"matchLabels": {"tier": "prod"}}}, ingress=[rule("Accept")])
    assert decide(accept, subject=hidden).outcome == "allowed"
    version = Unknown(Cause.INCOMPLETE, "its version does not show")
    assert isinstance(decide(obj(ingress=[rule("Deny")]), enforced=version).outcome, Unknown)
    assert decide(obj(ingress=[rule("Accept")]), enforced=version).outcome == "allowed"
    other = obj(subject={"namespaces": {"matchLabels": {"tier": "test"}}}, ingress=[rule("Deny")])
    assert decide(other, enforced=version).outcome == "allowed"


def test_network_policies_not_read_leave_the_baseline_open() -> None:
    """A NetworkPolicy that was not read may isolate the pod, and then the Baseline tier is not asked (rule 8.4)."""
    why = Unknown(Cause.DENIED, "networkpolicies could not be listed")
    base = obj(tier="Baseline", ingress=[rule("Deny")])
    assert decide(base, incomplete=why).outcome == why
    assert decide(obj(ingress=[rule("Deny")]), incomplete=why).outcome == "refused"


# --- the VPC CNI ----------------------------------------------------------------------------------


def aws(name: str = "p", **spec: Any) -> tuple[str, Raw]:
    """A ClusterNetworkPolicy of networking.k8s.aws."""
    return obj(name, "clusternetworkpolicies-aws", **spec)


def test_the_agent_keeps_no_order_inside_a_policy() -> None:
    """Rules of one policy that disagree: the API lets the first decide, the agent takes Deny first; both are said."""
    found = decide(aws(ingress=[rule("Accept"), rule("Deny")]), dialect=VPC_CNI)
    assert isinstance(found.outcome, Unknown)
    assert "spec.ingress[0] and spec.ingress[1] both match" in found.text
    assert decide(aws(ingress=[rule("Deny"), rule("Accept")]), dialect=VPC_CNI).outcome == "refused"
    ordered = [aws("a", priority=1, ingress=[rule("Accept")]), aws("b", priority=2, ingress=[rule("Deny")])]
    assert decide(*ordered, dialect=VPC_CNI).outcome == "allowed"


def test_the_agent_judges_the_cluster_address() -> None:
    """Egress by a Service is compared with Services whose selector the rule matches, as for NetworkPolicies (rule 7.9)."""
    service = ServiceView("shop", "db", 5432, {"tier": "prod"}, {"app": "db"}, "172.20.0.7", (ServicePort(5432),))
    found: Raw = {"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "db"}}}}
    other: Raw = {"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"version": "2"}}}}
    ask: dict[str, Any] = {
        "direction": "egress",
        "subject": CLIENT,
        "other": SERVER,
        "dialect": VPC_CNI,
        "via_service": service,
    }
    assert decide(aws(egress=[rule("Deny", found, way="to")]), **ask).outcome == "refused"
    assert decide(aws(egress=[rule("Deny", other, way="to")]), **ask).outcome == "allowed"


def test_the_own_node_passes_the_agents_tables() -> None:
    """The node's address is accepted before every cluster-wide rule, in both directions (rule 7.7)."""
    both: tuple[Direction, ...] = ("ingress", "egress")
    deny = aws(ingress=[rule("Deny", {"namespaces": {}})], egress=[rule("Deny", {"networks": ["0.0.0.0/0"]}, way="to")])
    for direction in both:
        found = decide(deny, direction=direction, other=HOST, dialect=VPC_CNI, same_node_host=True)
        assert found.outcome == "allowed"


def test_named_ports_are_tcp_for_aws() -> None:
    """AWS's controller takes a named port for TCP; upstream it has no protocol."""
    dns = msgspec.structs.replace(SERVER, ports=(ContainerPort(53, "dns", "UDP"),))
    deny = [rule("Deny", ports=[{"namedPort": "dns"}])]
    ask: dict[str, Any] = {"subject": dns, "port": 53, "protocol": "UDP"}
    assert decide(aws(ingress=deny), dialect=VPC_CNI, **ask).outcome == "allowed"
    assert decide(obj(kind="adminnetworkpolicies", priority=1, ingress=deny), **ask).outcome == "refused"


def test_more_entries_than_the_agent_holds_are_unknown() -> None:
    """At most 24 entries of cluster-wide policies apply to one address (rule 7.9)."""
    many = [{"portNumber": {"port": 5432 + number}} for number in range(25)]
    assert isinstance(decide(aws(ingress=[rule("Deny", ports=many)]), dialect=VPC_CNI).outcome, Unknown)
    assert decide(aws(ingress=[rule("Deny", ports=many[:24])]), dialect=VPC_CNI).outcome == "refused"
    assert decide(obj(ingress=[rule("Deny", protocols=[{"tcp": {}}] * 30)])).outcome == "refused"


def test_pods_without_an_owner_are_promised_nothing() -> None:
    """A refusal of a pod that nothing owns is unknown under the VPC CNI, by these policies as well (rule 7.9)."""
    loner = msgspec.structs.replace(SERVER, owned=False)
    assert isinstance(decide(aws(ingress=[rule("Deny")]), subject=loner, dialect=VPC_CNI).outcome, Unknown)


# --- published examples ---------------------------------------------------------------------------


def story(number: int, action: str, name: str, **more: Any) -> tuple[str, Raw]:
    """The shape of the API's examples: one rule of one Admin policy about one namespace."""
    spaces = {"namespaces": {"matchLabels": {"kubernetes.io/metadata.name": name}}}
    return obj(f"story-{number}", subject=spaces, ingress=[rule(action, {"namespaces": {"matchLabels": {}}})], **more)


def test_the_published_stories() -> None:
    """The network policy API's own examples 1, 3 and 5 (its site, "Examples"): deny, delegate, and a baseline of denial."""
    sensitive = msgspec.structs.replace(SERVER, namespace="sensitive-ns")
    assert decide(story(1, "Deny", "sensitive-ns"), subject=sensitive).outcome == "refused"
    assert decide(story(1, "Deny", "sensitive-ns")).outcome == "allowed"
    public = msgspec.structs.replace(SERVER, namespace="pub-svc")
    delegate = story(3, "Pass", "pub-svc", priority=5)
    guard = obj("guard", priority=6, ingress=[rule("Deny")])
    assert decide(delegate, guard, subject=public).outcome == "allowed"
    assert decide(delegate, guard).outcome == "refused"
    base = obj("default", tier="Baseline", priority=100, ingress=[rule("Deny", {"namespaces": {}})])
    assert decide(base).outcome == "refused"
    assert decide(base, policies=(netpol(ingress=[{"from": [{"namespaceSelector": {}}]}]),)).outcome == "allowed"
