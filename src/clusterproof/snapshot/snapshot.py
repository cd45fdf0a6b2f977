"""A snapshot in memory: what was read, as it was read.

Tables hold one kind each: the objects as JSON text (decoded into structs on
first use), and how completely the kind was read in each scope. A snapshot is
immutable; :mod:`clusterproof.snapshot.overlay` makes a changed one.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar, cast

import msgspec

from clusterproof.snapshot.collector import paused
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import BY_NAME, Kind

T = TypeVar("T")
U = TypeVar("U")

EVERYWHERE = ""
"""The scope that is the whole cluster (Kubernetes) or the whole account and region (AWS)."""


class Lines(Protocol):
    """Where a table's objects come from, one JSON text each."""

    def __len__(self) -> int: ...
    def line(self, index: int) -> bytes:
        """The JSON text of object ``index``."""
        ...

    def decode(self, type_: type[T]) -> list[T]:
        """All objects, decoded."""
        ...


class MemoryLines:
    """Objects kept as a list of JSON texts."""

    __slots__ = ("lines",)

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines = lines

    def __len__(self) -> int:
        return len(self.lines)

    def line(self, index: int) -> bytes:
        """The JSON text of object ``index``."""
        return self.lines[index]

    def decode(self, type_: type[T]) -> list[T]:
        """All objects, decoded."""
        decoder = msgspec.json.Decoder(type_)
        return [decoder.decode(line) for line in self.lines]


class Coverage(msgspec.Struct, frozen=True):
    """How completely one kind was read in one scope.

    Attributes:
        scope: ``""`` for everywhere, or a namespace's name.
        missing: None when complete; otherwise why not.
    """

    scope: str = EVERYWHERE
    missing: Unknown | None = None


class UnknownField(msgspec.Struct, frozen=True):
    """A field of one object whose value is unknown (redacted, or known only after apply)."""

    key: str
    path: str
    unknown: Unknown


class Table(Generic[T]):
    """All objects of one kind."""

    def __init__(
        self,
        kind: Kind[T],
        lines: Lines,
        coverage: Iterable[Coverage] = (Coverage(),),
        unknown_fields: Iterable[UnknownField] = (),
    ) -> None:
        self.kind = kind
        self.lines = lines
        self.coverage = tuple(coverage)
        self.unknown_fields = tuple(unknown_fields)
        self._shapes: dict[type[Any], tuple[Any, ...]] = {}
        self._derived: dict[Callable[[Table[T]], Any], Any] = {}

    def __len__(self) -> int:
        return len(self.lines)

    @cached_property
    def unknown_by_key(self) -> dict[str, tuple[UnknownField, ...]]:
        """Unknown fields by the key of their object."""
        found: dict[str, list[UnknownField]] = {}
        for item in self.unknown_fields:
            found.setdefault(item.key, []).append(item)
        return {key: tuple(items) for key, items in found.items()}

    @cached_property
    def objects(self) -> tuple[T, ...]:
        """The typed objects, in snapshot order. The cyclic collector is off while they are made."""
        return self._decoded(self.kind.type)

    def shaped(self, type_: type[U]) -> tuple[U, ...]:
        """The objects in another shape than the kind's own, one that names fewer fields; decoded once."""
        if type_ not in self._shapes:
            self._shapes[type_] = self._decoded(type_)
        return cast("tuple[U, ...]", self._shapes[type_])

    def at(self, position: int) -> T:
        """One typed object, without decoding the others."""
        if "objects" in self.__dict__:
            return self.objects[position]
        return msgspec.json.decode(self.lines.line(position), type=self.kind.type)

    def derived(self, make: Callable[[Table[T]], U]) -> U:
        """What a pure function makes of this table alone, made once.

        Overlays share the tables that they do not edit, and so what is derived from them: a search for fixes
        builds many worlds of the same pods. ``make`` is a module's function; it is the key.
        """
        if make not in self._derived:
            self._derived[make] = make(self)
        return cast("U", self._derived[make])

    def _decoded(self, type_: type[U]) -> tuple[U, ...]:
        with paused():
            return tuple(self.lines.decode(type_))

    @cached_property
    def index(self) -> dict[str, int]:
        """Key → position; of duplicates the last one counts."""
        key = self.kind.key
        return {key(obj): position for position, obj in enumerate(self.objects)}

    def get(self, key: str) -> T | None:
        """The typed object of a key, or None when there is none."""
        position = self.index.get(key)
        return None if position is None else self.objects[position]

    def raw(self, key: str) -> dict[str, Any] | None:
        """The object as the API gave it, or None when there is none."""
        position = self.index.get(key)
        if position is None:
            return None
        result: dict[str, Any] = msgspec.json.decode(self.lines.line(position))
        return result

    def raws(self) -> Iterator[dict[str, Any]]:
        """All objects as the API gave them, in snapshot order."""
        for position in range(len(self.lines)):
            yield msgspec.json.decode(self.lines.line(position))


