"""Texts of a profile with ``${...}`` in them, and what expressions of requirements may name."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from clusterproof.profiles.expression import nest, value
from clusterproof.profiles.partly import Hidden, Partly, is_kept, leave_out
from clusterproof.profiles.template import split
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import BY_NAME

if TYPE_CHECKING:
    from clusterproof.checks.context import Context
    from clusterproof.snapshot.snapshot import Snapshot, Table, UnknownField


def names(context: Context, using: Iterable[str] = ()) -> dict[str, object]:
    """What an expression may name: the parameters, ``cluster``, and kinds as lists of raw objects.

    A kind that was not read, or not whole, is an ``Unknown``: what reads it is unknown then. ``cluster`` has ``name``,
    ``region``, ``account``, ``partition``, ``version``, ``issuer`` (without scheme) and ``time`` (when it was read, RFC
    3339), each unknown where it was not read.
    """
    return {**tables(context.world.snapshot, using), "cluster": cluster(context), **nest(context.values)}


def tables(snapshot: Snapshot, using: Iterable[str]) -> dict[str, object]:
    """Kinds as lists of raw objects, under names that CEL can read; their unknown fields are known as such."""
    found: dict[str, object] = {}
    for name in using:
        kind = BY_NAME[name]
        table = snapshot.tables.get(name)
        missing = snapshot.missing(kind)
        found[name.replace("-", "_")] = missing or (table.derived(raw_list) if table is not None else [])
    return found


def raw_list(table: Table[Any]) -> list[Any]:
    """All objects of a table as their API gave them, with what of them is unknown."""
    raws = list(table.raws())
    if not table.unknown_fields:
        return raws
    hidden: list[Hidden] = []
    without: list[Any] = []
    for raw, obj in zip(raws, table.objects, strict=True):
        own = table.unknown_by_key.get(table.kind.key(obj), ())
        hidden += hidden_of(raw, own)
        bare = copy.deepcopy(raw) if own else raw
        for item in own:
            leave_out(bare, item.path)
        without.append(bare)
    return Partly(raws, hidden, without)


def hidden_of(raw: Any, fields: Iterable[UnknownField]) -> list[Hidden]:
    """An object's unknown fields as expressions read them."""
    return [Hidden(item.path, item.unknown, is_kept(raw, item.path)) for item in fields]


def cluster(context: Context) -> dict[str, object]:
    """The cluster's own facts."""
    snapshot = context.world.snapshot
    meta = snapshot.meta
    eks = next(iter(snapshot.objects(kinds.CLUSTERS)), None)
    arn = eks.arn.split(":") if eks is not None and eks.arn.count(":") >= 5 else []
    region = meta.region or (arn[3] if arn else "")
    known = {
        "name": (eks.name if eks is not None else "") or meta.cluster,
        "region": region,
        "account": meta.account or (arn[4] if arn else ""),
        "partition": arn[1] if arn else _partition(region),
        "version": context.world.kubernetes_version,
        "issuer": eks.identity.oidc.issuer.removeprefix("https://") if eks is not None else "",
    }
    undated = Unknown(
        Cause.NOT_COLLECTED, "when the input was read is not known", "read it again with clusterproof snapshot"
    )
    facts = {name: text or _unread(snapshot, name, read=eks is not None) for name, text in known.items()}
    return {**facts, "time": meta.time or undated}


def _partition(region: str) -> str:
    """The partition of a region, which its name tells (AWS General Reference, "Amazon Resource Names"); empty for none."""
    if region.startswith("cn-"):
        return "aws-cn"
    if region.startswith("us-gov-"):
        return "aws-us-gov"
    return "aws" if region and not region.startswith(("us-iso", "eu-iso", "eusc-")) else ""


def _unread(snapshot: Snapshot, name: str, *, read: bool) -> Unknown:
    """Why a fact of the cluster is not known."""
    missing = None if read else snapshot.missing(kinds.CLUSTERS)
    what = f"the cluster's {name} was not read" if read else f"no EKS cluster was read, so that its {name} is not known"
    return missing or Unknown(Cause.NOT_COLLECTED, what, f"run: {kinds.CLUSTERS.command}")


def filled(text: Any, activation: Mapping[str, object], ask: Callable[[str], Any] | None = None) -> Any:
    """A text, list or mapping in which each ``${...}`` is what its CEL gives; a text that is one ``${...}`` keeps the type.

    ``$${`` stands for ``${`` itself. Where any part is unknown, the whole is that Unknown.

    Args:
        text: what a profile wrote.
        activation: what its expressions may name.
        ask: gives an expression's value in place of ``activation``, where an object has unknown fields.
    """
    if isinstance(text, str):
        parts: list[Any] = []
        for literal, given, there in pieces(text, activation, ask):
            if literal:
                parts.append(literal)
            if there:
                parts.append(given)
        unknown = next((part for part in parts if isinstance(part, Unknown)), None)
        if unknown is not None:
            return unknown
        return parts[0] if len(parts) == 1 else "".join(_written(part) for part in parts)
    if isinstance(text, Mapping):
        found = {filled(key, activation, ask): filled(item, activation, ask) for key, item in text.items()}
        return next((item for item in (*found, *found.values()) if isinstance(item, Unknown)), found)
    if isinstance(text, (list, tuple)):
        items = [filled(item, activation, ask) for item in text]
        return next((item for item in items if isinstance(item, Unknown)), items)
    return text


def pieces(
    text: str, activation: Mapping[str, object], ask: Callable[[str], Any] | None = None
) -> list[tuple[str, Any, bool]]:
    """A text as what stands as it is, the value after it, and whether there is one."""
    give = ask or (lambda expression: value(expression, activation))
    return [
        (literal, give(expression) if expression else None, bool(expression)) for literal, expression in split(text)
    ]


def _written(part: Any) -> str:
    import msgspec

    if isinstance(part, str):
        return part
    return msgspec.json.encode(part).decode()
