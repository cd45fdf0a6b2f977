"""What NetworkPolicies read of a flow, and what a decision says."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import field

from clusterproof.reach.addresses import NOWHERE, AddressSet
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import ContainerPort, Labels, ServicePort

Direction = Literal["ingress", "egress"]
Outcome = Literal["allowed", "refused", "varies"] | Unknown


class Peer(msgspec.Struct, frozen=True):
    """One side of a flow, as policies see it.

    Attributes:
        namespace: None for what is not a pod (an outside address, a node). A host-network pod may have one.
        namespace_labels: labels of that namespace; what API server sets itself
            (``kubernetes.io/metadata.name``) is known even where the rest is not.
        labels: the pod's labels.
        unknown_labels: keys of labels that it has as well, with values that are not known (a controller's own).
        ports: ports of its containers, for named ports; read on the destination only.
        sidecar_ports: those of its sidecars (init containers that keep running), which not every plugin reads.
        addresses: where its address may come from: a subnet's space, or the one address. Empty means not known.
        host_network: it has the node's address and not one of its own.
        owned: it has ownerReferences: the VPC CNI promises enforcement for such pods only.
        enforced: whether the data plane enforces policies where it runs; the VPC CNI does on EC2 Linux nodes
            only, not on Windows or Fargate. Read on the subject only.
        name: for people, e.g. ``dynamo/worker``; decides nothing.
    """

    namespace: str | None = None
    namespace_labels: Labels | Unknown = field(default_factory=dict)
    labels: Labels = field(default_factory=dict)
    ports: tuple[ContainerPort, ...] = ()
    addresses: AddressSet = NOWHERE
    host_network: bool = False
    owned: bool = True
    enforced: bool | Unknown = True
    name: str = ""
    unknown_labels: tuple[str, ...] = ()
    sidecar_ports: tuple[ContainerPort, ...] = ()

    @property
    def is_pod(self) -> bool:
        """Whether it is a pod with an address of its own."""
        return self.namespace is not None and not self.host_network

    def __str__(self) -> str:
        if self.name:
            return self.name
        return f"a pod in {self.namespace}" if self.namespace is not None else str(self.addresses)


class ServiceView(msgspec.Struct, frozen=True):
    """The Service by whose cluster address a flow goes, as an egress hook before translation sees it.

    Attributes:
        port: the service port that the client dials (not the container's).
        cluster_ip: empty or ``None`` when headless.
        ports: all ports of the Service, in their order.
    """

    namespace: str
    name: str
    port: int
    namespace_labels: Labels | Unknown = field(default_factory=dict)
    selector: Labels = field(default_factory=dict)
    cluster_ip: str = ""
    ports: tuple[ServicePort, ...] = ()

    @property
    def headless(self) -> bool:
        """Whether it has no cluster address, so that its name leads to the pods themselves."""
        return self.cluster_ip in ("", "None")


_CNI_DEPENDENT = Unknown(
    Cause.NOT_ANSWERABLE, "whether an ipBlock matches addresses of the cluster's own depends on the network plugin"
)
_HOST_PODS = Unknown(Cause.NOT_ANSWERABLE, "whether a selector matches host-network pods depends on the network plugin")
_NODES = Unknown(
    Cause.NOT_ANSWERABLE,
    "whether an ipBlock matches nodes depends on policy-cidr-match-mode of ConfigMap cilium-config",
)
_SIDECARS = Unknown(
    Cause.NOT_ANSWERABLE, "whether a named port is looked for on sidecars, too, depends on the network plugin"
)


def _own_node(engine: str) -> Unknown:
    return Unknown(
        Cause.NOT_ANSWERABLE,
        f"Kubernetes says that traffic of a pod to its own node is always allowed; {engine} judges it by the pod's "
        "egress policies",
    )


class Dialect(msgspec.Struct, frozen=True):
    """What Kubernetes leaves to the network plugin.

    Attributes:
        name: of the enforcing plugin, for people.
        enforced: False when nothing enforces policies: they then have no effect.
        ip_block_matches_pods, ip_block_matches_nodes: whether an ``ipBlock`` covers pod and node addresses
            ("these should be cluster-external IPs", and no more, says the Kubernetes documentation).
        selectors_match_host_pods: whether pod selectors match host-network pods as peers ("undefined").
        cluster_ip_before_nat: the egress hook sees the Service's cluster address, not the endpoint's.
        named_egress_ports_by_address: whether a named port in an egress rule without selectors
            (an ``ipBlock``, or all destinations) is resolved on a destination pod.
        sidecar_ports: whether named ports are resolved on sidecars, too.
        own_node_egress: whether a pod always reaches its own node, whatever its egress policies say.
        max_ports: unique combinations of port and protocol that may apply to one address; 0 is no limit.
        needs_owner: enforcement is promised only for pods with ownerReferences.
        default_deny: pods that no policy selects are refused everything (strict enforcing mode).
    """

    name: str = "Kubernetes"
    enforced: bool | Unknown = True
    ip_block_matches_pods: bool | Unknown = _CNI_DEPENDENT
    ip_block_matches_nodes: bool | Unknown = True
    selectors_match_host_pods: bool | Unknown = _HOST_PODS
    cluster_ip_before_nat: bool = False
    named_egress_ports_by_address: bool = True
    sidecar_ports: bool | Unknown = True
    own_node_egress: bool | Unknown = True
    max_ports: int = 0
    needs_owner: bool = False
    default_deny: bool = False


KUBERNETES = Dialect()
"""The API's own words and nothing more: what they leave open is unknown."""

VPC_CNI = Dialect(
    name="VPC CNI",
    ip_block_matches_pods=True,
    selectors_match_host_pods=False,
    cluster_ip_before_nat=True,
    named_egress_ports_by_address=False,
    sidecar_ports=False,
    max_ports=24,
    needs_owner=True,
)
"""Amazon VPC CNI with its network policy controller and agent.

Sources: EKS User Guide, "Limit pod traffic with Kubernetes network policies", Considerations;
aws/amazon-network-policy-controller-k8s ``pkg/resolvers/endpoints.go`` (host-network pods are skipped,
``getMatchingServiceClusterIPs``, ``convertToPolicyInfoPortForCIDRs``; named ports of ingress rules by
address resolve on the destination pods since its pull request 92) and ``pkg/k8s/pod_utils.go`` (a port's name is
looked for on containers only); aws/aws-network-policy-agent ``pkg/fwruleprocessor`` (the node's own address is in the
tables of both directions) and ``pkg/ebpf/c`` (24 entries per address). Matching is by address, pods' included.
"""

CALICO = Dialect(
    name="Calico",
    ip_block_matches_pods=True,
    selectors_match_host_pods=False,
    sidecar_ports=_SIDECARS,
    own_node_egress=_own_node("Calico"),
)
"""Calico, chained: ``ipBlock`` becomes a net that is compared with the packet's address, after translation
(projectcalico/calico, ``libcalico-go/lib/backend/k8s/conversion``); selectors match workload endpoints, which
host-network pods have not (Calico documentation, "Host endpoints")."""

CILIUM = Dialect(
    name="Cilium",
    ip_block_matches_pods=False,
    ip_block_matches_nodes=_NODES,
    selectors_match_host_pods=False,
    sidecar_ports=_SIDECARS,
    own_node_egress=_own_node("Cilium"),
)
"""Cilium, chained: CIDRs apply where one side is neither managed by Cilium nor a node of the cluster; nodes are
matched only where ``policy-cidr-match-mode`` says so (Cilium documentation, "Layer 3 Policies", "IP/CIDR based")."""


def dialect_for(engine: str, enforced: bool | Unknown = True, *, default_deny: bool = False) -> Dialect:
    """The dialect of an enforcing plugin by its name (``VPC CNI``); any other has Kubernetes' open questions.

    Args:
        engine: ``DataPlane.policy_engine``.
        enforced: ``DataPlane.policies``.
        default_deny: ``DataPlane.default_deny``.
    """
    known = next((one for one in (VPC_CNI, CALICO, CILIUM) if one.name == engine), None)
    dialect = known or msgspec.structs.replace(KUBERNETES, name=engine or KUBERNETES.name)
    return msgspec.structs.replace(dialect, enforced=enforced, default_deny=default_deny)


READINGS = {
    "ip_block_matches_pods": ("by address", "addresses outside the cluster only"),
    "ip_block_matches_nodes": ("if it does", "if it does not"),
    "selectors_match_host_pods": ("if it does", "if it does not"),
    "sidecar_ports": ("if it is", "if it is not"),
}
"""What a dialect may leave open, and how its two answers are called."""


class Decision(msgspec.Struct, frozen=True):
    """What the NetworkPolicies of one side say about a flow.

    Attributes:
        outcome: ``allowed``, ``refused``, ``varies`` (an ipBlock covers only part of the other side's
            address range), or why it is unknown.
        words: template of :attr:`text`; decisions are many, and few are read.
        subject, other: the two sides, as asked.
        refs: the rule that allowed; otherwise all policies that select the subject, by name.
        selected_by: how many policies certainly select the subject in this direction.
        part: the addresses of the other side that are admitted when the outcome varies.
    """

    outcome: Outcome
    words: str
    subject: Peer
    other: Peer
    refs: tuple[Ref, ...] = ()
    selected_by: int = 0
    part: AddressSet = NOWHERE

    @property
    def text(self) -> str:
        """One clause for people, e.g. ``3 NetworkPolicies select etcd; none admits TCP 2379 from dynamo/worker``."""
        return self.words.format(subject=self.subject, other=self.other)
