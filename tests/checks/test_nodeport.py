from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.paths import why
from clusterproof.placement.places import places
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.service import NodeDoor
from clusterproof.reach.trace import Layer, Outcome, Trace
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import CLIENT, SERVER, ask, reach
from tests.world.build import Tiny, on

NODE_PORT, TARGET = 30080, 8080
ALL = "all 0.0.0.0/0"


def cluster(
    *back: str,
    middle: tuple[str, ...] = (ALL,),
    policy: str = "Cluster",
    client: dict[str, Any] | None = None,
    **spec: Any,
) -> Tiny:
    """Client on front, server on back, a third group middle; a NodePort Service 80 -> 8080 at 30080."""
    tiny = Tiny().sg("sg-front", ALL).sg("sg-back", *back).sg("sg-middle", *middle)
    for name in ("front", "back", "middle"):
        tiny.managed(name, [f"sg-{name}"], nodes=2)
    tiny.deployment("app/client", on("front") | (client or {})).deployment("app/server", on("back"))
    port = {"targetPort": TARGET, "nodePort": NODE_PORT}
    more = {"type": "NodePort", "externalTrafficPolicy": policy, "port_more": port} | spec
    return tiny.service("app/server", 80, {"app": "server"}, **more)


def through(
    tiny: Tiny, node: str, *, with_client: bool = False, with_server: bool = False, balancer: str = ""
) -> Trace:
    """The trace from client to server through a node of a group."""
    world = tiny.world()
    client, server = (world.by_id[name] for name in (CLIENT, SERVER))
    here, there = (End(places(world, one).places[0].interface, one, one.id) for one in (client, server))
    service = world.services.get("app/server")
    assert service is not None
    backend = world.services.backend(service, service.spec.ports[0])
    door = NodeDoor(
        backend,
        End(next(item.host for item in world.classes if item.group == node), None, f"a node of {node}"),
        with_client,
        with_server,
        balancer,
    )
    return Paths(world).connect(here, there, 80, "TCP", via=door, same_node=with_client and with_server)


NODE_IN, POD_IN = f"tcp {NODE_PORT} sg-front", f"tcp {TARGET} sg-middle"


@pytest.mark.parametrize(
    ("policy", "node", "roles", "back", "middle", "outcome"),
    [
        # Another node: its group admits the node port, the pod's group the node.
        ("Cluster", "middle", (False, False), (POD_IN,), (NODE_IN,), Outcome.WORKS),
        ("Cluster", "middle", (False, False), (POD_IN,), (), Outcome.BLOCKED),
        ("Cluster", "middle", (False, False), (f"tcp {TARGET} sg-front",), (NODE_IN,), Outcome.BLOCKED),
        # The server's node: the node port alone.
        ("Cluster", "back", (False, True), (NODE_IN,), (), Outcome.WORKS),
        ("Cluster", "back", (False, True), (f"tcp {TARGET} sg-front",), (), Outcome.BLOCKED),
        # The client's own node: the second stretch alone.
        ("Cluster", "front", (True, False), (f"tcp {TARGET} sg-front",), (), Outcome.WORKS),
        ("Cluster", "front", (True, False), (), (), Outcome.BLOCKED),
        # One node for all three.
        ("Cluster", "back", (True, True), (), (), Outcome.WORKS),
        ("Local", "back", (False, True), (NODE_IN,), (), Outcome.WORKS),
        ("Local", "back", (False, True), (f"tcp {TARGET} sg-front",), (), Outcome.BLOCKED),
        ("Local", "middle", (False, False), (ALL,), (ALL,), Outcome.BLOCKED),
        ("Local", "front", (True, False), (ALL,), (), Outcome.UNKNOWN),
        ("Local", "back", (True, True), (), (), Outcome.WORKS),
    ],
)
def test_which_node_is_dialled(
    policy: str, node: str, roles: tuple[bool, bool], back: tuple[str, ...], middle: tuple[str, ...], outcome: Outcome
) -> None:
    """Two stretches under Cluster, the node's source on the second; the node's own endpoints under Local (rules 6.5, 6.6)."""
    tiny = cluster(*back, middle=middle, policy=policy)
    assert through(tiny, node, with_client=roles[0], with_server=roles[1]).outcome is outcome


@pytest.mark.parametrize(("policy", "outcome"), [("Cluster", Outcome.BLOCKED), ("Local", Outcome.WORKS)])
def test_policies_see_the_source_that_the_node_leaves(policy: str, outcome: Outcome) -> None:
    """The server's ingress policy admits the client: under Local it sees it, under Cluster another node (rules 6.5, 6.6)."""
    tiny = cluster(ALL, policy=policy).cni(agent_args=["--enable-network-policy=true"])
    admit = {"ingress": [{"from": [{"podSelector": {"matchLabels": {"app": "client"}}}]}]}
    spec = {"podSelector": {"matchLabels": {"app": "server"}}, **admit}
    tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": "app", "name": "p"}, "spec": spec})
    node = "middle" if policy == "Cluster" else "back"
    trace = through(tiny, node, with_server=policy == "Local")
    assert trace.outcome is outcome
    assert sum(hop.layer is Layer.POLICY_EGRESS for hop in trace.hops) == 1


@pytest.mark.parametrize(("namespace", "outcome"), [("app", Outcome.UNKNOWN), ("other", Outcome.WORKS)])
def test_what_policies_of_other_plugins_see(namespace: str, outcome: Outcome) -> None:
    """Whether they see addresses before or after a node translates is not defined: unknown where any stands (rule 6.6)."""
    tiny = cluster(ALL).controller("DaemonSet", "kube-system/calico-node")
    spec: dict[str, Any] = {"podSelector": {}, "ingress": [{}], "egress": [{}]}
    tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": namespace, "name": "p"}, "spec": spec})
    assert through(tiny, "middle").outcome is outcome


