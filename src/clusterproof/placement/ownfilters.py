"""The filters that look at the node and at what its own pods take: all but volumes and other pods' wishes.

Source: kubernetes ``pkg/scheduler/framework/plugins/``: ``nodeunschedulable``, ``nodename``, ``tainttoleration``,
``nodeaffinity``, ``nodeports``, ``noderesources/fit.go``, ``nodedeclaredfeatures``, read at v1.31.13 and at each first
patch release up to v1.36 (and v1.36.3).
"""

from __future__ import annotations

from clusterproof.placement.feasibility import FEASIBLE, Feasibility, judged, node_ref, refused, undecided
from clusterproof.placement.needs import Needs
from clusterproof.placement.node import NodeView
from clusterproof.placement.quantity import amount
from clusterproof.placement.requests import NATIVE, Load
from clusterproof.placement.taints import lasting, tolerated, untolerated
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import LabelSelector, PodSpec, Taint
from clusterproof.world.selectors import Truth, all_of, matches_state, node_terms_match

NOT_SELECTED = "node(s) didn't match Pod's node affinity/selector"
NOT_NAMED = "node(s) didn't satisfy plugin(s) [NodeAffinity]"
NAMES_CONFLICT = "pod affinity terms conflict"
CORDONED = "node(s) were unschedulable"
OTHER_NAME = "node(s) didn't match the requested node name"
PORTS_TAKEN = "node(s) didn't have free ports for the requested pod ports"
_CORDON = Taint("node.kubernetes.io/unschedulable", "NoSchedule")


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


def named_nodes(spec: PodSpec) -> frozenset[str] | None:
    """The nodes that every term of the node affinity names (``matchFields``); None where one names none.

    Source: ``nodeaffinity/node_affinity.go``, ``PreFilter``: only these nodes are filtered at all.
    """
    affinity = spec.affinity.node_affinity if spec.affinity else None
    terms = affinity.required.node_selector_terms if affinity is not None and affinity.required is not None else ()
    if not terms:
        return None
    names: set[str] = set()
    for term in terms:
        own = [set(one.values) for one in term.match_fields if one.key == "metadata.name" and one.operator == "In"]
        if not own:
            return None
        names |= set.intersection(*own)
    return frozenset(names)


def cordon(spec: PodSpec, node: NodeView) -> Feasibility:
    """NodeUnschedulable: a cordoned node takes who tolerates the taint of cordons."""
    if not node.unschedulable:
        return FEASIBLE
    ref = node_ref(node, "spec.unschedulable", "true")
    return judged(tolerated(spec.tolerations, _CORDON), "NodeUnschedulable", CORDONED, ref, final=True)


def node_name(needs: Needs, node: NodeView) -> Feasibility:
    """NodeName."""
    if not needs.pinned:
        return FEASIBLE
    same: Truth = node.name if isinstance(node.name, Unknown) else node.name == needs.pinned
    return judged(same, "NodeName", OTHER_NAME, node_ref(node, "metadata.name", node.id), final=True)


def taints(spec: PodSpec, node: NodeView, *, passing: bool, pinned: bool = False) -> Feasibility:
    """TaintToleration.

    Args:
        spec: the pod.
        node: where it may go.
        passing: also the taints that come and go by themselves.
        pinned: the pod names its node, so that no scheduler is asked, and its kubelet minds NoExecute alone
            (``pkg/kubelet/lifecycle/predicate.go``; Kubernetes: Assigning Pods to Nodes, "nodeName").
    """
    if isinstance(node.taints, Unknown):
        anything = any(one.operator == "Exists" and not one.key and not one.effect for one in spec.tolerations)
        return FEASIBLE if anything else undecided("TaintToleration", node.taints)
    kept = node.taints if passing else lasting(node.taints)
    found = untolerated([one for one in kept if not pinned or one.effect == "NoExecute"], spec.tolerations)
    if found is None:
        return FEASIBLE
    if isinstance(found, Unknown):
        return undecided("TaintToleration", found)
    reason = f"node(s) had untolerated taint {{{found.key}: {found.value}}}"
    text = f"{found.key}={found.value}:{found.effect}" if found.value else f"{found.key}:{found.effect}"
    return refused("TaintToleration", reason, final=True, ref=node_ref(node, "spec.taints", text))


def node_affinity(spec: PodSpec, node: NodeView) -> Feasibility:
    """NodeAffinity: selector and required affinity."""
    truth = admits(spec, node)
    ref = _label_ref(spec, node) if truth is False else None
    return judged(truth, "NodeAffinity", NOT_SELECTED, ref, final=True)


