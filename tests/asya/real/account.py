"""The AWS side of world ``asya`` made through the API: networks as of every world, then identities, queues, bucket, key.

The server is the extended moto of :mod:`tests.sources.aws_api.motoserver`; ids that it chooses replace the files'.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.moto_account import Account

Raw = dict[str, Any]
SERVER = {"MOTO_IAM_LOAD_MANAGED_POLICIES": "true"}
"""With it AWS's own policies are there, as AWS published them."""
_AWS = "arn:aws:iam::aws:policy/"


class AsyaAccount(Account):
    """Makes the world's AWS side and remembers which id became which."""

    def __init__(self, world: Path, endpoint: str, region: str) -> None:
        super().__init__(world, endpoint, region)
        self.region = region
        self.iam, self.sqs, self.kms = self.client("iam"), self.client("sqs"), self.client("kms")
        self.s3 = self.client("s3")

    def steps(self) -> tuple[Callable[[], None], ...]:
        """What depends on nothing first: instances name their profile, queues their key, roles' policies both."""
        first = (self._key, self._roles, self._instance_profiles)
        last = (self._endpoints, self._providers, self._associations, self._queues, self._bucket)
        return (*first, *super().steps(), *last)

    def _key(self) -> None:
        for path in sorted((self.world / "aws").glob("key-*.json")):
            key = self.file(path.stem)
            made = self.kms.create_key(Policy=key["Policy"], KeySpec=key["KeySpec"], Origin=key["Origin"])[
                "KeyMetadata"
            ]
            self.ids[key["KeyId"]] = made["KeyId"]
            for alias in key["Aliases"]:
                self.kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
            if key["RotationEnabled"]:
                self.kms.enable_key_rotation(KeyId=made["KeyId"])

    def _roles(self) -> None:
        """Roles with their own policies; those of AWS are attached as they are there."""
        for role in self.file("roles")["RoleDetailList"]:
            name = role["RoleName"]
            self.iam.create_role(
                RoleName=name, Path=role["Path"], AssumeRolePolicyDocument=json.dumps(role["AssumeRolePolicyDocument"])
            )
            for policy in role["RolePolicyList"]:
                document = json.dumps(policy["PolicyDocument"])
                self.iam.put_role_policy(RoleName=name, PolicyName=policy["PolicyName"], PolicyDocument=document)
            for policy in role["AttachedManagedPolicies"]:
                assert policy["PolicyArn"].startswith(_AWS), policy
                self.iam.attach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])

    def _instance_profiles(self) -> None:
        for profile in self.file("instance-profiles")["InstanceProfiles"]:
            name = profile["InstanceProfileName"]
            self.iam.create_instance_profile(InstanceProfileName=name, Path=profile["Path"])
            for role in profile["Roles"]:
                self.iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=role["RoleName"])

    def _auto_scaling_group(self, name: str, asg: Raw) -> None:
        super()._auto_scaling_group(name, asg)
        self.ids[asg["AutoScalingGroupName"]] = name

    def _endpoints(self) -> None:
        for endpoint in self.file("vpc-endpoints")["VpcEndpoints"]:
            made = self.ec2.create_vpc_endpoint(
                VpcId=endpoint["VpcId"],
                ServiceName=endpoint["ServiceName"],
                VpcEndpointType=endpoint["VpcEndpointType"],
                RouteTableIds=endpoint["RouteTableIds"],
                PolicyDocument=endpoint["PolicyDocument"],
            )["VpcEndpoint"]
            self.ids[endpoint["VpcEndpointId"]] = made["VpcEndpointId"]

    def _providers(self) -> None:
        """The issuer is the server's own."""
        shipped = self.file("cluster")["cluster"]
        made = self.eks.describe_cluster(name=shipped["name"])["cluster"]
        issuers = [one["identity"]["oidc"]["issuer"].removeprefix("https://") for one in (shipped, made)]
        self.ids[issuers[0]] = issuers[1]
        provider = self.file("open-id-connect-provider")
        self.iam.create_open_id_connect_provider(
            Url=f"https://{provider['Url']}",
            ClientIDList=provider["ClientIDList"],
            ThumbprintList=provider["ThumbprintList"],
        )

    def _associations(self) -> None:
        for path in sorted((self.world / "aws").glob("podidentityassociation-*.json")):
            asked = self.file(path.stem)["association"]
            names = ("clusterName", "namespace", "serviceAccount", "roleArn")
            made = self.eks.create_pod_identity_association(**{name: asked[name] for name in names})["association"]
            self.ids[asked["associationId"]] = made["associationId"]

    def _queues(self) -> None:
        """The dead-letter queue first: the others name it."""
        names = [url.rpartition("/")[2] for url in self.file("queue-urls")["QueueUrls"]]
        for name in sorted(names, key=lambda name: not name.endswith("-dlq")):
            has = self.file(f"queue-{name}")["Attributes"]
            asked = {key: has[key] for key in _QUEUE if key in has}
            self.sqs.create_queue(QueueName=name, Attributes=asked)

    def _bucket(self) -> None:
        for path in sorted((self.world / "aws").glob("bucket-*.json")):
            bucket = self.file(path.stem)
            name = {"Bucket": bucket["Name"]}
            self.s3.create_bucket(**name, CreateBucketConfiguration={"LocationConstraint": bucket["Region"]})
            self.s3.put_bucket_encryption(**name, **bucket["Encryption"])
            self.s3.put_bucket_versioning(**name, VersioningConfiguration=bucket["Versioning"])
            self.s3.put_bucket_lifecycle_configuration(**name, LifecycleConfiguration=bucket["Lifecycle"])
            self.s3.put_public_access_block(**name, PublicAccessBlockConfiguration=bucket["PublicAccessBlock"])
            for tiering in bucket["IntelligentTiering"]:
                self.s3.put_bucket_intelligent_tiering_configuration(
                    **name, Id=tiering["Id"], IntelligentTieringConfiguration=tiering
                )


_QUEUE = (
    "DelaySeconds",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "VisibilityTimeout",
)
"""Attributes that are set; the others are told."""
