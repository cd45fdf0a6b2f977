"""What is asked of a server: by which Service a client dials it, or at which address.

Who dials by name dials a Service. Where the Services were read and none leads to the server's port, the name leads
nowhere: that is a refusal, and not a reason to ask by address instead. Which Service it is says the client, where its
variables or arguments name one; otherwise it is one that publishes the port, those with a cluster address first.
Sources: Kubernetes documentation, "Service" (Defining a Service; Headless Services), and "DNS for Services and Pods";
reference "6. Services".
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from clusterproof.checks.asleep import asleep_hop
from clusterproof.checks.cell import Question
from clusterproof.checks.context import Context
from clusterproof.checks.dialled import Named, belongs, named_services
from clusterproof.checks.parties import Party, Sides
from clusterproof.profiles.port import PortRange
from clusterproof.reach.trace import Hop, Layer, Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Service, ServicePort
from clusterproof.world.model import Workload
from clusterproof.world.services import Door, target_port

_Found = tuple[Service, ServicePort]
_DOORS = {"node-port": Door.NODE, "load-balancer": Door.BALANCER}


def questions(
    context: Context, server: Party, ports: PortRange, *, by: str, client: Party | None = None
) -> Iterable[tuple[Question, list[str]]]:
    """The questions of a client to a server, each with notes: by name, by its own port, or through a node.

    Args:
        context: the world.
        server: who is meant to answer.
        ports: one, or a range, of which one of each class is asked.
        by: as the requirement has it (profiles/model.py, ``Reach``).
        client: who asks; what it names as its server decides which Service it is.
    """
    for question, notes in _questions(context, server, ports, by, client):
        yield or_nobody(context, server, question), notes


def or_nobody(context: Context, server: Party, question: Question) -> Question:
    """The question, or that nobody answers it: the server wants no pods, nor does anybody else behind the Service."""
    workload = server.workload
    if workload is None or question.nowhere is not None or _awake(context, workload, question):
        return question
    return nobody(question, workload)


def nobody(question: Question, server: Workload) -> Question:
    """A question that nobody answers, because its server wants no pods."""
    hop = asleep_hop(server)
    mark = f"{server.id} is {hop.text.partition(':')[0]}"
    return Question(question.port, question.protocol, None, by_name=False, nowhere=hop, mark=mark)


def serving(side: Sides) -> Sides:
    """A side as servers: workloads that want no pods are no servers where others of the side want some."""
    awake = tuple(party for party in side.parties if party.workload is None or not party.workload.asleep)
    if not awake or len(awake) == len(side.parties):
        return side
    texts = tuple(
        f"{party.text} is scaled to zero, so the others answer" for party in side.parties if party not in awake
    )
    return msgspec.structs.replace(side, parties=awake, how=(*side.how, *texts))


def _awake(context: Context, server: Workload, question: Question) -> bool:
    """Whether anybody answers: the server, or another workload behind the Service."""
    if not server.asleep:
        return True
    others = question.via.workloads if question.via is not None else ()
    return any(not one.asleep and context.places(one).places for one in others)


def _looks_up_no_name(client: Party | None) -> bool:
    """Whether a client is neither a pod nor a node of the cluster, so that it asks no name server of the cluster."""
    if client is None or client.workload is not None:
        return False
    return client.address is not None or any(place.interface.managed for place in client.places)


def _questions(
    context: Context, server: Party, ports: PortRange, by: str, client: Party | None
) -> Iterable[tuple[Question, list[str]]]:
    workload = server.workload
    if by in _DOORS and workload is not None and ports.low == ports.high:
        yield _at_door(context, workload, ports, _DOORS[by])
    elif ports.low != ports.high:
        for port in context.representative_ports(ports):
            yield Question(port, ports.protocol, None, by_name=False), []
    elif by != "name" or workload is None or _looks_up_no_name(client):
        yield Question(ports.low, ports.protocol, None, by_name=False), []
    else:
        yield _by_name(context, workload, ports, client.workload if client is not None else None)


# --- by name -----------------------------------------------------------------------------------


def _by_name(
    context: Context, server: Workload, ports: PortRange, client: Workload | None
) -> tuple[Question, list[str]]:
    services = context.world.services
    published = services.of_workload(server, ports.low, ports.protocol)
    named = named_services(services, client, server, ports.low) if client is not None else ()
    if named and client is not None:
        return _as_named(context, server, ports, published, client, named)
    found = [pair for pair in published if not _headless(pair[0])] or list(published[:1])
    if not found:
        return _unpublished(context, server, ports)
    question, notes = _through(context, server, found)
    first = found[0][0]
    for service in services.within(server.namespace):
        if service is not first:
            question, notes = _beside(context, question, notes, service, server, ports)
    return question, notes


def _as_named(
    context: Context,
    server: Workload,
    ports: PortRange,
    published: Sequence[_Found],
    client: Workload,
    named: Sequence[Named],
) -> tuple[Question, list[str]]:
    """By the Services that the client's containers name: no other decides."""
    keys = {one.key for one in named}
    lead = [pair for pair in (*published, *_any_port(context, server, ports, published)) if _key(pair[0]) in keys]
    leading = {_key(service) for service, _ in lead}
    wrong = [one for one in named if one.key not in leading]
    if not wrong:
        return _through(context, server, lead)
    one = wrong[0]
    why = _leads_nowhere(context, one.service, server, ports) or _NO_NAME
    note = f"{one.where} names {one.key}"
    missing = context.world.services.missing(server.namespace) if one.service is None else None
    if one.service is not None and server not in context.world.services.selected(one.service):
        missing = _unread_pods(context, server)
        others = " and ".join(found.id for found in context.world.services.selected(one.service))
        if others or not one.service.spec.selector:
            how = f"leads to {others}" if others else "has no selector"
            what = f"{one.where} names Service {one.key}, which {how}: whether that stands for {server.id} is not known"
            missing = Unknown(Cause.NOT_ANSWERABLE, what)
    if missing is None and lead:
        # Of several hosts a client may take any; one that answers may be enough.
        missing = Unknown(Cause.NOT_ANSWERABLE, f"{one.where} names {one.key} among others, and {why}")
    if missing is not None:
        question, notes = _through(context, server, lead) if lead else (_plain(ports), [])
        return msgspec.structs.replace(question, unread=missing), [*notes, note]
    refs = (_ref(one.service),) if one.service is not None else ()
    if client.ref is not None:
        refs = (*refs, Ref(client.ref.kind, client.ref.key, one.where, one.host))
    mark = f"there is no Service {one.key}" if one.service is None else _mark(context, one.service, server, ports)
    return _refused(ports, f"Service {one.key}", why, mark, (*refs, *_refs(server))), [note]


