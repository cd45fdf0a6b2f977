"""All cluster-wide policies of a world, and what one tier says of a flow.

Policies are asked by priority, the lowest number first, rules from the top; the first match decides, Pass leaves the
tier (network-policy-api, ``clusternetworkpolicy_types.go``). What is not known leaves several verdicts possible, and
all of them are given. Two policies of one priority that disagree are such a case: the API says that either may win.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Literal, NamedTuple

import msgspec

from clusterproof.reach.addresses import AddressError, AddressSet
from clusterproof.reach.adminpolicy.model import AdminPolicy, AdminRule, Tier
from clusterproof.reach.networkpolicy.model import Dialect, Direction, Peer
from clusterproof.reach.networkpolicy.rules import Flow, admits, ports_match, select, select_namespace
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.world.selectors import Truth, all_of, any_of

Saying = Literal["allow", "deny", "next"]
_WORDS = {"allow": "allows", "deny": "denies", "pass": "passes on"}
_RANK = {"deny": 0, "allow": 1, "next": 2}
"""Where priorities are equal the VPC CNI's agent takes Deny before Accept before Pass."""


class Option(NamedTuple):
    """What a tier may say: the flow passes, is refused, or the next tier is asked; and by which rule."""

    says: Saying
    text: str = ""
    refs: tuple[Ref, ...] = ()


class Verdict(NamedTuple):
    """All that a tier may say of a flow; one option where nothing is in doubt, else why there are more."""

    options: tuple[Option, ...]
    doubt: Unknown | None = None


NEXT = Verdict((Option("next"),))


class _First(NamedTuple):
    """What the first match in one policy may be; ``none``: maybe no rule matches, or it does not select the pod."""

    options: dict[Saying, Option]
    none: bool
    doubt: Unknown | None


class AdminIndex:
    """Answers for one tier at a time.

    Args:
        policies: all that something enforces, in any order.
        dialect: what of addresses and cluster addresses the engine sees.
        ordered: whether the engine keeps the order of rules inside a policy. The VPC CNI's agent gives all rules of
            a policy one priority (aws-network-policy-agent, ``clusterpolicyendpoints`` controller and ``pkg/ebpf/c``).
    """

    def __init__(self, policies: Iterable[AdminPolicy], dialect: Dialect, *, ordered: bool = True) -> None:
        # Networks match pods and nodes as well; selectors never match host-network pods.
        self._dialect = msgspec.structs.replace(
            dialect, ip_block_matches_pods=True, ip_block_matches_nodes=True, selectors_match_host_pods=False
        )
        self._ordered = ordered
        found = sorted(policies, key=lambda one: (one.tier, one.priority, one.kind, one.ref.key))
        self._tiers: dict[Tier, tuple[AdminPolicy, ...]] = {
            "Admin": tuple(one for one in found if one.tier == "Admin"),
            "Baseline": tuple(one for one in found if one.tier == "Baseline"),
        }

    def __bool__(self) -> bool:
        return any(self._tiers.values())

    def has(self, tier: Tier) -> bool:
        """Whether a tier holds any policy."""
        return bool(self._tiers[tier])

    def selecting(self, direction: Direction, subject: Peer) -> list[AdminPolicy]:
        """The policies of both tiers that select a pod, or may, and have rules for a direction."""
        return [
            policy
            for policies in self._tiers.values()
            for policy in policies
            if policy.rules[direction] and self._selects(policy, subject) is not False
        ]

    def parts(self, direction: Direction, subject: Peer, other: Peer) -> tuple[Peer, ...]:
        """The far side, cut where a network of some rule holds a part of its addresses only."""
        pieces = [other.addresses]
        for policy in self.selecting(direction, subject) if other.addresses else ():
            for rule in policy.rules[direction]:
                for peer in rule.rule.peers:
                    if peer.ip_block is not None:
                        pieces = [part for piece in pieces for part in _cut(piece, peer.ip_block.cidr)]
        if len(pieces) == 1:
            return (other,)
        return tuple(msgspec.structs.replace(other, addresses=piece) for piece in pieces)

    def decide(self, tier: Tier, flow: Flow) -> Verdict:
        """What one tier says of a flow whose far side no network cuts (:meth:`parts`)."""
        options: dict[Saying, Option] = {}
        doubt: Unknown | None = None
        for priority, group in groupby(self._tiers[tier], key=lambda policy: policy.priority):
            found = [(policy, self._first(policy, flow)) for policy in group]
            found = [(policy, first) for policy, first in found if first.options]
            for _, first in found:
                for says, option in first.options.items():
                    options.setdefault(says, option)
                doubt = doubt or first.doubt
            if len({says for _, first in found for says in first.options}) > 1:
                doubt = doubt or _tie(tier, priority, [policy for policy, _ in found])
            if any(not first.none for _, first in found):
                return Verdict(tuple(options.values()), doubt if len(options) > 1 else None)
        options.setdefault("next", Option("next"))
        return Verdict(tuple(options.values()), doubt if len(options) > 1 else None)

    def crowd(self, flow: Flow) -> Unknown | None:
        """Why a rule may be lost among too many: the VPC CNI's agent holds so many entries for each address."""
        most = self._dialect.max_ports
        rules = [
            (policy, rule)
            for policy in (self.selecting(flow.direction, flow.subject) if most else ())
            for rule in policy.rules[flow.direction]
        ]
        if sum(max(1, len(rule.rule.ports)) for _, rule in rules) <= most:
            return None
        held: set[tuple[object, ...]] = set()
        for policy, rule in rules:
            anywhere = msgspec.structs.replace(rule, rule=msgspec.structs.replace(rule.rule, ports=()))
            if self._matches(anywhere, flow) is not False:
                said = (policy.tier, policy.priority, str(rule.action))
                held.update((*said, one.protocol, one.port, one.end_port) for one in rule.rule.ports)
                if not rule.rule.ports:
                    held.add(said)
        if len(held) <= most:
            return None
        return Unknown(
            Cause.NOT_MODELLED,
            f"{len(held)} entries of cluster-wide policies apply to one address, more than the {most} that the agent "
            f"of the {self._dialect.name} holds",
            "use port ranges, or name fewer ports",
        )

    def _first(self, policy: AdminPolicy, flow: Flow) -> _First:
        selected = self._selects(policy, flow.subject) if policy.rules[flow.direction] else False
        options: dict[Saying, Option] = {}
        if selected is False:
            return _First(options, none=True, doubt=None)
        doubt = selected if isinstance(selected, Unknown) else None
        decided: AdminRule | None = None
        for rule in policy.rules[flow.direction]:
            truth = self._matches(rule, flow)
            if truth is False:
                continue
            if isinstance(truth, Unknown):
                doubt = doubt or truth
            if isinstance(rule.action, Unknown):
                doubt = doubt or rule.action
            said = _says(policy, rule, flow)
            if decided is None:
                for option in said:
                    options.setdefault(option.says, option)
                decided = rule if truth is True else None
                if decided is not None and self._ordered:
                    break
            else:
                strongest = min(options, key=lambda says: _RANK[says])
                for option in said:
                    if _RANK[option.says] < _RANK[strongest]:
                        options[option.says] = option
                        doubt = doubt or _unordered(policy, decided, rule)
        return _First(options, decided is None or isinstance(selected, Unknown), doubt)

    def _selects(self, policy: AdminPolicy, peer: Peer) -> Truth:
        if not peer.is_pod or peer.namespace is None:
            return False
        subject = policy.subject
        if isinstance(subject, Unknown):
            return all_of((policy.enforced, subject))
        return all_of(
            (
                policy.enforced,
                select_namespace(subject.namespaces, peer.namespace, peer.namespace_labels),
                select(subject.pods, peer.labels, peer.unknown_labels),
            )
        )

    def _matches(self, rule: AdminRule, flow: Flow) -> Truth:
        if rule.problem is not None:
            return rule.problem
        if rule.closed:
            return rule.action != "allow"
        truths: list[Truth] = []
        if rule.rule.peers:
            found = admits(rule.rule, flow, self._dialect)
            # Addresses that a network holds in part were cut apart before.
            truths.append(True if found.whole else (found.unknown or False))
        port = ports_match(rule.rule.ports, flow.port, flow.protocol, None)
        truths += [
            all_of((port, _node(selector.match_labels or selector.match_expressions, flow.other)))
            for selector in rule.nodes
        ]
        if rule.domains:
            truths.append(all_of((port, _domain(flow.other))))
        return any_of(truths)


