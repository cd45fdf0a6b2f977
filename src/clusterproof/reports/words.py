"""What a report says, in words that the terminal and Markdown share.

Failing and unknown verdicts are written in capitals, so that the eye finds
them without colour.
"""

from __future__ import annotations

from collections.abc import Iterable

from clusterproof.checks.finding import Finding, Matrix, MatrixCell, Report, Side
from clusterproof.checks.head import ClusterLine
from clusterproof.checks.mended import Fix
from clusterproof.profiles.model import Level
from clusterproof.reach.trace import Hop, Outcome
from clusterproof.reports.text import cleaned, listing, phrases, plural, sentence
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.verdict.algebra import Verdict

VERDICT = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "FAIL",
    Verdict.DEPENDS: "DEPENDS",
    Verdict.UNKNOWN: "UNKNOWN",
    Verdict.NOT_APPLICABLE: "n/a",
}
OUTCOME = {
    Outcome.WORKS: "works",
    Outcome.BLOCKED: "BLOCKED",
    Outcome.VARIES: "VARIES",
    Outcome.UNKNOWN: "UNKNOWN",
}
_CLOSED = {Outcome.WORKS: "OPEN", Outcome.BLOCKED: "closed"}
"""How cells are called where nothing may get through."""
_ORDER = (Verdict.FAIL, Verdict.DEPENDS, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)
_VALUE = 60
"""A value longer than this is shown only when all evidence is asked for."""


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Failing, then unknown, then what fails and does not count, then the rest; binding ones first; else as they come."""
    return sorted(findings, key=lambda f: (_place(f), list(Level).index(f.level)))


def _place(finding: Finding) -> float:
    place = _ORDER.index(finding.verdict)
    return place if finding.counted or not finding.verdict.failing else len(_ORDER) / 2 + place / 10


def nodes(side: Side) -> str:
    """How many nodes stand behind a row or column: ``3 nodes``, ``3+ nodes`` where more may come or were not read."""
    if not side.nodes and (side.future or side.unread):
        return "nodes not read" if side.unread else "no nodes yet"
    return f"{side.nodes}+ nodes" if side.future or side.unread else plural(side.nodes, "node")


def counted_nodes(count: int, cluster: ClusterLine) -> str:
    """How many nodes there are, of a group or of the cluster; what was not read is not said to be none."""
    if not cluster.unread_nodes:
        return plural(count, "node")
    return f"{plural(count, 'node')} read, not all" if count else "nodes not read"


def hop_number(cell: MatrixCell) -> int:
    """The place of the cell's deciding hop in its path, from 1; 0 when the path does not hold it."""
    return cell.path.index(cell.hop) + 1 if cell.hop is not None and cell.hop in cell.path else 0


def cell(entry: MatrixCell) -> str:
    """A matrix cell in a few words: ``BLOCKED at hop 4``."""
    if entry.closed is True and entry.outcome in _CLOSED:
        return _CLOSED[entry.outcome]
    text = OUTCOME[entry.outcome]
    if entry.outcome is Outcome.VARIES and 0 < entry.blocked < entry.cells:
        text += f", {entry.blocked} of {entry.cells}"
    number = hop_number(entry)
    return f"{text} at hop {number}" if number and entry.outcome is not Outcome.WORKS else text


def told(hop: Hop) -> str:
    """A hop in one clause: who judged, and by which rule; the judge is named once."""
    who = hop.layer.value
    if hop.at and not hop.text.startswith(hop.at):
        who = hop.at if hop.at.lower().startswith(who) else f"{who}, {hop.at}"
    return f"{who}: {hop.text}" if hop.text else who


def decided(hops: tuple[Hop, ...]) -> list[str]:
    """What each hop decided, in words; a packet never gets past a refusal, so what follows is what it would meet."""
    words: list[str] = []
    stopped = False
    for hop in hops:
        if hop.outcome is Outcome.WORKS:
            words.append("would allow" if stopped else "allowed")
        elif hop.outcome is Outcome.BLOCKED:
            words.append("WOULD REFUSE" if stopped else "REFUSED")
            stopped = True
        else:
            words.append(OUTCOME[hop.outcome])
    return words


def evidence(ref: Ref, *, whole: bool = False) -> str:
    """Where something was read: ``security-groups sg-0a1, IpPermissions = []``."""
    text = f"{ref.kind} {ref.key}"
    if ref.field:
        text += f", {ref.field}"
    if ref.value and (whole or len(ref.value) <= _VALUE):
        text += f" = {ref.value}" if ref.field else f": {ref.value}"
    return text


