"""Without which kinds a requirement of the served world may pass all the same, each with the reason."""

from __future__ import annotations

from tests.checks.test_unknown_matrix import INDEPENDENT, OTHER_POLICIES, UNCLAIMED
from tests.faults.cells import CIRCLES, SECOND, Cell, profile

_NEEDED_HERE = {
    "nodepools": "their definition is served, so there may be NodePools that make other nodes",
    "fargate-profiles": "the list names one",
}
"""Kinds that other worlds do without, and this one does not."""
REACH: dict[str, str] = {name: why for name, why in INDEPENDENT.items() if name not in _NEEDED_HERE} | {
    **dict.fromkeys(sorted(OTHER_POLICIES), INDEPENDENT["networkpolicies"]),
    "eniconfigs": "custom networking is off",
    **dict.fromkeys(
        ("addons", "addon-names", "pod-identity-associations", "pod-identity-association-ids"),
        "no rule of this profile reads them",
    ),
}
"""For all reach requirements."""

_ONE_PLACE = "one place that is known is enough; others that are not known take nothing from it"
_NETWORK = "whether a pod can be scheduled does not rest on networks"
SCHEDULING: dict[str, str] = REACH | {
    "nodes": "the node groups' templates and instance types show a place",
    "nodegroups": _ONE_PLACE,
    "auto-scaling-groups": _ONE_PLACE,
    "launch-template-versions": _ONE_PLACE,
    "nodepools": _ONE_PLACE,
    "persistentvolumeclaims": "neither has volumes",
    "persistentvolumes": "neither has volumes",
    "services": "neither is found by a Service",
    "clusters": _NETWORK,
    "network-acls": _NETWORK,
    "route-tables": _NETWORK,
    "security-groups": _NETWORK,
    "subnets": _NETWORK,
}
"""For the requirements on where pods can be scheduled."""
_ASSUMED = "the Job is not installed: its template is the profile's own, and found in no list"
VALIDATOR: dict[str, str] = dict.fromkeys(
    ("pods", "deployments", "statefulsets", "daemonsets", "replicasets", "jobs", "cronjobs"), _ASSUMED
)

_ON_PAGE_1 = {("persistentvolumeclaims", "etcd-from-gpu-nodes"), ("persistentvolumes", "nats-from-gpu-nodes")}

RECOVERED: dict[str, str] = {
    "eks:ListNodegroups": "the Auto Scaling groups' tags name every node group",
    "eks:ListClusters": "what is unknown is the cluster itself, and all that is asked for by its name",
}
"""Calls that list a kind which is complete without them."""


LATER = {"requests-from-frontend", "responses-from-workers", "zmq-from-frontend"}
"""Requirements that only a later version of Dynamo brings, so that they rest on which one is installed."""


def excuse(cell: Cell, kind: str, requirement: str) -> str:
    """Why a requirement may pass in a cell although the kind is incomplete; empty when it may not."""
    if requirement == "validator-can-be-scheduled" and kind in VALIDATOR:
        return VALIDATOR[kind]
    if next(one for one in profile().requirements if one.id == requirement).check.schedulable is not None:
        return SCHEDULING.get(kind, "")
    if kind == "helmreleases" and requirement in LATER:
        return ""
    if kind in REACH:
        return REACH[kind]
    if kind in ("persistentvolumeclaims", "persistentvolumes"):
        if requirement in UNCLAIMED:
            return "its pods have no volumes"
        if cell.fault in (*SECOND, CIRCLES) and (kind, requirement) in _ON_PAGE_1:
            return "what its pods claim is on the page that was read"
    if kind == "launch-template-versions" and cell.fault in (*SECOND, CIRCLES):
        return "the version that each group names is on the page that was read"
    if kind in ("network-acls", "route-tables") and cell.call == "ec2:DescribeVpcs":
        # What these calls gave is all there: only the default, which may be another account's, is not known.
        return "each subnet on the way is associated with its own"
    if kind == "network-acls" and cell.fault == CIRCLES:
        return "each subnet's own ACL is on one of the two pages that were read"
    if kind == "services" and cell.fault == "denied in part" and requirement.startswith("dns-"):
        return "the Service that is dialled was read"
    return ""


def false_passes(cell: Cell) -> list[tuple[str, str]]:
    """The requirements that pass although a kind that they need is incomplete, with the kind."""
    return [
        (requirement, kind)
        for requirement, verdict in cell.verdicts.items()
        if verdict.value == "pass"
        for kind in cell.missing
        if not excuse(cell, kind, requirement)
    ]
