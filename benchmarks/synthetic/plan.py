"""The plan of a synthetic cluster: which groups, nodes and workloads there are, and which pod is whose.

Everything follows from the numbers asked for; the plan holds two small arrays per
pod and no object, so that snapshots of any size are generated with bounded memory.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterator
from functools import cached_property

import msgspec

CLUSTER = "bench"
REGION = "us-west-2"
ACCOUNT = "111122223333"
ZONES = tuple(f"{REGION}{letter}" for letter in "abc")
TIME = "2026-05-15T10:02:00Z"
CREATED = "2026-05-02T08:31:44Z"
VPC = "vpc-0be0be0be0be0be0b"
DAEMONS = 3
"""Pods that every node has before any other: aws-node, kube-proxy, node-exporter; GPU nodes have a fourth."""
GPUS_PER_NODE = 8


def hexed(*parts: object, length: int = 17) -> str:
    """A stable made-up identifier of ``length`` hexadecimal digits."""
    text = "/".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()[:length]


def uid(*parts: object) -> str:
    """A stable made-up UID, as Kubernetes writes them."""
    digits = hexed(*parts, length=32)
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


_SAFE = "bcdfghjklmnpqrstvwxz2456789"


def suffix(*parts: object, length: int = 5) -> str:
    """The random end of a generated name, of the letters that Kubernetes uses for it."""
    number = int(hexed(*parts, length=16), 16)
    letters = []
    for _ in range(length):
        number, digit = divmod(number, len(_SAFE))
        letters.append(_SAFE[digit])
    return "".join(letters)


PRESETS = ("uniform", "skewed", "adversarial")
"""Groups of one size; a few large and many small ones; workloads and security groups that each have rules of their own."""


class Size(msgspec.Struct, frozen=True):
    """What was asked for.

    Attributes:
        nodes, pods_per_node: nodes in all, and pods on each.
        policies: NetworkPolicies.
        groups: EKS managed node groups.
        preset: one of :data:`PRESETS`.
    """

    nodes: int
    pods_per_node: int
    policies: int
    groups: int
    preset: str = "uniform"

    def __post_init__(self) -> None:
        """Refuses sizes of which no plausible cluster can be made."""
        if self.groups < 2 or self.nodes < self.groups:
            raise ValueError("--groups must be 2 or more, and --nodes at least as many as --groups")
        if self.pods_per_node < 6:
            raise ValueError("--pods-per-node must be 6 or more: three or four of them are DaemonSets' pods")
        if self.preset not in PRESETS:
            raise ValueError(f"--preset must be one of {', '.join(PRESETS)}")
        if self.policies < 0:
            raise ValueError("--policies cannot be negative")


class Group(msgspec.Struct, frozen=True):
    """A managed node group: ``role`` is system, gpu or general; nodes ``first`` up to ``first + count``."""

    number: int
    name: str
    role: str
    first: int
    count: int

    @property
    def security_group(self) -> str:
        """The id of the group that its launch template gives the nodes."""
        return f"sg-{hexed('sg', self.name)}"

    @property
    def launch_template(self) -> str:
        """The launch template's id."""
        return f"lt-{hexed('lt', self.name)}"

    @property
    def scaling_group(self) -> str:
        """The Auto Scaling group's name, as EKS makes it."""
        return f"eks-{self.name}-{uid('asg', self.name)}"

    @property
    def instance_type(self) -> str:
        """By role."""
        return {"system": "m5.12xlarge", "gpu": "p4d.24xlarge", "general": "m5.4xlarge"}[self.role]

    def subnet(self, zone: int) -> str:
        """The id of its subnet in a zone, by the zone's number."""
        return f"subnet-{hexed('subnet', self.name, zone)}"


class App(msgspec.Struct, frozen=True):
    """A Deployment, StatefulSet or DaemonSet.

    Attributes:
        labels: of its pods.
        role: on which nodes: of node groups with this role; empty for all.
        ports: container port names and numbers.
        gpus: GPUs that one pod asks for.
    """

    kind: str
    namespace: str
    name: str
    labels: dict[str, str]
    image: str
    role: str
    ports: tuple[tuple[str, int, str], ...]
    gpus: int = 0
    host_network: bool = False

    @property
    def template_hash(self) -> str:
        """The pod-template-hash of its current revision."""
        return suffix("template", self.namespace, self.name, length=10)


def _named(name: str) -> dict[str, str]:
    return {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name}


_ECR = "602401143452.dkr.ecr.us-west-2.amazonaws.com"
_DAEMONS = (
    App("DaemonSet", "kube-system", "aws-node", {"k8s-app": "aws-node"} | _named("aws-node"),
        f"{_ECR}/amazon-k8s-cni:v1.20.4-eksbuild.2", "", (("metrics", 61678, "TCP"),), host_network=True),
    App("DaemonSet", "kube-system", "kube-proxy", {"k8s-app": "kube-proxy"},
        f"{_ECR}/eks/kube-proxy:v1.34.1-minimal-eksbuild.2", "", (), host_network=True),
    App("DaemonSet", "monitoring", "kube-prometheus-prometheus-node-exporter", _named("prometheus-node-exporter"),
        "quay.io/prometheus/node-exporter:v1.9.1", "", (("http-metrics", 9100, "TCP"),), host_network=True),
    App("DaemonSet", "kube-system", "nvidia-device-plugin", _named("nvidia-device-plugin"),
        "nvcr.io/nvidia/k8s-device-plugin:v0.17.4", "gpu", ()),
)  # fmt: skip


