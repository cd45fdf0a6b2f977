from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.odds import first_run
from clusterproof.placement.replicas import Replicas, replica_odds
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import LabelSelector, Pod
from tests.placement.build import GIB, MIB, bad, fleet, groups, node, pod, pulled

ONE = Fraction(1)
MINE = {"app": "me"}


def placed(cluster: Cluster, name: str, me: Pod, images: dict[str, int] | None) -> Cluster:
    """The cluster with one more copy on a node, written out."""
    after = pulled(cluster, name, images or {})
    nodes = (msgspec.structs.replace(one, pods=(*one.pods, me)) if one.id == name else one for one in after.nodes)
    return msgspec.structs.replace(after, nodes=tuple(nodes))


def slow(
    me: Pod, cluster: Cluster, replicas: int, fails: dict[str, Fraction], version: SchedulerVersion, **more: Any
) -> Replicas:
    """The whole tree of outcomes, node by node, without classes: each step is a first run in the cluster so far."""
    own = groups(cluster)
    names = sorted(set(own.values()))
    counts = {name: [Fraction(0)] * (replicas + 1) for name in names}
    unplaced = [Fraction(0)] * (replicas + 1)
    result = {"any": Fraction(0), "expected": Fraction(0)}

    def walk(now: Cluster, left: int, chance: Fraction, chosen: tuple[str, ...]) -> None:
        after = first_run(me, now, version=version).probability if left else {}
        if not after:
            for name in names:
                counts[name][sum(own[one] == name for one in chosen)] += chance
            unplaced[left] += chance
            good = ONE
            for one in chosen:
                good *= 1 - fails.get(one, Fraction(0))
            result["any"] += chance * (1 - good)
            result["expected"] += chance * sum((fails.get(one, Fraction(0)) for one in chosen), Fraction(0))
            return
        for name, share in after.items():
            if share:
                walk(placed(now, name, me, more.get("pulled")), left - 1, chance * share, (*chosen, name))

    walk(cluster, replicas, ONE, ())
    told = {name: tuple(values) for name, values in counts.items()}
    return Replicas(replicas, told, result["any"], result["expected"], tuple(unplaced))


def equal(one: Replicas, other: Replicas) -> bool:
    """The same in everything but how it was found."""
    return msgspec.structs.replace(one, states=0) == msgspec.structs.replace(other, states=0)


def test_copies_avoid_one_another_where_all_nodes_are_alike() -> None:
    """Three copies land on three of twelve nodes: 1 - C(9,3)/C(12,3) that one of three bad ones is hit (rule 9.4)."""
    cluster = fleet()
    odds = replica_odds(pod(), cluster, 3, groups(cluster), bad(cluster, "customer"))
    assert (odds.any_fails, odds.expected_failing) == (Fraction(34, 55), Fraction(3, 4))
    assert odds.counts["customer"] == (Fraction(21, 55), Fraction(27, 55), Fraction(27, 220), Fraction(1, 220))
    assert list(odds.unplaced) == [1, 0, 0, 0]
    assert odds.states == 10


def test_as_many_copies_as_nodes_reach_every_node() -> None:
    """Twelve copies on twelve nodes: one each, so that one fails for certain (rule 9.2)."""
    cluster = fleet()
    odds = replica_odds(pod(), cluster, 12, groups(cluster), bad(cluster, "customer"))
    assert [odds.any_fails, odds.expected_failing] == [1, 3]
    assert odds.counts["gpu"][6] == 1


def test_copies_with_a_large_image_that_is_pulled_in_between_follow_the_first() -> None:
    """An image of 20 GiB outweighs what a small copy takes from its node, where there is time to pull it (rule 9.3)."""
    cluster = fleet()
    small = pod(containers=[{"image": "app:1", "resources": {"requests": {"cpu": "10m", "memory": "10Mi"}}}])
    fails = bad(cluster, "customer")
    follow = replica_odds(small, cluster, 3, groups(cluster), fails, pulled={"app:1": 20 * GIB})
    assert (follow.any_fails, follow.counts["gpu"][3]) == (Fraction(1, 4), Fraction(1, 2))
    apart = replica_odds(small, cluster, 3, groups(cluster), fails)
    assert apart.any_fails > follow.any_fails


def test_what_does_not_fit_stays_pending() -> None:
    """Two nodes with room for one copy each and three copies: one has no node, and that is counted (rule 9.1)."""
    cluster = Cluster(tuple(node(f"gpu-{i}", allocatable={"cpu": "1", "memory": "1Gi", "pods": "9"}) for i in (0, 1)))
    big = pod(containers=[{"resources": {"requests": {"cpu": "1"}}}])
    odds = replica_odds(big, cluster, 3, groups(cluster), bad(cluster, "gpu"))
    assert list(odds.counts["gpu"]) == [0, 0, 1, 0]
    assert list(odds.unplaced) == [0, 1, 0, 0]


