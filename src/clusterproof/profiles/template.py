"""Texts with ``${...}`` in them: what stands as it is, and the expressions between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def expressions(text: Any) -> Iterator[str]:
    """Every expression in a text, list or mapping with ``${...}`` in it."""
    if isinstance(text, str):
        yield from (expression for _, expression in split(text) if expression)
    elif isinstance(text, Mapping):
        for key, item in text.items():
            yield from expressions(key)
            yield from expressions(item)
    elif isinstance(text, (list, tuple)):
        for item in text:
            yield from expressions(item)


def split(text: str) -> Iterator[tuple[str, str]]:
    """A text as pairs of what stands as it is and the expression after it; braces and quotes inside are counted."""
    at, literal = 0, ""
    while at < len(text):
        start = text.find("${", at)
        if start < 0:
            break
        if start > at and text[start - 1] == "$":
            literal += text[at : start - 1] + "${"
            at = start + 2
            continue
        end = _end(text, start + 2)
        if end < 0:
            break
        yield literal + text[at:start], text[start + 2 : end]
        at, literal = end + 1, ""
    yield literal + text[at:], ""


def _end(text: str, start: int) -> int:
    """Where the brace closes that was opened before ``start``; -1 where it does not."""
    depth, quote = 1, ""
    for at in range(start, len(text)):
        letter = text[at]
        if quote:
            quote = "" if letter == quote and text[at - 1] != "\\" else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "{}":
            depth += 1 if letter == "{" else -1
            if not depth:
                return at
    return -1
