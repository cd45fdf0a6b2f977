"""May roles do something: identity policies, boundaries, sessions, resources, ways out, and what was not read of them."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.checks.context import Context, Settings
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Access, Check, Parameter, Principal
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.access.ask import KEDA, SEND, URL, keda, may, unknowns, values
from tests.access.build import (
    ACCOUNT,
    QUEUES,
    REGION,
    Account,
    deny,
    document,
    irsa_trust,
    policy_arn,
    role_arn,
    statement,
)
from tests.checks.ask import ask, profile, requirement


def test_what_is_allowed_names_policy_and_statement() -> None:
    """Each action is shown with the policy and the statement that allows it."""
    found = ask(keda(statement([SEND, URL], QUEUES)), may(SEND, URL))
    assert found.verdict is Verdict.PASS, (found.summary, unknowns(found))
    assert f"{SEND} on {QUEUES}: allowed by keda-policy of role keda, statement 1" in values(found)
    assert found.summary == f"role keda may {SEND} and {URL} on {QUEUES}"


def test_what_is_missing_is_said_first() -> None:
    """The actions that are refused stand in the summary, and first in the evidence."""
    found = ask(keda(statement(SEND, QUEUES)), may(SEND, URL, "sqs:ReceiveMessage"))
    assert found.verdict is Verdict.FAIL
    why = "no statement of its identity policies allows it"
    assert found.summary == f"role keda may not {URL} and sqs:ReceiveMessage on {QUEUES}: {why}"
    assert found.evidence[0].value == f"{URL} on {QUEUES}: {why}"
    assert found.evidence[0].kind == "roles"
    assert found.evidence[0].key == "keda"


def test_a_grant_must_cover_the_whole_pattern() -> None:
    """A grant of one queue is none of all queues of that name, and says what it is on."""
    found = ask(keda(statement(SEND, QUEUES.replace("*", "one"))), may(SEND))
    assert found.verdict is Verdict.FAIL
    assert "asya-one only" in found.summary
    both = [statement(SEND, f"{QUEUES[:-1]}{part}") for part in ("a*", "*")]
    assert ask(keda(*both), may(SEND)).verdict is Verdict.PASS


def test_a_deny_wins_and_is_named() -> None:
    """An explicit Deny that touches one queue of the pattern refuses, whatever else allows."""
    account = keda(statement("*"), inline={"stop": document(deny(SEND, QUEUES.replace("*", "one"), Sid="Stop"))})
    found = ask(account, may(SEND, URL))
    assert found.verdict is Verdict.FAIL
    assert 'stop of role keda, statement "Stop"' in found.evidence[0].value
    assert found.evidence[0].field == "RolePolicyList.stop"


def test_a_managed_policy_is_evidence_of_its_own() -> None:
    """What a managed policy allows is shown at that policy."""
    account = keda(attached=["queues"]).policy("queues", statement("sqs:*", QUEUES))
    found = ask(account, may(SEND))
    assert found.verdict is Verdict.PASS
    assert found.evidence[0].kind == "policies"
    assert found.evidence[0].key == policy_arn("queues")


def test_a_policy_that_was_not_read_makes_it_unknown() -> None:
    """An attached policy may allow, and may deny: what it says must be read either way."""
    account = keda(attached=["queues"]).without(kinds.POLICIES)
    for found in (ask(account, may(SEND)), ask(keda(statement(SEND, QUEUES), attached=["gone"]), may(SEND))):
        assert found.verdict is Verdict.UNKNOWN
        assert "policies.json" in unknowns(found)


def test_a_document_that_does_not_parse_is_unknown() -> None:
    """A policy that AWS would not take allows nothing, and nobody knows what it denies."""
    found = ask(keda(statement(SEND, QUEUES), inline={"bad": "{"}), may(SEND))
    assert found.verdict is Verdict.UNKNOWN
    assert "bad of role keda cannot be read" in unknowns(found)


def test_a_boundary_must_allow_it_too() -> None:
    """What the boundary does not allow is refused, by its name; one that was not read is unknown."""

    def bounded(*statements: Any) -> Account:
        return keda(statement("sqs:*", QUEUES), boundary="edge").policy("edge", *statements)

    assert ask(bounded(statement(SEND)), may(SEND)).verdict is Verdict.PASS
    found = ask(bounded(statement("s3:*")), may(SEND))
    assert found.verdict is Verdict.FAIL
    assert f"the permissions boundary {policy_arn('edge')} does not allow it" in found.summary
    assert ask(keda(statement("sqs:*"), boundary="edge"), may(SEND)).verdict is Verdict.UNKNOWN


def test_a_policy_of_the_association_limits_the_session() -> None:
    """The session policy of an association must allow it as well."""
    account = Account().agent().role("keda", statement("sqs:*"))
    account.namespace("keda").deployment("keda/keda-operator", {"serviceAccountName": "keda-operator"})
    account.service_account(KEDA)
    account.association(
        KEDA,
        "keda",
        policy='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:Get*","Resource":"*"}}',
        disableSessionTags=True,
    )
    assert ask(account, may(URL)).verdict is Verdict.PASS
    found = ask(account, may(SEND))
    assert found.verdict is Verdict.FAIL
    assert "the policy of association a-0" in found.summary


# --- organizations ------------------------------------------------------------------------------


def with_parameter(tiny: Account, value: str) -> Finding:
    """As asked by a profile whose parameter declares that no policy of an organization applies."""
    parameter = Parameter("policies of the organization", "unknown", ("unknown", "none"))
    made = msgspec.structs.replace(
        profile(may(SEND)),
        parameters={"asya.organization_policies": parameter},
        no_guardrails="asya.organization_policies == 'none'",
    )
    settings = Settings(parameters={"asya.organization_policies": value})
    (found,) = findings(Context(tiny.snapshot(), made, settings))
    return found


def test_policies_of_an_organization_are_unknown_until_declared_away() -> None:
    """A member of an organization may be limited by it; the remedy names the parameter that says that it is not."""
    account = keda(statement("sqs:*", QUEUES)).organization()
    assert ask(account, may(SEND)).verdict is Verdict.UNKNOWN
    found = with_parameter(account, "unknown")
    assert found.verdict is Verdict.UNKNOWN
    assert "--set asya.organization_policies=none" in unknowns(found)
    assert with_parameter(account, "none").verdict is Verdict.PASS
    assert ask(keda(statement("sqs:*", QUEUES)).organization(ACCOUNT), may(SEND)).verdict is Verdict.PASS


def test_what_is_refused_anyhow_needs_no_organization() -> None:
    """Without an allow the answer is no, whatever the organization says."""
    assert ask(keda().organization(), may(SEND)).verdict is Verdict.FAIL


# --- who ----------------------------------------------------------------------------------------


def chained(*statements: Any, **trust: Any) -> Account:
    """KEDA with a target role in the same account; the statements are of the association's own role."""
    account = Account().agent().service_account(KEDA)
    account.namespace("keda").deployment("keda/keda-operator", {"serviceAccountName": "keda-operator"})
    account.role("own", *statements)
    believed = document(
        {
            "Effect": "Allow",
            "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
            "Action": ["sts:AssumeRole", "sts:TagSession"],
            **trust,
        }
    )
    account.role("target", statement("sqs:*", QUEUES), trust=believed)
    return account.association(KEDA, "own", targetRoleArn=role_arn("target"), externalId="x")


