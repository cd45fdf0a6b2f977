"""``clusterproof profiles``: list, show and validate profiles."""

from __future__ import annotations

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, deliver, layout


@click.group(short_help="List, show and validate profiles.", no_args_is_help=False, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """List, show and validate profiles.

    A profile holds a platform's requirements as data. Your own file can have
    everything that a built-in one has.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


@command.command("list")
@options.formats("table", "json")
def list_(targets: tuple[Target, ...]) -> None:
    """List the built-in profiles."""
    from clusterproof.cli.library import builtin, load
    from clusterproof.reports import manual
    from clusterproof.reports.encoding import encode

    entries = [load(name) for name in builtin()]

    def make(target: Target) -> str:
        if target.format == "json":
            return encode([{"name": e.name, "title": e.title, "requirements": len(e.requirements)} for e in entries])
        return manual.profiles(entries, **layout(target))

    deliver(targets, make)


@command.command("show")
@click.argument("name", metavar="NAME|FILE")
@options.formats("table", "json", "yaml")
def show(name: str, targets: tuple[Target, ...]) -> None:
    """Show one profile: requirements, node sets, workloads, parameters.

    With -o yaml it is printed whole, to begin a profile of your own.
    """
    from clusterproof.cli.library import as_yaml, load
    from clusterproof.reports import manual
    from clusterproof.reports.encoding import encode

    entry = load(name)

    def make(target: Target) -> str:
        if target.format == "json":
            return encode(entry)
        if target.format == "yaml":
            return as_yaml(entry)
        return manual.profile(entry, **layout(target))

    deliver(targets, make)


@command.command("validate")
@click.argument("files", metavar="FILE...", nargs=-1, required=True)
@options.quiet
def validate(files: tuple[str, ...], quiet: bool) -> int:
    """Check profile files: unknown keys, wrong types, names that are not there, expressions that do not parse.

    Exit status: 0 all are valid, 2 one is not.
    """
    from clusterproof.cli.library import load
    from clusterproof.cli.output import say
    from clusterproof.errors import ClusterproofError
    from clusterproof.reports.text import clean, plural

    bad = 0
    for file in files:
        try:
            entry = load(file)
        except ClusterproofError as error:
            say(str(error), lines=True)
            bad += 1
        else:
            if not quiet:
                click.echo(f"{clean(file)}: valid, {plural(len(entry.requirements), 'requirement')}")
    return 2 if bad else 0
