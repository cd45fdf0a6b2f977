"""How likely a run fails: the scheduler's odds meet the cells.

Odds are an extra: the verdict quantifies over every feasible place. They rest on
what passes by itself (who runs where today, which images are cached), and on
where the server's pods are now.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from clusterproof.checks.cells import Cell
from clusterproof.checks.context import Context
from clusterproof.checks.finding import Odds, RowOdds
from clusterproof.checks.parties import Party
from clusterproof.placement.node import Cluster, node_views
from clusterproof.placement.odds import AfterCaching, after_caching
from clusterproof.placement.odds import Odds as SchedulerOdds
from clusterproof.placement.spread import default_selector
from clusterproof.placement.version import scheduler_version
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import LabelSelector, Pod, PodMetadata
from clusterproof.world.model import Workload

MANY_NODES = 100
"""From so many nodes on, the scheduler samples and the odds hang on hidden state; nobody is scored then."""


def odds_of(context: Context, client: Party, server: Party, cells: Sequence[Cell]) -> Odds:
    """The odds that a run of the client fails, first and once its image is cached."""
    workload = client.workload
    if workload is None:
        return Odds(unknown=Unknown(Cause.NOT_MODELLED, "hosts are not scheduled"))
    if profile := context.world.fargate.of(workload):
        what = f"Fargate profile {profile} takes the pod, and the default scheduler decides nothing"
        return Odds(unknown=Unknown(Cause.NOT_MODELLED, what))
    if (unread := context.world.snapshot.missing(kinds.NODES)) is not None:
        return Odds(unknown=unread)  # where a run lands is a matter of all nodes of today
    failing = _failing(context, server, cells)
    if isinstance(failing, Unknown):
        return Odds(unknown=failing)
    answer = _scheduler(context, workload, client.image_bytes)
    if answer.first.why_not is not None:
        return Odds(unknown=answer.first.why_not)
    if not answer.first.probability:
        return Odds(unknown=Unknown(Cause.NOT_MODELLED, answer.first.message or "no node can take it now"))
    return _combined(context, answer, failing)


def _scheduler(context: Context, workload: Workload, image_bytes: int) -> AfterCaching:
    snapshot = context.world.snapshot
    nodes = snapshot.objects(kinds.NODES)
    views = node_views(nodes, () if len(nodes) >= MANY_NODES else snapshot.objects(kinds.PODS))
    metadata = PodMetadata(name="run", namespace=workload.namespace, labels=workload.labels)
    pod = Pod(metadata, workload.spec)
    images = [c.image for c in (*workload.spec.init_containers, *workload.spec.containers)]
    sizes = dict.fromkeys(images, image_bytes) if image_bytes else {}
    cluster = Cluster(
        tuple(sorted(views, key=lambda view: view.id)), context.world.namespaces, _spread(context, workload)
    )
    version = scheduler_version(context.world.kubernetes_version)
    if isinstance(version, Unknown):
        return AfterCaching(SchedulerOdds(why_not=version), why_not=version)
    return after_caching(pod, cluster, sizes, version=version)


def _failing(context: Context, server: Party, cells: Sequence[Cell]) -> dict[str, Fraction] | Unknown:
    """By client node: the probability that a connection from there fails, given where the server's pods are now."""
    workload = server.workload
    where = [node for node in workload.pod_nodes if node] if workload is not None else []
    if not where:
        return Unknown(Cause.NOT_MODELLED, f"{server.text} has no running pod, so there are no odds of where it is")
    class_of = {node: item.id for item in context.world.classes for node in item.nodes}
    apart: dict[tuple[str, str], list[Outcome]] = {}
    together: dict[str, list[Outcome]] = {}
    now = {class_of.get(node, "") for node in where}
    for cell in cells:
        if all(place.node_class.id not in now for place in cell.servers):
            continue
        for one, other in cell.pairs():
            if other.node_class.id not in now:
                continue
            if cell.together:
                together.setdefault(one.node_class.id, []).append(cell.outcome)
            else:
                apart.setdefault((one.node_class.id, other.node_class.id), []).append(cell.outcome)
    result: dict[str, Fraction] = {}
    hosts = frozenset(where)
    may_run = {place.node_class.id for cell in cells for place in cell.clients}
    for item in context.world.classes:
        if item.id not in may_run:
            continue
        # Nodes of a class differ only where a server's pod is on one of them.
        of_class: Fraction | None = None
        for node in item.nodes:
            if node not in hosts and of_class is not None:
                result[node] = of_class
                continue
            total = Fraction(0)
            for place in where:
                outcomes = (
                    together.get(item.id, []) if place == node else apart.get((item.id, class_of.get(place, "")), [])
                )
                if not outcomes:
                    what = f"a pod of {server.text} is on {place}, where it would not be scheduled together with {node} now"
                    return Unknown(Cause.NOT_MODELLED, what)
                if any(outcome in (Outcome.UNKNOWN, Outcome.VARIES) for outcome in outcomes) or len(set(outcomes)) > 1:
                    what = f"from {node} it varies or is not known, so there are no exact odds"
                    return Unknown(Cause.NOT_MODELLED, what)
                total += Fraction(outcomes[0] is Outcome.BLOCKED)
            result[node] = total / len(where)
            if node not in hosts:
                of_class = result[node]
    return result


def _combined(context: Context, answer: AfterCaching, failing: dict[str, Fraction]) -> Odds:
    group_of = context.world.group_of_node
    first = answer.first.probability
    zero = Fraction(0)
    cached = answer.second if answer.why_not is None and answer.second else None
    rows: list[RowOdds] = []
    for group in sorted({group_of[node] for node in first}):
        members = [node for node in first if group_of[node] == group]
        chance = sum((first[node] for node in members), zero)
        # A group that is outscored is still a place: its nodes then count alike.
        weights = {node: first[node] if chance else Fraction(1) for node in members}
        fails = sum((weights[node] * failing.get(node, zero) for node in members), zero)
        repeats = fails_next = None
        if chance and cached is not None:
            stay = sum((first[n] * p for n in members for m, p in cached[n].items() if group_of[m] == group), zero)
            worse = sum((first[n] * p * failing.get(m, zero) for n in members for m, p in cached[n].items()), zero)
            repeats, fails_next = float(stay / chance), float(worse / chance)
        rows.append(RowOdds(group, float(chance), repeats, float(fails / sum(weights.values())), fails_next))
    fails_first = sum((first[node] * failing.get(node, zero) for node in first), zero)
    fails_cached = None
    if cached is not None:
        fails_cached = float(
            sum((first[n] * p * failing.get(m, zero) for n in first for m, p in cached[n].items()), zero)
        )
    winners = len(answer.first.winners)
    basis = f"a tie among {winners} of {len(answer.first.feasible)} feasible nodes" if winners > 1 else "one best node"
    if answer.why_not is not None:
        basis += f"; after caching not known: {answer.why_not}"
    for caveat in answer.first.caveats:
        basis += f"; {caveat}"
    return Odds(float(fails_first), fails_cached, tuple(rows), basis)


def _spread(context: Context, workload: Workload) -> LabelSelector | None:
    services = [
        service for service in context.world.services.all().values() if service.metadata.namespace == workload.namespace
    ]
    owner = LabelSelector(workload.labels) if workload.kind in ("Deployment", "ReplicaSet", "StatefulSet") else None
    return default_selector(workload.labels, services, owner)
