"""Batches to tables: each object redacted, typed, and held once; coverage added up per kind and scope."""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.errors import InputError
from clusterproof.snapshot import kinds, redact
from clusterproof.snapshot.compare import canonical
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage, MemoryLines, Table, UnknownField
from clusterproof.sources import pieces
from clusterproof.sources.asis import AsIs
from clusterproof.sources.batches import Batch
from clusterproof.sources.clierrors import Failure
from clusterproof.sources.documents import decode, wrong_type
from clusterproof.sources.hints import api_version_of
from clusterproof.sources.parts import Parts, together

Raw = dict[str, Any]

_NOUNS = {kind.name: noun for kind, _, noun in kinds.DESCRIBED}
"""What belongs to one EKS cluster and has a name that another cluster may use as well."""


class Gathered:
    """One kind while files are being read.

    Attributes:
        cluster: the EKS cluster that was chosen, if one was.
        lines, where: the objects' JSON texts, and the file each came from, by key.
        typed: the decoded objects by key; not of pods, which are many: their types are judged, and no more is kept
            than their texts, since a check reads most of them as outlines.
        unknown: fields of objects that redaction made unknown.
        coverage: what each file said of completeness.
        failures: what could not be read.
        parts: of kinds that are made of pieces: which were given.
    """

    def __init__(self, kind: Kind[Any], cluster: str = "") -> None:
        self.kind = kind
        self.cluster = cluster
        self.lines: dict[str, bytes] = {}
        self.where: dict[str, str] = {}
        self.typed: dict[str, Any] = {}
        self.unknown: dict[str, redact.Fields] = {}
        self.coverage: list[Coverage] = []
        self.failures: list[Failure] = []
        self.parts = Parts(kind) if pieces.of(kind) else None
        self.seen = False
        self._decoder = msgspec.json.Decoder(kind.type)
        self._encoder = msgspec.json.Encoder()
        self._as_is = AsIs(kind, api_version_of(kind))
        self._keeps_typed = kind is not kinds.PODS

    def add(self, batch: Batch) -> None:
        """Takes a batch's objects.

        Raises:
            InputError: an object has the wrong type, or differs from the same object in another file.
        """
        self.seen = True
        if batch.coverage is not None:
            self.coverage.append(batch.coverage)
        for number, item in enumerate(batch.items):
            self._add(item, batch, number)

    def add_each(self, batch: Batch) -> InputError | None:
        """Takes those of a batch's objects that can be taken; why the first of the others cannot, or None."""
        self.seen = True
        failed: InputError | None = None
        for number, item in enumerate(batch.items):
            try:
                self._add(item, batch, number)
            except InputError as error:
                failed = failed or error
        return failed

    def _add(self, item: Any, batch: Batch, number: int) -> None:
        if self._take_as_is(item, batch):
            return
        at = f"{batch.path}[{number}]" if batch.path and len(batch.items) > 1 else batch.path
        raw, text = _plain(item, batch, at)
        # Items of a typed SecretList carry no kind of their own.
        if self.kind is kinds.HELM_RELEASES and (raw.get("kind") or batch.wire) == "Secret":
            self._add_release(raw, batch)
            return
        fields = _prepared(raw, text, batch)
        line = self._encoded(raw, batch, at)
        typed = self._typed(line, raw, batch, at)
        self._keep(self.kind.key(typed), line, typed, fields, batch)

    def _take_as_is(self, item: Any, batch: Batch) -> bool:
        """Takes an object as the text that it is, where redaction has nothing to do; whether it was taken."""
        if not isinstance(item, (msgspec.Raw, bytes)):
            return False
        line = self._as_is.kept(item, batch.wire or self.kind.wire)
        if line is None:
            return False
        try:
            typed = self._decoder.decode(line)
        except (msgspec.ValidationError, UnicodeDecodeError):
            return False  # the long way says what is wrong with it
        self._keep(self.kind.key(typed), line, typed, [], batch)
        return True

    def _keep(self, key: str, line: bytes, typed: Any, fields: redact.Fields, batch: Batch) -> None:
        if self.kind.name in _NOUNS and self._of_another_cluster(key, typed, batch):
            return
        if self.parts is not None:
            self.parts.tell(key, batch.told)
        if key in self.lines:
            held = self.lines[key]
            if held != line and canonical(msgspec.json.decode(held)) != canonical(msgspec.json.decode(line)):
                if self._merged(key, held, line):
                    return
                raise InputError(
                    f"{self.kind.wire} {key} differs from the one in {self.where[key]}; keep one of the two files",
                    where=batch.where,
                )
            return
        self.lines[key] = line
        self.where[key] = batch.where
        if self._keeps_typed:
            self.typed[key] = typed
        if fields:
            self.unknown[key] = fields

    def _merged(self, key: str, held: bytes, line: bytes) -> bool:
        """Puts two texts of one object together, where it is made of pieces; whether they go together."""
        both = together(held, line) if self.parts is not None else None
        if both is None:
            return False
        self.lines[key] = both
        self.typed[key] = self._decoder.decode(both)
        return True

    def replace(self, key: str, members: Raw) -> None:
        """Sets members of one object."""
        self.lines[key] = self._encoder.encode({**msgspec.json.decode(self.lines[key]), **members})
        self.typed[key] = self._decoder.decode(self.lines[key])

    def _of_another_cluster(self, key: str, typed: Any, batch: Batch) -> bool:
        """Whether a node group (add-on …) is of a cluster that was not chosen; two may have some of one name."""
        cluster = typed.cluster_name
        if self.cluster and cluster:
            return bool(cluster != self.cluster)
        held = self.typed.get(key)
        if held is not None and held.cluster_name and cluster and held.cluster_name != cluster:
            raise InputError(
                f"{_NOUNS[self.kind.name]}s of two clusters, {held.cluster_name} and {cluster}, are given together (one in "
                f"{self.where[key]}); choose with --cluster NAME",
                where=batch.where,
            )
        return False

    def _add_release(self, secret: Raw, batch: Batch) -> None:
        """A Helm release's newest revision; of other Secrets nothing is kept."""
        read = redact.helm_release(secret)
        if read is None:
            return
        release, fields = read
        line = self._encoder.encode(release)
        typed = self._decoder.decode(line)
        key = self.kind.key(typed)
        if key in self.typed and _rank(self.typed[key]) >= _rank(typed):
            return
        self.lines[key], self.where[key], self.typed[key] = line, batch.where, typed
        self.unknown.pop(key, None)
        if fields:
            self.unknown[key] = fields

    def _encoded(self, raw: Raw, batch: Batch, at: str) -> bytes:
        try:
            return self._encoder.encode(raw)
        except (TypeError, ValueError, OverflowError, RecursionError):
            raise InputError(
                f"{at or 'the object'}: holds a value that JSON cannot; leave it out", where=batch.where
            ) from None

    def _typed(self, line: bytes, raw: Raw, batch: Batch, at: str) -> Any:
        try:
            return self._decoder.decode(line)
        except msgspec.ValidationError as error:
            name = _name(raw)
            what = f"{self.kind.wire} {name}: " if name else f"{at}: " if at else ""
            raise InputError(f"{what}{wrong_type(error)}; make the file again", where=batch.where) from None

    def drop(self, key: str) -> None:
        """Forgets one object (it belongs to another cluster)."""
        for store in (self.lines, self.where, self.typed, self.unknown):
            store.pop(key, None)

    def table(self) -> Table[Any]:
        """What was gathered, as a snapshot's table."""
        unknown = [UnknownField(key, path, why) for key, found in self.unknown.items() for path, why in found]
        table = Table(self.kind, MemoryLines(list(self.lines.values())), added_up(self), unknown)
        if self._keeps_typed:  # decoding was needed to judge the types: it need not be done twice
            table.__dict__["objects"] = tuple(self.typed.values())
        return table


