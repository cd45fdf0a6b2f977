"""Workloads: pod templates and the pods that they have.

Pods are many and templates few, so pods are folded into their controllers in
one pass. A pod whose controller was not read makes a workload of its own from
what the pod itself says.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from operator import itemgetter

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.kubernetes import Affinity, Controller, Labels, NodeSelector, Pod, PodSpec
from clusterproof.snapshot.kubernetes.outlines import PodOutline, VolumeOutline
from clusterproof.snapshot.snapshot import Snapshot, Table
from clusterproof.world.model import Workload

_CONTROLLERS: tuple[tuple[str, Kind[Controller]], ...] = (
    ("Deployment", kinds.DEPLOYMENTS),
    ("StatefulSet", kinds.STATEFUL_SETS),
    ("DaemonSet", kinds.DAEMON_SETS),
    ("ReplicaSet", kinds.REPLICA_SETS),
    ("Job", kinds.JOBS),
)
_KIND_NAMES = {kind: table.name for kind, table in _CONTROLLERS} | {"CronJob": kinds.CRON_JOBS.name, "Pod": "pods"}

_JOB_LABELS = (
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-completion-index",
    "batch.kubernetes.io/job-name",
    "controller-uid",
    "job-name",
)
_GENERATED: dict[str, tuple[str, ...]] = {
    "Deployment": ("pod-template-hash",),
    "ReplicaSet": ("pod-template-hash",),
    "StatefulSet": ("apps.kubernetes.io/pod-index", "controller-revision-hash", "statefulset.kubernetes.io/pod-name"),
    "DaemonSet": ("controller-revision-hash", "pod-template-generation"),
    "Job": _JOB_LABELS,
    "CronJob": _JOB_LABELS,
    "Pod": (),
}
GENERATED_LABELS = frozenset(key for keys in _GENERATED.values() for key in keys)
"""Labels that a controller adds to its pods; a template does not have them."""

FARGATE_PROFILE = "eks.amazonaws.com/fargate-profile"
"""On a pod: the Fargate profile that takes it. A template may ask for one; EKS writes it on each pod it takes."""


def generated_labels(workload: Workload) -> tuple[str, ...]:
    """The labels that its controller will add to the workload's pods, sorted: they are there, with values not known."""
    keys = _GENERATED.get(workload.kind, tuple(sorted(GENERATED_LABELS)))
    return tuple(key for key in keys if key not in workload.labels)


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
    pods = snapshot.tables.get(kinds.PODS.name)
    members = _by_controller(pods.derived(_fold) if pods is not None else {}, parents)
    found: dict[_Owner, Workload] = {}
    for own, obj in controllers.items():
        # A ReplicaSet of a Deployment, or a Job of a CronJob, is its parent's revision, not a workload.
        if own not in parents and not (own[0] == "ReplicaSet" and obj.spec.replicas == 0):
            found[own] = _from_controller(own, obj, members.get(own, _NONE))
    for cron in snapshot.objects(kinds.CRON_JOBS):
        own = ("CronJob", cron.metadata.namespace, cron.metadata.name)
        job = Controller(cron.metadata, "CronJob", cron.spec.job_template.spec)
        found[own] = _from_controller(own, job, members.get(own, _NONE))
    if pods is not None:
        # In the order of the snapshot: it is read in frames, each once.
        orphans = sorted((item.first, own) for own, item in members.items() if own not in found)
        for first, own in orphans:
            found[own] = _from_pods(own, pods.at(first), members[own])
    result = sorted(found.values(), key=lambda w: w.id)
    return (*result, *extra)


class _Members(msgspec.Struct, frozen=True):
    """The pods of one owner that are not finished: names sorted, their nodes, claims, and who comes first by name."""

    names: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    claims: tuple[tuple[str, ...], ...] = ()
    first: int = -1


_NONE = _Members()
_Token = tuple[str, str, str, str]  # an owner reference's kind, namespace and name, and the pod's template hash


