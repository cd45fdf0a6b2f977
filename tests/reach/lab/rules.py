"""A drawn topology as kernel rules: groups and policies as nftables of an end, ACLs of the bridge, routes of an end.

Three independent layers, as in a VPC: groups and policies are stateful tables of their own (an accept of one does not
spare a packet the other), ACLs are a stateless bridge table, routes are the kernel's own longest prefix.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

import msgspec

Raw = dict[str, Any]
ACCEPT_REPLIES = "ct state established,related accept"


class End(msgspec.Struct, frozen=True):
    """One interface: its name, subnet, groups and addresses; a pod where it has a namespace."""

    name: str
    subnet: str
    groups: tuple[str, ...]
    addresses: tuple[str, ...]
    namespace: str = ""
    labels: dict[str, str] = {}


class Topology(msgspec.Struct, frozen=True):
    """What is rendered: ends, and the rest as its API writes it.

    Attributes:
        subnets: id → CIDR block.
        groups, acls, tables: by id of the group, and of the subnet.
        policies: NetworkPolicies.
        spaces: namespaces with their labels.
    """

    ends: tuple[End, ...]
    subnets: dict[str, str]
    groups: dict[str, Raw]
    acls: dict[str, Raw]
    tables: dict[str, Raw]
    policies: tuple[Raw, ...]
    spaces: dict[str, dict[str, str]]

    def pods(self) -> list[End]:
        """Ends that policies can select."""
        return [end for end in self.ends if end.namespace]


def end_rules(topology: Topology, end: End) -> str:
    """All that an end's namespace filters; replaces what was there."""
    return "\n".join(["flush ruleset", *group_rules(topology, end), *policy_rules(topology, end), ""])


def group_rules(topology: Topology, end: End) -> list[str]:
    """The interface's groups as one stateful table: replies pass, each rule accepts, the rest is dropped."""
    lines = ["table inet groups {"]
    for hook, member, side in (("input", "IpPermissions", "saddr"), ("output", "IpPermissionsEgress", "daddr")):
        lines += [f"chain {hook} {{", f"type filter hook {hook} priority 0; policy drop;", ACCEPT_REPLIES]
        lines.append('iifname "lo" accept' if hook == "input" else 'oifname "lo" accept')
        for group in end.groups:
            for permission in topology.groups[group][member]:
                lines.extend(permission_rules(topology, permission, side))
        lines.append("}")
    return [*lines, "}"]


def permission_rules(topology: Topology, permission: Raw, side: str) -> list[str]:
    """One nft rule per source."""
    sources = [item["CidrIp"] for item in permission["IpRanges"]]
    for pair in permission["UserIdGroupPairs"]:
        members = [address for end in topology.ends if pair["GroupId"] in end.groups for address in end.addresses]
        if members:
            sources.append(f"{{ {', '.join(members)} }}")
    protocol = permission["IpProtocol"]
    match = {"-1": "", "tcp": "tcp dport", "6": "tcp dport", "udp": "udp dport"}[protocol]
    ports = f"{match} {permission['FromPort']}-{permission['ToPort']} " if match else ""
    return [f"ip {side} {source} {ports}accept" for source in sources]


def policy_rules(topology: Topology, end: End) -> list[str]:
    """The policies that select a pod as one more table; selectors become sets of the pods' addresses of this moment."""
    sets: list[str] = []
    chains: list[str] = []
    for hook, way, side in (("input", "ingress", "saddr"), ("output", "egress", "daddr")):
        mine = [raw for raw in topology.policies if isolates(raw, way) and chooses(raw, end)]
        chains += [f"chain {hook} {{", f"type filter hook {hook} priority 10; policy {'drop' if mine else 'accept'};"]
        chains += [ACCEPT_REPLIES, 'iifname "lo" accept' if hook == "input" else 'oifname "lo" accept']
        for raw in mine:
            for rule in raw["spec"].get(way, ()):
                for peer in rule.get("from" if way == "ingress" else "to") or [None]:
                    name = f"s{len(sets)}"
                    match = ""
                    if peer is not None and "ipBlock" in peer:
                        block = peer["ipBlock"]
                        match = f"ip {side} {block['cidr']} "
                        if block.get("except"):
                            match += f"ip {side} != {{ {', '.join(block['except'])} }} "
                    elif peer is not None:
                        members = [
                            a for pod in topology.pods() if is_peer(topology, raw, peer, pod) for a in pod.addresses
                        ]
                        elements = f"elements = {{ {', '.join(members)} }}" if members else ""
                        sets.append(f"set {name} {{ type ipv4_addr; {elements}\n}}")
                        match = f"ip {side} @{name} "
                    chains += [f"{match}{port}accept" for port in _ports(rule)]
        chains.append("}")
    return ["table inet policies {", *sets, *chains, "}"] if end.namespace else []


