"""Volume claims and volumes."""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Metadata, NodeSelector, Obj


class ClaimSpec(Obj, frozen=True):
    volume_name: str = ""
    storage_class_name: str = ""


class PersistentVolumeClaim(Obj, frozen=True):
    metadata: Metadata
    spec: ClaimSpec = field(default_factory=ClaimSpec)


class VolumeNodeAffinity(Obj, frozen=True):
    required: NodeSelector | None = None


class PersistentVolumeSpec(Obj, frozen=True):
    node_affinity: VolumeNodeAffinity | None = None


class PersistentVolume(Obj, frozen=True):
    metadata: Metadata
    spec: PersistentVolumeSpec = field(default_factory=PersistentVolumeSpec)
