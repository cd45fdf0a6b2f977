from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.placement.node import Cluster
from clusterproof.placement.odds import first_run
from clusterproof.placement.repeats import repeated_runs
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Pod
from tests.placement.build import GIB, MIB, bad, fleet, node, pod, pulled


class Slow:
    """Every outcome of every run, node by node: success and failure are outcomes too."""

    def __init__(self, me: Pod, sizes: dict[str, int], fails: dict[str, Fraction], runs: int, minor: int) -> None:
        self.me, self.sizes, self.bad, self.runs = me, sizes, fails, runs
        self.version = SchedulerVersion(minor)
        self.fails = [Fraction(0)] * runs
        # Of each run that comes after an end of that kind: the chance to fail in the cluster as it then is.
        self.after: dict[bool, set[Fraction]] = {True: set(), False: set()}

    def walk(self, cluster: Cluster, run: int, chance: Fraction, ended: frozenset[bool]) -> None:
        """All runs from this one on."""
        if run == self.runs:
            return
        odds = first_run(self.me, cluster, version=self.version).probability
        here = sum((share * self.bad.get(name, Fraction(0)) for name, share in odds.items()), Fraction(0))
        self.fails[run] += chance * here
        for success in ended:
            self.after[success].add(here)
        for name, share in odds.items():
            fails = self.bad.get(name, Fraction(0))
            for success, weight in ((True, 1 - fails), (False, fails)):
                if share and weight:
                    more = ended | {success}
                    self.walk(pulled(cluster, name, self.sizes), run + 1, chance * share * weight, more)

    def word(self, *, success: bool) -> str | None:
        """Never, always or sometimes."""
        found = self.after[success]
        if not found:
            return None
        return "never" if found == {0} else "always" if found == {1} else "sometimes"


def test_the_documents_three_of_ten_runs() -> None:
    """Twelve nodes, three of them bad, 512 MiB: one run in four fails, and each later one repeats the first (rule 9.3)."""
    cluster = fleet()
    odds = repeated_runs(pod(), cluster, {"app:1": 512 * MIB}, bad(cluster, "customer"))
    assert odds.fails == (Fraction(1, 4),) * 10
    assert odds.expected == Fraction(5, 2)
    assert (odds.after_success, odds.after_failure) == ("never", "always")
    assert [odds.next_after_success, odds.next_after_failure] == [0, 1]
    assert odds.image == (
        "the image of 512 MiB on one of 12 nodes gains 2 points there: whoever pulled it first wins every later run"
    )


@pytest.mark.parametrize(
    ("nodes", "mib", "gains"),
    [(3, 98, False), (3, 99, True), (12, 393, False), (12, 394, True), (99, 3244, False), (99, 3245, True)],
)
def test_how_large_an_image_must_be_to_bind_runs(nodes: int, mib: int, gains: bool) -> None:
    """On one of N nodes the image needs 32.77 MiB times N; below that every run is a new draw (rule 9.3)."""
    cluster = fleet(gpu=nodes - 1, system=0, customer=1)
    odds = repeated_runs(pod(), cluster, {"app:1": mib * MIB}, bad(cluster, "customer"), runs=2)
    assert odds.next_after_failure == (1 if gains else Fraction(1, nodes))
    assert ("whoever pulled it first wins" in odds.image) is gains
    assert ("too small to matter" in odds.image) is not gains


@pytest.mark.parametrize(
    ("mib", "ending"), [(22, "nor on all of them"), (200, "from 2 nodes with it on, each of them")]
)
def test_a_small_image_may_matter_once_it_has_spread(mib: int, ending: str) -> None:
    """What one node's copy does not gain, several copies may: the sum counts how many nodes have it (rule 9.3)."""
    odds = repeated_runs(pod(), fleet(4, 3, 3), {"app:1": mib * MIB}, {})
    assert ending in odds.image
    assert (odds.after_success, odds.after_failure) == ("never", None)


