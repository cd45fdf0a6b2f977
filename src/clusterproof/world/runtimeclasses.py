"""What the API server makes of a template that names a RuntimeClass, before any scheduler sees the pod.

The class's node selector and tolerations are added and its overhead is written down; where the template contradicts
it, or where there is no such class, the pod is refused. What the API server has made already is left as it is.
Source: kubernetes ``plugin/pkg/admission/runtimeclass/admission.go`` (``Admit``, ``Validate``) and
https://kubernetes.io/docs/concepts/containers/runtime-class/ ("Scheduling", "Pod Overhead").
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes import PodSpec, Quantity, RuntimeClass
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Workload


def admitted(workloads: Iterable[Workload], snapshot: Snapshot) -> tuple[Workload, ...]:
    """Workloads as the RuntimeClass admission plugin leaves their pods, in the same order.

    Args:
        workloads: as their templates say.
        snapshot: with the runtime classes; where the one that is named is not there and not all were read, the
            workload says so (``unread``).
    """
    return tuple(
        workload if not workload.spec.runtime_class_name or _made(workload) else _admitted(workload, snapshot)
        for workload in workloads
    )


def _made(workload: Workload) -> bool:
    """Whether its spec is of a pod that the API server has let in: it has a node, or a priority written down."""
    of_pods = workload.ref is not None and workload.ref.kind == kinds.PODS.name
    return of_pods and (any(workload.pod_nodes) or workload.spec.priority is not None)


def _admitted(workload: Workload, snapshot: Snapshot) -> Workload:
    name = workload.spec.runtime_class_name
    found = snapshot.get(kinds.RUNTIME_CLASSES, name)
    if found is None:
        missing = snapshot.missing(kinds.RUNTIME_CLASSES)
        if missing is not None:
            return msgspec.structs.replace(workload, unread=missing)
        return msgspec.structs.replace(
            workload, refusal=f"the API server makes no pod of RuntimeClass {name}: there is none"
        )
    refusal = _refusal(workload.spec, found)
    if refusal:
        return msgspec.structs.replace(workload, refusal=f"the API server refuses its pods: {refusal}")
    return msgspec.structs.replace(workload, spec=_merged(workload.spec, found))


def _refusal(spec: PodSpec, runtime: RuntimeClass) -> str:
    """What of the template contradicts its class; empty where nothing does."""
    name = runtime.metadata.name
    fixed = runtime.overhead.pod_fixed if runtime.overhead is not None else {}
    if spec.overhead and not _same(spec.overhead, fixed):
        return f"their overhead is not that of RuntimeClass {name}"
    selector = runtime.scheduling.node_selector if runtime.scheduling is not None else {}
    for key, value in selector.items():
        own = spec.node_selector.get(key, value)
        if own != value:
            return f"RuntimeClass {name} has nodeSelector {key}={value}, they have {key}={own}"
    return ""


def _merged(spec: PodSpec, runtime: RuntimeClass) -> PodSpec:
    if runtime.overhead is not None:
        spec = msgspec.structs.replace(spec, overhead=runtime.overhead.pod_fixed)
    if runtime.scheduling is None:
        return spec
    more = [one for one in runtime.scheduling.tolerations if one not in spec.tolerations]
    return msgspec.structs.replace(
        spec,
        node_selector={**spec.node_selector, **runtime.scheduling.node_selector},
        tolerations=(*spec.tolerations, *more),
    )


def _same(one: Mapping[str, Quantity], other: Mapping[str, Quantity]) -> bool:
    """Whether two lists name the same resources with the same amounts, however written (``Semantic.DeepEqual``)."""
    return one.keys() == other.keys() and all(_value(one[name]) == _value(other[name]) for name in one)


_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def _value(quantity: Quantity) -> Decimal | str:
    """The amount; of what is no quantity, the text itself."""
    text = str(quantity)
    try:
        if text[-2:] in _BINARY:
            return Decimal(text[:-2]) * Decimal(2) ** _BINARY[text[-2:]]
        if text[-1:] in _DECIMAL:
            return Decimal(text[:-1]).scaleb(_DECIMAL[text[-1:]])
        return Decimal(text)
    except InvalidOperation:
        return text
