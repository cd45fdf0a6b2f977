"""World ``asya`` read with one of the printed rights less: what rests on it is unknown and names it, nothing passes."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.asya.real.world import RBAC, World

pytestmark = pytest.mark.controlplane

ROLE = f"/apis/{RBAC}/clusterroles/clusterproof-reader"
AWS = {
    "eks:DescribePodIdentityAssociation": "keda-association",
    "iam:GetRolePolicy": "actor-sqs-permissions",
    "s3:GetLifecycleConfiguration": "bucket-expiration",
    "sqs:GetQueueAttributes": "sqs-encryption",
}
"""Right → a requirement that rests on it."""
CLUSTER = {
    "scaledobjects.keda.sh": ("/apis/keda.sh/v1alpha1/scaledobjects", "keda-authentication"),
    "namespaces": ("/api/v1/namespaces", "pod-security-enforced"),
}
"""Right → where its kind is listed, and a requirement that rests on it."""


@pytest.fixture(scope="module")
def before(world: World) -> dict[str, str]:
    """Verdicts with all printed rights."""
    return verdicts(world.report())


def verdicts(report: dict[str, Any]) -> dict[str, str]:
    """By requirement."""
    return {item["id"].partition("/")[2]: item["verdict"] for item in report["findings"]}


def judged(world: World, before: dict[str, str], requirement: str, remedy: str) -> None:
    """Without the right its requirement is unknown and asks for it; no verdict became another but unknown."""
    report = world.report()
    after = verdicts(report)
    assert before[requirement] == "pass"
    (finding,) = [item for item in report["findings"] if item["id"] == f"asya/{requirement}"]
    assert finding["verdict"] == "unknown"
    assert remedy in {unknown["remedy"] for unknown in finding["unknowns"]}, finding["unknowns"]
    assert {after[name] for name in after if after[name] != before[name]} == {"unknown"}


@pytest.mark.parametrize("right", AWS)
def test_without_an_action(world: World, before: dict[str, str], right: str) -> None:
    """One action less in the printed IAM policy, which the server enforces."""
    printed = (world.home / "iam.json").read_text()
    policy = json.loads(printed)
    for statement in policy["Statement"]:
        statement["Action"] = [action for action in statement["Action"] if action != right]
    policy["Statement"] = [statement for statement in policy["Statement"] if statement["Action"]]
    assert len(json.dumps(policy)) < len(json.dumps(json.loads(printed)))
    world.grant(json.dumps(policy))
    try:
        judged(world, before, AWS[right], f"grant {right}")
    finally:
        world.grant(printed)


@pytest.fixture
def role(world: World) -> Iterator[dict[str, Any]]:
    """The reader's ClusterRole; put back after the test."""
    found = world.plane.admin.get(ROLE)
    yield json.loads(json.dumps(found))
    world.plane.admin.patch(ROLE, {"rules": found["rules"]})
    until = time.monotonic() + 30
    while not all(world.plane.reader.there(path) for path, _ in CLUSTER.values()):
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.parametrize("right", CLUSTER)
def test_without_a_kind(world: World, before: dict[str, str], role: dict[str, Any], right: str) -> None:
    """One kind less in the printed ClusterRole, which the API server enforces."""
    name, _, group = right.partition(".")
    for rule in role["rules"]:
        if group in rule["apiGroups"]:
            rule["resources"] = [resource for resource in rule["resources"] if resource != name]
    world.plane.admin.patch(ROLE, {"rules": [rule for rule in role["rules"] if rule["resources"]]})
    path, requirement = CLUSTER[right]
    until = time.monotonic() + 30
    while world.plane.reader.there(path):  # the authorizer hears of it a moment later
        assert time.monotonic() < until
        time.sleep(0.05)
    judged(world, before, requirement, f"grant list {right}")
