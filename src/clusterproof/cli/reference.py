"""``docs/cli.md`` from the commands themselves: ``python -m clusterproof.cli.reference > docs/cli.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click

from clusterproof.cli.app import EXIT_STATUSES, SUMMARIES, cli

WIDTH = 100
_SHOWN = (
    "With real output: `demo`, `check`, `why`, `fix`, `connections`, `explain` in the [README](../README.md); `check`, "
    "`snapshot` and `permissions` on a live cluster in [live.md](live.md); `check --with` in "
    "[inputs.md](inputs.md#what-is-not-installed-yet); waivers, `--baseline` and `config` in [config.md](config.md); "
    "`-o` in [formats.md](formats.md); [`place`](place.md); [`diff`](diff.md); [`diagnose`](diagnose.md); [`profiles`](profiles.md); "
    "`fix --as` in [fixes.md](fixes.md#renderings); `snapshot inspect` in [snapshot-format.md](snapshot-format.md)."
)
_INTRODUCTION = (
    "Results are on stdout; notes, progress and errors on stderr, and progress only on a terminal. `NO_COLOR` and "
    "pipes are honoured; no colour says anything that words do not. In a pipe the width is `COLUMNS`, else 80. "
    "Files are written whole or not at all."
)


def reference() -> str:
    """The help page of every command, and the exit statuses, as Markdown."""
    parts = [
        "# The command line",
        "Made from the code by `python -m clusterproof.cli.reference`; do not edit.",
        _INTRODUCTION,
        _SHOWN,
        "| exit status | meaning |\n|---|---|\n" + "\n".join(f"| {s} | {meaning} |" for s, meaning in EXIT_STATUSES),
        "`demo` exits with 0 also though requirements fail. A closed pipe (`| head`) ends a command silently, with 141; SIGTERM ends it as Ctrl-C does, with 143. A standard output that cannot be written (a full disk) is one sentence and 2.",
    ]
    for name, page in _pages():
        parts.append(f"## {name}\n\n```text\n{page.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _pages() -> Iterator[tuple[str, str]]:
    top = _context(cli, "clusterproof")
    yield "clusterproof", cli.get_help(top)
    for name in SUMMARIES:
        command = cli.get_command(top, name)
        assert command is not None  # noqa: S101 - narrows the type
        yield from _command(command, f"clusterproof {name}", top)


def _command(command: click.Command, path: str, parent: click.Context) -> Iterator[tuple[str, str]]:
    context = _context(command, path.rpartition(" ")[2], parent)
    yield path, command.get_help(context)
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _command(inner, f"{path} {name}", context)


def _context(command: click.Command, name: str, parent: click.Context | None = None) -> click.Context:
    """A context of fixed width, so that the page is the same on every terminal."""
    context = command.context_class(command, info_name=name, parent=parent, **command.context_settings)
    context.terminal_width = WIDTH
    context.max_content_width = WIDTH
    return context


if __name__ == "__main__":
    sys.stdout.write(reference())
