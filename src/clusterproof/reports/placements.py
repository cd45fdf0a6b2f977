"""``place`` for the terminal: where a workload may land, why not elsewhere, and how likely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from clusterproof.checks.placed import (
    BEST_FIRST,
    Answer,
    Displacing,
    May,
    PlacedClass,
    PlacedGroup,
    Placement,
    RunsOn,
    Standing,
)
from clusterproof.reports import words
from clusterproof.reports.chances import noun, percent
from clusterproof.reports.text import Paint, cleaned, columns, hang, listing, pad, plural, sentence
from clusterproof.snapshot.fields import Unknown
from clusterproof.verdict.algebra import Verdict

_NAMES = 3
"""So many nodes are named, unless all are asked for."""
_PROSE = 110


def exit_status(found: Placement) -> int:
    """0 there is a place, 1 there is none, 3 it could not be decided."""
    return {Verdict.PASS: 0, Verdict.FAIL: 1}.get(found.verdict, 3)


def render(found: Placement, *, width: int, colour: bool, verbose: bool) -> str:
    """The placement as plain text that ends in a newline."""
    found = cleaned(found, Placement)
    paint = Paint(colour)
    width = max(width - 1, 40)
    prose = min(width, _PROSE)
    lines = [paint.bold(line) for line in hang("", _head(found), prose, indent=2)]
    lines += hang("", found.sentence, prose)
    possible = [group for group in found.groups if group.may is not May.NO]
    if possible:
        lines += ["", *_table(found, possible, width, paint)]
    for group in possible:
        lines += ["", *_group(group, noun(found.workload), prose, paint, verbose)]
    lines += _elsewhere(found, prose, paint, verbose)
    lines += _rest(found, prose)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _head(found: Placement) -> str:
    if not found.installed:
        return f"{found.workload}: {found.how or 'a pod template of the profile, not in the cluster'}"
    parts = [found.how] if found.how else []
    running = len(found.running_on)
    if found.replicas is not None:
        parts.append(f"{plural(found.replicas, 'pod')} wanted")
    parts.append(f"{running} running")
    if found.waiting:
        parts.append(f"{found.waiting} waiting for a node")
    return f"{found.workload}: {', '.join(parts)}"


# --- the table -----------------------------------------------------------------------


def _table(found: Placement, groups: Sequence[PlacedGroup], width: int, paint: Paint) -> list[str]:
    """A row for each group that may take the pod; as a list where the table would be too wide."""
    counted = any(group.first is not None for group in groups)
    again = any(group.later is not None for group in groups)
    one = noun(found.workload)
    head = ["node group", "may land", "nodes", "take one now", "new nodes"]
    head += [f"first {one}"] if counted else []
    head += [f"next {one}"] if again else []
    rows = [head]
    for group in groups:
        row = [group.name, group.may.value, str(group.nodes), _now(group), _new(group)]
        row += [_chance(group.first, group)] if counted else []
        row += [_chance(group.later, group)] if again else []
        rows.append(row)
    sizes = columns(rows)
    if 2 + sum(sizes) > width:
        return [line for row in rows[1:] for line in _listed(head, row, width)]
    lines = []
    for number, row in enumerate(rows):
        cells = [pad(text, size) for text, size in zip(row, sizes, strict=True)]
        if number:
            cells[1] = _painted(groups[number - 1].may, paint, row[1]) + cells[1][len(row[1]) :]
        text = "".join(cells).rstrip()
        lines.append("  " + (text if number else paint.dim(text)))
    return lines


def _listed(head: Sequence[str], row: Sequence[str], width: int) -> list[str]:
    """``gpu: may land yes; nodes 3; take one now 2; …``."""
    told = "; ".join(f"{label} {value}" for label, value in zip(head[1:], row[1:], strict=True))
    return hang("  ", f"{row[0]}: {told}", width, indent=4)


def _painted(may: May, paint: Paint, text: str) -> str:
    return {May.YES: paint.good, May.NO: paint.bad, May.UNKNOWN: paint.unsure}[may](text)


def _chance(chance: float | None, group: PlacedGroup) -> str:
    """Nodes that are not there yet have no odds."""
    return percent(chance) if group.nodes else "-"


def _now(group: PlacedGroup) -> str:
    if not group.nodes:
        return "-"
    return "not known" if group.now is None else str(group.now)


def _new(group: PlacedGroup) -> str:
    if group.new_nodes is None:
        return "none come"
    return {May.YES: "yes", May.NO: "no", May.UNKNOWN: "not known"}[group.new_nodes]


# --- a group that may take it ----------------------------------------------------------


def _group(group: PlacedGroup, one: str, width: int, paint: Paint, verbose: bool) -> list[str]:
    """The group's nodes by how they stand today, then those not yet born."""
    lines = [f"  {paint.bold(group.name)}" + (f", {group.kind}" if group.kind else "")]
    entries: list[tuple[str, str]] = []
    for answer, displacing, chance, again, nodes in _alike(group):
        label = {May.YES: "takes one now", May.NO: "not now", May.UNKNOWN: "not known now"}[answer.may]
        text = _nodes(nodes, verbose)
        if answer.may is not May.YES:
            text = f"{_why(answer)}: {text}{_moved(displacing)}"
        elif chance is not None:
            each = " each" if len(nodes) > 1 else ""
            text += f"; first {one} {percent(chance)}{each}" + ("" if chance else ", others score higher")
            text += f", next {one} {percent(again)}{each}" if again is not None else ""
        entries.append((label, text))
    for answer, classes in _by_answer(item for item in group.classes if not item.born or item.again):
        if answer.may is May.NO:
            continue
        zones = sorted({item.zone for item in classes if item.zone})
        where = f" in {listing(zones)}" if zones else ""
        most = _most(group)
        said = f"would take it{where}{most}" if answer.may is May.YES else f"not known{where}: {_why(answer)}"
        entries.append(("a new node", said))
    if group.unknown is not None:
        entries.append(("a new node", f"not known: {_unknown(group.unknown)}"))
    size = max((len(label) for label, _ in entries), default=0) + 2
    for label, text in entries:
        lines += hang(f"    {pad(label, size)}", text, width)
    return lines


