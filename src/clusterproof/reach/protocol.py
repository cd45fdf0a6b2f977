"""IP protocols and ports, as security groups and network ACLs write them.

Sources: Amazon EC2 API Reference, data types IpPermission and
NetworkAclEntry; Amazon VPC User Guide, "Ephemeral ports"; amazon-vpc-cni-k8s
README, AWS_VPC_K8S_CNI_RANDOMIZESNAT; IANA Protocol Numbers.
"""

from __future__ import annotations

import msgspec

Ports = tuple[int, int]
"""A closed range of ports: (first, last)."""

ANY = -1
ICMP, TCP, UDP, ICMPV6, SCTP = 1, 6, 17, 58, 132
ALL_PORTS: Ports = (0, 65535)

LINUX_PORTS: Ports = (32768, 60999)
"""Source ports of a Linux client (the kernel's default ip_local_port_range)."""

WINDOWS_PORTS: Ports = (49152, 65535)
"""Source ports of a Windows client."""

RANDOM_PORTS: Ports = (1024, 65535)
"""Source ports of a NAT gateway, of a load balancer, and of the VPC CNI's SNAT with random ports."""

NUMBERS = {
    "-1": ANY,
    "all": ANY,
    "icmp": ICMP,
    "igmp": 2,
    "tcp": TCP,
    "udp": UDP,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "icmpv6": ICMPV6,
    "sctp": SCTP,
}
NAMES = {number: name for name, number in NUMBERS.items() if number != ANY}

REPLY_TYPES = {(ICMP, 8): 0, (ICMPV6, 128): 129}
"""Which ICMP type answers which: echo reply to echo request (RFC 792, RFC 4443)."""


class Flow(msgspec.Struct, frozen=True):
    """What a packet carries: the protocol's number, and the destination port or ICMP type."""

    protocol: int
    port: int

    def __str__(self) -> str:
        if self.protocol in (ICMP, ICMPV6):
            return f"{NAMES[self.protocol]} type {self.port}"
        name = protocol_name(self.protocol)
        return f"{name} {self.port}" if self.protocol in (TCP, UDP, SCTP) else name


def protocol_number(text: str) -> int | None:
    """The number of ``tcp``, ``TCP``, ``6`` or ``-1``; None for what is not a protocol."""
    known = NUMBERS.get(text.strip().lower())
    if known is not None:
        return known
    try:
        number = int(text)
    except ValueError:
        return None
    return number if 0 <= number <= 255 else None


def protocol_name(number: int) -> str:
    """``tcp``, ``all traffic`` or ``protocol 99``."""
    return "all traffic" if number == ANY else NAMES.get(number, f"protocol {number}")


def flow_of(protocol: str, port: int) -> Flow:
    """The flow of a question such as ``TCP`` and ``2379``.

    Raises:
        ValueError: the protocol is neither a name known here nor a number of 0 to 255.
    """
    number = protocol_number(protocol)
    if number is None or number == ANY:
        raise ValueError(f"{protocol!r} is not an IP protocol; give a name such as TCP or a number of 0 to 255")
    return Flow(number, port)


def ports_text(protocol: int, low: int | None, high: int | None) -> str:
    """``tcp 2379``, ``udp 1024-65535``, ``icmp type 8``, ``tcp all ports`` or ``all traffic``."""
    name = protocol_name(protocol)
    if protocol in (ICMP, ICMPV6):
        return f"all {name}" if low in (None, -1) else f"{name} type {low}"
    if protocol not in (TCP, UDP):
        return name
    if low is None or high is None or low < 0 or (low, high) == ALL_PORTS:
        return f"{name} all ports"
    return f"{name} {low}" if low == high else f"{name} {low}-{high}"


def matches(protocol: int, low: int | None, high: int | None, flow: Flow) -> bool:
    """Whether a rule's protocol and port range hold for a flow.

    Ports count for TCP and UDP only; of ICMP the first number is the type and
    the second the code, and -1 stands for all. Every other protocol passes
    "regardless of any port range you specify" (EC2 API, IpPermission). The
    code asked about is 0, which echo uses.
    """
    if protocol == ANY:
        return True
    if protocol != flow.protocol:
        return False
    if protocol in (ICMP, ICMPV6):
        return low in (None, -1) or (low == flow.port and high in (None, -1, 0))
    if protocol not in (TCP, UDP):
        return True
    return low is None or high is None or low < 0 or low <= flow.port <= high
