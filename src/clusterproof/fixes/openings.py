"""What a change newly lets through, wanted or not: found by asking before and after, never by reading the change.

Only what an edit touches is asked (the classes that carry a rule's groups, the subnets of an ACL, the pods that
a policy selects), because one more allow rule can open nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from clusterproof.checks.cells import Asker
from clusterproof.checks.fold import read_of
from clusterproof.checks.mended import Opening
from clusterproof.fixes.ends import Carrier, carrying, label_of, within
from clusterproof.fixes.legs import Leg
from clusterproof.fixes.policies import selected
from clusterproof.profiles.port import PortRange
from clusterproof.reach.ends import End
from clusterproof.reach.service import service_hop
from clusterproof.reach.trace import Outcome, combine
from clusterproof.reach.vpcpath import vpc_hops
from clusterproof.snapshot.kinds import NETWORK_POLICIES
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit, Overlay, Put, peer_text
from clusterproof.world.model import Interface, Workload
from clusterproof.world.services import Backend

_MOST = 60_000
"""Questions about an ACL's change beyond which its openings are listed by subnet instead of asked one by one."""

_PROTOCOLS = {"6": "TCP", "17": "UDP"}
_RANK = {Outcome.BLOCKED: 0, Outcome.UNKNOWN: 0, Outcome.VARIES: 1, Outcome.WORKS: 2}

Triple = tuple[str, str, PortRange]
"""Client, server and ports: one opening."""

Pair = tuple[str, str, str]
"""Client, server and protocol."""

Span = tuple[int, int]
"""Ports, the first and the last."""

Question = tuple[Carrier, Carrier, PortRange]


def openings(
    before: Asker, after: Asker, found: Sequence[Carrier], overlay: Overlay, asked: Mapping[Pair, Sequence[Span]]
) -> tuple[Opening, ...]:
    """Everything that the change opens, sorted; ``asked`` is what the profile's requirements ask for (:func:`asked_for`)."""
    opened = {*_by_interface(before, after, found, overlay.edits), *_by_policy(before, after, overlay.edits)}
    return tuple(
        Opening(client, server, str(ports), wanted=_covered(ports, asked.get((client, server, ports.protocol), ())))
        for client, server, ports in sorted(
            opened, key=lambda item: (item[0], item[1], item[2].protocol, item[2].low, item[2].high)
        )
    )


def asked_for(legs: Iterable[Leg]) -> dict[Pair, list[Span]]:
    """Ports that some requirement asks for, by pair: node groups with their groups, and workloads."""
    result: dict[Pair, dict[Span, None]] = {}
    for leg in legs:
        clients = [label_of(leg.client_group, leg.client.interface.security_groups)]
        servers = [label_of(leg.server_group, leg.server.interface.security_groups)]
        clients += [leg.client.workload.id] if leg.client.workload is not None else []
        servers += [leg.server.workload.id] if leg.server.workload is not None else []
        for client in clients:
            for server in servers:
                result.setdefault((client, server, leg.protocol.upper()), {})[leg.low, leg.high] = None
    return {pair: list(spans) for pair, spans in result.items()}


def _covered(ports: PortRange, spans: Iterable[tuple[int, int]]) -> bool:
    return any(low <= ports.low and ports.high <= high for low, high in _joined(spans))


# --- security groups and ACLs ---------------------------------------------------------------


