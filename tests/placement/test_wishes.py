"""A pod's demands on labels that a NodePool leaves open."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.placement.places import Places, places
from clusterproof.snapshot.fields import Ref
from tests.world.build import Raw, Tiny
from tests.world.pools import CATEGORY, TYPE, ec2_node_class, node_pool

CPU = "karpenter.k8s.aws/instance-cpu"
MANY = "tier In " + ",".join(f"v{number}" for number in range(20))


def found(spec: Raw, *requirements: str) -> Places:
    """Where a pod may run in a cluster whose nodes one NodePool makes."""
    tiny = node_pool(ec2_node_class(Tiny()), "gpu", *requirements)
    tiny.deployment("app/web", spec)
    world = tiny.world()
    return places(world, world.by_id["deploy/app/web"])


def any_of(*terms: list[Raw]) -> Raw:
    """Required node affinity with these alternatives."""
    listed = {"nodeSelectorTerms": [{"matchExpressions": term} for term in terms]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": listed}}}


def wish(key: str, operator: str, *values: str) -> Raw:
    """One expression."""
    return {"key": key, "operator": operator} | ({"values": list(values)} if values else {})


@pytest.mark.parametrize(
    ("requirement", "spec", "possible"),
    [
        (MANY, {"nodeSelector": {"tier": "v3"}}, True),
        (MANY, {"nodeSelector": {"tier": "w"}}, False),
        (MANY, any_of([wish("tier", "DoesNotExist")]), False),
        (MANY, any_of([wish("tier", "In", "w")], [wish("tier", "In", "w", "v4")]), True),
        (MANY, any_of([wish("tier", "In", "w")], [wish("mine", "Exists")]), False),
        (MANY, {"nodeSelector": {"tier": "v3"}, **any_of([wish("tier", "NotIn", "v3")])}, False),
        ("tier NotIn a", {"nodeSelector": {"tier": "a"}}, False),
        ("tier NotIn a", {"nodeSelector": {"tier": "b"}}, True),
        (f"{CPU} Gt 8", {"nodeSelector": {CPU: "4"}}, False),
        (f"{CPU} Gt 8", any_of([wish(CPU, "Gt", "15")]), True),
        (f"{CPU} Gt 8", any_of([wish(CPU, "Lt", "9")]), False),
        (f"{CATEGORY} In m,r", {"nodeSelector": {CATEGORY: "c"}}, False),
        (f"{CATEGORY} In m,r", {"nodeSelector": {TYPE: "m9z.large"}}, True),
    ],
)
def test_values_that_a_pool_does_not_admit(requirement: str, spec: dict[str, Any], possible: bool) -> None:
    """A label is open, and none of its values is what the pod asks for: refused; else it stays in doubt (rule 9.1)."""
    answer = found(spec, requirement)
    assert bool(answer.places) is possible
    assert all(place.doubt is not None for place in answer.places)


def test_the_pool_is_the_evidence() -> None:
    """A refusal names the requirements of the NodePool, in the scheduler's words (rule 9.1)."""
    (refusal, *_) = found({"nodeSelector": {"tier": "w"}}, MANY).refused
    assert refusal.feasibility.plugin == "NodeAffinity"
    assert refusal.feasibility.reason == "node(s) didn't match Pod's node affinity/selector"
    assert refusal.feasibility.ref == Ref("nodepools", "gpu", "spec.template.spec.requirements", "tier")


def test_what_the_api_refuses_stays_in_doubt() -> None:
    """A wrong operator of one alternative decides nothing (rule 9.1)."""
    answer = found(any_of([wish("tier", "Near", "v1")]), MANY)
    assert answer.places
    assert all(place.doubt is not None for place in answer.places)
