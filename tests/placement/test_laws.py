"""Feasible now is feasible ever: over generated clusters with volumes, limits, gates, taints, spread and neighbours."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.placement.filters import feasible_now, needs_of, structural
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.preemption import preemption
from clusterproof.placement.priority import Priorities
from clusterproof.placement.version import SchedulerVersion
from clusterproof.placement.volumes import volume_rules
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Pod
from tests.placement.build import ROOMY, node, pod
from tests.placement.stored import ZONE, attachment, claim, driver, made_by, storage, using, volume

ZONES = st.sampled_from(["", "a", "b"])
NAMES = ("x", "y")
RARELY = st.sampled_from([False] * 6 + [True])
SOMETIMES = st.sampled_from([False] * 2 + [True])
STATES = st.sampled_from([*["bound", "free"] * 5, "static", "default", "absent", "lost", "wish", "once"])
APART = {
    "podAntiAffinity": {
        "requiredDuringSchedulingIgnoredDuringExecution": [
            {"topologyKey": ZONE, "labelSelector": {"matchLabels": {"app": "me"}}}
        ]
    }
}


@st.composite
def storages(draw: st.DrawFn) -> Any:
    """Claims x and y in all their states, volumes, classes, drivers and attachments."""
    claims, volumes = [], []
    for name in NAMES:
        state = draw(STATES)
        if state == "absent":
            continue
        more: dict[str, Any] = {}
        if state == "static":
            more = {"storageClassName": "local"}
        elif state == "default":
            more = {"storageClassName": None}
        elif state == "wish":
            more = {"volumeName": f"pv-{name}"}
        elif state == "once":
            more = {"accessModes": ["ReadWriteOncePod"]}
        held = f"pv-{name}" if state in ("bound", "lost", "once") else ""
        claims.append(claim(name, held, phase="Lost" if state == "lost" else "", **more))
    for name in ("pv-x", "pv-y", "free"):
        if draw(RARELY):
            continue
        labels = {ZONE: draw(st.sampled_from(["a", "a__b"]))} if draw(RARELY) else {}
        kind = draw(st.sampled_from(["gp3", "local"]))
        volumes.append(volume(name, draw(ZONES), labels=labels, storageClassName=kind))
    classes = [made_by("local", provisioner="kubernetes.io/no-provisioner")]
    if not draw(RARELY):
        marked: dict[str, Any] = {
            "metadata": {"name": "gp3", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
        }
        classes.append(made_by(zones=("a",) if draw(SOMETIMES) else (), **marked))
    drivers = [driver(name, draw(st.sampled_from([None, 0, 1, 2, 2]))) for name in draw(st.sets(st.sampled_from("nm")))]
    attached = [
        attachment(one, draw(st.sampled_from("nm"))) for one in draw(st.sets(st.sampled_from(["pv-x", "free"])))
    ]
    return storage(tuple(claims), tuple(volumes), tuple(classes), tuple(drivers), tuple(attached))


@st.composite
def pods(draw: st.DrawFn, name: str) -> Pod:
    """A pod with some of what filters read."""
    spec: dict[str, Any] = {"volumes": using(*draw(st.sampled_from([(), ("x",), ("y",), NAMES])))}
    if draw(RARELY):
        template = {"volumeClaimTemplate": {"spec": {"storageClassName": draw(st.sampled_from(["gp3", "local"]))}}}
        spec["volumes"].append({"name": "tmp", "ephemeral": template})
    if draw(SOMETIMES):
        spec["affinity"] = APART
    if draw(SOMETIMES):
        spec["nodeSelector"] = {ZONE: "a"}
    if draw(SOMETIMES):
        rule = {"topologyKey": ZONE, "maxSkew": 1, "labelSelector": {"matchLabels": {"app": "me"}}}
        spec["topologySpreadConstraints"] = [{**rule, "whenUnsatisfiable": "DoNotSchedule"}]
    if draw(RARELY) and draw(SOMETIMES):
        spec["schedulingGates"] = [{"name": "example.com/wait"}]
    cpu = draw(st.sampled_from([None, "1", "1", "3", "3", "20"]))
    port = draw(st.sampled_from([None, None, 80]))
    container: dict[str, Any] = {"name": "c", "resources": {"requests": {"cpu": cpu}} if cpu else {}}
    if port:
        container["ports"] = [{"containerPort": port, "hostPort": port}]
    spec["containers"] = [container]
    spec["priority"] = draw(st.sampled_from([0, 5, 9]))
    return pod(name, labels={"app": draw(st.sampled_from(["me", "you"]))}, **spec)


@st.composite
def nodes(draw: st.DrawFn, name: str) -> NodeView:
    """A node with pods, taints, a zone or none, nominated pods."""
    zone = draw(ZONES)
    return node(
        name,
        labels={ZONE: zone} if zone else {},
        taints=[draw(st.sampled_from(["gpu=1:NoSchedule", "node.kubernetes.io/not-ready:NoSchedule"]))]
        if draw(RARELY)
        else [],
        unschedulable=draw(RARELY),
        allocatable={**ROOMY, "cpu": "4", "pods": draw(st.sampled_from(["2", "9"]))},
        pods=tuple(draw(pods(f"{name}{number}")) for number in range(draw(st.integers(0, 2)))),
        nominated=tuple(draw(pods(f"{name}-next")) for _ in range(draw(RARELY))),
    )


CASES = st.tuples(pods("me"), nodes("n"), nodes("m"), storages(), st.sampled_from([31, 32, 33, 34, 35, 36]))


@settings(max_examples=400, deadline=None)
@given(CASES)
def test_feasible_now_is_feasible_ever(case: Any) -> None:
    """What the scheduler would do today, structural feasibility never excludes (rule 9.7)."""
    me, one, other, stored, minor = case
    cluster = Cluster((one, other), storage=stored, priorities=Priorities(), version=SchedulerVersion(minor))
    ever = [structural(needs_of(me.spec), view, volume_rules(me.spec, "a", stored)) for view in cluster.nodes]
    for today, always in zip(feasible_now(me, cluster), ever, strict=True):
        assert not (today.ok is True and always.ok is False), (today, always)
        assert today.ok is not True or not isinstance(always.ok, Unknown), (today, always)


@settings(max_examples=200, deadline=None)
@given(CASES)
def test_feasible_by_preemption_is_feasible_without_the_victims(case: Any) -> None:
    """With its victims gone, the node takes the pod; with any of them back it does not; each had a lower priority (rule 9.1)."""
    me, one, other, stored, minor = case
    cluster = Cluster((one, other), storage=stored, version=SchedulerVersion(minor))
    answers = feasible_now(me, cluster)
    for view, answer, found in zip(cluster.nodes, answers, preemption(me, cluster, answers), strict=True):
        assert found.ok is True or not found.victims
        if found.ok is not True:
            continue
        assert not answer.final
        gone = [each for each in view.pods if f"a/{each.metadata.name}" in found.victims]
        assert gone
        assert all((each.spec.priority or 0) < (me.spec.priority or 0) for each in gone)
        left = tuple(each for each in view.pods if each not in gone)
        for back in ((), *((each,) for each in gone)):
            changed = msgspec.structs.replace(view, pods=(*left, *back), nominated=())
            nodes = tuple(changed if each is view else each for each in cluster.nodes)
            again = feasible_now(me, msgspec.structs.replace(cluster, nodes=nodes))
            assert (again[nodes.index(changed)].ok is True) == (not back)
