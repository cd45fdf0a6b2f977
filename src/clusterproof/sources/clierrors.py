"""What kubectl and the AWS CLI print when they may not or cannot read, saved where output was expected."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
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

_DETAILS = "iam:GetAccountAuthorizationDetails"
_OTHER_CALLS: dict[str, tuple[tuple[Kind[Any], str, str], ...]] = {
    "GetAccountAuthorizationDetails": (
        (kinds.ROLES, _DETAILS, kinds.ROLES.command),
        (kinds.POLICIES, _DETAILS, kinds.POLICIES.command),
    ),
    "ListInstanceProfiles": ((kinds.INSTANCE_PROFILES, "iam:ListInstanceProfiles", kinds.INSTANCE_PROFILES.command),),
    "ListBuckets": ((kinds.BUCKETS, kinds.BUCKETS.permission, kinds.BUCKETS.command),),
    "ListKeys": ((kinds.KEYS, "kms:ListKeys", "aws kms list-keys --output json"),),
    "ListOpenIDConnectProviders": (
        (
            kinds.OIDC_PROVIDERS,
            "iam:ListOpenIDConnectProviders",
            "aws iam list-open-id-connect-providers --output json",
        ),
    ),
}
"""Calls that a dump makes and that are not those of their kinds' own permissions: kind, action, command."""
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
        if match["code"] == "AWSOrganizationsNotInUseException":
            found.append(Failure(kinds.ORGANIZATIONS, "", None))
            continue
        kind = kind_of_operation(match["operation"])
        if kind is not None:
            found.append(Failure(kind, "", _aws_unknown(kind, match["code"], kind.permission, kind.command)))
        for other, action, command in _OTHER_CALLS.get(match["operation"], ()):
            found.append(Failure(other, "", _aws_unknown(other, match["code"], action, command)))
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


def aws_errors(text: str) -> list[tuple[str, str]]:
    """Every failed call of AWS that a text reports: the error's code and the operation."""
    return [(match["code"], match["operation"]) for match in _AWS.finditer(text)]


def unknown_of(code: str, what: str, permission: str, again: str) -> Unknown:
    """Why something could not be read, by the error's code.

    Args:
        code: as AWS writes it.
        what: what could not be read, with the code, as one clause.
        permission: the IAM action that reading it needs.
        again: what to run.
    """
    if code in _DENIED_CODES:
        return Unknown(Cause.DENIED, what, f"grant {permission}, then {again}")
    if code in _THROTTLED_CODES:
        return Unknown(Cause.THROTTLED, what, f"wait a minute, then {again}")
    return Unknown(Cause.ERROR, what, again)


def _aws_unknown(kind: Kind[Any], code: str, permission: str, command: str) -> Unknown:
    what = f"{kind.name} could not be read: AWS answered {code}"
    return unknown_of(code, what, permission, f"run: {command} > {kind.name}.json")
