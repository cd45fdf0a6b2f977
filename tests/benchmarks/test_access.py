"""The benchmark of access decisions."""

from __future__ import annotations

import json
import re

import pytest

from benchmarks.access import large, main, measure, small


@pytest.mark.parametrize(("documents", "policies", "statements"), [(small(), 6, 60), (large(), 20, 600)])
def test_both_ways_agree(documents: list[dict[str, object]], policies: int, statements: int) -> None:
    """Measuring compares the engine with the plain way, request by request, in worlds of the size that is told."""
    found = measure(documents, 0.01)
    assert (found["policies"], found["statements"]) == (policies, statements)
    assert 0 < found["allowed"] < 600
    assert found["decisions_per_s"] > 0


def test_managed_policies_are_as_large_as_they_may_be() -> None:
    """Each has nearly the 6,144 characters that IAM allows, and not more."""
    for document in large():
        assert 5800 < len(re.sub(r"\s", "", json.dumps(document))) <= 6144


def test_a_table_and_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It prints a row for each world, or JSON."""
    monkeypatch.setattr("sys.argv", ["access.py", "--seconds", "0.03"])
    main()
    assert [line.split("|")[1].strip() for line in capsys.readouterr().out.splitlines()] == [
        "world",
        "---",
        "six of ten",
        "twenty of 6 kB",
    ]
    monkeypatch.setattr("sys.argv", ["access.py", "--seconds", "0.03", "--json"])
    main()
    assert set(json.loads(capsys.readouterr().out)) == {"six of ten", "twenty of 6 kB"}
