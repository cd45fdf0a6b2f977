"""The cells of a reach requirement: each feasible pair of places with what happens between them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable
from functools import cached_property, partial

from clusterproof.checks.alike import Ask, Maker, layers_of
from clusterproof.checks.cell import Cell, Question, certain, occurrences
from clusterproof.checks.context import Context
from clusterproof.checks.fold import NOBODY, Asked, Between, Blocks, Flows, Fold
from clusterproof.checks.linklocal import local_hops, told_apart
from clusterproof.checks.names import Names
from clusterproof.checks.parties import Party
from clusterproof.checks.special import turned_back
from clusterproof.placement.places import Place
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.protocol import flow_of
from clusterproof.reach.service import NodeDoor, Via, service_hop, via_key
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace, unknown_hop
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.cells import Pair, forced_together, pairs, related
from clusterproof.world.model import Interface, NodeClass, Workload
from clusterproof.world.readable import OS
from clusterproof.world.services import Backend, Door
from clusterproof.world.world import World

__all__ = ["Asker", "Cell", "Question", "occurrences"]

_WINDOWS = Unknown(
    Cause.NOT_MODELLED,
    "Windows nodes are not modelled: their source ports differ, and the VPC CNI enforces no NetworkPolicy there",
)


class Asker:
    """Asks questions in one context, sharing what was already traced."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.paths = Paths(context.world)
        self.names = Names(context, self.paths)
        self._fold = Fold(context.world, self.paths.vpc)
        self._covered: dict[str, frozenset[str]] = {}
        self._asked_before: dict[Hashable, tuple[tuple[Place, ...], tuple[Place, ...], list[Cell]]] = {}

    def cells(self, client: Party, server: Party, question: Question) -> list[Cell]:
        """All cells of two parties, in the order of their places; the same ones where they were asked for before."""
        key = _same(client), _same(server), _again(question)
        if None in key:
            return self.fresh(client, server, question)
        found = self._asked_before.get(key)
        if found is None:
            # The places are kept beside, so that their ids are not used again.
            cells = self.fresh(client, server, question)
            found = self._asked_before[key] = client.places, server.places, cells
        return found[2]

    def fresh(self, client: Party, server: Party, question: Question) -> list[Cell]:
        """All cells of two parties, in the order of their places; nothing of them is kept."""
        blocks = self.blocks(client, server, question)
        if blocks is None:
            return self.singly(client, server, question)
        return self.traced(client, server, question, blocks)[1]

    def blocks(self, client: Party, server: Party, question: Question) -> Blocks | None:
        """The places of two parties, folded; the same object for the same places. None where they are asked singly."""
        if not self._foldable(client, server, question):
            return None
        asked = self._asked if question.by_name else NOBODY
        return self._fold.blocks(client.places, server.places, asked, self._flows(client, server, question))

    def traced(
        self, client: Party, server: Party, question: Question, blocks: Blocks
    ) -> tuple[dict[Hashable, Ask], list[Cell]]:
        """What was traced, by class of connections; and all cells of two parties, in the order of their places."""
        made = Maker(self, client, server, question)
        for here in blocks.clients:
            for there in blocks.servers:
                made.add(here, there)
        return made.firsts, certain(made.cells())

    def _flows(self, client: Party, server: Party, question: Question) -> Flows | None:
        """All that is sent to answer a question: to the server, and to the DNS pods; None where that is not so plain."""
        if client.sends is not None or client.called is not None or server.called is not None:
            return None
        numbers = {(question.port, question.protocol)}
        leads: list[tuple[Backend, Workload | None]] = []
        if question.via is not None:
            leads.append((question.via, server.workload))
        if question.by_name:
            if self.names.cache() is not None:
                return None
            leads += [(one, workload) for one in self.names.every_backend() for workload in one.workloads]
        for backend, workload in leads:
            number = service_hop(backend, workload, same_node=True)[1]
            numbers |= {(number, backend.port.protocol)} if number is not None else set()
        return frozenset(flow_of(protocol, number) for number, protocol in numbers)

    def between(self, clients: Iterable[Interface], servers: Iterable[Interface]) -> Between:
        """Which of some interfaces no rule can tell apart, as clients and as servers."""
        return self._fold.between(clients, servers)

    def _foldable(self, client: Party, server: Party, question: Question) -> bool:
        """Whether nothing but the node decides which places go together, and no other node is asked on the way."""
        if question.door is not Door.CLUSTER or (question.via is not None and question.via.local):
            return False
        # What is no node is few, and may be of another address family or send with the addresses of others.
        if any(_no_node(party) for party in (client, server)):
            return False
        world = self.context.world
        asked = self.names.workloads() if question.by_name else ()
        return not any(related(world, client.workload, one) for one in (server.workload, *asked))

    @cached_property
    def _asked(self) -> Asked:
        """Whom every client asks that dials a name: the DNS pods, and a cache on its own node."""
        places = (self.context.places(one).places for one in self.names.workloads())
        cache = self.names.cache()
        caches = self.context.places(cache).places if cache is not None else ()
        return Asked(tuple(place for found in places for place in found), caches)

    def singly(self, client: Party, server: Party, question: Question) -> list[Cell]:
        """The cells one by one, where the two are bound to each other or to a node."""
        places = told_apart(self.context.world, client, server, question)
        found = pairs(self.context.world, client.workload, server.workload, places, server.places)
        local = question.via is not None and question.via.local and question.door is Door.CLUSTER
        covered = self.covered(question.via) if question.via is not None and local else frozenset()
        if local:
            found = _local(found, covered, server)
        forced = forced_together(found)
        result: list[Cell] = []
        for pair in found:
            # Where the client's own node must answer, being on it is no accident.
            counts = forced or (local and not pair.apart)
            for together in (False, True):
                if not (pair.together if together else pair.apart):
                    continue
                for via, note in self._ways(pair, together, question):
                    trace = self.trace(client, server, pair.client, pair.server, question, via, same_node=together)
                    if question.by_name and question.unread is None:
                        name = self.names.hop(client.end(pair.client), pair.client, question.via)
                        trace = Trace((name, *trace.hops))
                    if note is not None:
                        trace = Trace((note, *trace.hops))
                    doubt = pair.client.doubt or pair.server.doubt
                    outcome = trace.outcome
                    # Under Local, a node where the server may not be has nobody who answers.
                    if doubt is not None and (
                        outcome is not Outcome.WORKS or (local and pair.server.doubt is not None)
                    ):
                        outcome = Outcome.UNKNOWN
                    result.append(
                        Cell(
                            client=pair.client,
                            server=pair.server,
                            ask=partial(_said, trace),
                            judged=trace.outcome,
                            layers=layers_of(trace.hops[question.by_name :]),
                            name=trace.hops[0].outcome if question.by_name else Outcome.WORKS,
                            unread=any(hop.unknown is not None for hop in trace.hops),
                            outcome=outcome,
                            together=together,
                            counts=counts or not together,
                            doubt=doubt,
                            clients=(pair.client,),
                            servers=(pair.server,),
                        )
                    )
        return certain(result)

    def covered(self, via: Backend) -> frozenset[str]:
        """The node classes that certainly have an endpoint on each node: a DaemonSet behind the Service is there."""
        if via.key not in self._covered:
            self._covered[via.key] = frozenset(
                place.node_class.id
                for workload in via.workloads
                if workload.every_node
                for place in self.context.places(workload).places
                if place.doubt is None and not place.stays
            )
        return self._covered[via.key]

    def _ways(self, pair: Pair, together: bool, question: Question) -> Iterable[tuple[Via | None, Hop | None]]:
        """Through what the pair may be connected: one way, or one for each node that may be dialled."""
        via = question.via
        if via is None or question.door is Door.CLUSTER:
            return ((via, None),)
        if question.door is Door.NODE:
            return self._doors(pair, together, via, own=question.own_endpoints)
        return (self._at_balancer(via, pair, together),)

    def _doors(self, pair: Pair, together: bool, via: Backend, *, own: bool) -> Iterable[tuple[NodeDoor, Hop | None]]:
        """Each node that may be dialled: the client's own, the server's own, any other; under Local ``own`` ones only."""
        local = via.service.spec.external_traffic_policy == "Local"
        covered = self.covered(via) if local else frozenset()
        for item in self.context.world.classes:
            if item.fargate:
                continue
            node = End(item.host, None, f"a node of {item.group}")
            windows = item.labels.get(OS) == "windows"
            note = unknown_hop(Layer.DATA_PLANE, "a Windows node", _WINDOWS) if windows else None
            for with_client, with_server in _roles(self.context.world, item, pair, together=together):
                if local and not with_server and (own or item.id in covered):
                    continue  # that node has an endpoint of its own, which is another cell, or is not dialled
                yield NodeDoor(via, node, with_client, with_server), note

    def _at_balancer(self, via: Backend, pair: Pair, together: bool) -> tuple[Via, Hop | None]:
        """The address of the load balancer, dialled from inside the cluster.

        kube-proxy takes connections to an ``ip`` of the balancer on the client's own node, as if they had gone out
        and come in again, unless ``ipMode`` is Proxy. A host name leads to the balancer itself.
        Source: Kubernetes documentation, "Service", "Specifying IPMode of load balancer status".
        """
        service, at = via.service, f"Service {via.key}"
        ways = service.status.load_balancer.ingress
        taken = next((item.ip for item in ways if item.ip and item.ip_mode != "Proxy"), "")
        own = End(pair.client.node_class.host, None, f"a node of {pair.client.node_class.group}")
        door = NodeDoor(via, own, with_client=True, with_server=together, balancer=taken)
        if service.spec.type != "LoadBalancer":
            text = f"it has no load balancer (type {service.spec.type})"
            return door, Hop(Layer.SERVICE, Outcome.BLOCKED, at, text, (via.ref,))
        name = next((item.hostname or item.ip for item in ways), "")
        if not name:
            unknown = Unknown(Cause.NOT_ANSWERABLE, f"the load balancer of Service {via.key} has no address yet")
        elif not taken:
            back = turned_back(self.context, via, together=together)
            if back is not None and not pair.client.node_class.fargate:
                return door, back
            what = f"connections to the load balancer {name} leave the cluster; what it does with them is not modelled"
            unknown = Unknown(Cause.NOT_MODELLED, what)
        elif self.context.world.plane.policies is not False:
            what = f"whether policies see the load balancer's address {taken} or the pod behind it is not modelled"
            unknown = Unknown(Cause.NOT_MODELLED, what)
        else:
            return door, None
        return door, unknown_hop(Layer.SERVICE, at, unknown)

    def trace(
        self,
        client: Party,
        server: Party,
        here: Place,
        there: Place,
        question: Question,
        via: Via | None,
        *,
        same_node: bool,
    ) -> Trace:
        """What happens between two places, the name apart."""
        if question.nowhere is not None:
            return Trace((question.nowhere,))
        one, other = client.end(here), server.end(there)
        trace = self.paths.connect(one, other, question.port, question.protocol, via=via, same_node=same_node)
        if server.address is not None:
            trace = Trace((*trace.hops, *local_hops(self.context.world, client, here, server, question)))
        if question.unread is not None:
            return Trace((unknown_hop(Layer.SERVICE, f"the Service of {server.text}", question.unread), *trace.hops))
        if "windows" in (here.node_class.labels.get(OS), there.node_class.labels.get(OS)):
            trace = Trace((*trace.hops, unknown_hop(Layer.DATA_PLANE, "a Windows node", _WINDOWS)))
        return trace


