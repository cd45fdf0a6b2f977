"""Who reaches whom, by classes of clients: rows are made while they are read, never all at once.

Of 2,000 workloads there are 4 million rows, and few kinds of them. Clients that nothing tells apart share one list of
rows; what a row says of one of them it says of another by the other's name.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import overload

import msgspec

from clusterproof.reach.trace import Hop, Outcome


class Connection(msgspec.Struct, frozen=True):
    """One row.

    Attributes:
        client, client_group: a workload's id and the node group it may be on.
        server, server_group: the workload behind the Service, and where it may be; of a Service without selector the
            address, and whose it is.
        service: ``namespace/name``.
        port: ``2379/TCP``.
        outcome: over all places of the two groups.
        hop: the first hop that does not let it through.
        count: how many cells the row stands for; 0 for nodes that were not read.
    """

    client: str
    client_group: str
    server: str
    server_group: str
    service: str
    port: str
    outcome: Outcome
    hop: Hop | None
    count: int


class Alike(msgspec.Struct, frozen=True):
    """Clients that have the same rows, but for their own names.

    Attributes:
        clients: ids, in the order of rows.
        rows: in order; each says what it says of one client, not always of the same one: see :func:`renamed`.
    """

    clients: tuple[str, ...]
    rows: tuple[Connection, ...]


class Connections(Sequence[Connection]):
    """All rows: a sequence that holds classes of clients, and makes a row when it is read.

    Attributes:
        classes: each client is in one.
    """

    def __init__(self, classes: Iterable[Alike]) -> None:
        self.classes = tuple(classes)

    @classmethod
    def of(cls, rows: Iterable[Connection]) -> Connections:
        """Rows that were made already, each client a class of its own; rows of one client come to stand together."""
        found: dict[str, list[Connection]] = {}
        for row in rows:
            found.setdefault(row.client, []).append(row)
        return cls(Alike((client,), tuple(own)) for client, own in found.items())

    @cached_property
    def clients(self) -> tuple[tuple[str, Alike], ...]:
        """Each client with its class, in the order of rows."""
        found = [(client, alike) for alike in self.classes for client in alike.clients]
        return tuple(sorted(found, key=lambda pair: pair[0]))

    @cached_property
    def _ends(self) -> list[int]:
        return list(accumulate(len(alike.rows) for _, alike in self.clients))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __iter__(self) -> Iterator[Connection]:
        for client, alike in self.clients:
            for row in alike.rows:
                yield renamed(row, client)

    @overload
    def __getitem__(self, at: int) -> Connection: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[Connection, ...]: ...

    def __getitem__(self, at: int | slice) -> Connection | tuple[Connection, ...]:
        if isinstance(at, slice):
            return tuple(self[number] for number in range(*at.indices(len(self))))
        number = range(len(self))[at]
        which = bisect_right(self._ends, number)
        client, alike = self.clients[which]
        return renamed(alike.rows[number - self._ends[which]], client)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment] # a tuple of rows, which it equals, has another

    def __repr__(self) -> str:
        return f"<{len(self)} connections in {len(self.classes)} classes of clients>"


def sayable(hop: Hop | None, asked: str) -> bool:
    """Whether what a hop says of one client is said of another by putting its name at the end, if anywhere."""
    if hop is None or asked not in hop.text:
        return True
    rest = hop.text.removesuffix(f" {asked}")
    return asked not in rest or re.search(rf"{re.escape(asked)}(?![\w.-])", rest) is None


def named_at_end(row: Connection) -> bool:
    """Whether what a row says ends with its client's name: a policy that refuses says whom."""
    return row.hop is not None and row.hop.text.endswith(f" {row.client}")


def renamed(row: Connection, client: str) -> Connection:
    """The row of another client of the class, by its id."""
    hop = row.hop
    if client == row.client:
        return row
    if hop is not None and named_at_end(row):
        hop = Hop(hop.layer, hop.outcome, hop.at, hop.text.removesuffix(row.client) + client, hop.refs, hop.unknown)
    return Connection(
        client,
        row.client_group,
        row.server,
        row.server_group,
        row.service,
        row.port,
        row.outcome,
        hop,
        row.count,
    )
