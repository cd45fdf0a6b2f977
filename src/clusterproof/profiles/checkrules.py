"""What must hold in the kinds of check beyond paths: names that exist, expressions and templates that parse, options."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from clusterproof.profiles.checktypes import (
    Access,
    Covers,
    Each,
    Effective,
    Identity,
    Installed,
    Isolated,
    LetsOut,
    Mend,
    PodSecurity,
    Principal,
    Scope,
    Subnets,
)
from clusterproof.profiles.expression import names_of, parse_check
from clusterproof.profiles.functions import is_version
from clusterproof.profiles.memberpath import steps
from clusterproof.profiles.model import Check, Profile, Requirement
from clusterproof.profiles.port import parse_port
from clusterproof.profiles.sayings import known, one_of, pattern, unknown
from clusterproof.profiles.shape import Problem
from clusterproof.profiles.template import split

IT = "it"
CLUSTER = ("name", "region", "account", "partition", "version", "issuer", "time")
"""Members of ``cluster`` in expressions."""
NONE = ("fail", "pass", "not-applicable", "unknown")
VERSIONS = ("chart", "app", "addon")
IDENTITY = ("role", "trust", "one-way", "current-way", "injected")
WAYS = ("any", "pod-identity", "irsa")
SUBNETS_OF = ("cluster", "nodes")
SUBNETS = ("private", "way-out", "zones", "tags", "addresses")
LEVELS = ("baseline", "restricted")
POD_SECURITY = ("enforced", "admitted")
DIRECTIONS = ("egress", "ingress")
STYLES = ("aws-cli", "kubectl", "helm", "terraform")
SETTABLE = ("nodes", "nodegroups", "auto-scaling-groups", "nodepools")
"""Kinds that a node set can limit."""
_IN_CLUSTER = re.compile(r"[a-z]+/[^/]+/[^/]+")
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*?]+")
_SERVICE_ACCOUNT = re.compile(r"[^/]+/[^/]+")
_UNSAFE = (("<<", "a here-document"), ("`", "a command in backticks"), ("$(", "a command in $(...)"))


def using_of(check: Check) -> tuple[str, ...]:
    """The kinds that the expressions of a check's own mends may name, besides the parameters and ``cluster``."""
    for asked in (check.each, check.installed):
        if asked is not None:
            return asked.using
    return check.cel.kinds if check.cel is not None else ()


def check_problems(profile: Profile, check: Check, path: str) -> Iterator[Problem]:
    """Faults of the kinds of check that are told here."""
    for name, told in _KINDS.items():
        asked = getattr(check, name)
        if asked is not None:
            yield from told(profile, asked, f"{path}.{name}")


def mend_problems(profile: Profile, requirement: Requirement, path: str) -> Iterator[Problem]:
    """Faults of a requirement's own ways to mend it."""
    each = requirement.check.each
    for number, mend in enumerate(requirement.mends):
        yield from _mend(profile, requirement, mend, f"{path}.mends[{number}]")
        if mend.set and each is None:
            yield Problem(f"{path}.mends[{number}].set", "set goes with an each, whose objects it mends; write put")


def parameter_problems(profile: Profile) -> Iterator[Problem]:
    """Faults of how parameters are found, of what is read besides, and of what is declared."""
    for name, parameter in profile.parameters.items():
        path = f"parameters.{name}"
        if name.partition(".")[0] in (IT, "cluster"):
            yield Problem(path, f"{name.partition('.')[0]!r} means something else in expressions; take another name")
        yield from _kinds(parameter.using, f"{path}.using")
        if parameter.helm and parameter.find:
            yield Problem(f"{path}.find", "helm finds it already; leave one of the two out")
        if parameter.find:
            yield from expression_problems(parameter.find, f"{path}.find", _bound(parameter.using), ())
        elif parameter.using:
            yield Problem(f"{path}.using", "using goes with find; leave it out")
    for member in ("queues", "buckets", "roles"):
        for number, text in enumerate(getattr(profile.reads, member)):
            yield from template_problems(text, f"reads.{member}[{number}]", {"cluster"}, profile.parameters)
    if profile.no_guardrails:
        yield from expression_problems(profile.no_guardrails, "no_guardrails", set(), profile.parameters)


