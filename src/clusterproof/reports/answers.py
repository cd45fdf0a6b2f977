"""One question, ``why``: the path drawn top to bottom, and one sentence."""

from __future__ import annotations

from clusterproof.checks.finding import MatrixCell
from clusterproof.checks.paths import Answer
from clusterproof.reach.trace import Outcome
from clusterproof.reports import paths, words
from clusterproof.reports.text import Paint, cleaned, hang, pad, sentence, width_of
from clusterproof.verdict.algebra import Verdict

_WORST_FIRST = (Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN, Outcome.WORKS)
_LINES = 160


def exit_status(answer: Answer) -> int:
    """0 it works from everywhere, 1 it does not or depends, 3 it could not be decided."""
    if answer.verdict.failing:
        return 1
    return 3 if answer.verdict is Verdict.UNKNOWN else 0


def render(answer: Answer, *, width: int, colour: bool, verbose: bool) -> str:
    """The answer as plain text: the path of the worst pair (of each distinct one when verbose), then the sentence."""
    answer = cleaned(answer, Answer)
    paint = Paint(colour)
    width = min(max(width - 1, 40), _LINES)
    lines = hang("", f"{answer.source} to {answer.destination}, {answer.port}", width, indent=2)
    lines[0] = paint.bold(lines[0])
    for cell in _shown(answer.cells, every=verbose):
        lines += ["", *_drawn(cell, width, paint, verbose)]
    if len(answer.cells) > 1:
        lines += ["", *_others(answer.cells, paint)]
    mark = {Verdict.PASS: "Yes.", Verdict.FAIL: "No.", Verdict.DEPENDS: "It depends.", Verdict.UNKNOWN: "Not known."}
    said = sentence(answer.sentence)
    start = mark.get(answer.verdict, "")
    lines += ["", *hang("", said if said.startswith(start) else f"{start} {said}", min(width, 110))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _shown(cells: tuple[MatrixCell, ...], *, every: bool) -> list[MatrixCell]:
    ordered = sorted((c for c in cells if c.path), key=lambda c: _WORST_FIRST.index(c.outcome))
    if not every:
        return ordered[:1]
    distinct: dict[tuple[object, ...], MatrixCell] = {}
    for cell in ordered:
        distinct.setdefault(cell.path, cell)
    return list(distinct.values())


def _drawn(cell: MatrixCell, width: int, paint: Paint, verbose: bool) -> list[str]:
    return [
        *hang("  from  ", _place(cell.client, cell.client_place), width),
        *paths.hops(cell.path, width, paint, verbose),
        *hang("  to    ", _place(cell.server, cell.server_place), width),
    ]


def _place(group: str, place: str) -> str:
    """A place with its group, which is named once."""
    if not place:
        return f"group {group}"
    return f"group {place}" if place.startswith(group) else f"{place} (group {group})"


def _others(cells: tuple[MatrixCell, ...], paint: Paint) -> list[str]:
    """Every pair of groups in a line."""
    names = [f"{cell.client} to {cell.server}" for cell in cells]
    size = max(width_of(name) for name in names)
    return [
        f"  {pad(name, size)}  {paths.painter(cell.outcome, paint, words.cell(cell))}"
        for name, cell in zip(names, cells, strict=True)
    ]
