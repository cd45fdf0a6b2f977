from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from clusterproof.placement.places import places
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.trace import Layer, Outcome
from clusterproof.reach.vpcpath import vpc_hops
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.interfaces import primary_groups
from clusterproof.world.model import Attachment, Interface
from tests.world.build import ROOMY, Tiny

CUSTOM = {"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true"}
PODS = {"ENABLE_POD_ENI": "true"}


def interfaces(tiny: Tiny, workload: str = "deploy/app/web") -> tuple[Interface, ...]:
    """What the workload's pods may have on the first node class."""
    world = tiny.world()
    return world.interfaces.of(world.by_id[workload], world.classes[0])


TRUNK = ROOMY | {"vpc.amazonaws.com/pod-eni": "9"}


def web(
    env: dict[str, str] | None = None,
    spec: dict[str, Any] | None = None,
    *,
    held: Sequence[tuple[str, Sequence[str]]] = (),
    version: str = "1.20.4",
    **labels: str,
) -> Tiny:
    """One node with the CNI's interfaces ``held``, and a Deployment ``app/web``; ``subnet-p`` is in the node's zone."""
    tiny = Tiny().cni(env or {}, version=version).deployment("app/web", spec, labels=labels)
    tiny.subnet("subnet-p", "us-east-1a", "10.0.9.0/24")
    tiny.node("n0", ["sg-node"], pod_interfaces=held, allocatable=TRUNK)
    return tiny


def tag(tiny: Tiny, kind: str, name: str, **tags: str) -> Tiny:
    """Put tags on a subnet or a security group; ``__`` in a key stands for ``/``, ``_`` for ``.``."""
    for raw in tiny.objects[kind]:
        if name in (raw.get("SubnetId"), raw.get("GroupId")):
            pairs = ((key.replace("__", "/").replace("_", "."), value) for key, value in tags.items())
            raw.setdefault("Tags", []).extend({"Key": key, "Value": value} for key, value in pairs)
    return tiny


def sgp(name: str, groups: list[str], **selectors: Any) -> dict[str, Any]:
    """A SecurityGroupPolicy in namespace app."""
    return {
        "metadata": {"namespace": "app", "name": name},
        "spec": {"securityGroups": {"groupIds": groups}, **selectors},
    }


def eni(name: str, groups: list[str], subnet: str = "subnet-p") -> dict[str, Any]:
    """An ENIConfig."""
    return {"metadata": {"name": name}, "spec": {"subnet": subnet, "securityGroups": groups}}


def test_host_network_has_the_primary() -> None:
    """A host-network pod uses the node's own interface, whatever else is set (rule 5.4)."""
    tiny = web(CUSTOM | PODS, {"hostNetwork": True}).put(
        kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], podSelector={})
    )
    (found,) = interfaces(tiny)
    assert (found.attachment, found.security_groups, found.subnet) == (Attachment.HOST, ("sg-node",), "subnet-a")


def test_pods_share_the_primary_groups() -> None:
    """By default a pod's interface has the primary interface's groups and subnet (rule 5.1)."""
    (found,) = interfaces(web())
    assert (found.attachment, found.security_groups, found.subnet) == (Attachment.SECONDARY, ("sg-node",), "subnet-a")


def test_subnet_discovery() -> None:
    """Subnets of the same zone and VPC tagged for the CNI are further places for a pod's interface (rule 5.3)."""
    tiny = web()
    tiny.subnet("subnet-c", "us-east-1a", "10.0.3.0/24", kubernetes__io__role__cni="1")
    tiny.objects["subnets"][-1]["Tags"] = [{"Key": "kubernetes.io/role/cni", "Value": "1"}]
    for name, zone, vpc, value in (
        ("subnet-d", "us-east-1b", "vpc-1", "1"),
        ("subnet-e", "us-east-1a", "vpc-2", "1"),
        ("subnet-f", "us-east-1a", "vpc-1", "0"),
    ):
        tiny.subnet(name, zone, "10.0.4.0/24", vpc=vpc)
        tiny.objects["subnets"][-1]["Tags"] = [{"Key": "kubernetes.io/role/cni", "Value": value}]
    assert [item.subnet for item in interfaces(tiny)] == ["subnet-a", "subnet-c"]
    assert [item.subnet for item in interfaces(tiny.cni({"ENABLE_SUBNET_DISCOVERY": "false"}))] == ["subnet-a"]


