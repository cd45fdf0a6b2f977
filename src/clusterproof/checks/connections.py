"""Connections: what reaches which Service, class by class, and what a change newly opens.

A row is (client workload, client group) × (Service port, server group) and
stands for every pod of the workload there. Clients are judged in classes:
workloads that may be in the same places and that no NetworkPolicy can tell
apart are asked about once. The question is by address: whether the client can
resolve the Service's name is DNS's, which ``why`` asks too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from clusterproof.checks.matrix import fold_outcomes
from clusterproof.placement.places import Place, Places, places
from clusterproof.reach.ends import End
from clusterproof.reach.path import Paths
from clusterproof.reach.trace import Hop, Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kubernetes import LabelSelector
from clusterproof.verdict.cells import pairs
from clusterproof.world.model import Workload
from clusterproof.world.services import Backend
from clusterproof.world.world import World


class Connection(msgspec.Struct, frozen=True):
    """One row.

    Attributes:
        client, client_group: a workload's id and the node group it may be on.
        server, server_group: the workload behind the Service, and where it may be.
        service: ``namespace/name``.
        port: ``2379/TCP``.
        outcome: over all places of the two groups.
        hop: the first hop that does not let it through.
        count: how many cells the row stands for.
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


def connections(world: World) -> tuple[Connection, ...]:
    """All rows, sorted by client, Service and port."""
    return tuple(sorted(_rows(world), key=_key))


def _rows(world: World) -> Iterator[Connection]:
    paths = Paths(world)
    where: dict[str, Places] = {workload.id: places(world, workload) for workload in world.workloads}
    targets = list(_targets(world))
    for members in client_classes(world, where):
        for backend, server in targets:
            for row in _between(world, paths, members[0], server, backend, where):
                yield from (msgspec.structs.replace(row, client=member.id) for member in members)


def client_classes(world: World, where: Mapping[str, Places]) -> list[list[Workload]]:
    """Workloads that no loaded rule can tell apart as clients, each class sorted by id.

    The key is where they may be, on which interface, and what selectors of
    NetworkPolicies can read of them: their labels under the keys that some
    selector names, and their namespace where policies stand in it or its labels
    are read.
    """
    reader = _PolicyReader(world)
    found: dict[object, list[Workload]] = {}
    for workload in world.workloads:
        places_key = tuple(
            (place.node_class.id, place.interface.security_groups, place.interface.subnet, place.interface.attachment)
            for place in where[workload.id].places
        )
        affinity = workload.spec.affinity
        # Required affinity between pods decides which pairs are feasible: such workloads stand alone.
        own = workload.id if affinity is not None and (affinity.pod_affinity or affinity.pod_anti_affinity) else ""
        key = (places_key, workload.spec.host_network, workload.kind == "Pod", own, reader.key(workload))
        found.setdefault(key, []).append(workload)
    return list(found.values())


class _PolicyReader:
    """What the NetworkPolicies of a world can read of a pod."""

    def __init__(self, world: World) -> None:
        self._world = world
        policies = world.snapshot.objects(kinds.NETWORK_POLICIES) if world.plane.policies is not False else ()
        self._spaces = {policy.metadata.namespace for policy in policies}
        self._pod_keys: set[str] = set()
        self._space_keys: set[str] = set()
        self._affine = False
        for workload in world.workloads:
            affinity = workload.spec.affinity
            for side in (affinity.pod_affinity, affinity.pod_anti_affinity) if affinity is not None else ():
                for term in side.required if side is not None else ():
                    # A server that must (not) be near a client makes clients differ, too.
                    self._affine = True
                    self._read(term.label_selector, self._pod_keys)
        for policy in policies:
            self._read(policy.spec.pod_selector, self._pod_keys)
            peers = [peer for rule in policy.spec.ingress for peer in rule.from_]
            peers += [peer for rule in policy.spec.egress for peer in rule.to]
            for peer in peers:
                self._read(peer.pod_selector, self._pod_keys)
                self._read(peer.namespace_selector, self._space_keys)

    @staticmethod
    def _read(selector: LabelSelector | None, keys: set[str]) -> None:
        if selector is not None:
            keys.update(selector.match_labels)
            keys.update(item.key for item in selector.match_expressions)

    def key(self, workload: Workload) -> tuple[object, ...]:
        """The readable part of a workload's labels and of its namespace's."""
        if not self._spaces and not self._affine:
            return ()
        namespace = workload.namespace
        space = {"kubernetes.io/metadata.name": namespace, **self._world.namespaces.get(namespace, {})}
        return (
            namespace if self._affine or namespace in self._spaces else "",
            tuple(sorted((key, space[key]) for key in self._space_keys if key in space)),
            tuple(sorted((key, workload.labels[key]) for key in self._pod_keys if key in workload.labels)),
        )


def _targets(world: World) -> Iterator[tuple[Backend, Workload]]:
    services = world.services
    for key in sorted(services.all()):
        service = services.all()[key]
        for port in service.spec.ports:
            backend = services.backend(service, port)
            for workload in backend.workloads:
                yield backend, workload


def _between(
    world: World, paths: Paths, client: Workload, server: Workload, backend: Backend, where: dict[str, Places]
) -> Iterator[Connection]:
    groups: dict[tuple[str, str], list[tuple[Outcome, Hop | None]]] = {}
    for pair in pairs(world, client, server, where[client.id].places, where[server.id].places):
        if not pair.apart:
            continue
        trace = paths.connect(
            _end(client, pair.client),
            _end(server, pair.server),
            backend.port.port,
            backend.port.protocol,
            via=backend,
        )
        token = (pair.client.node_class.group, pair.server.node_class.group)
        groups.setdefault(token, []).append((trace.outcome, trace.first_blocking))
    meta = backend.service.metadata
    for (client_group, server_group), found in sorted(groups.items()):
        yield Connection(
            client.id,
            client_group,
            server.id,
            server_group,
            f"{meta.namespace}/{meta.name}",
            f"{backend.port.port}/{backend.port.protocol}",
            fold_outcomes(outcome for outcome, _ in found),
            next((hop for outcome, hop in found if outcome is not Outcome.WORKS), None),
            len(found),
        )


def _end(workload: Workload, place: Place) -> End:
    return End(place.interface, workload, f"{workload.id} on {place.node_class.group}")


def newly_open(before: Iterable[Connection], after: Iterable[Connection]) -> tuple[Connection, ...]:
    """Rows that let more through after a change than before it."""
    old = {_key(row): row.outcome for row in before}
    return tuple(
        row
        for row in after
        if row.outcome in (Outcome.WORKS, Outcome.VARIES)
        and old.get(_key(row)) is not row.outcome
        and old.get(_key(row)) is not Outcome.WORKS
    )


def _key(row: Connection) -> tuple[str, ...]:
    return row.client, row.client_group, row.server, row.server_group, row.service, row.port
