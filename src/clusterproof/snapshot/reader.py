"""Read a snapshot file: the manifest at once, each kind only when it is asked for.

The file's compressed bytes are held in memory (a thirtieth of the JSON, by
experience), so a file that changes or vanishes while it is in use does no harm.
Every way in which a file can be wrong is a :class:`SnapshotFormatError` of one sentence.
"""

from __future__ import annotations

import bisect
import hashlib
import io
import os
import struct
import threading
import zipfile
import zlib
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from clusterproof.errors import InputError, SnapshotFormatError
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.format import (
    FORMAT,
    MANIFEST,
    MAX_FRAME_BYTES,
    MAX_MANIFEST_BYTES,
    MAX_OBJECT_BYTES,
    MAX_RATIO,
    VERSION,
    Frame,
    Head,
    KindRecord,
    Manifest,
    member,
)
from clusterproof.snapshot.kinds import BY_NAME
from clusterproof.snapshot.snapshot import Meta, Snapshot, Table, UnknownField

T = TypeVar("T")

_AGAIN = "copy the file again or make the snapshot again"
_LOCAL_HEADER = struct.Struct("<4s5H3L2H")
_AHEAD = 4
"""Frames being decompressed while one is decoded; bounds memory at some 16 MB beyond the objects."""


def read(path: str | Path) -> Snapshot:
    """The snapshot in a file; kinds are decompressed and decoded when first asked for.

    Raises:
        InputError: the file cannot be opened.
        SnapshotFormatError: it is truncated, foreign, damaged, or of a newer format. Damage inside
            a kind is found (and raised) when that kind is first used.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"cannot be read ({reason}); name a snapshot file that can", where=str(path)) from None
    return from_bytes(data, str(path))


def from_bytes(data: bytes, where: str = "snapshot") -> Snapshot:
    """The snapshot in the bytes of a file; ``where`` names the file in errors."""
    manifest, members = _open(data, where)
    notes = list(manifest.notes)
    tables: dict[str, Table[Any]] = {}
    for name in sorted(manifest.kinds):
        record = manifest.kinds[name]
        if name not in BY_NAME:
            notes.append(f"{where}: kind {name} is not known to this clusterproof and was left aside")
            continue
        unknown = [
            UnknownField(key, path, Unknown(group.cause, group.detail, group.remedy))
            for group in record.unknown_fields
            for key, path in group.fields
        ]
        lines = FrameLines(members[name], record.frames, record.count, f"{where}: {name}")
        tables[name] = Table(BY_NAME[name], lines, record.coverage, unknown)
    meta = Meta(
        time=manifest.time,
        cluster=manifest.cluster,
        account=manifest.account,
        region=manifest.region,
        tool_version=manifest.tool,
        kubernetes_version=manifest.kubernetes_version,
        sources=manifest.sources,
        notes=tuple(notes),
    )
    return Snapshot(meta, tables)


def read_manifest(path: str | Path) -> Manifest:
    """Only the manifest, for ``snapshot inspect``."""
    return _open(Path(path).read_bytes(), str(path))[0]


def verify(path: str | Path) -> Manifest:
    """Read everything and compare each kind with the manifest's hash; what ``snapshot inspect`` asks for.

    Raises:
        SnapshotFormatError: a kind is not what was written.
    """
    manifest, members = _open(Path(path).read_bytes(), str(path))
    for name, record in manifest.kinds.items():
        where = f"{path}: {name}"
        digest = hashlib.blake2b(digest_size=32)
        for frame in record.frames:
            text = _decompress(members[name], frame, where)
            digest.update(text)
        if digest.hexdigest() != record.blake2b:
            raise SnapshotFormatError(f"is damaged (its hash is not the manifest's); {_AGAIN}", where=where)
    return manifest


class FrameLines:
    """A kind's objects as independent zstd frames; implements ``snapshot.Lines``.

    Decompression runs in threads (zstandard releases the GIL) while the caller's
    thread decodes; one object costs one frame.
    """

    __slots__ = ("_count", "_data", "_firsts", "_frames", "_kept", "_where")

    def __init__(self, data: memoryview, frames: tuple[Frame, ...], count: int, where: str) -> None:
        self._data = data
        self._frames = frames
        self._count = count
        self._where = where
        self._firsts = [frame.first for frame in frames]
        self._kept: tuple[int, list[bytes]] | None = None

    def __len__(self) -> int:
        return self._count

    def line(self, index: int) -> bytes:
        """The JSON text of object ``index``; the frame it is in stays decompressed for the next call."""
        if not 0 <= index < self._count:
            raise IndexError(index)
        number = bisect.bisect_right(self._firsts, index) - 1
        if self._kept is None or self._kept[0] != number:
            frame = self._frames[number]
            lines = _decompress(self._data, frame, self._where).split(b"\n")
            if len(lines) != frame.count + 1 or lines[-1]:
                raise self._miscounted(frame, len(lines) - 1)
            self._kept = (number, lines)
        return self._kept[1][index - self._firsts[number]]

    def decode(self, type_: type[T]) -> list[T]:
        """All objects, decoded in order.

        Raises:
            SnapshotFormatError: a frame is damaged, miscounted, or holds something else than this kind.
        """
        decoder = msgspec.json.Decoder(type_)
        result: list[T] = []
        for frame, text in self._texts():
            try:
                objects = decoder.decode_lines(text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise SnapshotFormatError(
                    f"objects {frame.first} to {frame.first + frame.count - 1} are not of this kind "
                    f"({error}); make the snapshot again",
                    where=self._where,
                ) from None
            if len(objects) != frame.count:
                raise self._miscounted(frame, len(objects))
            result += objects
        return result

    def _miscounted(self, frame: Frame, found: int) -> SnapshotFormatError:
        return SnapshotFormatError(
            f"the frame at byte {frame.offset} holds {found} objects where the manifest says {frame.count}; {_AGAIN}",
            where=self._where,
        )

    def _texts(self) -> Iterator[tuple[Frame, bytes]]:
        """Each frame with its text, decompressed ahead of the reader by a few frames."""
        if len(self._frames) <= 1:
            for frame in self._frames:
                yield frame, _decompress(self._data, frame, self._where)
            return
        workers = min(4, max(1, (os.cpu_count() or 2) - 1))
        with ThreadPoolExecutor(workers, thread_name_prefix="zstd") as pool:
            waiting: deque[tuple[Frame, Future[bytes]]] = deque()
            for frame in self._frames:
                waiting.append((frame, pool.submit(_decompress, self._data, frame, self._where)))
                if len(waiting) > _AHEAD:
                    ready, future = waiting.popleft()
                    yield ready, future.result()
            for ready, future in waiting:
                yield ready, future.result()


_local = threading.local()


def _decompress(data: memoryview, frame: Frame, where: str) -> bytes:
    """One frame's text, its checksum and size verified first."""
    import zstandard  # only writing and reading snapshots pay for it

    packed = data[frame.offset : frame.offset + frame.length]
    damaged = SnapshotFormatError(f"the frame at byte {frame.offset} is damaged; {_AGAIN}", where=where)
    if zlib.crc32(packed) != frame.crc32:
        raise damaged
    decompressor = getattr(_local, "decompressor", None)
    if decompressor is None:
        decompressor = _local.decompressor = zstandard.ZstdDecompressor()
    try:
        # The size is checked before anything is allocated: the frame's own header could ask for any amount.
        if zstandard.frame_content_size(packed) != frame.size:
            raise damaged
        text: bytes = decompressor.decompress(packed)
    except zstandard.ZstdError:
        raise damaged from None
    if len(text) != frame.size:
        raise damaged
    return text


