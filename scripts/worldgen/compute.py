"""Instances, interfaces, launch templates, Auto Scaling groups and EKS as the AWS CLI prints them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from worldgen.ids import uid
from worldgen.spec import Box, Group, Machine, Spec, boxes

Raw = dict[str, Any]
_LAUNCHED = "2026-05-02T08:14:07+00:00"


def _asg_name(spec: Spec, group: Group) -> str:
    return f"eks-{group.name}-{uid(spec.name, 'asg', group.name)}"


def _groups(spec: Spec, names: tuple[str, ...]) -> list[Raw]:
    return [{"GroupId": spec.group_id(name), "GroupName": spec.group_name(name)} for name in names]


def _dns(spec: Spec, ip: str) -> str:
    domain = "ec2.internal" if spec.region == "us-east-1" else f"{spec.region}.compute.internal"
    return f"ip-{ip.replace('.', '-')}.{domain}"


def _addresses(first: str, more: tuple[str, ...]) -> list[Raw]:
    return [{"Primary": ip == first, "PrivateIpAddress": ip} for ip in (first, *more)]


def _mac(*parts: str) -> str:
    digits = uid("mac", *parts).replace("-", "")
    return "02:" + ":".join(digits[i : i + 2] for i in range(0, 10, 2))


def instances(spec: Spec, box_list: tuple[Box, ...], *, pod_subnets: bool) -> Raw:
    """``pod_subnets``: pods have interfaces of their own in other subnets (custom networking)."""
    return {"Reservations": [_reservation(spec, box, pod_subnets) for box in box_list]}


def _reservation(spec: Spec, box: Box, pod_subnets: bool) -> Raw:
    found = _interfaces(spec, box, pod_subnets)
    nested = [
        {
            key: value
            for key, value in {
                **item,
                "Attachment": {k: v for k, v in item["Attachment"].items() if not k.startswith("Instance")},
            }.items()
            if key not in ("AvailabilityZone", "TagSet", "RequesterId", "RequesterManaged")
        }
        for item in found
    ]
    return {
        "ReservationId": spec.id("r", box.name),
        "OwnerId": spec.account,
        "Groups": [],
        "Instances": [
            {
                "Architecture": "x86_64",
                "ImageId": spec.id("ami", "gpu" if box.group.machine.gpus else "standard"),
                "InstanceId": box.instance_id,
                "InstanceType": box.group.machine.name,
                "LaunchTime": _LAUNCHED,
                "Placement": {"AvailabilityZone": spec.zone(box.letter), "GroupName": "", "Tenancy": "default"},
                "PrivateDnsName": box.name,
                "PrivateIpAddress": box.ip,
                "State": {"Code": 16, "Name": "running"},
                "SubnetId": spec.subnet_id(box.subnet),
                "VpcId": spec.vpc_id,
                "NetworkInterfaces": nested,
                "SecurityGroups": _groups(spec, (box.group.name,)),
                "Tags": [
                    {"Key": "Name", "Value": f"{spec.cluster}-{box.group.name}"},
                    {"Key": "aws:autoscaling:groupName", "Value": _asg_name(spec, box.group)},
                    {"Key": "eks:cluster-name", "Value": spec.cluster},
                    {"Key": "eks:nodegroup-name", "Value": box.group.name},
                    {"Key": f"kubernetes.io/cluster/{spec.cluster}", "Value": "owned"},
                ],
            }
        ],
    }


def _interfaces(spec: Spec, box: Box, pod_subnets: bool) -> list[Raw]:
    """The primary interface; its further addresses are the pods' unless pods have an interface of their own."""
    more = () if pod_subnets else box.pod_ips
    found = [_eni(spec, box.interface_id, box.subnet, box.ip, more, (box.group.name,), "", box, 0)]
    return [*found, _pod_interface(spec, box)] if pod_subnets else found


def _pod_interface(spec: Spec, box: Box) -> Raw:
    """The secondary interface that custom networking adds, in the pod subnet with the ENIConfig's groups."""
    subnet = f"pod-{box.letter}"
    first, *more = pod_addresses(spec, box)
    return _eni(
        spec,
        spec.id("eni", "pods", box.name),
        subnet,
        first,
        tuple(more),
        ("pods",),
        f"aws-K8S-{box.instance_id}",
        box,
        1,
    )


