from __future__ import annotations

import functools

import pytest

import clusterproof
from clusterproof.checks.finding import Finding, Report
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import AddPermission, peer_text
from clusterproof.verdict.algebra import Verdict
from tests.worlds.page import DYNAMO_WORLDS, RequirementRow, pages

EXPECTED = [(name, row) for name, page in pages().items() for row in page.requirements]
TOLD = [f"{name}-{row.name}" for name, row in EXPECTED]


@functools.cache
def report_of(name: str) -> Report:
    """The report of a world under the profile of the document."""
    return clusterproof.check(clusterproof.load_world(name), "dynamo", fixes=False)


def finding_of(name: str, requirement: str) -> Finding:
    """One finding of it."""
    return next(item for item in report_of(name).findings if item.name == requirement)


def clients(finding: Finding, outcome: Outcome) -> tuple[str, ...]:
    """Client groups with a cell of that outcome, sorted."""
    assert finding.matrix is not None
    return tuple(sorted({cell.client for cell in finding.matrix.cells if cell.outcome is outcome}))


@pytest.mark.parametrize(("name", "row"), EXPECTED, ids=TOLD)
def test_verdict_and_places(name: str, row: RequirementRow) -> None:
    """The verdict, and the groups it works and is blocked from, are those of docs/worlds.md."""
    finding = finding_of(name, row.name)
    assert finding.verdict == row.verdict
    if row.works or row.blocked:
        assert clients(finding, Outcome.WORKS) == row.works
        assert clients(finding, Outcome.BLOCKED) == row.blocked
        assert finding.matrix is not None
        assert len(finding.matrix.cells) == len(row.works) + len(row.blocked)


@pytest.mark.parametrize(("name", "row"), EXPECTED, ids=TOLD)
def test_odds(name: str, row: RequirementRow) -> None:
    """The odds that a run fails, first and later, are those of docs/worlds.md."""
    if row.first is None:
        return
    odds = finding_of(name, row.name).odds
    assert odds is not None
    assert odds.unknown is None
    assert odds.fails_first == pytest.approx(row.first)
    assert odds.fails_cached == pytest.approx(row.later)


@pytest.mark.parametrize("name", DYNAMO_WORLDS)
def test_all_requirements_are_on_the_page(name: str) -> None:
    """No finding of the profile is left out of docs/worlds.md, and it invents none."""
    assert {item.name for item in report_of(name).findings} == {row.name for row in pages()[name].requirements}


@pytest.mark.parametrize("name", DYNAMO_WORLDS)
def test_nothing_is_undecided(name: str) -> None:
    """The worlds are complete: no finding is unknown, and none has anything unknown in it."""
    for finding in report_of(name).findings:
        assert finding.verdict is not Verdict.UNKNOWN
        assert finding.unknowns == ()


def test_demo_later_runs_repeat_the_first() -> None:
    """The document's story: a first run draws 50/25/25, and whatever it drew comes again."""
    odds = finding_of("demo", "prometheus-from-validator").odds
    assert odds is not None
    rows = {row.group: (row.first, row.repeats, row.fails_first, row.fails_cached) for row in odds.rows}
    assert rows == {
        "system": (0.5, 1.0, 0.0, 0.0),
        "gpu": (0.25, 1.0, 1.0, 1.0),
        "customer": (0.25, 1.0, 1.0, 1.0),
    }


def test_custom_networking_looks_at_the_pods_group() -> None:
    """The refusing hop is the pod interfaces' security group, not the instances' one, which admits the port."""
    snapshot = clusterproof.load_world("custom-networking")
    ids = {group.group_name: group.group_id for group in snapshot.objects(kinds.SECURITY_GROUPS)}
    nodes = snapshot.get(kinds.SECURITY_GROUPS, ids["system-nodes"])
    assert nodes is not None
    assert {2379, 4222, 9090} <= {item.from_port for item in nodes.ip_permissions}
    for requirement in ("etcd-from-gpu-nodes", "nats-from-gpu-nodes", "prometheus-from-validator"):
        matrix = finding_of("custom-networking", requirement).matrix
        assert matrix is not None
        for cell in matrix.cells:
            assert cell.hop is not None
            assert cell.hop.at.startswith(ids["pod-interfaces"])


def test_custom_networking_sets_the_shared_node_apart() -> None:
    """On Prometheus's own node the validator would pass; that is shown, and the verdict still is fail."""
    finding = finding_of("custom-networking", "prometheus-from-validator")
    assert finding.matrix is not None
    assert {cell.client: cell.colocated for cell in finding.matrix.cells} == {"gpu": None, "system": Outcome.WORKS}
    assert finding.verdict is Verdict.FAIL


def test_inference_group_is_judged_without_a_node() -> None:
    """A group at zero has its row, from its template, and no odds."""
    finding = finding_of("inference-at-zero", "prometheus-from-validator")
    assert finding.matrix is not None
    side = next(item for item in finding.matrix.clients if item.group == "inference")
    assert (side.nodes, side.future) == (0, True)
    assert finding.odds is not None
    assert "inference" not in {row.group for row in finding.odds.rows if row.first}


RULES = {
    "demo": {
        ("system-nodes", "gpu-nodes", 2379),
        ("system-nodes", "gpu-nodes", 4222),
        ("system-nodes", "gpu-nodes", 9090),
        ("system-nodes", "customer-nodes", 9090),
    },
    "custom-networking": {
        ("pod-interfaces", "pod-interfaces", 2379),
        ("pod-interfaces", "pod-interfaces", 4222),
        ("pod-interfaces", "pod-interfaces", 9090),
    },
    "inference-at-zero": {
        ("system-nodes", "inference-nodes", 2379),
        ("system-nodes", "inference-nodes", 4222),
        ("system-nodes", "inference-nodes", 9090),
        ("system-nodes", "customer-nodes", 9090),
    },
}


@pytest.mark.parametrize("name", DYNAMO_WORLDS)
def test_one_proven_plan_of_these_rules(name: str) -> None:
    """One plan mends everything: exactly the rules of docs/worlds.md, each from one group to one group, proven."""
    snapshot = clusterproof.load_world(name)
    plan = clusterproof.check(snapshot, "dynamo").plan
    assert plan is not None
    assert plan.proven
    names = {group.group_id: group.group_name for group in snapshot.objects(kinds.SECURITY_GROUPS)}
    found = set()
    for edit in plan.overlay.edits:
        assert isinstance(edit, AddPermission)
        assert not edit.egress
        assert edit.permission["FromPort"] == edit.permission["ToPort"]
        found.add((names[edit.group_id], names[peer_text(edit.permission)], edit.permission["FromPort"]))
    assert found == RULES[name]
    assert len(plan.overlay.edits) == len(plan.changes) == len(RULES[name])


OPENS = {"demo": (4, 0), "custom-networking": (4, 8), "inference-at-zero": (4, 0)}
"""What the plan newly lets through: pairs of classes and ports that a requirement asks for, and others."""


@pytest.mark.parametrize("name", DYNAMO_WORLDS)
def test_what_the_plan_opens(name: str) -> None:
    """The plan opens what is asked for and nothing else, except where all pods share one security group."""
    plan = clusterproof.check(clusterproof.load_world(name), "dynamo").plan
    assert plan is not None
    asked = [item.wanted for item in plan.opens]
    assert (asked.count(True), asked.count(False)) == OPENS[name]
