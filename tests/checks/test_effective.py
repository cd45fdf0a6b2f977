"""Grants that never take effect are told; those that do pass; a role without them is not judged."""

from __future__ import annotations

from typing import Any

from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Check, Effective, Principal
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.access.build import ACCOUNT, QUEUES, REGION, Account, statement
from tests.checks.ask import ask, requirement

LIST = "sqs:ListQueues"


def effective(account: Account, *actions: str) -> Finding:
    """Whether grants of role ``r`` take effect."""
    return ask(account, requirement(Check(effective=Effective(Principal(role="r"), actions or (LIST,)))))


def role(*statements: Any, **more: Any) -> Account:
    """An account with role ``r``."""
    return Account().role("r", *statements, **more)


def test_list_queues_by_name_is_in_vain() -> None:
    """The document's own grant never takes effect; policy, statement and reason are named."""
    found = effective(role(statement(["sqs:GetQueueUrl", LIST], QUEUES)))
    assert found.verdict is Verdict.FAIL
    assert "role r: r-policy of role r, statement 1, grants sqs:ListQueues in vain" in found.summary
    assert '"Resource": "*"' in found.summary
    assert found.evidence[0].key == "r"


def test_a_grant_that_takes_effect_passes() -> None:
    """On all resources, or on the account's as a whole, it does; also where another one is in vain."""
    assert effective(role(statement(LIST))).verdict is Verdict.PASS
    assert effective(role(statement(LIST, f"arn:aws:sqs:{REGION}:{ACCOUNT}:*"))).verdict is Verdict.PASS
    assert effective(role(statement(LIST, QUEUES), statement("sqs:List*"))).verdict is Verdict.PASS


def test_nobody_has_it() -> None:
    """Where no role has a grant of it there is nothing to judge."""
    assert effective(role(statement("sqs:SendMessage", QUEUES))).verdict is Verdict.NOT_APPLICABLE
    assert effective(Account()).verdict is Verdict.NOT_APPLICABLE


def test_other_actions_are_not_claimed_of() -> None:
    """An action on resources takes effect on resources."""
    assert effective(role(statement("sqs:SendMessage", QUEUES)), "sqs:SendMessage").verdict is Verdict.PASS


def test_a_policy_that_was_not_read_may_grant_it() -> None:
    """A grant in vain may be made good by one that was not read; roles that were not read may have any."""
    found = effective(role(statement(LIST, QUEUES), attached=["other"]))
    assert found.verdict is Verdict.UNKNOWN
    assert "other" in str(found.unknowns)
    assert effective(Account().without(kinds.ROLES)).verdict is Verdict.UNKNOWN
    nothing_read = effective(role(attached=["other"]))
    assert nothing_read.verdict is Verdict.UNKNOWN, "what was not read is not nothing"
    assert "other" in str(nothing_read.unknowns)
