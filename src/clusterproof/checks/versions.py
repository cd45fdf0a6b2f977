"""Which version of a component is installed, by the surest source that was read, and which source that was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec

from clusterproof.profiles.functions import is_version, lt, semver
from clusterproof.profiles.lookups import plain_version, tag_of
from clusterproof.profiles.model import Installed
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import HelmRelease
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Workload

CHART_LABEL = "helm.sh/chart"
"""``NAME-VERSION`` (Helm, Chart Best Practices, "Labels and Annotations"); a ``+`` of the version is written ``_``."""
APP_LABEL = "app.kubernetes.io/version"
_RELEASE, _RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
"""Annotations that Helm sets on what it owns (Helm 3, ownership of resources)."""


class Found(msgspec.Struct, frozen=True):
    """A version, and where it was read.

    Attributes:
        version: without what EKS puts around it; empty where the source names none.
        ref: the source, as evidence.
        source: what it is in a clause: ``Helm release keda/keda (keda-2.15.1)``.
        other: whether it counts something else than was asked for (an image's tag in place of a chart's version).
    """

    version: str
    ref: Ref
    source: str
    other: bool = False


def versions(snapshot: Snapshot, check: Installed, workloads: Sequence[Workload]) -> tuple[Found, ...] | Unknown | None:
    """Every version of a component that its surest source tells; None where none tells any; unknown where none was read."""
    unread: list[Unknown] = []
    for source in _SOURCES if check.version != "addon" else (_addon, _images):
        found = source(snapshot, check, workloads)
        if isinstance(found, Unknown):
            unread.append(found)
        elif found:
            return tuple(found)
    return unread[0] if unread else None


def _releases(snapshot: Snapshot, check: Installed, workloads: Sequence[Workload]) -> list[Found] | Unknown:
    """The Helm releases of the chart that brought these workloads; where nothing says which, all of the chart."""
    if not check.chart:
        return []
    releases = [
        r for r in snapshot.objects(kinds.HELM_RELEASES) if r.chart == check.chart and r.status in ("", "deployed")
    ]
    if not releases:
        return snapshot.missing(kinds.HELM_RELEASES) or []
    owners = {owner for workload in workloads if (owner := _owner(snapshot, workload))}
    own = [r for r in releases if (r.metadata.namespace, r.metadata.name) in owners]
    if not own:
        spaces = {workload.namespace for workload in workloads}
        own = [r for r in releases if r.metadata.namespace in spaces] or releases
    return [_of_release(release, check) for release in own]


def _owner(snapshot: Snapshot, workload: Workload) -> tuple[str, str] | None:
    raw = raw_of(snapshot, workload)
    notes = ((raw or {}).get("metadata") or {}).get("annotations") or {}
    return (notes.get(_RELEASE_NAMESPACE, ""), notes[_RELEASE]) if _RELEASE in notes else None


def _of_release(release: HelmRelease, check: Installed) -> Found:
    key = f"{release.metadata.namespace}/{release.metadata.name}"
    app = check.version == "app"
    version = release.app_version if app else release.version
    field = "app_version" if app else "version"
    source = f"Helm release {key} ({release.chart}-{release.version})"
    return Found(plain_version(version), Ref(kinds.HELM_RELEASES.name, key, field, version), source)


def _labels(snapshot: Snapshot, check: Installed, workloads: Sequence[Workload]) -> list[Found]:
    found: list[Found] = []
    app = check.version == "app"
    for workload in workloads:
        raw = raw_of(snapshot, workload)
        ref = workload.ref
        labels = ((raw or {}).get("metadata") or {}).get("labels") or {}
        name = APP_LABEL if app else CHART_LABEL
        text = labels.get(name, workload.labels.get(name, ""))
        if not app and not (check.chart and text.startswith(f"{check.chart}-")):
            continue
        version = text if app else text.removeprefix(f"{check.chart}-").replace("_", "+")
        if version and ref is not None:
            where = f"label {name} of {ref.kind} {ref.key}"
            found.append(Found(plain_version(version), Ref(ref.kind, ref.key, f"metadata.labels.{name}", text), where))
    return found


def _addon(snapshot: Snapshot, check: Installed, _: Sequence[Workload]) -> list[Found] | Unknown:
    if not check.addon:
        return []
    addon = snapshot.get(kinds.ADDONS, check.addon)
    if addon is None:
        return snapshot.missing(kinds.ADDONS) or []
    ref = Ref(kinds.ADDONS.name, check.addon, "addonVersion", addon.addon_version)
    return [Found(plain_version(addon.addon_version), ref, f"EKS add-on {check.addon}", check.version == "chart")]


def _images(_: Snapshot, check: Installed, workloads: Sequence[Workload]) -> list[Found]:
    found: list[Found] = []
    for workload in workloads:
        images = [container.image for container in workload.spec.containers]
        version, image = _tag(check.image, images)
        if version and workload.ref is not None:
            ref = Ref(workload.ref.kind, workload.ref.key, "image", image)
            # A pattern in the profile says that the image counts as the chart does.
            other = check.version == "chart" and not check.image
            found.append(Found(plain_version(version), ref, f"the image of {workload.id}", other))
    return found


def _tag(pattern: str, images: Iterable[str]) -> tuple[str, str]:
    """The version in the first image that tells one, and that image."""
    for image in images:
        if pattern:
            match = re.search(pattern, image)
            if match is not None and match.groups() and match[1]:
                return match[1], image
        elif is_version(plain_version(tag_of(image))):
            return tag_of(image), image
    return "", ""


_SOURCES: tuple[Callable[[Snapshot, Installed, Sequence[Workload]], list[Found] | Unknown], ...] = (
    _releases,
    _labels,
    _addon,
    _images,
)
"""The surest first."""


def raw_of(snapshot: Snapshot, workload: Workload) -> dict[str, Any] | None:
    """A workload's controller as its API gave it; None where only its pods were read, or it is a profile's template."""
    ref = workload.ref
    if ref is None or ref.kind not in kinds.BY_NAME or (ref.kind == kinds.PODS.name and workload.kind != "Pod"):
        return None
    return snapshot.raw(kinds.BY_NAME[ref.kind], ref.key)


def is_gone(snapshot: Snapshot, workload: Workload) -> bool:
    """Whether only pods are left of a workload: its controller's kind was read whole, and the controller is not there."""
    kind = next((kind for kind in kinds.ALL if kind.origin == "kubernetes" and kind.wire == workload.kind), None)
    if kind is None or raw_of(snapshot, workload) is not None:
        return False
    return snapshot.missing(kind, workload.namespace) is None


def too_old(found: Found, least: str) -> bool | Unknown:
    """Whether a version is less than the least one; unknown where it counts something else."""
    if found.other:
        what = f"the chart's version was not found: {found.source} says {found.version}, which counts otherwise"
        return Unknown(Cause.NOT_ANSWERABLE, what, f"see whether its chart is {least} or later: helm list -A")
    if not is_version(found.version):
        what = (
            f"{found.source} says {found.version!r}, which is no version"
            if found.version
            else f"{found.source} names no version"
        )
        return Unknown(Cause.NOT_ANSWERABLE, what, f"see which version it is, and whether it is {least} or later")
    return lt(semver(found.version), semver(least))
