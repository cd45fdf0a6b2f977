"""Values from a cluster inside commands and Terraform: they stay one word, and nothing in them is run or looked up."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator
from typing import Any


def shell(value: object) -> str:
    """A value as one word of a shell's command; lists and mappings as JSON on one line."""
    return shlex.quote(written(value))


def written(value: object) -> str:
    """A value as text: texts as they are, everything else as JSON on one line. What would end a line is a space."""
    if not isinstance(value, str):
        return compact(value)
    return "".join(" " if char in "\r\n\x00\x85\u2028\u2029" else char for char in value)


def compact(document: object) -> str:
    """JSON on one line, in plain ASCII."""
    return json.dumps(document, separators=(",", ":"), default=_plain)


def _plain(value: object) -> object:
    """What JSON does not know: CEL's own numbers, times and sets of bytes as text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def hcl(value: Any) -> str:
    """A value as Terraform writes it: a quoted text, a number, a list or an object."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(hcl(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{hcl(str(key))} = {hcl(item)}" for key, item in value.items()) + "}"
    return hcl_string(str(value))


def hcl_string(text: str) -> str:
    """A quoted HCL string: templates, quotes and what ends a line are escaped (HCL Native Syntax, "Template Expressions")."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
    safe = safe.replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
    return '"' + "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in safe) + '"'


def command(parts: Iterable[tuple[str, object, bool]]) -> str:
    """A shell command put together from what its author wrote and values, each as one word wherever it stands.

    Args:
        parts: what stands as it is, then a value and whether there is one; between single or double quotes the quotes
            are closed around the value, so that nothing in it is run or ends the word.
    """
    return "".join(_assembled(parts, _shell_state, _in_shell))


def terraform(parts: Iterable[tuple[str, object, bool]]) -> str:
    """Terraform put together in the same way: inside a quoted text as its content, elsewhere as a value."""
    return "".join(_assembled(parts, _hcl_state, _in_hcl))


def _assembled(parts: Iterable[tuple[str, object, bool]], read: Any, put: Any) -> Iterator[str]:
    state = ""
    for literal, value, there in parts:
        yield literal
        state = read(literal, state)
        if there:
            yield put(value, state)


def _in_shell(value: object, state: str) -> str:
    word = shell(value)
    if state == "#":
        return written(value)
    return f"{state}{word}{state}" if state and word != written(value) else word


def _in_hcl(value: object, state: str) -> str:
    if state == "#":
        return written(value)
    return hcl_string(written(value))[1:-1] if state == '"' else hcl(value)


def _shell_state(text: str, state: str) -> str:
    """Which quote is open after a text, ``#`` inside a comment (POSIX shell, "Quoting" and "Token Recognition")."""
    escaped, before = False, " "
    for char in text:
        if escaped:
            escaped = False
        elif state == "#":
            state = "" if char == "\n" else state
        elif state == "'":
            state = "" if char == "'" else state
        elif char == "\\":
            escaped = True
        elif state == '"':
            state = "" if char == '"' else state
        elif char in "'\"":
            state = char
        elif char == "#" and before in " \t\n;&|()":
            state = "#"
        before = char
    return state


def _hcl_state(text: str, state: str) -> str:
    escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif state == "#":
            state = "" if char == "\n" else state
        elif state == '"':
            escaped = char == "\\"
            state = "" if char == '"' else state
        elif char in '"#':
            state = char
    return state
