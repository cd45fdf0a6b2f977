"""A newcomer's first hour: a fresh clone, and the README word for word."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from readme import fits, steps
from tests.conftest import require

ROOT = Path(__file__).resolve().parent.parent.parent
_FENCE = re.compile(r"^```(?P<kind>console|sh)\n(?P<body>.*?)^```$", re.MULTILINE | re.DOTALL)
# Needs a cluster of one's own; and the test suite, which is what runs this test.
_NOT_HERE = ("kubectl ", "helm ", "make test")


@pytest.mark.slow
def test_the_readme_word_for_word_in_a_fresh_clone(tmp_path: Path) -> None:
    """Every command of the README, in its order, in one shell session's directory and environment."""
    require(shutil.which("git"), "git, to make a fresh clone")
    clone = tmp_path / "clusterproof"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    environment = {**os.environ, "COLUMNS": "80", "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}
    environment.pop("VIRTUAL_ENV", None)
    environment["PATH"] = f"{clone}/.venv/bin:/usr/local/bin:{environment['PATH']}"
    text = (clone / "README.md").read_text("utf-8")
    ran = 0
    # The picture at the top needs what the two commands set up, so set-up comes first, as it does for a reader.
    blocks = sorted(_FENCE.finditer(text), key=lambda block: "make demo" not in block["body"])
    for block in blocks:
        commands = (
            [(step.command, step.shown) for step in steps(block["body"])]
            if block["kind"] == "console"
            else [(line.split("   #")[0], None) for line in block["body"].splitlines() if line.strip()]
        )
        for command, shown in commands:
            if command.startswith(_NOT_HERE) or (shown is None and "clusterproof check -" in command):
                continue
            done = subprocess.run(  # noqa: S602 - the README's own commands
                command,
                shell=True,
                executable="/bin/bash",
                cwd=clone,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            ran += 1
            if shown is None:
                assert done.returncode == 0, f"{command}: {done.stderr[-2000:]}"
            else:
                real = [line.rstrip() for line in (done.stdout + done.stderr).rstrip("\n").splitlines()]
                assert fits(shown, real), f"$ {command}\n" + "\n".join(real)
    assert ran >= 10
