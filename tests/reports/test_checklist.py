"""The document's checklist, filled in: when a box is ticked, what keeps one open, and that it reads well in a ticket."""

from __future__ import annotations

import re

import msgspec
import pytest
from markdown_it import MarkdownIt

from clusterproof import reports
from clusterproof.checks.finding import Finding, Report, Waiver
from clusterproof.profiles.documented import Box, ChecklistSection, ValidationCommand
from clusterproof.profiles.load import load
from clusterproof.profiles.located import Located
from clusterproof.profiles.model import Profile
from clusterproof.reports.checklist import render
from tests.reports import examples

PARSER = MarkdownIt("commonmark")


def profile(*boxes: Box, commands: tuple[ValidationCommand, ...] = ()) -> Profile:
    """A profile whose document has these boxes under one heading."""
    return msgspec.structs.replace(
        load("dynamo"), checklist=(ChecklistSection("Network🎭", boxes),) if boxes else (), commands=commands
    )


def filled(report: Report, *boxes: Box) -> list[str]:
    """The lines below the heading of the checklist."""
    text = render(report, profile(*boxes))
    return text.split("**Network🎭:**\n\n")[1].split("\n\n")[0].splitlines()


def noted(finding: Finding, *notes: str) -> Finding:
    """The finding with other notes."""
    return msgspec.structs.replace(finding, notes=notes)


def test_a_box_is_ticked_where_all_of_its_requirements_pass() -> None:
    """The box stands as the document has it, markup and emoji too."""
    report = examples.report(examples.dns(), examples.capacity())
    assert filled(report, Box("Names `resolve` 🎭 *", ("dns-from-workers", "gpu-capacity"))) == [
        "- [x] Names `resolve` 🎭 *"
    ]


def test_what_does_not_apply_keeps_no_box_open_and_fills_none() -> None:
    """Not applicable is no pass: it stands below the box, which stays empty where nothing behind it applies."""
    report = examples.report(examples.dns(), examples.skipped())
    assert filled(report, Box("etcd", ("dns-from-workers", "etcd-lease"))) == [
        "- [x] etcd",
        "  - not applicable: `etcd-lease`",
    ]
    assert filled(report, Box("etcd", ("etcd-lease",))) == ["- [ ] etcd", "  - not applicable: `etcd-lease`"]


def test_what_fails_behind_no_box_is_not_lost() -> None:
    """A failure that no box stands for has a section of its own; without one there is none."""
    failing = examples.blocked("etcd-from-gpu-nodes", "etcd", "10.0.3.21", 2379)
    box = Box("Names", ("dns-from-workers",))
    text = render(examples.report(examples.dns(), failing), profile(box))
    beside = text.partition("## Beside the checklist\n\n")[2].partition("\n\n")[0]
    assert beside == "- FAIL: `etcd-from-gpu-nodes` (MUST): gpu cannot reach etcd:2379."
    assert "Beside the checklist" not in render(examples.report(examples.dns(), examples.skipped()), profile(box))


def test_a_failure_keeps_a_box_open_with_its_finding_in_one_line() -> None:
    """Fails and depends both do; each finding is one line with id, level and what was found, worst first."""
    report = examples.report(
        examples.dns(), examples.depends(), examples.blocked("etcd-from-gpu-nodes", "etcd", "10.0.3.21", 2379)
    )
    names = ("dns-from-workers", "prometheus-from-validator", "etcd-from-gpu-nodes")
    odds = "62 % of first runs fail, later runs repeat the first"
    assert filled(report, Box("Ports", names)) == [
        "- [ ] Ports",
        "  - FAIL: `etcd-from-gpu-nodes` (MUST): gpu cannot reach etcd:2379.",
        f"  - DEPENDS: `prometheus-from-validator` (MUST): works from system, blocked from customer and gpu; {odds}.",
    ]


def test_an_unknown_is_shown_as_such_with_what_makes_it_known() -> None:
    """Unknown never ticks a box; the command that decides it stands below, once for all findings that wait for it."""
    other = msgspec.structs.replace(examples.undecided(), id="dynamo/other")
    remedy = "run: aws ec2 describe-network-acls --output json > network-acls.json"
    lines = filled(examples.report(examples.undecided(), other), Box("ACLs", ("acl-return-ports", "other")))
    assert lines == [
        "- [ ] ACLs",
        "  - unknown: `acl-return-ports` (SHOULD): network ACLs were not read.",
        "  - unknown: `other` (SHOULD): network ACLs were not read.",
        f"  - not known: network-acls not collected. To know it: `{remedy}`",
    ]


def test_a_requirement_that_was_not_decided_leaves_its_box_open() -> None:
    """A box is never ticked by what was not asked."""
    report = examples.report(examples.dns())
    assert filled(report, Box("Both", ("dns-from-workers", "gone"))) == [
        "- [ ] Both",
        "  - unknown: `gone` was not decided.",
    ]


