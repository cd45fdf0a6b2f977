"""What worlds of snapshots share that differ in rules, network ACLs and NetworkPolicies alone."""

from __future__ import annotations

import pytest

from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import AddPermission, Overlay, SetField, apply
from clusterproof.world.world import World
from tests.world.build import Tiny

RULE = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}


def test_a_rule_leaves_the_ground_as_it_is() -> None:
    """A world with one more rule stands on the same ground; its snapshot is its own."""
    snapshot = Tiny().sg("sg-x").managed("a", ["sg-x"]).snapshot()
    before = World(snapshot)
    after = World(apply(snapshot, Overlay((AddPermission("sg-x", egress=False, permission=RULE),))))
    assert after.ground is before.ground
    assert after.snapshot is not before.snapshot


@pytest.mark.parametrize(
    "edit",
    [
        SetField("security-groups", "sg-x", "Tags", [{"Key": "k", "Value": "v"}]),
        SetField("nodes", "a-0", "metadata.labels", {"x": "y"}),
    ],
)
def test_anything_else_makes_another_ground(edit: SetField) -> None:
    """A group's tags, which discovery reads, and every other table count."""
    snapshot = Tiny().sg("sg-x").managed("a", ["sg-x"]).snapshot()
    assert World(apply(snapshot, Overlay((edit,)))).ground is not World(snapshot).ground


@pytest.mark.parametrize("kind", [kinds.NETWORK_ACLS, kinds.NETWORK_POLICIES])
def test_what_is_withheld_cannot_be_read(kind: kinds.Kind[object]) -> None:
    """Whoever reads an ACL or a policy to build the ground breaks, rather than to rest on what may change."""
    ground = World(Tiny().managed("a", ["sg-x"]).snapshot()).ground
    with pytest.raises(LookupError, match=kind.name):
        ground.snapshot.objects(kind)
    with pytest.raises(LookupError, match=kind.name):
        ground.snapshot.missing(kind)
