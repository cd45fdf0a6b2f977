"""The effective configuration for the terminal: each value with where it came from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clusterproof.config.effective import DEFAULT, Setting
from clusterproof.reports.text import Paint, clean, columns, hang, pad


def render(settings: Sequence[Setting], where: str, *, width: int, colour: bool, verbose: bool) -> str:
    """One line per value that somebody chose; those left at their defaults only when verbose, else by name."""
    width, paint = max(width - 1, 40), Paint(colour)
    shown = [item for item in settings if verbose or item.origin != DEFAULT]
    rows = [[clean(item.key), clean(_text(item.value)), clean(item.origin)] for item in shown]
    lines = hang("", clean(where) if where else "no configuration file; docs/config.md shows one", width)
    lines[0] = paint.bold(lines[0])
    sizes = columns(rows) if rows else [0, 0, 0]
    narrow = sum(sizes) + 2 > width
    for key, value, origin in rows:
        if narrow:
            lines += hang(f"  {pad(key, sizes[0])}", value, width)
            lines += hang(" " * (sizes[0] + 2), f"({origin})", width, shown=" " * (sizes[0] + 2))
        else:
            lines.append(f"  {pad(key, sizes[0])}{pad(value, sizes[1])}{paint.dim(origin)}")
    left = [item.key for item in settings if item.origin == DEFAULT]
    if left and not verbose:
        lines += ["", *hang("At their defaults: ", f"{', '.join(left)}; -v shows them.", width, indent=2)]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, dict):
        limited = f" for {', '.join(value['groups'])}" if value.get("groups") else ""
        return f"{value['id']}{limited} until {value['expires']}, {value['owner']}: {value['reason']}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value) if value != "" else "none"