def _most(group: PlacedGroup) -> str:
    """How many nodes the group may have; at its most a new one comes in place of another."""
    if group.size is None or group.size[2] >= _MANY or group.unknown is not None:
        return ""
    most = group.size[2]
    if 0 < most <= group.nodes:
        whose = "its only node" if group.nodes == 1 else f"one of its {group.nodes} nodes"
        return f": the group may replace {whose}, and has no more than {most}"
    return f", up to {plural(most, 'node')} in all"


_MANY = 1000
"""A size that no group is given: it stands for "no limit" (``world/groups.py``)."""


_Alike = tuple[Answer, Displacing | None, float | None, float | None, list[str]]
"""An answer, what preemption does, the chance of the first and the next pod on each node, and the nodes."""


def _alike(group: PlacedGroup) -> Iterator[_Alike]:
    """Nodes of all classes that may ever take the pod, by the same answer and the same chance each."""
    found: dict[tuple[May, str, tuple[str, ...], Displacing | None, str], _Alike] = {}
    for item in group.classes:
        if item.ever.may is May.NO:
            continue
        for standing in item.today:
            first, later = _each(standing, standing.first), _each(standing, standing.later)
            key = (standing.now.may, standing.now.plugin, standing.now.reasons, standing.displacing, f"{first} {later}")
            found.setdefault(key, (standing.now, standing.displacing, first, later, []))[4].extend(standing.nodes)
    yield from sorted(found.values(), key=lambda entry: (BEST_FIRST.index(entry[0].may), -(entry[2] or 0), entry[4]))


def _moved(found: Displacing | None) -> str:
    """What preemption would do on nodes that do not take the pod as they are."""
    if found is None or found.may is May.NO:
        return ""
    if found.unknown is not None:
        return f"; by displacing pods: not known: {_unknown(found.unknown)}"
    who = listing([*found.victims[:_NAMES], *_more(len(found.victims) - _NAMES)]) or "pods of lower priority"
    return f"; takes it by displacing {who}"