def test_with_a_target_role_both_roles_are_judged() -> None:
    """The association's role must be allowed to assume the target, and the target to do the rest."""
    assumes = statement(["sts:AssumeRole", "sts:TagSession"], role_arn("target"))
    found = ask(chained(assumes), may(SEND))
    assert found.verdict is Verdict.PASS, (found.summary, unknowns(found))
    found = ask(chained(statement("sts:AssumeRole", role_arn("target"))), may(SEND))
    assert found.verdict is Verdict.FAIL
    assert "role own may not sts:TagSession" in found.summary
    found = ask(chained(assumes), may("s3:GetObject", on="arn:aws:s3:::x/*"))
    assert found.verdict is Verdict.FAIL
    assert "role target may not s3:GetObject" in found.summary


def test_a_target_role_that_asks_for_another_id_is_refused() -> None:
    """EKS sends the association's external id; a trust policy that wants another one refuses it."""
    assumes = statement(["sts:AssumeRole", "sts:TagSession"], role_arn("target"))
    right = {"StringEquals": {"sts:ExternalId": "x"}}
    assert ask(chained(assumes, Condition=right), may(SEND)).verdict is Verdict.PASS
    wrong = {"StringEquals": {"sts:ExternalId": "y"}}
    assert ask(chained(assumes, Condition=wrong), may(SEND)).verdict is Verdict.FAIL