def _by_interface(before: Asker, after: Asker, found: Sequence[Carrier], edits: Iterable[Edit]) -> Iterator[Triple]:
    spans: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    questions: dict[tuple[int, int, PortRange], Question] = {}
    by_group = carrying(found)
    for edit in edits:
        if isinstance(edit, AddPermission):
            touched = _touched_by_rule(after, found, by_group, edit)
        elif isinstance(edit, AddAclEntry):
            touched = _touched_by_entry(after, found, edit)
            if len(touched) > _MOST:
                yield _coarse(edit)
                continue
        else:
            continue
        questions |= {(id(client), id(server), ports): (client, server, ports) for client, server, ports in touched}
    clients = [client.interface for client, _, _ in questions.values()]
    servers = [server.interface for _, server, _ in questions.values()]
    now_, then = (_Outcomes(asker, clients, servers) for asker in (after, before))
    for client, server, ports in questions.values():
        now = now_.of(client, server, ports)
        if _RANK[now] and _RANK[now] > _RANK[then.of(client, server, ports)]:
            spans.setdefault((client.label, server.label, ports.protocol), []).append((ports.low, ports.high))
    for (client_label, server_label, protocol), parts in spans.items():
        for low, high in _joined(parts):
            yield client_label, server_label, PortRange(low, high, protocol)


class _Outcomes:
    """What the VPC does between interfaces, asked once for those that no rule tells apart."""

    def __init__(self, asker: Asker, clients: Iterable[Interface], servers: Iterable[Interface]) -> None:
        self._asker = asker
        self._between = asker.between(clients, servers)
        self._found: dict[tuple[object, ...], Outcome] = {}

    def of(self, client: Carrier, server: Carrier, ports: PortRange) -> Outcome:
        """The outcome on the first of some ports, all of which the rules read alike."""
        here, there = client.interface, server.interface
        classes = self._between.client[read_of(here)], self._between.server[read_of(there)]
        key = (*classes, here.subnet == there.subnet, ports.low, ports.protocol)
        found = self._found.get(key)
        if found is None:
            world, view = self._asker.context.world, self._asker.paths.vpc
            hops = vpc_hops(view, world.plane, here, there, ports.low, ports.protocol, world.family)
            found = self._found[key] = combine(hop.outcome for hop in hops)
        return found


def _touched_by_rule(
    asker: Asker, found: Sequence[Carrier], by_group: Mapping[str, Sequence[Carrier]], edit: AddPermission
) -> list[Question]:
    raw = edit.permission
    ports = PortRange(raw["FromPort"], raw["ToPort"], raw["IpProtocol"].upper())
    peer = peer_text(raw)
    others = within(asker.context, found, peer) if "/" in peer else by_group.get(peer, ())
    pieces = _pieces(asker, ports)
    pairs = [(own, other) for own in by_group.get(edit.group_id, ()) for other in others]
    return [(own, o, piece) if edit.egress else (o, own, piece) for own, o in pairs for piece in pieces]


def _touched_by_entry(asker: Asker, found: Sequence[Carrier], edit: AddAclEntry) -> list[Question]:
    """An entry lets connections through on its ports, and replies of connections on any port."""
    protocol = _PROTOCOLS.get(edit.entry["Protocol"], "TCP")
    ports = PortRange(edit.entry["PortRange"]["From"], edit.entry["PortRange"]["To"], protocol)
    block = edit.entry.get("CidrBlock") or edit.entry["Ipv6CidrBlock"]
    own = [item for item in found if _acl_of(asker, item) == edit.network_acl_id]
    others = within(asker.context, found, block)
    there, back = _pieces(asker, ports), _pieces(asker, PortRange(1, 65535, protocol))
    if len(own) * len(others) * (len(there) + len(back)) > _MOST:
        return [(own[0], others[0], ports)] * (_MOST + 1)
    outward, inward = (there, back) if edit.entry["Egress"] else (back, there)
    pairs = [(mine, other) for mine in own for other in others if mine.interface.subnet != other.interface.subnet]
    result: list[Question] = [(mine, other, piece) for mine, other in pairs for piece in outward]
    return result + [(other, mine, piece) for mine, other in pairs for piece in inward]


def _acl_of(asker: Asker, item: Carrier) -> str:
    subnet = item.interface.subnet
    acl = asker.paths.vpc.acl(subnet) if isinstance(subnet, str) else None
    return getattr(acl, "network_acl_id", "")


