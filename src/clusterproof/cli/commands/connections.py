"""``clusterproof connections``: who reaches whom."""

from __future__ import annotations

from collections.abc import Iterable

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, deliver, layout, progress, say
from clusterproof.errors import UnknownNameError


@click.command(short_help="List who reaches whom, between all workloads and Services.")
@options.sources
@options.lively
@options.overlays
@options.formats("table", "json", "csv", "dot")
@options.quiet
def command(
    inputs: options.Inputs,
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
    from clusterproof.snapshot.kinds import PODS, SERVICES

    snapshot = options.read(inputs, quiet=quiet)

    def expect(rows: int) -> None:
        if rows > _MANY and not quiet:
            say(
                f"note: up to {rows:,} rows: they grow with the square of the node groups, and so do time, memory and "
                "output; for one connection: clusterproof why"
            )

    with progress(quiet, "asking") as observer:
        found = api.connections(snapshot, observe=observer, expect=expect)
    for kind in () if found else (SERVICES, PODS):
        missing = snapshot.missing(kind)
        if missing is not None:  # none of them is known, which is not the same as none
            raise UnknownNameError(f"whether there are connections is not known: {missing}")

    def make(target: Target) -> Iterable[str]:
        return connections.pieces(found, target.format, **layout(target))

    deliver(targets, make, quiet=quiet)


_MANY = 10_000_000
"""Rows above which it is said how many there may be: minutes, and gigabytes of output."""
