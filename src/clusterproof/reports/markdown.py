"""A report as GitHub-flavoured Markdown, for a pull request, an issue or a job summary.

Text from a cluster is escaped: it can neither close a table cell nor become a
link, an image, HTML or a mention.
"""

from __future__ import annotations

import re

from clusterproof.checks.finding import Finding, Matrix, MatrixCell, Odds, Report
from clusterproof.checks.mended import Fix
from clusterproof.reach.trace import Hop
from clusterproof.reports import chances, counted, words
from clusterproof.reports.text import sentence, unglued
from clusterproof.snapshot.fields import Unknown
from clusterproof.verdict.algebra import Verdict

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#~!$&])")
_ACTIVE = re.compile(r"(?i)(?<!\w)@\w|\b(?:https?|ftp|mailto|www)[:.]")
"""What GitHub turns into a mention or a link wherever it stands in plain text; in a code span it does not."""


def render(report: Report, *, verbose: bool, arguments: str, profile: str = "") -> str:
    """The report as Markdown; passing findings are opened only when verbose."""
    report = words.named(report)
    legend: set[str] = set()
    blocks = [_head(report), _summary(report)]
    for finding in words.worst_first(report.findings):
        if verbose or finding.counted or finding.verdict is Verdict.UNKNOWN:
            blocks += _opened(finding, verbose, legend)
    blocks += _not_counted(report)
    blocks += _close(report, arguments, profile)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _not_counted(report: Report) -> list[str]:
    """Failing findings that do not count, each with who answers for it or where it is known from."""
    found = [f for f in words.worst_first(report.findings) if counted.not_counted(f)]
    if not found:
        return []
    lines = [f"- {code(f.name)}: {escape(counted.excuse(f, report))}" for f in found]
    return ["## Fails, and does not count", "\n".join(lines)]


def escape(text: str) -> str:
    """Text as text: no Markdown or HTML in it has an effect; with a mention or an address in it, a code span."""
    text = unglued(text).replace("\n", " ")
    if _ACTIVE.search(text):
        return code(text)
    text = _SPECIAL.sub(r"\\\1", text)
    return re.sub(r"^(\s*\d*)([.)+=-])", r"\1\\\2", text)


def code(text: str) -> str:
    """Text as a code span, whatever backticks it holds."""
    text = unglued(text).replace("\n", " ")
    if "\\" in text and "|" in text:  # a table cell cannot hold a backslash before a pipe in a code span
        spelled = "".join(char if char.isalnum() or char == " " else f"&#{ord(char)};" for char in text)
        return f"<code>{spelled}</code>"
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    gap = " " if text.startswith("`") or text.endswith("`") or not text.strip() else ""
    return f"{fence}{gap}{text or ' '}{gap}{fence}"


