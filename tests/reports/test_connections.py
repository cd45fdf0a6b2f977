from __future__ import annotations

import csv
import io
import json
import re

import pytest

from clusterproof.checks.connections import Connection
from clusterproof.reach.trace import Outcome
from clusterproof.reports import connections
from clusterproof.reports.text import width_of
from tests.reports import examples

HOP = examples.way("dynamo.etcd", "10.0.3.21", 2379)[5]
ROWS = (
    Connection(
        "deploy/dynamo/worker", "gpu", "sts/dynamo/etcd", "system", "dynamo/etcd", "2379/TCP", Outcome.BLOCKED, HOP, 9
    ),
    Connection(
        "deploy/dynamo/worker", "gpu", "sts/dynamo/etcd", "system", "dynamo/etcd", "2380/TCP", Outcome.BLOCKED, HOP, 9
    ),
    Connection(
        "deploy/dynamo/worker",
        "gpu",
        "deploy/kube-system/coredns",
        "system",
        "kube-system/kube-dns",
        "53/UDP",
        Outcome.WORKS,
        None,
        9,
    ),
    Connection(
        "ds/kube-system/aws-node", "gpu", "sts/dynamo/etcd", "system", "dynamo/etcd", "2379/TCP", Outcome.VARIES, HOP, 3
    ),
)
HOSTILE = Connection('=cmd|"a"\x1b[2J', 'g"\\', "s\u202e", "-1+1", "a/b\n", "1/TCP", Outcome.UNKNOWN, HOP, 1)


def table(rows: tuple[Connection, ...], width: int = 80) -> str:
    """The rows as the terminal gets them."""
    return connections.render(rows, "table", width=width)


def test_table_groups_by_client_and_by_what_stops_it() -> None:
    """One client: what it reaches first, then what it does not under the object that refuses; ports together."""
    lines = table(ROWS).splitlines()
    assert lines[:6] == [
        "deploy/dynamo/worker on gpu",
        "  works",
        "    kube-system/kube-dns on system  53/UDP",
        "  BLOCKED by security group ingress, sg-0b2c4d6e8f0a1b2c3 (system-nodes)",
        "    dynamo/etcd on system  2379/TCP, 2380/TCP",
        "",
    ]
    assert lines[-2] == "4 connections: 1 works, 2 BLOCKED, 1 VARIES."


def test_clients_that_are_alike_stand_together() -> None:
    """Two clients on one group with the same reach are one entry."""
    alike = tuple(
        Connection(name, "gpu", *(getattr(ROWS[2], f) for f in ROWS[2].__struct_fields__[2:])) for name in ("a", "b")
    )
    assert table(alike).splitlines()[0] == "a and b on gpu"
    assert table(alike).count("kube-system/kube-dns") == 1


@pytest.mark.parametrize("width", [60, 80, 200])
def test_table_fits(width: int) -> None:
    """No line is wider than the terminal."""
    assert all(width_of(line) < width for line in table(ROWS, width).splitlines())


def test_nothing_to_look_at_is_said() -> None:
    """An empty list is a sentence, and valid JSON and CSV."""
    assert table(()) == "No connection to look at: no Service selects a workload.\n"
    assert json.loads(connections.render((), "json")) == []
    assert len(connections.render((), "csv").splitlines()) == 1


def test_json_has_every_field() -> None:
    """JSON holds the rows as they are, hop and count included."""
    data = json.loads(connections.render(ROWS, "json"))
    assert [row["outcome"] for row in data] == ["blocked", "blocked", "works", "varies"]
    assert data[0]["hop"]["at"] == HOP.at
    assert set(data[0]) == set(Connection.__struct_fields__)


def test_csv_reads_back() -> None:
    """A CSV reader finds a row per connection with what stops it and why."""
    rows = list(csv.DictReader(io.StringIO(connections.render(ROWS, "csv"))))
    assert len(rows) == 4
    assert rows[0]["stopped_by"] == "security group ingress, sg-0b2c4d6e8f0a1b2c3 (system-nodes)"
    assert rows[0]["why"].startswith("none of its 6 rules admits tcp 2379")
    assert rows[2]["stopped_by"] == ""


def test_csv_holds_no_formula() -> None:
    """A spreadsheet takes no cell for a formula, and no control character survives."""
    rows = list(csv.reader(io.StringIO(connections.render((HOSTILE,), "csv"))))
    assert len(rows) == 2
    assert not any(re.match(r"[=+\-@]", cell) for cell in rows[1])
    assert all(cell.isprintable() for cell in rows[1])


def test_dot_quotes_everything() -> None:
    """Names end no DOT string: with the strings taken out, only the graph's own syntax is left."""
    text = connections.render((*ROWS, HOSTILE), "dot")
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
    assert '"' not in bare
    assert bare.count("{") == bare.count("}") == 5
    assert set(re.findall(r"[a-z]+", bare)) <= {
        *("digraph", "connections", "rankdir", "node", "shape", "box", "subgraph", "cluster", "label", "style"),
        *("solid", "bold", "dashed", "dotted"),
    }
    assert text.count(" -> ") == 5


def test_hostile_names_reach_no_terminal() -> None:
    """The table neutralises names."""
    assert all(char == "\n" or char.isprintable() for char in table((HOSTILE,)))


def test_unknown_format_is_refused() -> None:
    """An unknown format is an error."""
    with pytest.raises(ValueError, match="no format 'xml'"):
        connections.render(ROWS, "xml")
