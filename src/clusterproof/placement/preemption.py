"""Feasible by preemption: where a pod finds room once pods of lower priority are displaced.

Source: kubernetes ``pkg/scheduler/framework/plugins/defaultpreemption/default_preemption.go`` and
``pkg/scheduler/framework/preemption/preemption.go``, v1.31.13 to v1.36.3: only nodes whose refusal the removal of pods
may mend; all pods of lower priority are taken away, and those that still fit are given back, the most important first.

PodDisruptionBudgets decide only which node is taken and who is given back first, never whether a node is possible. They
are not read: the victims named here are those without any budget. Nor is it said which of several nodes is taken.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.errors import ClusterproofError
from clusterproof.placement import interpod
from clusterproof.placement.feasibility import Feasibility, or_unknown
from clusterproof.placement.filters import Rules, Today
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.priority import Rank, rank_of
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Pod
from clusterproof.world.selectors import Truth

NOT_HELPFUL = "Preemption is not helpful for scheduling"
NO_VICTIMS = "No preemption victims found for incoming pod"
NEVER = "not eligible due to preemptionPolicy=Never."


class Preemption(msgspec.Struct, frozen=True):
    """What displacing pods would do on one node.

    Attributes:
        ok: whether the pod then fits.
        victims: ``namespace/name`` of the pods that would go, the most important first; empty unless ``ok`` is true.
        reasons: why not, in the scheduler's words.
    """

    ok: Truth
    victims: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


_NOW = "~"
"""After every time: a pod without a start time counts as started now (``pkg/scheduler/util``, ``GetPodStartTime``)."""
_NOTHING = Preemption(ok=False, reasons=(NOT_HELPFUL,))


def preemption(
    pod: Pod,
    cluster: Cluster,
    answers: Sequence[Feasibility],
    volumes: Rules = (),
    *,
    version: SchedulerVersion | None = None,
) -> tuple[Preemption, ...]:
    """What displacing pods would do on each node, where no node takes the pod as it is.

    Args:
        pod: not placed yet.
        cluster: as given to :func:`clusterproof.placement.filters.feasible_now`.
        answers: what that said, node by node.
        volumes: as given to it.
        version: the scheduler's.

    Returns:
        One answer per node. A node that takes the pod anyway is not helped by it: the scheduler does not get there.
    """
    if any(answer.ok is True for answer in answers):
        return tuple(_NOTHING for _ in answers)
    mine = rank_of(pod.spec, cluster.priorities)
    if isinstance(mine, Rank) and mine.never:
        return tuple(Preemption(ok=False, reasons=(NEVER,)) for _ in answers)
    version = version or cluster.version or SchedulerVersion()
    idle = _near_is_idle(pod, cluster)
    found: list[Preemption] = []
    for node, answer in zip(cluster.nodes, answers, strict=True):
        if isinstance(answer.ok, Unknown):
            found.append(Preemption(answer.ok))
        elif answer.final:
            found.append(_NOTHING)
        elif isinstance(mine, Unknown):
            found.append(Preemption(mine))
        else:
            found.append(_on(pod, mine, node, cluster, volumes, version, idle=idle))
    return tuple(found)


def _near_is_idle(pod: Pod, cluster: Cluster) -> bool:
    """Whether InterPodAffinity is left out of the dry run too: that is decided on the cluster as it is (PreFilter)."""
    state = or_unknown(lambda: interpod.filter_state(pod, cluster))
    return isinstance(state, interpod.State) and state.idle


def _on(
    pod: Pod, mine: Rank, node: NodeView, cluster: Cluster, volumes: Rules, version: SchedulerVersion, *, idle: bool
) -> Preemption:
    """The dry run on one node (``SelectVictimsOnNode``)."""
    lower: list[tuple[int, str, Pod]] = []
    doubt: Unknown | None = None
    stay: list[Pod] = []
    for other in node.pods:
        theirs = rank_of(other.spec, cluster.priorities)
        if isinstance(theirs, Unknown):
            doubt = doubt or theirs
            stay.append(other)
        elif theirs.priority < mine.priority:
            lower.append((-theirs.priority, other.status.start_time or _NOW, other))
        else:
            stay.append(other)
    if not lower:
        return Preemption(doubt) if doubt is not None else Preemption(ok=False, reasons=(NO_VICTIMS,))
    bare = _without(pod, node, cluster, tuple(stay), volumes, version, idle=idle)
    if bare.ok is not True:
        unknown = bare.ok if isinstance(bare.ok, Unknown) else doubt
        return Preemption(unknown) if unknown is not None else Preemption(ok=False, reasons=bare.reasons)
    victims: list[str] = []
    lower.sort(key=lambda item: item[:2])
    for _, _, other in lower:
        back = (*stay, other)
        again = _without(pod, node, cluster, back, volumes, version, idle=idle)
        if isinstance(again.ok, Unknown):
            return Preemption(ok=True)
        if again.ok:
            stay.append(other)
        else:
            victims.append(f"{other.metadata.namespace}/{other.metadata.name}")
    return Preemption(ok=True, victims=tuple(victims))


def _without(
    pod: Pod,
    node: NodeView,
    cluster: Cluster,
    pods: tuple[Pod, ...],
    volumes: Rules,
    version: SchedulerVersion,
    *,
    idle: bool,
) -> Feasibility:
    """The filters on the node as if only these pods were on it, and those that are nominated for it.

    What claims and attachments say stays as it is.
    """
    thinner = msgspec.structs.replace(node, pods=pods)
    nodes = tuple(thinner if one is node else one for one in cluster.nodes)
    try:
        return Today(pod, msgspec.structs.replace(cluster, nodes=nodes), volumes, version, idle=idle).kept(thinner)
    except ClusterproofError as error:
        return Feasibility(Unknown(Cause.ERROR, str(error)))
