"""Whether packets find their way between two ends, and back.

The most specific route that matches decides, for every address of the other
end by itself: a part of a subnet may go another way than the rest (Amazon VPC
User Guide, "Configure route tables", sections "Route priority" and "Subnet
route tables"). Both ways need a route.
"""

from __future__ import annotations

import msgspec

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.securitygroups import References, references_between, share
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.reach.transitgateways import Way, measured, through
from clusterproof.reach.vpc import Side, VpcView
from clusterproof.snapshot.aws import Route, RouteTable
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import ROUTE_TABLES


class Routed(msgspec.Struct, frozen=True):
    """The route there, the route back, and what the path does to rules that name groups.

    Attributes:
        arrives: some packets end in the VPC or a connected one, where groups and ACLs judge them again.
        there, back: the ways through transit gateways, of each direction.
    """

    hops: tuple[Hop, ...]
    references: References
    arrives: bool = True
    there: tuple[Way, ...] = ()
    back: tuple[Way, ...] = ()


class Part(msgspec.Struct, frozen=True):
    """Some of the destinations, and the route that they take.

    Attributes:
        route: None when no route matches.
        index: position of the route in its table.
        unknown: set when it cannot be told which route is taken.
    """

    addresses: AddressSet
    route: Route | None
    index: int = -1
    unknown: Unknown | None = None


class _Step(msgspec.Struct, frozen=True):
    """What becomes of one part: outcome, clause, what it does to group references; the way through a gateway."""

    outcome: Outcome
    text: str
    references: Outcome = Outcome.WORKS
    unknown: Unknown | None = None
    way: Way | None = None


class _Direction(msgspec.Struct, frozen=True):
    """One direction judged; ``arrives``: whether packets arrive in a VPC."""

    hop: Hop
    references: References
    arrives: bool = True
    ways: tuple[Way, ...] = ()


def route_hops(view: VpcView, client: Side, server: Side) -> list[Hop]:
    """The route there and the route back; see :func:`route` for what else the path decides."""
    return list(route(view, client, server).hops)


def route(view: VpcView, client: Side, server: Side) -> Routed:
    """Judge both directions; the references are those of the way there, which a first packet takes."""
    key = ("route", client, server)
    found: Routed | None = view.lasting.get(key)
    if found is None:
        found = view.lasting[key] = _route(view, client, server)
    return found


def _route(view: VpcView, client: Side, server: Side) -> Routed:
    if client.outside and server.outside:
        unknown = Unknown(Cause.NOT_MODELLED, "neither end is in a VPC that was read")
        return Routed((unknown_hop(Layer.ROUTE, "route", unknown),), References(Outcome.BLOCKED, unknown.detail))
    there = _direction(view, Layer.ROUTE, client, server)
    references = there.references
    if not client.outside and client.subnet == server.subnet and not isinstance(client.subnet, Unknown):
        return Routed((there.hop,), references)
    if server.outside and not there.arrives:
        # Replies come back through the gateway that the packets left by.
        return Routed((there.hop,), references, arrives=False)
    back = _direction(view, Layer.ROUTE_RETURN, server, client)
    for side, inside in ((client, back.arrives), (server, there.arrives)):
        if side.outside and inside:
            references = _nameless(side)
    return Routed((there.hop, back.hop), references, there=there.ways, back=back.ways)


def _direction(view: VpcView, layer: Layer, source: Side, target: Side) -> _Direction:
    """One direction, judged by the route table of the source's subnet."""
    references = references_between(view, source, target)
    if source.outside:
        what = f"what brings packets from {source.network} to {target.text} is not modelled"
        return _Direction(unknown_hop(layer, source.network, Unknown(Cause.NOT_MODELLED, what)), references)
    for side in (source, target):
        if isinstance(side.addresses, AddressSet) and not side.addresses:
            text = f"{side.subnet} has no IPv{side.family} addresses to give"
            return _Direction(Hop(layer, Outcome.BLOCKED, side.text, text, (_subnet_ref(side),)), references)
    if isinstance(source.subnet, Unknown):
        return _Direction(unknown_hop(layer, "route table", source.subnet), references)
    if not target.outside and source.subnet == target.subnet:
        text = "both are in one subnet: nothing is routed"
        return _Direction(Hop(layer, Outcome.WORKS, source.text, text, (_subnet_ref(source),)), references)
    table = view.route_table(source.subnet)
    if isinstance(table, Unknown):
        return _Direction(unknown_hop(layer, f"route table of {source.subnet}", table), references)
    at = f"{table.route_table_id} of {source.subnet}"
    if isinstance(target.addresses, Unknown):
        return _Direction(unknown_hop(layer, at, target.addresses), references)
    pairs = [pair for part in lookup(view, table, target.addresses) for pair in _steps(view, part, source, target)]
    parts, steps = tuple(part for part, _ in pairs), [step for _, step in pairs]
    ways = tuple(step.way for step in steps if step.way is not None)
    refs = (*dict.fromkeys(_route_ref(table, part) for part in parts), *(ref for way in ways for ref in way.refs))
    hop = _combined(layer, at, target, parts, steps, refs)
    arrives = any(
        part.route and (part.route.gateway_id == "local" or part.route.vpc_peering_connection_id) for part in parts
    ) or any(way.outcome is Outcome.WORKS for way in ways)
    return _Direction(
        hop, _references(references, parts, steps, outside=target.outside), arrives or not target.outside, ways
    )


