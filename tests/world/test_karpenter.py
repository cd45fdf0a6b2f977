from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.places import Places, places
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Taint
from clusterproof.world.model import GroupKind
from tests.world.build import Raw, Tiny
from tests.world.pools import CATEGORY, FAMILY, GPU, TYPE, ec2_node_class, instance_type, node_pool, req, unborn, wants


def found(tiny: Tiny, spec: Raw | None = None) -> Places:
    """Where a pod of this spec may run."""
    tiny.deployment("app/web", spec)
    world = tiny.world()
    return places(world, world.by_id["deploy/app/web"])


def pool(*requirements: str, **more: Any) -> Tiny:
    """A cluster with one NodePool ``gpu`` and its EC2NodeClass."""
    return node_pool(ec2_node_class(Tiny()), "gpu", *requirements, **more)


def test_pool_is_a_group_with_its_nodes() -> None:
    """A NodePool is a node group: nodes by label, no other limit than its own, a template per subnet (rule 9.1)."""
    tiny = pool(f"{TYPE} In g5.xlarge")
    tiny.node("k1", ["sg-node"], labels={"karpenter.sh/nodepool": "gpu"}, instance_type="g5.xlarge")
    world = tiny.world()
    group = world.groups["gpu"]
    assert (group.kind, group.nodes, group.can_grow) == (GroupKind.KARPENTER, ("k1",), True)
    assert world.unknown_templates == {}
    assert [item.host.subnet for item in unborn(world)] == ["subnet-b"], "subnet-a is where k1 is, of the same kind"


@pytest.mark.parametrize(
    "more",
    [
        {"limits": {"cpu": "0"}},
        {"limits": {"memory": "0Gi"}},
        {"limits": {"nodes": 0}},
        {"replicas": 0},
        {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}},
    ],
)
def test_pools_that_make_no_node(more: dict[str, Any]) -> None:
    """A limit of 0, static capacity of 0, or a pool that is being deleted: no node is made (rule 9.1)."""
    world = pool(f"{TYPE} In g5.xlarge", **more).world()
    assert not world.groups["gpu"].can_grow
    assert unborn(world) == []


def test_limits_above_zero_do_not_exclude() -> None:
    """Limits pass by themselves: they say when, not whether (rule 9.1)."""
    assert unborn(pool(f"{TYPE} In g5.xlarge", limits={"cpu": "10", "memory": "100Gi"}).world())


def test_labels_and_taints() -> None:
    """The pool's labels, its one-valued requirements and its taints are the next node's; start-up taints pass.

    (rule 9.1)
    """
    tiny = pool(
        f"{TYPE} In g5.xlarge",
        "team In ml",
        labels={"billing": "x"},
        taints=["nvidia.com/gpu=true:NoSchedule"],
        startup=["cilium.io/wait:NoExecute"],
    )
    tiny.deployment("app/web", {"nodeSelector": {"team": "ml", "billing": "x", "karpenter.sh/nodepool": "gpu"}})
    for item in unborn(tiny.world()):
        assert item.labels.items() >= {"team": "ml", "billing": "x", "karpenter.sh/nodepool": "gpu"}.items()
        assert item.taints == (Taint("nvidia.com/gpu", "NoSchedule", "true"),)


def test_startup_taints_of_running_nodes_pass() -> None:
    """A node that still has its start-up taint, or Karpenter's own, takes any pod later (rule 9.1)."""
    tiny = pool(f"{TYPE} In g5.xlarge", startup=["wait=1:NoSchedule"])
    taints = ["wait=1:NoSchedule", "karpenter.sh/disrupted:NoSchedule"]
    tiny.node("k1", labels={"karpenter.sh/nodepool": "gpu"}, taints=taints)
    (born,) = (item for item in tiny.world().classes if item.born)
    assert born.taints == ()


def test_label_a_pool_does_not_name() -> None:
    """A label of the user's own that the pool does not name is on no node of it: Karpenter launches none for the pod.

    (rule 9.1)
    """
    assert found(pool(f"{TYPE} In g5.xlarge"), {"nodeSelector": {"mine": "x"}}).places == ()


def test_label_left_open_is_unknown() -> None:
    """A requirement Exists lets pods name the value: a pod that does is neither sure nor refused (rule 9.1)."""
    answer = found(pool(f"{TYPE} In g5.xlarge", "mine Exists"), {"nodeSelector": {"mine": "x"}})
    assert answer.places
    assert all(isinstance(place.doubt, Unknown) for place in answer.places)