def pod_addresses(spec: Spec, box: Box) -> tuple[str, ...]:
    """Under custom networking: the addresses of a node's pod interface, the interface's own one first."""
    peers = [other for other in boxes(spec) if other.letter == box.letter]
    base = 1000 + 20 * peers.index(box)
    return tuple(spec.address(f"pod-{box.letter}", base + i) for i in range(9))


def _eni(
    spec: Spec,
    eni_id: str,
    subnet: str,
    ip: str,
    more: tuple[str, ...],
    groups: tuple[str, ...],
    description: str,
    box: Box | None,
    index: int,
) -> Raw:
    attachment: Raw = {
        "AttachmentId": spec.id("eni-attach", eni_id),
        "DeleteOnTermination": True,
        "DeviceIndex": index,
        "NetworkCardIndex": 0,
        "Status": "attached",
    }
    if box is not None:
        attachment |= {"InstanceId": box.instance_id, "InstanceOwnerId": spec.account}
    else:
        attachment |= {"InstanceOwnerId": "amazon-aws"}
    return {
        "Attachment": attachment,
        "AvailabilityZone": spec.zone(subnet[-1]),
        "Description": description,
        "Groups": _groups(spec, groups),
        "InterfaceType": "interface",
        "Ipv6Addresses": [],
        "MacAddress": _mac(eni_id),
        "NetworkInterfaceId": eni_id,
        "OwnerId": spec.account,
        "PrivateDnsName": _dns(spec, ip),
        "PrivateIpAddress": ip,
        "PrivateIpAddresses": _addresses(ip, more),
        "RequesterManaged": box is None,
        "SourceDestCheck": True,
        "Status": "in-use",
        "SubnetId": spec.subnet_id(subnet),
        "TagSet": [{"Key": "node.k8s.amazonaws.com/instance_id", "Value": box.instance_id}] if box and index else [],
        "VpcId": spec.vpc_id,
    }


def control_plane_addresses(spec: Spec) -> tuple[str, ...]:
    """Of the interfaces that EKS puts into the cluster's subnets: where the API server answers."""
    return tuple(spec.address(name, 10) for name in spec.control_plane)


def network_interfaces(spec: Spec, box_list: tuple[Box, ...], *, pod_subnets: bool) -> Raw:
    """All interfaces: the nodes', those of pods where they have their own, and the control plane's."""
    found = [item for box in box_list for item in _interfaces(spec, box, pod_subnets)]
    for name, ip in zip(spec.control_plane, control_plane_addresses(spec), strict=True):
        found.append(
            _eni(spec, spec.id("eni", "eks", name), name, ip, (), ("cluster",), f"Amazon EKS {spec.cluster}", None, 1)
        )
    return {"NetworkInterfaces": found}


def instance_types(spec: Spec) -> Raw:
    """``describe-instance-types`` of the types in use."""
    machines = {group.machine.name: group.machine for group in spec.groups}
    return {"InstanceTypes": [instance_type(item) for _, item in sorted(machines.items())]}


def instance_type(item: Machine) -> Raw:
    """One type of ``describe-instance-types``."""
    raw: Raw = {
        "InstanceType": item.name,
        "CurrentGeneration": True,
        "BareMetal": False,
        "Hypervisor": "nitro",
        "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        "VCpuInfo": {"DefaultVCpus": item.cpus, "DefaultCores": item.cpus // 2, "DefaultThreadsPerCore": 2},
        "MemoryInfo": {"SizeInMiB": item.mib},
        "NetworkInfo": {
            "MaximumNetworkInterfaces": item.interfaces,
            "Ipv4AddressesPerInterface": item.addresses,
            "EnaSupport": "required",
        },
    }
    if item.gpus:
        raw["GpuInfo"] = {
            "Gpus": [
                {
                    "Name": item.gpu,
                    "Manufacturer": "NVIDIA",
                    "Count": item.gpus,
                    "MemoryInfo": {"SizeInMiB": item.gpu_mib},
                }
            ],
            "TotalGpuMemoryInMiB": item.gpus * item.gpu_mib,
        }
    return raw


