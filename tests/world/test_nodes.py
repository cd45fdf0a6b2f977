from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.model import NodeClass
from tests.world.build import Tiny

RACK = "example.com/rack"


def classes(tiny: Tiny) -> list[tuple[str, ...]]:
    """The nodes of each class of nodes that exist."""
    return [item.nodes for item in tiny.world().classes if item.born]


def racks(tiny: Tiny) -> Tiny:
    """Three nodes in two racks."""
    for name, rack in (("n0", "r0"), ("n1", "r0"), ("n2", "r1")):
        tiny.node(name, labels={RACK: rack})
    return tiny


def test_equal_nodes_are_one_class() -> None:
    """Names, and labels that no rule reads, do not tell nodes apart."""
    assert classes(racks(Tiny())) == [("n0", "n1", "n2")]


@pytest.mark.parametrize(
    "spec",
    [
        {"nodeSelector": {RACK: "r1"}},
        {
            "affinity": {
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [
                            {"matchExpressions": [{"key": RACK, "operator": "NotIn", "values": ["r1"]}]}
                        ]
                    }
                }
            }
        },
        {
            "affinity": {
                "podAntiAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": [
                        {"topologyKey": RACK, "labelSelector": {"matchLabels": {"app": "web"}}}
                    ]
                }
            }
        },
    ],
)
def test_labels_that_a_rule_reads(spec: dict[str, Any]) -> None:
    """A selector, an affinity or a topology key that reads a label splits the nodes by it."""
    assert classes(racks(Tiny()).deployment("app/web", spec)) == [("n0", "n1"), ("n2",)]


def test_values_that_no_rule_names_are_alike() -> None:
    """A selector that asks for one value tells only whether a node has it."""
    tiny = racks(Tiny()).deployment("app/web", {"nodeSelector": {RACK: "r9"}})
    assert classes(tiny) == [("n0", "n1", "n2")]


def test_host_name_splits_only_the_named_node() -> None:
    """A workload bound to one host name makes a class of that node and leaves the others together."""
    tiny = racks(Tiny()).deployment("app/web", {"nodeSelector": {"kubernetes.io/hostname": "n1"}})
    assert classes(tiny) == [("n0", "n2"), ("n1",)]


def test_anti_affinity_by_host_name_splits_nothing() -> None:
    """A topology key of host names is asked of a class, not of its nodes."""
    term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "web"}}}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    assert classes(racks(Tiny()).deployment("app/web", {"affinity": affinity})) == [("n0", "n1", "n2")]


@pytest.mark.parametrize("way", ["field", "nodeName"])
def test_node_by_name(way: str) -> None:
    """matchFields, and a template's own nodeName, read the name of one node."""
    spec: dict[str, Any] = {"nodeName": "n2"}
    if way == "field":
        field = {"key": "metadata.name", "operator": "In", "values": ["n2"]}
        terms = {"nodeSelectorTerms": [{"matchFields": [field]}]}
        spec = {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}}}
    assert classes(racks(Tiny()).deployment("app/web", spec)) == [("n0", "n1"), ("n2",)]


def test_volumes_read_labels() -> None:
    """A volume's node affinity reads labels, too."""
    expression = {"key": RACK, "operator": "In", "values": ["r1"]}
    required = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    volume = {"metadata": {"name": "pv"}, "spec": {"nodeAffinity": {"required": required}}}
    assert classes(racks(Tiny()).put(kinds.VOLUMES, volume)) == [("n0", "n1"), ("n2",)]


def test_taints_subnets_groups_and_capacity_split() -> None:
    """Everything else that a rule reads of a node makes classes."""
    tiny = Tiny()
    tiny.node("n0")
    tiny.node("n1", taints=["a=b:NoSchedule"])
    tiny.node("n2", subnet="subnet-b")
    tiny.node("n3", ["sg-other"])
    tiny.node("n4", allocatable={"cpu": "2", "memory": "4Gi", "pods": "58"})
    assert classes(tiny) == [("n0",), ("n1",), ("n2",), ("n3",), ("n4",)]


def test_kibibytes_do_not_split_and_the_largest_counts() -> None:
    """Nodes of one type differ by some KiB; the class offers what its largest member offers."""
    tiny = Tiny()
    for number, memory in enumerate(("32000000Ki", "32000512Ki", "32000100Ki")):
        tiny.node(f"n{number}", allocatable={"cpu": "8", "memory": memory, "pods": "58"})
    (found,) = tiny.world().classes
    assert isinstance(found.allocatable, dict)
    assert found.allocatable["memory"] == "32000512Ki"


def test_node_without_allocatable_is_unknown() -> None:
    """A node that shows nothing to allocate is not one that offers nothing."""
    tiny = Tiny()
    tiny.node("n0", allocatable={})
    assert isinstance(tiny.world().classes[0].allocatable, Unknown)


def test_changed_template_makes_a_class_of_its_own() -> None:
    """Where the template's groups differ from the running nodes', the next node is judged apart."""
    tiny = Tiny().managed("a", ["sg-old"], nodes=1)
    tiny.objects["launch-template-versions"][0]["LaunchTemplateData"]["SecurityGroupIds"] = ["sg-new"]
    assert [(item.born, item.host.security_groups) for item in tiny.world().classes] == [
        (True, ("sg-old",)),
        (False, ("sg-new",)),
    ]


