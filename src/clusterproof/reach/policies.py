"""What all policies of the cluster say about one stretch of a connection, in one direction.

NetworkPolicies and cluster-wide policies in tiers decide; policies of kinds that are not modelled make unknown what
they select. A kind that the cluster's engine does not read has no effect.
Sources: reference "7. NetworkPolicy" and "8. ANP/BANP/CNP".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from clusterproof.reach.adminpolicy import AdminIndex, AdminPolicy, Tiers, policy_of
from clusterproof.reach.ends import End, Flow, namespace_labels, peer_of
from clusterproof.reach.networkpolicy import (
    VPC_CNI,
    Decision,
    Dialect,
    Direction,
    Nearness,
    Peer,
    PolicyIndex,
    ServiceView,
    dialect_for,
)
from clusterproof.reach.networkpolicy.rules import select
from clusterproof.reach.ownpolicies import OwnPolicies
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.kubernetes import ContainerPort, NetworkPolicy, OtherPolicy
from clusterproof.snapshot.snapshot import Snapshot, Table
from clusterproof.world.selectors import Truth
from clusterproof.world.workloads import generated_labels
from clusterproof.world.world import World

_ADMIN = ("AdminNetworkPolicy", "BaselineAdminNetworkPolicy", "ClusterNetworkPolicy")
"""Kinds that are decided in tiers; of the others it is only read which pods they select."""


_Memos = dict[int, tuple[Table[NetworkPolicy] | None, dict[tuple[object, ...], list[Hop]]]]
"""Answers by the table of NetworkPolicies, which is kept beside them so that its id is not used again."""


_FAR = Nearness()


class Selected(NamedTuple):
    """Whether an enforced policy selects a pod: the answer, in a clause, and the policies that do."""

    answer: Truth
    text: str
    refs: tuple[Ref, ...] = ()


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
        plane = world.plane
        dialect = dialect_for(plane.policy_engine, plane.policies, default_deny=plane.default_deny)
        policies = _policy_index(world, dialect)
        admin = AdminIndex(_admin_policies(world), dialect, ordered=plane.policy_engine != VPC_CNI.name)
        self._isolating = policies
        self._index: PolicyIndex | Tiers = Tiers(admin, policies) if admin else policies
        self._own = OwnPolicies(_own_policies(world))
        self._unread = _unread(world)
        self._named = _with_named_ports(world) if plane.policy_engine == VPC_CNI.name else {}
        self._peers: dict[tuple[object, ...], Peer] = {}
        # What policies say rests on them and on the world's ground: worlds with other security groups share it.
        held = world.snapshot.tables.get(kinds.NETWORK_POLICIES.name)
        memos: _Memos = world.ground.memo.setdefault("policies", {})
        self._memo = memos.setdefault(id(held), (held, {}))[1]

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
        if not all(end.address is None and not end.interface.managed for end in (subject, other)):
            return self._asked(direction, subject, other, flow, service, same_node=same_node)
        dialled = None if service is None else (service.namespace, service.name, service.port)
        key = (direction, subject.key, other.key, flow, dialled, same_node)
        found = self._memo.get(key)
        if found is None:
            found = self._memo[key] = self._asked(direction, subject, other, flow, service, same_node=same_node)
        return found

    def isolating(self, direction: Direction, subject: End) -> Selected:
        """Whether some enforced NetworkPolicy selects a pod in a direction, so that only what policies admit passes."""
        peer = self._peer(subject, self._world.family)
        index = self._isolating
        free = index.exempt(direction, peer, _FAR)
        if free is not None:
            return Selected(False, free.format(subject=peer))  # noqa: FBT003 - the answer itself
        found = index.isolation(peer, direction)
        if found.certain:
            refs = tuple(Ref(kinds.NETWORK_POLICIES.name, policy.key, "spec.podSelector") for policy in found.certain)
            return Selected(index.doubts(peer) or True, f"{refs[0].key} selects {peer}", refs)
        own = self._own.selecting(direction, peer) if self._own else None
        if own is not None:
            return Selected(own[0], own[0].detail, own[1])
        unknown = index.incomplete or (found.possible[0][1] if found.possible else None) or self._unread
        if unknown is not None:
            return Selected(unknown, unknown.detail)
        elsewhere = index.isolation(peer, "egress" if direction == "ingress" else "ingress")
        if index.dialect.default_deny and not elsewhere.certain:
            text = f"strict enforcing mode refuses everything to {peer} until a policy selects it"
            return Selected(elsewhere.possible[0][1] if elsewhere.possible else True, text)
        return Selected(False, f"no NetworkPolicy selects {peer} for {direction}")  # noqa: FBT003 - the answer itself

    def _asked(
        self,
        direction: Direction,
        subject: End,
        other: End,
        flow: Flow,
        service: ServiceView | None,
        *,
        same_node: bool,
    ) -> list[Hop]:
        layer = Layer.POLICY_EGRESS if direction == "egress" else Layer.POLICY_INGRESS
        peer = self._peer(subject, flow.family)
        own = self._own.selecting(direction, peer) if self._own else None
        if own is not None and peer.enforced is not False:
            # Such a policy may allow or refuse before those that are modelled: nothing of them is certain then.
            return [Hop(layer, Outcome.UNKNOWN, own[1][0].key, own[0].detail, own[1], own[0])]
        result: list[Hop] = []
        if peer.namespace is not None:
            far = self._peer(other, flow.family)
            node = same_node and other.host_network and other.address is None
            itself = same_node and _one_pod(subject, other)

            def ask(pod: Peer) -> Decision:
                return self._index.decide(
                    direction,
                    pod,
                    far,
                    flow.port,
                    flow.protocol,
                    via_service=service,
                    same_node_host=node,
                    itself=itself,
                )

            decision = ask(peer)
            if self._named and direction == "ingress" and decision.outcome == "refused":
                decision = self._named_elsewhere(peer, decision, ask)
            if self._unread is not None and decision.outcome in ("refused", "varies"):
                # What was not read may allow before it is asked whether this refuses.
                text = f"{decision.text}; {self._unread.detail}"
                result.append(Hop(layer, Outcome.UNKNOWN, decision.refs[0].key, text, decision.refs, self._unread))
            else:
                result.append(_policy_hop(layer, decision))
        # Either direction's policies may be there; one hop says it for both.
        if direction == "ingress" and self._unread is not None and not (subject.host_network and other.host_network):
            result.append(unknown_hop(Layer.POLICY_INGRESS, "policies of other kinds", self._unread))
        return result

    def _named_elsewhere(self, peer: Peer, decision: Decision, ask: Callable[[Peer], Decision]) -> Decision:
        """A refusal where a port's name stands for another number on another pod that the same policy selects.

        The API resolves names on each pod; AWS's controller gives every pod of a policy the numbers of all of them
        (amazon-network-policy-controller-k8s endpoints.go, ``getIngressRulesPorts``).
        """
        ports: list[ContainerPort] = []
        for policy in [self._named[ref.key] for ref in decision.refs if ref.key in self._named]:
            for workload in self._world.workloads:
                if workload.namespace == policy.metadata.namespace:
                    selected = select(policy.spec.pod_selector, workload.labels, generated_labels(workload))
                    if selected is not False:
                        ports += [port for container in workload.spec.containers for port in container.ports]
        wider = ask(msgspec.structs.replace(peer, ports=(*peer.ports, *ports))) if ports else decision
        if wider.outcome == decision.outcome:
            return decision
        why = Unknown(
            Cause.NOT_ANSWERABLE,
            "a named port has this number on another pod that the policy selects: Kubernetes resolves the name on each "
            "pod (refused), the VPC CNI gives all of them all numbers (allowed)",
            "name the port by its number",
        )
        return msgspec.structs.replace(decision, outcome=why, words=why.detail)

    def _peer(self, end: End, family: int) -> Peer:
        key = (family, *end.key)
        found = self._peers.get(key)
        if found is None:
            found = self._peers[key] = peer_of(self._world, self._vpc, end, family)
        return found


def _one_pod(subject: End, other: End) -> bool:
    """Whether two ends on one node are one pod: of a workload that has no second one there."""
    workload = subject.workload
    if workload is None or other.workload is None or workload.id != other.workload.id:
        return False
    return workload.every_node or workload.kind == "Pod" or workload.replicas == 1


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


def before_network_policies(snapshot: Snapshot, hop: Hop) -> bool:
    """Whether a policy hop was judged in the Admin tier, before any NetworkPolicy is asked."""
    for ref in hop.refs:
        kind = kinds.BY_NAME.get(ref.kind)
        policy = snapshot.get(kind, ref.key) if kind in kinds.OTHER_POLICIES and kind is not None else None
        if kind is not None and policy is not None and kind.wire in _ADMIN and policy_of(kind, policy).tier == "Admin":
            return True
    return False


def _with_named_ports(world: World) -> dict[str, NetworkPolicy]:
    """The NetworkPolicies whose ingress rules name ports, by key."""
    return {
        f"{policy.metadata.namespace}/{policy.metadata.name}": policy
        for policy in world.snapshot.objects(kinds.NETWORK_POLICIES)
        if any(isinstance(port.port, str) for rule in policy.spec.ingress for port in rule.ports)
    }


def _admin_policies(world: World) -> list[AdminPolicy]:
    """The cluster-wide policies that something enforces; where that is not known, what they say is not either."""
    found: list[AdminPolicy] = []
    for kind in kinds.OTHER_POLICIES:
        enforced = world.plane.enforces(kind.name)
        if kind.wire not in _ADMIN or enforced is False:
            continue
        found += [policy_of(kind, policy, enforced) for policy in world.snapshot.objects(kind)]
    return found


def cluster_wide(world: World, ends: Iterable[End]) -> bool:
    """Whether a cluster-wide policy that something enforces, or may, selects a pod among some ends, or may."""
    policies = _admin_policies(world)
    if not policies:
        return False
    index = AdminIndex(policies, dialect_for(world.plane.policy_engine, world.plane.policies))
    for end in ends:
        workload = end.workload
        if workload is not None and not workload.spec.host_network:
            pod = Peer(
                workload.namespace,
                namespace_labels(world, workload.namespace),
                workload.labels,
                unknown_labels=generated_labels(workload),
            )
            if index.selecting("ingress", pod) or index.selecting("egress", pod):
                return True
    return False


def _own_policies(world: World) -> list[tuple[Kind[OtherPolicy], OtherPolicy, Unknown | None]]:
    """The objects of kinds that are not modelled and that something enforces, or may."""
    found: list[tuple[Kind[OtherPolicy], OtherPolicy, Unknown | None]] = []
    for kind in kinds.OTHER_POLICIES:
        enforced = world.plane.enforces(kind.name)
        if kind.wire not in _ADMIN and enforced is not False:
            why = enforced if isinstance(enforced, Unknown) else None
            found += [(kind, policy, why) for policy in world.snapshot.objects(kind)]
    return found


def _unread(world: World) -> Unknown | None:
    """Why policies of other kinds may decide that were not read; None where all that anything enforces were.

    A kind whose CRD is not installed has no objects.
    """
    snapshot = world.snapshot
    missing_crds = snapshot.missing(kinds.CRDS)
    installed = {obj.metadata.name for obj in snapshot.objects(kinds.CRDS)}
    for kind in kinds.OTHER_POLICIES:
        missing = snapshot.missing(kind)
        if missing is None or world.plane.enforces(kind.name) is False:
            continue
        if missing_crds is not None:
            what = "whether policies of other kinds exist is not known: customresourcedefinitions not collected"
            return Unknown(missing_crds.cause, what, missing_crds.remedy)
        if f"{kind.resource}.{kind.group}" in installed:
            return Unknown(missing.cause, f"whether any {kind.wire} ({kind.group}) exists was not read", missing.remedy)
    return None
