"""Who asks and what it may: the reviews that every authenticated caller may make of itself.

Kubernetes documentation, "Authenticating" (SelfSubjectReview) and "Authorization Overview"
(SelfSubjectAccessReview, SelfSubjectRulesReview); ``system:basic-user`` grants them.
"""

from __future__ import annotations

from typing import Any

import msgspec

from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.kubernetes_api.client import Client, Stopped
from clusterproof.sources.kubernetes_api.discovery import group_of, resource_of

_AUTHENTICATION, _AUTHORIZATION = "authentication.k8s.io", "authorization.k8s.io/v1"


class _User(msgspec.Struct):
    username: str = ""
    groups: list[str] = []


class _SelfStatus(msgspec.Struct, rename="camel"):
    user_info: _User


class _Self(msgspec.Struct):
    status: _SelfStatus


class _AccessStatus(msgspec.Struct):
    allowed: bool


class _Access(msgspec.Struct):
    status: _AccessStatus


class _Rule(msgspec.Struct, rename="camel"):
    verbs: list[str] = []
    api_groups: list[str] | None = None
    resources: list[str] | None = None
    resource_names: list[str] | None = None


class _RulesStatus(msgspec.Struct, rename="camel"):
    resource_rules: list[_Rule] | None = None
    incomplete: bool = False


class _Rules(msgspec.Struct):
    status: _RulesStatus


def who(client: Client, until: float) -> tuple[str, tuple[str, ...]]:
    """The user name and groups that the API server takes the caller for.

    Raises:
        Stopped: it does not say.
    """
    last = Stopped(Cause.NOT_ANSWERABLE, "the API server serves no selfsubjectreviews", status=404)
    for version in ("v1", "v1beta1"):  # v1 since Kubernetes 1.28
        group_version = f"{_AUTHENTICATION}/{version}"
        body = {"apiVersion": group_version, "kind": "SelfSubjectReview"}
        try:
            found = client.ask(f"/apis/{group_version}/selfsubjectreviews", _Self, until=until, body=body)
        except Stopped as stopped:
            if stopped.status != 404:
                raise
            last = stopped
            continue
        return found.status.user_info.username, tuple(found.status.user_info.groups)
    raise last


def may_list(client: Client, kind: Kind[Any], until: float) -> bool | None:
    """Whether a kind may be listed everywhere; None when the server does not say."""
    body = {
        "apiVersion": _AUTHORIZATION,
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {"verb": "list", "group": group_of(kind), "resource": resource_of(kind)}},
    }
    try:
        return client.ask(
            f"/apis/{_AUTHORIZATION}/selfsubjectaccessreviews", _Access, until=until, body=body
        ).status.allowed
    except Stopped:
        return None


class Rules(msgspec.Struct, frozen=True):
    """What a caller may list in one namespace.

    Attributes:
        granted: (group, resource) pairs, ``*`` for any.
        whole: whether these are all; EKS's own authorizer, for one, cannot enumerate what it grants.
    """

    granted: frozenset[tuple[str, str]]
    whole: bool

    def refuses(self, kind: Kind[Any]) -> bool:
        """Whether listing a kind is certainly refused, so that it need not be tried."""
        if not self.whole:
            return False
        return not any(
            (group, resource) in self.granted
            for group in (group_of(kind), "*")
            for resource in (resource_of(kind), "*")
        )


def rules(client: Client, namespace: str, until: float) -> Rules:
    """What may be listed in a namespace; nothing is certain where the server does not say."""
    body = {"apiVersion": _AUTHORIZATION, "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}}
    try:
        status = client.ask(f"/apis/{_AUTHORIZATION}/selfsubjectrulesreviews", _Rules, until=until, body=body).status
    except Stopped:
        return Rules(frozenset(), whole=False)
    granted = {
        (group, resource)
        for rule in status.resource_rules or ()
        if ("list" in rule.verbs or "*" in rule.verbs) and not rule.resource_names
        for group in rule.api_groups or ()
        for resource in rule.resources or ()
    }
    return Rules(frozenset(granted), whole=not status.incomplete)
