"""CTRF: valid under the format's own schema, and never greener than the finding."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from clusterproof import api, reports
from clusterproof.checks.finding import Report
from clusterproof.profiles.model import Level
from clusterproof.reports.ctrf import milliseconds
from clusterproof.verdict.algebra import Verdict
from tests.reports import examples
from tests.reports.pipelines import ETCD, NATS, REPORTS, excused, schema

VALIDATOR = jsonschema.Draft7Validator(schema("ctrf-0.0.json"), format_checker=jsonschema.FormatChecker())


def results_of(report: Report) -> dict[str, Any]:
    """The member ``results``, after the document was validated."""
    document = json.loads(reports.render(report, "ctrf"))
    assert not [error.message for error in VALIDATOR.iter_errors(document)]
    found = document["results"]
    assert isinstance(found, dict)
    return found


def cases(report: Report) -> dict[str, dict[str, Any]]:
    """The tests by their id."""
    return {test["testId"]: test for test in results_of(report)["tests"]}


@pytest.mark.parametrize("name", REPORTS)
def test_documents_validate(name: str) -> None:
    """Every kind of report is valid, with one test per finding, and its summary adds up."""
    results = results_of(REPORTS[name])
    summary = results["summary"]
    assert len(results["tests"]) == summary["tests"] == len(REPORTS[name].findings)
    assert summary["tests"] == sum(summary[name] for name in ("passed", "failed", "skipped", "pending", "other"))


@pytest.mark.parametrize("world", api.WORLDS)
def test_documents_of_the_shipped_worlds_validate(world: str) -> None:
    """So are the documents of the worlds that ship."""
    assert cases(api.check(api.load_world(world), "dynamo"))


@pytest.mark.parametrize(("path", "value"), [(("tests", 0, "status"), "unknown"), (("summary", "start"), None)])
def test_the_schema_refuses_what_is_no_document(path: tuple[Any, ...], value: object) -> None:
    """The schema is not one that accepts everything."""
    document = json.loads(reports.render(examples.demo(), "ctrf"))
    inner = document["results"]
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert list(VALIDATOR.iter_errors(document))


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        (Verdict.FAIL, "failed"),
        (Verdict.DEPENDS, "failed"),
        (Verdict.UNKNOWN, "other"),
        (Verdict.NOT_APPLICABLE, "skipped"),
        (Verdict.PASS, "passed"),
    ],
)
def test_statuses(level: Level, verdict: Verdict, wanted: str) -> None:
    """Only a pass has passed; the verdict itself stands beside, whatever the level."""
    finding = msgspec.structs.replace(examples.capacity(), verdict=verdict, level=level)
    (test,) = cases(examples.report(finding)).values()
    assert (test["status"], test["rawStatus"]) == (wanted, verdict.value)


def test_unknown_says_what_would_decide_it() -> None:
    """It is ``other`` with a message, and the run is not healthy."""
    report = examples.report(msgspec.structs.replace(examples.undecided(), level=Level.MUST))
    (test,) = cases(report).values()
    assert test["message"].startswith("could not be decided: network ACLs were not read; to know it: run: aws ec2 ")
    assert results_of(report)["environment"]["healthy"] is False


def test_a_failure_has_the_opened_finding_as_its_trace() -> None:
    """Message, trace, symptoms, odds and the proven fix of what fails."""
    found = cases(examples.demo())
    assert found[ETCD]["message"] == "gpu cannot reach etcd:2379"
    assert "REFUSED      security group ingress" in found[ETCD]["trace"]
    assert found[ETCD]["suite"] == ["dynamo"]
    assert found[ETCD]["extra"]["fix"]["proven"] is True
    assert found["dynamo/prometheus-from-validator"]["extra"]["odds"]["fails_first"] == 0.625
    assert "trace" not in found["dynamo/dns-from-workers"]


def test_what_does_not_count_is_skipped_with_its_reason() -> None:
    """Who answers for a waived failure, and which baseline knows it; what is worse than known has failed."""
    found = cases(excused())
    assert (found[ETCD]["status"], found[ETCD]["rawStatus"]) == ("skipped", "fail")
    assert found[ETCD]["message"].startswith("waived until 2026-09-01 by net-team@example.com: ")
    assert found[ETCD]["extra"]["waiver"]["owner"] == "net-team@example.com"
    assert found[NATS]["message"].startswith("known: it fails in last.json too.")
    assert found["dynamo/prometheus-from-validator"]["status"] == "failed"


def test_the_cluster_is_the_environment() -> None:
    """What was checked and when it was read; nothing else has a time."""
    results = results_of(examples.demo())
    assert results["environment"]["testEnvironment"] == "demo-gpu"
    assert results["environment"]["extra"]["parameters"] == {"dynamo-version": "1.1.0", "validator": "document"}
    assert results["summary"]["start"] == results["summary"]["stop"] == 1778839320000
    assert results["summary"]["extra"]["exitStatus"] == 1


@pytest.mark.parametrize(
    ("stamp", "wanted"),
    [
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T01:00:00.5+01:00", 500),
        ("", 0),
        ("2026-05-15T10:02:00", 0),
        ("x", 0),
    ],
)
def test_times(stamp: str, wanted: int) -> None:
    """A time without a zone is no time: what it would mean hangs on the machine."""
    assert milliseconds(stamp) == wanted


def test_it_is_harmless_to_a_terminal() -> None:
    """Nothing from a hostile cluster moves a cursor."""
    assert all(char == "\n" or char.isprintable() for char in reports.render(examples.hostile(), "ctrf"))
