"""The compiled policies of a snapshot's roles, and what is said of those that were not read."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.access.policy import Policy
from clusterproof.access.store import Missing, Policies, RoleAuthority, policies
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import Coverage, Meta, Snapshot, Table, UnknownField, table_of

ACCOUNT = "111122223333"
Raw = dict[str, Any]
TRUST: Raw = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "pods.eks.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
DENIED = Unknown(Cause.DENIED, "iam:GetRole was denied", "allow iam:GetRole")


def arn(name: str, account: str = ACCOUNT) -> str:
    """A role's ARN."""
    return f"arn:aws:iam::{account}:role/{name}"


def managed(name: str, account: str = ACCOUNT) -> str:
    """A managed policy's ARN."""
    return f"arn:aws:iam::{account}:policy/{name}"


def allow(*actions: str) -> Raw:
    """A policy document."""
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}


def role(name: str = "actor", *, account: str = ACCOUNT, path: str = "", **more: Any) -> Raw:
    """A role as get-account-authorization-details prints it."""
    return {"RoleName": name, "Arn": arn(path + name, account), "AssumeRolePolicyDocument": TRUST, **more}


def policy(name: str, document: Any, **more: Any) -> Raw:
    """A managed policy with two versions, of which the second is the default."""
    versions = [
        {"VersionId": "v1", "IsDefaultVersion": False, "Document": allow("old:Thing")},
        {"VersionId": "v2", "IsDefaultVersion": True, "Document": document},
    ]
    return {"PolicyName": name, "Arn": managed(name), "DefaultVersionId": "v2", "PolicyVersionList": versions, **more}


def snapshot(
    *roles: Raw,
    managed_policies: tuple[Raw, ...] | None = (),
    organization: tuple[Raw, ...] | None = (),
    account: str = ACCOUNT,
    missing: Unknown | None = None,
    unknown: tuple[tuple[str, str], ...] = (),
) -> Snapshot:
    """A snapshot of IAM alone."""
    tables: dict[str, Table[Any]] = {}
    held = table_of(kinds.ROLES, roles, [Coverage(missing=missing)])
    fields = [UnknownField(key, path, DENIED) for key, path in unknown]
    tables["roles"] = Table(kinds.ROLES, held.lines, held.coverage, fields)
    if managed_policies is not None:
        tables["policies"] = table_of(kinds.POLICIES, managed_policies)
    if organization is not None:
        tables["organizations"] = table_of(kinds.ORGANIZATIONS, organization)
    return Snapshot(Meta(account=account), tables)


def of(made: Snapshot, name: str = "actor") -> RoleAuthority:
    """The authority of a role that is there."""
    found = policies(made).of_role(name)
    assert isinstance(found, RoleAuthority), found
    return found


def test_a_role_has_its_inline_policies_then_the_default_versions_of_its_attached_ones() -> None:
    """Of a managed policy, only the default version counts."""
    inline = [{"PolicyName": "sqs", "PolicyDocument": allow("sqs:SendMessage")}]
    attached = [{"PolicyName": "s3", "PolicyArn": managed("s3")}]
    found = of(
        snapshot(
            role(RolePolicyList=inline, AttachedManagedPolicies=attached, Tags=[{"Key": "team", "Value": "ml"}]),
            managed_policies=(policy("s3", allow("s3:GetObject")),),
        )
    )
    names = [(one.name, one.statements[0].actions) for one in found.identity if isinstance(one, Policy)]
    assert names == [("sqs of role actor", ("sqs:SendMessage",)), (managed("s3"), ("s3:GetObject",))]
    assert found.boundary is None
    assert isinstance(found.trust, Policy)
    assert (found.account, found.tags) == (ACCOUNT, {"team": "ml"})


def test_documents_may_be_url_encoded_text() -> None:
    """IAM's API gives documents URL-encoded."""
    text = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22sqs%3A%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D"
    found = of(snapshot(role(RolePolicyList=[{"PolicyName": "p", "PolicyDocument": text}])))
    assert isinstance(found.identity[0], Policy)
    assert found.identity[0].statements[0].actions == ("sqs:*",)


def test_a_role_is_found_by_arn_by_name_and_with_a_path() -> None:
    """Names are unique in an account, whatever the path."""
    made = snapshot(role(path="team/"))
    for text in ("actor", arn("team/actor")):
        assert isinstance(policies(made).of_role(text), RoleAuthority)
    wrong = policies(made).of_role(arn("actor"))
    assert isinstance(wrong, Missing)
    assert wrong.detail == f"role {arn('actor')} does not exist, though {arn('team/actor')} does"


def test_a_role_that_does_not_exist_is_told_from_one_that_was_not_read() -> None:
    """All roles were read: it is missing. Not all were: unknown, with the reason and what to do."""
    assert policies(snapshot(role())).of_role(arn("gone")) == Missing(f"role {arn('gone')} does not exist")
    unread = policies(snapshot(role(), missing=DENIED)).of_role(arn("gone"))
    assert isinstance(unread, Unknown)
    assert (unread.cause, unread.remedy) == (Cause.DENIED, "allow iam:GetRole")
    assert isinstance(policies(snapshot(role(), missing=DENIED)).of_role("actor"), RoleAuthority)
    nothing = policies(Snapshot(Meta(), {})).of_role("actor")
    assert isinstance(nothing, Unknown)
    assert "get-account-authorization-details" in nothing.remedy


