from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.places import Places, places
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.verdict.cells import pairs
from clusterproof.world.model import Attachment, GroupKind
from clusterproof.world.world import World
from tests.world.build import Raw, Tiny
from tests.world.pools import profile, unborn, wants

APP: Raw = {"namespace": "app"}
EC2: Raw = {"eks.amazonaws.com/compute-type": "ec2"}


def found(tiny: Tiny, spec: Raw | None = None, *, kind: str = "Deployment", **more: Any) -> Places:
    """Where a pod of this spec may run."""
    tiny.controller(kind, "app/web", spec, **more)
    world = tiny.world()
    return of(world, "ds" if kind == "DaemonSet" else "deploy")


def of(world: World, kind: str = "deploy", name: str = "web") -> Places:
    """Where a workload's pods may run."""
    return places(world, world.by_id[f"{kind}/app/{name}"])


def groups(answer: Places) -> list[str]:
    """The groups of the places, with a mark where it is in doubt."""
    return sorted({place.node_class.group + ("?" if place.doubt else "") for place in answer.places})


def cluster(*selectors: Raw, **more: Any) -> Tiny:
    """A managed group ``ng`` and a profile ``fp``."""
    return profile(Tiny().managed("ng", ["sg-node"]), "fp", *(selectors or (APP,)), **more)


def test_profile_is_a_group() -> None:
    """A profile is a node group with a node not yet born per subnet, and nothing else is unknown."""
    world = cluster(subnets=["subnet-a", "subnet-b"]).world()
    assert world.groups["fp"].kind is GroupKind.FARGATE
    assert [item.host.subnet for item in unborn(world, "fp")] == ["subnet-a", "subnet-b"]
    assert {item.host.security_groups for item in unborn(world, "fp")} == {("sg-cluster",)}
    assert world.unknown_templates == {}
    assert world.other_makers == ()


def test_pod_that_a_profile_takes_runs_there_only() -> None:
    """What matches runs on Fargate and nowhere else; what does not, never there (rule 9.1)."""
    assert groups(found(cluster())) == ["fp"]
    assert groups(found(cluster({"namespace": "other"}))) == ["ng"]


@pytest.mark.parametrize(
    ("selector", "takes"),
    [
        ({"namespace": "app"}, True),
        ({"namespace": "ap?"}, True),
        ({"namespace": "*"}, True),
        ({"namespace": "ap"}, False),
        ({"namespace": "app?"}, False),
        ({"namespace": "app", "labels": {"app": "web"}}, True),
        ({"namespace": "app", "labels": {"app": "w*"}}, True),
        ({"namespace": "app", "labels": {"a*": "web"}}, True),
        ({"namespace": "app", "labels": {"app": "web", "tier": "x"}}, False),
        ({"namespace": "app", "labels": {"app": "db"}}, False),
    ],
)
def test_selectors(selector: Raw, takes: bool) -> None:
    """A namespace and all labels must match; ``*`` and ``?`` are wildcards in each (rule 9.1)."""
    assert groups(found(cluster(selector))) == (["fp"] if takes else ["ng"])


def test_several_selectors_and_profiles() -> None:
    """Selectors are alternatives; of several profiles the first by name takes the pod, unless its label names one.

    (rule 9.1)
    """
    assert groups(found(cluster({"namespace": "other"}, APP))) == ["fp"]
    assert groups(found(profile(cluster(), "alpha", APP))) == ["alpha"]
    wanted = {"eks.amazonaws.com/fargate-profile": "fp"}
    assert groups(found(profile(cluster(), "alpha", APP), labels=wanted)) == ["fp"]


def test_daemon_sets_never_run_there() -> None:
    """A DaemonSet stays on the other nodes, whatever matches and whatever it tolerates (rule 9.1)."""
    spec = {"tolerations": [{"operator": "Exists"}]}
    assert groups(found(cluster(), spec, kind="DaemonSet")) == ["ng"]


