"""Which nodes a pod's volumes can ever be on: what holds for good, as rules over the labels of nodes.

A bound claim's volume says where it is; a claim that is not bound can be anywhere that its class makes volumes, or
where one that it may take already is. For the scheduler's answer of today see :mod:`clusterproof.placement.binding`.

Source: kubernetes ``pkg/scheduler/framework/plugins/volumebinding`` (a bound volume's ``nodeAffinity``; for a claim that
waits for its first consumer available volumes, else ``allowedTopologies``) and ``volumezone`` (zone and region labels of
the volume, several values joined by ``__``; nodes without any such label are let pass).
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from clusterproof.placement.binding import (
    BINDING,
    GA_LABEL,
    NO_PROVISIONER,
    NOTHING_TO_BIND,
    OTHER_ZONE,
    ZONE,
    ZONE_LABELS,
    conflict,
    known,
    suits,
    zones_of,
)
from clusterproof.placement.storage import Objects, Storage, claim_name, claim_to_be, claims_of, class_of, default_class
from clusterproof.placement.version import SchedulerVersion
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import (
    NodeSelector,
    NodeSelectorTerm,
    PersistentVolume,
    PersistentVolumeClaim,
    PodSpec,
    SelectorRequirement,
)


class VolumeRule(msgspec.Struct, frozen=True):
    """A condition over a node's labels, with the plugin that asks it and what that says of a node that fails it."""

    selector: NodeSelector
    plugin: str
    reason: str


def volume_rules(
    spec: PodSpec, namespace: str, storage: Storage, pod_name: str = "", *, version: SchedulerVersion | None = None
) -> tuple[VolumeRule, ...] | Unknown:
    """What the volumes of a pod ask of its node for good; every rule has to hold.

    Args:
        spec: the pod.
        namespace: the pod's, which is that of its claims.
        storage: claims, volumes and classes.
        pod_name: the pod's, where it has generic ephemeral volumes whose claims are there already.
        version: the scheduler's, whose words are said; else 1.31.

    Returns:
        The rules, or why they cannot be told: a claim, a volume or a class that was not read, or that is not there
        (the pod waits for it, and where it will be is not known).
    """
    rules: list[VolumeRule] = []
    for volume in claims_of(spec):
        name = claim_name(pod_name, volume)
        key = f"{namespace}/{name}"
        claim = storage.claims.get(key)
        if volume.ephemeral is not None and not isinstance(claim, PersistentVolumeClaim):
            # It is made for each pod anew, from a template that is read: other claims tell nothing of it.
            claim = claim_to_be(namespace, name, volume, storage.classes)
            if storage.classes.missing is not None:
                return storage.classes.missing
        if isinstance(claim, Unknown):
            return claim
        if claim is None:
            return _absent("persistent volume claim", key)
        found = _of_claim(claim, key, storage, version or SchedulerVersion())
        if isinstance(found, Unknown):
            return found
        rules += found
    return tuple(rules)


def volume_selectors(
    spec: PodSpec,
    namespace: str,
    claims: Mapping[str, PersistentVolumeClaim] | Unknown,
    volumes: Mapping[str, PersistentVolume] | Unknown,
    storage: Storage | None = None,
) -> tuple[NodeSelector, ...] | Unknown:
    """The selectors of :func:`volume_rules` alone, for claims and volumes of which all or nothing was read."""
    rest = storage or Storage()
    given = msgspec.structs.replace(
        rest,
        claims=Objects({}, claims) if isinstance(claims, Unknown) else Objects(claims),
        volumes=Objects({}, volumes) if isinstance(volumes, Unknown) else Objects(volumes),
    )
    found = volume_rules(spec, namespace, given)
    return found if isinstance(found, Unknown) else tuple(rule.selector for rule in found)


def _of_claim(
    claim: PersistentVolumeClaim, key: str, storage: Storage, version: SchedulerVersion
) -> list[VolumeRule] | Unknown:
    if claim.spec.volume_name:
        volume = storage.volumes.get(claim.spec.volume_name)
        if isinstance(volume, Unknown):
            return volume
        if volume is None:
            return _absent("persistent volume", claim.spec.volume_name)
        return _of_volume(volume, version)
    # A claim that names no class gets the default one as soon as there is one.
    name = class_of(claim) or (default_class(storage.classes) or "" if claim.spec.storage_class_name is None else "")
    if not name and claim.spec.storage_class_name is None and storage.classes.missing is not None:
        return storage.classes.missing
    made = storage.classes.get(name) if name else None
    if isinstance(made, Unknown):
        return made
    if name and made is None:
        return _absent("storage class", name)
    provisions = made is not None and made.provisioner not in ("", NO_PROVISIONER)
    if made is not None and provisions and not made.allowed_topologies:
        return []
    if storage.volumes.missing is not None:
        return storage.volumes.missing
    terms: list[NodeSelectorTerm] = []
    if made is not None and provisions:
        terms += [
            NodeSelectorTerm(
                tuple(SelectorRequirement(one.key, "In", one.values) for one in term.match_label_expressions)
            )
            for term in made.allowed_topologies
            if term.match_label_expressions
        ]
    for volume in known(storage.volumes):
        if suits(volume, claim):
            affinity = volume.spec.node_affinity
            if affinity is None or affinity.required is None:
                return []
            terms += affinity.required.node_selector_terms
    if not terms:
        return _absent("volume, nor a storage class that makes one, for claim", key)
    return [VolumeRule(NodeSelector(tuple(terms)), BINDING, NOTHING_TO_BIND)]


def _of_volume(volume: PersistentVolume, version: SchedulerVersion) -> list[VolumeRule]:
    rules = []
    affinity = volume.spec.node_affinity
    if affinity is not None and affinity.required is not None:
        rules.append(VolumeRule(affinity.required, BINDING, conflict(version)))
    none = NodeSelectorTerm(tuple(SelectorRequirement(key, "DoesNotExist") for key in ZONE_LABELS))
    for key, values in zones_of(volume):
        terms = [NodeSelectorTerm((SelectorRequirement(key, "In", values),))]
        if key in GA_LABEL:
            newer = SelectorRequirement(GA_LABEL[key], "In", values)
            terms.append(NodeSelectorTerm((SelectorRequirement(key, "DoesNotExist"), newer)))
        rules.append(VolumeRule(NodeSelector((*terms, none)), ZONE, OTHER_ZONE))
    return rules


def _absent(what: str, key: str) -> Unknown:
    return Unknown(
        Cause.NOT_ANSWERABLE,
        f"there is no {what} {key}: the pod waits for it, and where it will be is not known",
        f"create it, or take it out of the pod: {key}",
    )
