"""Filters on the node and what its own pods take: names, ports of sidecars, resizes, gates, and what versions differ in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.placement.feasibility import Feasibility
from clusterproof.placement.filters import feasible_now
from clusterproof.placement.message import unschedulable_message
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Pod
from tests.placement.build import ROOMY, node, pod


def now(*nodes: NodeView, minor: int = 34, **spec: Any) -> tuple[Feasibility, ...]:
    """What the scheduler says of each node."""
    return feasible_now(pod(**spec), Cluster(nodes), version=SchedulerVersion(minor))


def named(*terms: list[str]) -> dict[str, Any]:
    """An affinity whose terms name nodes; an empty term is one over labels."""
    made = [
        {"matchFields": [{"key": "metadata.name", "operator": "In", "values": [name]} for name in names]}
        if names
        else {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "Exists"}]}
        for names in terms
    ]
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": made}}}


def test_only_the_nodes_that_are_named_are_looked_at() -> None:
    """The others are refused before their cordons are seen, in words of their own from 1.32 (rule 9.1)."""
    nodes = (node("a"), node("b", unschedulable=True), node("c", unschedulable=True))
    answers = now(*nodes, affinity=named(["a"], ["b"]))
    assert [one.reasons for one in answers] == [
        (),
        ("node(s) were unschedulable",),
        ("node(s) didn't satisfy plugin(s) [NodeAffinity]",),
    ]
    old = now(*nodes, minor=31, affinity=named(["a"], ["b"]))
    assert [one.plugin for one in old] == ["", "NodeUnschedulable", "NodeAffinity"]
    assert [one.ok for one in now(*nodes, affinity=named(["a"], []))] == [True, False, False]


def test_terms_that_contradict_themselves() -> None:
    """No node can have two names: the pod is refused as a whole (rule 9.1)."""
    answers = now(node("a"), node("b"), affinity=named(["a", "b"]))
    assert all(one.whole and one.final for one in answers)
    assert unschedulable_message(answers) == "0/2 nodes are available: pod affinity terms conflict."


def test_a_gated_pod_is_not_looked_at() -> None:
    """Its gates are named, and nothing else (rule 9.1)."""
    gates = [{"name": "example.com/quota"}, {"name": "example.com/data"}]
    answers = now(node("a"), schedulingGates=gates)
    assert (answers[0].plugin, answers[0].whole) == ("SchedulingGates", True)
    assert answers[0].reason == "waiting for scheduling gates: [example.com/quota example.com/data]"


SIDECAR = {"name": "s", "restartPolicy": "Always", "ports": [{"containerPort": 1, "hostPort": 80}]}
ONCE = {"name": "i", "ports": [{"containerPort": 1, "hostPort": 80}]}


@pytest.mark.parametrize(("init", "minor", "ok"), [(SIDECAR, 33, True), (SIDECAR, 34, False), (ONCE, 34, True)])
def test_ports_of_sidecars_count_from_1_34(init: dict[str, Any], minor: int, ok: bool) -> None:
    """Those of init containers that end never do (rule 9.1)."""
    taken = node("a", pods=(pod("p", containers=[{"ports": [{"containerPort": 1, "hostPort": 80}]}]),))
    assert now(taken, minor=minor, initContainers=[init])[0].ok is ok
    reverse = node("a", pods=(pod("p", initContainers=[init]),))
    assert now(reverse, minor=minor, containers=[{"ports": [{"containerPort": 1, "hostPort": 80}]}])[0].ok is ok


def resized(status: dict[str, Any], **container: Any) -> Pod:
    """A running pod that asks for one core, with what its status says."""
    made = pod("p", containers=[{"name": "c", "resources": {"requests": {"cpu": "1"}}, **container}])
    return msgspec.structs.replace(made, status=msgspec.convert(status, type(made.status)))


@pytest.mark.parametrize(
    "status",
    [
        {"containerStatuses": [{"name": "c", "resources": {"requests": {"cpu": "3"}}}]},
        {"containerStatuses": [{"name": "c", "resources": {}, "allocatedResources": {"cpu": "3"}}]},
    ],
)
def test_what_a_pod_holds_while_it_is_resized(status: dict[str, Any]) -> None:
    """From 1.33 the most of what it wants, was admitted with and has (rule 9.1)."""
    view = node("a", allocatable={**ROOMY, "cpu": "4"}, pods=(resized(status),))
    two = [{"resources": {"requests": {"cpu": "2"}}}]
    assert now(view, minor=32, containers=two)[0].ok is True
    assert now(view, minor=33, containers=two)[0].reasons == ("Insufficient cpu",)
    assert now(view, minor=33, containers=[{"resources": {"requests": {"cpu": "1"}}}])[0].ok is True


def test_a_pod_that_is_resized_as_a_whole() -> None:
    """Pod-level requests count likewise (rule 9.1)."""
    made = pod("p", resources={"requests": {"cpu": "1"}})
    status = {"resources": {"requests": {"cpu": "1"}}, "allocatedResources": {"cpu": "3"}}
    made = msgspec.structs.replace(made, status=msgspec.convert(status, type(made.status)))
    view = node("a", allocatable={**ROOMY, "cpu": "4"}, pods=(made,))
    assert now(view, minor=36, containers=[{"resources": {"requests": {"cpu": "2"}}}])[0].ok is False


def test_what_is_larger_than_the_node_is_final_from_1_34() -> None:
    """Before, the scheduler tries preemption there (rule 9.1)."""
    big = [{"resources": {"requests": {"cpu": "99"}}}]
    assert [now(node("a"), minor=minor, containers=big)[0].final for minor in (33, 34)] == [False, True]


@pytest.mark.parametrize(
    "spec",
    [
        {"hostNetwork": True, "hostUsers": False},
        {"containers": [{"name": "c", "restartPolicyRules": [{"action": "RestartAllContainers"}]}]},
    ],
)
def test_what_is_asked_of_the_kubelet_is_unknown_from_1_36(spec: dict[str, Any]) -> None:
    """Features that nodes declare are not read (rule 9.1)."""
    assert now(node("a"), minor=35, **spec)[0].ok is True
    answer = now(node("a"), minor=36, **spec)[0]
    assert isinstance(answer.ok, Unknown)
    assert answer.plugin == "NodeDeclaredFeatures"
