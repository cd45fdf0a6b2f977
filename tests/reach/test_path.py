from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.places import places
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import End, Flow, at_address
from clusterproof.reach.path import Paths
from clusterproof.reach.segments import Segment
from clusterproof.reach.trace import Layer, Outcome, Trace
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.services import Backend
from clusterproof.world.world import World
from tests.world.build import Tiny, on


def cluster(*rules: str, env: dict[str, str] | None = None, **specs: dict[str, Any]) -> Tiny:
    """Client on front, server on back whose group has these rules."""
    tiny = Tiny().cni(env or {}).sg("sg-front").sg("sg-back", *rules).sg("sg-pod")
    tiny.managed("front", ["sg-front"]).managed("back", ["sg-back"], subnets=("subnet-b",))
    tiny.deployment("app/client", on("front") | specs.get("client", {}))
    return tiny.deployment("app/server", on("back") | specs.get("server", {}))


def end(world: World, name: str) -> End:
    """A workload at its first place."""
    workload = world.by_id[f"deploy/app/{name}"]
    return End(places(world, workload).places[0].interface, workload, name)


def connect(tiny: Tiny, *, same_node: bool = False, via: bool = False, port: int = 80) -> Trace:
    """The trace from client to server."""
    world = tiny.world()
    backend: Backend | None = None
    if via:
        service = world.services.get("app/server")
        assert service is not None
        backend = world.services.backend(service, service.spec.ports[0])
    return Paths(world).connect(
        end(world, "client"), end(world, "server"), port, "TCP", via=backend, same_node=same_node
    )


def test_every_layer_is_traced_in_order() -> None:
    """Policy, group, ACL, route and back again, also behind a layer that refuses."""
    trace = connect(cluster())
    assert trace.outcome is Outcome.BLOCKED
    layers = [hop.layer for hop in trace.hops]
    assert layers == sorted(layers, key=list(Layer).index)
    assert {
        Layer.POLICY_EGRESS,
        Layer.GROUP_EGRESS,
        Layer.GROUP_INGRESS,
        Layer.ROUTE_RETURN,
        Layer.ACL_RETURN_IN,
    } <= set(layers)


def test_one_node_crosses_no_interface() -> None:
    """Ordinary pods on one node meet no group, ACL or route; policies still judge them (rule 5.6)."""
    trace = connect(cluster(), same_node=True)
    assert trace.outcome is Outcome.WORKS
    assert [hop.layer for hop in trace.hops] == [Layer.POLICY_EGRESS, Layer.POLICY_INGRESS, Layer.NODE]


@pytest.mark.parametrize(("mode", "outcome"), [("strict", Outcome.BLOCKED), ("standard", Outcome.WORKS)])
def test_branch_interfaces_on_one_node(mode: str, outcome: Outcome) -> None:
    """In strict mode also one-node traffic crosses the branch interface; in standard mode it does not (rule 5.5)."""
    tiny = cluster(env={"ENABLE_POD_ENI": "true", "POD_SECURITY_GROUP_ENFORCING_MODE": mode})
    for raw in tiny.objects["nodes"]:
        raw["status"]["allocatable"]["vpc.amazonaws.com/pod-eni"] = "9"
    spec = {"podSelector": {"matchLabels": {"app": "server"}}, "securityGroups": {"groupIds": ["sg-pod"]}}
    tiny.put(kinds.SECURITY_GROUP_POLICIES, {"metadata": {"namespace": "app", "name": "p"}, "spec": spec})
    assert connect(tiny, same_node=True).outcome is outcome
    assert connect(tiny).outcome is Outcome.BLOCKED


def test_policies_that_select_pods_not_read_on_one_node() -> None:
    """Where a branch interface is possible, one node is no free pass (rule 5.5)."""
    tiny = cluster(env={"ENABLE_POD_ENI": "true"}).drop(kinds.SECURITY_GROUP_POLICIES)
    assert connect(tiny, same_node=True).outcome is Outcome.UNKNOWN


def test_unmodelled_network_is_unknown_but_for_hosts() -> None:
    """An overlay leaves pods unknown; two host-network pods are on the VPC all the same."""
    tiny = cluster("tcp 80 sg-front").remove(kinds.DAEMON_SETS, "kube-system/aws-node")
    assert connect(tiny.controller("DaemonSet", "kube-system/cilium")).outcome is Outcome.UNKNOWN
    host = {"hostNetwork": True}
    hosts = cluster("tcp 80 sg-front", client=host, server=host).remove(kinds.DAEMON_SETS, "kube-system/aws-node")
    assert connect(hosts.controller("DaemonSet", "kube-system/cilium")).outcome is Outcome.WORKS


