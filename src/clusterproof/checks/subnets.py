"""Where subnets lie among the address blocks that rules name: those that no rule tells apart are one class."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Hashable, Iterable
from typing import NamedTuple

from clusterproof.reach.addresses import AddressError, AddressSet, parse_cidr
from clusterproof.reach.securitygroups import Rule
from clusterproof.reach.transitgateways import whereabouts
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import NetworkAcl, RouteTable
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import NetworkPolicy
from clusterproof.snapshot.snapshot import Table
from clusterproof.world.world import World


class Subnets:
    """Where subnets lie among the blocks that rules name.

    Attributes:
        known: the class of each subnet that has one; a subnet that is missing here stands for itself.
    """

    def __init__(self, world: World, view: VpcView, subnets: Iterable[str], rules: Iterable[Rule]) -> None:
        asked = frozenset(subnets)
        sources = frozenset((rule.kind, rule.source) for rule in rules if rule.kind != "group")
        edges = None if _other_policies(world) else _policy_edges(world)
        self.known: dict[str, Hashable] = {}
        if edges is not None:
            key = ("subnets", asked, sources, edges[world.family], world.family)
            found: dict[str, Hashable] | None = view.lasting.get(key)
            if found is None:
                found = view.lasting[key] = _known(view, asked, sources, edges[world.family], world.family)
            self.known = found


def _known(
    view: VpcView,
    subnets: frozenset[str],
    sources: Iterable[tuple[str, str]],
    edges: Iterable[int],
    family: int,
) -> dict[str, Hashable]:
    """The class of each subnet that has one.

    Args:
        view: the VPCs.
        subnets: ids.
        sources: the blocks and prefix lists that rules name, each with its kind.
        edges: where blocks of policies begin, or have just ended.
        family: 4 or 6.
    """
    facts = {subnet: _facts(view, subnet, family) for subnet in subnets}
    if len({fact.vpc for fact in facts.values()}) > 1:
        return {}
    blocks: set[AddressSet] = set()
    try:
        for kind, source in sources:
            if kind == "cidr":
                blocks.add(AddressSet.of(source))
            elif kind == "prefix-list":
                found = view.prefix_list(source)
                if isinstance(found, Unknown):
                    return {}
                blocks.add(found)
        for acl in {fact.acl.network_acl_id: fact.acl for fact in facts.values() if fact.acl is not None}.values():
            blocks |= _acl_blocks(view, acl)
    except AddressError:
        return {}
    cuts = sorted({*edges, *(edge for block in blocks for edge in _edges(block, family))})
    tables = {fact.table.route_table_id: fact.table for fact in facts.values() if fact.table is not None}
    known: dict[str, Hashable] = {}
    for subnet, fact in facts.items():
        if fact.where is None:
            continue
        inside = {bisect_right(cuts, edge) for span in fact.spans for edge in span}
        if len(inside) == 1 and all(_stays(view, fact, one) for one in tables.values()):
            known[subnet] = (*fact.where[:2], inside.pop(), fact.where[2])
    return known


class _Facts(NamedTuple):
    """What rules read of a subnet, whichever they are.

    Attributes:
        vpc: its id, or why that is not known.
        acl, table: None where they are not known.
        addresses: all that it may hand out; none where they are not known.
        spans: the same, from the first to the last.
        where: ACL, route table, and what else tells it from others; None where any of this is not known.
    """

    vpc: str | Unknown
    acl: NetworkAcl | None
    table: RouteTable | None
    addresses: AddressSet
    spans: tuple[tuple[int, int], ...]
    where: tuple[str, str, str] | None


def _facts(view: VpcView, subnet: str, family: int) -> _Facts:
    key = ("facts", subnet, family)
    found: _Facts | None = view.lasting.get(key)
    if found is None:
        found = view.lasting[key] = _made(view, subnet, family)
    return found


def _made(view: VpcView, subnet: str, family: int) -> _Facts:
    side = view.side((), subnet, family)
    own, its = view.acl(subnet), view.route_table(subnet)
    acl = None if isinstance(own, Unknown) else own
    table = None if isinstance(its, Unknown) else its
    addresses = AddressSet() if isinstance(side.addresses, Unknown) else side.addresses
    where = None
    if acl is not None and table is not None and not isinstance(side.vpc, Unknown) and addresses:
        where = acl.network_acl_id, table.route_table_id, whereabouts(view, subnet, table)
    return _Facts(side.vpc, acl, table, addresses, addresses.v4 if family == 4 else addresses.v6, where)


def _acl_blocks(view: VpcView, acl: NetworkAcl) -> frozenset[AddressSet]:
    """The blocks that an ACL's entries name.

    Raises:
        AddressError: one of them is none.
    """
    key = ("acl blocks", id(acl))
    # The ACL is kept beside, so that its id is not used again.
    found: tuple[NetworkAcl, frozenset[AddressSet]] | None = view.lasting.get(key)
    if found is None:
        blocks = frozenset(AddressSet.of(entry.cidr_block or entry.ipv6_cidr_block) for entry in acl.entries)
        found = view.lasting[key] = (acl, blocks)
    return found[1]


def _edges(block: AddressSet, family: int) -> Iterable[int]:
    for first, last in block.v4 if family == 4 else block.v6:
        yield first
        yield last + 1


def _local(view: VpcView, table: RouteTable) -> tuple[AddressSet, AddressSet]:
    """The destinations of a table's local routes, and those of others that may be as specific as one of them."""
    key = ("local", id(table))
    found: tuple[RouteTable, AddressSet, AddressSet] | None = view.lasting.get(key)
    if found is None:
        # The table is kept beside, so that its id is not used again.
        found = view.lasting[key] = (table, *_split(view, table))
    return found[1], found[2]


