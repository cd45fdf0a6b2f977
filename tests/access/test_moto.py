"""The engine against a moto server that enforces IAM: what a user with drawn policies really may do, call by call.

Moto's evaluator knows Effect, Action, NotAction and Resource (with ``*``), and compares capitals; it gives S3 calls the
ARN of the bucket or object and all other calls ``*``. What is drawn stays within that.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from clusterproof.access.decide import Answer, Authority, Request, decide
from clusterproof.access.policy import Policy, parse
from tests.conftest import SEED, Oracle
from tests.sources.aws_api.motoserver import ACCOUNT, REGION, extended_moto, post

pytestmark = pytest.mark.slow

USER = f"arn:aws:iam::{ACCOUNT}:user/tester"
BUCKETS = ("asya-results", "other")
KEYS = ("happy/1", "error/1")
POLICIES = 60
ACTIONS = ("*", "s3:*", "s3:Get*", "s3:GetObject", "s3:PutObject", "s3:*Object", "s3:List*", "s3:GetBucket*", "sqs:*", "sqs:List*", "sqs:GetQueueUrl")  # fmt: skip
RESOURCES = ("*", "arn:aws:s3:::*", "arn:aws:s3:::asya-*", "arn:aws:s3:::asya-results", "arn:aws:s3:::asya-results/*", "arn:aws:s3:::*/happy/*", "arn:aws:s3:::other*", "arn:aws:sqs:*:*:*")  # fmt: skip


def client(url: str, service: str, keys: dict[str, str] | None = None) -> Any:
    """A client of the server with a user's keys, else with some that it takes while it enforces nothing."""
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=(keys or {}).get("AccessKeyId", "test"),
        aws_secret_access_key=(keys or {}).get("SecretAccessKey", "test"),
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
    )


class Enforced:
    """An account that enforces IAM, with a user whose policies are set by another."""

    def __init__(self, url: str) -> None:
        self.url = url
        admin = client(url, "iam")
        self.keys = {}
        for name in ("tester", "ruler"):
            admin.create_user(UserName=name)
            self.keys[name] = admin.create_access_key(UserName=name)["AccessKey"]
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
        admin.put_user_policy(UserName="ruler", PolicyName="all", PolicyDocument=json.dumps(everything))
        s3 = client(url, "s3")
        for bucket in BUCKETS:
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
            for key in KEYS:
                s3.put_object(Bucket=bucket, Key=key, Body=b"x")
        client(url, "sqs").create_queue(QueueName="asya-a")
        self.iam, self.s3, self.sqs = self._as("iam", "ruler"), self._as("s3", "tester"), self._as("sqs", "tester")
        post(url, "/moto-api/reset-auth", "0")

    def _as(self, service: str, user: str) -> Any:
        return client(self.url, service, self.keys[user])

    def set(self, documents: list[dict[str, Any]]) -> None:
        """Give the user these inline policies and no others."""
        for name in self.iam.list_user_policies(UserName="tester")["PolicyNames"]:
            self.iam.delete_user_policy(UserName="tester", PolicyName=name)
        for n, document in enumerate(documents):
            self.iam.put_user_policy(UserName="tester", PolicyName=f"p-{n}", PolicyDocument=json.dumps(document))

    def calls(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        """Action, resource and call of everything that is tried."""
        for bucket in BUCKETS:
            arn = f"arn:aws:s3:::{bucket}"
            yield "s3:ListBucket", arn, partial(self.s3.list_objects_v2, Bucket=bucket)
            yield "s3:GetBucketVersioning", arn, partial(self.s3.get_bucket_versioning, Bucket=bucket)
            for key in KEYS:
                at = {"Bucket": bucket, "Key": key}
                yield "s3:GetObject", f"{arn}/{key}", partial(self.s3.get_object, **at)
                yield "s3:PutObject", f"{arn}/{key}", partial(self.s3.put_object, **at, Body=b"y")
        yield "sqs:ListQueues", "*", self.sqs.list_queues
        yield "sqs:GetQueueUrl", "*", partial(self.sqs.get_queue_url, QueueName="asya-a")


def permitted(call: Callable[[], Any]) -> bool:
    """Whether a call goes through; any failure other than a refusal is one of the test."""
    from botocore.exceptions import ClientError

    try:
        call()
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] != 403:
            raise
        return False
    return True


@pytest.fixture(scope="module")
def enforced() -> Iterator[Enforced]:
    """A server of its own, since enforcement is the whole server's."""
    with extended_moto() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "127.0.0.1")
        yield Enforced(url)
        post(url, "/moto-api/reset-auth", "inf")


def drawn(source: random.Random) -> list[dict[str, Any]]:
    """Some policies within what moto knows."""

    def statement() -> dict[str, Any]:
        actions = source.sample(ACTIONS, source.choice((1, 1, 2, 3)))
        return {
            "Effect": "Allow" if source.random() < 0.7 else "Deny",
            "Action" if source.random() < 0.85 else "NotAction": actions if source.random() < 0.7 else actions[0],
            "Resource": source.sample(RESOURCES, source.choice((1, 1, 2))),
        }

    count = source.choice((1, 2, 2, 3))
    return [
        {"Version": "2012-10-17", "Statement": [statement() for _ in range(source.choice((1, 2, 3)))]}
        for _ in range(count)
    ]


def test_moto_agrees(enforced: Enforced, oracle: Oracle) -> None:
    """Every call that we say is allowed goes through, and every one that we say is denied is refused."""
    counts = {"policies": 0, "calls": 0, "allowed": 0, "open": 0, "differ": 0}
    for seed in range(SEED, SEED + POLICIES):
        documents = drawn(random.Random(seed))
        enforced.set(documents)
        parsed = [parse(document, f"p-{n}") for n, document in enumerate(documents)]
        assert all(isinstance(one, Policy) for one in parsed)
        authority = Authority(identity=tuple(parsed))
        counts["policies"] += len(documents)
        for action, resource, call in enforced.calls():
            found = decide(authority, Request(action, resource, USER))
            really = permitted(call)
            counts["calls"] += 1
            counts["allowed"] += really
            if found.answer is Answer.UNKNOWN:
                assert resource == "*"  # a Deny or NotResource of some resources, asked of no resource
                counts["open"] += 1
            elif (found.answer is Answer.ALLOWED) is not really:
                counts["differ"] += 1
                pytest.fail(
                    f"{action} on {resource}: {found.why}; moto {'allows' if really else 'refuses'}: {documents}"
                )
    assert counts["allowed"] > 50
    assert counts["open"] < counts["calls"] / 10
    oracle("access moto", counts, seeds=(SEED, SEED + POLICIES - 1))
