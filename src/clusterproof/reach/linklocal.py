"""Addresses that a packet reaches without leaving its node: link-local ones, and AWS's own block beside them.

Route tables, security groups and network ACLs see none of it: the node itself answers (the EKS Pod Identity Agent, a
NodeLocal DNSCache), or its hypervisor does (the instance metadata service, the Route 53 Resolver, the time service).
What is left to refuse a pod is its own egress policies, at the pod's interface.
Sources: RFC 3927, section 2.7, and RFC 4291, section 2.5.6 (never forwarded by a router); Amazon VPC User Guide,
"Security groups" and "Network ACLs" (what they do not filter); Amazon EC2 User Guide, "Link-local addresses"; Amazon
EKS User Guide, "Set up the Amazon EKS Pod Identity Agent", Considerations.
"""

from __future__ import annotations

from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import End
from clusterproof.reach.networkpolicy import VPC_CNI
from clusterproof.reach.segments import Segment
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.world.world import World

ON_NODE = AddressSet.of("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32")
"""Nothing of these leaves a node; ``fd00:ec2::/32`` holds AWS's own services of each instance over IPv6."""
METADATA = AddressSet.of("169.254.169.254", "fd00:ec2::254")
"""The instance metadata service (EC2 User Guide, "Use the Instance Metadata Service to access instance metadata")."""
POD_IDENTITY = AddressSet.of("169.254.170.23", "fd00:ec2::23")
"""The EKS Pod Identity Agent, which is on every node's host network, at ports 80 and 2703."""
RESOLVER = AddressSet.of("169.254.169.253", "fd00:ec2::253")
"""The Route 53 Resolver."""
TIME = AddressSet.of("169.254.169.123", "fd00:ec2::123")
"""The Amazon Time Sync Service."""
BEYOND = METADATA | RESOLVER | TIME
"""What the hypervisor answers, not the node."""


def stays(end: End) -> bool:
    """Whether all that is sent to an end stays on the sender's node: its addresses are such, every one of them."""
    return end.address is not None and bool(end.address) and ON_NODE.covers(end.address) == "all"


def name_of(addresses: AddressSet) -> str:
    """What answers at an address, in words; empty where no service of AWS is known there."""
    known = {
        "the instance metadata service": METADATA,
        "the EKS Pod Identity Agent": POD_IDENTITY,
        "the Route 53 Resolver": RESOLVER,
        "the Amazon Time Sync Service": TIME,
    }
    return next((name for name, where in known.items() if where.covers(addresses) == "all"), "")


def on_node(world: World, segment: Segment) -> Hop:
    """What the network does on a stretch that stays on the node: nothing, where the client has such an address at all."""
    client, server, flow = segment.client, segment.server, segment.flow
    at = server.text
    unable = None if client.host_network or client.address is not None else _unable(world, client, flow.family)
    if isinstance(unable, Unknown):
        return unknown_hop(Layer.NODE, at, unable)
    if unable is not None:
        return Hop(Layer.NODE, Outcome.BLOCKED, at, unable)
    what = name_of(server.address) if server.address is not None else ""
    who = f"{what} is" if what else "it is"
    text = f"{who} reached without leaving the node: no route table, security group or network ACL decides"
    return Hop(Layer.NODE, Outcome.WORKS, at, text)


def _unable(world: World, client: End, family: int) -> str | Unknown | None:
    """Why a pod sends nothing of a family; None where it does."""
    if family == 6 and world.family == 4:
        for workload in world.workloads:
            variables = (item for container in workload.spec.containers for item in container.env)
            if workload.id == "ds/kube-system/aws-node" and any(
                item.name == "ENABLE_V6_EGRESS" and item.value.lower() == "true" for item in variables
            ):
                return Unknown(
                    Cause.NOT_MODELLED, "the VPC CNI gives pods IPv6 addresses for egress (ENABLE_V6_EGRESS)"
                )
        return "the client has no IPv6 address: pods of this cluster have IPv4"
    own = client.interface.family4
    return own if family == 4 and isinstance(own, Unknown) else None


def softened(world: World, segment: Segment, hops: list[Hop]) -> list[Hop]:
    """The policies' judgements, where engines differ on what stays on the node: a refusal is then not certain.

    Kubernetes lets a pod always reach its own node, and an address of the node's host network is that. The VPC CNI
    judges it by the address all the same, so that EKS asks for a rule that admits it (EKS User Guide, "Learn how EKS Pod
    Identity grants Pods access to AWS services", Considerations); Calico and Cilium have settings of their own.
    And the VPC CNI enforces policies in the cluster's address family alone ("Limit Pod traffic with Kubernetes network
    policies", Considerations).
    """
    client, server, flow = segment.client, segment.server, segment.flow
    engine = world.plane.policy_engine
    if client.host_network or server.address is None or not engine:
        return hops
    if engine == VPC_CNI.name:
        if flow.family == world.family:
            return hops
        what = f"the VPC CNI enforces policies for IPv{world.family} only here, and this is sent over IPv{flow.family}"
    elif BEYOND & server.address:
        return hops
    else:
        what = (
            f"Kubernetes lets a pod always reach its own node, and whether {engine} does at {server.text} depends on it"
        )
    unknown = Unknown(Cause.NOT_ANSWERABLE, what)
    return [
        Hop(hop.layer, Outcome.UNKNOWN, hop.at, f"{hop.text}; {what}", hop.refs, unknown)
        if hop.layer is Layer.POLICY_EGRESS and hop.outcome in (Outcome.BLOCKED, Outcome.VARIES)
        else hop
        for hop in hops
    ]