def test_custom_networking() -> None:
    """Under custom networking subnet and groups are the ENIConfig's; the node's own stay for source NAT (rule 5.2)."""
    held = [("subnet-p", ["sg-pod", "sg-also"])]
    (found,) = interfaces(web(CUSTOM, held=held).put(kinds.ENI_CONFIGS, eni("default", ["sg-pod", "sg-also"])))
    assert (found.attachment, found.security_groups, found.subnet) == (
        Attachment.CUSTOM,
        ("sg-also", "sg-pod"),
        "subnet-p",
    )
    assert (found.node_security_groups, found.node_subnet) == (("sg-node",), "subnet-a")


def test_custom_networking_without_groups() -> None:
    """An ENIConfig without groups takes the primary interface's (rule 5.2)."""
    held = [("subnet-p", ["sg-node"])]
    (found,) = interfaces(web(CUSTOM, held=held).put(kinds.ENI_CONFIGS, eni("default", [])))
    assert (found.security_groups, found.subnet) == (("sg-node",), "subnet-p")


def test_missing_eni_config() -> None:
    """Without the ENIConfig a node's pods get no address: unknown, never allowed (rule 5.2)."""
    (found,) = interfaces(web(CUSTOM).put(kinds.ENI_CONFIGS, eni("other", ["sg-x"])))
    assert isinstance(found.security_groups, Unknown)
    assert found.security_groups.cause is Cause.ERROR
    assert "ENIConfig default" in found.security_groups.detail


def test_eni_configs_not_read() -> None:
    """ENIConfigs that were not read are unknown with their command (rule 5.2)."""
    (found,) = interfaces(web(CUSTOM).drop(kinds.ENI_CONFIGS))
    assert isinstance(found.subnet, Unknown)
    assert kinds.ENI_CONFIGS.command in found.subnet.remedy


@pytest.mark.parametrize(
    ("env", "attachment"),
    [
        (PODS, Attachment.BRANCH_STRICT),
        (PODS | {"POD_SECURITY_GROUP_ENFORCING_MODE": "standard"}, Attachment.BRANCH_STANDARD),
        (PODS | CUSTOM, Attachment.BRANCH_STRICT),
    ],
)
def test_policy_by_pod(env: dict[str, str], attachment: Attachment) -> None:
    """A SecurityGroupPolicy that selects the pod gives a branch interface, over an ENIConfig's groups too (rule 5.4)."""
    tiny = web(env).put(kinds.ENI_CONFIGS, eni("default", ["sg-eni"]))
    tiny.put(kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], podSelector={"matchLabels": {"app": "web"}}))
    (found,) = interfaces(tiny)
    assert (found.attachment, found.security_groups) == (attachment, ("sg-p",))
    assert found.subnet == ("subnet-p" if CUSTOM.items() <= env.items() else "subnet-a")
    assert found.node_security_groups == ("sg-node",)


def test_policies_add_up() -> None:
    """The groups of all matching policies are united; others and other namespaces do not count (rule 5.4)."""
    everyone: dict[str, Any] = {"podSelector": {}}
    elsewhere = sgp("other", ["sg-4"], **everyone)
    elsewhere["metadata"]["namespace"] = "kube-system"
    tiny = web(PODS).put(
        kinds.SECURITY_GROUP_POLICIES,
        sgp("a", ["sg-2", "sg-1"], **everyone),
        sgp("b", ["sg-2", "sg-3"], podSelector={"matchLabels": {"app": "web"}}),
        sgp("c", ["sg-5"], podSelector={"matchLabels": {"app": "no"}}),
        sgp("no-selector", ["sg-6"]),
        elsewhere,
    )
    assert interfaces(tiny)[0].security_groups == ("sg-1", "sg-2", "sg-3")


