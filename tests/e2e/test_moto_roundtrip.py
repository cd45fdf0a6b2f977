"""The demo's world on a real AWS API: made, dumped, judged, mended by the printed commands, dumped and judged again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import clusterproof
from clusterproof.checks.finding import Report
from clusterproof.snapshot import kinds
from clusterproof.snapshot.compare import differences
from clusterproof.snapshot.overlay import apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict
from tests.e2e.dump import dump
from tests.e2e.moto_account import Account, environment
from tests.sources.aws_api.motoserver import extended_moto

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
WORLDS = ROOT / "src" / "clusterproof" / "worlds"
PROFILE, CLUSTER, REGION = "dynamo", "demo-gpu", "us-west-2"


class Round(msgspec.Struct, frozen=True):
    """What one pass over the account gave.

    Attributes:
        before, after: directories of the dumps made before and after the printed commands were run.
        ids: id in the shipped world → id on the server.
        printed: the JSON report of the command line on ``before``.
        status: its exit status.
    """

    before: Path
    after: Path
    ids: dict[str, str]
    printed: dict[str, Any]
    status: int


def clusterproof_json(directory: Path) -> tuple[int, dict[str, Any]]:
    """``clusterproof check DIRECTORY --profile dynamo -o json`` as a user runs it."""
    command = [sys.executable, "-m", "clusterproof", "check", str(directory), "--profile", PROFILE, "-o", "json"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.stdout, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, report


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    """Makes the account, dumps it, checks it, runs what the report prints, and dumps it again."""
    home = tmp_path_factory.mktemp("moto")
    before, after = home / "before", home / "after"
    with extended_moto() as endpoint:
        account = Account(WORLDS / "demo", endpoint, REGION)
        account.make()
        env = environment(endpoint, REGION)
        for target in (before, after):
            account.kubernetes(target / "kubernetes")
        dump(before / "aws", env, CLUSTER)
        status, printed = clusterproof_json(before)
        script = "\n".join(["set -euo pipefail", *printed["plan"]["commands"]])
        done = subprocess.run(["bash", "-c", script], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        dump(after / "aws", env, CLUSTER)
        yield Round(before, after, account.ids, printed, status)


def security_group(around: Round, name: str) -> str:
    """The server's id of one of the world's security groups."""
    groups = clusterproof.load_world("demo").objects(kinds.SECURITY_GROUPS)
    return around.ids[next(group.group_id for group in groups if group.group_name == name)]


def snapshot_of(directory: Path) -> Snapshot:
    """The snapshot of one dump."""
    return clusterproof.load([directory])


def findings_of(report: Report, ids: dict[str, str]) -> list[dict[str, Any]]:
    """The findings as JSON, with the shipped world's ids in place of the server's.

    Rule ids are the server's own and left out. What is listed in the order of ids is put in an order of its own.
    """
    text = msgspec.json.encode(report.findings).decode()
    for shipped, made in ids.items():
        text = text.replace(made, shipped)
    found: list[dict[str, Any]] = json.loads(re.sub(r" ?\(?\bsgr-[0-9a-f]+\b\)?", "", text))
    for finding in found:
        fix = finding["fix"]
        if fix is not None:
            for member in ("changes", "opens", "commands"):
                fix[member] = sorted(fix[member], key=str)
            fix["overlay"]["edits"] = sorted(fix["overlay"]["edits"], key=str)
    return found


def dumped(name: str, home: Path) -> dict[str, str]:
    """Makes a world's account and dumps it below ``home``; gives the ids."""
    shipped = clusterproof.load_world(name)
    with extended_moto() as endpoint:
        account = Account(WORLDS / name, endpoint, shipped.meta.region)
        account.make()
        account.kubernetes(home / "kubernetes")
        dump(home / "aws", environment(endpoint, shipped.meta.region), shipped.meta.cluster)
    return account.ids


@pytest.mark.parametrize("name", ["custom-networking", "inference-at-zero"])
def test_other_worlds_give_the_same_findings(name: str, tmp_path: Path) -> None:
    """Custom networking and a group at zero are read from the API as from the shipped files."""
    ids = dumped(name, tmp_path)
    there = clusterproof.check(snapshot_of(tmp_path), PROFILE)
    here = clusterproof.check(clusterproof.load_world(name), PROFILE)
    assert findings_of(there, ids) == findings_of(here, {})


def test_demo_gives_the_same_findings(around: Round) -> None:
    """Verdicts, places, hops, evidence, odds and fixes are those of the shipped world."""
    there = clusterproof.check(snapshot_of(around.before), PROFILE)
    here = clusterproof.check(clusterproof.load_world("demo"), PROFILE)
    assert findings_of(there, around.ids) == findings_of(here, {})


def test_command_line_says_what_the_api_says(around: Round) -> None:
    """The JSON on stdout is the API's report, and the exit status says that something fails."""
    report = clusterproof.check(snapshot_of(around.before), PROFILE)
    assert around.status == report.exit_status == 1
    assert around.printed["findings"] == json.loads(msgspec.json.encode(report.findings))


def test_nothing_is_unknown_in_the_dump(around: Round) -> None:
    """The commands that the tool tells users to run leave no kind unread that the shipped world has."""
    snapshot, shipped = snapshot_of(around.before), clusterproof.load_world("demo")
    missing = {kind.name for kind in kinds.ALL if snapshot.missing(kind)}
    dumped = {kind.name for kind in kinds.ALL if kind.group == "elbv2"}  # asked for there, and in no shipped world
    assert missing == {kind.name for kind in kinds.ALL if shipped.missing(kind)} - dumped


def test_printed_commands_mend_everything(around: Round) -> None:
    """After the printed commands nothing fails, for the API and for the command line."""
    failing = [
        item.id for item in clusterproof.check(snapshot_of(around.before), PROFILE).findings if item.verdict.failing
    ]
    assert len(failing) >= 3
    report = clusterproof.check(snapshot_of(around.after), PROFILE)
    assert {item.verdict for item in report.findings} == {Verdict.PASS, Verdict.NOT_APPLICABLE}
    status, printed = clusterproof_json(around.after)
    assert status == 0
    assert printed["plan"] is None


def test_new_dump_is_what_was_predicted(around: Round) -> None:
    """The account after the commands is the snapshot that apply predicted, but for the new rules' own records."""
    before, after = snapshot_of(around.before), snapshot_of(around.after)
    plan = clusterproof.check(before, PROFILE).plan
    assert plan is not None
    predicted = apply(before, plan.overlay)
    found = differences(predicted, after)
    assert [item for item in found if item.kind != kinds.SECURITY_GROUP_RULES.name] == []
    # EC2 gives each new rule a record of its own; a prediction cannot know its id, and holds the rule in its group.
    new = [item.new for item in found]
    assert all(item.old is None for item in found)
    assert len(new) == len(around.printed["plan"]["changes"])
    system = security_group(around, "system-nodes")
    assert {(rule["GroupId"], rule["FromPort"], rule["IsEgress"]) for rule in new} == {
        (system, port, False) for port in (2379, 4222, 9090)
    }


def test_the_commands_change_something(around: Round) -> None:
    """Without the prediction the two dumps differ in the security group that was mended, and only there."""
    found = differences(snapshot_of(around.before), snapshot_of(around.after))
    groups = {item.key for item in found if item.kind == kinds.SECURITY_GROUPS.name}
    assert groups == {security_group(around, "system-nodes")}
    assert {item.kind for item in found} == {kinds.SECURITY_GROUPS.name, kinds.SECURITY_GROUP_RULES.name}
