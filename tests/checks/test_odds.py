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
    """One server on back-0, three empty nodes tie: one of them (back-1) is refused; the server's own node is fuller."""
    tiny = placed("back-0")
    for raw in tiny.objects["pods"]:
        raw["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "4", "memory": "16Gi"}}
    found = odds(tiny)
    assert found.fails_first == pytest.approx(float(Fraction(1, 3)))
    assert {row.group: row.first for row in found.rows} == pytest.approx({"back": 1 / 3, "front": 2 / 3})
    assert {row.group: row.fails_first for row in found.rows} == pytest.approx({"back": 1.0, "front": 0.0})


def test_several_servers_share_the_connections() -> None:
    """Servers on back-0 and front-0: a client lands on one of the other two nodes, and picks one of the two servers.

    From back-1 both refuse it; from front-1 the one on the back group admits it.
    """
    found = odds(placed("back-0", "front-0"))
    expected = Fraction(1, 2) * 1 + Fraction(1, 2) * Fraction(1, 2)
    assert found.fails_first == pytest.approx(float(expected))


def test_odds_move_with_the_server() -> None:
    """The same cluster with the server on a front node: other nodes are refused."""
    assert odds(placed("back-0", nodes=3)).fails_first == pytest.approx(2 / 5)
    assert odds(placed("front-0", nodes=3)).fails_first == pytest.approx(1.0)


def test_no_odds_without_a_running_server() -> None:
    """Where the server is nobody knows, there are no numbers."""
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
    """Cordons and load change the odds, never the verdict."""
    tiny = placed("back-0")
    for raw in tiny.objects["nodes"][2:]:
        raw["spec"]["unschedulable"] = True
    found = ask(tiny, reach())
    assert found.verdict is Verdict.DEPENDS
    assert found.odds is not None
    assert found.odds.fails_first == 0.0


def test_no_odds_without_a_version() -> None:
    """Scores differ by version: without one there is no number."""
    assert odds(placed("back-0").drop(kinds.CLUSTERS)).unknown is not None
