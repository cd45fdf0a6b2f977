"""Reports for the formats that pipelines read: with waivers and a baseline, strange names, nothing at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from clusterproof.checks import waivers
from clusterproof.checks.finding import Known, Report, Waiver
from clusterproof.verdict.algebra import Verdict
from tests.reports import examples

SCHEMAS = Path(__file__).resolve().parents[1] / "data" / "schemas"

ETCD, NATS = "dynamo/etcd-from-gpu-nodes", "dynamo/nats-from-gpu-nodes"


def excused() -> Report:
    """The demo's report with etcd waived, an expired waiver, and NATS and Prometheus known from a baseline.

    Of Prometheus one pair is newly broken, so it counts.
    """
    report = waivers.apply(
        examples.demo(),
        [
            Waiver(ETCD, "the rule is ordered: CHG-4711", "net-team@example.com", "2026-09-01"),
            Waiver(NATS, "until the move", "platform", "2026-05-01"),
        ],
        "2026-05-15",
    )
    known = {"dynamo/nats-from-gpu-nodes": (), "dynamo/prometheus-from-validator": ("customer to system",)}
    findings = tuple(
        msgspec.structs.replace(f, known=Known(Verdict.FAIL, known[f.id])) if f.id in known else f
        for f in report.findings
    )
    return waivers.recount(msgspec.structs.replace(report, findings=findings, baseline="last.json"))


REPORTS = {"demo": examples.demo(), "hostile": examples.hostile(), "excused": excused(), "empty": examples.report()}
"""Every kind of report, by name."""


def schema(name: str) -> dict[str, Any]:
    """A JSON Schema of ``tests/data/schemas``."""
    result: dict[str, Any] = json.loads((SCHEMAS / name).read_text("utf-8"))
    return result
