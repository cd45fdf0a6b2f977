"""The page that says, line by line, what became of a profile's document: which requirement decides it, or why none does."""

from __future__ import annotations

import re

from clusterproof.profiles.documented import CONTRADICTION, Became, Passage
from clusterproof.profiles.model import Profile, Requirement
from clusterproof.profiles.structdocs import cell


def page(profile: Profile) -> str:
    """``docs/profiles/NAME.md`` of a profile that accounts for every line of its document."""
    document = profile.document
    by_id = {requirement.id: requirement for requirement in profile.requirements}
    left = [passage for passage in profile.passages if passage.became is Became.EXPLANATION]
    lines = [f"# {document.title}, line by line", ""]
    lines += [f"<!-- Generated from {profile.name}.yaml by `make generate`; edit that file. -->", ""]
    decided = len(profile.passages) - len(left)
    manual = f"[requirements/{profile.name}.md](../requirements/{profile.name}.md)"
    where = (
        f"[its document]({document.url}) ({document.version})" if document.url else f"its document ({document.version})"
    )
    lines += [f"What the profile `{profile.name}` decides of each line of {where}, in the document's order."]
    lines += [f"Each requirement stands with its manual in {manual}.", ""]
    lines += [
        f"Of {len(profile.passages)} lines {decided} are decided. The other {len(left)} say what something is for, or"
    ]
    lines += ["lead elsewhere: there is nothing in a cluster that they could be held to."]
    for section in dict.fromkeys(passage.section for passage in profile.passages):
        passages = [passage for passage in profile.passages if passage.section == section]
        lines += ["", f"## {section}", "", "| the document says | decided by | category, level |", "|---|---|---|"]
        lines += [_row(passage, by_id, profile.name) for passage in passages]
        notes = dict.fromkeys(
            note
            for passage in passages
            for name in passage.at
            if name in by_id and by_id[name].source.section == section
            for note in by_id[name].notes
            if note.startswith(CONTRADICTION)
        )
        lines += ["", *(f"- {note[0].upper()}{note[1:]}." for note in notes)] if notes else []
    own = {name for passage in profile.passages for name in passage.at}
    rest = [requirement for requirement in profile.requirements if requirement.id not in own]
    if rest:
        lines += ["", "## What the document implies", "", "| requirement | category, level |", "|---|---|"]
        lines += [f"| {_link(item, profile.name)} | {_kind(item)} |" for item in rest]
    return "\n".join(lines) + "\n"


def _row(passage: Passage, by_id: dict[str, Requirement], profile: str) -> str:
    items = [by_id[name] for name in passage.at if name in by_id]
    if not items:
        return f"| {_said(passage)} | not decidable | |"
    links = ", ".join(_link(item, profile) for item in items)
    kinds = ", ".join(dict.fromkeys(_kind(item) for item in items))
    return f"| {_said(passage)} | {links} | {kinds} |"


def _said(passage: Passage) -> str:
    """The passage; a link that leads to a page beside the document, which is not here, stays as its text."""
    return cell(re.sub(r"\[([^\]]*)\]\((?!https?:)([^)]*)\)", r"\1 (`\2`)", passage.says))


def _link(item: Requirement, profile: str) -> str:
    return f"[{item.id}](../requirements/{profile}.md#{item.id})"


def _kind(item: Requirement) -> str:
    return f"{item.category} {item.level.value}".strip()
