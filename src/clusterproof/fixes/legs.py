"""The connections that a failing requirement wants and does not get, each with its whole trace.

A leg is one connection between two ends. A cell asked by name has two kinds: the DNS legs (the client to each
place of each DNS pod) and the leg to the server itself; a repair must mend both.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec

from clusterproof.checks.alike import Ask
from clusterproof.checks.cells import Asker, Cell, Question
from clusterproof.checks.endpoints import party_of
from clusterproof.checks.parties import Party
from clusterproof.checks.questions import or_nobody, questions, serving
from clusterproof.checks.reach import endpoints
from clusterproof.checks.sides import resolve
from clusterproof.checks.special import asked_of
from clusterproof.placement.places import Place
from clusterproof.profiles.model import Reach
from clusterproof.profiles.port import PortRange, parse_port
from clusterproof.reach.ends import End
from clusterproof.reach.service import service_hop
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace, combine
from clusterproof.verdict.cells import several
from clusterproof.world.services import Backend

FAILING = (Outcome.BLOCKED, Outcome.VARIES)


class Leg(msgspec.Struct, frozen=True):
    """One connection.

    Attributes:
        client, server: the two ends.
        client_group, server_group: their node groups.
        low, high: ports at the server itself, after kube-proxy; one unless the requirement has a range.
        protocol: TCP, UDP or SCTP.
        via: the Service that the client dials; None for the pod's own port.
        layers: who judges on the way, and how.
        ask: traces it.
    """

    client: End
    server: End
    client_group: str
    server_group: str
    low: int
    high: int
    protocol: str
    via: Backend | None
    layers: tuple[tuple[Layer, Outcome], ...]
    ask: Callable[[], Trace]

    @property
    def outcome(self) -> Outcome:
        """What all layers come to."""
        return combine(outcome for _, outcome in self.layers)

    @property
    def trace(self) -> Trace:
        """All hops."""
        return self.ask()


class Wanted(msgspec.Struct, frozen=True):
    """What a reach requirement asks for.

    Attributes:
        legs: the legs of all cells that count; one stands for others that differ in nothing that a repair reads.
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
        return tuple(leg for leg in self.legs if leg.outcome in FAILING)


def wanted(asker: Asker, check: Reach) -> Wanted:
    """Ask all cells of a requirement again and keep their legs, each distinct one once."""
    if check.closed:
        return Wanted()  # nothing is asked to get through
    context = asker.context
    clients, servers = resolve(context, check.from_), serving(resolve(context, check.to))
    ports = parse_port(check.port) if check.port else None
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
            if check.by not in ("name", "address") or (ports is not None and ports.protocol == "SCTP"):
                # A way through a node has two stretches; of SCTP a security group admits all ports or none.
                continue
            if client.sends is not None or client.address is not None or server.address is not None:
                # What a balancer or an address needs is said, not mended.
                continue
            special = asked_of(context, client, server, ports)
            if isinstance(special, list):
                asked = [or_nobody(context, server, item.question) for item in special]
            else:
                asked = (
                    []
                    if ports is None
                    else [item[0] for item in questions(context, server, ports, by=check.by, client=client)]
                )
            for index, question in enumerate(asked):
                high = question.port if ports is None else ports.high
                last = asked[index + 1].port - 1 if index + 1 < len(asked) else high
                span = PortRange(question.port, max(question.port, last), question.protocol)
                for party in endpoints(context, servers, server, question):
                    cells = asker.cells(client, party, question)
                    if any(cell.together and cell.outcome is Outcome.WORKS and not cell.counts for cell in cells):
                        together[(client.text, party.text)] = None
                    counted = [cell for cell in cells if cell.counts]
                    found: list[tuple[int, int, Iterator[Leg]]] = []
                    if question.by_name:
                        found += _dns(asker, client, question, counted, named)
                    found += [(cell.order[0], 1, _own(asker, client, party, cell, question, span)) for cell in counted]
                    # A client asks for the name first.
                    for _, _, legs_ in sorted(found, key=lambda item: item[:2]):
                        for leg in legs_:
                            legs.setdefault(_key(leg), leg)
                    for cell in counted:
                        for hop in _loose(cell):
                            hops.setdefault(f"{hop.at} {hop.text}", hop)
    return Wanted(tuple(legs.values()), tuple(stuck), tuple(hops.values()), tuple(together))


