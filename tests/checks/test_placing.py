"""Where a workload may land: ever and now, why not, odds, copies, runs, and what cannot be decided."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

import clusterproof
from clusterproof.api import WORLDS
from clusterproof.checks.lookup import find_loosely
from clusterproof.checks.placed import May
from clusterproof.checks.placing import place
from clusterproof.errors import NotFoundError, UnknownNameError, UsageError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from clusterproof.world.world import World
from tests.checks.placed import groups, of, two
from tests.world.build import Tiny, on


def cpu(amount: str, **more: Any) -> dict[str, Any]:
    """A spec of one container that asks for processors."""
    return {"containers": [{"name": "main", "image": "app:1", "resources": {"requests": {"cpu": amount}}}], **more}


def test_ever_and_now_are_told_apart() -> None:
    """A full node may take the pod ever and does not now, with the scheduler's reason; the sentence says both (rules 9.1, 9.7)."""
    tiny = two().deployment("app/web", cpu("6")).pod("app/full", "a-0", spec=cpu("7"))
    found = of(tiny)
    assert (found.verdict, found.nodes, found.now) == (Verdict.PASS, 3, 2)
    a = groups(found)["a"]
    assert (a.may, a.nodes, a.ever, a.now) == (May.YES, 2, 2, 1)
    told = [(standing.nodes, standing.now.may, standing.now.reasons) for standing in a.classes[0].today]
    assert told == [(("a-1",), May.YES, ()), (("a-0",), May.NO, ("Insufficient cpu",))]
    assert found.now_message == "2/3 nodes are available: 1 Insufficient cpu."
    assert found.ever_message == "3/3 nodes are available."
    assert found.sentence == (
        "It may land on a and b: every node group. 3 of today's 3 nodes may take it; now 2 of them take one."
    )


def test_full_cluster_is_still_a_place() -> None:
    """Where no node takes one now, the verdict stays; it is said that a new node would (rule 9.7)."""
    tiny = Tiny().managed("a", ["sg-a"], size=(0, 1, 3)).deployment("app/web", cpu("6"))
    found = of(tiny.pod("app/full", "a-0", spec=cpu("7")))
    assert (found.verdict, found.now, groups(found)["a"].new_nodes) == (Verdict.PASS, 0, May.YES)
    assert found.sentence.endswith("Today's one node may take it; now none takes one, but a new node of a would.")
    assert found.chances.unknown is not None
    assert (groups(found)["a"].first, groups(found)["a"].later) == (None, None)


def test_preemption_is_said_apart() -> None:
    """Where no node takes it as it is: which would by displacing pods of lower priority, and whom (rule 9.1)."""
    tiny = two().deployment("app/web", cpu("6", priority=10))
    tiny.pod("app/low", "a-0", spec=cpu("7", priority=1)).pod("app/high", "a-1", spec=cpu("7", priority=20))
    found = of(tiny.pod("app/same", "b-0", spec=cpu("7", priority=10)))
    assert (found.now, groups(found)["a"].displacing, groups(found)["b"].displacing) == (0, 1, 0)
    standing = next(one for one in groups(found)["a"].classes[0].today if one.nodes == ("a-0",))
    assert standing.now.may is May.NO
    assert standing.displacing is not None
    assert (standing.displacing.may, standing.displacing.victims) == (May.YES, ("app/low",))
    assert found.sentence.endswith("none takes one as it is, but one would by displacing pods of lower priority.")
    free = of(two().deployment("app/web", cpu("6", priority=10)))
    assert all(one.displacing is None for group in free.groups for item in group.classes for one in item.today)


def test_refusals_name_the_field() -> None:
    """A class that refuses has the plugin, the scheduler's words, and the field of a node (rule 9.1)."""
    tiny = two().managed("gpu", ["sg-g"], taints=("gpu=yes:NoSchedule",))
    found = of(tiny.deployment("app/web", {"nodeSelector": {"eks.amazonaws.com/nodegroup": "a"}}))
    assert [group.name for group in found.groups] == ["a", "b", "gpu"]
    by_group = {name: group.classes[0].ever for name, group in groups(found).items()}
    assert by_group["a"].may is May.YES
    assert (by_group["b"].plugin, by_group["b"].reasons) == (
        "NodeAffinity",
        ("node(s) didn't match Pod's node affinity/selector",),
    )
    assert by_group["b"].ref is not None
    assert (by_group["b"].ref.key, by_group["b"].ref.field) == ("b-0", "metadata.labels")
    assert by_group["gpu"].plugin == "TaintToleration"
    assert found.sentence.startswith("It may land on a, and on no other node group.")


