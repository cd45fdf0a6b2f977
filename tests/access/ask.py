"""Short ways to ask whether KEDA, or anybody, may do something in an account (tests/access/build.py)."""

from __future__ import annotations

from typing import Any

from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Access, Check, Principal
from tests.access.build import QUEUES, Account
from tests.checks.ask import requirement

SEND, URL = "sqs:SendMessage", "sqs:GetQueueUrl"
KEDA = "keda/keda-operator"


def may(*actions: str, on: str | tuple[str, ...] = QUEUES, absent: str = "unknown", **who: str) -> Any:
    """The requirement that a principal may do something; of the service account of KEDA unless said otherwise."""
    resources = (on,) if isinstance(on, str) else on
    principal = Principal(**(who or {"service_account": KEDA}))
    return requirement(Check(access=Access(principal, actions, resources)), absent=absent)


def keda(*statements: Any, **more: Any) -> Account:
    """KEDA with a role by Pod Identity."""
    account = Account().agent()
    account.namespace("keda")
    account.app("keda/keda-operator", "keda-operator").service_account(KEDA).role("keda", *statements, **more)
    return account.association(KEDA, "keda")


def values(found: Finding) -> str:
    """All evidence of a finding."""
    return "\n".join(ref.value for ref in found.evidence)


def unknowns(found: Finding) -> str:
    """All that a finding does not know."""
    return "\n".join(str(item) for item in found.unknowns)
