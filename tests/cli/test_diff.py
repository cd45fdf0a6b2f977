"""``clusterproof diff`` as users run it."""

from __future__ import annotations

import json
import re
import shutil
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from clusterproof import api
from clusterproof.reports.schema import comparison
from clusterproof.snapshot import kinds
from tests.cli.conftest import Run
from tests.cli.ownprofile import own_profile
from tests.cli.test_live import bare, stub  # noqa: F401 - fixtures
from tests.sources.kubernetes_api.stub import Stub

SHAPE = jsonschema.Draft202012Validator(comparison())
WORLD = str(resources.files("clusterproof") / "worlds" / "demo")
WORKER = "dynamo/vllm-agg-vllmdecodeworker"


def unplaceable(worker: dict[str, Any]) -> None:
    """Makes a worker ask for a node that there is not."""
    worker["spec"]["template"]["spec"]["nodeSelector"] = {"no": "such"}


def pinned(tmp_path: Path) -> Path:
    """A rendered chart whose worker asks for a node that there is not, and a Service that changes nothing."""
    worker = api.load_world("demo").raw(kinds.DEPLOYMENTS, WORKER)
    assert worker is not None
    unplaceable(worker)
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": "dynamo"}, "spec": {}}
    path = tmp_path / "r.yaml"
    path.write_text(yaml.safe_dump_all([service, worker]))
    return path


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """The demo's files, with DNS over UDP closed on the system nodes and one Deployment scaled."""
    with resources.as_file(resources.files("clusterproof") / "worlds" / "demo") as world:
        shutil.copytree(world, tmp_path / "dump")
    path = tmp_path / "dump" / "aws" / "security-groups.json"
    data = json.loads(path.read_text("utf-8"))
    for group in data["SecurityGroups"]:
        if group["GroupName"] == "system-nodes":
            group["IpPermissions"] = [
                p for p in group["IpPermissions"] if (p.get("FromPort"), p["IpProtocol"]) != (53, "udp")
            ]
    path.write_text(json.dumps(data), "utf-8")
    path = tmp_path / "dump" / "kubernetes" / "deployments.json"
    data = json.loads(path.read_text("utf-8"))
    data["items"][0]["spec"]["replicas"] = 9
    path.write_text(json.dumps(data), "utf-8")
    return tmp_path / "dump"


def test_what_got_worse_and_by_which_object(run: Run, dump: Path) -> None:
    """The verdict, the broken pairs, the security group with the rules that went, and status 1."""
    assert dump.exists()
    done = run("diff", "--world", "demo", "dump", "--profile", "dynamo")
    flat = " ".join(done.stdout.split())
    assert (done.returncode, done.stderr) == (1, "")
    assert "WORSE dns-from-workers pass → DEPENDS: coredns:53: works from system, blocked from customer and gpu" in flat
    assert "by security-groups sg-0c4ae214081df6162: inbound udp 53 from sg-07ef81f28f37418bc removed" in flat
    assert "broken customer to system and gpu to system" in flat
    assert "2 objects differ deployments 1 changed security-groups 1 changed" in flat
    assert max(map(len, done.stdout.splitlines())) < 81
    verbose = " ".join(run("diff", "--world", "demo", "dump", "--profile", "dynamo", "-v").stdout.split())
    assert re.search(r"deployments 1 changed \S+ spec\.replicas \d+ → 9 ", verbose)


def test_json_and_markdown(run: Run, dump: Path) -> None:
    """The same for tools and for a pull request."""
    assert dump.exists()
    done = run("diff", "--world", "demo", "dump", "--profile", "dynamo", "-o", "json", "-o", "markdown=d.md")
    data = json.loads(done.stdout)
    assert (data["schema"], data["exit_status"], data["profile"]) == ("clusterproof.diff/1", 1, "dynamo")
    assert data["verdicts"][0]["causes"][0]["changes"][0]["kind"] == "security-groups"
    assert not list(SHAPE.iter_errors(data))
    assert (dump.parent / "d.md").read_text("utf-8").startswith("# world demo → dump\n")


