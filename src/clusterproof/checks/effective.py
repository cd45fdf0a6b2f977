"""The check "takes effect": whether grants of actions ever do, where a role has them.

An action that AWS authorises on no resource by name is granted on resources by name in vain
(:mod:`clusterproof.access.ineffective`). A role that has no such grant is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from clusterproof.access.ineffective import never_takes_effect
from clusterproof.access.policy import Policy
from clusterproof.access.store import Missing, policies
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.principals import Who, role_name, role_ref, who
from clusterproof.checks.rolefinding import finding, left_out, nobody, together
from clusterproof.checks.words import listed, unique
from clusterproof.profiles.model import Effective, Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict


class Taken(msgspec.Struct, frozen=True):
    """One action of one role.

    Attributes:
        role: its name.
        action: the action.
        outcome: works where some grant takes effect, blocked where none of those that are there does.
        text: in a clause.
        unknowns: why it is not known.
        ref: the first such grant.
    """

    role: str
    action: str
    outcome: Outcome
    text: str
    unknowns: tuple[Unknown, ...]
    ref: Ref


def asked(context: Context, check: Effective) -> tuple[Who, tuple[Taken, ...]]:
    """Whose grants, and each action that a role has a grant of."""
    principal = who(context, check.who)
    roles = unique(bearer.identity.role for bearer in principal.bearers)
    return principal, tuple(item for role in roles for item in _of_role(context, role, check))


def _of_role(context: Context, role: str, check: Effective) -> Iterator[Taken]:
    found = policies(context.world.snapshot).of_role(role)
    name = role_name(role)
    if isinstance(found, Missing):
        return
    if isinstance(found, Unknown):
        yield Taken(name, "", Outcome.UNKNOWN, found.detail, (found,), role_ref(role))
        return
    unread = tuple(policy for policy in found.identity if isinstance(policy, Unknown))
    for action in check.actions:
        vain: list[tuple[str, str]] = []
        working = ""
        for policy in found.identity:
            if not isinstance(policy, Policy):
                continue
            for statement in policy.about(action.lower()):
                if statement.effect != "Allow":
                    continue
                where = f"{policy.name}, {statement.title}"
                why = never_takes_effect(statement, action)
                working = working or ("" if why else where)
                vain += [(where, why)] if why else []
        if working:
            yield Taken(name, action, Outcome.WORKS, f"{action}: granted by {working}", (), _ref(role, working))
        elif vain and not unread:
            where, why = vain[0]
            text = f"{where}, grants {action} in vain: {why}"
            yield Taken(name, action, Outcome.BLOCKED, text, (), _ref(role, text))
        elif unread:  # any of them may grant it
            text = f"whether {action} is granted{' elsewhere' if vain else ''}"
            yield Taken(name, action, Outcome.UNKNOWN, text, unread, _ref(role, vain[0][1] if vain else text))


def _ref(role: str, text: str) -> Ref:
    return role_ref(role, "RolePolicyList", text)


def decide(context: Context, requirement: Requirement, check: Effective) -> Finding:
    """Pass where every grant that is there takes effect; fail where one never does; else unknown."""
    principal, found = asked(context, check)
    if principal.missing:
        return nobody(context, requirement, principal)
    order = (Outcome.BLOCKED, Outcome.UNKNOWN, Outcome.WORKS)
    cells = sorted(found, key=lambda item: order.index(item.outcome))
    outcomes = [item.outcome for item in cells] + [Outcome.UNKNOWN for _ in principal.unknowns]
    if not outcomes:
        summary = f"nobody is granted {listed(check.actions)}"
        return finding(context, requirement, Tally(Verdict.NOT_APPLICABLE), summary, notes=principal.notes)
    tally = together(outcomes)
    match tally.verdict:
        case Verdict.FAIL:
            vain = [item for item in cells if item.outcome is Outcome.BLOCKED]
            summary = f"role {vain[0].role}: {vain[0].text}{left_out(vain, 1)}"
        case Verdict.UNKNOWN:
            summary = f"whether grants of {listed(check.actions)} take effect is not known"
        case _:
            summary = f"grants of {listed(unique(item.action for item in cells))} take effect"
    unknowns = [*principal.unknowns, *(unknown for item in cells for unknown in item.unknowns)]
    evidence = [item.ref for item in cells]
    return finding(context, requirement, tally, summary, evidence=evidence, unknowns=unknowns, notes=principal.notes)
