"""Kubernetes quantities as exact integers.

Source: apimachinery ``pkg/api/resource/quantity.go`` (grammar in the doc comment of ``Quantity``;
``Value`` and ``MilliValue`` round up, away from zero for a positive quantity). Arithmetic is exact:
``0.1`` is a tenth, never a float.
"""

from __future__ import annotations

import functools
import re
from fractions import Fraction

from clusterproof.errors import ClusterproofError
from clusterproof.snapshot.kubernetes import Quantity

_GRAMMAR = re.compile(
    r"([+-]?)([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E|[eE][+-]?[0-9]{1,3}|)\Z"
)
_LONGEST = 1000
"""Characters of a quantity: none that means anything has as many, and Python turns no more than 4,300 digits."""
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


class QuantityError(ClusterproofError):
    """A text that is no Kubernetes quantity."""


@functools.lru_cache(maxsize=4096)
def parse(quantity: Quantity) -> Fraction:
    """The exact value of ``"500m"``, ``"4Gi"``, ``"1e3"`` or a bare number, in units (cores, bytes, devices).

    Raises:
        QuantityError: the text does not follow the grammar.
    """
    text = str(quantity)
    if len(text) > _LONGEST:
        raise QuantityError(
            f"{text[:20]!r}… of {len(text)} characters is no Kubernetes quantity: write for example 4Gi."
        )
    found = _GRAMMAR.match(text)
    if found is None:
        raise QuantityError(f"{text!r} is no Kubernetes quantity: write for example 500m, 4Gi or 2.")
    sign, number, suffix = found.groups()
    value = Fraction(number)
    if suffix in _BINARY:
        value *= 2 ** _BINARY[suffix]
    else:
        exponent = _DECIMAL[suffix] if suffix in _DECIMAL else int(suffix[1:])
        value *= Fraction(10) ** exponent
    return -value if sign == "-" else value


@functools.lru_cache(maxsize=4096)
def units(quantity: Quantity) -> int:
    """Whole units (bytes, devices, pods), rounded up as ``Quantity.Value`` does."""
    return _round_up(parse(quantity))


@functools.lru_cache(maxsize=4096)
def milli(quantity: Quantity) -> int:
    """Thousandths (millicores), rounded up as ``Quantity.MilliValue`` does."""
    return _round_up(parse(quantity) * 1000)


def amount(resource: str, quantity: Quantity) -> int:
    """What the scheduler counts a resource in: millicores for ``cpu``, whole units for the rest."""
    return milli(quantity) if resource == "cpu" else units(quantity)


def _round_up(value: Fraction) -> int:
    """Away from zero, which is up for the quantities that the API admits here."""
    size = -(-abs(value.numerator) // value.denominator)
    return size if value >= 0 else -size
