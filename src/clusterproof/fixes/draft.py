"""A change that stands for something other than a connection: its edits, and by which tool each part of it is made."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.overlay import Edit

SHELL_STYLES = ("aws-cli", "kubectl", "helm")
"""Styles whose commands are for a shell, in the order in which one is picked where any will do."""
MADE_STYLES = (*SHELL_STYLES, "terraform")
"""Styles that a command may be written for."""


class MadeBy(msgspec.Struct, frozen=True):
    """One change, and what makes it.

    Attributes:
        text: a plain sentence: ``tag auto-scaling-groups gpu for discovery by Cluster Autoscaler``.
        object: what is changed, as evidence.
        commands: what makes it, by style (:data:`MADE_STYLES`): whole commands for bash, quoted already, or Terraform.
        advice: what to know before making it.
    """

    text: str
    object: Ref
    commands: dict[str, str] = {}
    advice: tuple[str, ...] = ()


class Draft(msgspec.Struct, frozen=True):
    """Edits for one finding, what makes them, and what is to be known.

    Attributes:
        edits: of the copy, in the order in which they apply.
        changes: what makes them, in that order; one change may stand for several edits.
        advice: what to know before, and what the edits do not mend; a text each. What to know of one change alone
            stands with it.
        why: one clause: why nothing here mends it; empty where something may, or nothing better can be said than the
            requirement's own remedy.
    """

    edits: tuple[Edit, ...] = ()
    changes: tuple[MadeBy, ...] = ()
    advice: tuple[str, ...] = ()
    why: str = ""

    def __add__(self, other: Draft) -> Draft:
        """Both, nothing twice."""
        return together((self, other))


def together(drafts: Iterable[Draft]) -> Draft:
    """All of them in their order, nothing twice."""
    edits: dict[bytes, Edit] = {}
    changes: dict[bytes, MadeBy] = {}
    advice: dict[str, None] = {}
    why = ""
    for draft in drafts:
        why = why or draft.why
        for edit in draft.edits:
            edits.setdefault(msgspec.json.encode(edit), edit)
        for change in draft.changes:
            changes.setdefault(msgspec.json.encode(change), change)
        advice |= dict.fromkeys(draft.advice)
    return Draft(tuple(edits.values()), tuple(changes.values()), tuple(advice), why)
