"""How the counts of oracles reach the end of a run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from tests.conftest import Oracle, oracle_lines


def report(*told: tuple[str, list[int], list[tuple[str, int]]]) -> Any:
    """A test report with what its oracles told, as xdist hands it on: lists, not tuples."""
    known = [("oracle", [name, seeds, [list(item) for item in counts]]) for name, seeds, counts in told]
    return SimpleNamespace(user_properties=[("other", 1), *known])


def test_counts_of_one_name_are_added() -> None:
    """Shards of one oracle become one line with all their counts and the span of their seeds."""
    found = oracle_lines(
        [
            report(("twin", [1, 50], [("worlds", 1000), ("differ", 0)])),
            report(("twin", [51, 100], [("worlds", 1000), ("differ", 1)]), ("laws", [], [("cells", 7)])),
            SimpleNamespace(),
        ]
    )
    assert found == ["oracle: laws 7 cells", "oracle: twin 2,000 worlds, 1 differ (seeds 1 to 100)"]
    assert oracle_lines([report(("one", [3], [("worlds", 1)]))]) == ["oracle: one 1 worlds (seed 3)"]


def test_a_test_tells_its_counts(oracle: Oracle, request: Any) -> None:
    """What the fixture is told stands in the test's own properties, from which the line is made."""
    oracle("fixture", {"cells": 1}, seeds=(1, 2))
    assert request.node.user_properties == [("oracle", ["fixture", [1, 2], [("cells", 1)]])]
    request.node.user_properties.clear()
