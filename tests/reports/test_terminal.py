from __future__ import annotations

import re

import msgspec
import pytest

from clusterproof import reports
from clusterproof.checks.finding import Finding, Report
from clusterproof.checks.mended import Left
from clusterproof.profiles.model import Source
from clusterproof.reach.trace import Layer, Outcome, unknown_hop
from clusterproof.reports import chances, words
from clusterproof.reports.text import width_of
from clusterproof.verdict.algebra import Verdict
from tests.reports import examples

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def table(report: Report, *, width: int = 80, colour: bool = False, verbose: bool = False) -> str:
    """The report as the terminal gets it."""
    return reports.render(report, "table", width=width, colour=colour, verbose=verbose, arguments="--world demo")


def test_answer_comes_first() -> None:
    """Head, then one line per requirement, worst first, then the failing ones opened."""
    lines = table(examples.demo()).splitlines()
    assert lines[0].startswith("demo-gpu: EKS 1.34, us-west-2, 3 node groups, 6 nodes")
    listed = [line.split()[:2] for line in lines if re.match(r"  (FAIL|DEPENDS|UNKNOWN|pass|n/a) ", line)]
    assert listed == [
        ["FAIL", "etcd-from-gpu-nodes"],
        ["FAIL", "nats-from-gpu-nodes"],
        ["DEPENDS", "prometheus-from-validator"],
        ["UNKNOWN", "acl-return-ports"],
        ["pass", "dns-from-workers"],
        ["pass", "gpu-capacity"],
        ["n/a", "etcd-lease"],
    ]
    opened = [line.split()[1] for line in lines if re.match(r"(FAIL|DEPENDS|UNKNOWN|pass|n/a)  ", line)]
    assert opened == ["etcd-from-gpu-nodes", "nats-from-gpu-nodes", "prometheus-from-validator", "acl-return-ports"]


def test_opened_finding_has_matrix_hops_and_fix() -> None:
    """A failing requirement shows who reaches whom, the hop that refuses with its rule, and the proven change."""
    text = table(examples.report(examples.blocked("etcd-from-gpu-nodes", "etcd", "10.0.3.21", 2379)))
    assert "  gpu, 3+ nodes  BLOCKED at hop 6" in text
    assert "    6  REFUSED      security group ingress, sg-0b2c4d6e8f0a1b2c3" in text
    assert "    7  would allow  policy ingress" in text
    assert "Fix, proven: with it this passes" in text
    assert "opens   gpu (sg-0a1b2c3d4e5f60718) to system (sg-0b2c4d6e8f0a1b2c3)," in text
    assert "aws ec2 authorize-security-group-ingress" in text
    assert "Terraform manages" in " ".join(text.split())


def test_hops_behind_a_refusal_that_would_allow_are_one_line() -> None:
    """What would be met behind a refusal is told in a line, and hop by hop with -v."""
    finding = examples.blocked("etcd-from-gpu-nodes", "etcd", "10.0.3.21", 2379)
    assert finding.matrix is not None
    cell = finding.matrix.cells[0]
    last = cell.path[-1]
    way = (*cell.path, msgspec.structs.replace(last, layer=Layer.ACL_RETURN_OUT))
    cells = (msgspec.structs.replace(cell, path=way),)
    report = examples.report(
        msgspec.structs.replace(finding, matrix=msgspec.structs.replace(finding.matrix, cells=cells))
    )
    assert "\n  7-8  would allow  policy ingress and network ACL return out\n" in table(report)
    assert "\n    8  would allow  network ACL return out, no NetworkPolicy" in table(report, verbose=True)
    refusing = (*way, msgspec.structs.replace(cell.path[5], layer=Layer.ACL_RETURN_IN))
    cells = (msgspec.structs.replace(cell, path=refusing),)
    report = examples.report(
        msgspec.structs.replace(finding, matrix=msgspec.structs.replace(finding.matrix, cells=cells))
    )
    assert "\n    9  WOULD REFUSE  network ACL return in, sg-" in table(report)


