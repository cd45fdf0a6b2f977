from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Taint
from clusterproof.world.model import NodeClass
from clusterproof.world.world import World
from tests.world.build import Tiny, on


def unborn(world: World) -> list[NodeClass]:
    """The classes of nodes not yet born."""
    return [item for item in world.classes if not item.born]


def only(tiny: Tiny) -> NodeClass:
    """The one class of a cluster that has no node yet."""
    (found,) = unborn(tiny.world())
    return found


def test_launch_template_groups_by_ids() -> None:
    """A launch template's SecurityGroupIds are the next node's groups, without the cluster security group (rule 4.2)."""
    found = only(Tiny().managed("gpu", ["sg-b", "sg-a"], nodes=0))
    assert found.host.security_groups == ("sg-a", "sg-b")
    assert found.host.refs[0].field == "SecurityGroupIds"


def test_launch_template_groups_by_interface() -> None:
    """Groups on the primary network interface count; those of other interfaces (EFA) do not (rule 4.2)."""
    interfaces = [
        {"DeviceIndex": 1, "NetworkCardIndex": 1, "Groups": ["sg-efa"]},
        {"DeviceIndex": 0, "NetworkCardIndex": 0, "Groups": ["sg-primary"]},
    ]
    found = only(Tiny().managed("gpu", nodes=0, template={"NetworkInterfaces": interfaces}))
    assert found.host.security_groups == ("sg-primary",)


@pytest.mark.parametrize("template", [None, {}, {"InstanceType": "m5.large"}])
def test_cluster_security_group_where_none_is_named(template: dict[str, Any] | None) -> None:
    """A managed group without a template, or whose template names no group, gets the cluster security group (rules 4.1, 4.2)."""
    found = only(Tiny().managed("a", nodes=0, template=template))
    assert found.host.security_groups == ("sg-cluster",)
    assert found.host.refs[0].kind == "clusters"


def test_remote_access_adds_its_group() -> None:
    """A group with remote access has the group that EKS made for it as well (rule 4.2)."""
    tiny = Tiny().managed("a", nodes=0)
    tiny.objects["nodegroups"][0]["resources"] = {"remoteAccessSecurityGroup": "sg-ssh"}
    assert only(tiny).host.security_groups == ("sg-cluster", "sg-ssh")


def test_groups_by_name_are_unknown() -> None:
    """Names of groups are not the cluster security group, and not nothing (rule 4.2)."""
    found = only(Tiny().managed("a", nodes=0, template={"SecurityGroups": ["default"]}))
    assert isinstance(found.host.security_groups, Unknown)
    assert found.host.security_groups.cause is Cause.NOT_MODELLED


def test_cluster_not_described() -> None:
    """Without the cluster's description its security group is unknown, and the command is named."""
    groups = only(Tiny().managed("a", nodes=0).drop(kinds.CLUSTERS)).host.security_groups
    assert isinstance(groups, Unknown)
    assert "describe-cluster" in groups.remedy


@pytest.mark.parametrize(
    ("version", "expected"), [("$Latest", "sg-3"), ("$Default", "sg-2"), ("", "sg-2"), ("1", "sg-1")]
)
def test_versions(version: str, expected: str) -> None:
    """$Latest and $Default are looked up; nothing written means $Default; a number is that version."""
    tiny = Tiny().asg("x", {"LaunchTemplate": {"LaunchTemplateId": "lt-x", "Version": version}})
    for number in (1, 2, 3):
        tiny.launch_template("lt-x", {"SecurityGroupIds": [f"sg-{number}"]}, number, default=number == 2)
    assert only(tiny).host.security_groups == (expected,)


@pytest.mark.parametrize("version", ["$Latest", "$Default", "7"])
def test_missing_version_is_unknown(version: str) -> None:
    """A version that was not read is unknown, with the command for that template."""
    tiny = Tiny().asg("x", {"LaunchTemplate": {"LaunchTemplateId": "lt-x", "Version": version}})
    groups = only(tiny).host.security_groups
    assert isinstance(groups, Unknown)
    assert "--launch-template-id lt-x" in groups.remedy


