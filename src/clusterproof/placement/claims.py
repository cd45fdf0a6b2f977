"""The DynamicResources filter: claims of a pod, now and for good.

Source: kubernetes ``pkg/scheduler/framework/plugins/dynamicresources`` and, for its place behind all other filters,
``pkg/scheduler/apis/config/v1/default_plugins.go`` (``applyDynamicResources``); on by default from 1.34.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.placement.devices.answers import ELSEWHERE, PLUGIN, ever, now, usable
from clusterproof.placement.devices.demand import NOTHING, Demand, Held, demand_of, template_pod
from clusterproof.placement.devices.inventory import Inventory
from clusterproof.placement.devices.search import Verdict
from clusterproof.placement.feasibility import FEASIBLE, Feasibility, refused, refused_whole, undecided
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.quantity import amount
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Pod, PodSpec

_SHORT = "Insufficient "
_UNREAD = Unknown(
    Cause.NOT_COLLECTED,
    "resource claims, device classes and resource slices were not read",
    "give kubectl get resourceclaims,resourceclaimtemplates -A, deviceclasses and resourceslices -o json",
)


class Claims(msgspec.Struct, frozen=True):
    """What a template asks of devices, prepared once for many nodes.

    Attributes:
        demand: its claims.
        inventory: what there is; None where it was not read.
        freed: claims whose allocation the scheduler has taken back (:func:`retried`).
    """

    demand: Demand = NOTHING
    inventory: Inventory | None = None
    freed: frozenset[str] = frozenset()


def claims_of(spec: PodSpec, namespace: str, inventory: Inventory | None) -> Claims:
    """Look up the claims of a template, for :func:`ever_with`."""
    return Claims(demand_of(template_pod(spec, namespace), inventory, today=False), inventory)


def claims_today(pod: Pod, cluster: Cluster) -> Claims:
    """Look up the claims of a pod that is not placed yet, for :func:`whole` and :func:`then`."""
    return Claims(demand_of(pod, cluster.devices), cluster.devices)


def ever_with(claims: Claims | None, node: NodeView, *, asked: bool) -> Feasibility:
    """May such a node ever have devices for the pod (design rule 3)?

    Args:
        claims: of the template; None where they were not looked up.
        node: a node, or what a group would make.
        asked: whether the template has claims at all.
    """
    if not asked:
        return FEASIBLE
    if claims is None or claims.inventory is None:
        return undecided(PLUGIN, _UNREAD)
    return FEASIBLE if claims.demand.empty else _answer(ever(claims.demand, node, claims.inventory))


def whole(claims: Claims) -> Feasibility | None:
    """Why no node is looked at at all: a claim, a class, that is not there, or in use (PreEnqueue, PreFilter)."""
    return refused_whole(PLUGIN, claims.demand.refusal) if claims.demand.refusal else None


def then(answer: Feasibility, claims: Claims, node: NodeView) -> Feasibility:
    """What is said of a node now, once all other filters have answered; one that refuses is not asked any more.

    Returns:
        The answer; with ``whole``, where an error ends (or may end) the scheduling of the pod (:func:`spread_whole`).
    """
    demand, inventory = claims.demand, claims.inventory
    if answer.ok is False or demand.empty:
        return answer
    if demand.doubt is not None or inventory is None:
        return undecided(PLUGIN, demand.doubt or _UNREAD)
    verdict = now(demand, node, inventory, claims.freed)
    if verdict.aborts and answer.ok is True:
        return refused_whole(PLUGIN, f'running "{PLUGIN}" filter plugin: {verdict.reason}')
    if verdict.aborts:
        return Feasibility(Unknown(Cause.ERROR, verdict.reason), PLUGIN, (verdict.reason,), whole=True)
    own = _answer(verdict)
    if verdict.may_abort:
        return msgspec.structs.replace(own, whole=True)
    return own if own.ok is False or answer.ok is True else answer


def spread_whole(answers: Sequence[Feasibility]) -> tuple[Feasibility, ...]:
    """An error on one node ends the scheduling of the pod, whatever other nodes offer (``findNodesThatPassFilters``)."""
    stopped = next((one for one in answers if one.whole and one.ok is False), None)
    if stopped is not None:
        return tuple(stopped for _ in answers)
    perhaps = next((one for one in answers if one.whole), None)
    return tuple(answers) if perhaps is None else tuple(perhaps if one.ok is True else one for one in answers)


def retried(answers: Sequence[Feasibility], claims: Claims, nodes: Sequence[NodeView]) -> Claims | Unknown | None:
    """The claims of the next attempt, where none succeeds and an idle claim is allocated elsewhere (``PostFilter``).

    The scheduler then takes back the allocation of one such claim and tries again.

    Returns:
        The claims as they are then; None where there is no such attempt; unknown where there is a choice.
    """
    if any(answer.ok is not False or answer.whole for answer in answers):
        return None
    idle: dict[str, Held] = {}
    for answer, node in zip(answers, nodes, strict=True):
        if answer.plugin == PLUGIN and answer.reasons == (ELSEWHERE,):
            idle.update({one.key: one for one in claims.demand.held if one.idle and usable([one], node) is not True})
    if not idle:
        return None
    if len(idle) > 1:
        what = f"which of the claims {', '.join(sorted(idle))} the scheduler deallocates first is its free choice"
        return Unknown(Cause.NOT_MODELLED, what)
    (key, one), demand = next(iter(idle.items())), claims.demand
    held = tuple(other for other in demand.held if other.key != key)
    if isinstance(one.anew, str):
        demand = msgspec.structs.replace(demand, held=held, refusal=one.anew)
    elif isinstance(one.anew, Unknown):
        demand = msgspec.structs.replace(demand, held=held, doubt=demand.doubt or one.anew)
    else:
        demand = msgspec.structs.replace(demand, held=held, asks=(*demand.asks, one.anew))
    return Claims(demand, claims.inventory, claims.freed | {key})


def by_devices(answer: Feasibility, node: NodeView, inventory: Inventory | None) -> Feasibility:
    """NodeResourcesFit, where a device class stands for the extended resource that is short: not known then.

    A node whose devices of that name come from a device plugin is asked as ever; elsewhere the pod is given devices of
    the class, with a claim that the scheduler makes (DRAExtendedResource, alpha from 1.34; ``extendedResourceName``).
    """
    if inventory is None or answer.ok is not False or isinstance(inventory.classes, Unknown):
        return answer
    offered = {} if isinstance(node.allocatable, Unknown) else node.allocatable
    mapped: list[str] = []
    for reason in answer.reasons:
        name = reason.removeprefix(_SHORT)
        if not reason.startswith(_SHORT) or not inventory.extended(name) or amount(name, offered.get(name, 0)) > 0:
            return answer
        mapped.append(name)
    if not mapped:
        return answer
    what = f"{mapped[0]} may come from device class {inventory.extended(mapped[0])} (DRAExtendedResource)"
    return undecided(answer.plugin, Unknown(Cause.NOT_MODELLED, what))


def _answer(verdict: Verdict) -> Feasibility:
    if isinstance(verdict.ok, Unknown):
        return undecided(PLUGIN, verdict.ok)
    return FEASIBLE if verdict.ok else refused(PLUGIN, verdict.reason)