@pytest.mark.parametrize(("value", "feasible"), [("a", True), ("b", True), ("c", False)])
def test_alternatives(value: str, feasible: bool) -> None:
    """A requirement of several values that a rule reads makes a class for each (rule 9.1)."""
    answer = found(pool(f"{TYPE} In g5.xlarge", "tier In a,b"), {"nodeSelector": {"tier": value}})
    assert bool(answer.places) is feasible
    assert all(place.doubt is None for place in answer.places)


def test_too_many_alternatives_are_unknown() -> None:
    """More values than are told apart: the label is unknown, and no class is lost (rule 9.1)."""
    values = ",".join(f"v{number}" for number in range(20))
    answer = found(pool(f"{TYPE} In g5.xlarge", f"tier In {values}"), {"nodeSelector": {"tier": "v3"}})
    assert answer.places
    assert all(place.doubt is not None for place in answer.places)


def test_capacity_type() -> None:
    """Spot and on-demand are alternatives where the pool admits both; one that it does not admit is refused.

    (rule 9.1)
    """
    both = pool(f"{TYPE} In g5.xlarge", "karpenter.sh/capacity-type In spot,on-demand")
    assert all(
        place.doubt is None for place in found(both, {"nodeSelector": {"karpenter.sh/capacity-type": "spot"}}).places
    )
    one = pool(f"{TYPE} In g5.xlarge", "karpenter.sh/capacity-type In on-demand")
    assert found(one, {"nodeSelector": {"karpenter.sh/capacity-type": "spot"}}).places == ()


@pytest.mark.parametrize(
    ("requirement", "subnets"),
    [
        ("topology.kubernetes.io/zone In us-east-1a", ["subnet-a"]),
        ("failure-domain.beta.kubernetes.io/zone In us-east-1a", ["subnet-a"]),
        ("topology.kubernetes.io/zone NotIn us-east-1a", ["subnet-b"]),
        ("topology.kubernetes.io/zone Exists", ["subnet-a", "subnet-b"]),
    ],
)
def test_zones(requirement: str, subnets: list[str]) -> None:
    """Only subnets in zones that the requirements admit (rule 9.1)."""
    world = pool(f"{TYPE} In g5.xlarge", requirement).world()
    assert [item.host.subnet for item in unborn(world)] == subnets


def test_no_subnet_in_the_zone() -> None:
    """A zone without a subnet is an error that says what to do, not "no node" (rule 9.1)."""
    unknown = pool(f"{TYPE} In g5.xlarge", "topology.kubernetes.io/zone In us-east-1f").world().unknown_templates["gpu"]
    assert unknown.cause is Cause.ERROR
    assert "us-east-1f" in unknown.detail


# --- instance types -----------------------------------------------------------------------


def test_named_type_that_was_described() -> None:
    """A type's description gives its capacity; a pod that is too big is refused (rule 9.1)."""
    tiny = instance_type(pool(f"{TYPE} In g5.xlarge"), "g5.xlarge", cpus=4, gpus=1)
    answer = found(tiny, wants(gpu="1"))
    assert [place.doubt for place in answer.places] == [None, None]
    assert found(instance_type(pool(f"{TYPE} In g5.xlarge"), "g5.xlarge", gpus=1), wants(gpu="2")).places == ()


def test_named_type_that_was_not_described() -> None:
    """Without its description what fits is unknown, and the command is named (rule 9.1)."""
    answer = found(pool(f"{TYPE} In g5.xlarge").drop(kinds.INSTANCE_TYPES), wants(gpu="1"))
    assert answer.places
    assert all(place.doubt and "describe-instance-types" in place.doubt.remedy for place in answer.places)


def test_family_and_size_name_a_type() -> None:
    """A family and a size are a type by name (rule 9.1)."""
    tiny = pool(f"{FAMILY} In g5,g6", "karpenter.k8s.aws/instance-size In xlarge")
    assert tiny.world().groups["gpu"].instance_types == ("g5.xlarge", "g6.xlarge")


def test_types_that_requirements_exclude() -> None:
    """Requirements on properties exclude types that were described and do not have them (rule 9.1)."""
    tiny = pool(f"{TYPE} In g5.xlarge,m5.large", f"{GPU} Gt 0")
    instance_type(instance_type(tiny, "g5.xlarge", gpus=1), "m5.large")
    assert tiny.world().groups["gpu"].instance_types == ("g5.xlarge",)


