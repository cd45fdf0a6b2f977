"""What an empty node not yet born will offer: predicted from siblings, else from the instance type."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import InstanceTypeInfo
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes import Node, Quantity
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.groups import unread
from clusterproof.world.instancetypes import may_accelerate
from clusterproof.world.readable import INSTANCE_TYPE

_NONE: Mapping[str, Quantity] = MappingProxyType({})


def capacity(
    snapshot: Snapshot, siblings: Sequence[Node], instance_type: str, tagged: Mapping[str, Quantity] = _NONE
) -> tuple[dict[str, Quantity] | Unknown, bool]:
    """The most that siblings of the instance type offer, else what EKS leaves of the type's capacity.

    What tags of the group name (``tagged``) wins over the type, and gives way to siblings: the Cluster Autoscaler
    reads tags only where it has no node of the group to copy.
    The second value says whether a device that is not named is certainly absent: of the type alone only its GPUs and
    Neuron devices are known, not what other device plugins will add.
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
        if tagged:
            return dict(tagged), False
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
    result |= _devices(info)
    # "No instance types in the t family are supported" (EKS User Guide, "Assign security groups to individual Pods").
    if re.match(r"t\d", instance_type):
        result["vpc.amazonaws.com/pod-eni"] = "0"
    return result | dict(tagged), False


def _devices(info: InstanceTypeInfo) -> dict[str, Quantity]:
    """The devices of a type; of Neuron nothing where a type that may have them was described without (older AWS CLI).

    Source: aws/karpenter-provider-aws pkg/providers/instancetype/types.go (computeCapacity).
    """
    gpus = info.gpu_info.gpus if info.gpu_info is not None else ()
    result: dict[str, Quantity] = {
        name: str(sum(gpu.count for gpu in gpus if gpu.manufacturer.upper() == maker))
        for name, maker in (("nvidia.com/gpu", "NVIDIA"), ("amd.com/gpu", "AMD"))
    }
    if info.neuron_info is not None or not may_accelerate(info.instance_type):
        devices = info.neuron_info.neuron_devices if info.neuron_info is not None else ()
        result["aws.amazon.com/neuron"] = str(sum(one.count for one in devices))
        result["aws.amazon.com/neuroncore"] = str(sum(one.count * one.core_info.count for one in devices))
    return result


def _most(shown: Sequence[dict[str, Quantity]]) -> dict[str, Quantity]:
    """Of each device the most that any of them offers; the rest as the first shows it."""
    result = dict(shown[0])
    for allocatable in shown[1:]:
        for name, quantity in allocatable.items():
            if "/" in name and str(quantity).isdigit() and int(quantity) > int(str(result.get(name, "0")) or 0):
                result[name] = quantity
    return result
