from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.cells import Asker, Question
from clusterproof.checks.connections import Connection, connections
from clusterproof.checks.context import Context
from clusterproof.checks.endpoints import behind, party_of
from clusterproof.checks.matrix import cells_of
from clusterproof.profiles.model import Document, Profile
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.checks.ask import CLIENT, ask, reach, two_groups
from tests.world.build import Tiny

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


def test_order_is_stable() -> None:
    """Rows are sorted by client, Service and port."""
    found = connections(served(FRONT, nodes=2).deployment("app/a").world())
    keys = [(row.client, row.client_group, row.server, row.server_group, row.service, row.port) for row in found]
    assert keys == sorted(keys)


# --- the cells of check ---------------------------------------------------------------------------


def everywhere(**spec: Any) -> Tiny:
    """A DaemonSet behind a Service; groups let nothing through."""
    tiny = two_groups(nodes=2).remove(kinds.DEPLOYMENTS, "app/server").controller("DaemonSet", "app/server")
    return tiny.service("app/server", 80, {"app": "server"}, **spec)


def test_local_traffic_to_a_daemon_set_works() -> None:
    """Was blocked in every row though each node answers its own clients: the rows now are the cells of check (rule 6.4)."""
    tiny = everywhere(internalTrafficPolicy="Local")
    found = rows(tiny)
    assert {row.outcome for key, row in found.items() if key[0] == CLIENT} == {Outcome.WORKS}
    assert {row.outcome for key, row in rows(everywhere()).items() if key[0] == CLIENT} == {Outcome.BLOCKED}


def test_windows_nodes_are_unknown_here_too() -> None:
    """Said that Windows nodes work, where check says unknown."""
    tiny = Tiny().sg("sg-a", "all sg-a").managed("a", ["sg-a"], nodes=2, labels={"kubernetes.io/os": "windows"})
    tiny.deployment("app/client").deployment("app/server").service("app/server", 80, {"app": "server"})
    (row,) = (row for key, row in rows(tiny).items() if key[0] == CLIENT)
    assert row.outcome is Outcome.UNKNOWN
    assert row.hop is not None
    assert row.hop.at == "a Windows node"


def test_a_group_that_was_not_read_has_rows() -> None:
    """A client that only an undescribed node group could hold had no row at all; it is unknown and says why."""
    tiny = served(FRONT, BACK, nodes=2).deployment("app/odd", {"nodeSelector": {"x": "no"}})
    assert not [key for key in rows(tiny) if key[0] == "deploy/app/odd"]
    tiny.put(kinds.NODEGROUP_NAMES, {"name": "late"})
    found = [row for row in connections(tiny.world()) if row.client == "deploy/app/odd" and row.service == "app/server"]
    assert {(row.client_group, row.server_group, row.outcome, row.count) for row in found} == {
        ("late", "back", Outcome.UNKNOWN, 0),
        ("late", "late", Outcome.UNKNOWN, 0),
    }
    assert all(row.hop is not None and row.hop.unknown is not None for row in found)
    # What was read stays as it was.
    assert rows(tiny)[CLIENT, "front"].outcome is not Outcome.WORKS


def test_next_nodes_that_were_not_read_are_no_proof() -> None:
    """A group whose template was not read works with its nodes of today only: the row is unknown, as check is."""
    tiny = Tiny().sg("sg-a", "all sg-a").managed("a", ["sg-a"], nodes=2, described=False)
    tiny.deployment("app/client").deployment("app/server").service("app/server", 80, {"app": "server"})
    assert ask(tiny, reach()).verdict is Verdict.UNKNOWN
    assert rows(tiny)[CLIENT, "a"].outcome is Outcome.UNKNOWN


def test_the_only_node_has_rows() -> None:
    """Where all there is is one node, the pairs on it were left out; they are all that can happen, as check says (rule 5.6)."""
    tiny = Tiny().sg("sg-a")
    tiny.node("n", ["sg-a"])
    tiny.deployment("app/client").deployment("app/server").service("app/server", 80, {"app": "server"})
    assert ask(tiny, reach()).verdict is Verdict.PASS
    (row,) = (row for key, row in rows(tiny).items() if key[0] == CLIENT)
    assert row.outcome is Outcome.WORKS


def test_alike_clients_that_are_servers_are_asked_for_themselves() -> None:
    """A class of clients is judged by its first; a pod that dials itself by a Service is not surely refused (rule 7.7)."""
    tiny = everywhere(internalTrafficPolicy="Local").controller("DaemonSet", "app/other")
    tiny.cni(agent_args=["--enable-network-policy=true"])
    spec = {"podSelector": {}, "policyTypes": ["Ingress"]}
    tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": "app", "name": "deny"}, "spec": spec})
    found = {(row.client, row.outcome) for row in connections(tiny.world()) if row.service == "app/server"}
    assert ("ds/app/server", Outcome.UNKNOWN) in found
    assert ("ds/app/other", Outcome.BLOCKED) in found


def worlds() -> dict[str, Tiny]:
    """Worlds in which rows and cells could part."""
    policy = {
        "metadata": {"namespace": "app", "name": "p"},
        "spec": {"podSelector": {"matchLabels": {"app": "server"}}, "ingress": [{"from": [{"podSelector": {}}]}]},
    }
    enforced = served(FRONT, nodes=2).cni(agent_args=["--enable-network-policy=true"])
    near = {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "server"}}}
    forced = {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [near]}}}
    named = {"port_more": {"targetPort": "no"}}
    return {
        "plain": served(FRONT, nodes=2),
        "one node a group": served(BACK, nodes=1),
        "local": everywhere(internalTrafficPolicy="Local"),
        "local, bound": two_groups(FRONT, client="front", server="back", nodes=2).service(
            "app/server", 80, {"app": "server"}, internalTrafficPolicy="Local"
        ),
        "headless": served(FRONT).service("app/more", 81, {"app": "server"}, clusterIP="None"),
        "policies": enforced.put(kinds.NETWORK_POLICIES, policy),
        "forced": served(nodes=2).deployment("app/near", forced),
        "no port": two_groups(FRONT, nodes=2).service("app/server", 80, {"app": "server"}, **named),
        "daemon set": served(FRONT, nodes=2).controller("DaemonSet", "app/agent", {"hostNetwork": True}),
        "late": served(FRONT, nodes=2).put(kinds.NODEGROUP_NAMES, {"name": "late"}),
    }


@pytest.mark.parametrize("name", worlds())
def test_rows_are_the_cells_of_check(name: str) -> None:
    """Every row says what check's cells of that client, Service and server fold to, and none is missing."""
    snapshot = worlds()[name].snapshot()
    context = Context(snapshot, Profile("t", "t", Document("t"), ()))
    asker = Asker(context)
    expected: dict[tuple[str, ...], tuple[Outcome, int]] = {}
    for key, service in context.world.services.all().items():
        for port in service.spec.ports:
            backend = context.world.services.backend(service, port)
            question = Question(port.port, port.protocol, backend, by_name=False)
            for workload in context.world.workloads:
                for server in behind(context, backend):
                    for cell in cells_of(asker.cells(party_of(context, workload), server, question)):
                        token = workload.id, cell.client, server.text, cell.server, key
                        expected[token] = cell.outcome, cell.cells
    found = {
        (row.client, row.client_group, row.server, row.server_group, row.service): (row.outcome, row.count)
        for row in connections(context.world)
        if row.count
    }
    assert found == expected
    assert found
