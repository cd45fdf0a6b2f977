"""What is asked for clients that are no pods and no nodes: the control plane at Services, balancers at their targets."""

from __future__ import annotations

import msgspec

from clusterproof.checks.cell import Question
from clusterproof.checks.context import Context
from clusterproof.checks.parties import Party
from clusterproof.placement.places import Place
from clusterproof.profiles.port import PortRange
from clusterproof.reach.trace import Hop, Layer, Outcome
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import ServicePort
from clusterproof.world.loadbalancers import Balancer, Sends, Target, balancer_of
from clusterproof.world.model import Workload
from clusterproof.world.services import Backend, Door, target_port


class Asked(msgspec.Struct, frozen=True):
    """One question, and who answers where that is not the server that was named.

    Attributes:
        question: what is asked.
        notes: for people.
        servers: who answers instead; empty: the server that was named, and whoever stands behind the Service too.
    """

    question: Question
    notes: tuple[str, ...] = ()
    servers: tuple[Party, ...] = ()


def direct(backend: Backend) -> Backend:
    """A Service as those see it who look up its endpoints themselves: no kube-proxy, so no cluster address, no Local.

    The API servers of EKS and a load balancer with IP targets are on no node of the cluster.
    Source: kubernetes apiserver pkg/util/proxy ``ResolveEndpoint`` (``--enable-aggregator-routing``): any ready
    endpoint, at the port behind the Service's.
    """
    spec = backend.service.spec
    plain = msgspec.structs.replace(
        spec, internal_traffic_policy="Cluster", cluster_ip="" if spec.cluster_ip == "None" else spec.cluster_ip
    )
    return msgspec.structs.replace(backend, service=msgspec.structs.replace(backend.service, spec=plain))


def asked_of(context: Context, client: Party, server: Party, ports: PortRange | None) -> list[Asked] | Unknown | None:
    """What is asked between two parties where one of them is special.

    Args:
        context: its Services and node classes are read.
        client: who connects.
        server: who listens.
        ports: the requirement's; None where the server says which.

    Returns:
        The questions; why they are not known; None where nothing here is special.
    """
    if server.called is not None:
        called = direct(server.called)
        return [Asked(Question(called.port.port, called.port.protocol, called, by_name=False))]
    if client.sends is None or server.workload is None or ports is None:
        return None
    return _sent(context, client.sends, server.workload, ports)


def _sent(context: Context, sends: Sends, workload: Workload, ports: PortRange) -> list[Asked] | Unknown:
    """The connections that a balancer makes to its targets: health checks, and its clients' connections."""
    balancer, services = sends.balancer, context.world.services
    if workload not in services.selected(balancer.service):
        what = f"Service {balancer.key} does not select {workload.id}, so its load balancer has no target there"
        return Unknown(Cause.NOT_ANSWERABLE, what)
    port = next(
        (
            item
            for item in balancer.service.spec.ports
            if ports.low == ports.high and ports.low == item.port and ports.protocol == item.protocol
        ),
        None,
    )
    if port is None:
        return Unknown(Cause.NOT_ANSWERABLE, f"Service {balancer.key} publishes no {ports}")
    target = balancer.target(port)
    if isinstance(target, Unknown):
        return target
    result: list[Asked] = []
    if target.kept is sends.kept or target.unread is not None:
        maybe = target.unread if target.kept is not sends.kept else None
        result.append(_traffic(services.backend(balancer.service, port), target, maybe, balancer))
    if not sends.kept:
        result += _health(context, balancer, port, target, workload)
    return result


def _traffic(backend: Backend, target: Target, maybe: Unknown | None, balancer: Balancer) -> Asked:
    port = backend.port
    how = "their own address" if target.kept else "the balancer's address"
    where = f"node port {port.node_port}" if target.instance else "the pods"
    default = "" if target.unread is None else " (the default; the target group's attribute was not read)"
    note = f"{balancer.name} sends port {port.port} to {where}; targets see clients with {how}{default}"
    if not target.instance:
        question = Question(port.port, port.protocol, direct(backend), by_name=False, maybe=maybe)
        return Asked(question, (note,))
    # Nodes without an endpoint fail the balancer's health checks under Local, and get nothing.
    question = Question(
        port.port, port.protocol, backend, by_name=False, door=Door.NODE, maybe=maybe, own_endpoints=True
    )
    return Asked(question, (note,))


def _health(context: Context, balancer: Balancer, port: ServicePort, target: Target, workload: Workload) -> list[Asked]:
    """Health checks: TCP or HTTP from the balancer's own addresses, to the traffic's port or one of their own."""
    if not target.instance:
        if target.health_port or port.protocol != "TCP":
            number = target.health_port or target_port(port, workload)
            return [Asked(Question(number, "TCP", None, by_name=False))] if number else []
        backend = direct(context.world.services.backend(balancer.service, port))
        return [Asked(Question(port.port, "TCP", backend, by_name=False))]
    if not target.health_port and port.protocol == "TCP":
        backend = context.world.services.backend(balancer.service, port)
        return [Asked(Question(port.port, "TCP", backend, by_name=False, door=Door.NODE, own_endpoints=True))]
    places = tuple(Place(item, item.host) for item in context.world.classes if not item.fargate)
    nodes = Party(None, places, everywhere=False, text="the nodes")
    question = Question(target.health_port or port.node_port, "TCP", None, by_name=False)
    return [Asked(question, (f"health checks go to port {question.port} of each node",), (nodes,))]


def turned_back(context: Context, via: Backend, *, together: bool) -> Hop | None:
    """What happens to a client on a node that is a target of the balancer that it dials; None where nothing of note.

    A target that an internal balancer hands its own connection back to, with its own address, never sees the answer
    as one: the connection times out. Source: Network Load Balancers guide, "Troubleshoot", Requests time out for
    connections from a target to its load balancer.

    Args:
        context: its load balancers are read.
        via: the port of the Service whose balancer is dialled.
        together: a pod behind the Service is on the client's node.
    """
    balancer = balancer_of(context.world.snapshot, via.service)
    target = balancer.target(via.port) if isinstance(balancer, Balancer) else balancer
    if isinstance(balancer, Unknown) or isinstance(target, Unknown) or not (balancer.internal and target.instance):
        return None
    local = via.service.spec.external_traffic_policy == "Local"
    if not target.kept or target.unread is not None or (local and not together):
        return None
    text = "the client's node is a target: where the balancer hands the connection back to it, it times out"
    outcome = Outcome.BLOCKED if local else Outcome.VARIES
    return Hop(Layer.SERVICE, outcome, f"load balancer {balancer.name}", text, balancer.interfaces[0].refs)
