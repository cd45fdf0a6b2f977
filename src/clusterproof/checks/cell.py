"""A cell: places of a client and of a server that are alike, with what happens between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec

from clusterproof.checks.parties import Party
from clusterproof.placement.places import Place
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.world.services import Backend, Door


class Cell(msgspec.Struct, frozen=True):
    """Client places and server places that are alike, with what happens between each two of them.

    Attributes:
        client, server: the first two, in the order of places.
        ask: traces the connection between these two.
        judged: what the trace comes to.
        layers: who judged on the way, and how, the name apart.
        name: what became of the name, where one is asked for.
        unread: something on the way is unknown, for these two as for the others.
        outcome: as judged; unknown where it is in doubt whether the place is feasible and it does not work,
            unless nothing works anywhere: then it is blocked, whether the place is feasible or not.
        together: both on one node.
        counts: whether it takes part in the verdict (pairs on one node do only when co-location is forced).
        doubt: why feasibility is in doubt.
        clients, servers: all places that are in some of its pairs.
        number: how many pairs it stands for.
        alike: the pairs are those of one node class (True), those of two (False), or all (None).
        order: the positions of the first two among the places of their parties.
    """

    client: Place
    server: Place
    ask: Callable[[], Trace]
    judged: Outcome
    layers: tuple[tuple[Layer, Outcome], ...]
    unread: bool
    outcome: Outcome
    together: bool
    counts: bool
    doubt: Unknown | None
    clients: tuple[Place, ...]
    servers: tuple[Place, ...]
    number: int = 1
    alike: bool | None = None
    name: Outcome = Outcome.WORKS
    order: tuple[int, int] = (0, 0)

    @property
    def trace(self) -> Trace:
        """All hops between the first two."""
        return self.ask()

    def pairs(self) -> Iterator[tuple[Place, Place]]:
        """Every pair of places that the cell stands for."""
        for client in self.clients:
            for server in self.servers:
                if self.alike is None or self.alike == (client.node_class.id == server.node_class.id):
                    yield client, server


class Question(msgspec.Struct, frozen=True):
    """What is asked between two parties: the port, and through which Service, if any.

    ``unread`` is why the Service is not known though the question is by name: a refusal on the way to the pods' own
    port still decides, everything else is then unknown. ``door`` is where the Service is dialled.
    ``maybe`` is why it is not known whether anybody connects so at all. ``own_endpoints``: under externalTrafficPolicy
    Local only nodes that have an endpoint are dialled. ``nowhere`` is why nobody answers, wherever the two are: nothing
    else on the way is then asked. ``mark`` is what a summary says beside its answer, and ``beside`` the evidence of it.
    """

    port: int
    protocol: str
    via: Backend | None
    by_name: bool
    unread: Unknown | None = None
    door: Door = Door.CLUSTER
    maybe: Unknown | None = None
    own_endpoints: bool = False
    nowhere: Hop | None = None
    mark: str = ""
    beside: tuple[Ref, ...] = ()


def certain(cells: list[Cell]) -> list[Cell]:
    """Where every cell that counts is refused, doubts about places change nothing: it is refused, or unschedulable."""
    if any(cell.judged is not Outcome.BLOCKED for cell in cells if cell.counts):
        return cells
    return [
        msgspec.structs.replace(cell, outcome=cell.judged) if cell.counts and cell.outcome is not cell.judged else cell
        for cell in cells
    ]


def occurrences(cells: Sequence[Cell], client: Party, server: Party) -> Counter[frozenset[Outcome]]:
    """What may happen, each as the outcomes of the cells that then occur together (docs/design.md, "The algebra").

    A party that is everywhere puts all its places into one occurrence; otherwise every cell is its own. Comes with
    how many occurrences are alike.
    """
    counted = [cell for cell in cells if cell.counts]
    result: Counter[frozenset[Outcome]] = Counter()
    if all(cell.doubt is not None for cell in counted) and any(cell.outcome is not Outcome.BLOCKED for cell in counted):
        # Nothing is certain to be feasible: what works may never occur.
        result[frozenset((Outcome.UNKNOWN,))] = sum(cell.number for cell in counted)
    elif client.everywhere and server.everywhere:
        result[frozenset(cell.outcome for cell in counted)] = 1
    elif not client.everywhere and not server.everywhere:
        for cell in counted:
            result[_ONE[cell.outcome]] += cell.number
    else:
        groups: dict[tuple[str, object], set[Outcome]] = {}
        for cell in counted:
            for place in cell.servers if client.everywhere else cell.clients:
                groups.setdefault((place.node_class.id, place.interface.subnet), set()).add(cell.outcome)
        result.update(frozenset(found) for found in groups.values())
    return result if counted else Counter()


_ONE = {outcome: frozenset((outcome,)) for outcome in Outcome}
