"""The check "installed": whether a component is there, whole and new enough, or something else stands for it."""

from __future__ import annotations

import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.filled import names
from clusterproof.checks.finding import Finding
from clusterproof.checks.made import finding
from clusterproof.checks.readiness import Ready, of_addon, of_definition, of_workload
from clusterproof.checks.versions import Found, is_gone, too_old, versions
from clusterproof.checks.words import listed, unique
from clusterproof.profiles.expression import evaluate
from clusterproof.profiles.model import Installed, Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict, fold
from clusterproof.world.model import Workload


class _Part(msgspec.Struct, frozen=True):
    """One thing that must hold."""

    outcome: Outcome
    text: str
    evidence: tuple[Ref, ...] = ()
    unknown: Unknown | None = None
    note: str = ""


def decide(context: Context, requirement: Requirement, check: Installed) -> Finding:
    """Pass when it is there, available, and not older than the least version, or where something stands for it."""
    stands, doubt = _instead(context, check)
    if stands:
        return _finding(
            context, requirement, Verdict.PASS, stands, [_Part(Outcome.WORKS, stands, _auto(context, check))]
        )
    snapshot = context.world.snapshot
    named = context.named(check.workload)
    found = [workload for workload in named.workloads if workload.installed and not is_gone(snapshot, workload)]
    addon = of_addon(snapshot, check.addon) if check.addon else None
    if not found and addon is None:
        return _absent(context, requirement, check, doubt)
    parts = [_version(context, check, found), *_spaces(check, found)]
    if check.ready:
        parts += [_of(of_workload(snapshot, workload)) for workload in found]
        parts += [_of(addon)] if addon is not None else []
    parts += [_of(of_definition(snapshot, name)) for name in check.definitions]
    if not found:
        parts.append(_unfound(context, check))
    elif addon is None and check.ready and check.addon and (missing := snapshot.missing(kinds.ADDONS)) is not None:
        parts.append(_Part(Outcome.WORKS, "", note=f"whether EKS manages it was not read: {missing}"))
    tally = fold([[part.outcome for part in parts]])
    verdict = tally.verdict
    if verdict is Verdict.FAIL and doubt is not None:
        verdict = Verdict.UNKNOWN
        parts.append(_Part(Outcome.UNKNOWN, "", unknown=doubt))
    return _finding(context, requirement, verdict, _summary(check, found, parts, verdict), parts, tally)


def _instead(context: Context, check: Installed) -> tuple[str, Unknown | None]:
    """What stands for it, in a clause; else why something may."""
    doubt: Unknown | None = None
    if check.instead:
        answer = evaluate(check.instead, names(context, check.using))
        if answer is True:
            return check.instead_says or f"something else stands for {check.workload}", None
        doubt = answer if isinstance(answer, Unknown) else None
    if check.built_in:
        snapshot = context.world.snapshot
        clusters = snapshot.objects(kinds.CLUSTERS)
        if any(cluster.compute_config.enabled for cluster in clusters):
            return f"EKS Auto Mode brings {check.addon or check.workload}", None
        if not clusters:
            doubt = doubt or snapshot.missing(kinds.CLUSTERS)
    return "", doubt


def _auto(context: Context, check: Installed) -> tuple[Ref, ...]:
    clusters = context.world.snapshot.objects(kinds.CLUSTERS)
    if check.built_in and clusters and clusters[0].compute_config.enabled:
        return (Ref(kinds.CLUSTERS.name, clusters[0].name, "computeConfig.enabled", "true"),)
    return tuple(Ref(name, "*", "", check.instead_says or "stands for it") for name in check.using)


def _absent(context: Context, requirement: Requirement, check: Installed, doubt: Unknown | None) -> Finding:
    """Neither a controller nor an add-on was found."""
    snapshot = context.world.snapshot
    unread = [context.named(check.workload).missing]
    unread += [snapshot.missing(kinds.ADDONS)] if check.addon else []
    unknown = [*(item for item in unread if item is not None), *([doubt] if doubt is not None else [])]
    if unknown:
        parts = [_Part(Outcome.UNKNOWN, "", unknown=item) for item in unknown]
        text = f"whether {check.workload} is installed is not known"
        return _finding(context, requirement, Verdict.UNKNOWN, text, parts)
    verdict = Verdict.NOT_APPLICABLE if requirement.absent == "not-applicable" else Verdict.FAIL
    text = f"{check.workload} is not installed"
    evidence = (Ref(kinds.ADDONS.name, check.addon, "", "no such add-on"),) if check.addon else ()
    return _finding(context, requirement, verdict, text, [_Part(Outcome.BLOCKED, text, evidence)])


