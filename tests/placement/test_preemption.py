"""Feasible by preemption."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.filters import feasible_now
from clusterproof.placement.interpod import UNWELCOME
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.preemption import NEVER, NO_VICTIMS, NOT_HELPFUL, Preemption, preemption
from clusterproof.placement.priority import Priorities
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Pod
from tests.placement.build import ROOMY, node, pod

APART = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "db"}}}
        ]
    }
}


def asks(cpu: str, name: str = "me", **more: Any) -> Pod:
    """A pod that asks for so much."""
    labels = more.pop("labels", {})
    return pod(name, labels=labels, containers=[{"name": "c", "resources": {"requests": {"cpu": cpu}}}], **more)


def four(*pods: Pod, **more: Any) -> NodeView:
    """A node of four cores with these pods."""
    return node("n", allocatable={**ROOMY, "cpu": "4"}, pods=pods, **more)


def on(view: NodeView, me: Pod, *, minor: int = 34, priorities: Priorities | None = None) -> Preemption:
    """What displacing pods would do on the one node of a cluster."""
    cluster = Cluster((view,), version=SchedulerVersion(minor), priorities=priorities or Priorities())
    (found,) = preemption(me, cluster, feasible_now(me, cluster))
    return found


def test_as_few_pods_go_as_are_in_the_way() -> None:
    """The most important are given back first, then those that run longer (rule 9.1)."""
    pods = [asks("1", f"p{number}", priority=number) for number in range(4)]
    assert on(four(*pods), asks("2", priority=9)) == Preemption(ok=True, victims=("a/p1", "a/p0"))
    assert on(four(*pods), asks("2", priority=2)).victims == ("a/p1", "a/p0")
    assert on(four(*pods), asks("3", priority=2)).ok is False
    assert on(four(*pods), asks("1", priority=0)) == Preemption(ok=False, reasons=(NO_VICTIMS,))


def test_who_runs_longer_stays() -> None:
    """Of pods of one priority the one that started later goes (rule 9.1)."""
    import msgspec

    pods = [asks("2", f"p{number}", priority=1) for number in range(2)]
    dated = [
        msgspec.structs.replace(
            one, status=msgspec.structs.replace(one.status, start_time=f"2026-01-0{2 - number}T00:00:00Z")
        )
        for number, one in enumerate(pods)
    ]
    assert on(four(*dated), asks("2", priority=9)).victims == ("a/p0",)
    # Who has no start time has started now.
    assert on(four(dated[0], pods[1]), asks("2", priority=9)).victims == ("a/p1",)


def test_what_no_displaced_pod_mends() -> None:
    """A cordon, a taint, a label, a volume: nobody is displaced; from 1.34 also nothing that is larger than the node (rule 9.1)."""
    low = asks("4", "p", priority=0)
    assert on(four(low, unschedulable=True), asks("1", priority=9)) == Preemption(ok=False, reasons=(NOT_HELPFUL,))
    assert on(four(low, taints=["x=y:NoSchedule"]), asks("1", priority=9)).reasons == (NOT_HELPFUL,)
    assert on(four(low), asks("1", priority=9, nodeSelector={"disk": "ssd"})).reasons == (NOT_HELPFUL,)
    assert on(four(low), asks("5", priority=9)).reasons == (NOT_HELPFUL,)
    assert on(four(low), asks("5", priority=9), minor=33).reasons == ("Insufficient cpu",)


def test_neighbours_that_are_in_the_way() -> None:
    """Anti-affinity to a pod of lower priority is mended by its going, affinity to it is not (rule 9.1)."""
    low = asks("1", "p", priority=0, labels={"app": "db"})
    assert on(four(low), asks("1", priority=9, affinity=APART)).victims == ("a/p",)
    near = {"podAffinity": APART["podAntiAffinity"]}
    assert on(four(asks("4", "p", labels={"app": "db"})), asks("1", priority=9, affinity=near)).ok is False


def test_who_displaces_nobody() -> None:
    """``preemptionPolicy: Never`` of the pod, or of its class (rule 9.1)."""
    low = asks("4", "p", priority=0)
    assert on(four(low), asks("1", priority=9, preemptionPolicy="Never")) == Preemption(ok=False, reasons=(NEVER,))


def test_a_node_that_takes_the_pod_needs_no_victims() -> None:
    """Preemption is not asked where a node takes the pod as it is (rule 9.1)."""
    assert on(four(asks("3", "p", priority=0)), asks("1", priority=9)) == Preemption(ok=False, reasons=(NOT_HELPFUL,))


@pytest.mark.parametrize("who", ["me", "p"])
def test_a_priority_that_is_not_known(who: str) -> None:
    """Whose class was not read may or may not be displaced (rule 9.1)."""
    unread = Priorities(missing=Unknown(Cause.DENIED, "priority classes"))
    me = asks("1", **({"priorityClassName": "high"} if who == "me" else {"priority": 9}))
    low = asks("4", "p", **({"priorityClassName": "low"} if who == "p" else {"priority": 0}))
    assert on(four(low), me, priorities=unread).ok is unread.missing


def test_room_is_kept_for_nominated_pods() -> None:
    """A pod that waits for victims to leave keeps lower priorities off its node, and nobody above it (rule 9.4)."""
    waits = asks("4", "waits", priority=5)
    cluster = Cluster((four(nominated=(waits,)),))
    assert [feasible_now(asks("1", priority=p), cluster)[0].ok for p in (4, 5, 6)] == [False, False, True]
    assert feasible_now(asks("4", "waits", priority=5), cluster)[0].ok is True
    unread = Cluster(
        (four(nominated=(asks("4", "waits", priorityClassName="x"),)),), priorities=Priorities(missing=WHY)
    )
    assert feasible_now(asks("1", priority=4), unread)[0].ok is WHY


def test_the_nominated_are_there_first() -> None:
    """The filters ask with the nominated pods on the node first, and so does the dry run (rule 9.4)."""
    waits, there = asks("4", "waits", priority=5), asks("1", "db", priority=1, labels={"app": "db"})
    view = four(there, nominated=(waits,))
    (answer,) = feasible_now(asks("1", priority=4, affinity=APART), Cluster((view,)))
    assert answer.reasons == ("Insufficient cpu",)
    assert on(view, asks("1", priority=4, affinity=APART)) == Preemption(ok=False, reasons=("Insufficient cpu",))
    assert on(view, asks("1", priority=6, affinity=APART)).victims == ("a/db",)


def test_wishes_of_the_nominated_are_read_where_somebody_minds() -> None:
    """A nominated pod's anti-affinity keeps nobody away unless the plugin is asked anyway (rule 9.4).

    The incoming pod wants nothing of others: it is asked where a pod that is there minds it, wherever that is.
    """
    waits = asks("1", "waits", priority=5, affinity=APART)
    me = asks("1", priority=1, labels={"app": "db"})
    alone = four(nominated=(waits,))
    assert feasible_now(me, Cluster((alone,)))[0].ok is True
    minds = node("m", allocatable=ROOMY, pods=[asks("1", "p", affinity=APART)])
    first, second = feasible_now(me, Cluster((alone, minds)))
    assert (first.reasons, second.reasons) == ((UNWELCOME,), (UNWELCOME,))


def test_the_dry_run_leaves_out_what_was_left_out() -> None:
    """Whether InterPodAffinity is asked is decided before pods are displaced (rule 9.4)."""
    waits, me = asks("1", "waits", priority=5, affinity=APART), asks("4", priority=5, labels={"app": "db"})
    small = four(asks("1", "p", priority=0), nominated=(asks("0", "waits", priority=5, affinity=APART),))
    assert on(small, me) == Preemption(ok=True, victims=("a/p",))
    minded = four(asks("1", "p", priority=0, affinity=APART), nominated=(waits,))
    assert on(minded, asks("3", priority=5, labels={"app": "db"})).reasons == (UNWELCOME,)


WHY = Unknown(Cause.DENIED, "priority classes")
