"""What a Service does to a connection: where it leads, in which stretches, and to which port.

kube-proxy translates on the client's node, so all later layers see the pod's address and container port. A node port
is translated on the node that is dialled, which then passes the connection on: a second stretch.
Sources: Kubernetes documentation, "Service", "Virtual IPs and Service Proxies" (Traffic policies) and "Using Source
IP"; kubernetes pkg/proxy/iptables/proxier.go (chains of external traffic) and pkg/proxy/util ``ShouldSkipService``;
reference "6. Services".
"""

from __future__ import annotations

import msgspec

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import End, Flow, at_address, family_of, namespace_labels
from clusterproof.reach.networkpolicy import ServiceView
from clusterproof.reach.policies import cluster_wide
from clusterproof.reach.segments import Segment
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import NetworkPolicy, Service, ServicePort
from clusterproof.snapshot.snapshot import Table
from clusterproof.world.model import Attachment, Workload
from clusterproof.world.services import Backend, target_port
from clusterproof.world.world import World


class NodeDoor(msgspec.Struct, frozen=True):
    """A Service that is dialled at a node: at its node port, or at the balancer's address on the client's own node.

    Attributes:
        backend: the Service and the port of it.
        node: the node that takes the connection, on its primary interface.
        with_client, with_server: the client, the server is on that node.
        balancer: the balancer's address is dialled: the client's own node takes it, and nothing is sent before.
    """

    backend: Backend
    node: End
    with_client: bool
    with_server: bool
    balancer: str = ""


Via = Backend | NodeDoor
"""Through what a client connects: one port of a Service, at its cluster address or name, or at a node."""


def via_key(via: Via | None) -> tuple[object, ...]:
    """What tells two ways to one port of one server apart; empty for the direct one."""
    if via is None:
        return ()
    if isinstance(via, NodeDoor):
        return *via_key(via.backend), *via.node.key, via.with_client, via.with_server, via.balancer
    return via.service.metadata.namespace, via.service.metadata.name, via.port.name, via.address_port


def way(
    world: World, client: End, server: End, port: int, protocol: str, via: Via | None, *, same_node: bool
) -> tuple[Hop | Segment, ...]:
    """The way from a client to a server: judgements of Services, and the stretches that other layers judge, in order.

    Args:
        world: its namespaces and IP family are read.
        client: who connects.
        server: who listens: one endpoint of the Service.
        port: the Service's port with ``via``, else the server's own.
        protocol: TCP, UDP or SCTP.
        via: the Service; None when the server's address is dialled.
        same_node: the two ends are on one node.
    """
    family = family_of(world, client, server)
    if via is None:
        return (Segment(client, server, Flow(port, protocol, family), same_node),)
    if isinstance(via, NodeDoor):
        opened = _through_node(client, server, protocol, via, family, same_node=same_node)
        return *_before_or_after(world, client, server, via), *opened
    hop, number = service_hop(via, server.workload, same_node=same_node)
    if number is None:
        return (hop,)
    return hop, Segment(client, server, Flow(number, protocol, family), same_node, service_view(world, via))


def _through_node(
    client: End, server: End, protocol: str, via: NodeDoor, family: int, *, same_node: bool
) -> tuple[Hop | Segment, ...]:
    """To a node, and from there to the server.

    Under externalTrafficPolicy Cluster the node is the source of the second stretch (kube-proxy masquerades). Under
    Local it passes the connection to pods of its own only, with the client's address, and drops it where it has none.
    """
    backend, node = via.backend, via.node
    at = f"Service {backend.key}"
    number = _behind(backend, server.workload)
    dialled = backend.port.port if via.balancer else backend.port.node_port
    if number is None:
        return (_unnamed(backend, server.workload),)
    if not dialled or backend.service.spec.type not in ("NodePort", "LoadBalancer"):
        text = f"port {backend.port.port} has no node port (type {backend.service.spec.type})"
        return (Hop(Layer.SERVICE, Outcome.BLOCKED, at, text, (backend.ref,)),)
    local = backend.service.spec.external_traffic_policy == "Local"
    own = via.with_client and client.host_network
    if local and not own:
        refusal = _kept(via, server, at)
        if refusal is not None:
            return (refusal,)
    where = f"{via.balancer or node.text}:{dialled}"
    how = "with the client's address" if local and not own else f"from {node.text}'s own address"
    text = f"{where} -> port {number} of {_name(server.workload)} {how}"
    hop = Hop(Layer.SERVICE, Outcome.WORKS, at, text, (backend.ref,))
    if via.balancer:
        # Translated before it is sent: only policies before the translation see the address.
        outside = at_address(AddressSet.of(via.balancer))
        first = Segment(client, outside, Flow(dialled, protocol, family), wire=False)
    else:
        first = Segment(client, node, Flow(dialled, protocol, family), via.with_client)
    if local and not own:
        second = Segment(client, server, Flow(number, protocol, family), same_node, egress=False, wire=False)
    else:
        second = Segment(node, server, Flow(number, protocol, family), via.with_server)
    return hop, first, second