def start_of_way(way: tuple[Hop, ...]) -> tuple[int, str]:
    """The hops that all let a path through before anything happens: how many, and their layers; 0 when too few."""
    count = next((number for number, hop in enumerate(way) if hop.outcome is not Outcome.WORKS), 0)
    if count < 3:
        return 0, ""
    return count, listing(list(dict.fromkeys(hop.layer.value for hop in way[:count])))


def rest_of_way(way: tuple[Hop, ...]) -> tuple[int, str]:
    """Where a path's end can be told in one clause: the count of hops before it, and the clause; empty when it cannot.

    Behind a refusal, hops that would all allow say nothing but that.
    """
    words = decided(way)
    start = len(words)
    while start and words[start - 1] == "would allow":
        start -= 1
    if len(words) - start < 2:
        return len(words), ""
    layers = list(dict.fromkeys(hop.layer.value for hop in way[start:]))
    return start, listing(layers)


def unknown_lines(unknown: Unknown) -> tuple[str, str]:
    """What is not known, and what makes it known (empty when nothing does)."""
    cause = unknown.cause.value.replace("-", " ")
    said = any(word in unknown.detail for word in (unknown.cause.value, cause, *_SAID.get(unknown.cause, ())))
    return unknown.detail if said else f"{unknown.detail} ({cause})", unknown.remedy


_SAID = {
    Cause.NOT_COLLECTED: ("not read", "not given", "was given", "not asked for", "not in the input", "left out by"),
    Cause.DENIED: ("refused", "permission"),
    Cause.INCOMPLETE: ("only", "not complete", "part of", "one page", "lacks", "not all"),
    Cause.NOT_MODELLED: ("not judged", "not built", "not looked into"),
    Cause.NOT_ANSWERABLE: ("not known", "cannot be", "no file", "does not say", "nothing says"),
    Cause.REDACTED: ("dropped", "left out"),
    Cause.ERROR: ("failed", "could not be read: ", "could not be listed: "),
}
"""Words by which a detail says its cause already, beside the cause's own name."""


def cause(finding: Finding) -> tuple[str, str]:
    """A label and whose choice it is, or what is not known; empty where the unknowns below say it already."""
    if not finding.cause or any(finding.cause in unknown.detail for unknown in finding.unknowns):
        return "", ""
    labels = {Verdict.DEPENDS: "Depends on", Verdict.UNKNOWN: "Missing"}
    return labels.get(finding.verdict, "Why"), sentence(finding.cause)


def note(text: str) -> str:
    """A note as a sentence; one that ends in an address or a port gets no full stop, which would belong to neither."""
    return text if text[-1:].isdigit() and ":" in text.rpartition(" ")[2] else sentence(text)


def refusals(matrix: Matrix) -> list[tuple[str, Hop]]:
    """The first hop that stops each pair of groups, pairs with the same hop together: ``("gpu to system", hop)``."""
    found: list[tuple[Hop, list[MatrixCell]]] = []
    for entry in matrix.cells:
        if entry.hop is None:
            continue
        for hop, entries in found:
            if hop == entry.hop:
                entries.append(entry)
                break
        else:
            found.append((entry.hop, [entry]))
    return [(pairs(entries), hop) for hop, entries in found]


def refusal(hop: Hop) -> str:
    """One hop as a clause: who stops it, and why."""
    if hop.at and hop.text.startswith(hop.at):
        return hop.text
    does = {Outcome.BLOCKED: "refuses", Outcome.VARIES: "refuses sometimes", Outcome.UNKNOWN: "is not known"}
    at = hop.at or hop.layer.value
    return f"{at} {does.get(hop.outcome, 'allows')}: {hop.text}"


def pairs(entries: list[MatrixCell]) -> str:
    """``a and b to c``; pairs that do not form a rectangle are listed one by one."""
    clients = list(dict.fromkeys(entry.client for entry in entries))
    servers = list(dict.fromkeys(entry.server for entry in entries))
    if len(clients) * len(servers) == len(entries):
        return f"{listing(clients)} to {listing(servers)}"
    return listing(f"{entry.client} to {entry.server}" for entry in entries)


