"""What security groups let out of one interface and into another.

Rules only allow; the rules of all groups on an interface are one set; replies
pass by connection tracking, so each direction is judged for the first packet
alone (Amazon VPC User Guide, "Security group rules" and "Security group
referencing"). A rule that names a group matches by membership, not by today's
addresses, so that nodes not yet born are judged too.
"""

from __future__ import annotations

import msgspec

from clusterproof.reach.addresses import AddressError, AddressSet
from clusterproof.reach.protocol import ICMP, ICMPV6, TCP, UDP, Flow, flow_of, ports_text, protocol_number
from clusterproof.reach.rulebook import Book
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.reach.vpc import Side, VpcView
from clusterproof.snapshot.aws import IpPermission, SecurityGroup
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import SECURITY_GROUPS


class Rule(msgspec.Struct, frozen=True):
    """One permission with one source (inbound) or destination (outbound).

    Attributes:
        index: position in ``IpPermissions`` or ``IpPermissionsEgress``.
        protocol: IP protocol number, -1 for all.
        low, high: ports, or ICMP type and code; None when the rule names none.
        kind: ``cidr``, ``group`` or ``prefix-list``.
        source: the CIDR block, or the id.
        rule_id: ``sgr-…``; empty when describe-security-group-rules was not read.
    """

    group_id: str
    egress: bool
    index: int
    protocol: int
    low: int | None
    high: int | None
    kind: str
    source: str
    rule_id: str = ""

    @property
    def text(self) -> str:
        """``tcp 443 from sg-0a1`` or ``all traffic to 0.0.0.0/0``."""
        return f"{ports_text(self.protocol, self.low, self.high)} {'to' if self.egress else 'from'} {self.source}"

    @property
    def ref(self) -> Ref:
        """The rule as evidence, with its ``sgr-`` id where known."""
        value = f"{self.text} ({self.rule_id})" if self.rule_id else self.text
        return Ref(SECURITY_GROUPS.name, self.group_id, f"{_member(self.egress)}[{self.index}]", value)


class References(msgspec.Struct, frozen=True):
    """Whether rules that name a group can match on this path at all.

    Attributes:
        outcome: works (same VPC, active peering), blocked (translated, through a middlebox, not peered), varies
            (only some addresses go through a middlebox), unknown.
        why: one clause when they do not simply match.
        inbound_only: outbound rules that name a group do not match on this path.
    """

    outcome: Outcome = Outcome.WORKS
    why: str = ""
    unknown: Unknown | None = None
    inbound_only: bool = False


def group_egress(
    view: VpcView, client: Side, server: Side, port: int, protocol: str, references: References | None = None
) -> Hop:
    """Whether the client's groups let it open the connection.

    Args:
        view: the VPCs.
        client: who connects, as its interface's groups see it (after source NAT).
        server: who listens.
        port: destination port; the type for ICMP.
        protocol: ``tcp``, ``TCP`` or a number as text.
        references: what the path does to rules that name groups; by default what the two VPCs allow.

    Raises:
        ValueError: the protocol is not one.
    """
    if references is not None and references.inbound_only:
        references = References(Outcome.BLOCKED, "across a transit gateway only inbound rules may name a group")
    return _judge(view, client, server, flow_of(protocol, port), references, egress=True)


def group_ingress(
    view: VpcView, client: Side, server: Side, port: int, protocol: str, references: References | None = None
) -> Hop:
    """Whether the server's groups admit the connection; arguments as :func:`group_egress`."""
    return _judge(view, server, client, flow_of(protocol, port), references, egress=False)


def references_between(view: VpcView, one: Side, other: Side) -> References:
    """Whether group references match between two VPCs, leaving the path aside.

    Same VPC, or peered VPCs of one region with the connection active (Amazon
    VPC Peering Guide, "Update your security groups to reference peer security
    groups"). Otherwise the path says, which may lead through a transit gateway.
    """
    if one.outside or other.outside:
        return References(Outcome.BLOCKED, "the other end is no interface of a VPC that was read")
    if isinstance(one.subnet, str) and one.subnet == other.subnet:
        return References()
    here, there = one.vpc, other.vpc
    if isinstance(here, Unknown):
        return References(Outcome.UNKNOWN, here.detail, here)
    if isinstance(there, Unknown):
        return References(Outcome.UNKNOWN, there.detail, there)
    if here == there:
        return References()
    peering = view.peered(here, there)
    if isinstance(peering, Unknown):
        return References(Outcome.UNKNOWN, peering.detail, peering)
    if peering is None:
        return References(Outcome.BLOCKED, f"{here} and {there} are not peered, so group references do not match")
    regions = {peering.requester_vpc_info.region, peering.accepter_vpc_info.region}
    if "" not in regions and len(regions) > 1:
        return References(Outcome.BLOCKED, "group references do not match across regions")
    return References()