def test_reports_are_compared_by_their_verdicts(run: Run, dump: Path) -> None:
    """Two reports, or a report and a snapshot, need no profile: the report says it."""
    assert dump.exists()
    run("check", "--world", "demo", "--profile", "dynamo", "-o", "json=old.json")
    run("check", "dump", "--profile", "dynamo", "-o", "json=new.json")
    assert run("diff", "old.json", "old.json").returncode == 0
    both = run("diff", "old.json", "new.json", "-o", "json")
    mixed = run("diff", "old.json", "dump", "-o", "json")
    assert both.returncode == mixed.returncode == 1
    names = [[v["id"] for v in json.loads(done.stdout)["verdicts"]] for done in (both, mixed)]
    assert names == [["dynamo/dns-from-workers", "dynamo/dns-tcp-from-workers"]] * 2
    assert json.loads(both.stdout)["objects"] == []
    assert not [error for done in (both, mixed) for error in SHAPE.iter_errors(json.loads(done.stdout))]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("verdicts", 0, "new"), "ok"),
        (("verdicts", 0, "causes", 0, "changes", 0, "key"), 1),
        (("objects", 0, "fields"), None),
        (("exit_status",), "1"),
        (("old", "name"), None),
    ],
)
def test_the_schema_refuses_what_is_no_comparison(run: Run, dump: Path, path: tuple[Any, ...], value: object) -> None:
    """A wrong type deep inside, or any member of any object that is missing: the schema does not accept everything."""
    assert dump.exists()
    data = json.loads(run("diff", "--world", "demo", "dump", "--profile", "dynamo", "-o", "json").stdout)
    *steps, last = path
    inner = data
    for step in steps:
        inner = inner[step]
    kept, inner[last] = inner[last], value
    assert list(SHAPE.iter_errors(data))
    inner[last] = kept
    assert not list(SHAPE.iter_errors(data))
    del inner[last]
    assert list(SHAPE.iter_errors(data))


def test_what_installing_would_change(run: Run, tmp_path: Path) -> None:
    """One source and --with: the manifests' own objects are the causes."""
    pinned(tmp_path)
    done = run("diff", "--world", "demo", "--with", "r.yaml", "--profile", "dynamo")
    flat = " ".join(done.stdout.split())
    assert done.returncode == 1
    assert "new world demo with r.yaml" in flat
    assert re.search(r"WORSE dynamo-worker-can-be-scheduled pass → FAIL", flat)
    assert f"by deployments {WORKER}: spec.template.spec.nodeSelector" in flat
    assert "services 1 added" in flat


def test_configuration_makes_no_difference(run: Run, tmp_path: Path) -> None:
    """Its manifests are put on neither side, its profile not on two reports of another, its names on both sides."""
    pinned(tmp_path)
    run("check", "--world", "demo", "--profile", "dynamo", "-o", "json=r.json")
    (tmp_path / "clusterproof.yaml").write_text(
        "profile: dynamo\nwith: [r.yaml]\nparameters: {dynamo.version: 1.1.0}\n"
    )
    same = run("diff", "--world", "demo", WORLD)
    assert (same.returncode, "No verdict changed" in same.stdout) == (0, True), same
    (tmp_path / "clusterproof.yaml").write_text("profile: other.yaml\nparameters: {no.such: x}\n")
    assert run("diff", "r.json", "r.json").returncode == 0


# --- OLD alone: the live cluster ---


def test_old_alone_is_compared_with_the_live_cluster(run: Run, tmp_path: Path, stub: Stub) -> None:  # noqa: F811 - the fixture
    """Nothing changed is status 0; then a worker that no node takes is worse, by the Deployment that changed."""
    profile = own_profile(tmp_path)
    assert run("snapshot", "-o", "old.snapshot", "--no-aws", "-q").returncode == 0
    same = run("diff", "old.snapshot", "--no-aws", "--profile", profile)
    assert same.returncode == 0, same
    assert "No verdict changed." in same.stdout
    assert "clusterproof: cluster: context demo, https://127.0.0.1:" in same.stderr
    stub.change("apps/v1", "deployments", WORKER, unplaceable)
    done = run("diff", "old.snapshot", "--no-aws", "--profile", profile, "-q")
    flat = " ".join(done.stdout.split())
    assert (done.returncode, done.stderr) == (1, "")
    assert "new the live cluster" in flat
    assert "WORSE free-of-labels pass → FAIL" in flat
    assert f"by deployments {WORKER}: spec.template.spec.nodeSelector" in flat
    assert "1 object differs" in flat


