"""Patterns as IAM writes them: ``*`` stands for any text, also none, ``?`` for exactly one character.

Sources: IAM User Guide, "IAM JSON policy elements: Resource" (a ``*`` that ends a segment may match beyond colons, so
that a resource is compared as one text) and "Condition operators", ARN operators (each of the six segments by itself).

All questions are answered exactly, over all texts there may be: a pattern is a small automaton, and inclusion is decided
by following it through the others. A wildcard that is meant as a character (``${*}``) is :data:`STAR` or
:data:`QUESTION`, which stand for themselves here.
"""

from __future__ import annotations

import re
from functools import lru_cache

STAR = "\ue02a"
"""The character ``*`` itself, in a pattern and in a text."""
QUESTION = "\ue03f"
"""The character ``?`` itself."""
OTHER = "\ue000"
"""Any character that no pattern in question names."""
MOST_STATES = 20_000
"""How far inclusion is followed; only patterns made for it (``*a?????????????``) come near."""
MOST_STEPS = 2_000_000
"""How many positions are looked at on that way, however many the patterns are that are followed together."""

Positions = tuple[int, ...]


@lru_cache(maxsize=65_536)
def _parts(pattern: str) -> tuple[str, ...]:
    """The letters of a pattern, with runs of ``*`` as one, and ``*?`` as ``?*`` (the same texts, fewer states)."""
    out: list[str] = []
    for letter in pattern:
        if letter == "*" and out and out[-1] == "*":
            continue
        if letter == "?" and out and out[-1] == "*":
            out[-1:] = ["?", "*"]
            continue
        out.append(letter)
    return tuple(out)


