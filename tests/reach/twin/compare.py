"""The engine's answers beside the twin's, for one plan."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from clusterproof.checks.connections import connections
from clusterproof.placement.places import Place, places
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.service import NodeDoor
from clusterproof.reach.trace import Outcome, Trace
from clusterproof.world.model import Attachment, Interface
from clusterproof.world.services import Backend
from clusterproof.world.world import World
from tests.checks.ask import ask, reach
from tests.reach.twin.brute import Brute, Party, Said, behind
from tests.reach.twin.build import world_of
from tests.reach.twin.doors import through
from tests.reach.twin.packets import Spot
from tests.reach.twin.plan import QUESTIONS, Behind, Plan, Pods

WAYS = {
    Attachment.HOST: "host",
    Attachment.SECONDARY: "pod",
    Attachment.CUSTOM: "pod",
    Attachment.BRANCH_STRICT: "strict",
    Attachment.BRANCH_STANDARD: "standard",
}


ANY_HOST = Pods("DaemonSet", "kube-system", "any-host", {}, host=True)
"""Stands for the nodes themselves."""


@dataclass
class Tally:
    """What was compared; ``differ`` says each difference in words."""

    cells: int = 0
    rows: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    cautious: int = 0
    """Several layers vary, and no packet happens to pass them all: the engine says varies, not blocked."""
    open: int = 0
    """The documents leave it open, and the engine says so."""
    differ: list[str] = field(default_factory=list)


def compare(plan: Plan, *, cells: int, rows: bool) -> Tally:
    """Judge one plan both ways.

    Args:
        plan: the world.
        cells: how many cells are drawn.
        rows: whether ``connections`` is compared, too.
    """
    return Comparison(plan, world_of(plan)).run(cells, rows=rows)


class Comparison:
    """One plan and the engine's world of it; ``unread``: that world lacks something, so it may say unknown."""

    def __init__(self, plan: Plan, world: World, *, unread: bool = False) -> None:
        self.plan = plan
        self.world = world
        self.brute = Brute(plan)
        self.paths = Paths(world)
        self.tally = Tally()
        self._unread = unread
        self._ends: dict[tuple[str, Spot], End] = {}

    def run(self, cells: int, *, rows: bool) -> Tally:
        """Compare the places of all workloads, some cells, and all rows."""
        for pods in self.brute.workloads:
            self._places(pods)
        if not self.tally.differ:
            draw = random.Random(self.plan.seed)
            for _ in range(cells):
                self._cell(draw)
            for _ in range(cells // 5):
                self._door(draw)
            if rows:
                self._rows()
                self._matrix(draw)
        return self.tally

    def _fault(self, what: str) -> None:
        self.tally.differ.append(f"seed {self.plan.seed}: {what}")

    def _places(self, pods: Pods) -> None:
        workload = self.world.by_id[pods.id]
        engine: dict[Spot, Place] = {}
        for place in places(self.world, workload).places:
            item = place.interface
            if not isinstance(item.subnet, str) or not isinstance(item.node_subnet, str) or place.doubt is not None:
                self._fault(f"{pods.id} at {place.text}: {item} {place.doubt}")
                return
            groups, own = item.security_groups, item.node_security_groups
            assert isinstance(groups, tuple)
            assert isinstance(own, tuple)
            way = WAYS[item.attachment]
            engine[Spot(place.node_class.group, item.subnet, groups, item.node_subnet, own, way)] = place
        twin = set(self.brute.spots(pods))
        if set(engine) != twin:
            self._fault(f"{pods.id} may be at {sorted(map(str, engine))}, the twin says {sorted(map(str, twin))}")
        for spot, place in engine.items():
            self._ends[pods.id, spot] = End(place.interface, workload, pods.id)

    def _end(self, party: Party) -> End:
        if party.pods is not None:
            return self._ends[party.pods.id, party.spot]
        groups, subnet = party.spot.groups, party.spot.subnet
        here = Interface(Attachment.HOST, groups, subnet, groups, subnet)
        return End(here, None, "machine")

    def _cell(self, draw: random.Random) -> None:
        parties = [Party(pods, spot) for pods in self.plan.workloads for spot in self.brute.spots(pods)]
        machine = self.brute.machine()
        client, server = draw.choice(parties), draw.choice(parties)
        if draw.random() < 0.2:
            # Without its address the machine counts as a node, whose ports the VPC CNI's translation changes; which
            # ports a machine that is none sends from: test_examples.py.
            calls = draw.random() < 0.5 and (self.plan.family == 6 or self.plan.on("AWS_VPC_K8S_CNI_EXTERNALSNAT"))
            client, server = (machine, server) if calls else (client, machine)
        port, protocol = draw.choice(QUESTIONS)
        vias = [one for one in self.plan.services if server.pods is not None and behind(one, server.pods)]
        via = draw.choice(vias) if vias and client.pods is not None and draw.random() < 0.4 else None
        if via is not None:
            port, protocol = via.port, via.protocol
        one_node = (client.spot.node_group, client.spot.node_subnet) == (
            server.spot.node_group,
            server.spot.node_subnet,
        )
        same_node = one_node and client.pods is not None and draw.random() < 0.5
        said = self.brute.cell(client, server, port, protocol, via, same_node=same_node)
        trace = self.paths.connect(
            self._end(client),
            self._end(server),
            port,
            protocol,
            via=self._backend(via) if via is not None else None,
            same_node=same_node,
        )
        what = f"{client} -> {server} {port}/{protocol} via {via} same_node={same_node}"
        self._judge(what, said, trace)

    def _door(self, draw: random.Random) -> None:
        """A node port: the client's own node, the server's own, the node of both, or a third one is dialled."""
        parties = [Party(pods, spot) for pods in self.plan.workloads for spot in self.brute.spots(pods)]
        server = draw.choice(parties)
        assert server.pods is not None
        vias = [one for one in self.plan.services if one.outside_local is not None and behind(one, server.pods)]
        client = draw.choice(parties)
        if not vias:
            return
        via = draw.choice(vias)
        node = draw.choice(self.brute.spots(ANY_HOST))
        one, other = (_node(party.spot) == _node(node) and draw.random() < 0.7 for party in (client, server))
        said = through(self.brute, client, server, via, node, with_client=one, with_server=other)
        dialled = End(Interface(Attachment.HOST, node.groups, node.subnet, node.groups, node.subnet), None, "the node")
        trace = self.paths.connect(
            self._end(client),
            self._end(server),
            via.port,
            via.protocol,
            via=NodeDoor(self._backend(via), dialled, with_client=one, with_server=other),
            same_node=one and other,
        )
        what = f"{client} -> {node} with_client={one} with_server={other} -> {server} by the node port of {via}"
        self._judge(what, said, trace, layers=False)

    def _backend(self, via: Behind) -> Backend:
        service = self.world.services.get(f"{via.namespace}/{via.name}")
        assert service is not None
        return self.world.services.backend(service, service.spec.ports[0])

    def _judge(self, what: str, said: Said, trace: Trace, *, layers: bool = True) -> None:
        tally = self.tally
        tally.cells += 1
        tally.outcomes[said.outcome] += 1
        got = str(trace.outcome)
        if self._unread:
            self._sound(what, said, got)
            return
        hops = "\n    ".join(f"{hop.layer}: {hop.outcome}: {hop.text}" for hop in trace.hops)
        if got not in acceptable(said):
            self._fault(f"{what}: {got}, the twin says {said}\n    {hops}")
            return
        varying = sum(hop.outcome is not Outcome.WORKS for hop in trace.hops)
        if got == "varies" and said.outcome == "blocked":
            tally.cautious += 1
            if varying < 2:
                self._fault(f"{what}: varies by one layer, and no packet passes\n    {hops}")
        if said.open:
            tally.open += 1
        told = dict(said.layers)
        if layers and {told.get("route", "works"), told.get("route back", "works")} == {"works"}:
            for layer, outcome in told.items():
                mine = {str(hop.outcome) for hop in trace.hops if hop.layer == layer} or {"works"}
                if not mine <= set(outcome.split(" or ")) and not ("unknown" in mine and said.open):
                    self._fault(f"{what}: {layer} {mine}, the twin says {outcome}\n    {hops}")

    def _sound(self, what: str, said: Said, got: str) -> None:
        """Where something was not read: unknown, or what is true all the same; varies only where not all pass."""
        self.tally.open += got == "unknown"
        known = acceptable(said) | {"unknown"} | ({"varies"} if said.outcome != "works" else set())
        if got not in known:
            self._fault(f"{what}: {got} with a part unread, the twin says {said}")

    def _matrix(self, draw: random.Random) -> None:
        """The matrix of a check by address, and its verdict where neither end is everywhere."""
        client, server = draw.choice(self.plan.workloads), draw.choice(self.plan.workloads)
        port, protocol = draw.choice(QUESTIONS)
        twin: dict[tuple[str, str], list[Said]] = {}
        for here in self.brute.spots(client):
            for there in self.brute.spots(server):
                said = self.brute.cell(Party(client, here), Party(server, there), port, protocol, None, same_node=False)
                twin.setdefault((here.node_group, there.node_group), []).append(said)
        found = ask(self.world.snapshot, reach(client.id, server.id, f"{port}/{protocol}"))
        engine = {} if found.matrix is None else {(c.client, c.server): str(c.outcome) for c in found.matrix.cells}
        self.tally.rows += len(engine)
        what = f"{client.id} -> {server.id} {port}/{protocol}"
        for key in sorted(twin.keys() | engine.keys()):
            if engine.get(key) not in folded(twin.get(key, [])):
                self._fault(f"matrix of {what} at {key}: {engine.get(key)}, the twin says {twin.get(key)}")
        sure = {said.outcome for many in twin.values() for said in many if not said.open}
        if len(sure) == 1 and not any(said.open for many in twin.values() for said in many):
            wanted = {"works": "pass", "blocked": "fail", "varies": "depends"}[next(iter(sure))]
            cautious = wanted == "fail" and found.verdict == "depends" and self._cautious(twin.values())
            if found.verdict != wanted and not cautious:
                self._fault(f"{what}: {found.verdict}, the twin says {wanted}")

    @staticmethod
    def _cautious(found: Iterable[list[Said]]) -> bool:
        return any("varies" in acceptable(said) for many in found for said in many)

    def _rows(self) -> None:
        twin = self.brute.rows()
        engine = {
            (row.client, row.client_group, row.server, row.server_group, row.service): row
            for row in connections(self.world)
        }
        for key in sorted(twin.keys() | engine.keys()):
            self.tally.rows += 1
            if key not in engine or key not in twin:
                self._fault(f"row {key} is {'missing' if key not in engine else f'too much: {engine[key]}'}")
                continue
            row, said = engine[key], twin[key]
            if str(row.outcome) not in folded(said):
                self._fault(f"row {key}: {row.outcome} ({row.hop}), the twin says {said}")


def acceptable(said: Said) -> set[str]:
    """What the engine may say: the truth; varies for a refusal of several layers; unknown where it is open."""
    found = {said.outcome}
    if said.outcome == "blocked" and sum("varies" in outcome for _, outcome in said.layers) > 1:
        found.add("varies")
    if said.open:
        found.add("unknown")
    return found


def folded(said: list[Said]) -> set[str]:
    """What a free choice among cells may come to."""
    if not said:
        return set()
    sets = [acceptable(one) for one in said]
    every = set().union(*sets)
    if every in ({"works"}, {"blocked"}, {"unknown"}):
        return every
    found = {"varies"} if every & {"blocked", "varies"} else {"unknown"}
    if all("blocked" in one for one in sets):
        found.add("blocked")
    if "unknown" in every:
        found |= {"unknown"}
    return found


def _node(spot: Spot) -> tuple[str, str]:
    return spot.node_group, spot.node_subnet
