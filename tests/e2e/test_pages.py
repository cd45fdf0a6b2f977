"""README.md and docs/*.md are true: every console block prints what it shows, those that read live too."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from readme import pages, process
from tests.e2e.pages import LiveWorld, live_world

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def live() -> Iterator[LiveWorld]:
    """The world that live blocks read, served once."""
    with live_world() as world:
        yield world


@pytest.mark.parametrize("page", pages())
def test_the_page_shows_what_the_commands_print(page: str, live: LiveWorld) -> None:
    """Every block of the page, run in order in an empty directory, prints what the page shows."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    _, faults = process((ROOT / page).read_text("utf-8"), write=False, path=path, live=live)
    assert not faults, f"run scripts/readme.py --write {page}\n" + "\n\n".join(faults)


def test_what_differs_from_run_to_run_is_made_equal(live: LiveWorld) -> None:
    """Port, ids and minute are written as the shipped world has them; nothing else is changed."""
    here, there = next((here, there) for there, here in live.known.items() if there.startswith("sg-"))
    assert live.shown(f"x {there} y") == f"x {here} y"
    url = next(there for there in live.known if there.startswith("https:"))
    assert live.shown(f"{url}, as me") == f"{live.known[url]}, as me"
    assert live.known[url].endswith(".gr7.us-west-2.eks.amazonaws.com")
    assert live.shown("4 nodes, read 2031-01-02 03:04 UTC") == "4 nodes, read 2026-08-24 09:00 UTC"
    assert live.shown("read 2031-01-02\n  03:04 UTC") == "read 2026-08-24\n  09:00 UTC"
    assert live.shown("waived until 2031-01-02; 03:04 UTC") == "waived until 2031-01-02; 03:04 UTC"
