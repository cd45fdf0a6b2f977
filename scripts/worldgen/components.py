"""What runs in the clusters: EKS add-ons, kube-prometheus-stack, the Dynamo platform, and customers' pods.

Labels, ports and Service names are those of the charts: bitnami etcd and nats under dynamo-platform,
kube-prometheus-stack with ``fullnameOverride: kube-prometheus``.
"""

from __future__ import annotations

from typing import Any

from worldgen.kube import Kube, container, pod_spec
from worldgen.spec import Box

Raw = dict[str, Any]
SYSTEM = {"nodeGroup": "system-worker"}
GPU_TOLERATION = {"key": "nvidia.com/gpu", "operator": "Exists"}
EVERYTHING = [{"operator": "Exists"}]
DYNAMO = "dynamo"
MONITORING = "monitoring"


def everywhere(kube: Kube, at: list[Box], *, cni_env: dict[str, str] | None = None) -> None:
    """The DaemonSets of every node."""
    registry = f"602401143452.dkr.ecr.{kube.spec.region}.amazonaws.com"
    cni = {
        "AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG": "false",
        "AWS_VPC_K8S_CNI_EXTERNALSNAT": "false",
        "AWS_VPC_K8S_CNI_RANDOMIZESNAT": "prng",
        "CLUSTER_NAME": kube.spec.cluster,
        "ENABLE_POD_ENI": "false",
        "ENABLE_PREFIX_DELEGATION": "false",
        "ENABLE_SUBNET_DISCOVERY": "true",
        "MINIMUM_IP_TARGET": "8",
        "NETWORK_POLICY_ENFORCING_MODE": "standard",
        "VPC_ID": kube.spec.vpc_id,
        "WARM_IP_TARGET": "2",
        **(cni_env or {}),
    }
    init = container("aws-vpc-cni-init", f"{registry}/amazon-k8s-cni-init:v1.20.4-eksbuild.2", cpu="25m")
    node = container(
        "aws-node", f"{registry}/amazon-k8s-cni:v1.20.4-eksbuild.2", cpu="25m", ports={"metrics": 61678}, env=cni
    )
    agent = container(
        "aws-eks-nodeagent",
        f"{registry}/amazon/aws-network-policy-agent:v1.2.7-eksbuild.1",
        cpu="25m",
        args=(
            "--enable-ipv6=false",
            "--enable-network-policy=false",
            "--enable-cloudwatch-logs=false",
        ),
        ports={"agentmetrics": 8162},
    )
    kube.daemon_set(
        "kube-system",
        "aws-node",
        {"app.kubernetes.io/instance": "aws-vpc-cni", "app.kubernetes.io/name": "aws-node", "k8s-app": "aws-node"},
        pod_spec(
            node,
            agent,
            account="aws-node",
            hostNetwork=True,
            initContainers=[init],
            tolerations=EVERYTHING,
            priorityClassName="system-node-critical",
        ),
        at,
    )
    kube.daemon_set(
        "kube-system",
        "kube-proxy",
        {"k8s-app": "kube-proxy"},
        pod_spec(
            container("kube-proxy", f"{registry}/eks/kube-proxy:v{kube.spec.version}.1-minimal-eksbuild.2", cpu="100m"),
            account="kube-proxy",
            hostNetwork=True,
            tolerations=EVERYTHING,
            priorityClassName="system-node-critical",
        ),
        at,
    )
    kube.daemon_set(
        MONITORING,
        "kube-prometheus-prometheus-node-exporter",
        {"app.kubernetes.io/instance": "kube-prometheus-stack", "app.kubernetes.io/name": "prometheus-node-exporter"},
        pod_spec(
            container("node-exporter", "quay.io/prometheus/node-exporter:v1.9.1", ports={"http-metrics": 9100}),
            account="kube-prometheus-prometheus-node-exporter",
            hostNetwork=True,
            hostPID=True,
            tolerations=[{"effect": "NoSchedule", "operator": "Exists"}],
        ),
        at,
    )


def coredns(kube: Kube, at: list[Box], cpu: str = "250m", memory: str = "512Mi") -> None:
    """CoreDNS, which its add-on configuration pins to the system nodes."""
    labels = {"eks.amazonaws.com/component": "coredns", "k8s-app": "kube-dns"}
    registry = f"602401143452.dkr.ecr.{kube.spec.region}.amazonaws.com"
    anti = {
        "labelSelector": {"matchExpressions": [{"key": "k8s-app", "operator": "In", "values": ["kube-dns"]}]},
        "topologyKey": "kubernetes.io/hostname",
    }
    kube.deployment(
        "kube-system",
        "coredns",
        labels,
        pod_spec(
            container(
                "coredns",
                f"{registry}/eks/coredns:v1.12.4-eksbuild.1",
                cpu=cpu,
                memory=memory,
                args=("-conf", "/etc/coredns/Corefile"),
                ports={"dns": 53, "dns-tcp": 53, "metrics": 9153},
                udp=("dns",),
            ),
            account="coredns",
            dnsPolicy="Default",
            nodeSelector=SYSTEM,
            affinity={
                "podAntiAffinity": {
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": anti, "weight": 100}]
                }
            },
            tolerations=[{"key": "CriticalAddonsOnly", "operator": "Exists"}],
            priorityClassName="system-cluster-critical",
        ),
        at,
    )
    kube.service(
        "kube-system",
        "kube-dns",
        {"k8s-app": "kube-dns"},
        [
            {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 53},
            {"name": "dns-tcp", "port": 53, "targetPort": 53},
            {"name": "metrics", "port": 9153, "targetPort": 9153},
        ],
        ip=kube.spec.service_cidr.replace("0.0/16", "0.10"),
        labels={
            "eks.amazonaws.com/component": "kube-dns",
            "k8s-app": "kube-dns",
            "kubernetes.io/cluster-service": "true",
            "kubernetes.io/name": "CoreDNS",
        },
    )


