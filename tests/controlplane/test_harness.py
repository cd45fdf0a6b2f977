"""The control plane answers for real: rights, placements, the scheduler's own words, logs, devices."""

from __future__ import annotations

import re
import time

import pytest

from tests.controlplane.binaries import kubernetes_version
from tests.controlplane.client import ApiError, Raw
from tests.controlplane.kubelet import Kubelet
from tests.controlplane.objects import namespace, node, plain, pod
from tests.controlplane.plane import CONTROLLERS, SCHEDULER, ControlPlane
from tests.controlplane.scheduling import Arena

pytestmark = pytest.mark.controlplane

RESOURCES = "resource.k8s.io/v1"


def test_is_ready_at_the_pinned_version(control_plane: ControlPlane) -> None:
    """API server and scheduler run, on loopback alone, at the version of go.mod or that of KUBEBUILDER_ASSETS."""
    assert control_plane.url.startswith("https://127.0.0.1:")
    assert control_plane.version.startswith(kubernetes_version().rpartition(".")[0].rpartition(".")[0])
    assert {"etcd", "kube-apiserver", "kube-scheduler"} <= control_plane.processes.pids().keys()
    assert "scheduler_pending_pods" in control_plane.scheduler_metrics()


def test_reader_may_nothing(control_plane: ControlPlane) -> None:
    """A user without rights is refused by RBAC, in its own words; a token that nobody has is not let in."""
    with pytest.raises(ApiError) as refused:
        control_plane.reader.get("/api/v1/pods")
    assert (refused.value.status, refused.value.reason) == (403, "Forbidden")
    assert 'User "clusterproof-reader" cannot list resource "pods"' in refused.value.message
    assert control_plane.reader.send("GET", "/api/v1/pods", headers={"Authorization": "Bearer nobody"})[0] == 401


def test_pod_is_bound_by_the_real_scheduler(arena: Arena) -> None:
    """The one node that a selector allows is the one where the pod is bound (rule 9.1)."""
    arena.create([node("a"), node("b", labels={"zone": "z"}), node("c")])
    placed = arena.place([pod("web", nodeSelector={"zone": "z"}, requests={"cpu": "1"})])
    assert placed["default/web"].node == "b"


def test_scheduler_says_why_not(arena: Arena) -> None:
    """A pod that fits nowhere has the scheduler's own message, reason by reason (rule 9.1)."""
    taint = {"key": "team", "value": "x", "effect": "NoSchedule"}
    arena.create([node("a"), node("b"), node("c", taints=[taint], extended={"nvidia.com/gpu": "8"})])
    said = arena.place([pod("gpu", requests={"nvidia.com/gpu": "1"})])["default/gpu"]
    assert (said.node, said.reason) == ("", "Unschedulable")
    assert re.match(
        r"0/3 nodes are available: 1 node\(s\) had untolerated taint(\(s\)| {team: x}), 2 Insufficient nvidia\.com/gpu\.",
        said.message,
    ), said.message


def test_gated_pod_is_said_to_be_gated(arena: Arena) -> None:
    """Scheduling gates are a reason of their own, and lifting them lets the pod be bound (rule 9.1)."""
    arena.create([node("a")])
    gated = pod("gated", schedulingGates=[{"name": "example.com/quota"}])
    assert arena.place([gated])["default/gated"].reason == "SchedulingGated"
    arena.api.patch(arena.api.path(gated), {"spec": {"schedulingGates": None}})
    assert arena.wait(["default/gated"], until=lambda outcome: bool(outcome.node))["default/gated"].node == "a"


def test_preemption_to_its_end(arena: Arena) -> None:
    """Who outranks is nominated, the victim goes, and the room is taken (rule 9.1)."""
    low, high = (
        plain("scheduling.k8s.io/v1", "PriorityClass", name, value=value)
        for name, value in (("low", 1), ("high", 1000))
    )
    arena.create([low, high, node("a", cpu="2")])
    first = arena.place([pod("weak", requests={"cpu": "2"}, priorityClassName="low")])
    assert first["default/weak"].node == "a"
    strong = pod("strong", requests={"cpu": "2"}, priorityClassName="high")
    assert arena.place([strong])["default/strong"].nominated in {"a", ""}
    ended = arena.wait(["default/strong"], until=lambda outcome: bool(outcome.node))
    assert ended["default/strong"].node == "a"
    assert "default/weak" not in arena.outcomes()


