"""The registry of kinds: everything a snapshot can hold, declared once.

A kind says how its objects are typed and keyed, which command prints them and
which permission that needs; "unknown" verdicts quote the last two. Objects of
Kubernetes kinds that are not listed here are kept too (``other/<group>/<Kind>``),
untyped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

from clusterproof.snapshot import aws
from clusterproof.snapshot import kubernetes as k8s

T = TypeVar("T")


class Kind(Generic[T]):
    """One kind of object.

    Attributes:
        name: the plural that kubectl or the AWS CLI uses; also the file name inside a snapshot.
        type: the msgspec struct that decodes one object.
        key: gives an object's key from the typed object: ``ns/name``, ``name`` or an AWS id.
        origin: ``kubernetes`` or ``aws``.
        wire: Kubernetes: the ``kind`` on the wire; AWS: the member that holds the list.
        group: Kubernetes: the API group (``""`` is core); AWS: the service.
        command: what prints the objects, to be quoted to a user.
        permission: RBAC ``verb resource.group`` or IAM action.
        namespaced: Kubernetes only: whether a namespaced permission can limit it.
    """

    __slots__ = ("command", "group", "key", "name", "namespaced", "origin", "permission", "type", "wire")

    def __init__(
        self,
        name: str,
        type_: type[T],
        *,
        key: Callable[[T], str],
        origin: str,
        wire: str,
        group: str,
        command: str,
        permission: str,
        namespaced: bool = False,
    ) -> None:
        self.name = name
        self.type = type_
        self.key = key
        self.origin = origin
        self.wire = wire
        self.group = group
        self.command = command
        self.permission = permission
        self.namespaced = namespaced

    @property
    def resource(self) -> str:
        """The plural on the wire: the name, without the group's part that tells two resources of one name apart."""
        return self.name.partition("-")[0] if self.origin == "kubernetes" else self.name

    def __repr__(self) -> str:
        return f"Kind({self.name})"


def _named(obj: Any) -> str:
    return str(obj.metadata.name)


def _namespaced(obj: Any) -> str:
    return f"{obj.metadata.namespace}/{obj.metadata.name}"


def _k8s(name: str, type_: type[T], wire: str, group: str = "", *, namespaced: bool = True) -> Kind[T]:
    # Two groups may have a resource of one name; the kind's own name then ends in the group's.
    plural = name.partition("-")[0]
    resource = f"{plural}.{group}" if group else plural
    scope = " -A" if namespaced else ""
    return Kind(
        name,
        type_,
        key=_namespaced if namespaced else _named,
        origin="kubernetes",
        wire=wire,
        group=group,
        command=f"kubectl get {resource}{scope} -o json",
        permission=f"list {resource}",
        namespaced=namespaced,
    )


def _aws(
    name: str, type_: type[T], wire: str, service: str, call: str, action: str, key: Callable[[T], str]
) -> Kind[T]:
    return Kind(
        name,
        type_,
        key=key,
        origin="aws",
        wire=wire,
        group=service,
        command=f"aws {service} {call} --output json",
        permission=action,
    )


