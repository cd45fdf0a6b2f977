from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.placement.devices.inventory import Inventory
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.scores import assumed_requests, score, score_load
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import DeviceClass, ResourceClaimTemplate
from tests.placement.build import node, pod

SMALL = {"cpu": "4", "memory": "8Gi", "pods": "10"}


def scores(me: Any, nodes: tuple[NodeView, ...], minor: int = 31) -> list[dict[str, int]]:
    """Scores by plugin of every node."""
    answer = score(me, Cluster(nodes), nodes, SchedulerVersion(minor))
    assert not isinstance(answer, Unknown)
    return [one.scores for one in answer]


def asking(cpu: str, memory: str) -> Any:
    """A pod with requests."""
    return pod(containers=[{"image": "app:1", "resources": {"requests": {"cpu": cpu, "memory": memory}}}])


def test_least_allocated_and_balance_by_hand() -> None:
    """Half of the cpu and a quarter of the memory: 62 free on average, and 12.5 off balance (rule 9.2)."""
    (one,) = scores(asking("2", "2Gi"), (node("n", allocatable=SMALL),))
    assert one["NodeResourcesFit"] == (50 + 75) // 2
    assert one["NodeResourcesBalancedAllocation"] == int((1 - 0.25 / 2) * 100)


@pytest.mark.parametrize(
    ("before", "asked", "points"),
    [
        (("0", "0"), ("1", "2Gi"), 75),  # stays balanced
        (("4", "0"), ("0", "8Gi"), 100),  # from all off to even
        (("0", "0"), ("4", "0"), 50),  # from even to all off
    ],
)
def test_from_1_36_balance_scores_the_change(before: Any, asked: Any, points: int) -> None:
    """The three fixed points that the change's description names (kubernetes PR #135573) (rule 9.2)."""
    view = node("n", allocatable=SMALL, pods=(asking(*before),))
    assert scores(asking(*asked), (view,), 36)[0]["NodeResourcesBalancedAllocation"] == points


@pytest.mark.parametrize(("minor", "scored"), [(31, True), (32, True), (33, False), (34, False), (36, False)])
def test_a_pod_without_requests_loses_the_balance_score(minor: int, scored: bool) -> None:
    """PR #130260 landed in 1.33: v1.33.0 skips a pod that asks for neither cpu nor memory, v1.32.0 does not (rule 9.2)."""
    nodes = (node("n"),)
    assert ("NodeResourcesBalancedAllocation" in scores(pod(), nodes, minor)[0]) is scored
    assert "NodeResourcesBalancedAllocation" in scores(asking("1", "0"), nodes, minor)[0]


@pytest.mark.parametrize(("minor", "assumed"), [(31, 100), (32, 300), (36, 300)])
def test_sidecars_of_placed_pods_are_assumed_from_1_32(minor: int, assumed: int) -> None:
    """A placed pod with two sidecars and a container, none with requests: 100m up to 1.31, then 300m (rule 9.2)."""
    sidecar = {"restartPolicy": "Always"}
    there = pod("p", initContainers=[sidecar, sidecar], containers=[{}])
    view = node("n", allocatable={"cpu": "1", "memory": "64Gi", "pods": "10"}, pods=(there,))
    (one,) = scores(asking("0", "0"), (view,), minor)
    memory = 100 * (64 * 1024 - 200 * assumed // 100) // (64 * 1024)
    assert one["NodeResourcesFit"] == ((1000 - assumed) // 10 + memory) // 2


def test_sidecars_with_requests_count_in_every_version() -> None:
    """Up to 1.31 the largest init container with the sidecars before it stands against the sum of the containers.

    (rule 9.2)
    """
    asked = {"resources": {"requests": {"cpu": "300m", "memory": "1Gi"}}}
    there = pod("p", initContainers=[{"restartPolicy": "Always", **asked}], containers=[{}], overhead={"cpu": "100m"})
    old, new = score_load((there,), SchedulerVersion(31)), score_load((there,), SchedulerVersion(32))
    assert (old.assumed["cpu"], new.assumed["cpu"]) == (300 + 100, 300 + 100 + 100)
    assert old.requested == new.requested
    after = pod("p", initContainers=[{"restartPolicy": "Always", **asked}, asked], containers=[{}])
    assert score_load((after,), SchedulerVersion(31)).assumed == {"cpu": 600, "memory": 2 * 1024**3}
    assert score_load((after,), SchedulerVersion(32)).assumed == {"cpu": 600, "memory": 2 * 1024**3}


def test_what_the_pod_asks_for_as_a_whole_stands_in_place_of_its_containers() -> None:
    """Pod-level cpu replaces the sum with its defaults; memory keeps the default of each container (rule 9.2)."""
    me = pod(containers=[{"image": "a"}, {"image": "b"}], resources={"requests": {"cpu": "2"}}, overhead={"cpu": "1"})
    assert assumed_requests(me.spec) == {"cpu": 3000, "memory": 2 * 200 * 1024**2}
    capped = pod(containers=[{"image": "a"}], resources={"limits": {"cpu": "2", "memory": "1Gi"}})
    assert assumed_requests(capped.spec) == {"cpu": 2000, "memory": 1024**3}


def test_a_preference_for_nothing_prefers_no_node() -> None:
    """An empty preferred term matches no node, so that every node has 0, as with a term that nobody matches (rule 9.2)."""
    wish = [{"weight": 5, "preference": {}}]
    me = pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}})
    assert [one["NodeAffinity"] for one in scores(me, (node("a"), node("b")))] == [0, 0]