def group_rules(view: VpcView, group_id: str, *, egress: bool) -> tuple[tuple[Rule, ...], tuple[Unknown, ...]]:
    """All rules of one direction, one per source, and what could not be read of them."""
    key = ("rules", group_id, egress)
    if key not in view.memo:
        group = view.group(group_id)
        if isinstance(group, Unknown):
            view.memo[key] = ((), (group,))
        else:
            rules, unknowns = _flatten(view, group, egress)
            unread = view.unread(SECURITY_GROUPS, group_id, _member(egress))
            view.memo[key] = (rules, (*unknowns, unread) if unread else unknowns)
    answer: tuple[tuple[Rule, ...], tuple[Unknown, ...]] = view.memo[key]
    return answer


def _member(egress: bool) -> str:
    return "IpPermissionsEgress" if egress else "IpPermissions"


def _flatten(view: VpcView, group: SecurityGroup, egress: bool) -> tuple[tuple[Rule, ...], tuple[Unknown, ...]]:
    rules: list[Rule] = []
    unknowns: list[Unknown] = []
    for index, permission in enumerate(group.ip_permissions_egress if egress else group.ip_permissions):
        number = protocol_number(permission.ip_protocol)
        if number is None:
            what = f"{group.group_id} {_member(egress)}[{index}]: protocol {permission.ip_protocol!r} is not known"
            unknowns.append(Unknown(Cause.ERROR, what))
            continue
        low = -1 if permission.from_port is None else permission.from_port
        high = -1 if permission.to_port is None else permission.to_port
        for kind, source in _sources(permission):
            found = view.rule_ids.get((group.group_id, egress, permission.ip_protocol, low, high, source), "")
            rules.append(
                Rule(
                    group.group_id,
                    egress,
                    index,
                    number,
                    permission.from_port,
                    permission.to_port,
                    kind,
                    source,
                    found,
                )
            )
    return tuple(rules), tuple(unknowns)


def _sources(permission: IpPermission) -> list[tuple[str, str]]:
    """(kind, source) of each source of a permission."""
    return [
        *(("cidr", item.cidr_ip) for item in permission.ip_ranges),
        *(("cidr", item.cidr_ipv6) for item in permission.ipv6_ranges),
        *(("prefix-list", item.prefix_list_id) for item in permission.prefix_list_ids),
        *(("group", item.group_id) for item in permission.user_id_group_pairs),
    ]


class _Admitted:
    """What the rules seen so far let through, of the other end's addresses."""

    def __init__(self, space: AddressSet) -> None:
        self.space = space
        self.addresses = AddressSet()
        self.rules: list[tuple[Rule, AddressSet]] = []
        self.varying: list[tuple[Rule, str]] = []
        self.unknowns: list[tuple[Rule | None, Unknown]] = []
        self.spoiled: list[tuple[Rule, str]] = []

    def add(self, rule: Rule, addresses: AddressSet) -> None:
        part = addresses & self.space
        if part:
            self.rules.append((rule, addresses))
            self.addresses |= part


