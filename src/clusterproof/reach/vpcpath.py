"""All layers of the VPC between two interfaces, in the order in which a packet meets them."""

from __future__ import annotations

import msgspec

from clusterproof.reach.addresses import AddressSet, parse_cidr
from clusterproof.reach.linklocal import METADATA, RESOLVER
from clusterproof.reach.networkacls import acl_hops
from clusterproof.reach.protocol import LINUX_PORTS, RANDOM_PORTS, TCP, UDP, WINDOWS_PORTS, protocol_number
from clusterproof.reach.routes import route
from clusterproof.reach.securitygroups import group_egress, group_ingress
from clusterproof.reach.sourcenat import Source, side_of, sources
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.reach.transitacls import with_gateways
from clusterproof.reach.vpc import EVERY_ADDRESS, Side, VpcView, outside
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import VPCS
from clusterproof.world.model import Attachment, DataPlane, Interface

ORDER = {layer: position for position, layer in enumerate(Layer)}


def vpc_hops(
    view: VpcView,
    data_plane: DataPlane,
    client: Interface | AddressSet,
    server: Interface | AddressSet,
    port: int,
    protocol: str,
    family: int = 4,
) -> tuple[Hop, ...]:
    """What security groups, network ACLs and routes do to a connection between two *different* nodes.

    (One-node pairs never leave the node, except branch interfaces in strict
    mode: the caller knows.) An :class:`AddressSet` is a peer outside the VPCs.

    Args:
        view: the VPCs.
        data_plane: decides source NAT, and whether any of this holds.
        client: who connects.
        server: who listens.
        port: destination port, after kube-proxy's translation; the type for ICMP.
        protocol: ``TCP``, ``UDP`` …; any case, or a number.
        family: 4 or 6.

    Raises:
        ValueError: the protocol is not one.
    """
    key = ("vpc_hops", _plane_key(data_plane), _key(client), _key(server), port, protocol, family)
    if key not in view.memo:
        view.memo[key] = _vpc_hops(view, data_plane, client, server, port, protocol, family)
    hops: tuple[Hop, ...] = view.memo[key]
    return hops


def _plane_key(data_plane: DataPlane) -> tuple[object, ...]:
    return data_plane.modelled, data_plane.external_snat, data_plane.exclude_snat, data_plane.random_ports


def _key(end: Interface | AddressSet) -> object:
    """What the layers can read of an end: evidence apart, so that one class is judged once."""
    if isinstance(end, AddressSet):
        return end
    return (
        end.attachment,
        end.security_groups,
        end.subnet,
        end.node_security_groups,
        end.node_subnet,
        end.keeps_address,
        end.family4,
        end.sends_as,
        end.addresses,
    )


def _vpc_hops(
    view: VpcView,
    data_plane: DataPlane,
    client: Interface | AddressSet,
    server: Interface | AddressSet,
    port: int,
    protocol: str,
    family: int,
) -> tuple[Hop, ...]:
    if data_plane.modelled and not all(_on_vpc(end) for end in (client, server)):
        return (unknown_hop(Layer.DATA_PLANE, data_plane.name, data_plane.modelled),)
    there = _side(view, server, family)
    # What a pod of an IPv6 cluster sends over IPv4 is its node's; nobody reaches it there.
    if there is None or (family == 4 and isinstance(server, Interface) and server.family4 is not None):
        return (_no_address(family, "server"),)
    if isinstance(client, AddressSet):
        here = _side(view, client, family)
        if here is None:
            return (_no_address(family, "client"),)
        senders: tuple[Source, ...] = (Source(here, there, RANDOM_PORTS),)
    else:
        open_to_all = _never_filtered(view, client, there, port, protocol)
        if open_to_all:
            return (open_to_all,)
        senders = sources(view, data_plane, client, there)
    answers = [(_of_any_system if sender.any_system else _one)(view, sender, port, protocol) for sender in senders]
    return answers[0] if len(answers) == 1 else _merged(senders, answers)


def _on_vpc(end: Interface | AddressSet) -> bool:
    """Whether an end is on the VPC whatever the pods' network is: nodes themselves, and peers outside."""
    return isinstance(end, AddressSet) or end.managed or end.attachment is Attachment.HOST


def _side(view: VpcView, end: Interface | AddressSet, family: int) -> Side | None:
    if isinstance(end, Interface):
        return side_of(view, end, family)
    sides = outside(end.family(family))
    return sides[0] if sides else None


def _no_address(family: int, end: str) -> Hop:
    return Hop(Layer.ROUTE, Outcome.BLOCKED, end, f"the {end} has no IPv{family} address")


def _one(view: VpcView, sender: Source, port: int, protocol: str) -> tuple[Hop, ...]:
    """Every layer for one effective client."""
    client, server = sender.client, sender.server
    routed = route(view, sender.routed or client, server)
    acls = acl_hops(view, client, server, port, protocol, sender.ports)
    if routed.there or routed.back:
        ways = routed.there, routed.back
        acls = with_gateways(view, acls, client, server, port, protocol, sender.ports, ways)
    hops = [*routed.hops, *acls]
    # A Network Load Balancer may have no group at all, and then nothing limits what leaves it.
    if not client.outside and client.security_groups != ():
        egress = group_egress(view, client, server, port, protocol, routed.references)
        if sender.translated:
            egress = Hop(
                egress.layer, egress.outcome, egress.at, f"{egress.text} ({sender.note})", egress.refs, egress.unknown
            )
        hops.append(egress)
    elif client.outside and (within := _inside(view, client)) is not None:
        hops.append(unknown_hop(Layer.GROUP_EGRESS, client.network, within))
    if not server.outside:
        hops.append(group_ingress(view, client, server, port, protocol, routed.references))
    elif routed.arrives:
        what = f"which interface has {server.network}, and what its groups and ACL admit, is not known"
        hops.append(unknown_hop(Layer.GROUP_INGRESS, server.network, Unknown(Cause.NOT_COLLECTED, what)))
    return tuple(sorted(hops, key=lambda hop: ORDER[hop.layer]))


