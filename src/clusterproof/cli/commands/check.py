"""``clusterproof check``: every requirement of a profile, for every placement."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from clusterproof.cli import configuration, library, live, options, overwriting
from clusterproof.cli.output import Target, deliver, layout, say
from clusterproof.cli.suggest import did_you_mean
from clusterproof.errors import UsageError
from clusterproof.reports import CHECKLIST, FORMATS

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
@options.profile_or_baseline
@options.judging
@options.formats(*FORMATS, CHECKLIST)
@options.verbosity
def command(
    inputs: options.Inputs,
    profile: str | None,
    adjusted: options.Adjusted,
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
      clusterproof check prod.snapshot --baseline last.json
      clusterproof check --profile asya -o checklist

    From a pipe, this is enough of Kubernetes (the AWS side: files of ./aws):

    \b
      KINDS=nodes,pods,deployments,statefulsets,daemonsets,replicasets,jobs
      KINDS=$KINDS,cronjobs,services,endpointslices,networkpolicies
      KINDS=$KINDS,persistentvolumeclaims,persistentvolumes,namespaces
      KINDS=$KINDS,customresourcedefinitions,storageclasses,runtimeclasses
      helm list -A -o json > helm.json
      kubectl get $KINDS -A -o json |
        clusterproof check - helm.json ./aws --collected $KINDS --profile dynamo
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api

    judging = options.adjustments(adjusted)
    overwriting.refuse()
    _judged_by(baseline, as_of)
    if profile is None:
        profile = _of_baseline(baseline, quiet=quiet)
    has_checklist(targets, profile)
    snapshot = options.read(inputs, quiet=quiet, verbose=verbose, profile=profile, parameters=judging["parameters"])
    waivers = _waivers()
    report = api.check(
        snapshot, profile, **judging, waivers=waivers, as_of=_day(as_of, snapshot, waivers), baseline=baseline
    )
    if not quiet:
        _say_misnamed(waivers, report.profile.name)
    show(report, targets, verbose, quiet, _again(inputs, adjusted), profile)
    return report.exit_status


def has_checklist(targets: Sequence[Target], profile: str) -> None:
    """Refuse a checklist, before anything is read, of a profile whose document has none.

    Raises:
        UsageError: it has none; the sentence names the profiles that have one.
    """
    if all(target.format != CHECKLIST for target in targets):
        return
    loaded = library.load(profile)
    if not loaded.checklist:
        with_one = ", ".join(name for name in library.builtin() if library.load(name).checklist)
        raise UsageError(
            f"the profile {loaded.name} has no checklist of its document, so -o {CHECKLIST} cannot be made; "
            f"profiles with one: {with_one or 'none'}"
        )


def _of_baseline(baseline: str | None, *, quiet: bool) -> str:
    """The profile that the baseline was checked against.

    Raises:
        MissingParameter: there is no baseline either.
        UsageError: it is no built-in profile, and a report does not say where its file is.
    """
    from clusterproof import api

    if baseline is None:
        context = click.get_current_context()
        raise click.MissingParameter(ctx=context, param=next(p for p in context.command.params if p.name == "profile"))
    name = api.load_report(baseline).profile.name
    if name not in library.builtin():
        raise UsageError(f"{baseline} is a report on a profile of your own, {name}; name its file: --profile FILE")
    if not quiet:
        say(f"profile {name}, as {baseline} says")
    return name


def _judged_by(baseline: str | None, as_of: str) -> None:
    """Refuse, before anything is read, a day or a baseline that is none.

    Raises:
        UsageError: one of these.
    """
    from clusterproof.checks.waivers import day

    if as_of:
        day(as_of, "--as-of")
    if baseline == "":
        raise UsageError("--baseline names no file; name a JSON report of an earlier check, or leave it out")


def _say_misnamed(waivers: Sequence[Waiver], checked: str) -> None:
    """Waivers of other profiles are left aside; one whose profile is written almost like a known one is told."""
    known = {checked, *library.builtin()}
    for waiver in waivers:
        name = waiver.id.partition("/")[0]
        hint = "" if name in known else did_you_mean(name, sorted(known))
        if hint:
            say(f"note: the waiver of {waiver.id} is for a profile {name!r} and was left aside{hint}")


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


def _again(inputs: options.Inputs, adjusted: options.Adjusted) -> str:
    """What was typed, to be repeated in proposed commands; what the configuration says is said again by itself."""
    again = {
        **live.again(),
        "--collected": inputs.collected,
        "--cluster": (inputs.cluster,) if inputs.cluster else (),
        "--with": inputs.rendered if configuration.typed("rendered") else (),
        "--namespace": (inputs.namespace,) if configuration.typed("namespace") else (),
        **options.repeated(adjusted),
        "--config": (configuration.current().where,) if configuration.named() else (),
    }
    return options.given(inputs, again)


def show(
    report: Report, targets: Sequence[Target], verbose: bool, quiet: bool, arguments: str, profile: str = ""
) -> None:
    """Render a report into every target; SARIF takes the rules' help from the profile that was named, a checklist its boxes."""
    from clusterproof import reports

    located = None
    if profile and any(target.format in ("sarif", CHECKLIST) for target in targets):
        from clusterproof.profiles.located import locate

        located = locate(profile)

    def make(target: Target) -> str:
        return reports.render(
            report,
            target.format,
            **layout(target),
            verbose=verbose,
            arguments=arguments,
            located=located,
            profile=options.own(profile),
        )

    deliver(targets, make, quiet=quiet)
