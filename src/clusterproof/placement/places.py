"""Where a workload's pods may be, today and tomorrow: node classes with the interface the pod has there.

Feasibility is structural (design rule 3). A class that cannot be decided stays a
place, with its doubt; a class that refuses is kept with the scheduler's reason.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.errors import ClusterproofError
from clusterproof.placement.fargate import on_fargate
from clusterproof.placement.filters import Feasibility, needs_of, structural
from clusterproof.placement.message import unschedulable_message
from clusterproof.placement.node import NodeView
from clusterproof.placement.volumes import volume_selectors
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import ClaimSource, NodeSelector, Volume
from clusterproof.world.model import Interface, NodeClass, Workload
from clusterproof.world.selectors import any_of
from clusterproof.world.world import World


class Place(msgspec.Struct, frozen=True):
    """A node class and an interface that the pod may have there.

    Attributes:
        doubt: set when it cannot be said whether the pod may be scheduled here.
        stays: a pod of it runs here today, though no further one would be scheduled here (a taint or a label came
            later, another template made it, or it is on Fargate).
    """

    node_class: NodeClass
    interface: Interface
    doubt: Unknown | None = None
    stays: bool = False

    @property
    def text(self) -> str:
        """``gpu`` or ``gpu (node not yet born)``, with the zone where known."""
        node_class = self.node_class
        where = node_class.nodes[0] if node_class.born and node_class.nodes else "a node not yet born"
        more = f" and {len(node_class.nodes) - 1} more" if len(node_class.nodes) > 1 else ""
        zone = f", {node_class.zone}" if node_class.zone else ""
        return f"{node_class.group} ({where}{more}{zone})"


class Refusal(msgspec.Struct, frozen=True):
    """A node class that refuses the workload, with the scheduler's reason."""

    node_class: NodeClass
    feasibility: Feasibility


class Places(msgspec.Struct, frozen=True):
    """All places of a workload.

    Attributes:
        places: feasible ones and those in doubt.
        refused: the others.
    """

    places: tuple[Place, ...]
    refused: tuple[Refusal, ...]

    @property
    def message(self) -> str:
        """The scheduler's own kind of summary of what refuses."""
        born = [refusal for refusal in self.refused if refusal.node_class.born]
        if not born:
            return "there is no node and no node group that would take it."
        counts = [len(refusal.node_class.nodes) for refusal in born]
        return unschedulable_message([refusal.feasibility for refusal in born], counts=counts)


def places(world: World, workload: Workload) -> Places:
    """Where the workload's pods may be scheduled, on nodes that exist and on nodes not yet born."""
    try:
        needs = needs_of(workload.spec, pinned=bool(workload.spec.node_name))
    except ClusterproofError as error:
        unread = Unknown(Cause.ERROR, f"{workload.id}: {error}")
        return Places(
            tuple(
                Place(node_class, interface, unread)
                for node_class in world.classes
                for interface in world.interfaces.of(workload, node_class)
            ),
            (),
        )
    volumes = _volume_choices(world, workload)
    found: list[Place] = []
    refused: list[Refusal] = []
    today = frozenset(workload.pod_nodes)
    for node_class in world.classes:
        decided = on_fargate(world, workload, node_class)
        view = view_of(node_class)
        answers = [decided] if decided is not None else [structural(needs, view, choice) for choice in volumes]
        truth = any_of(answer.ok for answer in answers)
        if truth is False:
            refused.append(Refusal(node_class, answers[0]))
            if not today.isdisjoint(node_class.nodes):
                # Filters are asked once: a pod that is there stays, and every placement counts, today's too.
                interfaces = world.interfaces.of(workload, node_class)
                found += [Place(node_class, interface, stays=True) for interface in interfaces]
            continue
        doubt = truth if isinstance(truth, Unknown) else None
        found += [Place(node_class, interface, doubt) for interface in world.interfaces.of(workload, node_class)]
    return Places(tuple(found), tuple(refused))


def view_of(node_class: NodeClass) -> NodeView:
    """The first node of a class as the scheduler's filters see it."""
    name: str | Unknown = (
        node_class.nodes[0] if node_class.nodes else Unknown(Cause.NOT_MODELLED, "a node not yet born has no name")
    )
    return NodeView(
        name=name,
        labels=node_class.labels,
        unknown_labels=node_class.unknown_labels,
        taints=node_class.taints,
        allocatable=node_class.allocatable,
        born=node_class.born,
        key=node_class.id,
        devices_known=node_class.devices_known,
    )


def _volume_choices(world: World, workload: Workload) -> list[Sequence[NodeSelector] | Unknown]:
    """What bound volumes ask, once per distinct set of claims among the pods; any of them may be the one that moves."""
    names: tuple[tuple[str, ...], ...] = workload.claims or (
        tuple(
            volume.persistent_volume_claim.claim_name
            for volume in workload.spec.volumes
            if volume.persistent_volume_claim is not None
        ),
    )
    if workload.claims and workload.kind == "StatefulSet" and (workload.replicas or 0) > len(workload.pod_names):
        # Pods that are still to come may get volumes of their own, which bind nothing yet.
        names = (*names, ())
    snapshot = world.snapshot
    claims_missing = snapshot.missing(kinds.CLAIMS, workload.namespace)
    volumes_missing = snapshot.missing(kinds.VOLUMES)
    result: list[Sequence[NodeSelector] | Unknown] = []
    for claims in names:
        if not claims:
            result.append(())
            continue
        volumes = tuple(Volume(name, ClaimSource(name)) for name in claims)
        spec = msgspec.structs.replace(workload.spec, volumes=volumes)
        by_key = {f"{obj.metadata.namespace}/{obj.metadata.name}": obj for obj in snapshot.objects(kinds.CLAIMS)}
        by_name = {obj.metadata.name: obj for obj in snapshot.objects(kinds.VOLUMES)}
        result.append(
            volume_selectors(
                spec,
                workload.namespace,
                by_key if claims_missing is None or by_key else claims_missing,
                by_name if volumes_missing is None or by_name else volumes_missing,
            )
        )
    return result