NODES = _k8s("nodes", k8s.Node, "Node", namespaced=False)
PODS = _k8s("pods", k8s.Pod, "Pod")
NAMESPACES = _k8s("namespaces", k8s.Namespace, "Namespace", namespaced=False)
SERVICES = _k8s("services", k8s.Service, "Service")
ENDPOINTS = _k8s("endpoints", k8s.Endpoints, "Endpoints")
ENDPOINT_SLICES = _k8s("endpointslices", k8s.EndpointSlice, "EndpointSlice", "discovery.k8s.io")
DEPLOYMENTS = _k8s("deployments", k8s.Controller, "Deployment", "apps")
STATEFUL_SETS = _k8s("statefulsets", k8s.Controller, "StatefulSet", "apps")
DAEMON_SETS = _k8s("daemonsets", k8s.Controller, "DaemonSet", "apps")
REPLICA_SETS = _k8s("replicasets", k8s.Controller, "ReplicaSet", "apps")
JOBS = _k8s("jobs", k8s.Controller, "Job", "batch")
CRON_JOBS = _k8s("cronjobs", k8s.CronJob, "CronJob", "batch")
NETWORK_POLICIES = _k8s("networkpolicies", k8s.NetworkPolicy, "NetworkPolicy", "networking.k8s.io")
CLAIMS = _k8s("persistentvolumeclaims", k8s.PersistentVolumeClaim, "PersistentVolumeClaim")
VOLUMES = _k8s("persistentvolumes", k8s.PersistentVolume, "PersistentVolume", namespaced=False)
SERVICE_ACCOUNTS = _k8s("serviceaccounts", k8s.ServiceAccount, "ServiceAccount")
CONFIG_MAPS = _k8s("configmaps", k8s.ConfigMap, "ConfigMap")
CRDS = _k8s(
    "customresourcedefinitions",
    k8s.CustomResourceDefinition,
    "CustomResourceDefinition",
    "apiextensions.k8s.io",
    namespaced=False,
)
ENI_CONFIGS = _k8s("eniconfigs", k8s.ENIConfig, "ENIConfig", "crd.k8s.amazonaws.com", namespaced=False)
SECURITY_GROUP_POLICIES = _k8s(
    "securitygrouppolicies", k8s.SecurityGroupPolicy, "SecurityGroupPolicy", "vpcresources.k8s.aws"
)
NODE_POOLS = _k8s("nodepools", k8s.NodePool, "NodePool", "karpenter.sh", namespaced=False)
EC2_NODE_CLASSES = _k8s("ec2nodeclasses", k8s.NodeClassObject, "EC2NodeClass", "karpenter.k8s.aws", namespaced=False)
NODE_CLASSES = _k8s("nodeclasses", k8s.NodeClassObject, "NodeClass", "eks.amazonaws.com", namespaced=False)

VALIDATING_WEBHOOKS = _k8s(
    "validatingwebhookconfigurations",
    k8s.WebhookConfiguration,
    "ValidatingWebhookConfiguration",
    "admissionregistration.k8s.io",
    namespaced=False,
)
MUTATING_WEBHOOKS = _k8s(
    "mutatingwebhookconfigurations",
    k8s.WebhookConfiguration,
    "MutatingWebhookConfiguration",
    "admissionregistration.k8s.io",
    namespaced=False,
)
API_SERVICES = _k8s("apiservices", k8s.APIService, "APIService", "apiregistration.k8s.io", namespaced=False)
CALLERS: tuple[Kind[Any], ...] = (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS, API_SERVICES)
"""Kinds whose objects make the API server call Services."""


def _policy(name: str, wire: str, group: str, *, namespaced: bool = False) -> Kind[k8s.OtherPolicy]:
    return _k8s(name, k8s.OtherPolicy, wire, group, namespaced=namespaced)


OTHER_POLICIES: tuple[Kind[k8s.OtherPolicy], ...] = (
    _policy("adminnetworkpolicies", "AdminNetworkPolicy", "policy.networking.k8s.io"),
    _policy("baselineadminnetworkpolicies", "BaselineAdminNetworkPolicy", "policy.networking.k8s.io"),
    _policy("clusternetworkpolicies", "ClusterNetworkPolicy", "policy.networking.k8s.io"),
    _policy("clusternetworkpolicies-aws", "ClusterNetworkPolicy", "networking.k8s.aws"),
    _policy("applicationnetworkpolicies", "ApplicationNetworkPolicy", "networking.k8s.aws", namespaced=True),
    _policy("networkpolicies-calico", "NetworkPolicy", "crd.projectcalico.org", namespaced=True),
    _policy("globalnetworkpolicies", "GlobalNetworkPolicy", "crd.projectcalico.org"),
    _policy("ciliumnetworkpolicies", "CiliumNetworkPolicy", "cilium.io", namespaced=True),
    _policy("ciliumclusterwidenetworkpolicies", "CiliumClusterwideNetworkPolicy", "cilium.io"),
)
"""Kinds of policy besides NetworkPolicy."""
HELM_RELEASES = Kind(
    "helmreleases",
    k8s.HelmRelease,
    key=_namespaced,
    origin="kubernetes",
    wire="HelmRelease",
    group="clusterproof",
    command="helm list -A -o json",
    permission="list secrets",
    namespaced=True,
)

