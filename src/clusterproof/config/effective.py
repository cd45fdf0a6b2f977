"""What counts in the end, and where each value came from: the command line, the file, or the default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from clusterproof.config.load import Loaded
from clusterproof.config.model import Config

COMMAND_LINE, DEFAULT = "command line", "default"


class Setting(msgspec.Struct, frozen=True):
    """One value.

    Attributes:
        key: as the file has it; of a mapping with the name: ``parameters.dynamo.version``.
        value: what counts.
        origin: ``command line``, ``clusterproof.yaml line 3`` or ``default``.
    """

    key: str
    value: Any
    origin: str


def effective(loaded: Loaded, typed: Mapping[str, Any]) -> tuple[Setting, ...]:
    """Every key of the configuration with the value that counts, in the file's documented order.

    Args:
        loaded: the configuration, or none.
        typed: what stands on the command line, by key; of mappings only the names that stand there.
    """
    found: list[Setting] = []
    for item in msgspec.structs.fields(Config):
        key, value = item.encode_name, getattr(loaded.config, item.name)
        if isinstance(value, dict):
            found += _mapping(loaded, key, value, typed.get(key, {}))
        elif key == "waivers":
            found += [
                Setting(f"waivers[{number}]", msgspec.to_builtins(entry), loaded.origin(f"waivers[{number}]"))
                for number, entry in enumerate(value)
            ]
        elif key in typed:
            found.append(Setting(key, _plain(typed[key]), COMMAND_LINE))
        else:
            found.append(Setting(key, _plain(value), loaded.origin(key) or DEFAULT))
    return tuple(found)


def _mapping(loaded: Loaded, key: str, value: Mapping[str, Any], typed: Mapping[str, Any]) -> list[Setting]:
    kept = {
        name: Setting(f"{key}.{name}", _plain(item), loaded.origin(f"{key}.{name}")) for name, item in value.items()
    }
    given = {name: Setting(f"{key}.{name}", _plain(item), COMMAND_LINE) for name, item in typed.items()}
    return [*(kept | given).values()]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else msgspec.to_builtins(value)
