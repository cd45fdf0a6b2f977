"""What the files together say of completeness, beyond what each says alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage
from clusterproof.sources.gather import Gathered, added_up

CUSTOM: tuple[Kind[Any], ...] = (
    kinds.ENI_CONFIGS,
    kinds.SECURITY_GROUP_POLICIES,
    kinds.NODE_POOLS,
    kinds.EC2_NODE_CLASSES,
    kinds.NODE_CLASSES,
    kinds.ASYNC_ACTORS,
    kinds.SCALED_OBJECTS,
    kinds.TRIGGER_AUTHENTICATIONS,
    kinds.CLUSTER_TRIGGER_AUTHENTICATIONS,
    *kinds.OTHER_POLICIES,
)
"""Kinds that a CustomResourceDefinition brings: where none defines them, there are no objects."""
LATER: tuple[Kind[Any], ...] = (
    kinds.RESOURCE_CLAIMS,
    kinds.RESOURCE_CLAIM_TEMPLATES,
    kinds.RESOURCE_SLICES,
    kinds.DEVICE_CLASSES,
)
"""Kinds that API servers serve by default only from Kubernetes 1.34 on (Dynamic Resource Allocation): where a server has
none of them, there are no objects."""
_EVERYWHERE_KINDS = (kinds.SERVICES, kinds.ENDPOINTS, kinds.ENDPOINT_SLICES, kinds.SERVICE_ACCOUNTS, kinds.CONFIG_MAPS)
"""Every cluster has some of these in more than one namespace."""
_TAG_GROUP, _TAG_CLUSTER = "eks:nodegroup-name", "eks:cluster-name"


def settle(
    tables: dict[str, Gathered], cluster: str, asked: list[Kind[Any]], *, bundle: bool, elsewhere: set[str]
) -> None:
    """Changes coverage where several files decide it.

    Args:
        tables: what was read, changed in place.
        cluster: the cluster's name, to tell its Auto Scaling groups from others'; may be empty.
        asked: kinds that the user says were collected.
        bundle: whether a support bundle was read: its namespaces may be a chosen few.
        elsewhere: kinds that a snapshot file gives, which are left as they are.
    """
    namespaces = tables.get(kinds.NAMESPACES.name)
    if bundle and namespaces and "kube-system" not in namespaces.lines:
        few = Unknown(
            Cause.INCOMPLETE, "the support bundle was made for some namespaces only", f"run: {kinds.NAMESPACES.command}"
        )
        namespaces.coverage = [Coverage(EVERYWHERE, few)]
    if namespaces and _complete(namespaces):
        for gathered in tables.values():
            _promote(gathered, list(namespaces.lines))
    _absent_custom_resources(tables, elsewhere)
    for one, listing, noun in kinds.DESCRIBED:
        names = tables.get(listing.name)
        if one is kinds.NODEGROUPS:
            names = _nodegroup_names(tables, names, cluster)
        _described(tables, one, listing, names, (noun, cluster), elsewhere)
    _prefix_lists(tables)
    _gateway_routes(tables)
    for kind in asked:
        if kind.name in elsewhere:
            continue
        gathered = tables.setdefault(kind.name, Gathered(kind))
        pages = [item for item in gathered.coverage if item.missing is not None]
        if not pages and not gathered.failures:
            gathered.coverage.append(Coverage(EVERYWHERE))


def _complete(gathered: Gathered) -> bool:
    return any(item.scope == EVERYWHERE and item.missing is None for item in added_up(gathered))


def _promote(gathered: Gathered, namespaces: list[str]) -> None:
    """Complete in each namespace that there is, so complete everywhere."""
    if not gathered.kind.namespaced or not namespaces or _complete(gathered):
        return
    done = {item.scope for item in added_up(gathered) if item.missing is None}
    if done.issuperset(namespaces):
        gathered.coverage = [Coverage(EVERYWHERE)]
        gathered.failures = []


def _absent_custom_resources(tables: dict[str, Gathered], elsewhere: set[str]) -> None:
    """Where all CustomResourceDefinitions are known, a kind that none defines has no objects."""
    definitions = tables.get(kinds.CRDS.name)
    if definitions is None or not _complete(definitions):
        return
    for kind in CUSTOM:
        if (
            f"{kind.resource}.{kind.group}" not in definitions.lines
            and kind.name not in tables
            and kind.name not in elsewhere
        ):
            tables[kind.name] = Gathered(kind)
            tables[kind.name].coverage.append(Coverage(EVERYWHERE))


def _nodegroup_names(tables: dict[str, Gathered], names: Gathered | None, cluster: str) -> Gathered | None:
    """The list of node groups, else what the tags of the Auto Scaling groups say."""
    scaling = tables.get(kinds.AUTO_SCALING_GROUPS.name)
    if (names is None or not _complete(names)) and cluster and scaling and _complete(scaling):
        return _names_from_tags(tables, scaling, cluster)
    return names


def _described(
    tables: dict[str, Gathered],
    one: Kind[Any],
    listing: Kind[Any],
    names: Gathered | None,
    words: tuple[str, str],
    elsewhere: set[str],
) -> None:
    """The coverage of a kind that is described one by one: the whole is known when a list names the same set.

    ``words``: noun and cluster.
    """
    noun, cluster = words
    groups = tables.get(one.name)
    if one.name in elsewhere:
        return
    if names is None or not _complete(names):
        if groups is not None and groups.seen and not groups.failures:
            what = Unknown(
                Cause.INCOMPLETE,
                f"{len(groups.lines)} {noun}s were described and no list names them all",
                f"run: {listing.command} > {'nodegroups' if listing is kinds.NODEGROUP_NAMES else listing.name}.json",
            )
            groups.coverage = [Coverage(EVERYWHERE, what)]
        return
    if groups is None:
        groups = tables[one.name] = Gathered(one)
    lacking = sorted(names.lines.keys() - groups.lines.keys())
    if lacking and groups.failures:
        return
    if lacking:
        placeholder = "ID" if one is kinds.POD_IDENTITY_ASSOCIATIONS else "NAME"
        command = one.command.replace("CLUSTER", cluster or "CLUSTER").replace(f" {placeholder} ", f" {lacking[0]} ")
        what = Unknown(
            Cause.INCOMPLETE,
            f"{noun}{'s' if len(lacking) > 1 else ''} {_some(lacking)} listed but not described",
            f"run: {command} > {noun.lower().replace(' ', '').replace('-', '')}-{lacking[0]}.json",
        )
        groups.coverage = [Coverage(EVERYWHERE, what)]
    else:
        groups.coverage = [Coverage(EVERYWHERE)]


def _names_from_tags(tables: dict[str, Gathered], scaling: Gathered, cluster: str) -> Gathered | None:
    """EKS tags the Auto Scaling group of each managed node group with both names."""
    found = set()
    for group in scaling.typed.values():
        tags = {tag.key: tag.value for tag in group.tags}
        if tags.get(_TAG_CLUSTER) == cluster and _TAG_GROUP in tags:
            found.add(tags[_TAG_GROUP])
    if not found:
        return None
    names = tables.setdefault(kinds.NODEGROUP_NAMES.name, Gathered(kinds.NODEGROUP_NAMES))
    for name in sorted(found):
        names.lines.setdefault(name, json.dumps({"name": name}, separators=(",", ":")).encode())
        names.typed.setdefault(name, kinds.NODEGROUP_NAMES.type(name))
        names.where.setdefault(name, scaling.where[next(iter(scaling.where))])
    names.coverage = [Coverage(EVERYWHERE)]
    return names


def _prefix_lists(tables: dict[str, Gathered]) -> None:
    """get-managed-prefix-list-entries prints one list's: the whole is known when each list has its entries."""
    entries, lists = tables.get(kinds.PREFIX_LIST_ENTRIES.name), tables.get(kinds.MANAGED_PREFIX_LISTS.name)
    if lists is None or not _complete(lists):
        return
    if entries is None:
        entries = tables[kinds.PREFIX_LIST_ENTRIES.name] = Gathered(kinds.PREFIX_LIST_ENTRIES)
    lacking = sorted(lists.lines.keys() - entries.lines.keys())
    if lacking and entries.failures:
        return
    missing = None
    if lacking:
        command = kinds.PREFIX_LIST_ENTRIES.command.replace("ID", lacking[0])
        missing = Unknown(
            Cause.INCOMPLETE,
            f"the entries of prefix list {_some(lacking)} were not given",
            f"run: {command} > {lacking[0]}.json",
        )
    entries.coverage = [Coverage(EVERYWHERE, missing)]


