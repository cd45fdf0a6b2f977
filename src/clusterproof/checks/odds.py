"""How likely a run fails: the scheduler's odds meet the cells.

Odds are an extra: the verdict quantifies over every feasible place. They rest on
what passes by itself (who runs where today, which images are cached), and on
where the server's pods are now.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

import msgspec

from clusterproof.checks.cells import Cell
from clusterproof.checks.context import Context
from clusterproof.checks.finding import CopiesOdds, Odds, OddsBounds, RowOdds, SeriesOdds
from clusterproof.checks.parties import Party
from clusterproof.checks.today import WHICH_IS_NEXT, cluster_today, image_sizes, next_pods, unread_spread
from clusterproof.placement.node import Cluster
from clusterproof.placement.odds import AfterCaching, Field, after_first, field_of, no_field, nodes_to_find
from clusterproof.placement.repeats import Repeats, series
from clusterproof.placement.replicas import replica_odds
from clusterproof.placement.sampling import Looked, fails_of, look
from clusterproof.placement.version import SchedulerVersion, scheduler_version
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Pod
from clusterproof.world.model import Workload

MANY_NODES = 1000
"""From so many nodes on pods are read whole only for a client that few nodes may hold; else nobody is scored."""
RUNS = 10
"""How many runs a series has."""
_SCORED = 6_000
"""How many nodes are scored for the copies of one client before that is given up: it has to stay cheap here."""


class _Asked(msgspec.Struct, frozen=True):
    """What the scheduler is asked: a pod of the client in the cluster of today; ``whole`` with the pods there.

    What its volumes ask, where they are and what a node can still attach, is read from the cluster's storage.
    """

    pod: Pod
    cluster: Cluster
    sizes: dict[str, int]
    version: SchedulerVersion
    whole: bool


def odds_of(context: Context, client: Party, server: Party, cells: Sequence[Cell]) -> Odds:
    """The odds that a run of the client fails, first and once its image is cached."""
    workload = client.workload
    if workload is None:
        return Odds(unknown=Unknown(Cause.NOT_MODELLED, "hosts are not scheduled"))
    if profile := context.world.fargate.of(workload):
        what = f"Fargate profile {profile} takes the pod, and the default scheduler decides nothing"
        return Odds(unknown=Unknown(Cause.NOT_MODELLED, what))
    snapshot = context.world.snapshot
    # Where a run lands is a matter of all nodes and pods of today.
    if (unread := snapshot.missing(kinds.NODES) or snapshot.missing(kinds.PODS)) is not None:
        return Odds(unknown=unread)
    failing = _failing(context, server, cells)
    if isinstance(failing, Unknown):
        return Odds(unknown=failing)
    asked, field = _asked_once(context, workload, client, cells)
    if isinstance(asked, Unknown):
        return Odds(unknown=asked)
    answer = after_first(asked.pod, field, asked.sizes)
    if answer.first.why_not is not None:
        return Odds(unknown=answer.first.why_not, bounds=_bounds(context, answer, asked, failing))
    if not answer.first.probability:
        return Odds(unknown=Unknown(Cause.NOT_MODELLED, answer.first.message or "no node can take it now"))
    found = _combined(context, answer, failing)
    if answer.why_not is None:
        found = _with_series(found, series(asked.pod, field, asked.sizes, failing, runs=RUNS))
    return msgspec.structs.replace(found, copies=_copies(context, workload, asked, failing))


def _asked_once(
    context: Context, workload: Workload, client: Party, cells: Sequence[Cell]
) -> tuple[_Asked | Unknown, Field]:
    """What the scheduler is asked of a client and what it answers: the same whomever the client has to reach."""
    possible = frozenset(node for cell in cells for place in cell.clients for node in place.node_class.nodes)
    key = ("odds", workload.id, client.image_bytes, possible)
    if key not in context.world.ground.memo:
        context.world.ground.memo[key] = _ask(context, workload, client, len(possible))
    found: tuple[_Asked | Unknown, Field] = context.world.ground.memo[key]
    return found


def _ask(context: Context, workload: Workload, client: Party, possible: int) -> tuple[_Asked | Unknown, Field]:
    asked = _asked(context, workload, client, possible)
    if isinstance(asked, Unknown):
        return asked, no_field(asked)
    field = field_of(asked.pod, asked.cluster, (), asked.version)
    if not asked.whole and field.odds.why_not is None:
        # Fewer nodes are left than a start would hide (cordons): then pods count after all.
        asked = msgspec.structs.replace(asked, cluster=cluster_today(context.world, workload), whole=True)
        field = field_of(asked.pod, asked.cluster, (), asked.version)
    return asked, field


def _asked(context: Context, workload: Workload, client: Party, possible: int) -> _Asked | Unknown:
    if (unplaced := workload.unplaced) is not None:
        return unplaced
    version = scheduler_version(context.world.exact_version)
    if isinstance(version, Unknown):
        return version
    if (unread := unread_spread(context.world, workload)) is not None:
        return unread
    choices = next_pods(context.world, workload)
    if len(choices) > 1:
        return WHICH_IS_NEXT
    nodes = len(context.world.snapshot.objects(kinds.NODES))
    whole = nodes < MANY_NODES or possible <= nodes_to_find(nodes)
    sizes = image_sizes(workload, client.image_bytes)
    cluster = cluster_today(context.world, workload, pods=whole)
    return _Asked(choices[0][0], cluster, sizes, version, whole)


def _bounds(
    context: Context, answer: AfterCaching, asked: _Asked, failing: Mapping[str, Fraction]
) -> OddsBounds | None:
    """What is certain of a client of which the scheduler does not look at every feasible node."""
    if not asked.whole or len(answer.first.feasible) <= nodes_to_find(len(asked.cluster.nodes)):
        return None
    key = ("bounds", id(asked))
    if key not in context.world.ground.memo:  # beside the question itself, which the memo keeps alive
        context.world.ground.memo[key] = look(asked.pod, asked.cluster, version=asked.version)
    looked: Looked = context.world.ground.memo[key]
    if looked.why_not is not None or not looked.totals:
        return None
    fails = fails_of(looked, failing)
    least, most, even = (float(share) for share in (fails.least, fails.most, fails.if_even))
    return OddsBounds(least, most, even, looked.scanned, len(looked.feasible))


def _with_series(found: Odds, runs: Repeats) -> Odds:
    if runs.why_not is not None:
        return found
    told = SeriesOdds(
        RUNS,
        tuple(map(float, runs.fails)),
        float(runs.expected),
        runs.after_success,
        runs.after_failure,
        None if runs.next_after_success is None else float(runs.next_after_success),
        None if runs.next_after_failure is None else float(runs.next_after_failure),
    )
    return msgspec.structs.replace(found, image=runs.image, series=told)


def _copies(context: Context, workload: Workload, asked: _Asked, failing: Mapping[str, Fraction]) -> CopiesOdds | None:
    """All copies that the client wants, placed anew: those that run today are taken away first."""
    count = workload.replicas or 0
    if count < 2 or workload.kind in ("Job", "CronJob"):
        return None
    own = frozenset(workload.pod_names)
    nodes = tuple(
        msgspec.structs.replace(
            node,
            pods=tuple(
                pod for pod in node.pods if pod.metadata.namespace != workload.namespace or pod.metadata.name not in own
            ),
        )
        for node in asked.cluster.nodes
    )
    cluster = msgspec.structs.replace(asked.cluster, nodes=nodes)
    found = replica_odds(
        asked.pod,
        cluster,
        count,
        context.world.group_of_node,
        failing,
        version=asked.version,
        evaluations=_SCORED,
    )
    if found.why_not is not None:
        return CopiesOdds(count, unknown=found.why_not)
    return CopiesOdds(count, float(found.any_fails), float(found.expected_failing))


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
