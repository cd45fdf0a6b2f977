"""What all policies of the cluster say about one stretch of a connection, in one direction.

NetworkPolicies are indexed; policies of other kinds may refuse what those admit (an admin tier comes first), so
they stand apart. Source: reference "7. NetworkPolicy".
"""

from __future__ import annotations

from clusterproof.reach.ends import End, Flow, peer_of
from clusterproof.reach.networkpolicy import (
    Decision,
    Dialect,
    Direction,
    Peer,
    PolicyIndex,
    ServiceView,
    dialect_for,
)
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import NetworkPolicy
from clusterproof.snapshot.snapshot import Table
from clusterproof.world.world import World


class Policies:
    """The policies of a world."""

    def __init__(self, world: World, vpc: VpcView) -> None:
        """Index them.

        Args:
            world: its policies, namespaces and data plane are read.
            vpc: of the same snapshot; says which addresses ends may have.
        """
        self._world = world
        self._vpc = vpc
        self._index = _policy_index(world, dialect_for(world.plane.policy_engine, world.plane.policies))
        self._others = _other_policies(world)
        self._peers: dict[tuple[object, ...], Peer] = {}

    def hops(
        self,
        direction: Direction,
        subject: End,
        other: End,
        flow: Flow,
        service: ServiceView | None = None,
        *,
        same_node: bool = False,
    ) -> list[Hop]:
        """The judgements of the policies that select one end; none where no policy can.

        Args:
            direction: ``egress``: the subject is the client; ``ingress``: it is the server.
            subject: whose policies are asked.
            other: the far end. Whether the two are pods of one workload, or one of them the other's node, is read
                of the ends and ``same_node``.
            flow: port, protocol and family behind any translation.
            service: the Service that the client dialled, in both directions.
            same_node: the two are on one node.
        """
        result: list[Hop] = []
        peer = self._peer(subject, flow.family)
        if peer.namespace is not None:
            decision = self._index.decide(
                direction,
                peer,
                self._peer(other, flow.family),
                flow.port,
                flow.protocol,
                via_service=service,
                same_node_host=same_node and direction == "ingress" and other.host_network,
            )
            layer = Layer.POLICY_EGRESS if direction == "egress" else Layer.POLICY_INGRESS
            result.append(_policy_hop(layer, decision))
        # Either direction's policies may be there; one hop says it for both.
        if direction == "ingress" and self._others is not None and not (subject.host_network and other.host_network):
            result.append(unknown_hop(Layer.POLICY_INGRESS, "policies of other kinds", self._others))
        return result

    def _peer(self, end: End, family: int) -> Peer:
        key = (family, *end.key)
        found = self._peers.get(key)
        if found is None:
            found = self._peers[key] = peer_of(self._world, self._vpc, end, family)
        return found


def _policy_hop(layer: Layer, decision: Decision) -> Hop:
    outcome = decision.outcome
    at = decision.refs[0].key if decision.refs else "NetworkPolicy"
    if isinstance(outcome, Unknown):
        return Hop(layer, Outcome.UNKNOWN, at, decision.text, decision.refs, outcome)
    word = {"allowed": Outcome.WORKS, "refused": Outcome.BLOCKED, "varies": Outcome.VARIES}[outcome]
    return Hop(layer, word, at, decision.text, decision.refs)


def _policy_index(world: World, dialect: Dialect) -> PolicyIndex:
    """The index of the world's policies; worlds of snapshots with the same policies share it and what it remembers."""
    incomplete = world.snapshot.missing(kinds.NETWORK_POLICIES)
    table = world.snapshot.tables.get(kinds.NETWORK_POLICIES.name)
    if table is None:
        return PolicyIndex((), dialect, incomplete=incomplete)
    made = table.derived(_no_indexes)
    key = (dialect, incomplete)
    if key not in made:
        made[key] = PolicyIndex(table.objects, dialect, incomplete=incomplete)
    return made[key]


def _no_indexes(_policies: Table[NetworkPolicy]) -> dict[tuple[Dialect, Unknown | None], PolicyIndex]:
    return {}


def _other_policies(world: World) -> Unknown | None:
    """Why policies of other kinds than NetworkPolicy may decide: they exist, or were not read; None when there are none.

    A kind whose CRD is not installed has no objects.
    """
    if world.plane.policies is False:
        return None
    snapshot = world.snapshot
    missing_crds = snapshot.missing(kinds.CRDS)
    installed = {obj.metadata.name for obj in snapshot.objects(kinds.CRDS)}
    for kind in kinds.OTHER_POLICIES:
        if snapshot.objects(kind):
            count = len(snapshot.objects(kind))
            return Unknown(Cause.NOT_MODELLED, f"{count} {kind.wire} ({kind.group}) exist and are not modelled")
        missing = snapshot.missing(kind)
        if missing is None:
            continue
        if missing_crds is not None:
            what = "whether policies of other kinds exist is not known: customresourcedefinitions not collected"
            return Unknown(missing_crds.cause, what, missing_crds.remedy)
        if f"{kind.resource}.{kind.group}" in installed:
            return Unknown(missing.cause, f"whether any {kind.wire} ({kind.group}) exists was not read", missing.remedy)
    return None
