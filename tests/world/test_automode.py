from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.places import places
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.sourcenat import sources
from clusterproof.reach.trace import Layer, Outcome, Trace
from clusterproof.reach.vpc import VpcView
from clusterproof.reach.vpc import outside as sides
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.model import Attachment, GroupKind, Interface
from clusterproof.world.world import World
from tests.world.build import Raw, Tiny
from tests.world.pools import auto_mode, auto_node, auto_node_class, node_pool, unborn

AUTO = "eks.amazonaws.com"
PODS: Raw = {
    "podSubnetSelectorTerms": [{"tags": {"pods": "yes"}}],
    "podSecurityGroupSelectorTerms": [{"id": "sg-pods"}],
}


def cluster(tiny: Tiny | None = None, **node_class: Any) -> Tiny:
    """EKS Auto Mode with the pool ``general-purpose`` and one of its nodes, and two Deployments."""
    tiny = auto_node(tiny or auto_mode(**node_class), "n1")
    requirements = (
        f"{AUTO}/instance-category In c,m,r",
        f"{AUTO}/instance-generation Gt 4",
        "kubernetes.io/arch In amd64",
    )
    node_pool(tiny, "general-purpose", *requirements, group=AUTO)
    tiny.sg("sg-cluster", "all sg-cluster").sg("sg-pods", "tcp 80 sg-pods")
    return tiny.deployment("app/web").deployment("app/db")


def interfaces(world: World, name: str = "web") -> set[Interface]:
    """The interfaces that a Deployment's pods may have anywhere."""
    return {place.interface for place in places(world, world.by_id[f"deploy/app/{name}"]).places}


def connect(world: World, port: int = 80) -> list[Trace]:
    """From web to db, from every place to every place."""
    paths = Paths(world)
    client, server = world.by_id["deploy/app/web"], world.by_id["deploy/app/db"]
    return [
        paths.connect(End(here.interface, client), End(there.interface, server), port, "TCP")
        for here in places(world, client).places
        for there in places(world, server).places
    ]


def test_pool_is_modelled() -> None:
    """The pools are groups of their own kind, the network is modelled, and nothing else makes nodes (rule 9.1)."""
    world = cluster().world()
    assert world.groups["general-purpose"].kind is GroupKind.AUTO_MODE
    assert world.groups["general-purpose"].nodes == ("n1",)
    assert (world.plane.name, world.plane.modelled, world.plane.policies) == ("EKS Auto Mode", None, False)
    assert world.other_makers == ()
    assert world.unknown_templates == {}


def test_pools_that_were_not_read() -> None:
    """EKS Auto Mode without its NodePools: its next nodes are unknown, and the command is named (rule 9.1)."""
    world = cluster().drop(kinds.NODE_POOLS).world()
    assert any(
        "EKS Auto Mode" in item.detail and kinds.NODE_POOLS.command in item.remedy for item in world.other_makers
    )
    assert kinds.NODE_POOLS.command in world.unknown_templates["general-purpose"].remedy


def test_built_in_taint_and_labels() -> None:
    """The built-in pool ``system`` has its taint in its own template; labels are those of EKS Auto Mode (rule 9.1)."""
    tiny = node_pool(auto_mode().sg("sg-cluster"), "system", group=AUTO, taints=["CriticalAddonsOnly:NoSchedule"])
    tiny.deployment("app/web", {"nodeSelector": {"eks.amazonaws.com/compute-type": "auto"}})
    tiny.deployment("app/addon", {"tolerations": [{"key": "CriticalAddonsOnly", "operator": "Exists"}]})
    world = tiny.world()
    assert world.groups["system"].owner == "EKS"
    assert places(world, world.by_id["deploy/app/web"]).places == ()
    assert len(places(world, world.by_id["deploy/app/addon"]).places) == 2
    assert all(item.labels["eks.amazonaws.com/compute-type"] == "auto" for item in unborn(world))


def test_pods_share_the_node_interface() -> None:
    """Without terms for pods, they have the node's subnet and groups; every subnet of the NodeClass is possible."""
    world = cluster().world()
    found = interfaces(world)
    assert {item.subnet for item in found} == {"subnet-a", "subnet-b"}
    assert {item.security_groups for item in found} == {("sg-cluster",)}
    assert {item.attachment for item in found} == {Attachment.SECONDARY}
    assert {trace.outcome for trace in connect(world)} == {Outcome.WORKS}


def test_pods_in_subnets_of_their_own() -> None:
    """With terms for pods, born and new nodes alike give them those groups, and a subnet of the node's own zone (rule 11.4)."""
    tiny = cluster(**PODS)
    tiny.subnet("subnet-p", "us-east-1a", "10.0.8.0/24", pods="yes").subnet(
        "subnet-q", "us-east-1b", "10.0.9.0/24", pods="yes"
    )
    world = tiny.world()
    found = {(item.node_subnet, item.subnet, item.security_groups, item.attachment) for item in interfaces(world)}
    assert found == {
        ("subnet-a", "subnet-p", ("sg-pods",), Attachment.CUSTOM),
        ("subnet-b", "subnet-q", ("sg-pods",), Attachment.CUSTOM),
    }
    assert {trace.outcome for trace in connect(world)} == {Outcome.WORKS}
    assert {trace.outcome for trace in connect(world, 81)} == {Outcome.BLOCKED}


