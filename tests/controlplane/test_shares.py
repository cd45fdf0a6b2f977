"""How often the real scheduler takes which node: counts of repeated placements against our exact odds.

Each test compares counts with a distribution by chi-square and fails below ``LEVEL`` = 1e-5. There are about 20
comparisons, so that a run of a right engine raises a false alarm with a probability of at most 2e-4. The scheduler draws
from Go's own random numbers, whose seed cannot be set; ours (``ORACLE_SEED``) decides which clusters are drawn.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from importlib import resources
from typing import Any

import pytest
import yaml

import clusterproof
from clusterproof.placement.odds import after_caching
from clusterproof.placement.replicas import replica_odds
from tests.conftest import ROOT, SEED, Oracle
from tests.controlplane.client import Raw
from tests.controlplane.generate import ZONE, Case
from tests.controlplane.objects import node, plain, pod
from tests.controlplane.ours import Seen, decide, typed
from tests.controlplane.scheduling import Arena, key_of
from tests.controlplane.shares import fit
from tests.controlplane.test_agreement import FAMILIES
from tests.sources.kubernetes_api.stub import recorded

pytestmark = pytest.mark.controlplane

LEVEL = 1e-5
RUNS = 300
MIB = 1024 * 1024
IMAGE = "registry.example/validator:1"
EVERY_TAINT = [{"operator": "Exists"}]
GIVEN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "deletionTimestamp")


def repeat(arena: Arena, one: Raw, times: int) -> Counter[str]:
    """Places the same pod so often, each time gone before the next."""
    seen: Counter[str] = Counter()
    for number in range(times):
        made = {**one, "metadata": {**one["metadata"], "name": f"run-{number}"}}
        seen[arena.place([made])[key_of(made)].node] += 1
        arena.api.delete(arena.api.path(made))
    return seen


def expected(arena: Arena, one: Raw) -> dict[str, Fraction]:
    """Our odds of a pod on the cluster as it stands."""
    seen = Seen(arena.api, arena.plane.version)
    seen.look()
    odds = decide(seen, one).odds
    assert odds.why_not is None, odds.why_not
    return odds.probability


def fits(oracle: Oracle, seen: Mapping[str, int], odds: Mapping[str, Fraction]) -> None:
    """The counts are those of the distribution; how unlikely they are is said with the counts."""
    chance = fit(seen, odds)
    oracle("harness: shares", {"placements": sum(seen.values()), "comparisons": 1, "below level": int(chance < LEVEL)})
    assert chance >= LEVEL, (
        f"p = {chance:.2g}: {dict(seen)} against { ({name: str(p) for name, p in odds.items() if p}) }"
    )


def _soft(key: str) -> Raw:
    counted = {"matchLabels": {"app": "web"}}
    return {"topologyKey": key, "maxSkew": 1, "whenUnsatisfiable": "ScheduleAnyway", "labelSelector": counted}


def _web(name: str, on: str, **spec: Any) -> Raw:
    return pod(name, labels={"app": "web"}, nodeName=on, **spec)


def _holding(*sizes: int) -> list[Raw]:
    return [{"names": [IMAGE], "sizeBytes": size * MIB} for size in sizes]


def _zoned(count: int) -> list[Raw]:
    return [node(f"n{number}", labels={ZONE: f"z{number % 3}"}) for number in range(count)]


SCENES: dict[str, tuple[Sequence[Raw], Raw]] = {
    "a tie of twelve": ([node(f"n{number}") for number in range(12)], pod("run")),
    "a tie of the three least loaded of six": (
        [*_zoned(6), *(pod(f"b{number}", nodeName=f"n{number}", requests={"cpu": "1"}) for number in range(3))],
        pod("run", requests={"cpu": "500m", "memory": "1Gi"}),
    ),
    "an image on two of five": (
        [node(f"n{number}", images=_holding(700) if number in (1, 3) else ()) for number in range(5)],
        pod("run", image=IMAGE),
    ),
    "an image too small for a point": (
        [node(f"n{number}", images=_holding(97) if number == 1 else ()) for number in range(3)],
        pod("run", image=IMAGE),
    ),
    "an image outweighed by load": (
        [
            *(node(f"n{number}", images=_holding(200) if number == 0 else ()) for number in range(4)),
            pod("b", nodeName="n0", requests={"cpu": "4", "memory": "16Gi"}),
        ],
        pod("run", image=IMAGE),
    ),
    "soft spread over zones": (
        [*_zoned(7), _web("b0", "n0"), _web("b1", "n1"), _web("b2", "n4")],
        pod("run", labels={"app": "web"}, topologySpreadConstraints=[_soft(ZONE)]),
    ),
    "the default spread of a Service": (
        [
            *_zoned(6),
            *(_web(f"b{number}", f"n{number % 2}") for number in range(4)),
            plain(
                "v1", "Service", "s", namespace="default", spec={"selector": {"app": "web"}, "ports": [{"port": 80}]}
            ),
        ],
        pod("run", labels={"app": "web"}),
    ),
    "taints that are disliked": (
        [
            *(node(f"n{number}") for number in range(2)),
            *(node(f"t{number}", taints=[{"key": "spot", "effect": "PreferNoSchedule"}]) for number in range(3)),
        ],
        pod("run"),
    ),
}


@pytest.mark.parametrize("name", SCENES)
def test_shares_of_a_scene(name: str, arena: Arena, oracle: Oracle) -> None:
    """Of 300 placements of one pod each node has its share: uniform among the best, none elsewhere (rules 9.2, 9.3, 9.4, 9.6)."""
    objects, one = SCENES[name]
    arena.create(objects)
    fits(oracle, repeat(arena, one, RUNS), expected(arena, one))


@pytest.mark.parametrize("family", ["resources", "selectors", "spread", "default spread", "affinity"])
def test_shares_of_generated_clusters(family: str, arena: Arena, oracle: Oracle) -> None:
    """The first generated cluster of a family with two to eight best nodes: their shares are equal (rule 9.4)."""
    for seed in range(SEED, SEED + 100):
        case: Case = FAMILIES[family][0](seed)
        arena.create([one for one in case.objects if one["kind"] != "Pod"])
        time.sleep(0.1)
        arena.create([one for one in case.objects if one["kind"] == "Pod"])
        for one in case.pods:
            odds = expected(arena, one)
            if 2 <= sum(1 for chance in odds.values() if chance) <= 8:
                fits(oracle, repeat(arena, one, RUNS // 2), odds)
                oracle("harness: shares", {}, seeds=(seed, seed))
                return
        arena.reset()
    pytest.fail("no such cluster in a hundred")


@pytest.mark.parametrize(("size", "stays"), [(2000, True), (380, False)], ids=["2000 MiB", "380 MiB"])
def test_shares_after_caching(size: int, stays: bool, arena: Arena, oracle: Oracle) -> None:
    """The first run is anywhere; then its node lists the image: the next is there for good, or as before (rule 9.3)."""
    arena.create([node(f"n{number}") for number in range(12)])
    one = pod("run", image=IMAGE)
    seen = Seen(arena.api, arena.plane.version)
    seen.look()
    asked = typed(one)
    answer = after_caching(asked, seen.cluster(asked), {IMAGE: size * MIB}, version=seen.version)
    assert answer.why_not is None
    assert answer.stays == (1 if stays else Fraction(1, 12))
    firsts: Counter[str] = Counter()
    for _ in range(5):
        first = next(iter(repeat(arena, one, 1)))
        firsts[first] += 1
        place = f"/api/v1/nodes/{first}/status"
        arena.api.patch(place, {"status": {"images": _holding(size)}})
        _heard(arena)
        fits(oracle, repeat(arena, one, 20 if stays else 60), answer.second[first])
        arena.api.patch(place, {"status": {"images": None}})
        _heard(arena)
    assert all(answer.first.probability[name] for name in firsts)


def _heard(arena: Arena) -> None:
    """The scheduler does not count updates of nodes: a moment must do."""
    arena.settle()
    time.sleep(0.2)


GROUPS = {
    f"{group}-{number}": group
    for group, count in (("system", 6), ("gpu", 3), ("customer", 3))
    for number in range(count)
}


def test_the_document_s_twelve_pods(arena: Arena, oracle: Oracle) -> None:
    """Twelve pods that tolerate every taint: system 6, GPU 3, customer 3; once a GPU node lists their 2 GB image: 0, 12, 0 (rule 9.3)."""
    taint = [{"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}]
    arena.create([node(name, taints=taint if group == "gpu" else ()) for name, group in GROUPS.items()])
    copies = [pod(f"validator-{number}", image=IMAGE, tolerations=EVERY_TAINT) for number in range(12)]
    for wanted in ({"system": 6, "gpu": 3, "customer": 3}, {"gpu": 12}):
        seen = Seen(arena.api, arena.plane.version)
        seen.look()
        asked = typed(copies[0])
        ours = replica_odds(asked, seen.cluster(asked), 12, GROUPS, {}, version=seen.version)
        assert ours.why_not is None
        exact = {group: chances.index(1) for group, chances in ours.counts.items() if 1 in chances}
        assert {group: count for group, count in exact.items() if count} == wanted
        placed = arena.place(copies)
        assert Counter(GROUPS[one.node] for one in placed.values()) == wanted
        arena.api.each(lambda one: arena.api.delete(arena.api.path(one)), copies)
        arena.api.patch("/api/v1/nodes/gpu-0/status", {"status": {"images": _holding(2000)}})
        _heard(arena)
    oracle("harness: the document's twelve pods", {"placements": 24})


def _plain_of(obj: Raw) -> Raw:
    kept = {name: value for name, value in obj["metadata"].items() if name not in GIVEN}
    return {**obj, "metadata": kept}


def test_the_demo_s_odds(arena: Arena, oracle: Oracle) -> None:
    """The demo's nodes and pods, and its validator placed again and again: the shares are those that its report prints (rule 9.4)."""
    report = clusterproof.check(clusterproof.load_world("demo"), "dynamo", fixes=False)
    (odds,) = [one.odds for one in report.findings if one.odds is not None and one.odds.rows]
    shares = {row.group: Fraction(row.first).limit_denominator(1000) for row in odds.rows}
    profile = yaml.safe_load(resources.files("clusterproof.profiles").joinpath("dynamo.yaml").read_text("utf-8"))
    template = profile["workloads"]["validator"]["templates"]["document"]
    objects = recorded(ROOT / "src" / "clusterproof" / "worlds" / "demo" / "kubernetes")
    there = {obj["metadata"]["name"] for obj in arena.api.items("/api/v1/namespaces")}
    pods = [one for one in objects["pods"] if one["status"].get("phase") not in ("Succeeded", "Failed")]
    namespaces = {one["metadata"]["namespace"] for one in pods} | {template["namespace"]}
    made = [plain("v1", "Namespace", name) for name in sorted(namespaces - there)]
    arena.create(_plain_of(one) for one in [*made, *objects["nodes"], *pods])
    group_of = {
        one["metadata"]["name"]: one["metadata"]["labels"]["eks.amazonaws.com/nodegroup"] for one in objects["nodes"]
    }
    validator: Raw = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": template["namespace"], "labels": template["metadata"]["labels"]},
        "spec": template["spec"],
    }
    seen = repeat(arena, validator, RUNS)
    by_group: Counter[str] = Counter()
    for name, count in seen.items():
        by_group[group_of[name]] += count
    fits(oracle, by_group, shares)
    first = max(seen)
    size, image = template["image_bytes"], template["spec"]["containers"][0]["image"]
    listed = arena.api.get(f"/api/v1/nodes/{first}")["status"].get("images") or []
    arena.api.patch(
        f"/api/v1/nodes/{first}/status", {"status": {"images": [*listed, {"names": [image], "sizeBytes": size}]}}
    )
    _heard(arena)
    again = repeat(arena, validator, 30)
    (row,) = [row for row in odds.rows if row.group == group_of[first]]
    fits(
        oracle,
        {"stays": again[first], "leaves": 30 - again[first]},
        {"stays": Fraction(row.repeats or 0), "leaves": 1 - Fraction(row.repeats or 0)},
    )
    oracle("harness: the demo's odds", {"placements": RUNS + 30})
