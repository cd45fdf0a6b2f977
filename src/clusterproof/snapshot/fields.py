"""Three-state values: present, absent, or unknown with its cause.

Design rule 1: unknown is never pass. What could not be read is an
:class:`Unknown`, which carries why and what would make it known; it is never
spelled ``None`` and never an empty list.
"""

from __future__ import annotations

import enum
from typing import TypeVar

import msgspec

T = TypeVar("T")


class Cause(enum.StrEnum):
    """Why something is unknown. The set is closed; a test pins it."""

    DENIED = "denied"
    THROTTLED = "throttled"
    TIMED_OUT = "timed-out"
    NOT_COLLECTED = "not-collected"
    INCOMPLETE = "incomplete"
    KNOWN_AFTER_APPLY = "known-after-apply"
    NOT_MODELLED = "not-modelled"
    NOT_ANSWERABLE = "not-answerable"
    REDACTED = "redacted"
    ERROR = "error"


class Unknown(msgspec.Struct, frozen=True):
    """A value that could not be known.

    Attributes:
        cause: one of the closed set of causes.
        detail: one clause in plain words, e.g. ``"no describe-security-groups output was given"``.
        remedy: the command, permission or file that makes it known; empty when nothing does.
    """

    cause: Cause
    detail: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"{self.detail} ({self.cause.value})" if not self.remedy else f"{self.detail}; {self.remedy}"


class Ref(msgspec.Struct, frozen=True, omit_defaults=True):
    """Evidence: one object, the field of it that decided, and the value found there.

    Attributes:
        kind: a kind's name in the registry (:mod:`clusterproof.snapshot.kinds`), e.g. ``security-groups``.
        key: the object's key in its kind, e.g. ``sg-0a1`` or ``dynamo/etcd``.
        field: path inside the object, e.g. ``IpPermissions`` or ``spec.taints``; empty for the object as a whole.
        value: the value as text.
    """

    kind: str
    key: str
    field: str = ""
    value: str = ""
