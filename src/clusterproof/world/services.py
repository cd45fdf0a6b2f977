"""Services and what stands behind them, today and tomorrow.

kube-proxy sends a connection to one of the Service's endpoints, so the verdict
is over all of them; where the pods may be tomorrow is placement's question.
Sources: Kubernetes "Service" and "EndpointSlices"; reference "6. Services".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.snapshot.kubernetes import EndpointSlice, Labels, Service, ServicePort
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Workload


class Backend(msgspec.Struct, frozen=True):
    """What one Service port leads to.

    Attributes:
        service, port: the Service and the port of it.
        workloads: those that its selector selects, sorted by id.
        addresses: endpoint addresses that are no pod's (a Service without selector), sorted.
        ready: endpoints that are ready now; None when the endpoints were not read.
        ref: the Service as evidence.
    """

    service: Service
    port: ServicePort
    workloads: tuple[Workload, ...]
    addresses: tuple[str, ...] = ()
    address_port: int | None = None
    ready: int | None = None
    ref: Ref = msgspec.field(default_factory=lambda: Ref("services", ""))


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
            found = [
                workload
                for workload in self._workloads.get(service.metadata.namespace, ())
                if selector and selects(selector, workload)
            ]
            self._selected[key] = tuple(found)
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
        addresses, address_port, ready = self._endpoints(service, port)
        ref = Ref("services", key, "spec.ports", f"{port.port}/{port.protocol} -> {port.target_port or port.port}")
        workloads = self.selected(service)
        return Backend(service, port, workloads, () if service.spec.selector else addresses, address_port, ready, ref)

    def _endpoints(self, service: Service, port: ServicePort) -> tuple[tuple[str, ...], int | None, int | None]:
        """Ready addresses now, their port, and how many; the count is None when no endpoints were read."""
        name, namespace = service.metadata.name, service.metadata.namespace
        addresses: set[str] = set()
        number: int | None = None
        seen = False
        for piece in self._slices.get((namespace, name), ()):
            seen = True
            for item in piece.ports:
                if item.name == port.name and item.protocol == port.protocol:
                    number = item.port
            for endpoint in piece.endpoints:
                ready = endpoint.conditions.ready is not False or service.spec.publish_not_ready_addresses
                if ready:
                    addresses.update(endpoint.addresses)
        if not seen:
            endpoints = self._snapshot.get(kinds.ENDPOINTS, f"{namespace}/{name}")
            if endpoints is None:
                known = self._snapshot.missing(kinds.ENDPOINT_SLICES, namespace) is None
                return (), None, 0 if known else None
            for subset in endpoints.subsets:
                addresses.update(address.ip for address in subset.addresses)
                for item in subset.ports:
                    if item.name == port.name:
                        number = item.port
        return tuple(sorted(addresses)), number, len(addresses)

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
    """The container port behind a Service port; None when a name is on no container of the workload."""
    target = port.target_port
    if target is None or target in (0, ""):
        return port.port
    if isinstance(target, int):
        return target
    if target.isdigit():
        return int(target)
    for container in (*workload.spec.containers, *workload.spec.init_containers):
        for item in container.ports:
            if item.name == target and item.protocol == port.protocol:
                return item.container_port
    return None
