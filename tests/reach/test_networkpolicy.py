from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.reach.addresses import AddressSet, subnet_hosts
from clusterproof.reach.networkpolicy import (
    CALICO,
    CILIUM,
    KUBERNETES,
    VPC_CNI,
    Decision,
    Dialect,
    Direction,
    Peer,
    PolicyIndex,
    ServiceView,
    dialect_for,
)
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import ContainerPort, NetworkPolicy, ServicePort

BY_ADDRESS = Dialect(ip_block_matches_pods=True)
DENIED = Unknown(Cause.DENIED, "namespaces could not be listed", "allow list namespaces")
ETCD = Peer("dynamo", {"team": "ai"}, {"app": "etcd"}, (ContainerPort(2379, "client"),), name="etcd-0")
WORKER = Peer("dynamo", {"team": "ai"}, {"app": "worker"}, addresses=subnet_hosts("10.0.1.0/24"), name="dynamo/worker")
ELSEWHERE = Peer("web", {"team": "web"}, {"app": "worker"}, addresses=AddressSet.of("10.0.2.9"), name="web/worker")
OUTSIDE = Peer(addresses=AddressSet.of("203.0.113.5"))


def policy(name: str = "p", namespace: str = "dynamo", selector: Any = None, **spec: Any) -> NetworkPolicy:
    """A NetworkPolicy as the API spells it; selects app=etcd unless told otherwise."""
    chosen = {"matchLabels": {"app": "etcd"}} if selector is None else selector
    raw = {"metadata": {"name": name, "namespace": namespace}, "spec": {"podSelector": chosen, **spec}}
    return msgspec.convert(raw, NetworkPolicy)


def ingress(
    *policies: NetworkPolicy, other: Peer = WORKER, subject: Peer = ETCD, dialect: Dialect = BY_ADDRESS, **more: Any
) -> Decision:
    """Decide ingress to etcd from the worker, unless told otherwise."""
    incomplete = more.pop("incomplete", None)
    index = PolicyIndex(policies, dialect, incomplete=incomplete)
    return index.decide("ingress", subject, other, more.pop("port", 2379), more.pop("protocol", "TCP"), **more)


def from_(*peers: Any, ports: Any = ()) -> list[Any]:
    """One ingress rule, as the API spells it."""
    return [{"from": list(peers), "ports": list(ports)}]


def pods(**labels: str) -> dict[str, Any]:
    """A peer that selects pods by label."""
    return {"podSelector": {"matchLabels": labels}}


TEAM = {"namespaceSelector": {"matchLabels": {"team": "ai"}}}
BOGUS = {"podSelector": {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["w"]}]}}


def test_no_policy_means_allowed() -> None:
    """A pod that no policy selects is not isolated (rule 7.1)."""
    found = ingress(policy(selector={"matchLabels": {"app": "nats"}}), policy(namespace="web", selector={}))
    assert found.outcome == "allowed"
    assert found.text == "no NetworkPolicy selects etcd-0 for ingress"


def test_a_refusal_names_all_policies_that_select_the_pod() -> None:
    """Refused: how many policies select it, the first by name first, and what none of them admits (rule 7.1)."""
    found = ingress(policy("b"), policy("a", selector={}), policy("c", ingress=from_(pods(app="nats"))))
    assert found.outcome == "refused"
    assert found.text == "3 NetworkPolicies select etcd-0; none admits TCP 2379 from dynamo/worker"
    assert found.selected_by == 3
    assert found.refs[0] == Ref("networkpolicies", "dynamo/a", "spec.podSelector", "all")
    assert [ref.key for ref in found.refs] == ["dynamo/a", "dynamo/b", "dynamo/c"]


def test_an_admission_names_the_rule() -> None:
    """Allowed: the policy, the rule's path and its content."""
    rules = [*from_(pods(app="nats")), *from_(pods(app="worker"), ports=[{"port": 2379}])]
    found = ingress(policy("a"), policy("b", ingress=rules))
    assert found.outcome == "allowed"
    assert found.refs == (Ref("networkpolicies", "dynamo/b", "spec.ingress[1]", "TCP 2379 from pods app=worker"),)
    assert found.text == "NetworkPolicy dynamo/b admits TCP 2379 from pods app=worker"


