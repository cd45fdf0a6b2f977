from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import LabelSelector, NodeSelectorTerm, SelectorRequirement
from clusterproof.world.selectors import (
    SelectorError,
    Truth,
    all_of,
    any_of,
    matches,
    matches_state,
    negate,
    node_term_matches,
    node_terms_match,
    requirement_matches,
)

WHY = Unknown(Cause.NOT_COLLECTED, "no label")
TRUTHS: tuple[Truth, ...] = (True, False, WHY)


def completions(truth: Truth) -> tuple[bool, ...]:
    """What an unknown may turn out to be."""
    return (True, False) if isinstance(truth, Unknown) else (truth,)


@pytest.mark.parametrize(("one", "two"), list(itertools.product(TRUTHS, TRUTHS)))
def test_three_valued_logic_is_exact(one: Truth, two: Truth) -> None:
    """And, or, not are definite exactly where every completion of the unknowns agrees."""
    for ours, python in ((all_of, all), (any_of, any)):
        possible = {python(pair) for pair in itertools.product(completions(one), completions(two))}
        answer = ours([one, two])
        assert isinstance(answer, Unknown) if len(possible) > 1 else answer is possible.pop()
    assert negate(one) == (WHY if one is WHY else not one)


@pytest.mark.parametrize(
    ("operator", "values", "absent", "same", "other"),
    [
        ("In", ("a", "b"), False, True, False),
        ("NotIn", ("a", "b"), True, False, True),
        ("Exists", (), False, True, True),
        ("DoesNotExist", (), True, False, False),
    ],
)
def test_operators(operator: str, values: tuple[str, ...], absent: bool, same: bool, other: bool) -> None:
    """NotIn and DoesNotExist match where the key is absent (apimachinery labels/selector.go)."""
    selector = LabelSelector(match_expressions=(SelectorRequirement("k", operator, values),))
    assert [matches(selector, labels) for labels in ({}, {"k": "a"}, {"k": "c"})] == [absent, same, other]


def test_no_selector_matches_nothing_and_an_empty_one_everything() -> None:
    """LabelSelectorAsSelector: nil is Nothing, empty is Everything."""
    assert not matches(None, {"a": "b"})
    assert matches(LabelSelector(), {})
    assert matches_state(None, lambda _: WHY) is False
    assert matches_state(LabelSelector(), lambda _: WHY) is True


@pytest.mark.parametrize(
    "requirement",
    [
        SelectorRequirement("k", "Is", ("a",)),
        SelectorRequirement("k", "in", ("a",)),
        SelectorRequirement("k", "In"),
        SelectorRequirement("k", "NotIn"),
        SelectorRequirement("k", "Exists", ("a",)),
        SelectorRequirement("k", "DoesNotExist", ("a",)),
        SelectorRequirement("k", "Gt", ("1",)),
    ],
)
def test_what_the_api_refuses_is_an_error_never_false(requirement: SelectorRequirement) -> None:
    """An unknown operator, or values that do not fit, is an error, also beside a part that does not match."""
    selector = LabelSelector(match_expressions=(SelectorRequirement("x", "Exists"), requirement))
    with pytest.raises(SelectorError):
        matches(selector, {})
    with pytest.raises(SelectorError):
        matches_state(selector, lambda _: WHY)


@pytest.mark.parametrize(
    ("operator", "bound", "value", "expected"),
    [
        ("Gt", "5", "6", True),
        ("Gt", "5", "5", False),
        ("Lt", "5", "-6", True),
        ("Lt", "5", None, False),
        ("Gt", "5", "large", False),
        ("Gt", "5", "9223372036854775808", False),
        ("Lt", "5", " 1", False),
    ],
)
def test_numbers_compare_on_nodes_only(operator: str, bound: str, value: str | None, expected: bool) -> None:
    """Gt and Lt parse 64-bit integers; a label that is none does not match."""
    term = NodeSelectorTerm((SelectorRequirement("gen", operator, (bound,)),))
    assert node_term_matches(term, {"gen": value}.get if value else lambda _: None, "n") is expected


@pytest.mark.parametrize("values", [(), ("1", "2"), ("x",)])
def test_a_bound_that_is_no_integer_is_an_error(values: tuple[str, ...]) -> None:
    """Gt takes one integer."""
    with pytest.raises(SelectorError, match="takes one integer"):
        requirement_matches(SelectorRequirement("k", "Gt", values), lambda _: "1", numeric=True)


def test_node_fields_and_empty_terms() -> None:
    """MatchFields knows metadata.name; an empty term and no term at all match no node."""
    named = NodeSelectorTerm(match_fields=(SelectorRequirement("metadata.name", "In", ("n1",)),))
    assert node_term_matches(named, lambda _: None, "n1") is True
    assert node_term_matches(named, lambda _: None, "n2") is False
    assert node_term_matches(named, lambda _: None, WHY) is WHY
    assert node_term_matches(NodeSelectorTerm(), lambda _: None, "n1") is False
    assert node_terms_match((), lambda _: None, "n1") is False
    for wrong in (
        SelectorRequirement("metadata.uid", "In", ("n1",)),
        SelectorRequirement("metadata.name", "Exists"),
        SelectorRequirement("metadata.name", "In", ("n1", "n2")),
    ):
        with pytest.raises(SelectorError):
            node_term_matches(NodeSelectorTerm(match_fields=(wrong,)), lambda _: None, "n1")


KEYS = ("a", "b")
VALUES = (None, "1", "2")
REQUIREMENTS = st.one_of(
    st.builds(
        SelectorRequirement,
        st.sampled_from(KEYS),
        st.sampled_from(("In", "NotIn")),
        st.lists(st.sampled_from(("1", "2", "3")), min_size=1, max_size=2).map(tuple),
    ),
    st.builds(SelectorRequirement, st.sampled_from(KEYS), st.sampled_from(("Exists", "DoesNotExist"))),
    st.builds(
        SelectorRequirement, st.sampled_from(KEYS), st.sampled_from(("Gt", "Lt")), st.sampled_from((("1",), ("2",)))
    ),
)
TERMS = st.builds(NodeSelectorTerm, st.lists(REQUIREMENTS, max_size=3).map(tuple))


@given(
    st.lists(TERMS, max_size=3),
    st.fixed_dictionaries({key: st.sampled_from((*VALUES, WHY)) for key in KEYS}),
)
def test_a_definite_answer_holds_for_every_completion(
    terms: list[NodeSelectorTerm], state: dict[str, str | Unknown | None]
) -> None:
    """Whatever the unknown labels turn out to be, a definite answer stays."""
    answer = node_terms_match(terms, state.__getitem__, "n")
    possible = set()
    for chosen in itertools.product(*(VALUES if isinstance(state[key], Unknown) else (state[key],) for key in KEYS)):
        full = dict(zip(KEYS, chosen, strict=True))
        possible.add(node_terms_match(terms, full.__getitem__, "n"))
    if not isinstance(answer, Unknown):
        assert possible == {answer}


@given(
    st.lists(REQUIREMENTS.filter(lambda one: one.operator not in ("Gt", "Lt")), max_size=3),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(("1", "2"))),
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(("1", "2"))),
)
def test_both_ways_of_asking_agree(
    expressions: list[SelectorRequirement], equal: dict[str, str], labels: dict[str, str]
) -> None:
    """With every label known, the three-valued answer is the two-valued one."""
    selector = LabelSelector(equal, tuple(expressions))
    assert matches(selector, labels) is matches_state(selector, labels.get)
