"""``place`` on the terminal: what stands where, in any width, without colour, whatever names say."""

from __future__ import annotations

import json
import re

import jsonschema
import msgspec
import pytest

import clusterproof
from clusterproof.checks.placed import (
    Answer,
    Chances,
    Copies,
    CopiesOn,
    Displacing,
    May,
    PlacedClass,
    PlacedGroup,
    Placement,
    Runs,
    RunsOn,
    Standing,
)
from clusterproof.reports import placements, schema
from clusterproof.reports.encoding import encode
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.verdict.algebra import Verdict

YES = Answer(May.YES)
FULL = Answer(May.NO, "NodeResourcesFit", ("Insufficient cpu",))
TAINT = Answer(
    May.NO, "TaintToleration", ("node(s) had untolerated taint {k: v}",), Ref("nodes", "c-0", "spec.taints", "k=v")
)
UNREAD = Unknown(Cause.NOT_COLLECTED, "the template of node group late was not read", "run: aws eks describe-nodegroup")


def group(name: str, may: May, *classes: PlacedClass, **more: object) -> PlacedGroup:
    """A group of these classes."""
    nodes = sum(item.count for item in classes)
    taking = sum(len(one.nodes) for item in classes for one in item.today if one.now.may is May.YES)
    ever = sum(item.count for item in classes if item.ever.may is May.YES)
    made = PlacedGroup(
        name, "EKS managed node group", may, nodes, ever, taking, 0, None, (0, 2, 5), None, None, classes
    )
    return msgspec.structs.replace(made, **more)


def placed_class(
    name: str, ever: Answer, *standings: Standing, zone: str = "zone-a", again: bool = False
) -> PlacedClass:
    """A class of the nodes that stand so."""
    count = sum(len(one.nodes) for one in standings)
    return PlacedClass(name, zone, bool(standings), again, count, ever, stays=False, today=standings)


A = group(
    "a",
    May.YES,
    placed_class(
        "a#0", YES, Standing(("a-0", "a-1"), YES, None, 0.5, 0.25), Standing(("a-2",), FULL, None, 0.0, 0.0), again=True
    ),
    first=0.5,
    later=0.25,
    new_nodes=May.YES,
)
B = group("b", May.YES, placed_class("b#0", YES, Standing(("b-0",), YES, None, 0.5, 0.75)), first=0.5, later=0.75)
LATE = group("late", May.UNKNOWN, unknown=UNREAD, new_nodes=May.UNKNOWN)
C = group("c", May.NO, placed_class("c#0", TAINT, Standing(("c-0",), TAINT)))
D = group("d", May.NO, placed_class("d#0", TAINT, Standing(("d-0", "d-1"), TAINT)))
WHOLE = Placement(
    schema="clusterproof.placement/1",
    tool_version="0",
    cluster="demo",
    read_at="",
    workload="job/app/test",
    how="",
    installed=True,
    replicas=1,
    running_on=("a-0",),
    waiting=2,
    every_node=False,
    scheduler="default-scheduler",
    verdict=Verdict.PASS,
    sentence="It may land on a and b.",
    nodes=7,
    now=3,
    ever_message="4/7 nodes are available: 3 node(s) had untolerated taint {k: v}.",
    now_message="3/7 nodes are available: 1 Insufficient cpu, 3 node(s) had untolerated taint {k: v}.",
    groups=(A, B, LATE, C, D),
    chances=Chances(basis="a tie among 3 of 3 feasible nodes", stays=0.4),
    caveats=("others wait",),
)


def shown(found: Placement = WHOLE, width: int = 100, *, colour: bool = False, verbose: bool = False) -> str:
    """The text."""
    return placements.render(found, width=width, colour=colour, verbose=verbose)


@pytest.mark.parametrize(
    ("most", "nodes", "says"),
    [
        (5, 3, "would take it in zone-a, up to 5 nodes in all"),
        (1, 0, "would take it in zone-a, up to 1 node in all"),
        (3, 3, "would take it in zone-a: the group may replace one of its 3 nodes, and has no more than 3"),
        (2, 3, "would take it in zone-a: the group may replace one of its 3 nodes, and has no more than 2"),
        (1, 1, "would take it in zone-a: the group may replace its only node, and has no more than 1"),
        (1000, 3, "would take it in zone-a"),
    ],
)
def test_a_group_at_its_most_replaces_nodes(most: int, nodes: int, says: str) -> None:
    """A group that has as many nodes as it may have makes none beside them, and another in place of one."""
    one = group("a", May.YES, placed_class("a+0", YES), nodes=nodes, size=(0, nodes, most))
    lines = shown(msgspec.structs.replace(WHOLE, groups=(one,)), width=120).splitlines()
    assert [line.strip() for line in lines if "a new node" in line] == [f"a new node  {says}"]


