"""What recognising a file yields: batches of objects, failures, notes."""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage
from clusterproof.sources.clierrors import Failure

WHOLE = Coverage(EVERYWHERE)
"""Complete, everywhere."""


class Batch:
    """Objects of one kind out of one document.

    Attributes:
        kind: their kind.
        items: the objects: JSON text (``msgspec.Raw``) or plain values.
        where: the document, for messages.
        path: where in the document the items stand, e.g. ``items``.
        coverage: what the document says of completeness; None when it says nothing (single objects).
        wire: the Kubernetes kind to fill in where items lack it.
        told: of kinds that are made of pieces: the members that the items tell; None when they tell all of themselves.
    """

    __slots__ = ("coverage", "items", "kind", "path", "told", "where", "wire")

    def __init__(
        self, kind: Kind[Any], found: list[Any], where: str, path: str, coverage: Coverage | None, wire: str = ""
    ) -> None:
        self.kind = kind
        self.items = found
        self.where = where
        self.path = path
        self.coverage = coverage
        self.wire = wire
        self.told: frozenset[str] | None = None


class Found:
    """What one file held."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.failures: list[Failure] = []
        self.notes: list[str] = []
        self.kubernetes_version = ""
        self.recognised = False


def is_set(value: Any) -> bool:
    """Whether a member is there and not null."""
    return value is not None and not (isinstance(value, msgspec.Raw) and bytes(memoryview(value)[:5]) == b"null")


def one_page(where: str, remedy: str) -> Unknown:
    """Why a list that is one page of several is incomplete."""
    return Unknown(Cause.INCOMPLETE, f"{where} is one page of several", remedy)