def _going(arena: Arena) -> list[str]:
    pods = arena.api.items("/api/v1/pods")
    return [one["metadata"]["name"] for one in pods if one["metadata"].get("deletionTimestamp")]


def test_changes_of_bound_pods_are_heard(arena: Arena) -> None:
    """Of two pods that could make room the one goes that began later, though both were told just before (rule 9.1)."""
    low, high = (
        plain("scheduling.k8s.io/v1", "PriorityClass", name, value=value)
        for name, value in (("low", 1), ("high", 1000))
    )
    for older, younger in (("x", "y"), ("y", "x")) * 4:
        arena.create([low, high, node("a", cpu="2")])
        both = [
            pod(name, nodeName="a", requests={"cpu": "1"}, terminationGracePeriodSeconds=300)
            for name in (older, younger)
        ]
        arena.create(both)
        for minute, one in enumerate(both):
            arena.api.status(one, {"startTime": f"2026-01-01T00:0{minute}:00Z"})
        arena.heard()
        strong = pod("strong", requests={"cpu": "1"}, priorityClassName="high")
        assert arena.place([strong])["default/strong"].nominated == "a"
        end = time.monotonic() + 10
        while not (going := _going(arena)) and time.monotonic() < end:
            time.sleep(0.01)
        assert going == [younger]
        arena.quiet()
        assert set(arena.outcomes()) == {"default/x", "default/y", "default/strong"}
        arena.reset()


def test_every_case_is_seen_whole(arena: Arena) -> None:
    """However many nodes a case has, made at once just before, the scheduler has looked at exactly these."""
    for count in (1, 7, 2, 30, 3, 3, 12, 1):
        bound = [pod(f"there-{number}", nodeName="n0", requests={"cpu": "1"}) for number in range(4)]
        arena.create([*(node(f"n{number}", cpu="4") for number in range(count)), *bound])
        placed = arena.place([pod("huge", requests={"cpu": "64"}), pod("fits", requests={"cpu": "4"})])
        assert placed["default/huge"].message.startswith(f"0/{count} nodes are available: {count} Insufficient cpu.")
        assert (placed["default/fits"].node not in {"", "n0"}) is (count > 1), "n0 is full"
        arena.reset()


def test_reset_leaves_nothing(arena: Arena) -> None:
    """What a case has made is gone after it, namespaces and cluster-wide objects too, and may be made again."""
    storage = plain("storage.k8s.io/v1", "StorageClass", "slow", provisioner="example.com/x")
    claim = plain(
        "v1",
        "PersistentVolumeClaim",
        "data",
        namespace="team",
        spec={
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "storageClassName": "slow",
        },
    )
    for _ in range(2):
        arena.create([namespace("team", owner="x"), node("a"), storage, claim])
        arena.place([pod("web", namespace="team")])
        arena.reset()
        for path in ("/api/v1/nodes", "/api/v1/pods", "/api/v1/persistentvolumeclaims"):
            assert arena.api.items(path) == []
        assert arena.api.items("/apis/storage.k8s.io/v1/storageclasses") == []
        assert "team" not in {found["metadata"]["name"] for found in arena.api.items("/api/v1/namespaces")}


def test_scheduler_takes_another_configuration(arena: Arena) -> None:
    """A profile of one's own places pods that name it; the counts that `settle` trusts begin anew."""
    plane = arena.plane
    arena.create([node("a"), node("b")])
    profile = {"schedulerName": "other", "plugins": {"filter": {"disabled": [{"name": "NodeUnschedulable"}]}}}
    before = plane.processes.pids()[SCHEDULER]
    plane.start_scheduler({"profiles": [profile]})
    try:
        assert plane.processes.pids()[SCHEDULER] != before
        arena.create([node("c")])
        assert arena.place([pod("web", schedulerName="other")])["default/web"].node in {"a", "b", "c"}
        with pytest.raises(TimeoutError, match="1 of 1 pods"):
            arena.place([pod("nobodys")], patience=0.3)
    finally:
        plane.start_scheduler()


