"""JSON Lines (https://jsonlines.org): the report's head on the first line, then each finding on a line of its own.

The members are those of ``-o json`` (docs/report.md) with ``type`` before them, so that a line says what it is when
lines of many runs lie in one log.
"""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.checks.finding import Report
from clusterproof.reports.encoding import encode

HEAD, FINDING = "report", "finding"
"""What the member ``type`` says."""


def render(report: Report) -> str:
    """The head without findings, then one line per finding, in the profile's order."""
    head: dict[str, Any] = msgspec.structs.asdict(report)
    findings = head.pop("findings")
    lines = [{"type": HEAD, **head}]
    # Where findings of many reports lie together, each must still tell whose it is.
    cluster = report.cluster.name
    lines += [{"type": FINDING, "cluster": cluster, **msgspec.to_builtins(finding)} for finding in findings]
    return "".join(encode(line, indent=-1) for line in lines)
