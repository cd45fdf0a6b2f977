"""Label selectors and node selector terms, decided in three values.

Semantics: apimachinery ``pkg/labels/selector.go`` (``Requirement.Matches``) and
``pkg/apis/meta/v1/helpers.go`` (``LabelSelectorAsSelector``); for node selector terms
component-helpers ``scheduling/corev1/nodeaffinity/nodeaffinity.go``. The surprising ones:
``NotIn`` and ``DoesNotExist`` match where the key is absent, an absent (``None``) label selector
matches nothing and an empty one everything, and an empty node selector term matches nothing.

A label may be unknown (a node that is not born yet has no feature-discovery labels): the answer is
then :class:`Unknown`, unless the known part decides alone (Kleene logic). An operator that is not
in the API is :class:`SelectorError`, never ``False``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping

from clusterproof.errors import ClusterproofError
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import LabelSelector, NodeSelectorTerm, SelectorRequirement

Truth = bool | Unknown
"""``True``, ``False``, or why neither can be said."""

LabelState = Callable[[str], "str | Unknown | None"]
"""Value of a label by key: its text, ``None`` where it is absent, or why that is not known."""

_INT64 = 2**63
_INTEGER = re.compile(r"[+-]?[0-9]+\Z")


class SelectorError(ClusterproofError):
    """A selector that Kubernetes itself would refuse: unknown operator, or values that do not fit it."""


def all_of(truths: Iterable[Truth]) -> Truth:
    """Three-valued AND: one ``False`` decides, else the first unknown, else ``True``."""
    unknown: Unknown | None = None
    for truth in truths:
        if truth is False:
            return False
        if unknown is None and isinstance(truth, Unknown):
            unknown = truth
    return True if unknown is None else unknown


def any_of(truths: Iterable[Truth]) -> Truth:
    """Three-valued OR: one ``True`` decides, else the first unknown, else ``False``."""
    unknown: Unknown | None = None
    for truth in truths:
        if truth is True:
            return True
        if unknown is None and isinstance(truth, Unknown):
            unknown = truth
    return False if unknown is None else unknown


def negate(truth: Truth) -> Truth:
    """Three-valued NOT: an unknown stays unknown."""
    return truth if isinstance(truth, Unknown) else not truth


def matches(selector: LabelSelector | None, labels: Mapping[str, str]) -> bool:
    """Does a label selector match a set of labels that is known in full?

    ``None`` matches nothing, an empty selector everything (where the API gives an absent selector
    another meaning, the caller says so).

    Raises:
        SelectorError: an operator is not In, NotIn, Exists or DoesNotExist, or its values do not fit.
    """
    if selector is None:
        return False
    for key, value in selector.match_labels.items():
        if labels.get(key) != value:
            return False
    # Every expression is looked at before answering: a malformed one must not hide behind a False.
    decided = True
    for requirement in selector.match_expressions:
        decided &= _decide(requirement, labels.get(requirement.key), numeric=False)
    return decided


def matches_state(selector: LabelSelector | None, state: LabelState) -> Truth:
    """As :func:`matches`, for labels of which some may be unknown."""
    if selector is None:
        return False
    expressions = [requirement_matches(one, state) for one in selector.match_expressions]
    equal = [_equal(state(key), value) for key, value in selector.match_labels.items()]
    return all_of(equal + expressions)


def matches_partly(selector: LabelSelector | None, labels: Mapping[str, str], unknown: Collection[str]) -> Truth:
    """As :func:`matches`, where the labels under some more keys are not known (those that a controller adds)."""
    if not unknown or selector is None:
        return matches(selector, labels)
    read = {*selector.match_labels, *(one.key for one in selector.match_expressions)}
    if read.isdisjoint(unknown):
        return matches(selector, labels)

    def state(key: str) -> str | Unknown | None:
        if key in labels or key not in unknown:
            return labels.get(key)
        return Unknown(
            Cause.NOT_MODELLED, f"the value of label {key}, which the controller gives each pod, is not known"
        )

    return matches_state(selector, state)


def requirement_matches(requirement: SelectorRequirement, state: LabelState, *, numeric: bool = False) -> Truth:
    """One expression; ``numeric`` admits Gt and Lt, which only node selectors have.

    Raises:
        SelectorError: the operator is not one of the API's, or its values do not fit.
    """
    value = state(requirement.key)
    if isinstance(value, Unknown):
        _decide(requirement, None, numeric=numeric)
        return value
    return _decide(requirement, value, numeric=numeric)


def node_term_matches(term: NodeSelectorTerm, state: LabelState, name: str | Unknown) -> Truth:
    """One node selector term: all its expressions and fields; an empty term matches no node.

    Args:
        term: ``matchExpressions`` over labels, ``matchFields`` over ``metadata.name``.
        state: the node's labels.
        name: the node's name, unknown for one that is not born yet.

    Raises:
        SelectorError: an operator, a field or a number of values that the API refuses.
    """
    if not term.match_expressions and not term.match_fields:
        return False
    truths = [requirement_matches(one, state, numeric=True) for one in term.match_expressions]
    return all_of(truths + [_field_matches(one, name) for one in term.match_fields])


def node_terms_match(terms: Iterable[NodeSelectorTerm], state: LabelState, name: str | Unknown) -> Truth:
    """Node selector terms are alternatives: one that matches is enough; none at all match nothing."""
    return any_of([node_term_matches(term, state, name) for term in terms])


def _equal(actual: str | Unknown | None, wanted: str) -> Truth:
    return actual if isinstance(actual, Unknown) else actual == wanted


def _field_matches(requirement: SelectorRequirement, name: str | Unknown) -> Truth:
    """``matchFields`` knows one field, two operators and exactly one value (nodeSelectorRequirementsAsFieldSelector)."""
    if requirement.key != "metadata.name":
        raise SelectorError(
            f"matchFields knows only metadata.name, not {requirement.key!r}: correct the node selector."
        )
    if requirement.operator not in ("In", "NotIn") or len(requirement.values) != 1:
        raise SelectorError(
            f"matchFields takes In or NotIn with one value, not {requirement.operator!r} with "
            f"{len(requirement.values)}: correct the node selector."
        )
    if isinstance(name, Unknown):
        return name
    return (name == requirement.values[0]) == (requirement.operator == "In")


def _decide(requirement: SelectorRequirement, value: str | None, *, numeric: bool) -> bool:
    operator, wanted = requirement.operator, requirement.values
    if operator in ("In", "NotIn"):
        if not wanted:
            raise SelectorError(f"{operator} on {requirement.key!r} has no values: give at least one.")
        if operator == "In":
            return value is not None and value in wanted
        return value is None or value not in wanted
    if operator in ("Exists", "DoesNotExist"):
        if wanted:
            raise SelectorError(f"{operator} on {requirement.key!r} takes no values: remove them.")
        return (value is not None) == (operator == "Exists")
    if numeric and operator in ("Gt", "Lt"):
        bound = _integer(wanted[0]) if len(wanted) == 1 else None
        if bound is None:
            raise SelectorError(f"{operator} on {requirement.key!r} takes one integer, not {list(wanted)}.")
        number = None if value is None else _integer(value)
        if number is None:
            return False  # no label, or not an integer: does not match (and is no error)
        return number > bound if operator == "Gt" else number < bound
    raise SelectorError(
        f"{operator!r} on {requirement.key!r} is no operator of a {'node' if numeric else 'label'} selector: "
        f"use In, NotIn, Exists{', DoesNotExist, Gt or Lt' if numeric else ' or DoesNotExist'}."
    )


def _integer(text: str) -> int | None:
    """``strconv.ParseInt(text, 10, 64)``; None where Go gives an error."""
    if not _INTEGER.match(text):
        return None
    number = int(text)
    return number if -_INT64 <= number < _INT64 else None
