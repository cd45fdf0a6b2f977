"""One generated case against the real scheduler: each pod is decided by us first, then placed, then compared."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes import Pod
from tests.controlplane.client import Raw
from tests.controlplane.generate import Case
from tests.controlplane.generatevolumes import EBS_ZONE, claim, persistent
from tests.controlplane.ours import Seen, decide, differences, unknown_of
from tests.controlplane.scheduling import Arena, Outcome, key_of

SELECTED = "volume.kubernetes.io/selected-node"
_PATIENCE = 30.0


class Compared(msgspec.Struct):
    """What was compared.

    Attributes:
        counts: of cases, pods by outcome, and answers that we left open.
        differ: one sentence for each that differs.
        ties: for each choice among several winners: how many, and which of them by name it was.
        unknown: why answers were left open, how often.
    """

    counts: Counter[str] = msgspec.field(default_factory=Counter)
    differ: list[str] = msgspec.field(default_factory=list)
    ties: Counter[tuple[int, int]] = msgspec.field(default_factory=Counter)
    unknown: Counter[str] = msgspec.field(default_factory=Counter)


def compare(arena: Arena, case: Case, into: Compared) -> None:
    """Makes the case, places its pods one after another, and compares; the cluster is empty again afterwards."""
    try:
        _make(arena, case.objects)
        seen = Seen(arena.api, arena.plane.version, {one["kind"] for one in case.objects})
        into.counts["clusters"] += 1
        ranked = any(one["kind"] == "PriorityClass" for one in case.objects)
        for number, pod in enumerate(case.pods):
            for sentence in _one(arena, seen, pod, into):
                into.differ.append(f"{case.family} {case.seed} {pod['metadata']['name']}: {sentence}")
            if ranked:
                _begin(arena, pod, number)
    finally:
        arena.reset()


def _make(arena: Arena, objects: Sequence[Raw]) -> None:
    """Volumes that nobody has claimed become available, as their controller would say."""
    pods = [one for one in objects if one["kind"] == "Pod"]
    arena.create([one for one in objects if one["kind"] != "Pod"])
    if any(one["kind"] in ("PriorityClass", "RuntimeClass") for one in objects):
        time.sleep(0.1)  # the API server hears of them by a watch of its own
    arena.create(pods)
    begun = [one for one in pods if one.get("status")]
    arena.api.each(lambda one: arena.api.status(one, one["status"]), begun)
    free = [one for one in objects if one["kind"] == "PersistentVolume" and "claimRef" not in one["spec"]]
    arena.api.each(lambda one: arena.api.status(one, {"phase": "Available"}), free)
    if free:
        time.sleep(0.1)  # the scheduler does not count updates
    if begun:
        arena.heard()


def _begin(arena: Arena, pod: Raw, number: int) -> None:
    """Gives a pod that was bound the time when it began, and waits until the scheduler looks at no pod any more.

    Of two pods without such a time each counts as started now, later than the other (``GetPodStartTime``): which of
    them is a victim would be decided by the order of a sort that has no order.
    """
    if arena.outcomes([key_of(pod)]).get(key_of(pod), Outcome("")).node:
        arena.api.status(pod, {"startTime": f"2026-01-02T00:00:{number:02}Z"})
        arena.heard()
    arena.quiet()


def _one(arena: Arena, seen: Seen, pod: Raw, into: Compared) -> list[str]:
    stored = any("persistentVolumeClaim" in one for one in pod["spec"].get("volumes", ()))
    seen.look(volumes=seen.stored)
    ours = decide(seen, pod)
    into.counts["pods"] += 1
    if why := unknown_of(ours):
        into.unknown[why] += 1
    if pod["spec"].get("schedulerName"):
        into.counts["of other schedulers"] += 1
        arena.create([pod])
        time.sleep(0.02)
        left = arena.outcomes([key_of(pod)])[key_of(pod)]
        ok = ours.odds.why_not is not None and not ours.odds.probability and not left.decided
        return [] if ok else [f"another scheduler's pod: {left}, ours {ours.odds}"]
    if named := pod["spec"].get("nodeName"):
        into.counts["named"] += 1
        arena.create([pod])
        return [] if ours.possible <= {named} else [f"named {named}, ours {sorted(ours.possible)}"]
    real = _place(arena, pod, _bind_volumes if stored else None)
    going = frozenset(_key(one) for one in seen.snapshot.objects(kinds.PODS) if one.metadata.deletion_timestamp)
    expected = next(
        (one.victims for name, one in zip(ours.names, ours.preempt, strict=False) if name == real.nominated), ()
    )
    victims = _victims(arena, pod, frozenset(expected) - going) - going if real.nominated else frozenset()
    found = differences(ours, real, victims, going)
    if real.node:
        into.counts["placed"] += 1
        if len(ours.odds.winners) > 1 and real.node in ours.odds.winners:
            into.ties[len(ours.odds.winners), sorted(ours.odds.winners).index(real.node)] += 1
    elif real.reason == "SchedulingGated":
        into.counts["gated"] += 1
        arena.api.patch(arena.api.path(pod), {"spec": {"schedulingGates": []}})
        free = {**pod, "spec": {**pod["spec"], "schedulingGates": []}}
        ours = decide(seen, free)
        real = arena.wait([key_of(pod)], lambda one: one.decided and one.reason != "SchedulingGated")[key_of(pod)]
        found += differences(ours, real)
    elif real.nominated:
        into.counts["by preemption"] += 1
        return found
    else:
        into.counts["refused"] += 1
    if not real.node:
        arena.api.delete(arena.api.path(pod))
    return found


def _place(arena: Arena, pod: Raw, meanwhile: Callable[[Arena, Raw], str] | None) -> Outcome:
    if meanwhile is None:
        return arena.place([pod])[key_of(pod)]
    arena.settle()
    try:
        return arena.place([pod], patience=0)[key_of(pod)]
    except TimeoutError:
        pass
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        meanwhile(arena, pod)
        found = arena.outcomes([key_of(pod)]).get(key_of(pod))
        if found is not None and found.decided:
            return found
        time.sleep(0.01)
    raise TimeoutError(f"{key_of(pod)} is not decided")


def _victims(arena: Arena, pod: Raw, expected: frozenset[str], patience: float = 10.0) -> frozenset[str]:
    """The pods that the scheduler displaced for this one, by its events: it deletes beside its work (SchedulerAsyncPreemption).

    Another pod may displace others in the same moment: who was promised the room that this one gets looks for new room.
    """
    end = time.monotonic() + patience
    mine = arena.api.get(arena.api.path(pod))["metadata"]["uid"]
    while True:
        pods = arena.api.items("/api/v1/pods")
        going = {one["metadata"]["uid"]: key_of(one) for one in pods if one["metadata"].get("deletionTimestamp")}
        told = arena.api.items("/api/v1/events?fieldSelector=reason%3DPreempted")
        by = {one["involvedObject"]["uid"]: (one.get("related") or {}).get("uid") for one in told}
        found = frozenset(key for uid, key in going.items() if by.get(uid) == mine)
        if (expected <= found and going.keys() <= by.keys()) or time.monotonic() > end:
            return found
        time.sleep(0.01)


def _key(pod: Pod) -> str:
    return f"{pod.metadata.namespace}/{pod.metadata.name}"


def _bind_volumes(arena: Arena, pod: Raw) -> str:
    """What the volume controllers do once the scheduler has chosen a node: bind a claim to its volume, or make one."""
    api = arena.api
    volumes: list[Raw] = api.items("/api/v1/persistentvolumes")
    for used in pod["spec"]["volumes"]:
        name = used["persistentVolumeClaim"]["claimName"]
        place = f"/api/v1/namespaces/default/persistentvolumeclaims/{name}"
        if not api.there(place):
            continue
        found: Raw = api.get(place)
        if found["spec"].get("volumeName"):
            continue
        mine = next((one for one in volumes if (one["spec"].get("claimRef") or {}).get("name") == name), None)
        node = (found["metadata"].get("annotations") or {}).get(SELECTED)
        if mine is None and node:
            mine = _made(arena, found, node)
        if mine is not None:
            bound: Any = claim(name, "", volume=mine["metadata"]["name"])
            api.patch(place, {"metadata": bound["metadata"], "spec": {"volumeName": mine["metadata"]["name"]}})
    return ""


def _made(arena: Arena, wanted: Raw, node: str) -> Raw:
    """The volume that the driver makes for a claim, in the zone of the node."""
    labels = arena.api.get(f"/api/v1/nodes/{node}")["metadata"]["labels"]
    zone = labels.get(EBS_ZONE)
    where = {"key": EBS_ZONE, "operator": "In", "values": [zone]} if zone else None
    name, spec = wanted["metadata"]["name"], wanted["spec"]
    ref = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": "default", "name": name}
    ref["uid"] = wanted["metadata"]["uid"]
    mode = spec["accessModes"][0]
    volume = persistent(f"made-{name}", spec["storageClassName"], where, mode=mode, claimRef=ref)
    arena.create([volume])
    return volume
