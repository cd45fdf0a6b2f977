"""Which pairs of node groups are broken in a finding: what waivers and baselines are about."""

from __future__ import annotations

from clusterproof.checks.finding import Finding
from clusterproof.reach.trace import Outcome
from clusterproof.verdict.algebra import Verdict

Pairs = dict[tuple[str, str], int]
"""Client and server group → how badly: 1 varies, 2 blocked."""

_BADNESS = {Outcome.VARIES: 1, Outcome.BLOCKED: 2}
_RANK = {Verdict.DEPENDS: 1, Verdict.FAIL: 2}


def broken(finding: Finding) -> Pairs:
    """The broken pairs of a finding; none where it has no two ends."""
    if finding.matrix is None:
        return {}
    return {(c.client, c.server): _BADNESS[c.felt] for c in finding.matrix.cells if c.felt in _BADNESS}


def worse_pairs(old: Finding, new: Finding) -> tuple[str, ...]:
    """Pairs that are broken now and were not, or not as badly, in words and by name: ``gpu to system``."""
    before = broken(old) if old.verdict.failing else {}
    return tuple(
        f"{client} to {server}"
        for (client, server), badness in sorted(broken(new).items())
        if badness > before.get((client, server), 0)
    )


def mended_pairs(old: Finding, new: Finding) -> tuple[str, ...]:
    """Pairs that were broken and work now, or vary only, in words and by name; what became unknown is not mended."""
    if new.matrix is None:
        return ()
    before = broken(old)
    now = {(c.client, c.server): c.felt for c in new.matrix.cells}
    return tuple(
        f"{client} to {server}"
        for (client, server), badness in sorted(before.items())
        if (now.get((client, server)) is Outcome.WORKS) or (now.get((client, server)) is Outcome.VARIES and badness > 1)
    )


def worse_verdict(old: Verdict, new: Verdict) -> bool:
    """Whether a failing verdict is worse than another: fail is worse than depends, depends than all others."""
    return _RANK.get(new, 0) > _RANK.get(old, 0)
