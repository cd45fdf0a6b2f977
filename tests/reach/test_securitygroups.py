"""Security groups: documents' examples, unknowns, and a packet-by-packet twin."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.securitygroups import References, group_egress, group_ingress
from clusterproof.reach.trace import Outcome
from clusterproof.reach.vpc import VpcView, outside
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import SECURITY_GROUPS
from clusterproof.snapshot.overlay import Overlay, SetField, apply
from tests.reach.vpcbuild import Address, Raw, group, hosts_of, peering, perm, snapshot, subnet, view

WORKS, BLOCKED, VARIES, UNKNOWN = Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN


def test_the_guides_web_server_example() -> None:
    """VPC User Guide, "Security group rules", Example rules: each row of the table, and what is in no row (rules 1.1, 1.8)."""
    home = "203.0.113.0/24"
    web = group(
        "sg-web",
        [
            perm("tcp", 80, cidr=["0.0.0.0/0"], cidr6=["::/0"]),
            perm("tcp", 443, cidr=["0.0.0.0/0"], cidr6=["::/0"]),
            perm("tcp", 22, cidr=[home]),
            perm("tcp", 3389, cidr=[home]),
        ],
        [perm("tcp", 1433, group=["sg-mssql"]), perm("tcp", 3306, group=["sg-mysql"])],
    )
    world = view(groups=[web, group("sg-mssql"), group("sg-mysql")])
    server = world.side(("sg-web",), "subnet-0a")
    for address, port, wanted in [
        ("198.51.100.7", 80, WORKS),
        ("2001:db8::7", 443, WORKS),
        ("203.0.113.9", 22, WORKS),
        ("203.0.113.9", 3389, WORKS),
        ("198.51.100.7", 22, BLOCKED),
        ("2001:db8::7", 22, BLOCKED),
        ("198.51.100.7", 8080, BLOCKED),
    ]:
        (client,) = outside(AddressSet.of(address))
        end = server if client.family == 4 else world.side(("sg-web",), "subnet-0a", 6)
        assert group_ingress(world, client, end, port, "tcp").outcome is wanted, (address, port)
    for peer, port, wanted in [
        ("sg-mssql", 1433, WORKS),
        ("sg-mysql", 3306, WORKS),
        ("sg-mysql", 1433, BLOCKED),
        ("sg-web", 3306, BLOCKED),
    ]:
        assert group_egress(world, server, world.side((peer,), "subnet-0b"), port, "tcp").outcome is wanted


def test_the_guides_reference_example() -> None:
    """Same page, "Security group referencing": members of sg-2 may open SSH to members of sg-1, not the reverse (rule 1.4)."""
    world = view(groups=[group("sg-1", [perm("tcp", 22, group=["sg-2"])]), group("sg-2")])
    one, two = world.side(("sg-1",), "subnet-0a"), world.side(("sg-2",), "subnet-0b")
    assert group_ingress(world, two, one, 22, "TCP").outcome is WORKS
    assert group_ingress(world, one, two, 22, "TCP").outcome is BLOCKED


def test_a_self_reference_needs_both_ends_to_be_members() -> None:
    """A group's rule for itself admits its members only (rule 1.8)."""
    world = view(groups=[group("sg-1", [perm("-1", group=["sg-1"])]), group("sg-2")])
    one, two = world.side(("sg-1",), "subnet-0a"), world.side(("sg-2",), "subnet-0b")
    assert group_ingress(world, one, one, 22, "TCP").outcome is WORKS
    assert group_ingress(world, two, one, 22, "TCP").outcome is BLOCKED