@lru_cache(maxsize=65_536)
def regex(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression for ``fullmatch``, which never takes more than length times length steps."""
    return re.compile(source(pattern), re.DOTALL)


def source(pattern: str) -> str:
    """The text of :func:`regex`: every piece between two ``*`` is taken where it comes first, and never again."""
    head, *rest = "".join(_parts(pattern)).split("*")
    if not rest:
        return _piece(head)
    *middle, last = rest
    return _piece(head) + "".join(f"(?>.*?{_piece(piece)})" for piece in middle) + ".*" + _piece(last)


def _piece(text: str) -> str:
    return "".join("." if letter == "?" else re.escape(letter) for letter in text)


def is_pattern(text: str) -> bool:
    """Whether a text holds a wildcard and so stands for more than itself."""
    return "*" in text or "?" in text


def matches(pattern: str, text: str) -> bool:
    """Whether a text without wildcards is one of those of a pattern."""
    return regex(pattern).fullmatch(text) is not None


def contains(outer: str, inner: str) -> bool:
    """Whether every text of ``inner`` is one of ``outer``."""
    return covered(inner, (outer,))


def covered(inner: str, outers: tuple[str, ...]) -> bool:
    """Whether every text of ``inner`` is one of some of ``outers``; false where that would take too long to tell."""
    return covers(inner, outers) is True


@lru_cache(maxsize=65_536)
def overlaps(first: str, second: str) -> bool:
    """Whether some text is one of both."""
    one, two = _parts(first), _parts(second)
    # reached[j]: some text leads to letter i of the first and letter j of the second
    reached = {0}
    for i in range(len(one) + 1):
        star = i < len(one) and one[i] == "*"
        now = _skipped(two, reached, free=star)
        if i == len(one):
            return len(two) in now
        if star:
            reached = now
            continue
        letter = one[i]
        reached = {
            j if two[j] == "*" else j + 1
            for j in now
            if j < len(two) and (two[j] in ("*", "?", letter) or letter == "?")
        }
    return False


def _skipped(two: tuple[str, ...], start: set[int], *, free: bool) -> set[int]:
    """Positions that are reached without a letter of the first; ``free``: under its ``*``, so with any letters."""
    found = set(start)
    for j in range(min(start, default=len(two)), len(two)):
        if j in found and (free or two[j] == "*"):
            found.add(j + 1)
    return found


def covers(inner: str, outers: tuple[str, ...], exceptions: tuple[tuple[str, ...], ...] = ()) -> bool | None:
    """Whether every text of ``inner`` lies in one of ``outers``, or outside all patterns of one of ``exceptions``.

    Args:
        inner: the pattern whose texts must all be covered.
        outers: patterns that cover what they match (``Resource``).
        exceptions: groups of patterns, each of which covers what none of its members matches (``NotResource``).

    Returns:
        None where following the patterns would take more than :data:`MOST_STATES` states or :data:`MOST_STEPS` steps.
    """
    if not is_pattern(inner):
        return any(matches(outer, inner) for outer in outers) or any(
            not any(matches(pattern, inner) for pattern in group) for group in exceptions
        )
    if inner in outers or "*" in outers:
        return True
    near = tuple(dict.fromkeys(outer for outer in outers if overlaps(outer, inner)))
    groups = tuple(tuple(pattern for pattern in group if overlaps(pattern, inner)) for group in exceptions)
    if not all(groups):
        return True
    return _included(inner, near, groups)


@lru_cache(maxsize=65_536)
def _included(inner: str, outers: tuple[str, ...], groups: tuple[tuple[str, ...], ...]) -> bool | None:
    parts = _parts(inner)
    machines = [_parts(outer) for outer in outers]
    count = len(machines)
    spans: list[range] = []
    for group in groups:
        spans.append(range(len(machines), len(machines) + len(group)))
        machines += [_parts(pattern) for pattern in group]
    letters = [*sorted({letter for machine in (parts, *machines) for letter in machine} - {"*", "?"}), OTHER]
    begin = (0, tuple(_closed(machine, {0}) for machine in machines))
    seen = {begin}
    stack = [begin]
    steps = 0
    while stack:
        at, positions = stack.pop()
        if any(_accepts_all(machines[n], positions[n]) for n in range(count)) or any(
            all(not positions[n] for n in span) for span in spans
        ):
            continue  # whatever follows is covered
        here = _closed(parts, {at})
        if len(parts) in here:
            ended = [len(machine) in held for machine, held in zip(machines, positions, strict=True)]
            if not any(ended[:count]) and not any(all(not ended[n] for n in span) for span in spans):
                return False
        for i in here:
            if i == len(parts):
                continue
            onward = i if parts[i] == "*" else i + 1
            onwards = letters if parts[i] in "*?" else [parts[i]]
            steps += len(onwards) * sum(map(len, positions))
            if steps > MOST_STEPS:
                return None
            for letter in onwards:
                state = (
                    onward,
                    tuple(_step(machine, held, letter) for machine, held in zip(machines, positions, strict=True)),
                )
                if state not in seen:
                    if len(seen) > MOST_STATES:
                        return None
                    seen.add(state)
                    stack.append(state)
    return True


def _closed(parts: tuple[str, ...], start: set[int]) -> Positions:
    """Positions that are reached without a letter, less those that a later ``*`` makes superfluous."""
    found = set(start)
    for position in sorted(start):
        while position < len(parts) and parts[position] == "*":
            position += 1  # noqa: PLW2901 - walks on
            found.add(position)
    # What is accepted from before a * that was reached is accepted from that * too.
    last = max((position for position in found if position < len(parts) and parts[position] == "*"), default=0)
    return tuple(sorted(position for position in found if position >= last))


def _step(parts: tuple[str, ...], positions: Positions, letter: str) -> Positions:
    """Where a letter leads from some positions."""
    found = set()
    for position in positions:
        if position < len(parts):
            if parts[position] == "*":
                found.add(position)
            elif parts[position] in ("?", letter):
                found.add(position + 1)
    return _closed(parts, found) if found else ()


def _accepts_all(parts: tuple[str, ...], positions: Positions) -> bool:
    """Whether every text from here on is accepted: a ``*`` that ends the pattern was reached."""
    return bool(parts) and parts[-1] == "*" and len(parts) - 1 in positions


def segments(arn: str) -> tuple[str, ...] | None:
    """The six segments of an ARN or of a pattern of ARNs; None where it has fewer."""
    parts = arn.split(":", 5)
    return tuple(parts) if len(parts) == 6 else None


def arn_matches(pattern: str, arn: str) -> bool | None:
    """Whether an ARN matches segment by segment, as the ARN operators compare; None: the pattern has no six segments."""
    asked, given = segments(pattern), segments(arn)
    if asked is None:
        return None
    return given is not None and all(matches(one, two) for one, two in zip(asked, given, strict=True))


def arn_contains(outer: str, inner: str) -> bool:
    """Whether every ARN of ``inner`` is one of ``outer``, segment by segment."""
    one, two = segments(outer), segments(inner)
    return one is not None and two is not None and all(contains(a, b) for a, b in zip(one, two, strict=True))


def arn_overlaps(first: str, second: str) -> bool:
    """Whether some ARN is one of both, segment by segment."""
    one, two = segments(first), segments(second)
    return one is not None and two is not None and all(overlaps(a, b) for a, b in zip(one, two, strict=True))
