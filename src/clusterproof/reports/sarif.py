"""SARIF 2.1.0: a rule per requirement, a result per finding.

Source: OASIS, "Static Analysis Results Interchange Format (SARIF) Version 2.1.0"
(sections in brackets), and GitHub's "SARIF support for code scanning".

A cluster has no files, so a result's logical locations name what decided it
(security groups, Services, node groups); its physical location, which GitHub
demands, is the line of the profile on which the requirement begins. Nothing in
the output is a path of the machine that made it, a time of its own or random.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

import msgspec

from clusterproof.checks.broken import broken
from clusterproof.checks.finding import Finding, Report
from clusterproof.checks.waivers import UPKEEP
from clusterproof.profiles.located import Located
from clusterproof.profiles.model import Level, Profile, Requirement
from clusterproof.profiles.text import explain, markdown
from clusterproof.reach.trace import Layer
from clusterproof.reports import chances, counted, words
from clusterproof.reports.encoding import encode
from clusterproof.reports.text import cleaned, sentence, unglued
from clusterproof.snapshot.fields import Ref
from clusterproof.verdict.algebra import Verdict

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "requirementAndBrokenPairs/v1"
"""The name of the fingerprint: what is hashed, and the version of that [3.27.17]."""

_LEVEL = {Level.MUST: "error", Level.SHOULD: "warning", Level.MAY: "note"}
_SEVERITY = {Level.MUST: "error", Level.SHOULD: "warning", Level.MAY: "recommendation"}
"""GitHub's ``problem.severity`` of a rule."""
_KIND = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "fail",
    Verdict.DEPENDS: "fail",
    Verdict.UNKNOWN: "open",  # "insufficient information to decide" [3.27.9]; what is not "fail" has level none
    Verdict.NOT_APPLICABLE: "notApplicable",
}
_PACKAGE = "CLUSTERPROOF"
_CONFIG = "clusterproof.yaml"
"""Where waivers stand: the place of findings about them."""
_MOST = 20
"""How many logical locations of one result are named."""


def render(report: Report, located: Located | None = None) -> str:
    """The report as one SARIF log with one run.

    Args:
        report: what ``check`` found.
        located: the profile and its file, for the rules' help and lines; without it a rule says what its finding says.
    """
    return encode(_Log(cleaned(report, Report), located).log())


def fingerprint(finding: Finding) -> str:
    """What stays the same as long as it is the same problem: the requirement, the port, the pairs that do not work.

    64 hexadecimal digits of SHA-256. Counts, addresses, names of nodes and ids of rules are not part of it.
    """
    pairs = [f"{client}\x1f{server}" for client, server in sorted(broken(finding))]
    port = finding.matrix.port if finding.matrix is not None else ""
    return hashlib.sha256("\x1e".join((finding.id, port, *pairs)).encode()).hexdigest()