def test_host_network_stays_on_the_node() -> None:
    """A pod on the host network has the node's interface, whatever the NodeClass says of pods."""
    tiny = cluster(**PODS).deployment("app/host", {"hostNetwork": True})
    assert {item.security_groups for item in interfaces(tiny.world(), "host")} == {("sg-cluster",)}


def test_zone_without_a_subnet_for_pods() -> None:
    """Pods get no address on nodes of a zone in which no subnet for pods is."""
    tiny = cluster(**PODS).subnet("subnet-p", "us-east-1a", "10.0.8.0/24", pods="yes")
    broken = {item.subnet for item in interfaces(tiny.world()) if item.node_subnet == "subnet-b"}
    (unknown,) = broken
    assert isinstance(unknown, Unknown)
    assert unknown.cause is Cause.ERROR


@pytest.mark.parametrize("lacking", ["podSubnetSelectorTerms", "podSecurityGroupSelectorTerms"])
def test_half_of_the_pod_terms(lacking: str) -> None:
    """Subnets without groups, or groups without subnets, are not guessed."""
    half = {key: value for key, value in PODS.items() if key != lacking}
    assert all(isinstance(item.subnet, Unknown) for item in interfaces(cluster(**half).world()))


def test_node_class_that_was_not_read() -> None:
    """Without NodeClasses nothing is decided: neither interfaces nor the network."""
    tiny = cluster().drop(kinds.NODE_CLASSES)
    world = tiny.world()
    assert {trace.outcome for trace in connect(world)} == {Outcome.UNKNOWN}
    assert kinds.NODE_CLASSES.command in world.unknown_templates["general-purpose"].remedy


# --- policies -----------------------------------------------------------------------------

