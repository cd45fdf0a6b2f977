"""Topology spread: the PodTopologySpread filter and score.

Source: kubernetes ``pkg/scheduler/framework/plugins/podtopologyspread/`` (``common.go``, ``filtering.go``,
``scoring.go``, ``plugin.go`` for the system defaults) and ``plugins/helper/spread.go`` (``DefaultSelector``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import msgspec

from clusterproof.placement.interpod import UndecidedError, label
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.taints import untolerated
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Labels, LabelSelector, Pod, Service, TopologySpreadConstraint
from clusterproof.world.selectors import Truth, matches

PLUGIN = "PodTopologySpread"
UNEVEN = "node(s) didn't match pod topology spread constraints"
NO_LABEL = UNEVEN + " (missing required label)"
HOSTNAME = "kubernetes.io/hostname"
SYSTEM_DEFAULTS = (
    TopologySpreadConstraint(HOSTNAME, max_skew=3, when_unsatisfiable="ScheduleAnyway"),
    TopologySpreadConstraint("topology.kubernetes.io/zone", max_skew=5, when_unsatisfiable="ScheduleAnyway"),
)
ACTIONS = ("DoNotSchedule", "ScheduleAnyway")
_NO_DOMAIN = 2**31 - 1

Admits = Callable[[NodeView], Truth]
"""Whether a node matches the pod's node selector and required node affinity."""


class Constraint(msgspec.Struct, frozen=True):
    """A constraint with its selector completed by ``matchLabelKeys``."""

    spec: TopologySpreadConstraint
    selector: LabelSelector | None

    @property
    def key(self) -> str:
        """The topology's label key."""
        return self.spec.topology_key

    def count(self, node: NodeView, namespace: str) -> int:
        """Pods of the namespace on the node that the selector counts; an empty selector counts none."""
        selector = self.selector
        if selector is None or not (selector.match_labels or selector.match_expressions):
            return 0
        return sum(
            1
            for pod in node.pods
            if pod.metadata.deletion_timestamp is None
            and pod.metadata.namespace == namespace
            and matches(selector, pod.metadata.labels)
        )


class State(msgspec.Struct, frozen=True):
    """Pods per topology value, for each hard constraint (``preFilterState``)."""

    constraints: tuple[Constraint, ...]
    counts: tuple[dict[str, int], ...]


def default_selector(
    labels: Labels, services: Iterable[Service], owner: LabelSelector | None = None
) -> LabelSelector | None:
    """What the cluster-wide default spreading counts for a pod; ``None`` when nothing owns it.

    Args:
        labels: the pod's.
        services: those of the pod's namespace.
        owner: the selector of the ReplicaSet, ReplicationController or StatefulSet that controls the pod.
    """
    merged: Labels = {}
    for service in services:
        selector = service.spec.selector
        if selector and all(labels.get(key) == value for key, value in selector.items()):
            merged.update(selector)
    if owner is not None:
        merged = {**owner.match_labels, **merged}
    expressions = owner.match_expressions if owner is not None else ()
    return LabelSelector(merged, expressions) if merged or expressions else None


def constraints_of(pod: Pod, action: str) -> tuple[Constraint, ...]:
    """The pod's own constraints of one kind: ``DoNotSchedule`` or ``ScheduleAnyway``."""
    return tuple(
        Constraint(one, _with_keys(one, pod.metadata.labels))
        for one in pod.spec.topology_spread_constraints
        if one.when_unsatisfiable == action
    )


def filter_state(pod: Pod, cluster: Cluster, admits: Admits) -> State:
    """Count the pods per topology value over the nodes that take part.

    Raises:
        UndecidedError: a label or taint that decides is not known.
    """
    constraints = constraints_of(pod, "DoNotSchedule")
    counts: tuple[dict[str, int], ...] = tuple({} for _ in constraints)
    for node in cluster.nodes if constraints else ():
        values = [label(node, one.key) for one in constraints]
        if None in values:
            continue
        for constraint, value, count in zip(constraints, values, counts, strict=True):
            if value is not None and _takes_part(constraint.spec, pod, node, admits):
                count[value] = count.get(value, 0) + constraint.count(node, pod.metadata.namespace)
    return State(constraints, counts)


def refusal(state: State, pod: Pod, node: NodeView) -> str:
    """Why the node is refused, in the scheduler's words; empty when it is not.

    Raises:
        UndecidedError: a topology label of the node is not known.
    """
    for constraint, counts in zip(state.constraints, state.counts, strict=True):
        value = label(node, constraint.key)
        if value is None:
            return NO_LABEL
        least = min(counts.values(), default=_NO_DOMAIN)
        minimum = constraint.spec.min_domains
        if len(counts) < (1 if minimum is None else minimum):
            least = 0
        itself = matches(constraint.selector, pod.metadata.labels)
        if counts.get(value, 0) + itself - least > constraint.spec.max_skew:
            return UNEVEN
    return ""


