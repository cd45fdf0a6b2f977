"""The least rights that reading live needs, derived from the registry that the readers use.

Every call that reads a kind needs the permission that the registry names for it, or one
of the further ones where an object is made of several answers. The readers make no other
calls that need one: ``sts:GetCallerIdentity`` cannot be denied, and Kubernetes lets
everyone who is authenticated ask for its version, its API groups and their own rights
(ClusterRoles ``system:public-info-viewer``, ``system:discovery`` and
``system:basic-user``). ``eks:ListClusters`` is asked for only where no cluster is named,
or the one that is named is not there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from clusterproof.snapshot import kinds as registry
from clusterproof.snapshot.kinds import ALL, BY_NAME, HELM_RELEASES, Kind
from clusterproof.sources.asking import asked_kinds

ROLE = "clusterproof-reader"
GROUP = "clusterproof-readers"

_SECRETS = """\
  # Helm keeps its releases in Secrets; only those of type helm.sh/release.v1 are asked for, which RBAC cannot say.
  # Without this rule versions are unknown: name them with --set.
"""


ON_REQUEST: tuple[Kind[Any], ...] = (
    registry.ADDONS,
    registry.ADDON_NAMES,
    registry.POD_IDENTITY_ASSOCIATIONS,
    registry.POD_IDENTITY_ASSOCIATION_IDS,
    *registry.CALLERS,
    *registry.BALANCERS,
    *registry.REQUESTED,
)
"""Kinds that are read for a profile only where it asks: in an expression that names them, or as the end of a path."""


def needed_kinds(profile: Any = None) -> tuple[Kind[Any], ...]:
    """The kinds that checking a profile reads, in the registry's order.

    All that placement, reachability and the world read, whatever the profile asks: a path decides every layer that
    lies on it, and which one decides is known only afterwards. To these come the kinds that the profile's own checks
    need (:func:`clusterproof.sources.asking.asked_kinds`).

    Args:
        profile: a :class:`clusterproof.profiles.model.Profile`, or None for what any profile may ask of AWS.
    """
    from clusterproof.sources.kubernetes_api.options import READ

    named = asked_kinds(profile) if profile is not None else set()
    always = {kind.name for kind in ALL if (kind.origin == "aws" or kind in READ) and kind not in ON_REQUEST}
    chosen = always | named | ({kind.name for kind in ON_REQUEST} if profile is None else set())
    return tuple(kind for kind in ALL if kind.name in chosen and kind.name in BY_NAME)


def rules(kinds: Iterable[Kind[Any]]) -> dict[str, tuple[str, ...]]:
    """RBAC: resources to list by API group, both sorted."""
    found: dict[str, set[str]] = {}
    for kind in kinds:
        if kind.origin == "kubernetes":
            resource, _, group = kind.permission.removeprefix("list ").partition(".")
            found.setdefault(group, set()).add(resource)
    return {group: tuple(sorted(found[group])) for group in sorted(found)}


def actions(kinds: Iterable[Kind[Any]]) -> tuple[str, ...]:
    """IAM: the actions, sorted; of objects that are the answers of several calls, those of all of them."""
    return tuple(sorted({action for kind in kinds if kind.origin == "aws" for action in (kind.permission, *kind.also)}))


def rbac(kinds: Iterable[Kind[Any]], *, group: str = GROUP, logs: bool = False) -> str:
    """A ClusterRole with these rights and its binding, as YAML for ``kubectl apply -f -``.

    Args:
        kinds: what is read; kinds of AWS are left out.
        group: the group of users that the role is bound to.
        logs: also the logs of pods, which ``diagnose`` reads.
    """
    kinds = tuple(kinds)
    lines = [
        "apiVersion: rbac.authorization.k8s.io/v1",
        "kind: ClusterRole",
        "metadata:",
        f"  name: {ROLE}",
        "rules:",
    ]
    secrets = HELM_RELEASES.permission.removeprefix("list ")
    for api_group, resources in rules(kinds).items():
        plain = [name for name in resources if api_group or name != secrets]
        if plain:
            lines += _rule(api_group, plain, "list")
        if len(plain) < len(resources):
            lines += [_SECRETS.rstrip("\n"), *_rule("", [secrets], "list")]
    if logs:
        lines += _rule("", ["pods/log"], "get")
    if lines[-1] == "rules:":
        lines[-1] = "rules: []"
    lines += [
        "---",
        "apiVersion: rbac.authorization.k8s.io/v1",
        "kind: ClusterRoleBinding",
        "metadata:",
        f"  name: {ROLE}",
        "roleRef:",
        "  apiGroup: rbac.authorization.k8s.io",
        "  kind: ClusterRole",
        f"  name: {ROLE}",
        "subjects:",
        "  - apiGroup: rbac.authorization.k8s.io",
        "    kind: Group",
        f"    name: {group}",
    ]
    return "\n".join(lines) + "\n"


def iam(kinds: Iterable[Kind[Any]]) -> str:
    """An IAM policy with these rights, as JSON for ``aws iam create-policy --policy-document``.

    The resource is ``*``: EC2's and Auto Scaling's describing calls know no other (Service Authorization Reference,
    "Actions defined by Amazon EC2").
    """
    by_service: dict[str, list[str]] = {}
    for action in actions(kinds):
        by_service.setdefault(action.partition(":")[0], []).append(action)
    statements = [
        {"Sid": f"Read{service.capitalize()}", "Effect": "Allow", "Action": found, "Resource": "*"}
        for service, found in by_service.items()
    ]
    policy = {"Version": "2012-10-17", "Statement": statements}
    return msgspec.json.format(msgspec.json.encode(policy), indent=2).decode() + "\n"


def _rule(group: str, resources: list[str], verb: str) -> list[str]:
    return [
        f'  - apiGroups: ["{group}"]',
        f"    resources: [{', '.join(resources)}]",
        f"    verbs: [{verb}]",
    ]
