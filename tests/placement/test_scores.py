from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.scores import score
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
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
    """Half of the cpu and a quarter of the memory: 62 free on average, and 12.5 off balance."""
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
    """The three fixed points that the change's description names (kubernetes PR #135573)."""
    view = node("n", allocatable=SMALL, pods=(asking(*before),))
    assert scores(asking(*asked), (view,), 36)[0]["NodeResourcesBalancedAllocation"] == points


def test_a_pod_without_requests_loses_the_balance_score() -> None:
    """1.31 scores it, 1.34 does not, and which way 1.33 goes is not known."""
    nodes = (node("n"),)
    assert "NodeResourcesBalancedAllocation" in scores(pod(), nodes, 31)[0]
    assert "NodeResourcesBalancedAllocation" not in scores(pod(), nodes, 34)[0]
    assert isinstance(score(pod(), Cluster(nodes), nodes, SchedulerVersion(33)), Unknown)
    assert "NodeResourcesBalancedAllocation" in scores(asking("1", "1Gi"), nodes, 33)[0]


def test_preferred_node_affinity_outweighs_a_warm_image() -> None:
    """Two times 100 against at most 100: the validator that prefers non-GPU nodes leaves a warm GPU node (rule 11.9)."""
    away = {"key": "nvidia.com/gpu.present", "operator": "DoesNotExist"}
    wish = [{"weight": 100, "preference": {"matchExpressions": [away]}}]
    me = pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}})
    warm = node("gpu", labels={"nvidia.com/gpu.present": "true"}, images={"app:1": 4 * 1024**3})
    gpu, cpu = scores(me, (warm, node("cpu")))
    assert (gpu["NodeAffinity"], cpu["NodeAffinity"]) == (0, 200)
    assert gpu["ImageLocality"] == 100
    assert sum(cpu.values()) > sum(gpu.values())


def test_taints_score_in_reverse() -> None:
    """The node with most dislikes gets 0, one with none gets three times 100."""
    soft = ["a:PreferNoSchedule", "b:PreferNoSchedule"]
    values = scores(pod(), (node("n0", taints=soft), node("n1", taints=soft[:1]), node("n2")))
    assert [one["TaintToleration"] for one in values] == [0, 150, 300]


def test_what_is_not_known_gives_no_scores() -> None:
    """Unknown taints, capacity or a label that a preference reads: the cause comes back."""
    why = Unknown(Cause.NOT_COLLECTED, "not read")
    wish = [{"weight": 1, "preference": {"matchExpressions": [{"key": "x", "operator": "Exists"}]}}]
    me = pod(affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}})
    for view in (node("n", allocatable=why), node("n", unknown_labels={"x": why})):
        assert score(me, Cluster((view,)), (view,)) is why
    assert score(me, Cluster(()), ()) == ()