def test_a_target_role_elsewhere_is_unknown() -> None:
    """A role of another account whose policies were not read is judged by nobody; the account is named."""
    other = "arn:aws:iam::444455556666:role/far"
    account = keda(statement("sts:*", other))
    (association,) = account.objects[kinds.POD_IDENTITY_ASSOCIATIONS.name]
    association["targetRoleArn"] = other
    found = ask(account, may(SEND))
    assert found.verdict is Verdict.UNKNOWN
    assert "444455556666" in unknowns(found)


def test_session_tags_are_known() -> None:
    """A grant for the pods of one namespace holds for them, and for no others."""
    tag = {"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": "keda"}}
    assert ask(keda(statement(SEND, QUEUES, Condition=tag)), may(SEND)).verdict is Verdict.PASS
    other = {"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": "app"}}
    assert ask(keda(statement(SEND, QUEUES, Condition=other)), may(SEND)).verdict is Verdict.FAIL


def test_an_annotation_gives_its_role() -> None:
    """With IRSA the rights of the role in the annotation count."""
    account = Account().app("app/web", "web").service_account("app/web", "web")
    account.role("web", statement(SEND, QUEUES), trust=irsa_trust("app:web"))
    assert ask(account, may(SEND, workload="deploy/app/web")).verdict is Verdict.PASS
    assert ask(account, may(URL, workload="deploy/app/web")).verdict is Verdict.FAIL


def test_every_role_that_pods_may_have_must_be_allowed() -> None:
    """With annotation and association both roles count, and the finding tells why."""
    account = keda(statement(SEND, QUEUES))
    account.remove(kinds.SERVICE_ACCOUNTS, KEDA)
    account.service_account(KEDA, "other").role("other")
    found = ask(account, may(SEND))
    assert found.verdict is Verdict.FAIL
    assert "role other may not" in found.summary
    assert any("both an annotation" in note for note in found.notes)


def test_pods_without_a_role_of_their_own_have_that_of_their_node() -> None:
    """Neither association nor annotation: what the instance may do is what counts."""
    account = Account().app("app/web", "web").service_account("app/web").role("node", statement("sqs:*"))
    account.managed("ng", nodes=0)
    account.objects[kinds.NODEGROUPS.name][0] |= {"nodeRole": role_arn("node"), "amiType": "AL2_x86_64"}
    found = ask(account, may(SEND, workload="deploy/app/web"))
    assert found.verdict is Verdict.PASS, (found.summary, unknowns(found))
    assert "role node may" in found.summary


def test_nodes_are_asked_by_their_set() -> None:
    """The role of a node set's groups, of those too that have no node yet."""
    asked = may("eks-auth:AssumeRoleForPodIdentity", on="*", nodes="all")
    account = Account().role("node", statement("eks-auth:*"))
    account.managed("ng", nodes=0)
    account.objects[kinds.NODEGROUPS.name][0]["nodeRole"] = role_arn("node")
    assert ask(account, asked).verdict is Verdict.PASS
    account.objects[kinds.ROLES.name].clear()
    found = ask(account.role("node"), asked)
    assert found.verdict is Verdict.FAIL
    assert "role node may not" in found.summary