def _platform(name: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/component": name,
        "app.kubernetes.io/instance": "dynamo-platform",
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/name": name,
    }


_SINGLE = (
    App("StatefulSet", "dynamo", "dynamo-platform-etcd", _platform("etcd"),
        "docker.io/bitnamilegacy/etcd:3.5.18-debian-12-r5", "system", (("client", 2379, "TCP"), ("peer", 2380, "TCP"))),
    App("StatefulSet", "dynamo", "dynamo-platform-nats", _platform("nats"),
        "docker.io/library/nats:2.10.21-alpine", "system", (("nats", 4222, "TCP"), ("monitor", 8222, "TCP"))),
    App("StatefulSet", "monitoring", "prometheus-kube-prometheus-prometheus",
        {"app.kubernetes.io/name": "prometheus", "app.kubernetes.io/instance": "kube-prometheus-prometheus",
         "operator.prometheus.io/name": "kube-prometheus-prometheus"},
        "quay.io/prometheus/prometheus:v3.5.0", "system", (("http-web", 9090, "TCP"),)),
    App("Deployment", "kube-system", "coredns", {"k8s-app": "kube-dns", "eks.amazonaws.com/component": "coredns"},
        f"{_ECR}/eks/coredns:v1.12.4-eksbuild.1", "system",
        (("dns", 53, "UDP"), ("dns-tcp", 53, "TCP"), ("metrics", 9153, "TCP"))),
    App("Deployment", "dynamo", "dynamo-platform-dynamo-operator-controller-manager",
        _named("dynamo-platform-dynamo-operator-controller-manager"),
        "nvcr.io/nvidia/ai-dynamo/kubernetes-operator:1.1.0", "system", (("http", 9443, "TCP"),)),
)  # fmt: skip
_REPLICAS = {"coredns": 2}


class Plan:
    """What a synthetic cluster of a size holds.

    Attributes:
        size: what was asked for.
        groups: node groups in order of their nodes.
        apps: all workloads; pods name them by position.
        owner: per pod (node by node), the position of its workload.
        ordinal: per pod, how many pods of the same workload stand before it.
    """

    def __init__(self, size: Size) -> None:
        self.size = size
        self.groups = tuple(_groups(size))
        self.apps = (*_DAEMONS, *_SINGLE, *_workers(size), *_general(size))
        self.owner, self.ordinal = self._fill()

    def _fill(self) -> tuple[array[int], array[int]]:
        size = self.size
        owner, ordinal = array("L"), array("L")
        counts = [0] * len(self.apps)
        first = len(_DAEMONS)
        waiting = [first + i for i, app in enumerate(_SINGLE) for _ in range(_REPLICAS.get(app.name, 1))]
        workers = [i for i, app in enumerate(self.apps) if app.gpus]
        others = [i for i, app in enumerate(self.apps) if app.role == "general"]
        turn = 0
        for group in self.groups:
            daemons = [i for i in range(DAEMONS + 1) if _DAEMONS[i].role in ("", group.role)]
            for node in range(group.first, group.first + group.count):
                for slot in range(size.pods_per_node):
                    if slot < len(daemons):
                        mine = daemons[slot]
                    elif group.role == "system" and waiting:
                        mine = waiting.pop(0)
                    elif group.role == "gpu" and slot < len(daemons) + GPUS_PER_NODE // 2:
                        mine = workers[(node + slot) % len(workers)]
                    else:
                        mine = others[turn % len(others)]
                        turn += 1
                    owner.append(mine)
                    ordinal.append(counts[mine])
                    counts[mine] += 1
        if waiting:
            raise ValueError("the system group is too small: more --nodes, fewer --groups or more --pods-per-node")
        self.replicas = tuple(counts)
        return owner, ordinal

    @property
    def pods(self) -> int:
        """How many pods there are."""
        return len(self.owner)

    @cached_property
    def members(self) -> dict[int, array[int]]:
        """Pod positions by workload."""
        found: dict[int, array[int]] = {}
        for pod, app in enumerate(self.owner):
            found.setdefault(app, array("L")).append(pod)
        return found

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """All namespaces, sorted."""
        return tuple(sorted({app.namespace for app in self.apps} | {"default", "kube-public", "kube-node-lease"}))

    @cached_property
    def group_of(self) -> array[int]:
        """The group's number by node."""
        return array("L", [group.number for group in self.groups for _ in range(group.count)])

    @cached_property
    def subnet_bits(self) -> int:
        """Host bits of each subnet: 14 (a /18), or as many as its nodes and pods need."""
        most = max(group.count for group in self.groups) // len(ZONES) + 1
        needed = (most * (self.size.pods_per_node + 1) + 16).bit_length()
        return max(14, needed)

    def base(self, group: int, zone: int) -> int:
        """The first address of a subnet, as a number; subnets lie side by side from 10.0.0.0."""
        return (10 << 24) + ((group * len(ZONES) + zone) << self.subnet_bits)

    def vpc_blocks(self) -> Iterator[str]:
        """The VPC's /16 blocks, enough for all subnets."""
        end = self.base(len(self.groups), 0)
        for start in range(10 << 24, end, 1 << 16):
            yield f"{dotted(start)}/16"

    def zone(self, node: int) -> int:
        """The number of a node's zone."""
        return node % len(ZONES)

    def node_address(self, node: int) -> int:
        """A node's primary address, as a number; its pods' addresses follow it."""
        group = self.groups[self.group_of[node]]
        place = (node - group.first) // len(ZONES)
        return self.base(group.number, self.zone(node)) + 10 + place * (self.size.pods_per_node + 1)

    def node_name(self, node: int) -> str:
        """A node's name, as EKS makes it of the address."""
        return f"ip-{dotted(self.node_address(node)).replace('.', '-')}.{REGION}.compute.internal"

    def instance(self, node: int) -> str:
        """The id of a node's EC2 instance."""
        return f"i-{hexed('instance', node)}"

    def pod_name(self, pod: int) -> str:
        """A pod's name, as its controller makes it."""
        app = self.apps[self.owner[pod]]
        if app.kind == "StatefulSet":
            return f"{app.name}-{self.ordinal[pod]}"
        if app.kind == "DaemonSet":
            return f"{app.name}-{suffix('pod', pod)}"
        return f"{app.name}-{app.template_hash}-{suffix('pod', pod)}"

    def pod_address(self, pod: int) -> str:
        """A pod's address: its node's own on the host network."""
        node, slot = divmod(pod, self.size.pods_per_node)
        host = self.apps[self.owner[pod]].host_network
        return dotted(self.node_address(node) + (0 if host else slot + 1))


