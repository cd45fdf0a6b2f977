"""The check "runs on every node of a set": DaemonSets × the node classes of a set, by the placement engine.

Every class counts, of nodes that exist and of those that its groups make next (design rule 3). A DaemonSet's controller
makes a pod for each node that its selectors and the node's taints admit (kubernetes pkg/controller/daemon,
``NodeShouldRunDaemonPod``); what passes by itself (``node.kubernetes.io/*``) it tolerates. With several DaemonSets in
the workload each node must get one of them, and with ``once`` not two.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.made import finding
from clusterproof.checks.parties import Sides, on_nodes, unread_places
from clusterproof.checks.words import absence, listed, unique, with_reservations
from clusterproof.placement.feasibility import Feasibility
from clusterproof.placement.taints import REPELLING, tolerated
from clusterproof.profiles.model import Covers, Requirement, Subject
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.snapshot.kubernetes import Taint
from clusterproof.verdict.algebra import Tally, Verdict, fold
from clusterproof.world.model import GroupKind, NodeClass, Workload

_TEMPLATES = {
    GroupKind.EKS_MANAGED: kinds.NODEGROUPS.name,
    GroupKind.AUTO_SCALING: kinds.AUTO_SCALING_GROUPS.name,
    GroupKind.KARPENTER: kinds.NODE_POOLS.name,
    GroupKind.AUTO_MODE: kinds.NODE_POOLS.name,
}
"""What says which taints the next nodes of a group have."""


def decide(context: Context, requirement: Requirement, check: Covers) -> Finding:
    """Pass when every node class of the set takes one (with ``once``: one alone); fail where any surely does not."""
    side = on_nodes(context, Subject(workload=check.workload, on=check.on))
    named = context.named(check.workload)
    workloads = [party.workload for party in side.parties if party.workload is not None]
    classes = [item for item in context.world.classes if item.group in side.on and not item.fargate]
    others = [workload for workload in workloads if not workload.every_node]
    unknowns: list[Unknown] = [*side.absent, *unread_places(context, side)] if not side.empty_set else []
    unknowns += [side.absent[0]] if side.empty_set and side.absent else []
    texts: list[str] = []
    evidence: list[Ref] = []
    if side.empty_set or not workloads or not classes:
        return _without(context, requirement, check, side, unknowns)
    outcomes: list[Outcome] = []
    refused: dict[str, list[str]] = {}
    for node_class in classes:
        takes = [_of(context, workload, node_class) for workload in workloads if workload.every_node]
        outcome, why = _class(takes, node_class, once=check.once)
        outcomes.append(outcome)
        if outcome is Outcome.UNKNOWN:
            unknowns += [truth for _, truth, _ in takes if isinstance(truth, Unknown)]
        if outcome is Outcome.BLOCKED:
            refused.setdefault(why, []).append(_where(node_class))
            evidence += _evidence(context, node_class, takes)
    if others:
        texts.append(f"{others[0].id} is no DaemonSet, so that it need not be on every node")
        outcomes.append(Outcome.BLOCKED)
    tally = fold([outcomes])
    if tally.verdict is Verdict.PASS and unknowns:
        tally = Tally(Verdict.UNKNOWN, tally.works, unknown=1)
    texts += [f"{listed(where)}: {why}" for why, where in refused.items()]
    if not texts:
        texts = [_said(workloads, check, tally.verdict)]
    evidence += [workload.ref for workload in workloads if workload.ref is not None]
    missing = [named.missing] if named.missing is not None and tally.verdict is Verdict.UNKNOWN else []
    return finding(
        context,
        requirement,
        tally,
        with_reservations("; ".join(unique(texts)), tally.verdict, side.how),
        evidence=evidence,
        unknowns=[*missing, *unknowns],
        notes=side.how,
        beside=True,
    )


_Take = tuple[Workload, bool | Unknown, Feasibility | None]
"""Whether a DaemonSet has a pod on the nodes of a class, and what refuses it where it has not."""


def _of(context: Context, workload: Workload, node_class: NodeClass) -> _Take:
    found = context.places(workload)
    for place in found.places:
        if place.node_class.id == node_class.id and not place.stays:
            return workload, True if place.doubt is None else place.doubt, None
    refusal = next((item for item in found.refused if item.node_class.id == node_class.id), None)
    return workload, False, refusal.feasibility if refusal is not None else None


def _class(takes: Sequence[_Take], node_class: NodeClass, *, once: bool) -> tuple[Outcome, str]:
    """What a class comes to, and why where it is refused."""
    surely = [workload for workload, truth, _ in takes if truth is True]
    doubtful = [workload for workload, truth, _ in takes if isinstance(truth, Unknown)]
    if once and len(surely) > 1:
        return Outcome.BLOCKED, f"{listed([one.id for one in surely])} both run there" + (
            "" if len(surely) == 2 else f" ({len(surely)} of them)"
        )
    if once and len(surely) + len(doubtful) < 2:
        return Outcome.WORKS, ""  # that one runs there at all is another question
    if not surely and not doubtful:
        return Outcome.BLOCKED, "; ".join(_refusals(takes, node_class)) or "no DaemonSet of it was found"
    if not surely or (once and doubtful and len(surely) + len(doubtful) > 1):
        return Outcome.UNKNOWN, ""
    return Outcome.WORKS, ""


def lacking(workload: Workload, node_class: NodeClass) -> tuple[Taint, ...]:
    """The taints of a class that keep a workload's pods away."""
    taints = node_class.taints if isinstance(node_class.taints, tuple) else ()
    return tuple(
        taint for taint in taints if taint.effect in REPELLING and tolerated(workload.spec.tolerations, taint) is False
    )