def test_through_a_middlebox_only_cidrs_count() -> None:
    """Same page, Limitation: a reference "does not allow traffic to flow" through an appliance, a CIDR does (rule 1.5)."""
    path = References(BLOCKED, "group references do not match through eni-1")
    named = view(groups=[group("sg-1", [perm("tcp", 22, group=["sg-2"])]), group("sg-2")])
    hop = group_ingress(named, named.side(("sg-2",), "subnet-0b"), named.side(("sg-1",), "subnet-0a"), 22, "tcp", path)
    assert hop.outcome is BLOCKED
    assert "eni-1" in hop.text
    ranged = view(groups=[group("sg-1", [perm("tcp", 22, cidr=["10.0.2.0/24"])]), group("sg-2")])
    hop = group_ingress(
        ranged, ranged.side(("sg-2",), "subnet-0b"), ranged.side(("sg-1",), "subnet-0a"), 22, "tcp", path
    )
    assert hop.outcome is WORKS


def test_a_new_group_admits_nothing_and_lets_everything_out() -> None:
    """Same page, Characteristics: no inbound rule, one outbound rule; without it nothing goes out (rule 1.1)."""
    world = view(groups=[group("sg-new"), group("sg-mute", egress=[])])
    new, mute = world.side(("sg-new",), "subnet-0a"), world.side(("sg-mute",), "subnet-0b")
    assert group_egress(world, new, mute, 1, "udp").outcome is WORKS
    assert group_ingress(world, mute, new, 1, "udp").outcome is BLOCKED
    hop = group_egress(world, mute, new, 1, "udp")
    assert (hop.outcome, hop.text) == (BLOCKED, "sg-mute has no outbound rule")


def test_rules_of_all_groups_are_one_set() -> None:
    """Same page: "the rules from each security group are aggregated"; two halves make a whole (rule 1.2)."""
    world = view(
        groups=[
            group("sg-a", [perm("tcp", 9090, cidr=["10.0.1.0/25"])]),
            group("sg-b", [perm("6", 9000, 9100, cidr=["10.0.1.128/25"])]),
        ]
    )
    client, server = world.side(("sg-a",), "subnet-0a"), world.side(("sg-a", "sg-b"), "subnet-0b")
    hop = group_ingress(world, client, server, 9090, "TCP")
    assert hop.outcome is WORKS
    assert [ref.key for ref in hop.refs] == ["sg-a", "sg-b"]


def test_part_of_a_subnet_varies_and_says_which() -> None:
    """Design rule 4: addresses of the future are ranges; a rule for half a subnet is a matter of luck (rule 1.9)."""
    world = view(groups=[group("sg-b", [perm("tcp", 9090, cidr=["10.0.1.0/25"])]), group("sg-a")])
    hop = group_ingress(world, world.side(("sg-a",), "subnet-0a"), world.side(("sg-b",), "subnet-0b"), 9090, "tcp")
    assert hop.outcome is VARIES
    assert hop.text == "admits tcp 9090 from 10.0.1.0/25, half of subnet-0a (10.0.1.0/24)"


def test_a_refusal_names_the_closest_rule() -> None:
    """A reader sees how many rules there are and which one misses by least: same source, nearest port."""
    world = view(
        groups=[
            group(
                "sg-0b2",
                [
                    perm("tcp", 443, 444, group=["sg-0a1", "sg-0c3"]),
                    perm("tcp", 9443, group=["sg-0a1"]),
                    perm("tcp", 9090, cidr=["192.168.0.0/16"]),
                ],
                name="system-nodes",
            ),
            group("sg-0a1", name="gpu"),
        ],
        rules=[
            {
                "SecurityGroupRuleId": "sgr-77",
                "GroupId": "sg-0b2",
                "IsEgress": False,
                "IpProtocol": "tcp",
                "FromPort": 9443,
                "ToPort": 9443,
                "ReferencedGroupInfo": {"GroupId": "sg-0a1"},
            }
        ],
    )
    client, server = world.side(("sg-0a1",), "subnet-0a"), world.side(("sg-0b2",), "subnet-0b")
    hop = group_ingress(world, client, server, 9090, "TCP")
    assert hop.text == (
        "sg-0b2 (system-nodes) has 4 inbound rules; none admits tcp 9090 from sg-0a1; closest: tcp 9443 from sg-0a1"
    )
    closest = hop.refs[-1]
    assert (closest.field, closest.value) == ("IpPermissions[1]", "tcp 9443 from sg-0a1 (sgr-77)")
    assert group_ingress(world, client, server, 9443, "TCP").text == "admits tcp 9443 from sg-0a1 (sgr-77)"
    other = world.side(("sg-0zz",), "subnet-0a")
    assert group_ingress(world, other, server, 9090, "TCP").text.endswith("closest: tcp 9090 from 192.168.0.0/16")


