"""IAM: roles with their policies, managed policies, instance profiles, OIDC providers; AWS Organizations.

Roles and managed policies have the shape of ``aws iam get-account-authorization-details``, however they were read: one
object holds all of a role. Policy documents are objects as the AWS CLI prints them, or JSON text.
"""

from __future__ import annotations

from typing import Any

from msgspec import field

from clusterproof.snapshot.aws.base import Ec2, Tag

Document = dict[str, Any] | str
"""A policy document: decoded, or as (URL-encoded) JSON text."""


class InlinePolicy(Ec2, frozen=True):
    policy_name: str
    policy_document: Document = ""


class AttachedPolicy(Ec2, frozen=True):
    policy_name: str = ""
    policy_arn: str = ""


class PermissionsBoundary(Ec2, frozen=True):
    permissions_boundary_type: str = ""
    permissions_boundary_arn: str = ""


class Role(Ec2, frozen=True):
    """``RoleDetail`` of the IAM API reference."""

    role_name: str
    arn: str = ""
    path: str = "/"
    role_id: str = ""
    assume_role_policy_document: Document = ""
    role_policy_list: tuple[InlinePolicy, ...] = ()
    attached_managed_policies: tuple[AttachedPolicy, ...] = ()
    permissions_boundary: PermissionsBoundary | None = None
    max_session_duration: int = 3600
    tags: tuple[Tag, ...] = ()


class PolicyVersion(Ec2, frozen=True):
    version_id: str = ""
    is_default_version: bool = False
    document: Document = ""


class ManagedPolicy(Ec2, frozen=True):
    """``ManagedPolicyDetail`` of the IAM API reference; only the default version counts."""

    policy_name: str
    arn: str = ""
    default_version_id: str = ""
    policy_version_list: tuple[PolicyVersion, ...] = ()


class ProfileRole(Ec2, frozen=True):
    role_name: str = ""
    arn: str = ""


class InstanceProfile(Ec2, frozen=True):
    instance_profile_name: str
    arn: str = ""
    roles: tuple[ProfileRole, ...] = ()


class OidcProvider(Ec2, frozen=True):
    """``get-open-id-connect-provider``, and the ARN under which it was asked for. ``url`` has no scheme."""

    url: str
    arn: str = ""
    client_ids: tuple[str, ...] = field(default=(), name="ClientIDList")
    thumbprints: tuple[str, ...] = field(default=(), name="ThumbprintList")


class Organization(Ec2, frozen=True):
    """``describe-organization``: an account that is in none has no object."""

    id: str
    arn: str = ""
    master_account_id: str = ""
    feature_set: str = ""
