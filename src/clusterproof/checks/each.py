"""The check "each": a condition that every object of a kind must meet, of those that are meant.

All objects exist at the same time, so that one which does not meet it fails the requirement, whatever else was not read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.filled import filled, hidden_of, names
from clusterproof.checks.finding import Finding
from clusterproof.checks.nouns import noun
from clusterproof.checks.ofgroups import members_of
from clusterproof.checks.words import listed, unique
from clusterproof.profiles.expression import value
from clusterproof.profiles.many import values
from clusterproof.profiles.memberpath import MISSING, read, steps
from clusterproof.profiles.model import Each, Requirement
from clusterproof.profiles.partly import UNREAD, Hidden, of_one
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.snapshot.kinds import BY_NAME
from clusterproof.snapshot.snapshot import Table
from clusterproof.verdict.algebra import Tally, Verdict, fold

IT = "it"
SHOWN = 8
"""Objects that are evidence; the others are counted."""
SHORT = 60
"""Characters of a value that a summary shows; longer ones are evidence only."""
NAMED = 3
"""Objects that the summary names; the others are counted."""
_NONE = {
    "fail": Verdict.FAIL,
    "pass": Verdict.PASS,
    "not-applicable": Verdict.NOT_APPLICABLE,
    "unknown": Verdict.UNKNOWN,
}


class Judged(msgspec.Struct, frozen=True):
    """One object that is meant, or may be.

    Attributes:
        key: its key in its kind.
        raw: as its API gave it.
        outcome: works, blocked or unknown.
        unknown: why, where it is unknown.
        hidden: its unknown fields.
    """

    key: str
    raw: dict[str, Any]
    outcome: Outcome
    unknown: Unknown | None = None
    hidden: tuple[Hidden, ...] = ()


class Judgement(msgspec.Struct, frozen=True):
    """What became of all objects.

    Attributes:
        objects: those that are meant or may be, in snapshot order.
        unread: why there may be more.
        activation: what expressions of the check may name, without the object.
    """

    objects: tuple[Judged, ...]
    unread: tuple[Unknown, ...]
    activation: Mapping[str, object]

    def of(self, outcome: Outcome) -> list[Judged]:
        """Those that came to an outcome."""
        return [item for item in self.objects if item.outcome is outcome]


def judge(context: Context, check: Each) -> Judgement:
    """Every object that is meant, with what it comes to."""
    snapshot = context.world.snapshot
    kind = BY_NAME[check.of]
    table: Table[Any] | None = snapshot.tables.get(check.of)
    activation = names(context, check.using)
    missing = snapshot.missing(kind)
    unread = [missing] if missing is not None else []
    if table is None:
        return Judgement((), tuple(unread), activation)
    raws = list(table.raws())
    keys = [kind.key(obj) for obj in table.objects]
    chosen = range(len(raws))
    if check.on:
        members, doubts = members_of(context, check.of, check.on, keys, raws)
        chosen_list = [number for number in chosen if members[number]]
        unread += doubts
    else:
        chosen_list = list(chosen)
    hidden = {
        number: tuple(hidden_of(raws[number], table.unknown_by_key[keys[number]]))
        for number in chosen_list
        if keys[number] in table.unknown_by_key
    }
    meant = _answers(check.where, chosen_list, raws, hidden, activation) if check.where else {}
    asked = [number for number in chosen_list if meant.get(number, True) is not False]
    that = _answers(check.that, asked, raws, hidden, activation)
    found = []
    for number in asked:
        outcome, why = _outcome(meant.get(number, True), that[number])
        found.append(Judged(keys[number], raws[number], outcome, why, hidden.get(number, ())))
    return Judgement(tuple(found), tuple(unread), activation)


def of_object(judged: Judged, activation: Mapping[str, object]) -> Callable[[str], Any]:
    """What an expression gives for one object."""
    return lambda expression: _one(expression, judged.raw, judged.hidden, activation)


def _answers(
    expression: str,
    numbers: Sequence[int],
    raws: Sequence[dict[str, Any]],
    hidden: Mapping[int, tuple[Hidden, ...]],
    activation: Mapping[str, object],
) -> dict[int, Any]:
    """What an expression gives for some of the objects, by their number."""
    whole = [number for number in numbers if number not in hidden]
    found = dict(zip(whole, values(expression, IT, [raws[number] for number in whole], activation), strict=True))
    for number in numbers:
        if number in hidden:
            found[number] = _one(expression, raws[number], hidden[number], activation)
    return {
        number: answer if isinstance(answer, (bool, Unknown)) else _no_truth(expression, answer)
        for number, answer in found.items()
    }


def _one(expression: str, raw: dict[str, Any], hidden: Sequence[Hidden], activation: Mapping[str, object]) -> Any:
    """What an expression gives for one object, some of whose fields may be unknown."""
    asked, first, second, why = of_one(expression, IT, raw, hidden)
    beside = {**activation, UNREAD: why} if why is not None else activation
    answer = value(asked, {**beside, IT: first})
    if second is None or isinstance(answer, Unknown) or why is None:
        return answer
    other = value(asked, {**beside, IT: second})
    return answer if type(other) is type(answer) and other == answer else why


def _no_truth(expression: str, answer: object) -> Unknown:
    return Unknown(Cause.ERROR, f"{' '.join(expression.split())} gives {type(answer).__name__}, not true or false")


def _outcome(meant: bool | Unknown, that: bool | Unknown) -> tuple[Outcome, Unknown | None]:
    if that is True:
        return Outcome.WORKS, None
    if isinstance(meant, Unknown):
        return Outcome.UNKNOWN, meant
    if isinstance(that, Unknown):
        return Outcome.UNKNOWN, that
    return Outcome.BLOCKED, None


def decide(context: Context, requirement: Requirement, check: Each) -> Finding:
    """Pass when every object that is meant holds; fail when one does not; ``none`` where none is meant."""
    judgement = judge(context, check)
    blocked, doubtful = judgement.of(Outcome.BLOCKED), judgement.of(Outcome.UNKNOWN)
    unknowns = unique([*(item.unknown for item in doubtful if item.unknown is not None), *judgement.unread])
    cells = [item.outcome for item in judgement.objects]
    where = f" of {check.on}" if check.on else ""
    summary = ""
    if blocked:
        # What else was not read cannot make it whole again.
        tally = Tally(Verdict.FAIL, blocked=1)
        summary = _failing(check, blocked, judgement.activation)
    elif cells:
        tally = fold([[*cells, *(Outcome.UNKNOWN for _ in judgement.unread)]])
        summary = _passing(check, judgement.objects, where)
        if tally.verdict is Verdict.UNKNOWN:
            which = _listed([item.key for item in doubtful])
            what = f"for {_which(check, which, len(doubtful))}"
            what = what if doubtful else f"for {noun(check.of, 2)} that were not read"
            summary = f"{requirement.title}: not known {what}"
    elif judgement.unread:
        tally = Tally(Verdict.UNKNOWN, unknown=1)
        summary = f"{requirement.title}: {noun(check.of, 2)}{where} not read"
    else:
        tally = Tally(_NONE[check.none])
        said = filled(check.none_says, judgement.activation)
        plain = f"there are no {noun(check.of, 2)}{where}" + (" that this is about" if check.where else "")
        summary = said if isinstance(said, str) and said else plain
    unknown = tally.verdict is Verdict.UNKNOWN
    notes = list(requirement.notes)
    if blocked and unknowns:
        notes.insert(0, f"there may be more that fail: {unknowns[0]}")
    return Finding(
        id=f"{context.profile.name}/{requirement.id}",
        verdict=tally.verdict,
        level=requirement.level,
        title=requirement.title,
        summary=summary,
        source=requirement.source,
        category=requirement.category,
        cause=unknowns[0].detail if unknown and unknowns else "",
        evidence=_evidence(check, blocked or doubtful or list(judgement.objects)),
        tally=tally,
        unknowns=tuple(unknowns) if unknown else (),
        notes=tuple(unique([*notes, *_remarks(check, judgement)])),
        symptoms=requirement.symptoms,
    )


def _remarks(check: Each, judgement: Judgement) -> list[str]:
    """What is noted of objects that meet it; the first few, equal remarks together."""
    if not check.remark:
        return []
    said: dict[str, list[str]] = {}
    for item in judgement.of(Outcome.WORKS):
        text = filled(check.remark, {}, of_object(item, judgement.activation))
        if text and isinstance(text, str):
            said.setdefault(text, []).append(item.key)
    return [f"{noun(check.of, len(keys))} {_listed(keys)}: {text}" for text, keys in list(said.items())[:NAMED]]


def _failing(check: Each, blocked: Sequence[Judged], activation: Mapping[str, object]) -> str:
    same: dict[str, list[str]] = {}
    for item in blocked[:NAMED]:
        said = filled(check.says, {}, of_object(item, activation)) if check.says else ""
        # What is wrong with it is certain; only the words could not be made.
        same.setdefault("" if isinstance(said, Unknown) else str(said), []).append(item.key)
    shown = [f"{listed(keys)}: {said}" if said else listed(keys) for said, keys in same.items()]
    more = f" and {len(blocked) - NAMED} more" if len(blocked) > NAMED else ""
    if not check.says:
        keys = [item.key for item in blocked]
        return f"{_which(check, _listed(keys), len(keys))} {'do' if len(keys) > 1 else 'does'} not meet it"
    return f"{_which(check, '; '.join(shown), len(blocked))}{more}"


def _which(check: Each, names: str, count: int) -> str:
    return f"{noun(check.of, count)} {names}"


def _passing(check: Each, found: Sequence[Judged], where: str) -> str:
    """What was found of the objects, where the check shows anything that fits a line; else that they meet it."""
    many = len(found)
    told: dict[str, list[str]] = {}
    for item in found:
        told.setdefault(_told(check, item), []).append(item.key)
    if "" in told:
        if many <= NAMED:
            return f"{_which(check, _listed([item.key for item in found]), many)} {'meet' if many > 1 else 'meets'} it"
        return f"all {many} {noun(check.of, many)}{where} meet it"
    if len(told) == 1 and many > NAMED:
        return f"all {many} {noun(check.of, many)}{where}: {next(iter(told))}"
    first = {item.key for item in found[:NAMED]}
    shown = [(text, [key for key in keys if key in first]) for text, keys in told.items()]
    parts = [f"{listed(keys)}: {text}" for text, keys in shown if keys]
    more = f" and {many - NAMED} more" if many > NAMED else ""
    return f"{_which(check, '; '.join(parts), many)}{more}"


def _told(check: Each, item: Judged) -> str:
    """What the check shows of an object, as far as it is short: ``version 1.34, platformVersion eks.9``."""
    return ", ".join(f"{path} {text}" for path in check.show if (text := _short(item, path)))


def _short(item: Judged, path: str) -> str:
    if any(f"{path}.".startswith(f"{one.path}.") for one in item.hidden):
        return ""
    at = read(item.raw, steps(path))
    if at is MISSING:
        return "not set"
    found = at if isinstance(at, list) else [at]
    if not found or any(isinstance(value, (dict, list)) or value is None for value in found):
        return ""
    text = ", ".join(one if isinstance(one, str) else json.dumps(one) for one in found)
    return text if len(text) <= SHORT else ""


def _listed(keys: Sequence[str]) -> str:
    shown = list(keys[:NAMED])
    return listed([*shown, f"{len(keys) - NAMED} more"] if len(keys) > NAMED else shown)


def _evidence(check: Each, objects: Sequence[Judged]) -> tuple[Ref, ...]:
    """The objects that decide, with the fields that the check shows; those beyond the limit in one line with their count."""
    found: list[Ref] = []
    for item in objects[:SHOWN]:
        found += [Ref(check.of, item.key, path, _shown(item, path)) for path in check.show]
        found += [] if check.show else [Ref(check.of, item.key)]
    if len(objects) > SHOWN:
        found.append(Ref(check.of, "*", "", f"{len(objects) - SHOWN} more"))
    return tuple(found)


def _shown(item: Judged, path: str) -> str:
    unknown = next((h for h in item.hidden if f"{path}.".startswith(f"{h.path}.")), None)
    if unknown is not None:
        return f"not known: {unknown.unknown.detail}"
    at = read(item.raw, steps(path))
    if at is MISSING:
        return "not set"
    text = at if isinstance(at, str) else json.dumps(at, sort_keys=True)
    return text if len(text) <= 200 else f"{text[:197]}..."
