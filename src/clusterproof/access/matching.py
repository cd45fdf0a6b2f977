"""Whether a statement speaks of a request's resource: of one, of all of a pattern, or of some of them.

Source: IAM User Guide, "IAM JSON policy elements: Resource" and "NotResource". A request on a pattern is one on every
resource of that pattern, so that an Allow counts where statements cover all, and a Deny where one touches any.

A request on ``*`` alone leaves open whether AWS authorises the action on resources at all (then every one is meant) or on
none (then policies are compared with ``*`` itself): only what both readings say is certain.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from clusterproof.access.conditions import doubts, holds
from clusterproof.access.context import Request
from clusterproof.access.patterns import covers, matches, overlaps, segments
from clusterproof.access.policy import Scope, Statement
from clusterproof.access.values import MAYBE, NO, YES
from clusterproof.access.variables import resolved, shown
from clusterproof.snapshot.fields import Cause, Unknown


class Entry(msgspec.Struct, frozen=True, eq=False):
    """What may allow something.

    Attributes:
        level: whether it applies; of one resource with the resource, of a pattern without.
        statement: None: a grant, or a policy that is not known.
        policy: its policy's name.
        layer: the layer's name.
    """

    level: int
    statement: Statement | None
    policy: str
    layer: str


def conditions_hold(statement: Statement, request: Request) -> int:
    """Whether all conditions of a statement hold: NO, MAYBE or YES."""
    answer = YES
    for test in statement.conditions:
        found = holds(test, request)
        if found < answer:
            if found == NO:
                return NO
            answer = found
    return answer


def speaks_of(scope: Scope, resource: str, request: Request) -> int:
    """Whether a statement's resources include one text without wildcards."""
    if scope.everything:
        return YES
    found = YES if scope.regex is not None and scope.regex.fullmatch(resource) is not None else NO
    if not scope.templates:
        return YES - found if scope.negative else found
    certain = True
    for template in scope.templates:
        made = resolved(template, request)
        certain = certain and made.certain
        if made.text is not None and matches(made.text, resource):
            found = max(found, YES if made.exact else MAYBE)
    answer = YES - found if scope.negative else found
    return answer if certain else min(answer, MAYBE)


class Filled(msgspec.Struct, frozen=True):
    """A scope with its variables filled in.

    Attributes:
        sure: patterns that are certain.
        loose: patterns of which only something is meant, not known what.
        certain: whether every variable surely has a value, known or not.
    """

    sure: tuple[str, ...]
    loose: tuple[str, ...] = ()
    certain: bool = True


def filled(scope: Scope, request: Request) -> Filled:
    """The patterns of a scope in a request."""
    if not scope.templates:
        return Filled(scope.plain)
    made = [resolved(template, request) for template in scope.templates]
    return Filled(
        scope.plain + tuple(one.text for one in made if one.text is not None and one.exact),
        tuple(one.text for one in made if one.text is not None and not one.exact),
        all(one.certain for one in made),
    )


def touches(scope: Scope, request: Request) -> int:
    """Whether a statement's resources include any of the pattern that the request is on."""
    resource = request.resource
    if scope.everything:
        return YES
    found = filled(scope, request)
    if scope.negative:
        loosely = covers(resource, found.sure + found.loose)
        answer = YES if loosely is False else NO if loosely and covers(resource, found.sure) else MAYBE
    elif any(_meets(pattern, resource) for pattern in found.sure):
        answer = YES
    else:
        answer = MAYBE if any(_meets(pattern, resource) for pattern in found.loose) else NO
    if resource == "*":
        answer = both(answer, speaks_of(scope, resource, request))
    return answer if found.certain else min(answer, MAYBE)


_NO_COLONS = ("sqs", "kms")
"""Services whose resources' names hold no colon (Amazon SQS API, CreateQueue; AWS KMS API, CreateAlias)."""


def _meets(pattern: str, resource: str) -> bool:
    """Whether some resource of the request's pattern matches another pattern.

    A ``*`` stands for colons too; a name that holds none has six segments, and what has five colons of its own matches
    such a name only segment by segment.
    """
    if not overlaps(pattern, resource):
        return False
    asked = segments(resource)
    if asked is None or asked[2] not in _NO_COLONS or pattern.count(":") != 5:
        return True
    return all(map(overlaps, pattern.split(":"), asked))


def both(first: int, second: int) -> int:
    """What two readings of one request agree on."""
    return first if first == second else MAYBE


def coverage(entries: Iterable[Entry], request: Request, *, pattern: bool) -> int:
    """Whether entries together include the request's resource, or all of its pattern."""
    if not pattern:
        return max((entry.level for entry in entries), default=NO)
    held = [entry for entry in entries if entry.level > NO]
    if not held:
        return NO
    everything = _every(held, request)
    if request.resource == "*" and everything < YES:
        itself = max(min(entry.level, speaks_of(_scope(entry), "*", request)) for entry in held)
        return both(everything, itself)
    return everything


def _scope(entry: Entry) -> Scope:
    return entry.statement.scope if entry.statement is not None else Scope(everything=True)


def _every(held: list[Entry], request: Request) -> int:
    if any(entry.level == YES and _scope(entry).everything for entry in held):
        return YES
    sure: list[str] = []
    sure_but: list[tuple[str, ...]] = []
    loose: list[str] = []
    loose_but: list[tuple[str, ...]] = []
    for entry in held:
        scope = _scope(entry)
        found = Filled(("*",)) if scope.everything else filled(scope, request)
        certain = entry.level == YES and found.certain
        if scope.negative:
            loose_but.append(found.sure)
            if certain:
                sure_but.append(found.sure + found.loose)
        else:
            loose += found.sure + found.loose
            if certain:
                sure += found.sure
    if covers(request.resource, tuple(sure), tuple(sure_but)):
        return YES
    return NO if covers(request.resource, tuple(loose), tuple(loose_but)) is False else MAYBE


def doubts_of(statement: Statement, request: Request, *, pattern: bool) -> list[Unknown]:
    """Why it is not known whether a statement applies."""
    found: list[Unknown] = []
    for test in statement.conditions:
        if holds(test, request) == MAYBE:
            found += doubts(test, request)
    for template in statement.scope.templates:
        found += resolved(template, request).unknowns
    if pattern and not statement.scope.everything and not found:
        what = shown(" or ".join(statement.scope.plain))
        if request.resource == "*":
            why = f"{statement.title} speaks of {what}, and whether AWS authorises {request.action} on resources is not known"
            return [Unknown(Cause.NOT_MODELLED, why, "ask about the ARN of a resource")]
        why = f"whether {what} of {statement.title} has all of {request.resource} takes too long to tell"
        return [Unknown(Cause.NOT_MODELLED, why)]
    return found