def test_logs_come_through_the_api_server(arena: Arena, kubelet: Kubelet) -> None:
    """The API server asks the node's kubelet, with a certificate of its own, for what was asked of it."""
    kubelet.logs["default", "web", "main", False] = b"one\ntwo\nthree\n"
    kubelet.logs["default", "web", "main", True] = b"before\n"
    arena.create([node("a", kubelet_port=kubelet.port), pod("web", nodeName="a")])
    log = "/api/v1/namespaces/default/pods/web/log"
    assert arena.api.send("GET", log) == (200, b"one\ntwo\nthree\n")
    assert arena.api.send("GET", f"{log}?tailLines=1&container=main") == (200, b"three\n")
    assert arena.api.send("GET", f"{log}?previous=true&limitBytes=3") == (200, b"bef")
    assert kubelet.asked[0] == "/containerLogs/default/web/main"
    assert arena.plane.reader.send("GET", log)[0] == 403


def _devices(count: int) -> list[Raw]:
    shown = [{"name": f"gpu-{number}"} for number in range(count)]
    pool = {"name": "a", "generation": 1, "resourceSliceCount": 1}
    return [
        node("a"),
        plain(
            RESOURCES,
            "DeviceClass",
            "gpu",
            spec={"selectors": [{"cel": {"expression": "device.driver == 'gpu.test'"}}]},
        ),
        plain(
            RESOURCES,
            "ResourceSlice",
            "a-gpus",
            spec={"driver": "gpu.test", "pool": pool, "nodeName": "a", "devices": shown},
        ),
    ]


def test_devices_are_allocated(arena: Arena) -> None:
    """Two devices and three pods with a claim each: two are bound with a device, the third cannot have its claim.

    (rule 9.1)
    """
    one = {"devices": {"requests": [{"name": "one", "exactly": {"deviceClassName": "gpu"}}]}}
    claims = [plain(RESOURCES, "ResourceClaim", f"claim-{n}", namespace="default", spec=one) for n in range(3)]
    arena.create([*_devices(2), *claims])
    pods = [pod(f"p{n}", resourceClaims=[{"name": "gpu", "resourceClaimName": f"claim-{n}"}]) for n in range(3)]
    placed = arena.place(pods)
    assert [placed[f"default/p{n}"].node for n in range(3)] == ["a", "a", ""]
    assert "cannot allocate all claims" in placed["default/p2"].message
    given = arena.api.items(arena.api.where(RESOURCES, "ResourceClaim"))
    results = [r for claim in given for r in _allocated(claim)]
    assert sorted(r["device"] for r in results) == ["gpu-0", "gpu-1"]


@pytest.mark.usefixtures("controllers")
def test_reset_takes_the_claims_of_templates(arena: Arena) -> None:
    """What the controller made for pods from a template is gone after a reset, though allocated: the devices are free."""
    one = {"devices": {"requests": [{"name": "one", "exactly": {"deviceClassName": "gpu"}}]}}
    template = plain(RESOURCES, "ResourceClaimTemplate", "each", namespace="default", spec={"spec": one})
    arena.create([*_devices(2), template])
    key = "default/p0"
    arena.place([pod("p0", resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "each"}])])
    arena.wait([key], until=lambda outcome: bool(outcome.node))
    arena.plane.processes.stop(CONTROLLERS)
    assert [_allocated(claim)[0]["device"] for claim in arena.api.items(arena.api.where(RESOURCES, "ResourceClaim"))]
    arena.reset()
    assert arena.api.items(arena.api.where(RESOURCES, "ResourceClaim")) == []


@pytest.mark.usefixtures("controllers")
def test_claims_come_from_a_template(arena: Arena) -> None:
    """With the controller manager each pod gets a claim of its own from the template: two of three are bound.

    (rule 9.1)
    """
    one = {"devices": {"requests": [{"name": "one", "exactly": {"deviceClassName": "gpu"}}]}}
    template = plain(RESOURCES, "ResourceClaimTemplate", "each", namespace="default", spec={"spec": one})
    arena.create([*_devices(2), template])
    pods = [pod(f"p{n}", resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "each"}]) for n in range(3)]
    arena.place(pods)
    keys = [f"default/p{n}" for n in range(3)]

    def tried(outcome_message: str) -> bool:
        return "cannot allocate all claims" in outcome_message

    placed = arena.wait(keys, until=lambda outcome: bool(outcome.node) or tried(outcome.message))
    assert sorted(placed[key].node for key in keys) == ["", "a", "a"]
    made = arena.api.items(arena.api.where(RESOURCES, "ResourceClaim"))
    assert len([claim for claim in made if _allocated(claim)]) == 2


def _allocated(claim: Raw) -> list[Raw]:
    allocation = (claim.get("status") or {}).get("allocation") or {}
    results: list[Raw] = (allocation.get("devices") or {}).get("results") or []
    return results
