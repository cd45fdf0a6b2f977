"""What a change newly lets through, wanted or not: found by asking before and after, never by reading the change.

Only what an edit touches is asked (the classes that carry a rule's groups, the subnets of an ACL, the pods that
a policy selects), because a change of allow rules can open nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from clusterproof.checks.cells import Asker
from clusterproof.checks.finding import Opening
from clusterproof.fixes.ends import Carrier, carrying, label_of, within
from clusterproof.fixes.legs import Leg
from clusterproof.fixes.policies import selected
from clusterproof.placement.places import Place
from clusterproof.profiles.port import PortRange
from clusterproof.reach.path import End
from clusterproof.reach.trace import Outcome, combine
from clusterproof.reach.vpcpath import vpc_hops
from clusterproof.snapshot.kinds import NETWORK_ACLS, NETWORK_POLICIES
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit, Overlay, Put, peer_text
from clusterproof.world.model import Workload

_MOST = 60_000
"""Questions about an ACL's change beyond which its openings are listed by subnet and not asked one by one."""

_PROTOCOLS = {"6": "TCP", "17": "UDP"}

Triple = tuple[str, str, str]
Asked = tuple[Carrier, Carrier, PortRange]


def openings(
    before: Asker, after: Asker, found: Sequence[Carrier], overlay: Overlay, legs: Iterable[Leg]
) -> tuple[Opening, ...]:
    """Everything that the change opens, sorted; ``legs`` are what the profile's requirements ask for."""
    opened = dict.fromkeys(_by_interface(before, after, found, overlay.edits))
    opened |= dict.fromkeys(_by_policy(before, after, overlay.edits))
    asked = _asked(legs)
    return tuple(
        Opening(client, server, port, (client, server, port) in asked) for client, server, port in sorted(opened)
    )


def port_name(low: int, high: int, protocol: str) -> str:
    """``2379/TCP`` or ``1024-65535/TCP``."""
    return str(PortRange(low, high, protocol.upper()))


def _asked(legs: Iterable[Leg]) -> set[Triple]:
    """Pairs that some requirement asks for, by node group with groups, and by workload."""
    result: set[Triple] = set()
    for leg in legs:
        port = port_name(leg.low, leg.high, leg.protocol)
        client = label_of(leg.client_group, leg.client.interface.security_groups)
        server = label_of(leg.server_group, leg.server.interface.security_groups)
        result.add((client, server, port))
        if leg.client.workload is not None and leg.server.workload is not None:
            result.add((leg.client.workload.id, leg.server.workload.id, port))
    return result


# --- security groups and ACLs ---------------------------------------------------------------


def _by_interface(before: Asker, after: Asker, found: Sequence[Carrier], edits: Iterable[Edit]) -> Iterator[Triple]:
    seen: set[tuple[int, int, PortRange]] = set()
    spans: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    for client, server, ports in _touched(after, found, edits):
        key = (id(client), id(server), ports)
        if key in seen:
            continue
        seen.add(key)
        if _opens(before, client, server, ports.low, ports.protocol) is False:
            continue
        if _opens(after, client, server, ports.low, ports.protocol):
            spans.setdefault((client.label, server.label, ports.protocol), []).append((ports.low, ports.high))
    for (client_label, server_label, protocol), parts in spans.items():
        for low, high in _joined(parts):
            yield client_label, server_label, port_name(low, high, protocol)


def _opens(asker: Asker, client: Carrier, server: Carrier, port: int, protocol: str) -> bool:
    """After: whether it gets through at least sometimes. Before, the caller wants what did not always get through."""
    world = asker.context.world
    hops = vpc_hops(asker.paths.vpc, world.plane, client.interface, server.interface, port, protocol, world.family)
    return combine(hop.outcome for hop in hops) in (Outcome.WORKS, Outcome.VARIES)
