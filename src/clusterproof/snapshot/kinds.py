"""The registry of kinds: everything a snapshot can hold, declared once.

A kind says how its objects are typed and keyed, which command prints them and
which permission that needs; "unknown" verdicts quote the last two. Objects of
Kubernetes kinds that are not listed here are kept too (``other/<group>/<Kind>``),
untyped.
"""

from __future__ import annotations

from typing import Any

from clusterproof.snapshot import aws
from clusterproof.snapshot import kubernetes as k8s
from clusterproof.snapshot.kind import Kind as Kind  # noqa: PLC0414 - the registry gives its type as well
from clusterproof.snapshot.kind import aws_kind, ec2_kind, kubernetes_kind, namespaced_key
from clusterproof.snapshot.requested import *  # noqa: F403 - the registry holds them too
from clusterproof.snapshot.requested import REQUESTED as REQUESTED  # noqa: PLC0414 - the same

NODES = kubernetes_kind("nodes", k8s.Node, "Node", namespaced=False)
PODS = kubernetes_kind("pods", k8s.Pod, "Pod")
NAMESPACES = kubernetes_kind("namespaces", k8s.Namespace, "Namespace", namespaced=False)
SERVICES = kubernetes_kind("services", k8s.Service, "Service")
ENDPOINTS = kubernetes_kind("endpoints", k8s.Endpoints, "Endpoints")
ENDPOINT_SLICES = kubernetes_kind("endpointslices", k8s.EndpointSlice, "EndpointSlice", "discovery.k8s.io")
DEPLOYMENTS = kubernetes_kind("deployments", k8s.Controller, "Deployment", "apps")
STATEFUL_SETS = kubernetes_kind("statefulsets", k8s.Controller, "StatefulSet", "apps")
DAEMON_SETS = kubernetes_kind("daemonsets", k8s.Controller, "DaemonSet", "apps")
REPLICA_SETS = kubernetes_kind("replicasets", k8s.Controller, "ReplicaSet", "apps")
JOBS = kubernetes_kind("jobs", k8s.Controller, "Job", "batch")
CRON_JOBS = kubernetes_kind("cronjobs", k8s.CronJob, "CronJob", "batch")
NETWORK_POLICIES = kubernetes_kind("networkpolicies", k8s.NetworkPolicy, "NetworkPolicy", "networking.k8s.io")
CLAIMS = kubernetes_kind("persistentvolumeclaims", k8s.PersistentVolumeClaim, "PersistentVolumeClaim")
VOLUMES = kubernetes_kind("persistentvolumes", k8s.PersistentVolume, "PersistentVolume", namespaced=False)
STORAGE_CLASSES = kubernetes_kind(
    "storageclasses", k8s.StorageClass, "StorageClass", "storage.k8s.io", namespaced=False
)
CSI_NODES = kubernetes_kind("csinodes", k8s.CSINode, "CSINode", "storage.k8s.io", namespaced=False)
VOLUME_ATTACHMENTS = kubernetes_kind(
    "volumeattachments", k8s.VolumeAttachment, "VolumeAttachment", "storage.k8s.io", namespaced=False
)
PRIORITY_CLASSES = kubernetes_kind(
    "priorityclasses", k8s.PriorityClass, "PriorityClass", "scheduling.k8s.io", namespaced=False
)
RUNTIME_CLASSES = kubernetes_kind("runtimeclasses", k8s.RuntimeClass, "RuntimeClass", "node.k8s.io", namespaced=False)
RESOURCE_CLAIMS = kubernetes_kind("resourceclaims", k8s.ResourceClaim, "ResourceClaim", "resource.k8s.io")
RESOURCE_CLAIM_TEMPLATES = kubernetes_kind(
    "resourceclaimtemplates", k8s.ResourceClaimTemplate, "ResourceClaimTemplate", "resource.k8s.io"
)
RESOURCE_SLICES = kubernetes_kind(
    "resourceslices", k8s.ResourceSlice, "ResourceSlice", "resource.k8s.io", namespaced=False
)
DEVICE_CLASSES = kubernetes_kind("deviceclasses", k8s.DeviceClass, "DeviceClass", "resource.k8s.io", namespaced=False)
SERVICE_ACCOUNTS = kubernetes_kind("serviceaccounts", k8s.ServiceAccount, "ServiceAccount")
CONFIG_MAPS = kubernetes_kind("configmaps", k8s.ConfigMap, "ConfigMap")
CRDS = kubernetes_kind(
    "customresourcedefinitions",
    k8s.CustomResourceDefinition,
    "CustomResourceDefinition",
    "apiextensions.k8s.io",
    namespaced=False,
)
ENI_CONFIGS = kubernetes_kind("eniconfigs", k8s.ENIConfig, "ENIConfig", "crd.k8s.amazonaws.com", namespaced=False)
SECURITY_GROUP_POLICIES = kubernetes_kind(
    "securitygrouppolicies", k8s.SecurityGroupPolicy, "SecurityGroupPolicy", "vpcresources.k8s.aws"
)
NODE_POOLS = kubernetes_kind("nodepools", k8s.NodePool, "NodePool", "karpenter.sh", namespaced=False)
EC2_NODE_CLASSES = kubernetes_kind(
    "ec2nodeclasses", k8s.NodeClassObject, "EC2NodeClass", "karpenter.k8s.aws", namespaced=False
)
NODE_CLASSES = kubernetes_kind("nodeclasses", k8s.NodeClassObject, "NodeClass", "eks.amazonaws.com", namespaced=False)

