"""AWS CLI answers by their top-level member (``SecurityGroups``, ``Reservations``, ``nodegroup``, ``Entries``)."""

from __future__ import annotations

import re
from typing import Any

from clusterproof.errors import InputError
from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.snapshot.snapshot import EVERYWHERE, Coverage
from clusterproof.sources import composed, hints, pieces
from clusterproof.sources.batches import WHOLE, Batch, Found, is_set, one_page
from clusterproof.sources.clierrors import Failure
from clusterproof.sources.documents import Document, items, plain
from clusterproof.sources.files import File

_PREFIX_LIST = re.compile(r"pl-[0-9a-f]{8,17}")
_GATEWAY_TABLE = re.compile(r"tgw-rtb-[0-9a-f]{8,17}")

_AWS_IDS: dict[str, Kind[Any]] = {
    "SecurityGroupRuleId": kinds.SECURITY_GROUP_RULES,
    "IpPermissions": kinds.SECURITY_GROUPS,
    "NatGatewayId": kinds.NAT_GATEWAYS,
    "VpcEndpointId": kinds.VPC_ENDPOINTS,
    "InstanceProfileId": kinds.INSTANCE_PROFILES,
    "SubnetId": kinds.SUBNETS,
    "RouteTableId": kinds.ROUTE_TABLES,
    "NetworkAclId": kinds.NETWORK_ACLS,
    "VpcPeeringConnectionId": kinds.PEERINGS,
    "TransitGatewayOwnerId": kinds.TRANSIT_GATEWAY_ATTACHMENTS,
    "VpcOwnerId": kinds.TRANSIT_GATEWAY_VPC_ATTACHMENTS,
    "TransitGatewayArn": kinds.TRANSIT_GATEWAYS,
    "LaunchTemplateData": kinds.LAUNCH_TEMPLATE_VERSIONS,
    "AutoScalingGroupName": kinds.AUTO_SCALING_GROUPS,
    "nodegroupName": kinds.NODEGROUPS,
    "fargateProfileName": kinds.FARGATE_PROFILES,
    "addonArn": kinds.ADDONS,
    "associationId": kinds.POD_IDENTITY_ASSOCIATION_IDS,
}
"""A bare list (``--query``) by a member that only one kind has; longest-lived kinds only."""
_ONE_EACH = tuple(kind for kind, _, _ in kinds.DESCRIBED)
"""Kinds whose command prints one object: it says nothing of the others."""


def answer(top: dict[str, Any], document: Document, file: File, found: Found) -> None:
    """Adds what an AWS CLI answer (or a version document) holds, by its top-level members.

    Raises:
        InputError: a member has the wrong type.
    """
    where = document.where
    token = next((name for name in ("NextToken", "nextToken", "NextMarker") if is_set(top.get(name))), None)
    coverage = WHOLE
    if token and plain(top[token], where):
        again = "make it again without --max-items, --page-size or --no-paginate"
        coverage = Coverage(EVERYWHERE, one_page(where, again))
    version = plain(top.get("serverVersion"), where) or plain(top.get("info"), where)
    if isinstance(version, dict) and isinstance(version.get("gitVersion"), str):
        found.kubernetes_version = version["gitVersion"]
        found.recognised = True
    if composed.answer(top, where, file.stem, coverage, found):
        return
    aside = []
    for member, value in top.items():
        kind = hints.kind_of_member(member)
        if kind is None or kind.name in pieces.IDENTITY:  # other services have such members too
            if member[:1].isupper() and isinstance(plain(value, where, member), list):
                aside.append(member)
            continue
        found.recognised = True
        batch = _member(kind, member, value, coverage, where, file, found, top)
        if batch is not None:
            found.batches.append(batch)
    if aside and not found.recognised:
        found.recognised = True
        found.notes.append(f"{where}: {', '.join(aside)} left aside, no rule reads them")


def _member(
    kind: Kind[Any], member: str, value: Any, coverage: Coverage, where: str, file: File, found: Found, top: Any
) -> Batch | None:
    if kind is kinds.CLUSTERS or kind in _ONE_EACH:
        if not isinstance(plain(value, where, member), dict):
            found_type = "expected an object, as aws eks describe prints it; make the file again"
            raise InputError(f"{member}: {found_type}", where=where)
        return Batch(kind, [value], where, member, coverage if kind is kinds.CLUSTERS else None)
    listed = items(value, where, member) if is_set(value) else []
    if any(kind is names for _, names, _ in kinds.DESCRIBED):
        return _listed_names(
            kind, [plain(item, where, f"{member}[{n}]") for n, item in enumerate(listed)], coverage, where, found
        )
    if kind is kinds.INSTANCES:
        flat: list[Any] = []
        for number, reservation in enumerate(listed):
            inside = plain(reservation, where, f"{member}[{number}]")
            if not isinstance(inside, dict):
                raise InputError(f"{member}[{number}]: expected an object; make the file again", where=where)
            flat += items(inside.get("Instances", []), where, f"{member}[{number}].Instances")
        return Batch(kind, flat, where, "Reservations[].Instances", coverage)
    if kind is kinds.MANAGED_PREFIX_LISTS:
        return _prefix_lists([plain(item, where, member) for item in listed], coverage, where)
    if kind is kinds.PREFIX_LIST_ENTRIES:
        return _entries(listed, coverage, where, file, found, top)
    if kind is kinds.TRANSIT_GATEWAY_ROUTES:
        return _gateway_routes(listed, coverage, where, file, found, top)
    return Batch(kind, listed, where, member, coverage)


