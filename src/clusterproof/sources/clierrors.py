"""What kubectl and the AWS CLI print when they may not or cannot read, saved where output was expected."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.hints import kind_of_operation, kind_of_resource

MAX_ERROR_BYTES = 64 * 1024

_AWS = re.compile(r"An error occurred \((?P<code>[\w.]+)\) when calling the (?P<operation>\w+) operation")
_FORBIDDEN = re.compile(
    r"cannot (?P<verb>list|get) resource \\?\"(?P<resource>[\w.-]+)\\?\" in API group \\?\"(?P<group>[\w.-]*)\\?\""
    r"(?: in the namespace \\?\"(?P<namespace>[\w.-]+)\\?\")?"
)
_NO_SUCH_TYPE = re.compile(r"the server doesn't have a resource type \"(?P<resource>[\w.-]+)\"")
_UNREACHABLE = re.compile(
    r"Unable to connect to the server|The connection to the server .* was refused|Could not connect to the endpoint"
)

_DENIED_CODES = {"UnauthorizedOperation", "AccessDenied", "AccessDeniedException", "UnauthorizedException", "403"}
_THROTTLED_CODES = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"}


class Failure(msgspec.Struct, frozen=True):
    """One kind that could not be read.

    Attributes:
        kind: the kind that the failed call reads.
        scope: a namespace, or ``""`` for everywhere.
        missing: the cause; None when the server has no such kind, so that there are none.
    """

    kind: Kind[Any]
    scope: str
    missing: Unknown | None


def failures(text: str) -> list[Failure]:
    """Every failed call that a text reports and that reads a kind of ours."""
    found: list[Failure] = []
    for match in _AWS.finditer(text):
        kind = kind_of_operation(match["operation"])
        if kind is not None:
            found.append(Failure(kind, "", _aws_unknown(kind, match["code"])))
    for match in _FORBIDDEN.finditer(text):
        kind = kind_of_resource(match["resource"], match["group"])
        if kind is not None:
            scope = match["namespace"] or ""
            where = f" in namespace {scope}" if scope else ""
            unknown = Unknown(
                Cause.DENIED,
                f"{kind.name}{where} could not be listed: RBAC refused it",
                f"grant {kind.permission}, then run: {kind.command} > {kind.name}.json",
            )
            found.append(Failure(kind, scope, unknown))
    # Discovery that failed in part also makes kubectl deny a type; then its absence proves nothing.
    if "couldn't get resource list" not in text:
        for match in _NO_SUCH_TYPE.finditer(text):
            kind = kind_of_resource(match["resource"])
            if kind is not None:
                found.append(Failure(kind, "", None))
    return found


def is_error_text(text: str) -> bool:
    """Whether a text is a command's error at all, of whatever call."""
    return bool(
        _AWS.search(text)
        or _UNREACHABLE.search(text)
        or re.match(r"\s*(Error from server|error: |Unable to locate credentials|usage: aws)", text)
    )


def first_words(data: bytes) -> str:
    """The beginning of a text, short enough for an error message."""
    line = next((part.strip() for part in data[:4096].decode("utf-8", "replace").splitlines() if part.strip()), "")
    line = "".join(character for character in line if character.isprintable())
    return line if len(line) <= 60 else line[:57] + "..."


def _aws_unknown(kind: Kind[Any], code: str) -> Unknown:
    again = f"run: {kind.command} > {kind.name}.json"
    if code in _DENIED_CODES:
        return Unknown(
            Cause.DENIED,
            f"{kind.name} could not be read: AWS answered {code}",
            f"grant {kind.permission}, then {again}",
        )
    if code in _THROTTLED_CODES:
        return Unknown(
            Cause.THROTTLED, f"{kind.name} could not be read: AWS answered {code}", f"wait a minute, then {again}"
        )
    return Unknown(Cause.ERROR, f"{kind.name} could not be read: AWS answered {code}", again)
