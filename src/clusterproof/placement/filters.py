"""Where a pod may run: the scheduler's filters, one node at a time, in three values.

Two questions, two functions:

* :func:`structural` is design rule 3: what a node *is* (labels, lasting taints, what it holds when empty, the
  zones of the pod's volumes). Free capacity, cordons, passing taints, host ports in use, and where other pods are
  change by themselves, so they never exclude a node here.
* :func:`feasible_now` is the real scheduler's answer for the cluster as it stands, with its plugin and its reasons.

Source: kubernetes ``pkg/scheduler/framework/plugins/`` (nodeunschedulable, nodename, tainttoleration, nodeaffinity,
nodeports, noderesources/fit.go, volumebinding, volumezone, podtopologyspread, interpodaffinity), in the order of
``pkg/scheduler/apis/config/v1/default_plugins.go``. Not modelled, and so unknown where a pod uses it: dynamic resource
allocation. Not modelled and not looked at: attach limits of volumes.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar

import msgspec

from clusterproof.errors import ClusterproofError
from clusterproof.placement import interpod, spread
from clusterproof.placement.folded import labels_read, read_of
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.quantity import amount
from clusterproof.placement.requests import (
    Amounts,
    HostPort,
    Load,
    host_ports,
    is_scheduled_resource,
    load,
    pod_requests,
)
from clusterproof.placement.taints import lasting, tolerated, untolerated
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import LabelSelector, NodeSelector, Pod, PodSpec, Taint
from clusterproof.world.selectors import Truth, all_of, matches_state, node_terms_match

NOT_SELECTED = "node(s) didn't match Pod's node affinity/selector"
CORDONED = "node(s) were unschedulable"
OTHER_NAME = "node(s) didn't match the requested node name"
PORTS_TAKEN = "node(s) didn't have free ports for the requested pod ports"
OTHER_VOLUME_NODE = "node(s) had volume node affinity conflict"
S = TypeVar("S")
_CORDON = Taint("node.kubernetes.io/unschedulable", "NoSchedule")
_NATIVE = ("cpu", "memory", "ephemeral-storage")


class Feasibility(msgspec.Struct, frozen=True):
    """Whether a pod may run on a node.

    Attributes:
        ok: yes, no, or why it cannot be said.
        plugin: the scheduler plugin that refused, or that could not be decided; empty for yes.
        reasons: in the scheduler's words.
        ref: the field of the node that refused; None where no one field did.
    """

    ok: Truth
    plugin: str = ""
    reasons: tuple[str, ...] = ()
    ref: Ref | None = None

    @property
    def reason(self) -> str:
        """The reasons as one clause."""
        return ", ".join(self.reasons)


FEASIBLE = Feasibility(ok=True)


class Needs(msgspec.Struct, frozen=True):
    """A pod template as far as filters read it, prepared once for many nodes.

    Attributes:
        spec: the pod.
        requests: resources in the scheduler's order: cpu, memory, ephemeral storage, then the rest by name.
        ports: host ports.
        topologies: label keys without which no node is possible, each with the plugin and the reason.
        pinned: the node that the template itself names, else empty.
        claims: the pod uses dynamic resource allocation.
    """

    spec: PodSpec
    requests: tuple[tuple[str, int], ...]
    ports: tuple[HostPort, ...]
    topologies: tuple[tuple[str, str, str], ...]
    pinned: str
    claims: bool


def needs_of(spec: PodSpec, *, pinned: bool = False) -> Needs:
    """Prepare a template.

    Args:
        spec: the pod's. ``nodeName`` of a placed pod is where it *is*, not where it may be, and is not read.
        pinned: ``nodeName`` stands in the template itself, and so binds every pod that it makes.

    Raises:
        QuantityError: a request is no quantity.
    """
    affinity = spec.affinity.pod_affinity if spec.affinity else None
    topologies = [
        (one.topology_key, spread.PLUGIN, spread.NO_LABEL)
        for one in spec.topology_spread_constraints
        if one.when_unsatisfiable == "DoNotSchedule"
    ]
    topologies += (
        [(one.topology_key, interpod.PLUGIN, interpod.NOT_NEAR) for one in affinity.required] if affinity else []
    )
    return Needs(
        spec,
        _ordered(pod_requests(spec)),
        host_ports(spec),
        tuple(topologies),
        spec.node_name if pinned else "",
        bool(spec.resource_claims),
    )


def read_by_structural(needs: Needs) -> bytes:
    """What of a pod :func:`structural` reads: equal for templates that differ in nothing else."""
    spec, affinity = needs.spec, needs.spec.affinity
    wishes = affinity.node_affinity if affinity is not None else None
    asked = (spec.tolerations, spec.node_selector, wishes, needs.requests, needs.topologies, needs.pinned, needs.claims)
    return msgspec.json.encode(asked, order="deterministic")


def structural(needs: Needs, node: NodeView, volumes: Sequence[NodeSelector] | Unknown = ()) -> Feasibility:
    """May the pod ever run on such a node (design rule 3)?

    Affinity to other pods, and spread, never exclude a node, because the other pods move; except that a required
    pod affinity or a hard spread over a label that the node does not have makes it impossible for good.

    Args:
        needs: the pod (:func:`needs_of`).
        node: a node, or what a group would make; its pods, images and cordon are not read.
        volumes: what its bound volumes ask (:func:`clusterproof.placement.volumes.volume_selectors`).

    Returns:
        Yes; no with the first plugin that refuses; or unknown, when nothing refuses and something is not known.
    """
    try:
        return _first(
            [
                _node_name(needs, node),
                _taints(needs.spec, node, passing=False),
                _node_affinity(needs.spec, node),
                _capacity(needs, node),
                _volumes(volumes, node),
                *(_topology(node, *one) for one in needs.topologies),
                _claims(needs),
            ]
        )
    except ClusterproofError as error:
        return _undecided("", Unknown(Cause.ERROR, str(error)))


def feasible_now(pod: Pod, cluster: Cluster, volumes: Sequence[NodeSelector] | Unknown = ()) -> tuple[Feasibility, ...]:
    """Would the scheduler put the pod there now? One answer per node of the cluster, in order.

    Args:
        pod: not placed yet; ``spec.nodeName`` is read as a request for that node.
        cluster: nodes with the pods on them.
        volumes: what its bound volumes ask.
    """
    try:
        needs = needs_of(pod.spec, pinned=True)
        near: interpod.State | Unknown = _or_unknown(lambda: interpod.filter_state(pod, cluster))
        even: spread.State | Unknown = _or_unknown(
            lambda: spread.filter_state(pod, cluster, lambda node: admits(pod.spec, node))
        )
        known: dict[Hashable, Feasibility] = {}
        labels = None if needs.pinned else labels_read(pod.spec, volumes, near)
        resources = [name for name, _ in needs.requests]
        answers: list[Feasibility] = []
        for node in cluster.nodes:
            read = None if labels is None else read_of(node, labels, resources)
            answer = known.get(read)
            if answer is None:
                answer = _now(needs, pod, node, volumes, near, even)
                if read is not None and not isinstance(answer.ok, Unknown):
                    known[read] = answer
            answers.append(with_name(answer, node))
        return tuple(answers)
    except ClusterproofError as error:
        return tuple(_undecided("", Unknown(Cause.ERROR, str(error))) for _ in cluster.nodes)


def with_name(answer: Feasibility, node: NodeView) -> Feasibility:
    """An answer about a node that reads the same, with this node as its evidence."""
    if answer.ref is None or not isinstance(node.name, str) or answer.ref.key == node.name:
        return answer
    return msgspec.structs.replace(answer, ref=msgspec.structs.replace(answer.ref, key=node.name))


def admits(spec: PodSpec, node: NodeView) -> Truth:
    """Does the node match the pod's ``nodeSelector`` and required node affinity (``RequiredNodeAffinity.Match``)?

    Raises:
        SelectorError: an operator or a number of values that the API refuses.
    """
    truths: list[Truth] = []
    if spec.node_selector:
        truths.append(matches_state(LabelSelector(spec.node_selector), node.label_state))
    affinity = spec.affinity.node_affinity if spec.affinity else None
    if affinity is not None and affinity.required is not None:
        truths.append(node_terms_match(affinity.required.node_selector_terms, node.label_state, node.name))
    return all_of(truths)


def _now(
    needs: Needs,
    pod: Pod,
    node: NodeView,
    volumes: Sequence[NodeSelector] | Unknown,
    near: interpod.State | Unknown,
    even: spread.State | Unknown,
) -> Feasibility:
    cheap = _first(
        [
            _cordon(pod.spec, node),
            _node_name(needs, node),
            _taints(pod.spec, node, passing=True),
            _node_affinity(pod.spec, node),
        ]
    )
    if cheap.ok is False:
        return cheap
    # Of a pod that asks for nothing only the number of pods is read.
    asks = needs.requests or needs.ports
    taken = load(node.pods, for_scores=False) if asks else Load({}, {}, len(node.pods), ())
    return _first(
        [
            cheap,
            _ports(needs, taken),
            _fit(needs, node, taken),
            _volumes(volumes, node),
            _claims(needs),
            _asked(spread.PLUGIN, even, lambda state: spread.refusal(state, pod, node)),
            _asked(interpod.PLUGIN, near, lambda state: interpod.refusal(state, node)),
        ]
    )


def _first(answers: Iterable[Feasibility]) -> Feasibility:
    """The first refusal; without one, the first that could not be decided; else feasible."""
    undecided: Feasibility | None = None
    for answer in answers:
        if answer.ok is False:
            return answer
        if undecided is None and isinstance(answer.ok, Unknown):
            undecided = answer
    return undecided or FEASIBLE


def _or_unknown(compute: Callable[[], S]) -> S | Unknown:
    """Let a computation over the whole cluster be unknown for all nodes, where something it reads is."""
    try:
        return compute()
    except interpod.UndecidedError as error:
        return error.unknown


def _asked(plugin: str, state: S | Unknown, refusal: Callable[[S], str]) -> Feasibility:
    """What a plugin that looked at the whole cluster first says of one node."""
    if isinstance(state, Unknown):
        return _undecided(plugin, state)
    try:
        reason = refusal(state)
    except interpod.UndecidedError as error:
        return _undecided(plugin, error.unknown)
    return Feasibility(ok=False, plugin=plugin, reasons=(reason,)) if reason else FEASIBLE


def _undecided(plugin: str, unknown: Unknown) -> Feasibility:
    return Feasibility(unknown, plugin, (str(unknown),))


def _judge(truth: Truth, plugin: str, reason: str, ref: Ref | None = None) -> Feasibility:
    if isinstance(truth, Unknown):
        return _undecided(plugin, truth)
    return FEASIBLE if truth else Feasibility(ok=False, plugin=plugin, reasons=(reason,), ref=ref)


def _ref(node: NodeView, field: str, value: str) -> Ref | None:
    """Evidence on the node; a node that is not born has no object to point at."""
    return Ref("nodes", node.name, field, value) if isinstance(node.name, str) else None


def _cordon(spec: PodSpec, node: NodeView) -> Feasibility:
    if not node.unschedulable:
        return FEASIBLE
    ref = _ref(node, "spec.unschedulable", "true")
    return _judge(tolerated(spec.tolerations, _CORDON), "NodeUnschedulable", CORDONED, ref)


def _node_name(needs: Needs, node: NodeView) -> Feasibility:
    if not needs.pinned:
        return FEASIBLE
    same: Truth = node.name if isinstance(node.name, Unknown) else node.name == needs.pinned
    return _judge(same, "NodeName", OTHER_NAME, _ref(node, "metadata.name", node.id))


def _taints(spec: PodSpec, node: NodeView, *, passing: bool) -> Feasibility:
    if isinstance(node.taints, Unknown):
        anything = any(one.operator == "Exists" and not one.key and not one.effect for one in spec.tolerations)
        return FEASIBLE if anything else _undecided("TaintToleration", node.taints)
    found = untolerated(node.taints if passing else lasting(node.taints), spec.tolerations)
    if found is None:
        return FEASIBLE
    if isinstance(found, Unknown):
        return _undecided("TaintToleration", found)
    reason = f"node(s) had untolerated taint {{{found.key}: {found.value}}}"
    text = f"{found.key}={found.value}:{found.effect}" if found.value else f"{found.key}:{found.effect}"
    return _judge(False, "TaintToleration", reason, _ref(node, "spec.taints", text))  # noqa: FBT003 - a truth value


def _node_affinity(spec: PodSpec, node: NodeView) -> Feasibility:
    truth = admits(spec, node)
    return _judge(truth, "NodeAffinity", NOT_SELECTED, _label_ref(spec, node) if truth is False else None)


def _label_ref(spec: PodSpec, node: NodeView) -> Ref | None:
    """The first label that the pod asks for by name, with what the node has instead."""
    keys = list(spec.node_selector)
    affinity = spec.affinity.node_affinity if spec.affinity else None
    if affinity is not None and affinity.required is not None:
        keys += [one.key for term in affinity.required.node_selector_terms for one in term.match_expressions]
    for key in keys:
        value = node.labels.get(key)
        if key not in node.unknown_labels and (key not in spec.node_selector or value != spec.node_selector[key]):
            return _ref(node, "metadata.labels", f"{key}={value}" if value is not None else f"{key} is absent")
    return None


def _ports(needs: Needs, taken: Load) -> Feasibility:
    clash = any(want.conflicts(used) for want in needs.ports for used in taken.ports)
    return _judge(not clash, "NodePorts", PORTS_TAKEN)


def _fit(needs: Needs, node: NodeView, taken: Load) -> Feasibility:
    offered = node.allocatable
    if isinstance(offered, Unknown):
        return _undecided("NodeResourcesFit", offered)
    reasons = []
    if taken.count + 1 > amount("pods", offered.get("pods", 0)):
        reasons.append("Too many pods")
    reasons += [
        f"Insufficient {name}"
        for name, wanted in needs.requests
        if wanted > amount(name, offered.get(name, 0)) - taken.requested.get(name, 0)
    ]
    if not reasons:
        return FEASIBLE
    return Feasibility(ok=False, plugin="NodeResourcesFit", reasons=tuple(reasons))


def _capacity(needs: Needs, node: NodeView) -> Feasibility:
    """What an empty node holds. What a prediction does not name is unknown, a device that no sibling shows is absent."""
    offered = node.allocatable
    if isinstance(offered, Unknown):
        return _undecided("NodeResourcesFit", offered) if needs.requests else FEASIBLE
    short: list[tuple[str, str]] = []
    unknown: Unknown | None = None
    if "pods" in offered and amount("pods", offered["pods"]) < 1:
        short.append(("Too many pods", "pods=0"))
    for name, wanted in needs.requests:
        if name not in offered and (name in _NATIVE or not node.devices_known):
            unknown = Unknown(Cause.NOT_COLLECTED, f"{name} of {node.id or 'the node'} is not known")
        elif wanted > amount(name, offered.get(name, 0)):
            short.append((f"Insufficient {name}", f"{name}={offered.get(name, 0)}"))
    if short:
        ref = _ref(node, "status.allocatable", short[0][1])
        reasons = tuple(reason for reason, _ in short)
        return Feasibility(ok=False, plugin="NodeResourcesFit", reasons=reasons, ref=ref)
    return FEASIBLE if unknown is None else _undecided("NodeResourcesFit", unknown)


def _volumes(volumes: Sequence[NodeSelector] | Unknown, node: NodeView) -> Feasibility:
    if isinstance(volumes, Unknown):
        return _undecided("VolumeBinding", volumes)
    truth = all_of([node_terms_match(one.node_selector_terms, node.label_state, node.name) for one in volumes])
    return _judge(truth, "VolumeBinding", OTHER_VOLUME_NODE)


def _topology(node: NodeView, key: str, plugin: str, reason: str) -> Feasibility:
    value = node.label_state(key)
    truth: Truth = value if isinstance(value, Unknown) else value is not None
    return _judge(truth, plugin, reason, _ref(node, "metadata.labels", f"{key} is absent"))


def _claims(needs: Needs) -> Feasibility:
    if not needs.claims:
        return FEASIBLE
    return _undecided("DynamicResources", Unknown(Cause.NOT_MODELLED, "dynamic resource allocation (resourceClaims)"))


def _ordered(requests: Amounts) -> tuple[tuple[str, int], ...]:
    """What the Fit filter looks at: positive amounts of scheduled resources."""
    names = [name for name in _NATIVE if name in requests]
    names += sorted(name for name in requests if name not in _NATIVE and is_scheduled_resource(name))
    return tuple((name, requests[name]) for name in names if requests[name] > 0)
