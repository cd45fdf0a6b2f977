"""What a Service does to a connection: where it leads, in which stretches, and to which port.

kube-proxy translates on the client's node, so all later layers see the pod's address and container port.
Sources: Kubernetes documentation, "Service" and "Virtual IPs and Service Proxies"; reference "6. Services".
"""

from __future__ import annotations

from clusterproof.reach.ends import End, Flow, family_of, namespace_labels
from clusterproof.reach.networkpolicy import ServiceView
from clusterproof.reach.segments import Segment
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Service, ServicePort
from clusterproof.world.model import Workload
from clusterproof.world.services import Backend, target_port
from clusterproof.world.world import World

Via = Backend
"""Through what a client connects: one port of a Service."""


def via_key(via: Via | None) -> tuple[object, ...]:
    """What tells two ways to one port of one server apart; empty for the direct one."""
    return () if via is None else (via.service.metadata.namespace, via.service.metadata.name)


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
    hop, number = service_hop(via, server.workload, same_node=same_node)
    if number is None:
        return (hop,)
    return hop, Segment(client, server, Flow(number, protocol, family), same_node, service_view(world, via))


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


def service_view(world: World, via: Via) -> ServiceView:
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
