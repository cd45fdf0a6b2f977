"""Policy documents, parsed once.

Source: IAM User Guide, "Grammar of the IAM JSON policy language" and "IAM JSON policy elements reference". What AWS would
not accept, or what this module does not know, is unknown, with where and what is wrong; nothing of a document is skipped.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
from msgspec import field

from clusterproof.access.conditions import Test, test_of
from clusterproof.access.patterns import source
from clusterproof.access.variables import Template, parsed
from clusterproof.snapshot.fields import Cause, Unknown

Principals = tuple[tuple[str, str], ...]
"""Kind (``AWS``, ``Service``, ``Federated``, ``CanonicalUser``, or ``*``) and name of each."""

VERSIONS = ("2008-10-17", "2012-10-17")
_DOCUMENT = {"Version", "Id", "Statement"}
_STATEMENT = {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"}  # fmt: skip
_PRINCIPALS = {"AWS", "Service", "Federated", "CanonicalUser"}


class Scope(msgspec.Struct, frozen=True):
    """The resources of a statement.

    Attributes:
        plain: patterns without variables.
        templates: those with variables.
        negative: whether these are the exceptions (``NotResource``).
        everything: whether all resources are meant: ``*``, or the one that the policy is attached to.
        regex: all of ``plain`` as one regular expression; None: there is none.
    """

    plain: tuple[str, ...] = ()
    templates: tuple[Template, ...] = ()
    negative: bool = False
    everything: bool = False
    regex: re.Pattern[str] | None = None


class Statement(msgspec.Struct, frozen=True, eq=False):
    """One statement; an element that is not there is None.

    Attributes:
        index: its place in the policy, from 0.
        sid: its name, or empty.
        effect: ``Allow`` or ``Deny``.
        principals: ``Principal``.
        not_principals: ``NotPrincipal``.
        actions: ``Action``, as written.
        not_actions: ``NotAction``.
        resources: ``Resource``, as written.
        not_resources: ``NotResource``.
        conditions: all of which must hold.
        scope: the resources, compiled.
        acts: the actions, compiled, for actions in lower case.
    """

    index: int
    sid: str
    effect: str
    principals: Principals | None = None
    not_principals: Principals | None = None
    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    not_resources: tuple[str, ...] | None = None
    conditions: tuple[Test, ...] = ()
    scope: Scope = Scope(everything=True)
    acts: re.Pattern[str] = re.compile("")

    @property
    def title(self) -> str:
        """How it is named to users: ``statement "Queues"`` or ``statement 2`` (counted from 1)."""
        return f'statement "{self.sid}"' if self.sid else f"statement {self.index + 1}"

    def has_action(self, action: str) -> bool:
        """Whether it speaks of an action, given in lower case."""
        return (self.acts.fullmatch(action) is not None) is (self.actions is not None)


class Policy(msgspec.Struct, frozen=True, eq=False):
    """One policy document.

    Attributes:
        name: how it is named to users: the inline policy's name, the managed policy's ARN, or the resource's.
        version: of the language: ``2012-10-17``, or ``2008-10-17`` (also where the document names none).
        statements: in their order.
        kept: statements that speak of an action, by the action in lower case; filled on first use.
    """

    name: str
    version: str
    statements: tuple[Statement, ...]
    kept: dict[str, tuple[Statement, ...]] = field(default_factory=dict)

    def about(self, action: str) -> tuple[Statement, ...]:
        """The statements that speak of an action, given in lower case."""
        found = self.kept.get(action)
        if found is None:
            found = self.kept[action] = tuple(one for one in self.statements if one.has_action(action))
        return found


class _BadError(Exception):
    """What is wrong with a document, and where."""


def parse(document: dict[str, Any] | str, name: str) -> Policy | Unknown:
    """A policy from its document.

    Args:
        document: as the AWS CLI prints it, or as JSON text, which may be URL-encoded.
        name: how the policy is named to users.

    Returns:
        Unknown with the cause ``error`` where the document is not one that AWS accepts.
    """
    try:
        return _policy(_decoded(document) if isinstance(document, str) else document, name)
    except _BadError as wrong:
        remedy = "correct the document; until then nothing can be said of what it allows or denies"
        what = name if name.startswith("the ") else f"the policy {name}"
        return Unknown(Cause.ERROR, f"{what} cannot be read: {wrong}", remedy)


def decoded(document: object) -> dict[str, Any] | None:
    """A document as an object, from itself or from JSON text, which may be URL-encoded; None where it is neither."""
    try:
        found = _decoded(document) if isinstance(document, str) else document
    except _BadError:
        return None
    return found if isinstance(found, dict) else None


def _decoded(text: str) -> Any:
    text = text.strip()
    if text.startswith("%"):
        escaped = re.sub(r"%([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text.replace("+", " "))
        try:
            text = escaped.encode("latin-1").decode("utf-8")
        except UnicodeError:
            raise _BadError("it is neither JSON nor URL-encoded JSON") from None
    try:
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
        if "\\u" in text:
            json.dumps(found, ensure_ascii=False).encode()  # half a character, written as \\ud800, is none
    except (ValueError, RecursionError) as error:
        raise _BadError(f"it is no JSON ({_said(error)})") from None
    return found


def _said(error: Exception) -> str:
    return "it has half a character" if isinstance(error, UnicodeError) else str(error)


def _no_number(text: str) -> Any:
    """``NaN`` and ``Infinity``, which Python reads and JSON does not have."""
    raise ValueError(f"{text} is no number")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose keys are all different, as the grammar demands."""
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise _BadError(f"it has {twice} twice in one place")
    return made


