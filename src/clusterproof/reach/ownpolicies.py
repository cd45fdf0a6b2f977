"""Policies whose rules are not modelled, and the pods that they select: Calico's, Cilium's, ApplicationNetworkPolicy.

What such a policy selects is unknown, in the directions that it has rules for, and nothing else is. A selector that
is not understood may select every pod of the policy's scope.
Sources: Cilium documentation, "Layer 3 Policies" and "Using Kubernetes Constructs In Policy" (label prefixes);
Calico documentation, "Network policy" and "Global network policy" (``selector``, ``types`` and their defaults).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from clusterproof.reach.networkpolicy.model import Direction, Peer
from clusterproof.reach.networkpolicy.rules import select, select_namespace
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.kubernetes import LabelSelector, OtherPolicy, SelectorRequirement
from clusterproof.world.selectors import Truth, all_of, any_of

_BOTH: tuple[Direction, ...] = ("ingress", "egress")
_ALL = LabelSelector()
_CLAUSE = re.compile(r"([\w./-]+)\s*(==|!=)\s*(?:'([^']*)'|\"([^\"]*)\")$|(!?)\s*has\(\s*([\w./-]+)\s*\)$")


class _Selects(NamedTuple):
    """Pods that a policy selects: all parts must match; a part that is None is not understood.

    ``namespace`` is the policy's own, empty for one of the whole cluster. ``hosts``: nodes may be selected, too.
    """

    namespace: str
    pods: LabelSelector | None
    namespaces: LabelSelector | None
    directions: tuple[Direction, ...]
    hosts: bool = False


class OwnPolicy(msgspec.Struct, frozen=True):
    """One object and what it selects; several where it holds several policies."""

    title: str
    ref: Ref
    parts: tuple[_Selects, ...]


class OwnPolicies:
    """Answers which pods are selected by policies that are not modelled.

    Args:
        objects: kinds that something enforces (or may), with their objects; why it is not known whether it does.
    """

    def __init__(self, objects: Iterable[tuple[Kind[OtherPolicy], OtherPolicy, Unknown | None]]) -> None:
        self._policies = [(_own(kind, policy), why) for kind, policy, why in objects]

    def __bool__(self) -> bool:
        return bool(self._policies)

    def selecting(self, direction: Direction, peer: Peer) -> tuple[Unknown, tuple[Ref, ...]] | None:
        """Why what policies say of a pod in a direction is not known, and which; None where none selects it."""
        refs: list[Ref] = []
        found: Unknown | None = None
        for policy, why in self._policies:
            truth = any_of(_selected(part, direction, peer) for part in policy.parts)
            if truth is False:
                continue
            refs.append(policy.ref)
            word = "selects" if truth is True else "may select"
            detail = f"{policy.title} {word} {peer}, and its rules are not modelled"
            found = found or Unknown(Cause.NOT_MODELLED, f"{detail}; {why.detail}" if why else detail)
        return None if found is None else (found, tuple(refs))


def _selected(part: _Selects, direction: Direction, peer: Peer) -> Truth:
    if direction not in part.directions:
        return False
    unclear = Unknown(Cause.NOT_MODELLED, "its selector is not understood")
    if not peer.is_pod or peer.namespace is None:
        return unclear if part.hosts and peer.host_network else False
    if part.namespace and part.namespace != peer.namespace:
        return False
    spaces = (
        unclear if part.namespaces is None else select_namespace(part.namespaces, peer.namespace, peer.namespace_labels)
    )
    pods = unclear if part.pods is None else select(part.pods, peer.labels, peer.unknown_labels)
    return all_of((spaces, pods))


def _own(kind: Kind[OtherPolicy], policy: OtherPolicy) -> OwnPolicy:
    metadata = policy.metadata
    key = f"{metadata.namespace}/{metadata.name}" if kind.namespaced else metadata.name
    specs = [*([policy.spec] if policy.spec else []), *policy.specs]
    space = metadata.namespace if kind.namespaced else ""
    read = {"crd.projectcalico.org": _calico, "cilium.io": _cilium, "networking.k8s.aws": _application}[kind.group]
    # Of an object without its spec nothing is known.
    parts = tuple(read(space, spec) for spec in specs) or (_Selects(space, None, _ALL, _BOTH, hosts=not space),)
    return OwnPolicy(f"{kind.wire} {key} ({kind.group})", Ref(kind.name, key), parts)


def _application(space: str, spec: dict[str, Any]) -> _Selects:
    return _Selects(space, _labels(spec.get("podSelector", {})), _ALL, _types(spec, spec.get("policyTypes")))


def _cilium(space: str, spec: dict[str, Any]) -> _Selects:
    directions = tuple(way for way in _BOTH if way in spec or f"{way}Deny" in spec)
    if "nodeSelector" in spec:
        return _Selects("", _NO_POD, _ALL, directions or _BOTH, hosts=True)
    return _Selects(space, _cilium_labels(spec.get("endpointSelector")), _ALL, directions or _BOTH)


_NO_POD = LabelSelector(
    match_expressions=(SelectorRequirement("-", "Exists"), SelectorRequirement("-", "DoesNotExist"))
)
"""Selects nothing: such a policy is for nodes alone."""


def _cilium_labels(raw: Any) -> LabelSelector | None:
    """An endpoint selector as a label selector; None where it names other labels than those of the pod."""
    found = _labels(raw)
    if found is None:
        return None
    keys = [*found.match_labels, *(one.key for one in found.match_expressions)]
    if any(_bare(key) is None for key in keys):
        return None
    labels = {_bare(key) or "": value for key, value in found.match_labels.items()}
    expressions = tuple(msgspec.structs.replace(one, key=_bare(one.key) or "") for one in found.match_expressions)
    return LabelSelector(labels, expressions)


def _bare(key: str) -> str | None:
    """A label's key without its source; None for labels that Cilium gives itself."""
    source, colon, rest = key.partition(":")
    name = rest if colon else key
    if (colon and source not in ("k8s", "any")) or name.startswith(("io.kubernetes.", "io.cilium.")):
        return None
    return name


