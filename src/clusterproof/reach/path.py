"""One connection between two ends, through every layer: the trace of a cell.

The Service comes first (kube-proxy translates on the client's node, so all
later layers see the pod's address and container port), then the policies of the
client, the VPC, and the policies of the server. Ends on one node never cross an
interface, except branch interfaces in strict mode.
Sources: reference "5. VPC CNI" rules 5 and 6, "6. Services", "7. NetworkPolicy".
"""

from __future__ import annotations

import msgspec

from clusterproof.reach.addresses import NOWHERE, AddressSet
from clusterproof.reach.networkpolicy import (
    Decision,
    Dialect,
    Direction,
    Peer,
    PolicyIndex,
    ServiceView,
    dialect_for,
)
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace, unknown_hop
from clusterproof.reach.vpc import VpcView
from clusterproof.reach.vpcpath import ORDER, vpc_hops
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Labels, NetworkPolicy, Service, ServicePort
from clusterproof.snapshot.snapshot import Table
from clusterproof.world.model import Attachment, Interface, Workload
from clusterproof.world.services import Backend, target_port
from clusterproof.world.workloads import generated_labels
from clusterproof.world.world import World


class End(msgspec.Struct, frozen=True):
    """One end of a connection: a pod of a workload, or a node, on an interface.

    Attributes:
        interface: what the packets leave or enter through.
        workload: the pod's; None for the node itself (the host network).
        text: for people, e.g. ``deploy/dynamo/worker on gpu``.
    """

    interface: Interface
    workload: Workload | None = None
    text: str = ""

    @property
    def host_network(self) -> bool:
        """Whether it uses the node's own interface and address."""
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
        )


