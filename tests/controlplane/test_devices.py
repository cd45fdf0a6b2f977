"""Dynamic resource allocation: the real scheduler and ours on the same generated clusters (rule 9.1)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
import pytest

from clusterproof.placement.claims import claims_of
from clusterproof.placement.devices.inventory import Inventory
from clusterproof.placement.feasibility import Feasibility
from clusterproof.placement.filters import feasible_now, structural
from clusterproof.placement.needs import needs_of
from clusterproof.placement.node import Cluster, node_views
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import (
    DeviceClass,
    Node,
    Pod,
    ResourceClaim,
    ResourceClaimTemplate,
    ResourceSlice,
)
from tests.conftest import Oracle
from tests.controlplane.binaries import Binaries
from tests.controlplane.client import Client, Raw
from tests.controlplane.devices import API, GATES, SPACE, Case
from tests.controlplane.objects import node, plain, pod
from tests.controlplane.ours import version_of
from tests.controlplane.plane import ControlPlane
from tests.controlplane.scheduling import Arena, Outcome, key_of

pytestmark = pytest.mark.controlplane

SEED = 5
CASES = 60
T = TypeVar("T")
TAKEN_BACK = "deallocation of ResourceClaim completed"
NOT_TRIED = ("could not find ResourceClaim", "is being deleted", "not created yet", "is not owner")
"""Such a pod waits before the scheduler looks at it (PreEnqueue), which says nothing of it."""


def objects(api: Client, path: str, type_: type[T]) -> list[T]:
    """All objects of a collection, typed as a snapshot has them."""
    return [msgspec.convert(one, type_) for one in api.items(path)]


def cluster_of(plane: ControlPlane) -> Cluster:
    """The cluster as it stands."""
    api, version = plane.admin, version_of(plane.version)

    def named(kind: str, type_: type[Any]) -> dict[str, Any]:
        found = objects(api, f"/apis/{API}/{kind}", type_)
        return {f"{one.metadata.namespace}/{one.metadata.name}".lstrip("/"): one for one in found}

    inventory = Inventory(
        named("resourceclaims", ResourceClaim),
        named("resourceclaimtemplates", ResourceClaimTemplate),
        named("deviceclasses", DeviceClass),
        objects(api, f"/apis/{API}/resourceslices", ResourceSlice),
        version.minor,
    )
    views = node_views(objects(api, "/api/v1/nodes", Node), objects(api, "/api/v1/pods", Pod))
    return Cluster(tuple(sorted(views, key=lambda view: view.id)), version=version, devices=inventory)


def decided(arena: Arena, one: Raw, expected: tuple[Feasibility, ...]) -> Outcome | None:
    """What the real scheduler does with it in the end; None where it says nothing."""
    key = key_of(one)
    waits = any(word in expected[0].reason for word in NOT_TRIED)
    try:
        outcome = arena.place([one], patience=1.0 if waits else 30.0)[key]
        if TAKEN_BACK in outcome.message:
            outcome = arena.wait([key], lambda now: bool(now.node) or TAKEN_BACK not in now.message)[key]
    except TimeoutError:
        return None
    return outcome


def difference(one: Raw, cluster: Cluster, ours: tuple[Feasibility, ...], real: Outcome | None) -> str:
    """Where ours and the scheduler's answer part, as a sentence; empty where they agree."""
    said = {view.id: answer for view, answer in zip(cluster.nodes, ours, strict=True)}
    open_nodes = [name for name, answer in said.items() if answer.ok is True]
    told = f"{one['metadata']['name']}: {real} / {[(name, answer.ok, answer.reason) for name, answer in said.items()]}"
    if real is None:
        return "" if any(word in ours[0].reason for word in NOT_TRIED) and not open_nodes else f"not tried: {told}"
    if real.node:
        return "" if real.node in open_nodes else f"bound elsewhere: {told}"
    if open_nodes:
        return f"refused by the scheduler only: {told}"
    if ours[0].whole:
        # Which of several errors, on which node, is seen first is chance.
        error = ours[0].reason.startswith("running ")
        same = real.reason == "SchedulerError" and real.message.startswith('running "DynamicResources"')
        return "" if (same if error else ours[0].reason in real.message) else f"other words: {told}"
    counted = Counter(reason for answer in ours for reason in answer.reasons)
    return "" if all(f"{count} {words}" in real.message for words, count in counted.items()) else f"other words: {told}"


