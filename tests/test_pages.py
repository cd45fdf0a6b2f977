"""The pages show every command and the main options with output; what they show is compared in tests/e2e/test_pages.py."""

from __future__ import annotations

import re
from pathlib import Path

import click
import msgspec
import pytest

from clusterproof.cli.app import SUMMARIES, cli
from clusterproof.config.model import Config
from readme import pages, reads_live, run, steps

ROOT = Path(__file__).resolve().parent.parent
_FENCE = re.compile(r"^```console(?: live)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
TEXTS = {page: (ROOT / page).read_text("utf-8") for page in pages()}
STEPS = [step for text in TEXTS.values() for body in _FENCE.findall(text) for step in steps(body)]
# What is asked of daily use, as the pages must show it: a pattern that one command line matches.
SHOWN = (
    r"clusterproof check --profile dynamo$",
    r"clusterproof check --profile dynamo --no-aws",
    r"clusterproof snapshot -q -o prod\.snapshot$",
    r"clusterproof check .*--with rendered\.yaml",
    r"cat rendered\.yaml \| clusterproof check .*--with -",
    r"clusterproof diagnose --logs worker\.log",
    r"cat worker\.log \| clusterproof diagnose",
    r"clusterproof diagnose -q \|",
    r"clusterproof check .*--baseline last\.json -o sarif -o junit=out\.xml",
    r"clusterproof permissions --profile dynamo -o rbac",
    r"clusterproof permissions --profile dynamo -o iam",
    r"clusterproof config show -v",
    r"clusterproof check .*--as-of",
    r"clusterproof diff monday\.snapshot today\.snapshot",
    r"clusterproof diff last\.json now\.json",
    r"clusterproof diff monday\.snapshot --with",
    *(rf"clusterproof fix .*--as {language}" for language in ("aws-cli", "terraform", "kubectl", "cloudformation")),
    *(rf"clusterproof .*-o {form}\b" for form in ("sarif", "junit", "ctrf", "jsonl", "json", "csv")),
)


def _commands() -> list[str]:
    context = click.Context(cli)
    found = ["snapshot"]
    for name in SUMMARIES:
        command = cli.get_command(context, name)
        below = command if isinstance(command, click.Group) else None
        inner = {part: below.get_command(context, part) for part in below.list_commands(context)} if below else {}
        found += [f"{name} {part}" for part, item in inner.items() if item and not item.hidden] or [name]
    return found


@pytest.mark.parametrize("command", _commands())
def test_every_command_is_shown(command: str) -> None:
    """Each command that --help lists, and each below it, stands in a block that is run."""
    assert any(re.search(rf"\bclusterproof {command}\b", step.command) for step in STEPS)


@pytest.mark.parametrize("pattern", SHOWN)
def test_daily_use_is_shown(pattern: str) -> None:
    """Each main way of use stands in a block that is run."""
    assert any(re.search(pattern, step.command) for step in STEPS)


def test_waivers_that_expired_or_cover_nothing_are_shown() -> None:
    """Both findings on waivers stand in what a command prints."""
    printed = "\n".join(line for step in STEPS for line in step.shown)
    assert "waiver-expired" in printed
    assert "waiver-unused" in printed


def test_every_key_of_the_configuration_is_shown() -> None:
    """What `config show -v` prints on the page has every key of the file."""
    (step,) = [step for step in STEPS if "config show -v" in step.command]
    for item in msgspec.structs.fields(Config):
        assert any(re.match(rf"  {item.encode_name}\b", line) for line in step.shown), item.encode_name


def test_no_output_stands_unchecked() -> None:
    """A command with output is in a block that is run: none stands in a block of plain text."""
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        blocks = re.findall(r"^```(?:text|sh|)\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
        assert not [block for block in blocks if block.startswith("$ ")], page.name


def test_live_blocks_are_told_from_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a block marked live makes a page read live; other blocks see neither a kubeconfig nor AWS credentials."""
    assert reads_live("```console live\n$ x\n```\n")
    assert not reads_live("```console\n$ x # console live\n```\n")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    monkeypatch.setenv("KUBECONFIG", "mine")
    assert run('echo "$AWS_PROFILE$KUBECONFIG"', tmp_path, "/usr/bin:/bin") == ["/dev/null"]
