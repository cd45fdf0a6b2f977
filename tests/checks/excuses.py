"""Reports made by hand, for waivers, baselines and comparisons."""

from __future__ import annotations

from collections.abc import Mapping

from clusterproof._version import __version__
from clusterproof.checks.counting import count, exit_status
from clusterproof.checks.finding import SCHEMA, Finding, Matrix, MatrixCell, Report, Waiver
from clusterproof.checks.head import ClusterLine, ProfileLine
from clusterproof.profiles.model import Document, Level, Source
from clusterproof.reach.trace import Outcome
from clusterproof.verdict.algebra import Verdict

Cells = Mapping[tuple[str, str], Outcome]


def finding(
    name: str = "a", verdict: Verdict = Verdict.FAIL, cells: Cells | None = None, level: Level = Level.MUST
) -> Finding:
    """A finding of profile ``p`` with a matrix of these cells; without any, one that has no two ends."""
    matrix = None
    if cells is not None:
        found = tuple(MatrixCell(c, s, outcome, 1, 0, 0) for (c, s), outcome in cells.items())
        matrix = Matrix("c", "s", "1/TCP", (), (), found)
    return Finding(f"p/{name}", verdict, level, "A holds", f"{name}: {verdict.value}", Source("doc"), matrix=matrix)


def report(*findings: Finding, fail_on: Level = Level.MUST, profile: str = "p", cluster: str = "c1") -> Report:
    """A report on them."""
    head = ProfileLine(profile, "P", Document("doc"))
    return Report(
        SCHEMA,
        __version__,
        ClusterLine(cluster),
        head,
        findings,
        count(findings),
        fail_on,
        exit_status(findings, fail_on),
    )


def waiver(name: str = "a", expires: str = "2026-09-01", groups: tuple[str, ...] = (), profile: str = "p") -> Waiver:
    """A waiver for a finding."""
    return Waiver(f"{profile}/{name}", "a reason", "team", expires, groups)
