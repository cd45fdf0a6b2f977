"""Connections between several node groups: folded rows against each cell asked for by itself."""

from __future__ import annotations

import pytest

from benchmarks.synthetic.cluster import synthetic
from benchmarks.synthetic.plan import Size
from clusterproof.checks.connections import connections
from clusterproof.world.world import World
from tests.checks.test_connection_classes import alone


@pytest.mark.parametrize("preset", ["uniform", "adversarial"])
def test_rows_of_folds_are_those_of_cells(preset: str) -> None:
    """Policies of both directions, with and without address blocks, and groups that refuse one another."""
    world = World(synthetic(Size(8, 6, 6, 3, preset)))
    found = connections(world)
    assert len({row.client_group for row in found}) > 1
    layers = {row.hop.layer.value for row in found if row.hop is not None}
    assert {"policy egress", "security group ingress"} <= layers
    assert list(found) == alone(World(synthetic(Size(8, 6, 6, 3, preset))))


def test_rows_to_come_are_told_beforehand() -> None:
    """What is told is how many rows there are where all groups were read."""
    told: list[int] = []
    asked: list[str] = []
    found = connections(World(synthetic(Size(8, 6, 6, 3, "uniform"))), observe=asked.append, expect=told.append)
    assert told[0] >= len(found) > 0
    assert asked[-1].endswith(f"{len(asked)} of {len(asked)}")