def scored_constraints(pod: Pod, cluster: Cluster) -> tuple[Constraint, ...]:
    """The pod's own soft constraints; the system's where it has no constraint at all and something owns it."""
    if pod.spec.topology_spread_constraints:
        return constraints_of(pod, "ScheduleAnyway")
    if cluster.default_spread is None:
        return ()
    return tuple(Constraint(one, cluster.default_spread) for one in SYSTEM_DEFAULTS)


def tells_apart(pod: Pod, cluster: Cluster, feasible: Sequence[NodeView]) -> bool:
    """Whether spreading may score two of the nodes differently, whichever of them are compared.

    It does not where no pod is counted anywhere and the nodes have the same of the topology labels.

    Raises:
        UndecidedError: a topology label of a node is not known.
    """
    constraints = scored_constraints(pod, cluster)
    if len({tuple(label(node, one.key) is None for one in constraints) for node in feasible}) > 1:
        return True
    return any(one.count(node, pod.metadata.namespace) for one in constraints for node in cluster.nodes)


def scores(pod: Pod, cluster: Cluster, feasible: Sequence[NodeView], admits: Admits) -> list[int] | None:
    """Normalised 0 to 100 per feasible node; ``None`` when no soft constraint applies.

    Raises:
        UndecidedError: a label or taint that decides is not known.
    """
    own = bool(pod.spec.topology_spread_constraints)
    constraints = scored_constraints(pod, cluster)
    if not constraints:
        return None
    # With the system defaults a node may lack the zone label and still be spread by host name.
    ignored = [own and not _has_all(node, constraints) for node in feasible]
    counted = [node for node, out in zip(feasible, ignored, strict=True) if not out]
    counts: list[dict[str, int]] = []
    weights: list[float] = []
    for constraint in constraints:
        by_value = {} if constraint.key == HOSTNAME else {label(node, constraint.key) or "": 0 for node in counted}
        size = len(counted) if constraint.key == HOSTNAME else len(by_value)
        counts.append(by_value)
        weights.append(math.log(size + 2))
    for node in cluster.nodes:
        if own and not _has_all(node, constraints):
            continue
        for constraint, by_value in zip(constraints, counts, strict=True):
            value = label(node, constraint.key) or ""
            if value in by_value and _takes_part(constraint.spec, pod, node, admits):
                by_value[value] += constraint.count(node, pod.metadata.namespace)
    raw = [
        None if out else _raw(node, pod.metadata.namespace, constraints, counts, weights)
        for node, out in zip(feasible, ignored, strict=True)
    ]
    return _normalise(raw)


def _raw(
    node: NodeView,
    namespace: str,
    constraints: Sequence[Constraint],
    counts: Sequence[dict[str, int]],
    weights: Sequence[float],
) -> int:
    total = 0.0
    for constraint, by_value, weight in zip(constraints, counts, weights, strict=True):
        value = label(node, constraint.key)
        if value is None:
            continue
        count = constraint.count(node, namespace) if constraint.key == HOSTNAME else by_value[value]
        total += float(count) * weight + float(constraint.spec.max_skew - 1)
    return math.floor(total + 0.5)  # Go rounds halves away from zero, and nothing here is negative


def _normalise(raw: Sequence[int | None]) -> list[int]:
    known = [score for score in raw if score is not None]
    low, high = min(known, default=0), max(known, default=0)
    if high == 0:
        return [0 if score is None else 100 for score in raw]
    return [0 if score is None else 100 * (high + low - score) // high for score in raw]


def _has_all(node: NodeView, constraints: Sequence[Constraint]) -> bool:
    return all(label(node, one.key) is not None for one in constraints)


def _takes_part(constraint: TopologySpreadConstraint, pod: Pod, node: NodeView, admits: Admits) -> bool:
    """``nodeAffinityPolicy`` and ``nodeTaintsPolicy`` (``matchNodeInclusionPolicies``)."""
    if constraint.node_affinity_policy == "Honor":
        admitted = admits(node)
        if isinstance(admitted, Unknown):
            raise UndecidedError(admitted)
        if not admitted:
            return False
    if constraint.node_taints_policy == "Honor":
        taint = node.taints if isinstance(node.taints, Unknown) else untolerated(node.taints, pod.spec.tolerations)
        if isinstance(taint, Unknown):
            raise UndecidedError(taint)
        if taint is not None:
            return False
    return True


def _with_keys(constraint: TopologySpreadConstraint, labels: Labels) -> LabelSelector | None:
    """``matchLabelKeys`` narrow the selector to pods that share these labels with the pod."""
    more = {key: labels[key] for key in constraint.match_label_keys if key in labels}
    selector = constraint.label_selector
    if not more:
        return selector
    if selector is None:
        return LabelSelector(more)
    clash = {key for key, value in more.items() if selector.match_labels.get(key, value) != value}
    if clash:
        return None  # one label cannot have two values: such a selector counts nobody
    return LabelSelector({**selector.match_labels, **more}, selector.match_expressions)
