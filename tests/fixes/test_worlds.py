"""Repairs of the worlds that ship with the project: the document's story, and two that its recipe gets wrong."""

from __future__ import annotations

import pytest

from clusterproof import api
from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.snapshot.overlay import apply
from clusterproof.verdict.algebra import Verdict


@pytest.mark.parametrize(
    ("world", "rules", "ports", "unwanted"),
    [
        ("demo", 4, {"2379/TCP", "4222/TCP", "9090/TCP"}, 0),
        ("inference-at-zero", 4, {"2379/TCP", "4222/TCP", "9090/TCP"}, 0),
        # Both groups' pods share one security group, so each rule that names it opens all four pairs; asked for are
        # gpu to system on 2379 and 4222, and both groups to system on 9090.
        ("custom-networking", 3, {"2379/TCP", "4222/TCP", "9090/TCP"}, 3 + 3 + 2),
    ],
)
def test_one_plan_mends_a_shipped_world(world: str, rules: int, ports: set[str], unwanted: int) -> None:
    """The plan is proven, as small as it can be, and lists what opens beside what was asked for."""
    snapshot = api.load_world(world)
    report = api.check(snapshot, "dynamo")
    plan = report.plan
    assert plan is not None
    assert plan.proven
    assert len(plan.changes) == rules
    assert {opening.port for opening in plan.opens} == ports
    assert sum(not opening.wanted for opening in plan.opens) == unwanted
    context = Context(apply(snapshot, plan.overlay), api.load_profile("dynamo"))
    assert {finding.verdict for finding in findings(context)} <= {Verdict.PASS, Verdict.NOT_APPLICABLE}


def test_the_demos_affinity_is_called_what_it_is() -> None:
    """Pinning the validator beside Prometheus is named as hiding the fault, where it would: not for etcd and NATS."""
    report = api.check(api.load_world("demo"), "dynamo")
    said = {f.name: f.fix.advice for f in report.findings if f.fix is not None}
    assert [name for name, advice in said.items() if any("it masks the property" in text for text in advice)] == [
        "prometheus-from-validator"
    ]


def test_a_plan_for_asya_mends_what_it_says_and_breaks_nothing() -> None:
    """Judged from outside: what the plan names passes with it, what passed does still, and the rest is named with why."""
    snapshot = api.load_world("asya")
    report = api.check(snapshot, "asya")
    plan = report.plan
    assert plan is not None
    assert plan.proven
    assert len(plan.mends) >= 10
    after = {f.id: f.verdict for f in findings(Context(apply(snapshot, plan.overlay), api.load_profile("asya")))}
    failing = [finding.id for finding in report.findings if finding.verdict.failing]
    assert [name for name in failing if after[name] is Verdict.PASS] == list(plan.mends)
    assert sorted([*plan.mends, *(item.id for item in plan.left)]) == sorted(failing)
    well = {finding.id for finding in report.findings if finding.verdict is Verdict.PASS}
    assert {after[name] for name in well} <= {Verdict.PASS, Verdict.NOT_APPLICABLE}
    assert all(item.why and len(item.why) <= 160 for item in plan.left)
    # What a finding says is not said again, and what one change is about is not said of the whole.
    summaries = {finding.summary for finding in report.findings}
    assert not any(summary in text for text in plan.said for summary in summaries)
    head = api.render_fix(report, snapshot).partition("\n\n")[0].splitlines()
    assert head[0] == (
        f"# clusterproof: proven: mends {len(plan.mends)} of {len(failing)} failing requirements, and breaks none."
    )
    assert len(head) == len(set(head)) < 30
