"""The sentences of a finding: what was found, whose choice it is, and what a document's recipe would get wrong."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from clusterproof.checks.cells import Cell
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Matrix
from clusterproof.checks.parties import Sides
from clusterproof.profiles.model import Reach
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Unknown
from clusterproof.verdict.algebra import Tally, Verdict
from clusterproof.world.model import Attachment

T = TypeVar("T")


def unique(items: Iterable[T]) -> list[T]:
    """The items without repetition, in order."""
    return list(dict.fromkeys(items))


def listed(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    found = list(names)
    return found[0] if len(found) == 1 else ", ".join(found[:-1]) + f" and {found[-1]}" if found else "nothing"


def summary_of(
    tally: Tally,
    matrix: Matrix | None,
    check: Reach,
    stuck: Sequence[str],
    unknowns: Sequence[Unknown],
    cells: Sequence[Cell],
) -> tuple[str, str]:
    """One clause that says what was found, and the cause: whose choice it is, or what is not known."""
    target = f"{check.to.workload or check.to.hosts}:{check.port.partition('/')[0]}"
    if matrix is None:
        return (stuck[0] if stuck else f"nothing was found to ask about {target}"), ""
    by_outcome: dict[Outcome, list[str]] = {}
    for side in matrix.clients:
        seen = {cell.outcome for cell in matrix.cells if cell.client == side.group}
        word = (
            seen.pop()
            if len(seen) == 1
            else Outcome.VARIES
            if seen & {Outcome.BLOCKED, Outcome.VARIES}
            else Outcome.UNKNOWN
        )
        by_outcome.setdefault(word, []).append(side.group)
    works, blocked = by_outcome.get(Outcome.WORKS, []), by_outcome.get(Outcome.BLOCKED, [])
    varies = by_outcome.get(Outcome.VARIES, [])
    match tally.verdict:
        case Verdict.PASS:
            groups = listed(works)
            reach = "reaches" if len(works) == 1 else "reach"
            forced = " (co-located: on one node by its affinity)" if all(cell.together for cell in cells) else ""
            return f"{groups} {reach} {target}{forced}", ""
        case Verdict.FAIL:
            if stuck:
                return stuck[0], ""
            return f"{listed(blocked or varies)} cannot reach {target}", ""
        case Verdict.UNKNOWN:
            why = unknowns[0].detail if unknowns else "something was not read"
            return f"whether {listed([s.group for s in matrix.clients])} can reach {target} is not known", why
        case _:
            return _depends(target, works, blocked, varies, by_outcome.get(Outcome.UNKNOWN, []), cells)


def _depends(
    target: str,
    works: list[str],
    blocked: list[str],
    varies: list[str],
    unknown: list[str],
    cells: Sequence[Cell],
) -> tuple[str, str]:
    parts = []
    if works:
        parts.append(f"works from {listed(works)}")
    if blocked:
        parts.append(f"blocked from {listed(blocked)}")
    if varies:
        parts.append(f"varies from {listed(varies)}")
    if unknown:
        parts.append(f"not known from {listed(unknown)}")
    causes = []
    if len({bool(works), bool(blocked)}) == 1 and works and blocked:
        causes.append("the scheduler's choice of the client's node")
    elif works or unknown:
        causes.append("where the scheduler puts the client")
    server_choice = {
        (cell.client.node_class.id, cell.outcome)
        for cell in cells
        if cell.counts and cell.outcome is not Outcome.VARIES
    }
    by_client: dict[str, set[Outcome]] = {}
    for client, outcome in server_choice:
        by_client.setdefault(client, set()).add(outcome)
    if any(len(outcomes) > 1 for outcomes in by_client.values()):
        causes.append("where the scheduler puts the server, or which endpoint the Service picks")
    if any(cell.counts and cell.outcome is Outcome.VARIES for cell in cells):
        causes.append("which address or source port comes up")
    return f"{target}: {', '.join(parts)}", "; ".join(unique(causes))


def recipe_notes(context: Context, *sides: Sides) -> list[str]:
    """Where "the first group of the group's first instance" is not what the pods use, or not the same on all."""
    notes: list[str] = []
    for side in sides:
        for party in side.parties:
            for place in party.places:
                pod, host = place.interface.security_groups, place.node_class.host.security_groups
                if not isinstance(pod, tuple) or not isinstance(host, tuple) or pod == host:
                    continue
                attachment = place.interface.attachment
                how = "its ENIConfig" if attachment is Attachment.CUSTOM else "its SecurityGroupPolicy"
                if place.node_class.pod_network is not None and attachment is Attachment.CUSTOM:
                    how = "its NodeClass"
                notes.append(
                    f"on {place.node_class.group} the pods of {party.text} use {listed(pod)} from {how}, not the "
                    f"instances' {listed(host)}: rules must name the pods' groups"
                )
    hosts: dict[str, set[tuple[str, ...]]] = {}
    for item in context.world.classes:
        if isinstance(item.host.security_groups, tuple):
            hosts.setdefault(item.group, set()).add(item.host.security_groups)
    shown = {place.node_class.group for side in sides for party in side.parties for place in party.places}
    for group, found in sorted(hosts.items()):
        if group in shown and len(found) > 1:
            sets = "; ".join(sorted(listed(ids) for ids in found))
            notes.append(f"the nodes of {group} do not all have the same security groups ({sets}): all were judged")
    return unique(notes)
