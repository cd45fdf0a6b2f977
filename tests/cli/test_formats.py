"""``-o`` with the formats for pipelines: several at once, one at most on stdout, all files or none."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from clusterproof import reports
from tests.cli.conftest import Run


def test_several_at_once(run: Run, tmp_path: Path) -> None:
    """One format goes to stdout and each other to its file, from one check; stderr names the files."""
    done = run(
        "check", "--world", "demo", "--profile", "dynamo", "-o", "sarif", "-o", "junit=out.xml", "-o", "ctrf=c.json"
    )
    assert done.returncode == 1
    log = json.loads(done.stdout)
    suite = ET.parse(tmp_path / "out.xml").getroot()  # noqa: S314 - our own output
    tests = json.loads((tmp_path / "c.json").read_text("utf-8"))["results"]["tests"]
    assert [result["ruleId"] for result in log["runs"][0]["results"]] == [test["testId"] for test in tests]
    assert [case.get("name") for case in suite.iter("testcase")] == [test["name"] for test in tests]
    assert done.stderr.splitlines()[-2:] == ["clusterproof: wrote out.xml", "clusterproof: wrote c.json"]


def test_rules_have_their_help(run: Run) -> None:
    """The command line gives SARIF the profile, so each rule has its manual and its line."""
    log = json.loads(run("demo", "-o", "sarif").stdout)
    for rule in log["runs"][0]["tool"]["driver"]["rules"]:
        assert rule["help"]["text"].startswith(f"{rule['id']}\n")
    lines = [r["locations"][0]["physicalLocation"]["region"]["startLine"] for r in log["runs"][0]["results"]]
    assert len(set(lines)) == len(lines)


def test_two_on_stdout_are_refused(run: Run, tmp_path: Path) -> None:
    """Two formats for the terminal are wrong usage, and nothing is written, not even the file that was asked for."""
    done = run("demo", "-o", "sarif", "-o", "junit", "-o", "jsonl=a")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("clusterproof: two formats would go to the terminal; give all but one a file")
    assert list(tmp_path.iterdir()) == []


def test_all_files_or_none(run: Run, tmp_path: Path) -> None:
    """Where one file cannot be written, the others stay as they were."""
    (tmp_path / "a.sarif").write_text("old")
    done = run("demo", "-o", "sarif=a.sarif", "-o", "junit=no/b.xml")
    assert done.returncode == 2
    assert "no/b.xml cannot be written" in done.stderr
    assert (tmp_path / "a.sarif").read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.sarif"]


@pytest.mark.parametrize("command", ["check", "demo"])
def test_both_commands_know_every_format(run: Run, command: str) -> None:
    """A format that does not exist is answered with those that do, which are those of the reports."""
    done = run(command, "--profile", "dynamo", "-o", "pdf")
    assert done.returncode == 2
    assert f"there is no format 'pdf'; there are {', '.join(reports.FORMATS)}" in done.stderr


@pytest.mark.parametrize("name", reports.FORMATS)
def test_a_file_and_stdout_get_the_same(run: Run, tmp_path: Path, name: str) -> None:
    """In a pipe and in a file a format is the same bytes."""
    shown = run("demo", "-o", name).stdout
    run("demo", "-o", f"{name}=out", "-q")
    assert (tmp_path / "out").read_text("utf-8") == shown


def test_fix_as_cloudformation(run: Run, tmp_path: Path) -> None:
    """``fix --as cloudformation`` writes the template of the proven plan."""
    done = run("fix", "--world", "demo", "--profile", "dynamo", "--as", "cloudformation", "-o", "fix.yaml")
    assert done.returncode == 0
    text = (tmp_path / "fix.yaml").read_text("utf-8")
    assert text.count("Type: AWS::EC2::SecurityGroupIngress") == 4
