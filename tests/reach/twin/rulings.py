"""What the policies say of one packet, written from the reference's sections 7 and 8.

``None`` is an answer that the documents leave open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby, permutations
from typing import Any

from tests.reach.twin.packets import inside
from tests.reach.twin.plan import Behind, Plan, Pods, Raw

Answer = bool | None


@dataclass(frozen=True)
class Seen:
    """One end of a packet, as policies see it: a pod, a node, or a bare address."""

    pods: Pods | None
    address: str
    node: bool = False

    @property
    def is_pod(self) -> bool:
        """With an address of its own."""
        return self.pods is not None and not self.pods.host


@dataclass(frozen=True)
class Asked:
    """How a packet was sent: port and protocol at the server, through which Service, and how the two ends lie."""

    port: int
    protocol: str
    via: Behind | None = None
    same_node: bool = False
    itself: bool = False


class Rulings:
    """The policies of a plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan

    def passes(self, direction: str, subject: Seen, other: Seen, asked: Asked) -> Answer:
        """What the policies that select one end say of a packet."""
        if not self.plan.engine or subject.pods is None or subject.pods.host:
            return True
        dialled = asked.via is not None and not asked.via.headless
        if asked.itself and not dialled:
            return True
        own_node = asked.same_node and (other.node or (other.pods is not None and other.pods.host))
        softer: Answer = False
        unnamed = self._unnamed(subject)
        if own_node:
            # Not all versions of the agent spare a pod's own node in strict mode.
            if not unnamed and (direction == "ingress" or (self.plan.engine == "aws" and not dialled)):
                return True
            softer = None
        if asked.itself:
            softer = None
        return self._tiers(direction, subject, other, asked, softer)

    def _tiers(self, direction: str, subject: Seen, other: Seen, asked: Asked, softer: Answer) -> Answer:
        """Admin, NetworkPolicy, Baseline, allowed (rules 8.1 to 8.4)."""
        found = {self._admin("Admin", order, direction, subject, other, asked) for order in self._orders("Admin")}
        ends: set[Answer] = set()
        for one in found:
            if one in ("Allow", "Accept"):
                ends |= {True}
            elif one == "Deny":
                ends |= {False}
            else:
                ends |= self._below(direction, subject, other, asked, softer)
        return ends.pop() if len(ends) == 1 else None

    def _below(self, direction: str, subject: Seen, other: Seen, asked: Asked, softer: Answer) -> set[Answer]:
        isolating = self._isolating(direction, subject)
        if isolating:
            rules = [(raw, rule) for raw in isolating for rule in raw["spec"].get(direction, ())]
            if not any(self._admits(raw, rule, direction, subject, other, asked) for raw, rule in rules):
                return {softer}
            return {None if self._shadowed(rules, direction, subject, other, asked) else True}
        if self._unnamed(subject):
            return {softer}
        said = {self._admin("Baseline", order, direction, subject, other, asked) for order in self._orders("Baseline")}
        return {one != "Deny" for one in said}

    def _unnamed(self, subject: Seen) -> bool:
        """Strict enforcing mode refuses pods everything that no policy selects (rule 7.9)."""
        strict = self.plan.env.get("NETWORK_POLICY_ENFORCING_MODE") == "strict"
        return strict and not any(self._isolating(way, subject) for way in ("ingress", "egress"))

    # --- NetworkPolicy ---------------------------------------------------------------------

    def _isolating(self, direction: str, subject: Seen) -> list[Raw]:
        pods = subject.pods
        assert pods is not None
        found = []
        for raw in self.plan.policies:
            spec = raw["spec"]
            ways = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
            if direction.capitalize() not in ways or raw["metadata"]["namespace"] != pods.namespace:
                continue
            if selects(spec["podSelector"], self._labels(pods)):
                found.append(raw)
        return found

    def _shadowed(self, rules: list[tuple[Raw, Raw]], direction: str, subject: Seen, other: Seen, asked: Asked) -> bool:
        """Whether the VPC CNI may lose the address to an exception of another rule: a selector's entry it keeps."""
        if self.plan.engine != "aws":
            return False
        dialled = direction == "egress" and asked.via is not None and not asked.via.headless
        address = asked.via.address if dialled and asked.via is not None else other.address
        way = "from" if direction == "ingress" else "to"
        excepted = [
            cidr
            for _, rule in rules
            for peer in rule.get(way) or ()
            for cidr in peer.get("ipBlock", {}).get("except", ())
        ]
        if not any(inside(address, cidr) for cidr in excepted):
            return False
        for raw, rule in rules:
            chosen = [peer for peer in rule.get(way) or () if "ipBlock" not in peer]
            if chosen and self._admits(raw, {**rule, way: chosen}, direction, subject, other, asked):
                return False
        return True

    def _labels(self, pods: Pods) -> dict[str, str]:
        return {"app": pods.name, **pods.labels}

    def _space(self, namespace: str) -> dict[str, str]:
        return {"kubernetes.io/metadata.name": namespace, **self.plan.namespaces[namespace]}

    def _admits(self, raw: Raw, rule: Raw, direction: str, subject: Seen, other: Seen, asked: Asked) -> bool:
        """Peers are alternatives, ports are alternatives, no peers and no ports mean all (rule 7.2)."""
        home = raw["metadata"]["namespace"]
        peers = rule.get("from" if direction == "ingress" else "to") or [None]
        before = self.plan.engine == "aws" and direction == "egress" and asked.via is not None
        if before and asked.via is not None and not asked.via.headless:
            return any(self._cluster_address(home, peer, rule, asked, asked.via) for peer in peers)
        server = subject if direction == "ingress" else other
        for peer in peers:
            by_address = peer is None or "ipBlock" in peer
            # Named ports of what the VPC CNI knows by address only are dropped on egress (rule 7.4).
            nameless = self.plan.engine == "aws" and direction == "egress" and by_address
            if not _on_port(rule, asked, None if nameless else server):
                continue
            if peer is None or self._is_peer(home, peer, other):
                return True
        return False

    def _is_peer(self, home: str, peer: Raw, other: Seen) -> bool:
        """By address blocks hold pods and nodes, too; selectors never hold host-network pods (rules 7.6, 7.7)."""
        if "ipBlock" in peer:
            block = peer["ipBlock"]
            return inside(other.address, block["cidr"]) and not any(
                inside(other.address, cidr) for cidr in block.get("except", ())
            )
        if other.pods is None or other.pods.host:
            return False
        return self._selected(home, peer, other.pods.namespace, self._labels(other.pods))

    def _selected(self, home: str, peer: Raw, namespace: str, labels: Mapping[str, str]) -> bool:
        if "namespaceSelector" in peer:
            if not selects(peer["namespaceSelector"], self._space(namespace)):
                return False
        elif namespace != home:
            return False
        return selects(peer.get("podSelector", {}), labels)

    def _cluster_address(self, home: str, peer: Raw | None, rule: Raw, asked: Asked, via: Behind) -> bool:
        """Rule 7.9: the hook stands before the translation, and knows Services by their selectors."""
        entries = [one for one in rule.get("ports", ()) if one.get("protocol", "TCP") == asked.protocol]
        if rule.get("ports") and not any(one.get("port", via.port) == via.port for one in entries):
            return False
        if peer is None:
            return True
        if "ipBlock" in peer:
            return inside(via.address, peer["ipBlock"]["cidr"]) and not any(
                inside(via.address, cidr) for cidr in peer["ipBlock"].get("except", ())
            )
        return self._selected(home, peer, via.namespace, via.selector)

    # --- cluster-wide policies --------------------------------------------------------------

    def _orders(self, tier: str) -> list[tuple[Raw, ...]]:
        """Every order in which policies of a tier may be asked: equal priorities leave it open (rule 8.6)."""
        mine = [raw for kind, raw in self.plan.admin if _tier(kind, raw) == tier]
        orders: list[tuple[Raw, ...]] = [()]
        for _, group in groupby(sorted(mine, key=_priority), key=_priority):
            members = list(group)
            orders = [(*order, *more) for order in orders for more in permutations(members)]
        return orders

    def _admin(self, tier: str, order: Iterable[Raw], direction: str, subject: Seen, other: Seen, asked: Asked) -> str:
        """The first rule that matches decides the tier, Pass leaves it (rules 8.2, 8.3, 8.5)."""
        assert tier in ("Admin", "Baseline")
        assert subject.pods is not None
        for raw in order:
            spec = raw["spec"]
            if not self._chosen(spec["subject"], subject.pods):
                continue
            for rule in spec.get(direction, ()):
                peers = rule["from" if direction == "ingress" else "to"]
                if any(self._is_admin_peer(peer, other) for peer in peers) and _on_admin_port(rule, asked):
                    return str(rule["action"])
        return "none"

    def _chosen(self, choice: Raw, pods: Pods) -> bool:
        if "namespaces" in choice:
            return selects(choice["namespaces"], self._space(pods.namespace))
        inner = choice["pods"]
        return selects(inner["namespaceSelector"], self._space(pods.namespace)) and selects(
            inner["podSelector"], self._labels(pods)
        )

    def _is_admin_peer(self, peer: Raw, other: Seen) -> bool:
        if "networks" in peer:
            return any(inside(other.address, cidr) for cidr in peer["networks"])
        return other.is_pod and other.pods is not None and self._chosen(peer, other.pods)


