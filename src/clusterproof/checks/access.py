"""The check "may do": every role that a principal may have must be allowed every action on every resource asked for.

Each role × action × resource is a cell, and all of them must hold at once. A grant must cover all of a pattern, the names
to come too; an explicit Deny that touches any of it refuses. Resource policies, VPC endpoint policies and policies of the
organization count; what of these was not read and could deny makes the answer unknown, also where an identity policy allows.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.filled import filled, names
from clusterproof.checks.finding import Finding
from clusterproof.checks.principals import Who, who
from clusterproof.checks.rights import Right, asked_texts, rights
from clusterproof.checks.rolefinding import MORE, finding, left_out, nobody, together
from clusterproof.checks.words import listed, unique
from clusterproof.profiles.model import Access, Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict

_ORDER = (Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN, Outcome.WORKS)


class Asked(msgspec.Struct, frozen=True):
    """A check of this kind, asked.

    Attributes:
        who: whose rights.
        rights: every cell, in order.
        actions: what is asked, in order.
        unknown: why it is not known what is asked.
        empty: whether there is nothing on which it could be asked.
    """

    who: Who
    rights: tuple[Right, ...] = ()
    actions: tuple[str, ...] = ()
    unknown: Unknown | None = None
    empty: bool = False


def asked(context: Context, check: Access) -> Asked:
    """Every cell of a check; fixes ask the same."""
    principal = who(context, check.who)
    actions, resources = asked_texts(context, check.actions), asked_texts(context, check.resources)
    keys = _given(context, check)
    if isinstance(actions, Unknown) or isinstance(resources, Unknown) or isinstance(keys, Unknown):
        unread = (part for part in (actions, resources, keys) if isinstance(part, Unknown))
        return Asked(principal, unknown=next(unread))
    found = rights(context, principal.bearers, actions, resources, keys)
    return Asked(principal, tuple(found), tuple(actions), empty=not resources or not actions)


def _given(context: Context, check: Access) -> dict[str, str | Unknown] | Unknown:
    """The keys of the request with their values, of which one that is not known matters only where a policy reads it."""
    keys: dict[str, str | Unknown] = {}
    for name, text in check.given.items():
        key, values = filled(name, names(context)), asked_texts(context, [text])
        if isinstance(key, Unknown):
            return key
        if isinstance(values, Unknown):
            keys[str(key)] = values
        elif len(values) > 1:
            what = f"{key} is not the same everywhere: {listed([value or 'none' for value in values])}"
            remedy = "give all of them one value, or do not limit the policy by it"
            keys[str(key)] = Unknown(Cause.NOT_ANSWERABLE, what, remedy)
        elif values:
            keys[str(key)] = values[0]
    return keys


def decide(context: Context, requirement: Requirement, check: Access) -> Finding:
    """Pass where all is allowed; fail where any is denied; else unknown."""
    found = asked(context, check)
    principal = found.who
    if principal.missing:
        return nobody(context, requirement, principal)
    if found.unknown is not None:
        summary = "what is asked about, and on which resources, is not known"
        unknown = Tally(Verdict.UNKNOWN)
        return finding(context, requirement, unknown, summary, unknowns=[found.unknown], notes=principal.notes)
    if found.empty:
        summary = "there is no resource of the kind that is asked about"
        return finding(context, requirement, Tally(Verdict.NOT_APPLICABLE), summary, notes=principal.notes)
    cells = sorted(found.rights, key=lambda right: _ORDER.index(right.outcome))
    outcomes = [right.outcome for right in cells]
    outcomes += [Outcome.BLOCKED for _ in principal.without]
    outcomes += [Outcome.UNKNOWN for _ in principal.unknowns]
    tally = together(outcomes)
    unknowns = [*principal.unknowns, *(unknown for right in cells for unknown in right.decision.unknowns)]
    varies = tally.verdict is Verdict.DEPENDS
    cause = "from which subnet, so by which way out of the VPC, it is asked" if varies else ""
    return finding(
        context,
        requirement,
        tally,
        _summary(tally.verdict, cells, principal, found.actions),
        evidence=_evidence(cells),
        unknowns=unknowns,
        notes=[*principal.notes, *(note for right in cells for note in right.notes)],
        cause=cause,
    )


def _evidence(cells: Sequence[Right]) -> list[Ref]:
    """What decided, that which is missing first; then by which way the roles are got."""
    shown = [msgspec.structs.replace(right.ref, value=right.text) for right in cells]
    return [*shown, *(ref for right in cells for ref in right.bearer.identity.refs)]


def _summary(verdict: Verdict, cells: Sequence[Right], principal: Who, asked: Sequence[str]) -> str:
    if verdict in (Verdict.FAIL, Verdict.DEPENDS):
        refused = [right for right in cells if right.outcome in (Outcome.BLOCKED, Outcome.VARIES)]
        if not refused:
            return principal.without[0]
        first = refused[0]
        word = "may not always" if first.outcome is Outcome.VARIES else "may not"
        like = [right for right in refused if (right.role, right.on) == (first.role, first.on)]
        actions = unique(right.action for right in like)
        shown = listed([*actions[:3], f"{len(actions) - 3} more"]) if len(actions) > 3 else listed(actions)
        others = unique((right.role, right.on) for right in refused if right not in like)
        also = f"; {len(others)} more are refused" if others else ""
        return f"{_role(first)} {word} {shown} on {first.on}: {first.why}{also}"
    if verdict is Verdict.UNKNOWN:
        doubtful = [right for right in cells if right.outcome is Outcome.UNKNOWN]
        if not doubtful:
            known = f"{_allowed(cells, asked)}; " if cells else ""
            return f"{known}{MORE if cells else 'whose rights are asked about is not known'}"
        first = doubtful[0]
        return f"whether {_role(first)} may {first.action} on {first.on} is not known{left_out(doubtful, 1)}"
    return _allowed(cells, asked)


def _allowed(cells: Sequence[Right], asked: Sequence[str]) -> str:
    roles = unique(_role(right) for right in cells)
    many = listed(asked) if len(asked) <= 3 else f"all {len(asked)} actions"
    resources = unique(right.resource for right in cells if right.action in asked)
    return f"{listed(roles[:3])}{left_out(roles, 3)} may {many} on {listed(resources[:2])}{left_out(resources, 2)}"


def _role(right: Right) -> str:
    name = right.role.rpartition("/")[2]
    return f"role {name}"