def test_annotation_for_ec2() -> None:
    """A template that asks for EC2 is left alone."""
    tiny = cluster().deployment("app/web")
    tiny.objects["deployments"][0]["spec"]["template"]["metadata"]["annotations"] = EC2
    assert groups(of(tiny.world())) == ["ng"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"hostNetwork": True}, "HostNetwork"),
        ({"containers": [{"name": "x", "ports": [{"containerPort": 80, "hostPort": 80}]}]}, "HostPort"),
        ({"containers": [{"name": "x", "securityContext": {"privileged": True}}]}, "privileged"),
        (wants(gpu="1"), "nvidia.com/gpu"),
        (wants(cpu="17"), "cpu"),
        (wants(memory="120G"), "memory"),
        (wants(**{"ephemeral-storage": "200Gi"}), "ephemeral-storage"),
        ({"containers": [{"name": "x", "resources": {"limits": {"cpu": "17"}}}]}, "cpu"),
    ],
)
def test_what_fargate_cannot_run(spec: Raw, reason: str) -> None:
    """A pod that a profile takes and Fargate cannot run is scheduled nowhere, with the reason (rule 9.1)."""
    answer = found(cluster(), spec)
    assert answer.places == ()
    assert any(reason in refusal.feasibility.reason for refusal in answer.refused if refusal.node_class.fargate)


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {"kubernetes.io/os": "linux"}},
        {"volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]},
        {"schedulerName": "volcano"},
    ],
)
def test_what_is_not_certain(spec: Raw) -> None:
    """Whether Fargate runs such a pod is in doubt, not assumed (rule 9.1)."""
    assert groups(found(cluster(), spec)) == ["fp?"]


def test_size_that_fits() -> None:
    """The largest size that Fargate has (rule 9.1)."""
    assert groups(found(cluster(), wants(cpu="16", memory="119G"))) == ["fp"]


@pytest.mark.parametrize("status", ["DELETING", "CREATE_FAILED"])
def test_profile_that_goes(status: str) -> None:
    """A profile that is being deleted, or never was, takes no pod."""
    tiny = cluster(status=status)
    assert groups(found(tiny)) == ["ng"]
    assert not tiny.world().groups["fp"].can_grow


# --- nodes that exist -----------------------------------------------------------------------