def _listed_names(kind: Kind[Any], listed: list[Any], coverage: Coverage, where: str, found: Found) -> Batch | None:
    """Names, or the summaries of pod identity associations; other commands print other things by the same member."""
    if kind is kinds.POD_IDENTITY_ASSOCIATION_IDS:
        ours = all(isinstance(item, dict) and "associationId" in item for item in listed)
        items_of = listed
    else:
        # describe-addon-versions prints objects as "addons": what could be installed, not what is.
        ours = kind is not kinds.ADDON_NAMES or all(isinstance(item, str) for item in listed)
        items_of = [{"name": name} for name in listed]
    if not ours:
        found.notes.append(
            f"{where}: {kind.wire} that are not those of {kind.command.partition(' --')[0]} were left aside"
        )
        return None
    return Batch(kind, items_of, where, kind.wire, coverage)


def _prefix_lists(listed: list[Any], coverage: Coverage, where: str) -> Batch:
    """describe-prefix-lists (AWS's own lists, with ``Cidrs``) gives entries; describe-managed-prefix-lists gives lists."""
    own = [item for item in listed if isinstance(item, dict) and isinstance(item.get("Cidrs"), list)]
    if own:
        entries = [
            {"PrefixListId": item.get("PrefixListId"), "Entries": [{"Cidr": cidr} for cidr in item["Cidrs"]]}
            for item in own
        ]
        return Batch(kinds.PREFIX_LIST_ENTRIES, entries, where, "PrefixLists", None)
    return Batch(kinds.MANAGED_PREFIX_LISTS, listed, where, "PrefixLists", coverage)


def _entries(listed: list[Any], coverage: Coverage, where: str, file: File, found: Found, top: Any) -> Batch | None:
    """get-managed-prefix-list-entries does not name its list: the file's name does (or a member of its own)."""
    entries = [plain(item, where, f"Entries[{number}]") for number, item in enumerate(listed)]
    if any(not isinstance(entry, dict) or "Cidr" not in entry for entry in entries):
        found.notes.append(f"{where}: Entries that are no prefix list's were left aside")
        return None
    named = plain(top.get("PrefixListId"), where)
    match = _PREFIX_LIST.search(file.hint.rsplit("/", 1)[-1])
    identity = named if isinstance(named, str) else match.group() if match else ""
    if not identity:
        found.notes.append(
            f"{where}: entries of an unnamed prefix list were left aside; put the list's id (pl-...) in the file's name"
        )
        return None
    if coverage.missing is not None:
        found.notes.append(f"{where}: is one page of several and was left aside; {coverage.missing.remedy}")
        return None
    return Batch(kinds.PREFIX_LIST_ENTRIES, [{"PrefixListId": identity, "Entries": entries}], where, "Entries", None)


def _gateway_routes(
    listed: list[Any], coverage: Coverage, where: str, file: File, found: Found, top: Any
) -> Batch | None:
    """search-transit-gateway-routes does not name its table: the file's name does (or a member of its own)."""
    routes = [plain(item, where, f"Routes[{number}]") for number, item in enumerate(listed)]
    if any(
        not isinstance(item, dict) or ("TransitGatewayAttachments" not in item and "State" not in item)
        for item in routes
    ):
        found.notes.append(f"{where}: Routes that are no transit gateway's were left aside")
        return None
    named = plain(top.get("TransitGatewayRouteTableId"), where)
    match = _GATEWAY_TABLE.search(file.hint.rsplit("/", 1)[-1])
    identity = named if isinstance(named, str) else match.group() if match else ""
    if not identity:
        what = "routes of an unnamed transit gateway route table were left aside"
        found.notes.append(f"{where}: {what}; put the table's id (tgw-rtb-...) in the file's name")
        return None
    if coverage.missing is not None:
        found.notes.append(f"{where}: is one page of several and was left aside; {coverage.missing.remedy}")
        return None
    table: dict[str, Any] = {"TransitGatewayRouteTableId": identity, "Routes": routes}
    if plain(top.get("AdditionalRoutesAvailable"), where) is True:
        table["AdditionalRoutesAvailable"] = True
    return Batch(kinds.TRANSIT_GATEWAY_ROUTES, [table], where, "Routes", None)


def bare_list(top: list[Any], first: dict[str, Any], where: str) -> Batch | None:
    """A list without a wrapper (``--query``), known by a member that only one kind has; None when none is."""
    for member, kind in _AWS_IDS.items():
        if member in first:
            if kind is kinds.POD_IDENTITY_ASSOCIATION_IDS and "roleArn" in first:  # a list names no role
                return Batch(kinds.POD_IDENTITY_ASSOCIATIONS, top, where, "", None)
            return Batch(kind, top, where, "", None if kind in _ONE_EACH else WHOLE)
    return None


def empty_list(kind: Kind[Any], where: str, found: Found) -> None:
    """``[]`` in a file that is named after a kind of AWS: no command of docs/inputs.md prints that, so it proves nothing.

    All of them print a member even where there is none of it (``{"SecurityGroups": []}``); the file was cut down or made
    by another command, and which one its name does not say.
    """
    what = f"{where} is an empty list without the member that {kind.command.partition(' --')[0]} prints"
    again = f"run: {kind.command} > {kind.name}.json"
    found.failures.append(Failure(kind, EVERYWHERE, Unknown(Cause.INCOMPLETE, what, again)))
    found.notes.append(f"{what}; it was left aside")
    found.recognised = True
