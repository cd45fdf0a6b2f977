"""What roles may do in one service lies within some resources, or is wider: containment, whatever the patterns look like."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Check, Principal, Scope
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.access.build import ACCOUNT, Account, deny, document, statement
from tests.checks.ask import ask, requirement

WITHIN = f"arn:aws:sqs:*:{ACCOUNT}:asya-*"
BUCKET = ("arn:aws:s3:::results", "arn:aws:s3:::results/*")


def scope(account: Account, *within: str, service: str = "sqs", apart: tuple[str, ...] = ()) -> Finding:
    """Whether role ``r`` stays within."""
    check = Scope(Principal(role="r"), service, within or (WITHIN,), apart)
    return ask(account, requirement(Check(scope=check)))


def role(*statements: Any, **more: Any) -> Account:
    """An account with role ``r``."""
    return Account().role("r", *statements, **more)


INSIDE = [
    statement("sqs:*", WITHIN),
    statement("sqs:SendMessage", f"arn:aws:sqs:eu-west-1:{ACCOUNT}:asya-one"),
    statement(["sqs:SendMessage", "sqs:Get*"], [f"arn:aws:sqs:us-*:{ACCOUNT}:asya-a*", WITHIN]),
    statement("*", "arn:aws:s3:::anything"),
    statement("*", [WITHIN, "arn:aws:s3:::*"]),
    statement("s3:*"),
    {"Effect": "Allow", "NotAction": "sqs:*", "Resource": "*"},
    {"Effect": "Allow", "NotAction": ["s3:*", "SQS:*"], "Resource": "*"},
    {"Effect": "Allow", "Action": "sqs:*", "NotResource": "arn:aws:sqs:*"},
    statement("sqs:*", "arn:aws:sqs:*:*:asya-*", Condition={"StringEquals": {"aws:ResourceAccount": ACCOUNT}}),
    deny("sqs:*"),
]
WIDER = [
    (statement("sqs:*"), "is wider than"),
    (statement("*"), "is wider than"),
    (statement("sqs:SendMessage", "arn:aws:sqs:*:*:asya-*"), "any account"),
    (statement("sqs:SendMessage", "*:*:asya-*"), "is wider than"),
    (statement("sqs:SendMessage", f"arn:aws:sqs:*:{ACCOUNT}:*"), "any name"),
    (statement("sqs:SendMessage", f"arn:aws:sqs:*:{ACCOUNT}:asya*"), "name asya*"),
    (statement("sqs:SendMessage", f"arn:aws:sqs:*:{ACCOUNT}:other"), "lies outside"),
    (statement("SQS:sendmessage", f"arn:aws:sqs:*:{ACCOUNT}:?sya-*"), "name ?sya-*"),
    (statement("s*:*", f"arn:aws:*:*:{ACCOUNT}:asya-*x*"), ""),
    ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "all but iam:*"),
    ({"Effect": "Allow", "Action": "sqs:*", "NotResource": WITHIN}, "every other resource"),
    ({"Effect": "Allow", "NotAction": "iam:*", "NotResource": "arn:aws:s3:::x"}, "every other resource"),
    (statement("sqs:*", "*", Condition={"Bool": {"aws:SecureTransport": "true"}}), "is wider than"),
]


@pytest.mark.parametrize("one", INSIDE, ids=str)
def test_a_statement_within(one: Any) -> None:
    """What reaches no queue outside the pattern is within, however it is written."""
    found = scope(role(one))
    assert found.verdict is Verdict.PASS, found.summary


@pytest.mark.parametrize(("one", "why"), WIDER[:8] + WIDER[9:], ids=str)
def test_a_statement_that_is_wider(one: Any, why: str) -> None:
    """What reaches any queue outside the pattern is wider, and in what is said."""
    found = scope(role(one))
    assert found.verdict is Verdict.FAIL, found.summary
    assert why in found.summary
    assert found.summary.startswith("role r: statement 1 of r-policy of role r: ")
    assert found.evidence[0].field == "RolePolicyList.r-policy"


def test_wildcards_in_the_service_are_narrowed_to_it() -> None:
    """A pattern over all services is judged for the one that is asked about."""
    assert scope(role(statement("s*:*", f"arn:aws:*:*:{ACCOUNT}:asya-*"))).verdict is Verdict.PASS
    assert scope(role(statement("s*:*", f"arn:aws:*:*:{ACCOUNT}:*"))).verdict is Verdict.FAIL


def test_one_wide_statement_among_many_fails() -> None:
    """The wide one is named, first in the evidence, and the others follow."""
    found = scope(role(statement("sqs:*", WITHIN), statement("sqs:ReceiveMessage", "*", Sid="Wide")))
    assert found.verdict is Verdict.FAIL
    assert 'statement "Wide"' in found.summary
    assert len(found.evidence) == 2


def test_patterns_cover_together() -> None:
    """Several patterns may hold what none of them holds alone."""
    halves = (f"arn:aws:sqs:*:{ACCOUNT}:asya-*", "arn:aws:sqs:*:444455556666:asya-*")
    assert scope(role(statement("sqs:*", list(halves))), *halves).verdict is Verdict.PASS
    assert scope(role(statement("sqs:*", "arn:aws:sqs:*:*:asya-*")), *halves).verdict is Verdict.FAIL


def test_actions_that_are_judged_apart_do_not_count() -> None:
    """An action that is authorised on no queue may be granted on all; another beside it may not."""
    apart = ("sqs:ListQueues",)
    assert scope(role(statement("sqs:ListQueues")), apart=apart).verdict is Verdict.PASS
    assert scope(role(statement("sqs:ListQueues"))).verdict is Verdict.FAIL
    assert scope(role(statement(["sqs:ListQueues", "sqs:SendMessage"])), apart=apart).verdict is Verdict.FAIL
    assert scope(role(statement("sqs:List*")), apart=apart).verdict is Verdict.FAIL


def test_buckets_have_no_account_in_their_names() -> None:
    """A bucket and its objects; another bucket whose name begins so is outside."""

    def asked(*resources: str) -> Verdict:
        return scope(role(statement("s3:*", list(resources))), *BUCKET, service="s3").verdict

    assert asked(*BUCKET) is Verdict.PASS
    assert asked("arn:aws:s3:::results/happy/*") is Verdict.PASS
    assert asked("arn:aws:s3:::results*") is Verdict.FAIL
    assert asked("arn:aws:s3:::*") is Verdict.FAIL


def test_a_boundary_narrows_what_is_granted() -> None:
    """What the boundary takes away is not granted; one that was not read may."""

    def bounded(*statements: Any) -> Account:
        return role(statement("*"), boundary="edge").policy("edge", *statements)

    assert scope(bounded(statement("sqs:*", WITHIN))).verdict is Verdict.PASS
    assert scope(bounded(statement("s3:*"))).verdict is Verdict.PASS
    assert scope(bounded(statement("*"))).verdict is Verdict.FAIL
    assert scope(role(statement("*"), boundary="edge")).verdict is Verdict.UNKNOWN
    assert scope(role(statement("sqs:*", WITHIN), boundary="edge")).verdict is Verdict.PASS


def test_a_deny_of_all_the_rest_narrows_too() -> None:
    """A Deny of everything but some resources leaves these; under a condition it leaves more."""
    rest = {"Effect": "Deny", "Action": "sqs:*", "NotResource": WITHIN}
    assert scope(role(statement("*"), rest)).verdict is Verdict.PASS
    sometimes = {**rest, "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
    assert scope(role(statement("*"), sometimes)).verdict is Verdict.FAIL
    assert scope(role(statement("*"), {**rest, "Action": "sqs:Send*"})).verdict is Verdict.FAIL


def test_variables_are_filled_in_or_as_wide_as_they_may_be() -> None:
    """A variable inside the name stays within; one that is the name may be any."""
    inside = f"arn:aws:sqs:*:{ACCOUNT}:asya-${{aws:PrincipalTag/team}}"
    assert scope(role(statement("sqs:*", inside))).verdict is Verdict.PASS
    alone = f"arn:aws:sqs:*:{ACCOUNT}:${{aws:PrincipalTag/queue}}"
    assert scope(role(statement("sqs:*", alone))).verdict is Verdict.UNKNOWN


def test_managed_policies_count() -> None:
    """A wide managed policy is named by its ARN; one that was not read is unknown."""
    arn = "arn:aws:iam::aws:policy/AmazonSQSFullAccess"
    account = role(statement("sqs:*", WITHIN), attached=[arn])
    found = scope(account)
    assert found.verdict is Verdict.UNKNOWN
    assert arn in str(found.unknowns)
    found = scope(account.policy("AmazonSQSFullAccess", statement("sqs:*"), arn=arn))
    assert found.verdict is Verdict.FAIL
    assert (found.evidence[0].kind, found.evidence[0].key) == ("policies", arn)


def test_roles_that_were_not_read_are_unknown() -> None:
    """Nothing is within that nobody read."""
    found = scope(Account().without(kinds.ROLES))
    assert found.verdict is Verdict.UNKNOWN
    assert "roles.json" in str(found.unknowns)


def test_a_role_that_does_not_exist_grants_nothing() -> None:
    """Nothing is to be judged of it."""
    assert scope(Account()).verdict is Verdict.NOT_APPLICABLE
    assert scope(role()).verdict is Verdict.PASS


def test_the_policy_of_an_association_narrows_its_session() -> None:
    """A session policy limits what pods of the association may do with a wide role."""
    account = Account().agent().role("r", statement("sqs:*")).service_account("app/web")
    narrow = str(document(statement("sqs:*", WITHIN))).replace("'", '"')
    account.association("app/web", "r", policy=narrow, disableSessionTags=True)
    check = Scope(Principal(service_account="app/web"), "sqs", (WITHIN,))
    assert ask(account, requirement(Check(scope=check))).verdict is Verdict.PASS
