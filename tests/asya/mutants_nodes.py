"""Mutants of what runs on each node: VPC CNI, device plugin, add-ons, optional components."""

# Edits stand in tuples, so that one expression makes several.
# mypy: disable-error-code="func-returns-value"

from __future__ import annotations

from tests.asya.breaking import (
    CNI,
    CNI_POLICY,
    copied,
    deleted,
    gpus,
    image,
    plugin,
    scaled_to_zero,
    second_group,
    unavailable,
)
from tests.asya.mutants_identity import NODE_ROLE, managed_without, own_role
from tests.asya.world import PLUGIN, Mutant, allow, m

COMPONENTS: tuple[Mutant, ...] = (
    m("vpc-cni", "1.16.1", lambda e: e.set("addons", "vpc-cni", "addonVersion", "v1.16.1-eksbuild.9")),
    m("vpc-cni", "1.9-is-less-than-1.16", lambda e: e.set("addons", "vpc-cni", "addonVersion", "v1.9.3-eksbuild.1")),
    m("vpc-cni", "degraded", lambda e: e.set("addons", "vpc-cni", "status", "DEGRADED")),
    m("vpc-cni", "update-failed", lambda e: e.set("addons", "vpc-cni", "status", "UPDATE_FAILED")),
    m("vpc-cni", "one-pod-not-ready", lambda e: e.set("daemonsets", CNI, "status/numberReady", 1)),
    m(
        "vpc-cni",
        "no-add-on-and-an-old-image",
        lambda e: (
            e.delete("addons", "vpc-cni"),
            e.delete("addon-names", "vpc-cni"),
            image("daemonsets", CNI, ":v1.20.4", ":v1.15.5")(e),
        ),
    ),
    m(
        "cni-permissions",
        "detached",
        lambda e: e.change("roles", NODE_ROLE, lambda raw: raw["AttachedManagedPolicies"].pop(1)),
    ),
    m("cni-permissions", "action-missing", managed_without(CNI_POLICY, "ec2:UnassignPrivateIpAddresses")),
    m("cni-permissions", "denied", lambda e: e.deny(NODE_ROLE, "ec2:Assign*")),
    m(
        "cni-permissions",
        "boundary",
        lambda e: e.bounded(NODE_ROLE, allow(["ec2:Describe*", "eks:*", "eks-auth:*", "ecr:*"])),
    ),
    m(
        "cni-permissions",
        "gpu-groups-own-role",
        lambda e: (
            own_role(e, "gpu", "gpu-node"),
            e.change("roles", "gpu-node", lambda raw: raw["AttachedManagedPolicies"].pop(1)),
        ),
    ),
    m("device-plugin", "none", deleted("daemonsets", PLUGIN)),
    m("device-plugin", "0.16.2", image("daemonsets", PLUGIN, ":v0.17.0", ":v0.16.2")),
    m("device-plugin", "0.9-is-less-than-0.17", image("daemonsets", PLUGIN, ":v0.17.0", ":v0.9.0")),
    m(
        "device-plugin",
        "of-amd",
        image(
            "daemonsets", PLUGIN, "nvcr.io/nvidia/k8s-device-plugin:v0.17.0", "docker.io/rocm/k8s-device-plugin:1.31.0"
        ),
    ),
    m(
        "device-plugin",
        "not-ready",
        lambda e: e.change(
            "daemonsets", PLUGIN, lambda raw: raw["status"].update(desiredNumberScheduled=2, numberReady=1)
        ),
    ),
    m("device-plugin-tolerations", "none", plugin(lambda spec: spec.update(tolerations=[]))),
    m(
        "device-plugin-tolerations",
        "other-effect",
        plugin(lambda spec: spec["tolerations"][0].update(effect="NoExecute")),
    ),
    m(
        "device-plugin-tolerations",
        "other-value",
        plugin(lambda spec: spec["tolerations"][0].update(operator="Equal", value="false")),
    ),
    m(
        "device-plugin-tolerations",
        "other-key",
        plugin(lambda spec: spec["tolerations"][0].update(key="nvidia.com/GPU")),
    ),
    m(
        "device-plugin-tolerations",
        "selector-of-other-nodes",
        plugin(lambda spec: spec.update(nodeSelector={"workload": "cpu"})),
    ),
    m(
        "device-plugin-tolerations",
        "second-taint",
        lambda e: e.change(
            "nodegroups",
            "gpu",
            lambda raw: raw["taints"].append({"key": "team", "value": "ml", "effect": "NO_SCHEDULE"}),
        ),
    ),
    m(
        "device-plugin-tolerations",
        "second-group-with-a-taint",
        lambda e: second_group(
            e,
            taints=[
                {"key": "nvidia.com/gpu", "value": "true", "effect": "NO_SCHEDULE"},
                {"key": "x", "value": "y", "effect": "NO_EXECUTE"},
            ],
        ),
    ),
    m("device-plugin-ready", "none-allocatable", lambda e: gpus(e, None), base="running"),
    m("device-plugin-ready", "zero-allocatable", lambda e: gpus(e, "0"), base="running"),
    m("device-plugin-single", "two", copied("kube-system", "nvdp")),
    m("device-plugin-single", "gpu-operator", copied("gpu-operator", "nvidia-device-plugin-daemonset")),
    m(
        "coredns",
        "none",
        lambda e: (
            e.delete("deployments", "kube-system/coredns"),
            e.delete("addons", "coredns"),
            e.delete("addon-names", "coredns"),
        ),
    ),
    m("coredns", "add-on-without-pods", deleted("deployments", "kube-system/coredns"), verdict="unknown"),
    m("coredns", "zero", scaled_to_zero("kube-system/coredns")),
    m("coredns", "unavailable", unavailable("kube-system/coredns")),
    m("coredns", "degraded", lambda e: e.set("addons", "coredns", "status", "DEGRADED")),
    m(
        "kube-proxy",
        "none",
        lambda e: (
            e.delete("daemonsets", "kube-system/kube-proxy"),
            e.delete("addons", "kube-proxy"),
            e.delete("addon-names", "kube-proxy"),
        ),
    ),
    m(
        "kube-proxy",
        "one-pod-not-ready",
        lambda e: e.set("daemonsets", "kube-system/kube-proxy", "status/numberReady", 2),
    ),
    m("kube-proxy", "degraded", lambda e: e.set("addons", "kube-proxy", "status", "DEGRADED")),
)