class _Log:
    def __init__(self, report: Report, located: Located | None) -> None:
        self.report = report
        self.located = located
        self.rules = {finding.id: number for number, finding in enumerate(report.findings)}
        self.places: dict[str, int] = {}  # logical locations of the run, by fully qualified name

    def log(self) -> dict[str, Any]:
        report = self.report
        results = [self._result(finding) for finding in report.findings]
        run = {
            "tool": {"driver": self._driver()},
            "automationDetails": {
                "id": self._automation(),
                "description": {"text": f"Profile {report.profile.name} on cluster {report.cluster.name or 'unnamed'}"},
            },
            "invocations": [self._invocation()],
            "originalUriBaseIds": {_PACKAGE: {"description": {"text": "Where the Python package clusterproof is."}}},
            "artifacts": [{"location": place, "roles": ["toolSpecifiedConfiguration"]} for place in self._files()],
            "logicalLocations": [
                {"name": name.partition("/")[2], "fullyQualifiedName": name, "kind": "resource"} for name in self.places
            ],
            "results": results,
            "columnKind": "unicodeCodePoints",
            "properties": self._facts(),
        }
        return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}

    def _driver(self) -> dict[str, Any]:
        version = self.report.tool_version
        return {
            "name": "clusterproof",
            "version": version,
            "semanticVersion": version,
            "rules": [self._rule(finding) for finding in self.report.findings],
        }

    def _automation(self) -> str:
        """The same for every run of this profile on this cluster: GitHub keeps one set of alerts for each."""
        cluster = self.report.cluster
        parts = (self.report.profile.name, cluster.account, cluster.region, cluster.name)
        return "clusterproof/" + "".join(f"{quote(part, safe='')}/" for part in parts if part)

    def _rule(self, finding: Finding) -> dict[str, Any]:
        rule: dict[str, Any] = {
            "id": finding.id,
            "name": "".join(part[:1].upper() + part[1:] for part in finding.name.split("-")),
            "shortDescription": {"text": sentence(finding.title)},
        }
        found = self._requirement(finding)
        if found is not None:
            profile, requirement = found
            rule["fullDescription"] = {"text": " ".join(requirement.what.split())}
            rule["help"] = {"text": explain(profile, requirement), "markdown": markdown(profile, requirement)}
            if profile.document.url.startswith(("https://", "http://")):
                rule["helpUri"] = profile.document.url
        rule["defaultConfiguration"] = {"level": _LEVEL[finding.level]}
        source = finding.source.text
        rule["properties"] = {
            "tags": [tag for tag in (finding.level.value, finding.category) if tag],
            "problem.severity": _SEVERITY[finding.level],
            "source": source,
        }
        return rule

    def _requirement(self, finding: Finding) -> tuple[Profile, Requirement] | None:
        """The rule's manual: of the profile that was checked, or of what clusterproof asks of waivers."""
        for profile in (self.located.profile if self.located is not None else None, UPKEEP):
            if profile is not None and finding.id.startswith(f"{profile.name}/"):
                for requirement in profile.requirements:
                    if requirement.id == finding.name:
                        return profile, requirement
        return None

    def _result(self, finding: Finding) -> dict[str, Any]:
        kind = _KIND[finding.verdict]
        mark = fingerprint(finding)
        result: dict[str, Any] = {
            "ruleId": finding.id,
            "ruleIndex": self.rules[finding.id],
            "kind": kind,
            "level": _LEVEL[finding.level] if kind == "fail" else "none",
            "message": {"text": _plain(" ".join(_told(finding)))},
            "locations": [
                {
                    "physicalLocation": self._physical(finding),
                    "logicalLocations": [self._logical(name) for name in list(dict.fromkeys(_named(finding)))[:_MOST]],
                }
            ],
            "partialFingerprints": {FINGERPRINT: mark, "primaryLocationLineHash": f"{mark[:16]}:1"},
        }
        if finding.waiver is not None and finding.verdict.failing:
            result["suppressions"] = [_suppression(finding)]
        if self.report.baseline and finding.verdict.failing:
            known = finding.known
            result["baselineState"] = "new" if known is None else "updated" if finding.counted else "unchanged"
        result["properties"] = _properties(finding)
        return result

    def _physical(self, finding: Finding) -> dict[str, Any]:
        files = self._files()
        own = finding.id.startswith(f"{self.report.profile.name}/")
        place = files[0] if own else {"uri": _CONFIG}
        line = self.located.lines.get(finding.name, 1) if self.located is not None and own else 1
        index = {"index": files.index(place)} if place in files else {}
        return {"artifactLocation": {**place, **index}, "region": {"startLine": line}}

    def _files(self) -> list[dict[str, Any]]:
        """The profile's file, and the configuration where something was found in it."""
        located = self.located
        if located is None or located.packaged:
            path = located.path if located is not None else f"profiles/{self.report.profile.name}.yaml"
            files: list[dict[str, Any]] = [{"uri": f"clusterproof/{quote(path)}", "uriBaseId": _PACKAGE}]
        else:
            files = [{"uri": _relative(located.path)}]
        if any(finding.id.startswith(f"{UPKEEP.name}/") for finding in self.report.findings):
            files.append({"uri": _CONFIG})
        return files

    def _logical(self, name: str) -> dict[str, Any]:
        index = self.places.setdefault(name, len(self.places))
        return {"index": index, "fullyQualifiedName": name, "kind": "resource"}

    def _invocation(self) -> dict[str, Any]:
        """What the run came to. Each thing that could not be decided is a warning, also where results are filtered."""
        report = self.report
        notices = [
            {
                "level": "warning",
                "message": {"text": _plain(" ".join(_told(finding)))},
                "associatedRule": {"id": finding.id, "index": self.rules[finding.id]},
            }
            for finding in report.findings
            if finding.verdict is Verdict.UNKNOWN
        ]
        return {
            "executionSuccessful": True,
            "exitCode": report.exit_status,
            "exitCodeDescription": words.consequence(report),
            **({"toolExecutionNotifications": notices} if notices else {}),
        }

    def _facts(self) -> dict[str, Any]:
        report = self.report
        cluster = report.cluster
        facts = {
            "cluster": cluster.name,
            "account": cluster.account,
            "region": cluster.region,
            "kubernetesVersion": cluster.kubernetes_version,
            "readAt": cluster.read_at,
            "dataPlane": cluster.data_plane,
            "sources": [
                PurePath(source).name if PurePath(source).is_absolute() else source for source in cluster.sources
            ],
            "asIfApplied": list(cluster.overlays),
            "profile": report.profile.name,
            "parameters": {parameter.name: parameter.value for parameter in report.profile.parameters},
            "asOf": report.as_of,
        }
        return {
            **{name: value for name, value in facts.items() if value},
            "failOn": report.fail_on.value,
            "counts": msgspec.to_builtins(report.counts),
        }


