"""Judging what was read: reports, what changed between two, single connections, placements, and fixes as text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clusterproof.api.loading import load_profile, load_report
from clusterproof.errors import UsageError
from clusterproof.snapshot.collector import paused

if TYPE_CHECKING:
    from clusterproof.checks.changes import Comparison
    from clusterproof.checks.connections import Connections
    from clusterproof.checks.finding import Report, Waiver
    from clusterproof.checks.paths import Answer
    from clusterproof.checks.placed import Placement
    from clusterproof.profiles.model import Level, Profile
    from clusterproof.snapshot.snapshot import Snapshot


@paused()
def check(
    snapshot: Snapshot,
    profile: str | Profile,
    *,
    parameters: Mapping[str, str] | None = None,
    node_sets: Mapping[str, Sequence[str]] | None = None,
    workloads: Mapping[str, str] | None = None,
    fail_on: Level | str = "MUST",
    fixes: bool = True,
    waivers: Sequence[Waiver] = (),
    as_of: str = "",
    baseline: str | Path | Report | None = None,
) -> Report:
    """Decide every requirement of a profile, for every node the scheduler may pick.

    Args:
        snapshot: from :func:`load`.
        profile: a built-in profile's name, a path, or a profile.
        parameters: values by the profile's parameter names.
        node_sets: node groups by the profile's node set names, in place of what evidence finds.
        workloads: ``kind/namespace/name`` by the profile's workload names.
        fail_on: the level at and above which a failing finding counts.
        fixes: look for and prove repairs.
        waivers: failures that somebody answers for; they change how a finding counts, never what it says.
        as_of: the day by which waivers are judged, ``YYYY-MM-DD``; empty is the day on which the snapshot was read.
        baseline: an earlier report, or its file: what failed in it already does not count.

    Raises:
        UsageError: a parameter, node set or workload that the profile does not have; waivers and no day.
        InputError: the baseline cannot be read, or is of another profile or cluster.
    """
    from clusterproof.checks import baseline as baselines
    from clusterproof.checks import waivers as excuses
    from clusterproof.checks.cells import Asker
    from clusterproof.checks.context import Context, Settings
    from clusterproof.checks.engine import findings_of, report
    from clusterproof.profiles.model import Level

    settings = Settings(
        dict(parameters or {}),
        {name: tuple(groups) for name, groups in (node_sets or {}).items()},
        dict(workloads or {}),
    )
    earlier = load_report(baseline) if isinstance(baseline, (str, Path)) else baseline
    asker = Asker(Context(snapshot, load_profile(profile), settings))
    result = report(asker.context, findings_of(asker), Level(fail_on))
    if fixes and any(finding.verdict.failing for finding in result.findings):
        from clusterproof.fixes.propose import repair

        result = repair(asker.context, result, asker)
    result = excuses.apply(result, waivers, as_of or snapshot.meta.time[:10])
    if earlier is not None:
        result = baselines.apply(
            result, earlier, str(baseline) if isinstance(baseline, (str, Path)) else "the baseline"
        )
    return result


@paused()
def diff(
    old: Snapshot | Report,
    new: Snapshot | Report,
    profile: str | Profile = "",
    *,
    names: tuple[str, str] = ("old", "new"),
    observer: Callable[[str], None] | None = None,
    parameters: Mapping[str, str] | None = None,
    node_sets: Mapping[str, Sequence[str]] | None = None,
    workloads: Mapping[str, str] | None = None,
    fail_on: Level | str = "MUST",
) -> Comparison:
    """What changed between two snapshots, which verdicts that changed, and by which objects.

    Args:
        old: a snapshot, or a report that was made of one: then only verdicts are compared.
        new: the same.
        profile: what to judge by; may be left out where one of the two is a report.
        names: what the two are called in the result.
        observer: is told what is being tried while the objects are looked for that brought a verdict about.
        parameters: as for :func:`check`.
        node_sets: as for :func:`check`.
        workloads: as for :func:`check`.
        fail_on: the level at and above which something that got worse counts.

    Raises:
        UsageError: no profile, or two reports on different ones.
    """
    from clusterproof.checks.attribution import attributed
    from clusterproof.checks.changes import Compared, comparison, object_changes, verdict_changes
    from clusterproof.checks.context import Settings
    from clusterproof.profiles.model import Level
    from clusterproof.snapshot.snapshot import Snapshot

    found = [side.profile.name for side in (old, new) if not isinstance(side, Snapshot)]
    if len(set(found)) > 1:
        raise UsageError(f"{names[0]} is a report on profile {found[0]}, {names[1]} on {found[1]}; compare the same")
    if not profile and not found:
        raise UsageError("two snapshots are compared by a profile; name one: --profile dynamo")
    if profile or len(found) < 2:
        profile = load_profile(profile or found[0])
        if found and profile.name != found[0]:
            raise UsageError(f"a report on profile {found[0]} is compared, not on {profile.name}; leave --profile out")
    adjusted: dict[str, Any] = {"parameters": parameters, "node_sets": node_sets, "workloads": workloads}
    reports = [
        check(side, profile, **adjusted, fixes=False) if isinstance(side, Snapshot) else side for side in (old, new)
    ]
    verdicts = verdict_changes(*reports)
    objects = object_changes(old, new) if isinstance(old, Snapshot) and isinstance(new, Snapshot) else ()
    if verdicts and isinstance(old, Snapshot) and isinstance(new, Snapshot) and not isinstance(profile, str):
        settings = Settings(
            dict(parameters or {}), {n: tuple(g) for n, g in (node_sets or {}).items()}, dict(workloads or {})
        )
        verdicts = attributed(old, new, profile, settings, verdicts, objects, observer)
    compared = [Compared(n, r.cluster.name, r.cluster.read_at) for n, r in zip(names, reports, strict=True)]
    return comparison(compared[0], compared[1], reports[1].profile.name, verdicts, objects, Level(fail_on))


def why(
    snapshot: Snapshot, source: str, destination: str, *, on: str = "", profile: str | Profile | None = None
) -> Answer:
    """Explain one connection, hop by hop, over all places of both ends.

    Args:
        snapshot: from :func:`load`.
        source: ``kind/namespace/name``, e.g. ``deploy/dynamo/worker``.
        destination: ``svc/namespace/name:port``, ``name.namespace.svc:port`` or ``kind/namespace/name:port``.
        on: limits the source to one node group.
        profile: brings the workloads of its own pod templates, which are not in the cluster.

    Raises:
        NotFoundError: a name is not in the snapshot.
    """
    from clusterproof.checks.paths import why as explain

    own = None if profile is None else load_profile(profile)
    return explain(snapshot, source, destination, on=on, profile=own)


@paused()
def place(
    snapshot: Snapshot,
    workload: str,
    *,
    profile: str | Profile | None = None,
    replicas: int = 0,
    runs: int = 0,
    image_bytes: int = 0,
) -> Placement:
    """Where a workload's pods may land, on nodes of today and not yet born; why not elsewhere; and how likely.

    Args:
        snapshot: from :func:`load`.
        workload: ``kind/namespace/name``, ``kind/name``, ``namespace/name``, ``name``, or a name of the profile.
        profile: brings names, and the workloads of its own pod templates, which are not in the cluster.
        replicas: say too where so many copies end up that are placed one after another; 0: do not.
        runs: say too where so many runs land, one ending before the next begins; 0: do not.
        image_bytes: size of each image that no node has; 0: as the profile says, else not known.

    Raises:
        NotFoundError: there is no such workload in the snapshot; with the nearest names.
        UsageError: several workloads are meant, or copies of a DaemonSet.
    """
    from clusterproof.checks.placing import place as find

    own = None if profile is None else load_profile(profile)
    return find(snapshot, workload, profile=own, replicas=replicas, runs=runs, image_bytes=image_bytes)


def connections(
    snapshot: Snapshot,
    *,
    observe: Callable[[str], None] | None = None,
    expect: Callable[[int], None] | None = None,
) -> Connections:
    """What reaches which Service: one row per client workload and group, Service port, and server group.

    The rows are a sequence that makes each when it is read; ``classes`` has them by clients that are alike.

    Args:
        snapshot: of the cluster and the account.
        observe: told what is being asked, one Service port after the other.
        expect: told before anything is asked how many rows there may be at most, nodes that were not read aside.
    """
    from clusterproof.checks.connections import connections as rows
    from clusterproof.world.world import World

    return rows(World(snapshot), observe=observe, expect=expect)


def render_fix(report: Report, snapshot: Snapshot, style: str = "aws-cli", *, profile: str = "") -> str:
    """A report's plan in the language of a tool; an empty text when there is no plan.

    Args:
        report: from :func:`check`, with fixes.
        snapshot: the one that was checked.
        style: ``aws-cli``, ``terraform``, ``kubectl``, ``helm`` or ``cloudformation``.
        profile: a profile file as a shell takes it, for the commands in comments; empty for a built-in profile.

    Raises:
        UsageError: there is no such style.
    """
    from clusterproof.fixes.render import render

    return "" if report.plan is None else render(report.plan, snapshot, style, profile)