def test_scores_are_normalised_over_the_feasible_nodes_alone() -> None:
    """A worse node that is not feasible changes no share of the others (rule 9.2)."""
    nodes = tuple(node(f"n{i}", taints=[f"t{k}:PreferNoSchedule" for k in range(i)]) for i in range(4))
    answer = score(pod(), Cluster(nodes), nodes[:3], SchedulerVersion(31))
    assert not isinstance(answer, Unknown)
    assert [one.scores["TaintToleration"] for one in answer] == [300, 150, 0]


def test_a_toleration_that_cannot_be_judged_gives_no_taint_score() -> None:
    """Gt and Lt are behind a gate: whether such a toleration covers a soft taint is not known (rule 9.2)."""
    me = pod(tolerations=[{"key": "x", "operator": "Gt", "value": "1", "effect": "PreferNoSchedule"}])
    nodes = (node("n", taints=["x=2:PreferNoSchedule"]), node("m"))
    assert isinstance(score(me, Cluster(nodes), nodes), Unknown)


@pytest.mark.parametrize("minor", [31, 34, 35, 36])
def test_devices_are_scored_from_1_35(minor: int) -> None:
    """Alternatives of a claim make the score unknown from 1.35; exact requests, and older versions, leave it (rule 9.2)."""
    nodes = (node("n"), node("m"))
    me = pod(resourceClaims=[{"name": "gpu", "resourceClaimTemplateName": "t"}])
    choices = [{"name": "a", "deviceClassName": "gpu"}, {"name": "b", "deviceClassName": "gpu"}]
    for asked, alike in ((choices, False), (choices[:1], True)):
        body = {"spec": {"spec": {"devices": {"requests": [{"name": "r", "firstAvailable": asked}]}}}}
        template = msgspec.convert({"metadata": {"name": "t", "namespace": "a"}, **body}, ResourceClaimTemplate)
        gpu = msgspec.convert({"metadata": {"name": "gpu"}}, DeviceClass)
        inventory = Inventory({}, {"a/t": template}, {"gpu": gpu}, (), minor)
        answer = score(me, Cluster(nodes, devices=inventory), nodes, SchedulerVersion(minor))
        assert isinstance(answer, Unknown) is (minor >= 35 and not alike)
    unread = score(me, Cluster(nodes), nodes, SchedulerVersion(minor))
    assert isinstance(unread, Unknown) is (minor >= 35)


def test_preferred_node_affinity_outweighs_a_warm_image() -> None:
    """Two times 100 against at most 100: the validator that prefers non-GPU nodes leaves a warm GPU node (rules 11.9, 9.2)."""
    away = {"key": "nvidia.com/gpu.present", "operator": "DoesNotExist"}
    wish = [{"weight": 100, "preference": {"matchExpressions": [away]}}]
    me = pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}})
    warm = node("gpu", labels={"nvidia.com/gpu.present": "true"}, images={"app:1": 4 * 1024**3})
    gpu, cpu = scores(me, (warm, node("cpu")))
    assert (gpu["NodeAffinity"], cpu["NodeAffinity"]) == (0, 200)
    assert gpu["ImageLocality"] == 100
    assert sum(cpu.values()) > sum(gpu.values())


def test_taints_score_in_reverse() -> None:
    """The node with most dislikes gets 0, one with none gets three times 100 (rule 9.2)."""
    soft = ["a:PreferNoSchedule", "b:PreferNoSchedule"]
    values = scores(pod(), (node("n0", taints=soft), node("n1", taints=soft[:1]), node("n2")))
    assert [one["TaintToleration"] for one in values] == [0, 150, 300]


def test_what_is_not_known_gives_no_scores() -> None:
    """Unknown taints, capacity or a label that a preference reads: the cause comes back (rule 9.2)."""
    why = Unknown(Cause.NOT_COLLECTED, "not read")
    wish = [{"weight": 1, "preference": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}}]
    me = pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}})
    for view in (node("n", allocatable=why), node("n", unknown_labels={"x": why})):
        assert score(me, Cluster((view,)), (view,)) is why
    assert score(me, Cluster(()), ()) == ()
