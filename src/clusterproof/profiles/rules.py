"""What must hold in a profile beyond its shape: names that exist, one member of each choice, texts that parse."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator

import msgspec

from clusterproof.profiles.endrules import end_problems, subject_problems
from clusterproof.profiles.expression import names_of, parse_check
from clusterproof.profiles.model import (
    Cel,
    Evidence,
    FindWorkload,
    Profile,
    Reach,
    Requirement,
    Subject,
    Template,
    WorkloadDefinition,
)
from clusterproof.profiles.port import parse_port
from clusterproof.profiles.shape import Problem

SLUG = r"[a-z0-9]+(-[a-z0-9]+)*"
PARAMETER_NAME = r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*"
ABSENT = ("unknown", "not-applicable")
BY = ("name", "address", "node-port", "load-balancer")
_IN_CLUSTER = re.compile(r"[a-z]+/[^/]+/[^/]+")


def rule_problems(profile: Profile) -> Iterator[Problem]:
    """Every fault of a profile whose shape is right, in the order of its members."""
    if not re.fullmatch(SLUG, profile.name):
        yield Problem("name", _slug(profile.name))
    yield from _condition(profile, profile.applies, "applies")
    yield from _parameters(profile)
    for name, found in profile.node_sets.items():
        path = f"node_sets.{name}"
        if not re.fullmatch(SLUG, name):
            yield Problem(path, _slug(name))
        for number, way in enumerate(found.find):
            yield from _evidence(profile, way, f"{path}.find[{number}]")
    for name, definition in profile.workloads.items():
        yield from _workload(profile, name, definition)
    seen: dict[str, int] = {}
    for number, requirement in enumerate(profile.requirements):
        path = f"requirements[{number}]"
        if requirement.id in seen:
            yield Problem(f"{path}.id", f"{requirement.id!r} is the id of requirements[{seen[requirement.id]}] too")
        seen.setdefault(requirement.id, number)
        yield from _requirement(profile, requirement, path)
    if not profile.requirements:
        yield Problem("requirements", "the list is empty; a profile has at least one requirement")
    known = {*seen, *profile.workloads, *profile.node_sets, *profile.parameters}
    for number, passage in enumerate(profile.passages):
        for place in passage.at:
            if place not in known:
                yield Problem(f"passages[{number}].at", _unknown("requirement or name", place, known))


def _requirement(profile: Profile, requirement: Requirement, path: str) -> Iterator[Problem]:
    if not re.fullmatch(SLUG, requirement.id):
        yield Problem(f"{path}.id", _slug(requirement.id))
    for text in ("title", "what", "why", "how", "unknown_when", "remedy"):
        if not getattr(requirement, text).strip():
            yield Problem(f"{path}.{text}", "the text is empty; every requirement has its manual")
    if requirement.absent not in ABSENT:
        yield Problem(f"{path}.absent", f"unknown value {requirement.absent!r}; write {' or '.join(ABSENT)}")
    yield from _condition(profile, requirement.applies, f"{path}.applies")
    check = requirement.check
    yield from _one_of(check, f"{path}.check")
    if check.reach is not None:
        yield from _reach(profile, check.reach, f"{path}.check.reach")
    if check.schedulable is not None:
        at = f"{path}.check.schedulable"
        yield from _subject(profile, Subject(check.schedulable.workload, check.schedulable.on), at)
    if check.cel is not None:
        yield from _objects(profile, check.cel, f"{path}.check.cel")


def _reach(profile: Profile, reach: Reach, path: str) -> Iterator[Problem]:
    yield from _subject(profile, reach.from_, f"{path}.from")
    yield from _subject(profile, reach.to, f"{path}.to")
    yield from end_problems(reach, path)
    if reach.by not in BY:
        yield Problem(f"{path}.by", f"unknown value {reach.by!r}; write {', '.join(BY[:-1])} or {BY[-1]}")
    if reach.to.services_of and not reach.port:
        return
    try:
        ports = parse_port(reach.port)
        if reach.by in ("node-port", "load-balancer") and (not reach.to.workload or ports.low != ports.high):
            yield Problem(f"{path}.by", f"{reach.by} is a way to one port of a workload; write it so, or by: address")
    except ValueError as error:
        yield Problem(f"{path}.port", str(error))


def _subject(profile: Profile, subject: Subject, path: str) -> Iterator[Problem]:
    yield from subject_problems(subject, path)
    if subject.workload and not _IN_CLUSTER.fullmatch(subject.workload):
        yield from _known("workload", subject.workload, profile.workloads, f"{path}.workload")
    for member, name in (("on", subject.on), ("hosts", subject.hosts)):
        if name:
            yield from _known("node set", name, profile.node_sets, f"{path}.{member}")


def _objects(profile: Profile, check: Cel, path: str) -> Iterator[Problem]:
    from clusterproof.snapshot.kinds import BY_NAME

    if not check.kinds:
        yield Problem(f"{path}.kinds", "the list is empty; name the kinds that the expression reads")
    for number, kind in enumerate(check.kinds):
        yield from _known("kind", kind, BY_NAME, f"{path}.kinds[{number}]")
    bound = {kind.replace("-", "_") for kind in check.kinds}
    yield from _expression(check.that, f"{path}.that", bound, profile.parameters)


def _condition(profile: Profile, condition: str, path: str) -> Iterator[Problem]:
    if condition:
        yield from _expression(condition, path, set(), profile.parameters)


def _expression(text: str, path: str, roots: set[str], parameters: Iterable[str]) -> Iterator[Problem]:
    refused = parse_check(text)
    if refused is not None:
        yield Problem(path, refused)
        return
    names = set(parameters)
    for name in names_of(text):
        if name.partition(".")[0] in roots or any(name == p or p.startswith(f"{name}.") for p in names):
            continue
        yield Problem(path, _unknown("parameter" if not roots else "parameter or kind", name, {*names, *roots}))


def _parameters(profile: Profile) -> Iterator[Problem]:
    for name, parameter in profile.parameters.items():
        path = f"parameters.{name}"
        if not re.fullmatch(PARAMETER_NAME, name):
            yield Problem(path, f"{name!r} is no name that CEL can read; write it like dynamo.version")
        for other in profile.parameters:
            if other.startswith(f"{name}."):
                yield Problem(path, f"{other!r} stands below it; a name cannot be a value and have members")
        if parameter.values and parameter.default not in parameter.values:
            yield Problem(f"{path}.default", f"{parameter.default!r} is not among values")


def _workload(profile: Profile, name: str, definition: WorkloadDefinition) -> Iterator[Problem]:
    path = f"workloads.{name}"
    if not re.fullmatch(SLUG, name):
        yield Problem(path, _slug(name))
    for number, way in enumerate(definition.find):
        yield from _way(way, f"{path}.find[{number}]")
    if definition.template is not None:
        yield from _template(definition.template, f"{path}.template")
    for value, template in definition.templates.items():
        yield from _template(template, f"{path}.templates.{value}")
    if not (definition.find or definition.template or definition.templates):
        yield Problem(path, "nothing says what it is; give find, template or templates")
    if bool(definition.choose) != bool(definition.templates):
        yield Problem(path, "templates and choose go together: choose names the parameter that picks one")
    elif definition.choose:
        yield from _known("parameter", definition.choose, profile.parameters, f"{path}.choose")
        parameter = profile.parameters.get(definition.choose)
        if parameter is not None and definition.template is None:
            for value in parameter.values or (parameter.default,):
                if value not in definition.templates:
                    yield Problem(f"{path}.templates", f"none for the value {value!r} of {definition.choose}")
            if not parameter.values:
                yield Problem(f"{path}.choose", f"{definition.choose} takes any text; list its values, or add template")


def _way(way: FindWorkload, path: str) -> Iterator[Problem]:
    if way == FindWorkload():
        yield Problem(path, "nothing is set; every workload would be found")
    if way.service_port and not way.service_labels:
        yield Problem(path, "service_port goes with service_labels; add them")
    for member in ("namespace", "name", "image"):
        yield from _pattern(getattr(way, member), f"{path}.{member}")


def _evidence(profile: Profile, way: Evidence, path: str) -> Iterator[Problem]:
    yield from _one_of(way, path)
    yield from _pattern(way.instance_type, f"{path}.instance_type")
    for member, names in (("runs", way.runs), ("hosts", way.hosts)):
        for name in names:
            yield from _known("workload", name, profile.workloads, f"{path}.{member}")


def _template(template: Template, path: str) -> Iterator[Problem]:
    """A template must be what Kubernetes takes, as far as the rules here read it."""
    from clusterproof.snapshot.kubernetes import PodTemplate

    try:
        pod = msgspec.convert({"metadata": template.metadata, "spec": template.spec}, PodTemplate)
    except msgspec.ValidationError as error:
        text, _, at = str(error).partition(" - at `$")
        inside = at.rstrip("`") or ".spec"
        yield Problem(f"{path}{inside}", f"is no pod template: {text.replace('`', '')}")
        return
    if not pod.spec.containers:
        yield Problem(f"{path}.spec", "has no containers")
    if template.image_bytes < 0:
        yield Problem(f"{path}.image_bytes", "is less than 0; it is a size in bytes")


def _pattern(pattern: str, path: str) -> Iterator[Problem]:
    try:
        re.compile(pattern)
    except re.error as error:
        yield Problem(path, f"{pattern!r} is no regular expression ({error})")


def _one_of(record: msgspec.Struct, path: str) -> Iterator[Problem]:
    """Exactly one member may be set."""
    names = [item.name for item in msgspec.structs.fields(record)]
    given = [name for name in names if getattr(record, name)]
    if len(given) != 1:
        found = " and ".join(given) if given else "nothing"
        yield Problem(path, f"exactly one of {', '.join(names)} must be set, found {found}")


def _known(what: str, name: str, known: Iterable[str], path: str) -> Iterator[Problem]:
    names = list(known)
    if name not in names:
        yield Problem(path, _unknown(what, name, names))


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names[:12]) or 'none'}"
    return f"there is no {what} {name!r}; {hint}"


def _slug(name: str) -> str:
    return f"{name!r} is no slug; write small letters, digits and hyphens, e.g. etcd-from-gpu-nodes"
