"""``place``: where a workload's pods may land, why not elsewhere, and how likely.

Two questions, as in placement: *ever* (design rule 3: what nodes are) and *now* (the scheduler's filters on the cluster
as it stands; never yes where ever says no). Nodes are judged for ever by node class; those of a class that stand alike
now are told together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import msgspec

from clusterproof._version import __version__
from clusterproof.checks.context import Context, Named
from clusterproof.checks.lookup import find_loosely
from clusterproof.checks.parties import Sides, unread_places
from clusterproof.checks.placed import SCHEMA, Chances, Copies, PlacedGroup, Placement, Runs
from clusterproof.checks.placedgroups import Chance, groups_of
from clusterproof.checks.placedwords import sentence
from clusterproof.checks.series import copies_of, runs_of
from clusterproof.checks.today import WHICH_IS_NEXT, cluster_today, image_sizes, next_pods, unread_spread
from clusterproof.checks.words import listed, unique
from clusterproof.errors import NotFoundError, UnknownNameError, UsageError
from clusterproof.placement.fargate import PLUGIN as FARGATE
from clusterproof.placement.feasibility import FEASIBLE, Feasibility
from clusterproof.placement.filters import Rules, feasible_now
from clusterproof.placement.message import unschedulable_message
from clusterproof.placement.node import Cluster
from clusterproof.placement.odds import DEFAULT_SCHEDULER, AfterCaching, after_caching
from clusterproof.placement.odds import Odds as SchedulerOdds
from clusterproof.placement.places import Places, refused_everywhere
from clusterproof.placement.preemption import Preemption, preemption
from clusterproof.placement.priority import priorities_of, rank_of
from clusterproof.placement.version import SchedulerVersion, scheduler_version
from clusterproof.profiles.model import Document, Profile
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import Pod
from clusterproof.snapshot.kubernetes.outlines import PodOutline
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict
from clusterproof.world.model import Workload
from clusterproof.world.world import World


def place(
    snapshot: Snapshot,
    name: str,
    *,
    profile: Profile | None = None,
    replicas: int = 0,
    runs: int = 0,
    image_bytes: int = 0,
    world: World | None = None,
) -> Placement:
    """Where the pods of a workload may land.

    Args:
        snapshot: the cluster.
        name: a name of the profile, or as :func:`~clusterproof.checks.lookup.find_loosely` takes it.
        profile: brings names, and the workloads of its own pod templates.
        replicas: say too where so many copies end up; 0: do not.
        runs: say too where so many runs land, one after another; 0: do not.
        image_bytes: size of each image that no node has; 0: as the profile says, else not known.
        world: of that snapshot, where there is one already; not together with a profile.

    Raises:
        NotFoundError: there is no such workload; with the nearest names.
        UnknownNameError: it cannot be said whether there is one.
        UsageError: several are meant, or copies of what runs once on every node.
    """
    own = profile or Profile("place", "place", Document("place"), ())
    context = Context(snapshot, own, world=world if profile is None else None)
    workload, how, size = _workload(context, name, profile)
    if workload.every_node and (replicas or runs):
        raise UsageError(f"{workload.id} runs one pod on every node that takes it; leave --replicas and --runs out")
    placing = _Placing(context, workload, image_bytes or size)
    placement = placing.placement(how)
    if not replicas and not runs:
        return placement
    copies, series = placing.several(replicas, runs)
    return msgspec.structs.replace(placement, copies=copies, runs=series)


def _workload(context: Context, name: str, profile: Profile | None) -> tuple[Workload, str, int]:
    """The workload that is meant, by what it was found where the profile names it, and its image's size."""
    named = context.workloads.get(name)
    if named is not None:
        return _one(named, name)
    try:
        workload = find_loosely(context.world, name)
    except NotFoundError as error:
        if profile is not None:
            known = ", ".join(context.workloads)
            raise type(error)(f"{error}; names of profile {profile.name}: {known}" if known else str(error)) from None
        if "did you mean" in str(error) or isinstance(error, UnknownNameError):
            raise
        raise NotFoundError(f"{error}; a workload or name that a profile brings needs --profile NAME") from None
    sizes = [one.image_bytes for one in context.workloads.values() if workload in one.workloads]
    return workload, "", max(sizes, default=0)


