"""The inventory of a snapshot."""

from __future__ import annotations

from clusterproof.placement.devices.inventory import Inventory
from clusterproof.placement.version import SchedulerVersion, scheduler_version
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes import PodSpec
from clusterproof.world.ground import Ground


def inventory_of(world: Ground, spec: PodSpec, namespace: str) -> Inventory | None:
    """What there is to allocate, for a pod of that namespace; None where no claim and no device class is in play.

    A kind that was not read in full is unknown. Where device classes were not read and the pod has no claim, extended
    resources are taken for what nodes say of them.
    """
    snapshot = world.snapshot
    if not spec.resource_claims and not any(
        item.spec.extended_resource_name for item in snapshot.objects(kinds.DEVICE_CLASSES)
    ):
        return None
    known = ("devices", namespace)
    if known not in world.memo:
        version = scheduler_version(world.kubernetes_version)
        claims = {
            f"{item.metadata.namespace}/{item.metadata.name}": item for item in snapshot.objects(kinds.RESOURCE_CLAIMS)
        }
        templates = {
            f"{item.metadata.namespace}/{item.metadata.name}": item
            for item in snapshot.objects(kinds.RESOURCE_CLAIM_TEMPLATES)
        }
        classes = {item.metadata.name: item for item in snapshot.objects(kinds.DEVICE_CLASSES)}
        world.memo[known] = Inventory(
            snapshot.missing(kinds.RESOURCE_CLAIMS, namespace) or claims,
            snapshot.missing(kinds.RESOURCE_CLAIM_TEMPLATES, namespace) or templates,
            snapshot.missing(kinds.DEVICE_CLASSES) or classes,
            snapshot.missing(kinds.RESOURCE_SLICES) or tuple(snapshot.objects(kinds.RESOURCE_SLICES)),
            version.minor if isinstance(version, SchedulerVersion) else None,
            elsewhere=snapshot.missing(kinds.RESOURCE_CLAIMS),
        )
    found: Inventory = world.memo[known]
    return found
