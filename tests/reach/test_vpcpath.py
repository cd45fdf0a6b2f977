"""All layers together, source NAT, and the quota's count."""

from __future__ import annotations

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.protocol import LINUX_PORTS, RANDOM_PORTS
from clusterproof.reach.quotas import groups_per_interface, rule_ceiling, rule_count
from clusterproof.reach.sourcenat import sources
from clusterproof.reach.trace import Layer, Outcome, Trace
from clusterproof.reach.vpc import VpcView
from clusterproof.reach.vpcpath import vpc_hops
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.model import Attachment, DataPlane
from tests.reach.vpcbuild import (
    Raw,
    acl,
    entry,
    group,
    interface,
    local,
    peering,
    perm,
    snapshot,
    subnet,
    table,
    to,
    view,
)

WORKS, BLOCKED, VARIES, UNKNOWN = Outcome.WORKS, Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN
CNI = DataPlane("VPC CNI")

GROUPS = [
    group("sg-gpu", name="gpu"),
    group("sg-sys", [perm("-1", group=["sg-sys"]), perm("tcp", 9090, cidr=["10.0.1.0/24"])], name="system"),
]


def outcome(world: VpcView, *args: object, plane: DataPlane = CNI) -> Outcome:
    """What all hops come to."""
    return Trace(vpc_hops(world, plane, *args)).outcome  # type: ignore[arg-type]


def test_hops_come_in_the_order_of_the_packet() -> None:
    """Egress group, ACL out, route, ACL in, ingress group, then the way back; one refusal decides (rule 1.3)."""
    world = view(groups=GROUPS)
    hops = vpc_hops(world, CNI, interface("sg-gpu", "subnet-0a"), interface("sg-sys", "subnet-0b"), 2379, "TCP")
    assert [hop.layer for hop in hops] == [
        Layer.GROUP_EGRESS,
        Layer.ACL_OUT,
        Layer.ROUTE,
        Layer.ACL_IN,
        Layer.GROUP_INGRESS,
        Layer.ACL_RETURN_OUT,
        Layer.ROUTE_RETURN,
        Layer.ACL_RETURN_IN,
    ]
    blocking = Trace(hops).first_blocking
    assert blocking is not None
    assert blocking.layer is Layer.GROUP_INGRESS
    assert outcome(world, interface("sg-gpu", "subnet-0a"), interface("sg-sys", "subnet-0b"), 9090, "TCP") is WORKS


def test_one_class_is_judged_once() -> None:
    """Evidence is no part of what the layers read: the same class gives the very same answer."""
    world = view(groups=GROUPS)
    one = vpc_hops(world, CNI, interface("sg-gpu", "subnet-0a"), interface("sg-sys", "subnet-0b"), 1, "TCP")
    two = vpc_hops(world, CNI, interface("sg-gpu", "subnet-0a"), interface("sg-sys", "subnet-0b"), 1, "TCP")
    assert one is two


def test_an_unmodelled_data_plane_is_unknown_except_between_hosts() -> None:
    """An overlay says nothing of pods; nodes themselves are on the VPC whatever the pods' network is."""
    overlay = DataPlane("Cilium", modelled=Unknown(Cause.NOT_MODELLED, "Cilium overlay"))
    world = view(groups=GROUPS)
    pods = interface("sg-sys", "subnet-0a"), interface("sg-sys", "subnet-0b")
    (hop,) = vpc_hops(world, overlay, *pods, 1, "TCP")
    assert (hop.layer, hop.outcome) == (Layer.DATA_PLANE, UNKNOWN)
    hosts = (interface("sg-sys", "subnet-0a", Attachment.HOST), interface("sg-sys", "subnet-0b", Attachment.HOST))
    assert outcome(world, *hosts, 1, "TCP", plane=overlay) is WORKS