def shown_paths(matrix: Matrix, *, every: bool) -> list[MatrixCell]:
    """The cells whose whole path is worth showing: the worst, from nodes that exist; with ``every``, each distinct path."""
    order = (Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN, Outcome.WORKS)
    counted = {side.group: side.nodes for side in matrix.clients}
    cells = sorted(
        (c for c in matrix.cells if c.path), key=lambda c: (order.index(c.felt), not counted.get(c.client, 0))
    )
    if not every:
        return cells[:1]
    seen: list[tuple[Hop, ...]] = []
    result = []
    for entry in cells:
        if entry.path not in seen:
            seen.append(entry.path)
            result.append(entry)
    return result


def colocated(matrix: Matrix) -> str:
    """What happens on a shared node, where that differs from what was counted; else empty."""
    found = dict.fromkeys(c.colocated for c in matrix.cells if c.colocated is not None and c.colocated is not c.outcome)
    if not found:
        return ""
    does = listing(_ALONE[outcome] for outcome in found)
    return f"On one node it {does}; that does not count, because nothing forces the two onto one node."


_ALONE = {
    Outcome.WORKS: "works",
    Outcome.BLOCKED: "is blocked",
    Outcome.VARIES: "varies",
    Outcome.UNKNOWN: "is unknown",
}


def fix_heading(fix: Fix) -> str:
    """Whether the fix is proven, in words."""
    return "Fix, proven: with it this passes" if fix.proven else "Advice, not proven"


def openings(fix: Fix) -> list[str]:
    """What newly opens, one line each, what a requirement asked for first."""
    ordered = sorted(fix.opens, key=lambda o: not o.wanted)
    return [
        f"{o.client} to {o.server}, {o.port} ({'asked for' if o.wanted else 'NOT asked for by any requirement'})"
        for o in ordered
    ]


def closing(report: Report) -> str:
    """The counts in one sentence, worst first; zeros are left out."""
    counts = report.counts
    total = len(report.findings)
    upkeep = total - own_requirements(report)
    parts = [
        f"{number} {word}"
        for number, word in (
            (counts.fail, "fail"),
            (counts.depends, "depends" if counts.depends == 1 else "depend"),
            (counts.unknown, "unknown"),
            (counts.passed, "pass"),
            (counts.not_applicable, "not applicable"),
        )
        if number
    ]
    aside = [f"{n} {word}" for n, word in ((counts.waived, "waived"), (counts.known, "known from the baseline")) if n]
    left = f" Of those that fail, {listing(aside)}: not counted." if aside else ""
    what = plural(total - upkeep, "requirement") + (f" and {plural(upkeep, 'waiver')} to look after" if upkeep else "")
    return f"{what}: {', '.join(parts)}.{left}" if total else "No requirement was checked."


def own_requirements(report: Report) -> int:
    """How many requirements of the profile were checked; findings about waivers are none of them."""
    own = sum(1 for finding in report.findings if finding.id.startswith(f"{report.profile.name}/"))
    return own or len(report.findings)


def opened_paths(finding: Finding, *, every: bool) -> list[MatrixCell]:
    """The cells of a finding whose whole path is shown: none where what is not known says it all."""
    if finding.matrix is None or (finding.verdict is Verdict.UNKNOWN and finding.unknowns and not every):
        return []
    return shown_paths(finding.matrix, every=every)


def told_hops(finding: Finding, shown: list[MatrixCell]) -> list[Hop]:
    """The deciding hops that need no sentence below the matrix: a path or the list of unknowns tells them."""
    told = [cell.hop for cell in shown if cell.hop is not None]
    if finding.matrix is not None and finding.verdict is Verdict.UNKNOWN and finding.unknowns:
        told += [cell.hop for cell in finding.matrix.cells if cell.hop is not None]
    return told


def remedies(report: Report) -> list[str]:
    """What would decide the findings that are unknown, each once."""
    unknown = [f for f in report.findings if f.verdict is Verdict.UNKNOWN]
    return list(dict.fromkeys(item.remedy for finding in unknown for item in finding.unknowns if item.remedy))


def plan_sentence(report: Report) -> str:
    """What one change would mend, and what else it opens; empty when there is no plan."""
    plan = report.plan
    if plan is None or not plan.changes:
        return ""
    own = f"{report.profile.name}/"
    if plan.left and plan.mends:
        what = f"{len(plan.mends)} of the {len(plan.mends) + len(plan.left)} that fail pass"
        return f"With {plural(len(plan.changes), 'change')} {what} ({_side(plan)}):"
    failing = sum(1 for f in report.findings if f.verdict.failing and f.id.startswith(own))
    rules = plural(len(plan.changes), "change")
    what = "it passes" if failing == 1 else f"all {failing} pass"
    if not plan.proven:
        return f"{rules[0].upper()}{rules[1:]} may mend what fails; that is not proven."
    return f"With {rules} {what} ({_side(plan)}):"


