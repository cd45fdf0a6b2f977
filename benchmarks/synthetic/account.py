"""The AWS side: VPC, subnets, security groups, launch templates, Auto Scaling groups, instances, interfaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from benchmarks.synthetic.plan import ACCOUNT, CLUSTER, CREATED, REGION, VPC, ZONES, Group, Plan, dotted, hexed

Raw = dict[str, Any]

_CLUSTER_GROUP = f"sg-{hexed('cluster')}"
_ACL, _ROUTES = f"acl-{hexed('acl')}", f"rtb-{hexed('rtb')}"
_ALL = {
    "IpProtocol": "-1",
    "UserIdGroupPairs": [],
    "IpRanges": [{"CidrIp": "0.0.0.0/0"}],
    "Ipv6Ranges": [],
    "PrefixListIds": [],
}


def cluster(plan: Plan) -> Iterator[Raw]:
    """The EKS cluster, from describe-cluster."""
    yield {
        "name": CLUSTER,
        "arn": f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLUSTER}",
        "version": "1.34",
        "endpoint": f"https://{hexed('endpoint', length=32).upper()}.gr7.{REGION}.eks.amazonaws.com",
        "status": "ACTIVE",
        "resourcesVpcConfig": {
            "subnetIds": [plan.groups[0].subnet(zone) for zone in range(len(ZONES))],
            "securityGroupIds": [],
            "clusterSecurityGroupId": _CLUSTER_GROUP,
            "vpcId": VPC,
        },
        "kubernetesNetworkConfig": {"serviceIpv4Cidr": "172.20.0.0/16", "ipFamily": "ipv4"},
        "computeConfig": {"enabled": False, "nodePools": []},
        "tags": {},
    }


def nodegroups(plan: Plan) -> Iterator[Raw]:
    """One managed node group each; all may scale to zero and to twice their size."""
    for group in plan.groups:
        body: Raw = {
            "nodegroupName": group.name,
            "nodegroupArn": f"arn:aws:eks:{REGION}:{ACCOUNT}:nodegroup/{CLUSTER}/{group.name}/{hexed('ng', group.name)}",
            "clusterName": CLUSTER,
            "version": "1.34",
            "status": "ACTIVE",
            "capacityType": "ON_DEMAND",
            "amiType": "AL2023_x86_64_NVIDIA" if group.role == "gpu" else "AL2023_x86_64_STANDARD",
            "instanceTypes": [group.instance_type],
            "subnets": [group.subnet(zone) for zone in range(len(ZONES))],
            "labels": {"nodeRole": group.role},
            "scalingConfig": {"minSize": 0, "maxSize": group.count * 2, "desiredSize": group.count},
            "launchTemplate": {"id": group.launch_template, "name": f"{CLUSTER}-{group.name}", "version": "1"},
            "resources": {"autoScalingGroups": [{"name": group.scaling_group}]},
            "tags": {},
        }
        if group.role == "gpu":
            body["taints"] = [{"key": "nvidia.com/gpu", "value": "present", "effect": "NO_SCHEDULE"}]
        yield body


def nodegroup_names(plan: Plan) -> Iterator[Raw]:
    """What list-nodegroups prints."""
    for group in plan.groups:
        yield {"name": group.name}


def launch_templates(plan: Plan) -> Iterator[Raw]:
    """Each node group's own, which names its security group."""
    for group in plan.groups:
        yield {
            "LaunchTemplateId": group.launch_template,
            "LaunchTemplateName": f"{CLUSTER}-{group.name}",
            "VersionNumber": 1,
            "CreateTime": CREATED,
            "DefaultVersion": True,
            "LaunchTemplateData": {"SecurityGroupIds": [group.security_group]},
        }


def scaling_groups(plan: Plan) -> Iterator[Raw]:
    """Each node group's Auto Scaling group with its instances."""
    for group in plan.groups:
        spec = {"LaunchTemplateId": group.launch_template, "LaunchTemplateName": group.name, "Version": "1"}
        yield {
            "AutoScalingGroupName": group.scaling_group,
            "LaunchTemplate": spec,
            "MinSize": 0,
            "MaxSize": group.count * 2,
            "DesiredCapacity": group.count,
            "VPCZoneIdentifier": ",".join(group.subnet(zone) for zone in range(len(ZONES))),
            "AvailabilityZones": list(ZONES),
            "Instances": [
                {
                    "InstanceId": plan.instance(node),
                    "InstanceType": group.instance_type,
                    "AvailabilityZone": ZONES[plan.zone(node)],
                    "LifecycleState": "InService",
                    "HealthStatus": "Healthy",
                    "LaunchTemplate": spec,
                    "ProtectedFromScaleIn": False,
                }
                for node in range(group.first, group.first + group.count)
            ],
            "Tags": [
                {"Key": "eks:cluster-name", "Value": CLUSTER, "PropagateAtLaunch": True},
                {"Key": "eks:nodegroup-name", "Value": group.name, "PropagateAtLaunch": True},
                {"Key": f"kubernetes.io/cluster/{CLUSTER}", "Value": "owned", "PropagateAtLaunch": True},
            ],
        }


