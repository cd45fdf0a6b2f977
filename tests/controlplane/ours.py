"""What clusterproof answers for a pod on the cluster that an API server holds, and how that meets the real outcome.

The objects go the way of a user's: lists as the API server gives them, read by the loader into a snapshot, and from
there to the scheduler's cluster.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from clusterproof.placement.feasibility import Feasibility
from clusterproof.placement.filters import feasible_now, structural
from clusterproof.placement.message import unschedulable_message
from clusterproof.placement.needs import needs_of
from clusterproof.placement.node import Cluster, node_views
from clusterproof.placement.odds import Odds, first_run
from clusterproof.placement.preemption import Preemption, preemption
from clusterproof.placement.priority import priorities_of
from clusterproof.placement.spread import default_selector
from clusterproof.placement.storage import storage_of
from clusterproof.placement.version import SchedulerVersion, scheduler_version
from clusterproof.placement.volumes import volume_rules
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import LabelSelector, Pod
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.sources.load import load_snapshot
from tests.controlplane.client import Client, Raw
from tests.controlplane.scheduling import Outcome

STORED = (
    ("v1", "Node", kinds.NODES),
    ("v1", "Namespace", kinds.NAMESPACES),
    ("v1", "Service", kinds.SERVICES),
    ("apps/v1", "ReplicaSet", kinds.REPLICA_SETS),
    ("apps/v1", "StatefulSet", kinds.STATEFUL_SETS),
    ("scheduling.k8s.io/v1", "PriorityClass", kinds.PRIORITY_CLASSES),
    ("storage.k8s.io/v1", "StorageClass", kinds.STORAGE_CLASSES),
    ("storage.k8s.io/v1", "CSINode", kinds.CSI_NODES),
    ("storage.k8s.io/v1", "VolumeAttachment", kinds.VOLUME_ATTACHMENTS),
)
"""What stays as it is while a case's pods are placed."""
MOVING = (
    ("v1", "Pod", kinds.PODS),
    ("v1", "PersistentVolume", kinds.VOLUMES),
    ("v1", "PersistentVolumeClaim", kinds.CLAIMS),
)
_SAID = re.compile(
    r"^(?P<head>.*?\.)(?: (?:no new claims to deallocate, )?preemption: (?P<tail>.*)|(?P<none> not found))?$"
)
"""The sentence, what is said of preemption, or that the plugin for devices has nothing of a pod that no node was tried for."""


def version_of(version: str) -> SchedulerVersion:
    """The scheduler of a control plane's version."""
    found = scheduler_version(version)
    assert isinstance(found, SchedulerVersion)
    return found


class Seen:
    """The objects of one case as the API server holds them; :meth:`look` again after each pod.

    Args:
        api: who may read everything.
        version: the server's.
        only: kinds of which there are any, to ask for no others.
    """

    def __init__(self, api: Client, version: str, only: Collection[str] | None = None) -> None:
        self._api = api
        self.version = version_of(version)
        asked = {kind for _, kind, _ in STORED} if only is None else {"Node", "Namespace", *only}
        self._still = [one for version, kind, _ in STORED if kind in asked for one in self._list(version, kind)]
        self.stored = any(one["kind"] == "StorageClass" for one in self._still)
        self.snapshot: Snapshot

    def look(self, *, volumes: bool = True) -> None:
        """Reads what changes while pods are placed."""
        now = [one for version, kind, _ in MOVING if volumes or kind == "Pod" for one in self._list(version, kind)]
        text = msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": self._still + now})
        names = [kind.name for _, _, kind in (*STORED, *MOVING)]
        self.snapshot = load_snapshot(["-"], stdin=io.BytesIO(text), collected=names)

    def _list(self, version: str, kind: str) -> list[Raw]:
        found = self._api.items(self._api.where(version, kind))
        return [{"apiVersion": version, "kind": kind, **one} for one in found]

    def cluster(self, pod: Pod) -> Cluster:
        """What the scheduler decides over, for this pod."""
        snapshot = self.snapshot
        views = node_views(snapshot.objects(kinds.NODES), snapshot.objects(kinds.PODS))
        namespace = pod.metadata.namespace
        services = [one for one in snapshot.objects(kinds.SERVICES) if one.metadata.namespace == namespace]
        return Cluster(
            tuple(sorted(views, key=lambda view: view.id)),
            {one.metadata.name: one.metadata.labels for one in snapshot.objects(kinds.NAMESPACES)},
            default_selector(pod.metadata.labels, services, self._owner(pod)),
            storage_of(snapshot, namespace),
            priorities_of(snapshot),
            self.version,
        )

    def _owner(self, pod: Pod) -> LabelSelector | None:
        kind_of = {"ReplicaSet": kinds.REPLICA_SETS, "StatefulSet": kinds.STATEFUL_SETS}
        for ref in pod.metadata.owner_references:
            if ref.controller and ref.kind in kind_of:
                found = self.snapshot.get(kind_of[ref.kind], f"{pod.metadata.namespace}/{ref.name}")
                return found.spec.selector if found is not None else None
        return None


