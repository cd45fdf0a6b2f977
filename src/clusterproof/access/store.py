"""The compiled policies of every role of a snapshot, and what limits a whole account.

Sources: IAM API, ``RoleDetail`` and ``ManagedPolicyDetail`` (``get-account-authorization-details``; only the default version of
a managed policy counts); IAM User Guide, "Permissions boundaries for IAM entities"; AWS Organizations User Guide, "Service
control policies" and "Resource control policies" (neither applies to the management account, both need all features).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec

from clusterproof.access.policy import Policy, parse
from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import ManagedPolicy, Role
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import Snapshot, Table

_ROLE_ARN = re.compile(r"arn:(?P<partition>[^:]+):iam::(?P<account>\d{12}|):role/(?P<name>.+)")
_POLICY_ARN = re.compile(r"arn:[^:]+:iam::(\d{12}|aws):policy/.+")


class RoleAuthority(msgspec.Struct, frozen=True, eq=False):
    """A role with its policies, compiled.

    Attributes:
        role: as it was read.
        account: the account that it is in; empty where its ARN does not say.
        identity: its identity-based policies, inline ones first; unknown each that was not read or cannot be.
        boundary: its permissions boundary; None: it has none.
        trust: who may assume it.
        tags: its tags; unknown where they were not read.
    """

    role: Role
    account: str
    identity: tuple[Policy | Unknown, ...]
    boundary: Policy | Unknown | None
    trust: Policy | Unknown
    tags: dict[str, str] | Unknown


class Missing(msgspec.Struct, frozen=True):
    """A role or an identity provider that certainly does not exist.

    Attributes:
        detail: what is not there, in a clause.
    """

    detail: str


class Policies:
    """Answers what the policies of a snapshot's roles are; each is compiled once. See :func:`policies`."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot
        self._account = account_of(snapshot)
        self._by_arn = {role.arn: role for role in snapshot.objects(kinds.ROLES) if role.arn}
        self._by_name: dict[str, list[Role]] = {}
        for role in snapshot.objects(kinds.ROLES):
            self._by_name.setdefault(role.role_name, []).append(role)
        self._made: dict[str, RoleAuthority | Missing | Unknown] = {}

    @property
    def account(self) -> str:
        """The account that the snapshot is of; empty where nothing says so."""
        return self._account

    def of_role(self, name_or_arn: str) -> RoleAuthority | Missing | Unknown:
        """A role by its ARN, or by its name in the snapshot's account."""
        if name_or_arn not in self._made:
            found = self._found(name_or_arn)
            self._made[name_or_arn] = self._authority(found) if isinstance(found, Role) else found
        return self._made[name_or_arn]

    def _found(self, text: str) -> Role | Missing | Unknown:
        if text in self._by_arn:
            return self._by_arn[text]
        match = _ROLE_ARN.fullmatch(text)
        if match is None and (":" in text or not text):
            what = f"{text!r} is neither the ARN nor the name of an IAM role"
            return Unknown(Cause.ERROR, what, "correct where it is named")
        account = match["account"] if match is not None else ""
        name = match["name"].rpartition("/")[2] if match is not None else text.rpartition("/")[2]
        if account and self._account and account != self._account:
            return self._foreign(text, account)
        ours = [role for role in self._by_name.get(name, ()) if not self._elsewhere(role)]
        if ours and match is None:
            return ours[0]
        other = f", though {ours[0].arn or name} does" if ours else ""
        missing = self._snapshot.missing(kinds.ROLES)
        if missing is None or ours:
            # Names of roles are unique in an account, whatever their paths.
            return Missing(f"role {text} does not exist{other}")
        remedy = missing.remedy or f"run: {kinds.ROLES.command} > roles.json"
        return Unknown(missing.cause, f"role {text} was not read ({missing.detail})", remedy)

    def _elsewhere(self, role: Role) -> bool:
        match = _ROLE_ARN.fullmatch(role.arn)
        return bool(match and self._account and match["account"] not in ("", self._account))

    def _foreign(self, text: str, account: str) -> Unknown:
        missing = self._snapshot.missing(kinds.ROLES)
        cause = missing.cause if missing is not None else Cause.NOT_COLLECTED
        what = f"role {text} is in account {account}, of which its roles were not read"
        return Unknown(
            cause, what, f"run with credentials of account {account}: {kinds.ROLES.command} > roles-{account}.json"
        )

    def _authority(self, role: Role) -> RoleAuthority:
        match = _ROLE_ARN.fullmatch(role.arn)
        return RoleAuthority(
            role=role,
            account=match["account"] if match is not None else self._account,
            identity=(*self._inline(role), *self._attached(role)),
            boundary=self._boundary(role),
            trust=self._trust(role),
            tags=self._tags(role),
        )

    def _unread(self, role: Role, path: str) -> Unknown | None:
        """Why a piece of a role, or anything in it, was not read."""
        table = self._snapshot.tables[kinds.ROLES.name]
        for item in table.unknown_by_key.get(role.role_name, ()):
            if f"{item.path}.".startswith(f"{path}.") or f"{path}.".startswith(f"{item.path}."):
                return item.unknown
        return None

    def _inline(self, role: Role) -> Iterator[Policy | Unknown]:
        unread = self._unread(role, "RolePolicyList")
        if unread is not None:
            what = f"the inline policies of role {role.role_name} were not read ({unread.detail})"
            yield Unknown(unread.cause, what, unread.remedy)
        for item in role.role_policy_list:
            yield parse(item.policy_document, f"{item.policy_name} of role {role.role_name}")

    def _attached(self, role: Role) -> Iterator[Policy | Unknown]:
        unread = self._unread(role, "AttachedManagedPolicies")
        if unread is not None:
            what = f"which policies are attached to role {role.role_name} was not read ({unread.detail})"
            yield Unknown(unread.cause, what, unread.remedy)
        for item in role.attached_managed_policies:
            yield self.managed(item.policy_arn, f"attached to role {role.role_name}")

    def _boundary(self, role: Role) -> Policy | Unknown | None:
        unread = self._unread(role, "PermissionsBoundary")
        if unread is not None:
            what = f"the permissions boundary of role {role.role_name} was not read ({unread.detail})"
            return Unknown(unread.cause, what, unread.remedy)
        if role.permissions_boundary is None:
            return None
        return self.managed(
            role.permissions_boundary.permissions_boundary_arn, f"the permissions boundary of role {role.role_name}"
        )

    def _trust(self, role: Role) -> Policy | Unknown:
        unread = self._unread(role, "AssumeRolePolicyDocument")
        name = f"the trust policy of role {role.role_name}"
        if unread is None and role.assume_role_policy_document:
            return parse(role.assume_role_policy_document, name)
        if unread is not None:
            return Unknown(unread.cause, f"{name} was not read ({unread.detail})", unread.remedy)
        return Unknown(Cause.INCOMPLETE, f"{name} was not given", f"run: {kinds.ROLES.command} > roles.json")

    def _tags(self, role: Role) -> dict[str, str] | Unknown:
        unread = self._unread(role, "Tags")
        if unread is not None:
            return Unknown(unread.cause, f"the tags of role {role.role_name} were not read", unread.remedy)
        return {tag.key: tag.value for tag in role.tags}

    def managed(self, arn: str, what: str) -> Policy | Unknown:
        """A managed policy's default version.

        Args:
            arn: of the policy.
            what: what it is of a role, in a clause.
        """
        if not _POLICY_ARN.fullmatch(arn):
            remedy = "attach one that exists, or take it away"
            return Unknown(Cause.ERROR, f"{arn!r}, {what}, is not the ARN of a managed policy", remedy)
        table = self._snapshot.tables.get(kinds.POLICIES.name)
        found = table.derived(_compiled).get(arn) if table is not None else None
        if found is not None:
            return found
        missing = self._snapshot.missing(kinds.POLICIES)
        cause = missing.cause if missing is not None else Cause.INCOMPLETE
        why = f" ({missing.detail})" if missing is not None else ""
        remedy = (missing.remedy if missing is not None else "") or f"run: {kinds.POLICIES.command} > policies.json"
        return Unknown(cause, f"policy {arn}, {what}, was not read{why}", remedy)

    def provider(self, issuer: str, account: str, audience: str) -> Missing | Unknown | None:
        """What stands in the way of tokens in an account's IAM: no identity provider of theirs, or none for their audience.

        Args:
            issuer: of the tokens, without scheme.
            account: the role's; empty: the snapshot's.
            audience: of the tokens; the provider must have it among its client ids.

        Returns:
            None where nothing does.
        """
        account = account or self._account
        same = [
            item for item in self._snapshot.objects(kinds.OIDC_PROVIDERS) if item.url.removeprefix("https://") == issuer
        ]
        found = next((item for item in same if not account or item.arn.split(":")[4:5] in ([account], [])), None)
        if found is not None:
            unread = self._snapshot.unknown_field(kinds.OIDC_PROVIDERS, found.url, "ClientIDList")
            if unread is not None or audience in found.client_ids:
                return unread
            return Missing(f"the identity provider {issuer} does not have {audience} among its client ids")
        missing = self._snapshot.missing(kinds.OIDC_PROVIDERS)
        if self._account and account != self._account:
            what = f"whether account {account} has an identity provider for {issuer} was not read"
            return Unknown(
                Cause.NOT_COLLECTED, what, f"run with credentials of account {account}: {kinds.OIDC_PROVIDERS.command}"
            )
        if missing is None:
            return Missing(f"IAM has no identity provider for the cluster's issuer {issuer}")
        what = f"whether IAM has an identity provider for the cluster's issuer {issuer} was not read ({missing.detail})"
        return Unknown(missing.cause, what, missing.remedy or f"run: {kinds.OIDC_PROVIDERS.command}")

    def guardrails(self, account: str = "") -> Unknown | None:
        """Why it is not known what service and resource control policies forbid in an account; None: they forbid nothing.

        Args:
            account: the account; empty: the snapshot's.
        """
        declare = "where no such policy applies, declare that to the profile"
        missing = self._snapshot.missing(kinds.ORGANIZATIONS)
        if account and account != self._account:
            what = f"which service and resource control policies apply to account {account} was not read"
            return Unknown(Cause.NOT_COLLECTED, what, declare)
        organization = next(iter(self._snapshot.objects(kinds.ORGANIZATIONS)), None)
        if organization is None:
            if missing is None:
                return None
            what = (
                f"whether the account is in an organization with service or resource control policies: {missing.detail}"
            )
            remedy = missing.remedy or f"run: {kinds.ORGANIZATIONS.command} > organization.json"
            return Unknown(missing.cause, what, f"{remedy}; {declare}")
        if organization.feature_set == "CONSOLIDATED_BILLING":
            return None
        if organization.master_account_id and organization.master_account_id == self._account:
            return None
        what = (
            f"account {self._account or '(unknown)'} is in organization {organization.id}, whose service and resource control "
            "policies are not read"
        )
        return Unknown(Cause.NOT_MODELLED, what, declare)


