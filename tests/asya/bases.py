"""Worlds in which requirements apply that the correct world has no use for; in each of them they pass."""

# Edits stand in tuples, so that one expression makes several.
# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import Any

from clusterproof.snapshot.snapshot import Snapshot
from tests.asya.mutants_identity import POD_IDENTITY, federated
from tests.asya.world import ACCOUNT, PROD, Edits, Raw, allow, correct, edited, verdicts


def _irsa(e: Edits) -> None:
    """One actor gets its role by IRSA."""
    e.unassociate(f"{PROD}/asya-llm")
    e.trust("asya-actor", POD_IDENTITY, federated())
    e.irsa(f"{PROD}/asya-llm", f"arn:aws:iam::{ACCOUNT}:role/asya-actor")


def _extra(e: Edits) -> None:
    """Actors may use models."""
    e.also("asya-actor", allow("bedrock:InvokeModel", "arn:aws:bedrock:*::foundation-model/*"), "code")


def deployment(namespace: str, name: str, image: str, replicas: int = 1) -> Raw:
    """A Deployment that is available."""
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "uid": f"uid-{name}", "generation": 1},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "nodeSelector": {"nodeGroup": "system-worker"},
                    "containers": [{"name": name, "image": image}],
                },
            },
        },
        "status": {
            "observedGeneration": 1,
            "replicas": replicas,
            "readyReplicas": replicas,
            "availableReplicas": replicas,
            "updatedReplicas": replicas,
            "conditions": [{"type": "Available", "status": "True"}],
        },
    }


def _optional(e: Edits) -> None:
    """A volume of EBS is claimed, an autoscaler reads CPU, Container Insights is installed."""
    e.put(
        "csidrivers", {"apiVersion": "storage.k8s.io/v1", "kind": "CSIDriver", "metadata": {"name": "ebs.csi.aws.com"}}
    )
    e.put(
        "persistentvolumeclaims",
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": "models", "namespace": PROD},
            "spec": {"storageClassName": "gp3", "accessModes": ["ReadWriteOnce"]},
            "status": {"phase": "Pending"},
        },
    )
    e.put(
        "deployments",
        deployment("kube-system", "ebs-csi-controller", "public.ecr.aws/ebs-csi-driver/aws-ebs-csi-driver:v1.50.1", 2),
    )
    e.put(
        "apiservices",
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io",
                "version": "v1beta1",
                "service": {"name": "metrics-server", "namespace": "kube-system"},
            },
            "status": {"conditions": [{"type": "Available", "status": "True"}]},
        },
    )
    e.put(
        "horizontalpodautoscalers",
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "asya-gateway", "namespace": PROD},
            "spec": {
                "metrics": [{"type": "Resource", "resource": {"name": "cpu"}}],
                "scaleTargetRef": {"kind": "Deployment", "name": "asya-gateway"},
            },
        },
    )
    e.put("addon-names", {"name": "amazon-cloudwatch-observability"})
    e.put(
        "addons",
        {
            "addonName": "amazon-cloudwatch-observability",
            "status": "ACTIVE",
            "addonVersion": "v4.5.0-eksbuild.1",
            "health": {"issues": []},
        },
    )
    agent = deployment(
        "amazon-cloudwatch", "cloudwatch-agent", "public.ecr.aws/cloudwatch-agent/cloudwatch-agent:1.300060"
    )
    status = {
        "desiredNumberScheduled": 3,
        "currentNumberScheduled": 3,
        "numberReady": 3,
        "numberAvailable": 3,
        "observedGeneration": 1,
    }
    del agent["spec"]["replicas"]
    e.put("daemonsets", {**agent, "kind": "DaemonSet", "status": status})


def _labelled(e: Edits) -> None:
    """The GPU node carries its group's label."""
    for key in e.keys("nodes"):
        if e.raw("nodes", key)["metadata"]["labels"]["eks.amazonaws.com/nodegroup"] == "gpu":
            e.change("nodes", key, lambda raw: raw["metadata"]["labels"].update(workload="gpu"))


@cache
def running() -> Snapshot:
    """The world with one GPU node, made as the correct one is."""
    import importlib.util
    import sys
    import tempfile
    from pathlib import Path

    import clusterproof
    from worldgen import asya as module

    spec = importlib.util.spec_from_file_location("asya_with_a_node", module.__file__)
    assert spec is not None
    assert spec.loader is not None
    one: Any = importlib.util.module_from_spec(spec)
    sys.modules["asya_with_a_node"] = one
    try:
        spec.loader.exec_module(one)
        groups = tuple(
            dataclasses.replace(group, size=(0, 1, 10), zones="a") if group.name == "gpu" else group
            for group in one.SPEC.groups
        )
        one.SPEC = dataclasses.replace(one.SPEC, groups=groups)
        with tempfile.TemporaryDirectory() as folder:
            for name, text in one.asya().items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return edited(clusterproof.load([folder]), _labelled)
    finally:
        del sys.modules["asya_with_a_node"]


def _hops(e: Edits) -> None:
    """The metadata service answers pods: only policies keep actors from it."""
    for key in e.keys("instances"):
        e.set("instances", key, "MetadataOptions/HttpPutResponseHopLimit", 2)
    for key in e.keys("launch-template-versions"):
        e.set("launch-template-versions", key, "LaunchTemplateData/MetadataOptions/HttpPutResponseHopLimit", 2)


BASES: dict[str, tuple[Callable[[], Snapshot], dict[str, str], dict[str, str], frozenset[str]]] = {
    "correct": (correct, {}, {}, frozenset()),
    "irsa": (
        lambda: edited(correct(), _irsa),
        {},
        {"pod-identity-in-use": "fail"},
        frozenset({"oidc-provider", "oidc-client", "oidc-thumbprint", "irsa-trust", "irsa-audience"}),
    ),
    "hops": (
        lambda: edited(correct(), _hops),
        {},
        {"node-metadata-hops": "fail", "node-metadata-template": "fail"},
        frozenset(),
    ),
    "extra": (
        lambda: edited(correct(), _extra),
        {
            "asya.extra_actions": "bedrock:InvokeModel",
            "asya.extra_resources": "arn:aws:bedrock:eu-west-1::foundation-model/*",
        },
        {},
        frozenset({"actor-extra-permissions"}),
    ),
    "optional": (
        lambda: edited(correct(), _optional),
        {},
        {},
        frozenset(
            {"ebs-csi-driver", "ebs-csi-driver-works", "metrics-server", "metrics-server-works", "container-insights"}
        ),
    ),
    "running": (running, {}, {"gpu-desired-size": "fail"}, frozenset({"device-plugin-ready"})),
}
"""By name: the world, parameters, verdicts of it that are not ``pass``, and requirements that apply there alone."""


@cache
def base(name: str) -> tuple[Snapshot, dict[str, str], dict[str, str]]:
    """A world, its parameters and its verdicts."""
    make, parameters, _, _ = BASES[name]
    snapshot = make()
    return snapshot, parameters, verdicts(snapshot, parameters)
