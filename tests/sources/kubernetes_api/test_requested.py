"""Kinds that only a profile asks for: not read unless named, read whole then, none where no definition brings them."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.answers import assemble
from clusterproof.sources.kubernetes_api import read_cluster
from tests.sources.kubernetes_api.conftest import Options
from tests.sources.kubernetes_api.stub import Stub

ASKED = [kind for kind in kinds.REQUESTED if kind.origin == "kubernetes"]
CUSTOM = [kind for kind in ASKED if kind.group in ("asya.sh", "keda.sh")]


def definition(kind: Kind[Any]) -> dict[str, Any]:
    """A kind's CustomResourceDefinition."""
    scope = "Namespaced" if kind.namespaced else "Cluster"
    names = {"plural": kind.resource, "kind": kind.wire}
    spec = {"group": kind.group, "names": names, "scope": scope, "versions": [{"name": "v1alpha1"}]}
    return {"metadata": {"name": f"{kind.resource}.{kind.group}"}, "spec": spec}


def test_they_are_not_read_unless_named(stub: Stub, options: Options) -> None:
    """A reading that names no kinds makes no call for any of them."""
    read_cluster(options())
    groups = {request.path for request in stub.requests}
    assert not [path for path in groups for kind in ASKED if path.endswith(f"/{kind.resource}")]


def test_without_definitions_there_are_none(stub: Stub, options: Options) -> None:
    """Those of Asya and KEDA; Kubernetes' own are read, and complete also where there are none."""
    snapshot = assemble(read_cluster(options(), kinds=ASKED).answers)
    assert {kind.name: snapshot.missing(kind) for kind in ASKED} == {kind.name: None for kind in ASKED}
    assert not any(snapshot.objects(kind) for kind in ASKED)
    asked = {request.path for request in stub.requests}
    assert "/apis/autoscaling/v2/horizontalpodautoscalers" in asked
    assert "/apis/storage.k8s.io/v1/csidrivers" in asked
    assert not [path for path in asked if "keda.sh" in path or "asya.sh" in path]


@pytest.mark.parametrize("kind", ASKED, ids=lambda kind: kind.name)
def test_each_is_read_whole(stub: Stub, options: Options, kind: Kind[Any]) -> None:
    """Objects of all namespaces, as they are but for credentials."""
    if kind in CUSTOM:
        made = definition(kind)
        stub.add("customresourcedefinitions.apiextensions.k8s.io", made)
        stub.serve_group(f"{kind.group}/v1alpha1", kind.resource, namespaced=kind.namespaced)
    resource = f"{kind.resource}.{kind.group}"
    for name in ("one", "two"):
        metadata = {"name": name, **({"namespace": "dynamo"} if kind.namespaced else {})}
        env = [{"name": "API_TOKEN", "value": "abcdefgh12345678"}, {"name": "LEVEL", "value": "info"}]
        stub.add(resource, {"metadata": metadata, "spec": {"sidecar": {"env": env}, "replicas": 2}})
    snapshot = assemble(read_cluster(options(), kinds=[kind]).answers)
    assert snapshot.missing(kind) is None
    assert [item.metadata.name for item in snapshot.objects(kind)] == ["one", "two"]
    assert snapshot.objects(kind)[0].spec["replicas"] == 2
    operated = kind.wire in ("AsyncActor", "ScaledObject", "TriggerAuthentication", "ClusterTriggerAuthentication")
    assert len(snapshot.tables[kind.name].unknown_fields) == (2 if operated else 0)
