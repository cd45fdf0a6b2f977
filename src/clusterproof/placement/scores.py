"""How much the scheduler likes each feasible node: the default score plugins with their default weights.

Source: kubernetes ``pkg/scheduler/apis/config/v1/default_plugins.go`` (weights) and
``pkg/scheduler/framework/plugins/``: tainttoleration, nodeaffinity, podtopologyspread, interpodaffinity,
noderesources (``least_allocated.go``, ``balanced_allocation.go``, ``resource_allocation.go``), imagelocality,
helper/normalize_score.go. Compared with the real scheduler of 1.31.13 case by case (tests/placement), and read again
at the tags of 1.32 to 1.36 (docs/scheduler-versions.md). VolumeBinding scores only behind a gate that is off
(``StorageCapacityScoring``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from clusterproof.placement import interpod, spread
from clusterproof.placement.devices.demand import ClaimAsk, demand_of
from clusterproof.placement.images import image_scores, image_table
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.ownfilters import admits
from clusterproof.placement.quantity import amount
from clusterproof.placement.requests import DEFAULT_REQUESTS, Amounts, Load, effective, load, pod_requests
from clusterproof.placement.taints import disliked
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
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
    version = version or cluster.version or SchedulerVersion()
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
    unscored = unscored_devices(pod, cluster, version)
    if unscored is not None:
        return unscored
    try:
        by_plugin: dict[str, list[int] | None] = {
            "TaintToleration": reversed_share(disliked_taints(spec, feasible)),
            "NodeAffinity": _node_affinity(spec, feasible),
            "PodTopologySpread": spread.scores(pod, cluster, feasible, lambda node: admits(spec, node)),
            "InterPodAffinity": _other_pods(pod, cluster, feasible),
        }
    except interpod.UndecidedError as error:
        return error.unknown
    loads = [score_load(node.pods, version) for node in feasible]
    wanted, assumed = pod_requests(spec), assumed_requests(spec)
    by_plugin["NodeResourcesFit"] = [
        least_allocated(node, taken.assumed, assumed) for node, taken in zip(feasible, loads, strict=True)
    ]
    if is_balanced(wanted, version):
        by_plugin["NodeResourcesBalancedAllocation"] = [
            balanced(node, taken.requested, wanted, version) for node, taken in zip(feasible, loads, strict=True)
        ]
    return {
        plugin: [WEIGHTS[plugin] * value for value in values]
        for plugin, values in by_plugin.items()
        if values is not None
    }


def unscored_devices(pod: Pod, cluster: Cluster, version: SchedulerVersion) -> Unknown | None:
    """Why the score of the pod's devices is not known; None where there is none or it is the same on every node.

    It is the same unless a request names alternatives (``firstAvailable``): the plugin adds up how early in its list
    the alternative stands that a node would give (:attr:`SchedulerVersion.devices_score`).
    """
    if not pod.spec.resource_claims or not version.devices_score:
        return None
    demand = demand_of(pod, cluster.devices)
    if demand.doubt is not None:
        return demand.doubt
    asks = (*demand.asks, *(one.anew for one in demand.held if isinstance(one.anew, ClaimAsk)))
    if any(len(choices) > 1 for ask in asks for choices in ask.requests):
        what = f"which alternative of firstAvailable a node would give, which the scheduler of 1.{version.minor} scores"
        return Unknown(Cause.NOT_MODELLED, what)
    return None


def disliked_taints(spec: PodSpec, nodes: Sequence[NodeView]) -> list[int]:
    """How many PreferNoSchedule taints of each node the pod does not tolerate.

    Raises:
        UndecidedError: whether a taint is tolerated cannot be said.
    """
    raw = []
    for node in nodes:
        count = disliked(() if isinstance(node.taints, Unknown) else node.taints, spec.tolerations)
        if isinstance(count, Unknown):
            raise interpod.UndecidedError(count)
        raw.append(count)
    return raw


def reversed_share(raw: Sequence[int]) -> list[int]:
    """100 for none, 0 for the most (``DefaultNormalizeScore`` in reverse)."""
    worst = max(raw)
    return [100 if worst == 0 else 100 - 100 * value // worst for value in raw]


def share(raw: Sequence[int]) -> list[int]:
    """100 for the most (``DefaultNormalizeScore``); all 0 where all are."""
    best = max(raw)
    return [0 if best == 0 else 100 * value // best for value in raw]


def _node_affinity(spec: PodSpec, feasible: Sequence[NodeView]) -> list[int] | None:
    raw = preferred_weights(spec, feasible)
    return None if raw is None else share(raw)


def preferred_weights(spec: PodSpec, nodes: Sequence[NodeView]) -> list[int] | None:
    """Weights of the preferred node affinity terms that each node matches; ``None`` without node affinity.

    Raises:
        UndecidedError: a label that a term reads is not known.
    """
    affinity = spec.affinity.node_affinity if spec.affinity else None
    if affinity is None:
        return None
    raw = []
    for node in nodes:
        total = 0
        for one in affinity.preferred:
            matched = node_term_matches(one.preference, node.label_state, node.name)
            if isinstance(matched, Unknown):
                raise interpod.UndecidedError(matched)
            total += one.weight if matched else 0
        raw.append(total)
    return raw


def _other_pods(pod: Pod, cluster: Cluster, feasible: Sequence[NodeView]) -> list[int] | None:
    raw = interpod.raw_scores(pod, cluster, feasible)
    return None if raw is None else interpod.normalise(raw)


def assumed_requests(spec: PodSpec) -> Amounts:
    """What the least-allocated score counts for the pod to place (``calculatePodResourceRequest``).

    Each container counts with the defaults for what it does not request; what the pod asks for as a whole then
    stands in place of the sum.
    """
    if spec.resources is None:
        return pod_requests(spec, DEFAULT_REQUESTS)
    parts = msgspec.structs.replace(spec, resources=None, overhead={})
    total, named = pod_requests(parts, DEFAULT_REQUESTS), set(spec.resources.requests)
    if spec.resources.limits:
        named |= set(spec.resources.limits) | set(pod_requests(parts))
    whole = pod_requests(msgspec.structs.replace(spec, overhead={}))
    extra = pod_requests(PodSpec(overhead=spec.overhead))
    return {
        name: (whole[name] if name in named and name in whole else total.get(name, 0)) + extra.get(name, 0)
        for name in _SCORED
    }


def score_load(pods: Sequence[Pod], version: SchedulerVersion) -> Load:
    """What the pods of a node take, as the scores of that version count it.

    Up to 1.31 the defaults do not reach sidecars (:attr:`SchedulerVersion.sidecars_assumed`).
    """
    taken = load(pods, version=version)
    if version.sidecars_assumed:
        return taken
    assumed = dict(taken.assumed)
    for pod in pods:
        if any(one.restart_policy == "Always" for one in pod.spec.init_containers):
            counted, older = pod_requests(pod.spec, DEFAULT_REQUESTS), _assumed_before_1_32(pod.spec)
            for name in _SCORED:
                assumed[name] += older[name] - counted[name]
    return msgspec.structs.replace(taken, assumed=assumed)


def _assumed_before_1_32(spec: PodSpec) -> Amounts:
    found: Amounts = {}
    for name in _SCORED:
        default = DEFAULT_REQUESTS[name]
        total = most = 0
        sidecars: int | None = None
        for container in spec.containers:
            asked = effective(container.resources).get(name)
            total += default if asked is None else amount(name, asked)
        for container in spec.init_containers:
            asked = effective(container.resources).get(name)
            own = None if asked is None else amount(name, asked)
            beside = own if sidecars is None else sidecars + (own or 0)
            if container.restart_policy == "Always":
                sidecars = beside
            most = max(most, default if beside is None else beside)
        found[name] = max(total, most) + amount(name, spec.overhead.get(name, 0))
    return found


def least_allocated(node: NodeView, taken: Amounts, wanted: Amounts) -> int:
    """Mean over cpu and memory of the share that stays free, 0 to 100.

    Args:
        node: what it offers is read.
        taken: what its pods are assumed to take.
        wanted: what the pod is assumed to take (:func:`assumed_requests`).
    """
    shares = []
    for resource in _SCORED:
        offered = _offered(node, resource)
        if offered:
            used = taken.get(resource, 0) + wanted.get(resource, 0)
            shares.append(0 if used > offered else (offered - used) * 100 // offered)
    return sum(shares) // len(shares) if shares else 0


def is_balanced(wanted: Amounts, version: SchedulerVersion) -> bool:
    """Whether balance is scored at all: of a pod that requests neither cpu nor memory not in every version."""
    return any(wanted.get(resource) for resource in _SCORED) or not version.balance_skips_best_effort


def balanced(node: NodeView, taken: Amounts, wanted: Amounts, version: SchedulerVersion) -> int:
    """How even the node's cpu and memory use would be, 0 to 100, from the real requests.

    From 1.36 half the score is how much more even the pod makes it: 75 where it changes nothing.
    """
    after = _evenness(node, taken, wanted)
    if version.balance_counts_change:
        return 50 + (50 + after - _evenness(node, taken, {})) // 2
    return after


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