def _more(count: int) -> list[str]:
    return [f"{count} more"] if count > 0 else []


def _each(standing: Standing, chance: float | None) -> float | None:
    return None if chance is None else chance / len(standing.nodes)


def _nodes(names: Sequence[str], verbose: bool) -> str:
    ordered = sorted(names)
    if len(ordered) == 1:
        return ordered[0]
    if verbose or len(ordered) <= _NAMES:
        return f"{len(ordered)} nodes, {listing(ordered)}"
    return f"{len(ordered)} nodes, {', '.join(ordered[:_NAMES])} and {len(ordered) - _NAMES} more"


# --- why not elsewhere -------------------------------------------------------------------


def _elsewhere(found: Placement, width: int, paint: Paint, verbose: bool) -> list[str]:
    """What refuses for good, by its reason: how many nodes, of which groups, and the field that refuses."""
    reasons: dict[tuple[str, tuple[str, ...]], dict[str, list[PlacedClass]]] = {}
    for group in found.groups:
        for answer, classes in _by_answer(group.classes):
            if answer.may is May.NO:
                reasons.setdefault((answer.plugin, answer.reasons), {}).setdefault(group.name, []).extend(classes)
    if not reasons:
        return []
    elsewhere = any(group.may is not May.NO for group in found.groups)
    lines = ["", paint.bold("Why not elsewhere" if elsewhere else "Why not")]
    whole = {group.name for group in found.groups if group.may is May.NO}
    known = {group.name: group for group in found.groups}
    for (plugin, texts), groups in reasons.items():
        born = [item for classes in groups.values() for item in classes if item.born]
        count = sum(item.count for item in born)
        names = [name if name in whole else _part(known[name], classes) for name, classes in groups.items()]
        if len(names) > _GROUPS and not verbose:
            names = [*names[:_GROUPS], f"{len(names) - _GROUPS} more node groups"]
        where = listing(names) if count else f"{listing(names)}, nodes not yet born"
        why = ", ".join(f"{count} {text}" if count else text for text in texts)
        lines += hang("  ", f"{where}: {why}" + (f" ({plugin})" if plugin else ""), width, indent=4)
        refs = [item.ever.ref for item in born if item.ever.ref is not None]
        for ref in refs if verbose else refs[:1]:
            lines += hang(
                "    read in ", words.evidence(ref, whole=verbose), width, shown=f"    {paint.dim('read in')} "
            )
    return lines


_GROUPS = 6


def _part(group: PlacedGroup, classes: Sequence[PlacedClass]) -> str:
    """The part of a group that refuses, where another part does not, or may not."""
    if group.unknown is not None and sum(item.count for item in classes) == group.nodes:
        return f"today's nodes of {group.name}"
    name = group.name
    zones = sorted({item.zone for item in classes if item.zone})
    return f"part of {name} ({listing(zones)})" if zones else f"part of {name}"


def _by_answer(classes: Iterable[PlacedClass]) -> list[tuple[Answer, list[PlacedClass]]]:
    """Classes by the same answer for ever, evidence apart."""
    found: dict[tuple[May, str, tuple[str, ...], Unknown | None], list[PlacedClass]] = {}
    for item in classes:
        key = (item.ever.may, item.ever.plugin, item.ever.reasons, item.ever.unknown)
        found.setdefault(key, []).append(item)
    return [(members[0].ever, members) for members in found.values()]


def _why(answer: Answer) -> str:
    if answer.unknown is not None:
        return _unknown(answer.unknown)
    return ", ".join(answer.reasons) + (f" ({answer.plugin})" if answer.plugin else "")


def _unknown(unknown: Unknown) -> str:
    detail, remedy = words.unknown_lines(unknown)
    if unknown.detail.startswith("no node has the image"):
        remedy = "name its size: --image-size 500Mi"
    return f"{detail}; to know it: {remedy}" if remedy else detail


# --- the rest ------------------------------------------------------------------------------


