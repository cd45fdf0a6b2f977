"""Print the requirements of one dependency group of pyproject.toml (PEP 735), one to a line."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path


def requirements(groups: dict[str, list[str | dict[str, str]]], name: str) -> list[str]:
    """The requirement lines of a group, with the groups that it includes in their place."""
    lines: list[str] = []
    for entry in groups[name]:
        lines += [entry] if isinstance(entry, str) else requirements(groups, entry["include-group"])
    return lines


if __name__ == "__main__":
    pyproject = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text("utf-8"))
    sys.stdout.write("\n".join(requirements(pyproject["dependency-groups"], sys.argv[1])) + "\n")
