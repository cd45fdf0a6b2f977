"""From symptoms in logs to requirements and what they come to now."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from clusterproof.api.loading import load_profile
from clusterproof.snapshot.collector import paused

if TYPE_CHECKING:
    from clusterproof.checks.context import Settings
    from clusterproof.checks.diagnose import Diagnoses, Log, Sighting
    from clusterproof.checks.finding import Finding
    from clusterproof.profiles.model import Profile
    from clusterproof.snapshot.fields import Unknown
    from clusterproof.snapshot.snapshot import Snapshot
    from clusterproof.sources.live import LiveOptions


def diagnose(
    logs: Iterable[tuple[str, Iterable[bytes]]],
    *,
    profiles: Sequence[str | Profile] = (),
    snapshot: Snapshot | Callable[[], Snapshot] | None = None,
    parameters: Mapping[str, str] | None = None,
    node_sets: Mapping[str, Sequence[str]] | None = None,
    workloads: Mapping[str, str] | None = None,
) -> Diagnoses:
    """Find known symptoms in logs, and say what the requirements that they point to come to now.

    Args:
        logs: names and bytes; a log of any size is looked at piece by piece.
        profiles: whose symptoms to look for, beside those of the built-in profiles.
        snapshot: what to judge by; or what reads it, which is called only where a symptom was found.
        parameters: as for :func:`check`, for each profile that has the name.
        node_sets: likewise.
        workloads: likewise.

    Raises:
        UsageError: a parameter, node set or workload that no profile has.
    """
    from clusterproof.checks.diagnose import sightings, symptoms_of

    entries = _adjusted(_profiles(profiles), parameters, node_sets, workloads)
    wanted = symptoms_of(profile for profile, _ in entries)
    return _diagnosed(entries, [sightings(name, pieces, wanted) for name, pieces in logs], snapshot)


def diagnose_live(
    snapshot: Snapshot,
    options: LiveOptions | None = None,
    *,
    profiles: Sequence[str | Profile] = (),
    observer: Callable[[str], None] | None = None,
    parameters: Mapping[str, str] | None = None,
    node_sets: Mapping[str, Sequence[str]] | None = None,
    workloads: Mapping[str, str] | None = None,
) -> Diagnoses:
    """The same for the logs of pods that fail, read from the cluster that the snapshot was just read from.

    Args:
        snapshot: from :func:`load_live`, with the same options.
        options: as for :func:`load_live`.
        profiles: as for :func:`diagnose`.
        observer: is told progress.
        parameters: as for :func:`diagnose`.
        node_sets: likewise.
        workloads: likewise.

    Raises:
        UnreadableClusterError: the cluster cannot be asked.
        UsageError: a parameter, node set or workload that no profile has.
    """
    from clusterproof.checks.diagnose import sightings, symptoms_of
    from clusterproof.snapshot import kinds
    from clusterproof.snapshot.fields import Unknown
    from clusterproof.sources.kubernetes_api.logs import Container, failing, read_logs
    from clusterproof.sources.live import LiveOptions

    entries = _adjusted(_profiles(profiles), parameters, node_sets, workloads)
    wanted = symptoms_of(profile for profile, _ in entries)

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


def _adjusted(
    profiles: Sequence[Profile],
    parameters: Mapping[str, str] | None,
    node_sets: Mapping[str, Sequence[str]] | None,
    workloads: Mapping[str, str] | None,
) -> list[tuple[Profile, Settings]]:
    """Each profile with what was chosen for names that it has; a name that none has is refused."""
    from clusterproof.checks.context import Settings
    from clusterproof.errors import UsageError

    for what, given, known in (
        ("parameter", parameters, {name for profile in profiles for name in profile.parameters}),
        ("node set", node_sets, {name for profile in profiles for name in profile.node_sets}),
        ("workload", workloads, {name for profile in profiles for name in profile.workloads}),
    ):
        for name in given or ():
            if name not in known:
                raise UsageError(f"no profile has a {what} {name!r}; there are: {', '.join(sorted(known)) or 'none'}")
    return [
        (
            profile,
            Settings(
                {name: value for name, value in (parameters or {}).items() if name in profile.parameters},
                {name: tuple(value) for name, value in (node_sets or {}).items() if name in profile.node_sets},
                {name: value for name, value in (workloads or {}).items() if name in profile.workloads},
            ),
        )
        for profile in profiles
    ]


@paused()
def _diagnosed(
    entries: Sequence[tuple[Profile, Settings]],
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
        for profile, settings in entries:
            only = sorted({item.id for item in seen if item.id.partition("/")[0] == profile.name})
            if only:
                context = Context(given, profile, settings)
                judged += repair(context, report(context, findings(context, only))).findings
    return diagnoses(
        [profile for profile, _ in entries], logs, seen, findings=judged, unread=unread, undecided=undecided
    )
