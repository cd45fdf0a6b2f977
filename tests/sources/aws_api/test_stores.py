from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources import pieces
from clusterproof.sources.answers import assemble
from clusterproof.sources.aws_api import AccountOptions, Needed
from clusterproof.sources.aws_api.account import read_account
from clusterproof.sources.aws_api.records import Asked, Named
from tests.sources.aws_api.faults import Fault, page_of_a_proxy, refuse, send
from tests.sources.aws_api.motoserver import ACCOUNT, REGION
from tests.sources.aws_api.tenant import BUCKET_POLICY, CLUSTER, Tenant, arn

pytestmark = pytest.mark.slow

STORES: tuple[Kind[Any], ...] = (kinds.QUEUES, kinds.QUEUE_URLS, kinds.BUCKETS, kinds.KEYS)
NAMED = Named(asked=Asked(queues=("asya-",), buckets=("results",)))


def read(*wanted: Kind[Any], named: Named = NAMED, **options: Any) -> Snapshot:
    """These kinds of the tenant's account, read once without patience."""
    settings: dict[str, Any] = {"cluster": CLUSTER, "attempts": 1, "deadline": 20.0} | options
    given = read_account(AccountOptions(**settings), needed=Needed(names=named), kinds=wanted or STORES)
    return assemble(given.answers, cluster=given.cluster)


def keys(snapshot: Snapshot, kind: Kind[Any]) -> set[str]:
    """The keys of a kind's objects."""
    return set(snapshot.tables[kind.name].index)


# --- queues ---


@pytest.mark.usefixtures("tenant")
def test_queues_of_a_prefix() -> None:
    """Those whose names begin so, each with all attributes and tags; overlapping prefixes give a queue once."""
    snapshot = read(kinds.QUEUES, kinds.QUEUE_URLS, named=Named(asked=Asked(queues=("asya-", "asya-a"))))
    assert keys(snapshot, kinds.QUEUES) == keys(snapshot, kinds.QUEUE_URLS) == {"asya-a", "asya-b"}
    queue = snapshot.get(kinds.QUEUES, "asya-a")
    assert queue is not None
    assert queue.attributes["QueueArn"] == f"arn:aws:sqs:{REGION}:{ACCOUNT}:asya-a"
    assert queue.attributes["KmsMasterKeyId"] == "alias/queues"
    assert queue.tags == {"team": "ai"}
    assert [snapshot.missing(kind) for kind in (kinds.QUEUES, kinds.QUEUE_URLS)] == [None, None]


@pytest.mark.usefixtures("tenant")
def test_all_queues_where_no_prefix_is_named() -> None:
    """Without prefixes all queues are read; with one that no name begins with, none, and that is known."""
    assert keys(read(kinds.QUEUES, named=Named()), kinds.QUEUES) == {"asya-a", "asya-b", "other"}
    none = read(kinds.QUEUES, named=Named(asked=Asked(queues=("nothing-",))))
    assert none.objects(kinds.QUEUES) == ()
    assert none.missing(kinds.QUEUES) is None


@pytest.mark.parametrize("action", ["sqs:GetQueueAttributes", "sqs:ListQueueTags"])
def test_a_queue_that_is_deleted_while_it_is_read(tenant: Tenant, action: str) -> None:
    """It is neither described nor listed."""
    gone = refuse("QueueDoesNotExist", 400)
    tenant.proxy.faults[action] = lambda handler, seen: seen.count == 1 and gone(handler, seen)
    snapshot = read(kinds.QUEUES, kinds.QUEUE_URLS, workers=1)
    assert keys(snapshot, kinds.QUEUES) == keys(snapshot, kinds.QUEUE_URLS) == {"asya-b"}
    assert snapshot.missing(kinds.QUEUES) is None


FAULTS = [
    (refuse("AccessDeniedException", 400), Cause.DENIED, "grant {action}"),
    (refuse("403", 403), Cause.DENIED, "grant {action}"),
    (refuse("ThrottlingException", 400), Cause.THROTTLED, "wait a minute, then read again"),
    (page_of_a_proxy(404), Cause.NOT_ANSWERABLE, "see which proxy"),
    (page_of_a_proxy(200, b"{}"), Cause.NOT_ANSWERABLE, "see which proxy"),
]