def test_nowhere_is_in_the_schedulers_words() -> None:
    """Without any place the sentence is the scheduler's message, with counts (rule 9.1)."""
    found = of(two().deployment("app/web", on("c")))
    assert found.verdict is Verdict.FAIL
    assert found.sentence == (
        "It can land nowhere: 0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector."
    )
    assert (found.now, {group.may for group in found.groups}) == (0, {May.NO})
    assert of(Tiny().deployment("app/web")).sentence == (
        "It can land nowhere: there is no node and no node group that would take it."
    )


def test_group_at_zero_is_a_place() -> None:
    """A group without nodes is a place by its template, and has no odds (rule 9.7)."""
    tiny = two().managed("zero", ["sg-z"], nodes=0, size=(0, 0, 4), labels={"x": "y"})
    found = of(tiny.deployment("app/web", {"nodeSelector": {"x": "y"}}))
    zero = groups(found)["zero"]
    assert (found.verdict, zero.may, zero.nodes, zero.now, zero.new_nodes) == (Verdict.PASS, May.YES, 0, 0, May.YES)
    assert "no such node today; zero may make one" in found.sentence
    assert zero.size == (0, 0, 4)


def test_new_nodes_are_those_that_the_group_makes() -> None:
    """A label of one node by hand is no promise about the next: the next nodes are like the others (rule 9.1)."""
    tiny = (
        Tiny().managed("a", ["sg-a"], nodes=2, size=(0, 2, 4)).deployment("app/web", {"nodeSelector": {"by": "hand"}})
    )
    tiny.objects["nodes"][0]["metadata"]["labels"]["by"] = "hand"
    tiny.objects["nodegroups"][0]["labels"] = {}
    a = groups(of(tiny))["a"]
    assert (a.may, a.ever) == (May.YES, 1)
    assert a.new_nodes is not May.YES
    assert [item.again for item in a.classes if item.born and item.ever.may is May.YES] == [False]
    plain = groups(of(two().deployment("app/web")))["a"]
    assert (plain.new_nodes, [item.again for item in plain.classes]) == (May.YES, [True])
    by_label = Tiny()
    by_label.node("n-0")
    assert [group.new_nodes for group in of(by_label.deployment("app/web")).groups] == [None]


@pytest.mark.parametrize("world", WORLDS)
def test_now_is_within_ever(world: str) -> None:
    """Law: what takes a pod now may take it ever; group counts add up, odds to 1 (rule 9.7)."""
    snapshot = clusterproof.load_world(world)
    whole = World(snapshot)
    for workload in whole.workloads:
        found = place(snapshot, workload.id, world=whole)
        assert found.nodes == sum(group.nodes for group in found.groups)
        for group in found.groups:
            assert group.now is not None
            assert group.now <= group.ever <= group.nodes
            for item in group.classes:
                assert sum(len(standing.nodes) for standing in item.today) == item.count
                taking = {standing.now.may for standing in item.today}
                assert item.ever.may is not May.NO or May.YES not in taking
        chances = [group.first for group in found.groups if group.first is not None]
        assert not chances or sum(chances) == pytest.approx(1)


def test_law_on_random_clusters() -> None:
    """The same law where taints, cordons, loads and wishes are drawn at random, seed 5 (rule 9.7)."""
    draw = random.Random(5)
    for _ in range(40):
        tiny = Tiny()
        for name in "abc":
            taints = [draw.choice(("k=v:NoSchedule", "k=v:PreferNoSchedule"))] if draw.random() < 0.4 else []
            tiny.managed(name, [f"sg-{name}"], nodes=draw.randint(0, 3), size=(0, 1, 4), taints=taints)
        for number, raw in enumerate(tiny.objects["nodes"]):
            raw["spec"]["unschedulable"] = draw.random() < 0.3
            if draw.random() < 0.6:
                tiny.pod(f"app/p{number}", raw["metadata"]["name"], spec=cpu(str(draw.randint(1, 8))))
        wish = cpu(str(draw.randint(1, 9)))
        if draw.random() < 0.5:
            wish["nodeSelector"] = {"eks.amazonaws.com/nodegroup": draw.choice("abc")}
        if draw.random() < 0.5:
            wish["tolerations"] = [{"operator": "Exists"}]
        found = of(tiny.deployment("app/web", wish))
        for group in found.groups:
            assert (group.now or 0) <= group.ever
        taking = sum(
            len(standing.nodes)
            for group in found.groups
            for item in group.classes
            for standing in item.today
            if standing.now.may is May.YES
        )
        assert taking == found.now
        assert (found.verdict is Verdict.PASS) == any(group.may is May.YES for group in found.groups)