def test_latest_of_some_versions_is_unknown() -> None:
    """The newest of the versions that were read is the latest only if all were."""
    tiny = Tiny().asg("x", {"LaunchTemplate": {"LaunchTemplateId": "lt-x", "Version": "$Latest"}})
    tiny.launch_template("lt-x", {"SecurityGroupIds": ["sg-old"]})
    tiny.partly(kinds.LAUNCH_TEMPLATE_VERSIONS, Unknown(Cause.INCOMPLETE, "one page", "run again"))
    assert isinstance(only(tiny).host.security_groups, Unknown)


def test_self_managed_template_by_name_without_groups() -> None:
    """A self-managed template that names no group gets the VPC's default, which is not modelled (rule 4.2)."""
    spec = {"LaunchTemplate": {"LaunchTemplateName": "mine", "Version": "1"}}
    tiny = Tiny().asg("x", spec)
    tiny.put(
        kinds.LAUNCH_TEMPLATE_VERSIONS,
        {"LaunchTemplateId": "lt-9", "LaunchTemplateName": "mine", "VersionNumber": 1, "LaunchTemplateData": {}},
    )
    groups = only(tiny).host.security_groups
    assert isinstance(groups, Unknown)
    assert groups.cause is Cause.NOT_MODELLED


def test_launch_configuration_is_not_modelled() -> None:
    """An Auto Scaling group of the old kind is said to be so."""
    groups = only(Tiny().asg("x", {"LaunchConfigurationName": "old"})).host.security_groups
    assert isinstance(groups, Unknown)
    assert "launch configuration" in groups.detail


def test_mixed_instances_make_a_class_per_type() -> None:
    """Each override of a mixed instances policy is a kind of node (rule 9.1)."""
    spec = {"LaunchTemplateId": "lt-x", "Version": "1"}
    overrides = [{"InstanceType": "m5.large"}, {"InstanceType": "m5.xlarge"}]
    mixed = {"MixedInstancesPolicy": {"LaunchTemplate": {"LaunchTemplateSpecification": spec, "Overrides": overrides}}}
    tiny = Tiny().asg("x", mixed).launch_template("lt-x", {"SecurityGroupIds": ["sg-x"]})
    types = [item.labels["node.kubernetes.io/instance-type"] for item in unborn(tiny.world())]
    assert types == ["m5.large", "m5.xlarge"]


def test_one_class_per_subnet() -> None:
    """Each subnet of a group is a place of its own, with its zone (rules 4.4, 9.1)."""
    found = unborn(Tiny().managed("a", ["sg-x"], nodes=0, subnets=("subnet-a", "subnet-b")).world())
    assert [(item.host.subnet, item.zone) for item in found] == [
        ("subnet-a", "us-east-1a"),
        ("subnet-b", "us-east-1b"),
    ]


def test_group_without_subnets_is_unknown() -> None:
    """A group that may grow and names no subnet does not vanish."""
    tiny = Tiny().asg("x", {"LaunchTemplate": {"LaunchTemplateId": "lt-x", "Version": "1"}}, subnets="")
    tiny.launch_template("lt-x", {"SecurityGroupIds": ["sg-x"]})
    world = tiny.world()
    assert not world.classes
    assert "subnet" in world.unknown_templates["x"].detail


def test_labels_and_taints_of_a_managed_group() -> None:
    """The node group's own labels and taints, with EKS's effects translated, are the next node's (rules 4.4, 9.1)."""
    tiny = Tiny().managed("gpu", ["sg-x"], nodes=0, labels={"role": "gpu"}, taints=["nvidia.com/gpu=true:NoSchedule"])
    tiny.deployment("app/web", {"nodeSelector": {"role": "gpu", **on("gpu")["nodeSelector"]}})
    found = only(tiny)
    assert found.labels["role"] == "gpu"
    assert found.labels["eks.amazonaws.com/nodegroup"] == "gpu"
    assert found.taints == (Taint("nvidia.com/gpu", "NoSchedule", "true"),)


