"""The command group, and the one place that turns errors into sentences and exit statuses."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import click

from clusterproof.errors import ClusterproofError

SUMMARIES = {
    "demo": "Check a cluster that ships with clusterproof: start here.",
    "check": "Check a cluster against a profile, for every node the scheduler may choose.",
    "why": "Say why one workload reaches another, or does not, hop by hop.",
    "place": "Say where a workload may land, why not elsewhere, and how likely.",
    "connections": "List who reaches whom, between all workloads and Services.",
    "fix": "Print the proven change that makes failing requirements pass.",
    "diff": "Say what changed since a snapshot or report, or between two, and its verdicts.",
    "diagnose": "Find known symptoms in logs, and say what their requirements come to now.",
    "explain": "Print a requirement's manual: what, why, how, and the remedy.",
    "profiles": "List, show and validate profiles.",
    "config": "Show what counts: clusterproof.yaml, the command line, and defaults.",
    "snapshot": "Put the live cluster, or kubectl and aws output, into one file; or inspect one.",
    "permissions": "Print the least rights that reading live needs, as RBAC or IAM.",
}
"""Every command with its one line of help, in the order of the help page; the modules are imported when used."""

EXIT_STATUSES = (
    (0, "nothing fails"),
    (1, "something at or above --fail-on fails"),
    (2, "wrong usage, or input that cannot be used"),
    (3, "nothing fails, but something required could not be decided"),
    (4, "the cluster or account could not be read at all"),
    (70, "a fault in clusterproof itself"),
    (130, "interrupted"),
)
"""What the exit status means, for every command."""

CRASHED, INTERRUPTED, BROKEN_PIPE, TERMINATED = 70, 130, 141, 143
_NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF, errno.EIO)
"""What writing to standard output may come to; files that are named have sentences of their own."""


class Commands(click.Group):
    """Commands that are imported when they are run; the help page imports none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order of the help page."""
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - the same
        """Import a command; None when there is none of that name."""
        if cmd_name not in SUMMARIES:
            return None
        command = importlib.import_module(f"clusterproof.cli.commands.{cmd_name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - narrows the type
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, with a suggestion when there is none."""
        if args and args[0] not in SUMMARIES and not args[0].startswith("-"):
            from clusterproof.cli.suggest import did_you_mean

            if args[0] == "version":
                ctx.fail("there is no command 'version': write clusterproof --version")
            hint = did_you_mean(args[0], SUMMARIES)
            ctx.fail(f"there is no command {args[0]!r}{hint or '; clusterproof --help lists them'}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        """The command table, from :data:`SUMMARIES`."""
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - the same
        """The exit statuses."""
        with formatter.section("Exit status"):
            formatter.write_dl([(str(status), meaning) for status, meaning in EXIT_STATUSES])


def _version(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from clusterproof._version import __version__

        click.echo(f"clusterproof {__version__}")
        ctx.exit()


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    subcommand_metavar="COMMAND ...",
    no_args_is_help=False,
    invoke_without_command=True,
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.option("--debug", is_flag=True, expose_value=False, help="Show a traceback when clusterproof itself fails.")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Decide whether a Kubernetes cluster on AWS meets what an AI platform needs, and prove it.

    The answer holds for every node that the scheduler may choose, today's and
    tomorrow's. Nothing is changed: the cluster and its AWS account are only read,
    or files of what kubectl and aws print.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit; every error becomes one sentence on stderr."""
    args = list(sys.argv[1:] if arguments is None else arguments)
    _open_closed()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # a character that the terminal lacks ends no report
    with _ended_as_interrupted():
        status = _guarded(args)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        status = _pipe_closed()
    except OSError as error:
        status = _unwritable(error)
    sys.exit(status)


def _open_closed() -> None:
    """A stream that the caller closed (``>&-``) becomes one that says so when it is written to or read."""
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_RDONLY))
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")  # reading only, so that writing fails
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")


class _Terminated(KeyboardInterrupt):
    """SIGTERM came: ended as by Ctrl-C, with files and plugins tidied up."""


@contextlib.contextmanager
def _ended_as_interrupted() -> Iterator[None]:
    """Hears SIGTERM while a command runs, unless whoever started it has other plans for the signal."""

    def end(_number: int, _frame: object) -> NoReturn:
        raise _Terminated

    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _guarded(args: list[str]) -> int:
    try:
        if "_CLUSTERPROOF_COMPLETE" in os.environ:
            cli.main(args, prog_name="clusterproof")
        return _status(args)
    except click.ClickException as error:
        return _usage(error)
    except ClusterproofError as error:
        _say(str(error))
        return error.exit_status
    except (KeyboardInterrupt, click.Abort) as error:
        click.echo(err=True)
        _say("interrupted; nothing was written")
        return TERMINATED if isinstance(error, _Terminated) else INTERRUPTED
    except BrokenPipeError:
        return _pipe_closed()
    except Exception as error:  # the last guard: no traceback reaches a user unasked
        if isinstance(error, OSError) and error.filename is None and error.errno in _NOT_WRITABLE:
            return _unwritable(error)
        if _debugging(args):
            raise
        _say(
            f"this is a fault in clusterproof, not in your input: {type(error).__name__}: {error}; "
            f"for a traceback to report, run: clusterproof --debug {' '.join(args)}"
        )
        return CRASHED


def _debugging(args: Sequence[str]) -> bool:
    """Whether ``--debug`` stands before the command, where it is an option of ``clusterproof`` itself."""
    for arg in args:
        if not arg.startswith("-"):
            return False
        if arg == "--debug":
            return True
    return False


def _status(args: list[str]) -> int:
    """What the command returns, or the status it asks to exit with. Not ``cli.main``: that exits 1 on a closed pipe."""
    try:
        with cli.make_context("clusterproof", list(args)) as ctx:  # click takes the list apart
            result: Any = cli.invoke(ctx)
    except click.exceptions.Exit as done:
        return done.exit_code
    return result if isinstance(result, int) else 0


def _usage(error: click.ClickException) -> int:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if isinstance(error, click.UsageError) and context is not None:
        message = f"{message.rstrip('.')}; see: {context.command_path} --help"
    _say(message[:1].lower() + message[1:] if message[:1].isupper() and message[1:2].islower() else message)
    return 2


def _say(message: str) -> None:
    """One message on stderr; also an error's text may quote a cluster, so it is neutralised."""
    from clusterproof.reports.text import clean

    click.echo(f"clusterproof: {clean(message, newlines=True)}", err=True)


def _pipe_closed() -> int:
    """The reader has gone (``| head``): say nothing, and keep the interpreter from saying it at exit."""
    _discard()
    return BROKEN_PIPE


def _unwritable(error: OSError) -> int:
    """Standard output takes no more (a full disk, ``>&-``): one sentence."""
    reason = "standard output is closed" if error.errno == errno.EBADF else error.strerror
    _discard()
    _say(f"cannot write the report: {reason}; write it into a file with -o, or send it elsewhere")
    return 2


def _discard() -> None:
    """Let what is still buffered for standard output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
