"""Which changed objects brought a verdict about: the smallest sets of changes that do it on their own.

The old snapshot is taken with some of the changes and judged again, as a fix is proven. Each changed object is tried
alone; where none is enough, a set is made smaller until nothing can be left out (as in Zeller and Hildebrandt,
"Simplifying and Isolating Failure-Inducing Input", but only ever leaving out: most sets are a few of many changes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from clusterproof.checks.changes import Cause, ObjectChange, VerdictChange, signature, with_causes
from clusterproof.checks.context import Context, Settings
from clusterproof.checks.engine import findings
from clusterproof.errors import ClusterproofError
from clusterproof.profiles.model import Profile
from clusterproof.snapshot import kinds
from clusterproof.snapshot.compare import unseen
from clusterproof.snapshot.snapshot import MemoryLines, Snapshot, Table, UnknownField

ALONE = 60
"""Up to so many changes of one kind are each tried alone."""
TRIALS = 400
"""How many worlds are judged at most for one comparison."""

T = TypeVar("T")

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
    observer: Callable[[str], None] | None = None,
) -> tuple[VerdictChange, ...]:
    """The verdict changes, each with the changes that brought it about; ``observer`` is told what is being tried."""
    judge = _Judge(old, new, profile, settings, observer)
    by_name = {(item.kind, item.key): item for item in objects}
    known: dict[tuple[str, str], None] = {}
    found: list[VerdictChange] = []
    for change in verdicts:
        found.append(_attributed(change, judge, by_name, tuple(name for name in by_name if name in known)))
        known |= dict.fromkeys((item.kind, item.key) for cause in found[-1].causes for item in cause.changes)
    return tuple(found)


def _attributed(
    change: VerdictChange, judge: _Judge, objects: Mapping[tuple[str, str], ObjectChange], known: Names
) -> VerdictChange:
    """One change with its causes; ``known`` are changed objects that brought about another one."""
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
        if not found:
            found = [_across(every, holds, known)]
        return with_causes(change, tuple(Cause(tuple(objects[name] for name in names)) for names in found))
    except _Enough:
        return with_causes(change, (), f"not found within {TRIALS} trials: too many objects changed")


def _across(changes: Names, holds: Callable[[Names], bool], known: Names) -> Names:
    """A smallest set of changes in several kinds: first which kinds, then which objects of each, then all together.

    A cluster that was built anew has all its ids changed: object by object from the start, that takes far more trials.
    What brought about another verdict, or its kinds, is often enough for this one too.
    """
    if known and holds(known):
        return _smallest(known, holds)

    def of(chosen: Iterable[str]) -> Names:
        wanted = set(chosen)
        return tuple(name for name in changes if name[0] in wanted)

    left = of(kind for kind, _ in known)
    if not left or not holds(left):
        every = tuple(dict.fromkeys(kind for kind, _ in changes))
        left = of(_thinned(every, lambda chosen: holds(of(chosen)), len(every) // 2))
    for kind in dict.fromkeys(kind for kind, _ in left):

        def with_rest(chosen: Names, kind: str = kind, left: Names = left) -> bool:
            return holds(tuple(name for name in left if name[0] != kind or name in chosen))

        own = tuple(name for name in left if name[0] == kind)
        kept = set(_thinned(own, with_rest, len(own) // 2))
        left = tuple(name for name in left if name[0] != kind or name in kept)
    return _smallest(left, holds, 1)


def _smallest(changes: Names, holds: Callable[[Names], bool], size: int = 0) -> Names:
    """A set of the changes that is enough and from which none can be left out."""
    before: Names = ()
    while changes != before:
        before, changes = changes, _thinned(changes, holds, size or len(changes) // 2)
        size = 1
    return changes


def _thinned(changes: tuple[T, ...], holds: Callable[[tuple[T, ...]], bool], size: int) -> tuple[T, ...]:
    """What is left when so many at once are left out where that may be, then half as many, down to each alone."""
    while size:
        start = 0
        while start < len(changes):
            rest = changes[:start] + changes[start + size :]
            if rest and holds(rest):
                changes = rest
            else:
                start += size
        size //= 2
    return changes


class _Judge:
    """Judges the old snapshot with some changes, one requirement at a time; what was judged once is remembered."""

    def __init__(
        self,
        old: Snapshot,
        new: Snapshot,
        profile: Profile,
        settings: Settings,
        observer: Callable[[str], None] | None = None,
    ) -> None:
        self._old = old
        self._new = new
        self._profile = profile
        self._settings = settings
        self._observer = observer
        self._judged: dict[tuple[str, Names], object] = {}
        self._goal: dict[str, object] = {}

    def of_new(self, identity: str) -> object:
        """A finding's signature in the new snapshot."""
        if identity not in self._goal:
            self._goal[identity] = self._signature(identity, self._new)
        return self._goal[identity]

    def signature(self, identity: str, chosen: Names) -> object:
        """A finding's signature in the old snapshot with some changes."""
        place = identity, chosen
        if place not in self._judged:
            if len(self._judged) >= TRIALS:
                raise _Enough
            if self._observer is not None:
                self._observer(f"what brought about {identity}: trial {len(self._judged) + 1} of at most {TRIALS}")
            self._judged[place] = self._signature(identity, mixed(self._old, self._new, chosen))
        return self._judged[place]

    def _signature(self, identity: str, snapshot: Snapshot) -> object:
        try:
            found = findings(Context(snapshot, self._profile, self._settings), (identity,))
        except ClusterproofError:
            return None  # a name that the user chose is not there in this mixture: it decides nothing
        return next((signature(finding) for finding in found), None)


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
            if "" in keys:
                # What only one of the two could show comes and goes with how completely the kind was read.
                table = before.kind
                keys |= {key for key in before.index.keys() - after.index if unseen(new, old, table, key)}
                keys |= {key for key in after.index.keys() - before.index if unseen(old, new, table, key)}
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
