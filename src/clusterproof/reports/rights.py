"""The least rights that reading live needs, kind by kind, and what is unknown without each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clusterproof.reports.text import Paint, hang, pad
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.manual import cost


def table(kinds: Sequence[Kind[Any]], *, width: int, colour: bool) -> str:
    """The rights as a table: first those in the cluster, then those in the account."""
    paint = Paint(colour)
    width = min(max(width - 1, 40), 160)
    size = max((len(right) for kind in kinds for right in (kind.permission, *kind.also)), default=0)
    lines: list[str] = []
    for origin, title in (("kubernetes", "In the cluster (RBAC, everywhere)"), ("aws", "In AWS (IAM)")):
        ours = [kind for kind in kinds if kind.origin == origin]
        further = {right: kind for kind in ours for right in kind.also}
        found = sorted({**further, **{kind.permission: kind for kind in ours}}.items())
        if not found:
            continue
        lines += ["", paint.bold(title)] if lines else [paint.bold(title)]
        for permission, kind in found:
            if size <= width // 2:
                lines += hang(f"  {pad(permission, size)}  ", cost(kind), width)
            else:
                lines += [f"  {permission}", *hang("      ", cost(kind), width)]
    return "\n".join(lines) + "\n"
