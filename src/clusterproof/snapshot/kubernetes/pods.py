"""Pods and pod templates, as far as placement, reach and identity read them."""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import (
    Labels,
    LabelSelector,
    Metadata,
    NodeSelector,
    NodeSelectorTerm,
    Obj,
    PodMetadata,
    Quantity,
)
from clusterproof.snapshot.kubernetes.storage import Disk, EbsVolume, EphemeralSource


class ContainerPort(Obj, frozen=True):
    container_port: int
    name: str = ""
    protocol: str = "TCP"
    host_port: int = 0
    host_ip: str = field(default="", name="hostIP")


class ContainerClaim(Obj, frozen=True):
    """A claim of the pod that a container uses: all of it, or one of its requests."""

    name: str = ""
    request: str = ""


class Resources(Obj, frozen=True):
    requests: dict[str, Quantity] = field(default_factory=dict)
    limits: dict[str, Quantity] = field(default_factory=dict)
    claims: tuple[ContainerClaim, ...] = ()


class EnvSource(Obj, frozen=True):
    """Where a variable's value stands instead; only that it does is read (msgspec knows no ``Raw | None``)."""


class EnvVar(Obj, frozen=True):
    """``value_from`` is set where the value stands elsewhere (a ConfigMap, a Secret, the pod itself)."""

    name: str
    value: str = ""
    value_from: EnvSource | None = None


class SecurityContext(Obj, frozen=True):
    privileged: bool = False


class RestartRule(Obj, frozen=True):
    """``action``: Restart, RestartAllContainers."""

    action: str = ""


class Container(Obj, frozen=True):
    name: str = ""
    image: str = ""
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    ports: tuple[ContainerPort, ...] = ()
    resources: Resources = field(default_factory=Resources)
    env: tuple[EnvVar, ...] = ()
    env_from: tuple[EnvSource, ...] = ()
    restart_policy: str = ""
    restart_policy_rules: tuple[RestartRule, ...] = ()
    security_context: SecurityContext = SecurityContext()


class Toleration(Obj, frozen=True):
    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class PreferredSchedulingTerm(Obj, frozen=True):
    weight: int
    preference: NodeSelectorTerm


class NodeAffinity(Obj, frozen=True):
    required: NodeSelector | None = field(default=None, name="requiredDuringSchedulingIgnoredDuringExecution")
    preferred: tuple[PreferredSchedulingTerm, ...] = field(
        default=(), name="preferredDuringSchedulingIgnoredDuringExecution"
    )


class PodAffinityTerm(Obj, frozen=True):
    topology_key: str = ""
    label_selector: LabelSelector | None = None
    namespace_selector: LabelSelector | None = None
    namespaces: tuple[str, ...] = ()
    match_label_keys: tuple[str, ...] = ()
    mismatch_label_keys: tuple[str, ...] = ()


class WeightedPodAffinityTerm(Obj, frozen=True):
    weight: int
    pod_affinity_term: PodAffinityTerm


class PodAffinity(Obj, frozen=True):
    required: tuple[PodAffinityTerm, ...] = field(default=(), name="requiredDuringSchedulingIgnoredDuringExecution")
    preferred: tuple[WeightedPodAffinityTerm, ...] = field(
        default=(), name="preferredDuringSchedulingIgnoredDuringExecution"
    )


class Affinity(Obj, frozen=True):
    node_affinity: NodeAffinity | None = None
    pod_affinity: PodAffinity | None = None
    pod_anti_affinity: PodAffinity | None = None


class TopologySpreadConstraint(Obj, frozen=True):
    topology_key: str
    max_skew: int = 1
    when_unsatisfiable: str = "DoNotSchedule"
    label_selector: LabelSelector | None = None
    min_domains: int | None = None
    node_affinity_policy: str = "Honor"
    node_taints_policy: str = "Ignore"
    match_label_keys: tuple[str, ...] = ()


class ClaimSource(Obj, frozen=True):
    claim_name: str = ""


class VolumeSource(Obj, frozen=True):
    """A source of a volume of which only that it is there is read."""


class ImageSource(Obj, frozen=True):
    """An image that is mounted as a volume (``spec.volumes[].image``)."""

    reference: str = ""


class Volume(Obj, frozen=True):
    name: str = ""
    persistent_volume_claim: ClaimSource | None = None
    host_path: VolumeSource | None = None
    csi: VolumeSource | None = None
    ephemeral: EphemeralSource | None = None
    image: ImageSource | None = None
    aws_elastic_block_store: EbsVolume | None = None
    gce_persistent_disk: Disk | None = None
    iscsi: Disk | None = None
    rbd: Disk | None = None


class PodResourceClaim(Obj, frozen=True):
    """A claim of dynamic resource allocation that a pod uses: one that is there, or one made for it from a template."""

    name: str = ""
    resource_claim_name: str = ""
    resource_claim_template_name: str = ""


class PodResourceClaimStatus(Obj, frozen=True):
    """The claim that was made for the pod; an empty name says that none is needed."""

    name: str = ""
    resource_claim_name: str = ""


class SchedulingGate(Obj, frozen=True):
    """As long as a pod has one, the scheduler does not look at it."""

    name: str = ""


class PodSpec(Obj, frozen=True):
    """``resources`` is what the pod asks for as a whole (pod-level resources, Kubernetes 1.32 and later).

    ``priority`` is what the API server made of the class, so a template does not have it.
    """

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    node_name: str = ""
    node_selector: Labels = field(default_factory=dict)
    affinity: Affinity | None = None
    tolerations: tuple[Toleration, ...] = ()
    topology_spread_constraints: tuple[TopologySpreadConstraint, ...] = ()
    host_network: bool = False
    service_account_name: str = ""
    dns_policy: str = "ClusterFirst"
    volumes: tuple[Volume, ...] = ()
    overhead: dict[str, Quantity] = field(default_factory=dict)
    scheduler_name: str = ""
    hostname: str = ""
    subdomain: str = ""
    resource_claims: tuple[PodResourceClaim, ...] = ()
    resources: Resources | None = None
    priority: int | None = None
    priority_class_name: str = ""
    runtime_class_name: str = ""
    preemption_policy: str = ""
    scheduling_gates: tuple[SchedulingGate, ...] = ()
    host_users: bool | None = None


class Condition(Obj, frozen=True):
    type: str
    status: str = ""
    reason: str = ""


class ContainerStatus(Obj, frozen=True):
    """What a container has now (``resources``), and what the kubelet has admitted (``allocatedResources``)."""

    name: str = ""
    resources: Resources | None = None
    allocated_resources: dict[str, Quantity] = field(default_factory=dict)


class PodStatus(Obj, frozen=True):
    phase: str = ""
    pod_ip: str = field(default="", name="podIP")
    host_ip: str = field(default="", name="hostIP")
    resource_claim_statuses: tuple[PodResourceClaimStatus, ...] = ()
    nominated_node_name: str = ""
    start_time: str = ""
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    resources: Resources | None = None
    allocated_resources: dict[str, Quantity] = field(default_factory=dict)


class Pod(Obj, frozen=True):
    metadata: PodMetadata
    spec: PodSpec = field(default_factory=PodSpec)
    status: PodStatus = field(default_factory=PodStatus)


class PodTemplate(Obj, frozen=True):
    metadata: Metadata = field(default_factory=Metadata)
    spec: PodSpec = field(default_factory=PodSpec)
