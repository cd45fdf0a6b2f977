"""Documents that are added to or narrowed allow just what they should, as the evaluator of policies has it."""

from __future__ import annotations

import itertools
import json
from typing import Any
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.access.decide import Answer, Authority, Request, decide
from clusterproof.access.patterns import matches
from clusterproof.access.policy import Policy, parse
from clusterproof.checks.wider import granted
from clusterproof.fixes.policydocs import decoded, document_of, grant, many, narrowed, trusting, with_grants
from clusterproof.reach.trace import Outcome
from tests.access.build import ACCOUNT, pod_trust, role_arn, statement
from tests.world.build import Raw

OTHER = "999988887777"
WITHIN = f"arn:aws:sqs:*:{ACCOUNT}:asya-*"
APART = "sqs:ListQueues"
ACTIONS = ("sqs:SendMessage", "sqs:ReceiveMessage", APART, "s3:GetObject", "s3:PutObject")
ARNS = tuple(
    f"arn:aws:{service}:{region}:{account}:{name}"
    for service, region, account, name in itertools.product(
        ("sqs", "s3"), ("eu-west-1", "us-east-1"), (ACCOUNT, OTHER), ("asya-a", "alpha", "other")
    )
)
ROLE = role_arn("r")


def allowed(*found: Raw) -> set[tuple[str, str]]:
    """Every action and resource that some statements allow."""
    if not found:
        return set()
    policy = parse(document_of(found), "p")
    assert isinstance(policy, Policy), policy
    authority = Authority(identity=(policy,), account="")
    return {
        (action, arn)
        for action in ACTIONS
        for arn in ARNS
        if action.partition(":")[0] == arn.split(":")[2]
        # Whose the resource is decides nothing here: only what the statements say.
        and decide(authority, Request(action, arn, ROLE.replace(ACCOUNT, arn.split(":")[4]))).answer is Answer.ALLOWED
    }


patterns = st.builds(
    "arn:aws:{}:{}:{}:{}".format,
    st.sampled_from(["sqs", "*", "s3"]),
    st.sampled_from(["*", "eu-west-1", "eu-*"]),
    st.sampled_from(["*", ACCOUNT, OTHER]),
    st.sampled_from(["*", "asya-*", "asya-a", "other", "a*"]),
) | st.sampled_from(["*", "arn:aws:sqs:*"])
actions = st.lists(
    st.sampled_from(["sqs:*", "*", "sqs:SendMessage", "SQS:send*", APART, "s3:*", "s3:GetObject", "iam:*"]),
    min_size=1,
    max_size=3,
    unique=True,
)
said = st.builds(
    lambda verb, acts, noun, arns: {"Effect": "Allow", verb: acts, noun: arns},
    st.sampled_from(["Action", "Action", "NotAction"]),
    actions,
    st.sampled_from(["Resource", "Resource", "NotResource"]),
    st.lists(patterns, min_size=1, max_size=2, unique=True),
)


def outside(arn: str) -> bool:
    """Whether an ARN is a queue outside."""
    return ":sqs:" in arn and not matches(WITHIN, arn)


@settings(max_examples=150, deadline=None)
@given(said)
def test_a_narrowed_statement_keeps_all_but_what_is_outside(one: Raw) -> None:
    """What it allows of the service lies within, and of everything else it allows what it allowed."""
    found = narrowed(one, "sqs", [WITHIN], [APART])
    if found is None:
        return
    before, after = allowed(one), allowed(*found)
    judged = {(action, arn) for action, arn in before if action.startswith("sqs:") and action != APART}
    assert after == {pair for pair in before if pair not in judged or matches(WITHIN, pair[1])}


@settings(max_examples=150, deadline=None)
@given(said)
def test_what_is_wider_is_found(one: Raw) -> None:
    """A statement is wider exactly where some queue outside is allowed by it."""
    policy = parse(document_of([one]), "p")
    assert isinstance(policy, Policy)
    judged = list(granted(policy, "sqs", [WITHIN], [APART], Request("sqs:*", "*", ROLE), []))
    wide = any(action != APART and outside(arn) for action, arn in allowed(one))
    assert [item.outcome for item in judged if item.outcome is not Outcome.WORKS] == ([Outcome.BLOCKED] if wide else [])


resources = st.lists(st.sampled_from([*ARNS[:3], WITHIN]), min_size=1, max_size=2, unique=True)


@settings(max_examples=100, deadline=None)
@given(st.lists(said, max_size=2), st.lists(st.tuples(actions, resources), min_size=1, max_size=3))
def test_grants_add_just_themselves(held: list[Raw], more: list[tuple[list[str], list[str]]]) -> None:
    """What was allowed stays allowed, and what is new is what was granted."""
    new = [grant(acts, arns) for acts, arns in more]
    made = with_grants(document_of(held) if held else None, new)
    assert allowed(*made["Statement"]) == allowed(*held) | allowed(*new)


def test_a_document_is_read_however_it_is_written() -> None:
    """As an object, as JSON text and as IAM's API has it; what is neither is none."""
    raw = pod_trust()
    for document in (raw, json.dumps(raw), quote(json.dumps(raw))):
        assert decoded(document) == raw
    assert decoded(raw) is not raw
    wrong: list[Any] = ["{", "", None, 3, "[]"]
    assert [decoded(item) for item in wrong] == [None] * len(wrong)


def test_a_single_statement_needs_no_list() -> None:
    """The grammar lets a statement and an action stand alone; they are added to all the same."""
    alone = {"Version": "2012-10-17", "Statement": statement("sqs:SendMessage", WITHIN) | {"Action": "sqs:SendMessage"}}
    made = with_grants(alone, [grant(["sqs:GetQueueUrl"], [WITHIN])])
    assert [many(item["Action"]) for item in made["Statement"]] == [["sqs:SendMessage", "sqs:GetQueueUrl"]]


def test_trust_of_others_stays() -> None:
    """A statement with another principal beside, or with conditions, is not the one that gets the action."""
    wanted = pod_trust()["Statement"][0]
    shared = {**wanted, "Principal": {"Service": ["pods.eks.amazonaws.com", "ec2.amazonaws.com"]}}
    shared["Action"] = "sts:AssumeRole"
    made = trusting(document_of([shared]), wanted)
    assert made["Statement"] == [shared, wanted]
    named = {**wanted, "Action": "sts:assumerole"}
    made = trusting(document_of([named]), wanted)
    assert made["Statement"][0]["Action"] == ["sts:assumerole", "sts:TagSession"]
