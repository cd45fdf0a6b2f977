"""What a RuntimeClass adds to the pods that name it, and what the API server refuses."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.placement.requests import pod_requests
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause
from clusterproof.snapshot.kubernetes import Toleration
from clusterproof.world.model import Workload
from tests.world.build import Raw, Tiny

WEB = "deploy/app/web"
TAINTED = {"key": "kata", "operator": "Exists", "effect": "NoSchedule"}


def runtime(tiny: Tiny, name: str = "kata", **more: Any) -> Tiny:
    """With a RuntimeClass."""
    return tiny.put(kinds.RUNTIME_CLASSES, {"metadata": {"name": name}, "handler": name, **more})


def web(spec: Raw, **more: Any) -> Workload:
    """A Deployment whose template names RuntimeClass ``kata``, in a world that has it."""
    return runtime(Tiny().deployment("app/web", {"runtimeClassName": "kata", **spec}), **more).world().by_id[WEB]


def test_the_example_of_the_manual() -> None:
    """Kubernetes documentation, "Pod Overhead": limits of 2000m and 200Mi with kata-fc ask for 2250m and 320Mi."""
    containers = [
        {"name": "busybox-ctr", "resources": {"limits": {"cpu": "500m", "memory": "100Mi"}}},
        {"name": "nginx-ctr", "resources": {"limits": {"cpu": "1500m", "memory": "100Mi"}}},
    ]
    found = web({"containers": containers}, overhead={"podFixed": {"memory": "120Mi", "cpu": "250m"}})
    assert pod_requests(found.spec) == {"cpu": 2250, "memory": 320 * 1024 * 1024}


def test_selector_and_tolerations_are_added() -> None:
    """Both sides' selectors hold; tolerations that are there already are not added again."""
    scheduling = {"nodeSelector": {"disk": "ssd", "vm": "yes"}, "tolerations": [TAINTED, {"key": "vm"}]}
    found = web({"nodeSelector": {"disk": "ssd", "own": "1"}, "tolerations": [TAINTED]}, scheduling=scheduling)
    assert found.spec.node_selector == {"disk": "ssd", "own": "1", "vm": "yes"}
    assert found.spec.tolerations == (Toleration("kata", "Exists", effect="NoSchedule"), Toleration("vm"))
    assert (found.refusal, found.unplaced) == ("", None)


@pytest.mark.parametrize(
    ("own", "fixed", "refused"),
    [
        ({"cpu": "250m"}, {"cpu": "0.25"}, False),
        ({"cpu": "300m", "memory": "1Gi"}, {"cpu": "0.3", "memory": "1024Mi"}, False),
        ({"memory": "1e3"}, {"memory": "1k"}, False),
        ({"cpu": "250m"}, {"cpu": "251m"}, True),
        ({"cpu": "250m"}, {"cpu": "250m", "memory": "1"}, True),
        ({"cpu": "many"}, {"cpu": "some"}, True),
        ({"cpu": "250m"}, None, True),
        ({}, {"cpu": "250m"}, False),
    ],
)
def test_overhead_of_the_template_has_to_be_that_of_its_class(own: Raw, fixed: Raw | None, refused: bool) -> None:
    """Amounts are compared, not texts; a class without overhead allows none."""
    found = web({"overhead": own}, **({} if fixed is None else {"overhead": {"podFixed": fixed}}))
    said = "the API server refuses its pods: their overhead is not that of RuntimeClass kata"
    assert found.refusal == (said if refused else "")
    if not refused:
        assert found.spec.overhead == fixed


def test_a_selector_that_contradicts_the_class() -> None:
    """The API server refuses the pods, and says what contradicts what."""
    found = web({"nodeSelector": {"disk": "hdd"}}, scheduling={"nodeSelector": {"disk": "ssd"}})
    said = "the API server refuses its pods: RuntimeClass kata has nodeSelector disk=ssd, they have disk=hdd"
    assert found.refusal == said
    assert found.unplaced is not None
    assert (found.unplaced.cause, found.unplaced.detail) == (Cause.NOT_ANSWERABLE, said)


def test_a_class_that_is_not_there_or_was_not_read() -> None:
    """None there: no pod is made. Not read: unknown, with what makes it known; one that was read is enough."""
    tiny = Tiny().deployment("app/web", {"runtimeClassName": "kata"})
    assert tiny.world().by_id[WEB].refusal == "the API server makes no pod of RuntimeClass kata: there is none"
    unread = tiny.drop(kinds.RUNTIME_CLASSES).world().by_id[WEB]
    assert unread.refusal == ""
    assert unread.unread is not None
    assert "runtimeclasses" in f"{unread.unread}{unread.unread.remedy}"
    part = runtime(Tiny().deployment("app/web", {"runtimeClassName": "kata"}))
    part.partly(kinds.RUNTIME_CLASSES, msgspec.structs.replace(unread.unread, detail="cut short"))
    assert part.world().by_id[WEB].unplaced is None


@pytest.mark.parametrize("made", [{"priority": 0}, {"nodeName": "a-0"}])
def test_what_the_api_server_has_let_in_is_as_it_is(made: Raw) -> None:
    """A pod with a priority or a node was let in, with what its class was then."""
    spec: Raw = {"runtimeClassName": "kata", "overhead": {"cpu": "1"}, **made}
    found = runtime(Tiny().pod("app/one", spec=spec)).world().by_id["pod/app/one"]
    assert (found.spec.overhead, found.unplaced) == ({"cpu": "1"}, None)


def test_without_a_runtime_class_nothing_changes() -> None:
    """A template that names none is the very template, whatever classes there are or were not read."""
    plain = Tiny().deployment("app/web").world().by_id[WEB]
    many = runtime(Tiny().deployment("app/web"), scheduling={"nodeSelector": {"vm": "yes"}}).world().by_id[WEB]
    unread = Tiny().deployment("app/web").drop(kinds.RUNTIME_CLASSES).world().by_id[WEB]
    assert plain == many == unread
