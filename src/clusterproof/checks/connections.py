"""Connections: what reaches which Service, class by class.

A row is (client workload, client group) × (Service port, server group) and
stands for every pod of the workload there: for the same cells that a check
folds. Clients are judged in classes: workloads that may be in the same places
and that no policy can tell apart are asked about once, and so are servers. The question is by
address: whether the client can resolve the Service's name is DNS's, which
``why`` asks too. Nodes that were not read have rows that are unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from operator import attrgetter

from clusterproof.checks.between import Between, Rows
from clusterproof.checks.clients import Clients, Part
from clusterproof.checks.connection import Alike, Connection, Connections, renamed, sayable
from clusterproof.checks.context import Context
from clusterproof.checks.endpoints import behind
from clusterproof.checks.parties import Party
from clusterproof.placement.places import Place
from clusterproof.profiles.model import Document, Profile
from clusterproof.snapshot.collector import paused
from clusterproof.world.services import Backend
from clusterproof.world.world import World

__all__ = ["Connection", "Connections", "connections"]


def connections(
    world: World, *, observe: Callable[[str], None] | None = None, expect: Callable[[int], None] | None = None
) -> Connections:
    """All rows, sorted by client, Service and port.

    Args:
        world: whose workloads and Services are asked about.
        observe: told what is being asked: one Service port after the other.
        expect: told before anything is asked how many rows there may be at most, nodes that were not read aside.
    """
    with paused():
        return _Judged(world, observe, expect).connections()


class _Judged:
    """What is asked of a world, Service by Service."""

    def __init__(
        self, world: World, observe: Callable[[str], None] | None, expect: Callable[[int], None] | None
    ) -> None:
        profile = Profile("connections", "connections", Document("connections"), ())
        context = Context(world.snapshot, profile, world=world)
        self._names = [workload.id for workload in world.workloads]
        self._clients = Clients(world, [context.places(workload) for workload in world.workloads])
        self._between = Between(context, self._clients)
        self._given: list[list[Rows]] = [[] for _ in self._clients.classes]
        """By class of clients: for each Service port the rows of its members, but for those below."""
        self._apart: dict[int, dict[int, Rows]] = {}
        """By client, and by the number of the Service port: rows of its own."""
        self._made: list[Rows] = []
        asked = [(backend, behind(context, backend)) for backend in _backends(world)]
        if expect is not None:
            clients = sum(_groups(context.places(workload).places) for workload in world.workloads)
            expect(clients * sum(_groups(server.places) for _, servers in asked for server in servers))
        for number, (backend, servers) in enumerate(asked):
            if observe is not None:
                observe(f"{backend.key} {backend.port.port}/{backend.port.protocol}, {number + 1} of {len(asked)}")
            own = dict.fromkeys(self._clients.number(one.workload) for one in servers if one.workload is not None)
            for part in self._clients.parts(own):
                self._ask(number, backend, servers, part, own)

    def _ask(
        self, number: int, backend: Backend, servers: Sequence[Party], part: Part, own: Mapping[int, None]
    ) -> None:
        """The rows of one part of the clients to one Service port."""
        members = (one for which in part.classes for one in self._clients.classes[which] if one not in own)
        first = next(members, None)
        rows: Rows = ()
        if first is not None:
            rows = self._kept(self._between.rows(first, part.token, backend, servers))
            if not all(sayable(row.hop, self._names[first]) for row in rows):
                for other in members:
                    self._apart.setdefault(other, {})[number] = self._kept(
                        self._between.rows(other, None, backend, servers)
                    )
        for which in part.classes:
            self._given[which].append(rows)
        # What dials itself is judged for itself: whether a policy keeps a pod from itself is another question.
        for one in own:
            if self._clients.of[one] in part.classes:
                self._apart.setdefault(one, {})[number] = self._kept(
                    self._between.rows(one, part.token, backend, servers)
                )

    def _kept(self, rows: Rows) -> Rows:
        self._made.append(rows)
        return rows

    def connections(self) -> Connections:
        """Classes of clients with the same rows."""
        made = sorted({id(row): row for rows in self._made for row in rows}.values(), key=_order)
        rank = {id(row): place for place, row in enumerate(made)}

        def ordered(found: Iterable[Rows]) -> tuple[Connection, ...]:
            ranks = [rank[id(row)] for row in chain.from_iterable(found)]
            ranks.sort()
            return tuple([made[place] for place in ranks])

        result: list[Alike] = []
        for members, given in zip(self._clients.classes, self._given, strict=True):
            same: list[str] = []
            for member in members:
                name = self._names[member]
                odd = {
                    number: rows
                    for number, rows in self._apart.get(member, {}).items()
                    if not _says_the_same(rows, given[number], name)
                }
                if odd:
                    own = (odd.get(number, rows) for number, rows in enumerate(given))
                    result.append(Alike((name,), ordered(own)))
                else:
                    same.append(name)
            if same:
                result.append(Alike(tuple(sorted(same)), ordered(given)))
        return Connections(alike for alike in result if alike.rows)


def _groups(places: Iterable[Place]) -> int:
    """On how many node groups places are."""
    return len({place.node_class.group for place in places})


def _says_the_same(rows: Rows, others: Rows, name: str) -> bool:
    """Whether rows of one client are those of its class."""
    if len(rows) != len(others):
        return False
    return all(row == renamed(other, name) for row, other in zip(rows, others, strict=True))


def _backends(world: World) -> Iterator[Backend]:
    services = world.services
    for key in sorted(services.all()):
        service = services.all()[key]
        for port in service.spec.ports:
            yield services.backend(service, port)


_order = attrgetter("client_group", "server", "server_group", "service", "port")
"""Of rows of one client."""
