from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from clusterproof.config import schema
from clusterproof.config.model import EXAMPLE

VALIDATOR = jsonschema.Draft202012Validator(schema.schema())


def test_published_schema_is_current() -> None:
    """The file in the package is what the structs give (make generate)."""
    assert resources.files("clusterproof.config").joinpath(schema.FILE).read_text("utf-8") == schema.text()
    jsonschema.Draft202012Validator.check_schema(schema.schema())


def test_documented_keys_are_current(root: Path) -> None:
    """docs/config.md has every key (make generate)."""
    page = (root / "docs" / "config.md").read_text("utf-8")
    assert page == schema.with_keys(page)
    assert "| `fail_on` |" in page
    assert "| `expires` | yes |" in page


def test_every_key_is_described() -> None:
    """An editor shows what each key does."""
    for part in schema.schema()["$defs"].values():
        for name, member in part.get("properties", {}).items():
            assert member.get("description"), name


def test_example_validates() -> None:
    """The documented example, as an editor's YAML server reads it."""
    assert not list(VALIDATOR.iter_errors(yaml.load(EXAMPLE, Loader=yaml.BaseLoader)))  # noqa: S506 - texts only


@pytest.mark.parametrize(
    "value",
    [
        {"profil": "x"},
        {"fail_on": "never"},
        {"inputs": "dump"},
        {"waivers": [{"id": "a/b", "reason": "r", "owner": "o"}]},
        {"waivers": [{"id": "b", "reason": "r", "owner": "o", "expires": "2026-01-01"}]},
        {"waivers": [{"id": "a/b", "reason": "r", "owner": "o", "expires": "soon"}]},
        {"waivers": [{"id": "a/b", "reason": "", "owner": "o", "expires": "2026-01-01"}]},
    ],
)
def test_schema_refuses_what_the_reader_refuses(value: Any) -> None:
    """Unknown keys, wrong values, and waivers that lack something."""
    assert list(VALIDATOR.iter_errors(value))
