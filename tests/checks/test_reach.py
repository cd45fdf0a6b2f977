from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.context import Settings
from clusterproof.profiles.model import Evidence, NodeSet, Subject
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, reach, two_groups
from tests.world.build import ROOMY, Tiny, on

FRONT, BACK = "tcp 80 sg-front", "tcp 80 sg-back"
HOSTS = Subject(hosts="all")


def near(kind: str, app: str, key: str = "kubernetes.io/hostname", **more: Any) -> dict[str, Any]:
    """A required pod affinity (or anti-affinity) term to pods labelled ``app``."""
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}, **more}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


# --- the algebra, through the engine ---------------------------------------------------------


def test_pass_when_every_place_works() -> None:
    """Both groups admitted: the client may be anywhere."""
    found = ask(two_groups(FRONT, BACK, nodes=2), reach())
    assert (found.verdict, found.summary) == (Verdict.PASS, "back and front reach deploy/app/server:80")
    assert found.tally is not None
    assert (found.tally.works, found.tally.blocked) == (2, 0)


def test_depends_when_the_scheduler_decides() -> None:
    """One group admitted, one not: it depends on where the client lands, and both are shown."""
    found = ask(two_groups(FRONT, nodes=2), reach())
    assert found.verdict is Verdict.DEPENDS
    assert found.cause == "the scheduler's choice of the client's node"
    assert found.matrix is not None
    assert [(c.client, c.server, c.outcome) for c in found.matrix.cells] == [
        ("back", "back", Outcome.BLOCKED),
        ("front", "back", Outcome.WORKS),
    ]


def test_fail_when_no_place_works() -> None:
    """Nothing admitted."""
    found = ask(two_groups(nodes=2), reach())
    assert (found.verdict, found.summary) == (Verdict.FAIL, "back and front cannot reach deploy/app/server:80")
    assert found.evidence[0].kind == "security-groups"


def test_depends_when_the_server_may_move() -> None:
    """The server on its other group would not admit the client."""
    found = ask(two_groups(FRONT, BACK, client="front", server="", nodes=2), reach())
    assert found.verdict is Verdict.DEPENDS
    assert "where the scheduler puts the server" in found.cause


def test_a_group_at_zero_counts() -> None:
    """What a group would make tomorrow is judged today (rules 1.9, 4.4)."""
    tiny = two_groups(FRONT, BACK, nodes=2).managed("zero", ["sg-zero"], nodes=0).sg("sg-zero")
    found = ask(tiny.put(kinds.INSTANCE_TYPES, {"InstanceType": "m5.xlarge"}), reach())
    assert (found.verdict, found.summary) == (
        Verdict.DEPENDS,
        "deploy/app/server:80: works from back and front, blocked from zero (no nodes yet)",
    )


def test_no_place_is_a_failure_in_the_schedulers_words() -> None:
    """A client that no node takes fails with the scheduler's reason."""
    found = ask(two_groups(FRONT, client="nowhere"), reach())
    assert found.verdict is Verdict.FAIL
    assert (
        "cannot be scheduled 0/2 nodes are available: 2 node(s) didn't match Pod's node affinity/selector"
        in found.summary
    )


# --- co-location -----------------------------------------------------------------------------


def test_a_shared_node_does_not_turn_fail_into_depends() -> None:
    """On one node it would work by luck; that is shown apart and does not count (rule 5.6)."""
    found = ask(two_groups(client="back", nodes=2), reach())
    assert found.verdict is Verdict.FAIL
    assert found.matrix is not None
    assert (found.matrix.cells[0].outcome, found.matrix.cells[0].colocated) == (Outcome.BLOCKED, Outcome.WORKS)


def test_required_affinity_forces_one_node() -> None:
    """Where the client must be on the server's node, that is all there is, and it says so (rule 5.6)."""
    tiny = (
        two_groups(nodes=2)
        .remove(kinds.DEPLOYMENTS, "app/client")
        .deployment("app/client", near("podAffinity", "server"))
    )
    found = ask(tiny, reach())
    assert found.verdict is Verdict.PASS
    assert "co-located" in found.summary