def running(*, interface: bool = True, pods: bool = True) -> Tiny:
    """The profile has made a node for a pod of ``web``."""
    tiny = cluster().deployment("app/web").deployment("app/db")
    labels = {"eks.amazonaws.com/compute-type": "fargate", "topology.kubernetes.io/zone": "us-east-1a"}
    name = "fargate-ip-10-0-0-9.ec2.internal"
    spec = {
        "providerID": f"aws:///us-east-1a/0a1b2c/{name}",
        "taints": [{"key": "eks.amazonaws.com/compute-type", "value": "fargate", "effect": "NoSchedule"}],
    }
    status = {
        "allocatable": {"cpu": "2", "memory": "3Gi", "pods": "1"},
        "addresses": [{"type": "InternalIP", "address": "10.0.0.9"}],
    }
    tiny.put(kinds.NODES, {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": status})
    if pods:
        own = {"app": "web", "eks.amazonaws.com/fargate-profile": "fp"}
        tiny.pod("app/web-1", name, owner="ReplicaSet/web-abc", labels=own | {"pod-template-hash": "abc"})
    if interface:
        groups = [{"GroupId": "sg-cluster"}, {"GroupId": "sg-own"}]
        raw = {"NetworkInterfaceId": "eni-f", "SubnetId": "subnet-a", "PrivateIpAddress": "10.0.0.9", "Groups": groups}
        tiny.put(kinds.NETWORK_INTERFACES, raw)
    return tiny


def test_node_of_a_profile() -> None:
    """A Fargate node belongs to the profile that its pod names, and has the interface of its address."""
    world = running().world()
    assert world.groups["fp"].nodes == ("fargate-ip-10-0-0-9.ec2.internal",)
    (born,) = (item for item in world.classes if item.born and item.fargate)
    assert (born.host.security_groups, born.host.subnet) == (("sg-cluster", "sg-own"), "subnet-a")
    assert born.host.attachment is Attachment.FARGATE


def test_a_fargate_node_is_its_pods_own() -> None:
    """The node that exists is a place of its own pod; the next pod gets a new node."""
    world = running().world()
    assert {place.node_class.born for place in of(world).places} == {True, False}
    assert {place.node_class.born for place in of(world, name="db").places} == {False}


def test_interface_that_was_not_read() -> None:
    """Without the network interface, the profile's one subnet in the zone and the cluster security group."""
    (born,) = (item for item in running(interface=False).world().classes if item.born and item.fargate)
    assert (born.host.security_groups, born.host.subnet) == (("sg-cluster",), "subnet-a")


def test_pods_from_before_the_profile() -> None:
    """Pods that were made before the profile stay on their nodes: both are places."""
    tiny = cluster().deployment("app/web")
    labels = {"app": "web", "pod-template-hash": "abc"}
    tiny.pod("app/web-1", "ng-0", owner="ReplicaSet/web-abc", labels=labels)
    assert groups(of(tiny.world())) == ["fp", "ng"]


def test_nodes_whose_profile_is_not_known() -> None:
    """A Fargate node that no pod explains makes no other where all profiles were described, else nobody knows."""
    world = running(pods=False).world()
    assert world.groups["fargate"].nodes
    assert not world.groups["fargate"].can_grow
    assert world.unknown_templates == {}
    unknown = running(pods=False).drop(kinds.FARGATE_PROFILE_NAMES).world().unknown_templates["fargate"]
    assert isinstance(unknown, Unknown)


# --- reach ------------------------------------------------------------------------------------


def outcome(tiny: Tiny, client: str, server: str, port: int = 80) -> set[Outcome]:
    """From one Deployment to another, over all places."""
    world = tiny.world()
    paths = Paths(world)
    one, other = world.by_id[f"deploy/app/{client}"], world.by_id[f"deploy/app/{server}"]
    return {
        paths.connect(End(here.interface, one), End(there.interface, other), port, "TCP").outcome
        for here in places(world, one).places
        for there in places(world, other).places
    }


def reaching() -> Tiny:
    """``web`` on Fargate, ``db`` on EC2, whose group admits the cluster security group on port 80."""
    tiny = cluster({"namespace": "app", "labels": {"app": "web"}}).deployment("app/web").deployment("app/db")
    return tiny.sg("sg-cluster", "tcp 81 sg-node").sg("sg-node", "tcp 80 sg-cluster").sg("sg-own")


def test_cluster_security_group() -> None:
    """A Fargate pod is judged by the cluster security group, not by any node's (rule 4.3)."""
    assert outcome(reaching(), "web", "db") == {Outcome.WORKS}
    assert outcome(reaching(), "web", "db", 82) == {Outcome.BLOCKED}
    assert outcome(reaching(), "db", "web", 81) == {Outcome.WORKS}


def test_security_group_policy() -> None:
    """A SecurityGroupPolicy's groups replace the cluster security group, also without ENABLE_POD_ENI (rule 4.3)."""
    tiny = reaching()
    spec = {"podSelector": {"matchLabels": {"app": "web"}}, "securityGroups": {"groupIds": ["sg-own"]}}
    tiny.put(kinds.SECURITY_GROUP_POLICIES, {"metadata": {"namespace": "app", "name": "own"}, "spec": spec})
    assert outcome(tiny, "web", "db") == {Outcome.BLOCKED}
    assert outcome(reaching().drop(kinds.SECURITY_GROUP_POLICIES), "web", "db") == {Outcome.UNKNOWN}


def test_policies_are_not_enforced_there() -> None:
    """NetworkPolicies act on EC2 nodes only: a pod on Fargate is not protected, one on EC2 is."""
    deny = {"metadata": {"namespace": "app", "name": "deny"}, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    tiny = reaching().cni(agent_args=["--enable-network-policy=true"]).put(kinds.NETWORK_POLICIES, deny)
    assert outcome(tiny, "db", "web", 81) == {Outcome.WORKS}
    assert outcome(tiny, "web", "db") == {Outcome.BLOCKED}


def test_never_on_one_node() -> None:
    """Two pods never share a Fargate node, and affinity does not bring them together."""
    near = {"labelSelector": {"matchLabels": {"app": "db"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [near]}}
    tiny = cluster().deployment("app/web", {"affinity": affinity}).deployment("app/db")
    world = tiny.world()
    one, other = world.by_id["deploy/app/web"], world.by_id["deploy/app/db"]
    (pair,) = pairs(world, one, other, places(world, one).places, places(world, other).places)
    assert (pair.apart, pair.together) == (True, False)


# --- what was not read ------------------------------------------------------------------------


def test_profile_that_was_not_described() -> None:
    """A profile that a list names and nobody described may take any pod (rule 9.1)."""
    unknown = profile(Tiny(), "fp", described=False).world().unknown_templates["fp"]
    assert "describe-fargate-profile" in unknown.remedy


def test_list_that_was_not_read() -> None:
    """Without the list a profile may exist on EKS."""
    (unknown,) = Tiny().drop(kinds.FARGATE_PROFILE_NAMES).world().other_makers
    assert kinds.FARGATE_PROFILE_NAMES.command in unknown.remedy


def test_profile_of_a_node_group_name() -> None:
    """A profile and a node group may share a name; the profile still takes its pods."""
    tiny = profile(Tiny().managed("ng", ["sg-node"]), "ng", APP)
    assert groups(found(tiny)) == ["ng (Fargate profile)"]


def test_no_label_of_the_ebs_driver() -> None:
    """EBS volumes cannot be mounted on Fargate: its nodes lack the label that the EBS CSI driver gives (rule 4.4)."""
    key = "topology.ebs.csi.aws.com/zone"
    tiny = cluster()
    tiny.deployment("app/web", {"nodeSelector": {key: "us-east-1a"}})
    (item,) = unborn(tiny.world(), "fp")
    assert key not in item.labels
    assert key not in item.unknown_labels
    assert item.labels["topology.kubernetes.io/zone"] == "us-east-1a"
