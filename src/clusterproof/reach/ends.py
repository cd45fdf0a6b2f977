"""The ends of a connection and what is sent between them: what the layers can read of a pod, a node, an address.

Every layer asks this module what it sees of an end: :func:`network_of` the VPC, :func:`peer_of` the policies.
"""

from __future__ import annotations

import msgspec

from clusterproof.reach.addresses import NOWHERE, AddressSet
from clusterproof.reach.networkpolicy import Peer
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Labels
from clusterproof.world.model import Attachment, Interface, Workload
from clusterproof.world.workloads import generated_labels
from clusterproof.world.world import World


class Flow(msgspec.Struct, frozen=True):
    """What is on the wire, apart from who sends it.

    Attributes:
        port: destination port, after any translation on the client's node.
        protocol: TCP, UDP or SCTP.
        family: 4 or 6.
    """

    port: int
    protocol: str
    family: int = 4


class End(msgspec.Struct, frozen=True):
    """One end of a connection: a pod of a workload or a node, on an interface; or an address.

    Attributes:
        interface: what the packets leave or enter through.
        workload: the pod's; None for the node itself (the host network) and for what is no pod.
        text: for people, e.g. ``deploy/dynamo/worker on gpu``.
        address: where the end is neither a pod nor a node: its addresses, which are all that the policies read of
            it, and all that the VPC reads where ``interface`` says why its groups and subnet are not known. Where
            they are known, the VPC reads them with these addresses (:func:`network_of`).
    """

    interface: Interface
    workload: Workload | None = None
    text: str = ""
    address: AddressSet | None = None

    @property
    def host_network(self) -> bool:
        """Whether it is on the VPC without the pods' network: all but pods with addresses of their own."""
        return self.workload is None or self.workload.spec.host_network

    @property
    def key(self) -> tuple[object, ...]:
        """What the layers can read of it."""
        interface = self.interface
        owner = self.workload.id if self.workload is not None else ""
        return (
            owner,
            interface.attachment,
            interface.security_groups,
            interface.subnet,
            interface.node_subnet,
            interface.node_security_groups,
            interface.keeps_address,
            interface.family4,
            interface.sends_as,
            self.address,
        )


def at_address(addresses: AddressSet, text: str = "") -> End:
    """An end of which nothing but its addresses is known.

    Args:
        addresses: of one family or both.
        text: for people; the addresses themselves when empty.
    """
    name = text or str(addresses)
    unread = Unknown(Cause.NOT_COLLECTED, f"which interface has {name} is not known")
    return End(Interface(Attachment.HOST, unread, unread, unread, unread), None, name, addresses)


def family_of(world: World, client: End, server: End) -> int:
    """The IP family, 4 or 6, that a connection uses: the cluster's, unless an end has addresses of the other only."""
    for end in (server, client):
        families = end.address.families if end.address is not None else ()
        if families and world.family not in families:
            return families[0]
    return world.family


def network_of(end: End, flow: Flow) -> Interface | AddressSet:
    """What the VPC sees of an end in a flow: its interface, or its addresses where that was not read.

    An end that is known by its address has that one, not any of its subnet's; and it is not a node of the cluster, so
    nothing replaces what it sends with, unless its interface says otherwise.
    """
    if end.address is None:
        return end.interface
    known = end.address.family(flow.family)
    if not known or not isinstance(end.interface.subnet, str):
        return end.address
    keeps = end.interface.keeps_address
    return msgspec.structs.replace(
        end.interface, addresses=known.cidrs(), keeps_address=True if keeps is None else keeps
    )


def crosses(client: End, server: End) -> bool:
    """Whether one-node traffic leaves the node all the same: branch interfaces in strict mode do."""
    return Attachment.BRANCH_STRICT in (client.interface.attachment, server.interface.attachment)


def peer_of(world: World, vpc: VpcView, end: End, family: int) -> Peer:
    """What policies see of an end.

    Args:
        world: its namespaces are read.
        vpc: says which addresses a subnet may hand out.
        end: any.
        family: 4 or 6; of the addresses.
    """
    if end.address is not None:
        return Peer(addresses=end.address, name=end.text)
    addresses = _addresses(vpc, end.interface, family)
    if end.interface.managed:
        # Neither a pod nor a node: to policies it is what its packets carry.
        kept = AddressSet.of(*end.interface.sends_as).family(family)
        return Peer(addresses=kept or addresses, name=end.text)
    workload = end.workload
    if workload is None:
        return Peer(addresses=addresses, host_network=True, name=end.text)
    return Peer(
        namespace=workload.namespace,
        namespace_labels=namespace_labels(world, workload.namespace),
        labels=workload.labels,
        unknown_labels=generated_labels(workload),
        ports=tuple(port for container in workload.spec.containers for port in container.ports),
        sidecar_ports=tuple(
            port
            for container in workload.spec.init_containers
            if container.restart_policy == "Always"
            for port in container.ports
        ),
        addresses=addresses,
        host_network=workload.spec.host_network,
        owned=workload.kind != "Pod",
        enforced=end.interface.attachment is not Attachment.FARGATE,
        name=workload.id,
    )


def _addresses(vpc: VpcView, interface: Interface, family: int) -> AddressSet:
    if isinstance(interface.subnet, Unknown):
        return NOWHERE
    side = vpc.side((), interface.subnet, family)
    return NOWHERE if isinstance(side.addresses, Unknown) else side.addresses


def namespace_labels(world: World, name: str) -> Labels | Unknown:
    """The labels of a namespace; none of one that does not exist yet; unknown where namespaces were not all read."""
    found = world.namespaces.get(name)
    if found is not None:
        return found
    return world.snapshot.missing(kinds.NAMESPACES) or {}
