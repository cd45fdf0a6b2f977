"""The check "stays within": what roles may do in one service, at most on some resources; a question of containment.

Every Allow statement of the service in the identity policies of every role counts, whatever it is named. A permissions
boundary, the policy of an association and a Deny of all but some resources narrow it; other conditions do not: what a
statement grants under a condition it grants.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from clusterproof.access.context import Request, of_session
from clusterproof.access.policy import Policy, parse
from clusterproof.access.store import Missing, RoleAuthority, policies
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.principals import Bearer, Who, role_name, role_ref, who
from clusterproof.checks.rights import asked_texts
from clusterproof.checks.rolefinding import MORE, finding, left_out, nobody, together
from clusterproof.checks.wider import Granted, Limit, granted, limit_of_boundary, limits_of_denies
from clusterproof.checks.words import listed, unique
from clusterproof.profiles.model import Requirement, Scope
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict


class Reached(msgspec.Struct, frozen=True):
    """One statement of one role, judged; or why a policy of it cannot be.

    Attributes:
        bearer: who has the role.
        role: its name.
        outcome: blocked where the statement is wider.
        text: in a clause.
        granted: the statement; None where none could be read.
        unknowns: why it is not known.
        ref: where it stands.
    """

    bearer: Bearer
    role: str
    outcome: Outcome
    text: str
    granted: Granted | None
    unknowns: tuple[Unknown, ...]
    ref: Ref


class Asked(msgspec.Struct, frozen=True):
    """A check of this kind, asked.

    Attributes:
        who: whose rights.
        within: the patterns; unknown where they are not known.
        reached: every statement.
        roles: names of the roles that were read.
    """

    who: Who
    within: tuple[str, ...] | Unknown
    reached: tuple[Reached, ...] = ()
    roles: tuple[str, ...] = ()


def asked(context: Context, check: Scope) -> Asked:
    """Every statement that a check is about; fixes ask the same."""
    principal = who(context, check.who)
    within = asked_texts(context, check.within)
    if isinstance(within, Unknown):
        return Asked(principal, within)
    found: list[Reached] = []
    roles: list[str] = []
    for bearer in principal.bearers:
        for role in (bearer.identity.role, bearer.identity.through):
            if role and not isinstance(policies(context.world.snapshot).of_role(role), Missing):
                found += _of_role(context, bearer, role, check, tuple(within))
                roles.append(role_name(role))
    return Asked(principal, tuple(within), tuple(unique_by_text(found)), tuple(unique(roles)))


def unique_by_text(found: list[Reached]) -> Iterator[Reached]:
    """Several pods may have one role: its statements are told once."""
    seen: set[tuple[str, str, str]] = set()
    for item in found:
        key = (item.role, item.ref.key + item.ref.field, item.text)
        if key not in seen:
            seen.add(key)
            yield item


def _of_role(context: Context, bearer: Bearer, role: str, check: Scope, within: tuple[str, ...]) -> Iterator[Reached]:
    found = policies(context.world.snapshot).of_role(role)
    name = role_name(role)
    if isinstance(found, Missing):
        return  # what does not exist grants nothing
    if isinstance(found, Unknown):
        yield Reached(bearer, name, Outcome.UNKNOWN, found.detail, None, (found,), role_ref(role))
        return
    tags = found.tags if isinstance(found.tags, Unknown) else {**found.tags, **dict(bearer.identity.tags)}
    keys = of_session(found.role.arn, role_id=found.role.role_id, tags=None if bearer.named else tags)
    request = Request(f"{check.service}:*", "*", found.role.arn, keys)
    own = bearer.identity.policy if role == bearer.identity.role else ""
    session = parse(own, f"the policy of association {bearer.identity.association}") if own else None
    limits, unread = _limits(found, session, check.service)
    partition = found.role.arn.split(":")[1] if ":" in found.role.arn else "aws"
    for policy in found.identity:
        if isinstance(policy, Unknown):
            yield Reached(bearer, name, Outcome.UNKNOWN, policy.detail, None, (policy,), role_ref(role))
            continue
        for item in granted(policy, check.service, within, check.except_actions, request, limits, partition):
            outcome = item.outcome
            unknowns: tuple[Unknown, ...] = (item.unknown,) if item.unknown is not None else ()
            if outcome is Outcome.BLOCKED and unread:
                outcome, unknowns = Outcome.UNKNOWN, unread
            text = f"{item.statement.title} of {policy.name}: {item.text}"
            yield Reached(bearer, name, outcome, text, item, unknowns, _ref(found, policy, item.text))


def _limits(
    role: RoleAuthority, session: Policy | Unknown | None, service: str
) -> tuple[list[Limit], tuple[Unknown, ...]]:
    """What narrows a role's grants, and what was not read and may."""
    limits = limits_of_denies([policy for policy in role.identity if isinstance(policy, Policy)], service)
    unread: list[Unknown] = []
    for narrowing in (role.boundary, session):
        if isinstance(narrowing, Unknown):
            unread.append(narrowing)
        elif narrowing is not None:
            limit = limit_of_boundary(narrowing, service)
            limits += [] if limit is None else [limit]
            limits += limits_of_denies([narrowing], service)
    return limits, tuple(unread)