class Ours(msgspec.Struct, frozen=True):
    """Our answer for one pod.

    Attributes:
        names: the nodes, in the order of all that follows.
        answers: would the scheduler put it there now.
        odds: how likely is each node.
        ever: the nodes that may never take it.
        preempt: what displacing pods would do, node by node; empty where a node takes it.
        head: the scheduler's sentence where none does.
        tail: what it says of preemption.
    """

    names: tuple[str, ...]
    answers: tuple[Feasibility, ...]
    odds: Odds
    never: frozenset[str]
    preempt: tuple[Preemption, ...] = ()
    head: str = ""
    tail: str = ""

    @property
    def feasible(self) -> frozenset[str]:
        """Nodes that take it now."""
        return frozenset(name for name, one in zip(self.names, self.answers, strict=True) if one.ok is True)

    @property
    def possible(self) -> frozenset[str]:
        """Those, and the ones of which it cannot be said."""
        return frozenset(name for name, one in zip(self.names, self.answers, strict=True) if one.ok is not False)

    @property
    def known(self) -> bool:
        """Whether everything could be said."""
        return all(isinstance(one.ok, bool) for one in self.answers)


def typed(raw: Raw) -> Pod:
    """A pod as the loader reads it."""
    text = msgspec.json.encode({"apiVersion": "v1", "kind": "List", "items": [raw]})
    return load_snapshot(["-"], stdin=io.BytesIO(text)).objects(kinds.PODS)[0]


def decide(seen: Seen, raw: Raw) -> Ours:
    """Our answer for a pod that is about to be made."""
    pod = typed(raw)
    cluster = seen.cluster(pod)
    answers = feasible_now(pod, cluster)
    odds = first_run(pod, cluster, version=seen.version)
    assert cluster.storage is not None
    rules = volume_rules(pod.spec, pod.metadata.namespace, cluster.storage, pod.metadata.name)
    needs = needs_of(pod.spec, version=seen.version)
    never = frozenset(node.id for node in cluster.nodes if structural(needs, node, rules).ok is False)
    names = tuple(node.id for node in cluster.nodes)
    if any(one.ok is not False for one in answers):
        return Ours(names, answers, odds, never)
    preempt = preemption(pod, cluster, answers, version=seen.version)
    head = unschedulable_message(answers, version=seen.version)
    return Ours(names, answers, odds, never, preempt, head, tail(preempt))


def tail(found: Sequence[Preemption]) -> str:
    """What the scheduler says of preemption: the reasons counted, or why it is not tried at all."""
    if any(one.ok is not False for one in found):
        return ""
    reasons: dict[str, int] = {}
    for one in found:
        for reason in one.reasons:
            if reason.startswith("not eligible"):
                return reason
            reasons[reason] = reasons.get(reason, 0) + 1
    counted = ", ".join(sorted(f"{count} {reason}" for reason, count in reasons.items()))
    return f"0/{len(found)} nodes are available: {counted}."


def differences(
    ours: Ours, real: Outcome, victims: frozenset[str] = frozenset(), going: frozenset[str] = frozenset()
) -> list[str]:
    """How our answer and the real outcome differ, one sentence each; empty: they agree.

    Args:
        ours: for the same pod on the same cluster.
        real: what became of it.
        victims: pods that the scheduler deleted for it.
        going: pods that were being deleted already.
    """
    found = []
    if ours.never & ours.feasible:
        found.append(f"feasible now and never: {sorted(ours.never & ours.feasible)}")
    where = real.node or real.nominated
    if where in ours.never:
        found.append(f"{where} is real, and structurally impossible")
    if real.node:
        found += _chosen(ours, real.node)
    elif real.reason == "SchedulingGated":
        if any(one.plugin != "SchedulingGates" for one in ours.answers):
            found.append(f"gated, and ours is {ours.head}")
    else:
        found += _refused(ours, real, victims, going)
    return found


def _chosen(ours: Ours, node: str) -> list[str]:
    if ours.odds.why_not is None:
        if node in ours.odds.winners:
            return []
        why = dict(zip(ours.names, ours.answers, strict=True))[node]
        return [f"it chose {node} ({why.reason or 'feasible'}), our winners are {list(ours.odds.winners)}; {ours.head}"]
    if node in ours.possible:
        return []
    return [f"it chose {node}, possible for us are {sorted(ours.possible)}"]


def _refused(ours: Ours, real: Outcome, victims: frozenset[str], going: frozenset[str]) -> list[str]:
    if ours.feasible:
        return [f"it refused ({real.message}), feasible for us are {sorted(ours.feasible)}"]
    if not ours.known:
        return []
    said = _SAID.match(real.message)
    if said is None:
        return [] if real.message == ours.head else [f"it says {real.message!r}, we say {ours.head!r}"]
    found = []
    if said["head"] != ours.head:
        found.append(f"it says {said['head']!r}, we say {ours.head!r}")
    whole = any(one.whole for one in ours.answers)
    if (said["tail"] or "") != ours.tail and not (whole and said["none"]):
        found.append(f"of preemption it says {said['tail']!r}, we say {ours.tail!r}")
    by_node: dict[str, Any] = dict(zip(ours.names, ours.preempt, strict=True))
    if real.nominated:
        mine = by_node[real.nominated]
        if mine.ok is not True:
            found.append(f"nominated for {real.nominated}, where for us preemption does not help: {mine.reasons}")
        elif frozenset(mine.victims) - going != victims:
            found.append(f"victims on {real.nominated} are {sorted(victims)}, for us {sorted(mine.victims)}")
    elif any(one.ok is True for one in ours.preempt):
        found.append(
            f"nobody is displaced ({real.message}), for us on {[n for n, one in by_node.items() if one.ok is True]}"
        )
    return found


def unknown_of(ours: Ours) -> str:
    """Why something could not be said; empty where all could."""
    why = ours.odds.why_not or next((one.ok for one in ours.answers if isinstance(one.ok, Unknown)), None)
    return str(why) if why is not None else ""
