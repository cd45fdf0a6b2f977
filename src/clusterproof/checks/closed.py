"""Requirements that nothing gets through: the same cells, folded with works and blocked exchanged.

It passes where every cell is blocked. A cell that works breaks it, so that it takes the part that a blocked one has
elsewhere; what varies gets through sometimes, and what is unknown stays unknown. A place where it is in doubt whether
the client may be breaks nothing for certain, and where it is blocked there the doubt does not matter. Pairs on one node
count: what gets through there gets through.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.checks.cell import Cell, Question
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Matrix, MatrixCell
from clusterproof.checks.matrix import by_groups, fold_outcomes
from clusterproof.checks.special import Asked
from clusterproof.checks.words import listed, named
from clusterproof.profiles.model import Reach
from clusterproof.profiles.port import PortRange
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.linklocal import name_of
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace
from clusterproof.snapshot.fields import Unknown
from clusterproof.verdict.algebra import Tally, Verdict

_OTHER = {Outcome.WORKS: Outcome.BLOCKED, Outcome.BLOCKED: Outcome.WORKS}
_OPEN_FIRST = (Outcome.WORKS, Outcome.VARIES, Outcome.UNKNOWN, Outcome.BLOCKED)
_POLICIES = (Layer.POLICY_EGRESS, Layer.POLICY_INGRESS)


def inverted(outcome: Outcome) -> Outcome:
    """What an outcome means for a requirement that nothing gets through: works for blocked, blocked for works."""
    return _OTHER.get(outcome, outcome)


def as_asked(context: Context, ports: PortRange) -> list[Asked]:
    """What is asked: the ports themselves. A name that leads nowhere, or a server that sleeps, closes nothing."""
    return [Asked(Question(port, ports.protocol, None, by_name=False)) for port in context.representative_ports(ports)]


def turned(cells: Sequence[Cell]) -> list[Cell]:
    """The cells as the algebra takes them: what gets through is blocked, and what is blocked works."""
    open_everywhere = all(cell.judged is Outcome.WORKS for cell in cells)
    result: list[Cell] = []
    for cell in cells:
        outcome = inverted(cell.judged)
        if cell.doubt is not None and outcome is not Outcome.WORKS and not open_everywhere:
            outcome = Outcome.UNKNOWN
        # Where it is closed it does not matter whether the client may be there at all.
        doubt = None if outcome is Outcome.WORKS else cell.doubt
        judged = inverted(cell.judged)
        result.append(msgspec.structs.replace(cell, judged=judged, outcome=outcome, counts=True, doubt=doubt))
    return result


def unknowns(cells: Sequence[Cell]) -> list[Unknown]:
    """What could not be known of turned cells; nothing of those that are closed all the same."""
    found: list[Unknown] = []
    for cell in cells:
        if cell.outcome is Outcome.WORKS:
            continue
        found += [cell.doubt] if cell.doubt is not None else []
        if cell.unread:
            found += [hop.unknown for hop in cell.trace.hops if hop.unknown is not None]
    return found


def lets_through(trace: Trace) -> Hop | None:
    """The hop to look at where a connection gets through that should not: what may refuse it and does not."""
    judged = [hop for hop in trace.hops if hop.outcome is not Outcome.BLOCKED]
    for layers in (_POLICIES, tuple(layer for layer in Layer if layer is not Layer.NODE)):
        for hop in judged:
            if hop.layer in layers:
                return hop
    return judged[-1] if judged else None


def matrix_cells(cells: Sequence[Cell], *, paths: bool = True) -> tuple[MatrixCell, ...]:
    """The matrix of turned cells, with what really happens in each: works gets through."""
    return tuple(_cell(groups, members, paths=paths) for groups, members in by_groups(cells))


def _cell(groups: tuple[str, str], members: Sequence[Cell], *, paths: bool) -> MatrixCell:
    real = {id(cell): inverted(cell.outcome) for cell in members}
    first = min(members, key=lambda cell: _OPEN_FIRST.index(real[id(cell)]))
    outcome = fold_outcomes(real.values())
    shut = real[id(first)] is Outcome.BLOCKED
    trace = first.trace if paths else None
    return MatrixCell(
        client=groups[0],
        server=groups[1],
        outcome=outcome,
        cells=sum(cell.number for cell in members),
        blocked=sum(cell.number for cell in members if real[id(cell)] is Outcome.BLOCKED),
        unknown=sum(cell.number for cell in members if real[id(cell)] is Outcome.UNKNOWN),
        hop=None if trace is None or shut else lets_through(trace),
        path=trace.hops if trace is not None else (),
        client_place=first.client.text,
        server_place=first.server.text,
        closed=True,
    )


# --- words ----------------------------------------------------------------------------------------


def summary_of(
    tally: Tally, matrix: Matrix | None, check: Reach, stuck: Sequence[str], unknown: Sequence[Unknown]
) -> tuple[str, str]:
    """One clause that says what gets through and why nothing stops it; and the cause."""
    target = _target(check)
    if matrix is None:
        return (stuck[0] if stuck else f"nothing was found to ask about {target}"), ""
    by_word: dict[str, list[str]] = {}
    for side in matrix.clients:
        cells = [cell for cell in matrix.cells if cell.client == side.group]
        by_word.setdefault(_word(cells), []).append(side.group if side.nodes else f"{side.group} (no nodes yet)")
    who = matrix.client
    reach = "reach" if ", " in who else "reaches"
    open_, some, not_known = (by_word.get(word, []) for word in ("open", "some", "unknown"))
    match tally.verdict:
        case Verdict.PASS:
            return f"{who} cannot reach {target} from {_all(matrix, by_word.get('shut', []))}", ""
        case Verdict.FAIL:
            if stuck:
                return stuck[0], ""
            return f"{who} {reach} {target} from {_all(matrix, [*open_, *some])}: {_why(matrix)}", ""
        case Verdict.UNKNOWN:
            why = unknown[0].detail if unknown else "something was not read"
            return f"whether {who} can reach {target} is not known", why
        case _:
            parts = [f"open from {listed(open_)}"] if open_ else []
            parts += [f"sometimes open from {listed(some)}"] if some else []
            parts += [f"not known from {listed(not_known)}"] if not_known else []
            parts += [f"closed from {listed(by_word['shut'])}"] if by_word.get("shut") else []
            cause = _cause(matrix, some=bool(some))
            return f"{who} to {target}: {', '.join(parts)}; {_why(matrix)}", cause


def _target(check: Reach) -> str:
    address = check.to.address
    if not address:
        return f"{named(check.to)}:{check.port.partition('/')[0]}"
    single = address.partition("/")[0] if address.endswith(("/32", "/128")) else address
    shown = f"[{single}]" if ":" in single else single
    name = name_of(AddressSet.of(address)).removeprefix("the ")
    return f"{shown}:{check.port.partition('/')[0]}" + (f" ({name})" if name else "")


def _word(cells: Sequence[MatrixCell]) -> str:
    seen = {cell.outcome for cell in cells}
    if seen == {Outcome.BLOCKED}:
        return "shut"
    if seen == {Outcome.WORKS}:
        return "open"
    return "some" if seen & {Outcome.WORKS, Outcome.VARIES} else "unknown"


def _all(matrix: Matrix, names: Sequence[str]) -> str:
    return "every node" if len(names) == len(matrix.clients) else listed(names)


def _why(matrix: Matrix) -> str:
    """What lets it through, in a clause: the rule that admits it, or that nothing selects the pods."""
    hops = _telling(matrix)
    if not hops:
        return "nothing stops it"
    hop = hops[0]
    more = f" ({len(hops)} reasons in all)" if len(hops) > 1 else ""
    if hop.layer not in _POLICIES:
        return f"no policy stops it; {hop.text}{more}"
    if not hop.refs:
        return f"no policy stops it: {hop.text}{more}"
    ref = hop.refs[0]
    return f"{ref.key}{f', {ref.field},' if ref.field else ''} admits it: {hop.text}{more}"


def _telling(matrix: Matrix) -> list[Hop]:
    found = (cell.hop for cell in matrix.cells if cell.outcome in (Outcome.WORKS, Outcome.VARIES))
    return list({hop.text: hop for hop in found if hop is not None}.values())


def _cause(matrix: Matrix, *, some: bool) -> str:
    many = len({cell.client for cell in matrix.cells}) > 1
    chosen = "the scheduler's choice of the client's node"
    return chosen if many or some else "which address, port or node comes up"
