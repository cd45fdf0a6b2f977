"""Attacks on the access engine: what once was said to be allowed, crashed, took minutes or misled, each with its document."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from clusterproof.access.context import of_session
from clusterproof.access.decide import Answer, Authority, Decision, Request, decide
from clusterproof.access.policy import Policy, parse
from clusterproof.access.trust import Pods, Token, irsa_trust, pod_identity_trust
from clusterproof.checks.finding import Finding
from clusterproof.profiles.model import Check, Identity, Principal
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import UnknownField
from clusterproof.verdict.algebra import Verdict
from tests.access.ask import KEDA, SEND, keda, may, unknowns
from tests.access.build import ACCOUNT, ISSUER, QUEUES, Account, deny, document, role_arn, statement
from tests.access.build import irsa_trust as token_trust
from tests.checks.ask import ask, requirement

ROLE = role_arn("pod")
QUEUE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:asya-one"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/k-1"
UNREAD = Unknown(Cause.DENIED, "AccessDenied")
TOKEN = Token(ISSUER, "keda", "keda-operator")


def policy(*statements: dict[str, Any], name: str = "p") -> Policy:
    """A policy of statements that allow unless they say otherwise."""
    raw = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
    made = parse(raw, name)
    assert isinstance(made, Policy), made
    return made


ALL = policy({"Action": "*", "Resource": "*"})


def decided(authority: Authority, action: str = SEND, resource: str = QUEUE, **tags: str) -> Decision:
    """The answer to a session of the role, with tags."""
    return decide(authority, Request(action, resource, ROLE, of_session(ROLE, tags=tags, resource=resource)))


def denying(**more: Any) -> Authority:
    """Everything is allowed, but for one statement."""
    return Authority(identity=(ALL, policy({"Effect": "Deny", "Action": "*", "Resource": "*", **more})))


def identity(account: Account, that: str = "trust") -> Finding:
    """Whether KEDA has its role."""
    return ask(account, requirement(Check(identity=Identity(Principal(service_account=KEDA), that, "any"))))


def by_token(**more: Any) -> Account:
    """KEDA with a role by IRSA."""
    account = Account()
    account.namespace("keda")
    account.app("keda/keda-operator", "keda-operator").service_account(KEDA, "keda")
    return account.role("keda", statement(SEND, QUEUES), trust=token_trust("keda:keda-operator"), **more)


# --- conditions and variables -----------------------------------------------------------------


@pytest.mark.parametrize("operator", ["StringEquals", "StringNotEquals"])
def test_tags_of_a_role_count_where_it_is_assumed(operator: str) -> None:
    """IAM User Guide, "IAM: Assume roles that have a specific tag": requests of STS carry iam:ResourceTag (access rule 26)."""
    trust = policy({"Action": "sts:*", "Principal": {"AWS": ACCOUNT}}, name="trust")
    condition = {operator: {"iam:ResourceTag/team": "ml"}}
    own = policy({"Action": "sts:*", "Resource": "*", "Condition": condition})
    target = role_arn("target")
    assert decided(Authority(identity=(own,), resource=trust), "sts:AssumeRole", target).answer is Answer.UNKNOWN
    but = msgspec.structs.replace(denying(Condition=condition), resource=trust)
    assert decided(but, "sts:AssumeRole", target).answer is Answer.UNKNOWN


@pytest.mark.parametrize("text", ["${aws:PrincipalTag/a, none}", "${aws:username", "${}", '${aws:PrincipalTag/a, "d"}'])
def test_what_begins_as_a_variable_and_is_none(text: str) -> None:
    """What stands for no value is not taken by the letter: a Deny with it may apply (access rule 25)."""
    found = decided(denying(Resource=f"arn:aws:sqs:us-east-1:{ACCOUNT}:{text}*"))
    assert found.answer is Answer.UNKNOWN
    assert "neither ${key} nor ${key, 'text'}" in found.why
    condition = {"StringEquals": {"aws:PrincipalArn": text}}
    assert decided(denying(Condition=condition)).answer is Answer.UNKNOWN


@pytest.mark.parametrize("operator", ["StringEquals", "StringNotEquals", "ForAllValues:StringLike", "Null", "Bool"])
def test_a_condition_without_values(operator: str) -> None:
    """AWS takes an empty list (Access Analyzer, "Empty array condition"), and nobody says what it compares (access rule 20)."""
    condition: dict[str, Any] = {operator: {"aws:PrincipalArn": []}}
    assert decided(denying(Condition=condition)).answer is Answer.UNKNOWN
    assert decided(Authority(identity=(policy({"Action": "*", "Resource": "*", "Condition": condition}),))).answer is (
        Answer.UNKNOWN
    )


def test_letters_that_become_several() -> None:
    """Whether ß is ss no document says; é and É are one letter."""
    for given, wanted, answer in (("straße", "STRASSE", Answer.UNKNOWN), ("é", "É", Answer.ALLOWED)):
        condition = {"StringEqualsIgnoreCase": {"aws:PrincipalTag/a": wanted}}
        own = policy({"Action": "*", "Resource": "*", "Condition": condition})
        assert decided(Authority(identity=(own,)), a=given).answer is answer


# --- documents ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('"Condition": {"NumericEquals": {"a:b": NaN}}', "NaN is no number"),
        ('"Sid": "\\ud800"', "half a character"),
        ('"Sid": "a", "Sid": "b"', "Sid twice"),
        ('"Condition": {"NumericEquals": {"a:b": ' + "9" * 5000 + "}}", "digits"),
    ],
)
def test_documents_that_python_reads_and_aws_does_not(text: str, why: str) -> None:
    """What is no JSON of AWS is unknown with the reason, and nothing of it reaches a report (access rule 38)."""
    found = parse('{"Statement": {"Effect": "Allow", "Action": "*", ' + text + "}}", "p")
    assert isinstance(found, Unknown)
    assert why in found.detail


def test_a_number_of_thousands_of_digits_in_an_object() -> None:
    """It is unknown, and no crash."""
    raw = {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"NumericEquals": {"a:b": 10**5000}}}
    assert isinstance(parse({"Statement": raw}, "p"), Unknown)


def test_half_a_megabyte_of_keys_with_one_twice() -> None:
    """The one that is twice is found in one pass (it took 45 s)."""
    keys = ",".join(f'"k{n}": 1' for n in range(40_000))
    found = parse("{" + keys + ', "k39999": 2}', "p")
    assert isinstance(found, Unknown)
    assert "k39999 twice" in found.detail


def test_half_a_megabyte_of_variables() -> None:
    """Neither time nor memory grows with the square of a text's length, and no sentence is as long as the text."""
    for text in ("${" + " " * 200_000, "${" * 50_000, "${a,'" * 20_000):
        found = decided(denying(Resource=f"arn:aws:sqs:us-east-1:{ACCOUNT}:{text}"))
        assert len(found.why) < 10_000
        assert sum(len(item.detail) for item in found.unknowns) < 100_000


