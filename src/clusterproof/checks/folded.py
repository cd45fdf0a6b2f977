"""The cells of two parties by node group, without a cell for each block: what differs between parties is asked, no more.

Between the same places and for the same flows the cells differ by what their classes come to alone (checks/alike.py),
so that one fold serves all parties there whose classes come to the same. A row then needs words only where it does not
work: those of the network are its interfaces', whoever is on them, and those of a refusal by policies are the pods',
wherever they are. Anything else is traced.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import NamedTuple

from clusterproof.checks.alike import Ask
from clusterproof.checks.cells import Asker, Cell, Question
from clusterproof.checks.fold import Blocks
from clusterproof.checks.matrix import by_groups, cells_of, fold_outcomes, telling
from clusterproof.checks.parties import Party
from clusterproof.reach.service import service_hop
from clusterproof.reach.trace import Hop, Layer, Outcome, combine, unknown_hop
from clusterproof.snapshot import kinds
from clusterproof.world.model import Workload
from clusterproof.world.readable import OS


class Group(NamedTuple):
    """All cells of one client group and one server group.

    Attributes:
        client, server: names of node groups.
        outcome: as in a matrix.
        hop: the first that does not let it through; None where it works.
        cells: how many pairs of places.
    """

    client: str
    server: str
    outcome: Outcome
    hop: Hop | None
    cells: int


class _Spot(NamedTuple):
    """A group, and the connection that tells what stops it; None where nothing does, or nobody would say so."""

    client: str
    server: str
    outcome: Outcome
    cells: int
    told: Ask | None
    doubt: Hop | None


class _Line(NamedTuple):
    """A group with what stops it: a hop, or where among the hops that are the pods' own it stands."""

    client: str
    server: str
    outcome: Outcome
    cells: int
    hop: Hop | None
    own: tuple[Hashable, int] | None


class _Fold:
    """What is known of the places of two parties, for some flows."""

    __slots__ = ("blocks", "composed", "firsts", "folds", "kinds", "wire", "wires")

    def __init__(self, blocks: Blocks, firsts: dict[Hashable, Ask]) -> None:
        self.blocks = blocks  # kept, so that their id is not used again
        self.firsts = firsts
        self.folds: dict[tuple[Outcome, ...], tuple[_Spot, ...]] = {}
        self.wire: dict[tuple[int, int, Layer, object], Hop | None] = {}
        self.kinds: dict[Hashable, Ask] = {}
        for ask in firsts.values():
            self.kinds.setdefault(_kind(ask), ask)
        self.wires: dict[Hashable, tuple[Outcome, ...]] = {}
        self.composed: dict[Hashable, tuple[_Line, ...]] = {}