@pytest.mark.parametrize(
    ("spec", "direction", "expected"),
    [
        ({}, "ingress", True),
        ({}, "egress", False),
        ({"egress": [{}]}, "egress", True),
        ({"egress": [{}]}, "ingress", True),
        ({"policyTypes": ["Egress"], "ingress": [{}]}, "ingress", False),
        ({"policyTypes": ["Egress"]}, "egress", True),
        ({"policyTypes": ["Ingress"], "egress": [{}]}, "egress", False),
    ],
)
def test_policy_types_default_to_ingress_and_to_egress_where_there_are_rules(
    spec: Any, direction: Direction, expected: bool
) -> None:
    """Without policyTypes a policy isolates ingress, and egress only if it has egress rules (rule 7.1)."""
    assert PolicyIndex([policy(**spec)]).isolated(ETCD, direction) is expected


@pytest.mark.parametrize(
    ("rules", "other", "expected"),
    [
        ([{}], OUTSIDE, "allowed"),
        ([], WORKER, "refused"),
        (from_(), OUTSIDE, "allowed"),
        (from_({"podSelector": {}}), WORKER, "allowed"),
        (from_({"podSelector": {}}), ELSEWHERE, "refused"),
        (from_({"podSelector": {}}), OUTSIDE, "refused"),
        (from_({"namespaceSelector": {}}), ELSEWHERE, "allowed"),
        (from_({"namespaceSelector": {}}), OUTSIDE, "refused"),
        (from_({**TEAM, **pods(app="worker")}), WORKER, "allowed"),
        (from_({**TEAM, **pods(app="worker")}), ELSEWHERE, "refused"),
        (from_(TEAM, pods(app="nats")), ELSEWHERE, "refused"),
        (from_({"ipBlock": {"cidr": "203.0.113.0/24"}}), OUTSIDE, "allowed"),
        (from_({"ipBlock": {"cidr": "203.0.113.0/24", "except": ["203.0.113.5/32"]}}), OUTSIDE, "refused"),
    ],
)
def test_peers(rules: Any, other: Peer, expected: str) -> None:
    """Empty or absent peers are all sources; selectors of one peer are ANDed, peers ORed (rule 7.2)."""
    assert ingress(policy(ingress=rules), other=other).outcome == expected


@pytest.mark.parametrize(
    ("entry", "port", "protocol", "expected"),
    [
        ({"port": 2379}, 2379, "TCP", "allowed"),
        ({"port": 2379}, 2379, "UDP", "refused"),
        ({"port": 2379, "protocol": "UDP"}, 2379, "UDP", "allowed"),
        ({"protocol": "UDP"}, 9, "UDP", "allowed"),
        ({"port": "client"}, 2379, "TCP", "allowed"),
        ({"port": "client"}, 2380, "TCP", "refused"),
        ({"port": "client", "protocol": "UDP"}, 2379, "UDP", "refused"),
        ({"port": "peer"}, 2379, "TCP", "refused"),
        ({"port": 2000, "endPort": 2379}, 2379, "TCP", "allowed"),
        ({"port": 2000, "endPort": 2378}, 2379, "TCP", "refused"),
    ],
)
def test_ports(entry: Any, port: int, protocol: str, expected: str) -> None:
    """Protocol defaults to TCP, endPort is included, and names resolve on the destination (rules 7.4, 7.5)."""
    spec = policy(ingress=from_(pods(app="worker"), ports=[entry]))
    assert ingress(spec, port=port, protocol=protocol).outcome == expected


def test_a_block_over_part_of_a_range_varies() -> None:
    """Half of the subnet is admitted: whether it works is the address's luck, and both halves together work (rule 7.6)."""
    half = {"ipBlock": {"cidr": "10.0.1.0/25"}}
    found = ingress(policy(ingress=from_(half)))
    assert found.outcome == "varies"
    assert found.part == AddressSet.between("10.0.1.4", "10.0.1.127")
    assert "only 10.0.1.4-10.0.1.127 are admitted" in found.text
    rest = {"ipBlock": {"cidr": "10.0.1.128/25"}}
    assert ingress(policy(ingress=from_(half)), policy("q", ingress=from_(rest))).outcome == "allowed"


