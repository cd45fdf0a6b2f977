"""The IAM side of world ``asya``: roles, policies, associations; least privilege, as clusterproof's profile asks for it.

Documents of AWS's own policies: AWS Managed Policy Reference Guide.
"""

from __future__ import annotations

from typing import Any

from worldgen.ids import uid
from worldgen.spec import Spec

Raw = dict[str, Any]
NAMESPACE = "asya-prod"
BUCKET = "asya-results-111122223333"
ACTORS = ("error-end", "happy-end", "llm")
"""The crew and one actor that computes on a GPU."""


def document(*statements: Raw) -> Raw:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: tuple[str, ...], resources: str | list[str], sid: str = "", **more: Any) -> Raw:
    """One statement that allows."""
    return {**({"Sid": sid} if sid else {}), "Effect": "Allow", "Action": list(actions), "Resource": resources, **more}


POD_IDENTITY_TRUST = document(
    {
        "Effect": "Allow",
        "Principal": {"Service": "pods.eks.amazonaws.com"},
        "Action": ["sts:AssumeRole", "sts:TagSession"],
    }
)
_SERVICE_TRUST = {
    service: document({"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"})
    for service in ("ec2.amazonaws.com", "eks.amazonaws.com")
}

_MANAGED: dict[str, Raw] = {
    "AmazonEKSWorkerNodePolicy": document(
        allow(
            (
                "ec2:DescribeInstances",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeRouteTables",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVolumes",
                "ec2:DescribeVolumesModifications",
                "ec2:DescribeVpcs",
                "eks:DescribeCluster",
                "eks-auth:AssumeRoleForPodIdentity",
            ),
            "*",
            "WorkerNodePermissions",
        )
    ),
    "AmazonEKS_CNI_Policy": document(
        allow(
            (
                "ec2:AssignPrivateIpAddresses",
                "ec2:AttachNetworkInterface",
                "ec2:CreateNetworkInterface",
                "ec2:DeleteNetworkInterface",
                "ec2:DescribeInstances",
                "ec2:DescribeTags",
                "ec2:DescribeNetworkInterfaces",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeSubnets",
                "ec2:DetachNetworkInterface",
                "ec2:ModifyNetworkInterfaceAttribute",
                "ec2:UnassignPrivateIpAddresses",
            ),
            "*",
            "AmazonEKSCNIPolicy",
        ),
        allow(("ec2:CreateTags",), ["arn:aws:ec2:*:*:network-interface/*"], "AmazonEKSCNIPolicyENITag"),
    ),
    "AmazonEC2ContainerRegistryReadOnly": document(
        allow(
            (
                "ecr:GetAuthorizationToken",
                "ecr:BatchCheckLayerAvailability",
                "ecr:GetDownloadUrlForLayer",
                "ecr:GetRepositoryPolicy",
                "ecr:DescribeRepositories",
                "ecr:ListImages",
                "ecr:DescribeImages",
                "ecr:BatchGetImage",
                "ecr:GetLifecyclePolicy",
                "ecr:GetLifecyclePolicyPreview",
                "ecr:ListTagsForResource",
                "ecr:DescribeImageScanFindings",
            ),
            "*",
        )
    ),
}
CLUSTER_AUTOSCALER = (
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLaunchConfigurations",
    "autoscaling:DescribeScalingActivities",
    "autoscaling:DescribeTags",
    "ec2:DescribeImages",
    "ec2:DescribeInstanceTypes",
    "ec2:DescribeLaunchTemplateVersions",
    "ec2:GetInstanceTypesFromInstanceRequirements",
    "eks:DescribeNodegroup",
)


