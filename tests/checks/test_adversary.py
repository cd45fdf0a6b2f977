"""Ways in which a cluster fails although nearly everything says that it works: none of them may pass.

Each was once a pass. The rule that it breaks stands in docs/design.md ("Rules that never bend").
"""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.profiles.model import Check, Schedulable
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, reach, requirement, two_groups
from tests.world.build import ROOMY, Tiny, on, rule

ENFORCED = ["--enable-network-policy=true"]
ONLY_OK = ("tcp 80 sg-ok", "all sg-back")


def open_pair() -> Tiny:
    """A client bound to ``front`` and a server bound to ``back``, between which nothing is closed."""
    return two_groups("all sg-front", "all sg-back", client="front", server="back")


def ok_and_bad(client: dict[str, Any] | None = None) -> Tiny:
    """The server's group admits ``sg-ok`` and not ``sg-bad``; node groups for both are the test's."""
    tiny = Tiny().sg("sg-ok").sg("sg-bad").sg("sg-back", *ONLY_OK).managed("back", ["sg-back"])
    return tiny.deployment("app/client", client).deployment("app/server", on("back"))


def policy(spec: dict[str, Any]) -> dict[str, Any]:
    """A NetworkPolicy of namespace ``app``."""
    return {"metadata": {"namespace": "app", "name": "policy"}, "spec": spec}


def test_strict_enforcing_mode_refuses_what_no_policy_names() -> None:
    """Strict enforcing mode keeps what no policy selects at a default deny; without an agent it says nothing (rule 7.9)."""
    mode = {"NETWORK_POLICY_ENFORCING_MODE": "strict"}
    assert ask(open_pair().cni(mode, ENFORCED), reach()).verdict is Verdict.FAIL
    admitted = policy({"podSelector": {}, "policyTypes": ["Ingress", "Egress"], "ingress": [{}], "egress": [{}]})
    assert ask(open_pair().cni(mode, ENFORCED).put(kinds.NETWORK_POLICIES, admitted), reach()).verdict is Verdict.PASS
    assert ask(open_pair().cni({}, ENFORCED), reach()).verdict is Verdict.PASS
    assert ask(open_pair().cni(mode), reach()).verdict is Verdict.PASS


@pytest.mark.parametrize("name", ["antrea-agent", "canal", "kube-router", "weave-net"])
def test_engines_that_are_not_modelled(name: str) -> None:
    """A policy engine beside the VPC CNI of which nothing is known leaves reach unknown."""
    assert ask(open_pair().controller("DaemonSet", f"kube-system/{name}"), reach()).verdict is Verdict.UNKNOWN


def test_the_cni_is_the_one_of_kube_system() -> None:
    """Another DaemonSet called aws-node does not hide the real one's settings."""
    zone = "topology.kubernetes.io/zone"
    tiny = open_pair().cni({"AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true", "ENI_CONFIG_LABEL_DEF": zone}).sg("sg-other")
    for raw in tiny.objects["instances"]:
        made = {"DeviceIndex": 1, "NetworkCardIndex": 0}
        face = {"SubnetId": raw["SubnetId"], "Groups": [{"GroupId": "sg-other"}], "Attachment": made}
        raw["NetworkInterfaces"].append(face | {"Description": f"aws-K8S-{raw['InstanceId']}"})
    for letter in "ab":
        spec = {"subnet": f"subnet-{letter}", "securityGroups": ["sg-other"]}
        tiny.put(kinds.ENI_CONFIGS, {"metadata": {"name": f"us-east-1{letter}"}, "spec": spec})
    assert ask(tiny.controller("DaemonSet", "zzz/aws-node"), reach()).verdict is Verdict.FAIL


def test_a_pod_stays_where_it_runs() -> None:
    """Where a pod runs today counts, also where no further one would be scheduled; but it can be scheduled there no more."""
    tiny = ok_and_bad(on("ok")).managed("ok", ["sg-ok"]).managed("bad", ["sg-bad"])
    assert ask(tiny, reach()).verdict is Verdict.PASS
    tiny.pod("app/client-1", "bad-0", owner="Deployment/client", labels={"app": "client"})
    found = ask(tiny, reach())
    assert (found.verdict, found.summary) == (Verdict.DEPENDS, "deploy/app/server:80: works from ok, blocked from bad")
    lost = ok_and_bad({"nodeSelector": {"no": "such"}}).managed("bad", ["sg-bad"])
    lost.pod("app/client-1", "bad-0", owner="Deployment/client", labels={"app": "client"})
    scheduled = requirement(Check(schedulable=Schedulable("deploy/app/client")))
    assert ask(lost, scheduled).verdict is Verdict.FAIL


