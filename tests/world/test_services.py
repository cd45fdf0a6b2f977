from __future__ import annotations

from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.services import Backend, target_port
from tests.world.build import Tiny

PORTS = {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 8080}]}]}


def backend(tiny: Tiny, key: str = "app/web") -> Backend:
    """What stands behind the first port of a Service."""
    services = tiny.world().services
    service = services.get(key)
    assert service is not None
    return services.backend(service, service.spec.ports[0])


@pytest.mark.parametrize(
    ("target", "protocol", "expected"),
    [
        (None, "TCP", 80),
        (9000, "TCP", 9000),
        ("9001", "TCP", 9001),
        ("http", "TCP", 8080),
        ("http", "UDP", None),
        ("no", "TCP", None),
    ],
)
def test_target_port(target: int | str | None, protocol: str, expected: int | None) -> None:
    """No target is the port itself; a name is looked up on the pod's containers by name and protocol (rule 6.2)."""
    port: dict[str, Any] = {"protocol": protocol} | ({} if target is None else {"targetPort": target})
    tiny = Tiny().deployment("app/web", PORTS).service("app/web", 80, {"app": "web"}, port_more=port)
    found = backend(tiny)
    assert target_port(found.port, found.workloads[0]) == expected


def test_a_name_may_be_another_number_on_each_workload() -> None:
    """Each workload behind a Service resolves the name for itself (rule 6.2)."""
    other = {"containers": [{"name": "c", "ports": [{"name": "http", "containerPort": 9090}]}]}
    tiny = Tiny().deployment("app/a", PORTS, labels={"tier": "x"}).deployment("app/b", other, labels={"tier": "x"})
    found = backend(tiny.service("app/web", 80, {"tier": "x"}, port_more={"targetPort": "http"}))
    assert {w.name: target_port(found.port, w) for w in found.workloads} == {"a": 8080, "b": 9090}


def test_named_port_of_a_side_car() -> None:
    """A restartable init container's port counts (rule 6.2)."""
    spec = {
        "initContainers": [{"name": "s", "restartPolicy": "Always", "ports": [{"name": "http", "containerPort": 15}]}]
    }
    tiny = Tiny().deployment("app/web", spec).service("app/web", 80, {"app": "web"}, port_more={"targetPort": "http"})
    found = backend(tiny)
    assert target_port(found.port, found.workloads[0]) == 15


def test_a_named_port_of_an_init_container_that_ends() -> None:
    """Was taken for a port of the pod: nobody listens there once the init container has ended (rule 6.2)."""
    spec = {"initContainers": [{"name": "i", "ports": [{"name": "http", "containerPort": 15}]}], **PORTS}
    tiny = Tiny().deployment("app/web", spec).service("app/web", 80, {"app": "web"}, port_more={"targetPort": "http"})
    found = backend(tiny)
    assert target_port(found.port, found.workloads[0]) == 8080
    only = {"initContainers": spec["initContainers"], "containers": [{"name": "c"}]}
    tiny = Tiny().deployment("app/web", only).service("app/web", 80, {"app": "web"}, port_more={"targetPort": "http"})
    found = backend(tiny)
    assert target_port(found.port, found.workloads[0]) is None


def test_why_addresses_are_not_known() -> None:
    """Without an endpoint it is not known where a Service without selector leads; one with a selector has none to know (rule 6.12)."""
    found = backend(Tiny().service("app/web", 80, {}))
    assert found.unread is not None
    assert found.unread.cause is Cause.NOT_ANSWERABLE
    denied = Unknown(Cause.DENIED, "denied", "list endpointslices")
    assert backend(Tiny().service("app/web", 80, {}).partly(kinds.ENDPOINT_SLICES, denied)).unread == denied
    assert backend(Tiny().service("app/web", 80, {"app": "web"})).unread is None


def test_selectorless_service_has_addresses() -> None:
    """A Service without selector leads to the addresses of its endpoints, and selects no workload (rule 6.12)."""
    piece = {
        "metadata": {"namespace": "app", "name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"addresses": ["10.9.0.1"]}, {"addresses": ["10.9.0.2"], "conditions": {"ready": False}}],
        "ports": [{"name": "main", "port": 5432, "protocol": "TCP"}],
    }
    found = backend(Tiny().deployment("app/web").service("app/web", 80, {}).put(kinds.ENDPOINT_SLICES, piece))
    assert (found.workloads, found.addresses, found.address_port, found.ready) == ((), ("10.9.0.1",), 5432, 1)


def test_not_ready_addresses_may_be_published() -> None:
    """PublishNotReadyAddresses counts endpoints that are not ready (rule 6.8)."""
    piece = {
        "metadata": {"namespace": "app", "name": "web-x", "labels": {"kubernetes.io/service-name": "web"}},
        "endpoints": [{"addresses": ["10.9.0.2"], "conditions": {"ready": False}}],
        "ports": [{"name": "main", "port": 80}],
    }
    tiny = Tiny().service("app/web", 80, {}, publishNotReadyAddresses=True).put(kinds.ENDPOINT_SLICES, piece)
    assert backend(tiny).addresses == ("10.9.0.2",)


def test_endpoints_where_slices_are_not_there() -> None:
    """The older Endpoints object is read where no slice of the Service was (rule 6.12)."""
    subset = {"addresses": [{"ip": "10.9.0.3"}], "ports": [{"name": "main", "port": 81}]}
    raw = {"metadata": {"namespace": "app", "name": "web"}, "subsets": [subset]}
    found = backend(Tiny().service("app/web", 80, {}).drop(kinds.ENDPOINT_SLICES).put(kinds.ENDPOINTS, raw))
    assert (found.addresses, found.address_port, found.ready) == (("10.9.0.3",), 81, 1)


def test_readiness_not_read() -> None:
    """How many endpoints are ready is not known without slices; none is known with them (rule 6.8)."""
    tiny = Tiny().deployment("app/web").service("app/web", 80, {"app": "web"})
    assert backend(tiny).ready == 0
    assert backend(tiny.drop(kinds.ENDPOINT_SLICES)).ready is None


def test_services_of_a_workload() -> None:
    """Services that publish the port and select the workload, ClusterIP ones first; protocol and namespace count."""
    tiny = Tiny().deployment("app/web")
    tiny.service("app/a-headless", 80, {"app": "web"}, clusterIP="None")
    tiny.service("app/web", 80, {"app": "web"})
    tiny.service("app/udp", 80, {"app": "web"}, port_more={"protocol": "UDP"})
    tiny.service("app/other-port", 81, {"app": "web"})
    tiny.service("app/others", 80, {"app": "x"})
    tiny.service("kube-system/web", 80, {"app": "web"})
    world = tiny.world()
    found = world.services.of_workload(world.by_id["deploy/app/web"], 80, "TCP")
    assert [service.metadata.name for service, _ in found] == ["web", "a-headless"]


def test_an_empty_selector_selects_nothing() -> None:
    """A Service without selector is not one that selects everything (rule 6.12)."""
    world = Tiny().deployment("app/web").service("app/web", 80, {}).world()
    service = world.services.get("app/web")
    assert service is not None
    assert world.services.selected(service) == ()
