"""A fix as a CloudFormation template: AWS's own linter finds nothing in it, and it means what the overlay means."""

from __future__ import annotations

from typing import Any

import boto3
import msgspec
import pytest
import yaml
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from clusterproof import api
from clusterproof.checks.mended import Change, Fix
from clusterproof.fixes import owners
from clusterproof.fixes.render import render
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit, Overlay
from clusterproof.snapshot.snapshot import Snapshot
from tests.e2e.moto_account import moto_server
from tests.fixes.build import REGION, acl, cluster, group, rule
from tests.fixes.test_render import EDITS, world
from tests.worlds.page import DYNAMO_WORLDS

PREFIX_LIST = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "PrefixListIds": [{"PrefixListId": "pl-0a1b2c3d"}]}
EVERYTHING: tuple[Edit, ...] = (
    AddPermission("sg-0a1b2c3d", egress=False, permission=rule(2379, group="sg-0b1c2d3e")),
    AddPermission("sg-0a1b2c3d", egress=False, permission=rule((2379, 2380), cidr="10.0.1.0/24")),
    AddPermission("sg-0a1b2c3d", egress=False, permission=rule(None, group="sg-0a1b2c3d")),
    AddPermission(
        "sg-0a1b2c3d",
        egress=False,
        permission={"IpProtocol": "tcp", "FromPort": 5, "ToPort": 5, "Ipv6Ranges": [{"CidrIpv6": "fd00::/64"}]},
    ),
    AddPermission("sg-0a1b2c3d", egress=False, permission=PREFIX_LIST),
    AddPermission("sg-0b1c2d3e", egress=True, permission=rule(2379, group="sg-0a1b2c3d")),
    AddPermission("sg-0b1c2d3e", egress=True, permission=rule(53, cidr="10.0.1.0/24", protocol="udp")),
    AddPermission("sg-0b1c2d3e", egress=True, permission=PREFIX_LIST),
    *(
        AddAclEntry(
            "acl-0c1d2e3f",
            {
                "CidrBlock": "10.0.2.0/24",
                "Egress": way,
                "PortRange": {"From": 32768, "To": 60999},
                "Protocol": "6",
                "RuleAction": "allow",
                "RuleNumber": 110,
            },
        )
        for way in (True, False)
    ),
    AddAclEntry(
        "acl-0c1d2e3f",
        {
            "Ipv6CidrBlock": "fd00::/64",
            "Egress": False,
            "PortRange": {"From": 53, "To": 53},
            "Protocol": "17",
            "RuleAction": "allow",
            "RuleNumber": 120,
        },
    ),
)
"""Every form of change that CloudFormation has a resource for."""


def account(name: str = "", owner: str = "111122223333") -> Snapshot:
    """The groups and the ACL that :data:`EVERYTHING` changes."""
    groups = [group("sg-0a1b2c3d", name=name), {**group("sg-0b1c2d3e"), "OwnerId": owner}]
    return cluster([], groups, [], acls=[acl("acl-0c1d2e3f", [])])


def fix(*edits: Edit, snapshot: Snapshot | None = None) -> Fix:
    """A proven fix of these edits."""
    view = VpcView(snapshot or account())
    changes = tuple(Change(owners.text_of(view, edit), owners.object_of(edit)) for edit in edits)
    return Fix(proven=True, changes=changes, overlay=Overlay(edits))


def template(found: Fix, snapshot: Snapshot) -> dict[str, Any]:
    """The template as a YAML reader sees it."""
    result = yaml.safe_load(render(found, snapshot, "cloudformation"))
    assert isinstance(result, dict)
    return result


def linted(text: str) -> list[str]:
    """What cfn-lint says of a template, as ``ID message``, every note included; empty when it finds nothing."""
    found = lint(text, regions=[REGION], config=ManualArgs(include_checks=["I"], regions=[REGION]))
    return [f"{match.rule.id} {match.message}" for match in found]


def test_the_linter_finds_nothing() -> None:
    """cfn-lint, which knows CloudFormation's own resource schemas, has neither error, warning nor note."""
    for found in (fix(*EVERYTHING), fix(EVERYTHING[0], EDITS[5])):
        assert linted(render(found, account(), "cloudformation")) == []


def test_the_linter_can_find_something() -> None:
    """A property that does not exist, and a missing one, are found: the check is not one that accepts everything."""
    text = render(fix(EVERYTHING[0]), account(), "cloudformation")
    assert any(line.startswith("E3002") for line in linted(text.replace("FromPort", "FromPorts")))
    assert any(line.startswith("E3003") for line in linted(text.replace("      IpProtocol: tcp\n", "")))