def _ports(rule: Raw) -> list[str]:
    found = []
    for one in rule.get("ports") or [{"protocol": ""}]:
        protocol = one.get("protocol", "TCP").lower()
        if "port" in one:
            found.append(f"{protocol} dport {one['port']}-{one.get('endPort', one['port'])} ")
        else:
            found.append(f"meta l4proto {protocol} " if protocol else "")
    return found


def isolates(raw: Raw, way: str) -> bool:
    """Whether a policy names a direction, or has it by default."""
    spec = raw["spec"]
    return way.capitalize() in (spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])])


def chooses(raw: Raw, end: End) -> bool:
    """Whether a policy is about a pod."""
    return raw["metadata"]["namespace"] == end.namespace and holds(raw["spec"]["podSelector"], end.labels)


def is_peer(topology: Topology, raw: Raw, peer: Raw, pod: End) -> bool:
    """Whether the selectors of a peer hold a pod."""
    if "namespaceSelector" not in peer:
        return pod.namespace == raw["metadata"]["namespace"] and holds(peer["podSelector"], pod.labels)
    return holds(peer["namespaceSelector"], topology.spaces[pod.namespace]) and holds(
        peer.get("podSelector", {}), pod.labels
    )


def holds(selector: Raw, labels: Mapping[str, str]) -> bool:
    """A label selector of equalities and expressions."""
    wanted = [labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()]
    for one in selector.get("matchExpressions", ()):
        there = labels.get(one["key"])
        answers = {
            "In": there in one.get("values", ()),
            "NotIn": there not in one.get("values", ()),
            "Exists": there is not None,
            "DoesNotExist": there is None,
        }
        wanted.append(answers[one["operator"]])
    return all(wanted)


def acl_rules(topology: Topology) -> str:
    """All ACLs as one stateless bridge table: out of the source's subnet, then into the destination's."""
    lines = ["flush ruleset", "table bridge acls {"]
    for subnet in topology.subnets:
        for egress in (True, False):
            lines.append(f"chain {chain(subnet, egress=egress)} {{")
            entries = [item for item in topology.acls[subnet]["Entries"] if item["Egress"] == egress]
            for item in sorted(entries, key=lambda raw: raw["RuleNumber"]):
                verdict = "return" if item["RuleAction"] == "allow" else "drop"
                match = {"-1": "", "6": "tcp dport", "17": "udp dport"}[item["Protocol"]]
                ports = f"{match} {item['PortRange']['From']}-{item['PortRange']['To']} " if match else ""
                lines.append(f"ip {'daddr' if egress else 'saddr'} {item['CidrBlock']} {ports}{verdict}")
            lines.extend(["drop", "}"])
    lines.append("chain forward {")
    lines.append("type filter hook forward priority 0; policy accept;")
    for egress, side, other in ((True, "saddr", "daddr"), (False, "daddr", "saddr")):
        for subnet, cidr in topology.subnets.items():
            lines.append(f"ip {side} {cidr} ip {other} != {cidr} jump {chain(subnet, egress=egress)}")
    return "\n".join([*lines, "}", "}", ""])


def chain(subnet: str, *, egress: bool) -> str:
    """The name of a subnet's chain."""
    return f"{subnet.replace('-', '_')}_{'out' if egress else 'in'}"


def routes(topology: Topology, end: End) -> list[str]:
    """Commands for ``ip -batch``: the end's own subnet is on the wire, all else as its subnet's table says.

    What is local or peered is on the wire, too; a blackhole is the kernel's own.
    """
    own = ipaddress.IPv4Network(topology.subnets[end.subnet])
    lines = ["route flush table main", f"route add {own} dev eth0"]
    for route in topology.tables[end.subnet]["Routes"]:
        target = ipaddress.IPv4Network(route["DestinationCidrBlock"])
        if target.subnet_of(own):
            continue  # within one subnet nothing is routed
        gone = route["State"] == "blackhole"
        lines.append(f"route add blackhole {target}" if gone else f"route add {target} dev eth0")
    return lines
