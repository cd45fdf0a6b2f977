"""Which subnets and security groups a node class selects.

Terms are ORed, what stands inside one is ANDed; a tag's value may have the wildcards of EC2's filters, and ``*``
alone is any value. What a term names by id is looked up too: an id that does not exist selects nothing. Where the
controller has written what it found into the status, that counts.
Sources: Karpenter, "NodeClasses" (spec.subnetSelectorTerms, spec.securityGroupSelectorTerms, status); pkg/apis/v1/
ec2nodeclass.go, pkg/providers/{subnet,securitygroup} (ids are filters of a description); Amazon EC2 User Guide, "List
and filter using the CLI and API" (wildcards).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from clusterproof.snapshot import kinds
from clusterproof.snapshot.aws import SecurityGroup, Subnet
from clusterproof.snapshot.fields import Cause, Unknown
from clusterproof.snapshot.kubernetes import NodeClassObject, SelectorTerm
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.world.groups import tag_map, unread

Zoned = tuple[str, str, str]
"""A subnet's id, zone and zone id; empty where not known."""


def node_subnets(snapshot: Snapshot, node_class: NodeClassObject) -> tuple[Zoned, ...] | Unknown:
    """The subnets that nodes of a class may be launched in, sorted; an error where there is none."""
    chosen = node_class.status.subnets
    if chosen:
        return tuple(sorted((item.id, item.zone or _zone(snapshot, item.id), item.zone_id) for item in chosen))
    found = subnets(snapshot, node_class.spec.subnet_selector_terms, f"node class {node_class.metadata.name}")
    return found if isinstance(found, Unknown) else tuple((name, _zone(snapshot, name), "") for name in found)


def node_groups(snapshot: Snapshot, node_class: NodeClassObject) -> tuple[str, ...] | Unknown:
    """The security groups of nodes of a class, sorted; an error where there is none."""
    chosen = node_class.status.security_groups
    if chosen:
        return tuple(sorted({item.id for item in chosen}))
    return security_groups(
        snapshot, node_class.spec.security_group_selector_terms, f"node class {node_class.metadata.name}"
    )


def subnets(snapshot: Snapshot, terms: Sequence[SelectorTerm], who: str) -> tuple[str, ...] | Unknown:
    """Ids of the subnets that some term selects, sorted; all subnets that were read are looked at, as Karpenter does."""

    def fits(term: SelectorTerm, subnet: Subnet) -> bool:
        return not term.cidr or term.cidr == subnet.cidr_block

    return _selected(snapshot, kinds.SUBNETS, terms, lambda subnet: subnet.subnet_id, fits, who)


def security_groups(snapshot: Snapshot, terms: Sequence[SelectorTerm], who: str) -> tuple[str, ...] | Unknown:
    """Ids of the security groups that some term selects, sorted."""

    def fits(term: SelectorTerm, group: SecurityGroup) -> bool:
        return not term.name or _wild(term.name, group.group_name)

    return _selected(snapshot, kinds.SECURITY_GROUPS, terms, lambda group: group.group_id, fits, who)


def _selected(
    snapshot: Snapshot,
    kind: kinds.Kind[Any],
    terms: Sequence[SelectorTerm],
    identity: Callable[[Any], str],
    fits: Callable[[SelectorTerm, Any], bool],
    who: str,
) -> tuple[str, ...] | Unknown:
    named = {term.id for term in terms if term.id}
    found = {name for name in named if snapshot.get(kind, name) is not None}
    absent = ", ".join(sorted(named - found))
    others = [term for term in terms if not term.id and (term.tags or term.name or term.cidr)]
    if (others or absent) and snapshot.missing(kind) is not None:
        what = f"which {kind.name} the terms of {who} select is not known"
        what += f": {absent} was not read" if absent else ""
        return unread(snapshot, kind, what, f"run: {kind.command} > {kind.name}.json")
    if others:
        for item in snapshot.objects(kind):
            tags = tag_map(item.tags)
            if any(_tagged(term, tags) and fits(term, item) for term in others):
                found.add(identity(item))
    if not found:
        what = f"the terms of {who} select none of the {kind.name}, so that no node can be launched"
        what += f": {absent} does not exist" if absent else ""
        return Unknown(Cause.ERROR, what, f"tag what it shall use, or name it by id in {who}")
    return tuple(sorted(found))


def _tagged(term: SelectorTerm, tags: dict[str, str]) -> bool:
    return all(key in tags and _wild(value, tags[key]) for key, value in term.tags.items())


def _wild(pattern: str, text: str) -> bool:
    """EC2's filters: ``*`` is any characters, ``?`` is one, a backslash takes their meaning."""
    return re.fullmatch("".join(_parts(pattern)), text, re.DOTALL) is not None


def _parts(pattern: str) -> Iterable[str]:
    escaped = False
    for character in pattern:
        if not escaped and character == "\\":
            escaped = True
            continue
        wild = {"*": ".*", "?": "."}.get(character) if not escaped else None
        yield wild or re.escape(character)
        escaped = False


def _zone(snapshot: Snapshot, subnet: str) -> str:
    found = snapshot.get(kinds.SUBNETS, subnet)
    return found.availability_zone if found is not None else ""
