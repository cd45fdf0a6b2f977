"""Every call that reading makes, times every fault: never a false pass, always a cause (design rule 1)."""

from __future__ import annotations

import re

import pytest

from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.faults.cells import CIRCLES, EXPECTED, FAULTS, SECOND, Cell, calls, cells, judged, kind_of
from tests.faults.conftest import LANES
from tests.faults.excuses import RECOVERED, excuse, false_passes
from tests.faults.served import World
from tests.sources.aws_api.pages import listing

pytestmark = pytest.mark.slow

_COLUMNS: dict[str, list[Cell]] = {}


def column(world: World, fault: str) -> list[Cell]:
    """All cells of one fault, read once."""
    if fault not in _COLUMNS:
        _COLUMNS[fault] = cells(world, (fault,), LANES)
    return _COLUMNS[fault]


def test_without_a_fault_everything_passes(world: World) -> None:
    """The starting point: everything was read, everything that applies passes; every kind has a row."""
    start = judged(world.snapshot, "", "", struck=False)
    assert start.missing == {}
    assert set(start.verdicts.values()) == {Verdict.PASS, Verdict.NOT_APPLICABLE}
    rows = {kind_of(call) for call in calls(world)}
    read = {table.kind for table in world.snapshot.tables.values()}
    # Of these no definition is served, so it is known without a call that there are none.
    assert read - rows <= {*kinds.OTHER_POLICIES, *kinds.REQUESTED}


@pytest.mark.parametrize("fault", FAULTS)
def test_no_false_pass(world: World, fault: str) -> None:
    """A requirement passes only where each kind that was not read is excused by name; a fault never makes a failure."""
    for cell in column(world, fault):
        assert false_passes(cell) == [], cell.call
        for requirement, verdict in cell.verdicts.items():
            assert not verdict.failing, (cell.call, requirement)
            before = judged_before(world)[requirement]
            assert verdict in (before, Verdict.UNKNOWN), (cell.call, requirement)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_cause_is_said(world: World, fault: str) -> None:
    """What was struck is incomplete, with the fault's own cause, in one sentence that names what or who is to blame."""
    for cell in column(world, fault):
        for name, why in cell.missing.items():
            text = str(why)
            assert "\n" not in text, (cell.call, text)
            assert not re.search(r"Traceback|<[a-z]+ |Exception\b", text), (cell.call, text)
            assert re.search(rf"{re.escape(name)}|{re.escape(cell.call)}|could not be read: |is not known", text), text
        if cell.kind is None or cell.call in RECOVERED:
            continue
        assert cell.kind.name in cell.missing, cell.call
        why = cell.missing[cell.kind.name]
        assert why.cause in EXPECTED[fault], (cell.call, why)
        if "denied" in fault:
            assert cell.kind.permission in why.remedy, (cell.call, why)


@pytest.mark.parametrize("fault", [*SECOND, CIRCLES])
def test_every_call_with_pages_has_a_second_one(world: World, fault: str) -> None:
    """Each call of AWS that has pages is struck on its second, and nothing after it is read; so are lists of the cluster."""
    struck = {cell.call for cell in column(world, fault) if cell.struck}
    assert {call for call in calls(world) if listing(call) is not None} == {c for c in struck if not c.startswith("/")}
    assert {"/api/v1/pods", "/api/v1/nodes", "/apis/apps/v1/deployments"} <= struck


@pytest.mark.parametrize("fault", FAULTS)
def test_unknown_findings_say_why(world: World, fault: str) -> None:
    """Each unknown finding repeats what was not read: the kind, or the permission that is missing."""
    for cell in column(world, fault):
        for requirement, verdict in cell.verdicts.items():
            if verdict is not Verdict.UNKNOWN:
                continue
            said = cell.unknowns[requirement]
            causes = {name: why for name, why in cell.missing.items() if not excuse(cell, name, requirement)}
            assert causes, (cell.call, requirement)
            assert any(
                name in said or why.detail in said or (why.remedy and why.remedy in said)
                for name, why in causes.items()
            ), (cell.call, said)


def judged_before(world: World) -> dict[str, Verdict]:
    """The verdicts where nothing fails."""
    return judged(world.snapshot, "", "", struck=False).verdicts
