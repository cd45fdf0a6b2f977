"""What a user names, in the cluster; what is not there is told from what was not read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clusterproof.errors import NotFoundError, UnknownNameError, UsageError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.world.model import SHORT_KIND, Workload
from clusterproof.world.world import World


def find_workload(world: World, text: str) -> Workload:
    """A workload by ``kind/namespace/name``; kubectl's short kinds and plurals are understood.

    Raises:
        UnknownNameError: not all objects of its kind were read.
        NotFoundError: with the nearest names.
    """
    import difflib

    kind, _, rest = text.partition("/")
    short = _kind_alias(kind)
    wanted = f"{short}/{rest}"
    found = world.by_id.get(wanted)
    if found is not None:
        return found
    # Long kinds and namespaces make everything in them alike: the name itself has to be near too.
    name = rest.rpartition("/")[2]
    near = [
        one
        for one in difflib.get_close_matches(wanted, world.by_id, n=_TRIED, cutoff=0.5)
        if difflib.SequenceMatcher(None, one.rpartition("/")[2], name).ratio() >= _NEAR
    ][:3]
    hint = f"did you mean {' or '.join(near)}?" if near else _how_to_list(world)
    decides = (k for k in kinds.ALL if k.origin == "kubernetes" and SHORT_KIND.get(k.wire, k.wire.lower()) == short)
    known_if_read(world, next(decides, kinds.PODS), f"workload {text}", rest.partition("/")[0])
    raise NotFoundError(f"there is no workload {text} in what was read; {hint}")


def find_controller(world: World, text: str) -> Workload:
    """A workload by ``kind/namespace/name``, where a pod stands for its controller.

    Raises:
        UnknownNameError: not all objects of its kind were read.
        NotFoundError: with the nearest names.
    """
    kind, _, rest = text.partition("/")
    if _kind_alias(kind) == SHORT_KIND["Pod"]:
        namespace, _, name = rest.partition("/")
        for workload in world.workloads:
            if workload.namespace == namespace and name in workload.pod_names:
                return workload
    return find_workload(world, text)


def find_loosely(world: World, text: str) -> Workload:
    """A workload as people write it: ``kind/namespace/name``, ``kind/name``, ``namespace/name`` or ``name``.

    Kinds may be written as kubectl does (``deployment.apps/worker``). What stands before a name is its kind where it
    is one, else its namespace; a pod's name stands for its controller.

    Raises:
        UsageError: several are meant, or the text has no such form.
        UnknownNameError: there is none among those that were read, which are not all.
        NotFoundError: with the nearest names.
    """
    parts = text.split("/")
    if len(parts) > 3 or not all(parts):
        raise UsageError(f"{text!r} names no workload; write kind/namespace/name, e.g. deploy/dynamo/worker")
    first = _kind_alias(parts[0].partition(".")[0])
    kinded = len(parts) > 1 and first in SHORT_KIND.values()
    if len(parts) == 3:
        return find_controller(world, "/".join((first if kinded else parts[0], *parts[1:])))
    name, before = parts[-1], parts[0] if len(parts) == 2 else ""
    found = {
        workload.id
        for workload in world.workloads
        if (not before or (_is_kind(workload, first, name) if kinded else workload.namespace == before))
        and (workload.name == name or name in workload.pod_names)
    }
    if len(found) == 1:
        return world.by_id[found.pop()]
    if found:
        several = sorted(found)
        more = f" and {len(several) - _SEVERAL} more" if len(several) > _SEVERAL else ""
        raise UsageError(f"{text} may be {len(several)} workloads; name one: {', '.join(several[:_SEVERAL])}{more}")
    hint = _near(world, text, first if kinded else "")
    missing = next((why for kind in _deciding(first if kinded else "") if (why := world.snapshot.missing(kind))), None)
    if missing is not None:
        raise UnknownNameError(f"whether there is a workload {text} is not known: {missing}")
    raise NotFoundError(f"there is no workload {text} in what was read; {hint}")


_TRIED, _NEAR = 20, 0.5
_SEVERAL = 4
"""So many of those that may be meant are named."""


def _is_kind(workload: Workload, short: str, name: str) -> bool:
    return SHORT_KIND.get(workload.kind) == short or (short == SHORT_KIND["Pod"] and name in workload.pod_names)


def _deciding(short: str) -> Sequence[Kind[Any]]:
    """The kinds that hold a workload of that kind, or of any."""
    named = [kind for kind in kinds.ALL if kind.origin == "kubernetes" and kind.wire in SHORT_KIND]
    return [kind for kind in named if not short or SHORT_KIND[kind.wire] == short] or [kinds.PODS]


def _near(world: World, text: str, short: str) -> str:
    """A hint with names that are written nearly so, compared in the form that was given."""
    import difflib

    forms: dict[str, list[str]] = {}
    for workload in world.workloads:
        kind = workload.id.partition("/")[0]
        form = (f"{kind}/" if short else f"{workload.namespace}/") if "/" in text else ""
        forms.setdefault(form + workload.name, []).append(workload.id)
    wanted = f"{short}/{text.partition('/')[2]}" if short else text
    near = [one for form in difflib.get_close_matches(wanted, forms, n=3, cutoff=0.6) for one in forms[form]]
    return f"did you mean {' or '.join(near[:3])}?" if near else _how_to_list(world)


def _how_to_list(world: World) -> str:
    """Where no name is near: the workloads that there are, or what lists them."""
    if 0 < len(world.by_id) <= _FEW:
        return f"there are: {', '.join(sorted(world.by_id))}"
    return "write kind/namespace/name; `clusterproof connections` on the same input lists those that were read"


_FEW = 6
"""So many workloads are listed in a sentence."""


def known_if_read(world: World, kind: Kind[Any], what: str, namespace: str) -> None:
    """Before it is said that something is not there: were the objects of its kind read at all?

    Raises:
        UnknownNameError: they were not, or not all of them; with the cause and what to do.
    """
    missing = world.snapshot.missing(kind, namespace)
    if missing is not None:
        raise UnknownNameError(f"whether there is a {what} is not known: {missing}")


def _kind_alias(kind: str) -> str:
    lowered = kind.lower()
    for full, short in SHORT_KIND.items():
        if lowered in (short, full.lower(), f"{full.lower()}s", {"Pod": "po", "CronJob": "cj"}.get(full, "")):
            return short
    return lowered
