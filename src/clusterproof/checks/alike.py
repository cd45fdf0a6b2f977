"""The cells of two parties, block by block: each class of connections is traced once (docs/design.md, rule 8)."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from typing import TYPE_CHECKING

import msgspec

from clusterproof.checks.cell import Cell, Question
from clusterproof.checks.fold import Block
from clusterproof.checks.names import says_the_same
from clusterproof.checks.parties import Party
from clusterproof.placement.places import Place
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace, combine
from clusterproof.verdict.cells import several
from clusterproof.world.world import World

if TYPE_CHECKING:
    from clusterproof.checks.cells import Asker


class Ask:
    """One connection that may be asked for: traced when somebody reads it, and once."""

    __slots__ = ("_asked", "_found", "_name", "same_node", "token")

    def __init__(
        self,
        asker: Asker,
        client: Party,
        server: Party,
        here: Place,
        there: Place,
        question: Question,
        *,
        same_node: bool,
        name: Hop | None = None,
        token: Hashable = None,
    ) -> None:
        """What to ask; ``token`` is the class of the connection: equal ones come to the same between two parties."""
        self._asked = asker, client, server, here, there, question
        self._name = name
        self.same_node = same_node
        self.token = token
        self._found: Trace | None = None

    def __call__(self) -> Trace:
        """All hops, the name's before the others."""
        if self._found is None:
            asker, client, server, here, there, question = self._asked
            trace = asker.trace(client, server, here, there, question, question.via, same_node=self.same_node)
            if question.by_name and question.unread is None:
                trace = Trace((self._name or asker.names.hop(client.end(here), here, question.via), *trace.hops))
            self._found = trace
        return self._found

    @property
    def here(self) -> Place:
        """The client's place."""
        return self._asked[3]

    @property
    def there(self) -> Place:
        """The server's place."""
        return self._asked[4]

    def of(self, client: Party, server: Party, question: Question) -> Ask:
        """The same between others at these places; not by name."""
        asker, _, _, here, there, _ = self._asked
        return Ask(asker, client, server, here, there, question, same_node=self.same_node, token=self.token)


