"""Differences as the APIs mean their objects."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from clusterproof.snapshot import kinds, overlay
from clusterproof.snapshot.compare import differences
from clusterproof.snapshot.snapshot import Coverage, Meta, Snapshot, table_of


def groups(*rows: dict[str, Any]) -> Snapshot:
    """A snapshot of security groups."""
    return Snapshot(Meta(), {"security-groups": table_of(kinds.SECURITY_GROUPS, rows)})


def rule(port: int, *peers: str, **more: Any) -> dict[str, Any]:
    """One tcp permission with several peers."""
    pairs = [{"GroupId": peer, "UserId": "111122223333"} | more for peer in peers]
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": pairs, "IpRanges": []}


def test_grouping_and_order_of_permissions_do_not_matter() -> None:
    """One permission with two peers is two permissions with one peer each."""
    one = groups({"GroupId": "sg-1", "IpPermissions": [rule(80, "sg-a", "sg-b"), rule(90, "sg-c")]})
    other = groups({"GroupId": "sg-1", "IpPermissions": [rule(90, "sg-c"), rule(80, "sg-b"), rule(80, "sg-a")]})
    assert differences(one, other) == []


def test_a_new_rule_is_the_difference() -> None:
    """A rule that only one side has is named by protocol, ports and peer."""
    one = groups({"GroupId": "sg-1", "IpPermissions": []})
    other = groups({"GroupId": "sg-1", "IpPermissions": [rule(2379, "sg-a")]})
    (found,) = differences(one, other)
    assert (found.kind, found.key, found.path) == ("security-groups", "sg-1", "IpPermissions.tcp 2379-2379 sg-a")
    assert (found.old, found.new) == (None, {})


def test_a_prediction_equals_the_new_dump() -> None:
    """What overlay.apply predicts equals what EC2 lists after the command, UserId and description aside."""
    before = groups({"GroupId": "sg-1", "IpPermissions": [rule(80, "sg-a")]})
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": "sg-b"}]}
    predicted = overlay.apply(
        before, overlay.Overlay((overlay.AddPermission("sg-1", egress=False, permission=permission),))
    )
    dumped = groups({"GroupId": "sg-1", "IpPermissions": [rule(80, "sg-b", "sg-a", Description="clusterproof")]})
    assert differences(predicted, dumped) == []
    assert len(differences(predicted, dumped, descriptions=True)) == 2
    assert differences(before, dumped) != []


def test_all_traffic_has_no_ports() -> None:
    """Protocol -1 is the same rule whether ports are absent or -1."""
    one = groups({"GroupId": "s", "IpPermissionsEgress": [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]})
    ports = {"IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    assert differences(one, groups({"GroupId": "s", "IpPermissionsEgress": [ports]})) == []


def test_rules_are_compared_without_their_ids() -> None:
    """describe-security-group-rules gives ids that differ from account to account."""

    def of(identity: str, port: int) -> Snapshot:
        row = {
            "SecurityGroupRuleId": identity,
            "GroupId": "sg-1",
            "IsEgress": False,
            "IpProtocol": "tcp",
            "FromPort": port,
            "ToPort": port,
            "CidrIpv4": "10.0.0.0/8",
        }
        return Snapshot(Meta(), {"security-group-rules": table_of(kinds.SECURITY_GROUP_RULES, [row])})

    assert differences(of("sgr-1", 80), of("sgr-2", 80)) == []
    assert len(differences(of("sgr-1", 80), of("sgr-1", 81))) == 2


def test_acl_entries_by_number_and_tags_by_key() -> None:
    """Neither has an order of its own; a changed entry is found under its number."""

    def of(action: str, *, flip: bool = False) -> Snapshot:
        entries = [
            {"RuleNumber": 100, "RuleAction": action, "Egress": False, "CidrBlock": "0.0.0.0/0"},
            {"RuleNumber": 100, "RuleAction": "allow", "Egress": True, "CidrBlock": "0.0.0.0/0"},
        ]
        tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
        step = -1 if flip else 1
        row = {"NetworkAclId": "acl-1", "Entries": entries[::step], "Tags": tags[::step]}
        return Snapshot(Meta(), {"network-acls": table_of(kinds.NETWORK_ACLS, [row])})

    assert differences(of("allow"), of("allow", flip=True)) == []
    (found,) = differences(of("allow"), of("deny"))
    assert (found.path, found.old, found.new) == ("Entries.in 100.RuleAction", "allow", "deny")


def test_volatile_fields_do_not_count() -> None:
    """Resource versions and heartbeats change by themselves; what someone set does count."""

    def of(version: str, label: str) -> Snapshot:
        conditions = [{"type": "Ready", "status": "True", "lastHeartbeatTime": version}]
        row = {
            "metadata": {"name": "n", "resourceVersion": version, "labels": {"x": label}},
            "status": {"conditions": conditions},
        }
        return Snapshot(Meta(), {"nodes": table_of(kinds.NODES, [row])})

    assert differences(of("1", "a"), of("2", "a")) == []
    (found,) = differences(of("1", "a"), of("2", "b"))
    assert found.path == "metadata.labels.x"


def test_coverage_and_whole_objects() -> None:
    """A kind read less completely, and an object that came or went, are differences."""
    one = Snapshot(Meta(), {"vpcs": table_of(kinds.VPCS, [{"VpcId": "vpc-1"}])})
    other = Snapshot(Meta(), {"vpcs": table_of(kinds.VPCS, [], [Coverage("x")])})
    assert [(each.key, each.path) for each in differences(one, other)] == [("", "coverage"), ("vpc-1", "")]
    assert differences(one, one) == []


def test_policies_are_compared_as_what_they_say() -> None:
    """A document as an object, as JSON text in another order and URL-encoded is one document; a wider one differs."""
    says = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}
    text = json.dumps(dict(reversed(says.items())), indent=2)

    def role(document: Any, *attached: str) -> Snapshot:
        policies = [{"PolicyName": name, "PolicyArn": f"arn:{name}"} for name in attached]
        inline = [{"PolicyName": "own", "PolicyDocument": document}]
        raw = {"RoleName": "r", "RolePolicyList": inline, "AttachedManagedPolicies": policies}
        return Snapshot(Meta(), {"roles": table_of(kinds.ROLES, [raw])})

    first = role(says, "a", "b")
    assert differences(first, role(text, "b", "a")) == []
    assert differences(first, role(quote(text), "a", "b")) == []
    (found,) = differences(first, role({**says, "Version": "2008-10-17"}, "a", "b"))
    assert found.path == "RolePolicyList.[own].PolicyDocument.Version"
    (found,) = differences(first, role(says, "a"))
    assert (found.key, found.path) == ("r", "AttachedManagedPolicies.[arn:b]")


def test_messages_that_come_and_go_are_no_difference() -> None:
    """Counters of a queue change by themselves, its visibility timeout does not."""

    def queue(**attributes: str) -> Snapshot:
        held = {"QueueArn": "arn:aws:sqs:us-west-2:111122223333:q", **attributes}
        return Snapshot(Meta(), {"queues": table_of(kinds.QUEUES, [{"Attributes": held}])})

    one = queue(ApproximateNumberOfMessages="0", VisibilityTimeout="30")
    assert differences(one, queue(ApproximateNumberOfMessages="9", VisibilityTimeout="30")) == []
    (found,) = differences(one, queue(VisibilityTimeout="600"))
    assert (found.path, found.new) == ("Attributes.VisibilityTimeout", "600")
