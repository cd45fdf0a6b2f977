"""``clusterproof place``: where a workload may land, why not elsewhere, and how likely."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, deliver, layout
from clusterproof.errors import UsageError


@click.command(
    short_help="Say where a workload may land, why not elsewhere, and how likely.",
    epilog="Exit status: 0 there is a place for it, 1 there is none, 3 it could not be decided.",
)
@click.argument("workload", metavar="WORKLOAD")
@options.sources
@options.lively
@options.overlays
@click.option(
    "--profile", "-p", metavar="NAME|FILE", help="A profile whose names, or whose own pods, may be meant by WORKLOAD."
)
@click.option(
    "--replicas", metavar="N", type=click.IntRange(1, 1000), help="Say too where N copies end up, placed one by one."
)
@click.option(
    "--runs", metavar="N", type=click.IntRange(1, 1000), help="Say too where N runs land, each after the one before."
)
@click.option(
    "--image-size",
    metavar="SIZE",
    default="",
    help="Size of images that no node has, e.g. 500Mi, for odds of later pods.",
)
@options.formats("table", "json")
@options.verbosity
def command(
    workload: str,
    inputs: options.Inputs,
    profile: str | None,
    replicas: int | None,
    runs: int | None,
    image_size: str,
    targets: tuple[Target, ...],
    verbose: bool,
    quiet: bool,
) -> int:
    """Say where a workload may land, why not elsewhere, and how likely.

    Ever: on which nodes of today and nodes not yet born its pods may be scheduled, whatever runs there today. Now: which
    nodes take one more pod as things stand. Where a node refuses, the scheduler's own words say why.

    WORKLOAD is kind/namespace/name, or less where that is enough: kind/name, namespace/name, name. A pod stands for
    its controller. With --profile it may be a name of the profile, also of a pod that is not in the cluster.

    Without SRC the live cluster and account are read.

    \b
      clusterproof place deploy/dynamo/worker prod.snapshot
      clusterproof place validator --profile dynamo --world demo --runs 10
      helm template … | clusterproof place deploy/worker --with -
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api
    from clusterproof.reports import placements
    from clusterproof.reports.encoding import encode

    if inputs.world is None and inputs.sources and Path(workload).exists():
        first, *rest = inputs.sources
        if not Path(first).exists():
            question = shlex.join([first, workload, *rest])
            raise UsageError(f"the files come last: clusterproof place {question}")
    image_bytes = _size(image_size) if image_size else 0
    snapshot = options.read(inputs, quiet=quiet, verbose=verbose)
    found = api.place(
        snapshot, workload, profile=profile, replicas=replicas or 0, runs=runs or 0, image_bytes=image_bytes
    )

    def make(target: Target) -> str:
        if target.format == "json":
            return encode(found)
        return placements.render(found, **layout(target), verbose=verbose)

    deliver(targets, make, quiet=quiet)
    return placements.exit_status(found)


def _size(text: str) -> int:
    """Bytes, written as Kubernetes writes quantities; thousandths of a byte and sizes of no image are slips."""
    from clusterproof.errors import ClusterproofError
    from clusterproof.placement.quantity import parse, units

    try:
        usable = not text.endswith(_PARTS) and 1 <= parse(text) <= _LARGEST
    except ClusterproofError:
        usable = False
    if not usable:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        raise UsageError(f"--image-size {shown}: expected a size in bytes, as 500Mi or 1.2G, of 1Pi at most")
    return units(text)


_PARTS = ("n", "u", "m")
"""Suffixes for parts of a unit, which bytes have none of."""
_LARGEST = 2**50
_SHOWN = 40
