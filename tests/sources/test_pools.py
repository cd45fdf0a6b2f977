"""NodePools, node classes and Fargate profiles from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources import load_snapshot

POOL = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "metadata": {"name": "gpu"}, "spec": {"template": {}}}
EC2 = {"apiVersion": "karpenter.k8s.aws/v1", "kind": "EC2NodeClass", "metadata": {"name": "gpu"}}
AUTO = {"apiVersion": "eks.amazonaws.com/v1", "kind": "NodeClass", "metadata": {"name": "default"}}


def listing(*items: Any) -> dict[str, Any]:
    """As kubectl get -o json prints it."""
    return {"apiVersion": "v1", "kind": "List", "items": list(items), "metadata": {"resourceVersion": ""}}


def fargate(name: str, cluster: str = "demo") -> dict[str, Any]:
    """As aws eks describe-fargate-profile prints it."""
    arn = f"arn:aws:eks:us-west-2:123456789012:fargateprofile/{cluster}/{name}/0a"
    selectors = [{"namespace": "app", "labels": {"x": "y"}}]
    inside = {"fargateProfileName": name, "clusterName": cluster, "fargateProfileArn": arn, "subnets": ["subnet-1"]}
    return {"fargateProfile": {**inside, "selectors": selectors, "status": "ACTIVE", "tags": {}}}


def load(path: Path, cluster: str = "", **files: Any) -> Snapshot:
    """A snapshot of files by their names."""
    for name, value in files.items():
        (path / f"{name.replace('_', '-')}.json").write_text(json.dumps(value))
    return load_snapshot([path], cluster=cluster) if cluster else load_snapshot([path])


@pytest.mark.parametrize(
    ("kind", "item"), [(kinds.NODE_POOLS, POOL), (kinds.EC2_NODE_CLASSES, EC2), (kinds.NODE_CLASSES, AUTO)]
)
def test_lists_are_complete(kind: kinds.Kind[Any], item: dict[str, Any], tmp_path: Path) -> None:
    """A list is complete, a single object is not, and an older version is the same kind."""
    snapshot = load(tmp_path, any=listing(item))
    assert snapshot.missing(kind) is None
    assert len(snapshot.objects(kind)) == 1
    (tmp_path / "any.json").write_text(json.dumps(item))
    single = load_snapshot([tmp_path])
    missing = single.missing(kind)
    assert missing is not None
    assert kind.command in missing.remedy
    (tmp_path / "any.json").write_text(json.dumps(listing({**item, "apiVersion": f"{kind.group}/v1beta1"})))
    assert len(load_snapshot([tmp_path]).objects(kind)) == 1


def test_kinds_that_no_definition_names(tmp_path: Path) -> None:
    """Where all definitions are known and none is Karpenter's, there are no NodePools and no node classes."""
    crd = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a.b"}}
    snapshot = load(tmp_path, crds=listing(crd))
    for kind in (kinds.NODE_POOLS, kinds.EC2_NODE_CLASSES, kinds.NODE_CLASSES):
        assert snapshot.missing(kind) is None


def test_profiles_that_the_list_names(tmp_path: Path) -> None:
    """describe-fargate-profile prints one; the list tells whether these are all."""
    assert load(tmp_path, one=fargate("a")).missing(kinds.FARGATE_PROFILES) is not None
    snapshot = load(tmp_path, names={"fargateProfileNames": ["a"]})
    assert snapshot.missing(kinds.FARGATE_PROFILES) is None
    assert snapshot.missing(kinds.FARGATE_PROFILE_NAMES) is None
    (profile,) = snapshot.objects(kinds.FARGATE_PROFILES)
    assert (profile.subnets, profile.selectors[0].labels) == (("subnet-1",), {"x": "y"})
    assert (snapshot.meta.cluster, snapshot.meta.region) == ("demo", "us-west-2")


def test_profile_that_is_listed_only(tmp_path: Path) -> None:
    """A profile without its description is named, with the command."""
    names = {"fargateProfileNames": ["a", "b"]}
    missing = load(tmp_path, one=fargate("a"), names=names).missing(kinds.FARGATE_PROFILES)
    assert missing is not None
    assert "Fargate profile b" in missing.detail
    assert "--fargate-profile-name b" in missing.remedy


def test_no_profiles(tmp_path: Path) -> None:
    """An empty list says that there are none."""
    snapshot = load(tmp_path, names={"fargateProfileNames": []})
    assert snapshot.missing(kinds.FARGATE_PROFILES) is None
    assert snapshot.objects(kinds.FARGATE_PROFILES) == ()


def test_one_page_of_names(tmp_path: Path) -> None:
    """A list that says it is one page is not complete."""
    snapshot = load(tmp_path, names={"fargateProfileNames": [], "nextToken": "x"})
    assert snapshot.missing(kinds.FARGATE_PROFILE_NAMES) is not None


def test_profiles_of_another_cluster(tmp_path: Path) -> None:
    """With a cluster's name the other's profiles are forgotten."""
    snapshot = load(tmp_path, "demo", one=fargate("a"), two=fargate("b", "other"), names={"fargateProfileNames": ["a"]})
    assert [item.fargate_profile_name for item in snapshot.objects(kinds.FARGATE_PROFILES)] == ["a"]
