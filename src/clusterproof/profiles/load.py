"""Profiles from the package or from a file of the user's own: one way for both (design rule 10)."""

from __future__ import annotations

import functools
from importlib import resources
from pathlib import Path

import msgspec

from clusterproof.errors import NotFoundError, ProfileError
from clusterproof.profiles.conditions import applies
from clusterproof.profiles.model import Profile
from clusterproof.profiles.shape import Problem, join, shape_problems

__all__ = ["Problem", "applies", "builtin_names", "listed", "load", "parse", "validate"]

SHOWN = 8
"""How many faults of a file are listed; the rest is counted."""


def builtin_names() -> tuple[str, ...]:
    """The profiles that come with the package, sorted."""
    files = resources.files("clusterproof.profiles").iterdir()
    return tuple(sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml")))


def load(name_or_path: str | Path) -> Profile:
    """A built-in profile by its name, or a user's own by the path of its YAML or JSON file.

    A built-in name wins; ``./dynamo`` is a path.

    Raises:
        NotFoundError: neither a built-in profile nor a file.
        ProfileError: the file cannot be read, or something in it is wrong; all faults are listed with their paths.
    """
    text = str(name_or_path)
    if text in builtin_names():
        return _builtin(text)
    path = Path(text)
    if not path.exists():
        import difflib

        names = builtin_names()
        near = difflib.get_close_matches(text, names, n=1)
        hint = f"did you mean {near[0]}?" if near else f"built-in profiles: {', '.join(names)}; or give a file's path"
        raise NotFoundError(f"there is no profile {text}; {hint}")
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = "it is a directory" if path.is_dir() else (error.strerror or "it cannot be opened").lower()
        raise ProfileError(f"cannot be read ({reason}); give the path of a YAML or JSON file", where=text) from None
    return parse(data, text)


@functools.lru_cache(maxsize=8)
def _builtin(name: str) -> Profile:
    data = (resources.files("clusterproof.profiles") / f"{name}.yaml").read_bytes()
    # The rules of `validate` hold for what is shipped (a test sees to it); only the shape is looked at again.
    from clusterproof.profiles.yamlfile import read_values

    return msgspec.convert(read_values(data, f"built-in profile {name}")[0], Profile)


def parse(data: bytes, where: str) -> Profile:
    """A profile from a file's bytes.

    Args:
        data: YAML or JSON in UTF-8.
        where: the file's name, for messages.

    Raises:
        ProfileError: with every fault, its path inside the file and its line.
    """
    from clusterproof.profiles.yamlfile import read_values

    values, lines = read_values(data, where)
    # A key that is not known is often why another is missing: such faults come first.
    problems = sorted(shape_problems(values, Profile), key=lambda problem: not problem.key)
    if not problems:
        try:
            profile = msgspec.convert(values, Profile)
        except msgspec.ValidationError as error:  # the walk above is stricter; this is its safety net
            raise ProfileError(str(error).replace("`", ""), where=where) from None
        problems = validate(profile)
        if not problems:
            return profile
    raise ProfileError(listed(problems, lines, where), where=where)


def validate(profile: Profile) -> list[Problem]:
    """Every fault of a profile beyond its shape; empty when it can be used."""
    from clusterproof.profiles.rules import rule_problems

    return list(rule_problems(profile))


def listed(problems: list[Problem], lines: dict[str, int], where: str) -> str:
    """The faults, one to a line, each with the file's name, its path and its line in the file."""
    shown = [f"{problem}{_line(problem, lines)}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        shown.append(f"and {len(problems) - SHOWN} more")
    return f"\n{where}: ".join(shown)


def _line(problem: Problem, lines: dict[str, int]) -> str:
    """`` (line 12)``: of the member, or of the nearest one that contains it."""
    path = join(problem.path, problem.key) if problem.key else problem.path
    while path:
        if path in lines:
            return f" (line {lines[path]})"
        path = path[: max(path.rfind("."), path.rfind("["))] if ("." in path or "[" in path) else ""
    return ""