def taint_text(taint: Taint) -> str:
    """``nvidia.com/gpu=true:NoSchedule``, as kubectl writes it."""
    return f"{taint.key}{f'={taint.value}' if taint.value else ''}:{taint.effect}"


def _refusals(takes: Sequence[_Take], node_class: NodeClass) -> Iterator[str]:
    for workload, _, feasibility in takes:
        taints = lacking(workload, node_class)
        if feasibility is None:
            yield f"{workload.id} is not scheduled there"
        elif taints:
            named = listed([taint_text(taint) for taint in taints])
            yield f"{workload.id} does not run there: it does not tolerate taint {named}"
        else:
            yield f"{workload.id} does not run there: {feasibility.reason}"


def _where(node_class: NodeClass) -> str:
    if node_class.nodes:
        more = f" and {len(node_class.nodes) - 1} more" if len(node_class.nodes) > 1 else ""
        return f"{node_class.group} ({node_class.nodes[0]}{more})"
    return f"{node_class.group} (next nodes)"


def _evidence(context: Context, node_class: NodeClass, takes: Sequence[_Take]) -> Iterator[Ref]:
    """The field of the node that refuses, or of what makes the next ones."""
    group = context.world.groups.get(node_class.group)
    for workload, truth, feasibility in takes:
        ref = feasibility.ref if feasibility is not None and truth is False else None
        if ref is not None and node_class.nodes:
            yield ref
        elif truth is False and group is not None and group.refs:
            kind = _TEMPLATES.get(group.kind, group.refs[0].kind)
            for taint in lacking(workload, node_class):
                yield Ref(kind, group.refs[0].key, "taints", taint_text(taint))


def _said(workloads: Sequence[Workload], check: Covers, verdict: Verdict) -> str:
    names = listed([workload.id for workload in workloads[:3]])
    if check.once:
        return f"{'no' if verdict is Verdict.PASS else 'whether a'} node of {check.on} gets two of {names}" + (
            "" if verdict is Verdict.PASS else " is not known"
        )
    if verdict is Verdict.PASS:
        return f"{names} {'runs' if len(workloads) == 1 else 'run'} on every node of {check.on}, its next ones too"
    return f"whether {names} runs on every node of {check.on} is not known"


def _without(
    context: Context, requirement: Requirement, check: Covers, side: Sides, unknowns: Sequence[Unknown]
) -> Finding:
    """The set has no group, or the workload was not found, or no node is known of the set."""
    missing = context.named(check.workload).missing
    if side.empty_set:
        text = side.how[0]
    elif not side.parties:
        text = absence(check.workload, missing)
    else:
        text = f"no node of {check.on} was read, and what it makes next is not known"
    read = not unknowns and missing is None
    verdict = Verdict.NOT_APPLICABLE if read and requirement.absent == "not-applicable" else Verdict.UNKNOWN
    found = tuple(unique([*([missing] if missing is not None else []), *unknowns]))
    return finding(context, requirement, Tally(verdict), text, unknowns=found, notes=side.how)
