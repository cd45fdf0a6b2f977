from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from clusterproof.profiles import schema
from clusterproof.profiles.load import builtin_names
from clusterproof.profiles.structdocs import attributes
from clusterproof.profiles.yamlfile import read_values
from tests.profiles.example import VALUES, spoilt

PROFILES = Path(schema.__file__).parent


def validator() -> Any:
    """The published schema, checked to be one."""
    published = json.loads((PROFILES / schema.FILE).read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(published)
    return jsonschema.Draft202012Validator(published)


def test_the_published_schema_is_the_structs() -> None:
    """The file in the package is what the structs give: no drift (`make generate` writes it anew)."""
    assert (PROFILES / schema.FILE).read_text("utf-8") == schema.text()


def test_every_key_is_described() -> None:
    """Each key of each struct has a text of its own, and each text belongs to a key."""
    for kind in schema.structs():
        names = [item.encode_name for item in msgspec.structs.fields(kind)]
        assert sorted(attributes(kind)) == sorted(names), kind.__name__


@pytest.mark.parametrize("name", builtin_names())
def test_built_in_profiles_conform(name: str) -> None:
    """What ships conforms to the published schema."""
    values, _ = read_values((PROFILES / f"{name}.yaml").read_bytes(), name)
    assert [error.message for error in validator().iter_errors(values)] == []


def test_the_example_conforms() -> None:
    """The example that the tests spoil conforms as it is."""
    assert [error.message for error in validator().iter_errors(VALUES)] == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("requirements", 0, "check", "reach", "prot"), "1/TCP"),
        (("requirements", 0, "id"), "Not A Slug"),
        (("requirements", 0, "level"), "OFTEN"),
        (("requirements", 0, "check"), {}),
        (("requirements", 0, "check", "reach", "port"), "80"),
        (("requirements", 0, "check", "reach", "by"), "magic"),
        (("requirements", 0, "absent"), "pass"),
        (("requirements", 0, "check", "reach", "from"), {"workload": "a", "hosts": "b"}),
        (("requirements",), []),
        (("node_sets", "gpu", "find", 0), {"every": True, "label": "a"}),
        (("document",), "a title"),
        (("extra",), 1),
    ],
)
def test_what_is_wrong_does_not_conform(path: tuple[str | int, ...], value: Any) -> None:
    """Unknown keys, wrong choices and wrong types break the schema as they break the loader."""
    assert not validator().is_valid(spoilt(*path, value=value))
