"""Short ways to write nodes, pods and clusters in tests."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from clusterproof.placement.node import Cluster, NodeView, node_views
from clusterproof.snapshot.kubernetes import ContainerImage, Node, Pod, PodSpec, Taint

GIB = 1024**3
MIB = 1024**2
ROOMY = {"cpu": "16", "memory": "64Gi", "pods": "110", "ephemeral-storage": "100Gi"}


def node(name: str, **more: Any) -> NodeView:
    """A roomy node with its host name as label; ``labels`` are added, ``taints`` are ``key=value:effect``."""
    labels = {"kubernetes.io/hostname": name, **more.pop("labels", {})}
    taints = tuple(_taint(text) for text in more.pop("taints", ()))
    images = tuple(ContainerImage((image,), size) for image, size in more.pop("images", {}).items())
    return NodeView(name, labels, taints=taints, images=images, **{"allocatable": ROOMY, **more})


def pod(name: str = "me", namespace: str = "a", labels: dict[str, str] | None = None, **spec: Any) -> Pod:
    """A pod of one container (image ``app:1``); ``spec`` is written as the API writes it."""
    body = {"containers": [{"name": "main", "image": "app:1"}], **spec}
    return msgspec.convert(
        {"metadata": {"name": name, "namespace": namespace, "labels": labels or {}}, "spec": body}, Pod
    )


def spec(**more: Any) -> PodSpec:
    """Only the spec of :func:`pod`."""
    return pod(**more).spec


def cases(folder: Path, name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Pairs of input and decision from a recorded corpus."""
    with gzip.open(folder / f"{name}.in.jsonl.gz") as asked, gzip.open(folder / f"{name}.out.jsonl.gz") as decided:
        for question, answer in zip(asked, decided, strict=True):
            yield json.loads(question), json.loads(answer)


def decode(case: dict[str, Any]) -> tuple[Pod, Cluster]:
    """A recorded input as the typed pod and cluster."""
    nodes = msgspec.convert(case["nodes"], tuple[Node, ...])
    pods = msgspec.convert(case["pods"] or [], tuple[Pod, ...])
    namespaces = {one["metadata"]["name"]: one["metadata"].get("labels", {}) for one in case["namespaces"]}
    return msgspec.convert(case["pod"], Pod), Cluster(node_views(nodes, pods), namespaces)


def _taint(text: str) -> Taint:
    pair, effect = text.rsplit(":", 1)
    key, _, value = pair.partition("=")
    return Taint(key, effect, value)
