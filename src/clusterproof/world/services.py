"""Services and what stands behind them, today and tomorrow.

kube-proxy sends a connection to one of the Service's endpoints, so the verdict
is over all of them; where the pods may be tomorrow is placement's question.
Sources: Kubernetes "Service" and "EndpointSlices"; reference "6. Services".
"""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import EndpointSlice, Labels, Service, ServicePort
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Workload


class Door(enum.StrEnum):
    """Where a Service is dialled."""

    CLUSTER = "cluster address"
    """At its cluster address, or, where it is headless, at its endpoints."""
    NODE = "node port"
    """At the node port, on any node."""
    BALANCER = "load balancer"
    """At the address of its load balancer."""


class Backend(msgspec.Struct, frozen=True):
    """What one Service port leads to.

    Attributes:
        service, port: the Service and the port of it.
        workloads: those that its selector selects, sorted by id.
        addresses: addresses of the endpoints of a Service without selector, sorted.
        address_port: the port at these.
        unread: why the addresses of a Service without selector are not known; None where they are, or it has one.
        ready: endpoints that are ready now; None when the endpoints were not read.
        ref: the Service as evidence.
    """

    service: Service
    port: ServicePort
    workloads: tuple[Workload, ...]
    addresses: tuple[str, ...] = ()
    address_port: int | None = None
    unread: Unknown | None = None
    ready: int | None = None
    ref: Ref = msgspec.field(default_factory=lambda: Ref("services", ""))

    @property
    def key(self) -> str:
        """``namespace/name`` of the Service."""
        return f"{self.service.metadata.namespace}/{self.service.metadata.name}"

    @property
    def headless(self) -> bool:
        """Whether kube-proxy leaves it alone: it has no cluster address."""
        return self.service.spec.cluster_ip == "None"

    @property
    def local(self) -> bool:
        """Whether a node answers its own clients only from its own endpoints (internalTrafficPolicy Local).

        kube-proxy skips headless Services, which this does not touch (pkg/proxy/util ``ShouldSkipService``).
        """
        return self.service.spec.internal_traffic_policy == "Local" and not self.headless


