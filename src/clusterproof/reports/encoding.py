"""JSON: stable, indented, and harmless also when a terminal prints it."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from clusterproof.checks.finding import Report
from clusterproof.reports.text import clean

_UNSAFE = re.compile("[\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]")
"""Characters above ASCII that a terminal may obey or that reorder text; JSON escapes only those below."""


def render(report: Report) -> str:
    """The whole report as JSON; ``report.schema.json`` describes it."""
    return encode(report)


def encode(value: Any, *, indent: int = 2) -> str:
    """Any record, or list of records, as JSON that ends in a newline: indented, or with ``indent`` -1 on one line.

    Every text comes out of a JSON reader as it was, except a file name that is
    no UTF-8: JSON cannot hold it, and its bytes are spelled out.
    """
    try:
        raw = msgspec.json.encode(value)
    except UnicodeEncodeError:
        raw = msgspec.json.encode(_spelled(msgspec.to_builtins(value)))
    text = msgspec.json.format(raw, indent=indent).decode()
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def _spelled(value: Any) -> Any:
    if isinstance(value, str):
        return "".join(clean(char) if "\ud800" <= char <= "\udfff" else char for char in value)
    if isinstance(value, dict):
        return {_spelled(key): _spelled(item) for key, item in value.items()}
    return [_spelled(item) for item in value] if isinstance(value, (list, tuple)) else value
