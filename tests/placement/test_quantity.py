from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterproof.placement.quantity import QuantityError, amount, milli, parse, units


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500m", Fraction(1, 2)),
        ("4Gi", 4 * 2**30),
        ("1.5Gi", 3 * 2**29),
        ("12e6", 12_000_000),
        ("1E", 10**18),
        ("1E3", 1000),
        ("5E-1", Fraction(1, 2)),
        (".5", Fraction(1, 2)),
        ("5.", 5),
        ("-2k", -2000),
        ("+7", 7),
        ("100n", Fraction(1, 10**7)),
        (2, 2),
        (0.1, Fraction(1, 10)),
    ],
)
def test_quantity_is_exact(text: str | float, value: Fraction | int) -> None:
    """Decimal, binary and exponent suffixes follow the grammar of apimachinery, without floats (rule 9.1)."""
    assert parse(text) == value


@pytest.mark.parametrize("text", ["", "Gi", "4GB", "1 Gi", "1e", "--1", "0x10", "1Kii", "٣", "1\n"])
def test_what_is_no_quantity_is_an_error(text: str) -> None:
    """A text outside the grammar is an error that names it, never zero (rule 9.1)."""
    with pytest.raises(QuantityError, match="is no Kubernetes quantity"):
        parse(text)


def test_rounding_is_up_as_in_the_scheduler() -> None:
    """A tenth of a millicore counts as a millicore, half a byte as a byte (rule 9.1)."""
    assert milli("0.1m") == 1
    assert units("500m") == 1
    assert amount("cpu", "1500u") == 2
    assert amount("memory", "0.5") == 1


@given(st.integers(0, 10**15), st.sampled_from(["", "m", "k", "Ki", "M", "Mi", "G", "Gi"]))
def test_rounding_never_loses_anything(number: int, suffix: str) -> None:
    """The rounded amount is the least integer that is not below the exact value (rule 9.1)."""
    exact = parse(f"{number}{suffix}")
    assert exact <= units(f"{number}{suffix}") < exact + 1
    assert exact * 1000 <= milli(f"{number}{suffix}") < exact * 1000 + 1
