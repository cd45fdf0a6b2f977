"""Condition operators, each with the values and keys that the documents speak of."""

from __future__ import annotations

from typing import Any

import pytest

from clusterproof.access.conditions import doubts, holds
from clusterproof.access.conditions import test_of as made_of
from clusterproof.access.context import ABSENT, Given, Present, Request
from clusterproof.access.values import MAYBE, NO, YES, moment
from clusterproof.snapshot.fields import Cause, Unknown

UNREAD = Unknown(Cause.NOT_COLLECTED, "k was not read")


def ask(operator: str, values: Any, given: Given | str, *, variables: bool = True, **context: Given) -> int:
    """Whether ``operator`` on the key ``k`` holds; further keys by their names with ``_`` for a colon."""
    texts = tuple(values) if isinstance(values, list) else (values,)
    held: dict[str, Given] = {key.replace("_", ":", 1): value for key, value in context.items()}
    held["k"] = (given,) if isinstance(given, str) else given
    test = made_of(operator, "K", texts, variables=variables)
    return holds(test, Request("sqs:SendMessage", "*", "arn:aws:iam::111122223333:role/r", held))


@pytest.mark.parametrize(
    ("operator", "value", "given", "answer"),
    [
        ("StringEquals", "a", "a", YES),
        ("StringEquals", "a", "A", NO),
        ("StringEquals", "a*", "ab", NO),
        ("StringEquals", "a*", "a*", YES),
        ("StringNotEquals", "a", "A", YES),
        ("StringEqualsIgnoreCase", "Maß", "MASS", YES),
        ("StringNotEqualsIgnoreCase", "a", "A", NO),
        ("StringLike", "a?c*", "abc", YES),
        ("StringLike", "a?c*", "Abc", NO),
        ("StringLike", "system:serviceaccount:*:asya-*", "system:serviceaccount:prod:asya-a", YES),
        ("StringNotLike", "a*", "abc", NO),
        ("StringNotLike", "a*", "b", YES),
    ],
)
def test_strings(operator: str, value: str, given: str, answer: int) -> None:
    """Strings are compared letter by letter; only the Like operators have wildcards (access rule 15)."""
    assert ask(operator, value, given) == answer


@pytest.mark.parametrize(
    ("operator", "value", "given", "answer"),
    [
        ("NumericEquals", "10", "10.0", YES),
        ("NumericNotEquals", "10", "11", YES),
        ("NumericLessThan", "10", "9", YES),
        ("NumericLessThan", "10", "10", NO),
        ("NumericLessThanEquals", "10", "10", YES),
        ("NumericGreaterThan", "10", "100", YES),
        ("NumericGreaterThan", "-1", "-0.5", YES),
        ("NumericGreaterThanEquals", "10", "9.99", NO),
        ("DateGreaterThan", "2020-01-01T00:00:01Z", "2020-01-01T00:00:02Z", YES),
        ("DateLessThan", "2020-06-30T23:59:59Z", "2020-07-01", NO),
        ("DateLessThanEquals", "2020-01-01T01:00:00+01:00", "2020-01-01T00:00:00Z", YES),
        ("DateEquals", "1577836800", "2020-01-01T00:00:00Z", YES),
        ("DateEquals", "2020", "2020-01-01", YES),
        ("DateNotEquals", "2020-01", "2020-01-01T00:00:00.5Z", YES),
        ("DateGreaterThanEquals", "2019-12-31T23:00:00-01:00", "2020-01-01T00:00:00Z", YES),
    ],
)
def test_numbers_and_times(operator: str, value: str, given: str, answer: int) -> None:
    """Numbers and times are compared by what they are, the request's on the left (access rule 16)."""
    assert ask(operator, value, given) == answer


def test_times() -> None:
    """W3C dates with their zones, and seconds of the epoch; what is neither is no time."""
    assert moment("1970-01-02") == 86_400
    assert moment("1969-12-31T23:59:59Z") == -1
    for text in ("yesterday", "2020-13-01", "2020-02-30", "2020-01-01T00:00:00+99:99x", "20-01-01", "2020-1-1"):
        assert moment(text) is None