def test_the_host_network_of_the_node_that_is_dialled() -> None:
    """What a node sends to its own node port goes to any endpoint, under Local too (rule 6.5)."""
    tiny = cluster(f"tcp {TARGET} sg-front", policy="Local", client={"hostNetwork": True})
    assert through(tiny, "front", with_client=True).outcome is Outcome.WORKS


def test_strict_pods_behind_local() -> None:
    """AWS does not support Local for pods with groups of their own in strict mode: unknown, not a pass (rules 5.5, 6.5)."""
    tiny = cluster(ALL, policy="Local").sg("sg-pod", ALL).cni({"ENABLE_POD_ENI": "true"})
    groups = {"podSelector": {"matchLabels": {"app": "server"}}, "securityGroups": {"groupIds": ["sg-pod"]}}
    metadata = {"namespace": "app", "name": "p"}
    tiny.put(kinds.SECURITY_GROUP_POLICIES, {"metadata": metadata, "spec": groups})
    for raw in tiny.objects["nodes"]:
        raw["status"]["allocatable"]["vpc.amazonaws.com/pod-eni"] = "9"
    assert through(tiny, "back", with_server=True).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("policy", "back", "middle", "verdict"),
    [
        ("Cluster", (ALL,), (ALL,), Verdict.PASS),
        ("Cluster", (ALL,), (), Verdict.DEPENDS),
        ("Cluster", (), (), Verdict.FAIL),
        ("Local", (ALL,), (ALL,), Verdict.DEPENDS),
    ],
)
def test_any_node_may_be_dialled(policy: str, back: tuple[str, ...], middle: tuple[str, ...], verdict: Verdict) -> None:
    """The verdict is over all nodes: one that refuses, or has no endpoint under Local, makes it depend (rules 6.5, 6.6)."""
    assert ask(cluster(*back, middle=middle, policy=policy), reach(by="node-port")).verdict is verdict


def test_a_daemon_set_is_on_every_node_that_is_dialled() -> None:
    """Under Local a DaemonSet on every node leaves none without an endpoint (rule 6.5)."""
    tiny = cluster(ALL, policy="Local").remove(kinds.DEPLOYMENTS, "app/server").controller("DaemonSet", "app/server")
    assert ask(tiny, reach(server="ds/app/server", by="node-port")).verdict is Verdict.PASS


def test_why_by_the_number_of_the_node_port() -> None:
    """``why A svc/ns/name:30080`` asks by the node port (rule 6.6)."""
    answer = why(cluster(ALL).snapshot(), CLIENT, f"svc/app/server:{NODE_PORT}")
    assert (answer.verdict, answer.destination) == (Verdict.PASS, f"node port {NODE_PORT} of svc/app/server")


def test_without_a_node_port() -> None:
    """A Service of another type has none, which is known; where Services were not read it is not."""
    plain = cluster(ALL, type="ClusterIP")
    assert ask(plain, reach(by="node-port")).verdict is Verdict.FAIL
    assert ask(cluster(ALL), reach(by="node-port", port="81/TCP")).verdict is Verdict.UNKNOWN
    unread = ask(cluster(ALL).drop(kinds.SERVICES), reach(by="node-port"))
    assert unread.verdict is Verdict.UNKNOWN
    assert ask(cluster(ALL, port_more={}), reach(by="node-port")).verdict is Verdict.FAIL


def test_windows_nodes_that_are_dialled() -> None:
    """A Windows node among those that may be dialled is not modelled."""
    tiny = cluster(ALL)
    tiny.managed(
        "win", ["sg-middle"], nodes=2, labels={"kubernetes.io/os": "windows"}, taints=("os=windows:NoSchedule",)
    )
    assert ask(tiny, reach(by="node-port")).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("ingress", "verdict", "word"),
    [
        ([], Verdict.UNKNOWN, "has no address yet"),
        ([{"hostname": "x.elb.amazonaws.com"}], Verdict.UNKNOWN, "x.elb.amazonaws.com leave the cluster"),
        ([{"ip": "10.9.0.1", "ipMode": "Proxy"}], Verdict.UNKNOWN, "10.9.0.1 leave the cluster"),
        ([{"ip": "10.9.0.1", "ipMode": "VIP"}], Verdict.PASS, ""),
        ([{"ip": "10.9.0.1"}], Verdict.PASS, ""),
    ],
)
def test_load_balancers_from_inside(ingress: list[dict[str, str]], verdict: Verdict, word: str) -> None:
    """kube-proxy takes connections to a balancer's address on the client's node; others go to the balancer (rule 6.6)."""
    tiny = cluster(f"tcp {TARGET} sg-front", type="LoadBalancer")
    tiny.objects["services"][-1]["status"] = {"loadBalancer": {"ingress": ingress}}
    found = ask(tiny, reach(by="load-balancer"))
    assert found.verdict is verdict
    assert word in " ".join(unknown.detail for unknown in found.unknowns)


def test_a_service_without_a_load_balancer() -> None:
    """By the load balancer of a Service that has none nothing is reached for certain."""
    assert ask(cluster(ALL), reach(by="load-balancer")).verdict is Verdict.FAIL


@pytest.mark.parametrize("policy", ["Cluster", "Local"])
def test_cluster_addresses_ignore_the_external_policy(policy: str) -> None:
    """Inside the cluster only internalTrafficPolicy counts for the cluster address (rules 6.4, 6.5)."""
    tiny = cluster(f"tcp {TARGET} sg-front", policy=policy).dns(on("front"))
    assert ask(tiny, reach(by="name")).verdict is Verdict.PASS
