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
    """An open port does not pass by name where DNS is stopped; by address it does."""
    assert ask(cluster(), reach(by="name")).verdict is Verdict.FAIL
    assert ask(cluster(), reach(by="address")).verdict is Verdict.PASS
    assert ask(cluster("udp 53 sg-front"), reach(by="name")).verdict is Verdict.PASS
    assert dns_hop(cluster(), by="address") is None


def test_dns_that_varies() -> None:
    """Where DNS pods may also be on nodes that cannot be asked, the answer depends on which pod answers."""
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


def test_node_local_cache_is_not_modelled() -> None:
    """NodeLocal DNSCache has a leg of its own."""
    hop = dns_hop(cluster("udp 53 sg-front").controller("DaemonSet", "kube-system/node-local-dns"))
    assert hop is not None
    assert hop.unknown is not None
    assert hop.unknown.cause is Cause.NOT_MODELLED


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
