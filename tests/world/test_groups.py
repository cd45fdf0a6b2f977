from __future__ import annotations

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.groups import owner_of
from clusterproof.world.model import GroupKind
from tests.world.build import CLUSTER, Tiny

LT = {"LaunchTemplate": {"LaunchTemplateId": "lt-x", "Version": "1"}}


def test_managed_group_with_its_nodes() -> None:
    """A managed group knows its nodes by their label and its size from its description."""
    group = Tiny().managed("gpu", ["sg-gpu"], nodes=2, size=(0, 2, 5)).world().groups["gpu"]
    assert (group.kind, group.nodes, group.size) == (GroupKind.EKS_MANAGED, ("gpu-0", "gpu-1"), (0, 2, 5))
    assert group.can_grow
    assert group.owner == "EKS"


def test_a_group_at_its_largest_is_full() -> None:
    """With as many nodes as it may have; not where its size was not read."""
    assert Tiny().managed("gpu", ["sg-gpu"], nodes=2, size=(2, 2, 2)).world().groups["gpu"].full
    assert not Tiny().managed("gpu", ["sg-gpu"], nodes=2, size=(0, 2, 5)).world().groups["gpu"].full
    unread = Tiny()
    unread.node("n1", labels={"eks.amazonaws.com/nodegroup": "late"})
    assert not unread.world().groups["late"].full


@pytest.mark.parametrize("source", ["name", "tag", "label"])
def test_managed_group_that_was_not_described(source: str) -> None:
    """A group known by list-nodegroups, by its Auto Scaling group's tag or by a node's label has an unknown template."""
    tiny = Tiny()
    if source == "name":
        tiny.put(kinds.NODEGROUP_NAMES, {"name": "late"})
    elif source == "tag":
        tiny.asg("eks-late-1", LT, tags={"eks:cluster-name": CLUSTER, "eks:nodegroup-name": "late"})
    else:
        tiny.node("n1", labels={"eks.amazonaws.com/nodegroup": "late"})
    world = tiny.world()
    assert set(world.groups) == {"late"}
    assert "describe-nodegroup" in world.unknown_templates["late"].remedy
    assert world.groups["late"].can_grow


def test_tags_of_another_cluster_name_no_group() -> None:
    """Managed and self-managed groups of other clusters in the account are not this one's."""
    tiny = Tiny()
    tiny.asg("eks-other", LT, tags={"eks:cluster-name": "other", "eks:nodegroup-name": "theirs"})
    tiny.asg("theirs-too", LT, tags={"kubernetes.io/cluster/other": "owned"})
    tiny.asg("no-cluster", LT, tags={"Name": "web servers"})
    assert not tiny.world().groups


def test_self_managed_group_by_its_instances() -> None:
    """An Auto Scaling group that made a node of the cluster is one of its groups, whatever its tags."""
    tiny = Tiny()
    instance = tiny.node("n1")
    tiny.launch_template("lt-x", {"SecurityGroupIds": ["sg-node"], "InstanceType": "m5.xlarge"})
    tiny.asg("mine", LT, instances=[instance], tags={}, size=(1, 1, 4))
    group = tiny.world().groups["mine"]
    assert (group.kind, group.nodes, group.size) == (GroupKind.AUTO_SCALING, ("n1",), (1, 1, 4))


@pytest.mark.parametrize(
    "tags",
    [
        {f"kubernetes.io/cluster/{CLUSTER}": "owned"},
        {f"k8s.io/cluster-autoscaler/{CLUSTER}": "owned"},
        {
            "k8s.io/cluster-autoscaler/autoscaling-options/scaledownunneededtime": "1m",
            "k8s.io/cluster-autoscaler/enabled": "true",
            "k8s.io/cluster-autoscaler/node-template/label/role": "gpu",
            f"kubernetes.io/cluster/{CLUSTER}": "owned",
        },
        {"kubernetes.io/cluster/another": "shared", f"kubernetes.io/cluster/{CLUSTER}": "shared"},
    ],
)
def test_self_managed_group_at_zero_by_its_tags(tags: dict[str, str]) -> None:
    """A group without nodes belongs to the cluster that any of its tags names; autoscaler settings hide nothing."""
    tiny = Tiny().launch_template("lt-x", {"SecurityGroupIds": ["sg-node"]})
    assert set(tiny.asg("zero", LT, tags=tags).world().groups) == {"zero"}


def test_group_of_size_zero_cannot_grow() -> None:
    """A group whose maximum is 0 makes no node."""
    tiny = Tiny().managed("off", ["sg-x"], nodes=0, size=(0, 0, 0))
    world = tiny.world()
    assert not world.groups["off"].can_grow
    assert not world.classes