def test_labels_and_taints_by_autoscaler_tags() -> None:
    """A self-managed group at zero says by the Cluster Autoscaler's tags what its nodes will carry (rules 4.4, 9.1)."""
    prefix = "k8s.io/cluster-autoscaler/node-template"
    tags = {
        "kubernetes.io/cluster/tiny": "owned",
        f"{prefix}/label/role": "gpu",
        f"{prefix}/taint/dedicated": "gpu:NoSchedule",
    }
    tiny = Tiny().asg("x", {"LaunchTemplate": {"LaunchTemplateId": "lt-x", "Version": "1"}}, tags=tags)
    tiny.launch_template("lt-x", {"SecurityGroupIds": ["sg-x"], "InstanceType": "m5.large"})
    found = only(tiny.deployment("app/web", {"nodeSelector": {"role": "gpu", "other": "1"}}))
    assert found.labels["role"] == "gpu"
    assert found.taints == (Taint("dedicated", "NoSchedule", "gpu"),)
    assert "other" in found.unknown_labels


def test_taints_in_user_data_are_unknown() -> None:
    """A self-managed group at zero without such tags may have any taint (rule 9.1)."""
    tiny = Tiny().asg("x", {"LaunchTemplate": {"LaunchTemplateId": "lt-x", "Version": "1"}})
    taints = only(tiny.launch_template("lt-x", {"SecurityGroupIds": ["sg-x"]})).taints
    assert isinstance(taints, Unknown)
    assert "user data" in taints.detail


@pytest.mark.parametrize(
    "key", ["nvidia.com/gpu.present", "feature.node.kubernetes.io/pci-10de.present", "kubernetes.io/arch"]
)
def test_labels_that_only_running_nodes_show_are_unknown(key: str) -> None:
    """Feature discovery labels of a group at zero are not absent but unknown (rules 4.4, 9.1)."""
    tiny = Tiny().managed("gpu", ["sg-x"], nodes=0).deployment("app/web", {"nodeSelector": {key: "true"}})
    assert key in only(tiny).unknown_labels


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("topology.ebs.csi.aws.com/zone", "us-east-1a"),
        ("failure-domain.beta.kubernetes.io/zone", "us-east-1a"),
        ("failure-domain.beta.kubernetes.io/region", "us-east-1"),
        ("beta.kubernetes.io/instance-type", "m5.xlarge"),
        ("beta.kubernetes.io/os", "linux"),
    ],
)
def test_labels_that_follow_from_the_template(key: str, value: str) -> None:
    """Old names of well-known labels, and the EBS driver's zone, say what the new ones say."""
    tiny = Tiny().managed("a", ["sg-x"], nodes=0).deployment("app/web", {"nodeSelector": {key: value}})
    found = only(tiny)
    assert found.labels[key] == value
    assert not found.unknown_labels


def test_discovered_labels_from_siblings() -> None:
    """What all running nodes of the group show is predicted, so the next node is of their class (rules 4.4, 9.1)."""
    key = "nvidia.com/gpu.present"
    tiny = Tiny().managed("gpu", ["sg-x"], nodes=2)
    for raw in tiny.objects["nodes"]:
        raw["metadata"]["labels"][key] = "true"
    tiny.deployment("app/web", {"nodeSelector": {key: "true"}})
    assert not unborn(tiny.world())
    tiny.objects["nodes"][0]["metadata"]["labels"][key] = "false"
    assert key in only(tiny).unknown_labels


