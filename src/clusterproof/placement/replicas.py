"""Several pods of one owner, placed one after another: where they end up, exactly.

Each copy changes load and spread (and, where there is time to pull, images) for the next, so that N copies are no N
draws. The tree of outcomes is folded: nodes that are exchangeable (:meth:`Prepared.alike`) are one class, and a state
is, per class, how many copies its nodes hold, whichever of them. That is exact and nothing is drawn at random. Where
even the folded states are too many, there are no odds, and that is said.

The scheduler takes pods one by one in the order of its queue (``pkg/scheduler/schedule_one.go``); pods of other owners
that come between are not foreseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import msgspec

from clusterproof.errors import ClusterproofError
from clusterproof.placement.attach import disks_of
from clusterproof.placement.filters import Rules
from clusterproof.placement.images import normalised, pod_images
from clusterproof.placement.interpod import UndecidedError
from clusterproof.placement.node import Cluster
from clusterproof.placement.odds import DEFAULT_SCHEDULER
from clusterproof.placement.prepared import Prepared
from clusterproof.placement.storage import claims_of
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Pod

EVALUATIONS = 30_000
"""How many nodes are scored in all, over all states, before the search is given up."""

State = tuple[tuple[int, ...], ...]
"""Per class the copies on those of its nodes that hold any, most first."""


class Replicas(msgspec.Struct, frozen=True):
    """Where the copies end up.

    Attributes:
        replicas: how many are placed.
        counts: by group of nodes the probability of 0, 1, … copies on it.
        any_fails: the probability that at least one copy is where it fails.
        expected_failing: how many copies fail on average.
        unplaced: the probability of 0, 1, … copies for which no node is left.
        states: how many folded states were followed.
        why_not: why there are no numbers, else None.
    """

    replicas: int
    counts: dict[str, tuple[Fraction, ...]] = msgspec.field(default_factory=dict)
    any_fails: Fraction = Fraction(0)
    expected_failing: Fraction = Fraction(0)
    unplaced: tuple[Fraction, ...] = ()
    states: int = 0
    why_not: Unknown | None = None


def replica_odds(
    pod: Pod,
    cluster: Cluster,
    replicas: int,
    group_of: Mapping[str, str],
    failing: Mapping[str, Fraction],
    *,
    volumes: Rules = (),
    version: SchedulerVersion | None = None,
    pulled: Mapping[str, int] | None = None,
    evaluations: int = EVALUATIONS,
) -> Replicas:
    """Odds of so many copies of a pod, placed one after another.

    Args:
        pod: not placed yet; all copies are like it.
        cluster: every node, with the pods on it; copies that run already are pods on it.
        replicas: how many are to be placed.
        group_of: the group of each node, by name.
        failing: the probability that a copy on this node fails, each for itself; not named means 0.
        volumes: what the pod's bound volumes ask of a node.
        version: the scheduler's.
        pulled: bytes by image that no node has, where each copy's images are on its node before the next is placed;
            ``None`` where copies come faster than images, as those of a new Deployment do.
        evaluations: how many nodes may be scored in all.

    Returns:
        The distribution, or why it is not known.
    """
    scheduler = pod.spec.scheduler_name or DEFAULT_SCHEDULER
    if scheduler != DEFAULT_SCHEDULER:
        what = f"{scheduler} decides, not the default scheduler"
        return Replicas(replicas, why_not=Unknown(Cause.NOT_MODELLED, what))
    version = version or cluster.version or SchedulerVersion()
    if replicas > 1 and (unfollowed := _unfollowed(pod, cluster)):
        return Replicas(replicas, why_not=Unknown(Cause.NOT_MODELLED, unfollowed))
    try:
        sizes = _sizes(pod, cluster, version, pulled)
        if isinstance(sizes, Unknown):
            return Replicas(replicas, why_not=sizes)
        prepared = Prepared(pod, cluster, volumes=volumes, version=version, sizes=sizes)
        if prepared.why_not is not None:
            return Replicas(replicas, why_not=prepared.why_not)
        return _Tree(prepared, group_of, failing, evaluations).grow(replicas)
    except UndecidedError as error:
        return Replicas(replicas, why_not=error.unknown)
    except ClusterproofError as error:
        return Replicas(replicas, why_not=Unknown(Cause.ERROR, str(error)))


def _unfollowed(pod: Pod, cluster: Cluster) -> str:
    """What a copy takes from the next and is not followed here; empty for nothing."""
    if pod.spec.resource_claims:
        return "which devices each copy takes from the next (resourceClaims)"
    if claims_of(pod.spec) or any(disks_of(pod)):
        return "which volumes each copy has, and what they leave a node to attach"
    if any(node.nominated for node in cluster.nodes):
        return "several copies beside pods for which the scheduler keeps room (status.nominatedNodeName)"
    return ""


def _sizes(
    pod: Pod, cluster: Cluster, version: SchedulerVersion, pulled: Mapping[str, int] | None
) -> dict[str, int] | Unknown | None:
    """What the pod's images weigh, where that is read; one size each, or it is not known."""
    wanted = frozenset(pod_images(pod.spec, version))
    there: dict[str, set[int]] = {}
    for node in cluster.nodes:
        for image in node.images if node.born else ():
            for name in wanted.intersection(image.names):
                there.setdefault(name, set()).add(image.size_bytes)
    twice = sorted(name for name, sizes in there.items() if len(sizes) > 1)
    if twice:
        what = f"nodes report different sizes of {twice[0]}, and the scheduler keeps the one it met first"
        return Unknown(Cause.NOT_ANSWERABLE, what)
    if pulled is None:
        return None
    given = {normalised(name): size for name, size in pulled.items()}
    missing = sorted(wanted - set(there) - set(given))
    if missing:
        return Unknown(Cause.NOT_COLLECTED, f"no node has the image {missing[0]}", "give its size in bytes")
    return given


