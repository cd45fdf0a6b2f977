"""``clusterproof snapshot``: the live cluster, or files, to one snapshot file; and what is in one."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, deliver, layout, say
from clusterproof.errors import UsageError


class SnapshotCommand(click.Group):
    """``snapshot SRC... -o FILE`` with one subcommand, ``inspect``.

    Only a first word that is exactly ``inspect`` is the subcommand; a directory
    of that name is written ``./inspect``.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Everything but ``inspect`` goes to ``make``."""
        if args[:1] != ["inspect"] and args[:1] not in (["--help"], ["-h"]):
            args = ["make", *args]
        return super().parse_args(ctx, args)

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The usage that stands for both."""
        return ["[SRC]... -o FILE", "|", "inspect FILE"]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The options of making, and the subcommand."""
        with formatter.section("Making"):
            formatter.write_dl([record for p in make.params if (record := p.get_help_record(ctx)) is not None])
        with formatter.section("Inspecting"):
            formatter.write_dl([("inspect FILE", inspect.get_short_help_str(100))])


@click.group(
    cls=SnapshotCommand,
    short_help="Put the live cluster, or kubectl and aws output, into one file; or inspect one.",
)
def command() -> None:
    """Put the live cluster and account, or kubectl and aws output, into one file; or inspect such a file.

    \b
      clusterproof snapshot -o prod.snapshot
      clusterproof snapshot ./dump -o prod.snapshot
      clusterproof snapshot inspect prod.snapshot
    """  # noqa: D301 - click reads the backspace: keep these lines as they are


@command.command("make", hidden=True)
@click.argument("sources", metavar="[SRC]...", nargs=-1)
@click.option(
    "-o", "--output", "file", metavar="FILE", type=click.Path(path_type=Path), help="The snapshot to write; needed."
)
@options.reading
@options.lively
@options.quiet
def make(sources: tuple[str, ...], file: Path | None, collected: tuple[str, ...], cluster: str, quiet: bool) -> None:
    """Put the live cluster and account, or kubectl and aws output, into one snapshot file."""
    from clusterproof.snapshot.writer import write

    if file is None:
        raise UsageError("no file to write was named; write: clusterproof snapshot [SRC]... -o FILE")
    snapshot = options.read(options.Inputs(sources, None, collected, cluster), quiet=quiet)
    write(snapshot, file)
    if not quiet:
        objects = sum(len(table) for table in snapshot.tables.values())
        incomplete = [name for name, t in sorted(snapshot.tables.items()) if any(c.missing for c in t.coverage)]
        say(f"wrote {file}: {objects} objects of {len(snapshot.tables)} kinds")
        if incomplete:
            say(f"not complete: {', '.join(incomplete)}; clusterproof snapshot inspect {file} says why")


@command.command("inspect")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@options.formats("table", "json")
@options.quiet
def inspect(file: Path, targets: tuple[Target, ...], quiet: bool) -> None:
    """Verify a snapshot file's hashes and list what it holds, and what is missing."""
    from clusterproof.reports import inspection
    from clusterproof.reports.encoding import encode
    from clusterproof.snapshot.reader import verify

    if file.is_dir():
        named = shlex.quote(f"./{file}" if str(file) == "inspect" else str(file))
        raise UsageError(f"{file} is a directory; make a snapshot of it first: clusterproof snapshot {named} -o FILE")
    if not file.is_file():
        raise UsageError(f"{file}: there is no such snapshot file")
    manifest = verify(file)

    def text(target: Target) -> str:
        if target.format == "json":
            return encode(manifest)
        return inspection.render(manifest, **layout(target))

    deliver(targets, text, quiet=quiet)
