"""A pod template as far as filters read it, prepared once for many nodes."""

from __future__ import annotations

import msgspec

from clusterproof.placement import interpod, spread
from clusterproof.placement.requests import NATIVE, Amounts, HostPort, host_ports, is_scheduled_resource, pod_requests
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.kubernetes import PodSpec


class Needs(msgspec.Struct, frozen=True):
    """What a pod asks of any node.

    Attributes:
        spec: the pod.
        requests: resources in the scheduler's order: cpu, memory, ephemeral storage, then the rest by name.
        ports: host ports.
        topologies: label keys without which no node is possible, each with the plugin and the reason.
        pinned: the node that the template itself names, else empty.
        claims: the pod uses dynamic resource allocation.
    """

    spec: PodSpec
    requests: tuple[tuple[str, int], ...]
    ports: tuple[HostPort, ...]
    topologies: tuple[tuple[str, str, str], ...]
    pinned: str
    claims: bool


def needs_of(spec: PodSpec, *, pinned: bool = False, version: SchedulerVersion | None = None) -> Needs:
    """Prepare a template.

    Args:
        spec: the pod's. ``nodeName`` of a placed pod is where it *is*, not where it may be, and is not read.
        pinned: ``nodeName`` stands in the template itself, and so binds every pod that it makes.
        version: the scheduler's.

    Raises:
        QuantityError: a request is no quantity.
    """
    affinity = spec.affinity.pod_affinity if spec.affinity else None
    topologies = [
        (one.topology_key, spread.PLUGIN, spread.NO_LABEL)
        for one in spec.topology_spread_constraints
        if one.when_unsatisfiable == "DoNotSchedule"
    ]
    topologies += (
        [(one.topology_key, interpod.PLUGIN, interpod.NOT_NEAR) for one in affinity.required] if affinity else []
    )
    return Needs(
        spec,
        _ordered(pod_requests(spec)),
        host_ports(spec, version),
        tuple(topologies),
        spec.node_name if pinned else "",
        bool(spec.resource_claims),
    )


def _ordered(requests: Amounts) -> tuple[tuple[str, int], ...]:
    """What the Fit filter looks at: positive amounts of scheduled resources."""
    names = [name for name in NATIVE if name in requests]
    names += sorted(name for name in requests if name not in NATIVE and is_scheduled_resource(name))
    return tuple((name, requests[name]) for name in names if requests[name] > 0)
