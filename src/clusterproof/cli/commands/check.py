"""``clusterproof check``: every requirement of a profile, for every placement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, colour, deliver, width

if TYPE_CHECKING:
    from clusterproof.checks.finding import Report


@click.command(
    short_help="Check a cluster against a profile, for every node the scheduler may choose.",
    epilog="Exit status: 0 nothing fails, 1 something at or above --fail-on fails, 3 nothing fails but something "
    "required could not be decided.",
)
@options.sources
@options.profile
@options.formats("table", "json", "markdown")
@options.verbosity
def command(
    sources: tuple[str, ...],
    world: str | None,
    collected: tuple[str, ...],
    cluster: str,
    profile: str,
    parameters: tuple[str, ...],
    node_sets: tuple[str, ...],
    workloads: tuple[str, ...],
    fail_on: str,
    targets: tuple[Target, ...],
    verbose: bool,
    quiet: bool,
) -> int:
    """Check a cluster against a profile.

    Decides every requirement of the profile for every node that the scheduler
    may choose, today's and tomorrow's, and proves a fix for what fails.

    SRC is a snapshot file, a directory or archive of kubectl and aws output, a
    single such file, or - for standard input; several are read as one cluster.

    \b
      clusterproof check prod.snapshot --profile dynamo
      clusterproof check ./dump --profile dynamo -o table -o json=report.json

    From a pipe, this is enough of Kubernetes (the AWS side: files of ./aws):

    \b
      KINDS=nodes,pods,deployments,statefulsets,daemonsets,services,endpointslices
      KINDS=$KINDS,networkpolicies,persistentvolumeclaims,persistentvolumes
      KINDS=$KINDS,namespaces,customresourcedefinitions
      kubectl get $KINDS -A -o json | clusterproof check - ./aws --profile dynamo
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api

    adjusted = options.adjustments(parameters, node_sets, workloads, fail_on)
    snapshot = options.read(sources, world, collected, cluster, quiet=quiet, verbose=verbose)
    report = api.check(snapshot, profile, **adjusted)
    again = {
        "--collected": collected,
        "--cluster": (cluster,) if cluster else (),
        "--set": parameters,
        "--nodes": node_sets,
        "--workload": workloads,
    }
    show(report, targets, verbose, quiet, options.given(sources, world, again), options.own(profile))
    return report.exit_status


def show(report: Report, targets: Sequence[Target], verbose: bool, quiet: bool, arguments: str, profile: str) -> None:
    """Render a report into every target; the input and a profile file are named as in :func:`clusterproof.reports.render`."""
    from clusterproof import reports

    def make(target: Target) -> str:
        return reports.render(
            report,
            target.format,
            width=width() if target.file is None else 80,
            colour=target.file is None and colour(),
            verbose=verbose,
            arguments=arguments,
            profile=profile,
        )

    deliver(targets, make, quiet=quiet)
