"""The profiles, for commands that show them."""

from __future__ import annotations

from clusterproof.profiles.model import Profile


def builtin() -> tuple[str, ...]:
    """Names of the profiles that come with clusterproof."""
    from clusterproof.profiles.load import builtin_names

    return builtin_names()


def load(name: str) -> Profile:
    """A built-in profile by name, or a file.

    Raises:
        ProfileError: the file is wrong; all faults are in the message.
        NotFoundError: there is neither.
    """
    from clusterproof import api

    return api.load_profile(name)


def as_yaml(profile: Profile) -> str:
    """A profile as a YAML file that ``validate`` accepts."""
    import msgspec
    import yaml

    data = msgspec.to_builtins(profile)
    text: str = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=100)
    return text
