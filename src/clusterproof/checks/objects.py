"""The object check: a CEL expression over the raw objects of the kinds named."""

from __future__ import annotations

from clusterproof.checks.cel import evaluate, nest
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.errors import UsageError
from clusterproof.profiles.model import Cel, Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.snapshot.kinds import BY_NAME
from clusterproof.verdict.algebra import fold


def decide(context: Context, requirement: Requirement, check: Cel) -> Finding:
    """Pass when the expression is true; unknown when a kind was not read, or on an error or a missing field."""
    snapshot = context.world.snapshot
    activation: dict[str, object] = {}
    unknown: Unknown | None = None
    counts: list[str] = []
    for name in check.kinds:
        kind = BY_NAME.get(name)
        if kind is None:
            raise UsageError(f"{requirement.id}: check.cel.kinds names {name!r}, which is no kind; see docs/inputs.md")
        unknown = unknown or snapshot.missing(kind)
        table = snapshot.tables.get(name)
        objects = list(table.raws()) if table is not None else []
        activation[name.replace("-", "_")] = objects
        counts.append(f"{len(objects)} {name}")
    answer: bool | Unknown = unknown or evaluate(check.that, {**activation, **nest(context.values)})
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