class Maker:
    """Makes the cells of two parties, block by block; each class of connections is traced once."""

    def __init__(self, asker: Asker, client: Party, server: Party, question: Question) -> None:
        self._asker = asker
        self._ends = client, server
        self._question = question
        self._named = question.by_name and question.unread is None
        # The first hop of a question by name is the name's, or says why the Service is not known.
        self._unnamed = int(question.by_name and question.unread is not None)
        self._names: dict[Hashable, Hop] = {}
        self._traced: dict[Hashable, tuple[Outcome, bool, tuple[tuple[Layer, Outcome], ...]]] = {}
        self._cells: list[Cell] = []
        self.firsts: dict[Hashable, Ask] = {}
        """By class of connections, the one that was traced for all."""

    def cells(self) -> list[Cell]:
        """What was added, in the order of places."""
        forced = bool(self._cells) and all(cell.together for cell in self._cells)
        if forced:
            self._cells = [msgspec.structs.replace(cell, counts=True) for cell in self._cells]
        self._cells.sort(key=lambda cell: (cell.order, cell.together))
        return self._cells

    def add(self, here: Block, there: Block) -> None:
        """The cells of two blocks."""
        if here.subnets.isdisjoint(there.subnets):
            self._split(here, there, same_subnet=False)
            return
        for one in here.by_subnet:
            for other in there.by_subnet:
                self._split(one, other, same_subnet=one.subnets == other.subnets)

    def _split(self, here: Block, there: Block, *, same_subnet: bool) -> None:
        """The cells of two blocks, of which all places share a subnet or none do, by whether they share a node."""
        shared = here.classes.keys() & there.classes.keys()
        if not shared:
            self._add(here, there, (0, 0), len(here.places) * len(there.places), same_subnet=same_subnet)
            return
        number = sum(here.classes[one] * there.classes[one] for one in shared)
        rest = len(here.places) * len(there.places) - number
        if rest:
            clients = range(len(here.places)) if len(there.classes) > 1 else _without(here, there)
            servers = range(len(there.places)) if len(here.classes) > 1 else _without(there, here)
            first = clients[0], next(j for j in servers if _class_of(there, j) != _class_of(here, clients[0]))
            self._add(here, there, first, rest, same_subnet=same_subnet, of=(clients, servers), alike=False)
        world = self._asker.context.world
        several_ = {one for one in shared if _may_part(world, here.places[_first(here, one)])}
        one_node = {one for one in shared if not here.places[_first(here, one)].node_class.fargate}
        for classes, same_node in ((several_, False), (one_node, True)):
            if classes:
                clients, servers = _within(here, classes), _within(there, classes)
                first = clients[0], _first(there, _class_of(here, clients[0]))
                self._add(
                    here,
                    there,
                    first,
                    sum(here.classes[one] * there.classes[one] for one in classes),
                    same_subnet=same_subnet,
                    same_node=same_node,
                    of=(clients, servers),
                    alike=True,
                )

    def _add(
        self,
        here: Block,
        there: Block,
        first: tuple[int, int],
        number: int,
        *,
        same_subnet: bool,
        same_node: bool = False,
        of: tuple[Sequence[int], Sequence[int]] | None = None,
        alike: bool | None = None,
    ) -> None:
        one, other = here.places[first[0]], there.places[first[1]]
        key = (here.token, there.token, same_subnet, same_node)
        found = self._traced.get(key)
        if found is None:
            trace = self._asker.trace(*self._ends, one, other, self._question, self._question.via, same_node=same_node)
            layers = layers_of(trace.hops[self._unnamed :])
            found = trace.outcome, any(hop.unknown is not None for hop in trace.hops), layers
            self._traced[key] = found
        judged, unread, layers = found
        name: Hop | None = None
        named = Outcome.WORKS
        if self._named:
            name = self._name(here.token, one)
            named = name.outcome
            judged, unread = combine((name.outcome, judged)), unread or name.unknown is not None
            # What works is said in the same words for all; what does not is said of the place.
            name = name if says_the_same(name) else None
        ask = Ask(self._asker, *self._ends, one, other, self._question, same_node=same_node, name=name, token=key)
        self.firsts.setdefault(key, ask)
        doubt = one.doubt or other.doubt
        self._cells.append(
            Cell(
                client=one,
                server=other,
                ask=ask,
                judged=judged,
                layers=layers,
                name=named,
                unread=unread,
                outcome=judged if doubt is None or judged is Outcome.WORKS else Outcome.UNKNOWN,
                together=same_node,
                counts=not same_node,
                doubt=doubt,
                number=number,
                clients=tuple(here.places[i] for i in of[0]) if of else here.places,
                servers=tuple(there.places[j] for j in of[1]) if of else there.places,
                alike=alike,
                order=(here.order[first[0]], there.order[first[1]]),
            )
        )

    def _name(self, token: Hashable, place: Place) -> Hop:
        found = self._names.get(token)
        if found is None:
            found = self._names[token] = self._asker.names.hop(self._ends[0].end(place), place, self._question.via)
        return found


def layers_of(hops: Sequence[Hop]) -> tuple[tuple[Layer, Outcome], ...]:
    """Who judged, and how."""
    return tuple((hop.layer, hop.outcome) for hop in hops)


def _class_of(block: Block, number: int) -> str:
    return block.places[number].node_class.id


def _first(block: Block, one: str) -> int:
    """The first place of a node class that the block has."""
    return next(number for number in range(len(block.places)) if _class_of(block, number) == one)


def _within(block: Block, classes: Collection[str]) -> list[int]:
    return [number for number in range(len(block.places)) if _class_of(block, number) in classes]


def _without(block: Block, other: Block) -> list[int]:
    return [number for number in range(len(block.places)) if _class_of(block, number) not in other.classes]


def _may_part(world: World, place: Place) -> bool:
    """Whether two pods on places of one class may be on two nodes."""
    return bool(place.node_class.fargate) or several(world, place.node_class)