def vpcs(plan: Plan) -> Iterator[Raw]:
    """One VPC with as many /16 blocks as the subnets need."""
    blocks = list(plan.vpc_blocks())
    yield {
        "VpcId": VPC,
        "OwnerId": ACCOUNT,
        "CidrBlock": blocks[0],
        "CidrBlockAssociationSet": [
            {"AssociationId": f"vpc-cidr-assoc-{hexed('cidr', block)}", "CidrBlock": block} for block in blocks
        ],
        "Tags": [{"Key": "Name", "Value": CLUSTER}],
    }


def subnets(plan: Plan) -> Iterator[Raw]:
    """Three per node group, one in each zone."""
    for group in plan.groups:
        for zone, name in enumerate(ZONES):
            yield {
                "SubnetId": group.subnet(zone),
                "VpcId": VPC,
                "OwnerId": ACCOUNT,
                "AvailabilityZone": name,
                "CidrBlock": f"{dotted(plan.base(group.number, zone))}/{32 - plan.subnet_bits}",
                "AvailableIpAddressCount": 4000,
                "Tags": [{"Key": "Name", "Value": f"{CLUSTER}-{group.name}-{name[-1]}"}],
            }


def route_tables(plan: Plan) -> Iterator[Raw]:
    """The main route table: local, and a NAT gateway for the rest."""
    routes = [{"DestinationCidrBlock": block, "GatewayId": "local", "State": "active"} for block in plan.vpc_blocks()]
    nat = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": f"nat-{hexed('nat')}", "State": "active"}
    yield {
        "RouteTableId": _ROUTES,
        "VpcId": VPC,
        "Routes": [*routes, nat],
        "Associations": [{"Main": True, "RouteTableId": _ROUTES}],
        "Tags": [],
    }


def network_acls(plan: Plan) -> Iterator[Raw]:
    """The default ACL, which lets everything pass."""
    entry = {"CidrBlock": "0.0.0.0/0", "Protocol": "-1"}
    yield {
        "NetworkAclId": _ACL,
        "VpcId": VPC,
        "IsDefault": True,
        "Associations": [
            {"NetworkAclId": _ACL, "SubnetId": group.subnet(zone)}
            for group in plan.groups
            for zone in range(len(ZONES))
        ],
        "Entries": [
            {**entry, "Egress": egress, "RuleAction": action, "RuleNumber": number}
            for egress in (True, False)
            for action, number in (("allow", 100), ("deny", 32767))
        ],
        "Tags": [],
    }


def _admit(protocol: str, port: int, groups: list[str]) -> Raw:
    return {
        "IpProtocol": protocol,
        "FromPort": port,
        "ToPort": port,
        "UserIdGroupPairs": [{"UserId": ACCOUNT, "GroupId": group} for group in groups],
        "IpRanges": [],
        "Ipv6Ranges": [],
        "PrefixListIds": [],
    }


def _blocks(plan: Plan, group: Group) -> list[str]:
    return [f"{dotted(plan.base(group.number, zone))}/{32 - plan.subnet_bits}" for zone in range(len(ZONES))]


def _admit_blocks(protocol: str, port: int, blocks: list[str]) -> Raw:
    return {**_admit(protocol, port, []), "IpRanges": [{"CidrIp": block} for block in blocks]}


def security_groups(plan: Plan) -> Iterator[Raw]:
    """One per node group: each admits itself and all nodes' DNS; the system group's rules have the usual gaps."""
    ids = [group.security_group for group in plan.groups]
    yield _security_group(_CLUSTER_GROUP, f"eks-cluster-sg-{CLUSTER}", [_admit("tcp", 443, ids)])
    for group in plan.groups:
        own = {**_admit("tcp", 0, [group.security_group]), "IpProtocol": "-1"}
        del own["FromPort"], own["ToPort"]
        rules = [own, _admit("tcp", 10250, [_CLUSTER_GROUP])]
        if group.role == "system":
            # 2379 was opened to every second GPU group, 4222 to none, 9090 to the general groups.
            gpu = [other.security_group for other in plan.groups if other.role == "gpu"]
            general = [other.security_group for other in plan.groups if other.role == "general"]
            rules += [_admit("udp", 53, ids), _admit("tcp", 53, ids)]
            rules += [_admit("tcp", 2379, gpu[::2])]
            rules += [_admit("tcp", 9090, general)] if general else []
            if plan.size.preset == "adversarial":
                # A rule for each group and a block for each of its subnets: no two groups are alike.
                rules += [_admit("tcp", 9000 + other.number, [other.security_group]) for other in plan.groups]
                rules += [_admit_blocks("tcp", 20000 + other.number, _blocks(plan, other)) for other in plan.groups]
        yield _security_group(group.security_group, f"{group.name}-nodes", rules)


