"""What the search asks of one device, and of two: selectors, taints, constraints, likeness."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.placement.devices.demand import Ask
from clusterproof.placement.devices.inventory import Candidate
from clusterproof.placement.devices.selectors import Failure, Match, selects
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kubernetes.devices import DeviceConstraint, DeviceTaint, DeviceToleration


def selectable(ask: Ask, item: Candidate) -> tuple[Match, str]:
    """Whether class and request take the device, and where an error is."""
    driver, shared = item.id[0], item.body.allow_multiple_allocations
    doubt: Unknown | None = None
    for where, expressions in ((f"class {ask.exact.device_class_name}", ask.of_class), ("", ask.of_request)):
        for index, expression in enumerate(expressions):
            found = selects(expression, driver, item.attributes, item.capacity, shared=shared)
            if isinstance(found, Failure) and doubt is None:
                return found, f"{where}: selector #{index}: CEL runtime error: {found.text}"
            if isinstance(found, Unknown):
                doubt = doubt or found
            elif found is False:
                return False, ""
    return (doubt if doubt is not None else True), ""


def asks_all(ask: Ask) -> bool:
    """Whether every device that matches is asked for."""
    return ask.exact.allocation_mode == "All"


def looks(item: Candidate) -> object:
    """What the search can tell devices apart by, but for their names."""
    body = item.body
    counted = msgspec.json.encode(body.consumes_counters, order="deterministic") if body.consumes_counters else b""
    home = item.home if counted else ""
    shared = (body.allow_multiple_allocations, bool(body.binding_conditions), item.reachable)
    return item.id[0], item.attributes, item.capacity, counted, home, body.taints, shared


def applies(constraint: DeviceConstraint, ask: Ask) -> bool:
    """Whether the constraint is about the request, or the choice, at all."""
    names = constraint.requests
    return not names or ask.request in names or bool(ask.choice and f"{ask.request}/{ask.choice}" in names)


def attribute(item: Candidate, name: str) -> tuple[str, str] | None:
    """By its full name, or without the domain where that is the driver."""
    known = {one: (kind, text) for one, kind, text in item.attributes}
    if name in known:
        return known[name]
    domain, slash, short = name.partition("/")
    return known.get(short) if slash and domain == item.id[0] else None


def tolerated(taint: DeviceTaint, tolerations: Sequence[DeviceToleration]) -> bool:
    """Whether the request takes a device all the same.

    Source: ``resourceclaim/devicetoleration.go``; the effect None only informs.
    """
    if taint.effect == "None":
        return True
    return any(
        one.effect in ("", taint.effect)
        and one.key in ("", taint.key)
        and (one.operator == "Exists" or (one.operator in ("", "Equal") and one.value == taint.value))
        for one in tolerations
    )