def test_affinity_that_another_workload_satisfies_forces_nothing() -> None:
    """If other pods carry the label as well, the two need not meet."""
    tiny = (
        two_groups(nodes=2)
        .remove(kinds.DEPLOYMENTS, "app/client")
        .deployment("app/client", near("podAffinity", "server"))
    )
    assert ask(tiny.deployment("app/double", labels={"app": "server"}), reach()).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "more",
    [
        {"namespaces": ["app", "other"], "namespaceSelector": {"matchLabels": {"no": "such"}}},
        {"namespaceSelector": {}},
        {"namespaces": ["app", "unread"]},
    ],
)
def test_namespaces_of_a_term_add_up(more: dict[str, Any]) -> None:
    """A double in any namespace that the term reaches, by name or by selector, satisfies it: nothing is forced."""
    tiny = two_groups(nodes=2).remove(kinds.DEPLOYMENTS, "app/client")
    tiny.deployment("app/client", near("podAffinity", "server", **more)).namespace("other")
    assert ask(tiny, reach()).verdict is Verdict.PASS
    for place in ("other", "unread"):
        tiny.deployment(f"{place}/double", labels={"app": "server"})
    assert ask(tiny, reach()).verdict is Verdict.FAIL


def test_match_label_keys_force_nothing_for_certain() -> None:
    """A term narrowed by the incoming pod's own values is not certain to mean the server."""
    spec = near("podAffinity", "server", matchLabelKeys=["pod-template-hash"])
    tiny = two_groups(nodes=2).remove(kinds.DEPLOYMENTS, "app/client").deployment("app/client", spec)
    assert ask(tiny, reach()).verdict is Verdict.FAIL


def test_anti_affinity_keeps_apart() -> None:
    """With a required anti-affinity there is no shared node to show."""
    tiny = two_groups(nodes=2).remove(kinds.DEPLOYMENTS, "app/client")
    found = ask(tiny.deployment("app/client", near("podAntiAffinity", "server") | on("back")), reach())
    assert found.matrix is not None
    assert found.matrix.cells[0].colocated is None


def test_feasible_together_by_zone() -> None:
    """An affinity by zone leaves only pairs in one zone."""
    spec = near("podAffinity", "server", "topology.kubernetes.io/zone")
    tiny = two_groups(BACK, nodes=2).remove(kinds.DEPLOYMENTS, "app/client").deployment("app/client", spec)
    found = ask(tiny, reach())
    assert (found.verdict, found.summary) == (
        Verdict.PASS,
        "back reach deploy/app/server:80".replace("reach", "reaches"),
    )


def test_racks_in_one_group_are_different_places() -> None:
    """A topology key of the cluster's own splits a group's nodes, so that pairs across racks are not lost."""
    tiny = Tiny().sg("sg-a").managed("a", ["sg-a"], nodes=3)
    for number, raw in enumerate(tiny.objects["nodes"]):
        raw["metadata"]["labels"]["rack"] = f"r{number % 2}"
    tiny.deployment("app/client", near("podAntiAffinity", "server", "rack")).deployment("app/server")
    assert ask(tiny, reach()).matrix is not None


def test_one_node_that_cannot_grow() -> None:
    """A single plain node: both can only be there."""
    tiny = Tiny().sg("sg-node")
    tiny.node("alone")
    found = ask(tiny.deployment("app/client").deployment("app/server"), reach())
    assert found.verdict is Verdict.PASS
    assert "co-located" in found.summary


# --- quantifiers -----------------------------------------------------------------------------


def test_a_daemon_set_fails_where_one_place_does() -> None:
    """A DaemonSet is on all its nodes at once: no choice is free."""
    tiny = two_groups(FRONT, nodes=2).controller("DaemonSet", "app/agent")
    assert ask(tiny, reach("ds/app/agent")).verdict is Verdict.FAIL
    assert ask(tiny, reach()).verdict is Verdict.DEPENDS


def test_hosts_fail_where_one_group_does() -> None:
    """The hosts of a set are all meant."""
    tiny = two_groups(FRONT, nodes=2)
    assert ask(tiny, reach(HOSTS)).verdict is Verdict.FAIL
    assert ask(two_groups(FRONT, BACK, nodes=2), reach(HOSTS)).verdict is Verdict.PASS


def test_a_daemon_set_beside_unread_places_still_fails() -> None:
    """Blocked somewhere for certain, and more places unread: every outcome contains the blocked one."""
    tiny = two_groups(FRONT, nodes=2).controller("DaemonSet", "app/agent").put(kinds.NODEGROUP_NAMES, {"name": "late"})
    assert ask(tiny, reach("ds/app/agent", HOSTS)).verdict is Verdict.FAIL
    assert ask(tiny, reach()).verdict is Verdict.DEPENDS


