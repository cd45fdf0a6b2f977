"""Short ways to write nodes, pods and clusters in tests."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from fractions import Fraction
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


def fleet(gpu: int = 6, system: int = 3, customer: int = 3, **more: Any) -> Cluster:
    """The document's cluster: three node groups, of which the pod may use all."""
    counts = {"gpu": gpu, "system": system, "customer": customer}
    return Cluster(tuple(node(f"{group}-{i}", **more) for group, count in counts.items() for i in range(count)))


def groups(cluster: Cluster) -> dict[str, str]:
    """The group of a node is what its name begins with."""
    return {one.id: one.id.split("-")[0] for one in cluster.nodes}


def bad(cluster: Cluster, group: str) -> dict[str, Fraction]:
    """Every copy on a node of the group fails."""
    return {name: Fraction(1) for name, own in groups(cluster).items() if own == group}


def pulled(cluster: Cluster, name: str, sizes: dict[str, int]) -> Cluster:
    """The cluster after a node has pulled the images that it has not, written out node by node."""
    nodes = []
    for one in cluster.nodes:
        if one.id == name:
            have = {image for held in one.images for image in held.names}
            new = (ContainerImage((image,), size) for image, size in sizes.items() if image not in have)
            nodes.append(msgspec.structs.replace(one, images=(*one.images, *new)))
        else:
            nodes.append(one)
    return msgspec.structs.replace(cluster, nodes=tuple(nodes))


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