def _same(party: Party) -> Hashable | None:
    """What tells a party from others, as far as its cells go; None for what is no pod and no node, which is few."""
    if party.address is not None or party.called is not None or party.sends is not None:
        return None
    return party.text, party.workload.id if party.workload is not None else "", party.everywhere, id(party.places)


def _again(question: Question) -> Hashable | None:
    """What tells a question from others in one world; None where something about it is out of the ordinary."""
    if question.unread is not None or question.nowhere is not None:
        return None
    way = via_key(question.via)
    return question.port, question.protocol, way, question.by_name, question.door, question.own_endpoints


def _no_node(party: Party) -> bool:
    return party.address is not None or any(place.interface.managed for place in party.places[:1])


def _said(trace: Trace) -> Trace:
    return trace


def _local(found: list[Pair], covered: Collection[str], server: Party) -> list[Pair]:
    """Under internalTrafficPolicy Local the client's own node answers where a server is on every such node.

    Args:
        found: all pairs with one server.
        covered: node classes that certainly have an endpoint, of this server or another, on each node.
        server: whose pairs these are.
    """
    result: list[Pair] = []
    own = {pair.client.node_class.id for pair in found if pair.together and server.everywhere}
    for pair in found:
        if pair.client.node_class.id not in own and pair.client.node_class.id not in covered:
            result.append(pair)
        elif pair.together:
            result.append(Pair(pair.client, pair.server, apart=False, together=True))
    return result


def _roles(world: World, node: NodeClass, pair: Pair, *, together: bool) -> Iterable[tuple[bool, bool]]:
    """Whether the client, and whether the server, is on a node of a class that is dialled, as far as that can be."""
    here, there = pair.client.node_class, pair.server.node_class
    if together and node.id == here.id:
        yield True, True
    if not together:
        if node.id == here.id:
            yield True, False
        if node.id == there.id:
            yield False, True
    taken = (node.id == here.id) + (node.id == there.id and not together)
    group = world.groups.get(node.group)
    if len(node.nodes) > taken or not taken or (group is not None and group.can_grow):
        yield False, False