def _of_any_system(view: VpcView, sender: Source, port: int, protocol: str) -> tuple[Hop, ...]:
    """Every layer for a machine that is no node: what depends on the ports of its system is not known.

    Source: Amazon VPC User Guide, "Ephemeral ports" (Linux, Windows, and 1024-65535 for everything).
    """
    hops, *others = (
        _one(view, msgspec.structs.replace(sender, ports=ports), port, protocol)
        for ports in (RANDOM_PORTS, LINUX_PORTS, WINDOWS_PORTS)
    )
    outcomes = [{hop.layer: hop.outcome for hop in other} for other in others]
    who = f"which ports {sender.client.space} sends from is not known (Linux 32768-60999, Windows 49152-65535)"
    answer = []
    for hop in hops:
        if any(other.get(hop.layer) is not hop.outcome for other in outcomes):
            remedy = "let replies pass to 1024-65535, or see which system that machine runs"
            unknown = Unknown(Cause.NOT_COLLECTED, f"{who}: {hop.text}", remedy)
            answer.append(Hop(hop.layer, Outcome.UNKNOWN, hop.at, unknown.detail, hop.refs, unknown))
        else:
            answer.append(hop)
    return tuple(answer)


def _inside(view: VpcView, client: Side) -> Unknown | None:
    """Why what lets a client out that is known by its addresses is not known: they are a VPC's; None where outside.

    Everybody at once (``0.0.0.0/0``) stands for whoever is outside.
    """
    if client.space == EVERY_ADDRESS[client.family]:
        return None
    for vpc in view.snapshot.objects(VPCS):
        inside = view.vpc_addresses(vpc.vpc_id, client.family)
        if not isinstance(inside, Unknown) and client.space & inside:
            what = f"which interface of {vpc.vpc_id} has {client.network}, and what its groups and ACL let out"
            return Unknown(Cause.NOT_COLLECTED, f"{what}, is not known")
    missing = view.snapshot.missing(VPCS)
    if missing is None:
        return None
    return Unknown(
        missing.cause, f"whether {client.network} is in a VPC is not known: {missing.detail}", missing.remedy
    )


def _merged(senders: tuple[Source, ...], answers: list[tuple[Hop, ...]]) -> tuple[Hop, ...]:
    """One hop per layer where SNAT holds for a part of the addresses: equal outcomes stay, others vary."""
    hops = []
    for layer in Layer:
        found = [
            (sender, hop) for sender, hops_ in zip(senders, answers, strict=True) for hop in hops_ if hop.layer is layer
        ]
        if not found:
            continue
        outcomes = {hop.outcome for _, hop in found}
        # A layer that only one part meets lets the other part pass.
        if len(found) < len(answers):
            outcomes.add(Outcome.WORKS)
        first = next((hop for _, hop in found if hop.outcome is not Outcome.WORKS), found[0][1])
        if len(outcomes) == 1:
            outcome = first.outcome
        else:
            varies = Outcome.BLOCKED in outcomes or Outcome.VARIES in outcomes
            outcome = Outcome.VARIES if varies else Outcome.UNKNOWN
        text = "; ".join(f"to {sender.server.network}: {hop.text}" for sender, hop in found)
        refs = tuple(dict.fromkeys(ref for _, hop in found for ref in hop.refs))
        unknown = next((hop.unknown for _, hop in found if hop.unknown), None)
        hops.append(Hop(layer, outcome, first.at, text, refs, unknown if outcome is Outcome.UNKNOWN else None))
    return tuple(hops)


def _never_filtered(view: VpcView, client: Interface, server: Side, port: int, protocol: str) -> Hop | None:
    """The resolver and the metadata service, which neither groups nor ACLs can block, and no route leads to.

    Sources: Amazon VPC User Guide, "Network ACL basics" and "Security group
    rules" (Route 53 Resolver, "VPC+2"; Instance Metadata Service).
    """
    if not server.outside or isinstance(server.addresses, Unknown):
        return None
    number = protocol_number(protocol)
    if number == TCP and port == 80 and METADATA.covers(server.addresses) == "all":
        return Hop(Layer.ROUTE, Outcome.WORKS, server.network, "the instance metadata service is never filtered")
    if number not in (TCP, UDP) or port != 53:
        return None
    resolver = RESOLVER
    own = view.side(client.security_groups, client.subnet, server.family)
    vpc = view.snapshot.get(VPCS, own.vpc) if isinstance(own.vpc, str) else None
    refs: tuple[Ref, ...] = ()
    if vpc and vpc.cidr_block:
        _, first, _ = parse_cidr(vpc.cidr_block)
        resolver |= AddressSet(v4=((first + 2, first + 2),))
        refs = (Ref(VPCS.name, vpc.vpc_id, "CidrBlock", vpc.cidr_block),)
    if resolver.covers(server.addresses) != "all":
        return None
    return Hop(Layer.ROUTE, Outcome.WORKS, server.network, "the Route 53 Resolver is never filtered", refs)
