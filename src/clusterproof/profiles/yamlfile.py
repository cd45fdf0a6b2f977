"""YAML or JSON that people write (profiles, the configuration) as plain values, with the line of every member.

Built from libyaml's events, because such a file needs three things that a general
loader does not give: ``on`` as a key is text (YAML 1.2; in 1.1 it means true), a key
written twice is an error, and every member knows its line. Depth and aliases are
budgeted as in :mod:`clusterproof.sources.yamltext`.
"""

from __future__ import annotations

import re
from typing import Any

from clusterproof.errors import InputError, ProfileError

MAX_BYTES = 4 * 1024**2
MAX_DEPTH = 60
ALIAS_BUDGET = 10_000
"""How many values the aliases of one profile may add."""

Lines = dict[str, int]
"""Line number by path inside the file (``requirements[2].check.reach``)."""

_INT = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)([eE][-+]?[0-9]+)?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "true": True, "True": True, "false": False, "False": False}


def read_values(
    data: bytes,
    where: str,
    *,
    what: str = "profile",
    page: str = "docs/profiles.md",
    error: type[InputError] = ProfileError,
) -> tuple[Any, Lines]:
    """The one document of a profile's file, or of another that is written by hand.

    Args:
        data: the file's bytes, YAML or JSON (which is YAML) in UTF-8.
        where: the file's name, for messages.
        what: what the file holds, for messages.
        page: where that is described, for messages.
        error: the type of error to raise.

    Raises:
        ProfileError: too large, not YAML, no or several documents, a key twice, or built to exhaust memory.
    """
    import yaml

    if len(data) > MAX_BYTES:
        raise error(f"is {len(data) / 1e6:.0f} MB; a {what} is read up to {MAX_BYTES // 1024**2} MB", where=where)
    builder = _Builder(where, what, error)
    try:
        for event in yaml.parse(data, Loader=yaml.CSafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark
        at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise error(f"{at}this is not YAML ({fault.problem or fault.context})", where=where) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise error("holds bytes that are not UTF-8 text; save it as UTF-8", where=where) from None
    if builder.documents == 0:
        raise error(f"is empty; {page} shows a small {what} to begin with", where=where)
    return builder.root, builder.lines


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "key", "path", "size", "value")

    def __init__(self, value: list[Any] | dict[str, Any], anchor: str | None, path: str) -> None:
        self.value = value
        self.anchor = anchor
        self.path = path
        self.key: str | None = None
        self.size = 1


class _Builder:
    """The document's value, built event by event and without recursion."""

    def __init__(self, where: str, what: str, error: type[InputError]) -> None:
        self.where = where
        self.what = what
        self.error = error
        self.root: Any = None
        self.documents = 0
        self.lines: Lines = {}
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.added = 0

    def take(self, event: Any) -> None:
        """The next event of the parser."""
        kind = type(event).__name__
        if kind == "ScalarEvent":
            self._place(self._scalar(event), 1, event, scalar=True)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            if len(self.stack) >= MAX_DEPTH:
                raise self._error(event, f"is nested more than {MAX_DEPTH} deep; no {self.what} is")
            if event.tag not in (None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
                raise self._error(event, f"has the tag {event.tag}; leave tags out")
            path = self._mark(event)
            self.stack.append(_Open({} if kind == "MappingStartEvent" else [], event.anchor, path))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            done = self.stack.pop()
            if done.anchor:
                self.anchors[done.anchor] = (done.value, done.size)
            self._place(done.value, done.size, event)
        elif kind == "AliasEvent":
            if event.anchor not in self.anchors:
                raise self._error(event, f"has an alias *{event.anchor} with no anchor before it")
            value, size = self.anchors[event.anchor]
            self.added += size
            if self.added > ALIAS_BUDGET:
                raise self._error(event, f"has aliases that multiply into more than {ALIAS_BUDGET} values")
            self._place(value, size, event, scalar=True)
        elif kind == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                raise self._error(event, f"begins a second document; a file holds one {self.what}")

    def _mark(self, event: Any) -> str:
        """The path of the value that begins here; its line is noted."""
        if not self.stack:
            path = ""
        else:
            top = self.stack[-1]
            if isinstance(top.value, list):
                path = f"{top.path}[{len(top.value)}]"
            elif top.key is None:
                raise self._error(event, "has a mapping or list as a key; write a text")
            else:
                path = f"{top.path}.{top.key}" if top.path else top.key
        self.lines.setdefault(path, event.start_mark.line + 1)
        return path

    def _place(self, value: Any, size: int, event: Any, *, scalar: bool = False) -> None:
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        top.size += size
        if isinstance(top.value, list):
            if scalar:
                self._mark(event)
            top.value.append(value)
        elif top.key is None:
            self._key(top, value, event)
        else:
            if scalar:
                self._mark(event)
            top.value[top.key] = value
            top.key = None

    def _key(self, top: _Open, value: Any, event: Any) -> None:
        if isinstance(value, (dict, list)):
            raise self._error(event, "has a mapping or list as a key; write a text")
        key = event.value if type(event).__name__ == "ScalarEvent" else str(value)
        if key == "<<":
            raise self._error(event, "has a merge key <<; write the members out")
        if isinstance(top.value, dict) and key in top.value:
            raise self._error(event, f"has the key {key!r} a second time; keep one")
        top.key = key
        self.lines[f"{top.path}.{key}" if top.path else key] = event.start_mark.line + 1

    def _scalar(self, event: Any) -> Any:
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise self._error(event, f"has the tag {event.tag}; leave tags out")
        value = _plain(event.value) if event.tag is None and event.implicit[0] else event.value
        if event.anchor:
            self.anchors[event.anchor] = (value, 1)
        return value

    def _error(self, event: Any, what: str) -> InputError:
        return self.error(f"line {event.start_mark.line + 1}: {what}", where=self.where)


def _plain(text: str) -> Any:
    """An unquoted scalar by the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) < 40 and _INT.fullmatch(text):
        return int(text)
    if len(text) < 40 and _FLOAT.fullmatch(text):
        return float(text)
    return text