def _gateway_routes(tables: dict[str, Gathered]) -> None:
    """search-transit-gateway-routes prints one table's: the whole is known when each associated table has its routes."""
    kind, listing = kinds.TRANSIT_GATEWAY_ROUTES, kinds.TRANSIT_GATEWAY_ATTACHMENTS
    routes, listed = tables.get(kind.name), tables.get(listing.name)
    if listed is None or not _complete(listed):
        return
    if routes is None:
        routes = tables[kind.name] = Gathered(kind)
    associations = [item.association for item in listed.typed.values() if item.association is not None]
    wanted = {item.transit_gateway_route_table_id for item in associations} - {""}
    lacking = sorted(wanted - routes.lines.keys())
    if lacking and routes.failures:
        return
    missing = None
    if lacking:
        what = f"the routes of transit gateway route table {_some(lacking)} were not given"
        command = kind.command.replace(" ID ", f" {lacking[0]} ")
        missing = Unknown(Cause.INCOMPLETE, what, f"run: {command} > {lacking[0]}.json")
    routes.coverage = [Coverage(EVERYWHERE, missing)]


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def note_single_namespace(tables: Mapping[str, Gathered], notes: list[str]) -> None:
    """Say so where a list looks like one namespace's although it was taken as the whole cluster's."""
    for kind in _EVERYWHERE_KINDS:
        gathered = tables.get(kind.name)
        if gathered is None or not gathered.lines or not _complete(gathered):
            continue
        inside = {key.split("/")[0] for key in gathered.lines}
        if len(inside) == 1 and inside != {""}:  # without a namespace it is a manifest, not a list of kubectl's
            notes.append(
                f"all {kind.name} are in namespace {inside.pop()}: if kubectl get ran without -A, other namespaces are missing"
            )
            return
