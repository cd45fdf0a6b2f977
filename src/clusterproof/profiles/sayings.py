"""Faults that several rules of a profile tell in the same words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

import msgspec

from clusterproof.profiles.shape import Problem


def pattern(text: str, path: str) -> Iterator[Problem]:
    """A regular expression must be one."""
    try:
        re.compile(text)
    except re.error as error:
        yield Problem(path, f"{text!r} is no regular expression ({error})")


def one_of(record: msgspec.Struct, path: str) -> Iterator[Problem]:
    """Exactly one member may be set."""
    names = [item.name for item in msgspec.structs.fields(record)]
    given = [name for name in names if getattr(record, name)]
    if len(given) != 1:
        found = " and ".join(given) if given else "nothing"
        yield Problem(path, f"exactly one of {', '.join(names)} must be set, found {found}")


def known(what: str, name: str, names: Iterable[str], path: str) -> Iterator[Problem]:
    """A name must be one of those that there are."""
    there = list(names)
    if name not in there:
        yield Problem(path, unknown(what, name, there))


def unknown(what: str, name: str, names: Iterable[str]) -> str:
    """That there is no such name, with the one that was meant."""
    there = sorted(names)
    near = difflib.get_close_matches(name, there, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(there[:12]) or 'none'}"
    return f"there is no {what} {name!r}; {hint}"
