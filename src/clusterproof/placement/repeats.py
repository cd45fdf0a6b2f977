"""The same pod run again and again: each run leaves its images on its node, and the next one may follow them.

"It fails in 3 of 10 runs; after the first success it never failed again" is a Markov chain. Its state is which nodes
hold the pod's images, and only ImageLocality reads it (``imagelocality/image_locality.go``): a run ends before the next
starts, what it asked for is free again, and nothing else changes. Nodes with the same other scores, the same images and
the same chance to fail are exchangeable, so that a state is one number per class of nodes: how many were warmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Literal

import msgspec

from clusterproof.placement.filters import Rules
from clusterproof.placement.images import dividing, least_for_a_point, pod_images, points, spread_size
from clusterproof.placement.node import Cluster
from clusterproof.placement.odds import Field, Odds, field_of, sizes_of
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Pod

SCORED = 20_000
"""How many classes of nodes are scored in all, over all states; with more there are no odds, and that is said."""
FOLLOWED = 600_000
"""How much is followed in all, over all runs: a move costs one, and more in later runs, as fractions grow."""
Afterwards = Literal["never", "always", "sometimes"]
State = tuple[int, ...]
"""How many nodes of each class were warmed by runs."""
_MIB = 1024 * 1024


class Repeats(msgspec.Struct, frozen=True):
    """What becomes of a series of runs.

    Attributes:
        first: the first run.
        fails: the probability that run 1, 2, … fails.
        expected: how many of these runs fail on average.
        after_success: whether a run that comes after a success fails: ``never``, ``always`` or ``sometimes``; None
            where no run can succeed. It speaks of the runs counted.
        after_failure: the same after a failure; None where no run can fail.
        next_after_success: the probability that the second run fails once the first has succeeded; None where it
            cannot.
        next_after_failure: the same once it has failed.
        image: whether image locality can matter here, in a sentence.
        why_not: why there are no numbers, else None.
    """

    first: Odds
    fails: tuple[Fraction, ...] = ()
    expected: Fraction = Fraction(0)
    after_success: Afterwards | None = None
    after_failure: Afterwards | None = None
    next_after_success: Fraction | None = None
    next_after_failure: Fraction | None = None
    image: str = ""
    why_not: Unknown | None = None


class _Class(msgspec.Struct, frozen=True):
    """Nodes that no later run tells apart."""

    base: int
    held: frozenset[str]
    fails: Fraction
    size: int


class _Move(msgspec.Struct, frozen=True):
    """A class that may win, warm or cold, with how many nodes and what a run there leaves behind."""

    where: int
    chance: Fraction
    fails: Fraction
    after: State
    nodes: int


def repeated_runs(
    pod: Pod,
    cluster: Cluster,
    image_sizes: Mapping[str, int],
    failing: Mapping[str, Fraction],
    *,
    runs: int = 10,
    volumes: Rules = (),
    version: SchedulerVersion | None = None,
) -> Repeats:
    """Odds of so many runs of one pod, one after the other.

    Args:
        pod: not placed yet.
        cluster: every node, with the pods on it.
        image_sizes: bytes by image, for images that no node has yet.
        failing: the probability that a run on this node fails; a node that is not named does not fail.
        runs: how many.
        volumes: what the pod's bound volumes ask of a node.
        version: the scheduler's.

    Returns:
        The series, or why it is not known: what keeps a first run from having odds, an image of unknown size, or
        more states than are followed.
    """
    version = version or cluster.version or SchedulerVersion()
    return series(pod, field_of(pod, cluster, volumes, version), image_sizes, failing, runs=runs)


def series(
    pod: Pod,
    field: Field,
    image_sizes: Mapping[str, int],
    failing: Mapping[str, Fraction],
    *,
    runs: int,
    followed: int = FOLLOWED,
) -> Repeats:
    """:func:`repeated_runs` for a first run that was already computed; ``followed``: how much to follow at most."""
    if field.odds.why_not is not None or not field.feasible:
        return Repeats(field.odds, why_not=field.odds.why_not)
    sizes = sizes_of(pod_images(pod.spec, field.version), field, image_sizes)
    if isinstance(sizes, Unknown):
        return Repeats(field.odds, why_not=sizes)
    low = _follow(_Chain(pod, field, sizes, failing, largest=False), runs, followed)
    if isinstance(low, Unknown):
        return Repeats(field.odds, why_not=low)
    images = [field.table.images[name] for name in pod_images(pod.spec, field.version) if name in field.table.images]
    one_size = all(image.smallest == image.largest for image in images)
    if not one_size and low != _follow(_Chain(pod, field, sizes, failing, largest=True), runs, followed):
        what = "nodes report different sizes of one of the pod's images, and the scheduler keeps the one it met first"
        return Repeats(field.odds, why_not=Unknown(Cause.NOT_ANSWERABLE, what))
    return low


def _follow(chain: _Chain, runs: int, left: int) -> Repeats | Unknown:
    start = chain.start
    now: dict[State, Fraction] = {start: Fraction(1)}
    # States in which a run may start after a success, and after a failure, with the chance to fail there.
    after: dict[bool, dict[State, Fraction]] = {True: {}, False: {}}
    reached: dict[bool, set[State]] = {True: set(), False: set()}
    fails = []
    for run in range(runs):
        total = Fraction(0)
        following: dict[State, Fraction] = {}
        grown: dict[bool, set[State]] = {True: set(), False: set()}
        for state, chance in now.items():
            if chain.scored > SCORED:
                what = f"more than {chain.states} states of which nodes hold the image after {runs} runs"
                return Unknown(Cause.NOT_MODELLED, what)
            for success in (True, False):
                if state in reached[success]:
                    after[success].setdefault(state, chain.fails(state))
            left -= len(chain.moves(state)) * (1 + run // 50)
            if left < 0:
                what = f"what {runs} runs leave on which nodes is more than is followed here (up to run {run})"
                return Unknown(Cause.NOT_MODELLED, what, "ask for fewer: --runs 10")
            for move in chain.moves(state):
                total += chance * move.chance * move.fails
                following[move.after] = following.get(move.after, Fraction(0)) + chance * move.chance
                if move.fails < 1:
                    grown[True].add(move.after)
                if move.fails > 0:
                    grown[False].add(move.after)
                for success in (True, False):
                    if state in reached[success]:
                        grown[success].add(move.after)
        fails.append(total)
        now, reached = following, grown
    return Repeats(
        chain.field.odds,
        tuple(fails),
        sum(fails, Fraction(0)),
        _word(after[True]),
        _word(after[False]),
        chain.next_fails(success=True) if runs > 1 else None,
        chain.next_fails(success=False) if runs > 1 else None,
        chain.image_text(),
    )


class _Chain:
    """The chain of one pod over the classes of its feasible nodes."""

    def __init__(
        self, pod: Pod, field: Field, sizes: Mapping[str, int], failing: Mapping[str, Fraction], *, largest: bool
    ) -> None:
        self.field = field
        self._wanted = pod_images(pod.spec, field.version)
        self._count = dividing(pod.spec, field.version)
        images = field.table.images
        self._sizes = {
            name: (images[name].largest if largest else images[name].smallest) if name in images else sizes[name]
            for name in self._wanted
        }
        self._holders = {name: len(images[name].holders) if name in images else 0 for name in self._wanted}
        found: dict[tuple[int, frozenset[str], Fraction], int] = {}
        for node, base in zip(field.feasible, field.base, strict=True):
            held = frozenset(name for name in self._wanted if name in images and node.id in images[name].holders)
            key = (base, held, failing.get(node.id, Fraction(0)))
            found[key] = found.get(key, 0) + 1
        self._classes = [_Class(*key, size) for key, size in found.items()]
        self._moves: dict[State, tuple[_Move, ...]] = {}
        self._all = frozenset(self._wanted)
        # Where every node could hold every image and nobody gained a point, which nodes hold them does not matter.
        self._blind = points(sum(self._sizes[name] for name in self._wanted), self._count) == 0
        self.start: State = (0,) * len(self._classes)

    @property
    def states(self) -> int:
        """How many states were looked at."""
        return len(self._moves)

    @property
    def scored(self) -> int:
        """How many classes were scored for them."""
        return len(self._moves) * len(self._classes)

    def moves(self, state: State) -> tuple[_Move, ...]:
        """Where a run goes, by class and warmth, with what it leaves behind."""
        found = self._moves.get(state)
        if found is None:
            found = self._moves[state] = self._compute(state)
        return found

    def fails(self, state: State) -> Fraction:
        """The probability that a run fails that starts in this state."""
        return sum((move.chance * move.fails for move in self.moves(state)), Fraction(0))

    def next_fails(self, *, success: bool) -> Fraction | None:
        """The probability that the second run fails, given how the first one ended; None where it cannot end so."""
        weight = fails = Fraction(0)
        for move in self.moves(self.start):
            ended = move.chance * (1 - move.fails if success else move.fails)
            weight += ended
            fails += ended * self.fails(move.after) if ended else 0
        return fails / weight if weight else None

    def _compute(self, state: State) -> tuple[_Move, ...]:
        held = dict(self._holders)
        for item, warmed in zip(self._classes, state, strict=True):
            for name in self._all - item.held:
                held[name] += warmed
        best, winners = -1, list[tuple[int, int, bool]]()
        for index, (item, warmed) in enumerate(zip(self._classes, state, strict=True)):
            for warm, size in ((False, item.size - warmed), (True, warmed)):
                if not size:
                    continue
                total = item.base + self._points(self._all if warm else item.held, held)
                if total > best:
                    best, winners = total, []
                if total == best:
                    winners.append((index, size, warm))
        count = sum(size for _, size, _ in winners)
        return tuple(
            _Move(
                index,
                Fraction(size, count),
                self._classes[index].fails,
                state if warm or self._blind or self._classes[index].held == self._all else _warmed(state, index),
                size,
            )
            for index, size, warm in winners
        )

    def _points(self, held: frozenset[str], holders: Mapping[str, int]) -> int:
        if len(self.field.feasible) == 1:
            return 0  # taken without being scored
        nodes = self.field.table.nodes
        present = sum(spread_size(self._sizes[name], holders[name], nodes) for name in self._wanted if name in held)
        return points(present, self._count)

    def image_text(self) -> str:
        """Whether image locality can matter here."""
        nodes = self.field.table.nodes
        if len(self.field.feasible) == 1:
            return "only one node is feasible, so images do not matter"
        new = [name for name in self._wanted if not self._holders[name]]
        if len(new) < len(self._wanted):
            return self._held_text()
        size = sum(self._sizes[name] for name in self._wanted)
        what = f"the image of {_mib(size)}" if len(new) == 1 else f"the {len(new)} images of {_mib(size)} together"
        gains = [points(sum(spread_size(self._sizes[n], k, nodes) for n in new), self._count) for k in (1, nodes)]
        if gains[0]:
            gained = f"{what} on one of {nodes} nodes gains {gains[0]} point{'s' if gains[0] > 1 else ''} there"
            if all(self._stays(move) for move in self.moves(self.start)):
                return f"{gained}: whoever pulled it first wins every later run"
            return f"{gained}, which alone does not decide where the next run goes"
        least = least_for_a_point(self._count) * nodes
        text = f"{what} is too small to matter on one of {nodes} nodes: it gains no point below {_mib(least, up=True)}"
        if not gains[1]:
            return f"{text}, nor on all of them"
        from_on = next(
            k
            for k in range(2, nodes + 1)
            if points(sum(spread_size(self._sizes[n], k, nodes) for n in new), self._count)
        )
        return f"{text}; from {from_on} nodes with it on, each of them gains"

    def _held_text(self) -> str:
        if all(item.held == self._all for item in self._classes):
            return "every feasible node has the images already, so that no run changes anything"
        return "some nodes have images of the pod already, which the first run counts"

    def _stays(self, move: _Move) -> bool:
        """Whether the next run is on the very node of this one."""
        following = self.moves(move.after)
        again = following[0]
        return len(following) == 1 and (again.where, again.nodes, again.after) == (move.where, 1, move.after)


def _warmed(state: State, index: int) -> State:
    return (*state[:index], state[index] + 1, *state[index + 1 :])


def _word(chances: Mapping[State, Fraction]) -> Afterwards | None:
    if not chances:
        return None
    if all(chance == 0 for chance in chances.values()):
        return "never"
    return "always" if all(chance == 1 for chance in chances.values()) else "sometimes"


def _mib(size: int, *, up: bool = False) -> str:
    """Whole MiB, rounded down, or up for a least size."""
    return f"{-(-size // _MIB) if up else size // _MIB} MiB"
