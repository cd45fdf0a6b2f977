"""What a world is made from: a few frozen records that its own module fills in."""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Mapping

from worldgen.ids import aws_id


@dataclasses.dataclass(frozen=True)
class Machine:
    """An instance type as EC2 and the kubelet describe it.

    Attributes:
        name: e.g. ``m5.12xlarge``.
        cpus, mib: as describe-instance-types says.
        cpu, memory, pods: what the kubelet offers when the node is empty (allocatable).
        memory_capacity: what the kubelet finds.
        gpus: how many, and which.
    """

    name: str
    cpus: int
    mib: int
    cpu: str
    memory: str
    memory_capacity: str
    pods: str
    interfaces: int
    addresses: int
    gpus: int = 0
    gpu: str = ""
    gpu_mib: int = 0


@dataclasses.dataclass(frozen=True)
class Group:
    """An EKS managed node group with a launch template that names its security groups.

    Attributes:
        name: of the node group, and of its security group (``<cluster>-<name>``).
        label: value of the label ``nodeGroup`` that the node group sets.
        size: minimum, desired, maximum.
        zones: zone letter of each node that exists; decides its subnet.
        subnets: names of its subnets, as in :attr:`Spec.subnets`.
        taints: key, value, effect as Kubernetes writes it.
    """

    name: str
    label: str
    machine: Machine
    size: tuple[int, int, int]
    zones: str
    subnets: tuple[str, ...]
    taints: tuple[tuple[str, str, str], ...] = ()


@dataclasses.dataclass(frozen=True)
class Rule:
    """One security group rule; ``peer`` is a security group's name or a CIDR."""

    group: str
    peer: str
    protocol: str = "-1"
    port: int | None = None
    to_port: int | None = None
    egress: bool = False
    description: str = ""


@dataclasses.dataclass(frozen=True)
class SubnetSpec:
    """A subnet: name (ends in its zone letter), CIDR, and whether it is public."""

    name: str
    cidr: str
    public: bool = False


@dataclasses.dataclass(frozen=True)
class Spec:
    """A whole world."""

    name: str
    cluster: str
    region: str
    version: str
    cidrs: tuple[str, ...]
    zones: str
    subnets: tuple[SubnetSpec, ...]
    groups: tuple[Group, ...]
    security_groups: Mapping[str, str]
    rules: tuple[Rule, ...]
    control_plane: tuple[str, ...]
    other_machines: tuple[Machine, ...] = ()
    account: str = "111122223333"
    service_cidr: str = "172.20.0.0/16"
    read_at: str = "2026-05-15T10:02:11Z"

    def id(self, prefix: str, *parts: str) -> str:
        """The id of one of this world's AWS resources."""
        return aws_id(prefix, self.name, *parts)

    @property
    def vpc_id(self) -> str:
        """The VPC."""
        return self.id("vpc", "main")

    def group_id(self, name: str) -> str:
        """Id of a security group by its name here; the API never shows one that does not exist."""
        if name not in self.security_groups:
            raise KeyError(name)
        return self.id("sg", name)

    def group_name(self, name: str) -> str:
        """The name that EC2 shows; EKS names the cluster's own group."""
        if name == "cluster":
            return f"eks-cluster-sg-{self.cluster}-1234567890"
        return "pod-interfaces" if name == "pods" else f"{name}-nodes"

    def subnet(self, name: str) -> SubnetSpec:
        """A subnet by its name here."""
        return next(item for item in self.subnets if item.name == name)

    def subnet_id(self, name: str) -> str:
        """The id of a subnet."""
        return self.id("subnet", self.subnet(name).name)

    def zone(self, letter: str) -> str:
        """An availability zone by its letter."""
        return f"{self.region}{letter}"

    def address(self, subnet: str, number: int) -> str:
        """The address number ``number`` of a subnet (the first four and the last are AWS's)."""
        return str(ipaddress.ip_network(self.subnet(subnet).cidr)[number])


@dataclasses.dataclass(frozen=True)
class Box:
    """One instance, which is one node."""

    group: Group
    name: str
    instance_id: str
    interface_id: str
    subnet: str
    letter: str
    ip: str
    pod_ips: tuple[str, ...]


def boxes(spec: Spec, addresses: int = 8) -> tuple[Box, ...]:
    """The instances of a world, group by group; each holds ``addresses`` more for its pods."""
    found: list[Box] = []
    used: dict[str, int] = {}
    for group in spec.groups:
        for number, letter in enumerate(group.zones):
            subnet = next(name for name in group.subnets if name.endswith(letter))
            seat = used[subnet] = used.get(subnet, 0) + 1
            base = 20 * seat
            ip = spec.address(subnet, base)
            found.append(
                Box(
                    group,
                    f"ip-{ip.replace('.', '-')}.{_domain(spec.region)}",
                    spec.id("i", group.name, str(number)),
                    spec.id("eni", group.name, str(number)),
                    subnet,
                    letter,
                    ip,
                    tuple(spec.address(subnet, base + 1 + i) for i in range(addresses)),
                )
            )
    return tuple(found)


def _domain(region: str) -> str:
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
