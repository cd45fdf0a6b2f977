"""JSON Lines: the same report, one finding to a line."""

from __future__ import annotations

import json

import msgspec
import pytest

from clusterproof import reports
from clusterproof.checks.finding import Report
from tests.reports import examples
from tests.reports.pipelines import REPORTS


@pytest.mark.parametrize("name", REPORTS)
def test_the_lines_are_the_report(name: str) -> None:
    """Put together again they are the report, nothing lost or changed, hostile names included."""
    head, *findings = [json.loads(line) for line in reports.render(REPORTS[name], "jsonl").splitlines()]
    assert head.pop("type") == "report"
    for finding in findings:
        assert finding.pop("type") == "finding"
        assert finding.pop("cluster") == REPORTS[name].cluster.name
    assert msgspec.convert({**head, "findings": findings}, Report, strict=False) == REPORTS[name]


def test_each_record_is_one_line() -> None:
    """As many lines as findings and one, each ended, whatever ends lines in the names."""
    text = reports.render(examples.hostile(), "jsonl")
    assert len(text.splitlines()) == text.count("\n") == len(examples.hostile().findings) + 1
    assert all(char == "\n" or char.isprintable() for char in text)


def test_a_line_says_what_it_is_first() -> None:
    """So that ``grep`` and a log's reader can tell heads from findings."""
    lines = reports.render(examples.demo(), "jsonl").splitlines()
    assert lines[0].startswith('{"type":"report","schema":"clusterproof.report/1",')
    assert all(line.startswith('{"type":"finding","cluster":"demo-gpu","id":"dynamo/') for line in lines[1:])
