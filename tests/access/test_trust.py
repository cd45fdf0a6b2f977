"""Who may assume a role: the published examples, and what is said where one is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.access.decide import Answer
from clusterproof.access.policy import Policy, parse
from clusterproof.access.store import Missing, RoleAuthority
from clusterproof.access.trust import (
    Pods,
    Tags,
    Token,
    Trust,
    instance_trust,
    irsa_trust,
    pod_identity_trust,
    provider_arn,
    role_trust,
)
from clusterproof.snapshot.aws import Role
from clusterproof.snapshot.fields import Cause, Unknown

ACCOUNT = "111122223333"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/my-role"
CLUSTER = f"arn:aws:eks:us-east-1:{ACCOUNT}:cluster/example-cluster"
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
UNBORN = Unknown(Cause.NOT_ANSWERABLE, "the names and UIDs of pods to come are not known")
TAGS: Tags = (
    ("eks-cluster-arn", CLUSTER),
    ("eks-cluster-name", "example-cluster"),
    ("kubernetes-namespace", "default"),
    ("kubernetes-service-account", "my-service-account"),
    ("kubernetes-pod-name", UNBORN),
    ("kubernetes-pod-uid", UNBORN),
)
PODS = Pods(CLUSTER, ACCOUNT, TAGS)
BOTH = ["sts:AssumeRole", "sts:TagSession"]
AGENT = {"Service": "pods.eks.amazonaws.com"}


def policy(*statements: dict[str, Any]) -> Policy:
    """A trust policy of statements that allow unless they say otherwise."""
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **one} for one in statements]}
    made = parse(document, "the trust policy of role my-role")
    assert isinstance(made, Policy), made
    return made


def pods(*statements: dict[str, Any], who: Pods = PODS) -> Trust:
    """Whether EKS Pod Identity may assume the role."""
    return pod_identity_trust(policy(*statements), ROLE, who)


# --- EKS Pod Identity ---------------------------------------------------------------------


def test_pod_identity_may_assume_with_the_policy_of_the_user_guide() -> None:
    """EKS User Guide, "Create IAM role with trust policy required by EKS Pod Identity"."""
    sid = "AllowEksAuthToAssumeRoleForPodIdentity"
    found = pods({"Sid": sid, "Principal": AGENT, "Action": BOTH})
    assert (found.answer, found.missing, found.unknowns, found.notes) == (Answer.ALLOWED, (), (), ())
    assert found.statement is not None
    assert found.statement.sid == sid


@pytest.mark.parametrize(
    ("action", "missing"),
    [
        ("sts:AssumeRole", ("sts:TagSession",)),
        ("sts:TagSession", ("sts:AssumeRole",)),
        ("sts:AssumeRoleWithWebIdentity", ("sts:AssumeRole", "sts:TagSession")),
    ],
)
def test_both_actions_are_needed_and_the_missing_one_is_named(action: str, missing: tuple[str, ...]) -> None:
    """Only one of the two actions: refused, with the other in plain words."""
    found = pods({"Principal": AGENT, "Action": action})
    assert (found.answer, found.missing) == (Answer.DENIED, missing)
    assert f"{missing[0]} is not allowed to pods.eks.amazonaws.com" in found.why


def test_two_statements_may_bring_one_action_each() -> None:
    """The actions may stand apart."""
    found = pods(*({"Principal": AGENT, "Action": action} for action in BOTH))
    assert found.answer is Answer.ALLOWED


def test_without_session_tags_no_tagging_is_needed() -> None:
    """Where the association switches session tags off, EKS tags nothing."""
    bare = Pods(CLUSTER, ACCOUNT)
    assert pods({"Principal": AGENT, "Action": "sts:AssumeRole"}, who=bare).answer is Answer.ALLOWED
    condition = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": "default"}}
    found = pods({"Principal": AGENT, "Action": BOTH, "Condition": condition}, who=bare)
    assert found.answer is Answer.DENIED
    assert "has no aws:RequestTag/kubernetes-namespace" in found.why


@pytest.mark.parametrize(
    ("condition", "answer"),
    [
        ({"StringEquals": {"aws:RequestTag/kubernetes-namespace": ["default"]}}, Answer.ALLOWED),
        ({"StringEquals": {"aws:RequestTag/kubernetes-service-account": ["my-service-account"]}}, Answer.ALLOWED),
        ({"StringEquals": {"aws:RequestTag/kubernetes-namespace": ["other"]}}, Answer.DENIED),
        ({"StringEquals": {"aws:RequestTag/team": "ml"}}, Answer.DENIED),
        ({"StringEquals": {"aws:SourceAccount": ACCOUNT}}, Answer.ALLOWED),
        ({"StringEquals": {"aws:SourceAccount": "444455556666"}}, Answer.DENIED),
        ({"ArnEquals": {"aws:SourceArn": CLUSTER}}, Answer.ALLOWED),
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:eks:*:{ACCOUNT}:cluster/*"}}, Answer.ALLOWED),
        # awslabs/mountpoint-s3-csi-driver#781: the source is the cluster, not the association.
        ({"ArnLike": {"aws:SourceArn": f"arn:aws:eks:*:{ACCOUNT}:podidentityassociation/c/*"}}, Answer.DENIED),
        ({"StringLike": {"aws:RequestTag/kubernetes-pod-name": "worker-*"}}, Answer.UNKNOWN),
        ({"StringEquals": {"aws:SourceOrgId": "o-1"}}, Answer.UNKNOWN),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-1"}}, Answer.DENIED),
        ({"StringEquals": {"sts:ExternalId": "x"}}, Answer.DENIED),
        ({"StringMatches": {"aws:SourceAccount": ACCOUNT}}, Answer.UNKNOWN),
        ({"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}, Answer.UNKNOWN),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, Answer.ALLOWED),
        ({"ForAllValues:StringEquals": {"sts:TransitiveTagKeys": [key for key, _ in TAGS]}}, Answer.ALLOWED),
        ({"ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}}, Answer.DENIED),
        ({"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}}, Answer.DENIED),
    ],
)
def test_conditions_are_compared_with_what_eks_sends(condition: dict[str, Any], answer: Answer) -> None:
    """Request tags, source and account are known; an address or an unknown operator is not."""
    found = pods({"Principal": AGENT, "Action": BOTH, "Condition": condition})
    assert found.answer is answer, found.why
    assert bool(found.unknowns) is (answer is Answer.UNKNOWN)


def test_an_unmet_condition_is_told_with_what_the_request_has() -> None:
    """The statement, its condition, and the value that does not meet it."""
    condition = {"StringEquals": {"aws:RequestTag/kubernetes-namespace": "prod"}}
    found = pods({"Sid": "Pods", "Principal": AGENT, "Action": BOTH, "Condition": condition})
    assert 'statement "Pods"' in found.why
    assert "StringEquals aws:RequestTag/kubernetes-namespace prod, where the request has default" in found.why
    assert found.missing == tuple(BOTH)


def test_of_several_statements_the_nearest_is_told() -> None:
    """The one with the fewest unmet conditions, all of them, and how many more there are."""
    tags = {"aws:RequestTag/kubernetes-namespace": "prod", "aws:RequestTag/eks-cluster-name": "prod"}
    far = {"Principal": AGENT, "Action": BOTH, "Condition": {"StringEquals": tags}}
    near = {
        "Principal": AGENT,
        "Action": BOTH,
        "Condition": {"StringNotLike": {"aws:RequestTag/kubernetes-pod-name": "*"}},
    }
    assert "where the request has default and StringEquals aws:RequestTag/eks-cluster-name prod" in pods(far).why
    found = pods(far, near)
    assert found.answer is Answer.DENIED
    assert "statement 2 of" in found.why
    assert "(nor does any of 1 more)" in found.why
    assert "where the request has some aws:RequestTag/kubernetes-pod-name" in found.why


def test_the_organization_decides_where_it_was_read() -> None:
    """EKS best practices guide: ``aws:SourceOrgId`` equal to ``${aws:ResourceOrgId}``."""
    condition = {"StringEquals": {"aws:SourceOrgId": "${aws:ResourceOrgId}"}}
    statement = {"Principal": AGENT, "Action": BOTH, "Condition": condition}
    assert pods(statement, who=Pods(CLUSTER, ACCOUNT, TAGS, organization="o-1")).answer is Answer.ALLOWED
    assert pods(statement).answer is Answer.UNKNOWN
    assert pods(statement, who=Pods(CLUSTER, ACCOUNT, TAGS, organization=None)).answer is Answer.DENIED


def test_another_principal_is_named_as_what_is_missing() -> None:
    """A role for EC2 does not let EKS Pod Identity in."""
    found = pods({"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    assert found.answer is Answer.DENIED
    assert found.why == ("the trust policy of role my-role does not let pods.eks.amazonaws.com assume the role")


def test_a_deny_wins_and_is_named() -> None:
    """An explicit Deny decides, whatever allows."""
    deny = {"Sid": "No", "Effect": "Deny", "Principal": AGENT, "Action": "sts:TagSession"}
    found = pods({"Principal": AGENT, "Action": BOTH}, deny)
    assert (found.answer, found.missing) == (Answer.DENIED, ("sts:TagSession",))
    assert found.statement is not None
    assert found.statement.sid == "No"
    assert 'statement "No"' in found.why


def test_a_deny_that_may_apply_leaves_it_unknown() -> None:
    """A Deny on an address that nobody knows."""
    condition = {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    deny = {"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": condition}
    found = pods({"Principal": AGENT, "Action": BOTH}, deny)
    assert found.answer is Answer.UNKNOWN
    assert found.unknowns


def test_not_principal_of_a_deny_spares_whom_it_names() -> None:
    """``NotPrincipal`` in a Deny: everyone else is refused."""
    allow = {"Principal": AGENT, "Action": BOTH}
    spared = {"Effect": "Deny", "NotPrincipal": AGENT, "Action": "sts:*"}
    meant = {"Effect": "Deny", "NotPrincipal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:*"}
    assert pods(allow, spared).answer is Answer.ALLOWED
    assert pods(allow, meant).answer is Answer.DENIED


def test_an_unread_trust_policy_is_unknown_with_its_reason() -> None:
    """What could not be read is never a refusal."""
    why = Unknown(Cause.DENIED, "iam:GetRole was denied", "allow iam:GetRole")
    found = pod_identity_trust(why, ROLE, PODS)
    assert (found.answer, found.unknowns) == (Answer.UNKNOWN, (why,))


def test_an_unknown_cluster_arn_leaves_its_condition_unknown() -> None:
    """Without the cluster's ARN, a condition on it cannot be decided; one that has none can."""
    unread = Pods(Unknown(Cause.NOT_COLLECTED, "clusters not collected"), "", TAGS)
    condition = {"ArnEquals": {"aws:SourceArn": CLUSTER}}
    assert pods({"Principal": AGENT, "Action": BOTH, "Condition": condition}, who=unread).answer is Answer.UNKNOWN
    assert pods({"Principal": AGENT, "Action": BOTH}, who=unread).answer is Answer.ALLOWED


