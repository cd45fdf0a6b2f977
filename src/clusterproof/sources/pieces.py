"""Objects that several calls tell of, piece by piece: which call gives which member, and what stands for "none".

One object of these kinds has one member for each answer (:mod:`clusterproof.snapshot.aws.stores`). Most of these answers
do not name what they are of, so the commands for users wrap them (``--query "{Name:'B',Versioning:@}"``). Operations and
their IAM actions: Service Authorization Reference, "Actions defined by Amazon S3", "… AWS KMS", "… Amazon SQS"; codes for
what is not configured: the errors that the API reference of each operation lists.
"""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind


class Piece(msgspec.Struct, frozen=True):
    """What one call tells of one object.

    Attributes:
        kind: the object's kind.
        name: the piece in words, for a sentence.
        members: the object's members that it gives.
        operation: the API's name of the call.
        permission: the IAM action that it needs.
        call: the CLI's words after ``aws``; ``KEY`` stands for what names the object.
        value: JMESPath of the member's value in the answer; empty where the answer names the object itself.
        absent: error codes that say that there is none.
        none: what the member is then; None where it is null.
    """

    kind: Kind[Any]
    name: str
    members: tuple[str, ...]
    operation: str
    permission: str
    call: str
    value: str = ""
    absent: frozenset[str] = frozenset()
    none: Any = None

    @property
    def word(self) -> str:
        """The piece as names of files have it: ``bucket-B-public-access-block.json``."""
        return self.name.replace(" ", "-")

    def command(self, key: str) -> str:
        """The command that prints the piece of one object; what names it may be a variable of the shell."""
        call = self.call.replace("KEY", key)
        if not self.value:
            return f"aws {call} --output json"
        plain = key.strip('"')  # inside the query's own quotes
        return f"aws {call} --query \"{{{IDENTITY[self.kind.name]}:'{plain}',{self.members[0]}:{self.value}}}\" --output json"


IDENTITY = {
    kinds.BUCKETS.name: "Name",
    kinds.KEYS.name: "KeyId",
    kinds.QUEUES.name: "QueueUrl",
    kinds.OIDC_PROVIDERS.name: "Url",
    kinds.ROLES.name: "RoleName",
    kinds.POLICIES.name: "Arn",
}
"""The kinds that are made of pieces, and the member that names an object of each."""
NOUNS = {
    kinds.BUCKETS.name: "bucket",
    kinds.KEYS.name: "key",
    kinds.QUEUES.name: "queue",
    kinds.OIDC_PROVIDERS.name: "oidcprovider",
    kinds.ROLES.name: "role",
    kinds.POLICIES.name: "policy",
}
"""One of them, as the names of files begin: ``bucket-B-versioning.json``."""

_LEFT_OUT = frozenset({"PermissionsBoundary"})
"""Members that an answer leaves out where there is none (IAM API reference, ``RoleDetail``)."""


def _bucket(name: str, member: str, operation: str, permission: str, value: str = "@", *absent: str) -> Piece:
    call = "".join(f"-{letter.lower()}" if letter.isupper() else letter for letter in operation)[1:]
    return Piece(
        *(kinds.BUCKETS, name, (member,), operation, f"s3:{permission}"),
        *(f"s3api {call} --bucket KEY", value, frozenset(absent)),
    )


def _key(name: str, member: str, operation: str, call: str, value: str) -> Piece:
    return Piece(kinds.KEYS, name, (member,), operation, f"kms:{operation}", f"kms {call} --key-id KEY", value)


