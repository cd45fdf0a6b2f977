"""Write a snapshot to one file: same snapshot, same bytes; whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import msgspec

from clusterproof._version import __version__
from clusterproof.errors import InputError
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.format import (
    FORMAT,
    FRAME_BYTES,
    MANIFEST,
    VERSION,
    Frame,
    KindRecord,
    Manifest,
    UnknownFields,
    member,
)
from clusterproof.snapshot.snapshot import Snapshot, Table, UnknownField

_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold: every member carries it, so that bytes do not depend on the clock."""


def write(snapshot: Snapshot, path: str | Path) -> None:
    """Write the snapshot; an existing file is replaced in one step, and only when all is written.

    Raises:
        InputError: the file cannot be written there; nothing is left behind.
    """
    if Path(path).exists() and not Path(path).is_file():  # a directory, a device, a pipe: nothing to put a file on
        raise InputError("the snapshot cannot be written here (it is no file); name another place", where=str(path))
    target = Path(os.path.realpath(path))  # a link stays, and leads to what was written
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _removed_on_failure(beside), beside.open("xb") as file:
            write_to(snapshot, file)
            file.flush()
            os.fsync(file.fileno())
            beside.replace(target)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"the snapshot cannot be written here ({reason}); name another place", where=str(path)
        ) from None


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    """Removes the file also on Ctrl-C: a half-written snapshot must not stay."""
    try:
        yield
    except FileExistsError:
        raise
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def write_to(snapshot: Snapshot, file: IO[bytes]) -> None:
    """Write the snapshot's bytes to an open, seekable binary file."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        kinds: dict[str, KindRecord] = {}
        for name in sorted(snapshot.tables):
            kinds[name] = _write_kind(archive, name, snapshot.tables[name])
        meta = snapshot.meta
        manifest = Manifest(
            format=FORMAT,
            version=VERSION,
            tool=__version__,
            time=meta.time,
            cluster=meta.cluster,
            account=meta.account,
            region=meta.region,
            kubernetes_version=meta.kubernetes_version,
            sources=meta.sources,
            notes=meta.notes,
            kinds=kinds,
        )
        archive.writestr(_member(MANIFEST), msgspec.json.encode(manifest))


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_STORED
    info.create_system = 3
    info.external_attr = 0o644 << 16
    return info


def _write_kind(archive: zipfile.ZipFile, name: str, table: Table[Any]) -> KindRecord:
    import zstandard  # only writing and reading snapshots pay for it

    # One thread and content size in each frame: deterministic, and a reader knows what it must allocate.
    compressor = zstandard.ZstdCompressor(level=3, write_content_size=True)
    digest = hashlib.blake2b(digest_size=32)
    frames: list[Frame] = []
    offset = first = total = 0
    with archive.open(_member(member(name)), "w", force_zip64=True) as out:
        for batch in _batches(table):
            text = b"".join(batch)
            digest.update(text)
            packed = compressor.compress(text)
            out.write(packed)
            frames.append(Frame(offset, len(packed), first, len(batch), len(text), zlib.crc32(packed)))
            offset += len(packed)
            first += len(batch)
            total += len(text)
    return KindRecord(
        count=first,
        size=total,
        blake2b=digest.hexdigest(),
        coverage=table.coverage,
        unknown_fields=_grouped(table.unknown_fields),
        frames=tuple(frames),
    )


def _batches(table: Table[Any]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size = 0
    for position in range(len(table)):
        line = table.lines.line(position)
        if b"\n" in line or b"\r" in line:
            line = msgspec.json.format(line, indent=-1)
        batch.append(line + b"\n")
        size += len(line) + 1
        if size >= FRAME_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _grouped(fields: tuple[UnknownField, ...]) -> tuple[UnknownFields, ...]:
    groups: dict[Unknown, list[tuple[str, str]]] = {}
    for item in fields:
        groups.setdefault(item.unknown, []).append((item.key, item.path))
    return tuple(
        UnknownFields(unknown.cause, unknown.detail, unknown.remedy, tuple(pairs)) for unknown, pairs in groups.items()
    )