# --- IRSA ------------------------------------------------------------------------------------


TOKEN = Token(ISSUER, "default", "my-service-account")
FEDERATED = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"}
WEB = "sts:AssumeRoleWithWebIdentity"


def irsa(condition: dict[str, Any] | None, principal: dict[str, Any] | None = None, action: str = WEB) -> Trust:
    """Whether the token of default/my-service-account opens the role."""
    more = {} if condition is None else {"Condition": condition}
    return irsa_trust(policy({"Principal": principal or FEDERATED, "Action": action, **more}), ROLE, TOKEN)


def both(subject: str, operator: str = "StringEquals") -> dict[str, Any]:
    """Conditions on ``aud`` and ``sub``."""
    aud = {f"{ISSUER}:aud": "sts.amazonaws.com"}
    if operator == "StringEquals":
        return {operator: {**aud, f"{ISSUER}:sub": subject}}
    return {"StringEquals": aud, operator: {f"{ISSUER}:sub": subject}}


def test_irsa_may_assume_with_the_policy_of_the_user_guide() -> None:
    """EKS User Guide, "Assign IAM roles to Kubernetes service accounts"."""
    found = irsa(both("system:serviceaccount:default:my-service-account"))
    assert (found.answer, found.notes) == (Answer.ALLOWED, ())


