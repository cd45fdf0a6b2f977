"""Every requirement of the shipped profile with a passing and a failing example (tests/data/cases)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

import clusterproof
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import Overlay, apply
from clusterproof.verdict.algebra import Verdict

CASES = Path(__file__).resolve().parent.parent / "data" / "cases"
REQUIREMENTS = [requirement.id for requirement in clusterproof.load_profile("dynamo").requirements]


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One example.

    Attributes:
        world: a shipped world.
        edits: an overlay's edits; ``sg:<name>`` stands for the id of the group of that name.
        verdict: what the requirement comes to.
        summary: the finding's one clause.
        parameters: as ``--set`` takes them.
    """

    world: str
    edits: list[dict[str, Any]]
    verdict: Verdict
    summary: str
    parameters: dict[str, str] = {}


@pytest.mark.parametrize("which", ["pass", "fail"])
@pytest.mark.parametrize("requirement", REQUIREMENTS)
def test_example(requirement: str, which: str) -> None:
    """The example's verdict and sentence are what it says; ``fail`` is fail or depends."""
    case = msgspec.convert(yaml.safe_load((CASES / requirement / f"{which}.yaml").read_text("utf-8")), Case)
    snapshot = clusterproof.load_world(case.world)
    ids = {f"sg:{group.group_name}": group.group_id for group in snapshot.objects(kinds.SECURITY_GROUPS)}
    overlay = msgspec.convert({"edits": _named(case.edits, ids)}, Overlay)
    report = clusterproof.check(apply(snapshot, overlay), "dynamo", parameters=case.parameters, fixes=False)
    (finding,) = [found for found in report.findings if found.name == requirement]
    assert (finding.verdict, finding.summary) == (case.verdict, case.summary)
    assert finding.verdict is Verdict.PASS if which == "pass" else finding.verdict.failing


def test_every_requirement_has_its_examples() -> None:
    """A passing and a failing example for each id, and no example of an id that is gone."""
    found = {(path.parent.name, path.stem) for path in CASES.glob("*/*.yaml")}
    assert found == {(requirement, which) for requirement in REQUIREMENTS for which in ("pass", "fail")}


def _named(value: Any, ids: dict[str, str]) -> Any:
    """Group names for ids, at any depth; a name that the world lacks is an error."""
    if isinstance(value, dict):
        return {key: _named(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [_named(item, ids) for item in value]
    return ids[value] if isinstance(value, str) and value.startswith("sg:") else value