DENY = {"metadata": {"namespace": "app", "name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}


def switch(tiny: Tiny, value: str) -> Tiny:
    """The ConfigMap that switches the network policy controller."""
    raw = {
        "metadata": {"namespace": "kube-system", "name": "amazon-vpc-cni"},
        "data": {"enable-network-policy-controller": value},
    }
    return tiny.put(kinds.CONFIG_MAPS, raw)


@pytest.mark.parametrize(
    ("value", "outcome"), [("true", Outcome.BLOCKED), ("false", Outcome.WORKS), ("", Outcome.WORKS)]
)
def test_policies_by_the_config_map(value: str, outcome: Outcome) -> None:
    """NetworkPolicies are enforced where the ConfigMap says so, and only there."""
    world = switch(cluster(), value).put(kinds.NETWORK_POLICIES, DENY).world()
    assert {trace.outcome for trace in connect(world)} == {outcome}


def test_policies_without_the_config_map() -> None:
    """No ConfigMap: nothing enforces; ConfigMaps that were not read: unknown, with the command."""
    world = cluster().put(kinds.NETWORK_POLICIES, DENY).world()
    assert {trace.outcome for trace in connect(world)} == {Outcome.WORKS}
    world = cluster().put(kinds.NETWORK_POLICIES, DENY).drop(kinds.CONFIG_MAPS).world()
    assert {trace.outcome for trace in connect(world)} == {Outcome.UNKNOWN}
    assert isinstance(world.plane.policies, Unknown)
    assert "configmaps" in world.plane.policies.remedy


def test_default_deny_is_not_modelled() -> None:
    """A NodeClass that denies by default is not modelled: nothing passes."""
    assert {trace.outcome for trace in connect(cluster(networkPolicy="DefaultDeny").world())} == {Outcome.UNKNOWN}


# --- source NAT ---------------------------------------------------------------------------


def peered(**node_class: Any) -> Tiny:
    """The server is in a peered VPC that admits the pods' own range only."""
    tiny = cluster(**node_class, **PODS)
    tiny.subnet("subnet-p", "us-east-1a", "10.0.8.0/24", pods="yes").subnet(
        "subnet-q", "us-east-1b", "10.0.9.0/24", pods="yes"
    )
    return tiny


@pytest.mark.parametrize(("policy", "keeps"), [("Random", False), ("Disabled", True)])
def test_snat_policy(policy: str, keeps: bool) -> None:
    """The NodeClass says whether packets that leave the VPC keep the pod's address (rule 11.4)."""
    assert {item.keeps_address for item in interfaces(peered(snatPolicy=policy).world())} == {keeps}


def test_unknown_snat_policy() -> None:
    """A policy that is not known is unknown, not the default."""
    (found,) = {item.keeps_address for item in interfaces(peered(snatPolicy="Sometimes").world())}
    assert isinstance(found, Unknown)


def outside(tiny: Tiny) -> set[tuple[str, ...] | Unknown]:
    """Which groups are judged on the way to an address outside the VPC."""
    world = tiny.world()
    view = VpcView(world.snapshot)
    (server,) = sides(AddressSet.of("8.8.8.8/32"))
    return {
        source.client.security_groups
        for item in interfaces(world)
        for source in sources(view, world.plane, item, server)
    }


def test_snat_decides_whose_groups_are_judged() -> None:
    """With SNAT the node's groups are judged outside the VPC, without it the pods' own."""
    assert outside(peered(snatPolicy="Random")) == {("sg-cluster",)}
    assert outside(peered(snatPolicy="Disabled")) == {("sg-pods",)}


# --- beside the VPC CNI, and security groups for pods ------------------------------------------


def test_beside_the_vpc_cni() -> None:
    """Node groups with the VPC CNI and Auto Mode nodes in one cluster: each node gives its own interfaces."""
    tiny = Tiny().managed("ng", ["sg-node"])
    tiny.cni({"AWS_VPC_K8S_CNI_EXTERNALSNAT": "true"})
    tiny.objects["clusters"][0]["computeConfig"] = {"enabled": True}
    world = cluster(auto_node_class(tiny)).world()
    assert (world.plane.name, world.plane.modelled) == ("VPC CNI", None)
    assert {(item.security_groups, item.keeps_address) for item in interfaces(world)} == {
        (("sg-node",), None),
        (("sg-cluster",), False),
    }


def test_policies_that_differ_by_node() -> None:
    """Enforced by the VPC CNI's agent and not by Auto Mode: which of the two holds is unknown, never "none"."""
    tiny = Tiny().managed("ng", ["sg-node"]).cni(agent_args=["--enable-network-policy=true"])
    tiny.objects["clusters"][0]["computeConfig"] = {"enabled": True}
    assert isinstance(cluster(auto_node_class(tiny)).world().plane.policies, Unknown)


@pytest.mark.parametrize(("version", "counts"), [("1.33", False), ("1.36", True)])
def test_security_group_policies(version: str, counts: bool) -> None:
    """From 1.36 on a SecurityGroupPolicy's groups, alone, are those of the pod's own branch interface (rule 11.4)."""
    tiny = cluster()
    tiny.objects["clusters"][0]["version"] = version
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "securityGroups": {"groupIds": ["sg-own"]}}
    tiny.put(kinds.SECURITY_GROUP_POLICIES, {"metadata": {"namespace": "app", "name": "own"}, "spec": spec})
    world = tiny.world()
    for item in interfaces(world):
        assert (item.security_groups == ("sg-own",)) is counts
        assert (item.attachment is Attachment.BRANCH_STRICT) is counts
        # Whether what it sends out of the VPC keeps its address is not documented.
        assert isinstance(item.keeps_address, Unknown) is counts
    assert all(item.attachment is Attachment.SECONDARY for item in interfaces(world, "db"))


def test_security_group_policies_and_traffic_out_of_the_vpc() -> None:
    """Who sends what a pod with its own branch interface sends out of the VPC is unknown, and both readings are said (rule 11.4)."""
    tiny = cluster()
    tiny.objects["clusters"][0]["version"] = "1.36"
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "securityGroups": {"groupIds": ["sg-own"]}}
    tiny.put(kinds.SECURITY_GROUP_POLICIES, {"metadata": {"namespace": "app", "name": "own"}, "spec": spec})
    world = tiny.world()
    (there,) = sides(AddressSet.of("192.0.2.9/32"))
    for item in interfaces(world):
        (found,) = sources(VpcView(world.snapshot), world.plane, item, there)
        assert isinstance(found.client.security_groups, Unknown)
        assert "snatPolicy" in found.note
        assert "the pod's" in found.note


def test_security_group_policies_and_subnets_for_pods() -> None:
    """Where the NodeClass selects subnets for pods, the branch interface's subnet is not documented: unknown (rule 11.4)."""
    tiny = cluster(**PODS)
    tiny.subnet("subnet-p", "us-east-1a", "10.0.8.0/24", pods="yes")
    tiny.objects["clusters"][0]["version"] = "1.36"
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "securityGroups": {"groupIds": ["sg-own"]}}
    tiny.put(kinds.SECURITY_GROUP_POLICIES, {"metadata": {"namespace": "app", "name": "own"}, "spec": spec})
    found = interfaces(tiny.world())
    assert found
    for item in found:
        assert item.security_groups == ("sg-own",)
        assert isinstance(item.subnet, Unknown)
        assert "podSubnetSelectorTerms" in item.subnet.detail


def test_a_mesh_is_still_not_modelled() -> None:
    """An ambient mesh on EKS Auto Mode redirects traffic all the same."""
    assert cluster().controller("DaemonSet", "istio-system/ztunnel").world().plane.modelled is not None


def test_blocked_hop_names_the_groups() -> None:
    """The evidence leads to the NodeClass."""
    tiny = cluster(**PODS)
    tiny.subnet("subnet-p", "us-east-1a", "10.0.8.0/24", pods="yes").subnet(
        "subnet-q", "us-east-1b", "10.0.9.0/24", pods="yes"
    )
    found = interfaces(tiny.world())
    assert all(item.refs[0].kind == "nodeclasses" for item in found)
    trace = connect(tiny.world(), 81)[0]
    assert trace.first_blocking is not None
    assert trace.first_blocking.layer is Layer.GROUP_INGRESS