def test_patterns_made_to_take_long() -> None:
    """Sixty patterns that each remember where a letter stood end in "too long to tell" (it took 101 s)."""
    made = policy({"Action": "*", "Resource": ["*a" + "?" * count for count in range(1, 60)]})
    found = decided(Authority(identity=(made,)), resource=f"arn:aws:sqs:us-east-1:{ACCOUNT}:*")
    assert found.answer is Answer.UNKNOWN
    assert "takes too long" in found.why


def test_ten_thousand_resources_make_a_short_sentence() -> None:
    """A refusal names what is nearest, not half a megabyte."""
    many = [f"arn:aws:sqs:us-east-1:{ACCOUNT}:other-{number}" for number in range(10_000)]
    assert len(decided(Authority(identity=(policy({"Action": "*", "Resource": many}),))).why) < 3_000


@pytest.mark.parametrize("name", ["the trust policy of role r", "own of role r"])
def test_a_policy_is_named_once(name: str) -> None:
    """No sentence says "the policy the trust policy"."""
    found = parse("{", name)
    assert isinstance(found, Unknown)
    assert found.detail.startswith(("the trust policy of role r cannot", "the policy own of role r cannot"))


# --- who is meant -------------------------------------------------------------------------------


@pytest.mark.parametrize("named", ["*", {"Service": "*"}, {"Federated": "*"}])
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_star_as_a_service_or_provider(named: Any, effect: str) -> None:
    """No document says that ``*`` means services or identity providers (IAM User Guide, "Principal"): it never lets in (access rule 27)."""
    base = [] if effect == "Allow" else [{"Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:*"}]
    pods = policy(*base, {"Effect": effect, "Principal": named, "Action": "sts:*"}, name="trust")
    base = [] if effect == "Allow" else [{"Principal": {"Federated": TOKEN_PROVIDER}, "Action": "sts:*"}]
    token = policy(*base, {"Effect": effect, "Principal": named, "Action": "sts:*"}, name="trust")
    found = [pod_identity_trust(pods, ROLE, Pods("arn", ACCOUNT)).answer, irsa_trust(token, ROLE, TOKEN).answer]
    meant = {"*": (True, True), "Service": (True, False), "Federated": (False, True)}[next(iter(named))]
    for answer, open_ in zip(found, meant, strict=True):
        assert answer is not Answer.ALLOWED if open_ or effect == "Allow" else answer is Answer.ALLOWED