def test_odds_are_shown_first_and_once_cached() -> None:
    """The matrix says where a run lands, whether it lands there again, and whether the next one fails."""
    text = table(examples.report(examples.depends()))
    assert re.search(r"from \\ to +system, 3 nodes +lands here / again +next run fails", text)
    assert re.search(r"gpu, 3\+ nodes +BLOCKED at hop 6 +62 % / 100 % +100 %", text)
    assert re.search(r"system, 3 nodes +works +38 % / 100 % +0 %", text)
    assert re.search(r"customer, no nodes yet +BLOCKED at hop 6 +not counted +-", text)
    assert "A first run fails in 62 % of cases; later runs repeat the first" in " ".join(text.split())
    sometimes = examples.depends()
    assert sometimes.odds is not None
    rows = tuple(msgspec.structs.replace(row, repeats=0.5) for row in sometimes.odds.rows)
    odds = msgspec.structs.replace(sometimes.odds, rows=rows)
    text = table(examples.report(msgspec.structs.replace(sometimes, odds=odds)))
    assert "A first run fails in 62 % of cases, a later run (image cached) in 62 %: 5 of 8" in " ".join(text.split())


def test_every_pair_has_its_refusal_and_one_has_its_path() -> None:
    """The path is that of nodes that exist; of the other pairs, the first blocking hop is said."""
    text = " ".join(table(examples.report(examples.depends())).split())
    assert (
        "customer to system: sg-0b2c4d6e8f0a1b2c3 (system-nodes) refuses: none of its 6 rules admits tcp 9090" in text
    )
    assert "gpu to system, 9090/TCP: ip-10-0-1-11 to prometheus-0 on ip-10-0-3-17 1-5 allowed dns" in text
    assert "6 REFUSED" in text
    whole = " ".join(table(examples.report(examples.depends()), verbose=True).split())
    assert "prometheus-0 on ip-10-0-3-17 1 allowed" in whole


def test_unknown_says_what_makes_it_known() -> None:
    """An unknown finding names the command that reads what is missing."""
    text = " ".join(table(examples.report(examples.undecided())).split())
    assert "not known network-acls not collected" in text
    assert "to know it run: aws ec2 describe-network-acls --output json > network-acls.json" in text


def test_unknown_matrix_is_told_by_what_is_missing() -> None:
    """An unknown pair is told by what was not read, once, rather than by a path; -v shows the path too."""
    missing = examples.undecided().unknowns[0]
    finding = examples.blocked("etcd-from-gpu-nodes", "etcd", "10.0.3.21", 2379)
    assert finding.matrix is not None
    hop = unknown_hop(Layer.ACL_IN, "subnet-1", missing)
    cell = msgspec.structs.replace(finding.matrix.cells[0], outcome=Outcome.UNKNOWN, hop=hop, path=(hop,))
    finding = msgspec.structs.replace(
        finding,
        verdict=Verdict.UNKNOWN,
        unknowns=(missing,),
        matrix=msgspec.structs.replace(finding.matrix, cells=(cell,)),
        fix=None,
    )
    text = table(examples.report(finding))
    assert "UNKNOWN at hop 1" in text
    assert text.count("network-acls not collected") == 1
    assert "    1  UNKNOWN  network ACL in, subnet-1: network-acls not collected" in table(
        examples.report(finding), verbose=True
    )


def test_closing_line_says_what_to_do_next() -> None:
    """The last lines count the verdicts and give the command that mends and the one that explains."""
    lines = table(examples.demo()).splitlines()
    assert lines[-6:] == [
        "7 requirements: 2 fail, 1 depends, 1 unknown, 2 pass, 1 not applicable.",
        "With 4 changes all 3 pass (proven; opens nothing else):",
        "  clusterproof fix --world demo --profile dynamo --as aws-cli",
        "To decide what is unknown:",
        "  run: aws ec2 describe-network-acls --output json > network-acls.json",
        "More: clusterproof explain dynamo/etcd-from-gpu-nodes, or this again with -v",
    ]


def test_findings_about_waivers_are_no_requirements() -> None:
    """Head and end count the same requirements; what is to be done about waivers is counted beside them."""
    late = msgspec.structs.replace(examples.dns(), id="waivers/dynamo/a")
    lines = table(examples.report(examples.dns(), late)).splitlines()
    assert any(line.endswith(" 1 requirement") for line in lines[:3])
    assert any(line.startswith("1 requirement and 1 waiver to look after: 2 pass") for line in lines)


def test_a_section_that_is_called_as_its_document_is_said_once() -> None:
    """Neither a page nor a report repeats it."""
    assert [Source("A", "A").text, Source("A", "B").text, Source("A").text] == ["A", "A, B", "A"]


def test_all_passing_report_is_short() -> None:
    """Where nothing fails there is nothing to open and nothing to do."""
    text = table(examples.report(examples.dns(), examples.capacity()))
    assert text.rstrip().endswith("2 requirements: 2 pass.")
    assert "explain" not in text
    assert len(text.splitlines()) <= 12