OPTIONAL: tuple[Mutant, ...] = (
    m("ebs-csi-driver", "none", deleted("csidrivers", "ebs.csi.aws.com"), base="optional"),
    m(
        "ebs-csi-driver",
        "in-tree-class",
        lambda e: (
            e.delete("csidrivers", "ebs.csi.aws.com"),
            e.set("storageclasses", "gp3", "provisioner", "kubernetes.io/aws-ebs"),
        ),
        base="optional",
    ),
    m(
        "ebs-csi-driver-works",
        "one-of-two",
        lambda e: e.set("deployments", "kube-system/ebs-csi-controller", "status/availableReplicas", 1),
        base="optional",
    ),
    m(
        "ebs-csi-driver-works",
        "no-status",
        lambda e: e.set("deployments", "kube-system/ebs-csi-controller", "status", {}),
        base="optional",
    ),
    m("metrics-server", "none", deleted("apiservices", "v1beta1.metrics.k8s.io"), base="optional"),
    m(
        "metrics-server-works",
        "not-available",
        lambda e: e.set("apiservices", "v1beta1.metrics.k8s.io", "status/conditions/0/status", "False"),
        base="optional",
    ),
    m(
        "metrics-server-works",
        "says-nothing",
        lambda e: e.set("apiservices", "v1beta1.metrics.k8s.io", "status", {}),
        base="optional",
    ),
    m(
        "container-insights",
        "one-pod-not-ready",
        lambda e: e.set("daemonsets", "amazon-cloudwatch/cloudwatch-agent", "status/numberReady", 2),
        base="optional",
    ),
    m(
        "container-insights",
        "degraded",
        lambda e: e.set("addons", "amazon-cloudwatch-observability", "status", "DEGRADED"),
        base="optional",
    ),
)

MUTANTS = (*COMPONENTS, *OPTIONAL)
