"""What of a node a loaded rule can read: the key of its class (design rule 8).

Two nodes whose readable labels have equal answers to every loaded selector,
whose taints, capacity steps and interfaces are equal, are one class. Labels are
read by node selectors, node affinity, topology keys, volumes' node affinity and
zone labels, the topologies that storage classes allow, node selectors of runtime classes (merged into the workloads), the VPC CNI's ENIConfig label, devices (resource slices, allocated claims), and what a profile adds.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

import msgspec

from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes import (
    Labels,
    NodeSelector,
    NodeSelectorTerm,
    PersistentVolume,
    PodSpec,
    StorageClass,
)
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.model import Workload

ZONE = "topology.kubernetes.io/zone"
REGION = "topology.kubernetes.io/region"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
HOSTNAME = "kubernetes.io/hostname"
OS = "kubernetes.io/os"
ARCH = "kubernetes.io/arch"
VOLUME_ZONES = (
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    ZONE,
    REGION,
)
"""Labels of a volume that VolumeZone compares with those of a node."""

_ANY_VALUE = None


class Readable:
    """Label keys with the values that rules name; a key maps to None where every value matters."""

    def __init__(self) -> None:
        self._values: dict[str, set[str] | None] = {OS: {"linux"}}
        self._names: set[str] = set()

    def add_key(self, key: str) -> None:
        """Every value of this label matters."""
        self._values[key] = _ANY_VALUE

    def add_value(self, key: str, value: str) -> None:
        """Some rule asks whether this label has this value."""
        values = self._values.setdefault(key, set())
        if values is not None:
            values.add(value)

    def add_presence(self, key: str) -> None:
        """Only whether the label is there matters (a topology key, Exists)."""
        self._values.setdefault(key, set())

    def add_spec(self, spec: PodSpec) -> None:
        """Everything of a pod that the scheduler compares with node labels, and the node that a template names.

        Nodes in different domains of a required pod affinity are different places, so each value of its
        topology key matters; host names do not: whether two places share a node is asked of the class.
        """
        if spec.node_name:
            self._names.add(spec.node_name)
        for key, value in spec.node_selector.items():
            self.add_value(key, value)
        for constraint in spec.topology_spread_constraints:
            self.add_presence(constraint.topology_key)
        affinity = spec.affinity
        if affinity is None:
            return
        if affinity.node_affinity is not None:
            if affinity.node_affinity.required is not None:
                self.add_terms(affinity.node_affinity.required.node_selector_terms)
            self.add_terms(term.preference for term in affinity.node_affinity.preferred)
        for side in (affinity.pod_affinity, affinity.pod_anti_affinity):
            if side is not None:
                for term in side.required:
                    if term.topology_key == HOSTNAME:
                        self.add_presence(HOSTNAME)
                    else:
                        self.add_key(term.topology_key)

    def add_terms(self, terms: Iterable[NodeSelectorTerm]) -> None:
        """Node selector terms, of a pod or of a volume."""
        for term in terms:
            for requirement in term.match_expressions:
                if requirement.operator in ("Gt", "Lt"):
                    self.add_key(requirement.key)
                elif requirement.values:
                    for value in requirement.values:
                        self.add_value(requirement.key, value)
                else:
                    self.add_presence(requirement.key)
            for requirement in term.match_fields:
                self._names.update(requirement.values)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every label key that some rule reads, sorted."""
        return tuple(sorted(self._values))

    @property
    def signature(self) -> tuple[object, ...]:
        """Equal for two that tell the same nodes apart."""
        values = ((key, None if named is None else tuple(sorted(named))) for key, named in self._values.items())
        return tuple(sorted(values, key=itemgetter(0))), tuple(sorted(self._names))

    def labels(self, labels: Labels) -> Labels:
        """The readable part of a node's labels, sorted by key."""
        return {key: labels[key] for key in self.keys if key in labels}

    def key(self, labels: Labels, name: str) -> tuple[tuple[str, str], ...]:
        """What rules can tell of these labels: a value that no rule names is as good as any other such value."""
        parts: list[tuple[str, str]] = []
        for key, values in self._values.items():
            value = labels.get(key)
            if value is None:
                continue
            parts.append((key, value if values is _ANY_VALUE or value in values else "\x00"))
        if name in self._names:
            parts.append(("metadata.name", name))
        parts.sort()
        return tuple(parts)


def readable(
    workloads: Iterable[Workload],
    volumes: Iterable[PersistentVolume],
    also: Iterable[str] = (),
    devices: Iterable[NodeSelector] = (),
    storage_classes: Iterable[StorageClass] = (),
) -> Readable:
    """Everything that the loaded rules can read of a node's labels.

    Args:
        workloads: all of them.
        volumes: all of them.
        also: keys that a profile reads.
        devices: the nodes that devices can be used from (:func:`device_selectors`).
        storage_classes: all of them; where they can make volumes is asked of a node's labels.
    """
    result = Readable()
    seen: set[int] = set()
    for workload in workloads:
        if id(workload.spec) not in seen:
            seen.add(id(workload.spec))
            result.add_spec(workload.spec)
    for volume in volumes:
        affinity = volume.spec.node_affinity
        if affinity is not None and affinity.required is not None:
            result.add_terms(affinity.required.node_selector_terms)
        if not volume.metadata.labels.keys().isdisjoint(VOLUME_ZONES):
            # VolumeZone compares these with the node's, and asks whether a node has any of them at all.
            for key in VOLUME_ZONES:
                result.add_key(key)
    for made in storage_classes:
        for term in made.allowed_topologies:
            for expression in term.match_label_expressions:
                for value in expression.values:
                    result.add_value(expression.key, value)
    for selector in devices:
        # Names are not told apart here: each node of a class is asked about its own devices.
        result.add_terms(msgspec.structs.replace(term, match_fields=()) for term in selector.node_selector_terms)
    for key in also:
        result.add_key(key)
    for key in (ZONE, INSTANCE_TYPE):
        result.add_key(key)
    return result


def device_selectors(workloads: Iterable[Workload], snapshot: Snapshot) -> list[NodeSelector]:
    """Node selectors of devices, and of claims that are allocated; none where no workload has a claim."""
    if not any(workload.spec.resource_claims for workload in workloads):
        return []
    slices, claims = snapshot.objects(kinds.RESOURCE_SLICES), snapshot.objects(kinds.RESOURCE_CLAIMS)
    found = [one.spec.node_selector for one in slices]
    found += [device.body.node_selector for one in slices for device in one.spec.devices]
    found += [one.status.allocation.node_selector for one in claims if one.status.allocation is not None]
    return [one for one in found if one is not None]
