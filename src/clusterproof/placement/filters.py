"""Where a pod may run: the scheduler's filters, one node at a time, in three values.

Two questions, two functions:

* :func:`structural` is design rule 3: what a node *is* (labels, lasting taints, what it holds when empty, where the
  pod's volumes are or can be made). Free capacity, cordons, passing taints, host ports in use, attach limits, gates, and
  where other pods are change by themselves, so they never exclude a node here.
* :func:`feasible_now` is the real scheduler's answer for the cluster as it stands, with its plugin and its reasons.

Source: kubernetes ``pkg/scheduler/framework/plugins/``, in the order of
``pkg/scheduler/apis/config/v1/default_plugins.go``; each filter's module names its files and what differs between
v1.31 and v1.36. What no room makes room for, :mod:`clusterproof.placement.preemption` may.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import msgspec

from clusterproof.errors import ClusterproofError
from clusterproof.placement import attach, binding, claims, interpod, ownfilters, spread
from clusterproof.placement.devices.answers import PLUGIN as DEVICES
from clusterproof.placement.feasibility import FEASIBLE as FEASIBLE  # noqa: PLC0414 - part of this module's face
from clusterproof.placement.feasibility import Feasibility as Feasibility  # noqa: PLC0414 - part of this module's face
from clusterproof.placement.feasibility import (
    asked,
    first_of,
    judged,
    or_unknown,
    refused,
    refused_whole,
    undecided,
)
from clusterproof.placement.folded import labels_read, read_of
from clusterproof.placement.needs import Needs as Needs  # noqa: PLC0414 - part of this module's face
from clusterproof.placement.needs import needs_of as needs_of  # noqa: PLC0414 - part of this module's face
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.placement.ownfilters import admits as admits  # noqa: PLC0414 - part of this module's face
from clusterproof.placement.priority import rank_of
from clusterproof.placement.requests import Load, load
from clusterproof.placement.storage import has_disks
from clusterproof.placement.version import SchedulerVersion
from clusterproof.placement.volumes import VolumeRule
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import NodeSelector, Pod
from clusterproof.world.selectors import node_terms_match

NOT_SELECTED, CORDONED = ownfilters.NOT_SELECTED, ownfilters.CORDONED
OTHER_NAME, PORTS_TAKEN = ownfilters.OTHER_NAME, ownfilters.PORTS_TAKEN
_FINAL_SPREAD = frozenset({spread.NO_LABEL})
_FINAL_NEAR = frozenset({interpod.NOT_NEAR})

Rules = Sequence[VolumeRule | NodeSelector] | Unknown
"""What a pod's volumes ask of a node, one rule after another; or why that is not known."""


def structural(
    needs: Needs,
    node: NodeView,
    volumes: Rules = (),
    devices: claims.Claims | None = None,
    *,
    version: SchedulerVersion | None = None,
) -> Feasibility:
    """May the pod ever run on such a node (design rule 3)?

    Affinity to other pods, and spread, never exclude a node, because the other pods move; except that a required
    pod affinity or a hard spread over a label that the node does not have makes it impossible for good.

    Args:
        needs: the pod (:func:`needs_of`).
        node: a node, or what a group would make; its pods, images and cordon are not read.
        volumes: what its volumes ask (:func:`clusterproof.placement.volumes.volume_rules`).
        devices: what its resource claims ask (:func:`clusterproof.placement.claims.claims_of`).
        version: the scheduler's, for the words of a bare selector among the volumes; else 1.31.

    Returns:
        Yes; no with the first plugin that refuses; or unknown, when nothing refuses and something is not known.
    """
    try:
        return first_of(
            [
                ownfilters.node_name(needs, node),
                ownfilters.taints(needs.spec, node, passing=False, pinned=bool(needs.pinned)),
                ownfilters.node_affinity(needs.spec, node),
                claims.by_devices(ownfilters.capacity(needs, node), node, devices.inventory if devices else None),
                _volumes(volumes, node, version or SchedulerVersion()),
                *(ownfilters.topology(node, *one) for one in needs.topologies if not needs.pinned),
                claims.ever_with(devices, node, asked=needs.claims),
            ]
        )
    except ClusterproofError as error:
        return undecided("", Unknown(Cause.ERROR, str(error)))


