"""Services, endpoints and NetworkPolicies."""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Labels, LabelSelector, Metadata, Obj


class ServicePort(Obj, frozen=True):
    port: int
    name: str = ""
    protocol: str = "TCP"
    target_port: int | str | None = None
    node_port: int = 0


class ServiceSpec(Obj, frozen=True):
    type: str = "ClusterIP"
    selector: Labels = field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()
    cluster_ip: str = field(default="", name="clusterIP")
    cluster_ips: tuple[str, ...] = field(default=(), name="clusterIPs")
    ip_families: tuple[str, ...] = ()
    external_name: str = ""
    publish_not_ready_addresses: bool = False
    internal_traffic_policy: str = "Cluster"
    external_traffic_policy: str = ""
    load_balancer_class: str = ""
    load_balancer_source_ranges: tuple[str, ...] = ()
    health_check_node_port: int = 0


class BalancerAddress(Obj, frozen=True):
    """One way into a load balancer; ``ip_mode`` empty means ``VIP`` where there is an ``ip``."""

    ip: str = ""
    hostname: str = ""
    ip_mode: str = ""


class BalancerStatus(Obj, frozen=True):
    ingress: tuple[BalancerAddress, ...] = ()


class ServiceStatus(Obj, frozen=True):
    load_balancer: BalancerStatus = field(default_factory=BalancerStatus)


class Service(Obj, frozen=True):
    metadata: Metadata
    spec: ServiceSpec = field(default_factory=ServiceSpec)
    status: ServiceStatus = field(default_factory=ServiceStatus)


class TargetRef(Obj, frozen=True):
    kind: str = ""
    name: str = ""
    namespace: str = ""


class EndpointConditions(Obj, frozen=True):
    ready: bool | None = None
    serving: bool | None = None


class Endpoint(Obj, frozen=True):
    addresses: tuple[str, ...] = ()
    conditions: EndpointConditions = field(default_factory=EndpointConditions)
    target_ref: TargetRef | None = None
    node_name: str = ""


class EndpointPort(Obj, frozen=True):
    port: int | None = None
    name: str = ""
    protocol: str = "TCP"


class EndpointSlice(Obj, frozen=True):
    metadata: Metadata
    address_type: str = "IPv4"
    endpoints: tuple[Endpoint, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class EndpointAddress(Obj, frozen=True):
    ip: str = ""
    node_name: str = ""
    target_ref: TargetRef | None = None


class EndpointSubset(Obj, frozen=True):
    addresses: tuple[EndpointAddress, ...] = ()
    not_ready_addresses: tuple[EndpointAddress, ...] = ()
    ports: tuple[EndpointPort, ...] = ()


class Endpoints(Obj, frozen=True):
    metadata: Metadata
    subsets: tuple[EndpointSubset, ...] = ()


class IPBlock(Obj, frozen=True):
    cidr: str
    except_: tuple[str, ...] = field(default=(), name="except")


class NetworkPolicyPeer(Obj, frozen=True):
    pod_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    ip_block: IPBlock | None = None


class NetworkPolicyPort(Obj, frozen=True):
    protocol: str = "TCP"
    port: int | str | None = None
    end_port: int | None = None


class IngressRule(Obj, frozen=True):
    from_: tuple[NetworkPolicyPeer, ...] = field(default=(), name="from")
    ports: tuple[NetworkPolicyPort, ...] = ()


class EgressRule(Obj, frozen=True):
    to: tuple[NetworkPolicyPeer, ...] = ()
    ports: tuple[NetworkPolicyPort, ...] = ()


class NetworkPolicySpec(Obj, frozen=True):
    """``policy_types`` empty means defaulted (Ingress, plus Egress iff ``egress`` has rules)."""

    pod_selector: LabelSelector = field(default_factory=LabelSelector)
    policy_types: tuple[str, ...] = ()
    ingress: tuple[IngressRule, ...] = ()
    egress: tuple[EgressRule, ...] = ()


class NetworkPolicy(Obj, frozen=True):
    metadata: Metadata
    spec: NetworkPolicySpec = field(default_factory=NetworkPolicySpec)
