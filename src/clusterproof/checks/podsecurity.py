"""The check "pod security": whether pods would be admitted under a Pod Security Standard, and namespaces enforce it.

What a pod is judged by is its template, as a profile or the cluster has it, and the pods that run: webhooks and
operators add containers and settings that no template shows. Pods that run are never refused later; the next ones are.
Source: Kubernetes documentation, "Pod Security Admission"; the standards: :mod:`clusterproof.checks.standards`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.standardlabels import ENFORCE, enforced
from clusterproof.checks.standards import LEVELS, READ, Violation, violations
from clusterproof.checks.words import absence, listed, unique
from clusterproof.profiles.model import PodSecurity, Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict, fold
from clusterproof.world.model import Workload

Raw = Mapping[str, Any]
_EXEMPT = (
    "exemptions by user, namespace or runtime class stand in the API server's configuration, which is not read; "
    "EKS sets none"
)


class Judged(msgspec.Struct, frozen=True):
    """One namespace, or one workload.

    Attributes:
        outcome: whether it is as asked.
        text: why not, or what is not known; empty where it is.
        refs: where that was read.
        unknown: set where the outcome is unknown.
        who: the workload that would be refused; empty for a namespace.
        lacks: of a workload that would be refused: what it lacks, without its name.
    """

    outcome: Outcome
    text: str = ""
    refs: tuple[Ref, ...] = ()
    unknown: Unknown | None = None
    who: str = ""
    lacks: str = ""


def decide(context: Context, requirement: Requirement, check: PodSecurity) -> Finding:
    """Pass where every namespace, or every workload, is as asked; fail where one surely is not; else unknown."""
    named = context.named(check.workload)
    if check.that == "enforced":
        spaces = sorted({workload.namespace for workload in named.workloads})
        judged = [namespace_judged(context, name, check.level) for name in spaces]
        good = f"{_plural('namespace', spaces)} {_enforce(spaces)} {check.level}"
    else:
        judged = [workload_judged(context, workload, check) for workload in named.workloads]
        good = f"{listed([one.id for one in named.workloads[:3]])} would be admitted under {check.level}"
    unknowns = [one.unknown for one in judged if one.unknown is not None]
    tally = fold([[one.outcome for one in judged]]) if judged else Tally(Verdict.UNKNOWN)
    bad = [one for one in judged if one.outcome is Outcome.BLOCKED]
    if not judged:
        absent = requirement.absent == "not-applicable" and named.missing is None
        tally = Tally(Verdict.NOT_APPLICABLE if absent else Verdict.UNKNOWN)
        summary = absence(check.workload, named.missing)
    elif bad:
        told = alike(bad, check.level)
        summary = "; ".join(told[:3]) + (f"; and {len(told) - 3} more" if len(told) > 3 else "")
    elif tally.verdict is Verdict.UNKNOWN:
        summary = "; ".join(unique(one.text for one in judged if one.text))
    else:
        summary = good
    if named.missing is not None and tally.verdict in (Verdict.PASS, Verdict.UNKNOWN):
        tally = Tally(Verdict.UNKNOWN, tally.works, unknown=tally.unknown + 1)
        unknowns.append(named.missing)
        summary = summary if summary != good else f"{good}; there may be more than was read"
    notes = [_EXEMPT] if check.that == "enforced" and judged else []
    return Finding(
        id=f"{context.profile.name}/{requirement.id}",
        verdict=tally.verdict,
        level=requirement.level,
        title=requirement.title,
        summary=summary,
        source=requirement.source,
        category=requirement.category,
        cause=unknowns[0].detail if tally.verdict is Verdict.UNKNOWN and unknowns else "",
        evidence=tuple(unique(ref for one in (bad or judged) for ref in one.refs))[:8],
        tally=tally,
        unknowns=tuple(unique(unknowns)) if tally.verdict is not Verdict.PASS else (),
        notes=tuple(unique([f"{check.workload}: {named.how}", *notes, *requirement.notes])),
        symptoms=requirement.symptoms,
    )


def alike(found: Iterable[Judged], level: str) -> list[str]:
    """What is wrong, that of workloads which lack the same once, with the workloads before it."""
    same: dict[tuple[str, str], list[str]] = {}
    for one in found:
        same.setdefault((one.lacks, "" if one.lacks else one.text), []).append(one.who)
    return [_refused(who, level, lacks) if lacks else text for (lacks, text), who in same.items()]


def _refused(who: list[str], level: str, lacks: str) -> str:
    names = who if len(who) < 3 else [*who[:2], f"{len(who) - 2} more"]
    return f"{listed(names)} would be refused under {level}: {lacks}"


def _plural(word: str, names: list[str]) -> str:
    return f"{word}{'s' if len(names) > 1 else ''} {listed(names)}"


def _enforce(names: list[str]) -> str:
    return "enforce" if len(names) > 1 else "enforces"


# --- what namespaces enforce --------------------------------------------------------------------------


def namespace_judged(context: Context, name: str, level: str) -> Judged:
    """Whether a namespace enforces at least a level."""
    world = context.world
    labels = world.namespaces.get(name)
    if labels is None:
        missing = world.snapshot.missing(kinds.NAMESPACES)
        unknown = missing or Unknown(
            Cause.NOT_ANSWERABLE, f"there is no namespace {name} yet", f"create it with the label {ENFORCE}={level}"
        )
        what = f"what namespace {name} enforces is not known"
        return Judged(Outcome.UNKNOWN, f"{what}: {unknown.detail}", unknown=unknown)
    found = enforced(labels)
    shown = f"{ENFORCE}={labels[ENFORCE]}" if ENFORCE in labels else f"no label {ENFORCE}"
    ref = Ref(kinds.NAMESPACES.name, name, "metadata.labels", shown)
    if LEVELS.index(found.level) >= LEVELS.index(level):
        return Judged(Outcome.WORKS, refs=(ref,))
    how = "has no label that enforces a standard" if ENFORCE not in labels else f"enforces {found.level}"
    return Judged(Outcome.BLOCKED, f"namespace {name} {how}, not {level}", (ref,))


# --- what pods set --------------------------------------------------------------------------------------


class Pod(msgspec.Struct, frozen=True):
    """A pod that runs, or the template of the next ones.

    Attributes:
        what: in words; empty for the template.
        spec, annotations: as the API gave them.
        ref: where they were read.
    """

    what: str
    spec: dict[str, Any]
    annotations: dict[str, Any]
    ref: Ref


def workload_judged(context: Context, workload: Workload, check: PodSecurity) -> Judged:
    """Whether a workload's next pods, and those that run, keep a level."""
    minor = _minor(context)
    if isinstance(minor, Unknown):
        return Judged(Outcome.UNKNOWN, minor.detail, unknown=minor)
    found = list(pods_of(context, workload, check.workload))
    if not found:
        missing = context.world.snapshot.missing(kinds.PODS, workload.namespace)
        unknown = missing or Unknown(Cause.NOT_COLLECTED, f"the template of {workload.id} was not read")
        return Judged(Outcome.UNKNOWN, unknown.detail, unknown=unknown)
    broken: dict[tuple[Violation, ...], Pod] = {}
    for pod in found:
        told = violations(pod.spec, check.level, minor, pod.annotations)
        if told:
            broken.setdefault(told, pod)
    if not broken:
        return Judged(Outcome.WORKS, refs=tuple(pod.ref for pod in found[:2]))
    refs = tuple(
        msgspec.structs.replace(pod.ref, value="; ".join(f"{', '.join(one.who)} {one.text}" for one in told))
        for told, pod in broken.items()
    )
    lacks = _lacking(broken)
    text = _refused([workload.id], check.level, lacks)
    if any(one.certain for told in broken for one in told):
        return Judged(Outcome.BLOCKED, text, refs, who=workload.id, lacks=lacks)
    what = f"{text}; Kubernetes after 1.{READ} may let pods with user namespaces of their own pass"
    return Judged(Outcome.UNKNOWN, what, refs, Unknown(Cause.NOT_MODELLED, what))


