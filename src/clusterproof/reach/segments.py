"""The stretches of which the way of a connection consists.

Most connections are one :class:`Segment`. Where something on the way takes a connection and passes it on (a node
by its node port, a load balancer), each stretch has its own ends and port, and is judged for itself.
"""

from __future__ import annotations

import msgspec

from clusterproof.reach.ends import End, Flow
from clusterproof.reach.networkpolicy import ServiceView


class Segment(msgspec.Struct, frozen=True):
    """A stretch from a sender to a receiver with nothing in between that translates.

    Attributes:
        client: whose address and interface the packets have; a node that translates sources is itself the client.
        server: where they arrive.
        flow: port, protocol and family on this stretch.
        same_node: the two are on one node.
        service: the Service that the client dialled on this stretch, before translation.
        egress: the policies of the client are asked; not again where an earlier stretch asked them.
        wire: it takes the network; False for what a node hands to its own pod after the wire was judged.
    """

    client: End
    server: End
    flow: Flow
    same_node: bool = False
    service: ServiceView | None = None
    egress: bool = True
    wire: bool = True
