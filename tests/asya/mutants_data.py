"""Mutants of what is stored: the bucket, the queues and their key."""

# Edits stand in tuples, so that one expression makes several.
# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

import json
from collections.abc import Callable

from tests.asya.mutants_access import KEY, KEY_ID
from tests.asya.world import ACCOUNT, BUCKET, PROD, REGION, Edits, Mutant, Raw, m

Edit = Callable[[Edits], object]
BLOCK = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def bucket(path: str, value: object) -> Edit:
    """A change of the bucket."""
    return lambda e: e.set("buckets", BUCKET, path, value)


def rule(**changes: object) -> Edit:
    """A change of the bucket's one lifecycle rule."""
    return lambda e: e.change("buckets", BUCKET, lambda raw: raw["Lifecycle"]["Rules"][0].update(changes))


def rules(*found: Raw) -> Edit:
    """Other lifecycle rules."""
    return bucket("Lifecycle", {"Rules": list(found)})


def lifecycle(prefix: str = "", days: int = 90, noncurrent: int = 30, **more: object) -> Raw:
    """A lifecycle rule that does both."""
    return {
        "ID": prefix or "all",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "Expiration": {"Days": days},
        "NoncurrentVersionExpiration": {"NoncurrentDays": noncurrent},
        **more,
    }


def queue(**attributes: str | None) -> Edit:
    """A change of one actor's queue."""
    return lambda e: e.queue("asya-llm", **attributes)


def redrive(arn: str) -> Edit:
    """Another dead-letter queue of one actor's."""
    return queue(RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3}))


BOTH = "bucket-expiration", "bucket-noncurrent-expiration"

BUCKETS: tuple[Mutant, ...] = (
    m("bucket", "none", lambda e: e.delete("buckets", BUCKET)),
    m(
        "bucket",
        "crew-writes-to-another",
        lambda e: [
            e.environment(f"{PROD}/{name}", "asya-runtime", "ASYA_S3_BUCKET", "asya-other")
            for name in ("happy-end", "error-end")
        ],
    ),
    m("bucket", "parameter-names-another", lambda _: None, bucket="asya-other"),
    m("bucket-encryption", "none", bucket("Encryption", None)),
    m("bucket-encryption", "no-rules", bucket("Encryption", {"ServerSideEncryptionConfiguration": {"Rules": []}})),
    m(
        "bucket-encryption",
        "no-algorithm",
        bucket("Encryption", {"ServerSideEncryptionConfiguration": {"Rules": [{"BucketKeyEnabled": True}]}}),
    ),
    m("bucket-versioning", "suspended", bucket("Versioning", {"Status": "Suspended"})),
    m("bucket-versioning", "never", bucket("Versioning", {})),
    m("bucket-versioning", "in-another-case", bucket("Versioning", {"Status": "enabled"})),
    *(
        item
        for name in BOTH
        for item in (
            m(name, "none", bucket("Lifecycle", None)),
            m(name, "no-rules", rules()),
            m(name, "disabled", rule(Status="Disabled")),
            m(name, "one-prefix", rule(Filter={"Prefix": "happy-asya/"})),
            m(name, "longer-prefix", rules(lifecycle("happy-asya/2026/"), lifecycle("error-asya/"))),
            m(
                name,
                "old-form-of-prefix",
                lambda e: e.change(
                    "buckets",
                    BUCKET,
                    lambda raw: (
                        raw["Lifecycle"]["Rules"][0].pop("Filter"),
                        raw["Lifecycle"]["Rules"][0].update(Prefix="happy-asya/"),
                    ),
                ),
            ),
            m(name, "tag", rule(Filter={"Tag": {"Key": "keep", "Value": "no"}})),
            m(name, "tag-and-prefix", rule(Filter={"And": {"Prefix": "", "Tags": [{"Key": "keep", "Value": "no"}]}})),
            m(name, "size", rule(Filter={"ObjectSizeGreaterThan": 1048576})),
        )
    ),
    m("bucket-expiration", "91-days", rule(Expiration={"Days": 91})),
    m("bucket-expiration", "markers-alone", rule(Expiration={"ExpiredObjectDeleteMarker": True})),
    m("bucket-expiration", "one-day", rule(Expiration={"Date": "2027-01-01T00:00:00Z"})),
    m("bucket-noncurrent-expiration", "31-days", rule(NoncurrentVersionExpiration={"NoncurrentDays": 31})),
    m(
        "bucket-noncurrent-expiration",
        "newest-are-kept",
        rule(NoncurrentVersionExpiration={"NoncurrentDays": 30, "NewerNoncurrentVersions": 5}),
    ),
    m(
        "bucket-noncurrent-expiration",
        "not-said",
        lambda e: e.drop("buckets", BUCKET, "Lifecycle/Rules/0/NoncurrentVersionExpiration"),
    ),
    m("bucket-intelligent-tiering", "none", bucket("IntelligentTiering", [])),
    m("bucket-intelligent-tiering", "disabled", bucket("IntelligentTiering/0/Status", "Disabled")),
    m("bucket-public-access", "none", bucket("PublicAccessBlock", None)),
    m("bucket-public-access", "not-said", lambda e: e.drop("buckets", BUCKET, "PublicAccessBlock")),
    *(m("bucket-public-access", name, bucket(f"PublicAccessBlock/{name}", value=False)) for name in BLOCK),
)

