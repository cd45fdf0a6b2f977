"""docs/semantics.md keeps its promise: every rule of reach and placement has a test that exists and names it.

The numbers stand here, not in a file beside the checkout: sections 1 to 9 and 11 of the reference of rules. A test names
a rule by ending its docstring with ``(rule 5.3)`` or ``(rules 5.3, 5.4)``.
"""

from __future__ import annotations

import ast
import re
from functools import cache
from typing import NamedTuple

import pytest

from tests.conftest import ROOT, Oracle

SECTIONS = {1: 9, 2: 4, 3: 7, 4: 4, 5: 7, 6: 12, 7: 10, 8: 9, 9: 7, 11: 9}
"""How many rules each section has."""
RULES = tuple(f"{section}.{number}" for section, count in SECTIONS.items() for number in range(1, count + 1))
ELSEWHERE = {"11.7": "access decisions of IAM, which are not asked of reach"}
"""Rules without a test of reach."""

PAGE = ROOT / "docs" / "semantics.md"
NUMBER = re.compile(r"^(\d+\.\w+)(?: \(.+\))?$")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
NAMED = re.compile(r"\(rules? ([^()]*)\)")


class Row(NamedTuple):
    """A row of the page: the rule as written, its number, the tests as (file, name), and the state."""

    title: str
    number: str
    tests: tuple[tuple[str, str], ...]
    state: str


def rows(text: str) -> list[Row]:
    """The rows of all tables whose first column is ``rule``."""
    found = []
    inside = False
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            inside = False
        elif cells[0] == "rule":
            assert cells == ["rule", "what is decided", "source", "test", "state"], cells
            inside = True
        elif inside and not set(line) <= set("|-: "):
            assert len(cells) == 5, line
            match = NUMBER.match(cells[0])
            assert match, f"{cells[0]!r} is no rule"
            found.append(Row(cells[0], match[1], tuple(TEST.findall(cells[3])), cells[4]))
    return found


@cache
def docstrings(path: str) -> dict[str, str]:
    """The docstrings of the tests of a file, by their names."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {
        item.name: " ".join((ast.get_docstring(item) or "").split())
        for item in ast.walk(tree)
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name.startswith("test_")
    }


def numbers(docstring: str) -> set[str]:
    """The rules that a docstring names."""
    return {number for found in NAMED.findall(docstring) for number in re.findall(r"\d+\.\w+", found)}


ROWS = rows(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_has_a_row(rule: str) -> None:
    """No rule of the reference is missing on the page."""
    assert rule in {row.number for row in ROWS}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_every_row_has_a_test_that_names_it(row: Row) -> None:
    """The tests of a row exist, and one of them says the rule's number; a letter stands for a part without a number."""
    assert row.tests or row.number in ELSEWHERE, f"{row.title} names no test"
    for path, name in row.tests:
        assert (ROOT / path).is_file(), f"{path} does not exist"
        assert name in docstrings(path), f"{path}::{name} does not exist"
    if row.tests and row.number in RULES:
        named = set().union(*(numbers(docstrings(path)[name]) for path, name in row.tests))
        assert row.number in named, (
            f"no docstring of {', '.join(name for _, name in row.tests)} ends in (rule {row.number})"
        )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.title)
def test_every_row_says_its_state(row: Row) -> None:
    """Modelled, or unknown with the object that is then named; a rule that nobody knows is not left there."""
    if row.number not in ELSEWHERE:
        assert re.match(r"modelled|unknown: \w|in doubt: \w", row.state), row.state
        assert "not yet" not in row.state


def test_every_number_in_a_docstring_is_a_rule() -> None:
    """No test names a rule that the page does not have."""
    known = {row.number for row in ROWS} | set(RULES)
    wrong = {
        f"{path.relative_to(ROOT)}::{name}: {number}"
        for folder in ("reach", "world", "checks", "fixes", "placement", "controlplane", "laws")
        for path in sorted((ROOT / "tests" / folder).rglob("test_*.py"))
        for name, text in docstrings(str(path.relative_to(ROOT))).items()
        for number in numbers(text)
        if number not in known
    }
    assert not wrong, sorted(wrong)


def test_the_page_is_counted(oracle: Oracle) -> None:
    """How many rules there are, and how many rows and tests speak of them."""
    tests = {test for row in ROWS for test in row.tests}
    assert len(RULES) == 78
    oracle("semantics", {"rules": len(RULES), "rows": len(ROWS), "tests": len(tests)})


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It works (rule 5.3).", {"5.3"}),
        ("It works (rules 5.3, 11.2 and 7.10)", {"5.3", "11.2", "7.10"}),
        ("Reference 5.3: it works.", set()),
    ],
)
def test_how_a_docstring_names_a_rule(text: str, found: set[str]) -> None:
    """In parentheses, behind the word rule or rules."""
    assert numbers(text) == found


def test_a_page_with_a_hole_is_seen() -> None:
    """A row is read with its number, its tests and its state; what is no rule is refused."""
    head = "| rule | what is decided | source | test | state |\n|---|---|---|---|---|\n"
    (row,) = rows(head + "| 1.4 (peers) | x | y | `tests/reach/test_routes.py::test_it` | unknown: the gateway |\n")
    assert row == Row("1.4 (peers)", "1.4", (("tests/reach/test_routes.py", "test_it"),), "unknown: the gateway")
    with pytest.raises(AssertionError, match="is no rule"):
        rows(head + "| one | x | y | none | modelled |\n")
