"""Grants that never take effect: an action that AWS authorises on no resource by name, granted on resources by name.

For such an action AWS compares the ``Resource`` of a statement with ``*``, or with an ARN of the whole account that names
nothing: a pattern that names something matches neither. ``sqs:ListQueues`` is authorised on ``arn:aws:sqs:REGION:ACCOUNT:``
(as its AccessDenied messages say), so ``asya-*`` never matches, while ``arn:aws:sqs:*:ACCOUNT:*`` does.
Source: Service Authorization Reference, "Actions, resources, and condition keys" ("If there is no value for this column, you
must specify all resources ("*") …"), as of :mod:`clusterproof.access.starred`. Of other services nothing is claimed.
"""

from __future__ import annotations

import re

from clusterproof.access.patterns import STAR, matches, segments
from clusterproof.access.policy import Statement
from clusterproof.access.starred import STARRED

_VARIABLE = re.compile(r"\$\{[^{}]*+\}")
_NAMELESS = {"sqs:listqueues": "", "s3:listallmybuckets": STAR}
"""Actions of which the account-wide ARN is known, with its last part."""


def by_name(action: str) -> bool:
    """Whether AWS may authorise an action on a resource by name; true for what is not known here."""
    return action.lower() not in STARRED


def asked_of(action: str, resource: str) -> str:
    """The resource that AWS compares policies with when an action is asked for on some resource.

    Args:
        action: ``sqs:ListQueues``.
        resource: an ARN, or a pattern of ARNs, that was asked for.

    Returns:
        The resource itself, where the action may be authorised by name; else ``*``, or the ARN of the account that names
        nothing (``arn:aws:sqs:eu-west-1:111122223333:``).
    """
    if by_name(action):
        return resource
    parts = segments(resource)
    tail = _NAMELESS.get(action.lower())
    return "*" if tail is None or parts is None else ":".join((*parts[:5], tail))


def never_takes_effect(statement: Statement, action: str) -> str:
    """Why a statement that allows an action never does; empty where it may, or where nothing is known of the action.

    Args:
        statement: of an identity policy.
        action: one action, without wildcards; capitals do not count.
    """
    lower = action.lower()
    if by_name(lower) or statement.effect != "Allow" or not statement.has_action(lower):
        return ""
    patterns = statement.resources
    if not patterns or any(_may_match(lower, pattern) for pattern in patterns):
        return ""
    shown = patterns[0] if len(patterns) == 1 else f"{patterns[0]} and {len(patterns) - 1} more"
    on = "the account's queues as a whole" if lower == "sqs:listqueues" else "no resource by name"
    return f'{action} is authorised on {on}, so {shown} never matches: it needs "Resource": "*"'


def _may_match(action: str, pattern: str) -> bool:
    """Whether a pattern matches ``*`` or an ARN of the account that names nothing, as far as can be told."""
    pattern = _VARIABLE.sub("*", pattern)
    parts = segments(pattern)
    if parts is None:
        return True  # ``*``, or wildcards that reach beyond colons
    service = action.partition(":")[0]
    if not matches(parts[2], service):
        return False
    tail = _NAMELESS.get(action)
    if tail is not None:
        return matches(parts[5], tail)
    return not re.split(r"[:/]", parts[5])[-1].strip("*?")