def test_odds_of_the_next_pod_and_of_the_same_node_are_told_apart() -> None:
    """Where "next" in the table and "again" are different numbers, a line says why; else there is none."""
    said = '"next run" above is over all nodes that the first may have taken; "again" is for the one that it did take.'
    assert " ".join(shown().split()).count(said) == 1
    certain = Standing(("a-0",), YES, first=1.0, later=1.0)
    one = group("a", May.YES, placed_class("a#0", YES, certain))
    alone = msgspec.structs.replace(WHOLE, groups=(one,), chances=Chances(basis="the one feasible node", stays=1.0))
    assert '"again"' not in shown(alone)


def test_answer_first_then_where_then_why() -> None:
    """The order: head, sentence, table, groups, why not elsewhere, the scheduler's message, odds, notes."""
    text = shown()
    order = (
        "job/app/test: 1 pod wanted, 1 running, 2 waiting for a node\n",
        "It may land on a and b.\n",
        "  node group  may land  nodes  take one now  new nodes  first run  next run\n",
        "  a           yes       3      2             yes        50 %       25 %\n",
        "  b           yes       1      1             none come  50 %       75 %\n",
        "  late        unknown   0      -             not known  -          -\n",
        "  a, EKS managed node group\n",
        "    takes one now  2 nodes, a-0 and a-1; first run 25 % each, next run 12 % each\n",
        "    not now        Insufficient cpu (NodeResourcesFit): a-2\n",
        "    a new node     would take it in zone-a, up to 5 nodes in all\n",
        "Why not elsewhere\n",
        "  c and d: 3 node(s) had untolerated taint {k: v} (TaintToleration)\n",
        "    read in nodes c-0, spec.taints = k=v\n",
        "scheduler  now: 3/7 nodes are available: 1 Insufficient cpu,",
        "scheduler  ever: 4/7 nodes are available",
        "odds       the first run: a tie among 3 of 3 feasible nodes; the next run",
        "note       others wait.\n",
    )
    places = [text.index(part) for part in order]
    assert places == sorted(places)
    assert "to know it: run: aws eks describe-nodegroup" in " ".join(text.split())


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_lines_fit(width: int) -> None:
    """No line is wider than the terminal, and the words are the same in every width but for the table's form."""
    text = shown(width=width)
    assert max(map(len, text.splitlines())) < max(width, 41)
    assert not any(line != line.rstrip() for line in text.splitlines())
    if width <= 60:
        assert "  a: may land yes; nodes 3; take one now 2;" in " ".join(text.split()) or "a: may land yes" in text


