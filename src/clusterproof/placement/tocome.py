"""The claims of a StatefulSet's pods: of those that are there, and of those that its controller has still to make.

Source: kubernetes ``pkg/controller/statefulset/stateful_set_utils.go`` (``getPersistentVolumeClaimName``,
``updateStorage``): a pod's claim is named ``TEMPLATE-STATEFULSET-ORDINAL`` and made before the pod, where it is not there
already: a pod of an old ordinal comes back to its old volume. A template takes the place of the pod's own volume of that
name.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from clusterproof.placement.filters import Rules
from clusterproof.placement.storage import Objects, Storage, claim_to_be, storage_of
from clusterproof.placement.version import scheduler_version
from clusterproof.placement.volumes import volume_rules
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import ClaimSource, EphemeralSource, PersistentVolumeClaim, PodSpec, Volume
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Workload

_MOST = 1000
"""So many ordinals are looked at."""

Claims = tuple[str, ...]


def claim_sets(workload: Workload, storage: Storage) -> tuple[Claims, ...]:
    """The sets of claims that a pod of the workload may have which is next, each once; one of none is empty.

    Of pods that are still to come and whose claims are not there either, one stands for all.
    """
    own = tuple(
        one.persistent_volume_claim.claim_name
        for one in workload.spec.volumes
        if one.persistent_volume_claim is not None
    )
    missing = workload.kind == "StatefulSet" and (workload.replicas or 0) > len(workload.pod_names)
    if not workload.claim_templates:
        # Where the StatefulSet itself was not read, what its next pods bind is open.
        return (*workload.claims, *(((),) if workload.claims and missing else ())) or (own,)
    names = {one.metadata.name for one in workload.claim_templates}
    kept = tuple(
        one.persistent_volume_claim.claim_name
        for one in workload.spec.volumes
        if one.persistent_volume_claim is not None and one.name not in names
    )
    found = list(workload.claims)
    fresh = False
    for claims in _to_come(workload):
        there = any(f"{workload.namespace}/{name}" in storage.claims.found for name in claims)
        if there or not fresh:
            found.append((*claims, *kept))
        fresh = fresh or not there
    return tuple(dict.fromkeys(found)) or (own,)


def by_claims(spec: PodSpec, workload: Workload, snapshot: Snapshot, version: str) -> list[tuple[PodSpec, Rules]]:
    """A pod of the workload with each of its sets of claims, and what the volumes of each ask of a node for good.

    Args:
        spec: the pod's.
        workload: whose pod it is.
        snapshot: with the storage.
        version: the cluster's, whose scheduler's words are said where it is known.
    """
    made = any(one.ephemeral is not None for one in spec.volumes)
    storage = storage_of(snapshot, workload.namespace)
    sets = claim_sets(workload, storage)
    if not made and not any(sets):
        return [(spec, ())]
    storage = with_claims_to_come(storage, workload)
    known = scheduler_version(version)
    others = tuple(one for one in spec.volumes if one.persistent_volume_claim is None)
    specs = [
        msgspec.structs.replace(spec, volumes=(*others, *(Volume(name, ClaimSource(name)) for name in names)))
        for names in sets
    ]
    told = None if isinstance(known, Unknown) else known
    return [(one, volume_rules(one, workload.namespace, storage, version=told)) for one in specs]


def with_claims_to_come(storage: Storage, workload: Workload) -> Storage:
    """The storage as it is when the controller has made what :func:`claim_sets` names."""
    if not workload.claim_templates or storage.claims.missing is not None:
        return storage
    made: dict[str, PersistentVolumeClaim] = {}
    doubt = None
    wanted = {name for claims in claim_sets(workload, storage) for name in claims}
    for claims in _to_come(workload):
        for name, template in zip(claims, workload.claim_templates, strict=True):
            key = f"{workload.namespace}/{name}"
            if name not in wanted or key in storage.claims.found:
                continue
            if template.spec.storage_class_name is None and storage.classes.missing is not None:
                doubt = storage.classes.missing  # which class is the default one is not known
                continue
            made[key] = claim_to_be(
                workload.namespace, name, Volume(name, ephemeral=EphemeralSource(template)), storage.classes
            )
    if not made and doubt is None:
        return storage
    return msgspec.structs.replace(storage, claims=Objects({**storage.claims.found, **made}, doubt))


def _to_come(workload: Workload) -> Iterator[Claims]:
    """By ordinal that has no pod: the names of its claims; the first one's also of a StatefulSet at zero."""
    there = frozenset(workload.pod_names)
    for ordinal in range(min(max(workload.replicas or 0, 1), _MOST)):
        pod = f"{workload.name}-{workload.first_ordinal + ordinal}"
        if pod not in there:
            yield tuple(f"{one.metadata.name}-{pod}" for one in workload.claim_templates)
