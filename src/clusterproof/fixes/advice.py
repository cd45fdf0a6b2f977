"""What can be said where nothing can be proven, and what only hides the fault."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from clusterproof.checks.finding import Finding
from clusterproof.checks.mended import Fix
from clusterproof.fixes.legs import Leg, Wanted
from clusterproof.fixes.needs import VPC
from clusterproof.profiles.model import Requirement
from clusterproof.reach.addresses import AddressSet
from clusterproof.reach.trace import Hop, Layer
from clusterproof.snapshot import kinds
from clusterproof.snapshot.overlay import AddAclEntry, AddPermission, Edit
from clusterproof.snapshot.snapshot import Snapshot
from clusterproof.verdict.algebra import Verdict

_CLAUSE = 140
"""A sentence longer than this is none for a list."""
_WHAT = {
    Layer.ROUTE: "a route has to be added or mended; which target is right cannot be told from what was read",
    Layer.ROUTE_RETURN: "a route back has to be added or mended; which target is right cannot be told from what was read",
    Layer.SERVICE: "the Service has to be changed",
    Layer.DNS: "the pod has to ask the cluster's DNS: dnsPolicy ClusterFirst, on the host network ClusterFirstWithHostNet",
}


def without_reach(requirement: Requirement, finding: Finding) -> Fix | None:
    """Advice for a requirement that is not about a connection: the profile's own remedy."""
    text = requirement.remedy or finding.summary
    return Fix(proven=False, advice=(f"not proven: {text.strip()}",)) if text else None


def stuck(requirement: Requirement, asked: Wanted, hops: Iterable[Hop]) -> list[str]:
    """What stops a requirement and no edit of groups, ACLs or policies mends."""
    result = [f"not proven: {text}" for text in asked.stuck]
    for hop in (*asked.hops, *hops):
        what = _WHAT.get(hop.layer, "nothing is proposed for this layer")
        if hop.layer is Layer.SERVICE and not hop.at.startswith("Service "):
            what = "whether it is meant to run is its owner's to say"
        result.append(f"not proven: {hop.layer.value}, {hop.at}: {hop.text}; {what}")
    if asked.stuck and requirement.remedy:
        result.append(f"not proven: {requirement.remedy.strip()}")
    return result


def stopped(asked: Wanted, hops: Iterable[Hop]) -> str:
    """The first thing that stops a requirement and that nothing proposed here mends, in one clause."""
    if asked.stuck:
        return asked.stuck[0]
    hop = next(iter((*asked.hops, *hops)), None)
    return f"{hop.layer.value}, {hop.at}, stops it, where no change is proposed" if hop is not None else ""


def first_sentence(text: str) -> str:
    """The first sentence of a text, without its full stop; nothing where it is long."""
    first = re.split(r"(?<=[.!?])\s", text.strip(), maxsplit=1)[0].rstrip(".")
    return first if len(first) <= _CLAUSE else ""


def unproven(before: Mapping[str, Finding], after: Mapping[str, Finding], ids: Sequence[str]) -> list[str]:
    """Why a change is not called proven: what the checks still say with it, unless they say it without."""
    result: list[str] = []
    for name in ids:
        finding = after[name]
        if finding.verdict is Verdict.PASS:
            continue
        why = finding.unknowns[0].detail if finding.verdict is Verdict.UNKNOWN and finding.unknowns else finding.summary
        said = "" if why == before[name].summary else f": {why}"
        result.append(f"not proven: with this change {finding.name} is still {finding.verdict.value}{said}")
    return result


def overridden(snapshot: Snapshot, edits: Sequence[Edit]) -> list[str]:
    """Deny rules that somebody wrote and that a new entry is put before."""
    result: list[str] = []
    for edit in edits:
        if not isinstance(edit, AddAclEntry):
            continue
        acl = snapshot.get(kinds.NETWORK_ACLS, edit.network_acl_id)
        new = edit.entry
        block = AddressSet.of(new.get("CidrBlock") or new["Ipv6CidrBlock"])
        for entry in acl.entries if acl is not None else ():
            if entry.egress != new["Egress"] or not new["RuleNumber"] < entry.rule_number < 32767:
                continue
            ports = entry.port_range
            apart = ports is not None and (ports.from_ > new["PortRange"]["To"] or new["PortRange"]["From"] > ports.to)
            if entry.rule_action != "deny" or entry.protocol not in ("-1", new["Protocol"]) or apart:
                continue
            if AddressSet.of(entry.cidr_block or entry.ipv6_cidr_block) & block:
                result.append(
                    f"{edit.network_acl_id} rule {entry.rule_number} denies this: rule {new['RuleNumber']} is put "
                    "before it; see first why somebody denied it"
                )
    return result


def unseen(snapshot: Snapshot, edits: Sequence[Edit]) -> list[str]:
    """Whose openings are not listed because it was not read who else carries the groups."""
    if not any(isinstance(edit, AddPermission | AddAclEntry) for edit in edits):
        return []
    missing = snapshot.missing(kinds.NETWORK_INTERFACES)
    if missing is None:
        return []
    return [f"whether interfaces outside the cluster share these groups and subnets is not known: {missing}"]


def colocation(asked: Wanted) -> tuple[str, ...]:
    """Affinity named as what it is, where a shared node would make a failing check look well."""
    result: list[str] = []
    for client, server in asked.together:
        refused = [leg for leg in asked.failing if any(layer in VPC for layer, _ in leg.layers)]
        if not refused:
            continue
        result.append(
            f"pinning {client} beside {server} by affinity would make this check pass and hide that "
            f"{_closed(refused)}: it masks the property"
        )
    return tuple(result)


def _closed(legs: Sequence[Leg]) -> str:
    """``tcp 9090 from customer and gpu to system stays closed``."""
    leg = legs[0]
    same = [item for item in legs if (item.low, item.protocol) == (leg.low, leg.protocol)]
    clients, servers = (_and({getattr(item, name) for item in same}) for name in ("client_group", "server_group"))
    return f"{leg.protocol.lower()} {leg.low} from {clients} to {servers} stays closed"


def _and(names: Iterable[str]) -> str:
    found = sorted(names)
    if len(found) > 4:
        found = [*found[:3], f"{len(found) - 3} more"]
    return found[0] if len(found) == 1 else ", ".join(found[:-1]) + f" and {found[-1]}"
