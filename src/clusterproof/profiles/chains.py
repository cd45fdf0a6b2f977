"""What an expression reads, from its text: the dotted chains, and whether one of them reads a field that is unknown."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

LITERAL = re.compile(r"""[rRbB]{0,2}(?:\"\"\".*?\"\"\"|'''.*?'''|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.DOTALL)
_TEXT = re.compile(LITERAL.pattern + r"|//[^\n]*", re.DOTALL)
_BINDING = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_CHAIN = re.compile(r"(?<![\w.\])])([A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)(\s*\()?")
_GET = re.compile(r"""\bget\(\s*([A-Za-z_][\w.]*)\s*,\s*(?:(["'])([^"'\\]*)\2|\[([^\]]*)\])""")
"""``get(x.y, "a.b", …)``, ``get(x.y, ["a", "b"], …)``: reads a member as ``x.y.a.b`` does."""
_HELD = "held_"
UNREAD = "unread_"
"""The name that stands in an expression for what is not known."""


def bare(expression: str) -> str:
    """The expression with its text literals and comments emptied."""
    return re.sub(r"//[^\n]*", "", LITERAL.sub('""', expression))


def bound_names(expression: str) -> set[str]:
    """The names that its comprehensions bind."""
    return set(_BINDING.findall(bare(expression)))


def chains(expression: str) -> tuple[tuple[str, ...], ...]:
    """Every dotted chain, split at its dots, without the name of a function at its end; each once, in order."""
    found: dict[tuple[str, ...], None] = {}
    spelt = bare(_GET.sub(lambda match: f"get({'.'.join(_got(match))}, ''", expression))
    # What a comprehension binds is not read where it is bound.
    for text, call in _CHAIN.findall(
        _BINDING.sub(lambda match: match[0][: match.start(1) - match.start()] + ",", spelt)
    ):
        parts = _parts(text, call)
        if parts:
            found[parts] = None
    return tuple(found)


def members(expression: str, name: str) -> tuple[tuple[str, ...], ...]:
    """The paths inside ``name`` that an expression reads; the empty path: all of it."""
    return tuple(chain[1:] for chain in chains(expression) if chain[0] == name)


def reads(paths: Iterable[tuple[str, ...]], path: str) -> bool:
    """Whether one of some paths reads a field, all of what holds it, or something inside it."""
    return any(_meet(parts, path) for parts in paths)


def without(expression: str, name: str, path: str) -> str:
    """The expression in which every chain of ``name`` that reads a field reads :data:`UNREAD` in its place.

    That also makes ``has()`` of it unknown, which leaving the field out of the object would make false.
    """

    def chain(match: re.Match[str]) -> str:
        parts = _parts(match[1], match[2] or "")
        if not parts or parts[0] != name or not _meet(parts[1:], path):
            return match[0]
        words = re.split(r"\s*\.\s*", match[1])
        return f"{UNREAD}.x" + (f".{words[-1]}" if match[2] else "") + (match[2] or "")

    def got(match: re.Match[str]) -> str:
        parts = _got(match)
        if parts[0] != name:
            return match[0]
        read = f"{UNREAD}.x" if _meet(tuple(parts[1:]), path) else f"{_HELD}{match[1]}"
        return match[0][: match.start(1) - match.start()] + read + match[0][match.end(1) - match.start() :]

    text = _outside(_GET.sub(got, expression), lambda text: _CHAIN.sub(chain, text))
    return text.replace(f"{_HELD}{name}", name)


def _got(match: re.Match[str]) -> list[str]:
    """The chain that ``get()`` reads, as far as its names are names: what stands behind those is a part of it."""
    parts = match[1].split(".")
    more = match[3].split(".") if match[3] is not None else re.findall(r"""["']([^"']*)["']""", match[4])
    for part in more:
        if not re.fullmatch(r"[A-Za-z_]\w*", part):
            break
        parts.append(part)
    return parts


def _parts(text: str, call: str) -> tuple[str, ...]:
    parts = tuple(re.split(r"\s*\.\s*", text))
    return parts[:-1] if call else parts


def _meet(parts: tuple[str, ...], path: str) -> bool:
    """Whether a chain and a field's path lead into each other; a member's own name may hold dots."""
    chain = ".".join(parts)
    return not chain or f"{path}.".startswith(f"{chain}.") or f"{chain}.".startswith(f"{path}.")


def _outside(expression: str, change: Callable[[str], str]) -> str:
    """The expression with what is no text literal and no comment changed."""
    result, at = "", 0
    for match in _TEXT.finditer(expression):
        result += change(expression[at : match.start()]) + match[0]
        at = match.end()
    return result + change(expression[at:])
