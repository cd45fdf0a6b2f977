"""Pods and nodes as ``kubectl get -o json`` prints them, without managedFields: some 4 KB and 10 KB of JSON each.

One pod template's text is made once; each pod fills in its own names, addresses and ids.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import msgspec

from benchmarks.synthetic.plan import CREATED, REGION, TIME, ZONES, App, Plan, dotted, hexed, uid

Raw = dict[str, Any]

_GENERAL_TOLERATIONS = [
    {"effect": "NoSchedule", "key": "nvidia.com/gpu", "operator": "Exists"},
    {"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300},
    {"effect": "NoExecute", "key": "node.kubernetes.io/unreachable", "operator": "Exists", "tolerationSeconds": 300},
]


def pod_spec(plan: Plan, app: App) -> Raw:
    """The pod template's spec of a workload."""
    containers = [_main(app)]
    if app.name == "aws-node":
        containers.append(_agent(plan))
    elif app.labels.get("tier") == "web":
        containers.append(_shipper(app))
    spec: Raw = {
        "containers": containers,
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {"fsGroup": 2000, "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        "serviceAccount": app.name,
        "serviceAccountName": app.name,
        "terminationGracePeriodSeconds": 30,
        "tolerations": [{"operator": "Exists"}] if app.kind == "DaemonSet" else _GENERAL_TOLERATIONS,
        "volumes": _volumes(app),
    }
    if app.host_network:
        spec["hostNetwork"] = True
    if app.role in ("system", "gpu"):
        spec["nodeSelector"] = {"nodeRole": app.role}
    if app.role == "general" and app.kind == "Deployment":
        spec["topologySpreadConstraints"] = [
            {
                "labelSelector": {"matchLabels": {"app.kubernetes.io/name": app.name}},
                "maxSkew": 1,
                "topologyKey": "topology.kubernetes.io/zone",
                "whenUnsatisfiable": "ScheduleAnyway",
            }
        ]
    return spec


def _main(app: App) -> Raw:
    resources: Raw = {"limits": {"memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "512Mi"}}
    if app.gpus:
        asked = {"nvidia.com/gpu": str(app.gpus)}
        resources = {"limits": {"memory": "64Gi", **asked}, "requests": {"cpu": "4", "memory": "64Gi", **asked}}
    env: list[Raw] = _CNI_ENV
    if app.name != "aws-node":
        env = [
            {"name": "POD_NAME", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "status.podIP"}}},
            {"name": "LOG_LEVEL", "value": "info"},
            {"name": "SERVICE_NAME", "value": app.name},
            {"name": "OTEL_EXPORTER_OTLP_ENDPOINT", "value": "http://otel-collector.monitoring.svc:4317"},
            {"name": "DATABASE_PASSWORD", "valueFrom": {"secretKeyRef": {"key": "password", "name": f"{app.name}-db"}}},
        ]
    probe: Raw = {"failureThreshold": 3, "periodSeconds": 10, "successThreshold": 1, "timeoutSeconds": 1}
    if app.ports:
        probe |= {"httpGet": {"path": "/healthz", "port": app.ports[0][0], "scheme": "HTTP"}}
    else:
        probe |= {"exec": {"command": ["/bin/healthy"]}}
    return {
        "args": [f"--service={app.name}", "--config=/etc/config/config.yaml"],
        "env": env,
        "image": app.image,
        "imagePullPolicy": "IfNotPresent",
        "livenessProbe": {**probe, "initialDelaySeconds": 10},
        "name": app.name if app.kind == "DaemonSet" else "main",
        "ports": [
            {"containerPort": number, "name": name, "protocol": protocol} for name, number, protocol in app.ports
        ],
        "readinessProbe": probe,
        "resources": resources,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [
            {"mountPath": "/etc/config", "name": "config", "readOnly": True},
            {"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access", "readOnly": True},
        ],
    }


_CNI_ENV: list[Raw] = [
    {"name": name, "value": value}
    for name, value in (
        ("AWS_VPC_K8S_CNI_CUSTOM_NETWORK_CFG", "false"),
        ("AWS_VPC_K8S_CNI_EXTERNALSNAT", "false"),
        ("AWS_VPC_K8S_CNI_RANDOMIZESNAT", "prng"),
        ("ENABLE_POD_ENI", "false"),
        ("ENABLE_SUBNET_DISCOVERY", "true"),
        ("WARM_IP_TARGET", "2"),
    )
]


def _agent(plan: Plan) -> Raw:
    """The VPC CNI's network policy agent: enforcing when there are policies."""
    on = str(plan.size.policies > 0).lower()
    return {
        "args": ["--enable-ipv6=false", f"--enable-network-policy={on}", "--enable-cloudwatch-logs=false"],
        "image": "602401143452.dkr.ecr.us-west-2.amazonaws.com/amazon/aws-network-policy-agent:v1.2.7-eksbuild.1",
        "name": "aws-eks-nodeagent",
        "resources": {"requests": {"cpu": "25m"}},
    }


def _shipper(app: App) -> Raw:
    return {
        "env": [{"name": "TARGET", "value": app.namespace}],
        "image": "docker.io/fluent/fluent-bit:4.0.5",
        "imagePullPolicy": "IfNotPresent",
        "name": "log-shipper",
        "resources": {"limits": {"memory": "64Mi"}, "requests": {"cpu": "10m", "memory": "32Mi"}},
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "volumeMounts": [{"mountPath": "/etc/config", "name": "config", "readOnly": True}],
    }


def _volumes(app: App) -> list[Raw]:
    token = {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token"}}
    root = {"configMap": {"items": [{"key": "ca.crt", "path": "ca.crt"}], "name": "kube-root-ca.crt"}}
    field = {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}, "path": "namespace"}
    return [
        {"configMap": {"defaultMode": 420, "name": f"{app.name}-config"}, "name": "config"},
        {
            "name": "kube-api-access",
            "projected": {"defaultMode": 420, "sources": [token, root, {"downwardAPI": {"items": [field]}}]},
        },
    ]


def owner_of(app: App) -> Raw:
    """The owner reference of a workload's pods."""
    replica_set = app.kind == "Deployment"
    name = f"{app.name}-{app.template_hash}" if replica_set else app.name
    return {
        "apiVersion": "apps/v1",
        "blockOwnerDeletion": True,
        "controller": True,
        "kind": "ReplicaSet" if replica_set else app.kind,
        "name": name,
        "uid": uid(app.namespace, name),
    }


class Pods:
    """The pods of a plan as JSON texts, one at a time."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._texts: dict[int, str] = {}

    def text(self, pod: int) -> bytes:
        """The JSON text of one pod."""
        plan = self._plan
        number = plan.owner[pod]
        if number not in self._texts:
            self._texts[number] = _template(plan, plan.apps[number])
        node = pod // plan.size.pods_per_node
        name = plan.pod_name(pod)
        values = (
            ("@NAME@", name),
            ("@UID@", uid("pod", pod)),
            ("@NODE@", plan.node_name(node)),
            ("@IP@", plan.pod_address(pod)),
            ("@HOST@", dotted(plan.node_address(node))),
            ("@ID@", hexed("container", pod, length=64)),
            ("@ORDINAL@", str(plan.ordinal[pod])),
        )
        text = self._texts[number]
        for mark, value in values:
            text = text.replace(mark, value)
        return text.encode()


def _template(plan: Plan, app: App) -> str:
    spec = pod_spec(plan, app) | {"nodeName": "@NODE@"}
    labels = dict(app.labels)
    match app.kind:
        case "Deployment":
            labels["pod-template-hash"] = app.template_hash
        case "StatefulSet":
            labels |= {"apps.kubernetes.io/pod-index": "@ORDINAL@", "statefulset.kubernetes.io/pod-name": "@NAME@"}
            labels["controller-revision-hash"] = f"{app.name}-{app.template_hash}"
            spec |= {"hostname": "@NAME@", "subdomain": f"{app.name}-headless"}
        case _:
            labels |= {"controller-revision-hash": app.template_hash, "pod-template-generation": "1"}
            term = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["@NODE@"]}]}
            required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}
            spec |= {"affinity": {"nodeAffinity": required}}
    kinds = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
    status = {
        "conditions": [
            {"lastProbeTime": None, "lastTransitionTime": CREATED, "status": "True", "type": kind} for kind in kinds
        ],
        "containerStatuses": [
            {
                "containerID": "containerd://@ID@",
                "image": container["image"],
                "imageID": f"{container['image'].partition(':')[0]}@sha256:{hexed(container['image'], length=64)}",
                "lastState": {},
                "name": container["name"],
                "ready": True,
                "restartCount": 0,
                "started": True,
                "state": {"running": {"startedAt": CREATED}},
            }
            for container in spec["containers"]
        ],
        "hostIP": "@HOST@",
        "hostIPs": [{"ip": "@HOST@"}],
        "phase": "Running",
        "podIP": "@IP@",
        "podIPs": [{"ip": "@IP@"}],
        "qosClass": "Burstable",
        "startTime": CREATED,
    }
    metadata = {
        "annotations": {"kubectl.kubernetes.io/restartedAt": CREATED, "prometheus.io/scrape": "true"},
        "creationTimestamp": CREATED,
        "labels": labels,
        "name": "@NAME@",
        "namespace": app.namespace,
        "ownerReferences": [owner_of(app)],
        "resourceVersion": "184467",
        "uid": "@UID@",
    }
    if app.kind == "Deployment":
        metadata["generateName"] = f"{app.name}-{app.template_hash}-"
    # A field that the API prints as null is left out, as the source does when it reads a dump.
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}
    return msgspec.json.encode(pod).decode().replace('"lastProbeTime":null,', "")


_CAPACITY: dict[str, Raw] = {
    "system": {"cpu": "47810m", "memory": "193229484Ki", "pods": "234"},
    "gpu": {"cpu": "95690m", "memory": "1167410888Ki", "nvidia.com/gpu": "8", "pods": "250"},
    "general": {"cpu": "15890m", "memory": "62022652Ki", "pods": "234"},
}
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def node_text(plan: Plan, node: int) -> bytes:
    """The JSON text of one node."""
    group = plan.groups[plan.group_of[node]]
    zone, name = ZONES[plan.zone(node)], plan.node_name(node)
    address = dotted(plan.node_address(node))
    labels = {
        "beta.kubernetes.io/arch": "amd64",
        "beta.kubernetes.io/instance-type": group.instance_type,
        "beta.kubernetes.io/os": "linux",
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
        "eks.amazonaws.com/nodegroup": group.name,
        "eks.amazonaws.com/nodegroup-image": f"ami-{hexed('ami', group.role)}",
        "k8s.io/cloud-provider-aws": hexed("provider", length=32),
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": group.instance_type,
        "nodeRole": group.role,
        "topology.k8s.aws/zone-id": f"usw2-az{plan.zone(node) + 1}",
        "topology.kubernetes.io/region": REGION,
        "topology.kubernetes.io/zone": zone,
    }
    spec: Raw = {"providerID": f"aws:///{zone}/{plan.instance(node)}"}
    if group.role == "gpu":
        labels |= {
            "nvidia.com/gpu.count": "8",
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.product": "A100-SXM4-40GB",
        }
        spec["taints"] = [{"effect": "NoSchedule", "key": "nvidia.com/gpu", "value": "present"}]
    # Nodes of one type differ by some KiB of memory, as real ones do.
    capacity = dict(_CAPACITY[group.role])
    memory = int(capacity["memory"].removesuffix("Ki")) + node % 61
    storage = {"ephemeral-storage": "95491281146", "hugepages-1Gi": "0", "hugepages-2Mi": "0"}
    capacity |= {"memory": f"{memory}Ki", **storage}
    first = node * plan.size.pods_per_node
    apps = dict.fromkeys(plan.owner[first : first + plan.size.pods_per_node])
    body: Raw = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "annotations": {
                "alpha.kubernetes.io/provided-node-ip": address,
                "node.alpha.kubernetes.io/ttl": "0",
                "volumes.kubernetes.io/controller-managed-attach-detach": "true",
            },
            "creationTimestamp": CREATED,
            "labels": labels,
            "name": name,
            "resourceVersion": "184467",
            "uid": uid("node", node),
        },
        "spec": spec,
        "status": {
            "addresses": [
                {"address": address, "type": "InternalIP"},
                {"address": name, "type": "InternalDNS"},
                {"address": name, "type": "Hostname"},
            ],
            "allocatable": capacity,
            "capacity": capacity,
            "conditions": [
                {
                    "lastHeartbeatTime": TIME,
                    "lastTransitionTime": CREATED,
                    "message": message,
                    "reason": reason,
                    "status": status,
                    "type": type_,
                }
                for type_, status, reason, message in _CONDITIONS
            ],
            "images": [_image(plan.apps[number].image) for number in apps],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": uid("boot", node),
                "containerRuntimeVersion": "containerd://2.1.5",
                "kernelVersion": "6.12.68-92.122.amzn2023.x86_64",
                "kubeletVersion": "v1.34.1-eks-113cf36",
                "machineID": hexed("machine", node, length=32),
                "operatingSystem": "linux",
                "osImage": "Amazon Linux 2023.11.20260413",
                "systemUUID": uid("system", node),
            },
        },
    }
    return msgspec.json.encode(body)


@cache
def _image(image: str) -> Raw:
    digest = f"{image.partition(':')[0]}@sha256:{hexed(image, length=64)}"
    return {"names": [digest, image], "sizeBytes": 40_000_000 + int(hexed("size", image, length=7), 16)}
