"""The public Python API: the same calls that the command line makes.

    import clusterproof

    snapshot = clusterproof.load(["./dump"])
    report = clusterproof.check(snapshot, "dynamo")
    for finding in report.findings:
        print(finding.verdict, finding.id, finding.summary)

Everything returned is a frozen, typed record. Errors are
:class:`clusterproof.errors.ClusterproofError`; its text is one sentence for the user.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from clusterproof.errors import NotFoundError, UsageError
from clusterproof.snapshot.collector import paused

if TYPE_CHECKING:
    from clusterproof.checks.changes import Comparison
    from clusterproof.checks.connections import Connection
    from clusterproof.checks.diagnose import Diagnoses, Log, Sighting
    from clusterproof.checks.finding import Finding, Report, Waiver
    from clusterproof.checks.paths import Answer
    from clusterproof.profiles.model import Level, Profile
    from clusterproof.snapshot.fields import Unknown
    from clusterproof.snapshot.snapshot import Snapshot
    from clusterproof.sources.live import LiveOptions

WORLDS = ("demo", "custom-networking", "inference-at-zero")
"""The worlds that ship with the project; ``demo`` is the one that ``clusterproof demo`` shows."""


def load(
    inputs: Sequence[str | Path],
    *,
    stdin: BinaryIO | None = None,
    collected: Sequence[str] = (),
    cluster: str = "",
    observer: Callable[[str], None] | None = None,
) -> Snapshot:
    """Read a snapshot from snapshot files, directories and files of kubectl and AWS CLI output.

    Args:
        inputs: paths; ``-`` reads ``stdin``.
        stdin: what ``-`` means.
        collected: kinds that were asked for, so that those not seen are known to be none.
        cluster: which cluster is meant where the input holds several.
        observer: is told the name of each file before it is read.

    Raises:
        InputError: what, where and what to do, in one sentence.
    """
    from clusterproof.sources.load import load_snapshot

    return load_snapshot(
        [str(item) for item in inputs], stdin=stdin, collected=collected, cluster=cluster, observer=observer
    )


def load_live(
    options: LiveOptions | None = None,
    *,
    profile: str | Profile = "",
    observer: Callable[[str], None] | None = None,
    greet: Callable[[str], None] | None = None,
    time: str = "",
) -> Snapshot:
    """Read a snapshot from a live cluster and its AWS account; nothing in them is changed.

    Args:
        options: which cluster and account, as whom; None is the kubeconfig's current context and the usual credentials.
        profile: read the kinds that this profile needs; empty: all that any check reads.
        observer: is told progress, one call at a time, from several threads.
        greet: is given lines that say who reads what and what may not be read, before anything is read.
        time: when this is, RFC 3339 in UTC; it becomes the snapshot's.

    Raises:
        UnreadableClusterError: neither the cluster nor the account could be read at all.
        InputError: the account is not that of the kubeconfig's cluster.
        UsageError: an AWS profile or region that was named cannot be used.
    """
    from clusterproof.sources.greeting import Greeting
    from clusterproof.sources.live import LiveOptions, read_live
    from clusterproof.sources.permissions import needed_kinds

    kinds = needed_kinds(load_profile(profile) if profile else None)

    def told(found: Greeting) -> None:
        if greet is not None:
            for line in found.lines():
                greet(line)

    return read_live(options or LiveOptions(), kinds=kinds, observer=observer, greet=told, time=time)


def load_world(name: str = "demo") -> Snapshot:
    """One of the worlds that ship with the project (:data:`WORLDS`).

    Raises:
        NotFoundError: there is no such world.
    """
    from importlib import resources

    if name not in WORLDS:
        raise NotFoundError(f"there is no world {name!r}; there are: {', '.join(WORLDS)}")
    import msgspec

    from clusterproof.snapshot.snapshot import Snapshot

    with resources.as_file(resources.files("clusterproof") / "worlds" / name) as path:
        snapshot = load([path])
    # Where the package is installed is nobody's business: the same world gives the same bytes on any machine.
    meta = msgspec.structs.replace(snapshot.meta, sources=(f"worlds/{name}",))
    return Snapshot(meta, snapshot.tables)


def load_profile(profile: str | Profile) -> Profile:
    """A built-in profile by name, or a file of one's own.

    Raises:
        ProfileError: it is not there, or something in it is wrong.
    """
    if not isinstance(profile, str):
        return profile
    from clusterproof.profiles.load import load as load_file

    return load_file(profile)


def load_manifests(
    snapshot: Snapshot, inputs: Sequence[str | Path], *, stdin: BinaryIO | None = None, namespace: str = ""
) -> Snapshot:
    """The snapshot as it would be after rendered manifests are applied (``helm template``, ``kustomize build``).

    Args:
        snapshot: from :func:`load`.
        inputs: files, directories, or ``-`` for ``stdin``.
        stdin: what ``-`` means.
        namespace: of objects that name none; empty is ``default``.

    Raises:
        InputError: what, in which document and line, and what to do, in one sentence.
    """
    from clusterproof.sources.manifests import applied
    from clusterproof.sources.manifests import load_manifests as rendered

    return applied(snapshot, rendered([str(item) for item in inputs], snapshot, stdin=stdin, namespace=namespace))


def load_report(path: str | Path) -> Report:
    """A report that ``check -o json`` wrote.

    Raises:
        InputError: it cannot be read, or it is none.
    """
    from clusterproof.reports.reading import load as read

    return read(path)


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
    from clusterproof.checks.context import Context, Settings
    from clusterproof.checks.engine import findings, report
    from clusterproof.profiles.model import Level

    settings = Settings(
        dict(parameters or {}),
        {name: tuple(groups) for name, groups in (node_sets or {}).items()},
        dict(workloads or {}),
    )
    earlier = load_report(baseline) if isinstance(baseline, (str, Path)) else baseline
    context = Context(snapshot, load_profile(profile), settings)
    result = report(context, findings(context), Level(fail_on))
    if fixes and any(finding.verdict.failing for finding in result.findings):
        from clusterproof.fixes.propose import repair

        result = repair(context, result)
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
        verdicts = attributed(old, new, profile, settings, verdicts, objects)
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


def connections(snapshot: Snapshot) -> tuple[Connection, ...]:
    """What reaches which Service: one row per client workload and group, Service port, and server group."""
    from clusterproof.checks.connections import connections as rows
    from clusterproof.world.world import World

    return rows(World(snapshot))


def diagnose(
    logs: Iterable[tuple[str, Iterable[bytes]]],
    *,
    profiles: Sequence[str | Profile] = (),
    snapshot: Snapshot | Callable[[], Snapshot] | None = None,
) -> Diagnoses:
    """Find known symptoms in logs, and say what the requirements that they point to come to now.

    Args:
        logs: names and bytes; a log of any size is looked at piece by piece.
        profiles: whose symptoms to look for, beside those of the built-in profiles.
        snapshot: what to judge by; or what reads it, which is called only where a symptom was found.
    """
    from clusterproof.checks.diagnose import sightings, symptoms_of

    entries = _profiles(profiles)
    wanted = symptoms_of(entries)
    return _diagnosed(entries, [sightings(name, pieces, wanted) for name, pieces in logs], snapshot)


def diagnose_live(
    snapshot: Snapshot,
    options: LiveOptions | None = None,
    *,
    profiles: Sequence[str | Profile] = (),
    observer: Callable[[str], None] | None = None,
) -> Diagnoses:
    """The same for the logs of pods that fail, read from the cluster that the snapshot was just read from.

    Args:
        snapshot: from :func:`load_live`, with the same options.
        options: as for :func:`load_live`.
        profiles: as for :func:`diagnose`.
        observer: is told progress.

    Raises:
        UnreadableClusterError: the cluster cannot be asked.
    """
    from clusterproof.checks.diagnose import sightings, symptoms_of
    from clusterproof.snapshot import kinds
    from clusterproof.snapshot.fields import Unknown
    from clusterproof.sources.kubernetes_api.logs import Container, failing, read_logs
    from clusterproof.sources.live import LiveOptions

    entries = _profiles(profiles)
    wanted = symptoms_of(entries)

    def look(container: Container, text: bytes) -> tuple[Log, tuple[Sighting, ...]]:
        return sightings(container.log, (text,), wanted)

    found, unread = read_logs((options or LiveOptions()).of_cluster(), failing(snapshot), look, observer=observer)
    missing = snapshot.missing(kinds.PODS)
    if missing is not None:
        unread = (Unknown(missing.cause, f"which pods fail is not known: {missing.detail}", missing.remedy), *unread)
    return _diagnosed(entries, found, snapshot, unread)


def _profiles(named: Sequence[str | Profile]) -> tuple[Profile, ...]:
    """The built-in profiles and those that are named, each once."""
    from clusterproof.profiles.load import builtin_names

    found = {entry.name: entry for entry in map(load_profile, [*builtin_names(), *named])}
    return tuple(found.values())


@paused()
def _diagnosed(
    profiles: Sequence[Profile],
    found: Sequence[tuple[Log, tuple[Sighting, ...]]],
    snapshot: Snapshot | Callable[[], Snapshot] | None,
    unread: Sequence[Unknown] = (),
) -> Diagnoses:
    from clusterproof.checks.context import Context
    from clusterproof.checks.diagnose import diagnoses
    from clusterproof.checks.engine import findings, report
    from clusterproof.errors import UnreadableClusterError
    from clusterproof.fixes.propose import repair

    logs, seen = [log for log, _ in found], [item for _, items in found for item in items]
    judged: list[Finding] | None = None
    undecided = ""
    given: Snapshot | None = None
    if seen:
        try:
            given = snapshot() if callable(snapshot) else snapshot
        except UnreadableClusterError as error:
            undecided = str(error)
    if given is not None:
        judged = []
        for profile in profiles:
            only = sorted({item.id for item in seen if item.id.partition("/")[0] == profile.name})
            if only:
                context = Context(given, profile)
                judged += repair(context, report(context, findings(context, only))).findings
    return diagnoses(profiles, logs, seen, findings=judged, unread=unread, undecided=undecided)


def render_fix(report: Report, snapshot: Snapshot, style: str = "aws-cli") -> str:
    """A report's plan in the language of a tool; an empty text when there is no plan.

    Args:
        report: from :func:`check`, with fixes.
        snapshot: the one that was checked.
        style: ``aws-cli``, ``terraform``, ``kubectl`` or ``cloudformation``.

    Raises:
        UsageError: there is no such style.
    """
    from clusterproof.fixes.render import render

    return "" if report.plan is None else render(report.plan, snapshot, style)
