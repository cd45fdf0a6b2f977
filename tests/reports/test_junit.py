"""JUnit XML: valid under the schema of Jenkins, read by junitparser, and never greener than the finding."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import xmlschema
from junitparser import Error, Failure, JUnitXml, Skipped

from clusterproof import api, reports
from clusterproof.checks.finding import Finding, Report
from clusterproof.profiles.model import Level
from clusterproof.verdict.algebra import Verdict
from tests.reports import examples
from tests.reports.pipelines import ETCD, NATS, REPORTS, SCHEMAS, excused

SCHEMA = xmlschema.XMLSchema10(str(SCHEMAS / "junit-10.xsd"))


def parsed(report: Report) -> JUnitXml:
    """The report as junitparser reads it, after its text was validated."""
    text = reports.render(report, "junit")
    SCHEMA.validate(text)
    return JUnitXml.fromstring(text.encode())


def cases(report: Report) -> dict[str, Any]:
    """Cases as junitparser reads them, by ``suite/name``."""
    return {f"{suite.name}/{case.name}": case for suite in parsed(report) for case in suite}


@pytest.mark.parametrize("name", REPORTS)
def test_documents_validate(name: str) -> None:
    """Every kind of report is valid, with one case per finding."""
    assert len(cases(REPORTS[name])) == len(REPORTS[name].findings)


@pytest.mark.parametrize("world", api.WORLDS)
def test_documents_of_the_shipped_worlds_validate(world: str) -> None:
    """So are the documents of the worlds that ship."""
    report = api.check(api.load_world(world), "dynamo")
    assert [case.split("/")[1] for case in cases(report)] == [finding.name for finding in report.findings]


def test_the_schema_refuses_what_is_no_document() -> None:
    """The schema is not one that accepts everything."""
    text = reports.render(examples.demo(), "junit")
    assert not SCHEMA.is_valid(text.replace("<testcase ", "<case ").replace("</testcase>", "</case>"))
    assert not SCHEMA.is_valid(text.replace(' name="etcd-from-gpu-nodes"', ""))


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize(
    ("verdict", "wanted"),
    [
        (Verdict.FAIL, Failure),
        (Verdict.DEPENDS, Failure),
        (Verdict.UNKNOWN, Error),
        (Verdict.NOT_APPLICABLE, Skipped),
        (Verdict.PASS, None),
    ],
)
def test_verdicts(level: Level, verdict: Verdict, wanted: type[Any] | None) -> None:
    """Only a pass is a case without a result; unknown is an error, whatever the level."""
    finding = msgspec.structs.replace(examples.capacity(), verdict=verdict, level=level)
    (case,) = cases(examples.report(finding)).values()
    assert [type(result) for result in case.result] == ([wanted] if wanted else [])
    assert case.is_passed is (verdict is Verdict.PASS)


def test_counts_are_those_of_the_cases() -> None:
    """Of the suite and of the whole document."""
    document = parsed(examples.demo())
    (suite,) = document
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (7, 3, 1, 1)
    assert (document.tests, document.failures, document.errors) == (7, 3, 1)
    before = (suite.tests, suite.failures, suite.errors, suite.skipped)
    suite.update_statistics()  # type: ignore[no-untyped-call]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == before


def test_a_failure_holds_what_the_terminal_shows() -> None:
    """The message is the one line, the text the opened finding with matrix, path and fix."""
    (failure,) = cases(examples.demo())[ETCD].result
    assert (failure.type, failure.message) == ("fail", "gpu cannot reach etcd:2379")
    opened = failure.text.splitlines()
    shown = reports.render(examples.demo(), "table", width=100).splitlines()
    start = shown.index(opened[0])
    assert shown[start : start + len(opened)] == opened
    assert "    6  REFUSED      security group ingress" in failure.text
    assert "Fix, proven: with it this passes" in failure.text


def test_an_error_says_what_would_decide_it() -> None:
    """Unknown is an error with the command that makes it known."""
    (error,) = cases(examples.demo())["dynamo/acl-return-ports"].result
    assert error.type == "unknown"
    assert error.message == (
        "could not be decided: network ACLs were not read; to know it: "
        "run: aws ec2 describe-network-acls --output json > network-acls.json"
    )


def test_what_does_not_count_is_skipped_with_its_reason() -> None:
    """A waived or known failure fails no pipeline; who answers for it is the message, the finding stands beside it."""
    found = cases(excused())
    (waived,), (known,) = found[ETCD].result, found[NATS].result
    assert isinstance(waived, Skipped)
    assert waived.message == (
        "waived until 2026-09-01 by net-team@example.com: the rule is ordered: CHG-4711. gpu cannot reach etcd:2379"
    )
    assert found[ETCD].system_out.startswith("FAIL")
    assert isinstance(known, Skipped)
    assert known.message.startswith("known: it fails in last.json too. gpu cannot reach nats:4222")
    (worse,) = found["dynamo/prometheus-from-validator"].result
    assert isinstance(worse, Failure)


def test_findings_on_waivers_are_a_suite_of_their_own() -> None:
    """A suite per profile: that of clusterproof itself comes behind."""
    assert [suite.name for suite in parsed(excused())] == ["dynamo", "clusterproof"]


def test_a_suite_says_what_was_checked() -> None:
    """Cluster, profile, parameters and the exit status are properties; nothing that is not known is one."""
    (suite,) = parsed(examples.demo())
    found = {item.name: item.value for item in suite.properties()}  # type: ignore[no-untyped-call]
    assert found["cluster"] == "demo-gpu"
    assert found["parameter dynamo-version"] == "1.1.0 (helm release dynamo/dynamo-platform)"
    assert found["exit-status"] == "1"
    assert "account" not in found
    assert suite.timestamp == "2026-05-15T10:02:00Z"


def test_what_xml_cannot_hold_is_spelled_out() -> None:
    """Control characters, surrogates and non-characters of a hostile cluster make no broken document."""
    odd = "a\x00b\x0bc\ud800d\ufffee\uffff]]><failure/>&amp;"
    finding: Finding = msgspec.structs.replace(
        examples.capacity(), id=f"dynamo/{odd}", summary=odd, title=odd, verdict=Verdict.FAIL
    )
    (case,) = cases(examples.report(finding)).values()
    wanted = "a\\x00b\\x0bc\\ud800d\\ufffee\\uffff]]><failure/>&amp;"
    assert case.name == wanted
    (failure,) = case.result
    assert failure.message == wanted
    assert wanted in failure.text


def test_the_same_report_gives_the_same_bytes() -> None:
    """No time, chance or order of hashes is in it."""
    assert reports.render(excused(), "junit") == reports.render(excused(), "junit")
