"""Filters, reasons, scores and winners against the decisions of the real kube-scheduler v1.31.13."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from clusterproof.placement.filters import feasible_now, needs_of, structural
from clusterproof.placement.message import unschedulable_message
from clusterproof.placement.odds import first_run
from clusterproof.placement.scores import score
from clusterproof.snapshot.fields import Unknown
from tests.placement.build import cases, decode

# What a node is going through, not what it is: these never exclude a node structurally.
PASSING = {"NodeUnschedulable", "NodePorts", "InterPodAffinity"}


def compare(case: dict[str, Any], decided: dict[str, Any]) -> None:
    """One recorded case: every node's feasibility, plugin, reasons and scores, and the winners."""
    pod, cluster = decode(case)
    answers = feasible_now(pod, cluster)
    expected = [decided["nodes"][node.id] for node in cluster.nodes]
    assert [(one.ok, one.plugin, sorted(one.reasons)) for one in answers] == [
        (one["ok"], one.get("plugin", ""), sorted(one.get("reasons") or [])) for one in expected
    ], case["id"]
    feasible = [node for node, answer in zip(cluster.nodes, answers, strict=True) if answer.ok is True]
    scores = score(pod, cluster, feasible)
    assert not isinstance(scores, Unknown)
    assert {one.name: (one.scores, one.total) for one in scores} == {
        name: (one["scores"], one["total"]) for name, one in decided["nodes"].items() if one["ok"]
    }, case["id"]
    odds = first_run(pod, cluster)
    winners = sorted(decided["winners"] or [])
    assert sorted(odds.winners) == winners, case["id"]
    assert {name: p for name, p in odds.probability.items() if p} == {n: Fraction(1, len(winners)) for n in winners}
    assert bool(odds.message) == (not winners)
    if not winners:
        assert odds.message == unschedulable_message(answers)
    needs = needs_of(pod.spec)
    for node, answer, real in zip(cluster.nodes, answers, expected, strict=True):
        ever = structural(needs, node)
        if answer.ok:
            assert ever.ok is True, (case["id"], node.id, "feasible now, so feasible ever")
        elif ever.ok is False and real["plugin"] not in PASSING:
            assert ever.plugin == answer.plugin, (case["id"], node.id)


def test_sample_of_the_real_scheduler_is_reproduced() -> None:
    """200 recorded clusters: feasibility, plugin, reasons, every score, total and winners are the scheduler's.

    (rules 9.1, 9.2, 9.3, 9.4)
    """
    compared = 0
    for case, decided in cases(Path(__file__).parent.parent / "data" / "scheduler", "sample"):
        compare(case, decided)
        compared += 1
    assert compared == 200


def test_the_whole_corpus_of_the_real_scheduler_is_reproduced(corpus: Path) -> None:
    """2,000 recorded clusters, where they stand beside the checkout, agree in everything (rules 9.1, 9.2, 9.3, 9.4)."""
    compared = 0
    for case, decided in cases(corpus / "scheduler", "random-1"):
        compare(case, decided)
        compared += 1
    assert compared == 2000