def _judge(view: VpcView, own: Side, other: Side, flow: Flow, references: References | None, *, egress: bool) -> Hop:
    """One interface's groups against one flow to or from the other end."""
    layer = Layer.GROUP_EGRESS if egress else Layer.GROUP_INGRESS
    if isinstance(own.security_groups, Unknown):
        return unknown_hop(layer, own.text, own.security_groups)
    if not own.security_groups:
        # Every interface in a VPC has at least one group, so none means that they were not read.
        return unknown_hop(
            layer, own.text, Unknown(Cause.INCOMPLETE, f"no security group was read for the interface in {own.text}")
        )
    if references is None:
        references = references_between(view, own, other)
    at = ", ".join(view.group_name(group_id) for group_id in own.security_groups)
    admitted = _Admitted(other.space)
    book = _book(view, own.security_groups, flow, egress=egress)
    admitted.unknowns.extend((None, unknown) for unknown in book.unread)
    for rule in book.about(other):
        if rule.kind == "group":
            full = _reference(rule, other, references, admitted)
        else:
            full = _addresses(view, rule, admitted)
        if full:
            return Hop(layer, Outcome.WORKS, at, _allow_text(rule), (rule.ref,))
    return _undecided(layer, at, own.security_groups, other, flow, admitted, book)


def _book(view: VpcView, groups: tuple[str, ...], flow: Flow, *, egress: bool) -> Book:
    key = ("book", groups, flow, egress)
    found: Book | None = view.memo.get(key)
    if found is None:
        rules: list[Rule] = []
        unread: list[Unknown] = []
        for group_id in groups:
            own, missing = group_rules(view, group_id, egress=egress)
            rules += own
            unread += missing
        found = view.memo[key] = Book(rules, unread, flow)
    return found


def _reference(rule: Rule, other: Side, references: References, admitted: _Admitted) -> bool:
    """Whether a rule that names a group admits the other end; what it does otherwise goes to ``admitted``."""
    if other.outside:
        # An address inside a VPC has an interface; which one, and with which groups, the caller did not know.
        if references.outcome is Outcome.UNKNOWN and references.unknown:
            admitted.unknowns.append((rule, references.unknown))
        return False
    if isinstance(other.security_groups, Unknown):
        admitted.unknowns.append((rule, other.security_groups))
        return False
    if rule.source not in other.security_groups:
        return False
    match references.outcome:
        case Outcome.WORKS:
            return True
        case Outcome.BLOCKED:
            admitted.spoiled.append((rule, references.why))
        case Outcome.VARIES:
            admitted.varying.append((rule, references.why))
        case Outcome.UNKNOWN:
            fallback = Unknown(Cause.NOT_MODELLED, references.why)
            admitted.unknowns.append((rule, references.unknown or fallback))
    return False


def _addresses(view: VpcView, rule: Rule, admitted: _Admitted) -> bool:
    """Whether a CIDR block or prefix list alone covers all of the other end's addresses."""
    if rule.kind == "prefix-list":
        found = view.prefix_list(rule.source)
        if isinstance(found, Unknown):
            admitted.unknowns.append((rule, found))
            return False
        addresses = found
    else:
        try:
            addresses = AddressSet.of(rule.source)
        except AddressError as error:
            admitted.unknowns.append((rule, Unknown(Cause.ERROR, f"{rule.group_id}: {error}")))
            return False
    admitted.add(rule, addresses)
    return addresses.covers(admitted.space) == "all"


def _undecided(
    layer: Layer, at: str, groups: tuple[str, ...], other: Side, flow: Flow, admitted: _Admitted, book: Book
) -> Hop:
    """No single rule admits everything: the union may, a part may pass, something may be unknown."""
    refs = tuple(rule.ref for rule, _ in admitted.rules)
    if admitted.space and admitted.addresses == admitted.space:
        together = " and ".join(_allow_text(rule) for rule, _ in admitted.rules)
        return Hop(layer, Outcome.WORKS, at, f"together: {together}", refs)
    if admitted.unknowns:
        rule, unknown = admitted.unknowns[0]
        refs = (*((rule.ref,) if rule else ()), *refs)
        text = f"whether {rule.text} applies is not known: {unknown.detail}" if rule else unknown.detail
        return Hop(layer, Outcome.UNKNOWN, at, text, refs, unknown)
    if admitted.rules and isinstance(other.addresses, Unknown):
        return Hop(
            layer,
            Outcome.UNKNOWN,
            at,
            f"{_verb(layer)} {_union_text(admitted, other)}, and the addresses of the other end are not known: "
            f"{other.addresses.detail}",
            refs,
            other.addresses,
        )
    if admitted.varying:
        rule, why = admitted.varying[0]
        return Hop(layer, Outcome.VARIES, at, f"{_allow_text(rule)}, but {why}", (rule.ref, *refs))
    if admitted.rules:
        return Hop(layer, Outcome.VARIES, at, _part_text(layer, flow, other, admitted), refs)
    return _refusal(layer, at, groups, other, flow, admitted, book)


