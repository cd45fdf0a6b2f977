from __future__ import annotations

from typing import Any

from clusterproof.placement.requests import DEFAULT_REQUESTS, HostPort, host_ports, load, pod_requests
from tests.placement.build import MIB, pod, spec

EVERY = "0.0.0.0"  # noqa: S104 - how Kubernetes writes every address


def container(cpu: str = "", **more: Any) -> dict[str, Any]:
    """A container that asks for cpu."""
    return {"resources": {"requests": {"cpu": cpu} if cpu else {}}, **more}


def test_the_largest_init_container_counts_where_it_is_more() -> None:
    """Init containers run one after the other: the most that is needed at any time counts (rule 9.1)."""
    asked = pod_requests(spec(containers=[container("1"), container("2")], initContainers=[container("5")]))
    assert asked == {"cpu": 5000}


def test_a_sidecar_counts_with_the_containers_and_with_later_init_containers() -> None:
    """The example of the sidecar KEP: a restarting init container runs beside all that starts after it (rule 9.1)."""
    sidecar = container("1", restartPolicy="Always")
    assert pod_requests(spec(containers=[container("2")], initContainers=[sidecar])) == {"cpu": 3000}
    assert pod_requests(spec(containers=[container("2")], initContainers=[sidecar, container("4")])) == {"cpu": 5000}
    assert pod_requests(spec(containers=[container("2")], initContainers=[container("4"), sidecar])) == {"cpu": 4000}


def test_overhead_is_added_at_the_end() -> None:
    """A runtime class's overhead comes on top of the larger of both (rule 9.1)."""
    asked = pod_requests(spec(containers=[container("1")], initContainers=[container("3")], overhead={"cpu": "250m"}))
    assert asked == {"cpu": 3250}


def test_missing_requests_get_the_defaults_only_when_asked() -> None:
    """The least-allocated score assumes 100 millicores and 200 MiB; an explicit zero stays zero (rule 9.2)."""
    body = spec(containers=[container(), container("0")])
    assert pod_requests(body) == {"cpu": 0}
    assert pod_requests(body, DEFAULT_REQUESTS) == {"cpu": 100, "memory": 400 * MIB}


def test_what_has_only_a_limit_is_asked_for_in_that_amount() -> None:
    """A template keeps limits alone; the API server makes them requests, resource by resource, when it makes the pod.

    (rule 9.1)
    """
    limits = {
        "cpu": "2",
        "memory": "1Gi",
        "ephemeral-storage": "3Gi",
        "hugepages-2Mi": "4Mi",
        "nvidia.com/gpu": 8,
    }
    main = {"resources": {"requests": {"cpu": "500m"}, "limits": limits}}
    asked = {
        "cpu": 500,
        "memory": 1024 * MIB,
        "ephemeral-storage": 3072 * MIB,
        "hugepages-2Mi": 4 * MIB,
        "nvidia.com/gpu": 8,
    }
    assert pod_requests(spec(containers=[main])) == asked
    assert pod_requests(spec(containers=[main]), DEFAULT_REQUESTS) == asked
    assert load([pod("x", containers=[main])]).requested == asked


def test_limits_of_init_containers_and_sidecars_count_as_requests_too() -> None:
    """Each in its own place of the sum: the largest init container, and what runs beside it (rule 9.1)."""
    main, first = ({"resources": {"limits": {"cpu": cpu}}} for cpu in ("2", "5"))
    sidecar = {"resources": {"limits": {"cpu": "1"}}, "restartPolicy": "Always"}
    assert pod_requests(spec(containers=[main], initContainers=[first])) == {"cpu": 5000}
    assert pod_requests(spec(containers=[main], initContainers=[sidecar])) == {"cpu": 3000}
    assert pod_requests(spec(containers=[main], initContainers=[sidecar, first])) == {"cpu": 6000}


def test_what_the_pod_asks_for_as_a_whole_stands_for_its_containers() -> None:
    """Pod-level requests replace the containers' sum of cpu, memory and huge pages, never that of devices.

    (rule 9.1)
    """
    gpu = {"resources": {"limits": {"cpu": "1", "nvidia.com/gpu": 2}}}
    whole = {"requests": {"cpu": "6", "memory": "1Gi", "nvidia.com/gpu": 9}}
    asked = pod_requests(spec(containers=[gpu, gpu], resources=whole, overhead={"cpu": "250m"}))
    assert asked == {"cpu": 6250, "memory": 1024 * MIB, "nvidia.com/gpu": 4}


def test_pod_level_limits_are_requests_where_nobody_asks() -> None:
    """With pod-level limits alone, a request is what the containers ask for, and only else the limit (rule 9.1)."""
    whole = {"limits": {"cpu": "6", "memory": "1Gi", "hugepages-2Mi": "8Mi"}}
    asked = pod_requests(spec(containers=[container("1"), container("2")], resources=whole))
    assert asked == {"cpu": 3000, "memory": 1024 * MIB, "hugepages-2Mi": 8 * MIB}


def test_the_scores_assume_nothing_of_what_a_pod_asks_for_as_a_whole() -> None:
    """``getNonMissingContainerRequests``: defaults only for what neither the pod nor a container asks for.

    (rule 9.2)
    """
    whole = {"requests": {"memory": "1Gi"}}
    body = spec(containers=[container("1"), container()], resources=whole)
    assert pod_requests(body, DEFAULT_REQUESTS) == {"cpu": 1000, "memory": 1024 * MIB}
    assert pod_requests(spec(containers=[container(), container()], resources=whole), DEFAULT_REQUESTS) == {
        "cpu": 200,
        "memory": 1024 * MIB,
    }


def test_pods_on_the_host_network_take_their_container_ports() -> None:
    """A template does not show the host ports that the API server writes down later (rule 9.1)."""
    ports = [{"containerPort": 80}, {"containerPort": 90, "hostPort": 91, "protocol": "UDP", "hostIP": "10.0.0.1"}]
    plain = host_ports(spec(containers=[{"ports": ports}]))
    assert plain == (HostPort(91, "UDP", "10.0.0.1"),)
    assert HostPort(80, "TCP", EVERY) in host_ports(spec(containers=[{"ports": ports}], hostNetwork=True))


def test_host_ports_conflict_by_protocol_and_address() -> None:
    """The wildcard address conflicts with every other; two addresses or two protocols do not conflict (rule 9.1)."""
    one = HostPort(80, "TCP", "10.0.0.1")
    assert one.conflicts(HostPort(80, "TCP", EVERY))
    assert not one.conflicts(HostPort(80, "TCP", "10.0.0.2"))
    assert not one.conflicts(HostPort(80, "UDP", "10.0.0.1"))
    assert not one.conflicts(HostPort(81, "TCP", "10.0.0.1"))


def test_load_sums_the_pods_of_a_node() -> None:
    """Requests, assumed requests, ports and the number of pods add up (rule 9.1)."""
    taken = load([pod("x", containers=[container("1")]), pod("y", containers=[container()])])
    assert (taken.requested, taken.count) == ({"cpu": 1000}, 2)
    assert taken.assumed == {"cpu": 1100, "memory": 400 * MIB}