def test_a_role_is_asked_by_name() -> None:
    """A role that the requirement names; one that does not exist may do nothing; one that was not read is unknown."""
    asked = may(SEND, role="keda")
    assert ask(keda(statement(SEND, QUEUES)), asked).verdict is Verdict.PASS
    found = ask(Account(), asked)
    assert found.verdict is Verdict.FAIL
    assert "does not exist" in found.summary
    found = ask(Account().without(kinds.ROLES), asked)
    assert found.verdict is Verdict.UNKNOWN
    assert "get-account-authorization-details" in unknowns(found)


def test_a_workload_that_is_not_there() -> None:
    """Nothing was found: unknown, or not applicable where the requirement says so."""
    asked = may(SEND, service_account="no/one")
    found = ask(Account(), asked)
    assert found.verdict is Verdict.FAIL  # its pods would have no role
    assert "no role" in found.summary


def test_a_condition_that_is_not_known_is_unknown_until_given() -> None:
    """A tag of the resource is not read; a requirement may say what it will be."""
    tagged = {"StringEquals": {"aws:ResourceTag/team": "a"}}
    account = keda(statement(SEND, QUEUES, Condition=tagged))
    found = ask(account, may(SEND))
    assert found.verdict is Verdict.UNKNOWN
    assert "aws:ResourceTag/team" in unknowns(found) or "aws:resourcetag/team" in unknowns(found)
    access = Access(Principal(service_account=KEDA), (SEND,), (QUEUES,), {"aws:ResourceTag/team": "a"})
    assert ask(account, requirement(Check(access=access))).verdict is Verdict.PASS


def test_queues_of_another_account_need_their_own_policy() -> None:
    """Across accounts both sides must allow, and the other side was not read."""
    other = f"arn:aws:sqs:{REGION}:444455556666:asya-*"
    found = ask(keda(statement(SEND, other)), may(SEND, on=other))
    assert found.verdict is not Verdict.PASS


def test_an_action_without_resources_is_asked_as_aws_does() -> None:
    """``sqs:ListQueues`` is authorised on no queue: a grant of queues by name never takes effect, and is said to."""
    found = ask(keda(statement("sqs:ListQueues", QUEUES)), may("sqs:ListQueues"))
    assert found.verdict is Verdict.FAIL
    assert "never takes effect" in found.summary
    assert ask(keda(statement("sqs:ListQueues", "*")), may("sqs:ListQueues")).verdict is Verdict.PASS


def test_resources_may_come_from_objects() -> None:
    """An expression may name a kind, and give several ARNs; none at all does not apply."""
    account = keda(statement("sqs:*", QUEUES)).queue("asya-a").queue("asya-b")
    arns = "${queues.map(q, q.Attributes.QueueArn)}"
    found = ask(account, may(SEND, on=arns))
    assert found.verdict is Verdict.PASS
    assert "asya-a and" in found.summary
    assert ask(keda(), may(SEND, on=arns)).verdict is Verdict.NOT_APPLICABLE
    assert ask(keda().without(kinds.QUEUES), may(SEND, on=arns)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize("kind", [kinds.ROLES, kinds.POD_IDENTITY_ASSOCIATIONS, kinds.ORGANIZATIONS])
def test_what_was_not_read_never_passes(kind: kinds.Kind[Any]) -> None:
    """Without one of the kinds that decide, an allow is not found."""
    account = keda(statement("sqs:*", QUEUES)).without(kind)
    if kind is kinds.POD_IDENTITY_ASSOCIATIONS:
        account.without(kinds.POD_IDENTITY_ASSOCIATION_IDS)
    found = ask(account, may(SEND))
    assert found.verdict is Verdict.UNKNOWN
    assert found.unknowns