def feasible_now(
    pod: Pod, cluster: Cluster, volumes: Rules = (), *, version: SchedulerVersion | None = None
) -> tuple[Feasibility, ...]:
    """Would the scheduler put the pod there now? One answer per node of the cluster, in order.

    Args:
        pod: not placed yet; ``spec.nodeName`` is read as a request for that node.
        cluster: nodes with the pods on them; with its ``storage`` the volume plugins are answered in full.
        volumes: without that, what its bound volumes ask.
        version: the scheduler's; else the cluster's, else 1.31.
    """
    version = version or cluster.version or SchedulerVersion()
    try:
        return _Now(pod, cluster, volumes, version).answers()
    except ClusterproofError as error:
        return tuple(undecided("", Unknown(Cause.ERROR, str(error))) for _ in cluster.nodes)


class Today:
    """A pod that is asked about on one cluster: what the plugins read of the whole cluster, once (PreFilter).

    Args:
        pod: not placed yet.
        cluster: with the pods that are there.
        volumes: what its bound volumes ask.
        version: the scheduler's.
        idle: whether InterPodAffinity is left out (:attr:`interpod.State.idle`), where another cluster decides that: the
            one before pods were displaced.
    """

    def __init__(
        self, pod: Pod, cluster: Cluster, volumes: Rules, version: SchedulerVersion, *, idle: bool | None = None
    ) -> None:
        self.pod, self.cluster, self.version = pod, cluster, version
        self.needs = needs_of(pod.spec, pinned=True, version=version)
        self._volumes = volumes
        self._near: interpod.State | Unknown = or_unknown(lambda: interpod.filter_state(pod, cluster))
        self.idle = isinstance(self._near, interpod.State) and self._near.idle if idle is None else idle
        self._even: spread.State | Unknown = or_unknown(
            lambda: spread.filter_state(pod, cluster, lambda node: admits(pod.spec, node))
        )
        self._once = attach.once_users(pod, cluster)
        self._wanted = binding.wanted(pod, cluster.storage) if cluster.storage is not None else None
        self.claims = claims.claims_today(pod, cluster)
        self.named = ownfilters.named_nodes(pod.spec)

    def whole(self) -> Feasibility | None:
        """Why no node is looked at at all: PreEnqueue, then the PreFilter of one plugin after another."""
        if self.pod.spec.scheduling_gates:
            gates = " ".join(one.name for one in self.pod.spec.scheduling_gates)
            return refused_whole("SchedulingGates", f"waiting for scheduling gates: [{gates}]")
        if self.named is not None and not self.named:
            return refused_whole("NodeAffinity", ownfilters.NAMES_CONFLICT)
        wanted = self._wanted
        return wanted if isinstance(wanted, Feasibility) and wanted.whole else claims.whole(self.claims)

    def of(self, node: NodeView) -> Feasibility:
        """Every filter on one node, in the scheduler's order; the first that refuses answers."""
        pod, version = self.pod, self.version
        if self.named is not None and node.name not in self.named and not isinstance(node.name, Unknown):
            # Up to 1.31 such nodes are left out without a word (schedule_one.go, SetAbsentNodesStatus from 1.32).
            reason = ownfilters.NOT_NAMED if version.minor >= 32 else NOT_SELECTED
            return refused("NodeAffinity", reason, final=True)
        pinned = bool(self.needs.pinned)  # then no scheduler is asked, but the node's kubelet
        cheap = first_of(
            [
                FEASIBLE if pinned else ownfilters.cordon(pod.spec, node),
                ownfilters.node_name(self.needs, node),
                ownfilters.taints(pod.spec, node, passing=True, pinned=pinned),
                ownfilters.node_affinity(pod.spec, node),
            ]
        )
        if cheap.ok is False:
            return cheap
        # Of a pod that asks for nothing only the number of pods is read.
        asks = self.needs.requests or self.needs.ports
        taken = load(node.pods, for_scores=False, version=version) if asks else Load({}, {}, len(node.pods), ())
        answer = first_of(
            [
                cheap,
                ownfilters.ports(self.needs, taken),
                claims.by_devices(ownfilters.fit(self.needs, node, taken, version), node, self.claims.inventory),
                attach.restrictions(pod, node, self._once, version),
                *self._stored(node),
                *(() if pinned else self._of_others(node)),
                ownfilters.declared_features(pod.spec, version),
            ]
        )
        return claims.then(answer, self.claims, node)

    def _of_others(self, node: NodeView) -> tuple[Feasibility, Feasibility]:
        """What rests on where other pods are."""
        pod = self.pod
        return (
            asked(spread.PLUGIN, self._even, lambda state: spread.refusal(state, pod, node), _FINAL_SPREAD),
            asked(interpod.PLUGIN, self._near, lambda state: interpod.refusal(state, node), _FINAL_NEAR),
        )

    def _stored(self, node: NodeView) -> list[Feasibility]:
        storage = self.cluster.storage
        if storage is None or self._wanted is None:
            return [_volumes(self._volumes, node, self.version)]
        limits = attach.limits(self.pod, node, storage, self.version)
        return [limits, binding.binding(self._wanted, node, self.version)]

    def kept(self, node: NodeView) -> Feasibility:
        """:meth:`of`, and where pods are nominated for the node first with those of no lower priority on it.

        Source: ``framework/runtime/framework.go``, ``RunFilterPluginsWithNominatedPods``: without them only what passes
        with them, so the reason is that of the fuller node.
        """
        plain = self.of(node)
        mine = rank_of(self.pod.spec, self.cluster.priorities)
        doubt: Unknown | None = mine if isinstance(mine, Unknown) else None
        stay: list[Pod] = []
        for other in node.nominated:
            theirs = rank_of(other.spec, self.cluster.priorities)
            if (other.metadata.namespace, other.metadata.name) == (self.pod.metadata.namespace, self.pod.metadata.name):
                continue
            if isinstance(theirs, Unknown):
                doubt = doubt or theirs
                stay.append(other)
            elif isinstance(mine, Unknown) or theirs.priority >= mine.priority:
                stay.append(other)
        if not stay:
            return plain
        fuller = msgspec.structs.replace(node, pods=(*node.pods, *stay))
        nodes = tuple(fuller if one is node else one for one in self.cluster.nodes)
        cluster = msgspec.structs.replace(self.cluster, nodes=nodes)
        crowded = Today(self.pod, cluster, self._volumes, self.version)
        crowded.claims = self.claims
        if self.idle:
            crowded._near = self._near
        answer = crowded.of(fuller)
        if answer.ok is False and doubt is not None and plain.ok is not False:
            return undecided(answer.plugin, doubt)
        return first_of([answer, plain])


