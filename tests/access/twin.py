"""Access by brute force: every resource of a pattern in every world that the unknowns allow, one after the other.

Written from the documents and without the package: it reads the raw documents, knows two truth values only, and walks
the flow chart of "Policy evaluation logic" for sets of resources that it lists. What is unknown becomes a world for each
value that it may have: a condition key absent or with one of a few values, a policy that was not read empty, allowing or
denying, a session of any name, and a variable without a value that spoils its statement or only its text.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "999988887777"
PREFIX = f"arn:aws:q:r:{ACCOUNT}:"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/x/pod"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/pod/"
WORDS = tuple("".join(word) for length in range(5) for word in itertools.product("abz:", repeat=length))
"""What stands behind the prefix in the resources that are listed; ``z`` stands for all letters that no
policy names, and ``:`` for itself: a wildcard may match beyond it."""
ALL = (1 << len(WORDS)) - 1
UNREAD: dict[str, Any] = {"unread": True}
"""A policy that was not read."""
ANY = "any"
"""A condition key of which nothing is known."""
SOME = "some"
"""A condition key that is there, with a value that is not known."""

Raw = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """One question: raw documents, and the context as lists of values, ``ANY``, ``SOME`` or None for absent."""

    action: str
    word: str
    principal: str = ROLE
    identity: tuple[Raw, ...] = ()
    boundary: Raw | None = None
    session: tuple[Raw, ...] = ()
    resource: Raw | None = None
    endpoint: Raw | None = None
    levels: tuple[tuple[Raw, ...], ...] = ()
    context: dict[str, Any] = field(default_factory=dict)
    abroad: bool = False

    @property
    def prefix(self) -> str:
        """What all resources begin with."""
        return PREFIX.replace(ACCOUNT, OTHER_ACCOUNT) if self.abroad else PREFIX


@dataclass(frozen=True)
class World:
    """One way in which the unknowns may be: the context, the session's name, what unread policies are, and variables."""

    context: dict[str, tuple[str, ...] | None]
    name: str
    unread: str
    spoils: bool


def truth(case: Case) -> tuple[bool, bool]:
    """Whether all is allowed in every world, and whether something is refused in every world."""
    asked = listed(case.prefix + case.word, case.prefix)
    results = [(allowed(case, world) & asked) == asked for world in worlds(case)]
    return all(results), not any(results)


def certain(case: Case) -> bool:
    """Whether there is one world only."""
    return len(list(worlds(case))) == 1


CANDIDATES: dict[str, tuple[str, ...]] = {
    "k:s": ("a", "b", "ab", "z"),
    "k:n": ("1", "5", "9"),
    "k:b": ("true", "false"),
    "k:d": ("2020-01-01T00:00:00Z", "2030-01-01T00:00:00Z"),
    "k:ip": ("10.0.0.1", "192.0.2.1", "2001:db8::1"),
    "k:arn": ("arn:aws:q:r:1:a", "arn:aws:q:r:2:b:c", "z"),
    "k:m": ("a", "b", "z"),
}
"""Values that each key may have."""


def worlds(case: Case) -> Iterator[World]:
    """All worlds of a case."""
    text = repr(case).lower()
    documents = repr(without(case, context={})).lower()
    keys = sorted(key for key in case.context if key in documents)
    choices: list[list[tuple[str, ...] | None]] = []
    for key in keys:
        given = case.context[key]
        if given in (ANY, SOME):
            held: list[tuple[str, ...] | None] = [(value,) for value in CANDIDATES[key]]
            choices.append(held if given == SOME else [*held, None])
        else:
            choices.append([None if given is None else tuple(given)])
    names = ["one", "two"] if case.principal == ROLE and "assumed-role" in text else ["one"]
    unread = ["nothing", "allow", "deny"] if "unread" in text else ["nothing"]
    spoils = [False, True] if "${k" in text or "${aws" in text else [False]
    for held_values, name, what, spoiled in itertools.product(itertools.product(*choices), names, unread, spoils):
        yield World(dict(zip(keys, held_values, strict=True)), name, what, spoiled)


def allowed(case: Case, world: World) -> int:
    """The resources (as bits) on which a request is allowed in a world: the flow chart, box by box."""
    policies = [*case.identity, *case.session, *itertools.chain(*case.levels)]
    policies += [one for one in (case.boundary, case.resource, case.endpoint) if one is not None]
    denied = 0
    for policy in policies:
        for statement in statements(policy, world):
            if statement["Effect"] == "Deny" and names(statement, case, world):
                denied |= speaks(statement, case, world)
    left = ALL & ~denied
    for level in case.levels:
        left &= says(level, case, world)
    if case.endpoint is not None:
        left &= says((case.endpoint,), case, world)
    owner = () if case.resource is None else (case.resource,)
    mine = says(case.identity, case, world)
    limit = ALL
    if case.boundary is not None:
        limit &= says((case.boundary,), case, world)
    if case.session:
        limit &= says(case.session, case, world)
    if case.abroad:
        return left & mine & limit & says(owner, case, world)
    itself = says(owner, case, world, how="itself")
    role = says(owner, case, world, how="role")
    return left & (itself | ((mine | role) & limit))


def says(policies: tuple[Raw, ...], case: Case, world: World, how: str = "") -> int:
    """What the Allow statements of policies include."""
    found = 0
    for policy in policies:
        for statement in statements(policy, world):
            if statement["Effect"] != "Allow":
                continue
            way = names(statement, case, world)
            if way and how in ("", way):
                found |= speaks(statement, case, world)
    return found