def test_whether_a_block_matches_pods_is_the_dialects_to_say() -> None:
    """An ipBlock over pod addresses: by address, external only, or not to be known; outside it is plain (rule 7.6)."""
    spec = policy(ingress=from_({"ipBlock": {"cidr": "0.0.0.0/0"}}))
    assert ingress(spec).outcome == "allowed"
    assert ingress(spec, dialect=Dialect(ip_block_matches_pods=False)).outcome == "refused"
    assert isinstance(ingress(spec, dialect=KUBERNETES).outcome, Unknown)
    assert ingress(spec, dialect=KUBERNETES, other=OUTSIDE).outcome == "allowed"
    beside = policy(ingress=from_({"ipBlock": {"cidr": "10.9.0.0/16"}}))
    assert ingress(beside, dialect=KUBERNETES).outcome == "refused"


def test_an_address_that_is_not_known_is_not_admitted_silently() -> None:
    """Without an address range an ipBlock cannot be judged (rule 7.6)."""
    spec = policy(ingress=from_({"ipBlock": {"cidr": "0.0.0.0/0"}}))
    found = ingress(spec, other=Peer("dynamo", {}, {"app": "worker"}))
    assert isinstance(found.outcome, Unknown)
    assert found.outcome.cause is Cause.NOT_COLLECTED


# --- unknown hides nothing -----------------------------------------------------------------


def test_unknown_namespace_labels_matter_only_where_they_decide() -> None:
    """They make a selector unknown, but neither a certain admission nor a certain refusal."""
    other = msgspec.structs.replace(WORKER, namespace_labels=DENIED)
    by_team = policy(ingress=from_({**TEAM, **pods(app="worker")}))
    assert ingress(by_team, other=other).outcome == DENIED
    assert ingress(by_team, policy("open", ingress=[{}]), other=other).outcome == "allowed"
    assert ingress(policy(ingress=from_({**TEAM, **pods(app="nats")})), other=other).outcome == "refused"
    by_name = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "dynamo"}}}
    assert ingress(policy(ingress=from_(by_name)), other=other).outcome == "allowed"
    assert ingress(policy(ingress=from_(by_name)), other=ELSEWHERE).outcome == "refused"


@pytest.mark.parametrize(
    "rule",
    [
        from_(BOGUS),
        from_({}),
        from_({"ipBlock": {"cidr": "10.0.0.0/8"}, "podSelector": {}}),
        from_({"ipBlock": {"cidr": "10.0.0.0/99"}}),
        from_({"podSelector": {}}, ports=[{"port": "client", "endPort": 2379}]),
        from_({"podSelector": {}}, ports=[{"port": 2379, "endPort": 1}]),
    ],
)
def test_what_kubernetes_would_refuse_is_unknown(rule: Any) -> None:
    """A malformed rule is unknown; beside a rule that admits, and on another protocol, it does not matter (rule 7.5)."""
    found = ingress(policy(ingress=rule))
    assert isinstance(found.outcome, Unknown)
    assert found.outcome.cause is Cause.NOT_MODELLED
    assert found.refs
    assert ingress(policy(ingress=[*rule, {}])).outcome == "allowed"
    assert ingress(policy(policyTypes=["Egress"], ingress=rule)).outcome == "allowed"