def _cut(piece: AddressSet, cidr: str) -> tuple[AddressSet, ...]:
    try:
        space = AddressSet.of(cidr)
    except AddressError:
        return (piece,)
    return (piece & space, piece - space) if space.covers(piece) == "some" else (piece,)


def _node(narrowed: object, other: Peer) -> Truth:
    """Whether a selector of nodes matches the far side; pods with the node's address count as it."""
    if other.is_pod:
        return False
    if other.host_network:
        what = f"the labels of the node that {other} is on were not compared with the policy's node selector"
        return Unknown(Cause.NOT_MODELLED, what) if narrowed else True
    return Unknown(Cause.NOT_ANSWERABLE, f"whether {other} is the address of a node is not known")


def _domain(other: Peer) -> Truth:
    if other.is_pod or other.host_network:
        return False  # domain names stand for what is outside the cluster
    return Unknown(Cause.NOT_ANSWERABLE, f"whether a domain name of the policy leads to {other} is not known")


def _says(policy: AdminPolicy, rule: AdminRule, flow: Flow) -> tuple[Option, ...]:
    """What a rule says when it matches; everything where its action is no word of the API."""
    refs = (Ref(policy.ref.kind, policy.ref.key, rule.rule.field, rule.rule.text if rule.rule.peers else ""),)
    if isinstance(rule.action, Unknown):
        return tuple(Option(says, rule.action.detail, refs) for says in ("allow", "deny", "next"))
    action = "deny" if rule.closed else rule.action
    far = "{other}".join(("from ", "") if flow.direction == "ingress" else ("to ", ""))
    where = f"{policy.tier} tier, priority {policy.priority}, {rule.rule.field}"
    text = f"{policy.title} ({where}) {_WORDS[action]} {flow.protocol} {flow.port} {far}"
    return (Option("next" if action == "pass" else action, text, refs),)


def _tie(tier: Tier, priority: int, policies: list[AdminPolicy]) -> Unknown:
    named = " and ".join(policy.title for policy in policies)
    return Unknown(
        Cause.NOT_ANSWERABLE,
        f"{named} have one priority ({priority}) in the {tier} tier and say different things: either may win",
        "give them different priorities",
    )


def _unordered(policy: AdminPolicy, first: AdminRule, other: AdminRule) -> Unknown:
    return Unknown(
        Cause.NOT_ANSWERABLE,
        f"{policy.title}: {first.rule.field} and {other.rule.field} both match; the API lets the first decide, the VPC "
        "CNI's agent gives all rules of a policy one priority and takes Deny before Accept before Pass",
        "put them into two policies with different priorities",
    )