def test_every_party_must_hold() -> None:
    """Several servers that exist at once: one that always fails makes the whole fail."""
    tiny = two_groups(FRONT, BACK, nodes=2).deployment("app/other", on("front"))
    first, second = reach(), reach(server="deploy/app/other")
    assert (ask(tiny, first).verdict, ask(tiny, second).verdict) == (Verdict.PASS, Verdict.FAIL)


def test_a_port_range_depends_on_the_port() -> None:
    """A stretch of a range that is stopped makes the verdict depend on the port that comes up."""
    found = ask(two_groups("tcp 1024-5000 sg-front", client="front", nodes=2), reach(port="1024-65535/TCP"))
    assert found.verdict is Verdict.DEPENDS
    whole = ask(two_groups("tcp 0-65535 sg-front", client="front", nodes=2), reach(port="1024-65535/TCP"))
    assert whole.verdict is Verdict.PASS


# --- Services --------------------------------------------------------------------------------


def by_name(tiny: Tiny, selector: dict[str, str], **more: Any) -> Tiny:
    """With CoreDNS that everybody reaches, and a Service ``app/server`` on port 80."""
    for raw in tiny.objects["security-groups"]:
        raw["IpPermissions"].append(
            {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "IpRanges": [{"CidrIp": "10.0.0.0/16"}]}
        )
    return tiny.dns().service("app/server", 80, selector, **more)


def test_several_workloads_behind_one_service() -> None:
    """The Service picks among all endpoints, also those of a workload that the requirement does not name (rule 6.3)."""
    tiny = two_groups(FRONT, client="front", nodes=2).deployment("app/twin", on("front"), labels={"tier": "x"})
    tiny.remove(kinds.DEPLOYMENTS, "app/server").deployment("app/server", on("back"), labels={"tier": "x"})
    assert ask(by_name(tiny, {"tier": "x"}), reach(by="name")).verdict is Verdict.DEPENDS
    assert ask(tiny, reach(by="address")).verdict is Verdict.PASS


def test_target_port_is_what_the_groups_see() -> None:
    """The Service's own port is not what security groups judge (rule 6.1)."""
    tiny = by_name(
        two_groups("tcp 8080 sg-front", client="front", nodes=2), {"app": "server"}, port_more={"targetPort": 8080}
    )
    assert ask(tiny, reach(by="name")).verdict is Verdict.PASS
    assert ask(tiny, reach(by="address")).verdict is Verdict.FAIL


def test_a_name_without_a_port_behind_it_fails() -> None:
    """A named target port that no container has leads nowhere (rule 6.2)."""
    tiny = by_name(two_groups(FRONT, nodes=2), {"app": "server"}, port_more={"targetPort": "http"})
    found = ask(tiny, reach(by="name"))
    assert found.verdict is Verdict.FAIL
    assert found.matrix is not None
    assert found.matrix.cells[0].hop is not None
    assert "no container" in found.matrix.cells[0].hop.text


def test_internal_traffic_policy_local() -> None:
    """Under Local a node without an endpoint drops the connection; a DaemonSet has one on its own node (rule 6.4)."""
    local = by_name(two_groups(FRONT, BACK, nodes=2), {"app": "server"}, internalTrafficPolicy="Local")
    assert ask(local, reach(by="name")).verdict is Verdict.FAIL
    tiny = two_groups(nodes=2).remove(kinds.DEPLOYMENTS, "app/server").controller("DaemonSet", "app/server")
    everywhere = by_name(tiny, {"app": "server"}, internalTrafficPolicy="Local")
    assert ask(everywhere, reach(server="ds/app/server", by="name")).verdict is Verdict.PASS


def test_headless_service_leads_to_the_pods_port() -> None:
    """Nothing translates the port of a headless name (rule 6.7)."""
    tiny = by_name(
        two_groups(FRONT, client="front", nodes=2), {"app": "server"}, clusterIP="None", port_more={"targetPort": 9999}
    )
    assert ask(tiny, reach(by="name")).verdict is Verdict.PASS


def test_services_not_read() -> None:
    """Where Services were not read the pods' own port is judged and the answer stays unknown."""
    found = ask(two_groups(FRONT, BACK, nodes=2).drop(kinds.SERVICES), reach(by="name"))
    assert found.verdict is Verdict.UNKNOWN
    assert any(kinds.SERVICES.command in unknown.remedy for unknown in found.unknowns)


# --- unknown is never pass ---------------------------------------------------------------------


