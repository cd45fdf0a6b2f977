"""Karpenter's arithmetic against its own tables, and against enumeration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.snapshot.kubernetes import SelectorRequirement
from clusterproof.world.requirements import EMPTY, Requirement, compatible, intersect, meet, parse
from tests.conftest import Oracle

TABLES: dict[str, Any] = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "templates" / "karpenter-arithmetic.yaml").read_text()
)
COLUMNS = TABLES["columns"].split()
ANY = Requirement()


def written(text: str) -> SelectorRequirement:
    """``In A B``."""
    operator, *values = text.split()
    return SelectorRequirement("key", operator, tuple(values))


def shape(raw: Mapping[str, Any]) -> Requirement:
    """What a table says that a requirement means."""
    complement = "out" in raw
    values = frozenset(raw["out" if complement else "in"])
    return Requirement(values, complement=complement, low=raw.get("low"), high=raw.get("high"))


MEANT = {name: shape(raw) for name, raw in (TABLES["requirements"] | TABLES["results"]).items()}


def test_operators() -> None:
    """Each operator means what Karpenter makes of it; Gt and Lt are inclusive bounds one further (rule 9.1)."""
    for name, raw in TABLES["requirements"].items():
        assert parse(written(raw["written"])) == MEANT[name], name
    assert parse(written("Gte 5")) == Requirement(low=5)
    assert parse(written("Lte -5")) == Requirement(high=-5)


@pytest.mark.parametrize("text", ["Near A", "Gt", "Gt x", "Lte 5.0"])
def test_what_is_not_known_is_not_read(text: str) -> None:
    """An operator or a bound of another form is no requirement, and no crash (rule 9.1)."""
    assert parse(written(text)) is None


def test_intersections(oracle: Oracle) -> None:
    """All 196 intersections of Karpenter's own table (rule 9.1)."""
    count = 0
    for one, row in TABLES["intersections"].items():
        for other, expected in zip(COLUMNS, row.split(), strict=True):
            assert intersect(MEANT[one], MEANT[other]) == MEANT[expected], (one, other)
            count += 1
    oracle("karpenter arithmetic", {"intersections": count, "differ": 0})
    assert count == 196


def test_compatibility(oracle: Oracle) -> None:
    """All 225 answers of Karpenter's own table for a well-known label (rule 9.1)."""
    count = 0
    for pool, row in TABLES["compatible"].items():
        for pod, expected in zip(("free", *COLUMNS), row, strict=True):
            existing = {} if pool == "free" else {"zone": MEANT[pool]}
            incoming = {} if pod == "free" else {"zone": MEANT[pod]}
            answer = compatible(existing, incoming, lambda key: key == "zone")
            assert answer is (expected == "+"), (pool, pod)
            count += 1
    oracle("karpenter arithmetic", {"compatibilities": count, "differ": 0})
    assert count == 225


@pytest.mark.parametrize(
    ("demand", "well_known", "own"),
    [
        ("Exists", True, False),
        ("In A", True, False),
        ("Gt 1", True, False),
        ("NotIn A", True, True),
        ("DoesNotExist", True, True),
    ],
)
def test_undefined_labels(demand: str, well_known: bool, own: bool) -> None:
    """A label that a pool does not name may be asked for if it is well known; of the others only the absence.

    Source: requirements.go Compatible, AllowUndefinedWellKnownLabels (rule 9.1).
    """
    parsed = parse(written(demand))
    assert parsed is not None
    assert compatible({}, {"key": parsed}, lambda _: True) is well_known
    assert compatible({}, {"key": parsed}, lambda _: False) is own


# --- the twin: enumeration over a small universe ---------------------------------------------