class _Now(Today):
    """The answers for all nodes."""

    def answers(self) -> tuple[Feasibility, ...]:
        whole = self.whole()
        if whole is not None:
            return tuple(whole for _ in self.cluster.nodes)
        answers = claims.spread_whole(self._each())
        again = claims.retried(answers, self.claims, self.cluster.nodes)
        if isinstance(again, Unknown):
            return tuple(undecided(DEVICES, again) for _ in answers)
        if again is None:
            return answers
        self.claims = again
        return self.answers()

    def _each(self) -> list[Feasibility]:
        """Node by node; bare ones that read the same are asked once."""
        bare = self.claims.inventory is None and not has_disks(self.pod.spec) and not self._volumes
        labels = labels_read(self.pod.spec, self._near) if bare and not self.needs.pinned else None
        resources = [name for name, _ in self.needs.requests]
        known: dict[Hashable, Feasibility] = {}
        answers: list[Feasibility] = []
        for node in self.cluster.nodes:
            read = None if labels is None else read_of(node, labels, resources)
            answer = known.get(read)
            if answer is None:
                answer = self.kept(node)
                if read is not None and not isinstance(answer.ok, Unknown):
                    known[read] = answer
            answers.append(with_name(answer, node))
        return answers


def with_name(answer: Feasibility, node: NodeView) -> Feasibility:
    """An answer about a node that reads the same, with this node as its evidence."""
    if answer.ref is None or not isinstance(node.name, str) or answer.ref.key == node.name:
        return answer
    return msgspec.structs.replace(answer, ref=msgspec.structs.replace(answer.ref, key=node.name))


def _volumes(volumes: Rules, node: NodeView, version: SchedulerVersion) -> Feasibility:
    if isinstance(volumes, Unknown):
        return undecided(binding.BINDING, volumes)
    answers = []
    for one in volumes:
        rule = one if isinstance(one, VolumeRule) else VolumeRule(one, binding.BINDING, binding.conflict(version))
        truth = node_terms_match(rule.selector.node_selector_terms, node.label_state, node.name)
        answers.append(judged(truth, rule.plugin, rule.reason, final=True))
    return first_of(answers)
