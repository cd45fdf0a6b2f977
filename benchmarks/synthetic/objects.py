"""The cluster's other objects: controllers, Services with their endpoints, NetworkPolicies, namespaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from benchmarks.synthetic.plan import CREATED, App, Plan, dotted, hexed, suffix, uid
from benchmarks.synthetic.pods import owner_of, pod_spec

Raw = dict[str, Any]

SLICE = 100
"""Endpoints that the control plane puts into one EndpointSlice."""


def _metadata(kind: str, namespace: str, name: str, labels: dict[str, str] | None = None) -> Raw:
    body: Raw = {"creationTimestamp": CREATED, "name": name, "uid": uid(kind, namespace, name)}
    if namespace:
        body["namespace"] = namespace
    if labels:
        body["labels"] = labels
    return body


def namespaces(plan: Plan) -> Iterator[Raw]:
    """Every namespace that a workload is in, and the cluster's own."""
    for name in plan.namespaces:
        labels = {"kubernetes.io/metadata.name": name}
        if name.startswith("team-"):
            labels["cost-center"] = name
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": _metadata("namespace", "", name, labels)}


def controllers(plan: Plan, kind: str) -> Iterator[Raw]:
    """The Deployments, StatefulSets or DaemonSets."""
    for number, app in enumerate(plan.apps):
        if app.kind != kind:
            continue
        spec: Raw = {
            "selector": {"matchLabels": app.labels},
            "template": {"metadata": {"labels": app.labels}, "spec": pod_spec(plan, app)},
        }
        if kind != "DaemonSet":
            spec["replicas"] = plan.replicas[number]
        if kind == "StatefulSet":
            spec["serviceName"] = f"{app.name}-headless"
        metadata = _metadata(kind, app.namespace, app.name, app.labels)
        yield {"apiVersion": "apps/v1", "kind": kind, "metadata": metadata, "spec": spec}


def replica_sets(plan: Plan) -> Iterator[Raw]:
    """The current revision of each Deployment, and one that it has left behind."""
    for number, app in enumerate(plan.apps):
        if app.kind != "Deployment":
            continue
        parent = {"apiVersion": "apps/v1", "controller": True, "kind": "Deployment", "name": app.name}
        old = suffix("old", app.namespace, app.name, length=10)
        for revision, replicas in ((app.template_hash, plan.replicas[number]), (old, 0)):
            labels = app.labels | {"pod-template-hash": revision}
            name = owner_of(app)["name"] if replicas else f"{app.name}-{revision}"
            yield {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": _metadata("ReplicaSet", app.namespace, name, labels)
                | {"ownerReferences": [{**parent, "uid": uid("Deployment", app.namespace, app.name)}]},
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": pod_spec(plan, app)},
                },
            }


def _published(plan: Plan) -> Iterator[tuple[int, App, str, bool]]:
    """Workload number, workload, Service name, headless."""
    names = {"coredns": "kube-dns", "prometheus-kube-prometheus-prometheus": "kube-prometheus-prometheus"}
    for number, app in enumerate(plan.apps):
        if app.kind == "DaemonSet" or not app.ports:
            continue
        if not app.gpus:
            yield number, app, names.get(app.name, app.name), False
        if app.kind == "StatefulSet":
            yield number, app, f"{app.name}-headless", True


def _cluster_ip(app: App, name: str) -> str:
    if name == "kube-dns":
        return "172.20.0.10"
    number = int(hexed("service", app.namespace, name, length=4), 16)
    return f"172.20.{number >> 8 or 1}.{number & 255}"


def services(plan: Plan) -> Iterator[Raw]:
    """One per workload with ports; StatefulSets have a headless one too, Dynamo workers none."""
    for _, app, name, headless in _published(plan):
        address = "None" if headless else _cluster_ip(app, name)
        labels = app.labels | ({"k8s-app": "kube-dns"} if name == "kube-dns" else {})
        ports = [
            {"name": port, "port": 80 if port == "http" else number, "protocol": protocol, "targetPort": port}
            for port, number, protocol in app.ports
        ]
        selector = {"k8s-app": "kube-dns"} if name == "kube-dns" else app.labels
        spec = {
            "clusterIP": address,
            "clusterIPs": [address],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": ports,
            "selector": selector,
            "sessionAffinity": "None",
            "type": "ClusterIP",
        }
        yield {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _metadata("service", app.namespace, name, labels),
            "spec": spec,
        }