def test_verbose_opens_everything() -> None:
    """With -v passing findings, all evidence, every distinct path and the node groups are shown."""
    text = table(examples.demo(), verbose=True)
    for finding in examples.demo().findings:
        assert re.search(
            rf"^{words.VERDICT[finding.verdict]}  {finding.name}  {finding.level.value}$", text, re.MULTILINE
        )
    assert "nodes offer nvidia.com/gpu" in text
    assert "read in security-groups sg-0a1b2c3d4e5f60718," in text
    assert text.count("job/aicr-validation/ai-service-metrics") == 1
    assert text.count("9090/TCP: ") >= 3


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize("verbose", [False, True])
def test_nothing_is_wider_than_the_terminal(width: int, verbose: bool) -> None:
    """Lines fit; only a word that is itself too long (an id, a quoted argument) may be wider, never cut."""
    for line in table(examples.demo(), width=width, verbose=verbose).splitlines():
        if width_of(line) >= width:
            assert max(width_of(word) for word in line.split()) + 30 > width, line


@pytest.mark.parametrize("width", [40, 80, 200])
def test_ids_are_never_cut(width: int) -> None:
    """Every security group id and every finding id stands whole, at any width."""
    text = table(examples.demo(), width=width)
    for name in (examples.SYSTEM, examples.GPU, examples.CUSTOMER, *(f.name for f in examples.demo().findings)):
        assert name in text


@pytest.mark.parametrize("verbose", [False, True])
def test_colour_adds_nothing_but_colour(verbose: bool) -> None:
    """With the escapes taken out, the coloured report is the plain one: words, not colours, tell."""
    report = examples.demo()
    coloured = table(report, colour=True, verbose=verbose)
    assert ESCAPE.search(coloured)
    assert ESCAPE.sub("", coloured) == table(report, verbose=verbose)


@pytest.mark.parametrize("width", [40, 80, 200])
def test_hostile_names_reach_no_terminal(width: int) -> None:
    """Nothing that a cluster can set puts a control or bidirectional character into the output."""
    text = table(examples.hostile(), width=width, verbose=True)
    assert all(char == "\n" or char.isprintable() for char in text)
    assert "\\x1b[31mred\\x07" in text


def test_wide_matrix_becomes_a_list() -> None:
    """A matrix that does not fit is told pair by pair; nothing is left out."""
    finding = examples.depends()
    assert finding.matrix is not None
    text = table(examples.report(finding), width=66)
    assert "from \\ to" not in text
    assert "  from gpu, 3+ nodes: a first run lands here 62 %," in text
    assert "    to system, 3 nodes  BLOCKED at hop 6" in text
    assert "    to system, 3 nodes  works" in text


def test_plan_that_is_not_proven_is_not_promised() -> None:
    """What is not proven is called advice, and no command is offered as the answer."""
    report = examples.demo()
    assert report.plan is not None
    report = msgspec.structs.replace(report, plan=msgspec.structs.replace(report.plan, proven=False))
    text = table(report)
    assert "that is not proven" in text
    assert "clusterproof fix" not in text


def test_a_plan_says_what_it_mends_and_what_it_leaves() -> None:
    """The closing lines count what passes with the plan, and name the rest by reason."""
    report = examples.demo()
    assert report.plan is not None
    mends, *others = [finding.id for finding in report.findings if finding.verdict.failing]
    left = tuple(Left(name, "its owner has to say") for name in others)
    plan = msgspec.structs.replace(report.plan, mends=(mends,), left=left)
    text = table(msgspec.structs.replace(report, plan=plan))
    assert f" 1 of the {1 + len(others)} that fail pass (proven; " in text
    names = " and ".join(name.partition("/")[2] for name in others)
    assert f"Not mended by that:\n  {names}: its owner has to say.\n" in text
    assert "Not mended by that" not in table(report)


def test_what_is_to_be_known_of_a_change_stands_below_it_once() -> None:
    """A note of several changes is printed with the first of them; the whole's advice after all changes."""
    report = examples.demo()
    finding = next(item for item in report.findings if item.fix is not None and item.fix.changes)
    assert finding.fix is not None
    change = msgspec.structs.replace(finding.fix.changes[0], advice=("look first",))
    fix = msgspec.structs.replace(finding.fix, changes=(change, change), advice=("and think",))
    text = table(msgspec.structs.replace(report, findings=(msgspec.structs.replace(finding, fix=fix),)))
    assert text.count("    note    look first.") == 1
    assert text.index("note    look first.") < text.rindex("    change  ") < text.index("    advice  and think.")


