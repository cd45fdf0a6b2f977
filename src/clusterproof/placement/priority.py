"""Which pod may displace which: priorities and preemption policies.

Source: kubernetes ``plugin/pkg/admission/priority/admission.go`` (what the API server writes into a pod) and
component-helpers ``scheduling/corev1/helpers.go`` (``PodPriority``: 0 where nothing is written).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import PodSpec, PriorityClass
from clusterproof.snapshot.snapshot import Snapshot, Table

SYSTEM = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
"""The classes that every API server makes (``pkg/apis/scheduling/v1/helpers.go``)."""
NEVER = "Never"


class Priorities(msgspec.Struct, frozen=True):
    """The priority classes by name, and why there may be more."""

    classes: Mapping[str, PriorityClass] = msgspec.field(default_factory=dict)
    missing: Unknown | None = None


class Rank(msgspec.Struct, frozen=True):
    """What a pod has of it: its priority, and whether it displaces nobody (``preemptionPolicy: Never``)."""

    priority: int
    never: bool = False


def priorities_of(snapshot: Snapshot) -> Priorities:
    """The classes of a snapshot."""
    table = snapshot.tables.get(kinds.PRIORITY_CLASSES.name)
    return Priorities({} if table is None else table.derived(_by_name), snapshot.missing(kinds.PRIORITY_CLASSES))


def rank_of(spec: PodSpec, priorities: Priorities | None) -> Rank | Unknown:
    """The rank that the API server gives a pod with this spec; what it has written down already is that.

    Args:
        spec: of a pod, or of a template.
        priorities: ``None``: only what is written down counts, and nothing is 0.
    """
    never = spec.preemption_policy == NEVER
    if spec.priority is not None:
        return Rank(spec.priority, never)
    name = spec.priority_class_name
    if priorities is None:
        return Rank(SYSTEM.get(name, 0), never)
    found = priorities.classes.get(name)
    if not name:
        defaults = sorted((one for one in priorities.classes.values() if one.global_default), key=lambda one: one.value)
        if priorities.missing is not None:
            return priorities.missing
        # Of several defaults the least counts (getDefaultPriorityClass).
        found = defaults[0] if defaults else None
        if found is None:
            return Rank(0, never)
    if found is not None:
        return Rank(found.value, never or (not spec.preemption_policy and found.preemption_policy == NEVER))
    if name in SYSTEM:
        return Rank(SYSTEM[name], never)
    what = f"the API server makes no pod of PriorityClass {name}: there is none"
    return priorities.missing or Unknown(Cause.NOT_ANSWERABLE, what, f"create PriorityClass {name}")


def _by_name(table: Table[PriorityClass]) -> Mapping[str, PriorityClass]:
    return {one.metadata.name: one for one in table.objects}
