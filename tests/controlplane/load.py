"""A recorded world's objects put into a real API server, as what they were when they were recorded."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.controlplane.client import Client, Raw

_GIVEN = ("uid", "resourceVersion", "creationTimestamp", "generation", "managedFields", "selfLink")
"""What only the server decides."""
_CRD = "CustomResourceDefinition"
_FIRST = ("Namespace", _CRD, "PriorityClass", "StorageClass", "Node")
_OWNERS = {"Deployment": 1, "CronJob": 1, "ReplicaSet": 2, "Job": 2, "StatefulSet": 2, "DaemonSet": 2, "Pod": 4}
"""Who owns comes before what is owned, whose reference then gets the owner's new uid; everything else between them."""


def load(client: Client, objects: Iterable[Raw]) -> dict[str, str]:
    """Creates objects and their status; what the server made by itself (``default``, ``kubernetes``) is replaced.

    Args:
        client: who may do everything.
        objects: with apiVersion, kind and metadata, in any order.

    Returns:
        The recorded uid of each → the one that the server gave.

    Raises:
        ApiError: the server does not take one: the recorded object is not valid.
    """
    uids: dict[str, str] = {}
    ordered = sorted(map(_whole, objects), key=_rank)
    versions = {
        (version.partition("/")[0], obj["kind"]): version for obj in ordered if "/" in (version := obj["apiVersion"])
    }
    ordered = [_served(obj, versions) if obj["kind"] == _CRD else obj for obj in ordered]
    for rank in sorted({_rank(obj) for obj in ordered}):
        same = [obj for obj in ordered if _rank(obj) == rank]
        for obj, made in zip(same, client.each(lambda obj: _put(client, obj, uids), same), strict=True):
            if uid := obj["metadata"].get("uid"):
                uids[uid] = made["metadata"]["uid"]
        _until_served(client, [obj for obj in same if obj["kind"] == _CRD])
    return uids


def _rank(obj: Raw) -> int:
    kind = obj["kind"]
    return -len(_FIRST) + _FIRST.index(kind) if kind in _FIRST else _OWNERS.get(kind, 3)


def _put(client: Client, obj: Raw, uids: dict[str, str]) -> Raw:
    metadata = {name: value for name, value in obj["metadata"].items() if name not in _GIVEN}
    if owners := metadata.get("ownerReferences"):
        metadata["ownerReferences"] = [{**owner, "uid": uids.get(owner["uid"], owner["uid"])} for owner in owners]
    sent: Raw = {**obj, "metadata": metadata}
    path = client.path(sent)
    made = client.patch(path, sent) if client.there(path) else client.create(sent)
    if obj.get("status") and obj["kind"] not in ("Node", _CRD):
        made = client.status(sent, obj["status"])
    return made


def _whole(obj: Raw) -> Raw:
    """A Secret is recorded without its kind, as lists have it."""
    return obj if "kind" in obj else {"apiVersion": "v1", "kind": "Secret", **obj}


def _served(crd: Raw, versions: Mapping[tuple[str, str], str]) -> Raw:
    """A recorded definition has what clusterproof reads of it; the server asks for names, versions and schemas as well."""
    spec = crd["spec"]
    kind = spec["names"]["kind"]
    names: dict[str, Any] = {"singular": kind.lower(), "listKind": f"{kind}List", **spec["names"]}
    _, _, used = versions.get((spec["group"], kind), "v1").rpartition("/")
    anything = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    said = spec.get("versions") or [{"name": used}]
    listed = [{"served": True, "storage": number == 0, "schema": anything, **v} for number, v in enumerate(said)]
    return {**crd, "spec": {**spec, "names": names, "versions": listed}}


def _until_served(client: Client, crds: Sequence[Raw], patience: float = 20.0) -> None:
    """A definition is served a moment after it is created, once its names are accepted."""
    end = time.monotonic() + patience
    for crd in crds:
        spec = crd["spec"]
        path = f"/apis/{spec['group']}/{spec['versions'][0]['name']}/{spec['names']['plural']}"
        while not client.there(path):
            if time.monotonic() > end:
                raise TimeoutError(f"{path} is not served {patience:.0f} s after its definition was created")
            time.sleep(0.02)
