"""The DNS leg: a name is two questions, DNS and then the port.

A pod with dnsPolicy ClusterFirst asks the cluster's DNS Service over UDP 53; the answer comes from any of the DNS
pods, wherever they may be scheduled. A host-network pod without ClusterFirstWithHostNet asks the node's resolver,
which knows no Service. An answer that does not fit into a UDP message comes over TCP 53 instead: TCP is asked as well,
and decides for names with many addresses (headless Services); for one cluster address it is told and not needed.
Sources: Kubernetes documentation, "DNS for Services and Pods", "Pod's DNS Policy", and "Using NodeLocal DNSCache in
Kubernetes Clusters"; RFC 1035, sections 2.3.4 and 4.1; RFC 7766, section 5; Amazon EKS User Guide, "Assign security
groups to individual Pods", Considerations.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from clusterproof.checks.asleep import asleep_hop
from clusterproof.checks.context import Context
from clusterproof.checks.nodelocal import Cache, node_local
from clusterproof.checks.parties import Sides, unread_places
from clusterproof.placement.places import Place
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.trace import Hop, Layer, Outcome, Trace, unknown_hop
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import Service
from clusterproof.verdict.cells import pairs
from clusterproof.world.model import Attachment, Workload
from clusterproof.world.services import Backend

_PORT, _PROTOCOL = 53, "UDP"
_UDP_BYTES = 512
_NOT_WHOLE = f"an answer of more than {_UDP_BYTES} bytes would not come"


class Names:
    """Answers whether a client can resolve Service names; memoised on what layers can read of the client."""

    def __init__(self, context: Context, paths: Paths) -> None:
        self._context = context
        self._paths = paths
        self._memo: dict[tuple[object, ...], Hop] = {}
        self._service = _dns_service(context, _PROTOCOL)
        self._over_tcp = _dns_service(context, "TCP")
        self._node_local = node_local(context.world)

    def hop(self, client: End, place: Place, asked: Backend | None = None) -> Hop:
        """The DNS hop of a client at a place.

        Args:
            client: who asks.
            place: where it is.
            asked: the Service whose name is asked for; None: one with a cluster address.
        """
        long = may_be_long(asked)
        token = (client.key, place.node_class.id, long)
        found = self._memo.get(token)
        if found is None:
            found = self._memo[token] = self._ask(client, place, long=long)
        return found

    def _ask(self, client: End, place: Place, *, long: bool) -> Hop:
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
        if isinstance(self._node_local, Unknown):
            return unknown_hop(Layer.DNS, "node-local-dns", self._node_local)
        if isinstance(self._service, Unknown):
            return unknown_hop(Layer.DNS, "cluster DNS", self._service)
        if self._node_local is not None:
            return self._cached(self._node_local, self._service, client, client.workload, place, long=long)
        return self._direct(self._service, client, client.workload, place, long=long)

    def _direct(self, backend: Backend, client: End, workload: Workload, place: Place, *, long: bool) -> Hop:
        """The DNS pods themselves, over UDP, and over TCP where the answer may need it."""
        hop = self._through(backend, client, workload, place)
        if hop.outcome is not Outcome.WORKS or isinstance(self._over_tcp, Unknown):
            return hop
        tcp = self._through(self._over_tcp, client, workload, place)
        if tcp.outcome is Outcome.WORKS:
            return hop
        if not long:
            text = f"{hop.text}; {tcp.text}: {_NOT_WHOLE}"
            return msgspec.structs.replace(hop, text=text)
        word = Outcome.UNKNOWN if tcp.outcome is Outcome.UNKNOWN else Outcome.VARIES
        text = f"an answer of more than {_UDP_BYTES} bytes comes over TCP, and {tcp.text}"
        return Hop(Layer.DNS, word, hop.at, text, tcp.refs, tcp.unknown if word is Outcome.UNKNOWN else None)

    def _cached(
        self, cache: Cache, backend: Backend, client: End, workload: Workload, place: Place, *, long: bool
    ) -> Hop:
        """The cache on the client's node, which asks the DNS pods with the node's interface."""
        direct = self._direct(backend, client, workload, place, long=long)
        there = [
            item for item in self._context.places(cache.workload).places if item.node_class.id == place.node_class.id
        ]
        takes_over = backend.service.spec.cluster_ip in cache.listens
        name = f"NodeLocal DNSCache {cache.workload.id}"
        if not there:
            if takes_over or direct.outcome is Outcome.BLOCKED:
                return direct
            what = (
                f"{name} is not on the node, and whether pods there ask it or the DNS Service is the kubelet's to say"
            )
            return unknown_hop(Layer.DNS, name, Unknown(Cause.NOT_COLLECTED, what, "see clusterDNS of the kubelets"))
        if client.interface.attachment is Attachment.BRANCH_STRICT:
            what = f"{name} does not serve pods with security groups of their own in strict mode"
            return Hop(Layer.DNS, Outcome.BLOCKED, name, what, (cache.workload.ref,) if cache.workload.ref else ())
        hop = self._from_node(cache, client, workload, place, backend)
        doubt = next((item.doubt for item in there if item.doubt is not None), None)
        if (takes_over and doubt is None) or hop.outcome is direct.outcome:
            return hop
        if takes_over and doubt is not None:
            return unknown_hop(Layer.DNS, name, doubt)
        what = (
            f"whether pods ask {name} at {', '.join(cache.listens)} or the DNS Service is the kubelet's to say: "
            f"by the cache {hop.outcome.value}, by the Service {direct.outcome.value}"
        )
        return unknown_hop(Layer.DNS, name, Unknown(Cause.NOT_COLLECTED, what, "see clusterDNS of the kubelets"))

    def _from_node(self, cache: Cache, client: End, workload: Workload, place: Place, backend: Backend) -> Hop:
        name = f"NodeLocal DNSCache {cache.workload.id}"
        for _, _, trace, _ in self._answers(backend, client, workload, place):
            refused = [
                hop for hop in trace.hops if hop.layer is Layer.POLICY_EGRESS and hop.outcome is not Outcome.WORKS
            ]
            if refused:
                what = (
                    f"whether policies on egress let {workload.id} ask {name} on its node is not known: "
                    f"they do not surely let it ask the DNS pods ({refused[0].at})"
                )
                return unknown_hop(Layer.DNS, name, Unknown(Cause.NOT_MODELLED, what))
        node = Place(place.node_class, place.node_class.host)
        sender = End(node.interface, cache.workload, f"{cache.workload.id} on {place.node_class.group}")
        udp, tcp = (self._through(one, sender, cache.workload, node) for one in cache.upstream)
        if udp.outcome is not tcp.outcome:
            what = (
                f"whether {name} asks the DNS pods over UDP ({udp.outcome.value}) or TCP ({tcp.outcome.value}) "
                "is in its ConfigMap (force_tcp)"
            )
            return unknown_hop(Layer.DNS, name, Unknown(Cause.NOT_COLLECTED, what))
        text = f"the cache on the node answers; it asks with the node's interface: {tcp.text}"
        return msgspec.structs.replace(udp, at=name, text=text)

    def _through(self, backend: Backend, client: End, workload: Workload, place: Place) -> Hop:
        at = f"DNS {backend.service.spec.cluster_ip or backend.service.metadata.name}"
        if not backend.workloads:
            unread = self._unread_pods(backend.service)
            if unread is None and place.node_class.pod_network is not None:
                unread = Unknown(Cause.NOT_MODELLED, "EKS Auto Mode answers DNS on each node, which is not modelled")
            if unread is not None:
                return unknown_hop(Layer.DNS, at, unread)
            return Hop(Layer.DNS, Outcome.BLOCKED, at, "no workload stands behind the DNS Service", (backend.ref,))
        if all(server.asleep for server in backend.workloads):
            return msgspec.structs.replace(asleep_hop(backend.workloads[0]), layer=Layer.DNS, at=at)
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
            if server.asleep:
                continue
            for pair in pairs(self._context.world, workload, server, (place,), self._context.places(server).places):
                end = End(pair.server.interface, server, f"{server.id} on {pair.server.node_class.group}")
                protocol = backend.port.protocol
                trace = self._paths.connect(client, end, _PORT, protocol, via=backend, same_node=not pair.apart)
                yield end, pair.server.node_class.group, trace, pair.server.doubt

    def backends(self, asked: Backend | None) -> tuple[Backend, ...]:
        """The ports of the DNS Service that the answer for a Service's name may come through."""
        found = (self._service, *((self._over_tcp,) if may_be_long(asked) else ()))
        return tuple(one for one in found if not isinstance(one, Unknown))

    def every_backend(self) -> tuple[Backend, ...]:
        """The ports of the DNS Service, over UDP and TCP."""
        return tuple(one for one in (self._service, self._over_tcp) if not isinstance(one, Unknown))

    def workloads(self) -> tuple[Workload, ...]:
        """Everybody who stands behind the Services that are asked for names."""
        caching = () if self._node_local is None or isinstance(self._node_local, Unknown) else self._node_local.upstream
        found = [one for one in (self._service, self._over_tcp, *caching) if not isinstance(one, Unknown)]
        return tuple({workload.id: workload for one in found for workload in one.workloads}.values())

    def cache(self) -> Workload | None:
        """The cache that a client asks on its own node."""
        found = self._node_local
        return None if found is None or isinstance(found, Unknown) else found.workload

    def _unread_pods(self, service: Service) -> Unknown | None:
        snapshot, namespace = self._context.world.snapshot, service.metadata.namespace
        return snapshot.missing(kinds.PODS, namespace) or snapshot.missing(kinds.DEPLOYMENTS, namespace)

    def unread(self) -> tuple[Unknown, ...]:
        """What may hold DNS pods besides their places, and was not read."""
        if isinstance(self._service, Unknown):
            return ()
        return unread_places(self._context, Sides(()))

    def legs(
        self, client: End, place: Place, asked: Backend | None = None
    ) -> tuple[tuple[End, str, Backend, Trace], ...]:
        """What the DNS hop was folded from: each DNS pod's end, node group, the Service, and the whole trace.

        Over TCP as well where the name that is asked for may need it. Empty where the client asks no cluster DNS (:meth:`hop` says why). Repairs read it.
        """
        backend = self._service
        if client.workload is None or isinstance(backend, Unknown):
            return ()
        if not self.hop(client, place, asked).at.startswith("DNS "):
            return ()
        backends = [backend]
        if may_be_long(asked) and not isinstance(self._over_tcp, Unknown):
            backends.append(self._over_tcp)
        return tuple(
            (end, group, one, trace)
            for one in backends
            for end, group, trace, _ in self._answers(one, client, client.workload, place)
        )


