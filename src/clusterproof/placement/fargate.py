"""Whether a workload's pods run on Fargate, and what Fargate cannot run.

Not the scheduler's filters decide there, but EKS when the pod is made (:mod:`clusterproof.world.fargate`): a pod that
a profile takes runs on Fargate or nowhere. Pods that were made before the profile stay where they are, and no further
one comes there.
Source: EKS User Guide, "Simplify compute management with AWS Fargate" (considerations: DaemonSets, privileged
containers, HostPort and HostNetwork, GPUs, volumes) and "Understand Fargate Pod configuration details" (sizes).
"""

from __future__ import annotations

from clusterproof.errors import ClusterproofError
from clusterproof.placement.filters import FEASIBLE, Feasibility
from clusterproof.placement.quantity import amount
from clusterproof.placement.requests import host_ports, pod_requests
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import PodSpec
from clusterproof.world.ground import Ground
from clusterproof.world.model import NodeClass, Workload
from clusterproof.world.world import World

PLUGIN = "Fargate"
_LIMITS = {"cpu": "16", "memory": "120G", "ephemeral-storage": "175Gi"}
_OVERHEAD = 256_000_000
"""Bytes that Fargate adds to a pod's memory ("256 MB ... for the required Kubernetes components")."""


def on_fargate(ground: Ground, workload: Workload, node_class: NodeClass) -> Feasibility | None:
    """Whether a class is a place, where Fargate decides it; None where the scheduler's filters decide."""
    profile = ground.fargate.of(workload)
    if not node_class.fargate:
        return _refused(f"Fargate profile {profile} takes the pod", _selectors(profile)) if profile else None
    if node_class.born:
        return _refused("a Fargate node runs the one pod that it was made for")
    if profile != node_class.fargate:
        why = f"Fargate profile {node_class.fargate} does not select the pod"
        return _refused("DaemonSets do not run on Fargate" if workload.every_node else why)
    return _runs_of(workload)


def refused_by_fargate(world: World, workload: Workload) -> Feasibility | None:
    """Why no pod made from now on runs anywhere: a profile takes it, and Fargate cannot run it; None where it may.

    Certain whatever else was not read: another profile that takes the pod instead would bring it to Fargate as well.
    """
    profile = world.fargate.of(workload)
    found = _runs_of(workload) if profile else FEASIBLE
    if found.ok is not False:
        return None
    return _refused(f"Fargate profile {profile} takes the pod, and {found.reason}", _selectors(profile))


def _runs_of(workload: Workload) -> Feasibility:
    try:
        return _runs(workload.spec, bool(workload.claims or workload.claim_templates) or _claims(workload.spec))
    except ClusterproofError as error:
        unread = Unknown(Cause.ERROR, f"{workload.id}: {error}")
        return Feasibility(unread, PLUGIN, (str(unread),))


def _selectors(profile: str) -> Ref:
    return Ref("fargate-profiles", profile, "selectors")


def _runs(spec: PodSpec, claims: bool) -> Feasibility:
    if spec.host_network or host_ports(spec):
        return _refused("Fargate runs no pods with HostNetwork or HostPort")
    if any(item.security_context.privileged for item in (*spec.init_containers, *spec.containers)):
        return _refused("Fargate runs no privileged containers")
    wanted = pod_requests(spec)
    devices = sorted(name for name, value in wanted.items() if "/" in name and value > 0)
    if devices:
        return _refused(f"Fargate has no {devices[0]}")
    if "memory" in wanted:
        wanted["memory"] += _OVERHEAD
    for name, most in _LIMITS.items():
        if wanted.get(name, 0) > amount(name, most):
            return _refused(f"Fargate gives a pod at most {most} of {name}")
    if claims or any(item.host_path or item.csi or item.ephemeral for item in spec.volumes):
        return _doubtful("whether Fargate can mount the pod's volumes (it can mount EFS, not EBS, nor paths of a host)")
    if spec.node_selector or _binding_affinity(spec):
        return _doubtful("whether a pod with a nodeSelector or a required node affinity runs on Fargate")
    if spec.resource_claims:
        return _doubtful("whether a pod with resourceClaims runs on Fargate")
    if spec.scheduler_name not in ("", "default-scheduler", "fargate-scheduler"):
        return _doubtful(f"whether Fargate takes a pod of scheduler {spec.scheduler_name}")
    return FEASIBLE


def _binding_affinity(spec: PodSpec) -> bool:
    found = spec.affinity.node_affinity if spec.affinity is not None else None
    return found is not None and found.required is not None


def _claims(spec: PodSpec) -> bool:
    return any(volume.persistent_volume_claim is not None for volume in spec.volumes)


def _refused(reason: str, ref: Ref | None = None) -> Feasibility:
    return Feasibility(ok=False, plugin=PLUGIN, reasons=(reason,), ref=ref)


def _doubtful(what: str) -> Feasibility:
    unknown = Unknown(Cause.NOT_MODELLED, f"{what} is not modelled")
    return Feasibility(unknown, PLUGIN, (str(unknown),))
