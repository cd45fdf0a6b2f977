"""Short ways to write claims, volumes, classes, and what nodes can attach."""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.placement.storage import Storage, storage_from
from clusterproof.snapshot.kubernetes import (
    CSINode,
    PersistentVolume,
    PersistentVolumeClaim,
    StorageClass,
    VolumeAttachment,
)

EBS = "ebs.csi.aws.com"
ZONE = "topology.kubernetes.io/zone"
Raw = dict[str, Any]


def claim(name: str = "data", volume: str = "", *, phase: str = "", namespace: str = "a", **spec: Any) -> Raw:
    """A claim; one with a volume is bound to it."""
    body = {"storageClassName": "gp3", "accessModes": ["ReadWriteOnce"], **spec}
    status = {"phase": phase or ("Bound" if volume else "Pending")}
    meta = {"name": name, "namespace": namespace}
    return {"metadata": meta, "spec": body | ({"volumeName": volume} if volume else {}), "status": status}


def volume(name: str = "pv", zone: str = "", **spec: Any) -> Raw:
    """A volume of the EBS driver, in a zone; free unless ``phase`` is given."""
    term = {"matchExpressions": [{"key": ZONE, "operator": "In", "values": [zone]}]}
    body: Raw = {"csi": {"driver": EBS, "volumeHandle": f"vol-{name}"}, "storageClassName": "gp3"}
    body |= {"accessModes": ["ReadWriteOnce"]}
    if zone:
        body["nodeAffinity"] = {"required": {"nodeSelectorTerms": [term]}}
    labels = spec.pop("labels", {})
    phase = spec.pop("phase", "Available")
    return {"metadata": {"name": name, "labels": labels}, "spec": {**body, **spec}, "status": {"phase": phase}}


def made_by(name: str = "gp3", *, zones: tuple[str, ...] = (), **more: Any) -> Raw:
    """A storage class of the EBS driver that waits for the pod, in all zones or some."""
    raw: Raw = {"metadata": {"name": name}, "provisioner": EBS, "volumeBindingMode": "WaitForFirstConsumer", **more}
    if zones:
        raw["allowedTopologies"] = [{"matchLabelExpressions": [{"key": ZONE, "values": list(zones)}]}]
    return raw


def driver(node: str, count: int | None, name: str = EBS) -> Raw:
    """What the driver says of a node."""
    allocatable = {} if count is None else {"allocatable": {"count": count}}
    return {"metadata": {"name": node}, "spec": {"drivers": [{"name": name, "nodeID": node, **allocatable}]}}


def attachment(volume_name: str, node: str) -> Raw:
    """A volume that is attached to a node."""
    source = {"persistentVolumeName": volume_name}
    return {
        "metadata": {"name": f"{volume_name}-{node}"},
        "spec": {"attacher": EBS, "nodeName": node, "source": source},
    }


def storage(
    claims: tuple[Raw, ...] = (),
    volumes: tuple[Raw, ...] = (),
    classes: tuple[Raw, ...] = (),
    nodes: tuple[Raw, ...] = (),
    attachments: tuple[Raw, ...] = (),
) -> Storage:
    """Storage that is known in full."""
    return storage_from(
        msgspec.convert(claims, tuple[PersistentVolumeClaim, ...]),
        msgspec.convert(volumes, tuple[PersistentVolume, ...]),
        msgspec.convert(classes, tuple[StorageClass, ...]),
        msgspec.convert(nodes, tuple[CSINode, ...]),
        msgspec.convert(attachments, tuple[VolumeAttachment, ...]),
    )


def using(*claims: str) -> list[Raw]:
    """``spec.volumes`` of a pod with these claims."""
    return [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims]