def test_colour_is_an_extra() -> None:
    """Colour adds escapes around finished words: without them the text is the same."""
    coloured = shown(colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown()


def test_names_cannot_act_on_the_terminal() -> None:
    """Names with control characters are spelled out."""
    evil = msgspec.structs.replace(A, name="a\x1b[2J\u202e")
    text = shown(msgspec.structs.replace(WHOLE, groups=(evil,), sentence="x\ny"))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "a\\x1b[2J" in text


def test_many_nodes_are_counted_and_all_named_when_verbose() -> None:
    """Three are named, with how many more; -v names all, and shows each evidence."""
    names = tuple(f"n-{number:03}" for number in range(50))
    many = group("a", May.YES, placed_class("a#0", YES, Standing(names, YES)))
    found = msgspec.structs.replace(WHOLE, groups=(many, C))
    assert "50 nodes, n-000, n-001, n-002 and 47 more" in shown(found)
    assert "n-049" in shown(found, verbose=True)


def test_preemption_is_said_apart() -> None:
    """A node that takes it only by displacing others is "not now", with who would go; unknown with its cause."""
    moved = Displacing(May.YES, tuple(f"app/low-{number}" for number in range(5)))
    doubt = Displacing(May.UNKNOWN, (), UNREAD)
    full = group(
        "a", May.YES, placed_class("a#0", YES, Standing(("a-0",), FULL, moved), Standing(("a-1",), FULL, doubt))
    )
    text = " ".join(shown(msgspec.structs.replace(WHOLE, groups=(full,))).split())
    assert "a-0; takes it by displacing app/low-0, app/low-1, app/low-2 and 2 more" in text
    assert "a-1; by displacing pods: not known: the template of node group late was not read" in text
    assert "takes one now " not in text


def test_copies_and_runs_have_a_line_for_each_group() -> None:
    """On average and from how many to how many; what finds no node; whether the image matters."""
    copies = Copies(
        4,
        (CopiesOn("a", 1.5, (0.25, 0.25, 0.25, 0.25, 0.0)), CopiesOn("b", 2.0, (0, 0, 1.0, 0, 0))),
        (0.5, 0.5, 0, 0, 0),
    )
    runs = Runs(10, (RunsOn("a", 2.5, (0.25,) * 10, 1.0), RunsOn("b", 7.5, (0.75,) * 10, None)), "the image is large")
    text = shown(msgspec.structs.replace(WHOLE, copies=copies, runs=runs))
    for line in (
        "copies     4, placed one by one, end up:\n",
        "             on a        1.5 on average (0 to 3)\n",
        "             on b        2, always\n",
        "             on no node  0.5 on average (0 to 1)\n",
        "runs       10, each after the one before has ended, land:\n",
        "             on a  2.5 on average; after one there the next is there too in 100 %\n",
        "             on b  7.5 on average\n",
        "           the image is large.\n",
    ):
        assert line in text
    unknown = Unknown(Cause.NOT_COLLECTED, "no node has the image app:1", "give its size in bytes")
    text = " ".join(
        shown(msgspec.structs.replace(WHOLE, copies=Copies(4, unknown=unknown), runs=Runs(2, unknown=unknown))).split()
    )
    assert "copies 4: not known: no node has the image app:1" in text
    assert "runs 2: not known: no node has the image app:1" in text
    assert "--image-size 500Mi" in text


@pytest.mark.parametrize(
    ("chances", "says"),
    [
        (Chances(UNREAD), "odds not known: the template of node group late was not read; to know it: run: aws"),
        (Chances(basis="one best of 3 nodes", later_unknown=UNREAD), "one best of 3 nodes; of the next run not known:"),
        (Chances(basis="the one feasible node", stays=1.0), "lands there again in 100 % of cases."),
    ],
)
def test_odds_in_words(chances: Chances, says: str) -> None:
    """What they rest on, or why there are none and what helps."""
    assert says in " ".join(shown(msgspec.structs.replace(WHOLE, chances=chances)).split())


@pytest.mark.parametrize(("verdict", "status"), [(Verdict.PASS, 0), (Verdict.FAIL, 1), (Verdict.UNKNOWN, 3)])
def test_exit_status(verdict: Verdict, status: int) -> None:
    """0 some place, 1 nowhere, 3 not known."""
    assert placements.exit_status(msgspec.structs.replace(WHOLE, verdict=verdict)) == status


def test_nowhere() -> None:
    """Without a place there is no table, and the head of the reasons is not "elsewhere"."""
    text = shown(msgspec.structs.replace(WHOLE, groups=(C,), verdict=Verdict.FAIL))
    assert "\nWhy not\n" in text
    assert "node group" not in text.partition("Why not")[0]


def test_json_is_what_the_schema_says() -> None:
    """Made-up and real placements validate; a wrong value deep inside does not; every field is needed."""
    validator = jsonschema.Draft202012Validator(schema.placement())
    real = clusterproof.place(clusterproof.load_world("demo"), "validator", profile="dynamo", replicas=3, runs=3)
    for found in (WHOLE, real):
        data = json.loads(encode(found))
        assert not [error.message for error in validator.iter_errors(data)]
        assert set(data) == set(schema.placement()["$defs"]["Placement"]["required"])
        data["groups"][0]["may"] = "perhaps"
        assert list(validator.iter_errors(data))
    assert sorted(schema.placement()["$defs"]["May"]["enum"]) == ["no", "unknown", "yes"]
