"""Laying out plain text: neutralise, measure, wrap, align, and colour as an extra.

Everything is laid out as plain text first; colour is wrapped around finished
pieces, so that a pipe, a screen reader and ``NO_COLOR`` get the same words in
the same columns.
"""

from __future__ import annotations

import shlex
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import TypeVar

import msgspec

T = TypeVar("T")

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that move the cursor, reorder or hide text, or cannot be printed."""


def clean(text: str, *, newlines: bool = False) -> str:
    """Text from a cluster, safe to print: what a terminal could obey is spelled out.

    Control and format characters (with bidirectional overrides and zero-width
    ones), line separators and surrogates are replaced by their escapes.

    Args:
        text: as it came.
        newlines: keep line feeds (shell commands may have several lines).
    """
    if text.isprintable():
        return text
    return "".join(_spelled(char) if _unsafe(char, newlines) else char for char in text)


def _unsafe(char: str, newlines: bool) -> bool:
    if char == "\n":
        return not newlines
    return unicodedata.category(char) in _UNSAFE


def _spelled(char: str) -> str:
    known = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}
    code = ord(char)
    return known.get(char) or (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"
    )


def of_cluster(remedy: str, cluster: str) -> str:
    """A remedy whose command names the cluster, where its name is known."""
    return remedy.replace("name CLUSTER", f"name {shlex.quote(cluster)}") if cluster else remedy


def cleaned(record: T, type_: type[T], *, cluster: str = "") -> T:
    """The same record with every string in it neutralised; commands keep their line feeds.

    Args:
        record: what to clean.
        type_: its type.
        cluster: its name, where known, is put into the commands of remedies in place of ``CLUSTER``.
    """
    result: T = msgspec.convert(_cleaned(msgspec.to_builtins(record), cluster=clean(cluster)), type_)
    return result


def _cleaned(value: object, newlines: bool = False, cluster: str = "") -> object:
    if isinstance(value, str):
        return clean(value, newlines=newlines)
    if isinstance(value, (list, tuple)):
        return [_cleaned(item, newlines, cluster) for item in value]
    if isinstance(value, dict):
        made = {_cleaned(key): _cleaned(item, key == "commands", cluster) for key, item in value.items()}
        if cluster and isinstance(remedy := made.get("remedy"), str) and " CLUSTER" in remedy:
            made["remedy"] = of_cluster(remedy, cluster)
        return made
    return value


def width_of(text: str) -> int:
    """Columns that a terminal gives the text: wide characters take two, combining ones none."""
    return len(text) if text.isascii() else sum(map(_columns, text))


@lru_cache(maxsize=1024)
def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def pad(text: str, columns: int) -> str:
    """The text filled with spaces on the right."""
    return text + " " * max(0, columns - width_of(text))


_GLUE = "\x1f"
"""A space at which no line is broken; :func:`clean` leaves none in text from a cluster."""


def phrases(items: Iterable[str]) -> str:
    """The items with commas, to be broken between items rather than inside them, where they fit a line."""
    return ", ".join(item.replace(" ", _GLUE) for item in items)


def unglued(text: str) -> str:
    """The text of :func:`phrases` with plain spaces."""
    return text.replace(_GLUE, " ")


def wrap(text: str, width: int, first: int = 0) -> list[str]:
    """Lines of at most ``width`` columns (the first: ``first``, when given), broken between words.

    A word that is wider stands alone and whole: an id is never cut. Phrases
    that are wider than a line are broken like other text.
    """
    first = first or width
    if _GLUE in text:
        narrow = min(first, width)
        fits = [word if width_of(word) <= narrow else unglued(word) for word in text.split(" ")]
        text = " ".join(fits)
    lines: list[str] = []
    line, used = "", 0
    for word in text.split(" "):
        size = width_of(word)
        if line and used + 1 + size > (width if lines else first):
            lines.append(line)
            line, used = word, size
        elif line:
            line, used = f"{line} {word}", used + 1 + size
        else:
            line, used = word, size
    lines.append(line)
    return [unglued(line).rstrip() for line in lines]


def hang(prefix: str, text: str, width: int, *, shown: str | None = None, indent: int | None = None) -> list[str]:
    """Wrapped text behind a prefix, its further lines indented.

    Args:
        prefix: stands before the first line, plain.
        text: what is wrapped.
        width: columns, those of the prefix included.
        shown: what is printed for ``prefix`` (the same with colour); default the prefix.
        indent: columns before further lines; default the prefix's width.
    """
    first = width_of(prefix)
    rest = first if indent is None else indent
    head = prefix if shown is None else shown
    lines = wrap(text, max(width - rest, 20), max(width - first, 20))
    return [(head + lines[0]).rstrip(), *(" " * rest + line for line in lines[1:])]


def columns(rows: Sequence[Sequence[str]], gap: int = 2) -> list[int]:
    """The width of each column, the gap to the next included; the last has none."""
    widths = [max(width_of(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return [size + gap for size in widths[:-1]] + widths[-1:]


def command_lines(command: str, width: int, indent: int) -> list[str]:
    """A shell command that can be pasted as printed: broken before options, with backslashes.

    A break is only made at a space outside quotes that an option follows. A
    command of several lines is left as it is: its line ends are part of it.
    """
    margin = " " * indent
    joined = _joined(command)
    if joined is None:
        return command.split("\n")
    command = joined
    if width_of(command) + indent <= width:
        return [margin + command]
    lines: list[str] = []
    line = ""
    for piece in _options(command):
        if line and indent + (4 if lines else 0) + width_of(line) + 1 + width_of(piece) + 2 > width:
            lines.append(line + " \\")
            line = piece
        else:
            line = f"{line} {piece}" if line else piece
    lines.append(line)
    return [margin + ("" if first else "    ") + text for first, text in ((i == 0, t) for i, t in enumerate(lines))]


def _joined(command: str) -> str | None:
    """The command on one line, its continuation lines joined; None when a line feed in it means something."""
    if "\n" not in command:
        return command
    pieces: list[str] = []
    quote, position = "", 0
    while position < len(command):
        char = command[position]
        if char == "\n" or (quote and command.startswith("\\\n", position)):
            return None
        if not quote and command.startswith("\\\n", position):
            rest = command[position + 2 :].lstrip(" ")
            pieces = [*"".join(pieces).rstrip(" "), " "]
            position = len(command) - len(rest)
            continue
        if char == "\\" and quote != "'":
            pieces.append(command[position : position + 2])
            position += 2
            continue
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        pieces.append(char)
        position += 1
    return "".join(pieces)


def _options(command: str) -> list[str]:
    """The command split before each option (a word that begins with ``-``) outside quotes."""
    pieces: list[str] = []
    start, quote, position = 0, "", 0
    while position < len(command):
        char = command[position]
        if char == "\\" and quote != "'":
            position += 1
        elif quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == " " and command.startswith("-", position + 1):
            pieces.append(command[start:position])
            start = position + 1
        position += 1
    return [*pieces, command[start:]]


def sentence(text: str) -> str:
    """The text with a full stop at its end, where it has none. Its first letter stays: etcd is etcd."""
    text = text.strip()
    return text if not text or text.endswith((".", "!", "?", ":")) else text + "."


def listing(items: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    found = list(items)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""


def plural(count: int, noun: str, many: str = "") -> str:
    """``1 node``, ``2 nodes``."""
    return f"{count} {noun if count == 1 else many or noun + 's'}"


class Paint:
    """Colour, or none: every method gives its text back unchanged when off."""

    def __init__(self, on: bool) -> None:
        self.on = on
        self.bold = self._with("1")
        self.dim = self._with("2")
        self.bad = self._with("1;31")
        self.warn = self._with("1;33")
        self.good = self._with("32")
        self.unsure = self._with("1;35")

    def _with(self, code: str) -> Callable[[str], str]:
        return (lambda text: f"\x1b[{code}m{text}\x1b[0m" if text else text) if self.on else (lambda text: text)
