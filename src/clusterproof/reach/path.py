"""One connection between two ends, through every layer: the trace of a cell.

The Service comes first (kube-proxy translates on the client's node, so all later layers see the pod's address and
container port), then, on each stretch of the way, the policies of the client, the VPC, and the policies of the
server. Ends on one node never cross an interface, except branch interfaces in strict mode.
Sources: reference "5. VPC CNI" rules 5 and 6, "6. Services", "7. NetworkPolicy".
"""

from __future__ import annotations

from collections.abc import Sequence

from clusterproof.reach.ends import End, crosses, network_of
from clusterproof.reach.linklocal import on_node, softened, stays
from clusterproof.reach.policies import Policies
from clusterproof.reach.segments import Segment
from clusterproof.reach.service import Via, via_key, way
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace, unknown_hop
from clusterproof.reach.vpc import VpcView
from clusterproof.reach.vpcpath import ORDER, vpc_hops
from clusterproof.world.world import World


class Paths:
    """Answers connections in one world; memoised on what the layers can read of the two ends."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vpc = VpcView(world.snapshot)
        self.policies = Policies(world, self.vpc)
        self._memo: dict[tuple[object, ...], Trace] = {}

    def connect(
        self,
        client: End,
        server: End,
        port: int,
        protocol: str,
        *,
        via: Via | None = None,
        same_node: bool = False,
    ) -> Trace:
        """All hops from the client to the server.

        Args:
            client: who connects.
            server: who listens.
            port: the Service's port with ``via``, else the server's own.
            protocol: TCP, UDP or SCTP.
            via: the Service through which the client connects.
            same_node: the two are on one node.
        """
        token = (client.key, server.key, port, protocol, via_key(via), same_node)
        found = self._memo.get(token)
        if found is None:
            hops: list[Hop] = []
            for step in way(self.world, client, server, port, protocol, via, same_node=same_node):
                hops += self.judge(step) if isinstance(step, Segment) else (step,)
            found = self._memo[token] = Trace(tuple(hops))
        return found

    def judge(self, segment: Segment) -> list[Hop]:
        """What every layer does on one stretch, in the order in which a packet meets them."""
        client, server, flow, same_node = segment.client, segment.server, segment.flow, segment.same_node
        plane = self.world.plane
        if plane.modelled is not None and not (client.host_network and server.host_network):
            return [unknown_hop(Layer.DATA_PLANE, plane.name, plane.modelled)]
        hops: list[Hop] = []
        if segment.egress:
            hops += self.policies.hops("egress", client, server, flow, segment.service, same_node=same_node)
        if segment.wire:
            hops += self._network(segment)
        hops += self.policies.hops("ingress", server, client, flow, segment.service, same_node=same_node)
        if stays(server):
            hops = softened(self.world, segment, hops)
        return sorted(hops, key=lambda hop: ORDER[hop.layer])

    def _network(self, segment: Segment) -> Sequence[Hop]:
        client, server, flow = segment.client, segment.server, segment.flow
        if stays(server):
            return (on_node(self.world, segment),)
        if segment.same_node and not crosses(client, server):
            return (Hop(Layer.NODE, Outcome.WORKS, "one node", "both are on one node: no interface is crossed"),)
        here, there = network_of(client, flow), network_of(server, flow)
        return vpc_hops(self.vpc, self.world.plane, here, there, flow.port, flow.protocol, flow.family)
