"""A report for the terminal: the answer first, then where, then why, then what to do."""

from __future__ import annotations

from clusterproof.checks.finding import Finding, Report
from clusterproof.checks.mended import Fix
from clusterproof.profiles.model import Level
from clusterproof.reports import chances, counted, paths, words
from clusterproof.reports.text import Paint, columns, command_lines, hang, listing, pad, sentence
from clusterproof.verdict.algebra import Verdict

_PROSE = 110
"""Sentences are no wider than this however wide the terminal is: longer lines are hard to read."""
_LINES = 160
"""The same for one-line entries."""
_UNKNOWNS = 3
"""How many things with one remedy are named in one finding."""
_MANY = 30
"""A report of more findings than this names those that pass, and counts those that do not apply."""
_WELL = (Verdict.PASS, Verdict.NOT_APPLICABLE)
_REMEDIES = 8
"""How many things that would make something known are repeated at the end."""


def render(report: Report, *, width: int, colour: bool, verbose: bool, arguments: str, profile: str = "") -> str:
    """The report as plain text of at most ``width`` columns (only ids and commands may be wider)."""
    report = words.named(report)
    return _Terminal(report, width, colour, verbose, arguments, profile).text()


def opened(report: Report, *, width: int = 100, arguments: str = "SRC") -> list[str]:
    """Each finding opened as in the terminal, without colour, in the report's order; what cannot be printed is spelled."""
    page = _Terminal(words.named(report), width, colour=False, verbose=False, arguments=arguments, profile="")
    page.whole = True
    return ["\n".join(line.rstrip() for line in page.opened(finding)) for finding in page.report.findings]


