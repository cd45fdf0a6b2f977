"""What a pod asks of a node.

Source: kubernetes ``staging/src/k8s.io/component-helpers/resource/helpers.go`` (``PodRequests``) and
``pkg/scheduler/framework/types.go`` (``Resource.Add``, ``calculateResource``); the defaults of
``pkg/scheduler/util/pod_resources.go`` count a container without a request, for the
least-allocated score only, as 100 millicores and 200 MiB.

Requests that are not written down are the limits: the API server fills them in when a pod is made
(``pkg/apis/core/v1/defaults.go``, ``SetDefaults_Pod`` and ``defaultPodRequests``), and only then, so that the template
of a Deployment or Job still has limits alone. What a pod that exists says already has them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from clusterproof.placement.quantity import amount
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.kubernetes import (
    Container,
    ContainerPort,
    ContainerStatus,
    Pod,
    PodSpec,
    Quantity,
    Resources,
)

Amounts = dict[str, int]
"""Resource name to amount: ``cpu`` in millicores, the rest in whole units."""

NATIVE = ("cpu", "memory", "ephemeral-storage")
"""The resources that every node has, in the scheduler's order."""
DEFAULT_REQUESTS: Mapping[str, int] = {"cpu": 100, "memory": 200 * 1024 * 1024}
FINISHED_PHASES = frozenset({"Succeeded", "Failed"})


class HostPort(msgspec.Struct, frozen=True):
    """A port that a pod takes on its node; ``address`` is ``0.0.0.0`` for every address."""

    port: int
    protocol: str
    address: str

    def conflicts(self, other: HostPort) -> bool:
        """Whether the two cannot be on one node (``HostPortInfo.CheckConflict``)."""
        return (
            self.port == other.port
            and self.protocol == other.protocol
            and (self.address == other.address or "0.0.0.0" in (self.address, other.address))  # noqa: S104
        )


def pod_requests(spec: PodSpec, missing: Mapping[str, int] | None = None) -> Amounts:
    """The requests of a pod: the containers together, or the largest init container where that is more.

    Init containers that restart always (sidecars) run beside the containers and count with them; the others run
    one by one beside the sidecars that started before them. What the pod asks for as a whole (``spec.resources``, on
    by default since Kubernetes 1.34) stands in place of that sum. Overhead is added at the end.

    Args:
        spec: the pod.
        missing: what a container counts for where it names no request of that resource.

    Raises:
        QuantityError: a request is no quantity.
    """
    whole = _pod_level(spec)
    if whole and missing:
        asked = _of_containers(spec, None) | whole
        missing = {name: value for name, value in missing.items() if name not in asked}
    total = _of_containers(spec, missing) | whole
    _add(total, _amounts(spec.overhead, None))
    return total


def effective(resources: Resources) -> Mapping[str, Quantity]:
    """A container's requests as the API server completes them: of what has only a limit, the limit."""
    limits, requests = resources.limits, resources.requests
    return {**limits, **requests} if limits else requests


def _pod_level(spec: PodSpec) -> Amounts:
    """What the pod asks for as a whole; empty where it says nothing of its own.

    With limits and no request of a resource, the request is what the containers ask for, else the limit
    (``defaultPodRequests``). Only cpu, memory and huge pages can be asked for like this.
    """
    if spec.resources is None:
        return {}
    found = _amounts(spec.resources.requests, None)
    if spec.resources.limits:
        for name, value in _of_containers(spec, None).items():
            if name in ("cpu", "memory"):  # huge pages cannot be overcommitted: their request is their limit
                found.setdefault(name, value)
        for name, value in _amounts(spec.resources.limits, None).items():
            found.setdefault(name, value)
    return {name: value for name, value in found.items() if name in ("cpu", "memory") or name.startswith("hugepages-")}


def _of_containers(spec: PodSpec, missing: Mapping[str, int] | None) -> Amounts:
    """The most that the containers ask for together at any time (``AggregateContainerRequests``)."""
    total: Amounts = {}
    sidecars: Amounts = {}
    largest: Amounts = {}
    for container in spec.containers:
        _add(total, _amounts(effective(container.resources), missing))
    for container in spec.init_containers:
        wanted = _amounts(effective(container.resources), missing)
        if container.restart_policy == "Always":
            _add(total, wanted)
            _add(sidecars, wanted)
            wanted = dict(sidecars)
        else:
            _add(wanted, sidecars)
        _raise(largest, wanted)
    _raise(total, largest)
    return total


def is_scheduled_resource(name: str) -> bool:
    """Whether the scheduler counts it at all: cpu, memory, ephemeral storage, and the scalar resources.

    Scalar are extended resources, huge pages and attachable volumes (``IsScalarResourceName``).
    """
    if name in NATIVE:
        return True
    return "/" in name or name.startswith(("hugepages-", "attachable-volumes-"))


