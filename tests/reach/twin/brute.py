"""Cells and rows by brute force: every packet of a connection through every layer, and what they come to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.reach.twin.packets import Network, Spot
from tests.reach.twin.plan import PEER_SUBNET, ZONES, Behind, Plan, Pods
from tests.reach.twin.rulings import Answer, Asked, Rulings, Seen

MACHINE = "a machine in the peered VPC"


@dataclass(frozen=True)
class Party:
    """One end at one spot; without pods it is the machine in the peered VPC."""

    pods: Pods | None
    spot: Spot


@dataclass(frozen=True)
class Said:
    """What all packets come to: works, blocked, varies or unknown; ``open``: the documents leave some packet open."""

    outcome: str
    open: bool = False
    layers: tuple[tuple[str, str], ...] = ()


class Brute:
    """The answers to one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.network = Network(plan)
        self.rulings = Rulings(plan)
        system = [Pods("DaemonSet", "kube-system", "aws-node", {}, host=True)]
        if plan.engine.startswith("calico"):
            system.append(Pods("DaemonSet", "kube-system", "calico-node", {}, host=True))
        self.workloads = [*system, *plan.workloads]

    # --- where pods may be ---------------------------------------------------------------

    def spots(self, pods: Pods) -> list[Spot]:
        """Every interface that a pod of a workload may get (rules 4.2, 5.1 to 5.5)."""
        found: list[Spot] = []
        for item in self.plan.node_groups:
            if pods.group not in ("", item.name):
                continue
            own = item.groups or ("sg-cluster",)
            for node in item.subnets:
                found += [
                    Spot(item.name, subnet, groups, node, own, way)
                    for subnet, groups, way in self._interfaces(pods, node, own)
                ]
        return found

    def _interfaces(self, pods: Pods, node: str, own: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...], str]]:
        plan = self.plan
        if pods.host:
            yield node, own, "host"
            return
        subnet, groups = plan.eni_configs.get(ZONES[node], (node, own))
        chosen: set[str] = set()
        for namespace, labels, more in plan.pod_groups:
            if namespace == pods.namespace and labels.items() <= pods.labels.items():
                chosen.update(more)
        if chosen:
            yield subnet, tuple(sorted(chosen)), plan.env["POD_SECURITY_GROUP_ENFORCING_MODE"]
            return
        yield subnet, groups or own, "pod"
        if not plan.eni_configs:
            for other in plan.discovered:
                if ZONES[other] == ZONES[node]:
                    yield other, own, "pod"

    def machine(self) -> Party:
        """The machine in the peered VPC."""
        groups = self.plan.peer[1]
        return Party(None, Spot(MACHINE, PEER_SUBNET, groups, PEER_SUBNET, groups, "machine"))

    # --- one cell -------------------------------------------------------------------------

    def cell(
        self, client: Party, server: Party, port: int, protocol: str, via: Behind | None, *, same_node: bool
    ) -> Said:
        """What all packets between two ends come to."""
        number: int | None = port
        if via is not None:
            number = target_of(via, server.pods)
            if number is None or (via.local and not via.headless and not same_node):
                return Said("blocked")
        assert number is not None
        one_workload = client.pods is not None and client.pods == server.pods
        itself = same_node and one_workload and client.pods is not None and client.pods.alone
        asked = Asked(number, protocol, via, same_node, itself)
        answers: list[Answer] = []
        layers: dict[str, set[Answer]] = {}
        crosses = not same_node or "strict" in (client.spot.way, server.spot.way)
        known: dict[tuple[str, str], tuple[Answer, Answer]] = {}
        for source, target, packet in self.network.sent(client.spot, server.spot, number, protocol):
            pair = (source, target)
            if pair not in known:
                here, there = Seen(client.pods, source), Seen(server.pods, target)
                known[pair] = (
                    self.rulings.passes("egress", here, there, asked),
                    self.rulings.passes("ingress", there, here, asked),
                )
            said: dict[str, Answer] = {"policy egress": known[pair][0], "policy ingress": known[pair][1]}
            if crosses:
                said |= self.network.layers(packet)
            for layer, answer in said.items():
                layers.setdefault(layer, set()).add(answer)
            answers.append(False if False in said.values() else None if None in said.values() else True)
        told = tuple((layer, of_layer(found)) for layer, found in layers.items())
        return Said(come_to(answers), None in answers, told)

    # --- rows -----------------------------------------------------------------------------

    def rows(self) -> dict[tuple[str, str, str, str, str], list[Said]]:
        """By client, its group, server, its group and Service: what every pair of spots on two nodes comes to."""
        found: dict[tuple[str, str, str, str, str], list[Said]] = {}
        for via in self.plan.services:
            servers = [pods for pods in self.workloads if behind(via, pods)]
            for client in self.workloads:
                for server in servers:
                    for here, there, same_node in self._pairs(client, server, servers, via):
                        said = self.cell(
                            Party(client, here), Party(server, there), via.port, via.protocol, via, same_node=same_node
                        )
                        key = (client.id, here.node_group, server.id, there.node_group, f"{via.namespace}/{via.name}")
                        found.setdefault(key, []).append(said)
        return found

    def _pairs(
        self, client: Pods, server: Pods, servers: Iterable[Pods], via: Behind
    ) -> Iterator[tuple[Spot, Spot, bool]]:
        """Two nodes each; under Local one node where each node of the client's has an endpoint (rule 6.4)."""
        local = via.local and not via.headless
        everywhere = {spot.node_group for pods in servers if pods.kind == "DaemonSet" for spot in self.spots(pods)}
        for here in self.spots(client):
            for there in self.spots(server):
                one = (here.node_group, here.node_subnet) == (there.node_group, there.node_subnet)
                if not local or here.node_group not in everywhere:
                    yield here, there, False
                elif one:
                    yield here, there, True


def behind(via: Behind, pods: Pods) -> bool:
    """Whether a Service selects a workload's pods."""
    return via.namespace == pods.namespace and via.selector.items() <= {"app": pods.name, **pods.labels}.items()


def target_of(via: Behind, pods: Pods | None) -> int | None:
    """Rules 6.2 and 6.7: headless names translate nothing; a name is looked up on the pod."""
    if pods is None:
        return None
    if isinstance(via.target, int):
        return via.port if via.headless else via.target
    for name, port, protocol in pods.ports:
        if (name, protocol) == (via.target, via.protocol):
            return via.port if via.headless else port
    return None


def of_layer(answers: set[Answer]) -> str:
    """A layer that is open for some packets and refuses others may be called either."""
    return "varies or unknown" if {None, False} <= answers else come_to(answers)


def come_to(answers: Iterable[Answer]) -> str:
    """The outcome of all packets of a connection."""
    seen = set(answers)
    if seen == {True}:
        return "works"
    if seen == {False}:
        return "blocked"
    return "varies" if False in seen else "unknown"
