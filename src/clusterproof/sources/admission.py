"""What an API server would refuse in a manifest, as ``kubectl apply --dry-run=server`` tells it.

Only fields that rules read are looked at, and only what is refused for certain: values out of their range, and API
versions that the cluster no longer serves. Sources: Kubernetes API reference (Service, Container, NetworkPolicyPort,
Deployment; "Quantity") and the "Deprecated API Migration Guide".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Raw = dict[str, Any]

_PORTS = frozenset({"port", "targetPort", "nodePort", "containerPort", "hostPort", "endPort"})
_MAY_BE_ZERO = frozenset({"nodePort", "hostPort"})
"""Zero stands for none there."""
_COUNTS = frozenset({"replicas", "parallelism", "completions"})
_QUANTITIES = frozenset({"requests", "limits"})
_QUANTITY = re.compile(r"\+?(\d+\.?\d*|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_REMOVED = {
    ("extensions/v1beta1", "Ingress"): 22,
    ("extensions/v1beta1", ""): 16,
    ("apps/v1beta1", ""): 16,
    ("apps/v1beta2", ""): 16,
    ("networking.k8s.io/v1beta1", "Ingress"): 22,
    ("networking.k8s.io/v1beta1", "IngressClass"): 22,
    ("apiextensions.k8s.io/v1beta1", ""): 22,
    ("rbac.authorization.k8s.io/v1beta1", ""): 22,
    ("scheduling.k8s.io/v1beta1", ""): 22,
    ("coordination.k8s.io/v1beta1", "Lease"): 22,
    ("storage.k8s.io/v1beta1", "StorageClass"): 22,
    ("storage.k8s.io/v1beta1", "CSIDriver"): 22,
    ("batch/v1beta1", "CronJob"): 25,
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): 25,
    ("policy/v1beta1", ""): 25,
    ("autoscaling/v2beta1", ""): 25,
    ("autoscaling/v2beta2", ""): 26,
    ("flowcontrol.apiserver.k8s.io/v1beta2", ""): 29,
    ("flowcontrol.apiserver.k8s.io/v1beta3", ""): 32,
}
"""The minor version of Kubernetes 1 from which on an API version is not served; an empty kind is all of them."""
_TEMPLATES = {"Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"}


def removed(raw: Raw, version: str) -> str:
    """Why the API server does not know the object's API version; empty where it may.

    Args:
        raw: a manifest with ``apiVersion`` and ``kind``.
        version: the cluster's, ``1.34``; empty when not known: then it is taken for a current one.
    """
    api, kind = str(raw["apiVersion"]), str(raw["kind"])
    gone = _REMOVED.get((api, kind)) or _REMOVED.get((api, ""))
    found = re.match(r"v?1\.(\d+)", version)
    if gone is None or (found is not None and int(found[1]) < gone):
        return ""
    return f"{api} of {kind} is not served from Kubernetes 1.{gone} on; render it with a current API version"


def out_of_range(raw: Raw) -> str:
    """The first value in the object's spec that no API server takes, with its path; empty when there is none."""
    return next(_wrong(raw.get("spec"), "spec"), "")


def lacking(raw: Raw) -> str:
    """What the API server needs of a workload's spec and is not there, in a clause; empty where nothing is.

    A part of a chart, as somebody cuts it out, is judged all the same: a workload without spec is not looked at.
    """
    kind, spec = raw["kind"], raw.get("spec")
    if not isinstance(spec, dict) or not spec or kind not in _TEMPLATES:
        return ""
    missing = [] if kind == "Job" or spec.get("selector") else ["spec.selector"]
    template = spec.get("template")
    inner = template.get("spec") if isinstance(template, dict) else None
    if not isinstance(inner, dict) or not inner.get("containers"):
        missing.append("spec.template.spec.containers")
    return f"has no {' and no '.join(missing)}" if missing else ""


def _wrong(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _wrong(item, f"{path}[{number}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            inside = f"{path}.{name}"
            if name in _PORTS and isinstance(item, int) and not isinstance(item, bool):
                if not (0 if name in _MAY_BE_ZERO else 1) <= item <= 65535:
                    yield f"{inside} is {item}; a port is 1 to 65535"
            elif name in _COUNTS and isinstance(item, int) and item < 0:
                yield f"{inside} is {item}; it cannot be less than 0"
            elif name in _QUANTITIES and path.endswith(".resources") and isinstance(item, dict):
                for resource, amount in item.items():
                    if not _QUANTITY.fullmatch(str(amount)):
                        yield f"{inside}.{resource} is {amount!r}; write a quantity such as 500m or 2Gi"
            elif name not in ("matchLabels", "annotations", "labels", "data"):
                yield from _wrong(item, inside)
