from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement import interpod
from clusterproof.placement.filters import feasible_now
from clusterproof.placement.node import Cluster
from clusterproof.snapshot.fields import Cause, Unknown
from tests.placement.build import node, pod

HOST = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
HARD = "requiredDuringSchedulingIgnoredDuringExecution"
SOFT = "preferredDuringSchedulingIgnoredDuringExecution"


def term(key: str = HOST, app: str = "etcd", **more: Any) -> dict[str, Any]:
    """An affinity term on the app label."""
    return {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **more}


def oks(me: Any, cluster: Cluster) -> list[Any]:
    """Feasibility now, by node."""
    return [answer.ok for answer in feasible_now(me, cluster)]


def cluster(*pods: Any, namespaces: Any = None) -> Cluster:
    """Two nodes in two zones, the pods on the first."""
    return Cluster(
        (node("n1", labels={ZONE: "a"}, pods=pods), node("n2", labels={ZONE: "b"})),
        {"a": {"team": "x"}, "b": {"team": "y"}} if namespaces is None else namespaces,
    )


ETCD = pod("etcd-0", namespace="b", labels={"app": "etcd"})


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, [False, False]),  # only the pod's own namespace
        ({"namespaces": ["b"]}, [True, False]),
        ({"namespaceSelector": {}}, [True, False]),
        ({"namespaceSelector": {"matchLabels": {"team": "y"}}}, [True, False]),
        ({"namespaceSelector": {"matchLabels": {"team": "x"}}}, [False, False]),
        ({"namespaceSelector": {"matchLabels": {"team": "x"}}, "namespaces": ["b"]}, [True, False]),
    ],
)
def test_namespaces_of_a_term(more: dict[str, Any], expected: list[bool]) -> None:
    """Listed namespaces and selected ones are united; with neither, the pod's own (rule 9.1)."""
    me = pod(affinity={"podAffinity": {HARD: [term(**more)]}})
    assert oks(me, cluster(ETCD)) == expected


def test_unknown_namespace_labels_make_the_answer_unknown_only_where_read() -> None:
    """A namespace selector needs the labels; a list of names does not (rule 9.1)."""
    why = Unknown(Cause.DENIED, "namespaces were not readable")
    selected = pod(affinity={"podAffinity": {HARD: [term(namespaceSelector={"matchLabels": {"team": "y"}})]}})
    assert oks(selected, cluster(ETCD, namespaces=why)) == [why, why]
    named = pod(affinity={"podAffinity": {HARD: [term(namespaces=["b"])]}})
    assert oks(named, cluster(ETCD, namespaces=why)) == [True, False]


def test_the_first_of_a_group_may_start_anywhere() -> None:
    """A pod that matches its own required term is not kept waiting for another, where the label exists (rule 9.1)."""
    me = pod(labels={"app": "etcd"}, affinity={"podAffinity": {HARD: [term("rack")]}})
    nodes = (node("n1", labels={"rack": "r"}), node("n2"))
    assert oks(me, Cluster(nodes)) == [True, False]


def test_placed_pods_keep_others_away_and_match_label_keys_narrow() -> None:
    """Anti-affinity of a placed pod counts; matchLabelKeys add the pod's own value to the selector (rule 9.1)."""
    guard = pod("guard", labels={"app": "me"}, affinity={"podAntiAffinity": {HARD: [term(ZONE, "me")]}})
    answers = feasible_now(pod(labels={"app": "me"}), cluster(guard))
    assert [(one.ok, one.reason) for one in answers] == [(False, interpod.UNWELCOME), (True, "")]
    old = pod("old", labels={"app": "me", "rev": "1"})
    apart = {"podAntiAffinity": {HARD: [term(HOST, "me", matchLabelKeys=["rev"])]}}
    assert oks(pod(labels={"app": "me", "rev": "2"}, affinity=apart), cluster(old)) == [True, True]
    assert oks(pod(labels={"app": "me", "rev": "1"}, affinity=apart), cluster(old)) == [False, True]
    other = {"podAntiAffinity": {HARD: [term(HOST, "me", mismatchLabelKeys=["rev"])]}}
    assert oks(pod(labels={"app": "me", "rev": "2"}, affinity=other), cluster(old)) == [False, True]


def test_wishes_of_both_sides_score() -> None:
    """Preferred terms of the pod and of placed pods add up; a placed pod's required term weighs one (rule 9.2)."""
    placed = pod(
        "prometheus",
        labels={"app": "prometheus"},
        affinity={
            "podAffinity": {HARD: [term(HOST, "me")], SOFT: [{"weight": 4, "podAffinityTerm": term(ZONE, "me")}]}
        },
    )
    me = pod(
        labels={"app": "me"},
        affinity={"podAntiAffinity": {SOFT: [{"weight": 30, "podAffinityTerm": term(ZONE, "prometheus")}]}},
    )
    world = cluster(placed)
    assert interpod.raw_scores(me, world, world.nodes) == [1 + 4 - 30, 0]
    assert interpod.raw_scores(pod(), world, world.nodes) is None
    assert interpod.normalise([-25, 0, -5]) == [0, 100, 80]
    assert interpod.normalise([7, 7]) == [0, 0]