def peered(ingress: list[Raw]) -> VpcView:
    """A pod subnet and a node subnet here, a server in a peered VPC."""
    return view(
        groups=[group("sg-pod"), group("sg-node"), group("sg-far", ingress, vpc="vpc-2")],
        subnets=[
            subnet("subnet-pod", "10.0.1.0/24"),
            subnet("subnet-node", "10.0.2.0/24"),
            subnet("subnet-far", "10.9.0.0/24", vpc="vpc-2"),
        ],
        tables=[
            table("rtb-1", [local("10.0.0.0/16"), to("10.9.0.0/16", "VpcPeeringConnectionId", "pcx-1")], main=True),
            table(
                "rtb-2",
                [local("10.9.0.0/16"), to("10.0.0.0/16", "VpcPeeringConnectionId", "pcx-1")],
                main=True,
                vpc="vpc-2",
            ),
        ],
        acls=[
            acl(
                "acl-0",
                [entry(1, "allow"), entry(1, "allow", egress=True)],
                ["subnet-pod", "subnet-node", "subnet-far"],
            )
        ],
        peerings=[peering("pcx-1", "vpc-1", "vpc-2")],
    )


CUSTOM_POD = interface("sg-pod", "subnet-pod", Attachment.CUSTOM, node=("sg-node", "subnet-node"))
FAR = interface("sg-far", "subnet-far")


def test_to_a_peered_vpc_the_node_is_the_source() -> None:
    """With custom networking the flow uses the node's group, not the ENIConfig's; EXTERNALSNAT ends it (rule 5.7)."""
    node_only = peered([perm("tcp", 80, group=["sg-node"])])
    pod_only = peered([perm("tcp", 80, group=["sg-pod"])])
    keeps = DataPlane("VPC CNI", external_snat=True)
    assert outcome(node_only, CUSTOM_POD, FAR, 80, "TCP") is WORKS
    assert outcome(pod_only, CUSTOM_POD, FAR, 80, "TCP") is BLOCKED
    assert outcome(node_only, CUSTOM_POD, FAR, 80, "TCP", plane=keeps) is BLOCKED
    assert outcome(pod_only, CUSTOM_POD, FAR, 80, "TCP", plane=keeps) is WORKS


def test_branch_interfaces_and_snat() -> None:
    """Strict never translates; standard does unless EXTERNALSNAT is on (rule 5.5)."""
    world = peered([perm("tcp", 80, group=["sg-pod"])])
    strict = interface("sg-pod", "subnet-pod", Attachment.BRANCH_STRICT, node=("sg-node", "subnet-node"))
    standard = interface("sg-pod", "subnet-pod", Attachment.BRANCH_STANDARD, node=("sg-node", "subnet-node"))
    assert outcome(world, strict, FAR, 80, "TCP") is WORKS
    assert outcome(world, standard, FAR, 80, "TCP") is BLOCKED
    assert outcome(world, standard, FAR, 80, "TCP", plane=DataPlane("VPC CNI", external_snat=True)) is WORKS


def test_excluded_blocks_are_not_translated() -> None:
    """EXCLUDE_SNAT_CIDRS for half of the far subnet splits the answer: which address comes up decides (rule 5.7)."""
    world = peered([perm("tcp", 80, group=["sg-node"])])
    half = DataPlane("VPC CNI", exclude_snat=("10.9.0.0/25",))
    whole = DataPlane("VPC CNI", exclude_snat=("10.9.0.0/16",))
    hops = vpc_hops(world, half, CUSTOM_POD, FAR, 80, "TCP")
    varying = Trace(hops).first_blocking
    assert varying is not None
    assert (varying.layer, varying.outcome) == (Layer.GROUP_INGRESS, VARIES)
    assert outcome(world, CUSTOM_POD, FAR, 80, "TCP", plane=whole) is BLOCKED


def test_source_ports_of_translated_flows() -> None:
    """With random ports the kernel's range does not hold; inside the VPC and without SNAT it does (rule 2.4)."""
    world = peered([])
    far, near = world.side(("sg-far",), "subnet-far"), world.side(("sg-node",), "subnet-node")
    (inside,) = sources(world, CNI, CUSTOM_POD, near)
    (beyond,) = sources(world, CNI, CUSTOM_POD, far)
    (in_order,) = sources(world, DataPlane("VPC CNI", random_ports=False), CUSTOM_POD, far)
    assert (inside.ports, inside.translated) == (LINUX_PORTS, False)
    assert (beyond.ports, beyond.translated, beyond.client.subnet) == (RANDOM_PORTS, True, "subnet-node")
    assert (in_order.ports, in_order.translated) == (LINUX_PORTS, True)


