"""Policy variables: ``${aws:PrincipalTag/team, 'none'}`` in resources and in values of conditions.

Source: IAM User Guide, "IAM policy elements: Variables and tags". They exist since version 2012-10-17; elsewhere the text
stands for itself. A variable stands in the last part of an ARN. Where its key is absent and it has no default, nothing
matches it, and the guide says that the whole statement "might" be invalid: then nothing is certain.
"""

from __future__ import annotations

import re

import msgspec

from clusterproof.access.context import ABSENT, Present, Request, looked_up
from clusterproof.access.patterns import QUESTION, STAR
from clusterproof.snapshot.fields import Cause, Unknown

_VARIABLE = re.compile(r"\$\{(?:([*?$])|([^{},']++)(?:,\s*+'([^']*+)')?)\}")
_MALFORMED = re.compile(r"\$\{[^{}]*+\}?")
MOST_SHOWN = 2048
"""Characters of a policy's text that are shown; no ARN has as many."""
_SPECIAL = {"*": STAR, "?": QUESTION, "$": "$"}


class Variable(msgspec.Struct, frozen=True):
    """One variable.

    Attributes:
        key: the condition key, in lower case; empty for what begins as a variable and is none.
        default: the text where the key is absent; None: there is none.
    """

    key: str
    default: str | None = None


class Template(msgspec.Struct, frozen=True):
    """A text with variables.

    Attributes:
        text: as the policy has it.
        parts: texts and variables in turn.
        misplaced: whether a variable stands where AWS allows none: before the last part of an ARN.
    """

    text: str
    parts: tuple[str | Variable, ...]
    misplaced: bool = False


class Resolved(msgspec.Struct, frozen=True):
    """A text with its variables filled in.

    Attributes:
        text: with ``*`` where a value is not known; None: a variable has no value at all.
        exact: whether that is the text; else it is one of the pattern's.
        certain: whether every variable surely has a value, so that the statement is valid.
        unknowns: why not.
    """

    text: str | None
    exact: bool = True
    certain: bool = True
    unknowns: tuple[Unknown, ...] = ()


def parsed(text: str, *, variables: bool, arn: bool = False) -> str | Template:
    """The text, or a template where it has variables.

    Args:
        text: of the policy.
        variables: whether the policy's version has variables.
        arn: whether it is a resource, in which they may stand in the last part only.
    """
    if not variables or "${" not in text:
        return text
    parts: list[str | Variable] = []
    plain = ""
    at = 0
    for found in _VARIABLE.finditer(text):
        plain = _between(plain, text[at : found.start()], parts)
        at = found.end()
        if found[1]:
            plain += _SPECIAL[found[1]]
            continue
        parts += [plain, Variable(found[2].strip().lower(), found[3])]
        plain = ""
    plain = _between(plain, text[at:], parts)
    if not parts:
        return plain
    before = str(parts[0])
    return Template(text, (*parts, plain), misplaced=arn and before.count(":") < 5)


def _between(plain: str, text: str, parts: list[str | Variable]) -> str:
    """Adds a text between variables, with what begins as one and is none; returns what stands behind the last."""
    if "${" not in text:
        return plain + text
    *before, last = _MALFORMED.split(text)
    for piece in before:
        parts += [plain + piece, Variable("")]
        plain = ""
    return plain + last


def shown(text: str) -> str:
    """A text as sentences have it: its beginning, where it is long beyond any that AWS takes."""
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def literal(text: str) -> str:
    """A text whose ``*`` and ``?`` are meant as these characters."""
    return text.replace("*", STAR).replace("?", QUESTION) if "*" in text or "?" in text else text


def resolved(template: Template, request: Request) -> Resolved:
    """The template's text in a request."""
    out = ""
    unknowns: list[Unknown] = []
    certain = True
    malformed = False
    for part in template.parts:
        if isinstance(part, str):
            out += part
            continue
        if not part.key:
            if not malformed:
                why = f"{shown(template.text)} has a variable that is neither ${{key}} nor ${{key, 'text'}}"
                unknowns.append(Unknown(Cause.NOT_MODELLED, why, "correct the variable"))
            certain, malformed = False, True
            out += "*"
            continue
        given = looked_up(request, part.key)
        if given is ABSENT or given == ():
            if part.default is None:
                return Resolved(
                    None,
                    exact=False,
                    certain=False,
                    unknowns=(_without(template, part, "is not in the request's context"),),
                )
            given = (part.default,)
        if isinstance(given, Present | Unknown):
            unknowns.append(given.unknown if isinstance(given, Present) else given)
            certain = certain and (isinstance(given, Present) or part.default is not None)
            out += "*"
        elif isinstance(given, tuple):
            if len(given) > 1:
                return Resolved(
                    None, exact=False, certain=False, unknowns=(_without(template, part, "has several values"),)
                )
            if "*" in given[0] or "?" in given[0]:
                unknowns.append(_without(template, part, "holds a wildcard"))
                out += "*"
            else:
                out += given[0]
    if template.misplaced:
        why = f"{shown(template.text)} has a variable before the last part of the ARN, where AWS allows none"
        unknowns.append(Unknown(Cause.NOT_MODELLED, why))
    return Resolved(out, not unknowns, certain, tuple(unknowns))


def _without(template: Template, variable: Variable, why: str) -> Unknown:
    return Unknown(
        Cause.NOT_MODELLED,
        f"{shown(template.text)} needs the key {variable.key}, which {why}: AWS then may ignore the whole statement",
        "write a default into the variable: ${key, 'text'}",
    )
