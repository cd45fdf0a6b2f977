"""Cluster-wide policies as one shape, whichever version of the API they are written in.

v1alpha1 says Allow and ``ports`` (AdminNetworkPolicy and BaselineAdminNetworkPolicy of policy.networking.k8s.io),
v1alpha2 and v1beta1 say Accept and ``protocols``; ClusterNetworkPolicy of networking.k8s.aws says Accept and
``ports`` (aws/amazon-network-policy-controller-k8s, ``api/v1alpha1``). A member that is in none of them makes unknown
what it stands in, never nothing.
Source: kubernetes-sigs/network-policy-api, ``apis/v1alpha1``, ``apis/v1alpha2``, ``apis/v1beta1``.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from clusterproof.errors import ClusterproofError
from clusterproof.reach.networkpolicy.model import Direction
from clusterproof.reach.networkpolicy.rules import Rule
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.kubernetes import (
    IPBlock,
    LabelSelector,
    NetworkPolicyPeer,
    NetworkPolicyPort,
    OtherPolicy,
)
from clusterproof.world.selectors import Truth

Tier = Literal["Admin", "Baseline"]
Action = Literal["allow", "deny", "pass"]

EVERYTHING = LabelSelector()
ACTIONS: dict[str, Action] = {"Accept": "allow", "Allow": "allow", "Deny": "deny", "Pass": "pass"}
_ALL_PROTOCOLS = ("TCP", "UDP", "SCTP")
_PEERS = frozenset({"namespaces", "pods", "nodes", "networks", "domainNames"})


class Selection(msgspec.Struct, frozen=True):
    """Pods by the labels of their namespace and their own; host-network pods are never among them."""

    namespaces: LabelSelector
    pods: LabelSelector = EVERYTHING


class AdminRule(msgspec.Struct, frozen=True):
    """One rule.

    Attributes:
        rule: its place, its ports, and those of its peers that select pods or addresses.
        action: what it does with what it matches; unknown where it is no word of the API.
        nodes: label selectors of nodes, each a peer of its own.
        domains: it has domain names as peers: of no address it can be said whether one of them leads there.
        closed: a peer has no member that the API knows: the rule then denies everything.
        problem: why what it matches is not known.
    """

    rule: Rule
    action: Action | Unknown
    nodes: tuple[LabelSelector, ...] = ()
    domains: bool = False
    closed: bool = False
    problem: Unknown | None = None


class AdminPolicy(msgspec.Struct, frozen=True):
    """One policy, prepared.

    Attributes:
        kind: as on the wire.
        ref: the object.
        priority: the lowest number is asked first; -1 where it is not known.
        subject: whom it selects.
        rules: per direction, in their order.
        enforced: whether the cluster's engine reads it; unknown: it may have no effect.
    """

    kind: str
    ref: Ref
    tier: Tier
    priority: int
    subject: Selection | Unknown
    rules: dict[Direction, tuple[AdminRule, ...]]
    enforced: Truth = True

    @property
    def title(self) -> str:
        """In words, e.g. ``ClusterNetworkPolicy deny-all``."""
        return f"{self.kind} {self.ref.key}"


class _OddError(ClusterproofError):
    """Something that is not in the API."""


def policy_of(kind: Kind[OtherPolicy], policy: OtherPolicy, enforced: Truth = True) -> AdminPolicy:
    """One object of AdminNetworkPolicy, BaselineAdminNetworkPolicy or either ClusterNetworkPolicy.

    Args:
        kind: which of them.
        policy: the object.
        enforced: whether the cluster's engine reads objects of the kind.
    """
    spec, name = policy.spec, policy.metadata.name
    who = f"{kind.wire} {name}"
    tier = {"AdminNetworkPolicy": "Admin", "BaselineAdminNetworkPolicy": "Baseline"}.get(kind.wire, spec.get("tier"))
    priority = 0 if kind.wire == "BaselineAdminNetworkPolicy" else spec.get("priority")
    problem: Unknown | None = None
    if not spec:
        problem = Unknown(Cause.NOT_COLLECTED, f"the spec of {who} was not read", f"run: {kind.command}")
    elif tier not in ("Admin", "Baseline"):
        problem = _odd(who, f"tier {tier!r}")
    elif not isinstance(priority, int):
        problem = _odd(who, f"priority {priority!r}")
    subject: Selection | Unknown
    try:
        subject = _selection(spec.get("subject"), exactly=True) if spec else Selection(EVERYTHING)
    except _OddError as error:
        subject = _odd(who, str(error))
    # Named ports have no protocol in the upstream API; AWS's controller takes TCP (its clusternetworkpolicy_resolver).
    named = ("TCP",) if kind.group == "networking.k8s.aws" else _ALL_PROTOCOLS
    both: tuple[Direction, ...] = ("ingress", "egress")
    return AdminPolicy(
        kind.wire,
        Ref(kind.name, name),
        "Baseline" if tier == "Baseline" else "Admin",
        priority if problem is None and isinstance(priority, int) else -1,
        subject,
        {direction: _rules(spec, direction, who, named, problem) for direction in both},
        enforced,
    )


def _odd(who: str, what: str) -> Unknown:
    return Unknown(Cause.NOT_MODELLED, f"{who}: {what} is not in the API that is modelled", "correct the policy")


def _rules(
    spec: dict[str, Any], direction: Direction, who: str, named: tuple[str, ...], problem: Unknown | None
) -> tuple[AdminRule, ...]:
    if problem is not None:
        return (AdminRule(Rule(f"spec.{direction}", "", (), ()), problem, problem=problem),)
    found = spec.get(direction) or []
    if not isinstance(found, list):
        odd = _odd(who, f"spec.{direction}")
        return (AdminRule(Rule(f"spec.{direction}", "", (), ()), odd, problem=odd),)
    return tuple(_rule(raw, f"spec.{direction}[{number}]", who, named) for number, raw in enumerate(found))


def _rule(raw: Any, field: str, who: str, named: tuple[str, ...]) -> AdminRule:
    action: Action | Unknown = _odd(who, f"{field}.action")
    try:
        members = _members(raw, field, {"name", "action", "from", "to", "ports", "protocols"})
        action = ACTIONS.get(members.get("action", ""), action)
        raws = members.get("from" if ".ingress" in field else "to") or []
        peers = [_members(peer, f"a peer of {field}", _PEERS) for peer in _list(raws, field)]
        if any(not peer for peer in peers):
            return AdminRule(Rule(field, "", (), ()), action, closed=True)
        ports = _ports(members, field, named)
        selecting = tuple(one for peer in peers for one in _selecting(peer))
        nodes = tuple(_selector(peer["nodes"]) for peer in peers if "nodes" in peer)
        return AdminRule(Rule(field, "", selecting, ports), action, nodes, any("domainNames" in p for p in peers))
    except _OddError as error:
        return AdminRule(Rule(field, "", (), ()), action, problem=_odd(who, str(error)))


def _selecting(peer: dict[str, Any]) -> tuple[NetworkPolicyPeer, ...]:
    """The pods or addresses of a peer, as a NetworkPolicy would say them: selectors always with a namespace's."""
    if "networks" in peer:
        return tuple(NetworkPolicyPeer(ip_block=IPBlock(cidr)) for cidr in _list(peer["networks"], "networks", str))
    if "namespaces" in peer or "pods" in peer:
        found = _selection(peer, exactly=True)
        return (NetworkPolicyPeer(pod_selector=found.pods, namespace_selector=found.namespaces),)
    return ()


