"""Overlays: typed edits, applied to a copy, told in words."""

from __future__ import annotations

import pytest

from clusterproof.errors import NotFoundError
from clusterproof.snapshot import kinds, overlay
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import Meta, Snapshot, table_of

BASE = Snapshot(
    Meta(),
    {
        "security-groups": table_of(kinds.SECURITY_GROUPS, [{"GroupId": "sg-1"}, {"GroupId": "sg-2"}]),
        "nodes": table_of(kinds.NODES, [{"metadata": {"name": "n1"}, "spec": {"taints": [{"key": "a"}]}}]),
    },
)
RULE = {"IpProtocol": "tcp", "FromPort": 2379, "ToPort": 2379, "UserIdGroupPairs": [{"GroupId": "sg-2"}]}


def test_apply_changes_a_copy() -> None:
    """The snapshot stays as it was, and tables that no edit touches are the same objects."""
    changed = overlay.apply(BASE, overlay.Overlay((overlay.AddPermission("sg-1", egress=False, permission=RULE),)))
    group = changed.get(kinds.SECURITY_GROUPS, "sg-1")
    assert group is not None
    assert group.ip_permissions[0].user_id_group_pairs[0].group_id == "sg-2"
    before = BASE.get(kinds.SECURITY_GROUPS, "sg-1")
    assert before is not None
    assert before.ip_permissions == ()
    assert changed.tables["nodes"] is BASE.tables["nodes"]


def test_put_delete_and_set() -> None:
    """Objects come and go; fields are set by dotted path through lists; order of edits counts."""
    edits = overlay.Overlay(
        (
            overlay.Put("nodes", {"metadata": {"name": "n2"}}),
            overlay.SetField("nodes", "n2", "spec.unschedulable", value=True),
            overlay.SetField("nodes", "n1", "spec.taints.0.key", "b"),
            overlay.Delete("security-groups", "sg-2"),
        )
    )
    changed = overlay.apply(BASE, edits)
    assert [node.metadata.name for node in changed.objects(kinds.NODES)] == ["n1", "n2"]
    assert changed.objects(kinds.NODES)[1].spec.unschedulable
    assert changed.objects(kinds.NODES)[0].spec.taints[0].key == "b"
    assert [group.group_id for group in changed.objects(kinds.SECURITY_GROUPS)] == ["sg-1"]


def test_a_field_can_become_unknown() -> None:
    """A Terraform plan's "known after apply" is a field that is unknown, not absent."""
    later = Unknown(Cause.KNOWN_AFTER_APPLY, "set by apply")
    changed = overlay.apply(BASE, overlay.Overlay((overlay.SetField("nodes", "n1", "spec", unknown=later),)))
    assert changed.unknown_field(kinds.NODES, "n1", "spec.providerID") is later
    assert BASE.unknown_field(kinds.NODES, "n1", "spec.providerID") is None


def test_an_object_put_into_an_unread_kind_does_not_complete_it() -> None:
    """Adding a policy to a snapshot without NetworkPolicies leaves it unknown which others there are."""
    policy = {"metadata": {"name": "deny", "namespace": "a"}}
    changed = overlay.apply(BASE, overlay.Overlay((overlay.Put("networkpolicies", policy),)))
    assert len(changed.objects(kinds.NETWORK_POLICIES)) == 1
    missing = changed.missing(kinds.NETWORK_POLICIES)
    assert missing is not None
    assert missing.cause is Cause.NOT_COLLECTED


def test_changing_what_is_not_there_is_an_error() -> None:
    """An edit of an object that the snapshot does not hold names it."""
    with pytest.raises(NotFoundError, match="security-groups sg-9 cannot be changed"):
        overlay.apply(BASE, overlay.Overlay((overlay.AddPermission("sg-9", egress=False, permission=RULE),)))


def test_render_says_what_changes() -> None:
    """One plain sentence per edit."""
    entry = {"RuleNumber": 90, "RuleAction": "allow", "Egress": True, "CidrBlock": "10.0.0.0/8"}
    edits = overlay.Overlay(
        (overlay.AddPermission("sg-1", egress=False, permission=RULE), overlay.AddAclEntry("acl-1", entry))
    )
    assert overlay.render(edits) == ["admit tcp 2379 from sg-2 to sg-1", "acl-1: allow rule 90 out 10.0.0.0/8"]


def test_put_into_an_empty_kind_that_was_read_keeps_it_complete() -> None:
    """None were there and all were read: with one more all are known. A kind that was not read stays unknown."""
    base = Snapshot(Meta(), {"services": table_of(kinds.SERVICES, [])})
    service = {"metadata": {"name": "x", "namespace": "a"}, "spec": {}}
    changed = overlay.apply(base, overlay.Overlay((overlay.Put("services", service), overlay.Put("pods", service))))
    assert changed.missing(kinds.SERVICES) is None
    missing = changed.missing(kinds.PODS)
    assert missing is not None
    assert missing.cause is Cause.NOT_COLLECTED