def test_every_named_type_is_excluded() -> None:
    """A pool whose own requirements contradict one another is an error (rule 9.1)."""
    tiny = instance_type(pool(f"{TYPE} In m5.large", f"{GPU} Exists"), "m5.large")
    assert tiny.world().unknown_templates["gpu"].cause is Cause.ERROR


def test_pool_without_accelerators_refuses_gpus() -> None:
    """Categories that have no accelerators offer no device, whichever type is chosen (rule 9.1)."""
    answer = found(pool(f"{CATEGORY} In c,m,r", "karpenter.k8s.aws/instance-generation Gt 4"), wants(gpu="1"))
    assert answer.places == ()


def test_open_choice_is_in_doubt() -> None:
    """Which of a category's types is chosen is not known: requests are in doubt, a pod without any is not.

    (rule 9.1)
    """
    assert all(place.doubt for place in found(pool(f"{CATEGORY} In m"), wants(cpu="1")).places)
    assert [place.doubt for place in found(pool(f"{CATEGORY} In m")).places] == [None, None]


def test_described_types_of_an_open_choice_are_sure() -> None:
    """Types that were described and are admitted are certain places; another one remains possible (rule 9.1)."""
    tiny = instance_type(pool(f"{FAMILY} In g5"), "g5.xlarge", gpus=1)
    answer = found(instance_type(tiny, "m5.large"), wants(gpu="1"))
    assert {place.node_class.labels.get(TYPE) for place in answer.places if place.doubt is None} == {"g5.xlarge"}
    assert any(place.doubt for place in answer.places)


def test_gpu_pool_is_recognised() -> None:
    """A pool of GPU families offers GPUs with the requirement as evidence; one of mixed families is not certain to.

    (rule 9.1)
    """
    assert "instance-family g5" in pool(f"{FAMILY} In g5").world().groups["gpu"].offers["nvidia.com/gpu"]
    assert pool(f"{CATEGORY} In p").world().groups["gpu"].offers
    assert pool("karpenter.k8s.aws/instance-gpu-manufacturer In nvidia").world().groups["gpu"].offers
    assert not pool(f"{FAMILY} In g5,m5").world().groups["gpu"].offers
    assert not pool(f"{FAMILY} In g4ad").world().groups["gpu"].offers
    assert any(name.startswith("g5.") for name in pool(f"{FAMILY} In g5,m5").world().groups["gpu"].instance_types)
    assert all(name[0] in "cmr" for name in pool(f"{CATEGORY} In c,m,r").world().groups["gpu"].instance_types)


def test_many_types_are_folded_and_lose_no_place() -> None:
    """More types than are told apart are folded by their GPUs; the largest of each fits what any of them would.

    (rule 9.1)
    """
    tiny = pool(f"{FAMILY} In g5,m5")
    for number, name in enumerate(("large", "xlarge", "2xlarge", "4xlarge", "8xlarge", "16xlarge", "24xlarge")):
        instance_type(tiny, f"m5.{name}", cpus=2 * 2**number, gib=8 * 2**number)
    instance_type(tiny, "g5.48xlarge", cpus=192, gib=768, gpus=8)
    answer = found(tiny, wants(cpu="100"))
    sure = [place for place in answer.places if place.doubt is None]
    assert len(sure) == 4, "one for the m5 and one for the g5, in each subnet"
    assert len(unborn(tiny.world(), "gpu")) == 6


def test_device_limited_to_zero() -> None:
    """A limit of 0 on a device excludes types that have it, and no other (rule 9.1)."""
    tiny = pool(f"{TYPE} In g5.xlarge,m5.large", limits={"nvidia.com/gpu": "0"})
    instance_type(instance_type(tiny, "g5.xlarge", gpus=1), "m5.large")
    assert {item.labels[TYPE] for item in unborn(tiny.world())} == {"m5.large"}


def test_kubelet_max_pods() -> None:
    """The node class's maxPods is what a new node takes (rule 9.1)."""
    tiny = node_pool(ec2_node_class(Tiny(), kubelet={"maxPods": 20}), "gpu", f"{TYPE} In m5.large")
    (first, _) = unborn(instance_type(tiny, "m5.large").world())
    assert isinstance(first.allocatable, dict)
    assert first.allocatable["pods"] == "20"


# --- node classes -------------------------------------------------------------------------


def test_status_gives_groups_and_subnets() -> None:
    """What Karpenter has resolved counts, with the node class as evidence."""
    tiny = node_pool(
        ec2_node_class(Tiny(), subnets=["subnet-b"], groups=["sg-2", "sg-1"]), "gpu", f"{TYPE} In m5.large"
    )
    (item,) = unborn(tiny.world())
    assert (item.host.subnet, item.host.security_groups) == ("subnet-b", ("sg-1", "sg-2"))
    assert item.host.refs[0].kind == "ec2nodeclasses"