def test_report_is_compared_with_the_live_cluster(run: Run, stub: Stub) -> None:  # noqa: F811 - the same
    """The report says the profile, and only what that needs is read; objects are not compared."""
    run("check", "--profile", "dynamo", "--no-aws", "-o", "json=last.json", "-q")
    stub.clear()
    done = run("diff", "last.json", "--no-aws", "-o", "json")
    data = json.loads(done.stdout)
    assert (done.returncode, data["verdicts"], data["objects"]) == (0, [], [])
    assert (data["old"]["name"], data["new"]["name"]) == ("last.json", "the live cluster")
    assert not list(SHAPE.iter_errors(data))


def test_what_installing_would_change_live(run: Run, tmp_path: Path, stub: Stub) -> None:  # noqa: F811 - the same
    """With an option of live reading, --with is put on the live cluster instead of on OLD."""
    pinned(tmp_path)
    profile = own_profile(tmp_path)
    run("snapshot", "-o", "old.snapshot", "--no-aws", "-q")
    stub.clear()
    offline = run("diff", "old.snapshot", "--with", "r.yaml", "--profile", profile, "-q")
    assert (offline.returncode, stub.requests) == (1, [])
    assert "new old.snapshot with r.yaml" in " ".join(offline.stdout.split())
    done = run("diff", "old.snapshot", "--with", "r.yaml", "--profile", profile, "--no-aws", "-q")
    assert done.returncode == 1
    assert "new the live cluster with r.yaml" in " ".join(done.stdout.split())
    assert stub.requests


def test_inputs_of_the_configuration_are_new(run: Run, tmp_path: Path, stub: Stub) -> None:  # noqa: F811 - the same
    """What check would read is NEW: the configuration's inputs, unless an option of live reading is typed."""
    (tmp_path / "clusterproof.yaml").write_text(f"profile: dynamo\ninputs: [{WORLD}]\n")
    done = run("diff", "--world", "demo", "-o", "json")
    assert (done.returncode, json.loads(done.stdout)["new"]["name"], stub.requests) == (0, WORLD, [])
    typed = run("diff", "--world", "demo", "-o", "json", "--no-aws")
    assert json.loads(typed.stdout)["new"]["name"] == "the live cluster"
    assert typed.returncode == 3  # what AWS told then is unknown now


@pytest.mark.usefixtures("bare")
def test_no_live_cluster_is_one_sentence(run: Run) -> None:
    """Neither kubeconfig nor credentials: status 4, nothing compared."""
    done = run("diff", "--world", "demo", "--profile", "dynamo")
    assert (done.returncode, done.stdout) == (4, "")
    assert "nothing could be read: no kubeconfig was found" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no sources are named; write: clusterproof diff OLD NEW"),
        (["--world", "demo"], "two snapshots are compared by a profile; name one: --profile dynamo"),
        (["--world", "demo", "dump", "--profile", "dynamo", "--context", "x"], "both NEW and --context are given"),
        (["--world", "demo", "--with", "-", "-", "--profile", "dynamo"], "standard input can be one of OLD, NEW"),
        (["-", "--with", "r.yaml", "--profile", "dynamo"], "standard input can be one of OLD, NEW"),
        (["a", "b", "c"], "3 sources are named"),
        (["--world", "demo", "r.json", "--with", "r.yaml"], "r.json is a report; --with needs a snapshot"),
        (["--world", "demo", "dump"], "two snapshots are compared by a profile; name one: --profile dynamo"),
        (["nowhere", "dump", "--profile", "dynamo"], "nowhere"),
    ],
)
def test_bad_use_is_a_sentence(run: Run, dump: Path, arguments: list[str], says: str) -> None:
    """What is missing and how to write it."""
    run("check", "--world", "demo", "--profile", "dynamo", "-o", "json=r.json")
    pinned(dump.parent)
    done = run("diff", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr
