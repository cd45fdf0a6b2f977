"""Who reaches whom, as a table, JSON, CSV or a Graphviz graph.

What is said of a client is made once for its class (checks/connection.py), with gaps where its name stands, and put
together for each client while it is written: of 2,000 workloads there are 4 million rows.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from clusterproof.checks.connection import Alike, Connection, Connections, named_at_end, renamed
from clusterproof.reach.trace import Outcome
from clusterproof.reports import words
from clusterproof.reports.encoding import encode
from clusterproof.reports.paths import painter
from clusterproof.reports.text import Paint, clean, hang, listing, pad, plural, width_of

FORMATS = ("table", "json", "csv", "dot")
_ORDER = {outcome: n for n, outcome in enumerate((Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN))}
_FIELDS = (
    "client",
    "client_group",
    "server",
    "server_group",
    "service",
    "port",
    "outcome",
    "stopped_by",
    "why",
    "count",
)
_STYLE = {
    Outcome.WORKS: "solid",
    Outcome.BLOCKED: "bold",
    Outcome.VARIES: "dashed",
    Outcome.UNKNOWN: "dotted",
}
_GAP = "\x01"
"""Stands where a client's name comes: a character that is spelled out wherever names and texts are written."""


def render(connections: Sequence[Connection], format: str, *, width: int = 80, colour: bool = False) -> str:  # noqa: A002
    """All connections as text that ends in a newline.

    Raises:
        ValueError: no such format.
    """
    return "".join(pieces(connections, format, width=width, colour=colour))


def pieces(
    connections: Sequence[Connection],
    format: str,  # noqa: A002
    *,
    width: int = 80,
    colour: bool = False,
) -> Iterator[str]:
    """The text of :func:`render`, piece by piece: none holds more than one client's rows, but for the table.

    Raises:
        ValueError: no such format.
    """
    found = connections if isinstance(connections, Connections) else Connections.of(connections)
    if format == "json":
        return _json(found)
    if format == "table":
        return iter((_table(found, max(width - 1, 40), Paint(colour)),))
    if format == "csv":
        return _csv(found)
    if format == "dot":
        return _dot(found)
    raise ValueError(f"no format {format!r}; there are {', '.join(FORMATS)}")


# --- the table ----------------------------------------------------------------------------------------------------


class _Entry(NamedTuple):
    """What the table shows of a row: nothing of it is the client's."""

    outcome: Outcome
    by: str
    entry: str
    width: int
    port: str


