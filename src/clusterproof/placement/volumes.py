"""Which nodes a pod's volumes can be attached to.

Source: kubernetes ``pkg/scheduler/framework/plugins/volumebinding`` (a bound volume's ``nodeAffinity``) and
``volumezone`` (zone and region labels of the volume, several values joined by ``__``).
"""

from __future__ import annotations

from collections.abc import Mapping

from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import (
    NodeSelector,
    NodeSelectorTerm,
    PersistentVolume,
    PersistentVolumeClaim,
    PodSpec,
    SelectorRequirement,
)

ZONE_LABELS = ("topology.kubernetes.io/zone", "topology.kubernetes.io/region")


def volume_selectors(
    spec: PodSpec,
    namespace: str,
    claims: Mapping[str, PersistentVolumeClaim] | Unknown,
    volumes: Mapping[str, PersistentVolume] | Unknown,
) -> tuple[NodeSelector, ...] | Unknown:
    """What the bound volumes of a pod ask of its node; every selector has to match.

    A claim that is not bound restricts nothing here: with ``WaitForFirstConsumer`` its volume is made where the
    pod lands. That admits every node, which is the safe side when a requirement must hold on all of them
    (``allowedTopologies`` of a storage class is not read).

    Args:
        spec: the pod.
        namespace: the pod's, which is that of its claims.
        claims: by ``namespace/name``.
        volumes: by name.

    Returns:
        The selectors, or why they cannot be told: a claim or a volume that was not read.
    """
    wanted: list[NodeSelector] = []
    for one in spec.volumes:
        if one.persistent_volume_claim is None:
            continue
        key = f"{namespace}/{one.persistent_volume_claim.claim_name}"
        if isinstance(claims, Unknown):
            return claims
        claim = claims.get(key)
        if claim is None:
            return _unread("persistent volume claim", key, "persistentvolumeclaims -A")
        if not claim.spec.volume_name:
            continue
        if isinstance(volumes, Unknown):
            return volumes
        volume = volumes.get(claim.spec.volume_name)
        if volume is None:
            return _unread("persistent volume", claim.spec.volume_name, "persistentvolumes")
        wanted.extend(_of_volume(volume))
    return tuple(wanted)


def _of_volume(volume: PersistentVolume) -> list[NodeSelector]:
    selectors = []
    if volume.spec.node_affinity is not None and volume.spec.node_affinity.required is not None:
        selectors.append(volume.spec.node_affinity.required)
    labels = volume.metadata.labels
    zones = tuple(
        SelectorRequirement(key, "In", tuple(sorted(labels[key].split("__")))) for key in ZONE_LABELS if key in labels
    )
    if zones:
        selectors.append(NodeSelector((NodeSelectorTerm(zones),)))
    return selectors


def _unread(what: str, key: str, kind: str) -> Unknown:
    return Unknown(Cause.NOT_COLLECTED, f"{what} {key} was not read", f"give kubectl get {kind} -o json")