def _unpublished(context: Context, server: Workload, ports: PortRange) -> tuple[Question, list[str]]:
    """No Service that selects the server publishes the port."""
    services = context.world.services
    missing = services.missing(server.namespace)
    if missing is not None or not server.installed:
        why = "the Services were not all read" if missing is not None else "it is not installed, nor is its Service"
        note = f"{server.id}: {ports}: {why}; the pods' own port is judged, by address"
        return msgspec.structs.replace(_plain(ports), unread=missing), [note]
    own = [service for service in services.within(server.namespace) if server in services.selected(service)]
    fronts = [service for service in own if not _headless(service)]
    loose = _any_port(context, server, ports, ())
    by_hand = _by_hand(context, server, ports)
    if by_hand is not None:
        what = f"whether clients dial Service {_key(by_hand)}, which has no selector and leads to {server.id}, is not known"
        return msgspec.structs.replace(_plain(ports), unread=Unknown(Cause.NOT_MODELLED, what)), []
    if loose and not (fronts or loose[0][0].spec.ports):
        question, notes = _through(context, server, loose[:1])
        notes = [*notes, f"{_key(loose[0][0])} is headless: its name leads to the pods on any port"]
        for service in services.within(server.namespace):
            question, notes = _beside(context, question, notes, service, server, ports)
        return question, notes
    if loose:
        told = f"Service {_key(fronts[0])} selects {server.id} and does not publish {ports}; " if fronts else ""
        what = (
            f"{told}the headless {_key(loose[0][0])} leads there and does not publish {ports} either: "
            "whether clients dial its name is not known"
        )
        unread = Unknown(Cause.NOT_ANSWERABLE, what, "name it in the client's variables, or say by: address")
        return msgspec.structs.replace(_plain(ports), unread=unread), []
    hint = f"{server.id}: where clients dial the pods themselves, the requirement has to say by: address"
    known = services.within(server.namespace) if _unread_pods(context, server) is None else ()
    empty = [service for service in known if belongs(services, service, server)]
    for service in (*fronts, *empty):
        why = _leads_nowhere(context, service, server, ports)
        mark = _mark(context, service, server, ports)
        return _refused(ports, f"Service {_key(service)}", why, mark, (_ref(service), *_refs(server))), [hint]
    why = f"no Service of namespace {server.namespace} selects {server.id}, so no name leads to its port {ports}"
    mark = f"no Service selects {server.id}"
    return _refused(ports, f"Service of {server.id}", why, mark, _refs(server)), [hint]


