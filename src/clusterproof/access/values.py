"""Values of conditions that are more than text: numbers, times, truth values, bytes and addresses.

Source: IAM User Guide, "IAM JSON policy elements: Condition operators"; W3C, "Date and Time Formats" (which the guide
names for times). Each kind has a function that reads a value of a policy (None: it is none of the kind) and one that
compares it with a value of a request.
"""

from __future__ import annotations

import binascii
import ipaddress
import operator
import re
from base64 import b64decode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any

NO, MAYBE, YES = 0, 1, 2

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_TIME = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(\.\d+)?)?(Z|[+-]\d\d:\d\d))?)?)?", re.ASCII)
_EPOCH = re.compile(r"\d{5,}(\.\d+)?", re.ASCII)


def number(text: str) -> Decimal | None:
    """An integer or a decimal number."""
    return Decimal(text) if _NUMBER.fullmatch(text) else None


@lru_cache(maxsize=4096)
def moment(text: str) -> Decimal | None:
    """A time as seconds of the epoch: from a W3C date or from such seconds."""
    if _EPOCH.fullmatch(text):
        return Decimal(text)
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(found[n]) if found[n] else int(n in (2, 3)) for n in range(1, 7))
    zone = found[8] or "Z"
    away = timedelta() if zone == "Z" else timedelta(hours=int(zone[1:3]), minutes=int(zone[4:]))
    try:
        when = datetime(
            year, month, day, hour, minute, second, tzinfo=timezone(-away if zone.startswith("-") else away)
        )
    except ValueError:
        return None
    since = when - datetime(1970, 1, 1, tzinfo=UTC)
    return Decimal(since.days * 86_400 + since.seconds) + Decimal(found[7] or 0)


def ordered(read: Callable[[str], Decimal | None], how: str) -> Callable[[Any, str], int]:
    """Compares numbers or times: the request's on the left, the policy's on the right.

    Args:
        read: reads the request's value.
        how: ``==``, ``<``, ``<=``, ``>`` or ``>=``.
    """
    relation = {"==": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}[how]

    def compared(value: Decimal, given: str) -> int:
        left = read(given)
        return MAYBE if left is None else YES if relation(left, value) else NO

    return compared


def truth(text: str) -> bool | None:
    """``true`` or ``false``."""
    return {"true": True, "false": False}.get(text.lower())


def same_truth(value: bool, given: str) -> int:
    """Whether a request's truth value is the policy's."""
    found = truth(given)
    return MAYBE if found is None else YES if found is value else NO


def binary(text: str) -> bytes | None:
    """Bytes from base 64."""
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def same_bytes(value: bytes, given: str) -> int:
    """Whether a request's bytes (base 64) are the policy's."""
    found = binary(given)
    return MAYBE if found is None else YES if found == value else NO


@lru_cache(maxsize=4096)
def network(text: str) -> Network | None:
    """An address or a CIDR block; an address is a block of one."""
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def within(value: Network, given: str) -> int:
    """Whether an address is in a block; a block stands for one address of it, so that it may be both in and out."""
    found = network(given)
    if found is None:
        return MAYBE
    if found.version != value.version or not found.overlaps(value):
        return NO
    return YES if found.prefixlen >= value.prefixlen else MAYBE
