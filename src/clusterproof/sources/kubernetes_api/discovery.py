"""Which resources the API server serves, and in which versions (Kubernetes API Concepts, "API discovery")."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.hints import api_version_of
from clusterproof.sources.kubernetes_api.client import Client, Stopped


class _Version(msgspec.Struct, rename="camel"):
    group_version: str
    version: str


class _Group(msgspec.Struct, rename="camel"):
    name: str
    versions: list[_Version]
    preferred_version: _Version | None = None


class _Groups(msgspec.Struct):
    kind: str
    groups: list[_Group]


class _Resource(msgspec.Struct):
    name: str
    verbs: list[str]
    namespaced: bool = False


class _Resources(msgspec.Struct):
    kind: str
    resources: list[_Resource]


class Discovery(msgspec.Struct, frozen=True):
    """What discovery said.

    Attributes:
        groups: API group → its versions, the preferred one first; None when ``/apis`` could not be read.
        served: group/version → the names of resources that can be listed; what could not be read is missing.
        stopped: why ``/apis`` could not be read, as one clause.
    """

    groups: Mapping[str, tuple[str, ...]] | None
    served: Mapping[str, frozenset[str]]
    stopped: str = ""


class Place(msgspec.Struct, frozen=True):
    """Where a kind is listed.

    Attributes:
        api_version: as objects carry it, e.g. ``apps/v1``; empty when the server has no such resource.
        sure: whether discovery said so, or it is only the usual place.
    """

    api_version: str
    sure: bool


def group_of(kind: Kind[Any]) -> str:
    """The API group that holds a kind; Helm releases are Secrets."""
    return "" if kind is kinds.HELM_RELEASES else kind.group


def resource_of(kind: Kind[Any]) -> str:
    """The plural in the URL."""
    return "secrets" if kind is kinds.HELM_RELEASES else kind.resource


def usual(kind: Kind[Any]) -> str:
    """The version that the typed objects were written for."""
    return "v1" if kind is kinds.HELM_RELEASES else api_version_of(kind)


def groups(client: Client, until: float) -> tuple[Mapping[str, tuple[str, ...]] | None, Stopped | None]:
    """The API groups with their versions; None and why when they could not be read."""
    try:
        found = client.ask("/apis", _Groups, until=until)
    except Stopped as stopped:
        return None, stopped
    ordered = {}
    for group in found.groups:
        versions = [version.version for version in group.versions]
        if group.preferred_version is not None:
            versions.insert(0, group.preferred_version.version)
        ordered[group.name] = tuple(dict.fromkeys(versions))
    return ordered, None


def wanted(found: Mapping[str, tuple[str, ...]] | None, asked: Iterable[Kind[Any]]) -> list[str]:
    """The group/versions to ask for what they serve: those of groups that there are and that a kind is of."""
    needed = {group_of(kind) for kind in asked} - {""}
    if found is None:
        return []
    return [f"{group}/{version}" for group in sorted(needed & found.keys()) for version in found[group]]


def resources(client: Client, group_version: str, until: float) -> frozenset[str] | None:
    """The resources of one group/version that can be listed; None when it could not be read."""
    try:
        found = client.ask(f"/apis/{group_version}", _Resources, until=until)
    except Stopped:
        return None
    return frozenset(item.name for item in found.resources if "list" in item.verbs)


def place(found: Discovery, kind: Kind[Any]) -> Place:
    """Where a kind is listed: in the version that is known here if it is served, else in the one that is."""
    group, resource = group_of(kind), resource_of(kind)
    if not group:
        return Place("v1", sure=True)
    known = usual(kind)
    if found.groups is None:
        return Place(known, sure=False)
    if group not in found.groups:
        return Place("", sure=True)
    names = [f"{group}/{version}" for version in found.groups[group]]
    names.sort(key=lambda name: name != known)
    for name in names:
        if resource in found.served.get(name, ()):
            return Place(name, sure=True)
    if all(name in found.served for name in names):
        return Place("", sure=True)
    unread = [name for name in names if name not in found.served]
    return Place(known if known in unread else unread[0], sure=False)
