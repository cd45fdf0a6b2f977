"""The generator and the arithmetic of the comparison, without a control plane."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest

from tests.controlplane.shares import fit, tail_of_chi_square
from tests.controlplane.test_agreement import FAMILIES, told


@pytest.mark.parametrize("family", FAMILIES)
def test_a_seed_makes_the_same_case(family: str) -> None:
    """The same seed makes the same objects and pods, another seed others; 3 to 12 nodes."""
    make = FAMILIES[family][0]
    assert make(7) == make(7)
    assert make(7).objects != make(8).objects
    sizes = {sum(1 for one in make(seed).objects if one["kind"] == "Node") for seed in range(60)}
    assert min(sizes) == 3
    assert max(sizes) <= 12


def test_difference_names_the_command_for_each_seed() -> None:
    """Who reads a failure can paste the line that makes its case again, the family quoted where it has a space."""
    said = told("default spread", ["default spread 12 p0: a", "default spread 12 p1: b", "default spread 9 p0: c"])
    assert said.splitlines()[0] == "3 differ:"
    assert said.splitlines()[-2:] == [
        "python -m tests.controlplane.one 'default spread' 12",
        "python -m tests.controlplane.one 'default spread' 9",
    ]


@pytest.mark.parametrize(
    ("freedom", "quantile", "tail"),
    [(1, 3.841, 0.05), (2, 9.210, 0.01), (3, 16.266, 0.001), (10, 18.307, 0.05), (11, 24.725, 0.01)],
)
def test_chi_square_tail(freedom: int, quantile: float, tail: float) -> None:
    """The printed quantiles of the chi-square distribution have their printed tails (Abramowitz and Stegun, table 26.8)."""
    assert math.isclose(tail_of_chi_square(quantile, freedom), tail, rel_tol=2e-3)


def test_fit_sees_what_does_not_fit() -> None:
    """Fair counts fit, lopsided ones do not, and what has no chance never fits."""
    half = {"a": Fraction(1, 2), "b": Fraction(1, 2), "c": Fraction(0)}
    assert fit({"a": 148, "b": 152}, half) > 0.5
    assert fit({"a": 100, "b": 200}, half) < 1e-7
    assert fit({"a": 150, "b": 149, "c": 1}, half) == 0
    assert fit({"a": 300}, {"a": Fraction(1)}) == 1
