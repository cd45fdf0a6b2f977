"""Sets of nodes give the nodes that the filters give one by one, and those of the real scheduler."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import msgspec

from clusterproof.placement.crowd import Crowd
from clusterproof.placement.filters import feasible_now
from clusterproof.placement.node import Cluster
from clusterproof.snapshot.fields import Cause, Unknown
from tests.placement.build import cases, decode, node, pod


def names(cluster: Cluster, bits: int) -> list[str]:
    """The nodes of a set."""
    return [one.id for index, one in enumerate(cluster.nodes) if bits >> index & 1]


def agrees(data: Path, file: str) -> tuple[int, int]:
    """Compares each recorded cluster with what the real scheduler found; how many, and how many without asking node by node."""
    compared = by_sets = 0
    for case, decided in cases(data, file):
        asked, cluster = decode(case)
        crowd = Crowd(cluster)
        found = crowd.takers(asked)
        assert names(cluster, found.nodes) == [one.id for one in cluster.nodes if decided["nodes"][one.id]["ok"]], case[
            "id"
        ]
        assert found.doubtful == 0
        compared += 1
        by_sets += crowd._plain(asked, ())
    return compared, by_sets


def test_sample_of_the_real_scheduler() -> None:
    """200 recorded clusters: most without asking node by node, and the nodes are the real scheduler's (rule 9.1)."""
    compared, by_sets = agrees(Path(__file__).parent.parent / "data" / "scheduler", "sample")
    assert compared == 200
    assert by_sets > 100


def test_the_whole_corpus(corpus: Path) -> None:
    """2,000 recorded clusters, where they stand beside the checkout (rule 9.1)."""
    compared, by_sets = agrees(corpus / "scheduler", "random-1")
    assert compared == 2000
    assert by_sets > 1000


def test_one_crowd_for_many_pods() -> None:
    """Whatever was asked before, the answers are those of the filters node by node (300 pods, seed 7; rule 9.1)."""
    draw = random.Random(7)
    nodes = []
    for number in range(40):
        port: dict[str, Any] = {
            "containers": [
                {"name": "m", "image": "x", "ports": [{"hostPort": draw.choice((80, 81)), "containerPort": 1}]}
            ]
        }
        busy = [pod(f"p{number}", labels={"app": draw.choice("ab")}, **(port if draw.random() < 0.5 else {}))]
        if draw.random() < 0.1:
            term: dict[str, Any] = {
                "labelSelector": {"matchLabels": {"app": "a"}},
                "topologyKey": "kubernetes.io/hostname",
            }
            apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
            busy.append(pod(f"q{number}", labels={"app": "c"}, affinity=apart))
        loaded = {"cpu": str(draw.randint(1, 9)), "memory": f"{draw.randint(1, 9)}Gi", "pods": str(draw.randint(1, 4))}
        taints = ["k=v:NoSchedule"] if draw.random() < 0.3 else []
        nodes.append(
            node(
                f"n{number:02}",
                labels={"zone": draw.choice("xyz")},
                taints=taints,
                allocatable=loaded,
                pods=tuple(busy),
                unschedulable=draw.random() < 0.2,
            )
        )
    cluster = Cluster(tuple(nodes), {"a": {}})
    crowd = Crowd(cluster)
    by_sets = 0
    for number in range(300):
        wish: dict[str, Any] = {}
        requests = {"cpu": f"{draw.randint(0, 9000)}m", "memory": f"{draw.randint(0, 9)}Gi"}
        ports = [{"hostPort": 80, "containerPort": 1}] if draw.random() < 0.2 else []
        wish["containers"] = [{"name": "m", "image": "x", "resources": {"requests": requests}, "ports": ports}]
        if draw.random() < 0.4:
            wish["nodeSelector"] = {"zone": draw.choice("xyz")}
        if draw.random() < 0.4:
            wish["tolerations"] = [
                {"key": draw.choice(("k", "node.kubernetes.io/unschedulable")), "operator": "Exists"}
            ]
        if draw.random() < 0.2:
            wish["topologySpreadConstraints"] = [
                {
                    "maxSkew": 1,
                    "topologyKey": "zone",
                    "whenUnsatisfiable": "DoNotSchedule",
                    "labelSelector": {"matchLabels": {"app": "b"}},
                }
            ]
        if draw.random() < 0.05:
            wish["nodeName"] = "n07"
        asked = pod(f"me{number}", labels={"app": draw.choice("ab")}, **wish)
        expected = [
            one.id for one, ok in zip(cluster.nodes, feasible_now(asked, cluster), strict=True) if ok.ok is True
        ]
        found = crowd.takers(asked)
        assert names(cluster, found.nodes) == expected
        assert found.count == len(expected)
        by_sets += crowd._plain(asked, ())
    assert by_sets == 300


def test_what_is_not_known_is_doubtful() -> None:
    """A node whose taints are not known is neither taken nor refused (rule 9.1)."""
    unread = Unknown(Cause.NOT_COLLECTED, "taints")
    cluster = Cluster((node("a"), msgspec.structs.replace(node("b"), taints=unread)))
    found = Crowd(cluster).takers(pod())
    assert (names(cluster, found.nodes), names(cluster, found.doubtful)) == (["a"], ["b"])


def test_no_nodes() -> None:
    """Nothing takes a pod where nothing is (rule 9.1)."""
    assert Crowd(Cluster(())).takers(pod()).nodes == 0