class Paths:
    """Answers connections in one world; memoised on what the layers can read of the two ends."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.vpc = VpcView(world.snapshot)
        plane = world.plane
        self._policies = _policy_index(world, dialect_for(plane.policy_engine, plane.policies))
        # Policies of other kinds may refuse what NetworkPolicies admit (an admin tier comes first), so they stand apart.
        self._others = _other_policies(world)
        self._memo: dict[tuple[object, ...], Trace] = {}
        self._peers: dict[tuple[object, ...], Peer] = {}

    def connect(
        self,
        client: End,
        server: End,
        port: int,
        protocol: str,
        *,
        via: Backend | None = None,
        same_node: bool = False,
    ) -> Trace:
        """All hops from the client to the server's pod.

        Args:
            client: who connects.
            server: who listens.
            port: the Service's port with ``via``, else the pod's own.
            protocol: TCP, UDP or SCTP.
            via: the Service through which the client connects.
            same_node: the two are on one node.
        """
        service = via.service.metadata if via is not None else None
        token = (
            client.key,
            server.key,
            port,
            protocol,
            (service.namespace, service.name) if service is not None else None,
            same_node,
        )
        found = self._memo.get(token)
        if found is None:
            found = self._memo[token] = self._trace(client, server, port, protocol, via, same_node=same_node)
        return found

    def _trace(
        self, client: End, server: End, port: int, protocol: str, via: Backend | None, *, same_node: bool
    ) -> Trace:
        hops: list[Hop] = []
        number = port
        if via is not None:
            hop, translated = service_hop(via, server.workload, same_node=same_node)
            hops.append(hop)
            if translated is None:
                return Trace(tuple(hops))
            number = translated
        plane = self.world.plane
        if plane.modelled is not None and not (client.host_network and server.host_network):
            return Trace((*hops, unknown_hop(Layer.DATA_PLANE, plane.name, plane.modelled)))
        here, there = self._peer(client), self._peer(server)
        view = _service_view(self.world, via) if via is not None else None
        body: list[Hop] = []
        own_node = same_node and (client.workload is None or client.host_network)
        body += self._policy("egress", here, there, number, protocol, view, own_node=False)
        if same_node and not _crosses(client, server):
            body.append(Hop(Layer.NODE, Outcome.WORKS, "one node", "both are on one node: no interface is crossed"))
        else:
            body += vpc_hops(self.vpc, plane, client.interface, server.interface, number, protocol, self.world.family)
        body += self._policy("ingress", there, here, number, protocol, None, own_node=own_node)
        if self._others is not None and not (client.host_network and server.host_network):
            body.append(unknown_hop(Layer.POLICY_INGRESS, "policies of other kinds", self._others))
        body.sort(key=lambda hop: ORDER[hop.layer])
        return Trace((*hops, *body))

    def _policy(
        self,
        direction: Direction,
        subject: Peer,
        other: Peer,
        port: int,
        protocol: str,
        view: ServiceView | None,
        *,
        own_node: bool,
    ) -> list[Hop]:
        if subject.namespace is None:
            return []
        decision = self._policies.decide(
            direction, subject, other, port, protocol, via_service=view, same_node_host=own_node
        )
        layer = Layer.POLICY_EGRESS if direction == "egress" else Layer.POLICY_INGRESS
        return [_policy_hop(layer, decision)]

    def _peer(self, end: End) -> Peer:
        key = end.key
        found = self._peers.get(key)
        if found is None:
            found = self._peers[key] = self._new_peer(end)
        return found

    def _new_peer(self, end: End) -> Peer:
        addresses = self._addresses(end.interface)
        workload = end.workload
        if workload is None:
            return Peer(addresses=addresses, host_network=True, name=end.text)
        return Peer(
            namespace=workload.namespace,
            namespace_labels=_namespace_labels(self.world, workload.namespace),
            labels=workload.labels,
            unknown_labels=generated_labels(workload),
            ports=tuple(port for container in workload.spec.containers for port in container.ports),
            addresses=addresses,
            host_network=workload.spec.host_network,
            owned=workload.kind != "Pod",
            enforced=end.interface.attachment is not Attachment.FARGATE,
            name=workload.id,
        )

    def _addresses(self, interface: Interface) -> AddressSet:
        if isinstance(interface.subnet, Unknown):
            return NOWHERE
        side = self.vpc.side((), interface.subnet, self.world.family)
        return NOWHERE if isinstance(side.addresses, Unknown) else side.addresses


def service_hop(via: Backend, workload: Workload | None, *, same_node: bool) -> tuple[Hop, int | None]:
    """What kube-proxy does with a Service port, and the container port behind it; None where nothing is reached."""
    service, port = via.service, via.port
    name = f"{service.metadata.namespace}/{service.metadata.name}"
    spec = service.spec
    at = f"Service {name}"
    address = spec.cluster_ip or name
    if spec.type == "ExternalName":
        unknown = Unknown(Cause.NOT_MODELLED, f"Service {name} is an external name ({spec.external_name})")
        return unknown_hop(Layer.SERVICE, at, unknown), None
    number = target_port(port, workload) if workload is not None else via.address_port
    if number is None:
        text = f"targetPort {port.target_port!r} is a name that no container of {workload.id if workload else name} has"
        return Hop(Layer.SERVICE, Outcome.BLOCKED, at, text, (via.ref,)), None
    if spec.internal_traffic_policy == "Local" and not same_node:
        text = "internalTrafficPolicy Local: a node without an endpoint of its own drops the connection"
        return Hop(Layer.SERVICE, Outcome.BLOCKED, at, text, (via.ref,)), None
    ready = "" if via.ready is None else f", {via.ready} ready now"
    if spec.cluster_ip == "None":
        # A headless name leads to the pods themselves; nothing translates the port.
        text = f"headless: the name leads to the pods, port {port.port}{ready}"
        return Hop(Layer.SERVICE, Outcome.WORKS, at, text, (via.ref,)), port.port
    text = f"{address}:{port.port} -> port {number} of {workload.id if workload else 'its endpoints'}{ready}"
    return Hop(Layer.SERVICE, Outcome.WORKS, at, text, (via.ref,)), number


def _namespace_labels(world: World, name: str) -> Labels | Unknown:
    """The labels of a namespace; none of one that does not exist yet; unknown where namespaces were not all read."""
    found = world.namespaces.get(name)
    if found is not None:
        return found
    return world.snapshot.missing(kinds.NAMESPACES) or {}


def _service_view(world: World, via: Backend) -> ServiceView:
    service: Service = via.service
    ports: tuple[ServicePort, ...] = service.spec.ports
    return ServiceView(
        namespace=service.metadata.namespace,
        name=service.metadata.name,
        port=via.port.port,
        namespace_labels=_namespace_labels(world, service.metadata.namespace),
        selector=service.spec.selector,
        cluster_ip=service.spec.cluster_ip,
        ports=ports,
    )


def _crosses(client: End, server: End) -> bool:
    """Whether one-node traffic leaves the node all the same: branch interfaces in strict mode do."""
    return Attachment.BRANCH_STRICT in (client.interface.attachment, server.interface.attachment)


def _policy_hop(layer: Layer, decision: Decision) -> Hop:
    outcome = decision.outcome
    at = decision.refs[0].key if decision.refs else "NetworkPolicy"
    if isinstance(outcome, Unknown):
        return Hop(layer, Outcome.UNKNOWN, at, decision.text, decision.refs, outcome)
    word = {"allowed": Outcome.WORKS, "refused": Outcome.BLOCKED, "varies": Outcome.VARIES}[outcome]
    return Hop(layer, word, at, decision.text, decision.refs)


def _policy_index(world: World, dialect: Dialect) -> PolicyIndex:
    """The index of the world's policies; worlds of snapshots with the same policies share it and what it remembers."""
    incomplete = world.snapshot.missing(kinds.NETWORK_POLICIES)
    table = world.snapshot.tables.get(kinds.NETWORK_POLICIES.name)
    if table is None:
        return PolicyIndex((), dialect, incomplete=incomplete)
    made = table.derived(_no_indexes)
    key = (dialect, incomplete)
    if key not in made:
        made[key] = PolicyIndex(table.objects, dialect, incomplete=incomplete)
    return made[key]


def _no_indexes(_policies: Table[NetworkPolicy]) -> dict[tuple[Dialect, Unknown | None], PolicyIndex]:
    return {}


def _other_policies(world: World) -> Unknown | None:
    """Why policies of other kinds than NetworkPolicy may decide: they exist, or were not read; None when there are none.

    A kind whose CRD is not installed has no objects.
    """
    if world.plane.policies is False:
        return None
    snapshot = world.snapshot
    missing_crds = snapshot.missing(kinds.CRDS)
    installed = {obj.metadata.name for obj in snapshot.objects(kinds.CRDS)}
    for kind in kinds.OTHER_POLICIES:
        if snapshot.objects(kind):
            count = len(snapshot.objects(kind))
            return Unknown(Cause.NOT_MODELLED, f"{count} {kind.wire} ({kind.group}) exist and are not modelled")
        missing = snapshot.missing(kind)
        if missing is None:
            continue
        if missing_crds is not None:
            what = "whether policies of other kinds exist is not known: customresourcedefinitions not collected"
            return Unknown(missing_crds.cause, what, missing_crds.remedy)
        if f"{kind.resource}.{kind.group}" in installed:
            return Unknown(missing.cause, f"whether any {kind.wire} ({kind.group}) exists was not read", missing.remedy)
    return None