def _policy(document: Any, name: str) -> Policy:
    if not isinstance(document, dict):
        raise _BadError("it is no object")
    _known(document, _DOCUMENT, "the document")
    version = document.get("Version", VERSIONS[0])
    if version not in VERSIONS:
        raise _BadError(f"Version is {version!r}, not 2012-10-17 or 2008-10-17")
    statements = document.get("Statement")
    if isinstance(statements, dict):
        statements = [statements]
    if not isinstance(statements, list) or not statements:
        raise _BadError("it has no Statement")
    made = tuple(_statement(raw, index, variables=version == VERSIONS[1]) for index, raw in enumerate(statements))
    return Policy(name, version, made)


def _known(raw: dict[str, Any], keys: set[str], where: str) -> None:
    strange = sorted(key for key in raw if key not in keys)
    if strange:
        raise _BadError(f"{where} has the element {strange[0]}, which is none of the policy language")


def _statement(raw: Any, index: int, *, variables: bool) -> Statement:
    where = f"statement {index + 1}"
    if not isinstance(raw, dict):
        raise _BadError(f"{where} is no object")
    _known(raw, _STATEMENT, where)
    effect = raw.get("Effect")
    if effect not in ("Allow", "Deny"):
        raise _BadError(f"Effect of {where} is {effect!r}, not Allow or Deny")
    sid = raw.get("Sid", "")
    if not isinstance(sid, str):
        raise _BadError(f"Sid of {where} is no text")
    for one, other in (("Action", "NotAction"), ("Resource", "NotResource"), ("Principal", "NotPrincipal")):
        if one in raw and other in raw:
            raise _BadError(f"{where} has both {one} and {other}")
    if "Action" not in raw and "NotAction" not in raw:
        raise _BadError(f"{where} has neither Action nor NotAction")
    actions, not_actions = (_texts(raw, key, where) for key in ("Action", "NotAction"))
    for action in actions or not_actions or ():
        if action != "*" and not re.fullmatch(r"[^:\s]+:[^:\s]+", action):
            raise _BadError(f"{where} has the action {action!r}, which is not of the form service:name")
    resources, not_resources = (_texts(raw, key, where) for key in ("Resource", "NotResource"))
    return Statement(
        index=index,
        sid=sid,
        effect=effect,
        principals=_principals(raw, "Principal", where),
        not_principals=_principals(raw, "NotPrincipal", where),
        actions=actions,
        not_actions=not_actions,
        resources=resources,
        not_resources=not_resources,
        conditions=_conditions(raw.get("Condition", {}), where, variables=variables),
        scope=_scope(resources, not_resources, variables=variables),
        acts=_any_of(tuple(action.lower() for action in actions or not_actions or ())),
    )


def _texts(raw: dict[str, Any], key: str, where: str) -> tuple[str, ...] | None:
    if key not in raw:
        return None
    found = raw[key]
    texts = (found,) if isinstance(found, str) else tuple(found) if isinstance(found, list) else ()
    if not texts or not all(isinstance(text, str) and text for text in texts):
        raise _BadError(f"{key} of {where} is neither a text nor a list of texts")
    return texts


def _principals(raw: dict[str, Any], key: str, where: str) -> Principals | None:
    if key not in raw:
        return None
    found = raw[key]
    if found == "*":
        return (("*", "*"),)
    if not isinstance(found, dict) or not found:
        raise _BadError(f'{key} of {where} is neither "*" nor an object of principals')
    _known(found, _PRINCIPALS, f"{key} of {where}")
    return tuple((kind, name) for kind in found for name in _texts(found, kind, f"{key} of {where}") or ())


def _conditions(raw: Any, where: str, *, variables: bool) -> tuple[Test, ...]:
    if not isinstance(raw, dict):
        raise _BadError(f"Condition of {where} is no object")
    tests = []
    for operator, keys in raw.items():
        if not isinstance(keys, dict):
            raise _BadError(f"{operator} in Condition of {where} is no object")
        for key, found in keys.items():
            values = found if isinstance(found, list) else [found]
            if not all(isinstance(value, str | bool | int | float) for value in values):
                raise _BadError(f"{operator} of {key} in Condition of {where} has a value that is no text")
            tests.append(test_of(operator, key, tuple(_text(value) for value in values), variables=variables))
    return tuple(tests)


def _text(value: str | bool | float) -> str:
    """A value of a condition as text; JSON may give numbers and booleans as such."""
    try:
        return str(value).lower() if isinstance(value, bool) else str(value)
    except ValueError:
        raise _BadError("a condition has a number of thousands of digits") from None


def _scope(resources: tuple[str, ...] | None, exceptions: tuple[str, ...] | None, *, variables: bool) -> Scope:
    texts = resources or exceptions
    if texts is None:
        return Scope(everything=True)
    all_of = [parsed(text, variables=variables, arn=True) for text in texts]
    plain = tuple(one for one in all_of if isinstance(one, str))
    templates = tuple(one for one in all_of if isinstance(one, Template))
    return Scope(
        plain=plain,
        templates=templates,
        negative=exceptions is not None,
        everything=exceptions is None and "*" in plain,
        regex=_any_of(plain) if plain else None,
    )


def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{source(pattern)})" for pattern in patterns), re.DOTALL)
