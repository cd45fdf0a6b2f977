"""Finding and reading the configuration.

It is looked for in the working directory and upwards as far as the repository's root or the home directory. Outside
both only the working directory counts: a file that a stranger left in a shared directory above must not decide what
is checked.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from clusterproof.config.model import PATHS, Config
from clusterproof.config.rules import problems
from clusterproof.errors import ConfigError
from clusterproof.profiles.load import builtin_names, listed
from clusterproof.profiles.shape import shape_problems
from clusterproof.profiles.yamlfile import read_values

NAMES = ("clusterproof.yaml", ".clusterproof.yaml")
"""What the file is called."""


class Loaded(msgspec.Struct, frozen=True):
    """A configuration and where it was read.

    Attributes:
        config: its values; paths in it can be opened from the working directory.
        where: the file as it is shown to the user; empty when there is none.
        lines: the line of each member that the file has, by its path: ``waivers[0]``, ``parameters.dynamo.version``.
        found: whether it was found rather than named.
    """

    config: Config
    where: str = ""
    lines: dict[str, int] = {}
    found: bool = False

    def origin(self, key: str) -> str:
        """``clusterproof.yaml line 3``, or an empty text when the file does not have the key."""
        return f"{self.where} line {self.lines[key]}" if key in self.lines else ""


NONE = Loaded(Config())
"""No configuration."""


def find(start: Path, home: Path | None) -> Path | None:
    """The configuration that counts in a directory, or None.

    Args:
        start: the working directory.
        home: the user's home directory, where the search ends.

    Raises:
        ConfigError: one directory has it under both names.
    """
    start = start.resolve()
    home = home.resolve() if home is not None else None
    above = [start, *start.parents]
    end = next((place for place in above if _exists(place / ".git") or place == home), start)
    for place in above[: above.index(end) + 1]:
        there = [place / name for name in NAMES if _is_there(place / name)]
        if len(there) > 1:
            raise ConfigError(
                f"{NAMES[1]} stands beside it; keep one of the two", where=os.path.relpath(there[0], start)
            )
        if there:
            return there[0]
    return None


def load(path: Path | None = None, *, start: Path | None = None, home: Path | None = None) -> Loaded:
    """The configuration that is named, else the one that is found, else none.

    Args:
        path: the file named on the command line.
        start: the working directory; paths are made relative to it.
        home: the user's home directory.

    Raises:
        ConfigError: the file cannot be read, or something in it is wrong; all faults are listed with their lines.
    """
    start = (start or Path.cwd()).resolve()
    found = path is None
    if path is None:
        path = find(start, home if home is not None else _home())
        if path is None:
            return NONE
    where = os.path.relpath(path, start) if found else str(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = "it is a directory" if path.is_dir() else (error.strerror or "it cannot be opened").lower()
        remedy = "mend it, or leave it out with --no-config" if found else "name a YAML file after --config"
        raise ConfigError(f"cannot be read ({reason}); {remedy}", where=where) from None
    config, lines = parse(data, where)
    return Loaded(_placed(config, path.resolve().parent, start), where, lines, found)


def parse(data: bytes, where: str) -> tuple[Config, dict[str, int]]:
    """A configuration from a file's bytes, with the line of each member by its path.

    Raises:
        ConfigError: with every fault, its path inside the file and its line.
    """
    values, lines = read_values(data, where, what="configuration", page="docs/config.md", error=ConfigError)
    if values is None:  # a file of comments
        return Config(), {}
    faults = sorted(shape_problems(values, Config), key=lambda problem: not problem.key)
    if not faults:
        config = msgspec.convert(values, Config)
        faults = list(problems(config))
        if not faults:
            return config, lines
    raise ConfigError(listed(faults, lines, where), where=where)


def _is_there(path: Path) -> bool:
    """Whether somebody put a configuration there; one that cannot be read, as a link to nowhere, is not passed over."""
    return _exists(path) and (path.is_symlink() or path.is_file() or path.is_dir())


def _exists(path: Path) -> bool:
    """Whether there is something, a link to nowhere too; a directory that may not be looked into holds nothing."""
    return os.path.lexists(path)


def _home() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # a user without a home directory (containers)
        return None


def _shown(path: Path, start: Path) -> str:
    """The path as one would type it from the working directory."""
    return os.path.relpath(path.resolve(), start)


def _placed(config: Config, directory: Path, start: Path) -> Config:
    """Paths that stand in the file, from the working directory."""

    def placed(text: str) -> str:
        expanded = Path(text).expanduser()
        return str(expanded) if expanded.is_absolute() or directory == start else _shown(directory / expanded, start)

    changes: dict[str, object] = {}
    for name in PATHS:
        member = "with_" if name == "with" else name
        value = getattr(config, member)
        changes[member] = tuple(map(placed, value)) if isinstance(value, tuple) else placed(value) if value else value
    if config.profile and config.profile not in builtin_names() and (directory / config.profile).exists():
        changes["profile"] = placed(config.profile)
    changes["output"] = tuple(
        f"{name}={placed(file)}" if file else name for name, _, file in (item.partition("=") for item in config.output)
    )
    return msgspec.structs.replace(config, **changes)
