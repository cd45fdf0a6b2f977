"""Whether a CEL selector of a request or a device class takes a device.

Source: kubernetes ``staging/src/k8s.io/dynamic-resource-allocation/cel/compile.go`` (the variable ``device``: driver,
attributes and capacity by domain; a domain that a device does not have is an empty map, an attribute that it does not
have is an error) and https://kubernetes.io/docs/reference/using-api/cel/ (quantities, semantic versions, texts).

An error while evaluating is an answer of its own, :class:`Failure`, because the scheduler then gives up the pod, not
the device. What this program or its CEL library cannot evaluate as Kubernetes would is unknown.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import msgspec

from clusterproof._cel import library
from clusterproof.placement.devices import celfunctions
from clusterproof.placement.quantity import parse
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes.devices import DeviceAttribute, DeviceBody, DeviceCapacity

MAX_LENGTH = 10 * 1024
"""Characters of an expression: what the API admits (``CELSelectorExpressionMaxLength``)."""

_LITERAL = re.compile(r"""[rR]?(?:"((?:\\.|[^"\\\n])*)"|'((?:\\.|[^'\\\n])*)')""")
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(")
_WHOLE = re.compile(r"\bdevice\s*\.\s*(?:attributes|capacity)\b(?!\s*[\[?])|\bdevice\b(?!\s*\.)")
_MAPS = re.compile(r"\bdevice\s*\.\s*(?:attributes|capacity)\b|\bdevice\b(?!\s*\.)")
_MEMBERS = re.compile(r"\bdevice\s*\.\s*(?:attributes|capacity)\s*\[[^\]]*\]\s*[.\[]")
_BIND = re.compile(r"\bcel\s*\.\s*bind\s*\(")

Facts = tuple[tuple[str, str, str], ...]
"""Attributes or capacities as name, kind (int, bool, string, version, quantity, opaque) and text."""


class Failure(msgspec.Struct, frozen=True):
    """The expression gives an error for this device; ``text`` is one clause."""

    text: str


Match = bool | Failure | Unknown


def facts_of(body: DeviceBody) -> tuple[Facts, Facts]:
    """What a selector can read of a device: its attributes and its capacities, comparable and hashable."""
    attributes = tuple((name, *_fact(value)) for name, value in sorted(body.attributes.items()))
    capacity = tuple(
        (name, "quantity", str(value.value if isinstance(value, DeviceCapacity) else value))
        for name, value in sorted(body.capacity.items())
    )
    return attributes, capacity


def selects(expression: str, driver: str, attributes: Facts, capacity: Facts, *, shared: bool = False) -> Match:
    """Whether the expression is true of a device.

    Args:
        expression: CEL over ``device``.
        driver: the device's driver; names without a domain are in its.
        attributes: see :func:`facts_of`.
        capacity: likewise.
        shared: the device allows multiple allocations.

    Returns:
        True or false, the error that the scheduler would stop at, or why it cannot be said.
    """
    bare, texts = _parts(expression)
    if _projects(bare):
        # Devices mostly differ in what no expression reads (a serial number): those are one and the same.
        words = bare + " ".join(texts)
        attributes, capacity = (
            tuple(fact for fact in facts if fact[0].rpartition("/")[2] in words) for facts in (attributes, capacity)
        )
    return _decide(expression, driver, attributes, capacity, shared=shared)


@functools.lru_cache(maxsize=65536)
def _decide(expression: str, driver: str, attributes: Facts, capacity: Facts, *, shared: bool) -> Match:
    program = _compile(expression)
    if isinstance(program, Unknown):
        return program
    bare, texts = _parts(expression)
    for name, kind, _ in attributes:
        if kind == "opaque" and (name.rpartition("/")[2] in bare + " ".join(texts) or _WHOLE.search(bare)):
            return _not_modelled(expression, f"attribute {name} has a value of a kind that is not modelled")
    device: dict[str, Any] = {
        "driver": driver,
        "allowMultipleAllocations": shared,
        "attributes": _by_domain(driver, attributes),
        "capacity": _by_domain(driver, capacity),
    }
    # A lookup of a domain that the device does not have gives an empty map, but asking for the domain says no. Where an
    # expression does both, the domain stays absent: that differs only in what is then an error, which is not trusted.
    both = _WHOLE.search(bare) is not None
    if not both:
        for member in ("attributes", "capacity"):
            device[member].update({text: {} for text in texts if text not in device[member]})
    found = _run(program, expression, device, bare)
    if both and isinstance(found, Failure):
        return _not_modelled(expression, f"{found.text}, in an expression that asks which domains there are")
    return found


@functools.lru_cache(maxsize=1024)
def _projects(bare: str) -> bool:
    """Whether the expression reads single members only, by names that stand in it."""
    computed = _MACRO.search(bare) or _BIND.search(bare) or "+" in bare or "size" in bare
    return not computed and len(_MAPS.findall(bare)) == len(_MEMBERS.findall(bare))


def _run(program: Any, expression: str, device: dict[str, Any], bare: str) -> Match:
    try:
        context = library().Context(variables={"device": device}, functions=dict(celfunctions.FUNCTIONS))
        result = program.execute(context)
    except Exception as error:  # noqa: BLE001 - what CEL stumbles over is either the device's fault or ours
        if _MACRO.search(bare):
            return _not_modelled(expression, "an error inside a comprehension")
        text = _runtime_error(error)
        return Failure(text) if text else _not_modelled(expression, _clause(error))
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # the library's own crash; everything else goes through
            raise
        return _not_modelled(expression, "the CEL library failed on it")
    return result if isinstance(result, bool) else Failure(f"it gives {type(result).__name__}, not true or false")


def _runtime_error(error: Exception) -> str:
    """The clause for an error that Kubernetes' CEL has as well; empty for one that it may not have."""
    if isinstance(error, KeyError):
        return f"no such key: {error.args[0] if error.args else error}"
    if isinstance(error, ZeroDivisionError):
        return "division by zero"
    if isinstance(error, TypeError) and "No such overload" in str(error):
        return "no such overload"
    found = re.search(r"NotComparableError: (.*?)\. Check function arguments", str(error), re.DOTALL)
    return found[1] if found else ""


def _clause(error: Exception) -> str:
    return str(error).partition(". ")[0].partition("\n")[0].rstrip(".")


def _not_modelled(expression: str, what: str) -> Unknown:
    one_line = " ".join(expression.split())
    short = one_line if len(one_line) <= 100 else f"{one_line[:97]}..."
    return Unknown(Cause.NOT_MODELLED, f"the device selector {short}: {what}")


@functools.lru_cache(maxsize=1024)
def _compile(expression: str) -> Any:
    """The program, or why it cannot be run here."""
    if len(expression) > MAX_LENGTH or not expression.strip():
        return _not_modelled(expression, f"it has {len(expression)} characters")
    try:
        return library().compile(_without_bind(expression))
    except Exception as error:  # noqa: BLE001 - every refusal becomes a clause
        return _not_modelled(expression, f"it cannot be read ({_clause(error)})")
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return _not_modelled(expression, "it cannot be read")


@functools.lru_cache(maxsize=1024)
def _parts(expression: str) -> tuple[str, tuple[str, ...]]:
    """The expression without its texts, and the texts."""
    texts = tuple(dict.fromkeys(one[0] or one[1] for one in _LITERAL.findall(expression)))
    return _LITERAL.sub('""', expression), texts


def _without_bind(expression: str) -> str:
    """``cel.bind(name, value, body)`` as ``[value].map(name, body)[0]``, which the library knows."""
    while (found := _BIND.search(expression)) is not None:
        arguments, end = _arguments(expression, found.end())
        if len(arguments) != 3:
            return expression
        name, value, body = arguments
        expression = f"{expression[: found.start()]}([{value}].map({name.strip()}, {body})[0]){expression[end:]}"
    return expression


def _arguments(text: str, start: int) -> tuple[list[str], int]:
    """The arguments from behind an opening parenthesis, and the place behind the closing one."""
    found, depth, begin, position = list[str](), 0, start, start
    while position < len(text):
        literal = _LITERAL.match(text, position)
        if literal is not None:
            position = literal.end()
            continue
        character = text[position]
        if character in "([{":
            depth += 1
        elif character in ")]}":
            if depth == 0:
                return [*found, text[begin:position]], position + 1
            depth -= 1
        elif character == "," and depth == 0:
            found.append(text[begin:position])
            begin = position + 1
        position += 1
    return [], position


def _fact(value: DeviceAttribute) -> tuple[str, str]:
    # A truth value is asked for first: in Python it is a number as well.
    if value.bool_ is not None:
        return "bool", "true" if value.bool_ else "false"
    if value.int_ is not None:
        return "int", str(value.int_)
    if value.string is not None:
        return "string", value.string
    if value.version is not None:
        return "version", value.version
    return "opaque", ""


def _by_domain(driver: str, facts: Facts) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name, kind, text in facts:
        domain, slash, short = name.partition("/")
        value: Any = text
        if kind == "int":
            value = int(text)
        elif kind == "bool":
            value = text == "true"
        elif kind == "version":
            value = celfunctions.semver(text)
        elif kind == "quantity":
            value = {"quantity": str(parse(text))}
        elif kind == "opaque":
            continue
        found.setdefault(domain if slash else driver, {})[short if slash else name] = value
    return found
