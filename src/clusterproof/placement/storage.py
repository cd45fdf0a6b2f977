"""What a snapshot says of claims, volumes, storage classes, and of what nodes can attach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Generic, TypeVar

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.kubernetes import (
    CSINode,
    Metadata,
    PersistentVolume,
    PersistentVolumeClaim,
    PodSpec,
    StorageClass,
    Volume,
    VolumeAttachment,
)
from clusterproof.snapshot.snapshot import Snapshot, Table

T = TypeVar("T")
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
"""Annotation of the class that claims get which name none (Kubernetes: Storage Classes, "Default StorageClass")."""
BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
"""Annotation that once named a claim's or a volume's class, and still goes before the field."""


class Objects(msgspec.Struct, Generic[T], frozen=True):
    """The objects of a kind by key, and why there may be more."""

    found: Mapping[str, T] = msgspec.field(default_factory=dict)
    missing: Unknown | None = None

    def get(self, key: str) -> T | Unknown | None:
        """One of them; None where there is none, or why that is not known."""
        return self.found.get(key, self.missing)


class Storage(msgspec.Struct, frozen=True):
    """What volumes of pods rest on.

    Attributes:
        claims: by ``namespace/name``.
        volumes, classes: by name.
        nodes: what the drivers say of each node, by its name.
        attachments: by node name.
    """

    claims: Objects[PersistentVolumeClaim] = Objects()
    volumes: Objects[PersistentVolume] = Objects()
    classes: Objects[StorageClass] = Objects()
    nodes: Objects[CSINode] = Objects()
    attachments: Objects[tuple[VolumeAttachment, ...]] = Objects()


def storage_of(snapshot: Snapshot, namespace: str) -> Storage:
    """The storage that pods of a namespace may use."""
    return Storage(
        claims=Objects(_table(snapshot, kinds.CLAIMS), snapshot.missing(kinds.CLAIMS, namespace)),
        volumes=Objects(_table(snapshot, kinds.VOLUMES), snapshot.missing(kinds.VOLUMES)),
        classes=Objects(_table(snapshot, kinds.STORAGE_CLASSES), snapshot.missing(kinds.STORAGE_CLASSES)),
        nodes=Objects(_table(snapshot, kinds.CSI_NODES), snapshot.missing(kinds.CSI_NODES)),
        attachments=Objects(_attached(snapshot), snapshot.missing(kinds.VOLUME_ATTACHMENTS)),
    )


def storage_from(
    claims: Iterable[PersistentVolumeClaim] = (),
    volumes: Iterable[PersistentVolume] = (),
    classes: Iterable[StorageClass] = (),
    nodes: Iterable[CSINode] = (),
    attachments: Iterable[VolumeAttachment] = (),
) -> Storage:
    """Storage that is known in full."""
    return Storage(
        claims=Objects({f"{one.metadata.namespace}/{one.metadata.name}": one for one in claims}),
        volumes=Objects({one.metadata.name: one for one in volumes}),
        classes=Objects({one.metadata.name: one for one in classes}),
        nodes=Objects({one.metadata.name: one for one in nodes}),
        attachments=Objects(_grouped(attachments)),
    )


def claim_name(pod_name: str, volume: Volume) -> str:
    """The claim of a volume: named, or the one made for the pod (component-helpers ``storage/ephemeral``); else empty."""
    if volume.persistent_volume_claim is not None:
        return volume.persistent_volume_claim.claim_name
    return f"{pod_name}-{volume.name}" if volume.ephemeral is not None else ""


def claims_of(spec: PodSpec) -> tuple[Volume, ...]:
    """The volumes of a pod that are claims."""
    return tuple(one for one in spec.volumes if one.persistent_volume_claim is not None or one.ephemeral is not None)


def claim_to_be(namespace: str, name: str, volume: Volume, classes: Objects[StorageClass]) -> PersistentVolumeClaim:
    """The claim that the controller will make for a generic ephemeral volume, with the default class where none is named."""
    spec = volume.ephemeral.volume_claim_template.spec if volume.ephemeral is not None else None
    made = PersistentVolumeClaim(Metadata(name=name, namespace=namespace))
    if spec is None:
        return made
    if spec.storage_class_name is None:
        spec = msgspec.structs.replace(spec, storage_class_name=default_class(classes))
    return msgspec.structs.replace(made, spec=spec)


def default_class(classes: Objects[StorageClass]) -> str | None:
    """The class that a claim gets which names none; of several the last by name (the API server takes the newest)."""
    names = [name for name, one in classes.found.items() if one.metadata.annotations.get(DEFAULT_CLASS) == "true"]
    return max(names) if names else None


def class_of(claim: PersistentVolumeClaim) -> str:
    """``GetPersistentVolumeClaimClass``: the class of a claim, empty for none."""
    return claim.metadata.annotations.get(BETA_CLASS, claim.spec.storage_class_name or "")


def bound(claim: PersistentVolumeClaim) -> bool:
    """Whether claim and volume have found each other (``isPVCFullyBound``); a name alone is only a wish."""
    done = "pv.kubernetes.io/bind-completed" in claim.metadata.annotations or claim.status.phase == "Bound"
    return bool(claim.spec.volume_name) and done


def _table(snapshot: Snapshot, kind: Kind[T]) -> Mapping[str, T]:
    table = snapshot.tables.get(kind.name)
    return {} if table is None else table.derived(_by_key)


def _by_key(table: Table[Any]) -> Mapping[str, Any]:
    return {table.kind.key(one): one for one in table.objects}


def _attached(snapshot: Snapshot) -> Mapping[str, tuple[VolumeAttachment, ...]]:
    table = snapshot.tables.get(kinds.VOLUME_ATTACHMENTS.name)
    return {} if table is None else table.derived(_by_node)


def _by_node(table: Table[VolumeAttachment]) -> Mapping[str, tuple[VolumeAttachment, ...]]:
    return _grouped(table.objects)


def _grouped(attachments: Iterable[VolumeAttachment]) -> dict[str, tuple[VolumeAttachment, ...]]:
    found: dict[str, list[VolumeAttachment]] = {}
    for one in attachments:
        found.setdefault(one.spec.node_name, []).append(one)
    return {name: tuple(ones) for name, ones in found.items()}


def has_disks(spec: PodSpec) -> bool:
    """Whether the pod has a claim, or a volume in its own text, that is asked about on each node."""
    return bool(claims_of(spec)) or any(
        disk is not None
        for one in spec.volumes
        for disk in (one.csi, one.aws_elastic_block_store, one.gce_persistent_disk, one.iscsi, one.rbd)
    )