@pytest.mark.parametrize(
    ("pod", "account", "selected"),
    [("web", "gold", True), ("no", "gold", False), ("web", "tin", False), (None, "gold", True), (None, "tin", False)],
)
def test_both_selectors_must_match(pod: str | None, account: str, selected: bool) -> None:
    """With a pod and a service account selector both have to match; the account's labels are read (rule 5.4)."""
    selectors: dict[str, Any] = {"serviceAccountSelector": {"matchLabels": {"tier": account}}}
    if pod is not None:
        selectors["podSelector"] = {"matchLabels": {"app": pod}}
    tiny = web(PODS, {"serviceAccountName": "me"}).put(kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], **selectors))
    tiny.put(kinds.SERVICE_ACCOUNTS, {"metadata": {"namespace": "app", "name": "me", "labels": {"tier": "gold"}}})
    assert (interfaces(tiny)[0].security_groups == ("sg-p",)) is selected


def test_service_accounts_not_read() -> None:
    """A policy by service account cannot be decided without the accounts; it may be a branch interface (rule 5.4)."""
    account = sgp("p", ["sg-p"], serviceAccountSelector={"matchLabels": {"tier": "gold"}})
    (found,) = interfaces(web(PODS).put(kinds.SECURITY_GROUP_POLICIES, account).drop(kinds.SERVICE_ACCOUNTS))
    assert isinstance(found.security_groups, Unknown)
    assert kinds.SERVICE_ACCOUNTS.command in found.security_groups.remedy
    assert found.attachment is Attachment.BRANCH_STRICT


def test_policies_not_read() -> None:
    """SecurityGroupPolicies matter only where security groups for pods are on; then they must be known (rule 5.4)."""
    assert interfaces(web().drop(kinds.SECURITY_GROUP_POLICIES))[0].security_groups == ("sg-node",)
    unread = interfaces(web(PODS).drop(kinds.SECURITY_GROUP_POLICIES))[0].security_groups
    assert isinstance(unread, Unknown)


def test_policies_read_in_the_namespace() -> None:
    """A namespaced permission that covers the pod's namespace is enough (rule 5.4)."""
    tiny = web(PODS)
    snapshot = tiny.snapshot()
    table = snapshot.tables[kinds.SECURITY_GROUP_POLICIES.name]
    denied = Unknown(Cause.DENIED, "denied", "needs: list securitygrouppolicies")
    tiny.partly(kinds.SECURITY_GROUP_POLICIES, denied)
    assert interfaces(tiny)[0].security_groups == denied
    tiny.coverage[table.kind.name] = [*tiny.coverage[table.kind.name], type(tiny.coverage[table.kind.name][0])("app")]
    assert interfaces(tiny)[0].security_groups == ("sg-node",)


def test_union_for_display() -> None:
    """Groups are united for display, and an unknown one stays unknown."""
    one = interfaces(web())[0]
    unknown = interfaces(web(PODS).drop(kinds.SECURITY_GROUP_POLICIES))[0]
    assert primary_groups([one, one]) == ("sg-node",)
    assert isinstance(primary_groups([one, unknown]), Unknown)


def test_an_eni_config_of_another_zone() -> None:
    """The ENIConfig's subnet was taken also in another zone than the node's, where no interface can be made (rule 5.2)."""
    (found,) = interfaces(web(CUSTOM).put(kinds.ENI_CONFIGS, eni("default", ["sg-pod"], "subnet-b")))
    for unknown in (found.security_groups, found.subnet):
        assert isinstance(unknown, Unknown)
        assert unknown.cause is Cause.ERROR
        assert "ENIConfig default" in unknown.detail
        assert "us-east-1b" in unknown.detail
        assert "us-east-1a" in unknown.detail


def test_a_node_older_than_custom_networking() -> None:
    """A node that shows its primary interface only was judged by the ENIConfig, though its pods may have its groups (rule 5.2)."""
    (found,) = interfaces(web(CUSTOM).put(kinds.ENI_CONFIGS, eni("default", ["sg-pod"])))
    assert isinstance(found.security_groups, Unknown)
    assert "node n0" in found.security_groups.detail
    assert "node n0" in found.security_groups.remedy


