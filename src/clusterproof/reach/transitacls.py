"""What the network ACLs of a transit gateway's own subnets do to packets that pass through it.

Inbound rules of the gateway's subnet judge what comes from the VPC, by its source; outbound rules what goes into the
VPC, by its destination; the other two are not asked. Where an end is in the gateway's own subnet, nothing is asked of
what the gateway hands to it. Source: Transit Gateway Guide, "Network ACLs for transit gateways".

Which of an attachment's interfaces hands packets over is the gateway's choice, so a refusal there is unknown.
"""

from __future__ import annotations

import msgspec

from clusterproof.reach.networkacls import border
from clusterproof.reach.protocol import ICMP, ICMPV6, REPLY_TYPES, Flow, Ports, flow_of
from clusterproof.reach.trace import Hop, Layer, Outcome
from clusterproof.reach.transitgateways import Way
from clusterproof.reach.vpc import Side, VpcView
from clusterproof.snapshot.fields import Cause, Unknown


def with_gateways(
    view: VpcView,
    hops: list[Hop],
    client: Side,
    server: Side,
    port: int,
    protocol: str,
    source_ports: Ports,
    ways: tuple[tuple[Way, ...], tuple[Way, ...]],
) -> list[Hop]:
    """The hops of the ends' own ACLs, and one more for each gateway's subnet that may refuse something.

    Args:
        view: the VPCs.
        hops: those of :func:`clusterproof.reach.networkacls.acl_hops` for the same arguments.
        client: who connects.
        server: who listens.
        port: destination port; the type for ICMP.
        protocol: ``tcp``, ``TCP`` or a number as text.
        source_ports: from which ports the client may send.
        ways: through gateways, there and back.
    """
    flow = flow_of(protocol, port)
    back: Ports | None = source_ports
    if flow.protocol in (ICMP, ICMPV6):
        reply = REPLY_TYPES.get((flow.protocol, port))
        back = None if reply is None else (reply, reply)
    there = (port, port)
    answer = _received(hops, Layer.ACL_IN, server, ways[0])
    answer = _received(answer, Layer.ACL_RETURN_IN, client, ways[1])
    answer += _passed(view, (Layer.ACL_OUT, Layer.ACL_IN), client, server, flow, there, ways[0])
    if back is not None:
        layers = (Layer.ACL_RETURN_OUT, Layer.ACL_RETURN_IN)
        answer += _passed(view, layers, server, client, flow, back, ways[1])
    return answer


def _received(hops: list[Hop], layer: Layer, receiver: Side, ways: tuple[Way, ...]) -> list[Hop]:
    """The receiver's own ACL may not be asked at all where the gateway has an interface in the receiver's subnet."""
    if not any(receiver.subnet in way.exits for way in ways):
        return hops
    return [
        _doubted(
            hop, f"{receiver.subnet} has an interface of the transit gateway, and what that hands over is not judged"
        )
        if hop.layer is layer and hop.outcome is not Outcome.WORKS
        else hop
        for hop in hops
    ]


def _passed(
    view: VpcView,
    layers: tuple[Layer, Layer],
    source: Side,
    target: Side,
    flow: Flow,
    ports: Ports,
    ways: tuple[Way, ...],
) -> list[Hop]:
    """What the ACLs of the gateway's subnets may refuse, one way; nothing where all of them let everything pass."""
    asked = [(layers[0], subnet, source, False) for way in ways for subnet in (way.entry,) if subnet]
    asked += [(layers[1], subnet, target, True) for way in ways for subnet in way.exits if subnet != target.subnet]
    found = []
    for layer, subnet, end, egress in dict.fromkeys(asked):
        own = view.side((), subnet, end.family)
        hop = border(view, layer, own, end, flow.protocol, ports, egress=egress)
        if hop.outcome is not Outcome.WORKS:
            found.append(
                _doubted(hop, f"{subnet} has an interface of the transit gateway, one of those that may be taken")
            )
    return found


def _doubted(hop: Hop, why: str) -> Hop:
    unknown = hop.unknown or Unknown(Cause.NOT_MODELLED, f"{why}: {hop.at}: {hop.text}")
    return msgspec.structs.replace(hop, outcome=Outcome.UNKNOWN, text=f"{hop.text}; {why}", unknown=unknown)
