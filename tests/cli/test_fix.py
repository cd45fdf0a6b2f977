"""``fix`` where only some of what fails can be mended."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import hcl2
import pytest

from tests.cli.conftest import Run
from tests.conftest import Require

PROFILE = """
name: own
title: A team's own rules
document: {title: Runbook}
requirements:
  - id: bounded
    title: Node groups have room to grow
    level: MUST
    source: {document: Runbook}
    check: {each: {of: nodegroups, that: it.scalingConfig.maxSize == 77, show: [scalingConfig.maxSize]}}
    mends:
      - text: let node group ${it.nodegroupName} grow
        set: {scalingConfig.maxSize: 77}
        commands: {aws-cli: "aws eks update-nodegroup-config --nodegroup-name ${it.nodegroupName}"}
        advice: ask who pays
    what: &text Whether it is.
    why: *text
    how: *text
    unknown_when: *text
    remedy: Raise it.
  - id: lost
    title: Node groups have no names
    level: LEVEL
    source: {document: Runbook}
    check: {each: {of: nodegroups, that: it.nodegroupName == ''}}
    what: *text
    why: *text
    how: *text
    unknown_when: *text
    remedy: Ask the owner.
"""


@pytest.mark.parametrize(("level", "status"), [("MUST", 1), ("MAY", 0)])
def test_what_stays_is_named_and_counts(run: Run, tmp_path: Path, level: str, status: int) -> None:
    """The plan mends what it can and names the rest; the status says whether anything required is left."""
    (tmp_path / "own.yaml").write_text(PROFILE.replace("LEVEL", level))
    done = run("fix", "--world", "demo", "--profile", "own.yaml")
    assert done.returncode == status, done.stderr
    head = done.stdout.partition("\n\n")[0].splitlines()
    assert head == [
        "# clusterproof: proven: mends 1 of 2 failing requirements, and breaks none.",
        "# Mends bounded",
        "# Not mended by it, 1:",
        "# - lost: Ask the owner",
        "# More on each: clusterproof explain own/lost --profile own.yaml",
    ]
    assert done.stdout.count("# Note: ask who pays\n") == 1
    assert "1 of the 2 that fail pass (proven); not mended: 1, each with why at its head" in done.stderr


def test_where_nothing_is_mended_that_is_said_once(run: Run, tmp_path: Path) -> None:
    """Without any change: each requirement with what is to be done, and the status of the check."""
    text = PROFILE.replace("LEVEL", "MUST")
    start, end = text.index("    mends:"), text.index("    what: &text")
    (tmp_path / "own.yaml").write_text(text[:start] + text[end:])
    done = run("fix", "--world", "demo", "--profile", "own.yaml")
    assert done.returncode == 1
    assert done.stdout.splitlines() == [
        "# clusterproof: advice only: there is no change to make here.",
        "# Not mended, 2:",
        "# - bounded: Raise it",
        "# - lost: Ask the owner",
        "# More on each: clusterproof explain own/bounded --profile own.yaml",
    ]


ASYA = ("fix", "--world", "asya", "--profile", "asya", "--as")


@pytest.mark.parametrize("style", ["terraform", "cloudformation", "kubectl", "helm"])
def test_a_style_that_makes_a_part_says_how_much(run: Run, style: str) -> None:
    """In every style alike: so many of the changes, each kind of the others once, and the status is not 0."""
    done = run(*ASYA, style)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    found = re.fullmatch(
        rf"clusterproof: (\d+) of (\d+) changes can be made with {style}: (they|the others) are (.+); use --as aws-cli",
        line,
    )
    assert found is not None, line
    assert int(found[1]) < int(found[2])
    assert (found[3] == "they") == (found[1] == "0")
    kinds = re.split(r", | and ", found[4])
    names = [kind.removeprefix("changes of ") for kind in kinds]
    assert len(set(names)) == len(names)
    assert ("NetworkPolicies" in names) == (style != "kubectl")


def test_terraform_takes_the_file(run: Run, require: Require) -> None:
    """At its top level stand blocks only, so many as is said; Terraform's own parser reads it."""
    done = run(*ASYA, "terraform")
    text = done.stdout
    found = {key: value for key, value in hcl2.loads(text).items() if key != "__comments__"}
    assert set(found) == {"resource"}
    said = re.search(
        r"^# Terraform makes (\d+) of these (\d+) changes; the others stand below as comments\.$", text, re.MULTILINE
    )
    assert said is not None
    assert len(found["resource"]) == int(said[1])
    assert done.stderr.startswith(f"clusterproof: {said[1]} of {said[2]} changes can be made with terraform: ")
    assert '# in the aws_iam_role "asya-actor" set:\n#   assume_role_policy = jsonencode({' in text
    tool = shutil.which("terraform")
    require(tool, "terraform on the PATH")
    Path("fix.tf").write_text(text)
    told = subprocess.run([str(tool), "validate", "-json"], capture_output=True, text=True, check=False)
    problems = {item["summary"] for item in json.loads(told.stdout)["diagnostics"]}
    # Without terraform init there is no provider; an argument outside of a block is told before that.
    assert problems == {"Missing required provider"}
