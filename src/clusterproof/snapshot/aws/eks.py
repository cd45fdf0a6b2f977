"""EKS clusters, managed node groups, Fargate profiles, add-ons and pod identity associations."""

from __future__ import annotations

import msgspec
from msgspec import field

from clusterproof.snapshot.aws.base import Eks


class VpcConfig(Eks, frozen=True):
    vpc_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    cluster_security_group_id: str = ""


class NetworkConfig(Eks, frozen=True):
    service_ipv4_cidr: str = field(default="", name="serviceIpv4Cidr")
    service_ipv6_cidr: str = field(default="", name="serviceIpv6Cidr")
    ip_family: str = "ipv4"


class ComputeConfig(Eks, frozen=True):
    enabled: bool = False
    node_pools: tuple[str, ...] = ()


class Oidc(Eks, frozen=True):
    """``issuer`` is a URL with its scheme."""

    issuer: str = ""


class ClusterIdentity(Eks, frozen=True):
    oidc: Oidc = field(default_factory=Oidc)


class Cluster(Eks, frozen=True):
    name: str
    arn: str = ""
    version: str = ""
    platform_version: str = ""
    role_arn: str = ""
    identity: ClusterIdentity = field(default_factory=ClusterIdentity)
    endpoint: str = ""
    status: str = ""
    resources_vpc_config: VpcConfig = field(default_factory=VpcConfig)
    kubernetes_network_config: NetworkConfig = field(default_factory=NetworkConfig)
    compute_config: ComputeConfig = field(default_factory=ComputeConfig)
    tags: dict[str, str] = field(default_factory=dict)


class NodegroupTaint(Eks, frozen=True):
    """``effect`` as EKS writes it: NO_SCHEDULE, NO_EXECUTE, PREFER_NO_SCHEDULE."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodegroupScaling(Eks, frozen=True):
    min_size: int = 0
    max_size: int = 0
    desired_size: int = 0


class NodegroupLaunchTemplate(Eks, frozen=True):
    id: str = ""
    name: str = ""
    version: str = ""


class NodegroupAsg(Eks, frozen=True):
    name: str = ""


class NodegroupResources(Eks, frozen=True):
    auto_scaling_groups: tuple[NodegroupAsg, ...] = ()
    remote_access_security_group: str = ""


class Nodegroup(Eks, frozen=True):
    nodegroup_name: str
    cluster_name: str = ""
    nodegroup_arn: str = ""
    version: str = ""
    status: str = ""
    capacity_type: str = "ON_DEMAND"
    ami_type: str = ""
    instance_types: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    node_role: str = ""
    release_version: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    taints: tuple[NodegroupTaint, ...] = ()
    scaling_config: NodegroupScaling = field(default_factory=NodegroupScaling)
    launch_template: NodegroupLaunchTemplate | None = None
    resources: NodegroupResources = field(default_factory=NodegroupResources)
    tags: dict[str, str] = field(default_factory=dict)


class NodegroupName(msgspec.Struct, frozen=True, gc=False):
    """One name from list-nodegroups (or from the ASG tag ``eks:nodegroup-name``)."""

    name: str


class FargateSelector(Eks, frozen=True):
    """A namespace, and labels that a pod must all have; ``*`` and ``?`` are wildcards in each."""

    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)


class FargateProfile(Eks, frozen=True):
    fargate_profile_name: str
    cluster_name: str = ""
    fargate_profile_arn: str = ""
    status: str = ""
    subnets: tuple[str, ...] = ()
    selectors: tuple[FargateSelector, ...] = ()
    tags: dict[str, str] = field(default_factory=dict)


class FargateProfileName(msgspec.Struct, frozen=True, gc=False):
    """One name from list-fargate-profiles."""

    name: str


class Addon(Eks, frozen=True):
    """One EKS add-on (EKS API reference, ``Addon``).

    ``configuration_values`` is JSON or YAML text. What it says is what EKS was told to install; what runs is what the
    DaemonSets and Deployments say, which may have been edited since.
    """

    addon_name: str
    cluster_name: str = ""
    status: str = ""
    addon_version: str = ""
    addon_arn: str = ""
    configuration_values: str = ""


class AddonName(msgspec.Struct, frozen=True, gc=False):
    """One name from list-addons."""

    name: str


class PodIdentityAssociation(Eks, frozen=True):
    """The role that the pods of a service account get (EKS API reference, ``PodIdentityAssociation``).

    With ``target_role_arn`` the pods get that role, which ``role_arn`` assumes with ``external_id``; ``policy`` is JSON
    text, a session policy on top.
    """

    association_id: str
    cluster_name: str = ""
    association_arn: str = ""
    namespace: str = ""
    service_account: str = ""
    role_arn: str = ""
    target_role_arn: str = ""
    external_id: str = ""
    disable_session_tags: bool = False
    policy: str = ""


class PodIdentityAssociationId(Eks, frozen=True):
    """One summary from list-pod-identity-associations: it names no role (``PodIdentityAssociationSummary``)."""

    association_id: str
    cluster_name: str = ""
    association_arn: str = ""
    namespace: str = ""
    service_account: str = ""
