"""NodeLocal DNSCache: who it is, where it listens, and which Service it asks.

A DaemonSet on the host network listens on each node, on a link-local address (``-localip``, usually 169.254.20.10)
and, where kube-proxy uses iptables, on the cluster address of kube-dns too, so that no pod needs another name server.
What it does not know it asks the DNS pods, through a Service of its own (``-upstreamsvc``), from the node's interface.
Source: Kubernetes documentation, "Using NodeLocal DNSCache in Kubernetes Clusters"; kubernetes
cluster/addons/dns/nodelocaldns/nodelocaldns.yaml; kubernetes/dns cmd/node-cache (flags).
"""

from __future__ import annotations

from itertools import pairwise

import msgspec

from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.model import Workload
from clusterproof.world.services import Backend
from clusterproof.world.world import World

UPSTREAM = "kube-dns-upstream"
"""The Service that the DaemonSet's manifest brings."""


class Cache(msgspec.Struct, frozen=True):
    """What is known of a NodeLocal DNSCache.

    Attributes:
        workload: the DaemonSet.
        listens: the addresses on each node.
        upstream: port 53 of the Service that it asks: UDP and TCP.
    """

    workload: Workload
    listens: tuple[str, ...]
    upstream: tuple[Backend, Backend]


def node_local(world: World) -> Cache | Unknown | None:
    """The cluster's NodeLocal DNSCache; None where there is none; why it is not understood where it is not."""
    found = [workload for workload in world.workloads if _is_node_local(workload)]
    if not found:
        return None
    (workload, *more) = found
    if more:
        return _unknown(workload, f"there is {more[0].id} as well")
    settings = _flags(workload)
    listens = tuple(address for address in settings.get("localip", "").split(",") if address)
    if not listens:
        return _unknown(workload, "its arguments name no -localip")
    if not workload.spec.host_network:
        return _unknown(workload, "it is not on the host network")
    key = f"{workload.namespace}/{settings.get('upstreamsvc', UPSTREAM)}"
    service = world.services.get(key)
    if service is None:
        missing = world.services.missing(workload.namespace)
        return missing or _unknown(workload, f"the Service {key} that it asks does not exist")
    ports = {port.protocol: port for port in service.spec.ports if port.port == 53}
    if "UDP" not in ports or "TCP" not in ports:
        return _unknown(workload, f"the Service {key} does not publish 53 over both UDP and TCP")
    upstream = tuple(world.services.backend(service, ports[protocol]) for protocol in ("UDP", "TCP"))
    return Cache(workload, listens, (upstream[0], upstream[1]))


def _unknown(workload: Workload, why: str) -> Unknown:
    return Unknown(Cause.NOT_MODELLED, f"NodeLocal DNSCache {workload.id} answers on each node, and {why}")


def _is_node_local(workload: Workload) -> bool:
    """By its usual name or its image, whatever it is called."""
    if workload.kind != "DaemonSet":
        return False
    images = (container.image for container in workload.spec.containers)
    return workload.id == "ds/kube-system/node-local-dns" or any("k8s-dns-node-cache" in image for image in images)


def _flags(workload: Workload) -> dict[str, str]:
    """The arguments of the cache's container: ``-name value``, ``-name=value``, one dash or two."""
    found: dict[str, str] = {}
    for container in workload.spec.containers:
        for word, after in pairwise((*container.args, "")):
            if not word.startswith("-"):
                continue
            name, equals, value = word.lstrip("-").partition("=")
            if equals or not after.startswith("-"):
                found.setdefault(name, value if equals else after)
    return found
