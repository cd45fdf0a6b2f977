"""Policies of an organization, which nobody here reads: unknown, unless the user declares that none applies."""

from __future__ import annotations

import re

import msgspec

from clusterproof.access.store import policies
from clusterproof.checks.context import Context
from clusterproof.profiles.expression import evaluate, names_of, nest
from clusterproof.snapshot.fields import Unknown

_LITERAL = re.compile(r"==\s*(?:'([^']*)'|\"([^\"]*)\")")


def guardrails(context: Context, account: str) -> Unknown | None:
    """Why it is not known what an organization forbids in an account; None where it forbids nothing."""
    declared = context.profile.no_guardrails
    if declared and evaluate(declared, nest(context.values)) is True:
        return None
    found = policies(context.world.snapshot).guardrails(account)
    if found is None or not declared:
        return found
    option = declaration(context)
    if not option:
        return found
    before, _, _ = found.remedy.rpartition("where no such policy applies")
    return msgspec.structs.replace(found, remedy=f"{before}where no such policy applies, say so: {option}")


def declaration(context: Context) -> str:
    """The option with which a user declares that no such policy applies: ``--set asya.organization_policies=none``."""
    expression = context.profile.no_guardrails
    literals = [one or other for one, other in _LITERAL.findall(expression)]
    for name in names_of(expression):
        definition = context.profile.parameters.get(name)
        if definition is None:
            continue
        for value in dict.fromkeys((*definition.values, *literals, "true")):
            if evaluate(expression, nest({**context.values, name: value})) is True:
                return f"--set {name}={value}"
    return ""
