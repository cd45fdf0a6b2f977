"""The public Python API: the same calls that the command line makes.

    import clusterproof

    snapshot = clusterproof.load(["./dump"])
    report = clusterproof.check(snapshot, "dynamo")
    for finding in report.findings:
        print(finding.verdict, finding.id, finding.summary)

Everything returned is a frozen, typed record. Errors are
:class:`clusterproof.errors.ClusterproofError`; its text is one sentence for the user.
"""

from clusterproof.api.diagnosing import diagnose, diagnose_live
from clusterproof.api.judging import check, connections, diff, place, render_fix, why
from clusterproof.api.loading import (
    WORLDS,
    load,
    load_live,
    load_manifests,
    load_profile,
    load_report,
    load_world,
)

__all__ = [
    "WORLDS",
    "check",
    "connections",
    "diagnose",
    "diagnose_live",
    "diff",
    "load",
    "load_live",
    "load_manifests",
    "load_profile",
    "load_report",
    "load_world",
    "place",
    "render_fix",
    "why",
]