def simple(
    kube: Kube,
    namespace: str,
    name: str,
    image: str,
    at: list[Box],
    *,
    cpu: str,
    memory: str,
    port: int,
    service_port: int = 0,
    selector: dict[str, str] | None = None,
    labels: dict[str, str] | None = None,
) -> None:
    """A Deployment with one container and, where it has a service port, its Service."""
    own = labels or {"app.kubernetes.io/instance": name, "app.kubernetes.io/name": name}
    kube.deployment(
        namespace,
        name,
        own,
        pod_spec(
            container(name, image, cpu=cpu, memory=memory, ports={"http": port}),
            account=name,
            nodeSelector=selector or SYSTEM,
        ),
        at,
    )
    if service_port:
        kube.service(namespace, name, own, [{"name": "http", "port": service_port, "targetPort": "http"}])


def prometheus(kube: Kube, at: list[Box], *, cpu: str, memory: str, name_label: bool) -> None:
    """Prometheus as the operator runs it.

    ``name_label``: charts before 82.x labelled the Service ``app.kubernetes.io/name=prometheus``, later ones do not.
    """
    name = "kube-prometheus-prometheus"
    labels = {
        "app.kubernetes.io/instance": name,
        "app.kubernetes.io/managed-by": "prometheus-operator",
        "app.kubernetes.io/name": "prometheus",
        "operator.prometheus.io/name": name,
        "prometheus": name,
    }
    kube.stateful_set(
        MONITORING,
        f"prometheus-{name}",
        labels,
        pod_spec(
            container(
                "prometheus", "quay.io/prometheus/prometheus:v3.5.0", cpu=cpu, memory=memory, ports={"http-web": 9090}
            ),
            container(
                "config-reloader",
                "quay.io/prometheus-operator/prometheus-config-reloader:v0.85.0",
                cpu="50m",
                memory="64Mi",
                ports={"reloader-web": 8080},
            ),
            account=name,
            nodeSelector=SYSTEM,
        ),
        at,
        service="prometheus-operated",
    )
    chart = "kube-prometheus-stack"
    service_labels = {
        "app": f"{chart}-prometheus",
        "app.kubernetes.io/instance": chart,
        "app.kubernetes.io/managed-by": "Helm",
        "app.kubernetes.io/part-of": chart,
        "release": chart,
        "self-monitor": "true",
    }
    if name_label:
        service_labels["app.kubernetes.io/name"] = "prometheus"
    selector = {"app.kubernetes.io/name": "prometheus", "operator.prometheus.io/name": name}
    web = {"name": "http-web", "port": 9090, "targetPort": 9090}
    reloader = {"name": "reloader-web", "port": 8080, "targetPort": "reloader-web"}
    kube.service(MONITORING, name, selector, [web, reloader], labels=service_labels)
    kube.service(
        MONITORING,
        "prometheus-operated",
        {"app.kubernetes.io/name": "prometheus"},
        [{"name": "http-web", "port": 9090, "targetPort": "http-web"}],
        labels={"operated-prometheus": "true"},
        headless=True,
    )