def _fold(pods: Table[Pod]) -> dict[_Token, _Members]:
    """All pods by their own owner reference, in one pass; a pod without owner is its own."""
    found: defaultdict[_Token, list[tuple[str, str, int]]] = defaultdict(list)
    claims: defaultdict[_Token, set[tuple[str, ...]]] = defaultdict(set)
    for position, pod in enumerate(pods.shaped(PodOutline)):
        if pod.status.phase in ("Succeeded", "Failed"):
            continue
        meta = pod.metadata
        references = meta.owner_references
        if references:
            first = references[0]
            if not first.controller:
                first = next((ref for ref in references if ref.controller), first)
            token = (first.kind, meta.namespace, first.name, meta.labels.pod_template_hash)
        else:
            token = ("Pod", meta.namespace, meta.name, "")
        found[token].append((meta.name, pod.spec.node_name, position))
        for volume in pod.spec.volumes:
            if volume.persistent_volume_claim is not None:
                claims[token].add(_claims(pod.spec.volumes))
                break
    return {token: _folded(members, claims.get(token, ())) for token, members in found.items()}


def _folded(members: list[tuple[str, str, int]], claims: Iterable[tuple[str, ...]]) -> _Members:
    # By name alone, as names are unique in a namespace; where a dump holds one twice, the order of the dump stays.
    members.sort(key=itemgetter(0))
    names, nodes, positions = zip(*members, strict=True)
    return _Members(names, nodes, tuple(sorted(claims)), positions[0])


def _by_controller(pods: dict[_Token, _Members], parents: dict[_Owner, _Owner]) -> dict[_Owner, _Members]:
    """Pods by the top controller: a Deployment's revisions come together."""
    parts: defaultdict[_Owner, list[_Members]] = defaultdict(list)
    for token, members in pods.items():
        parts[_owner(token, parents)].append(members)
    return {own: found[0] if len(found) == 1 else _merged(found) for own, found in parts.items()}


def _merged(parts: list[_Members]) -> _Members:
    rows = sorted((row for part in parts for row in zip(part.names, part.nodes, strict=True)), key=itemgetter(0))
    names, nodes = zip(*rows, strict=True)
    claims = {claim for part in parts for claim in part.claims}
    first = min(parts, key=lambda part: part.names[0]).first
    return _Members(names, nodes, tuple(sorted(claims)), first)


def _owner(token: _Token, parents: dict[_Owner, _Owner]) -> _Owner:
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


def _from_controller(own: _Owner, obj: Controller, pods: _Members) -> Workload:
    kind, namespace, name = own
    replicas = obj.spec.parallelism if kind in ("Job", "CronJob") else obj.spec.replicas
    if kind == "Job" and obj.spec.suspend:
        replicas = 0
    return Workload(
        kind=kind,
        namespace=namespace,
        name=name,
        labels=obj.spec.template.metadata.labels,
        spec=obj.spec.template.spec,
        replicas=None if kind == "DaemonSet" else (1 if replicas is None else replicas),
        pod_names=pods.names,
        pod_nodes=pods.nodes,
        claims=pods.claims,
        ref=Ref(_KIND_NAMES[kind], f"{namespace}/{name}"),
        annotations=obj.spec.template.metadata.annotations,
        claim_templates=obj.spec.volume_claim_templates,
        first_ordinal=obj.spec.ordinals.start,
    )


def _from_pods(own: _Owner, first: Pod, pods: _Members) -> Workload:
    """From the pods themselves, of which the first by name stands for all, less what controller and scheduler added."""
    kind, namespace, name = own
    labels: Labels = {k: v for k, v in first.metadata.labels.items() if k not in GENERATED_LABELS or kind == "Pod"}
    if kind != "Pod":
        labels.pop(FARGATE_PROFILE, None)  # written at admission, not by the template
    spec = msgspec.structs.replace(first.spec, node_name="")
    if kind == "DaemonSet":
        spec = _without_pinning(spec)
    return Workload(
        kind=kind,
        namespace=namespace,
        name=name,
        labels=labels,
        spec=spec,
        replicas=None if kind in ("DaemonSet", "Pod") else len(pods.names),
        pod_names=pods.names,
        pod_nodes=pods.nodes,
        claims=pods.claims,
        ref=Ref("pods", f"{namespace}/{first.metadata.name}"),
        annotations=first.metadata.annotations,
    )


def _claims(volumes: Iterable[VolumeOutline]) -> tuple[str, ...]:
    """A pod's claims; a volume claim template's claim stands in the pods only, not in the template."""
    return tuple(
        volume.persistent_volume_claim.claim_name for volume in volumes if volume.persistent_volume_claim is not None
    )


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
