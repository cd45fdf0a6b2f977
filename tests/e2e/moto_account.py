"""A moto server as its own process, and a world's AWS side made on it through the API.

The world's own files are what is made: each object becomes the call that creates it, and the ids that moto chose
replace the files' ids everywhere, also in the Kubernetes objects.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

Raw = dict[str, Any]
ACCOUNT = "111122223333"


def environment(endpoint: str, region: str) -> dict[str, str]:
    """What the AWS CLI and a shell need to talk to the server, and to nothing else."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}
    binaries = str(Path(sys.executable).parent)
    return clean | {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_PAGER": "",
        "NO_PROXY": "127.0.0.1",
        "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}",
    }


@contextlib.contextmanager
def moto_server() -> Iterator[str]:
    """Runs a server on a free port; gives its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        env={**os.environ, "MOTO_ACCOUNT_ID": ACCOUNT},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(url, process)
        yield url
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise RuntimeError(f"the moto server ended with status {process.returncode}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/moto-api/data.json", timeout=2):  # noqa: S310 - http, made above
            return
        time.sleep(0.1)
    raise RuntimeError("the moto server does not answer")


def _clients(endpoint: str, region: str) -> Callable[[str], Any]:
    """Makes clients that talk to the server alone."""
    settings = Config(region_name=region, retries={"max_attempts": 1}, proxies={})

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=settings,
        )

    return client


class Account:
    """Makes a world's AWS side and remembers which id became which.

    Attributes:
        ids: id in the world's files → id on the server.
        client: makes a client of a service by its name.
    """

    def __init__(self, world: Path, endpoint: str, region: str) -> None:
        self.world = world
        self.ids: dict[str, str] = {}
        self.client = _clients(endpoint, region)
        self.ec2, self.eks, self.scaling = self.client("ec2"), self.client("eks"), self.client("autoscaling")

    def file(self, name: str) -> Raw:
        """One of the world's files, with the ids known so far replaced."""
        found: Raw = json.loads(self.translate((self.world / "aws" / f"{name}.json").read_text()))
        return found

    def translate(self, text: str) -> str:
        """The text with the server's ids."""
        if not self.ids:
            return text
        pattern = re.compile("|".join(map(re.escape, sorted(self.ids, key=len, reverse=True))))
        return pattern.sub(lambda match: self.ids[match[0]], text)

    def make(self) -> None:
        """Everything, in the order in which one needs the other."""
        for step in self.steps():
            step()

    def steps(self) -> tuple[Callable[[], None], ...]:
        """What :meth:`make` does; who makes more of a world adds to it."""
        return (
            self._network,
            self._routes,
            self._security_groups,
            self._launch_templates,
            self._instances,
            self._control_plane,
            self._node_groups,
            self._addons,
        )

    def _network(self) -> None:
        for vpc in self.file("vpcs")["Vpcs"]:
            made = self.ec2.create_vpc(CidrBlock=vpc["CidrBlock"], TagSpecifications=_tagged("vpc", vpc["Tags"]))["Vpc"]
            self.ids[vpc["VpcId"]] = made["VpcId"]
            for block in vpc["CidrBlockAssociationSet"][1:]:
                self.ec2.associate_vpc_cidr_block(VpcId=made["VpcId"], CidrBlock=block["CidrBlock"])
        for subnet in self.file("subnets")["Subnets"]:
            made = self.ec2.create_subnet(
                VpcId=subnet["VpcId"],
                CidrBlock=subnet["CidrBlock"],
                AvailabilityZone=subnet["AvailabilityZone"],
                TagSpecifications=_tagged("subnet", subnet["Tags"]),
            )["Subnet"]
            self.ids[subnet["SubnetId"]] = made["SubnetId"]
            if subnet["MapPublicIpOnLaunch"]:
                self.ec2.modify_subnet_attribute(SubnetId=made["SubnetId"], MapPublicIpOnLaunch={"Value": True})
        for acl in self.file("network-acls")["NetworkAcls"]:
            self.ids[acl["NetworkAclId"]] = self.ec2.describe_network_acls(
                Filters=[{"Name": "vpc-id", "Values": [acl["VpcId"]]}, {"Name": "default", "Values": ["true"]}]
            )["NetworkAcls"][0]["NetworkAclId"]

    def _routes(self) -> None:
        tables = self.file("route-tables")["RouteTables"]
        vpc = tables[0]["VpcId"]
        public = next(item for item in self.file("subnets")["Subnets"] if item["MapPublicIpOnLaunch"])["SubnetId"]
        for table in tables:
            if any(item["Main"] for item in table["Associations"]):
                main = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
                found = self.ec2.describe_route_tables(Filters=main)["RouteTables"][0]
                self.ids[table["RouteTableId"]] = found["RouteTableId"]
                continue
            made = self.ec2.create_route_table(VpcId=vpc, TagSpecifications=_tagged("route-table", table["Tags"]))
            route_table = self.ids[table["RouteTableId"]] = made["RouteTable"]["RouteTableId"]
            for association in table["Associations"]:
                self.ec2.associate_route_table(RouteTableId=route_table, SubnetId=association["SubnetId"])
            for route in table["Routes"]:
                self._route(route_table, route, vpc, public)

    def _route(self, table: str, route: Raw, vpc: str, public: str) -> None:
        way = {"RouteTableId": table, "DestinationCidrBlock": route["DestinationCidrBlock"]}
        if "NatGatewayId" in route:
            gateway = self._nat_gateway(route["NatGatewayId"], public)
            self.ec2.create_route(**way, NatGatewayId=gateway)
        elif route["GatewayId"] != "local":
            gateway = self.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
            self.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
            self.ids[route["GatewayId"]] = gateway
            self.ec2.create_route(**way, GatewayId=gateway)

    def _nat_gateway(self, shipped: str, public: str) -> str:
        """Makes one, in its own subnet where the world tells of it, else in a public one."""
        known = (self.world / "aws" / "nat-gateways.json").exists()
        told = self.file("nat-gateways")["NatGateways"] if known else ()
        subnet = next((item["SubnetId"] for item in told if item["NatGatewayId"] == shipped), public)
        address = self.ec2.allocate_address(Domain="vpc")["AllocationId"]
        made: str = self.ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
        self.ids[shipped] = made
        return made

    def _security_groups(self) -> None:
        for group in self.file("security-groups")["SecurityGroups"]:
            self.ids[group["GroupId"]] = self.ec2.create_security_group(
                GroupName=group["GroupName"],
                Description=group["Description"],
                VpcId=group["VpcId"],
                TagSpecifications=_tagged("security-group", group["Tags"]),
            )["GroupId"]
        for group in self.file("security-groups")["SecurityGroups"]:
            self.ec2.authorize_security_group_ingress(GroupId=group["GroupId"], IpPermissions=group["IpPermissions"])
            # A new group lets everything out, which is what all of these do; anything else is not made here.
            (egress,) = group["IpPermissionsEgress"]
            if (egress["IpProtocol"], egress["IpRanges"]) != ("-1", [{"CidrIp": "0.0.0.0/0"}]):
                raise NotImplementedError(egress)

    def _launch_templates(self) -> None:
        for version in self.file("launch-template-versions")["LaunchTemplateVersions"]:
            made = self.ec2.create_launch_template(
                LaunchTemplateName=version["LaunchTemplateName"], LaunchTemplateData=version["LaunchTemplateData"]
            )
            self.ids[version["LaunchTemplateId"]] = made["LaunchTemplate"]["LaunchTemplateId"]

    def _instances(self) -> None:
        image = self.ec2.describe_images()["Images"][0]["ImageId"]
        for reservation in self.file("instances")["Reservations"]:
            for instance in reservation["Instances"]:
                # The prefix aws: is for AWS alone; the API refuses it.
                own = [tag for tag in instance["Tags"] if not tag["Key"].startswith("aws:")]
                made = self.ec2.run_instances(
                    ImageId=image,
                    InstanceType=instance["InstanceType"],
                    MinCount=1,
                    MaxCount=1,
                    SubnetId=instance["SubnetId"],
                    PrivateIpAddress=instance["PrivateIpAddress"],
                    SecurityGroupIds=[item["GroupId"] for item in instance["SecurityGroups"]],
                    TagSpecifications=_tagged("instance", own),
                    **_machine(instance),
                )["Instances"][0]
                self.ids[instance["InstanceId"]] = made["InstanceId"]
                first, *more = instance["NetworkInterfaces"]
                self._interface(first, made["NetworkInterfaces"][0]["NetworkInterfaceId"])
                for interface in more:
                    self._second_interface(interface, made["InstanceId"])

    def _second_interface(self, interface: Raw, instance: str) -> None:
        made = self.ec2.create_network_interface(
            SubnetId=interface["SubnetId"],
            PrivateIpAddress=interface["PrivateIpAddress"],
            Description=self.translate(interface["Description"]),
            Groups=[item["GroupId"] for item in interface["Groups"]],
        )["NetworkInterface"]["NetworkInterfaceId"]
        index = interface["Attachment"]["DeviceIndex"]
        self.ec2.attach_network_interface(NetworkInterfaceId=made, InstanceId=instance, DeviceIndex=index)
        self._interface(interface, made)

    def _interface(self, interface: Raw, made: str) -> None:
        self.ids[interface["NetworkInterfaceId"]] = made
        more = [item["PrivateIpAddress"] for item in interface["PrivateIpAddresses"] if not item["Primary"]]
        if more:
            self.ec2.assign_private_ip_addresses(NetworkInterfaceId=made, PrivateIpAddresses=more)

    def _control_plane(self) -> None:
        for interface in self.file("network-interfaces")["NetworkInterfaces"]:
            if "InstanceId" not in interface["Attachment"]:
                self.ec2.create_network_interface(
                    SubnetId=interface["SubnetId"],
                    PrivateIpAddress=interface["PrivateIpAddress"],
                    Description=interface["Description"],
                    Groups=[item["GroupId"] for item in interface["Groups"]],
                )
        cluster = self.file("cluster")["cluster"]
        config = cluster["resourcesVpcConfig"]
        self.eks.create_cluster(
            name=cluster["name"],
            version=cluster["version"],
            roleArn=cluster["roleArn"],
            resourcesVpcConfig={key: config[key] for key in ("subnetIds", "securityGroupIds")},
            kubernetesNetworkConfig={"serviceIpv4Cidr": cluster["kubernetesNetworkConfig"]["serviceIpv4Cidr"]},
        )

    def _node_groups(self) -> None:
        scaling = {
            _tag(item, "eks:nodegroup-name"): item for item in self.file("auto-scaling-groups")["AutoScalingGroups"]
        }
        for name in self.file("nodegroups")["nodegroups"]:
            group = self.file(f"nodegroup-{name}")["nodegroup"]
            template = {key: group["launchTemplate"][key] for key in ("id", "version")}
            made = self.eks.create_nodegroup(
                clusterName=group["clusterName"],
                nodegroupName=name,
                scalingConfig=group["scalingConfig"],
                subnets=group["subnets"],
                instanceTypes=group["instanceTypes"],
                amiType=group["amiType"],
                capacityType=group["capacityType"],
                version=group["version"],
                releaseVersion=group["releaseVersion"],
                nodeRole=group["nodeRole"],
                labels=group["labels"],
                taints=group.get("taints", []),
                launchTemplate=template,
            )["nodegroup"]
            self._auto_scaling_group(made["resources"]["autoScalingGroups"][0]["name"], scaling[name])

    def _auto_scaling_group(self, name: str, asg: Raw) -> None:
        """Moto's EKS names a group that it does not make; its instances are those that run already."""
        policy = asg["MixedInstancesPolicy"]["LaunchTemplate"]
        spec = {key: policy["LaunchTemplateSpecification"][key] for key in ("LaunchTemplateId", "Version")}
        self.scaling.create_auto_scaling_group(
            AutoScalingGroupName=name,
            MinSize=0,
            MaxSize=asg["MaxSize"],
            DesiredCapacity=0,
            VPCZoneIdentifier=asg["VPCZoneIdentifier"],
            MixedInstancesPolicy={
                "LaunchTemplate": {"LaunchTemplateSpecification": spec, "Overrides": policy["Overrides"]}
            },
            Tags=[{"Key": t["Key"], "Value": t["Value"], "PropagateAtLaunch": True} for t in asg["Tags"]],
        )
        members = [item["InstanceId"] for item in asg["Instances"]]
        if members:
            self.scaling.attach_instances(AutoScalingGroupName=name, InstanceIds=members)
        self.scaling.update_auto_scaling_group(AutoScalingGroupName=name, MinSize=asg["MinSize"])

    def _addons(self) -> None:
        """The server must be an extended one: moto has no add-ons of its own."""
        for name in self.file("addon-names")["addons"]:
            addon = self.file(f"addon-{name}")["addon"]
            self.eks.create_addon(
                clusterName=addon["clusterName"],
                addonName=name,
                addonVersion=addon["addonVersion"],
                configurationValues=addon.get("configurationValues", ""),
            )

    def kubernetes(self, target: Path) -> None:
        """The world's Kubernetes files with the server's ids."""
        target.mkdir(parents=True)
        for path in sorted((self.world / "kubernetes").iterdir()):
            (target / path.name).write_text(self.translate(path.read_text()))


def _machine(instance: Raw) -> Raw:
    """The identity of an instance and how its metadata service answers, where the world says it."""
    found: Raw = {}
    if "IamInstanceProfile" in instance:
        found["IamInstanceProfile"] = {"Arn": instance["IamInstanceProfile"]["Arn"]}
    if "MetadataOptions" in instance:
        asked = ("HttpTokens", "HttpPutResponseHopLimit", "HttpEndpoint", "HttpProtocolIpv6", "InstanceMetadataTags")
        found["MetadataOptions"] = {name: instance["MetadataOptions"][name] for name in asked}
    return found


def _tagged(resource: str, tags: list[Raw]) -> list[Raw]:
    return [{"ResourceType": resource, "Tags": tags}] if tags else []


def _tag(asg: Raw, key: str) -> str:
    return next(str(tag["Value"]) for tag in asg["Tags"] if tag["Key"] == key)
