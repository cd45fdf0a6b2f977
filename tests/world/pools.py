"""NodePools, node classes and Fargate profiles for tiny clusters, as kubectl and the AWS CLI would print them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.world.model import NodeClass
from clusterproof.world.world import World
from tests.world.build import CLUSTER, Raw, Tiny, taint

GPU = "karpenter.k8s.aws/instance-gpu-count"
FAMILY = "karpenter.k8s.aws/instance-family"
CATEGORY = "karpenter.k8s.aws/instance-category"
TYPE = "node.kubernetes.io/instance-type"


def req(text: str) -> Raw:
    """One requirement from ``key In a,b``, ``key Gt 4``, ``key Exists`` or ``key In a,b min 2``."""
    text, _, least = text.partition(" min ")
    key, operator, *rest = text.split()
    raw: Raw = {"key": key, "operator": operator, **({"values": rest[0].split(",")} if rest else {})}
    return raw | ({"minValues": int(least)} if least else {})


def node_pool(
    tiny: Tiny,
    name: str,
    *requirements: str,
    node_class: str = "default",
    group: str = "karpenter.k8s.aws",
    labels: Mapping[str, str] | None = None,
    taints: Iterable[str] = (),
    startup: Iterable[str] = (),
    **spec: Any,
) -> Tiny:
    """A NodePool of Karpenter, or of EKS Auto Mode with its ``group``."""
    kind = "EC2NodeClass" if group == "karpenter.k8s.aws" else "NodeClass"
    inside = {
        "nodeClassRef": {"group": group, "kind": kind, "name": node_class},
        "requirements": [req(text) for text in requirements],
        "taints": [taint(text) for text in taints],
        "startupTaints": [taint(text) for text in startup],
    }
    template = {"metadata": {"labels": dict(labels or {})}, "spec": inside}
    metadata = {"name": name, **spec.pop("metadata", {})}
    return tiny.put(kinds.NODE_POOLS, {"metadata": metadata, "spec": {"template": template, **spec}})


def ec2_node_class(
    tiny: Tiny,
    name: str = "default",
    *,
    subnets: Sequence[str] = ("subnet-a", "subnet-b"),
    groups: Sequence[str] = ("sg-node",),
    **spec: Any,
) -> Tiny:
    """An EC2NodeClass with its status."""
    status = {
        "subnets": [{"id": item, "zone": f"us-east-1{item[-1]}"} for item in subnets],
        "securityGroups": [{"id": item} for item in groups],
    }
    return tiny.put(kinds.EC2_NODE_CLASSES, {"metadata": {"name": name}, "spec": spec, "status": status})


def auto_node_class(tiny: Tiny, name: str = "default", **spec: Any) -> Tiny:
    """A NodeClass of EKS Auto Mode that selects by id, as the built-in one does."""
    own = {
        "subnetSelectorTerms": [{"id": "subnet-a"}, {"id": "subnet-b"}],
        "securityGroupSelectorTerms": [{"id": "sg-cluster"}],
        **spec,
    }
    return tiny.put(kinds.NODE_CLASSES, {"metadata": {"name": name}, "spec": own})


def auto_mode(**node_class: Any) -> Tiny:
    """A cluster of EKS Auto Mode with the built-in NodeClass and no aws-node."""
    tiny = Tiny().remove(kinds.DAEMON_SETS, "kube-system/aws-node")
    tiny.objects["clusters"][0]["computeConfig"] = {"enabled": True, "nodePools": ["general-purpose"]}
    return auto_node_class(tiny, **node_class)


def auto_node(tiny: Tiny, name: str, pool: str = "general-purpose", **more: Any) -> Tiny:
    """A node that EKS Auto Mode made."""
    labels = {
        "karpenter.sh/nodepool": pool,
        "eks.amazonaws.com/compute-type": "auto",
        "eks.amazonaws.com/nodeclass": "default",
    }
    tiny.node(name, ["sg-cluster"], labels=labels | more.pop("labels", {}), **more)
    return tiny


def instance_type(tiny: Tiny, name: str, *, cpus: int = 4, gib: int = 16, gpus: int = 0, arch: str = "x86_64") -> Tiny:
    """One row of describe-instance-types."""
    raw: Raw = {
        "InstanceType": name,
        "VCpuInfo": {"DefaultVCpus": cpus},
        "MemoryInfo": {"SizeInMiB": gib * 1024},
        "ProcessorInfo": {"SupportedArchitectures": [arch]},
    }
    if gpus:
        raw["GpuInfo"] = {"Gpus": [{"Name": "A10G", "Manufacturer": "NVIDIA", "Count": gpus}]}
    return tiny.put(kinds.INSTANCE_TYPES, raw)


def profile(
    tiny: Tiny,
    name: str,
    *selectors: Raw,
    subnets: Sequence[str] = ("subnet-a",),
    status: str = "ACTIVE",
    described: bool = True,
) -> Tiny:
    """A Fargate profile."""
    tiny.put(kinds.FARGATE_PROFILE_NAMES, {"name": name})
    raw = {
        "fargateProfileName": name,
        "clusterName": CLUSTER,
        "subnets": list(subnets),
        "selectors": list(selectors),
        "status": status,
    }
    return tiny.put(kinds.FARGATE_PROFILES, raw) if described else tiny


def unborn(world: World, group: str = "") -> list[NodeClass]:
    """The classes of nodes not yet born, of one group or of all."""
    return [item for item in world.classes if not item.born and group in ("", item.group)]


def wants(**requests: str) -> Raw:
    """A pod's spec that requests resources; ``gpu`` stands for ``nvidia.com/gpu``."""
    named = {"nvidia.com/gpu" if name == "gpu" else name: amount for name, amount in requests.items()}
    return {"containers": [{"name": "main", "image": "app:1", "resources": {"requests": named}}]}
