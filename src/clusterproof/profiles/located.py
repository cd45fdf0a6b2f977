"""A profile together with where its text stands: which file, and on which line each requirement begins."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec

from clusterproof.profiles.load import builtin_names, load
from clusterproof.profiles.model import Profile


class Located(msgspec.Struct, frozen=True):
    """A profile and its file.

    Attributes:
        profile: the profile.
        path: its file, with ``/``: relative to the package ``clusterproof`` where ``packaged``; else as the user named
            it, relative to the working directory where it is below.
        packaged: whether it ships with clusterproof.
        lines: the line on which each requirement begins, from 1, by the requirement's id.
    """

    profile: Profile
    path: str
    packaged: bool
    lines: dict[str, int]


def locate(name_or_path: str | Path) -> Located:
    """A built-in profile by its name, or a user's own by its path, as :func:`clusterproof.profiles.load.load` finds it.

    Raises:
        NotFoundError: neither a built-in profile nor a file.
        ProfileError: the file cannot be read, or something in it is wrong.
    """
    profile = load(name_or_path)
    name = str(name_or_path)
    packaged = name in builtin_names()
    path = f"profiles/{name}.yaml" if packaged else _below(Path(name)).as_posix()
    data = (resources.files("clusterproof") / path).read_bytes() if packaged else Path(name).read_bytes()
    from clusterproof.profiles.yamlfile import read_values

    _, lines = read_values(data, name)
    found = {
        requirement.id: lines[f"requirements[{number}]"]
        for number, requirement in enumerate(profile.requirements)
        if f"requirements[{number}]" in lines
    }
    return Located(profile, path, packaged, found)


def _below(path: Path) -> Path:
    """The path from the working directory on, where it leads into it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
