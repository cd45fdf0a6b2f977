"""The files of a world: one per command, as the commands print them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from worldgen import compute, network
from worldgen.kube import Kube
from worldgen.spec import Box, Spec

Raw = dict[str, Any]
Files = dict[str, str]
"""Path inside the world's directory → content."""

_PLURALS = {
    "Node": "nodes",
    "Pod": "pods",
    "Namespace": "namespaces",
    "Service": "services",
    "EndpointSlice": "endpointslices",
    "Deployment": "deployments",
    "StatefulSet": "statefulsets",
    "DaemonSet": "daemonsets",
    "ReplicaSet": "replicasets",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "PersistentVolume": "persistentvolumes",
    "StorageClass": "storageclasses",
    "CSINode": "csinodes",
    "VolumeAttachment": "volumeattachments",
    "PriorityClass": "priorityclasses",
    "ServiceAccount": "serviceaccounts",
    "ENIConfig": "eniconfigs",
    "CustomResourceDefinition": "customresourcedefinitions",
    "NetworkPolicy": "networkpolicies",
    "APIService": "apiservices",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "AsyncActor": "asyncactors",
    "ScaledObject": "scaledobjects",
}
# Kinds of which there is none: ``kubectl get --raw`` of the list names the kind also when the list is empty,
# which ``kubectl get -o json`` does not.
_NONE = {
    "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicyList"),
    "jobs": ("batch/v1", "JobList"),
    "cronjobs": ("batch/v1", "CronJobList"),
    "securitygrouppolicies": ("vpcresources.k8s.aws/v1beta1", "SecurityGroupPolicyList"),
    "eniconfigs": ("crd.k8s.amazonaws.com/v1alpha1", "ENIConfigList"),
    "runtimeclasses": ("node.k8s.io/v1", "RuntimeClassList"),
    "resourceclaims": ("resource.k8s.io/v1", "ResourceClaimList"),
    "resourceclaimtemplates": ("resource.k8s.io/v1", "ResourceClaimTemplateList"),
    "resourceslices": ("resource.k8s.io/v1", "ResourceSliceList"),
    "deviceclasses": ("resource.k8s.io/v1", "DeviceClassList"),
}


def kubernetes(kube: Kube) -> Files:
    """``kubectl get KIND -A -o json``, one file per kind."""
    found: Files = {}
    for kind, objects in kube.objects.items():
        ordered = sorted(objects, key=lambda raw: (raw["metadata"].get("namespace", ""), raw["metadata"]["name"]))
        listing = {"apiVersion": "v1", "items": ordered, "kind": "List", "metadata": {"resourceVersion": ""}}
        found[f"kubernetes/{_PLURALS[kind]}.json"] = json_text(listing, sort=True)
    for name, (version, kind) in _NONE.items():
        found.setdefault(
            f"kubernetes/{name}.json",
            json_text({"kind": kind, "apiVersion": version, "metadata": {"resourceVersion": "918273"}, "items": []}),
        )
    return found


def helm(releases: Sequence[Mapping[str, str]]) -> Files:
    """``helm list -A -o json``."""
    return {
        "kubernetes/helm.json": json_text(
            [
                {
                    "name": item["name"],
                    "namespace": item["namespace"],
                    "revision": "1",
                    "updated": "2026-05-02 08:29:10.118 +0000 UTC",
                    "status": "deployed",
                    "chart": item["chart"],
                    "app_version": item["app_version"],
                }
                for item in releases
            ]
        )
    }


def aws(spec: Spec, box_list: tuple[Box, ...], *, pod_subnets: bool, cni_env: Mapping[str, str] | None = None) -> Files:
    """``aws … --output json``, one file per command."""
    addons = compute.addons(spec, cni_env or {})
    answers: dict[str, Raw] = {
        "cluster": compute.cluster(spec),
        "nodegroups": {"nodegroups": [group.name for group in spec.groups]},
        "fargate-profile-names": {"fargateProfileNames": []},
        "addon-names": {"addons": list(addons)},
        "pod-identity-association-ids": {"associations": []},
        "auto-scaling-groups": compute.auto_scaling_groups(spec, box_list),
        "launch-template-versions": compute.launch_template_versions(spec),
        "instances": compute.instances(spec, box_list, pod_subnets=pod_subnets),
        "network-interfaces": compute.network_interfaces(spec, box_list, pod_subnets=pod_subnets),
        "instance-types": compute.instance_types(spec),
        "security-groups": network.security_groups(spec),
        "security-group-rules": network.security_group_rules(spec),
        "subnets": network.subnets(spec),
        "vpcs": network.vpcs(spec),
        "route-tables": network.route_tables(spec),
        "network-acls": network.network_acls(spec),
        "vpc-peering-connections": {"VpcPeeringConnections": []},
        "managed-prefix-lists": {"PrefixLists": []},
        "transit-gateways": {"TransitGateways": []},
        "transit-gateway-attachments": {"TransitGatewayAttachments": []},
        "transit-gateway-vpc-attachments": {"TransitGatewayVpcAttachments": []},
    }
    for group in spec.groups:
        answers[f"nodegroup-{group.name}"] = compute.nodegroup(spec, group)
    answers |= {f"addon-{name}": answer for name, answer in addons.items()}
    return {f"aws/{name}.json": json_text(answer) for name, answer in answers.items()}


def json_text(value: Any, *, sort: bool = False) -> str:
    """JSON as the worlds have it."""
    return "".join(_lines(value, "", sort)) + "\n"


_WIDTH = 118


def _lines(value: Any, indent: str, sort: bool) -> list[str]:
    """JSON in which whatever fits stands on one line: a third of the size, and a person can still read it."""
    flat = json.dumps(value, sort_keys=sort)
    if not isinstance(value, dict | list) or len(indent) + len(flat) <= _WIDTH:
        return [flat]
    deeper = indent + " "
    items: list[tuple[str, Any]] = (
        [(f"{json.dumps(key)}: ", value[key]) for key in (sorted(value) if sort else value)]
        if isinstance(value, dict)
        else [("", item) for item in value]
    )
    first, last = ("{", "}") if isinstance(value, dict) else ("[", "]")
    found = [first]
    for number, (head, item) in enumerate(items):
        end = "," if number + 1 < len(items) else ""
        found.append("\n".join(("", deeper + head)) + "".join(_lines(item, deeper, sort)) + end)
    return [*found, f"\n{indent}{last}"]
