"""Published examples and upstream test cases of three node makers, restated as data: tests/data/templates."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Taint
from clusterproof.world.model import NodeClass
from clusterproof.world.world import World
from tests.conftest import Oracle
from tests.world.build import Raw, Tiny
from tests.world.pools import auto_mode, ec2_node_class, node_pool, unborn

DATA = Path(__file__).parents[1] / "data" / "templates"
SETS = ("cluster-autoscaler", "karpenter", "auto-mode")
CASES = {name: yaml.safe_load((DATA / f"{name}.yaml").read_text()) for name in SETS}
TYPE, ZONE = "node.kubernetes.io/instance-type", "topology.kubernetes.io/zone"
KEYS = {"source", "name", "group", "expect"}
EXPECTATIONS = {"labels", "absent", "absent_key", "unknown", "taints", "resources", "types", "zones", "none"}


def described(tiny: Tiny, types: dict[str, Raw]) -> None:
    """Rows of describe-instance-types."""
    for name, item in types.items():
        raw: Raw = {
            "InstanceType": name,
            "VCpuInfo": {"DefaultVCpus": item["cpus"]},
            "MemoryInfo": {"SizeInMiB": item["mib"]},
            "ProcessorInfo": {"SupportedArchitectures": [item.get("arch", "x86_64")]},
        }
        if "maker" in item:
            raw["ProcessorInfo"]["Manufacturer"] = item["maker"]
        if "gpus" in item:
            raw["GpuInfo"] = {"Gpus": [gpu(*one) for one in item["gpus"]]}
        if "neuron" in item:
            count, cores = item["neuron"]
            raw["NeuronInfo"] = {"NeuronDevices": [{"Count": count, "CoreInfo": {"Count": cores}}]}
        tiny.put(kinds.INSTANCE_TYPES, raw)


def gpu(name: str, maker: str, count: int, mib: int = 0) -> Raw:
    """One entry of GpuInfo."""
    return {"Name": name, "Manufacturer": maker, "Count": count, "MemoryInfo": {"SizeInMiB": mib}}


def tagged(group: Raw) -> dict[str, str]:
    """The tags of a case by their whole keys."""
    return whole(group.get("tags", {}))


def whole(given: dict[str, str]) -> dict[str, str]:
    """Tags by their whole keys."""
    return {
        key.removeprefix("tag:") if key.startswith("tag:") else f"k8s.io/cluster-autoscaler/{key}": given[key]
        for key in given
    }


def auto_scaling(group: Raw) -> Tiny:
    """A self-managed group."""
    tiny = Tiny()
    subnets = group.get("subnets", ["subnet-a"])
    if "zone" in group:
        tiny.subnet("subnet-z", group["zone"], "10.0.9.0/24")
        subnets = ["subnet-z"]
    types = group.get("types", [])
    spec = {"LaunchTemplateId": "lt-x", "Version": "1"}
    data: Raw = {"SecurityGroupIds": ["sg-x"]}
    if types or "lt_type" in group:
        data["InstanceType"] = group.get("lt_type") or types[0]
    inside: Raw = {"LaunchTemplate": spec}
    if "overrides" in group:
        mixed = {"LaunchTemplateSpecification": spec, "Overrides": group["overrides"]}
        inside = {"MixedInstancesPolicy": {"LaunchTemplate": mixed}}
    tags = {"kubernetes.io/cluster/tiny": "owned", **tagged(group)}
    tiny.launch_template("lt-x", data)
    return tiny.asg("group", inside, tags=tags, subnets=",".join(subnets))


def managed(group: Raw) -> Tiny:
    """An EKS managed node group with its Auto Scaling group."""
    name = group.get("name", "group")
    template = {"SecurityGroupIds": ["sg-x"], **({"UserData": "eA=="} if group.get("user_data") else {})}
    tiny = Tiny().managed(
        name,
        ["sg-x"],
        nodes=group.get("nodes", 0),
        template=template,
        subnets=group.get("subnets", ["subnet-a"]),
        allocatable=group.get("allocatable"),
    )
    owned = {"resources": {"autoScalingGroups": [{"name": "eks-asg"}]}}
    own = group.get("nodegroup", {})
    tiny.objects["nodegroups"][0] |= {**owned, **own, "tags": whole(own.get("tags", {}))}
    tags = {"eks:nodegroup-name": name, "eks:cluster-name": "tiny", **tagged(group)}
    return tiny.asg("eks-asg", {"LaunchTemplate": {"LaunchTemplateId": "lt-y", "Version": "1"}}, tags=tags)


def pool(maker: str, group: Raw) -> Tiny:
    """A NodePool of Karpenter or of EKS Auto Mode."""
    own = group.get("class", {})
    tiny = ec2_node_class(Tiny(), **own) if maker == "karpenter" else auto_mode(**own).sg("sg-cluster")
    return node_pool(
        tiny,
        group.get("name", "pool"),
        *(text for text in group["requirements"]),
        group="karpenter.k8s.aws" if maker == "karpenter" else "eks.amazonaws.com",
        labels=group.get("labels"),
        taints=group.get("taints", ()),
        startup=group.get("startup", ()),
        **group.get("spec", {}),
    )


def built(maker: str, case: Raw) -> World:
    """The world of a case; a pod reads every label that the case asks for."""
    group, expect = case["group"], case["expect"]
    if maker == "cluster-autoscaler":
        tiny = managed(group) if group["kind"] == "managed" else auto_scaling(group)
    else:
        tiny = pool(maker, group)
    described(tiny, group.get("described", {}))
    keys = (*expect.get("labels", ()), *expect.get("absent", ()), *expect.get("unknown", ()))
    required = [{"matchExpressions": [{"key": key, "operator": "Exists"}]} for key in keys]
    affinity = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": required}}}
    return tiny.deployment("app/web", {"affinity": affinity} if keys else {}).world()


def notation(taint: Taint) -> str:
    """``key=value:Effect``."""
    return f"{taint.key}{'=' if taint.value else ''}{taint.value}:{taint.effect}"


def differences(item: NodeClass, expect: Raw) -> Iterator[str]:
    """What a predicted node has otherwise than expected."""
    for key, value in expect.get("labels", {}).items():
        if item.labels.get(key) != value:
            yield f"{key} is {item.labels.get(key, item.unknown_labels.get(key))}, not {value}"
    for key in (*expect.get("absent", ()), *expect.get("absent_key", ())):
        if key in item.labels or key in item.unknown_labels:
            yield f"{key} is not absent: {item.labels.get(key, item.unknown_labels.get(key))}"
    for key in expect.get("unknown", ()):
        if key not in item.unknown_labels or not item.unknown_labels[key].detail:
            yield f"{key} is not unknown: {item.labels.get(key)}"
    if "taints" in expect:
        found = "unknown" if isinstance(item.taints, Unknown) else [notation(taint) for taint in item.taints]
        if found != expect["taints"]:
            yield f"taints are {found}"
    if "resources" in expect:
        yield from short(item, expect["resources"])


def short(item: NodeClass, wanted: Any) -> Iterator[str]:
    """Resources that are otherwise than expected; one that cannot be told is named by null."""
    offered = item.allocatable
    if isinstance(offered, Unknown) or wanted == "unknown":
        if not (isinstance(offered, Unknown) and wanted == "unknown"):
            yield f"resources are {offered}"
        return
    for name, amount in wanted.items():
        told = name in offered if amount is None else offered.get(name) != amount
        if told or (amount is None and "/" in name and item.devices_known):
            yield f"{name} is {offered.get(name)}, not {amount}"


def check(maker: str, case: Raw) -> list[str]:
    """What is otherwise in a case; nothing where it holds."""
    expect = case["expect"]
    world = built(maker, case)
    found = unborn(world)
    if "none" in expect:
        reasons = [unknown.detail for unknown in world.unknown_templates.values()]
        return [] if not found and any(expect["none"] in text for text in reasons) else [f"no reason in {reasons}"]
    if not found:
        return [f"no node is predicted: {world.unknown_templates}"]
    result = []
    if "types" in expect:
        types = list(dict.fromkeys(item.labels.get(TYPE) for item in found))
        result += [f"types are {types}"] if types != expect["types"] else []
    if "zones" in expect:
        zones = list(dict.fromkeys(item.labels.get(ZONE) for item in found))
        result += [f"zones are {zones}"] if zones != expect["zones"] else []
    # Of several alternatives one must be as expected where the case tells the zone of the first.
    for item in [one for one in found if one.labels.get(ZONE) == found[0].labels.get(ZONE)]:
        result += differences(item, expect)
    return result


@pytest.mark.parametrize("maker", SETS)
def test_cases(maker: str, oracle: Oracle) -> None:
    """Every published case comes out as its source says (rules 4.4, 9.1)."""
    wrong = {case["name"]: found for case in CASES[maker] if (found := check(maker, case))}
    oracle(f"templates of {maker}", {"cases": len(CASES[maker]), "differ": len(wrong)})
    assert wrong == {}


def test_cases_are_well_formed() -> None:
    """Each case has a name of its own, a source, and an expectation that the test reads; there are enough of them."""
    total = 0
    for cases in CASES.values():
        assert len({case["name"] for case in cases}) == len(cases)
        for case in cases:
            assert set(case) == KEYS
            assert case["source"], case["name"]
            assert set() < set(case["expect"]) <= EXPECTATIONS, case["name"]
        total += len(cases)
    assert total >= 40


def test_a_wrong_expectation_is_noticed() -> None:
    """The comparison is not empty: each case with an answer of another kind differs."""
    for maker, cases in CASES.items():
        for case in cases:
            other: Raw = {"labels": {"never/there": "x"}}
            if "none" in case["expect"]:
                other = {"none": "no such reason"}
            assert check(maker, {**case, "expect": other}), case["name"]