def test_odds_by_node() -> None:
    """Nodes that score alike share the chance; an outscored one has 0 and is a place all the same (rules 9.4, 9.7)."""
    tiny = two().deployment("app/web", cpu("1")).pod("app/load", "b-0", spec=cpu("4"))
    found = of(tiny, image_bytes=10_000_000)
    assert (groups(found)["a"].first, groups(found)["b"].first) == (1.0, 0.0)
    assert found.chances.basis == "a tie among 2 of 3 feasible nodes"
    assert found.chances.stays == pytest.approx(0.5)
    unsized = of(tiny)
    assert unsized.chances.later_unknown is not None
    assert groups(unsized)["a"].later is None


def test_copies_and_runs() -> None:
    """Copies take each other's room; a large image keeps later runs where the first was (rule 9.3)."""
    tiny = two().deployment("app/web", cpu("5"))
    copies = of(tiny, replicas=5).copies
    assert copies is not None
    assert {one.group: one.expected for one in copies.groups} == {"a": 2.0, "b": 1.0}
    assert copies.unplaced == (0.0, 0.0, 1.0, 0.0, 0.0, 0.0)
    runs = of(tiny, runs=10, image_bytes=4 * 1024**3).runs
    assert runs is not None
    by_group = {one.group: one for one in runs.groups}
    assert by_group["a"].expected == pytest.approx(20 / 3)
    assert by_group["b"].expected == pytest.approx(10 / 3)
    assert (by_group["a"].again, by_group["b"].again) == (1.0, 1.0)
    assert by_group["a"].chances == pytest.approx((2 / 3,) * 10)
    assert "whoever pulled it first wins" in runs.image
    unsized = of(tiny, runs=2).runs
    assert unsized is not None
    assert unsized.unknown is not None


def test_other_schedulers_have_a_feasible_set_and_no_odds() -> None:
    """Another scheduler's pod: where the filters let it, odds not known, and that is said (rule 9.4)."""
    found = of(two().deployment("app/web", cpu("1", schedulerName="mine")), replicas=2)
    assert (found.scheduler, found.now) == ("mine", 3)
    assert found.chances.unknown is not None
    assert "mine decides" in found.chances.unknown.detail
    assert any("mine decides" in caveat for caveat in found.caveats)
    assert found.copies is not None
    assert found.copies.unknown is not None


def test_daemon_sets_leave_nothing_to_chance() -> None:
    """It runs on each node that takes it; its own pods do not stand in its way, cordons neither; no copies of it.

    (rule 9.1)
    """
    spec = {"containers": [{"name": "m", "image": "x", "ports": [{"containerPort": 80, "hostPort": 80}]}]}
    tiny = (
        two().controller("DaemonSet", "app/agent", spec).pod("app/agent-1", "a-0", owner="DaemonSet/agent", spec=spec)
    )
    tiny.objects["nodes"][1]["spec"]["unschedulable"] = True
    found = of(tiny, "ds/app/agent")
    assert (found.every_node, found.now, found.chances.unknown) == (True, 3, None)
    assert all(group.first is None for group in found.groups)
    assert found.sentence.startswith("It runs on every node that takes it, on a and b")
    with pytest.raises(UsageError, match="leave --replicas and --runs out"):
        of(tiny, "ds/app/agent", replicas=2)
    one_more = of(two().deployment("app/web", spec).pod("app/web-1", "a-0", owner="ReplicaSet/web", spec=spec))
    assert one_more.now == 2


