from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.places import places
from clusterproof.verdict.cells import forced_together, pairs
from tests.world.build import Tiny

HOST, ZONE = "kubernetes.io/hostname", "topology.kubernetes.io/zone"
CLIENT, SERVER = "deploy/app/client", "deploy/app/server"


def found(tiny: Tiny) -> dict[tuple[str, str], tuple[bool, bool]]:
    """Pairs of classes with (apart, together)."""
    world = tiny.world()
    client, server = world.by_id[CLIENT], world.by_id[SERVER]
    result = pairs(world, client, server, places(world, client).places, places(world, server).places)
    return {(p.client.node_class.id, p.server.node_class.id): (p.apart, p.together) for p in result}


def affinity(kind: str, key: str, app: str) -> dict[str, Any]:
    """One required term."""
    term = {"topologyKey": key, "labelSelector": {"matchLabels": {"app": app}}}
    return {"affinity": {kind: {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def cluster(client: dict[str, Any] | None = None, server: dict[str, Any] | None = None) -> Tiny:
    """Group ``a`` with two nodes in zone a, one plain node ``b`` that nothing grows in zone b."""
    tiny = Tiny().managed("a", ["sg-a"], nodes=2)
    tiny.node("b-0", ["sg-b"], subnet="subnet-b", labels={"alpha.eksctl.io/nodegroup-name": "b"})
    return tiny.deployment("app/client", client).deployment("app/server", server)


def test_all_pairs() -> None:
    """Within a class of several nodes a pair may be apart or together; a single node is only together."""
    assert found(cluster()) == {
        ("a#0", "a#0"): (True, True),
        ("a#0", "b#0"): (True, False),
        ("b#0", "a#0"): (True, False),
        ("b#0", "b#0"): (False, True),
    }


@pytest.mark.parametrize("side", ["client", "server"])
def test_hostname_affinity_on_either_side(side: str) -> None:
    """Required affinity by host, of the client or of the server, leaves one-node pairs only."""
    spec = affinity("podAffinity", HOST, "server" if side == "client" else "client")
    assert found(cluster(**{side: spec})) == {("a#0", "a#0"): (False, True), ("b#0", "b#0"): (False, True)}


def test_hostname_anti_affinity() -> None:
    """Required anti-affinity by host leaves pairs on two nodes only."""
    assert found(cluster(affinity("podAntiAffinity", HOST, "server"))) == {
        ("a#0", "a#0"): (True, False),
        ("a#0", "b#0"): (True, False),
        ("b#0", "a#0"): (True, False),
    }


def test_zone_affinity_and_anti_affinity() -> None:
    """By zone only pairs in one zone, or in two, are left."""
    assert set(found(cluster(affinity("podAffinity", ZONE, "server")))) == {("a#0", "a#0"), ("b#0", "b#0")}
    assert set(found(cluster(affinity("podAntiAffinity", ZONE, "server")))) == {("a#0", "b#0"), ("b#0", "a#0")}


def test_an_affinity_to_others_says_nothing() -> None:
    """A term that selects other pods does not bind the two."""
    assert len(found(cluster(affinity("podAffinity", HOST, "else")))) == 4


def test_an_unknown_domain_excludes_nothing() -> None:
    """Where a zone cannot be told, the pair stays."""
    tiny = cluster(affinity("podAntiAffinity", ZONE, "server")).managed(
        "z", ["sg-z"], nodes=0, subnets=("subnet-gone",)
    )
    assert {("z+0", "a#0"), ("z+0", "z+0")} <= set(found(tiny))


def test_forced_together() -> None:
    """Forced means: no pair can be on two nodes, and there is one."""
    tiny = cluster(affinity("podAffinity", HOST, "server"))
    world = tiny.world()
    client, server = world.by_id[CLIENT], world.by_id[SERVER]
    result = pairs(world, client, server, places(world, client).places, places(world, server).places)
    assert forced_together(result)
    assert not forced_together([])


def test_hosts_have_no_rules() -> None:
    """Ends that are nodes, not pods, are bound by nobody's affinity."""
    world = cluster(affinity("podAffinity", HOST, "server")).world()
    server = world.by_id[SERVER]
    there = places(world, server).places
    assert len(pairs(world, None, server, there, there)) == 4