def by_terms(groups: list[Raw], subnets: list[Raw]) -> Tiny:
    """A node class without status."""
    tiny = Tiny()
    spec = {"subnetSelectorTerms": subnets, "securityGroupSelectorTerms": groups}
    tiny.put(kinds.EC2_NODE_CLASSES, {"metadata": {"name": "default"}, "spec": spec})
    for name, tags in (("sg-1", {"discovery": "tiny", "env": "test"}), ("sg-2", {"discovery": "tiny"}), ("sg-3", {})):
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        tiny.put(kinds.SECURITY_GROUPS, {"GroupId": name, "GroupName": f"name-{name}", "Tags": pairs})
    tiny.subnet("subnet-c", "us-east-1c", "10.0.9.0/24", discovery="tiny")
    return node_pool(tiny, "gpu", f"{TYPE} In m5.large")


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ([{"tags": {"discovery": "tiny"}}], ("sg-1", "sg-2")),
        ([{"tags": {"discovery": "tiny", "env": "test"}}], ("sg-1",)),
        ([{"tags": {"env": "*"}}], ("sg-1",)),
        ([{"tags": {"discovery": "t?n*"}}], ("sg-1", "sg-2")),
        ([{"tags": {"env": "test"}}, {"id": "sg-3"}], ("sg-1", "sg-3")),
        ([{"name": "name-sg-3"}, {"name": "name-sg-2"}], ("sg-2", "sg-3")),
    ],
)
def test_terms(terms: list[Raw], expected: tuple[str, ...]) -> None:
    """Terms are ORed, tags inside one ANDed; ``*`` is any value."""
    (item,) = unborn(by_terms(terms, [{"tags": {"discovery": "tiny"}}]).world())
    assert (item.host.subnet, item.host.security_groups) == ("subnet-c", expected)
    assert item.zone == "us-east-1c"


def test_terms_over_what_was_not_read() -> None:
    """Whether a class selects any subnet and group, and so makes nodes, is unknown where these were not read."""
    terms = [{"tags": {"discovery": "tiny"}}]
    for kind in (kinds.SECURITY_GROUPS, kinds.SUBNETS):
        tiny = by_terms(terms, terms).drop(kind)
        unknown = tiny.world().unknown_templates["gpu"]
        assert (unknown.cause, kind.command in unknown.remedy) == (Cause.NOT_COLLECTED, True)
        assert found(tiny).places == ()


@pytest.mark.parametrize("kind", [kinds.SECURITY_GROUPS, kinds.SUBNETS])
@pytest.mark.parametrize("read", [True, False])
def test_ids_that_were_not_read(kind: kinds.Kind[Any], read: bool) -> None:
    """An id that was not read makes no place: it does not exist, or whether it does is not known (rule 9.1)."""
    ids = {kinds.SECURITY_GROUPS: "sg-1", kinds.SUBNETS: "subnet-c"} | {kind: "absent-9"}
    tiny = by_terms([{"id": ids[kinds.SECURITY_GROUPS]}], [{"id": ids[kinds.SUBNETS]}])
    if not read:
        tiny.drop(kind)
    unknown = tiny.world().unknown_templates["gpu"]
    assert unknown.cause is (Cause.ERROR if read else Cause.NOT_COLLECTED)
    assert "absent-9" in unknown.detail
    assert found(tiny).places == ()


def test_id_that_does_not_exist_beside_one_that_does() -> None:
    """Nodes are made with what exists of the ids (rule 9.1)."""
    tiny = by_terms([{"id": "sg-1"}, {"id": "sg-9"}], [{"id": "subnet-c"}, {"id": "subnet-z"}])
    (item,) = unborn(tiny.world())
    assert (item.host.subnet, item.host.security_groups) == ("subnet-c", ("sg-1",))


def test_status_over_what_was_not_read() -> None:
    """What the controller found exists; only its zone may be open (rule 9.1)."""
    tiny = node_pool(Tiny(), "gpu", f"{TYPE} In g5.xlarge")
    status = {"subnets": [{"id": "subnet-z"}], "securityGroups": [{"id": "sg-9"}]}
    tiny.put(kinds.EC2_NODE_CLASSES, {"metadata": {"name": "default"}, "status": status})
    (item,) = unborn(tiny.drop(kinds.SUBNETS).world())
    assert (item.host.subnet, item.host.security_groups) == ("subnet-z", ("sg-9",))
    assert "topology.kubernetes.io/zone" in item.unknown_labels