def _minor(context: Context) -> int | Unknown:
    version = context.world.kubernetes_version
    number = version.removeprefix("v").split(".")[1:2]
    digits = "".join(char for char in number[0] if char.isdigit()) if number else ""
    if not digits:
        return Unknown(Cause.NOT_COLLECTED, "which version of Kubernetes this is was not read, nor its standards known")
    return int(digits)


def pods_of(context: Context, workload: Workload, name: str) -> Iterator[Pod]:
    """The template of a workload and its pods that were read.

    Args:
        context: its snapshot and profile are read.
        workload: one of those that were found.
        name: the profile's name of it.
    """
    template = _template(context, workload, name)
    if template is not None:
        yield template
    for pod in workload.pod_names:
        key = f"{workload.namespace}/{pod}"
        raw = context.world.snapshot.raw(kinds.PODS, key)
        if raw is not None and not (workload.kind == "Pod" and template is not None):
            yield Pod(f"pod {pod}", raw.get("spec") or {}, _annotations(raw), Ref(kinds.PODS.name, key, "spec"))


def _annotations(raw: Raw) -> dict[str, Any]:
    return dict((raw.get("metadata") or {}).get("annotations") or {})


def _template(context: Context, workload: Workload, name: str) -> Pod | None:
    if not workload.installed:
        definition = context.profile.workloads.get(name)
        own = definition and (
            definition.template or definition.templates.get(context.values.get(definition.choose, ""))
        )
        if not own:
            return None
        at = Ref("profile", name, "template")
        return Pod("", own.spec, dict(own.metadata.get("annotations") or {}), at)
    ref = workload.ref
    kind = kinds.BY_NAME.get(ref.kind) if ref is not None else None
    raw = context.world.snapshot.raw(kind, ref.key) if kind is not None and ref is not None else None
    if raw is None or ref is None:
        return None
    spec: Any = raw.get("spec") or {}
    if ref.kind == kinds.PODS.name:
        return Pod("", spec, _annotations(raw), Ref(ref.kind, ref.key, "spec"))
    path = "spec.template.spec"
    if "jobTemplate" in spec:
        spec, path = (spec["jobTemplate"] or {}).get("spec") or {}, "spec.jobTemplate.spec.template.spec"
    made = spec.get("template")
    if not made:
        return None
    return Pod("", made.get("spec") or {}, _annotations(made), Ref(ref.kind, ref.key, path))


