"""One expression over many objects, each under the same name: what else it reads is given to CEL once, not per object.

The library copies every variable each time that an expression is run, and whatever a comprehension's variable names each
time that it is named. So all objects go into one run, each reduced to the fields that the expression reads; objects that
are then equal are asked once. An error stops a whole run: it is found by halving.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from clusterproof.profiles.chains import members
from clusterproof.profiles.expression import batch, value
from clusterproof.snapshot.fields import Cause, Unknown

MAX_ASKED = 25_000_000
"""Objects times the longest list beside them; more would take minutes."""
MAX_FAILED = 400
"""Distinct objects that are asked one by one because of an error; further ones beside an error are unknown with it."""


def values(
    expression: str, name: str, objects: Sequence[Mapping[str, Any]], activation: Mapping[str, object]
) -> list[Any]:
    """The value of an expression for each object, in their order; as in JSON, or an Unknown.

    Args:
        expression: CEL that may read ``name`` and the names of ``activation``.
        name: what one object is called.
        objects: as their API writes them, without unknown fields.
        activation: what the other names mean, as for :func:`clusterproof.profiles.expression.value`.
    """
    paths = members(expression, name)
    alike: dict[bytes, int] = {}
    distinct: list[Any] = []
    classes: list[int] = []
    for raw in objects:
        small = reduced(raw, paths)
        key = msgspec.json.encode(small, order="deterministic")
        position = alike.setdefault(key, len(distinct))
        if position == len(distinct):
            distinct.append(small)
        classes.append(position)
    answers = _answers(expression, name, distinct, activation)
    return [answers[position] for position in classes]


def _answers(expression: str, name: str, objects: list[Any], activation: Mapping[str, object]) -> list[Any]:
    longest = max((len(item) for item in activation.values() if isinstance(item, list)), default=1)
    if len(objects) * longest > MAX_ASKED:
        much = Unknown(Cause.ERROR, f"an expression would compare {len(objects)} objects with {longest} others each")
        return [much] * len(objects)
    found: list[Any] = [None] * len(objects)
    waiting = [(0, len(objects))] if objects else []
    failed: list[Any] = []
    while waiting:
        low, high = waiting.pop()
        answers = batch(expression, name, objects[low:high], activation) if high - low > 1 else None
        if answers is not None:
            found[low:high] = answers
        elif len(failed) >= MAX_FAILED:
            found[low:high] = [failed[-1]] * (high - low)
        elif high - low == 1:
            found[low] = value(expression, {**activation, name: objects[low]})
            failed += [found[low]] if isinstance(found[low], Unknown) else []
        else:
            middle = (low + high) // 2
            waiting += [(middle, high), (low, middle)]
    return found


def reduced(raw: Mapping[str, Any], paths: Iterable[tuple[str, ...]]) -> Mapping[str, Any]:
    """An object with nothing but what some paths lead to; where a path ends early, what there is of it stays."""
    result: dict[str, Any] = {}
    for path in sorted(paths, key=len):
        if not path:
            return raw
        source: Any = raw
        target: Any = result
        for number, part in enumerate(path):
            if not isinstance(source, Mapping) or part not in source:
                break
            source = source[part]
            if number == len(path) - 1 or not isinstance(source, Mapping):
                target[part] = source
                break
            if part in target and target[part] is source:  # a shorter path has taken all of it
                break
            target = target.setdefault(part, {})
    return result


__all__ = ["reduced", "values"]
