"""A requirement's manual and a profile's contents, for the terminal: the one text, printed."""

from __future__ import annotations

from clusterproof.profiles.model import Check, Profile, Requirement
from clusterproof.profiles.text import reach_text
from clusterproof.reports.text import Paint, cleaned, columns, hang, pad, plural, sentence

_PROSE = 100


def requirement(entry: Requirement, profile: Profile, *, width: int, colour: bool) -> str:
    """The manual of one requirement."""
    name = cleaned(profile, Profile).name
    entry = cleaned(entry, Requirement)
    paint = Paint(colour)
    width = min(max(width - 1, 40), _PROSE)
    lines = [
        f"{paint.bold(f'{name}/{entry.id}')}  {entry.level.value}" + (f"  {entry.category}" if entry.category else "")
    ]
    lines += hang("  ", sentence(entry.title), width)
    for title, text in (
        ("What it decides", entry.what),
        ("Why it matters", entry.why),
        ("How it is decided", entry.how),
        ("When it is unknown", entry.unknown_when),
        ("What to do", entry.remedy),
        ("What is checked", checked(entry.check)),
        ("When it applies", f"when {entry.applies}" if entry.applies else ""),
    ):
        if text:
            lines += ["", paint.bold(title), *hang("  ", _one_line(text), width)]
    for title, items in (("Seen in logs as", entry.symptoms), ("Notes", entry.notes)):
        if items:
            lines += ["", paint.bold(title)]
            for item in items:
                lines += hang("  ", item, width, indent=4)
    lines += ["", paint.bold("Where it stands"), *hang("  ", entry.source.text, width)]
    for reference in entry.references:
        lines += hang("  ", reference, width, indent=4)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def profile(entry: Profile, *, width: int, colour: bool) -> str:
    """A profile: its requirements, node sets, workloads and parameters."""
    entry = cleaned(entry, Profile)
    paint = Paint(colour)
    width = min(max(width - 1, 40), 160)
    lines = hang(f"{entry.name}  ", entry.title, width, shown=f"{paint.bold(entry.name)}  ", indent=2)
    document = f"{entry.document.title} {entry.document.version}".strip()
    lines += hang("  ", document, width)
    if entry.document.url:
        lines += hang("  ", entry.document.url, width)
    if entry.description:
        lines += ["", *hang("  ", _one_line(entry.description), min(width, _PROSE))]
    lines += [
        "",
        paint.bold("Requirements"),
        *_listed([(f"{r.level.value:6}  {r.id}", r.title) for r in entry.requirements], width),
    ]
    parameters = [
        (name, f"{p.title}; default {p.default or 'none'}" + (f"; one of {', '.join(p.values)}" if p.values else ""))
        for name, p in entry.parameters.items()
    ]
    for title, option, items in (
        ("Node sets", "--nodes SET=GROUP", [(name, s.title) for name, s in entry.node_sets.items()]),
        ("Workloads", "--workload NAME=KIND/NAMESPACE/NAME", [(name, w.title) for name, w in entry.workloads.items()]),
        ("Parameters", "--set PARAM=VALUE", parameters),
    ):
        if items:
            lines += ["", f"{paint.bold(title)}  {option}", *_listed(items, width)]
    lines += ["", f"A requirement's manual: clusterproof explain {entry.name}/ID"]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def profiles(entries: list[Profile], *, width: int, colour: bool) -> str:
    """The profiles in a line each."""
    entries = [cleaned(entry, Profile) for entry in entries]
    paint = Paint(colour)
    width = min(max(width - 1, 40), 160)
    rows = [(e.name, f"{e.title}: {plural(len(e.requirements), 'requirement')}") for e in entries]
    lines = [*_listed(rows, width), "", "One in full: clusterproof profiles show NAME"]
    lines[0] = lines[0].replace(rows[0][0], paint.bold(rows[0][0]), 1) if rows else lines[0]
    return "\n".join(lines) + "\n"


def checked(check: Check) -> str:
    """What a check asks, in words."""
    if check.reach is not None:
        return f"whether {reach_text(check.reach)}"
    if check.schedulable is not None:
        where = f" on {check.schedulable.on}" if check.schedulable.on else ""
        return f"whether {check.schedulable.workload} can be scheduled{where}"
    if check.cel is not None:
        return f"over {', '.join(check.cel.kinds)}: {_one_line(check.cel.that)}"
    return ""


def _one_line(text: str) -> str:
    """Text that YAML broke into lines, as one; line feeds are spelled out by then."""
    return " ".join(text.replace("\\n", " ").split())


def _listed(items: list[tuple[str, str]], width: int) -> list[str]:
    sizes = columns([list(item) for item in items])
    lines: list[str] = []
    for name, text in items:
        if sizes[0] > width // 2:
            lines += [f"  {name}", *hang("      ", text, width)]
        else:
            lines += hang(f"  {pad(name, sizes[0])}", text, width)
    return lines
