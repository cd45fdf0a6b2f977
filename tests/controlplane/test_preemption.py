"""Preemption: where the real scheduler displaces pods, and whom, is what the dry run says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import pytest

from clusterproof.placement.filters import feasible_now
from clusterproof.placement.node import Cluster, node_views
from clusterproof.placement.preemption import preemption
from clusterproof.snapshot.kubernetes import Node, Pod
from tests.conftest import Oracle
from tests.controlplane.client import ApiError, Raw
from tests.controlplane.objects import node, plain, pod
from tests.controlplane.ours import version_of
from tests.controlplane.plane import ControlPlane
from tests.controlplane.scheduling import Arena

pytestmark = pytest.mark.controlplane

CASES = 80
ZONE = "topology.kubernetes.io/zone"
HOST = "kubernetes.io/hostname"
RANKS = range(1, 20)
MINE = ("rank-5", "rank-10", "above", "above", "patient")
_KIND = ("scheduling.k8s.io/v1", "PriorityClass")
CLASSES = [
    *(plain(*_KIND, f"rank-{rank}", value=rank) for rank in RANKS),
    plain(*_KIND, "above", value=30),
    plain(*_KIND, "patient", value=30, preemptionPolicy="Never"),
]


def spread(dice: Random) -> Raw:
    """Wishes about other pods, or none."""
    labels = {"labelSelector": {"matchLabels": {"app": dice.choice(["a", "b"])}}}
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    kind = dice.choice(["none", "none", "apart", "even"])
    if kind == "apart":
        return {"affinity": {"podAntiAffinity": {required: [{"topologyKey": dice.choice([ZONE, HOST]), **labels}]}}}
    if kind == "even":
        rule = {"topologyKey": ZONE, "maxSkew": 1, "whenUnsatisfiable": "DoNotSchedule", **labels}
        return {"topologySpreadConstraints": [rule]}
    return {}


def drawn(seed: int) -> tuple[list[Raw], Raw]:
    """A cluster whose pods all have different priorities, and a pod to place."""
    dice = Random(seed)
    names = [f"n{number}" for number in range(dice.randint(2, 4))]
    objects = [
        node(
            name,
            cpu="4",
            labels={ZONE: dice.choice("xy")},
            unschedulable=dice.random() < 0.15,
            pods=dice.choice([2, 9]),
        )
        for name in names
    ]
    ranks = dice.sample(RANKS, 8)
    for number in range(dice.randint(2, 8)):
        ports = [{"containerPort": 80, "hostPort": 80}] if dice.random() < 0.3 else []
        placed = pod(
            f"p{number}",
            requests={"cpu": dice.choice(["1", "2"])},
            labels={"app": dice.choice(["a", "b"])},
            nodeName=dice.choice(names),
            priorityClassName=f"rank-{ranks[number]}",
            **(spread(dice) if dice.random() < 0.4 else {}),
        )
        placed["spec"]["containers"][0]["ports"] = ports
        objects.append(placed)
    mine = pod(
        "me",
        requests={"cpu": dice.choice(["2", "3", "4", "5"])},
        labels={"app": dice.choice(["a", "b"])},
        priorityClassName=dice.choice(MINE),
        **spread(dice),
    )
    if dice.random() < 0.3:
        mine["spec"]["containers"][0]["ports"] = [{"containerPort": 80, "hostPort": 80}]
    return objects, mine


def ranked(raw: Raw) -> Pod:
    """A pod with what the API server makes of its class."""
    own = next(one for one in CLASSES if one["metadata"]["name"] == raw["spec"]["priorityClassName"])
    more = {"priority": own["value"], "preemptionPolicy": own.get("preemptionPolicy", "")}
    return msgspec.convert({**raw, "spec": {**raw["spec"], **more}}, Pod)


@pytest.fixture
def classes(control_plane: ControlPlane) -> Iterator[None]:
    """The priority classes, once the API server knows them when it admits pods."""
    admin = control_plane.admin
    admin.create_all(CLASSES)
    end = time.monotonic() + 30
    for own in CLASSES:
        probe = pod("probe", priorityClassName=own["metadata"]["name"])
        while True:
            try:
                admin.request("POST", f"{admin.collection(probe)}?dryRun=All", probe)
                break
            except ApiError:
                if time.monotonic() > end:
                    raise
    yield
    for own in CLASSES:
        admin.delete(admin.path(own))


@pytest.mark.usefixtures("classes")
def test_generated_preemption(control_plane: ControlPlane, arena: Arena, oracle: Oracle) -> None:
    """It displaces pods only where the dry run finds room, exactly those that it names, and nowhere else (rule 9.1)."""
    version = version_of(control_plane.version)
    counts = {"clusters": 0, "displaced": 0, "helpless": 0, "differ": 0}
    wrong: list[str] = []
    for seed in range(CASES):
        objects, mine = drawn(seed)
        me = ranked(mine)
        pods = [ranked(one) for one in objects if one["kind"] == "Pod"]
        nodes = msgspec.convert([one for one in objects if one["kind"] == "Node"], tuple[Node, ...], strict=False)
        cluster = Cluster(node_views(nodes, pods), {"default": {}}, version=version)
        answers = feasible_now(me, cluster)
        found = dict(zip([view.id for view in cluster.nodes], preemption(me, cluster, answers), strict=True))
        possible = {name for name, one in found.items() if one.ok is True}
        free = {view.id for view, one in zip(cluster.nodes, answers, strict=True) if one.ok is True}
        arena.create(objects)
        outcome = arena.place([mine])["default/me"]
        if possible:
            outcome = arena.wait(["default/me"], until=lambda one: bool(one.node))["default/me"]
        left = {one["metadata"]["name"] for one in control_plane.admin.items("/api/v1/namespaces/default/pods")}
        gone = {f"default/{one.metadata.name}" for one in pods} - {f"default/{name}" for name in left}
        arena.reset()
        counts["clusters"] += 1
        counts["displaced"] += bool(possible)
        counts["helpless"] += not possible and not free
        expected: Any = set(found[outcome.node].victims) if outcome.node in possible else set()
        if (outcome.node not in (possible or free or {""})) or gone != expected:
            wrong.append(f"seed {seed}: real {outcome}, gone {sorted(gone)}; ours {found}, free {sorted(free)}")
    counts["differ"] = len(wrong)
    oracle("kube-scheduler: preemption", counts, seeds=(0, CASES - 1))
    assert not wrong, "\n".join(wrong[:10])
    assert counts["displaced"] > CASES // 8
    assert counts["helpless"] > CASES // 8
