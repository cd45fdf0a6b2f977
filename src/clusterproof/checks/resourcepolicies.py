"""The policies that resources have of their own: queues, buckets, keys, as far as a request reaches them.

Sources: IAM User Guide, "AWS services that work with IAM" (which services have resource-based policies); Amazon SQS
Developer Guide, "Custom Amazon SQS policies"; Amazon S3 User Guide, "Bucket policies"; AWS KMS Developer Guide, "Key
policies in AWS KMS" (every key has one, and IAM counts only where it says so) and "Grants in AWS KMS".
"""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.access.ineffective import by_name
from clusterproof.access.patterns import is_pattern, matches, overlaps, segments
from clusterproof.access.policy import Policy, parse
from clusterproof.access.store import account_of
from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import Bucket, KmsKey, Queue
from clusterproof.snapshot.aws.stores import Grant
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.snapshot import Snapshot

UNREAD = {
    "acm-pca": "private certificate authorities",
    "apigateway": "APIs",
    "aps": "Prometheus workspaces",
    "backup": "backup vaults",
    "codeartifact": "CodeArtifact domains and repositories",
    "codebuild": "CodeBuild projects",
    "dynamodb": "DynamoDB tables",
    "ecr": "ECR repositories",
    "elasticfilesystem": "EFS file systems",
    "es": "OpenSearch domains",
    "events": "event buses",
    "execute-api": "APIs",
    "glacier": "Glacier vaults",
    "glue": "the Glue catalog",
    "iot": "IoT resources",
    "kafka": "MSK clusters",
    "kinesis": "Kinesis streams",
    "lambda": "Lambda functions",
    "lex": "Lex bots",
    "logs": "CloudWatch log groups and destinations",
    "s3-outposts": "buckets on Outposts",
    "s3express": "directory buckets",
    "s3tables": "table buckets",
    "schemas": "schema registries",
    "secretsmanager": "secrets",
    "serverlessrepo": "applications of the Serverless Application Repository",
    "ses": "SES identities",
    "signer": "signing profiles",
    "sns": "SNS topics",
    "vpc-lattice": "VPC Lattice services",
}
"""Services whose resources have policies that nobody here reads, and what these resources are (list of 2026)."""


class Held(msgspec.Struct, frozen=True):
    """A resource, or all resources of a pattern, and the policy that it has of its own.

    Attributes:
        arn: what is asked about.
        name: what it is, in a word or two; empty where no resource is known that has a policy.
        policy: None where it has none.
        grants: of a key; unknown where they were not read.
        ref: where the policy was read.
        note: what was not asked of it.
        elsewhere: whether it is not known to be of the account, so that its own policy must allow besides.
    """

    arn: str
    name: str = ""
    policy: Policy | Unknown | None = None
    grants: tuple[Grant | Unknown, ...] = ()
    ref: Ref | None = None
    note: str = ""
    elsewhere: bool = False


def held(snapshot: Snapshot, action: str, resource: str) -> tuple[Held, ...]:
    """What a request for a resource meets: the resource as it was asked for, then each that has a policy of its own.

    Args:
        snapshot: queues, buckets and keys are read in it.
        action: ``sqs:SendMessage``.
        resource: an ARN, a pattern of ARNs, or ``*``.
    """
    service = action.partition(":")[0].lower()
    if not by_name(action):
        return (Held(resource),)
    match service:
        case "sqs":
            return _queues(snapshot, resource)
        case "s3":
            return _buckets(snapshot, resource)
        case "kms":
            return _keys(snapshot, resource)
        case _ if service in UNREAD and resource == "*":
            # No resource is named, so it is the role's side that is asked about.
            note = f"{action} was asked of the role alone: policies of {UNREAD[service]} are not read, and may deny it"
            return (Held(resource, note=note),)
        case _ if service in UNREAD:
            what = f"whether a policy of {UNREAD[service]} denies it was not read"
            remedy = f"look at the policies of {UNREAD[service]} themselves"
            return (Held(resource, policy=Unknown(Cause.NOT_MODELLED, what, remedy)),)
        case _:
            return (Held(resource),)


def _unread(snapshot: Snapshot, kind: kinds.Kind[Any], what: str) -> Unknown | None:
    missing = snapshot.missing(kind)
    if missing is None:
        return None
    return Unknown(missing.cause, f"{what} ({missing.detail})", missing.remedy or f"run: {kind.command}")


def _parsed(document: object, name: str) -> Policy | Unknown | None:
    return parse(document, name) if document else None  # type: ignore[arg-type]


# --- queues --------------------------------------------------------------------------------


def _queues(snapshot: Snapshot, resource: str) -> tuple[Held, ...]:
    unread = _unread(snapshot, kinds.QUEUES, "whether a queue's own policy denies it is not known")
    found: list[Held] = []
    for queue in snapshot.objects(kinds.QUEUES):
        arn = queue.attributes.get("QueueArn", "")
        if arn and overlaps(resource, arn):
            found += _queue(snapshot, queue, arn)
    exact = [item for item in found if item.arn == resource]
    return tuple(exact) if exact else (Held(resource, policy=unread or _foreign(snapshot, resource)), *found)


