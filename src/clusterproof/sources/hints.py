"""What names say: of kinds (on the wire, on a command line, in a file name) and of namespaces in paths."""

from __future__ import annotations

import re
from typing import Any

from clusterproof.snapshot.kinds import ALL, BY_NAME, Kind

_SHORT = {
    "cj": "cronjobs",
    "cm": "configmaps",
    "clustertriggerauth": "clustertriggerauthentications",
    "crd": "customresourcedefinitions",
    "crds": "customresourcedefinitions",
    "asya": "asyncactors",
    "asyas": "asyncactors",
    "deploy": "deployments",
    "ds": "daemonsets",
    "ep": "endpoints",
    "hpa": "horizontalpodautoscalers",
    "netpol": "networkpolicies",
    "no": "nodes",
    "ns": "namespaces",
    "pc": "priorityclasses",
    "po": "pods",
    "pv": "persistentvolumes",
    "pvc": "persistentvolumeclaims",
    "pvcs": "persistentvolumeclaims",
    "pvs": "persistentvolumes",
    "rs": "replicasets",
    "sa": "serviceaccounts",
    "sc": "storageclasses",
    "secret": "helmreleases",
    "secrets": "helmreleases",
    "sgp": "securitygrouppolicies",
    "so": "scaledobjects",
    "sts": "statefulsets",
    "svc": "services",
    "ta": "triggerauthentications",
    "triggerauth": "triggerauthentications",
}
"""kubectl's short names and those of support bundles. Of Secrets only Helm releases are kept."""

_VERSIONS = {
    "crd.k8s.amazonaws.com": "v1alpha1",
    "vpcresources.k8s.aws": "v1beta1",
    "autoscaling": "v2",
    "asya.sh": "v1alpha1",
    "keda.sh": "v1alpha1",
}
"""Versions of groups that have no v1, or in which v1 says less."""
_LEGACY_GROUPS = {"extensions"}
"""API groups that once held kinds which have moved (Deployment, NetworkPolicy)."""


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _names() -> dict[str, Kind[Any]]:
    names: dict[str, Kind[Any]] = {}
    for kind in ALL:
        names.setdefault(_squeezed(kind.name), kind)
        if kind.origin == "kubernetes":
            names.setdefault(_squeezed(kind.wire), kind)
    for short, name in _SHORT.items():
        names.setdefault(short, BY_NAME[name])
    return names


_BY_HINT = _names()
_BY_WIRE = {(kind.group, kind.wire): kind for kind in ALL if kind.origin == "kubernetes"}
_BY_MEMBER = {kind.wire: kind for kind in ALL if kind.origin == "aws"}
_BY_OPERATION = {kind.permission.split(":")[-1].lower(): kind for kind in ALL if kind.origin == "aws"}


def kind_of_name(name: str) -> Kind[Any] | None:
    """The kind that a file's stem or an option's word names (``network-policies``, ``netpol``, ``describe-subnets``)."""
    word = re.sub(r"^(aws|kubectl|ec2|eks|get|describe|list)[-_ ]+", "", name.lower())
    word = re.sub(r"^(describe|list|get)[-_ ]+", "", word)
    return _BY_HINT.get(_squeezed(word)) or _BY_HINT.get(_squeezed(word.split(".")[0]))


def kind_of_wire(api_version: str, wire: str) -> Kind[Any] | None:
    """The kind of a Kubernetes object; without an ``apiVersion`` (items of typed lists) the wire name decides."""
    group = api_version.rpartition("/")[0]
    found = _BY_WIRE.get((group, wire))
    if found is None and (not api_version or group in _LEGACY_GROUPS):
        # In the registry's order: Kubernetes' own NetworkPolicy stands before those of plugins.
        found = next((kind for kind in ALL if kind.origin == "kubernetes" and kind.wire == wire), None)
    return found


def kind_of_resource(resource: str, group: str = "") -> Kind[Any] | None:
    """The kind that RBAC calls ``resource`` (``networkpolicies``); Secrets stand for Helm releases."""
    resource = resource.partition(".")[0]
    if resource == "secrets":
        return BY_NAME["helmreleases"]
    kind = BY_NAME.get(resource)
    return kind if kind and kind.origin == "kubernetes" and (not group or kind.group == group) else None


def kind_of_member(member: str) -> Kind[Any] | None:
    """The kind that an AWS answer's top-level member holds (``SecurityGroups``)."""
    return _BY_MEMBER.get(member)


def kind_of_operation(operation: str) -> Kind[Any] | None:
    """The kind that an AWS operation reads (``DescribeSecurityGroups``)."""
    return _BY_OPERATION.get(operation.lower())


def api_version_of(kind: Kind[Any]) -> str:
    """The ``apiVersion`` to fill in where a typed list left it out."""
    version = _VERSIONS.get(kind.group, "v1")
    return f"{kind.group}/{version}" if kind.group else version


def bundle_hint(hint: str) -> tuple[Kind[Any] | None, str, bool]:
    """Kind, namespace and whether it lists errors, from a support bundle's path.

    ``cluster-resources/pods/NS.json``, ``cluster-resources/nodes.json``, ``cluster-resources/pods-errors.json``,
    ``cluster-resources/custom-resources/PLURAL.GROUP/NS.json``
    (https://troubleshoot.sh/docs/collect/cluster-resources/).
    """
    parts = hint.rpartition("cluster-resources/")[2].split("/")
    if parts and parts[0] == "custom-resources":
        parts = parts[1:]
    if not parts:
        return None, "", False
    last = re.sub(r"\.(json|ya?ml)$", "", parts[-1])
    errors = last.endswith("-errors")
    if len(parts) == 1:
        return kind_of_name(last.removesuffix("-errors")), "", errors
    return kind_of_name(parts[0]), last, errors
