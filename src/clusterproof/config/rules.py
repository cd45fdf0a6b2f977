"""What must hold in a configuration beyond its shape."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator

from clusterproof.config.model import Config
from clusterproof.profiles.shape import Problem

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*/[a-z0-9]+(-[a-z0-9]+)*")


def problems(config: Config) -> Iterator[Problem]:
    """Every fault, with its path inside the file."""
    for name in ("parameters", "nodes", "workloads"):
        if getattr(config, name) and not config.profile:
            yield Problem(name, "is for one profile; say which with the key 'profile'")
    for name in ("inputs", "with"):
        values = config.inputs if name == "inputs" else config.with_
        if "-" in values:
            yield Problem(name, "standard input cannot be kept in a file; name - on the command line")
    for number, waiver in enumerate(config.waivers):
        path = f"waivers[{number}]"
        if not _ID.fullmatch(waiver.id):
            yield Problem(
                f"{path}.id", f"{waiver.id!r} is no finding's id; write profile/requirement, as reports print it"
            )
        if waiver.id.startswith("clusterproof/"):
            yield Problem(f"{path}.id", f"{waiver.id} is about waivers themselves, and is not waived; look after them")
        for member in ("reason", "owner"):
            if not getattr(waiver, member).strip():
                yield Problem(f"{path}.{member}", "is empty; a waiver says why, and who answers for it")
        if not _is_day(waiver.expires):
            yield Problem(f"{path}.expires", f"{waiver.expires!r} is no date; write YYYY-MM-DD, e.g. 2026-09-01")
        same = [other for other in config.waivers[:number] if (other.id, other.groups) == (waiver.id, waiver.groups)]
        if same:
            yield Problem(f"{path}.id", f"{waiver.id} is waived twice; keep one")


def _is_day(text: str) -> bool:
    try:
        dt.date.fromisoformat(text)
    except ValueError:
        return False
    return bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", text))
