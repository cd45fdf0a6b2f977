"""Kinds that are read only where a profile asks: identities, queues, buckets, keys, ways out, and add-ons' own kinds."""

from __future__ import annotations

from typing import Any

from clusterproof.snapshot import aws
from clusterproof.snapshot import kubernetes as k8s
from clusterproof.snapshot.kind import Kind, aws_kind, ec2_kind, kubernetes_kind

ROLES = aws_kind(
    "roles",
    aws.Role,
    "RoleDetailList",
    "iam",
    "get-account-authorization-details --filter Role",
    "iam:GetRole",
    lambda o: o.role_name,
    ("iam:ListRolePolicies", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies"),
)
POLICIES = aws_kind(
    "policies",
    aws.ManagedPolicy,
    "Policies",
    "iam",
    "get-account-authorization-details --filter LocalManagedPolicy AWSManagedPolicy",
    "iam:GetPolicyVersion",
    lambda o: o.arn,
    ("iam:GetPolicy",),
)
INSTANCE_PROFILES = aws_kind(
    "instance-profiles",
    aws.InstanceProfile,
    "InstanceProfiles",
    "iam",
    "list-instance-profiles",
    "iam:GetInstanceProfile",
    lambda o: o.instance_profile_name,
)
OIDC_PROVIDERS = aws_kind(
    "open-id-connect-providers",
    aws.OidcProvider,
    "OpenIDConnectProviders",
    "iam",
    "get-open-id-connect-provider --open-id-connect-provider-arn ARN",
    "iam:GetOpenIDConnectProvider",
    lambda o: o.url,
    ("iam:ListOpenIDConnectProviders",),
)
ORGANIZATIONS = aws_kind(
    "organizations",
    aws.Organization,
    "Organization",
    "organizations",
    "describe-organization",
    "organizations:DescribeOrganization",
    lambda o: o.id,
)
QUEUES = aws_kind(
    "queues",
    aws.Queue,
    "Queues",
    "sqs",
    "get-queue-attributes --attribute-names All --queue-url URL",
    "sqs:GetQueueAttributes",
    lambda o: o.name,
    ("sqs:ListQueueTags",),
)
QUEUE_URLS = aws_kind(
    "queue-urls",
    aws.QueueUrl,
    "QueueUrls",
    "sqs",
    "list-queues --query '{QueueUrls:QueueUrls}'",  # without it nothing at all is printed where there are none
    "sqs:ListQueues",
    lambda o: o.name.rpartition("/")[2],
)
BUCKETS = aws_kind(
    "buckets",
    aws.Bucket,
    "Buckets",
    "s3api",
    "list-buckets",
    "s3:ListAllMyBuckets",
    lambda o: o.name,
    (
        *("s3:GetBucketLocation", "s3:GetEncryptionConfiguration", "s3:GetBucketVersioning"),
        *("s3:GetLifecycleConfiguration", "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock"),
        "s3:GetIntelligentTieringConfiguration",
    ),
)
KEYS = aws_kind(
    "keys",
    aws.KmsKey,
    "Keys",
    "kms",
    "describe-key --key-id ID",
    "kms:DescribeKey",
    lambda o: o.key_id,
    ("kms:GetKeyRotationStatus", "kms:GetKeyPolicy", "kms:ListGrants", "kms:ListAliases"),
)
NAT_GATEWAYS = ec2_kind(
    "nat-gateways", aws.NatGateway, "NatGateways", "DescribeNatGateways", lambda o: o.nat_gateway_id
)
VPC_ENDPOINTS = ec2_kind(
    "vpc-endpoints", aws.VpcEndpoint, "VpcEndpoints", "DescribeVpcEndpoints", lambda o: o.vpc_endpoint_id
)

HORIZONTAL_POD_AUTOSCALERS = kubernetes_kind(
    "horizontalpodautoscalers", k8s.CustomResource, "HorizontalPodAutoscaler", "autoscaling"
)
CSI_DRIVERS = kubernetes_kind("csidrivers", k8s.CustomResource, "CSIDriver", "storage.k8s.io", namespaced=False)
ASYNC_ACTORS = kubernetes_kind("asyncactors", k8s.CustomResource, "AsyncActor", "asya.sh")
SCALED_OBJECTS = kubernetes_kind("scaledobjects", k8s.CustomResource, "ScaledObject", "keda.sh")
TRIGGER_AUTHENTICATIONS = kubernetes_kind(
    "triggerauthentications", k8s.CustomResource, "TriggerAuthentication", "keda.sh"
)
CLUSTER_TRIGGER_AUTHENTICATIONS = kubernetes_kind(
    "clustertriggerauthentications", k8s.CustomResource, "ClusterTriggerAuthentication", "keda.sh", namespaced=False
)

REQUESTED: tuple[Kind[Any], ...] = tuple(value for value in list(globals().values()) if isinstance(value, Kind))
"""All of them, in this order."""