def test_a_policy_that_may_select_the_pod() -> None:
    """It leaves an admission certain only if it admits too, and a refusal certain only if it admits nothing."""
    maybe = {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["e"]}]}
    opens, shuts = policy("m", selector=maybe, ingress=[{}]), policy("m", selector=maybe)
    assert ingress(opens).outcome == "allowed"
    assert isinstance(ingress(shuts).outcome, Unknown)
    assert isinstance(ingress(opens, policy("n", selector=maybe)).outcome, Unknown)
    assert ingress(shuts, policy("deny")).outcome == "refused"
    assert isinstance(ingress(opens, policy("deny")).outcome, Unknown)
    assert ingress(shuts, policy("open", ingress=[{}])).outcome == "allowed"
    assert isinstance(PolicyIndex([opens]).isolated(ETCD, "ingress"), Unknown)
    strange = policy("s", policyTypes=["Sideways"], ingress=[])
    assert isinstance(ingress(strange).outcome, Unknown)


def test_policies_that_were_not_read_leave_only_admissions_certain() -> None:
    """An unread policy may isolate or admit: what is not certainly admitted is unknown."""
    assert ingress(incomplete=DENIED).outcome == DENIED
    assert ingress(policy(), incomplete=DENIED).outcome == DENIED
    assert ingress(policy(ingress=[{}]), incomplete=DENIED).outcome == "allowed"
    maybe = {"matchExpressions": [{"key": "app", "operator": "Like", "values": ["e"]}]}
    assert isinstance(ingress(policy(selector=maybe, ingress=[{}]), incomplete=DENIED).outcome, Unknown)


def test_part_admitted_and_the_rest_unknown_is_unknown() -> None:
    """Beside an unknown rule a partial admission is neither varying nor allowed for certain."""
    half = {"ipBlock": {"cidr": "10.0.1.0/25"}}
    assert isinstance(ingress(policy(ingress=from_(half, BOGUS))).outcome, Unknown)


@pytest.mark.parametrize("protocol", ["ICMP", "-1"])
def test_other_protocols_are_undefined(protocol: str) -> None:
    """Policies speak of TCP, UDP and SCTP only; where none selects the pod all protocols pass (rule 7.8)."""
    assert isinstance(ingress(policy(ingress=[{}]), protocol=protocol).outcome, Unknown)
    assert ingress(protocol=protocol).outcome == "allowed"
    assert ingress(policy(ingress=from_(ports=[{"port": 2379}])), protocol="tcp").outcome == "allowed"


# --- who is not enforced ---------------------------------------------------------------------


def test_nothing_enforces() -> None:
    """No enforcing data plane: allowed, and said so (7.10); not known whether: a refusal is unknown (rule 7.10)."""
    found = ingress(policy(), dialect=dialect_for("", enforced=False))
    assert found.outcome == "allowed"
    assert found.text.startswith("not enforced:")
    maybe = dialect_for("VPC CNI", enforced=DENIED)
    assert ingress(policy(), dialect=maybe).outcome == DENIED
    assert ingress(policy(ingress=[{}]), dialect=maybe).outcome == "allowed"
    windows = msgspec.structs.replace(ETCD, enforced=False)
    assert (
        ingress(policy(), subject=windows).text
        == "not enforced: Kubernetes enforces no NetworkPolicy where etcd-0 runs"
    )


def test_host_network_pods_and_nodes() -> None:
    """As subject not enforced; as peer undefined but for rules without peers and ipBlocks (rule 7.7)."""
    node = Peer(addresses=AddressSet.of("10.0.1.9"), host_network=True, name="node")
    agent = msgspec.structs.replace(node, namespace="dynamo", labels={"app": "worker"})
    shut, worker = policy(), policy(ingress=from_(pods(app="worker")))
    assert ingress(shut, subject=msgspec.structs.replace(ETCD, host_network=True)).outcome == "allowed"
    assert ingress(shut, subject=OUTSIDE).outcome == "allowed"
    assert ingress(shut, other=node).outcome == "refused"
    for other in (node, agent):
        assert isinstance(ingress(worker, other=other).outcome, Unknown)
        assert ingress(worker, other=other, dialect=VPC_CNI).outcome == "refused"
        assert ingress(policy(ingress=[{}]), other=other).outcome == "allowed"
        assert ingress(policy(ingress=from_({"ipBlock": {"cidr": "10.0.1.0/24"}})), other=other).outcome == "allowed"
    assert ingress(policy(ingress=from_(pods(app="nats"))), other=agent).outcome == "refused"


