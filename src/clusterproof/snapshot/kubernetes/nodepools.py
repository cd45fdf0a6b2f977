"""Karpenter's NodePools, and the node classes that they refer to.

Sources: Karpenter, "NodePools" and "NodeClasses" (karpenter.sh/v1, karpenter.k8s.aws/v1; pkg/apis/v1/nodepool.go and
ec2nodeclass.go); EKS User Guide, "Create a Node Class for Amazon EKS" (eks.amazonaws.com/v1).
"""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Labels, Metadata, Obj, Quantity, SelectorRequirement
from clusterproof.snapshot.kubernetes.nodes import Taint


class NodeClassRef(Obj, frozen=True):
    """Which node class; before karpenter.sh/v1 ``apiVersion`` stood in the place of ``group``."""

    name: str = ""
    kind: str = ""
    group: str = ""
    api_version: str = ""


class NodePoolTemplateMetadata(Obj, frozen=True):
    labels: Labels = field(default_factory=dict)
    annotations: Labels = field(default_factory=dict)


class NodePoolRequirement(SelectorRequirement, frozen=True):
    """``min_values``: of so many values there must be types to choose among; ``operator`` may also be Gte or Lte."""

    min_values: int | None = None


class NodePoolTemplateSpec(Obj, frozen=True):
    """``startup_taints`` are lifted by what starts on the node; pods need not tolerate them."""

    node_class_ref: NodeClassRef = field(default_factory=NodeClassRef)
    requirements: tuple[NodePoolRequirement, ...] = ()
    taints: tuple[Taint, ...] = ()
    startup_taints: tuple[Taint, ...] = ()


class NodePoolTemplate(Obj, frozen=True):
    metadata: NodePoolTemplateMetadata = field(default_factory=NodePoolTemplateMetadata)
    spec: NodePoolTemplateSpec = field(default_factory=NodePoolTemplateSpec)


class NodePoolSpec(Obj, frozen=True):
    """``replicas`` is set for static capacity only; ``limits`` are by resource."""

    template: NodePoolTemplate = field(default_factory=NodePoolTemplate)
    limits: dict[str, Quantity] = field(default_factory=dict)
    replicas: int | None = None
    weight: int = 0


class NodePool(Obj, frozen=True):
    metadata: Metadata
    spec: NodePoolSpec = field(default_factory=NodePoolSpec)


class SelectorTerm(Obj, frozen=True):
    """One term over subnets or security groups: what stands in it is ANDed, terms are ORed; ``*`` is any value."""

    tags: Labels = field(default_factory=dict)
    id: str = ""
    name: str = ""
    cidr: str = ""


class Selected(Obj, frozen=True):
    """A subnet or a security group that the terms select, as the controller wrote it into the status."""

    id: str = ""
    zone: str = ""
    zone_id: str = field(default="", name="zoneID")


class KubeletSettings(Obj, frozen=True):
    """``max_pods`` may be an expression over the instance type (CEL), which stands as its text."""

    max_pods: int | str | None = None


class AmiTerm(Obj, frozen=True):
    """``alias`` is ``family@version``."""

    alias: str = ""


class NodeClassSpec(Obj, frozen=True):
    """The pod terms, ``network_policy`` and ``snat_policy`` are EKS Auto Mode's; the kubelet's settings Karpenter's."""

    subnet_selector_terms: tuple[SelectorTerm, ...] = ()
    security_group_selector_terms: tuple[SelectorTerm, ...] = ()
    pod_subnet_selector_terms: tuple[SelectorTerm, ...] = ()
    pod_security_group_selector_terms: tuple[SelectorTerm, ...] = ()
    network_policy: str = "DefaultAllow"
    snat_policy: str = "Random"
    ami_family: str = ""
    ami_selector_terms: tuple[AmiTerm, ...] = ()
    user_data: str = ""
    role: str = ""
    instance_profile: str = ""
    kubelet: KubeletSettings = field(default_factory=KubeletSettings)


class NodeClassStatus(Obj, frozen=True):
    subnets: tuple[Selected, ...] = ()
    security_groups: tuple[Selected, ...] = ()


class NodeClassObject(Obj, frozen=True):
    """An EC2NodeClass (Karpenter) or a NodeClass (EKS Auto Mode)."""

    metadata: Metadata
    spec: NodeClassSpec = field(default_factory=NodeClassSpec)
    status: NodeClassStatus = field(default_factory=NodeClassStatus)
