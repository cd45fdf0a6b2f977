"""What stands in the way of a leg, layer by layer, in the terms in which that layer can be changed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from clusterproof.checks.cells import Asker
from clusterproof.fixes.legs import FAILING, Leg
from clusterproof.reach.ends import End
from clusterproof.reach.networkacls import LAYERS, acl_hops, judge
from clusterproof.reach.policies import before_network_policies
from clusterproof.reach.protocol import Ports, flow_of
from clusterproof.reach.routes import route
from clusterproof.reach.securitygroups import group_egress, group_ingress
from clusterproof.reach.sourcenat import sources
from clusterproof.reach.trace import Hop, Layer, Outcome
from clusterproof.reach.vpc import Side, VpcView
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import OTHER_POLICIES, SUBNETS
from clusterproof.world.services import Backend

POLICY = (Layer.POLICY_EGRESS, Layer.POLICY_INGRESS)
VPC = (Layer.GROUP_EGRESS, Layer.GROUP_INGRESS, *LAYERS)


class GroupNeed(msgspec.Struct, frozen=True):
    """A security group must let something in or out.

    Attributes:
        egress: whether the client's groups refuse, else the server's.
        own: groups of which one gets the rule, sorted.
        peers: groups that the rule may name; empty where a rule that names a group would not match.
        cidrs: the other end's addresses, where no group can be named.
        low, high: ports.
    """

    egress: bool
    own: tuple[str, ...]
    peers: tuple[str, ...]
    cidrs: tuple[str, ...]
    protocol: str
    low: int
    high: int
    family: int


class AclNeed(msgspec.Struct, frozen=True):
    """A network ACL must let packets through one way.

    Attributes:
        egress: out of the subnet, else into it.
        cidrs: the other end's addresses.
        ports: destination ports of the packets (the client's source ports for replies).
        below: the rule number that denies, so that the new one must be lower.
    """

    acl_id: str
    egress: bool
    cidrs: tuple[str, ...]
    protocol: str
    ports: Ports
    below: int


class PolicyNeed(msgspec.Struct, frozen=True):
    """NetworkPolicies must admit something.

    Attributes:
        egress: the client's policies refuse, else the server's.
        subject: whose policies they are.
        peer: the other end.
        via: the Service that is dialled (the VPC CNI judges egress before translation).
        cidrs: of the peer's subnet, for a peer on the host network, which no selector matches.
    """

    egress: bool
    subject: End
    peer: End
    via: Backend | None
    protocol: str
    low: int
    high: int
    cidrs: tuple[str, ...]


Need = GroupNeed | AclNeed | PolicyNeed


class Needs(msgspec.Struct, frozen=True):
    """What some legs need.

    Attributes:
        needs: each once, ports of one range joined.
        stuck: refusing hops that nothing here can mend.
    """

    needs: tuple[Need, ...]
    stuck: tuple[Hop, ...]


def needs_of(asker: Asker, legs: Iterable[Leg]) -> Needs:
    """Everything that the legs need, over all their refusing layers, not only the first."""
    found: dict[tuple[object, ...], Need] = {}
    stuck: dict[str, Hop] = {}
    judged: dict[tuple[object, ...], list[Need]] = {}
    for leg in legs:
        refusing = [layer for layer, outcome in leg.layers if outcome in FAILING]
        for layer in refusing:
            if layer in POLICY:
                final = _final(asker, leg, layer)
                if final is None:
                    _join(found, _policy(asker, leg, egress=layer is Layer.POLICY_EGRESS))
                else:
                    stuck.setdefault(f"{final.at} {final.text}", final)
        if any(layer not in POLICY and layer not in VPC for layer in refusing):
            for hop in leg.trace.hops:
                if hop.outcome in FAILING and hop.layer not in POLICY and hop.layer not in VPC:
                    stuck.setdefault(f"{hop.at} {hop.text}", hop)
        if any(layer in VPC for layer in refusing):
            # Who sends does not matter to the VPC, only through what.
            key = (*leg.client.key[1:], *leg.server.key[1:], leg.low, leg.high, leg.protocol)
            if key not in judged:
                judged[key] = _vpc(asker, leg)
            for need in judged[key]:
                _join(found, need)
    return Needs(tuple(found.values()), tuple(stuck.values()))


def _join(found: dict[tuple[object, ...], Need], need: Need) -> None:
    """Keep a need once; of one range of ports the parts become one rule, which never exceeds what is asked."""
    key: tuple[object, ...]
    match need:
        case GroupNeed():
            key = (
                "group",
                need.egress,
                need.own,
                need.peers,
                need.cidrs,
                need.protocol,
                need.low == need.high and need.low,
            )
        case AclNeed():
            key = ("acl", need.acl_id, need.egress, need.cidrs, need.protocol, need.ports)
        case PolicyNeed():
            who = (need.subject.workload and need.subject.workload.id, need.peer.workload and need.peer.workload.id)
            key = ("policy", need.egress, *who, need.protocol, need.low == need.high and need.low)
    held = found.get(key)
    if isinstance(held, GroupNeed) and isinstance(need, GroupNeed):
        need = msgspec.structs.replace(held, low=min(held.low, need.low), high=max(held.high, need.high))
    elif isinstance(held, PolicyNeed) and isinstance(need, PolicyNeed):
        cidrs = tuple(dict.fromkeys((*held.cidrs, *need.cidrs)))
        low, high = min(held.low, need.low), max(held.high, need.high)
        need = msgspec.structs.replace(held, low=low, high=high, cidrs=cidrs)
    elif isinstance(held, AclNeed) and isinstance(need, AclNeed):
        need = msgspec.structs.replace(held, below=min(held.below, need.below))
    found[key] = need


def _final(asker: Asker, leg: Leg, layer: Layer) -> Hop | None:
    """The refusal of a policy that comes before every NetworkPolicy, so that none mends it."""
    snapshot = asker.context.world.snapshot
    if not any(snapshot.objects(kind) for kind in OTHER_POLICIES):
        return None
    refusing = (hop for hop in leg.trace.hops if hop.layer is layer and hop.outcome in FAILING)
    return next((hop for hop in refusing if before_network_policies(snapshot, hop)), None)


def _policy(asker: Asker, leg: Leg, *, egress: bool) -> PolicyNeed:
    subject, peer = (leg.client, leg.server) if egress else (leg.server, leg.client)
    subnet = peer.interface.subnet
    cidrs = _subnet_cidrs(asker.paths.vpc, subnet, asker.context.world.family) if peer.host_network else ()
    return PolicyNeed(egress, subject, peer, leg.via if egress else None, leg.protocol, leg.low, leg.high, cidrs)


def _subnet_cidrs(view: VpcView, subnet: str | Unknown, family: int) -> tuple[str, ...]:
    held = None if isinstance(subnet, Unknown) else view.snapshot.get(SUBNETS, subnet)
    if held is None:
        return ()
    if family == 4:
        return (held.cidr_block,) if held.cidr_block else ()
    return tuple(item.ipv6_cidr_block for item in held.ipv6_cidr_block_association_set if item.ipv6_cidr_block)


def _vpc(asker: Asker, leg: Leg) -> list[Need]:
    """The refusing layers of the VPC, judged again for each effective client, as :func:`vpc_hops` does."""
    view, world = asker.paths.vpc, asker.context.world
    server = leg.server.interface
    there = view.side(server.security_groups, server.subnet, world.family)
    protocol = leg.protocol.lower()
    result: list[Need] = []
    for source in sources(view, world.plane, leg.client.interface, there):
        one, other = source.client, source.server
        routed = route(view, source.routed or one, other)
        named = routed.references.outcome in (Outcome.WORKS, Outcome.UNKNOWN)
        for egress, judged in ((True, group_egress), (False, group_ingress)):
            hop = judged(view, one, other, leg.low, protocol, routed.references)
            own, peer = (one, other) if egress else (other, one)
            if hop.outcome in FAILING and isinstance(own.security_groups, tuple):
                peers = peer.security_groups if named and isinstance(peer.security_groups, tuple) else ()
                cidrs = () if peers else _cidrs(view, peer)
                result.append(
                    GroupNeed(egress, own.security_groups, peers, cidrs, protocol, leg.low, leg.high, peer.family)
                )
        for hop in acl_hops(view, one, other, leg.low, protocol, source.ports):
            if hop.outcome in FAILING:
                result += _acl(view, hop.layer, one, other, leg, source.ports)
    return result


def _cidrs(view: VpcView, side: Side) -> tuple[str, ...]:
    """The blocks that name an end's addresses: its subnet's, or fewer where only a part is meant."""
    whole = _subnet_cidrs(view, side.subnet, side.family)
    if isinstance(side.addresses, Unknown) or side.network == ", ".join(whole):
        return whole
    part = side.addresses.cidrs()
    return part if len(part) <= 4 or not whole else whole


def _acl(view: VpcView, layer: Layer, client: Side, server: Side, leg: Leg, source_ports: Ports) -> Sequence[AclNeed]:
    there = (leg.low, leg.high)
    own, other, ports, egress = {
        Layer.ACL_OUT: (client, server, there, True),
        Layer.ACL_IN: (server, client, there, False),
        Layer.ACL_RETURN_OUT: (server, client, source_ports, True),
        Layer.ACL_RETURN_IN: (client, server, source_ports, False),
    }[layer]
    acl = view.acl(own.subnet) if isinstance(own.subnet, str) else own.subnet
    if isinstance(acl, Unknown):
        return ()
    protocol = leg.protocol.lower()
    verdict = judge(acl, other.space, flow_of(protocol, leg.low).protocol, ports, egress=egress)
    if isinstance(verdict, Unknown):
        return ()
    denied = [entry for entry, _, _ in verdict.deciding if entry is None or entry.rule_action == "deny"]
    numbers = [32767 if entry is None else entry.rule_number for entry in denied]
    below = min(numbers, default=32767)
    cidrs = _cidrs(view, other)
    return [AclNeed(acl.network_acl_id, egress, cidrs, protocol, ports, below)] if cidrs else ()
