"""The check "has its role": that pods get a role of AWS, in an orderly way (:mod:`clusterproof.checks.identitycells`).

Every service account is a cell, and every role that it gets; all must hold at once. A requirement on a role that nobody has
does not apply: that nobody has one is the requirement ``role`` itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.identitycells import (
    WAYS,
    IdentityCell,
    current_way,
    having_roles,
    injected,
    one_way,
    trusted,
)
from clusterproof.checks.principals import Who, who
from clusterproof.checks.rolefinding import MORE, finding, left_out, nobody, together
from clusterproof.checks.words import listed, unique
from clusterproof.errors import UsageError
from clusterproof.profiles.model import Identity, Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.verdict.algebra import Tally, Verdict

_ORDER = (Outcome.BLOCKED, Outcome.UNKNOWN, Outcome.WORKS)
_NOTHING = {
    "role": "there is no service account to ask about",
    "trust": "nobody has a role, so that there is no trust to judge",
    "one-way": "nobody has a role",
    "current-way": "nobody has a role",
    "injected": "no pod runs that has a role",
}


def asked(context: Context, check: Identity) -> tuple[Who, tuple[IdentityCell, ...]]:
    """Whose roles, and every cell of a check; fixes ask the same.

    Raises:
        UsageError: the profile asks for something else.
    """
    if check.by not in WAYS:
        raise UsageError(f"check.identity.by is {check.by!r}; there are: {', '.join(WAYS)}")
    principal = who(context, check.who)
    match check.that:
        case "role":
            cells = having_roles(context, principal, check.by)
        case "trust":
            cells = trusted(context, principal, check.by)
        case "one-way":
            cells = one_way(principal)
        case "current-way":
            cells = current_way(context, principal)
        case "injected":
            cells = injected(context, principal, check.by)
        case _:
            raise UsageError(f"check.identity.that is {check.that!r}; there are: {', '.join(_NOTHING)}")
    return principal, tuple(cells)


def decide(context: Context, requirement: Requirement, check: Identity) -> Finding:
    """Pass where every cell holds; fail where any does not; else unknown."""
    principal, cells = asked(context, check)
    if principal.missing:
        return nobody(context, requirement, principal)
    unread = tuple(item for account in principal.accounts for item in account.identities.unknowns)
    unread = tuple(unique((*(item for item in principal.unknowns if item not in unread), *unread)))
    outcomes = [item.outcome for item in cells] + [Outcome.UNKNOWN for _ in unread]
    notes = [*principal.notes, *(note for item in cells for note in item.notes)]
    if not outcomes:
        summary = _NOTHING[check.that]
        return finding(context, requirement, Tally(Verdict.NOT_APPLICABLE), summary, notes=notes)
    cells = tuple(sorted(cells, key=lambda item: _ORDER.index(item.outcome)))
    tally = together(outcomes)
    return finding(
        context,
        requirement,
        tally,
        _summary(tally.verdict, cells),
        evidence=[ref for item in cells for ref in item.refs],
        unknowns=[*(unknown for item in cells for unknown in item.unknowns), *unread],
        notes=notes,
    )


def _summary(verdict: Verdict, cells: Sequence[IdentityCell]) -> str:
    wanted = {Verdict.FAIL: Outcome.BLOCKED, Verdict.UNKNOWN: Outcome.UNKNOWN}.get(verdict, Outcome.WORKS)
    texts = unique(item.text for item in cells if item.outcome is wanted)
    if not texts:
        held = unique(item.text for item in cells if item.outcome is Outcome.WORKS)
        return f"{held[0]}{left_out(held, 1)}; {MORE}" if held else "which roles pods get is not known"
    if verdict is Verdict.PASS and len(texts) > 2:
        return f"{listed(texts[:2])}{left_out(texts, 2)}"
    return f"{texts[0]}{left_out(texts, 1)}"
