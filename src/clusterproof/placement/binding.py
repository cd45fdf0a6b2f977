"""VolumeBinding and VolumeZone: where the volumes of a pod are, and where those that it still lacks can be.

Source: kubernetes ``pkg/scheduler/framework/plugins/volumebinding`` (``volume_binding.go``, ``binder.go``),
``volumezone/volume_zone.go``, component-helpers ``storage/volume/pv_helpers.go`` (``FindMatchingVolume``) and
``pkg/apis/core/v1/helper`` (``MatchTopologySelectorTerms``), v1.31.13 to v1.36.3. What differs: up to 1.32 a volume that
does not fit says "had volume node affinity conflict". Node affinities of in-tree EBS volumes are read as they are
written; the scheduler rewrites the zone's key for nodes whose driver took over, with the same value.

Not read, so unknown where it decides: CSIDriver and CSIStorageCapacity, of drivers other than those of AWS, which
do not ask for capacity to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from clusterproof.placement.feasibility import (
    FEASIBLE,
    Feasibility,
    first_of,
    judged,
    refused,
    refused_whole,
    undecided,
)
from clusterproof.placement.node import NodeView
from clusterproof.placement.quantity import amount
from clusterproof.placement.storage import (
    BETA_CLASS,
    Objects,
    Storage,
    bound,
    claim_name,
    claim_to_be,
    claims_of,
    class_of,
)
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import (
    PersistentVolume,
    PersistentVolumeClaim,
    Pod,
    SelectorRequirement,
    StorageClass,
    TopologyTerm,
)
from clusterproof.world.readable import VOLUME_ZONES
from clusterproof.world.selectors import Truth, all_of, any_of, matches, node_terms_match, requirement_matches

BINDING, ZONE = "VolumeBinding", "VolumeZone"
ZONE_LABELS = VOLUME_ZONES
GA_LABEL = dict(zip(ZONE_LABELS[:2], ZONE_LABELS[2:], strict=True))
SELECTED_NODE = "volume.kubernetes.io/selected-node"
NO_PROVISIONER = "kubernetes.io/no-provisioner"
UNBOUND = "pod has unbound immediate PersistentVolumeClaims"
NOTHING_TO_BIND = "node(s) didn't find available persistent volumes to bind"
OTHER_ZONE = "node(s) had no available volume zone"
VOLUME_GONE = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"
CAPACITY_FREE = ("ebs.csi.aws.com", "efs.csi.aws.com", "fsx.csi.aws.com", "s3.csi.aws.com", "ebs.csi.eks.amazonaws.com")
"""Drivers whose CSIDriver does not ask for storage capacity to be tracked (their Helm charts' ``csidriver.yaml``)."""


class Wanted(msgspec.Struct, frozen=True):
    """The claims of a pod, sorted as the scheduler does before it looks at nodes.

    Attributes:
        held: what bound claims are bound to, in order; None for a volume that is not there.
        zones: label key and values of the volumes of named claims.
        delayed: claims that wait for the pod's node, smallest first, each with its class.
        free: volumes that a delayed claim may take, by class, by name.
    """

    held: tuple[PersistentVolume | None, ...] = ()
    zones: tuple[tuple[str, tuple[str, ...]], ...] = ()
    delayed: tuple[tuple[PersistentVolumeClaim, StorageClass], ...] = ()
    free: tuple[PersistentVolume, ...] = ()


def wanted(pod: Pod, storage: Storage) -> Wanted | Feasibility:
    """The claims of a pod, or why no node can take it at all (PreFilter), or that this is not known.

    The claim of a generic ephemeral volume that is not there yet is taken as its controller will make it.
    """
    found: list[PersistentVolumeClaim] = []
    named: list[PersistentVolumeClaim] = []
    absent: list[Feasibility] = []  # VolumeRestrictions is asked before VolumeBinding
    answers: list[Feasibility] = []
    for volume in claims_of(pod.spec):
        name = claim_name(pod.metadata.name, volume)
        claim = storage.claims.get(f"{pod.metadata.namespace}/{name}")
        if isinstance(claim, Unknown):
            answers.append(undecided(BINDING, claim))
        elif claim is None and volume.ephemeral is None:
            absent.append(refused_whole("VolumeRestrictions", f'persistentvolumeclaim "{name}" not found'))
        elif claim is None:
            found.append(claim_to_be(pod.metadata.namespace, name, volume, storage.classes))
            if storage.classes.missing is not None:
                answers.append(undecided(BINDING, storage.classes.missing))
        else:
            found.append(claim)
            if volume.ephemeral is None:
                named.append(claim)
            answers.append(_usable(claim, pod, ephemeral=volume.ephemeral is not None))
    sorted_claims = _sorted(found, named, storage)
    answer = first_of([*absent, *answers, *([sorted_claims] if isinstance(sorted_claims, Feasibility) else [])])
    return sorted_claims if answer.ok is True and isinstance(sorted_claims, Wanted) else answer


def _usable(claim: PersistentVolumeClaim, pod: Pod, *, ephemeral: bool) -> Feasibility:
    name = claim.metadata.name
    if claim.status.phase == "Lost":
        text = f'persistentvolumeclaim "{name}" bound to non-existent persistentvolume "{claim.spec.volume_name}"'
        return refused_whole(BINDING, text)
    if claim.metadata.deletion_timestamp is not None:
        return refused_whole(BINDING, f'persistentvolumeclaim "{name}" is being deleted')
    if ephemeral and not any(
        one.controller and one.kind == "Pod" and one.name == pod.metadata.name
        for one in claim.metadata.owner_references
    ):
        key = f"{pod.metadata.namespace}/{name}"
        owner = f"{pod.metadata.namespace}/{pod.metadata.name}"
        return refused_whole(BINDING, f"PVC {key} was not created for pod {owner} (pod is not owner)")
    return FEASIBLE


def _sorted(
    claims: Sequence[PersistentVolumeClaim], named: Sequence[PersistentVolumeClaim], storage: Storage
) -> Wanted | Feasibility:
    """Bound, waiting for a node, or to be bound at once, which refuses the pod until it is."""
    answers: list[Feasibility] = []
    delayed: list[tuple[PersistentVolumeClaim, StorageClass]] = []
    held: list[PersistentVolume | None] = []
    gone: list[Feasibility] = []
    zones: list[tuple[str, tuple[str, ...]]] = []
    for claim in claims:
        if bound(claim):
            volume = storage.volumes.get(claim.spec.volume_name)
            if isinstance(volume, Unknown):
                answers.append(undecided(BINDING, volume))
                continue
            held.append(volume)
            if volume is None and claim in named:
                gone.append(refused_whole(ZONE, f'persistentvolume "{claim.spec.volume_name}" not found'))
            elif volume is not None and claim in named:
                zones += zones_of(volume)
            continue
        made = storage.classes.get(class_of(claim)) if class_of(claim) else None
        if isinstance(made, Unknown):
            answers.append(undecided(BINDING, made))
        elif made is None or made.volume_binding_mode != "WaitForFirstConsumer" or claim.spec.volume_name:
            answers.append(refused_whole(BINDING, UNBOUND))
        else:
            delayed.append((claim, made))
    if delayed and storage.volumes.missing is not None:
        answers.append(undecided(BINDING, storage.volumes.missing))
    answer = first_of([*answers, *gone])
    if answer.ok is not True:
        return answer
    classes = {class_of(claim) for claim, _ in delayed}
    free = [one for name, one in sorted(storage.volumes.found.items()) if classes and volume_class(one) in classes]
    delayed.sort(key=lambda pair: _size(pair[0]))
    return Wanted(tuple(held), tuple(zones), tuple(delayed), tuple(free))


def binding(need: Wanted | Feasibility, node: NodeView, version: SchedulerVersion) -> Feasibility:
    """VolumeBinding, then VolumeZone, for one node."""
    if isinstance(need, Feasibility):
        return need
    return first_of([_binding(need, node, version), _zone(need, node)])


def _binding(need: Wanted, node: NodeView, version: SchedulerVersion) -> Feasibility:
    reasons: list[str] = []
    answers: list[Feasibility] = []
    gone = False
    for volume in need.held:
        if volume is None:
            gone = True
            break
        truth = fits_volume(volume, node)
        if truth is False:
            reasons.append(conflict(version))
            break
        if isinstance(truth, Unknown):
            answers.append(undecided(BINDING, truth))
    if need.delayed:
        answer = _delayed(need, node)
        if answer.ok is False:
            reasons += answer.reasons
        answers.append(answer)
    if gone:
        reasons.append(VOLUME_GONE)
    if reasons:
        return refused(BINDING, *reasons, final=True)
    return first_of(answers)


def conflict(version: SchedulerVersion) -> str:
    """What VolumeBinding says of a bound volume that the node cannot have; other words from 1.33."""
    if version.names_persistent_volume:
        return "node(s) didn't match PersistentVolume's node affinity"
    return "node(s) had volume node affinity conflict"


def _delayed(need: Wanted, node: NodeView) -> Feasibility:
    taken: set[str] = set()
    answers: list[Feasibility] = []
    provision: list[tuple[PersistentVolumeClaim, StorageClass]] = []
    match: list[tuple[PersistentVolumeClaim, StorageClass]] = []
    for claim, made in need.delayed:
        selected = claim.metadata.annotations.get(SELECTED_NODE)
        if selected is not None and isinstance(node.name, str) and selected != node.name:
            return refused(BINDING, NOTHING_TO_BIND, final=True)
        (match if selected is None else provision).append((claim, made))
    for claim, made in match:
        volume = _smallest(claim, need.free, node, taken)
        if isinstance(volume, Unknown):
            answers.append(undecided(BINDING, volume))
        elif volume is None:
            provision.append((claim, made))
        else:
            taken.add(volume.metadata.name)
    answers += [_provisioned(claim, made, node) for claim, made in provision]
    return first_of(answers)


def _provisioned(claim: PersistentVolumeClaim, made: StorageClass, node: NodeView) -> Feasibility:
    """Whether the class can make a volume for the node (``checkVolumeProvisions``)."""
    if made.provisioner in ("", NO_PROVISIONER):
        return refused(BINDING, NOTHING_TO_BIND, final=True)
    answer = judged(in_topologies(made.allowed_topologies, node), BINDING, NOTHING_TO_BIND, final=True)
    if answer.ok is False or made.provisioner in CAPACITY_FREE or "/" in made.provisioner:
        return answer
    if not claim.spec.resources.requests:
        return answer
    what = f"whether {made.provisioner} has room for a new volume there (CSIDriver, CSIStorageCapacity)"
    return first_of([answer, undecided(BINDING, Unknown(Cause.NOT_MODELLED, what))])


def in_topologies(terms: Sequence[TopologyTerm], node: NodeView) -> Truth:
    """``MatchTopologySelectorTerms``: no terms admit every node, a term without expressions none."""
    if not terms:
        return True
    return any_of(
        all_of(
            requirement_matches(SelectorRequirement(one.key, "In", one.values), node.label_state)
            for one in term.match_label_expressions
        )
        for term in terms
        if term.match_label_expressions
    )


def _smallest(
    claim: PersistentVolumeClaim, volumes: Iterable[PersistentVolume], node: NodeView, taken: set[str]
) -> PersistentVolume | Unknown | None:
    """The volume that a claim takes on a node: the one made for it, else the smallest that suits and is available."""
    best: PersistentVolume | None = None
    doubt: Unknown | None = None
    for volume in volumes:
        mine = claims_volume(volume, claim)
        if volume.metadata.name in taken or not suits(volume, claim):
            continue
        truth = fits_volume(volume, node)
        if mine:
            return truth if isinstance(truth, Unknown) else (volume if truth else None)
        if volume.status.phase != "Available" or not set(claim.spec.access_modes) <= set(volume.spec.access_modes):
            continue
        if isinstance(truth, Unknown):
            doubt = doubt or truth
        elif truth and (best is None or _capacity(volume) < _capacity(best)):
            best = volume
    return best if best is not None else doubt


def suits(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """Whether a volume is as the claim wants it, wherever it is (``FindMatchingVolume`` without node and phase)."""
    mine = claims_volume(volume, claim)
    if volume.spec.claim_ref is not None and not mine:
        return False
    if _capacity(volume) < _size(claim) or volume.spec.volume_mode != claim.spec.volume_mode:
        return False
    if volume.spec.volume_attributes_class_name != claim.spec.volume_attributes_class_name:
        return False
    if volume.metadata.deletion_timestamp is not None:
        return False
    selector = claim.spec.selector
    wished = selector is None or matches(selector, volume.metadata.labels)
    return mine or (volume_class(volume) == class_of(claim) and wished)


def claims_volume(volume: PersistentVolume, claim: PersistentVolumeClaim) -> bool:
    """``IsVolumeBoundToClaim``: the volume names the claim."""
    ref = volume.spec.claim_ref
    if ref is None or (ref.namespace, ref.name) != (claim.metadata.namespace, claim.metadata.name):
        return False
    return not ref.uid or not claim.metadata.uid or ref.uid == claim.metadata.uid


def volume_class(volume: PersistentVolume) -> str:
    """``GetPersistentVolumeClass``."""
    return volume.metadata.annotations.get(BETA_CLASS, volume.spec.storage_class_name)


def fits_volume(volume: PersistentVolume, node: NodeView) -> Truth:
    """``CheckNodeAffinity``: the volume's node affinity, over the node's labels alone."""
    affinity = volume.spec.node_affinity
    if affinity is None or affinity.required is None:
        return True
    return node_terms_match(affinity.required.node_selector_terms, node.label_state, "")


def zones_of(volume: PersistentVolume) -> list[tuple[str, tuple[str, ...]]]:
    """The zone and region labels of a volume; several values are joined by ``__``, and an empty one voids the label."""
    labels = volume.metadata.labels
    found = []
    for key in ZONE_LABELS:
        values = tuple(sorted(labels[key].split("__"))) if key in labels else ()
        if values and all(value.strip() for value in values):
            found.append((key, tuple(value.strip() for value in values)))
    return found


def _zone(need: Wanted, node: NodeView) -> Feasibility:
    if not need.zones:
        return FEASIBLE
    own = [node.label_state(key) for key in ZONE_LABELS]
    if all(value is None for value in own):
        return FEASIBLE  # a node without any zone is taken to be of a cluster in one zone
    truths: list[Truth] = []
    for key, values in need.zones:
        value = node.label_state(key)
        value = node.label_state(GA_LABEL.get(key, key)) if value is None else value
        truths.append(value if isinstance(value, Unknown) else value in values)
    return judged(all_of(truths), ZONE, OTHER_ZONE, final=True)


def _size(claim: PersistentVolumeClaim) -> int:
    return amount("storage", claim.spec.resources.requests.get("storage", 0))


def _capacity(volume: PersistentVolume) -> int:
    return amount("storage", volume.spec.capacity.get("storage", 0))


def known(objects: Objects[PersistentVolume]) -> tuple[PersistentVolume, ...]:
    """The volumes that were read, by name."""
    return tuple(one for _, one in sorted(objects.found.items()))
