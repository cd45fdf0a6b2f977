"""The scheduler's own sentence for a pod that fits nowhere.

Source: kubernetes ``pkg/scheduler/framework/types.go`` (``FitError.Error``): reasons are counted over the nodes and
sorted as text.
"""

from __future__ import annotations

from collections.abc import Sequence

from clusterproof.placement.filters import Feasibility
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Unknown

NO_NODES = "no nodes available to schedule pods"
"""``ErrNoNodesAvailable`` (``pkg/scheduler/schedule_one.go``)."""
_TAINT = "node(s) had untolerated taint {"


def unschedulable_message(
    answers: Sequence[Feasibility], *, counts: Sequence[int] | None = None, version: SchedulerVersion | None = None
) -> str:
    """The summary, e.g. ``0/12 nodes are available: 3 node(s) were unschedulable, 9 Insufficient cpu.`` as one line.

    Args:
        answers: one per node, or per class of nodes; those that are feasible are counted as available.
        counts: how many nodes each answer stands for; 1 each when not given.
        version: from v1.34.2 the scheduler does not name the taint (:attr:`SchedulerVersion.shows_taints`).

    Returns:
        The sentence. Nodes of which it cannot be said are named at the end, which the scheduler never does.
    """
    shows_taints = (version or SchedulerVersion()).shows_taints
    weights = counts if counts is not None else [1] * len(answers)
    if not sum(weights):
        return NO_NODES
    histogram: dict[str, int] = {}
    available = undecided = 0
    whole = next((answer for answer in answers if answer.whole), None)
    if whole is not None:
        # Refused before any node was looked at: the reason stands once, without a count (PreFilterMsg).
        return f"0/{sum(weights)} nodes are available: {whole.reason}."
    for answer, weight in zip(answers, weights, strict=True):
        if isinstance(answer.ok, Unknown):
            undecided += weight
            continue
        if answer.ok:
            available += weight
            continue
        for reason in answer.reasons:
            short = reason if shows_taints or not reason.startswith(_TAINT) else "node(s) had untolerated taint(s)"
            histogram[short] = histogram.get(short, 0) + weight
    text = f"{available}/{sum(weights)} nodes are available"
    if histogram:
        text += ": " + ", ".join(sorted(f"{count} {reason}" for reason, count in histogram.items()))
    text += "."
    return f"{text} {undecided} not known." if undecided else text
