"""The JSON Schemas of what is printed with ``-o json``, and their description in words, both from the structs.

``report.schema.json``, ``comparison.schema.json``, ``placement.schema.json``, ``docs/report.md`` and the tables of
``docs/diff.md`` and ``docs/place.md`` are what this module makes; tests compare them. After a change of a struct: ``make generate``.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any

import msgspec

from clusterproof.checks import changes, finding, placed
from clusterproof.profiles import model
from clusterproof.profiles.structdocs import DIALECT, attributes, cell, parts, summary, with_tables
from clusterproof.reach import trace
from clusterproof.snapshot import fields
from clusterproof.verdict import algebra

REPORT, COMPARISON, PLACEMENT = "report.schema.json", "comparison.schema.json", "placement.schema.json"
"""The published files, beside this module."""


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what ``check -o json`` prints."""
    return _schema(finding.Report, "report", "check", finding.SCHEMA)


def comparison() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what ``diff -o json`` prints."""
    return _schema(changes.Comparison, "comparison", "diff", changes.SCHEMA)


def placement() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what ``place -o json`` prints."""
    return _schema(placed.Placement, "placement", "place", placed.SCHEMA)


def _schema(root: type[msgspec.Struct], title: str, command: str, version: str) -> dict[str, Any]:
    (reference,), components = msgspec.json.schema_components([root], ref_template="#/$defs/{name}")
    records = {record.__name__: record for record in parts(root)}
    definitions = {name: _described(records[name], dict(part)) for name, part in sorted(components.items())}
    return {
        "$schema": DIALECT,
        "title": f"clusterproof {title}",
        "description": f"What clusterproof {command} -o json prints; the member schema says {version}.",
        **reference,
        "$defs": definitions,
    }


def _described(record: Any, part: dict[str, Any]) -> dict[str, Any]:
    """One definition with the docstring's words: its first part, and each attribute's on its property."""
    part["description"] = summary(record)
    if "properties" not in part:
        return part
    texts = {key: text.replace("None", "null") for key, text in attributes(record).items()}
    if record.__struct_config__.tag is not None:
        texts = {"type": "which type of edit this is.", **texts}
    optional = record.__struct_config__.omit_defaults
    part["properties"] = {
        key: {"description": texts[key], **_without_default(value)} if key in texts else value
        for key, value in part["properties"].items()
    }
    if not optional:
        left_out = {item.encode_name for item in msgspec.structs.fields(record) if item.default is msgspec.UNSET}
        part["required"] = [name for name in part["properties"] if name not in left_out]
    return part


def _without_default(value: dict[str, Any]) -> dict[str, Any]:
    """A property as it is printed: what always stands there has no default."""
    return {key: item for key, item in value.items() if key != "default"}


def reference() -> str:
    """``docs/report.md``: every field of the JSON report, object by object, from the top down."""
    return "\n\n".join([_INTRODUCTION.strip(), *_sections(finding.Report.__name__, schema(), "##")]) + "\n"


def with_comparison(page: str) -> str:
    """``docs/diff.md`` with the tables of the comparison's fields made anew.

    Raises:
        ValueError: the page lacks the marks between which they stand.
    """
    sections = _sections(changes.Comparison.__name__, comparison(), "###")
    return with_tables(page, "\n" + "\n\n".join(sections) + "\n")


def with_placement(page: str) -> str:
    """``docs/place.md`` with the tables of the placement's fields made anew.

    Raises:
        ValueError: the page lacks the marks between which they stand.
    """
    sections = _sections(placed.Placement.__name__, placement(), "###")
    return with_tables(page, "\n" + "\n\n".join(sections) + "\n")


def _sections(root: str, described: dict[str, Any], heading: str) -> Iterator[str]:
    """A section for each definition, from the root down."""
    definitions = described["$defs"]
    for name in _from_the_top(root, definitions):
        part = definitions[name]
        yield f"{heading} {name}\n\n{part['description']}"
        if "enum" in part:
            yield "One of " + ", ".join(f"`{value}`" for value in sorted(part["enum"])) + "."
            continue
        lines = ["| field | value | what it says |", "|---|---|---|"]
        for key, value in part["properties"].items():
            lines.append(f"| `{key}` | {_type(value)} | {cell(value.get('description', ''))} |")
        yield "\n".join(lines)


def _from_the_top(root: str, definitions: dict[str, Any]) -> list[str]:
    """The definitions in the order in which a reader meets them."""
    found = [root]
    for name in found:
        for inner in _named(definitions[name].get("properties", {})):
            if inner not in found:
                found.append(inner)
    return found


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "$ref":
                yield str(item).rpartition("/")[2]
            else:
                yield from _named(item)
    elif isinstance(value, list):
        for item in value:
            yield from _named(item)


def _type(value: dict[str, Any]) -> str:
    if "anyOf" in value:
        return " or ".join(_type(item) for item in value["anyOf"])
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "enum" in value:
        return " or ".join(f"`{item}`" for item in value["enum"])
    kind = value.get("type", "any value")
    if kind == "array":
        return f"list of {_type(value['items'])}" if value.get("items") else "list"
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(kind, str(kind))


def closed_sets() -> tuple[type[enum.Enum], ...]:
    """The enumerations whose values stand in a report."""
    return (algebra.Verdict, model.Level, trace.Outcome, trace.Layer, fields.Cause)


_INTRODUCTION = """
# The JSON report

Made from the code by `make generate`; do not edit.

`clusterproof check … -o json` and `clusterproof demo -o json` print one object, a
[Report](#report). Its JSON Schema ships with the package as
`clusterproof/reports/report.schema.json`. Fields are added within a version; the member
`schema` changes when one is removed or changes its meaning. The same input gives the same
bytes. Probabilities are between 0 and 1. Every field is always there, except that
[Ref](#ref), [Document](#document) and [Source](#source) leave out texts that are empty.

    clusterproof demo -o json | jq -r '.findings[] | [.verdict, .id, .summary] | @tsv'
    clusterproof demo -o json | jq -r '.plan.commands[]'
"""
