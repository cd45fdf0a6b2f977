"""One generated cluster after the other against the real scheduler: make it, place pods, see what became of them, reset.

    arena = Arena(plane)
    arena.create([node("a"), node("b", labels={"zone": "z"})])
    outcomes = arena.place([pod("web", nodeSelector={"zone": "z"})])
    assert outcomes["default/web"].node == "b"
    arena.reset()

The scheduler hears of nodes, pods and claims by streams of their own that know nothing of one another, so a pod could
be looked at before all nodes are known. :meth:`Arena.settle` waits until it has: its own counts of handled events
(``scheduler_event_handling_duration_seconds``, Kubernetes 1.32 and newer) must come to what the API server holds.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import msgspec

from tests.controlplane.client import ApiError, Raw
from tests.controlplane.objects import pod
from tests.controlplane.plane import SCHEDULER, ControlPlane

_EVENTS = re.compile(
    r'^scheduler_event_handling_duration_seconds_count\{event="(?:[\w.]+/)?(\w+)"\} (\S+)$', re.MULTILINE
)
_HEARD = (
    "CSINode",
    "CSIDriver",
    "CSIStorageCapacity",
    "DeviceClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "ResourceClaim",
    "ResourceSlice",
    "StorageClass",
    "VolumeAttachment",
)
"""Kinds besides Node and Pod whose new objects the scheduler counts."""
_UNCOUNTED = frozenset({"Namespace", "Service", "ReplicaSet", "StatefulSet", "PodDisruptionBudget", "PriorityClass"})
"""Kinds that it reads without counting; a moment must do."""
_MOMENT = 0.05
_SCHEDULER = "default-scheduler"
_QUEUED = re.compile(r'^scheduler_pending_pods\{queue="(\w+)"\} (\S+)$', re.MULTILINE)


class Outcome(msgspec.Struct, frozen=True):
    """What became of a pod.

    Attributes:
        key: ``namespace/name``.
        node: where it is bound; empty: it is not.
        reason: of its condition PodScheduled while that is False: ``Unschedulable``, ``SchedulingGated``,
            ``SchedulerError``.
        message: the scheduler's own words, ``0/3 nodes are available: …``.
        nominated: the node on which it was promised room by preemption.
    """

    key: str
    node: str = ""
    reason: str = ""
    message: str = ""
    nominated: str = ""

    @property
    def decided(self) -> bool:
        """Whether the scheduler has said anything of it."""
        return bool(self.node or self.reason)


class Arena:
    """The whole cluster of a control plane, for one case at a time.

    Args:
        plane: with a running scheduler; nobody else may use it meanwhile.
        uncounted: kinds whose new objects are not waited for (with device taints on, slices come by another way).
    """

    def __init__(self, plane: ControlPlane, *, uncounted: Collection[str] = ()) -> None:
        self.plane = plane
        self._heard = tuple(kind for kind in _HEARD if kind not in uncounted)
        self.api = plane.admin
        self._made: list[Raw] = []
        self._unheard: Counter[str] = Counter()
        self._base: dict[str, int] = {}
        self._newest: dict[str, int] = {}
        self._scheduler = 0

    # --- make ---

    def create(self, objects: Iterable[Raw]) -> None:
        """Makes everything that a case has but the pods to place: nodes, bound pods (``nodeName``), claims, classes.

        Namespaces and what pods name (priority and runtime classes) come first, pods last; else side by side.

        Raises:
            ApiError: the API server refuses one; what was made before stays until :meth:`reset`.
        """
        self._mark()
        ranks: dict[int, list[Raw]] = {0: [], 1: [], 2: []}
        for obj in objects:
            ranks[{"Namespace": 0, "Pod": 2}.get(obj["kind"], 1)].append(obj)
        for _, rank in sorted(ranks.items()):
            self._note(rank)
            for made in self.api.create_all(rank):
                self._see(made)

    def _see(self, made: Raw) -> None:
        self._newest[made["kind"]] = max(self._newest.get(made["kind"], 0), int(made["metadata"]["resourceVersion"]))

    def _note(self, objects: Sequence[Raw]) -> None:
        self._made += objects
        for obj in objects:
            self._unheard[obj["kind"]] += 1

    def place(self, pods: Sequence[Raw], *, ordered: bool = True, patience: float = 30.0) -> dict[str, Outcome]:
        """Makes the pods once the scheduler knows everything else, and waits until it has decided on each.

        Args:
            pods: to place.
            ordered: one after the other is made, so that equal priorities are looked at in this order; else side by
                side, which is quicker.
            patience: seconds to wait.

        Returns:
            What became of each, by ``namespace/name``.

        Raises:
            TimeoutError: it has not decided on all.
        """
        self.settle()
        self._note(pods)
        for made in [self.api.create(one) for one in pods] if ordered else self.api.create_all(pods):
            self._see(made)
        return self.wait([key_of(one) for one in pods], patience=patience)

    # --- wait ---

    def wait(
        self,
        keys: Iterable[str],
        until: Callable[[Outcome], bool] = lambda outcome: outcome.decided,
        *,
        patience: float = 30.0,
    ) -> dict[str, Outcome]:
        """Waits until something holds for each of these pods; by default, that the scheduler has decided.

        Args:
            keys: ``namespace/name``.
            until: e.g. ``lambda outcome: outcome.node`` to see a preemption to its end.
            patience: seconds to wait.

        Raises:
            TimeoutError: it does not hold for all; the message names those.
        """
        wanted = set(keys)
        end = time.monotonic() + patience
        while True:
            begun = time.monotonic()
            found = self.outcomes(wanted)
            left = {key for key in wanted if key not in found or not until(found[key])}
            if not left:
                return found
            if time.monotonic() > end:
                some = ", ".join(str(found.get(key, key)) for key in sorted(left)[:3])
                raise TimeoutError(f"{len(left)} of {len(wanted)} pods after {patience:.0f} s: {some}")
            time.sleep(max(0.005, time.monotonic() - begun))  # no more than half of the time is spent on asking

    def outcomes(self, keys: Iterable[str] | None = None) -> dict[str, Outcome]:
        """What has become so far of these pods, or of all; from the API server's memory, so perhaps a moment old."""
        wanted = None if keys is None else set(keys)
        listed = self.api.get("/api/v1/pods?resourceVersion=0")["items"]
        found = (_outcome(pod) for pod in listed)
        return {outcome.key: outcome for outcome in found if wanted is None or outcome.key in wanted}

    def settle(self, patience: float = 30.0) -> None:
        """Waits until the scheduler knows of everything that the API server holds.

        Raises:
            TimeoutError: it does not; with what it knows and what there is.
        """
        self._mark()
        held = self._held()
        wanted = {
            kind: self._base.get(f"{kind}Add", 0) + self._unheard[kind] for kind in self._heard if self._unheard[kind]
        }
        end = time.monotonic() + patience
        while True:
            counts = self.events()
            known = {kind: counts.get(f"{kind}Add", 0) - counts.get(f"{kind}Delete", 0) for kind in held}
            if known == held and all(counts.get(f"{kind}Add", 0) >= count for kind, count in wanted.items()):
                break
            if time.monotonic() > end:
                raise TimeoutError(f"the scheduler knows of {known}, and there are {held}; {wanted} of {counts}")
            time.sleep(0.002)
            if known != held:
                held = self._held()  # a pod may have been bound or deleted meanwhile
        if any(self._unheard[kind] for kind in _UNCOUNTED):
            time.sleep(_MOMENT)
        self._unheard.clear()
        self._base = counts

    def heard(self) -> None:
        """Waits until the scheduler has heard of every change of a bound pod so far, which it does not count.

        It hears of bound pods in the order of what happens to them: once it knows of one more, it knows of all before.
        """
        last = pod("last", nodeName="nowhere")
        self.create([last])
        self.settle()
        self.api.delete(self.api.path(last))

    def quiet(self, patience: float = 30.0) -> None:
        """Waits until the scheduler works on no pod: those that are left lie among the unschedulable or gated ones.

        Who lost its promised room to another pod, or hears of a victim's end, is looked at again without being asked.

        Raises:
            TimeoutError: it does not come to rest.
        """
        end = time.monotonic() + patience
        calm = 0
        while calm < 2:
            queued = {name: int(float(count)) for name, count in _QUEUED.findall(self.plane.scheduler_metrics())}
            items = self.api.items("/api/v1/pods")
            left = sum(
                1 for one in items if not one["spec"].get("nodeName") and one["spec"]["schedulerName"] == _SCHEDULER
            )
            still = not queued["active"] + queued["backoff"]
            calm = calm + 1 if still and queued["unschedulable"] + queued["gated"] == left else 0
            if time.monotonic() > end:
                raise TimeoutError(f"{left} pods are unbound, and in the scheduler's queues are {queued}")
            time.sleep(0.005)

    def events(self) -> dict[str, int]:
        """How many events the scheduler has handled since it started, by kind, e.g. ``AssignedPodDelete``."""
        return {event: int(float(count)) for event, count in _EVENTS.findall(self.plane.scheduler_metrics())}

    def _held(self) -> dict[str, int]:
        # From the API server's memory, but not older than what was made here: asking for the newest would wait for
        # etcd's next word on a kind that nothing has happened to, up to 100 ms.
        newest = "resourceVersionMatch=NotOlderThan&resourceVersion"
        nodes = self.api.get(f"/api/v1/nodes?{newest}={self._newest.get('Node', 0)}")["items"]
        pods = self.api.get(f"/api/v1/pods?{newest}={self._newest.get('Pod', 0)}")["items"]
        return {"Node": len(nodes), "AssignedPod": sum(1 for pod in pods if pod["spec"].get("nodeName"))}

    def _mark(self) -> None:
        """Begins to count anew with a new scheduler: when it is ready it knows of everything there was."""
        running = self.plane.processes.pids()[SCHEDULER]
        if running != self._scheduler:
            self._scheduler = running
            self._unheard.clear()
            self._base = self.events()

    # --- reset ---

    def reset(self) -> None:
        """Deletes everything that was made here, pods first, and waits until the scheduler has forgotten it."""
        made, self._made = self._made, []
        collections: dict[str, None] = {}
        single: dict[str, None] = {}
        namespaces = []
        for obj in made:
            if obj["kind"] == "Namespace":
                namespaces.append(obj["metadata"]["name"])
                continue
            place = self.api.collection(obj)
            if place.endswith("/nodes") or "/namespaces/" in place:
                collections[place] = None
            else:
                single[self.api.path(obj)] = None
            if obj["kind"] == "ResourceClaimTemplate":
                # The controller's claims go with their pods only while a controller runs that collects garbage.
                collections[place.replace("/resourceclaimtemplates", "/resourceclaims")] = None
        pods = [place for place in collections if place.endswith("/pods")]
        self.api.each(self._clear, pods)
        self.api.each(self._clear, [place for place in collections if place not in pods])
        self.api.each(self._remove, single)
        self.api.each(self._remove_namespace, dict.fromkeys(namespaces))
        self._unheard.clear()
        self._until_gone(made)
        self.settle()

    def _until_gone(self, made: Sequence[Raw], patience: float = 30.0) -> None:
        """Waits until the API server's memory, which the scheduler hears of, has lost the nodes and pods too.

        Only then do equal counts mean equal objects: as many new nodes as old ones would look settled at once.
        """
        for kind, collection in (("Node", "/api/v1/nodes"), ("Pod", "/api/v1/pods")):
            gone = {key_of(obj) for obj in made if obj["kind"] == kind}
            end = time.monotonic() + patience
            while gone and gone & {key_of(obj) for obj in self.api.get(f"{collection}?resourceVersion=0")["items"]}:
                if time.monotonic() > end:
                    raise TimeoutError(f"{collection} is not empty {patience:.0f} s after all was deleted")
                time.sleep(0.002)

    def _clear(self, collection: str) -> None:
        gone = self.api.request("DELETE", collection, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        for obj in gone.get("items") or ():
            self._release(f"{collection}/{obj['metadata']['name']}", obj)

    def _remove(self, path: str) -> None:
        try:
            gone = self.api.request("DELETE", path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
        except ApiError as no:
            if no.status != 404:
                raise
        else:
            self._release(path, gone)

    def _release(self, path: str, obj: Any) -> None:
        """Takes away finalizers, whose controllers may not run: an allocated claim has one, for instance."""
        if obj["metadata"].get("finalizers"):
            try:
                self.api.patch(path, {"metadata": {"finalizers": None}})
            except ApiError as no:
                if no.status != 404:
                    raise

    def _remove_namespace(self, name: str) -> None:
        """Without the namespace controller nobody finalizes a namespace; what was made in it is gone already."""
        self.api.delete(f"/api/v1/namespaces/{name}")
        try:
            found = self.api.get(f"/api/v1/namespaces/{name}")
            self.api.request("PUT", f"/api/v1/namespaces/{name}/finalize", {**found, "spec": {"finalizers": []}})
        except ApiError as no:
            if no.status not in (404, 409):
                raise


def key_of(obj: Raw) -> str:
    """``namespace/name`` of a pod (of another object too, where ``default`` stands for no namespace)."""
    return f"{obj['metadata'].get('namespace') or 'default'}/{obj['metadata']['name']}"


def _outcome(pod: Raw) -> Outcome:
    status = pod.get("status") or {}
    said: Raw = next(
        (c for c in status.get("conditions") or () if c["type"] == "PodScheduled" and c["status"] == "False"), {}
    )
    return Outcome(
        key=key_of(pod),
        node=pod["spec"].get("nodeName") or "",
        reason=said.get("reason") or "",
        message=said.get("message") or "",
        nominated=status.get("nominatedNodeName") or "",
    )