def lawless(one: Raw, cluster: Cluster, ours: tuple[Feasibility, ...]) -> list[str]:
    """Nodes that are feasible now and never: there must be none (design rule 3)."""
    typed = msgspec.convert(one, Pod)
    needs, devices = needs_of(typed.spec), claims_of(typed.spec, SPACE, cluster.devices)
    return [
        f"{typed.metadata.name} now on {view.id}, but never: {never.reason}"
        for view, answer in zip(cluster.nodes, ours, strict=True)
        if answer.ok is True and (never := structural(needs, view, (), devices)).ok is False
    ]


def compare(plane: ControlPlane, oracle: Oracle, first: int, cases: int, *, gates: bool) -> Counter[str]:
    """Generate, place one pod after the other, compare each; seeds and counts are printed when the run ends."""
    arena = Arena(plane, uncounted=("ResourceSlice",) if gates else ())
    counts, differences = Counter[str](), list[str]()
    for seed in range(first, first + cases):
        case = Case(seed, gates=gates)
        try:
            arena.create(case.objects)
            for claim, status in case.allocations:
                plane.admin.status(claim, status)
            if case.allocations or gates:
                time.sleep(0.25 if gates else 0.05)  # changes are not counted as new objects are
            for one in case.pods:
                cluster = cluster_of(plane)
                ours = feasible_now(msgspec.convert(one, Pod), cluster)
                real = decided(arena, one, ours)
                counts["pods"] += 1
                if any(isinstance(answer.ok, Unknown) for answer in ours):
                    counts["unknown"] += 1
                    continue
                counts["bound" if real is not None and real.node else "refused"] += 1
                differences += [f"seed {seed}: {text}" for text in lawless(one, cluster, ours)]
                if text := difference(one, cluster, ours, real):
                    differences.append(f"seed {seed}: {text}")
        finally:
            arena.reset()
    counts["differ"] = len(differences)
    oracle("dra with gates" if gates else "dra", {"clusters": cases, **counts}, seeds=(first, first + cases - 1))
    assert not differences, "\n".join(differences)
    return counts


def test_generated_claims_are_allocated_where_the_scheduler_allocates_them(
    control_plane: ControlPlane, oracle: Oracle
) -> None:
    """Selectors, counts, all, alternatives, constraints, pools, claims that are held: same nodes, same words (rule 9.1)."""
    counts = compare(control_plane, oracle, SEED, CASES, gates=False)
    assert counts["bound"] >= CASES // 2
    assert counts["refused"] >= CASES // 2
    assert counts["unknown"] <= counts["pods"] // 10


@pytest.fixture(scope="module")
def gated(binaries: Binaries) -> Iterator[ControlPlane]:
    """A control plane with partitionable devices and device taints."""
    with ControlPlane.start(binaries, features=GATES) as plane:
        yield plane


def test_shared_counters_taints_and_devices_bound_one_by_one(gated: ControlPlane, oracle: Oracle) -> None:
    """What alpha gates of 1.34 add: counters that devices share, taints of devices, nodes per device (rule 9.1)."""
    counts = compare(gated, oracle, SEED, CASES, gates=True)
    assert counts["bound"] >= CASES // 2
    assert counts["refused"] >= CASES // 2


def test_claims_of_a_template_take_devices_until_none_is_left(
    arena: Arena, control_plane: ControlPlane, controllers: None
) -> None:
    """Two devices, three pods from one template: two run, the third "cannot allocate all claims" (rule 9.1)."""
    del controllers
    request = {"name": "gpu", "exactly": {"deviceClassName": "gpu"}}
    devices = [{"name": f"gpu-{index}"} for index in range(2)]
    pool = {"name": "n", "generation": 1, "resourceSliceCount": 1}
    arena.create(
        [
            node("n"),
            plain(API, "DeviceClass", "gpu", spec={}),
            plain(
                API, "ResourceSlice", "n", spec={"driver": "d.io", "pool": pool, "nodeName": "n", "devices": devices}
            ),
            plain(
                API,
                "ResourceClaimTemplate",
                "one",
                namespace="default",
                spec={"spec": {"devices": {"requests": [request]}}},
            ),
        ]
    )
    claims = [{"name": "gpu", "resourceClaimTemplateName": "one"}]
    for index, expected in enumerate(("n", "n", "")):
        one = pod(f"p{index}", resourceClaims=claims)
        (ours,) = feasible_now(msgspec.convert(one, Pod), cluster_of(control_plane))
        real = arena.place([one])[f"default/p{index}"]
        assert (real.node, ours.ok) == (expected, bool(expected))
    assert ours.reason in real.message