def document_problems(profile: Profile) -> Iterator[Problem]:
    """Faults of the document's own checklist and commands."""
    ids = [requirement.id for requirement in profile.requirements]
    for number, section in enumerate(profile.checklist):
        for place, box in enumerate(section.boxes):
            path = f"checklist[{number}].boxes[{place}].by"
            if not box.by:
                yield Problem(path, "the list is empty; name the requirements that fill the box")
            for name in box.by:
                yield from known("requirement", name, ids, path)
    for number, command in enumerate(profile.commands):
        for name in command.by:
            yield from known("requirement", name, ids, f"commands[{number}].by")
        if bool(command.instead) != bool(command.why):
            yield Problem(f"commands[{number}]", "instead and why go together: what works, and why run does not")


def expression_problems(text: str, path: str, roots: set[str], parameters: Iterable[str]) -> Iterator[Problem]:
    """Faults of one expression: that it does not parse, or names what is not there."""
    refused = parse_check(text)
    if refused is not None:
        yield Problem(path, refused)
        return
    names = set(parameters)
    for name in names_of(text):
        root, _, member = name.partition(".")
        if root == "cluster" and root in roots:
            if member.partition(".")[0] not in ("", *CLUSTER):
                yield Problem(path, unknown("member of cluster", member, CLUSTER))
            continue
        if root in roots or any(name == p or p.startswith(f"{name}.") for p in names):
            continue
        what = "parameter or kind" if roots - {"cluster", IT} else "parameter"
        yield Problem(path, unknown(what, name, {*names, *roots}))


def template_problems(text: Any, path: str, roots: set[str], parameters: Iterable[str]) -> Iterator[Problem]:
    """Faults of the expressions in a text, list or mapping with ``${...}``."""
    if isinstance(text, str):
        pairs = list(split(text))
        for _, expression in pairs[:-1]:
            yield from expression_problems(expression, path, roots, parameters)
        if sum(literal.count("${") for literal, _ in pairs) > text.count("$${"):
            yield Problem(path, "a ${ is not closed; $${ stands for ${ itself")
    elif isinstance(text, dict):
        for key, item in text.items():
            yield from template_problems(key, path, roots, parameters)
            yield from template_problems(item, f"{path}.{key}", roots, parameters)
    elif isinstance(text, (list, tuple)):
        for number, item in enumerate(text):
            yield from template_problems(item, f"{path}[{number}]", roots, parameters)


def _each(profile: Profile, check: Each, path: str) -> Iterator[Problem]:
    yield from _kinds((check.of,), f"{path}.of", single=True)
    yield from _kinds(check.using, f"{path}.using")
    roots = {IT, "cluster", *_bound(check.using)}
    yield from expression_problems(check.that, f"{path}.that", roots, profile.parameters)
    if check.where:
        yield from expression_problems(check.where, f"{path}.where", roots, profile.parameters)
    yield from template_problems(check.says, f"{path}.says", roots, profile.parameters)
    yield from template_problems(check.remark, f"{path}.remark", roots, profile.parameters)
    yield from template_problems(check.none_says, f"{path}.none_says", roots - {IT}, profile.parameters)
    if check.on:
        yield from known("node set", check.on, profile.node_sets, f"{path}.on")
        if check.of not in SETTABLE:
            yield Problem(f"{path}.on", f"a node set limits {', '.join(SETTABLE)}; leave on out for {check.of}")
    for number, show in enumerate(check.show):
        yield from _path(show, f"{path}.show[{number}]")
    yield from _choice(check.none, NONE, f"{path}.none")


def _installed(profile: Profile, check: Installed, path: str) -> Iterator[Problem]:
    yield from _workload(profile, check.workload, f"{path}.workload", named=True)
    yield from _choice(check.version, VERSIONS, f"{path}.version")
    if check.at_least and not is_version(check.at_least):
        yield Problem(f"{path}.at_least", f"{check.at_least!r} is no version such as 1.2.0")
    yield from pattern(check.image, f"{path}.image")
    if check.image and not _groups(check.image):
        yield Problem(f"{path}.image", "it has no group; put the version in parentheses: plugin:v(.*)")
    if check.version == "addon" and not check.addon:
        yield Problem(f"{path}.addon", "version: addon goes with the add-on's name; add it")
    yield from _kinds(check.using, f"{path}.using")
    if check.instead:
        roots = {"cluster", *_bound(check.using)}
        yield from expression_problems(check.instead, f"{path}.instead", roots, profile.parameters)
        if not check.instead_says:
            yield Problem(f"{path}.instead_says", "say what stands for it, in a clause")
    elif check.instead_says:
        yield Problem(f"{path}.instead_says", "it goes with instead; leave it out")


