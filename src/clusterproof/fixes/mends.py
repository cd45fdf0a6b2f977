"""A profile's own ways to mend a requirement, filled in for the objects that fail it.

Nothing here knows a platform: the edits that stand for a change and the commands that make it stand in the profile.
Whether they mend anything is proven afterwards, like every other fix.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.each import IT, Judged, judge, of_object
from clusterproof.checks.filled import filled, names, pieces
from clusterproof.checks.nouns import noun
from clusterproof.checks.words import listed
from clusterproof.fixes import owners, quoted
from clusterproof.fixes.draft import Draft, MadeBy, together
from clusterproof.fixes.render_kubectl import apply_command
from clusterproof.profiles.chains import chains
from clusterproof.profiles.checkrules import using_of
from clusterproof.profiles.expression import value
from clusterproof.profiles.memberpath import settable, steps
from clusterproof.profiles.model import Mend, Requirement
from clusterproof.profiles.template import expressions
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Ref, Unknown
from clusterproof.snapshot.kinds import BY_NAME
from clusterproof.snapshot.overlay import Edit, Put, SetField

Ask = Callable[[str], Any]
_POLICIES = kinds.NETWORK_POLICIES.name


class _CannotError(Exception):
    """A mend cannot be filled in; the message says why."""


def draft(context: Context, requirement: Requirement) -> Draft:
    """All mends of a requirement: for every object that does not meet an ``each``, else once."""
    if not requirement.mends:
        return Draft()
    return _told_apart(together(_drafts(context, requirement)))


def _told_apart(draft: Draft) -> Draft:
    """Changes of several objects whose text is the same say which object each of them is of."""
    texts = [change.text for change in draft.changes]
    changes = tuple(
        msgspec.structs.replace(change, text=f"{change.text} ({noun(change.object.kind)} {change.object.key})")
        if texts.count(change.text) > 1
        else change
        for change in draft.changes
    )
    return msgspec.structs.replace(draft, changes=changes)


def _drafts(context: Context, requirement: Requirement) -> Iterator[Draft]:
    each = requirement.check.each
    judgement = judge(context, each) if each is not None else None
    activation = judgement.activation if judgement else names(context, using_of(requirement.check))
    failing = judgement.of(Outcome.BLOCKED) if judgement else []
    once: Ask = lambda expression: value(expression, activation)  # noqa: E731 - beside those of the objects
    for mend in requirement.mends:
        if each is not None and (mend.set or _reads_it(mend)):
            # Where no object is there, what is set in one mends nothing.
            for item in failing:
                yield _guarded(context, mend, of_object(item, activation), each.of, item)
        else:
            yield _guarded(context, mend, once)


def _guarded(context: Context, mend: Mend, ask: Ask, kind: str = "", item: Judged | None = None) -> Draft:
    try:
        return _made(context, mend, ask, kind, item)
    except _CannotError as error:
        what = f" ({kind} {item.key})" if item is not None else ""
        text = f"what mends it{what} could not be written"
        return Draft(advice=(f"not proven: {text}: {error}",), why=text)


def _made(context: Context, mend: Mend, ask: Ask, kind: str, item: Judged | None) -> Draft:
    edits: list[Edit] = []
    if item is not None:
        raw = item.raw
        for path, given in mend.set.items():
            at, whole = settable(raw, steps(path), copy.deepcopy(_filled(given, ask)))
            edit = SetField(kind, item.key, at, whole)
            edits.append(edit)
            if '"' in path or "'" in path:
                raw = _changed(raw, at, whole)  # a second name inside the same mapping is set beside the first
    edits += [_put(_filled(given, ask)) for given in mend.put]
    text = str(_filled(mend.text, ask))
    advice = (str(_filled(mend.advice, ask)),) if mend.advice else ()
    commands, unwritten = _commands(mend, ask)
    manifests = [edit for edit in edits if isinstance(edit, Put) and "apiVersion" in edit.object]
    if not mend.commands and manifests and len(manifests) == len(edits):
        commands["kubectl"] = apply_command(*manifests)
    change = MadeBy(text, _object(context, edits, kind, item), commands, (*advice, *unwritten, *_unlisted(edits)))
    return Draft(tuple(edits), (change,))


def _unlisted(edits: list[Edit]) -> tuple[str, ...]:
    """What is not asked of a profile's own NetworkPolicies: what they let through besides."""
    keys = [owners.object_of(edit).key for edit in edits if isinstance(edit, Put) and edit.kind == _POLICIES]
    if not keys:
        return ()
    one = len(keys) == 1
    which = f"NetworkPolic{'y' if one else 'ies'} {listed(keys)}"
    return (f"what {which} let{'s' if one else ''} through besides is not listed",)


def _changed(raw: dict[str, Any], path: str, whole: Any) -> dict[str, Any]:
    result = copy.deepcopy(raw)
    place: Any = result
    *parents, last = path.split(".")
    for part in parents:
        if isinstance(place, dict) and place.get(part) is None:
            place[part] = {}
        place = place[int(part)] if isinstance(place, list) else place[part]
    place[last] = whole
    return result


def _put(given: dict[str, Any]) -> Put:
    kind = BY_NAME[str(given["kind"])]
    raw = copy.deepcopy(given["object"])
    try:
        kind.key(msgspec.convert(raw, kind.type))
    except (msgspec.ValidationError, AttributeError, TypeError) as error:
        raise _CannotError(f"it is no object of {kind.name}: {error}") from None
    return Put(kind.name, raw)


def _filled(given: Any, ask: Ask) -> Any:
    found = filled(given, {}, ask)
    if isinstance(found, Unknown):
        raise _CannotError(found.detail)
    return found


def _commands(mend: Mend, ask: Ask) -> tuple[dict[str, str], tuple[str, ...]]:
    """The commands by style, and what is to be said of those that could not be written."""
    found: dict[str, str] = {}
    unwritten: list[str] = []
    for style, text in mend.commands.items():
        parts = pieces(text.strip("\n"), {}, ask)
        unknown = next((given for _, given, _ in parts if isinstance(given, Unknown)), None)
        if unknown is not None:
            unwritten.append(f"the command for {style} could not be written: {unknown.detail}")
            continue
        found[style] = quoted.terraform(parts) if style == "terraform" else quoted.command(parts)
    return found, tuple(unwritten)


def _object(context: Context, edits: list[Edit], kind: str, item: Judged | None) -> Ref:
    """What is changed, as evidence: the object that fails, the first that is made, else the cluster."""
    first = edits[0] if edits else None
    if isinstance(first, SetField):
        return Ref(first.kind, first.key, first.path)
    if isinstance(first, Put):
        of = BY_NAME[first.kind]
        return Ref(first.kind, of.key(msgspec.convert(first.object, of.type)))
    if item is not None:
        return Ref(kind, item.key)
    return Ref(kinds.CLUSTERS.name, context.world.snapshot.meta.cluster or "*")


def _reads_it(mend: Mend) -> bool:
    """Whether any of its texts speaks of the object."""
    texts = expressions((mend.text, mend.put, mend.commands, mend.advice))
    return any(chain[0] == IT for text in texts for chain in chains(text))
