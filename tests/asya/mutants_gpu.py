"""Mutants of the GPU node groups and of the Cluster Autoscaler."""

# Edits stand in tuples, so that one expression makes several.
# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

from tests.asya.bases import deployment
from tests.asya.breaking import (
    ASG,
    TAG,
    WORKER_POLICY,
    arguments,
    deleted,
    group,
    image,
    no_gpu_group,
    own_pull_policy,
    release,
    resources,
    scaled_to_zero,
    second_group,
    types,
    unavailable,
    untagged,
    valued,
)
from tests.asya.mutants_identity import NODE_ROLE, managed_without, own_role
from tests.asya.world import ACCOUNT, CA, CLUSTER, PROD, Mutant, allow, m

AUTOSCALER: tuple[Mutant, ...] = (
    m("cluster-autoscaler-release", "none", deleted("deployments", CA)),
    m("cluster-autoscaler-release", "zero", scaled_to_zero(CA)),
    m("cluster-autoscaler-release", "unavailable", unavailable(CA)),
    m("cluster-autoscaler-release", "9.36.0", release("kube-system/cluster-autoscaler", "9.36.0")),
    m("cluster-autoscaler-release", "9.4-is-less-than-9.37", release("kube-system/cluster-autoscaler", "9.4.0")),
    m(
        "cluster-autoscaler-release",
        "karpenter-without-a-pool",
        lambda e: (
            e.delete("deployments", CA),
            e.put("deployments", deployment("karpenter", "karpenter", "public.ecr.aws/karpenter/controller:1.6.0")),
        ),
    ),
    m(
        "cluster-autoscaler-release",
        "karpenter-at-zero",
        lambda e: (
            e.delete("deployments", CA),
            e.put("deployments", deployment("karpenter", "karpenter", "public.ecr.aws/karpenter/controller:1.6.0", 0)),
            e.put(
                "nodepools",
                {
                    "apiVersion": "karpenter.sh/v1",
                    "kind": "NodePool",
                    "metadata": {"name": "gpu"},
                    "spec": {
                        "template": {
                            "spec": {
                                "requirements": [],
                                "nodeClassRef": {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "none"},
                            }
                        }
                    },
                },
            ),
        ),
    ),
    m("cluster-autoscaler-minor", "1.33", image("deployments", CA, ":v1.34.1", ":v1.33.1")),
    m("cluster-autoscaler-minor", "1.3", image("deployments", CA, ":v1.34.1", ":v1.3.4")),
    m(
        "cluster-autoscaler-permissions",
        "no-describe-nodegroup",
        lambda e: e.without("cluster-autoscaler", "eks:DescribeNodegroup"),
    ),
    m(
        "cluster-autoscaler-permissions",
        "no-describe-groups",
        lambda e: e.without("cluster-autoscaler", "autoscaling:DescribeAutoScalingGroups"),
    ),
    m("cluster-autoscaler-permissions", "denied", lambda e: e.deny("cluster-autoscaler", "ec2:Describe*")),
    m(
        "cluster-autoscaler-permissions",
        "other-service",
        lambda e: e.statements(
            "cluster-autoscaler",
            lambda found: found[0].update(Action=[name.replace("eks:", "ecs:") for name in found[0]["Action"]]),
        ),
    ),
    m(
        "cluster-autoscaler-permissions",
        "boundary",
        lambda e: e.bounded("cluster-autoscaler", allow(["autoscaling:*", "ec2:*"])),
    ),
    m(
        "cluster-autoscaler-permissions",
        "of-one-group",
        lambda e: e.resource("cluster-autoscaler", "Look", f"arn:aws:eks:eu-west-1:{ACCOUNT}:nodegroup/{CLUSTER}/*/*"),
    ),
    m(
        "cluster-autoscaler-scaling-permissions",
        "no-terminate",
        lambda e: e.without("cluster-autoscaler", "autoscaling:TerminateInstanceInAutoScalingGroup"),
    ),
    m(
        "cluster-autoscaler-scaling-permissions",
        "tag-of-another-cluster",
        lambda e: e.condition(
            "cluster-autoscaler", "Scale", {"StringEquals": {f"aws:ResourceTag/{TAG}/asya-demo-2": "owned"}}
        ),
        verdict="unknown",
    ),
    m(
        "cluster-autoscaler-scaling-permissions",
        "other-value-of-the-tag",
        lambda e: e.condition(
            "cluster-autoscaler", "Scale", {"StringEquals": {f"aws:ResourceTag/{TAG}/{CLUSTER}": "Owned"}}
        ),
    ),
    m(
        "cluster-autoscaler-scaling-permissions",
        "all-groups-have-another-value",
        lambda e: [valued(e, raw["AutoScalingGroupName"]) for raw in e.base.tables["auto-scaling-groups"].raws()],
    ),
    m(
        "cluster-autoscaler-scaling-permissions",
        "one-group-has-another-value",
        lambda e: valued(e, ASG),
        verdict="unknown",
    ),
    m("cluster-autoscaler-scaling-permissions", "denied", lambda e: e.deny("cluster-autoscaler", "autoscaling:Set*")),
    m(
        "cluster-autoscaler-scaling-permissions",
        "other-region",
        lambda e: e.resource(
            "cluster-autoscaler",
            "Scale",
            f"arn:aws:autoscaling:us-east-1:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName/*",
        ),
    ),
    m(
        "cluster-autoscaler-scaling-permissions",
        "of-some-names",
        lambda e: e.resource(
            "cluster-autoscaler",
            "Scale",
            f"arn:aws:autoscaling:*:{ACCOUNT}:autoScalingGroup:*:autoScalingGroupName/cpu-*",
        ),
    ),
    m("cluster-autoscaler-tags", "none", lambda e: untagged(e, ASG, f"{TAG}/enabled", f"{TAG}/{CLUSTER}")),
    m("cluster-autoscaler-tags", "not-enabled", lambda e: untagged(e, ASG, f"{TAG}/enabled")),
    m(
        "cluster-autoscaler-tags",
        "on-the-node-group-instead",
        lambda e: (
            untagged(e, ASG, f"{TAG}/enabled", f"{TAG}/{CLUSTER}"),
            e.set("nodegroups", "gpu", "tags", {f"{TAG}/enabled": "true", f"{TAG}/{CLUSTER}": "owned"}),
        ),
    ),
    m(
        "cluster-autoscaler-tags",
        "of-another-cluster",
        lambda e: e.change(
            "auto-scaling-groups",
            ASG,
            lambda raw: [t.update(Key=f"{TAG}/{CLUSTER}-2") for t in raw["Tags"] if t["Key"] == f"{TAG}/{CLUSTER}"],
        ),
    ),
    m(
        "cluster-autoscaler-tags",
        "in-another-case",
        lambda e: e.change(
            "auto-scaling-groups",
            ASG,
            lambda raw: [t.update(Key=f"{TAG}/Enabled") for t in raw["Tags"] if t["Key"] == f"{TAG}/enabled"],
        ),
    ),
    m("cluster-autoscaler-tags", "second-group-without", lambda e: untagged(e, second_group(e), f"{TAG}/enabled")),
    m("cluster-autoscaler-discovery", "none", arguments()),
    m(
        "cluster-autoscaler-discovery",
        "other-cluster",
        arguments(f"--node-group-auto-discovery=asg:tag={TAG}/enabled,{TAG}/staging"),
    ),
    m(
        "cluster-autoscaler-discovery",
        "cluster-whose-name-begins-so",
        arguments(f"--node-group-auto-discovery=asg:tag={TAG}/enabled,{TAG}/{CLUSTER}-2"),
    ),
    m(
        "cluster-autoscaler-discovery",
        "other-cluster-alone",
        arguments(f"--node-group-auto-discovery=asg:tag={TAG}/staging"),
    ),
    m(
        "cluster-autoscaler-from-zero",
        "other-taint",
        lambda e: (
            untagged(e, ASG, "eks:nodegroup-name"),
            e.change(
                "auto-scaling-groups",
                ASG,
                lambda raw: [
                    t.update(Key=f"{TAG}/node-template/taint/team") for t in raw["Tags"] if "taint" in t["Key"]
                ],
            ),
        ),
    ),
    m(
        "cluster-autoscaler-from-zero",
        "own-group",
        lambda e: untagged(e, ASG, "eks:nodegroup-name", f"{TAG}/node-template/taint/nvidia.com/gpu"),
    ),
)

