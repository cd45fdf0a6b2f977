"""Requirements over clusters whose nodes Karpenter, EKS Auto Mode or Fargate make."""

from __future__ import annotations

from typing import Any

import pytest

import clusterproof
from clusterproof.checks.context import Context
from clusterproof.checks.engine import findings
from clusterproof.checks.finding import Finding
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from tests.world.build import Tiny
from tests.world.pools import CATEGORY, FAMILY, ec2_node_class, instance_type, node_pool, profile, wants

ETCD = "etcd-from-gpu-nodes"


def cluster(gpu_groups: tuple[str, ...] = ("sg-gpu",), *, opened: bool = True) -> Tiny:
    """Etcd on a managed group, workers on a NodePool of GPUs at zero nodes, and a pool of ordinary nodes."""
    tiny = Tiny().managed("system", ["sg-system"])
    tiny.sg("sg-system", *(["tcp 2379 sg-gpu", "tcp 2379 sg-cpu", "udp 53 sg-gpu", "tcp 53 sg-gpu"] if opened else []))
    tiny.sg("sg-gpu").sg("sg-cpu")
    ec2_node_class(ec2_node_class(tiny, "gpu", groups=gpu_groups), "cpu", groups=["sg-cpu"])
    node_pool(tiny, "gpu", f"{FAMILY} In g5", node_class="gpu", taints=["nvidia.com/gpu:NoSchedule"])
    node_pool(tiny, "cpu", f"{CATEGORY} In c,m,r", node_class="cpu")
    instance_type(instance_type(tiny, "g5.2xlarge", cpus=8, gib=32, gpus=1), "m5.xlarge")
    on_system = {"nodeSelector": {"eks.amazonaws.com/nodegroup": "system"}}
    tiny.namespace("dynamo").dns(on_system)
    etcd = {"app.kubernetes.io/name": "etcd"}
    tiny.controller("StatefulSet", "dynamo/etcd", on_system, labels=etcd)
    tiny.service("dynamo/etcd", 2379, etcd, labels=etcd)
    tolerates = {"tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists"}]}
    worker = {"nvidia.com/dynamo-component-type": "worker"}
    tiny.deployment("dynamo/worker", {**wants(gpu="1"), **tolerates}, labels=worker)
    return tiny.deployment("kube-system/karpenter", on_system, labels={"app.kubernetes.io/name": "karpenter"})


def context(tiny: Tiny, **more: Any) -> Context:
    """The shipped profile in a cluster."""
    return Context(tiny.snapshot(), clusterproof.load_profile("dynamo"), **more)


def finding(tiny: Tiny, name: str = ETCD) -> Finding:
    """One finding."""
    return next(item for item in findings(context(tiny)) if item.name == name)


def test_gpu_set_is_the_gpu_pool() -> None:
    """A NodePool of GPU families at zero nodes is found, and ordinary pools raise no doubt."""
    found = context(cluster()).sets["gpu"]
    assert found.groups == ("gpu",)
    assert found.doubtful == ()


def test_groups_of_the_node_class_decide() -> None:
    """The verdict is about the security groups that the pool's next nodes will have."""
    assert finding(cluster()).verdict is Verdict.PASS
    assert finding(cluster(("sg-other",))).verdict.failing
    assert finding(cluster(opened=False)).verdict.failing


@pytest.mark.parametrize("kind", [kinds.NODE_POOLS, kinds.EC2_NODE_CLASSES, kinds.FARGATE_PROFILE_NAMES])
def test_what_was_not_read_never_passes(kind: kinds.Kind[Any]) -> None:
    """Without NodePools, node classes or the list of Fargate profiles: unknown, and the command is named."""
    answer = finding(cluster().drop(kind))
    assert answer.verdict is Verdict.UNKNOWN
    assert any(kind.command in str(unknown) for unknown in answer.unknowns)


def test_fargate_takes_the_server() -> None:
    """A profile that takes etcd moves it to the cluster security group: what admits the old group no longer does."""
    tiny = cluster().sg("sg-cluster")
    selector = {"namespace": "dynamo", "labels": {"app.kubernetes.io/name": "etcd"}}
    tiny.objects["statefulsets"][0]["spec"]["template"]["spec"].pop("nodeSelector")
    assert finding(profile(tiny, "fp", selector)).verdict.failing
    tiny = cluster().sg("sg-cluster", "tcp 2379 sg-gpu")
    tiny.objects["statefulsets"][0]["spec"]["template"]["spec"].pop("nodeSelector")
    assert finding(profile(tiny, "fp", selector)).verdict is Verdict.PASS
