"""The roles of nodes' instances."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.world.noderoles import NodeRole, node_roles
from tests.world.identity import ACCOUNT, NODE, Cloud, arn

PROFILE = f"arn:aws:iam::{ACCOUNT}:instance-profile/eks-node"


def roles(cloud: Cloud) -> tuple[NodeRole, ...]:
    """Those of all nodes."""
    return node_roles(cloud.world().ground)


def test_a_managed_groups_nodes_have_its_role_today_and_tomorrow() -> None:
    """One role; whether pods get it may differ between nodes that exist and the next ones."""
    found = roles(Cloud().workers())
    assert {item.role for item in found} == {NODE}
    assert {item.pods for item in found} == {True, False}  # today's hop limit is 2; AL2023 without a template has 1
    assert all(item.groups == ("workers",) and item.hosts is True for item in found)


def test_a_described_group_stands_for_instances_that_were_not_read() -> None:
    """EKS gives every node of a managed group the group's role; the metadata options stay unknown."""
    cloud = Cloud().workers()
    cloud.drop(kinds.INSTANCES)
    today = next(item for item in roles(cloud) if isinstance(item.pods, Unknown))
    assert today.role == NODE


def test_a_group_that_was_not_described_has_the_role_of_its_instances() -> None:
    """Through the instance profile; what it makes next is not known."""
    cloud = Cloud().workers()
    cloud.drop(kinds.NODEGROUPS)
    assert {item.role for item in roles(cloud) if isinstance(item.role, str)} == {NODE}
    assert any(isinstance(item.role, Unknown) for item in roles(cloud))