def _selection(raw: Any, *, exactly: bool) -> Selection:
    members = _members(raw, "a selection of pods", {"namespaces", "pods"})
    if exactly and len(members) != 1:
        raise _OddError("a selection of both or neither of namespaces and pods")
    if "namespaces" in members:
        return Selection(_selector(members["namespaces"]))
    inner = _members(members["pods"], "pods", {"namespaceSelector", "podSelector"})
    return Selection(_selector(inner.get("namespaceSelector", {})), _selector(inner.get("podSelector", {})))


def _selector(raw: Any) -> LabelSelector:
    _members(raw, "a label selector", {"matchLabels", "matchExpressions"})
    try:
        return msgspec.convert(raw, LabelSelector)
    except msgspec.ValidationError as error:
        raise _OddError(f"a label selector ({error})") from error


def _ports(members: dict[str, Any], field: str, named: tuple[str, ...]) -> tuple[NetworkPolicyPort, ...]:
    """None at all match every port; ``ports`` is v1alpha1's and AWS's, ``protocols`` v1alpha2's."""
    if members.get("ports") and members.get("protocols"):
        raise _OddError(f"ports and protocols in {field}")
    found: list[NetworkPolicyPort] = []
    for raw in _list(members.get("ports") or [], f"{field}.ports"):
        port = _members(raw, f"a port of {field}", {"portNumber", "portRange", "namedPort"})
        if len(port) != 1:
            raise _OddError(f"a port of {field}")
        if "namedPort" in port:
            found += [NetworkPolicyPort(protocol, str(port["namedPort"])) for protocol in named]
        elif "portNumber" in port:
            one = _members(port["portNumber"], f"a port of {field}", {"protocol", "port"})
            found.append(NetworkPolicyPort(_protocol(one), _number(one, "port")))
        else:
            found.append(_range(port["portRange"], _protocol(port["portRange"]), field))
    for raw in _list(members.get("protocols") or [], f"{field}.protocols"):
        one = _members(raw, f"a protocol of {field}", {"tcp", "udp", "sctp", "destinationNamedPort"})
        if len(one) != 1:
            raise _OddError(f"a protocol of {field}")
        ((word, content),) = one.items()
        if word == "destinationNamedPort":
            found += [NetworkPolicyPort(protocol, str(content)) for protocol in named]
            continue
        inner = _members(content, f"a protocol of {field}", {"destinationPort"}).get("destinationPort")
        if inner is None:
            found.append(NetworkPolicyPort(word.upper()))
            continue
        wanted = _members(inner, f"a port of {field}", {"number", "range"})
        if "number" in wanted:
            found.append(NetworkPolicyPort(word.upper(), _number(wanted, "number")))
        else:
            found.append(_range(wanted.get("range"), word.upper(), field))
    return tuple(found)


def _range(raw: Any, protocol: str, field: str) -> NetworkPolicyPort:
    members = _members(raw, f"a port range of {field}", {"protocol", "start", "end"})
    return NetworkPolicyPort(protocol, _number(members, "start"), _number(members, "end"))


def _protocol(raw: Any) -> str:
    found = raw.get("protocol", "TCP") if isinstance(raw, dict) else None
    if found not in _ALL_PROTOCOLS:
        raise _OddError(f"protocol {found!r}")
    return str(found)


def _number(members: dict[str, Any], name: str) -> int:
    found = members.get(name)
    if not isinstance(found, int) or isinstance(found, bool):
        raise _OddError(f"{name} {found!r}")
    return found


def _members(raw: Any, what: str, known: frozenset[str] | set[str]) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise _OddError(f"{what}, which is no object")
    strange = sorted(set(raw) - known)
    if strange:
        raise _OddError(f"{strange[0]!r} in {what}")
    return raw


def _list(raw: Any, what: str, of: type[Any] = object) -> list[Any]:
    if not isinstance(raw, list) or not all(isinstance(item, of) for item in raw):
        raise _OddError(f"{what}, which is no list")
    return raw