def host_ports(spec: PodSpec, version: SchedulerVersion | None = None) -> tuple[HostPort, ...]:
    """The ports that the pod takes on its node, as the scheduler counts them.

    A pod on the host network takes each of its container ports: the API server writes them down as host ports
    when it makes the pod (``defaultHostNetworkPorts``), so a template may not show them yet. The ports of sidecars
    count from 1.34 (``pkg/scheduler/util/utils.go``, ``GetHostPorts``; v1.33.0 reads containers alone).
    """
    sidecars: tuple[Container, ...] = ()
    if version is not None and version.minor >= 34:
        sidecars = tuple(one for one in spec.init_containers if one.restart_policy == "Always")
    return tuple(
        HostPort(number, port.protocol or "TCP", port.host_ip or "0.0.0.0")  # noqa: S104 - the API's own default
        for container in (*sidecars, *spec.containers)
        for port in container.ports
        if (number := _host_port(port, host_network=spec.host_network)) > 0
    )


def placed(pods: Iterable[Pod]) -> tuple[Pod, ...]:
    """The pods that hold something on their node: those that are finished do not count."""
    return tuple(pod for pod in pods if pod.status.phase not in FINISHED_PHASES)


def _host_port(port: ContainerPort, *, host_network: bool) -> int:
    return port.host_port or (port.container_port if host_network else 0)


def _amounts(requests: Mapping[str, Quantity], missing: Mapping[str, int] | None) -> Amounts:
    amounts = {name: amount(name, quantity) for name, quantity in requests.items()}
    if missing:
        for name, value in missing.items():
            amounts.setdefault(name, value)
    return amounts


def _add(total: Amounts, more: Mapping[str, int]) -> None:
    for name, value in more.items():
        total[name] = total.get(name, 0) + value


def _raise(total: Amounts, least: Mapping[str, int]) -> None:
    for name, value in least.items():
        if value > total.get(name, 0) or name not in total:
            total[name] = value


class Load(msgspec.Struct, frozen=True):
    """What the pods on a node already take.

    Attributes:
        requested: by resource.
        assumed: cpu and memory with the defaults for containers that request none (least-allocated score).
        count: how many pods.
        ports: the host ports in use.
    """

    requested: Amounts
    assumed: Amounts
    count: int
    ports: tuple[HostPort, ...]


def load(pods: Sequence[Pod], *, for_scores: bool = True, version: SchedulerVersion | None = None) -> Load:
    """Sum of the pods of one node (``NodeInfo.Requested``, ``NonZeroRequested``, ``UsedPorts``).

    Args:
        pods: those of the node that are not finished.
        for_scores: also sum what is assumed, which filters do not read.
        version: the scheduler's; from 1.33 what a pod holds while it is resized counts.
    """
    requested: Amounts = {}
    assumed: Amounts = {}
    resizes = version is not None and version.minor >= 33
    for pod in pods:
        spec = held(pod) if resizes else pod.spec
        _add(requested, pod_requests(spec))
        if for_scores:
            _add(assumed, pod_requests(spec, DEFAULT_REQUESTS))
    ports = tuple(port for pod in pods for port in host_ports(pod.spec, version))
    return Load(requested, assumed, len(pods), ports)


def held(pod: Pod) -> PodSpec:
    """The spec of a running pod with requests raised to what it holds: the most of wanted, admitted and in force.

    On by default from 1.33 (InPlacePodVerticalScaling). Source: component-helpers ``resource/helpers.go``
    (``determineEffectiveRequests``; at the level of the pod from 1.36). A resize that the kubelet has called infeasible
    does not count there what is wanted; here it does, as conditions of pods are not read.
    """
    status, spec = pod.status, pod.spec
    known = {one.name: one for one in (*status.container_statuses, *status.init_container_statuses) if one.resources}
    changes: dict[str, object] = {}
    if known:
        containers = tuple(_held(one, known.get(one.name)) for one in spec.containers)
        sidecars = tuple(
            _held(one, known.get(one.name)) if one.restart_policy == "Always" else one for one in spec.init_containers
        )
        if containers != spec.containers or sidecars != spec.init_containers:
            changes = {"containers": containers, "init_containers": sidecars}
    if spec.resources is not None and status.resources is not None:
        most = _most(spec.resources.requests, status.resources.requests, status.allocated_resources)
        changes["resources"] = msgspec.structs.replace(spec.resources, requests=most)
    return msgspec.structs.replace(spec, **changes) if changes else spec


def _held(container: Container, status: ContainerStatus | None) -> Container:
    if status is None or status.resources is None:
        return container
    wanted = effective(container.resources)
    most = _most(wanted, status.resources.requests, status.allocated_resources)
    if most == wanted:
        return container
    return msgspec.structs.replace(container, resources=msgspec.structs.replace(container.resources, requests=most))


def _most(*given: Mapping[str, Quantity]) -> dict[str, Quantity]:
    result: dict[str, Quantity] = {}
    for one in given:
        for name, quantity in one.items():
            if name not in result or amount(name, quantity) > amount(name, result[name]):
                result[name] = quantity
    return result
