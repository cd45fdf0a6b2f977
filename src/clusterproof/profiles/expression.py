"""CEL expressions with three answers: true, false, or unknown with its reason.

CEL (https://github.com/google/cel-spec) is what Kubernetes admission policies are
written in; the library ``common-expression-language`` evaluates it. An error or a
missing field is unknown, never false; ``a || b`` with a true ``a`` is true whatever
``b`` is, as the specification has it. An expression is bounded before it runs: its
length, its comprehensions and its sums, because nothing can stop it afterwards.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

from clusterproof._cel import library
from clusterproof.profiles.chains import bare, bound_names, chains, without
from clusterproof.profiles.functions import FUNCTIONS
from clusterproof.profiles.partly import variants
from clusterproof.snapshot.fields import Cause, Unknown

MAX_LENGTH = 2_000
"""Characters of one expression."""
MAX_MACROS = 8
"""Comprehensions (``all``, ``exists``, ``exists_one``, ``map``, ``filter``) in one expression."""
MAX_SUMS = 8
"""``+`` in one expression; with the comprehensions this bounds how far lists and texts can grow."""
MAX_STEPS = 5_000_000
"""Steps that nested comprehensions over the objects given may take."""
INNER_LIST = 64
"""Assumed length of a list inside an object (containers, rules), for the count of steps."""

MACROS = ("all", "exists", "exists_one", "map", "filter")
NATIVE = {*MACROS, *("has", "size", "contains", "startsWith", "endsWith", "matches", "int", "uint", "double", "string")}
NATIVE |= {
    "bytes",
    "type",
    "dyn",
    "timestamp",
    "duration",
    "of",
    "none",
    "ofNonZeroValue",
    "orValue",
    "hasValue",
    "value",
}
_WORDS = {"true", "false", "null", "in"}
_MACRO = re.compile(
    r"(?<![\w.])(?P<root>[A-Za-z_]\w*)\s*\.\s*(?P<macro>all|exists|exists_one|map|filter)\s*\(|"
    r"\.\s*(?P<other>all|exists|exists_one|map|filter)\s*\("
)
_CALL = re.compile(r"([A-Za-z_]\w*)\s*\(")
_RAISED = re.compile(r"Python function call failed: \w+: (.*?)\. Check function arguments", re.DOTALL)


def parse_check(expression: str) -> str | None:
    """Why an expression cannot be used (too long, not CEL, an unknown function); None when it can."""
    text = _too_much(expression)
    if text is not None:
        return text
    program = _compile(expression)
    if isinstance(program, str):
        return program
    import difflib

    for name in _CALL.findall(bare(expression)):
        if name not in NATIVE and name not in FUNCTIONS and name not in _WORDS:
            near = difflib.get_close_matches(name, sorted(NATIVE | FUNCTIONS.keys()), n=1)
            return f"there is no function {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
    return None


def names_of(expression: str) -> tuple[str, ...]:
    """The dotted names that an expression reads, in order, without those that its comprehensions bind."""
    bound = bound_names(expression)
    found = {".".join(chain): None for chain in chains(expression) if chain[0] not in bound and chain[0] not in _WORDS}
    return tuple(found)


def nest(values: Mapping[str, object]) -> dict[str, Any]:
    """Values under dotted names as CEL reads them: ``dynamo.version`` is the member ``version`` of ``dynamo``."""
    tree: dict[str, Any] = {}
    for name, value in values.items():
        *parents, last = name.split(".")
        place = tree
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return tree


def evaluate(expression: str, activation: Mapping[str, object]) -> bool | Unknown:
    """The value of a condition.

    Args:
        expression: CEL that gives true or false.
        activation: what its names mean: texts, numbers, lists, mappings as in JSON. An ``Unknown`` may stand for any
            of them: the answer is then that unknown, unless the expression is true or false without it.

    Returns:
        True, False, or an Unknown that says what went wrong.
    """
    result = value(expression, activation)
    if isinstance(result, (bool, Unknown)):
        return result
    return Unknown(Cause.ERROR, f"{_short(expression)} gives {type(result).__name__}, not true or false")


def value(expression: str, activation: Mapping[str, object]) -> Any:
    """The value of an expression, whatever it is (as in JSON), or an Unknown; arguments as for :func:`evaluate`."""
    text = _too_much(expression) or _too_many_steps(expression, activation)
    if text is not None:
        return Unknown(Cause.ERROR, f"the expression {_short(expression)} {text}")
    program = _compile(expression)
    if isinstance(program, str):
        return Unknown(Cause.ERROR, f"the expression {_short(expression)} is wrong: {program}")
    first, second, why = variants(expression, activation)
    result = _run(expression, first)
    if why is None or isinstance(result, Unknown):
        return result
    # An answer that is another without values that stand for unknown ones rests on them.
    other = _run(expression, second)
    return result if type(other) is type(result) and other == result else why


def _run(expression: str, activation: Mapping[str, object]) -> Any:
    variables, unread = bound(expression, activation)
    unknowns = [unknown for _, unknown in unread]
    asked = expression
    for path, _ in unread:
        root, _, rest = path.partition(".")
        if rest:  # has() of a member that was left out would be false
            asked = without(asked, root, rest)
    try:
        return _ordered(_compile(asked).execute(library().Context(variables=variables, functions=dict(FUNCTIONS))))
    except Exception as error:  # noqa: BLE001 - whatever CEL stumbles over makes the answer unknown
        return unknowns[0] if unknowns else Unknown(Cause.ERROR, _said(expression, error))
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # the library's own crash; everything else goes through
            raise
        return Unknown(Cause.ERROR, f"{_short(expression)}: the CEL library failed on it")


def _ordered(made: Any) -> Any:
    """The same with the members of maps in the order of their keys: the library's own order is another in each process."""
    if isinstance(made, dict):
        return {key: _ordered(made[key]) for key in sorted(made, key=str)}
    return [_ordered(item) for item in made] if isinstance(made, list) else made


