"""JUnit XML, as the readers of CI systems take it: a suite per profile, a case per requirement.

Source: the XML Schema of the Jenkins xUnit plugin (``junit-10.xsd``), the
strictest of the descriptions in use; it knows properties of a suite only.

=================================  ==========================================
verdict                            element of the case
=================================  ==========================================
pass                               none
fail, depends                      ``failure``
unknown                            ``error``
not-applicable                     ``skipped``
fail or depends, not counted       ``skipped`` with who answers for it; the
(a waiver, the baseline)           finding itself stands in ``system-out``
=================================  ==========================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring  # only written here, never parsed

from clusterproof.checks.finding import Finding, Report
from clusterproof.reports import counted, terminal, words
from clusterproof.reports.ctrf import message
from clusterproof.reports.text import cleaned, unglued
from clusterproof.verdict.algebra import Verdict

_TAGS = {
    Verdict.FAIL: "failure",
    Verdict.DEPENDS: "failure",
    Verdict.UNKNOWN: "error",
    Verdict.NOT_APPLICABLE: "skipped",
}
_NO_CHARACTER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped (section 2.2)."""


def render(report: Report) -> str:
    """The report as one XML document; no case has a time, because none takes any."""
    texts = terminal.opened(report)
    report = cleaned(report, Report)
    cases = [_case(report, finding, text) for finding, text in zip(report.findings, texts, strict=True)]
    top = Element("testsuites", {"name": "clusterproof", **_counts(cases)})
    for name in dict.fromkeys(finding.id.partition("/")[0] for finding in report.findings):
        own = [case for case in cases if case.get("classname") == name]
        skipped = sum(1 for case in own if case.find("skipped") is not None)
        suite = SubElement(top, "testsuite", {"name": name, **_counts(own), "skipped": str(skipped)})
        if report.cluster.read_at:
            suite.set("timestamp", report.cluster.read_at)
        properties = SubElement(suite, "properties")
        for key, value in _properties(report):
            SubElement(properties, "property", name=_text(key), value=_text(value))
        suite.extend(own)
    indent(top)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(top, encoding="unicode")}\n'


def _counts(cases: list[Element]) -> dict[str, str]:
    found = {"failures": "failure", "errors": "error"}
    return {
        "tests": str(len(cases)),
        **{name: str(sum(1 for case in cases if case.find(tag) is not None)) for name, tag in found.items()},
    }


def _case(report: Report, finding: Finding, text: str) -> Element:
    case = Element("testcase", classname=_text(finding.id.partition("/")[0]), name=_text(finding.name))
    told = _text(message(report, finding))
    verdict = finding.verdict
    excused = counted.not_counted(finding)
    if excused:
        SubElement(case, "skipped", type=verdict.value, message=told)
    elif verdict in _TAGS:
        element = SubElement(case, _TAGS[verdict], type=verdict.value, message=told)
        element.text = _text(text)
    if excused or verdict is Verdict.PASS:
        SubElement(case, "system-out").text = _text(text)
    return case


def _properties(report: Report) -> Iterator[tuple[str, str]]:
    """What was checked, against what and by what; facts that are not known are left out."""
    cluster, profile = report.cluster, report.profile
    facts = {
        "cluster": cluster.name,
        "account": cluster.account,
        "region": cluster.region,
        "kubernetes-version": cluster.kubernetes_version,
        "data-plane": cluster.data_plane,
        "as-if-applied": ", ".join(cluster.overlays),
        "profile": profile.name,
        "document": f"{profile.document.title} {profile.document.version}".strip(),
        **{f"parameter {item.name}": f"{item.value} ({item.origin})" for item in profile.parameters},
        "result": unglued(words.closing(report)),
        "fail-on": report.fail_on.value,
        "exit-status": str(report.exit_status),
        "as-of": report.as_of,
        "clusterproof": report.tool_version,
    }
    return ((name, value) for name, value in facts.items() if value)


def _text(text: str) -> str:
    return _NO_CHARACTER.sub("", text)
