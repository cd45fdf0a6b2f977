"""Where results go: stdout or a file, with the width and colour that the reader has."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clusterproof.errors import UsageError
from clusterproof.reports.text import clean

if TYPE_CHECKING:
    _Type = click.ParamType["Target"]
else:
    _Type = click.ParamType  # older versions of click do not take the parameter


class Target:
    """One ``-o FORMAT[=FILE]``.

    Attributes:
        format: one of the command's formats.
        file: where it goes; None is stdout, also for ``-``.
    """

    __slots__ = ("file", "format")

    def __init__(self, format_: str, file: Path | None) -> None:
        self.format = format_
        self.file = file


class TargetType(_Type):
    """Parses ``FORMAT[=FILE]``."""

    name = "format"

    def __init__(self, formats: Sequence[str]) -> None:
        self.formats = tuple(formats)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click's signature
        """How the help shows it."""
        return f"{'|'.join(self.formats)}[=FILE]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Target:
        """A target, or a usage error that names the formats."""
        if isinstance(value, Target):
            return value
        format_, equals, file = str(value).partition("=")
        if format_ not in self.formats:
            self.fail(f"there is no format {format_!r}; there are {', '.join(self.formats)}", param, ctx)
        if equals and not file:
            self.fail(f"no file is named after {value}", param, ctx)
        return Target(format_, Path(file) if equals and file != "-" else None)


def width() -> int:
    """Columns to lay out for: ``COLUMNS``, else the terminal's, else 80."""
    return shutil.get_terminal_size((80, 24)).columns


def colour() -> bool:
    """Whether stdout is a terminal that wants colour."""
    return sys.stdout.isatty() and _escapes()


def _escapes() -> bool:
    """Whether a terminal may be sent escape sequences (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and not _dumb()


def _dumb() -> bool:
    """Whether the terminal can do nothing but print lines."""
    return os.environ.get("TERM") == "dumb"


def layout(target: Target) -> dict[str, Any]:
    """``width`` and ``colour`` for what renders a target: the terminal's, or 80 columns without colour in a file."""
    return {"width": width(), "colour": colour()} if target.file is None else {"width": 80, "colour": False}


def apart(targets: Sequence[Target]) -> None:
    """Make sure, before anything is read, that each target has a place of its own and that there may be one.

    Raises:
        UsageError: two go to stdout or to one file, or a file would be in a directory that is not there.
    """
    places = [
        None if target.file is None or _is_stdout(target.file) else os.path.realpath(target.file) for target in targets
    ]
    if places.count(None) > 1:
        raise UsageError("two formats would go to the terminal; give all but one a file: -o json=report.json")
    if len(set(places)) < len(places):
        raise UsageError("two formats would go to one file; name different files after -o")
    for target in targets:
        if target.file is not None:
            placeable(target.file)


def placeable(path: Path) -> None:
    """Make sure, before anything is read, that a file can be written there.

    Raises:
        UsageError: there is no such directory, it is closed to the user, or the path itself is a directory.
    """
    if not path.parent.is_dir():
        raise UsageError(
            f"{path} cannot be written (there is no directory {path.parent}); make it, or name another place after -o"
        )
    if path.is_dir():
        raise UsageError(f"{path} cannot be written (it is a directory); name a file after -o")
    if not os.access(path if path.exists() and not path.is_file() else path.parent, os.W_OK):
        raise UsageError(f"{path} cannot be written (Permission denied); name another place after -o")


def _is_stdout(path: Path) -> bool:
    """Whether a file is what standard output goes to already: ``/dev/stdout``, or that of ``> FILE``."""
    try:
        there = path.stat()
        return not os.path.samestat(there, Path(os.devnull).stat()) and os.path.samestat(
            there, os.fstat(sys.stdout.fileno())
        )
    except (OSError, ValueError):  # it does not exist yet, or stdout is no file
        return False


