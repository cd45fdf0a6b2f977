"""``clusterproof why``: one connection, hop by hop."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, deliver, layout
from clusterproof.errors import UsageError


@click.command(
    short_help="Say why one workload reaches another, or does not, hop by hop.",
    epilog="Exit status: 0 it works from everywhere, 1 it does not or depends, 3 it could not be decided.",
)
@click.argument("source", metavar="FROM")
@click.argument("destination", metavar="TO:PORT")
@options.sources
@options.lively
@options.overlays
@click.option("--on", metavar="GROUP", default="", help="Look only at this node group for FROM.")
@click.option(
    "--profile", "-p", metavar="NAME|FILE", help="A profile whose own pods may be meant, which are not in the cluster."
)
@options.formats("table", "json")
@options.verbosity
def command(
    source: str,
    destination: str,
    inputs: options.Inputs,
    on: str,
    profile: str | None,
    targets: tuple[Target, ...],
    verbose: bool,
    quiet: bool,
) -> int:
    """Say why one workload reaches another, or does not.

    FROM is a workload as kind/namespace/name; a pod stands for its controller. control-plane means the API servers.
    TO is a workload or a Service (also as name.namespace.svc); the port is that
    of the Service or, for a workload, that of its pods.

    Without SRC the live cluster and account are read.

    \b
      clusterproof why deploy/dynamo/worker svc/dynamo/etcd:2379 prod.snapshot
      clusterproof why deploy/dynamo/vllm-agg-frontend dynamo-platform-etcd.dynamo.svc:2379 --world demo
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api
    from clusterproof.reports import answers
    from clusterproof.reports.encoding import encode

    first, *rest = inputs.sources or [""]
    if inputs.world is None and ":" in first and Path(source).exists():
        question = shlex.join([destination, first, source, *rest])
        raise UsageError(f"the files come last: clusterproof why {question}")
    if ":" not in destination:
        raise UsageError(f"{destination} names no port; write it behind a colon: {destination}:PORT")
    snapshot = options.read(inputs, quiet=quiet, verbose=verbose)
    answer = api.why(snapshot, source, destination, on=on, profile=profile)

    def make(target: Target) -> str:
        if target.format == "json":
            return encode(answer)
        return answers.render(answer, **layout(target), verbose=verbose)

    deliver(targets, make, quiet=quiet)
    return answers.exit_status(answer)
