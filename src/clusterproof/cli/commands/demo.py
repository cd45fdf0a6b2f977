"""``clusterproof demo``: the document's story, on a cluster that ships with clusterproof."""

from __future__ import annotations

import click

from clusterproof.cli import options
from clusterproof.cli.commands.check import has_checklist, show
from clusterproof.cli.output import Target
from clusterproof.reports import CHECKLIST, FORMATS

DEFAULT_WORLD, DEFAULT_PROFILE = "demo", "dynamo"


@click.command(
    short_help="Check a cluster that ships with clusterproof: start here.",
    epilog="The exit status is 0 also though requirements fail: that they do is the story. The status that check "
    "gives stands in the JSON as exit_status.",
)
@click.option(
    "--world",
    metavar="NAME",
    default=DEFAULT_WORLD,
    show_default=True,
    help="Which of the worlds; a name that does not exist lists them.",
)
@click.option(
    "--profile", "-p", metavar="NAME|FILE", default=DEFAULT_PROFILE, show_default=True, help="The profile to check."
)
@options.adjusting
@options.formats(*FORMATS, CHECKLIST)
@options.verbosity
def command(
    world: str,
    profile: str,
    adjusted: options.Adjusted,
    targets: tuple[Target, ...],
    verbose: bool,
    quiet: bool,
) -> None:
    """Check a cluster that ships with clusterproof.

    A GPU cluster on EKS with three security groups, as NVIDIA's document
    describes it: etcd and NATS cannot be reached from the GPU nodes, and
    whether Prometheus can depends on where the scheduler puts the check.
    """
    from clusterproof import api

    has_checklist(targets, profile)
    report = api.check(api.load_world(world), profile, **options.adjustments(adjusted))
    again = options.given(options.Inputs(world=world), options.repeated(adjusted))
    show(report, targets, verbose, quiet, again, profile)
