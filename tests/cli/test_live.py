"""Live reading by the command line, where a real AWS API is not needed: the whole is in tests/e2e/test_live.py."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clusterproof.snapshot import kinds
from tests.cli.conftest import Run
from tests.cli.ownprofile import own_profile
from tests.sources.kubernetes_api.stub import Stub

DEMO = ("--profile", "dynamo")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without kubeconfig and AWS credentials."""
    for name in ("KUBECONFIG", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    return tmp_path


@pytest.fixture
def stub(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stub]:
    """The demo's Kubernetes API, which the kubeconfig leads to; there are no AWS credentials."""
    with Stub("demo").serve() as served:
        monkeypatch.setenv("KUBECONFIG", served.kubeconfig(bare))
        yield served


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    "command", [["check", *DEMO], ["connections"], ["place", "worker"], ["fix", *DEMO], ["snapshot", "-o", "x"]]
)
def test_nothing_to_talk_to_is_one_sentence(run: Run, command: list[str]) -> None:
    """Neither kubeconfig nor credentials: what is missing, what to do, status 4, and no file."""
    done = run(*command)
    assert (done.returncode, done.stdout) == (4, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("clusterproof: nothing could be read: no kubeconfig was found")
    assert "no AWS region is known" in last
    assert "clusterproof demo" in last
    assert not Path("x").exists()


@pytest.mark.usefixtures("bare")
def test_no_credentials_is_told_where_a_region_is_known(run: Run) -> None:
    """With a region but no credentials, the sentence names the credentials."""
    done = run("check", *DEMO, "--region", "us-west-2")
    assert done.returncode == 4
    assert "no AWS credentials were found" in done.stderr.splitlines()[-1]


@pytest.mark.usefixtures("stub")
def test_without_credentials_the_cluster_is_judged(run: Run) -> None:
    """What AWS would tell is unknown with its cause; who asks is said first."""
    done = run("check", *DEMO)
    assert done.returncode == 3
    said = done.stderr.splitlines()
    assert said[0].startswith("clusterproof: cluster: context demo, https://127.0.0.1:")
    assert said[1].startswith("clusterproof: AWS: ")
    assert "no AWS credentials were found" in said[1]
    assert "UNKNOWN  etcd-from-gpu-nodes" in done.stdout
    assert "FAIL" not in done.stdout


def test_aws_can_be_left_out(run: Run, stub: Stub) -> None:
    """With --no-aws no credentials are looked for; the kinds are not collected."""
    done = run("check", *DEMO, "--no-aws")
    assert done.returncode == 3
    assert "clusterproof: AWS: not read: left out by --no-aws" in done.stderr
    stub.fault(".*", "401")
    refused = run("check", *DEMO, "--no-aws")
    assert (refused.returncode, refused.stdout) == (4, "")
    assert "401" in refused.stderr


def test_what_may_not_be_read_is_said_first(run: Run, stub: Stub) -> None:
    """One line for all kinds that are refused, with the right to grant or who prints them; -q says nothing."""
    stub.grant("nodes", "pods", "namespaces")
    done = run("check", *DEMO, "--no-aws")
    (said,) = [line for line in done.stderr.splitlines() if "may not list" in line]
    assert re.fullmatch(
        r"clusterproof: cluster: may not list \d+ kinds everywhere: \w+, \w+, \w+ and \d+ more; see clusterproof permissions",
        said,
    )
    assert "could not be read" not in done.stderr, "what was refused before is not told again"
    every = [f"{kind.resource}.{kind.group}".rstrip(".") for kind in kinds.ALL if kind.origin == "kubernetes"]
    stub.grant("secrets", *(name for name in every if name != "services"))
    done = run("check", *DEMO, "--no-aws")
    assert "clusterproof: cluster: may not list services everywhere; grant list services" in done.stderr.splitlines()
    assert "may not list pods everywhere" not in done.stderr
    assert run("check", *DEMO, "--no-aws", "-q").stderr == ""


def test_impersonation_and_context_reach_the_server(run: Run, stub: Stub) -> None:
    """--as and --as-group are sent; for fix, where --as is the style, --as-user is."""
    run("connections", "--no-aws", "--as", "carol", "--as-group", "sre", "-q")
    assert {request.headers.get("impersonate-user") for request in stub.requests} == {"carol"}
    assert {request.headers.get("impersonate-group") for request in stub.requests} == {"sre"}
    stub.clear()
    run("fix", *DEMO, "--no-aws", "--as-user", "dave", "--as", "terraform", "-q")
    assert {request.headers.get("impersonate-user") for request in stub.requests} == {"dave"}


@pytest.mark.usefixtures("stub")
@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["check", *DEMO, "--context", "nope"], 4, "there is no context nope; it has demo"),
        (["check", *DEMO, "--kubeconfig", "nope"], 4, "there is no such kubeconfig file"),
        (["check", "x.snapshot", *DEMO, "--context", "demo"], 2, "both SRC and --context are given"),
        (["check", "--world", "demo", *DEMO, "--region", "x"], 2, "both --world and --region are given"),
        (["check", *DEMO, "--region", "Oregon"], 2, "a region is written like us-west-2"),
        (["check", *DEMO, "--region", "us-west-2", "--aws-profile", "nope"], 2, "there is no such AWS profile"),
        (["check", *DEMO, "--timeout", "0"], 2, "--timeout"),
        (["check", "--profile", "nope"], 2, "there is no profile nope"),
    ],
)
def test_wrong_options_are_one_sentence(run: Run, arguments: list[str], status: int, says: str) -> None:
    """What was named wrongly is said, without a traceback and without a report."""
    done = run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_waivers_are_judged_by_the_day_of_reading_or_as_of(run: Run, stub: Stub, tmp_path: Path) -> None:
    """Live, a waiver holds until its day: today's, which the snapshot has, or that of --as-of."""
    stub.change("apps/v1", "deployments", "dynamo/vllm-agg-frontend", _without_a_node)
    today = dt.datetime.now(dt.UTC).date()
    config = tmp_path / "clusterproof.yaml"
    for expires, arguments, status in (
        (today - dt.timedelta(2), (), 1),
        (today - dt.timedelta(2), ("--as-of", str(today - dt.timedelta(2))), 0),
        (today + dt.timedelta(2), (), 0),
        (today + dt.timedelta(2), ("--as-of", str(today + dt.timedelta(3))), 1),
    ):
        config.write_text(
            f"profile: {own_profile(tmp_path)}\nwaivers:\n"
            f"  - {{id: own/free-of-labels, reason: moves soon, owner: team, expires: {expires}}}\n"
        )
        done = run("check", "--no-aws", "-q", "-o", "json", *arguments)
        report = json.loads(done.stdout)
        assert (done.returncode, report["exit_status"]) == (status, status), done
        assert report["as_of"] == (arguments[1] if arguments else report["cluster"]["read_at"][:10])
    wrong = run("check", "--no-aws", "-q", "--as-of", "soon")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "'soon' is no date" in wrong.stderr


def _without_a_node(deployment: dict[str, Any]) -> None:
    deployment["spec"]["template"]["spec"]["nodeSelector"] = {"no": "such"}


def test_live_snapshot_is_a_snapshot(run: Run, stub: Stub) -> None:
    """What `snapshot -o` wrote live is read like any other; it knows its time and where it is from."""
    assert run("snapshot", "-o", "x.snapshot", "--no-aws", "-q").returncode == 0
    count = len(stub.requests)
    done = run("check", "x.snapshot", *DEMO, "-o", "json")
    assert done.returncode == 3
    assert '"context demo"' in done.stdout
    assert len(stub.requests) == count
