from __future__ import annotations

from fractions import Fraction

import pytest

from clusterproof.checks.finding import Odds
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import ask, reach, two_groups
from tests.world.build import Tiny

FRONT = "tcp 80 sg-front"


def odds(tiny: Tiny) -> Odds:
    """The odds of the requirement."""
    found = ask(tiny, reach())
    assert found.odds is not None
    return found.odds


def placed(*servers: str, nodes: int = 2) -> Tiny:
    """Client anywhere; servers run on these nodes; only the front group is admitted."""
    tiny = two_groups(FRONT, server="", nodes=nodes)
    tiny.objects["clusters"][0]["version"] = "1.31"
    for number, node in enumerate(servers):
        tiny.pod(
            f"app/server-{number}",
            node,
            owner="ReplicaSet/server-1",
            labels={"pod-template-hash": "1", "app": "server"},
        )
    return tiny


def test_exact_odds_of_a_tie() -> None:
    """One server on back-0, three empty nodes tie: one of them (back-1) is refused; the server's own node is fuller.

    (rule 9.4)
    """
    tiny = placed("back-0")
    for raw in tiny.objects["pods"]:
        raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "4", "memory": "16Gi"}}
    found = odds(tiny)
    assert found.fails_first == pytest.approx(float(Fraction(1, 3)))
    assert {row.group: row.first for row in found.rows} == pytest.approx({"back": 1 / 3, "front": 2 / 3})
    assert {row.group: row.fails_first for row in found.rows} == pytest.approx({"back": 1.0, "front": 0.0})


def test_several_servers_share_the_connections() -> None:
    """Servers on back-0 and front-0: a client lands on one of the other two nodes, and picks one of the two servers.

    From back-1 both refuse it; from front-1 the one on the back group admits it (rule 9.4).
    """
    found = odds(placed("back-0", "front-0"))
    expected = Fraction(1, 2) * 1 + Fraction(1, 2) * Fraction(1, 2)
    assert found.fails_first == pytest.approx(float(expected))


@pytest.mark.parametrize(("most", "fails"), [(2, 1 / 3), (1, 1 / 2)])
def test_what_a_node_can_still_attach_counts(most: int, fails: float) -> None:
    """Three nodes tie; where front-1 can attach no further volume, two are left, back-1 among them (rule 9.1)."""
    tiny = placed("back-0")
    for raw in tiny.objects["pods"]:
        raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "4", "memory": "16Gi"}}
    for number, name in enumerate(("mine", "other")):
        claim = {"volumeName": f"pv-{name}", "accessModes": ["ReadWriteOnce"]}
        bound = {"pv.kubernetes.io/bind-completed": "yes"}
        metadata = {"namespace": "app", "name": name, "annotations": bound}
        tiny.put(kinds.CLAIMS, {"metadata": metadata, "spec": claim, "status": {"phase": "Bound"}})
        csi = {"driver": "ebs.csi.aws.com", "volumeHandle": f"vol-{number}"}
        tiny.put(kinds.VOLUMES, {"metadata": {"name": f"pv-{name}"}, "spec": {"csi": csi}})
    driver = {"name": "ebs.csi.aws.com", "nodeID": "i-1", "allocatable": {"count": most}}
    tiny.put(kinds.CSI_NODES, {"metadata": {"name": "front-1"}, "spec": {"drivers": [driver]}})
    other = {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "other"}}]}
    tiny.pod("app/holder", "front-1", spec=other)
    tiny.pod("app/same", "front-0").pod("app/same-too", "back-1")
    client = next(raw for raw in tiny.objects["deployments"] if raw["metadata"]["name"] == "client")
    mine = [{"name": "v", "persistentVolumeClaim": {"claimName": "mine"}}]
    client["spec"]["template"]["spec"]["volumes"] = mine
    found = odds(tiny)
    assert found.fails_first == pytest.approx(fails), found
    assert "attach" not in found.basis


def test_odds_move_with_the_server() -> None:
    """The same cluster with the server on a front node: other nodes are refused (rule 9.4)."""
    assert odds(placed("back-0", nodes=3)).fails_first == pytest.approx(2 / 5)
    assert odds(placed("front-0", nodes=3)).fails_first == pytest.approx(1.0)


def test_no_odds_without_a_running_server() -> None:
    """Where the server is nobody knows, there are no numbers (rule 9.4)."""
    found = odds(placed())
    assert found.unknown is not None
    assert found.fails_first is None
    assert "no running pod" in found.unknown.detail


def test_a_server_stays_where_it_is() -> None:
    """A taint that came later does not move the server: of the three nodes left for the client back-1 is refused."""
    tiny = placed("back-0")
    tiny.objects["nodes"][2]["spec"]["taints"] = [{"key": "late", "effect": "NoSchedule"}]
    assert odds(tiny).fails_first == pytest.approx(1 / 3)


def test_no_odds_of_a_pass() -> None:
    """Odds stand only where something may fail."""
    assert ask(two_groups(FRONT, "tcp 80 sg-back", nodes=2), reach()).odds is None


def test_the_verdict_does_not_follow_the_odds() -> None:
    """Cordons and load change the odds, never the verdict (rule 9.7)."""
    tiny = placed("back-0")
    for raw in tiny.objects["nodes"][2:]:
        raw["spec"]["unschedulable"] = True
    found = ask(tiny, reach())
    assert found.verdict is Verdict.DEPENDS
    assert found.odds is not None
    assert found.odds.fails_first == 0.0