def test_primary_interface_from_network_interfaces() -> None:
    """describe-network-interfaces tells as well, where the instance is not there."""
    tiny = Tiny()
    instance = tiny.node("n0")
    tiny.objects["instances"].clear()
    attachments = [
        {"InstanceId": instance, "DeviceIndex": 1, "NetworkCardIndex": 0},
        {"InstanceId": instance, "DeviceIndex": 0, "NetworkCardIndex": 0},
    ]
    for number, attachment in enumerate(attachments):
        groups = [{"GroupId": f"sg-{number}"}]
        raw = {
            "NetworkInterfaceId": f"eni-{number}",
            "SubnetId": "subnet-b",
            "Groups": groups,
            "Attachment": attachment,
        }
        tiny.put(kinds.NETWORK_INTERFACES, raw)
    assert tiny.world().classes[0].host.security_groups == ("sg-1",)


def test_instance_not_read() -> None:
    """A node whose instance was not read has unknown groups, with the command."""
    tiny = Tiny()
    tiny.node("n0")
    groups = tiny.drop(kinds.INSTANCES).world().classes[0].host.security_groups
    assert isinstance(groups, Unknown)
    assert groups.cause is Cause.NOT_COLLECTED
    assert kinds.INSTANCES.command in groups.remedy


@pytest.mark.parametrize("provider", ["", "kind://docker/x", "aws:///us-east-1a/abc/fargate-ip-10-0-0-1"])
def test_node_without_instance(provider: str) -> None:
    """A node that names no EC2 instance is not modelled."""
    tiny = Tiny()
    tiny.node("n0")
    tiny.objects["nodes"][0]["spec"]["providerID"] = provider
    groups = tiny.world().classes[0].host.security_groups
    assert isinstance(groups, Unknown)
    assert groups.cause is Cause.NOT_MODELLED


# --- the ENIConfig of a node -------------------------------------------------------------

EXTERNAL, DEFAULT = "vpc.amazonaws.com/externalEniConfig", "k8s.amazonaws.com/eniConfig"
CUSTOM = {"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true"}


def named(labels: dict[str, str], annotations: dict[str, str], env: dict[str, str] | None = None) -> str | Unknown:
    """The ENIConfig of a node with these labels and annotations."""
    tiny = Tiny().cni(CUSTOM | (env or {}))
    tiny.node("n0", labels=labels, annotations=annotations)
    return tiny.world().classes[0].eni_config


@pytest.mark.parametrize(
    ("labels", "annotations", "env", "expected"),
    [
        ({EXTERNAL: "ext", DEFAULT: "label"}, {DEFAULT: "note"}, {}, "ext"),
        ({DEFAULT: "label"}, {DEFAULT: "note"}, {}, "note"),
        ({DEFAULT: "label"}, {}, {}, "label"),
        ({}, {}, {}, "default"),
        ({}, {}, {"ENI_CONFIG_LABEL_DEF": "topology.kubernetes.io/zone"}, "us-east-1a"),
        ({DEFAULT: "label"}, {"mine": "note"}, {"ENI_CONFIG_ANNOTATION_DEF": "mine"}, "note"),
    ],
)
def test_eni_config_name(
    labels: dict[str, str], annotations: dict[str, str], env: dict[str, str], expected: str
) -> None:
    """External label, then annotation, then label, then ``default``; the two keys can be set (rule 5.2)."""
    assert named(labels, annotations, env) == expected


def test_no_eni_config_without_custom_networking() -> None:
    """The labels mean nothing where custom networking is off (rule 5.2)."""
    tiny = Tiny()
    tiny.node("n0", labels={DEFAULT: "label"})
    assert tiny.world().classes[0].eni_config == ""


def future(tiny: Tiny) -> NodeClass:
    """The one class of nodes not yet born."""
    (found,) = [item for item in tiny.world().classes if not item.born]
    return found


def test_eni_config_of_a_node_not_yet_born() -> None:
    """A label that only running nodes show leaves the name unknown; it does not become ``default`` (rule 5.2)."""
    assert isinstance(future(Tiny().cni(CUSTOM).managed("a", ["sg-x"], nodes=0)).eni_config, Unknown)
    by_zone = CUSTOM | {"ENI_CONFIG_LABEL_DEF": "topology.kubernetes.io/zone"}
    assert future(Tiny().cni(by_zone).managed("a", ["sg-x"], nodes=0)).eni_config == "us-east-1a"
    tiny = Tiny().cni(by_zone).managed("a", ["sg-x"], nodes=0, labels={EXTERNAL: "ext"})
    assert future(tiny).eni_config == "ext"


def test_annotations_of_one_node_say_nothing_of_the_next() -> None:
    """An annotation that differs by node (its zone's ENIConfig) is not predicted for other subnets."""
    by_zone = CUSTOM | {"ENI_CONFIG_LABEL_DEF": "topology.kubernetes.io/zone"}
    tiny = Tiny().cni(by_zone).managed("a", ["sg-x"], nodes=2)
    for number, raw in enumerate(tiny.objects["nodes"]):
        raw["metadata"]["annotations"] = {DEFAULT: f"by-hand-{number}", "shared": "yes"}
    configs = {item.eni_config for item in tiny.world().classes if not item.born}
    assert "by-hand-0" not in configs
