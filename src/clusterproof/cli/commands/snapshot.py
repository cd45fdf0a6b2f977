"""``clusterproof snapshot``: the live cluster, or files, to one snapshot file; and what is in one."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clusterproof.cli import options
from clusterproof.cli.output import Target, deliver, layout, placeable, say
from clusterproof.errors import UsageError

if TYPE_CHECKING:
    from clusterproof.snapshot.snapshot import Snapshot


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
    "-o",
    "--output",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="The snapshot to write, - for stdout; needed.",
)
@options.reading
@options.lively
@options.quiet
def make(sources: tuple[str, ...], file: Path | None, collected: tuple[str, ...], cluster: str, quiet: bool) -> None:
    """Put the live cluster and account, or kubectl and aws output, into one snapshot file."""
    from clusterproof.reports.text import plural
    from clusterproof.snapshot.writer import write

    if file is None:
        raise UsageError("no file to write was named; write: clusterproof snapshot [SRC]... -o FILE")
    piped = str(file) == "-"
    if piped and _terminal():
        raise UsageError("a snapshot is no text for a terminal; write -o FILE, or send it into a file or a pipe")
    if not piped:
        placeable(file)
    snapshot = options.read(options.Inputs(sources, None, collected, cluster), quiet=quiet)
    if piped:
        _pipe(snapshot)
    else:
        write(snapshot, file)
    if not quiet:
        objects = sum(len(table) for table in snapshot.tables.values())
        incomplete = [name for name, t in sorted(snapshot.tables.items()) if any(c.missing for c in t.coverage)]
        held = f"{plural(objects, 'object')} of {plural(len(snapshot.tables), 'kind')}"
        say(f"wrote {'the snapshot' if piped else file}: {held}")
        if incomplete:
            named = "FILE" if piped else file
            say(f"not complete: {', '.join(incomplete)}; clusterproof snapshot inspect {named} says why")


def _terminal() -> bool:
    return sys.stdout.isatty()


def _pipe(snapshot: Snapshot) -> None:
    """The same bytes as in a file, to standard output."""
    import shutil
    import tempfile

    from clusterproof.snapshot.writer import write_to

    with tempfile.TemporaryFile() as whole:  # the format goes back to what it has written: a pipe cannot
        write_to(snapshot, whole)
        whole.seek(0)
        shutil.copyfileobj(whole, sys.stdout.buffer)
        sys.stdout.buffer.flush()


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