def test_prefix_lists_expand_or_are_unknown() -> None:
    """A list's entries decide; without them the hop names the command that gets them (rule 1.6)."""
    groups = [group("sg-1", [perm("tcp", 80, list=["pl-1"])]), group("sg-2")]
    known = view(groups=groups, entries=[{"PrefixListId": "pl-1", "Entries": [{"Cidr": "10.0.2.0/23"}]}])
    hop = group_ingress(known, known.side(("sg-2",), "subnet-0b"), known.side(("sg-1",), "subnet-0a"), 80, "tcp")
    assert hop.outcome is WORKS
    hop = group_ingress(known, known.side(("sg-2",), "subnet-0a"), known.side(("sg-1",), "subnet-0a"), 80, "tcp")
    assert hop.outcome is BLOCKED
    unread = view(groups=groups)
    hop = group_ingress(unread, unread.side(("sg-2",), "subnet-0b"), unread.side(("sg-1",), "subnet-0a"), 80, "tcp")
    assert hop.outcome is UNKNOWN
    assert hop.unknown is not None
    assert "get-managed-prefix-list-entries --prefix-list-id pl-1" in hop.unknown.remedy


def test_an_unknown_rule_never_hides_an_allow() -> None:
    """A group that was not read cannot take away what another group admits; alone it is unknown, with its command."""
    world = view(groups=[group("sg-1", [perm("tcp", 80, group=["sg-2"])]), group("sg-2")])
    client = world.side(("sg-2",), "subnet-0b")
    server = world.side(("sg-1", "sg-gone"), "subnet-0a")
    assert group_ingress(world, client, server, 80, "tcp").outcome is WORKS
    hop = group_ingress(world, client, server, 81, "tcp")
    assert hop.outcome is UNKNOWN
    assert hop.unknown is not None
    assert "sg-gone" in hop.unknown.detail
    assert "aws ec2 describe-security-groups --group-ids sg-gone" in hop.unknown.remedy


def test_unknown_membership_and_unknown_addresses() -> None:
    """What of the other end is not known makes only those rules unknown that read it."""
    why = Unknown(Cause.DENIED, "no permission", "ec2:DescribeNetworkInterfaces")
    world = view(groups=[group("sg-1", [perm("tcp", 80, group=["sg-2"]), perm("tcp", 81, cidr=["0.0.0.0/0"])])])
    server = world.side(("sg-1",), "subnet-0a")
    client = world.side(why, why)
    assert group_ingress(world, client, server, 80, "tcp").outcome is UNKNOWN
    assert group_ingress(world, client, server, 81, "tcp").outcome is WORKS
    assert group_ingress(world, client, server, 82, "tcp").outcome is BLOCKED
    partly = view(groups=[group("sg-1", [perm("tcp", 80, cidr=["10.0.1.0/24"])]), group("sg-2")])
    hop = group_ingress(partly, partly.side(("sg-2",), why), partly.side(("sg-1",), "subnet-0a"), 80, "tcp")
    assert (hop.outcome, hop.unknown) == (UNKNOWN, why)