TOKEN_PROVIDER = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"


def test_a_deny_of_an_endpoint_that_names_a_role() -> None:
    """A gateway endpoint knows roles by aws:PrincipalArn only (AWS PrivateLink Guide): in doubt, as an Allow is (access rule 36)."""
    one = {"Effect": "Deny", "Principal": {"AWS": ROLE}, "Action": "*", "Resource": "*"}
    endpoint = policy({"Principal": "*", "Action": "*", "Resource": "*"}, one, name="the policy of VPC endpoint e")
    assert decided(Authority(identity=(ALL,), endpoint=endpoint)).answer is Answer.UNKNOWN


def test_a_deny_that_narrows_a_trust_is_no_lack() -> None:
    """No note says that every service account may assume a role whose trust refuses all but one namespace."""
    subject = {"StringNotLike": {f"{ISSUER}:sub": "system:serviceaccount:keda:*"}}
    trust = policy(
        {"Principal": {"Federated": TOKEN_PROVIDER}, "Action": "sts:*"},
        {"Effect": "Deny", "Principal": {"Federated": TOKEN_PROVIDER}, "Action": "sts:*", "Condition": subject},
        name="trust",
    )
    found = irsa_trust(trust, ROLE, TOKEN)
    assert found.answer is Answer.ALLOWED
    assert len(found.notes) == 1
    assert "aud" in found.notes[0]


def test_several_actions_at_once() -> None:
    """Of ``sqs:*`` nothing is said: a Deny of one of them, or NotAction, would have to be looked at (access rule 5)."""
    for authority in (denying(Action="sqs:DeleteQueue"), Authority(identity=(ALL,)), Authority()):
        found = decided(authority, "sqs:*")
        assert found.answer is Answer.UNKNOWN
        assert found.unknowns


# --- which resource is it -----------------------------------------------------------------------


def test_a_bucket_that_is_not_the_accounts() -> None:
    """Bucket names are nobody's account's: without its policy nothing is allowed; what the role lacks is refused still."""
    found = ask(keda(statement("s3:*")), may("s3:GetObject", on="arn:aws:s3:::elsewhere/*"))
    assert found.verdict is Verdict.UNKNOWN
    assert "bucket elsewhere is none of the account's" in unknowns(found)
    assert ask(keda(statement(SEND)), may("s3:GetObject", on="arn:aws:s3:::elsewhere/*")).verdict is Verdict.FAIL


@pytest.mark.parametrize("pattern", ["arn:*:s3:::*/*", "arn:*:s3:::asya-*/*", "arn:aws:s3:::asya-*", "*"])
def test_a_bucket_of_a_pattern_that_refuses(pattern: str) -> None:
    """The policy of each bucket that a pattern holds is asked, wherever the pattern has its stars."""
    refuses = document(deny("s3:*", ["arn:aws:s3:::asya-b", "arn:aws:s3:::asya-b/*"], Principal="*"))
    found = ask(keda(statement("s3:*")).bucket("asya-b", refuses), may("s3:GetObject", on=pattern))
    assert found.verdict is Verdict.FAIL, found.summary


