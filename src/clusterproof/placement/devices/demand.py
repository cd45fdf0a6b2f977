"""What a pod asks of the devices: its claims, with the words the scheduler refuses them in.

Source: kubernetes ``pkg/scheduler/framework/plugins/dynamicresources/dynamicresources.go`` (``foreachPodResourceClaim``,
``PreFilter``), ``staging/src/k8s.io/dynamic-resource-allocation/resourceclaim``; a claim may be reserved for 256 users
(``ResourceClaimReservedForMaxSize``).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from clusterproof.placement.devices.inventory import Inventory
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import NodeSelector, Pod, PodMetadata, PodSpec, ResourceClaim
from clusterproof.snapshot.kubernetes.devices import (
    Allocation,
    DeviceClaim,
    DeviceConstraint,
    DeviceRequest,
    ExactRequest,
)

OLDEST = 32
"""The first minor version with resource.k8s.io/v1beta1; before, allocation followed other rules."""
MAX_USERS = 256
MAX_DEVICES = 32
"""Devices of one claim (``AllocationResultsMaxSize``)."""


class Ask(msgspec.Struct, frozen=True):
    """Devices of one class for one request.

    Attributes:
        request: the request's name.
        choice: the subrequest's name, empty where the request is exact.
        exact: what is asked.
        of_class: selectors of the class, CEL.
        of_request: selectors of the request, CEL.
    """

    request: str
    choice: str
    exact: ExactRequest
    of_class: tuple[str, ...]
    of_request: tuple[str, ...]


class ClaimAsk(msgspec.Struct, frozen=True):
    """A claim that has to be allocated: per request the choices in the order of preference."""

    key: str
    requests: tuple[tuple[Ask, ...], ...]
    constraints: tuple[DeviceConstraint, ...]


class Held(msgspec.Struct, frozen=True):
    """A claim that is allocated already.

    Attributes:
        key: ``namespace/name``.
        nodes: from where the allocation can be used, None for everywhere.
        anew: what it would ask if it were allocated anew; an Unknown or a refusal in words where it could not be.
        idle: no other pod uses it, so that the scheduler may take the allocation back (``PostFilter``).
    """

    key: str
    nodes: NodeSelector | None
    anew: ClaimAsk | Unknown | str
    idle: bool = False


class Demand(msgspec.Struct, frozen=True):
    """The claims of a pod.

    Attributes:
        asks: to be allocated.
        held: allocated already.
        refusal: why no node can be given the pod, in the scheduler's words; empty where that is not so.
        doubt: what is not known of the claims, else None.
    """

    asks: tuple[ClaimAsk, ...] = ()
    held: tuple[Held, ...] = ()
    refusal: str = ""
    doubt: Unknown | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing is asked at all."""
        return not (self.asks or self.held or self.refusal or self.doubt)


NOTHING = Demand()


def demand_of(pod: Pod, inventory: Inventory | None, *, today: bool = True) -> Demand:
    """Look up the claims of a pod.

    Args:
        pod: not placed yet. A claim that a template stands for and that was not made yet is asked as the template
            says it.
        inventory: None where it was not read.
        today: claims that are in use by others are refused; else what may be once they are free.
    """
    if not pod.spec.resource_claims:
        return NOTHING
    if inventory is None:
        what = "resource claims, device classes and resource slices were not read"
        return Demand(doubt=Unknown(Cause.NOT_COLLECTED, what))
    if inventory.minor is not None and inventory.minor < OLDEST:
        what = f"resource claims in Kubernetes 1.{inventory.minor}, before resource.k8s.io/v1beta1"
        return Demand(doubt=Unknown(Cause.NOT_MODELLED, what))
    asks: list[ClaimAsk] = []
    held: list[Held] = []
    doubt: Unknown | None = None
    for found in _claims(pod, inventory):
        if isinstance(found, str):
            return Demand(refusal=found)
        if isinstance(found, Unknown):
            doubt = doubt or found
            continue
        key, devices, claim = found
        asked = claim_ask(key, devices, inventory)
        allocation = claim.status.allocation if claim is not None else None
        if allocation is not None and claim is not None:
            if today and len(claim.status.reserved_for) >= MAX_USERS and not _reserved(claim, pod):
                return Demand(refusal="resourceclaim in use")
            idle = not claim.status.reserved_for or (len(claim.status.reserved_for) == 1 and _reserved(claim, pod))
            held.append(Held(key, allocation.node_selector, asked, idle))
        elif isinstance(asked, str):
            return Demand(refusal=asked)
        elif isinstance(asked, Unknown):
            doubt = doubt or asked
        else:
            asks.append(asked)
    return Demand(tuple(asks), tuple(held), "", doubt)