def test_a_pod_on_fargate_is_not_taken_for_one_on_ec2() -> None:
    """A server pod that runs on a Fargate node has an interface of which nothing is known."""
    tiny = open_pair()
    taint = {"key": "eks.amazonaws.com/compute-type", "value": "fargate", "effect": "NoSchedule"}
    spec = {"providerID": "aws:///us-east-1a/0a1b/fargate-ip-10-0-0-9", "taints": [taint]}
    labels = {"eks.amazonaws.com/compute-type": "fargate", "kubernetes.io/os": "linux"}
    tiny.put(
        kinds.NODES, {"metadata": {"name": "fargate", "labels": labels}, "spec": spec, "status": {"allocatable": ROOMY}}
    )
    assert ask(tiny, reach()).verdict is Verdict.PASS
    tiny.pod("app/server-1", "fargate", owner="Deployment/server", labels={"app": "server"})
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN


def test_a_group_of_one_node_has_two_while_it_is_replaced() -> None:
    """Client and server on a group of at most one node may be on two nodes during an update, so one node is no proof."""
    tiny = Tiny().sg("sg-one").managed("one", ["sg-one"], size=(1, 1, 1))
    tiny.deployment("app/client").deployment("app/server")
    assert ask(tiny, reach()).verdict is Verdict.FAIL
    tiny.objects["security-groups"][0]["IpPermissions"] = [rule("tcp 80 sg-one")]
    assert ask(tiny, reach()).verdict is Verdict.PASS


def test_an_override_may_name_its_own_launch_template() -> None:
    """A mixed instances policy's override with another launch template makes nodes with other groups."""
    tiny = ok_and_bad({"nodeSelector": {"pool": "s"}})
    for name in ("ok", "bad"):
        tiny.launch_template(f"lt-{name}", {"SecurityGroupIds": [f"sg-{name}"]})
    spec = {name: {"LaunchTemplateId": f"lt-{name}", "Version": "1"} for name in ("ok", "bad")}
    overrides: list[dict[str, Any]] = [{"InstanceType": "m5.xlarge"}]
    mixed = {"LaunchTemplateSpecification": spec["ok"], "Overrides": overrides}
    instance = tiny.node("s-0", ["sg-ok"], labels={"pool": "s"})
    tiny.asg("s", {"MixedInstancesPolicy": {"LaunchTemplate": mixed}}, instances=[instance], size=(0, 1, 3))
    assert ask(tiny, reach()).verdict is Verdict.PASS
    overrides.append({"InstanceType": "m6g.xlarge", "LaunchTemplateSpecification": spec["bad"]})
    assert ask(tiny, reach()).verdict is Verdict.DEPENDS


@pytest.mark.parametrize(
    ("kind", "selector"),
    [
        ("StatefulSet", {"matchLabels": {"statefulset.kubernetes.io/pod-name": "server-0"}}),
        ("StatefulSet", {"matchLabels": {"app": "server", "apps.kubernetes.io/pod-index": "0"}}),
        ("Deployment", {"matchExpressions": [{"key": "pod-template-hash", "operator": "Exists"}]}),
        ("Job", {"matchExpressions": [{"key": "batch.kubernetes.io/job-name", "operator": "Exists"}]}),
    ],
)
def test_policies_that_read_labels_of_the_controller(kind: str, selector: dict[str, Any]) -> None:
    """A label that the controller gives each pod is in no template: whether a policy selects by it is not known."""
    tiny = open_pair().cni({}, ENFORCED).remove(kinds.DEPLOYMENTS, "app/server")
    tiny.controller(kind, "app/server", on("back"))
    short = {"StatefulSet": "sts", "Deployment": "deploy", "Job": "job"}[kind]
    asked = reach(server=f"{short}/app/server")
    assert ask(tiny, asked).verdict is Verdict.PASS
    tiny.put(kinds.NETWORK_POLICIES, policy({"podSelector": selector, "policyTypes": ["Ingress"]}))
    assert ask(tiny, asked).verdict is Verdict.UNKNOWN


