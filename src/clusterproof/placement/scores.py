"""How much the scheduler likes each feasible node: the default score plugins with their default weights.

Source: kubernetes ``pkg/scheduler/apis/config/v1/default_plugins.go`` (weights) and
``pkg/scheduler/framework/plugins/``: tainttoleration, nodeaffinity, podtopologyspread, interpodaffinity,
noderesources (``least_allocated.go``, ``balanced_allocation.go``, ``resource_allocation.go``), imagelocality,
helper/normalize_score.go. Compared with the real scheduler of 1.31.13 case by case (tests/placement).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from clusterproof.placement import interpod, spread
from clusterproof.placement.filters import admits
from clusterproof.placement.images import image_scores, image_table
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.quantity import amount
from clusterproof.placement.requests import DEFAULT_REQUESTS, Amounts, Load, load, pod_requests
from clusterproof.placement.taints import disliked
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Pod, PodSpec, Quantity
from clusterproof.world.selectors import node_term_matches

WEIGHTS: Mapping[str, int] = {
    "TaintToleration": 3,
    "NodeAffinity": 2,
    "PodTopologySpread": 2,
    "InterPodAffinity": 2,
    "NodeResourcesFit": 1,
    "NodeResourcesBalancedAllocation": 1,
    "ImageLocality": 1,
}
IMAGE_PLUGIN = "ImageLocality"
_SCORED = ("cpu", "memory")


class NodeScore(msgspec.Struct, frozen=True):
    """The weighted score of a node by plugin; a plugin that had nothing to say is not listed."""

    name: str
    scores: dict[str, int]

    @property
    def total(self) -> int:
        """What the scheduler compares."""
        return sum(self.scores.values())


def score(
    pod: Pod, cluster: Cluster, feasible: Sequence[NodeView], version: SchedulerVersion | None = None
) -> tuple[NodeScore, ...] | Unknown:
    """Every score of every feasible node, weighted and normalised over them.

    Args:
        pod: the pod to place.
        cluster: all nodes; image spread, topology counts and other pods are read from all of them.
        feasible: those that passed the filters, in order; each has a name.
        version: the scheduler's.

    Returns:
        One record per feasible node, or why the scores cannot be known.

    Raises:
        SelectorError, QuantityError: the pod or a node says what the API refuses.
    """
    if not feasible:
        return ()
    version = version or SchedulerVersion()
    table = image_table(cluster.nodes)
    base = base_scores(pod, cluster, feasible, version)
    images = image_scores(pod.spec, feasible, table, version)
    for answer in (base, images):
        if isinstance(answer, Unknown):
            return answer
    assert not isinstance(base, Unknown)  # noqa: S101 - told to the type checker
    assert not isinstance(images, Unknown)  # noqa: S101
    return tuple(
        NodeScore(node.id, {**{plugin: values[index] for plugin, values in base.items()}, IMAGE_PLUGIN: images[index]})
        for index, node in enumerate(feasible)
    )


def base_scores(
    pod: Pod, cluster: Cluster, feasible: Sequence[NodeView], version: SchedulerVersion
) -> dict[str, list[int]] | Unknown:
    """All weighted scores but ImageLocality's, by plugin, in the order of ``feasible``."""
    unread = next((x for node in feasible for x in (node.taints, node.allocatable) if isinstance(x, Unknown)), None)
    if unread is not None:
        return unread
    spec = pod.spec
    try:
        by_plugin: dict[str, list[int] | None] = {
            "TaintToleration": _taints(spec, feasible),
            "NodeAffinity": _node_affinity(spec, feasible),
            "PodTopologySpread": spread.scores(pod, cluster, feasible, lambda node: admits(spec, node)),
            "InterPodAffinity": _other_pods(pod, cluster, feasible),
        }
    except interpod.UndecidedError as error:
        return error.unknown
    loads = [load(node.pods) for node in feasible]
    by_plugin["NodeResourcesFit"] = _least_allocated(spec, feasible, loads)
    balanced = _balanced(spec, feasible, loads, version)
    if isinstance(balanced, Unknown):
        return balanced
    by_plugin["NodeResourcesBalancedAllocation"] = balanced
    return {
        plugin: [WEIGHTS[plugin] * value for value in values]
        for plugin, values in by_plugin.items()
        if values is not None
    }


def _taints(spec: PodSpec, feasible: Sequence[NodeView]) -> list[int]:
    raw = [0 if isinstance(n.taints, Unknown) else disliked(n.taints, spec.tolerations) for n in feasible]
    worst = max(raw)
    return [100 if worst == 0 else 100 - 100 * value // worst for value in raw]


def _node_affinity(spec: PodSpec, feasible: Sequence[NodeView]) -> list[int] | None:
    affinity = spec.affinity.node_affinity if spec.affinity else None
    if affinity is None:
        return None
    raw = []
    for node in feasible:
        total = 0
        for one in affinity.preferred:
            matched = node_term_matches(one.preference, node.label_state, node.name)
            if isinstance(matched, Unknown):
                raise interpod.UndecidedError(matched)
            total += one.weight if matched else 0
        raw.append(total)
    best = max(raw)
    return [0 if best == 0 else 100 * value // best for value in raw]


def _other_pods(pod: Pod, cluster: Cluster, feasible: Sequence[NodeView]) -> list[int] | None:
    raw = interpod.raw_scores(pod, cluster, feasible)
    return None if raw is None else interpod.normalise(raw)


def _least_allocated(spec: PodSpec, feasible: Sequence[NodeView], loads: Sequence[Load]) -> list[int]:
    """Mean over cpu and memory of the share that stays free, with the defaults for what is not requested."""
    wanted = pod_requests(spec, DEFAULT_REQUESTS)
    values = []
    for node, taken in zip(feasible, loads, strict=True):
        shares = []
        for resource in _SCORED:
            offered = _offered(node, resource)
            if offered:
                used = taken.assumed.get(resource, 0) + wanted.get(resource, 0)
                shares.append(0 if used > offered else (offered - used) * 100 // offered)
        values.append(sum(shares) // len(shares) if shares else 0)
    return values


def _balanced(
    spec: PodSpec, feasible: Sequence[NodeView], loads: Sequence[Load], version: SchedulerVersion
) -> list[int] | Unknown | None:
    """How even the node's cpu and memory use would be, from the real requests.

    From 1.36 half the score is how much more even the pod makes it: 75 where it changes nothing.
    """
    wanted = pod_requests(spec)
    if not any(wanted.get(resource) for resource in _SCORED):
        skips = version.balance_skips_best_effort
        if isinstance(skips, Unknown):
            return skips
        if skips:
            return None
    values = []
    for node, taken in zip(feasible, loads, strict=True):
        after = _evenness(node, taken.requested, wanted)
        if version.balance_counts_change:
            after = 50 + (50 + after - _evenness(node, taken.requested, {})) // 2
        values.append(after)
    return values


def _evenness(node: NodeView, taken: Amounts, wanted: Amounts) -> int:
    fractions = []
    for resource in _SCORED:
        offered = _offered(node, resource)
        if offered:
            used = taken.get(resource, 0) + wanted.get(resource, 0)
            fractions.append(min(float(used) / float(offered), 1.0))
    deviation = abs((fractions[0] - fractions[1]) / 2) if len(fractions) == len(_SCORED) else 0.0
    return int((1 - deviation) * 100.0)


def _offered(node: NodeView, resource: str) -> int:
    offered: dict[str, Quantity] = {} if isinstance(node.allocatable, Unknown) else node.allocatable
    return amount(resource, offered.get(resource, 0))