def claim_ask(key: str, devices: DeviceClaim, inventory: Inventory) -> ClaimAsk | Unknown | str:
    """What a claim asks, with the selectors of its classes; or the scheduler's words for what it cannot read."""
    requests: list[tuple[Ask, ...]] = []
    for request in devices.requests:
        choices = list[Ask]()
        for choice in _choices(request):
            name = f"{request.name}/{choice.name}" if request.first_available else request.name
            made = _ask(request.name, name, choice, inventory, nested=bool(request.first_available))
            if not isinstance(made, Ask):
                return made
            choices.append(made)
        if not choices:
            return f"resource claim {key}, request {request.name}: unknown request type"
        requests.append(tuple(choices))
    for one in devices.constraints:
        if not one.match_attribute and not one.distinct_attribute:
            return Unknown(Cause.NOT_MODELLED, f"claim {key} has a constraint of a kind that is not modelled")
    return ClaimAsk(key, tuple(requests), devices.constraints)


def allocated(inventory: Inventory, key: str) -> Allocation | None:
    """What a claim has been given."""
    claim = None if isinstance(inventory.claims, Unknown) else inventory.claims.get(key)
    return claim.status.allocation if claim is not None else None


def template_pod(spec: PodSpec, namespace: str) -> Pod:
    """A pod that a template would make, as far as its claims go."""
    return Pod(PodMetadata(namespace=namespace), spec)


_Found = tuple[str, DeviceClaim, ResourceClaim | None]


def _claims(pod: Pod, inventory: Inventory) -> Iterable[_Found | Unknown | str]:
    """Each claim with its key; in place of one the reason why there is none, or why it is not known."""
    namespace = pod.metadata.namespace
    made = {one.name: one.resource_claim_name for one in pod.status.resource_claim_statuses}
    for one in pod.spec.resource_claims:
        if one.resource_claim_name:
            yield _claim(f"{namespace}/{one.resource_claim_name}", inventory, None)
        elif one.resource_claim_template_name and one.name in made:
            if made[one.name]:  # else nothing was made, on purpose, and nothing is needed
                yield _claim(f"{namespace}/{made[one.name]}", inventory, pod)
        elif one.resource_claim_template_name:
            yield _template(f"{namespace}/{one.resource_claim_template_name}", pod, inventory)
        else:
            what = f'pod "{namespace}/{pod.metadata.name}", spec.resourceClaim "{one.name}"'
            yield Unknown(Cause.NOT_MODELLED, f"{what}: none of the supported fields are set")


def _claim(key: str, inventory: Inventory, owner: Pod | None) -> _Found | Unknown | str:
    if isinstance(inventory.claims, Unknown):
        return inventory.claims
    claim = inventory.claims.get(key)
    name = key.partition("/")[2]
    if claim is None:
        return f'could not find ResourceClaim "{key}"'
    if claim.metadata.deletion_timestamp is not None:
        return f'resourceclaim "{name}" is being deleted'
    if owner is not None and not any(
        one.kind == "Pod" and one.controller and one.name == owner.metadata.name
        for one in claim.metadata.owner_references
    ):
        pod = f"{owner.metadata.namespace}/{owner.metadata.name}"
        return f"ResourceClaim {key} was not created for pod {pod} (pod is not owner)"
    return key, claim.spec.devices, claim


def _template(key: str, pod: Pod, inventory: Inventory) -> _Found | Unknown | str:
    if isinstance(inventory.templates, Unknown):
        return inventory.templates
    template = inventory.templates.get(key)
    if template is None:
        # The controller makes no claim then, and the scheduler waits for it.
        return f'pod "{pod.metadata.namespace}/{pod.metadata.name}": ResourceClaim not created yet'
    return f"{key} (of the template)", template.spec.spec.devices, None


def _choices(request: DeviceRequest) -> tuple[ExactRequest, ...]:
    if request.first_available:
        return request.first_available
    return (request.exact,) if request.exact is not None else ()


def _ask(request: str, name: str, exact: ExactRequest, inventory: Inventory, *, nested: bool) -> Ask | Unknown | str:
    if isinstance(inventory.classes, Unknown):
        return inventory.classes
    found = inventory.classes.get(exact.device_class_name)
    if found is None:
        return f"request {name}: device class {exact.device_class_name} does not exist"
    if exact.allocation_mode not in ("", "ExactCount", "All"):
        return Unknown(Cause.NOT_MODELLED, f"request {name} has the allocation mode {exact.allocation_mode!r}")
    if exact.capacity is not None and exact.capacity.requests:
        return Unknown(Cause.NOT_MODELLED, f"request {name} asks for capacity of a device (consumable capacity)")
    selectors = (*found.spec.selectors, *exact.selectors)
    if any(one.cel is None for one in selectors):
        return Unknown(Cause.NOT_MODELLED, f"request {name} has a selector that is not CEL")
    of_class = tuple(one.cel.expression for one in found.spec.selectors if one.cel is not None)
    of_request = tuple(one.cel.expression for one in exact.selectors if one.cel is not None)
    return Ask(request, exact.name if nested else "", exact, of_class, of_request)


def _reserved(claim: ResourceClaim, pod: Pod) -> bool:
    return any(one.resource == "pods" and one.name == pod.metadata.name for one in claim.status.reserved_for)