CLUSTERS = _aws(
    "clusters",
    aws.Cluster,
    "cluster",
    "eks",
    "describe-cluster --name CLUSTER",
    "eks:DescribeCluster",
    lambda o: o.name,
)
NODEGROUPS = _aws(
    "nodegroups",
    aws.Nodegroup,
    "nodegroup",
    "eks",
    "describe-nodegroup --cluster-name CLUSTER --nodegroup-name NAME",
    "eks:DescribeNodegroup",
    lambda o: o.nodegroup_name,
)
NODEGROUP_NAMES = _aws(
    "nodegroup-names",
    aws.NodegroupName,
    "nodegroups",
    "eks",
    "list-nodegroups --cluster-name CLUSTER",
    "eks:ListNodegroups",
    lambda o: o.name,
)
FARGATE_PROFILES = _aws(
    "fargate-profiles",
    aws.FargateProfile,
    "fargateProfile",
    "eks",
    "describe-fargate-profile --cluster-name CLUSTER --fargate-profile-name NAME",
    "eks:DescribeFargateProfile",
    lambda o: o.fargate_profile_name,
)
FARGATE_PROFILE_NAMES = _aws(
    "fargate-profile-names",
    aws.FargateProfileName,
    "fargateProfileNames",
    "eks",
    "list-fargate-profiles --cluster-name CLUSTER",
    "eks:ListFargateProfiles",
    lambda o: o.name,
)
ADDONS = _aws(
    "addons",
    aws.Addon,
    "addon",
    "eks",
    "describe-addon --cluster-name CLUSTER --addon-name NAME",
    "eks:DescribeAddon",
    lambda o: o.addon_name,
)
ADDON_NAMES = _aws(
    "addon-names",
    aws.AddonName,
    "addons",
    "eks",
    "list-addons --cluster-name CLUSTER",
    "eks:ListAddons",
    lambda o: o.name,
)
POD_IDENTITY_ASSOCIATIONS = _aws(
    "pod-identity-associations",
    aws.PodIdentityAssociation,
    "association",
    "eks",
    "describe-pod-identity-association --cluster-name CLUSTER --association-id ID",
    "eks:DescribePodIdentityAssociation",
    lambda o: o.association_id,
)
POD_IDENTITY_ASSOCIATION_IDS = _aws(
    "pod-identity-association-ids",
    aws.PodIdentityAssociationId,
    "associations",
    "eks",
    "list-pod-identity-associations --cluster-name CLUSTER",
    "eks:ListPodIdentityAssociations",
    lambda o: o.association_id,
)
DESCRIBED: tuple[tuple[Kind[Any], Kind[Any], str], ...] = (
    (NODEGROUPS, NODEGROUP_NAMES, "node group"),
    (FARGATE_PROFILES, FARGATE_PROFILE_NAMES, "Fargate profile"),
    (ADDONS, ADDON_NAMES, "add-on"),
    (POD_IDENTITY_ASSOCIATIONS, POD_IDENTITY_ASSOCIATION_IDS, "pod identity association"),
)
"""What EKS describes one by one: the kind, the kind that lists which there are, and one of them in a sentence."""
AUTO_SCALING_GROUPS = _aws(
    "auto-scaling-groups",
    aws.AutoScalingGroup,
    "AutoScalingGroups",
    "autoscaling",
    "describe-auto-scaling-groups",
    "autoscaling:DescribeAutoScalingGroups",
    lambda o: o.auto_scaling_group_name,
)


def _ec2(name: str, type_: type[T], wire: str, action: str, key: Callable[[T], str]) -> Kind[T]:
    return _aws(name, type_, wire, "ec2", f"describe-{name}", f"ec2:{action}", key)


