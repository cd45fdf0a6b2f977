"""What is not known changes nothing where everything that is known is refused."""

from __future__ import annotations

import pytest

import clusterproof
from clusterproof.checks.finding import Finding
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import Overlay, Put, apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict


def finding(without: str, name: str = "etcd-from-gpu-nodes") -> Finding:
    """A finding of the demo, where one kind was not read."""
    snapshot = clusterproof.load_world("demo")
    tables = {kind: table for kind, table in snapshot.tables.items() if kind != without}
    report = clusterproof.check(Snapshot(snapshot.meta, tables), "dynamo", fixes=False)
    return next(item for item in report.findings if item.name == name)


@pytest.mark.parametrize("kind", ["persistentvolumeclaims", "persistentvolumes"])
def test_a_doubtful_place_that_is_refused_is_refused(kind: str) -> None:
    """Where etcd's volume may be is not known, but it is refused everywhere: fail, and not unknown."""
    found = finding(kind)
    assert found.verdict is Verdict.FAIL
    assert found.matrix is not None
    assert [str(cell.outcome) for cell in found.matrix.cells] == ["blocked"]


def test_a_refused_port_decides_whatever_the_service_says() -> None:
    """Without the Services the name is not known, but the pods' own port is refused: fail."""
    assert finding("services").verdict is Verdict.FAIL


def test_what_works_by_address_is_unknown_by_name_without_services() -> None:
    """The same gap never lets a requirement by name pass."""
    assert finding("services", "dns-from-workers").verdict is Verdict.UNKNOWN


def test_why_names_what_is_missing() -> None:
    """The answer says what was not read and how to read it, not that something was not read."""
    snapshot = clusterproof.load_world("demo")
    tables = {kind: table for kind, table in snapshot.tables.items() if kind != "persistentvolumeclaims"}
    answer = clusterproof.why(
        Snapshot(snapshot.meta, tables),
        "deploy/dynamo/vllm-agg-frontend",
        "svc/dynamo/dynamo-platform-etcd:2379",
    )
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.sentence.startswith("Not known: persistentvolumeclaims not collected. To know it, run: kubectl get")


def test_a_pod_without_cluster_dns_is_told_apart() -> None:
    """CoreDNS itself resolves no Service names, but reaches Prometheus by address: the sentence says both."""
    answer = clusterproof.why(
        clusterproof.load_world("demo"),
        "deploy/kube-system/coredns",
        "svc/monitoring/kube-prometheus-prometheus:9090",
    )
    assert answer.verdict is Verdict.FAIL
    assert answer.sentence.startswith("Not by name: dnsPolicy Default")
    assert "By address deploy/kube-system/coredns reaches" in answer.sentence


def test_a_port_that_the_service_does_not_publish_is_not_passed() -> None:
    """Was unknown: a Service stands before the pods and publishes another port, so by name nobody gets there: fail."""
    snapshot = clusterproof.load_world("demo")
    raw = snapshot.raw(kinds.SERVICES, "kube-system/kube-dns")
    assert raw is not None
    for port in raw["spec"]["ports"]:
        port["port"] += 1000
    report = clusterproof.check(apply(snapshot, Overlay((Put("services", raw),))), "dynamo", fixes=False)
    found = next(item for item in report.findings if item.name == "dns-tcp-from-workers")
    assert found.verdict is Verdict.FAIL
    assert "Service kube-system/kube-dns does not publish 53/TCP" in found.summary


def test_a_node_set_holds_what_any_way_finds() -> None:
    """A group of an instance type that no pattern knows belongs to the GPU set all the same: it offers GPUs."""
    snapshot = clusterproof.load_world("inference-at-zero")
    raw = snapshot.raw(kinds.NODEGROUPS, "gpu")
    assert raw is not None
    raw["instanceTypes"] = ["zz9.48xlarge"]
    edits: list[Put] = [Put("nodegroups", raw)]
    for node in snapshot.objects(kinds.NODES):
        if node.metadata.labels.get("eks.amazonaws.com/nodegroup") == "gpu":
            other = snapshot.raw(kinds.NODES, node.metadata.name)
            assert other is not None
            for key in ("node.kubernetes.io/instance-type", "beta.kubernetes.io/instance-type"):
                other["metadata"]["labels"][key] = "zz9.48xlarge"
            edits.append(Put("nodes", other))
    report = clusterproof.check(apply(snapshot, Overlay(tuple(edits))), "dynamo", fixes=False)
    sets = {group.name: group.sets for group in report.cluster.groups}
    assert "gpu" in sets["gpu"]
    assert "gpu" in sets["inference"]