def _pieces(asker: Asker, ports: PortRange) -> list[PortRange]:
    """A range cut where loaded rules begin or end, so that one port stands for each piece."""
    if ports.low == ports.high:
        return [ports]
    starts = asker.context.representative_ports(ports)
    ends = [*(start - 1 for start in starts[1:]), ports.high]
    return [PortRange(low, high, ports.protocol) for low, high in zip(starts, ends, strict=True)]


def _coarse(edit: AddAclEntry) -> Triple:
    ports = edit.entry["PortRange"]
    block = edit.entry.get("CidrBlock") or edit.entry["Ipv6CidrBlock"]
    here, there = f"the subnets of {edit.network_acl_id}", f"addresses {block}"
    protocol = _PROTOCOLS.get(edit.entry["Protocol"], "TCP")
    sides = (here, there) if edit.entry["Egress"] else (there, here)
    return *sides, PortRange(ports["From"], ports["To"], protocol)


def _joined(parts: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ports that touch or overlap become one range."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(parts):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(high, result[-1][1]))
        else:
            result.append((low, high))
    return result


# --- NetworkPolicies ------------------------------------------------------------------------


def _by_policy(before: Asker, after: Asker, edits: Iterable[Edit]) -> Iterator[Triple]:
    for edit in edits:
        if not isinstance(edit, Put) or edit.kind != NETWORK_POLICIES.name:
            continue
        spec: dict[str, Any] = edit.object["spec"]
        egress = "egress" in spec
        rule = spec["egress" if egress else "ingress"][0]
        port = rule["ports"][0]
        ports = PortRange(port["port"], port.get("endPort", port["port"]), port["protocol"])
        namespace = edit.object["metadata"]["namespace"]
        subjects = selected(after.context.world.workloads, namespace, spec["podSelector"].get("matchLabels", {}))
        for peer in rule["to" if egress else "from"]:
            for subject in subjects:
                if not subject.spec.host_network:
                    yield from _by_peer(before, after, subject, peer, ports, egress=egress)


def _by_peer(
    before: Asker, after: Asker, subject: Workload, peer: dict[str, Any], ports: PortRange, *, egress: bool
) -> Iterator[Triple]:
    world = after.context.world
    if "ipBlock" in peer:
        block = peer["ipBlock"]["cidr"]
        behind = [s for s in world.services.all().values() if s.spec.cluster_ip == block.partition("/")[0]]
        if not behind:
            name = f"pods and nodes in {block}"
            sides = (subject.id, name) if egress else (name, subject.id)
            yield *sides, ports
            return
        others = [workload for service in behind for workload in world.services.selected(service)]
    else:
        namespace = next(iter(peer["namespaceSelector"]["matchLabels"].values()))
        others = selected(world.workloads, namespace, peer["podSelector"].get("matchLabels", {}))
    for other in others:
        client, server = (subject, other) if egress else (other, subject)
        for number in _newly(before, after, client, server, ports):
            high = ports.high if number == ports.low else number
            yield client.id, server.id, PortRange(number, high, ports.protocol)


def _newly(before: Asker, after: Asker, client: Workload, server: Workload, ports: PortRange) -> set[int]:
    """Ports at the server that the change lets the client reach somewhere: by address, and through its Services."""
    context = after.context
    ways: list[tuple[int, Backend | None]] = [(ports.low, None)]
    for service, port in context.world.services.of_workload(server, ports.low, ports.protocol):
        ways.append((ports.low, context.world.services.backend(service, port)))
    result: set[int] = set()
    for here in context.places(client).places:
        for there in context.places(server).places:
            one = End(here.interface, client, client.id)
            other = End(there.interface, server, server.id)
            for same_node in (False, True) if here.node_class.id == there.node_class.id else (False,):
                for number, via in ways:
                    now, was = (
                        asker.paths.connect(one, other, number, ports.protocol, via=via, same_node=same_node).outcome
                        for asker in (after, before)
                    )
                    if _RANK[now] > _RANK[was]:
                        target = number if via is None else service_hop(via, server, same_node=True)[1]
                        result.add(number if target is None else target)
    return result
