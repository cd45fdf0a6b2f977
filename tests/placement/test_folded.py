"""Node classes that read the same share one answer: compared with each class asked by itself."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from benchmarks.placement import workloads
from benchmarks.synthetic.cluster import synthetic
from benchmarks.synthetic.plan import Size
from clusterproof.placement.feasibility import Feasibility
from clusterproof.placement.filters import structural
from clusterproof.placement.needs import needs_of
from clusterproof.placement.places import places, view_of
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import PodSpec
from clusterproof.world.model import Workload
from clusterproof.world.world import World


def asked_alone(world: World, workload: Workload) -> list[Feasibility]:
    """One answer for each class, nothing kept."""
    needs = needs_of(workload.spec, pinned=bool(workload.spec.node_name))
    return [structural(needs, view_of(node_class)) for node_class in world.classes]


@pytest.mark.parametrize("unread", [False, True])
def test_places_are_those_of_each_class_alone(unread: bool) -> None:
    """200 templates on all classes of a cluster, also with taints that are not known: refusals, reasons, evidence, doubts."""
    snapshot = synthetic(Size(60, 6, 0, 12))
    groups = sorted(one.nodegroup_name for one in snapshot.objects(kinds.NODEGROUPS))
    wanted = workloads(200, groups, 30)
    wanted += [
        msgspec.structs.replace(one, name=f"on-{node.metadata.name}", spec=_pinned(one, node.metadata.name))
        for one, node in zip(wanted[:6], snapshot.objects(kinds.NODES)[::9], strict=False)
    ]
    # The same pods but for what they tolerate, for where they want to be, and for what they ask of labels.
    lacks: tuple[dict[str, Any], ...] = (
        {"tolerations": ()},
        {"node_selector": {}},
        {"topology_spread_constraints": ()},
        {"affinity": None},
    )
    for lacking in lacks:
        wanted += [
            msgspec.structs.replace(one, name=f"{one.name}-{at}-{next(iter(lacking))}", spec=_without(one, lacking))
            for at, one in enumerate(wanted[:60])
        ]
    world = World(snapshot, wanted)
    why = Unknown(Cause.NOT_COLLECTED, "the taints were not read")
    alike = tuple(
        msgspec.structs.replace(
            one,
            allocatable=world.classes[at % 2].allocatable,
            taints=why if unread and at % 3 == 0 else one.taints,
            labels={
                name: value for name, value in one.labels.items() if at % 5 or name != "topology.kubernetes.io/zone"
            },
        )
        for at, one in enumerate(world.classes)
    )
    world.ground.classes = world.classes = alike
    compared = refusals = doubts = 0
    for workload in wanted:
        found = places(world, workload)
        refused = {item.node_class.id: item.feasibility for item in found.refused}
        doubt = {place.node_class.id: place.doubt for place in found.places}
        for node_class, alone in zip(world.classes, asked_alone(world, workload), strict=True):
            compared += 1
            if alone.ok is False:
                refusals += 1
                assert refused[node_class.id] == alone
            else:
                doubts += isinstance(alone.ok, Unknown)
                assert doubt[node_class.id] == (alone.ok if isinstance(alone.ok, Unknown) else None)
    assert compared == len(wanted) * len(world.classes)
    assert 0 < refusals < compared
    assert doubts > (100 if unread else 0)


def _without(workload: Workload, lacking: dict[str, Any]) -> PodSpec:
    return msgspec.structs.replace(workload.spec, **lacking)


def _pinned(workload: Workload, node: str) -> PodSpec:
    return msgspec.structs.replace(workload.spec, node_name=node)
