"""The DNS leg: a name is two questions, DNS and then the port.

A pod with dnsPolicy ClusterFirst asks the cluster's DNS Service over UDP 53;
the answer comes from any of the DNS pods, wherever they may be scheduled. A
host-network pod without ClusterFirstWithHostNet asks the node's resolver, which
knows no Service.
Source: Kubernetes "DNS for Services and Pods", "Pod's DNS Policy".
"""

from __future__ import annotations

from collections.abc import Iterator

from clusterproof.checks.context import Context
from clusterproof.checks.parties import Sides, unread_places
from clusterproof.placement.places import Place
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace, unknown_hop
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Service
from clusterproof.verdict.cells import pairs
from clusterproof.world.model import Workload
from clusterproof.world.services import Backend

_PORT, _PROTOCOL = 53, "UDP"


class Names:
    """Answers whether a client can resolve Service names; memoised on what layers can read of the client."""

    def __init__(self, context: Context, paths: Paths) -> None:
        self._context = context
        self._paths = paths
        self._memo: dict[tuple[object, ...], Hop] = {}
        self._service = _dns_service(context)
        self._node_local = any(_is_node_local(workload) for workload in context.world.workloads)

    def hop(self, client: End, place: Place) -> Hop:
        """The DNS hop of a client at a place."""
        token = (client.key, place.node_class.id)
        found = self._memo.get(token)
        if found is None:
            found = self._memo[token] = self._ask(client, place)
        return found

    def _ask(self, client: End, place: Place) -> Hop:
        if client.workload is None:
            return _plain(Outcome.BLOCKED, "a node", "a node's own resolver knows no Service names")
        spec = client.workload.spec
        policy = spec.dns_policy
        ref = client.workload.ref or Ref("workloads", client.workload.id)
        if policy == "None":
            return unknown_hop(
                Layer.DNS, client.workload.id, Unknown(Cause.NOT_MODELLED, "dnsPolicy None: its own resolver")
            )
        if policy == "Default" or (spec.host_network and policy != "ClusterFirstWithHostNet"):
            text = f"dnsPolicy {policy}{' on the host network' if spec.host_network else ''}: no Service name resolves"
            return Hop(Layer.DNS, Outcome.BLOCKED, client.workload.id, text, (ref,))
        if self._node_local:
            why = "NodeLocal DNSCache answers on each node; its own leg to CoreDNS is not modelled"
            return unknown_hop(Layer.DNS, "node-local-dns", Unknown(Cause.NOT_MODELLED, why))
        if isinstance(self._service, Unknown):
            return unknown_hop(Layer.DNS, "cluster DNS", self._service)
        return self._through(self._service, client, client.workload, place)

    def _through(self, backend: Backend, client: End, workload: Workload, place: Place) -> Hop:
        at = f"DNS {backend.service.spec.cluster_ip or backend.service.metadata.name}"
        if not backend.workloads:
            unread = self._unread_pods(backend.service)
            if unread is None and place.node_class.pod_network is not None:
                unread = Unknown(Cause.NOT_MODELLED, "EKS Auto Mode answers DNS on each node, which is not modelled")
            if unread is not None:
                return unknown_hop(Layer.DNS, at, unread)
            return Hop(Layer.DNS, Outcome.BLOCKED, at, "no workload stands behind the DNS Service", (backend.ref,))
        outcomes: list[tuple[Outcome, str, Hop | None]] = []
        doubts: list[tuple[Unknown, str]] = []
        for _, group, trace, doubt in self._answers(backend, client, workload, place):
            if doubt is not None:
                doubts.append((doubt, group))
            if doubt is None or trace.outcome is Outcome.WORKS:
                outcomes.append((trace.outcome, group, trace.first_blocking))
            else:
                outcomes.append((Outcome.UNKNOWN, group, unknown_hop(Layer.DNS, group, doubt)))
        if doubts and len(doubts) == len(outcomes):
            # It is not certain that there is any place for a DNS pod.
            doubt, group = doubts[0]
            outcomes.append((Outcome.UNKNOWN, group, unknown_hop(Layer.DNS, group, doubt)))
        return _folded(at, outcomes, backend)

    def _answers(
        self, backend: Backend, client: End, workload: Workload, place: Place
    ) -> Iterator[tuple[End, str, Trace, Unknown | None]]:
        """Each place of each DNS pod: its end, its node group, the trace to it, and why it may be no place."""
        for server in backend.workloads:
            for pair in pairs(self._context.world, workload, server, (place,), self._context.places(server).places):
                end = End(pair.server.interface, server, f"{server.id} on {pair.server.node_class.group}")
                trace = self._paths.connect(client, end, _PORT, _PROTOCOL, via=backend, same_node=not pair.apart)
                yield end, pair.server.node_class.group, trace, pair.server.doubt

    def _unread_pods(self, service: Service) -> Unknown | None:
        snapshot, namespace = self._context.world.snapshot, service.metadata.namespace
        return snapshot.missing(kinds.PODS, namespace) or snapshot.missing(kinds.DEPLOYMENTS, namespace)

    def unread(self) -> tuple[Unknown, ...]:
        """What may hold DNS pods besides their places, and was not read."""
        if isinstance(self._service, Unknown):
            return ()
        return unread_places(self._context, Sides(()))

    def legs(self, client: End, place: Place) -> tuple[tuple[End, str, Backend, Trace], ...]:
        """What the DNS hop was folded from: each DNS pod's end, node group, the Service, and the whole trace.

        Empty where the client asks no cluster DNS (:meth:`hop` says why). Repairs read it.
        """
        backend = self._service
        if client.workload is None or isinstance(backend, Unknown):
            return ()
        if not self.hop(client, place).at.startswith("DNS "):
            return ()
        return tuple(
            (end, group, backend, trace)
            for end, group, trace, _ in self._answers(backend, client, client.workload, place)
        )


