"""Quotas that a repair may run into, as sentences.

Source: Amazon VPC User Guide, "Amazon VPC quotas": 60 inbound or outbound rules per security group, 20 rules
per network ACL and direction; both adjustable, so a group that already has more has a higher quota. The quota of
rules per group cannot be raised so far that it and that of groups per interface, multiplied, exceed 1,000.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from clusterproof.reach.quotas import (
    RULES_PER_GROUP,
    RULES_TIMES_GROUPS,
    groups_per_interface,
    rule_ceiling,
    rule_count,
)
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import NETWORK_ACLS
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit

RULES_PER_ACL = 20
"""Default quota of one direction of a network ACL."""

_NEAR = 0.9


def _added(edits: Iterable[Edit]) -> Counter[tuple[str, bool, int]]:
    """New rules by group, direction and address family; a rule that names a group counts for both families."""
    count: Counter[tuple[str, bool, int]] = Counter()
    for edit in edits:
        if isinstance(edit, AddPermission):
            six, four = "Ipv6Ranges" in edit.permission, "IpRanges" in edit.permission
            if not six:
                count[(edit.group_id, edit.egress, 4)] += 1
            if not four:
                count[(edit.group_id, edit.egress, 6)] += 1
    return count


def over_quota(view: VpcView, edits: Iterable[Edit]) -> int:
    """How many groups would have more rules than the default quota because of these edits."""
    over: set[tuple[str, bool]] = set()
    for (group_id, egress, family), more in _added(edits).items():
        have = rule_count(view, group_id, egress=egress, family=family)
        if isinstance(have, int) and have + more > RULES_PER_GROUP:
            over.add((group_id, egress))
    return len(over)


def sentences(view: VpcView, edits: Iterable[Edit]) -> tuple[str, ...]:
    """What would be near, at or past a quota, one sentence per group or ACL and direction."""
    edits = list(edits)
    result: dict[tuple[str, bool], str] = {}
    for (group_id, egress, family), more in sorted(_added(edits).items()):
        have = rule_count(view, group_id, egress=egress, family=family)
        way = "outbound" if egress else "inbound"
        name = view.group_name(group_id)
        if isinstance(have, Unknown):
            result.setdefault((group_id, egress), f"how many {way} rules {name} has is not known: {have.detail}")
        elif have + more > rule_ceiling(view):
            result[(group_id, egress)] = (
                f"{name} would have {have + more} {way} rules for IPv{family}, more than any quota allows: rules per group "
                f"times groups per interface (here {groups_per_interface(view)}) are at most {RULES_TIMES_GROUPS:,}; merge "
                "rules, or put them into another group"
            )
        elif have + more > RULES_PER_GROUP:
            result[(group_id, egress)] = (
                f"{name} would have {have + more} {way} rules for IPv{family}, past the default quota of "
                f"{RULES_PER_GROUP}: {_raise(have, RULES_PER_GROUP)}"
            )
        elif have + more >= _NEAR * RULES_PER_GROUP:
            text = f"{name} would have {have + more} of {RULES_PER_GROUP} {way} rules (default quota)"
            result.setdefault((group_id, egress), text)
    return (*result.values(), *_acls(view, edits))


def _raise(have: int, quota: int) -> str:
    if have > quota:
        return f"it already has {have}, so the account's quota is higher; see that it holds"
    return "ask for a higher quota first, or merge rules"


def _acls(view: VpcView, edits: Iterable[Edit]) -> list[str]:
    added: Counter[tuple[str, bool]] = Counter(
        (edit.network_acl_id, bool(edit.entry["Egress"])) for edit in edits if isinstance(edit, AddAclEntry)
    )
    result: list[str] = []
    for (acl_id, egress), more in sorted(added.items()):
        acl = view.snapshot.get(NETWORK_ACLS, acl_id)
        entries = () if acl is None else acl.entries
        total = sum(item.egress == egress and item.rule_number < 32767 for item in entries) + more
        way = "outbound" if egress else "inbound"
        if total > RULES_PER_ACL:
            result.append(f"{acl_id} would have {total} {way} rules, past the default quota of {RULES_PER_ACL}")
        elif total >= _NEAR * RULES_PER_ACL:
            result.append(f"{acl_id} would have {total} of {RULES_PER_ACL} {way} rules (default quota)")
    return result
