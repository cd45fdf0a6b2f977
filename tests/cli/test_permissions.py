"""The least rights as text: what is printed can be applied as it is."""

from __future__ import annotations

import json

import yaml

from clusterproof.api import load_profile
from clusterproof.sources.permissions import needed_kinds
from tests.cli.conftest import Run


def test_rbac_is_a_role_and_its_binding(run: Run) -> None:
    """Two documents; every rule only lists; the group can be named; logs are asked for only on demand."""
    done = run("permissions", "--profile", "dynamo", "-o", "rbac", "--group", "sre")
    assert (done.returncode, done.stderr) == (0, "")
    role, binding = yaml.safe_load_all(done.stdout)
    assert {verb for rule in role["rules"] for verb in rule["verbs"]} == {"list"}
    assert binding["subjects"][0]["name"] == "sre"
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    with_logs = next(iter(yaml.safe_load_all(run("permissions", "--logs", "-o", "rbac").stdout)))
    assert next(rule for rule in with_logs["rules"] if rule["resources"] == ["pods/log"])["verbs"] == ["get"]


def test_iam_is_a_policy_that_only_reads(run: Run) -> None:
    """The policy holds the actions of each kind of AWS that the profile rests on; without a profile, of each there is."""
    for named, needed in ((("--profile", "dynamo"), needed_kinds(load_profile("dynamo"))), ((), needed_kinds())):
        policy = json.loads(run("permissions", *named, "-o", "iam").stdout)
        actions = {action for statement in policy["Statement"] for action in statement["Action"]}
        assert actions == {right for kind in needed if kind.origin == "aws" for right in (kind.permission, *kind.also)}
        assert ("eks:DescribeAddon" in actions) is not bool(named)
        assert all(action.partition(":")[2].startswith(("Describe", "List", "Get", "Search")) for action in actions)


def test_table_says_what_each_right_is_for(run: Run) -> None:
    """Every right stands in the table, within 80 columns, with what is unknown without it."""
    done = run("permissions", "--profile", "dynamo")
    assert all(f"  {kind.permission}" in done.stdout for kind in needed_kinds(load_profile("dynamo")))
    everything = run("permissions").stdout
    assert all(f"  {right}" in everything for kind in needed_kinds() for right in (kind.permission, *kind.also))
    assert "every path is unknown at the policy hop" in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 80


def test_several_formats_go_to_files(run: Run) -> None:
    """As everywhere, -o FORMAT=FILE is repeatable; an unknown profile is one sentence."""
    done = run("permissions", "-o", "rbac=role.yaml", "-o", "iam=policy.json")
    assert done.stderr == "clusterproof: wrote role.yaml\nclusterproof: wrote policy.json\n"
    bad = run("permissions", "--profile", "dynamoo")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert "did you mean dynamo" in bad.stderr
