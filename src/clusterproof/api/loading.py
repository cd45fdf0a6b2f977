"""What is judged, and by what: snapshots from files, live clusters and worlds; profiles; manifests; reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from clusterproof.errors import NotFoundError

if TYPE_CHECKING:
    from clusterproof.checks.finding import Report
    from clusterproof.profiles.model import Profile
    from clusterproof.snapshot.snapshot import Snapshot
    from clusterproof.sources.live import LiveOptions

WORLDS = ("demo", "custom-networking", "inference-at-zero", "asya")
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
    parameters: Mapping[str, str] | None = None,
    observer: Callable[[str], None] | None = None,
    greet: Callable[[str], None] | None = None,
    time: str = "",
    verbose: bool = False,
) -> Snapshot:
    """Read a snapshot from a live cluster and its AWS account; nothing in them is changed.

    Args:
        options: which cluster and account, as whom; None is the kubeconfig's current context and the usual credentials.
        profile: read the kinds that this profile needs; empty: all that any check reads.
        parameters: values by the profile's parameter names; they may say which queues, buckets and roles are read.
        observer: is told progress, one call at a time, from several threads.
        greet: is given lines that say who reads what and what may not be read, before anything is read, and at the
            end one that names what could not be read.
        time: when this is, RFC 3339 in UTC; it becomes the snapshot's.
        verbose: name all that could not be read.

    Raises:
        UnreadableClusterError: neither the cluster nor the account could be read at all.
        InputError: the account is not that of the kubeconfig's cluster.
        UsageError: an AWS profile or region that was named cannot be used, or a parameter's value.
    """
    from clusterproof.snapshot.snapshot import Meta, Snapshot
    from clusterproof.sources.aws_api.records import Asked
    from clusterproof.sources.greeting import Greeting, unread
    from clusterproof.sources.live import LiveOptions, read_live
    from clusterproof.sources.permissions import needed_kinds

    judged = load_profile(profile) if profile else None
    kinds = needed_kinds(judged)

    def resolve(cluster: Snapshot) -> Asked:
        from clusterproof.checks.reads import asked

        return asked(judged, parameters or {}, cluster) if judged is not None else Asked()

    resolve(Snapshot(Meta(), {}))  # what is wrong with a value is told before anything is read

    greetings: list[Greeting] = []

    def told(found: Greeting) -> None:
        greetings.append(found)
        if greet is not None:
            for line in found.lines():
                greet(line)

    snapshot = read_live(
        options or LiveOptions(), kinds=kinds, resolve=resolve, observer=observer, greet=told, time=time
    )
    if greet is not None:
        for line in unread(snapshot, greetings, every=verbose):
            greet(line)
    return snapshot


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
