"""What the world is made of: frozen records, no behaviour.

A *node group* makes nodes; a *node class* is a set of nodes (or of nodes not
yet born) that no loaded rule can tell apart; an *interface* is what a pod's
packets leave through; a *workload* is a pod template with the pods it has.
"""

from __future__ import annotations

import enum

import msgspec

from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import ClaimTemplate, Labels, PodSpec, Quantity, Taint


class GroupKind(enum.StrEnum):
    """How a node group makes nodes."""

    EKS_MANAGED = "EKS managed node group"
    AUTO_SCALING = "Auto Scaling group"
    KARPENTER = "Karpenter NodePool"
    AUTO_MODE = "EKS Auto Mode NodePool"
    FARGATE = "Fargate profile"
    PLAIN = "nodes by label"


class Attachment(enum.StrEnum):
    """Which kind of interface a pod has."""

    HOST = "host"
    """The node's primary interface: host-network pods and the node itself."""
    SECONDARY = "secondary"
    """VPC CNI default: pods share the security groups of the node's primary interface."""
    CUSTOM = "custom"
    """VPC CNI custom networking: subnet and groups of an ENIConfig."""
    BRANCH_STRICT = "branch-strict"
    """Security groups for pods, enforcing mode strict: also same-node traffic crosses the VPC."""
    BRANCH_STANDARD = "branch-standard"
    """Security groups for pods, enforcing mode standard."""
    FARGATE = "fargate"
    """The interface of a Fargate microVM, which one pod has for itself."""
    CONTROL_PLANE = "control plane"
    """An interface that EKS keeps in the VPC for the API servers: no node's."""
    BALANCER = "load balancer"
    """An interface of a load balancer: no node's."""


class Interface(msgspec.Struct, frozen=True):
    """A class of network interfaces: what security groups, ACLs and routes can read of it.

    Attributes:
        attachment: which kind.
        security_groups: ids, sorted; unknown when not readable.
        subnet: subnet id; unknown when not readable.
        node_security_groups, node_subnet: those of the node's primary interface, which source NAT uses.
        refs: where this was read, in order of the derivation.
        keeps_address: whether packets that leave the VPC keep the pod's address, where that is not as the data
            plane says for all (EKS Auto Mode: its NodeClass; Fargate: always); None: as the data plane says.
        family4: set for a pod of an IPv6 cluster, which has no IPv4 address in the VPC: the interface of its node,
            whose IPv4 address carries what it sends over IPv4; or why it sends none, or that is not known.
        sends_as: CIDR blocks of the addresses that its packets carry in place of its own: a load balancer's that
            keeps those of its clients. Empty: its own.
        addresses: CIDR blocks of the addresses that are meant, where it was found by its address and is not a node's;
            empty: any that its subnet may hand out.
    """

    attachment: Attachment
    security_groups: tuple[str, ...] | Unknown
    subnet: str | Unknown
    node_security_groups: tuple[str, ...] | Unknown
    node_subnet: str | Unknown
    refs: tuple[Ref, ...] = ()
    keeps_address: bool | Unknown | None = None
    family4: Interface | Unknown | None = None
    sends_as: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()

    @property
    def managed(self) -> bool:
        """Whether it is one of AWS's own, of no node: the control plane's or a load balancer's."""
        return self.attachment in (Attachment.CONTROL_PLANE, Attachment.BALANCER)


class PodNetwork(msgspec.Struct, frozen=True):
    """Which interfaces an EKS Auto Mode node gives its pods.

    Attributes:
        subnets: ids in the node's zone; empty: the node's own subnet.
        security_groups: ids; empty: those of the node's primary interface.
        keeps_address: see :class:`Interface`.
        refs: where this was read.
    """

    subnets: tuple[str, ...] | Unknown = ()
    security_groups: tuple[str, ...] | Unknown = ()
    keeps_address: bool | Unknown = False
    refs: tuple[Ref, ...] = ()


