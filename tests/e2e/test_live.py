"""The demo's world served live, by a Kubernetes API and a moto server: as its files, and with the least rights."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import clusterproof
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.live import LiveOptions
from clusterproof.sources.permissions import iam, needed_kinds, rbac
from clusterproof.verdict.algebra import Verdict
from tests.e2e.dump import dump
from tests.e2e.moto_account import environment
from tests.e2e.served import Served, served_demo
from tests.e2e.test_moto_roundtrip import findings_of
from tests.sources.aws_api.faults import Proxy, refuse
from tests.sources.aws_api.motoserver import ACCOUNT, REGION
from tests.sources.kubernetes_api.stub import USER, Stub

pytestmark = pytest.mark.slow

PROFILE, CLUSTER = "dynamo", "demo-gpu"
NEEDED = needed_kinds(clusterproof.load_profile(PROFILE))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Made once; tests change only what may be read of it."""
    with served_demo(tmp_path_factory.mktemp("live")) as made:
        yield made


@pytest.fixture
def served(world: Served, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The world with all rights, and this process's environment set to it."""
    world.stub.clear()
    world.stub.grants = None
    world.proxy.reset()
    for name, value in world.env.items():
        if name.startswith("AWS_") or name in ("KUBECONFIG", "HOME", "NO_PROXY"):
            monkeypatch.setenv(name, value)
    yield world
    world.stub.grants = None
    world.proxy.reset()


def live(**options: Any) -> Snapshot:
    """The served world, read for the profile."""
    return clusterproof.load_live(LiveOptions(**options), profile=PROFILE)


def verdicts(snapshot: Snapshot) -> dict[str, Verdict]:
    """Verdict by requirement."""
    return {item.id: item.verdict for item in clusterproof.check(snapshot, PROFILE, fixes=False).findings}


def command(served: Served, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line as a user runs it."""
    return subprocess.run(
        [sys.executable, "-m", "clusterproof", *arguments],
        env=served.env,
        cwd=served.home,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_findings_are_byte_for_byte_those_of_the_files(served: Served) -> None:
    """Live, and from the files that kubectl and the AWS CLI print of the same world: the same findings JSON."""
    config = served.home / "aws-config"
    config.write_text("[default]\ncli_timestamp_format = iso8601\n")
    env = environment(served.url, REGION) | {"AWS_CONFIG_FILE": str(config), "TZ": "UTC"}
    dump(served.home / "files" / "aws", env, CLUSTER)
    files = clusterproof.check(clusterproof.load([served.home / "files"]), PROFILE)
    report = clusterproof.check(live(), PROFILE)
    assert msgspec.json.encode(report.findings) == msgspec.json.encode(files.findings)
    assert [item.verdict for item in report.findings].count(Verdict.FAIL) == 2


def test_findings_are_those_of_the_shipped_world(served: Served) -> None:
    """But for the ids that the server chose, what is read live says what the shipped world says."""
    there = clusterproof.check(live(), PROFILE)
    here = clusterproof.check(clusterproof.load_world("demo"), PROFILE)
    assert findings_of(there, served.ids) == findings_of(here, {})


def test_command_line_reads_live(served: Served) -> None:
    """Who asks is said first, on stderr; stdout holds the report alone; a second reading gives the same findings."""
    done = command(served, "check", "--profile", PROFILE, "-o", "json")
    assert done.returncode == 1, done.stderr
    first, second = done.stderr.splitlines()[:2]
    assert first == f"clusterproof: cluster: context demo, {served.stub.url}, as {USER}"
    assert second.startswith(f"clusterproof: AWS: account {ACCOUNT}, {REGION}, as arn:aws:")
    report = json.loads(done.stdout)
    assert report["findings"] == json.loads(msgspec.json.encode(clusterproof.check(live(), PROFILE).findings))
    assert report["cluster"]["name"] == CLUSTER
    assert report["cluster"]["read_at"].endswith("Z")
    assert report["cluster"]["sources"] == ["context demo", f"AWS account {ACCOUNT} in {REGION}"]


def test_other_commands_read_live(served: Served) -> None:
    """Why, connections, fix and snapshot read the live world where no SRC is named; the snapshot says the same later."""
    worker, etcd = "deploy/dynamo/vllm-agg-vllmdecodeworker", "svc/dynamo/dynamo-platform-etcd:2379"
    assert command(served, "why", worker, etcd, "-q").stdout.rstrip().endswith("may be scheduled: gpu.")
    assert command(served, "connections", "-o", "csv", "-q").stdout.startswith("client,client_group,")
    fixed = command(served, "fix", "--profile", PROFILE, "--as", "aws-cli", "-q")
    assert (fixed.returncode, fixed.stderr) == (0, "")
    assert fixed.stdout.count("aws ec2 authorize-security-group-ingress") == 4
    assert command(served, "snapshot", "-o", "x.snapshot", "-q").returncode == 0
    assert verdicts(clusterproof.load([served.home / "x.snapshot"])) == verdicts(live())


def test_proposed_commands_name_the_context(served: Served) -> None:
    """What the report proposes to run reads what was read."""
    done = command(served, "check", "--profile", PROFILE, "--context", "demo", "-q")
    assert "clusterproof fix --context demo --profile dynamo --as aws-cli" in " ".join(done.stdout.split())


# --- rights ---


def grants() -> set[str]:
    """What the printed ClusterRole lets be listed, as the stub takes it."""
    role = next(iter(yaml.safe_load_all(rbac(NEEDED))))
    return {
        f"{resource}.{group}" if group else resource
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    }


def actions() -> set[str]:
    """What the printed IAM policy allows."""
    return {action for item in json.loads(iam(NEEDED))["Statement"] for action in item["Action"]}


def allow(proxy: Proxy, allowed: set[str]) -> None:
    """From now on AWS refuses everything else, as it does: by code and by HTTP status."""
    proxy.faults["*"] = lambda handler, seen: (
        seen.action not in {*allowed, "sts:GetCallerIdentity"}
        and refuse("UnauthorizedOperation" if seen.service == "ec2" else "AccessDeniedException", 403)(handler, seen)
    )


def without(kind: Kind[Any], served: Served) -> None:
    """Takes one right away; all others stay."""
    served.stub.grants = {(right, "") for right in grants() - {kind.permission.removeprefix("list ")}}
    allow(served.proxy, actions() - {kind.permission})


def test_the_printed_rights_are_enough_and_all_used(served: Served) -> None:
    """With them everything is read; nothing else is asked for; each is used, where the world has what it is for."""
    served.stub.grant(*grants())
    allow(served.proxy, actions())
    snapshot = live()
    assert {kind.name for kind in NEEDED if snapshot.missing(kind)} == set()
    assert verdicts(snapshot) == verdicts(clusterproof.load_world("demo"))
    assert served.proxy.actions - {"sts:GetCallerIdentity"} <= actions()
    assert actions() - served.proxy.actions <= {
        "eks:DescribeFargateProfile",
        "ec2:GetManagedPrefixListEntries",
        "ec2:SearchTransitGatewayRoutes",
    }
    assert [request for request in served.stub.requests if request.status == 403] == []
    paths = {request.path.rpartition("/")[2] for request in served.stub.requests if request.method == "GET"}
    served_here = {name for names in served.stub.resources.values() for name in names}
    assert {right.partition(".")[0] for right in grants()} & served_here <= paths


def _matching() -> Iterator[Any]:
    """Each right once, with the kinds that it is for."""
    by_permission: dict[str, Kind[Any]] = {}
    for kind in NEEDED:
        by_permission.setdefault(kind.permission, kind)
    yield from (pytest.param(kind, id=permission) for permission, kind in by_permission.items())


DECIDES = {
    "nodes",
    "pods",
    "services",
    "deployments",
    "clusters",
    "nodegroups",
    "security-groups",
    "subnets",
    "route-tables",
    "network-acls",
}
"""Kinds without which some verdict of the demo is unknown.

Of the others it has nothing that decides: nothing there enforces NetworkPolicies, no Service is without a selector.
"""


@pytest.mark.parametrize("kind", list(_matching()))
def test_without_one_right_what_rests_on_it_is_unknown_and_names_it(served: Served, kind: Kind[Any]) -> None:
    """One rule less: the kind is denied and the right is named; a verdict changes only to unknown, never to pass."""
    full = verdicts(clusterproof.load_world("demo"))
    without(kind, served)
    snapshot = live()
    missing = snapshot.missing(kind)
    if missing is None:
        # The world has no such resource, and it was not asked for; or the same is told by tags of Auto Scaling groups.
        refused = [r for r in served.stub.requests if r.status == 403] if kind.origin == "kubernetes" else []
        assert refused == []
        assert kind.permission not in served.proxy.actions or kind is kinds.NODEGROUP_NAMES
        assert verdicts(snapshot) == full
        return
    assert missing.cause is Cause.DENIED
    assert kind.permission in missing.remedy
    report = clusterproof.check(snapshot, PROFILE, fixes=False)
    changed = [item for item in report.findings if item.verdict is not full[item.id]]
    assert {item.verdict for item in changed} <= {Verdict.UNKNOWN, Verdict.NOT_APPLICABLE, Verdict.DEPENDS}
    for item in changed:
        if item.verdict is Verdict.UNKNOWN:
            assert any(kind.permission in unknown.remedy for unknown in item.unknowns), item.unknowns
    assert kind.name not in DECIDES or any(item.verdict is Verdict.UNKNOWN for item in changed)


# --- one of the two ---


@pytest.mark.usefixtures("served")
def test_without_aws_credentials_the_cluster_is_still_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's kinds are unknown with the cause; what rests on the cluster alone keeps its verdict."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    snapshot = live()
    missing = snapshot.missing(kinds.SECURITY_GROUPS)
    assert missing is not None
    assert "no AWS credentials were found" in missing.detail
    assert snapshot.missing(kinds.PODS) is None
    assert Verdict.PASS not in {v for k, v in verdicts(snapshot).items() if "scheduled" not in k}


@pytest.mark.parametrize("leave", [lambda s: s.stub.fault(".*", "503"), lambda s: s.stub.fault(".*", "401")])
def test_without_the_cluster_the_account_is_still_read(served: Served, leave: Callable[[Served], object]) -> None:
    """The cluster's kinds are unknown with the cause; only what node groups alone decide passes."""
    leave(served)
    snapshot = live(timeout=5.0)
    assert snapshot.missing(kinds.SECURITY_GROUPS) is None
    assert snapshot.missing(kinds.PODS) is not None
    assert {name for name, verdict in verdicts(snapshot).items() if verdict is Verdict.PASS} <= {
        "dynamo/validator-can-be-scheduled"
    }


def test_another_account_is_refused(served: Served) -> None:
    """Nodes that are no instances of the account, and a kubeconfig of another account: one sentence, status 2."""
    config = json.loads(Path(served.env["KUBECONFIG"]).read_text())
    other = served.home / "other"
    for change, says in (
        (("111122223333", "999999999999"), "is of a cluster in account 999999999999"),
        (("cluster/demo-gpu", "cluster/prod"), "there is no EKS cluster prod"),
        (("us-west-2", "eu-west-1"), "is of a cluster in eu-west-1"),
    ):
        other.write_text(json.dumps(config).replace(*change))
        done = command(served, "check", "--profile", PROFILE, "--kubeconfig", str(other))
        assert done.returncode == 2
        assert done.stdout == ""
        assert says in done.stderr
        assert "Traceback" not in done.stderr


def test_nodes_of_another_cluster_are_refused(served: Served) -> None:
    """Where the kubeconfig says nothing of the account, the nodes do."""
    files = served.home / "elsewhere"
    files.mkdir()
    for path in (served.home / "files" / "kubernetes").iterdir():
        (files / path.name).write_text(re.sub(r"(aws:///[\w-]+/i-)", r"\g<1>0000", path.read_text()))
    with Stub(files).serve() as stub:
        text = json.dumps(stub.config()).replace("arn:aws:eks:us-west-2:111122223333:cluster/demo-gpu", "tunnel")
        (served.home / "tunnel").write_text(text)
        done = command(served, "check", "--profile", PROFILE, "--kubeconfig", str(served.home / "tunnel"))
    assert done.returncode == 2
    assert "is an instance of AWS cluster demo-gpu" in done.stderr


def test_interrupted_at_once_and_nothing_written(served: Served) -> None:
    """Ctrl-C while the API server is silent: status 130, and no file, whole or half."""
    served.stub.fault(r"/api/v1/pods", "hang")
    before = {path.name for path in served.home.iterdir()}
    process = subprocess.Popen(
        [sys.executable, "-m", "clusterproof", "snapshot", "-o", "cut.snapshot"],
        env={**os.environ, **served.env},
        cwd=served.home,
        stderr=subprocess.PIPE,
        text=True,
    )
    while "/api/v1/pods" not in served.stub.paths():
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert {path.name for path in served.home.iterdir()} == before