def test_a_role_of_another_account_is_unknown_and_names_the_account() -> None:
    """Roles of that account were not read; a role of the same name here is another."""
    found = policies(snapshot(role())).of_role(arn("actor", "444455556666"))
    assert isinstance(found, Unknown)
    assert "account 444455556666" in found.detail
    assert "credentials of account 444455556666" in found.remedy


def test_roles_of_several_accounts_do_not_mix() -> None:
    """By its ARN a role of another account is found where it was read; a bare name is the snapshot's own."""
    made = snapshot(role(), role(account="444455556666"))
    assert of(made, arn("actor", "444455556666")).account == "444455556666"
    assert of(made).account == ACCOUNT


@pytest.mark.parametrize("text", ["", "arn:aws:iam::1:user/x", "arn:aws:s3:::bucket"])
def test_what_is_no_role_is_unknown(text: str) -> None:
    """Neither an ARN of a role nor a name."""
    found = policies(snapshot(role())).of_role(text)
    assert isinstance(found, Unknown)
    assert found.cause is Cause.ERROR


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("RolePolicyList", "inline policies"),
        ("RolePolicyList.0.PolicyDocument", "inline policies"),
        ("AttachedManagedPolicies", "attached to role"),
        ("PermissionsBoundary", "permissions boundary"),
        ("AssumeRolePolicyDocument", "trust policy"),
        ("Tags", "tags"),
    ],
)
def test_a_piece_that_was_not_read_is_unknown_and_the_rest_is_there(path: str, where: str) -> None:
    """One refused call makes one piece unknown, with the permission."""
    inline = [{"PolicyName": "sqs", "PolicyDocument": allow("sqs:SendMessage")}]
    found = of(snapshot(role(RolePolicyList=inline), unknown=(("actor", path),)))
    pieces = [*found.identity, found.boundary, found.trust, found.tags]
    unknown = [one for one in pieces if isinstance(one, Unknown)]
    assert len(unknown) == 1
    assert where in unknown[0].detail
    assert unknown[0].remedy == "allow iam:GetRole"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (None, "policies not collected"),
        ((), "was not read"),
        (({"PolicyName": "b", "Arn": managed("b"), "DefaultVersionId": "v3"},), "default version was not given"),
        ((policy("b", {"Version": "2012-10-17"}),), "has no Statement"),
    ],
)
def test_a_boundary_that_cannot_be_had_is_unknown_never_absent(given: tuple[Raw, ...] | None, says: str) -> None:
    """Attached and not read, without its default version, or not a policy."""
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": managed("b")}
    found = of(snapshot(role(PermissionsBoundary=boundary), managed_policies=given))
    assert isinstance(found.boundary, Unknown)
    assert says in found.boundary.detail


@pytest.mark.parametrize("text", ["", "nonsense", "arn:aws:iam::111122223333:role/actor"])
def test_a_boundary_whose_arn_is_nonsense_is_unknown(text: str) -> None:
    """Such a boundary is not "none"."""
    boundary = {"PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": text}
    found = of(snapshot(role(PermissionsBoundary=boundary)))
    assert isinstance(found.boundary, Unknown)
    assert found.boundary.cause is Cause.ERROR


def test_an_attached_policy_that_was_not_read_is_an_unknown_among_the_others() -> None:
    """The others still count."""
    attached = [{"PolicyName": name, "PolicyArn": managed(name)} for name in ("a", "b")]
    found = of(snapshot(role(AttachedManagedPolicies=attached), managed_policies=(policy("b", allow("sqs:*")),)))
    first, second = found.identity
    assert isinstance(first, Unknown)
    assert managed("a") in first.detail
    assert isinstance(second, Policy)


@pytest.mark.parametrize("document", ["", "{", {"Statement": []}, {"Version": "1999-01-01", "Statement": {}}])
def test_a_bad_document_is_unknown_with_what_is_wrong(document: Any) -> None:
    """Policies that do not parse are never skipped."""
    found = of(snapshot(role(RolePolicyList=[{"PolicyName": "p", "PolicyDocument": document}])))
    assert isinstance(found.identity[0], Unknown)
    assert "p of role actor" in found.identity[0].detail


def test_a_trust_policy_that_was_not_given_is_unknown() -> None:
    """A role without its trust policy was not read whole."""
    found = of(snapshot(role(AssumeRolePolicyDocument="")))
    assert isinstance(found.trust, Unknown)
    assert found.trust.cause is Cause.INCOMPLETE


