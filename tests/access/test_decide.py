"""All policies together: who must allow, who may be silent, and what is said where something is not known."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.access.context import ABSENT, POD_TAGS, Given, of_session
from clusterproof.access.decide import Answer, Authority, Decision, Request, decide
from clusterproof.access.policy import Policy, parse
from clusterproof.snapshot.aws.stores import Grant
from clusterproof.snapshot.fields import Cause, Unknown

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/team/pod"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/pod/one"
USER = f"arn:aws:iam::{ACCOUNT}:user/ann"
QUEUE = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:asya-a"
QUEUES = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:asya-*"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/1"
UNREAD = Unknown(Cause.DENIED, "a policy was not read", "allow iam:GetRolePolicy")
YES, NO, OPEN = Answer.ALLOWED, Answer.DENIED, Answer.UNKNOWN


def policy(*statements: dict[str, Any], name: str = "inline", version: str = "2012-10-17") -> Policy:
    """A policy of some statements, each completed to an Allow of everything."""
    made = []
    for statement in statements:
        whole = {"Effect": "Allow", **statement}
        if "NotAction" not in whole:
            whole.setdefault("Action", "*")
        if "NotResource" not in whole:
            whole.setdefault("Resource", "*")
        made.append(whole)
    found = parse({"Version": version, "Statement": made}, name)
    assert isinstance(found, Policy), found
    return found


ALL = policy({"Sid": "All"}, name="everything")
NOTHING = policy({"Action": "none:none"}, name="nothing")
DENY = policy({"Sid": "Never", "Effect": "Deny"}, name="deny")


def ask(
    authority: Authority,
    action: str = "sqs:SendMessage",
    resource: str = QUEUE,
    principal: str = ROLE,
    **context: Given,
) -> Decision:
    """Ask as a role; further keys by name with ``__`` for a colon."""
    held = {key.replace("__", ":"): value for key, value in context.items()}
    return decide(authority, Request(action, resource, principal, {**of_session(ROLE, resource=resource), **held}))


def owned(principal: Any, effect: str = "Allow", **more: Any) -> Policy:
    """A resource's policy for a principal."""
    return policy({"Effect": effect, "Principal": principal, **more}, name="queue policy")


def test_nothing_is_allowed_by_itself() -> None:
    """Without an Allow a request is denied, and that is said (access rule 1)."""
    found = ask(Authority())
    assert (found.answer, found.statement, found.layer) == (NO, None, "identity policy")
    assert found.why == f"no statement of the identity policies allows sqs:SendMessage on {QUEUE}"


def test_the_answer_names_the_statement() -> None:
    """Statement, policy and layer that decided are named, by sid or by number (access rule 40)."""
    both = policy({"Action": "s3:*"}, {"Action": "sqs:*"}, name="two")
    found = ask(Authority(identity=(both,)))
    assert (found.answer, found.policy, found.layer) == (YES, "two", "identity policy")
    assert found.statement is both.statements[1]
    assert found.why == f"statement 2 of two allows sqs:SendMessage on {QUEUE}"
    denied = ask(Authority(identity=(both, DENY)))
    assert denied.why == f'statement "Never" of deny denies sqs:SendMessage on {QUEUE}'
    assert denied.statement is DENY.statements[0]


