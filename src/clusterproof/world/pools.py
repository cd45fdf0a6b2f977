"""What a NodePool asks of its nodes: requirements, node class, and whether it makes nodes at all.

Sources: Karpenter, "NodePools" (spec.template.spec.requirements, spec.limits) and "Scheduling" ("User-Defined
Labels", "Well-Known Labels"); kubernetes-sigs/karpenter pkg/apis/v1/nodepool.go, pkg/scheduling/requirement.go; EKS
User Guide, "Create a Node Pool for EKS Auto Mode" (the same labels under ``eks.amazonaws.com``).
"""

from __future__ import annotations

from collections.abc import Mapping

from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import NodePool, Quantity, SelectorRequirement
from clusterproof.world.model import GroupKind
from clusterproof.world.readable import ARCH, INSTANCE_TYPE, OS, REGION, ZONE
from clusterproof.world.requirements import EMPTY, Requirement, intersect, meet, parse
from clusterproof.world.zones import EBS_ZONE

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
    EBS_ZONE: ZONE,
}
"""Labels that Karpenter reads as others: deprecated ones, and the EBS CSI driver's zone.

Sources: kubernetes-sigs/karpenter pkg/apis/v1/labels.go (NormalizedLabels); aws/karpenter-provider-aws
pkg/operator/operator.go (the zone).
"""
_FROM_INSTANCE = tuple(f"{group}/{part}-" for group in KINDS for part in ("instance", "capacity"))


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
    named = (ZONE, REGION, ARCH, OS, INSTANCE_TYPE, CAPACITY_TYPE, ZONE_ID, WINDOWS_BUILD)
    return key in named or key.startswith(_FROM_INSTANCE)


class Requirements:
    """The requirements of a pool by label key, intersected; its labels count as requirements of one value."""

    def __init__(self, pool: NodePool) -> None:
        self._by_key: dict[str, Requirement] = {}
        template = pool.spec.template
        self.least: dict[str, int] = {}
        """Of how many values of a label there must be instance types to choose among (``minValues``)."""
        for limit in template.spec.requirements:
            if limit.min_values is not None:
                self.least[stable(limit.key)] = max(limit.min_values, self.least.get(stable(limit.key), 0))
        labelled = (SelectorRequirement(key, "In", (value,)) for key, value in template.metadata.labels.items())
        for item in (*template.spec.requirements, *labelled):
            key = stable(item.key)
            known = self._by_key.get(key, Requirement())
            # An operator that is not known here excludes nothing: what may be chosen is never left out.
            demand = parse(item)
            self._by_key[key] = known if demand is None else intersect(known, demand)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that is named, sorted."""
        return tuple(sorted(self._by_key))

    @property
    def by_key(self) -> Mapping[str, Requirement]:
        """What is asked of each label that is named, under the key that Karpenter keeps (:func:`stable`)."""
        return self._by_key

    def __contains__(self, key: str) -> bool:
        return stable(key) in self._by_key

    def admits(self, key: str, value: str | None) -> bool:
        """Whether the requirements on a key admit a value, or the label's absence (None)."""
        demand = self._by_key.get(stable(key))
        if demand is None:
            return True
        return meet(EMPTY if value is None else Requirement(frozenset((value,)), complement=False), demand)

    def values(self, key: str) -> tuple[str, ...] | None:
        """The values that a label may have, sorted, where the pool names them all; None where the choice is open."""
        demand = self._by_key.get(stable(key))
        return None if demand is None or demand.complement else tuple(sorted(demand.values))

    def absent(self, key: str) -> bool:
        """Whether nodes of the pool never have a label: a key of the user's own that it does not name, or forbids.

        Demands that contradict one another forbid it too.
        """
        demand = self._by_key.get(stable(key))
        return not well_known(stable(key)) if demand is None else demand.empty

    def unknown(self, key: str) -> Unknown:
        """Why the value of a label that is named, or that follows from the instance, is open."""
        values = self.values(key)
        if values is None:
            what = f"label {key} of a node not yet born: the NodePool leaves it open"
        else:
            what = f"label {key} of a node not yet born is one of {', '.join(values) or 'no value at all'}"
        return Unknown(Cause.NOT_MODELLED, what)


def stable(key: str) -> str:
    """The key under which Karpenter keeps a label."""
    return _STABLE.get(key, key)