def test_a_waived_failure_leaves_its_box_open_and_says_who_answers() -> None:
    """A waiver changes how a finding counts, never what it says."""
    failing = examples.blocked("etcd-from-gpu-nodes", "etcd", "10.0.3.21", 2379)
    waived = msgspec.structs.replace(failing, waiver=Waiver(failing.id, "moved next week", "platform", "2026-06-30"))
    lines = filled(examples.report(waived), Box("etcd", ("etcd-from-gpu-nodes",)))
    assert lines[0] == "- [ ] etcd"
    assert "moved next week" in lines[1]
    assert "platform" in lines[1]


def test_contradictions_of_the_document_stand_below_the_box() -> None:
    """A ticked box too says where the document is wrong, once; other notes stay out."""
    one = noted(examples.dns(), "not as the document says: DNS is needed", "found by label")
    two = noted(examples.capacity(), "not as the document says: DNS is needed")
    assert filled(examples.report(one, two), Box("DNS", ("dns-from-workers", "gpu-capacity"))) == [
        "- [x] DNS",
        "  - note: not as the document says: DNS is needed.",
    ]


def test_the_head_names_cluster_time_account_and_counts() -> None:
    """Whoever opens the ticket sees what was read, when, and how many boxes are filled."""
    report = examples.report(examples.dns(), examples.undecided(), examples.depends())
    report = msgspec.structs.replace(report, cluster=msgspec.structs.replace(report.cluster, account="111122223333"))
    boxes = (Box("A", ("dns-from-workers",)), Box("B", ("acl-return-ports",)), Box("C", ("prometheus-from-validator",)))
    head = render(report, profile(*boxes)).split("## Deployment checklist")[0]
    assert head.startswith("# demo-gpu: 1 of 3 boxes filled, 1 open, 1 unknown\n")
    for word in (
        "account 111122223333",
        "us-west-2",
        "EKS 1.34",
        "2026-05-15 10:02 UTC",
        "1 depends",
        "1 unknown",
        "1 pass",
    ):
        assert word in head


def test_commands_come_with_their_findings_and_with_what_works() -> None:
    """Every command of the document, several lines in a block of their own, and the one that takes its place."""
    commands = (
        ValidationCommand(
            "Nodes", "kubectl get nodes -l a=b", ("dns-from-workers",), "kubectl get nodes", "no such label"
        ),
        ValidationCommand("GPU", "kubectl run x \\\n  --limits=1", ("etcd-from-gpu-nodes",)),
    )
    failing = examples.blocked("etcd-from-gpu-nodes", "etcd", "10.0.3.21", 2379)
    text = render(examples.report(examples.dns(), failing), profile(Box("A", ("dns-from-workers",)), commands=commands))
    part = text.split("## Validation commands\n\n")[1]
    assert part.startswith(
        "**Nodes:**\n\n"
        "- `kubectl get nodes -l a=b`\n"
        "  - pass `dns-from-workers`: all 3 groups reach CoreDNS\n"
        "  - instead: `kubectl get nodes`, because no such label.\n\n"
        "**GPU:**\n\n"
        "- ```shell\n  kubectl run x \\\n    --limits=1\n  ```\n"
        "  - FAIL `etcd-from-gpu-nodes`: gpu cannot reach etcd:2379\n"
    )
    html = PARSER.render(part)
    assert '<code class="language-shell">kubectl run x \\\n  --limits=1\n</code>' in html


def test_text_from_a_cluster_stays_text() -> None:
    """Nothing that a cluster can set adds a line, a link or HTML."""
    boxes = (Box("A", ("etcd-from-gpu-nodes", "acl-return-ports")), Box("B", ("dns-from-workers",)))
    plain, evil = render(examples.demo(), profile(*boxes)), render(spoilt(), profile(*boxes))
    assert len(plain.splitlines()) == len(evil.splitlines())
    html = PARSER.render(evil)
    assert not set(re.findall(r"<(\w+)", html)) & {"script", "a", "img"}
    assert all(char == "\n" or char.isprintable() for char in evil)


def spoilt() -> Report:
    """The hostile report with its findings' own ids."""
    hostile, demo = examples.hostile(), examples.demo()
    pairs = zip(hostile.findings, demo.findings, strict=True)
    return msgspec.structs.replace(
        hostile, findings=tuple(msgspec.structs.replace(bad, id=good.id) for bad, good in pairs)
    )


def test_the_same_report_gives_the_same_bytes() -> None:
    """Nothing rests on the order of a set."""
    boxes = (Box("A", tuple(finding.name for finding in examples.demo().findings)),)
    assert len({render(examples.demo(), profile(*boxes)) for _ in range(5)}) == 1


def test_a_profile_without_a_checklist_cannot_be_rendered() -> None:
    """The format needs the document's boxes; any other report is refused by name."""
    located = Located(profile(), "profiles/dynamo.yaml", True, {})  # noqa: FBT003 - a record's field
    with pytest.raises(ValueError, match="no format 'checklist'"):
        reports.render(examples.demo(), "checklist", located=located)
    own = Located(profile(Box("A", ("dns-from-workers",))), "profiles/dynamo.yaml", True, {})  # noqa: FBT003
    assert "- [x] A" in reports.render(examples.demo(), "checklist", located=own)
