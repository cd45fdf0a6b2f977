"""What network ACLs let out of one subnet and into another, and back.

Judged "when traffic enters and leaves the subnet, not as it is routed within
a subnet"; the lowest rule number that matches decides; nothing is remembered,
so replies need rules of their own for the client's source ports (Amazon VPC
User Guide, "Control traffic to subnets using network ACLs"). The decision is
exact over every address and port that may come up.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right

import msgspec

from clusterproof.reach.addresses import AddressError, AddressSet, Cover
from clusterproof.reach.protocol import (
    ANY,
    ICMP,
    ICMPV6,
    REPLY_TYPES,
    TCP,
    UDP,
    Ports,
    flow_of,
    ports_text,
    protocol_number,
)
from clusterproof.reach.securitygroups import share
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.reach.vpc import Side, VpcView
from clusterproof.snapshot.aws import NetworkAcl, NetworkAclEntry
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import NETWORK_ACLS


class Verdict(msgspec.Struct, frozen=True):
    """What one direction of an ACL does with a set of packets.

    Attributes:
        allowed: the packets that pass: disjoint (ports, addresses), in order of ports.
        deciding: the entries that decided for some packet, in order; the final ``*`` is None.
    """

    allowed: tuple[tuple[Ports, AddressSet], ...]
    deciding: tuple[tuple[NetworkAclEntry | None, Ports, AddressSet], ...]

    @property
    def size(self) -> int:
        """How many (address, port) pairs pass."""
        return sum((ports[1] - ports[0] + 1) * addresses.size for ports, addresses in self.allowed)


Plain = tuple[Outcome, str, tuple[Ref, ...]]
"""What becomes of packets that are all treated alike: by which rules, in words but for the other end, and evidence."""


def acl_hops(view: VpcView, client: Side, server: Side, port: int, protocol: str, source_ports: Ports) -> list[Hop]:
    """The ACLs on the way and on the way back, in that order; none within one subnet.

    Args:
        view: the VPCs.
        client: who connects, as the ACLs see it (after source NAT).
        server: who listens.
        port: destination port; the type for ICMP (only what expects a reply has return hops).
        protocol: ``tcp``, ``TCP`` or a number as text.
        source_ports: from which ports the client may send; replies go there.

    Raises:
        ValueError: the protocol is not one.
    """
    key = ("acl", client, server, port, protocol, source_ports)
    found: list[Hop] | None = view.lasting.get(key)
    if found is None:
        found = view.lasting[key] = _acl_hops(view, client, server, port, protocol, source_ports)
    return list(found)


def _acl_hops(view: VpcView, client: Side, server: Side, port: int, protocol: str, source_ports: Ports) -> list[Hop]:
    flow = flow_of(protocol, port)
    if not client.outside and not server.outside and client.subnet == server.subnet:
        if isinstance(client.subnet, Unknown):
            return [unknown_hop(layer, "network ACL", client.subnet) for layer in LAYERS]
        return []
    within = _within(client, server)
    if within == "all":
        return []
    # Where one subnet is not known the two may be the same one, and then no ACL is asked.
    unsure = next((side.subnet for side in (client, server) if isinstance(side.subnet, Unknown)), None)
    if unsure is not None and _apart(client, server):
        unsure = None
    there = (port, port)
    back: Ports | None = source_ports
    if flow.protocol in (ICMP, ICMPV6):
        reply = REPLY_TYPES.get((flow.protocol, port))
        back = None if reply is None else (reply, reply)
    ways = [(Layer.ACL_OUT, client, server, there, True), (Layer.ACL_IN, server, client, there, False)]
    if back is not None:
        ways.append((Layer.ACL_RETURN_OUT, server, client, back, True))
        ways.append((Layer.ACL_RETURN_IN, client, server, back, False))
    hops = []
    for layer, own, other, ports, egress in ways:
        if not own.outside:
            hop = border(view, layer, own, other, flow.protocol, ports, egress=egress)
            if unsure is not None and hop.outcome in (Outcome.BLOCKED, Outcome.VARIES):
                text = f"{hop.text}, unless both are in one subnet: {unsure.detail}"
                hop = Hop(layer, Outcome.UNKNOWN, hop.at, text, hop.refs, unsure)
            if within == "some" and hop.outcome is Outcome.BLOCKED:
                text = f"{hop.text}, except within the subnet"
                hop = Hop(layer, Outcome.VARIES, hop.at, text, hop.refs)
            hops.append(hop)
    return hops


LAYERS = (Layer.ACL_OUT, Layer.ACL_IN, Layer.ACL_RETURN_OUT, Layer.ACL_RETURN_IN)


def _within(client: Side, server: Side) -> Cover:
    """How much of a peer named by its addresses lies in the other end's own subnet, where no ACL is asked."""
    own, peer = (server, client) if client.outside else (client, server)
    if own.outside or not peer.outside or not own.network:
        return "none"
    return AddressSet.of(*own.network.split(", ")).covers(peer.space)


