"""Outlines: a pod with only the fields that its controller's template does not tell.

Pods are the bulk of a snapshot, and most of what a pod says stands in its template
too. Read as outlines they take a sixth of the memory and a third of the time
(docs/benchmarks.md).
"""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Obj
from clusterproof.snapshot.kubernetes.pods import ClaimSource


class TemplateHash(Obj, frozen=True):
    """Of a pod's labels, the one that a Deployment adds."""

    pod_template_hash: str = field(default="", name="pod-template-hash")


class OwnerOutline(Obj, frozen=True):
    """An owner reference without its UID."""

    kind: str = ""
    name: str = ""
    controller: bool = False


class PodOutlineMetadata(Obj, frozen=True):
    """Which pod, and whose."""

    name: str = ""
    namespace: str = ""
    labels: TemplateHash = TemplateHash()
    owner_references: tuple[OwnerOutline, ...] = ()


class VolumeOutline(Obj, frozen=True):
    """A volume's claim, where it is one."""

    persistent_volume_claim: ClaimSource | None = None


class PodOutlineSpec(Obj, frozen=True):
    """Where the pod is, and its volumes."""

    node_name: str = ""
    volumes: tuple[VolumeOutline, ...] = ()


class PodOutlineStatus(Obj, frozen=True):
    """Whether the pod is finished."""

    phase: str = ""


class PodOutline(Obj, frozen=True):
    """What the world reads of every pod; :class:`~clusterproof.snapshot.kubernetes.Pod` has the rest."""

    metadata: PodOutlineMetadata
    spec: PodOutlineSpec = PodOutlineSpec()
    status: PodOutlineStatus = PodOutlineStatus()
