"""Ways to break nodes, workloads and components that several mutants share."""

from __future__ import annotations

import copy
from collections.abc import Callable

from tests.asya.mutants_identity import NODE_ROLE
from tests.asya.world import ACCOUNT, CA, CLUSTER, PLUGIN, Edits, Raw, allow, managed

ASG = "eks-gpu-0137e5e7-2586-37e6-6f1a-48f49497b6aa"
CNI = "kube-system/aws-node"
CNI_POLICY = "arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy"
WORKER_POLICY = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
ECR = "arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryReadOnly"
TAG = "k8s.io/cluster-autoscaler"


def second_group(e: Edits, **changes: object) -> str:
    """One more GPU node group, right but for what is changed; gives the name of its Auto Scaling group."""
    group = {**e.raw("nodegroups", "gpu"), "nodegroupName": "gpu-2", "nodegroupArn": "arn:gpu-2", **changes}
    name = ASG.replace("gpu", "gpu-2")
    group["resources"] = {"autoScalingGroups": [{"name": name}]}
    e.put("nodegroups", group)
    e.put("nodegroup-names", {"name": "gpu-2"})
    scaling = e.raw("auto-scaling-groups", ASG)
    for tag in scaling["Tags"]:
        tag["ResourceId"] = name
        tag["Value"] = "gpu-2" if tag["Key"] == "eks:nodegroup-name" else tag["Value"]
    e.put("auto-scaling-groups", {**scaling, "AutoScalingGroupName": name, "AutoScalingGroupARN": name})
    return name


def untagged(e: Edits, name: str, *keys: str) -> None:
    """Take tags from an Auto Scaling group."""
    e.change("auto-scaling-groups", name, lambda raw: raw.update(Tags=[t for t in raw["Tags"] if t["Key"] not in keys]))


def valued(e: Edits, name: str) -> None:
    """Give an Auto Scaling group's tag of the autoscaler a value that its role's policy does not name."""

    def change(raw: Raw) -> None:
        for tag in raw["Tags"]:
            tag["Value"] = "true" if tag["Key"] == f"{TAG}/{CLUSTER}" else tag["Value"]

    e.change("auto-scaling-groups", name, change)


def group(path: str, value: object) -> Callable[[Edits], object]:
    """A change of the GPU node group."""
    return lambda e: e.set("nodegroups", "gpu", path, value)


def no_gpu_group(e: Edits) -> None:
    """No GPU node group, no group of its own either."""
    e.delete("nodegroups", "gpu")
    e.delete("nodegroup-names", "gpu")
    e.delete("auto-scaling-groups", ASG)


def types(*names: str) -> Callable[[Edits], object]:
    """Other instance types of the GPU node group; one that the world does not know has GPUs of AMD."""

    def how(e: Edits) -> None:
        e.set("nodegroups", "gpu", "instanceTypes", list(names))
        e.set(
            "auto-scaling-groups",
            ASG,
            "MixedInstancesPolicy/LaunchTemplate/Overrides",
            [{"InstanceType": t} for t in names],
        )
        for key in e.keys("launch-template-versions"):
            if (
                e.raw("launch-template-versions", key)["LaunchTemplateData"].get("InstanceType")
                == "g5.xlarge"
                != names[0]
            ):
                e.set("launch-template-versions", key, "LaunchTemplateData/InstanceType", names[0])
        for one in names:
            if one not in e.keys("instance-types"):
                raw = e.raw("instance-types", "g4dn.xlarge")
                raw["InstanceType"] = one
                raw["GpuInfo"]["Gpus"] = [
                    {**raw["GpuInfo"]["Gpus"][0], "Manufacturer": "AMD", "Name": "Radeon Pro V520"}
                ]
                e.put("instance-types", raw)

    return how


def plugin(how: Callable[[Raw], object]) -> Callable[[Edits], object]:
    """A change of the device plugin's pods."""
    return lambda e: e.pod_spec("daemonsets", PLUGIN, how)


def image(kind: str, key: str, old: str, new: str) -> Callable[[Edits], object]:
    """Another image for a controller's containers."""

    def how(spec: Raw) -> None:
        for one in spec["containers"]:
            one["image"] = one["image"].replace(old, new)

    return lambda e: e.pod_spec(kind, key, how)


def copied(namespace: str, name: str, selector: Raw | None = None) -> Callable[[Edits], object]:
    """One more DaemonSet of the device plugin."""

    def how(e: Edits) -> None:
        raw = copy.deepcopy(e.raw("daemonsets", PLUGIN))
        raw["metadata"].update(namespace=namespace, name=name, uid=f"uid-{name}")
        if selector is not None:
            raw["spec"]["template"]["spec"]["nodeSelector"] = selector
        e.put("daemonsets", raw)

    return how


def arguments(*words: str) -> Callable[[Edits], object]:
    """Other arguments for the Cluster Autoscaler."""

    def how(spec: Raw) -> None:
        one = spec["containers"][0]
        one["args"] = [word for word in one["args"] if not word.startswith("--node-group-auto")] + list(words)

    return lambda e: e.pod_spec("deployments", CA, how)


def release(key: str, version: str) -> Callable[[Edits], object]:
    """Another version of a Helm release."""
    return lambda e: e.set("helmreleases", key, "version", version)


def scaled_to_zero(key: str) -> Callable[[Edits], object]:
    """A Deployment of no replicas, which says of itself that it is available."""

    def how(e: Edits) -> None:
        e.set("deployments", key, "spec/replicas", 0)
        e.change(
            "deployments",
            key,
            lambda raw: [raw["status"].pop(name) for name in list(raw["status"]) if name.endswith("eplicas")],
        )

    return how


def unavailable(key: str) -> Callable[[Edits], object]:
    """A Deployment that has not all of its replicas."""

    def how(raw: Raw) -> None:
        raw["status"].update(
            availableReplicas=0,
            readyReplicas=0,
            conditions=[{"type": "Available", "status": "False", "message": "crash"}],
        )

    return lambda e: e.change("deployments", key, how)


def deleted(kind: str, key: str) -> Callable[[Edits], object]:
    """An object that is not there."""
    return lambda e: e.delete(kind, key)


def gpus(e: Edits, count: str | None) -> None:
    """Other GPUs to allocate of the node that has some; None: none are told."""
    key = next(key for key in e.keys("nodes") if "nvidia.com/gpu" in e.raw("nodes", key)["status"]["allocatable"])
    if count is None:
        e.change("nodes", key, lambda raw: raw["status"]["allocatable"].pop("nvidia.com/gpu"))
    else:
        e.change("nodes", key, lambda raw: raw["status"]["allocatable"].update({"nvidia.com/gpu": count}))


def own_pull_policy(e: Edits) -> None:
    """A policy of the account's own that has AWS's name and pulls nothing."""
    arn = ECR.replace("::aws:", f"::{ACCOUNT}:")
    e.put("policies", managed(arn, allow("ecr:DescribeRepositories")))
    e.set("roles", NODE_ROLE, "AttachedManagedPolicies/2", {"PolicyName": arn.rpartition("/")[2], "PolicyArn": arn})


def resources(spec: Raw, name: str, value: str) -> None:
    """Another request of an actor's own container."""
    one = next(item for item in spec["containers"] if item["name"] == "asya-runtime")
    for side in ("requests", "limits"):
        if name in one["resources"].get(side, {}) or name != "nvidia.com/gpu":
            one["resources"].setdefault(side, {})[name] = value