def test_a_bucket_of_a_pattern_that_says_nothing() -> None:
    """A bucket's policy that is about others refuses nothing of a pattern that the role has."""
    other = document(statement("s3:Put*", "arn:aws:s3:::asya-b/*", Principal={"AWS": role_arn("x")}))
    account = keda(statement("s3:*", "arn:aws:s3:::asya-*")).bucket("asya-b", other)
    assert ask(account, may("s3:GetObject", on="arn:aws:s3:::asya-*")).verdict is Verdict.PASS


@pytest.mark.parametrize("name", ["asya-x", "asya-*"])
def test_a_queue_of_another_account(name: str) -> None:
    """Its policy was not read: that is unknown, and not "has no policy"."""
    found = ask(keda(statement(SEND)), may(SEND, on=f"arn:aws:sqs:us-east-1:999988887777:{name}"))
    assert found.verdict is Verdict.UNKNOWN
    assert "999988887777" in unknowns(found)


def test_control_policies_of_the_resources_account() -> None:
    """What another account's organization forbids was not read, whoever asks (Organizations User Guide, "RCPs") (access rule 37)."""
    allows = document(statement("sqs:*", Principal={"AWS": role_arn("keda")}))
    other = "arn:aws:sqs:us-east-1:999988887777:asya-x"
    account = keda(statement(SEND)).organization(ACCOUNT).queue("asya-x", allows, QueueArn=other)
    found = ask(account, may(SEND, on=other))
    assert found.verdict is Verdict.UNKNOWN
    assert "999988887777" in unknowns(found)


@pytest.mark.parametrize(
    ("arn", "verdict"),
    [
        (KEY, Verdict.PASS),
        (KEY.replace("us-east-1", "eu-west-1"), Verdict.UNKNOWN),
        (KEY.replace(ACCOUNT, "999988887777"), Verdict.UNKNOWN),
    ],
)
def test_a_replica_of_a_key_has_a_policy_of_its_own(arn: str, verdict: Verdict) -> None:
    """Keys of several Regions share their id and no policy (KMS Developer Guide, "Multi-Region keys in AWS KMS")."""
    assert ask(keda(statement("kms:*")).key("k-1"), may("kms:Decrypt", on=arn)).verdict is verdict


@pytest.mark.parametrize("on", [KEY.replace("k-1", "*"), "*"])
def test_keys_that_were_read_in_part(on: str) -> None:
    """A pattern of keys holds those too that were not read."""
    account = keda(statement("kms:*")).key("k-1")
    assert ask(account, may("kms:Decrypt", on=on)).verdict is Verdict.PASS
    account.partly(kinds.KEYS, UNREAD)
    assert ask(account, may("kms:Decrypt", on=on)).verdict is Verdict.UNKNOWN


def test_grants_that_were_not_read() -> None:
    """A key's policy that is silent refuses only where its grants were read."""
    only_admin = document(statement("kms:*", Principal={"AWS": role_arn("admin")}))
    account = keda(statement("kms:*")).key("k-1", only_admin)
    assert ask(account, may("kms:Decrypt", on=KEY)).verdict is Verdict.FAIL
    snapshot = account.snapshot()
    table = snapshot.tables[kinds.KEYS.name]
    table.unknown_by_key["k-1"] = (UnknownField("k-1", "Grants", UNREAD),)
    found = ask(snapshot, may("kms:Decrypt", on=KEY))
    assert found.verdict is Verdict.UNKNOWN
    assert "grants of key k-1" in unknowns(found)


# --- ways out -----------------------------------------------------------------------------------

CLOSED = document(deny("*", Principal="*"))


def test_endpoints_of_china_have_names_of_their_own() -> None:
    """``cn.com.amazonaws.cn-north-1.sqs`` is an endpoint of SQS too, and its policy may refuse."""
    account = keda(statement(SEND, QUEUES)).endpoint("sqs", CLOSED, ServiceName="cn.com.amazonaws.us-east-1.sqs")
    assert ask(account, may(SEND)).verdict is Verdict.FAIL


