"""NodeVolumeLimits and VolumeRestrictions: what a node can still attach, and what two pods may not have at once.

Source: kubernetes ``pkg/scheduler/framework/plugins/nodevolumelimits/csi.go`` and
``volumerestrictions/volume_restrictions.go``, v1.31.13 to v1.36.3. What differs: up to 1.31 limits in
``node.status.allocatable`` count where the CSINode has none, and VolumeAttachments do not count; the words for
ReadWriteOncePod are others from 1.34. In-tree EBS volumes count for the driver ``ebs.csi.aws.com``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clusterproof.placement.feasibility import FEASIBLE, Feasibility, refused, undecided
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.quantity import amount
from clusterproof.placement.storage import Storage, claim_name, claim_to_be, claims_of, class_of
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import CSINode, PersistentVolumeClaim, Pod, Volume

LIMITS, RESTRICTIONS = "NodeVolumeLimits", "VolumeRestrictions"
TOO_MANY = "node(s) exceed max volume count"
DISK_TAKEN = "node(s) had no available disk"
EBS = "ebs.csi.aws.com"
IN_TREE = {"kubernetes.io/aws-ebs": EBS}
"""In-tree plugins that a driver has taken over, as far as clusters on AWS have them (csi-translation-lib)."""
ONE_POD = "ReadWriteOncePod"

Used = dict[str, str]
"""Volume, by its driver's name for it, to driver."""


def limits(pod: Pod, node: NodeView, storage: Storage, version: SchedulerVersion) -> Feasibility:
    """NodeVolumeLimits: whether the drivers can attach what the pod brings besides what the node has.

    One volume of several pods counts once. A node without CSINode, or whose driver names no count, has no limit.
    """
    if not any(_counted(one) for one in pod.spec.volumes):
        return FEASIBLE
    own = storage.nodes.get(node.id)
    if isinstance(own, Unknown):
        return undecided(LIMITS, own)
    most = _most(own, node, version)
    if not most:
        return FEASIBLE
    fresh = _used(pod, own, storage, new=True)
    if isinstance(fresh, Unknown):
        return undecided(LIMITS, fresh)
    if not any(driver in most for driver in fresh.values()):
        return FEASIBLE
    held: Used = {}
    for other in node.pods:
        more = _used(other, own, storage, new=False)
        if isinstance(more, Unknown):
            return undecided(LIMITS, more)
        held.update(more)
    if version.minor >= 32:
        attached = _attached(node.id, storage)
        if isinstance(attached, Unknown):
            return undecided(LIMITS, attached)
        counted = {**attached, **held}
    else:
        counted = held
    new = [driver for name, driver in fresh.items() if name not in held]
    for driver in sorted(set(new)):
        if driver in most and list(counted.values()).count(driver) + new.count(driver) > most[driver]:
            return refused(LIMITS, TOO_MANY)
    return FEASIBLE


def _most(own: CSINode | None, node: NodeView, version: SchedulerVersion) -> dict[str, int]:
    """How many volumes by driver."""
    found: dict[str, int] = {}
    prefix = "attachable-volumes-csi-"
    if version.minor <= 31 and not isinstance(node.allocatable, Unknown):
        found = {
            name.removeprefix(prefix): amount(name, value)
            for name, value in node.allocatable.items()
            if name.startswith(prefix)
        }
    for driver in own.spec.drivers if own is not None else ():
        if driver.allocatable is not None and driver.allocatable.count is not None:
            found[driver.name] = driver.allocatable.count
    return found


def _counted(volume: Volume) -> bool:
    inline = volume.aws_elastic_block_store is not None
    return volume.persistent_volume_claim is not None or volume.ephemeral is not None or inline


def _used(pod: Pod, own: CSINode | None, storage: Storage, *, new: bool) -> Used | Unknown:
    """The volumes of a pod that a driver attaches; claims of running pods that are gone do not count."""
    found: Used = {}
    for volume in pod.spec.volumes:
        if volume.aws_elastic_block_store is not None and own is not None:
            found[f"{EBS}/{_ebs(volume.aws_elastic_block_store.volume_id)}"] = EBS
    for volume in claims_of(pod.spec):
        name = claim_name(pod.metadata.name, volume)
        claim = storage.claims.get(f"{pod.metadata.namespace}/{name}")
        if isinstance(claim, Unknown):
            return claim
        if claim is None and new and volume.ephemeral is not None:
            claim = claim_to_be(pod.metadata.namespace, name, volume, storage.classes)
        if claim is None:
            continue
        driver = _driver(claim, own, storage)
        if isinstance(driver, Unknown):
            return driver
        if driver is not None:
            found["/".join(driver)] = driver[0]
    return found