def test_a_template_that_was_not_read() -> None:
    """A group of which only the name is known may hold the client; the verdict is unknown and names the command."""
    found = ask(two_groups(FRONT, BACK, nodes=2).put(kinds.NODEGROUP_NAMES, {"name": "late"}), reach())
    assert found.verdict is Verdict.UNKNOWN
    assert any("--nodegroup-name late" in unknown.remedy for unknown in found.unknowns)


def test_nodes_that_refuse_say_nothing_of_an_unread_template() -> None:
    """The running nodes of an undescribed group refuse the client by a taint; its next nodes may not."""
    tiny = two_groups(FRONT, BACK, nodes=2).managed("odd", ["sg-odd"], taints=["a=b:NoSchedule"], described=False)
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN


GPU = NodeSet("gpu", (Evidence(allocatable="nvidia.com/gpu"),))


def gpu_groups() -> Tiny:
    """GPU nodes in front and in a group at zero whose type was not described."""
    offered = {**ROOMY, "nvidia.com/gpu": "8"}
    tiny = Tiny().sg("sg-front").sg("sg-back", FRONT).managed("front", ["sg-front"], nodes=2, allocatable=offered)
    tiny.managed("back", ["sg-back"], nodes=2).managed("zero", ["sg-zero"], nodes=0, types=["p5.48xlarge"])
    return tiny.deployment("app/client").deployment("app/server", on("back"))


def test_a_group_that_may_belong_to_the_set() -> None:
    """Whether the group at zero has GPUs is unknown, so the set is, unless the user names its groups."""
    asked = reach(Subject(workload="deploy/app/client", on="gpu"))
    found = ask(gpu_groups(), asked, node_sets={"gpu": GPU})
    assert found.verdict is Verdict.UNKNOWN
    assert any("p5.48xlarge" in unknown.remedy for unknown in found.unknowns)
    chosen = ask(gpu_groups(), asked, node_sets={"gpu": GPU}, settings=Settings(node_sets={"gpu": ("front",)}))
    assert chosen.verdict is Verdict.PASS


def test_a_place_in_doubt_never_blocks_and_never_carries() -> None:
    """A refusal from a place that may not be feasible is unknown; what certainly works elsewhere does not hide it."""
    tiny = two_groups(FRONT, BACK, nodes=2).managed("zero", ["sg-zero"], nodes=0, types=["x9.large"]).sg("sg-zero")
    spec = {"containers": [{"name": "c", "resources": {"requests": {"cpu": "1"}}}]}
    tiny.remove(kinds.DEPLOYMENTS, "app/client").deployment("app/client", spec)
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN
    tiny.objects["security-groups"][1]["IpPermissions"][0]["UserIdGroupPairs"] += [{"GroupId": "sg-zero"}]
    assert ask(tiny, reach()).verdict is Verdict.PASS


@pytest.mark.parametrize(
    "kind", [kinds.NODES, kinds.INSTANCES, kinds.SECURITY_GROUPS, kinds.SUBNETS, kinds.DAEMON_SETS]
)
def test_denied_names_the_permission(kind: kinds.Kind[Any]) -> None:
    """A kind that was refused makes the verdict unknown and its permission is named."""
    denied = Unknown(Cause.DENIED, f"{kind.name}: access denied", f"needs the permission {kind.permission}")
    tiny = two_groups(FRONT, BACK, nodes=2).partly(kind, denied)
    if kind is not kinds.NODES:
        tiny.objects[kind.name].clear()
    found = ask(tiny, reach())
    assert found.verdict is Verdict.UNKNOWN
    assert any(kind.permission in str(unknown) for unknown in found.unknowns)


def test_absent_workload() -> None:
    """A set that was not found is unknown, or not applicable where the requirement says so."""
    empty = NodeSet("gpu", (Evidence(allocatable="nvidia.com/gpu"),))
    asked = Subject(workload="deploy/app/client", on="gpu")
    tiny = two_groups(FRONT, nodes=2)
    assert ask(tiny, reach(asked), node_sets={"gpu": empty}).verdict is Verdict.UNKNOWN
    given = ask(tiny, reach(asked, absent="not-applicable"), node_sets={"gpu": empty})
    assert given.verdict is Verdict.NOT_APPLICABLE
    unread = tiny.partly(kinds.NODES, Unknown(Cause.DENIED, "denied", "needs list nodes"))
    assert ask(unread, reach(asked, absent="not-applicable"), node_sets={"gpu": empty}).verdict is Verdict.UNKNOWN