def _compiled(table: Table[ManagedPolicy]) -> dict[str, Policy | Unknown]:
    """Every managed policy's default version."""
    found: dict[str, Policy | Unknown] = {}
    for item in table.objects:
        unread = table.unknown_by_key.get(item.arn, ())
        default = next(
            (
                version
                for version in item.policy_version_list
                if version.is_default_version or version.version_id == item.default_version_id
            ),
            None,
        )
        if unread:
            reason = unread[0].unknown
            found[item.arn] = Unknown(reason.cause, f"policy {item.arn} was not read ({reason.detail})", reason.remedy)
        elif default is None:
            remedy = f"run: aws iam get-policy-version --policy-arn {item.arn} --version-id {item.default_version_id or 'ID'}"
            found[item.arn] = Unknown(
                Cause.INCOMPLETE, f"of policy {item.arn} the default version was not given", remedy
            )
        else:
            found[item.arn] = parse(default.document, item.arn)
    return found


def account_of(snapshot: Snapshot) -> str:
    """The account that a snapshot is of: the cluster's; empty where nothing says so."""
    for cluster in snapshot.objects(kinds.CLUSTERS):
        if cluster.arn.count(":") >= 5:
            return cluster.arn.split(":")[4]
    return snapshot.meta.account


def policies(snapshot: Snapshot) -> Policies:
    """The compiled policies of a snapshot; those that overlays make share them where they edit nothing of IAM."""
    read = (kinds.ROLES, kinds.POLICIES, kinds.ORGANIZATIONS, kinds.CLUSTERS, kinds.OIDC_PROVIDERS)
    tables: tuple[Any, ...] = (snapshot.meta.account, *(snapshot.tables.get(kind.name) for kind in read))
    held: list[tuple[tuple[Any, ...], Policies]] = snapshot.kept.setdefault("policies", [])
    for others, made in held:
        if all(
            one is other or (isinstance(one, str) and one == other) for one, other in zip(tables, others, strict=True)
        ):
            return made
    made = Policies(snapshot)
    held.append((tables, made))
    del held[:-3]
    return made