def test_images_that_are_there_and_single_nodes_are_told_apart() -> None:
    """Whether images can matter is a sentence in every case (rule 9.3)."""
    warm = Cluster(tuple(node(f"n-{i}", images={"app:1": GIB}) for i in range(3)))
    assert "every feasible node has the images already" in repeated_runs(pod(), warm, {}, {}).image
    some = Cluster((*warm.nodes, node("cold")))
    assert "some nodes have images of the pod already" in repeated_runs(pod(), some, {}, {}).image
    alone = repeated_runs(pod(), Cluster((node("n"),)), {}, {"n": Fraction(1)})
    assert alone.image.startswith("only one node is feasible")
    assert [alone.fails[0], alone.after_failure, alone.after_success] == [1, "always", None]


def test_an_image_that_other_scores_outweigh_decides_nothing() -> None:
    """A busy node stays behind although it has pulled: points are added, never a rule (rule 9.3)."""
    load = pod("x", containers=[{"resources": {"requests": {"cpu": "8", "memory": "8Gi"}}}])
    cluster = Cluster((node("a-0", images={"app:1": GIB}, pods=(load,)), node("b-0"), node("b-1")))
    odds = repeated_runs(pod(), cluster, {}, {"a-0": Fraction(1)})
    assert list(odds.fails) == [0] * 10


def test_what_is_not_known_gives_no_series() -> None:
    """No size, a sampled cluster, two sizes that matter, or too many states: the reason and the first run.

    (rule 9.3)
    """
    unsized = repeated_runs(pod(), fleet(), {}, {})
    assert isinstance(unsized.why_not, Unknown)
    assert unsized.first.probability
    assert "stops at 100" in str(repeated_runs(pod(), fleet(gpu=150), {"app:1": GIB}, {}).why_not)
    two = Cluster((node("a", images={"app:1": 90 * MIB}), node("b", images={"app:1": 300 * MIB}), node("c")))
    assert repeated_runs(pod(), two, {}, {}).why_not is not None
    many = Cluster(tuple(node(f"n-{i}") for i in range(40)))
    fails = {one.id: Fraction(1, index + 2) for index, one in enumerate(many.nodes)}
    far = repeated_runs(pod(), many, {"app:1": 100 * MIB}, fails)
    assert isinstance(far.why_not, Unknown)
    assert "states of which nodes hold the image" in far.why_not.detail


NODES = st.lists(
    st.tuples(
        st.sampled_from(("", "1")),
        st.sets(st.sampled_from(("app:1", "init:1")), max_size=2),
        st.sampled_from((Fraction(0), Fraction(0), Fraction(1), Fraction(1, 3))),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(NODES, st.sampled_from((10, 60, 120, 700)), st.sampled_from((40, 300)), st.booleans(), st.integers(31, 36))
def test_the_chain_gives_what_every_outcome_gives(
    shape: list[tuple[str, set[str], Fraction]], size: int, init_size: int, with_init: bool, minor: int
) -> None:
    """Each run's chance to fail, and what comes after a success or a failure, equal the enumerated tree's (rule 9.3)."""
    sizes = {"app:1": size * MIB, "init:1": init_size * MIB}
    busy = {one: (pod("p", containers=[{"resources": {"requests": {"cpu": one}}}]),) for one in ("1",)}
    nodes = tuple(
        node(f"n-{i}", images={one: sizes[one] for one in sorted(images)}, pods=busy.get(cpu, ()))
        for i, (cpu, images, _) in enumerate(shape)
    )
    fails = {f"n-{i}": chance for i, (_, _, chance) in enumerate(shape)}
    body: dict[str, Any] = {"initContainers": [{"image": "init:1"}]} if with_init else {}
    me, cluster, runs = pod(**body), Cluster(nodes), 3
    own = sizes if with_init else {"app:1": sizes["app:1"]}
    slow = Slow(me, own, fails, runs, minor)
    slow.walk(cluster, 0, Fraction(1), frozenset())
    odds = repeated_runs(me, cluster, sizes, fails, runs=runs, version=SchedulerVersion(minor))
    assert odds.why_not is None
    assert list(odds.fails) == slow.fails
    assert odds.expected == sum(slow.fails)
    assert (odds.after_success, odds.after_failure) == (slow.word(success=True), slow.word(success=False))