def added_up(gathered: Gathered) -> tuple[Coverage, ...]:
    """Coverage per scope: a page beats "complete", anything that was read beats a failure, silence is incomplete."""
    kind = gathered.kind
    by_scope: dict[str, Unknown | None] = {}
    for item in gathered.coverage:
        if item.scope not in by_scope or item.missing is not None:
            by_scope[item.scope] = item.missing
    for failure in gathered.failures:
        if failure.scope not in by_scope and by_scope.get(EVERYWHERE, failure) is not None:
            by_scope[failure.scope] = failure.missing
    if not by_scope:
        by_scope[EVERYWHERE] = Unknown(
            Cause.INCOMPLETE,
            f"only single {kind.name} were given, not the whole list",
            f"run: {kind.command} > {kind.name}.json (or name the kind after --collected)",
        )
    return tuple(Coverage(scope, by_scope[scope]) for scope in sorted(by_scope))


def _plain(item: Any, batch: Batch, at: str) -> tuple[Raw, bytes | None]:
    """The object as a mapping, and its JSON text where there is one."""
    text: bytes | None = None
    value = item
    if isinstance(item, (msgspec.Raw, memoryview, bytes)):
        text = bytes(item)
        value = decode(item, Any, batch.where, at)
    if not isinstance(value, dict):
        raise InputError(f"{at or 'the object'}: expected an object; make the file again", where=batch.where)
    return value, text


def _prepared(raw: Raw, text: bytes | None, batch: Batch) -> redact.Fields:
    """Nulls and secrets removed in place, what a typed list leaves out filled in; the fields that became unknown."""
    if text is None or text.count(b"null") != _without_usual_nulls(raw):
        tidy = redact.without_nulls(raw)
        raw.clear()
        raw.update(tidy)
    if batch.kind.origin == "aws":
        fields = redact.aws_object(raw)
    else:
        raw.setdefault("apiVersion", api_version_of(batch.kind))
        raw.setdefault("kind", batch.wire or batch.kind.wire)
        fields = redact.kubernetes_object(raw)
    if text is None or b"***HIDDEN***" in text:
        fields += redact.hidden_fields(raw)
    return fields


def _without_usual_nulls(raw: Raw) -> int:
    """Removes the nulls that every pod has (``lastProbeTime`` of its conditions); how many there were.

    Where the text holds no others, the object need not be walked for them: that walk would be half the work.
    """
    status = raw.get("status")
    conditions = status.get("conditions") if isinstance(status, dict) else None
    removed = 0
    for condition in conditions if isinstance(conditions, list) else ():
        if isinstance(condition, dict) and "lastProbeTime" in condition and condition["lastProbeTime"] is None:
            del condition["lastProbeTime"]
            removed += 1
    return removed


def _name(raw: Raw) -> str:
    metadata = raw.get("metadata")
    if isinstance(metadata, dict):
        return "/".join(str(metadata[part]) for part in ("namespace", "name") if metadata.get(part))
    return next(
        (str(value) for name, value in raw.items() if name.endswith(("Id", "Name", "name")) and isinstance(value, str)),
        "",
    )


def _rank(release: Any) -> tuple[bool, int]:
    """A deployed revision counts before a later one that failed or is pending."""
    revision = release.metadata.labels.get("version", "")
    return release.status == "deployed", int(revision) if revision.isdigit() else 0
