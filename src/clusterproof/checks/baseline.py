"""The baseline: a report of an earlier day, so that only what is new fails.

A finding that failed then and fails now, no worse and in no other pairs of node groups, is known: it is shown and
does not count. What was excused by a waiver then is not known by the baseline: when the waiver ends, it counts.
"""

from __future__ import annotations

import msgspec

from clusterproof.checks.broken import worse_pairs, worse_verdict
from clusterproof.checks.finding import SCHEMA, Finding, Known, Report
from clusterproof.checks.waivers import UPKEEP, recount
from clusterproof.errors import InputError


def apply(report: Report, baseline: Report, where: str) -> Report:
    """The report with what the baseline knows marked as known.

    Args:
        report: what was found now.
        baseline: what was found then, with the same profile and of the same cluster.
        where: the baseline, as the user named it.

    Raises:
        InputError: the baseline is of another profile, cluster or shape.
    """
    if baseline.schema != SCHEMA:
        raise InputError(f"is a report of shape {baseline.schema}, not {SCHEMA}; make it again", where=where)
    if baseline.profile.name != report.profile.name:
        raise InputError(
            f"is a report on profile {baseline.profile.name}, and this is a check of {report.profile.name}; "
            f"make one with --profile {report.profile.name} -o json={where}",
            where=where,
        )
    names = {baseline.cluster.name, report.cluster.name} - {"cluster"}
    if len(names) == 2:
        raise InputError(
            f"is a report on cluster {baseline.cluster.name}, and this is {report.cluster.name}; "
            "a baseline is of the same cluster",
            where=where,
        )
    then = {finding.id: finding for finding in baseline.findings}
    findings = tuple(_known(finding, then.get(finding.id)) for finding in report.findings)
    return recount(msgspec.structs.replace(report, findings=findings, baseline=where))


def _known(finding: Finding, then: Finding | None) -> Finding:
    if then is None or not finding.verdict.failing or not then.verdict.failing or then.waiver is not None:
        return finding
    if worse_verdict(then.verdict, finding.verdict) or finding.id.startswith(f"{UPKEEP.name}/"):
        return finding
    return msgspec.structs.replace(finding, known=Known(then.verdict, worse_pairs(then, finding)))