@pytest.mark.parametrize(
    ("condition", "answer", "says"),
    [
        (both("system:serviceaccount:default:*", "StringLike"), Answer.ALLOWED, "other service accounts"),
        (both("system:serviceaccount:*:my-*", "StringLike"), Answer.ALLOWED, "system:serviceaccount:*:my-* lets"),
        (both("system:serviceaccount:default:my-service-account", "StringLike"), Answer.ALLOWED, ""),
        ({"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}}, Answer.ALLOWED, "every service account"),
        (None, Answer.ALLOWED, "every service account"),
        (both("system:serviceaccount:default:*"), Answer.DENIED, "has system:serviceaccount:default:my-service"),
        (both("system:serviceaccount:prod:my-service-account"), Answer.DENIED, "asks for StringEquals"),
        ({"StringEquals": {f"{ISSUER}:aud": "other"}}, Answer.DENIED, "has sts.amazonaws.com"),
        ({"StringEquals": {"oidc.eks.us-east-1.amazonaws.com/id/B:aud": "x"}}, Answer.DENIED, "has no oidc.eks"),
        ({"StringEqualz": {f"{ISSUER}:aud": "sts.amazonaws.com"}}, Answer.UNKNOWN, ""),
    ],
)
def test_subject_and_audience_are_compared(condition: dict[str, Any] | None, answer: Answer, says: str) -> None:
    """Exact and like; what is wide is allowed and told."""
    found = irsa(condition)
    assert found.answer is answer, found.why
    assert says in " ".join((found.why, *found.notes))


def test_a_missing_audience_is_a_note() -> None:
    """Without ``aud`` the role can be assumed, with tokens for any audience."""
    found = irsa({"StringLike": {f"{ISSUER}:sub": "system:serviceaccount:default:my-service-account"}})
    assert found.answer is Answer.ALLOWED
    assert found.notes == (f"it asks for no {ISSUER}:aud, so a token for any audience of the provider will do",)


def test_the_provider_must_be_that_of_the_issuer_in_the_roles_account() -> None:
    """Another cluster's provider, or one in another account, opens nothing."""
    condition = both("system:serviceaccount:default:my-service-account")
    for arn in (
        f"arn:aws:iam::{ACCOUNT}:oidc-provider/oidc.eks.x/id/B",
        f"arn:aws:iam::444455556666:oidc-provider/{ISSUER}",
    ):
        found = irsa(condition, {"Federated": arn})
        assert found.answer is Answer.DENIED
        assert f"does not let {provider_arn(ROLE, ISSUER)} assume" in found.why


def test_without_its_provider_a_token_opens_nothing() -> None:
    """Whatever the trust policy says; a provider that was not read leaves it unknown, unless the policy refuses."""
    trust = policy({"Principal": FEDERATED, "Action": WEB})
    gone = irsa_trust(trust, ROLE, TOKEN, Missing("IAM has no identity provider"))
    assert (gone.answer, gone.why, gone.missing) == (Answer.DENIED, "IAM has no identity provider", (WEB,))
    why = Unknown(Cause.DENIED, "iam:ListOpenIDConnectProviders was denied", "allow it")
    unread = irsa_trust(trust, ROLE, TOKEN, why)
    assert (unread.answer, unread.unknowns) == (Answer.UNKNOWN, (why,))
    other = policy({"Principal": AGENT, "Action": BOTH})
    assert irsa_trust(other, ROLE, TOKEN, why).answer is Answer.DENIED
    assert "; the trust policy" in irsa_trust(other, ROLE, TOKEN, Missing("IAM has none")).why


def test_the_action_must_be_that_with_web_identity() -> None:
    """``sts:AssumeRole`` for a provider opens nothing."""
    found = irsa(both("system:serviceaccount:default:my-service-account"), action="sts:AssumeRole")
    assert (found.answer, found.missing) == (Answer.DENIED, (WEB,))
    assert f"{WEB} is not allowed" in found.why


_NAMES = st.sampled_from(["default", "prod", "asya-a", "asya-b", "my-service-account", "a"])
_SUBJECTS = st.builds(
    lambda ns, name: f"system:serviceaccount:{ns}:{name}", _NAMES | st.just("*"), _NAMES | st.just("asya-*")
)


@given(
    _NAMES,
    _NAMES,
    st.lists(_SUBJECTS, min_size=1, max_size=3),
    st.booleans(),
    st.sampled_from(["", "sts.amazonaws.com", "x"]),
)
def test_irsa_agrees_with_a_brute_force_twin(
    namespace: str, name: str, subjects: list[str], like: bool, audience: str
) -> None:
    """One statement on ``sub`` and ``aud``: allowed exactly where a pattern fits and the audience is right."""
    import fnmatch

    condition: dict[str, Any] = {"StringLike" if like else "StringEquals": {f"{ISSUER}:sub": subjects}}
    if audience:
        condition["StringEqualsIgnoreCase"] = {f"{ISSUER}:aud": audience}
    trust = policy({"Principal": FEDERATED, "Action": WEB, "Condition": condition})
    found = irsa_trust(trust, ROLE, Token(ISSUER, namespace, name))
    subject = f"system:serviceaccount:{namespace}:{name}"
    fits = any(fnmatch.fnmatchcase(subject, one) if like else subject == one for one in subjects)
    assert (found.answer is Answer.ALLOWED) == (fits and audience != "x")
    assert found.answer is not Answer.UNKNOWN


# --- target roles ---------------------------------------------------------------------------------


FIRST = f"arn:aws:iam::{ACCOUNT}:role/eks-pod-identity-primary-role"
TARGET = "arn:aws:iam::222233334444:role/eks-pod-identity-aws-resources"


def first(*statements: dict[str, Any], boundary: Policy | None = None) -> RoleAuthority:
    """The association's own role with one policy."""
    own = (policy(*statements),) if statements else ()
    role = Role("eks-pod-identity-primary-role", FIRST)
    return RoleAuthority(role, ACCOUNT, own, boundary, policy({"Principal": AGENT, "Action": BOTH}), {})


MAY = {"Action": BOTH, "Resource": TARGET}
ROOT = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
TAGGED = {
    "Principal": ROOT,
    "Action": BOTH,
    "Condition": {
        "StringEquals": {
            "aws:RequestTag/eks-cluster-arn": CLUSTER,
            "aws:RequestTag/kubernetes-namespace": "default",
            "aws:RequestTag/kubernetes-service-account": "my-service-account",
        },
        "ArnEquals": {"aws:PrincipalARN": FIRST},
    },
}


def test_a_target_role_may_be_assumed_with_the_policies_of_the_user_guide() -> None:
    """EKS User Guide, "Access AWS resources using EKS Pod Identity target IAM roles": by request tags."""
    found = role_trust(policy(TAGGED), TARGET, FIRST, external_id="x", tags=TAGS, first=first(MAY))
    assert found.answer is Answer.ALLOWED, found.why
    elsewhere = tuple((key, "other" if key == "kubernetes-namespace" else value) for key, value in TAGS)
    assert role_trust(policy(TAGGED), TARGET, FIRST, tags=elsewhere, first=first(MAY)).answer is Answer.DENIED


def test_a_target_role_may_ask_for_the_external_id() -> None:
    """The same page, with session tags switched off: by ``sts:ExternalId``."""
    external = f"us-east-1/{ACCOUNT}/cluster-name/namespace/service-account-name"
    condition = {"StringEquals": {"sts:ExternalId": external}, "ArnEquals": {"aws:PrincipalARN": FIRST}}
    trust = policy(
        {"Principal": ROOT, "Action": "sts:AssumeRole", "Condition": condition},
        {"Principal": ROOT, "Action": "sts:TagSession"},
    )
    assert role_trust(trust, TARGET, FIRST, external_id=external, first=first(MAY)).answer is Answer.ALLOWED
    refused = role_trust(trust, TARGET, FIRST, external_id="other", first=first(MAY))
    assert refused.answer is Answer.DENIED
    assert f"asks for StringEquals sts:ExternalId {external}, where the request has other" in refused.why
    assert role_trust(trust, TARGET, FIRST, first=first(MAY)).answer is Answer.DENIED


@pytest.mark.parametrize("target", [TARGET, f"arn:aws:iam::{ACCOUNT}:role/target"])
def test_the_first_role_needs_the_right_itself_where_the_account_is_trusted(target: str) -> None:
    """Across accounts, and where the trust policy names the account: both sides must allow."""
    trust = policy({"Principal": ROOT, "Action": BOTH})
    found = role_trust(trust, target, FIRST, tags=TAGS, first=first())
    assert (found.answer, found.missing) == (Answer.DENIED, tuple(BOTH))
    assert f"{FIRST} is not allowed sts:AssumeRole on {target}" in found.why
    only = first({"Action": "sts:AssumeRole", "Resource": target})
    assert role_trust(trust, target, FIRST, tags=TAGS, first=only).missing == ("sts:TagSession",)
    assert role_trust(trust, target, FIRST, first=only).answer is Answer.ALLOWED
    assert role_trust(trust, target, FIRST, tags=TAGS).answer is Answer.ALLOWED  # the trust policy alone


def test_a_boundary_of_the_first_role_counts() -> None:
    """A permissions boundary that does not allow it refuses it across accounts."""
    bound = policy({"Action": "s3:*", "Resource": "*"})
    trust = policy({"Principal": {"AWS": FIRST}, "Action": BOTH})
    found = role_trust(trust, TARGET, FIRST, tags=TAGS, first=first(MAY, boundary=bound))
    assert found.answer is Answer.DENIED


def test_policies_of_an_organization_that_were_not_read_leave_it_unknown() -> None:
    """A guardrail that nobody read may deny."""
    unread = Unknown(Cause.NOT_MODELLED, "service control policies are not read", "declare that none applies")
    trust = policy({"Principal": {"AWS": FIRST}, "Action": BOTH})
    found = role_trust(trust, TARGET, FIRST, tags=TAGS, first=first(MAY), guardrails=unread)
    assert found.answer is Answer.UNKNOWN
    assert unread in found.unknowns


def test_a_condition_on_a_tag_of_the_first_role_needs_that_role_to_be_read() -> None:
    """Tags of the principal are the session's and the role's own."""
    condition = {"StringEquals": {"aws:PrincipalTag/team": "ml"}}
    trust = policy({"Principal": {"AWS": FIRST}, "Action": BOTH, "Condition": condition})
    assert role_trust(trust, TARGET, FIRST, tags=TAGS).answer is Answer.UNKNOWN
    assert role_trust(trust, TARGET, FIRST, tags=TAGS, first=first(MAY)).answer is Answer.DENIED
    named = {"StringEquals": {"aws:PrincipalTag/kubernetes-namespace": "default"}}
    trust = policy({"Principal": {"AWS": FIRST}, "Action": BOTH, "Condition": named})
    assert role_trust(trust, TARGET, FIRST, tags=TAGS, first=first(MAY)).answer is Answer.ALLOWED


# --- nodes ---------------------------------------------------------------------------------------------


def test_ec2_assumes_the_role_of_nodes() -> None:
    """EKS User Guide, "Amazon EKS node IAM role"."""
    node = policy({"Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"})
    assert instance_trust(node, ROLE).answer is Answer.ALLOWED
    found = instance_trust(policy({"Principal": AGENT, "Action": BOTH}), ROLE)
    assert found.answer is Answer.DENIED
    assert "does not let ec2.amazonaws.com assume the role" in found.why


def test_in_china_ec2_has_two_names() -> None:
    """``ec2.amazonaws.com.cn`` in the partition aws-cn only."""
    trust = policy({"Principal": {"Service": "ec2.amazonaws.com.cn"}, "Action": "sts:AssumeRole"})
    assert instance_trust(trust, f"arn:aws-cn:iam::{ACCOUNT}:role/node").answer is Answer.ALLOWED
    assert instance_trust(trust, ROLE).answer is Answer.DENIED
