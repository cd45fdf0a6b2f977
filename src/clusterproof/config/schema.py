"""The JSON Schema of the configuration and its table of keys, both from the structs and their docstrings.

Published as ``config.schema.json`` beside this module (JSON Schema 2020-12) and in ``docs/config.md``; tests compare.
An editor completes and checks the file when its first line is
``# yaml-language-server: $schema=PATH/config.schema.json``.
"""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.config.model import Config, WaiverEntry
from clusterproof.profiles.schema import describe
from clusterproof.profiles.structdocs import DIALECT, attributes, with_tables

FILE = "config.schema.json"


def schema() -> dict[str, Any]:
    """The schema as plain values."""
    (_,), definitions = msgspec.json.schema_components((Config,), ref_template="#/$defs/{name}")
    for kind in (Config, WaiverEntry):
        described = {item.name: item.encode_name for item in msgspec.structs.fields(kind)}
        assert set(attributes(kind)) == set(described.values())  # noqa: S101 - every key is described, no other
        describe(definitions[kind.__name__], kind)
    waiver = definitions[WaiverEntry.__name__]["properties"]
    waiver["id"] |= {"pattern": "^[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*$"}
    waiver["expires"] |= {"pattern": r"^\d{4}-\d{2}-\d{2}$"}
    for name in ("reason", "owner"):
        waiver[name] |= {"minLength": 1}
    return {
        "$schema": DIALECT,
        "title": "clusterproof configuration",
        "description": "clusterproof.yaml; docs/config.md tells what each key does.",
        "$ref": f"#/$defs/{Config.__name__}",
        "$defs": dict(sorted(definitions.items())),
    }


def text() -> str:
    """The schema as the published file holds it."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n"


def with_keys(page: str) -> str:
    """``docs/config.md`` with its tables of keys made anew; the rest of the page is written by hand.

    Raises:
        ValueError: the page lacks the two marks between which the keys stand.
    """
    return with_tables(page, _keys())


def _keys() -> str:
    lines: list[str] = []
    for kind, title in ((Config, "clusterproof.yaml"), (WaiverEntry, "waivers[]")):
        texts = attributes(kind)
        lines += ["", f"### {title}", "", "| key | needed | what it is |", "|---|---|---|"]
        lines += [
            f"| `{item.encode_name}` | {'yes' if item.required else ''} | {texts[item.encode_name]} |"
            for item in msgspec.structs.fields(kind)
        ]
    return "\n".join(lines) + "\n"
