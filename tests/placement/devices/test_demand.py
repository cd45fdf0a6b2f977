"""Claims that are there, that are not, that are allocated; and what a template would ask."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from clusterproof.placement.claims import claims_of, ever_with
from clusterproof.placement.filters import feasible_now, needs_of, structural
from clusterproof.placement.node import Cluster, NodeView
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Pod
from tests.placement.build import node, pod, spec
from tests.placement.devices.build import DRIVER, Raw, allocated, claim, device, exactly, inventory, published

USES: dict[str, Any] = {"resourceClaims": [{"name": "x", "resourceClaimName": "c"}]}
MADE: dict[str, Any] = {"resourceClaims": [{"name": "x", "resourceClaimTemplateName": "t"}]}
SLICES = [published("s", [device("d0")]), published("m", [device("d0")], nodeName="m")]
TEMPLATE: Raw = {"metadata": {"name": "t", "namespace": "a"}, "spec": {"spec": {"devices": {"requests": [exactly()]}}}}


def now(one: Pod, *claims: Raw, **more: Any) -> Any:
    """What is said of nodes n and m."""
    there = inventory(more.pop("slices", SLICES), claims, **more)
    return feasible_now(one, Cluster((node("m"), node("n")), devices=there))


def ever(body: dict[str, Any], view: NodeView, *claims: Raw, **more: Any) -> Any:
    """Structural feasibility of a template of namespace a."""
    template = spec(**body)
    there = inventory(more.pop("slices", SLICES), claims, **more)
    return structural(needs_of(template), view, (), claims_of(template, "a", there))


@pytest.mark.parametrize(
    ("body", "claims", "words"),
    [
        (USES, [], 'could not find ResourceClaim "a/c"'),
        (MADE, [], 'pod "a/me": ResourceClaim not created yet'),
        (USES, [claim("c", exactly(deviceClassName="tpu"))], "request r: device class tpu does not exist"),
        (
            USES,
            [claim("c", {"name": "r", "firstAvailable": [{"name": "s", "deviceClassName": "tpu"}]})],
            "request r/s: device class tpu does not exist",
        ),
        (USES, [claim("c", {"name": "r"})], "resource claim a/c, request r: unknown request type"),
        (
            USES,
            [claim("c", exactly(), allocation=allocated("d0"), users=[f"p{index}" for index in range(256)])],
            "resourceclaim in use",
        ),
    ],
)
def test_a_pod_without_its_claims_is_refused_before_any_node(body: Raw, claims: list[Raw], words: str) -> None:
    """A claim, template or class that is not there, and a claim with 256 users (rule 9.1)."""
    answers = now(pod(**body), *claims)
    assert {(one.ok, one.plugin, one.reason, one.whole) for one in answers} == {
        (False, "DynamicResources", words, True)
    }


def test_a_claim_that_is_deleted_or_another_pods_is_refused() -> None:
    """The claim made for a pod is owned by it (rule 9.1)."""
    leaving = claim("c", exactly())
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert now(pod(**USES), leaving)[0].reason == 'resourceclaim "c" is being deleted'
    made = {"resourceClaimStatuses": [{"name": "x", "resourceClaimName": "c"}]}
    one = msgspec.convert({"metadata": {"name": "me", "namespace": "a"}, "spec": MADE, "status": made}, Pod)
    owned = claim("c", exactly())
    assert now(one, owned)[0].reason == "ResourceClaim a/c was not created for pod a/me (pod is not owner)"
    owner = {"kind": "Pod", "name": "me", "uid": "1"}
    owned["metadata"]["ownerReferences"] = [owner]
    assert [answer.ok for answer in now(one, owned)] == [False, False]
    owned["metadata"]["ownerReferences"] = [{**owner, "controller": True}]
    assert [answer.ok for answer in now(one, owned)] == [True, True]
    none = msgspec.convert(
        {
            "metadata": {"name": "me", "namespace": "a"},
            "spec": MADE,
            "status": {"resourceClaimStatuses": [{"name": "x"}]},
        },
        Pod,
    )
    assert [answer.ok for answer in now(none)] == [True, True]


def test_a_claim_of_a_template_that_was_not_made_yet_is_asked_as_the_template_says() -> None:
    """The controller makes it before the scheduler looks (rule 9.1)."""
    assert [answer.ok for answer in now(pod(**MADE), templates=[TEMPLATE])] == [True, True]
    taken = [claim(name, exactly(), allocation=allocated("d0", pool=name)) for name in ("s", "m")]
    assert {answer.reason for answer in now(pod(**MADE), *taken, templates=[TEMPLATE])} == {
        "cannot allocate all claims"
    }


def test_an_allocated_claim_goes_where_it_can_be_used() -> None:
    """With another pod on it the allocation stays; idle, it is taken back where it leads nowhere (rule 9.1)."""
    there = claim("c", exactly(), allocation=allocated("d0", node="n"), users=["other"])
    assert [(one.ok, one.reason) for one in now(pod(**USES), there)] == [
        (False, "resourceclaim not available on the node"),
        (True, ""),
    ]
    gone = allocated("d0", node="gone")
    held = claim("c", exactly(), allocation=gone, users=["other"])
    assert {one.ok for one in now(pod(**USES), held)} == {False}
    idle = claim("c", exactly(), allocation=gone)
    assert {one.ok for one in now(pod(**USES), idle)} == {True}


def test_for_good_other_claims_end_and_an_allocation_may_be_made_anew() -> None:
    """Devices in use are free one day, and so is the pod's own claim (rule 9.1)."""
    taken = claim("other", exactly(), allocation=allocated("d0"))
    assert ever(USES, node("n"), taken, claim("c", exactly())).ok is True
    elsewhere = claim("c", exactly(), allocation=allocated("d0", node="m"), users=["other"])
    assert ever(USES, node("n"), elsewhere).ok is True
    bare = node("bare")
    assert ever(USES, bare, claim("c", exactly())).reason == "cannot allocate all claims"
    here = claim("c", exactly(), allocation=allocated("d0", node="bare"))
    assert ever(USES, bare, here).ok is True