def test_the_own_node_is_always_let_in() -> None:
    """Traffic between a pod and its own node passes whatever policies say (rule 7.7)."""
    node = Peer(addresses=AddressSet.of("10.0.1.9"), host_network=True)
    assert ingress(policy(), other=node, same_node_host=True).outcome == "allowed"
    assert ingress(policy(), other=node).outcome == "refused"


# --- VPC CNI ----------------------------------------------------------------------------------


def egress_rule(*peers: Any, ports: Any = ()) -> NetworkPolicy:
    """A policy with one egress rule for all pods of the namespace."""
    rules = [{"to": list(peers), "ports": list(ports)}]
    return policy("out", selector={}, policyTypes=["Egress"], egress=rules)


def service(port: int = 2379, target: int | str | None = None, selector: Any = None, **more: Any) -> ServiceView:
    """The etcd Service, with one port."""
    return ServiceView(
        namespace=more.pop("namespace", "dynamo"),
        name="etcd",
        port=port,
        selector={"app": "etcd"} if selector is None else selector,
        cluster_ip=more.pop("cluster_ip", "172.20.0.7"),
        ports=(ServicePort(port, target_port=target),),
        **more,
    )


def egress(spec: NetworkPolicy, via: ServiceView | None, dialect: Dialect = VPC_CNI, port: int = 2379) -> Decision:
    """Decide egress from the worker to etcd, by a Service or directly."""
    other = msgspec.structs.replace(ETCD, addresses=AddressSet.of("10.0.3.3"))
    return PolicyIndex([spec], dialect).decide("egress", WORKER, other, port, "TCP", via_service=via)


@pytest.mark.parametrize(
    ("spec", "via", "expected"),
    [
        (egress_rule(pods(app="etcd")), service(), "allowed"),
        (egress_rule(pods(app="etcd"), ports=[{"port": 2379}]), service(), "allowed"),
        (egress_rule(pods(app="etcd"), ports=[{"port": "client"}]), service(target="client"), "allowed"),
        (egress_rule(pods(app="etcd"), ports=[{"port": 2379}]), service(target="client"), "allowed"),
        (egress_rule(pods(app="etcd"), ports=[{"port": 2379, "endPort": 2380}]), service(), "allowed"),
        (egress_rule(pods(app="etcd"), ports=[{"port": 2380}]), service(), "refused"),
        # The rule admits the pod, but the Service's own selector says less than the rule asks for.
        (egress_rule(pods(app="etcd")), service(selector={"component": "store"}), "refused"),
        (egress_rule({"ipBlock": {"cidr": "10.0.0.0/8"}}), service(), "refused"),
        (egress_rule({"ipBlock": {"cidr": "172.20.0.0/16"}}), service(), "allowed"),
        (egress_rule({"ipBlock": {"cidr": "10.0.0.0/8"}}), service(cluster_ip="None"), "allowed"),
        (egress_rule(), service(), "allowed"),
        (egress_rule(ports=[{"port": 2379}]), service(80, 2379), "refused"),
        (egress_rule({**TEAM, **pods(app="etcd")}), service(namespace_labels={"team": "ai"}), "allowed"),
        (egress_rule({**TEAM, **pods(app="etcd")}), service(), "refused"),
        (egress_rule(pods(app="etcd")), service(80, 2379), "allowed"),
    ],
)
def test_a_cluster_address_must_be_admitted_before_translation(
    spec: NetworkPolicy, via: ServiceView, expected: str
) -> None:
    """Under the VPC CNI the Service's selector and port decide on egress, elsewhere the pod's (rule 7.9)."""
    assert egress(spec, via).outcome == expected


def test_translation_is_nothing_to_other_plugins() -> None:
    """Where policies judge after translation, the Service does not matter; nor on a direct connection (rule 7.9)."""
    spec, via = egress_rule(pods(app="etcd")), service(selector={"component": "store"})
    assert egress(spec, via, BY_ADDRESS).outcome == "allowed"
    assert egress(spec, None).outcome == "allowed"


