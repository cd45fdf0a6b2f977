"""The sentences of a finding: what was found, whose choice it is, and what a document's recipe would get wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from clusterproof.checks.cells import Cell
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Matrix
from clusterproof.checks.parties import Sides
from clusterproof.profiles.model import Reach, Subject
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


def named(subject: Subject) -> str:
    """What an end of a path is called, in a word or two."""
    if subject.control_plane:
        return "the control plane"
    if subject.services_of:
        return f"a Service of {' or '.join(subject.services_of)}"
    if subject.load_balancer:
        return f"the load balancer of Service {subject.load_balancer}"
    return subject.workload or subject.hosts or subject.address


def absence(name: str, missing: Unknown | None) -> str:
    """That a named workload was not found; where not everything was read that may hold it, no more than that."""
    return f"{name} was not found" if missing is None else f"whether {name} is installed is not known"


def with_reservations(summary: str, verdict: Verdict, notes: Iterable[str]) -> str:
    """A pass with what it rests on besides what was read, in a word: whoever reads one line reads that too."""
    assumed = verdict is Verdict.PASS and any(": assumed" in note for note in notes)
    return f"{summary} (with the profile's assumed pod)" if assumed else summary


def summary_of(
    tally: Tally,
    matrix: Matrix | None,
    check: Reach,
    stuck: Sequence[str],
    unknowns: Sequence[Unknown],
    cells: Sequence[Cell],
) -> tuple[str, str]:
    """One clause that says what was found, and the cause: whose choice it is, or what is not known."""
    target = named(check.to) if check.to.services_of else f"{named(check.to)}:{check.port.partition('/')[0]}"
    if matrix is None:
        return (stuck[0] if stuck else f"nothing was found to ask about {target}"), ""
    by_outcome: dict[str, list[str]] = {}
    for side in matrix.clients:
        name = side.group
        if not side.nodes and side.unread:
            name += " (nodes not read)"
        elif not side.nodes and side.future:
            name += " (no nodes yet)"
        by_outcome.setdefault(_word(side.group, matrix), []).append(name)
    works, blocked = by_outcome.get("works", []), by_outcome.get("blocked", [])
    varies = by_outcome.get("varies", [])
    match tally.verdict:
        case Verdict.PASS:
            groups = listed(works)
            reach = "reaches" if len(works) == 1 else "reach"
            forced = " (co-located: on one node by its affinity)" if all(cell.together for cell in cells) else ""
            return f"{groups} {reach} {target}{forced}", ""
        case Verdict.FAIL:
            if stuck:
                return stuck[0], ""
            return f"{listed(blocked + varies)} cannot reach {target}", ""
        case Verdict.UNKNOWN:
            why = unknowns[0].detail if unknowns else "something was not read"
            return f"whether {listed([s.group for s in matrix.clients])} can reach {target} is not known", why
        case _:
            found = _depends(target, by_outcome, cells, ports="-" in check.port)
            unread = tally.unknown and not any(cell.outcome is Outcome.UNKNOWN for cell in cells)
            return (f"{found[0]}, not known where nodes were not read" if unread else found[0]), found[1]


def _word(group: str, matrix: Matrix) -> str:
    """What a client group comes to over all server groups."""
    cells = [cell for cell in matrix.cells if cell.client == group]
    seen = {cell.outcome for cell in cells}
    if len(seen) == 1 and seen != {Outcome.VARIES}:
        return seen.pop().value
    if cells and all(cell.blocked + cell.unknown == cell.cells for cell in cells):
        return "partly"
    return "varies" if seen & {Outcome.BLOCKED, Outcome.VARIES} else "unknown"


_PHRASES = {
    "works": "works from {}",
    "blocked": "blocked from {}",
    "partly": "blocked from {} as far as it is known",
    "varies": "varies from {}",
    "unknown": "not known from {}",
}


def _depends(
    target: str, by_outcome: Mapping[str, list[str]], cells: Sequence[Cell], *, ports: bool
) -> tuple[str, str]:
    parts = [phrase.format(listed(by_outcome[word])) for word, phrase in _PHRASES.items() if by_outcome.get(word)]
    counted = [cell for cell in cells if cell.counts]
    causes = []
    if len([word for word in by_outcome if by_outcome[word]]) > 1:
        refused = (cell.clients for cell in counted if cell.outcome is Outcome.BLOCKED)
        unborn = {place.node_class.born for places in refused for place in places} == {False}
        choice = (
            "whether the pod comes to a node not yet born" if unborn else "the scheduler's choice of the client's node"
        )
        causes.append(choice)
    apart = {cell.outcome for cell in counted if cell.client.interface.managed}
    if {Outcome.WORKS, Outcome.BLOCKED} <= apart:
        causes.append("from which of its interfaces it is sent, or to which target")
    by_pair: dict[tuple[str, str], set[Outcome]] = {}
    by_client: dict[str, set[Outcome]] = {}
    for cell in counted:
        if cell.outcome is not Outcome.VARIES:
            for place in cell.clients:
                by_client.setdefault(place.node_class.id, set()).add(cell.outcome)
            for client, server in cell.pairs() if ports else ():
                by_pair.setdefault((client.node_class.id, server.node_class.id), set()).add(cell.outcome)
    if ports and any(len(outcomes) > 1 for outcomes in by_pair.values()):
        causes.append("which port of the range comes up")
    elif any({Outcome.WORKS, Outcome.BLOCKED} <= outcomes for outcomes in by_client.values()):
        causes.append("where the scheduler puts the server, or which endpoint the Service picks")
    elif "partly" in by_outcome or any({Outcome.UNKNOWN, Outcome.BLOCKED} <= o for o in by_client.values()):
        causes.append("what was not read: the rest is refused")
    if any(cell.outcome is Outcome.VARIES for cell in counted):
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
