from __future__ import annotations

import ast
import importlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from clusterproof._version import __version__
from clusterproof.cli import app, reference
from clusterproof.errors import ClusterproofError, UnreadableClusterError
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = ROOT / "src" / "clusterproof" / "cli" / "commands"


def invoke(*arguments: str) -> tuple[int, str]:
    """The status that ``run`` exits with, and what was asked to be printed, in this process."""
    with pytest.raises(SystemExit) as done:
        app.run(list(arguments))
    assert isinstance(done.value.code, int)
    return done.value.code, ""


def test_table_of_commands_is_the_commands() -> None:
    """Every module of commands is in the table, and its own short help says the same."""
    modules = {path.stem for path in COMMANDS.glob("*.py")} - {"__init__"}
    assert set(app.SUMMARIES) == modules
    for name, summary in app.SUMMARIES.items():
        command = importlib.import_module(f"clusterproof.cli.commands.{name}").command
        assert isinstance(command, click.Command)
        assert command.short_help == summary


def test_reference_is_current() -> None:
    """docs/cli.md is what the commands print (python -m clusterproof.cli.reference > docs/cli.md)."""
    assert (ROOT / "docs" / "cli.md").read_text("utf-8") == reference.reference()


def test_help_imports_no_command_and_nothing_heavy() -> None:
    """The help page is printed without the engine: none of its modules, and no parser or compressor, is imported."""
    code = (
        "import sys\nfrom clusterproof.cli.app import run\n"
        "try: run(['--help'])\nexcept SystemExit: pass\nprint(sorted(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    modules = set(ast.literal_eval(done.stderr))
    heavy = {"rich", "yaml", "zstandard", "msgspec", "jinja2", "asyncio", "importlib.metadata", "clusterproof.checks"}
    assert not heavy & modules
    assert not {name for name in modules if name.startswith("clusterproof.cli.commands")}
    assert "check" in done.stdout


@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_lists_commands_and_exit_statuses(run: Run, flag: str) -> None:
    """Help names every command and what each exit status means."""
    done = run(flag)
    assert done.returncode == 0
    assert done.stderr == ""
    for name in app.SUMMARIES:
        assert f"\n  {name} " in done.stdout
    for status, meaning in app.EXIT_STATUSES:
        assert re.search(rf"^  {status} +{re.escape(meaning)}", done.stdout, re.MULTILINE)


def test_no_command_prints_help(run: Run) -> None:
    """Without a command, what there is to do is shown."""
    assert run().stdout == run("--help").stdout


def test_version(run: Run) -> None:
    """The version, and nothing else."""
    assert run("--version").stdout == f"clusterproof {__version__}\n"


@pytest.mark.parametrize("name", list(app.SUMMARIES))
def test_every_command_has_help(run: Run, name: str) -> None:
    """Each command explains itself, without needing an input."""
    done = run(name, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: clusterproof {name}")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["chek"], "there is no command 'chek'; did you mean 'check'?"),
        (["zzz"], "there is no command 'zzz'; clusterproof --help lists them"),
        (["--nope"], "no such option"),
        (["check", "--profil", "x"], "--profile"),
        (["check", "x"], "issing option '--profile'"),
        (["demo", "-o", "xml"], "there is no format 'xml'; there are table, json, markdown"),
        (["demo", "-o", "json="], "no file is named after json="),
        (["demo", "--fail-on", "never"], "never"),
        (["why", "a"], "issing argument"),
    ],
)
def test_wrong_usage_is_one_line_and_2(run: Run, arguments: list[str], says: str) -> None:
    """Wrong usage says what is wrong on stderr, with where to look, and exits 2."""
    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("clusterproof: ")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


class Failing(click.Command):
    """A command that fails as it is told."""

    def __init__(self, error: BaseException) -> None:
        super().__init__("failing")
        self.error = error

    def invoke(self, ctx: click.Context) -> None:  # noqa: ARG002 - click's signature
        """Fail."""
        raise self.error


@pytest.mark.parametrize(
    ("error", "status", "says"),
    [
        (ClusterproofError("x is wrong; do y"), 2, "clusterproof: x is wrong; do y\n"),
        (UnreadableClusterError("nothing could be read"), 4, "clusterproof: nothing could be read\n"),
        (ClusterproofError("name \x1b[2J"), 2, "clusterproof: name \\x1b[2J\n"),
        (KeyboardInterrupt(), 130, "\nclusterproof: interrupted; nothing was written\n"),
        (
            ZeroDivisionError("division by zero"),
            70,
            "clusterproof: this is a fault in clusterproof, not in your input: ",
        ),
    ],
)
def test_errors_are_sentences(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    says: str,
) -> None:
    """Every error is a sentence on stderr and its own status; no traceback."""
    monkeypatch.setattr(app.Commands, "get_command", lambda *_: Failing(error))
    assert invoke("check")[0] == status
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(says)
    assert "Traceback" not in captured.err


def test_fault_says_how_to_get_a_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A fault names its type and message and the command that shows more; with --debug it is raised."""
    monkeypatch.setattr(app.Commands, "get_command", lambda *_: Failing(ZeroDivisionError("by zero")))
    assert invoke("check")[0] == 70
    assert (
        "ZeroDivisionError: by zero; for a traceback to report, run: clusterproof --debug check"
        in capsys.readouterr().err
    )
    with pytest.raises(ZeroDivisionError):
        app.run(["--debug", "check"])


def test_closed_pipe_is_silent() -> None:
    """A reader that has gone (| head) ends the command without a word, and not with a verdict's status."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "clusterproof", "connections", "--world", "demo"],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (141, "")


def test_interrupt_is_a_line_and_130(tmp_path: Path) -> None:
    """Ctrl-C while reading ends with one line, 130, and no file."""
    process = subprocess.Popen(
        [sys.executable, "-m", "clusterproof", "snapshot", "-", "-o", str(tmp_path / "x.snapshot")],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(2)  # it now waits for standard input
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=60)
    assert process.returncode == 130
    assert (out, error) == ("", "\nclusterproof: interrupted; nothing was written\n")
    assert list(tmp_path.iterdir()) == []


def test_click_runner_runs_commands_too() -> None:
    """The group is an ordinary click group, so that it can be embedded."""
    result = CliRunner().invoke(app.cli, ["explain", "--help"])
    assert result.exit_code == 0
    assert "ID is PROFILE/REQUIREMENT" in result.output