def bound(expression: str, activation: Mapping[str, object]) -> tuple[dict[str, object], list[tuple[str, Unknown]]]:
    """The values of the names that an expression reads, and what of those is unknown and so left out, with its path."""
    read = names_of(expression)
    roots = {name.partition(".")[0] for name in read}
    unread: list[tuple[str, Unknown]] = []
    variables = {
        name: known
        for name, value in sorted(activation.items())
        if name in roots and (known := _known(value, name, unread)) is not _MISSING
    }
    met = [
        (path, unknown)
        for path, unknown in unread
        if any(f"{name}.".startswith(f"{path}.") or path.startswith(f"{name}.") for name in read)
    ]
    return variables, met


class _Missing:
    """Stands for a value that is left out."""


_MISSING = _Missing()


def _known(value: object, path: str, unread: list[tuple[str, Unknown]]) -> object:
    """The value without unknown members (mappings are looked into, lists of raw objects are not)."""
    if isinstance(value, Unknown):
        unread.append((path, value))
        return _MISSING
    if isinstance(value, dict):
        members = {key: _known(member, f"{path}.{key}", unread) for key, member in value.items()}
        return {key: member for key, member in members.items() if member is not _MISSING}
    return value


@functools.lru_cache(maxsize=256)
def _compile(expression: str) -> Any:
    """The compiled program, or the sentence that says why there is none."""
    try:
        return library().compile(expression)
    except Exception as error:  # noqa: BLE001 - every refusal becomes a sentence
        match = re.search(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?([^\n]*)", str(error))
        if match is None:
            return "it is not CEL"
        what = re.sub(r",? expecting \{.*", "", match[3]).replace("'<EOF>'", "the end")
        what = "it is nested too deeply" if "Recursion limit" in what else what
        return f"it is not CEL: line {match[1]}, column {match[2]}: {what}"
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        return "it is not CEL"


def _too_much(expression: str) -> str | None:
    if not expression.strip():
        return "is empty"
    if len(expression) > MAX_LENGTH:
        return f"has {len(expression)} characters; at most {MAX_LENGTH} are read"
    text = bare(expression)
    macros = len(_MACRO.findall(text))
    if macros > MAX_MACROS:
        return f"has {macros} comprehensions; at most {MAX_MACROS} are run"
    if text.count("+") > MAX_SUMS:
        return f"has {text.count('+')} sums; at most {MAX_SUMS} are run"
    return None


def _too_many_steps(expression: str, activation: Mapping[str, object]) -> str | None:
    """Comprehensions inside one another multiply; over very many objects that would take hours."""
    text = bare(expression)
    sizes = {name: len(value) for name, value in activation.items() if isinstance(value, (list, tuple))}
    longest = max(sizes.values(), default=INNER_LIST)
    opens = {match.end() - 1: match for match in _MACRO.finditer(text)}
    worst, product, stack = 1, 1, [1]
    for position, character in enumerate(text):
        if character == "(":
            stack.append(product)
            match = opens.get(position)
            if match is not None:
                chained = match["other"] is not None and text[: match.start()].rstrip()[-1:] in (")", "]")
                product *= max(longest if chained else sizes.get(match["root"] or "", INNER_LIST), 1)
                worst = max(worst, product)
        elif character == ")" and len(stack) > 1:
            product = stack.pop()
    return f"would take {worst:.0e} steps; at most {MAX_STEPS:.0e} are run" if worst > MAX_STEPS else None


def _reason(error: Exception) -> str:
    """The library's error as one clause."""
    text = str(error)
    if isinstance(error, KeyError):
        return f"the field {text} is missing"
    if (match := _RAISED.search(text)) is not None:
        return match[1]
    if (match := re.match(r"Undefined variable or function: ('.*?')", text)) is not None:
        return f"{match[1]} is not known here, or not for a value of that type"
    return text.partition(". ")[0].rstrip(".")


def _said(expression: str, error: Exception) -> str:
    """What a user reads: what our own functions say first; what ``unknown`` was given stands alone."""
    text = _reason(error)
    if _RAISED.search(str(error)) is None:
        return f"{_short(expression)}: {text}"
    return text if re.search(r"\bunknown\(", expression) else f"{text} (in {_short(expression)})"


def _short(expression: str) -> str:
    one_line = " ".join(expression.split())
    return one_line if len(one_line) <= 100 else f"{one_line[:97]}..."


def conjunction(answers: Iterable[bool | Unknown]) -> bool | Unknown:
    """All of them: false if any is false, else the first unknown, else true."""
    found = list(answers)
    if any(answer is False for answer in found):
        return False
    return next((answer for answer in found if isinstance(answer, Unknown)), True)


def batch(expression: str, name: str, objects: list[Any], activation: Mapping[str, object]) -> list[Any] | None:
    """The values of an expression for many objects in one run; None where any of them has none, or it is too much."""
    if _too_much(expression) or _too_many_steps(expression, activation) or isinstance(_compile(expression), str):
        return None
    first, _, why = variants(expression, activation)
    all_of = f"all_of_{name}"
    whole = f"{all_of}.map({name}, (\n{expression}\n))"
    if why is not None or isinstance(_compile(whole), str):
        return None
    answers = _run(whole, {**first, all_of: objects})
    return None if isinstance(answers, Unknown) else answers
