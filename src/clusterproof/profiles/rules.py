"""What must hold in a profile beyond its shape: names that exist, one member of each choice, texts that parse."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from clusterproof.profiles.checkrules import (
    check_problems,
    document_problems,
    expression_problems,
    mend_problems,
    parameter_problems,
)
from clusterproof.profiles.endrules import end_problems, subject_problems
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
from clusterproof.profiles.sayings import known, one_of, pattern, unknown
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
    yield from parameter_problems(profile)
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
    yield from document_problems(profile)
    places = {*seen, *profile.workloads, *profile.node_sets, *profile.parameters}
    for number, passage in enumerate(profile.passages):
        for place in passage.at:
            if place not in places:
                yield Problem(f"passages[{number}].at", unknown("requirement or name", place, places))


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
    yield from one_of(check, f"{path}.check")
    if check.reach is not None:
        yield from _reach(profile, check.reach, f"{path}.check.reach")
    if check.schedulable is not None:
        at = f"{path}.check.schedulable"
        yield from _subject(profile, Subject(check.schedulable.workload, check.schedulable.on), at)
    if check.cel is not None:
        yield from _objects(profile, check.cel, f"{path}.check.cel")
    yield from check_problems(profile, check, f"{path}.check")
    yield from mend_problems(profile, requirement, path)


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
        yield from known("workload", subject.workload, profile.workloads, f"{path}.workload")
    for member, name in (("on", subject.on), ("hosts", subject.hosts)):
        if name:
            yield from known("node set", name, profile.node_sets, f"{path}.{member}")


def _objects(profile: Profile, check: Cel, path: str) -> Iterator[Problem]:
    from clusterproof.snapshot.kinds import BY_NAME

    if not check.kinds:
        yield Problem(f"{path}.kinds", "the list is empty; name the kinds that the expression reads")
    for number, kind in enumerate(check.kinds):
        yield from known("kind", kind, BY_NAME, f"{path}.kinds[{number}]")
    bound = {kind.replace("-", "_") for kind in check.kinds}
    yield from expression_problems(check.that, f"{path}.that", bound, profile.parameters)


def _condition(profile: Profile, condition: str, path: str) -> Iterator[Problem]:
    if condition:
        yield from expression_problems(condition, path, set(), profile.parameters)


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
        yield from known("parameter", definition.choose, profile.parameters, f"{path}.choose")
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
        yield from pattern(getattr(way, member), f"{path}.{member}")


def _evidence(profile: Profile, way: Evidence, path: str) -> Iterator[Problem]:
    yield from one_of(way, path)
    yield from pattern(way.instance_type, f"{path}.instance_type")
    for member, names in (("runs", way.runs), ("hosts", way.hosts)):
        for name in names:
            yield from known("workload", name, profile.workloads, f"{path}.{member}")


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


def _slug(name: str) -> str:
    return f"{name!r} is no slug; write small letters, digits and hyphens, e.g. etcd-from-gpu-nodes"
