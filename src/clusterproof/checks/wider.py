"""What a policy's statements grant in one service, and whether it lies within some resources: a question of containment.

Sources: IAM User Guide, "IAM JSON policy elements: NotResource", "NotAction", "Permissions boundaries for IAM entities" (a
grant counts only where the boundary allows it too) and "AWS global condition context keys", ``aws:ResourceAccount``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from clusterproof.access.context import Request
from clusterproof.access.patterns import arn_overlaps, contains, covered, covers, overlaps, segments
from clusterproof.access.policy import Policy, Statement
from clusterproof.access.variables import resolved
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Cause, Unknown

_SEGMENTS = {3: "Region", 4: "account", 5: "name"}
Limit = tuple[str, ...]
"""Patterns outside all of which nothing is granted, whatever a statement says."""


class Granted(msgspec.Struct, frozen=True):
    """What one statement grants in the service.

    Attributes:
        policy: the policy's name.
        statement: the statement.
        actions: its actions in the service, as written.
        outside: resources, as written, that do not lie within.
        outcome: works where there are none; unknown where that cannot be told.
        text: in a clause.
        unknown: why it cannot be told.
    """

    policy: str
    statement: Statement
    actions: tuple[str, ...]
    outside: tuple[str, ...]
    outcome: Outcome
    text: str
    unknown: Unknown | None = None


def granted(
    policy: Policy,
    service: str,
    within: Sequence[str],
    apart: Iterable[str],
    request: Request,
    limits: Sequence[Limit],
    partition: str = "aws",
) -> Iterator[Granted]:
    """Every Allow statement of a policy that grants something in a service.

    Args:
        policy: the policy.
        service: its prefix (``sqs``).
        within: patterns within which every resource must lie.
        apart: actions that are judged by themselves.
        request: of the role's session, for the values of variables.
        limits: what narrows all of it (:func:`limit_of_boundary`, :func:`limits_of_denies`).
        partition: in which the role is.
    """
    ours = f"arn:{partition}:{service}:*:*:*"
    left_out = tuple(item.lower() for item in apart)
    for statement in policy.statements:
        actions = _actions(statement, service, left_out)
        if statement.effect != "Allow" or not actions:
            continue
        held = ((ours,), *limits)
        scope = statement.scope
        patterns, unknowns = _patterns(statement, request)
        shown = ", ".join(statement.resources or statement.not_resources or ("*",))
        if scope.negative:
            inside = covers(ours, (*within, *patterns), held) if not unknowns else None
            verdicts = {f"all but {shown}": inside}
        else:
            accounts = () if service == "s3" else _accounts(statement)
            verdicts = {pattern: _inside(_of_accounts(pattern, accounts), within, held) for pattern in patterns}
        outside = tuple(pattern for pattern, inside in verdicts.items() if inside is False)
        what = f"{_some(actions)} on {_some(outside or tuple(verdicts))}"
        if outside and not unknowns:
            why = _why(outside[0], within) if not scope.negative else "grants every other resource"
            text = f"{what}: {why}"
            yield Granted(policy.name, statement, actions, outside, Outcome.BLOCKED, text)
        elif outside or unknowns or None in verdicts.values():
            unsure = Unknown(Cause.NOT_MODELLED, f"how wide {what} is takes too long to tell")
            found = unknowns[0] if unknowns else unsure
            lying = bool(outside) or None in verdicts.values() or scope.negative
            outcome = Outcome.UNKNOWN if lying else Outcome.WORKS
            yield Granted(policy.name, statement, actions, outside, outcome, what, found if lying else None)
        else:
            yield Granted(policy.name, statement, actions, (), Outcome.WORKS, what)


def limit_of_boundary(boundary: Policy, service: str) -> Limit | None:
    """What a permissions boundary leaves of a service; None where it leaves no plain patterns."""
    patterns: list[str] = []
    for statement in boundary.statements:
        if statement.effect != "Allow" or not _actions(statement, service, ()):
            continue
        if statement.scope.negative or statement.scope.templates:
            return None
        patterns += ["*"] if statement.scope.everything else statement.scope.plain
    return tuple(patterns) or ("-",)  # no ARN begins so: nothing is left


def limits_of_denies(policies: Iterable[Policy], service: str) -> list[Limit]:
    """What statements leave that deny a whole service everywhere but on some resources, whatever the conditions."""
    return [
        statement.scope.plain
        for policy in policies
        for statement in policy.statements
        if statement.effect == "Deny"
        and statement.scope.negative
        and not statement.scope.templates
        and not statement.conditions
        and statement.actions is not None
        and covered(f"{service}:*", tuple(action.lower() for action in statement.actions))
    ]


def _actions(statement: Statement, service: str, left_out: tuple[str, ...]) -> tuple[str, ...]:
    """The actions of a statement in a service, less those that are judged by themselves."""
    everything = f"{service}:*"
    if statement.not_actions is not None:
        excluded = tuple(item.lower() for item in statement.not_actions)
        if covered(everything, (*excluded, *left_out)):
            return ()
        return (f"all but {_some(statement.not_actions)}",)
    return tuple(
        action
        for action in statement.actions or ()
        if overlaps(action.lower(), everything) and not (left_out and covered(action.lower(), left_out))
    )


def _patterns(statement: Statement, request: Request) -> tuple[tuple[str, ...], list[Unknown]]:
    """The resources with their variables filled in, as wide as they may be."""
    scope = statement.scope
    found = ["*"] if scope.everything else list(scope.plain)
    unknowns: list[Unknown] = []
    for template in scope.templates:
        made = resolved(template, request)
        unknowns += made.unknowns
        found.append(template.text if made.text is None else made.text)
    return tuple(found), unknowns


def _inside(patterns: Iterable[str], within: Sequence[str], held: tuple[Limit, ...]) -> bool | None:
    """Whether all of some patterns lie within; None where one takes too long to tell and none lies outside."""
    found = [covers(pattern, tuple(within), held) for pattern in patterns]
    return False if False in found else None if None in found else True


def _accounts(statement: Statement) -> tuple[str, ...]:
    """The only accounts whose resources a statement means, by its condition; empty: any."""
    return next(
        (
            values
            for operator, key, values in _equal(statement)
            if key == "aws:resourceaccount" and operator in ("stringequals", "stringlike")
        ),
        (),
    )


def _of_accounts(pattern: str, accounts: tuple[str, ...]) -> tuple[str, ...]:
    """A pattern limited to accounts; buckets name no account in their ARNs."""
    parts = segments(pattern)
    if not accounts or parts is None:
        return (pattern,)
    both = [account for account in accounts if overlaps(parts[4], account)]
    return tuple(":".join((*parts[:4], account, parts[5])) for account in both)


def _equal(statement: Statement) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for test in statement.conditions:
        if not test.templates and not test.qualifier and not test.if_exists:
            yield test.written.lower(), test.key, test.texts


def _why(pattern: str, within: Sequence[str]) -> str:
    """In what a pattern is wider than the nearest of those that it must lie within."""
    near = next((item for item in within if _meet(pattern, item)), None)
    if near is None:
        return f"lies outside {_some(within)}"
    one, two = segments(pattern), segments(near)
    if one is None or two is None:
        return f"is wider than {near}"
    open_ = [name for at, name in _SEGMENTS.items() if not contains(two[at], one[at])]
    how = [f"any {name}" if one[_at(name)] == "*" else f"{name} {one[_at(name)]}" for name in open_]
    return f"is wider than {near} ({', '.join(how)})" if how else f"is wider than {near}"


def _meet(one: str, other: str) -> bool:
    """Whether some ARN is one of both; a pattern of fewer than six segments is compared as a text."""
    return arn_overlaps(one, other) if segments(one) is not None else overlaps(one, other)


def _at(name: str) -> int:
    return next(at for at, known in _SEGMENTS.items() if known == name)


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - 3} more" if len(items) > 4 else ""
    return ", ".join(items[:3] if more else items) + more


__all__ = ["Granted", "Limit", "granted", "limit_of_boundary", "limits_of_denies"]