def _table(found: Connections, width: int, paint: Paint) -> str:
    """Client by client: what it reaches, then what it does not, by what stops it; clients that are alike together."""
    if not found:
        return "No connection to look at: no Service selects a workload.\n"
    entries: dict[int, _Entry] = {}
    reached: dict[int, list[int]] = {}
    alike: dict[tuple[str, ...], int] = {}
    for one in found.classes:
        groups: dict[str, list[_Entry]] = {}
        for row in one.rows:
            entry = entries.get(id(row))
            if entry is None:
                entry = entries[id(row)] = _entry(row)
            groups.setdefault(row.client_group, []).append(entry)
        reached[id(one)] = [
            alike.setdefault((clean(group), *_reached(rows, width, paint)), len(alike))
            for group, rows in groups.items()
        ]
    named: dict[int, list[str]] = {}
    for client, one in found.clients:
        for number in reached[id(one)]:
            named.setdefault(number, []).append(clean(client))
    said = list(alike)
    lines: list[str] = []
    for number, names in named.items():
        group, *rest = said[number]
        lines += [*hang("", f"{listing(names)} on {group}", width, shown="", indent=2), *rest, ""]
    total = dict.fromkeys(Outcome, 0)
    for one in found.classes:
        for row in one.rows:
            total[row.outcome] += len(one.clients)
    counts = ", ".join(f"{total[o]} {words.OUTCOME[o]}" for o in Outcome if total[o])
    lines += hang("", f"{plural(len(found), 'connection')}: {counts}.", width)
    lines += hang("", "One in full: clusterproof why FROM svc/NAMESPACE/NAME:PORT", width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _entry(row: Connection) -> _Entry:
    entry = f"{clean(row.service)} on {clean(row.server_group)}"
    return _Entry(row.outcome, _stopped_by(row), entry, width_of(entry), clean(row.port))


def _reached(rows: list[_Entry], width: int, paint: Paint) -> list[str]:
    """One client's rows: Services under the outcome and what stops it, their ports together."""
    kinds: dict[tuple[Outcome, str], dict[str, list[_Entry]]] = {}
    for row in rows:
        kinds.setdefault((row.outcome, row.by), {}).setdefault(row.entry, []).append(row)
    lines: list[str] = []
    room = width - 4 - 20
    for (outcome, by), services in sorted(kinds.items(), key=lambda kind: _ORDER[kind[0][0]]):
        word = words.OUTCOME[outcome]
        shown = f"  {painter(outcome, paint, word)}"
        lines += hang(f"  {word} by ", by, width, shown=f"{shown} by ") if by else [shown]
        size = max((same[0].width + 2 for same in services.values() if same[0].width + 2 <= room), default=0)
        for entry, same in services.items():
            name = f"    {pad(f'{entry}  ', size)}"
            if len(same) == 1 and " " not in same[0].port:
                lines.append(name + same[0].port)
            else:
                ports = ", ".join(dict.fromkeys(row.port for row in same))
                lines += hang(name, ports, width, indent=min(width_of(name), 4 + size) if size else 8)
    return lines


def _stopped_by(connection: Connection) -> str:
    """The layer and the object that stop a connection; empty where it works."""
    hop = connection.hop
    if hop is None or connection.outcome is Outcome.WORKS:
        return ""
    return f"{hop.layer.value}, {clean(hop.at)}" if hop.at else hop.layer.value


# --- rows ---------------------------------------------------------------------------------------------------------

Row = Callable[[Connection, str], str]
"""What is written of one row; with a gap, in each place where its client's name stands, that."""


class _Said:
    """What is written of classes of clients, with gaps for the name, kept while the next clients are of the same."""

    def __init__(self, row: Row, gaps: Callable[[Connection], int], between: str = "") -> None:
        """How rows are written.

        Args:
            row: a row's text.
            gaps: how many gaps are in it.
            between: stands between rows.
        """
        self._row = row
        self._gaps = gaps
        self._between = between
        self._rows: dict[int, str | None] = {}
        self._kept: dict[int, list[list[str]] | None] = {}

    def of(self, one: Alike, client: str, name: str, *, plain: bool = True) -> Iterator[str]:
        """All rows of a client, in pieces.

        Args:
            one: its class.
            client: its id.
            name: how it is written.
            plain: whether what is written around the name is the same for all such names.
        """
        spaces = self._spaces(one) if plain else None
        if spaces is None:
            yield self._between.join(self._row(renamed(row, client), "") for row in one.rows)
        else:
            yield from map(name.join, spaces)

    def _spaces(self, one: Alike) -> list[list[str]] | None:
        """What stands around the name in all rows of a class, by pieces; None where something else looks like a gap."""
        found = self._kept.pop(id(one), None)
        if found is None:
            rows = [self._with_gaps(row) for row in one.rows]
            whole = [row for row in rows if row is not None]
            if len(whole) == len(rows):
                found = _pieces(self._between.join(whole).split(_GAP))
        self._kept[id(one)] = found  # the last that was used comes last
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]
        return found

    def _with_gaps(self, row: Connection) -> str | None:
        key = id(row)
        if key not in self._rows:
            text = self._row(renamed(row, _GAP), _GAP)
            self._rows[key] = text if text.count(_GAP) == self._gaps(row) else None
        return self._rows[key]


def _pieces(spaces: list[str]) -> list[list[str]]:
    """Lists that, each joined by a name and then all one after the other, are the whole joined by it."""
    found: list[list[str]] = [[]]
    size = 0
    for space in spaces:
        if size > _PIECE:
            found.append([""])  # the name comes first
            size = 0
        found[-1].append(space)
        size += len(space)
    return found