def _through(context: Context, server: Workload, found: Sequence[_Found]) -> tuple[Question, list[str]]:
    service, published = found[0]
    backend = context.world.services.backend(service, published)
    more = f"; {len(found) - 1} more Services publish the port" if len(found) > 1 else ""
    note = f"by name: {service.metadata.name}.{service.metadata.namespace}.svc:{published.port}{more}"
    unread = _elsewhere(server, found)
    return Question(published.port, published.protocol, backend, by_name=True, unread=unread), [note]


def _beside(
    context: Context, question: Question, notes: list[str], service: Service, server: Workload, ports: PortRange
) -> tuple[Question, list[str]]:
    """What a further Service of the same workload changes that leads nowhere on this port.

    It is told. Where clients are left with a headless Service, and this one has an address, which of them is dialled
    is not known; a Service that publishes other ports of the pods only (their metrics) is none of these.
    """
    via = question.via
    if via is None:
        return question, notes
    key, name, own = _key(service), service.metadata.name, via.service.metadata.name
    if server in context.world.services.selected(service):
        if not via.headless or _headless(service) or _publishes(service, ports):
            return question, notes
        wrong = f"does not publish {ports}"
        if name != server.name and not own.startswith(f"{name}-"):
            return question, [*notes, f"Service {key} {wrong}"]
    elif belongs(context.world.services, service, server) and _publishes(service, ports):
        if _unread_pods(context, server) is not None:
            return question, notes
        wrong = "selects nobody"
    else:
        return question, notes
    unread = question.unread
    if via.headless and not _headless(service):
        what = f"Service {key} {wrong}, and the headless {own} leads to {server.id}: which one is dialled is not known"
        unread = unread or Unknown(Cause.NOT_ANSWERABLE, what, "name it in the client's variables, or say by: address")
    mark = question.mark or f"Service {key} {wrong}"
    beside = (*question.beside, _ref(service))
    return msgspec.structs.replace(question, unread=unread, mark=mark, beside=beside), [
        *notes,
        f"Service {key} {wrong}",
    ]


def _leads_nowhere(context: Context, service: Service | None, server: Workload, ports: PortRange) -> str:
    """Why a Service does not lead to the server's port; empty where there is none of that name."""
    if service is None:
        return ""
    if server in context.world.services.selected(service):
        published = ", ".join(f"{port.port}/{port.protocol}" for port in service.spec.ports) or "no port"
        return f"it publishes {published}, and does not publish {ports}"
    selector = ", ".join(f"{key}={value}" for key, value in sorted(service.spec.selector.items()))
    return f"its selector ({selector}) selects nobody"


def _mark(context: Context, service: Service, server: Workload, ports: PortRange) -> str:
    leads = server in context.world.services.selected(service)
    return f"Service {_key(service)} {f'does not publish {ports}' if leads else 'selects nobody'}"


_NO_NAME = "no Service has this name"


def _any_port(context: Context, server: Workload, ports: PortRange, published: Sequence[_Found]) -> list[_Found]:
    """Headless Services that select the server and do not publish the port: their names lead to the pods all the same."""
    services, known = context.world.services, {_key(service) for service, _ in published}
    return [
        (service, ServicePort(port=ports.low, protocol=ports.protocol))
        for service in services.within(server.namespace)
        if _headless(service) and server in services.selected(service) and _key(service) not in known
    ]