def test_ports_that_the_service_maps() -> None:
    """A service port unlike the container port is outside what the EKS guide supports: unknown, with the remedy (rule 7.9)."""
    found = egress(egress_rule(pods(app="etcd"), ports=[{"port": 2379}]), service(80, 2379)).outcome
    assert isinstance(found, Unknown)
    assert found.cause is Cause.NOT_MODELLED
    assert "port 80 to 2379" in found.detail
    assert found.remedy


def test_a_named_target_that_leads_past_the_rule_is_unknown() -> None:
    """A named targetPort that resolves to a port the rule does not hold: controllers differ (rule 7.9)."""
    spec = egress_rule(pods(app="etcd"), ports=[{"port": 2379}])
    via = msgspec.structs.replace(
        service(2379, "client"), ports=(ServicePort(2379, target_port=2379), ServicePort(9, target_port="client"))
    )
    assert isinstance(egress(spec, via, port=2380).outcome, Unknown)


def test_named_egress_ports_need_a_selector_under_the_vpc_cni() -> None:
    """Its controller drops named ports of egress rules by address; ingress rules resolve them on the pod (rule 7.4)."""
    named = [{"port": "client"}]
    for peers in ([], [{"ipBlock": {"cidr": "0.0.0.0/0"}}]):
        assert egress(egress_rule(*peers, ports=named), None).outcome == "refused"
        assert egress(egress_rule(*peers, ports=named), None, BY_ADDRESS).outcome == "allowed"
        assert ingress(policy(ingress=from_(*peers, ports=named)), dialect=VPC_CNI).outcome == "allowed"
    assert egress(egress_rule(pods(app="etcd"), ports=named), None).outcome == "allowed"


def test_more_ports_than_the_agent_holds_are_unknown() -> None:
    """More than 24 ports of a protocol in one rule: not promised; a refusal stays one (rule 7.9)."""
    many = [{"port": 2379 + i} for i in range(25)]
    assert ingress(policy(ingress=from_(ports=many)), dialect=VPC_CNI).outcome != "allowed"
    assert ingress(policy(ingress=from_(ports=many[:24])), dialect=VPC_CNI).outcome == "allowed"
    assert ingress(policy(ingress=from_(ports=many)), dialect=VPC_CNI, port=1).outcome == "refused"
    assert ingress(policy(ingress=from_(ports=many))).outcome == "allowed"


def test_pods_without_an_owner_are_promised_nothing() -> None:
    """The VPC CNI enforces for pods with ownerReferences: a refusal of another pod is unknown (rule 7.9)."""
    loner = msgspec.structs.replace(ETCD, owned=False)
    assert isinstance(ingress(policy(), subject=loner, dialect=VPC_CNI).outcome, Unknown)
    assert ingress(policy(ingress=[{}]), subject=loner, dialect=VPC_CNI).outcome == "allowed"
    assert ingress(policy(), subject=loner).outcome == "refused"


def test_a_pod_always_reaches_its_own_node() -> None:
    """Egress to the own node was refused; it is always allowed, or both readings are told (rule 7.7)."""
    node = Peer(addresses=AddressSet.of("10.0.1.1"), host_network=True)
    closed = policy(policyTypes=["Egress"])

    def ask(dialect: Dialect, **more: Any) -> Decision:
        return PolicyIndex([closed], dialect).decide("egress", ETCD, node, 80, "TCP", same_node_host=True, **more)

    assert ask(VPC_CNI).outcome == ask(KUBERNETES).outcome == "allowed"
    service = ServiceView("dynamo", "agent", 80, {}, {"app": "agent"}, "172.20.0.3", (ServicePort(80),))
    assert isinstance(ask(VPC_CNI, via_service=service).outcome, Unknown)
    for dialect in (CALICO, CILIUM):
        assert "always allowed" in ask(dialect).text
        assert isinstance(ask(dialect).outcome, Unknown)
    far = PolicyIndex([closed], VPC_CNI).decide("egress", ETCD, node, 80, "TCP")
    assert far.outcome == "refused"