class Meta(msgspec.Struct, frozen=True):
    """What the snapshot is of.

    Attributes:
        time: when it was read, RFC 3339 in UTC; empty when the input does not say.
        cluster: the EKS cluster's name; empty when not known.
        account, region: AWS account id and region; empty when not known.
        tool_version: the clusterproof that wrote it.
        kubernetes_version: the control plane's version as EKS or the API server writes it; empty when not known.
        sources: what it was made from, in the user's own words (file names).
        notes: what was left aside while reading and why, one plain sentence each.
        overlays: what was put on top of what was read, one clause each (``14 objects of rendered.yaml``); never in a file.
    """

    time: str = ""
    cluster: str = ""
    account: str = ""
    region: str = ""
    tool_version: str = ""
    kubernetes_version: str = ""
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    overlays: tuple[str, ...] = ()


class Snapshot:
    """Everything that was read, by kind. Immutable.

    Attributes:
        kept: answers of pure functions of some of the tables, kept beside these very tables; snapshots that overlays
            make share it, as they share the tables that they do not edit.
    """

    def __init__(self, meta: Meta, tables: Mapping[str, Table[Any]], kept: dict[Hashable, Any] | None = None) -> None:
        self.meta = meta
        self.tables = dict(tables)
        self.kept: dict[Hashable, Any] = {} if kept is None else kept

    def objects(self, kind: Kind[T]) -> tuple[T, ...]:
        """All typed objects of a kind; empty also when the kind was not read (ask :meth:`missing`)."""
        table: Table[T] | None = self.tables.get(kind.name)
        return table.objects if table is not None else ()

    def get(self, kind: Kind[T], key: str) -> T | None:
        """One typed object, or None when it is not there or its kind was not read (ask :meth:`missing`)."""
        table: Table[T] | None = self.tables.get(kind.name)
        return table.get(key) if table is not None else None

    def raw(self, kind: Kind[Any], key: str) -> dict[str, Any] | None:
        """One object as the API gave it, or None."""
        table = self.tables.get(kind.name)
        return table.raw(key) if table is not None else None

    def missing(self, kind: Kind[Any], scope: str = EVERYWHERE) -> Unknown | None:
        """Why a kind is not completely known in a scope, or None when it is.

        A kind that is complete everywhere is complete in every namespace; a kind
        that is complete in one namespace says nothing about the others.
        """
        table = self.tables.get(kind.name)
        if table is None:
            return not_collected(kind)
        reasons: list[Unknown] = []
        for coverage in table.coverage:
            if coverage.scope in (EVERYWHERE, scope):
                if coverage.missing is None:
                    return None
                reasons.append(coverage.missing)
        return reasons[0] if reasons else not_collected(kind, scope)

    def unknown_field(self, kind: Kind[Any], key: str, path: str) -> Unknown | None:
        """Why a field of one object is unknown, or None when it was read (present or absent)."""
        table = self.tables.get(kind.name)
        if table:
            for item in table.unknown_by_key.get(key, ()):
                if path == item.path or path.startswith(item.path + "."):
                    return item.unknown
        return None


def not_collected(kind: Kind[Any], scope: str = EVERYWHERE) -> Unknown:
    """The unknown for a kind that was never read, naming the command that reads it."""
    where = f" in namespace {scope}" if scope else ""
    return Unknown(Cause.NOT_COLLECTED, f"{kind.name}{where} not collected", f"run: {kind.command} > {kind.name}.json")


def table_of(
    kind: Kind[T], raws: Iterable[Mapping[str, Any]], coverage: Iterable[Coverage] = (Coverage(),)
) -> Table[T]:
    """A table from decoded JSON objects (tests, the demo and sources build snapshots with it)."""
    encode = msgspec.json.Encoder().encode
    return Table(kind, MemoryLines([encode(raw) for raw in raws]), coverage)


def kind_named(name: str) -> Kind[Any]:
    """The kind of a registry name; KeyError when there is none."""
    return BY_NAME[name]
