"""The object check: a CEL expression over the raw objects of the kinds named."""

from __future__ import annotations

from clusterproof.checks.cel import evaluate, nest
from clusterproof.checks.context import Context
from clusterproof.checks.filled import tables
from clusterproof.checks.finding import Finding
from clusterproof.checks.made import finding
from clusterproof.errors import UsageError
from clusterproof.profiles.model import Cel, Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.snapshot.kinds import BY_NAME
from clusterproof.verdict.algebra import fold


def decide(context: Context, requirement: Requirement, check: Cel) -> Finding:
    """Pass when the expression is true; unknown when a kind was not read, or on an error or a missing field."""
    snapshot = context.world.snapshot
    unknown: Unknown | None = None
    for name in check.kinds:
        kind = BY_NAME.get(name)
        if kind is None:
            raise UsageError(f"{requirement.id}: check.cel.kinds names {name!r}, which is no kind; see docs/inputs.md")
        unknown = unknown or snapshot.missing(kind)
    counts = [f"{len(snapshot.tables.get(name, ()))} {name}" for name in check.kinds]
    bound = {**tables(snapshot, check.kinds), **nest(context.values)}
    answer: bool | Unknown = unknown or evaluate(check.that, bound)
    outcome = Outcome.UNKNOWN if isinstance(answer, Unknown) else Outcome.WORKS if answer else Outcome.BLOCKED
    tally = fold([[outcome]])
    said = {Outcome.WORKS: "holds", Outcome.BLOCKED: "does not hold"}.get(outcome, "could not be decided")
    return finding(
        context,
        requirement,
        tally,
        f"{requirement.title}: {said} ({', '.join(counts)})",
        evidence=(Ref(name, "*", "", check.that) for name in check.kinds),
        unknowns=[answer] if isinstance(answer, Unknown) else [],
    )
