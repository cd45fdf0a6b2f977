"""Fixes of rights are proven on the copy, name what they newly allow, and stay with advice where no grant can help."""

from __future__ import annotations

import json
import shlex
from typing import Any

import hcl2
import msgspec
import pytest

from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings, report
from clusterproof.checks.finding import Finding, Report
from clusterproof.checks.mended import Fix
from clusterproof.fixes.propose import repair
from clusterproof.profiles.model import Access, Check, Effective, Principal, Profile, Requirement, Scope
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import apply
from clusterproof.verdict.algebra import Verdict
from tests.access.build import ACCOUNT, QUEUES, Account, deny, document, policy_arn, role_arn, statement
from tests.checks.ask import profile, requirement
from tests.world.build import Raw

SEND, URL, GET = "sqs:SendMessage", "sqs:GetQueueUrl", "sqs:GetQueueAttributes"
KEDA = "keda/keda-operator"
WITHIN = f"arn:aws:sqs:*:{ACCOUNT}:asya-*"


def may(*actions: str, on: tuple[str, ...] = (QUEUES,), id_: str = "perms", **who: str) -> Requirement:
    """The requirement that a principal may do something."""
    principal = Principal(**(who or {"service_account": KEDA}))
    return requirement(Check(access=Access(principal, actions, on)), id_=id_)


def stays(*within: str, apart: tuple[str, ...] = (), service: str = "sqs") -> Requirement:
    """The requirement that role ``r`` stays within."""
    check = Scope(Principal(role="r"), service, within or (WITHIN,), apart)
    return requirement(Check(scope=check), id_="scope")


def repaired(account: Account, *asked: Requirement) -> tuple[Context, Report]:
    """The report of some requirements, with fixes."""
    made: Profile = profile(*asked)
    context = Context(account.snapshot(), made)
    return context, repair(context, report(context, findings(context)))


def fixed(account: Account, asked: Requirement) -> tuple[Context, Finding, Fix]:
    """The finding of one requirement with its fix."""
    context, found = repaired(account, asked)
    (one,) = found.findings
    assert one.fix is not None
    return context, one, one.fix


def inline(context: Context, fix: Fix, role: str, name: str) -> Raw:
    """An inline policy of a role with the fix in place."""
    raw = apply(context.world.snapshot, fix.overlay).raw(kinds.ROLES, role)
    assert raw is not None
    found = next(item["PolicyDocument"] for item in raw["RolePolicyList"] if item["PolicyName"] == name)
    assert isinstance(found, dict)
    return found


def keda(*statements: Raw, **more: Any) -> Account:
    """KEDA with a role by Pod Identity."""
    account = Account().agent()
    account.namespace("keda").deployment("keda/keda-operator", {"serviceAccountName": "keda-operator"})
    return account.service_account(KEDA).role("keda", *statements, **more).association(KEDA, "keda")


# --- grants ---------------------------------------------------------------------------------


def test_exactly_what_is_missing_is_granted() -> None:
    """One inline policy of the missing actions on the resources asked about; what is newly allowed is told."""
    context, _, fix = fixed(keda(statement(SEND, QUEUES)), may(SEND, URL, GET))
    assert fix.proven, fix.advice
    made = inline(context, fix, "keda", "clusterproof-perms")
    assert made["Statement"] == [{"Effect": "Allow", "Action": [URL, GET], "Resource": [QUEUES]}]
    assert f"newly allowed to role keda: {URL}, {GET} on {QUEUES}" in fix.said
    words = shlex.split(fix.commands[0].replace("\\\n", " "))
    assert words[:7] == ["aws", "iam", "put-role-policy", "--role-name", "keda", "--policy-name", "clusterproof-perms"]
    assert json.loads(words[8]) == made
    by_style = fix.changes[0].commands
    assert isinstance(by_style, dict)
    terraform = by_style["terraform"]
    assert terraform.startswith('resource "aws_iam_role_policy" "clusterproof_keda_')
    assert QUEUES in terraform
    assert hcl2.loads(terraform)["resource"]


