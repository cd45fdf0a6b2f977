"""NetworkPolicies prepared for questions, and classes of peers that no policy can tell apart."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from clusterproof.reach.networkpolicy.model import Direction, Peer
from clusterproof.reach.networkpolicy.rules import Rule, rule_of, selector_text
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import LabelSelector, NetworkPolicy
from clusterproof.world.selectors import Truth


class Policy(msgspec.Struct, frozen=True):
    """One policy, prepared: per direction whether it isolates, and its rules; ``ref`` is its pod selector."""

    key: str
    selector: LabelSelector
    ref: Ref
    isolates: dict[Direction, Truth]
    rules: dict[Direction, tuple[Rule, ...]]


class Isolation(NamedTuple):
    """The policies that isolate a class of pods in one direction, by name.

    Attributes:
        certain: those that select it.
        possible: those of which that cannot be said, each with why.
    """

    certain: tuple[Policy, ...] = ()
    possible: tuple[tuple[Policy, Unknown], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.certain or self.possible)


NOT_ISOLATED = Isolation()


def prepare(policy: NetworkPolicy) -> Policy:
    """One policy as its API has it, with the defaults of ``policyTypes`` filled in."""
    spec, name = policy.spec, policy.metadata.namespace
    types = spec.policy_types or (("Ingress", "Egress") if spec.egress else ("Ingress",))
    strange = [one for one in types if one not in ("Ingress", "Egress")]
    doubt: Truth = (
        Unknown(Cause.NOT_MODELLED, f"policyTypes holds {strange[0]!r}, which Kubernetes refuses", "correct the policy")
        if strange
        else False
    )
    key = f"{name}/{policy.metadata.name}"
    return Policy(
        key=key,
        selector=spec.pod_selector,
        ref=Ref("networkpolicies", key, "spec.podSelector", selector_text(spec.pod_selector)),
        isolates={
            "ingress": "Ingress" in types or doubt,
            "egress": "Egress" in types or doubt,
        },
        rules={
            "ingress": tuple(rule_of(rule, i, name) for i, rule in enumerate(spec.ingress)),
            "egress": tuple(rule_of(rule, i, name) for i, rule in enumerate(spec.egress)),
        },
    )


class Classes:
    """Numbers peers so that those which no policy can tell apart have one number."""

    def __init__(self) -> None:
        self._numbers: dict[object, int] = {}
        self._known: dict[int, tuple[Peer, int]] = {}

    def of(self, peer: Peer) -> int:
        """The number of a peer's class."""
        held = self._known.get(id(peer))
        if held is not None:
            return held[1]
        space = peer.namespace_labels
        key = (
            peer.namespace,
            space if isinstance(space, Unknown) else frozenset(space.items()),
            frozenset(peer.labels.items()),
            peer.unknown_labels,
            peer.ports,
            peer.sidecar_ports,
            peer.addresses,
            peer.host_network,
            peer.owned,
            peer.enforced,
        )
        number = self._numbers.setdefault(key, len(self._numbers))
        self._known[id(peer)] = (peer, number)  # holding the peer keeps its id from being used again
        return number