def test_terms_that_select_nothing() -> None:
    """Terms without a match launch no node: that is said, and is not "no group" (rule 9.1)."""
    unknown = by_terms([{"id": "sg-1"}], [{"tags": {"none": "x"}}]).world().unknown_templates["gpu"]
    assert unknown.cause is Cause.ERROR


@pytest.mark.parametrize("how", ["absent", "not read"])
def test_missing_node_class(how: str) -> None:
    """A node class that does not exist, or was not read, leaves the template unknown, with what to do (rule 9.1)."""
    tiny = node_pool(Tiny(), "gpu", f"{TYPE} In m5.large", node_class="mine")
    if how == "not read":
        tiny.drop(kinds.EC2_NODE_CLASSES)
    unknown = tiny.world().unknown_templates["gpu"]
    assert ("create EC2NodeClass mine" if how == "absent" else "kubectl get ec2nodeclasses") in unknown.remedy


def test_foreign_node_class() -> None:
    """A node class of another provider is not modelled (rule 9.1)."""
    unknown = node_pool(Tiny(), "gpu", group="karpenter.azure.com").world().unknown_templates["gpu"]
    assert unknown.cause is Cause.NOT_MODELLED


def test_v1beta1_reference() -> None:
    """Before karpenter.sh/v1 the group of a node class stood in its apiVersion (rule 9.1)."""
    tiny = pool(f"{TYPE} In m5.large")
    ref = tiny.objects["nodepools"][0]["spec"]["template"]["spec"]["nodeClassRef"]
    ref["apiVersion"] = f"{ref.pop('group')}/v1beta1"
    assert tiny.world().groups["gpu"].kind is GroupKind.KARPENTER
    assert unborn(tiny.world())


def test_user_data_that_sets_labels_and_taints() -> None:
    """User data of the node class may give labels and taints: they are then unknown (rule 9.1)."""
    text = "--node-labels=mine=x --register-with-taints=a=b:NoSchedule"
    tiny = node_pool(ec2_node_class(Tiny(), userData=text), "gpu", f"{TYPE} In m5.large")
    answer = found(tiny, {"nodeSelector": {"mine": "x"}})
    assert answer.places
    assert all(place.doubt is not None for place in answer.places)
    assert all(isinstance(place.node_class.taints, Unknown) for place in answer.places)


# --- what was not read --------------------------------------------------------------------


def test_nodes_of_a_pool_that_was_not_read() -> None:
    """Nodes tell that a NodePool exists; without it their successors are unknown, and the command is named.

    (rule 9.1)
    """
    tiny = Tiny()
    tiny.node("k1", labels={"karpenter.sh/nodepool": "gpu"})
    unknown = tiny.drop(kinds.NODE_POOLS).world().unknown_templates["gpu"]
    assert kinds.NODE_POOLS.command in unknown.remedy


def test_definition_without_pools() -> None:
    """A definition of NodePools without the NodePools: somebody may make nodes (rule 9.1)."""
    tiny = Tiny().put(kinds.CRDS, {"metadata": {"name": "nodepools.karpenter.sh"}})
    assert tiny.world().other_makers == ()
    (unknown,) = tiny.drop(kinds.NODE_POOLS).world().other_makers
    assert kinds.NODE_POOLS.command in unknown.remedy


def test_provisioners_are_not_modelled() -> None:
    """A Karpenter of versions before 0.32 makes nodes by Provisioners (rule 9.1)."""
    tiny = Tiny().deployment("kube-system/karpenter", labels={"app.kubernetes.io/name": "karpenter"})
    tiny.put(kinds.CRDS, {"metadata": {"name": "provisioners.karpenter.sh"}})
    (unknown,) = tiny.world().other_makers
    assert unknown.cause is Cause.NOT_MODELLED


def test_same_input_same_world() -> None:
    """The order of pools, terms and types in the input decides nothing."""
    one, other = pool(f"{TYPE} In g5.xlarge,m5.large"), pool(f"{TYPE} In m5.large,g5.xlarge")
    assert [item.id for item in one.world().classes] == [item.id for item in other.world().classes]
    assert [item.labels for item in one.world().classes] == [item.labels for item in other.world().classes]


def test_requirement_notation() -> None:
    """The notation of these tests is the API's object."""
    assert req("a In b,c") == {"key": "a", "operator": "In", "values": ["b", "c"]}
