"""Paths inside raw objects, as a profile writes them: ``spec.taints[0].key``, ``metadata.labels["a.b/c"]``."""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any

_STEP = re.compile(r"""(?:^|\.)([A-Za-z_][\w/-]*)|\[(\d+)\]|\[(?:"([^"]*)"|'([^']*)')\]|\.(\d+)(?=\.|\[|$)""")

Step = str | int


class Missing:
    """Stands for what is not there."""


MISSING = Missing()


def steps(path: str) -> tuple[Step, ...]:
    """The steps of a path: names, and places in lists.

    Raises:
        ValueError: it is no path; the message is a clause.
    """
    found: list[Step] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None or match.end() == at:
            break
        name, place, double, single, number = match.groups()
        found.append(
            int(place or number) if place or number else next(p for p in (name, double, single) if p is not None)
        )
        at = match.end()
    if at < len(path) or not found:
        raise ValueError(f'{path!r} is no path; write it like spec.taints[0].key or metadata.labels["a.b/c"]')
    return tuple(found)


def read(raw: Any, path: Sequence[Step]) -> Any:
    """What stands at a path; :data:`MISSING` where nothing does."""
    for step in path:
        inside = isinstance(raw, list) and isinstance(step, int) and step < len(raw)
        if inside or (isinstance(raw, dict) and step in raw):
            raw = raw[step]
        else:
            return MISSING
    return raw


def settable(raw: Any, path: Sequence[Step], value: Any) -> tuple[str, Any]:
    """The dotted path and the value by which an overlay sets a field of an object.

    An overlay's paths are split at their dots, so that a name that holds one is set with the mapping around it.
    """
    cut = next((number for number, step in enumerate(path) if isinstance(step, str) and "." in step), len(path))
    if cut == len(path):
        return ".".join(map(str, path)), value
    around = read(raw, path[:cut])
    whole = copy.deepcopy(around) if isinstance(around, dict) else {}
    place = whole
    for step in path[cut:-1]:
        place = place.setdefault(step, {})
    place[path[-1]] = value
    return ".".join(map(str, path[:cut])), whole