def test_each_resource_gets_what_it_lacks() -> None:
    """Actions that are missing on one resource only are granted there only."""
    bucket = ("arn:aws:s3:::results", "arn:aws:s3:::results/*")
    account = keda(statement("s3:ListBucket", bucket[0]), statement("s3:GetObject", "arn:aws:s3:::results*"))
    context, _, fix = fixed(account.bucket("results"), may("s3:ListBucket", "s3:GetObject", on=bucket))
    assert fix.proven
    made = inline(context, fix, "keda", "clusterproof-perms")
    assert made["Statement"] == [{"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [bucket[1]]}]


def test_a_policy_of_an_earlier_fix_is_added_to() -> None:
    """What stands in the policy stays there."""
    held = {"clusterproof-perms": document(statement(SEND, [QUEUES]))}
    context, _, fix = fixed(keda(inline=held), may(SEND, URL))
    assert fix.proven
    made = inline(context, fix, "keda", "clusterproof-perms")
    assert made["Statement"] == [{"Effect": "Allow", "Action": [SEND, URL], "Resource": [QUEUES]}]


def test_two_requirements_of_one_role_are_both_in_the_plan() -> None:
    """The plan holds both policies; neither takes the other's place."""
    context, found = repaired(keda(), may(SEND, id_="one"), may(URL, id_="two"))
    assert found.plan is not None
    assert found.plan.proven, found.plan.said
    for name, action in (("one", SEND), ("two", URL)):
        assert inline(context, found.plan, "keda", f"clusterproof-{name}")["Statement"][0]["Action"] == [action]


def test_every_role_gets_its_own() -> None:
    """Two roles that lack something get a policy each."""
    account = keda().service_account("keda/other").role("second").association("keda/other", "second")
    account.deployment("keda/second", {"serviceAccountName": "other"})
    both = [may(SEND, id_="one"), may(SEND, id_="two", service_account="keda/other")]
    context, found = repaired(account, *both)
    assert found.plan is not None
    assert found.plan.proven
    assert inline(context, found.plan, "second", "clusterproof-two")


def test_an_action_without_resources_is_granted_on_all() -> None:
    """``sqs:ListQueues`` on queues by name would never take effect."""
    context, _, fix = fixed(keda(statement("sqs:ListQueues", QUEUES)), may("sqs:ListQueues"))
    assert fix.proven, fix.advice
    assert inline(context, fix, "keda", "clusterproof-perms")["Statement"][0]["Resource"] == ["*"]


def no_change(account: Account, asked: Requirement) -> str:
    """The advice where nothing is changed."""
    _, _, fix = fixed(account, asked)
    assert not fix.proven
    assert not fix.changes
    return "\n".join(fix.said)


def test_no_grant_outweighs_a_deny() -> None:
    """A Deny is named, and nothing is proposed."""
    said = no_change(keda(statement(SEND, QUEUES), deny(SEND, QUEUES, Sid="Stop")), may(SEND))
    assert 'statement "Stop"' in said
    assert "no grant outweighs an explicit Deny" in said


def test_no_grant_helps_against_a_boundary() -> None:
    """A boundary that does not allow it is named, also where the role does not either."""
    account = keda(boundary="edge").policy("edge", statement("s3:*"))
    said = no_change(account, may(SEND))
    assert policy_arn("edge") in said
    assert "permissions boundary does not allow it" in said


def test_what_is_stopped_for_one_action_is_granted_for_the_others() -> None:
    """A change that mends a part is offered as such, with what it does not mend."""
    account = keda(deny(SEND, QUEUES))
    context, _, fix = fixed(account, may(SEND, URL))
    assert not fix.proven
    assert inline(context, fix, "keda", "clusterproof-perms")["Statement"][0]["Action"] == [URL]
    assert any("explicit Deny" in text for text in fix.said)


def test_a_queue_that_denies_is_named() -> None:
    """The queue's own policy is its owner's to change."""
    account = keda(statement(SEND, QUEUES)).queue("asya-x", document(deny(SEND, "*", Principal="*")))
    assert "queue asya-x" in no_change(account, may(SEND))


def test_an_endpoint_that_does_not_allow_is_named() -> None:
    """So is the policy of a VPC endpoint."""
    narrow = document(statement(URL, "*", Principal="*"))
    assert "VPC endpoint" in no_change(keda(statement(SEND, QUEUES)).endpoint("sqs", narrow), may(SEND))


def test_without_a_role_there_is_nobody_to_grant_to() -> None:
    """Pods without a role get one first."""
    account = Account().app("app/web", "web").service_account("app/web")
    assert "give them a role first" in no_change(account, may(SEND, workload="deploy/app/web"))


def test_an_organization_keeps_it_from_being_proven() -> None:
    """The grant is offered, and why it is not proven is told."""
    _, _, fix = fixed(keda().organization(), may(SEND))
    assert not fix.proven
    assert fix.changes
    assert any("organization o-abc" in text for text in fix.said)


def test_a_chain_is_mended_at_both_ends() -> None:
    """The first role gets the right to assume the second, whose trust policy gets the first, and all else stays."""
    account = Account().agent().role("own").service_account(KEDA)
    account.namespace("keda").deployment("keda/keda-operator", {"serviceAccountName": "keda-operator"})
    other = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    account.role("target", statement(SEND, QUEUES), trust=document(other))
    account.association(KEDA, "own", targetRoleArn=role_arn("target"), externalId="x")
    context, _, fix = fixed(account, may(SEND))
    assert fix.proven, fix.advice
    raw = apply(context.world.snapshot, fix.overlay).raw(kinds.ROLES, "target")
    assert raw is not None
    trust = raw["AssumeRolePolicyDocument"]["Statement"]
    assert trust[0] == other
    assert trust[1]["Principal"] == {"AWS": role_arn("own")}
    assert trust[1]["Condition"] == {"StringEquals": {"sts:ExternalId": "x"}}


# --- narrower --------------------------------------------------------------------------------


def role(*statements: Raw, **more: Any) -> Account:
    """An account with role ``r``."""
    return Account().role("r", *statements, **more)


def narrowed(account: Account, asked: Requirement | None = None) -> list[Raw]:
    """The statements of ``r-policy`` with the proven fix."""
    context, _, fix = fixed(account, asked or stays())
    assert fix.proven, fix.advice
    found: list[Raw] = inline(context, fix, "r", "r-policy")["Statement"]
    return found


def test_a_wide_statement_becomes_narrow() -> None:
    """The same statement, its resources narrowed; what is no longer allowed is told."""
    account = role(statement("sqs:*", "*", Sid="Wide"), statement("s3:*"))
    assert narrowed(account) == [statement(["sqs:*"], [WITHIN], Sid="Wide"), statement("s3:*")]
    _, _, fix = fixed(account, stays())
    assert any("no longer allowed by policy r-policy of role r: sqs:* on *" in text for text in fix.said)
    assert "put-role-policy" in fix.commands[0]


def test_an_open_account_is_closed() -> None:
    """What both patterns say is kept: the Region of one, the account of the other."""
    wide = statement(SEND, ["arn:aws:sqs:eu-west-1:*:asya-*", WITHIN])
    assert narrowed(role(wide))[0]["Resource"] == [f"arn:aws:sqs:eu-west-1:{ACCOUNT}:asya-*", WITHIN]
    assert narrowed(role(statement(SEND, "*:*:asya-*")))[0]["Resource"] == [WITHIN]


def test_other_services_keep_what_they_have() -> None:
    """A statement of several services is split; one of everything leaves the service out."""
    found = narrowed(role(statement(["sqs:SendMessage", "s3:GetObject"], "*")))
    assert found == [statement(["s3:GetObject"], "*"), statement([SEND], [WITHIN])]
    found = narrowed(role(statement("*", "*")))
    assert found[0] == {"Effect": "Allow", "Resource": "*", "NotAction": ["sqs:*"]}
    assert found[1] == statement(["sqs:*"], [WITHIN])


def test_actions_apart_keep_their_resources() -> None:
    """``sqs:ListQueues`` stays where it takes effect."""
    asked = stays(apart=("sqs:ListQueues",))
    found = narrowed(role(statement([SEND, "sqs:ListQueues"], "*")), asked)
    assert found == [statement(["sqs:ListQueues"], "*"), statement([SEND], [WITHIN])]


def test_a_statement_of_which_nothing_is_left_goes() -> None:
    """A grant of other queues only is taken away, and with it a policy that has no other."""
    outside = statement(SEND, f"arn:aws:sqs:*:{ACCOUNT}:other")
    assert narrowed(role(outside, statement("s3:*"))) == [statement("s3:*")]
    _, _, fix = fixed(role(outside), stays())
    assert fix.proven
    assert fix.commands[0].startswith("aws iam delete-role-policy")


def test_a_managed_policy_gets_a_new_version() -> None:
    """A policy of the account is narrowed for all who have it, which is told."""
    account = role(attached=["wide"]).policy("wide", statement("sqs:*")).role("other", attached=["wide"])
    context, _, fix = fixed(account, stays())
    assert fix.proven, fix.advice
    raw = apply(context.world.snapshot, fix.overlay).raw(kinds.POLICIES, policy_arn("wide"))
    assert raw is not None
    assert raw["DefaultVersionId"] == "v2"
    assert [item["IsDefaultVersion"] for item in raw["PolicyVersionList"]] == [False, True]
    assert "create-policy-version" in fix.commands[0]
    by_style = fix.changes[0].commands
    assert isinstance(by_style, dict)
    text = by_style["terraform"]
    assert text.startswith(f'# in the aws_iam_policy of "{policy_arn("wide")}" set:\n#   policy = jsonencode({{')
    assert hcl2.loads(text.partition("\n")[2].lstrip("# ") + "\n")["policy"]
    assert any("attached to r, other" in text for text in fix.said)


def test_a_policy_of_aws_is_not_changed() -> None:
    """It is to be detached: advice."""
    arn = "arn:aws:iam::aws:policy/AmazonSQSFullAccess"
    said = no_change(role(attached=[arn]).policy("AmazonSQSFullAccess", statement("sqs:*"), arn=arn), stays())
    assert "detach it from role r" in said


@pytest.mark.parametrize(
    "one",
    [
        {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "sqs:*", "NotResource": WITHIN},
        statement("s*:*"),
    ],
    ids=str,
)
def test_what_cannot_be_narrowed_is_told(one: Raw) -> None:
    """Where no statement would say just that, it is named and left alone."""
    said = no_change(role(one), stays())
    assert "policy r-policy of role r" in said


# --- in vain -----------------------------------------------------------------------------------


def test_a_grant_in_vain_is_advice() -> None:
    """Whether anybody needs it is not for us to say; how it would take effect is."""
    check = Check(effective=Effective(Principal(role="r"), ("sqs:ListQueues",)))
    said = no_change(role(statement("sqs:ListQueues", QUEUES)), requirement(check))
    assert '{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}' in said


def test_fixes_are_the_same_each_time() -> None:
    """The same input gives the same bytes."""
    account = keda(statement(SEND, QUEUES))
    one, two = (msgspec.json.encode(fixed(account, may(SEND, URL))[2]) for _ in range(2))
    assert one == two
    assert fixed(account, may(SEND, URL))[1].verdict is Verdict.FAIL
