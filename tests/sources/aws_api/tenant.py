"""A small account with everything that only some profiles read: roles of every sort, queues, buckets, keys, ways out."""

from __future__ import annotations

import json
from typing import Any

import boto3
import msgspec

from tests.sources.aws_api.faults import Proxy
from tests.sources.aws_api.motoserver import ACCOUNT, REGION

CLUSTER = "tenant"
OTHER = "444455556666"
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "pods.eks.amazonaws.com"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
        }
    ],
}
SEND = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "*"}]}
LOOK = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:Get*", "Resource": "*"}]}
ISSUER = f"oidc.eks.{REGION}.amazonaws.com/id/ABCDEF"
BUCKET_POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::results/*"}],
}


class Tenant(msgspec.Struct, frozen=True):
    """The account.

    Attributes:
        url: the moto server itself.
        proxy: what the tests talk to.
        ids: of what the server chose: ``key``, ``nat``, ``endpoint``, ``vpc``, ``instance``.
    """

    url: str
    proxy: Proxy
    ids: dict[str, str]

    def client(self, service: str) -> Any:
        """A client of the account, past the proxy."""
        return client(self.url, service)


def client(url: str, service: str, key: str = "test", secret: str = "test") -> Any:  # noqa: S107 - no secret
    """A client that writes to the server; its key says which account's it is."""
    return boto3.client(
        service, endpoint_url=url, region_name=REGION, aws_access_key_id=key, aws_secret_access_key=secret
    )


def key_of(url: str, account: str) -> str:
    """An access key of a user in another account; its secret is ``test``, since nobody looks."""
    iam = client(url, "iam")
    header = {"x-moto-account-id": account}
    iam.meta.events.register("before-call", lambda params, **_: params["headers"].update(header))
    if "keeper" not in {user["UserName"] for user in iam.list_users()["Users"]}:
        iam.create_user(UserName="keeper")
        iam.create_access_key(UserName="keeper")
    key: str = iam.list_access_keys(UserName="keeper")["AccessKeyMetadata"][0]["AccessKeyId"]
    return key


def arn(name: str, account: str = ACCOUNT) -> str:
    """A role's ARN."""
    return f"arn:aws:iam::{account}:role/{name}"


def make(url: str) -> dict[str, str]:
    """Makes everything through the API."""
    ec2, eks, iam = client(url, "ec2"), client(url, "eks"), client(url, "iam")
    vpc = next(item["VpcId"] for item in ec2.describe_vpcs()["Vpcs"] if item["IsDefault"])
    subnets = [item["SubnetId"] for item in ec2.describe_subnets()["Subnets"]]
    _identities(iam)
    other = client(url, "iam", key_of(url, OTHER))
    for name in ("cross", "operator"):
        other.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    eks.create_cluster(name=CLUSTER, roleArn=arn("cluster"), resourcesVpcConfig={"subnetIds": subnets[:2]})
    eks.create_nodegroup(clusterName=CLUSTER, nodegroupName="cpu", nodeRole=arn("nodes"), subnets=subnets[:1])
    associate = eks.create_pod_identity_association
    associate(clusterName=CLUSTER, namespace="asya", serviceAccount="operator", roleArn=arn("path/operator"))
    associate(
        clusterName=CLUSTER,
        namespace="asya",
        serviceAccount="far",
        roleArn=arn("near"),
        targetRoleArn=arn("cross", OTHER),
    )
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    profile = {"Name": "machines"}
    instance = ec2.run_instances(
        ImageId=image, MinCount=1, MaxCount=1, SubnetId=subnets[0], IamInstanceProfile=profile
    )["Instances"][0]["InstanceId"]
    nat = ec2.create_nat_gateway(SubnetId=subnets[0], ConnectivityType="private")["NatGateway"]["NatGatewayId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc, ServiceName=f"com.amazonaws.{REGION}.sqs", VpcEndpointType="Interface", SubnetIds=subnets[:1]
    )["VpcEndpoint"]["VpcEndpointId"]
    elsewhere = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    far = ec2.create_subnet(VpcId=elsewhere, CidrBlock="10.77.0.0/24")["Subnet"]["SubnetId"]
    ec2.create_nat_gateway(SubnetId=far, ConnectivityType="private")
    ids = {"vpc": vpc, "nat": nat, "endpoint": endpoint, "instance": instance}
    return ids | {"key": _stores(client(url, "sqs"), client(url, "s3"), client(url, "kms"))}


def _identities(iam: Any) -> None:
    trust = json.dumps(TRUST)
    shared = iam.create_policy(PolicyName="shared", PolicyDocument=json.dumps(SEND))["Policy"]["Arn"]
    iam.create_policy_version(PolicyArn=shared, PolicyDocument=json.dumps(LOOK), SetAsDefault=True)
    limit = iam.create_policy(PolicyName="limit", PolicyDocument=json.dumps(LOOK))["Policy"]["Arn"]
    iam.create_policy(PolicyName="unused", PolicyDocument=json.dumps(LOOK))
    for name in ("cluster", "nodes", "near", "machine", "annotated", "unrelated"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.create_role(RoleName="operator", Path="/path/", AssumeRolePolicyDocument=trust, PermissionsBoundary=limit)
    iam.put_role_policy(RoleName="operator", PolicyName="inline", PolicyDocument=json.dumps(SEND))
    iam.put_role_policy(RoleName="operator", PolicyName="more", PolicyDocument=json.dumps(LOOK))
    for name in ("operator", "nodes"):
        iam.attach_role_policy(RoleName=name, PolicyArn=shared)
    iam.create_instance_profile(InstanceProfileName="machines")
    iam.add_role_to_instance_profile(InstanceProfileName="machines", RoleName="machine")
    iam.create_instance_profile(InstanceProfileName="unused")
    iam.create_open_id_connect_provider(
        Url=f"https://{ISSUER}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["a" * 40]
    )


def _stores(sqs: Any, s3: Any, kms: Any) -> str:
    key: str = kms.create_key(Description="queues")["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/queues", TargetKeyId=key)
    kms.enable_key_rotation(KeyId=key)
    kms.create_grant(KeyId=key, GranteePrincipal=arn("operator"), Operations=["Decrypt"])
    kms.create_key(Description="of nobody")
    sqs.create_queue(QueueName="asya-a", Attributes={"KmsMasterKeyId": "alias/queues"}, tags={"team": "ai"})
    sqs.create_queue(QueueName="asya-b")
    sqs.create_queue(QueueName="other")
    for name in ("results", "plain", "unrelated"):
        s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    rule = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{key}"}
    s3.put_bucket_encryption(
        Bucket="results",
        ServerSideEncryptionConfiguration={"Rules": [{"ApplyServerSideEncryptionByDefault": rule}]},
    )
    s3.put_bucket_versioning(Bucket="results", VersioningConfiguration={"Status": "Enabled"})
    expiring = {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 90}}
    s3.put_bucket_lifecycle_configuration(Bucket="results", LifecycleConfiguration={"Rules": [expiring]})
    s3.put_bucket_policy(Bucket="results", Policy=json.dumps(BUCKET_POLICY))
    blocked = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    s3.put_public_access_block(Bucket="results", PublicAccessBlockConfiguration=blocked)
    return key
