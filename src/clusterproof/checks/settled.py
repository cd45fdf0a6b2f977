"""Which parameters a check reads: where one of them is a default that stands for something unread, nothing is decided."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from clusterproof.profiles.expression import names_of
from clusterproof.profiles.model import Check
from clusterproof.profiles.template import expressions
from clusterproof.snapshot.fields import Unknown

_CEL = ("that", "where", "instead")
"""Members that are expressions; in all others an expression stands in ``${...}``."""
_WORDS = ("says", "remark", "instead_says")
"""Members that only say something: an unread parameter in them changes no verdict."""


def unsettled_in(check: Check, unsettled: Mapping[str, Unknown]) -> Unknown | None:
    """Why a check cannot be decided: a parameter that it reads is not known; None where all that it reads are.

    Args:
        check: the check.
        unsettled: parameters whose default stands for what was not read, with why.
    """
    if not unsettled:
        return None
    read = _read(check)
    for name, why in unsettled.items():
        if any(one == name or one.startswith(f"{name}.") or name.startswith(f"{one}.") for one in read):
            return why
    return None


@functools.lru_cache(maxsize=512)
def _of_text(text: str, *, cel: bool) -> frozenset[str]:
    found = [text] if cel else list(expressions(text))
    return frozenset(name for one in found for name in names_of(one))


def _read(check: Check) -> frozenset[str]:
    return frozenset(name for text, cel in _texts(check) for name in _of_text(text, cel=cel))


def _texts(value: Any, *, cel: bool = False) -> Iterator[tuple[str, bool]]:
    if isinstance(value, str):
        yield value, cel
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            if name not in _WORDS:
                yield from _texts(getattr(value, name), cel=name in _CEL)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _texts(item)