def _folded(at: str, outcomes: list[tuple[Outcome, str, Hop | None]], backend: Backend) -> Hop:
    """Any DNS pod may answer: all must be reachable; all blocked blocks; else it varies."""
    seen = {outcome for outcome, _, _ in outcomes}
    groups = ", ".join(sorted({group for _, group, _ in outcomes}))
    if not seen:
        return Hop(Layer.DNS, Outcome.BLOCKED, at, "the DNS pods cannot be scheduled anywhere", (backend.ref,))
    if seen == {Outcome.WORKS}:
        return Hop(Layer.DNS, Outcome.WORKS, at, f"udp 53 reaches the DNS pods on {groups}", (backend.ref,))
    group, hop = next(
        (group, hop)
        for word in (Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN)
        for outcome, group, hop in outcomes
        if outcome is word and hop is not None
    )
    text = f"udp 53 to the DNS pods on {group}: {hop.at}: {hop.text}"
    if not seen & {Outcome.BLOCKED, Outcome.VARIES}:
        return Hop(Layer.DNS, Outcome.UNKNOWN, at, text, hop.refs, hop.unknown)
    word = Outcome.BLOCKED if seen == {Outcome.BLOCKED} else Outcome.VARIES
    return Hop(Layer.DNS, word, at, text, hop.refs)


def _plain(outcome: Outcome, at: str, text: str) -> Hop:
    return Hop(Layer.DNS, outcome, at, text)


def dns_service(context: Context) -> Service | Unknown:
    """The cluster's DNS Service: ``kube-system/kube-dns``, else the one labelled ``k8s-app=kube-dns``."""
    services = context.world.services
    service = services.get("kube-system/kube-dns")
    if service is not None:
        return service
    for candidate in services.all().values():
        if candidate.metadata.labels.get("k8s-app") == "kube-dns":
            return candidate
    return context.world.snapshot.missing(kinds.SERVICES, "kube-system") or Unknown(
        Cause.INCOMPLETE, "the cluster's DNS Service (kube-system/kube-dns) was not found"
    )


def _is_node_local(workload: Workload) -> bool:
    """NodeLocal DNSCache, by its usual name or its image, whatever it is called."""
    if workload.kind != "DaemonSet":
        return False
    images = (container.image for container in workload.spec.containers)
    return workload.id == "ds/kube-system/node-local-dns" or any("k8s-dns-node-cache" in image for image in images)


def _dns_service(context: Context) -> Backend | Unknown:
    service = dns_service(context)
    if isinstance(service, Unknown):
        return service
    for port in service.spec.ports:
        if port.port == _PORT and port.protocol == _PROTOCOL:
            return context.world.services.backend(service, port)
    return Unknown(Cause.INCOMPLETE, f"Service {service.metadata.name} publishes no 53/UDP")