class NodeGroup(msgspec.Struct, frozen=True):
    """What makes nodes of one kind.

    Attributes:
        name: as its owner calls it; unique in a world.
        nodes: names of the nodes that exist, sorted.
        size: (min, desired, max); None for plain nodes, which nothing is known to grow.
        template: None when a template was read (then a class of nodes not yet born exists per subnet) or when
            the group makes no nodes; otherwise why the template is not known.
        security_groups: those of its nodes' primary interfaces today, sorted, for display.
        refs: the objects that define it.
        owner: who manages it ("EKS", "Terraform", "CloudFormation", "eksctl", ""), from tags.
        instance_types: those that it may choose among; for an open choice, examples of each family.
        offers: devices that its next nodes have even where their types are not known, with the evidence.
    """

    name: str
    kind: GroupKind
    nodes: tuple[str, ...] = ()
    size: tuple[int, int, int] | None = None
    template: Unknown | None = None
    security_groups: tuple[str, ...] | Unknown = ()
    instance_types: tuple[str, ...] = ()
    refs: tuple[Ref, ...] = ()
    owner: str = ""
    offers: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def can_grow(self) -> bool:
        """Whether nodes that do not exist today may join: also a replacement is a new node."""
        return self.size is not None and self.size[2] > 0

    @property
    def full(self) -> bool:
        """Whether it has as many nodes as it may have: then a new one is a replacement. A size nobody read is none."""
        return self.size is not None and self.template is None and 0 < self.size[2] <= len(self.nodes)


class NodeClass(msgspec.Struct, frozen=True):
    """Nodes that no loaded rule can tell apart.

    Attributes:
        id: short and stable in one world, e.g. ``gpu#0``; ``gpu+0`` for nodes not yet born.
        group: the node group's name.
        born: False for nodes that the group's current template would make.
        nodes: names, sorted; empty when not born.
        labels: only the labels that a loaded rule can read; complete for those keys, except ``unknown_labels``.
        unknown_labels: keys whose value cannot be told for nodes not yet born, with why.
        taints: the structural ones (``node.kubernetes.io/*`` conditions are left out).
        allocatable: what an empty node offers; unknown when neither siblings nor instance types tell.
        devices_known: False where ``allocatable`` follows from the instance type alone, so that a device that it does
            not name may be there all the same (device plugins add them).
        zone: availability zone, "" when not known.
        host: the primary interface.
        eni_config: name of the ENIConfig that VPC CNI custom networking would use; "" when off; unknown where a
            label of a node not yet born decides it and cannot be told.
        pod_network: set for nodes of EKS Auto Mode.
        held: (subnet, groups) of the VPC CNI's interfaces that nodes have beside the primary. Under custom networking
            where they are not as the ENIConfig says; empty: they have none; unknown: they were not read. Otherwise
            those in subnets that the CNI uses no more. None: all are as they would be made now.
        fargate: the Fargate profile's name; such a node runs one pod and no other.
        again: nodes of it exist, and the group's current template makes further ones like them.
    """

    id: str
    group: str
    born: bool
    nodes: tuple[str, ...]
    labels: Labels
    unknown_labels: dict[str, Unknown]
    taints: tuple[Taint, ...] | Unknown
    allocatable: dict[str, Quantity] | Unknown
    zone: str
    host: Interface
    eni_config: str | Unknown = ""
    annotations: Labels = msgspec.field(default_factory=dict)
    pod_network: PodNetwork | None = None
    held: tuple[tuple[str, tuple[str, ...]], ...] | Unknown | None = None
    fargate: str = ""
    devices_known: bool = True
    again: bool = False