_PIECE = 1 << 16
"""Characters: little enough to stay in the processor's caches, and more than a call to the system is worth."""
_KEPT = 16
"""Classes whose text is kept: clients of one namespace come one after the other, and are of few."""


def _json(found: Connections) -> Iterator[str]:
    """A list of rows, every field of them."""
    if not found:
        yield encode([])
        return
    said = _Said(_json_row, lambda row: 1 + named_at_end(row), ",\n")
    lead = "[\n"
    for client, one in found.clients:
        yield lead
        yield from said.of(one, client, encode(client)[1:-2])
        lead = ",\n"
    yield "\n]\n"


def _json_row(row: Connection, gap: str) -> str:
    text = "  " + encode(row)[:-1].replace("\n", "\n  ")
    return text.replace(_JSON_GAP, gap) if gap else text


_JSON_GAP = encode(_GAP)[1:-2]


def _csv(found: Connections) -> Iterator[str]:
    """A row per line, with what stops it and why."""
    line = _csv_line()
    yield line(_FIELDS)

    def row(c: Connection, gap: str) -> str:
        by = _stopped_by(c)
        why = c.hop.text if c.hop is not None and by else ""
        end = gap if why and named_at_end(c) else ""
        client = gap or _harmless(clean(c.client))
        rest = (c.client_group, c.server, c.server_group, c.service, c.port, c.outcome.value, by, "")
        texts = [_harmless(clean(text)) for text in rest]
        texts[-1] = _harmless(clean(why.removesuffix(end)) + end)
        return line([client, *texts, c.count])

    said = _Said(row, lambda c: 1 + (named_at_end(c) and bool(_stopped_by(c))))
    for client, one in found.clients:
        # A name that is quoted, or is made harmless, changes what stands around it.
        yield from said.of(one, client, client, plain=_PLAIN.fullmatch(client) is not None)


_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]*")


def _csv_line() -> Callable[[Iterable[object]], str]:
    """What the csv module makes of one line."""
    written: list[str] = []

    class Lines:
        def write(self, text: str) -> None:
            written.append(text)

    writer = csv.writer(Lines(), lineterminator="\n")

    def line(fields: Iterable[object]) -> str:
        written.clear()
        writer.writerow(fields)
        return written[0]

    return line


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV Injection)."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _dot(found: Connections) -> Iterator[str]:
    """A Graphviz graph: node groups are boxes around what runs on them; what does not work is bold, dashed or dotted."""
    groups: dict[str, set[str]] = {}
    for one in found.classes:
        for row in one.rows:
            groups.setdefault(clean(row.server_group), set()).add(clean(row.server))
        for group in {row.client_group for row in one.rows}:
            groups.setdefault(clean(group), set()).update(map(clean, one.clients))
    lines = ["digraph connections {", "  rankdir=LR;", "  node [shape=box];"]
    for number, (group, members) in enumerate(sorted(groups.items())):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_quoted(group)};"]
        lines += [f"    {_quoted(f'{name} on {group}')} [label={_quoted(name)}];" for name in sorted(members)]
        lines.append("  }")
    yield "\n".join(lines) + "\n"
    said = _Said(_edge, lambda _row: 1)
    for client, one in found.clients:
        yield from said.of(one, client, _quoted(client)[1:-1])
    yield "}\n"


def _edge(c: Connection, gap: str) -> str:
    label = c.port if c.outcome is Outcome.WORKS else f"{c.port} {words.OUTCOME[c.outcome]}"
    here = f'"{gap or _quoted(c.client)[1:-1]} on {_quoted(c.client_group)[1:]}'
    there = _quoted(f"{clean(c.server)} on {clean(c.server_group)}")
    return f"  {here} -> {there} [label={_quoted(label)}, style={_STYLE[c.outcome]}];\n"


def _quoted(text: str) -> str:
    """A DOT string; in a label a backslash begins an escape, so it is doubled."""
    return '"' + clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
