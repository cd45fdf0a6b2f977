"""Workloads: pod templates and the pods that they have.

Pods are many and templates few, so pods are folded into their controllers in
one pass. A pod whose controller was not read makes a workload of its own from
what the pod itself says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.kubernetes import Affinity, Controller, Labels, NodeSelector, Pod, PodSpec
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Workload

_CONTROLLERS: tuple[tuple[str, Kind[Controller]], ...] = (
    ("Deployment", kinds.DEPLOYMENTS),
    ("StatefulSet", kinds.STATEFUL_SETS),
    ("DaemonSet", kinds.DAEMON_SETS),
    ("ReplicaSet", kinds.REPLICA_SETS),
    ("Job", kinds.JOBS),
)
_KIND_NAMES = {kind: table.name for kind, table in _CONTROLLERS} | {"CronJob": kinds.CRON_JOBS.name, "Pod": "pods"}

GENERATED_LABELS = frozenset(
    {
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/controller-uid",
        "controller-uid",
    }
)
"""Labels that a controller adds to its pods; a template does not have them."""

_Owner = tuple[str, str, str]  # kind, namespace, name


def workloads(snapshot: Snapshot, extra: Iterable[Workload] = ()) -> tuple[Workload, ...]:
    """All workloads, sorted by id; ``extra`` are a profile's own templates."""
    parents: dict[_Owner, _Owner] = {}
    controllers: dict[_Owner, Controller] = {}
    for kind, table in _CONTROLLERS:
        for obj in snapshot.objects(table):
            own = (kind, obj.metadata.namespace, obj.metadata.name)
            controllers[own] = obj
            for owner in obj.metadata.owner_references:
                if owner.controller and owner.kind in ("Deployment", "CronJob"):
                    parents[own] = (owner.kind, obj.metadata.namespace, owner.name)
    members = _members(snapshot, parents)
    found: dict[_Owner, Workload] = {}
    for own, obj in controllers.items():
        # A ReplicaSet of a Deployment, or a Job of a CronJob, is its parent's revision, not a workload.
        if own not in parents and not (own[0] == "ReplicaSet" and obj.spec.replicas == 0):
            found[own] = _from_controller(own, obj, members.get(own, []))
    for cron in snapshot.objects(kinds.CRON_JOBS):
        own = ("CronJob", cron.metadata.namespace, cron.metadata.name)
        job = Controller(cron.metadata, "CronJob", cron.spec.job_template.spec)
        found[own] = _from_controller(own, job, members.get(own, []))
    for own, pods in members.items():
        if own not in found:
            found[own] = _from_pods(own, pods)
    result = sorted(found.values(), key=lambda w: w.id)
    return (*result, *extra)


def _members(snapshot: Snapshot, parents: dict[_Owner, _Owner]) -> dict[_Owner, list[Pod]]:
    members: defaultdict[_Owner, list[Pod]] = defaultdict(list)
    cache: dict[tuple[str, str, str, str], _Owner] = {}
    for pod in snapshot.objects(kinds.PODS):
        if pod.status.phase in ("Succeeded", "Failed"):
            continue
        meta = pod.metadata
        references = meta.owner_references
        if not references:
            members[("Pod", meta.namespace, meta.name)].append(pod)
            continue
        first = references[0]
        if not first.controller:
            first = next((ref for ref in references if ref.controller), first)
        token = (first.kind, meta.namespace, first.name, meta.labels.get("pod-template-hash", ""))
        own = cache.get(token)
        if own is None:
            own = cache[token] = _owner(token, parents)
        members[own].append(pod)
    return members


def _owner(token: tuple[str, str, str, str], parents: dict[_Owner, _Owner]) -> _Owner:
    """The top controller of a pod's owner.

    Where the ReplicaSet was not read, its name tells: a Deployment names it
    ``<deployment>-<pod-template-hash>``.
    """
    kind, namespace, name, template_hash = token
    own = (kind, namespace, name)
    if own in parents:
        return parents[own]
    if kind == "ReplicaSet" and template_hash and name.endswith(f"-{template_hash}"):
        return ("Deployment", namespace, name.removesuffix(f"-{template_hash}"))
    return own


def _from_controller(own: _Owner, obj: Controller, pods: list[Pod]) -> Workload:
    kind, namespace, name = own
    pods = sorted(pods, key=lambda pod: pod.metadata.name)
    replicas = obj.spec.parallelism if kind in ("Job", "CronJob") else obj.spec.replicas
    return Workload(
        kind=kind,
        namespace=namespace,
        name=name,
        labels=obj.spec.template.metadata.labels,
        spec=obj.spec.template.spec,
        replicas=None if kind == "DaemonSet" else (1 if replicas is None else replicas),
        pod_names=tuple(pod.metadata.name for pod in pods),
        pod_nodes=tuple(pod.spec.node_name for pod in pods),
        claims=_claims(pods),
        ref=Ref(_KIND_NAMES[kind], f"{namespace}/{name}"),
    )


def _from_pods(own: _Owner, pods: list[Pod]) -> Workload:
    """From the pods themselves, less what the controller and the scheduler added to each."""
    kind, namespace, name = own
    pods = sorted(pods, key=lambda pod: pod.metadata.name)
    first = pods[0]
    labels: Labels = {k: v for k, v in first.metadata.labels.items() if k not in GENERATED_LABELS or kind == "Pod"}
    spec = msgspec.structs.replace(first.spec, node_name="")
    if kind == "DaemonSet":
        spec = _without_pinning(spec)
    return Workload(
        kind=kind,
        namespace=namespace,
        name=name,
        labels=labels,
        spec=spec,
        replicas=None if kind in ("DaemonSet", "Pod") else len(pods),
        pod_names=tuple(pod.metadata.name for pod in pods),
        pod_nodes=tuple(pod.spec.node_name for pod in pods),
        claims=_claims(pods),
        ref=Ref("pods", f"{namespace}/{first.metadata.name}"),
    )


def _claims(pods: list[Pod]) -> tuple[tuple[str, ...], ...]:
    """The distinct sets of claims; a volume claim template's claim stands in the pods only, not in the template."""
    found: set[tuple[str, ...]] = set()
    for pod in pods:
        names = tuple(
            volume.persistent_volume_claim.claim_name
            for volume in pod.spec.volumes
            if volume.persistent_volume_claim is not None
        )
        if names:
            found.add(names)
    return tuple(sorted(found))


def _without_pinning(spec: PodSpec) -> PodSpec:
    """The DaemonSet controller pins each pod to its node by ``matchFields``; the template has no such term."""
    affinity = spec.affinity
    if affinity is None or affinity.node_affinity is None or affinity.node_affinity.required is None:
        return spec
    terms = tuple(
        msgspec.structs.replace(term, match_fields=()) for term in affinity.node_affinity.required.node_selector_terms
    )
    kept = tuple(term for term in terms if term.match_expressions)
    required = NodeSelector(kept) if kept else None
    node_affinity = msgspec.structs.replace(affinity.node_affinity, required=required)
    return msgspec.structs.replace(
        spec, affinity=Affinity(node_affinity, affinity.pod_affinity, affinity.pod_anti_affinity)
    )