def deliver(targets: Sequence[Target], make: Callable[[Target], str | Iterable[str]], *, quiet: bool = False) -> None:
    """Make every target's text, then write the files, then stdout.

    All files are written beside their places first: when one cannot be, none of them is changed. A text that comes in
    pieces is written as they come.

    Raises:
        UsageError: two go to stdout or to one file, or a file cannot be written.
    """
    apart(targets)
    # ``/dev/stdout`` is no file to put in place: what stands there would be replaced, a link in /dev too.
    targets = [Target(t.format, None) if t.file is not None and _is_stdout(t.file) else t for t in targets]
    texts = [make(target) for target in targets]
    with contextlib.ExitStack() as stack:
        staged = [
            (target.file, stack.enter_context(_staged(target.file, text)))
            for target, text in zip(targets, texts, strict=True)
            if target.file is not None
        ]
        for path, put in staged:
            put()
            if not quiet:
                say(f"wrote {path}")
    for target, text in zip(targets, texts, strict=True):
        if target.file is None:
            for part in _parts(text):
                click.echo(part, nl=False, color=True)


def _parts(text: str | Iterable[str]) -> Iterator[str]:
    """A text in parts that are worth a call to the system each, and need no more memory than that."""
    if isinstance(text, str):
        yield text
        return
    held: list[str] = []
    size = 0
    for piece in text:
        if not held and len(piece) > _PART:
            yield piece
            continue
        held.append(piece)
        size += len(piece)
        if size > _PART:
            yield "".join(held)
            held, size = [], 0
    if held:
        yield "".join(held)


_PART = 1 << 16
"""Characters."""


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all: beside it first, then in its place.

    Raises:
        UsageError: it cannot be written there.
    """
    with _staged(path, text) as put:
        put()


@contextlib.contextmanager
def _staged(path: Path, text: str | Iterable[str]) -> Iterator[Callable[[], None]]:
    """The text in a file beside its place, and what puts it there; the file beside is gone afterwards in any case."""
    if path.exists() and not path.is_file():  # a device or a pipe, such as /dev/stdout: nothing to replace
        yield lambda: _attempt(path, lambda: _put(path, text, "strict"))
        return
    place = Path(os.path.realpath(path))  # a link stays, and leads to what was written
    beside = place.with_name(f".{place.name}.{os.getpid()}.part")
    with _removed_on_failure(beside):
        _attempt(path, lambda: _put(beside, text, "backslashreplace"))
        yield lambda: _attempt(path, lambda: beside.replace(place))


def _put(path: Path, text: str | Iterable[str], errors: str) -> None:
    with path.open("w", encoding="utf-8", errors=errors) as file:
        file.writelines(_parts(text))


def _attempt(path: Path, act: Callable[[], object]) -> None:
    try:
        act()
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> UsageError:
    reason = error.strerror or type(error).__name__
    return UsageError(f"{path} cannot be written ({reason}); name another place after -o")


@contextlib.contextmanager
def _removed_on_failure(path: Path) -> Iterator[None]:
    """Removes the file also on Ctrl-C."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(OSError):  # it was never made
            path.unlink()
        raise


def say(message: str, *, lines: bool = False) -> None:
    """Talk on stderr: one line, or with ``lines`` as many as the message has."""
    click.echo(f"clusterproof: {clean(message, newlines=lines)}", err=True)


@contextlib.contextmanager
def progress(quiet: bool, doing: str = "reading") -> Iterator[Callable[[str], None]]:
    """An observer that shows what is being done, on one line of a terminal; silent anywhere else.

    Where no escape sequences are wanted the line is cleared with spaces; a dumb terminal cannot go back in a line.
    """
    if quiet or not sys.stderr.isatty() or _dumb():
        yield lambda _text: None
        return
    columns = max(width() - 1, 20)
    clear = "\r\x1b[K" if _escapes() else f"\r{' ' * columns}\r"

    def show(text: str) -> None:
        room = max(columns - len(doing) - 1, 20)
        shown = clean(text)
        sys.stderr.write(f"{clear}{doing} {shown if len(shown) <= room else '…' + shown[-room + 1 :]}")
        sys.stderr.flush()

    try:
        yield show
    finally:
        sys.stderr.write(clear)
        sys.stderr.flush()


def notes(found: Sequence[str], *, quiet: bool, verbose: bool) -> None:
    """Say what was left aside while reading; the first few, all when verbose."""
    if quiet:
        return
    shown = found if verbose else found[:5]
    for note in shown:
        say(f"note: {note}")
    if len(found) > len(shown):
        say(f"note: {len(found) - len(shown)} more notes; -v shows them")
