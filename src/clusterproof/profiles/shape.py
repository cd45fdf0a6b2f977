"""Plain values against the structs of a profile: every fault with its path, not only the first.

msgspec stops at the first fault and does not say which item of a list it is in; an
author wants all of them, and the name that was meant.
"""

from __future__ import annotations

import difflib
import enum
import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec


class Problem(msgspec.Struct, frozen=True):
    """One fault of a profile.

    Attributes:
        path: where inside the profile, e.g. ``requirements[2].check.reach``; empty for the profile as a whole.
        message: what is wrong and what to do, in a clause.
        key: the key below ``path`` that should not be there; empty for other faults.
    """

    path: str
    message: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


def shape_problems(value: Any, kind: Any, path: str = "") -> Iterator[Problem]:
    """Every place where a value is not of a type that profiles use (structs, lists, mappings, scalars, enums)."""
    if kind is Any:
        return
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        (inner,) = (member for member in typing.get_args(kind) if member is not types.NoneType)
        if value is not None:
            yield from shape_problems(value, inner, path)
    elif origin is tuple:
        if not isinstance(value, list):
            yield Problem(path, f"expected a list, found {_word(value)}")
            return
        for number, item in enumerate(value):
            yield from shape_problems(item, typing.get_args(kind)[0], f"{path}[{number}]")
    elif origin is dict:
        if not isinstance(value, dict):
            yield Problem(path, f"expected a mapping, found {_word(value)}")
            return
        for key, item in value.items():
            yield from shape_problems(item, typing.get_args(kind)[1], join(path, key))
    elif issubclass(kind, msgspec.Struct):
        yield from _struct_problems(value, kind, path)
    elif issubclass(kind, enum.Enum):
        allowed = [str(member.value) for member in kind]
        if value not in allowed:
            near = _near(str(value), allowed) or _near(str(value).upper(), allowed)
            yield Problem(path, f"unknown value {value!r}; {near or 'write one of ' + ', '.join(allowed)}")
    elif not _is(value, kind):
        hint = "; put it in quotes" if kind is str and isinstance(value, (bool, int, float)) else ""
        yield Problem(path, f"expected {_NAMES[kind]}, found {_word(value)}{hint}")


def join(path: str, key: str) -> str:
    """The path of a member."""
    return f"{path}.{key}" if path else key


def _struct_problems(value: Any, kind: type[msgspec.Struct], path: str) -> Iterator[Problem]:
    fields = {item.encode_name: item for item in msgspec.structs.fields(kind)}
    if not isinstance(value, dict):
        yield Problem(path, f"expected a mapping with {', '.join(fields)}, found {_word(value)}")
        return
    for key in value:
        if key not in fields:
            near = _near(key, [name for name in fields if name not in value]) or _near(key, list(fields))
            yield Problem(path, f"unknown key {key!r}; {near or 'the keys here are ' + ', '.join(fields)}", key)
    for name, item in fields.items():
        if name in value:
            yield from shape_problems(value[name], item.type, join(path, name))
        elif item.required:
            yield Problem(path, f"the key {name!r} is missing")


def _near(word: str, known: list[str]) -> str:
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"did you mean {found[0]!r}?" if found else ""


_NAMES = {str: "a text", int: "a whole number", bool: "true or false"}


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _word(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    words = {dict: "a mapping", list: "a list", str: "a text", int: "a number", float: "a number"}
    text = words.get(type(value), type(value).__name__)
    return f"{text} ({value})" if isinstance(value, (int, float)) else text
