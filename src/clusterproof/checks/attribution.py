"""Which changed objects brought a verdict about: the smallest sets of changes that do it on their own.

The old snapshot is taken with some of the changes and judged again, as a fix is proven. Each changed object is tried
alone; where none is enough, a set is made smaller until nothing can be left out (Zeller and Hildebrandt, "Simplifying
and Isolating Failure-Inducing Input", the algorithm ddmin).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clusterproof.checks.changes import Cause, ObjectChange, VerdictChange, signature, with_causes
from clusterproof.checks.context import Context, Settings
from clusterproof.checks.engine import findings
from clusterproof.errors import ClusterproofError
from clusterproof.profiles.model import Profile
from clusterproof.snapshot import kinds
from clusterproof.snapshot.snapshot import MemoryLines, Snapshot, Table, UnknownField

ALONE = 60
"""Up to so many changes of one kind are each tried alone."""
TRIALS = 400
"""How many worlds are judged at most for one comparison."""

Names = tuple[tuple[str, str], ...]
"""Changed objects as kind and key."""


class _Enough(Exception):  # noqa: N818 - no error: the search ends
    """As many worlds were judged as may be."""


def attributed(
    old: Snapshot,
    new: Snapshot,
    profile: Profile,
    settings: Settings,
    verdicts: Sequence[VerdictChange],
    objects: Sequence[ObjectChange],
) -> tuple[VerdictChange, ...]:
    """The verdict changes, each with the changes that brought it about."""
    judge = _Judge(old, new, profile, settings)
    by_name = {(item.kind, item.key): item for item in objects}
    return tuple(_attributed(change, judge, by_name) for change in verdicts)


def _attributed(change: VerdictChange, judge: _Judge, objects: Mapping[tuple[str, str], ObjectChange]) -> VerdictChange:
    target = judge.of_new(change.id)
    every = tuple(objects)

    def holds(chosen: Names) -> bool:
        return judge.signature(change.id, chosen) == target

    try:
        if not holds(every):
            return with_causes(change, (), "no change of these objects brings it about")
        found: list[Names] = []
        for kind in dict.fromkeys(kind for kind, _ in every):
            own = tuple(name for name in every if name[0] == kind)
            if len(own) == len(every) or holds(own):
                alone = [(name,) for name in own if holds((name,))] if len(own) <= ALONE else []
                found += alone or [_smallest(own, holds)]
        found = found or [_smallest(every, holds)]
        return with_causes(change, tuple(Cause(tuple(objects[name] for name in names)) for names in found))
    except _Enough:
        return with_causes(change, (), f"not found within {TRIALS} trials: too many objects changed")


def _smallest(changes: Names, holds: Callable[[Names], bool]) -> Names:
    """A set of the changes that is enough and from which none can be left out (ddmin)."""
    parts = 2
    while len(changes) >= 2:
        size = -(-len(changes) // parts)
        chunks = [changes[start : start + size] for start in range(0, len(changes), size)]
        part = next((chunk for chunk in chunks if holds(chunk)), None)
        if part is not None:
            changes, parts = part, 2
            continue
        rests = (tuple(item for item in changes if item not in chunk) for chunk in chunks) if len(chunks) > 2 else ()
        rest = next((rest for rest in rests if holds(rest)), None)
        if rest is not None:
            changes, parts = rest, max(parts - 1, 2)
        elif size == 1:
            return changes
        else:
            parts = min(parts * 2, len(changes))
    return changes


class _Judge:
    """Judges the old snapshot with some changes; what was judged once is remembered."""

    def __init__(self, old: Snapshot, new: Snapshot, profile: Profile, settings: Settings) -> None:
        self._old = old
        self._new = new
        self._profile = profile
        self._settings = settings
        self._judged: dict[Names, dict[str, object]] = {}
        self._goal = self._signatures(new)

    def of_new(self, identity: str) -> object:
        """A finding's signature in the new snapshot."""
        return self._goal.get(identity)

    def signature(self, identity: str, chosen: Names) -> object:
        """A finding's signature in the old snapshot with some changes."""
        if chosen not in self._judged:
            if len(self._judged) >= TRIALS:
                raise _Enough
            self._judged[chosen] = self._signatures(mixed(self._old, self._new, chosen))
        return self._judged[chosen].get(identity)

    def _signatures(self, snapshot: Snapshot) -> dict[str, object]:
        try:
            found = findings(Context(snapshot, self._profile, self._settings))
        except ClusterproofError:
            return {}  # a name that the user chose is not there in this mixture: it decides nothing
        return {finding.id: signature(finding) for finding in found}


def mixed(old: Snapshot, new: Snapshot, chosen: Names) -> Snapshot:
    """The old snapshot with some objects, and the completeness of some kinds, as they are in the new one."""
    by_kind: dict[str, set[str]] = {}
    for kind, key in chosen:
        by_kind.setdefault(kind, set()).add(key)
    tables = dict(old.tables)
    for name, keys in by_kind.items():
        before, after = old.tables.get(name), new.tables.get(name)
        if before is None or after is None:
            _put(tables, name, after)
        else:
            tables[name] = _mixed(before, after, lambda key, keys=keys: key in keys, coverage="" in keys)  # type: ignore[misc]
    groups = by_kind.get(kinds.SECURITY_GROUPS.name, set()) - {""}
    name = kinds.SECURITY_GROUP_RULES.name
    if groups and name in old.tables and name in new.tables:
        of_group = {
            rule.security_group_rule_id: rule.group_id
            for snapshot in (old, new)
            for rule in snapshot.objects(kinds.SECURITY_GROUP_RULES)
        }
        tables[name] = _mixed(tables[name], new.tables[name], lambda key: of_group.get(key) in groups)
    return Snapshot(old.meta, tables)


def _put(tables: dict[str, Table[Any]], name: str, table: Table[Any] | None) -> None:
    if table is None:
        tables.pop(name, None)
    else:
        tables[name] = table


def _mixed(
    before: Table[Any], after: Table[Any], chosen: Callable[[str], bool], *, coverage: bool = False
) -> Table[Any]:
    """A table with the chosen keys' objects from ``after`` and all others from ``before``, in the order of ``before``."""
    lines: list[bytes] = []
    for key, position in before.index.items():
        if not chosen(key):
            lines.append(before.lines.line(position))
        elif key in after.index:
            lines.append(after.lines.line(after.index[key]))
    lines += [
        after.lines.line(position) for key, position in after.index.items() if chosen(key) and key not in before.index
    ]
    unknown: list[UnknownField] = [item for item in before.unknown_fields if not chosen(item.key)]
    unknown += [item for item in after.unknown_fields if chosen(item.key)]
    return Table(before.kind, MemoryLines(lines), (after if coverage else before).coverage, unknown)
