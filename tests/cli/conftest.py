"""How the command line is run in tests: in this process where that is the same, as a process where it is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from click.testing import CliRunner

from clusterproof.cli import app

ROOT = Path(__file__).resolve().parents[2]


class Done(NamedTuple):
    """A finished command."""

    returncode: int
    stdout: str
    stderr: str


class Run(Protocol):
    """``run("check", ...)``: the finished command; ``env`` and ``stdin`` as wanted."""

    def __call__(self, *arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Done:
        """Run a command to its end."""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line in this process, from ``app.run`` on, in an empty directory, with stdout in a pipe."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)

    def start(*arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Done:
        status = None
        with CliRunner().isolation(input=stdin, env=env) as (out, err, _):
            try:
                app.run(list(arguments))
            except SystemExit as done:
                status = done.code
        assert isinstance(status, int)
        return Done(status, out.getvalue().decode(), err.getvalue().decode())

    return start


@pytest.fixture
def process(tmp_path: Path) -> Run:
    """The command line as a process of its own, in an empty directory, with stdout in a pipe."""

    def start(*arguments: str, stdin: str = "", env: dict[str, str] | None = None) -> Done:
        clean = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "TERM")}
        done = subprocess.run(
            [sys.executable, "-m", "clusterproof", *arguments],
            cwd=tmp_path,
            env={**clean, "PYTHONPATH": str(ROOT / "src"), **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    return start