def test_older_interfaces_stay_places() -> None:
    """Interfaces that were made before the ENIConfig said so are places as well, with the groups that they have (rule 5.2)."""
    tiny = web(CUSTOM, held=[("subnet-a", ["sg-node"]), ("subnet-p", ["sg-pod"])])
    found = interfaces(tiny.put(kinds.ENI_CONFIGS, eni("default", ["sg-pod"])))
    assert {(item.subnet, item.security_groups) for item in found} == {
        ("subnet-p", ("sg-pod",)),
        ("subnet-a", ("sg-node",)),
    }


def test_nodes_of_different_age_are_different_classes() -> None:
    """A node of custom networking and an older one of the same group are told apart, and the next one is as the new (rule 5.2)."""
    tiny = Tiny().cni(CUSTOM, version="1.20.4").deployment("app/web").subnet("subnet-p", "us-east-1a", "10.0.9.0/24")
    tiny.managed("g", ["sg-node"], nodes=0, size=(0, 2, 3)).put(kinds.ENI_CONFIGS, eni("default", ["sg-pod"]))
    labels = {"eks.amazonaws.com/nodegroup": "g", "eks.amazonaws.com/capacityType": "ON_DEMAND"}
    tiny.node("old", ["sg-node"], labels=labels)
    tiny.node("new", ["sg-node"], labels=labels, pod_interfaces=[("subnet-p", ["sg-pod"])])
    world = tiny.world()
    found = {item.nodes: world.interfaces.of(world.by_id["deploy/app/web"], item) for item in world.classes}
    assert sorted(found) == [("new",), ("old",)]
    assert found["new",][0].security_groups == ("sg-pod",)
    assert isinstance(found["old",][0].security_groups, Unknown)


def test_interfaces_of_others_do_not_count() -> None:
    """What the VPC CNI did not make (an appliance, a trunk) says nothing about where pods are (rule 5.2)."""
    tiny = web(CUSTOM, held=[("subnet-p", ["sg-pod"]), ("subnet-a", ["sg-x"]), ("subnet-a", ["sg-y"])])
    instance = tiny.objects["instances"][0]["NetworkInterfaces"]
    instance[2]["Description"] = "by hand"
    instance[3]["InterfaceType"] = "trunk"
    (found,) = interfaces(tiny.put(kinds.ENI_CONFIGS, eni("default", ["sg-pod"])))
    assert found.security_groups == ("sg-pod",)


def test_custom_networking_where_instances_were_not_read() -> None:
    """Whether a node is older than custom networking cannot be told without its interfaces (rule 5.2)."""
    tiny = web(CUSTOM, held=[("subnet-p", ["sg-pod"])]).put(kinds.ENI_CONFIGS, eni("default", ["sg-pod"]))
    (found,) = interfaces(tiny.drop(kinds.INSTANCES))
    assert isinstance(found.security_groups, Unknown)
    assert kinds.INSTANCES.command in found.security_groups.remedy


def places_of(tiny: Tiny) -> list[tuple[Any, Any]]:
    """Subnet and groups of the interfaces, an unknown one as the word."""
    return [
        tuple("unknown" if isinstance(part, Unknown) else part for part in (item.subnet, item.security_groups))  # type: ignore[misc]
        for item in interfaces(tiny)
    ]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.17.1", [("subnet-a", ("sg-node",))]),
        ("1.21.2", [("subnet-a", ("sg-node",)), ("subnet-p", ("sg-node",))]),
        ("1.22.0", [("subnet-a", ("sg-node",)), ("subnet-p", "unknown")]),
        ("1.22.1", [("subnet-a", ("sg-node",)), ("subnet-p", ("sg-own",))]),
        ("1.22.2", [("subnet-a", ("sg-node",)), ("subnet-p", ("sg-node",))]),
        ("1.23.0", [("subnet-a", ("sg-node",)), ("subnet-p", ("sg-node",))]),
        ("1.24.0", [("subnet-a", ("sg-node",)), ("subnet-p", "unknown")]),
        ("", [("subnet-a", ("sg-node",)), ("subnet-p", "unknown")]),
    ],
)
def test_tagged_groups(version: str, expected: list[tuple[Any, Any]]) -> None:
    """Groups tagged for the CNI were never seen; one release gives them to interfaces in other subnets (rule 5.3)."""
    tiny = tag(web(version=version).sg("sg-own").sg("sg-no"), "subnets", "subnet-p", kubernetes_io__role__cni="1")
    tag(tiny, "security-groups", "sg-own", kubernetes_io__role__cni="1")
    tag(tiny, "security-groups", "sg-no", kubernetes_io__role__cni="0")
    assert places_of(tiny) == expected