def test_for_good_an_error_an_update_or_a_taint_is_no_refusal() -> None:
    """They pass by themselves: the node stays a place in doubt (rule 9.1)."""
    wants = claim("c", exactly("r", f'device.attributes["{DRIVER}"].model == "A100"'))
    failing = ever(USES, node("n"), wants)
    assert isinstance(failing.ok, Unknown)
    assert "no such key: model" in failing.ok.detail
    two = claim("c", exactly(count=2))
    updated = ever(USES, node("n"), two, slices=[published("s", [device("d0")], count=2)])
    assert isinstance(updated.ok, Unknown)
    assert updated.ok.cause is Cause.INCOMPLETE
    sick = [device("d0"), device("d1", taints=[{"key": "sick", "effect": "NoSchedule"}])]
    tainted = ever(USES, node("n"), two, slices=[published("s", sick)])
    assert isinstance(tainted.ok, Unknown)
    assert "tainted" in tainted.ok.detail


def test_a_node_not_yet_born_has_the_devices_of_its_like() -> None:
    """A sibling's slices tell what it will publish; without one only devices for all nodes are known (rule 9.1)."""
    why = Unknown(Cause.NOT_MODELLED, "a node not yet born has no name")
    unborn = NodeView(why, born=False, key="gpu+0")
    wants = claim("c", exactly())
    assert ever(USES, msgspec.structs.replace(unborn, like="n"), wants).ok is True
    assert ever(USES, msgspec.structs.replace(unborn, like="n"), claim("c", exactly(count=2))).ok is False
    assert isinstance(ever(USES, unborn, wants).ok, Unknown)
    assert ever(USES, unborn, wants, slices=[published("s", [device("d0")], allNodes=True)]).ok is True


def test_an_unknown_label_leaves_devices_in_doubt_only_where_they_are_needed() -> None:
    """A slice for nodes with a label that cannot be told (rule 9.1)."""
    term = {"matchExpressions": [{"key": "rack", "operator": "Exists"}]}
    rack = published("s", [device("d0")], nodeSelector={"nodeSelectorTerms": [term]})
    view = node("n", unknown_labels={"rack": Unknown(Cause.NOT_COLLECTED, "written by feature discovery")})
    wants = claim("c", exactly())
    assert isinstance(ever(USES, view, wants, slices=[rack]).ok, Unknown)
    assert ever(USES, view, wants, slices=[rack, published("own", [device("d1")])]).ok is True


def test_claims_of_alpha_times_are_not_modelled() -> None:
    """Before 1.32 other rules held (rule 9.1)."""
    (first, _) = now(pod(**USES), claim("c", exactly()), minor=31)
    assert isinstance(first.ok, Unknown)
    assert first.ok.cause is Cause.NOT_MODELLED


def test_what_was_not_read_is_unknown() -> None:
    """Each kind on its own; a pod without claims asks for none (rule 9.1)."""
    there = inventory(SLICES, [claim("c", exactly())])
    why = Unknown(Cause.DENIED, "no permission list resourceslices")
    for kind in ("claims", "classes", "slices"):
        less = inventory(SLICES, [claim("c", exactly())])
        setattr(less, kind, why)
        for answer in (
            feasible_now(pod(**USES), Cluster((node("n"),), devices=less))[0],
            ever_with(claims_of(spec(**USES), "a", less), node("n"), asked=True),
        ):
            assert answer.ok == why
    assert feasible_now(pod(), Cluster((node("n"),), devices=there))[0].ok is True
    assert ever_with(None, node("n"), asked=False).ok is True


def test_an_extended_resource_that_a_device_class_stands_for_is_not_refused() -> None:
    """Such pods may be given devices instead (DRAExtendedResource): unknown, unless the node has a device plugin (rule 9.1)."""
    wants: dict[str, Any] = {"containers": [{"resources": {"requests": {"nvidia.com/gpu": "1"}}}]}
    there = inventory([], classes={"gpu": {"extendedResourceName": "nvidia.com/gpu"}})
    (answer,) = feasible_now(pod(**wants), Cluster((node("n"),), devices=there))
    assert isinstance(answer.ok, Unknown)
    assert "device class gpu" in answer.ok.detail
    body = spec(**wants)
    assert isinstance(structural(needs_of(body), node("n"), (), claims_of(body, "a", there)).ok, Unknown)
    roomy = {"cpu": "16", "memory": "64Gi", "pods": "110"}
    has = node("n", allocatable={**roomy, "nvidia.com/gpu": "1"})
    assert feasible_now(pod(**wants), Cluster((has,), devices=there))[0].ok is True
    two: dict[str, Any] = {"containers": [{"resources": {"requests": {"nvidia.com/gpu": "2"}}}]}
    assert feasible_now(pod(**two), Cluster((has,), devices=there))[0].reason == "Insufficient nvidia.com/gpu"
    other = inventory([])
    assert feasible_now(pod(**wants), Cluster((node("n"),), devices=other))[0].ok is False
