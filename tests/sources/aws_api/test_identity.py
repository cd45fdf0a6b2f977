from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.answers import assemble
from clusterproof.sources.asking import IDENTITIES
from clusterproof.sources.aws_api import AccountOptions, Needed
from clusterproof.sources.aws_api.account import read_account
from clusterproof.sources.aws_api.records import Asked, Named
from tests.sources.aws_api.faults import Fault, hang, page_of_a_proxy, refuse
from tests.sources.aws_api.motoserver import ACCOUNT
from tests.sources.aws_api.tenant import CLUSTER, ISSUER, LOOK, OTHER, SEND, TRUST, Tenant, arn, key_of

pytestmark = pytest.mark.slow

WANTED: tuple[Kind[Any], ...] = (
    *(kinds.CLUSTERS, kinds.NODEGROUPS, kinds.NODEGROUP_NAMES, kinds.INSTANCES, kinds.VPCS, kinds.SUBNETS),
    kinds.POD_IDENTITY_ASSOCIATION_IDS,
    *(kind for kind in IDENTITIES if kind.origin == "aws"),
)
OURS = {"cluster", "nodes", "operator", "near", "machine"}
"""Roles that the account's own objects name."""


def read(
    *wanted: Kind[Any],
    roles: tuple[str, ...] = (),
    asked: Asked | None = None,
    names: Named | None = None,
    **options: Any,
) -> Snapshot:
    """The tenant's account, read once without patience."""
    named = names or Named(roles=roles, asked=asked or Asked())
    settings: dict[str, Any] = {"cluster": CLUSTER, "attempts": 1, "deadline": 20.0} | options
    given = read_account(
        AccountOptions(**settings),
        needed=Needed(names=named),
        kinds=wanted or WANTED,
    )
    return assemble(given.answers, cluster=given.cluster)


def field(snapshot: Snapshot, kind: Kind[Any], key: str, path: str) -> Unknown:
    """Why a field is unknown."""
    found = snapshot.unknown_field(kind, key, path)
    assert found is not None, snapshot.tables[kind.name].unknown_fields
    return found


def test_roles_that_are_named(tenant: Tenant) -> None:
    """Roles of the cluster, its node groups, instances, associations and of what is named besides; no others."""
    snapshot = read(roles=(arn("annotated"),), asked=Asked(roles=("nodes", arn("path/operator"))))
    assert {role.role_name for role in snapshot.objects(kinds.ROLES)} == OURS | {"annotated"}
    operator = snapshot.get(kinds.ROLES, "operator")
    assert operator is not None
    assert operator.arn == arn("path/operator")
    assert operator.assume_role_policy_document == TRUST
    assert {item.policy_name: item.policy_document for item in operator.role_policy_list} == {
        "inline": SEND,
        "more": LOOK,
    }
    assert [item.policy_name for item in operator.attached_managed_policies] == ["shared"]
    assert operator.permissions_boundary is not None
    assert operator.permissions_boundary.permissions_boundary_arn == f"arn:aws:iam::{ACCOUNT}:policy/limit"
    asked = [item.action for item in tenant.proxy.seen]
    assert asked.count("iam:GetRole") == len(OURS | {"annotated"}), "each role is asked for once"


def test_managed_policies_once_and_by_default_version(tenant: Tenant) -> None:
    """A policy of two roles and a boundary are read once each, in their default versions; others are not read."""
    snapshot = read()
    found = {policy.policy_name: policy for policy in snapshot.objects(kinds.POLICIES)}
    assert set(found) == {"shared", "limit"}
    assert found["shared"].default_version_id == "v2"
    assert [(item.version_id, item.document) for item in found["shared"].policy_version_list] == [("v2", LOOK)]
    assert snapshot.missing(kinds.POLICIES) is None
    asked = [item.action for item in tenant.proxy.seen]
    assert asked.count("iam:GetPolicy") == asked.count("iam:GetPolicyVersion") == 2