def _one(named: Named, name: str) -> tuple[Workload, str, int]:
    if not named.workloads:
        if named.missing is not None:
            raise UnknownNameError(f"whether there is a {name} is not known: {named.missing}")
        raise NotFoundError(
            f"the profile's {name} is not in what was read; name another workload, or add its manifests: --with FILE"
        )
    if len(named.workloads) > 1:
        several = ", ".join(workload.id for workload in named.workloads)
        raise UsageError(f"{name} is {len(named.workloads)} workloads here; name one: {several}")
    return named.workloads[0], f"{name}: {named.how}", named.image_bytes


_DRY_RUNS = 200
"""On so many nodes at most it is tried what displacing pods would do: each try looks at the whole cluster again."""


class _Placing:
    """One workload's placement, put together from what placement decides."""

    def __init__(self, context: Context, workload: Workload, image_bytes: int) -> None:
        self._context = context
        self._world = context.world
        self._workload = workload
        self._image_bytes = image_bytes
        self._places: Places = context.places(workload)
        found = scheduler_version(self._world.exact_version)
        self._version: SchedulerVersion | Unknown = found
        self._shown = SchedulerVersion() if isinstance(found, Unknown) else found
        self._ever = self._answers()
        self._displacing: dict[str, Preemption] = {}
        self._too_many = False

    def placement(self, how: str) -> Placement:
        """Everything that is said."""
        world, workload, snapshot = self._world, self._workload, self._world.snapshot
        unread_nodes = snapshot.missing(kinds.NODES)
        now, odds = self._today()
        first, later = self._chances(odds)
        stays = frozenset(one.node_class.id for one in self._places.places if one.stays)
        groups = groups_of(world, self._ever, stays, now, self._displacing, first, later)
        unread = self._unread()
        verdict = self._verdict((*unread, *((unread_nodes,) if unread_nodes else ())))
        nodes = sum(group.nodes for group in groups)
        counts = [group.now for group in groups]
        unsure = unread_nodes is not None or any(count is None for count in counts)
        taking = None if unsure else sum(count or 0 for count in counts)
        every = [answer for item in world.classes if item.born for answer in [self._ever[item.id]] * len(item.nodes)]
        placement = Placement(
            schema=SCHEMA,
            tool_version=__version__,
            cluster=snapshot.meta.cluster or next((one.name for one in snapshot.objects(kinds.CLUSTERS)), ""),
            read_at=snapshot.meta.time,
            workload=workload.id,
            how=how,
            installed=workload.installed,
            replicas=workload.replicas,
            running_on=tuple(sorted(node for node in workload.pod_nodes if node)),
            waiting=sum(1 for node in workload.pod_nodes if not node),
            every_node=workload.every_node,
            scheduler=workload.spec.scheduler_name or DEFAULT_SCHEDULER,
            verdict=verdict,
            sentence="",
            nodes=nodes,
            now=taking,
            ever_message=unschedulable_message(every, version=self._shown) if every else "",
            now_message=unschedulable_message(list(now.values()), version=self._shown) if now else "",
            groups=groups,
            chances=self._basis(odds),
            unread=unread,
            caveats=self._caveats(odds, groups),
            unread_nodes=unread_nodes,
        )
        nowhere = self._nowhere()
        waits = next(iter(now.values())).reason if now and all(one.whole for one in now.values()) else ""
        said = sentence(placement, nowhere.reason if nowhere else "", waits)
        return msgspec.structs.replace(placement, sentence=said)

    # --- ever ------------------------------------------------------------------------

    def _answers(self) -> dict[str, Feasibility]:
        """By node class: whether it may ever take the pod."""
        found = {refusal.node_class.id: refusal.feasibility for refusal in self._places.refused}
        for one in self._places.places:
            answer = FEASIBLE if one.doubt is None else Feasibility(one.doubt, "", (str(one.doubt),))
            found.setdefault(one.node_class.id, answer)
        nothing = Unknown(Cause.NOT_MODELLED, "which interface a pod would have there")
        for item in self._world.classes:
            found.setdefault(item.id, Feasibility(nothing, "", (str(nothing),)))
        return found

    def _verdict(self, unread: Sequence[Unknown]) -> Verdict:
        """As the check "can be scheduled" decides it."""
        certain = any(one.doubt is None and not one.stays for one in self._places.places)
        if self._nowhere() is not None:
            return Verdict.FAIL
        if certain and not self._world.fargate.unseen(self._workload):
            return Verdict.PASS
        doubtful = any(one.doubt is not None for one in self._places.places)
        return Verdict.UNKNOWN if certain or doubtful or unread else Verdict.FAIL

    def _nowhere(self) -> Feasibility | None:
        return refused_everywhere(self._world, self._workload)

    def _unread(self) -> tuple[Unknown, ...]:
        found = [*self._world.fargate.unseen(self._workload), *unread_places(self._context, Sides(()))]
        return tuple(unique(found))

    # --- now -------------------------------------------------------------------------

    def _today(self) -> tuple[dict[str, Feasibility], AfterCaching]:
        """By node of today: whether it takes one more pod now; and the odds."""
        world, workload = self._world, self._workload
        snapshot = world.snapshot
        missing = snapshot.missing(kinds.PODS) or workload.unplaced
        class_of = {node: item.id for item in world.classes for node in item.nodes}
        if missing is not None:
            unread = Feasibility(missing, "", (str(missing),))
            now = {n: (self._ever[c] if self._ever[c].ok is False else unread) for n, c in sorted(class_of.items())}
            return now, AfterCaching(SchedulerOdds(why_not=missing), why_not=missing)
        cluster, choices = self._cluster, self._choices
        answers = [feasible_now(pod, cluster, volumes, version=self._shown) for pod, volumes in choices]
        now = {}
        for view, *answered in zip(cluster.nodes, *answers, strict=True):
            ever = self._ever.get(class_of.get(view.id, ""), FEASIBLE)
            answer = _either(answered)
            # EKS decides on Fargate before any scheduler is asked.
            now[view.id] = ever if ever.plugin == FARGATE or (ever.ok is False and answer.ok is True) else answer
        self._displace(cluster, choices, answers, now)
        why = self._no_odds(choices)
        if why is not None:
            return now, AfterCaching(SchedulerOdds(why_not=why), why_not=why)
        return now, after_caching(choices[0][0], cluster, self._sizes, version=self._shown)

    def _displace(
        self,
        cluster: Cluster,
        choices: Sequence[tuple[Pod, Rules]],
        answers: Sequence[Sequence[Feasibility]],
        now: Mapping[str, Feasibility],
    ) -> None:
        """What preemption would do, where no node takes the pod as it is, and the scheduler gets there."""
        own = (self._workload.spec.scheduler_name or DEFAULT_SCHEDULER) == DEFAULT_SCHEDULER
        if not own or len(choices) > 1 or any(answer.ok is True for answer in now.values()):
            return
        if any(answer.plugin == FARGATE for answer in now.values()):
            return
        self._too_many = sum(1 for answer in answers[0] if not answer.final) > _DRY_RUNS
        if self._too_many:
            return
        found = preemption(choices[0][0], cluster, answers[0], version=self._shown)
        self._displacing = {node.id: one for node, one in zip(cluster.nodes, found, strict=True)}

    def several(self, replicas: int, runs: int) -> tuple[Copies | None, Runs | None]:
        """Where so many copies end up, and where so many runs land; None where 0."""
        missing = self._world.snapshot.missing(kinds.PODS)
        choices = self._choices
        why = missing or self._workload.unplaced or self._no_odds(choices)
        if why is not None:
            return Copies(replicas, unknown=why) if replicas else None, Runs(runs, unknown=why) if runs else None
        pod, cluster = choices[0][0], self._cluster
        groups, version = self._world.group_of_node, self._shown
        copies = copies_of(pod, cluster, replicas, groups, version) if replicas else None
        return copies, runs_of(pod, cluster, runs, groups, self._sizes, version) if runs else None

    @cached_property
    def _cluster(self) -> Cluster:
        return cluster_today(self._world, self._workload)

    @cached_property
    def _choices(self) -> tuple[tuple[Pod, Rules], ...]:
        """The pods that may be next, with what their volumes ask."""
        return next_pods(self._world, self._workload)

    @property
    def _sizes(self) -> dict[str, int]:
        return image_sizes(self._workload, self._image_bytes)

    def _no_odds(self, choices: Sequence[object]) -> Unknown | None:
        if profile := self._world.fargate.of(self._workload):
            what = f"Fargate profile {profile} takes the pod, and the default scheduler decides nothing"
            return Unknown(Cause.NOT_MODELLED, what)
        if (unread := self._world.snapshot.missing(kinds.NODES)) is not None:
            return unread
        if len(choices) > 1:
            return WHICH_IS_NEXT
        if isinstance(self._version, Unknown):
            return self._version
        return unread_spread(self._world, self._workload)

    # --- odds ------------------------------------------------------------------------

    def _chances(self, odds: AfterCaching) -> tuple[Chance | None, Chance | None]:
        if self._workload.every_node or odds.first.why_not is not None or not odds.first.probability:
            return None, None
        return odds.first.probability, odds.marginal if odds.why_not is None else None

    def _basis(self, odds: AfterCaching) -> Chances:
        first = odds.first
        if self._workload.every_node:
            return Chances(basis="one of its pods runs on every node that takes it, so that nothing is left to chance")
        if first.why_not is not None:
            return Chances(first.why_not)
        if not first.probability:
            return Chances(Unknown(Cause.NOT_MODELLED, "no node takes one now, and what changes first is not known"))
        winners, feasible = len(first.winners), len(first.feasible)
        basis = (
            f"a tie among {winners} of {feasible} feasible nodes" if winners > 1 else f"one best of {feasible} nodes"
        )
        basis = "the one feasible node" if feasible == 1 else basis
        if odds.why_not is not None:
            return Chances(basis=basis, later_unknown=odds.why_not)
        return Chances(basis=basis, stays=float(odds.stays))

    def _caveats(self, odds: AfterCaching, groups: Sequence[PlacedGroup]) -> tuple[str, ...]:
        workload, snapshot = self._workload, self._world.snapshot
        found: list[str] = []
        scheduler = workload.spec.scheduler_name or DEFAULT_SCHEDULER
        if scheduler != DEFAULT_SCHEDULER:
            found.append(f"{scheduler} decides: the filters of the default scheduler are shown, it may have others")
        rank = rank_of(workload.spec, priorities_of(snapshot))
        if isinstance(rank, Unknown) and rank.cause is Cause.NOT_ANSWERABLE:
            found.append(rank.detail)
        running = sum(1 for node in workload.pod_nodes if node)
        if workload.every_node or workload.kind == "Pod":
            if running:
                found.append("now is asked as if its own pods were not there, since no second one comes beside them")
        elif running:
            whose = ", with the volumes of one of these," if workload.claims else ""
            found.append(f"now is asked for one more pod{whose} beside the {running} that run")
        own = {f"{workload.namespace}/{name}" for name in workload.pod_names}
        if snapshot.missing(kinds.PODS) is None:
            waiting = sum(
                1
                for pod in snapshot.tables[kinds.PODS.name].shaped(PodOutline)
                if not pod.spec.node_name
                and pod.status.phase not in ("Succeeded", "Failed")
                and f"{pod.metadata.namespace}/{pod.metadata.name}" not in own
            )
            if waiting:
                verb = "other pod waits" if waiting == 1 else "other pods wait"
                found.append(f"{waiting} {verb} for a node and may take the room first")
        if self._too_many:
            found.append("whether it finds room by displacing pods of lower priority was not tried: too many nodes")
        stay = [group.name for group in groups if any(item.stays for item in group.classes)]
        if stay:
            found.append(f"pods of it run on {listed(stay)}, where no further one would be scheduled")
        return tuple(unique([*found, *odds.first.caveats]))


def _either(answers: Sequence[Feasibility]) -> Feasibility:
    """A node takes the next pod when it takes any that may be next."""
    yes = (answer for answer in answers if answer.ok is True)
    doubtful = (answer for answer in answers if isinstance(answer.ok, Unknown))
    return next(yes, None) or next(doubtful, None) or answers[0]
