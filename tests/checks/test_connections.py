from __future__ import annotations

from typing import Any

from clusterproof.checks.connections import Connection, connections, newly_open
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.overlay import AddPermission, Overlay, apply
from clusterproof.world.world import World
from tests.checks.ask import two_groups
from tests.world.build import Tiny, rule

FRONT, BACK = "tcp 80 sg-front", "tcp 80 sg-back"


def rows(tiny: Tiny) -> dict[tuple[str, str], Connection]:
    """Rows of the Service app/server by client and client group."""
    found = connections(tiny.world())
    return {(row.client, row.client_group): row for row in found if row.service == "app/server"}


def served(*rules: str, nodes: int = 1) -> Tiny:
    """Client anywhere, server on back, with a Service."""
    return two_groups(*rules, nodes=nodes).service("app/server", 80, {"app": "server"})


def test_rows() -> None:
    """A row per client and group, with what refuses."""
    found = rows(served(FRONT, nodes=2))
    assert found["deploy/app/client", "front"].outcome is Outcome.WORKS
    blocked = found["deploy/app/client", "back"]
    assert blocked.outcome is Outcome.BLOCKED
    assert blocked.hop is not None
    assert blocked.hop.at.startswith("sg-back")
    assert (blocked.port, blocked.server, blocked.server_group) == ("80/TCP", "deploy/app/server", "back")


def test_clients_alike_have_rows_of_their_own() -> None:
    """Clients that nothing tells apart are asked about once and all shown."""
    found = rows(served(FRONT, nodes=2).deployment("app/other"))
    assert found["deploy/app/other", "front"].outcome is Outcome.WORKS
    assert ("deploy/app/other", "back") in found


def test_policies_tell_clients_apart() -> None:
    """Where NetworkPolicies are enforced, labels that they select by make classes."""
    peers = [{"podSelector": {"matchLabels": {"app": "client"}}}]
    policy: dict[str, Any] = {
        "metadata": {"namespace": "app", "name": "p"},
        "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "ingress": [{"from": peers}]},
    }
    tiny = served(FRONT, BACK, nodes=2).cni(agent_args=["--enable-network-policy=true"]).deployment("app/other")
    tiny.objects["networkpolicies"].append(policy)
    found = rows(tiny)
    assert found["deploy/app/client", "front"].outcome is Outcome.WORKS
    assert found["deploy/app/other", "front"].outcome is Outcome.BLOCKED


def test_a_servers_own_affinity_tells_clients_apart() -> None:
    """A server that must not share a zone with one client leaves that client fewer places than its like."""
    term = {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": {"app": "client"}}}
    affinity = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    tiny = served(FRONT, BACK, nodes=2).deployment("app/other")
    server = next(raw for raw in tiny.objects["deployments"] if raw["metadata"]["name"] == "server")
    server["spec"]["template"]["spec"]["affinity"] = affinity
    found = rows(tiny)
    assert ("deploy/app/other", "back") in found
    assert ("deploy/app/client", "back") not in found


def test_newly_open() -> None:
    """What a change lets through and the old world did not."""
    snapshot = served(FRONT, nodes=2).snapshot()
    before = connections(World(snapshot))
    after = connections(
        World(apply(snapshot, Overlay((AddPermission("sg-back", egress=False, permission=rule(BACK)),))))
    )
    opened = newly_open(before, after)
    assert {(row.client_group, row.service) for row in opened} == {("back", "app/server")}
    assert newly_open(after, after) == ()
    assert newly_open(after, before) == ()


def test_order_is_stable() -> None:
    """Rows are sorted by client, Service and port."""
    found = connections(served(FRONT, nodes=2).deployment("app/a").world())
    keys = [(row.client, row.client_group, row.server, row.server_group, row.service, row.port) for row in found]
    assert keys == sorted(keys)
