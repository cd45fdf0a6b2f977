"""Why a failing finding does not count: its waiver, or the baseline."""

from __future__ import annotations

from clusterproof.checks.finding import Finding, Report
from clusterproof.reports.text import listing, sentence


def not_counted(finding: Finding) -> str:
    """Why a failing finding does not count, in two or three words; empty when it does."""
    if not finding.verdict.failing or finding.counted:
        return ""
    return f"waived until {finding.waiver.expires}" if finding.waiver is not None else "known"


def excuse(finding: Finding, report: Report) -> str:
    """The same in a sentence: who answers for it until when and why, or which baseline has it."""
    waiver = finding.waiver
    if waiver is None:
        return sentence(f"known: it fails in {report.baseline} too")
    limited = f" for {listing(waiver.groups)}" if waiver.groups else ""
    return sentence(f"waived{limited} until {waiver.expires} by {waiver.owner}: {waiver.reason}")


def new_pairs(finding: Finding) -> str:
    """What is new in a finding that the baseline has; empty when nothing is."""
    known = finding.known
    if known is None or not finding.counted:
        return ""
    return sentence(f"{listing(known.new)} {'is' if len(known.new) == 1 else 'are'} broken since the baseline")
