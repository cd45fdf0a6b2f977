"""Results go where they may, which is told before anything is read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clusterproof.snapshot.reader import verify
from tests.cli.conftest import ROOT, Run

PROFILE = ("-p", "dynamo")


@pytest.fixture
def files(run: Run, tmp_path: Path) -> dict[str, bytes]:
    """A snapshot, a report, manifests, a log and a configuration in the working directory, with their bytes."""
    assert run("snapshot", str(ROOT / "src/clusterproof/worlds/demo"), "-o", "prod.snapshot").returncode == 0
    assert run("check", "prod.snapshot", *PROFILE, "-q", "-o", "json=last.json").returncode == 1
    (tmp_path / "r.yaml").write_text("apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n")
    (tmp_path / "w.log").write_text("Unable to create lease\n")
    (tmp_path / "c.yaml").write_text("profile: dynamo\n")
    (tmp_path / "link").symlink_to("prod.snapshot")
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "nodes.json").write_text('{"apiVersion": "v1", "kind": "NodeList", "items": []}')
    return _held(tmp_path)


def _held(directory: Path) -> dict[str, bytes]:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ("check prod.snapshot -p dynamo -o json=prod.snapshot", "the input"),
        ("check prod.snapshot -p dynamo -o json=link", "the input"),
        ("check prod.snapshot -p dynamo -o table -o json=./prod.snapshot", "the input"),
        ("check prod.snapshot -p dynamo --with r.yaml -o json=r.yaml", "the manifests"),
        ("check prod.snapshot -p dynamo --baseline last.json -o json=last.json", "the baseline"),
        ("check prod.snapshot --config c.yaml -o json=c.yaml", "the configuration"),
        ("diff last.json last.json -o json=last.json", "the input"),
        ("diagnose --logs w.log prod.snapshot -o json=w.log", "the log"),
        ("connections prod.snapshot -o csv=prod.snapshot", "the input"),
        ("fix prod.snapshot -p dynamo -o prod.snapshot", "the input"),
        ("snapshot prod.snapshot -o prod.snapshot", "the input"),
        ("check dir -p dynamo -o json=dir/nodes.json", "the input"),
        ("check prod.snapshot -p dynamo --with dir -o json=dir/nodes.json", "the manifests"),
    ],
)
def test_what_is_read_is_not_written_over(
    run: Run, tmp_path: Path, files: dict[str, bytes], arguments: str, what: str
) -> None:
    """Status 2, one sentence, and every file is as it was."""
    done = run(*arguments.split())
    assert (done.returncode, done.stdout) == (2, "")
    assert f"would write over {what}" in done.stderr
    assert _held(tmp_path) == files


def test_another_file_may_be_written_over(run: Run, files: dict[str, bytes], tmp_path: Path) -> None:
    """A result of yesterday is no input of today, nor is a report that stands in a directory of inputs."""
    for _ in range(2):
        assert run("check", "dir", *PROFILE, "-o", "json=dir/report.json").returncode == 3
    assert run("check", "prod.snapshot", *PROFILE, "-o", "json=w.log").returncode == 1
    assert (tmp_path / "w.log").read_bytes() == files["last.json"]


@pytest.mark.parametrize("command", [("snapshot", "missing"), ("fix", "missing", *PROFILE)])
def test_a_place_that_is_none_is_told_before_reading(run: Run, tmp_path: Path, command: tuple[str, ...]) -> None:
    """The input is not there either: had it been read first, that would be what is told."""
    for place, says in (("no/x", "there is no directory no"), (str(tmp_path), "it is a directory")):
        done = run(*command, "-o", place)
        assert done.returncode == 2
        assert says in done.stderr


def test_a_dash_is_standard_output(run: Run, files: dict[str, bytes], tmp_path: Path) -> None:
    """Of a snapshot with the bytes that the file would have, also through a pipe; of a report and a fix too."""
    world = str(ROOT / "src/clusterproof/worlds/demo")
    done = subprocess.run(
        [sys.executable, "-m", "clusterproof", "snapshot", world, "-o", "-"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT / "src")}, capture_output=True, check=True,
    )  # fmt: skip
    assert done.stdout == files["prod.snapshot"]
    assert b"wrote the snapshot: " in done.stderr
    (tmp_path / "again").write_bytes(done.stdout)
    assert verify(tmp_path / "again").kinds
    assert run("check", "prod.snapshot", *PROFILE, "-o", "json=-").stdout.encode() == files["last.json"]
    assert "aws ec2" in run("fix", "prod.snapshot", *PROFILE, "-o", "-").stdout
    assert not (tmp_path / "-").exists()


def test_a_snapshot_is_not_sent_to_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no text: refused before anything is read."""
    monkeypatch.setattr("clusterproof.cli.commands.snapshot._terminal", lambda: True)
    done = run("snapshot", "missing", "-o", "-")
    assert done.returncode == 2
    assert "no text for a terminal" in done.stderr


def test_the_baseline_says_the_profile(run: Run, files: dict[str, bytes], tmp_path: Path) -> None:
    """Without --profile that of the baseline counts, and stderr says so; without either, one sentence."""
    done = run("check", "prod.snapshot", "--baseline", "last.json", "-o", "sarif", "-o", "junit=out.xml")
    assert done.returncode == 0
    assert "profile dynamo, as last.json says" in done.stderr
    assert (tmp_path / "out.xml").exists()
    assert "missing option '--profile'" in run("check", "prod.snapshot").stderr
    (tmp_path / "own.json").write_bytes(files["last.json"].replace(b'"name": "dynamo"', b'"name": "ours"'))
    done = run("check", "prod.snapshot", "--baseline", "own.json")
    assert done.returncode == 2
    assert "name its file: --profile FILE" in done.stderr


def test_what_came_from_a_pipe_is_not_proposed_again(run: Run, files: dict[str, bytes]) -> None:
    """The fix that is proposed can be run: ``-`` would wait for input that is gone."""
    done = run("check", "prod.snapshot", *PROFILE, "--with", "-", stdin=files["r.yaml"].decode())
    assert "clusterproof fix prod.snapshot --with FILE --profile dynamo" in done.stdout


def test_version_is_an_option(run: Run) -> None:
    """``clusterproof version``, as other tools have it, leads to the option."""
    assert "write clusterproof --version" in run("version").stderr