def endpoint_slices(plan: Plan) -> Iterator[Raw]:
    """The Services' endpoints: the pods with their addresses."""
    for number, app, name, _ in _published(plan):
        pods = plan.members.get(number, ())
        for start in range(0, len(pods), SLICE):
            piece = f"{name}-{suffix('slice', app.namespace, name, start)}"
            yield {
                "addressType": "IPv4",
                "apiVersion": "discovery.k8s.io/v1",
                "endpoints": [_endpoint(plan, app, pod) for pod in pods[start : start + SLICE]],
                "kind": "EndpointSlice",
                "metadata": _metadata("slice", app.namespace, piece, {"kubernetes.io/service-name": name}),
                "ports": [{"name": port, "port": number, "protocol": protocol} for port, number, protocol in app.ports],
            }


def _endpoint(plan: Plan, app: App, pod: int) -> Raw:
    node = pod // plan.size.pods_per_node
    return {
        "addresses": [plan.pod_address(pod)],
        "conditions": {"ready": True, "serving": True, "terminating": False},
        "nodeName": plan.node_name(node),
        "targetRef": {"kind": "Pod", "name": plan.pod_name(pod), "namespace": app.namespace, "uid": uid("pod", pod)},
        "zone": f"us-west-2{'abc'[plan.zone(node)]}",
    }


def network_policies(plan: Plan) -> Iterator[Raw]:
    """As teams write them: the first guards etcd, the others a workload each, round and round."""
    others = [app for app in plan.apps if app.role == "general"]
    dns = {
        "ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}],
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
    }
    for number in range(plan.size.policies):
        if number == 0:
            namespace, name = "dynamo", "etcd"
            spec: Raw = {
                "ingress": [{"from": [{"podSelector": {}}], "ports": [{"port": 2379, "protocol": "TCP"}]}],
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": "etcd"}},
                "policyTypes": ["Ingress"],
            }
        else:
            app = others[(number - 1) % len(others)]
            namespace, name = app.namespace, f"{app.name}-{number:04d}"
            scrape = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
            spec = {
                "egress": [dns, {"to": [{"podSelector": {"matchLabels": {"tier": "data"}}}]}],
                "ingress": [
                    {"from": [{"podSelector": {}}], "ports": [{"port": 8080, "protocol": "TCP"}]},
                    {"from": [scrape], "ports": [{"port": "metrics", "protocol": "TCP"}]},
                ],
                "podSelector": {"matchLabels": {"app.kubernetes.io/name": app.name}},
                "policyTypes": ["Ingress", "Egress"],
            }
            if plan.size.preset == "adversarial":
                spec["ingress"].append({"from": [_own_peers(plan, others, number)]})
        yield {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": _metadata("policy", namespace, name),
            "spec": spec,
        }


def _own_peers(plan: Plan, others: list[App], number: int) -> Raw:
    """A peer that no other policy names: by a label of one workload, and every third by an address block."""
    if number % 3:
        return {"podSelector": {"matchLabels": {"who": others[number * 13 % len(others)].name}}}
    group = plan.groups[number % len(plan.groups)]
    return {"ipBlock": {"cidr": f"{dotted(plan.base(group.number, 0))}/{32 - plan.subnet_bits + 2}"}}


def helm_releases(_plan: Plan) -> Iterator[Raw]:
    """Which charts are installed."""
    for namespace, name, chart, version in (
        ("dynamo", "dynamo-platform", "dynamo-platform", "1.1.0"),
        ("monitoring", "kube-prometheus", "kube-prometheus-stack", "77.5.0"),
    ):
        yield {
            "metadata": {"name": name, "namespace": namespace},
            "chart": chart,
            "version": version,
            "appVersion": version,
            "status": "deployed",
        }
