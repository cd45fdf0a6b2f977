"""Whether the instance metadata service answers on a node and to its pods, from each kind of node group (rule 7.7)."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.world.metadata import Answers, answers
from tests.world.build import Tiny

STRICT = {"HttpTokens": "required", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}
OPTIONAL = {"HttpTokens": "optional", "HttpPutResponseHopLimit": 1, "HttpEndpoint": "enabled"}


def of(tiny: Tiny, family: int = 4) -> list[Answers]:
    """The answers of all classes."""
    world = tiny.world()
    return [one for node_class in world.classes for one in answers(world, node_class, family)]


def to_pods(tiny: Tiny) -> list[bool | str]:
    """Whether it answers pods, or that it is not known, in the order of the classes."""
    return ["unknown" if isinstance(one.to_pods, Unknown) else one.to_pods for one in of(tiny)]


def scaled(*templates: dict[str, Any]) -> Tiny:
    """An Auto Scaling group at zero that mixes launch templates with these metadata options."""
    tiny = Tiny().sg("sg-a")
    overrides = []
    for number, options in enumerate(templates):
        data = {"SecurityGroupIds": ["sg-a"], "InstanceType": "m5.xlarge", "MetadataOptions": options}
        tiny.launch_template(f"lt-{number}", data)
        spec = {"LaunchTemplateId": f"lt-{number}", "Version": "1"}
        overrides.append({"InstanceType": "m5.xlarge", "LaunchTemplateSpecification": spec})
    mixed = {"LaunchTemplateSpecification": {"LaunchTemplateId": "lt-0", "Version": "1"}, "Overrides": overrides}
    return tiny.asg("asg", {"MixedInstancesPolicy": {"LaunchTemplate": mixed}})


def test_launch_templates_of_auto_scaling_groups() -> None:
    """Each launch template that a group may use counts; equal ones are one answer."""
    assert set(to_pods(scaled(STRICT, OPTIONAL))) == {False, True}
    assert set(to_pods(scaled(STRICT, STRICT))) == {False}
    old = Tiny().sg("sg-a").asg("asg", {"LaunchConfigurationName": "lc"})
    assert set(to_pods(old)) <= {"unknown"}


@pytest.mark.parametrize(
    ("options", "pods"),
    [
        (STRICT, False),
        (OPTIONAL, True),
        ({"HttpTokens": "required", "HttpPutResponseHopLimit": 3}, True),
        ({"HttpPutResponseHopLimit": 2}, True),
        ({"HttpPutResponseHopLimit": 1}, "unknown"),
        ({"HttpTokens": "required"}, "unknown"),
        ({}, "unknown"),
        ({"HttpEndpoint": "disabled"}, False),
    ],
)
def test_what_is_left_out_is_not_known(options: dict[str, Any], pods: bool | str) -> None:
    """Options that a launch template leaves out come from the AMI and the account, unless the others settle it."""
    assert set(to_pods(scaled(options))) == {pods}


def test_nodes_that_are_alike_are_one_answer() -> None:
    """Nodes of one class are told apart by their own options, and the template's stand beside them where they differ."""
    data = {"SecurityGroupIds": ["sg-a"], "MetadataOptions": STRICT}
    tiny = Tiny().sg("sg-a").managed("a", ["sg-a"], nodes=3, template=data)
    for raw, options in zip(tiny.objects[kinds.INSTANCES.name], (STRICT, OPTIONAL, STRICT), strict=True):
        raw["MetadataOptions"] = options
    assert [(one.nodes, one.to_pods) for one in of(tiny)] == [(("a-0", "a-2"), False), (("a-1",), True)]
    assert [one.to_node for one in of(tiny)] == [True, True]
    assert of(tiny)[0].refs[0].value == "HttpTokens required, HttpPutResponseHopLimit 1"
    assert {one.to_node for one in of(tiny, 6)} == {False}


def test_unread_instances() -> None:
    """A node whose instance is not named, or was not read, is unknown with what makes it known."""
    tiny = Tiny().sg("sg-a")
    tiny.node("alone")
    tiny.objects[kinds.NODES.name][0]["spec"]["providerID"] = ""
    (found,) = of(tiny)
    assert isinstance(found.to_pods, Unknown)
    tiny = Tiny().sg("sg-a")
    tiny.node("alone")
    tiny.drop(kinds.INSTANCES)
    (found,) = of(tiny)
    assert isinstance(found.to_pods, Unknown)
    assert "instances" in found.to_pods.remedy


def test_older_node_classes() -> None:
    """Before karpenter.k8s.aws/v1 the default hop limit was 2 (Karpenter, "v1 Migration")."""
    for version, pods in (("v1beta1", True), ("v1", False)):
        tiny = Tiny().sg("sg-a")
        terms = {"subnetSelectorTerms": [{"id": "subnet-a"}], "securityGroupSelectorTerms": [{"id": "sg-a"}]}
        node_class = {"apiVersion": f"karpenter.k8s.aws/{version}", "metadata": {"name": "default"}, "spec": terms}
        tiny.put(kinds.EC2_NODE_CLASSES, node_class)
        ref = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"}
        tiny.put(
            kinds.NODE_POOLS, {"metadata": {"name": "pool"}, "spec": {"template": {"spec": {"nodeClassRef": ref}}}}
        )
        assert set(to_pods(tiny)) == {pods}