def launch_template_versions(spec: Spec) -> Raw:
    """Each group has two: the one that its owner wrote, and the copy that EKS made of it for the Auto Scaling group."""
    found = []
    for group in spec.groups:
        own = {
            "MetadataOptions": {"HttpTokens": "required", "HttpPutResponseHopLimit": 2},
            "SecurityGroupIds": [spec.group_id(group.name)],
        }
        copy = {
            "ImageId": spec.id("ami", "gpu" if group.machine.gpus else "standard"),
            "InstanceType": group.machine.name,
            **own,
        }
        for name, author, data in (
            (f"{spec.cluster}-{group.name}", "user/platform", own),
            (_copy_name(spec, group), "assumed-role/AWSServiceRoleForAmazonEKSNodegroup/EKS", copy),
        ):
            found.append(
                {
                    "LaunchTemplateId": spec.id("lt", name),
                    "LaunchTemplateName": name,
                    "VersionNumber": 1,
                    "CreateTime": "2026-05-02T08:02:31+00:00",
                    "CreatedBy": f"arn:aws:iam::{spec.account}:{author}",
                    "DefaultVersion": True,
                    "LaunchTemplateData": data,
                }
            )
    return {"LaunchTemplateVersions": found}


def _copy_name(spec: Spec, group: Group) -> str:
    return f"eks-{uid(spec.name, 'asg', group.name)}"


def auto_scaling_groups(spec: Spec, box_list: tuple[Box, ...]) -> Raw:
    """The Auto Scaling group that EKS made for each node group."""
    return {"AutoScalingGroups": [_asg(spec, group, box_list) for group in spec.groups]}


def _asg(spec: Spec, group: Group, box_list: tuple[Box, ...]) -> Raw:
    name = _asg_name(spec, group)
    low, desired, high = group.size
    marks = {
        "eks:cluster-name": spec.cluster,
        "eks:nodegroup-name": group.name,
        "k8s.io/cluster-autoscaler/enabled": "true",
        f"k8s.io/cluster-autoscaler/{spec.cluster}": "owned",
        f"kubernetes.io/cluster/{spec.cluster}": "owned",
    }
    return {
        "AutoScalingGroupName": name,
        "AutoScalingGroupARN": (
            f"arn:aws:autoscaling:{spec.region}:{spec.account}:autoScalingGroup:"
            f"{uid(spec.name, 'asg-arn', group.name)}:autoScalingGroupName/{name}"
        ),
        "MixedInstancesPolicy": {
            "LaunchTemplate": {
                "LaunchTemplateSpecification": {
                    "LaunchTemplateId": spec.id("lt", _copy_name(spec, group)),
                    "LaunchTemplateName": _copy_name(spec, group),
                    "Version": "1",
                },
                "Overrides": [{"InstanceType": group.machine.name}],
            },
            "InstancesDistribution": {
                "OnDemandAllocationStrategy": "prioritized",
                "OnDemandBaseCapacity": 0,
                "OnDemandPercentageAboveBaseCapacity": 100,
                "SpotAllocationStrategy": "lowest-price",
                "SpotInstancePools": 2,
            },
        },
        "MinSize": low,
        "MaxSize": high,
        "DesiredCapacity": desired,
        "DefaultCooldown": 300,
        "AvailabilityZones": [spec.zone(name[-1]) for name in group.subnets],
        "LoadBalancerNames": [],
        "TargetGroupARNs": [],
        "HealthCheckType": "EC2",
        "HealthCheckGracePeriod": 15,
        "Instances": [
            {
                "InstanceId": box.instance_id,
                "InstanceType": group.machine.name,
                "AvailabilityZone": spec.zone(box.letter),
                "LifecycleState": "InService",
                "HealthStatus": "Healthy",
                "LaunchTemplate": {
                    "LaunchTemplateId": spec.id("lt", _copy_name(spec, group)),
                    "LaunchTemplateName": _copy_name(spec, group),
                    "Version": "1",
                },
                "ProtectedFromScaleIn": False,
            }
            for box in box_list
            if box.group is group
        ],
        "CreatedTime": "2026-05-02T08:02:40.118000+00:00",
        "SuspendedProcesses": [],
        "VPCZoneIdentifier": ",".join(spec.subnet_id(item) for item in group.subnets),
        "EnabledMetrics": [],
        "Tags": [
            {
                "ResourceId": name,
                "ResourceType": "auto-scaling-group",
                "Key": key,
                "Value": value,
                "PropagateAtLaunch": True,
            }
            for key, value in marks.items()
        ],
        "TerminationPolicies": ["AllocationStrategy", "OldestLaunchTemplate", "OldestInstance"],
        "NewInstancesProtectedFromScaleIn": False,
    }


_EFFECTS = {"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE"}


