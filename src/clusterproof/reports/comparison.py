"""A comparison in words: the verdicts that changed and by what, then the objects."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from clusterproof.checks.changes import Comparison, ObjectChange, VerdictChange, counted
from clusterproof.profiles.model import Level
from clusterproof.reports.markdown import code, escape, table
from clusterproof.reports.text import Paint, cleaned, columns, hang, listing, pad, plural
from clusterproof.reports.words import VERDICT, moment
from clusterproof.verdict.algebra import Verdict

_VALUE = 60
"""A value longer than this is cut: the JSON has it whole."""
_CAUSES = 3
"""How many alternatives are named; the JSON has all."""
_FIELDS = 3
_WHOLE = "complete"
"""How the comparison writes that a kind was read whole."""
_RULE = re.compile(
    r"IpPermissions(?P<egress>Egress)?\.(?P<protocol>\S+) (?:all|(?P<low>-?\d+)-(?P<high>-?\d+)) (?P<peer>\S+)"
)


def render(comparison: Comparison, *, width: int, colour: bool, verbose: bool) -> str:
    """The comparison as plain text of at most ``width`` columns."""
    found = _clean(comparison)
    width, paint = max(width - 1, 40), Paint(colour)
    lines = [
        *hang("old  ", _side(found, old=True), width),
        *hang("new  ", _side(found, old=False), width),
        *hang("", f"profile {found.profile}", width),
        "",
    ]
    names = columns([[_name(v), ""] for v in found.verdicts])[0] if found.verdicts else 0
    for change in found.verdicts:
        word = pad(_direction(change), 8)
        shown = paint.bad(word) if change.worse else paint.good(word) if _direction(change) == "better" else word
        head, rest = f"{_name(change)}", _step(change)
        lines += hang(f"  {word}{pad(head, names)}", rest, width, shown=f"  {shown}{pad(head, names)}")
        for label, text in _details(change):
            lines += hang(f"          {label}  ", text, width)
    if not found.verdicts:
        lines.append("  No verdict changed.")
    lines += ["", *_objects(found, width, paint, verbose)]
    lines += hang("", _consequence(found), width)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def markdown(comparison: Comparison, *, verbose: bool) -> str:
    """The comparison as GitHub-flavoured Markdown."""
    found = _clean(comparison)
    blocks = [f"# {escape(found.old.name)} → {escape(found.new.name)}", escape(f"profile {found.profile}")]
    rows = [
        [
            f"**{_direction(v)}**" if v.worse else _direction(v),
            code(_name(v)),
            escape(_step(v)),
            "<br>".join(f"{label}: {escape(text)}" for label, text in _details(v)),
        ]
        for v in found.verdicts
    ]
    blocks.append(table(["", "requirement", "verdict", "by what"], rows) if rows else "No verdict changed.")
    if found.objects:
        blocks.append(f"## {plural(len(found.objects), 'object')} differ{'s' if len(found.objects) == 1 else ''}")
        rows = [[code(kind), escape(_counts(by))] for kind, by in counted(found.objects).items()]
        blocks.append(table(["kind", "changes"], rows))
        if verbose:
            blocks.append("\n".join(f"- {code(object_name(o))}: {escape(said(o, every=True))}" for o in found.objects))
    return "\n\n".join([*blocks, escape(_consequence(found))]) + "\n"


def _clean(comparison: Comparison) -> Comparison:
    return cleaned(comparison, Comparison)


def _name(change: VerdictChange) -> str:
    return change.id.partition("/")[2]


def _side(comparison: Comparison, *, old: bool) -> str:
    side = comparison.old if old else comparison.new
    cluster = f" ({side.cluster}{f', read {moment(side.read_at)}' if side.read_at else ''})" if side.cluster else ""
    return f"{side.name}{cluster}"


def _direction(change: VerdictChange) -> str:
    if change.worse:
        return "WORSE"
    if change.old is None or change.new is None:
        return "new" if change.old is None else "gone"
    decided = change.new is Verdict.PASS and change.old is not Verdict.NOT_APPLICABLE
    return "better" if decided or change.mended else "other"


def _step(change: VerdictChange) -> str:
    words = [VERDICT[v] if v is not None else "not there" for v in (change.old, change.new)]
    step = words[1] if words[0] == words[1] else f"{words[0]} → {words[1]}"
    level = "" if change.level is Level.MUST else f" ({change.level.value})"
    return f"{step}{level}: {change.summary or change.was}"


def _details(change: VerdictChange) -> list[tuple[str, str]]:
    lines = []
    if change.broken:
        lines.append(("broken", listing(change.broken)))
    if change.mended and not change.broken:
        lines.append(("mended", listing(change.mended)))
    for number, cause in enumerate(change.causes[:_CAUSES]):
        text = "; and ".join(f"{object_name(item)}: {said(item)}" for item in cause.changes)
        lines.append(("by" if number == 0 else "or by", text))
    if len(change.causes) > _CAUSES:
        lines.append(("or by", f"{len(change.causes) - _CAUSES} others, each alone"))
    if change.note:
        lines.append(("by", change.note))
    return lines


def object_name(change: ObjectChange) -> str:
    """``security-groups sg-0a1``, or the kind alone."""
    return f"{change.kind} {change.key}".strip()


def said(change: ObjectChange, *, every: bool = False) -> str:
    """What changed in an object, in a clause."""
    if change.change == "read":
        return _read(change)
    if not change.fields:
        return change.change
    shown = change.fields if every else change.fields[:_FIELDS]
    parts = [_field(field.path, field.old, field.new) for field in shown]
    more = len(change.fields) - len(shown)
    return ", ".join(parts) + (f" and {plural(more, 'field')} more" if more else "")


def _read(change: ObjectChange) -> str:
    old, new = change.fields[0].old, change.fields[0].new
    if new is None:
        return "read then, not read now"
    if old is None:
        return "not read then, read now"
    # What is to be done about it stands where it is judged.
    reasons = dict.fromkeys(state.partition("; ")[0] for _, state in (*old, *new) if state != _WHOLE)
    return f"{_scopes(old)} then, {_scopes(new)} now ({'; '.join(reasons)})"


def _scopes(value: Any) -> str:
    """How completely a kind was read: ``read in dynamo and not read whole in prod``."""
    return listing(
        ("read" if state == _WHOLE else "not read whole") + (f" in {scope}" if scope else "") for scope, state in value
    )


def _field(path: str, old: Any, new: Any) -> str:
    path = _words(path)
    if old is None:
        return f"{path} added" if new in ({}, []) else f"{path} added ({_value(new)})"
    if new is None:
        return f"{path} removed" if old in ({}, []) else f"{path} removed (was {_value(old)})"
    return f"{path} {_value(old)} → {_value(new)}"


def _words(path: str) -> str:
    """A field's path; of a security group's rule in words: ``inbound tcp 2379 from sg-0a1``."""
    rule = _RULE.fullmatch(path)
    if rule is None:
        return path
    low, high = rule["low"], rule["high"]
    ports = "" if low is None else f" {low}" if low == high else f" {low}-{high}"
    protocol = "all traffic" if rule["protocol"] == "-1" else f"{rule['protocol']}{ports or ' all ports'}"
    return f"outbound {protocol} to {rule['peer']}" if rule["egress"] else f"inbound {protocol} from {rule['peer']}"


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= _VALUE else f"{text[: _VALUE - 1]}…"


def _counts(by_change: dict[str, int]) -> str:
    words = {"added": "added", "removed": "removed", "changed": "changed", "read": "read otherwise"}
    return ", ".join(words[c] if c == "read" else f"{by_change[c]} {words[c]}" for c in words if c in by_change)


def _objects(comparison: Comparison, width: int, paint: Paint, verbose: bool) -> list[str]:
    objects = comparison.objects
    if not objects:
        return []
    lines = [paint.bold(f"{plural(len(objects), 'object')} differ{'s' if len(objects) == 1 else ''}")]
    kinds = counted(objects)
    size = columns([[kind, ""] for kind in kinds])[0]
    for kind, by_change in kinds.items():
        lines += hang(f"  {pad(kind, size)}", _counts(by_change), width)
        for item in objects:
            if verbose and item.kind == kind:
                lines += hang(f"    {item.key or 'all'}  ", said(item, every=True), width, indent=8)
    if not verbose:
        lines += hang("  ", "-v lists them with their fields.", width)
    return [*lines, ""]


def _consequence(comparison: Comparison) -> str:
    level = comparison.fail_on.value
    return {
        0: f"Exit status 0: nothing at {level} or above got worse.",
        1: f"Exit status 1: something at {level} or above fails that did not, or fails in more places.",
        3: f"Exit status 3: something at {level} or above is unknown that was known.",
    }[comparison.exit_status]