@pytest.mark.usefixtures("tenant")
def test_a_role_that_is_not_there() -> None:
    """It is absent and the kind complete, whether a cluster's object names it or the profile; with it nothing is lost."""
    names = Named(roles=("gone", arn("gone-too")), asked=Asked(roles=("asked",)))
    wanted = tuple(kind for kind in WANTED if kind is not kinds.POD_IDENTITY_ASSOCIATIONS)
    snapshot = read(*wanted, names=names)
    assert snapshot.missing(kinds.ROLES) is None
    assert {role.role_name for role in snapshot.objects(kinds.ROLES)} == {"cluster", "nodes", "machine"}


@pytest.mark.parametrize("action", ["iam:ListRolePolicies", "iam:ListAttachedRolePolicies"])
def test_a_role_that_is_deleted_while_it_is_read(tenant: Tenant, action: str) -> None:
    """It is absent, as one that was never there; no crash, no role with a half of its policies."""
    tenant.proxy.faults[action] = refuse("NoSuchEntity", 404)
    snapshot = read(kinds.CLUSTERS, kinds.NODEGROUPS, kinds.NODEGROUP_NAMES, kinds.ROLES, kinds.POLICIES)
    assert snapshot.objects(kinds.ROLES) == ()
    assert snapshot.missing(kinds.ROLES) is None
    assert snapshot.missing(kinds.POLICIES) is None


def test_a_policy_that_is_deleted_while_it_is_read(tenant: Tenant) -> None:
    """An inline policy that is gone is none; a managed policy that is gone is absent."""
    tenant.proxy.faults["iam:GetRolePolicy"] = refuse("NoSuchEntity", 404)
    tenant.proxy.faults["iam:GetPolicyVersion"] = refuse("NoSuchEntity", 404)
    snapshot = read()
    operator = snapshot.get(kinds.ROLES, "operator")
    assert operator is not None
    assert operator.role_policy_list == ()
    assert snapshot.unknown_field(kinds.ROLES, "operator", "RolePolicyList") is None
    assert snapshot.objects(kinds.POLICIES) == ()
    assert snapshot.missing(kinds.POLICIES) is None


PIECES = [
    ("iam:ListRolePolicies", kinds.ROLES, "operator", "RolePolicyList"),
    ("iam:GetRolePolicy", kinds.ROLES, "operator", "RolePolicyList"),
    ("iam:ListAttachedRolePolicies", kinds.ROLES, "operator", "AttachedManagedPolicies"),
    ("iam:GetPolicyVersion", kinds.POLICIES, f"arn:aws:iam::{ACCOUNT}:policy/shared", "PolicyVersionList"),
    ("iam:GetOpenIDConnectProvider", kinds.OIDC_PROVIDERS, ISSUER, "ClientIDList"),
    ("iam:GetOpenIDConnectProvider", kinds.OIDC_PROVIDERS, ISSUER, "ThumbprintList"),
]
FAULTS = [
    (refuse("AccessDenied", 403, "no"), Cause.DENIED, "grant {action}"),
    (refuse("403", 403), Cause.DENIED, "grant {action}"),
    (refuse("Throttling", 400), Cause.THROTTLED, "wait a minute, then read again"),
    (page_of_a_proxy(404), Cause.NOT_ANSWERABLE, "see which proxy"),
    (hang(0), Cause.INCOMPLETE, "read again"),
]


@pytest.mark.parametrize(
    ("action", "kind", "key", "path", "fault", "cause", "remedy"),
    [(*piece, *FAULTS[0]) for piece in PIECES] + [(*PIECES[1], *fault) for fault in FAULTS[1:]],
)
def test_a_piece_that_cannot_be_read(
    tenant: Tenant, action: str, kind: Kind[Any], key: str, path: str, fault: Fault, cause: Cause, remedy: str
) -> None:
    """It is an unknown field of its object, with the cause and the right that is lacking; the kind stays complete."""
    tenant.proxy.faults[action] = fault
    snapshot = read()
    why = field(snapshot, kind, key, path)
    assert why.cause is cause
    assert action in why.detail
    assert why.remedy.startswith(remedy.format(action=action))
    assert snapshot.get(kind, key) is not None
    assert snapshot.missing(kind) is None or kind is kinds.ROLES, "another account's role alone is missing"