UNIVERSE = ["", "a", "b", "other", *(str(number) for number in range(-2, 7)), "+3", "03", "99", "1.5", "²"]
WORDS = st.lists(st.sampled_from(UNIVERSE), max_size=4)
BOUNDS = st.integers(-2, 6).map(str)
Item = tuple[str, list[str]]
ITEMS: st.SearchStrategy[Item] = st.one_of(
    st.builds(lambda operator, values: (operator, values), st.sampled_from(["In", "NotIn"]), WORDS),
    st.builds(lambda operator: (operator, []), st.sampled_from(["Exists", "DoesNotExist"])),
    st.builds(lambda operator, value: (operator, [value]), st.sampled_from(["Gt", "Lt", "Gte", "Lte"]), BOUNDS),
)
SETS = st.lists(ITEMS, min_size=1, max_size=5)


def number(text: str) -> int | None:
    """An integer as Go's Atoi reads it."""
    digits = text.lstrip("+-") if text[:1] in ("+", "-") and text[1:2].isdigit() else text
    return int(text) if digits.isascii() and digits.isdigit() else None


def admitted(item: Item, value: str) -> bool:
    """Whether one requirement admits a value, read off its definition."""
    operator, values = item
    if operator in ("In", "NotIn"):
        return (value in values) is (operator == "In")
    if operator in ("Exists", "DoesNotExist"):
        return operator == "Exists"
    found, bound = number(value), int(values[0])
    if found is None:
        return False
    return {"Gt": found > bound, "Lt": found < bound, "Gte": found >= bound, "Lte": found <= bound}[operator]


def together(items: list[Item]) -> Requirement:
    """Requirements of one key as the product keeps them."""
    parsed = [parse(SelectorRequirement("key", operator, tuple(values))) for operator, values in items]
    return reduce(intersect, (one for one in parsed if one is not None), ANY)


@settings(max_examples=400, deadline=None)
@given(SETS)
def test_intersection_is_the_common_values(items: list[Item]) -> None:
    """What an intersection has is what every requirement of it admits, value by value (rule 9.1)."""
    found = together(items)
    for value in UNIVERSE:
        assert found.has(value) is all(admitted(item, value) for item in items), value


@settings(max_examples=400, deadline=None)
@given(SETS, SETS)
def test_demands_meet_where_a_value_is_common(pool: list[Item], pod: list[Item]) -> None:
    """Two demands meet if some value satisfies all, and else only if neither asks for presence (rule 9.1).

    Karpenter counts a complement as endless: where bounds and exclusions together leave nothing, it still launches.
    """
    existing, incoming = together(pool), together(pod)
    common = any(all(admitted(item, value) for item in (*pool, *pod)) for value in [*UNIVERSE, "fresh", "-9", "1000"])
    both = intersect(existing, incoming)
    if common:
        assert meet(existing, incoming)
    elif meet(existing, incoming):
        absence = existing.allows_absence and incoming.allows_absence
        assert absence or (both.complement and both.low is not None and both.high is not None)


@settings(max_examples=300, deadline=None)
@given(SETS, SETS, SETS)
def test_laws(one: list[Item], two: list[Item], three: list[Item]) -> None:
    """Intersection has no order in what it admits; meeting is symmetric; DoesNotExist absorbs."""
    a, b, c = together(one), together(two), together(three)
    for value in UNIVERSE:
        assert intersect(intersect(a, b), c).has(value) is intersect(a, intersect(c, b)).has(value)
    assert meet(a, b) is meet(b, a)
    assert intersect(a, a) == a
    assert intersect(a, EMPTY) == EMPTY


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from("kmz"), SETS, max_size=3), st.dictionaries(st.sampled_from("kmz"), SETS, max_size=3)
)
def test_sets_of_labels_are_met_key_by_key(pool: dict[str, list[Item]], pod: dict[str, list[Item]]) -> None:
    """A pod fits a pool where each label fits; one that the pool does not name, where it is well known or not wanted.

    (rule 9.1)
    """
    existing = {key: together(items) for key, items in pool.items()}
    incoming = {key: together(items) for key, items in pod.items()}
    wanted = {key: not demand.allows_absence for key, demand in incoming.items()}
    expected = all(meet(existing[key], incoming[key]) if key in pool else key == "z" or not wanted[key] for key in pod)
    assert compatible(existing, incoming, lambda key: key == "z") is expected
