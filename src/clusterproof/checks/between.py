"""The rows of one client and one port of a Service: asked once for all servers that no rule can tell apart.

Servers that may be in the same places, that the same policies select and that listen on the same port behind a Service
of the same kind get the same rows, but for names. What is said then is retold only where it is known where the names
stand in it; everything else is asked for each server by itself.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import product

from clusterproof.checks.cells import Asker, Question
from clusterproof.checks.clients import Clients
from clusterproof.checks.connection import Connection
from clusterproof.checks.context import Context
from clusterproof.checks.endpoints import party_of
from clusterproof.checks.folded import Folded, Group, groups_of
from clusterproof.checks.matrix import fold_outcomes
from clusterproof.checks.parties import Party, Sides, unread_places
from clusterproof.reach.trace import Hop, Layer, Outcome, unknown_hop
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Unknown
from clusterproof.world.services import Backend, target_port

Rows = tuple[Connection, ...]


class Between:
    """Asks for rows in one context, and remembers what it was told of classes."""

    def __init__(self, context: Context, clients: Clients) -> None:
        self._context = context
        self._clients = clients
        self._asker = Asker(context)
        self._folded = Folded(self._asker, clients.wide)
        self._unread = _unread(context)
        self._parties: dict[int, Party] = {}
        self._servers: dict[tuple[int, str, int, str], Hashable | None] = {}
        self._told: dict[Hashable, Sequence[_Told] | None] = {}

    def rows(self, client: int, token: Hashable | None, backend: Backend, servers: Sequence[Party]) -> Rows:
        """The rows of one client.

        Args:
            client: its number among the workloads.
            token: equal for clients that the servers cannot tell apart; None where nothing is to be shared.
            backend: a Service port.
            servers: what stands behind it.
        """
        asking = self._party(client)
        one = self._as_server(backend, servers) if token is not None else None
        if one is None:
            return tuple(_between(self._asker, asking, backend, servers, self._unread, self._folded))
        server = servers[0]
        key = (token, one, server.text == asking.text)
        if key not in self._told:
            rows = tuple(_between(self._asker, asking, backend, servers, self._unread, self._folded))
            told = [_Told.of(row, backend) for row in rows]
            self._told[key] = None if None in told else [item for item in told if item is not None]
            return rows
        known = self._told[key]
        if known is None:
            return tuple(_between(self._asker, asking, backend, servers, self._unread, self._folded))
        return tuple(item.again(asking.text, server.text, backend.key) for item in known)

    def _party(self, number: int) -> Party:
        found = self._parties.get(number)
        if found is None:
            found = self._parties[number] = party_of(self._context, self._context.world.workloads[number])
        return found

    def _as_server(self, backend: Backend, servers: Sequence[Party]) -> Hashable | None:
        """What any client can read of what stands behind a Service port; None where it stands for itself."""
        spec, port = backend.service.spec, backend.port
        workload = servers[0].workload if len(servers) == 1 else None
        if workload is None or backend.workloads != (workload,) or backend.local or backend.unread is not None:
            return None
        if spec.type not in ("", "ClusterIP") or not spec.selector or servers[0].address is not None:
            return None
        number = self._clients.number(workload)
        key = (number, port.protocol, port.port, f"{port.target_port}{backend.headless}")
        if key not in self._servers:
            read = self._clients.as_server(number)
            lead = (port.port, port.protocol, target_port(port, workload), backend.headless)
            self._servers[key] = None if read is None else (read, *lead)
        return self._servers[key]


class _Told:
    """One row with the names taken out of it.

    Of what is said along with it two kinds are known: a refusal by NetworkPolicies, which names the server and then,
    at its end, the client (reach/networkpolicy/index.py), and what is said of nodes without a name.
    """

    __slots__ = ("_lead", "_middle", "_row")

    def __init__(self, row: Connection, lead: str, middle: str) -> None:
        self._row = row
        self._lead = lead
        self._middle = middle

    @classmethod
    def of(cls, row: Connection, backend: Backend) -> _Told | None:
        """The row without names; None where it is not known where they stand."""
        hop = row.hop
        if hop is None:
            return cls(row, "", "")
        if hop.layer is Layer.POLICY_INGRESS and hop.unknown is None:
            lead, _, rest = hop.text.partition(row.server)
            middle = rest.removesuffix(row.client)
            told = _LEAD.fullmatch(lead) and _MIDDLE.fullmatch(middle) and rest == middle + row.client
            return cls(row, lead, middle) if told else None
        if hop.layer is Layer.NODE and not hop.refs:
            detail = "" if hop.unknown is None else f"{hop.unknown.detail} {hop.unknown.remedy}"
            said = f"{hop.at} {hop.text} {detail}"
            meta = backend.service.metadata
            named = any(name in said for name in (row.server, row.client, meta.name))
            return None if named else cls(row, "", "")
        return None

    def again(self, client: str, server: str, service: str) -> Connection:
        """The row of another client and server."""
        row = self._row
        hop = row.hop
        if hop is not None and self._lead:
            text = f"{self._lead}{server}{self._middle}{client}"
            hop = Hop(hop.layer, hop.outcome, hop.at, text, hop.refs, None)
        return Connection(
            client, row.client_group, server, row.server_group, service, row.port, row.outcome, hop, row.count
        )


_LEAD = re.compile(r"(1 NetworkPolicy selects|\d+ NetworkPolicies select) ")
_MIDDLE = re.compile(r"; none admits \w+ \d+ from ")


def _unread(context: Context) -> dict[str, Unknown]:
    """What may hold pods and was not read: node groups by name, else what is not known, in words."""
    found = dict(context.world.unknown_templates)
    others = [*unread_places(context, Sides(()))]
    missing = context.world.snapshot.missing(kinds.NODES)
    for unknown in (*others, *((missing,) if missing is not None else ())):
        if unknown not in found.values():
            found.setdefault(_OTHER_NODES, unknown)
    return found


_OTHER_NODES = "other nodes"
"""Stands for the node group of nodes of which nothing was read."""


def _between(
    asker: Asker,
    client: Party,
    backend: Backend,
    servers: Sequence[Party],
    unread: Mapping[str, Unknown],
    folds: Folded | None = None,
) -> Iterator[Connection]:
    """The rows of one client and one port of a Service: the cells that a check would fold, by node group.

    Without ``folds`` each cell is asked for by itself.
    """
    question = Question(backend.port.port, backend.port.protocol, backend, by_name=False)
    port = f"{backend.port.port}/{backend.port.protocol}"

    def row(here: str, server: str, there: str, outcome: Outcome, hop: Hop | None, count: int) -> Connection:
        return Connection(client.text, here, server, there, backend.key, port, outcome, hop, count)

    if not servers and backend.unread is not None:
        nowhere = unknown_hop(Layer.SERVICE, f"Service {backend.key}", backend.unread)
        for group in sorted({*(place.node_class.group for place in client.places), *unread}):
            yield row(group, "its endpoints", "not known", Outcome.UNKNOWN, nowhere, 0)
    for server in servers:
        if folds is None:
            folded: Sequence[Group] = groups_of(asker.cells(client, server, question))
        else:
            folded = folds.groups(client, server, question)
        shown = {(cell.client, cell.server) for cell in folded}
        for cell in folded:
            outcome, hop = cell.outcome, cell.hop
            why = unread.get(cell.client) or unread.get(cell.server)
            if why is not None:
                # The group's next nodes are not known: what its nodes of today do is not all that may happen.
                outcome = fold_outcomes((outcome, Outcome.UNKNOWN))
                hop = hop or unknown_hop(Layer.NODE, cell.client if cell.client in unread else cell.server, why)
            yield row(cell.client, server.text, cell.server, outcome, hop, cell.cells)
        if not unread:
            continue
        fixed: Mapping[str, Unknown] = {} if server.workload is None else unread
        here, there = ({place.node_class.group for place in party.places} for party in (client, server))
        for one, other in product(sorted({*here, *unread}), sorted({*there, *fixed})):
            why = unread.get(one) or fixed.get(other)
            if why is not None and (one, other) not in shown:
                hop = unknown_hop(Layer.NODE, one if one in unread else other, why)
                yield row(one, server.text, other, Outcome.UNKNOWN, hop, 0)
