"""Run a profile against a snapshot: every requirement becomes exactly one finding.

An exception inside a check becomes an ``unknown`` finding with its cause, never
a lost row; errors that are the user's (a wrong name in the profile) go through.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from clusterproof._version import __version__
from clusterproof.checks import (
    access,
    covers,
    each,
    effective,
    identity,
    installed,
    isolated,
    letsout,
    objects,
    podsecurity,
    reach,
    schedulable,
    scope,
    vpcsubnets,
)
from clusterproof.checks.cel import applies
from clusterproof.checks.cells import Asker
from clusterproof.checks.context import Context, Settings
from clusterproof.checks.counting import count, exit_status
from clusterproof.checks.finding import SCHEMA, Finding, Report
from clusterproof.checks.head import ClusterLine, ProfileLine
from clusterproof.checks.settled import unsettled_in
from clusterproof.errors import InputError, UsageError
from clusterproof.profiles.expression import names_of
from clusterproof.profiles.model import Level, Profile, Requirement
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict

_BY_NAME: dict[str, Callable[[Context, Requirement, Any], Finding]] = {
    "schedulable": schedulable.decide,
    "isolated": isolated.decide,
    "lets_out": letsout.decide,
    "cel": objects.decide,
    "each": each.decide,
    "installed": installed.decide,
    "covers": covers.decide,
    "identity": identity.decide,
    "access": access.decide,
    "scope": scope.decide,
    "effective": effective.decide,
    "subnets": vpcsubnets.decide,
    "pod_security": podsecurity.decide,
}
"""What decides a check, by its key in a requirement; ``reach`` asks paths besides."""
_ORDER = (Verdict.FAIL, Verdict.DEPENDS, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)


def run(snapshot: Snapshot, profile: Profile, settings: Settings | None = None, fail_on: Level = Level.MUST) -> Report:
    """Check a snapshot against a profile. Findings stand in the profile's order; fixes are added by ``fixes``."""
    context = Context(snapshot, profile, settings)
    return report(context, findings(context), fail_on)


def findings(context: Context, only: Sequence[str] = (), *, words: bool = True) -> tuple[Finding, ...]:
    """The findings of a context's profile, in its order.

    Args:
        context: a world and a profile.
        only: limits them to some full ids.
        words: with paths, evidence and odds; without them the verdicts, causes and unknowns are the same.
    """
    return findings_of(Asker(context), only, words=words)


def findings_of(asker: Asker, only: Sequence[str] = (), *, words: bool = True) -> tuple[Finding, ...]:
    """As :func:`findings`, by one who may be asked more afterwards."""
    context = asker.context
    return tuple(
        _finding(asker, requirement, words=words)
        for requirement in context.profile.requirements
        if not only or f"{context.profile.name}/{requirement.id}" in only
    )


def _finding(asker: Asker, requirement: Requirement, *, words: bool) -> Finding:
    context = asker.context
    held = applies(context.profile, requirement, context.values)
    if held is False:
        unsettled = _unsettled(context, requirement)
        if unsettled is not None:
            return _bare(context, requirement, Verdict.UNKNOWN, "whether it applies is not known", unsettled)
        return _bare(context, requirement, Verdict.NOT_APPLICABLE, _not_applicable(context, requirement))
    unread = unsettled_in(requirement.check, context.unsettled)
    if unread is not None:
        return _bare(context, requirement, Verdict.UNKNOWN, "a parameter that it rests on is not known", unread)
    try:
        found = _decide(asker, requirement, words=words)
    except (UsageError, InputError):
        raise
    except Exception as error:  # noqa: BLE001 - a check that breaks is an unknown finding, never a lost row
        text = f"{type(error).__name__}: {error}"
        unknown = Unknown(Cause.ERROR, f"the check itself failed ({text})", "report this with the snapshot")
        return _bare(context, requirement, Verdict.UNKNOWN, "the check itself failed", unknown)
    if isinstance(held, Unknown):
        return _bare(context, requirement, Verdict.UNKNOWN, "whether it applies is not known", held)
    return found


def _unsettled(context: Context, requirement: Requirement) -> Unknown | None:
    """Why it may apply although a default says that it does not: what was not read may say otherwise.

    Where the default says that it applies, it is judged: the document's rule is then the careful one.
    """
    read = names_of(requirement.applies or context.profile.applies)
    return next((why for name, why in context.unsettled.items() if name in read), None)


def _not_applicable(context: Context, requirement: Requirement) -> str:
    """Why a requirement does not apply: the parameters that its condition reads, with their values."""
    read = names_of(requirement.applies or context.profile.applies)
    values = [f"{line.name} = {line.value}" for line in context.parameters if line.name in read]
    return f"does not apply with {', '.join(values)}" if values else f"does not apply: {requirement.applies}"


def _decide(asker: Asker, requirement: Requirement, *, words: bool) -> Finding:
    check = requirement.check
    if check.reach is not None:
        return reach.decide(asker, requirement, check.reach, words=words)
    for name, decide in _BY_NAME.items():
        asked = getattr(check, name)
        if asked is not None:
            return decide(asker.context, requirement, asked)
    unknown = Unknown(Cause.NOT_MODELLED, "the requirement has a kind of check that is not built")
    return _bare(asker.context, requirement, Verdict.UNKNOWN, unknown.detail, unknown)


def _bare(
    context: Context, requirement: Requirement, verdict: Verdict, summary: str, unknown: Unknown | None = None
) -> Finding:
    return Finding(
        id=f"{context.profile.name}/{requirement.id}",
        verdict=verdict,
        level=requirement.level,
        title=requirement.title,
        summary=summary,
        source=requirement.source,
        category=requirement.category,
        cause=unknown.detail if unknown is not None else "",
        unknowns=(unknown,) if unknown is not None else (),
        notes=requirement.notes,
        symptoms=requirement.symptoms,
    )


def report(context: Context, found: tuple[Finding, ...], fail_on: Level = Level.MUST) -> Report:
    """The report of some findings, without fixes."""
    snapshot, profile = context.world.snapshot, context.profile
    meta = snapshot.meta
    cluster = ClusterLine(
        name=meta.cluster or "cluster",
        account=meta.account,
        region=meta.region,
        kubernetes_version=context.world.kubernetes_version,
        read_at=meta.time,
        nodes=len(snapshot.objects(kinds.NODES)),
        groups=context.group_lines(),
        data_plane=context.world.plane.name,
        sources=meta.sources,
        overlays=meta.overlays,
        unread_nodes=snapshot.missing(kinds.NODES) or msgspec.UNSET,
    )
    return Report(
        schema=SCHEMA,
        tool_version=__version__,
        cluster=cluster,
        profile=ProfileLine(profile.name, profile.title, profile.document, context.parameters),
        findings=found,
        counts=count(found),
        fail_on=fail_on,
        exit_status=exit_status(found, fail_on),
    )


def worst_first(found: Sequence[Finding]) -> tuple[Finding, ...]:
    """For display: failing first, then unknown, then pass; equal verdicts keep the profile's order."""
    return tuple(sorted(found, key=lambda finding: _ORDER.index(finding.verdict)))