class Folded:
    """Folds in one context."""

    def __init__(self, asker: Asker, wide: Callable[[Workload], bool]) -> None:
        """Share what an asker knows.

        Args:
            asker: of the context.
            wide: whether what policies say of a workload may differ from place to place.
        """
        self._asker = asker
        world = asker.context.world
        windows = any(item.labels.get(OS) == "windows" for item in world.classes)
        self._apart = world.plane.modelled is None and not windows
        self._wide = wide
        snapshot = asker.context.world.snapshot
        # Policies in tiers say which rule refused, which may be another on other addresses.
        self._plain = not any(
            snapshot.missing(kind) is not None or any(True for _ in snapshot.objects(kind))
            for kind in kinds.OTHER_POLICIES
        )
        self._folds: dict[int, _Fold] = {}

    def groups(self, client: Party, server: Party, question: Question) -> Sequence[Group]:
        """By client group and server group, sorted: what :func:`clusterproof.checks.matrix.cells_of` says."""
        blocks = None if question.by_name else self._asker.blocks(client, server, question)
        if blocks is None:
            return groups_of(self._asker.fresh(client, server, question))
        fold = self._folds.get(id(blocks))
        if fold is None:
            firsts, cells = self._asker.traced(client, server, question, blocks)
            fold = self._folds[id(blocks)] = _Fold(blocks, firsts)
            outcomes = tuple(ask().outcome for ask in firsts.values())
            fold.folds[outcomes] = tuple(_spots(cells))
        if self._separable(client, server, question):
            try:
                return list(self._composed(fold, client, server, question))
            except _DifferError:
                pass  # then each is asked
        asks = {key: ask.of(client, server, question) for key, ask in fold.firsts.items()}
        outcomes = tuple(ask().outcome for ask in asks.values())
        spots = fold.folds.get(outcomes)
        if spots is None:
            spots = fold.folds[outcomes] = tuple(_spots(self._asker.traced(client, server, question, blocks)[1]))
        via = question.via
        numbers = {
            same: None if via is None else service_hop(via, server.workload, same_node=same)[1]
            for same in (False, True)
        }
        stops = {key: ask().first_blocking for key, ask in asks.items()}
        result: list[Group] = []
        for spot in spots:
            hop: Hop | None = spot.doubt
            ask = spot.told
            if ask is not None:
                stop = stops[ask.token]
                if stop is not None and stop.layer in _POLICIES and stop.outcome is Outcome.BLOCKED and self._plain:
                    hop = stop
                elif stop is not None and stop.layer in _WIRE:
                    number = (numbers[ask.same_node], question.port, question.protocol)
                    place = id(ask.here), id(ask.there), stop.layer, (number, ask.same_node)
                    if place not in fold.wire:
                        fold.wire[place] = ask.of(client, server, question)().first_blocking
                    hop = fold.wire[place]
                else:
                    hop = ask.of(client, server, question)().first_blocking or hop
            result.append(Group(spot.client, spot.server, spot.outcome, hop, spot.cells))
        return result

    def _separable(self, client: Party, server: Party, question: Question) -> bool:
        """Whether what the pods' own layers say is the same at all their places, of one kind, and reads no address."""
        one, other = client.workload, server.workload
        if not self._apart or one is None or other is None or question.via is None:
            return False
        if any(service_hop(question.via, other, same_node=same)[1] is None for same in (False, True)):
            return False
        return not self._wide(one) and not self._wide(other)

    def _composed(self, fold: _Fold, client: Party, server: Party, question: Question) -> Iterator[Group]:
        """One connection of each kind is traced; what the network says beside is known from others at these places."""
        own: dict[Hashable, tuple[Hop, ...]] = {}
        for kind, ask in fold.kinds.items():
            hops = ask.of(client, server, question)().hops
            own[kind] = tuple(hop for hop in hops if hop.layer not in _WIRE and hop.layer is not Layer.NODE)
        via = question.via
        number = None if via is None else service_hop(via, server.workload, same_node=False)[1]
        sent = number, question.protocol
        key = sent, tuple(tuple((hop.layer, hop.outcome) for hop in hops) for hops in own.values())
        lines = fold.composed.get(key)
        if lines is None:
            lines = fold.composed[key] = tuple(self._lines(fold, client, server, question, own, sent))
        for line in lines:
            hop = line.hop if line.own is None else own[line.own[0]][line.own[1]]
            yield Group(line.client, line.server, line.outcome, hop, line.cells)

    def _lines(
        self,
        fold: _Fold,
        client: Party,
        server: Party,
        question: Question,
        own: dict[Hashable, tuple[Hop, ...]],
        sent: Hashable,
    ) -> Iterator[_Line]:
        outcomes: list[Outcome] = []
        for token, ask in fold.firsts.items():
            wire = fold.wires.get((token, sent))
            if wire is None:
                hops = ask.of(client, server, question)().hops
                wire = fold.wires[token, sent] = tuple(hop.outcome for hop in hops if hop.layer in _WIRE)
            outcomes.append(combine((*wire, *(hop.outcome for hop in own[_kind(ask)]))))
        found = tuple(outcomes)
        spots = fold.folds.get(found)
        if spots is None:
            spots = fold.folds[found] = tuple(_spots(self._asker.traced(client, server, question, fold.blocks)[1]))
        for spot in spots:
            hop, at = spot.doubt, None
            stop = None if spot.told is None else spot.told.of(client, server, question)().first_blocking
            if spot.told is not None and stop is not None:
                hop = stop
                if stop.layer not in _WIRE:
                    kind = _kind(spot.told)
                    alike = ((one.layer, one.outcome) == (stop.layer, stop.outcome) for one in own[kind])
                    place = next((number for number, same in enumerate(alike) if same), None)
                    if place is None:
                        raise _DifferError
                    at = kind, place
            yield _Line(spot.client, spot.server, spot.outcome, spot.cells, None if at is not None else hop, at)


class _DifferError(Exception):
    """The pods' own layers say another thing at another place of one kind."""


def _kind(ask: Ask) -> Hashable:
    """What the pods' own layers read of two places, where no policy reads addresses."""
    here, there = ask.here.interface, ask.there.interface
    known = isinstance(here.subnet, str), isinstance(there.subnet, str)
    return ask.same_node, here.attachment, there.attachment, known


_POLICIES = frozenset((Layer.POLICY_EGRESS, Layer.POLICY_INGRESS))
_WIRE = frozenset(
    (
        Layer.GROUP_EGRESS,
        Layer.ACL_OUT,
        Layer.ROUTE,
        Layer.ACL_IN,
        Layer.GROUP_INGRESS,
        Layer.ACL_RETURN_OUT,
        Layer.ROUTE_RETURN,
        Layer.ACL_RETURN_IN,
    )
)
"""What reads interfaces and nothing else of the two ends (reach/vpcpath.py)."""


def groups_of(cells: Sequence[Cell]) -> list[Group]:
    """Cells by node group, each traced."""
    result: list[Group] = []
    for cell in cells_of(cells):
        hop = cell.hop
        if hop is None and cell.outcome is not Outcome.WORKS:
            hop = _doubt(cells, cell.client, cell.server)
        result.append(Group(cell.client, cell.server, cell.outcome, hop, cell.cells))
    return result


def _spots(cells: Sequence[Cell]) -> Iterator[_Spot]:
    for (client, server), members in by_groups(cells):
        counted = [cell for cell in members if cell.counts]
        outcome = fold_outcomes(cell.outcome for cell in counted)
        first = telling(counted)
        told: Ask | None = None
        doubt: Hop | None = None
        if first.judged is not Outcome.WORKS:
            told = first.ask if isinstance(first.ask, Ask) else None  # cells of blocks are always asked so
        if outcome is not Outcome.WORKS:
            doubt = _doubt(cells, client, server)
        yield _Spot(client, server, outcome, sum(cell.number for cell in counted), told, doubt)


def _doubt(cells: Iterable[Cell], client: str, server: str) -> Hop | None:
    """Why it is not known whether the pods may be where they would have to be."""
    for cell in cells:
        groups = cell.client.node_class.group, cell.server.node_class.group
        if cell.doubt is not None and groups == (client, server):
            return unknown_hop(Layer.NODE, client if cell.client.doubt is not None else server, cell.doubt)
    return None