def test_what_nearly_allows_is_told() -> None:
    """A refusal says which statement allows the action, and what of it does not fit (access rule 40)."""
    elsewhere = policy({"Sid": "Other", "Resource": f"arn:aws:sqs:eu-west-1:{ACCOUNT}:b"})
    assert 'statement "Other" of inline allows it on' in ask(Authority(identity=(elsewhere,))).why
    there = policy({"Sid": "Here", "Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}})
    found = ask(Authority(identity=(there,)), aws__sourcevpce=("vpce-2",))
    assert found.why.endswith(
        ': statement "Here" of inline allows it on the condition StringEquals aws:SourceVpce vpce-1 only'
    )
    without = policy({"Sid": "But", "NotResource": QUEUE})
    assert f"allows it on all but {QUEUE} only" in ask(Authority(identity=(without,))).why


@pytest.mark.parametrize("where", ["identity", "boundary", "session", "resource", "endpoint", "organization"])
def test_a_deny_anywhere_denies(where: str) -> None:
    """A Deny in any kind of policy denies, whatever allows (access rule 2)."""
    deny = owned("*", "Deny") if where in ("resource", "endpoint") else DENY
    allow = owned("*") if where == "endpoint" else ALL
    held: dict[str, Any] = {"identity": (ALL,)}
    held[where] = {
        "identity": (ALL, deny),
        "session": (ALL, deny),
        "organization": ((ALL,), (ALL, deny)),
    }.get(where, deny)
    found = ask(Authority(**held))
    assert found.answer is NO
    assert found.statement is deny.statements[0]
    assert allow is not deny


@pytest.mark.parametrize(
    ("where", "layer"),
    [
        ("boundary", "permissions boundary"),
        ("session", "session policy"),
        ("endpoint", "VPC endpoint policy"),
        ("organization", "organization policy"),
    ],
)
def test_every_limit_must_allow(where: str, layer: str) -> None:
    """A boundary, session policies, an endpoint's policy and each level of control policies must allow too (access rule 4)."""
    silent: Any = {"session": (NOTHING,), "organization": ((ALL,), (NOTHING,))}.get(where, NOTHING)
    if where == "endpoint":
        silent = owned("*", Action="none:none")
    found = ask(Authority(identity=(ALL,), **{where: silent}))
    assert (found.answer, found.layer) == (NO, layer)
    open_: Any = {"session": (NOTHING, ALL), "organization": ((ALL,), (ALL,))}.get(where, ALL)
    if where == "endpoint":
        open_ = owned("*")
    assert ask(Authority(identity=(ALL,), **{where: open_})).answer is YES
    assert ask(Authority(**{where: open_})).answer is NO


@pytest.mark.parametrize("where", ["identity", "boundary", "session", "resource", "endpoint", "organization"])
def test_a_policy_that_was_not_read(where: str) -> None:
    """It may deny, so that nothing is allowed; what is denied without it stays so (access rule 3)."""
    unread: Any = {"identity": (ALL, UNREAD), "session": (UNREAD,), "organization": ((UNREAD,),)}.get(where, UNREAD)
    found = ask(Authority(**{"identity": (ALL,), where: unread}))
    assert found.answer is OPEN
    assert UNREAD in found.unknowns
    assert "a policy was not read" in found.why
    also: Any = (DENY, UNREAD) if where == "identity" else (DENY,)
    assert ask(Authority(**{where: unread, "identity": also})).answer is NO
    if where not in ("identity", "resource"):
        assert ask(Authority(**{where: unread})).answer is NO  # nothing allows anyway


def test_an_unread_policy_may_allow() -> None:
    """Without any other Allow the answer depends on what was not read (access rule 3)."""
    assert ask(Authority(identity=(UNREAD,))).answer is OPEN
    assert ask(Authority(resource=UNREAD)).answer is OPEN
    assert ask(Authority(identity=(UNREAD,), boundary=NOTHING)).answer is NO
    assert ask(Authority(identity=(ALL,), boundary=NOTHING, resource=UNREAD)).answer is OPEN  # it may pass it by


def test_resources() -> None:
    """Capitals count in resources, and a wildcard may stand for several segments (access rule 8)."""
    for pattern, answer in (
        (QUEUE, YES),
        (QUEUE.upper(), NO),
        ("arn:aws:sqs:*:asya-?", YES),
        ("arn:aws:sqs:*:*:asya-*", YES),
        ("arn:aws:sqs:*:*:asya", NO),
        ("*", YES),
    ):
        assert ask(Authority(identity=(policy({"Resource": pattern}),))).answer is answer, pattern


def test_not_resource() -> None:
    """NotResource is every resource but those named (access rule 9)."""
    but = policy({"NotResource": ["arn:aws:s3:::*", QUEUE]})
    assert ask(Authority(identity=(but,))).answer is NO
    assert ask(Authority(identity=(but,)), resource=QUEUE + "b").answer is YES
    assert ask(Authority(identity=(ALL, policy({"Effect": "Deny", "NotResource": QUEUE})))).answer is YES


def test_not_action() -> None:
    """NotAction is every action of every service but those named (access rule 6)."""
    but = policy({"NotAction": ["sqs:Send*", "iam:*"]})
    assert ask(Authority(identity=(but,))).answer is NO
    assert ask(Authority(identity=(but,)), "sqs:ReceiveMessage").answer is YES


def test_conditions_that_are_not_known() -> None:
    """An Allow that may apply does not allow; a Deny that may apply leaves it open, unless nothing allows (access rule 26)."""
    vpce = {"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}}
    allow = policy({"Sid": "Inside", **vpce})
    deny = policy({"Sid": "Outside", "Effect": "Deny", **vpce})
    found = ask(Authority(identity=(allow,)))
    assert (found.answer, found.layer) == (OPEN, "identity policy")
    assert "aws:sourcevpce" in found.unknowns[0].detail
    found = ask(Authority(identity=(ALL, deny)))
    assert (found.answer, found.statement) == (OPEN, deny.statements[0])
    assert 'statement "Outside" of inline may deny sqs:SendMessage' in found.why
    assert ask(Authority(identity=(deny,))).answer is NO
    assert ask(Authority(identity=(allow, ALL))).answer is YES
    assert ask(Authority(identity=(allow,)), aws__sourcevpce=("vpce-1",)).answer is YES
    assert ask(Authority(identity=(ALL, deny)), aws__sourcevpce=ABSENT).answer is YES


def test_operators_that_are_not_known() -> None:
    """A condition operator that no document has never lets a statement be certain (access rule 20)."""
    odd = {"Condition": {"StringSounds": {"aws:SourceVpce": "x"}}}
    found = ask(Authority(identity=(policy(odd),)), aws__sourcevpce=("x",))
    assert found.answer is OPEN
    assert "StringSounds is no condition operator" in found.why
    assert ask(Authority(identity=(ALL, policy({**odd, "Effect": "Deny"})))).answer is OPEN


def test_variables_in_resources() -> None:
    """A resource with a variable is that of the request's value; without a value nothing is certain (access rules 21, 25)."""
    own = policy({"Resource": f"arn:aws:sqs:*:{ACCOUNT}:asya-${{aws:PrincipalTag/name}}"})

    def tag(given: Given) -> dict[str, Any]:
        return {"aws__principaltag/name": given}

    assert ask(Authority(identity=(own,)), **tag(("a",))).answer is YES
    assert ask(Authority(identity=(own,)), **tag(("b",))).answer is NO
    assert ask(Authority(identity=(own,))).answer is OPEN
    assert ask(Authority(identity=(own,)), resource=QUEUE.replace("asya", "other")).answer is NO
    assert ask(Authority(identity=(own,)), **tag(ABSENT)).answer is NO
    listed = policy({"Resource": [QUEUE, "arn:aws:sqs:*:*:${aws:PrincipalTag/name}"]})
    assert ask(Authority(identity=(listed,)), **tag(ABSENT)).answer is OPEN
    misplaced = policy({"Resource": f"arn:aws:sqs:${{aws:PrincipalTag/name}}:{ACCOUNT}:asya-a"})
    assert ask(Authority(identity=(misplaced,)), **tag(("eu-west-1",))).answer is OPEN
    text = policy({"Resource": "arn:aws:sqs:*:*:asya-${aws:PrincipalTag/name}"}, version="2008-10-17")
    assert ask(Authority(identity=(text,)), **tag(("a",))).answer is NO


@pytest.mark.parametrize(
    ("principal", "by_role", "by_session", "by_user"),
    [
        ("*", YES, YES, YES),
        ({"AWS": "*"}, YES, YES, YES),
        ({"AWS": ROLE}, YES, YES, NO),
        ({"AWS": SESSION}, OPEN, YES, NO),
        ({"AWS": SESSION + "2"}, OPEN, NO, NO),
        ({"AWS": USER}, NO, NO, YES),
        ({"AWS": ROLE + "2"}, NO, NO, NO),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/pod"}, NO, YES, NO),  # a session's ARN does not tell the role's path
        ({"AWS": ACCOUNT}, NO, NO, NO),  # the account may give it on; its own policies are silent
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, NO, NO, NO),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"}, OPEN, NO, NO),
        ({"AWS": "AROA1234567890EXAMPLE"}, NO, NO, NO),  # the id of a principal that was deleted
        ({"Service": "pods.eks.amazonaws.com"}, NO, NO, NO),
        ({"Federated": "arn:aws:iam::111122223333:oidc-provider/x"}, NO, NO, NO),
        ({"CanonicalUser": "79a5"}, NO, NO, NO),
    ],
)
def test_principals(principal: Any, by_role: Answer, by_session: Answer, by_user: Answer) -> None:
    """A resource's policy means everyone, an account, a role, a session or a user (access rule 27)."""
    authority = Authority(resource=owned(principal))
    answers = tuple(ask(authority, principal=who).answer for who in (ROLE, SESSION, USER))
    assert answers == (by_role, by_session, by_user)


def test_services_and_providers() -> None:
    """A service or an identity provider is meant by its name alone, and has no policies of its own (access rule 27)."""
    service, provider = "pods.eks.amazonaws.com", f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks/id/1"
    assert ask(Authority(resource=owned({"Service": service})), principal=service).answer is YES
    assert ask(Authority(resource=owned({"Federated": provider})), principal=provider).answer is YES
    assert ask(Authority(resource=owned({"Federated": provider})), principal=service).answer is NO
    assert ask(Authority(resource=owned({"AWS": ACCOUNT})), principal=service).answer is NO
    assert ask(Authority(resource=owned({"AWS": "*"})), principal=service).answer is OPEN
    assert ask(Authority(identity=(ALL,)), principal=service).answer is NO


def test_all_but_some_principals() -> None:
    """Who is not named by session, role and account may be meant: then nothing is certain (access rule 28)."""
    account = f"arn:aws:iam::{ACCOUNT}:root"
    for names, role, session in (
        ([SESSION, f"arn:aws:iam::{ACCOUNT}:role/team/pod", account], OPEN, YES),
        ([ROLE, account], OPEN, OPEN),
        ([account], OPEN, OPEN),
        (["arn:aws:iam::999988887777:root"], NO, NO),
        (["*"], YES, YES),
    ):
        deny = policy({"Effect": "Deny", "NotPrincipal": {"AWS": names}}, name="queue policy")
        authority = Authority(identity=(ALL,), resource=deny)
        assert ask(authority).answer is role, names
        assert ask(authority, principal=SESSION).answer is session, names
    other = policy({"NotPrincipal": {"AWS": "arn:aws:iam::999988887777:root"}}, name="queue policy")
    assert ask(Authority(resource=other)).answer is YES
    assert ask(Authority(resource=other, boundary=NOTHING)).answer is OPEN
    for named, answer in (([USER, account], NO), ([USER], OPEN), ([account], OPEN), (["*"], NO)):
        but = policy({"NotPrincipal": {"AWS": named}}, name="queue policy")
        assert ask(Authority(resource=but), principal=USER).answer is answer, named


def test_one_account_needs_one_side() -> None:
    """In one account either the identity's policies or the resource's may allow (access rule 29)."""
    assert ask(Authority(identity=(ALL,), resource=owned({"AWS": USER}))).answer is YES
    found = ask(Authority(resource=owned({"AWS": ROLE})))
    assert (found.answer, found.layer, found.policy) == (YES, "resource policy", "queue policy")


@pytest.mark.parametrize("limit", [{"boundary": NOTHING}, {"session": (NOTHING,)}])
def test_what_is_granted_directly_passes_silent_limits(limit: dict[str, Any]) -> None:
    """What a resource grants to a session, a user or everyone no silent boundary limits; to a role it does (access rule 29)."""
    assert ask(Authority(resource=owned({"AWS": ROLE}), **limit)).answer is NO
    assert ask(Authority(resource=owned({"AWS": SESSION}), **limit), principal=SESSION).answer is YES
    assert ask(Authority(resource=owned({"AWS": SESSION}), **limit)).answer is OPEN
    assert ask(Authority(resource=owned({"AWS": USER}), **limit), principal=USER).answer is YES
    assert ask(Authority(resource=owned("*"), **limit)).answer is YES
    assert ask(Authority(resource=owned({"AWS": ACCOUNT}), identity=(ALL,), **limit)).answer is NO
    assert ask(Authority(resource=owned("*"), organization=((NOTHING,),), **limit)).answer is NO


def test_two_accounts_need_both_sides() -> None:
    """A resource of another account needs its policy and the principal's own (access rule 30)."""
    far = "arn:aws:sqs:eu-west-1:999988887777:asya-a"
    for authority, answer in (
        (Authority(identity=(ALL,)), NO),
        (Authority(resource=owned({"AWS": ROLE})), NO),
        (Authority(identity=(ALL,), resource=owned({"AWS": ROLE})), YES),
        (Authority(identity=(ALL,), resource=owned({"AWS": ACCOUNT})), YES),
        (Authority(identity=(ALL,), resource=owned({"AWS": "999988887777"})), NO),
        (Authority(identity=(ALL,), resource=owned("*"), boundary=NOTHING), NO),
        (Authority(identity=(ALL,), resource=UNREAD), OPEN),
    ):
        assert ask(authority, resource=far).answer is answer
    assert "another account's" in ask(Authority(identity=(ALL,)), resource=far).why
    bucket = Authority(identity=(ALL,), resource_account="999988887777")
    assert ask(bucket, "s3:GetObject", "arn:aws:s3:::b/k").answer is NO
    several = ask(Authority(identity=(ALL,)), resource="arn:aws:sqs:eu-west-1:*:asya-a")
    assert several.answer is OPEN
    assert "resources of other accounts" in several.why


def test_patterns_need_all_of_it() -> None:
    """A request on a pattern is allowed where statements together cover it, and denied where a Deny touches it (access rule 31)."""
    base = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:"
    for statements, answer in (
        ([{"Resource": base + "asya-*"}], YES),
        ([{"Resource": base + "asya-?*"}], NO),
        ([{"Resource": base + "asya-?*"}, {"Resource": base + "asya-"}], YES),
        ([{"Resource": [base + "asya-a*", base + "asya-b*"]}], NO),
        ([{"NotResource": base + "b*"}], YES),
        ([{"NotResource": base + "asya-x"}], NO),
        ([{"NotResource": base + "asya-x"}, {"Resource": base + "asya-x"}], YES),
        ([{"NotResource": base + "asya-x"}, {"NotResource": base + "asya-y"}], YES),
        ([{}, {"Effect": "Deny", "Resource": base + "asya-x"}], NO),
        ([{}, {"Effect": "Deny", "Resource": base + "b*"}], YES),
        ([{}, {"Effect": "Deny", "NotResource": base + "asya-*"}], YES),
        ([{}, {"Effect": "Deny", "NotResource": base + "asya-?*"}], NO),
    ):
        assert ask(Authority(identity=(policy(*statements),)), resource=QUEUES).answer is answer, statements
    found = ask(Authority(identity=(policy({}, {"Effect": "Deny", "Resource": base + "asya-x"}),)), resource=QUEUES)
    assert "denies sqs:SendMessage on some of" in found.why
    halves = (policy({"Resource": base + "asya-?*"}), policy({"Resource": base + "asya-"}))
    assert ask(Authority(identity=halves, boundary=halves[0]), resource=QUEUES).answer is NO


def test_patterns_and_what_is_not_known() -> None:
    """A part that only may be allowed leaves a pattern open; one that cannot be makes it denied (access rule 31)."""
    base = f"arn:aws:sqs:eu-west-1:{ACCOUNT}:"
    when = {"Condition": {"StringEquals": {"aws:SourceVpce": "vpce-1"}}}
    rest = {"Resource": base + "asya-?*"}
    authority = Authority(identity=(policy(rest, {"Resource": base + "asya-", **when}),))
    assert ask(authority, resource=QUEUES).answer is OPEN
    assert ask(authority, resource=QUEUES, aws__sourcevpce=("vpce-1",)).answer is YES
    assert ask(authority, resource=QUEUES, aws__sourcevpce=("vpce-2",)).answer is NO
    tagged = {"Resource": base + "${aws:PrincipalTag/x, 'asya'}-*"}
    assert ask(Authority(identity=(policy(tagged),)), resource=QUEUES).answer is OPEN
    deny = policy({}, {"Effect": "Deny", **tagged})
    assert ask(Authority(identity=(deny,)), resource=QUEUES).answer is OPEN
    assert (
        ask(
            Authority(identity=(policy({}, {"Effect": "Deny", "NotResource": tagged["Resource"]}),)), resource=QUEUES
        ).answer
        is OPEN
    )


def test_a_star_alone() -> None:
    """On ``*`` only what holds for no resource and for every one is certain (access rule 32)."""
    some = f"arn:aws:sqs:*:{ACCOUNT}:asya-*"
    for statements, answer in (
        ([{}], YES),
        ([{"Resource": some}], NO),
        ([{"NotResource": some}], OPEN),
        ([{}, {"Effect": "Deny", "Resource": some}], OPEN),
        ([{}, {"Effect": "Deny", "NotResource": some}], NO),
        ([{}, {"Effect": "Deny"}], NO),
    ):
        found = ask(Authority(identity=(policy(*statements),)), resource="*")
        assert found.answer is answer, statements
        if answer is OPEN:
            assert "ask about the ARN of a resource" in found.unknowns[0].remedy


def test_keys_need_their_policy() -> None:
    """A key's policy must allow: itself, or by naming the account, whose IAM policies then count (access rule 33)."""
    decrypt = policy({"Sid": "Decrypt", "Action": "kms:Decrypt"})
    enabling = owned({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Action="kms:*")
    for authority, answer in (
        (Authority(identity=(decrypt,), resource=enabling), YES),
        (Authority(resource=enabling), NO),
        (Authority(identity=(decrypt,), resource=owned({"AWS": USER})), NO),
        (Authority(resource=owned({"AWS": ROLE}, Action="kms:Decrypt")), YES),
        (Authority(resource=owned({"AWS": ROLE}), boundary=NOTHING), NO),
        (Authority(identity=(decrypt,)), OPEN),
        (Authority(identity=(decrypt,), resource=UNREAD), OPEN),
        (Authority(identity=(decrypt, DENY), resource=enabling), NO),
    ):
        assert ask(authority, "kms:Decrypt", KEY).answer is answer
    found = ask(Authority(identity=(ALL,)), "kms:Decrypt", "*")
    assert found.answer is OPEN
    assert "the key policy" in found.why
    assert ask(Authority(identity=(ALL,)), "kms:ListKeys", "*").answer is YES


def test_roles_need_their_trust() -> None:
    """A role's trust policy must allow it to be assumed, whatever identity policies say (access rule 34)."""
    target = f"arn:aws:iam::{ACCOUNT}:role/target"
    assume = policy({"Action": "sts:AssumeRole"})
    for authority, answer in (
        (Authority(identity=(assume,)), OPEN),
        (Authority(identity=(assume,), resource=owned({"AWS": USER})), NO),
        (Authority(identity=(assume,), resource=owned({"AWS": ACCOUNT})), YES),
        (Authority(resource=owned({"AWS": ACCOUNT})), NO),
        (Authority(resource=owned({"AWS": ROLE})), YES),
    ):
        assert ask(authority, "sts:AssumeRole", target).answer is answer


def grant(**more: Any) -> Grant:
    """A grant to the role."""
    held = {"grant_id": "g-1", "grantee_principal": ROLE, "operations": ("Decrypt", "DescribeKey"), **more}
    return Grant(**held)


def test_grants_of_keys() -> None:
    """A grant allows its operations to its grantee, without any policy (access rule 35)."""
    silent = owned({"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"})

    def answer(one: Grant | Unknown, action: str = "kms:Decrypt", principal: str = ROLE, **more: Any) -> Answer:
        return ask(Authority(resource=silent, grants=(one,), **more), action, KEY, principal).answer

    assert answer(grant()) is YES
    assert answer(grant(), principal=SESSION) is YES
    assert answer(grant(), principal=USER) is NO
    assert answer(grant(), "kms:GenerateDataKey") is NO
    assert answer(grant(grantee_principal=ROLE + "2")) is NO
    assert answer(grant(grantee_principal=SESSION)) is OPEN
    assert answer(grant(grantee_principal=SESSION), principal=SESSION) is YES
    assert answer(grant(grantee_principal=f"arn:aws:iam::{ACCOUNT}:root")) is OPEN
    assert answer(grant(), boundary=NOTHING) is OPEN
    assert answer(UNREAD) is OPEN
    found = ask(Authority(resource=silent, grants=(grant(),)), "kms:Decrypt", KEY)
    assert (found.layer, found.policy, found.statement) == ("KMS grant", "g-1", None)


def test_grants_with_constraints() -> None:
    """A constraint compares the encryption context, and says nothing of DescribeKey (access rule 35)."""
    silent = owned({"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"})
    subset = grant(constraints={"EncryptionContextSubset": {"App": "asya"}})
    equals = grant(constraints={"EncryptionContextEquals": {"App": "asya"}})
    odd = grant(constraints={"SourceArn": "x"})

    def answer(one: Grant, action: str = "kms:Decrypt", **context: Any) -> Answer:
        return ask(Authority(resource=silent, grants=(one,)), action, KEY, **context).answer

    same: dict[str, Any] = {"kms__encryptioncontext__app": ("asya",), "kms__encryptioncontextkeys": ("App",)}
    more: dict[str, Any] = {**same, "kms__encryptioncontextkeys": ("App", "B")}
    assert answer(subset) is OPEN
    assert answer(subset, **same) is YES
    assert answer(subset, **more) is YES
    assert answer(subset, kms__encryptioncontext__app=("other",)) is NO
    assert answer(subset, kms__encryptioncontext__app=ABSENT) is NO
    assert answer(equals, **same) is YES
    assert answer(equals, **more) is NO
    assert answer(equals) is OPEN
    assert answer(equals, "kms:DescribeKey") is YES
    assert answer(odd) is OPEN


def test_principals_of_endpoint_policies() -> None:
    """An endpoint's policy that names accounts or roles may mean their root user only, as gateway endpoints do (access rule 36)."""
    for principal, answer in (
        ("*", YES),
        ({"AWS": "*"}, YES),
        ({"AWS": ACCOUNT}, OPEN),
        ({"AWS": ROLE}, OPEN),
        ({"AWS": USER}, NO),
    ):
        assert ask(Authority(identity=(ALL,), endpoint=owned(principal))).answer is answer
    by_arn = owned("*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}})
    assert ask(Authority(identity=(ALL,), endpoint=by_arn)).answer is YES
    assert ask(Authority(identity=(ALL,), endpoint=owned({"AWS": ROLE}, "Deny"))).answer is NO


def test_control_policies_that_were_not_read() -> None:
    """Control policies that may apply leave open what all else allows, and never what is denied (access rule 37)."""
    unread = Unknown(
        Cause.DENIED, "the service control policies of the account are not known", "declare that none applies"
    )
    found = ask(Authority(identity=(ALL,), guardrails=unread))
    assert (found.answer, found.unknowns) == (OPEN, (unread,))
    assert found.why.startswith("sqs:SendMessage on ")
    assert "is allowed as far as policies are known" in found.why
    assert ask(Authority(guardrails=unread)).answer is NO
    assert ask(Authority(identity=(ALL, DENY), guardrails=unread)).answer is NO


def test_resource_control_policies() -> None:
    """A resource control policy is a level that names everyone and may deny by who asks (access rule 37)."""
    inside = owned("*", "Deny", Condition={"StringNotEqualsIfExists": {"aws:PrincipalOrgID": "o-1"}})
    authority = Authority(identity=(ALL,), organization=((owned("*"), inside),))
    assert ask(authority, aws__principalorgid=("o-1",)).answer is YES
    assert ask(authority, aws__principalorgid=("o-2",)).answer is NO
    assert ask(authority).answer is OPEN


def test_session_tags_of_pod_identity() -> None:
    """Session tags are tags of the principal; where they are disabled the keys are absent (access rule 39)."""
    own = policy({"Resource": "arn:aws:s3:::b/${aws:PrincipalTag/kubernetes-namespace}/*"})
    tags = dict.fromkeys(POD_TAGS, "x") | {"kubernetes-namespace": "prod"}
    resource = "arn:aws:s3:::b/prod/*"

    def answer(context: dict[str, Given], one: Policy = own) -> Answer:
        return decide(Authority(identity=(one,)), Request("s3:GetObject", resource, ROLE, context)).answer

    assert answer(of_session(ROLE, tags=tags, resource=resource)) is YES
    assert answer(of_session(ROLE, tags={**tags, "kubernetes-namespace": "test"}, resource=resource)) is NO
    assert answer(of_session(ROLE, tags={}, resource=resource)) is NO
    assert answer(of_session(ROLE, tags=None, resource=resource)) is OPEN
    assert answer(of_session(ROLE, tags=UNREAD, resource=resource)) is OPEN
    assert answer(of_session(ROLE, tags={"kubernetes-namespace": UNREAD}, resource=resource)) is OPEN
    has = policy({"Condition": {"Null": {"aws:PrincipalTag/kubernetes-pod-name": "false"}}})
    assert answer(of_session(ROLE, tags={"kubernetes-pod-name": UNREAD}), has) is YES
    assert answer(of_session(ROLE, tags={"other": "x"}), has) is NO


def test_what_a_pods_request_carries() -> None:
    """Keys of calls by services are absent, those that change are there, and the path's must be given (access rule 26)."""
    context = of_session(
        ROLE, role_id="AROA1", session_name="eks-a", resource=QUEUE, given={"aws:SourceVpce": "vpce-1"}
    )
    assert context["aws:principalarn"] == (ROLE,)
    assert context["aws:principalaccount"] == context["aws:resourceaccount"] == (ACCOUNT,)
    assert context["aws:requestedregion"] == ("eu-west-1",)
    assert context["aws:userid"] == ("AROA1:eks-a",)
    assert context["aws:sourcevpce"] == ("vpce-1",)
    assert context["aws:sourcearn"] is context["aws:username"] is context["aws:calledvia"] is ABSENT
    assert "aws:sourceip" not in context
    assert "aws:requestedregion" not in of_session(ROLE, resource="arn:aws:sqs:*:1:x")
    issued = policy({"Condition": {"Null": {"aws:TokenIssueTime": "false"}}})
    assert ask(Authority(identity=(issued,))).answer is YES
    timed = policy({"Condition": {"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}})
    assert ask(Authority(identity=(timed,))).answer is OPEN


def test_the_root_user_is_not_modelled() -> None:
    """What an account's root user may do is unknown, unless a Deny says it."""
    root = f"arn:aws:iam::{ACCOUNT}:root"
    assert ask(Authority(identity=(ALL,)), principal=root).answer is OPEN
    assert ask(Authority(identity=(ALL, DENY)), principal=root).answer is NO


def test_statements_where_aws_takes_none() -> None:
    """A principal in an identity's policy, or none in a resource's, is not certain: AWS stores no such policy (access rule 38)."""
    assert ask(Authority(identity=(policy({"Principal": "*"}),))).answer is OPEN
    assert ask(Authority(resource=ALL)).answer is OPEN
    bare = parse({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*"}}, "bare")
    assert ask(Authority(identity=(bare,))).answer is OPEN


def test_a_policy_that_does_not_parse() -> None:
    """It is unknown with its cause in the answer, and no error (access rule 38)."""
    bad = parse("{", "broken")
    assert isinstance(bad, Unknown)
    found = ask(Authority(identity=(ALL, bad)))
    assert found.answer is OPEN
    assert "the policy broken cannot be read" in found.why
