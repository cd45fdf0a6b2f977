"""The source document of a profile: where it stands, what became of each passage, its checklist and its commands."""

from __future__ import annotations

import enum

from clusterproof.profiles.record import Record

CONTRADICTION = "not as "
"""How a note begins that contradicts the document: ``not as the document says: …``."""


class Document(Record, frozen=True):
    """The source document that a profile turns into requirements.

    Attributes:
        title: as its author calls it.
        url: where it can be read; empty when nowhere public.
        version: its version or date; empty when it has none.
    """

    title: str
    url: str = ""
    version: str = ""


class Source(Record, frozen=True):
    """Where a requirement stands.

    Attributes:
        document: as its author calls it.
        section: as its author calls it; empty for the document as a whole.
    """

    document: str
    section: str = ""

    @property
    def text(self) -> str:
        """``document, section``; a section that is called as the document is said once."""
        return ", ".join(dict.fromkeys(part for part in (self.document, self.section) if part))


class Became(enum.StrEnum):
    """What a passage of the source document became in the profile."""

    REQUIREMENT = "requirement"
    SYMPTOM = "symptom"
    REMEDY = "remedy"
    NOTE = "note"
    WORKLOAD = "workload"
    NODE_SET = "node set"
    PARAMETER = "parameter"
    EXPLANATION = "explanation"


class Passage(Record, frozen=True):
    """Where one passage of the source document went, so that nothing of it is lost unseen.

    Attributes:
        says: a few words of the passage, as the document has them.
        became: what it became in this profile.
        at: ids of requirements or names of workloads, node sets or parameters that hold it; none for the profile itself.
        section: the heading under which it stands, where one text stands under several.
    """

    says: str
    became: Became
    at: tuple[str, ...] = ()
    section: str = ""


class Box(Record, frozen=True):
    """One box of the document's own checklist.

    Attributes:
        text: as the document has it.
        by: ids of the requirements that fill it: it is ticked where all of them that apply pass, and some do.
    """

    text: str
    by: tuple[str, ...]


class ChecklistSection(Record, frozen=True):
    """A heading of the document's checklist.

    Attributes:
        title: as the document has it.
        boxes: in its order.
    """

    title: str
    boxes: tuple[Box, ...]


class ValidationCommand(Record, frozen=True):
    """A command by which the document lets people look for themselves.

    Attributes:
        section: as the document has it.
        run: the command, as the document has it.
        by: ids of the requirements whose findings answer it.
        instead: what works where ``run`` no longer does; empty where it works.
        why: why it does not.
    """

    section: str
    run: str
    by: tuple[str, ...]
    instead: str = ""
    why: str = ""