@pytest.mark.parametrize("version", ["1.22.1", "1.24.0", ""])
def test_no_tagged_groups(version: str) -> None:
    """Without tagged groups every release gives interfaces in other subnets the primary's (rule 5.3)."""
    tiny = tag(web(version=version), "subnets", "subnet-p", kubernetes_io__role__cni="1")
    assert places_of(tiny) == [("subnet-a", ("sg-node",)), ("subnet-p", ("sg-node",))]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.21.2", ["subnet-a", "subnet-p"]),
        ("1.22.0", ["unknown", "subnet-p"]),
        ("1.22.1", ["subnet-p"]),
        ("1.23.0", ["subnet-p"]),
        ("", ["unknown", "subnet-p"]),
    ],
)
def test_the_nodes_own_subnet_may_be_left_out(version: str, expected: list[str]) -> None:
    """The node's own subnet stayed a place where its tag is 0; it is left out from the release on that knows it (rule 5.3)."""
    tiny = tag(web(version=version), "subnets", "subnet-p", kubernetes_io__role__cni="1")
    tag(tiny, "subnets", "subnet-a", kubernetes_io__role__cni="0")
    assert [subnet for subnet, _ in places_of(tiny)] == expected


def test_no_subnet_is_left() -> None:
    """Where the own subnet is left out and no other is tagged, pods get no address: unknown, with the subnet (rule 5.3)."""
    (found,) = interfaces(tag(web(version="1.23.0"), "subnets", "subnet-a", kubernetes_io__role__cni="0"))
    assert isinstance(found.subnet, Unknown)
    assert "subnet-a" in found.subnet.detail


@pytest.mark.parametrize(("address", "stays"), [("10.0.0.7", True), ("10.0.9.7", False), ("", False)])
def test_pods_stay_in_a_subnet_that_was_left_out(address: str, stays: bool) -> None:
    """A pod that has its address from a subnet which was left out later is there still (rules 5.3, 5.4)."""
    tiny = tag(web(version="1.23.0"), "subnets", "subnet-p", kubernetes_io__role__cni="1")
    tag(tiny, "subnets", "subnet-a", kubernetes_io__role__cni="0")
    tiny.controller("ReplicaSet", "app/web-1").pod("app/web-1-x", "n0", owner="ReplicaSet/web-1")
    tiny.objects["pods"][-1]["status"]["podIP"] = address
    assert (("subnet-a", ("sg-node",)) in [place[:2] for place in running(tiny)]) is stays


def running(tiny: Tiny) -> list[tuple[Any, Any, Attachment]]:
    """Subnet, groups and kind of the interfaces of ReplicaSet ``app/web-1``."""
    return [(item.subnet, item.security_groups, item.attachment) for item in interfaces(tiny, "rs/app/web-1")]


@pytest.mark.parametrize(
    ("version", "env", "used"),
    [
        ("1.21.2", {"CLUSTER_NAME": "tiny"}, "yes"),
        ("1.23.0", {"CLUSTER_NAME": "tiny"}, "no"),
        ("1.23.0", {"CLUSTER_NAME": "other"}, "yes"),
        ("1.23.0", {}, "yes"),
        ("", {"CLUSTER_NAME": "tiny"}, "unknown"),
    ],
)
def test_a_subnet_of_another_cluster(version: str, env: dict[str, str], used: str) -> None:
    """A subnet reserved for another cluster was a place; its tag counts from 1.22.1 on, where CLUSTER_NAME is set (rule 5.3)."""
    tiny = tag(web(env, version=version), "subnets", "subnet-p", kubernetes_io__role__cni="1")
    tag(tiny, "subnets", "subnet-p", cni_networking_k8s_aws__cluster__other="shared")
    expected = {"yes": ["subnet-a", "subnet-p"], "no": ["subnet-a"], "unknown": ["subnet-a", "unknown"]}
    assert [subnet for subnet, _ in places_of(tiny)] == expected[used]


