"""Matrices and paths for the terminal: who reaches whom, and where a packet stops."""

from __future__ import annotations

from clusterproof.checks.finding import Matrix, MatrixCell, Odds
from clusterproof.reach.trace import Hop, Outcome
from clusterproof.reports import chances, words
from clusterproof.reports.text import Paint, columns, hang, pad, width_of
from clusterproof.snapshot.fields import Ref


def painter(outcome: Outcome, paint: Paint, text: str) -> str:
    """The text in the outcome's colour."""
    return {
        Outcome.WORKS: paint.good,
        Outcome.BLOCKED: paint.bad,
        Outcome.VARIES: paint.warn,
        Outcome.UNKNOWN: paint.unsure,
    }[outcome](text)


_PROSE = 110


def matrix(
    grid: Matrix, odds: Odds | None, width: int, paint: Paint, told: list[Hop], legend: set[str] | None = None
) -> list[str]:
    """Client groups × server groups; as a list where the table would be too wide.

    Below it, what its short forms mean, unless ``legend`` holds that it was told before, and why each pair does not
    work, except where the hop is told elsewhere (``told``).
    """
    prose = min(width, _PROSE)
    lines = hang("  ", f"{grid.client} to {grid.server}, {grid.port}", prose, indent=4)
    rows = _table(grid, odds)
    sizes = columns(rows)
    fits = bool(rows) and 2 + sum(sizes) <= width
    if fits:
        lines += [_painted(row, sizes, grid, paint, head=i == 0, at=i - 1) for i, row in enumerate(rows)]
    else:
        lines += _list(grid, odds, width, paint)
    for text in chances.legend(grid, odds if fits else None, set() if legend is None else legend):
        lines += hang("  ", text, prose, indent=4)
    for which, hop in words.refusals(grid):
        if hop in told:
            continue
        lines += hang(f"  {which}: ", words.refusal(hop), prose, indent=4)
    for text in (words.colocated(grid), chances.odds_sentence(odds, grid.client) if odds else ""):
        if text:
            lines += hang("  ", text, prose)
    return lines


def _table(grid: Matrix, odds: Odds | None) -> list[list[str]]:
    if not grid.clients or not grid.servers:
        return []
    counted = odds is not None and odds.unknown is None and bool(odds.rows)
    rows = [
        [
            "from \\ to",
            *(f"{side.group}, {words.nodes(side)}" for side in grid.servers),
            *(("lands here / again", f"next {chances.noun(grid.client)} fails") if counted else ()),
        ]
    ]
    found = {(cell.client, cell.server): cell for cell in grid.cells}
    for side in grid.clients:
        cells = (found.get((side.group, server.group)) for server in grid.servers)
        row = [f"{side.group}, {words.nodes(side)}", *(words.cell(cell) if cell else "-" for cell in cells)]
        if counted:
            row += chances.shown(odds, side.group)
        rows.append(row)
    return rows


def _painted(row: list[str], sizes: list[int], grid: Matrix, paint: Paint, *, head: bool, at: int) -> str:
    texts = [pad(text, size) for text, size in zip(row, sizes, strict=True)]
    if head:
        return ("  " + paint.dim("".join(texts).rstrip())).rstrip()
    found = {(cell.client, cell.server): cell for cell in grid.cells}
    client = grid.clients[at].group
    for i, server in enumerate(grid.servers, start=1):
        cell = found.get((client, server.group))
        if cell is not None:
            bare = texts[i].rstrip()
            texts[i] = painter(cell.felt, paint, bare) + texts[i][len(bare) :]
    return ("  " + "".join(texts)).rstrip()


def _list(grid: Matrix, odds: Odds | None, width: int, paint: Paint) -> list[str]:
    """One line per pair: for terminals too narrow, or matrices too wide, for a table."""
    lines: list[str] = []
    servers = {side.group: side for side in grid.servers}
    names = max((width_of(f"{s.group}, {words.nodes(s)}") for s in grid.servers), default=0)
    for side in grid.clients:
        chance = chances.row_odds(odds, side.group)
        text = f"from {side.group}, {words.nodes(side)}"
        if chance is not None:
            one = chances.noun(grid.client)
            text += f": a first {one} lands here {chances.percent(chance.first)}"
            if chance.first:
                text += f", again {chances.percent(chance.repeats)}"
                text += f"; the next {one} then fails {chances.percent(chance.fails_cached)}"
        lines += hang("  ", text, width, indent=4)
        for cell in grid.cells:
            if cell.client == side.group and cell.server in servers:
                server = servers[cell.server]
                prefix = f"    to {pad(f'{server.group}, {words.nodes(server)}', names)}  "
                lines.append(prefix + painter(cell.felt, paint, words.cell(cell)))
    return lines


def path(cell: MatrixCell, grid: Matrix, width: int, paint: Paint, verbose: bool) -> list[str]:
    """The whole way of one cell as numbered hops, each with its rule and evidence."""
    head = f"{cell.client} to {cell.server}, {grid.port}"
    places = " to ".join(place for place in (cell.client_place, cell.server_place) if place)
    lines = hang("  ", f"{head}: {places}" if places else head, width, shown="  ", indent=4)
    return lines + hops(cell.path, width, paint, verbose, brief=not verbose)


def hops(way: tuple[Hop, ...], width: int, paint: Paint, verbose: bool, *, brief: bool = False) -> list[str]:
    """Numbered hops: what was decided, by whom, by which rule, and where that was read.

    ``brief`` tells the hops before the first that does not allow in one line.
    """
    lines: list[str] = []
    decisions = words.decided(way)
    size = max((len(word) for word in decisions), default=0) + 2
    end, rest = (len(way), "") if verbose else words.rest_of_way(way)
    before, layers = words.start_of_way(way) if brief else (0, "")
    if before:
        lines += _several(f"1-{before}", decisions[0], layers, size, width, paint)
    for number, (hop, word) in enumerate(zip(way[:end], decisions[:end], strict=True), start=1):
        if number <= before:
            continue
        prefix = f"  {number:>3}  {pad(word, size)}"
        shown = f"  {number:>3}  {painter(hop.outcome, paint, word)}{' ' * (size - len(word))}"
        margin = " " * width_of(prefix)
        lines += hang(prefix, words.told(hop), width, shown=shown)
        for ref in _telling(hop, verbose):
            named = Ref(ref.kind, ref.key) if hop.outcome is Outcome.WORKS and not verbose else ref
            evidence = words.evidence(named, whole=verbose)
            lines += hang(f"{margin}read in ", evidence, width, shown=f"{margin}{paint.dim('read in')} ")
        if hop.unknown is not None and hop.unknown.remedy:
            lines += hang(f"{margin}to know it: ", hop.unknown.remedy, width)
    if rest:
        lines += _several(f"{end + 1}-{len(way)}", decisions[-1], rest, size, width, paint)
    return lines


def _several(numbers: str, word: str, layers: str, size: int, width: int, paint: Paint) -> list[str]:
    """Hops of one decision in one line."""
    prefix = f"{numbers:>5}  {pad(word, size)}"
    shown = f"{numbers:>5}  {painter(Outcome.WORKS, paint, word)}{' ' * (size - len(word))}"
    return hang(prefix, layers, width, shown=shown)


def _telling(hop: Hop, verbose: bool) -> tuple[Ref, ...]:
    """The evidence that the hop's own words do not name already; all of it when verbose."""
    if verbose:
        return hop.refs
    return tuple(ref for ref in hop.refs[:1] if ref.key not in f"{hop.at} {hop.text}")
