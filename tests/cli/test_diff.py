"""``clusterproof diff`` as users run it."""

from __future__ import annotations

import json
import re
import shutil
from importlib import resources
from pathlib import Path

import pytest
import yaml

from clusterproof import api
from clusterproof.snapshot import kinds
from tests.cli.conftest import Run

WORKER = "dynamo/vllm-agg-vllmdecodeworker"


def pinned(tmp_path: Path) -> Path:
    """A rendered chart whose worker asks for a node that there is not, and a Service that changes nothing."""
    worker = api.load_world("demo").raw(kinds.DEPLOYMENTS, WORKER)
    assert worker is not None
    worker["spec"]["template"]["spec"]["nodeSelector"] = {"no": "such"}
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


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "no sources are named; write: clusterproof diff OLD NEW"),
        (["--world", "demo"], "only world demo is named"),
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
