"""Try a change: cheaply while searching, and on a world built anew to prove it.

Security groups, network ACLs and NetworkPolicies decide nothing about nodes, pods or places, so a search
may keep those and change only what reach reads. What is called proven never rests on that: the proof builds
snapshot, world and context anew (design rule 6), of which a world's ground is shared only while nothing that it may
read has changed (:mod:`clusterproof.world.ground`).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence

from clusterproof.checks.affected import edited, may_change
from clusterproof.checks.cells import Asker
from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings_of
from clusterproof.checks.finding import Finding
from clusterproof.snapshot.overlay import Edit, Overlay, apply


def tried(context: Context, edits: Iterable[Edit]) -> Context:
    """The context with the edits in place, sharing everything that no edit of a repair can change."""
    overlay = Overlay(tuple(edits))
    if not overlay:
        return context
    world = copy.copy(context.world)
    world.snapshot = apply(context.world.snapshot, overlay)
    result = copy.copy(context)
    result.world = world
    return result


def proof(
    context: Context, overlay: Overlay, ids: Sequence[str] = (), before: Iterable[Finding] = ()
) -> tuple[Asker, dict[str, Finding]]:
    """The findings (all, or those named) on a world that is built anew with the change, by id; without evidence.

    With who asked there, for more questions about that world.

    Args:
        context: what the change is to.
        overlay: the change.
        ids: limits the findings; none: all.
        before: findings of the context: those that no object of the kinds that change can tell are not asked again.
    """
    asker = Asker(Context(apply(context.world.snapshot, overlay), context.profile, context.settings))
    changed = edited(overlay)
    of = {f"{context.profile.name}/{one.id}": one for one in context.profile.requirements}
    kept = {one.id: one for one in before if not may_change(context.profile, of[one.id], changed)}
    asked = [name for name in (ids or of) if name not in kept]
    found = {finding.id: finding for finding in findings_of(asker, only=asked, words=False)} if asked else {}
    return asker, {name: found.get(name) or kept[name] for name in (ids or of)}
