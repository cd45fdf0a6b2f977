"""A JSON report back into records: for baselines and comparisons."""

from __future__ import annotations

from pathlib import Path

import msgspec

from clusterproof.checks.finding import SCHEMA, Report
from clusterproof.errors import InputError

_MAKE = "make one with clusterproof check … -o json=FILE"


class _Head(msgspec.Struct):
    """As much of a JSON document as says whether it is a report."""

    schema: str = ""


def is_report(path: Path) -> bool:
    """Whether a file begins as a report does; what is in it is judged when it is read."""
    try:
        with path.open("rb") as stream:
            head = stream.read(400)
    except OSError:
        return False
    return b'"schema"' in head and b"clusterproof.report/" in head


def load(path: str | Path) -> Report:
    """The report in a file.

    Raises:
        InputError: it cannot be read, is no report, or one of another shape.
    """
    where = str(path)
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        reason = "it is a directory" if Path(path).is_dir() else (error.strerror or "it cannot be opened").lower()
        raise InputError(f"cannot be read ({reason}); {_MAKE}", where=where) from None
    if data.startswith(b"PK"):
        raise InputError(f"is a snapshot, not a JSON report; {_MAKE}", where=where)
    try:
        head = msgspec.json.decode(data, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InputError(f"is no JSON report; {_MAKE}", where=where) from None
    if not head.schema.startswith("clusterproof.report/"):
        raise InputError(f"is no report of clusterproof's; {_MAKE}", where=where)
    if head.schema != SCHEMA:
        raise InputError(
            f"is a report of shape {head.schema}, and this clusterproof reads {SCHEMA}; {_MAKE}", where=where
        )
    try:
        return msgspec.json.decode(data, type=Report)
    except msgspec.ValidationError as error:
        raise InputError(f"is a damaged report ({str(error).replace('`', '')}); {_MAKE}", where=where) from None
