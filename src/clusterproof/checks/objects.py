"""The object check: a CEL expression over the raw objects of the kinds named."""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.checks.cel import evaluate, nest
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.errors import UsageError
from clusterproof.profiles.model import Cel, Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.snapshot.kinds import BY_NAME
from clusterproof.snapshot.snapshot import Table
from clusterproof.verdict.algebra import fold


def _without_unknown(raw: dict[str, Any], table: Table[Any]) -> dict[str, Any]:
    """A raw object without its unknown fields: to read one is an error, which makes the answer unknown."""
    for field in table.unknown_by_key.get(table.kind.key(msgspec.convert(raw, table.kind.type)), ()):
        _leave_out(raw, field.path)
    return raw


def _leave_out(value: Any, path: str) -> None:
    """Takes one field out; a member's own name may hold dots. For an item of a list the whole list goes."""
    if isinstance(value, list):
        head, _, rest = path.partition(".")
        if head.isdigit() and int(head) < len(value):
            _leave_out(value[int(head)], rest)
    elif isinstance(value, dict):
        for name in [name for name in value if path == name or path.startswith(f"{name}.")]:
            rest = path[len(name) + 1 :]
            if not rest or (isinstance(value[name], list) and rest.isdigit()):
                del value[name]
            else:
                _leave_out(value[name], rest)


def decide(context: Context, requirement: Requirement, check: Cel) -> Finding:
    """Pass when the expression is true; unknown when a kind was not read, or on an error or a missing field."""
    snapshot = context.world.snapshot
    activation: dict[str, object] = {}
    unknown: Unknown | None = None
    without: dict[str, object] = {}
    hidden: Unknown | None = None
    counts: list[str] = []
    for name in check.kinds:
        kind = BY_NAME.get(name)
        if kind is None:
            raise UsageError(f"{requirement.id}: check.cel.kinds names {name!r}, which is no kind; see docs/inputs.md")
        unknown = unknown or snapshot.missing(kind)
        table = snapshot.tables.get(name)
        objects = list(table.raws()) if table is not None else []
        activation[name.replace("-", "_")] = objects
        if table is not None and table.unknown_fields:
            hidden = hidden or table.unknown_fields[0].unknown
            without[name.replace("-", "_")] = [_without_unknown(raw, table) for raw in table.raws()]
        counts.append(f"{len(objects)} {name}")
    values = nest(context.values)
    answer: bool | Unknown = unknown or evaluate(check.that, {**activation, **values})
    if hidden is not None and isinstance(answer, bool):
        # An answer that is another without the fields that are not kept rests on them.
        answer = answer if evaluate(check.that, {**activation, **without, **values}) is answer else hidden
    outcome = Outcome.UNKNOWN if isinstance(answer, Unknown) else Outcome.WORKS if answer else Outcome.BLOCKED
    tally = fold([[outcome]])
    said = {Outcome.WORKS: "holds", Outcome.BLOCKED: "does not hold"}.get(outcome, "could not be decided")
    return Finding(
        id=f"{context.profile.name}/{requirement.id}",
        verdict=tally.verdict,
        level=requirement.level,
        title=requirement.title,
        summary=f"{requirement.title}: {said} ({', '.join(counts)})",
        source=requirement.source,
        category=requirement.category,
        cause=answer.detail if isinstance(answer, Unknown) else "",
        evidence=tuple(Ref(name, "*", "", check.that) for name in check.kinds),
        tally=tally,
        unknowns=(answer,) if isinstance(answer, Unknown) else (),
        notes=requirement.notes,
        symptoms=requirement.symptoms,
    )
