"""What each kind of check asks, in a clause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from clusterproof.profiles.checktypes import (
    Access,
    Cel,
    Covers,
    Each,
    Effective,
    Identity,
    Installed,
    Isolated,
    LetsOut,
    PodSecurity,
    Principal,
    Reach,
    Schedulable,
    Scope,
    Subject,
    Subnets,
)
from clusterproof.profiles.model import Check


def check_text(check: Check) -> str:
    """What a check asks, in a clause."""
    for name, text in _TEXTS.items():
        asked = getattr(check, name)
        if asked is not None:
            return text(asked)
    return ""


def reach_text(reach: Reach) -> str:
    """What a path asks, in a clause."""
    port = f"on {reach.port}, by {reach.by}" if reach.port else "at the ports that they name"
    verb = "cannot reach" if reach.closed else "reaches"
    if reach.closed:
        port = f"on {reach.port}"
    return f"{_subject(reach.from_)} {verb} {_subject(reach.to)} {port}"


def _subject(subject: Subject) -> str:
    if subject.hosts:
        return f"the host network of {subject.hosts}"
    if subject.control_plane:
        return "the control plane"
    if subject.services_of:
        return f"the Services of {', '.join(subject.services_of)}"
    if subject.load_balancer:
        whose = f" with clients at {subject.address}" if subject.address else ""
        return f"the load balancer of Service {subject.load_balancer}{whose}"
    if subject.address:
        return subject.address
    return f"{subject.workload} on {subject.on}" if subject.on else subject.workload


def _schedulable(check: Schedulable) -> str:
    return f"{check.workload} can be scheduled" + (f" on {check.on}" if check.on else "")


def _isolated(check: Isolated) -> str:
    return f"every pod of {check.workload} is selected by an enforced policy for {check.direction}"


def _lets_out(check: LetsOut) -> str:
    return f"policies let {check.workload} out to {', '.join(check.services)} on {check.port}"


def _cel(check: Cel) -> str:
    return f"over {', '.join(check.kinds)}: {_one_line(check.that)}"


def _each(check: Each) -> str:
    on = f" of {check.on}" if check.on else ""
    where = f" where {_one_line(check.where)}" if check.where else ""
    return f"each of {check.of}{on}{where}: {_one_line(check.that)}"


def _installed(check: Installed) -> str:
    what = f"{check.workload} is installed"
    if check.at_least:
        counted = {"chart": "chart", "app": "version", "addon": "add-on"}[check.version]
        what += f", {counted} {check.at_least} or later"
    what += ", and available" if check.ready else ""
    return what + (f", or {check.instead_says}" if check.instead_says else "")


def _covers(check: Covers) -> str:
    return f"{check.workload} runs on every node of {check.on}" + (", once" if check.once else "")


def _who(who: Principal) -> str:
    if who.workload:
        return f"the pods of {who.workload}"
    if who.service_account:
        return f"pods of service account {who.service_account}"
    return f"the nodes of {who.nodes}" if who.nodes else f"role {who.role}"


_ASKED = {
    "role": "get a role of AWS",
    "trust": "get a role that lets itself be assumed so",
    "one-way": "get their role in one way",
    "current-way": "get their role by Pod Identity where they could",
    "injected": "have got what they need of their role",
}


def _identity(check: Identity) -> str:
    by = {"pod-identity": " by Pod Identity", "irsa": " by IRSA"}.get(check.by, "")
    return f"{_who(check.who)} {_ASKED.get(check.that, check.that)}{by}"


def _access(check: Access) -> str:
    return f"{_who(check.who)} may {', '.join(check.actions)} on {', '.join(check.resources)}"


def _scope(check: Scope) -> str:
    return f"what {_who(check.who)} may do in {check.service} stays within {', '.join(check.within)}"


def _effective(check: Effective) -> str:
    return f"grants of {', '.join(check.actions)} to {_who(check.who)} take effect"


_SUBNETS = {
    "private": "have no route to an internet gateway",
    "way-out": "have a way out",
    "zones": "are in two or more zones",
    "tags": "carry the tags by which load balancers find them",
    "addresses": "have addresses left",
}


def _subnets(check: Subnets) -> str:
    on = f" of {check.on}" if check.on else ""
    whose = f"the nodes{on}" if check.of == "nodes" else "the cluster"
    to = f" to {', '.join(check.services)}" if check.services else ""
    return f"the subnets of {whose} {_SUBNETS.get(check.that, check.that)}{to}"


def _pod_security(check: PodSecurity) -> str:
    if check.that == "admitted":
        return f"the pods of {check.workload} keep the Pod Security Standard {check.level}"
    return f"the namespaces of {check.workload} enforce the Pod Security Standard {check.level}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


_TEXTS: dict[str, Callable[[Any], str]] = {
    "reach": reach_text,
    "isolated": _isolated,
    "lets_out": _lets_out,
    "schedulable": _schedulable,
    "cel": _cel,
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
