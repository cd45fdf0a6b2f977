"""``place`` and "can be scheduled" of pods whose RuntimeClass asks for nodes, tolerates taints, or takes room."""

from __future__ import annotations

from typing import Any

import clusterproof
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.placed import May, Placement
from clusterproof.checks.placing import place
from clusterproof.profiles.model import Check, Schedulable
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, reach, requirement, two_groups
from tests.world.build import Raw, Tiny

WEB = "deploy/app/web"


def two(**labels: str) -> Tiny:
    """Group ``a`` with two nodes and those labels, group ``vm`` with one node and a taint."""
    tiny = Tiny().managed("a", ["sg-a"], nodes=2, labels=labels)
    return tiny.managed("vm", ["sg-b"], taints=("vm=yes:NoSchedule",), labels={"vm": "yes"})


def kata(tiny: Tiny, spec: Raw | None = None, **more: Any) -> Tiny:
    """With a Deployment that names RuntimeClass ``kata``, which is there."""
    tiny.put(kinds.RUNTIME_CLASSES, {"metadata": {"name": "kata"}, "handler": "kata", **more})
    return tiny.deployment("app/web", {"runtimeClassName": "kata", **(spec or {})})


def of(tiny: Tiny, **asked: Any) -> Placement:
    """The placement of the Deployment."""
    return place(tiny.snapshot(), WEB, **asked)


def may(found: Placement) -> dict[str, May]:
    """By group: whether its nodes may take it."""
    return {group.name: group.may for group in found.groups}


def scheduled(tiny: Tiny) -> Finding:
    """Whether it can be scheduled."""
    return ask(tiny, requirement(Check(schedulable=Schedulable(WEB))))


def test_its_selector_excludes_and_its_tolerations_admit() -> None:
    """Nodes that the class selects take the pod, with the taint that the class tolerates; others do not (rule 9.1)."""
    bare = kata(two())
    assert may(of(bare)) == {"a": May.YES, "vm": May.NO}
    scheduling = {"nodeSelector": {"vm": "yes"}, "tolerations": [{"key": "vm", "operator": "Exists"}]}
    found = of(kata(two(), scheduling=scheduling))
    assert (found.verdict, may(found), found.now) == (Verdict.PASS, {"a": May.NO, "vm": May.YES}, 1)
    nowhere = kata(two(), scheduling={"nodeSelector": {"vm": "yes"}})
    assert of(nowhere).verdict is scheduled(nowhere).verdict is Verdict.FAIL


def test_labels_that_only_a_runtime_class_asks_for_tell_nodes_apart() -> None:
    """Two nodes of one group that differ in such a label are two classes, of which one is a place (rules 8, 9.1)."""
    tiny = kata(two(), scheduling={"nodeSelector": {"kvm": "yes"}})
    tiny.objects["nodes"][1]["metadata"]["labels"]["kvm"] = "yes"
    found = of(tiny)
    assert (found.verdict, found.now) == (Verdict.PASS, 1)
    assert [one.ever.may for group in found.groups for one in group.classes if one.born].count(May.YES) == 1
    assert scheduled(tiny).verdict is Verdict.PASS


def test_its_overhead_takes_room() -> None:
    """What the pod takes beside its containers counts, now and ever (rule 9.1)."""
    spec = {"containers": [{"name": "main", "image": "app:1", "resources": {"requests": {"cpu": "1"}}}]}
    assert of(kata(two(), spec, overhead={"podFixed": {"cpu": "100m"}})).verdict is Verdict.PASS
    large = kata(two(), spec, overhead={"podFixed": {"cpu": "1000"}})
    found = of(large)
    assert (found.verdict, found.now) == (Verdict.FAIL, 0)
    assert "Insufficient cpu" in found.sentence
    assert scheduled(large).verdict is Verdict.FAIL


def test_what_the_api_server_refuses_lands_nowhere() -> None:
    """A contradiction, or a class that is not there: no pod, no odds, and the reason once (rule 9.1)."""
    conflict = kata(two(), {"nodeSelector": {"vm": "no"}}, scheduling={"nodeSelector": {"vm": "yes"}})
    found = of(conflict, replicas=2, runs=2)
    said = "the API server refuses its pods: RuntimeClass kata has nodeSelector vm=yes, they have vm=no"
    assert (found.verdict, found.sentence) == (Verdict.FAIL, f"It can land nowhere: {said}.")
    assert (found.now, found.chances.unknown is not None) == (0, True)
    assert found.copies is not None
    assert found.copies.unknown is not None
    assert found.runs is not None
    assert found.runs.unknown is not None
    absent = two().deployment("app/web", {"runtimeClassName": "gone"})
    refused = scheduled(absent)
    assert refused.verdict is Verdict.FAIL
    assert "the API server makes no pod of RuntimeClass gone: there is none" in refused.summary
    assert scheduled(absent.drop(kinds.NODES)).verdict is Verdict.FAIL


def test_classes_that_were_not_read_leave_it_unknown() -> None:
    """Never pass: what keeps it from being known is named with its permission, and there are no odds (rules 1, 9.1)."""
    tiny = kata(two()).drop(kinds.RUNTIME_CLASSES)
    found = of(tiny, replicas=2, runs=2)
    assert (found.verdict, found.now) == (Verdict.UNKNOWN, None)
    # A taint keeps nobody away for certain: the class may tolerate it.
    assert may(found) == {"a": May.UNKNOWN, "vm": May.UNKNOWN}
    for unknown in (
        found.chances.unknown,
        found.copies.unknown if found.copies is not None else None,
        found.runs.unknown if found.runs is not None else None,
        *scheduled(tiny).unknowns,
    ):
        assert unknown is not None
        assert "runtimeclasses.node.k8s.io" in unknown.remedy
    assert scheduled(tiny).verdict is Verdict.UNKNOWN
    labels = kata(two(), {"nodeSelector": {"none": "has"}}).drop(kinds.RUNTIME_CLASSES)
    assert scheduled(labels).verdict is Verdict.FAIL  # a class only asks for more


def test_a_check_has_odds_only_of_what_was_read() -> None:
    """Which node the client's next pod gets is a matter of its RuntimeClass: unread, there are no odds (rule 9.4)."""
    tiny = two_groups("tcp 80 sg-front", server="", nodes=2)
    tiny.pod("app/server-0", "back-0", owner="ReplicaSet/server-1", labels={"pod-template-hash": "1", "app": "server"})
    client = next(raw for raw in tiny.objects["deployments"] if raw["metadata"]["name"] == "client")
    client["spec"]["template"]["spec"]["runtimeClassName"] = "kata"
    here = {"scheduling": {"nodeSelector": {"eks.amazonaws.com/nodegroup": "back"}}}
    tiny.put(kinds.RUNTIME_CLASSES, {"metadata": {"name": "kata"}, **here})
    read = ask(tiny, reach())
    assert read.odds is not None
    assert {row.group for row in read.odds.rows} == {"back"}
    unread = ask(tiny.drop(kinds.RUNTIME_CLASSES), reach())
    assert (unread.verdict, unread.odds) == (Verdict.UNKNOWN, None)
    assert any("runtimeclasses.node.k8s.io" in unknown.remedy for unknown in unread.unknowns)


def test_a_profiles_own_template_is_admitted_too() -> None:
    """Templates that a profile brings meet the classes of the cluster as installed ones do."""
    context = Context(two().snapshot(), clusterproof.load_profile("dynamo"))
    own = [one for named in context.workloads.values() for one in named.workloads if not one.installed]
    assert own
    assert all(any(one is other for other in context.world.workloads) for one in own)