def test_inside_the_vpc_nothing_is_translated() -> None:
    """A secondary CIDR block of the VPC (the pods' 100.64.0.0/16) is inside, also for a peer named by address (rule 5.7)."""
    world = view(
        groups=GROUPS,
        vpcs=[
            {
                "VpcId": "vpc-1",
                "CidrBlock": "10.0.0.0/16",
                "CidrBlockAssociationSet": [{"CidrBlock": "10.0.0.0/16"}, {"CidrBlock": "100.64.0.0/16"}],
            }
        ],
    )
    pod = interface("sg-gpu", "subnet-0a", Attachment.CUSTOM, node=("sg-sys", "subnet-0b"))
    hops = vpc_hops(world, CNI, pod, AddressSet.of("100.64.3.3"), 80, "TCP")
    assert next(hop.at for hop in hops if hop.layer is Layer.GROUP_EGRESS) == "sg-gpu (gpu)"


def test_unread_vpcs_make_the_source_of_outside_traffic_unknown() -> None:
    """Whether an address is outside the VPC cannot be told without its CIDR blocks (rule 5.7)."""
    raws = [subnet("subnet-0a", "10.0.1.0/24")]
    world = VpcView(snapshot(groups=GROUPS, subnets=raws))
    hops = vpc_hops(world, CNI, interface("sg-gpu", "subnet-0a"), AddressSet.of("8.8.8.8"), 80, "TCP")
    first = hops[0]
    assert (first.layer, first.outcome) == (Layer.GROUP_EGRESS, UNKNOWN)
    assert first.unknown is not None
    assert "describe-vpcs" in first.unknown.remedy


def test_an_address_inside_without_its_interface_is_unknown() -> None:
    """The route there works, but whose groups admit it is not known: never a pass."""
    world = view(groups=GROUPS)
    hops = vpc_hops(world, CNI, interface("sg-gpu", "subnet-0a"), AddressSet.of("10.0.2.9"), 80, "TCP")
    assert {hop.layer: hop.outcome for hop in hops}[Layer.GROUP_INGRESS] is UNKNOWN


def test_an_address_inside_may_have_the_group_that_a_rule_names() -> None:
    """A refusal would be wrong while the peer's groups are not known; outside the VPC no group can be meant."""
    world = view(groups=[group("sg-1", [perm("tcp", 80, group=["sg-2"])], [perm("tcp", 80, group=["sg-2"])])])
    end = interface("sg-1", "subnet-0a")
    out = {hop.layer: hop.outcome for hop in vpc_hops(world, CNI, end, AddressSet.of("10.0.2.9"), 80, "TCP")}
    assert out[Layer.GROUP_EGRESS] is UNKNOWN
    into = {hop.layer: hop.outcome for hop in vpc_hops(world, CNI, AddressSet.of("10.0.2.9"), end, 80, "TCP")}
    assert into[Layer.GROUP_INGRESS] is UNKNOWN
    far = {hop.layer: hop.outcome for hop in vpc_hops(world, CNI, end, AddressSet.of("198.51.100.9"), 80, "TCP")}
    assert far[Layer.GROUP_EGRESS] is BLOCKED


def test_an_address_in_the_own_subnet_meets_no_acl() -> None:
    """Named by address or not: within a subnet no ACL is asked; a range that is partly inside varies (rule 2.1)."""
    world = view(groups=GROUPS, acls=[acl("acl-0", [], ["subnet-0a", "subnet-0b"])])
    end = interface("sg-gpu", "subnet-0a")
    near = {hop.layer for hop in vpc_hops(world, CNI, end, AddressSet.of("10.0.1.9"), 80, "TCP")}
    assert Layer.ACL_OUT not in near
    some = vpc_hops(world, CNI, end, AddressSet.of("10.0.1.9", "10.0.2.9"), 80, "TCP")
    assert {hop.layer: hop.outcome for hop in some}[Layer.ACL_OUT] is VARIES


