"""``why``: one path between two things that a user names, over all their places."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_network

import msgspec

from clusterproof.checks.cells import Asker, Cell, Question, occurrences
from clusterproof.checks.context import Context
from clusterproof.checks.endpoints import behind, party_of
from clusterproof.checks.finding import MatrixCell
from clusterproof.checks.lookup import find_controller, known_if_read
from clusterproof.checks.matrix import matrix_of
from clusterproof.checks.parties import Party, Sides, unread_places
from clusterproof.checks.questions import nobody
from clusterproof.checks.sides import of_control_plane
from clusterproof.checks.special import direct
from clusterproof.checks.words import listed
from clusterproof.errors import NotFoundError, UnknownNameError, UsageError
from clusterproof.profiles.model import Document, Profile
from clusterproof.profiles.port import parse_port
from clusterproof.reach.trace import Layer, Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Service
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict, fold_counted
from clusterproof.world.model import SHORT_KIND, Workload
from clusterproof.world.services import Door
from clusterproof.world.world import World


class Answer(msgspec.Struct, frozen=True):
    """The answer to ``why SRC DST:PORT``.

    Attributes:
        source, destination: what was asked, as resolved.
        port: ``2379/TCP``.
        verdict: over all places.
        cells: client group × server group, with the whole path of the most telling cell.
        sentence: the answer in one sentence.
    """

    source: str
    destination: str
    port: str
    verdict: Verdict
    cells: tuple[MatrixCell, ...]
    sentence: str


def why(
    snapshot: Snapshot,
    source: str,
    destination: str,
    *,
    on: str = "",
    profile: Profile | None = None,
    world: World | None = None,
) -> Answer:
    """Explain the connection from a workload to ``svc/namespace/name:port`` or ``kind/namespace/name:port``.

    A Service may also be named as its clients do: ``name.namespace:port``, ``name.namespace.svc:port``.

    Args:
        snapshot: the cluster.
        source: ``kind/namespace/name``; a pod stands for its controller; or ``control-plane``, the API servers.
        destination: with ``:PORT``, ``:PORT/UDP`` or ``:NAME`` of a Service's port; the number of a node port asks
            by any node.
        on: limits the source to one node group.
        profile: brings the workloads of its own pod templates, which are not in the cluster.
        world: of that snapshot, where there is one already; not together with a profile.

    Raises:
        NotFoundError: a name is not in the snapshot; with the nearest names.
        UsageError: the destination has no port, or the group does not hold the source.
    """
    own = world if profile is None else None
    context = Context(snapshot, profile or Profile("why", "why", Document("why"), ()), world=own)
    asker = Asker(context)
    apart = source == CONTROL_PLANE
    client = _control_plane(context, on) if apart else party_of(context, _source(context, source, profile))
    if on:
        client = _limited(context, client, on)
    question, servers, text = _destination(context, destination)
    if apart and question.via is not None and question.door is Door.CLUSTER:
        question = msgspec.structs.replace(question, via=direct(question.via), by_name=False)
    awake = [server for server in servers if server.workload is None or not server.workload.asleep]
    if servers and not awake and servers[0].workload is not None:
        question = nobody(question, servers[0].workload)
    servers = awake or servers
    cells: list[Cell] = []
    happen: Counter[frozenset[Outcome]] = Counter()
    side = Sides((client,), on=(on,) if on else (), chosen=bool(on), apart=apart)
    unread = list(unread_places(context, side))
    unread += unread_places(context, Sides(()))
    for server in servers:
        found = asker.cells(client, server, question)
        cells += found
        # Which endpoint answers is the Service's choice.
        happen.update(occurrences(found, client, server))
    if (missing := snapshot.missing(kinds.NODES)) is not None:
        unread.append(missing)
    happen.update(frozenset((Outcome.UNKNOWN,)) for _ in unread)
    verdict = fold_counted(happen).verdict
    port = f"{question.port}/{question.protocol}"
    shown: tuple[MatrixCell, ...] = ()
    if cells:
        shown = matrix_of(context, Sides((client,)), Sides(tuple(servers)), port, cells).cells
    sentence = _sentence(client, servers, text, question, verdict, shown, unread)
    return Answer(client.text, text, port, verdict, shown, sentence)


CONTROL_PLANE = "control-plane"
"""What a user writes for the API servers."""


def _control_plane(context: Context, on: str) -> Party:
    """The API servers as a client."""
    if on:
        raise UsageError(f"--on {on}: {CONTROL_PLANE} is on no node group; leave --on out")
    found = of_control_plane(context)
    for unknown in found.absent:
        raise UnknownNameError(str(unknown))
    return found.parties[0]


def _source(context: Context, text: str, profile: Profile | None) -> Workload:
    """The workload that a user names as FROM."""
    _no_address(text, "FROM", "kind/namespace/name, e.g. deploy/dynamo/worker")
    key = _service_key(text)
    service = context.world.services.get(key)
    if service is not None and _kind(text) not in SHORT_KIND.values():
        behind = [workload.id for workload in context.world.services.selected(service)]
        hint = " or ".join(behind) or "kind/namespace/name, e.g. deploy/dynamo/worker"
        raise UsageError(f"FROM {text} is a Service, which sends nothing itself; name the workload instead: {hint}")
    return _workload(context, text, profile)


def _workload(context: Context, text: str, profile: Profile | None = None) -> Workload:
    """A workload by name; a pod stands for its controller."""
    try:
        return find_controller(context.world, text)
    except NotFoundError as error:
        if profile is not None or "did you mean" in str(error) or isinstance(error, UnknownNameError):
            raise
        raise NotFoundError(f"{error}; a workload that a profile brings needs --profile NAME") from None


def _no_address(text: str, which: str, form: str) -> None:
    """Who has an address, and whether it will be there tomorrow, is not asked: names are.

    Raises:
        UsageError: the text is an IP address or a block of addresses.
    """
    try:
        ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return
    raise UsageError(f"{which} {text} is an address, which is not accepted; name a Service or a workload: {form}")


def _kind(text: str) -> str:
    return text.partition("/")[0].lower() if "/" in text else ""


def _service_key(text: str) -> str:
    """``namespace/name`` of what is, or looks like, a Service: ``svc/namespace/name``, ``name.namespace[.svc[…]]``."""
    if _kind(text) in _SERVICE_KINDS:
        return text.partition("/")[2]
    host = text.rstrip(".").split(".")
    dotted = "/" not in text and (len(host) == 2 or (len(host) > 2 and host[2] == "svc"))
    return f"{host[1]}/{host[0]}" if dotted else ""


_SERVICE_KINDS = ("svc", "service", "services")


def _limited(context: Context, party: Party, group: str) -> Party:
    if group not in context.world.groups:
        near = difflib.get_close_matches(group, context.world.groups, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(context.world.groups)}"
        raise NotFoundError(f"--on {group}: there is no such node group; {hint}")
    places = tuple(place for place in party.places if place.node_class.group == group)
    if not places:
        raise UsageError(f"--on {group}: {party.text} cannot be scheduled on that node group")
    return Party(party.workload, places, party.everywhere, party.text)


def _destination(context: Context, text: str) -> tuple[Question, list[Party], str]:
    target, separator, port = text.rpartition(":")
    if not separator or not port:
        raise UsageError(f"{text}: name the port too, e.g. svc/dynamo/etcd:2379")
    _no_address(target, "TO", "svc/namespace/name:port or kind/namespace/name:port")
    rest = _service_key(target)
    if rest:
        service = context.world.services.get(rest)
        if service is None:
            near = difflib.get_close_matches(rest, context.world.services.all(), n=3, cutoff=0.4)
            hint = f"did you mean svc/{' or svc/'.join(near)}?" if near else "write svc/namespace/name:port"
            known_if_read(context.world, kinds.SERVICES, f"Service {rest or target}", rest.partition("/")[0])
            raise NotFoundError(f"there is no Service {rest or target} in what was read; {hint}")
        return _service(context, service, port, rest)
    workload = _workload(context, target)
    try:
        ports = parse_port(port if "/" in port else f"{port}/TCP")
    except ValueError as error:
        raise UsageError(f"{text}: {error}") from None
    if ports.low != ports.high:
        raise UsageError(f"{text}: name one port, not a range; a range is what a profile's requirement may ask for")
    return Question(ports.low, ports.protocol, None, by_name=False), [party_of(context, workload)], workload.id


def _service(context: Context, service: Service, port: str, key: str) -> tuple[Question, list[Party], str]:
    number, _, protocol = port.partition("/")
    for item in service.spec.ports:
        if number and number == str(item.node_port) and protocol.upper() in ("", item.protocol):
            backend = context.world.services.backend(service, item)
            question = Question(item.port, item.protocol, backend, by_name=False, door=Door.NODE)
            if parties := behind(context, backend):
                return question, parties, f"node port {number} of svc/{key}"
    for item in service.spec.ports:
        if (str(item.port) == number or item.name == number) and protocol.upper() in ("", item.protocol):
            backend = context.world.services.backend(service, item)
            question = Question(item.port, item.protocol, backend, by_name=True)
            parties = behind(context, backend)
            if not parties and backend.unread is not None:
                unknown = backend.unread
                raise UnknownNameError(f"where Service {key} leads is not known: {unknown}")
            if not parties:
                missing = context.world.snapshot.tables.get("pods")
                what = "no workload that was read" if missing is not None else "pods were not read, so nothing"
                raise NotFoundError(f"Service {key} selects {what}; nothing can be reached behind it")
            return question, parties, f"svc/{key}"
    published = ", ".join(f"{item.port}/{item.protocol}" for item in service.spec.ports) or "no port"
    raise NotFoundError(f"Service {key} publishes {published}, not {port}")


def _sentence(
    client: Party,
    servers: list[Party],
    text: str,
    question: Question,
    verdict: Verdict,
    cells: tuple[MatrixCell, ...],
    unread: Sequence[Unknown],
) -> str:
    if not cells:
        stuck = next((party for party in (client, *servers) if not party.places), client)
        return f"No. {stuck.text} cannot be scheduled: {stuck.message}"
    target = f"{text}:{question.port}"
    by_group: dict[str, set[Outcome]] = {}
    for cell in cells:
        by_group.setdefault(cell.client, set()).add(cell.outcome)
    works = [group for group, seen in by_group.items() if seen == {Outcome.WORKS}]
    blocked = [group for group, seen in by_group.items() if seen == {Outcome.BLOCKED}]
    hop = next((cell.hop for cell in cells if cell.hop is not None), None)
    if question.nowhere is not None:
        return f"No. {question.nowhere.at} is {question.nowhere.text}."
    match verdict:
        case Verdict.PASS:
            if client.workload is None:
                return f"Yes. {client.text} reaches {target} from every interface that it may have."
            return f"Yes. {client.text} reaches {target} from every place it may be scheduled: {listed(works)}."
        case Verdict.FAIL:
            if hop is not None and hop.layer is Layer.DNS and _works_by_address(cells):
                return f"Not by name: {hop.text}. By address {client.text} reaches {target}."
            at = f" {hop.at} refuses it{_also(cells)}," if hop is not None else ""
            if client.workload is None:
                return f"No.{at} for every interface that {client.text} may have."
            return f"No.{at} for every place {client.text} may be scheduled: {listed(blocked or list(by_group))}."
        case Verdict.DEPENDS:
            at = f" {hop.at} does not let it through" if hop is not None else ""
            rest = f" From {listed(works)} it works." if works else ""
            others = [group for group in by_group if group not in works]
            return f"It depends.{at} from {listed(others)}.{rest}"
        case _:
            unknown = hop.unknown if hop is not None and hop.unknown is not None else next(iter(unread), None)
            if unknown is None:
                unknown = next(
                    (place.doubt for party in (client, *servers) for place in party.places if place.doubt), None
                )
            if unknown is None:
                return "Not known: something that decides it was not read."
            return f"Not known: {unknown.detail}." + (f" To know it, {unknown.remedy}" if unknown.remedy else "")


def _also(cells: tuple[MatrixCell, ...]) -> str:
    """Which further layers refuse: a repair of the first alone would not do."""
    later = [
        hop.layer.value
        for cell in cells
        for hop in cell.path
        if hop.outcome is Outcome.BLOCKED and cell.hop is not None and hop.layer is not cell.hop.layer
    ]
    layers = list(dict.fromkeys(later))
    if not layers:
        return ""
    more = "1 more layer refuses" if len(layers) == 1 else f"{len(layers)} more layers refuse"
    return f", and {more} too ({listed(layers)})"


def _works_by_address(cells: tuple[MatrixCell, ...]) -> bool:
    """Whether nothing but DNS stands in the way."""
    others = [hop.outcome for cell in cells for hop in cell.path if hop.layer is not Layer.DNS]
    return bool(others) and set(others) == {Outcome.WORKS}
