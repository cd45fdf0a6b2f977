"""The answer to "can A reach B on P": an outcome and the hops in order.

Every hop says which layer judged, what it decided, by which rule, and the
evidence. The first hop that refuses decides; later hops are still traced where
they can be judged, because a fix must mend all blocking layers.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable

import msgspec

from clusterproof.snapshot.fields import Ref, Unknown


class Outcome(enum.StrEnum):
    """What happens to a connection. The set is closed; a test pins it."""

    WORKS = "works"
    BLOCKED = "blocked"
    VARIES = "varies"
    """Works or not by something nobody chose: the address, source port, endpoint or subnet that comes up."""
    UNKNOWN = "unknown"


class Layer(enum.StrEnum):
    """Who judges at a hop, in the order in which a packet meets them."""

    DNS = "dns"
    SERVICE = "service"
    POLICY_EGRESS = "policy egress"
    GROUP_EGRESS = "security group egress"
    ACL_OUT = "network ACL out"
    ROUTE = "route"
    ACL_IN = "network ACL in"
    GROUP_INGRESS = "security group ingress"
    POLICY_INGRESS = "policy ingress"
    ACL_RETURN_OUT = "network ACL return out"
    ROUTE_RETURN = "route back"
    ACL_RETURN_IN = "network ACL return in"
    NODE = "same node"
    DATA_PLANE = "data plane"


class Hop(msgspec.Struct, frozen=True):
    """One judgement on the way.

    Attributes:
        layer: who judged.
        outcome: what it decided.
        at: the judging object in words, e.g. ``sg-0b2 (system-nodes)``.
        text: one clause: the rule that allowed, or why nothing did.
        refs: evidence; the rule first.
        unknown: set when ``outcome`` is unknown.
    """

    layer: Layer
    outcome: Outcome
    at: str
    text: str
    refs: tuple[Ref, ...] = ()
    unknown: Unknown | None = None


class Trace(msgspec.Struct, frozen=True):
    """All hops of one connection, in order, and what they come to."""

    hops: tuple[Hop, ...]

    @property
    def outcome(self) -> Outcome:
        """What all hops come to."""
        return combine(hop.outcome for hop in self.hops)

    @property
    def first_blocking(self) -> Hop | None:
        """The first hop that refuses, else the first that varies, else the first unknown one."""
        for wanted in (Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN):
            for hop in self.hops:
                if hop.outcome is wanted:
                    return hop
        return None


def combine(outcomes: Iterable[Outcome]) -> Outcome:
    """Layers in series: one refusal blocks; else varies beats unknown beats works.

    What varies is refused for certain in some cases, whatever the unknown layer
    says; what is left of it is unknown. Either keeps the connection from passing.
    """
    seen = set(outcomes)
    for outcome in (Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN):
        if outcome in seen:
            return outcome
    return Outcome.WORKS


def unknown_hop(layer: Layer, at: str, unknown: Unknown) -> Hop:
    """A hop that could not be judged."""
    return Hop(layer, Outcome.UNKNOWN, at, unknown.detail, unknown=unknown)