class Services:
    """Finds Services by name, by workload and by port."""

    def __init__(self, snapshot: Snapshot, workloads: Sequence[Workload]) -> None:
        self._snapshot = snapshot
        self._workloads: defaultdict[str, list[Workload]] = defaultdict(list)
        for workload in workloads:
            self._workloads[workload.namespace].append(workload)
        self._services: dict[str, Service] = {
            f"{service.metadata.namespace}/{service.metadata.name}": service
            for service in snapshot.objects(kinds.SERVICES)
        }
        self._by_namespace: defaultdict[str, list[Service]] = defaultdict(list)
        for service in self._services.values():
            self._by_namespace[service.metadata.namespace].append(service)
        self._selected: dict[str, tuple[Workload, ...]] = {}

    @cached_property
    def _labelled(self) -> dict[tuple[str, tuple[str, str]], list[Workload]]:
        """Workloads in order, by namespace and each of their labels."""
        found: defaultdict[tuple[str, tuple[str, str]], list[Workload]] = defaultdict(list)
        for namespace, workloads in self._workloads.items():
            for workload in workloads:
                for label in workload.labels.items():
                    found[(namespace, label)].append(workload)
        return found

    def all(self) -> Mapping[str, Service]:
        """Every Service by ``namespace/name``, in snapshot order."""
        return self._services

    def get(self, key: str) -> Service | None:
        """A Service by ``namespace/name``."""
        return self._services.get(key)

    def within(self, namespace: str) -> Sequence[Service]:
        """The Services of a namespace, in snapshot order."""
        return self._by_namespace.get(namespace, ())

    def selected(self, service: Service) -> tuple[Workload, ...]:
        """The workloads whose pods a Service selects."""
        key = f"{service.metadata.namespace}/{service.metadata.name}"
        if key not in self._selected:
            selector = service.spec.selector
            # One label that it demands leads to the few workloads that it may select.
            label = min(selector.items(), default=None)
            candidates = self._labelled.get((service.metadata.namespace, label), ()) if label is not None else ()
            self._selected[key] = tuple(workload for workload in candidates if selects(selector, workload))
        return self._selected[key]

    def of_workload(self, workload: Workload, port: int, protocol: str) -> tuple[tuple[Service, ServicePort], ...]:
        """The Services that publish a port and select the workload; ClusterIP ones before headless ones."""
        found = [
            (service, item)
            for service in self.within(workload.namespace)
            if workload in self.selected(service)
            for item in service.spec.ports
            if item.port == port and item.protocol == protocol
        ]
        return tuple(sorted(found, key=lambda pair: (pair[0].spec.cluster_ip == "None", pair[0].metadata.name)))

    def missing(self, namespace: str) -> Unknown | None:
        """Why the Services of a namespace are not completely known."""
        return self._snapshot.missing(kinds.SERVICES, namespace)

    def backend(self, service: Service, port: ServicePort) -> Backend:
        """What stands behind one port of a Service."""
        key = f"{service.metadata.namespace}/{service.metadata.name}"
        addresses, numbers, ready = self._endpoints(service, port)
        address_port = next(iter(numbers), None)
        ref = Ref("services", key, "spec.ports", f"{port.port}/{port.protocol} -> {port.target_port or port.port}")
        unread = None
        if service.spec.selector:
            addresses, address_port = (), None
        elif len(numbers) > 1:
            addresses, address_port = (), None
            told = ", ".join(map(str, numbers))
            unread = Unknown(
                Cause.NOT_MODELLED,
                f"port {port.port} of Service {key} leads to different ports of its endpoints: {told}",
            )
        elif not addresses:
            unread = self._snapshot.missing(kinds.ENDPOINT_SLICES, service.metadata.namespace) or Unknown(
                Cause.NOT_ANSWERABLE,
                f"Service {key} has no selector and no ready endpoint today, so where it leads is not known",
            )
        return Backend(service, port, self.selected(service), addresses, address_port, unread, ready, ref)

    def _endpoints(self, service: Service, port: ServicePort) -> tuple[tuple[str, ...], tuple[int, ...], int | None]:
        """Ready addresses now, their ports in order, and how many; the count is None when no endpoints were read."""
        name, namespace = service.metadata.name, service.metadata.namespace
        addresses: set[str] = set()
        numbers: set[int] = set()
        seen = False
        for piece in self._slices.get((namespace, name), ()):
            seen = True
            for item in piece.ports:
                if item.name == port.name and item.protocol == port.protocol and item.port is not None:
                    numbers.add(item.port)
            for endpoint in piece.endpoints:
                ready = endpoint.conditions.ready is not False or service.spec.publish_not_ready_addresses
                if ready:
                    addresses.update(endpoint.addresses)
        if not seen:
            endpoints = self._snapshot.get(kinds.ENDPOINTS, f"{namespace}/{name}")
            if endpoints is None:
                known = self._snapshot.missing(kinds.ENDPOINT_SLICES, namespace) is None
                return (), (), 0 if known else None
            for subset in endpoints.subsets:
                addresses.update(address.ip for address in subset.addresses)
                for item in subset.ports:
                    if item.name == port.name and item.port is not None:
                        numbers.add(item.port)
        return tuple(sorted(addresses)), tuple(sorted(numbers)), len(addresses)

    @cached_property
    def _slices(self) -> dict[tuple[str, str], list[EndpointSlice]]:
        found: defaultdict[tuple[str, str], list[EndpointSlice]] = defaultdict(list)
        for piece in self._snapshot.objects(kinds.ENDPOINT_SLICES):
            service = piece.metadata.labels.get("kubernetes.io/service-name", "")
            found[(piece.metadata.namespace, service)].append(piece)
        return found


def selects(selector: Labels, workload: Workload) -> bool:
    """Whether a Service's selector selects the workload's pods."""
    labels = workload.labels
    return all(labels.get(key) == value for key, value in selector.items())


def target_port(port: ServicePort, workload: Workload) -> int | None:
    """The container port behind a Service port; None when a name is on no container of the workload.

    A name is looked up on the containers, then on the init containers that stay (``restartPolicy: Always``); the
    ports of init containers that end are nobody's (kubernetes pkg/api/v1/pod ``FindPort``; KEP-753).
    """
    target = port.target_port
    if target is None or target in (0, ""):
        return port.port
    if isinstance(target, int):
        return target
    if target.isdigit():
        return int(target)
    stays = (container for container in workload.spec.init_containers if container.restart_policy == "Always")
    for container in (*workload.spec.containers, *stays):
        for item in container.ports:
            if item.name == target and item.protocol == port.protocol:
                return item.container_port
    return None
