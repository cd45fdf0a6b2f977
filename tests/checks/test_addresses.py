"""Addresses as the ends of a path: networks outside, and what is inside the VPC (outside part of reference section 6)."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.profiles.model import Subject
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import End, at_address, family_of
from clusterproof.snapshot import kinds
from clusterproof.verdict.algebra import Verdict
from clusterproof.world.model import Attachment, Interface
from tests.checks.ask import CLIENT, SERVER, ask, reach, two_groups
from tests.world.build import Tiny

OFFICE = "192.0.2.0/24"


def cluster(*rules: str, route: str = "pcx") -> Tiny:
    """Client and server on one group each, with a way out of the VPC."""
    tiny = two_groups(*rules, client="front")
    routes = tiny.objects[kinds.ROUTE_TABLES.name][0]["Routes"]
    if route:
        routes.append({"DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-1", "State": "active"})
    return tiny


def test_clients_outside() -> None:
    """Rules must admit the addresses of clients outside: all of them, or it depends on which one (rule 6.6)."""
    shut, part = cluster("tcp 80 sg-front"), cluster("tcp 80 192.0.2.0/25")
    asked = reach(Subject(address=OFFICE), SERVER)
    assert ask(shut, asked).verdict is Verdict.FAIL
    assert ask(part, asked).verdict is Verdict.DEPENDS


def test_clients_in_the_vpc_that_nobody_knows() -> None:
    """Addresses of the VPC have interfaces, whose groups are not known: admitted by the server is not enough (rule 6.6)."""
    found = ask(cluster("tcp 80 0.0.0.0/0"), reach(Subject(address="10.0.0.128/25"), SERVER))
    assert found.verdict is Verdict.UNKNOWN
    assert any("which interface of vpc-1 has 10.0.0.128/25" in unknown.detail for unknown in found.unknowns)


def test_without_the_vpcs_nobody_is_known_to_be_outside() -> None:
    """Whether addresses are in a VPC, with interfaces and groups of their own, only the VPCs tell (rule 6.6)."""
    asked = reach(Subject(address="10.7.0.0/24"), SERVER)
    read = ask(cluster("tcp 80 0.0.0.0/0"), asked)
    found = ask(cluster("tcp 80 0.0.0.0/0").drop(kinds.VPCS), asked)
    assert found.verdict is Verdict.UNKNOWN
    assert any("10.7.0.0/24 is in a VPC is not known" in unknown.detail for unknown in found.unknowns)
    assert not any("is in a VPC" in unknown.detail for unknown in read.unknowns)


def test_a_single_address_stands_for_whoever_has_it() -> None:
    """An address of a node is that node, with its groups (rule 6.5)."""
    tiny = cluster("tcp 80 sg-front")
    status: dict[str, Any] = tiny.objects[kinds.NODES.name][0]["status"]
    status["addresses"] = [{"type": "InternalIP", "address": "10.0.0.7"}]
    found = ask(tiny, reach(Subject(address="10.0.0.7/32"), SERVER))
    assert (found.verdict, found.matrix and found.matrix.client) == (Verdict.PASS, "10.0.0.7 (front-0)")


@pytest.mark.parametrize(
    ("address", "more", "rule", "verdict"),
    [
        ("10.9.0.9", {}, "10.9.0.9/32", Verdict.PASS),
        ("10.9.0.9", {}, "10.9.0.10/32", Verdict.FAIL),
        ("10.9.0.10", {}, "10.9.0.10/32", Verdict.PASS),
        ("10.9.0.9", {"Attachment": {"InstanceId": "i-9"}}, "10.9.0.9/32", Verdict.PASS),
        ("10.9.0.10", {"Attachment": {"InstanceId": "i-9"}}, "10.9.0.10/32", Verdict.UNKNOWN),
        ("10.9.0.9", {"InterfaceType": "branch"}, "10.9.0.9/32", Verdict.UNKNOWN),
        ("10.9.0.9", {"Description": "aws-K8S-i-0123"}, "10.9.0.9/32", Verdict.UNKNOWN),
    ],
)
def test_a_machine_elsewhere(address: str, more: dict[str, Any], rule: str, verdict: Verdict) -> None:
    """Rules see the machine's own address, which nothing replaces unless it may be a pod's of a cluster (rule 5.7).

    It was judged as its whole subnet, so that a rule for that very address made it depend.
    """
    tiny = cluster(f"tcp 80 {rule}").sg("sg-peer")
    tiny.put(kinds.VPCS, {"VpcId": "vpc-2", "CidrBlock": "10.9.0.0/16"})
    tiny.subnet("subnet-p", "us-east-1a", "10.9.0.0/28", vpc="vpc-2")
    (acl,) = tiny.objects[kinds.NETWORK_ACLS.name]
    tiny.put(kinds.NETWORK_ACLS, {**acl, "NetworkAclId": "acl-2", "VpcId": "vpc-2"})
    over = {"State": "active", "VpcPeeringConnectionId": "pcx-1"}
    tiny.objects[kinds.ROUTE_TABLES.name][0]["Routes"].append({"DestinationCidrBlock": "10.9.0.0/16", **over})
    routes = [{"DestinationCidrBlock": "10.0.0.0/16", **over}]
    other = {"RouteTableId": "rtb-2", "VpcId": "vpc-2", "Routes": routes, "Associations": [{"Main": True}]}
    tiny.put(kinds.ROUTE_TABLES, other)
    sides = {"RequesterVpcInfo": {"VpcId": "vpc-1"}, "AccepterVpcInfo": {"VpcId": "vpc-2"}}
    tiny.put(kinds.PEERINGS, {"VpcPeeringConnectionId": "pcx-1", **sides, "Status": {"Code": "active"}})
    addresses = [{"PrivateIpAddress": one, "Primary": one == "10.9.0.9"} for one in ("10.9.0.9", "10.9.0.10")]
    raw = {"NetworkInterfaceId": "eni-9", "SubnetId": "subnet-p", "Groups": [{"GroupId": "sg-peer"}], **more}
    tiny.put(kinds.NETWORK_INTERFACES, {**raw, "PrivateIpAddress": "10.9.0.9", "PrivateIpAddresses": addresses})
    found = ask(tiny, reach(Subject(address=f"{address}/32"), SERVER))
    assert found.verdict is verdict
    if verdict is Verdict.UNKNOWN:
        assert any(f"{address} (eni-9) may be a pod's" in unknown.detail for unknown in found.unknowns)


def test_servers_outside() -> None:
    """A pod's own group must let it out to an address; what the other end admits is not known (rule 6.5)."""
    asked = reach(CLIENT, Subject(address=OFFICE), "443/TCP")
    assert ask(cluster(), asked).verdict is Verdict.UNKNOWN
    tiny = cluster()
    tiny.objects[kinds.SECURITY_GROUPS.name][0]["IpPermissionsEgress"] = []
    assert ask(tiny, asked).verdict is Verdict.FAIL
    assert ask(cluster(route=""), asked).verdict is Verdict.FAIL