def lookup(view: VpcView, table: RouteTable, destinations: AddressSet) -> tuple[Part, ...]:
    """Split destinations by the route that each takes, most specific first; what no route matches comes last.

    Of equal destinations a static route comes before one with a prefix list,
    and that before one to a virtual private gateway, which is how propagated
    routes look.
    """
    key = ("lookup", id(table), destinations)
    held: tuple[RouteTable, tuple[Part, ...]] | None = view.lasting.get(key)
    if held is None:
        # The table is kept beside, so that its id is not used again.
        held = view.lasting[key] = table, _looked_up(view, table, destinations)
    return held[1]


def _looked_up(view: VpcView, table: RouteTable, destinations: AddressSet) -> tuple[Part, ...]:
    candidates, unread = _ranked(view, table)
    parts: dict[int, AddressSet] = {}
    rest = destinations
    for index, block in candidates:
        if not rest:
            break
        hit = rest & block
        if hit:
            parts[index] = parts.get(index, AddressSet()) | hit
            rest = rest - hit
    answer = [Part(addresses, table.routes[index], index) for index, addresses in parts.items()]
    if rest:
        answer.append(Part(rest, None))
    return tuple(_doubted(part, table, unread) for part in answer)


_Ranked = tuple[list[tuple[int, AddressSet]], list[tuple[int, Unknown]]]


def _ranked(view: VpcView, table: RouteTable) -> _Ranked:
    """A table's destinations, each with the route's position, in the order in which they win; and what was not read."""
    key = ("ranked", id(table))
    held: tuple[RouteTable, _Ranked] | None = view.lasting.get(key)
    if held is not None:
        return held[1]
    candidates: list[tuple[int, int, int, AddressSet]] = []
    unread: list[tuple[int, Unknown]] = []
    for index, item in enumerate(table.routes):
        found = _destinations(view, item)
        if isinstance(found, Unknown):
            unread.append((index, found))
            continue
        for length, block in found:
            candidates.append((-length, _rank(item), index, block))
    candidates.sort(key=lambda item: item[:3])
    result = [(index, block) for _, _, index, block in candidates], unread
    # The table is kept beside, so that its id is not used again.
    view.lasting[key] = (table, result)
    return result


def _doubted(part: Part, table: RouteTable, unread: list[tuple[int, Unknown]]) -> Part:
    """The part, or unknown where a prefix list that was not read may hold a more specific route.

    Only a network interface, a NAT gateway or an endpoint may take traffic
    from the local route (same page, "Routes"); a prefix list that leads to a
    gateway endpoint holds public addresses, so local traffic is not in doubt.
    """
    for index, unknown in unread:
        other = table.routes[index]
        local = part.route is not None and part.route.gateway_id == "local"
        if not local or other.network_interface_id or other.instance_id or other.nat_gateway_id:
            return Part(part.addresses, other, index, unknown)
    return part


def _destinations(view: VpcView, item: Route) -> list[tuple[int, AddressSet]] | Unknown:
    """(prefix length, addresses) of each block that a route is for."""
    texts: tuple[str, ...]
    if item.destination_prefix_list_id:
        entries = view.prefix_list(item.destination_prefix_list_id)
        if isinstance(entries, Unknown):
            return entries
        texts = entries.cidrs()
    else:
        texts = tuple(text for text in (item.destination_cidr_block, item.destination_ipv6_cidr_block) if text)
    return measured(texts)


def _rank(item: Route) -> int:
    if item.gateway_id.startswith("vgw-"):
        return 2
    return 1 if item.destination_prefix_list_id else 0


