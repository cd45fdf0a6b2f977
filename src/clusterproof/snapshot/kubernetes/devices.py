"""Dynamic resource allocation: claims, their templates, device classes and the devices that drivers publish.

The shapes are those of ``resource.k8s.io/v1`` (``staging/src/k8s.io/api/resource/v1/types.go``, Kubernetes 1.34) and
v1beta2, which are the same. Those of v1beta1 are read as well and mean the same: a device's members stand under
``basic`` there, and a request's members beside its name where v1 has them under ``exactly``; of v1alpha3 a capacity
may be a bare quantity. :attr:`Device.body` and :attr:`DeviceRequest.exact` hide the difference.
"""

from __future__ import annotations

from msgspec import field

from clusterproof.snapshot.kubernetes.meta import Metadata, NodeSelector, Obj, Quantity


class CelSelector(Obj, frozen=True):
    expression: str = ""


class DeviceSelector(Obj, frozen=True):
    cel: CelSelector | None = None


class DeviceToleration(Obj, frozen=True):
    """``effect``: empty for all, NoSchedule, NoExecute."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""


class CapacityRequest(Obj, frozen=True):
    """How much of a device that several may use at once is asked for (consumable capacity)."""

    requests: dict[str, Quantity] = field(default_factory=dict)


class ExactRequest(Obj, frozen=True):
    """Devices of one class. ``allocation_mode``: ExactCount (also when empty), All.

    A subrequest of ``firstAvailable`` has the same members and a ``name``, but no ``admin_access``.
    """

    name: str = ""
    device_class_name: str = ""
    selectors: tuple[DeviceSelector, ...] = ()
    allocation_mode: str = ""
    count: int = 0
    admin_access: bool = False
    tolerations: tuple[DeviceToleration, ...] = ()
    capacity: CapacityRequest | None = None


class DeviceRequest(ExactRequest, frozen=True):
    """One request of a claim: exact, or a list of which the first that can be had is taken.

    Its own members are those of v1beta1, which has no ``exactly``.
    """

    exactly: ExactRequest | None = None
    first_available: tuple[ExactRequest, ...] = ()

    @property
    def exact(self) -> ExactRequest | None:
        """The request in the shape of v1; None for one that is a list, or that this program cannot read."""
        if self.exactly is not None:
            return self.exactly
        if self.first_available or not self.device_class_name:
            return None
        return ExactRequest(
            "",
            self.device_class_name,
            self.selectors,
            self.allocation_mode,
            self.count,
            self.admin_access,
            self.tolerations,
            self.capacity,
        )


class DeviceConstraint(Obj, frozen=True):
    """Devices of these requests (all, where none is named) agree, or differ, in an attribute."""

    requests: tuple[str, ...] = ()
    match_attribute: str = ""
    distinct_attribute: str = ""


class DeviceClaim(Obj, frozen=True):
    requests: tuple[DeviceRequest, ...] = ()
    constraints: tuple[DeviceConstraint, ...] = ()


class ResourceClaimSpec(Obj, frozen=True):
    devices: DeviceClaim = DeviceClaim()


class AllocatedDevice(Obj, frozen=True):
    """One device that a claim has. ``share_id`` is set for a share of a device that several use."""

    request: str = ""
    driver: str = ""
    pool: str = ""
    device: str = ""
    admin_access: bool = False
    share_id: str | None = field(default=None, name="shareID")


class DeviceAllocation(Obj, frozen=True):
    results: tuple[AllocatedDevice, ...] = ()


class Allocation(Obj, frozen=True):
    """What a claim was given; ``node_selector`` says from where it can be used, None for everywhere."""

    devices: DeviceAllocation = DeviceAllocation()
    node_selector: NodeSelector | None = None


class ClaimConsumer(Obj, frozen=True):
    """Who may use an allocated claim: ``resource`` is ``pods`` for a pod."""

    api_group: str = ""
    resource: str = ""
    name: str = ""
    uid: str = ""


class ResourceClaimStatus(Obj, frozen=True):
    allocation: Allocation | None = None
    reserved_for: tuple[ClaimConsumer, ...] = ()


class ResourceClaim(Obj, frozen=True):
    metadata: Metadata
    spec: ResourceClaimSpec = ResourceClaimSpec()
    status: ResourceClaimStatus = ResourceClaimStatus()


class ClaimTemplateSpec(Obj, frozen=True):
    spec: ResourceClaimSpec = ResourceClaimSpec()


class ResourceClaimTemplate(Obj, frozen=True):
    metadata: Metadata
    spec: ClaimTemplateSpec = ClaimTemplateSpec()


class DeviceClassSpec(Obj, frozen=True):
    """``extended_resource_name``: pods that ask for this extended resource may be given devices of the class."""

    selectors: tuple[DeviceSelector, ...] = ()
    extended_resource_name: str = ""


class DeviceClass(Obj, frozen=True):
    metadata: Metadata
    spec: DeviceClassSpec = DeviceClassSpec()


class DeviceAttribute(Obj, frozen=True):
    """One of the members is set; ``version`` is a semantic version. Lists (Kubernetes 1.36) are not read."""

    int_: int | None = field(default=None, name="int")
    bool_: bool | None = field(default=None, name="bool")
    string: str | None = None
    version: str | None = None


class DeviceCapacity(Obj, frozen=True):
    value: Quantity = "0"


class Counter(Obj, frozen=True):
    value: Quantity = "0"


class CounterSet(Obj, frozen=True):
    """Amounts that devices of one pool share."""

    name: str = ""
    counters: dict[str, Counter] = field(default_factory=dict)


class CounterConsumption(Obj, frozen=True):
    """What a device takes of a set of its pool while it is allocated."""

    counter_set: str = ""
    counters: dict[str, Counter] = field(default_factory=dict)


class DeviceTaint(Obj, frozen=True):
    """``effect``: None, NoSchedule, NoExecute."""

    key: str = ""
    value: str = ""
    effect: str = ""


class DeviceBody(Obj, frozen=True):
    """What a device is, without its name.

    Names of attributes and capacities without a domain are in the driver's. ``node_name``, ``node_selector`` and
    ``all_nodes`` are read only where the slice says ``perDeviceNodeSelection``.
    """

    attributes: dict[str, DeviceAttribute] = field(default_factory=dict)
    capacity: dict[str, DeviceCapacity | Quantity] = field(default_factory=dict)
    consumes_counters: tuple[CounterConsumption, ...] = ()
    node_name: str = ""
    node_selector: NodeSelector | None = None
    all_nodes: bool = False
    taints: tuple[DeviceTaint, ...] = ()
    allow_multiple_allocations: bool = False
    binding_conditions: tuple[str, ...] = ()


class Device(DeviceBody, frozen=True):
    """A device of a slice; v1beta1 writes all but its name under ``basic``."""

    name: str = ""
    basic: DeviceBody | None = None

    @property
    def body(self) -> DeviceBody:
        """The device's members, wherever the version of the API writes them."""
        return self if self.basic is None else self.basic


class ResourcePool(Obj, frozen=True):
    """A pool is complete when as many slices of its highest generation are there as each of them says."""

    name: str = ""
    generation: int = 0
    resource_slice_count: int = 0


class ResourceSliceSpec(Obj, frozen=True):
    """Exactly one of ``node_name``, ``node_selector``, ``all_nodes`` and ``per_device_node_selection`` is set."""

    driver: str = ""
    pool: ResourcePool = ResourcePool()
    node_name: str = ""
    node_selector: NodeSelector | None = None
    all_nodes: bool = False
    per_device_node_selection: bool = False
    devices: tuple[Device, ...] = ()
    shared_counters: tuple[CounterSet, ...] = ()


class ResourceSlice(Obj, frozen=True):
    metadata: Metadata
    spec: ResourceSliceSpec = ResourceSliceSpec()
