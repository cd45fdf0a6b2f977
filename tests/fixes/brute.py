"""What a change really opens, by asking every end for every port: the slow way, to check the quick one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clusterproof.checks.context import Context
from clusterproof.checks.mended import Opening
from clusterproof.fixes.ends import label_of
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.service import service_hop
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.kinds import SUBNETS
from clusterproof.world.services import Backend

_RANK = {Outcome.BLOCKED: 0, Outcome.UNKNOWN: 0, Outcome.VARIES: 1, Outcome.WORKS: 2}

Row = tuple[str, str, int, str, str]
"""Client, server, port at the server, protocol, Service."""


Named = tuple[End, frozenset[str], str]
"""An end, the names under which an opening may speak of it, and its node class."""


def ends(context: Context) -> dict[str, Named]:
    """Every end of a cluster by a name."""
    result: dict[str, Named] = {}
    for item in context.world.classes:
        names = {label_of(item.group, item.host.security_groups)}
        result[f"host {item.id}"] = End(item.host), frozenset(names), item.id
    for workload in context.world.workloads:
        for place in context.places(workload).places:
            label = label_of(place.node_class.group, place.interface.security_groups)
            key = f"{workload.id} on {place.node_class.id} in {place.interface.subnet}"
            result[key] = End(place.interface, workload), frozenset({label, workload.id}), place.node_class.id
    return result


def matrix(context: Context, ports: Sequence[tuple[int, str]]) -> dict[Row, Outcome]:
    """Every end to every end on these ports, by address and through every Service, on two nodes and on one."""
    paths = Paths(context.world)
    found = ends(context)
    services = context.world.services
    rows: dict[Row, Outcome] = {}
    for one, (client, _, here) in found.items():
        for other, (server, _, there) in found.items():
            for port, protocol in ports:
                ways: list[tuple[str, Backend | None]] = [("", None)]
                if server.workload is not None:
                    for service, item in services.of_workload(server.workload, port, protocol):
                        ways.append((service.metadata.name, services.backend(service, item)))
                for name, via in ways:
                    for same_node in (False, True) if here == there else (False,):
                        trace = paths.connect(client, server, port, protocol, via=via, same_node=same_node)
                        behind = port if via is None else service_hop(via, server.workload, same_node=True)[1]
                        rows[(one, other, behind or port, protocol, f"{name} {same_node}")] = trace.outcome
    return rows


def uncovered(before: Context, after: Context, opens: Iterable[Opening], ports: Sequence[tuple[int, str]]) -> list[Row]:
    """What lets more through after a change than before it, and stands in none of the openings."""
    old, new = matrix(before, ports), matrix(after, ports)
    found = ends(after)
    opens = list(opens)
    result = []
    for row, outcome in new.items():
        if _RANK[outcome] <= _RANK[old[row]]:
            continue
        one, other, port, protocol, _ = row
        if not any(
            _is(after, opening.client, found[one])
            and _is(after, opening.server, found[other])
            and _holds(opening.port, port, protocol)
            for opening in opens
        ):
            result.append(row)
    return result


def _is(context: Context, text: str, named: Named) -> bool:
    end, names, _ = named
    if text in names:
        return True
    block = text.removeprefix("pods and nodes in ").removeprefix("addresses ")
    subnet = end.interface.subnet
    if block == text or not isinstance(subnet, str):
        return False
    held = context.world.snapshot.get(SUBNETS, subnet)
    return held is not None and bool(AddressSet.of(held.cidr_block) & AddressSet.of(block))


def _holds(text: str, port: int, protocol: str) -> bool:
    span, _, name = text.partition("/")
    low, _, high = span.partition("-")
    return name == protocol and int(low) <= port <= int(high or low)