def nodegroup(spec: Spec, group: Group) -> Raw:
    """``describe-nodegroup`` of one."""
    low, desired, high = group.size
    own = f"{spec.cluster}-{group.name}"
    number = uid(spec.name, "asg", group.name)
    raw: Raw = {
        "nodegroupName": group.name,
        "nodegroupArn": (f"arn:aws:eks:{spec.region}:{spec.account}:nodegroup/{spec.cluster}/{group.name}/{number}"),
        "clusterName": spec.cluster,
        "version": spec.version,
        "releaseVersion": f"{spec.version}.1-20260423",
        "createdAt": "2026-05-02T08:02:29.512000+00:00",
        "modifiedAt": "2026-05-15T09:41:55.020000+00:00",
        "status": "ACTIVE",
        "capacityType": "ON_DEMAND",
        "scalingConfig": {"minSize": low, "maxSize": high, "desiredSize": desired},
        "instanceTypes": [group.machine.name],
        "subnets": [spec.subnet_id(item) for item in group.subnets],
        "amiType": "AL2023_x86_64_NVIDIA" if group.machine.gpus else "AL2023_x86_64_STANDARD",
        "nodeRole": f"arn:aws:iam::{spec.account}:role/{spec.cluster}-node",
        "labels": {"nodeGroup": group.label},
        "resources": {"autoScalingGroups": [{"name": _asg_name(spec, group)}]},
        "health": {"issues": []},
        "updateConfig": {"maxUnavailable": 1},
        "launchTemplate": {"name": own, "version": "1", "id": spec.id("lt", own)},
        "tags": {},
    }
    if group.taints:
        raw["taints"] = [
            {"key": key, "value": value, "effect": _EFFECTS[effect]} for key, value, effect in group.taints
        ]
    return {"nodegroup": raw}


def addons(spec: Spec, cni_env: Mapping[str, str]) -> dict[str, Raw]:
    """``describe-addon`` of each, by name.

    Args:
        spec: the world.
        cni_env: variables that the VPC CNI's configuration sets beside those of every world.
    """
    env = {"WARM_IP_TARGET": "2", "MINIMUM_IP_TARGET": "8", **cni_env}
    found = {
        "coredns": ("v1.12.4-eksbuild.1", {"nodeSelector": {"nodeGroup": "system-worker"}}),
        "kube-proxy": (f"v{spec.version}.1-eksbuild.2", {}),
        "vpc-cni": ("v1.20.4-eksbuild.2", {"env": env}),
    }
    return {
        name: {
            "addon": {
                "addonName": name,
                "clusterName": spec.cluster,
                "status": "ACTIVE",
                "addonVersion": version,
                "health": {"issues": []},
                "addonArn": f"arn:aws:eks:{spec.region}:{spec.account}:addon/{spec.cluster}/{name}/"
                f"{uid(spec.name, 'addon', name)}",
                "createdAt": "2026-05-02T07:59:40.114000+00:00",
                "modifiedAt": "2026-05-02T08:11:03.640000+00:00",
                "tags": {},
                **({"configurationValues": json.dumps(values)} if values else {}),
            }
        }
        for name, (version, values) in found.items()
    }


def cluster(spec: Spec) -> Raw:
    """``describe-cluster``."""
    host = uid(spec.name, "endpoint").replace("-", "").upper()
    return {
        "cluster": {
            "name": spec.cluster,
            "arn": f"arn:aws:eks:{spec.region}:{spec.account}:cluster/{spec.cluster}",
            "createdAt": "2026-05-02T07:48:12.903000+00:00",
            "version": spec.version,
            "endpoint": f"https://{host}.gr7.{spec.region}.eks.amazonaws.com",
            "roleArn": f"arn:aws:iam::{spec.account}:role/{spec.cluster}-cluster",
            "resourcesVpcConfig": {
                "subnetIds": [spec.subnet_id(item) for item in spec.control_plane],
                "securityGroupIds": [],
                "clusterSecurityGroupId": spec.group_id("cluster"),
                "vpcId": spec.vpc_id,
                "endpointPublicAccess": False,
                "endpointPrivateAccess": True,
                "publicAccessCidrs": [],
            },
            "kubernetesNetworkConfig": {
                "serviceIpv4Cidr": spec.service_cidr,
                "ipFamily": "ipv4",
                "elasticLoadBalancing": {"enabled": False},
            },
            "status": "ACTIVE",
            "platformVersion": "eks.9",
            "tags": {},
            "health": {"issues": []},
            "accessConfig": {"authenticationMode": "API"},
            "computeConfig": {"enabled": False, "nodePools": []},
            "deletionProtection": False,
        }
    }