def test_too_many_states_are_no_odds_and_say_so() -> None:
    """The search is bounded and deterministic: past the bound there is a reason, never a sample (rule 9.4)."""
    cluster = fleet()
    odds = replica_odds(pod(), cluster, 12, groups(cluster), {}, evaluations=120)
    assert isinstance(odds.why_not, Unknown)
    assert odds.why_not.detail == "more than 10 different ways to fill 3 classes of nodes"
    assert not odds.counts


def test_more_feasible_nodes_than_are_looked_at_give_no_odds() -> None:
    """From the first copy on the scheduler's start is hidden (rule 9.5)."""
    cluster = fleet(gpu=150)
    odds = replica_odds(pod(), cluster, 2, groups(cluster), {})
    assert "stops at 100 of 156 feasible nodes" in str(odds.why_not)


def test_what_is_not_known_gives_no_odds() -> None:
    """Another scheduler, unread capacity, an image without a size or with two, a wrong quantity: the cause.

    (rule 9.4)
    """
    cluster = fleet()
    assert "runai" in str(replica_odds(pod(schedulerName="runai"), cluster, 2, {}, {}).why_not)
    why = Unknown(Cause.DENIED, "nodes")
    dark = Cluster((node("n", allocatable=why), node("m")))
    assert replica_odds(pod(), dark, 2, {}, {}).why_not is why
    unsized = replica_odds(pod(), cluster, 2, {}, {}, pulled={}).why_not
    assert isinstance(unsized, Unknown)
    assert unsized.remedy == "give its size in bytes"
    two = Cluster((node("a", images={"app:1": GIB}), node("b", images={"app:1": MIB})))
    assert isinstance(replica_odds(pod(), two, 2, {}, {}).why_not, Unknown)
    assert isinstance(
        replica_odds(pod(containers=[{"resources": {"requests": {"cpu": "lots"}}}]), cluster, 2, {}, {}).why_not,
        Unknown,
    )


@pytest.mark.parametrize(
    ("body", "what"),
    [
        ({"resourceClaims": [{"name": "gpu"}]}, "which devices each copy takes"),
        ({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}, "which volumes each copy has"),
        ({"volumes": [{"name": "v", "awsElasticBlockStore": {"volumeID": "vol-1"}}]}, "which volumes each copy has"),
    ],
)
def test_what_copies_take_from_one_another_and_is_not_followed_gives_no_odds(body: dict[str, Any], what: str) -> None:
    """Devices and volumes of copies are not followed, and neither is room kept for nominated pods (rule 9.1)."""
    assert what in str(replica_odds(pod(**body), fleet(), 2, {}, {}).why_not)
    waited = Cluster((msgspec.structs.replace(node("gpu-0"), nominated=(pod("other"),)), node("gpu-1")))
    assert "keeps room" in str(replica_odds(pod(), waited, 2, {}, {}).why_not)
    assert replica_odds(pod(), waited, 1, {}, {}).why_not is None


def test_a_zone_that_takes_no_copy_still_counts_for_hard_spread() -> None:
    """Zone b has only a tainted node, and nobody is there: with skew 1 the second copy has no node (rule 9.6)."""
    cluster = Cluster(
        (node("gpu-0", labels={"zone": "a"}), node("gpu-1", labels={"zone": "b"}, taints=["x:NoSchedule"]))
    )
    hard = {"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}
    me = pod(labels=MINE, topologySpreadConstraints=[{**hard, "labelSelector": {"matchLabels": MINE}}])
    odds = replica_odds(me, cluster, 3, groups(cluster), {})
    assert list(odds.unplaced) == [0, 0, 1, 0]
    assert equal(odds, slow(me, cluster, 3, {}, SchedulerVersion()))


def test_nodes_that_are_preferred_differently_are_no_class() -> None:
    """The liked GPU node holds one copy; the next goes to the system node, not to the other GPU node (rule 9.2)."""
    small = {"cpu": "1", "memory": "8Gi", "pods": "9"}
    cluster = Cluster(
        (
            node("gpu-0", allocatable=small),
            node("gpu-1", allocatable=small, labels={"x": "1"}),
            node("system-0", allocatable=small, labels={"y": "1"}),
        )
    )
    wish = [
        {"weight": weight, "preference": {"matchExpressions": [{"key": key, "operator": "Exists"}]}}
        for key, weight in (("x", 100), ("y", 50))
    ]
    me = pod(
        containers=[{"resources": {"requests": {"cpu": "1"}}}],
        affinity={"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": wish}},
    )
    odds = replica_odds(me, cluster, 2, groups(cluster), {})
    assert {group: list(chances) for group, chances in odds.counts.items()} == {"gpu": [0, 1, 0], "system": [0, 1, 0]}
    assert equal(odds, slow(me, cluster, 2, {}, SchedulerVersion()))