DLQ = f"arn:aws:sqs:{REGION}:{ACCOUNT}:asya-dlq"


def _other_key(rotated: bool, *, readable: bool = True) -> Edit:
    """One queue has a key of its own, which nobody may use but the account's administrators."""

    def how(e: Edits) -> None:
        number = "9b04db68-260b-7e13-b8bd-5a832bd7370c"
        arn = KEY.replace(KEY_ID, number)
        if readable:
            raw = e.raw("keys", KEY_ID)
            e.put("keys", {**raw, "KeyId": number, "Arn": arn, "RotationEnabled": rotated, "Aliases": []})
        e.queue("asya-llm", KmsMasterKeyId=arn)

    return how


QUEUES: tuple[Mutant, ...] = (
    m(
        "sqs-long-polling",
        "no-variable",
        lambda e: e.environment(f"{PROD}/llm", "asya-sidecar", "ASYA_SQS_WAIT_TIME_SECONDS", None),
    ),
    m(
        "sqs-long-polling",
        "19-seconds",
        lambda e: e.environment(f"{PROD}/llm", "asya-sidecar", "ASYA_SQS_WAIT_TIME_SECONDS", "19"),
    ),
    m(
        "sqs-long-polling",
        "9-is-less-than-20",
        lambda e: e.environment(f"{PROD}/llm", "asya-sidecar", "ASYA_SQS_WAIT_TIME_SECONDS", "9"),
    ),
    m("sqs-visibility-timeout", "299", queue(VisibilityTimeout="299")),
    m("sqs-visibility-timeout", "30-is-less-than-300", queue(VisibilityTimeout="30")),
    m("sqs-visibility-timeout", "not-said", queue(VisibilityTimeout=None)),
    m(
        "sqs-visibility-timeout",
        "actor-works-longer",
        lambda e: e.set("asyncactors", f"{PROD}/llm", "spec/timeout/processing", 601),
    ),
    m(
        "sqs-visibility-timeout",
        "actor-says-nothing",
        lambda e: (e.drop("asyncactors", f"{PROD}/llm", "spec/timeout"), e.queue("asya-llm", VisibilityTimeout="299")),
    ),
    m("sqs-dead-letter-queue", "none", queue(RedrivePolicy=None)),
    m("sqs-dead-letter-queue", "as-the-page-says", redrive(DLQ.replace("asya-dlq", "asya-llm-dlq"))),
    m("sqs-dead-letter-queue", "of-another-region", redrive(DLQ.replace(REGION, "us-east-1"))),
    m("sqs-dead-letter-queue", "of-another-account", redrive(DLQ.replace(ACCOUNT, "999999999999"))),
    m(
        "sqs-dead-letter-queue",
        "deleted",
        lambda e: (e.delete("queues", "asya-dlq"), e.delete("queue-urls", "asya-dlq")),
    ),
    m("sqs-dlq-retention", "as-long", lambda e: e.queue("asya-dlq", MessageRetentionPeriod="345600")),
    m("sqs-dlq-retention", "shorter", lambda e: e.queue("asya-dlq", MessageRetentionPeriod="86400")),
    m("sqs-dlq-retention", "queue-keeps-longest", queue(MessageRetentionPeriod="1209600")),
    m("sqs-encryption", "one-without", queue(KmsMasterKeyId=None)),
    m("sqs-encryption", "by-sqs-itself", queue(KmsMasterKeyId="", SqsManagedSseEnabled="true")),
    m("sqs-encryption", "dead-letters-without", lambda e: e.queue("asya-dlq", KmsMasterKeyId=None)),
    m("sqs-key-rotation", "off", lambda e: e.set("keys", KEY_ID, "RotationEnabled", value=False)),
    m("sqs-key-rotation", "not-said", lambda e: e.drop("keys", KEY_ID, "RotationEnabled")),
    m(
        "sqs-key-rotation",
        "off-and-named-by-alias",
        lambda e: (
            e.set("keys", KEY_ID, "RotationEnabled", value=False),
            e.queue("asya-llm", KmsMasterKeyId="alias/asya-queues"),
        ),
    ),
    m("sqs-key-rotation", "second-key-off", _other_key(rotated=False)),
    m("sqs-key-reuse", "600", queue(KmsDataKeyReusePeriodSeconds="600")),
    m("sqs-key-reuse", "60", queue(KmsDataKeyReusePeriodSeconds="60")),
    m("sqs-key-reuse", "dead-letters", lambda e: e.queue("asya-dlq", KmsDataKeyReusePeriodSeconds="86400")),
    m("actor-key-permissions", "second-key", _other_key(rotated=True)),
    m("gateway-key-permissions", "second-key", _other_key(rotated=True)),
)

MUTANTS = (*BUCKETS, *QUEUES)