def test_a_rule_known_only_after_apply_is_unknown() -> None:
    """A field of the group that a plan does not know makes a refusal unknown, and leaves an allow alone."""
    base = snapshot(
        groups=[group("sg-1", [perm("tcp", 80, group=["sg-2"])]), group("sg-2")],
        subnets=[subnet("subnet-0a", "10.0.1.0/24")],
    )
    later = Unknown(Cause.KNOWN_AFTER_APPLY, "known after apply")
    world = VpcView(apply(base, Overlay((SetField(SECURITY_GROUPS.name, "sg-1", "IpPermissions.1", unknown=later),))))
    client, server = world.side(("sg-2",), "subnet-0a"), world.side(("sg-1",), "subnet-0a")
    assert group_ingress(world, client, server, 80, "tcp").outcome is WORKS
    assert group_ingress(world, client, server, 81, "tcp").unknown == later
    assert group_egress(world, server, client, 81, "tcp").outcome is WORKS


@pytest.mark.parametrize(
    ("connection", "wanted"),
    [
        (peering("pcx-1", "vpc-1", "vpc-2"), WORKS),
        (peering("pcx-1", "vpc-2", "vpc-1"), WORKS),
        (peering("pcx-1", "vpc-1", "vpc-2", code="deleted"), BLOCKED),
        (peering("pcx-1", "vpc-1", "vpc-2", regions=("us-east-1", "eu-west-1")), BLOCKED),
        (peering("pcx-1", "vpc-1", "vpc-3"), BLOCKED),
    ],
)
def test_references_across_a_peering(connection: Raw, wanted: Outcome) -> None:
    """VPC Peering Guide, "Update your security groups…", Requirements: active, and in the same Region (rule 1.4)."""
    world = view(
        groups=[group("sg-1", [perm("tcp", 80, group=["sg-2"])]), group("sg-2", vpc="vpc-2")],
        subnets=[subnet("subnet-0a", "10.0.1.0/24"), subnet("subnet-0p", "10.9.0.0/24", vpc="vpc-2")],
        peerings=[connection],
    )
    hop = group_ingress(world, world.side(("sg-2",), "subnet-0p"), world.side(("sg-1",), "subnet-0a"), 80, "tcp")
    assert hop.outcome is wanted


def test_the_vpc_of_a_group_is_not_that_of_its_interface() -> None:
    """Wrong before: with the subnet unread, an end was put into its groups' VPC; a group may serve further VPCs.

    EC2 API Reference, AssociateSecurityGroupVpc. What settles it is the subnet. (rule 1.4)
    """
    world = view(groups=[group("sg-1", [perm("tcp", 80, group=["sg-2"])]), group("sg-2")])
    client, server = world.side(("sg-2",), "subnet-unread"), world.side(("sg-1",), "subnet-0a")
    assert isinstance(client.vpc, Unknown)
    hop = group_ingress(world, client, server, 80, "tcp")
    assert hop.outcome is UNKNOWN
    assert hop.unknown is not None
    assert "describe-subnets --subnet-ids subnet-unread" in hop.unknown.remedy
    assert group_ingress(world, client, server, 81, "tcp").outcome is BLOCKED


def test_one_subnet_is_one_vpc_though_it_was_not_read() -> None:
    """Two interfaces in one subnet are in one VPC, so references match without knowing which it is (rule 1.4)."""
    world = view(groups=[group("sg-1", [perm("tcp", 80, group=["sg-2"])]), group("sg-2")])
    client, server = world.side(("sg-2",), "subnet-unread"), world.side(("sg-1",), "subnet-unread")
    assert group_ingress(world, client, server, 80, "tcp").outcome is WORKS


@pytest.mark.parametrize("vpc", ["vpc-1", "vpc-elsewhere"])
def test_an_associated_group_matches_where_its_interface_is(vpc: str) -> None:
    """Where a group was made does not matter: both interfaces are in one VPC by their subnets (rule 1.4)."""
    world = view(groups=[group("sg-1", [perm("tcp", 80, group=["sg-2"])]), group("sg-2", vpc=vpc)])
    hop = group_ingress(world, world.side(("sg-2",), "subnet-0b"), world.side(("sg-1",), "subnet-0a"), 80, "tcp")
    assert hop.outcome is WORKS