def test_the_resolver_cannot_be_blocked() -> None:
    """VPC User Guide: neither groups nor ACLs block the Route 53 Resolver (VPC+2), and ACLs not the metadata service (rule 1.7)."""
    world = view(groups=[group("sg-mute", egress=[])], acls=[acl("acl-0", [], ["subnet-0a", "subnet-0b"])])
    client = interface("sg-mute", "subnet-0a")
    assert outcome(world, client, AddressSet.of("10.0.0.2"), 53, "UDP") is WORKS
    assert outcome(world, client, AddressSet.of("169.254.169.253"), 53, "TCP") is WORKS
    assert outcome(world, client, AddressSet.of("169.254.169.254"), 80, "TCP") is WORKS
    assert outcome(world, client, AddressSet.of("10.0.0.2"), 80, "TCP") is BLOCKED
    assert outcome(world, client, AddressSet.of("10.0.1.2"), 53, "UDP") is BLOCKED


def test_ipv6_is_judged_by_ipv6_rules_and_never_translated() -> None:
    """IPv4 and IPv6 are separate at every layer (rules 1.8, 11.5)."""
    world = view(
        groups=[group("sg-1", [perm("tcp", 80, cidr=["0.0.0.0/0"]), perm("tcp", 81, cidr6=["2001:db8::/56"])])],
        subnets=[
            subnet("subnet-0a", "10.0.1.0/24", cidr6="2001:db8:0:1::/64"),
            subnet("subnet-0b", "10.0.2.0/24", cidr6="2001:db8:0:2::/64"),
        ],
        acls=[
            acl("acl-0", [entry(1, "allow", cidr="::/0"), entry(1, "allow", cidr="::/0", egress=True)], default=True)
        ],
        tables=[table("rtb-0", [to("2001:db8::/56", "GatewayId", "local")], main=True)],
    )
    ends = interface("sg-1", "subnet-0a"), interface("sg-1", "subnet-0b")
    assert outcome(world, *ends, 81, "TCP", 6) is WORKS
    assert outcome(world, *ends, 80, "TCP", 6) is BLOCKED
    assert outcome(world, *ends, 80, "TCP", 4) is BLOCKED
    assert outcome(world, ends[0], AddressSet.of("10.0.0.9"), 81, "TCP", 6) is BLOCKED


def test_rules_are_counted_as_the_quota_counts_them() -> None:
    """VPC User Guide, "Security group size" and "Amazon VPC quotas": per source, per family, lists by maximum size (rule 1.q)."""
    raw = group(
        "sg-1",
        [
            perm("tcp", 80, cidr=["10.0.0.0/8", "10.0.1.0/24"], cidr6=["::/0"]),
            perm("tcp", 81, group=["sg-1", "sg-2"]),
            perm("tcp", 82, list=["pl-1"]),
        ],
    )
    lists = [{"PrefixListId": "pl-1", "AddressFamily": "IPv4", "MaxEntries": 20}]
    world = view(groups=[raw], lists=lists)
    assert rule_count(world, "sg-1") == 24
    assert rule_count(world, "sg-1", family=6) == 3
    assert rule_count(world, "sg-1", egress=True) == 1
    assert isinstance(rule_count(view(groups=[raw]), "sg-1"), Unknown)
    assert isinstance(rule_count(world, "sg-gone"), Unknown)


def test_two_quotas_multiplied_have_a_bound() -> None:
    """Same page: 1,000 by the groups that an interface may have, which is 5 or what one has already (rule 1.q)."""

    def carrying(number: int) -> VpcView:
        held = [{"GroupId": f"sg-{item}"} for item in range(number)]
        return view(interfaces=[{"NetworkInterfaceId": "eni-1", "Groups": held}])

    assert (groups_per_interface(view()), rule_ceiling(view())) == (5, 200)
    assert (groups_per_interface(carrying(2)), rule_ceiling(carrying(2))) == (5, 200)
    assert (groups_per_interface(carrying(8)), rule_ceiling(carrying(8))) == (8, 125)
