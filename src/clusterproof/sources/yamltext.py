"""YAML as kubectl and the AWS CLI write it, from libyaml's events straight to values.

PyYAML's own loaders recurse in C (deep nesting ends the process) and expand merge
keys before anyone can count them. Here depth and aliases are budgeted while the
events arrive, times stay text as in the JSON form of the same object, and no tag makes anything but plain values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from clusterproof.errors import InputError
from clusterproof.sources.documents import Document, megabytes

MAX_YAML_BYTES = 64 * 1024**2
MAX_YAML_DEPTH = 100
ALIAS_BUDGET = 100_000
"""How many values a YAML file's aliases may add; kubectl and the AWS CLI write none at all."""

# YAML 1.1 as sigs.k8s.io/yaml (go-yaml v2) writes it: what these match unquoted is not text.
_NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {word: value for value, words in ((True, "yes on true"), (False, "no off false")) for word in words.split()}
_INT = re.compile(r"[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")


def yaml_documents(data: bytes, where: str) -> Iterator[Document]:
    """Each YAML document of a file that is not empty.

    Raises:
        InputError: not YAML, too large, or built to exhaust memory; with line and column where known.
    """
    if len(data) > MAX_YAML_BYTES:
        raise InputError(
            f"is {megabytes(len(data))} and not JSON; YAML is read up to {megabytes(MAX_YAML_BYTES)}: "
            "make the file again with -o json",
            where=where,
        )
    import yaml  # YAML is rare: only its readers pay for the import

    number = 0
    name, line = where, 1
    builder = _Builder(name)
    try:
        for event in yaml.parse(data, Loader=yaml.CSafeLoader):
            if isinstance(event, yaml.DocumentStartEvent):
                mark = event.start_mark
                line = (mark.line if mark else 0) + (2 if event.explicit else 1)  # a --- stands on a line of its own
            if isinstance(event, yaml.DocumentEndEvent):
                number += 1
                value, here, twice = builder.root, name, builder.twice
                name = f"{where} (document {number + 1})"
                builder = _Builder(name)
                if value is not None:
                    yield Document(here, value=value, line=line, twice=twice)
            else:
                builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise InputError(f"{at}not YAML ({error.problem or error.context}); make the file again", where=name) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise InputError("holds bytes that are not UTF-8 text; make the file again", where=where) from None


class _Open:
    """A list or mapping whose end has not come yet."""

    __slots__ = ("anchor", "key", "merges", "size", "value")

    def __init__(self, value: list[Any] | dict[str, Any], anchor: str | None) -> None:
        self.value = value
        self.anchor = anchor
        self.key: str | None = None
        self.size = 1
        self.merges: list[Any] = []


class _Builder:
    """One document's value, built event by event."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.root: Any = None
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.expanded = 0
        self.twice: list[str] = []

    def take(self, event: Any) -> None:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            value = self._scalar(event)
            if event.anchor:
                self.anchors[event.anchor] = (value, 1)
            self._place(value, 1, event)
        elif kind in ("MappingStartEvent", "SequenceStartEvent"):
            if len(self.stack) >= MAX_YAML_DEPTH:
                raise self._error(event, "is nested too deeply to be kubectl or aws output")
            self._check_tag(event, ("map", "seq"))
            self.stack.append(_Open({} if kind == "MappingStartEvent" else [], event.anchor))
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            done = self.stack.pop()
            for merged in done.merges:
                self._merge(done, merged, event)
            if done.anchor:
                self.anchors[done.anchor] = (done.value, done.size)
            self._place(done.value, done.size, event)
        elif kind == "AliasEvent":
            if event.anchor not in self.anchors:
                raise self._error(event, f"has a YAML alias *{event.anchor} with no anchor before it")
            value, size = self.anchors[event.anchor]
            self._spend(size, event)
            self._place(value, size, event)

    def _spend(self, size: int, event: Any) -> None:
        self.expanded += size
        if self.expanded > ALIAS_BUDGET:
            raise self._error(event, f"has YAML aliases that multiply into more than {ALIAS_BUDGET} values")

    def _place(self, value: Any, size: int, event: Any) -> None:
        if not self.stack:
            self.root = value
            return
        top = self.stack[-1]
        top.size += size
        if isinstance(top.value, list):
            top.value.append(value)
        elif top.key is None:
            if isinstance(value, (dict, list)):
                raise self._error(event, "has a mapping or list as a key, which JSON cannot hold")
            top.key = value if isinstance(value, str) else _json_key(value)
        else:
            if top.key == "<<":
                top.merges.append(value)
            else:
                if top.key in top.value:
                    self.twice.append(f"line {event.start_mark.line + 1}: {top.key}")
                top.value[top.key] = value
            top.key = None

    def _merge(self, target: _Open, merged: Any, event: Any) -> None:
        """The merge key of YAML 1.1: members that the mapping does not have itself."""
        if not isinstance(target.value, dict):  # a list has no keys to merge under
            return
        for source in merged if isinstance(merged, list) else [merged]:
            if not isinstance(source, dict):
                raise self._error(event, "merges something that is not a mapping")
            self._spend(len(source), event)
            for key, value in source.items():
                target.value.setdefault(key, value)

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.tag is None or event.tag == "!":
            return _plain(text) if event.implicit[0] and event.tag is None else text
        self._check_tag(event, ("str", "int", "float", "bool", "null", "binary", "timestamp"))
        return text if event.tag.endswith((":str", ":binary", ":timestamp")) else _plain(text)

    def _check_tag(self, event: Any, allowed: tuple[str, ...]) -> None:
        if event.tag not in (None, "!") and event.tag.removeprefix("tag:yaml.org,2002:") not in allowed:
            raise self._error(event, f"has the YAML tag {event.tag}, which kubectl and aws never write")

    def _error(self, event: Any, what: str) -> InputError:
        mark = event.start_mark
        return InputError(f"line {mark.line + 1}, column {mark.column + 1}: {what}; leave it out", where=self.where)


def _plain(text: str) -> Any:
    """An unquoted scalar's value."""
    if text in _NULL:
        return None
    lower = text.lower()
    if lower in _BOOL and (text in (lower, lower.upper(), lower.capitalize())):
        return _BOOL[lower]
    if _INT.fullmatch(text) and len(text) < 40:
        digits = text.replace("_", "")
        sign = -1 if digits.startswith("-") else 1
        digits = digits.lstrip("+-")
        if digits[:2] in ("0x", "0b", "0o"):
            return sign * int(digits, 0)
        return sign * int(digits, 8 if len(digits) > 1 and digits.startswith("0") else 10)
    if _FLOAT.fullmatch(text) and len(text) < 40:
        number = float(text)
        return number if abs(number) < float("inf") else text
    return text


def _json_key(value: Any) -> str:
    return "null" if value is None else "true" if value is True else "false" if value is False else str(value)