def _unfound(context: Context, check: Installed) -> _Part:
    """EKS has the add-on, and no controller of it was found."""
    missing = context.named(check.workload).missing
    if missing is not None:
        return _Part(Outcome.WORKS, "", note=f"its pods were not looked at: {missing}")
    # EKS calls an add-on active whose pods somebody deleted: that it runs is for the cluster to say.
    what = f"EKS has the add-on {check.addon}, and no controller of {check.workload} was found in the cluster"
    return _Part(Outcome.UNKNOWN, "", unknown=Unknown(Cause.NOT_ANSWERABLE, what, "kubectl get pods -A"))


def _version(context: Context, check: Installed, found: list[Workload]) -> _Part:
    told = versions(context.world.snapshot, check, found)
    if isinstance(told, Unknown) or told is None:
        if not check.at_least:
            return _Part(Outcome.WORKS, "")
        what = Unknown(
            Cause.NOT_ANSWERABLE, f"nothing that was read tells the version of {check.workload}", "helm list -A"
        )
        return _Part(Outcome.UNKNOWN, "", unknown=told or what)
    evidence = tuple(item.ref for item in told)
    if not check.at_least:
        return _Part(Outcome.WORKS, _said(told[0]), evidence)
    answers = [(item, too_old(item, check.at_least)) for item in told]
    old = next((item for item, answer in answers if answer is True), None)
    if old is not None:
        return _Part(Outcome.BLOCKED, f"{_said(old)}, less than {check.at_least}", evidence)
    unknown = next((answer for _, answer in answers if isinstance(answer, Unknown)), None)
    if unknown is not None:
        return _Part(Outcome.UNKNOWN, "", evidence, unknown)
    return _Part(Outcome.WORKS, _said(told[0]), evidence)


def _said(found: Found) -> str:
    return f"version {found.version or 'not named'} by {found.source}"


def _spaces(check: Installed, found: list[Workload]) -> list[_Part]:
    """Where it is, if that is not where it is expected; that changes nothing."""
    elsewhere = unique(workload.namespace for workload in found if workload.namespace != check.namespace)
    if not check.namespace or not elsewhere:
        return []
    note = f"{check.workload} is in namespace {listed(elsewhere)}; the document expects {check.namespace}"
    return [_Part(Outcome.WORKS, "", note=note)]


def _of(ready: Ready) -> _Part:
    return _Part(ready.outcome, ready.text, ready.evidence, ready.unknown, ready.note)


def _summary(check: Installed, found: list[Workload], parts: list[_Part], verdict: Verdict) -> str:
    what = listed([workload.id for workload in found][:3]) if found else f"EKS add-on {check.addon}"
    broken = [part.text for part in parts if part.outcome is Outcome.BLOCKED and part.text]
    if verdict is Verdict.UNKNOWN:
        return f"whether {check.workload} is whole and new enough is not known"
    if broken:
        return f"{check.workload}: {'; '.join(broken)}"
    said = [part.text for part in parts if part.text]
    return f"{check.workload}: {what}" + (f", {', '.join(said)}" if said else "")


def _finding(
    context: Context,
    requirement: Requirement,
    verdict: Verdict,
    summary: str,
    parts: list[_Part],
    tally: Tally | None = None,
) -> Finding:
    # What decides stands first.
    order = (Outcome.BLOCKED, Outcome.VARIES, Outcome.UNKNOWN, Outcome.WORKS)
    parts = sorted(parts, key=lambda part: order.index(part.outcome))
    counted = tally if tally is not None and tally.verdict is verdict else Tally(verdict)
    return finding(
        context,
        requirement,
        counted,
        summary,
        evidence=(ref for part in parts for ref in part.evidence),
        unknowns=(part.unknown for part in parts if part.unknown is not None),
        notes=(part.note for part in parts if part.note),
    )
