"""Who reaches whom, as a table, JSON, CSV or a Graphviz graph."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from clusterproof.checks.connections import Connection
from clusterproof.reach.trace import Outcome
from clusterproof.reports import words
from clusterproof.reports.encoding import encode
from clusterproof.reports.paths import painter
from clusterproof.reports.text import Paint, clean, cleaned, hang, listing, pad, plural, width_of

FORMATS = ("table", "json", "csv", "dot")
_ORDER = (Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN)
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


def render(connections: Sequence[Connection], format: str, *, width: int = 80, colour: bool = False) -> str:  # noqa: A002
    """All connections as text that ends in a newline.

    Raises:
        ValueError: no such format.
    """
    if format == "json":
        return encode(list(connections))
    found = [cleaned(connection, Connection) for connection in connections]
    if format == "table":
        return _table(found, max(width - 1, 40), Paint(colour))
    if format == "csv":
        return _csv(found)
    if format == "dot":
        return _dot(found)
    raise ValueError(f"no format {format!r}; there are {', '.join(FORMATS)}")


def _table(found: list[Connection], width: int, paint: Paint) -> str:
    """Client by client: what it reaches, then what it does not, by what stops it; clients that are alike together."""
    if not found:
        return "No connection to look at: no Service selects a workload.\n"
    clients: dict[tuple[str, str], list[Connection]] = {}
    for connection in found:
        clients.setdefault((connection.client, connection.client_group), []).append(connection)
    alike: dict[tuple[str, ...], list[str]] = {}
    for (client, group), rows in clients.items():
        alike.setdefault((group, *_reached(rows, width, paint)), []).append(client)
    lines: list[str] = []
    for (group, *reached), names in alike.items():
        lines += [*hang("", f"{listing(names)} on {group}", width, shown="", indent=2), *reached, ""]
    total = {outcome: sum(1 for c in found if c.outcome is outcome) for outcome in Outcome}
    counts = ", ".join(f"{total[o]} {words.OUTCOME[o]}" for o in Outcome if total[o])
    lines += hang("", f"{plural(len(found), 'connection')}: {counts}.", width)
    lines += hang("", "One in full: clusterproof why FROM svc/NAMESPACE/NAME:PORT", width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _reached(rows: list[Connection], width: int, paint: Paint) -> list[str]:
    """One client's rows: Services under the outcome and what stops it, their ports together."""
    kinds: dict[tuple[Outcome, str], dict[tuple[str, str], list[str]]] = {}
    for row in sorted(rows, key=lambda c: _ORDER.index(c.outcome)):
        by = _stopped_by(row)
        ports = kinds.setdefault((row.outcome, by), {}).setdefault((row.service, row.server_group), [])
        if row.port not in ports:
            ports.append(row.port)
    lines: list[str] = []
    for (outcome, by), services in kinds.items():
        word = words.OUTCOME[outcome]
        shown = f"  {painter(outcome, paint, word)}"
        lines += hang(f"  {word} by ", by, width, shown=f"{shown} by ") if by else [shown]
        entries = {f"{service} on {group}": ", ".join(ports) for (service, group), ports in services.items()}
        room = width - 4 - 20
        size = max((width_of(entry) + 2 for entry in entries if width_of(entry) + 2 <= room), default=0)
        for entry, shown_ports in entries.items():
            name = f"    {pad(f'{entry}  ', size)}"
            lines += hang(name, shown_ports, width, indent=min(width_of(name), 4 + size) if size else 8)
    return lines


def _stopped_by(connection: Connection) -> str:
    """The layer and the object that stop a connection; empty where it works."""
    hop = connection.hop
    if hop is None or connection.outcome is Outcome.WORKS:
        return ""
    return f"{hop.layer.value}, {hop.at}" if hop.at else hop.layer.value


def _csv(found: list[Connection]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_FIELDS)
    for c in found:
        by = _stopped_by(c)
        why = c.hop.text if c.hop is not None and by else ""
        row = [c.client, c.client_group, c.server, c.server_group, c.service, c.port, c.outcome.value, by, why]
        writer.writerow([*(_harmless(text) for text in row), c.count])
    return file.getvalue()


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV Injection)."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@") else text


def _dot(found: list[Connection]) -> str:
    """A Graphviz graph: node groups are boxes around what runs on them; what does not work is bold, dashed or dotted."""
    groups: dict[str, dict[str, str]] = {}
    edges: list[str] = []
    for c in found:
        ends = []
        for workload, group in ((c.client, c.client_group), (c.server, c.server_group)):
            members = groups.setdefault(group, {})
            members[workload] = f"{workload} on {group}"
            ends.append(members[workload])
        label = c.port if c.outcome is Outcome.WORKS else f"{c.port} {words.OUTCOME[c.outcome]}"
        edges.append(f"  {_quoted(ends[0])} -> {_quoted(ends[1])} [label={_quoted(label)}, style={_STYLE[c.outcome]}];")
    lines = ["digraph connections {", "  rankdir=LR;", "  node [shape=box];"]
    for number, (group, members) in enumerate(sorted(groups.items())):
        lines += [f"  subgraph cluster_{number} {{", f"    label={_quoted(group)};"]
        lines += [f"    {_quoted(key)} [label={_quoted(name)}];" for name, key in sorted(members.items())]
        lines.append("  }")
    return "\n".join([*lines, *edges, "}"]) + "\n"


def _quoted(text: str) -> str:
    """A DOT string; in a label a backslash begins an escape, so it is doubled."""
    return '"' + clean(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
