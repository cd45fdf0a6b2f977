"""The README is true: its output is what the commands print, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from readme import fits, process, rewritten, steps

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_shows_what_the_commands_print() -> None:
    """Every console block of the README, run in order, prints what the README shows."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    _, faults = process(README, write=False, path=path)
    assert not faults, "run scripts/readme.py --write\n" + "\n\n".join(faults)


def test_the_readme_has_the_two_commands_and_five_things() -> None:
    """What a newcomer looks for: a picture, make demo, make test, and the five things, each with output."""
    assert "make demo" in README
    assert "make test" in README
    sections = re.findall(r"^### ([1-5])\. ", README, re.MULTILINE)
    assert sections == ["1", "2", "3", "4", "5"]
    for part in re.split(r"^### [1-5]\. ", README, flags=re.MULTILINE)[1:]:
        blocks = re.findall(r"^```console\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
        assert any(step.shown for block in blocks for step in steps(block)), part[:60]


def test_links_of_the_readme_lead_somewhere() -> None:
    """Every relative link names a file of the checkout."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_a_gap_stands_for_any_lines_and_nothing_else() -> None:
    """An ellipsis skips lines; what is shown must be there, in order, whole."""
    assert fits(["a", "…", "d"], ["a", "b", "c", "d"])
    assert fits(["a", "…"], ["a"])
    assert fits(["…", "c", "…"], ["a", "b", "c", "d"])
    assert not fits(["a", "…", "a"], ["a"])
    assert not fits(["a", "…", "c", "…", "b"], ["a", "b", "c"])
    assert not fits(["a", "…", "d"], ["a", "b"])
    assert not fits(["a", "c"], ["a", "b", "c"])
    assert not fits(["a"], ["a x"])
    assert rewritten(["old"], ["new"]) == ["new"]
    assert rewritten(["a", "old", "…", "d", "…"], ["a", "b", "c", "d", "e"]) == ["a", "b", "…", "d", "…"]
    assert rewritten(["a", "…", "gone"], ["a", "b"]) == ["a", "b"]


def test_commands_of_a_block() -> None:
    """A command goes on after a backslash and to the end of its here-document; the rest is output."""
    found = steps("$ a \\\n  b\nout\n$ cat > f <<'EOF'\n$ no\n\nEOF\n$ c\n\nout")
    assert [(step.command, step.shown) for step in found] == [
        ("a \\\n  b", ["out"]),
        ("cat > f <<'EOF'\n$ no\n\nEOF", []),
        ("c", ["", "out"]),
    ]
