"""Grants that never take effect."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest

from clusterproof.access.ineffective import asked_of, by_name, never_takes_effect
from clusterproof.access.patterns import STAR
from clusterproof.access.policy import Policy, Statement, parse
from clusterproof.access.starred import STARRED

ACCOUNT = "111122223333"


def statement(**members: Any) -> Statement:
    """One statement that allows, unless it says otherwise."""
    made = parse({"Version": "2012-10-17", "Statement": {"Effect": "Allow", **members}}, "p")
    assert isinstance(made, Policy), made
    return made.statements[0]


@pytest.mark.parametrize(
    ("action", "resource", "never"),
    [
        # The document of Asya's: sqs:ListQueues on asya-*.
        ("sqs:ListQueues", f"arn:aws:sqs:*:{ACCOUNT}:asya-*", True),
        ("sqs:ListQueues", "arn:aws:sqs:*:*:asya-*", True),
        ("sqs:ListQueues", f"arn:aws:sqs:*:{ACCOUNT}:*", False),
        ("sqs:ListQueues", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:", False),
        ("sqs:ListQueues", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:?*", True),
        ("sqs:ListQueues", "arn:aws:sqs:*", False),
        ("sqs:ListQueues", "*", False),
        ("sqs:ListQueues", "arn:aws:s3:::bucket", True),
        ("sqs:SendMessage", f"arn:aws:sqs:*:{ACCOUNT}:asya-*", False),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::*", False),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::results", True),
        ("s3:ListAllMyBuckets", "arn:aws:s3:::${aws:PrincipalTag/team}-*", True),
        ("s3:ListBucket", "arn:aws:s3:::results", False),
        ("ec2:DescribeInstances", f"arn:aws:ec2:*:{ACCOUNT}:instance/i-0a1", True),
        ("ec2:DescribeInstances", f"arn:aws:ec2:*:{ACCOUNT}:instance/*", False),
        ("ec2:RunInstances", f"arn:aws:ec2:*:{ACCOUNT}:instance/i-0a1", False),
        ("autoscaling:DescribeAutoScalingGroups", f"arn:aws:autoscaling:*:{ACCOUNT}:autoScalingGroup:*:x/gpu", True),
        ("eks:ListClusters", f"arn:aws:eks:*:{ACCOUNT}:cluster/prod", True),
        ("eks:DescribeCluster", f"arn:aws:eks:*:{ACCOUNT}:cluster/prod", False),
        ("ecr:GetAuthorizationToken", f"arn:aws:ecr:*:{ACCOUNT}:repository/asya", True),
        ("iam:ListRoles", f"arn:aws:iam::{ACCOUNT}:role/asya-*", True),
        ("iam:ListRoles", f"arn:aws:iam::{ACCOUNT}:role/*", False),
        ("kms:ListAliases", f"arn:aws:kms:*:{ACCOUNT}:key/1", True),
        ("organizations:DescribeOrganization", "arn:aws:organizations::1:organization/o-1", True),
        ("sts:AssumeRole", f"arn:aws:iam::{ACCOUNT}:role/asya", False),
        ("logs:DescribeLogGroups", f"arn:aws:logs:*:{ACCOUNT}:log-group:/aws/eks/prod", False),
        ("dynamodb:ListTables", f"arn:aws:dynamodb:*:{ACCOUNT}:table/x", False),
        ("madeup:Anything", "arn:aws:madeup:::x", False),
    ],
)
def test_a_name_that_an_action_never_has_is_told(action: str, resource: str, never: bool) -> None:
    """Only patterns that name something, of actions that are known to be authorised on nothing by name."""
    said = never_takes_effect(statement(Action=action, Resource=resource), action)
    assert bool(said) is never
    if never:
        assert resource in said
        assert action in said
        assert '"Resource": "*"' in said


def test_one_resource_that_matches_is_enough() -> None:
    """Of several resources it is told only where none can match, and how many there are."""
    names = [f"arn:aws:sqs:*:{ACCOUNT}:{name}" for name in ("asya-*", "other")]
    said = never_takes_effect(statement(Action="sqs:*", Resource=names), "sqs:ListQueues")
    assert f"{names[0]} and 1 more never matches" in said
    assert never_takes_effect(statement(Action="sqs:*", Resource=[*names, "*"]), "sqs:ListQueues") == ""


def test_only_a_grant_of_the_action_counts() -> None:
    """A Deny, another action, NotResource, and capitals."""
    resource = f"arn:aws:sqs:*:{ACCOUNT}:asya-*"
    assert never_takes_effect(statement(Effect="Deny", Action="sqs:*", Resource=resource), "sqs:ListQueues") == ""
    assert never_takes_effect(statement(Action="sqs:SendMessage", Resource=resource), "sqs:ListQueues") == ""
    assert never_takes_effect(statement(Action="sqs:*", NotResource=resource), "sqs:ListQueues") == ""
    assert never_takes_effect(statement(NotAction="s3:*", Resource=resource), "SQS:LISTQUEUES")
    assert never_takes_effect(statement(Action="sqs:list*", Resource=resource), "sqs:ListQueues")


def test_what_policies_are_compared_with() -> None:
    """The resource itself, ``*``, or the account's ARN that names nothing."""
    queue = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:asya-*"
    assert asked_of("sqs:SendMessage", queue) == queue
    assert asked_of("sqs:ListQueues", queue) == f"arn:aws:sqs:eu-west-1:{ACCOUNT}:"
    assert asked_of("sqs:ListQueues", "*") == "*"
    assert asked_of("s3:ListAllMyBuckets", "arn:aws:s3:::results") == f"arn:aws:s3:::{STAR}"
    assert asked_of("ec2:DescribeInstances", "arn:aws:ec2:eu-west-1:1:instance/i-1") == "*"
    assert asked_of("madeup:Anything", "arn:aws:madeup:::x") == "arn:aws:madeup:::x"


def test_the_facts_agree_with_the_machine_readable_reference() -> None:
    """No action that AWS authorises on resources is listed, and all services that the profiles use are."""
    raw = files("cfnlint").joinpath("data", "AdditionalSpecs", "Policies.json").read_text()
    reference = json.loads(raw)
    wrong = [
        action
        for action in sorted(STARRED)
        if reference[action.partition(":")[0]]["Actions"][action.partition(":")[2]].get("Resources")
    ]
    assert wrong == []
    assert {action.partition(":")[0] for action in STARRED} == {
        *("autoscaling", "ec2", "ecr", "eks", "iam", "kms", "logs", "organizations", "s3", "sqs", "sts"),
    }
    assert len(STARRED) > 400


def test_an_action_that_is_not_listed_may_be_authorised_by_name() -> None:
    """Nothing is claimed of what is not known."""
    assert not by_name("sqs:ListQueues")
    assert not by_name("EC2:describeinstances")
    assert by_name("sqs:SendMessage")
    assert by_name("madeup:Anything")