@pytest.mark.parametrize(
    ("organization", "answer"),
    [
        ((), None),
        (({"Id": "o-1", "MasterAccountId": ACCOUNT, "FeatureSet": "ALL"},), None),
        (({"Id": "o-1", "MasterAccountId": "999900001111", "FeatureSet": "CONSOLIDATED_BILLING"},), None),
        (({"Id": "o-1", "MasterAccountId": "999900001111", "FeatureSet": "ALL"},), Cause.NOT_MODELLED),
        (None, Cause.NOT_COLLECTED),
    ],
)
def test_policies_of_an_organization_are_unknown_unless_none_can_apply(
    organization: tuple[Raw, ...] | None, answer: Cause | None
) -> None:
    """In no organization, its management account, or one without all features: none applies."""
    found = policies(snapshot(role(), organization=organization)).guardrails()
    assert (found.cause if found is not None else None) is answer
    if found is not None:
        assert "declare that to the profile" in found.remedy


def test_nothing_is_known_of_another_accounts_organization() -> None:
    """Also where this account is in none."""
    found = policies(snapshot(role())).guardrails("444455556666")
    assert found is not None
    assert "444455556666" in found.detail
    assert policies(snapshot(role())).guardrails(ACCOUNT) is None


def test_policies_are_compiled_once_and_shared_with_what_edits_nothing_of_iam() -> None:
    """The same tables give the same compiled policies; edited ones do not."""
    made = snapshot(role())
    assert policies(made) is policies(made)
    assert of(made) is of(made)
    other = Snapshot(made.meta, {**made.tables, "pods": table_of(kinds.PODS, [])}, made.kept)
    assert policies(other) is policies(made)
    edited = Snapshot(made.meta, {**made.tables, "roles": table_of(kinds.ROLES, [role("new")])}, made.kept)
    assert policies(edited) is not policies(made)
    assert isinstance(policies(edited).of_role("new"), RoleAuthority)
    assert isinstance(policies(made).of_role("new"), Missing)


def test_the_account_is_the_clusters() -> None:
    """Where a cluster was read, its ARN says the account."""
    made = snapshot(role(), account="")
    cluster = {"name": "c", "arn": f"arn:aws:eks:eu-west-1:{ACCOUNT}:cluster/c"}
    made.tables["clusters"] = table_of(kinds.CLUSTERS, [cluster])
    assert Policies(made).account == ACCOUNT
    assert isinstance(Policies(made).of_role(arn("actor", "444455556666")), Unknown)


ISSUER = "oidc.eks.eu-west-1.amazonaws.com/id/A"


def providers(*raws: Raw, missing: Unknown | None = None, unread: str = "") -> Policies:
    """A snapshot's policies with its identity providers."""
    made = snapshot(role())
    held = table_of(kinds.OIDC_PROVIDERS, raws, [Coverage(missing=missing)])
    fields = [UnknownField(ISSUER, unread, DENIED)] if unread else []
    made.tables["open-id-connect-providers"] = Table(kinds.OIDC_PROVIDERS, held.lines, held.coverage, fields)
    return policies(made)


def provider(account: str = ACCOUNT, *clients: str, url: str = ISSUER) -> Raw:
    """An identity provider."""
    return {"Url": url, "Arn": f"arn:aws:iam::{account}:oidc-provider/{url}", "ClientIDList": list(clients)}


def test_a_token_needs_an_identity_provider_with_its_audience() -> None:
    """There with the audience: nothing stands in the way; else what is missing is named."""
    sts = "sts.amazonaws.com"
    assert providers(provider(ACCOUNT, sts)).provider(ISSUER, ACCOUNT, sts) is None
    wrong = providers(provider(ACCOUNT, "other")).provider(ISSUER, "", sts)
    assert wrong == Missing(f"the identity provider {ISSUER} does not have {sts} among its client ids")
    assert providers(provider(url="x.y/id/B")).provider(ISSUER, ACCOUNT, sts) == Missing(
        f"IAM has no identity provider for the cluster's issuer {ISSUER}"
    )


def test_a_provider_that_was_not_read_is_unknown() -> None:
    """Refused, its client ids refused, or of another account."""
    sts = "sts.amazonaws.com"
    assert isinstance(providers(missing=DENIED).provider(ISSUER, ACCOUNT, sts), Unknown)
    assert providers(provider(), unread="ClientIDList").provider(ISSUER, ACCOUNT, sts) == DENIED
    abroad = providers(provider(ACCOUNT, sts)).provider(ISSUER, "444455556666", sts)
    assert isinstance(abroad, Unknown)
    assert "account 444455556666" in abroad.remedy
    assert providers(provider("444455556666", sts)).provider(ISSUER, "444455556666", sts) is None


def test_a_managed_policy_of_which_a_piece_was_not_read_is_unknown() -> None:
    """Its versions were refused: not a policy without statements."""
    made = snapshot(role(AttachedManagedPolicies=[{"PolicyName": "a", "PolicyArn": managed("a")}]))
    held = table_of(kinds.POLICIES, [policy("a", allow("sqs:*"))])
    fields = [UnknownField(managed("a"), "PolicyVersionList", DENIED)]
    made.tables["policies"] = Table(kinds.POLICIES, held.lines, held.coverage, fields)
    (found,) = of(made).identity
    assert isinstance(found, Unknown)
    assert found.remedy == "allow iam:GetRole"
