"""``clusterproof connections``: who reaches whom."""

from __future__ import annotations

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, colour, deliver, width


@click.command(short_help="List who reaches whom, between all workloads and Services.")
@options.sources
@options.lively
@options.overlays
@options.formats("table", "json", "csv", "dot")
@options.quiet
def command(
    sources: tuple[str, ...],
    world: str | None,
    collected: tuple[str, ...],
    cluster: str,
    rendered: tuple[str, ...],
    namespace: str,
    targets: tuple[Target, ...],
    quiet: bool,
) -> None:
    """List who reaches whom.

    From every workload to every Service's workload, per node group at both
    ends; where a connection does not work, the first layer that stops it.

    Without SRC the live cluster and account are read.

    \b
      clusterproof connections prod.snapshot -o csv > connections.csv
      clusterproof connections --world demo -o dot | dot -Tsvg > connections.svg
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api
    from clusterproof.reports import connections

    snapshot = options.read(sources, world, collected, cluster, quiet=quiet, rendered=rendered, namespace=namespace)
    found = api.connections(snapshot)

    def make(target: Target) -> str:
        to_stdout = target.file is None
        return connections.render(
            found, target.format, width=width() if to_stdout else 80, colour=to_stdout and colour()
        )

    deliver(targets, make, quiet=quiet)
