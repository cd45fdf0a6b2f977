"""Which kinds a profile's checks need beside those that every profile's rest on.

A check of each kind (:mod:`clusterproof.profiles.checktypes`) names its kinds itself, or needs those by which it is
decided. What mends a failure names kinds too; these are made, not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind

IDENTITIES: tuple[Kind[Any], ...] = (
    *(kinds.ROLES, kinds.POLICIES, kinds.INSTANCE_PROFILES, kinds.OIDC_PROVIDERS, kinds.ORGANIZATIONS),
    *(kinds.POD_IDENTITY_ASSOCIATIONS, kinds.SERVICE_ACCOUNTS),
)
"""Kinds by which it is decided which role somebody has, and what it may do."""
RESOURCES: Mapping[str, tuple[Kind[Any], ...]] = {
    "sqs": (kinds.QUEUES,),
    "s3": (kinds.BUCKETS,),
    "kms": (kinds.KEYS, kinds.QUEUES, kinds.BUCKETS),
}
"""Kinds whose objects have policies of their own, by the service's prefix; keys are those that queues and buckets name."""
COMPONENTS: tuple[Kind[Any], ...] = (kinds.HELM_RELEASES, kinds.ADDONS, kinds.CRDS)
"""Kinds that tell which version of a component is installed."""
WAYS_OUT: tuple[Kind[Any], ...] = (kinds.ROUTE_TABLES, kinds.NAT_GATEWAYS, kinds.VPC_ENDPOINTS)
"""Kinds that tell how subnets reach what is outside of their VPC."""
_LISTED = {kind.name: (names.name,) for kind, names, _ in kinds.DESCRIBED} | {
    kinds.QUEUES.name: (kinds.QUEUE_URLS.name,),
    kinds.POLICIES.name: (kinds.ROLES.name,),
}
"""Kinds that are read for the names that another kind tells."""


def asked_kinds(profile: Any) -> set[str]:
    """The names of the kinds that a profile's checks and parameters need.

    Args:
        profile: a :class:`clusterproof.profiles.model.Profile`.
    """
    named = {name for requirement in profile.requirements for name in kinds_of_check(requirement.check)}
    for parameter in profile.parameters.values():
        named.update(parameter.using)
    if kinds.KEYS.name in named and not named & {kinds.QUEUES.name, kinds.BUCKETS.name}:
        named.update((kinds.QUEUES.name, kinds.BUCKETS.name))  # which keys there are is told by what they encrypt
    for name in sorted(named):
        named.update(_LISTED.get(name, ()))
    return named


def kinds_of_check(check: Any) -> Iterator[str]:
    """The names of the kinds that one check needs, by its only member that is set."""
    if check.cel is not None:
        yield from check.cel.kinds
    if check.reach is not None:
        yield from _of_ends(check.reach)
    if check.each is not None:
        yield check.each.of
        yield from check.each.using
    if check.installed is not None:
        yield from check.installed.using
        yield from _names(COMPONENTS)
    if check.identity is not None or check.scope is not None or check.effective is not None:
        yield from _names(IDENTITIES)
    if check.access is not None:
        yield from _names((*IDENTITIES, kinds.VPC_ENDPOINTS))
        for service in sorted({action.partition(":")[0].lower() for action in check.access.actions}):
            yield from _names(RESOURCES.get(service, ()))
        yield from _named_in((*check.access.actions, *check.access.resources, *check.access.given.values()))
    if check.scope is not None:
        yield from _named_in(check.scope.within)
    if check.lets_out is not None:
        yield kinds.VPC_ENDPOINTS.name
    if check.subnets is not None:
        yield from _names(WAYS_OUT)


def _named_in(texts: Iterable[str]) -> Iterator[str]:
    """The kinds that expressions in ``${...}`` name, as CEL writes them."""
    words = {word for text in texts if "${" in text for word in re.findall(r"[A-Za-z_]+", text)}
    return (kind.name for kind in kinds.ALL if kind.name.replace("-", "_") in words)


def _of_ends(reach: Any) -> Iterator[str]:
    """The kinds that the ends of a path need, which no other path does."""
    yield from reach.to.services_of
    if reach.from_.load_balancer or reach.by == "load-balancer":
        yield from _names(kinds.BALANCERS)


def _names(found: Iterable[Kind[Any]]) -> Iterator[str]:
    return (kind.name for kind in found)
