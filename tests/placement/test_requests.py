from __future__ import annotations

from typing import Any

from clusterproof.placement.requests import DEFAULT_REQUESTS, HostPort, host_ports, load, pod_requests
from tests.placement.build import MIB, pod, spec

EVERY = "0.0.0.0"  # noqa: S104 - how Kubernetes writes every address


def container(cpu: str = "", **more: Any) -> dict[str, Any]:
    """A container that asks for cpu."""
    return {"resources": {"requests": {"cpu": cpu} if cpu else {}}, **more}


def test_the_largest_init_container_counts_where_it_is_more() -> None:
    """Init containers run one after the other: the most that is needed at any time counts."""
    asked = pod_requests(spec(containers=[container("1"), container("2")], initContainers=[container("5")]))
    assert asked == {"cpu": 5000}


def test_a_sidecar_counts_with_the_containers_and_with_later_init_containers() -> None:
    """The example of the sidecar KEP: a restarting init container runs beside all that starts after it."""
    sidecar = container("1", restartPolicy="Always")
    assert pod_requests(spec(containers=[container("2")], initContainers=[sidecar])) == {"cpu": 3000}
    assert pod_requests(spec(containers=[container("2")], initContainers=[sidecar, container("4")])) == {"cpu": 5000}
    assert pod_requests(spec(containers=[container("2")], initContainers=[container("4"), sidecar])) == {"cpu": 4000}


def test_overhead_is_added_at_the_end() -> None:
    """A runtime class's overhead comes on top of the larger of both."""
    asked = pod_requests(spec(containers=[container("1")], initContainers=[container("3")], overhead={"cpu": "250m"}))
    assert asked == {"cpu": 3250}


def test_missing_requests_get_the_defaults_only_when_asked() -> None:
    """The least-allocated score assumes 100 millicores and 200 MiB; an explicit zero stays zero."""
    body = spec(containers=[container(), container("0")])
    assert pod_requests(body) == {"cpu": 0}
    assert pod_requests(body, DEFAULT_REQUESTS) == {"cpu": 100, "memory": 400 * MIB}


def test_pods_on_the_host_network_take_their_container_ports() -> None:
    """A template does not show the host ports that the API server writes down later."""
    ports = [{"containerPort": 80}, {"containerPort": 90, "hostPort": 91, "protocol": "UDP", "hostIP": "10.0.0.1"}]
    plain = host_ports(spec(containers=[{"ports": ports}]))
    assert plain == (HostPort(91, "UDP", "10.0.0.1"),)
    assert HostPort(80, "TCP", EVERY) in host_ports(spec(containers=[{"ports": ports}], hostNetwork=True))


def test_host_ports_conflict_by_protocol_and_address() -> None:
    """The wildcard address conflicts with every other; two addresses or two protocols do not conflict."""
    one = HostPort(80, "TCP", "10.0.0.1")
    assert one.conflicts(HostPort(80, "TCP", EVERY))
    assert not one.conflicts(HostPort(80, "TCP", "10.0.0.2"))
    assert not one.conflicts(HostPort(80, "UDP", "10.0.0.1"))
    assert not one.conflicts(HostPort(81, "TCP", "10.0.0.1"))


def test_load_sums_the_pods_of_a_node() -> None:
    """Requests, assumed requests, ports and the number of pods add up."""
    taken = load([pod("x", containers=[container("1")]), pod("y", containers=[container()])])
    assert (taken.requested, taken.count) == ({"cpu": 1000}, 2)
    assert taken.assumed == {"cpu": 1100, "memory": 400 * MIB}