def test_one_associated_group_in_two_vpcs_does_not_join_them() -> None:
    """Both ends carry the very group that the rule names, in VPCs that nothing connects: no match (rule 1.4)."""
    world = view(
        groups=[group("sg-1", [perm("tcp", 80, group=["sg-1"])])],
        subnets=[subnet("subnet-0a", "10.0.1.0/24"), subnet("subnet-0p", "10.9.0.0/24", vpc="vpc-2")],
    )
    hop = group_ingress(world, world.side(("sg-1",), "subnet-0p"), world.side(("sg-1",), "subnet-0a"), 80, "tcp")
    assert hop.outcome is BLOCKED
    assert "not peered" in hop.text


def test_in_a_shared_subnet_owners_do_not_count() -> None:
    """Amazon VPC User Guide, "Share your VPC subnets with other accounts": a participant's group and the owner's.

    The rule names the other account's group by id; owner and account number decide nothing. (rule 1.4)
    """
    pair = perm("tcp", 80)
    pair["UserIdGroupPairs"] = [{"GroupId": "sg-theirs", "UserId": "444455556666"}]
    ours = {**group("sg-ours", [pair]), "OwnerId": "111122223333"}
    theirs = {**group("sg-theirs"), "OwnerId": "444455556666"}
    shared = [
        {**subnet("subnet-0a", "10.0.1.0/24"), "OwnerId": "999900001111"},
        {**subnet("subnet-0b", "10.0.2.0/24"), "OwnerId": "999900001111"},
    ]
    world = view(groups=[ours, theirs], subnets=shared)
    client, server = world.side(("sg-theirs",), "subnet-0b"), world.side(("sg-ours",), "subnet-0a")
    assert group_ingress(world, client, server, 80, "tcp").outcome is WORKS
    assert group_ingress(world, server, client, 80, "tcp").outcome is BLOCKED


@pytest.mark.parametrize("connections", [[], [peering("pcx-1", "vpc-1", "vpc-2", code="deleted")]])
def test_a_stale_reference_admits_nothing(connections: list[Raw]) -> None:
    """VPC Peering Guide, "Identify stale security group rules": the rule stays when the peering or the group is gone.

    A certain refusal, also where the group that it names cannot be read any more. (rule 1.4)
    """
    world = view(
        groups=[group("sg-1", [perm("tcp", 80, group=["sg-stale"])]), group("sg-2")],
        subnets=[
            subnet("subnet-0a", "10.0.1.0/24"),
            subnet("subnet-0b", "10.0.2.0/24"),
            subnet("subnet-0p", "10.9.0.0/24", vpc="vpc-2"),
        ],
        peerings=connections,
    )
    server = world.side(("sg-1",), "subnet-0a")
    hop = group_ingress(world, world.side(("sg-stale",), "subnet-0p"), server, 80, "tcp")
    assert hop.outcome is BLOCKED
    assert "tcp 80 from sg-stale does not match: vpc-2 and vpc-1 are not peered" in hop.text.replace(
        "vpc-1 and vpc-2", "vpc-2 and vpc-1"
    )
    assert group_ingress(world, world.side(("sg-2",), "subnet-0b"), server, 80, "tcp").outcome is BLOCKED


def test_membership_decides_not_todays_addresses() -> None:
    """No interface of the snapshot has sg-2 yet: a node that will have it is admitted wherever it is born (rule 1.9)."""
    world = view(groups=[group("sg-1", [perm("tcp", 80, group=["sg-2"])]), group("sg-2")])
    server = world.side(("sg-1",), "subnet-0a")
    for where in ("subnet-0a", "subnet-0b"):
        assert group_ingress(world, world.side(("sg-2",), where), server, 80, "tcp").outcome is WORKS


def test_no_groups_read_is_unknown() -> None:
    """Every interface has a group: an empty list is something not read, not an open or shut door."""
    world = view(groups=[group("sg-1")])
    hop = group_ingress(world, world.side(("sg-1",), "subnet-0a"), world.side((), "subnet-0b"), 80, "tcp")
    assert hop.outcome is UNKNOWN


# --- a twin that asks packet by packet ---------------------------------------------------

