"""What tests of placements share: a small cluster, and a placement's groups by name."""

from __future__ import annotations

from typing import Any

from clusterproof.checks.placed import PlacedGroup, Placement
from clusterproof.checks.placing import place
from tests.world.build import Tiny

WEB = "deploy/app/web"


def two() -> Tiny:
    """Group ``a`` with two nodes in zone a, group ``b`` with one in zone b, of 8 processors each."""
    return Tiny().managed("a", ["sg-a"], nodes=2).managed("b", ["sg-b"], subnets=("subnet-b",))


def of(tiny: Tiny, name: str = WEB, **asked: Any) -> Placement:
    """The placement of a workload."""
    return place(tiny.snapshot(), name, **asked)


def groups(found: Placement) -> dict[str, PlacedGroup]:
    """Groups by name."""
    return {group.name: group for group in found.groups}
