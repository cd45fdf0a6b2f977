"""``--with`` as users run it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

DEMO = ("--world", "demo", "--profile", "dynamo")
SERVICE = """\
apiVersion: v1
kind: Service
metadata: {name: etcd-two}
spec:
  selector: {app.kubernetes.io/name: etcd, app.kubernetes.io/instance: dynamo-platform}
  ports: [{name: peer, port: 2380}]
---
apiVersion: nvidia.com/v1alpha1
kind: DynamoGraphDeployment
metadata: {name: llm, namespace: dynamo}
"""


def test_report_says_what_was_judged_as_if_applied(run: Run, tmp_path: Path) -> None:
    """Terminal, Markdown and JSON say so; stderr says what has no effect; the proposed fix repeats it."""
    (tmp_path / "rendered.yaml").write_text(SERVICE)
    done = run("check", *DEMO, "--with", "rendered.yaml", "--namespace", "dynamo", "-o", "table", "-o", "markdown=r.md")
    assert done.returncode == 1
    assert "  as if 2 objects of rendered.yaml were applied\n" in done.stdout
    assert "no rule reads, so without effect here: 1 DynamoGraphDeployment" in done.stderr
    assert "--with rendered.yaml" in done.stdout
    assert "**as if 2 objects of rendered.yaml were applied**" in (tmp_path / "r.md").read_text("utf-8")
    data = json.loads(run("check", *DEMO, "--with", "rendered.yaml", "-o", "json").stdout)
    assert data["cluster"]["overlays"] == ["2 objects of rendered.yaml"]


WORKER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: vllm-agg-vllmdecodeworker, namespace: dynamo}
spec:
  selector: {matchLabels: {app: worker}}
  template:
    metadata: {labels: {app: worker, nvidia.com/dynamo-component-type: worker}}
    spec:
      tolerations: [{operator: Exists}]
      containers: [{name: main, image: x, resources: {requests: {cpu: 1}, limits: {nvidia.com/gpu: GPUS}}}]
"""


@pytest.mark.parametrize(("gpus", "verdict"), [("1", "pass"), ("64", "fail")])
def test_limits_of_a_template_count_as_its_requests(run: Run, tmp_path: Path, gpus: str, verdict: str) -> None:
    """A chart that asks for GPUs by limits alone, as charts do: more than any node has cannot be scheduled."""
    (tmp_path / "rendered.yaml").write_text(WORKER.replace("GPUS", gpus))
    data = json.loads(run("check", *DEMO, "--with", "rendered.yaml", "-o", "json").stdout)
    found = {finding["id"]: finding for finding in data["findings"]}["dynamo/dynamo-worker-can-be-scheduled"]
    assert found["verdict"] == verdict
    assert ("3 Insufficient nvidia.com/gpu" in found["summary"]) is (verdict == "fail")


def test_helm_template_can_be_piped_in(run: Run, tmp_path: Path) -> None:
    """``--with -`` reads standard input; it cannot be the source as well."""
    (tmp_path / "rendered.yaml").write_text(SERVICE)
    piped = run("check", *DEMO, "--with", "-", "-o", "json", stdin=SERVICE)
    named = run("check", *DEMO, "--with", "rendered.yaml", "-o", "json")
    assert json.loads(piped.stdout)["findings"] == json.loads(named.stdout)["findings"]
    assert "1 object names no namespace: taken as default" in piped.stderr
    assert "both SRC and --with" in run("check", "-", "--profile", "dynamo", "--with", "-", stdin=SERVICE).stderr


@pytest.mark.parametrize("command", ["why", "fix", "connections"])
def test_other_commands_take_it_too(run: Run, tmp_path: Path, command: str) -> None:
    """A Service that is not there yet can be asked about."""
    (tmp_path / "rendered.yaml").write_text(SERVICE)
    given = ("--with", "rendered.yaml", "--namespace", "dynamo", "--world", "demo")
    arguments = {
        "why": ("why", "deploy/dynamo/vllm-agg-vllmdecodeworker", "svc/dynamo/etcd-two:2380", *given),
        "fix": ("fix", *given, "--profile", "dynamo"),
        "connections": ("connections", *given, "-o", "csv"),
    }[command]
    done = run(*arguments)
    assert done.returncode in (0, 1)
    assert "etcd-two" in done.stdout or command == "fix"


def test_bad_manifest_is_a_sentence(run: Run, tmp_path: Path) -> None:
    """File, document, line; nothing is written."""
    (tmp_path / "bad.yaml").write_text(SERVICE + "---\nkind: [\n")
    done = run("check", *DEMO, "--with", "bad.yaml", "-o", "json=out.json")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("clusterproof: bad.yaml (document 3): line ")
    assert not (tmp_path / "out.json").exists()
