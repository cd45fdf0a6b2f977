from __future__ import annotations

from typing import Any

import pytest

from clusterproof.profiles.model import Subject
from clusterproof.reach.trace import Hop, Layer, Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, reach
from tests.world.build import Tiny, on


def cluster(*dns_rules: str, client: dict[str, Any] | None = None, dns: dict[str, Any] | None = None) -> Tiny:
    """Client on front, server on back; port 80 is open, and ``sg-back`` (where DNS is) has these further rules."""
    tiny = Tiny().sg("sg-front").sg("sg-back", "tcp 80 sg-front", *dns_rules)
    tiny.managed("front", ["sg-front"], nodes=2).managed("back", ["sg-back"], nodes=2)
    tiny.deployment("app/client", on("front") | (client or {})).deployment("app/server", on("back"))
    return tiny.service("app/server", 80, {"app": "server"}).dns(on("back") if dns is None else dns)


def dns_hop(tiny: Tiny, by: str = "name") -> Hop | None:
    """The DNS hop of the requirement's one cell."""
    found = ask(tiny, reach(by=by))
    assert found.matrix is not None
    return next((hop for hop in found.matrix.cells[0].path if hop.layer is Layer.DNS), None)


def test_a_name_needs_both() -> None:
    """An open port does not pass by name where DNS is stopped; by address it does (rule 11.1)."""
    assert ask(cluster(), reach(by="name")).verdict is Verdict.FAIL
    assert ask(cluster(), reach(by="address")).verdict is Verdict.PASS
    assert ask(cluster("udp 53 sg-front"), reach(by="name")).verdict is Verdict.PASS
    assert dns_hop(cluster(), by="address") is None


def test_dns_that_varies() -> None:
    """Where DNS pods may also be on nodes that cannot be asked, the answer depends on which pod answers (rule 11.1)."""
    tiny = cluster(dns={})
    tiny.objects["security-groups"][0]["IpPermissions"] = [
        {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "UserIdGroupPairs": [{"GroupId": "sg-front"}]}
    ]
    hop = dns_hop(tiny)
    assert hop is not None
    assert hop.outcome is Outcome.VARIES
    assert ask(tiny, reach(by="name")).verdict is Verdict.DEPENDS


@pytest.mark.parametrize(
    ("client", "outcome", "word"),
    [
        ({"dnsPolicy": "ClusterFirst"}, Outcome.WORKS, "udp 53 reaches"),
        ({"dnsPolicy": "ClusterFirstWithHostNet", "hostNetwork": True}, Outcome.WORKS, "udp 53 reaches"),
        ({"dnsPolicy": "ClusterFirst", "hostNetwork": True}, Outcome.BLOCKED, "host network"),
        ({"dnsPolicy": "Default"}, Outcome.BLOCKED, "no Service name resolves"),
        ({"dnsPolicy": "None"}, Outcome.UNKNOWN, "its own resolver"),
    ],
)
def test_dns_policies(client: dict[str, Any], outcome: Outcome, word: str) -> None:
    """Each dnsPolicy says who is asked, and whether that one knows Services."""
    hop = dns_hop(cluster("udp 53 sg-front", client=client))
    assert hop is not None
    assert hop.outcome is outcome
    assert word in hop.text


def node_local(
    tiny: Tiny,
    *args: str,
    upstream: tuple[str, ...] = ("UDP", "TCP"),
    spec: dict[str, Any] | None = None,
    name: str = "kube-system/node-local-dns",
) -> Tiny:
    """NodeLocal DNSCache as its manifest has it, with these arguments, and its Service."""
    given = list(args or ("-localip", "169.254.20.10,172.20.0.9", "-conf", "/etc/Corefile", "-upstreamsvc", "up"))
    image = "registry.k8s.io/dns/k8s-dns-node-cache:1.25.0"
    container = {"name": "node-cache", "image": image, "args": given}
    body = {"hostNetwork": True, "tolerations": [{"operator": "Exists"}], "containers": [container], **(spec or {})}
    tiny.controller("DaemonSet", name, body)
    if upstream:
        tiny.service("kube-system/up", 53, {"k8s-app": "kube-dns"})
        ports = [{"name": one.lower(), "port": 53, "protocol": one, "targetPort": 53} for one in upstream]
        tiny.objects["services"][-1]["spec"]["ports"] = ports
    return tiny


UDP, TCP = "udp 53 sg-front", "tcp 53 sg-front"


@pytest.mark.parametrize(
    ("rules", "outcome", "word"),
    [
        ((UDP, TCP), Outcome.WORKS, "asks with the node's interface: tcp 53 reaches the DNS pods on back"),
        ((), Outcome.BLOCKED, "tcp 53 to the DNS pods on back"),
        ((UDP,), Outcome.UNKNOWN, "force_tcp"),
        ((TCP,), Outcome.UNKNOWN, "force_tcp"),
    ],
)
def test_node_local_cache_asks_with_the_nodes_interface(rules: tuple[str, ...], outcome: Outcome, word: str) -> None:
    """Was unknown always: the cache is on the node, its own leg has the node's groups, over UDP and TCP (rules 6.10, 11.1)."""
    hop = dns_hop(node_local(cluster(*rules)))
    assert hop is not None
    assert hop.outcome is outcome
    assert word in hop.text


@pytest.mark.parametrize(("mode", "outcome"), [("strict", Outcome.BLOCKED), ("standard", Outcome.WORKS)])
def test_node_local_cache_and_pods_with_groups_of_their_own(mode: str, outcome: Outcome) -> None:
    """The leg has the node's groups and not the pod's; pods in strict mode are not served (rules 5.5, 6.10)."""
    tiny = node_local(cluster(UDP, TCP, "tcp 80 sg-pod")).sg("sg-pod")
    tiny.cni({"ENABLE_POD_ENI": "true", "POD_SECURITY_GROUP_ENFORCING_MODE": mode})
    selector = {"podSelector": {"matchLabels": {"app": "client"}}, "securityGroups": {"groupIds": ["sg-pod"]}}
    metadata = {"namespace": "app", "name": "p"}
    tiny.put(kinds.SECURITY_GROUP_POLICIES, {"metadata": metadata, "spec": selector})
    for raw in tiny.objects["nodes"]:
        raw["status"]["allocatable"]["vpc.amazonaws.com/pod-eni"] = "9"
    hop = dns_hop(tiny)
    assert hop is not None
    assert hop.outcome is outcome


def test_node_local_cache_that_is_not_on_the_node() -> None:
    """On a node without the cache the cluster address is the DNS Service's, as without any cache (rule 6.10)."""
    hop = dns_hop(node_local(cluster(UDP), spec=on("back")))
    assert hop is not None
    assert (hop.outcome, hop.at) == (Outcome.WORKS, "DNS 172.20.0.9")
    own = "-localip", "169.254.20.10", "-upstreamsvc", "up"
    hop = dns_hop(node_local(cluster(UDP), *own, spec=on("back")))
    assert hop is not None
    assert hop.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("args", "upstream", "spec", "word"),
    [
        (("-conf", "x"), ("UDP", "TCP"), {}, "no -localip"),
        ((), (), {}, "Service kube-system/up that it asks does not exist"),
        ((), ("UDP",), {}, "does not publish 53 over both"),
        ((), ("UDP", "TCP"), {"hostNetwork": False}, "not on the host network"),
    ],
)
def test_node_local_cache_that_is_not_understood(
    args: tuple[str, ...], upstream: tuple[str, ...], spec: dict[str, Any], word: str
) -> None:
    """What cannot be read of the cache makes names unknown, and the DaemonSet is named (rule 6.10)."""
    hop = dns_hop(node_local(cluster(UDP, TCP), *args, upstream=upstream, spec=spec))
    assert hop is not None
    assert hop.unknown is not None
    assert word in hop.text
    assert "ds/kube-system/node-local-dns" in hop.text


def test_two_node_local_caches() -> None:
    """Which of two caches answers is not known (rule 6.10)."""
    hop = dns_hop(node_local(node_local(cluster(UDP, TCP)), name="dns/other", upstream=()))
    assert hop is not None
    assert hop.outcome is Outcome.UNKNOWN


def test_node_local_cache_that_takes_no_cluster_address() -> None:
    """Without the cluster address among its own, whether pods ask the cache is the kubelet's to say: both are told (rule 6.10)."""
    own = "-localip=169.254.20.10", "-upstreamsvc=up"
    hop = dns_hop(node_local(cluster(UDP, TCP), *own))
    assert hop is not None
    assert hop.outcome is Outcome.WORKS
    custom = node_local(cluster(), *own)
    custom.sg("sg-pod", "udp 53 sg-pod", "tcp 53 sg-pod")
    custom.cni({"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true"})
    config = {"metadata": {"name": "default"}, "spec": {"subnet": "subnet-a", "securityGroups": ["sg-pod"]}}
    hop = dns_hop(custom.put(kinds.ENI_CONFIGS, config))
    assert hop is not None
    assert hop.outcome is Outcome.UNKNOWN


