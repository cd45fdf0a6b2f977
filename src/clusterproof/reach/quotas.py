"""How many rules a security group has, as the quota counts them.

Sources: Amazon VPC User Guide, "Amazon VPC quotas" (60 inbound or outbound
rules per group, enforced apart for IPv4 and IPv6, adjustable) and "Security
group size" (a CIDR block or a group counts one, a customer-managed prefix list
its maximum size).
"""

from __future__ import annotations

from clusterproof.reach.securitygroups import Rule, group_rules
from clusterproof.reach.vpc import VpcView
from clusterproof.snapshot.fields import Unknown

RULES_PER_GROUP = 60
"""Default quota of one direction and one address family; an account may have a higher one."""


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
