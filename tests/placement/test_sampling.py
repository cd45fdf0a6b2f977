from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.placement.node import Cluster
from clusterproof.placement.odds import first_run
from clusterproof.placement.sampling import Between, between, sampled_run
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import LabelSelector
from tests.placement.build import bad, fleet, groups, node, pod


def test_few_more_nodes_than_are_scanned_leave_narrow_bounds() -> None:
    """Of 102 nodes 100 are looked at: a group of 51 wins between 49 and 51 times in 100, whatever the start (rule 9.5)."""
    cluster = fleet(gpu=51, system=50, customer=1)
    run = sampled_run(pod(), cluster, groups(cluster), bad(cluster, "customer"))
    assert (run.scanned, len(run.feasible)) == (100, 102)
    assert run.groups["gpu"] == Between(Fraction(49, 100), Fraction(51, 100), Fraction(1, 2))
    assert run.fails == Between(Fraction(0), Fraction(1, 100), Fraction(1, 102))


def test_a_best_group_larger_than_what_is_left_out_is_certain() -> None:
    """120 empty nodes and 30 full ones: among any 100 there is an empty one, and an empty one wins (rule 9.5)."""
    load = pod("x", containers=[{"resources": {"requests": {"cpu": "8", "memory": "8Gi"}}}])
    busy = tuple(node(f"busy-{i}", pods=(load,)) for i in range(30))
    cluster = Cluster((*fleet(gpu=120, system=0, customer=0).nodes, *busy))
    run = sampled_run(pod(), cluster, groups(cluster), {})
    assert run.groups == {"busy": Between(*[Fraction(0)] * 3), "gpu": Between(*[Fraction(1)] * 3)}


def test_bounds_meet_where_all_nodes_are_scanned() -> None:
    """Below 100 nodes the bounds are the odds (rule 9.5)."""
    cluster = fleet()
    run = sampled_run(pod(), cluster, groups(cluster), bad(cluster, "customer"))
    odds = first_run(pod(), cluster).probability
    exact = sum((chance for name, chance in odds.items() if name.startswith("gpu")), Fraction(0))
    assert run.groups["gpu"] == Between(exact, exact, exact)
    assert run.fails == Between(*[Fraction(1, 4)] * 3)


def test_scores_that_hang_on_the_others_leave_nothing_to_say() -> None:
    """A soft taint, a preference or a spread scores a node beside those that were found (rule 9.2)."""
    plain = fleet(gpu=150)
    soft = Cluster((*plain.nodes, node("soft-0", taints=["x:PreferNoSchedule"])))
    for cluster in (
        soft,
        Cluster(
            (*plain.nodes, node("twin-0", pods=(pod("t", labels={"a": "b"}),))),
            default_spread=LabelSelector({"a": "b"}),
        ),
    ):
        run = sampled_run(pod(), cluster, groups(cluster), {})
        assert isinstance(run.why_not, Unknown)
        assert "depends on which other nodes" in run.why_not.detail
        assert (run.groups, len(run.feasible)) == ({}, len(cluster.nodes))
    owned = Cluster(plain.nodes, default_spread=LabelSelector({"a": "b"}))
    assert sampled_run(pod(), owned, groups(owned), {}).why_not is None


def test_what_is_not_known_gives_no_bounds() -> None:
    """Another scheduler, an unread node, a wrong quantity: the cause; nothing feasible: nothing (rule 9.5)."""
    why = Unknown(Cause.DENIED, "nodes")
    assert sampled_run(pod(), Cluster((node("n", allocatable=why), node("m"))), {}, {}).why_not is why
    assert sampled_run(pod(schedulerName="x"), fleet(), {}, {}).why_not is not None
    wrong = pod(containers=[{"resources": {"requests": {"cpu": "lots"}}}])
    assert sampled_run(wrong, fleet(), {}, {}).why_not is not None
    assert sampled_run(pod(nodeSelector={"a": "b"}), fleet(), {}, {}).groups == {}


NODES = st.lists(
    st.tuples(st.sampled_from((1, 2, 3)), st.sampled_from((Fraction(0), Fraction(1, 2), Fraction(1)))),
    min_size=1,
    max_size=7,
)


@settings(max_examples=150, deadline=None)
@given(NODES, st.integers(1, 7))
def test_bounds_are_those_of_all_choices(nodes: list[tuple[int, Fraction]], found: int) -> None:
    """Least, most and mean over every set of so many nodes that the scheduler may have found (rule 9.5)."""
    found = min(found, len(nodes))
    means = []
    for chosen in combinations(nodes, found):
        best = [value for total, value in chosen if total == max(total for total, _ in chosen)]
        means.append(sum(best, Fraction(0)) / len(best))
    answer = between([total for total, _ in nodes], [value for _, value in nodes], found)
    assert answer == Between(min(means), max(means), sum(means, Fraction(0)) / len(means))


@pytest.mark.parametrize("nodes", [500, 5000])
def test_in_large_clusters_nearly_everything_is_possible(nodes: int) -> None:
    """At 5,000 nodes 500 are looked at: a group of a tenth may win always or never (rule 9.5)."""
    totals, values = [1] * nodes, [Fraction(index < nodes // 10) for index in range(nodes)]
    answer = between(totals, values, 500 if nodes == 5000 else 230)
    assert answer.least == 0
    assert answer.if_even == Fraction(1, 10)
    assert answer.most == (1 if nodes == 5000 else Fraction(50, 230))
