from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--nodes", "12", "--pods-per-node", "10", "--policies", "3", "--groups", "3", "--runs", "1"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "scale.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_json_holds_every_figure(tmp_path: Path) -> None:
    """What is measured, of what, and what the check found; the figures fit one another."""
    kept = tmp_path / "bench.snapshot"
    done = _run(*SMALL, "--json", "--keep", str(kept))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: found[name] for name in ("nodes", "pods", "policies", "groups", "profile")} == {
        "nodes": 12,
        "pods": 120,
        "policies": 3,
        "groups": 3,
        "profile": "dynamo",
    }
    for name in ("decode_s", "check_s", "peak_mb", "decoded_mb", "start_mb", "json_mb", "decode_mb_per_s"):
        assert found[name] > 0, name
    assert found["decode_mb_per_s"] == pytest.approx(found["json_mb"] / found["decode_s"], rel=0.05)
    assert found["start_mb"] <= found["decoded_mb"] <= found["peak_mb"]
    assert found["file_mb"] == pytest.approx(kept.stat().st_size / 1e6, abs=0.001)
    assert {"pods", "nodes", "security-groups", "networkpolicies"} <= set(found["kinds"])
    assert found["verdicts"]["dynamo/nats-from-gpu-nodes"] == "fail"
    assert found["fixes_proven"] > 0


def test_without_json_one_line_per_size() -> None:
    """What ``make bench`` prints."""
    done = _run(*SMALL)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.split()[:2] == ["12", "nodes"]
    assert "MB/s" in line
    assert "check" in line


def test_a_size_that_cannot_be_is_one_sentence() -> None:
    """Wrong usage ends with status 2 and says which option to change."""
    done = _run("--nodes", "2", "--groups", "5")
    assert done.returncode == 2
    assert done.stderr.startswith("scale.py: --groups must be")
    assert "Traceback" not in done.stderr
