"""Unknown is never pass: whatever kind of object a requirement of profile ``asya`` rests on, unread it is unknown."""

from __future__ import annotations

from functools import cache

import msgspec
import pytest

from clusterproof.sources.asking import asked_kinds
from tests.asya.bases import BASES, base
from tests.asya.independent import INDEPENDENT
from tests.asya.world import profile, unread, verdicts


@cache
def needs() -> dict[str, set[str]]:
    """By requirement: the kinds that are read for its check."""
    own = profile()
    return {
        item.id: asked_kinds(msgspec.structs.replace(own, requirements=(item,), parameters={}))
        for item in own.requirements
    }


def asked_of(name: str, kind: str) -> list[str]:
    """The requirements that pass in a world, are asked there, and need a kind."""
    _, _, before = base(name)
    own = BASES[name][3]
    return [
        item
        for item, kinds in needs().items()
        if kind in kinds and before[item] == "pass" and (name == "correct" or item in own)
    ]


KINDS = sorted(set().union(*needs().values()))


@pytest.mark.parametrize("kind", KINDS)
def test_unread(kind: str) -> None:
    """Each requirement that needs the kind is unknown without it, but where the table says why nothing rests on it."""
    reason, resting = INDEPENDENT.get(kind, ("", None))
    found: dict[str, str] = {}
    expected: dict[str, str] = {}
    for name in BASES:
        asked = asked_of(name, kind)
        snapshot, parameters, _ = base(name)
        found |= verdicts(unread(snapshot, kind), parameters, asked) if asked else {}
        expected |= {item: "unknown" if resting is None or item in resting.split() else "pass" for item in asked}
    assert found == expected, reason


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_fails_because_it_was_not_read(kind: str) -> None:
    """What was not read is no fault of the cluster: without it nothing fails that passes with it."""
    snapshot, parameters, before = base("correct")
    found = verdicts(unread(snapshot, kind), parameters)
    assert {item: verdict for item, verdict in found.items() if verdict in ("fail", "depends")} == {
        item: verdict for item, verdict in before.items() if verdict in ("fail", "depends")
    }


def test_every_requirement_needs_something() -> None:
    """The table of what is independent names kinds that are needed, and leaves every requirement a kind on which it rests."""
    assert set(INDEPENDENT) <= set(KINDS)
    path = {
        item.id for item in profile().requirements if item.check.reach or item.check.isolated or item.check.lets_out
    }
    path |= {item.id for item in profile().requirements if item.check.covers or item.check.schedulable}
    path |= {item.id for item in profile().requirements if item.check.pod_security}
    lonely = [item for item, kinds in needs().items() if not kinds and item not in path]
    assert lonely == []
