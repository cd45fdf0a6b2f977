"""Drafts for requirements that are not about a connection: by the kind of check, and by the profile's own mends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.fixes import access, closed, covers, identity, mends, owners, podsecurity, subnets
from clusterproof.fixes.draft import Draft, MadeBy
from clusterproof.profiles.model import Requirement
from clusterproof.snapshot.overlay import Edit
from clusterproof.verdict.algebra import Verdict

Maker = Callable[[Context, Requirement, Finding], Draft]

DRAFTS: Mapping[str, Maker] = {
    "reach": closed.draft,
    "covers": covers.draft,
    "subnets": subnets.draft,
    "pod_security": podsecurity.draft,
    "access": access.draft,
    "scope": access.draft,
    "effective": access.draft,
    "identity": identity.draft,
}
"""What drafts a change for a kind of check, by its key in a requirement, beside the profile's mends."""


def draft(context: Context, requirement: Requirement, finding: Finding) -> Draft:
    """What may mend a failing finding; nothing of it is proven."""
    found = Draft()
    for name, maker in DRAFTS.items():
        if getattr(requirement.check, name) is not None:
            found += maker(context, requirement, finding)
    return found + mends.draft(context, requirement)


def clash(one: Iterable[Edit], other: Iterable[Edit]) -> bool:
    """Whether two drafts change the same object, each in its own way."""
    first: dict[tuple[str, str], list[Edit]] = {}
    for edit in one:
        first.setdefault(_object(edit), []).append(edit)
    return any(edit not in first[key] for edit in other if (key := _object(edit)) in first)


def _object(edit: Edit) -> tuple[str, str]:
    ref = owners.object_of(edit)
    return ref.kind, ref.key


def broken(before: Iterable[Finding], after: Mapping[str, Finding]) -> list[str]:
    """Findings that pass today and would not with a change; one that would not apply any more is no loss."""
    kept = (Verdict.PASS, Verdict.NOT_APPLICABLE)
    return [
        finding.name
        for finding in before
        if finding.verdict is Verdict.PASS and finding.id in after and after[finding.id].verdict not in kept
    ]


def mended(before: Iterable[Finding], after: Mapping[str, Finding]) -> tuple[str, ...]:
    """Ids of findings that fail today and would pass with a change."""
    return tuple(
        finding.id
        for finding in before
        if finding.verdict.failing and finding.id in after and after[finding.id].verdict is Verdict.PASS
    )


def also(
    before: Iterable[Finding], after: Mapping[str, Finding], ids: Sequence[str], *, mended: bool = True
) -> list[str]:
    """What else a change decides: what it mends besides (unless that is said elsewhere), what no longer applies, what fails then."""
    besides, failing, gone = [], [], []
    for finding in before:
        then = after.get(finding.id)
        if then is None or finding.id in ids:
            continue
        if finding.verdict.failing and then.verdict is Verdict.PASS:
            besides.append(finding.name)
        if finding.verdict is Verdict.PASS and then.verdict is Verdict.NOT_APPLICABLE:
            gone.append(finding.name)
        if finding.verdict in (Verdict.UNKNOWN, Verdict.NOT_APPLICABLE) and then.verdict.failing:
            failing.append(finding.name)
    said = [f"{', '.join(besides)} would pass with it too"] if mended and besides else []
    said += [f"{', '.join(gone)} would no longer apply"] if gone else []
    return said + ([f"{', '.join(failing)}, not decided today, would fail then"] if failing else [])


__all__ = ["DRAFTS", "Draft", "MadeBy", "Maker", "also", "broken", "clash", "draft"]
