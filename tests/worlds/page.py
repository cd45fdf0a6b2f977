"""Reads the tables of ``docs/worlds.md``, which hold what the worlds are and what is expected of them."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

from clusterproof.api import WORLDS

DYNAMO_WORLDS = tuple(name for name in WORLDS if name != "asya")
"""The worlds of the document on Dynamo, which have tables on the page; ``asya`` is for the profile of its name."""
PAGE = Path(__file__).resolve().parents[2] / "docs" / "worlds.md"


class GroupRow(msgspec.Struct, frozen=True):
    """A node group as the page describes it."""

    name: str
    nodes: int
    least: int
    most: int
    instance_type: str
    security_group: str
    subnets: int


class RequirementRow(msgspec.Struct, frozen=True):
    """A requirement's outcome as the page expects it; shares between 0 and 1, None where the page has none."""

    name: str
    verdict: str
    works: tuple[str, ...]
    blocked: tuple[str, ...]
    first: float | None
    later: float | None


class WorldPage(msgspec.Struct, frozen=True):
    """A world's section."""

    groups: tuple[GroupRow, ...]
    requirements: tuple[RequirementRow, ...]


def pages() -> dict[str, WorldPage]:
    """All worlds of the page, by name."""
    parts = re.split(r"^## World `(.+)`$", PAGE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    found: dict[str, WorldPage] = {}
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        groups = tuple(_group(row) for row in _rows(text, "node group"))
        found[name] = WorldPage(groups, tuple(_requirement(row) for row in _rows(text, "requirement")))
    return found


def _rows(text: str, head: str) -> list[list[str]]:
    """The cells of the table whose first column is called ``head``."""
    table = re.search(rf"^\| {head} \|.*\n\|[-|]+\n((?:\|.*\n)+)", text, re.MULTILINE)
    assert table is not None, f"docs/worlds.md has no table of {head}"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[1].splitlines()]


def _group(row: list[str]) -> GroupRow:
    name, nodes, sizes, instance_type, security_group, subnets = row
    least, most = sizes.split("–")
    return GroupRow(name, int(nodes), int(least), int(most), instance_type, security_group, int(subnets))


def _requirement(row: list[str]) -> RequirementRow:
    name, verdict, works, blocked, first, later = row
    return RequirementRow(name, verdict, _names(works), _names(blocked), _share(first), _share(later))


def _names(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(", ")) if cell else ()


def _share(cell: str) -> float | None:
    return float(cell.removesuffix(" %")) / 100 if cell else None