class _Tree:
    """The folded tree of outcomes."""

    def __init__(
        self, prepared: Prepared, group_of: Mapping[str, str], failing: Mapping[str, Fraction], evaluations: int
    ) -> None:
        self._prepared = prepared
        self._left = evaluations
        names = [node.id for node in prepared.nodes]
        marks = [(group_of.get(name, ""), failing.get(name, Fraction(0))) for name in names]
        self._classes = prepared.alike(marks)
        self._marks = [marks[members[0]] for members in self._classes]
        self._groups = sorted({group for group, _ in marks})
        self._place = {node: number for number, members in enumerate(self._classes) for node in members}
        self._next: dict[State, tuple[tuple[State, Fraction], ...]] = {}

    def grow(self, replicas: int) -> Replicas:
        """Place them all."""
        now: dict[State, Fraction] = {tuple(() for _ in self._classes): Fraction(1)}
        for _ in range(replicas):
            following: dict[State, Fraction] = {}
            for state, chance in now.items():
                after = self._after(state)
                if isinstance(after, Unknown):
                    return Replicas(replicas, why_not=after)
                for other, share in after:
                    following[other] = following.get(other, Fraction(0)) + chance * share
            now = following
        return self._summed(now, replicas)

    def _after(self, state: State) -> tuple[tuple[State, Fraction], ...] | Unknown:
        found = self._next.get(state)
        if found is not None:
            return found
        self._left -= len(self._prepared.candidates)
        if self._left < 0:
            what = f"more than {len(self._next)} different ways to fill {len(self._classes)} classes of nodes"
            return Unknown(Cause.NOT_MODELLED, what)
        extra = {
            node: copies
            for members, counts in zip(self._classes, state, strict=True)
            for node, copies in zip(members, counts, strict=False)
        }
        winners = self._prepared.winners(extra)
        if isinstance(winners, Unknown):
            return winners
        ways: dict[State, int] = {}
        for node in winners:
            other = _added(state, self._place[node], extra.get(node, 0))
            ways[other] = ways.get(other, 0) + 1
        after = tuple((other, Fraction(count, len(winners))) for other, count in ways.items())
        self._next[state] = after or ((state, Fraction(1)),)  # no node is left: it stays pending
        return self._next[state]

    def _summed(self, final: Mapping[State, Fraction], replicas: int) -> Replicas:
        zero = Fraction(0)
        counts = {group: [zero] * (replicas + 1) for group in self._groups}
        unplaced = [zero] * (replicas + 1)
        any_fails = expected = zero
        for state, chance in final.items():
            held = dict.fromkeys(self._groups, 0)
            good, failing = Fraction(1), zero
            for (group, fails), copies in zip(self._marks, state, strict=True):
                held[group] += sum(copies)
                good *= (1 - fails) ** sum(copies)
                failing += fails * sum(copies)
            for group, number in held.items():
                counts[group][number] += chance
            unplaced[replicas - sum(held.values())] += chance
            any_fails += chance * (1 - good)
            expected += chance * failing
        told = {group: tuple(values) for group, values in counts.items()}
        return Replicas(replicas, told, any_fails, expected, tuple(unplaced), len(self._next))


def _added(state: State, place: int, copies: int) -> State:
    """One more copy on a node of the class that holds so many."""
    counts = list(state[place])
    if copies:
        counts[counts.index(copies)] += 1
    else:
        counts.append(1)
    return (*state[:place], tuple(sorted(counts, reverse=True)), *state[place + 1 :])