GPU: tuple[Mutant, ...] = (
    m("gpu-node-group", "none", no_gpu_group),
    m("gpu-node-group", "no-gpus", types("m7i.xlarge")),
    m("gpu-node-group", "gpus-of-amd", types("g4ad.xlarge")),
    m(
        "gpu-actor-can-be-scheduled",
        "asks-for-two",
        lambda e: e.pod_spec("deployments", f"{PROD}/llm", lambda spec: resources(spec, "nvidia.com/gpu", "2")),
    ),
    m(
        "gpu-actor-can-be-scheduled",
        "too-much-memory",
        lambda e: e.pod_spec("deployments", f"{PROD}/llm", lambda spec: resources(spec, "memory", "500Gi")),
    ),
    m(
        "gpu-actor-can-be-scheduled",
        "label-that-no-group-has",
        lambda e: e.pod_spec("deployments", f"{PROD}/llm", lambda spec: spec.update(nodeSelector={"workload": "GPU"})),
    ),
    m(
        "gpu-actor-can-be-scheduled",
        "taint-not-tolerated",
        lambda e: e.set(
            "nodegroups", "gpu", "taints/0", {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_EXECUTE"}
        ),
    ),
    m("gpu-instance-types", "one-without-gpus", group("instanceTypes", ["g5.xlarge", "m7i.xlarge"])),
    m("gpu-instance-types", "one-of-amd", types("g5.xlarge", "g4ad.xlarge")),
    *(
        m("gpu-ami", kind.lower(), group("amiType", kind))
        for kind in (
            "AL2_x86_64_GPU",
            "AL2023_x86_64_STANDARD",
            "AL2023_x86_64_NEURON",
            "BOTTLEROCKET_x86_64",
            "AL2_x86_64",
        )
    ),
    m("gpu-ami", "second-group", lambda e: second_group(e, amiType="AL2_x86_64_GPU")),
    m("gpu-taint", "none", group("taints", [])),
    m("gpu-taint", "prefer", group("taints/0/effect", "PREFER_NO_SCHEDULE")),
    m("gpu-taint", "other-key", group("taints/0/key", "nvidia.com/GPU")),
    m("gpu-taint", "second-group", lambda e: second_group(e, taints=[])),
    m("gpu-node-worker-policy", "action-missing", managed_without(WORKER_POLICY, "eks:DescribeCluster")),
    m("gpu-node-worker-policy", "denied", lambda e: e.deny(NODE_ROLE, "ec2:DescribeInstances")),
    m(
        "gpu-node-worker-policy",
        "gpu-groups-own-role",
        lambda e: (own_role(e, "gpu", "gpu-node"), e.deny("gpu-node", "eks:Describe*")),
    ),
    m(
        "gpu-node-image-pull",
        "detached",
        lambda e: e.change("roles", NODE_ROLE, lambda raw: raw["AttachedManagedPolicies"].pop(2)),
    ),
    m("gpu-node-image-pull", "denied", lambda e: e.deny(NODE_ROLE, "ecr:*")),
    m("gpu-node-image-pull", "denied-layers", lambda e: e.deny(NODE_ROLE, ["ecr:GetDownloadUrlForLayer"])),
    m("gpu-node-image-pull", "own-policy-of-that-name", own_pull_policy),
    m("gpu-node-image-pull", "boundary", lambda e: e.bounded(NODE_ROLE, allow(["ec2:*", "eks:*", "eks-auth:*"]))),
    m(
        "gpu-node-image-pull",
        "gpu-groups-own-role",
        lambda e: (
            own_role(e, "gpu", "gpu-node"),
            e.change("roles", "gpu-node", lambda raw: raw["AttachedManagedPolicies"].pop(2)),
        ),
    ),
    m("gpu-scale-to-zero", "one", group("scalingConfig/minSize", 1)),
    m(
        "gpu-scale-to-zero",
        "second-group",
        lambda e: second_group(e, scalingConfig={"minSize": 2, "maxSize": 10, "desiredSize": 0}),
    ),
    m("gpu-max-size", "zero", group("scalingConfig/maxSize", 0)),
    m(
        "gpu-max-size",
        "second-group",
        lambda e: second_group(e, scalingConfig={"minSize": 0, "maxSize": 0, "desiredSize": 0}),
    ),
    m("gpu-desired-size", "one", group("scalingConfig/desiredSize", 1)),
    m("gpu-spot", "on-demand", group("capacityType", "ON_DEMAND")),
    m("gpu-spot", "not-said", lambda e: e.drop("nodegroups", "gpu", "capacityType")),
    m("gpu-spot-types", "one", group("instanceTypes", ["g5.xlarge"])),
)


MUTANTS = (*AUTOSCALER, *GPU)
