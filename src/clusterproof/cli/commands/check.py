"""``clusterproof check``: every requirement of a profile, for every placement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from clusterproof.cli import configuration, live, options
from clusterproof.cli.output import Target, colour, deliver, width
from clusterproof.reports import FORMATS

if TYPE_CHECKING:
    from clusterproof.checks.finding import Report, Waiver
    from clusterproof.snapshot.snapshot import Snapshot


@click.command(
    short_help="Check a cluster against a profile, for every node the scheduler may choose.",
    epilog="Exit status: 0 nothing fails, 1 something at or above --fail-on fails, 3 nothing fails but something "
    "required could not be decided.",
)
@options.sources
@options.lively
@options.overlays
@options.profile
@options.judging
@options.formats(*FORMATS)
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
    baseline: str | None,
    as_of: str,
    targets: tuple[Target, ...],
    verbose: bool,
    quiet: bool,
) -> int:
    """Check a cluster against a profile.

    Decides every requirement of the profile for every node that the scheduler
    may choose, today's and tomorrow's, and proves a fix for what fails.

    SRC is a snapshot file, a directory or archive of kubectl and aws output, a
    single such file, or - for standard input; several are read as one cluster.
    Without SRC the cluster of the kubeconfig and its AWS account are read, and
    nothing in them is changed.
    With --with, rendered manifests are judged as if they were applied; with
    --baseline, only what an earlier report does not have fails.

    \b
      clusterproof check --profile dynamo
      clusterproof check --profile dynamo --context prod --aws-profile prod
      clusterproof check prod.snapshot --profile dynamo
      clusterproof check ./dump --profile dynamo -o table -o json=report.json
      helm template dynamo CHART -n dynamo | clusterproof check prod.snapshot --profile dynamo --with -
      clusterproof check prod.snapshot --profile dynamo --baseline last.json

    From a pipe, this is enough of Kubernetes (the AWS side: files of ./aws):

    \b
      KINDS=nodes,pods,deployments,statefulsets,daemonsets,services,endpointslices
      KINDS=$KINDS,networkpolicies,persistentvolumeclaims,persistentvolumes
      KINDS=$KINDS,namespaces,customresourcedefinitions
      kubectl get $KINDS -A -o json | clusterproof check - ./aws --profile dynamo
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api

    adjusted = options.adjustments(parameters, node_sets, workloads, fail_on)
    snapshot = options.read(
        sources,
        world,
        collected,
        cluster,
        quiet=quiet,
        verbose=verbose,
        rendered=rendered,
        namespace=namespace,
        profile=profile,
    )
    waivers = _waivers()
    report = api.check(
        snapshot, profile, **adjusted, waivers=waivers, as_of=_day(as_of, snapshot, waivers), baseline=baseline
    )
    again = _again(sources, world, collected, cluster, rendered, namespace, parameters, node_sets, workloads)
    show(report, targets, verbose, quiet, again, profile)
    return report.exit_status


def _waivers() -> tuple[Waiver, ...]:
    """The configuration's waivers."""
    from clusterproof.checks.finding import Waiver

    return tuple(
        Waiver(entry.id, entry.reason, entry.owner, entry.expires, entry.groups)
        for entry in configuration.current().config.waivers
    )


def _day(as_of: str, snapshot: Snapshot, waivers: Sequence[Waiver]) -> str:
    """The day by which waivers are judged: the one named, else the snapshot's, else today, which only this asks for."""
    if as_of or snapshot.meta.time or not waivers:
        return as_of
    import datetime as dt

    return dt.datetime.now(dt.UTC).date().isoformat()


def _again(
    sources: Sequence[str],
    world: str | None,
    collected: Sequence[str],
    cluster: str,
    rendered: Sequence[str],
    namespace: str,
    parameters: Sequence[str],
    node_sets: Sequence[str],
    workloads: Sequence[str],
) -> str:
    """What was typed, to be repeated in proposed commands; what the configuration says is said again by itself."""
    again = {
        **live.again(),
        "--collected": collected,
        "--cluster": (cluster,) if cluster else (),
        "--with": rendered if configuration.typed("rendered") else (),
        "--namespace": (namespace,) if configuration.typed("namespace") else (),
        "--set": parameters,
        "--nodes": node_sets,
        "--workload": workloads,
        "--config": (configuration.current().where,) if configuration.named() else (),
    }
    return options.given(sources, world, again)


def show(
    report: Report, targets: Sequence[Target], verbose: bool, quiet: bool, arguments: str, profile: str = ""
) -> None:
    """Render a report into every target; SARIF takes the rules' help from the profile that was named."""
    from clusterproof import reports

    located = None
    if profile and any(target.format == "sarif" for target in targets):
        from clusterproof.profiles.located import locate

        located = locate(profile)

    def make(target: Target) -> str:
        return reports.render(
            report,
            target.format,
            width=width() if target.file is None else 80,
            colour=target.file is None and colour(),
            verbose=verbose,
            arguments=arguments,
            located=located,
            profile=options.own(profile),
        )

    deliver(targets, make, quiet=quiet)
