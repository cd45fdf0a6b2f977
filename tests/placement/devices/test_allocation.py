"""What a node is given, now: one rule after another, with the scheduler's words."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.feasibility import Feasibility
from clusterproof.placement.filters import feasible_now
from clusterproof.placement.node import Cluster
from clusterproof.snapshot.fields import Unknown
from tests.placement.build import node, pod
from tests.placement.devices.build import DRIVER, Raw, allocated, claim, device, exactly, inventory, published

NONE_LEFT = "cannot allocate all claims"
MODEL = f'device.attributes["{DRIVER}"].model == '
ROOT = f"{DRIVER}/root"


def today(slices: list[Raw], *claims: Raw, use: str = "c", nodes: tuple[str, ...] = ("n",), **more: Any) -> Any:
    """What is said of each node, for a pod that uses one claim."""
    there = inventory(slices, claims, **more)
    body: Raw = {"resourceClaims": [{"name": "x", "resourceClaimName": use}]}
    views = tuple(node(name, labels={"rack": f"r-{name}"}) for name in nodes)
    return feasible_now(pod(**body), Cluster(views, devices=there))


def said(answers: tuple[Feasibility, ...]) -> list[bool | str]:
    """True, the reason of a refusal, or ``unknown``."""
    return [True if one.ok is True else "unknown" if isinstance(one.ok, Unknown) else one.reason for one in answers]


def gpus(*models: str) -> list[Raw]:
    """Devices by model, each pair on one PCI root."""
    return [
        device(f"d{index}", attributes={"model": model, "root": f"p{index // 2}"}) for index, model in enumerate(models)
    ]


def test_a_claim_takes_devices_of_its_class_that_its_selectors_take() -> None:
    """A node without slices, or without enough such devices, cannot be given the pod (rule 9.1)."""
    slices = [published("s", gpus("A100", "A100", "H100"))]
    two = claim("c", exactly("r", MODEL + '"A100"', count=2))
    assert said(today(slices, two, nodes=("n", "m"))) == [True, NONE_LEFT]
    three = claim("c", exactly("r", MODEL + '"A100"', count=3))
    assert said(today(slices, three)) == [NONE_LEFT]
    narrow = {"gpu": {"selectors": [{"cel": {"expression": MODEL + '"H100"'}}]}}
    assert said(today(slices, claim("c", exactly("r", count=2)), classes=narrow)) == [NONE_LEFT]


def test_devices_of_other_claims_are_taken_but_for_admin_access() -> None:
    """A device belongs to one claim; a claim with admin access looks at it all the same (rule 9.1)."""
    slices = [published("s", gpus("A100"))]
    other = claim("other", exactly(), allocation=allocated("d0"))
    assert said(today(slices, other, claim("c", exactly()))) == [NONE_LEFT]
    assert said(today(slices, other, claim("c", exactly(adminAccess=True)))) == [True]
    spied = allocated("d0")
    spied["devices"]["results"][0]["adminAccess"] = True
    assert said(today(slices, claim("spy", exactly(), allocation=spied), claim("c", exactly()))) == [True]


def test_all_devices_or_none() -> None:
    """``All`` needs every device that matches to be free, and at least one to match (rule 9.1)."""
    slices = [published("s", gpus("A100", "A100", "H100"))]
    every = claim("c", exactly("r", MODEL + '"A100"', allocationMode="All"))
    other = claim("other", exactly(), allocation=allocated("d2"))
    assert said(today(slices, every, other)) == [True]
    assert said(today(slices, every, claim("other", exactly(), allocation=allocated("d1")))) == [NONE_LEFT]
    assert said(today(slices, claim("c", exactly("r", MODEL + '"L4"', allocationMode="All")))) == [NONE_LEFT]


def test_the_first_choice_that_can_be_had_is_enough() -> None:
    """``firstAvailable``: a later choice stands in for one that there is not (rule 9.1)."""
    slices = [published("s", gpus("A100"))]
    big = {"name": "big", **exactly("", MODEL + '"H100"')["exactly"]}
    small = {"name": "small", **exactly("", MODEL + '"A100"')["exactly"]}
    assert said(today(slices, claim("c", {"name": "r", "firstAvailable": [big, small]}))) == [True]
    assert said(today(slices, claim("c", {"name": "r", "firstAvailable": [big]}))) == [NONE_LEFT]
    every = {"name": "every", **exactly("", allocationMode="All")["exactly"]}
    assert said(today(slices, claim("c", {"name": "r", "firstAvailable": [big, every]}))) == ["unknown"]
    assert said(today(slices, claim("c", {"name": "r", "firstAvailable": [big, every]}), minor=35)) == [True]


def test_devices_of_a_claim_agree_where_a_constraint_says_so() -> None:
    """``matchAttribute``: two GPUs below one PCI root; a device without the attribute never agrees (rule 9.1)."""
    match = [{"matchAttribute": ROOT, "requests": []}]
    pair = claim("c", exactly(count=2), constraints=match)
    assert said(today([published("s", gpus("A100", "A100", "H100"))], pair)) == [True]
    apart = [published("s", [gpus("A100", "A100", "H100")[index] for index in (0, 2)])]
    assert said(today(apart, pair)) == [NONE_LEFT]
    assert said(today([published("s", [device("d0")])], claim("c", exactly(), constraints=match))) == [NONE_LEFT]
    two = claim("c", exactly("a"), exactly("b"), constraints=[{"matchAttribute": ROOT, "requests": ["a"]}])
    assert said(today(apart, two)) == [True]


def test_shared_counters_are_used_up_together() -> None:
    """Partitions of one device (KEP 4815): the whole, or its halves, but never more than there is (rule 9.1)."""
    memory = [{"name": "gpu-0", "counters": {"memory": {"value": "40Gi"}}}]

    def part(name: str, size: str) -> Raw:
        return device(name, consumesCounters=[{"counterSet": "gpu-0", "counters": {"memory": {"value": size}}}])

    parts = [part("whole", "40Gi"), part("half-0", "20Gi"), part("half-1", "20Gi")]
    slices = [published("s", parts, sharedCounters=memory)]
    assert said(today(slices, claim("c", exactly(count=2)))) == [True]
    assert said(today(slices, claim("c", exactly(count=3)))) == [NONE_LEFT]
    held = claim("other", exactly(), allocation=allocated("half-0"))
    assert said(today(slices, held, claim("c", exactly()))) == [True]
    assert said(today(slices, held, claim("c", exactly(count=2)))) == [NONE_LEFT]
    # From 1.35 the counters stand in a slice of their own.
    apart = [published("s", parts, count=2), published("s2", [], pool="s", count=2, sharedCounters=memory)]
    assert said(today(apart, held, claim("c", exactly(count=2)), minor=35)) == [NONE_LEFT]


def test_a_tainted_device_is_for_who_tolerates_it() -> None:
    """NoSchedule and NoExecute keep claims away; None only informs (rule 9.1)."""
    for effect, expected in (("NoSchedule", NONE_LEFT), ("NoExecute", NONE_LEFT), ("None", True)):
        slices = [published("s", [device("d0", taints=[{"key": "sick", "value": "a", "effect": effect}])])]
        assert said(today(slices, claim("c", exactly()))) == [expected]
        assert said(today(slices, claim("c", exactly(tolerations=[{"operator": "Exists"}])))) == [True]
        named = [{"key": "sick", "value": "b"}]
        assert said(today(slices, claim("c", exactly(tolerations=named)))) == [expected]


def test_counters_of_a_refused_device_are_there_for_the_next() -> None:
    """From 1.35; up to 1.34 the scheduler forgets to give them back, so that it cannot be said (rule 9.1)."""
    memory = [{"name": "gpu-0", "counters": {"memory": {"value": "40Gi"}}}]
    takes = [{"counterSet": "gpu-0", "counters": {"memory": {"value": "40Gi"}}}]
    sick = device("d0", consumesCounters=takes, taints=[{"key": "sick", "effect": "NoSchedule"}])
    slices = [published("s", [sick, device("d1", consumesCounters=takes)], sharedCounters=memory)]
    assert said(today(slices, claim("c", exactly()), minor=35)) == [True]
    assert said(today(slices, claim("c", exactly()), minor=34)) == ["unknown"]
    roomy = [published("s", [sick, device("d1")], sharedCounters=memory)]
    assert said(today(roomy, claim("c", exactly()), minor=34)) == [True]


def test_a_step_back_leaves_nothing_behind() -> None:
    """Neither the count of devices, nor a device that only one of two requests could have (rule 9.1)."""
    match = [{"matchAttribute": ROOT, "requests": []}]
    many = [device(f"d{index:02}", attributes={"n": index, "root": f"p{index}"}) for index in range(40)]
    pair = [device("e0", attributes={"n": 99, "root": "p39"})]
    last = f'device.attributes["{DRIVER}"].n == 99'
    other = f'device.attributes["{DRIVER}"].n < 99'
    both = claim("c", exactly("a", other), exactly("b", last), constraints=match)
    assert said(today([published("s", [*many, *pair])], both)) == [True]
    tainted = device("d1", taints=[{"key": "sick", "effect": "NoSchedule"}])
    brave = exactly("a", tolerations=[{"operator": "Exists"}])
    assert said(today([published("s", [device("d0"), tainted])], claim("c", brave, exactly("b")))) == [True]


def test_one_claim_has_a_device_once_also_with_admin_access() -> None:
    """Two requests of a claim never share a device (rule 9.1)."""
    spying = claim("c", exactly("a", adminAccess=True), exactly("b", adminAccess=True))
    assert said(today([published("s", gpus("A100"))], spying)) == [NONE_LEFT]
    assert said(today([published("s", gpus("A100", "A100"))], spying)) == [True]


def test_slices_say_which_nodes_can_use_their_devices() -> None:
    """By name, by labels, for all, or device by device (rule 9.1)."""
    wants = claim("c", exactly())
    term = {"matchExpressions": [{"key": "rack", "operator": "In", "values": ["r-m"]}]}
    rack = published("s", [device("d0")], nodeSelector={"nodeSelectorTerms": [term]})
    assert said(today([rack], wants, nodes=("n", "m"))) == [NONE_LEFT, True]
    assert said(today([published("s", [device("d0")], allNodes=True)], wants, nodes=("n", "m"))) == [True, True]
    each = published("s", [device("d0", nodeName="m"), device("d1", allNodes=True)], perDeviceNodeSelection=True)
    two = claim("c", exactly(count=2))
    assert said(today([each], two, nodes=("n", "m"))) == [NONE_LEFT, True]


def test_only_the_newest_generation_of_a_pool_counts() -> None:
    """What an older generation said is outdated (rule 9.1)."""
    old = published("old", gpus("A100", "A100"), pool="s")
    new = published("new", gpus("A100"), pool="s", generation=2)
    assert said(today([old, new], claim("c", exactly(count=2)))) == [NONE_LEFT]
    assert said(today([old, new], claim("c", exactly()))) == [True]


@pytest.mark.parametrize(("minor", "expected"), [(34, True), (35, NONE_LEFT), (None, "unknown")])
def test_a_pool_that_is_being_updated_depends_on_the_version(minor: int | None, expected: object) -> None:
    """Single devices of an incomplete pool are given away up to 1.34, and no more from 1.35 (rule 9.1)."""
    slices = [published("s", gpus("A100"), count=2)]
    assert said(today(slices, claim("c", exactly()), minor=minor)) == [expected]


def test_a_pool_over_several_nodes_is_complete_from_1_35_only() -> None:
    """Before, a node counts the slices that it sees itself (kubernetes PR 134466) (rule 9.1)."""
    slices = [
        published("s", gpus("A100"), pool="p", count=2),
        published("m", [device("e0")], pool="p", count=2, nodeName="m"),
    ]
    every = claim("c", exactly(allocationMode="All"))
    assert "is currently being updated" in str(said(today(slices, every, minor=34))[0])
    assert said(today(slices, every, minor=35)) == [True]
    twice = [slices[0], published("m", gpus("A100"), pool="p", count=2, nodeName="m")]
    assert said(today(twice, claim("c", exactly()), minor=34)) == [True]
    assert said(today(twice, claim("c", exactly()), minor=35)) == ["invalid resource pools were encountered"]
    both = [published("s", gpus("A100"), pool="p", count=2), published("s2", gpus("A100"), pool="p", count=2)]
    assert "pool p is invalid: duplicate device name d0" in str(said(today(both, claim("c", exactly()), minor=34))[0])


def test_an_error_on_one_node_ends_the_scheduling_of_the_pod() -> None:
    """A selector that fails on a device, or all of an incomplete pool: no node gets the pod (rule 9.1)."""
    good, bad = published("s", gpus("A100")), published("b", [device("d9")], nodeName="m")
    answers = today([good, bad], claim("c", exactly("r", MODEL + '"A100"')), nodes=("n", "m"))
    words = 'running "DynamicResources" filter plugin: claim a/c: selector #0: CEL runtime error: no such key: model'
    assert said(answers) == [words, words]
    every = claim("c", exactly(allocationMode="All"))
    updated = today([good, published("b", [device("d9")], nodeName="m", count=2)], every, nodes=("n", "m"))
    assert said(updated)[0] == said(updated)[1]
    assert f"asks for all devices, but resource pool {DRIVER}/b is currently being updated" in updated[0].reason
    many = today([published("s", [])], claim("c", exactly(count=33)))
    assert "number of requested devices 33 exceeds the claim limit of 32" in many[0].reason


def test_where_an_error_hangs_on_the_order_of_slices_it_is_unknown() -> None:
    """One pool has what is asked for, another fails: whichever is looked at first decides (rule 9.1)."""
    slices = [published("s", gpus("A100")), published("b", [device("d9")])]
    assert said(today(slices, claim("c", exactly("r", MODEL + '"A100"')))) == ["unknown"]
    assert said(today(slices, claim("c", exactly("r", MODEL + '"H100"'))))[0] != "unknown"


def test_what_is_not_modelled_is_unknown_where_it_matters() -> None:
    """Devices for several claims, binding conditions, capacity requests; not where others do (rule 9.1)."""
    for odd in (device("d9", allowMultipleAllocations=True), device("d9", bindingConditions=["ready"])):
        assert said(today([published("s", [odd])], claim("c", exactly()))) == ["unknown"]
        assert said(today([published("s", [odd, *gpus("A100")])], claim("c", exactly()))) == [True]
    asks = claim("c", exactly(capacity={"requests": {"memory": "10Gi"}}))
    assert said(today([published("s", gpus("A100"))], asks)) == ["unknown"]


def test_a_search_without_end_is_unknown() -> None:
    """Twenty devices that all differ and never agree: the search stops, and says so (rule 9.1)."""
    many = [device(f"d{index}", attributes={"n": index, "root": index % 3}) for index in range(24)]
    hard = claim("c", exactly(count=9), constraints=[{"matchAttribute": ROOT, "requests": []}])
    answers = today([published("s", many)], hard)
    assert said(answers) in (["unknown"], [NONE_LEFT])
    harder = claim("c", *(exactly(f"r{index}", count=4) for index in range(6)), exactly("last", 'device.driver == "x"'))
    (answer,) = today([published("s", many)], harder)
    assert isinstance(answer.ok, Unknown)
    assert "steps" in answer.ok.detail