def test_allocatable_from_siblings_types_or_unknown() -> None:
    """A sibling tells what a node offers, else the instance type, else nothing does (rules 4.4, 9.1)."""
    sibling = Tiny().managed("a", ["sg-x"], subnets=("subnet-a", "subnet-b"), allocatable={"cpu": "3", "pods": "9"})
    (other,) = unborn(sibling.world())
    assert other.allocatable == {"cpu": "3", "pods": "9"}
    bare = Tiny().managed("a", ["sg-x"], nodes=0, types=["p5.48xlarge"])
    unknown = only(bare).allocatable
    assert isinstance(unknown, Unknown)
    assert "describe-instance-types --instance-types p5.48xlarge" in unknown.remedy
    gpus = {"Gpus": [{"Name": "H100", "Manufacturer": "NVIDIA", "Count": 8}]}
    info = {"InstanceType": "p5.48xlarge", "VCpuInfo": {"DefaultVCpus": 192}, "MemoryInfo": {"SizeInMiB": 2097152}}
    offered = only(bare.put(kinds.INSTANCE_TYPES, {**info, "GpuInfo": gpus})).allocatable
    assert isinstance(offered, dict)
    assert offered["nvidia.com/gpu"] == "8"
    assert 191_000 < int(str(offered["cpu"]).removesuffix("m")) < 192_000


def test_start_up_taints_and_conditions_do_not_last() -> None:
    """Taints that pass by themselves make no class of their own (rule 9.7)."""
    tiny = Tiny().managed("a", ["sg-x"], nodes=3)
    for number, key in enumerate(("node.kubernetes.io/not-ready", "ebs.csi.aws.com/agent-not-ready")):
        tiny.objects["nodes"][number]["spec"]["taints"] = [{"key": key, "effect": "NoExecute"}]
    (found,) = tiny.world().classes
    assert found.nodes == ("a-0", "a-1", "a-2")


def test_subnet_not_read() -> None:
    """Without the subnet the zone is unknown, not absent."""
    found = only(Tiny().managed("a", ["sg-x"], nodes=0, subnets=("subnet-gone",)))
    assert found.zone == ""
    assert "topology.kubernetes.io/zone" in found.unknown_labels


@pytest.mark.parametrize("missing", [False, True])
def test_managed_group_whose_user_data_may_add_taints(missing: bool) -> None:
    """User data of a managed group at zero may register taints: without a word of them they are unknown (rules 4.4, 9.1)."""
    tiny = Tiny().managed("a", nodes=0, template={"SecurityGroupIds": ["sg-x"], "UserData": "eA=="})
    if missing:
        tiny.drop(kinds.LAUNCH_TEMPLATE_VERSIONS)
    taints = only(tiny).taints
    assert isinstance(taints, Unknown)
    assert "node-template/taint" in taints.remedy
    declared = Tiny().managed("a", nodes=0, template={"UserData": "eA=="}, taints=["gpu=true:NoSchedule"])
    assert only(declared).taints == (Taint("gpu", "NoSchedule", "true"),)


def test_plain_managed_group_has_its_own_taints_only() -> None:
    """Without a launch template EKS registers what the description says, and nothing else (rules 4.4, 9.1)."""
    assert only(Tiny().managed("a", nodes=0)).taints == ()


def test_attributes_and_running_nodes() -> None:
    """A group that chooses types by attributes: what one node offers says nothing of the next (rules 4.4, 9.1)."""
    tiny = Tiny()
    instance = tiny.node("n1", ["sg-x"], allocatable={"cpu": "2", "pods": "9"})
    spec = {"LaunchTemplateId": "lt-x", "Version": "1"}
    overrides = [{"InstanceRequirements": {"VCpuCount": {"Min": 2}, "MemoryMiB": {"Min": 1}}}]
    mixed = {"MixedInstancesPolicy": {"LaunchTemplate": {"LaunchTemplateSpecification": spec, "Overrides": overrides}}}
    tiny.asg("x", mixed, instances=[instance]).launch_template("lt-x", {"SecurityGroupIds": ["sg-x"]})
    found = only(tiny)
    assert isinstance(found.allocatable, Unknown)
    assert "attributes" in found.unknown_labels["node.kubernetes.io/instance-type"].detail
