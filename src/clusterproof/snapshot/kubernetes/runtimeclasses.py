"""Runtime classes: what a container runtime adds to the pods that name it.

Source: https://kubernetes.io/docs/reference/kubernetes-api/node-resources/runtime-class-v1/
"""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Labels, Metadata, Obj, Quantity
from clusterproof.snapshot.kubernetes.pods import Toleration


class RuntimeOverhead(Obj, frozen=True):
    """``pod_fixed`` is what each pod takes beside its containers."""

    pod_fixed: dict[str, Quantity] = field(default_factory=dict)


class RuntimeScheduling(Obj, frozen=True):
    """Which nodes have the runtime, and what their taints ask of its pods."""

    node_selector: Labels = field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = ()


class RuntimeClass(Obj, frozen=True):
    """``handler`` is the runtime's name in the node's own configuration."""

    metadata: Metadata
    handler: str = ""
    overhead: RuntimeOverhead | None = None
    scheduling: RuntimeScheduling | None = None
