"""What an API server refuses for certain, and what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.sources.admission import lacking, out_of_range, removed


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"ports": [{"port": 80, "targetPort": 99999}]}, "spec.ports[0].targetPort is 99999; a port is 1 to 65535"),
        ({"ports": [{"port": 0}]}, "spec.ports[0].port is 0"),
        ({"ports": [{"port": 80, "nodePort": 0, "targetPort": "http"}]}, ""),
        ({"template": {"spec": {"containers": [{"ports": [{"containerPort": 65536}]}]}}}, "containerPort is 65536"),
        ({"template": {"spec": {"containers": [{"ports": [{"containerPort": 1, "hostPort": 0}]}]}}}, ""),
        ({"ingress": [{"ports": [{"port": 1, "endPort": -1}]}]}, "spec.ingress[0].ports[0].endPort is -1"),
        ({"replicas": -1}, "spec.replicas is -1"),
        ({"replicas": 0, "completions": 3}, ""),
        ({"selector": {"matchLabels": {"port": 0}}}, ""),
        ({"containers": [{"resources": {"requests": {"cpu": "lots"}}}]}, "requests.cpu is 'lots'"),
        ({"containers": [{"resources": {"limits": {"memory": "-1Gi"}}}]}, "limits.memory is '-1Gi'"),
        ({"containers": [{"resources": {"limits": {"memory": "1.5Gi", "cpu": 0.5, "x/y": "1e3"}}}]}, ""),
        (None, ""),
    ],
)
def test_values_out_of_their_range(spec: Any, says: str) -> None:
    """Ports, counts and quantities, wherever they stand; labels that have such names are none."""
    found = out_of_range({"apiVersion": "v1", "kind": "X", "spec": spec})
    assert found.startswith(says.partition(" ")[0]) if says.startswith("spec") else True
    assert (says in found) if says else found == ""


@pytest.mark.parametrize(
    ("api", "kind", "version", "gone"),
    [
        ("apps/v1beta1", "Deployment", "1.34", True),
        ("apps/v1beta1", "Deployment", "", True),
        ("apps/v1", "Deployment", "1.34", False),
        ("batch/v1beta1", "CronJob", "1.25", True),
        ("batch/v1beta1", "CronJob", "v1.24.3-eks-1", False),
        ("nvidia.com/v1beta1", "DynamoGraphDeployment", "1.34", False),
        ("storage.k8s.io/v1beta1", "VolumeAttributesClass", "1.34", False),
    ],
)
def test_api_versions_that_are_gone(api: str, kind: str, version: str, gone: bool) -> None:
    """By the cluster's version, else as a current cluster has it; custom resources have versions of their own."""
    assert bool(removed({"apiVersion": api, "kind": kind}, version)) is gone


@pytest.mark.parametrize(
    ("kind", "spec", "says"),
    [
        ("Deployment", {"template": {"spec": {"containers": [{}]}}}, "has no spec.selector"),
        ("Job", {"template": {"spec": {"containers": []}}}, "has no spec.template.spec.containers"),
        ("Job", {"template": {"spec": {"containers": [{}]}}}, ""),
        ("Deployment", None, ""),
        ("Service", {"ports": []}, ""),
    ],
)
def test_what_a_workload_lacks(kind: str, spec: Any, says: str) -> None:
    """A Job makes its selector itself; a part of a chart without a spec is left alone."""
    assert lacking({"kind": kind, "spec": spec}) == says
