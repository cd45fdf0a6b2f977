"""Affinity of a pod to other pods: the InterPodAffinity filter and score.

Source: kubernetes ``pkg/scheduler/framework/plugins/interpodaffinity/filtering.go`` and ``scoring.go``,
``pkg/scheduler/framework/types.go`` (``AffinityTerm.Matches``). ``matchLabelKeys`` and
``mismatchLabelKeys`` are written into the selector by the API server when it makes the pod
(``pkg/registry/core/pod/strategy.go``), so they are added here for pods that are templates yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from clusterproof.placement.node import Cluster, NodeView
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import (
    Labels,
    LabelSelector,
    Pod,
    PodAffinity,
    PodAffinityTerm,
    SelectorRequirement,
)
from clusterproof.world.selectors import matches

PLUGIN = "InterPodAffinity"
NOT_NEAR = "node(s) didn't match pod affinity rules"
TOO_NEAR = "node(s) didn't match pod anti-affinity rules"
UNWELCOME = "node(s) didn't satisfy existing pods anti-affinity rules"
HARD_WEIGHT = 1
"""``hardPodAffinityWeight`` of the default configuration: what a required term of a placed pod scores."""

NAMESPACE_NAME = "kubernetes.io/metadata.name"
"""The label that the API server gives every namespace (Kubernetes: Well-Known Labels, Annotations and Taints)."""

Pair = tuple[str, str]
"""A topology: label key and value."""


class UndecidedError(Exception):
    """Something that a rule had to read is unknown; caught at the plugin's edge, never shown."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(str(unknown))
        self.unknown = unknown


class Term(msgspec.Struct, frozen=True):
    """An affinity term with the defaults of its own pod filled in."""

    key: str
    selector: LabelSelector | None
    namespaces: frozenset[str]
    namespace_selector: LabelSelector | None
    weight: int = 0

    def covers(self, pod: Pod, namespaces: dict[str, Labels] | Unknown) -> bool:
        """Does the term speak of this pod?

        Raises:
            UndecidedError: the namespace's labels are needed and not known.
        """
        # Labels first: a pod that they rule out needs no namespace to be known.
        return matches(self.selector, pod.metadata.labels) and self._covers_namespace(
            pod.metadata.namespace, namespaces
        )

    def _covers_namespace(self, name: str, namespaces: dict[str, Labels] | Unknown) -> bool:
        if name in self.namespaces:
            return True
        selector = self.namespace_selector
        if selector is None:
            return False
        if not selector.match_labels and not selector.match_expressions:
            return True
        own = {NAMESPACE_NAME: name}
        if isinstance(namespaces, Unknown):
            if {*selector.match_labels, *(one.key for one in selector.match_expressions)} - set(own):
                raise UndecidedError(namespaces)
            return matches(selector, own)
        return matches(selector, {**own, **namespaces.get(name, {})})


class State(msgspec.Struct, frozen=True):
    """What the filter knows before it looks at a node (``preFilterState``)."""

    near: tuple[Term, ...]
    near_pairs: frozenset[Pair]
    apart: tuple[Term, ...]
    apart_pairs: frozenset[Pair]
    unwelcome: frozenset[Pair]
    first_of_its_kind: bool

    @property
    def idle(self) -> bool:
        """Whether the scheduler leaves the filter out for this pod: it asks for nothing, and no placed pod minds it.

        That is decided before the nominated pods are counted in (``PreFilter`` returns ``Skip``), so theirs is not read.
        """
        return not (self.near or self.apart or self.unwelcome)


def required_terms(pod: Pod, affinity: PodAffinity | None) -> tuple[Term, ...]:
    """The required terms of one side (affinity or anti-affinity) of a pod."""
    return tuple(_term(pod, one) for one in affinity.required) if affinity else ()


def preferred_terms(pod: Pod, affinity: PodAffinity | None, sign: int) -> tuple[Term, ...]:
    """The preferred terms with their weights, negative for anti-affinity."""
    if affinity is None:
        return ()
    return tuple(_term(pod, one.pod_affinity_term, sign * one.weight) for one in affinity.preferred)


def needed_terms(pod: Pod) -> tuple[Term, ...]:
    """What the pod itself asks of other pods without fail: whom it wants near, then whom apart."""
    return (*required_terms(pod, _affinity(pod)), *required_terms(pod, _anti(pod)))


def own_terms(pod: Pod) -> tuple[Term, ...]:
    """Every term of the pod's own, required and preferred."""
    return (
        *needed_terms(pod),
        *preferred_terms(pod, _affinity(pod), 1),
        *preferred_terms(pod, _anti(pod), -1),
    )