def test_claims_of_a_pod_bind_its_successor() -> None:
    """A StatefulSet's pod that is made again goes where its volume is; no odds where it may be one of several.

    (rule 9.1)
    """
    tiny = two().controller("StatefulSet", "app/db", replicas=1)
    volume = {"volumes": [{"name": "d", "persistentVolumeClaim": {"claimName": "d-db-0"}}]}
    tiny.pod("app/db-0", "b-0", owner="StatefulSet/db", spec=volume)
    zone = [{"matchExpressions": [{"key": "topology.kubernetes.io/zone", "operator": "In", "values": ["us-east-1b"]}]}]
    tiny.put(
        kinds.CLAIMS,
        {
            "metadata": {"namespace": "app", "name": "d-db-0"},
            "spec": {"volumeName": "pv-1"},
            "status": {"phase": "Bound"},
        },
    )
    affinity = {"required": {"nodeSelectorTerms": zone}}
    tiny.put(kinds.VOLUMES, {"metadata": {"name": "pv-1"}, "spec": {"nodeAffinity": affinity}})
    found = of(tiny, "sts/app/db")
    assert (groups(found)["a"].ever, groups(found)["a"].now, groups(found)["b"].now) == (0, 0, 1)
    assert found.chances.basis == "the one feasible node"
    tiny.objects["statefulsets"][0]["spec"]["replicas"] = 2
    later = of(tiny, "sts/app/db")
    assert (later.now, groups(later)["a"].may) == (3, May.YES)
    assert later.chances.unknown is not None


def test_pods_unread_leave_now_unknown() -> None:
    """Without the pods it is known where it may land ever, and neither now nor how likely; never a pass for now.

    (rule 9.7)
    """
    tiny = two().managed("gpu", ["sg-g"], taints=("gpu=yes:NoSchedule",)).deployment("app/web").drop(kinds.PODS)
    found = of(tiny, replicas=3, runs=3)
    assert (found.verdict, found.now) == (Verdict.PASS, None)
    assert (groups(found)["a"].now, groups(found)["gpu"].now) == (None, 0)
    assert found.chances.unknown is not None
    assert found.copies is not None
    assert found.copies.unknown is not None
    assert found.sentence.endswith("Which nodes take one now is not known.")


def test_nodes_unread_are_not_none() -> None:
    """Without nodes, and without anything that makes some, it is not known; with a template that takes it, it is.

    (rule 9.7)
    """
    nothing = Tiny().deployment("app/web").drop(kinds.NODES)
    found = of(nothing)
    assert found.verdict is Verdict.UNKNOWN
    assert found.unread_nodes is not None
    assert found.sentence.startswith("Whether it can land anywhere is not known: ")
    assert of(two().deployment("app/web").drop(kinds.NODES)).verdict is Verdict.PASS


def test_group_of_which_nothing_is_known() -> None:
    """A node group that was not described may take it: unknown where nothing else does (rule 9.1)."""
    tiny = Tiny().managed("late", ["sg-l"], nodes=0, described=False).deployment("app/web", on("late"))
    found = of(tiny)
    assert found.verdict is Verdict.UNKNOWN
    assert groups(found)["late"].may is May.UNKNOWN
    assert groups(found)["late"].unknown is not None


def test_waiting_pods_are_a_caveat() -> None:
    """Others that wait for a node may take the room first."""
    tiny = two().deployment("app/web").pod("app/other", phase="Pending").pod("app/done", phase="Succeeded")
    assert "1 other pod waits for a node and may take the room first" in of(tiny).caveats


def test_pods_that_stay_are_a_caveat() -> None:
    """A pod that runs where no further one would go is told apart."""
    tiny = two().deployment("app/web", on("b")).pod("app/web-1", "a-0", owner="Deployment/web")
    found = of(tiny)
    assert groups(found)["a"].may is May.NO
    assert found.running_on == ("a-0",)
    assert "pods of it run on a, where no further one would be scheduled" in found.caveats


def test_fargate_decides_before_the_scheduler() -> None:
    """A pod that a profile takes lands on no node, now neither, and there are no odds (rule 9.1)."""
    raw = {
        "fargateProfileName": "fp",
        "status": "ACTIVE",
        "subnets": ["subnet-a"],
        "selectors": [{"namespace": "app"}],
    }
    tiny = two().put(kinds.FARGATE_PROFILE_NAMES, {"name": "fp"}).put(kinds.FARGATE_PROFILES, raw)
    found = of(tiny.deployment("app/web"))
    assert (found.verdict, found.now) == (Verdict.PASS, 0)
    assert {name for name, group in groups(found).items() if group.may is May.YES} == {"fp"}
    assert found.chances.unknown is not None
    assert "Fargate profile fp takes the pod" in found.chances.unknown.detail