def _before_or_after(world: World, client: End, server: End, via: NodeDoor) -> tuple[Hop, ...]:
    """Which addresses policies see on the way through a node, where policies may judge and that is not known.

    "It is not defined whether this happens before or after NetworkPolicy processing" (Kubernetes documentation,
    "Network Policies"); of cluster-wide policies the API says no more. The VPC CNI's hooks stand at the pod's own interface: before the client's translation and
    after the server's.
    """
    if world.plane.policies is False or world.plane.policy_engine == "VPC CNI":
        return ()
    table = world.snapshot.tables.get(kinds.NETWORK_POLICIES.name)
    spaces = table.derived(_policed) if table is not None else frozenset()
    found = any(end.workload is not None and end.workload.namespace in spaces for end in (client, server))
    # What was not read may judge as well; a node's way to its own pods asks no policy of theirs.
    unread = world.snapshot.missing(kinds.NETWORK_POLICIES)
    if not found and unread is None and not cluster_wide(world, (client, server)):
        return ()
    what = (
        f"whether policies of {world.plane.policy_engine or 'the network plugin'} see addresses before or after "
        "a node translates them is not defined"
    )
    return (unknown_hop(Layer.SERVICE, f"Service {via.backend.key}", Unknown(Cause.NOT_ANSWERABLE, what)),)


def _policed(policies: Table[NetworkPolicy]) -> frozenset[str]:
    """The namespaces in which NetworkPolicies stand."""
    return frozenset(policy.metadata.namespace for policy in policies.objects)


def _kept(via: NodeDoor, server: End, at: str) -> Hop | None:
    """Why a node under externalTrafficPolicy Local does not pass a connection on to this server; None where it does."""
    ref = (via.backend.ref,)
    if not via.with_server:
        if via.with_client:
            what = (
                "externalTrafficPolicy Local: what a pod sends to its own node, which has no endpoint, is dropped, "
                "unless kube-proxy was told which pods are its own (detectLocalMode): then any endpoint answers"
            )
            remedy = "see the kube-proxy-config ConfigMap in kube-system"
            return msgspec.structs.replace(
                unknown_hop(Layer.SERVICE, at, Unknown(Cause.NOT_COLLECTED, what, remedy)), refs=ref
            )
        text = f"externalTrafficPolicy Local: {via.node.text} has no endpoint of its own and drops the connection"
        return Hop(Layer.SERVICE, Outcome.BLOCKED, at, text, ref)
    if server.interface.attachment is Attachment.BRANCH_STRICT:
        what = (
            "externalTrafficPolicy Local is not supported for pods with security groups of their own in strict mode "
            '(EKS User Guide, "Assign security groups to individual Pods", Considerations)'
        )
        return msgspec.structs.replace(unknown_hop(Layer.SERVICE, at, Unknown(Cause.NOT_MODELLED, what)), refs=ref)
    return None


def _behind(via: Backend, workload: Workload | None) -> int | None:
    """The port at the endpoint; None where its name leads nowhere."""
    return target_port(via.port, workload) if workload is not None and via.service.spec.selector else via.address_port


def _name(workload: Workload | None) -> str:
    return workload.id if workload is not None else "its endpoints"


def _unnamed(via: Backend, workload: Workload | None) -> Hop:
    at = f"Service {via.key}"
    if not via.service.spec.selector:
        text = f"its endpoints have no port for {via.port.port}/{via.port.protocol}"
    else:
        text = f"targetPort {via.port.target_port!r} is a name that no container of {_name(workload)} has"
    return Hop(Layer.SERVICE, Outcome.BLOCKED, at, text, (via.ref,))


def service_hop(via: Backend, workload: Workload | None, *, same_node: bool) -> tuple[Hop, int | None]:
    """What kube-proxy does with a Service port, and the container port behind it; None where nothing is reached.

    A headless Service is none of kube-proxy's: its name leads to the pods, whatever internalTrafficPolicy says.
    """
    service, port = via.service, via.port
    name = via.key
    spec = service.spec
    at = f"Service {name}"
    address = spec.cluster_ip or name
    if spec.type == "ExternalName":
        unknown = Unknown(Cause.NOT_MODELLED, f"Service {name} is an external name ({spec.external_name})")
        return unknown_hop(Layer.SERVICE, at, unknown), None
    ready = "" if via.ready is None else f", {via.ready} ready now"
    number = _behind(via, workload)
    if number is None and not (via.headless and not spec.selector):
        return _unnamed(via, workload), None
    if via.headless:
        # A headless name leads to the pods themselves; nothing translates the port.
        text = (
            f"headless: the name leads to {'the pods' if spec.selector else 'the endpoints'}, port {port.port}{ready}"
        )
        return Hop(Layer.SERVICE, Outcome.WORKS, at, text, (via.ref,)), port.port
    if via.local and not same_node:
        text = "internalTrafficPolicy Local: a node without an endpoint of its own drops the connection"
        return Hop(Layer.SERVICE, Outcome.BLOCKED, at, text, (via.ref,)), None
    text = f"{address}:{port.port} -> port {number} of {_name(workload)}{ready}"
    return Hop(Layer.SERVICE, Outcome.WORKS, at, text, (via.ref,)), number


def service_view(world: World, via: Backend) -> ServiceView:
    """The Service as policies see it that judge before translation."""
    service: Service = via.service
    ports: tuple[ServicePort, ...] = service.spec.ports
    return ServiceView(
        namespace=service.metadata.namespace,
        name=service.metadata.name,
        port=via.port.port,
        namespace_labels=namespace_labels(world, service.metadata.namespace),
        selector=service.spec.selector,
        cluster_ip=service.spec.cluster_ip,
        ports=ports,
    )