def _rest(found: Placement, width: int) -> list[str]:
    """The scheduler's message, odds, what was not read, and caveats."""
    lines = [""]
    same = found.now_message == found.ever_message
    for when, message in (("now", found.now_message), *((("ever", found.ever_message),) if not same else ())):
        if message:
            lines += _labelled("scheduler", f"{when}: {message}", width)
    lines += _labelled("odds", _odds(found), width)
    if _differ(found):
        one = noun(found.workload)
        text = f'"next {one}" above is over all nodes that the first may have taken; "again" is for the one that it did take.'
        lines += _labelled("", text, width)
    lines += _several(found, width)
    told = [group.unknown for group in found.groups if group.unknown is not None]
    unread = (found.unread_nodes, *(unknown for unknown in found.unread if unknown not in told))
    for unknown in (one for one in unread if one is not None):
        lines += _labelled("not read", sentence(_unknown(unknown)), width)
    for caveat in found.caveats:
        lines += _labelled("note", sentence(caveat), width)
    return lines


def _labelled(label: str, text: str, width: int) -> list[str]:
    return hang(f"{label:<11}", text, width)


def _odds(found: Placement) -> str:
    chances, one = found.chances, noun(found.workload)
    if chances.unknown is not None:
        return sentence(f"not known: {_unknown(chances.unknown)}")
    if found.every_node:
        return sentence(chances.basis)
    text = f"the first {one}: {chances.basis}"
    if chances.later_unknown is not None:
        return sentence(f"{text}; of the next {one} not known: {_unknown(chances.later_unknown)}")
    if chances.stays is not None:
        text += f"; the next {one}, with the image on the first one's node, lands there again in {percent(chances.stays)} of cases"
    return sentence(text)


def _differ(found: Placement) -> bool:
    """Whether the odds of the next pod on a node are not those of its landing on the first one's node again."""
    if found.every_node or found.chances.stays is None:
        return False
    told = [_each(item, item.later) for group in found.groups for kind in group.classes for item in kind.today]
    return any(share and abs(share - found.chances.stays) > 1e-9 for share in told)


def _several(found: Placement, width: int) -> Iterator[str]:
    """What was asked beside one pod: copies, and runs; a line for each node group."""
    copies, runs = found.copies, found.runs
    if copies is not None:
        if copies.unknown is not None:
            yield from _labelled("copies", sentence(f"{copies.count}: not known: {_unknown(copies.unknown)}"), width)
        else:
            yield from _labelled("copies", f"{copies.count}, placed one by one, end up:", width)
            told = [(f"on {one.group}", _spread(one.expected, one.chances)) for one in copies.groups]
            left = sum(number * chance for number, chance in enumerate(copies.unplaced))
            told += [("on no node", _spread(left, copies.unplaced))] if left else []
            yield from _rows(told, width)
    if runs is not None:
        if runs.unknown is not None:
            yield from _labelled("runs", sentence(f"{runs.count}: not known: {_unknown(runs.unknown)}"), width)
            return
        yield from _labelled("runs", f"{runs.count}, each after the one before has ended, land:", width)
        yield from _rows([(f"on {one.group}", _landing(one)) for one in runs.groups], width)
        if runs.image:
            yield from _labelled("", sentence(runs.image), width)


def _rows(told: Sequence[tuple[str, str]], width: int) -> Iterator[str]:
    size = max((len(label) for label, _ in told), default=0) + 2
    for label, text in told:
        yield from hang(f"{'':<13}{pad(label, size)}", text, width)


def _landing(one: RunsOn) -> str:
    text = f"{_average(one.expected)} on average"
    return text if one.again is None else f"{text}; after one there the next is there too in {percent(one.again)}"


def _spread(expected: float, chances: Sequence[float]) -> str:
    """``6, always``, ``2.4 on average (0 to 4)``."""
    possible = [number for number, chance in enumerate(chances) if chance]
    if len(possible) == 1:
        return f"{possible[0]}, always"
    return f"{_average(expected)} on average ({possible[0]} to {possible[-1]})"


def _average(expected: float) -> str:
    return f"{expected:.1f}".removesuffix(".0")
