"""Whose an address of an endpoint is: a pod's, a node's, another network interface's, or nothing that was read.

A Service without selector leads to addresses that somebody wrote down, as the API server does for ``kubernetes``.
Where one is a pod's, a node's or a network interface's today, that is what is reached.
Sources: Kubernetes documentation, "Service", "Services without selectors"; Amazon EC2 API Reference,
DescribeNetworkInterfaces.
"""

from __future__ import annotations

from functools import cached_property

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import NetworkInterface
from clusterproof.snapshot.kubernetes.meta import Obj
from clusterproof.snapshot.snapshot import Snapshot


class Holder(msgspec.Struct, frozen=True):
    """Who has an address today.

    Attributes:
        pod: ``namespace/name``; empty where the node itself has it, or a pod on the host network.
        node: its node's name; empty for a pod without one, and for what is neither.
        interface: the network interface of the account that has it, where neither a pod nor a node does.
    """

    pod: str = ""
    node: str = ""
    interface: NetworkInterface | None = None


class Holders:
    """Finds who has an address; reads interfaces, pods and nodes once, when first asked."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def of(self, address: str) -> Holder | None:
        """Who has it; None where no pod and no node that was read does."""
        return self._by_address.get(address)

    @cached_property
    def _by_address(self) -> dict[str, Holder]:
        found: dict[str, Holder] = {}
        for interface in self._snapshot.objects(kinds.NETWORK_INTERFACES):
            holder = Holder(interface=interface)
            found[interface.private_ip_address] = holder
            found.update((item.private_ip_address, holder) for item in interface.private_ip_addresses)
        table = self._snapshot.tables.get(kinds.PODS.name)
        for pod in table.shaped(_Pod) if table is not None else ():
            if pod.status.pod_ip and not pod.spec.host_network and pod.status.phase not in ("Succeeded", "Failed"):
                holder = Holder(f"{pod.metadata.namespace}/{pod.metadata.name}", pod.spec.node_name)
                found[pod.status.pod_ip] = holder
        for node in self._snapshot.objects(kinds.NODES):
            for item in node.status.addresses:
                if item.type == "InternalIP":
                    found[item.address] = Holder("", node.metadata.name)
        return found


class _Name(Obj, frozen=True):
    name: str = ""
    namespace: str = ""


class _Spec(Obj, frozen=True):
    node_name: str = ""
    host_network: bool = False


class _Status(Obj, frozen=True):
    phase: str = ""
    pod_ip: str = msgspec.field(default="", name="podIP")


class _Pod(Obj, frozen=True):
    metadata: _Name
    spec: _Spec = _Spec()
    status: _Status = _Status()
