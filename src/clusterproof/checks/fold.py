"""Places folded by the rules that can see them: what no loaded rule can tell apart is judged once.

Two interfaces are one class, as clients of some servers or as servers of some clients, when every rule that their
connections can meet reads the same of both: the rules of their own groups, the rules of the other side's groups that
name theirs, and where their subnets' addresses lie among the address blocks that any of these rules, the network ACLs
or the NetworkPolicies name. What was not read, what another VPC is in the way of, and what a block cuts in two is a
class of its own (docs/design.md, rule 8). Outcomes are shared within a class; the words of a trace never are.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import NamedTuple

import msgspec

from clusterproof.checks.subnets import Subnets
from clusterproof.placement.places import Place
from clusterproof.reach.protocol import Flow, matches
from clusterproof.reach.securitygroups import Rule, group_rules
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot.fields import Unknown
from clusterproof.world.model import Interface
from clusterproof.world.readable import OS
from clusterproof.world.world import World

Flows = frozenset[Flow]
"""What is sent, as security groups read it."""


class Block:
    """Places of one party that belong to one node group, carry the same groups, and are one class.

    Attributes:
        places: in the party's order; at least one.
        order: their positions among all the party's places.
        token: the class; equal tokens of one side have equal outcomes.
        subnets: ids, or why one is not known.
        classes: how many of the places are of each node class, by id.
    """

    __slots__ = ("_by_subnet", "classes", "order", "places", "subnets", "token")

    def __init__(self, places: tuple[Place, ...], order: tuple[int, ...], token: Hashable) -> None:
        self.places = places
        self.order = order
        self.token = token
        self.subnets = frozenset(place.interface.subnet for place in places)
        self.classes = Counter(place.node_class.id for place in places)
        self._by_subnet: tuple[Block, ...] | None = None

    @property
    def by_subnet(self) -> tuple[Block, ...]:
        """The same places, a block for each subnet."""
        if self._by_subnet is None:
            found: dict[object, list[int]] = {}
            for number, place in enumerate(self.places):
                found.setdefault(place.interface.subnet, []).append(number)
            self._by_subnet = tuple(
                Block(
                    tuple(self.places[number] for number in numbers),
                    tuple(self.order[number] for number in numbers),
                    self.token,
                )
                for numbers in found.values()
            )
        return self._by_subnet


class Blocks(NamedTuple):
    """The places of two parties, folded against each other; each in the order of its first place."""

    clients: tuple[Block, ...]
    servers: tuple[Block, ...]


def _blocks(places: tuple[Place, ...], classed: dict[Hashable, Hashable], asked: Asked) -> tuple[Block, ...]:
    found: dict[Hashable, tuple[Hashable, list[int]]] = {}
    for number, place in enumerate(places):
        node_class, interface = place.node_class, place.interface
        windows = node_class.labels.get(OS) == "windows"
        token = (classed[read_of(interface)], place.doubt, windows, node_class.pod_network is None, asked.token(place))
        key = (node_class.group, interface.security_groups, token)
        found.setdefault(key, (token, []))[1].append(number)
    return tuple(
        Block(tuple(places[number] for number in numbers), tuple(numbers), token) for token, numbers in found.values()
    )


class Asked:
    """Whom each client asks besides its server, whatever that is.

    Attributes:
        places: of servers anywhere.
    """

    def __init__(self, places: tuple[Place, ...], caches: Iterable[Place] = ()) -> None:
        """Index them.

        Args:
            places: of servers anywhere.
            caches: of servers that a client asks on its own node.
        """
        self.places = places
        self._classes = {place.node_class.id for place in places}
        self._subnets = {place.interface.subnet for place in places}
        self._caches: dict[str, list[Unknown | None]] = {}
        for place in caches:
            self._caches.setdefault(place.node_class.id, []).append(place.doubt)

    def token(self, place: Place) -> Hashable:
        """What tells a client's place apart from others of its class: a shared node or subnet, a cache on the node."""
        one, subnet = place.node_class.id, place.interface.subnet
        near = (one, subnet) if one in self._classes or subnet in self._subnets else None
        return near, tuple(self._caches.get(one, ()))


NOBODY = Asked(())


class Fold:
    """Folds interfaces in one world; remembers what it read of rules and subnets."""

    def __init__(self, world: World, view: VpcView) -> None:
        self._world = world
        self._view = view
        self._blocks: dict[tuple[int, int, int, Flows | None], tuple[object, Blocks]] = {}
        self._between: dict[Hashable, Between] = {}

    def blocks(
        self, clients: tuple[Place, ...], servers: tuple[Place, ...], asked: Asked = NOBODY, flows: Flows | None = None
    ) -> Blocks:
        """The places of a client and of a server, folded against each other.

        Args:
            clients: of one party.
            servers: of one party.
            asked: whom each client asks besides.
            flows: all that is sent; None: anything may be.
        """
        key = (id(clients), id(servers), id(asked), flows)
        found = self._blocks.get(key)
        if found is None:
            here = (place.interface for place in clients)
            between = self.between(here, (place.interface for place in (*servers, *asked.places)), flows)
            blocks = Blocks(_blocks(clients, between.client, asked), _blocks(servers, between.server, NOBODY))
            # The places are kept beside, so that their ids are not used again.
            found = self._blocks[key] = ((clients, servers, asked), blocks)
        return found[1]

    def between(
        self, clients: Iterable[Interface], servers: Iterable[Interface], flows: Flows | None = None
    ) -> Between:
        """The classes of some interfaces as clients, and of others as their servers, for some flows or for all."""
        here, there = ({read_of(item): item for item in items} for items in (clients, servers))
        key = (tuple(here), tuple(there), flows)
        found = self._between.get(key)
        if found is None:
            found = self._between[key] = Between(
                self._world, self._view, tuple(here.values()), tuple(there.values()), flows
            )
        return found