class Workload(msgspec.Struct, frozen=True):
    """A pod template and the pods that it has.

    Attributes:
        kind: Deployment, StatefulSet, DaemonSet, Job, CronJob, ReplicaSet, Pod.
        spec, labels: of the pod that the template makes.
        replicas: how many it wants, 0 for a suspended Job; None when that is not a number of its own (DaemonSet, Pod).
        pod_names: names of its pods that are not finished, sorted by name.
        pod_nodes: the nodes of those pods, same order; "" for a pod without a node.
        claims: the sets of volume claims that its pods have (a StatefulSet's pods have one each), distinct and sorted.
        claim_templates: of a StatefulSet: what each of its pods gets a claim of, named ``TEMPLATE-POD``.
        first_ordinal: of a StatefulSet: the number of its first pod.
        installed: False when it is a profile's own template, not in the cluster.
        ref: where the template was read.
        annotations: of the pod that the template makes.
        refusal: why the API server lets none of its next pods in, whatever the node; else empty.
        unread: why it is not known what the API server adds to its next pods (their RuntimeClass); None where it is.
    """

    kind: str
    namespace: str
    name: str
    labels: Labels
    spec: PodSpec
    replicas: int | None = None
    pod_names: tuple[str, ...] = ()
    pod_nodes: tuple[str, ...] = ()
    claims: tuple[tuple[str, ...], ...] = ()
    installed: bool = True
    ref: Ref | None = None
    annotations: Labels = msgspec.field(default_factory=dict)
    claim_templates: tuple[ClaimTemplate, ...] = ()
    first_ordinal: int = 0
    refusal: str = ""
    unread: Unknown | None = None

    @property
    def every_node(self) -> bool:
        """Whether it runs on all feasible nodes at once, so that no choice is free."""
        return self.kind == "DaemonSet"

    @property
    def unplaced(self) -> Unknown | None:
        """Why it cannot be said where its next pod would land, whatever the nodes; None where that depends on them."""
        if self.refusal:
            remedy = f"change the template, or RuntimeClass {self.spec.runtime_class_name}"
            return Unknown(Cause.NOT_ANSWERABLE, self.refusal, remedy)
        return self.unread

    @property
    def asleep(self) -> bool:
        """Whether it wants no pods, so that nobody answers for it: scaled to zero, or a suspended Job."""
        return self.installed and self.replicas == 0

    @property
    def id(self) -> str:
        """``kind/namespace/name`` as kubectl would be told it, e.g. ``deploy/dynamo/worker``."""
        return f"{SHORT_KIND.get(self.kind, self.kind.lower())}/{self.namespace}/{self.name}"


SHORT_KIND = {
    "Deployment": "deploy",
    "StatefulSet": "sts",
    "DaemonSet": "ds",
    "ReplicaSet": "rs",
    "Job": "job",
    "CronJob": "cronjob",
    "Pod": "pod",
}


class DataPlane(msgspec.Struct, frozen=True):
    """Which network the pods are on, and what of it is modelled.

    Attributes:
        name: ``VPC CNI``, or what else was found.
        modelled: None when reach can be decided; otherwise why not (an overlay, a mesh).
        custom_networking: AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG.
        eni_config_label, eni_config_annotation: where the ENIConfig's name stands on a node.
        external_snat: AWS_VPC_K8S_CNI_EXTERNALSNAT: True keeps pod addresses outside the VPC.
        exclude_snat: AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS.
        random_ports: AWS_VPC_K8S_CNI_RANDOMIZESNAT is not ``none``.
        pod_groups: ENABLE_POD_ENI: security groups for pods.
        strict: POD_SECURITY_GROUP_ENFORCING_MODE is strict (the default).
        policies: True when NetworkPolicies are enforced, False when nothing enforces them.
        policy_engine: who enforces them: ``VPC CNI``, ``Calico``, ``Cilium``.
        policy_kinds: kinds of policy besides, by their names in ``snapshot/kinds.py``, with whether they are enforced;
            what is not named here is not.
        default_deny: NETWORK_POLICY_ENFORCING_MODE is strict: pods that no policy selects are refused everything.
        subnet_discovery: ENABLE_SUBNET_DISCOVERY (default on from VPC CNI 1.18).
        refs: the objects and fields that say so.
    """

    name: str
    modelled: Unknown | None = None
    custom_networking: bool = False
    eni_config_label: str = "k8s.amazonaws.com/eniConfig"
    eni_config_annotation: str = "k8s.amazonaws.com/eniConfig"
    external_snat: bool = False
    exclude_snat: tuple[str, ...] = ()
    random_ports: bool = True
    pod_groups: bool = False
    strict: bool = True
    policies: bool | Unknown = False
    policy_engine: str = ""
    policy_kinds: tuple[tuple[str, bool | Unknown], ...] = ()
    default_deny: bool = False
    subnet_discovery: bool = True
    refs: tuple[Ref, ...] = ()

    def enforces(self, kind: str) -> bool | Unknown:
        """Whether policies of a kind have any effect.

        Args:
            kind: its name in ``snapshot/kinds.py``.
        """
        return dict(self.policy_kinds).get(kind, False)
