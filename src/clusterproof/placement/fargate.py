"""Whether a workload's pods run on Fargate, and what Fargate cannot run.

Not the scheduler's filters decide there, but EKS when the pod is made (:mod:`clusterproof.world.fargate`): a pod that
a profile takes runs on Fargate or nowhere. Pods that were made before the profile stay where they are.
Source: EKS User Guide, "Simplify compute management with AWS Fargate" (considerations: DaemonSets, privileged
containers, HostPort and HostNetwork, GPUs, volumes) and "Understand Fargate Pod configuration details" (sizes).
"""

from __future__ import annotations

from clusterproof.placement.filters import FEASIBLE, Feasibility
from clusterproof.placement.quantity import amount
from clusterproof.placement.requests import host_ports, pod_requests
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kubernetes import PodSpec
from clusterproof.world.model import NodeClass, Workload
from clusterproof.world.world import World

PLUGIN = "Fargate"
_LIMITS = {"cpu": "16", "memory": "120G", "ephemeral-storage": "175Gi"}
_OVERHEAD = 256_000_000
"""Bytes that Fargate adds to a pod's memory ("256 MB ... for the required Kubernetes components")."""


def on_fargate(world: World, workload: Workload, node_class: NodeClass) -> Feasibility | None:
    """Whether a class is a place, where Fargate decides it; None where the scheduler's filters decide."""
    profile = world.fargate.of(workload)
    here = any(node in workload.pod_nodes for node in node_class.nodes)
    if not node_class.fargate:
        if not profile or here:
            return None
        return _refused(f"Fargate profile {profile} takes the pod", Ref("fargate-profiles", profile, "selectors"))
    if here:
        return FEASIBLE
    if node_class.born:
        return _refused("a Fargate node runs the one pod that it was made for")
    if profile != node_class.fargate:
        why = f"Fargate profile {node_class.fargate} does not select the pod"
        return _refused("DaemonSets do not run on Fargate" if workload.every_node else why)
    return _runs(workload.spec, bool(workload.claims) or _claims(workload.spec))


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
    if claims:
        return _doubtful("whether Fargate can mount the pod's volumes (it can mount EFS, not EBS)")
    if spec.node_selector:
        return _doubtful("whether a pod with a nodeSelector runs on Fargate")
    if spec.scheduler_name not in ("", "default-scheduler", "fargate-scheduler"):
        return _doubtful(f"whether Fargate takes a pod of scheduler {spec.scheduler_name}")
    return FEASIBLE


def _claims(spec: PodSpec) -> bool:
    return any(volume.persistent_volume_claim is not None for volume in spec.volumes)


def _refused(reason: str, ref: Ref | None = None) -> Feasibility:
    return Feasibility(ok=False, plugin=PLUGIN, reasons=(reason,), ref=ref)


def _doubtful(what: str) -> Feasibility:
    unknown = Unknown(Cause.NOT_MODELLED, f"{what} is not modelled")
    return Feasibility(unknown, PLUGIN, (str(unknown),))
