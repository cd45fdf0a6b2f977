"""What allows a request, after no Deny was certain: which sides must allow, and whether each does.

Source: IAM User Guide, "Policy evaluation logic" (what a resource's policy grants to a session or a user directly is not
limited by a boundary or session policy that is silent; what it grants to a role is) and "Cross-account policy evaluation
logic" (both accounts must allow). A role's trust policy and a key's policy must allow by themselves: identity policies
count where they name the account.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.access.conditions import holds
from clusterproof.access.context import Request
from clusterproof.access.grants import granted
from clusterproof.access.layers import (
    ALL_WAYS,
    BOUNDARY,
    ENDPOINT,
    GRANT,
    IDENTITY,
    ORGANIZATION,
    RESOURCE,
    SESSION,
    Answer,
    Authority,
    Decision,
    Layer,
    Plan,
    meant,
)
from clusterproof.access.matching import Entry, conditions_hold, coverage, doubts_of, speaks_of, touches
from clusterproof.access.patterns import is_pattern, overlaps
from clusterproof.access.policy import Policy, Statement
from clusterproof.access.principals import Asker, Ways
from clusterproof.access.values import MAYBE, NO, YES
from clusterproof.access.variables import shown
from clusterproof.snapshot.fields import Cause, Unknown

_NO_KEY = frozenset({"connectcustomkeystore", "createcustomkeystore", "createkey", "deletecustomkeystore", "describecustomkeystores", "disconnectcustomkeystore", "generaterandom", "listaliases", "listkeys", "updatecustomkeystore"})  # fmt: skip
"""Actions of KMS on no key (Service Authorization Reference, AWS Key Management Service, 2026)."""
_ASSUMING = frozenset({"assumerole", "assumerolewithsaml", "assumerolewithwebidentity", "setsourceidentity", "tagsession"})  # fmt: skip
_ROOT = Unknown(Cause.NOT_MODELLED, "what an account's root user may do is not modelled", "ask about a role or a user")


class Suspect(msgspec.Struct, frozen=True, eq=False):
    """A Deny that may apply.

    Attributes:
        layer: its layer.
        policy: its policy.
        statement: itself.
    """

    layer: Layer
    policy: Policy
    statement: Statement


class _Side(msgspec.Struct, frozen=True, eq=False):
    """One of the sides that must all allow.

    Attributes:
        layer: its layer's name.
        entries: what may allow.
        unknowns: policies that are not known and may allow.
        policy: the name of its policy, where it has one.
    """

    layer: str
    entries: Sequence[Entry]
    unknowns: tuple[Unknown, ...] = ()
    policy: str = ""


def weighed(authority: Authority, plan: Plan, request: Request, asker: Asker, suspects: list[Suspect]) -> Decision:
    """The answer where no Deny is certain."""
    pattern = is_pattern(request.resource)
    sides, more = _sides(authority, plan, request, asker, pattern=pattern)
    doubtful: list[_Side] = []
    for side in sides:
        level = coverage(side.entries, request, pattern=pattern)
        if level == NO and not side.unknowns:
            return _refused(plan, request, asker, side, pattern=pattern)
        if level < YES:
            doubtful.append(side)
    if doubtful or more or suspects or plan.unknowns or authority.guardrails is not None:
        return _unknown(authority, plan, request, asker, doubtful, more, suspects)
    return _allowed(request, sides[0], pattern=pattern)


def _entries(layer: Layer, request: Request, asker: Asker, *, pattern: bool) -> list[tuple[Entry, Ways]]:
    """The Allow statements of a layer that may apply, with how far each means the principal."""
    found = []
    for policy, statement, whom in layer.allows:
        if pattern:
            level = YES
        else:
            level = speaks_of(statement.scope, request.resource, request)
            if level == NO:
                continue
        for_whom = whom or meant(layer, statement, asker)
        if for_whom is not ALL_WAYS and for_whom.any == NO:
            continue
        if statement.conditions:
            level = min(level, conditions_hold(statement, request))
            if level == NO:
                continue
        found.append((Entry(level, statement, policy.name, layer.name), for_whom))
    return found


def _capped(entry: Entry, level: int) -> Entry:
    if entry.level <= level:
        return entry
    return Entry(level, entry.statement, entry.policy, entry.layer)


def _sides(
    authority: Authority, plan: Plan, request: Request, asker: Asker, *, pattern: bool
) -> tuple[list[_Side], list[Unknown]]:
    """The sides that must all allow, and what is not known of which those are."""
    identity = [_capped(entry, whom.direct) for entry, whom in _entries(plan.identity, request, asker, pattern=pattern)]
    resource = _entries(plan.resource, request, asker, pattern=pattern)
    grants, unread = _grants(authority, request, asker)
    more: list[Unknown] = [_ROOT] if asker.kind == "root" else []
    mine = plan.identity.unknowns
    its = plan.resource.unknowns
    away = _abroad(authority, request, asker, more)
    required = _required(request)
    if required and authority.resource is None:
        its += (Unknown(Cause.NOT_COLLECTED, f"{required} of {request.resource} is not known", f"give {required}"),)
    name = "".join(plan.resource.policies)
    whole = [_capped(entry, whom.any) for entry, whom in resource]
    direct = [_capped(entry, whom.direct) for entry, whom in resource]
    own = [_capped(entry, max(whom.direct, whom.role)) for entry, whom in resource]
    if asker.kind in ("service", "provider", "other"):
        sides = [_Side(RESOURCE, whole, its, name)]
        direct, its = [], ()
    elif away:
        sides = [_Side(IDENTITY, identity, mine), _Side(RESOURCE, whole + grants, its + unread, name)]
        direct, its = [], ()
    else:
        sides = [_Side(IDENTITY, identity + own + grants, mine + its + unread)]
        if required:
            sides.append(_Side(RESOURCE, whole + grants, its + unread, name))
        direct += [_capped(grant, MAYBE) for grant in grants]
    for limit in plan.limits:
        entries = [_capped(entry, whom.any) for entry, whom in _entries(limit, request, asker, pattern=pattern)]
        past = limit.passed_by
        sides.append(
            _Side(
                limit.name,
                entries + direct if past else entries,
                limit.unknowns + its if past else limit.unknowns,
                "".join(limit.policies[:1]),
            )
        )
    return sides, more


def _grants(authority: Authority, request: Request, asker: Asker) -> tuple[list[Entry], tuple[Unknown, ...]]:
    if not authority.grants or request.service != "kms":
        return [], ()
    levels = [(grant, granted(grant, request, asker)) for grant in authority.grants if not isinstance(grant, Unknown)]
    unread = tuple(grant for grant in authority.grants if isinstance(grant, Unknown))
    return [Entry(level, None, grant.grant_id, GRANT) for grant, level in levels if level > NO], unread


def _abroad(authority: Authority, request: Request, asker: Asker, more: list[Unknown]) -> bool:
    """Whether the resource is another account's; where it is of several, that is noted."""
    own = authority.account or asker.account
    segments = request.resource.split(":", 5)
    other = segments[4] if len(segments) == 6 else ""
    if other and is_pattern(other):
        if authority.resource is None and overlaps(other, own):
            why = f"{request.resource} has resources of other accounts, whose policies are not known"
            more.append(Unknown(Cause.NOT_COLLECTED, why, "name the account in the ARN"))
        return not overlaps(other, own)
    other = authority.resource_account or other
    return bool(own and other and other != own)


