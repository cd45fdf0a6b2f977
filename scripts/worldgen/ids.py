"""Ids and names that look like the real ones and are the same on every run."""

from __future__ import annotations

import hashlib
import uuid

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # what Kubernetes makes random suffixes of


def aws_id(prefix: str, *parts: str) -> str:
    """An EC2 resource id: prefix and 17 hexadecimal digits, e.g. ``sg-0…``."""
    return f"{prefix}-0{_digest(prefix, *parts)[:16]}"


def uid(*parts: str) -> str:
    """A UUID made from the parts."""
    return str(uuid.UUID(_digest(*parts)[:32]))


def suffix(length: int, *parts: str) -> str:
    """Letters as Kubernetes appends to generated names."""
    number = int(_digest(*parts), 16)
    letters = []
    for _ in range(length):
        number, rest = divmod(number, len(_SUFFIX_LETTERS))
        letters.append(_SUFFIX_LETTERS[rest])
    return "".join(letters)


def _digest(*parts: str) -> str:
    return hashlib.sha256("/".join(parts).encode()).hexdigest()
