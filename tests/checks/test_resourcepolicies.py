"""Queues, buckets and keys have policies of their own: what they deny, what they allow, and what was not read."""

from __future__ import annotations

from typing import Any

from clusterproof.profiles.model import Access, Check, Principal
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.overlay import Overlay, SetField, apply
from clusterproof.verdict.algebra import Verdict
from tests.access.ask import KEDA, SEND, URL, keda, may, unknowns
from tests.access.build import ACCOUNT, QUEUES, REGION, Account, deny, document, role_arn, statement
from tests.checks.ask import ask, requirement


def test_a_queue_that_denies_is_found_behind_the_pattern() -> None:
    """One queue's own policy refuses what the role may do with the others."""
    account = keda(statement("sqs:*", QUEUES))
    account.queue("asya-good").queue("asya-bad", document(deny(SEND, "*", Principal="*")))
    found = ask(account, may(SEND, URL))
    assert found.verdict is Verdict.FAIL
    assert found.evidence[0].kind == "queues"
    assert found.evidence[0].key == "asya-bad"
    assert "the policy of queue asya-bad" in found.summary


def test_a_queue_may_allow_by_its_own_policy() -> None:
    """In one account what either policy allows is allowed."""
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:asya-one"
    grants = document(statement(SEND, queue, Principal={"AWS": role_arn("keda")}))
    found = ask(keda().queue("asya-one", grants), may(SEND, on=queue))
    assert found.verdict is Verdict.PASS
    assert found.evidence[0].kind == "queues"


def test_queues_that_were_not_read_may_deny() -> None:
    """An identity policy that allows is not enough where a queue's own policy was not read; the command is named."""
    found = ask(keda(statement("sqs:*", QUEUES)).without(kinds.QUEUES), may(SEND))
    assert found.verdict is Verdict.UNKNOWN
    assert "get-queue-attributes" in unknowns(found)


def test_a_bucket_policy_counts() -> None:
    """A bucket's Deny refuses; a policy that could not be read makes it unknown; without one the role's decide."""

    def crew(policy: Any = None) -> Account:
        return keda(statement("s3:*", ["arn:aws:s3:::results", "arn:aws:s3:::results/*"])).bucket("results", policy)

    asked = may("s3:PutObject", on="arn:aws:s3:::results/*")
    assert ask(crew(), asked).verdict is Verdict.PASS
    found = ask(crew(document(deny("s3:PutObject", "arn:aws:s3:::results/*", Principal="*"))), asked)
    assert found.verdict is Verdict.FAIL
    assert found.evidence[0].kind == "buckets"
    why = Unknown(Cause.DENIED, "access denied", "allow s3:GetBucketPolicy")
    snapshot = apply(crew().snapshot(), Overlay((SetField("buckets", "results", "Policy", unknown=why),)))
    found = ask(snapshot, asked)
    assert found.verdict is Verdict.UNKNOWN
    assert "s3:GetBucketPolicy" in unknowns(found)


def test_an_encrypted_connection_satisfies_a_bucket_policy() -> None:
    """The usual Deny of plain HTTP touches nobody who uses TLS."""
    plain = deny("s3:*", "arn:aws:s3:::results/*", Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}})
    account = keda(statement("s3:*")).bucket("results", document(plain))
    assert ask(account, may("s3:GetObject", on="arn:aws:s3:::results/*")).verdict is Verdict.PASS


KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/k-1"


def test_a_key_policy_must_let_identity_policies_count() -> None:
    """An identity policy is not enough for a key: its policy names the account, the role, or a grant gives it."""
    decrypts = statement("kms:Decrypt", KEY)
    asked = may("kms:Decrypt", on=KEY)
    other = document(statement("kms:*", "*", Principal={"AWS": role_arn("admin")}))
    own = document(statement("kms:Decrypt", "*", Principal={"AWS": role_arn("keda")}))
    grant = {"GrantId": "g", "GranteePrincipal": role_arn("keda"), "Operations": ["Decrypt"]}
    assert ask(keda(decrypts).key("k-1"), asked).verdict is Verdict.PASS
    refused = ask(keda(decrypts).key("k-1", other), asked)
    assert refused.verdict is Verdict.FAIL
    assert (refused.evidence[0].kind, refused.evidence[0].key) == ("keys", "k-1")
    assert ask(keda().key("k-1", own), asked).verdict is Verdict.PASS
    assert ask(keda().key("k-1", other, Grants=[grant]), asked).verdict is Verdict.PASS
    assert ask(keda(decrypts), asked).verdict is Verdict.UNKNOWN


def test_services_whose_policies_nobody_reads_are_unknown() -> None:
    """Where the resource may have a policy that is not read, an allow of the role is not the answer."""
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:x"
    found = ask(keda(statement("*")), may("secretsmanager:GetSecretValue", on=secret))
    assert found.verdict is Verdict.UNKNOWN
    assert "secrets" in unknowns(found)


def test_without_a_resource_the_role_alone_is_asked() -> None:
    """On ``*`` it is the role's own side that is judged, and that resources may still deny is told."""
    found = ask(keda(statement("ecr:*")), may("ecr:BatchGetImage", on="*"))
    assert found.verdict is Verdict.PASS
    assert any("policies of ECR repositories are not read" in note for note in found.notes)


def test_actions_and_keys_are_filled_in() -> None:
    """Actions, resources and condition keys may hold expressions."""
    tagged = {"StringEquals": {"aws:ResourceTag/tiny": "owned"}}
    account = keda(statement([SEND, URL], QUEUES, Condition=tagged))
    given = {"aws:ResourceTag/${cluster.name}": "owned"}
    resources = ("arn:aws:sqs:${cluster.region}:${cluster.account}:asya-*",)
    actions = ('${["sqs:SendMessage", "sqs:GetQueueUrl"]}',)
    check = Access(Principal(service_account=KEDA), actions, resources, given)
    found = ask(account, requirement(Check(access=check)))
    assert found.verdict is Verdict.PASS, unknowns(found)
    assert found.summary == f"role keda may {SEND} and {URL} on {QUEUES}"