def _label_ref(spec: PodSpec, node: NodeView) -> Ref | None:
    """The first label that the pod asks for by name, with what the node has instead."""
    keys = list(spec.node_selector)
    affinity = spec.affinity.node_affinity if spec.affinity else None
    if affinity is not None and affinity.required is not None:
        keys += [one.key for term in affinity.required.node_selector_terms for one in term.match_expressions]
    for key in keys:
        value = node.labels.get(key)
        if key not in node.unknown_labels and (key not in spec.node_selector or value != spec.node_selector[key]):
            return node_ref(node, "metadata.labels", f"{key}={value}" if value is not None else f"{key} is absent")
    return None


def ports(needs: Needs, taken: Load) -> Feasibility:
    """NodePorts: 0.0.0.0 clashes with every address of the same port and protocol."""
    clash = any(want.conflicts(used) for want in needs.ports for used in taken.ports)
    return judged(not clash, "NodePorts", PORTS_TAKEN)


def fit(needs: Needs, node: NodeView, taken: Load, version: SchedulerVersion) -> Feasibility:
    """NodeResourcesFit: what is free.

    From 1.34 a request larger than the whole node is final: no displaced pod makes room for it
    (``noderesources/fit.go``, ``InsufficientResource.Unresolvable``; not there at v1.33.0).
    """
    offered = node.allocatable
    if isinstance(offered, Unknown):
        return undecided("NodeResourcesFit", offered)
    reasons = []
    final = False
    if taken.count + 1 > amount("pods", offered.get("pods", 0)):
        reasons.append("Too many pods")
    for name, wanted in needs.requests:
        capacity = amount(name, offered.get(name, 0))
        if wanted > capacity - taken.requested.get(name, 0):
            reasons.append(f"Insufficient {name}")
            final |= wanted > capacity and version.minor >= 34
    return refused("NodeResourcesFit", *reasons, final=final) if reasons else FEASIBLE


def capacity(needs: Needs, node: NodeView) -> Feasibility:
    """What an empty node holds. What a prediction does not name is unknown, a device that no sibling shows is absent."""
    offered = node.allocatable
    if isinstance(offered, Unknown):
        return undecided("NodeResourcesFit", offered) if needs.requests else FEASIBLE
    short: list[tuple[str, str]] = []
    unknown: Unknown | None = None
    if "pods" in offered and amount("pods", offered["pods"]) < 1:
        short.append(("Too many pods", "pods=0"))
    for name, wanted in needs.requests:
        if name not in offered and (name in NATIVE or not node.devices_known):
            unknown = Unknown(Cause.NOT_COLLECTED, f"{name} of {node.id or 'the node'} is not known")
        elif wanted > amount(name, offered.get(name, 0)):
            short.append((f"Insufficient {name}", f"{name}={offered.get(name, 0)}"))
    if short:
        ref = node_ref(node, "status.allocatable", short[0][1])
        return refused("NodeResourcesFit", *(reason for reason, _ in short), final=True, ref=ref)
    return FEASIBLE if unknown is None else undecided("NodeResourcesFit", unknown)


def topology(node: NodeView, key: str, plugin: str, reason: str) -> Feasibility:
    """Whether the node has a label without which a plugin never admits it."""
    value = node.label_state(key)
    truth: Truth = value if isinstance(value, Unknown) else value is not None
    return judged(truth, plugin, reason, node_ref(node, "metadata.labels", f"{key} is absent"), final=True)


def declared_features(spec: PodSpec, version: SchedulerVersion) -> Feasibility:
    """NodeDeclaredFeatures, on by default from 1.36: what a few new members of a pod ask of the kubelet.

    Source: component-helpers ``nodedeclaredfeatures/features/`` at v0.36.0: restarting all containers, and user
    namespaces on the host network. Which features nodes declare is not read.
    """
    if version.minor < 36:
        return FEASIBLE
    every = (*spec.init_containers, *spec.containers)
    restarts = any(rule.action == "RestartAllContainers" for one in every for rule in one.restart_policy_rules)
    if not restarts and not (spec.host_network and spec.host_users is False):
        return FEASIBLE
    what = "which features the node declares (NodeDeclaredFeatures)"
    return undecided("NodeDeclaredFeatures", Unknown(Cause.NOT_MODELLED, what))
