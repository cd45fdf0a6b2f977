"""Security group rules: every (group, source) pair that would mend a need, and what each newly admits."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from clusterproof.checks.cells import Asker
from clusterproof.fixes.ends import Carrier, carrying, within
from clusterproof.fixes.needs import GroupNeed
from clusterproof.fixes.quota import over_quota
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.securitygroups import group_egress, group_ingress
from clusterproof.reach.trace import Outcome
from clusterproof.snapshot.kinds import SECURITY_GROUPS
from clusterproof.snapshot.overlay import AddPermission, Edit, peer_text
from clusterproof.snapshot.snapshot import Snapshot

_EXACT = 2000
"""Up to so many combinations are tried all; beyond that each need takes its own best."""

Pair = tuple[str, str, str]
"""Client class, server class, port: what newly opens."""


class Choice(msgspec.Struct, frozen=True):
    """One way to mend a need: its rules, and the pairs of classes that they newly admit at this layer."""

    edits: tuple[AddPermission, ...]
    opens: frozenset[Pair]

    @property
    def key(self) -> tuple[str, ...]:
        """The rules as text, for ties."""
        return tuple(text_key(edit) for edit in self.edits)


def text_key(edit: AddPermission) -> str:
    """A rule as text: equal for equal rules, and the order of ties."""
    return f"{edit.group_id} {edit.egress} {sorted((k, str(v)) for k, v in edit.permission.items())}"


def rules(asker: Asker, found: Sequence[Carrier], needs: Sequence[GroupNeed]) -> list[AddPermission]:
    """The rules that mend all needs: within the quota first, then fewest openings, then fewest rules, then by id."""
    by_group = carrying(found)
    options = [_choices(asker, found, by_group, need) for need in needs]
    options = [choices for choices in options if choices]
    total = 1
    for choices in options:
        total *= len(choices)
    if not options:
        return []
    if total <= _EXACT:
        picked: Sequence[Choice] = min(itertools.product(*options), key=lambda combo: _cost(asker, combo))
    else:
        picked = [min(choices, key=lambda choice: _cost(asker, (choice,))) for choices in options]
    return list({text_key(edit): edit for choice in picked for edit in choice.edits}.values())


def _cost(asker: Asker, combo: Sequence[Choice]) -> tuple[int, int, int, tuple[tuple[str, ...], ...]]:
    edits = {text_key(edit): edit for choice in combo for edit in choice.edits}
    opened = frozenset[Pair]().union(*(choice.opens for choice in combo))
    full = over_quota(asker.paths.vpc, edits.values())
    return full, len(opened), len(edits), tuple(choice.key for choice in combo)


def _choices(
    asker: Asker, found: Sequence[Carrier], by_group: Mapping[str, Sequence[Carrier]], need: GroupNeed
) -> list[Choice]:
    snapshot = asker.context.world.snapshot
    choices: list[Choice] = []
    for own in need.own:
        if need.peers:
            for peer in need.peers:
                edit = AddPermission(own, need.egress, _permission(snapshot, need, group=peer))
                choices.append(Choice((edit,), _opens(asker, by_group.get(own, ()), by_group.get(peer, ()), need)))
        elif need.cidrs:
            edits = tuple(AddPermission(own, need.egress, _permission(snapshot, need, cidr=c)) for c in need.cidrs)
            others = [item for cidr in need.cidrs for item in within(asker.context, found, cidr)]
            choices.append(Choice(edits, _opens(asker, by_group.get(own, ()), others, need)))
    return choices


def _permission(snapshot: Snapshot, need: GroupNeed, *, group: str = "", cidr: str = "") -> dict[str, object]:
    """One IpPermission as the EC2 API writes it, with one source."""
    raw: dict[str, object] = {"IpProtocol": need.protocol, "FromPort": need.low, "ToPort": need.high}
    if group:
        held = snapshot.get(SECURITY_GROUPS, group)
        pair = {"GroupId": group}
        if held is not None and held.owner_id:
            pair["UserId"] = held.owner_id
        raw["UserIdGroupPairs"] = [pair]
    elif AddressSet.of(cidr).families == (6,):
        raw["Ipv6Ranges"] = [{"CidrIpv6": cidr}]
    else:
        raw["IpRanges"] = [{"CidrIp": cidr}]
    return raw


def _opens(asker: Asker, own: Iterable[Carrier], others: Sequence[Carrier], need: GroupNeed) -> frozenset[Pair]:
    """Pairs of classes that this layer does not let through today and would with the rule."""
    view, family = asker.paths.vpc, asker.context.world.family
    port = f"{need.low}-{need.high}/{need.protocol}"
    result: set[Pair] = set()
    for mine in own:
        here = view.side(mine.interface.security_groups, mine.interface.subnet, family)
        for other in others:
            client, server = (mine, other) if need.egress else (other, mine)
            if (client.label, server.label, port) in result:
                continue
            there = view.side(other.interface.security_groups, other.interface.subnet, family)
            key = ("fix", need.egress, here.security_groups, here.subnet, there.security_groups, there.subnet, port)
            if key not in view.memo:
                sides = (here, there) if need.egress else (there, here)
                judge = group_egress if need.egress else group_ingress
                view.memo[key] = judge(view, *sides, need.low, need.protocol).outcome is not Outcome.WORKS
            if view.memo[key]:
                result.add((client.label, server.label, port))
    return frozenset(result)


def carried(found: Iterable[Carrier]) -> frozenset[tuple[str, str]]:
    """Pairs of groups that one interface carries, both ways round, each group with itself left out."""
    sets = {item.security_groups for item in found}
    return frozenset(pair for groups in sets for pair in itertools.permutations(groups, 2))


def overlapping(pairs: Collection[tuple[str, str]], edits: Sequence[Edit]) -> list[Edit]:
    """The edits that another one may make needless, because both may mend the same thing; in their order.

    Args:
        pairs: groups that one interface carries (:func:`carried`).
        edits: a change.
    """
    beside: dict[str, set[str]] = {}
    for one, other in pairs:
        beside.setdefault(one, {one}).add(other)
    rest: dict[object, list[Edit]] = {}
    by_group: dict[tuple[object, str], dict[str, list[Edit]]] = {}
    for edit in edits:
        if isinstance(edit, AddPermission):
            sources = by_group.setdefault((_kind(edit), edit.group_id), {})
            sources.setdefault(peer_text(edit.permission), []).append(edit)
        else:
            rest.setdefault(_kind(edit), []).append(edit)

    def others(edit: Edit) -> Iterable[Edit]:
        """Those that may: of rules, the ones for the same group or one beside it, from such a group or from addresses."""
        if not isinstance(edit, AddPermission):
            return rest[_kind(edit)]
        peer = peer_text(edit.permission)
        peers = None if "/" in peer else beside.get(peer, {peer})
        return (
            other
            for group in beside.get(edit.group_id, {edit.group_id})
            for source, found in by_group.get((_kind(edit), group), {}).items()
            if peers is None or source in peers or "/" in source
            for other in found
        )

    return [edit for edit in edits if any(_overlap(pairs, edit, other) for other in others(edit))]


def _kind(edit: Edit) -> object:
    if not isinstance(edit, AddPermission):
        return type(edit)
    return edit.egress, edit.permission["IpProtocol"]


def _overlap(pairs: Collection[tuple[str, str]], one: Edit, other: Edit) -> bool:
    if one is other:
        return False
    if not isinstance(one, AddPermission) or not isinstance(other, AddPermission):
        return True
    mine, theirs = one.permission, other.permission
    if mine["FromPort"] > theirs["ToPort"] or theirs["FromPort"] > mine["ToPort"]:
        return False
    sides = ((one.group_id, other.group_id), (peer_text(mine), peer_text(theirs)))
    return all(a == b or "/" in a + b or (a, b) in pairs for a, b in sides)
