"""The snapshot file's own records and limits, shared by its writer and its reader.

The file is a zip whose members are stored, not deflated: ``manifest.json`` and,
per kind, ``objects/<kind>.jsonl.zst``: independent zstd frames of JSON Lines.
``docs/snapshot-format.md`` documents every field here, and a test keeps them together.
"""

from __future__ import annotations

import msgspec

from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.snapshot import Coverage

FORMAT = "clusterproof-snapshot"
VERSION = 1
MANIFEST = "manifest.json"

FRAME_BYTES = 4 * 1024 * 1024
"""A frame is closed when it holds this much JSON (uncompressed bytes)."""

MAX_MANIFEST_BYTES = 512 * 1024 * 1024
MAX_FRAME_BYTES = 64 * 1024 * 1024
"""The most that a frame of several objects may declare; a frame of one object may be larger."""
MAX_OBJECT_BYTES = 1024 * 1024 * 1024
MAX_RATIO = 2000
"""The most that one compressed byte may declare to become; real objects reach some hundreds."""


class Frame(msgspec.Struct, frozen=True):
    """One zstd frame of a kind's member.

    Attributes:
        offset: where it begins in the member, in bytes.
        length: its compressed bytes.
        first: the position of its first object in the kind.
        count: how many objects (lines) it holds.
        size: its uncompressed bytes.
        crc32: CRC-32 of its compressed bytes.
    """

    offset: int
    length: int
    first: int
    count: int
    size: int
    crc32: int


class UnknownFields(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields that are unknown for one and the same reason.

    Attributes:
        cause: one of the closed set of causes.
        detail: why, one clause in plain words.
        remedy: what makes it known; absent when nothing does.
        fields: pairs of object key and path inside the object.
    """

    cause: Cause
    detail: str
    remedy: str = ""
    fields: tuple[tuple[str, str], ...] = ()


class KindRecord(msgspec.Struct, frozen=True):
    """What the manifest says of one kind.

    Attributes:
        count: how many objects.
        size: the uncompressed JSON Lines, in bytes.
        blake2b: BLAKE2b-256 of the uncompressed JSON Lines, as hex.
        coverage: per scope, complete (``missing`` null) or what stopped the reading.
        unknown_fields: fields of single objects that are unknown, grouped by reason.
        frames: the frames of ``objects/<kind>.jsonl.zst`` in order.
    """

    count: int
    size: int
    blake2b: str
    coverage: tuple[Coverage, ...]
    unknown_fields: tuple[UnknownFields, ...]
    frames: tuple[Frame, ...]


class Head(msgspec.Struct, frozen=True):
    """The part of a manifest that every version of the format keeps."""

    format: str
    version: int
    tool: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """``manifest.json``.

    Attributes:
        format: always ``clusterproof-snapshot``.
        version: the format's version, a whole number; readers refuse a newer one.
        tool: the clusterproof version that wrote the file.
        time: when the cluster was read, RFC 3339 in UTC; empty when the input did not say.
        cluster, account, region: what was read; empty when not known.
        kubernetes_version: the control plane's version; empty when not known.
        sources: what it was made from.
        notes: what was left aside while reading, and why.
        kinds: one record per kind that was read, or whose reading was tried.
    """

    format: str
    version: int
    tool: str
    time: str
    cluster: str
    account: str
    region: str
    kubernetes_version: str
    sources: tuple[str, ...]
    notes: tuple[str, ...]
    kinds: dict[str, KindRecord]


def member(kind: str) -> str:
    """The name of a kind's member in the zip."""
    return f"objects/{kind}.jsonl.zst"