def own_policies(spec: Spec, key_arn: str) -> dict[str, Raw]:
    """The inline policy of each role that Asya's parts get, by the role's name."""
    queues = f"arn:aws:sqs:*:{spec.account}:asya-*"
    bucket = f"arn:aws:s3:::{BUCKET}"
    encrypted = allow(("kms:GenerateDataKey", "kms:Decrypt"), key_arn, "QueueKey")
    return {
        "keda-operator": document(
            allow(("sqs:GetQueueAttributes", "sqs:GetQueueUrl"), queues, "QueueDepth"),
            allow(("sqs:ListQueues",), "*", "ListQueues"),
        ),
        "cluster-autoscaler": document(
            allow(CLUSTER_AUTOSCALER, "*", "Look"),
            allow(
                ("autoscaling:SetDesiredCapacity", "autoscaling:TerminateInstanceInAutoScalingGroup"),
                "*",
                "Scale",
                Condition={"StringEquals": {f"aws:ResourceTag/k8s.io/cluster-autoscaler/{spec.cluster}": "owned"}},
            ),
        ),
        "asya-operator": document(
            allow(
                (
                    "sqs:CreateQueue",
                    "sqs:DeleteQueue",
                    "sqs:GetQueueAttributes",
                    "sqs:GetQueueUrl",
                    "sqs:SetQueueAttributes",
                    "sqs:TagQueue",
                ),
                queues,
                "Queues",
            ),
            encrypted,
        ),
        "asya-actor": document(
            allow(
                (
                    "sqs:ChangeMessageVisibility",
                    "sqs:DeleteMessage",
                    "sqs:GetQueueAttributes",
                    "sqs:GetQueueUrl",
                    "sqs:ReceiveMessage",
                    "sqs:SendMessage",
                ),
                queues,
                "Queues",
            ),
            allow(("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), f"{bucket}/*", "Results"),
            allow(("s3:ListBucket",), bucket, "ResultsBucket"),
            encrypted,
        ),
        "asya-gateway": document(allow(("sqs:SendMessage", "sqs:GetQueueUrl"), queues, "Queues"), encrypted),
    }


def authorization_details(spec: Spec, key_arn: str) -> Raw:
    """``get-account-authorization-details``."""
    attached = [{"PolicyName": name, "PolicyArn": f"arn:aws:iam::aws:policy/{name}"} for name in _MANAGED]
    roles = [
        _role(spec, f"{spec.cluster}-node", _SERVICE_TRUST["ec2.amazonaws.com"], attached=attached),
        _role(spec, f"{spec.cluster}-cluster", _SERVICE_TRUST["eks.amazonaws.com"]),
    ]
    for name, policy in own_policies(spec, key_arn).items():
        inline = [{"PolicyName": f"{name}-policy", "PolicyDocument": policy}]
        roles.append(_role(spec, name, POD_IDENTITY_TRUST, inline=inline))
    return {
        "UserDetailList": [],
        "GroupDetailList": [],
        "RoleDetailList": roles,
        "Policies": [
            {
                "PolicyName": name,
                "PolicyId": f"ANPA{uid(name).replace('-', '').upper()[:17]}",
                "Arn": f"arn:aws:iam::aws:policy/{name}",
                "Path": "/",
                "DefaultVersionId": "v1",
                "AttachmentCount": 1,
                "PermissionsBoundaryUsageCount": 0,
                "IsAttachable": True,
                "CreateDate": "2018-05-27T21:07:43+00:00",
                "UpdateDate": "2023-11-27T00:14:28+00:00",
                "PolicyVersionList": [
                    {
                        "Document": policy,
                        "VersionId": "v1",
                        "IsDefaultVersion": True,
                        "CreateDate": "2023-11-27T00:14:28+00:00",
                    }
                ],
            }
            for name, policy in _MANAGED.items()
        ],
        "IsTruncated": False,
    }


def _role(spec: Spec, name: str, trust: Raw, inline: list[Raw] | None = None, attached: list[Raw] | None = None) -> Raw:
    return {
        "Path": "/",
        "RoleName": name,
        "RoleId": f"AROA{uid(spec.name, name).replace('-', '').upper()[:17]}",
        "Arn": f"arn:aws:iam::{spec.account}:role/{name}",
        "CreateDate": "2026-05-02T07:41:12+00:00",
        "AssumeRolePolicyDocument": trust,
        "InstanceProfileList": [],
        "RolePolicyList": inline or [],
        "AttachedManagedPolicies": attached or [],
        "Tags": [],
        "RoleLastUsed": {},
    }


def instance_profiles(spec: Spec) -> Raw:
    """``list-instance-profiles``: EKS makes one for the nodes' role."""
    return {
        "InstanceProfiles": [
            {
                "Path": "/",
                "InstanceProfileName": profile_name(spec),
                "InstanceProfileId": f"AIPA{uid(spec.name, 'profile').replace('-', '').upper()[:17]}",
                "Arn": profile_arn(spec),
                "CreateDate": "2026-05-02T08:02:20+00:00",
                "Roles": [
                    {
                        "Path": "/",
                        "RoleName": f"{spec.cluster}-node",
                        "RoleId": f"AROA{uid(spec.name, f'{spec.cluster}-node').replace('-', '').upper()[:17]}",
                        "Arn": f"arn:aws:iam::{spec.account}:role/{spec.cluster}-node",
                        "CreateDate": "2026-05-02T07:41:12+00:00",
                        "AssumeRolePolicyDocument": _SERVICE_TRUST["ec2.amazonaws.com"],
                    }
                ],
            }
        ]
    }


def profile_name(spec: Spec) -> str:
    """The name that EKS gives the instance profile."""
    return f"eks-{uid(spec.name, 'profile')}"


def profile_arn(spec: Spec) -> str:
    """Its ARN."""
    return f"arn:aws:iam::{spec.account}:instance-profile/{profile_name(spec)}"


def associations(spec: Spec) -> dict[str, Raw]:
    """``describe-pod-identity-association`` of each, by id."""
    wanted = [
        ("keda", "keda-operator", "keda-operator"),
        ("kube-system", "cluster-autoscaler", "cluster-autoscaler"),
        ("asya-system", "asya-operator", "asya-operator"),
        (NAMESPACE, "asya-gateway", "asya-gateway"),
        *((NAMESPACE, f"asya-{actor}", "asya-actor") for actor in ACTORS),
    ]
    found = {}
    for namespace, account, role in wanted:
        number = f"a-{uid(spec.name, namespace, account).replace('-', '')[:17]}"
        found[number] = {
            "association": {
                "clusterName": spec.cluster,
                "namespace": namespace,
                "serviceAccount": account,
                "roleArn": f"arn:aws:iam::{spec.account}:role/{role}",
                "associationArn": (
                    f"arn:aws:eks:{spec.region}:{spec.account}:podidentityassociation/{spec.cluster}/{number}"
                ),
                "associationId": number,
                "tags": {},
                "createdAt": "2026-05-02T08:20:11.480000+00:00",
                "modifiedAt": "2026-05-02T08:20:11.480000+00:00",
                "disableSessionTags": False,
            }
        }
    return found
