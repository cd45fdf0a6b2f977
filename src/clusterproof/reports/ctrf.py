"""Common Test Report Format (https://ctrf.io, specification 0.0.0): one test per requirement.

What could not be decided is ``other``, never ``passed``. A failure that does not
count (waived, or known from the baseline) is ``skipped`` with the reason; its
verdict stands in ``rawStatus`` all the same.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec

from clusterproof.checks.finding import Finding, Report
from clusterproof.reports import chances, counted, terminal, words
from clusterproof.reports.encoding import encode
from clusterproof.reports.text import cleaned, phrases, unglued
from clusterproof.verdict.algebra import Verdict

SPECIFICATION = "0.0.0"
"""The version of the specification that the output follows."""

_STATUS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.DEPENDS: "failed",
    Verdict.UNKNOWN: "other",
    Verdict.NOT_APPLICABLE: "skipped",
}
_STATUSES = ("passed", "failed", "skipped", "pending", "other")


def render(report: Report) -> str:
    """The report as one CTRF document.

    Nothing here takes time or happens at a time of its own: durations are 0, and start and stop are the moment at
    which the cluster was read (0 when that is not known).
    """
    texts = terminal.opened(report)
    report = cleaned(report, Report)
    tests = [_test(report, finding, text) for finding, text in zip(report.findings, texts, strict=True)]
    statuses = [test["status"] for test in tests]
    moment = milliseconds(report.cluster.read_at)
    return encode(
        {
            "reportFormat": "CTRF",
            "specVersion": SPECIFICATION,
            **({"timestamp": report.cluster.read_at} if moment else {}),
            "generatedBy": f"clusterproof {report.tool_version}",
            "results": {
                "tool": {"name": "clusterproof", "version": report.tool_version},
                "summary": {
                    "tests": len(tests),
                    **{status: statuses.count(status) for status in _STATUSES},
                    "suites": len({test["suite"][0] for test in tests}),
                    "start": moment,
                    "stop": moment,
                    "extra": {
                        "exitStatus": report.exit_status,
                        "failOn": report.fail_on.value,
                        "counts": msgspec.to_builtins(report.counts),
                    },
                },
                "tests": tests,
                "environment": _environment(report),
            },
        }
    )


def milliseconds(stamp: str) -> int:
    """An RFC 3339 time as milliseconds since 1970; 0 for anything else."""
    try:
        moment = dt.datetime.fromisoformat(stamp)
    except ValueError:
        return 0
    return round(moment.timestamp() * 1000) if moment.tzinfo is not None else 0


def _test(report: Report, finding: Finding, text: str) -> dict[str, Any]:
    excused = bool(counted.not_counted(finding))
    shown = finding.verdict.failing or finding.verdict is Verdict.UNKNOWN
    return {
        "testId": finding.id,
        "name": finding.name,
        "status": "skipped" if excused else _STATUS[finding.verdict],
        "duration": 0,
        "suite": [finding.id.partition("/")[0]],
        "message": message(report, finding),
        **({"trace": text} if shown else {}),
        "rawStatus": finding.verdict.value,
        "tags": [tag for tag in (finding.level.value, finding.category) if tag],
        "labels": {"level": finding.level.value, **({"category": finding.category} if finding.category else {})},
        "type": "requirement",
        "extra": _extra(finding),
    }


def message(report: Report, finding: Finding) -> str:
    """What was found in one line; for what does not count or is not known, that comes first."""
    found = unglued(chances.summary(finding))
    if counted.not_counted(finding):
        return f"{unglued(counted.excuse(finding, report))} {found}"
    if finding.verdict is Verdict.UNKNOWN:
        remedies = dict.fromkeys(unknown.remedy for unknown in finding.unknowns if unknown.remedy)
        told = f"; to know it: {'; '.join(remedies)}" if remedies else ""
        return f"could not be decided: {found}{told}"
    return found


def _extra(finding: Finding) -> dict[str, Any]:
    """What CTRF has no member for; the same names as in ``-o json``."""
    keep = ("title", "source", "cause", "odds", "tally", "unknowns", "symptoms", "waiver", "known")
    values = {name: msgspec.to_builtins(getattr(finding, name)) for name in keep}
    if finding.fix is not None:
        values["fix"] = {"proven": finding.fix.proven, "commands": list(finding.fix.commands)}
    return {name: value for name, value in values.items() if value}


def _environment(report: Report) -> dict[str, Any]:
    cluster = report.cluster
    facts = {
        "account": cluster.account,
        "region": cluster.region,
        "kubernetesVersion": cluster.kubernetes_version,
        "dataPlane": cluster.data_plane,
        "profile": report.profile.name,
        "parameters": {parameter.name: parameter.value for parameter in report.profile.parameters},
        "asIfApplied": list(cluster.overlays),
        "asOf": report.as_of,
    }
    return {
        "reportName": unglued(phrases((f"profile {report.profile.name}", words.closing(report)))),
        **({"testEnvironment": cluster.name} if cluster.name else {}),
        "healthy": report.exit_status == 0,
        "extra": {name: value for name, value in facts.items() if value},
    }