def _steps(view: VpcView, part: Part, source: Side, target: Side) -> list[tuple[Part, _Step]]:
    """What becomes of a part, which a transit gateway's own table may divide further."""
    item = part.route
    if item is None or not item.transit_gateway_id or part.unknown or item.state == "blackhole":
        return [(part, _step(view, part, source, target))]
    found = []
    for way in through(view, item.transit_gateway_id, source, target, part.addresses):
        local = _all_local(view, way)
        if local is not None:
            text = f"{way.text}, and from there on it is not known: {local.detail}"
            way = msgspec.structs.replace(way, outcome=Outcome.UNKNOWN, text=text, unknown=local)  # noqa: PLW2901
        step = _Step(way.outcome, way.text, way.references.outcome, way.unknown, way)
        found.append((msgspec.structs.replace(part, addresses=way.addresses), step))
    return found


def _all_local(view: VpcView, way: Way) -> Unknown | None:
    """Why packets may not go on from the gateway's interfaces, which are routed by their own subnets' tables."""
    for subnet in way.exits:
        table = view.route_table(subnet)
        if isinstance(table, Unknown):
            return table
        for part in lookup(view, table, way.addresses):
            if part.route is None or part.route.gateway_id != "local" or part.unknown:
                where = target_text(part.route) if part.route is not None else "nothing"
                what = f"{table.route_table_id} of {subnet} leads {part.addresses} to {where}"
                return Unknown(Cause.NOT_MODELLED, what)
    return None


def _step(view: VpcView, part: Part, source: Side, target: Side) -> _Step:
    """What the part's route does with packets from source to target."""
    item = part.route
    if part.unknown:
        text = f"which route is taken is not known: {part.unknown.detail}"
        return _Step(Outcome.UNKNOWN, text, Outcome.UNKNOWN, part.unknown)
    if item is None:
        return _Step(Outcome.BLOCKED, "has no route")
    if item.state == "blackhole":
        return _Step(Outcome.BLOCKED, f"goes to {target_text(item)}, which is gone (blackhole)")
    if item.gateway_id == "local":
        if isinstance(source.vpc, str) and isinstance(target.vpc, str) and target.vpc and source.vpc != target.vpc:
            return _Step(Outcome.BLOCKED, f"stays in {source.vpc}, whose addresses it shares with {target.vpc}")
        return _Step(Outcome.WORKS, "stays in the VPC (local route)")
    if item.vpc_peering_connection_id:
        return _peering_step(view, item.vpc_peering_connection_id, source, target)
    if item.network_interface_id or item.instance_id or _is_endpoint(item):
        if _is_endpoint(item) and item.destination_prefix_list_id:
            return _Step(Outcome.WORKS, f"goes to an AWS service through gateway endpoint {item.gateway_id}")
        return _not_modelled(
            f"goes through the middlebox {target_text(item)}, and what that lets through is not modelled",
            Outcome.BLOCKED,
        )
    if item.egress_only_internet_gateway_id or (item.gateway_id.startswith("igw-") and target.family == 6):
        return _Step(Outcome.WORKS, f"leaves through {target_text(item)}", Outcome.BLOCKED)
    if item.gateway_id.startswith("igw-"):
        return _not_modelled(
            f"leaves through {item.gateway_id}, which needs a public address on the interface: not modelled",
            Outcome.BLOCKED,
        )
    if item.nat_gateway_id:
        return _not_modelled(
            f"leaves through {item.nat_gateway_id}, which translates the source; its own subnet is not modelled",
            Outcome.BLOCKED,
        )
    return _not_modelled(f"goes to {target_text(item)}, which is not modelled", Outcome.UNKNOWN)


def _not_modelled(text: str, references: Outcome) -> _Step:
    return _Step(Outcome.UNKNOWN, text, references, Unknown(Cause.NOT_MODELLED, text))


def _is_endpoint(item: Route) -> bool:
    return item.gateway_id.startswith("vpce-")


