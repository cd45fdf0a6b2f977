"""``clusterproof permissions``: the least rights that reading live needs."""

from __future__ import annotations

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, deliver, layout


@click.command(short_help="Print the least rights that reading live needs, as RBAC or IAM.")
@click.option(
    "--profile", metavar="NAME|FILE", default="", help="The profile to be checked; else what any check reads."
)
@click.option("--group", metavar="GROUP", default="", help="The group that the ClusterRole is bound to (rbac).")
@click.option("--logs", is_flag=True, help="Also the logs of pods, which diagnose reads (rbac).")
@options.formats("table", "rbac", "iam")
@options.quiet
def command(profile: str, group: str, logs: bool, targets: tuple[Target, ...], quiet: bool) -> None:
    """Print the least rights that reading live needs.

    Made from what is really read: with them everything is, and without one of
    them what rests on it is unknown, with the right's name. All of them only
    read. Nothing is applied.

    \b
      clusterproof permissions --profile dynamo -o rbac | kubectl apply -f -
      clusterproof permissions --profile dynamo -o iam=policy.json
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api
    from clusterproof.reports import rights
    from clusterproof.sources import permissions

    kinds = permissions.needed_kinds(api.load_profile(profile) if profile else None)

    def make(target: Target) -> str:
        if target.format == "rbac":
            return permissions.rbac(kinds, group=group or permissions.GROUP, logs=logs)
        if target.format == "iam":
            return permissions.iam(kinds)
        return rights.table(kinds, **layout(target))

    deliver(targets, make, quiet=quiet)