def _required(request: Request) -> str:
    """The resource's policy that must allow by itself; empty: identity policies alone may."""
    name = request.action.partition(":")[2].lower()
    segments = request.resource.split(":", 5)
    what = segments[5] if len(segments) == 6 else ""
    if request.service == "kms" and (what.startswith("key/") or (name not in _NO_KEY and request.resource == "*")):
        return "the key policy"
    if request.service == "sts" and name in _ASSUMING and (what.startswith("role/") or request.resource == "*"):
        return "the trust policy"
    return ""


def _allowed(request: Request, side: _Side, *, pattern: bool) -> Decision:
    for entry in side.entries:
        if entry.level == YES and (not pattern or _reaches(entry, request)):
            if entry.statement is None:
                why = f"grant {entry.policy} allows {request.action} on {request.resource}"
            else:
                why = f"{entry.statement.title} of {entry.policy} allows {request.action} on {request.resource}"
            return Decision(Answer.ALLOWED, why, entry.statement, entry.policy, (), entry.layer)
    raise AssertionError("a side that allows has an entry")  # pragma: no cover


def _reaches(entry: Entry, request: Request) -> bool:
    return entry.statement is None or touches(entry.statement.scope, request) > NO


_SILENT = {
    IDENTITY: "no statement of the identity policies allows",
    BOUNDARY: "the permissions boundary {} does not allow",
    SESSION: "the session policy {} does not allow",
    ENDPOINT: "the policy of the VPC endpoint {} does not allow",
    RESOURCE: "the resource's policy {} does not allow",
}


