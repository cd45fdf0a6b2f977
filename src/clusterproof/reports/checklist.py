"""A report as the document's own checklist, in Markdown, to be pasted into a ticket.

Sections, boxes and commands stand as the document has them, in its order. A box is ticked where every requirement that
fills it passes or does not apply; what keeps it open stands below it. Text from a cluster is escaped as in
:mod:`clusterproof.reports.markdown`; what stands in a profile is printed as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from clusterproof.checks.finding import Finding, Report
from clusterproof.profiles.documented import CONTRADICTION, Box, ValidationCommand
from clusterproof.profiles.model import Profile
from clusterproof.reports import chances, counted, words
from clusterproof.reports.markdown import block, code, escape
from clusterproof.reports.text import plural, sentence
from clusterproof.verdict.algebra import Verdict

_FILLED = (Verdict.PASS, Verdict.NOT_APPLICABLE)


def render(report: Report, profile: Profile) -> str:
    """The checklist and the validation commands of a profile's document, filled in.

    Args:
        report: what ``check`` found.
        profile: the profile that it was checked against; it has a checklist.
    """
    report = words.named(report)
    found = {finding.name: finding for finding in report.findings if finding.id.startswith(f"{profile.name}/")}
    parts = [_head(report, profile, found), "## Deployment checklist"]
    for section in profile.checklist:
        boxes = [line for box in section.boxes for line in _box(box, found, report)]
        parts += [f"**{section.title}:**", "\n".join(boxes)]
    if beside := _beside(report, profile):
        parts += ["## Beside the checklist", "\n".join(beside)]
    if profile.commands:
        parts.append("## Validation commands")
        for title in dict.fromkeys(command.section for command in profile.commands):
            own = [command for command in profile.commands if command.section == title]
            parts += [f"**{title}:**", "\n".join(line for command in own for line in _command(command, found))]
    parts.append(f"{escape(words.consequence(report))} Made by clusterproof {escape(report.tool_version)}.")
    return "\n\n".join(parts) + "\n"


def _beside(report: Report, profile: Profile) -> list[str]:
    """What fails or is unknown and stands behind no box: the document asks for it elsewhere, or not at all."""
    behind = {name for section in profile.checklist for box in section.boxes for name in box.by}
    left = [finding for finding in report.findings if finding.name not in behind and finding.verdict not in _FILLED]
    return [f"- {_open(finding, report)}" for finding in words.worst_first(left)]


def _head(report: Report, profile: Profile, found: Mapping[str, Finding]) -> str:
    cluster, source = words.head(report)
    name, _, facts = cluster.partition(": ")
    states = [_state(box, found) for section in profile.checklist for box in section.boxes]
    count = [
        f"{states.count(Verdict.PASS)} of {plural(len(states), 'box', 'boxes')} filled",
        f"{states.count(Verdict.FAIL)} open" if Verdict.FAIL in states else "",
        f"{states.count(Verdict.UNKNOWN)} unknown" if Verdict.UNKNOWN in states else "",
        f"{states.count(Verdict.NOT_APPLICABLE)} not applicable" if Verdict.NOT_APPLICABLE in states else "",
    ]
    lines = [
        f"# {escape(name)}: {', '.join(part for part in count if part)}",
        "",
        f"{escape(facts)}  ",
        f"{escape(source)}  ",
        escape(words.closing(report)),
    ]
    chosen = tuple(line for line in report.profile.parameters if line.origin != "default" and line.value)
    if chosen:
        own = msgspec.structs.replace(report, profile=msgspec.structs.replace(report.profile, parameters=chosen))
        lines[-1] += "  "
        lines.append(f"with {escape(words.parameters(own))}")
    if report.cluster.overlays:
        lines[-1] += "  "
        lines.append(f"**{escape(words.overlays(report))}**")
    return "\n".join(lines)


def _of(ids: Iterable[str], found: Mapping[str, Finding]) -> list[Finding]:
    """The findings of some requirements, in their order; a box of a profile that was narrowed may lack some."""
    return [found[name] for name in ids if name in found]


def _state(box: Box, found: Mapping[str, Finding]) -> Verdict:
    """Whether a box is filled (pass), open (fail) or unknown, which it is too where something was not decided.

    What does not apply keeps no box open; where nothing behind a box applies, it is not filled either.
    """
    verdicts = [found[name].verdict if name in found else Verdict.UNKNOWN for name in box.by]
    if any(verdict.failing for verdict in verdicts):
        return Verdict.FAIL
    if not verdicts or not all(verdict in _FILLED for verdict in verdicts):
        return Verdict.UNKNOWN
    return Verdict.PASS if Verdict.PASS in verdicts else Verdict.NOT_APPLICABLE


def _box(box: Box, found: Mapping[str, Finding], report: Report) -> list[str]:
    findings = _of(box.by, found)
    state = _state(box, found)
    lines = [f"- [{'x' if state is Verdict.PASS else ' '}] {box.text}"]
    left = [finding for finding in words.worst_first(findings) if finding.verdict not in _FILLED]
    lines += [f"  - {_open(finding, report)}" for finding in left]
    lines += [f"  - unknown: {code(name)} was not decided." for name in box.by if name not in found]
    lines += [f"  - {line}" for line in _missing(findings)]
    aside = [code(finding.name) for finding in findings if finding.verdict is Verdict.NOT_APPLICABLE]
    if aside:
        lines.append(f"  - not applicable: {', '.join(aside)}")
    notes = dict.fromkeys(note for finding in findings for note in finding.notes if note.startswith(CONTRADICTION))
    return lines + [f"  - note: {escape(words.note(note))}" for note in notes]


def _open(finding: Finding, report: Report) -> str:
    """What keeps a box open, in one line."""
    aside = f" ({counted.excuse(finding, report)})" if counted.not_counted(finding) else ""
    word = "unknown" if finding.verdict is Verdict.UNKNOWN else words.VERDICT[finding.verdict]
    summary = escape(sentence(chances.summary(finding) + aside))
    return f"{word}: {code(finding.name)} ({finding.level.value}): {summary}"


def _missing(findings: Sequence[Finding]) -> list[str]:
    """What is not known and what makes it known, each once; of a finding that is unknown the first of it."""
    unknowns = [item.unknowns[0] for item in findings if item.verdict is Verdict.UNKNOWN and item.unknowns]
    lines = []
    for unknown in dict.fromkeys(unknowns):
        detail, remedy = words.unknown_lines(unknown)
        lines.append(f"not known: {escape(sentence(detail))}" + (f" To know it: {code(remedy)}" if remedy else ""))
    return lines


def _command(command: ValidationCommand, found: Mapping[str, Finding]) -> list[str]:
    lines = [f"- {_indented(command.run)}" if "\n" in command.run else f"- {code(command.run)}"]
    lines += [
        f"  - {words.VERDICT[finding.verdict]} {code(finding.name)}: {escape(chances.summary(finding))}"
        for finding in words.worst_first(_of(command.by, found))
    ]
    if command.instead:
        lines.append(f"  - instead: {code(command.instead)}, because {escape(sentence(command.why))}")
    return lines


def _indented(text: str) -> str:
    """A command of several lines as a fenced block inside a list's item."""
    return block(text, "shell").replace("\n", "\n  ")