def statements(policy: Raw, world: World) -> list[Raw]:
    """The statements of a policy; those of an unread one are its world's."""
    if "unread" in policy:
        if world.unread == "nothing":
            return []
        everything = {"Effect": world.unread.title(), "Action": "*", "Resource": "*", "version": "2008-10-17"}
        return [everything]
    found = policy["Statement"]
    version = policy.get("Version", "2008-10-17")
    return [{**one, "version": version} for one in (found if isinstance(found, list) else [found])]


def names(statement: Raw, case: Case, world: World) -> str:
    """How a statement names the principal: ``itself``, ``role``, ``account``, or not at all (empty)."""
    if "Principal" not in statement:
        return "itself"
    given = statement["Principal"]
    texts = given if isinstance(given, list) else [given] if isinstance(given, str) else given.get("AWS", [])
    texts = [texts] if isinstance(texts, str) else texts
    if "*" in texts or SESSION + world.name in texts:
        return "itself"
    if case.principal in texts:
        return "role"
    return "account" if {ACCOUNT, f"arn:aws:iam::{ACCOUNT}:root"} & set(texts) else ""


def speaks(statement: Raw, case: Case, world: World) -> int:
    """The resources that a statement includes, where it includes the action and its conditions hold."""
    acts = many(statement.get("Action", statement.get("NotAction")))
    hit = any(like(act.lower(), case.action.lower()) for act in acts)
    if hit != ("Action" in statement):
        return 0
    spoiled = False
    for operator, keys in statement.get("Condition", {}).items():
        for key, raw in keys.items():
            texts, lost = filled(many(raw), statement, world, operator)
            spoiled |= lost
            if not holds(operator, texts, world.context.get(key.lower())):
                return 0
    texts, lost = filled(many(statement.get("Resource", statement.get("NotResource"))), statement, world, "Resource")
    if world.spoils and (spoiled or lost):
        return 0
    found = 0
    for text in texts:
        found |= listed(text, case.prefix)
    return found if "Resource" in statement else ALL & ~found


def many(value: Any) -> list[str]:
    """A value or a list of them as texts."""
    values = value if isinstance(value, list) else [value]
    return [str(one).lower() if isinstance(one, bool) else str(one) for one in values]


def filled(texts: list[str], statement: Raw, world: World, where: str) -> tuple[list[str], bool]:
    """Texts with their variables filled in; whether one had no value, which is left out."""
    if statement["version"] != "2012-10-17" or not (where == "Resource" or "String" in where or "Arn" in where):
        return texts, False
    found: list[str] = []
    lost = False
    for text in texts:
        made = ""
        for piece in re.split(r"(\$\{[^}]*\})", text):
            if not piece.startswith("${"):
                made += piece
                continue
            key, _, default = piece[2:-1].partition(", ")
            given = world.context.get(key.lower())
            if given:
                made += given[0]
            elif default:
                made += default.strip("'")
            else:
                lost = True
                break
        else:
            found.append(made)
    return found, lost


@cache
def listed(pattern: str, prefix: str) -> int:
    """The bits of the listed resources that a pattern matches."""
    return sum(1 << n for n, word in enumerate(WORDS) if like(pattern, prefix + word))


@cache
def like(pattern: str, text: str) -> bool:
    """Wildcards by a regular expression of the plainest sort."""
    made = "".join(".*" if one == "*" else "." if one == "?" else re.escape(one) for one in pattern)
    return re.fullmatch(made, text, re.DOTALL) is not None


def holds(operator: str, texts: list[str], given: tuple[str, ...] | None) -> bool:
    """Whether a condition holds."""
    if operator == "Null":
        return any((given is None) == (text == "true") for text in texts)
    qualifier, _, name = operator.rpartition(":")
    base = name.removesuffix("IfExists")
    negated = "Not" in base
    if given is None:
        if qualifier == "ForAllValues" or name != base:
            return True
        return negated and not qualifier
    single = [any(fits(base.replace("Not", ""), text, value) for text in texts) is not negated for value in given]
    return any(single) if qualifier == "ForAnyValue" else all(single)


def fits(base: str, text: str, value: str) -> bool:
    """Whether one value of a request is matched by one of a policy."""
    if base == "StringEquals":
        return text == value
    if base == "StringEqualsIgnoreCase":
        return text.lower() == value.lower()
    if base == "StringLike":
        return like(text, value)
    if base == "Bool":
        return text.lower() == value.lower()
    if base in ("ArnEquals", "ArnLike"):
        asked, held = text.split(":", 5), value.split(":", 5)
        return len(held) == 6 and all(like(one, other) for one, other in zip(asked, held, strict=True))
    if base == "IpAddress":
        return bits(value).startswith(bits(text))
    left, right = (seconds(value), seconds(text)) if base.startswith("Date") else (float(value), float(text))
    how = base.removeprefix("Date").removeprefix("Numeric")
    return {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[how]


def bits(block: str) -> str:
    """An address or a block of addresses as the bits that it fixes, behind its family."""
    address, _, length = block.partition("/")
    if ":" in address:
        head, _, tail = address.partition("::")
        left, right = [part for part in head.split(":") if part], [part for part in tail.split(":") if part]
        groups = [*left, *["0"] * (8 - len(left) - len(right)), *right]
        whole = "6" + "".join(f"{int(group, 16):016b}" for group in groups)
    else:
        whole = "4" + "".join(f"{int(part):08b}" for part in address.split("."))
    return whole[: 1 + int(length)] if length else whole


def seconds(text: str) -> float:
    """A time as something that sorts: years of the two forms that are drawn."""
    if text.isdigit() and len(text) > 4:
        return float(text)
    return {"2020-01-01T00:00:00Z": 1577836800.0, "2030-01-01T00:00:00Z": 1893456000.0, "2025-06-01": 1748736000.0}[
        text
    ]


def without(case: Case, **changes: Any) -> Case:
    """The case with some of it changed."""
    return replace(case, **changes)
