"""What runs in world ``asya``: KEDA, the Cluster Autoscaler, Asya's operator, gateway, crew and one actor on a GPU.

Names, labels and ports are those of the charts: kedacore/keda, autoscaler/cluster-autoscaler, asya-operator,
asya-gateway. Everything in ``asya-prod`` is set up so that the Pod Security Standard "restricted" admits it.
"""

from __future__ import annotations

import json
from typing import Any

from worldgen import components as run
from worldgen.asya_iam import ACTORS, BUCKET, NAMESPACE
from worldgen.kube import Kube, container, pod_spec
from worldgen.spec import Box

Raw = dict[str, Any]
KEDA, KEDA_CHART = "2.17.2", "keda-2.17.2"
AUTOSCALER_CHART = "cluster-autoscaler-9.50.1"
ASYA = "0.2.0"
QUEUE_TIMEOUT = 600
"""Seconds: what the operator sets as every queue's visibility timeout; actors may compute for 300."""


def secured(raw: Raw) -> Raw:
    """A container as "restricted" wants it."""
    raw["securityContext"] = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return raw


def system(kube: Kube) -> None:
    """What every cluster has, and the Cluster Autoscaler."""
    nodes = kube.on("system")
    run.everywhere(kube, list(kube.boxes))
    run.coredns(kube, nodes, cpu="100m", memory="70Mi")
    labels = {
        "app.kubernetes.io/name": "eks-pod-identity-agent",
        "app.kubernetes.io/instance": "eks-pod-identity-agent",
    }
    agent = container(
        "eks-pod-identity-agent",
        f"602401143452.dkr.ecr.{kube.spec.region}.amazonaws.com/eks/eks-pod-identity-agent:v0.1.33",
        ports={"proxy": 80, "probes-port": 2703},
        args=("--port", "80", "--cluster-name", kube.spec.cluster, "--probe-port", "2703"),
    )
    kube.daemon_set(
        "kube-system",
        "eks-pod-identity-agent",
        labels,
        pod_spec(agent, account="default", hostNetwork=True, tolerations=run.EVERYTHING),
        list(kube.boxes),
    )
    plugin = container("nvidia-device-plugin-ctr", "nvcr.io/nvidia/k8s-device-plugin:v0.17.0")
    kube.daemon_set(
        "kube-system",
        "nvidia-device-plugin-daemonset",
        {"name": "nvidia-device-plugin-ds"},
        pod_spec(
            plugin,
            tolerations=[{"effect": "NoSchedule", **run.GPU_TOLERATION}],
            nodeSelector={"workload": "gpu"},
            priorityClassName="system-node-critical",
        ),
        kube.on("gpu"),
    )
    tags = ("k8s.io/cluster-autoscaler/enabled", f"k8s.io/cluster-autoscaler/{kube.spec.cluster}")
    autoscaler = container(
        "aws-cluster-autoscaler",
        "registry.k8s.io/autoscaling/cluster-autoscaler:v1.34.1",
        cpu="100m",
        memory="300Mi",
        ports={"http": 8085},
        args=(
            "--cloud-provider=aws",
            "--namespace=kube-system",
            f"--node-group-auto-discovery=asg:tag={','.join(tags)}",
            "--logtostderr=true",
        ),
        env={"AWS_REGION": kube.spec.region},
    )
    autoscaler["command"] = ["./cluster-autoscaler"]
    named = {"app.kubernetes.io/instance": "cluster-autoscaler", "app.kubernetes.io/name": "aws-cluster-autoscaler"}
    kube.deployment(
        "kube-system",
        "cluster-autoscaler-aws-cluster-autoscaler",
        named,
        pod_spec(secured(autoscaler), account="cluster-autoscaler", nodeSelector=run.SYSTEM),
        nodes[:1],
    )