@pytest.mark.parametrize(
    ("profile", "expected"),
    [({"Arn": PROFILE}, NODE), ({"Name": "eks-node"}, NODE), (None, ""), ({"Name": "eks-none"}, "")],
)
def test_an_auto_scaling_group_has_the_role_of_its_launch_template(profile: Any, expected: str) -> None:
    """By the profile's ARN or name; without a profile, or with an empty one, there is no role."""
    cloud = Cloud()
    cloud.put(
        kinds.INSTANCE_PROFILES,
        {"InstanceProfileName": "eks-node", "Roles": [{"RoleName": "node", "Arn": NODE}]},
        {"InstanceProfileName": "eks-none", "Roles": []},
    )
    options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    data = {"InstanceType": "m5.xlarge", "SecurityGroupIds": ["sg-1"], "MetadataOptions": options}
    cloud.launch_template("lt-1", data | ({"IamInstanceProfile": profile} if profile else {}))
    cloud.asg("own", {"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "1"}})
    (found,) = roles(cloud)
    assert (found.groups, found.role, found.pods, found.hosts) == (("own",), expected, False, True)


def test_a_launch_template_that_was_not_read_leaves_the_role_unknown() -> None:
    """With what makes it known."""
    cloud = Cloud()
    cloud.asg("own", {"LaunchTemplate": {"LaunchTemplateId": "lt-1", "Version": "1"}})
    (found,) = roles(cloud)
    assert isinstance(found.role, Unknown)
    assert "lt-1" in found.role.remedy


def pool(cloud: Cloud, **spec: Any) -> Cloud:
    """A Karpenter NodePool and its EC2NodeClass."""
    chosen = {"subnetSelectorTerms": [{"id": "subnet-a"}], "securityGroupSelectorTerms": [{"id": "sg-1"}]}
    cloud.put(kinds.EC2_NODE_CLASSES, {
        "apiVersion": "karpenter.k8s.aws/v1",
        "metadata": {"name": "default"},
        "spec": {"amiFamily": "AL2023", **chosen, **spec},
    })  # fmt: skip
    ref = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"}
    limits = [{"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["m5.xlarge"]}]
    template = {"spec": {"nodeClassRef": ref, "requirements": limits}}
    cloud.put(kinds.NODE_POOLS, {"metadata": {"name": "pool"}, "spec": {"template": template}})
    cloud.sg("sg-1")
    return cloud


def test_karpenters_nodes_have_the_role_of_their_class() -> None:
    """By name; its ARN where the role was read; or through an instance profile."""
    found = roles(pool(Cloud(), role="karpenter"))
    assert {item.role for item in found} == {"karpenter"}
    read = pool(Cloud(), role="karpenter")
    read.put(kinds.ROLES, {"RoleName": "karpenter", "Arn": arn("karpenter")})
    assert {item.role for item in roles(read)} == {arn("karpenter")}
    profiled = pool(Cloud(), instanceProfile="eks-node")
    profiled.put(
        kinds.INSTANCE_PROFILES, {"InstanceProfileName": "eks-node", "Roles": [{"RoleName": "node", "Arn": NODE}]}
    )
    assert {item.role for item in roles(profiled)} == {NODE}
    neither = roles(pool(Cloud()))
    assert all(isinstance(item.role, Unknown) for item in neither)
    assert neither


def test_one_role_of_several_groups_is_one() -> None:
    """Groups are named together."""
    cloud = Cloud().workers()
    cloud.managed("more")
    cloud.objects["nodegroups"][-1] |= {"nodeRole": NODE, "amiType": "AL2023_x86_64_STANDARD"}
    options = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1}
    for instance in cloud.objects["instances"]:
        instance |= {"MetadataOptions": options, "IamInstanceProfile": {"Arn": PROFILE}}
    (found,) = roles(cloud)
    assert (found.groups, found.role, found.pods) == (("more", "workers"), NODE, False)


def test_fargate_has_no_instances() -> None:
    """A Fargate profile brings no role."""
    profile = {"fargateProfileName": "fp", "subnets": ["subnet-a"], "selectors": [{"namespace": "app"}]}
    cloud = Cloud()
    cloud.put(kinds.FARGATE_PROFILES, profile)
    assert roles(cloud) == ()


def test_a_mixed_group_has_the_roles_of_all_its_launch_templates() -> None:
    """Overrides may name templates of their own; each instance has one of the roles."""
    cloud = Cloud()
    for name in ("node", "spot"):
        roles_ = [{"RoleName": name, "Arn": arn(name)}]
        cloud.put(kinds.INSTANCE_PROFILES, {"InstanceProfileName": f"eks-{name}", "Roles": roles_})
        data = {
            "InstanceType": "m5.xlarge",
            "SecurityGroupIds": ["sg-1"],
            "IamInstanceProfile": {"Name": f"eks-{name}"},
        }
        cloud.launch_template(f"lt-{name}", data)
    spec = {"LaunchTemplateId": "lt-node", "Version": "1"}
    other = {"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-spot", "Version": "1"}}
    mixed = {
        "LaunchTemplate": {"LaunchTemplateSpecification": spec, "Overrides": [{"InstanceType": "m5.large"}, other]}
    }
    cloud.asg("own", {"MixedInstancesPolicy": mixed})
    assert {item.role for item in roles(cloud)} == {NODE, arn("spot")}


def test_a_launch_configuration_is_not_modelled() -> None:
    """With what to do."""
    cloud = Cloud()
    cloud.asg("own", {"LaunchConfigurationName": "lc"})
    (found,) = roles(cloud)
    assert isinstance(found.role, Unknown)
    assert found.role.remedy == "let it use a launch template"


def test_nodes_that_nothing_read_has_made_have_the_role_of_their_instances() -> None:
    """Their next nodes are not known where Auto Scaling groups were not read; nor is an instance that was not read."""
    cloud = Cloud().workers()
    cloud.objects["nodegroups"] = []
    cloud.objects["nodegroup-names"] = []
    cloud.objects["nodes"][-1]["metadata"]["labels"].pop("eks.amazonaws.com/nodegroup")
    assert [item.role for item in roles(cloud)] == [NODE]
    cloud.drop(kinds.AUTO_SCALING_GROUPS)
    known, unknown = roles(cloud)
    assert (known.role, isinstance(unknown.role, Unknown)) == (NODE, True)
    cloud.drop(kinds.INSTANCES)
    details = [item.role.detail for item in roles(cloud) if isinstance(item.role, Unknown)]
    assert "the instance of node workers-0 was not read" in details


def test_an_instance_profile_that_is_gone_is_unknown() -> None:
    """All profiles were read, and the instance's is not among them: deleted since."""
    cloud = Cloud().workers()
    cloud.objects["instance-profiles"] = []
    today = next(item.role for item in roles(cloud) if isinstance(item.role, Unknown))
    assert "none of the account's that were read" in today.detail


def test_a_node_class_that_was_not_read_leaves_the_role_unknown() -> None:
    """The NodePool names a class that nobody read."""
    cloud = pool(Cloud(), role="karpenter")
    cloud.drop(kinds.EC2_NODE_CLASSES)
    (found,) = roles(cloud)
    assert isinstance(found.role, Unknown)
