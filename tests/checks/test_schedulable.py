"""Fargate profiles take pods away from the nodes: a node that would take a pod is no proof while one may."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

import clusterproof
from clusterproof.checks.context import Context, Settings
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Check, Schedulable
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, requirement
from tests.world.build import Raw, Tiny
from tests.world.pools import profile, wants

VALIDATOR, WORKER = "validator-can-be-scheduled", "dynamo-worker-can-be-scheduled"
WEB = "deploy/app/web"
GPU = {"nvidia.com/gpu": "1"}
ROOM = {"cpu": "8", "memory": "32Gi", "pods": "58", "ephemeral-storage": "80Gi"}


def shipped(tiny: Tiny, name: str) -> Finding:
    """A finding of the shipped profile, whose own templates stand for what is not installed."""
    context = Context(tiny.snapshot(), clusterproof.load_profile("dynamo"))
    return next(item for item in findings(context) if item.name == name)


def scheduled(tiny: Tiny, name: str = WEB, on: str = "", settings: Settings | None = None) -> Finding:
    """Whether an installed workload can be scheduled."""
    return ask(tiny, requirement(Check(schedulable=Schedulable(name, on=on))), settings=settings)


def nodes() -> Tiny:
    """A node group with GPUs and one without."""
    gpus = {**ROOM, **GPU}
    return Tiny().managed("ng", ["sg-node"]).managed("gpu", ["sg-node"], types=["g5.2xlarge"], allocatable=gpus)


def running(spec: Raw | None = None, *, kind: str = "Deployment", node: str = "ng-0") -> Tiny:
    """``web``, with a pod on a node today."""
    tiny = nodes().controller(kind, "app/web", spec)
    own = {"app": "web", "pod-template-hash": "abc"}
    owner = "DaemonSet/web" if kind == "DaemonSet" else "ReplicaSet/web-abc"
    return tiny.pod("app/web-1", node, owner=owner, labels=own, spec=spec)


def says(found: Finding) -> str:
    """All that a finding does not know."""
    return " ".join(str(unknown) for unknown in found.unknowns)


# --- not installed yet ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", [VALIDATOR, WORKER])
def test_assumed_template_without_the_list_of_profiles(name: str) -> None:
    """Nobody knows whether a profile takes a pod that is still to come: unknown, and the command is named."""
    assert shipped(nodes(), name).verdict is Verdict.PASS
    found = shipped(nodes().drop(kinds.FARGATE_PROFILE_NAMES), name)
    assert found.verdict is Verdict.UNKNOWN
    assert found.cause.startswith("Fargate may take pods")
    assert kinds.FARGATE_PROFILE_NAMES.command in says(found)


@pytest.mark.parametrize("name", [VALIDATOR, WORKER])
def test_assumed_template_and_a_profile_that_was_not_described(name: str) -> None:
    """A profile of which only the name is known may select any pod."""
    found = shipped(profile(nodes(), "fp", described=False), name)
    assert found.verdict is Verdict.UNKNOWN
    assert "which pods Fargate profile fp takes was not read" in says(found)


def test_assumed_template_that_fargate_refuses() -> None:
    """A profile that takes the worker's namespace, GPUs and all: it runs nowhere, and the profile is the evidence."""
    found = shipped(profile(nodes(), "fp", {"namespace": "dynamo"}), WORKER)
    assert found.verdict is Verdict.FAIL
    assert "Fargate profile fp takes the pod, and Fargate has no nvidia.com/gpu" in found.summary
    assert any((ref.kind, ref.key) == ("fargate-profiles", "fp") for ref in found.evidence)


def test_assumed_template_that_fargate_runs() -> None:
    """A profile that takes the validator's namespace runs it; one of another namespace takes nothing."""
    taken = shipped(profile(nodes(), "fp", {"namespace": "aicr-*"}), VALIDATOR)
    assert (taken.verdict, taken.summary) == (Verdict.PASS, "job/aicr-validation/aicr-ai-service-metrics may run on fp")
    other = shipped(profile(nodes(), "fp", {"namespace": "batch"}), VALIDATOR)
    assert (other.verdict, other.summary.rpartition(" on ")[2]) == (Verdict.PASS, "gpu and ng")


# --- installed -----------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Raw, str]] = {
    "a GPU": (wants(gpu="1"), "Fargate has no nvidia.com/gpu"),
    "the host's network": ({"hostNetwork": True}, "HostNetwork or HostPort"),
    "a host port": (
        {"containers": [{"name": "x", "ports": [{"containerPort": 80, "hostPort": 80}]}]},
        "HostNetwork or HostPort",
    ),
    "privilege": ({"containers": [{"name": "x", "securityContext": {"privileged": True}}]}, "privileged"),
}


@pytest.mark.parametrize("what", REFUSED)
@pytest.mark.parametrize("lost", [None, kinds.FARGATE_PROFILE_NAMES, kinds.NODEGROUPS])
def test_pods_on_nodes_and_a_profile_made_since(what: str, lost: kinds.Kind[Any] | None) -> None:
    """A pod runs on a node today, the next one Fargate refuses: fail with the reason, whatever else was not read."""
    spec, reason = REFUSED[what]
    tiny = profile(running(spec, node="gpu-0"), "fp", {"namespace": "app"})
    found = scheduled(tiny if lost is None else tiny.drop(lost))
    assert found.verdict is Verdict.FAIL
    assert "Fargate profile fp takes the pod, and" in found.summary
    assert reason in found.summary


