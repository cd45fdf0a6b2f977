"""Kubernetes objects as ``kubectl get -o json`` prints them; pods get addresses of their node's interface."""

from __future__ import annotations

import hashlib
from typing import Any

from worldgen.compute import control_plane_addresses, pod_addresses
from worldgen.ids import suffix, uid
from worldgen.spec import Box, Spec

Raw = dict[str, Any]
_CREATED = "2026-05-02T08:31:44Z"
_API = {
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "DaemonSet": "apps/v1",
    "ReplicaSet": "apps/v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "CustomResourceDefinition": "apiextensions.k8s.io/v1",
    "ENIConfig": "crd.k8s.amazonaws.com/v1alpha1",
    "StorageClass": "storage.k8s.io/v1",
    "CSINode": "storage.k8s.io/v1",
    "VolumeAttachment": "storage.k8s.io/v1",
    "PriorityClass": "scheduling.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "APIService": "apiregistration.k8s.io/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "AsyncActor": "asya.sh/v1alpha1",
    "ScaledObject": "keda.sh/v1alpha1",
}


def container(
    name: str,
    image: str,
    *,
    ports: dict[str, int] | None = None,
    cpu: str = "",
    memory: str = "",
    gpus: int = 0,
    args: tuple[str, ...] = (),
    env: dict[str, str] | None = None,
    udp: tuple[str, ...] = (),
) -> Raw:
    """One container; ``ports`` by name, those in ``udp`` are UDP."""
    requests = {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}
    resources: Raw = {"requests": requests} if requests else {}
    if gpus:
        resources = {"limits": {"nvidia.com/gpu": str(gpus)}, "requests": {**requests, "nvidia.com/gpu": str(gpus)}}
    raw: Raw = {"name": name, "image": image, "resources": resources}
    if args:
        raw["args"] = list(args)
    if env:
        raw["env"] = [{"name": key, "value": value} for key, value in env.items()]
    if ports:
        raw["ports"] = [
            {"containerPort": number, "name": key, "protocol": "UDP" if key in udp else "TCP"}
            for key, number in ports.items()
        ]
    return raw


def pod_spec(*containers: Raw, account: str = "default", **more: Any) -> Raw:
    """A pod's spec with what the API server fills in."""
    return {
        "containers": list(containers),
        "dnsPolicy": "ClusterFirst",
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "serviceAccountName": account,
        **more,
    }


