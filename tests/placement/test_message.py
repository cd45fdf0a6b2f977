from __future__ import annotations

from clusterproof.placement.filters import FEASIBLE, Feasibility
from clusterproof.placement.message import unschedulable_message
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown

TAINTED = Feasibility(
    ok=False, plugin="TaintToleration", reasons=("node(s) had untolerated taint {nvidia.com/gpu: true}",)
)
SHORT = Feasibility(ok=False, plugin="NodeResourcesFit", reasons=("Too many pods", "Insufficient cpu"))


def test_reasons_are_counted_and_sorted_as_text() -> None:
    """As kubectl describe shows it: every reason of every node counts, and 12 sorts before 3."""
    assert unschedulable_message([TAINTED] * 3 + [SHORT] * 12) == (
        "0/15 nodes are available: 12 Insufficient cpu, 12 Too many pods, "
        "3 node(s) had untolerated taint {nvidia.com/gpu: true}."
    )


def test_classes_count_for_their_nodes() -> None:
    """One answer may stand for many nodes."""
    assert unschedulable_message([TAINTED, SHORT], counts=[3, 12]) == unschedulable_message(
        [TAINTED] * 3 + [SHORT] * 12
    )


def test_newer_schedulers_do_not_name_the_taint() -> None:
    """From 1.35 (kubernetes PR #134740)."""
    assert unschedulable_message([TAINTED], version=SchedulerVersion(35)) == (
        "0/1 nodes are available: 1 node(s) had untolerated taint(s)."
    )


def test_what_is_not_known_is_said_and_not_counted_as_refusal() -> None:
    """Available and undecided nodes stand apart from those that refuse."""
    undecided = Feasibility(ok=Unknown(Cause.DENIED, "x"), plugin="NodeAffinity", reasons=("x (denied)",))
    assert unschedulable_message([FEASIBLE, TAINTED, undecided, undecided]) == (
        "1/4 nodes are available: 1 node(s) had untolerated taint {nvidia.com/gpu: true}. 2 not known."
    )
    assert unschedulable_message([]) == "0/0 nodes are available."