PIECES: tuple[Piece, ...] = (
    _bucket("location", "Region", "GetBucketLocation", "GetBucketLocation", "LocationConstraint||'us-east-1'"),
    _bucket(
        *("encryption", "Encryption", "GetBucketEncryption", "GetEncryptionConfiguration"),
        *("@", "ServerSideEncryptionConfigurationNotFoundError"),
    ),
    _bucket("versioning", "Versioning", "GetBucketVersioning", "GetBucketVersioning"),
    _bucket(
        *("lifecycle", "Lifecycle", "GetBucketLifecycleConfiguration", "GetLifecycleConfiguration"),
        *("@", "NoSuchLifecycleConfiguration"),
    ),
    _bucket("policy", "Policy", "GetBucketPolicy", "GetBucketPolicy", "Policy", "NoSuchBucketPolicy"),
    _bucket(
        *("public access block", "PublicAccessBlock", "GetPublicAccessBlock", "GetBucketPublicAccessBlock"),
        *("PublicAccessBlockConfiguration", "NoSuchPublicAccessBlockConfiguration"),
    ),
    _bucket(
        *("intelligent tiering", "IntelligentTiering", "ListBucketIntelligentTieringConfigurations"),
        *("GetIntelligentTieringConfiguration", "IntelligentTieringConfigurationList"),
    ),
    Piece(
        *(kinds.KEYS, "description", ("KeyManager", "KeyState", "Origin", "KeySpec"), "DescribeKey"),
        *("kms:DescribeKey", "kms describe-key --key-id KEY"),
    ),
    msgspec.structs.replace(
        _key("rotation", "RotationEnabled", "GetKeyRotationStatus", "get-key-rotation-status", "KeyRotationEnabled"),
        absent=frozenset({"UnsupportedOperationException"}),  # asymmetric, imported, of a custom store: never rotates
        none=False,
    ),
    _key("policy", "Policy", "GetKeyPolicy", "get-key-policy --policy-name default", "Policy"),
    _key("grants", "Grants", "ListGrants", "list-grants", "Grants"),
    _key("aliases", "Aliases", "ListAliases", "list-aliases", "Aliases[].AliasName"),
    Piece(
        *(kinds.QUEUES, "attributes", ("Attributes",), "GetQueueAttributes", "sqs:GetQueueAttributes"),
        *("sqs get-queue-attributes --attribute-names All --queue-url KEY", "Attributes"),
    ),
    Piece(
        *(kinds.QUEUES, "tags", ("Tags",), "ListQueueTags", "sqs:ListQueueTags"),
        *("sqs list-queue-tags --queue-url KEY", "Tags"),
    ),
    Piece(
        *(kinds.OIDC_PROVIDERS, "description", ("ClientIDList", "ThumbprintList"), "GetOpenIDConnectProvider"),
        *("iam:GetOpenIDConnectProvider", "iam get-open-id-connect-provider --open-id-connect-provider-arn KEY"),
    ),
    *(
        Piece(
            *(kinds.ROLES, name, members, "GetAccountAuthorizationDetails", "iam:GetAccountAuthorizationDetails"),
            "iam get-account-authorization-details --filter Role",
        )
        for name, members in (
            ("trust", ("AssumeRolePolicyDocument", "PermissionsBoundary")),
            ("policies", ("RolePolicyList", "AttachedManagedPolicies")),
        )
    ),
    Piece(
        *(kinds.POLICIES, "versions", ("PolicyVersionList",), "GetAccountAuthorizationDetails"),
        *("iam:GetAccountAuthorizationDetails", kinds.POLICIES.command.removeprefix("aws ").partition(" --output")[0]),
    ),
)
"""All of them, in the order in which a dump asks for them."""


def of(kind: Kind[Any]) -> tuple[Piece, ...]:
    """The pieces that an object of a kind is made of; none where one call tells all of it."""
    return _BY_KIND.get(kind.name, ())


def there(raw: dict[str, Any], *of_one: Piece) -> frozenset[str]:
    """Which members of pieces an answer that names its object tells: a member that is not there was not read."""
    return frozenset(
        member for piece in of_one for member in piece.members if raw.get(member) is not None or member in _LEFT_OUT
    )


_BY_KIND = {name: tuple(piece for piece in PIECES if piece.kind.name == name) for name in IDENTITY}