def _refusal(
    layer: Layer, at: str, groups: tuple[str, ...], other: Side, flow: Flow, admitted: _Admitted, book: Book
) -> Hop:
    """Nothing admits the flow: how many rules there are, and which one misses by least."""
    egress = layer is Layer.GROUP_EGRESS
    refs = tuple(
        Ref(SECURITY_GROUPS.name, group_id, _member(egress), _count(book.of_group[group_id], egress))
        for group_id in groups
    )
    to = "to" if egress else "from"
    verb = "lets out" if egress else "admits"
    have = "has" if len(groups) == 1 else "have"
    text = f"{at} {have} {_count(len(book.rules), egress)}"
    if book.rules:
        text += f"; none {verb} {flow} {to} {other.peer}"
    if admitted.spoiled:
        rule, why = admitted.spoiled[0]
        return Hop(layer, Outcome.BLOCKED, at, f"{text}; {rule.text} does not match: {why}", (rule.ref, *refs))
    closest = _closest(book, other, flow)
    if closest:
        text += f"; closest: {closest.text}"
        refs = (*refs, closest.ref)
    return Hop(layer, Outcome.BLOCKED, at, text, refs)


def _closest(book: Book, other: Side, flow: Flow) -> Rule | None:
    """The rule that misses by least: the same source with another port, else the same port with another source."""
    same_source = [rule for rule in book.near(other) if _is_peer(rule, other)]
    if same_source:
        return min(same_source, key=lambda rule: _distance(rule, flow))
    return next(iter(book.matching), None)


def _is_peer(rule: Rule, other: Side) -> bool:
    if rule.kind == "group":
        return isinstance(other.security_groups, tuple) and rule.source in other.security_groups
    if rule.kind == "cidr" and not isinstance(other.addresses, Unknown):
        try:
            return bool(AddressSet.of(rule.source) & other.addresses)
        except AddressError:
            return False
    return False


def _distance(rule: Rule, flow: Flow) -> tuple[int, int]:
    """How far a rule's ports are from the flow's: another protocol is further than any port."""
    if rule.protocol != flow.protocol or rule.protocol not in (TCP, UDP, ICMP, ICMPV6):
        return 1, 0
    low, high = rule.low or 0, rule.high or 0
    return 0, max(low - flow.port, flow.port - high, 0)


def _count(number: int, egress: bool) -> str:
    way = "outbound" if egress else "inbound"
    return f"no {way} rule" if not number else f"{number} {way} rule{'s' if number > 1 else ''}"


def _verb(layer: Layer) -> str:
    return "lets out to" if layer is Layer.GROUP_EGRESS else "admits"


def _allow_text(rule: Rule) -> str:
    verb = "lets out" if rule.egress else "admits"
    found = f" ({rule.rule_id})" if rule.rule_id else ""
    return f"{verb} {rule.text}{found}"


def _union_text(admitted: _Admitted, other: Side) -> str:
    whole = AddressSet()
    for _, addresses in admitted.rules:
        whole |= addresses.family(other.family)
    return str(whole)


def _part_text(layer: Layer, flow: Flow, other: Side, admitted: _Admitted) -> str:
    """``admits tcp 2379 from 10.0.1.0/25, half of subnet-0a (10.0.1.0/24)``."""
    to = "to" if layer is Layer.GROUP_EGRESS else "from"
    verb = "lets out" if layer is Layer.GROUP_EGRESS else "admits"
    part = share(admitted.addresses.size, admitted.space.size)
    return f"{verb} {flow} {to} {_union_text(admitted, other)}, {part} of {other.text}"


def share(part: int, whole: int) -> str:
    """A part of a whole in words: ``half``, ``a quarter``, ``12 %``, ``less than 1 %``."""
    percent = 100 * part / whole
    for words, value in (("half", 50), ("a quarter", 25), ("three quarters", 75)):
        if abs(percent - value) <= 2:
            return words
    if percent < 1:
        return "less than 1 %"
    return "more than 99 %" if percent > 99 else f"{percent:.0f} %"
