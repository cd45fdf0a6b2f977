"""Kubernetes objects for tests against the real control plane, as raw as they are sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.controlplane.client import Raw

IMAGE = "registry.example/app:1"


def node(
    name: str,
    *,
    cpu: str = "8",
    memory: str = "32Gi",
    pods: int = 110,
    labels: Mapping[str, str] | None = None,
    taints: Sequence[Raw] = (),
    extended: Mapping[str, str] | None = None,
    images: Sequence[Raw] = (),
    kubelet_port: int = 0,
    unschedulable: bool = False,
) -> Raw:
    """A Node that is ready, its status with it: the API server takes both from who registers a node.

    Args:
        name: of it, and its label ``kubernetes.io/hostname``.
        cpu: capacity and allocatable.
        memory: capacity and allocatable.
        pods: how many may run on it.
        labels: more labels.
        taints: of ``spec``.
        extended: more resources, e.g. ``{"nvidia.com/gpu": "8"}``.
        images: of ``status``, e.g. ``{"names": ["a:1"], "sizeBytes": 2_000_000_000}``.
        kubelet_port: of a :class:`~tests.controlplane.kubelet.Kubelet`; 0: there is none.
        unschedulable: whether it is cordoned.
    """
    has = {"cpu": cpu, "memory": memory, "pods": str(pods), "ephemeral-storage": "100Gi", **(extended or {})}
    status: Raw = {
        "capacity": has,
        "allocatable": has,
        "conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "made by a test"}],
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}, {"type": "Hostname", "address": name}],
        "images": list(images),
    }
    if kubelet_port:
        status["daemonEndpoints"] = {"kubeletEndpoint": {"Port": kubelet_port}}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, **(labels or {})}},
        "spec": {"taints": list(taints)} | ({"unschedulable": True} if unschedulable else {}),
        "status": status,
    }


def pod(
    name: str,
    *,
    namespace: str = "default",
    requests: Mapping[str, str] | None = None,
    labels: Mapping[str, str] | None = None,
    image: str = IMAGE,
    **spec: Any,
) -> Raw:
    """A Pod of one container.

    Args:
        name: of it.
        namespace: of it.
        requests: of the container; its limits too for what is no compute resource, as the API asks.
        labels: of it.
        image: of the container.
        spec: members of ``spec``, in the API's words (``nodeSelector``, ``tolerations``, ``nodeName``); without grace
            unless given: there is no kubelet that would say that a preempted pod has ended.
    """
    wanted = dict(requests or {})
    extended = {name: value for name, value in wanted.items() if "/" in name}
    resources = {"requests": wanted} | ({"limits": extended} if extended else {})
    container = {"name": "main", "image": image, "resources": resources}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": dict(labels or {})},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, **spec},
    }


def namespace(name: str, **labels: str) -> Raw:
    """A Namespace."""
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}


def plain(version: str, kind: str, name: str, *, namespace: str = "", **members: Any) -> Raw:
    """Any object: its members besides ``metadata`` by name, in the API's words."""
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": version, "kind": kind, "metadata": metadata, **members}