def _told(finding: Finding) -> Iterator[str]:
    """What was found, who stops it, and what to do, in sentences."""
    found = sentence(unglued(chances.summary(finding)))
    yield f"Could not be decided: {found}" if finding.verdict is Verdict.UNKNOWN else found
    label, cause = words.cause(finding)
    if cause:
        yield f"{label}: {cause}"
    if finding.matrix is not None and finding.verdict.failing:
        for which, hop in words.refusals(finding.matrix):
            yield sentence(f"{which}: {words.refusal(hop)}")
    for unknown in finding.unknowns:
        detail, remedy = words.unknown_lines(unknown)
        yield sentence(f"Not known: {detail}") + (f" To know it: {remedy}" if remedy else "")
    fix = finding.fix
    if fix is not None and fix.changes:
        yield sentence(f"{words.fix_heading(fix)}: {'; '.join(change.text for change in fix.changes)}")


def _named(finding: Finding) -> Iterator[str]:
    """What decided, most telling first: the objects of refusing hops, the Service, the evidence, then the two ends."""
    grid = finding.matrix
    refs: list[Ref] = []
    if grid is not None:
        for entry in grid.cells:
            refs += entry.hop.refs if entry.hop is not None else ()
        for entry in grid.cells:
            refs += [ref for hop in entry.path if hop.layer is Layer.SERVICE for ref in hop.refs]
    for ref in (*refs, *finding.evidence):
        yield f"{ref.kind}/{ref.key}"
    if grid is not None:
        for end in (grid.client, grid.server):
            yield f"workloads/{end}"
        for side in (*grid.clients, *grid.servers):
            yield f"node-groups/{side.group}"


def _suppression(finding: Finding) -> dict[str, Any]:
    """A waiver is a suppression outside of the source, accepted by its owner [3.35]."""
    waiver = finding.waiver
    assert waiver is not None  # noqa: S101 - narrows the type
    limits = {"groups": list(waiver.groups)} if waiver.groups else {}
    return {
        "kind": "external",
        "status": "accepted",
        "justification": waiver.reason,
        "properties": {"owner": waiver.owner, "expires": waiver.expires, **limits},
    }


def _properties(finding: Finding) -> dict[str, Any]:
    """What SARIF has no member for; the same names as in ``-o json``."""
    keep = ("verdict", "cause", "odds", "tally", "unknowns", "symptoms", "notes", "known")
    values = {name: msgspec.to_builtins(getattr(finding, name)) for name in keep}
    values["level"] = finding.level.value
    values["notCounted"] = counted.not_counted(finding)
    if finding.matrix is not None:
        values["port"] = finding.matrix.port
        values["brokenPairs"] = [f"{client} to {server}" for client, server in sorted(broken(finding))]
    if finding.fix is not None:
        fix = finding.fix
        values["fix"] = {
            "proven": fix.proven,
            "changes": [change.text for change in fix.changes],
            "opens": words.openings(fix),
            "commands": list(fix.commands),
            "advice": list(fix.said),
        }
    return {name: value for name, value in values.items() if value}


def _plain(text: str) -> str:
    """Message text in which nothing reads as a link (``[text](target)`` is one, [3.11.6])."""
    return text.replace("](", "] (")


def _relative(path: str) -> str:
    """A file as a relative reference: of one that is named from the root or above here, only its name."""
    pure = PurePath(path)
    inside = not pure.is_absolute() and ".." not in pure.parts
    return quote(pure.as_posix() if inside else pure.name)
