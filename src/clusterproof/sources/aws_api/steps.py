"""The steps of reading: first what only the cluster's account has, then the networks, in every account."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kinds import Kind
from clusterproof.sources.aws_api import requested, requests, transit
from clusterproof.sources.aws_api.calls import Request, call_for, whole
from clusterproof.sources.aws_api.failures import code_of
from clusterproof.sources.aws_api.reading import Account
from clusterproof.sources.aws_api.records import Needs
from clusterproof.sources.aws_api.workers import Call

Run = Callable[[list[Call]], None]
Wanted = Collection[Kind[Any]]


def _read(pairs: Sequence[tuple[Account, Request]], run: Run) -> None:
    """Makes the calls, all at once as far as the workers go, and keeps what they gave."""
    calls = [call_for(request, account.source, account.page_size) for account, request in pairs]
    run(calls)
    for (account, request), call in zip(pairs, calls, strict=True):
        account.results.setdefault(request.kind.name, []).append(account.result(request, call))


def read_own(home: Account, cluster: str, wanted: Wanted, needed: Needs, run: Run) -> None:
    """Node groups, Auto Scaling groups and, where their ids are known, instances of the cluster's own account."""
    first: list[Request] = []
    for item in requests.DESCRIBED:
        if cluster and item.names in wanted:
            first.append(requests.listed(item.names, cluster))
        elif item.names in wanted:
            home.limits[item.names.name] = _unnamed_cluster(item.names)
    first += [requests.request(kind) for kind in (kinds.AUTO_SCALING_GROUPS,) if kind in wanted]
    if kinds.INSTANCES in wanted and needed.instances:
        first += requests.filtered(kinds.INSTANCES, "instance-id", sorted(set(needed.instances)))
    first += [requests.request(kind) for kind in wanted if _unknown_to_us(kind)]
    _read([(home, request) for request in first], run)
    _read(
        [
            (home, request)
            for item in requests.DESCRIBED
            if item.kind in wanted
            for request in _one_by_one(home, item, cluster)
        ],
        run,
    )
    for item in requests.DESCRIBED:
        _forget_gone(home, item)


def _one_by_one(home: Account, item: requests.Described, cluster: str) -> list[Request]:
    """The calls that describe each of a kind; where its names are not known, the reason is kept."""
    if not cluster:
        home.limits[item.kind.name] = _unnamed_cluster(item.kind)
        return []
    names = {item.names.key(found) for found in home.typed(item.names)}
    if not home.complete(item.names):
        if item.kind is kinds.NODEGROUPS:
            names |= _tagged_names(home, cluster)
        home.limits[item.kind.name] = _unlisted(home, item.kind, item.names)
    home.results.setdefault(item.kind.name, [])
    return [requests.described(item, cluster, name) for name in sorted(names)]


def _forget_gone(home: Account, item: requests.Described) -> None:
    """One that was deleted between list and description is neither described nor listed."""
    gone = {
        result.request.params[item.parameter]
        for result in home.results.get(item.kind.name, ())
        if result.error is not None and code_of(result.error) in requests.GONE
    }
    for listing in home.results.get(item.names.name, ()) if gone else ():
        listing.items = tuple(
            text
            for text in listing.items
            if not gone & {item.names.key(one) for one in requests.typed(item.names, [text])}
        )


def _unlisted(account: Account, kind: Kind[Any], names: Kind[Any]) -> Unknown:
    """Why a kind is not known that is read one by one, where the kind that lists them could not be read."""
    why = next((result.missing for result in account.results.get(names.name, ()) if result.missing), None)
    what = f"{kind.name} could not be read: which there are is not known"
    if why is None:
        return Unknown(Cause.NOT_COLLECTED, what, f"grant {names.permission}")
    return Unknown(why.cause, f"{what}, {why.detail}", why.remedy)


def _unnamed_cluster(kind: Kind[Any]) -> Unknown:
    what = f"{kind.name} could not be read: which cluster is meant is not known"
    return Unknown(Cause.NOT_COLLECTED, what, "name it with --cluster")


def _unknown_to_us(kind: Kind[Any]) -> bool:
    """A kind that has no step of its own here is read whole, by the call that the registry names."""
    own = (
        kinds.CLUSTERS,
        *(item.kind for item in requests.DESCRIBED),
        *(item.names for item in requests.DESCRIBED),
        kinds.AUTO_SCALING_GROUPS,
        kinds.LAUNCH_TEMPLATE_VERSIONS,
        kinds.INSTANCES,
        kinds.INSTANCE_TYPES,
        *requests.NETWORK,
        *requested.OURS,
    )
    return kind not in own


