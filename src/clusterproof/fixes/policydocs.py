"""Policy documents of IAM that are added to, or narrowed, and otherwise left as they are.

Sources: IAM User Guide, "IAM JSON policy elements reference" (one statement may stand without a list, and so may an
action, a resource or a principal) and "Grammar of the IAM JSON policy language".
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from typing import Any

from clusterproof.access import policy
from clusterproof.access.patterns import arn_overlaps, contains, matches, overlaps, segments
from clusterproof.snapshot.overlay import Raw

VERSION = "2012-10-17"


def decoded(document: object) -> Raw | None:
    """A document as an object of its own, from an object or from (URL-encoded) JSON text; None where it is neither."""
    return copy.deepcopy(policy.decoded(document))


def statements(document: Raw) -> list[Raw]:
    """The statements, also where a single one stands without a list."""
    found = document.get("Statement", [])
    return [found] if isinstance(found, dict) else [item for item in found if isinstance(item, dict)]


def many(value: Any) -> list[Any]:
    """A member that may stand without a list, as a list."""
    return list(value) if isinstance(value, list) else [] if value is None else [value]


def document_of(found: Sequence[Raw]) -> Raw:
    """A document of some statements."""
    return {"Version": VERSION, "Statement": list(found)}


def grant(actions: Sequence[str], resources: Sequence[str]) -> Raw:
    """A statement that allows some actions on some resources and nothing else."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def with_grants(document: Raw | None, grants: Iterable[Raw]) -> Raw:
    """A document with further statements; one that allows other actions on the same resources gets the actions."""
    result: Raw = copy.deepcopy(document) if document is not None else {"Version": VERSION}
    held = statements(result)
    for new in grants:
        like = next((item for item in held if _same_but_actions(item, new)), None)
        if like is None:
            held.append(copy.deepcopy(new))
        else:
            like["Action"] = [*many(like["Action"]), *(a for a in new["Action"] if a not in many(like["Action"]))]
    result["Statement"] = held
    return result


def _same_but_actions(one: Raw, other: Raw) -> bool:
    members = {"Effect", "Action", "Resource"}
    return (
        set(one) - {"Sid"} == members
        and one["Effect"] == other["Effect"]
        and sorted(many(one["Resource"])) == sorted(many(other["Resource"]))
    )


def trusting(document: Raw, wanted: Raw) -> Raw:
    """A trust policy with a statement for a principal: the one that it has gets the missing actions, else one more.

    A statement is that principal's own where it names nobody else and has the wanted conditions, or the wanted has none
    and neither has it; every other statement stays as it is.
    """
    result = copy.deepcopy(document)
    held = statements(result)
    for item in held:
        if {"NotPrincipal", "NotAction"} & set(item) or item.get("Effect") != "Allow":
            continue
        if item.get("Principal") == wanted["Principal"] and item.get("Condition") == wanted.get("Condition"):
            missing = [action for action in many(wanted["Action"]) if not _has(item, action)]
            item["Action"] = [*many(item.get("Action")), *missing]
            break
    else:
        held.append(copy.deepcopy(wanted))
    result.setdefault("Version", VERSION)
    result["Statement"] = held
    return result


def for_any(wanted: Iterable[Raw]) -> list[Raw]:
    """Statements for tokens that differ in the subject alone, as one that takes any of the subjects; others as they are."""
    result: list[Raw] = []
    for new in wanted:
        key = next((key for key in _equals(new) if key.endswith(_SUBJECT)), "")
        like = next((item for item in result if key in _equals(item) and _but(item, key) == _but(new, key)), None)
        if like is None:
            result += [] if new in result else [copy.deepcopy(new)]
        else:
            held = _equals(like)
            held[key] = list(dict.fromkeys([*many(held[key]), *many(_equals(new)[key])]))
    return result


_SUBJECT = ":sub"


def _equals(statement: Raw) -> Raw:
    found: Raw = statement.get("Condition", {}).get("StringEquals", {})
    return found


def _but(statement: Raw, key: str) -> Raw:
    """A statement without one of the values that it compares."""
    result = copy.deepcopy(statement)
    _equals(result).pop(key, None)
    return result


def _has(statement: Raw, action: str) -> bool:
    return any(matches(str(pattern).lower(), action.lower()) for pattern in many(statement.get("Action")))


def narrowed(statement: Raw, service: str, within: Sequence[str], apart: Sequence[str]) -> list[Raw] | None:
    """A statement of Allow whose grants in one service lie within some resources, and all else as it was.

    Args:
        statement: as it is.
        service: the service's prefix (``sqs``).
        within: ARN patterns.
        apart: actions of the service that keep their resources: AWS authorises them on none.

    Returns:
        The statements in its place, none where nothing is left; None where no statements say just that.
    """
    if "NotResource" in statement or "NotAction" in statement or "Action" not in statement:
        return None
    own, kept = [], []
    whole = False
    for action in many(statement["Action"]):
        text = str(action)
        prefix, _, name = text.partition(":")
        if text == "*":
            whole = True
            own.append(f"{service}:*")
        elif prefix.lower() != service:
            if not name or overlaps(prefix.lower(), service):
                return None
            kept.append(text)
        else:
            (kept if text.lower() in {item.lower() for item in apart} else own).append(text)
    if not own:
        return [statement]
    # What a wildcard holds of the actions that are judged apart stays where it was.
    kept += [one for one in apart if one not in kept and any(matches(action.lower(), one.lower()) for action in own)]
    resources = _inside(many(statement.get("Resource")), service, within)
    if resources is None:
        return None
    result: list[Raw] = []
    if whole:
        rest = {key: value for key, value in statement.items() if key != "Action"}
        result.append({**rest, "NotAction": own})
        result += [{**rest, "Action": kept}] if kept else []
    elif kept:
        result.append({**statement, "Action": kept})
    if resources:
        new = {**statement, "Action": own, "Resource": resources}
        if result and "Sid" in new:
            new["Sid"] = f"{new['Sid']}{service.capitalize()}"  # a Sid is unique in its document
        result.append(new)
    return result


def _inside(resources: Iterable[Any], service: str, within: Sequence[str]) -> list[str] | None:
    """What some resources and ``within`` have in common; None where it cannot be written as patterns."""
    result: dict[str, None] = {}
    for resource in map(str, resources):
        if any(contains(pattern, resource) for pattern in within):
            result[resource] = None
            continue
        if "${" in resource:
            return None
        for pattern in within:
            if contains(resource, pattern):
                result[pattern] = None
            elif _meet(resource, pattern):
                both = _common(resource, pattern, service)
                if both is None:
                    return None
                result[both] = None
    return list(result)


def _meet(one: str, other: str) -> bool:
    """Whether some ARN is one of both; a pattern of fewer than six segments is compared as a text."""
    return arn_overlaps(one, other) if segments(one) is not None else overlaps(one, other)


def _common(one: str, other: str, service: str) -> str | None:
    """The ARNs of both patterns where each segment of one holds that of the other; None elsewhere."""
    first, second = segments(one), segments(other)
    if first is None or second is None:
        return None
    result = []
    for number, (a, b) in enumerate(zip(first, second, strict=True)):
        narrow = a if contains(b, a) else b if contains(a, b) else None
        if narrow is None or (number == 2 and narrow != service):
            return None
        result.append(narrow)
    return ":".join(result)


def size(documents: Iterable[Raw]) -> int:
    """How many characters documents count for IAM's quotas, which leave whitespace out."""
    return sum(len("".join(json.dumps(item, separators=(",", ":")).split())) for item in documents)
