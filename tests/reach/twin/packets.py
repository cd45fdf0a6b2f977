"""What the VPC does with one packet, written from the reference's sections 1 to 3 and rules 5.5 to 5.7.

One packet has one source address, one source port, one destination address and one destination port. Nothing is
computed with ranges of addresses: every address that a rule of the world can tell from another is tried.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache

from tests.reach.twin.plan import Plan, Rule

NUMBERS = {"TCP": 6, "UDP": 17, "SCTP": 132}
WRITTEN = {"tcp": 6, "udp": 17, "6": 6, "17": 17, "132": 132, "-1": -1}
LINUX, TRANSLATED = (32768, 60999), (1024, 65535)


@cache
def inside(address: str, cidr: str) -> bool:
    """Whether a block holds an address; of another family it never does."""
    one, block = ipaddress.ip_address(address), ipaddress.ip_network(cidr)
    return one.version == block.version and one in block


@dataclass(frozen=True)
class Spot:
    """Where one end may be: an interface. ``way`` is host, pod, strict, standard or machine (in the peered VPC)."""

    node_group: str
    subnet: str
    groups: tuple[str, ...]
    node_subnet: str
    node_groups: tuple[str, ...]
    way: str


@dataclass(frozen=True)
class Packet:
    """A first packet, its source as the network sees it."""

    source: str
    source_subnet: str
    source_groups: tuple[str, ...]
    source_port: int
    target: str
    target_subnet: str
    target_groups: tuple[str, ...]
    port: int
    protocol: str


class Network:
    """The VPCs of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self._memo: dict[tuple[object, ...], object] = {}
        rules = [rule for both in plan.groups.values() for side in both for rule in side]
        blocks = {rule[4] for rule in rules if rule[3] == "cidr"}
        blocks |= {cidr for cidrs in plan.lists.values() for cidr in cidrs}
        blocks |= {entry[6] for entries in plan.acls.values() for entry in entries}
        blocks |= {route[0] for routes in plan.tables.values() for route in routes}
        blocks |= set(filter(None, [plan.env.get("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "")]))
        for raw in plan.policies:
            for rule in [*raw["spec"].get("ingress", ()), *raw["spec"].get("egress", ())]:
                for peer in [*rule.get("from", ()), *rule.get("to", ())]:
                    if "ipBlock" in peer:
                        blocks |= {peer["ipBlock"]["cidr"], *peer["ipBlock"].get("except", ())}
        for _, raw in plan.admin:
            for rule in raw["spec"].get("egress", ()):
                blocks |= {cidr for peer in rule["to"] for cidr in peer.get("networks", ())}
        self._blocks = sorted(blocks)
        self._cuts = sorted(
            {entry[4] for entries in plan.acls.values() for entry in entries}
            | {entry[5] + 1 for entries in plan.acls.values() for entry in entries}
        )
        self._addresses: dict[str, tuple[str, ...]] = {}

    def addresses(self, subnet: str) -> tuple[str, ...]:
        """One address of each sort that AWS may hand out in a subnet: not its first four, not its last.

        Two addresses are of one sort where no block of this world holds one of them only.
        """
        if subnet not in self._addresses:
            sorts: dict[tuple[bool, ...], str] = {}
            for address in list(ipaddress.ip_network(self.plan.subnets[subnet][1]))[4:-1]:
                text = str(address)
                sorts.setdefault(tuple(inside(text, block) for block in self._blocks), text)
            self._addresses[subnet] = tuple(sorts.values())
        return self._addresses[subnet]

    def source_ports(self, *, translated: bool) -> list[int]:
        """One port of each sort that a client may send from (rule 2.4)."""
        low, high = LINUX
        if translated and self.plan.env.get("AWS_VPC_K8S_CNI_RANDOMIZESNAT") != "none":
            low, high = TRANSLATED
        return [low, *(cut for cut in self._cuts if low < cut <= high)]

    def sent(self, client: Spot, server: Spot, port: int, protocol: str) -> Iterator[tuple[str, str, Packet]]:
        """All packets with which a client may open a connection: its own address, the server's, and the packet."""
        for source in self.addresses(client.subnet):
            for target in self.addresses(server.subnet):
                leaves = self._translated(client, target)
                host = client.way == "host"
                subnet, groups = client.subnet, client.groups
                seen: tuple[str, ...] = (source,)
                if leaves and not host:
                    subnet, groups = client.node_subnet, client.node_groups
                    seen = self.addresses(subnet)
                for number in self.source_ports(translated=leaves):
                    for address in seen:
                        yield (
                            source,
                            target,
                            Packet(
                                address, subnet, groups, number, target, server.subnet, server.groups, port, protocol
                            ),
                        )

    def _translated(self, client: Spot, target: str) -> bool:
        """Rules 5.5 and 5.7: outside the VPC's blocks the node's address is the source, but for strict pods."""
        if self.plan.family == 6 or client.way in ("strict", "machine"):
            return False
        if self.plan.on("AWS_VPC_K8S_CNI_EXTERNALSNAT"):
            return False
        kept = [self.plan.vpcs["vpc-1"]]
        kept += filter(None, [self.plan.env.get("AWS_VPC_K8S_CNI_EXCLUDE_SNAT_CIDRS", "")])
        return not any(inside(target, cidr) for cidr in kept)

    def layers(self, packet: Packet) -> dict[str, bool]:
        """Who lets a packet and its reply pass."""
        replies = replace(
            packet,
            source=packet.target,
            source_subnet=packet.target_subnet,
            target=packet.source,
            target_subnet=packet.source_subnet,
        )
        ways = (packet.source_subnet, packet.target, packet.target_subnet)
        back = (packet.target_subnet, packet.source, packet.source_subnet)
        number, sport = packet.port, packet.source_port
        acl = self._acl
        protocol = packet.protocol
        one_subnet = packet.source_subnet == packet.target_subnet
        return {
            "security group egress": self._group(packet, egress=True),
            "network ACL out": one_subnet or acl(packet.source_subnet, packet.target, number, protocol, egress=True),
            "route": self._routed(*ways),
            "network ACL in": one_subnet or acl(packet.target_subnet, packet.source, number, protocol, egress=False),
            "security group ingress": self._group(packet, egress=False),
            "network ACL return out": one_subnet
            or acl(packet.target_subnet, replies.target, sport, protocol, egress=True),
            "route back": self._routed(*back),
            "network ACL return in": one_subnet
            or acl(packet.source_subnet, replies.source, sport, protocol, egress=False),
        }

    def _acl(self, subnet: str, other: str, port: int, protocol: str, *, egress: bool) -> bool:
        """The lowest number that matches decides; nothing matching is refused (rule 2.2)."""
        entries = self.plan.acls.get(subnet)
        if entries is None:
            return True
        key = ("acl", subnet, other, port, protocol, egress)
        found = self._memo.get(key)
        if found is None:
            found = False
            for _, way, allow, wanted, low, high, cidr in sorted(entries):
                if way is not egress or wanted not in (-1, NUMBERS[protocol]) or not inside(other, cidr):
                    continue
                if wanted in (6, 17) and not low <= port <= high:
                    continue
                found = allow
                break
            self._memo[key] = found
        return found is True

    def _routed(self, subnet: str, other: str, other_subnet: str) -> bool:
        """The longest prefix decides; it must lead to where the other end is (rules 3.1 to 3.6)."""
        if subnet == other_subnet:
            return True
        key = ("route", subnet, other)
        found = self._memo.get(key)
        if found is None:
            routes = self.plan.tables.get(subnet, self.plan.tables["main"])
            fitting = [(int(cidr.split("/")[1]), kind) for cidr, kind in routes if inside(other, cidr)]
            kind = max(fitting)[1] if fitting else "none"
            here, there = self.plan.subnets[subnet][0], self.plan.subnets[other_subnet][0]
            found = (kind == "local" and here == there) or (kind == "peering" and here != there and self.plan.peered)
            self._memo[key] = found
        return found is True

    def _group(self, packet: Packet, *, egress: bool) -> bool:
        """Any rule of any group (rules 1.1, 1.2); a reference needs one VPC or an active peering (rule 1.4)."""
        own = packet.source_groups if egress else packet.target_groups
        other = packet.target if egress else packet.source
        members = packet.target_groups if egress else packet.source_groups
        vpcs = {self.plan.subnets[item][0] for item in (packet.source_subnet, packet.target_subnet)}
        known = len(vpcs) == 1 or self.plan.peered
        key = ("group", own, other, members, known, packet.port, packet.protocol, egress)
        found = self._memo.get(key)
        if found is None:
            rules = [rule for name in own for rule in self.plan.groups[name][egress]]
            found = any(self._admits(rule, other, members if known else (), packet) for rule in rules)
            self._memo[key] = found
        return found is True

    def _admits(self, rule: Rule, other: str, members: tuple[str, ...], packet: Packet) -> bool:
        """Rule 1.6: ports count for TCP and UDP only."""
        protocol, low, high, kind, who = rule
        number = WRITTEN[protocol]
        if number not in (-1, NUMBERS[packet.protocol]):
            return False
        if number in (6, 17) and not low <= packet.port <= high:
            return False
        if kind == "group":
            return who in members
        return any(inside(other, cidr) for cidr in (self.plan.lists[who] if kind == "list" else (who,)))