def keda(kube: Kube) -> None:
    """KEDA's three Deployments and the API that they serve."""
    nodes = kube.on("system")
    for name, account, image, port in (
        ("keda-operator", "keda-operator", "keda", 9666),
        ("keda-operator-metrics-apiserver", "keda-metrics-server", "keda-metrics-apiserver", 6443),
        ("keda-admission-webhooks", "keda-webhook", "keda-admission-webhooks", 9443),
    ):
        labels = {"app": name, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": "keda-operator"}
        one = container(name, f"ghcr.io/kedacore/{image}:{KEDA}", cpu="100m", memory="100Mi", ports={"https": port})
        kube.deployment(
            "keda", name, labels, pod_spec(secured(one), account=account, nodeSelector=run.SYSTEM), nodes[1:]
        )
        kube.service("keda", name, {"app": name}, [{"name": "https", "port": 443, "targetPort": "https"}])
    for deployment in kube.objects["Deployment"]:
        if deployment["metadata"]["namespace"] == "keda":
            deployment["metadata"]["labels"] = {**deployment["metadata"]["labels"], "helm.sh/chart": KEDA_CHART}
    kube.add(
        "APIService",
        "",
        "v1beta1.external.metrics.k8s.io",
        spec={
            "group": "external.metrics.k8s.io",
            "version": "v1beta1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"name": "keda-operator-metrics-apiserver", "namespace": "keda", "port": 443},
        },
    )["status"] = {"conditions": [{"type": "Available", "status": "True", "reason": "Passed"}]}


def transports(kube: Kube) -> str:
    """The operator's ``ASYA_TRANSPORT_CONFIG``."""
    config = {
        "region": kube.spec.region,
        "accountId": kube.spec.account,
        "actorRoleArn": f"arn:aws:iam::{kube.spec.account}:role/asya-actor",
        "visibilityTimeout": QUEUE_TIMEOUT,
        "waitTimeSeconds": 20,
        "queues": {
            "autoCreate": True,
            "dlq": {"enabled": True, "maxRetryCount": 3, "retentionDays": 14},
        },
    }
    return json.dumps({"transports": {"sqs": {"type": "sqs", "enabled": True, "config": config}}}, sort_keys=True)


def asya(kube: Kube) -> None:
    """Operator, gateway with its database, crew and the actor ``llm``, which naps."""
    nodes = kube.on("system")
    operator = container(
        "manager",
        f"ghcr.io/deliveryhero/asya-operator:{ASYA}",
        cpu="100m",
        memory="128Mi",
        ports={"metrics": 8080, "health": 8081},
        env={"ASYA_TRANSPORT_CONFIG": transports(kube)},
    )
    kube.deployment(
        "asya-system",
        "asya-operator",
        {"app.kubernetes.io/instance": "asya-operator", "app.kubernetes.io/name": "asya-operator"},
        pod_spec(secured(operator), account="asya-operator", nodeSelector=run.SYSTEM),
        nodes[:1],
    )
    postgres = {"app.kubernetes.io/name": "postgres"}
    kube.deployment(
        NAMESPACE,
        "postgres",
        postgres,
        pod_spec(
            secured(
                container(
                    "postgres", "docker.io/library/postgres:15-alpine", cpu="100m", memory="128Mi", ports={"pg": 5432}
                )
            ),
            nodeSelector=run.SYSTEM,
        ),
        nodes[:1],
    )
    kube.service(NAMESPACE, "postgres", postgres, [{"name": "pg", "port": 5432, "targetPort": "pg"}])
    gateway = {"app.kubernetes.io/instance": "asya-gateway", "app.kubernetes.io/name": "asya-gateway"}
    kube.deployment(
        NAMESPACE,
        "asya-gateway",
        gateway,
        pod_spec(
            secured(
                container(
                    "asya-gateway",
                    f"ghcr.io/deliveryhero/asya-gateway:{ASYA}",
                    cpu="100m",
                    memory="128Mi",
                    ports={"http": 8080},
                    env={"ASYA_NAMESPACE": NAMESPACE, "ASYA_QUEUE_PREFIX": "asya"},
                )
            ),
            account="asya-gateway",
            nodeSelector=run.SYSTEM,
        ),
        nodes[1:],
    )
    kube.service(NAMESPACE, "asya-gateway", gateway, [{"name": "http", "port": 80, "targetPort": "http"}])
    for name in ACTORS:
        _actor(kube, name, nodes[:1] if name != "llm" else [])
    _policies(kube)


def _actor(kube: Kube, name: str, at: list[Box]) -> None:
    crew = name != "llm"
    sidecar = container(
        "asya-sidecar",
        f"ghcr.io/deliveryhero/asya-sidecar:{ASYA}",
        cpu="50m",
        memory="64Mi",
        ports={"metrics": 8080},
        env={
            "ASYA_ACTOR_NAME": name,
            "ASYA_TRANSPORT": "sqs",
            "ASYA_AWS_REGION": kube.spec.region,
            "ASYA_SQS_WAIT_TIME_SECONDS": "20",
            "ASYA_GATEWAY_URL": f"http://asya-gateway.{NAMESPACE}.svc.cluster.local",
        },
    )
    image = f"ghcr.io/deliveryhero/asya-crew:{ASYA}" if crew else "registry.example.com/llm:1.4.2"
    more = {"ASYA_S3_BUCKET": BUCKET} if crew else {}
    runtime = container("asya-runtime", image, cpu="100m", memory="256Mi", gpus=0 if crew else 1, env=more)
    labels = {"asya.sh/actor": name, "asya.sh/asya": name, "app.kubernetes.io/managed-by": "asya-operator"}
    where: Raw = (
        {"nodeSelector": run.SYSTEM}
        if crew
        else {
            "nodeSelector": {"workload": "gpu"},
            "tolerations": [{"effect": "NoSchedule", **run.GPU_TOLERATION}],
        }
    )
    volumes = [
        {"name": "socket-dir", "emptyDir": {}},
        {"name": "asya-runtime", "configMap": {"name": "asya-runtime"}},
    ]
    spec = pod_spec(secured(sidecar), secured(runtime), account=f"asya-{name}", volumes=volumes, **where)
    kube.deployment(NAMESPACE, name, labels, spec, at)
    container_spec = {key: value for key, value in runtime.items() if key != "securityContext"}
    asked = {"enabled": True, "minReplicas": 1 if crew else 0, "maxReplicas": 10, "queueLength": 5}
    actor = kube.add(
        "AsyncActor",
        NAMESPACE,
        name,
        labels={"asya.sh/actor": name},
        spec={
            "transport": "sqs",
            "timeout": {"processing": 300, "gracefulShutdown": 30},
            "scaling": asked,
            "workload": {"kind": "Deployment", "template": {"spec": {"containers": [container_spec], **where}}},
        },
    )
    actor["status"] = {
        "status": "Running" if crew else "Napping",
        "conditions": [
            {"type": kind, "status": "True", "reason": "Ready"}
            for kind in ("TransportReady", "WorkloadReady", "ScalingReady")
        ],
    }
    trigger = {
        "type": "aws-sqs-queue",
        "metadata": {
            "queueURL": f"https://sqs.{kube.spec.region}.amazonaws.com/{kube.spec.account}/asya-{name}",
            "queueLength": "5",
            "awsRegion": kube.spec.region,
            "identityOwner": "operator",
        },
    }
    scaled = kube.add(
        "ScaledObject",
        NAMESPACE,
        name,
        labels={"asya.sh/actor": name},
        owner=("AsyncActor", actor),
        spec={
            "scaleTargetRef": {"kind": "Deployment", "name": name},
            "minReplicaCount": asked["minReplicas"],
            "maxReplicaCount": asked["maxReplicas"],
            "pollingInterval": 10,
            "cooldownPeriod": 60,
            "triggers": [trigger],
        },
    )
    scaled["status"] = {
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "ScaledObjectReady"},
            {"type": "Active", "status": "False", "reason": "ScalerNotActive"},
        ]
    }
    kube.add(
        "HorizontalPodAutoscaler",
        NAMESPACE,
        f"keda-hpa-{name}",
        owner=("ScaledObject", scaled),
        spec={
            "minReplicas": 1,
            "maxReplicas": 10,
            "metrics": [
                {
                    "type": "External",
                    "external": {
                        "metric": {"name": f"s0-aws-sqs-asya-{name}"},
                        "target": {"type": "AverageValue", "averageValue": "5"},
                    },
                }
            ],
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        },
    )


def _policies(kube: Kube) -> None:
    """What an actor may send: names, AWS's APIs, the Pod Identity agent, the gateway; not the metadata service."""

    def block(cidr: str, ports: list[Raw], *without: str) -> Raw:
        return {"to": [{"ipBlock": {"cidr": cidr, **({"except": list(without)} if without else {})}}], "ports": ports}

    dns = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}
    kube.add(
        "NetworkPolicy",
        NAMESPACE,
        "actors-egress",
        spec={
            "podSelector": {"matchExpressions": [{"key": "asya.sh/actor", "operator": "Exists"}]},
            "policyTypes": ["Egress"],
            "egress": [
                {
                    "to": [{**dns, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}],
                    "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
                },
                block("0.0.0.0/0", [{"protocol": "TCP", "port": 443}], "169.254.169.254/32"),
                block("169.254.170.23/32", [{"protocol": "TCP", "port": 80}]),
                {
                    "to": [{"podSelector": {"matchLabels": {"app.kubernetes.io/name": "asya-gateway"}}}],
                    "ports": [{"protocol": "TCP", "port": 80}, {"protocol": "TCP", "port": 8080}],
                },
            ],
        },
    )
