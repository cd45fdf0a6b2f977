"""The JSON Schema of a profile, made from the structs and their docstrings.

It is published as ``profile.schema.json`` beside this module (JSON Schema 2020-12);
a test compares the two. A schema cannot say everything: names that must exist and
texts that must parse are what ``profiles validate`` looks at.
"""

from __future__ import annotations

import inspect
import re
from typing import Any

import msgspec

from clusterproof.profiles.model import Check, Evidence, Profile, Requirement, Subject

FILE = "profile.schema.json"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema as plain values."""
    (_,), definitions = msgspec.json.schema_components((Profile,), ref_template="#/$defs/{name}")
    for kind in structs():
        describe(definitions[kind.__name__], kind)
    slug = {"pattern": "^[a-z0-9]+(-[a-z0-9]+)*$"}
    definitions[Requirement.__name__]["properties"]["id"] |= slug
    definitions[Requirement.__name__]["properties"]["absent"] |= {"enum": ["unknown", "not-applicable"]}
    definitions[Profile.__name__]["properties"]["name"] |= slug
    definitions[Profile.__name__]["properties"]["requirements"] |= {"minItems": 1}
    definitions["Reach"]["properties"]["by"] |= {"enum": ["name", "address"]}
    definitions["Reach"]["properties"]["port"] |= {"pattern": "^[0-9]{1,5}(-[0-9]{1,5})?/(TCP|UDP|tcp|udp)$"}
    for kind in (Check, Evidence):
        definitions[kind.__name__] |= {"minProperties": 1, "maxProperties": 1}
    definitions[Subject.__name__]["oneOf"] = [{"required": ["workload"]}, {"required": ["hosts"]}]
    return {
        "$schema": DIALECT,
        "title": "clusterproof profile",
        "description": "A platform's requirements as data; docs/profiles.md tells how to write one.",
        "$ref": f"#/$defs/{Profile.__name__}",
        "$defs": dict(sorted(definitions.items())),
    }


def text() -> str:
    """The schema as the published file holds it."""
    return msgspec.json.format(msgspec.json.encode(schema()), indent=2).decode() + "\n"


def structs(kind: Any = Profile) -> list[type[msgspec.Struct]]:
    """The structs that a profile is made of, each once, outermost first."""
    found: dict[type[msgspec.Struct], None] = {}

    def visit(current: Any) -> None:
        if isinstance(current, type) and issubclass(current, msgspec.Struct):
            if current in found:
                return
            found[current] = None
            for item in msgspec.structs.fields(current):
                visit(item.type)
        for inner in getattr(current, "__args__", ()):
            visit(inner)

    visit(kind)
    return list(found)


def descriptions(kind: type[msgspec.Struct]) -> dict[str, str]:
    """The text of each key of a struct, from its docstring's section "Attributes"."""
    _, _, section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        match = re.fullmatch(r"    (\w+(?:, \w+)*): (.*)", line)
        if match is not None:
            names = match[1].split(", ")
            found |= dict.fromkeys(names, match[2])
        elif line.strip():
            found |= {name: f"{found[name]} {line.strip()}" for name in names}
    return {name: text.replace("``", "`") for name, text in found.items()}


def describe(definition: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Put a struct's docstring into its definition: the text before the attributes, and each attribute's on its key."""
    doc = inspect.cleandoc(kind.__doc__ or "").partition("\n\nAttributes:")[0]
    definition["description"] = " ".join(doc.split()).replace("``", "`")
    definition.pop("title", None)
    for name, text in descriptions(kind).items():
        definition["properties"][name] |= {"description": text}
