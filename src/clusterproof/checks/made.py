"""A finding, made of what a check found and of the requirement that it decides."""

from __future__ import annotations

from collections.abc import Iterable

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.words import unique
from clusterproof.profiles.model import Requirement
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict


def finding(
    context: Context,
    requirement: Requirement,
    tally: Tally,
    summary: str,
    *,
    evidence: Iterable[Ref] = (),
    unknowns: Iterable[Unknown] = (),
    notes: Iterable[str] = (),
    cause: str = "",
    most: int = 8,
    beside: bool = False,
) -> Finding:
    """The finding of a requirement.

    Args:
        context: of which profile it is.
        requirement: what is decided.
        tally: with the verdict.
        summary: what was found, in one clause.
        evidence: the objects that decided, most telling first; what stands twice is left out.
        unknowns: what could not be known; it stands on the finding only where it decides.
        notes: texts that come before the requirement's own.
        cause: whose choice it is, or what is not known; empty: the first of ``unknowns`` where they decide.
        most: so many pieces of evidence are shown.
        beside: what could not be known stands on a failing finding too, of which it may be more.
    """
    undecided = tally.verdict is Verdict.UNKNOWN
    known = tuple(unique(unknowns)) if undecided or (beside and tally.verdict is not Verdict.PASS) else ()
    return Finding(
        id=f"{context.profile.name}/{requirement.id}",
        verdict=tally.verdict,
        level=requirement.level,
        title=requirement.title,
        summary=summary,
        source=requirement.source,
        category=requirement.category,
        cause=cause or (known[0].detail if undecided and known else ""),
        evidence=tuple(unique(evidence))[:most],
        tally=tally,
        unknowns=known,
        notes=tuple(unique([*notes, *requirement.notes])),
        symptoms=requirement.symptoms,
    )
