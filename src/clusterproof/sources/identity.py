"""Which cluster the files are of: one, or an error that names two."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeVar

from clusterproof.errors import InputError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import Meta
from clusterproof.sources.gather import Gathered

T = TypeVar("T")

_ARN = re.compile(r"arn:[\w-]+:[\w-]*:(?P<region>[\w-]*):(?P<account>\d{12})?:")
_ZONE = re.compile(r"(?P<region>[a-z]{2}(-[a-z]+)+-\d+)")
_APART = "give each cluster's files in a directory of its own"
_REGION_LABELS = ("topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region")
_CLUSTER_LABELS = ("alpha.eksctl.io/cluster-name", "eks.amazonaws.com/cluster-name")


def select(tables: Mapping[str, Gathered], cluster: str) -> None:
    """With ``--cluster NAME``: forget the EKS clusters of other names, and what is theirs (node groups, add-ons …).

    Raises:
        InputError: no describe-cluster output is of that name.
    """
    if not cluster:
        return
    clusters = tables.get(kinds.CLUSTERS.name)
    if clusters and clusters.lines and cluster not in clusters.lines:
        there = ", ".join(sorted(clusters.lines))
        raise InputError(
            f"holds no cluster {cluster}; it holds {there}: name one of these after --cluster", where="the input"
        )
    if clusters:
        for key in [key for key in clusters.lines if key != cluster]:
            clusters.drop(key)
    for one, listing, _ in kinds.DESCRIBED:
        _drop_foreign(tables.get(one.name), tables.get(listing.name), cluster)


def _drop_foreign(groups: Gathered | None, names: Gathered | None, cluster: str) -> None:
    """Forgets what other clusters have, and its names."""
    summaries = kinds.POD_IDENTITY_ASSOCIATION_IDS
    if names is not None and names.kind is summaries:  # unlike bare names, a summary says whose it is
        for key in [key for key, item in names.typed.items() if item.cluster_name not in ("", cluster)]:
            names.drop(key)
    if groups is None:
        return
    kept = {key for key, group in groups.typed.items() if group.cluster_name in ("", cluster)}
    for key in [key for key in groups.lines if key not in kept]:
        groups.drop(key)
        if names is not None:
            names.drop(key)


def meta(tables: Mapping[str, Gathered], cluster: str) -> Meta:
    """The cluster's name, account, region and version, as far as the objects say.

    Raises:
        InputError: the objects are of two clusters.
    """
    names: dict[str, str] = {}
    regions: dict[str, str] = {}
    accounts: dict[str, str] = {}
    version = ""
    for found, where in _each(tables, kinds.CLUSTERS):
        names.setdefault(found.name, where)
        version = found.version or version
        _from_arn(found.arn, where, regions, accounts)
    _only_one("clusters", names)

    def said(name: str, arn: str, where: str) -> None:
        if name:
            names.setdefault(name, where)
        _from_arn(arn, where, regions, accounts)

    for group, where in _each(tables, kinds.NODEGROUPS):
        said(group.cluster_name, group.nodegroup_arn, where)
    for profile, where in _each(tables, kinds.FARGATE_PROFILES):
        said(profile.cluster_name, profile.fargate_profile_arn, where)
    for addon, where in _each(tables, kinds.ADDONS):
        said(addon.cluster_name, addon.addon_arn, where)
    for association, where in _each(tables, kinds.POD_IDENTITY_ASSOCIATIONS):
        said(association.cluster_name, association.association_arn, where)
    for summary, where in _each(tables, kinds.POD_IDENTITY_ASSOCIATION_IDS):
        said(summary.cluster_name, summary.association_arn, where)
    for node, where in _each(tables, kinds.NODES):
        for label in _CLUSTER_LABELS:
            if label in node.metadata.labels:
                names.setdefault(node.metadata.labels[label], where)
        region = next((node.metadata.labels[label] for label in _REGION_LABELS if label in node.metadata.labels), "")
        zone = (
            node.spec.provider_id.removeprefix("aws:///").split("/")[0]
            if node.spec.provider_id.startswith("aws:///")
            else ""
        )
        match = _ZONE.match(zone)
        region = region or (match["region"] if match else "")
        if region:
            regions.setdefault(region, where)
    _only_one("clusters", names)
    _only_one("regions", regions)
    if cluster and names and cluster not in names:
        raise InputError(
            f"is of cluster {next(iter(names))}, not {cluster}; name that one after --cluster",
            where=next(iter(names.values())),
        )
    if not regions:
        _guess_region(tables, regions)
    owners = {group.owner_id for group, _ in _each(tables, kinds.SECURITY_GROUPS) if group.owner_id}
    account = next(iter(accounts), "") or (next(iter(owners)) if len(owners) == 1 else "")
    return Meta(
        cluster=cluster or next(iter(names), ""),
        account=account,
        region=next(iter(regions), ""),
        kubernetes_version=version,
    )


def exact(eks: str, server: str) -> str:
    """The control plane's version: EKS names the minor alone, and the API server of that minor its patch as well."""
    return server if not eks or server.removeprefix("v").startswith(f"{eks}.") else eks


def check_one_kube_system(uids: Mapping[str, str]) -> None:
    """The UID of namespace kube-system identifies a cluster.

    Raises:
        InputError: there are two of them.
    """
    if len(uids) > 1:
        (_, first), (_, second) = list(uids.items())[:2]
        raise InputError(
            f"is of another cluster than {first} (their kube-system namespaces differ); {_APART}", where=second
        )


def _each(tables: Mapping[str, Gathered], kind: Kind[T]) -> list[tuple[T, str]]:
    gathered = tables.get(kind.name)
    return [(gathered.typed[key], gathered.where[key]) for key in gathered.typed] if gathered else []


def _from_arn(arn: str, where: str, regions: dict[str, str], accounts: dict[str, str]) -> None:
    match = _ARN.match(arn)
    if match and match["region"]:
        regions.setdefault(match["region"], where)
    if match and match["account"]:
        accounts.setdefault(match["account"], where)


def _only_one(what: str, found: Mapping[str, str]) -> None:
    if len(found) > 1:
        (one, first), (other, second) = list(found.items())[:2]
        chosen = "; or choose one with --cluster" if what == "clusters" else ""
        at = f" in {first}" if first != second else ""
        raise InputError(f"{other}, but {one}{at}: these are two {what}; {_APART}{chosen}", where=second)


def _guess_region(tables: Mapping[str, Gathered], regions: dict[str, str]) -> None:
    """Only when all subnets agree: a dump may hold the subnets of a peer's region too."""
    found = set()
    for subnet, _ in _each(tables, kinds.SUBNETS):
        match = _ZONE.match(subnet.availability_zone)
        if match:
            found.add(match["region"])
    if len(found) == 1:
        regions[found.pop()] = ""
