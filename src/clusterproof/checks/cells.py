"""The cells of a reach requirement: each feasible pair of places with what happens between them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.names import Names
from clusterproof.checks.parties import Party
from clusterproof.placement.places import Place
from clusterproof.reach.path import Paths
from clusterproof.reach.trace import Layer, Outcome, Trace, unknown_hop
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.verdict.cells import Pair, forced_together, pairs
from clusterproof.world.readable import OS
from clusterproof.world.services import Backend

_WINDOWS = Unknown(
    Cause.NOT_MODELLED,
    "Windows nodes are not modelled: their source ports differ, and the VPC CNI enforces no NetworkPolicy there",
)


class Cell(msgspec.Struct, frozen=True):
    """A client place and a server place with the trace between them.

    Attributes:
        together: both on one node.
        counts: whether it takes part in the verdict (pairs on one node do only when co-location is forced).
        outcome: of the trace; unknown where it is in doubt whether the place is feasible and it does not work,
            unless nothing works anywhere: then it is blocked, whether the place is feasible or not.
        doubt: why feasibility is in doubt.
    """

    client: Place
    server: Place
    trace: Trace
    outcome: Outcome
    together: bool
    counts: bool
    doubt: Unknown | None = None


class Question(msgspec.Struct, frozen=True):
    """What is asked between two parties: the port, and through which Service, if any.

    ``unread`` is why the Service is not known though the question is by name: a refusal on the way to the pods' own
    port still decides, everything else is then unknown.
    """

    port: int
    protocol: str
    via: Backend | None
    by_name: bool
    unread: Unknown | None = None


class Asker:
    """Asks questions in one context, sharing what was already traced."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.paths = Paths(context.world)
        self.names = Names(context, self.paths)

    def cells(self, client: Party, server: Party, question: Question) -> list[Cell]:
        """All cells of two parties, in the order of their places."""
        found = pairs(self.context.world, client.workload, server.workload, client.places, server.places)
        local = question.via is not None and question.via.service.spec.internal_traffic_policy == "Local"
        if local:
            found = _local(found, server)
        forced = forced_together(found)
        result: list[Cell] = []
        for pair in found:
            for together in (False, True):
                if not (pair.together if together else pair.apart):
                    continue
                trace = self._trace(client, server, pair.client, pair.server, question, same_node=together)
                doubt = pair.client.doubt or pair.server.doubt
                outcome = trace.outcome
                # Under Local, a node where the server may not be has nobody who answers.
                if doubt is not None and (outcome is not Outcome.WORKS or (local and pair.server.doubt is not None)):
                    outcome = Outcome.UNKNOWN
                result.append(Cell(pair.client, pair.server, trace, outcome, together, forced or not together, doubt))
        return _certain(result)

    def _trace(
        self, client: Party, server: Party, here: Place, there: Place, question: Question, *, same_node: bool
    ) -> Trace:
        one, other = client.end(here), server.end(there)
        trace = self.paths.connect(one, other, question.port, question.protocol, via=question.via, same_node=same_node)
        if question.unread is not None:
            return Trace((unknown_hop(Layer.SERVICE, f"the Service of {server.text}", question.unread), *trace.hops))
        if "windows" in (here.node_class.labels.get(OS), there.node_class.labels.get(OS)):
            trace = Trace((*trace.hops, unknown_hop(Layer.DATA_PLANE, "a Windows node", _WINDOWS)))
        if not question.by_name:
            return trace
        return Trace((self.names.hop(one, here), *trace.hops))


def _certain(cells: list[Cell]) -> list[Cell]:
    """Where every cell that counts is refused, doubts about places change nothing: it is refused, or unschedulable."""
    if any(cell.trace.outcome is not Outcome.BLOCKED for cell in cells if cell.counts):
        return cells
    return [msgspec.structs.replace(cell, outcome=cell.trace.outcome) if cell.counts else cell for cell in cells]


def _local(found: list[Pair], server: Party) -> list[Pair]:
    """Under internalTrafficPolicy Local the client's own node answers where the server is on every node it may be on."""
    if not server.everywhere:
        return found
    own = {pair.client.node_class.id for pair in found if pair.together}
    result: list[Pair] = []
    for pair in found:
        if pair.client.node_class.id not in own:
            result.append(pair)
        elif pair.together:
            result.append(Pair(pair.client, pair.server, apart=False, together=True))
    return result


def occurrences(cells: Sequence[Cell], client: Party, server: Party) -> list[list[Outcome]]:
    """What may happen, each as the outcomes of the cells that then occur together (docs/design.md, "The algebra").

    A party that is everywhere puts all its places into one occurrence; otherwise every cell is its own.
    """
    counted = [cell for cell in cells if cell.counts]
    if all(cell.doubt is not None for cell in counted) and any(cell.outcome is not Outcome.BLOCKED for cell in counted):
        # Nothing is certain to be feasible: what works may never occur.
        return [[Outcome.UNKNOWN] for _ in counted]
    if client.everywhere and server.everywhere:
        return [[cell.outcome for cell in counted]] if counted else []
    if not client.everywhere and not server.everywhere:
        return [[cell.outcome] for cell in counted]
    groups: dict[str, list[Outcome]] = {}
    for cell in counted:
        place = cell.server if client.everywhere else cell.client
        groups.setdefault(f"{place.node_class.id} {place.interface.subnet}", []).append(cell.outcome)
    return list(groups.values())
