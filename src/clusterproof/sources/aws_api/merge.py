"""What several accounts gave of one kind, as one answer."""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage, UnknownField, not_collected
from clusterproof.sources.answers import Answer
from clusterproof.sources.aws_api.reading import Account
from clusterproof.sources.aws_api.requests import NETWORK


class _Owned(msgspec.Struct):
    owner: str = msgspec.field(default="", name="OwnerId")
    gateway_owner: str = msgspec.field(default="", name="TransitGatewayOwnerId")


_OWNER = msgspec.json.Decoder(_Owned)


def merged(kind: Kind[Any], accounts: list[Account], asked: list[Account]) -> Answer:
    """One answer: each object once, as its owner sees it, else as the first account sees it.

    Complete when every account is; of several profiles of one account one is enough. A profile that could not be used
    leaves the kinds incomplete that it was named for.

    Args:
        kind: the kind.
        accounts: those that were read, the cluster's first.
        asked: those that were named.
    """
    objects: dict[str, bytes] = {}
    unknown: dict[str, list[UnknownField]] = {}
    by_owner: set[str] = set()
    decoder = msgspec.json.Decoder(kind.type)
    odd: list[bytes] = []
    stopped: dict[str, Unknown | None] = {}
    for account in accounts:
        if kind.name not in account.results and kind.name not in account.limits:
            continue
        fields = _unknown_fields(account, kind)
        for item in account.items(kind):
            try:
                key = kind.key(decoder.decode(item))
            except msgspec.ValidationError:
                odd.append(item)
                continue
            owns = bool(account.identity.account) and _owner(item) == account.identity.account
            if key not in objects or (owns and key not in by_owner):
                objects[key] = item
                unknown[key] = fields.get(key, [])
            if owns:
                by_owner.add(key)
        whose = account.identity.account or f"profile {account.identity.profile}"
        missing = _missing(kind, account)
        if whose not in stopped or missing is None:
            stopped[whose] = missing
    first = next((missing for missing in stopped.values() if missing is not None), None)
    if not stopped:
        first = _unusable(kind, asked) or not_collected(kind)
    elif first is None and kind in NETWORK:
        first = _unusable(kind, asked)
    left = tuple(field for key in objects for field in unknown[key])
    return Answer(kind, (*objects.values(), *odd), (Coverage(EVERYWHERE, first),), unknown=left)


def _unknown_fields(account: Account, kind: Kind[Any]) -> dict[str, list[UnknownField]]:
    """The fields of an account's objects that could not be read, by key."""
    found: dict[str, list[UnknownField]] = {}
    for result in account.results.get(kind.name, ()):
        for field in result.unknown:
            found.setdefault(field.key, []).append(field)
    return found


def _owner(item: bytes) -> str:
    """The account that an EC2 object belongs to; empty where it does not tell."""
    try:
        found = _OWNER.decode(item)
        return found.owner or found.gateway_owner
    except msgspec.ValidationError:
        return ""


def _missing(kind: Kind[Any], account: Account) -> Unknown | None:
    """Why an account's objects of a kind are not all there."""
    for result in account.results.get(kind.name, ()):
        if result.missing is not None:
            return result.missing
    return account.limits.get(kind.name)


def _unusable(kind: Kind[Any], asked: list[Account]) -> Unknown | None:
    """Why a profile that was named gave nothing."""
    return next(
        (
            unread(kind, account.identity.problem)
            for account in asked
            if not account.identity.usable and account.identity.problem is not None
        ),
        None,
    )


def unread(kind: Kind[Any], problem: Unknown) -> Unknown:
    """A problem of a whole profile, said of one kind."""
    detail = problem.detail.removeprefix("AWS could not be read: ")
    return Unknown(problem.cause, f"{kind.name} could not be read: {detail}", problem.remedy)
