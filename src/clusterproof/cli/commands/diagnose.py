"""``clusterproof diagnose``: symptoms in logs, and what their requirements come to now."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from clusterproof.cli import configuration, live, options, overwriting
from clusterproof.cli.output import Target, deliver, layout, progress
from clusterproof.errors import InputError, UsageError

if TYPE_CHECKING:
    from clusterproof.snapshot.snapshot import Snapshot

_PIECE = 1024 * 1024


@click.command(
    short_help="Find known symptoms in logs, and say what their requirements come to now.",
    epilog="Exit status: 0 no symptom, or only of requirements that pass now; 1 a symptom whose requirement fails; "
    "3 that could not be decided, or a log could not be read.",
)
@click.option(
    "--logs",
    metavar="FILE",
    multiple=True,
    help="A log, or - for standard input; repeatable.  [default: what is piped in, else logs of failing pods, live]",
)
@click.option(
    "--profile",
    "-p",
    "profiles",
    metavar="NAME|FILE",
    multiple=True,
    help="A profile of your own, beside the built-in ones; repeatable.",
)
@options.sources
@options.lively
@options.naming
@options.formats("table", "json")
@options.verbosity
def command(
    logs: tuple[str, ...],
    profiles: tuple[str, ...],
    inputs: options.Inputs,
    adjusted: options.Adjusted,
    targets: tuple[Target, ...],
    verbose: bool,
    quiet: bool,
) -> int:
    """Find known symptoms in logs, and say what their requirements come to now.

    The symptoms are those of all built-in profiles. A requirement that a log
    points to is judged by SRC, else by the live cluster, which is read only if
    a symptom was found. Without a log, those of pods that crash or are not
    ready are read through the API (it needs get pods/log). --set, --nodes and
    --workload are taken by each profile that has the name.

    \b
      clusterproof diagnose --logs worker.log
      kubectl logs -n dynamo deploy/worker | clusterproof diagnose prod.snapshot
      clusterproof diagnose
    """  # noqa: D301 - click reads the backspace: keep these lines as they are
    from clusterproof import api
    from clusterproof.reports import diagnosis
    from clusterproof.reports.encoding import encode

    overwriting.refuse()
    if "-" in logs and "-" in inputs.sources:
        raise UsageError("standard input is both SRC and --logs; write one of them into a file")
    own = configuration.current().config.profile
    entries = [api.load_profile(name) for name in ([*profiles, own] if own else profiles)]
    chosen = options.names(adjusted)

    def read() -> Snapshot:
        return options.read(inputs, quiet=quiet, verbose=verbose)

    given = [(_name(log), _pieces(log)) for log in logs] or _piped(inputs.sources)
    if given:
        found = api.diagnose(given, profiles=entries, snapshot=read, **chosen)
    else:
        if inputs.sources or inputs.world is not None:
            raise UsageError("SRC holds no logs; name one with --logs FILE, or pipe it in")
        snapshot = read()
        with progress(quiet) as observer:
            found = api.diagnose_live(
                snapshot, live.options_of(inputs.cluster), profiles=entries, observer=observer, **chosen
            )

    def make(target: Target) -> str:
        if target.format == "json":
            return encode(found)
        return diagnosis.render(found, **layout(target), verbose=verbose)

    deliver(targets, make, quiet=quiet)
    return found.exit_status


def _piped(sources: tuple[str, ...]) -> list[tuple[str, Iterator[bytes]]]:
    """Standard input where something was piped into it and it is not SRC; an empty pipe is no log."""
    if "-" in sources or sys.stdin is None or sys.stdin.isatty():
        return []
    pieces = _pieces("-")
    first = next(pieces, b"")
    return [(_name("-"), chain((first,), pieces))] if first else []


def _name(log: str) -> str:
    return "standard input" if log == "-" else log


def _pieces(log: str) -> Iterator[bytes]:
    """A log's bytes, piece by piece.

    Raises:
        InputError: it is not there or cannot be read.
    """
    if log == "-":
        yield from _read(sys.stdin.buffer)
        return
    path = Path(log)
    try:
        with path.open("rb") as stream:
            yield from _read(stream)
    except OSError as error:
        reason = "it is a directory" if path.is_dir() else (error.strerror or "it cannot be opened").lower()
        raise InputError(f"the log cannot be read ({reason}); name a file after --logs", where=log) from None


def _read(stream: BinaryIO) -> Iterator[bytes]:
    while piece := stream.read(_PIECE):
        yield piece
