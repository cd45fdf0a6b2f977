"""The JSON Schema of the report, and its description in words, both from the structs.

``report.schema.json`` and ``docs/report.md`` are what this module prints; tests
compare them. After a change of a struct run::

    python -m clusterproof.reports.schema schema > src/clusterproof/reports/report.schema.json
    python -m clusterproof.reports.schema reference > docs/report.md
"""

from __future__ import annotations

import enum
import inspect
import re
import sys
from collections.abc import Iterator
from typing import Any

import msgspec

from clusterproof.checks import finding
from clusterproof.profiles import model
from clusterproof.reach import trace
from clusterproof.snapshot import fields, overlay
from clusterproof.verdict import algebra

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_ENTRY = re.compile(r"^ {4}(?P<names>[a-z_]+(?:, [a-z_]+)*): (?P<text>.*)$")


def schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of what ``-o json`` prints."""
    (reference,), components = msgspec.json.schema_components([finding.Report], ref_template="#/$defs/{name}")
    definitions = {name: _described(name, dict(part)) for name, part in sorted(components.items())}
    return {
        "$schema": DIALECT,
        "title": "clusterproof report",
        "description": f"What clusterproof check -o json prints; the member schema says {finding.SCHEMA}.",
        **reference,
        "$defs": definitions,
    }


def _described(name: str, part: dict[str, Any]) -> dict[str, Any]:
    """One definition with the docstring's words: its first part, and each attribute's on its property."""
    record = _record(name)
    summary, attributes = described(record)
    part["description"] = summary
    if "properties" not in part:
        return part
    if record.__struct_config__.tag is not None:
        attributes = {"type": "which type of edit this is.", **attributes}
    optional = record.__struct_config__.omit_defaults
    part["properties"] = {
        key: {"description": attributes[key], **_without_default(value)} if key in attributes else value
        for key, value in part["properties"].items()
    }
    if not optional:
        part["required"] = list(part["properties"])
    return part


def _without_default(value: dict[str, Any]) -> dict[str, Any]:
    """A property as it is printed: what always stands there has no default."""
    return {key: item for key, item in value.items() if key != "default"}


def _record(name: str) -> Any:
    for module in (finding, model, trace, fields, algebra, overlay):
        if hasattr(module, name):
            return getattr(module, name)
    raise LookupError(f"{name} is in no module that the report is made of")


def described(record: Any) -> tuple[str, dict[str, str]]:
    """A struct's or enumeration's docstring: its text before ``Attributes:``, and each attribute's text by encoded name."""
    text = inspect.getdoc(record) or ""
    before, _, after = text.partition("Attributes:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in after.split("\n"):
        entry = _ENTRY.match(line)
        if entry:
            names = entry["names"].split(", ")
            found.update(dict.fromkeys(names, entry["text"]))
        elif line.startswith(" " * 8):
            for name in names:
                found[name] += " " + line.strip()
    if isinstance(record, type) and issubclass(record, msgspec.Struct):
        encoded = {f.name: f.encode_name for f in msgspec.structs.fields(record)}
        found = {encoded.get(name, name): text.replace("None", "null") for name, text in found.items()}
    return " ".join(before.split()), found


def reference() -> str:
    """``docs/report.md``: every field of the JSON report, object by object, from the top down."""
    definitions = schema()["$defs"]
    parts = [_INTRODUCTION.strip()]
    for name in _from_the_top(definitions):
        part = definitions[name]
        parts.append(f"## {name}\n\n{part['description']}")
        if "enum" in part:
            parts.append("One of " + ", ".join(f"`{value}`" for value in sorted(part["enum"])) + ".")
            continue
        lines = ["| field | value | what it says |", "|---|---|---|"]
        for key, value in part["properties"].items():
            lines.append(f"| `{key}` | {_type(value)} | {_cell(value.get('description', ''))} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _from_the_top(definitions: dict[str, Any]) -> list[str]:
    """The definitions in the order in which a reader meets them."""
    found = ["Report"]
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


def _cell(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def closed_sets() -> tuple[type[enum.Enum], ...]:
    """The enumerations whose values stand in a report."""
    return (algebra.Verdict, model.Level, trace.Outcome, trace.Layer, fields.Cause)


_INTRODUCTION = """
# The JSON report

Made from the code by `python -m clusterproof.reports.schema reference`; do not edit.

`clusterproof check … -o json` and `clusterproof demo -o json` print one object, a
[Report](#report). Its JSON Schema ships with the package as
`clusterproof/reports/report.schema.json`. Fields are added within a version; the member
`schema` changes when one is removed or changes its meaning. The same input gives the same
bytes. Probabilities are between 0 and 1. Every field is always there, except that
[Ref](#ref), [Document](#document) and [Source](#source) leave out texts that are empty.

    clusterproof demo -o json | jq -r '.findings[] | [.verdict, .id, .summary] | @tsv'
    clusterproof demo -o json | jq -r '.plan.commands[]'
"""


def main(arguments: list[str]) -> None:
    """Print ``schema`` or ``reference``."""
    from clusterproof.reports.encoding import encode

    sys.stdout.write({"schema": lambda: encode(schema()), "reference": reference}[arguments[0]]())


if __name__ == "__main__":
    main(sys.argv[1:])