class _Terminal:
    def __init__(self, report: Report, width: int, colour: bool, verbose: bool, arguments: str, profile: str) -> None:
        self.report = report
        self.width = max(width - 1, 40)  # a full line makes some terminals add an empty one
        self.prose = min(self.width, _PROSE)
        self.paint = Paint(colour)
        self.verbose = verbose
        self.whole = verbose
        self.arguments = arguments
        self.profile = profile
        self.legend: set[str] = set()
        self.lacking: dict[str, str] = {}
        """What is not known, and the first finding that says so."""

    def text(self) -> str:
        lines = [*self._head(), "", *self._list(), ""]
        for finding in words.worst_first(self.report.findings):
            if self.verbose or finding.counted or finding.verdict is Verdict.UNKNOWN:
                lines += [*self.opened(finding), ""]
        lines += self._not_counted()
        if self.verbose:
            lines += [*self._groups(), ""]
        lines += self._close()
        return "\n".join(line.rstrip() for line in lines) + "\n"

    def _head(self) -> list[str]:
        lines: list[str] = []
        for line in words.head(self.report):
            name, _, facts = line.partition(": ")
            lines += hang(f"{name}: ", facts, self.width, shown=f"{self.paint.bold(name)}: ", indent=2)
        for label, text in (("with  ", words.parameters(self.report)), ("node sets  ", words.sets(self.report))):
            if text:
                lines += hang(f"  {label}", text, self.width, indent=4)
        lines += hang("  ", words.overlays(self.report), self.width, indent=4) if self.report.cluster.overlays else []
        return lines

    def _not_counted(self) -> list[str]:
        """Failing findings that do not count, each with who answers for it or where it is known from."""
        found = [f for f in words.worst_first(self.report.findings) if counted.not_counted(f)]
        if not found:
            return []
        lines = [self.paint.bold("Fails, and does not count")]
        for finding in found:
            head = f"  {pad(finding.name, columns([[f.name, ''] for f in found])[0])}"
            lines += hang(head, counted.excuse(finding, self.report), self.prose, shown=head)
        return [*lines, *([] if self.verbose else hang("  ", "-v opens them.", self.prose)), ""]

    def _verdict(self, verdict: Verdict, text: str) -> str:
        paint = {
            Verdict.FAIL: self.paint.bad,
            Verdict.DEPENDS: self.paint.warn,
            Verdict.UNKNOWN: self.paint.unsure,
            Verdict.PASS: self.paint.good,
            Verdict.NOT_APPLICABLE: self.paint.dim,
        }[verdict]
        return paint(text)

    def _list(self) -> list[str]:
        findings = words.worst_first(self.report.findings)
        folded = [] if self.verbose or len(findings) <= _MANY else [f for f in findings if f.verdict in _WELL]
        findings = [f for f in findings if f not in folded]
        names = columns([[f.name, ""] for f in findings])[0] if findings else 0
        narrow = names + 11 + 34 > self.width  # long ids: the summary goes below
        lines: list[str] = []
        for finding in findings:
            word = pad(words.VERDICT[finding.verdict], 9)
            why = counted.not_counted(finding)
            level = "" if finding.level is Level.MUST else f" ({finding.level.value})"
            level += f" ({why})" if why else ""
            prefix = f"  {word}{pad(finding.name, names)}"
            painted = self.paint.dim(word) if why else self._verdict(finding.verdict, word)
            shown = f"  {painted}{pad(finding.name, names)}"
            if narrow:
                lines.append(shown.rstrip())
                lines += hang(" " * 11, chances.summary(finding) + level, min(self.width, _LINES))
            else:
                lines += hang(prefix, chances.summary(finding) + level, min(self.width, _LINES), shown=shown)
        return lines + self._folded(folded)

    def _folded(self, findings: list[Finding]) -> list[str]:
        """Of many findings: which pass, and how many do not apply."""
        passed = [f.name for f in findings if f.verdict is Verdict.PASS]
        aside = len(findings) - len(passed)
        lines: list[str] = []
        for verdict, text in (
            (Verdict.PASS, ", ".join(passed)),
            (Verdict.NOT_APPLICABLE, f"{aside} that do not apply here; -v names them" if aside else ""),
        ):
            word = pad(words.VERDICT[verdict], 9)
            shown = f"  {self._verdict(verdict, word)}"
            lines += hang(f"  {word}", text, min(self.width, _PROSE), shown=shown) if text else []
        return lines

    def opened(self, finding: Finding) -> list[str]:
        """One finding with its matrix, paths, what is not known, and its fix."""
        word = words.VERDICT[finding.verdict]
        lines = [f"{self._verdict(finding.verdict, word)}  {self.paint.bold(finding.name)}  {finding.level.value}"]
        lines += hang("  ", sentence(finding.title), self.prose)
        lines += hang("  ", finding.source.text, self.prose, shown="  ")
        if counted.new_pairs(finding):
            lines += hang("  New  ", counted.new_pairs(finding), self.prose)
        label, cause = words.cause(finding)
        if cause:
            lines += hang(f"  {label}  ", cause, self.prose)
        if finding.matrix is not None:
            shown = words.opened_paths(finding, every=self.verbose)
            told = words.told_hops(finding, shown)
            lines += ["", *paths.matrix(finding.matrix, finding.odds, self.width, self.paint, told, self.legend)]
            for cell in shown:
                lines += ["", *paths.path(cell, finding.matrix, min(self.width, _LINES), self.paint, self.verbose)]
        lines += self._unknowns(finding)
        lines += self._facts(finding)
        if finding.fix is not None:
            lines += ["", *self._fix(finding.fix)]
        return lines

    def _unknowns(self, finding: Finding) -> list[str]:
        """What is not known, with what makes several things known said once after them."""
        together: dict[str, list[str]] = {}
        for unknown in finding.unknowns:
            detail, remedy = words.unknown_lines(unknown)
            together.setdefault(remedy, []).append(detail)
        lines: list[str] = []
        for remedy, details in together.items():
            for detail in details if self.whole else self._shortened(details, finding.name):
                lines += hang("  not known   ", detail, self.prose)
            if remedy:
                lines += hang("  to know it  ", remedy, self.prose)
        return ["", *lines] if lines and finding.matrix else lines

    def _shortened(self, details: list[str], name: str) -> list[str]:
        """One cause may leave hundreds of things unknown: the first few, and what was not said before."""
        told = [detail for detail in details if detail in self.lacking]
        new = [detail for detail in details if detail not in self.lacking]
        self.lacking |= dict.fromkeys(new, name)
        shown = new if len(new) <= _UNKNOWNS + 1 else new[:_UNKNOWNS]
        found = list(shown)
        if len(new) > len(shown):
            found.append(f"and {len(new) - len(shown)} more, for the same reason; -v names them")
        if len(told) == 1:
            found.append(told[0])
        elif told:
            where = listing(list(dict.fromkeys(self.lacking[detail] for detail in told)))
            found.append(f"{len(told)} things that are not known above either ({where})")
        return found

    def _facts(self, finding: Finding) -> list[str]:
        lines: list[str] = []
        if self.verbose or finding.matrix is None:
            for text in dict.fromkeys(words.evidence(ref, whole=self.verbose) for ref in finding.evidence):
                lines += hang("  evidence  ", text, self.prose)
        for note in finding.notes:
            lines += hang("  note     ", words.note(note), self.prose)
        if self.verbose or finding.verdict.failing:
            for symptom in finding.symptoms:
                lines += hang("  in logs  ", f'"{symptom}"', self.prose)
        return ["", *lines] if lines and finding.matrix else lines

    def _fix(self, fix: Fix) -> list[str]:
        lines = [f"  {self.paint.bold(words.fix_heading(fix))}"] if fix.changes else ["  Advice"]
        told: set[str] = set()
        for change in fix.changes:
            owner = f" ({change.owner} manages {change.object.key}: change it there)" if change.owner else ""
            lines += hang("    change  ", change.text + owner, self.prose)
            for note in change.before:
                if note not in told:
                    lines += hang("    note    ", sentence(note), self.prose)
            told |= set(change.before)
        for opening in words.openings(fix):
            lines += hang("    opens   ", opening, self.prose)
        if fix.proven and fix.plain == len(fix.changes) and not fix.opens:
            lines.append("    opens   nothing else")
        for quota in fix.quota:
            lines += hang("    quota   ", sentence(quota), self.prose)
        for advice in fix.advice:
            lines += hang("    advice  ", sentence(advice), self.prose)
        if fix.commands:
            lines.append("    run")
            for command in fix.commands:
                lines += command_lines(command, self.width, 6)
        return lines

    def _groups(self) -> list[str]:
        groups = self.report.cluster.groups
        lines = [self.paint.bold("Node groups")]
        for group in groups:
            grows = ", can grow" if group.can_grow else ""
            count = words.counted_nodes(group.nodes, self.report.cluster)
            lines += hang("  ", f"{group.name}: {group.kind}, {count}{grows}", self.prose, indent=4)
            if group.security_groups:
                lines += hang("    security groups  ", ", ".join(group.security_groups), self.prose)
            if group.sets:
                because = f" ({'; '.join(group.evidence)})" if group.evidence else ""
                lines += hang("    in  ", ", ".join(group.sets) + because, self.prose)
        if self.report.cluster.data_plane:
            lines += hang("  data plane: ", self.report.cluster.data_plane, self.prose)
        lines += hang(
            "  ", "Another set: --nodes SET=GROUP. Another workload: --workload NAME=KIND/NAMESPACE/NAME.", self.prose
        )
        return lines

    def _close(self) -> list[str]:
        report = self.report
        lines = hang("", words.closing(report), self.prose, shown="")
        lines[0] = self.paint.bold(lines[0])
        plan = words.plan_sentence(report)
        if plan:
            lines += hang("", plan, self.prose)
            if report.plan is not None and report.plan.proven:
                lines += command_lines(words.fix_command(report, self.arguments, self.profile), self.width, 2)
            left = words.unmended(report)
            lines += ["Not mended by that:"] if left else []
            for names, why in left:
                lines += hang("  ", sentence(f"{names}: {why}"), self.prose, indent=4)
        remedies = words.remedies(report)
        if remedies:
            lines.append("To decide what is unknown:")
            for remedy in remedies[:_REMEDIES]:
                lines += hang("  ", remedy, self.width, indent=4)
            if len(remedies) > _REMEDIES:
                lines.append(f"  and {len(remedies) - _REMEDIES} more, named above")
        first = next((f for f in words.worst_first(report.findings) if f.counted or f.verdict is Verdict.UNKNOWN), None)
        if first is not None:
            again = "" if self.verbose else ", or this again with -v"
            lines += hang("More: ", f"{words.explain_command(first, self.profile)}{again}", self.width)
        return lines
