"""What logs point to: each symptom with its line, what its requirement comes to now, what stops it, and the fix."""

from __future__ import annotations

from clusterproof.checks.diagnose import Diagnoses, Diagnosis, Sighting
from clusterproof.reports import words
from clusterproof.reports.text import Paint, cleaned, command_lines, hang, listing, pad, plural, sentence
from clusterproof.verdict.algebra import Verdict

_MOST = 3
"""Sightings of one symptom that are shown unless all are asked for."""
_LABEL = 11


def render(found: Diagnoses, *, width: int, colour: bool, verbose: bool) -> str:
    """The diagnosis as plain text that ends in a newline."""
    found = cleaned(found, Diagnoses)
    paint = Paint(colour)
    width = min(max(width - 1, 40), 110)
    lines = _head(found, width)
    for item in found.diagnoses:
        lines += ["", *_item(item, found.undecided, width, paint, verbose)]
    for unknown in found.unread:
        detail, remedy = words.unknown_lines(unknown)
        lines += ["", *hang("not read  ", detail + (f"; {remedy}" if remedy else ""), width)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _head(found: Diagnoses, width: int) -> list[str]:
    if not found.logs:
        why = "No log could be read" if found.unread else "No pod crashes or is not ready, so there was no log to read"
        return hang("", sentence(why), width)
    size = sum(log.bytes for log in found.logs)
    what = found.logs[0].name if len(found.logs) == 1 else plural(len(found.logs), "log")
    seen = len({(s.id, s.symptom) for item in found.diagnoses for s in item.sightings})
    said = (
        f"{seen} of {plural(found.symptoms, 'known symptom')}" if seen else f"none of {found.symptoms} known symptoms"
    )
    return hang("", f"{what}, {size:,} bytes: {said}", width, indent=2)


def _item(item: Diagnosis, undecided: str, width: int, paint: Paint, verbose: bool) -> list[str]:
    finding = item.finding
    word = words.VERDICT[finding.verdict] if finding is not None else "UNKNOWN"
    lines = [f"{_mark(word, paint)}  {item.id}  {item.level.value}", *hang("  ", sentence(item.title), width), ""]
    shown = item.sightings if verbose else item.sightings[:_MOST]
    for sighting in shown:
        lines += _seen(sighting, width)
    if len(item.sightings) > len(shown):
        lines += hang(
            "  ".ljust(_LABEL), f"and in {plural(len(item.sightings) - len(shown), 'place')} more (-v)", width
        )
    if finding is None:
        why = undecided or "nothing was named to judge it by: name SRC, or read the live cluster"
        return [
            *lines,
            *_labelled("now", f"not known: {why}", width),
            *_labelled("remedy", item.remedy, width),
            *_more(item),
        ]
    lines += _labelled("now", finding.summary, width)
    if item.hop is not None:
        lines += _labelled("stopped", f"{item.pair}: {words.told(item.hop)}", width)
    if finding.verdict is Verdict.UNKNOWN:
        for unknown in finding.unknowns[: None if verbose else _MOST]:
            detail, remedy = words.unknown_lines(unknown)
            lines += _labelled("unknown", detail + (f"; {remedy}" if remedy else ""), width)
    fix = finding.fix
    if fix is not None and fix.changes:
        proof = "proven" if fix.proven else "not proven"
        lines += _labelled("fix", f"{proof}: {listing(change.text for change in fix.changes)}", width)
        for command in fix.commands:
            lines += command_lines(command, width, _LABEL)
    elif finding.verdict.failing or finding.verdict is Verdict.UNKNOWN:
        lines += _labelled("remedy", item.remedy, width)
    else:
        lines += _labelled(
            "so", "it does not explain the log as the cluster is now; it may have when the log was written", width
        )
    return [*lines, *_more(item)]


def _seen(sighting: Sighting, width: int) -> list[str]:
    times = f", {sighting.count:,} times" if sighting.count > 1 else ""
    return [
        *_labelled("seen", f"{sighting.symptom}  ({sighting.log}, line {sighting.line:,}{times})", width),
        *hang(" " * _LABEL + "> ", sighting.text, width, indent=_LABEL + 2),
    ]


def _labelled(label: str, text: str, width: int) -> list[str]:
    return hang(pad(f"  {label}", _LABEL) + ("" if len(label) < _LABEL - 2 else " "), text, width, indent=_LABEL)


def _more(item: Diagnosis) -> list[str]:
    return [f"{pad('  more', _LABEL)}clusterproof explain {item.id}"]


def _mark(word: str, paint: Paint) -> str:
    return {"FAIL": paint.bad, "DEPENDS": paint.warn, "UNKNOWN": paint.unsure, "pass": paint.good}.get(word, paint.dim)(
        word
    )
