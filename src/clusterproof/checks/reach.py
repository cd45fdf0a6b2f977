"""The check "A reaches B on P": every place of A, every place of B, every endpoint.

Names are two questions (DNS, then the port) and both must be answered yes. The
cells fold by the algebra; the matrix shows them by node group.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from clusterproof.checks import closed
from clusterproof.checks.cells import Asker, Cell, Question, occurrences
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding, Matrix, MatrixCell, Odds, Side
from clusterproof.checks.matrix import matrix_of
from clusterproof.checks.odds import odds_of
from clusterproof.checks.parties import Party, Sides, unread_places
from clusterproof.checks.questions import or_nobody, questions, serving
from clusterproof.checks.sides import resolve
from clusterproof.checks.special import Asked, asked_of
from clusterproof.checks.words import absence, named, recipe_notes, summary_of, unique, with_reservations
from clusterproof.profiles.model import Reach, Requirement, Subject
from clusterproof.profiles.port import PortRange, parse_port
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict, fold_counted, worst

__all__ = ["Side", "decide"]


def decide(asker: Asker, requirement: Requirement, check: Reach, *, words: bool = True) -> Finding:
    """The finding of a reach requirement; without ``words`` it has no paths, evidence, odds and notes on recipes."""
    context = asker.context
    clients, servers = resolve(context, check.from_), serving(resolve(context, check.to))
    ports = parse_port(check.port) if check.port else None
    if not clients.parties or not (servers.parties or servers.broken):
        return _absent(context, requirement, check, clients, servers)
    tallies: list[Tally] = []
    cells: list[Cell] = []
    unknowns: list[Unknown] = []
    notes: list[str] = [*clients.how, *servers.how]
    stuck: list[str] = list(servers.broken)
    tallies += [Tally(Verdict.FAIL)] if stuck else []
    first: tuple[Party, Party, int] | None = None
    first_cells: list[Cell] = []
    asked: set[tuple[object, ...]] = set()
    marks: list[str] = []
    beside: list[Ref] = []
    for client in clients.parties:
        for server in servers.parties:
            if not client.places or not server.places:
                text, unread = _nowhere(context, ((client, clients), (server, servers)))
                stuck += text
                unknowns += unread
                tallies.append(Tally(Verdict.UNKNOWN, unknown=1) if unread else Tally(Verdict.FAIL))
                continue
            here, there = unread_places(context, clients), list(unread_places(context, servers))
            asking = _asking(context, client, server, ports, check)
            if isinstance(asking, Unknown):
                unknowns.append(asking)
                tallies.append(Tally(Verdict.UNKNOWN, unknown=1))
                continue
            for together in asking:
                happen: Counter[frozenset[Outcome]] = Counter()
                count, answered = len(cells), False
                for item in together:
                    question = item.question
                    behind = list(item.servers) or endpoints(context, servers, server, question)
                    service = question.via.service.metadata if question.via is not None else None
                    token = (client.text, service and (service.namespace, service.name), question.port)
                    if service is not None and token in asked:
                        continue
                    asked.add(token)
                    for party in behind:
                        found = asker.cells(client, party, question)
                        found = closed.turned(found) if check.closed else found
                        if question.maybe is None:
                            answered = True
                            happen.update(occurrences(found, client, party))
                            cells += found
                        elif any(cell.counts and cell.outcome is not Outcome.WORKS for cell in found):
                            tallies.append(Tally(Verdict.UNKNOWN, unknown=1))
                            unknowns.append(question.maybe)
                    there += asker.names.unread() if question.by_name else ()
                    notes += item.notes
                    marks += [question.mark] if question.mark else []
                    beside += question.beside
                    if first is None:
                        first = (client, server, len(behind))
                if not answered:
                    continue
                first_cells = first_cells or cells[count:]
                tallies.append(fold_counted(_with_unread(happen, client, unique(here), server, unique(there))))
                unknowns += unique([*here, *there])
    tally = worst(tallies)
    unknowns += [*clients.absent, *servers.absent] if tally.verdict is Verdict.PASS else []
    if tally.verdict is Verdict.PASS and (clients.absent or servers.absent):
        # What was found works, but there may be more than was read.
        tally = Tally(Verdict.UNKNOWN, tally.works, tally.blocked, tally.varies, tally.unknown + 1)
    read = closed.unknowns(cells) if check.closed else _unknowns(cells, doubts=tally.verdict is Verdict.UNKNOWN)
    unknowns = unique([*unknowns, *read])
    matrix = matrix_of(context, clients, servers, check.port, cells, paths=words) if cells else None
    if check.closed and matrix is not None:
        matrix = msgspec.structs.replace(matrix, cells=closed.matrix_cells(cells, paths=words))
    odds = None
    lucky = tally.verdict is Verdict.FAIL and any(cell.together and cell.outcome is Outcome.WORKS for cell in cells)
    if words and first is not None and (tally.verdict is Verdict.DEPENDS or lucky) and _chosen(first[0], first[1]):
        client, server, several = first
        odds = odds_of(context, client, server, first_cells)
        if several > 1:
            what = f"{several} workloads stand behind the Service, so there are no odds of which one answers"
            odds = Odds(unknown=Unknown(Cause.NOT_MODELLED, what))
    if check.closed:
        summary, cause = closed.summary_of(tally, matrix, check, stuck, unknowns)
    else:
        summary, cause = summary_of(tally, matrix, check, stuck, unknowns, cells)
    summary += f" ({'; '.join(unique(marks))})" if marks else ""
    summary = with_reservations(summary, tally.verdict, notes)
    notes += recipe_notes(context, clients, servers) if words else ()
    return Finding(
        id=f"{context.profile.name}/{requirement.id}",
        verdict=tally.verdict,
        level=requirement.level,
        title=requirement.title,
        summary=summary,
        source=requirement.source,
        category=requirement.category,
        cause=cause,
        evidence=tuple(unique((*_evidence(cells, matrix), *beside))) if words else (),
        matrix=matrix,
        odds=odds,
        tally=tally,
        unknowns=tuple(unknowns),
        notes=tuple(unique([*notes, *requirement.notes])),
        symptoms=requirement.symptoms,
    )


def _asking(
    context: Context, client: Party, server: Party, ports: PortRange | None, check: Reach
) -> Iterable[Iterable[Asked]] | Unknown:
    """The questions between two parties; of those that stand together one comes up, of the others all do."""
    special = asked_of(context, client, server, ports)
    if isinstance(special, Unknown):
        return special
    if special is not None:
        return [
            [
                item
                if item.servers
                else msgspec.structs.replace(item, question=or_nobody(context, server, item.question))
            ]
            for item in special
        ]
    if ports is None:
        return ()
    if check.closed:
        return [closed.as_asked(context, ports)]
    asked = questions(context, server, ports, by=check.by, client=client)
    return [[Asked(question, tuple(notes)) for question, notes in asked]]


def _chosen(client: Party, server: Party) -> bool:
    """Whether the scheduler chooses where a client is, and a server, so that there are odds."""
    return not client.everywhere and client.workload is not None and server.address is None


def _nowhere(context: Context, parties: Iterable[tuple[Party, Sides]]) -> tuple[list[str], tuple[Unknown, ...]]:
    """Parties without any place, in words; and what may hold them and was not read, where that is so of each."""
    without = [(party, unread_places(context, side)) for party, side in parties if not party.places]
    surely = [f"{party.text} cannot be scheduled {party.message}" for party, unread in without if not unread]
    if surely:
        return surely, ()
    texts = [f"whether {party.text} can be scheduled is not known" for party, _ in without]
    return texts, tuple(unique(item for _, unread in without for item in unread))


def endpoints(context: Context, side: Sides, server: Party, question: Question) -> list[Party]:
    """The server and everything else behind the Service: its endpoints are picked among all of them."""
    result = [server] if server.workload is None or not server.workload.asleep else []
    known = {party.text: party for party in side.parties}
    for workload in question.via.workloads if question.via is not None else ():
        if workload.id == server.text or workload.asleep:
            continue
        places = context.places(workload).places
        places = tuple(place for place in places if not side.on or place.node_class.group in side.on)
        party = known.get(workload.id) or Party(workload, places, workload.every_node, workload.id)
        if party.places:
            result.append(party)
    return result or [server]


def _with_unread(
    happen: Mapping[frozenset[Outcome], int],
    client: Party,
    here: Sequence[Unknown],
    server: Party,
    there: Sequence[Unknown],
) -> Mapping[frozenset[Outcome], int]:
    """What may happen, with the places that were not read: they join what a party does everywhere at once."""
    joined = client.everywhere * len(here) + server.everywhere * len(there)
    free = (not client.everywhere) * len(here) + (not server.everywhere) * len(there)
    result: Counter[frozenset[Outcome]] = Counter(happen)
    if joined:
        result = Counter()
        for cells, number in (happen or {frozenset[Outcome](): 1}).items():
            result[cells | {Outcome.UNKNOWN}] += number
    if free:
        result[frozenset((Outcome.UNKNOWN,))] += free
    return result


def _absent(context: Context, requirement: Requirement, check: Reach, clients: Sides, servers: Sides) -> Finding:
    """A side was not found: unknown, or not applicable where the requirement says so."""
    missing = unique([*clients.absent, *servers.absent])
    verdict = Verdict.UNKNOWN if missing or requirement.absent == "unknown" else Verdict.NOT_APPLICABLE
    what: list[str] = []
    unread: list[str] = []
    for side, subject in ((clients, check.from_), (servers, check.to)):
        if side.parties:
            continue
        if side.empty_set:
            what.append(side.how[0] if side.absent else f"no node group for the set {side.empty_set}")
            unread += [side.absent[0].detail] if side.absent else []
            continue
        found = context.named(subject.workload).missing if subject.workload else None
        what.append(absence(subject.workload, found) if found is not None else _missing(subject))
        unread += [found.detail] if found is not None else []
    return Finding(
        id=f"{context.profile.name}/{requirement.id}",
        verdict=verdict,
        level=requirement.level,
        title=requirement.title,
        summary="; ".join(what),
        source=requirement.source,
        category=requirement.category,
        cause="; ".join(unique(unread)) or "; ".join(what),
        unknowns=tuple(missing),
        notes=tuple(unique([*clients.how, *servers.how, *requirement.notes])),
        symptoms=requirement.symptoms,
    )


def _missing(subject: Subject) -> str:
    return f"{named(subject)} {'was not found' if subject.workload or subject.services_of else 'is not known'}"


def _unknowns(cells: Sequence[Cell], *, doubts: bool) -> list[Unknown]:
    """What could not be known; a doubtful place where all works matters only while nothing else is certain."""
    found: list[Unknown] = []
    for cell in cells:
        if cell.doubt is not None and (doubts or cell.outcome is not Outcome.WORKS):
            found.append(cell.doubt)
        if cell.unread:
            found += [hop.unknown for hop in cell.trace.hops if hop.unknown is not None]
    return found


def _evidence(cells: Sequence[Cell], matrix: Matrix | None) -> tuple[Ref, ...]:
    """The rules that refused, first; where everything works, the rules that allowed."""
    refs: list[Ref] = []
    shown: Iterable[MatrixCell] = matrix.cells if matrix is not None else ()
    for item in shown:
        if item.hop is not None:
            refs += item.hop.refs
    if not refs:
        for cell in cells[:1]:
            for hop in cell.trace.hops:
                refs += hop.refs[:1]
    for cell in cells[:1]:
        refs += cell.client.interface.refs[:1]
        refs += cell.server.interface.refs[:1]
    return tuple(unique(refs))
