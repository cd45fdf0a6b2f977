"""docs/formats.md is true: its output is what the commands print, and it names every format."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from clusterproof.reports import FORMATS
from readme import process

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "formats.md").read_text("utf-8")


def test_the_page_shows_what_the_commands_print() -> None:
    """Every console block, run in order, prints what the page shows."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    _, faults = process(PAGE, write=False, path=path)
    assert not faults, "run scripts/readme.py --write docs/formats.md\n" + "\n\n".join(faults)


def test_the_page_names_every_format() -> None:
    """The table of formats is that of the reports."""
    assert sorted(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) == sorted(FORMATS)


def test_links_lead_somewhere() -> None:
    """Every relative link names a file beside the page."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE)
    assert links
    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
