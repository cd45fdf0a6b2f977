"""The matrix of a finding: client groups × server groups, each cell with its first blocking hop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from clusterproof.checks.cells import Cell
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Matrix, MatrixCell, Side
from clusterproof.checks.parties import Sides
from clusterproof.placement.places import Place
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds


def matrix_of(
    context: Context, clients: Sides, servers: Sides, port: str, cells: Sequence[Cell], *, paths: bool = True
) -> Matrix:
    """Fold cells by node group; without ``paths`` no cell is traced."""
    return Matrix(
        client=", ".join(party.shown for party in clients.parties if party.places),
        server=", ".join(party.shown for party in servers.parties if party.places),
        port=port,
        clients=_heads(context, {id(cell.clients): cell.clients for cell in cells}.values()),
        servers=_heads(context, {id(cell.servers): cell.servers for cell in cells}.values()),
        cells=cells_of(cells, paths=paths),
    )


def cells_of(cells: Sequence[Cell], *, paths: bool = True) -> tuple[MatrixCell, ...]:
    """One cell per client group and server group, sorted; without ``paths`` none is traced."""
    return tuple(_cell(groups, members, paths=paths) for groups, members in by_groups(cells))


def by_groups(cells: Iterable[Cell]) -> list[tuple[tuple[str, str], list[Cell]]]:
    """The cells of each client group and server group in which something counts, sorted."""
    found: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        token = (cell.client.node_class.group, cell.server.node_class.group)
        found.setdefault(token, []).append(cell)
    # Two groups that meet on one node only, where that is not forced, have nothing that counts.
    counting = {token: members for token, members in found.items() if any(cell.counts for cell in members)}
    return [(token, counting[token]) for token in sorted(counting)]


def _heads(context: Context, found: Iterable[tuple[Place, ...]]) -> tuple[Side, ...]:
    nodes: dict[str, dict[str, int]] = {}
    groups: dict[str, set[str]] = {}
    for place in (place for places in found for place in places):
        node_class = place.node_class
        nodes.setdefault(node_class.group, {})[node_class.id] = len(node_class.nodes)
        if isinstance(place.interface.security_groups, tuple):
            groups.setdefault(node_class.group, set()).update(place.interface.security_groups)
    unread = True if context.world.snapshot.missing(kinds.NODES) is not None else msgspec.UNSET
    grown = context.world.groups
    return tuple(
        Side(
            name,
            sum(counts.values()),
            name in grown and grown[name].can_grow,
            tuple(sorted(groups.get(name, ()))),
            unread,
            True if unread is msgspec.UNSET and name in grown and grown[name].full else msgspec.UNSET,
        )
        for name, counts in sorted(nodes.items())
    )


_TELLING = (Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN, Outcome.WORKS)


def fold_outcomes(outcomes: Iterable[Outcome]) -> Outcome:
    """What a free choice among these comes to: all alike stay; blocked beside anything else varies."""
    seen = set(outcomes)
    if len(seen) == 1:
        return seen.pop()
    if seen & {Outcome.BLOCKED, Outcome.VARIES}:
        return Outcome.VARIES
    return Outcome.UNKNOWN


def telling(counted: Sequence[Cell]) -> Cell:
    """The cell, of those that count, that says why the others do not work."""
    return min(counted, key=lambda cell: _TELLING.index(cell.outcome))


def _cell(groups: tuple[str, str], members: Sequence[Cell], *, paths: bool) -> MatrixCell:
    counted = [cell for cell in members if cell.counts]
    together = [cell.outcome for cell in members if cell.together]
    outcome = fold_outcomes(cell.outcome for cell in counted)
    first = telling(counted)
    return MatrixCell(
        client=groups[0],
        server=groups[1],
        outcome=outcome,
        cells=sum(cell.number for cell in counted),
        blocked=sum(cell.number for cell in counted if cell.outcome is Outcome.BLOCKED),
        unknown=sum(cell.number for cell in counted if cell.outcome is Outcome.UNKNOWN),
        hop=first.trace.first_blocking if paths else None,
        path=first.trace.hops if paths else (),
        client_place=first.client.text,
        server_place=first.server.text,
        colocated=fold_outcomes(together) if together else None,
    )
