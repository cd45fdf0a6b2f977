from __future__ import annotations

import functools

import pytest

import clusterproof
from clusterproof.checks.affected import may_change
from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Finding
from clusterproof.profiles.load import load
from clusterproof.snapshot import kinds
from clusterproof.snapshot.snapshot import Coverage, MemoryLines, Snapshot, Table

PROFILE = load("asya")
READ = sorted(kind.name for kind in kinds.REQUESTED)


@functools.cache
def before() -> tuple[Snapshot, dict[str, Finding]]:
    """The world to the letter, and what it comes to."""
    snapshot = clusterproof.load_world("asya")
    return snapshot, {one.name: one for one in findings(Context(snapshot, PROFILE), words=False)}


@pytest.mark.parametrize("name", READ)
def test_what_may_not_change_does_not(name: str) -> None:
    """Without any object of a kind, no finding is another but those that may be: all of the others are asked in vain."""
    snapshot, known = before()
    tables = dict(snapshot.tables)
    tables[name] = Table(kinds.BY_NAME[name], MemoryLines([]), (Coverage(),))
    found = findings(Context(Snapshot(snapshot.meta, tables), PROFILE), words=False)
    other = {one.name for one in found if one != known[one.name]}
    may = {one.id for one in PROFILE.requirements if may_change(PROFILE, one, frozenset((name,)))}
    assert other <= may
    assert len(may) < len(PROFILE.requirements) / 2 or name in PARAMETERS


PARAMETERS = {name for parameter in PROFILE.parameters.values() for name in parameter.using}
"""Kinds that parameters are found in, on which every condition may rest."""


def test_every_path_may_change_with_the_network() -> None:
    """A kind that tells about nodes, pods or networks may change all that is asked of them."""
    for name in ("nodes", "security-groups", "networkpolicies", "subnets"):
        changed = frozenset((name,))
        for one in PROFILE.requirements:
            if one.check.reach is not None or one.check.schedulable is not None or one.check.covers is not None:
                assert may_change(PROFILE, one, changed)