def test_pod_groups_by_labels_of_the_controller() -> None:
    """So it is with SecurityGroupPolicies."""
    tiny = open_pair().cni({"ENABLE_POD_ENI": "true"}).sg("sg-pod")
    tiny.put(
        kinds.SECURITY_GROUP_POLICIES,
        {
            "metadata": {"namespace": "app", "name": "p"},
            "spec": {
                "podSelector": {"matchExpressions": [{"key": "pod-template-hash", "operator": "Exists"}]},
                "securityGroups": {"groupIds": ["sg-pod"]},
            },
        },
    )
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN


def test_a_service_in_a_namespace_that_was_not_read() -> None:
    """The VPC CNI's egress rules read the labels of the Service's namespace, and those may be unknown."""
    tiny = open_pair().cni({}, ENFORCED).dns(on("back")).service("app/server", 80, {"app": "server"})
    absent = {"namespaceSelector": {"matchExpressions": [{"key": "x", "operator": "DoesNotExist"}]}}
    spec = {"podSelector": {"matchLabels": {"app": "client"}}, "policyTypes": ["Egress"], "egress": [{"to": [absent]}]}
    tiny.put(kinds.NETWORK_POLICIES, policy(spec))
    assert ask(tiny, reach(by="name")).verdict is Verdict.PASS
    assert ask(tiny.drop(kinds.NAMESPACES), reach(by="name")).verdict is Verdict.UNKNOWN


def test_a_broken_device_says_nothing_of_the_next_node() -> None:
    """A node whose GPUs are gone today does not keep its subnet's next node from taking the pod."""
    gpu = {"containers": [{"name": "m", "resources": {"requests": {"nvidia.com/gpu": "1"}}}]}
    tiny = Tiny().sg("sg-gpu").sg("sg-back", "tcp 80 10.0.1.0/24", "all sg-back").managed("back", ["sg-back"])
    tiny.managed("gpu", ["sg-gpu"], nodes=0, size=(0, 2, 4), subnets=("subnet-a", "subnet-b"), types=("p5.48xlarge",))
    labels = {"eks.amazonaws.com/nodegroup": "gpu", "eks.amazonaws.com/capacityType": "ON_DEMAND"}
    for number, (subnet, count) in enumerate((("subnet-a", "0"), ("subnet-b", "8"))):
        offered = {**ROOMY, "nvidia.com/gpu": count}
        tiny.node(
            f"gpu-{number}", ["sg-gpu"], subnet=subnet, labels=labels, allocatable=offered, instance_type="p5.48xlarge"
        )
    tiny.deployment("app/client", gpu).deployment("app/server", on("back"))
    assert ask(tiny, reach()).verdict is Verdict.DEPENDS


def test_devices_of_a_group_at_zero() -> None:
    """A device that no instance type shows (EFA, say) may be on a node not yet born: not refused, in doubt."""
    asks = {"nvidia.com/gpu": "1", "vpc.amazonaws.com/efa": "1"}
    tiny = ok_and_bad({"containers": [{"name": "m", "resources": {"requests": asks}}]})
    offered = {**ROOMY, "nvidia.com/gpu": "8", "vpc.amazonaws.com/efa": "4"}
    tiny.managed("one", ["sg-ok"], types=("p4d.24xlarge",), allocatable=offered)
    assert ask(tiny, reach()).verdict is Verdict.PASS
    info = {"InstanceType": "p4d.24xlarge", "VCpuInfo": {"DefaultVCpus": 96}, "MemoryInfo": {"SizeInMiB": 1152000}}
    gpus = {"Gpus": [{"Name": "A100", "Manufacturer": "NVIDIA", "Count": 8}]}
    tiny.put(kinds.INSTANCE_TYPES, {**info, "GpuInfo": gpus})
    tiny.managed("zero", ["sg-bad"], nodes=0, size=(0, 0, 4), types=("p4d.24xlarge",))
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN


def test_labels_in_user_data_of_a_group_at_zero() -> None:
    """User data may give a node labels that the node group's description does not show."""
    tiny = ok_and_bad({"nodeSelector": {"pool": "x"}}).managed("one", ["sg-ok"], labels={"pool": "x"})
    tiny.put(
        kinds.INSTANCE_TYPES,
        {"InstanceType": "m5.xlarge", "VCpuInfo": {"DefaultVCpus": 4}, "MemoryInfo": {"SizeInMiB": 16384}},
    )
    data = {"SecurityGroupIds": ["sg-bad"]}
    tiny.managed("zero", nodes=0, size=(0, 0, 4), template=data)
    assert ask(tiny, reach()).verdict is Verdict.PASS
    data["UserData"] = "x"  # type: ignore[assignment]
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("key", ["ToBeDeletedByClusterAutoscaler", "karpenter.sh/disrupted", "maintenance"])
def test_a_taint_of_the_only_node_does_not_excuse_the_next(key: str) -> None:
    """What the description of a managed group does not taint, its next node does not have."""
    tiny = ok_and_bad().managed("one", ["sg-ok"]).managed("two", ["sg-bad"])
    tiny.objects["nodes"][-1]["spec"]["taints"] = [{"key": key, "value": "1", "effect": "NoSchedule"}]
    assert ask(tiny, reach()).verdict is Verdict.DEPENDS


def test_pods_of_a_stateful_set_that_are_still_to_come() -> None:
    """The first pod's volume binds the first pod; the second of two may be in another zone."""
    tiny = Tiny().sg("sg-client").sg("sg-ok", "tcp 80 sg-client").sg("sg-bad")
    tiny.managed("front", ["sg-client"]).managed("a", ["sg-ok"], labels={"db": "y"})
    tiny.managed("b", ["sg-bad"], subnets=("subnet-b",), labels={"db": "y"})
    tiny.deployment("app/client", on("front"))
    tiny.controller("StatefulSet", "app/server", {"nodeSelector": {"db": "y"}}, replicas=1)
    volumes = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d-server-0"}}]}
    tiny.pod("app/server-0", "a-0", owner="StatefulSet/server", labels={"app": "server"}, spec=volumes)
    tiny.put(kinds.CLAIMS, {"metadata": {"namespace": "app", "name": "d-server-0"}, "spec": {"volumeName": "pv"}})
    tiny.put(kinds.VOLUMES, {"metadata": {"name": "pv", "labels": {"topology.kubernetes.io/zone": "us-east-1a"}}})
    asked = reach(server="sts/app/server")
    assert ask(tiny, asked).verdict is Verdict.PASS
    tiny.objects["statefulsets"][0]["spec"]["replicas"] = 2
    assert ask(tiny, asked).verdict is Verdict.DEPENDS


def test_karpenter_by_its_kinds() -> None:
    """Karpenter's CustomResourceDefinitions are enough to know that it may make nodes, unless its NodePools were read."""
    tiny = open_pair().put(kinds.CRDS, {"metadata": {"name": "nodepools.karpenter.sh"}})
    assert ask(tiny, reach()).verdict is Verdict.PASS
    assert ask(tiny.drop(kinds.NODE_POOLS), reach()).verdict is Verdict.UNKNOWN


def test_whether_karpenter_runs_may_be_unknown() -> None:
    """Where neither controllers, pods nor kinds were all read, Karpenter may be among what was not."""
    tiny, denied = open_pair().drop(kinds.NODE_POOLS), Unknown(Cause.DENIED, "forbidden")
    for kind in (kinds.DEPLOYMENTS, kinds.PODS, kinds.CRDS):
        assert ask(tiny, reach()).verdict is Verdict.PASS
        tiny.partly(kind, denied)
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN


def test_auto_scaling_groups_that_name_no_cluster() -> None:
    """A group at zero that a Cluster Autoscaler grows may be this cluster's; one that is nobody's business is not."""
    tiny = open_pair().launch_template("lt-x", {"SecurityGroupIds": ["sg-x"]})
    launch = {"LaunchTemplate": {"LaunchTemplateId": "lt-x", "Version": "1"}}
    tiny.asg("web", launch, tags={"Name": "web"}).asg(
        "other", launch, tags={"k8s.io/cluster-autoscaler/other": "owned"}
    )
    assert ask(tiny, reach()).verdict is Verdict.PASS
    tiny.asg("zero", launch, tags={"k8s.io/cluster-autoscaler/enabled": "true"})
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN


def test_a_node_local_cache_by_its_image() -> None:
    """NodeLocal DNSCache under another name is found too; without its arguments it is not known (rule 6.10)."""
    tiny = open_pair().dns(on("back")).service("app/server", 80, {"app": "server"})
    assert ask(tiny, reach(by="name")).verdict is Verdict.PASS
    cache = {"containers": [{"name": "node-cache", "image": "registry.k8s.io/dns/k8s-dns-node-cache:1.23.1"}]}
    tiny.controller("DaemonSet", "dns/nodelocaldns", cache)
    assert ask(tiny, reach(by="name")).verdict is Verdict.UNKNOWN