_MUST_SET, _OR_POD = "must set securityContext.", " (or the pod must)"
"""How most violations begin and end; what is common to several is said once."""


def _lacking(broken: Mapping[tuple[Violation, ...], Pod]) -> str:
    """What would be refused, containers that lack the same together; of pods only what their template does not say already."""
    said: set[tuple[str, str]] = set()
    parts: list[str] = []
    for told, pod in broken.items():
        by_container: dict[str, list[str]] = {}
        for one in told:
            for who in one.who:
                if (who, one.text) not in said:
                    said.add((who, one.text))
                    by_container.setdefault(who, []).append(one.text)
        same: dict[tuple[str, ...], list[str]] = {}
        for who, texts in by_container.items():
            same.setdefault(tuple(texts), []).append(who)
        whole = "; ".join(f"{_who(who)} {_must(texts)}" for texts, who in same.items())
        if whole:
            parts.append(f"{pod.what}: {whole}" if pod.what else whole)
    return "; ".join(parts)


def _who(names: Iterable[str]) -> str:
    """Those that lack the same: ``containers a and b``, ``volume v``, ``the pod``."""
    found = list(names)
    containers = [name for name in found if name != "pod" and not name.startswith("volume ")]
    own = [_plural("container", containers)] if containers else []
    return listed(own + ["the pod" if name == "pod" else name for name in found if name not in containers])


def _must(texts: Iterable[str]) -> str:
    """Several clauses as one: what is to be set in a security context in one list."""
    found = list(texts)
    fields = [text.removeprefix(_MUST_SET).removesuffix(_OR_POD) for text in found if text.startswith(_MUST_SET)]
    rest = [text for text in found if not text.startswith(_MUST_SET)]
    own = [f"must set {listed(fields)} in securityContext"] if fields else []
    return ", ".join(own + rest)


def refused_in(context: Context, namespace: str, level: str) -> dict[str, Judged]:
    """The workloads of a namespace whose next pods a level would refuse, or may, with what they lack."""
    result: dict[str, Judged] = {}
    for workload in _in_namespace(context.world.workloads, namespace):
        judged = workload_judged(context, workload, PodSecurity(workload.id, level, "admitted"))
        if judged.outcome is not Outcome.WORKS:
            result[workload.id] = judged
    return result


def _in_namespace(workloads: Iterable[Workload], namespace: str) -> Iterator[Workload]:
    return (workload for workload in workloads if workload.namespace == namespace and workload.installed)