def test_each_edit_is_one_resource_with_its_values() -> None:
    """What EC2 would get from the stack is what the overlay adds, in the template's own names."""
    resources = template(fix(*EVERYTHING), account())["Resources"]
    assert [resource["Type"].rpartition("::")[2] for resource in resources.values()] == [
        *["SecurityGroupIngress"] * 5,
        *["SecurityGroupEgress"] * 3,
        *["NetworkAclEntry"] * 3,
    ]
    bodies = [
        {key: value for key, value in resource["Properties"].items() if key != "Description"}
        for resource in resources.values()
    ]
    assert bodies[0] == {
        "GroupId": "sg-0a1b2c3d",
        "IpProtocol": "tcp",
        "FromPort": 2379,
        "ToPort": 2379,
        "SourceSecurityGroupId": "sg-0b1c2d3e",
    }
    assert bodies[1] == {
        "GroupId": "sg-0a1b2c3d",
        "IpProtocol": "tcp",
        "FromPort": 2379,
        "ToPort": 2380,
        "CidrIp": "10.0.1.0/24",
    }
    assert bodies[2] == {"GroupId": "sg-0a1b2c3d", "IpProtocol": "-1", "SourceSecurityGroupId": "sg-0a1b2c3d"}
    assert bodies[3]["CidrIpv6"] == "fd00::/64"
    assert bodies[4]["SourcePrefixListId"] == "pl-0a1b2c3d"
    assert bodies[5]["DestinationSecurityGroupId"] == "sg-0a1b2c3d"
    assert bodies[6]["CidrIp"] == "10.0.1.0/24"
    assert bodies[7]["DestinationPrefixListId"] == "pl-0a1b2c3d"
    assert bodies[8] == {
        "NetworkAclId": "acl-0c1d2e3f",
        "RuleNumber": 110,
        "Egress": True,
        "Protocol": 6,
        "RuleAction": "allow",
        "CidrBlock": "10.0.2.0/24",
        "PortRange": {"From": 32768, "To": 60999},
    }
    assert bodies[10]["Ipv6CidrBlock"] == "fd00::/64"
    assert bodies[10]["Protocol"] == 17


def test_logical_ids_depend_on_nothing_but_the_rule() -> None:
    """The same rule has the same id alone and among others, so that a stack can be updated; no two share one."""
    ids = list(template(fix(*EVERYTHING), account())["Resources"])
    assert ids[0] == "AllowTcp2379FromSg0b1c2d3eToSg0a1b2c3d"
    assert ids[8:10] == ["Rule110OutAcl0c1d2e3f", "Rule110InAcl0c1d2e3f"]
    assert len(set(ids)) == len(EVERYTHING)
    assert all(name.isalnum() and len(name) <= 255 for name in ids)
    for edit, name in zip(EVERYTHING, ids, strict=True):
        assert list(template(fix(edit), account())["Resources"]) == [name]


def test_a_rule_twice_is_two_resources() -> None:
    """Two changes of one form never overwrite one another."""
    assert list(template(fix(EVERYTHING[0], EVERYTHING[0]), account())["Resources"]) == [
        "AllowTcp2379FromSg0b1c2d3eToSg0a1b2c3d",
        "AllowTcp2379FromSg0b1c2d3eToSg0a1b2c3dx2",
    ]


def test_what_it_cannot_express_is_said() -> None:
    """A NetworkPolicy stands in the comments and in the template's metadata, with the tool that makes it."""
    text = render(fix(*EDITS), world(), "cloudformation")
    said = "CloudFormation has no resource for a NetworkPolicy; see --as kubectl"
    assert any(said in line for line in text.splitlines() if line.startswith("# - add NetworkPolicy dynamo/"))
    found = yaml.safe_load(text)
    assert [said in line for line in found["Metadata"]["Clusterproof"]["NotInThisTemplate"]] == [True]
    assert len(found["Resources"]) == 5


def test_nothing_to_deploy_is_no_template() -> None:
    """With only a NetworkPolicy there is no template that could be deployed and look like a fix."""
    text = render(fix(EDITS[5]), world(), "cloudformation")
    assert yaml.safe_load(text) is None
    assert "# There is nothing here that CloudFormation could deploy." in text


