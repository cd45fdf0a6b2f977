"""The policies that one request is judged by, in layers, prepared once per action.

Sources: IAM User Guide, "Policies and permissions in IAM" (the kinds of policy) and "Policy evaluation logic".
"""

from __future__ import annotations

import enum

import msgspec
from msgspec import field

from clusterproof.access.policy import Policy, Statement
from clusterproof.access.principals import Asker, Ways, ways
from clusterproof.access.values import MAYBE, YES
from clusterproof.snapshot.aws.stores import Grant
from clusterproof.snapshot.fields import Unknown

Policies = tuple[Policy | Unknown, ...]

IDENTITY = "identity policy"
BOUNDARY = "permissions boundary"
SESSION = "session policy"
RESOURCE = "resource policy"
ENDPOINT = "VPC endpoint policy"
ORGANIZATION = "organization policy"
GRANT = "KMS grant"


class Answer(enum.StrEnum):
    """What is said of a request. The set is closed."""

    ALLOWED = "allowed"
    DENIED = "denied"
    UNKNOWN = "unknown"


class Decision(msgspec.Struct, frozen=True):
    """The answer to one request.

    Attributes:
        answer: allowed, denied or unknown.
        why: one clause.
        statement: the statement that decided; None: none did, or it was a grant.
        policy: the name of its policy, or of the one that lacks a statement.
        unknowns: for ``unknown``: why.
        layer: which kind of policy decided: ``identity policy``, ``permissions boundary``, ``session policy``,
            ``resource policy``, ``VPC endpoint policy``, ``organization policy`` or ``KMS grant``.
    """

    answer: Answer
    why: str
    statement: Statement | None = None
    policy: str = ""
    unknowns: tuple[Unknown, ...] = ()
    layer: str = ""


class Layer(msgspec.Struct, frozen=True, eq=False):
    """One layer's statements about one action.

    Attributes:
        name: which kind of policy.
        policies: their names.
        allows: its Allow statements about the action, each with its policy and, where that is no matter of who asks,
            how far it means the principal.
        denies: its Deny statements about the action, in the same way.
        unknowns: policies that are not known.
        named: whether its statements name principals.
        passed_by: whether what a resource's policy grants directly passes it by, where it is silent.
    """

    name: str
    policies: tuple[str, ...]
    allows: tuple[tuple[Policy, Statement, Ways | None], ...]
    denies: tuple[tuple[Policy, Statement, Ways | None], ...]
    unknowns: tuple[Unknown, ...]
    named: bool = False
    passed_by: bool = False


class Plan(msgspec.Struct, frozen=True, eq=False):
    """All layers for one action.

    Attributes:
        identity: the identity-based policies.
        resource: the resource's policy.
        limits: what must allow besides.
        denying: the layers that have Deny statements.
        unknowns: all policies that are not known; each may deny.
    """

    identity: Layer
    resource: Layer
    limits: tuple[Layer, ...]
    denying: tuple[Layer, ...]
    unknowns: tuple[Unknown, ...]


class Authority(msgspec.Struct, frozen=True, eq=False):
    """All policies that a principal's requests on a resource are judged by.

    Attributes:
        identity: the identity-based policies.
        boundary: the permissions boundary; None: there is none.
        session: session policies; empty: none were passed.
        guardrails: that policies of the organization may apply that were not read; None: none applies, or
            ``organization`` has them.
        resource: the policy of the resource (a role's trust, a key's policy, …); None: it has none.
        endpoint: the policy of the VPC endpoint through which the request goes; None: it goes through none, or through
            one that lets all pass.
        account: of the principal; empty: its ARN says.
        grants: of the KMS key.
        resource_account: of the resource, where its ARN does not say (S3); empty: the principal's.
        organization: control policies that were read, per level from the root to the account; each level must allow.
        kept: statements by action in lower case; filled on first use.
    """

    identity: Policies = ()
    boundary: Policy | Unknown | None = None
    session: Policies = ()
    guardrails: Unknown | None = None
    resource: Policy | Unknown | None = None
    endpoint: Policy | Unknown | None = None
    account: str = ""
    grants: tuple[Grant | Unknown, ...] = ()
    resource_account: str = ""
    organization: tuple[Policies, ...] = ()
    kept: dict[str, Plan] = field(default_factory=dict)


def planned(authority: Authority, action: str) -> Plan:
    """The layers for an action in lower case."""
    found = authority.kept.get(action)
    if found is not None:
        return found
    one_each = ((BOUNDARY, authority.boundary), (ENDPOINT, authority.endpoint), (RESOURCE, authority.resource))
    single = {name: () if policy is None else (policy,) for name, policy in one_each}
    limits = [
        _layer(name, policies, action, named=name == ENDPOINT, passed_by=name != ENDPOINT)
        for name, policies in (
            (BOUNDARY, single[BOUNDARY]),
            (SESSION, authority.session),
            (ENDPOINT, single[ENDPOINT]),
        )
        if policies
    ]
    limits += [_layer(ORGANIZATION, policies, action, named=True) for policies in authority.organization]
    identity = _layer(IDENTITY, authority.identity, action)
    resource = _layer(RESOURCE, single[RESOURCE], action, named=True)
    layers = (identity, *limits, resource)
    plan = authority.kept[action] = Plan(
        identity,
        resource,
        tuple(limits),
        tuple(layer for layer in layers if layer.denies),
        tuple(unknown for layer in layers for unknown in layer.unknowns),
    )
    return plan


def _layer(name: str, policies: Policies, action: str, *, named: bool = False, passed_by: bool = False) -> Layer:
    found = [
        (policy, one, None if named else _of_identity(one))
        for policy in policies
        if isinstance(policy, Policy)
        for one in policy.about(action)
    ]
    return Layer(
        name,
        tuple(policy.name for policy in policies if isinstance(policy, Policy)),
        tuple(pair for pair in found if pair[1].effect == "Allow"),
        tuple(pair for pair in found if pair[1].effect == "Deny"),
        tuple(policy for policy in policies if isinstance(policy, Unknown)),
        named,
        passed_by,
    )


ALL_WAYS = Ways(YES, YES, YES)
IN_DOUBT = Ways(MAYBE, MAYBE, MAYBE)


def _of_identity(statement: Statement) -> Ways:
    """In doubt where AWS would not have let the statement into a policy of an identity."""
    named = statement.principals is not None or statement.not_principals is not None
    lacks = statement.resources is None and statement.not_resources is None
    return IN_DOUBT if named or lacks else ALL_WAYS


def _everyone(statement: Statement, asker: Asker) -> bool:
    """Whether a service or an identity provider is meant by ``*`` only; no document says that it is."""
    named = statement.principals or ()
    return asker.kind in ("service", "provider") and ("*", "*") in named and all(name != asker.arn for _, name in named)


def meant(layer: Layer, statement: Statement, asker: Asker) -> Ways:
    """How far a layer's statement means a principal; policies without principals mean theirs."""
    if not layer.named:
        return _of_identity(statement)
    if statement.principals is None and statement.not_principals is None:
        return ALL_WAYS if layer.name == ORGANIZATION else IN_DOUBT
    found = ways(statement, asker)
    if layer.name == RESOURCE and statement.effect == "Allow" and _everyone(statement, asker):
        return IN_DOUBT
    if layer.name == ENDPOINT and found.direct < YES and found.any == YES:
        # A gateway endpoint takes an account for its root user alone, and knows roles by aws:PrincipalArn only.
        return IN_DOUBT
    return found
