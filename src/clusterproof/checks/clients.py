"""Which clients no rule can tell apart: on their own, and as clients of one server.

Places, interfaces and the policies that select a client count for every server. What the policies of a server read of
its clients counts for that server alone: for most servers it is nothing, or whether one rule admits them.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from clusterproof.placement.places import Places
from clusterproof.reach.ends import End
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes import LabelSelector, NetworkPolicy, NetworkPolicyPeer
from clusterproof.world.model import Workload
from clusterproof.world.selectors import SelectorError, matches
from clusterproof.world.workloads import GENERATED_LABELS, generated_labels
from clusterproof.world.world import World


class Clients:
    """The workloads of a world as clients."""

    def __init__(self, world: World, where: Mapping[str, Places]) -> None:
        self._world = world
        found = world.snapshot.objects(kinds.NETWORK_POLICIES) if world.plane.policies is not False else ()
        self._policies = _ByLabel(found)
        selectors = [selector for policy in found for selector in _selectors(policy)]
        # What is read here is NetworkPolicies, by labels that are known; with anything else each client stands alone.
        self._plain = (
            not any(world.snapshot.objects(kind) for kind in kinds.OTHER_POLICIES)
            and not any(_generated(selector) for selector in selectors)
            and not world.plane.default_deny
            and _well_formed(selectors)
            and world.snapshot.missing(kinds.NETWORK_POLICIES) is None
            and world.snapshot.missing(kinds.NAMESPACES) is None
        )
        affine = any(_affine(workload) for workload in world.workloads)
        numbers: dict[Hashable, int] = {}
        self._own = [
            (workload, numbers.setdefault(self._key(workload, where[workload.id], affine=affine), len(numbers)))
            for workload in world.workloads
        ]
        self._alone = _grouped((own, workload) for workload, own in self._own)

    def classes(self, servers: Sequence[Workload]) -> Sequence[list[Workload]]:
        """The workloads in classes, as clients of some servers, each in the world's order."""
        peers = list(self._peers(servers)) if self._plain else []
        if not peers:
            return self._alone
        return _grouped(
            ((own, tuple(self._matches(namespace, peer, workload) for namespace, peer in peers)), workload)
            for workload, own in self._own
        )

    def _key(self, workload: Workload, places: Places, *, affine: bool) -> Hashable:
        """What every server, and every policy that selects it, can read of a client."""
        if not self._plain or affine:
            return workload.id
        selecting = tuple(self._policies.selecting(workload))
        if any(policy.spec.egress or "Egress" in policy.spec.policy_types for policy in selecting):
            return workload.id  # what refuses it says its name
        spots = tuple(
            (place.node_class.id, End(place.interface).key, place.doubt, place.stays) for place in places.places
        )
        kind = workload.kind == "Pod", workload.every_node, generated_labels(workload)
        return spots, workload.spec.host_network, kind, bool(selecting)

    def _peers(self, servers: Iterable[Workload]) -> Iterator[tuple[str, NetworkPolicyPeer]]:
        for server in servers:
            for policy in self._policies.selecting(server):
                for rule in policy.spec.ingress:
                    for peer in rule.from_:
                        if peer.ip_block is None:
                            yield policy.metadata.namespace, peer

    def _matches(self, namespace: str, peer: NetworkPolicyPeer, workload: Workload) -> bool:
        spaces, pods = peer.namespace_selector, peer.pod_selector
        if spaces is None:
            if workload.namespace != namespace:
                return False
        else:
            labels = self._world.namespaces.get(workload.namespace, {})
            if not matches(spaces, {"kubernetes.io/metadata.name": workload.namespace, **labels}):
                return False
        return pods is None or matches(pods, workload.labels)


def _grouped(found: Iterable[tuple[Hashable, Workload]]) -> list[list[Workload]]:
    groups: dict[Hashable, list[Workload]] = {}
    for key, workload in found:
        groups.setdefault(key, []).append(workload)
    return list(groups.values())


class _ByLabel:
    """Policies by namespace and one label that they demand, so that a pod's labels lead to those that may select it."""

    def __init__(self, policies: Iterable[NetworkPolicy]) -> None:
        self._held: dict[tuple[str, tuple[str, str] | None], list[NetworkPolicy]] = {}
        for policy in policies:
            label = min(policy.spec.pod_selector.match_labels.items(), default=None)
            self._held.setdefault((policy.metadata.namespace, label), []).append(policy)

    def selecting(self, workload: Workload) -> Iterator[NetworkPolicy]:
        """The policies that select a workload's pods."""
        for label in (None, *workload.labels.items()):
            for policy in self._held.get((workload.namespace, label), ()):
                if matches(policy.spec.pod_selector, workload.labels):
                    yield policy


def _selectors(policy: NetworkPolicy) -> Iterator[LabelSelector]:
    yield policy.spec.pod_selector
    peers = [peer for rule in policy.spec.ingress for peer in rule.from_]
    peers += [peer for rule in policy.spec.egress for peer in rule.to]
    for peer in peers:
        yield from (item for item in (peer.pod_selector, peer.namespace_selector) if item is not None)


def _well_formed(selectors: Iterable[LabelSelector]) -> bool:
    try:
        for selector in selectors:
            matches(selector, {})
    except SelectorError:
        return False
    return True


def _generated(selector: LabelSelector) -> bool:
    """Whether it reads labels that a controller adds, whose values are not known."""
    keys = {*selector.match_labels, *(item.key for item in selector.match_expressions)}
    return not keys.isdisjoint(GENERATED_LABELS)


def _affine(workload: Workload) -> bool:
    """Whether required affinity between pods decides where it may be beside others."""
    affinity = workload.spec.affinity
    sides = (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity is not None else ()
    return any(side is not None and side.required for side in sides)
