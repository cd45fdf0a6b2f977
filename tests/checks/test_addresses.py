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


def test_a_single_address_stands_for_whoever_has_it() -> None:
    """An address of a node is that node, with its groups (rule 6.5)."""
    tiny = cluster("tcp 80 sg-front")
    status: dict[str, Any] = tiny.objects[kinds.NODES.name][0]["status"]
    status["addresses"] = [{"type": "InternalIP", "address": "10.0.0.7"}]
    found = ask(tiny, reach(Subject(address="10.0.0.7/32"), SERVER))
    assert (found.verdict, found.matrix and found.matrix.client) == (Verdict.PASS, "10.0.0.7 (front-0)")


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