def _security_group(group_id: str, name: str, rules: list[Raw]) -> Raw:
    return {
        "GroupId": group_id,
        "GroupName": name,
        "Description": name,
        "OwnerId": ACCOUNT,
        "VpcId": VPC,
        "IpPermissions": rules,
        "IpPermissionsEgress": [_ALL],
        "Tags": [{"Key": "Name", "Value": name}],
    }


def _attachment(node: int) -> Raw:
    return {
        "AttachmentId": f"eni-attach-{hexed('attach', node)}",
        "DeleteOnTermination": True,
        "DeviceIndex": 0,
        "NetworkCardIndex": 0,
        "Status": "attached",
    }


def _interface(plan: Plan, group: Group, node: int) -> Raw:
    first = plan.node_address(node)
    name = plan.node_name(node)
    return {
        "Description": "",
        "Groups": [{"GroupId": group.security_group, "GroupName": f"{group.name}-nodes"}],
        "InterfaceType": "interface",
        "Ipv6Addresses": [],
        "MacAddress": "02:" + ":".join(hexed("mac", node, length=10)[i : i + 2] for i in range(0, 10, 2)),
        "NetworkInterfaceId": f"eni-{hexed('eni', node)}",
        "OwnerId": ACCOUNT,
        "PrivateDnsName": name,
        "PrivateIpAddress": dotted(first),
        "PrivateIpAddresses": [
            {"Primary": offset == 0, "PrivateIpAddress": dotted(first + offset)}
            for offset in range(plan.size.pods_per_node + 1)
        ],
        "SourceDestCheck": True,
        "Status": "in-use",
        "SubnetId": group.subnet(plan.zone(node)),
        "VpcId": VPC,
    }


def instance_text(plan: Plan, node: int) -> bytes:
    """One instance, as describe-instances gives it (reservations flattened)."""
    group = plan.groups[plan.group_of[node]]
    interface = _interface(plan, group, node)
    body = {
        "Architecture": "x86_64",
        "ImageId": f"ami-{hexed('ami', group.role)}",
        "InstanceId": plan.instance(node),
        "InstanceType": group.instance_type,
        "LaunchTime": CREATED,
        "Placement": {"AvailabilityZone": ZONES[plan.zone(node)], "GroupName": "", "Tenancy": "default"},
        "PrivateDnsName": interface["PrivateDnsName"],
        "PrivateIpAddress": interface["PrivateIpAddress"],
        "State": {"Code": 16, "Name": "running"},
        "SubnetId": interface["SubnetId"],
        "VpcId": VPC,
        "NetworkInterfaces": [{**interface, "Attachment": _attachment(node)}],
        "SecurityGroups": interface["Groups"],
        "Tags": [
            {"Key": "Name", "Value": f"{CLUSTER}-{group.name}"},
            {"Key": "aws:autoscaling:groupName", "Value": group.scaling_group},
            {"Key": "eks:cluster-name", "Value": CLUSTER},
            {"Key": "eks:nodegroup-name", "Value": group.name},
            {"Key": f"kubernetes.io/cluster/{CLUSTER}", "Value": "owned"},
        ],
    }
    return msgspec.json.encode(body)


def interface_text(plan: Plan, node: int) -> bytes:
    """One interface, as describe-network-interfaces gives it."""
    group = plan.groups[plan.group_of[node]]
    owner = {"InstanceId": plan.instance(node), "InstanceOwnerId": ACCOUNT}
    body = {
        **_interface(plan, group, node),
        "Attachment": _attachment(node) | owner,
        "AvailabilityZone": ZONES[plan.zone(node)],
        "RequesterManaged": False,
        "TagSet": [],
    }
    return msgspec.json.encode(body)


def instance_types(_plan: Plan) -> Iterator[Raw]:
    """The types that the groups use."""
    a100 = {"Name": "A100", "Manufacturer": "NVIDIA", "Count": 8}
    for name, cores, memory, gpus in (
        ("m5.12xlarge", 48, 196608, None),
        ("m5.4xlarge", 16, 65536, None),
        ("p4d.24xlarge", 96, 1179648, a100),
    ):
        body: Raw = {
            "InstanceType": name,
            "VCpuInfo": {"DefaultVCpus": cores},
            "MemoryInfo": {"SizeInMiB": memory},
            "ProcessorInfo": {"SupportedArchitectures": ["x86_64"]},
        }
        if gpus:
            body["GpuInfo"] = {"Gpus": [gpus]}
        yield body