WHOLE = [
    ("iam:GetRole", kinds.ROLES),
    ("iam:GetPolicy", kinds.POLICIES),
    ("iam:GetInstanceProfile", kinds.INSTANCE_PROFILES),
    ("iam:ListOpenIDConnectProviders", kinds.OIDC_PROVIDERS),
    ("organizations:DescribeOrganization", kinds.ORGANIZATIONS),
]


@pytest.mark.parametrize(
    ("action", "kind", "fault", "cause", "remedy"),
    [(*call, *FAULTS[0]) for call in WHOLE]
    + [(*call, *fault) for call in (WHOLE[0], WHOLE[4]) for fault in FAULTS[1:]],
)
def test_what_cannot_be_read_at_all(
    tenant: Tenant, action: str, kind: Kind[Any], fault: Fault, cause: Cause, remedy: str
) -> None:
    """The kind is unknown with the cause and the right, never empty; IAM's place is no region."""
    tenant.proxy.faults[action] = fault
    wanted = [item for item in WANTED if item is not kinds.POD_IDENTITY_ASSOCIATIONS]
    snapshot = read(*wanted)
    why = snapshot.missing(kind)
    assert why is not None
    assert why.cause is cause
    assert action in str(why)
    assert remedy.format(action=action) in why.remedy
    assert "us-west-2" not in why.detail
    assert snapshot.objects(kind) == ()


def test_a_call_that_hangs_is_given_up(tenant: Tenant) -> None:
    """What was read until then is kept; what was not is unknown, and all within the call's time."""
    tenant.proxy.faults["iam:ListAttachedRolePolicies"] = hang(20)
    snapshot = read(deadline=1.5)
    why = snapshot.missing(kinds.ROLES) or field(snapshot, kinds.ROLES, "operator", "AttachedManagedPolicies")
    assert why.cause in (Cause.TIMED_OUT, Cause.INCOMPLETE)
    for role in snapshot.objects(kinds.ROLES):
        assert snapshot.unknown_field(kinds.ROLES, role.role_name, "AttachedManagedPolicies") is not None


@pytest.mark.usefixtures("tenant")
def test_a_role_of_an_account_that_nobody_reads() -> None:
    """The kind is incomplete, and says which account is lacking; the cluster's own roles are there."""
    snapshot = read()
    why = snapshot.missing(kinds.ROLES)
    assert why == Unknown(
        Cause.INCOMPLETE,
        f"role {arn('cross', OTHER)} belongs to account {OTHER}, which no profile reads",
        f"add --aws-profile with a profile of account {OTHER}",
    )
    assert {role.role_name for role in snapshot.objects(kinds.ROLES)} == OURS


@pytest.fixture
def both(tenant: Tenant, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Snapshot]:
    """Reads with a profile of the cluster's account and one of the other."""
    config = tmp_path / "credentials"
    keys = {"home": "test", "far": key_of(tenant.url, OTHER)}
    lines = [f"[{name}]\naws_access_key_id = {key}\naws_secret_access_key = test\n" for name, key in keys.items()]
    config.write_text("".join(lines))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(config))
    return lambda **options: read(profiles=("home", "far"), **options)


def test_a_role_of_an_account_that_is_read_too(both: Callable[..., Snapshot]) -> None:
    """With a profile of its account the role is there, and the kind complete."""
    snapshot = both()
    assert snapshot.missing(kinds.ROLES) is None
    cross = snapshot.get(kinds.ROLES, "cross")
    assert cross is not None
    assert cross.arn == arn("cross", OTHER)


