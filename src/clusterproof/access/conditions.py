"""Conditions: every operator of the policy language, in three values.

Sources: IAM User Guide, "IAM JSON policy elements: Condition operators", "Conditions with multiple context keys or
values" (several values are alternatives, those of a negated operator all of them refused) and "Single-valued vs.
multivalued context keys" (``ForAllValues``, ``ForAnyValue``).

Whether a condition holds is :data:`NO`, :data:`MAYBE` or :data:`YES`; "and" is the least of them, "or" the greatest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import field

from clusterproof.access import values as compare
from clusterproof.access.context import ABSENT, Given, Present, Request, looked_up
from clusterproof.access.patterns import arn_matches, matches
from clusterproof.access.values import MAYBE, NO, YES
from clusterproof.access.variables import Resolved, Template, literal, parsed, resolved, shown
from clusterproof.snapshot.fields import Cause, Unknown

Compare = Callable[[Any, str], int]
"""Whether a prepared value of the policy is matched by one of the request."""


class Operator(msgspec.Struct, frozen=True):
    """One operator, without what stands before and behind its name.

    Attributes:
        compare: by it two values are compared.
        prepare: makes a value of the policy ready; None as its answer: that is no value of this kind.
        negated: whether it holds where nothing matches.
        variables: whether its values may have variables.
    """

    compare: Compare
    prepare: Callable[[str], Any]
    negated: bool = False
    variables: bool = False


def _same(value: str, given: str) -> int:
    return YES if value == literal(given) else NO


def _same_letters(value: str, given: str) -> int:
    folded = literal(given).casefold()
    if value != folded:
        return NO
    # Of letters that become several (ß, ss) no document says whether they are one.
    return YES if len(folded) == len(given) else MAYBE


def _like(value: str, given: str) -> int:
    return YES if matches(value, literal(given)) else NO


def _arn(value: str, given: str) -> int:
    found = arn_matches(value, literal(given))
    return MAYBE if found is None else YES if found else NO


def _folded(text: str) -> str:
    return literal(text).casefold()


OPERATORS: dict[str, Operator] = {
    "StringEquals": Operator(_same, literal, variables=True),
    "StringNotEquals": Operator(_same, literal, negated=True, variables=True),
    "StringEqualsIgnoreCase": Operator(_same_letters, _folded, variables=True),
    "StringNotEqualsIgnoreCase": Operator(_same_letters, _folded, negated=True, variables=True),
    "StringLike": Operator(_like, str, variables=True),
    "StringNotLike": Operator(_like, str, negated=True, variables=True),
    "ArnEquals": Operator(_arn, str, variables=True),
    "ArnLike": Operator(_arn, str, variables=True),
    "ArnNotEquals": Operator(_arn, str, negated=True, variables=True),
    "ArnNotLike": Operator(_arn, str, negated=True, variables=True),
    "Bool": Operator(compare.same_truth, compare.truth),
    "BinaryEquals": Operator(compare.same_bytes, compare.binary),
    "IpAddress": Operator(compare.within, compare.network),
    "NotIpAddress": Operator(compare.within, compare.network, negated=True),
}
for _family, _prepare in (("Numeric", compare.number), ("Date", compare.moment)):
    OPERATORS |= {
        f"{_family}Equals": Operator(compare.ordered(_prepare, "=="), _prepare),
        f"{_family}NotEquals": Operator(compare.ordered(_prepare, "=="), _prepare, negated=True),
        f"{_family}LessThan": Operator(compare.ordered(_prepare, "<"), _prepare),
        f"{_family}LessThanEquals": Operator(compare.ordered(_prepare, "<="), _prepare),
        f"{_family}GreaterThan": Operator(compare.ordered(_prepare, ">"), _prepare),
        f"{_family}GreaterThanEquals": Operator(compare.ordered(_prepare, ">="), _prepare),
    }
"""Every operator but ``Null``, by its name."""

MOST_KEPT = 256
"""How many answers a condition keeps."""
QUALIFIERS = ("ForAllValues", "ForAnyValue")


class Test(msgspec.Struct, frozen=True, eq=False):
    """One key of one operator of a statement's ``Condition``.

    Attributes:
        written: the operator as the policy has it.
        key: in lower case.
        name: the key as the policy has it.
        texts: the values as the policy has them.
        operator: None: ``Null``, or one that is not known.
        qualifier: ``ForAllValues``, ``ForAnyValue`` or empty.
        if_exists: whether an absent key satisfies it.
        null: for ``Null``: whether each value asks for an absent key; a value that is neither is None.
        prepared: values without variables, ready for comparison; those that are none of their kind are None.
        templates: values with variables.
        simple: whether one value of the request decides by itself.
        kept: for a simple one: answers by that value, as many as :data:`MOST_KEPT`.
    """

    __test__ = False  # no test of pytest

    written: str
    key: str
    name: str
    texts: tuple[str, ...]
    operator: Operator | None = None
    qualifier: str = ""
    if_exists: bool = False
    null: tuple[bool | None, ...] = ()
    prepared: tuple[Any, ...] = ()
    templates: tuple[Template, ...] = ()
    simple: bool = False
    kept: dict[str, int] = field(default_factory=dict)

    @property
    def known(self) -> bool:
        """Whether the operator is one of the policy language."""
        return self.operator is not None or self.written == "Null"

    @property
    def text(self) -> str:
        """The condition as users read it: ``StringEquals aws:SourceVpce vpce-1 or vpce-2``."""
        return shown(f"{self.written} {self.name} {' or '.join(self.texts)}".rstrip())


def test_of(written: str, key: str, texts: tuple[str, ...], *, variables: bool) -> Test:
    """A condition, ready to be asked.

    Args:
        written: the operator with its qualifier and suffix.
        key: the condition key.
        texts: the values.
        variables: whether the policy's version has variables.
    """
    if written == "Null":
        return Test(written, key.lower(), key, texts, null=tuple(compare.truth(text) for text in texts))
    qualifier, colon, rest = written.partition(":")
    name = rest if colon else written
    if_exists = name.endswith("IfExists")
    operator = OPERATORS.get(name.removesuffix("IfExists"))
    if operator is None or (colon and qualifier not in QUALIFIERS):
        return Test(written, key.lower(), key, texts)
    values = [parsed(text, variables=variables) for text in texts]
    held = [value for value in values if isinstance(value, str)]
    templates = tuple(value for value in values if isinstance(value, Template))
    return Test(
        written,
        key.lower(),
        key,
        texts,
        operator=operator,
        qualifier=qualifier if colon else "",
        if_exists=if_exists,
        prepared=tuple(operator.prepare(text) for text in held)
        + (() if operator.variables else (None,) * len(templates)),
        templates=templates if operator.variables else (),
        simple=bool(texts) and not colon and not (templates and operator.variables),
    )


test_of.__test__ = False  # type: ignore[attr-defined] # nor is this


def holds(test: Test, request: Request) -> int:
    """Whether a condition holds for a request: NO, MAYBE or YES."""
    given = request.context.get(test.key)
    if test.simple and type(given) is tuple and len(given) == 1 and test.operator:
        found = test.kept.get(given[0])  # the usual case, first
        if found is None:
            found = _one(test, test.operator, given[0], ())
            if len(test.kept) < MOST_KEPT:
                test.kept[given[0]] = found
        return found
    made = [resolved(template, request) for template in test.templates]
    answer = _decided(test, looked_up(request, test.key), made)
    # A variable without a value may spoil the statement, so that nothing of it is certain but that it does not hold.
    return answer if all(one.certain for one in made) else min(answer, MAYBE)


def _decided(test: Test, given: Given, made: Sequence[Resolved]) -> int:
    operator = test.operator
    if not test.texts:
        return MAYBE  # AWS takes an empty list, and no document says what it compares
    if operator is None:
        return _null(test, given) if test.written == "Null" else MAYBE
    if isinstance(given, Unknown):
        # Absent or not, any value will do: certain only where an absent key does too.
        absent_too = (test.if_exists or test.qualifier == "ForAllValues") and not operator.negated
        return YES if absent_too and _takes_all(test) else MAYBE
    if isinstance(given, Present):
        return (NO if operator.negated else YES) if _takes_all(test) else MAYBE
    if given is ABSENT or not given or (test.qualifier and not any(given)):
        if test.if_exists or test.qualifier == "ForAllValues":
            return YES
        return YES if operator.negated and not test.qualifier else NO
    found = [_one(test, operator, value, made) for value in given]
    if test.qualifier == "ForAllValues":
        return min(found)
    if test.qualifier == "ForAnyValue":
        return max(found)
    return found[0] if len(set(found)) == 1 else MAYBE  # several values need a qualifier


def _takes_all(test: Test) -> bool:
    return "*" in test.prepared and test.operator is not None and test.operator.compare is _like


def _one(test: Test, operator: Operator, given: str, made: Sequence[Resolved]) -> int:
    """Whether one value of the request satisfies the operator."""
    found = NO
    for value in test.prepared:
        found = max(found, MAYBE if value is None else operator.compare(value, given))
    for template in made:
        if template.text is None:
            continue
        if template.exact:
            found = max(found, operator.compare(operator.prepare(template.text), given))
        elif found < MAYBE and _may(operator, template.text, given):
            found = MAYBE
    return YES - found if operator.negated else found


def _may(operator: Operator, pattern: str, given: str) -> bool:
    """Whether a value that is only known to be one of a pattern's may match."""
    if operator.prepare is _folded:
        return matches(pattern.casefold(), literal(given).casefold())
    return operator.compare is _arn or matches(pattern, literal(given))


def _null(test: Test, given: Given) -> int:
    if isinstance(given, Unknown) or None in test.null:
        return MAYBE
    absent = given is ABSENT or given == ()
    return YES if absent in test.null else NO


def doubts(test: Test, request: Request) -> tuple[Unknown, ...]:
    """Why it is not known whether a condition holds."""
    if not test.known:
        return (Unknown(Cause.NOT_MODELLED, f"{test.written} is no condition operator that the IAM User Guide has"),)
    given = looked_up(request, test.key)
    if isinstance(given, Present):
        given = given.unknown
    found = [given] if isinstance(given, Unknown) else []
    for template in test.templates:
        found += resolved(template, request).unknowns
    if found:
        return tuple(dict.fromkeys(found))
    why = "compares values that are not of its kind" if test.texts else "has no value to compare with"
    if isinstance(given, tuple) and len(given) > 1 and not test.qualifier:
        why = "compares a key that has several values, which takes ForAllValues or ForAnyValue"
    return (Unknown(Cause.NOT_MODELLED, f"the condition {test.text} {why}"),)