def _stays(view: VpcView, fact: _Facts, table: RouteTable) -> bool:
    """Whether a table sends all that goes to a subnet's addresses by its local routes."""
    key = ("stays", fact.addresses, id(table))
    found: bool | None = view.lasting.get(key)
    if found is None:
        local, others = _local(view, table)  # which keeps the table
        found = local.covers(fact.addresses) == "all" and not fact.addresses & others
        view.lasting[key] = found
    return found


def _split(view: VpcView, table: RouteTable) -> tuple[AddressSet, AddressSet]:
    local, others = AddressSet(), AddressSet()
    blocks: list[tuple[int, AddressSet]] = []
    shortest = 128
    for item in table.routes:
        if item.destination_prefix_list_id:
            found = view.prefix_list(item.destination_prefix_list_id)
            if isinstance(found, Unknown):
                return AddressSet(), AddressSet()
            texts: tuple[str, ...] = found.cidrs()
        else:
            texts = tuple(text for text in (item.destination_cidr_block, item.destination_ipv6_cidr_block) if text)
        for text in texts:
            try:
                family, first, last = parse_cidr(text)
            except AddressError:
                return AddressSet(), AddressSet()
            length = (32 if family == 4 else 128) - (last - first).bit_length()
            if item.gateway_id == "local" and item.state != "blackhole":
                local |= AddressSet.of(text)
                shortest = min(shortest, length)
            else:
                blocks.append((length, AddressSet.of(text)))
    for length, block in blocks:
        if length >= shortest:
            others |= block
    return local, others


def _policy_edges(world: World) -> dict[int, frozenset[int]] | None:
    """Where address blocks of NetworkPolicies begin and end, by family; None where one cannot be read."""
    table = world.snapshot.tables.get(kinds.NETWORK_POLICIES.name)
    return {4: frozenset(), 6: frozenset()} if table is None else table.derived(_edges_of)


def _edges_of(table: Table[NetworkPolicy]) -> dict[int, frozenset[int]] | None:
    found: dict[int, set[int]] = {4: set(), 6: set()}
    texts: set[str] = set()
    for policy in table.objects:
        peers = [peer for rule in policy.spec.ingress for peer in rule.from_]
        peers += [peer for rule in policy.spec.egress for peer in rule.to]
        for block in (peer.ip_block for peer in peers if peer.ip_block is not None):
            texts.update((block.cidr, *block.except_))
    for text in texts:
        try:
            family, first, last = parse_cidr(text)
        except AddressError:
            return None
        found[family] |= {first, last + 1}
    return {family: frozenset(edges) for family, edges in found.items()}


def _other_policies(world: World) -> bool:
    """Whether policies of other kinds may name addresses: nothing is read of those here."""
    return any(world.snapshot.objects(kind) for kind in kinds.OTHER_POLICIES)
