"""From a file's bytes to the JSON documents in it, one or several.

Nothing here knows Kubernetes or AWS. Large JSON is not built as Python objects at
once: a document stays text, and its lists are taken apart as slices of that text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from clusterproof.errors import InputError

MAX_JSON_BYTES = 4 * 1024**3

_LOG_START = b"==== START logs"
_LOG_END = b"==== END logs"
_BYTE = re.compile(r"\(byte (\d+)\)")
_SPACE = re.compile(rb"[ \t\r\n]*")


class Document:
    """One JSON text or one YAML value in a file.

    Attributes:
        where: the file's name as the user gave it; for the second and later documents with their number.
        text: the JSON text; None for YAML.
        value: the YAML value; None for JSON.
        line: the line of the file on which it begins, from 1.
        twice: keys that a mapping of the YAML has twice, each with its line; the last one counts.
    """

    __slots__ = ("line", "text", "twice", "value", "where")

    def __init__(
        self,
        where: str,
        *,
        text: bytes | memoryview | None = None,
        value: Any = None,
        line: int = 1,
        twice: Sequence[str] = (),
    ) -> None:
        self.where = where
        self.text = text
        self.value = value
        self.line = line
        self.twice = tuple(twice)

    def top(self) -> Any:
        """The document one level deep: members or items are ``msgspec.Raw`` for JSON, plain values for YAML."""
        if self.text is None:
            return self.value
        first = bytes(self.text[:1])
        if first == b"{":
            return decode(self.text, dict[str, msgspec.Raw], self.where)
        if first == b"[":
            return decode(self.text, list[msgspec.Raw], self.where)
        return decode(self.text, Any, self.where)


def decode(text: bytes | memoryview | msgspec.Raw, type_: Any, where: str, path: str = "") -> Any:
    """``msgspec.json.decode`` whose errors are sentences with line and column.

    Args:
        text: one JSON text.
        type_: what it must be, as msgspec names types.
        where: the file, for messages.
        path: where in its document the text stands, to be named in errors.

    Raises:
        InputError: the text is not JSON, or not of the type (with path, expected and found).
    """
    try:
        return msgspec.json.decode(text, type=type_)
    except msgspec.ValidationError as error:
        raise InputError(f"{wrong_type(error, path)}; make the file again", where=where) from None
    except UnicodeDecodeError:
        raise InputError("holds text that is not UTF-8; make the file again", where=where) from None
    except RecursionError:
        raise InputError("is nested too deeply to be kubectl or aws output; leave it out", where=where) from None
    except msgspec.DecodeError as error:
        raise InputError(_malformed(bytes(text), error), where=where) from None


def wrong_type(error: msgspec.ValidationError, prefix: str = "") -> str:
    """``Expected `array`, got `int` - at `$.items` `` in plain words: path first."""
    text = str(error)
    match = re.fullmatch(r"(.*?) - at `(?:key in )?\$(.*)`", text, re.DOTALL)
    inside, what = (match.group(2), match.group(1)) if match else ("", text)
    path = f"{prefix}{inside}".lstrip(".")
    what = (
        what.replace("`", "")
        .replace("Expected", "expected")
        .replace("Object missing required field", "lacks the field")
    )
    what = re.sub(r"(?<=expected )[a-z]+(?: \| [a-z]+)*|(?<=got )[a-z]+$", _plain_types, what)
    return f"{path}: {what}" if path else what


_PLAIN = {
    "object": "an object",
    "array": "a list",
    "str": "text",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
    "null": "nothing",
}


def _plain_types(found: re.Match[str]) -> str:
    """``str | int | float`` as ``text or a number``; that a value may also be left out needs no word."""
    names = [name for name in found[0].split(" | ") if name != "null" or found[0] == "null"]
    return " or ".join(dict.fromkeys(_PLAIN.get(name, name) for name in names))


def items(value: Any, where: str, path: str) -> list[Any]:
    """A member that must be a list: its items, still text where the document is JSON.

    Raises:
        InputError: it is something else.
    """
    if isinstance(value, msgspec.Raw):
        found: list[Any] = decode(value, list[msgspec.Raw], where, path)
        return found
    if isinstance(value, list):
        return value
    raise InputError(f"{path}: expected a list, got {_type_words(value)}; make the file again", where=where)


def plain(value: Any, where: str, path: str = "") -> Any:
    """A member as plain Python values."""
    return decode(value, Any, where, path) if isinstance(value, msgspec.Raw) else value


def _type_words(value: Any) -> str:
    words = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return words.get(type(value), "a number")


def position(text: bytes, offset: int) -> str:
    """``line 3, column 17`` of a byte."""
    offset = min(offset, len(text))
    line = text.count(b"\n", 0, offset) + 1
    column = offset - (text.rfind(b"\n", 0, offset) + 1) + 1
    return f"line {line}, column {column}"


def _malformed(text: bytes, error: msgspec.DecodeError) -> str:
    match = _BYTE.search(str(error))
    if match is None:
        return f"{position(text, len(text.rstrip()))}: the JSON ends too early (a truncated file); make the file again"
    what = str(error).removeprefix("JSON is malformed: ")[: -len(match.group()) - 1]
    return f"{position(text, int(match.group(1)))}: not JSON ({what}); make the file again"


def as_utf8(data: bytes, where: str) -> bytes:
    """The bytes as UTF-8 without a byte order mark (Windows shells write UTF-16 with one)."""
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return data.decode("utf-16").encode()
        except UnicodeDecodeError:
            raise InputError("begins as UTF-16 but is not; make the file again as UTF-8", where=where) from None
    return data


def looks_like_json(data: bytes) -> bool:
    """Whether a text begins as a JSON object or list."""
    return data[:64].lstrip()[:1] in (b"{", b"[")


def json_documents(data: bytes, where: str) -> Iterator[Document]:
    """Each JSON text of a file; pod logs between those of ``kubectl cluster-info dump`` are stepped over.

    Raises:
        InputError: empty, too large, truncated or malformed; with line and column.
    """
    if len(data) > MAX_JSON_BYTES:
        raise InputError(f"is {megabytes(len(data))}; files up to {megabytes(MAX_JSON_BYTES)} are read", where=where)
    view = memoryview(data)
    start = _next_text(data, 0)
    number = 0
    while start < len(data):
        number += 1
        name = where if number == 1 else f"{where} (document {number})"
        if data[start] not in b"{[":
            raise InputError(
                f"{position(data, start)}: expected a JSON object or list; make the file again", where=where
            )
        end = _end_of_text(data, view, start, where)
        yield Document(name, text=view[start:end])
        start = _next_text(data, end)


def _end_of_text(data: bytes, view: memoryview, start: int, where: str) -> int:
    """Where the JSON text that begins at ``start`` ends."""
    try:
        msgspec.json.decode(view[start:], type=msgspec.Raw)
    except msgspec.DecodeError as error:
        match = _BYTE.search(str(error))
        if match and "trailing characters" in str(error):
            return start + int(match.group(1)) - 1  # msgspec counts the byte that it stumbled over
        if match:
            offset = start + int(match.group(1))
            what = str(error).removeprefix("JSON is malformed: ")[: -len(match.group()) - 1]
            raise InputError(f"{position(data, offset)}: not JSON ({what}); make the file again", where=where) from None
        raise InputError(
            f"{position(data, len(data.rstrip()))}: the JSON ends too early (a truncated file); make the file again",
            where=where,
        ) from None
    except RecursionError:
        raise InputError("is nested too deeply to be kubectl or aws output; leave it out", where=where) from None
    return len(data)


def _next_text(data: bytes, start: int) -> int:
    """The first byte after white space and after whole blocks of container logs."""
    while True:
        match = _SPACE.match(data, start)
        start = match.end() if match else start
        if not data.startswith(_LOG_START, start):
            return start
        end = data.find(_LOG_END, start)
        line = data.find(b"\n", end) if end >= 0 else -1
        if line < 0:
            return len(data)
        start = line + 1


def megabytes(size: int) -> str:
    """A size in bytes as words."""
    return f"{size / 1e6:.0f} MB"
