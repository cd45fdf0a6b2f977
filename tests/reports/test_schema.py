from __future__ import annotations

import enum
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from clusterproof import reports
from clusterproof.checks.finding import Report
from clusterproof.reports import schema
from clusterproof.reports.encoding import encode
from tests.reports import examples

ROOT = Path(__file__).resolve().parents[2]
SCHEMA: dict[str, Any] = schema.schema()


SCHEMAS = {schema.REPORT: SCHEMA, schema.COMPARISON: schema.comparison(), schema.PLACEMENT: schema.placement()}
PAGES = {schema.REPORT: "docs/report.md", schema.COMPARISON: "docs/diff.md", schema.PLACEMENT: "docs/place.md"}
NAMES = sorted(SCHEMAS)


@pytest.mark.parametrize("name", NAMES)
def test_published_schema_is_current(name: str) -> None:
    """The schema in the package is what the structs give: no drift (`make generate` writes it anew)."""
    assert files("clusterproof.reports").joinpath(name).read_text("utf-8") == encode(SCHEMAS[name])


def test_references_are_current() -> None:
    """docs/report.md and the tables of docs/diff.md and docs/place.md are what the structs give."""
    assert (ROOT / "docs" / "report.md").read_text("utf-8") == schema.reference()
    page = (ROOT / "docs" / "diff.md").read_text("utf-8")
    assert page == schema.with_comparison(page)
    page = (ROOT / "docs" / "place.md").read_text("utf-8")
    assert page == schema.with_placement(page)


@pytest.mark.parametrize("name", NAMES)
def test_schema_is_a_schema(name: str) -> None:
    """It is valid under its own dialect."""
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_described(name: str) -> None:
    """Each property of each object says what it is; each object and closed set too."""
    definitions = SCHEMAS[name]["$defs"]
    missing = [
        f"{record}.{key}"
        for record, part in definitions.items()
        for key, value in part.get("properties", {}).items()
        if not value.get("description")
    ]
    missing += [record for record, part in definitions.items() if not part.get("description")]
    assert not missing


@pytest.mark.parametrize("name", NAMES)
def test_every_field_stands_in_its_page(name: str) -> None:
    """The page has a section for each struct and closed set, with a row for each field."""
    text = (ROOT / PAGES[name]).read_text("utf-8").replace("\n### ", "\n## ")
    for record, part in SCHEMAS[name]["$defs"].items():
        section = text.partition(f"\n## {record}\n")[2].partition("\n## ")[0]
        assert section, record
        for key in part.get("properties", {}):
            assert f"| `{key}` |" in section
        for value in part.get("enum", ()):
            assert f"`{value}`" in section


@pytest.mark.parametrize("kind", schema.closed_sets())
def test_closed_sets_are_closed(kind: type[enum.Enum]) -> None:
    """The schema lists exactly the values of each enumeration."""
    assert sorted(SCHEMA["$defs"][kind.__name__]["enum"]) == sorted(member.value for member in kind)


@pytest.mark.parametrize(
    "report", [examples.demo(), examples.hostile(), examples.report()], ids=["demo", "hostile", "empty"]
)
def test_reports_validate(report: Report) -> None:
    """What is printed is what the schema says, also with strange names."""
    validator = jsonschema.Draft202012Validator(SCHEMA)
    errors = [error.message for error in validator.iter_errors(json.loads(reports.render(report, "json")))]
    assert not errors


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("findings", 0, "verdict"), "ok"),
        (("findings", 0, "matrix", "cells", 0, "cells"), "9"),
        (("exit_status",), None),
    ],
)
def test_schema_refuses_what_is_not_a_report(path: tuple[Any, ...], value: object) -> None:
    """A wrong verdict or type deep inside is found: the schema is not one that accepts everything."""
    data = json.loads(reports.render(examples.demo(), "json"))
    inner = data
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(data))


def test_schema_needs_every_field() -> None:
    """Consumers can rely on each field being there."""
    data = json.loads(reports.render(examples.demo(), "json"))
    del data["findings"][0]["matrix"]
    assert list(jsonschema.Draft202012Validator(SCHEMA).iter_errors(data))


def test_json_reads_back_as_the_same_report() -> None:
    """No field is lost or changed, hostile names included."""
    for report in (examples.demo(), examples.hostile()):
        assert msgspec.json.decode(reports.render(report, "json"), type=Report) == report


def test_json_is_harmless_to_a_terminal() -> None:
    """Controls and bidirectional characters are escaped, so that printing it is safe too."""
    text = reports.render(examples.hostile(), "json")
    assert all(char == "\n" or char.isprintable() for char in text)


def test_json_survives_a_file_name_that_is_no_text() -> None:
    """A source whose name is not UTF-8 does not stop the report."""
    report = examples.demo()
    cluster = msgspec.structs.replace(report.cluster, sources=("dump-\udcff",))
    text = reports.render(msgspec.structs.replace(report, cluster=cluster), "json")
    assert json.loads(text)["cluster"]["sources"] == ["dump-\\udcff"]


def test_json_of_the_issue() -> None:
    """The members that the issue promises are there."""
    data = json.loads(reports.render(examples.demo(), "json"))
    first = data["findings"][0]
    assert {"id", "verdict", "level", "title", "evidence", "matrix", "fix"} <= set(first)
    assert {"proven", "opens", "commands"} <= set(first["fix"])
    assert first["id"] == "dynamo/etcd-from-gpu-nodes"
