"""The JSON Schema of a profile, made from the structs and their docstrings.

It is published as ``profile.schema.json`` beside this module (JSON Schema 2020-12);
a test compares the two. A schema cannot say everything: names that must exist and
texts that must parse are what ``profiles validate`` looks at.
"""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.profiles import checkrules
from clusterproof.profiles.model import Check, Evidence, Principal, Profile, Requirement, Subject
from clusterproof.profiles.structdocs import DIALECT, attributes, parts, summary
from clusterproof.snapshot.kinds import CALLERS

FILE = "profile.schema.json"


_ALLOWED = (
    ("Each", "none", checkrules.NONE),
    ("Installed", "version", checkrules.VERSIONS),
    ("Isolated", "direction", checkrules.DIRECTIONS),
    ("Identity", "that", checkrules.IDENTITY),
    ("Identity", "by", checkrules.WAYS),
    ("Subnets", "of", checkrules.SUBNETS_OF),
    ("Subnets", "that", checkrules.SUBNETS),
    ("PodSecurity", "level", checkrules.LEVELS),
    ("PodSecurity", "that", checkrules.POD_SECURITY),
)
"""Keys that take one of a few words, by the struct that has them."""


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
    definitions["Reach"]["properties"]["by"] |= {"enum": ["name", "address", "node-port", "load-balancer"]}
    definitions["Reach"]["properties"]["port"] |= {"pattern": "^[0-9]{1,5}(-[0-9]{1,5})?/(TCP|UDP|SCTP|tcp|udp|sctp)$"}
    definitions["LetsOut"]["properties"]["port"] |= {"pattern": definitions["Reach"]["properties"]["port"]["pattern"]}
    for name, key, allowed in _ALLOWED:
        definitions[name]["properties"][key] |= {"enum": list(allowed)}
    definitions["Mend"]["properties"]["commands"] |= {"propertyNames": {"enum": list(checkrules.STYLES)}}
    definitions["Mend"]["properties"]["put"]["items"] |= {
        "required": ["kind", "object"],
        "properties": {"kind": {"type": "string"}, "object": {"type": "object"}},
        "additionalProperties": False,
    }
    for kind in (Check, Evidence, Principal):
        definitions[kind.__name__] |= {"minProperties": 1, "maxProperties": 1}
    definitions[Subject.__name__]["oneOf"] = [
        {"required": [name]} for name in ("workload", "hosts", "control_plane", "services_of", "load_balancer")
    ]
    definitions[Subject.__name__]["oneOf"].append(
        {"required": ["address"], "not": {"required": ["load_balancer"]}},
    )
    definitions[Subject.__name__]["properties"]["services_of"]["items"] |= {"enum": [kind.name for kind in CALLERS]}
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


def structs() -> list[type[msgspec.Struct]]:
    """The structs that a profile is made of, each once, outermost first."""
    return [kind for kind in parts(Profile) if issubclass(kind, msgspec.Struct)]


def describe(definition: dict[str, Any], kind: type[msgspec.Struct]) -> None:
    """Put a struct's docstring into its definition: the text before the attributes, and each attribute's on its key."""
    definition["description"] = summary(kind)
    definition.pop("title", None)
    for name, text in attributes(kind).items():
        definition["properties"][name] |= {"description": text}