def _tagged_names(home: Account, cluster: str) -> set[str]:
    """EKS tags the Auto Scaling group of each managed node group with both names."""
    found = set()
    for asg in home.typed(kinds.AUTO_SCALING_GROUPS):
        tags = {tag.key: tag.value for tag in asg.tags}
        if tags.get("eks:cluster-name") == cluster and "eks:nodegroup-name" in tags:
            found.add(tags["eks:nodegroup-name"])
    return found


def read_networks(accounts: list[Account], cluster: str, wanted: Wanted, needed: Needs, run: Run) -> list[str]:
    """Networks in every account, then what hangs on them; notes of what no account could show.

    Args:
        accounts: the cluster's own account first.
        cluster: the EKS cluster's name; may be empty.
        wanted: the kinds to read.
        needed: what the cluster is known to use already.
        run: makes calls and returns when all have ended.
    """
    home = accounts[0]
    first = [(account, requests.request(kind)) for account in accounts for kind in requests.WHOLE if kind in wanted]
    _read(first, run)
    own, peered = _vpcs(accounts, cluster, needed)
    vpcs = sorted(own | peered)
    second = [
        (account, request)
        for account in accounts
        for kind in requests.IN_VPC
        if kind in wanted
        for request in requests.in_vpcs(kind, vpcs)
    ]
    if kinds.INSTANCES in wanted and needed.instances is None:
        second += [(home, request) for request in requests.in_vpcs(kinds.INSTANCES, sorted(own))]
    elif kinds.INSTANCES in wanted:
        home.results.setdefault(kinds.INSTANCES.name, [])
    if kinds.LAUNCH_TEMPLATE_VERSIONS in wanted:
        scaling = _scaling(home, cluster, needed)
        second += [(home, item) for item in requests.launch_templates(home.typed(kinds.NODEGROUPS), scaling)]
        if not (home.complete(kinds.NODEGROUPS) and home.complete(kinds.AUTO_SCALING_GROUPS)):
            second.append((home, requests.every_launch_template()))
        home.results.setdefault(kinds.LAUNCH_TEMPLATE_VERSIONS.name, [])
    if kinds.PREFIX_LIST_ENTRIES in wanted:
        second += _entries(accounts)
    if kinds.TRANSIT_GATEWAY_ROUTES in wanted:
        second += transit.routes(accounts, own)
    _read(second, run)
    joined = transit.led_to(accounts, own) - {*vpcs, ""} if vpcs else set()
    _read(
        [
            (account, request)
            for account in accounts
            for kind in requests.IN_VPC
            if kind in wanted and joined
            for request in requests.in_vpcs(kind, sorted(joined))
        ],
        run,
    )
    third: list[tuple[Account, Request]] = []
    if kinds.SECURITY_GROUP_RULES in wanted:
        third += [(account, request) for account in accounts for request in _rules(account)]
    if kinds.INSTANCE_TYPES in wanted:
        third += [(home, request) for request in _types(home, cluster, needed)]
        home.results.setdefault(kinds.INSTANCE_TYPES.name, [])
    _read(third, run)
    for account in accounts:
        _gather_entries(account)
        transit.gather(account)
    return _foreign(accounts, own, peered)


def _scaling(home: Account, cluster: str, needed: Needs) -> list[Any]:
    managed = frozenset(
        asg.name for group in home.typed(kinds.NODEGROUPS) for asg in group.resources.auto_scaling_groups
    )
    nodes = frozenset(needed.instances or ())
    found = home.typed(kinds.AUTO_SCALING_GROUPS)
    return [asg for asg in found if requests.asg_of_cluster(asg, cluster, managed, nodes)]


def _vpcs(accounts: list[Account], cluster: str, needed: Needs) -> tuple[set[str], set[str]]:
    """The VPCs that the cluster is in, and those that are peered with them."""
    home = accounts[0]
    own, subnets = set(), set()
    for found in home.typed(kinds.CLUSTERS):
        own.add(found.resources_vpc_config.vpc_id)
        subnets.update(found.resources_vpc_config.subnet_ids)
    for kind in (kinds.NODEGROUPS, kinds.FARGATE_PROFILES):
        for group in home.typed(kind):
            subnets.update(group.subnets)
    for asg in _scaling(home, cluster, needed):
        subnets.update(part.strip() for part in asg.vpc_zone_identifier.split(","))
    own |= {instance.vpc_id for instance in home.typed(kinds.INSTANCES)}
    for account in accounts:
        own |= {subnet.vpc_id for subnet in account.typed(kinds.SUBNETS) if subnet.subnet_id in subnets}
    own -= {""}
    peered = set()
    for account in accounts:
        for peering in account.typed(kinds.PEERINGS):
            ends = {peering.requester_vpc_info.vpc_id, peering.accepter_vpc_info.vpc_id}
            if peering.status.code == "active" and ends & own:
                peered |= ends
    return own, peered - own - {""}


