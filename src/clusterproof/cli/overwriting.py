"""A result must not be written over what it is made from: refused before anything is read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from clusterproof.cli import configuration, live
from clusterproof.errors import UsageError

_INPUTS = {
    "sources": "the input",
    "rendered": "the manifests",
    "logs": "the log",
    "baseline": "the baseline",
    "profile": "the profile",
    "profiles": "the profile",
}
"""Parameters of commands that name files which are read."""


def refuse() -> None:
    """Refuse an ``-o`` of the running command whose file is one that the command reads.

    Raises:
        UsageError: with the two names.
    """
    context = click.get_current_context(silent=True)
    if context is None:
        return
    outputs = list(_outputs(context))
    for what, name in _inputs(context) if outputs else ():
        for said, path in outputs:
            if name != "-" and _same(path, Path(name)):
                lost = ", and what is new would be known from then on" if what == "the baseline" else ""
                raise UsageError(f"-o {said} would write over {what}{lost}; name another file")


def _outputs(context: click.Context) -> Iterator[tuple[str, Path]]:
    """What would be written: as it stands behind ``-o``, and the file."""
    for target in context.params.get("targets") or ():
        if target.file is not None:
            yield f"{target.format}={target.file}", target.file
    file = (
        context.params.get("file") if any(p.name == "file" and "-o" in p.opts for p in context.command.params) else ""
    )
    if file:
        yield str(file), Path(file)


def _inputs(context: click.Context) -> Iterator[tuple[str, str]]:
    """What would be read: what it is, and the file or directory."""
    for name, what in _INPUTS.items():
        value = context.params.get(name)
        for item in (value,) if isinstance(value, str) else value or ():
            yield what, item
    yield from (("the input", item) for item in configuration.inputs())
    if configuration.current().where:
        yield "the configuration", configuration.current().where
    if live.kubeconfig():
        yield "the kubeconfig", live.kubeconfig()


_READ = (".json", ".yaml", ".yml", ".snapshot")
"""What a directory is searched for."""
_MARK = b"clusterproof"
"""What each of our outputs holds near its beginning: schema, tool or title."""


def _same(one: Path, other: Path) -> bool:
    """Whether two paths lead to one regular file, also by a link, or would; or one is read as part of a directory.

    A report that an earlier run left in a directory of inputs is no input, so that the run can be repeated.
    """
    try:
        if other.is_dir():
            held = one.is_file() and one.resolve().is_relative_to(other.resolve())
            if not held or one.suffix.lower() not in _READ:
                return False
            with one.open("rb") as file:
                return _MARK not in file.read(4096)
        if not other.is_file():
            return False
        return one.samefile(other) if one.exists() else os.path.realpath(one) == os.path.realpath(other)
    except OSError:
        return False
