"""A VPC of network namespaces: the kernel judges what the engine decides.

One namespace with a bridge is the VPC; each interface is a namespace with its
own addresses. A network ACL is bridge-family nftables in the VPC's namespace,
stateless. A security group is an nftables table in the interface's namespace,
with connection tracking; rules that name a group list the addresses of its
members, as the VPC does it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

Raw = dict[str, Any]
Dial = tuple[str, int, str, int]
DIALLER = str(Path(__file__).with_name("dialler.py"))


class End(msgspec.Struct, frozen=True):
    """One interface: its name, subnet, groups and addresses."""

    name: str
    subnet: str
    groups: tuple[str, ...]
    addresses: tuple[str, ...]


class Topology(msgspec.Struct, frozen=True):
    """What is rendered: ends, and groups and ACLs as the EC2 API writes them; subnets are id → CIDR block."""

    ends: tuple[End, ...]
    subnets: dict[str, str]
    groups: dict[str, Raw]
    acls: dict[str, Raw]


def missing_tools() -> str:
    """What the lab needs and does not find; empty when it can run."""
    if os.geteuid() != 0:
        return "the namespace lab needs root"
    for tool in (["nft", "--version"], ["ip", "-Version"]):
        try:
            subprocess.run(tool, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return f"{tool[0]} (apt-get install nftables iproute2)"
    return ""


class Lab:
    """The namespaces of one topology."""

    def __init__(self, topology: Topology, prefix: str) -> None:
        self.topology = topology
        self.prefix = prefix
        self.made: list[str] = []

    def build(self) -> None:
        """Make the namespaces, wires and rules."""
        vpc = self._namespace("vpc")
        run("ip", "-n", vpc, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", vpc, "link", "set", "br0", "up")
        for number, end in enumerate(self.topology.ends):
            name = self._namespace(end.name)
            run("ip", "-n", vpc, "link", "add", f"p{number}", "type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "-n", vpc, "link", "set", f"p{number}", "master", "br0", "up")
            for address in end.addresses:
                run("ip", "-n", name, "addr", "add", f"{address}/16", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "netns", "exec", name, "nft", "-f", "-", text=group_rules(self.topology, end))
        run("ip", "netns", "exec", vpc, "nft", "-f", "-", text=acl_rules(self.topology))

    def destroy(self) -> None:
        """Remove every namespace that was made; the wires go with them."""
        for name in reversed(self.made):
            subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)

    def dial(self, dials: dict[str, list[Dial]], ports: list[int]) -> dict[str, list[bool]]:
        """Listen on the ports in every end, dial from each end named, give what was accepted."""
        listeners: list[subprocess.Popen[str]] = []
        diallers: dict[str, subprocess.Popen[str]] = {}
        try:
            wanted = [str(port) for port in ports]
            listeners.extend(self._python(end.name, "listen", *wanted) for end in self.topology.ends)
            for listener in listeners:
                assert listener.stdout is not None
                assert listener.stdout.readline().strip() == "ready"
            diallers.update((name, self._python(name, "dial")) for name in dials)
            # Hand all of them their lists first, so that the ends dial at the same time.
            for name, process in diallers.items():
                assert process.stdin is not None
                process.stdin.write(json.dumps(dials[name]))
                process.stdin.close()
                process.stdin = None
            return {name: json.loads(process.communicate(timeout=60)[0]) for name, process in diallers.items()}
        finally:
            for process in (*listeners, *diallers.values()):
                if process.stdin is not None:
                    process.stdin.close()
                    process.stdin = None
                process.communicate(timeout=60)

    def _namespace(self, name: str) -> str:
        full = f"{self.prefix}-{name}"
        run("ip", "netns", "add", full)
        self.made.append(full)
        run("ip", "-n", full, "link", "set", "lo", "up")
        return full

    def _python(self, name: str, *args: str) -> subprocess.Popen[str]:
        command = ["ip", "netns", "exec", f"{self.prefix}-{name}", sys.executable, DIALLER, *args]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@contextmanager
def lab(topology: Topology) -> Iterator[Lab]:
    """A built lab, removed again whatever happens."""
    made = Lab(topology, f"cplab{os.getpid()}")
    try:
        made.build()
        yield made
    finally:
        made.destroy()


def run(*command: str, text: str | None = None) -> None:
    """Run a tool; what it says goes into the error."""
    done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip()}\n{text or ''}")


def group_rules(topology: Topology, end: End) -> str:
    """The interface's groups as one stateful table: replies pass, each rule accepts, the rest is dropped."""
    lines = ["table inet groups {"]
    for hook, member, side in (("input", "IpPermissions", "saddr"), ("output", "IpPermissionsEgress", "daddr")):
        lines.append(f"chain {hook} {{")
        lines.append(f"type filter hook {hook} priority 0; policy drop;")
        lines.append("ct state established,related accept")
        lines.append('iifname "lo" accept' if hook == "input" else 'oifname "lo" accept')
        for group in end.groups:
            for permission in topology.groups[group][member]:
                lines.extend(permission_rules(topology, permission, side))
        lines.append("}")
    return "\n".join([*lines, "}", ""])


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


def acl_rules(topology: Topology) -> str:
    """All ACLs as one stateless bridge table: out of the source's subnet, then into the destination's."""
    lines = ["table bridge acls {"]
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
    for subnet, cidr in topology.subnets.items():
        lines.append(f"ip saddr {cidr} ip daddr != {cidr} jump {chain(subnet, egress=True)}")
    for subnet, cidr in topology.subnets.items():
        lines.append(f"ip daddr {cidr} ip saddr != {cidr} jump {chain(subnet, egress=False)}")
    return "\n".join([*lines, "}", "}", ""])


def chain(subnet: str, *, egress: bool) -> str:
    """The name of a subnet's chain."""
    return f"{subnet.replace('-', '_')}_{'out' if egress else 'in'}"
