"""Object metadata and selectors."""

from __future__ import annotations

import msgspec
from msgspec import field

Quantity = str | int | float


Labels = dict[str, str]


class Obj(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """Base of the typed Kubernetes structs: camelCase on the wire, immutable."""


class OwnerReference(Obj, frozen=True):
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class Metadata(Obj, frozen=True):
    name: str = ""
    namespace: str = ""
    uid: str = ""
    labels: Labels = field(default_factory=dict)
    annotations: Labels = field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()
    deletion_timestamp: str | None = None


class PodMetadata(Obj, frozen=True):
    """Metadata of a pod: without annotations other than what rules read (kept small: pods are many)."""

    name: str = ""
    namespace: str = ""
    labels: Labels = field(default_factory=dict)
    annotations: Labels = field(default_factory=dict)
    owner_references: tuple[OwnerReference, ...] = ()
    deletion_timestamp: str | None = None


class SelectorRequirement(Obj, frozen=True):
    """``operator``: In, NotIn, Exists, DoesNotExist; for nodes also Gt, Lt."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(Obj, frozen=True):
    match_labels: Labels = field(default_factory=dict)
    match_expressions: tuple[SelectorRequirement, ...] = ()


class NodeSelectorTerm(Obj, frozen=True):
    match_expressions: tuple[SelectorRequirement, ...] = ()
    match_fields: tuple[SelectorRequirement, ...] = ()


class NodeSelector(Obj, frozen=True):
    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()
