"""The check "subnets are so": private, with a way out, in several zones, tagged, with addresses left.

A subnet is what its effective route table makes of it: the one associated with it, else the main one of its VPC. With a
route to an internet gateway it is public. Every subnet must meet what is asked, because nodes and interfaces may come
into any of them.
Sources: Amazon VPC User Guide, "Subnets for your VPC" (public and private), "Route table concepts" and "NAT gateways";
AWS PrivateLink Guide, "Access an AWS service using an interface VPC endpoint" and "Gateway endpoints"; Amazon EKS User
Guide, "View Amazon EKS networking requirements for VPC and subnets" and "Deploy private clusters with limited internet
access"; AWS Load Balancer Controller, "Subnet auto-discovery".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from clusterproof.checks.context import Context
from clusterproof.checks.finding import Finding
from clusterproof.checks.made import finding
from clusterproof.checks.parties import Sides, unread_places
from clusterproof.checks.waysout import route_to_internet, way_out
from clusterproof.checks.words import listed, unique
from clusterproof.profiles.model import Requirement, Subnets
from clusterproof.reach.trace import Outcome
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import Subnet
from clusterproof.snapshot.fields import Cause, Ref, Unknown
from clusterproof.verdict.algebra import Tally, Verdict, fold
from clusterproof.world.groups import tag_map

PUBLIC_TAG, PRIVATE_TAG = "kubernetes.io/role/elb", "kubernetes.io/role/internal-elb"
"""By which load balancers find the subnets that they go into, with value ``1`` or none."""
FEW = 6
"""EKS asks for so many addresses in each subnet of a cluster."""


class Judged(msgspec.Struct, frozen=True):
    """One subnet, or all of them together.

    Attributes:
        outcome: whether it is as asked.
        text: why not, in a clause; what is not known; empty where it is.
        refs: where that was read.
        unknown: set where the outcome is unknown.
    """

    outcome: Outcome
    text: str = ""
    refs: tuple[Ref, ...] = ()
    unknown: Unknown | None = None


class Meant(msgspec.Struct, frozen=True):
    """The subnets that a requirement is about.

    Attributes:
        ids: sorted.
        unread: why there may be more.
        how: which they are, in a clause.
        nothing: why there are none, in a clause; empty where there are some.
    """

    ids: tuple[str, ...]
    unread: tuple[Unknown, ...] = ()
    how: str = ""
    nothing: str = ""


def decide(context: Context, requirement: Requirement, check: Subnets) -> Finding:
    """Pass where every subnet is as asked, fail where one surely is not, else unknown."""
    found = meant(context, check)
    judged = judgements(context, check, found.ids)
    unknowns = [*found.unread, *(one.unknown for one in judged if one.unknown is not None)]
    bad = [one for one in judged if one.outcome is Outcome.BLOCKED]
    if not judged:
        absent = requirement.absent == "not-applicable" and not unknowns
        tally = Tally(Verdict.NOT_APPLICABLE if absent else Verdict.UNKNOWN)
        summary = found.nothing or "no subnet was found"
    else:
        tally = fold([[one.outcome for one in judged]])
        if tally.verdict is Verdict.PASS and found.unread:
            tally = Tally(Verdict.UNKNOWN, tally.works, unknown=1)
        summary = _summary(check, found, bad, tally.verdict)
    shown = bad or [one for one in judged if one.outcome is Outcome.UNKNOWN] or judged
    return finding(
        context,
        requirement,
        tally,
        summary,
        evidence=(ref for one in shown for ref in one.refs),
        unknowns=unknowns,
        notes=[*([found.how] if found.how else []), *_notes(context, check, found.ids)],
        beside=True,
    )


def meant(context: Context, check: Subnets) -> Meant:
    """The subnets that EKS was given, or those of all nodes and of the next ones."""
    world, snapshot = context.world, context.world.snapshot
    if check.of == "cluster":
        missing = snapshot.missing(kinds.CLUSTERS)
        clusters = snapshot.objects(kinds.CLUSTERS)
        ids = tuple(sorted({one for cluster in clusters for one in cluster.resources_vpc_config.subnet_ids}))
        if not ids and missing is None and clusters:
            missing = Unknown(Cause.NOT_COLLECTED, "the cluster was described without its subnets")
        how = f"subnets of the cluster: {listed(ids)}" if ids else ""
        return Meant(ids, (missing,) if missing is not None else (), how, "the subnets of the cluster are not known")
    on = context.sets[check.on].groups if check.on else ()
    unread: list[Unknown] = []
    if (missing := snapshot.missing(kinds.NODES)) is not None:
        unread.append(missing)
    if check.on:
        unread += context.sets[check.on].doubtful
        if not on:
            unread += [*world.unknown_templates.values(), *world.other_makers]
            return Meant((), tuple(unread), nothing=f"no node group was found for the set {check.on}")
    chosen = bool(check.on) and context.sets[check.on].chosen
    unread += unread_places(context, Sides((), on=on, chosen=chosen))
    found: dict[str, None] = {}
    for item in world.classes:
        if on and item.group not in on:
            continue
        if isinstance(item.host.subnet, Unknown):
            unread.append(item.host.subnet)
        elif item.host.subnet:
            found[item.host.subnet] = None
    ids = tuple(sorted(found))
    how = f"subnets of {check.on or 'the nodes'}: {listed(ids)}" if ids else ""
    return Meant(ids, tuple(unique(unread)), how, "no node was read, and none is made")


def judgements(context: Context, check: Subnets, ids: Sequence[str]) -> list[Judged]:
    """What each subnet comes to; of zones one answer for all."""
    view = VpcView(context.world.snapshot)
    if check.that == "zones":
        return [_zones(view, ids)] if ids else []
    ways: dict[str, Callable[[Subnet], Judged]] = {
        "private": lambda subnet: _private(view, subnet),
        "way-out": lambda subnet: _way_out(context, view, subnet, check.services),
        "tags": lambda subnet: _tagged(view, subnet),
        "addresses": _addresses,
    }
    result: list[Judged] = []
    for name in ids:
        subnet = view.subnet(name)
        result.append(_not_known(subnet) if isinstance(subnet, Unknown) else ways[check.that](subnet))
    return result


def _not_known(unknown: Unknown) -> Judged:
    return Judged(Outcome.UNKNOWN, unknown.detail, unknown=unknown)


def _private(view: VpcView, subnet: Subnet) -> Judged:
    found = route_to_internet(view, subnet.subnet_id)
    if isinstance(found, Unknown):
        return _not_known(found)
    if found is None:
        table = view.route_table(subnet.subnet_id)
        refs = () if isinstance(table, Unknown) else (Ref(kinds.ROUTE_TABLES.name, table.route_table_id, "Routes"),)
        return Judged(Outcome.WORKS, refs=refs)
    return Judged(Outcome.BLOCKED, f"{subnet.subnet_id} is public: {found.text}", (found.ref,))


def _way_out(context: Context, view: VpcView, subnet: Subnet, services: Sequence[str]) -> Judged:
    found = way_out(view, subnet, services, family=context.world.family)
    if found.unknown is not None:
        return Judged(Outcome.UNKNOWN, found.text, found.refs, found.unknown)
    outcome = Outcome.WORKS if found.works else Outcome.BLOCKED
    return Judged(outcome, "" if found.works else f"{subnet.subnet_id} has no way out: {found.text}", found.refs)


def _zones(view: VpcView, ids: Sequence[str]) -> Judged:
    zones: dict[str, None] = {}
    refs: list[Ref] = []
    for name in ids:
        subnet = view.subnet(name)
        if isinstance(subnet, Unknown):
            return _not_known(subnet) if len(zones) < 2 else Judged(Outcome.WORKS, refs=tuple(refs))
        if subnet.availability_zone:
            zones[subnet.availability_zone] = None
            refs.append(Ref(kinds.SUBNETS.name, name, "AvailabilityZone", subnet.availability_zone))
    if len(zones) >= 2:
        return Judged(Outcome.WORKS, refs=tuple(refs))
    if not zones:
        return _not_known(Unknown(Cause.NOT_COLLECTED, "no subnet that was read names its zone"))
    return Judged(Outcome.BLOCKED, f"all are in {listed(zones)}: {listed(ids)}", tuple(refs))


def wanted_tag(view: VpcView, subnet: Subnet) -> str | Unknown:
    """The tag that a subnet needs: by its routes, not by its name."""
    found = route_to_internet(view, subnet.subnet_id)
    if isinstance(found, Unknown):
        return found
    return PRIVATE_TAG if found is None else PUBLIC_TAG


def _tagged(view: VpcView, subnet: Subnet) -> Judged:
    wanted = wanted_tag(view, subnet)
    tags = tag_map(subnet.tags)
    if isinstance(wanted, Unknown):
        return _not_known(wanted)
    unread = view.snapshot.unknown_field(kinds.SUBNETS, subnet.subnet_id, "Tags")
    if unread is not None:
        return _not_known(unread)
    if tags.get(wanted) in ("1", ""):
        return Judged(Outcome.WORKS, refs=(Ref(kinds.SUBNETS.name, subnet.subnet_id, "Tags", f"{wanted}=1"),))
    what = "public" if wanted == PUBLIC_TAG else "private"
    has = f"{wanted}={tags[wanted]}" if wanted in tags else "not there"
    text = f"{subnet.subnet_id} is {what} and its tag {wanted} is {has}, not 1"
    return Judged(Outcome.BLOCKED, text, (Ref(kinds.SUBNETS.name, subnet.subnet_id, "Tags", has),))


def _addresses(subnet: Subnet) -> Judged:
    left = subnet.available_ip_address_count
    if left is None:
        remedy = f"run: aws ec2 describe-subnets --subnet-ids {subnet.subnet_id} --output json > subnets.json"
        return _not_known(
            Unknown(Cause.NOT_COLLECTED, f"how many addresses {subnet.subnet_id} has left was not read", remedy)
        )
    ref = Ref(kinds.SUBNETS.name, subnet.subnet_id, "AvailableIpAddressCount", str(left))
    if left:
        return Judged(Outcome.WORKS, refs=(ref,))
    return Judged(Outcome.BLOCKED, f"{subnet.subnet_id} ({subnet.cidr_block}) has no address left", (ref,))


def _notes(context: Context, check: Subnets, ids: Sequence[str]) -> list[str]:
    if check.that != "addresses":
        return []
    found = (context.world.snapshot.get(kinds.SUBNETS, name) for name in ids)
    few = [
        f"{subnet.subnet_id} has {subnet.available_ip_address_count}"
        for subnet in found
        if subnet is not None and 0 < (subnet.available_ip_address_count or 0) < FEW
    ]
    if check.of != "cluster" or not few:
        return []
    return [f"EKS asks for at least {FEW} addresses in each subnet of a cluster, for updates too: {listed(few)}"]


_GOOD = {
    "private": "have no route to an internet gateway",
    "way-out": "have a way out",
    "tags": "are tagged for load balancers",
    "addresses": "have addresses left",
}


def _summary(check: Subnets, found: Meant, bad: Sequence[Judged], verdict: Verdict) -> str:
    count = f"all {len(found.ids)} subnets" if len(found.ids) > 1 else f"subnet {found.ids[0]}"
    if bad:
        more = f" and {len(bad) - 3} more" if len(bad) > 3 else ""
        return "; ".join(one.text for one in bad[:3]) + more
    if verdict is Verdict.UNKNOWN:
        what = "are in two zones" if check.that == "zones" else _GOOD[check.that]
        return f"whether {count} {what} is not known"
    if check.that == "zones":
        return f"{count} are in several zones"
    said = _GOOD[check.that]
    return f"{count} {said if len(found.ids) > 1 else said.replace('have', 'has', 1).replace('are', 'is', 1)}"