def _calico(space: str, spec: dict[str, Any]) -> _Selects:
    accounts = spec.get("serviceAccountSelector") or ""
    pods = _expression(spec.get("selector") or "") if not accounts else None
    spaces = _expression(spec.get("namespaceSelector") or "")
    if spaces is not None and any(key.startswith("projectcalico.org/") for key in _keys(spaces)):
        spaces = None
    if pods is not None and any(key.startswith("projectcalico.org/") for key in _keys(pods)):
        pods = None
    # Host endpoints are not read: a policy of the whole cluster may select them.
    return _Selects(
        space, pods, spaces, _types(spec, spec.get("types")), hosts=not space and not spec.get("namespaceSelector")
    )


def _types(spec: dict[str, Any], types: Any) -> tuple[Direction, ...]:
    """As listed; without a list ingress, and egress where it has rules: never fewer than the API's own default."""
    if isinstance(types, list) and types:
        return tuple(way for way in _BOTH if way.capitalize() in types)
    return _BOTH if spec.get("egress") else ("ingress",)


def _expression(text: Any) -> LabelSelector | None:
    """A Calico selector of clauses joined by ``&&``; None for anything else."""
    if not isinstance(text, str):
        return None
    found: list[SelectorRequirement] = []
    for clause in map(str.strip, text.split("&&")):
        if clause in ("", "all()"):
            continue
        match = _CLAUSE.match(clause)
        if match is None:
            return None
        key, operator, single, double, negated, present = match.groups()
        if key:
            value = single if single is not None else double
            found.append(SelectorRequirement(key, "In" if operator == "==" else "NotIn", (value,)))
        else:
            found.append(SelectorRequirement(present, "DoesNotExist" if negated else "Exists"))
    return LabelSelector(match_expressions=tuple(found))


def _keys(selector: LabelSelector) -> list[str]:
    return [*selector.match_labels, *(one.key for one in selector.match_expressions)]


def _labels(raw: Any) -> LabelSelector | None:
    if not isinstance(raw, dict) or set(raw) - {"matchLabels", "matchExpressions"}:
        return None
    try:
        return msgspec.convert(raw, LabelSelector)
    except msgspec.ValidationError:
        return None
