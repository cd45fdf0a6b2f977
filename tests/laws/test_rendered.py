"""A fix that is made from its text alone makes the requirement pass, whatever language it is written in."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.fixes.render import render
from clusterproof.snapshot.overlay import Overlay, apply
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict
from tests.conftest import Oracle
from tests.fixes.build import profile, repaired
from tests.fixes.test_properties import REQUIREMENT, clusters
from tests.laws.readback import WAYS


@pytest.mark.parametrize("examples", [20, pytest.param(120, marks=pytest.mark.slow)])
def test_a_proven_fix_is_green_from_its_text(oracle: Oracle, examples: int) -> None:
    """Written, read by the language's own reader, applied, checked: pass; and none of its changes is lost."""
    seen: Counter[str] = Counter()

    @settings(max_examples=examples)
    @given(clusters())
    def holds(snapshot: Snapshot) -> None:
        plan = repaired(snapshot, REQUIREMENT).plan
        seen["worlds"] += 1
        if plan is None or not plan.proven:
            return
        seen["fixes"] += 1
        seen["changes"] += len(plan.overlay.edits)
        for way, parts in WAYS.items():
            edits = [edit for style, reader in parts for edit in reader(render(plan, snapshot, style))]
            assert len(edits) == len(plan.overlay.edits), way
            after = Context(apply(snapshot, Overlay(tuple(edits))), profile(REQUIREMENT))
            assert findings(after)[0].verdict is Verdict.PASS, (way, edits)
            seen["renderings"] += 1

    holds()
    assert seen["fixes"] > examples // 3, seen
    assert seen["changes"] > seen["fixes"], seen
    oracle("law: a fix is green from its text", {**seen, "differ": 0})


def test_a_text_that_lost_a_change_is_not_green() -> None:
    """The law can fail: without one of its changes a fix does not pass any more."""
    lost = 0

    @settings(max_examples=10)
    @given(clusters())
    def found(snapshot: Snapshot) -> None:
        nonlocal lost
        plan = repaired(snapshot, REQUIREMENT).plan
        if plan is None or not plan.proven:
            return
        ((_, reader),) = WAYS["aws-cli"]
        edits = reader(render(plan, snapshot, "aws-cli"))
        for number in range(len(edits)):
            less = Overlay((*edits[:number], *edits[number + 1 :]))
            lost += findings(Context(apply(snapshot, less), profile(REQUIREMENT)))[0].verdict is not Verdict.PASS

    found()
    assert lost > 3
