from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.odds import after_caching, first_run, nodes_to_find
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from tests.placement.build import GIB, MIB, fleet, node, pod, pulled


def by_group(distribution: dict[str, Fraction]) -> dict[str, Fraction]:
    """Probability of each node group."""
    total: dict[str, Fraction] = {}
    for name, chance in distribution.items():
        total[name.split("-")[0]] = total.get(name.split("-")[0], Fraction(0)) + chance
    return total


def test_a_tie_over_twelve_nodes_is_half_gpu() -> None:
    """Six GPU, three system, three customer nodes that score alike: 1/2, 1/4, 1/4, each node 1/12 (rule 9.4)."""
    odds = first_run(pod(), fleet())
    assert set(odds.probability.values()) == {Fraction(1, 12)}
    assert by_group(odds.probability) == {"gpu": Fraction(1, 2), "system": Fraction(1, 4), "customer": Fraction(1, 4)}
    assert odds.feasible == odds.winners == tuple(one.id for one in fleet().nodes)


@pytest.mark.parametrize(("mib", "stays"), [(393, Fraction(1, 12)), (394, Fraction(1))])
def test_a_large_image_makes_the_first_node_keep_winning(mib: int, stays: Fraction) -> None:
    """On twelve nodes an image of 12 x 32.77 MiB is the least that binds the next run to the node of the first.

    (rule 9.3)
    """
    odds = after_caching(pod(), fleet(), {"app:1": mib * MIB})
    assert odds.stays == stays
    assert by_group(odds.marginal) == by_group(odds.first.probability)
    assert all(sum(one.values()) == 1 for one in odds.second.values())


def test_a_better_score_beats_a_warm_image_elsewhere() -> None:
    """Where scores do not tie, the winner's image only widens its lead (rule 9.3)."""
    busy = node("gpu-0", pods=(pod("x", containers=[{"resources": {"requests": {"cpu": "8", "memory": "8Gi"}}}]),))
    odds = after_caching(pod(), Cluster((busy, node("system-0"))), {"app:1": 40 * MIB})
    assert odds.first.winners == ("system-0",)
    assert odds.second["gpu-0"]["system-0"] == 1  # what if the first had been on the busy node
    assert odds.marginal == {"gpu-0": Fraction(0), "system-0": Fraction(1)}


def test_an_image_of_unknown_size_gives_no_second_run() -> None:
    """No node has the image and no size was given: unknown, with what to give (rule 9.3)."""
    odds = after_caching(pod(), fleet(), {})
    assert isinstance(odds.why_not, Unknown)
    assert (odds.why_not.cause, odds.why_not.remedy) == (Cause.NOT_COLLECTED, "give its size in bytes")
    assert odds.first.probability
    single = after_caching(pod(), Cluster((node("gpu-0"),)), {})
    assert (single.stays, single.marginal) == (Fraction(1), {"gpu-0": Fraction(1)})


@pytest.mark.parametrize(
    ("nodes", "found"), [(3, 3), (99, 99), (100, 100), (101, 100), (200, 100), (500, 230), (1000, 420), (5000, 500)]
)
def test_how_many_nodes_the_scheduler_looks_for(nodes: int, found: int) -> None:
    """The numbers of numFeasibleNodesToFind; from 6,250 nodes on it is 5 per cent (rule 9.5)."""
    assert nodes_to_find(nodes) == found
    assert nodes_to_find(8000) == 400


def test_a_large_cluster_has_a_possible_set_and_no_odds() -> None:
    """With more feasible nodes than are scanned, the numbers are said and no odds are given (rule 9.5)."""
    odds = first_run(pod(), fleet(gpu=150, system=25, customer=25))
    assert isinstance(odds.why_not, Unknown)
    assert odds.why_not.cause is Cause.NOT_MODELLED
    assert "stops at 100 of 200 feasible nodes" in odds.why_not.detail
    assert (len(odds.feasible), odds.probability) == (200, {})
    assert after_caching(pod(), fleet(gpu=150, system=25, customer=25), {"app:1": GIB}).why_not == odds.why_not