LAUNCH_TEMPLATE_VERSIONS = _aws(
    "launch-template-versions",
    aws.LaunchTemplateVersion,
    "LaunchTemplateVersions",
    "ec2",
    "describe-launch-template-versions --versions '$Latest' '$Default'",
    "ec2:DescribeLaunchTemplateVersions",
    lambda o: f"{o.launch_template_id}/{o.version_number}",
)
INSTANCES = _ec2("instances", aws.Instance, "Reservations", "DescribeInstances", lambda o: o.instance_id)
NETWORK_INTERFACES = _ec2(
    "network-interfaces",
    aws.NetworkInterface,
    "NetworkInterfaces",
    "DescribeNetworkInterfaces",
    lambda o: o.network_interface_id,
)
INSTANCE_TYPES = _ec2(
    "instance-types", aws.InstanceTypeInfo, "InstanceTypes", "DescribeInstanceTypes", lambda o: o.instance_type
)
SECURITY_GROUPS = _ec2(
    "security-groups", aws.SecurityGroup, "SecurityGroups", "DescribeSecurityGroups", lambda o: o.group_id
)
SECURITY_GROUP_RULES = _ec2(
    "security-group-rules",
    aws.SecurityGroupRule,
    "SecurityGroupRules",
    "DescribeSecurityGroupRules",
    lambda o: o.security_group_rule_id,
)
SUBNETS = _ec2("subnets", aws.Subnet, "Subnets", "DescribeSubnets", lambda o: o.subnet_id)
VPCS = _ec2("vpcs", aws.Vpc, "Vpcs", "DescribeVpcs", lambda o: o.vpc_id)
ROUTE_TABLES = _ec2("route-tables", aws.RouteTable, "RouteTables", "DescribeRouteTables", lambda o: o.route_table_id)
NETWORK_ACLS = _ec2("network-acls", aws.NetworkAcl, "NetworkAcls", "DescribeNetworkAcls", lambda o: o.network_acl_id)
PEERINGS = _ec2(
    "vpc-peering-connections",
    aws.VpcPeeringConnection,
    "VpcPeeringConnections",
    "DescribeVpcPeeringConnections",
    lambda o: o.vpc_peering_connection_id,
)
MANAGED_PREFIX_LISTS = _ec2(
    "managed-prefix-lists",
    aws.ManagedPrefixList,
    "PrefixLists",
    "DescribeManagedPrefixLists",
    lambda o: o.prefix_list_id,
)
PREFIX_LIST_ENTRIES = _aws(
    "prefix-list-entries",
    aws.PrefixListEntries,
    "Entries",
    "ec2",
    "get-managed-prefix-list-entries --prefix-list-id ID",
    "ec2:GetManagedPrefixListEntries",
    lambda o: o.prefix_list_id,
)
LOAD_BALANCERS = _aws(
    "load-balancers",
    aws.LoadBalancer,
    "LoadBalancers",
    "elbv2",
    "describe-load-balancers",
    "elasticloadbalancing:DescribeLoadBalancers",
    lambda o: o.load_balancer_arn,
)
TARGET_GROUPS = _aws(
    "target-groups",
    aws.TargetGroup,
    "TargetGroups",
    "elbv2",
    "describe-target-groups",
    "elasticloadbalancing:DescribeTargetGroups",
    lambda o: o.target_group_arn,
)
BALANCERS: tuple[Kind[Any], ...] = (LOAD_BALANCERS, TARGET_GROUPS)
"""Kinds that tell what load balancers send to whom."""
TRANSIT_GATEWAYS = _ec2(
    "transit-gateways",
    aws.TransitGateway,
    "TransitGateways",
    "DescribeTransitGateways",
    lambda o: o.transit_gateway_id,
)
TRANSIT_GATEWAY_ATTACHMENTS = _ec2(
    "transit-gateway-attachments",
    aws.TransitGatewayAttachment,
    "TransitGatewayAttachments",
    "DescribeTransitGatewayAttachments",
    lambda o: o.transit_gateway_attachment_id,
)
TRANSIT_GATEWAY_VPC_ATTACHMENTS = _ec2(
    "transit-gateway-vpc-attachments",
    aws.TransitGatewayVpcAttachment,
    "TransitGatewayVpcAttachments",
    "DescribeTransitGatewayVpcAttachments",
    lambda o: o.transit_gateway_attachment_id,
)
TRANSIT_GATEWAY_ROUTES = _aws(
    "transit-gateway-routes",
    aws.TransitGatewayRoutes,
    "Routes",
    "ec2",
    "search-transit-gateway-routes --transit-gateway-route-table-id ID --filters Name=state,Values=active,blackhole",
    "ec2:SearchTransitGatewayRoutes",
    lambda o: o.transit_gateway_route_table_id,
)
TRANSIT: tuple[Kind[Any], ...] = (
    TRANSIT_GATEWAYS,
    TRANSIT_GATEWAY_ATTACHMENTS,
    TRANSIT_GATEWAY_VPC_ATTACHMENTS,
    TRANSIT_GATEWAY_ROUTES,
)
"""Kinds that tell what transit gateways do; nothing rests on them where no route leads to one."""

ALL: tuple[Kind[Any], ...] = (
    *(value for value in list(globals().values()) if isinstance(value, Kind)),
    *OTHER_POLICIES,
)
BY_NAME: dict[str, Kind[Any]] = {kind.name: kind for kind in ALL}
