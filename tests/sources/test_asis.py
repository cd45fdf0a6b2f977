"""The short way takes an object only where the long way would leave it as it is."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.answers import Answer, assemble
from clusterproof.sources.asis import kept


def pod(**more: Any) -> dict[str, Any]:
    """A pod as an item of a PodList."""
    spec = {"containers": [{"name": "c", "image": "i", "env": [{"name": "MODE", "value": "fast"}], "args": ["--x=1"]}]}
    metadata = {"name": "p", "namespace": "a", "managedFields": [{"manager": "m"}], "annotations": {"a": "b"}}
    return {"metadata": metadata | more.pop("metadata", {}), "spec": spec | more.pop("spec", {}), **more}


def compact(value: Any) -> bytes:
    """JSON as the API server writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def container(**more: Any) -> dict[str, Any]:
    """A spec of one container."""
    return {"containers": [{"name": "c", **more}]}


TAKEN = [
    pod(),
    pod(status={"conditions": [{"type": "Ready", "lastProbeTime": None, "status": "True"}]}),
    pod(spec=container(env=[{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}])),
    pod(spec=container(env=[{"name": "DB_PASSWORD", "value": "true"}])),
    pod(spec={"containers": [], "initContainers": [{"name": "i"}]}),
]
LEFT = [
    pod(spec=container(env=[{"name": "DB_PASSWORD", "value": "hunter22"}])),
    pod(spec=container(env=[{"name": "X", "value": "AKIAABCDEFGHIJKLMNOP"}])),
    pod(spec=container(env=[{"name": "X", "value": "a" * 300 + " AKIAABCDEFGHIJKLMNOP"}])),
    pod(spec=container(args=["--password", "hunter22"])),
    pod(spec=container(command=["--api-key=hunter22"])),
    pod(spec={"initContainers": container(args=["--token=hunter22"])["containers"]}),
    pod(spec={"ephemeralContainers": container(args=["--token=hunter22"])["containers"]}),
    pod(metadata={"annotations": {"x": "ghp_" + "a" * 36}}),
    pod(metadata={"annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}}),
    pod(spec={"nodeName": None}),
    pod(spec={"nodeName": "***HIDDEN***"}),
    pod(spec={"template": {"spec": container(args=["--token=hunter22"])}}),
    pod(spec={"jobTemplate": {}}),
    pod(spec=container(args=[7])),
    {**pod(), "spec": []},
    {"spec": {}},
]


@pytest.mark.parametrize("raw", TAKEN)
def test_usual_objects_are_taken(raw: dict[str, Any]) -> None:
    """Only managed fields, the usual nulls, kind and apiVersion differ."""
    line = kept(compact(raw), kinds.PODS, "v1", "Pod")
    assert line is not None
    assert b"managedFields" not in line
    assert msgspec.json.decode(line)["kind"] == "Pod"


@pytest.mark.parametrize("raw", LEFT)
def test_all_others_are_left_to_the_long_way(raw: dict[str, Any]) -> None:
    """Whatever redaction would touch, and whatever is odd."""
    assert kept(compact(raw), kinds.PODS, "v1", "Pod") is None


def test_indented_text_is_left() -> None:
    """A line of a table is one line."""
    assert kept(json.dumps(pod(), indent=1).encode(), kinds.PODS, "v1", "Pod") is None


@pytest.mark.parametrize(
    "raw", TAKEN + [raw for raw in LEFT if isinstance(raw.get("spec"), dict) and "metadata" in raw]
)
def test_both_ways_agree(raw: dict[str, Any]) -> None:
    """As text and as values an object gives the same objects and the same unknown fields."""

    def read(item: Any) -> tuple[Any, Any, Any]:
        snapshot: Snapshot = assemble([Answer(kinds.PODS, (item,))])
        table = snapshot.tables["pods"]
        return list(table.raws()), table.unknown_fields, [item.missing is None for item in table.coverage]

    assert read(compact(raw)) == read(json.loads(compact(raw)))


def test_secrets_and_config_maps_are_always_looked_at() -> None:
    """Their data is what redaction is for."""
    for kind in (kinds.HELM_RELEASES, kinds.CONFIG_MAPS):
        assert kept(compact({"metadata": {"name": "x", "namespace": "a"}}), kind, "v1", kind.wire) is None