VALIDATING_WEBHOOKS = kubernetes_kind(
    "validatingwebhookconfigurations",
    k8s.WebhookConfiguration,
    "ValidatingWebhookConfiguration",
    "admissionregistration.k8s.io",
    namespaced=False,
)
MUTATING_WEBHOOKS = kubernetes_kind(
    "mutatingwebhookconfigurations",
    k8s.WebhookConfiguration,
    "MutatingWebhookConfiguration",
    "admissionregistration.k8s.io",
    namespaced=False,
)
API_SERVICES = kubernetes_kind("apiservices", k8s.APIService, "APIService", "apiregistration.k8s.io", namespaced=False)
CALLERS: tuple[Kind[Any], ...] = (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS, API_SERVICES)
"""Kinds whose objects make the API server call Services."""


def _policy(name: str, wire: str, group: str, *, namespaced: bool = False) -> Kind[k8s.OtherPolicy]:
    return kubernetes_kind(name, k8s.OtherPolicy, wire, group, namespaced=namespaced)


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
    key=namespaced_key,
    origin="kubernetes",
    wire="HelmRelease",
    group="clusterproof",
    command="helm list -A -o json",
    permission="list secrets",
    namespaced=True,
)

CLUSTERS = aws_kind(
    "clusters",
    aws.Cluster,
    "cluster",
    "eks",
    "describe-cluster --name CLUSTER",
    "eks:DescribeCluster",
    lambda o: o.name,
)
NODEGROUPS = aws_kind(
    "nodegroups",
    aws.Nodegroup,
    "nodegroup",
    "eks",
    "describe-nodegroup --cluster-name CLUSTER --nodegroup-name NAME",
    "eks:DescribeNodegroup",
    lambda o: o.nodegroup_name,
)
NODEGROUP_NAMES = aws_kind(
    "nodegroup-names",
    aws.NodegroupName,
    "nodegroups",
    "eks",
    "list-nodegroups --cluster-name CLUSTER",
    "eks:ListNodegroups",
    lambda o: o.name,
)
FARGATE_PROFILES = aws_kind(
    "fargate-profiles",
    aws.FargateProfile,
    "fargateProfile",
    "eks",
    "describe-fargate-profile --cluster-name CLUSTER --fargate-profile-name NAME",
    "eks:DescribeFargateProfile",
    lambda o: o.fargate_profile_name,
)
FARGATE_PROFILE_NAMES = aws_kind(
    "fargate-profile-names",
    aws.FargateProfileName,
    "fargateProfileNames",
    "eks",
    "list-fargate-profiles --cluster-name CLUSTER",
    "eks:ListFargateProfiles",
    lambda o: o.name,
)
ADDONS = aws_kind(
    "addons",
    aws.Addon,
    "addon",
    "eks",
    "describe-addon --cluster-name CLUSTER --addon-name NAME",
    "eks:DescribeAddon",
    lambda o: o.addon_name,
)
ADDON_NAMES = aws_kind(
    "addon-names",
    aws.AddonName,
    "addons",
    "eks",
    "list-addons --cluster-name CLUSTER",
    "eks:ListAddons",
    lambda o: o.name,
)
POD_IDENTITY_ASSOCIATIONS = aws_kind(
    "pod-identity-associations",
    aws.PodIdentityAssociation,
    "association",
    "eks",
    "describe-pod-identity-association --cluster-name CLUSTER --association-id ID",
    "eks:DescribePodIdentityAssociation",
    lambda o: o.association_id,
)
POD_IDENTITY_ASSOCIATION_IDS = aws_kind(
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
AUTO_SCALING_GROUPS = aws_kind(
    "auto-scaling-groups",
    aws.AutoScalingGroup,
    "AutoScalingGroups",
    "autoscaling",
    "describe-auto-scaling-groups",
    "autoscaling:DescribeAutoScalingGroups",
    lambda o: o.auto_scaling_group_name,
)


LAUNCH_TEMPLATE_VERSIONS = aws_kind(
    "launch-template-versions",
    aws.LaunchTemplateVersion,
    "LaunchTemplateVersions",
    "ec2",
    "describe-launch-template-versions --versions '$Latest' '$Default'",
    "ec2:DescribeLaunchTemplateVersions",
    lambda o: f"{o.launch_template_id}/{o.version_number}",
)
INSTANCES = ec2_kind("instances", aws.Instance, "Reservations", "DescribeInstances", lambda o: o.instance_id)
NETWORK_INTERFACES = ec2_kind(
    "network-interfaces",
    aws.NetworkInterface,
    "NetworkInterfaces",
    "DescribeNetworkInterfaces",
    lambda o: o.network_interface_id,
)
INSTANCE_TYPES = ec2_kind(
    "instance-types", aws.InstanceTypeInfo, "InstanceTypes", "DescribeInstanceTypes", lambda o: o.instance_type
)
SECURITY_GROUPS = ec2_kind(
    "security-groups", aws.SecurityGroup, "SecurityGroups", "DescribeSecurityGroups", lambda o: o.group_id
)
SECURITY_GROUP_RULES = ec2_kind(
    "security-group-rules",
    aws.SecurityGroupRule,
    "SecurityGroupRules",
    "DescribeSecurityGroupRules",
    lambda o: o.security_group_rule_id,
)
SUBNETS = ec2_kind("subnets", aws.Subnet, "Subnets", "DescribeSubnets", lambda o: o.subnet_id)
VPCS = ec2_kind("vpcs", aws.Vpc, "Vpcs", "DescribeVpcs", lambda o: o.vpc_id)
ROUTE_TABLES = ec2_kind(
    "route-tables", aws.RouteTable, "RouteTables", "DescribeRouteTables", lambda o: o.route_table_id
)
NETWORK_ACLS = ec2_kind(
    "network-acls", aws.NetworkAcl, "NetworkAcls", "DescribeNetworkAcls", lambda o: o.network_acl_id
)
PEERINGS = ec2_kind(
    "vpc-peering-connections",
    aws.VpcPeeringConnection,
    "VpcPeeringConnections",
    "DescribeVpcPeeringConnections",
    lambda o: o.vpc_peering_connection_id,
)
MANAGED_PREFIX_LISTS = ec2_kind(
    "managed-prefix-lists",
    aws.ManagedPrefixList,
    "PrefixLists",
    "DescribeManagedPrefixLists",
    lambda o: o.prefix_list_id,
)
PREFIX_LIST_ENTRIES = aws_kind(
    "prefix-list-entries",
    aws.PrefixListEntries,
    "Entries",
    "ec2",
    "get-managed-prefix-list-entries --prefix-list-id ID",
    "ec2:GetManagedPrefixListEntries",
    lambda o: o.prefix_list_id,
)
LOAD_BALANCERS = aws_kind(
    "load-balancers",
    aws.LoadBalancer,
    "LoadBalancers",
    "elbv2",
    "describe-load-balancers",
    "elasticloadbalancing:DescribeLoadBalancers",
    lambda o: o.load_balancer_arn,
)
TARGET_GROUPS = aws_kind(
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
TRANSIT_GATEWAYS = ec2_kind(
    "transit-gateways",
    aws.TransitGateway,
    "TransitGateways",
    "DescribeTransitGateways",
    lambda o: o.transit_gateway_id,
)
TRANSIT_GATEWAY_ATTACHMENTS = ec2_kind(
    "transit-gateway-attachments",
    aws.TransitGatewayAttachment,
    "TransitGatewayAttachments",
    "DescribeTransitGatewayAttachments",
    lambda o: o.transit_gateway_attachment_id,
)
TRANSIT_GATEWAY_VPC_ATTACHMENTS = ec2_kind(
    "transit-gateway-vpc-attachments",
    aws.TransitGatewayVpcAttachment,
    "TransitGatewayVpcAttachments",
    "DescribeTransitGatewayVpcAttachments",
    lambda o: o.transit_gateway_attachment_id,
)
TRANSIT_GATEWAY_ROUTES = aws_kind(
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
    *(value for value in list(globals().values()) if isinstance(value, Kind) and value not in REQUESTED),
    *OTHER_POLICIES,
    *REQUESTED,
)
BY_NAME: dict[str, Kind[Any]] = {kind.name: kind for kind in ALL}
