"""What can be said of a first run where the scheduler does not look at every feasible node.

In clusters of 100 nodes and more it stops once it has found enough feasible nodes (:func:`odds.nodes_to_find`). Where it
starts is hidden: an index that moves on with every pod, over a list of nodes that takes the zones in turn and each zone
in the order in which the scheduler met its nodes (``pkg/scheduler/backend/cache/node_tree.go``), scanned by several
workers at a time (``schedule_one.go``, ``findNodesThatPassFilters``). No snapshot holds any of that.

So there are no odds, but there are bounds: whichever nodes it finds, it finds that many of them and takes one of the
best. That holds for every start, order and race. Beside them stand the odds for the case that each feasible node is as
likely as any other to be among those found; that is an assumption, and called one.

Bounds need scores that do not hang on which other nodes were found. They do where normalisation changes nothing: no
taint, preference, spread or neighbour tells the feasible nodes apart. Else there are none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import comb

import msgspec

from clusterproof.errors import ClusterproofError
from clusterproof.placement import interpod, scores, spread
from clusterproof.placement.filters import Rules, feasible_now
from clusterproof.placement.images import image_scores, image_table
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.odds import DEFAULT_SCHEDULER, nodes_to_find
from clusterproof.placement.requests import pod_requests
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Pod

_RELATIVE = "its score depends on which other nodes the scheduler has found"


class Between(msgspec.Struct, frozen=True):
    """A probability that hangs on hidden state.

    Attributes:
        least, most: it is between these, whatever the hidden state.
        if_even: what it is if each feasible node is as likely as any other to be among those found.
    """

    least: Fraction
    most: Fraction
    if_even: Fraction


class Sampled(msgspec.Struct, frozen=True):
    """A first run over a part of the feasible nodes.

    Attributes:
        scanned: how many feasible nodes the scheduler looks for.
        feasible: those that there are; each is possible.
        groups: by group of nodes, that the run lands there.
        fails: that the run fails.
        why_not: why nothing is said, else None.
    """

    scanned: int = 0
    feasible: tuple[str, ...] = ()
    groups: dict[str, Between] = msgspec.field(default_factory=dict)
    fails: Between | None = None
    why_not: Unknown | None = None


class Looked(msgspec.Struct, frozen=True):
    """The feasible nodes with what tells them apart; it does not depend on where a run fails.

    Attributes:
        scanned: how many feasible nodes the scheduler looks for.
        feasible: those that there are.
        totals: by which the best of those found is taken; empty where ``why_not`` is set.
        why_not: why nothing is said, else None.
    """

    scanned: int = 0
    feasible: tuple[str, ...] = ()
    totals: tuple[int, ...] = ()
    why_not: Unknown | None = None


def sampled_run(
    pod: Pod,
    cluster: Cluster,
    group_of: Mapping[str, str],
    failing: Mapping[str, Fraction],
    *,
    volumes: Rules = (),
    version: SchedulerVersion | None = None,
) -> Sampled:
    """Bounds of a first run; they meet where every feasible node is looked at.

    Args:
        pod: not placed yet.
        cluster: every node, with the pods on it.
        group_of: the group of each node, by name.
        failing: the probability that a run on this node fails; not named means 0.
        volumes: what the pod's bound volumes ask of a node.
        version: the scheduler's.
    """
    looked = look(pod, cluster, volumes=volumes, version=version)
    if looked.why_not is not None or not looked.feasible:
        return Sampled(looked.scanned, looked.feasible, why_not=looked.why_not)
    names = looked.feasible
    groups = {
        group: between(looked.totals, [Fraction(group_of.get(name, "") == group) for name in names], looked.scanned)
        for group in sorted({group_of.get(name, "") for name in names})
    }
    return Sampled(looked.scanned, names, groups, fails_of(looked, failing))


def fails_of(looked: Looked, failing: Mapping[str, Fraction]) -> Between:
    """That a first run fails, between what bounds."""
    return between(looked.totals, [failing.get(name, Fraction(0)) for name in looked.feasible], looked.scanned)


def look(pod: Pod, cluster: Cluster, *, volumes: Rules = (), version: SchedulerVersion | None = None) -> Looked:
    """Score the feasible nodes, where that can be said of each by itself; arguments as of :func:`sampled_run`."""
    scheduler = pod.spec.scheduler_name or DEFAULT_SCHEDULER
    if scheduler != DEFAULT_SCHEDULER:
        return Looked(why_not=Unknown(Cause.NOT_MODELLED, f"{scheduler} decides, not the default scheduler"))
    try:
        return _look(pod, cluster, volumes, version or cluster.version or SchedulerVersion())
    except interpod.UndecidedError as error:
        return Looked(why_not=error.unknown)
    except ClusterproofError as error:
        return Looked(why_not=Unknown(Cause.ERROR, str(error)))


def _look(pod: Pod, cluster: Cluster, volumes: Rules, version: SchedulerVersion) -> Looked:
    born = tuple(node for node in cluster.nodes if node.born)
    cluster = msgspec.structs.replace(cluster, nodes=born, version=version)
    answers = feasible_now(pod, cluster, volumes, version=version)
    unknown = next((answer.ok for answer in answers if isinstance(answer.ok, Unknown)), None)
    if unknown is not None:
        return Looked(why_not=unknown)
    feasible = [node for node, answer in zip(born, answers, strict=True) if answer.ok is True]
    if not feasible:
        return Looked()
    names = tuple(node.id for node in feasible)
    scanned = min(nodes_to_find(len(born)), len(feasible))
    totals = _totals(pod, cluster, feasible, version)
    if isinstance(totals, Unknown):
        return Looked(scanned, names, why_not=totals)
    return Looked(scanned, names, tuple(totals))


def between(totals: Sequence[int], values: Sequence[Fraction], found: int) -> Between:
    """The mean of ``values`` over the best of the nodes found, where ``found`` of them are.

    Args:
        totals: the score of each feasible node.
        values: what is averaged, for each feasible node.
        found: how many of the feasible nodes the scheduler finds.
    """
    levels: dict[int, list[Fraction]] = {}
    for total, value in zip(totals, values, strict=True):
        levels.setdefault(total, []).append(value)
    count, better = len(totals), 0
    least, most, even = Fraction(1), Fraction(0), Fraction(0)
    ways = comb(count, found)
    for total in sorted(levels, reverse=True):
        level = sorted(levels[total])
        if found > count - better:
            break  # a better node is always among those found
        # At least so many of this level are found when none better is: the rest is worse.
        taken = max(1, found - (count - better - len(level)))
        least = min(least, sum(level[:taken], Fraction(0)) / taken)
        most = max(most, sum(level[-taken:], Fraction(0)) / taken)
        wins = comb(count - better, found) - comb(count - better - len(level), found)
        even += Fraction(wins, ways) * sum(level, Fraction(0)) / len(level)
        better += len(level)
    return Between(least, most, even)


def _totals(pod: Pod, cluster: Cluster, feasible: Sequence[NodeView], version: SchedulerVersion) -> list[int] | Unknown:
    """The part of the total by which nodes differ, where it is the same whichever nodes are found."""
    unscored = scores.unscored_devices(pod, cluster, version)
    if unscored is not None:
        return unscored
    relative: list[Sequence[int] | None] = [
        scores.disliked_taints(pod.spec, feasible),
        scores.preferred_weights(pod.spec, feasible),
        interpod.raw_scores(pod, cluster, feasible),
    ]
    if any(raw is not None and len(set(raw)) > 1 for raw in relative) or spread.tells_apart(pod, cluster, feasible):
        return Unknown(Cause.NOT_MODELLED, f"of each of {len(feasible)} feasible nodes, {_RELATIVE}")
    images = image_scores(pod.spec, feasible, image_table(cluster.nodes), version)
    if isinstance(images, Unknown):
        return images
    wanted, assumed = pod_requests(pod.spec), scores.assumed_requests(pod.spec)
    balances = scores.is_balanced(wanted, version)
    totals = []
    for node, image in zip(feasible, images, strict=True):
        if isinstance(node.allocatable, Unknown):
            return node.allocatable
        taken = scores.score_load(node.pods, version)
        total = image + scores.least_allocated(node, taken.assumed, assumed)
        totals.append(total + (scores.balanced(node, taken.requested, wanted, version) if balances else 0))
    return totals