def test_the_general_cluster_tag_reserves_nothing() -> None:
    """Tag kubernetes.io/cluster/NAME, which many tools set, keeps no subnet from the CNI (rule 5.3)."""
    tiny = tag(web({"CLUSTER_NAME": "tiny"}, version="1.23.0"), "subnets", "subnet-p", kubernetes_io__role__cni="1")
    tag(tiny, "subnets", "subnet-p", kubernetes_io__cluster__other="shared")
    assert [subnet for subnet, _ in places_of(tiny)] == ["subnet-a", "subnet-p"]


def test_a_branch_interface_is_in_the_instances_subnet() -> None:
    """A pod with groups of its own was placed in discovered subnets too; its interface is in the instance's (rule 5.4)."""
    tiny = tag(web(PODS), "subnets", "subnet-p", kubernetes_io__role__cni="1")
    tiny.put(kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], podSelector={}))
    assert places_of(tiny) == [("subnet-a", ("sg-p",))]
    # Where it cannot be told whether one selects, both stay.
    tiny.drop(kinds.SECURITY_GROUP_POLICIES)
    assert places_of(tiny) == [("subnet-a", "unknown"), ("subnet-p", "unknown")]


@pytest.mark.parametrize(
    ("offered", "env", "selected", "feasible"),
    [
        ({}, PODS, True, False),
        ({"vpc.amazonaws.com/pod-eni": "0"}, PODS, True, False),
        ({"vpc.amazonaws.com/pod-eni": "9"}, PODS, True, True),
        ({}, PODS, False, True),
        ({}, {}, True, True),
    ],
)
def test_branch_interfaces_need_a_trunk(
    offered: dict[str, str], env: dict[str, str], selected: bool, feasible: bool
) -> None:
    """A pod with groups of its own was taken to fit nodes without a trunk; the scheduler refuses them (rule 5.4)."""
    tiny = Tiny().cni(env).deployment("app/web")
    tiny.node("n0", ["sg-node"], allocatable=ROOMY | offered, labels={"vpc.amazonaws.com/has-trunk-attached": "false"})
    app = "web" if selected else "no"
    tiny.put(kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], podSelector={"matchLabels": {"app": app}}))
    world = tiny.world()
    found = places(world, world.by_id["deploy/app/web"])
    assert bool(found.places) is feasible
    if not feasible:
        assert "Insufficient vpc.amazonaws.com/pod-eni" in found.message


def test_policies_not_read_leave_nodes_without_a_trunk_in_doubt() -> None:
    """Whether a node without a trunk is a place depends on policies that were not read: in doubt, not refused (rule 5.4)."""
    tiny = Tiny().cni(PODS).deployment("app/web").drop(kinds.SECURITY_GROUP_POLICIES)
    tiny.node("n0", ["sg-node"])
    world = tiny.world()
    (place,) = places(world, world.by_id["deploy/app/web"]).places
    assert place.doubt is not None


@pytest.mark.parametrize(("instance_type", "doubtful"), [("t3.large", False), ("m5.large", True)])
def test_a_group_at_zero_and_trunks(instance_type: str, doubtful: bool) -> None:
    """Of a group at zero the t types have no trunk for certain; of the others it is in doubt (rules 4.4, 5.4)."""
    tiny = Tiny().cni(PODS).deployment("app/web").managed("g", ["sg-node"], nodes=0, types=(instance_type,))
    info = {"DefaultVCpus": 2}, {"SizeInMiB": 8192}
    described = {"InstanceType": instance_type, "VCpuInfo": info[0], "MemoryInfo": info[1]}
    tiny.put(kinds.INSTANCE_TYPES, described).put(kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], podSelector={}))
    world = tiny.world()
    found = places(world, world.by_id["deploy/app/web"]).places
    assert [place.doubt is not None for place in found] == ([True] if doubtful else [])


def test_running_pods_keep_their_mode() -> None:
    """A pod that was made before its policy stays ordinary, and is judged beside the next one (rule 5.4)."""
    tiny = web(PODS).put(kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], podSelector={}))
    tiny.controller("ReplicaSet", "app/web-1").pod("app/web-1-x", "n0", owner="ReplicaSet/web-1")
    assert running(tiny) == [
        ("subnet-a", ("sg-p",), Attachment.BRANCH_STRICT),
        ("subnet-a", ("sg-node",), Attachment.SECONDARY),
    ]


