"""Connections: what reaches which Service, class by class, and what a change newly opens.

A row is (client workload, client group) × (Service port, server group) and
stands for every pod of the workload there: for the same cells that a check
folds. Clients are judged in classes: workloads that may be in the same places
and that no policy can tell apart are asked about once. The question is by
address: whether the client can resolve the Service's name is DNS's, which
``why`` asks too. Nodes that were not read have rows that are unknown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from operator import attrgetter

import msgspec

from clusterproof.checks.cells import Asker, Cell, Question
from clusterproof.checks.clients import Clients
from clusterproof.checks.context import Context
from clusterproof.checks.endpoints import behind, party_of
from clusterproof.checks.finding import MatrixCell
from clusterproof.checks.matrix import cells_of, fold_outcomes
from clusterproof.checks.parties import Party, Sides, unread_places
from clusterproof.profiles.model import Document, Profile
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.snapshot import kinds
from clusterproof.snapshot.collector import paused
from clusterproof.snapshot.fields import Unknown
from clusterproof.world.services import Backend
from clusterproof.world.world import World


class Connection(msgspec.Struct, frozen=True):
    """One row.

    Attributes:
        client, client_group: a workload's id and the node group it may be on.
        server, server_group: the workload behind the Service, and where it may be; of a Service without selector the
            address, and whose it is.
        service: ``namespace/name``.
        port: ``2379/TCP``.
        outcome: over all places of the two groups.
        hop: the first hop that does not let it through.
        count: how many cells the row stands for; 0 for nodes that were not read.
    """

    client: str
    client_group: str
    server: str
    server_group: str
    service: str
    port: str
    outcome: Outcome
    hop: Hop | None
    count: int


def connections(world: World) -> tuple[Connection, ...]:
    """All rows, sorted by client, Service and port."""
    with paused():
        return tuple(sorted(_rows(world), key=_key))


def _rows(world: World) -> Iterator[Connection]:
    context = Context(world.snapshot, Profile("connections", "connections", Document("connections"), ()), world=world)
    asker = Asker(context)
    where = {workload.id: context.places(workload) for workload in world.workloads}
    unread = _unread(context)
    targets = [(backend, behind(context, backend)) for backend in _backends(world)]
    clients = Clients(world, where)
    names = {id(workload): workload.id for workload in world.workloads}
    for backend, servers in targets:
        behind_it = {id(server.workload): server.workload for server in servers if server.workload is not None}
        for members in clients.classes(list(behind_it.values())):
            own = [member for member in members if id(member) in behind_it]
            # What dials itself is judged for itself: whether a policy keeps a pod from itself is another question.
            others = [member for member in members if id(member) not in behind_it] if own else members
            for named in (others, *([one] for one in own)):
                if not named:
                    continue
                asking = party_of(context, named[0])
                rows = list(_between(asker, asking, backend, servers, unread))
                yield from rows
                if len(named) == 1:
                    continue
                if all(_sayable(row.hop, asking.text) for row in rows):
                    for row in rows:
                        yield from _others(row, (names[id(member)] for member in named[1:]))
                else:
                    for member in named[1:]:
                        yield from _between(asker, party_of(context, member), backend, servers, unread)


def _sayable(hop: Hop | None, asked: str) -> bool:
    """Whether what a hop says of one client is said of another by putting its name at the end, if anywhere."""
    if hop is None or asked not in hop.text:
        return True
    rest = hop.text.removesuffix(f" {asked}")
    return re.search(rf"{re.escape(asked)}(?![\w.-])", rest) is None


def _others(row: Connection, clients: Iterable[str]) -> Iterator[Connection]:
    """The row of the other clients of a class, by id; a policy that refuses says at its end whom."""
    hop = row.hop
    rest = (row.client_group, row.server, row.server_group, row.service, row.port, row.outcome)
    if hop is None or not hop.text.endswith(f" {row.client}"):
        for name in clients:
            yield Connection(name, *rest, hop, row.count)
        return
    layer, outcome, at, refs, unknown = hop.layer, hop.outcome, hop.at, hop.refs, hop.unknown
    text = hop.text.removesuffix(row.client)
    for name in clients:
        yield Connection(name, *rest, Hop(layer, outcome, at, text + name, refs, unknown), row.count)


def _unread(context: Context) -> dict[str, Unknown]:
    """What may hold pods and was not read: node groups by name, else what is not known, in words."""
    found = dict(context.world.unknown_templates)
    others = [*unread_places(context, Sides(()))]
    missing = context.world.snapshot.missing(kinds.NODES)
    for unknown in (*others, *((missing,) if missing is not None else ())):
        if unknown not in found.values():
            found.setdefault(_OTHER_NODES, unknown)
    return found


_OTHER_NODES = "other nodes"
"""Stands for the node group of nodes of which nothing was read."""


def _backends(world: World) -> Iterator[Backend]:
    services = world.services
    for key in sorted(services.all()):
        service = services.all()[key]
        for port in service.spec.ports:
            yield services.backend(service, port)


def _between(
    asker: Asker, client: Party, backend: Backend, servers: Sequence[Party], unread: Mapping[str, Unknown]
) -> Iterator[Connection]:
    """The rows of one client and one port of a Service: the cells that a check would fold, by node group."""
    question = Question(backend.port.port, backend.port.protocol, backend, by_name=False)
    port = f"{backend.port.port}/{backend.port.protocol}"

    def row(here: str, server: str, there: str, outcome: Outcome, hop: Hop | None, count: int) -> Connection:
        return Connection(client.text, here, server, there, backend.key, port, outcome, hop, count)

    if not servers and backend.unread is not None:
        nowhere = unknown_hop(Layer.SERVICE, f"Service {backend.key}", backend.unread)
        for group in sorted({*(place.node_class.group for place in client.places), *unread}):
            yield row(group, "its endpoints", "not known", Outcome.UNKNOWN, nowhere, 0)
    for server in servers:
        cells = asker.cells(client, server, question)
        folded = cells_of(cells)
        shown = {(cell.client, cell.server) for cell in folded}
        for cell in folded:
            hop = cell.hop
            if hop is None and cell.outcome is not Outcome.WORKS:
                hop = _doubt(cells, cell)
            outcome = cell.outcome
            why = unread.get(cell.client) or unread.get(cell.server)
            if why is not None:
                # The group's next nodes are not known: what its nodes of today do is not all that may happen.
                outcome = fold_outcomes((outcome, Outcome.UNKNOWN))
                hop = hop or unknown_hop(Layer.NODE, cell.client if cell.client in unread else cell.server, why)
            yield row(cell.client, server.text, cell.server, outcome, hop, cell.cells)
        if not unread:
            continue
        fixed: Mapping[str, Unknown] = {} if server.workload is None else unread
        here, there = ({place.node_class.group for place in party.places} for party in (client, server))
        for one, other in product(sorted({*here, *unread}), sorted({*there, *fixed})):
            why = unread.get(one) or fixed.get(other)
            if why is not None and (one, other) not in shown:
                hop = unknown_hop(Layer.NODE, one if one in unread else other, why)
                yield row(one, server.text, other, Outcome.UNKNOWN, hop, 0)


def _doubt(cells: Iterable[Cell], of: MatrixCell) -> Hop | None:
    """Why it is not known whether the pods may be where they would have to be."""
    for cell in cells:
        groups = cell.client.node_class.group, cell.server.node_class.group
        if cell.doubt is not None and groups == (of.client, of.server):
            return unknown_hop(Layer.NODE, of.client if cell.client.doubt is not None else of.server, cell.doubt)
    return None


def newly_open(before: Iterable[Connection], after: Iterable[Connection]) -> tuple[Connection, ...]:
    """Rows that let more through after a change than before it."""
    old = {_key(row): row.outcome for row in before}
    return tuple(
        row
        for row in after
        if row.outcome in (Outcome.WORKS, Outcome.VARIES)
        and old.get(_key(row)) is not row.outcome
        and old.get(_key(row)) is not Outcome.WORKS
    )


_key = attrgetter("client", "client_group", "server", "server_group", "service", "port")