CLIENT_NETS = {4: "10.0.1.0/28", 6: "2001:db8:0:1::/124"}
SERVER_NETS = {4: "10.0.2.0/28", 6: "2001:db8:0:2::/124"}
GROUPS = ("sg-a", "sg-b", "sg-c")
cidrs = st.builds(
    lambda base, length: str(ipaddress.ip_network((f"10.0.1.{base}", length), strict=False)),
    st.integers(0, 31),
    st.integers(26, 32),
)
cidrs6 = st.builds(
    lambda base, length: str(ipaddress.ip_network((f"2001:db8:0:1::{base:x}", length), strict=False)),
    st.integers(0, 31),
    st.integers(122, 128),
)
ports = st.tuples(st.integers(1, 6), st.integers(0, 3)).map(lambda pair: (pair[0], pair[0] + pair[1]))
permissions = st.builds(
    lambda protocol, range_, blocks, six, named: perm(
        protocol, *(range_ if protocol != "-1" else ()), cidr=blocks, cidr6=six, group=named
    ),
    st.sampled_from(["tcp", "6", "udp", "-1", "47"]),
    ports,
    st.lists(cidrs, max_size=3),
    st.lists(cidrs6, max_size=3),
    st.lists(st.sampled_from(GROUPS), max_size=1),
)


def naive(permissions_: list[Raw], source: Address, members: set[str], protocol: int, port: int) -> bool:
    """One packet against one flat list of permissions, with the standard library only."""
    names = {"tcp": 6, "udp": 17, "icmp": 1}
    for item in permissions_:
        text = item["IpProtocol"]
        if text != "-1":
            number = names.get(text) or int(text)
            if number != protocol:
                continue
            if number in (6, 17) and not item["FromPort"] <= port <= item["ToPort"]:
                continue
        if any(pair["GroupId"] in members for pair in item["UserIdGroupPairs"]):
            return True
        if any(source in ipaddress.ip_network(block["CidrIp"]) for block in item["IpRanges"]):
            return True
        if any(source in ipaddress.ip_network(block["CidrIpv6"]) for block in item["Ipv6Ranges"]):
            return True
    return False


@pytest.mark.parametrize("family", [4, 6])
@settings(max_examples=150, deadline=None)
@given(
    first=st.lists(permissions, max_size=4),
    second=st.lists(permissions, max_size=4),
    members=st.sets(st.sampled_from(GROUPS), min_size=1),
    protocol=st.sampled_from([("tcp", 6), ("UDP", 17), ("47", 47)]),
    port=st.integers(1, 8),
    egress=st.booleans(),
)
def test_the_twin_agrees(
    family: int,
    first: list[Raw],
    second: list[Raw],
    members: set[str],
    protocol: tuple[str, int],
    port: int,
    egress: bool,
) -> None:
    """For each of 16 addresses the naive evaluator and the interval arithmetic agree, per family (rules 1.1, 1.2, 1.8)."""
    own = [group("sg-x", *([(), first] if egress else [first])), group("sg-y", *([(), second] if egress else [second]))]
    world = view(
        groups=[*own, *(group(item) for item in GROUPS)],
        subnets=[
            subnet("subnet-0c", CLIENT_NETS[4], cidr6=CLIENT_NETS[6]),
            subnet("subnet-0s", SERVER_NETS[4], cidr6=SERVER_NETS[6]),
        ],
    )
    other = world.side(tuple(sorted(members)), "subnet-0c", family)
    mine = world.side(("sg-x", "sg-y"), "subnet-0s", family)
    hosts = hosts_of(CLIENT_NETS[family])
    passing = sum(naive([*first, *second], host, members, protocol[1], port) for host in hosts)
    wanted = WORKS if passing == len(hosts) else VARIES if passing else BLOCKED
    judge = group_egress if egress else group_ingress
    ends = (mine, other) if egress else (other, mine)
    assert judge(world, *ends, port, protocol[0]).outcome is wanted