AFFINITIES: list[dict[str, Any]] = [
    {},
    {
        "podAntiAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "kubernetes.io/hostname"}]
        }
    },
    {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [{"topologyKey": "zone"}]}},
    {
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 50, "podAffinityTerm": {"topologyKey": "zone"}}
            ]
        }
    },
    {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 1, "preference": {"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}}
            ]
        }
    },
]
SPREADS: list[list[dict[str, Any]]] = [
    [],
    [{"topologyKey": "zone", "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule"}],
    [{"topologyKey": "kubernetes.io/hostname", "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway"}],
    [{"topologyKey": "zone", "maxSkew": 2, "whenUnsatisfiable": "ScheduleAnyway", "nodeTaintsPolicy": "Honor"}],
]
SHAPES = st.lists(
    st.tuples(
        st.sampled_from(("a", "a", "b")),  # zone
        st.sampled_from(("", "", "2")),  # cpu that another pod takes
        st.booleans(),  # whether that pod is one of the same owner
        st.sampled_from(((), (), ("x:PreferNoSchedule",), ("y:NoSchedule",))),
        st.booleans(),  # whether the image is there
        st.sampled_from(("gpu", "system")),
    ),
    min_size=2,
    max_size=4,
)


def with_selector(affinity: dict[str, Any]) -> dict[str, Any]:
    """The terms speak of the pods of the owner."""
    selector = {"labelSelector": {"matchLabels": MINE}}
    found: dict[str, Any] = {}
    for side, kinds in affinity.items():
        found[side] = {}
        for kind, terms in kinds.items():
            if side == "nodeAffinity":
                found[side][kind] = terms
            elif kind.startswith("required"):
                found[side][kind] = [{**term, **selector} for term in terms]
            else:
                found[side][kind] = [
                    {**term, "podAffinityTerm": {**term["podAffinityTerm"], **selector}} for term in terms
                ]
    return found


@settings(max_examples=120, deadline=None)
@given(
    SHAPES,
    st.sampled_from(AFFINITIES),
    st.sampled_from(SPREADS),
    st.sampled_from(("0", "1", "3")),
    st.sampled_from((None, 40, 200, 4000)),
    st.booleans(),
    st.booleans(),
    st.integers(31, 36),
)
def test_folded_states_give_what_the_whole_tree_gives(
    shape: list[tuple[str, str, bool, tuple[str, ...], bool, str]],
    affinity: dict[str, Any],
    spreads: list[dict[str, Any]],
    cpu: str,
    mib: int | None,
    owned: bool,
    port: bool,
    minor: int,
) -> None:
    """Every probability of up to three copies equals that of the enumerated tree, in every version (rule 9.4)."""
    sizes = {"app:1": mib * MIB} if mib else None
    size = (mib or 500) * MIB
    nodes: list[NodeView] = []
    for index, (zone, taken, same, taints, warm, group) in enumerate(shape):
        there = pod("p", labels=MINE if same else {}, containers=[{"resources": {"requests": {"cpu": taken}}}])
        nodes.append(
            node(
                f"{group}-{index}",
                labels={"zone": zone, "topology.kubernetes.io/zone": zone},
                allocatable={"cpu": "8", "memory": "16Gi", "pods": "9"},
                taints=taints,
                images={"app:1": size} if warm else {},
                pods=(there,) if taken else (),
            )
        )
    container: dict[str, Any] = {"image": "app:1", "resources": {"requests": {"cpu": cpu} if cpu != "0" else {}}}
    if port:
        container["ports"] = [{"containerPort": 80, "hostPort": 80}]
    me = pod(
        labels=MINE,
        containers=[container],
        affinity=with_selector(affinity),
        topologySpreadConstraints=[{**one, "labelSelector": {"matchLabels": MINE}} for one in spreads],
    )
    cluster = Cluster(tuple(nodes), default_spread=LabelSelector(MINE) if owned else None)
    fails = {one.id: Fraction(1, 1 + index) for index, one in enumerate(nodes) if one.id.startswith("gpu")}
    version = SchedulerVersion(minor)
    quick = replica_odds(me, cluster, 3, groups(cluster), fails, version=version, pulled=sizes)
    assert quick.why_not is None
    assert equal(quick, slow(me, cluster, 3, fails, version, pulled=sizes))


@pytest.mark.parametrize("count", [1, 4])
def test_one_copy_is_a_first_run(count: int) -> None:
    """The first of any number of copies has the odds of a single run (rule 9.4)."""
    cluster = fleet(gpu=count)
    odds = replica_odds(pod(), cluster, 1, groups(cluster), bad(cluster, "gpu"))
    run = first_run(pod(), cluster)
    assert odds.any_fails == sum(chance for name, chance in run.probability.items() if name.startswith("gpu"))