def _side(plan: Fix) -> str:
    """That a plan is proven, and what else it opens, where it opens anything at all."""
    extra = sum(1 for o in plan.opens if not o.wanted)
    side = f"opens {plural(extra, 'pair')} that no requirement asked for" if extra else "opens nothing else"
    # Of changes that are not one plain edit each it is not known what else they open.
    return f"proven; {side}" if extra or plan.plain == len(plan.changes) else "proven"


def unmended(report: Report) -> list[tuple[str, str]]:
    """What a plan with changes leaves, those for the same reason together: the names, and why."""
    plan = report.plan
    together: dict[str, list[str]] = {}
    for item in plan.left if plan is not None and plan.changes else ():
        together.setdefault(item.why, []).append(item.name)
    return [(listing(names), why) for why, names in together.items()]


def consequence(report: Report) -> str:
    """What the exit status means here."""
    level = report.fail_on.value
    new = "new " if report.baseline else ""
    return {
        0: f"clusterproof check exits with 0: nothing {new}at {level} or above fails.",
        1: f"clusterproof check exits with 1: something {new}at {level} or above fails.",
        3: f"clusterproof check exits with 3: nothing fails, but something at {level} or above could not be decided.",
    }.get(report.exit_status, f"clusterproof check exits with {report.exit_status}.")


def head(report: Report) -> tuple[str, str]:
    """The cluster's line and the profile's line: name first, facts after a colon."""
    cluster, profile = report.cluster, report.profile
    facts = [
        f"EKS {cluster.kubernetes_version}" if cluster.kubernetes_version else "",
        f"account {cluster.account}" if cluster.account else "",
        cluster.region,
        plural(len(cluster.groups), "node group") if cluster.groups or not cluster.unread_nodes else "",
        counted_nodes(cluster.nodes, cluster),
        f"read {moment(cluster.read_at)}" if cluster.read_at else "",
    ]
    document = profile.document
    source = f"{document.title} {document.version}".strip()
    return (
        f"{cluster_name(report) or 'cluster not named in the input'}: {phrases(fact for fact in facts if fact)}",
        f"profile {profile.name}: {phrases((source, plural(own_requirements(report), 'requirement')))}",
    )


def cluster_name(report: Report) -> str:
    """The cluster's name; empty where the input does not say it (the report's name is then a general one)."""
    return "" if report.cluster.name == "cluster" else report.cluster.name


def named(report: Report) -> Report:
    """The report as it is printed: neutralised, and with the cluster's name in the commands of remedies."""
    return cleaned(report, Report, cluster=cluster_name(report))


def fix_command(report: Report, arguments: str, profile: str) -> str:
    """The command that prints the plan, with the input and the profile as the user gave them."""
    given = f" {arguments}" if arguments else ""
    return f"clusterproof fix{given} --profile {profile or report.profile.name} --as aws-cli"


def explain_command(finding: Finding, profile: str) -> str:
    """The command that prints a requirement's manual; a profile of the user's own is named."""
    return f"clusterproof explain {finding.id}" + (f" --profile {profile}" if profile else "")


def parameters(report: Report) -> str:
    """The profile's parameters with their values and where these came from; empty when there are none."""
    found = report.profile.parameters
    return phrases(f"{p.name} = {p.value} ({p.origin})" for p in found)


def overlays(report: Report) -> str:
    """What was judged as if it were applied: ``as if 14 objects of rendered.yaml were applied``; empty when nothing."""
    found = report.cluster.overlays
    if not found:
        return ""
    one = len(found) == 1 and found[0].startswith("1 ")
    return f"as if {listing(found)} {'was' if one else 'were'} applied"


def moment(stamp: str) -> str:
    """``2026-05-15T10:02:00Z`` as ``2026-05-15 10:02 UTC``; anything else as it stands."""
    date, separator, time = stamp.partition("T")
    return f"{date} {time[:5]} UTC" if separator and time.endswith(("Z", "+00:00")) else stamp


def sets(report: Report) -> str:
    """Named sets of node groups and their members: ``gpu = a100, system = system``; empty when there are none."""
    found: dict[str, list[str]] = {}
    for group in report.cluster.groups:
        for name in group.sets:
            found.setdefault(name, []).append(group.name)
    return phrases(f"{name} = {' + '.join(members)}" for name, members in sorted(found.items()))