def _apart(client: Side, server: Side) -> bool:
    """Whether two ends are surely in different subnets."""
    if client.outside or server.outside:
        return True
    vpcs = client.vpc, server.vpc
    return isinstance(vpcs[0], str) and isinstance(vpcs[1], str) and vpcs[0] != vpcs[1]


def judge(acl: NetworkAcl, remote: AddressSet, protocol: int, ports: Ports, *, egress: bool) -> Verdict | Unknown:
    """What one direction of an ACL does with packets to (egress) or from these addresses, on these ports.

    Exact: the ports are cut where an entry's range begins or ends, and each
    piece keeps the addresses that no entry has decided yet.
    """
    entries = sorted((entry for entry in acl.entries if entry.egress == egress), key=lambda entry: entry.rule_number)
    ranges: list[tuple[NetworkAclEntry, Ports, AddressSet]] = []
    for entry in entries:
        number = protocol_number(entry.protocol)
        if number is None:
            return _bad(acl, entry, f"protocol {entry.protocol!r} is not known")
        if number not in (ANY, protocol):
            continue
        try:
            addresses = AddressSet.of(entry.cidr_block or entry.ipv6_cidr_block)
        except AddressError as error:
            return _bad(acl, entry, str(error))
        if entry.rule_action not in ("allow", "deny"):
            return _bad(acl, entry, f"action {entry.rule_action!r} is neither allow nor deny")
        ranges.append((entry, _entry_ports(entry, number), addresses))
    low, high = ports
    cuts = sorted({low, high + 1} | {c for _, (a, b), _ in ranges for c in (a, b + 1) if low < c <= high})
    pieces = [((a, b - 1), remote) for a, b in itertools.pairwise(cuts)]
    allowed: list[tuple[Ports, AddressSet]] = []
    deciding: list[tuple[NetworkAclEntry | None, Ports, AddressSet]] = []
    for entry, (first, last), addresses in ranges:
        rest = []
        for piece, undecided in pieces:
            hit = undecided & addresses if first <= piece[0] and piece[1] <= last else AddressSet()
            if hit:
                deciding.append((entry, piece, hit))
                if entry.rule_action == "allow":
                    allowed.append((piece, hit))
            rest.append((piece, undecided - hit if hit else undecided))
        pieces = rest
    deciding.extend((None, piece, undecided) for piece, undecided in pieces if undecided)
    return Verdict(_joined(allowed), tuple(deciding))


def _bad(acl: NetworkAcl, entry: NetworkAclEntry, what: str) -> Unknown:
    return Unknown(Cause.ERROR, f"{acl.network_acl_id} rule {entry.rule_number}: {what}")


def _entry_ports(entry: NetworkAclEntry, number: int) -> Ports:
    """The ports, or ICMP types with code 0, that an entry covers; other protocols have none and match whole."""
    every = (0, 65535)
    if number in (TCP, UDP):
        return (entry.port_range.from_, entry.port_range.to) if entry.port_range else every
    if number in (ICMP, ICMPV6) and entry.icmp_type_code:
        kind, code = entry.icmp_type_code.type, entry.icmp_type_code.code
        if code not in (-1, 0):
            return (-1, -1)
        return every if kind == -1 else (kind, kind)
    return every


def _joined(allowed: list[tuple[Ports, AddressSet]]) -> tuple[tuple[Ports, AddressSet], ...]:
    """The same packets with one address set per piece of ports, and equal neighbours made one."""
    by_piece: dict[Ports, AddressSet] = {}
    for piece, addresses in allowed:
        by_piece[piece] = by_piece.get(piece, AddressSet()) | addresses
    out: list[tuple[Ports, AddressSet]] = []
    for (low, high), addresses in sorted(by_piece.items(), key=lambda item: item[0]):
        if out and out[-1][1] == addresses and out[-1][0][1] + 1 == low:
            out[-1] = ((out[-1][0][0], high), addresses)
        else:
            out.append(((low, high), addresses))
    return tuple(out)


def border(view: VpcView, layer: Layer, own: Side, other: Side, protocol: int, ports: Ports, *, egress: bool) -> Hop:
    """One crossing of ``own``'s subnet border; ``other`` is who the packets come from or go to."""
    if isinstance(own.subnet, Unknown):
        return unknown_hop(layer, "network ACL", own.subnet)
    acl = view.acl(own.subnet)
    if isinstance(acl, Unknown):
        return unknown_hop(layer, f"network ACL of {own.subnet}", acl)
    at = f"{acl.network_acl_id} of {own.subnet}"
    found = _treated(view, acl, other.space, protocol, ports, egress=egress)
    if isinstance(found, Unknown):
        return unknown_hop(layer, at, found)
    if not isinstance(found, Verdict):
        return Hop(layer, found[0], at, f"{found[1]} {other.text}", found[2])
    whole = other.space.size * (ports[1] - ports[0] + 1)
    what = f"{ports_text(protocol, *ports)} {'to' if egress else 'from'}"
    refs = _refs(acl, found)
    part = f"allows {_allowed_text(found, protocol)} only"
    if isinstance(other.addresses, Unknown):
        text = f"{part}, and the addresses of the other end are not known: {other.addresses.detail}"
        return Hop(layer, Outcome.UNKNOWN, at, text, refs, other.addresses)
    text = f"{part}: {share(found.size, whole)} of {what} {other.text}"
    return Hop(layer, Outcome.VARIES, at, text, refs)