def test_plain_nodes_by_label() -> None:
    """Nodes that nothing read has made are told apart by the first grouping label that they carry."""
    tiny = Tiny()
    tiny.node("a1", labels={"alpha.eksctl.io/nodegroup-name": "ng"})
    tiny.node("b1", instance_type="c5.large")
    groups = tiny.world().groups
    assert {name: group.nodes for name, group in groups.items()} == {"ng": ("a1",), "c5.large": ("b1",)}
    assert all(group.kind is GroupKind.PLAIN and not group.can_grow for group in groups.values())


@pytest.mark.parametrize("label", ["karpenter.sh/nodepool", "eks.amazonaws.com/nodepool"])
def test_nodes_of_a_provisioner(label: str) -> None:
    """What Karpenter or Auto Mode would make next is not modelled, and said so."""
    tiny = Tiny()
    tiny.node("k1", labels={label: "default"})
    unknown = tiny.world().unknown_templates["default"]
    assert unknown.cause is Cause.NOT_MODELLED
    assert label in unknown.detail


def test_plain_nodes_may_have_an_unread_maker() -> None:
    """Without the Auto Scaling groups, EC2 nodes may be some group's, which makes more of another kind."""
    tiny = Tiny()
    tiny.node("n1")
    unknown = tiny.drop(kinds.AUTO_SCALING_GROUPS).world().unknown_templates["m5.xlarge"]
    assert kinds.AUTO_SCALING_GROUPS.command in unknown.remedy


def test_two_groups_of_one_name() -> None:
    """A second group of the same name keeps a name of its own."""
    tiny = Tiny().managed("x", ["sg-x"], nodes=0).launch_template("lt-y", {"SecurityGroupIds": ["sg-y"]})
    tiny.asg("x", {"LaunchTemplate": {"LaunchTemplateId": "lt-y", "Version": "1"}})
    assert set(tiny.world().groups) == {"x", "x (Auto Scaling group)"}


def test_other_makers() -> None:
    """A complete cluster has no maker of nodes that was not read."""
    assert Tiny().managed("a", ["sg-x"]).world().other_makers == ()


@pytest.mark.parametrize(
    ("dropped", "word"),
    [
        ((kinds.NODEGROUP_NAMES, kinds.AUTO_SCALING_GROUPS), "neither the node groups' names nor"),
        ((kinds.AUTO_SCALING_GROUPS,), "self-managed node groups at zero"),
        ((kinds.CLUSTERS,), "EKS Auto Mode"),
        ((kinds.FARGATE_PROFILE_NAMES,), "Fargate may take pods"),
    ],
)
def test_makers_that_were_not_read(dropped: tuple[kinds.Kind[object], ...], word: str) -> None:
    """Groups at zero that no dump names may exist; the command that tells is named."""
    tiny = Tiny()
    tiny.node("first", instance_type="c5.large")  # says nothing of EKS
    tiny.managed("a", ["sg-x"])
    for kind in dropped:
        tiny.drop(kind)
    found = tiny.world().other_makers
    assert any(word in unknown.detail and unknown.remedy for unknown in found)


def test_node_group_names_are_known_from_the_auto_scaling_groups() -> None:
    """All Auto Scaling groups tell all managed groups, so their list may lack."""
    assert Tiny().drop(kinds.NODEGROUP_NAMES).world().other_makers == ()


def test_karpenter_makes_nodes() -> None:
    """A Karpenter that runs may make nodes of its own, unless all its NodePools were read."""
    tiny = Tiny().deployment("kube-system/karpenter", labels={"app.kubernetes.io/name": "karpenter"})
    assert tiny.world().other_makers == ()
    (unknown,) = tiny.drop(kinds.NODE_POOLS).world().other_makers
    assert isinstance(unknown, Unknown)
    assert "Karpenter" in unknown.detail
    assert kinds.NODE_POOLS.command in unknown.remedy


@pytest.mark.parametrize(
    ("tags", "owner"),
    [
        ({"alpha.eksctl.io/cluster-name": "x", "aws:cloudformation:stack-name": "y"}, "eksctl"),
        ({"aws:cloudformation:stack-name": "y"}, "CloudFormation"),
        ({"ManagedBy": "Terraform"}, "Terraform"),
        ({"terraform": "true"}, "Terraform"),
        ({"aws:eks:cluster-name": "x"}, "EKS"),
        ({"Name": "x"}, ""),
    ],
)
def test_owner_by_tags(tags: dict[str, str], owner: str) -> None:
    """Who manages an object stands in its tags."""
    assert owner_of(tags) == owner
