"""Network ACL entries: the way there and the replies, each below the rule that denies."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from clusterproof.fixes.needs import AclNeed
from clusterproof.reach.protocol import protocol_number
from clusterproof.snapshot.kinds import NETWORK_ACLS
from clusterproof.snapshot.overlay import AddAclEntry
from clusterproof.snapshot.snapshot import Snapshot

STEP = 10
"""New rule numbers keep this distance where there is room, so that later ones fit between."""


def entries(snapshot: Snapshot, needs: Sequence[AclNeed]) -> tuple[list[AddAclEntry], list[str]]:
    """The entries that mend the needs, and a sentence for each need that has no free rule number."""
    taken: dict[tuple[str, bool], set[int]] = {}
    result: list[AddAclEntry] = []
    problems: list[str] = []
    for need in needs:
        key = (need.acl_id, need.egress)
        if key not in taken:
            acl = snapshot.get(NETWORK_ACLS, need.acl_id)
            taken[key] = {entry.rule_number for entry in (acl.entries if acl else ()) if entry.egress == need.egress}
        for cidr in need.cidrs:
            number = free_number(taken[key], need.below)
            if number is None:
                way = "outbound" if need.egress else "inbound"
                problems.append(f"{need.acl_id} has no free {way} rule number below {need.below}, which denies")
                continue
            taken[key].add(number)
            result.append(AddAclEntry(need.acl_id, _entry(need, cidr, number)))
    return result, problems


def free_number(taken: Iterable[int], below: int) -> int | None:
    """A rule number that is free and lower than one that denies: a step above the last one before it, else any."""
    used = set(taken)
    last = max((number for number in used if number < below), default=0)
    for candidate in (last - last % STEP + STEP, last + 1):
        if candidate < below and candidate not in used:
            return candidate
    return next((number for number in range(below - 1, 0, -1) if number not in used), None)


def _entry(need: AclNeed, cidr: str, number: int) -> dict[str, object]:
    """One entry as the EC2 API writes it."""
    member = "Ipv6CidrBlock" if ":" in cidr else "CidrBlock"
    return {
        member: cidr,
        "Egress": need.egress,
        "PortRange": {"From": need.ports[0], "To": need.ports[1]},
        "Protocol": str(protocol_number(need.protocol)),
        "RuleAction": "allow",
        "RuleNumber": number,
    }