def block(text: str, language: str = "") -> str:
    """Text as a fenced block, whatever fences it holds."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table of cells that are Markdown already; a pipe in one does not end it."""
    lines = [head, ["---"] * len(head), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _head(report: Report) -> str:
    cluster, profile = words.head(report)
    name, _, facts = cluster.partition(": ")
    lines = [f"# {escape(name)}: {escape(words.closing(report))}", "", escape(facts) + "  ", escape(profile)]
    for label, text in (("with", words.parameters(report)), ("node sets:", words.sets(report))):
        if text:
            lines[-1] += "  "
            lines.append(f"{label} {escape(text)}")
    if report.cluster.overlays:
        lines[-1] += "  "
        lines.append(f"**{escape(words.overlays(report))}**")
    return "\n".join(lines)


def _summary(report: Report) -> str:
    rows = [
        [
            f"**{words.VERDICT[f.verdict]}**" if f.counted else words.VERDICT[f.verdict],
            code(f.name),
            f.level.value,
            escape(chances.summary(f) + (f" ({why})" if (why := counted.not_counted(f)) else "")),
        ]
        for f in words.worst_first(report.findings)
    ]
    return table(["verdict", "requirement", "level", "what was found"], rows) if rows else ""


def _opened(finding: Finding, verbose: bool, legend: set[str]) -> list[str]:
    blocks = [
        f"## {words.VERDICT[finding.verdict]}: {code(finding.name)} ({finding.level.value})",
        f"{escape(sentence(finding.title))}  \n{escape(finding.source.text)}",
    ]
    if counted.new_pairs(finding):
        blocks.append(f"**New:** {escape(counted.new_pairs(finding))}")
    label, cause = words.cause(finding)
    if cause:
        blocks.append(f"**{label}:** {escape(cause)}")
    if finding.matrix is not None:
        shown = words.opened_paths(finding, every=verbose)
        blocks += _matrix(finding.matrix, finding.odds, words.told_hops(finding, shown), legend)
        blocks += [path(cell, finding.matrix) for cell in shown]
    blocks += [_unknown(item) for item in finding.unknowns]
    if verbose or finding.matrix is None:
        blocks.append("\n".join(f"- evidence: {code(words.evidence(ref, whole=verbose))}" for ref in finding.evidence))
    if finding.notes:
        blocks.append("Notes:\n\n" + "\n".join(f"- {escape(words.note(note))}" for note in finding.notes))
    if finding.symptoms:
        blocks.append("Seen in logs as:\n\n" + "\n".join(f"- {code(symptom)}" for symptom in finding.symptoms))
    if finding.fix is not None:
        blocks += _fix(finding.fix)
    return blocks


def _matrix(grid: Matrix, odds: Odds | None, told: list[Hop], legend: set[str]) -> list[str]:
    blocks = [f"{code(grid.client)} to {code(grid.server)}, {escape(grid.port)}"]
    found = {(cell.client, cell.server): cell for cell in grid.cells}
    counted = odds is not None and odds.unknown is None and bool(odds.rows)
    head = ["from \\\\ to", *(f"{escape(s.group)}, {words.nodes(s)}".replace("|", "\\|") for s in grid.servers)]
    head += ["lands here / again", f"next {chances.noun(grid.client)} fails"] if counted else []
    rows = []
    for side in grid.clients:
        row = [f"{escape(side.group)}, {words.nodes(side)}"]
        for server in grid.servers:
            cell = found.get((side.group, server.group))
            row.append(words.cell(cell) if cell else "-")
        if counted:
            row += chances.shown(odds, side.group)
        rows.append([text.replace("<1", "\\<1").replace(">99", "\\>99") for text in row])
    if rows and grid.servers:
        blocks.append(table(head, rows))
        blocks.append("  \n".join(escape(text) for text in chances.legend(grid, odds, legend)))
    stops = [(which, hop) for which, hop in words.refusals(grid) if hop not in told]
    blocks.append("\n".join(f"- {escape(which)}: {escape(words.refusal(hop))}" for which, hop in stops))
    blocks += [
        escape(text)
        for text in (words.colocated(grid), chances.odds_sentence(odds, grid.client) if odds else "")
        if text
    ]
    return blocks


def path(cell: MatrixCell, grid: Matrix) -> str:
    """The whole way of one cell as a numbered table."""
    rows = []
    for number, (hop, word) in enumerate(zip(cell.path, words.decided(cell.path), strict=True), start=1):
        shown = f"**{word}**" if word.isupper() else word
        refs = ", ".join(code(words.evidence(ref)) for ref in hop.refs)
        remedy = f" To know it: {code(hop.unknown.remedy)}" if hop.unknown is not None and hop.unknown.remedy else ""
        rows.append([str(number), shown, hop.layer.value, escape(hop.at), escape(hop.text) + remedy, refs])
    places = " to ".join(place for place in (cell.client_place, cell.server_place) if place)
    head = f"{escape(cell.client)} to {escape(cell.server)}, {escape(grid.port)}"
    title = f"{head}: {escape(places)}" if places else head
    return f"{title}\n\n" + table(["hop", "decision", "layer", "where", "why", "read in"], rows)


def _unknown(unknown: Unknown) -> str:
    detail, remedy = words.unknown_lines(unknown)
    return f"- not known: {escape(detail)}" + (f"\n- to know it: {code(remedy)}" if remedy else "")


def _fix(fix: Fix) -> list[str]:
    lines: list[str] = []
    told: set[str] = set()
    for change in fix.changes:
        owner = f" ({escape(change.owner)} manages {code(change.object.key)}: change it there)" if change.owner else ""
        lines.append(f"- change: {escape(change.text)}{owner}")
        lines += [f"  - {escape(sentence(note))}" for note in change.before if note not in told]
        told |= set(change.before)
    lines += [f"- opens: {escape(opening)}" for opening in words.openings(fix)]
    if fix.proven and fix.plain == len(fix.changes) and not fix.opens:
        lines.append("- opens: nothing else")
    lines += [f"- quota: {escape(sentence(quota))}" for quota in fix.quota]
    lines += [f"- advice: {escape(sentence(advice))}" for advice in fix.advice]
    heading = words.fix_heading(fix) if fix.changes else "Advice"
    blocks = [f"**{heading}**", "\n".join(lines)]
    if fix.commands:
        blocks.append(block("\n".join(fix.commands), "shell"))
    return blocks


def _close(report: Report, arguments: str, profile: str) -> list[str]:
    blocks = []
    remedies = words.remedies(report)
    if remedies:
        blocks.append("To decide what is unknown:\n\n" + "\n".join(f"- {code(remedy)}" for remedy in remedies))
    plan = words.plan_sentence(report)
    if plan:
        blocks += ["---", escape(plan)]
        if report.plan is not None and report.plan.proven:
            blocks.append(block(words.fix_command(report, arguments, profile), "shell"))
        left = [f"- {escape(names)}: {escape(sentence(why))}" for names, why in words.unmended(report)]
        blocks += ["Not mended by that:\n\n" + "\n".join(left)] if left else []
    return [*blocks, f"{escape(words.consequence(report))} Made by clusterproof {escape(report.tool_version)}."]
