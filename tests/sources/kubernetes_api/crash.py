"""A pod of the stub that crashes, as the kubelet reports it (Kubernetes, Pod Lifecycle: container states)."""

from __future__ import annotations

from typing import Any

from tests.sources.kubernetes_api.stub import Stub

POD = "vllm-agg-vllmdecodeworker"


def crashing(served: Stub) -> tuple[str, str, str]:
    """Makes the demo's first worker pod crash; gives namespace, pod and container."""
    held = served.objects[("v1", "pods")]
    for number, (key, _, raw) in enumerate(held):
        if POD in key:
            name = raw["spec"]["containers"][0]["name"]
            status: dict[str, Any] = {
                "name": name,
                "ready": False,
                "restartCount": 7,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}},
            }
            raw["status"] = {**raw.get("status", {}), "phase": "Running", "containerStatuses": [status]}
            held[number] = served._recorded("v1", raw)
            namespace, _, pod = key.partition("/")
            return namespace, pod, name
    raise LookupError(f"no pod of {POD} is served")
