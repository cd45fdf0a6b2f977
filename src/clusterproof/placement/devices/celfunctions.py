"""The functions that Kubernetes' CEL has beside the language's own, as far as device selectors use them.

Source: kubernetes ``staging/src/k8s.io/apiserver/pkg/cel/library/`` (``quantity.go``, ``semverlib.go``) and
https://kubernetes.io/docs/reference/using-api/cel/. The library knows no types of ours, so that a quantity or a
version is a mapping with one member, in a form that makes equal values equal texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from clusterproof.errors import ClusterproofError
from clusterproof.placement.quantity import QuantityError, parse

Value = dict[str, str]

_SEMVER = re.compile(
    r"(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(?:-((?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+[0-9A-Za-z.-]+)?\Z"
)
_LOOSE = re.compile(r"[vV]?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?([-+].*)?\Z", re.DOTALL)


class NotComparableError(ClusterproofError):
    """A function was given what it does not take: an error in Kubernetes as well."""


def semver(text: object, normalize: object = False) -> Value:
    """``semver("1.2.3")``; with ``true`` a leading v, missing parts and leading zeros are mended."""
    if not isinstance(text, str):
        raise NotComparableError("no such overload")
    if normalize is True and (loose := _LOOSE.match(text)) is not None:
        major, minor, patch, rest = loose.groups()
        text = f"{int(major)}.{int(minor or 0)}.{int(patch or 0)}{rest or ''}"
    if _SEMVER.match(text) is None:
        raise NotComparableError(f"{text!r} is no semantic version")
    return {"semver": text.partition("+")[0]}


def is_semver(text: object, normalize: object = False) -> bool:
    """Whether :func:`semver` reads it."""
    try:
        semver(text, normalize)
    except NotComparableError:
        return False
    return True


def quantity(text: object) -> Value:
    """``quantity("80Gi")``, exact."""
    if not isinstance(text, str):
        raise NotComparableError("no such overload")
    try:
        return {"quantity": str(parse(text))}
    except QuantityError:
        raise NotComparableError(f"{text!r} is no quantity") from None


def is_quantity(text: object) -> bool:
    """Whether :func:`quantity` reads it."""
    try:
        quantity(text)
    except NotComparableError:
        return False
    return True


def compare(one: object, other: object) -> int:
    """``a.compareTo(b)``: -1, 0 or 1, of two quantities or two versions."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        mine: Any
        theirs: Any
        if "quantity" in one:
            mine, theirs = Fraction(one["quantity"]), Fraction(other["quantity"])
            return int(mine > theirs) - int(mine < theirs)
        if "semver" in one:
            mine, theirs = _precedence(one["semver"]), _precedence(other["semver"])
            return int(mine > theirs) - int(mine < theirs)
    raise NotComparableError("no such overload")


def greater(one: object, other: object) -> bool:
    """``a.isGreaterThan(b)``."""
    return compare(one, other) > 0


def less(one: object, other: object) -> bool:
    """``a.isLessThan(b)``."""
    return compare(one, other) < 0


def add(one: object, other: object) -> Value:
    """``a.add(b)``: the sum of two quantities, the second may be a whole number."""
    return {"quantity": str(_number(one) + _number(other))}


def subtract(one: object, other: object) -> Value:
    """``a.sub(b)``: the difference of two quantities."""
    return {"quantity": str(_number(one) - _number(other))}


def sign(one: object) -> int:
    """``a.sign()``: -1, 0 or 1."""
    value = _number(one)
    return int(value > 0) - int(value < 0)


def is_integer(one: object) -> bool:
    """``a.isInteger()``."""
    value = _number(one)
    return value.denominator == 1 and -(2**63) <= value < 2**63


def as_integer(one: object) -> int:
    """``a.asInteger()``."""
    if not is_integer(one):
        raise NotComparableError("cannot convert value to integer")
    return int(_number(one))


def as_float(one: object) -> float:
    """``a.asApproximateFloat()``."""
    return float(_number(one))


def lower(text: object) -> str:
    """``a.lowerAscii()``."""
    return "".join(c.lower() if c.isascii() else c for c in _text(text))


def upper(text: object) -> str:
    """``a.upperAscii()``."""
    return "".join(c.upper() if c.isascii() else c for c in _text(text))


def trim(text: object) -> str:
    """``a.trim()``."""
    return _text(text).strip()


def part(index: int) -> Callable[[object], int]:
    """``a.major()``, ``a.minor()`` and ``a.patch()`` of a version."""

    def of(version: object) -> int:
        if not isinstance(version, dict) or "semver" not in version:
            raise NotComparableError("no such overload")
        return int(version["semver"].partition("-")[0].split(".")[index])

    return of


FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "semver": semver,
    "isSemver": is_semver,
    "quantity": quantity,
    "isQuantity": is_quantity,
    "compareTo": compare,
    "isGreaterThan": greater,
    "isLessThan": less,
    "add": add,
    "sub": subtract,
    "sign": sign,
    "isInteger": is_integer,
    "asInteger": as_integer,
    "asApproximateFloat": as_float,
    "lowerAscii": lower,
    "upperAscii": upper,
    "trim": trim,
    "major": part(0),
    "minor": part(1),
    "patch": part(2),
}
"""Every function by its name in CEL."""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise NotComparableError("no such overload")
    return value


def _number(value: object) -> Fraction:
    if isinstance(value, dict) and "quantity" in value:
        return Fraction(value["quantity"])
    if isinstance(value, int) and not isinstance(value, bool):
        return Fraction(value)
    raise NotComparableError("no such overload")


def _precedence(text: str) -> tuple[Any, ...]:
    """Precedence by semver.org 2.0.0: numbers, then what comes before a release, identifier by identifier."""
    core, _, early = text.partition("-")
    numbers = tuple(int(one) for one in core.split("."))
    # A release is after all that comes before it; numbers are before words, fewer identifiers before more.
    words = tuple((0, int(one), "") if one.isdigit() else (1, 0, one) for one in early.split(".")) if early else ()
    return numbers, not early, words