def policy(**spec: Any) -> dict[str, Any]:
    """A NetworkPolicy over the server."""
    chosen = {"podSelector": {"matchLabels": {"app": "server"}}}
    return {"metadata": {"namespace": "app", "name": "p"}, "spec": chosen | spec}


@pytest.mark.parametrize(("enforced", "outcome"), [("true", Outcome.BLOCKED), ("false", Outcome.WORKS)])
def test_network_policies_count_where_enforced(enforced: str, outcome: Outcome) -> None:
    """A policy refuses only where something enforces it."""
    tiny = cluster("tcp 80 sg-front").put(kinds.NETWORK_POLICIES, policy(ingress=[], policyTypes=["Ingress"]))
    trace = connect(tiny.cni(agent_args=[f"--enable-network-policy={enforced}"]))
    assert trace.outcome is outcome
    if outcome is Outcome.BLOCKED:
        assert trace.first_blocking is not None
        assert trace.first_blocking.layer is Layer.POLICY_INGRESS


def test_policies_not_read() -> None:
    """Where policies are enforced and were not read, nothing passes."""
    tiny = cluster("tcp 80 sg-front").cni(agent_args=["--enable-network-policy=true"])
    assert connect(tiny.drop(kinds.NETWORK_POLICIES)).outcome is Outcome.UNKNOWN


def test_service_translates_before_the_groups() -> None:
    """Groups see the container's port, not the Service's (rule 6.1)."""
    tiny = cluster("tcp 8080 sg-front").service("app/server", 80, {"app": "server"}, port_more={"targetPort": 8080})
    trace = connect(tiny, via=True)
    assert trace.outcome is Outcome.WORKS
    assert trace.hops[0].layer is Layer.SERVICE
    assert "port 8080" in trace.hops[0].text


def test_unknown_groups_are_an_unknown_hop() -> None:
    """An instance that was not read leaves the groups' layers unknown with the cause."""
    trace = connect(cluster("tcp 80 sg-front").partly(kinds.SECURITY_GROUPS, Unknown(Cause.DENIED, "denied", "x")))
    assert trace.outcome is Outcome.WORKS
    tiny = cluster("tcp 80 sg-front")
    tiny.objects["instances"].clear()
    assert connect(tiny).outcome is Outcome.UNKNOWN


def test_answers_are_remembered_by_what_layers_read() -> None:
    """Two ends that no layer can tell apart share one trace."""
    world = cluster("tcp 80 sg-front").world()
    paths = Paths(world)
    one = paths.connect(end(world, "client"), end(world, "server"), 80, "TCP")
    assert paths.connect(end(world, "client"), end(world, "server"), 80, "TCP") is one


def test_an_address_is_an_end() -> None:
    """Of an end without interface the VPC and the policies read its addresses; a route must lead there."""
    tiny = cluster("tcp 80 198.51.100.0/24")
    world = tiny.world()
    server = end(world, "server")
    inside, outside = (
        Paths(world).connect(at_address(AddressSet.of(text)), server, 80, "TCP").hops
        for text in ("198.51.100.7", "203.0.113.7")
    )
    assert [hop.outcome for hop in inside if hop.layer is Layer.GROUP_INGRESS] == [Outcome.WORKS]
    assert [hop.outcome for hop in outside if hop.layer is Layer.GROUP_INGRESS] == [Outcome.BLOCKED]
    onwards = Paths(world).connect(server, at_address(AddressSet.of("203.0.113.7")), 80, "TCP")
    assert onwards.first_blocking is not None
    assert onwards.first_blocking.layer is Layer.ROUTE


@pytest.mark.parametrize(("source", "outcome"), [("203.0.113.7", Outcome.WORKS), ("198.51.100.7", Outcome.BLOCKED)])
def test_policies_read_the_addresses_of_an_address(source: str, outcome: Outcome) -> None:
    """An ipBlock admits an end that is an address by that address."""
    rule = {"from": [{"ipBlock": {"cidr": "203.0.113.0/24"}}]}
    tiny = cluster().put(kinds.NETWORK_POLICIES, policy(ingress=[rule], policyTypes=["Ingress"]))
    world = tiny.cni(agent_args=["--enable-network-policy=true"]).world()
    trace = Paths(world).connect(at_address(AddressSet.of(source)), end(world, "server"), 80, "TCP")
    assert [hop.outcome for hop in trace.hops if hop.layer is Layer.POLICY_INGRESS] == [outcome]


def test_a_segment_says_who_judges_it() -> None:
    """What a node hands on to its own pod meets the server's policies alone."""
    world = cluster().world()
    segment = Segment(end(world, "client"), end(world, "server"), Flow(80, "TCP"), egress=False, wire=False)
    assert [hop.layer for hop in Paths(world).judge(segment)] == [Layer.POLICY_INGRESS]
