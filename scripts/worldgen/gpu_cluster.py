"""World ``demo``: a GPU cluster with three node groups in three security groups; and the base of its variants.

Every node offers the same and holds pods that request the same (150m are the DaemonSets', 1000m and 2 GiB the rest),
so the scheduler's scores of a pod without preferences are equal on all twelve: a tie.
"""

from __future__ import annotations

from worldgen import components as run
from worldgen.files import Files, aws, helm, kubernetes
from worldgen.kube import Kube, container, pod_spec
from worldgen.machines import G5_12XLARGE, M5_12XLARGE
from worldgen.nodes import nodes as nodes_of
from worldgen.spec import Group, Rule, Spec, SubnetSpec, boxes

ZONES = "abc"
GPU_TAINT = (("nvidia.com/gpu", "present", "NoSchedule"),)


def subnets_of(group: str) -> tuple[str, ...]:
    """Names of a group's subnets, one per zone."""
    return tuple(f"{group}-{letter}" for letter in ZONES)


def node_rules(group: str) -> tuple[Rule, ...]:
    """What every node's security group admits: itself, the control plane, and all egress."""
    return (
        Rule(group, group, description="node to node"),
        Rule(group, "cluster", "tcp", 443, description="API server to webhooks"),
        Rule(group, "cluster", "tcp", 9443, description="API server to webhooks"),
        Rule(group, "cluster", "tcp", 10250, description="API server to kubelet"),
        Rule(group, "0.0.0.0/0", egress=True),
    )


def guest_rules(group: str) -> tuple[Rule, ...]:
    """What a group of nodes beside the system group is given: DNS, HTTPS and the API server; metrics for Prometheus."""
    return (
        Rule("cluster", group, "tcp", 443, description="kubelets and pods to API server"),
        Rule("system", group, "udp", 53, description="CoreDNS"),
        Rule("system", group, "tcp", 53, description="CoreDNS"),
        Rule("system", group, "tcp", 443, description="HTTPS services on system nodes"),
        Rule(group, "system", "tcp", 9100, description="node-exporter"),
        Rule(group, "system", "tcp", 10250, description="kubelet metrics"),
    )


CLUSTER_RULES = (
    Rule("cluster", "cluster"),
    Rule("cluster", "system", "tcp", 443, description="kubelets and pods to API server"),
    Rule("cluster", "0.0.0.0/0", egress=True),
)

DEMO = Spec(
    name="demo",
    cluster="demo-gpu",
    region="us-west-2",
    version="1.34",
    cidrs=("10.0.0.0/16",),
    zones=ZONES,
    subnets=(
        *(SubnetSpec(f"system-{letter}", f"10.0.{4 * i}.0/22") for i, letter in enumerate(ZONES)),
        *(SubnetSpec(f"gpu-{letter}", f"10.0.{16 + 4 * i}.0/22") for i, letter in enumerate(ZONES)),
        *(SubnetSpec(f"customer-{letter}", f"10.0.{32 + 4 * i}.0/22") for i, letter in enumerate(ZONES)),
        *(SubnetSpec(f"public-{letter}", f"10.0.{240 + i}.0/24", public=True) for i, letter in enumerate(ZONES)),
    ),
    groups=(
        Group("system", "system-worker", M5_12XLARGE, (6, 6, 8), "abcabc", subnets_of("system")),
        Group("gpu", "gpu-worker", G5_12XLARGE, (3, 3, 6), "abc", subnets_of("gpu"), GPU_TAINT),
        Group("customer", "customer-worker", M5_12XLARGE, (0, 3, 6), "abc", subnets_of("customer")),
    ),
    security_groups={
        "cluster": "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes",
        "system": "system nodes",
        "gpu": "GPU nodes",
        "customer": "customer nodes",
    },
    rules=(
        *CLUSTER_RULES,
        *node_rules("system"),
        *node_rules("gpu"),
        *node_rules("customer"),
        *guest_rules("gpu"),
        *guest_rules("customer"),
    ),
    control_plane=("system-a", "system-b"),
)