def test_next_pod_of_a_running_workload_goes_to_fargate() -> None:
    """Where Fargate runs it, the profile is the place, and the node of today's pod is none any more."""
    found = scheduled(profile(running(), "fp", {"namespace": "app"}))
    assert (found.verdict, found.summary) == (Verdict.PASS, f"{WEB} may run on fp")


VOLUME: Raw = {"name": "data"}
DOUBTS: dict[str, Raw] = {
    "a path of the host": {"volumes": [VOLUME | {"hostPath": {"path": "/dev"}}]},
    "a volume of a CSI driver": {"volumes": [VOLUME | {"csi": {"driver": "x"}}]},
    "an ephemeral claim": {"volumes": [VOLUME | {"ephemeral": {"volumeClaimTemplate": {}}}]},
    "a node affinity": {
        "affinity": {
            "nodeAffinity": {
                "requiredDuringSchedulingIgnoredDuringExecution": {
                    "nodeSelectorTerms": [{"matchExpressions": [{"key": "kubernetes.io/os", "operator": "Exists"}]}]
                }
            }
        }
    },
    "resource claims": {"resourceClaims": [{"name": "gpu"}]},
}


@pytest.mark.parametrize("what", DOUBTS)
def test_what_fargate_may_refuse_is_unknown(what: str) -> None:
    """A profile takes the pod, and whether Fargate runs it is not certain: today's pod on a node proves nothing."""
    assert scheduled(profile(running(DOUBTS[what]), "fp", {"namespace": "app"})).verdict is Verdict.UNKNOWN


def test_running_pods_say_nothing_of_profiles_that_were_not_read() -> None:
    """A profile made after the pods may take the next one: unknown, as for what the workload reaches."""
    assert scheduled(running()).verdict is Verdict.PASS
    found = scheduled(running().drop(kinds.FARGATE_PROFILE_NAMES))
    assert found.verdict is Verdict.UNKNOWN
    assert kinds.FARGATE_PROFILE_NAMES.command in says(found)


def test_groups_that_the_user_chose_do_not_hide_fargate() -> None:
    """A pod that Fargate takes is not on the groups that ``--nodes`` names."""
    settings = Settings(node_sets={"all": ("ng",)})
    assert scheduled(running(), on="all", settings=settings).verdict is Verdict.PASS
    lost = scheduled(running().drop(kinds.FARGATE_PROFILE_NAMES), on="all", settings=settings)
    assert lost.verdict is Verdict.UNKNOWN
    taken = scheduled(profile(running(), "fp", {"namespace": "app"}), on="all", settings=settings)
    assert taken.verdict is Verdict.FAIL
    assert "Fargate profile fp takes the pod" in taken.summary


@pytest.mark.parametrize("how", ["names", "described"])
def test_what_fargate_never_takes_needs_no_profiles(how: str) -> None:
    """DaemonSets and templates that ask for EC2 pass without the profiles; where one matches, too."""

    def gap(tiny: Tiny) -> Tiny:
        return tiny.drop(kinds.FARGATE_PROFILE_NAMES) if how == "names" else profile(tiny, "fp", described=False)

    assert scheduled(gap(running(kind="DaemonSet")), "ds/app/web").verdict is Verdict.PASS
    assert scheduled(profile(running(kind="DaemonSet"), "fp", {"namespace": "*"}), "ds/app/web").verdict is Verdict.PASS
    asks = running()
    template = asks.objects["deployments"][0]["spec"]["template"]
    template["metadata"]["annotations"] = {"eks.amazonaws.com/compute-type": "ec2"}
    assert scheduled(gap(asks)).verdict is Verdict.PASS


@pytest.mark.parametrize("mark", ["cluster", "node group", "kubelet", "version", "nothing"])
def test_only_eks_has_profiles(mark: str) -> None:
    """Whatever shows that a cluster is of EKS makes the list of profiles needed; elsewhere there are none."""
    tiny = Tiny().deployment("app/web")
    tiny.node("n")
    for kind in (kinds.FARGATE_PROFILE_NAMES, kinds.CLUSTERS):
        if not (kind is kinds.CLUSTERS and mark == "cluster"):
            tiny.drop(kind)
    if mark == "node group":
        tiny.put(kinds.NODEGROUP_NAMES, {"name": "other"})
    elif mark == "kubelet":
        tiny.objects["nodes"][0]["status"]["nodeInfo"] = {"kubeletVersion": "v1.33.1-eks-0a1b2c3"}
    elif mark == "version":
        tiny.meta = msgspec.structs.replace(tiny.meta, kubernetes_version="v1.33.1-eks-0a1b2c3")
    assert scheduled(tiny).verdict is (Verdict.PASS if mark == "nothing" else Verdict.UNKNOWN)