@pytest.mark.parametrize(("fault", "cause", "remedy"), FAULTS)
def test_the_list_of_queues_cannot_be_read(tenant: Tenant, fault: Fault, cause: Cause, remedy: str) -> None:
    """Both kinds are unknown, with the right that is lacking; no queue is taken for absent."""
    tenant.proxy.faults["sqs:ListQueues"] = fault
    snapshot = read(kinds.QUEUES, kinds.QUEUE_URLS)
    for kind in (kinds.QUEUES, kinds.QUEUE_URLS):
        why = snapshot.missing(kind)
        assert why is not None
        assert why.cause is cause
        assert "sqs:ListQueues" in why.detail
        assert remedy.format(action="sqs:ListQueues") in why.remedy


def test_what_queues_are_meant_may_not_be_known(tenant: Tenant) -> None:
    """Where the profile's prefixes could not be filled, both kinds say so."""
    why = Unknown(Cause.NOT_COLLECTED, "which queues are meant by ${x} is not known", "do this")
    snapshot = read(named=Named(asked=Asked(queues=("asya-a",), unsettled={"queues": why, "buckets": why})))
    assert keys(snapshot, kinds.QUEUES) == {"asya-a"}
    for kind in (kinds.QUEUES, kinds.QUEUE_URLS, kinds.BUCKETS):
        found = snapshot.missing(kind)
        assert found is not None
        assert (found.cause, found.remedy) == (why.cause, why.remedy)
        assert why.detail in found.detail
    assert tenant.proxy.seen


# --- buckets ---