def test_no_odds_without_a_version() -> None:
    """Scores differ by version: without one there is no number (rule 9.2)."""
    assert odds(placed("back-0").drop(kinds.CLUSTERS)).unknown is not None


def test_ten_runs_of_a_client_of_which_no_image_is_known() -> None:
    """Without a size nothing is said of later runs; the first run's odds stand (rule 9.3)."""
    found = odds(placed("back-0"))
    assert found.fails_first is not None
    assert (found.series, found.image, found.fails_cached) == (None, "", None)


def sized(mib: int, nodes: int = 6) -> Tiny:
    """A client whose image of that size one node, which cannot take the client, has already."""
    tiny = placed("back-0", nodes=nodes)
    for raw in tiny.objects["nodes"]:
        name = raw["metadata"]["name"]
        if name == "back-0":
            raw["status"]["images"] = [{"names": ["client:1"], "sizeBytes": mib * 2**20}]
            raw["spec"]["taints"] = [{"key": "full", "effect": "NoSchedule"}]
    for raw in tiny.objects["deployments"]:
        if raw["metadata"]["name"] == "client":
            raw["spec"]["template"]["spec"]["containers"][0]["image"] = "client:1"
    return tiny


@pytest.mark.parametrize(("mib", "after", "later"), [(100, "sometimes", 5 / 11), (300, "never", 0.0)])
def test_ten_runs_repeat_or_are_drawn_again(mib: int, after: str, later: float) -> None:
    """Eleven free nodes, five of which are refused; two of twelve with 300 MiB make a point, with 100 none (rule 9.3)."""
    found = odds(sized(mib))
    assert found.series is not None
    assert (found.series.count, len(found.series.fails)) == (10, 10)
    assert found.series.expected == pytest.approx(50 / 11)
    assert found.series.after_success == after
    assert found.series.next_after_success == pytest.approx(later)
    assert found.image.startswith("some nodes have images of the pod already")


def test_copies_of_a_client_are_placed_anew() -> None:
    """Two copies go to two zones, as the system's spread wants it, and of one zone only a refused node is free (rule 9.6).

    back-1 is refused; back-0, in the same zone, is fuller, and front-0 and front-1 are in the other.
    """
    tiny = placed("back-0")
    for raw in tiny.objects["pods"]:
        raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "4", "memory": "16Gi"}}
    for raw in tiny.objects["deployments"]:
        raw["spec"]["replicas"] = 2
    found = odds(tiny)
    assert found.copies is not None
    assert (found.copies.count, found.copies.unknown) == (2, None)
    assert found.fails_first == pytest.approx(1 / 3)
    assert (found.copies.any_fails, found.copies.expected) == (1.0, 1.0)
    assert odds(placed("back-0")).copies is None


def test_a_large_cluster_has_bounds_in_place_of_odds() -> None:
    """102 nodes of which 100 are looked at; the server's own node, fuller, is no candidate (rule 9.5)."""
    tiny = placed("back-0", nodes=52)
    for raw in tiny.objects["pods"]:
        raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "4", "memory": "16Gi"}}
    found = odds(tiny)
    assert found.unknown is not None
    assert "stops at 100 of 104 feasible nodes" in found.unknown.detail
    assert found.fails_first is None
    assert found.bounds is not None
    assert (found.bounds.scanned, found.bounds.feasible) == (100, 104)
    # 51 of 103 best nodes are refused, and at least 99 of those are found.
    assert found.bounds.least == pytest.approx(47 / 99)
    assert found.bounds.most == pytest.approx(51 / 99)
    assert found.bounds.if_even == pytest.approx(51 / 103)


def test_a_very_large_cluster_has_neither_odds_nor_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """From so many nodes on nobody is scored where more are possible than are looked at (rule 9.5)."""
    monkeypatch.setattr("clusterproof.checks.odds.MANY_NODES", 104)
    found = odds(placed("back-0", nodes=52))
    assert found.unknown is not None
    assert "stops at 100 of 104 feasible nodes" in found.unknown.detail
    assert (found.fails_first, found.bounds) == (None, None)
    monkeypatch.setattr("clusterproof.checks.odds.MANY_NODES", 105)
    assert odds(placed("back-0", nodes=52)).bounds is not None


@pytest.mark.parametrize("many", [0, 1000])
def test_few_possible_nodes_in_a_large_cluster_have_exact_odds(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pods count wherever there are odds, however many nodes there are: the fuller node is not taken (rule 9.5)."""
    monkeypatch.setattr("clusterproof.checks.odds.MANY_NODES", many)
    tiny = placed("back-0", nodes=60)
    for raw in tiny.objects["pods"]:
        raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "4", "memory": "16Gi"}}
    for raw in tiny.objects["nodes"]:
        raw["spec"]["unschedulable"] = raw["metadata"]["name"] not in ("back-0", "back-1", "front-0")
    found = odds(tiny)
    assert found.unknown is None
    assert found.fails_first == pytest.approx(1 / 2)
    assert found.bounds is None


def test_no_odds_without_the_pods() -> None:
    """Where pods were not read nobody knows how full the nodes are (rule 9.4)."""
    tiny = placed("back-0").drop(kinds.PODS)
    found = ask(tiny, reach()).odds
    assert found is None or found.unknown is not None