def build(spec: Spec, plugin_groups: tuple[str, ...] = ("gpu-worker",)) -> Files:
    """All files of a cluster of this shape."""
    nodes = boxes(spec)
    kube = Kube(spec, nodes, pod_subnets=False)
    for name in ("customer", "default", "dynamo", "kube-system", "monitoring", "nvidia-device-plugin"):
        kube.add("Namespace", "", name, labels={"kubernetes.io/metadata.name": name})
    run.everywhere(kube, list(nodes))
    _system(kube)
    _gpu(kube, plugin_groups)
    _customer(kube)
    run.coredns(kube, kube.on("system", 3, 4))
    run.prometheus(kube, kube.on("system", 2), cpu="950m", memory="1984Mi", name_label=True)
    kube.api_server()
    kube.definitions()
    kube.accounts()
    kube.storage()
    kube.priorities()
    discovered = {
        "nvidia.com/gpu.count": "4",
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": "NVIDIA-A10G",
    }
    nodes_of(kube, {"gpu": discovered})
    return kubernetes(kube) | helm(RELEASES) | aws(spec, nodes, pod_subnets=False)


RELEASES = [
    {"name": "dynamo-platform", "namespace": "dynamo", "chart": "dynamo-platform-1.1.0", "app_version": "1.1.0"},
    {
        "name": "kube-prometheus-stack",
        "namespace": "monitoring",
        "chart": "kube-prometheus-stack-77.14.0",
        "app_version": "v0.85.0",
    },
    {
        "name": "nvidia-device-plugin",
        "namespace": "nvidia-device-plugin",
        "chart": "nvidia-device-plugin-0.17.4",
        "app_version": "0.17.4",
    },
]


def _system(kube: Kube) -> None:
    """Node by node: etcd and the operator; NATS and the frontend; (Prometheus); CoreDNS and small ones."""
    on = kube.on
    run.dynamo_platform(kube, etcd=on("system", 0), nats=on("system", 1), cpu="500m", memory="1024Mi")
    image = "nvcr.io/nvidia/ai-dynamo/kubernetes-operator:1.1.0"
    name = "dynamo-platform-dynamo-operator-controller-manager"
    run.simple(kube, run.DYNAMO, name, image, on("system", 0), cpu="500m", memory="1024Mi", port=9443)
    image = "registry.k8s.io/metrics-server/metrics-server:v0.8.0"
    run.simple(
        kube,
        "kube-system",
        "metrics-server",
        image,
        on("system", 3, 4),
        cpu="250m",
        memory="512Mi",
        port=10251,
        service_port=443,
    )
    image = "registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.1"
    run.simple(
        kube, "kube-system", "cluster-autoscaler", image, on("system", 3), cpu="500m", memory="1024Mi", port=8085
    )
    image = "quay.io/prometheus-operator/prometheus-operator:v0.85.0"
    name = "kube-prometheus-operator"
    run.simple(
        kube, run.MONITORING, name, image, on("system", 4), cpu="500m", memory="1024Mi", port=10250, service_port=443
    )
    image = "docker.io/grafana/grafana:12.1.1"
    run.simple(
        kube,
        run.MONITORING,
        "kube-prometheus-stack-grafana",
        image,
        on("system", 5),
        cpu="500m",
        memory="1024Mi",
        port=3000,
        service_port=80,
    )
    image = "registry.k8s.io/kube-state-metrics/kube-state-metrics:v2.16.0"
    run.simple(
        kube,
        run.MONITORING,
        "kube-prometheus-stack-kube-state-metrics",
        image,
        on("system", 5),
        cpu="500m",
        memory="1024Mi",
        port=8080,
        service_port=8080,
    )


def _gpu(kube: Kube, plugin_groups: tuple[str, ...]) -> None:
    """On each GPU node the device plugin and two workers, which together request what the others' pods do."""
    gpu = kube.on("gpu")
    run.device_plugin(kube, gpu, plugin_groups)
    run.dynamo_graph(
        kube, workers=[*gpu, *gpu], frontend=kube.on("system", 1), worker=("400m", "896Mi"), front=("500m", "1024Mi")
    )


def _customer(kube: Kube) -> None:
    """Two replicas on each customer node."""
    nodes = kube.on("customer")
    labels = {"app.kubernetes.io/name": "storefront"}
    kube.deployment(
        "customer",
        "storefront",
        labels,
        pod_spec(
            container(
                "web", "registry.k8s.io/e2e-test-images/agnhost:2.53", cpu="500m", memory="1024Mi", ports={"http": 8080}
            ),
            nodeSelector={"nodeGroup": "customer-worker"},
        ),
        [*nodes, *nodes],
    )
    kube.service("customer", "storefront", labels, [{"name": "http", "port": 80, "targetPort": "http"}])


def demo() -> Files:
    """World ``demo``."""
    return build(DEMO)