def _open(data: bytes, where: str) -> tuple[Manifest, dict[str, memoryview]]:
    """The manifest and each kind's member, checked against one another; nothing is decompressed."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = {info.filename: info for info in archive.infolist()}
            manifest_bytes = _manifest_bytes(archive, infos, where)
    except SnapshotFormatError:
        raise
    except (
        zipfile.BadZipFile,
        ValueError,
        struct.error,
        OSError,
        EOFError,
        KeyError,
        RuntimeError,
        zlib.error,
    ) as error:
        if data.startswith(b"PK"):
            raise SnapshotFormatError(f"the snapshot is truncated or damaged; {_AGAIN}", where=where) from error
        raise SnapshotFormatError(
            "is not a snapshot file; name one, or a directory of kubectl and aws output", where=where
        ) from error
    manifest = _manifest(manifest_bytes, where)
    members = {}
    for name, record in manifest.kinds.items():
        info = infos.get(member(name))
        if info is None:
            raise SnapshotFormatError(f"the snapshot lacks its member {member(name)}; {_AGAIN}", where=where)
        members[name] = _stored(data, info, where)
        _check_frames(record, len(members[name]), f"{where}: {name}")
    return manifest, members


def _manifest_bytes(archive: zipfile.ZipFile, infos: dict[str, zipfile.ZipInfo], where: str) -> bytes:
    info = infos.get(MANIFEST)
    if info is None:
        raise SnapshotFormatError(
            "is a zip, but not a snapshot (it has no manifest.json); unpack it and name the directory", where=where
        )
    if info.file_size > MAX_MANIFEST_BYTES or info.file_size > info.compress_size * MAX_RATIO:
        raise SnapshotFormatError(
            f"the manifest declares {info.file_size} bytes, more than is read; {_AGAIN}", where=where
        )
    return archive.read(info)


def _manifest(data: bytes, where: str) -> Manifest:
    foreign = SnapshotFormatError(
        "is a zip with a manifest.json that no clusterproof wrote; unpack it and name the directory", where=where
    )
    try:
        head = msgspec.json.decode(data, type=Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise foreign from None
    if head.format != FORMAT:
        raise foreign
    if head.version > VERSION:
        raise SnapshotFormatError(
            f"has format version {head.version}, written by clusterproof {head.tool or 'of a later release'}; this "
            f"one reads up to {VERSION}: install clusterproof {head.tool or 'of that release'} or newer",
            where=where,
        )
    try:
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotFormatError(f"the manifest is damaged ({error}); {_AGAIN}", where=where) from None


def _stored(data: bytes, info: zipfile.ZipInfo, where: str) -> memoryview:
    """A stored member's bytes, without a copy (APPNOTE.TXT 4.3.7: the local header's own name and extra lengths)."""
    damaged = SnapshotFormatError(f"its member {info.filename} is damaged; {_AGAIN}", where=where)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size or info.flag_bits & 1:
        raise damaged
    begin = info.header_offset
    header = data[begin : begin + _LOCAL_HEADER.size] if begin >= 0 else b""
    if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
        raise damaged
    *_, name_length, extra_length = _LOCAL_HEADER.unpack(header)
    start = begin + _LOCAL_HEADER.size + name_length + extra_length
    found = memoryview(data)[start : start + info.file_size]
    if len(found) != info.file_size:
        raise damaged
    return found


def _check_frames(record: KindRecord, available: int, where: str) -> None:
    """Frames lie side by side, count every object once, and declare believable sizes."""
    offset = first = size = 0
    for frame in record.frames:
        if frame.offset != offset or frame.first != first or frame.count < 1 or frame.length < 1:
            raise SnapshotFormatError(f"its index is damaged at byte {offset}; {_AGAIN}", where=where)
        limit = MAX_OBJECT_BYTES if frame.count == 1 else MAX_FRAME_BYTES
        # Each object is at least "{}" and a newline, so a count cannot exceed a third of the size.
        if frame.size > limit or frame.size > frame.length * MAX_RATIO or frame.size < frame.count * 3:
            raise SnapshotFormatError(
                f"the frame at byte {offset} declares {frame.size} bytes and {frame.count} objects in "
                f"{frame.length} compressed bytes, which no snapshot has; {_AGAIN}",
                where=where,
            )
        offset += frame.length
        first += frame.count
        size += frame.size
    if first != record.count or size != record.size or offset != available:
        raise SnapshotFormatError(
            f"the manifest says {record.count} objects in {available} bytes and its index {first} in {offset}; {_AGAIN}",
            where=where,
        )
