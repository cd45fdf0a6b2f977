"""From what the user named (files, directories, archives, ``-``) to files with bytes, in a fixed order."""

from __future__ import annotations

import io
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from clusterproof.errors import InputError
from clusterproof.sources.documents import MAX_JSON_BYTES, megabytes

MAX_MEMBERS = 500_000
_GZIP = b"\x1f\x8b"


class File:
    """One file to look at.

    Attributes:
        where: its name in messages, as the user would find it.
        hint: its path below the input, with slashes; says a kind or namespace only where the content cannot.
        explicit: whether the user named the file itself, so that an unrecognised one is an error.
        bundle: whether it comes from a troubleshoot.sh support bundle.
    """

    __slots__ = ("_read", "bundle", "explicit", "hint", "where")

    def __init__(
        self, where: str, hint: str, read: Callable[[], bytes], *, explicit: bool, bundle: bool = False
    ) -> None:
        self.where = where
        self.hint = hint
        self._read = read
        self.explicit = explicit
        self.bundle = bundle

    def read(self) -> bytes:
        """All bytes.

        Raises:
            InputError: the file cannot be read.
        """
        try:
            return self._read()
        except OSError as error:
            raise _unreadable(self.where, error) from None

    @property
    def stem(self) -> str:
        """The file's name without directories and extensions, lower case."""
        return self.hint.rsplit("/", 1)[-1].split(".")[0].lower()

    @property
    def extension(self) -> str:
        """What follows the last dot of the name, lower case; empty when there is none."""
        name = self.hint.rsplit("/", 1)[-1]
        return name.rsplit(".", 1)[-1].lower() if "." in name else ""


def expand(inputs: Sequence[str | Path], stdin: BinaryIO | None) -> Iterator[File]:
    """Every file behind the inputs; directories recursively, by name; archives' members like a directory's files.

    Raises:
        InputError: an input does not exist or cannot be read.
    """
    for given in inputs:
        if str(given) == "-":
            if stdin is None:
                raise InputError("nothing can be read here; pipe kubectl or aws output in, or name a file", where="-")
            yield from _unpacked(File("stdin", "-", stdin.read, explicit=True))
        else:
            yield from _path(Path(given), str(given))


def _unreadable(where: str, error: OSError) -> InputError:
    reason = error.strerror or type(error).__name__
    return InputError(f"cannot be read ({reason}); name one that can, or leave it out", where=where)


def _path(path: Path, where: str) -> Iterator[File]:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise _unreadable(where, error) from None
    if not stat.S_ISDIR(mode):
        yield from _unpacked(File(where, path.name, path.read_bytes, explicit=True))
        return
    bundle = (path / "cluster-resources").is_dir()
    for found in _walk(path, set()):
        hint = found.relative_to(path).as_posix()
        inside = bundle or "cluster-resources/" in hint
        if inside and "cluster-resources/" not in hint and "cluster-info/" not in hint:
            continue
        # The input's own name is a hint too: `dump/kube-system/pods.json` given as `dump/kube-system`.
        file = File(str(found), f"{path.resolve().name}/{hint}", found.read_bytes, explicit=False, bundle=inside)
        yield from _unpacked(file)


def _walk(directory: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    """Regular files below a directory in order of name; hidden ones left out, each directory visited once."""
    try:
        identity = directory.stat()
        if (identity.st_dev, identity.st_ino) in seen:
            return
        seen.add((identity.st_dev, identity.st_ino))
        names = sorted(entry.name for entry in directory.iterdir())
    except OSError as error:
        raise _unreadable(str(directory), error) from None
    for name in names:
        path = directory / name
        if name.startswith("."):
            continue
        try:
            mode = path.stat().st_mode
        except OSError as error:
            if path.is_symlink():
                continue  # dangling, or a loop of links: there is no file behind it
            raise _unreadable(str(path), error) from None
        if stat.S_ISDIR(mode):
            yield from _walk(path, seen)
        elif stat.S_ISREG(mode):
            yield path


def _unpacked(file: File) -> Iterator[File]:
    """The file itself, or what a .gz or .tar.gz holds."""
    if not file.explicit and file.extension not in ("gz", "tgz", "tar"):
        yield file
        return
    data = file.read()
    if data.startswith(_GZIP):
        data = _gunzipped(data, file.where)
    if data[257:262] != b"ustar":
        yield File(file.where, file.hint.removesuffix(".gz"), lambda: data, explicit=file.explicit, bundle=file.bundle)
        return
    yield from _members(data, file.where)


def _gunzipped(data: bytes, where: str) -> bytes:
    import gzip  # archives are rare: only their readers pay for the imports
    import zlib

    pieces: list[bytes] = []
    total = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            while piece := stream.read(1 << 24):
                total += len(piece)
                if total > MAX_JSON_BYTES:
                    raise InputError(
                        f"unpacks to more than {megabytes(MAX_JSON_BYTES)}; unpack it and name the files", where=where
                    )
                pieces.append(piece)
    except (OSError, EOFError, zlib.error):
        raise InputError("is a damaged or truncated gzip file; copy it again", where=where) from None
    return b"".join(pieces)


def _members(data: bytes, where: str) -> Iterator[File]:
    import tarfile

    try:
        members = []
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                members.append(member)
                if len(members) > MAX_MEMBERS:
                    raise InputError(
                        f"holds more than {MAX_MEMBERS} files; unpack it and name a directory", where=where
                    )
    except (tarfile.TarError, EOFError, ValueError, OSError):
        raise InputError("is a damaged or truncated tar archive; copy it again", where=where) from None
    regular = sorted((m for m in members if m.isreg()), key=lambda m: m.name)
    bundle = any("cluster-resources/" in member.name for member in regular)
    for member in regular:
        name = member.name
        if any(part.startswith(".") and part != "." for part in name.split("/")):
            continue
        if bundle and "cluster-resources/" not in name and "cluster-info/" not in name:
            continue
        begin, size = member.offset_data, member.size
        if begin + size > len(data) or member.sparse is not None:
            raise InputError("is a truncated tar archive; copy it again", where=where)

        def read(begin: int = begin, size: int = size) -> bytes:
            return data[begin : begin + size]

        yield File(f"{where}: {name}", name, read, explicit=False, bundle=bundle)