def test_of_many_findings_those_that_pass_are_named_and_no_more() -> None:
    """Above thirty: failing and unknown ones in full, the passing ones by name, the others counted; -v shows all."""
    report = examples.demo()
    passing = next(item for item in report.findings if item.verdict is Verdict.PASS)
    more = tuple(msgspec.structs.replace(passing, id=f"dynamo/more-{number}") for number in range(40))
    few = msgspec.structs.replace(report, findings=(*report.findings, *more[: 30 - len(report.findings)]))
    assert sum(line.startswith("  pass ") for line in table(few, width=100).splitlines()) > 15
    many = msgspec.structs.replace(report, findings=(*report.findings, *more))
    text = table(many, width=100)
    row = next(line for line in text.splitlines() if line.startswith("  pass"))
    assert row.startswith(f"  pass     {passing.name}, ")
    assert text.count(f"  {words.VERDICT[Verdict.PASS]} ") == 1
    assert "more-39" in text
    aside = sum(item.verdict is Verdict.NOT_APPLICABLE for item in report.findings)
    assert f"  n/a      {aside} that do not apply here; -v names them\n" in text
    for finding in report.findings:
        if finding.verdict.failing or finding.verdict is Verdict.UNKNOWN:
            assert f"  {words.VERDICT[finding.verdict]:<9}{finding.name}" in text
    assert sum(line.startswith("  pass ") for line in table(many, width=100, verbose=True).splitlines()) > 40


def test_side_effects_of_a_fix_are_named() -> None:
    """What a fix opens beyond what was asked for is said, in the finding and in the end."""
    report = examples.demo()
    assert report.plan is not None
    extra = msgspec.structs.replace(report.plan.opens[0], wanted=False)
    plan = msgspec.structs.replace(report.plan, opens=(*report.plan.opens, extra))
    assert "opens 1 pair that no requirement asked for" in table(msgspec.structs.replace(report, plan=plan))
    assert words.openings(plan)[-1].endswith("(NOT asked for by any requirement)")


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_its_word_and_place(verdict: Verdict) -> None:
    """The closed set of verdicts is told in words, in the list and when opened."""
    finding = msgspec.structs.replace(examples.capacity(), verdict=verdict)
    text = table(examples.report(finding), verbose=True)
    assert re.search(rf"^  {words.VERDICT[verdict]} +gpu-capacity", text, re.MULTILINE)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_every_outcome_has_its_word(outcome: Outcome) -> None:
    """The closed set of outcomes is told in words."""
    finding = examples.dns()
    assert finding.matrix is not None
    cell = msgspec.structs.replace(finding.matrix.cells[0], outcome=outcome, blocked=3)
    changed = msgspec.structs.replace(finding, matrix=msgspec.structs.replace(finding.matrix, cells=(cell,)))
    assert words.OUTCOME[outcome] in table(examples.report(changed), verbose=True)


@pytest.mark.parametrize(
    ("share", "shown"),
    [(0.0, "0 %"), (0.001, "<1 %"), (0.25, "25 %"), (0.999, ">99 %"), (1.0, "100 %"), (None, "?")],
)
def test_percentages_do_not_lie_at_the_ends(share: float | None, shown: str) -> None:
    """What is possible is never shown as 0 %, what is not certain never as 100 %."""
    assert chances.percent(share) == shown


def test_report_without_findings_or_groups() -> None:
    """An empty report is still a report."""
    report = examples.report()
    assert "No requirement was checked." in table(report)


def test_render_refuses_an_unknown_format() -> None:
    """An unknown format is an error, never skipped."""
    with pytest.raises(ValueError, match="no format 'html'; there are table, json, markdown"):
        reports.render(examples.demo(), "html")


def test_same_report_same_bytes() -> None:
    """Rendering is a function of the report."""
    for format_ in reports.FORMATS:
        assert reports.render(examples.demo(), format_) == reports.render(examples.demo(), format_)


def test_long_ids_put_the_summary_below() -> None:
    """Where ids are so long that summaries would be squeezed, these go below."""
    finding: Finding = msgspec.structs.replace(examples.capacity(), id="dynamo/" + "-".join(["very-long"] * 5))
    lines = table(examples.report(finding)).splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("  pass"))
    assert lines[at + 1].startswith("           deploy/dynamo/worker fits")
