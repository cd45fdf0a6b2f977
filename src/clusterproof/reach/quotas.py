"""How many rules a security group has, as the quota counts them, and how many it can ever have.

Sources: Amazon VPC User Guide, "Amazon VPC quotas" (60 inbound or outbound
rules per group, enforced apart for IPv4 and IPv6, adjustable; 5 groups per
interface, adjustable up to 16; the two quotas multiplied at most 1,000) and
"Security group size" (a CIDR block or a group counts one, a customer-managed
prefix list its maximum size).
"""

from __future__ import annotations

from clusterproof.reach.securitygroups import Rule, group_rules
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot.fields import Unknown
from clusterproof.snapshot.kinds import NETWORK_INTERFACES

RULES_PER_GROUP = 60
"""Default quota of one direction and one address family; an account may have a higher one."""

GROUPS_PER_INTERFACE = 5
"""Default quota; an account may have a higher one, up to 16."""

RULES_TIMES_GROUPS = 1000
"""What the quotas of rules per group and of groups per interface may come to, multiplied."""


def groups_per_interface(view: VpcView) -> int:
    """The least that the account's quota of groups per interface can be: the default, or what an interface has."""
    key = ("groups per interface",)
    if key not in view.memo:
        found = (len(item.groups) for item in view.snapshot.objects(NETWORK_INTERFACES))
        view.memo[key] = max(found, default=0)
    most: int = view.memo[key]
    return max(most, GROUPS_PER_INTERFACE)


def rule_ceiling(view: VpcView) -> int:
    """The most rules per group, direction and family that any quota allows beside that of groups per interface."""
    return RULES_TIMES_GROUPS // groups_per_interface(view)


def rule_count(view: VpcView, group_id: str, *, egress: bool = False, family: int = 4) -> int | Unknown:
    """How many rules of one direction count against the quota of one address family.

    A rule that names a group counts for both families, because it admits both.
    Unknown when the group, a part of it or the size of a prefix list was not read.
    """
    rules, unknowns = group_rules(view, group_id, egress=egress)
    if unknowns:
        return unknowns[0]
    total = 0
    for rule in rules:
        counted = _counted(view, rule, family)
        if isinstance(counted, Unknown):
            return counted
        total += counted
    return total


def _counted(view: VpcView, rule: Rule, family: int) -> int | Unknown:
    if rule.kind == "cidr":
        return int((":" in rule.source) == (family == 6))
    if rule.kind == "group":
        return 1
    size = view.prefix_list_size(rule.source)
    if isinstance(size, Unknown):
        return size
    entries, listed = size
    return entries if listed in ("", f"IPv{family}") else 0
