"""A pod prepared for one cluster, so that copies of it can be placed one after another without reading it anew.

What a copy changes for the next is little: the room on its node, the counts of topology spread, and what affinity terms
say of it. All the rest (labels, taints, volumes, the pods that are there) is read once. The rules are those of
:mod:`filters`, :mod:`scores`, :mod:`spread` and :mod:`interpod`; a test holds both ways against each other.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import msgspec

from clusterproof.placement import interpod, scores, spread
from clusterproof.placement.filters import Rules, feasible_now
from clusterproof.placement.images import dividing, image_table, pod_images, points, spread_size
from clusterproof.placement.needs import needs_of
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.odds import nodes_to_find, sampled_why
from clusterproof.placement.ownfilters import admits
from clusterproof.placement.quantity import amount
from clusterproof.placement.requests import Load, host_ports, pod_requests
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Affinity, Pod
from clusterproof.world.selectors import matches

_BIG = 2**31


class Prepared:
    """One pod on one cluster.

    Attributes:
        nodes: those that are born, in the cluster's order.
        candidates: by index in ``nodes``: those that take a copy as far as the node itself decides.
        why_not: why nothing can be said, else None; the other methods are then not to be called.
    """

    def __init__(
        self,
        pod: Pod,
        cluster: Cluster,
        *,
        volumes: Rules = (),
        version: SchedulerVersion,
        sizes: Mapping[str, int] | None = None,
    ) -> None:
        """Read everything that stays as it is.

        Args:
            pod: not placed yet.
            cluster: every node, with the pods on it.
            volumes: what the pod's bound volumes ask of a node.
            version: the scheduler's.
            sizes: bytes of the pod's images that no node has, where each copy's images are on its node before the
                next is placed; ``None`` where copies come faster than images.

        Raises:
            UndecidedError: something that a rule reads is not known.
            ClusterproofError: the pod or a node says what the API refuses.
        """
        self._pod, self._version = pod, version
        self.nodes = tuple(node for node in cluster.nodes if node.born)
        self._cluster = msgspec.structs.replace(cluster, nodes=self.nodes, version=version)
        self._needs_spread = bool(spread.constraints_of(pod, "DoNotSchedule"))
        affinity = pod.spec.affinity
        self._speaks = _has_terms(pod)
        self._terms = interpod.own_terms(pod)
        alone = msgspec.structs.replace(
            pod.spec,
            topology_spread_constraints=(),
            affinity=Affinity(node_affinity=affinity.node_affinity) if affinity is not None else None,
        )
        answers = feasible_now(msgspec.structs.replace(pod, spec=alone), self._cluster, volumes, version=version)
        self.why_not = next((one.ok for one in answers if isinstance(one.ok, Unknown)), None) or next(
            (node.allocatable for node in self.nodes if isinstance(node.allocatable, Unknown)), None
        )
        self.why_not = self.why_not or scores.unscored_devices(pod, self._cluster, version)
        if self.why_not is not None:
            return
        able = [index for index, answer in enumerate(answers) if answer.ok is True]
        self._loads = {index: scores.score_load(self.nodes[index].pods, version) for index in able}
        self._room = {index: self._room_of(self.nodes[index], self._loads[index]) for index in able}
        self.candidates = tuple(index for index in able if self._room[index])
        self._wanted, self._assumed = pod_requests(pod.spec), scores.assumed_requests(pod.spec)
        views = [self.nodes[index] for index in self.candidates]
        self._dislikes = dict(zip(self.candidates, scores.disliked_taints(pod.spec, views), strict=True))
        likes = scores.preferred_weights(pod.spec, views)
        self._likes = None if likes is None else dict(zip(self.candidates, likes, strict=True))
        self._spreads = self._needs_spread or bool(
            spread.constraints_of(pod, "ScheduleAnyway")
            if pod.spec.topology_spread_constraints
            else self._cluster.default_spread
        )
        own = [one.selector for action in spread.ACTIONS for one in spread.constraints_of(pod, action)]
        self._selectors = [one for one in (*own, self._cluster.default_spread) if one is not None and self._spreads]
        self._thin = tuple(self._thinned(node) for node in self.nodes)
        # A node that takes no copy matters only for what is on it, or as a place that hard spread counts.
        self._read = tuple(
            index for index, node in enumerate(self._thin) if self._needs_spread or node.pods or self._room.get(index)
        )
        neighbours = None if self._speaks else interpod.raw_scores(pod, self._thin_cluster({}), views)
        self._neighbours = None if neighbours is None else dict(zip(self.candidates, neighbours, strict=True))
        self._images = pod_images(pod.spec, version)
        self._divide = dividing(pod.spec, version)
        self._table = image_table(self.nodes)
        self._sizes = sizes
        self._by_load: dict[Hashable, int] = {}
        self._kinds = {index: self._load_kind(index) for index in self.candidates}

    def alike(self, marks: Sequence[Hashable]) -> list[list[int]]:
        """Classes of exchangeable nodes among the candidates: swapping two of them changes nothing that a rule reads.

        Args:
            marks: one per node; nodes with different marks are kept apart.
        """
        keys = self._topologies()
        hosts = [node.labels.get(spread.HOSTNAME) for node in self.nodes]
        if len(set(hosts)) == len(hosts) and None not in hosts:
            keys -= {spread.HOSTNAME}  # every node is its own host, and nothing else is read of the name
        found: dict[Hashable, list[int]] = {}
        for index in self.candidates:
            node = self.nodes[index]
            key = (
                marks[index],
                self._room[index],
                self._kinds[index],
                self._dislikes[index],
                None if self._likes is None else self._likes[index],
                None if self._neighbours is None else self._neighbours[index],
                frozenset(name for name in self._images if self._holds(name, node)),
                tuple(sorted((key, str(node.label_state(key))) for key in keys)),
                tuple(sorted(self._relevant(one) for one in self._thin[index].pods)),
            )
            found.setdefault(key, []).append(index)
        return list(found.values())

    def winners(self, extra: Mapping[int, int]) -> tuple[int, ...] | Unknown:
        """The nodes with the highest total once so many copies are on each node (by index); empty when none fits.

        Raises:
            UndecidedError: something that a rule reads is not known.
        """
        cluster = self._thin_cluster(extra) if self._spreads or self._speaks else self._cluster
        feasible = [index for index in self.candidates if extra.get(index, 0) < self._room[index]]
        if self._needs_spread:
            even = spread.filter_state(self._pod, cluster, self._admits)
            feasible = [i for i in feasible if not spread.refusal(even, self._pod, self.nodes[i])]
        if self._speaks:
            near = interpod.filter_state(self._pod, cluster)
            feasible = [i for i in feasible if not interpod.refusal(near, self.nodes[i])]
        if len(feasible) <= 1:
            return tuple(feasible)
        if len(feasible) > nodes_to_find(len(self.nodes)):
            return sampled_why(len(feasible), len(self.nodes))
        totals = self._totals(feasible, cluster, extra)
        best = max(totals)
        return tuple(index for index, total in zip(feasible, totals, strict=True) if total == best)

    def _totals(self, feasible: Sequence[int], cluster: Cluster, extra: Mapping[int, int]) -> list[int]:
        totals = [scores.WEIGHTS["TaintToleration"] * value for value in self._disliked(feasible)]
        views = [self._with_copies(index, extra.get(index, 0)) for index in feasible]
        parts: list[tuple[str, list[int] | None]] = [
            ("NodeAffinity", None if self._likes is None else scores.share([self._likes[i] for i in feasible])),
            ("PodTopologySpread", self._even(cluster, views)),
            ("InterPodAffinity", self._near(cluster, feasible, views)),
            ("ImageLocality", self._image_points(feasible, extra)),
        ]
        for plugin, values in parts:
            for place, value in enumerate(values or ()):
                totals[place] += scores.WEIGHTS[plugin] * value
        for place, index in enumerate(feasible):
            totals[place] += self._by_resources(index, extra.get(index, 0))
        return totals

    def _disliked(self, feasible: Sequence[int]) -> list[int]:
        return scores.reversed_share([self._dislikes[index] for index in feasible])

    def _even(self, cluster: Cluster, views: Sequence[NodeView]) -> list[int] | None:
        return spread.scores(self._pod, cluster, views, self._admits) if self._spreads else None

    def _near(self, cluster: Cluster, feasible: Sequence[int], views: Sequence[NodeView]) -> list[int] | None:
        if self._speaks:
            raw = interpod.raw_scores(self._pod, cluster, views)
            return None if raw is None else interpod.normalise(raw)
        known = self._neighbours
        return None if known is None else interpod.normalise([known[index] for index in feasible])

    def _admits(self, node: NodeView) -> bool | Unknown:
        return admits(self._pod.spec, node)

    def _by_resources(self, index: int, copies: int) -> int:
        """NodeResourcesFit and BalancedAllocation of a node with so many copies on it."""
        key = (self._kinds[index], copies)
        found = self._by_load.get(key)
        if found is None:
            node, taken = self.nodes[index], self._loads[index]
            assumed = _plus(taken.assumed, self._assumed, copies)
            found = scores.least_allocated(node, assumed, self._assumed)
            if scores.is_balanced(self._wanted, self._version):
                requested = _plus(taken.requested, self._wanted, copies)
                found += scores.balanced(node, requested, self._wanted, self._version)
            self._by_load[key] = found
        return found

    def _image_points(self, feasible: Sequence[int], extra: Mapping[int, int]) -> list[int]:
        pulled = self._sizes is not None
        present = dict.fromkeys(feasible, 0)
        for name in self._images:
            state = self._table.images.get(name)
            held = state.holders if state is not None else frozenset()
            more = [i for i, n in extra.items() if n and self.nodes[i].id not in held] if pulled else []
            size = state.largest if state is not None else (self._sizes or {}).get(name, 0)
            worth = spread_size(size, len(held) + len(more), self._table.nodes)
            for index in feasible:
                if self.nodes[index].id in held or (pulled and extra.get(index, 0)):
                    present[index] += worth
        return [points(present[index], self._divide) for index in feasible]

    def _room_of(self, node: NodeView, taken: Load) -> int:
        """How many copies the node holds by resources, number of pods and host ports."""
        offered = node.allocatable
        assert not isinstance(offered, Unknown)  # noqa: S101 - looked at before
        room = amount("pods", offered.get("pods", 0)) - taken.count
        for name, wanted in needs_of(self._pod.spec).requests:
            room = min(room, (amount(name, offered.get(name, 0)) - taken.requested.get(name, 0)) // wanted)
        return max(0, min(room, 1 if host_ports(self._pod.spec, self._version) else _BIG))

    def _load_kind(self, index: int) -> Hashable:
        node, taken = self.nodes[index], self._loads[index]
        offered = node.allocatable
        assert not isinstance(offered, Unknown)  # noqa: S101 - looked at before
        return tuple(
            (amount(name, offered.get(name, 0)), taken.requested.get(name, 0), taken.assumed.get(name, 0))
            for name in ("cpu", "memory")
        )

    def _holds(self, name: str, node: NodeView) -> bool:
        state = self._table.images.get(name)
        return state is not None and node.id in state.holders

    def _thinned(self, node: NodeView) -> NodeView:
        """The node with only those of its pods of which spread or affinity speaks."""
        return msgspec.structs.replace(node, pods=tuple(one for one in node.pods if self._matters(one)))

    def _matters(self, other: Pod) -> bool:
        return _has_terms(other) or any(self._spoken_of(other))

    def _spoken_of(self, other: Pod) -> tuple[bool, ...]:
        """Which of the pod's own spread selectors and affinity terms speak of a pod that is there."""
        meta = other.metadata
        same = meta.namespace == self._pod.metadata.namespace and meta.deletion_timestamp is None
        return (
            *(same and matches(one, meta.labels) for one in self._selectors),
            *(term.covers(other, self._cluster.namespaces) for term in self._terms),
        )

    def _relevant(self, other: Pod) -> tuple[tuple[bool, ...], bytes]:
        """All that spread and affinity read of a pod that is there."""
        meta = other.metadata
        terms = (meta.namespace, meta.labels, other.spec.affinity) if _has_terms(other) else None
        return self._spoken_of(other), msgspec.json.encode(terms, order="deterministic")

    def _thin_cluster(self, extra: Mapping[int, int]) -> Cluster:
        nodes = tuple(self._with_copies(index, extra.get(index, 0)) for index in self._read)
        return msgspec.structs.replace(self._cluster, nodes=nodes)

    def _with_copies(self, index: int, copies: int) -> NodeView:
        node = self._thin[index]
        return msgspec.structs.replace(node, pods=(*node.pods, *([self._pod] * copies))) if copies else node

    def _topologies(self) -> set[str]:
        """The label keys that spread and affinity read of a node."""
        keys = {one.topology_key for one in self._pod.spec.topology_spread_constraints}
        if self._cluster.default_spread is not None:
            keys |= {one.topology_key for one in spread.SYSTEM_DEFAULTS}
        for pod in (self._pod, *(one for node in self._thin for one in node.pods)):
            affinity = pod.spec.affinity
            for side in (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity is not None else ():
                if side is not None:
                    keys |= {one.topology_key for one in side.required}
                    keys |= {one.pod_affinity_term.topology_key for one in side.preferred}
        return keys


def _has_terms(pod: Pod) -> bool:
    """Whether the pod wishes or forbids neighbours."""
    affinity = pod.spec.affinity
    return affinity is not None and bool(affinity.pod_affinity or affinity.pod_anti_affinity)


def _plus(taken: Mapping[str, int], more: Mapping[str, int], copies: int) -> dict[str, int]:
    return {name: taken.get(name, 0) + copies * more.get(name, 0) for name in ("cpu", "memory")}