def _by_hand(context: Context, server: Workload, ports: PortRange) -> Service | None:
    """A Service without selector that publishes the port and has one of the server's pods among its endpoints."""
    world = context.world
    for service in world.services.within(server.namespace):
        for port in () if service.spec.selector else service.spec.ports:
            if port.port == ports.low and port.protocol == ports.protocol:
                backend = world.services.backend(service, port)
                holders = (world.holders.of(address) for address in backend.addresses)
                pods = {holder.pod.partition("/")[2] for holder in holders if holder is not None and holder.pod}
                if backend.unread is not None or pods & set(server.pod_names):
                    return service
    return None


def _refused(ports: PortRange, at: str, why: str, mark: str, refs: tuple[Ref, ...]) -> Question:
    hop = Hop(Layer.SERVICE, Outcome.BLOCKED, at, why, refs)
    return Question(ports.low, ports.protocol, None, by_name=False, nowhere=hop, mark=mark)


def _plain(ports: PortRange) -> Question:
    return Question(ports.low, ports.protocol, None, by_name=False)


def _headless(service: Service) -> bool:
    return service.spec.cluster_ip == "None"


def _publishes(service: Service, ports: PortRange) -> bool:
    return any(port.port == ports.low and port.protocol == ports.protocol for port in service.spec.ports)


def _key(service: Service) -> str:
    return f"{service.metadata.namespace}/{service.metadata.name}"


def _ref(service: Service) -> Ref:
    selector = ", ".join(f"{key}={value}" for key, value in sorted(service.spec.selector.items()))
    published = ", ".join(f"{port.port}/{port.protocol}" for port in service.spec.ports)
    return Ref(
        kinds.SERVICES.name, _key(service), "spec", f"selector {selector or 'none'}; ports {published or 'none'}"
    )


def _refs(server: Workload) -> tuple[Ref, ...]:
    return () if server.ref is None else (server.ref,)


def _unread_pods(context: Context, server: Workload) -> Unknown | None:
    """Why a Service may select pods that were not read."""
    return context.world.snapshot.missing(kinds.PODS, server.namespace)


def _elsewhere(workload: Workload, found: Sequence[_Found]) -> Unknown | None:
    """Why a further Service that publishes the port may answer otherwise than the first: it does not lead there."""
    first, *others = [
        (
            service.metadata.name,
            # Headless ones are no matter of kube-proxy's; among those with an address its policy counts.
            (
                service.spec.selector,
                _headless(service) or service.spec.internal_traffic_policy,
                target_port(port, workload),
            ),
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


# --- through a node ----------------------------------------------------------------------------


def _at_door(context: Context, workload: Workload, ports: PortRange, door: Door) -> tuple[Question, list[str]]:
    """The question by a node port or a load balancer; the port is the Service's, or the node port's own number."""
    services = context.world.services
    types = ("NodePort", "LoadBalancer") if door is Door.NODE else ("LoadBalancer",)
    any_type = [
        (service, port)
        for service in services.within(workload.namespace)
        if workload in services.selected(service)
        for port in service.spec.ports
        if ports.low in (port.port, port.node_port) and port.protocol == ports.protocol
    ]
    # One of another type has no such door, which is then what the way there says.
    missing = services.missing(workload.namespace)
    found = [pair for pair in any_type if pair[0].spec.type in types] or ([] if missing else any_type[:1])
    if not found:
        why = missing or Unknown(Cause.NOT_ANSWERABLE, f"no Service publishes {ports} of {workload.id}")
        return Question(ports.low, ports.protocol, None, by_name=False, unread=why, door=door), []
    service, published = min(found, key=lambda pair: pair[0].metadata.name)
    backend = services.backend(service, published)
    unread = None
    if len(found) > 1:
        what = f"{len(found)} Services publish {ports} of {workload.id} by {door.value}; which is dialled is not known"
        unread = Unknown(Cause.NOT_ANSWERABLE, what)
    note = f"by {door.value}: Service {backend.key}, port {published.port}, node port {published.node_port or 'none'}"
    return Question(published.port, published.protocol, backend, by_name=False, unread=unread, door=door), [note]