def _covers(profile: Profile, check: Covers, path: str) -> Iterator[Problem]:
    yield from _workload(profile, check.workload, f"{path}.workload", named=True)
    yield from known("node set", check.on, profile.node_sets, f"{path}.on")


def _isolated(profile: Profile, check: Isolated, path: str) -> Iterator[Problem]:
    yield from _workload(profile, check.workload, f"{path}.workload")
    yield from _choice(check.direction, DIRECTIONS, f"{path}.direction")


def _lets_out(profile: Profile, check: LetsOut, path: str) -> Iterator[Problem]:
    yield from _workload(profile, check.workload, f"{path}.workload")
    if not check.services:
        yield Problem(f"{path}.services", "the list is empty; name services as in a VPC endpoint's name, e.g. sqs")
    try:
        ports = parse_port(check.port)
    except ValueError as error:
        yield Problem(f"{path}.port", str(error))
    else:
        if ports.low != ports.high:
            yield Problem(f"{path}.port", "a range; write the one port that the services listen on")


def _identity(profile: Profile, check: Identity, path: str) -> Iterator[Problem]:
    yield from _principal(profile, check.who, f"{path}.who")
    if check.who.nodes:
        yield Problem(f"{path}.who.nodes", "nodes have no service account; write workload or service_account")
    yield from _choice(check.that, IDENTITY, f"{path}.that")
    yield from _choice(check.by, WAYS, f"{path}.by")


def _access(profile: Profile, check: Access, path: str) -> Iterator[Problem]:
    yield from _principal(profile, check.who, f"{path}.who")
    yield from _actions(profile, check.actions, f"{path}.actions")
    if not check.resources:
        yield Problem(f"{path}.resources", 'the list is empty; write the ARNs, or ["*"]')
    from clusterproof.snapshot.kinds import BY_NAME

    roots = {"cluster", *(name.replace("-", "_") for name in BY_NAME)}
    yield from template_problems(check.resources, f"{path}.resources", roots, profile.parameters)
    yield from template_problems(check.given, f"{path}.given", roots, profile.parameters)


def _scope(profile: Profile, check: Scope, path: str) -> Iterator[Problem]:
    yield from _principal(profile, check.who, f"{path}.who")
    if not re.fullmatch(r"[a-z0-9-]+", check.service):
        yield Problem(f"{path}.service", f"{check.service!r} is no service's prefix such as sqs")
    if not check.within:
        yield Problem(f"{path}.within", "the list is empty; name what the grants must lie within")
    yield from template_problems(check.within, f"{path}.within", {"cluster"}, profile.parameters)
    yield from _actions(profile, check.except_actions, f"{path}.except_actions", some=False)


def _effective(profile: Profile, check: Effective, path: str) -> Iterator[Problem]:
    yield from _principal(profile, check.who, f"{path}.who")
    yield from _actions(profile, check.actions, f"{path}.actions")


def _subnets(profile: Profile, check: Subnets, path: str) -> Iterator[Problem]:
    yield from _choice(check.of, SUBNETS_OF, f"{path}.of")
    yield from _choice(check.that, SUBNETS, f"{path}.that")
    if check.on:
        yield from known("node set", check.on, profile.node_sets, f"{path}.on")
        if check.of != "nodes":
            yield Problem(f"{path}.on", "a node set limits of: nodes; leave on out")
    if check.services and check.that != "way-out":
        yield Problem(f"{path}.services", "services go with that: way-out; leave them out")


def _pod_security(profile: Profile, check: PodSecurity, path: str) -> Iterator[Problem]:
    yield from _workload(profile, check.workload, f"{path}.workload", named=True)
    yield from _choice(check.level, LEVELS, f"{path}.level")
    yield from _choice(check.that, POD_SECURITY, f"{path}.that")


_KINDS: dict[str, Any] = {
    "isolated": _isolated,
    "lets_out": _lets_out,
    "each": _each,
    "installed": _installed,
    "covers": _covers,
    "identity": _identity,
    "access": _access,
    "scope": _scope,
    "effective": _effective,
    "subnets": _subnets,
    "pod_security": _pod_security,
}