def says_the_same(hop: Hop) -> bool:
    """Whether a hop of a name is the same for all clients that are alike: nothing of the client is in it."""
    return hop.outcome is Outcome.WORKS and _NOT_WHOLE not in hop.text


def may_be_long(asked: Backend | None) -> bool:
    """Whether the answer for a Service's name may need more than a UDP message.

    A cluster address is one record. A headless name has one per pod; each takes the name again, at most, and ten
    bytes and the address (RFC 1035, section 4.1.3).
    """
    if asked is None or not asked.headless:
        return False
    if any(workload.replicas is None and workload.kind != "Pod" for workload in asked.workloads):
        return True
    name = len(f"{asked.service.metadata.name}.{asked.service.metadata.namespace}.svc.cluster.local") + 2
    pods = sum(1 if workload.replicas is None else workload.replicas for workload in asked.workloads)
    count = pods or len(asked.addresses)
    return 12 + name + 4 + count * (name + 10 + 16) > _UDP_BYTES


def _folded(at: str, outcomes: list[tuple[Outcome, str, Hop | None]], backend: Backend) -> Hop:
    """Any DNS pod may answer: all must be reachable; all blocked blocks; else it varies."""
    seen = {outcome for outcome, _, _ in outcomes}
    word_of = backend.port.protocol.lower()
    groups = ", ".join(sorted({group for _, group, _ in outcomes}))
    if not seen:
        return Hop(Layer.DNS, Outcome.BLOCKED, at, "the DNS pods cannot be scheduled anywhere", (backend.ref,))
    if seen == {Outcome.WORKS}:
        return Hop(Layer.DNS, Outcome.WORKS, at, f"{word_of} 53 reaches the DNS pods on {groups}", (backend.ref,))
    group, hop = next(
        (group, hop)
        for word in (Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN)
        for outcome, group, hop in outcomes
        if outcome is word and hop is not None
    )
    text = f"{word_of} 53 to the DNS pods on {group}: {hop.at}: {hop.text}"
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


def _dns_service(context: Context, protocol: str) -> Backend | Unknown:
    service = dns_service(context)
    if isinstance(service, Unknown):
        return service
    for port in service.spec.ports:
        if port.port == _PORT and port.protocol == protocol:
            return context.world.services.backend(service, port)
    return Unknown(Cause.INCOMPLETE, f"Service {service.metadata.name} publishes no 53/{protocol}")
