"""The cluster as the scheduler would see it now, with one pod of a workload to place."""

from __future__ import annotations

import msgspec

from clusterproof.placement.devices.read import inventory_of
from clusterproof.placement.filters import Rules
from clusterproof.placement.node import Cluster, node_views
from clusterproof.placement.priority import priorities_of
from clusterproof.placement.spread import default_selector
from clusterproof.placement.storage import storage_of
from clusterproof.placement.tocome import by_claims, with_claims_to_come
from clusterproof.placement.version import scheduler_version
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import (
    LabelSelector,
    Pod,
    PodMetadata,
    Toleration,
)
from clusterproof.world.model import Workload
from clusterproof.world.world import World

_OF_DAEMONS = (
    Toleration("node.kubernetes.io/not-ready", "Exists", effect="NoExecute"),
    Toleration("node.kubernetes.io/unreachable", "Exists", effect="NoExecute"),
    Toleration("node.kubernetes.io/disk-pressure", "Exists", effect="NoSchedule"),
    Toleration("node.kubernetes.io/memory-pressure", "Exists", effect="NoSchedule"),
    Toleration("node.kubernetes.io/pid-pressure", "Exists", effect="NoSchedule"),
    Toleration("node.kubernetes.io/unschedulable", "Exists", effect="NoSchedule"),
)
_ON_HOST_NETWORK = Toleration("node.kubernetes.io/network-unavailable", "Exists", effect="NoSchedule")


def next_pod(workload: Workload) -> Pod:
    """A pod of the workload that is not placed yet.

    One of a DaemonSet has the tolerations that its controller adds (Kubernetes documentation, "DaemonSet", "Taints and
    tolerations"; ``pkg/controller/daemon/util``, ``AddOrUpdateDaemonPodTolerations``).
    """
    spec = workload.spec
    if workload.every_node:
        added = (*_OF_DAEMONS, _ON_HOST_NETWORK) if spec.host_network else _OF_DAEMONS
        spec = msgspec.structs.replace(spec, tolerations=(*spec.tolerations, *added))
    return Pod(PodMetadata(name="run", namespace=workload.namespace, labels=workload.labels), spec)


def cluster_today(world: World, workload: Workload, *, pods: bool = True) -> Cluster:
    """All nodes of today by name, with the pods on them, and the storage of which :func:`next_pods` have their claims.

    A DaemonSet's pods, and a pod that nothing controls, are left out: what is asked is whether they could be made again,
    as no second one comes beside them.

    Args:
        world: the cluster.
        workload: whose pod is to be placed.
        pods: False to leave out all pods, where only what a node is matters.
    """
    snapshot = world.snapshot
    alone = frozenset(workload.pod_names if workload.every_node or workload.kind == "Pod" else ())
    running = snapshot.objects(kinds.PODS) if pods else ()
    if alone:
        running = tuple(
            pod for pod in running if pod.metadata.name not in alone or pod.metadata.namespace != workload.namespace
        )
    views = node_views(snapshot.objects(kinds.NODES), running)
    version = scheduler_version(world.exact_version)
    return Cluster(
        tuple(sorted(views, key=lambda view: view.id)),
        snapshot.missing(kinds.NAMESPACES) or world.namespaces,
        default_spread(world, workload),
        storage=with_claims_to_come(storage_of(snapshot, workload.namespace), workload),
        priorities=priorities_of(snapshot),
        version=None if isinstance(version, Unknown) else version,
        devices=inventory_of(world.ground, workload.spec, workload.namespace),
    )


def next_pods(world: World, workload: Workload) -> tuple[tuple[Pod, Rules], ...]:
    """The pods of the workload that may be next, with what their volumes ask of a node for good.

    One where nothing but its claims tells them apart: a pod of a StatefulSet that is made again has the claims of the
    one before, and one that is still to come those of its number.
    """
    pod = next_pod(workload)
    found: list[tuple[Pod, Rules]] = []
    for spec, rules in by_claims(pod.spec, workload, world.snapshot, world.exact_version):
        if all(rules != known for _, known in found):
            found.append((msgspec.structs.replace(pod, spec=spec), rules))
    return tuple(found)


WHICH_IS_NEXT = Unknown(
    Cause.NOT_ANSWERABLE, "its pods have volumes in different places: which of them is next cannot be known"
)
"""Why nothing is counted where :func:`next_pods` are several."""


def image_sizes(workload: Workload, image_bytes: int) -> dict[str, int]:
    """Bytes by image, for images that no node has; empty where the size is not known (0)."""
    images = [container.image for container in (*workload.spec.init_containers, *workload.spec.containers)]
    return dict.fromkeys(images, image_bytes) if image_bytes else {}


def unread_spread(world: World, workload: Workload) -> Unknown | None:
    """Why it is not known what default spreading counts (the Services that select a pod); None where it is, or nobody asks."""
    if workload.spec.topology_spread_constraints:
        return None
    return world.snapshot.missing(kinds.SERVICES, workload.namespace)


def default_spread(world: World, workload: Workload) -> LabelSelector | None:
    """What the cluster-wide default spreading counts for the workload's pods."""
    services = world.services.within(workload.namespace)
    owner = LabelSelector(workload.labels) if workload.kind in ("Deployment", "ReplicaSet", "StatefulSet") else None
    return default_selector(workload.labels, services, owner)
