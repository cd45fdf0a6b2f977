"""Nodes as ``kubectl get nodes -o json`` prints them."""

from __future__ import annotations

from typing import Any

from worldgen.kube import Kube
from worldgen.spec import Box

Raw = dict[str, Any]


def nodes(kube: Kube, extra: dict[str, dict[str, str]] | None = None) -> None:
    """All nodes; ``extra`` are labels by group that something in the cluster adds (feature discovery)."""
    for box in kube.boxes:
        _node(kube, box, (extra or {}).get(box.group.name, {}))


def _node(kube: Kube, box: Box, extra: dict[str, str]) -> None:
    machine, spec = box.group.machine, kube.spec
    zone = spec.zone(box.letter)
    gpus = {"nvidia.com/gpu": str(machine.gpus)} if machine.gpus else {}
    labels = {
        "eks.amazonaws.com/capacityType": "ON_DEMAND",
        "eks.amazonaws.com/nodegroup": box.group.name,
        "eks.amazonaws.com/nodegroup-image": spec.id("ami", "gpu" if machine.gpus else "standard"),
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/hostname": box.name,
        "kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": machine.name,
        "nodeGroup": box.group.label,
        "topology.kubernetes.io/region": spec.region,
        "topology.kubernetes.io/zone": zone,
        **extra,
    }
    body: Raw = {"providerID": f"aws:///{zone}/{box.instance_id}"}
    if box.group.taints:
        body["taints"] = [{"effect": effect, "key": key, "value": value} for key, value, effect in box.group.taints]
    raw = kube.add("Node", "", box.name, labels=labels, spec=body)
    shared = {"ephemeral-storage": "95491281146", "hugepages-1Gi": "0", "hugepages-2Mi": "0"}
    raw["status"] = {
        "addresses": [
            {"address": box.ip, "type": "InternalIP"},
            {"address": box.name, "type": "InternalDNS"},
            {"address": box.name, "type": "Hostname"},
        ],
        "allocatable": {
            "cpu": machine.cpu,
            "memory": machine.memory,
            "pods": machine.pods,
            **shared,
            **gpus,
        },
        "capacity": {
            "cpu": str(machine.cpus),
            "memory": machine.memory_capacity,
            "pods": machine.pods,
            **shared,
            "ephemeral-storage": "104779756Ki",
            **gpus,
        },
        "conditions": [
            {"lastHeartbeatTime": spec.read_at, "reason": reason, "status": status, "type": kind}
            for kind, status, reason in (
                ("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                ("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                ("PIDPressure", "False", "KubeletHasSufficientPID"),
                ("Ready", "True", "KubeletReady"),
            )
        ],
        "images": [{"names": [name], "sizeBytes": size} for name, size in sorted(kube.images[box.name].items())],
        "nodeInfo": {
            "architecture": "amd64",
            "containerRuntimeVersion": "containerd://2.1.5",
            "kernelVersion": "6.12.68-92.122.amzn2023.x86_64",
            "kubeletVersion": f"v{spec.version}.1-eks-113cf36",
            "operatingSystem": "linux",
            "osImage": "Amazon Linux 2023.11.20260413",
        },
    }
