"""What is printed for a failure of profile ``asya`` mends it: applied to the mutant, the requirement passes again."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

import clusterproof
from clusterproof.checks.finding import Finding
from clusterproof.fixes.render import STYLES, render
from clusterproof.profiles.checktypes import CHECKS
from clusterproof.snapshot.overlay import Put, apply
from clusterproof.snapshot.snapshot import Snapshot
from tests.asya.bases import base
from tests.asya.fixless import EQUIVALENT, FIXLESS
from tests.asya.test_mutants import FIRST
from tests.asya.world import Mutant, edited, profile, verdicts

MADE_BY_OTHERS = (
    "addons",
    "daemonsets",
    "deployments",
    "helmreleases",
    "apiservices",
    "csidrivers",
    "customresourcedefinitions",
    "queues",
)
"""Kinds whose objects a chart, EKS or an operator makes: an overlay puts what these would make."""
FIXED = [mutant for mutant in FIRST if mutant.requirement not in FIXLESS]


def _kind(mutant: Mutant) -> str:
    """By what a fix is found: the kind of check, and whether the profile says what mends it."""
    item = next(item for item in profile().requirements if item.id == mutant.requirement)
    kind = next(name for name in CHECKS if getattr(item.check, name) is not None)
    return f"{kind}, {mutant.base}, {'mends' if item.mends else 'search'}"


def _params() -> list[Any]:
    """One of each kind in every run, the others among the slow ones."""
    seen: set[str] = set()
    found = []
    for mutant in FIXED:
        slow = _kind(mutant) in seen
        seen.add(_kind(mutant))
        found.append(pytest.param(mutant, id=mutant.id, marks=[pytest.mark.slow] if slow else []))
    return found


@cache
def found(mutant_id: str) -> tuple[Snapshot, Finding]:
    """A mutant and its requirement's finding, with its fix."""
    mutant = next(item for item in FIRST if item.id == mutant_id)
    snapshot, parameters, _ = base(mutant.base)
    broken = edited(snapshot, mutant.edit)
    report = clusterproof.check(broken, profile(), parameters={**parameters, **mutant.parameters})
    return broken, next(item for item in report.findings if item.name == mutant.requirement)


@pytest.mark.parametrize("mutant", _params())
def test_fix(mutant: Mutant) -> None:
    """The fix is proven; applied, its requirement passes and nothing that passed fails; its commands have no gaps."""
    broken, finding = found(mutant.id)
    fix = finding.fix
    assert fix is not None
    assert fix.proven, fix.advice
    _, parameters, _ = base(mutant.base)
    given = {**parameters, **mutant.parameters}
    after = verdicts(apply(broken, fix.overlay), given)
    assert after[mutant.requirement] == "pass"
    before = verdicts(broken, given)
    worse = [
        name for name, verdict in before.items() if verdict == "pass" and after[name] not in ("pass", "not-applicable")
    ]
    assert worse == []
    texts = [render(fix, broken, style) for style in STYLES]
    written = [command for change in fix.changes for command in change.made_by.values()] or list(fix.commands)
    assert written or any(texts)
    assert not [command for command in (*written, *fix.commands) if "${" in command]
    # What a chart, an add-on or an operator brings is not installed here: the objects of it that the check reads are.
    put = any(isinstance(edit, Put) and edit.kind in MADE_BY_OTHERS for edit in fix.overlay.edits)
    by_chart = any("helm" in change.made_by for change in fix.changes)
    assert (mutant.requirement in EQUIVALENT) == (put or by_chart), "say in the table what is applied in its place"


@pytest.mark.slow
@pytest.mark.parametrize("mutant", [item for item in FIRST if item.requirement in FIXLESS], ids=lambda item: item.id)
def test_advice(mutant: Mutant) -> None:
    """Where nothing can be proven, there is advice, and nothing is called proven."""
    _, finding = found(mutant.id)
    assert finding.fix is not None
    assert not finding.fix.proven, "it is proven now: take it from the table of those that are not"
    assert finding.fix.advice
    assert "search for a fix itself failed" not in " ".join(finding.fix.advice)


def test_the_tables_name_requirements() -> None:
    """No stale ids, and none that stands in both."""
    names = {item.id for item in profile().requirements}
    assert set(FIXLESS) <= names
    assert set(EQUIVALENT) <= names - set(FIXLESS)
