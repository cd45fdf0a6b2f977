"""Draws cases for the twin and puts them to the engine."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import strategies as st

from clusterproof.access.context import ABSENT, Given, Present, Request
from clusterproof.access.decide import Authority, Decision, decide
from clusterproof.access.policy import Policy, parse
from clusterproof.snapshot.fields import Cause, Unknown
from tests.access import twin
from tests.access.twin import ACCOUNT, ANY, CANDIDATES, ROLE, SESSION, SOME, UNREAD, Case, Raw

ACTIONS = ("q:Get", "q:Put")
ACTION_PATTERNS = ("*", "q:*", "Q:GET", "q:g?t", "q:Put", "q:P*", "s:Get")
PATTERNS = ("", "a", "b", "*", "a*", "*b", "?", "??", "a?", "?*", "*a*", "*?b", "b*")
OPERATORS: dict[str, tuple[tuple[str, ...], tuple[Any, ...]]] = {
    "k:s": (
        ("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase"),
        ("a", "b", "A", "a*", "?b", "*", "${k:n, 'a'}", "${k:s}"),
    ),
    "k:n": (
        ("NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"),
        ("1", "5", 9, "5.0"),
    ),
    "k:b": (("Bool",), ("true", "false", True)),
    "k:d": (("DateLessThan", "DateGreaterThanEquals", "DateEquals", "DateNotEquals"), ("2020-01-01T00:00:00Z", "2025-06-01", "1577836800")),
    "k:ip": (("IpAddress", "NotIpAddress"), ("10.0.0.0/8", "192.0.2.1", "2001:db8::/32")),
    "k:arn": (("ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"), ("arn:aws:q:*:1:a", "arn:aws:q:r:?:b*", "arn:aws:q:r:1:${k:s}")),
    "k:m": (
        ("ForAllValues:StringEquals", "ForAnyValue:StringEquals", "ForAllValues:StringNotLike", "ForAnyValue:StringNotEquals", "ForAnyValue:StringLike"),
        ("a", "b", "a*"),
    ),
}  # fmt: skip
PRINCIPALS: tuple[Any, ...] = (
    "*",
    {"AWS": "*"},
    {"AWS": ROLE},
    {"AWS": ACCOUNT},
    {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    {"AWS": SESSION + "one"},
    {"AWS": f"arn:aws:iam::{ACCOUNT}:role/other"},
    {"AWS": [f"arn:aws:iam::{ACCOUNT}:role/other", ROLE]},
)


class Dice:
    """Draws with one source of chance."""

    def __init__(self, source: random.Random) -> None:
        self.random = source

    def case(self) -> Case:
        """A case."""
        one = self.random
        resource = self.policy(principals=True) if one.random() < 0.35 else None
        abroad = one.random() < 0.12
        return Case(
            action=one.choice(ACTIONS),
            word=one.choice(PATTERNS) if one.random() < 0.7 else one.choice(("", "a", "ab", "zz")),
            identity=tuple(self.read(self.policy()) for _ in range(one.choice((0, 1, 1, 2)))),
            boundary=self.read(self.policy()) if one.random() < 0.25 else None,
            session=tuple(self.policy() for _ in range(one.choice((0, 0, 0, 1, 2)))),
            resource=None if resource is None else self.read(resource),
            endpoint=self.policy(principals=True, everyone=True) if one.random() < 0.12 else None,
            levels=tuple((self.policy(),) for _ in range(one.choice((0, 0, 0, 0, 1, 2)))),
            context={key: self.given(key) for key in CANDIDATES},
            abroad=abroad,
        )

    def read(self, policy: Raw) -> Raw:
        """The policy, or, seldom, that it was not read."""
        return UNREAD if self.random.random() < 0.04 else policy

    def given(self, key: str) -> Any:
        """What is known of a key."""
        chance = self.random.random()
        if chance < 0.15:
            return None
        if chance < 0.28:
            return ANY
        if chance < 0.36:
            return SOME
        count = self.random.choice((1, 2)) if key == "k:m" else 1
        return [self.random.choice(CANDIDATES[key]) for _ in range(count)]

    def policy(self, *, principals: bool = False, everyone: bool = False) -> Raw:
        """A document; one of the old version has no variables in resources, whose texts the twin could not list."""
        old = self.random.random() < 0.15
        count = self.random.choice((1, 1, 2, 3))
        made: Raw = {"Statement": [self.statement(principals, everyone, old=old) for _ in range(count)]}
        return made if old else {**made, "Version": "2012-10-17"}

    def statement(self, principals: bool, everyone: bool, *, old: bool = False) -> Raw:
        """A statement."""
        one = self.random
        made: Raw = {"Effect": "Allow" if one.random() < 0.75 else "Deny"}
        made["Action" if one.random() < 0.88 else "NotAction"] = self.some(ACTION_PATTERNS)
        found = [
            twin.PREFIX + pattern if one.random() < 0.8 else self.wide(pattern, old) for pattern in self.list(PATTERNS)
        ]
        made["Resource" if one.random() < 0.85 else "NotResource"] = found if one.random() < 0.9 else "*"
        if principals:
            made["Principal"] = "*" if everyone else one.choice(PRINCIPALS)
        if one.random() < 0.4:
            for _ in range(one.choice((1, 1, 2))):
                operator, key, values = self.condition()
                made.setdefault("Condition", {}).setdefault(operator, {})[key] = values
        return made

    def wide(self, pattern: str, old: bool) -> str:
        """A pattern over accounts, or one with a variable."""
        texts = (f"arn:aws:q:*:{pattern}", f"arn:aws:q:r:*:{pattern}")
        variables = (f"{twin.PREFIX}${{k:s, 'a'}}{pattern}", f"{twin.PREFIX}${{k:s}}")
        return self.random.choice(texts if old else (*texts, *variables))

    def condition(self) -> tuple[str, str, Any]:
        """An operator, a key and its values."""
        key = self.random.choice(list(OPERATORS))
        operators, values = OPERATORS[key]
        operator = self.random.choice(operators)
        if self.random.random() < 0.2:
            operator += "IfExists"
        if self.random.random() < 0.08:
            return "Null", key, self.random.choice(("true", "false"))
        name = key.upper() if self.random.random() < 0.1 else key
        return operator, name, self.some(values)

    def list(self, values: tuple[Any, ...]) -> list[Any]:
        """Some values."""
        return [self.random.choice(values) for _ in range(self.random.choice((1, 1, 2, 3)))]

    def some(self, values: tuple[Any, ...]) -> Any:
        """Some values, one of them perhaps without a list."""
        found = self.list(values)
        return found[0] if len(found) == 1 and self.random.random() < 0.5 else found


cases = st.randoms(use_true_random=False).map(lambda source: Dice(source).case())
"""Cases for hypothesis, which shrinks them by their choices."""


def policy_of(raw: Raw, name: str) -> Policy | Unknown:
    """A policy, or that it was not read."""
    return Unknown(Cause.DENIED, f"{name} was not read") if raw is UNREAD else parse(raw, name)


def known(given: Any, key: str) -> Given:
    """What the engine is told of a key."""
    if given == ANY:
        return Unknown(Cause.NOT_COLLECTED, f"{key} was not given")
    if given == SOME:
        return Present(Unknown(Cause.NOT_COLLECTED, f"the value of {key} was not given"))
    return ABSENT if given is None else tuple(given)


def authority_of(case: Case) -> Authority:
    """The policies of a case."""
    return Authority(
        identity=tuple(policy_of(raw, f"identity-{n}") for n, raw in enumerate(case.identity)),
        boundary=None if case.boundary is None else policy_of(case.boundary, "boundary"),
        session=tuple(policy_of(raw, f"session-{n}") for n, raw in enumerate(case.session)),
        resource=None if case.resource is None else policy_of(case.resource, "resource"),
        endpoint=None if case.endpoint is None else policy_of(case.endpoint, "endpoint"),
        organization=tuple(tuple(policy_of(raw, f"level-{n}") for raw in level) for n, level in enumerate(case.levels)),
    )


def asked(case: Case) -> Decision:
    """What the engine says."""
    context = {key: known(given, key) for key, given in case.context.items()}
    return decide(authority_of(case), Request(case.action, case.prefix + case.word, case.principal, context))