def _entries(accounts: list[Account]) -> list[tuple[Account, Request]]:
    """The entries of every list that an account sees, each list once."""
    seen: set[str] = set()
    found = []
    for account in accounts:
        for listed in account.typed(kinds.MANAGED_PREFIX_LISTS):
            if listed.prefix_list_id not in seen:
                seen.add(listed.prefix_list_id)
                found.append((account, requests.prefix_list(listed.prefix_list_id)))
        account.results.setdefault(kinds.PREFIX_LIST_ENTRIES.name, [])
        if not account.complete(kinds.MANAGED_PREFIX_LISTS):
            account.limits[kinds.PREFIX_LIST_ENTRIES.name] = _unlisted(
                account, kinds.PREFIX_LIST_ENTRIES, kinds.MANAGED_PREFIX_LISTS
            )
    return found


def _gather_entries(account: Account) -> None:
    """The answer does not name its list: each becomes one object with the id that was asked for."""
    for result in account.results.get(kinds.PREFIX_LIST_ENTRIES.name, ()):
        result.items = whole(result.request, [result], "PrefixListId", result.request.params["PrefixListId"])


def _rules(account: Account) -> list[Request]:
    """Rules can be asked for by group only; where groups could not be read, all are."""
    if kinds.SECURITY_GROUPS.name not in account.results or not account.complete(kinds.SECURITY_GROUPS):
        return [requests.request(kinds.SECURITY_GROUP_RULES)]
    groups = sorted(group.group_id for group in account.typed(kinds.SECURITY_GROUPS))
    account.results.setdefault(kinds.SECURITY_GROUP_RULES.name, [])
    return requests.filtered(kinds.SECURITY_GROUP_RULES, "group-id", groups)


def _types(home: Account, cluster: str, needed: Needs) -> list[Request]:
    """Those that node groups may start; all where it is not known which."""
    naming = (kinds.NODEGROUPS, kinds.AUTO_SCALING_GROUPS, kinds.LAUNCH_TEMPLATE_VERSIONS)
    if needed.every_instance_type or not all(home.complete(kind) for kind in naming):
        return [requests.request(kinds.INSTANCE_TYPES)]
    found = set(needed.instance_types)
    for group in home.typed(kinds.NODEGROUPS):
        found.update(group.instance_types)
    for asg in _scaling(home, cluster, needed):
        if asg.mixed_instances_policy is not None:
            found.update(item.instance_type for item in asg.mixed_instances_policy.launch_template.overrides)
    found.update(item.launch_template_data.instance_type for item in home.typed(kinds.LAUNCH_TEMPLATE_VERSIONS))
    found.update(item.instance_type for item in home.typed(kinds.INSTANCES))
    return requests.filtered(kinds.INSTANCE_TYPES, "instance-type", sorted(found - {""}))


def _foreign(accounts: list[Account], own: set[str], peered: set[str]) -> list[str]:
    """VPCs of accounts that no profile reads: a note, and for the cluster's own VPC no certainty of what is default.

    Who takes part in a shared VPC sees the route tables and network ACLs of the subnets that are shared with it; the
    main table and the default ACL, which hold for all other subnets, may be others than those that it sees.
    """
    mine = {account.identity.account for account in accounts} - {""}
    owners: dict[str, str] = {}
    for account in accounts:
        for vpc in account.typed(kinds.VPCS):
            owners[vpc.vpc_id] = vpc.owner_id
        for peering in account.typed(kinds.PEERINGS):
            for side in (peering.requester_vpc_info, peering.accepter_vpc_info):
                owners.setdefault(side.vpc_id, side.owner_id)
    notes = []
    unread = next((result.missing for result in accounts[0].results.get(kinds.VPCS.name, ()) if result.missing), None)
    for vpc_id in sorted(own | peered):
        owner = owners.get(vpc_id, "")
        if not owner and unread is not None and vpc_id in own:
            what = f"whether VPC {vpc_id} belongs to another account is not known: {unread.detail}"
            for kind in requests.OF_OWNER:
                accounts[0].limits[kind.name] = Unknown(unread.cause, what, unread.remedy)
        if not mine or not owner or owner in mine:
            continue
        what = f"VPC {vpc_id} belongs to account {owner}, which no profile reads"
        remedy = f"add --aws-profile with a profile of account {owner}"
        notes.append(f"{what}; {remedy}")
        if vpc_id in own:
            for kind in requests.OF_OWNER:
                accounts[0].limits[kind.name] = Unknown(Cause.INCOMPLETE, what, remedy)
    return notes