def test_a_pod_reaches_itself() -> None:
    """A pod that dials its own address was refused by a deny of all; another pod of its workload is (rule 7.7)."""
    closed = policy(policyTypes=["Ingress", "Egress"])
    ways: tuple[Direction, ...] = ("ingress", "egress")
    service = ServiceView("dynamo", "etcd", 2379, {}, {"app": "etcd"}, "172.20.0.3", (ServicePort(2379),))
    for direction in ways:
        index = PolicyIndex([closed], VPC_CNI)
        assert index.decide(direction, ETCD, ETCD, 2379, "TCP", itself=True).outcome == "allowed"
        assert index.decide(direction, ETCD, ETCD, 2379, "TCP").outcome == "refused"
        hairpin = index.decide(direction, ETCD, ETCD, 2379, "TCP", itself=True, via_service=service)
        assert isinstance(hairpin.outcome, Unknown)


def test_named_ports_of_sidecars() -> None:
    """A sidecar's port was not seen; Kubernetes resolves its name, AWS's controller does not, of others it is open (rule 7.4)."""
    mesh = msgspec.structs.replace(ETCD, sidecar_ports=(ContainerPort(15090, "metrics"),))
    admit = policy(ingress=from_(pods(app="worker"), ports=[{"port": "metrics"}]))
    assert ingress(admit, subject=mesh, port=15090, dialect=KUBERNETES).outcome == "allowed"
    assert ingress(admit, subject=mesh, port=15090, dialect=VPC_CNI).outcome == "refused"
    found = ingress(admit, subject=mesh, port=15090, dialect=CALICO)
    assert isinstance(found.outcome, Unknown)
    assert "if it is: allowed; if it is not: refused" in found.text
    assert ingress(admit, subject=mesh, port=15091, dialect=CALICO).outcome == "refused"


def test_ports_of_all_policies_come_together_at_one_address() -> None:
    """26 ports of one block over two policies passed; the agent holds 24 per address, over all policies (rule 7.9)."""
    block = {"ipBlock": {"cidr": "10.0.1.0/24"}}
    halves = [[{"port": 2379 + i} for i in range(13)], [{"port": 2392 + i} for i in range(13)]]
    two = [policy(f"p{n}", ingress=from_(block, ports=half)) for n, half in enumerate(halves)]
    found = ingress(*two, dialect=VPC_CNI)
    assert isinstance(found.outcome, Unknown)
    assert "26 combinations" in found.text
    apart = [two[0], policy("b", ingress=from_({"ipBlock": {"cidr": "10.9.0.0/16"}}, ports=halves[1]))]
    assert ingress(*apart, dialect=VPC_CNI).outcome == "allowed"
    assert ingress(*two, dialect=VPC_CNI, port=1).outcome == "refused"
    # The same ports twice are one combination each.
    twice = [policy(f"p{n}", ingress=from_(block, ports=halves[0])) for n in range(2)]
    assert ingress(*twice, dialect=VPC_CNI).outcome == "allowed"


def test_an_exception_may_shadow_a_wider_block() -> None:
    """What one rule excepts and a wider block of another admits depends on the agent's version (rule 7.9)."""
    half = policy("a", ingress=from_({"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.0.1.0/24"]}}))
    wide = policy("b", ingress=[{}])
    found = ingress(half, wide, dialect=VPC_CNI)
    assert isinstance(found.outcome, Unknown)
    assert "spec.ingress[0] (all ports from 10.0.0.0/8 except 10.0.1.0/24)" in found.text
    assert ingress(half, wide, dialect=CALICO).outcome == "allowed"
    assert ingress(half, wide, other=ELSEWHERE, dialect=VPC_CNI).outcome == "allowed"
    chosen = policy("c", ingress=from_(pods(app="worker")))
    assert ingress(half, chosen, dialect=VPC_CNI).outcome == "allowed"


