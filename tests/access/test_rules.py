"""docs/access.md keeps its promise: every rule has tests that exist and end in its number.

A test names a rule by ending its docstring with ``(access rule 5)`` or ``(access rules 5, 6)``.
"""

from __future__ import annotations

import ast
import re
from functools import cache

import pytest

from tests.conftest import ROOT, Oracle

ROW = re.compile(r"^\| (\d+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
NAMED = re.compile(r"\(access rules? ([\d, and]+)\)\.?$")
ROWS = {int(number): (text, tests) for number, text, _, tests in ROW.findall((ROOT / "docs" / "access.md").read_text())}


@cache
def docstrings(name: str) -> dict[str, str]:
    """The docstrings of the tests of a module, by their names."""
    tree = ast.parse((ROOT / "tests" / "access" / name).read_text(encoding="utf-8"))
    return {
        node.name: " ".join((ast.get_docstring(node) or "").split())
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def numbers(docstring: str) -> set[int]:
    """The rules that a docstring ends in."""
    found = NAMED.search(docstring)
    return {int(number) for number in re.findall(r"\d+", found[1])} if found else set()


def test_rules_are_numbered_without_a_gap() -> None:
    """Rules are numbered from 1 on, and there are as many as when this was written, or more."""
    assert sorted(ROWS) == list(range(1, len(ROWS) + 1))
    assert len(ROWS) >= 40


@pytest.mark.parametrize("rule", sorted(ROWS))
def test_every_rule_has_a_test_that_names_it(rule: int) -> None:
    """The tests of a row exist, and each says the rule's number."""
    tests = TEST.findall(ROWS[rule][1])
    assert tests
    for module, name in tests:
        assert name in docstrings(module), f"{module}::{name} does not exist"
        assert rule in numbers(docstrings(module)[name]), f"{module}::{name} does not end in (access rule {rule})"


def test_every_number_in_a_docstring_is_a_rule(oracle: Oracle) -> None:
    """No test names a rule that the page does not have, and the page lists every test that names one."""
    listed = {(module, name, rule) for rule, (_, tests) in ROWS.items() for module, name in TEST.findall(tests)}
    named = {
        (path.name, name, rule)
        for path in (ROOT / "tests" / "access").glob("test_*.py")
        for name, text in docstrings(path.name).items()
        for rule in numbers(text)
    }
    assert {rule for _, _, rule in named} == set(ROWS)
    assert not listed - named
    oracle("access rules", {"rules": len(ROWS), "tests": len({(module, name) for module, name, _ in named})})


def test_how_a_docstring_names_a_rule() -> None:
    """In parentheses at its end."""
    assert numbers("It works (access rule 5).") == {5}
    assert numbers("It works (access rules 5, 6 and 7).") == {5, 6, 7}
    assert numbers("It works (rule 5.3).") == set()