def _principal(profile: Profile, who: Principal, path: str) -> Iterator[Problem]:
    yield from one_of(who, path)
    if who.workload:
        yield from _workload(profile, who.workload, f"{path}.workload", named=True)
    if who.nodes:
        yield from known("node set", who.nodes, profile.node_sets, f"{path}.nodes")
    for member in ("service_account", "role"):
        yield from template_problems(getattr(who, member), f"{path}.{member}", {"cluster"}, profile.parameters)
    if who.service_account and "${" not in who.service_account and not _SERVICE_ACCOUNT.fullmatch(who.service_account):
        yield Problem(f"{path}.service_account", f"{who.service_account!r} is not namespace/name")


def _actions(profile: Profile, actions: tuple[str, ...], path: str, *, some: bool = True) -> Iterator[Problem]:
    if some and not actions:
        yield Problem(path, "the list is empty; name the actions, like sqs:SendMessage")
    for number, action in enumerate(actions):
        if "${" in action:
            yield from template_problems(action, f"{path}[{number}]", {"cluster"}, profile.parameters)
        elif not _ACTION.fullmatch(action):
            yield Problem(f"{path}[{number}]", f"{action!r} is no action such as sqs:SendMessage")


def _mend(profile: Profile, requirement: Requirement, mend: Mend, path: str) -> Iterator[Problem]:
    from clusterproof.snapshot.kinds import BY_NAME

    roots = {"cluster", *_bound(using_of(requirement.check))}
    if requirement.check.each is not None:
        roots.add(IT)
    for member in ("text", "set", "put", "commands", "advice"):
        yield from template_problems(getattr(mend, member), f"{path}.{member}", roots, profile.parameters)
    if not mend.text.strip():
        yield Problem(f"{path}.text", "say what is changed, in a clause")
    if not (mend.set or mend.put or mend.commands):
        yield Problem(path, "nothing is changed; give set, put or commands")
    for at in mend.set:
        yield from _path(at, f"{path}.set")
    for number, item in enumerate(mend.put):
        where = f"{path}.put[{number}]"
        if set(item) != {"kind", "object"} or not isinstance(item.get("object"), dict):
            yield Problem(where, "write {kind: KIND, object: {...}}")
        elif "${" not in str(item["kind"]):
            yield from known("kind", str(item["kind"]), BY_NAME, f"{where}.kind")
    for style, text in mend.commands.items():
        if style not in STYLES:
            yield Problem(f"{path}.commands", unknown("style", style, STYLES))
        elif style != "terraform":
            bare = "".join(literal for literal, _ in split(text))
            for mark, what in _UNSAFE:
                if mark in bare:
                    yield Problem(
                        f"{path}.commands.{style}", f"it holds {what}, in which values cannot be quoted safely"
                    )
        elif "<<" in text:
            yield Problem(
                f"{path}.commands.{style}", "it holds a here-document, in which values cannot be quoted safely"
            )


def _workload(profile: Profile, name: str, path: str, *, named: bool = False) -> Iterator[Problem]:
    if named or not _IN_CLUSTER.fullmatch(name):
        yield from known("workload", name, profile.workloads, path)


def _kinds(names: Iterable[str], path: str, *, single: bool = False) -> Iterator[Problem]:
    from clusterproof.snapshot.kinds import BY_NAME

    for number, name in enumerate(names):
        yield from known("kind", name, BY_NAME, path if single else f"{path}[{number}]")


def _bound(using: Iterable[str]) -> set[str]:
    return {name.replace("-", "_") for name in using}


def _choice(value: str, choices: tuple[str, ...], path: str) -> Iterator[Problem]:
    if value not in choices:
        yield Problem(path, f"unknown value {value!r}; write {', '.join(choices[:-1])} or {choices[-1]}")


def _path(text: str, path: str) -> Iterator[Problem]:
    try:
        steps(text)
    except ValueError as error:
        yield Problem(path, str(error))


def _groups(text: str) -> int:
    try:
        return re.compile(text).groups
    except re.error:
        return 1  # said already


__all__ = ["check_problems", "document_problems", "mend_problems", "parameter_problems", "using_of"]