def _peering_step(view: VpcView, peering_id: str, source: Side, target: Side) -> _Step:
    """A peering joins exactly its two VPCs, while it is active (Amazon VPC Peering Guide, "VPC peering basics")."""
    peering = view.peering(peering_id)
    if isinstance(peering, Unknown):
        return _Step(Outcome.UNKNOWN, f"goes to {peering_id}: {peering.detail}", Outcome.UNKNOWN, peering)
    if peering.status.code != "active":
        return _Step(Outcome.BLOCKED, f"goes to {peering_id}, which is {peering.status.code or 'not active'}")
    ends = {peering.requester_vpc_info.vpc_id, peering.accepter_vpc_info.vpc_id}
    for side in (source, target):
        if isinstance(side.vpc, str) and side.vpc and side.vpc not in ends:
            text = f"goes to {peering_id}, which joins {' and '.join(sorted(ends))}, not {side.vpc}"
            return _Step(Outcome.BLOCKED, text)
    return _Step(Outcome.WORKS, f"goes to the peered VPC through {peering_id}")


def target_text(item: Route) -> str:
    """The id of what a route leads to."""
    return (
        item.nat_gateway_id
        or item.network_interface_id
        or item.instance_id
        or item.transit_gateway_id
        or item.vpc_peering_connection_id
        or item.egress_only_internet_gateway_id
        or item.local_gateway_id
        or item.carrier_gateway_id
        or item.core_network_arn
        or item.gateway_id
        or "a target that is not named"
    )


def _combined(
    layer: Layer, at: str, target: Side, parts: tuple[Part, ...], steps: list[_Step], refs: tuple[Ref, ...]
) -> Hop:
    """The hop for all parts: which addresses come up is nobody's choice, so a broken part makes it vary."""
    if len(steps) == 1:
        step = steps[0]
        return Hop(layer, step.outcome, at, f"{target.text} {step.text}", refs, step.unknown)
    outcomes = {step.outcome for step in steps}
    whole = sum(part.addresses.size for part in parts)
    text = "; ".join(
        f"{part.addresses} ({share(part.addresses.size, whole)}) {step.text}"
        for part, step in zip(parts, steps, strict=True)
    )
    unknown = None
    if outcomes in ({Outcome.WORKS}, {Outcome.BLOCKED}):
        outcome = outcomes.pop()
    elif Outcome.BLOCKED in outcomes:
        outcome = Outcome.VARIES
    else:
        outcome = Outcome.UNKNOWN
        unknown = next(step.unknown for step in steps if step.unknown)
    return Hop(layer, outcome, at, f"{target.text}: {text}", refs, unknown)


def _references(base: References, parts: tuple[Part, ...], steps: list[_Step], *, outside: bool) -> References:
    """What the path leaves of group references: "this does not allow traffic to flow" through a middlebox.

    Source: Amazon VPC User Guide, "Security group referencing", Limitation.
    """
    across = [step.way.references for step in steps if step.way is not None]
    if across and base.outcome in (Outcome.WORKS, Outcome.BLOCKED) and not outside:
        if len(across) == len(steps) and len({item.outcome for item in across}) == 1:
            return across[0]
        why = "only a part of the addresses goes where group references are known to match"
        return References(Outcome.UNKNOWN, why, Unknown(Cause.NOT_MODELLED, why))
    if base.outcome is not Outcome.WORKS:
        return base
    lost = [(part, step) for part, step in zip(parts, steps, strict=True) if step.references is not Outcome.WORKS]
    if not lost:
        return base
    part, step = lost[0]
    name = target_text(part.route) if part.route else "the path"
    if any(step.references is Outcome.UNKNOWN for _, step in lost):
        why = f"group references may not match across {name}"
        return References(Outcome.UNKNOWN, why, step.unknown or Unknown(Cause.NOT_MODELLED, why))
    why = f"group references do not match through {name}"
    if len(lost) == len(parts):
        return References(Outcome.BLOCKED, why)
    return References(Outcome.VARIES, f"{part.addresses} goes through {name}, where group references do not match")


def _nameless(side: Side) -> References:
    """For an address inside a VPC whose interface, and so whose groups, the question does not tell."""
    why = f"which interface has {side.network}, and with which groups, is not known"
    return References(Outcome.UNKNOWN, why, Unknown(Cause.NOT_COLLECTED, why))


def _subnet_ref(side: Side) -> Ref:
    return Ref("subnets", str(side.subnet), "CidrBlock", side.network)


def _route_ref(table: RouteTable, part: Part) -> Ref:
    if part.route is None:
        return Ref(ROUTE_TABLES.name, table.route_table_id, "Routes", f"no route to {part.addresses}")
    item = part.route
    destination = item.destination_cidr_block or item.destination_ipv6_cidr_block or item.destination_prefix_list_id
    return Ref(ROUTE_TABLES.name, table.route_table_id, f"Routes[{part.index}]", f"{destination} → {target_text(item)}")