def _ref(role: RoleAuthority, policy: Policy, text: str) -> Ref:
    if policy.name.startswith("arn:"):
        return Ref("policies", policy.name, "PolicyVersionList", text)
    for item in role.role.role_policy_list:
        if policy.name.startswith(f"{item.policy_name} of "):
            return role_ref(role.role.role_name, f"RolePolicyList.{item.policy_name}", text)
    return role_ref(role.role.role_name, "RolePolicyList", text)


def decide(context: Context, requirement: Requirement, check: Scope) -> Finding:
    """Pass where every statement stays within; fail where any is wider; else unknown."""
    found = asked(context, check)
    principal = found.who
    if principal.missing:
        return nobody(context, requirement, principal)
    if isinstance(found.within, Unknown):
        summary = "within which resources it must stay is not known"
        return finding(
            context, requirement, Tally(Verdict.UNKNOWN), summary, unknowns=[found.within], notes=principal.notes
        )
    if not found.roles and not principal.unknowns:
        summary = principal.without[0] if principal.without else "no role that is asked about exists"
        return finding(context, requirement, Tally(Verdict.NOT_APPLICABLE), summary, notes=principal.notes)
    order = (Outcome.BLOCKED, Outcome.UNKNOWN, Outcome.WORKS)
    cells = sorted(found.reached, key=lambda item: order.index(item.outcome))
    outcomes = [item.outcome for item in cells] + [Outcome.UNKNOWN for _ in principal.unknowns]
    tally = together(outcomes) if outcomes else together([Outcome.WORKS])
    unknowns = [*principal.unknowns, *(unknown for item in cells for unknown in item.unknowns)]
    summary = _summary(tally.verdict, cells, found, check)
    return finding(
        context,
        requirement,
        tally,
        summary,
        evidence=[item.ref for item in cells],
        unknowns=unknowns,
        notes=principal.notes,
    )


def _summary(verdict: Verdict, cells: list[Reached], found: Asked, check: Scope) -> str:
    if verdict is Verdict.FAIL:
        wide = [item for item in cells if item.outcome is Outcome.BLOCKED]
        return f"role {wide[0].role}: {wide[0].text}{left_out(wide, 1)}"
    if verdict is Verdict.UNKNOWN:
        doubtful = next((item.text for item in cells if item.outcome is Outcome.UNKNOWN), "")
        if not doubtful and cells:
            return f"{_inside(cells, found, check)}; {MORE}"
        where = f" ({doubtful})" if doubtful else ""
        return f"whether {check.service} of every role stays within {listed(found.within[:2])} is not known{where}"  # type: ignore[index]
    return _inside(cells, found, check)


def _inside(cells: list[Reached], found: Asked, check: Scope) -> str:
    roles = listed([f"role {name}" for name in found.roles[:3]]) + left_out(found.roles, 3)
    within = listed(found.within[:2])  # type: ignore[index]
    if not cells:
        return (
            f"{roles} has no statement about {check.service}"
            if len(found.roles) == 1
            else f"no statement of {roles} is about {check.service}"
        )
    verb = "stays" if len(found.roles) == 1 else "stay"
    return f"{roles} {verb} within {within} in {check.service} ({len(cells)} statement{'s' if len(cells) > 1 else ''})"
