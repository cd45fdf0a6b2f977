"""What is written otherwise and means the same changes no verdict of profile ``asya``."""

# Edits stand in tuples, so that one expression makes several; mypy infers no lambda with defaults.
# mypy: disable-error-code="func-returns-value, misc"

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.asya.bases import base
from tests.asya.breaking import ASG, TAG, arguments, copied, second_group
from tests.asya.mutants_access import KEY, KEY_ID
from tests.asya.mutants_data import lifecycle, rules
from tests.asya.mutants_identity import POD_IDENTITY
from tests.asya.mutants_keda import authentication, by_reference
from tests.asya.world import ACCOUNT, BUCKET, CLUSTER, PROD, REGION, Edits, allow, edited, verdicts

QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}"
HARMLESS: dict[str, Callable[[Edits], object]] = {
    "key named by alias": lambda e: e.queue("asya-llm", KmsMasterKeyId="alias/asya-queues"),
    "key named by the alias's ARN": lambda e: e.queue(
        "asya-llm", KmsMasterKeyId=f"arn:aws:kms:{REGION}:{ACCOUNT}:alias/asya-queues"
    ),
    "key named by id": lambda e: e.queue("asya-llm", KmsMasterKeyId=KEY_ID),
    "key of AWS": lambda e: e.queue("asya-llm", KmsMasterKeyId="alias/aws/sqs"),
    "key of a role by pattern": lambda e: e.resource("asya-actor", "QueueKey", KEY.replace(KEY_ID, "*")),
    "actions in another case": lambda e: e.statements(
        "asya-actor", lambda found: found[0].update(Action=[name.upper() for name in found[0]["Action"]])
    ),
    "actions by pattern": lambda e: e.statements("asya-actor", lambda found: found[0].update(Action="sqs:*")),
    "queues of this region alone": lambda e: e.resource("asya-actor", "Queues", f"{QUEUE}:asya-*"),
    "a statement whose condition always holds": lambda e: e.condition(
        "asya-gateway", "Queues", {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}
    ),
    "other queues denied": lambda e: e.deny("asya-actor", "sqs:*", f"arn:aws:sqs:*:{ACCOUNT}:billing"),
    "trust for this cluster alone": lambda e: e.trust(
        "asya-actor",
        {
            **POD_IDENTITY,
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT, "aws:RequestTag/kubernetes-namespace": PROD},
                "ArnEquals": {"aws:SourceArn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"},
            },
        },
    ),
    "trust in two statements": lambda e: e.trust(
        "asya-actor", {**POD_IDENTITY, "Action": "sts:AssumeRole"}, {**POD_IDENTITY, "Action": "sts:TagSession"}
    ),
    "a boundary that is wide enough": lambda e: e.bounded("asya-actor", allow("*")),
    "rules by prefix": rules(lifecycle("happy-asya/"), lifecycle("error")),
    "rules apart": rules(lifecycle(days=30, noncurrent=300), lifecycle("e", 300, 1), lifecycle("h", 300, 1)),
    "encrypted with a key": lambda e: e.set(
        "buckets",
        BUCKET,
        "Encryption/ServerSideEncryptionConfiguration/Rules/0/ApplyServerSideEncryptionByDefault",
        {"SSEAlgorithm": "aws:kms"},
    ),
    "discovery in one word of two": arguments(
        "--node-group-auto-discovery", f"asg:tag={TAG}/enabled=true,{TAG}/{CLUSTER}=owned"
    ),
    "discovery by a tag of its own": lambda e: (
        e.change("auto-scaling-groups", ASG, lambda raw: raw["Tags"].append({**raw["Tags"][0], "Key": "team/gpu"})),
        arguments("--node-group-auto-discovery=asg:tag=team/gpu")(e),
    ),
    "a second GPU group": second_group,
    "a second plugin on other nodes": copied("gpu-operator", "nvdp", {"nodeGroup": "system-worker"}),
    "a trigger by reference": by_reference({"name": "aws"}, authentication(podIdentity={"provider": "aws"})),
    "a trigger with a secret": by_reference(
        {"name": "aws"},
        authentication(secretTargetRef=[{"parameter": "awsAccessKeyID", "name": "aws", "key": "id"}]),
    ),
    "sidecars ask for 25 s": lambda e: e.environment(f"{PROD}/llm", "asya-sidecar", "ASYA_SQS_WAIT_TIME_SECONDS", "25"),
    "queues wait by themselves": lambda e: (
        e.environment(f"{PROD}/llm", "asya-sidecar", "ASYA_SQS_WAIT_TIME_SECONDS", None),
        e.queue("asya-llm", ReceiveMessageWaitTimeSeconds="20"),
    ),
}


@pytest.mark.parametrize("name", HARMLESS)
def test_harmless(name: str) -> None:
    """Every verdict stays."""
    snapshot, parameters, before = base("correct")
    assert verdicts(edited(snapshot, HARMLESS[name]), parameters) == before