def _driver(claim: PersistentVolumeClaim, own: CSINode | None, storage: Storage) -> tuple[str, str] | Unknown | None:
    """Driver and handle of a claim's volume; of one that is not made yet, those that its class will make."""
    volume = storage.volumes.get(claim.spec.volume_name) if claim.spec.volume_name else None
    if isinstance(volume, Unknown):
        return volume
    if volume is None:
        made = storage.classes.get(class_of(claim)) if class_of(claim) else None
        if made is None or isinstance(made, Unknown):
            return made
        if made.provisioner in IN_TREE and own is None:
            return None
        driver = IN_TREE.get(made.provisioner, made.provisioner)
        return (driver, f"claim-{claim.metadata.namespace}/{claim.metadata.name}") if driver else None
    if volume.spec.csi is not None:
        csi = volume.spec.csi
        return (csi.driver, csi.volume_handle) if csi.driver and csi.volume_handle else None
    if volume.spec.aws_elastic_block_store is not None and own is not None:
        return EBS, _ebs(volume.spec.aws_elastic_block_store.volume_id)
    return None


def _ebs(volume_id: str) -> str:
    """``vol-…`` of ``aws://zone/vol-…`` (csi-translation-lib ``KubernetesVolumeIDToEBSVolumeID``)."""
    return volume_id.rpartition("/")[2]


def _attached(node: str, storage: Storage) -> Used | Unknown:
    """What VolumeAttachments say, also of volumes that no pod uses (any more)."""
    if storage.attachments.missing is not None:
        return storage.attachments.missing
    found: Used = {}
    for one in storage.attachments.found.get(node, ()):
        name = one.spec.source.persistent_volume_name
        volume = storage.volumes.get(name) if name and one.spec.attacher else None
        if isinstance(volume, Unknown):
            return volume
        if volume is not None and volume.spec.csi is not None:
            found[f"{one.spec.attacher}/{volume.spec.csi.volume_handle}"] = one.spec.attacher
    return found


def once_in_use(version: SchedulerVersion) -> str:
    """What VolumeRestrictions says of a ReadWriteOncePod claim that a pod has."""
    if version.minor >= 34:
        return (
            "node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by "
            "another pod"
        )
    return "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"


def once_users(pod: Pod, cluster: Cluster) -> bool | Unknown:
    """Whether a placed pod, wherever it is, has one of the pod's ReadWriteOncePod claims."""
    storage = cluster.storage
    if storage is None:
        return False
    names: set[str] = set()
    for volume in pod.spec.volumes:
        if volume.persistent_volume_claim is None:
            continue
        claim = storage.claims.get(f"{pod.metadata.namespace}/{volume.persistent_volume_claim.claim_name}")
        if isinstance(claim, Unknown):
            return claim
        if claim is not None and ONE_POD in claim.spec.access_modes:
            names.add(claim.metadata.name)
    if not names:
        return False
    return any(
        other.metadata.namespace == pod.metadata.namespace
        and any(claim_name(other.metadata.name, volume) in names for volume in claims_of(other.spec))
        for node in cluster.nodes
        for other in node.pods
    )


def restrictions(pod: Pod, node: NodeView, once: bool | Unknown, version: SchedulerVersion) -> Feasibility:
    """VolumeRestrictions: a disk named in the pod that a pod of the node has, or a claim for one pod at a time."""
    mine = list(disks_of(pod))
    if mine and any(_clash(one, other) for other_pod in node.pods for other in disks_of(other_pod) for one in mine):
        return refused(RESTRICTIONS, DISK_TAKEN)
    if isinstance(once, Unknown):
        return undecided(RESTRICTIONS, once)
    return refused(RESTRICTIONS, once_in_use(version)) if once else FEASIBLE


_Disk = tuple[str, Mapping[str, object], bool]


def disks_of(pod: Pod) -> Iterator[_Disk]:
    """Kind, identity and read-only of the disks that a pod names itself."""
    for volume in pod.spec.volumes:
        if volume.aws_elastic_block_store is not None:
            yield "ebs", {"id": volume.aws_elastic_block_store.volume_id}, False
        if (disk := volume.gce_persistent_disk) is not None:
            yield "gce", {"id": disk.pd_name}, disk.read_only
        if (disk := volume.iscsi) is not None:
            yield "iscsi", {"id": disk.iqn}, disk.read_only
        if (disk := volume.rbd) is not None:
            yield "rbd", {"id": (disk.pool, disk.image), "monitors": disk.monitors}, disk.read_only


def _clash(one: _Disk, other: _Disk) -> bool:
    """The same disk, unless both mount it read-only."""
    if one[0] != other[0] or one[1]["id"] != other[1]["id"] or (one[2] and other[2]):
        return False
    monitors, others = one[1].get("monitors", ()), other[1].get("monitors", ())
    if one[0] == "rbd" and isinstance(monitors, Sequence) and isinstance(others, Sequence):
        return not set(monitors).isdisjoint(others)
    return True
