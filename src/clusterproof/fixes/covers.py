"""What lets a DaemonSet run on every node of a set: tolerations for the taints that refuse it.

Only taints are mended: where its own selector or affinity keeps it away somebody meant that.
Source: Kubernetes documentation, "Taints and Tolerations"; kubectl reference, ``kubectl patch`` (JSON patch, RFC 6902).
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from clusterproof.checks.context import Context
from clusterproof.checks.covers import lacking
from clusterproof.checks.finding import Finding
from clusterproof.checks.parties import on_nodes
from clusterproof.fixes.draft import Draft, MadeBy
from clusterproof.profiles.model import Covers, Requirement, Subject
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.kubernetes import Taint
from clusterproof.snapshot.overlay import SetField
from clusterproof.world.model import NodeClass, Workload

_PATH = "spec.template.spec.tolerations"


def draft(context: Context, requirement: Requirement, _finding: Finding) -> Draft:
    """A patch for each DaemonSet that taints keep from a node of the set; sentences for what else keeps it away."""
    check = requirement.check.covers
    if check is None:
        return Draft()
    side = on_nodes(context, Subject(workload=check.workload, on=check.on))
    classes = [item for item in context.world.classes if item.group in side.on and not item.fargate]
    workloads = [party.workload for party in side.parties if party.workload is not None]
    found = _twice(context, check, workloads, classes)
    if found.advice:
        # Where two run on one node, a toleration more mends nothing.
        return found
    for workload in workloads:
        if workload.ref is not None and workload.ref.kind == kinds.DAEMON_SETS.name:
            found += _for(context, workload, classes)
    return found


def _twice(context: Context, check: Covers, workloads: list[Workload], classes: list[NodeClass]) -> Draft:
    if not check.once:
        return Draft()
    ids = {item.id for item in classes}
    where = {
        workload.id: {place.node_class.id for place in context.places(workload).places if place.node_class.id in ids}
        for workload in workloads
    }
    names = [name for name, found in where.items() if any(found & other for one, other in where.items() if one != name)]
    if not names:
        return Draft()
    text = f"of {', '.join(sorted(names))} only one may stay on a node: uninstall the others"
    return Draft(advice=(f"not proven: {text}",), why=text)


def _for(context: Context, workload: Workload, classes: list[NodeClass]) -> Draft:
    ref = workload.ref
    raw = context.world.snapshot.raw(kinds.DAEMON_SETS, ref.key) if ref is not None else None
    if ref is None or raw is None:
        return Draft()
    wanted: dict[tuple[str, str], Taint] = {}
    refused = {item.node_class.id: item.feasibility for item in context.places(workload).refused}
    said: list[str] = []
    for item in classes:
        feasibility = refused.get(item.id)
        if feasibility is None:
            continue
        missing = lacking(workload, item)
        if feasibility.plugin != "TaintToleration" or not missing:
            said.append(f"not proven: {workload.id} does not run on {item.group}: {feasibility.reason}")
        wanted |= {(taint.key, taint.effect): taint for taint in missing}
    if not wanted:
        return Draft(advice=tuple(dict.fromkeys(said)), why=said[0].removeprefix("not proven: ") if said else "")
    held: list[dict[str, Any]] = list(raw["spec"]["template"]["spec"].get("tolerations") or [])
    more = [{"key": key, "operator": "Exists", "effect": effect} for key, effect in sorted(wanted)]
    edit = SetField(kinds.DAEMON_SETS.name, ref.key, _PATH, [*held, *more])
    namespace, _, name = ref.key.partition("/")
    patch = json.dumps([{"op": "add", "path": f"/{_PATH.replace('.', '/')}", "value": edit.value}])
    command = (
        f"kubectl patch daemonset {shlex.quote(name)} -n {shlex.quote(namespace)} --type=json -p {shlex.quote(patch)}"
    )
    taints_text = ", ".join(f"{key}:{effect}" for key, effect in sorted(wanted))
    change = MadeBy(
        f"let DaemonSet {ref.key} tolerate {taints_text}",
        Ref(kinds.DAEMON_SETS.name, ref.key, _PATH),
        {"kubectl": command},
    )
    return Draft((edit,), (change,), tuple(dict.fromkeys(said)))
