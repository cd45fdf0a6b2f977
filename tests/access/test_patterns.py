"""Wildcards against brute force over all short texts of a small alphabet, and by the documents' examples."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterproof.access import patterns
from clusterproof.access.patterns import (
    QUESTION,
    STAR,
    arn_contains,
    arn_matches,
    arn_overlaps,
    contains,
    covered,
    covers,
    matches,
    overlaps,
)

TEXTS = ["".join(text) for length in range(7) for text in itertools.product("abz", repeat=length)]
"""All texts up to six letters; ``z`` stands for what no pattern names."""
PATTERNS = st.text(alphabet="ab*?", max_size=4)


def by_hand(pattern: str, text: str) -> bool:
    """The definition, without a thought for time."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(by_hand(pattern[1:], text[i:]) for i in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and by_hand(pattern[1:], text[1:])


_MEMO: dict[str, frozenset[str]] = {}


def texts(pattern: str) -> frozenset[str]:
    """The texts of a pattern, up to six letters.

    Enough to tell two patterns of four letters apart: a word that shows a difference needs no more than both have.
    """
    if pattern not in _MEMO:
        _MEMO[pattern] = frozenset(text for text in TEXTS if by_hand(pattern, text))
    return _MEMO[pattern]


@settings(max_examples=800)
@given(PATTERNS, st.text(alphabet="abz", max_size=6))
def test_matches_is_the_definition(pattern: str, text: str) -> None:
    """A text matches exactly where the definition of the two wildcards says so (access rule 7)."""
    assert matches(pattern, text) == by_hand(pattern, text)


@settings(max_examples=1000)
@given(PATTERNS, PATTERNS)
def test_containment_and_overlap_are_exact(first: str, second: str) -> None:
    """Containment and overlap are those of the sets of texts, in both directions (access rule 7)."""
    assert contains(first, second) == (texts(second) <= texts(first))
    assert overlaps(first, second) == bool(texts(first) & texts(second))
    assert overlaps(first, second) == overlaps(second, first)


@settings(max_examples=1000)
@given(PATTERNS, st.lists(PATTERNS, max_size=3), st.lists(st.lists(PATTERNS, min_size=1, max_size=2), max_size=2))
def test_covering_by_a_union_is_exact(inner: str, outers: list[str], exceptions: list[list[str]]) -> None:
    """Several patterns together, and what lies outside of others, cover exactly what their sets do (access rule 31)."""
    everything = frozenset(TEXTS)
    union = frozenset[str]().union(*(texts(outer) for outer in outers))
    for group in exceptions:
        union |= everything - frozenset[str]().union(*(texts(pattern) for pattern in group))
    assert covers(inner, tuple(outers), tuple(map(tuple, exceptions))) is (texts(inner) <= union)
    if not exceptions:
        assert covered(inner, tuple(outers)) is (texts(inner) <= union)


@pytest.mark.parametrize(
    ("outer", "inner", "holds"),
    [
        ("arn:aws:sqs:*:111122223333:asya-*", "arn:aws:sqs:eu-west-1:111122223333:asya-*", True),
        ("arn:aws:sqs:*:111122223333:asya-*", "arn:aws:sqs:*:*:asya-*", False),
        ("arn:aws:sqs:eu-west-1:111122223333:asya-?*", "arn:aws:sqs:eu-west-1:111122223333:asya-*", False),
        ("*", "arn:aws:s3:::b/*", True),
        ("arn:aws:s3:::b*", "arn:aws:s3:::b/*", True),
        ("arn:aws:s3:::b/*", "arn:aws:s3:::b*", False),
        ("arn:aws:sqs:*:asya-*", "arn:aws:sqs:*:111122223333:asya-*", True),
    ],
)
def test_whole_arns(outer: str, inner: str, *, holds: bool) -> None:
    """A resource is compared as one text, in which ``*`` may stand for several segments (access rule 8)."""
    assert contains(outer, inner) is holds


def test_two_halves_cover_a_whole() -> None:
    """Names that are empty or begin with anything at all are all names; one of the two is not enough."""
    assert covered("q-*", ("q-", "q-?*"))
    assert not covered("q-*", ("q-?*",))
    assert covered("a*", ("a", "a?", "a??*"))


def test_the_guides_arn_example() -> None:
    """The example of the ARN operators: a string operator matches it, an ARN operator does not (access rule 18)."""
    pattern = "arn:aws:someservice:*:111122223333:finance/*"
    arn = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
    assert matches(pattern, arn)
    assert arn_matches(pattern, arn) is False
    assert arn_matches("arn:aws:iam::*:role/x", "arn:aws:iam::1:role/x") is True
    assert arn_matches("*", arn) is None
    assert arn_matches(pattern, "no arn") is False


def test_arns_by_segments() -> None:
    """Segment by segment a ``*`` stays within its segment, but for the last, which may have colons."""
    assert arn_contains("arn:aws:sqs:*:*:asya-*", "arn:aws:sqs:eu-west-1:*:asya-a*")
    assert not arn_contains("arn:aws:sqs:*:asya-*", "arn:aws:sqs:eu-west-1:1:asya-a")
    assert arn_overlaps("arn:aws:logs:*:1:log-group:*", "arn:aws:logs:eu-west-1:*:*")
    assert not arn_overlaps("arn:aws:logs:*:1:log-group:*", "arn:aws:logs:eu-west-1:2:*")


def test_case_counts() -> None:
    """Capitals are other letters."""
    assert not matches("arn:aws:s3:::Bucket", "arn:aws:s3:::bucket")
    assert not contains("B*", "b*")


def test_wildcards_as_characters() -> None:
    """A ``*`` or ``?`` that is meant as itself is one character like any other."""
    assert matches(f"a{STAR}", f"a{STAR}")
    assert not matches(f"a{STAR}", "ab")
    assert contains("a*", f"a{STAR}*")
    assert not overlaps(f"a{QUESTION}", "ab")


def test_what_takes_too_long_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the search is given up, the answer is neither yes nor no, and ``covered`` does not say yes."""
    monkeypatch.setattr(patterns, "MOST_STATES", 50)
    hard = "*a?????????c"
    assert covers(hard, (f"{hard}*",)) is None
    assert covered(hard, (f"{hard}*",)) is False
    monkeypatch.undo()
    patterns._included.cache_clear()
    assert covered(hard, (f"{hard}*",))


def test_matching_many_stars_is_quick() -> None:
    """Forty wildcards on a text that nearly matches are decided without trying all ways."""
    pattern = "a*" * 40 + "b"
    assert not matches(pattern, "a" * 2000)
    assert re.compile(patterns.source(pattern), re.DOTALL).fullmatch("a" * 2000 + "b")