def _treated(
    view: VpcView, acl: NetworkAcl, remote: AddressSet, protocol: int, ports: Ports, *, egress: bool
) -> Plain | Verdict | Unknown:
    """What one direction of an ACL does: plainly where all packets fare alike, which is kept for all such addresses."""
    where = _between_blocks(view, acl, remote, egress=egress)
    key = ("border", id(acl), egress, protocol, ports, where)
    held: Plain | None = view.lasting.get(key) if where is not None else None
    if held is not None:
        return held
    verdict = judge(acl, remote, protocol, ports, egress=egress)
    if isinstance(verdict, Unknown):
        return verdict
    passing = verdict.size
    if passing and passing != remote.size * (ports[1] - ports[0] + 1):
        return verdict
    action, outcome = ("allow", Outcome.WORKS) if passing else ("deny", Outcome.BLOCKED)
    what = f"{ports_text(protocol, *ports)} {'to' if egress else 'from'}"
    plain: Plain = outcome, f"{_rules_text(verdict, action)} {what}", _refs(acl, verdict)
    if where is not None:
        view.lasting[key] = plain
    return plain


def _between_blocks(view: VpcView, acl: NetworkAcl, remote: AddressSet, *, egress: bool) -> tuple[int, int] | None:
    """Family and position of some addresses among the blocks of an ACL's entries; None where a block parts them.

    No entry tells addresses of one position apart.
    """
    spans = remote.v4 or remote.v6
    if not spans or (remote.v4 and remote.v6):
        return None
    key = ("acl cuts", id(acl), egress)
    cuts: tuple[list[int], list[int]] | None = view.lasting.get(key)
    if cuts is None:
        try:
            blocks = [AddressSet.of(e.cidr_block or e.ipv6_cidr_block) for e in acl.entries if e.egress == egress]
        except AddressError:
            return None
        four = {edge for block in blocks for first, last in block.v4 for edge in (first, last + 1)}
        six = {edge for block in blocks for first, last in block.v6 for edge in (first, last + 1)}
        cuts = view.lasting[key] = (sorted(four), sorted(six))
    family = int(not remote.v4)
    position = bisect_right(cuts[family], spans[0][0])
    return (family, position) if bisect_right(cuts[family], spans[-1][1]) == position else None


def _refs(acl: NetworkAcl, verdict: Verdict) -> tuple[Ref, ...]:
    """The deciding entries, in order, each once; the final deny as the entry that AWS lists for it, if it does."""
    refs: dict[Ref, None] = {}
    for entry, _, _ in verdict.deciding:
        if entry is None:
            refs[Ref(NETWORK_ACLS.name, acl.network_acl_id, "Entries", "no entry matches: denied")] = None
        else:
            index = acl.entries.index(entry)
            refs[Ref(NETWORK_ACLS.name, acl.network_acl_id, f"Entries[{index}]", entry_text(entry))] = None
    return tuple(refs)


def entry_text(entry: NetworkAclEntry) -> str:
    """``allow rule 100 in: tcp 443 from 0.0.0.0/0``."""
    number = protocol_number(entry.protocol)
    low, high = _entry_ports(entry, number) if number in (TCP, UDP, ICMP, ICMPV6) else (None, None)
    if number in (ICMP, ICMPV6) and (low, high) == (0, 65535):
        low = None
    name = ports_text(number, low, high) if number is not None else entry.protocol
    way, to = ("out", "to") if entry.egress else ("in", "from")
    return f"{entry.rule_action} rule {_number(entry)} {way}: {name} {to} {entry.cidr_block or entry.ipv6_cidr_block}"


def _number(entry: NetworkAclEntry) -> str:
    """The rule number; ``*`` for the last one, which nobody can change (32767, for IPv6 32768)."""
    return "*" if entry.rule_number >= 32767 else str(entry.rule_number)


def _rules_text(verdict: Verdict, action: str) -> str:
    """``rule 100 allows`` or ``rules 90, * deny``."""
    numbers = dict.fromkeys("*" if entry is None else _number(entry) for entry, _, _ in verdict.deciding)
    plural = len(numbers) > 1
    verb = {"allow": "allow", "deny": "deny"}[action] if plural else {"allow": "allows", "deny": "denies"}[action]
    return f"rule{'s' if plural else ''} {', '.join(numbers) or '*'} {verb}"


def _allowed_text(verdict: Verdict, protocol: int) -> str:
    """``tcp 32768-49151 (10.0.1.0/25)``, at most three pieces."""
    parts = [f"{ports_text(protocol, *ports)} ({addresses})" for ports, addresses in verdict.allowed[:3]]
    more = len(verdict.allowed) - 3
    return ", ".join(parts) + (f" and {more} more" if more > 0 else "")