def _key(leg: Leg) -> tuple[object, ...]:
    service = leg.via.ref.key if leg.via is not None else ""
    groups = leg.client_group, leg.server_group
    return *leg.client.key, *leg.server.key, *groups, leg.low, leg.high, leg.protocol, service, leg.outcome


def _dns(
    asker: Asker, client: Party, question: Question, counted: Sequence[Cell], named: set[tuple[object, ...]]
) -> Iterator[tuple[int, int, Iterator[Leg]]]:
    """The legs to each place of each DNS pod, for the client's places that were not asked about yet."""
    fresh: dict[int, int] = {}
    positions = {id(place): number for number, place in enumerate(client.places)}
    for cell in counted:
        for place in cell.clients:
            here = (client.text, place.node_class.id, place.interface.subnet)
            if here not in named:
                named.add(here)
                fresh[id(place)] = positions[id(place)]
    if not fresh:
        return
    cached = asker.names.cache() is not None
    first = client.places[min(fresh.values())]
    if not cached and not _through_pods(asker, client, first, question):
        return
    for backend in asker.names.backends(question.via):
        port = backend.port
        asking = Question(port.port, port.protocol, backend, by_name=False)
        for workload in backend.workloads:
            server = party_of(asker.context, workload)
            for cell in asker.cells(client, server, asking):
                # Where two pods may be on two nodes, the name is asked from one to the other.
                if cell.together and several(asker.context.world, cell.client.node_class):
                    continue
                only = [
                    place
                    for place in cell.clients
                    if id(place) in fresh and (not cached or _through_pods(asker, client, place, question))
                ]
                if only:
                    span = PortRange(port.port, port.port, port.protocol)
                    members = {id(place) for place in only}
                    yield fresh[id(only[0])], 0, _own(asker, client, server, cell, asking, span, only=members)


def _through_pods(asker: Asker, client: Party, place: Place, question: Question) -> bool:
    """Whether the DNS pods answer a client: it asks no other resolver."""
    return asker.names.hop(client.end(place), place, question.via).at.startswith("DNS ")


def _own(
    asker: Asker,
    client: Party,
    server: Party,
    cell: Cell,
    question: Question,
    ports: PortRange,
    *,
    only: Collection[int] | None = None,
) -> Iterator[Leg]:
    """The legs to the server itself, one where a repair reads the same of all; none where its Service leads nowhere.

    ``only`` limits them to some of the client's places, by their ids.
    """
    low, high = ports.low, ports.high
    if question.nowhere is not None:
        return
    if question.via is not None:
        number = _number(question.via, server.end(cell.server))
        if number is None:
            return
        low = high = number
    found = (pair for pair in cell.pairs() if only is None or id(pair[0]) in only)
    alike = _alike(client, server, cell)
    plain = msgspec.structs.replace(question, by_name=False) if question.unread is None else question
    for here, there in found:
        one, other = client.end(here), server.end(there)
        ask = Ask(asker, client, server, here, there, plain, same_node=cell.together)
        layers = cell.layers if alike else tuple((hop.layer, hop.outcome) for hop in ask().hops)
        groups = here.node_class.group, there.node_class.group
        yield Leg(one, other, *groups, low, high, ports.protocol, question.via, layers, ask)
        if alike:
            return


def _alike(client: Party, server: Party, cell: Cell) -> bool:
    """Whether a repair reads nothing of a cell's pairs in which they differ: their groups and labels, not subnets."""
    refusing = {layer for layer, outcome in cell.layers if outcome in FAILING}
    hosts = any(party.workload is None or party.workload.spec.host_network for party in (client, server))
    return refusing <= (_GROUPS if hosts else {*_GROUPS, *_POLICIES})


_GROUPS = {Layer.GROUP_EGRESS, Layer.GROUP_INGRESS}
_POLICIES = {Layer.POLICY_EGRESS, Layer.POLICY_INGRESS}


def _number(via: Backend, server: End) -> int | None:
    """The port at the pod behind a Service's port; None where the Service leads nowhere."""
    return service_hop(via, server.workload, same_node=True)[1]


def _loose(cell: Cell) -> Iterator[Hop]:
    """Refusals that no edit of groups, ACLs or policies can mend."""
    judges = (layer for layer, outcome in cell.layers if outcome in FAILING)
    if cell.name not in FAILING and Layer.SERVICE not in judges:
        return
    for hop in cell.trace.hops:
        if hop.outcome in FAILING and (
            hop.layer is Layer.SERVICE or (hop.layer is Layer.DNS and not hop.at.startswith("DNS "))
        ):
            yield hop
