"""The benchmark of all pairs."""

from __future__ import annotations

import pytest

from benchmarks.pairs import judged, main


def test_every_pair_is_a_row() -> None:
    """Each workload, and the agent that enforces policies, is asked about each Service."""
    rows, classes, seconds = judged(20, 10)
    assert rows == 21 * 20
    assert 1 < classes <= 20
    assert seconds > 0


def test_one_line_for_each_size(capsys: pytest.CaptureFixture[str]) -> None:
    """Sizes are workloads and policies."""
    assert main(["--sizes", "10/5,20/10"]) == 0
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()] == [
        ["10", "workloads", "5"],
        ["20", "workloads", "10"],
    ]
