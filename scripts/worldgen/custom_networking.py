"""World ``custom-networking``: pods live in a second CIDR, on interfaces with a security group of their own.

The shape of AICR's own test cluster (tests/uat/aws/config.yaml): host CIDR 10.0.0.0/16, pod CIDR 100.65.0.0/16,
subnets public, system, worker and pod per zone, 3 × m7i.xlarge and 2 × p5.48xlarge. The document's recipe was run to
the letter: the three ports are open from the GPU *instances'* group to the system *instances'* group. No pod has
either group, so nothing changed: pods' interfaces have the ENIConfigs' group, which admits DNS and HTTPS from itself
and neither 2379 nor 4222 nor 9090.
"""

from __future__ import annotations

from worldgen import components as run
from worldgen.files import Files, aws, helm, kubernetes
from worldgen.gpu_cluster import GPU_TAINT, RELEASES
from worldgen.kube import Kube
from worldgen.machines import M7I_XLARGE, P5_48XLARGE
from worldgen.nodes import nodes as nodes_of
from worldgen.spec import Group, Rule, Spec, SubnetSpec, boxes

ZONES = "abc"

CUSTOM_NETWORKING = Spec(
    name="custom-networking",
    cluster="aicr-uat",
    region="us-east-1",
    version="1.35",
    cidrs=("10.0.0.0/16", "100.65.0.0/16"),
    zones=ZONES,
    subnets=(
        *(SubnetSpec(f"system-{letter}", f"10.0.{16 * i}.0/22") for i, letter in enumerate(ZONES)),
        *(SubnetSpec(f"worker-{letter}", f"10.0.{64 + 16 * i}.0/20") for i, letter in enumerate(ZONES)),
        *(SubnetSpec(f"pod-{letter}", f"100.65.{64 * i}.0/18") for i, letter in enumerate(ZONES)),
        *(SubnetSpec(f"public-{letter}", f"10.0.{240 + i}.0/24", public=True) for i, letter in enumerate(ZONES)),
    ),
    groups=(
        Group("system", "system-worker", M7I_XLARGE, (3, 3, 6), "abc", ("system-a", "system-b", "system-c")),
        Group("gpu", "gpu-worker", P5_48XLARGE, (2, 2, 2), "bb", ("worker-b",), GPU_TAINT),
    ),
    security_groups={
        "cluster": "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes",
        "system": "system nodes",
        "gpu": "GPU nodes",
        "pods": "pod interfaces (ENIConfig)",
    },
    rules=(
        Rule("cluster", "cluster"),
        *(
            Rule("cluster", name, "tcp", 443, description="kubelets and pods to API server")
            for name in ("system", "gpu", "pods")
        ),
        Rule("cluster", "0.0.0.0/0", egress=True),
        *(
            rule
            for name in ("system", "gpu")
            for rule in (
                Rule(name, name, description="node to node"),
                Rule(name, "cluster", "tcp", 443, description="API server to webhooks"),
                Rule(name, "cluster", "tcp", 10250, description="API server to kubelet"),
                Rule(name, "pods", "tcp", 9100, description="node-exporter"),
                Rule(name, "pods", "tcp", 10250, description="kubelet metrics"),
                Rule(name, "0.0.0.0/0", egress=True),
            )
        ),
        Rule("system", "gpu", "tcp", 2379, description="etcd, AICR prerequisites"),
        Rule("system", "gpu", "tcp", 4222, description="NATS, AICR prerequisites"),
        Rule("system", "gpu", "tcp", 9090, description="Prometheus, AICR prerequisites"),
        Rule("pods", "pods", "udp", 53, description="CoreDNS"),
        Rule("pods", "pods", "tcp", 53, description="CoreDNS"),
        Rule("pods", "pods", "tcp", 443, description="HTTPS services"),
        Rule("pods", "system", description="kubelet probes"),
        Rule("pods", "gpu", description="kubelet probes"),
        Rule("pods", "cluster", "tcp", 443, description="API server to webhooks"),
        Rule("pods", "cluster", "tcp", 9443, description="API server to webhooks"),
        Rule("pods", "0.0.0.0/0", egress=True),
    ),
    control_plane=("system-a", "system-b", "system-c"),
)


def custom_networking() -> Files:
    """World ``custom-networking``."""
    spec = CUSTOM_NETWORKING
    nodes = boxes(spec)
    kube = Kube(spec, nodes, pod_subnets=True)
    for name in ("default", "dynamo", "kube-system", "monitoring", "nvidia-device-plugin"):
        kube.add("Namespace", "", name, labels={"kubernetes.io/metadata.name": name})
    env = {
        "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "true",
        "ENI_CONFIG_LABEL_DEF": "topology.kubernetes.io/zone",
    }
    run.everywhere(kube, list(nodes), cni_env=env)
    for letter in ZONES:
        body = {"securityGroups": [spec.group_id("pods")], "subnet": spec.subnet_id(f"pod-{letter}")}
        kube.add("ENIConfig", "", spec.zone(letter), spec=body)
    on, gpu = kube.on, kube.on("gpu")
    run.dynamo_platform(kube, etcd=on("system", 0), nats=on("system", 1), cpu="500m", memory="1024Mi")
    run.device_plugin(kube, gpu, ("gpu-worker",), cpu="50m", memory="128Mi")
    run.dynamo_graph(
        kube, workers=[*gpu, *gpu], frontend=on("system", 1), worker=("8", "64Gi"), front=("500m", "1024Mi")
    )
    run.coredns(kube, on("system", 0, 2), cpu="100m", memory="70Mi")
    image = "registry.k8s.io/metrics-server/metrics-server:v0.8.0"
    run.simple(
        kube,
        "kube-system",
        "metrics-server",
        image,
        on("system", 1, 2),
        cpu="100m",
        memory="200Mi",
        port=10251,
        service_port=443,
    )
    run.prometheus(kube, on("system", 2), cpu="450m", memory="1984Mi", name_label=False)
    kube.api_server()
    kube.definitions()
    kube.accounts()
    kube.storage()
    kube.priorities()
    discovered = {
        "nvidia.com/gpu.count": "8",
        "nvidia.com/gpu.present": "true",
        "nvidia.com/gpu.product": "NVIDIA-H100",
    }
    nodes_of(kube, {"gpu": discovered})
    releases = [
        {**item, "chart": "kube-prometheus-stack-82.4.0"} if item["namespace"] == "monitoring" else item
        for item in RELEASES
    ]
    return kubernetes(kube) | helm(releases) | aws(spec, nodes, pod_subnets=True, cni_env=env)