class Kube:
    """Collects the objects of one cluster.

    Attributes:
        images: by node name: the images of its pods, and their sizes in bytes.
    """

    def __init__(self, spec: Spec, box_list: tuple[Box, ...], *, pod_subnets: bool) -> None:
        self.spec = spec
        self.boxes = box_list
        self.objects: dict[str, list[Raw]] = {}
        self._free = {box.name: list(pod_addresses(spec, box)[1:] if pod_subnets else box.pod_ips) for box in box_list}
        self.images: dict[str, dict[str, int]] = {box.name: {} for box in box_list}

    def on(self, group: str, *numbers: int) -> list[Box]:
        """Nodes of a group: all of them, or those with the numbers given."""
        found = [box for box in self.boxes if box.group.name == group]
        return [found[number] for number in numbers] if numbers else found

    # --- workloads ---

    def deployment(self, namespace: str, name: str, labels: dict[str, str], spec: Raw, at: list[Box]) -> None:
        """A Deployment, its ReplicaSet, and a pod on each node of ``at``."""
        short = suffix(10, self.spec.name, namespace, name)
        owner = self._controller("Deployment", namespace, name, labels, spec, len(at))
        hashed = {**labels, "pod-template-hash": short}
        replica_set = self._controller(
            "ReplicaSet", namespace, f"{name}-{short}", hashed, spec, len(at), owner=("Deployment", owner)
        )
        for number, box in enumerate(at):
            tail = suffix(5, self.spec.name, namespace, name, str(number))
            self._pod(namespace, f"{name}-{short}-{tail}", hashed, spec, box, ("ReplicaSet", replica_set))

    def stateful_set(
        self,
        namespace: str,
        name: str,
        labels: dict[str, str],
        spec: Raw,
        at: list[Box],
        *,
        service: str,
        claim: tuple[str, str] | None = None,
    ) -> None:
        """``claim``: name of the volume claim template and its size; each gets a volume in its pod's zone."""
        owner = self._controller("StatefulSet", namespace, name, labels, spec, len(at), service=service, claim=claim)
        for number, box in enumerate(at):
            pod = f"{name}-{number}"
            own = {**labels, "apps.kubernetes.io/pod-index": str(number), "statefulset.kubernetes.io/pod-name": pod}
            extra: Raw = {"hostname": pod, "subdomain": service}
            if claim is not None:
                claim_name = f"{claim[0]}-{pod}"
                extra["volumes"] = [{"name": claim[0], "persistentVolumeClaim": {"claimName": claim_name}}]
                self._claim(namespace, claim_name, claim[1], self.spec.zone(box.letter))
            self._pod(namespace, pod, own, {**spec, **extra}, box, ("StatefulSet", owner))

    def daemon_set(self, namespace: str, name: str, labels: dict[str, str], spec: Raw, at: list[Box]) -> None:
        """A DaemonSet with a pod on each node of ``at``, with what its controller adds."""
        owner = self._controller("DaemonSet", namespace, name, labels, spec, None)
        passing = [
            {"effect": "NoExecute", "key": "node.kubernetes.io/not-ready", "operator": "Exists"},
            {"effect": "NoExecute", "key": "node.kubernetes.io/unreachable", "operator": "Exists"},
            {"effect": "NoSchedule", "key": "node.kubernetes.io/disk-pressure", "operator": "Exists"},
            {"effect": "NoSchedule", "key": "node.kubernetes.io/memory-pressure", "operator": "Exists"},
            {"effect": "NoSchedule", "key": "node.kubernetes.io/unschedulable", "operator": "Exists"},
        ]
        for box in at:
            tail = suffix(5, self.spec.name, namespace, name, box.name)
            pinned = {
                **spec,
                "affinity": _pinned(spec, box.name),
                "tolerations": [*spec.get("tolerations", []), *passing],
            }
            generation = {"controller-revision-hash": suffix(10, name), "pod-template-generation": "1"}
            self._pod(namespace, f"{name}-{tail}", {**labels, **generation}, pinned, box, ("DaemonSet", owner))

    def _controller(
        self,
        kind: str,
        namespace: str,
        name: str,
        labels: dict[str, str],
        spec: Raw,
        replicas: int | None,
        *,
        owner: tuple[str, Raw] | None = None,
        service: str = "",
        claim: tuple[str, str] | None = None,
    ) -> Raw:
        body: Raw = {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}}
        if replicas is not None:
            body["replicas"] = replicas
        if service:
            body["serviceName"] = service
        if claim is not None:
            body["volumeClaimTemplates"] = [
                {
                    "apiVersion": "v1",
                    "kind": "PersistentVolumeClaim",
                    "metadata": {"name": claim[0]},
                    "spec": {
                        "accessModes": ["ReadWriteOnce"],
                        "resources": {"requests": {"storage": claim[1]}},
                        "storageClassName": "gp3",
                    },
                }
            ]
        raw = self.add(kind, namespace, name, labels=labels, owner=owner, spec=body)
        if replicas is not None:
            raw["status"] = {"readyReplicas": replicas, "replicas": replicas}
        return raw

    def _pod(
        self, namespace: str, name: str, labels: dict[str, str], spec: Raw, box: Box, owner: tuple[str, Raw]
    ) -> None:
        host = bool(spec.get("hostNetwork"))
        ip = box.ip if host else self._free[box.name].pop(0)
        for item in (*spec.get("initContainers", ()), *spec["containers"]):
            size = 40_000_000 + int(uid(item["image"])[:6], 16) * 8
            self.images[box.name].setdefault(item["image"], size)
        raw = self.add("Pod", namespace, name, labels=labels, owner=owner, spec={**spec, "nodeName": box.name})
        raw["status"] = {
            "conditions": [{"status": "True", "type": "Ready"}],
            "hostIP": box.ip,
            "phase": "Running",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
        }

    def _claim(self, namespace: str, name: str, size: str, zone: str) -> None:
        volume = f"pvc-{uid(self.spec.name, namespace, name)}"
        self.add(
            "PersistentVolumeClaim",
            namespace,
            name,
            spec={
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": size}},
                "storageClassName": "gp3",
                "volumeName": volume,
            },
        )["status"] = {"phase": "Bound"}
        where = {"key": "topology.kubernetes.io/zone", "operator": "In", "values": [zone]}
        self.add(
            "PersistentVolume",
            "",
            volume,
            spec={
                "accessModes": ["ReadWriteOnce"],
                "capacity": {"storage": size},
                "claimRef": {"kind": "PersistentVolumeClaim", "name": name, "namespace": namespace},
                "csi": {"driver": "ebs.csi.aws.com", "fsType": "ext4", "volumeHandle": self.spec.id("vol", name)},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [where]}]}},
                "persistentVolumeReclaimPolicy": "Delete",
                "storageClassName": "gp3",
            },
        )["status"] = {"phase": "Bound"}

    # --- services ---

    def service(
        self,
        namespace: str,
        name: str,
        selector: dict[str, str],
        ports: list[Raw],
        *,
        ip: str = "",
        labels: dict[str, str] | None = None,
        headless: bool = False,
    ) -> None:
        """A ClusterIP service and its EndpointSlice; ``ports`` as in the API, targetPort also by name."""
        address = "None" if headless else ip or self._cluster_ip(namespace, name)
        spec: Raw = {
            "clusterIP": address,
            "clusterIPs": [address],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"protocol": "TCP", **port} for port in ports],
            "selector": selector,
            "sessionAffinity": "None",
            "type": "ClusterIP",
        }
        if headless:
            spec["publishNotReadyAddresses"] = True
        owner = self.add("Service", namespace, name, labels=labels or selector, spec=spec)
        members = [
            pod
            for pod in self.objects["Pod"]
            if pod["metadata"]["namespace"] == namespace and selector.items() <= pod["metadata"]["labels"].items()
        ]
        self._slice(namespace, name, members, spec["ports"], owner)

    def api_server(self) -> None:
        """The Service ``kubernetes`` and its endpoints, the control plane's interfaces."""
        spec: Raw = {
            "clusterIP": self.spec.service_cidr.replace("0.0/16", "0.1"),
            "clusterIPs": [self.spec.service_cidr.replace("0.0/16", "0.1")],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 443}],
            "sessionAffinity": "None",
            "type": "ClusterIP",
        }
        labels = {"component": "apiserver", "provider": "kubernetes"}
        self.add("Service", "default", "kubernetes", labels=labels, spec=spec)
        slice_ = self.add("EndpointSlice", "default", "kubernetes", labels={"kubernetes.io/service-name": "kubernetes"})
        slice_ |= {
            "addressType": "IPv4",
            "endpoints": [
                {"addresses": [ip], "conditions": {"ready": True}} for ip in control_plane_addresses(self.spec)
            ],
            "ports": [{"name": "https", "port": 443, "protocol": "TCP"}],
        }

    def _cluster_ip(self, *parts: str) -> str:
        number = int(uid(self.spec.name, *parts)[:4], 16)
        prefix = ".".join(self.spec.service_cidr.split(".")[:2])
        return f"{prefix}.{number >> 8}.{number & 255 or 1}"

    def _slice(self, namespace: str, name: str, members: list[Raw], ports: list[Raw], owner: Raw) -> None:
        tail = suffix(5, self.spec.name, "slice", namespace, name)
        raw = self.add(
            "EndpointSlice",
            namespace,
            f"{name}-{tail}",
            owner=("Service", owner),
            labels={
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                "kubernetes.io/service-name": name,
            },
        )
        raw["addressType"] = "IPv4"
        zones = {box.name: self.spec.zone(box.letter) for box in self.boxes}
        raw["endpoints"] = [
            {
                "addresses": [pod["status"]["podIP"]],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": pod["spec"]["nodeName"],
                "targetRef": {
                    "kind": "Pod",
                    "name": pod["metadata"]["name"],
                    "namespace": namespace,
                    "uid": pod["metadata"]["uid"],
                },
                "zone": zones[pod["spec"]["nodeName"]],
            }
            for pod in members
        ]
        raw["ports"] = [
            {
                "name": port.get("name", ""),
                "port": _number(port["targetPort"], members),
                "protocol": port["protocol"],
            }
            for port in ports
        ]

    # --- nodes and the rest ---

    def definitions(self) -> None:
        """The CustomResourceDefinitions, without their schemas."""
        for kind, plural, group, scope in (
            ("CNINode", "cninodes", "vpcresources.k8s.aws", "Cluster"),
            ("DynamoGraphDeployment", "dynamographdeployments", "nvidia.com", "Namespaced"),
            ("ENIConfig", "eniconfigs", "crd.k8s.amazonaws.com", "Cluster"),
            ("PolicyEndpoint", "policyendpoints", "networking.k8s.aws", "Namespaced"),
            ("Prometheus", "prometheuses", "monitoring.coreos.com", "Namespaced"),
            ("SecurityGroupPolicy", "securitygrouppolicies", "vpcresources.k8s.aws", "Namespaced"),
            ("ServiceMonitor", "servicemonitors", "monitoring.coreos.com", "Namespaced"),
        ):
            names = {"kind": kind, "plural": plural}
            body = {"group": group, "names": names, "scope": scope}
            self.add("CustomResourceDefinition", "", f"{plural}.{group}", spec=body)

    def storage(self) -> None:
        """The storage class gp3, what the EBS driver says of each node, and what is attached where."""
        self.add(
            "StorageClass",
            "",
            "gp3",
            parameters={"type": "gp3"},
            provisioner="ebs.csi.aws.com",
            reclaimPolicy="Delete",
            volumeBindingMode="WaitForFirstConsumer",
        )
        for box in self.boxes:
            # EBS User Guide, "Amazon EBS volume limits for Amazon EC2 instances": 28 attachments, the root volume and
            # the network interface among them.
            driver = {
                "allocatable": {"count": 26},
                "name": "ebs.csi.aws.com",
                "nodeID": box.instance_id,
                "topologyKeys": ["kubernetes.io/os", "topology.ebs.csi.aws.com/zone", "topology.kubernetes.io/zone"],
            }
            self.add("CSINode", "", box.name, spec={"drivers": [driver]})
        bound = {
            (raw["metadata"]["namespace"], raw["metadata"]["name"]): raw["spec"]["volumeName"]
            for raw in self.objects.get("PersistentVolumeClaim", ())
        }
        for pod in self.objects["Pod"]:
            for volume in pod["spec"].get("volumes", ()):
                claim = volume.get("persistentVolumeClaim", {}).get("claimName", "")
                name = bound.get((pod["metadata"]["namespace"], claim), "")
                if name:
                    self._attached(name, pod["spec"]["nodeName"])

    def _attached(self, volume: str, node: str) -> None:
        spec = {"attacher": "ebs.csi.aws.com", "nodeName": node, "source": {"persistentVolumeName": volume}}
        name = f"csi-{hashlib.sha256(f'{volume}ebs.csi.aws.com{node}'.encode()).hexdigest()}"
        self.add("VolumeAttachment", "", name, spec=spec)["status"] = {"attached": True}

    def priorities(self) -> None:
        """The two priority classes that every cluster has."""
        for name, value in (("system-cluster-critical", 2_000_000_000), ("system-node-critical", 2_000_001_000)):
            self.add("PriorityClass", "", name, preemptionPolicy="PreemptLowerPriority", value=value)

    def accounts(self) -> None:
        """The service accounts that pods use, and each namespace's own."""
        used = {(pod["metadata"]["namespace"], pod["spec"]["serviceAccountName"]) for pod in self.objects["Pod"]}
        for namespace, name in sorted(
            used | {(raw["metadata"]["name"], "default") for raw in self.objects["Namespace"]}
        ):
            self.add("ServiceAccount", namespace, name)

    def add(
        self,
        kind: str,
        namespace: str,
        name: str,
        *,
        labels: dict[str, str] | None = None,
        owner: tuple[str, Raw] | None = None,
        **more: Any,
    ) -> Raw:
        """One object; returns it, so that a caller may complete it."""
        meta: Raw = {"creationTimestamp": _CREATED, "name": name}
        if namespace:
            meta["namespace"] = namespace
        if labels:
            meta["labels"] = labels
        if owner is not None:
            meta["ownerReferences"] = [
                {
                    "apiVersion": owner[1]["apiVersion"],
                    "blockOwnerDeletion": True,
                    "controller": True,
                    "kind": owner[0],
                    "name": owner[1]["metadata"]["name"],
                    "uid": owner[1]["metadata"]["uid"],
                }
            ]
        meta["uid"] = uid(self.spec.name, kind, namespace, name)
        raw = {"apiVersion": _API.get(kind, "v1"), "kind": kind, "metadata": meta, **more}
        self.objects.setdefault(kind, []).append(raw)
        return raw


def _pinned(spec: Raw, node: str) -> Raw:
    """The affinity that the DaemonSet controller gives each pod: the template's terms, each on this node alone."""
    required = "requiredDuringSchedulingIgnoredDuringExecution"
    terms = spec.get("affinity", {}).get("nodeAffinity", {}).get(required, {}).get("nodeSelectorTerms", [{}])
    field = {"key": "metadata.name", "operator": "In", "values": [node]}
    return {"nodeAffinity": {required: {"nodeSelectorTerms": [{**term, "matchFields": [field]} for term in terms]}}}


def _number(target: int | str, members: list[Raw]) -> int:
    if isinstance(target, int):
        return target
    for pod in members:
        for item in pod["spec"]["containers"]:
            for port in item.get("ports", ()):
                if port["name"] == target:
                    return int(port["containerPort"])
    raise LookupError(f"no pod has a port named {target}")
