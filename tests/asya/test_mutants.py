"""Every requirement of profile ``asya`` fails when, and only when, what it asks for is broken."""

from __future__ import annotations

from functools import cache

import pytest

from tests.asya import (
    mutants_access,
    mutants_data,
    mutants_gpu,
    mutants_identity,
    mutants_keda,
    mutants_network,
    mutants_nodes,
    mutants_policies,
)
from tests.asya.bases import BASES, base
from tests.asya.follows import FOLLOWS
from tests.asya.world import Mutant, edited, profile, verdicts

MUTANTS: tuple[Mutant, ...] = (
    *mutants_identity.MUTANTS,
    *mutants_nodes.MUTANTS,
    *mutants_gpu.MUTANTS,
    *mutants_keda.MUTANTS,
    *mutants_access.MUTANTS,
    *mutants_data.MUTANTS,
    *mutants_network.MUTANTS,
    *mutants_policies.MUTANTS,
)
EXEMPT: dict[str, str] = {}
"""Requirements that cannot fail by nature, each with the reason."""
REQUIREMENTS = tuple(requirement.id for requirement in profile().requirements)


@cache
def follows() -> dict[str, dict[str, str]]:
    """What else changes with each mutant."""
    found: dict[str, dict[str, str]] = {}
    for ids, text in FOLLOWS:
        pairs = [item.partition(":") for item in text.split()]
        for name in ids.split():
            assert name not in found, f"{name} stands twice in the table of what follows"
            found[name] = {item: verdict or "fail" for item, _, verdict in pairs}
    return found


def _first() -> tuple[list[Mutant], list[Mutant]]:
    """One mutant of each requirement, and the others."""
    seen: set[str] = set()
    first, rest = [], []
    for mutant in MUTANTS:
        if mutant.requirement in seen or mutant.verdict == "unknown":
            rest.append(mutant)
        else:
            seen.add(mutant.requirement)
            first.append(mutant)
    return first, rest


FIRST, REST = _first()


@pytest.mark.parametrize("name", BASES)
def test_base(name: str) -> None:
    """Every world that is mutated passes what applies in it; each requirement applies in some."""
    _, _, exceptions, own = BASES[name]
    _, _, found = base(name)
    elsewhere = frozenset[str]().union(*(apply for other, (_, _, _, apply) in BASES.items() if other != name)) - own
    expected = {item: "not-applicable" if item in elsewhere else "pass" for item in REQUIREMENTS} | exceptions
    assert found == expected


def test_every_requirement_has_a_mutant() -> None:
    """None is left out but those that cannot fail by nature; names are unique, and the table of followers has no stale id."""
    failing = {mutant.requirement for mutant in MUTANTS if mutant.verdict in ("fail", "depends")}
    assert failing == set(REQUIREMENTS) - set(EXEMPT)
    ids = [mutant.id for mutant in MUTANTS]
    assert len(ids) == len(set(ids))
    assert set(follows()) <= set(ids)


def test_critical_and_security_requirements_have_several_mutants() -> None:
    """Two at least where a false pass would hurt most."""
    counts = {name: sum(mutant.requirement == name for mutant in MUTANTS) for name in REQUIREMENTS}
    weighty = {item.id for item in profile().requirements if item.category in ("critical", "security")}
    assert [name for name in sorted(weighty) if counts[name] < 2] == []


def _all(mutant: Mutant, only: tuple[str, ...] = ()) -> None:
    snapshot, parameters, before = base(mutant.base)
    expected = before | follows().get(mutant.id, {}) | {mutant.requirement: mutant.verdict}
    found = verdicts(edited(snapshot, mutant.edit), {**parameters, **mutant.parameters}, only)
    assert found == {name: expected[name] for name in found}


@pytest.mark.parametrize("mutant", FIRST, ids=[mutant.id for mutant in FIRST])
def test_mutant(mutant: Mutant) -> None:
    """It fails its own requirement and those that follow from it; all others keep their verdict."""
    _all(mutant)


@pytest.mark.parametrize("mutant", REST, ids=[mutant.id for mutant in REST])
def test_further_mutant(mutant: Mutant) -> None:
    """Each fails its own requirement, and what follows; of the others see the slow test."""
    _all(mutant, (mutant.requirement, *follows().get(mutant.id, {})))


@pytest.mark.slow
@pytest.mark.parametrize("mutant", REST, ids=[mutant.id for mutant in REST])
def test_further_mutant_changes_nothing_else(mutant: Mutant) -> None:
    """All others keep their verdict."""
    _all(mutant)
