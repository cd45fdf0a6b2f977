"""Waivers: failures that somebody answers for until a day. They change how a finding counts, never what it says.

A waiver that has expired, or that covers nothing that fails, is a finding of its own: a list of excuses that nobody
looks after is how a failure becomes normal. Time is an input (design rule 7).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import msgspec

from clusterproof.checks.broken import broken
from clusterproof.checks.counting import count, exit_status
from clusterproof.checks.finding import Finding, Report, Waiver
from clusterproof.errors import UsageError
from clusterproof.profiles.model import Check, Document, Level, Profile, Requirement, Source
from clusterproof.snapshot.fields import Ref
from clusterproof.verdict.algebra import Verdict

EXPIRED, UNUSED = "waiver-expired", "waiver-unused"
_SOURCE = Source("clusterproof", "Waivers")

UPKEEP = Profile(
    name="clusterproof",
    title="What clusterproof asks of your own waivers",
    document=Document("clusterproof, docs/config.md"),
    requirements=(
        Requirement(
            id=EXPIRED,
            title="No waiver is past its day",
            level=Level.SHOULD,
            source=_SOURCE,
            check=Check(),
            what="Whether each waiver still holds on the day of the check: its expiry is the last day on which it does.",
            why="A failure that was accepted for a time is accepted no longer; nobody decided that it may stay. What the "
            "waiver covered counts again, so the exit status tells too.",
            how="The day is --as-of, else the day on which the snapshot was read, else today (UTC).",
            unknown_when="Never: a date is a date.",
            remedy="Mend what fails and remove the waiver, or have its owner give it a new day and say why in its reason.",
            references=("docs/config.md",),
        ),
        Requirement(
            id=UNUSED,
            title="Each waiver covers something that fails",
            level=Level.SHOULD,
            source=_SOURCE,
            check=Check(),
            what="Whether each waiver of this profile names a requirement that there is and that fails.",
            why="A waiver for what passes hides the next failure before anyone has seen it; one for an id that does not "
            "exist was meant for another, which is not waived.",
            how="By the id; where the waiver is limited to node groups, at least one broken pair must be theirs.",
            unknown_when="The requirement itself is unknown: then the waiver is neither used nor unused, and it stays.",
            remedy="Remove the waiver, or mend its id or its groups; clusterproof explain ID lists what there is.",
            references=("docs/config.md",),
        ),
    ),
)
"""The manuals of the findings that this module makes; ``explain`` and the reports print them like any others."""


def apply(report: Report, waivers: Sequence[Waiver], as_of: str) -> Report:
    """The report with waivers on the findings that they cover, and findings on waivers that are to be removed.

    Args:
        report: what was found; its findings' texts stay as they are.
        waivers: those of other profiles than the report's are left aside.
        as_of: the day of the check, ``YYYY-MM-DD``.

    Raises:
        UsageError: there are waivers and no day to judge them by, or a day is no date.
    """
    own = [waiver for waiver in waivers if waiver.id.partition("/")[0] == report.profile.name]
    if not own:
        return report
    today = day(as_of, "the day of the check")
    expired = [waiver for waiver in own if day(waiver.expires, f"waiver {waiver.id}: expires") < today]
    valid = [waiver for waiver in own if waiver not in expired]
    used: list[Waiver] = []
    findings: list[Finding] = []
    for finding in report.findings:
        covering = [waiver for waiver in valid if _touches(waiver, finding)]
        used += covering
        whole = _covering(finding, covering)
        findings.append(msgspec.structs.replace(finding, waiver=whole) if whole is not None else finding)
    by_id = {finding.id: finding for finding in report.findings}
    unused = [waiver for waiver in valid if waiver not in used and not _open(by_id.get(waiver.id))]
    if expired:
        findings.append(_upkeep(EXPIRED, "has expired", expired, by_id))
    if unused:
        findings.append(_upkeep(UNUSED, "covers nothing that fails", unused, by_id))
    return recount(msgspec.structs.replace(report, findings=tuple(findings), as_of=today.isoformat()))


def recount(report: Report) -> Report:
    """The report with its counts and exit status made anew."""
    return msgspec.structs.replace(
        report, counts=count(report.findings), exit_status=exit_status(report.findings, report.fail_on)
    )


def day(text: str, what: str) -> dt.date:
    """A date.

    Raises:
        UsageError: it is none.
    """
    try:
        found = dt.date.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.isoformat() != text:  # other ways of ISO 8601 to write a day sort otherwise
        raise UsageError(f"{what}: {text!r} is no date; write it as YYYY-MM-DD, e.g. 2026-09-01")
    return found


def _open(finding: Finding | None) -> bool:
    """Whether it is not known if a waiver is needed."""
    return finding is not None and finding.verdict is Verdict.UNKNOWN


def _touches(waiver: Waiver, finding: Finding) -> bool:
    """Whether a waiver is about something that fails here."""
    if waiver.id != finding.id or not finding.verdict.failing:
        return False
    return not waiver.groups or any(set(pair) & set(waiver.groups) for pair in broken(finding))


def _covering(finding: Finding, waivers: Sequence[Waiver]) -> Waiver | None:
    """The waiver by which the whole finding does not count: one for all of it, else limited ones together."""
    whole = next((waiver for waiver in waivers if not waiver.groups), None)
    if whole is not None or not waivers:
        return whole
    groups = {group for waiver in waivers for group in waiver.groups}
    if any(not set(pair) & groups for pair in broken(finding)):
        return None
    first = min(waivers, key=lambda waiver: waiver.expires)  # the first to end is the one to look after
    return first if len(waivers) == 1 else msgspec.structs.replace(first, groups=tuple(sorted(groups)))


def _upkeep(name: str, says: str, waivers: Iterable[Waiver], by_id: dict[str, Finding]) -> Finding:
    """One finding for all waivers with the same fault."""
    requirement = next(item for item in UPKEEP.requirements if item.id == name)
    ordered = sorted(waivers, key=lambda waiver: (waiver.id, waiver.expires))
    told = [f"{waiver.id} ({_why(name, waiver, by_id.get(waiver.id))})" for waiver in ordered]
    how_many = f"1 waiver {says}" if len(told) == 1 else f"{len(told)} waivers {_plural(says)}"
    return Finding(
        id=f"{UPKEEP.name}/{name}",
        verdict=Verdict.FAIL,
        level=requirement.level,
        title=requirement.title,
        summary=f"{how_many}: {', '.join(told)}",
        source=requirement.source,
        evidence=tuple(Ref("waivers", waiver.id, "expires", waiver.expires) for waiver in ordered),
        notes=tuple(f"{waiver.id} is {waiver.owner}'s: {waiver.reason}" for waiver in ordered),
    )


def _plural(says: str) -> str:
    return says.replace("has ", "have ").replace("covers ", "cover ")


def _why(name: str, waiver: Waiver, finding: Finding | None) -> str:
    if name == EXPIRED:
        return f"on {waiver.expires}"
    if finding is None:
        return "there is no such requirement"
    if finding.verdict.failing:
        return f"no broken pair has {' or '.join(waiver.groups)}"
    return "it does not apply here" if finding.verdict is Verdict.NOT_APPLICABLE else "it passes"
