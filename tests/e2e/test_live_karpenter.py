"""A cluster of Karpenter read live: the instance types that only its NodePools name are described, as in a dump."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

import clusterproof
from clusterproof.checks.finding import Report
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.live import LiveOptions
from clusterproof.verdict.algebra import Verdict
from tests.e2e.dump import dump
from tests.e2e.moto_account import environment
from tests.e2e.served import Served, served_demo
from tests.sources.aws_api.motoserver import REGION
from tests.world.pools import CATEGORY, FAMILY, TYPE, req

pytestmark = pytest.mark.slow

Raw = dict[str, Any]
PROFILE, CLUSTER, WORKERS = "dynamo", "demo-gpu", "dynamo-worker-can-be-scheduled"
POOLS = {
    "by-type": (f"{TYPE} In g6.12xlarge",),
    "by-family": (f"{FAMILY} In g6e",),
    "by-category": (f"{CATEGORY} In p",),
}
"""NodePools at zero nodes; no node group and no node has a type that one of them may choose."""


def objects(served: Served) -> dict[Kind[Any], list[Raw]]:
    """Karpenter's definitions, the pools, and a node class with the network of the demo's node groups."""
    nodes = json.loads((served.home / "files" / "aws" / "instances.json").read_text())["Reservations"]
    instance = nodes[0]["Instances"][0]
    status = {
        "subnets": [{"id": instance["SubnetId"], "zone": instance["Placement"]["AvailabilityZone"]}],
        "securityGroups": [{"id": group["GroupId"]} for group in instance["SecurityGroups"]],
    }
    ref = {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"}
    pools = [
        {
            "metadata": {"name": name},
            "spec": {"template": {"spec": {"nodeClassRef": ref, "requirements": [req(text) for text in texts]}}},
        }
        for name, texts in POOLS.items()
    ]
    found: dict[Kind[Any], list[Raw]] = {
        kinds.NODE_POOLS: pools,
        kinds.EC2_NODE_CLASSES: [{"metadata": {"name": "default"}, "spec": {}, "status": status}],
    }
    found[kinds.CRDS] = [
        {
            "metadata": {"name": f"{kind.resource}.{kind.group}"},
            "spec": {
                "group": kind.group,
                "scope": "Cluster",
                "names": {"plural": kind.resource, "kind": kind.wire},
                "versions": [{"name": "v1", "served": True, "storage": True}],
            },
        }
        for kind in list(found)
    ]
    return found


def add(served: Served, found: dict[Kind[Any], list[Raw]]) -> None:
    """Puts objects into the served cluster and into its files alike."""
    for kind, raws in found.items():
        version = "apiextensions.k8s.io/v1" if kind is kinds.CRDS else f"{kind.group}/v1"
        if kind is not kinds.CRDS:
            served.stub.serve_group(version, kind.resource)
        served.stub.add(f"{kind.resource}.{kind.group}", *raws)
        path = served.home / "files" / "kubernetes" / f"karpenter-{kind.name}.json"
        items = [{"apiVersion": version, "kind": kind.wire, **raw} for raw in raws]
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))


def workers(report: Report) -> tuple[Verdict, str]:
    """Where the workers may be scheduled."""
    found = next(item for item in report.findings if item.name == WORKERS)
    return found.verdict, found.summary


def test_live_decides_what_the_files_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By type, by family or by category: each pool certainly takes the workers, and the findings are the files'."""
    with served_demo(tmp_path) as served:
        config = served.home / "aws-config"
        config.write_text("[default]\ncli_timestamp_format = iso8601\n")
        env = environment(served.url, REGION) | {"AWS_CONFIG_FILE": str(config), "TZ": "UTC"}
        dump(served.home / "files" / "aws", env, CLUSTER)
        add(served, objects(served))
        for name, value in served.env.items():
            if name.startswith("AWS_") or name in ("KUBECONFIG", "HOME", "NO_PROXY"):
                monkeypatch.setenv(name, value)
        snapshot = clusterproof.load_live(LiveOptions(), profile=PROFILE)
        live = clusterproof.check(snapshot, PROFILE, fixes=False)
        files = clusterproof.check(clusterproof.load([served.home / "files"]), PROFILE, fixes=False)
        assert {item.metadata.name for item in snapshot.objects(kinds.NODE_POOLS)} == set(POOLS)
        described = {item.instance_type for item in snapshot.objects(kinds.INSTANCE_TYPES)}
        assert {"g6.12xlarge", "g6e.xlarge", "p5.48xlarge"} <= described
        verdict, summary = workers(live)
        assert verdict is Verdict.PASS
        assert all(name in summary for name in POOLS), summary
        assert msgspec.json.encode(live.findings) == msgspec.json.encode(files.findings)
        assert sum(item.action == "ec2:DescribeInstanceTypes" for item in served.proxy.seen) > 0