# --- names -----------------------------------------------------------------------------


def named() -> World:
    """Three workloads, of which two share a name and one has a pod."""
    tiny = two().deployment("app/web").controller("StatefulSet", "app/db").deployment("kube-system/web")
    return tiny.pod("app/web-5c9-x", "a-0", owner="Deployment/web").world()


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("deploy/app/web", "deploy/app/web"),
        ("deployment.apps/app/web", "deploy/app/web"),
        ("Deployments/app/web", "deploy/app/web"),
        ("pod/app/web-5c9-x", "deploy/app/web"),
        ("pod/web-5c9-x", "deploy/app/web"),
        ("web-5c9-x", "deploy/app/web"),
        ("app/db", "sts/app/db"),
        ("sts/db", "sts/app/db"),
        ("statefulset.apps/db", "sts/app/db"),
        ("db", "sts/app/db"),
        ("kube-system/web", "deploy/kube-system/web"),
    ],
)
def test_names_as_people_write_them(text: str, wanted: str) -> None:
    """As much of kind/namespace/name as is enough; kubectl's forms; a pod for its controller."""
    assert find_loosely(named(), text).id == wanted


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("web", "web may be 2 workloads; name one: deploy/app/web, deploy/kube-system/web"),
        ("deploy/web", "deploy/web may be 2 workloads"),
        ("a/b/c/d", "names no workload; write kind/namespace/name"),
        ("", "names no workload"),
        ("deploy//web", "names no workload"),
    ],
)
def test_names_that_mean_several_or_none(text: str, says: str) -> None:
    """Several are listed; what has no such form is told which form there is."""
    with pytest.raises(UsageError, match=says):
        find_loosely(named(), text)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("dbb", "sts/app/db"),
        ("deploy/webb", "deploy/app/web"),
        ("app/weeb", "deploy/app/web"),
        ("deploy/app/wbe", "web"),
    ],
)
def test_names_that_are_not_there(text: str, near: str) -> None:
    """What is not there is answered with what is nearly so."""
    with pytest.raises(NotFoundError, match=f"did you mean .*{near}"):
        find_loosely(named(), text)


def test_names_of_what_was_not_read() -> None:
    """Where workloads were not read, it is not known whether there is one (never "there is none")."""
    tiny = two().deployment("app/web").partly(kinds.DEPLOYMENTS, Unknown(Cause.DENIED, "deployments: refused", "grant"))
    for text in ("nope", "deploy/nope", "app/nope"):
        with pytest.raises(UnknownNameError, match="refused"):
            find_loosely(tiny.world(), text)
    with pytest.raises(NotFoundError, match="there is no workload sts/nope"):
        find_loosely(tiny.world(), "sts/nope")


def test_names_of_a_profile() -> None:
    """A profile's name, and its own template; what it finds several times is not guessed at."""
    snapshot = clusterproof.load_world("demo")
    found = clusterproof.place(snapshot, "validator", profile="dynamo")
    assert (found.installed, found.workload) == (False, "job/aicr-validation/aicr-ai-service-metrics")
    assert found.how.startswith("validator: ")
    etcd = clusterproof.place(snapshot, "etcd", profile="dynamo")
    assert etcd.workload == "sts/dynamo/dynamo-platform-etcd"
    with pytest.raises(NotFoundError, match="names of profile dynamo: etcd, "):
        clusterproof.place(snapshot, "etcdd", profile="dynamo")
    with pytest.raises(NotFoundError, match="needs --profile NAME"):
        clusterproof.place(snapshot, "validator")


def test_same_input_same_placement() -> None:
    """The order of nodes and pods in the input changes nothing."""
    tiny = two().deployment("app/web", cpu("3")).pod("app/x", "a-0", spec=cpu("6")).pod("app/y", "b-0", spec=cpu("1"))
    whole = of(tiny)
    for kind in ("nodes", "pods"):
        for order in itertools.permutations(tiny.objects[kind]):
            tiny.objects[kind] = list(order)
            assert of(tiny) == whole