def test_policies_that_may_not_admit_the_cache() -> None:
    """An egress policy that does not surely admit the DNS pods leaves the cache unknown, not open (rule 6.10)."""
    tiny = node_local(cluster(UDP, TCP)).cni(agent_args=["--enable-network-policy=true"])
    spec = {"podSelector": {"matchLabels": {"app": "client"}}, "policyTypes": ["Egress"], "egress": []}
    tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": "app", "name": "p"}, "spec": spec})
    hop = dns_hop(tiny)
    assert hop is not None
    assert hop.outcome is Outcome.UNKNOWN
    assert "NetworkPolicy" in hop.text or "app/p" in hop.text


def over_tcp(tiny: Tiny) -> Tiny:
    """The DNS Service publishes TCP too, as EKS's does."""
    service = next(raw for raw in tiny.objects["services"] if raw["metadata"]["name"] == "kube-dns")
    service["spec"]["ports"].append({"name": "tcp", "port": 53, "protocol": "TCP", "targetPort": 53})
    return tiny


def test_one_address_needs_no_tcp() -> None:
    """Closed TCP 53 was not seen at all: for one cluster address it is told, and the name resolves (rule 11.1)."""
    hop = dns_hop(over_tcp(cluster(UDP)))
    assert hop is not None
    assert hop.outcome is Outcome.WORKS
    assert "tcp 53 to the DNS pods on back" in hop.text
    assert ask(over_tcp(cluster(UDP)), reach(by="name")).verdict is Verdict.PASS
    hop = dns_hop(over_tcp(cluster(UDP, TCP)))
    assert hop is not None
    assert hop.text == "udp 53 reaches the DNS pods on back"


@pytest.mark.parametrize(
    ("replicas", "rules", "verdict"),
    [
        (3, (UDP,), Verdict.PASS),
        (40, (UDP,), Verdict.DEPENDS),
        (40, (UDP, TCP), Verdict.PASS),
        (40, (TCP,), Verdict.FAIL),
    ],
)
def test_a_name_of_many_addresses_needs_tcp(replicas: int, rules: tuple[str, ...], verdict: Verdict) -> None:
    """A headless name of many pods does not fit into 512 bytes and comes over TCP (rule 11.1)."""
    tiny = over_tcp(cluster(*rules)).remove(kinds.SERVICES, "app/server")
    tiny.service("app/server", 80, {"app": "server"}, clusterIP="None")
    server = next(raw for raw in tiny.objects["deployments"] if raw["metadata"]["name"] == "server")
    server["spec"]["replicas"] = replicas
    assert ask(tiny, reach(by="name")).verdict is verdict


def test_a_node_knows_no_service() -> None:
    """Hosts dial addresses; by name they reach nothing."""
    found = ask(cluster("udp 53 sg-front"), reach(Subject(hosts="all"), by="name"))
    assert found.verdict is Verdict.FAIL


def test_dns_service_that_was_not_found() -> None:
    """Without the Service the leg is unknown; another Service of the label stands for it."""
    tiny = cluster("udp 53 sg-front").remove(kinds.SERVICES, "kube-system/kube-dns")
    hop = dns_hop(tiny)
    assert hop is not None
    assert hop.outcome is Outcome.UNKNOWN
    ports = {"name": "dns", "protocol": "UDP"}
    labels = {"k8s-app": "kube-dns"}
    hop = dns_hop(tiny.service("kube-system/rke2", 53, labels, port_more=ports, labels=labels))
    assert hop is not None
    assert hop.outcome is Outcome.WORKS


@pytest.mark.parametrize("kind", [kinds.PODS, kinds.DEPLOYMENTS])
def test_dns_pods_that_were_not_read(kind: kinds.Kind[Any]) -> None:
    """No DNS pod seen is a failure only if pods were read."""
    tiny = cluster("udp 53 sg-front").remove(kinds.DEPLOYMENTS, "kube-system/coredns")
    hop = dns_hop(tiny)
    assert hop is not None
    assert hop.outcome is Outcome.BLOCKED
    hop = dns_hop(tiny.partly(kind, Unknown(Cause.DENIED, "denied", f"needs {kind.permission}")))
    assert hop is not None
    assert hop.unknown is not None
    assert kind.permission in hop.unknown.remedy


def test_dns_pods_on_nodes_that_were_not_read() -> None:
    """A group of unknown template may hold DNS pods though client and server cannot be there: not a pass."""
    tiny = cluster("udp 53 sg-front").put(kinds.NODEGROUP_NAMES, {"name": "late"})
    assert ask(tiny, reach(by="name")).verdict is Verdict.UNKNOWN
