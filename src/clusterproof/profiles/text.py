"""A requirement's manual as sections: the one text that documents, SARIF help and pages are made from.

The terminal's rendering stands in the reports' room; it prints the same members.
"""

from __future__ import annotations

import textwrap

import msgspec

from clusterproof.profiles.checktext import check_text, reach_text
from clusterproof.profiles.model import Profile, Requirement


class Section(msgspec.Struct, frozen=True):
    """A headed part of a manual.

    Attributes:
        heading: in a few words.
        paragraphs: prose, unwrapped; empty when the section is a list.
        items: of a list; empty when the section is prose.
    """

    heading: str
    paragraphs: tuple[str, ...] = ()
    items: tuple[str, ...] = ()


class Manual(msgspec.Struct, frozen=True):
    """A requirement's manual.

    Attributes:
        id: ``profile/requirement``.
        title: the requirement's title.
        facts: name and value, in order: level, category, source, when it applies, what is checked.
        sections: those that have something to say, in order.
    """

    id: str
    title: str
    facts: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]


def manual(profile: Profile, requirement: Requirement) -> Manual:
    """The manual of one requirement of a profile."""
    source = requirement.source
    facts = [
        ("Level", requirement.level.value),
        ("Category", requirement.category),
        ("Source", source.text),
        ("Applies", " and ".join(text for text in (profile.applies, requirement.applies) if text) or "always"),
        ("Check", check_text(requirement.check)),
    ]
    prose = [
        ("What it decides", requirement.what),
        ("Why it matters", requirement.why),
        ("How it is decided", requirement.how),
        ("When it is unknown", requirement.unknown_when),
        ("What to do", requirement.remedy),
    ]
    lists = [
        ("Seen in logs as", requirement.symptoms),
        ("What a fix changes", tuple(mend.text for mend in requirement.mends)),
        ("Notes", requirement.notes),
        ("References", requirement.references),
    ]
    sections = [Section(heading, paragraphs(text)) for heading, text in prose if text.strip()]
    sections += [Section(heading, items=items) for heading, items in lists if items]
    return Manual(
        f"{profile.name}/{requirement.id}",
        requirement.title,
        tuple((name, value) for name, value in facts if value),
        tuple(sections),
    )


def explain(profile: Profile, requirement: Requirement, width: int = 80) -> str:
    """The manual as plain text, wrapped at ``width`` columns."""
    found = manual(profile, requirement)
    lines = [found.id, *textwrap.wrap(found.title, width), ""]
    space = max(len(name) for name, _ in found.facts) + 2
    for name, value in found.facts:
        lines += _wrapped(value, width, f"{name:{space}}", " " * space)
    for section in found.sections:
        lines += ["", section.heading]
        for paragraph in section.paragraphs:
            lines += _wrapped(paragraph, width, "  ", "  ")
        for item in section.items:
            lines += _wrapped(item, width, "  - ", "    ")
    return "\n".join(lines) + "\n"


def markdown(profile: Profile, requirement: Requirement, level: int = 2) -> str:
    """The manual as Markdown below a heading of a level; the heading is the bare id, so that links to it stay."""
    found = manual(profile, requirement)
    lines = [f"{'#' * level} {requirement.id}", "", f"{found.title}.", "", "| | |", "|---|---|"]
    for name, value in found.facts:
        shown = f"`{value}`" if name == "Applies" and value != "always" else value
        lines.append(f"| {name} | {_cell(shown)} |")
    for section in found.sections:
        lines += ["", f"{'#' * (level + 1)} {section.heading}", ""]
        lines += [line for paragraph in section.paragraphs for line in (paragraph, "")][:-1]
        exact = section.heading == "Seen in logs as"
        lines += [f"- `{item}`" if exact else f"- {item}" for item in section.items]
    return "\n".join(lines) + "\n"


def paragraphs(text: str) -> tuple[str, ...]:
    """Prose as YAML folds it: one paragraph for each line that is not empty."""
    return tuple(" ".join(part.split()) for part in text.strip().split("\n") if part.strip())


def _wrapped(text: str, width: int, first: str, other: str) -> list[str]:
    return textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=other, break_long_words=False, break_on_hyphens=False
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


__all__ = ["Manual", "Section", "check_text", "explain", "manual", "markdown", "paragraphs", "reach_text"]