def test_two_roles_of_one_name(both: Callable[..., Snapshot]) -> None:
    """Of two accounts' roles of one name the cluster's own is kept, and that the other is not there is said."""
    snapshot = both(roles=(arn("operator", OTHER),))
    operator = snapshot.get(kinds.ROLES, "operator")
    assert operator is not None
    assert operator.arn == arn("path/operator")
    why = snapshot.missing(kinds.ROLES)
    assert why is not None
    assert why.cause is Cause.NOT_MODELLED
    assert arn("operator", OTHER) in why.detail


@pytest.mark.usefixtures("tenant")
def test_instance_profiles_of_nodes_alone() -> None:
    """Where it is known which instances are nodes, others' profiles are not read; a node class's is, and gives its role."""
    none = read(names=Named(instances=frozenset({"i-0"})))
    assert none.objects(kinds.INSTANCE_PROFILES) == ()
    assert "machine" not in {role.role_name for role in none.objects(kinds.ROLES)}
    named = read(names=Named(instances=frozenset(), profiles=("machines", "absent")))
    assert [item.instance_profile_name for item in named.objects(kinds.INSTANCE_PROFILES)] == ["machines"]
    assert named.missing(kinds.INSTANCE_PROFILES) is None
    assert "machine" in {role.role_name for role in named.objects(kinds.ROLES)}


@pytest.mark.usefixtures("tenant")
def test_oidc_providers() -> None:
    """Each with its clients and thumbprints, its URL without scheme."""
    snapshot = read(kinds.OIDC_PROVIDERS)
    (provider,) = snapshot.objects(kinds.OIDC_PROVIDERS)
    assert (provider.url, provider.client_ids, provider.thumbprints) == (ISSUER, ("sts.amazonaws.com",), ("a" * 40,))
    assert provider.arn == f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"


def test_in_no_organization(tenant: Tenant) -> None:
    """An account that is in none: nothing is there, and that is known; one that is in one says whose it is."""
    snapshot = read(kinds.ORGANIZATIONS)
    assert snapshot.missing(kinds.ORGANIZATIONS) is None
    assert snapshot.objects(kinds.ORGANIZATIONS) == ()
    organizations = tenant.client("organizations")
    made = organizations.create_organization(FeatureSet="ALL")["Organization"]
    try:
        (found,) = read(kinds.ORGANIZATIONS).objects(kinds.ORGANIZATIONS)
    finally:
        organizations.delete_organization()
    assert (found.id, found.master_account_id, found.feature_set) == (made["Id"], ACCOUNT, "ALL")


def test_only_what_is_asked_for_is_called(tenant: Tenant) -> None:
    """Without these kinds none of IAM is called; with one of them its calls alone."""
    read(kinds.CLUSTERS, kinds.NODEGROUPS, kinds.NODEGROUP_NAMES)
    assert not any(action.startswith(("iam:", "organizations:")) for action in tenant.proxy.actions)
    tenant.proxy.reset()
    read(kinds.CLUSTERS, kinds.OIDC_PROVIDERS)
    called = {action for action in tenant.proxy.actions if action.startswith("iam:")}
    assert called == {kinds.OIDC_PROVIDERS.permission, *kinds.OIDC_PROVIDERS.also}


@pytest.mark.usefixtures("tenant")
def test_what_is_meant_may_not_be_known() -> None:
    """Where a profile's text could not be filled, what is there is read, and the kind says what is lacking."""
    why = Unknown(Cause.NOT_COLLECTED, "which roles are meant by ${x} is not known: it was not read", "do this")
    snapshot = read(asked=Asked(unsettled={"roles": why}))
    assert snapshot.missing(kinds.ROLES) == why
    assert "operator" in {role.role_name for role in snapshot.objects(kinds.ROLES)}