@pytest.mark.parametrize(
    ("other", "calico", "cilium"),
    [
        (WORKER, "allowed", "refused"),
        (OUTSIDE, "refused", "refused"),
        (Peer(addresses=AddressSet.of("10.0.1.9"), host_network=True), "allowed", "unknown"),
    ],
)
def test_blocks_of_calico_and_cilium(other: Peer, calico: str, cilium: str) -> None:
    """Calico compares addresses, pods' included; Cilium's CIDRs are for what it does not manage, nodes by a setting (rule 7.6)."""
    block = policy(ingress=from_({"ipBlock": {"cidr": "10.0.1.0/24"}}))
    answers = [ingress(block, other=other, dialect=dialect).outcome for dialect in (CALICO, CILIUM)]
    assert ["unknown" if isinstance(one, Unknown) else one for one in answers] == [calico, cilium]


def test_what_a_plugin_leaves_open_is_told_with_both_answers() -> None:
    """Where a block may or may not match pods both outcomes stand in the text; where they agree there is no doubt (rule 7.6)."""
    block = from_({"ipBlock": {"cidr": "10.0.1.0/24"}})
    found = ingress(policy(ingress=block), dialect=KUBERNETES)
    assert isinstance(found.outcome, Unknown)
    assert "by address: allowed; addresses outside the cluster only: refused" in found.outcome.detail
    assert found.outcome.detail in found.text
    wide = msgspec.structs.replace(WORKER, addresses=AddressSet.of("10.0.1.0/23"))
    assert "by address: varies" in ingress(policy(ingress=block), other=wide, dialect=KUBERNETES).text


def test_rules_of_the_other_family_are_nothing() -> None:
    """An IPv4 block never holds a pod of an IPv6 cluster, nor is it taken for one that is not known (rule 7.9)."""
    six = msgspec.structs.replace(WORKER, addresses=AddressSet.of("fd00::/64"))
    assert (
        ingress(policy(ingress=from_({"ipBlock": {"cidr": "0.0.0.0/0"}})), other=six, dialect=VPC_CNI).outcome
        == "refused"
    )
    assert (
        ingress(policy(ingress=from_({"ipBlock": {"cidr": "::/0"}})), other=six, dialect=VPC_CNI).outcome == "allowed"
    )


def test_strict_enforcing_mode_refuses_what_nothing_selects() -> None:
    """Any policy ends a pod's default deny, in both directions; what may select it leaves that open (rule 7.9)."""
    strict = msgspec.structs.replace(VPC_CNI, default_deny=True)
    assert ingress(dialect=strict).outcome == "refused"
    assert ingress(policy(policyTypes=["Egress"]), dialect=strict).outcome == "allowed"
    assert (
        ingress(policy(policyTypes=["Egress"], selector={"matchLabels": {"app": "x"}}), dialect=strict).outcome
        == "refused"
    )
    node = Peer(addresses=AddressSet.of("10.0.1.1"), host_network=True)
    assert isinstance(ingress(other=node, dialect=strict, same_node_host=True).outcome, Unknown)
    assert ingress(policy(), other=node, dialect=strict, same_node_host=True).outcome == "allowed"


# --- the index ----------------------------------------------------------------------------------


def test_order_of_policies_changes_nothing() -> None:
    """The same policies in another order give the same decision, text and evidence."""
    some = [policy(name, ingress=from_(pods(app=name))) for name in "abc"]
    some += [policy("z", ingress=from_(pods(app="worker"))), policy("y", ingress=from_(pods(app="worker")))]
    assert ingress(*some) == ingress(*reversed(some))
    assert ingress(*some).refs[0].key == "dynamo/y"


def test_peers_that_differ_only_by_name_share_a_decision_but_not_its_text() -> None:
    """Decisions are remembered per class; names are filled in for each question."""
    index = PolicyIndex([policy(), policy("half", ingress=from_({"ipBlock": {"cidr": "10.0.1.0/25"}}))], BY_ADDRESS)
    first, second = (msgspec.structs.replace(WORKER, name=name) for name in ("one {x}", "two"))
    one, two = (index.decide("ingress", ETCD, other, 2379, "TCP") for other in (first, second))
    assert one.outcome == two.outcome == "varies"
    assert "of one {x}" in one.text
    assert "of two" in two.text
    assert len(index._cores) == 1
