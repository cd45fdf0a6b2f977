"""What a NodePool asks of its nodes: requirements, node class, and whether it makes nodes at all.

Sources: Karpenter, "NodePools" (spec.template.spec.requirements, spec.limits) and "Scheduling" ("User-Defined
Labels", "Well-Known Labels"); kubernetes-sigs/karpenter pkg/apis/v1/nodepool.go, pkg/scheduling/requirement.go; EKS
User Guide, "Create a Node Pool for EKS Auto Mode" (the same labels under ``eks.amazonaws.com``).
"""

from __future__ import annotations

from collections.abc import Iterable

from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import NodePool, Quantity, SelectorRequirement
from clusterproof.world.model import GroupKind
from clusterproof.world.readable import ARCH, INSTANCE_TYPE, OS, REGION, ZONE

NODEPOOL = "karpenter.sh/nodepool"
CAPACITY_TYPE = "karpenter.sh/capacity-type"
ZONE_ID = "topology.k8s.aws/zone-id"
WINDOWS_BUILD = "node.kubernetes.io/windows-build"
KARPENTER_GROUP, AUTO_MODE_GROUP = "karpenter.k8s.aws", "eks.amazonaws.com"
KINDS = {KARPENTER_GROUP: GroupKind.KARPENTER, AUTO_MODE_GROUP: GroupKind.AUTO_MODE}
_STABLE = {
    "failure-domain.beta.kubernetes.io/zone": ZONE,
    "failure-domain.beta.kubernetes.io/region": REGION,
    "beta.kubernetes.io/arch": ARCH,
    "beta.kubernetes.io/os": OS,
    "beta.kubernetes.io/instance-type": INSTANCE_TYPE,
}
"""Deprecated labels, which Karpenter reads as their stable equivalents."""


def provider(pool: NodePool) -> str:
    """The API group of the node class that a pool refers to; before karpenter.sh/v1 it stands in ``apiVersion``."""
    ref = pool.spec.template.spec.node_class_ref
    return ref.group or ref.api_version.rpartition("/")[0]


def makes_none(pool: NodePool) -> bool:
    """Whether a pool makes no node any more: it is being deleted, a limit is 0, or its static capacity is."""
    limits = pool.spec.limits
    none = any(is_zero(limits[name]) for name in ("cpu", "memory", "nodes") if name in limits)
    return none or pool.metadata.deletion_timestamp is not None or pool.spec.replicas == 0


def is_zero(quantity: Quantity) -> bool:
    """Whether a quantity is none at all (``0``, ``0Gi``)."""
    return str(quantity).strip().rstrip("EPTGMKkimnu").strip("0.") == ""


def well_known(key: str) -> bool:
    """Whether a label follows from the instance that is chosen, so that a pool need not name it."""
    if key in (ZONE, REGION, ARCH, OS, INSTANCE_TYPE, CAPACITY_TYPE, ZONE_ID, WINDOWS_BUILD):
        return True
    prefixes = (f"{KARPENTER_GROUP}/instance-", f"{AUTO_MODE_GROUP}/instance-", f"{KARPENTER_GROUP}/capacity-")
    return key.startswith(prefixes)


class Requirements:
    """The requirements of a pool by label key; its labels count as requirements of one value."""

    def __init__(self, pool: NodePool) -> None:
        self._by_key: dict[str, list[SelectorRequirement]] = {}
        template = pool.spec.template
        labelled = (SelectorRequirement(key, "In", (value,)) for key, value in template.metadata.labels.items())
        for item in (*template.spec.requirements, *labelled):
            self._by_key.setdefault(_STABLE.get(item.key, item.key), []).append(item)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that is named, sorted."""
        return tuple(sorted(self._by_key))

    def __contains__(self, key: str) -> bool:
        return key in self._by_key

    def admits(self, key: str, value: str | None) -> bool:
        """Whether all requirements on a key admit a value, or the label's absence (None).

        An operator that is not known here excludes nothing: what may be chosen is never left out.
        """
        return all(_admits(item, value) for item in self._by_key.get(key, ()))

    def values(self, key: str) -> tuple[str, ...] | None:
        """The values that a label may have, sorted, where the pool names them all; None where the choice is open."""
        named: set[str] | None = None
        for item in self._by_key.get(key, ()):
            if item.operator == "In":
                named = set(item.values) if named is None else named & set(item.values)
        return None if named is None else tuple(sorted(value for value in named if self.admits(key, value)))

    def absent(self, key: str) -> bool:
        """Whether nodes of the pool never have a label: a key of the user's own that it does not name, or forbids."""
        if key not in self._by_key:
            return not well_known(key)
        return any(item.operator == "DoesNotExist" for item in self._by_key[key])

    def unknown(self, key: str) -> Unknown:
        """Why the value of a label that is named, or that follows from the instance, is open."""
        values = self.values(key)
        if values is None:
            what = f"label {key} of a node not yet born: the NodePool leaves it open"
        else:
            what = f"label {key} of a node not yet born is one of {', '.join(values) or 'no value at all'}"
        return Unknown(Cause.NOT_MODELLED, what)


def _admits(item: SelectorRequirement, value: str | None) -> bool:
    match item.operator:
        case "In":
            return value in item.values
        case "NotIn":
            return value not in item.values
        case "Exists":
            return value is not None
        case "DoesNotExist":
            return value is None
        case "Gt" | "Lt" | "Gte" | "Lte":
            return value is not None and _compares(item.operator, value, item.values)
        case _:
            return True


def _compares(operator: str, value: str, bounds: Iterable[str]) -> bool:
    bound = next(iter(bounds), "")
    if not (value.isdigit() and bound.isdigit()):
        return False
    one, other = int(value), int(bound)
    return {"Gt": one > other, "Lt": one < other, "Gte": one >= other, "Lte": one <= other}[operator]