@pytest.mark.usefixtures("tenant")
def test_a_bucket_piece_by_piece() -> None:
    """Each answer in its member; what is not configured is none, and known to be none."""
    snapshot = read(kinds.BUCKETS, named=Named(asked=Asked(buckets=("results", "plain"))))
    bucket, plain = snapshot.get(kinds.BUCKETS, "results"), snapshot.get(kinds.BUCKETS, "plain")
    assert bucket is not None
    assert plain is not None
    assert (bucket.region, plain.region) == (REGION, REGION)
    assert bucket.encryption is not None
    rules = bucket.encryption["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert bucket.versioning is not None
    assert bucket.versioning.status == "Enabled"
    assert bucket.lifecycle is not None
    assert bucket.lifecycle["Rules"][0]["Expiration"] == {"Days": 90}
    assert json.loads(bucket.policy or "") == BUCKET_POLICY
    assert bucket.public_access_block is not None
    assert bucket.public_access_block.restrict_public_buckets
    assert (plain.encryption, plain.lifecycle, plain.policy, plain.public_access_block) == (None,) * 4
    assert plain.versioning is not None
    assert plain.versioning.status == ""
    assert snapshot.missing(kinds.BUCKETS) is None
    assert snapshot.tables["buckets"].unknown_fields == ()


def test_buckets_that_variables_name(tenant: Tenant) -> None:
    """Of the account's buckets those that a variable is called as; nothing is listed where there are no variables."""
    named = Named(asked=Asked(buckets=("results",)), values=frozenset({"plain", "true", "no-such-bucket"}))
    snapshot = read(kinds.BUCKETS, named=named)
    assert keys(snapshot, kinds.BUCKETS) == {"results", "plain"}
    assert snapshot.missing(kinds.BUCKETS) is None
    tenant.proxy.reset()
    read(kinds.BUCKETS)
    assert "s3:ListAllMyBuckets" not in tenant.proxy.actions


@pytest.mark.usefixtures("tenant")
def test_a_bucket_that_is_not_there() -> None:
    """One that is named and that no account has is absent, and the kind complete."""
    snapshot = read(kinds.BUCKETS, named=Named(asked=Asked(buckets=("results", "gone"))))
    assert keys(snapshot, kinds.BUCKETS) == {"results"}
    assert snapshot.missing(kinds.BUCKETS) is None


@pytest.mark.parametrize("piece", pieces.of(kinds.BUCKETS), ids=lambda piece: piece.name)
def test_a_piece_of_a_bucket_that_is_denied(tenant: Tenant, piece: pieces.Piece) -> None:
    """It is an unknown field with the right that S3 calls otherwise than the operation; the rest is there."""
    tenant.proxy.faults[piece.permission] = refuse("AccessDenied", 403)
    snapshot = read(kinds.BUCKETS)
    (path,) = piece.members
    why = snapshot.unknown_field(kinds.BUCKETS, "results", path)
    assert why is not None
    assert why.cause is Cause.DENIED
    assert why.remedy == f"grant {piece.permission}"
    assert piece.permission in why.detail
    assert len(snapshot.tables["buckets"].unknown_fields) == 1
    assert snapshot.missing(kinds.BUCKETS) is None
    assert path not in (snapshot.raw(kinds.BUCKETS, "results") or {})


def test_a_bucket_of_which_nothing_may_be_read(tenant: Tenant) -> None:
    """Where every call is refused it may be another account's: the kind is unknown; one that is listed is there."""
    for piece in pieces.of(kinds.BUCKETS):
        tenant.proxy.faults[piece.permission] = refuse("AccessDenied", 403)
    snapshot = read(kinds.BUCKETS)
    why = snapshot.missing(kinds.BUCKETS)
    assert why is not None
    assert why.cause is Cause.DENIED
    assert why.detail.startswith(
        "bucket results is not known to be there: the location of bucket results could not be read"
    )
    assert why.remedy == "grant s3:GetBucketLocation"
    assert snapshot.objects(kinds.BUCKETS) == ()
    listed = read(kinds.BUCKETS, named=Named(asked=Asked(buckets=("results",)), values=frozenset({"results", "plain"})))
    assert keys(listed, kinds.BUCKETS) == {"results", "plain"}
    assert len(listed.tables["buckets"].unknown_fields) == 14


def test_the_list_of_buckets_is_denied(tenant: Tenant) -> None:
    """A bucket that is named is read all the same; whether variables name more is unknown."""
    tenant.proxy.faults["s3:ListAllMyBuckets"] = refuse("AccessDenied", 403)
    named = Named(asked=Asked(buckets=("results",)), values=frozenset({"plain"}))
    snapshot = read(kinds.BUCKETS, named=named)
    assert keys(snapshot, kinds.BUCKETS) == {"results"}
    why = snapshot.missing(kinds.BUCKETS)
    assert why is not None
    assert (why.cause, why.remedy) == (Cause.DENIED, "grant s3:ListAllMyBuckets")


# --- keys ---


def test_keys_that_queues_and_buckets_name(tenant: Tenant) -> None:
    """An alias of a queue and an ARN of a bucket are one key, with rotation, policy, grants and aliases."""
    snapshot = read()
    (key,) = snapshot.objects(kinds.KEYS)
    assert key.key_id == tenant.ids["key"]
    assert (key.key_manager, key.key_state, key.rotation_enabled) == ("CUSTOMER", "Enabled", True)
    assert json.loads(key.policy or "")["Statement"][0]["Principal"] == {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    assert [(grant.grantee_principal, grant.operations) for grant in key.grants] == [(arn("operator"), ("Decrypt",))]
    assert key.aliases == ("alias/queues",)
    assert snapshot.missing(kinds.KEYS) is None


@pytest.fixture
def odd(tenant: Tenant) -> Iterator[Tenant]:
    """With queues that name a key that is not there, the account's own key of SQS, and one that cannot rotate."""
    sqs, kms = tenant.client("sqs"), tenant.client("kms")
    signing = kms.create_key(KeyUsage="SIGN_VERIFY", KeySpec="RSA_2048")["KeyMetadata"]["KeyId"]
    names = {"odd-gone": "alias/gone", "odd-signing": signing}
    urls = [
        sqs.create_queue(QueueName=name, Attributes={"KmsMasterKeyId": key})["QueueUrl"] for name, key in names.items()
    ]
    yield tenant
    for url in urls:
        sqs.delete_queue(QueueUrl=url)


def test_keys_that_are_gone_or_cannot_rotate(odd: Tenant) -> None:
    """A key that is not there is absent; KMS says of a signing key that it does not rotate, in its own words or by refusing."""
    odd.proxy.faults["kms:GetKeyRotationStatus"] = refuse("UnsupportedOperationException", 400)
    snapshot = read(named=Named(asked=Asked(queues=("odd-",))))
    (key,) = snapshot.objects(kinds.KEYS)
    assert key.key_spec == "RSA_2048"
    assert key.rotation_enabled is False
    assert snapshot.missing(kinds.KEYS) is None
    assert snapshot.unknown_field(kinds.KEYS, key.key_id, "RotationEnabled") is None


def test_a_key_of_an_aws_service(tenant: Tenant) -> None:
    """It rotates always: KMS is not asked, and need not allow it."""

    def described(handler: Any, _seen: Any) -> bool:
        key = {"KeyId": "k-1", "Arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k-1", "KeyManager": "AWS"}
        body = json.dumps({"KeyMetadata": key}).encode()
        send(handler, 200, body, "application/x-amz-json-1.1", {"x-amzn-requestid": "r-1"})
        return True

    tenant.proxy.faults["kms:DescribeKey"] = described
    for action in ("kms:GetKeyPolicy", "kms:ListGrants", "kms:ListAliases"):
        tenant.proxy.faults[action] = refuse("AccessDeniedException", 400)
    snapshot = read()
    (key,) = snapshot.objects(kinds.KEYS)
    assert (key.key_id, key.rotation_enabled) == ("k-1", True)
    assert {field.path for field in snapshot.tables["keys"].unknown_fields} == {"Policy", "Grants", "Aliases"}
    assert "kms:GetKeyRotationStatus" not in tenant.proxy.actions


@pytest.mark.parametrize("piece", pieces.of(kinds.KEYS)[1:], ids=lambda piece: piece.name)
def test_a_piece_of_a_key_that_is_denied(tenant: Tenant, piece: pieces.Piece) -> None:
    """It is an unknown field with its right; KMS of the server refuses by status alone."""
    tenant.proxy.faults[piece.permission] = refuse("403", 403)
    snapshot = read()
    why = snapshot.unknown_field(kinds.KEYS, tenant.ids["key"], piece.members[0])
    assert why is not None
    assert (why.cause, why.remedy) == (Cause.DENIED, f"grant {piece.permission}")
    assert snapshot.missing(kinds.KEYS) is None


@pytest.mark.parametrize("action", ["sqs:GetQueueAttributes", "sqs:ListQueueTags"])
def test_a_piece_of_a_queue_that_is_denied(tenant: Tenant, action: str) -> None:
    """The queue is there by its name; its attributes or tags are unknown, with the right."""
    tenant.proxy.faults[action] = refuse("403", 403)
    snapshot = read(kinds.QUEUES)
    path = "Attributes" if action.endswith("Attributes") else "Tags"
    assert keys(snapshot, kinds.QUEUES) == {"asya-a", "asya-b"}
    why = snapshot.unknown_field(kinds.QUEUES, "asya-a", path)
    assert why is not None
    assert (why.cause, why.remedy) == (Cause.DENIED, f"grant {action}")
    assert snapshot.missing(kinds.QUEUES) is None


def test_a_key_that_may_not_be_described(tenant: Tenant) -> None:
    """The kind is unknown: whether the key is there, and which one an alias means."""
    tenant.proxy.faults["kms:DescribeKey"] = refuse("AccessDeniedException", 400)
    why = read().missing(kinds.KEYS)
    assert why is not None
    assert (why.cause, why.remedy) == (Cause.DENIED, "grant kms:DescribeKey")


@pytest.mark.parametrize("action", ["sqs:ListQueues", "sqs:GetQueueAttributes", "s3:GetEncryptionConfiguration"])
def test_which_keys_there_are_may_not_be_known(tenant: Tenant, action: str) -> None:
    """A queue or bucket whose encryption was not read may name another key: the kind is unknown, with that right."""
    tenant.proxy.faults[action] = refuse("AccessDeniedException", 403)
    why = read().missing(kinds.KEYS)
    assert why is not None
    assert (why.cause, why.remedy) == (Cause.DENIED, f"grant {action}")
    assert why.detail.startswith("which keys the ")
    assert read(kinds.KEYS, kinds.NAT_GATEWAYS).missing(kinds.KEYS) is None, "nobody asked for queues or buckets"


# --- ways out of a network ---


def test_ways_out_of_the_clusters_network_alone(tenant: Tenant) -> None:
    """NAT gateways and endpoints of the cluster's VPC, as other kinds of a VPC; another VPC's are not read."""
    wanted = (kinds.CLUSTERS, kinds.VPCS, kinds.SUBNETS, kinds.NAT_GATEWAYS, kinds.VPC_ENDPOINTS)
    snapshot = read(*wanted)
    assert keys(snapshot, kinds.NAT_GATEWAYS) == {tenant.ids["nat"]}
    assert keys(snapshot, kinds.VPC_ENDPOINTS) == {tenant.ids["endpoint"]}
    (endpoint,) = snapshot.objects(kinds.VPC_ENDPOINTS)
    assert endpoint.service_name == f"com.amazonaws.{REGION}.sqs"
    for kind in (kinds.NAT_GATEWAYS, kinds.VPC_ENDPOINTS):
        tenant.proxy.faults = {kind.permission: refuse("UnauthorizedOperation", 403)}
        why = read(*wanted).missing(kind)
        assert why is not None
        assert (why.cause, why.remedy) == (Cause.DENIED, f"grant {kind.permission}")


def test_only_what_is_asked_for_is_called(tenant: Tenant) -> None:
    """Without a store's kind none of its calls is made."""
    read(kinds.CLUSTERS, kinds.BUCKETS)
    called = {action.partition(":")[0] for action in tenant.proxy.actions}
    assert called == {"sts", "eks", "s3"}