def test_a_large_cluster_with_few_feasible_nodes_has_exact_odds() -> None:
    """The scheduler stops when it has found enough; where there are fewer, it looks at all (rule 9.5)."""
    many = tuple(node(f"gpu-{index}", taints=["nvidia.com/gpu:NoSchedule"]) for index in range(150))
    odds = first_run(pod(), Cluster((*many, node("system-0"), node("system-1"))))
    assert odds.probability == {"system-0": Fraction(1, 2), "system-1": Fraction(1, 2)}


def test_nodes_not_yet_born_have_no_odds() -> None:
    """They are possible, not counted: not as feasible, and not in the image's spread either (rule 9.7)."""
    unborn = NodeView(Unknown(Cause.NOT_MODELLED, "not born"), born=False, key="gpu+0")
    assert first_run(pod(), Cluster((*fleet().nodes, unborn))) == first_run(pod(), fleet())


def test_nothing_feasible_says_why_in_the_schedulers_words() -> None:
    """The message counts and sorts the reasons (rule 9.1)."""
    odds = first_run(pod(nodeSelector={"disk": "ssd"}), fleet())
    assert odds.message == "0/12 nodes are available: 12 node(s) didn't match Pod's node affinity/selector."
    assert (odds.probability, odds.why_not) == ({}, None)


def test_what_is_not_known_gives_no_odds() -> None:
    """Another scheduler, an unknown node, an image of two sizes, a wrong quantity: the cause, never a guess.

    (rule 9.4)
    """
    assert "runai" in str(first_run(pod(schedulerName="runai-scheduler"), fleet()).why_not)
    why = Unknown(Cause.DENIED, "nodes")
    dark = node("n", allocatable=why)
    assert first_run(pod(), Cluster((dark, node("m")))).why_not is why
    sizes = Cluster((node("a", images={"app:1": GIB // 2}), node("b", images={"app:1": GIB})))
    assert isinstance(first_run(pod(), sizes).why_not, Unknown)
    wrong = first_run(pod(containers=[{"resources": {"requests": {"cpu": "lots"}}}]), fleet())
    assert isinstance(wrong.why_not, Unknown)
    assert "lots" in wrong.why_not.detail


def test_caveats_are_said() -> None:
    """Attach limits, truncated image lists and versions that were not read: each is named where it can matter.

    (rule 9.2)
    """
    claim = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
    assert first_run(pod(), fleet()).caveats == ()
    assert "attach" in first_run(pod(volumes=claim), fleet()).caveats[0]
    assert first_run(pod(), fleet(), version=SchedulerVersion(36)).caveats == ()
    assert "1.37 were not compared" in first_run(pod(), fleet(), version=SchedulerVersion(37)).caveats[0]
    full = node("n", images={f"i:{index}": MIB for index in range(50)})
    assert first_run(pod(), Cluster((full,))).caveats == ("n lists 50 images, and may have more",)


NODES = st.lists(
    st.tuples(
        st.sampled_from(("", "1", "2")),
        st.sets(st.sampled_from(("app:1", "init:1")), max_size=2),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=60)
@given(NODES, st.sampled_from((10, 60, 200, 700)), st.sampled_from((40, 300)), st.booleans())
def test_classes_give_what_every_node_for_itself_gives(
    shape: list[tuple[str, set[str], bool]], size: int, init_size: int, with_init: bool
) -> None:
    """The second run, computed once per class, equals a first run in the cluster after each possible pull.

    (rule 9.3)
    """
    sizes = {"app:1": size * MIB, "init:1": init_size * MIB}
    nodes = tuple(
        node(
            f"n-{index}",
            images={image: sizes[image] for image in sorted(images)},
            taints=["x:PreferNoSchedule"] if soft else [],
            pods=(pod("p", containers=[{"resources": {"requests": {"cpu": cpu}}}]),) if cpu else (),
        )
        for index, (cpu, images, soft) in enumerate(shape)
    )
    body: dict[str, Any] = {"initContainers": [{"image": "init:1"}]} if with_init else {}
    me, cluster = pod(**body), Cluster(nodes)
    odds = after_caching(me, cluster, sizes)
    assert odds.why_not is None
    marginal = dict.fromkeys((one.id for one in nodes), Fraction(0))
    for one in nodes:
        after = pulled(cluster, one.id, sizes if with_init else {"app:1": sizes["app:1"]})
        slow = first_run(me, after).probability
        assert odds.second[one.id] == slow
        for name, chance in slow.items():
            marginal[name] += odds.first.probability[one.id] * chance
    assert odds.marginal == marginal
