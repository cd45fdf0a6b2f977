"""The connections that a failing requirement wants and does not get, each with its whole trace.

A leg is one connection between two ends. A cell asked by name has two kinds: the DNS legs (the client to each
place of each DNS pod) and the leg to the server itself; a repair must mend both.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from clusterproof.checks.cells import Asker, Cell, Question
from clusterproof.checks.parties import Party, resolve
from clusterproof.checks.reach import endpoints, questions
from clusterproof.placement.places import Place
from clusterproof.profiles.model import Reach
from clusterproof.profiles.port import PortRange, parse_port
from clusterproof.reach.ends import End
from clusterproof.reach.service import service_hop
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace
from clusterproof.world.services import Backend

FAILING = (Outcome.BLOCKED, Outcome.VARIES)


class Leg(msgspec.Struct, frozen=True):
    """One connection.

    Attributes:
        client, server: the two ends.
        client_group, server_group: their node groups.
        low, high: ports at the server itself, after kube-proxy; one unless the requirement has a range.
        protocol: TCP or UDP.
        via: the Service that the client dials; None for the pod's own port.
        trace: what happens.
    """

    client: End
    server: End
    client_group: str
    server_group: str
    low: int
    high: int
    protocol: str
    via: Backend | None
    trace: Trace


class Wanted(msgspec.Struct, frozen=True):
    """What a reach requirement asks for.

    Attributes:
        legs: all legs of all cells that count.
        stuck: parties that cannot be scheduled, one clause each.
        hops: refusing hops that belong to no leg (a Service without a port, a pod that asks no cluster DNS).
        together: pairs of client and server whose connection works on one node only, in words.
    """

    legs: tuple[Leg, ...] = ()
    stuck: tuple[str, ...] = ()
    hops: tuple[Hop, ...] = ()
    together: tuple[tuple[str, str], ...] = ()

    @property
    def failing(self) -> tuple[Leg, ...]:
        """The legs that do not work, and not only for want of knowledge."""
        return tuple(leg for leg in self.legs if leg.trace.outcome in FAILING)


def wanted(asker: Asker, check: Reach) -> Wanted:
    """Ask all cells of a requirement again and keep their legs, each distinct one once."""
    context = asker.context
    clients, servers = resolve(context, check.from_), resolve(context, check.to)
    ports = parse_port(check.port)
    legs: dict[tuple[object, ...], Leg] = {}
    stuck: dict[str, None] = {}
    hops: dict[str, Hop] = {}
    together: dict[tuple[str, str], None] = {}
    named: set[tuple[object, ...]] = set()
    for client in clients.parties:
        for server in servers.parties:
            for party in (client, server):
                if not party.places:
                    stuck[f"{party.text} cannot be scheduled: {party.message}"] = None
            if not client.places or not server.places:
                continue
            asked = [item[0] for item in questions(context, server, ports, by_name=check.by == "name")]
            for index, question in enumerate(asked):
                last = asked[index + 1].port - 1 if index + 1 < len(asked) else ports.high
                span = PortRange(question.port, max(question.port, last), question.protocol)
                for party in endpoints(context, servers, server, question):
                    for cell in asker.cells(client, party, question):
                        if cell.together and cell.outcome is Outcome.WORKS and not cell.counts:
                            together[(client.text, party.text)] = None
                        if not cell.counts:
                            continue
                        here = (client.text, cell.client.node_class.id, cell.client.interface.subnet)
                        if question.by_name and here not in named:
                            named.add(here)
                            for leg in _dns(asker, client, cell.client):
                                legs.setdefault(_key(leg), leg)
                        own = _own(client, party, cell, question, span)
                        if own is not None:
                            legs.setdefault(_key(own), own)
                        for hop in _loose(cell):
                            hops.setdefault(f"{hop.at} {hop.text}", hop)
    return Wanted(tuple(legs.values()), tuple(stuck), tuple(hops.values()), tuple(together))


def _key(leg: Leg) -> tuple[object, ...]:
    service = leg.via.ref.key if leg.via is not None else ""
    groups = leg.client_group, leg.server_group
    return *leg.client.key, *leg.server.key, *groups, leg.low, leg.high, leg.protocol, service, leg.trace.outcome


def _dns(asker: Asker, client: Party, place: Place) -> Iterator[Leg]:
    """The legs to each place of each DNS pod, for a client that asks by name."""
    one = client.end(place)
    for end, there, backend, trace in asker.names.legs(one, place):
        number = _number(backend, end)
        if number is not None:
            yield Leg(one, end, place.node_class.group, there, number, number, "UDP", backend, trace)


def _own(client: Party, server: Party, cell: Cell, question: Question, ports: PortRange) -> Leg | None:
    """The leg to the server itself; None where its Service leads nowhere."""
    one, other = client.end(cell.client), server.end(cell.server)
    trace = Trace(cell.trace.hops[1:]) if question.by_name else cell.trace
    low, high = ports.low, ports.high
    if question.via is not None:
        number = _number(question.via, other)
        if number is None:
            return None
        low = high = number
    groups = cell.client.node_class.group, cell.server.node_class.group
    return Leg(one, other, *groups, low, high, ports.protocol, question.via, trace)


def _number(via: Backend, server: End) -> int | None:
    """The port at the pod behind a Service's port; None where the Service leads nowhere."""
    return service_hop(via, server.workload, same_node=True)[1]


def _loose(cell: Cell) -> Iterator[Hop]:
    """Refusals that no edit of groups, ACLs or policies can mend."""
    for hop in cell.trace.hops:
        if hop.outcome in FAILING and (
            hop.layer is Layer.SERVICE or (hop.layer is Layer.DNS and not hop.at.startswith("DNS "))
        ):
            yield hop
