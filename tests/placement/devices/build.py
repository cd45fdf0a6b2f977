"""Short ways to write devices, claims and inventories in tests, in the API's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from clusterproof.placement.devices.inventory import Inventory
from clusterproof.snapshot.kubernetes import DeviceClass, ResourceClaim, ResourceClaimTemplate, ResourceSlice

Raw = dict[str, Any]
DRIVER = "gpu.example.com"


def device(name: str, **more: Any) -> Raw:
    """A device; ``attributes`` are plain values, ``capacity`` texts."""
    attributes = {key: _attribute(value) for key, value in more.pop("attributes", {}).items()}
    capacity = {key: {"value": value} for key, value in more.pop("capacity", {}).items()}
    return {"name": name, "attributes": attributes, "capacity": capacity, **more}


def published(name: str, devices: Sequence[Raw], **more: Any) -> Raw:
    """A slice, the only one of its pool and of node ``n`` unless said otherwise."""
    pool = {"name": more.pop("pool", name), "generation": more.pop("generation", 1)}
    pool["resourceSliceCount"] = more.pop("count", 1)
    where: Raw = {} if {"allNodes", "nodeSelector", "perDeviceNodeSelection"} & more.keys() else {"nodeName": "n"}
    return {
        "metadata": {"name": name},
        "spec": {"driver": more.pop("driver", DRIVER), "pool": pool, "devices": list(devices), **where, **more},
    }


def exactly(name: str = "r", *selectors: str, **more: Any) -> Raw:
    """A request of class ``gpu``."""
    asked = {"deviceClassName": "gpu", "selectors": [{"cel": {"expression": one}} for one in selectors], **more}
    return {"name": name, "exactly": asked}


def claim(name: str, *requests: Raw, allocation: Raw | None = None, users: Sequence[str] = (), **more: Any) -> Raw:
    """A claim of namespace ``a``; ``more`` are members of ``spec.devices``."""
    status: Raw = {"reservedFor": [{"resource": "pods", "name": one, "uid": one} for one in users]}
    if allocation is not None:
        status["allocation"] = allocation
    return {
        "metadata": {"name": name, "namespace": "a"},
        "spec": {"devices": {"requests": list(requests), **more}},
        "status": status,
    }


def allocated(*devices: str, node: str = "", pool: str = "s") -> Raw:
    """An allocation of devices of a pool, usable from a node or from everywhere."""
    results = [{"request": "r", "driver": DRIVER, "pool": pool, "device": one} for one in devices]
    made: Raw = {"devices": {"results": results}}
    if node:
        field = {"key": "metadata.name", "operator": "In", "values": [node]}
        made["nodeSelector"] = {"nodeSelectorTerms": [{"matchFields": [field]}]}
    return made


def inventory(
    slices: Sequence[Raw],
    claims: Sequence[Raw] = (),
    templates: Sequence[Raw] = (),
    classes: Mapping[str, Raw] | None = None,
    minor: int | None = 34,
) -> Inventory:
    """Everything typed; class ``gpu`` takes all devices unless said otherwise."""
    named = {"gpu": {}} if classes is None else classes
    return Inventory(
        {f"a/{one['metadata']['name']}": msgspec.convert(one, ResourceClaim) for one in claims},
        {f"a/{one['metadata']['name']}": msgspec.convert(one, ResourceClaimTemplate) for one in templates},
        {name: msgspec.convert({"metadata": {"name": name}, "spec": one}, DeviceClass) for name, one in named.items()},
        msgspec.convert(list(slices), list[ResourceSlice]),
        minor,
    )


def _attribute(value: object) -> Raw:
    if isinstance(value, bool):
        return {"bool": value}
    if isinstance(value, int):
        return {"int": value}
    if isinstance(value, tuple):
        return {"version": value[0]}
    return {"string": value}