@pytest.mark.parametrize(
    ("operator", "value", "given", "answer"),
    [
        ("Bool", "true", "true", YES),
        ("Bool", "True", "true", YES),
        ("Bool", "false", "true", NO),
        ("Bool", ["true", "false"], "false", YES),
        ("BinaryEquals", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", "QmluYXJ5VmFsdWVJbkJhc2U2NA==", YES),
        ("BinaryEquals", "QmluYXJ5", "QUJD", NO),
    ],
)
def test_truth_and_bytes(operator: str, value: Any, given: str, answer: int) -> None:
    """Truth values in any capitals, and bytes in base 64 (access rule 17)."""
    assert ask(operator, value, given) == answer


@pytest.mark.parametrize(
    ("operator", "value", "given", "answer"),
    [
        ("ArnEquals", "arn:aws:sns:eu-west-1:123456789012:t", "arn:aws:sns:eu-west-1:123456789012:t", YES),
        ("ArnEquals", "arn:aws:sns:*:123456789012:t?", "arn:aws:sns:eu-west-1:123456789012:t1", YES),
        ("ArnLike", "arn:aws:sns:*:t", "arn:aws:sns:eu-west-1:123456789012:t", MAYBE),
        ("ArnLike", "arn:aws:sns:*:1:T", "arn:aws:sns:eu-west-1:1:t", NO),
        ("ArnLike", "arn:aws:logs:*:1:log-group:*", "arn:aws:logs:eu-west-1:1:log-group:a:b", YES),
        ("ArnNotLike", "arn:aws:iam::1:role/*", "arn:aws:iam::1:role/x", NO),
        ("ArnNotEquals", "arn:aws:iam::1:role/*", "arn:aws:iam::2:role/x", YES),
        ("ArnEquals", "arn:aws:iam::1:role/*", "no ARN", NO),
    ],
)
def test_arns(operator: str, value: str, given: str, answer: int) -> None:
    """ARNs are compared segment by segment, with wildcards in both pairs of operators (access rule 18)."""
    assert ask(operator, value, given) == answer


@pytest.mark.parametrize(
    ("operator", "value", "given", "answer"),
    [
        ("IpAddress", "203.0.113.0/24", "203.0.113.255", YES),
        ("IpAddress", "203.0.113.0/24", "203.0.114.0", NO),
        ("IpAddress", "203.0.113.7", "203.0.113.7", YES),
        ("IpAddress", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"], "2001:db8:1234:5678::1", YES),
        ("IpAddress", "0.0.0.0/0", "2001:db8::1", NO),
        ("NotIpAddress", "10.0.0.0/8", "10.1.2.3", NO),
        ("NotIpAddress", ["10.0.0.0/8", "172.16.0.0/12"], "192.0.2.1", YES),
        ("IpAddress", "10.0.0.0/16", "10.0.0.0/24", YES),
        ("IpAddress", "10.0.0.0/24", "10.0.0.0/16", MAYBE),
        ("NotIpAddress", "10.0.0.0/24", "10.0.0.0/16", MAYBE),
    ],
)
def test_addresses(operator: str, value: Any, given: str, answer: int) -> None:
    """Blocks of both families; a request known only by a block may be in and out (access rule 19)."""
    assert ask(operator, value, given) == answer


def test_values_are_alternatives() -> None:
    """One of several values is enough; a negated operator wants none of them (access rule 10)."""
    assert ask("StringEquals", ["a", "b"], "b") == YES
    assert ask("StringNotEquals", ["a", "b"], "b") == NO
    assert ask("StringNotEquals", ["a", "b"], "c") == YES


@pytest.mark.parametrize(
    ("operator", "value", "answer"),
    [
        ("StringEquals", "a", NO),
        ("StringLike", "*", NO),
        ("StringNotEquals", "a", YES),
        ("StringNotLike", "*", YES),
        ("ArnNotEquals", "arn:aws:iam::1:role/x", YES),
        ("NotIpAddress", "10.0.0.0/8", YES),
        ("NumericNotEquals", "1", YES),
        ("DateNotEquals", "2020", YES),
        ("NumericLessThan", "1", NO),
        ("Bool", "false", NO),
    ],
)
def test_a_missing_key(operator: str, value: str, answer: int) -> None:
    """A key that is not there matches nothing, so that negated operators hold (access rule 11)."""
    assert ask(operator, value, ABSENT) == answer
    assert ask(f"{operator}IfExists", value, ABSENT) == YES


def test_if_exists_compares_a_key_that_is_there() -> None:
    """IfExists is satisfied by a missing key and changes nothing where there is one (access rule 12)."""
    assert ask("StringEqualsIfExists", "a", "b") == NO
    assert ask("StringEqualsIfExists", "a", "a") == YES
    assert ask("StringNotEqualsIfExists", "a", "a") == NO


def test_null() -> None:
    """Null asks whether the key is missing, and needs no value for that (access rule 13)."""
    assert ask("Null", "true", ABSENT) == YES
    assert ask("Null", "true", ()) == YES
    assert ask("Null", "false", ABSENT) == NO
    assert ask("Null", "false", "x") == YES
    assert ask("Null", "false", Present(UNREAD)) == YES
    assert ask("Null", "true", Present(UNREAD)) == NO
    assert ask("Null", "true", UNREAD) == MAYBE
    assert ask("Null", "maybe", ABSENT) == MAYBE


@pytest.mark.parametrize(
    ("operator", "given", "answer"),
    [
        ("ForAllValues:StringLike", ("PostDateTime", "Message"), YES),
        ("ForAllValues:StringLike", ("PostDateTime", "UserName"), NO),
        ("ForAllValues:StringLike", (), YES),
        ("ForAllValues:StringLike", ABSENT, YES),
        ("ForAllValues:StringLike", ("",), YES),
        ("ForAnyValue:StringLike", ("UserName", "PostDateTime"), YES),
        ("ForAnyValue:StringLike", ("UserName",), NO),
        ("ForAnyValue:StringLike", (), NO),
        ("ForAnyValue:StringLike", ABSENT, NO),
        ("ForAnyValue:StringLike", ("",), NO),
        ("ForAnyValue:StringLikeIfExists", ABSENT, YES),
        ("ForAllValues:StringNotEquals", ("ID", "UserName"), YES),
        ("ForAllValues:StringNotEquals", ("ID", "Tags"), NO),
        ("ForAnyValue:StringNotEquals", ("ID", "Tags"), YES),
        ("ForAnyValue:StringNotEquals", ("Message", "Tags"), NO),
        ("ForAnyValue:StringNotEquals", ABSENT, NO),
    ],
)
def test_qualifiers(operator: str, given: Given, answer: int) -> None:
    """Every value, or one of them; of none everything is true and nothing exists (access rule 14)."""
    assert ask(operator, ["PostDateTime", "Message", "Tags"], given) == answer


@pytest.mark.parametrize(
    ("operator", "value", "given"),
    [
        ("StringMatches", "a", "a"),
        ("stringEquals", "a", "a"),
        ("ForSomeValues:StringEquals", "a", "a"),
        ("NullIfExists", "true", "a"),
        ("ForAllValues:Null", "true", "a"),
        ("StringEquals", "a", ("a", "b")),
        ("NumericEquals", "ten", "10"),
        ("NumericEquals", "10", "ten"),
        ("DateLessThan", "someday", "2020"),
        ("DateLessThan", "2020", "someday"),
        ("Bool", "perhaps", "true"),
        ("Bool", "true", "perhaps"),
        ("BinaryEquals", "!", "QUJD"),
        ("BinaryEquals", "QUJD", "!"),
        ("IpAddress", "10.0.0.0/99", "10.0.0.1"),
        ("IpAddress", "10.0.0.0/8", "here"),
        ("NumericEquals", "${aws:x}", "1"),
    ],
)
def test_what_no_document_says(operator: str, value: str, given: Given | str) -> None:
    """An unknown operator, values of another kind, several values without a qualifier: maybe, with why (access rule 20)."""
    assert ask(operator, value, given) == MAYBE
    test = made_of(operator, "K", (value,), variables=True)
    held: Given = (given,) if isinstance(given, str) else given
    (why,) = doubts(test, Request("sqs:SendMessage", "*", "arn:aws:iam::1:role/r", {"k": held}))
    assert operator in why.detail
    assert why.cause is Cause.NOT_MODELLED


def test_keys_that_are_not_known() -> None:
    """Without the key's value a condition may hold, unless every value would do (access rule 26)."""
    assert ask("StringEquals", "a", UNREAD) == MAYBE
    assert ask("StringNotEquals", "a", UNREAD) == MAYBE
    assert ask("StringLike", "*", UNREAD) == MAYBE  # it may be absent
    assert ask("StringLikeIfExists", "*", UNREAD) == YES
    assert ask("StringNotLikeIfExists", "*", UNREAD) == MAYBE
    assert ask("StringLike", "*", Present(UNREAD)) == YES
    assert ask("StringNotLike", "*", Present(UNREAD)) == NO
    assert ask("StringEquals", "a", Present(UNREAD)) == MAYBE
    test = made_of("StringEquals", "K", ("a",), variables=True)
    for given in (UNREAD, Present(UNREAD)):
        assert doubts(test, Request("a:b", "*", "x", {"k": given})) == (UNREAD,)


def test_keys_of_other_services_are_absent() -> None:
    """A request carries its own service's keys; those of another are not there (access rule 26)."""
    test = made_of("Null", "s3:prefix", ("true",), variables=True)
    assert holds(test, Request("sqs:SendMessage", "*", "x")) == YES
    assert holds(test, Request("s3:ListBucket", "*", "x")) == MAYBE
    assert holds(made_of("Null", "aws:SourceVpce", ("true",), variables=True), Request("sqs:X", "*", "x")) == MAYBE


def test_names_of_keys_have_no_capitals() -> None:
    """``aws:SourceIP`` and ``AWS:SourceIp`` are one key (access rule 10)."""
    test = made_of("StringEquals", "AWS:SourceVPCE", ("vpce-1",), variables=True)
    assert holds(test, Request("sqs:X", "*", "x", {"aws:sourcevpce": ("vpce-1",)})) == YES


def test_variables() -> None:
    """Variables of strings and ARNs are filled in from the request (access rule 21)."""
    assert ask("StringEquals", "home/${aws:username}", "home/ann", aws_username=("ann",)) == YES
    assert ask("StringLike", "home/${AWS:UserName}/*", "home/ann/x", aws_username=("ann",)) == YES
    assert ask("StringLike", "home/${aws:username}/*", "home/bob/x", aws_username=("ann",)) == NO
    assert ask("StringEqualsIgnoreCase", "${aws:x}", "ANN", aws_x=("ann",)) == YES
    assert ask("ArnLike", "arn:aws:sqs:*:1:${aws:x}", "arn:aws:sqs:e:1:ann", aws_x=("ann",)) == YES
    assert ask("StringNotEquals", "${aws:x}", "bob", aws_x=("ann",)) == YES


def test_variables_whose_value_is_not_known() -> None:
    """A value may be the one that is compared, where its known parts allow that (access rule 25)."""
    known = Present(UNREAD)
    assert ask("StringEquals", "home/${aws:x}", "home/ann", aws_x=known) == MAYBE
    assert ask("StringEquals", "home/${aws:x}", "office/ann", aws_x=known) == NO
    assert ask("StringNotEquals", "home/${aws:x}", "home/ann", aws_x=known) == MAYBE
    assert ask("StringEqualsIgnoreCase", "HOME/${aws:x}", "home/ann", aws_x=known) == MAYBE
    assert ask("StringEquals", ["home/${aws:x}", "a"], "a", aws_x=known) == YES
    assert ask("StringEquals", ["home/${aws:x}", "a"], "a", aws_x=UNREAD) == MAYBE  # if absent, all may be ignored
    assert ask("StringEquals", "${aws:x}", "a*", aws_x=("a*",)) == MAYBE


def test_variables_without_a_value() -> None:
    """What has no value matches nothing, and may spoil what else would match (access rule 25)."""
    assert ask("StringEquals", "${aws:x}", "ann", aws_x=ABSENT) == NO
    assert ask("StringEquals", ["${aws:x}", "ann"], "ann", aws_x=ABSENT) == MAYBE
    assert ask("StringNotEquals", "${aws:x}", "ann", aws_x=ABSENT) == MAYBE
    assert ask("StringNotEquals", ["${aws:x}", "ann"], "ann", aws_x=ABSENT) == NO
    assert ask("StringEquals", "${aws:x}", "ann", aws_x=("ann", "bob")) == NO
    test = made_of("StringNotEquals", "K", ("${aws:x}",), variables=True)
    (why,) = doubts(test, Request("a:b", "*", "x", {"k": ("ann",), "aws:x": ABSENT}))
    assert "${aws:x} needs the key aws:x, which is not in the request's context" in why.detail
    assert "default" in why.remedy


def test_defaults() -> None:
    """Where the key is absent the default stands (access rule 22)."""
    assert ask("StringEquals", "${aws:x, 'nobody'}", "nobody", aws_x=ABSENT) == YES
    assert ask("StringEquals", "${aws:x,'nobody'}", "ann", aws_x=("ann",)) == YES
    assert ask("StringEquals", "${aws:x, ''}", "", aws_x=ABSENT) == YES
    tag: dict[str, Any] = {"aws_principaltag/a b": ABSENT}
    assert ask("StringEquals", "${aws:PrincipalTag/a b, 'it is'}", "it is", **tag) == YES


def test_characters_of_their_own() -> None:
    """``${*}``, ``${?}`` and ``${$}`` are these characters and no wildcards (access rule 23)."""
    assert ask("StringLike", "a${*}", "a*") == YES
    assert ask("StringLike", "a${*}", "ab") == NO
    assert ask("StringLike", "a${?}*", "a?b") == YES
    assert ask("StringLike", "a${?}*", "abb") == NO
    assert ask("StringEquals", "${$}{aws:x}", "${aws:x}") == YES
    assert ask("StringEquals", "${", "${") == MAYBE  # no variable, and no document says what it is


def test_no_variables_in_old_policies() -> None:
    """In a policy of 2008-10-17 a variable is text (access rule 24)."""
    assert ask("StringEquals", "${aws:x}", "${aws:x}", variables=False, aws_x=("ann",)) == YES
    assert ask("StringEquals", "${aws:x}", "ann", variables=False, aws_x=("ann",)) == NO
    assert ask("StringLike", "a${*}", "a${b}", variables=False) == YES
