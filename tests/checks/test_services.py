from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, reach, two_groups
from tests.world.build import Tiny, on

FRONT, BACK = "tcp 80 sg-front", "tcp 80 sg-back"


def served(*rules: str, client: str = "front", **service: Any) -> Tiny:
    """The client on front, the server on back behind a Service; DNS is on front and open to it."""
    tiny = two_groups(*rules, client=client, nodes=2).dns(on("front"))
    tiny.objects["security-groups"][0]["IpPermissions"] = [
        {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    ]
    return tiny.service("app/server", 80, {"app": "server"}, **service)


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("132 sg-front", Verdict.PASS),
        ("all sg-front", Verdict.PASS),
        ("tcp 80 sg-front", Verdict.FAIL),
    ],
)
def test_sctp(rule: str, verdict: Verdict) -> None:
    """Was an error inside the check: SCTP is protocol 132, of which a group admits all ports or none (rules 1.6, 7.5)."""
    number, group = rule.rsplit(" ", 1)
    tiny = two_groups(*(() if number == "132" else (rule,)), client="front", nodes=2)
    if number == "132":
        raw = {"IpProtocol": "132", "UserIdGroupPairs": [{"GroupId": group}]}
        tiny.objects["security-groups"][1]["IpPermissions"] = [raw]
    assert ask(tiny, reach(port="80/SCTP")).verdict is verdict


@pytest.mark.parametrize(("protocol", "verdict"), [("SCTP", Verdict.PASS), ("TCP", Verdict.FAIL)])
def test_policies_of_sctp(protocol: str, verdict: Verdict) -> None:
    """A policy that names SCTP admits it, and one that names TCP does not (rule 7.5)."""
    tiny = two_groups("all sg-front", client="front", nodes=2).cni(agent_args=["--enable-network-policy=true"])
    ingress = [{"ports": [{"port": 80, "protocol": protocol}]}]
    spec = {"podSelector": {"matchLabels": {"app": "server"}}, "ingress": ingress}
    tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": "app", "name": "p"}, "spec": spec})
    assert ask(tiny, reach(port="80/SCTP")).verdict is verdict


def test_a_headless_service_knows_no_local() -> None:
    """Was refused: internalTrafficPolicy is kube-proxy's, which leaves headless Services alone (rules 6.4, 6.7)."""
    tiny = served(FRONT, clusterIP="None", internalTrafficPolicy="Local")
    assert ask(tiny, reach(by="name")).verdict is Verdict.PASS
    assert ask(served(FRONT, internalTrafficPolicy="Local"), reach(by="name")).verdict is Verdict.FAIL


def test_local_and_two_daemon_sets() -> None:
    """Each node's clients are answered by the DaemonSet that is there, not refused by the other's absence (rule 6.4)."""
    tiny = two_groups(client="", nodes=2).remove(kinds.DEPLOYMENTS, "app/server")
    tiny.controller("DaemonSet", "app/one", on("front"), labels={"tier": "x"})
    tiny.controller("DaemonSet", "app/two", on("back"), labels={"tier": "x"})
    tiny.service("app/server", 80, {"tier": "x"}, internalTrafficPolicy="Local")
    asked = reach(server="ds/app/one", by="name")
    found = ask(tiny.dns({"hostNetwork": True}), asked)
    assert found.matrix is not None
    assert {(cell.client, cell.server) for cell in found.matrix.cells} == {("front", "front"), ("back", "back")}


def test_local_where_some_nodes_have_no_endpoint() -> None:
    """Was a plain fail: clients on the DaemonSet's nodes are answered, the others are not, so it depends (rule 6.4)."""
    tiny = two_groups(client="", nodes=2).remove(kinds.DEPLOYMENTS, "app/server")
    tiny.objects["security-groups"][0]["IpPermissions"] = [
        {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
    ]
    tiny.controller("DaemonSet", "app/server", on("front")).dns(on("front"))
    tiny.service("app/server", 80, {"app": "server"}, internalTrafficPolicy="Local")
    found = ask(tiny, reach(server="ds/app/server", by="name"))
    assert found.verdict is Verdict.DEPENDS
    assert found.matrix is not None
    assert {(cell.client, cell.server, cell.outcome.value) for cell in found.matrix.cells} == {
        ("front", "front", "works"),
        ("back", "front", "blocked"),
    }


def test_a_port_that_no_container_declares() -> None:
    """Whether anybody listens is not the network's: a port without a declaration is asked as any other (rule 6.11)."""
    tiny = two_groups("tcp 9123 sg-front", client="front", nodes=2)
    assert ask(tiny, reach(port="9123/TCP")).verdict is Verdict.PASS
    tiny = served("tcp 9123 sg-front", port_more={"targetPort": 9123})
    assert ask(tiny, reach(by="name")).verdict is Verdict.PASS


@pytest.mark.parametrize(("block", "verdict"), [("fd00:1::/56", Verdict.PASS), ("", Verdict.FAIL)])
def test_pods_of_an_ipv6_cluster_have_no_other_address(block: str, verdict: Verdict) -> None:
    """Pods have the cluster's one family: subnets without an IPv6 block reach nothing in an IPv6 cluster (rule 6.9)."""
    tiny = two_groups("all sg-front", client="front", nodes=2)
    tiny.objects["clusters"][0]["kubernetesNetworkConfig"] = {"ipFamily": "ipv6"}
    if block:
        tiny.objects["vpcs"][0]["Ipv6CidrBlockAssociationSet"] = [
            {"Ipv6CidrBlock": block, "Ipv6CidrBlockState": {"State": "associated"}}
        ]
        for number, raw in enumerate(tiny.objects["subnets"]):
            own = {"Ipv6CidrBlock": f"fd00:1:0:{number}::/64", "Ipv6CidrBlockState": {"State": "associated"}}
            raw["Ipv6CidrBlockAssociationSet"] = [own]
        tiny.objects["route-tables"][0]["Routes"].append(
            {"DestinationIpv6CidrBlock": block, "GatewayId": "local", "State": "active"}
        )
        tiny.objects["network-acls"][0]["Entries"] += [
            {"RuleNumber": 101, "RuleAction": "allow", "Egress": way, "Protocol": "-1", "Ipv6CidrBlock": "::/0"}
            for way in (False, True)
        ]
        for raw in tiny.objects["security-groups"]:
            raw["IpPermissionsEgress"] = [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]
    assert ask(tiny, reach()).verdict is verdict
