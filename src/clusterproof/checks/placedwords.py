"""The answer of ``place`` in a sentence or two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clusterproof.checks.placed import May, PlacedGroup, Placement
from clusterproof.checks.words import listed
from clusterproof.snapshot.fields import Unknown
from clusterproof.verdict.algebra import Verdict

_MOST = 6
"""So many node groups are named."""


def sentence(found: Placement, nowhere: str, waits: str = "") -> str:
    """What was found, ever first, then now.

    Args:
        found: all of it but the sentence.
        nowhere: why no pod made from now on runs anywhere, where that is certain whatever was not read; else empty.
        waits: what a pod waits for before any node is looked at, also one that is not born yet; else empty.
    """
    if found.verdict is Verdict.FAIL:
        why = nowhere or found.ever_message or "there is no node and no node group that would take it"
        return f"It can land nowhere: {why.rstrip('.')}."
    if found.verdict is Verdict.UNKNOWN:
        takers = [group for group in found.groups if group.may is May.YES]
        if takers and found.unread:
            # Only what decides before the scheduler keeps a certain place from being an answer.
            start = f"Nodes of {_named(takers)} would take it, and whether it gets there is not known"
            return f"{start}: {found.unread[0].detail.rstrip('.')}."
        return f"Whether it can land anywhere is not known: {_doubt(found).rstrip('.')}."
    yes = [group for group in found.groups if group.may is May.YES]
    doubtful = [group for group in found.groups if group.may is May.UNKNOWN]
    start = "It runs on every node that takes it" if found.every_node else "It may land"
    text = f"{start}, on {_named(yes)}" if found.every_node else f"{start} on {_named(yes)}"
    if doubtful:
        text += f"; whether on {_named(doubtful)} too is not known"
    elif len(yes) < len(found.groups):
        text += ", and on no other node group"
    elif len(yes) > 1:
        text += ": every node group"
    if not doubtful and (found.unread or found.unread_nodes is not None):
        text += " that was read"
    return f"{text}. {_now(found, yes, waits)}"


def _now(found: Placement, yes: Sequence[PlacedGroup], waits: str) -> str:
    ever = sum(group.ever for group in yes)
    grows = [group for group in yes if group.new_nodes is May.YES]
    if found.now is None:
        return "Which nodes take one now is not known."
    if not ever:
        return f"It has no such node today; {_named(grows)} may make one." if grows else "It has no such node today."
    one = "one" if found.every_node or not found.running_on else "one more"
    today = "Today's one node" if found.nodes == 1 else f"{ever} of today's {found.nodes} nodes"
    text = f"{today} may take it; now "
    moved = sum(group.displacing for group in found.groups)
    if not found.now and moved:
        would = "would" if moved > 1 else "one would"
        count = f"{moved} " if moved > 1 else ""
        return text + f"none takes {one} as it is, but {count}{would} by displacing pods of lower priority."
    if not found.now and waits:
        return text + f"none takes {one}: {waits}."
    if not found.now:
        return text + f"none takes {one}" + (f", but a new node of {_named(grows)} would." if grows else ".")
    if found.now == ever:
        return text + (f"each of them takes {one}." if ever > 1 else f"it takes {one}.")
    return text + f"{found.now} of them {'takes' if found.now == 1 else 'take'} {one}."


def _doubt(found: Placement) -> str:
    for unknown in _doubts(found):
        return unknown.detail
    return "not all that makes nodes was read"


def _doubts(found: Placement) -> Iterable[Unknown]:
    for group in found.groups:
        yield from (item.ever.unknown for item in group.classes if item.ever.unknown is not None)
        if group.unknown is not None:
            yield group.unknown
    yield from found.unread
    if found.unread_nodes is not None:
        yield found.unread_nodes


def _named(groups: Sequence[PlacedGroup]) -> str:
    names = [group.name for group in groups]
    if len(names) > _MOST:
        names = [*names[: _MOST - 1], f"{len(names) - _MOST + 1} other node groups"]
    return listed(names)