def dotted(address: int) -> str:
    """An IPv4 address as text."""
    return ".".join(str(address >> shift & 255) for shift in (24, 16, 8, 0))


def _groups(size: Size) -> Iterator[Group]:
    """One system group, then GPU groups and general ones in turn."""
    first = 0
    for number, count in enumerate(_counts(size)):
        role = "system" if number == 0 else ("gpu" if number % 2 else "general")
        yield Group(number, "system" if number == 0 else f"{role}-{number:02d}", role, first, count)
        first += count


def _counts(size: Size) -> list[int]:
    """Nodes of each group; skewed: as one over its position, and each at least one."""
    if size.preset != "skewed":
        return [size.nodes // size.groups + (number < size.nodes % size.groups) for number in range(size.groups)]
    free = size.nodes - size.groups
    weight = sum(1 / (number + 1) for number in range(size.groups))
    counts = [1 + int(free / (number + 1) / weight) for number in range(size.groups)]
    counts[0] += size.nodes - sum(counts)
    return counts


def _workers(size: Size) -> Iterator[App]:
    """Dynamo's decode and prefill workers, as its operator labels them."""
    for number in range(max(1, min(8, size.groups // 2))):
        for part in ("decode", "prefill"):
            graph = f"vllm-disagg-{number:02d}"
            name = f"{graph}-vllm{part}worker"
            labels = {
                "nvidia.com/dynamo-component": f"Vllm{part.title()}Worker",
                "nvidia.com/dynamo-component-type": "worker",
                "nvidia.com/dynamo-graph-deployment-name": graph,
                "nvidia.com/dynamo-namespace": f"dynamo-{graph}",
                "nvidia.com/selector": name,
            }
            image = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.1.0"
            yield App("Deployment", "dynamo", name, labels, image, "gpu", (("system", 9090, "TCP"),), gpus=2)


_WORDS = ("cart", "search", "billing", "ingest", "ranking", "session", "catalog", "mailer", "gateway", "reports")


def _general(size: Size) -> Iterator[App]:
    """Everybody else: a few hundred Deployments and StatefulSets over many namespaces; adversarial: up to 2,000."""
    most = 2000 if size.preset == "adversarial" else 400
    wanted = max(8, min(most, size.nodes * size.pods_per_node // 40))
    for number in range(wanted):
        team = number % max(2, wanted // 6)
        name = f"{_WORDS[number % len(_WORDS)]}-{number:03d}"
        kind = "StatefulSet" if number % 7 == 3 else "Deployment"
        image = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/team-{team:02d}/{name}:1.{number % 13}.{number % 5}"
        labels = _named(name) | {
            "app.kubernetes.io/part-of": f"team-{team:02d}",
            "tier": ("web", "api", "data")[number % 3],
        }
        if size.preset == "adversarial":
            labels["who"] = name
        yield App(
            kind, f"team-{team:02d}", name, labels, image, "general", (("http", 8080, "TCP"), ("metrics", 9102, "TCP"))
        )