def test_local_traffic_where_the_server_may_not_be() -> None:
    """Under internalTrafficPolicy Local a node of which it is not known whether it runs the DaemonSet is no proof (rule 6.4)."""
    tiny = Tiny().sg("sg-a", "all sg-a").managed("a", ["sg-a"], labels={"nvidia.com/gpu.present": "true"})
    tiny.put(
        kinds.INSTANCE_TYPES,
        {"InstanceType": "m5.xlarge", "VCpuInfo": {"DefaultVCpus": 4}, "MemoryInfo": {"SizeInMiB": 16384}},
    )
    tiny.controller("DaemonSet", "app/server", {"nodeSelector": {"nvidia.com/gpu.present": "true"}})
    tiny.service("app/server", 80, {"app": "server"}, internalTrafficPolicy="Local").dns().deployment("app/client")
    asked = reach(server="ds/app/server", by="name")
    assert ask(tiny, asked).verdict is Verdict.PASS
    tiny.managed("zero", ["sg-a"], nodes=0, size=(0, 0, 2))
    assert ask(tiny, asked).verdict is Verdict.UNKNOWN


def test_dns_pods_of_which_no_place_is_certain() -> None:
    """A name resolves only where a DNS pod certainly may be."""
    tiny = open_pair().service("app/server", 80, {"app": "server"})
    tiny.put(
        kinds.INSTANCE_TYPES,
        {"InstanceType": "m5.xlarge", "VCpuInfo": {"DefaultVCpus": 4}, "MemoryInfo": {"SizeInMiB": 16384}},
    )
    tiny.managed("zero", ["sg-back"], nodes=0, size=(0, 0, 2)).dns({"nodeSelector": {"nvidia.com/gpu.present": "true"}})
    assert ask(tiny, reach(by="name")).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("more", [{"internalTrafficPolicy": "Local"}, {"port_more": {"targetPort": 81}}])
def test_further_services_that_lead_elsewhere(more: dict[str, Any]) -> None:
    """Where two Services publish the port and differ, which of them is dialled is not known (rule 6.3)."""
    tiny = open_pair().dns(on("back"))
    tiny.service("app/a", 80, {"app": "server"}).service("app/b", 80, {"app": "server"})
    assert ask(tiny, reach(by="name")).verdict is Verdict.PASS
    tiny.service("app/c", 80, {"app": "server"}, **more)
    assert ask(tiny, reach(by="name")).verdict is Verdict.UNKNOWN


def test_windows_nodes_are_not_modelled() -> None:
    """A Windows client sends from other ports than a Linux one, and policies are not enforced there (rule 2.4)."""
    tiny = open_pair()
    assert ask(tiny, reach()).verdict is Verdict.PASS
    tiny.objects["nodes"][0]["metadata"]["labels"]["kubernetes.io/os"] = "windows"
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN


def test_subnets_that_were_not_all_read() -> None:
    """Subnet discovery may put a pod into a tagged subnet that was not read (rule 5.3)."""
    tiny = open_pair().partly(kinds.SUBNETS, Unknown(Cause.INCOMPLETE, "a page is missing"))
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN
    assert ask(tiny.cni({"ENABLE_SUBNET_DISCOVERY": "false"}), reach()).verdict is Verdict.PASS


def test_a_request_that_is_no_quantity() -> None:
    """A pod template that cannot be read is one finding's doubt, not the end of the report."""
    tiny = open_pair()
    spec = tiny.objects["deployments"][0]["spec"]["template"]["spec"]
    spec["containers"] = [{"name": "m", "resources": {"requests": {"cpu": "much"}}}]
    found = ask(tiny, reach())
    assert found.verdict is Verdict.UNKNOWN
    assert any("much" in unknown.detail for unknown in found.unknowns)


def test_settings_of_the_cni_that_stand_elsewhere() -> None:
    """Variables that the VPC CNI takes from a ConfigMap as a whole may be any of its settings."""
    tiny = open_pair()
    (container,) = tiny.objects["daemonsets"][0]["spec"]["template"]["spec"]["containers"]
    container["envFrom"] = [{"configMapRef": {"name": "cni"}}]
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN
