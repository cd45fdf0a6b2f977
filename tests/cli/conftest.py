"""How the command line is run in tests: as a process, as users run it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """``run("check", ...)``: the finished process, with stdout and stderr as text; ``env`` and ``stdin`` as wanted."""

    def start(*arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "TERM")}
        return subprocess.run(
            [sys.executable, "-m", "clusterproof", *arguments],
            cwd=tmp_path,
            env={**clean, "PYTHONPATH": str(ROOT / "src"), **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return start
