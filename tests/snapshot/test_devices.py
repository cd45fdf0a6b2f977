"""Every version of resource.k8s.io means the same once it is read."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.placement.devices.selectors import facts_of
from clusterproof.snapshot.kubernetes import ResourceClaim, ResourceSlice

BODY: dict[str, Any] = {
    "attributes": {"model": {"string": "A100"}, "index": {"int": 0}, "ok": {"bool": False}, "v": {"version": "1.0.0"}},
    "capacity": {"memory": {"value": "80Gi"}},
    "consumesCounters": [{"counterSet": "all", "counters": {"memory": {"value": "80Gi"}}}],
    "taints": [{"key": "sick", "effect": "NoSchedule"}],
}
ASKED: dict[str, Any] = {
    "deviceClassName": "gpu",
    "selectors": [{"cel": {"expression": "true"}}],
    "allocationMode": "ExactCount",
    "count": 2,
    "adminAccess": True,
    "tolerations": [{"key": "sick", "operator": "Exists"}],
}


@pytest.mark.parametrize(
    "device",
    [
        {"name": "d", **BODY},  # v1, v1beta2
        {"name": "d", "basic": BODY},  # v1beta1
        {"name": "d", "basic": {**BODY, "capacity": {"memory": "80Gi"}}},  # v1alpha3
    ],
)
def test_a_device_is_the_same_in_every_version(device: dict[str, Any]) -> None:
    """Members under ``basic``, and a bare quantity, are read as those of v1."""
    raw = {"metadata": {"name": "s"}, "spec": {"driver": "d.io", "nodeName": "n", "devices": [device]}}
    (found,) = msgspec.convert(raw, ResourceSlice).spec.devices
    attributes, capacity = facts_of(found.body)
    assert attributes == (
        ("index", "int", "0"),
        ("model", "string", "A100"),
        ("ok", "bool", "false"),
        ("v", "version", "1.0.0"),
    )
    assert capacity == (("memory", "quantity", "80Gi"),)
    assert found.body.consumes_counters[0].counters["memory"].value == "80Gi"
    assert (found.name, found.body.taints[0].key) == ("d", "sick")


@pytest.mark.parametrize("request_", [{"name": "r", "exactly": ASKED}, {"name": "r", **ASKED}])
def test_a_request_is_the_same_in_every_version(request_: dict[str, Any]) -> None:
    """v1beta1 has no ``exactly`` around the members of a request."""
    raw = {"metadata": {"name": "c", "namespace": "a"}, "spec": {"devices": {"requests": [request_]}}}
    (found,) = msgspec.convert(raw, ResourceClaim).spec.devices.requests
    assert found.exact is not None
    assert (found.exact.device_class_name, found.exact.count, found.exact.admin_access) == ("gpu", 2, True)
    assert found.exact.selectors[0].cel is not None
    assert found.exact.tolerations[0].operator == "Exists"


def test_a_request_of_a_kind_that_is_not_known_has_no_exact_form() -> None:
    """A list of choices has none either."""
    raw = {
        "metadata": {"name": "c"},
        "spec": {"devices": {"requests": [{"name": "r"}, {"name": "l", "firstAvailable": [{"name": "a", **ASKED}]}]}},
    }
    requests = msgspec.convert(raw, ResourceClaim).spec.devices.requests
    assert [one.exact for one in requests] == [None, None]
    assert requests[1].first_available[0].name == "a"