def filter_state(pod: Pod, cluster: Cluster) -> State:
    """Count who is where, once for all nodes.

    Raises:
        UndecidedError: a namespace's or a node's labels are needed and not known.
    """
    near = required_terms(pod, _affinity(pod))
    apart = required_terms(pod, _anti(pod))
    near_pairs: set[Pair] = set()
    apart_pairs: set[Pair] = set()
    unwelcome: set[Pair] = set()
    for node in cluster.nodes:
        for other in node.pods:
            if near and all(term.covers(other, cluster.namespaces) for term in near):
                near_pairs.update(_pairs(node, near))
            if apart:
                apart_pairs.update(_pairs(node, [t for t in apart if t.covers(other, cluster.namespaces)]))
            theirs = required_terms(other, _anti(other))
            if theirs:
                unwelcome.update(_pairs(node, [t for t in theirs if t.covers(pod, cluster.namespaces)]))
    return State(
        near,
        frozenset(near_pairs),
        apart,
        frozenset(apart_pairs),
        frozenset(unwelcome),
        first_of_its_kind=bool(near) and not near_pairs and all(term.covers(pod, cluster.namespaces) for term in near),
    )


def refusal(state: State, node: NodeView) -> str:
    """Why the node is refused, in the scheduler's words; empty when it is not.

    Raises:
        UndecidedError: a topology label of the node is not known.
    """
    present = True
    for term in state.near:
        value = label(node, term.key)
        if value is None:
            return NOT_NEAR
        present &= (term.key, value) in state.near_pairs
    if not present and not state.first_of_its_kind:
        return NOT_NEAR
    for term in state.apart:
        value = label(node, term.key)
        if value is not None and (term.key, value) in state.apart_pairs:
            return TOO_NEAR
    if any(label(node, key) == value for key, value in state.unwelcome):
        return UNWELCOME
    return ""


def raw_scores(pod: Pod, cluster: Cluster, feasible: Sequence[NodeView]) -> list[int] | None:
    """Preference of other pods by node, before normalisation; ``None`` when no term speaks of anyone.

    Raises:
        UndecidedError: a namespace's or a node's labels are needed and not known.
    """
    mine = preferred_terms(pod, _affinity(pod), 1) + preferred_terms(pod, _anti(pod), -1)
    weights: dict[str, dict[str, int]] = {}
    for node in cluster.nodes:
        for other in node.pods:
            speaking = [term for term in mine if term.covers(other, cluster.namespaces)]
            speaking += [term for term in _of_others(other) if term.covers(pod, cluster.namespaces)]
            for term in speaking:
                value = label(node, term.key)
                if value is not None:
                    by_value = weights.setdefault(term.key, {})
                    by_value[value] = by_value.get(value, 0) + term.weight
    if not weights:
        return None
    scores = []
    for node in feasible:
        total = 0
        for key, by_value in weights.items():
            value = label(node, key)
            total += by_value.get(value, 0) if value is not None else 0
        scores.append(total)
    return scores


def normalise(scores: Sequence[int]) -> list[int]:
    """Spread from the lowest (0) to the highest (100), as ``NormalizeScore`` does; all 0 when all are equal."""
    low, high = min(scores), max(scores)
    if low == high:
        return [0] * len(scores)
    return [int(100.0 * (float(score - low) / float(high - low))) for score in scores]


def label(node: NodeView, key: str) -> str | None:
    """A label that the decision needs.

    Raises:
        UndecidedError: it is not known.
    """
    value = node.label_state(key)
    if isinstance(value, Unknown):
        raise UndecidedError(value)
    return value


def _of_others(other: Pod) -> tuple[Term, ...]:
    """What a placed pod wishes for its neighbours; its required affinity counts with the hard weight."""
    if other.spec.affinity is None:
        return ()
    hard = tuple(msgspec.structs.replace(t, weight=HARD_WEIGHT) for t in required_terms(other, _affinity(other)))
    return hard + preferred_terms(other, _affinity(other), 1) + preferred_terms(other, _anti(other), -1)


def _affinity(pod: Pod) -> PodAffinity | None:
    return pod.spec.affinity.pod_affinity if pod.spec.affinity else None


def _anti(pod: Pod) -> PodAffinity | None:
    return pod.spec.affinity.pod_anti_affinity if pod.spec.affinity else None


def _pairs(node: NodeView, terms: Iterable[Term]) -> list[Pair]:
    return [(term.key, value) for term in terms if (value := label(node, term.key)) is not None]


def _term(pod: Pod, term: PodAffinityTerm, weight: int = 0) -> Term:
    own = not term.namespaces and term.namespace_selector is None
    return Term(
        key=term.topology_key,
        selector=_with_keys(term, pod.metadata.labels),
        namespaces=frozenset((pod.metadata.namespace,) if own else term.namespaces),
        namespace_selector=term.namespace_selector,
        weight=weight,
    )


def _with_keys(term: PodAffinityTerm, labels: Labels) -> LabelSelector | None:
    selector = term.label_selector
    if selector is None or not (term.match_label_keys or term.mismatch_label_keys):
        return selector
    more = [SelectorRequirement(key, "In", (labels[key],)) for key in term.match_label_keys if key in labels]
    more += [SelectorRequirement(key, "NotIn", (labels[key],)) for key in term.mismatch_label_keys if key in labels]
    return LabelSelector(selector.match_labels, (*selector.match_expressions, *more))
