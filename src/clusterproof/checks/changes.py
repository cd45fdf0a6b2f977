"""What changed between two snapshots or two reports: objects, and the verdicts that this changed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from clusterproof._version import __version__
from clusterproof.checks.broken import broken, mended_pairs, worse_pairs
from clusterproof.checks.finding import Finding, Record, Report
from clusterproof.profiles.model import Level
from clusterproof.snapshot import kinds
from clusterproof.snapshot.compare import Difference, differences, unseen
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict

SCHEMA = "clusterproof.diff/1"
_RANK = {Verdict.PASS: 0, Verdict.NOT_APPLICABLE: 0, Verdict.UNKNOWN: 1, Verdict.DEPENDS: 2, Verdict.FAIL: 3}


class FieldChange(Record, frozen=True):
    """One field that differs.

    Attributes:
        path: dotted, inside the object; of a security group's rules with the rule in words.
        old, new: as the API writes them; None where there is nothing.
    """

    path: str
    old: Any
    new: Any


class ObjectChange(Record, frozen=True):
    """One object that differs, or how completely a kind was read.

    Attributes:
        kind, key: the object, as the registry names it; an empty key is the kind as a whole.
        change: ``added``, ``removed``, ``changed``, ``read`` (how completely the kind was read differs).
        fields: what differs inside; none for an object that was added or removed.
    """

    kind: str
    key: str
    change: str
    fields: tuple[FieldChange, ...] = ()


class Cause(Record, frozen=True):
    """Changes that together bring about a new verdict; none of them can be left out.

    Attributes:
        changes: each an entry of the comparison's ``objects``.
    """

    changes: tuple[ObjectChange, ...]


class VerdictChange(Record, frozen=True):
    """A finding that is not what it was.

    Attributes:
        id: ``profile/requirement``.
        level: MUST, SHOULD, MAY.
        old, new: its verdicts; None where the report does not have it.
        was, summary: what was found then and now, in a clause.
        worse: the verdict is worse, or pairs of node groups broke.
        broken: pairs that are newly broken, or more so: ``gpu to system``.
        mended: pairs that were broken and work now, or break less; what became unknown is not mended.
        causes: the changes that alone bring it about, each by itself enough; empty when not looked for or not found.
        note: why there are no causes; empty when there are, or where only reports were compared.
    """

    id: str
    level: Level
    old: Verdict | None
    new: Verdict | None
    was: str
    summary: str
    worse: bool
    broken: tuple[str, ...] = ()
    mended: tuple[str, ...] = ()
    causes: tuple[Cause, ...] = ()
    note: str = ""


class Compared(Record, frozen=True):
    """One of the two that are compared.

    Attributes:
        name: as the user named it.
        cluster: the cluster's name; empty when not known.
        read_at: when it was read; empty when not known.
    """

    name: str
    cluster: str = ""
    read_at: str = ""


class Comparison(Record, frozen=True):
    """What ``diff`` found.

    Attributes:
        schema: version of this shape.
        tool_version: the clusterproof that made it.
        old, new: what was compared.
        profile: what verdicts are by.
        verdicts: findings that are not what they were, worse ones first, else in the profile's order.
        objects: what differs, by kind and key; empty where reports were compared.
        exit_status: 0 nothing got worse, 1 something fails that did not, 3 something is unknown that was known.
        fail_on: the level at and above which a change counts.
    """

    schema: str
    tool_version: str
    old: Compared
    new: Compared
    profile: str
    verdicts: tuple[VerdictChange, ...]
    objects: tuple[ObjectChange, ...]
    exit_status: int
    fail_on: Level


def comparison(
    old: Compared,
    new: Compared,
    profile: str,
    verdicts: Iterable[VerdictChange],
    objects: Iterable[ObjectChange],
    fail_on: Level,
) -> Comparison:
    """The whole, in order and with its exit status."""
    ordered = tuple(sorted(verdicts, key=lambda change: not change.worse))
    return Comparison(
        SCHEMA, __version__, old, new, profile, ordered, tuple(objects), _status(ordered, fail_on), fail_on
    )


def _status(verdicts: Iterable[VerdictChange], fail_on: Level) -> int:
    order = list(Level)
    worse = [v for v in verdicts if v.worse and order.index(v.level) <= order.index(fail_on)]
    if any(v.new is not None and v.new.failing for v in worse):
        return 1
    return 3 if worse else 0


def verdict_changes(old: Report, new: Report) -> tuple[VerdictChange, ...]:
    """Findings whose verdict or whose broken pairs differ, in the order of the new report; causes are not looked for."""
    then, now = ({f.id: f for f in report.findings} for report in (old, new))
    found = [_change(then.get(key), finding) for key, finding in now.items()]
    found += [_change(finding, None) for key, finding in then.items() if key not in now]
    return tuple(change for change in found if change is not None)


def signature(finding: Finding | None) -> object:
    """What counts as a change of a finding: its verdict and its broken pairs."""
    return None if finding is None else (finding.verdict, tuple(sorted(broken(finding).items())))


def _change(old: Finding | None, new: Finding | None) -> VerdictChange | None:
    either = new or old
    if either is None or signature(old) == signature(new):
        return None
    newly = worse_pairs(old, new) if old is not None and new is not None and new.verdict.failing else ()
    mended = mended_pairs(old, new) if old is not None and new is not None else ()
    rank = [_RANK[f.verdict] if f is not None else 0 for f in (old, new)]
    return VerdictChange(
        either.id,
        either.level,
        old.verdict if old is not None else None,
        new.verdict if new is not None else None,
        old.summary if old is not None else "",
        new.summary if new is not None else "",
        worse=rank[1] > rank[0] or (bool(newly) and rank[1] >= rank[0]),
        broken=newly,
        mended=mended,
    )


def object_changes(old: Snapshot, new: Snapshot) -> tuple[ObjectChange, ...]:
    """Everything that differs, object by object; a security group's rules stand with the group.

    Where a kind is in one snapshot only, or read less in one, that is one change: objects that only the other shows are
    not known to have come or gone.
    """
    lone = old.tables.keys() ^ new.tables.keys()
    found: dict[tuple[str, str], list[Difference]] = {}
    for item in differences(old, new):
        if item.path == "coverage" or not (item.kind in lone or _unseen(item, old, new)):
            found.setdefault(_unit(item, old, new), []).append(item)
    return tuple(_object_change(kind, key, found[kind, key]) for kind, key in sorted(found))


def _unseen(item: Difference, old: Snapshot, new: Snapshot) -> bool:
    if not item.key or item.path or (item.old is not None and item.new is not None):
        return False
    lacking, holding = (new, old) if item.new is None else (old, new)
    return unseen(lacking, holding, kinds.BY_NAME[item.kind], item.key)


def _unit(item: Difference, old: Snapshot, new: Snapshot) -> tuple[str, str]:
    """The object that a difference belongs to: EC2 tells a security group's rules a second time, one by one."""
    if item.kind == kinds.SECURITY_GROUP_RULES.name and item.key:
        group = item.key.partition(" ")[0]
        if any(snapshot.get(kinds.SECURITY_GROUPS, group) is not None for snapshot in (old, new)):
            return kinds.SECURITY_GROUPS.name, group
    return item.kind, item.key


def _object_change(kind: str, key: str, items: list[Difference]) -> ObjectChange:
    own = [item for item in items if item.kind == kind] or items
    first = own[0]
    if not key:
        return ObjectChange(kind, "", "read", (FieldChange("coverage", first.old, first.new),))
    if first.path == "" and first.kind == kind:
        return ObjectChange(kind, key, "added" if first.old is None else "removed")
    fields = tuple(FieldChange(item.path or item.key, item.old, item.new) for item in own)
    return ObjectChange(kind, key, "changed", fields)


def counted(objects: Iterable[ObjectChange]) -> dict[str, dict[str, int]]:
    """How many objects of each kind were added, removed, changed; by kind."""
    found: dict[str, dict[str, int]] = {}
    for item in objects:
        by_change = found.setdefault(item.kind, {})
        by_change[item.change] = by_change.get(item.change, 0) + 1
    return found


def with_causes(change: VerdictChange, causes: tuple[Cause, ...], note: str = "") -> VerdictChange:
    """The change with what brought it about."""
    return msgspec.structs.replace(change, causes=causes, note=note)
