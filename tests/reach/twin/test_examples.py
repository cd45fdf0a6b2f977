"""What the twin found, one example each: the smallest world that shows it."""

from __future__ import annotations

import pytest

from clusterproof.placement.places import places
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.service import NodeDoor
from clusterproof.reach.trace import Outcome, Trace
from clusterproof.snapshot import kinds
from clusterproof.world.model import Attachment, Interface
from tests.world.build import Tiny


def peered() -> Tiny:
    """A machine in a peered VPC and a host-network pod on a node; everything open but the node's group."""
    tiny = Tiny()
    tiny.put(kinds.VPCS, {"VpcId": "vpc-2", "CidrBlock": "10.9.0.0/16"})
    tiny.subnet("subnet-p", "us-east-1a", "10.9.0.0/28", vpc="vpc-2")
    (acl,) = tiny.objects[kinds.NETWORK_ACLS.name]
    tiny.put(kinds.NETWORK_ACLS, {**acl, "NetworkAclId": "acl-2", "VpcId": "vpc-2"})
    (table,) = tiny.objects[kinds.ROUTE_TABLES.name]
    over = {"State": "active", "VpcPeeringConnectionId": "pcx-1"}
    table["Routes"].append({"DestinationCidrBlock": "10.9.0.0/16", **over})
    routes = [
        {"DestinationCidrBlock": "10.9.0.0/16", "GatewayId": "local", "State": "active"},
        {"DestinationCidrBlock": "10.0.0.0/16", **over},
    ]
    other = {"RouteTableId": "rtb-2", "VpcId": "vpc-2", "Routes": routes, "Associations": [{"Main": True}]}
    tiny.put(kinds.ROUTE_TABLES, other)
    sides = {"RequesterVpcInfo": {"VpcId": "vpc-1"}, "AccepterVpcInfo": {"VpcId": "vpc-2"}}
    tiny.put(kinds.PEERINGS, {"VpcPeeringConnectionId": "pcx-1", **sides, "Status": {"Code": "active"}})
    return tiny.sg("sg-peer").managed("g0", ["sg-node"], nodes=2)


def from_machine(tiny: Tiny) -> Trace:
    """The machine 10.9.0.9 opens TCP 80 to a node."""
    world = tiny.world()
    here = Interface(Attachment.HOST, ("sg-peer",), "subnet-p", ("sg-peer",), "subnet-p")
    there = Interface(Attachment.HOST, ("sg-node",), "subnet-a", ("sg-node",), "subnet-a")
    machine = End(here, None, "machine", AddressSet.of("10.9.0.9"))
    return Paths(world).connect(machine, End(there, None, "node"), 80, "TCP")


def test_an_end_of_one_address_is_that_address() -> None:
    """Of an end whose interface was read and whose address is known, rules see the address, not its whole subnet.

    A rule for its very address was called a matter of luck: "9 % of subnet-p".
    """
    assert from_machine(peered().sg("sg-node", "tcp 80 10.9.0.9/32")).outcome is Outcome.WORKS
    assert from_machine(peered().sg("sg-node", "tcp 80 10.9.0.10/32")).outcome is Outcome.BLOCKED


@pytest.mark.parametrize("external", ["true", "false"])
@pytest.mark.parametrize(
    ("ports", "outcome"),
    [
        ((1024, 65535), Outcome.WORKS),
        ((32768, 60999), Outcome.UNKNOWN),
        ((49152, 65535), Outcome.UNKNOWN),
        ((1, 1023), Outcome.BLOCKED),
    ],
)
def test_machines_of_other_vpcs_are_not_translated(external: str, ports: tuple[int, int], outcome: Outcome) -> None:
    """The VPC CNI translates what its own nodes send; a machine elsewhere sends as its system does (rules 2.4, 5.7).

    Whatever the VPC CNI is told: such a machine was taken for a node, which sends from Linux' or from random ports.
    """
    tiny = peered().cni(env={"AWS_VPC_K8S_CNI_EXTERNALSNAT": external})
    tiny = tiny.sg("sg-node", "tcp 80 10.9.0.0/16")
    for raw in tiny.objects[kinds.NETWORK_ACLS.name]:
        if raw["VpcId"] == "vpc-2":
            raw["Entries"] = [dict(entry) for entry in raw["Entries"]]
            for entry in raw["Entries"]:
                if not entry["Egress"] and entry["RuleAction"] == "allow":
                    entry |= {"Protocol": "6", "PortRange": {"From": ports[0], "To": ports[1]}}
    trace = from_machine(tiny)
    assert trace.outcome is outcome
    unknown = [hop.unknown.detail for hop in trace.hops if hop.unknown is not None]
    assert bool(unknown) is (outcome is Outcome.UNKNOWN)
    assert all(text.startswith("which ports 10.9.0.9 sends from is not known") for text in unknown)


@pytest.mark.parametrize(
    "kind",
    ["networkpolicies", "clusternetworkpolicies", "unread", "elsewhere"],
)
def test_a_node_that_translates_and_policies_of_both_kinds(kind: str) -> None:
    """By a node port Calico may see the client's address, or the node's: no policy of either kind makes that certain.

    Under a cluster-wide Deny for all pods, and where no policy was read, it was called works: the node's own pods
    always admit it. A policy that selects neither end changes nothing (rules 6.6, 8.1).
    """
    tiny = Tiny().sg("sg-n", "all sg-n").managed("n", ["sg-n"], nodes=3)
    calico = {"name": "calico-node", "image": "docker.io/calico/node:v3.32.0"}
    spec = {"containers": [calico], "hostNetwork": True, "tolerations": [{"operator": "Exists"}]}
    tiny.controller("DaemonSet", "kube-system/calico-node", spec)
    tiny.deployment("app/client", replicas=2).deployment("app/server", replicas=2)
    more = {"type": "NodePort", "externalTrafficPolicy": "Cluster"}
    tiny.service("app/server", 80, {"app": "server"}, port_more={"nodePort": 30080}, **more)
    if kind == "networkpolicies":
        isolating = {"podSelector": {}, "policyTypes": ["Ingress"]}
        tiny.put(kinds.NETWORK_POLICIES, {"metadata": {"namespace": "app", "name": "p"}, "spec": isolating})
    elif kind == "unread":
        tiny.drop(kinds.NETWORK_POLICIES)
    else:
        where = {"matchLabels": {"kubernetes.io/metadata.name": "other"}} if kind == "elsewhere" else {}
        deny = {"action": "Deny", "from": [{"namespaces": {}}]}
        all_pods = {"tier": "Admin", "priority": 1, "subject": {"namespaces": where}, "ingress": [deny]}
        tiny.put(kinds.BY_NAME["clusternetworkpolicies"], {"metadata": {"name": "p"}, "spec": all_pods})
    world = tiny.world()
    ends = {}
    for name in ("client", "server"):
        workload = world.by_id[f"deploy/app/{name}"]
        ends[name] = End(places(world, workload).places[0].interface, workload, name)
    service = world.services.get("app/server")
    assert service is not None
    node = End(Interface(Attachment.HOST, ("sg-n",), "subnet-a", ("sg-n",), "subnet-a"), None, "node")
    door = NodeDoor(world.services.backend(service, service.spec.ports[0]), node, with_client=False, with_server=True)
    trace = Paths(world).connect(ends["client"], ends["server"], 80, "TCP", via=door)
    assert trace.outcome is (Outcome.WORKS if kind == "elsewhere" else Outcome.UNKNOWN)