def _tier(kind: str, raw: Raw) -> str:
    if kind == "clusternetworkpolicies":
        return str(raw["spec"]["tier"])
    return {"adminnetworkpolicies": "Admin", "baselineadminnetworkpolicies": "Baseline"}[kind]


def _priority(raw: Raw) -> int:
    return int(raw["spec"].get("priority", 0))


def selects(selector: Raw, labels: Mapping[str, str]) -> bool:
    """NotIn and DoesNotExist hold where the key is absent (rule 7.3)."""
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    for one in selector.get("matchExpressions", ()):
        there, value = one["key"] in labels, labels.get(one["key"])
        answers: dict[str, Any] = {
            "In": there and value in one.get("values", ()),
            "NotIn": not there or value not in one.get("values", ()),
            "Exists": there,
            "DoesNotExist": not there,
        }
        if not answers[one["operator"]]:
            return False
    return True


def _on_port(rule: Raw, asked: Asked, server: Seen | None) -> bool:
    """Numbers, ranges, and names of the destination pod's containers (rules 7.4, 7.5)."""
    entries = rule.get("ports")
    if not entries:
        return True
    for one in entries:
        protocol = one.get("protocol", "TCP")
        if protocol != asked.protocol:
            continue
        port = one.get("port")
        if port is None:
            return True
        if isinstance(port, int):
            if port <= asked.port <= one.get("endPort", port):
                return True
        elif server is not None and server.pods is not None and (port, asked.port, protocol) in server.pods.ports:
            return True
    return False


def _on_admin_port(rule: Raw, asked: Asked) -> bool:
    """v1alpha1's ``ports`` and v1alpha2's ``protocols`` (rule 8.9)."""
    found = []
    for one in rule.get("ports", ()):
        number, span = one.get("portNumber"), one.get("portRange")
        found.append(
            (number["protocol"], number["port"], number["port"])
            if number
            else (span["protocol"], span["start"], span["end"])
        )
    for one in rule.get("protocols", ()):
        ((word, content),) = one.items()
        wanted = content["destinationPort"]
        low, high = (
            (wanted["number"], wanted["number"])
            if "number" in wanted
            else (wanted["range"]["start"], wanted["range"]["end"])
        )
        found.append((word.upper(), low, high))
    return not found or any(protocol == asked.protocol and low <= asked.port <= high for protocol, low, high in found)
