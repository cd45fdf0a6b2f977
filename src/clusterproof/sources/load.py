"""Files of kubectl and aws output, dumps, bundles and snapshot files to one snapshot."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from clusterproof._version import __version__
from clusterproof.errors import InputError, UsageError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import ALL, Kind
from clusterproof.snapshot.snapshot import MemoryLines, Meta, Snapshot, Table
from clusterproof.sources import completeness, composed, identity
from clusterproof.sources.batches import Batch, Found
from clusterproof.sources.clierrors import MAX_ERROR_BYTES, failures, first_words, is_error_text
from clusterproof.sources.documents import as_utf8, json_documents, looks_like_json
from clusterproof.sources.files import File, expand
from clusterproof.sources.gather import Gathered
from clusterproof.sources.hints import kind_of_name
from clusterproof.sources.recognise import recognise
from clusterproof.sources.yamltext import yaml_documents

Observer = Callable[[str], None]

_STRUCTURED = {"json", "yaml", "yml"}
_NEVER = {
    "log",
    "md",
    "rst",
    "html",
    "tf",
    "tfvars",
    "tfstate",
    "sh",
    "py",
    "go",
    "png",
    "jpg",
    "jpeg",
    "gif",
    "svg",
    "pdf",
    "csv",
}
"""In a directory these are not looked into: kubectl and aws write none of them."""
_MAX_NOTES = 100


def load_snapshot(
    inputs: Sequence[str | Path],
    *,
    stdin: BinaryIO | None = None,
    collected: Sequence[str] = (),
    cluster: str = "",
    observer: Observer | None = None,
) -> Snapshot:
    """One snapshot from everything that was named.

    Args:
        inputs: snapshot files, directories, archives, single files, or ``-`` for ``stdin``.
        stdin: what ``-`` reads.
        collected: kinds that were asked for; those that no file shows are recorded as complete and empty.
        cluster: chooses one where EKS output of several is given.
        observer: is told the name of each file before it is read.

    Raises:
        InputError: something cannot be read or used; the message names the file and what to do.
        SnapshotFormatError: a snapshot file is truncated, foreign, damaged, or of a newer format.
        UsageError: ``collected`` names something that is no kind, or nothing was named.
    """
    if not inputs:
        raise UsageError("no input was named; name a snapshot, a directory of kubectl and aws output, or -")
    asked = [_asked(name) for name in collected]
    loading = _Loading(cluster)
    files = list(expand(inputs, stdin))
    dumps = {file.hint.rpartition("/")[0] for file in files if file.stem == "replication-controllers"}
    was_enabled = gc.isenabled()
    gc.disable()  # millions of small objects and no cycles among them
    try:
        for file in files:
            if observer is not None:
                observer(file.where)
            folder = file.hint.rpartition("/")[0]
            loading.file(file, folder.rpartition("/")[2] if folder in dumps else "")
    finally:
        if was_enabled:
            gc.enable()
    only = loading.only_snapshot()
    if only is not None and not asked:
        _check_chosen(only, cluster)
        return only
    if not loading.tables and not loading.snapshots and not asked:
        what = "; ".join(loading.notes[:3]) or "no file of kubectl or aws output"
        raise InputError(f"nothing to check was found ({what}); see docs/inputs.md", where=", ".join(map(str, inputs)))
    return loading.snapshot(asked, cluster, tuple(map(str, inputs)))


def _asked(name: str) -> Kind[Any]:
    kind = kind_of_name(name)
    if kind is None:
        known = ", ".join(each.name for each in ALL if each.origin == "kubernetes")
        raise UsageError(f"--collected: {name} is no kind; the kinds are {known}")
    return kind


def _check_chosen(snapshot: Snapshot, cluster: str) -> None:
    if cluster and snapshot.meta.cluster and snapshot.meta.cluster != cluster:
        raise InputError(
            f"is of cluster {snapshot.meta.cluster}, not {cluster}",
            where=", ".join(snapshot.meta.sources) or "the snapshot",
        )


class _Loading:
    """What has been read so far."""

    def __init__(self, cluster: str = "") -> None:
        self.cluster = cluster
        self.tables: dict[str, Gathered] = {}
        self.snapshots: list[tuple[str, Snapshot]] = []
        self.notes: list[str] = []
        self.kubernetes_version = ""
        self.kube_systems: dict[str, str] = {}
        self.bundle = False

    def file(self, file: File, dump_namespace: str) -> None:
        """Reads one file; what it is decides its content."""
        if not file.explicit and file.extension in _NEVER:
            return
        data = file.read()
        if data.startswith(b"PK\x03\x04") or (file.explicit and data.startswith(b"PK\x05\x06")):
            self._zip(file, data)
            return
        data = as_utf8(data, file.where)
        structured = file.explicit or file.extension in _STRUCTURED
        if not data.strip() if len(data) < MAX_ERROR_BYTES else False:
            if structured and not file.bundle:
                raise InputError(
                    "is empty: the command that made it failed; make it again, or leave it out", where=file.where
                )
            return
        if not structured and not looks_like_json(data) and not data.startswith((b"apiVersion:", b"items:", b"---")):
            self._error_text(file, data)
            return
        try:
            found = self._recognised(file, data, dump_namespace)
        except InputError as error:
            if structured or isinstance(error, UsageError):
                raise
            self.notes.append(f"{file.where}: left aside, it is neither JSON nor YAML throughout")
            return
        if found is not None:
            self._take(found, file)

    def _recognised(self, file: File, data: bytes, dump_namespace: str) -> Found | None:
        if looks_like_json(data):
            return recognise(json_documents(data, file.where), file, dump_namespace)
        if self._error_text(file, data):
            return None
        found = recognise(yaml_documents(data, file.where), file, dump_namespace)
        if not found.recognised and file.extension == "json":
            raise InputError(
                f'line 1, column 1: expected JSON, found the text "{first_words(data)}"; make the file again, or leave it out',
                where=file.where,
            )
        return found

    def _take(self, found: Found, file: File) -> None:
        if not found.recognised:
            if file.explicit:
                raise InputError(
                    "holds nothing that kubectl get -o json or aws describe commands print; see docs/inputs.md",
                    where=file.where,
                )
            self.notes.append(f"{file.where}: left aside, it is no kubectl or aws output that is known here")
        self.notes += found.notes
        self.bundle = self.bundle or file.bundle
        self.kubernetes_version = self.kubernetes_version or found.kubernetes_version
        for batch in found.batches:
            self._gathered(batch.kind).add(batch)
            if batch.kind is kinds.NAMESPACES:
                self._remember_kube_system(batch)
        for failure in found.failures:
            self._gathered(failure.kind).failures.append(failure)

    def _remember_kube_system(self, batch: Batch) -> None:
        """Two kube-system namespaces of different UIDs are two clusters; seen before the duplicate is complained of."""
        gathered = self.tables[kinds.NAMESPACES.name]
        namespace = gathered.typed.get("kube-system")
        if namespace is not None and namespace.metadata.uid:
            self.kube_systems.setdefault(namespace.metadata.uid, gathered.where["kube-system"])
        for item in batch.items:
            raw = msgspec.json.decode(bytes(item)) if not isinstance(item, dict) else item
            metadata = raw.get("metadata", {})
            if metadata.get("name") == "kube-system" and metadata.get("uid"):
                self.kube_systems.setdefault(metadata["uid"], batch.where)
        identity.check_one_kube_system(self.kube_systems)

    def _gathered(self, kind: Kind[Any]) -> Gathered:
        if kind.name not in self.tables:
            self.tables[kind.name] = Gathered(kind, self.cluster)
        return self.tables[kind.name]

    def _error_text(self, file: File, data: bytes) -> bool:
        """A saved error message says why a kind is missing; whether the text was one."""
        if len(data) > MAX_ERROR_BYTES:
            return False
        text = data.decode("utf-8", "replace")
        found = failures(text)
        name = file.hint.rsplit("/", 1)[-1].rpartition(".")[0]
        pieces = composed.failed(text, name)
        for kind, key, operation, why in pieces:
            parts = self._gathered(kind).parts
            if parts is not None:
                parts.stopped[key, operation] = why
        for failure in found:
            self._gathered(failure.kind).failures.append(failure)
            self.notes.append(f'{file.where}: holds the error "{first_words(data)}"')
        if found or pieces or not is_error_text(text):
            return bool(found or pieces)
        if file.explicit:
            raise InputError(f'holds only the error "{first_words(data)}"; run the command again', where=file.where)
        self.notes.append(f'{file.where}: left aside, it holds only the error "{first_words(data)}"')
        return True

    def _zip(self, file: File, data: bytes) -> None:
        from clusterproof.snapshot import reader  # the file format's packages load only when a snapshot is read

        if not file.explicit and file.extension not in ("snapshot", "zip"):
            return
        self.snapshots.append((file.where, reader.from_bytes(data, file.where)))

    def only_snapshot(self) -> Snapshot | None:
        """The one snapshot file, when nothing else was given: it stays undecoded until it is asked."""
        return self.snapshots[0][1] if len(self.snapshots) == 1 and not self.tables else None

    def snapshot(self, asked: list[Kind[Any]], cluster: str, sources: tuple[str, ...]) -> Snapshot:
        """Everything as one snapshot."""
        untouched: dict[str, Table[Any]] = {}
        metas: list[Meta] = []
        for where, part in self.snapshots:
            metas.append(part.meta)
            for name, table in part.tables.items():
                if name not in self.tables and name not in untouched and len(self.snapshots) == 1:
                    untouched[name] = table
                else:
                    self._merge(where, table)
        identity.select(self.tables, cluster)
        read = identity.meta(self.tables, cluster)
        for other in metas:
            if other.cluster and read.cluster and other.cluster != read.cluster:
                raise InputError(
                    f"the snapshot is of cluster {other.cluster}, the other files of {read.cluster}; "
                    "give each cluster's files in a directory of its own",
                    where=self.snapshots[metas.index(other)][0],
                )
        completeness.settle(self.tables, read.cluster, asked, bundle=self.bundle, elsewhere=set(untouched))
        composed.finish(self.tables)
        tables = {name: gathered.table() for name, gathered in self.tables.items()} | untouched
        completeness.note_single_namespace(self.tables, self.notes)
        notes = [note for other in metas for note in other.notes] + self.notes
        if len(notes) > _MAX_NOTES:
            notes = [*notes[:_MAX_NOTES], f"and {len(notes) - _MAX_NOTES} more notes"]
        meta = Meta(
            time=next((other.time for other in metas if other.time), ""),
            cluster=read.cluster or next((other.cluster for other in metas if other.cluster), ""),
            account=read.account or next((other.account for other in metas if other.account), ""),
            region=read.region or next((other.region for other in metas if other.region), ""),
            tool_version=__version__,
            kubernetes_version=identity.exact(read.kubernetes_version, self.kubernetes_version)
            or next((other.kubernetes_version for other in metas if other.kubernetes_version), ""),
            sources=sources,
            notes=tuple(notes),
        )
        return Snapshot(meta, {name: tables[name] for name in sorted(tables)})

    def _merge(self, where: str, table: Table[Any]) -> None:
        """A snapshot's table among files of the same kind."""
        gathered = self._gathered(table.kind)
        lines = (
            table.lines.lines
            if isinstance(table.lines, MemoryLines)
            else [table.lines.line(i) for i in range(len(table))]
        )
        before = {key: set(told) for key, told in gathered.parts.given.items()} if gathered.parts else {}
        gathered.add(Batch(table.kind, list(lines), where, "", None, table.kind.wire))
        gathered.coverage += table.coverage
        for item in table.unknown_fields:
            if item.path in before.get(item.key, ()):  # a file gives what the snapshot lacks
                continue
            known = gathered.unknown.setdefault(item.key, [])
            if (item.path, item.unknown) not in known:
                known.append((item.path, item.unknown))
