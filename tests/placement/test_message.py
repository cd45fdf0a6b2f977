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
    """As kubectl describe shows it: every reason of every node counts, and 12 sorts before 3 (rule 9.1)."""
    assert unschedulable_message([TAINTED] * 3 + [SHORT] * 12) == (
        "0/15 nodes are available: 12 Insufficient cpu, 12 Too many pods, "
        "3 node(s) had untolerated taint {nvidia.com/gpu: true}."
    )


def test_classes_count_for_their_nodes() -> None:
    """One answer may stand for many nodes (rule 9.1)."""
    assert unschedulable_message([TAINTED, SHORT], counts=[3, 12]) == unschedulable_message(
        [TAINTED] * 3 + [SHORT] * 12
    )


def test_newer_schedulers_do_not_name_the_taint() -> None:
    """From v1.34.2 (kubernetes PRs #134740 and #135023), so that different taints are one reason (rule 9.1)."""
    other = Feasibility(ok=False, plugin="TaintToleration", reasons=("node(s) had untolerated taint {team: x}",))
    for version in (SchedulerVersion(35), SchedulerVersion(34), SchedulerVersion(34, 2)):
        assert unschedulable_message([TAINTED, other], version=version) == (
            "0/2 nodes are available: 2 node(s) had untolerated taint(s)."
        )
    assert unschedulable_message([TAINTED, other], version=SchedulerVersion(34, 1)).count("1 node(s)") == 2


def test_what_is_not_known_is_said_and_not_counted_as_refusal() -> None:
    """Available and undecided nodes stand apart from those that refuse (rule 9.1)."""
    undecided = Feasibility(ok=Unknown(Cause.DENIED, "x"), plugin="NodeAffinity", reasons=("x (denied)",))
    assert unschedulable_message([FEASIBLE, TAINTED, undecided, undecided]) == (
        "1/4 nodes are available: 1 node(s) had untolerated taint {nvidia.com/gpu: true}. 2 not known."
    )
    assert unschedulable_message([]) == "no nodes available to schedule pods"
