"""The check "A reaches B on P": every place of A, every place of B, every endpoint.

Names are two questions (DNS, then the port) and both must be answered yes. The
cells fold by the algebra; the matrix shows them by node group.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clusterproof.checks.cells import Asker, Cell, Question, occurrences
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding, Matrix, MatrixCell, Odds, Side
from clusterproof.checks.matrix import matrix_of
from clusterproof.checks.odds import odds_of
from clusterproof.checks.parties import Party, Sides, resolve, unread_places
from clusterproof.checks.words import BY_ADDRESS, absence, recipe_notes, summary_of, unique, with_reservations
from clusterproof.profiles.model import Reach, Requirement
from clusterproof.profiles.port import PortRange, parse_port
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Service, ServicePort
from clusterproof.verdict.algebra import Tally, Verdict, fold, worst
from clusterproof.world.model import Workload
from clusterproof.world.services import target_port

__all__ = ["Side", "decide"]


def decide(asker: Asker, requirement: Requirement, check: Reach) -> Finding:
    """The finding of a reach requirement."""
    context = asker.context
    clients, servers = resolve(context, check.from_), resolve(context, check.to)
    ports = parse_port(check.port)
    if not clients.parties or not servers.parties:
        return _absent(context, requirement, check, clients, servers)
    tallies: list[Tally] = []
    cells: list[Cell] = []
    unknowns: list[Unknown] = []
    notes: list[str] = [*clients.how, *servers.how]
    stuck: list[str] = []
    first: tuple[Party, Party, int] | None = None
    first_cells: list[Cell] = []
    asked: set[tuple[object, ...]] = set()
    for client in clients.parties:
        for server in servers.parties:
            if not client.places or not server.places:
                text, unread = _nowhere(context, ((client, clients), (server, servers)))
                stuck += text
                unknowns += unread
                tallies.append(Tally(Verdict.UNKNOWN, unknown=1) if unread else Tally(Verdict.FAIL))
                continue
            happen: list[list[Outcome]] = []
            here, there = unread_places(context, clients), list(unread_places(context, servers))
            count, answered = len(cells), False
            for question, note in questions(context, server, ports, by_name=check.by == "name"):
                behind = endpoints(context, servers, server, question)
                service = question.via.service.metadata if question.via is not None else None
                token = (client.text, service and (service.namespace, service.name), question.port)
                if service is not None and token in asked:
                    continue
                asked.add(token)
                answered = True
                for party in behind:
                    found = asker.cells(client, party, question)
                    happen += occurrences(found, client, party)
                    cells += found
                there += asker.names.unread() if question.by_name else ()
                notes += note
                if first is None:
                    first = (client, server, len(behind))
            if not answered:
                continue
            first_cells = first_cells or cells[count:]
            tallies.append(fold(_with_unread(happen, client, unique(here), server, unique(there))))
            unknowns += unique([*here, *there])
    tally = worst(tallies)
    unknowns += [*clients.absent, *servers.absent] if tally.verdict is Verdict.PASS else []
    if tally.verdict is Verdict.PASS and (clients.absent or servers.absent):
        # What was found works, but there may be more than was read.
        tally = Tally(Verdict.UNKNOWN, tally.works, tally.blocked, tally.varies, tally.unknown + 1)
    unknowns = unique([*unknowns, *_unknowns(cells, doubts=tally.verdict is Verdict.UNKNOWN)])
    matrix = matrix_of(context, clients, servers, check.port, cells) if cells else None
    odds = None
    lucky = tally.verdict is Verdict.FAIL and any(cell.together and cell.outcome is Outcome.WORKS for cell in cells)
    if first is not None and (tally.verdict is Verdict.DEPENDS or lucky) and not first[0].everywhere:
        client, server, several = first
        odds = odds_of(context, client, server, first_cells)
        if several > 1:
            what = f"{several} workloads stand behind the Service, so there are no odds of which one answers"
            odds = Odds(unknown=Unknown(Cause.NOT_MODELLED, what))
    summary, cause = summary_of(tally, matrix, check, stuck, unknowns, cells)
    summary = with_reservations(summary, tally.verdict, notes)
    notes += recipe_notes(context, clients, servers)
    return Finding(
        id=f"{context.profile.name}/{requirement.id}",
        verdict=tally.verdict,
        level=requirement.level,
        title=requirement.title,
        summary=summary,
        source=requirement.source,
        category=requirement.category,
        cause=cause,
        evidence=_evidence(cells, matrix),
        matrix=matrix,
        odds=odds,
        tally=tally,
        unknowns=tuple(unknowns),
        notes=tuple(unique([*notes, *requirement.notes])),
        symptoms=requirement.symptoms,
    )


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
    result = [server]
    known = {party.text: party for party in side.parties}
    for workload in question.via.workloads if question.via is not None else ():
        if workload.id == server.text:
            continue
        places = context.places(workload).places
        places = tuple(place for place in places if not side.on or place.node_class.group in side.on)
        party = known.get(workload.id) or Party(workload, places, workload.every_node, workload.id)
        if party.places:
            result.append(party)
    return result


def _with_unread(
    happen: list[list[Outcome]],
    client: Party,
    here: Sequence[Unknown],
    server: Party,
    there: Sequence[Unknown],
) -> list[list[Outcome]]:
    """What may happen, with the places that were not read: they join what a party does everywhere at once."""
    joined = [Outcome.UNKNOWN] * (client.everywhere * len(here) + server.everywhere * len(there))
    free = (not client.everywhere) * len(here) + (not server.everywhere) * len(there)
    if joined and not happen:
        happen = [[]]
    return [*([*cells, *joined] for cells in happen), *([Outcome.UNKNOWN] for _ in range(free))]


def questions(
    context: Context, server: Party, ports: PortRange, *, by_name: bool
) -> Iterable[tuple[Question, list[str]]]:
    """The question by the target's Service (ClusterIP first), or for the pod's own port where there is none.

    Each comes with a note.
    """
    workload = server.workload
    if ports.low != ports.high:
        for port in context.representative_ports(ports):
            yield Question(port, ports.protocol, None, by_name=False), []
        return
    if not by_name or workload is None:
        yield Question(ports.low, ports.protocol, None, by_name=False), []
        return
    found = context.world.services.of_workload(workload, ports.low, ports.protocol)
    cluster_ip = [pair for pair in found if pair[0].spec.cluster_ip != "None"] or list(found[:1])
    if not cluster_ip:
        missing = context.world.services.missing(workload.namespace)
        why = "the Services were not all read" if missing is not None else "no Service publishes it"
        others = [
            service
            for service in context.world.services.within(workload.namespace)
            if _fronts(context, service, workload)
        ]
        if missing is None and others:
            # Clients by name get nowhere on this port; whether they dial the pods themselves is not known.
            key = f"{others[0].metadata.namespace}/{others[0].metadata.name}"
            missing = Unknown(Cause.NOT_ANSWERABLE, f"Service {key} selects {workload.id} and does not publish {ports}")
        note = f"{workload.id}: {ports}: {why}; {BY_ADDRESS}"
        yield Question(ports.low, ports.protocol, None, by_name=False, unread=missing), [note]
        return
    service, published = cluster_ip[0]
    backend = context.world.services.backend(service, published)
    more = f"; {len(cluster_ip) - 1} more Services publish the port" if len(cluster_ip) > 1 else ""
    note = f"by name: {service.metadata.name}.{service.metadata.namespace}.svc:{published.port}{more}"
    unread = _elsewhere(workload, cluster_ip)
    yield Question(ports.low, ports.protocol, backend, by_name=True, unread=unread), [note]


def _elsewhere(workload: Workload, found: Sequence[tuple[Service, ServicePort]]) -> Unknown | None:
    """Why a further Service that publishes the port may answer otherwise than the first: it does not lead there."""
    first, *others = [
        (
            service.metadata.name,
            (service.spec.selector, service.spec.internal_traffic_policy, target_port(port, workload)),
        )
        for service, port in found
    ]
    for name, leads in others:
        if leads != first[1]:
            what = (
                f"Service {name} publishes the port too and does not lead where {first[0]} does: which one is dialled"
            )
            return Unknown(Cause.NOT_MODELLED, f"{what} is not known")
    return None


def _fronts(context: Context, service: Service, workload: Workload) -> bool:
    """Whether a Service with an address of its own stands before the workload: its name then leads to its ports only."""
    return service.spec.cluster_ip != "None" and workload in context.world.services.selected(service)


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
        named = context.named(subject.workload)
        what.append(absence(subject.workload, named.missing))
        unread += [named.missing.detail] if named.missing is not None else []
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


def _unknowns(cells: Sequence[Cell], *, doubts: bool) -> list[Unknown]:
    """What could not be known; a doubtful place where all works matters only while nothing else is certain."""
    found: list[Unknown] = []
    for cell in cells:
        if cell.doubt is not None and (doubts or cell.outcome is not Outcome.WORKS):
            found.append(cell.doubt)
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
