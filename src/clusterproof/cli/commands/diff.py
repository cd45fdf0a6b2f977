"""``clusterproof diff``: what changed, which verdicts that changed, and by which object."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, colour, deliver, width
from clusterproof.errors import UsageError

if TYPE_CHECKING:
    from clusterproof.checks.finding import Report
    from clusterproof.snapshot.snapshot import Snapshot


@click.command(
    short_help="Say what changed between two snapshots or reports, and which verdicts that changed.",
    epilog="Exit status: 0 no verdict got worse, 1 something at or above --fail-on fails that did not (or fails in more "
    "places), 3 something is unknown that was known.",
)
@options.sources
@options.overlays
@click.option(
    "--profile", metavar="NAME|FILE", default="", help="What to judge by; reports of check say it themselves."
)
@options.adjusting
@options.formats("table", "json", "markdown")
@options.verbosity
def command(
    sources: tuple[str, ...],
    world: str | None,
    collected: tuple[str, ...],
    cluster: str,
    rendered: tuple[str, ...],
    namespace: str,
    profile: str,
    parameters: tuple[str, ...],
    node_sets: tuple[str, ...],
    workloads: tuple[str, ...],
    fail_on: str,
    targets: tuple[Target, ...],
    verbose: bool,
    quiet: bool,
) -> int:
    """Say what changed between OLD and NEW, which verdicts that changed, and by which object.

    SRC is OLD NEW: snapshot files, directories of kubectl and aws output, or
    JSON reports of check. Of snapshots the objects are compared too, and for
    each verdict that changed the smallest set of changed objects is looked for
    that brings it about. With --world, OLD is a world that ships with
    clusterproof. With --with and OLD alone, NEW is OLD as if rendered
    manifests were applied.

    \b
      clusterproof diff monday.snapshot today.snapshot --profile dynamo
      clusterproof diff last.json now.json
      clusterproof diff prod.snapshot --with rendered.yaml --profile dynamo
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api
    from clusterproof.reports import comparison
    from clusterproof.reports.encoding import encode

    adjusted = options.adjustments(parameters, node_sets, workloads, fail_on)
    given = ([f"world {world}"] if world is not None else []) + list(sources)
    if len(given) + (len(given) == 1 and bool(rendered)) != 2:
        raise UsageError(
            f"{len(given) or 'no'} sources are named; write: clusterproof diff OLD NEW, or diff OLD --with FILE"
            if len(given) != 1
            else f"only {given[0]} is named; write: clusterproof diff OLD NEW, or diff OLD --with FILE"
        )

    def read(path: str | None, overlay: Sequence[str]) -> Snapshot | Report:
        from clusterproof.reports.reading import is_report

        if path is not None and is_report(Path(path)):
            if overlay:
                raise UsageError(f"{path} is a report; --with needs a snapshot to put manifests on")
            return api.load_report(path)
        inputs, shipped = ((path,), None) if path is not None else ((), world)
        return options.read(
            inputs, shipped, collected, cluster, quiet=quiet, verbose=verbose, rendered=overlay, namespace=namespace
        )

    paths: list[str | None] = [None, *sources] if world is not None else list(sources)
    if len(paths) == 1:
        paths, given = [*paths, *paths], [given[0], f"{given[0]} with {', '.join(_shown(rendered))}"]
    found = api.diff(read(paths[0], ()), read(paths[1], rendered), profile, names=(given[0], given[1]), **adjusted)

    def make(target: Target) -> str:
        if target.format == "json":
            return encode(found)
        to_stdout = target.file is None
        if target.format == "markdown":
            return comparison.markdown(found, verbose=verbose)
        return comparison.render(
            found, width=width() if to_stdout else 80, colour=to_stdout and colour(), verbose=verbose
        )

    deliver(targets, make, quiet=quiet)
    return found.exit_status


def _shown(rendered: Sequence[str]) -> list[str]:
    return ["stdin" if item == "-" else item for item in rendered]