def test_groups_of_another_account() -> None:
    """Inbound the other account is named; outbound, where CloudFormation has no property for it, that is said."""
    pair = {"UserIdGroupPairs": [{"GroupId": "sg-0b1c2d3e", "UserId": "999988887777"}]}
    ports = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1}
    into = AddPermission("sg-0a1b2c3d", egress=False, permission={**ports, **pair})
    out = AddPermission("sg-0a1b2c3d", egress=True, permission={**ports, **pair})
    found = template(fix(into, out), account(owner="999988887777"))
    (resource,) = found["Resources"].values()
    assert resource["Properties"]["SourceSecurityGroupOwnerId"] == "999988887777"
    (left,) = found["Metadata"]["Clusterproof"]["NotInThisTemplate"]
    assert "cannot name a group of another account; see --as aws-cli" in left


@pytest.mark.parametrize("proven", [True, False])
def test_it_says_first_whether_it_is_proven(proven: bool) -> None:
    """In the comments, in the description that the console shows, and in the metadata."""
    found = msgspec.structs.replace(fix(EVERYTHING[0]), proven=proven)
    text = render(found, account(), "cloudformation")
    assert text.startswith("# clusterproof: proven:" if proven else "# clusterproof: NOT PROVEN:")
    made = yaml.safe_load(text)
    assert made["Description"].endswith("(proven)" if proven else "(NOT PROVEN)")
    assert made["Metadata"]["Clusterproof"]["Proven"] is proven


def test_a_hostile_name_resolves_nothing() -> None:
    """A group's name can neither leave its text nor have CloudFormation put a secret into a rule's description."""
    name = "{{resolve:secretsmanager:db:SecretString}} {{{{x}}}} ${AWS::AccountId}\n- !Ref A\u2028\x1b[31m: #"
    snapshot = account(name)
    found = fix(EVERYTHING[0], EDITS[5], snapshot=snapshot)
    assert any("{{resolve" in change.text for change in found.changes)
    text = render(found, snapshot, "cloudformation")
    body = "".join(line for line in text.splitlines() if not line.startswith("#"))
    assert "{{" not in body
    assert "${" not in body
    assert all(line.isprintable() for line in text.splitlines())
    assert len(yaml.safe_load(text)["Resources"]) == 1
    assert linted(text) == []


@pytest.mark.parametrize("name", DYNAMO_WORLDS)
def test_plans_of_the_shipped_worlds(name: str) -> None:
    """The plan of each world that ships has one resource per change of AWS, and cfn-lint finds nothing."""
    snapshot = api.load_world(name)
    report = api.check(snapshot, "dynamo")
    assert report.plan is not None
    text = api.render_fix(report, snapshot, "cloudformation")
    assert text == api.render_fix(report, snapshot, "cloudformation")
    wanted = [edit for edit in report.plan.overlay.edits if isinstance(edit, AddPermission | AddAclEntry)]
    assert wanted
    assert len(yaml.safe_load(text)["Resources"]) == len(wanted)
    assert linted(text) == []


@pytest.mark.slow
def test_a_stack_of_it_adds_the_rules() -> None:
    """Deployed to a moto server, which of the three resource types makes inbound rules, the group has just these."""
    with moto_server() as url:
        ec2, stacks = (
            boto3.client(name, REGION, endpoint_url=url, aws_access_key_id="test", aws_secret_access_key="test")
            for name in ("ec2", "cloudformation")
        )
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        one, two = (ec2.create_security_group(GroupName=n, Description=n, VpcId=vpc)["GroupId"] for n in ("a", "b"))
        edits = (
            AddPermission(one, egress=False, permission=rule(2379, group=two)),
            AddPermission(one, egress=False, permission=rule((4222, 4223), cidr="10.0.1.0/24", protocol="udp")),
        )
        snapshot = cluster([], [group(one), group(two)], [])
        text = render(fix(*edits, snapshot=snapshot), snapshot, "cloudformation")

        def rules() -> list[tuple[Any, ...]]:
            (found,) = ec2.describe_security_groups(GroupIds=[one])["SecurityGroups"]
            return sorted(
                (
                    *(p[name] for name in ("IpProtocol", "FromPort", "ToPort")),
                    *(item["GroupId"] for item in p["UserIdGroupPairs"]),
                    *(item["CidrIp"] for item in p["IpRanges"]),
                )
                for p in found["IpPermissions"]
            )

        assert rules() == []
        stacks.create_stack(StackName="fix", TemplateBody=text)
        assert rules() == [("tcp", 2379, 2379, two), ("udp", 4222, 4223, "10.0.1.0/24")]
