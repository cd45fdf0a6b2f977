"""What an empty node not yet born will offer: predicted from siblings, else from the instance type."""

from __future__ import annotations

import re
from collections.abc import Sequence

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Node, Quantity
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.groups import unread
from clusterproof.world.readable import INSTANCE_TYPE


def capacity(
    snapshot: Snapshot, siblings: Sequence[Node], instance_type: str
) -> tuple[dict[str, Quantity] | Unknown, bool]:
    """The most that siblings of the instance type offer, else what EKS leaves of the type's capacity.

    The second value says whether a device that is not named is certainly absent: of the type alone only its NVIDIA
    GPUs are known, not what device plugins will add.
    A node whose device is broken today offers less than the next one will, so the largest counts.
    EKS reserves 255 MiB + 11 MiB per pod and 100 MiB for eviction, and 6 % of the first core, 1 % of the
    second, 0.5 % of the next two and 0.25 % of the rest (amazon-eks-ami, nodeadm ``kubelet/reserved``). How many pods
    a node will reserve for is not known, so none are counted: what is predicted is never less than what the node
    will offer, because a feasible place must not be left out. Local storage is the volume's, and not predicted.
    """
    shown = [
        node.status.allocatable
        for node in siblings
        if node.status.allocatable
        and (not instance_type or node.metadata.labels.get(INSTANCE_TYPE, instance_type) == instance_type)
    ]
    if shown:
        return _most(shown), True
    info = snapshot.get(kinds.INSTANCE_TYPES, instance_type)
    if info is None:
        remedy = (
            f"run: aws ec2 describe-instance-types --instance-types {instance_type or 'TYPE'} > instance-types.json"
        )
        what = f"the capacity of instance type {instance_type or '(unknown)'} was not read"
        return unread(snapshot, kinds.INSTANCE_TYPES, what, remedy), False
    cores = info.v_cpu_info.default_v_cpus
    reserved = 60 + 10 * (cores > 1) + 5 * min(max(cores - 2, 0), 2) + 2.5 * max(cores - 4, 0)
    pods = 110 if cores < 30 else 250
    memory = info.memory_info.size_in_mib - 255 - 100
    result: dict[str, Quantity] = {
        "cpu": f"{int(cores * 1000 - reserved)}m",
        "memory": f"{memory}Mi",
        "pods": str(pods),
    }
    gpus = sum(gpu.count for gpu in info.gpu_info.gpus if gpu.manufacturer.upper() == "NVIDIA") if info.gpu_info else 0
    result["nvidia.com/gpu"] = str(gpus)
    # "No instance types in the t family are supported" (EKS User Guide, "Assign security groups to individual Pods").
    if re.match(r"t\d", instance_type):
        result["vpc.amazonaws.com/pod-eni"] = "0"
    return result, False


def _most(shown: Sequence[dict[str, Quantity]]) -> dict[str, Quantity]:
    """Of each device the most that any of them offers; the rest as the first shows it."""
    result = dict(shown[0])
    for allocatable in shown[1:]:
        for name, quantity in allocatable.items():
            if "/" in name and str(quantity).isdigit() and int(quantity) > int(str(result.get(name, "0")) or 0):
                result[name] = quantity
    return result