@pytest.mark.parametrize("read", [True, False])
def test_running_pods_keep_their_branch_interface(read: bool) -> None:
    """A pod keeps its branch interface, and the groups of it, after its policy is gone (rule 5.4)."""
    tiny = web(PODS).controller("ReplicaSet", "app/web-1")
    limits = {"limits": {"vpc.amazonaws.com/pod-eni": "1"}}
    tiny.pod("app/web-1-x", "n0", owner="ReplicaSet/web-1", spec={"containers": [{"name": "m", "resources": limits}]})
    tiny.objects["pods"][-1]["status"]["podIP"] = "10.0.0.7"
    branch = {"NetworkInterfaceId": "eni-b", "InterfaceType": "branch", "PrivateIpAddress": "10.0.0.7"}
    if read:
        tiny.put(kinds.NETWORK_INTERFACES, branch | {"SubnetId": "subnet-a", "Groups": [{"GroupId": "sg-old"}]})
    ordinary, kept = running(tiny)
    assert ordinary == ("subnet-a", ("sg-node",), Attachment.SECONDARY)
    assert kept[2] is Attachment.BRANCH_STRICT
    assert kept[1] == ("sg-old",) if read else isinstance(kept[1], Unknown)


def ipv6(env: dict[str, str] | None = None, *rules: str) -> Tiny:
    """An IPv6 cluster whose subnet has both families."""
    tiny = web(env)
    tiny.objects["clusters"][0]["kubernetesNetworkConfig"] = {"ipFamily": "ipv6"}
    tiny.sg("sg-node", *rules)
    return tiny


def test_ipv4_leaves_an_ipv6_cluster_as_the_nodes() -> None:
    """What an IPv6 pod sends over IPv4 was judged as its own; the node's address and groups carry it (rule 11.5)."""
    tiny = ipv6()
    world = tiny.world()
    pod, host = interfaces(tiny)[0], world.classes[0].host
    assert isinstance(pod.family4, Interface)
    assert (pod.family4.security_groups, pod.family4.subnet) == (host.security_groups, host.subnet)
    assert host.family4 is None
    hops = vpc_hops(Paths(world).vpc, world.plane, pod, AddressSet.of("10.0.1.5"), 443, "TCP")
    (egress,) = [hop for hop in hops if hop.layer is Layer.GROUP_EGRESS]
    assert egress.outcome is Outcome.WORKS
    assert egress.at == "sg-node (sg-node)"
    assert "node's IPv4 address" in egress.text


def test_nobody_reaches_an_ipv6_pod_over_ipv4() -> None:
    """A pod of an IPv6 cluster has no IPv4 address that others could dial (rule 11.5)."""
    tiny = ipv6({}, "tcp 80 0.0.0.0/0")
    pod = interfaces(tiny)[0]
    world = tiny.world()
    hops = vpc_hops(Paths(world).vpc, world.plane, AddressSet.of("10.0.1.5"), pod, 80, "TCP")
    assert [hop.outcome for hop in hops] == [Outcome.BLOCKED]
    assert "no IPv4 address" in hops[0].text


def test_ipv4_of_ipv6_pods_may_be_off() -> None:
    """Without ENABLE_V4_EGRESS, and for pods with groups of their own, IPv4 is unknown with the reason (rule 11.5)."""
    off = interfaces(ipv6({"ENABLE_V4_EGRESS": "false"}))[0].family4
    assert isinstance(off, Unknown)
    assert "ENABLE_V4_EGRESS" in off.detail
    tiny = ipv6(PODS).put(kinds.SECURITY_GROUP_POLICIES, sgp("p", ["sg-p"], podSelector={}))
    assert isinstance(interfaces(tiny)[0].family4, Unknown)


def test_two_ways_over_ipv4_are_two_ends() -> None:
    """Interfaces that differ in their IPv4 alone are not judged as one (rule 11.5)."""
    pod = interfaces(ipv6())[0]
    other = interfaces(ipv6({"ENABLE_V4_EGRESS": "false"}))[0]
    assert End(pod).key != End(other).key