def test_an_endpoint_of_nobody_knows_which_vpc() -> None:
    """Where the cluster's VPC is not known, an endpoint may be its: its policy is not passed over."""
    account = keda(statement(SEND, QUEUES)).endpoint("sqs", CLOSED).drop(kinds.CLUSTERS).drop(kinds.SUBNETS)
    found = ask(account, may(SEND))
    assert found.verdict is Verdict.UNKNOWN
    assert "which VPC the cluster is in" in unknowns(found)


# --- who gets a role ----------------------------------------------------------------------------


def _no_provider(account: Account) -> None:
    account.objects[kinds.OIDC_PROVIDERS.name].clear()


def _other_audience(account: Account) -> None:
    account.objects[kinds.OIDC_PROVIDERS.name][0]["ClientIDList"] = ["other"]


@pytest.mark.parametrize(
    ("change", "verdict", "why"),
    [
        (lambda _: None, Verdict.PASS, "may be assumed"),
        (_no_provider, Verdict.FAIL, "no identity provider"),
        (_other_audience, Verdict.FAIL, "among its client ids"),
        (lambda account: account.drop(kinds.OIDC_PROVIDERS), Verdict.UNKNOWN, "is not known"),
    ],
)
def test_a_token_needs_an_identity_provider(change: Callable[[Account], Any], verdict: Verdict, why: str) -> None:
    """A trust policy alone lets no token in (EKS User Guide, "Create an IAM OIDC provider for your cluster")."""
    account = by_token()
    change(account)
    found = identity(account)
    assert found.verdict is verdict
    assert why in found.summary


@pytest.mark.parametrize("made", [by_token, lambda: keda(statement(SEND, QUEUES))])
def test_resource_control_policies_limit_who_assumes_a_role(made: Callable[[], Account]) -> None:
    """They apply to STS, services included (Organizations User Guide, "Resource control policy examples")."""
    assert identity(made()).verdict is Verdict.PASS
    assert identity(made().organization()).verdict is Verdict.UNKNOWN
    assert identity(made().organization(ACCOUNT)).verdict is Verdict.PASS


def test_nobody_gets_a_role_by_a_service_account_that_is_not_there() -> None:
    """An association may be older or younger than its ServiceAccount; without one no pod is made."""
    account = Account().agent()
    account.namespace("keda")
    account.role("keda", statement(SEND, QUEUES)).association(KEDA, "keda")
    found = identity(account, "role")
    assert found.verdict is Verdict.FAIL
    assert found.summary == "there is no service account keda/keda-operator, so that no pod of it can be made"


def test_an_association_of_some_cluster() -> None:
    """Where the cluster's name is not known, an association of another cluster gives no role for certain."""
    account = keda(statement(SEND, QUEUES))
    account.drop(kinds.CLUSTERS)
    account.objects[kinds.POD_IDENTITY_ASSOCIATIONS.name][0]["clusterName"] = "other"
    account.meta = msgspec.structs.replace(account.meta, cluster="")
    found = identity(account, "role")
    assert found.verdict is Verdict.UNKNOWN
    assert "an association in cluster other" in unknowns(found)


def test_a_token_of_ones_own() -> None:
    """Which token a container has in a file of its own, for which audience, was not read: no role for certain."""
    account = by_token()
    account.objects[kinds.DEPLOYMENTS.name].clear()
    names = {"AWS_ROLE_ARN": role_arn("keda"), "AWS_WEB_IDENTITY_TOKEN_FILE": "/own"}
    env = [{"name": name, "value": value} for name, value in names.items()]
    spec = {"containers": [{"name": "c", "image": "x", "env": env}]}
    account.app("keda/keda-operator", "keda-operator", spec=spec)
    assert identity(account).verdict is Verdict.UNKNOWN
    assert identity(account, "role").verdict is Verdict.UNKNOWN


def test_a_report_of_an_unread_document_is_text() -> None:
    """Half a character in a policy's text never reaches a report, which could not be written."""
    account = keda(statement(SEND, QUEUES))
    account.objects[kinds.ROLES.name][0]["RolePolicyList"].append(
        {"PolicyName": "odd", "PolicyDocument": '{"Statement": {"Effect": "Allow", "Action": "\\ud800:x"}}'}
    )
    found = ask(account, may(SEND))
    assert found.verdict is Verdict.UNKNOWN
    json.dumps([str(item) for item in found.unknowns], ensure_ascii=False).encode()
