"""What makes a namespace enforce a Pod Security Standard: its label, where no pod of it would be refused then.

A label that refuses pods stops nothing that runs and lets nothing new start: where a workload of the namespace would be
refused, the label is not proposed, and what can be done instead is said.
Source: Kubernetes documentation, "Enforce Pod Security Standards with Namespace Labels" (dry run, warn and audit).
"""

from __future__ import annotations

import shlex

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.podsecurity import Judged, alike, namespace_judged, refused_in
from clusterproof.checks.standardlabels import ENFORCE
from clusterproof.fixes.draft import Draft, MadeBy
from clusterproof.profiles.model import Requirement
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Ref
from clusterproof.snapshot.overlay import SetField

_PREFIX = ENFORCE.rpartition("/")[0]


def draft(context: Context, requirement: Requirement, _finding: Finding) -> Draft:
    """A label for each namespace that may have it; what would break where one may not."""
    check = requirement.check.pod_security
    if check is None:
        return Draft()
    if check.that != "enforced":
        return Draft(why="" if requirement.remedy else "its containers' settings stand in templates of their owners")
    found = Draft()
    for name in sorted({workload.namespace for workload in context.named(check.workload).workloads}):
        if namespace_judged(context, name, check.level).outcome is Outcome.BLOCKED:
            found += _for(context, name, check.level)
    return found


def _for(context: Context, name: str, level: str) -> Draft:
    refused = refused_in(context, name, level)
    if refused:
        many = f"{len(refused)} workload{'s' if len(refused) > 1 else ''}"
        return Draft(
            advice=_instead(context, name, level, refused),
            why=f"{level} in namespace {name} would refuse new pods of {many}",
        )
    labels = {**context.world.namespaces.get(name, {}), ENFORCE: level}
    edit = SetField(kinds.NAMESPACES.name, name, "metadata.labels", labels)
    command = f"kubectl label --overwrite namespace {shlex.quote(name)} {ENFORCE}={level}"
    change = MadeBy(
        f"label namespace {name} {ENFORCE}={level}",
        Ref(kinds.NAMESPACES.name, name, "metadata.labels", f"{ENFORCE}={level}"),
        {"kubectl": command},
    )
    return Draft((edit,), (change,))


def _instead(context: Context, name: str, level: str, refused: dict[str, Judged]) -> tuple[str, ...]:
    """What enforcing the level would stop, and what can be enforced and watched until that is mended."""
    space = shlex.quote(name)
    dry = f"kubectl label --dry-run=server --overwrite namespace {space} {ENFORCE}={level}"
    watch = f"kubectl label --overwrite namespace {space} {_PREFIX}/warn={level} {_PREFIX}/audit={level}"
    if level != "baseline" and not refused_in(context, name, "baseline"):
        watch += f" {ENFORCE}=baseline"
    texts = alike(refused.values(), level)
    more = f"; and {len(texts) - 3} more" if len(texts) > 3 else ""
    return (
        f"not proven: {ENFORCE}={level} would let no new pods of these start: {'; '.join(texts[:3])}{more}",
        f"not proven: until their templates are mended: {watch}; see what would be refused: {dry}",
    )
