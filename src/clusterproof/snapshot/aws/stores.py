"""What queues, buckets and keys are: SQS, S3 and KMS, each object with all that its calls say of it.

Where the API answers piece by piece, an object here has one member for each answer, named for the call
(``get-bucket-versioning``: ``Versioning``) and shaped as the answer. A piece that could not be read is an unknown field;
one that is not configured (``NoSuchLifecycleConfiguration``) is null, or its default.
"""

from __future__ import annotations

from typing import Any

from msgspec import field

from clusterproof.snapshot.aws.base import Ec2, Tag


class Queue(Ec2, frozen=True):
    """``get-queue-attributes --attribute-names All`` with the queue's URL and ``list-queue-tags``."""

    queue_url: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The last part of its ARN, else of its URL."""
        return self.attributes.get("QueueArn", "").rpartition(":")[2] or self.queue_url.rpartition("/")[2]


class QueueUrl(Ec2, frozen=True):
    """One URL from list-queues."""

    name: str


class BucketVersioning(Ec2, frozen=True):
    status: str = ""


class PublicAccessBlock(Ec2, frozen=True):
    block_public_acls: bool = False
    ignore_public_acls: bool = False
    block_public_policy: bool = False
    restrict_public_buckets: bool = False


class Bucket(Ec2, frozen=True):
    """One bucket; ``policy`` is JSON text, as S3 keeps it."""

    name: str
    region: str = ""
    encryption: dict[str, Any] | None = None
    versioning: BucketVersioning | None = None
    lifecycle: dict[str, Any] | None = None
    policy: str | None = None
    public_access_block: PublicAccessBlock | None = None
    intelligent_tiering: tuple[dict[str, Any], ...] = ()


class Grant(Ec2, frozen=True):
    grant_id: str = ""
    grantee_principal: str = ""
    operations: tuple[str, ...] = ()
    constraints: dict[str, Any] | None = None


class KmsKey(Ec2, frozen=True):
    """``describe-key`` with the key's rotation, its default policy (JSON text), its grants and aliases."""

    key_id: str
    arn: str = ""
    key_manager: str = ""
    key_state: str = ""
    origin: str = ""
    key_spec: str = ""
    rotation_enabled: bool | None = None
    policy: str | None = None
    grants: tuple[Grant, ...] = ()
    aliases: tuple[str, ...] = ()


class NatGatewayAddress(Ec2, frozen=True):
    public_ip: str = ""
    private_ip: str = ""


class NatGateway(Ec2, frozen=True):
    nat_gateway_id: str
    vpc_id: str = ""
    subnet_id: str = ""
    state: str = ""
    connectivity_type: str = "public"
    nat_gateway_addresses: tuple[NatGatewayAddress, ...] = ()
    tags: tuple[Tag, ...] = ()


class EndpointGroup(Ec2, frozen=True):
    group_id: str = ""


class VpcEndpoint(Ec2, frozen=True):
    """``policy_document`` is JSON text; empty where the endpoint has the default policy, which allows everything."""

    vpc_endpoint_id: str
    vpc_endpoint_type: str = "Gateway"
    vpc_id: str = ""
    service_name: str = ""
    state: str = ""
    policy_document: str = ""
    private_dns_enabled: bool = False
    subnet_ids: tuple[str, ...] = ()
    route_table_ids: tuple[str, ...] = ()
    groups: tuple[EndpointGroup, ...] = ()
    tags: tuple[Tag, ...] = ()
