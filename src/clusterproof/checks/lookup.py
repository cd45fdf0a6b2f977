"""What a user names, in the cluster; what is not there is told from what was not read."""

from __future__ import annotations

from typing import Any

from clusterproof.errors import NotFoundError, UnknownNameError
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
    near = difflib.get_close_matches(wanted, world.by_id, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "write kind/namespace/name, e.g. deploy/dynamo/worker"
    decides = (k for k in kinds.ALL if k.origin == "kubernetes" and SHORT_KIND.get(k.wire, k.wire.lower()) == short)
    known_if_read(world, next(decides, kinds.PODS), f"workload {text}", rest.partition("/")[0])
    raise NotFoundError(f"there is no workload {text} in what was read; {hint}")


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