def read_of(item: Interface) -> Interface:
    """An interface without its evidence, which no rule reads."""
    return msgspec.structs.replace(item, refs=())


class Between:
    """The classes of interfaces that may connect.

    Attributes:
        client, server: the class of each interface on its side, by :func:`read_of`.
    """

    def __init__(
        self,
        world: World,
        view: VpcView,
        clients: tuple[Interface, ...],
        servers: tuple[Interface, ...],
        flows: Flows | None,
    ) -> None:
        self._view = view
        self._family = world.family
        here, there = _Reads(clients), _Reads(servers)
        sent = {group: _about(view, group, flows, egress=True) for group in here.groups}
        received = {group: _about(view, group, flows, egress=False) for group in there.groups}
        self._unread = {group for rules in (sent, received) for group, (_, unread) in rules.items() if unread}
        outbound = [rule for rules, _ in sent.values() for rule in rules]
        inbound = [rule for rules, _ in received.values() for rule in rules]
        subnets = here.subnets | there.subnets
        self._places = Subnets(world, view, subnets, (*outbound, *inbound))
        self.client = self._classes(clients, _own(sent, there), _mentions(inbound))
        self.server = self._classes(servers, _own(received, here), _mentions(outbound))

    def _classes(
        self,
        interfaces: Iterable[Interface],
        own: dict[str, frozenset[Hashable]],
        named: dict[str, frozenset[Hashable]],
    ) -> dict[Hashable, Hashable]:
        made: dict[Hashable, Hashable] = {}

        def side(groups: tuple[str, ...] | Unknown, subnet: str | Unknown) -> Hashable:
            key = (groups, subnet)
            if key not in made:
                made[key] = key
                where = None if isinstance(subnet, Unknown) else self._places.known.get(subnet)
                if where is not None and isinstance(groups, tuple) and groups and self._unread.isdisjoint(groups):
                    rules = frozenset().union(*(own[group] for group in groups))
                    peers = frozenset().union(*(named.get(group, frozenset()) for group in groups))
                    made[key] = (rules, peers, where)
            return made[key]

        numbers: dict[Hashable, int] = {}
        result: dict[Hashable, Hashable] = {}
        for item in interfaces:
            # Whatever else there is of an interface, today and later, tells it apart.
            rest = msgspec.structs.replace(
                item, security_groups=(), subnet="", node_security_groups=(), node_subnet="", refs=()
            )
            token = (
                rest,
                side(item.security_groups, item.subnet),
                side(item.node_security_groups, item.node_subnet),
            )
            result[read_of(item)] = numbers.setdefault(token, len(numbers))
        return result


def _about(
    view: VpcView, group: str, flows: Flows | None, *, egress: bool
) -> tuple[tuple[Rule, ...], tuple[Unknown, ...]]:
    """A group's rules, less those that are about none of the flows; and what could not be read of them."""
    rules, unread = group_rules(view, group, egress=egress)
    if flows is None:
        return rules, unread
    return tuple(
        rule for rule in rules if any(matches(rule.protocol, rule.low, rule.high, one) for one in flows)
    ), unread


class _Reads:
    """The groups and subnets of some interfaces, those of their nodes included; ``unread``: one may carry any group."""

    def __init__(self, interfaces: Iterable[Interface]) -> None:
        self.unread = False
        self.groups: set[str] = set()
        self.subnets: set[str] = set()
        for item in interfaces:
            for groups in (item.security_groups, item.node_security_groups):
                if isinstance(groups, tuple):
                    self.groups.update(groups)
                self.unread |= not isinstance(groups, tuple)
            self.subnets.update(subnet for subnet in (item.subnet, item.node_subnet) if isinstance(subnet, str))


def _own(
    rules: dict[str, tuple[tuple[Rule, ...], tuple[Unknown, ...]]], others: _Reads
) -> dict[str, frozenset[Hashable]]:
    """By group: what its rules admit, less those that name a group which the other side surely does not carry."""
    return {
        group: frozenset(
            (rule.protocol, rule.low, rule.high, rule.kind, rule.source)
            for rule in found
            if rule.kind != "group" or others.unread or rule.source in others.groups
        )
        for group, (found, _) in rules.items()
    }


def _mentions(rules: Iterable[Rule]) -> dict[str, frozenset[Hashable]]:
    """By group: the other side's rules that name it."""
    found: dict[str, set[Hashable]] = {}
    for rule in rules:
        if rule.kind == "group":
            found.setdefault(rule.source, set()).add((rule.group_id, rule.protocol, rule.low, rule.high))
    return {group: frozenset(mentions) for group, mentions in found.items()}
