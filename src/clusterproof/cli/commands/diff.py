"""``clusterproof diff``: what changed since, which verdicts that changed, and by which object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterproof.cli import configuration, live, options, overwriting
from clusterproof.cli.output import Target, deliver, layout, progress
from clusterproof.errors import UsageError

if TYPE_CHECKING:
    from clusterproof.checks.finding import Report


@click.command(
    short_help="Say what changed since a snapshot or report, or between two, and its verdicts.",
    epilog="Exit status: 0 no verdict got worse, 1 something at or above --fail-on fails that did not (or fails in more "
    "places), 3 something is unknown that was known.",
)
@options.sources
@options.lively
@options.overlays
@click.option(
    "--profile", "-p", metavar="NAME|FILE", default="", help="What to judge by; reports of check say it themselves."
)
@options.adjusting
@options.formats("table", "json", "markdown")
@options.verbosity
def command(
    inputs: options.Inputs,
    profile: str,
    adjusted: options.Adjusted,
    targets: tuple[Target, ...],
    verbose: bool,
    quiet: bool,
) -> int:
    """Say what changed between OLD and NEW, which verdicts that changed, and by which object.

    SRC is OLD NEW: snapshot files, directories of kubectl and aws output, or
    JSON reports of check. OLD alone is compared with the live cluster and
    account, which are only read. Of snapshots the objects are compared too, and
    for each verdict that changed the smallest set of changed objects is looked
    for that brings it about. With --world, OLD is a world that ships with
    clusterproof. With --with and OLD alone, NEW is OLD as if rendered manifests
    were applied.

    \b
      clusterproof diff monday.snapshot --profile dynamo
      clusterproof diff monday.snapshot today.snapshot --profile dynamo
      clusterproof diff last.json now.json
      clusterproof diff prod.snapshot --with rendered.yaml --profile dynamo
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api
    from clusterproof.reports import comparison
    from clusterproof.reports.encoding import encode
    from clusterproof.snapshot.snapshot import Snapshot

    overwriting.refuse()
    judging = options.adjustments(adjusted)
    old, new = _sides(inputs)
    reports = [_is_report(side) for side in (old, new)]
    if all(reports) and not configuration.typed("profile"):
        profile = ""  # they say it themselves; the configuration's is that of checks to come
    if not profile and not any(reports):  # before anything is read
        raise UsageError("two snapshots are compared by a profile; name one: --profile dynamo")

    def read(side: options.Inputs, other: Snapshot | Report | None = None) -> Snapshot | Report:
        if _is_report(side):
            if side.rendered:
                raise UsageError(f"{side.sources[0]} is a report; --with needs a snapshot to put manifests on")
            return api.load_report(side.sources[0])
        # Beside a report only verdicts are compared: live, what the profile needs is enough.
        needed = "" if other is None or isinstance(other, Snapshot) else profile or other.profile.name
        parameters = judging["parameters"]
        return options.read(side, quiet=quiet, verbose=verbose, profile=needed, parameters=parameters, beside_live=True)

    before = read(old)
    after = read(new, before)
    with progress(quiet, "looking for") as observer:
        found = api.diff(before, after, profile, names=(_name(old), _name(new)), observer=observer, **judging)

    def make(target: Target) -> str:
        if target.format == "json":
            return encode(found)
        if target.format == "markdown":
            return comparison.markdown(found, verbose=verbose)
        return comparison.render(found, **layout(target), verbose=verbose)

    deliver(targets, make, quiet=quiet)
    return found.exit_status


def _sides(inputs: options.Inputs) -> tuple[options.Inputs, options.Inputs]:
    """What is OLD and what is NEW; options of live reading have a meaning only where NEW is the live cluster.

    Raises:
        UsageError: there is no OLD, there are more than two, a live cluster is named beside both, or standard input
            stands for several.
    """
    bare = inputs._replace(sources=(), world=None, rendered=())
    sides = [bare._replace(world=inputs.world)] if inputs.world is not None else []
    sides += [bare._replace(sources=(path,)) for path in inputs.sources]
    if len(sides) not in (1, 2):
        raise UsageError(
            f"{len(sides) or 'no'} sources are named; write: clusterproof diff OLD NEW, or diff OLD to compare with the "
            "live cluster, or diff OLD --with FILE"
        )
    if len(sides) == 2 or (inputs.rendered and not live.typed()):
        live.refuse_beside("NEW")
        sides = [sides[0], sides[-1]]
    else:
        sides.append(bare)
    old, new = sides[0], sides[1]._replace(rendered=inputs.rendered)
    if [*old.sources, *new.sources, *new.rendered].count("-") > 1:
        raise UsageError("standard input can be one of OLD, NEW and --with; write the others into files")
    return old, new


def _is_report(side: options.Inputs) -> bool:
    from clusterproof.reports.reading import is_report

    return bool(side.sources) and is_report(Path(side.sources[0]))


def _name(side: options.Inputs) -> str:
    """A side as the user named it."""
    if side.world is not None:
        name = f"world {side.world}"
    elif side.sources:
        name = side.sources[0]
    else:
        name = ", ".join(() if live.typed() else configuration.inputs()) or "the live cluster"
    shown = ", ".join("stdin" if item == "-" else item for item in side.rendered)
    return f"{name} with {shown}" if shown else name