def _foreign(snapshot: Snapshot, resource: str) -> Unknown | None:
    """That a resource is another account's, whose policies nobody read; None where it is not, or nobody knows."""
    parts, own = segments(resource), account_of(snapshot)
    account = parts[4] if parts is not None else ""
    if not account or not own or is_pattern(account) or account == own:
        return None
    what = f"{resource} is account {account}'s, whose resources and their policies were not read"
    return Unknown(Cause.NOT_COLLECTED, what, f"look at the policy of {resource} itself")


def _queue(snapshot: Snapshot, queue: Queue, arn: str) -> list[Held]:
    unknown = snapshot.unknown_field(kinds.QUEUES, queue.name, "Attributes.Policy")
    text = queue.attributes.get("Policy", "")
    name = f"the policy of queue {queue.name}"
    policy = unknown or _parsed(text, name)
    return [Held(arn, name, policy, ref=Ref(kinds.QUEUES.name, queue.name, "Attributes.Policy"))] if policy else []


# --- buckets -------------------------------------------------------------------------------


def _buckets(snapshot: Snapshot, resource: str) -> tuple[Held, ...]:
    unread = _unread(snapshot, kinds.BUCKETS, "whether a bucket's own policy denies it is not known")
    *before, path = segments(resource) or ("arn", "*", "s3", "", "", resource)
    bucket_part, slash, key = path.partition("/")
    found: list[Held] = []
    for bucket in snapshot.objects(kinds.BUCKETS):
        if not (matches(bucket_part, bucket.name) or resource == "*"):
            continue
        policy = _bucket_policy(snapshot, bucket)
        arn = resource
        if is_pattern(bucket_part):
            rest = f"/{key}" if slash else "*" if bucket_part.endswith("*") else ""
            arn = ":".join((*before, f"{bucket.name}{rest}"))
        if bucket.name == bucket_part or policy is not None:
            ref = Ref(kinds.BUCKETS.name, bucket.name, "Policy")
            found.append(
                Held(arn, f"the policy of bucket {bucket.name}" if policy is not None else "", policy, ref=ref)
            )
    exact = [item for item in found if item.arn == resource]
    if not exact and bucket_part and not is_pattern(bucket_part) and unread is None:
        # Names of buckets are nobody's account's: one that is none of this account's may be anybody's.
        what = (
            f"bucket {bucket_part} is none of the account's that were read, so its policy and whose it is are not known"
        )
        unread = Unknown(Cause.NOT_COLLECTED, what, "see whether the bucket exists, and in which account")
        return (Held(resource, policy=unread, elsewhere=True),)
    return tuple(exact) if exact else (Held(resource, policy=unread), *found)


def _bucket_policy(snapshot: Snapshot, bucket: Bucket) -> Policy | Unknown | None:
    unknown = snapshot.unknown_field(kinds.BUCKETS, bucket.name, "Policy")
    return unknown or _parsed(bucket.policy, f"the policy of bucket {bucket.name}")


# --- keys ----------------------------------------------------------------------------------


def _keys(snapshot: Snapshot, resource: str) -> tuple[Held, ...]:
    name = (segments(resource) or ("", "", "", "", "", resource))[5]
    found = [key for key in snapshot.objects(kinds.KEYS) if _is_key(key, name, resource)]
    missing = snapshot.missing(kinds.KEYS)
    if not found or (missing is not None and is_pattern(name)):
        what = f"no key {resource} was read, so its policy is not known"
        if found:
            what = f"which keys {resource} has was not read to the end, so the policies of some are not known"
        remedy = (missing.remedy if missing is not None else "") or f"run: {kinds.KEYS.command}"
        unread = Unknown(missing.cause if missing else Cause.NOT_COLLECTED, what, remedy)
        return (Held(resource, policy=unread), *(_key(snapshot, key) for key in found))
    return tuple(_key(snapshot, key) for key in found)


def _is_key(key: KmsKey, name: str, resource: str) -> bool:
    asked, its = segments(resource), segments(key.arn)
    if asked is not None and its is not None and not all(map(overlaps, asked[:5], its[:5])):
        return False  # a replica in another Region has the same id and a policy of its own
    aliases = {alias if alias.startswith("alias/") else f"alias/{alias}" for alias in key.aliases}
    return key.key_id in (resource, name) or matches(name, f"key/{key.key_id}") or name in aliases


def _key(snapshot: Snapshot, key: KmsKey) -> Held:
    policy = snapshot.unknown_field(kinds.KEYS, key.key_id, "Policy")
    lacking = Unknown(Cause.NOT_COLLECTED, f"the policy of key {key.key_id} was not read", "read it: kms:GetKeyPolicy")
    found = policy or _parsed(key.policy, f"the policy of key {key.key_id}") or lacking
    ref = Ref(kinds.KEYS.name, key.key_id, "Policy")
    ungranted = snapshot.unknown_field(kinds.KEYS, key.key_id, "Grants")
    grants: tuple[Grant | Unknown, ...] = key.grants
    if ungranted is not None:
        what = f"the grants of key {key.key_id} were not read ({ungranted.detail})"
        grants = (*grants, Unknown(ungranted.cause, what, ungranted.remedy))
    return Held(key.arn or key.key_id, f"the policy of key {key.key_id}", found, grants, ref)
