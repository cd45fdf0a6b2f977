"""Several pods one after another: the copies of one workload, and runs of one Job. Where do they land?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from clusterproof.checks.placed import Copies, CopiesOn, Runs, RunsOn
from clusterproof.placement import repeats
from clusterproof.placement.node import Cluster
from clusterproof.placement.odds import field_of
from clusterproof.placement.replicas import replica_odds
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.kubernetes import Pod


def copies_of(
    pod: Pod,
    cluster: Cluster,
    count: int,
    group_of: Mapping[str, str],
    version: SchedulerVersion,
) -> Copies:
    """Where so many copies end up that are placed one after another, faster than images are pulled.

    Args:
        pod: not placed yet.
        cluster: every node, with the pods on it, and its storage.
        count: how many copies.
        group_of: the node group of each node.
        version: the scheduler's.
    """
    found = replica_odds(pod, cluster, count, group_of, {}, version=version)
    if found.why_not is not None:
        return Copies(count, unknown=found.why_not)
    on = [
        CopiesOn(group, float(_mean(chances)), tuple(map(float, chances)))
        for group, chances in sorted(found.counts.items())
        if any(chances[1:])
    ]
    return Copies(count, tuple(on), tuple(map(float, found.unplaced)))


def runs_of(
    pod: Pod,
    cluster: Cluster,
    count: int,
    group_of: Mapping[str, str],
    sizes: Mapping[str, int],
    version: SchedulerVersion,
) -> Runs:
    """Where each of so many runs lands, one ending before the next begins.

    Args:
        pod: not placed yet.
        cluster: every node, with the pods on it, and its storage.
        count: how many runs.
        group_of: the node group of each node.
        sizes: bytes by image, for images that no node has.
        version: the scheduler's.
    """
    found: list[RunsOn] = []
    image = ""
    field = field_of(pod, cluster, (), version)
    if field.odds.why_not is not None:
        return Runs(count, unknown=field.odds.why_not)
    groups = sorted({group_of[node.id] for node in field.feasible if node.id in group_of})
    for group in groups:
        # The chain counts runs that end somewhere bad; here the group that is asked about is that place.
        there = {node.id: Fraction(1) for node in field.feasible if group_of.get(node.id) == group}
        series = repeats.series(pod, field, sizes, there, runs=count, followed=repeats.FOLLOWED // len(groups))
        if series.why_not is not None:
            return Runs(count, unknown=series.why_not)
        if not any(series.fails):
            continue
        image = series.image
        again = series.next_after_failure
        chances = tuple(map(float, series.fails))
        found.append(RunsOn(group, float(series.expected), chances, None if again is None else float(again)))
    return Runs(count, tuple(found), image)


def _mean(chances: Sequence[Fraction]) -> Fraction:
    return sum((number * chance for number, chance in enumerate(chances)), Fraction(0))
