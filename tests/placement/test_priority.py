"""Priorities."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.placement.priority import Priorities, Rank, rank_of
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import PriorityClass
from tests.placement.build import spec

WHY = Unknown(Cause.DENIED, "priority classes")
CLASSES = {
    name: msgspec.convert({"metadata": {"name": name}, "value": value, **more}, PriorityClass)
    for name, value, more in (
        ("high", 1000, {}),
        ("patient", 500, {"preemptionPolicy": "Never"}),
        ("usual", 10, {"globalDefault": True}),
        ("other", 20, {"globalDefault": True}),
    )
}


@pytest.mark.parametrize(
    ("body", "rank"),
    [
        ({"priority": 7, "priorityClassName": "high"}, Rank(7)),
        ({"priorityClassName": "high"}, Rank(1000)),
        ({"priorityClassName": "patient"}, Rank(500, never=True)),
        ({"priority": 7, "preemptionPolicy": "Never"}, Rank(7, never=True)),
        ({"priorityClassName": "system-node-critical"}, Rank(2_000_001_000)),
        ({}, Rank(10)),
    ],
)
def test_where_a_priority_comes_from(body: dict[str, Any], rank: Rank) -> None:
    """What is written down, else the class, else the least of the global defaults (rule 9.1)."""
    assert rank_of(spec(**body), Priorities(CLASSES)) == rank


def test_without_classes() -> None:
    """Nothing is 0; the system's own classes are known everywhere (rule 9.1)."""
    assert rank_of(spec(), Priorities()) == rank_of(spec(), None) == Rank(0)
    assert rank_of(spec(priorityClassName="system-cluster-critical"), None) == Rank(2_000_000_000)


def test_what_is_not_known() -> None:
    """Classes that were not read, and a class that is not there, of which the API server makes no pods (rule 9.1)."""
    unread = Priorities(missing=WHY)
    assert rank_of(spec(), unread) is WHY
    assert rank_of(spec(priorityClassName="high"), unread) is WHY
    assert rank_of(spec(priority=3), unread) == Rank(3)
    missing = rank_of(spec(priorityClassName="gone"), Priorities(CLASSES))
    assert isinstance(missing, Unknown)
    assert "makes no pod of PriorityClass gone" in missing.detail
