"""Volume claims, volumes, storage classes, and what of volumes is attached where.

Source: https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/
"""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Labels, LabelSelector, Metadata, NodeSelector, Obj, Quantity


class StorageRequest(Obj, frozen=True):
    requests: dict[str, Quantity] = field(default_factory=dict)


class ClaimSpec(Obj, frozen=True):
    """``storage_class_name`` is None where the claim names none (the default class), "" where it wants none."""

    volume_name: str = ""
    storage_class_name: str | None = None
    access_modes: tuple[str, ...] = ()
    resources: StorageRequest = field(default_factory=StorageRequest)
    volume_mode: str = "Filesystem"
    selector: LabelSelector | None = None
    volume_attributes_class_name: str = ""


class ClaimStatus(Obj, frozen=True):
    phase: str = ""


class PersistentVolumeClaim(Obj, frozen=True):
    metadata: Metadata
    spec: ClaimSpec = field(default_factory=ClaimSpec)
    status: ClaimStatus = ClaimStatus()


class VolumeNodeAffinity(Obj, frozen=True):
    required: NodeSelector | None = None


class CsiVolume(Obj, frozen=True):
    driver: str = ""
    volume_handle: str = ""


class EbsVolume(Obj, frozen=True):
    """The in-tree source of EBS, which the CSI driver serves: ``vol-…`` or ``aws://zone/vol-…``."""

    volume_id: str = field(default="", name="volumeID")


class Disk(Obj, frozen=True):
    """A source whose disk the scheduler keeps from two mounts on one node, by the members that name it."""

    pd_name: str = ""
    iqn: str = ""
    monitors: tuple[str, ...] = ()
    pool: str = "rbd"
    image: str = ""
    read_only: bool = False


class ClaimTemplate(Obj, frozen=True):
    """``metadata`` has a name in a StatefulSet alone."""

    metadata: Metadata = field(default_factory=Metadata)
    spec: ClaimSpec = field(default_factory=ClaimSpec)


class EphemeralSource(Obj, frozen=True):
    """A claim is made for each pod, named ``POD-VOLUME``, and goes with it."""

    volume_claim_template: ClaimTemplate = field(default_factory=ClaimTemplate)


class ClaimReference(Obj, frozen=True):
    namespace: str = ""
    name: str = ""
    uid: str = ""


class PersistentVolumeSpec(Obj, frozen=True):
    node_affinity: VolumeNodeAffinity | None = None
    csi: CsiVolume | None = None
    aws_elastic_block_store: EbsVolume | None = None
    storage_class_name: str = ""
    access_modes: tuple[str, ...] = ()
    capacity: dict[str, Quantity] = field(default_factory=dict)
    volume_mode: str = "Filesystem"
    claim_ref: ClaimReference | None = None
    volume_attributes_class_name: str = ""


class VolumeStatus(Obj, frozen=True):
    """``phase``: Pending, Available, Bound, Released, Failed."""

    phase: str = ""


class PersistentVolume(Obj, frozen=True):
    metadata: Metadata
    spec: PersistentVolumeSpec = field(default_factory=PersistentVolumeSpec)
    status: VolumeStatus = VolumeStatus()


class TopologyRequirement(Obj, frozen=True):
    key: str
    values: tuple[str, ...] = ()


class TopologyTerm(Obj, frozen=True):
    match_label_expressions: tuple[TopologyRequirement, ...] = ()


class StorageClass(Obj, frozen=True):
    """``volume_binding_mode``: Immediate, WaitForFirstConsumer."""

    metadata: Metadata
    provisioner: str = ""
    volume_binding_mode: str = "Immediate"
    allowed_topologies: tuple[TopologyTerm, ...] = ()
    parameters: Labels = field(default_factory=dict)


class AttachLimit(Obj, frozen=True):
    """How many volumes of a driver a node takes; None where the driver names no limit."""

    count: int | None = None


class CSINodeDriver(Obj, frozen=True):
    name: str
    allocatable: AttachLimit | None = None
    topology_keys: tuple[str, ...] = ()


class CSINodeSpec(Obj, frozen=True):
    drivers: tuple[CSINodeDriver, ...] = ()


class CSINode(Obj, frozen=True):
    metadata: Metadata
    spec: CSINodeSpec = CSINodeSpec()


class AttachmentSource(Obj, frozen=True):
    persistent_volume_name: str = ""


class VolumeAttachmentSpec(Obj, frozen=True):
    attacher: str = ""
    node_name: str = ""
    source: AttachmentSource = AttachmentSource()


class VolumeAttachment(Obj, frozen=True):
    metadata: Metadata
    spec: VolumeAttachmentSpec = VolumeAttachmentSpec()


class PriorityClass(Obj, frozen=True):
    """``preemption_policy``: PreemptLowerPriority, Never."""

    metadata: Metadata
    value: int = 0
    global_default: bool = False
    preemption_policy: str = "PreemptLowerPriority"
