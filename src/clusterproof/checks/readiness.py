"""Whether what is installed also works, from the status that its controllers, EKS and the API server gave.

Sources: Kubernetes API reference, DeploymentStatus, DaemonSetStatus, StatefulSetStatus and
CustomResourceDefinitionStatus; EKS API reference, ``Addon`` and ``AddonHealth``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from clusterproof.checks.versions import raw_of
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Workload


class Ready(msgspec.Struct, frozen=True):
    """What one thing's status says.

    Attributes:
        outcome: works, blocked or unknown.
        text: what it says, in a clause.
        evidence: the fields that say so.
        unknown: why, where it is unknown.
        note: what it does not prove; else empty.
    """

    outcome: Outcome
    text: str = ""
    evidence: tuple[Ref, ...] = ()
    unknown: Unknown | None = None
    note: str = ""


def of_workload(snapshot: Snapshot, workload: Workload) -> Ready:
    """Whether all pods that a controller wants are available."""
    raw: Mapping[str, Any] | None = raw_of(snapshot, workload)
    status = raw.get("status") if raw is not None else None
    if raw is None and (missing := _unread(snapshot, workload)) is not None:
        return Ready(Outcome.UNKNOWN, unknown=missing)
    if raw is None or not isinstance(status, dict) or not status or workload.kind not in _READY:
        what = f"whether {workload.id} is available is not known: it has no status"
        return _unknown(what, f"read it from the cluster: kubectl get {workload.kind.lower()} -A -o json")
    generation = (raw.get("metadata") or {}).get("generation", 0)
    observed = status.get("observedGeneration", generation)
    if isinstance(observed, int) and isinstance(generation, int) and 0 < observed < generation:
        return _unknown(f"the status of {workload.id} is older than its last change", "read it again")
    return _READY[workload.kind](workload, raw, status)


def _unread(snapshot: Snapshot, workload: Workload) -> Unknown | None:
    """Why a controller was not read, of which only pods were."""
    kind = next((kind for kind in kinds.ALL if kind.origin == "kubernetes" and kind.wire == workload.kind), None)
    return snapshot.missing(kind, workload.namespace) if kind is not None else None


def _daemon_set(workload: Workload, _: Mapping[str, Any], status: Mapping[str, Any]) -> Ready:
    desired, ready = int(status.get("desiredNumberScheduled") or 0), int(status.get("numberReady") or 0)
    evidence = (_ref(workload, "status", f"{ready} of {desired} ready"),)
    if not desired:
        note = f"{workload.id} has no node to run on yet: whether its pods get ready is not provable today"
        return Ready(Outcome.WORKS, "no node to run on yet", evidence, note=note)
    if ready < desired:
        return Ready(Outcome.BLOCKED, f"{ready} of {desired} pods of {workload.id} are ready", evidence)
    return Ready(Outcome.WORKS, f"{ready} of {desired} ready", evidence)


def _replicas(workload: Workload, raw: Mapping[str, Any], status: Mapping[str, Any]) -> Ready:
    wanted = (raw.get("spec") or {}).get("replicas")
    desired = 1 if wanted is None else int(wanted)
    available = int(status.get("availableReplicas") or 0)
    evidence = [_ref(workload, "status", f"{available} of {desired} available")]
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Available":
            text = f"{condition.get('status')} {condition.get('reason', '')}".strip()
            evidence.append(_ref(workload, "status.conditions[Available]", text))
            if condition.get("status") != "True" and desired:
                return Ready(Outcome.BLOCKED, f"{workload.id} is not available ({text})", tuple(evidence))
    if not desired:
        return Ready(Outcome.BLOCKED, f"{workload.id} is scaled to zero", tuple(evidence))
    if available < desired:
        text = f"{available} of {desired} pods of {workload.id} are available"
        return Ready(Outcome.BLOCKED, text, tuple(evidence))
    return Ready(Outcome.WORKS, f"{available} of {desired} available", tuple(evidence))


_READY = {"Deployment": _replicas, "StatefulSet": _replicas, "ReplicaSet": _replicas, "DaemonSet": _daemon_set}


def of_addon(snapshot: Snapshot, name: str) -> Ready | None:
    """What EKS says of an add-on; None where the cluster has none of that name or that was not read."""
    raw = snapshot.raw(kinds.ADDONS, name)
    if raw is None:
        return None
    unknown = snapshot.unknown_field(kinds.ADDONS, name, "status")
    status = str(raw.get("status") or "")
    if unknown is not None or not status:
        why = unknown or Unknown(Cause.NOT_COLLECTED, f"the status of the add-on {name} was not read")
        return Ready(Outcome.UNKNOWN, unknown=why)
    evidence = [Ref(kinds.ADDONS.name, name, "status", status)]
    for issue in (raw.get("health") or {}).get("issues") or ():
        text = ": ".join(str(part) for part in (issue.get("code"), issue.get("message")) if part)
        evidence.append(Ref(kinds.ADDONS.name, name, "health.issues", text))
    if status == "ACTIVE":
        return Ready(Outcome.WORKS, f"the add-on {name} is ACTIVE", tuple(evidence))
    return Ready(Outcome.BLOCKED, f"the add-on {name} is {status}", tuple(evidence))


def of_definition(snapshot: Snapshot, name: str) -> Ready:
    """Whether a CustomResourceDefinition is there and served."""
    raw = snapshot.raw(kinds.CRDS, name)
    if raw is None:
        missing = snapshot.missing(kinds.CRDS)
        if missing is not None:
            return Ready(Outcome.UNKNOWN, unknown=missing)
        return Ready(Outcome.BLOCKED, f"CustomResourceDefinition {name} is not there", (Ref(kinds.CRDS.name, name),))
    conditions = (raw.get("status") or {}).get("conditions")
    if not conditions:
        what = f"whether CustomResourceDefinition {name} is served is not known: it has no status"
        return _unknown(what, "read it from the cluster: kubectl get customresourcedefinitions -o json")
    state = next((str(item.get("status")) for item in conditions if item.get("type") == "Established"), "False")
    evidence = (Ref(kinds.CRDS.name, name, "status.conditions[Established]", state),)
    if state == "True":
        return Ready(Outcome.WORKS, "", evidence)
    return Ready(Outcome.BLOCKED, f"CustomResourceDefinition {name} is not established", evidence)


def _ref(workload: Workload, field: str, value: str) -> Ref:
    ref = workload.ref
    return Ref(ref.kind, ref.key, field, value) if ref is not None else Ref("", workload.id, field, value)


def _unknown(what: str, remedy: str) -> Ready:
    return Ready(Outcome.UNKNOWN, unknown=Unknown(Cause.NOT_COLLECTED, what, remedy))
