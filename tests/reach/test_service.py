from __future__ import annotations

from typing import Any

import pytest

from clusterproof.reach.service import service_hop
from clusterproof.reach.trace import Outcome
from tests.world.build import Tiny


@pytest.mark.parametrize(
    ("more", "same", "outcome", "number"),
    [
        ({"port_more": {"targetPort": "no"}}, False, Outcome.BLOCKED, None),
        ({"internalTrafficPolicy": "Local"}, False, Outcome.BLOCKED, None),
        ({"internalTrafficPolicy": "Local"}, True, Outcome.WORKS, 80),
        ({"internalTrafficPolicy": "Local", "clusterIP": "None"}, False, Outcome.WORKS, 80),
        ({"clusterIP": "None", "port_more": {"targetPort": 99}}, False, Outcome.WORKS, 80),
        ({"type": "ExternalName", "externalName": "x.example"}, False, Outcome.UNKNOWN, None),
    ],
)
def test_service_hop(more: dict[str, Any], same: bool, outcome: Outcome, number: int | None) -> None:
    """Named ports, Local, headless (which Local does not touch: it was blocked) and external names (rules 6.2, 6.4, 6.7, 6.12)."""
    tiny = Tiny().managed("back", ["sg-back"]).deployment("app/server")
    world = tiny.service("app/server", 80, {"app": "server"}, **more).world()
    service = world.services.get("app/server")
    assert service is not None
    backend = world.services.backend(service, service.spec.ports[0])
    hop, port = service_hop(backend, world.by_id["deploy/app/server"], same_node=same)
    assert (hop.outcome, port) == (outcome, number)