def dynamo_platform(kube: Kube, *, etcd: list[Box], nats: list[Box], cpu: str, memory: str) -> None:
    """Etcd and NATS of the chart dynamo-platform."""
    base = {"app.kubernetes.io/instance": "dynamo-platform", "app.kubernetes.io/managed-by": "Helm"}
    etcd_labels = {**base, "app.kubernetes.io/component": "etcd", "app.kubernetes.io/name": "etcd"}
    kube.stateful_set(
        DYNAMO,
        "dynamo-platform-etcd",
        etcd_labels,
        pod_spec(
            container(
                "etcd",
                "docker.io/bitnamilegacy/etcd:3.5.18-debian-12-r5",
                cpu=cpu,
                memory=memory,
                ports={"client": 2379, "peer": 2380},
            ),
            account="dynamo-platform-etcd",
            nodeSelector=SYSTEM,
        ),
        etcd,
        service="dynamo-platform-etcd-headless",
        claim=("data", "8Gi"),
    )
    client = {"name": "client", "port": 2379, "targetPort": "client"}
    peer = {"name": "peer", "port": 2380, "targetPort": "peer"}
    kube.service(DYNAMO, "dynamo-platform-etcd", etcd_labels, [client, peer])
    kube.service(DYNAMO, "dynamo-platform-etcd-headless", etcd_labels, [client, peer], headless=True)
    nats_labels = {**base, "app.kubernetes.io/component": "nats", "app.kubernetes.io/name": "nats"}
    kube.stateful_set(
        DYNAMO,
        "dynamo-platform-nats",
        nats_labels,
        pod_spec(
            container(
                "nats",
                "docker.io/library/nats:2.10.21-alpine",
                cpu=f"{int(cpu[:-1]) - 50}m",
                memory=f"{int(memory[:-2]) - 64}Mi",
                args=("--config", "/etc/nats-config/nats.conf"),
                ports={"nats": 4222, "monitor": 8222},
            ),
            container("reloader", "docker.io/natsio/nats-server-config-reloader:0.16.0", cpu="50m", memory="64Mi"),
            account="dynamo-platform-nats",
            nodeSelector=SYSTEM,
        ),
        nats,
        service="dynamo-platform-nats-headless",
        claim=("dynamo-platform-nats-js", "10Gi"),
    )
    nats_port = {"name": "nats", "port": 4222, "targetPort": "nats"}
    monitor = {"name": "monitor", "port": 8222, "targetPort": "monitor"}
    kube.service(DYNAMO, "dynamo-platform-nats", nats_labels, [nats_port])
    kube.service(DYNAMO, "dynamo-platform-nats-headless", nats_labels, [nats_port, monitor], headless=True)


def dynamo_graph(
    kube: Kube, *, workers: list[Box], frontend: list[Box], worker: tuple[str, str], front: tuple[str, str]
) -> None:
    """A DynamoGraphDeployment's Deployments: decode workers with one GPU each, and a frontend."""
    image = "nvcr.io/nvidia/ai-dynamo/vllm-runtime:1.1.0"

    def labels(component: str, kind: str) -> dict[str, str]:
        return {
            "nvidia.com/dynamo-component": component,
            "nvidia.com/dynamo-component-type": kind,
            "nvidia.com/dynamo-graph-deployment-name": "vllm-agg",
            "nvidia.com/dynamo-namespace": f"{DYNAMO}-vllm-agg",
            "nvidia.com/selector": f"vllm-agg-{component.lower()}",
        }

    env = {
        "ETCD_ENDPOINTS": f"dynamo-platform-etcd.{DYNAMO}.svc.cluster.local:2379",
        "NATS_SERVER": f"nats://dynamo-platform-nats.{DYNAMO}.svc.cluster.local:4222",
    }
    kube.deployment(
        DYNAMO,
        "vllm-agg-vllmdecodeworker",
        labels("VllmDecodeWorker", "worker"),
        pod_spec(
            container(
                "main",
                image,
                cpu=worker[0],
                memory=worker[1],
                gpus=1,
                env=env,
                ports={"system": 9090, "nixl": 19090},
                args=("python3", "-m", "dynamo.vllm", "--model", "Qwen/Qwen3-0.6B"),
            ),
            account="vllm-agg-k8s-service-discovery",
            tolerations=[GPU_TOLERATION],
        ),
        workers,
    )
    frontend_labels = labels("Frontend", "frontend")
    kube.deployment(
        DYNAMO,
        "vllm-agg-frontend",
        frontend_labels,
        pod_spec(
            container(
                "main",
                image,
                cpu=front[0],
                memory=front[1],
                env=env,
                ports={"http": 8000},
                args=("python3", "-m", "dynamo.frontend"),
            ),
            account="vllm-agg-k8s-service-discovery",
            nodeSelector=SYSTEM,
        ),
        frontend,
    )
    kube.service(DYNAMO, "vllm-agg-frontend", frontend_labels, [{"name": "http", "port": 8000, "targetPort": "http"}])


def device_plugin(kube: Kube, at: list[Box], groups: tuple[str, ...], cpu: str = "200m", memory: str = "256Mi") -> None:
    """NVIDIA's device plugin, on the nodes of the groups whose ``nodeGroup`` labels are given."""
    where = {"key": "nodeGroup", "operator": "In", "values": list(groups)}
    kube.daemon_set(
        "nvidia-device-plugin",
        "nvidia-device-plugin",
        {"app.kubernetes.io/instance": "nvidia-device-plugin", "app.kubernetes.io/name": "nvidia-device-plugin"},
        pod_spec(
            container("nvidia-device-plugin-ctr", "nvcr.io/nvidia/k8s-device-plugin:v0.17.4", cpu=cpu, memory=memory),
            tolerations=[{"effect": "NoSchedule", **GPU_TOLERATION}],
            priorityClassName="system-node-critical",
            affinity={
                "nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {
                        "nodeSelectorTerms": [{"matchExpressions": [where]}]
                    }
                }
            },
        ),
        at,
    )