@pytest.mark.parametrize("policy", [OFFICE, "198.51.100.0/24"])
def test_policies_read_addresses(policy: str) -> None:
    """Egress policies judge an address outside by their blocks (rules 6.5, 7.6)."""
    tiny = cluster().cni(agent_args=["--enable-network-policy=true"])
    spec = {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [{"ipBlock": {"cidr": policy}}]}]}
    tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": "app", "name": "out"}, "spec": spec})
    found = ask(tiny, reach(CLIENT, Subject(address=OFFICE), "443/TCP"))
    assert found.verdict is (Verdict.UNKNOWN if policy == OFFICE else Verdict.FAIL)


def test_the_family_of_a_connection() -> None:
    """Addresses of one family decide: an IPv4 address is dialled over IPv4 from an IPv6 cluster, too (rule 11.5)."""
    tiny = Tiny()
    tiny.objects[kinds.CLUSTERS.name][0]["kubernetesNetworkConfig"] = {"ipFamily": "ipv6"}
    world = tiny.world()
    pod = End(Interface(Attachment.SECONDARY, ("sg",), "subnet-a", ("sg",), "subnet-a"))
    four, six, both = (
        at_address(AddressSet.of(*text)) for text in (["10.9.0.0/16"], ["fd00::/8"], ["10.9.0.0/16", "::/0"])
    )
    assert [family_of(world, pod, end) for end in (pod, four, six, both)] == [6, 4, 6, 6]
    assert [family_of(Tiny().world(), end, pod) for end in (pod, four, six, both)] == [4, 4, 6, 4]
