from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SMALL = ["--nodes", "30", "--pods-per-node", "8", "--groups", "3", "--workloads", "40", "--wishes", "50"]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "benchmarks" / "placement.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)


def test_json_holds_every_figure() -> None:
    """What is measured, of what, and what came of it; now is within ever; the same work each time."""
    done = _run(*SMALL, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {name: found[name] for name in ("nodes", "pods", "workloads", "wishes_percent")} == {
        "nodes": 30,
        "pods": 240,
        "workloads": 40,
        "wishes_percent": 50,
    }
    assert 0 < found["somewhere_now"] <= found["somewhere_ever"] <= 40
    assert found["somewhere_now"] <= found["pairs_now"] <= 40 * 30
    assert min(found[name] for name in ("prepare_s", "ever_s", "now_s")) >= 0
    again = json.loads(_run(*SMALL, "--json").stdout)
    for name in ("classes", "somewhere_ever", "somewhere_now", "pairs_now"):
        assert again[name] == found[name]


def test_one_line_and_refused_sizes() -> None:
    """Without --json it is one line; a size of which no cluster can be made is one sentence and 2."""
    done = _run(*SMALL)
    assert done.stdout.startswith("40 workloads on 30 nodes (")
    assert done.stdout.count("\n") == 1
    bad = _run("--nodes", "1")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.startswith("placement.py: --groups must be 2 or more")
