"""The functions that our CEL has beside its own: versions, quantities, addresses, and those of :mod:`.lookups`.

CEL reads ``x.f(y)`` as ``f(x, y)``, so each can be called either way. ``semver``,
``quantity``, ``cidr`` and ``ip`` give a value that only the functions here take: the
library knows no types of ours, so it is a mapping with one member, in a form that
makes equal values equal texts. What a function cannot read is an error, and so the
answer of the whole condition unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from clusterproof.profiles.lookups import LOOKUPS
from clusterproof.profiles.raised import ExpressionError

Value = dict[str, str]


def semver(text: object) -> Value:
    """``semver("v1.1")``: a version by semver.org; a leading v, missing parts and Python's spelling are understood."""
    return {"semver": _version(text)}


def is_version(text: object) -> bool:
    """``is_version(x)``: whether ``semver(x)`` can read it; never an error."""
    try:
        _version(text)
    except ExpressionError:
        return False
    return True


def quantity(text: object) -> Value:
    """``quantity("500m")``: a Kubernetes quantity, exact."""
    from clusterproof.placement.quantity import QuantityError, parse

    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise ExpressionError("quantity() takes a text such as 500m or 4Gi")
    try:
        return {"quantity": str(parse(text))}
    except QuantityError:
        raise ExpressionError(f"{text!r} is no Kubernetes quantity") from None


def cidr(text: object) -> Value:
    """``cidr("10.0.0.0/8")``: a range of addresses."""
    import ipaddress

    try:
        return {"cidr": str(ipaddress.ip_network(str(text), strict=False))}
    except ValueError:
        raise ExpressionError(f"{text!r} is no range of addresses such as 10.0.0.0/8") from None


def ip(text: object) -> Value:
    """``ip("10.0.3.17")``: one address."""
    import ipaddress

    try:
        return {"ip": str(ipaddress.ip_address(str(text)))}
    except ValueError:
        raise ExpressionError(f"{text!r} is no IP address") from None


def contains(whole: object, part: object) -> bool:
    """``cidr(r).contains(x)``: an address, or a whole range, is in the range; also texts and lists."""
    import ipaddress

    if isinstance(whole, str) and isinstance(part, str):
        return part in whole
    if isinstance(whole, (list, tuple)):
        return part in whole
    if isinstance(whole, dict) and "cidr" in whole:
        inner = part.get("cidr") or part.get("ip") if isinstance(part, dict) else part
        outer = ipaddress.ip_network(whole["cidr"])
        within = ipaddress.ip_network(cidr(inner)["cidr"])
        if isinstance(outer, ipaddress.IPv4Network) and isinstance(within, ipaddress.IPv4Network):
            return within.subnet_of(outer)
        if isinstance(outer, ipaddress.IPv6Network) and isinstance(within, ipaddress.IPv6Network):
            return within.subnet_of(outer)
        return False
    raise ExpressionError("contains() takes a text, a list or cidr(...)")


def lt(one: object, other: object) -> bool:
    """``a.lt(b)``: less than; ``b`` may be the plain text."""
    return _compare(one, other) < 0


def le(one: object, other: object) -> bool:
    """``a.le(b)``: less than or equal."""
    return _compare(one, other) <= 0


def gt(one: object, other: object) -> bool:
    """``a.gt(b)``: greater than."""
    return _compare(one, other) > 0


def ge(one: object, other: object) -> bool:
    """``a.ge(b)``: greater than or equal."""
    return _compare(one, other) >= 0


def eq(one: object, other: object) -> bool:
    """``a.eq(b)``: the same version (build metadata aside) or the same quantity (``1`` and ``1000m``)."""
    return _compare(one, other) == 0


_OWN = (semver, is_version, quantity, cidr, ip, contains, lt, le, gt, ge, eq)
FUNCTIONS: Mapping[str, Callable[..., Any]] = {**{function.__name__: function for function in _OWN}, **LOOKUPS}
"""Every function by its name in CEL."""


def _compare(one: object, other: object) -> int:
    if isinstance(one, dict) and "semver" in one:
        import semver as library

        mine = library.Version.parse(one["semver"])
        return mine.compare(library.Version.parse(_of(other, "semver", semver)))
    if isinstance(one, dict) and "quantity" in one:
        mine_, theirs = Fraction(one["quantity"]), Fraction(_of(other, "quantity", quantity))
        return (mine_ > theirs) - (mine_ < theirs)
    raise ExpressionError("lt, le, gt, ge and eq compare semver(...) or quantity(...)")


def _of(other: object, kind: str, read: Callable[[object], Value]) -> str:
    if isinstance(other, dict):
        if kind not in other:
            raise ExpressionError(f"a {kind} is compared with something else")
        return str(other[kind])
    return read(other)[kind]


def _version(text: object) -> str:
    """The version in the form of semver.org, without build metadata, which has no precedence.

    Chart versions are SemVer. Python's spelling (``1.2.0rc1``, ``1.2.0.dev3``, ``1.2.0.post1``; PEP 440) is read too:
    what comes before a release becomes a pre-release, ``post`` counts as the release.
    """
    import packaging.version
    import semver as library

    if not isinstance(text, str) or len(text) > 200:
        raise ExpressionError(f"{text!r} is no version" if isinstance(text, str) else "semver() takes a text")
    bare = re.sub(r"^[vV](?=\d)", "", text.strip())
    try:
        return str(library.Version.parse(bare, optional_minor_and_patch=True).replace(build=None))
    except (ValueError, TypeError):
        pass
    try:
        python = packaging.version.Version(bare)
    except packaging.version.InvalidVersion:
        raise ExpressionError(f"{text!r} is no version such as 1.2.0") from None
    if len(python.release) > 3:
        raise ExpressionError(f"{text!r} has more than three numbers; a version has three, such as 1.2.0")
    numbers = [*python.release, 0, 0][:3]
    early = ".".join(map(str, python.pre)) if python.pre else ""
    if python.dev is not None:
        early = f"{early}.dev.{python.dev}" if early else f"0.dev.{python.dev}"
    return ".".join(map(str, numbers)) + (f"-{early}" if early else "")
