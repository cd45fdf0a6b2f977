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


def matrix_of(context: Context, clients: Sides, servers: Sides, port: str, cells: Sequence[Cell]) -> Matrix:
    """Fold cells by node group."""
    by_groups: dict[tuple[str, str], list[Cell]] = {}
    for cell in cells:
        token = (cell.client.node_class.group, cell.server.node_class.group)
        by_groups.setdefault(token, []).append(cell)
    # Two groups that meet on one node only, where that is not forced, have nothing that counts.
    by_groups = {token: members for token, members in by_groups.items() if any(cell.counts for cell in members)}
    return Matrix(
        client=", ".join(party.shown for party in clients.parties if party.places),
        server=", ".join(party.shown for party in servers.parties if party.places),
        port=port,
        clients=_heads(context, (cell.client for cell in cells)),
        servers=_heads(context, (cell.server for cell in cells)),
        cells=tuple(_cell(groups, members) for groups, members in sorted(by_groups.items())),
    )


def _heads(context: Context, places: Iterable[Place]) -> tuple[Side, ...]:
    nodes: dict[str, dict[str, int]] = {}
    groups: dict[str, set[str]] = {}
    for place in places:
        node_class = place.node_class
        nodes.setdefault(node_class.group, {})[node_class.id] = len(node_class.nodes)
        if isinstance(place.interface.security_groups, tuple):
            groups.setdefault(node_class.group, set()).update(place.interface.security_groups)
    unread = True if context.world.snapshot.missing(kinds.NODES) is not None else msgspec.UNSET
    return tuple(
        Side(
            name,
            sum(counts.values()),
            context.world.groups[name].can_grow,
            tuple(sorted(groups.get(name, ()))),
            unread,
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


def _cell(groups: tuple[str, str], members: Sequence[Cell]) -> MatrixCell:
    counted = [cell for cell in members if cell.counts]
    together = [cell.outcome for cell in members if cell.together]
    outcome = fold_outcomes(cell.outcome for cell in counted)
    telling = min(counted, key=lambda cell: _TELLING.index(cell.outcome))
    return MatrixCell(
        client=groups[0],
        server=groups[1],
        outcome=outcome,
        cells=len(counted),
        blocked=sum(cell.outcome is Outcome.BLOCKED for cell in counted),
        unknown=sum(cell.outcome is Outcome.UNKNOWN for cell in counted),
        hop=telling.trace.first_blocking,
        path=telling.trace.hops,
        client_place=telling.client.text,
        server_place=telling.server.text,
        colocated=fold_outcomes(together) if together else None,
    )
