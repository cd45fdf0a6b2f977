"""The benchmark of the real scheduler runs, and binds what it says."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT

pytestmark = pytest.mark.controlplane


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "scheduler_throughput.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


@pytest.mark.usefixtures("binaries")
def test_every_pod_is_bound_and_every_figure_is_there() -> None:
    """A small run: all pods bound, the scheduler's own sum within the time by the clock."""
    done = _run("--nodes", "12", "--pods", "40", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: found[name] for name in ("nodes", "pods", "bound")} == {"nodes": 12, "pods": 40, "bound": 40}
    assert found["version"].startswith("v1.")
    assert 0 < found["algorithm_s"] <= found["wall_s"]
    assert found["pods_per_s"] == pytest.approx(40 / found["wall_s"], rel=0.05)


def test_sizes_that_do_not_fit_are_refused() -> None:
    """One sentence and 2, before anything is started."""
    for sizes in (("--nodes", "0"), ("--nodes", "1", "--pods", "101"), ("--pods", "1")):
        bad = _run(*sizes)
        assert (bad.returncode, bad.stdout) == (2, "")
        assert bad.stderr.startswith("scheduler_throughput.py: give --nodes")