def _refused(plan: Plan, request: Request, asker: Asker, side: _Side, *, pattern: bool) -> Decision:
    silent = _SILENT.get(side.layer, "the control policies {} of the organization do not allow").format(side.policy)
    if side.policy.startswith("the ") and side.layer != ORGANIZATION:
        silent = f"{side.policy} does not allow"
    why = f"{' '.join(silent.split())} {request.action} on {request.resource}"
    if side.layer == RESOURCE and not side.policy:
        why = f"{request.resource} is another account's and has no policy that allows {request.action}"
    layers = [layer for layer in (plan.identity, plan.resource, *plan.limits) if layer.name == side.layer]
    why += _nearly(layers[0], request, asker, pattern=pattern) if layers else ""
    return Decision(Answer.DENIED, why, None, side.policy, (), side.layer)


def _nearly(layer: Layer, request: Request, asker: Asker, *, pattern: bool) -> str:
    """The first statement that allows the action, and what of it does not fit."""
    for policy, statement, _ in layer.allows:
        title = f"{statement.title} of {policy.name}"
        if meant(layer, statement, asker).any == NO:
            continue
        fits = touches(statement.scope, request) if pattern else speaks_of(statement.scope, request.resource, request)
        if fits == NO or (pattern and conditions_hold(statement, request) == YES):
            only = " or ".join(statement.resources or ()) or f"all but {' or '.join(statement.not_resources or ())}"
            return f": {title} allows it on {shown(only)} only"
        if conditions_hold(statement, request) == NO:
            unmet = next(test for test in statement.conditions if holds(test, request) == NO)
            return f": {title} allows it on the condition {unmet.text} only"
    return ""


def _unknown(
    authority: Authority,
    plan: Plan,
    request: Request,
    asker: Asker,
    doubtful: list[_Side],
    more: list[Unknown],
    suspects: list[Suspect],
) -> Decision:
    """Nothing is certain: every reason, and the first of them in words."""
    pattern = is_pattern(request.resource)
    found: list[Unknown] = []
    first: tuple[Statement | None, str, str] = (None, "", "")
    why = ""
    for suspect in suspects:
        reasons = _reasons(suspect.layer, suspect.policy.name, suspect.statement, request, asker, pattern=pattern)
        why = (
            why or f"{suspect.statement.title} of {suspect.policy.name} may deny {request.action}: {reasons[0].detail}"
        )
        first = first if first[1] else (suspect.statement, suspect.policy.name, suspect.layer.name)
        found += reasons
    for side in doubtful:
        reasons = list(side.unknowns)
        for entry in side.entries:
            if entry.level == YES and not pattern:
                continue
            reasons += _entry_reasons(plan, entry, request, asker, pattern=pattern)
        why = why or f"whether {request.action} on {request.resource} is allowed is not known: {reasons[0].detail}"
        first = first if first[2] else (None, side.policy, side.layer)
        found += reasons
    rest = [*more, *plan.unknowns, *((authority.guardrails,) if authority.guardrails is not None else ())]
    if not why:
        why = f"{request.action} on {request.resource} is allowed as far as policies are known: {rest[0].detail}"
    statement, policy, layer = first
    return Decision(Answer.UNKNOWN, why, statement, policy, tuple(dict.fromkeys([*found, *rest])), layer)


def _entry_reasons(plan: Plan, entry: Entry, request: Request, asker: Asker, *, pattern: bool) -> list[Unknown]:
    if entry.statement is None:
        why = f"whether grant {entry.policy} holds for {request.action} by {request.principal} is not known"
        return [Unknown(Cause.NOT_MODELLED, why)]
    for layer in (plan.identity, plan.resource, *plan.limits):
        if layer.name == entry.layer and any(one is entry.statement for _, one, _ in layer.allows):
            return _reasons(layer, entry.policy, entry.statement, request, asker, pattern=pattern)
    raise AssertionError("an entry is a layer's")  # pragma: no cover


def _reasons(
    layer: Layer, policy: str, statement: Statement, request: Request, asker: Asker, *, pattern: bool
) -> list[Unknown]:
    """Why it is not known whether a statement applies."""
    found = doubts_of(statement, request, pattern=pattern)
    if not found or meant(layer, statement, asker).any == MAYBE:
        why = f"whether {statement.title} of {policy} means {request.principal} is not known"
        found.append(Unknown(Cause.NOT_MODELLED, why))
    return found
