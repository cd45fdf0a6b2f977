"""What objects are called in sentences."""

from __future__ import annotations

import pytest

from clusterproof.checks.nouns import noun
from clusterproof.snapshot.kinds import BY_NAME


@pytest.mark.parametrize(
    ("kind", "one", "many"),
    [
        ("nodegroups", "node group", "node groups"),
        ("auto-scaling-groups", "Auto Scaling group", "Auto Scaling groups"),
        ("clusters", "cluster", "clusters"),
        ("policies", "policy", "policies"),
        ("network-acls", "network ACL", "network ACLs"),
        ("vpcs", "VPC", "VPCs"),
        ("keys", "key", "keys"),
        ("open-id-connect-providers", "OIDC provider", "OIDC providers"),
        ("networkpolicies", "NetworkPolicy", "NetworkPolicies"),
        ("storageclasses", "StorageClass", "StorageClasses"),
        ("other/x.io/Thing", "other/x.io/Thing", "other/x.io/Thing"),
    ],
)
def test_nouns(kind: str, one: str, many: str) -> None:
    """Kubernetes' kinds have their own names; those of AWS stand as its guides write them."""
    assert (noun(kind), noun(kind, 2)) == (one, many)


def test_every_kind_has_one_and_many() -> None:
    """No kind is called the same in both numbers, and none keeps the dashes of a command."""
    for kind in BY_NAME:
        assert noun(kind) != noun(kind, 0), kind
        assert "-" not in noun(kind).replace("add-on", ""), kind
