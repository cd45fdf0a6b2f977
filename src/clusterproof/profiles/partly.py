"""Raw objects some of whose fields are unknown, as expressions read them: such a field is never taken for absent."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from clusterproof.profiles.chains import UNREAD, bare, bound_names, chains, members, reads, without
from clusterproof.snapshot.fields import Unknown

_MEMBER = re.compile(r"\s*\.\s*([A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)(\s*\()?")


class Hidden(msgspec.Struct, frozen=True):
    """An unknown field.

    Attributes:
        path: where it is in its object, dotted.
        unknown: why it is not known.
        kept: whether the object holds something in its place (a redacted value); else it is not there at all.
    """

    path: str
    unknown: Unknown
    kept: bool


class Partly(list[Any]):
    """A list of raw objects that is whole, though some fields of some of them are unknown.

    Attributes:
        hidden: those fields.
        bare: the same list without what stands in their place.
    """

    def __init__(self, raws: Iterable[Any], hidden: Iterable[Hidden], bare_: list[Any]) -> None:
        super().__init__(raws)
        self.hidden = tuple(dict.fromkeys(hidden))
        self.bare = bare_


def is_kept(raw: Any, path: str) -> bool:
    """Whether there is anything at a path of an object; members' own names may hold dots."""
    if not path:
        return True
    if isinstance(raw, list):
        head, _, rest = path.partition(".")
        return head.isdigit() and int(head) < len(raw) and is_kept(raw[int(head)], rest)
    if isinstance(raw, dict):
        return any(
            path == name or (path.startswith(f"{name}.") and is_kept(raw[name], path[len(name) + 1 :])) for name in raw
        )
    return False


def leave_out(value: Any, path: str) -> None:
    """Takes one field out; a member's own name may hold dots. For an item of a list the whole list goes."""
    if isinstance(value, list):
        head, _, rest = path.partition(".")
        if head.isdigit() and int(head) < len(value):
            leave_out(value[int(head)], rest)
    elif isinstance(value, dict):
        for name in [name for name in value if path == name or path.startswith(f"{name}.")]:
            rest = path[len(name) + 1 :]
            if not rest or (isinstance(value[name], list) and rest.isdigit()):
                del value[name]
            else:
                leave_out(value[name], rest)


def variants(
    expression: str, activation: Mapping[str, object]
) -> tuple[Mapping[str, object], Mapping[str, object], Unknown | None]:
    """What an expression is evaluated over, and over what once more where it may rest on what is not known.

    Returns:
        The activation, in which a list is unknown where the expression reads a field of its objects that is not there
        because it was not read; the same without values that stand for unknown ones; and why, where the two differ.
    """
    first, second = dict(activation), dict(activation)
    why: Unknown | None = None
    partial = {name: value for name, value in activation.items() if isinstance(value, Partly)}
    if partial:
        names = bound_names(expression)
        paths = [chain[1:] for chain in chains(expression) if chain[0] in names]
        paths += _by_place(expression, set(partial))
        for name, value in partial.items():
            for item in value.hidden:
                if not reads(paths, item.path):
                    continue
                if not item.kept:
                    first[name] = second[name] = item.unknown
                    break
                second[name], why = value.bare, why or item.unknown
    return first, second, why


def _by_place(expression: str, lists: set[str]) -> list[tuple[str, ...]]:
    """What an expression reads of objects that it takes from a list by their place; the empty path: all of it."""
    text = bare(expression)
    found: list[tuple[str, ...]] = []
    for at, char in enumerate(text):
        if char != "[" or not _of_list(text, at, lists):
            continue
        member = _MEMBER.match(text, _closed(text, at) + 1)
        parts = tuple(re.split(r"\s*\.\s*", member[1])) if member is not None else ()
        found.append(parts[:-1] if member is not None and member[2] else parts)
    return found


def _of_list(text: str, at: int, lists: set[str]) -> bool:
    """Whether a bracket takes an object from one of the lists, or from what a call gave; not a member of an object."""
    before = text[:at].rstrip()
    if before.endswith(")"):
        return True
    word = re.search(r"[\w.]+$", before)
    return word is not None and word[0] in lists


def _closed(text: str, at: int) -> int:
    """Where the bracket closes that opens at a place."""
    depth = 0
    for place in range(at, len(text)):
        depth += {"[": 1, "]": -1}.get(text[place], 0)
        if not depth:
            return place
    return len(text)


def of_one(
    expression: str, name: str, raw: dict[str, Any], hidden: Iterable[Hidden]
) -> tuple[str, dict[str, Any], dict[str, Any] | None, Unknown | None]:
    """The same for one object under its own name: the expression and the object, the object without stand-ins, and why.

    Where a field is not there, the expression reads :data:`clusterproof.profiles.chains.UNREAD` in its place.
    """
    bare_: dict[str, Any] | None = None
    why: Unknown | None = None
    for item in hidden:
        if not reads(members(expression, name), item.path):
            continue
        why = why or item.unknown
        if item.kept:
            bare_ = copy.deepcopy(raw) if bare_ is None else bare_
            leave_out(bare_, item.path)
        else:
            expression = without(expression, name, item.path)
    return expression, raw, bare_, why


__all__ = ["UNREAD", "Hidden", "Partly", "is_kept", "leave_out", "of_one", "variants"]
